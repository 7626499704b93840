//! Short forms of verdicts.

use crate::format::document::{Document, Value};
use crate::sync::mutation::{Status, Verdict};
use alloc::vec::Vec;

/// An object of fields that cannot fail: strings and integers, and parts of
/// documents no deeper than they were.
pub(super) fn object(fields: &[(&str, Value<'_>)]) -> Document {
    // Without `expect`, which would bring the formatting of errors into every page.
    let Ok(object) = Document::object(fields) else { panic!("fields make a document") };
    object
}

/// `document` with these fields in place of those of the same name.
pub(super) fn with(document: &Document, fields: &[(&str, Value<'_>)]) -> Document {
    let mut all: Vec<(&str, Value<'_>)> = Vec::new();
    for (name, value) in document.as_ref().fields() {
        let new = fields.iter().find(|(new, _)| *new == name);
        all.push((name, new.map_or(value, |(_, value)| *value)));
    }
    for field in fields {
        if document.as_ref().get(field.0).is_none() {
            all.push(*field);
        }
    }
    object(&all)
}

/// An array of such objects.
pub(super) fn array(items: &[Document]) -> Document {
    let mut values = Vec::with_capacity(items.len());
    for item in items {
        values.push(item.as_ref().value());
    }
    let Ok(array) = Document::array(&values) else { panic!("objects make a document") };
    array
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
