//! What a store refuses of declarations and rows.

use super::{Index, ROWS};
use crate::format::document::{Value, Writer};
use crate::stop::Stop;

impl Stop {
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
        let key = out.into_document();
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
