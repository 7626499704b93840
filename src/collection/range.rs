//! Bounds of a range, as a page gives them.

use super::TreeId;
use super::index::append_value;
use crate::format::document::{Document, Value};
use crate::key::{Key, after_parts};
use alloc::vec::Vec;

/// Encoded bounds: from the first, included, to the second, not included.
pub struct Bounds {
    /// First key.
    pub from: Vec<u8>,
    /// End.
    pub to: Vec<u8>,
}

/// A bound that has no place in a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadBound {
    /// Which: `gte`, `gt`, `lte`, `lt` or `is`.
    pub bound: &'static str,
}

/// Reads `{gte?, gt?, lte?, lt?}`, each an array of key parts: a prefix of the
/// keys of `tree`. Where two bounds limit one side, the narrower counts. `{is}`
/// is one whole key.
pub fn bounds(tree: TreeId, asked: &Document) -> Result<Bounds, BadBound> {
    let mut from = alloc::vec![tree.0];
    let mut to = after_parts(&from);
    for bound in ["gte", "gt", "lte", "lt", "is"] {
        let Some(value) = asked.as_ref().get(bound) else {
            continue;
        };
        let Value::Array(parts) = value else {
            return Err(BadBound { bound });
        };
        let key = parts.items().try_fold(Key::in_tree(tree.0), append_value).ok_or(BadBound { bound })?.into_bytes();
        match bound {
            "gte" => from = from.max(key),
            "gt" => from = from.max(after_parts(&key)),
            "lte" => to = to.min(after_parts(&key)),
            "is" => {
                // No encoded key lies between a key and the key followed by a zero byte.
                to = [&key[..], &[0]].concat();
                from = key;
            }
            _ => to = to.min(key),
        }
    }
    Ok(Bounds { from, to })
}
