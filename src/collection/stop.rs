//! Why something was not done.

use super::{Index, ROWS};
use crate::format::document::{Document, Value, Writer};
use crate::tree::{Fault, TreeError};

/// Why a read, a write or a declaration was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// What it reads is not in memory, or is corrupt.
    Tree(TreeError),
    /// It breaks a rule or a limit.
    Refused {
        /// Which, in a word that does not change.
        code: &'static str,
        /// Particulars.
        detail: Document,
    },
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Tree(fault.into())
    }
}

impl From<TreeError> for Stop {
    fn from(error: TreeError) -> Self {
        Self::Tree(error)
    }
}

impl Stop {
    /// A refusal with its particulars.
    pub fn refused(code: &'static str, detail: &[(&str, Value<'_>)]) -> Self {
        Self::Refused { code, detail: Document::object(detail).unwrap_or_default() }
    }

    /// Arguments that break a rule, with what they are about and why.
    pub fn bad_args(field: &str, why: &str) -> Self {
        Self::refused("bad_args", &[("field", Value::Str(field)), ("why", Value::Str(why))])
    }

    /// A declaration that a store cannot follow; `limit` is 0 where it passes none.
    pub(super) fn bad_declaration(collection: &str, why: &str, limit: usize) -> Self {
        let mut detail = alloc::vec![("field", Value::Str(collection)), ("why", Value::Str(why))];
        if limit > 0 {
            detail.push(("bytes", Value::Int(limit as i64 + 1)));
            detail.push(("limit", Value::Int(limit as i64)));
        }
        Self::refused("bad_declaration", &detail)
    }

    /// An index that cannot be read, or cannot hold the row of `key`: the parts that a page knows.
    pub(super) fn by_index(code: &'static str, why: &str, index: &Index, key: &[Value<'_>]) -> Self {
        let mut out = Writer::new();
        out.array(key.len());
        for part in key {
            out.value(*part);
        }
        let key = out.finish().unwrap_or_default();
        Self::refused(
            code,
            &[
                ("field", Value::Str(&index.definition.name)),
                ("why", Value::Str(why)),
                ("collection", Value::Int(i64::from(index.rows.0 - ROWS))),
                ("key", Value::Array(key.as_ref())),
            ],
        )
    }
}
