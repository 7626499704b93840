//! Typed collections over the store: rows under typed keys, and secondary
//! indexes kept in the same transaction.
//!
//! Every collection and every index is a tree of its own, told apart by the
//! first byte of its keys; the `schema` names them. An index entry's key is the
//! indexed fields followed by the row's key; its value is the offset of the
//! row's key in it. A `workspace` is what a transaction changes, a `query` what
//! it reads, and `upkeep` what is done in small steps when nothing else is; a
//! `budget` bounds what a collection holds.

pub mod budget;
pub mod index;
pub mod query;
pub mod range;
pub mod schema;
mod stop;
pub mod upkeep;
pub mod workspace;

pub use index::Index;
pub use query::Query;
pub use schema::Schema;
pub use workspace::{Counts, Draft, Finished, Workspace};

use crate::format::document::{DocumentRef, Value};
use crate::key::{KEY_BYTES_MAX, Key};
use crate::stop::Stop;
use alloc::vec::Vec;

/// First byte of the keys of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TreeId(pub u8);

impl TreeId {
    /// The first key after all of the tree's.
    pub fn end(self) -> [u8; 1] {
        [self.0 + 1]
    }
}

/// What the store knows of itself: client id, cookies, index definitions.
pub const META: TreeId = TreeId(0x01);
/// Pending mutations, by sequence number.
pub const OUTBOX: TreeId = TreeId(0x02);
/// The last outcomes, by sequence number.
pub const OUTCOMES: TreeId = TreeId(0x03);
/// Acknowledged mutations that had an effect, by sequence number.
pub const JOURNAL: TreeId = TreeId(0x04);
/// Mutations that the server did not know, by sequence number.
pub const PARKED: TreeId = TreeId(0x05);
/// Rows of the commerce collection `n` are in tree `ROWS + n`; others follow.
pub const ROWS: u8 = 0x10;
/// The first number that no commerce collection has or may come to have.
pub const COMMERCE: u8 = 6;
/// Indexes have the trees from `INDEX_FIRST` on.
pub const INDEX_FIRST: u8 = 0x40;

/// Longest row in bytes: what a tree holds under a key. A row is in memory whole
/// while it is read and written.
pub const ROW_BYTES_MAX: usize = crate::tree::VALUE_BYTES_MAX;

/// Most rows that one operation deletes by a range: it is one commit, whose
/// entries are in memory, and takes some 0.1 s in a browser.
pub const ROWS_DELETED_MAX: u64 = 65_536;

/// Checks a row against the limits before it is written; `index` is its place
/// among those that are written at once.
pub fn check_limits(key: &[u8], value: &[u8], index: usize) -> Result<(), Stop> {
    let over = |why, bytes: usize, limit: usize| {
        Err(Stop::refused(
            "too_large",
            &[
                ("index", Value::Int(index as i64)),
                ("why", Value::Str(why)),
                ("bytes", Value::Int(bytes as i64)),
                ("limit", Value::Int(limit as i64)),
            ],
        ))
    };
    if key.len() > KEY_BYTES_MAX {
        return over("key is too long", key.len(), KEY_BYTES_MAX);
    }
    if value.len() > ROW_BYTES_MAX {
        return over("row is too long", value.len(), ROW_BYTES_MAX);
    }
    Ok(())
}

/// The key of a row in its tree, from the values of its key fields: scalars
/// other than null, or arrays of such. `None` for any other value.
pub fn typed_key(tree: TreeId, values: &mut dyn Iterator<Item = Option<Value<'_>>>) -> Option<Vec<u8>> {
    let append = |key, value| if value == Value::Null { None } else { index::append_value(key, value) };
    let mut key = Key::in_tree(tree.0);
    for value in values {
        key = match value? {
            Value::Array(parts) => parts.items().try_fold(key, append)?,
            value => append(key, value)?,
        };
    }
    Some(key.into_bytes()).filter(|key| key.len() > 1)
}

/// The key of `row` in the tree of `collection`.
pub fn key_of(collection: &schema::Collection, row: DocumentRef<'_>) -> Option<Vec<u8>> {
    typed_key(collection.tree, &mut collection.key.iter().map(|path| row.path(path)))
}

/// The key of a row in its tree.
pub fn row_key(tree: TreeId, key: &str) -> Vec<u8> {
    Key::in_tree(tree.0).string(key).into_bytes()
}

/// The key of a row under a number, in ascending order.
pub fn number_key(tree: TreeId, number: u64) -> Vec<u8> {
    let mut key = alloc::vec![tree.0];
    key.extend_from_slice(&number.to_be_bytes());
    key
}

/// The number in such a key.
pub fn key_number(key: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(key.get(1..)?.try_into().ok()?))
}

/// The row key's string in an encoded key, from `offset` on.
pub fn row_name(key: &[u8], offset: usize) -> Option<alloc::string::String> {
    crate::key::decode_string(key.get(offset..)?)
}
