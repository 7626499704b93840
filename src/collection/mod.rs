//! Typed collections over the store: rows under string keys, and secondary
//! indexes kept in the same transaction.
//!
//! Every collection and every index is a tree of its own, told apart by the
//! first byte of its keys. An index entry's key is the indexed fields followed
//! by the row's key; its value is the offset of the row's key in it.

pub mod index;
pub mod range;
pub mod workspace;

pub use index::{Index, Indexes};
pub use workspace::{Counts, Finished, Workspace};

use crate::key::{KEY_BYTES_MAX, Key};
use alloc::vec::Vec;
use core::fmt;

/// First byte of the keys of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TreeId(pub u8);

/// What the store knows of itself: client id, cookies, index definitions.
pub const META: TreeId = TreeId(0x01);
/// Pending mutations, by sequence number.
pub const OUTBOX: TreeId = TreeId(0x02);
/// The last outcomes, by sequence number.
pub const OUTCOMES: TreeId = TreeId(0x03);
/// Rows of collection `n` are in tree `ROWS + n`.
pub const ROWS: u8 = 0x10;
/// Index `n` is tree `INDEX_FIRST + n`.
pub const INDEX_FIRST: u8 = 0x40;

/// Longest row in bytes: a product document is a few kB, and a row is held in
/// memory whole while it is read and written.
pub const ROW_BYTES_MAX: usize = 1024 * 1024;

/// A row that breaks a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LimitError {
    /// The encoded key is longer than [`KEY_BYTES_MAX`].
    Key {
        /// Bytes found.
        bytes: usize,
    },
    /// The encoded row is longer than [`ROW_BYTES_MAX`].
    Row {
        /// Bytes found.
        bytes: usize,
    },
}

impl fmt::Display for LimitError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key { bytes } => write!(out, "key of {bytes} bytes is over the limit of {KEY_BYTES_MAX}"),
            Self::Row { bytes } => write!(out, "row of {bytes} bytes is over the limit of {ROW_BYTES_MAX}"),
        }
    }
}

impl core::error::Error for LimitError {}

/// Checks a row against the limits before it is written.
pub fn check_limits(key: &str, value: &[u8]) -> Result<(), LimitError> {
    let key_bytes = row_key(META, key).len();
    if key_bytes > KEY_BYTES_MAX {
        return Err(LimitError::Key { bytes: key_bytes });
    }
    if value.len() > ROW_BYTES_MAX {
        return Err(LimitError::Row { bytes: value.len() });
    }
    Ok(())
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
