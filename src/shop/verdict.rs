//! Short forms of verdicts.

use crate::format::document::{Document, Value};
use crate::sync::mutation::{Status, Verdict};

/// An object of fields that cannot fail: strings and integers, and parts of
/// documents no deeper than they were.
pub(super) fn object(fields: &[(&str, Value<'_>)]) -> Document {
    Document::object(fields).expect("fields make a document")
}

pub(super) fn applied(detail: Document) -> Verdict {
    Verdict { status: Status::Applied, code: None, detail }
}

pub(super) fn adjusted(code: &'static str, detail: Document) -> Verdict {
    Verdict { status: Status::Adjusted, code: Some(code), detail }
}

pub(super) fn noop(code: &'static str, detail: Document) -> Verdict {
    Verdict { status: Status::Noop, code: Some(code), detail }
}

pub(super) fn rejected(code: &'static str, detail: Document) -> Verdict {
    Verdict { status: Status::Rejected, code: Some(code), detail }
}
