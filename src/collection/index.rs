//! Declared indexes.

use super::{INDEX_FIRST, TreeId};
use crate::format::document::{DocumentRef, Value};
use crate::format::varint;
use crate::key::{KEY_BYTES_MAX, Key};
use alloc::string::String;
use alloc::vec::Vec;

/// A secondary index of one collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    /// Name, unique in the collection.
    pub name: String,
    /// Dotted paths of the fields that make the key, in order.
    pub fields: Vec<String>,
    /// The tree of rows that is indexed.
    pub rows: TreeId,
    /// The tree that holds the index.
    pub tree: TreeId,
}

/// Most indexes of a store: their trees share one byte with everything else.
pub const INDEXES_MAX: usize = 64;

/// All indexes of a store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Indexes(Vec<Index>);

impl Indexes {
    /// Adds an index; `false` when there are [`INDEXES_MAX`] already.
    pub fn add(&mut self, rows: TreeId, name: &str, fields: Vec<String>) -> bool {
        if self.0.len() == INDEXES_MAX {
            return false;
        }
        let tree = TreeId(INDEX_FIRST + self.0.len() as u8);
        self.0.push(Index { name: name.into(), fields, rows, tree });
        true
    }

    /// The index `name` of a tree of rows.
    pub fn find(&self, rows: TreeId, name: &str) -> Option<&Index> {
        self.0.iter().find(|index| index.rows == rows && index.name == name)
    }

    /// The indexes of a tree of rows.
    pub fn of(&self, rows: TreeId) -> impl Iterator<Item = &Index> {
        self.0.iter().filter(move |index| index.rows == rows)
    }

    /// All of them.
    pub fn all(&self) -> &[Index] {
        &self.0
    }
}

impl Index {
    /// The entry of a row: key and value. `None` when a field holds what has no
    /// place in a key, such as an array, or the key would be too long: such a
    /// row is not in the index. A missing field counts as null.
    pub fn entry(&self, row_name: &str, row: DocumentRef<'_>) -> Option<(Vec<u8>, Vec<u8>)> {
        let mut key = Key::in_tree(self.tree.0);
        for field in &self.fields {
            key = append_value(key, row.path(field).unwrap_or(Value::Null))?;
        }
        let mut value = Vec::new();
        varint::write(&mut value, key.as_bytes().len() as u64);
        let key = key.string(row_name).into_bytes();
        (key.len() <= KEY_BYTES_MAX).then_some((key, value))
    }

    /// The key of the row that an index entry points at.
    pub fn row_key(&self, entry_key: &[u8], mut entry_value: &[u8]) -> Option<Vec<u8>> {
        let offset = usize::try_from(varint::read(&mut entry_value)?).ok()?;
        let mut key = alloc::vec![self.rows.0];
        key.extend_from_slice(entry_key.get(offset..)?);
        Some(key)
    }
}

/// Appends a scalar to a key; `None` for what has no order among keys.
pub fn append_value(key: Key, value: Value<'_>) -> Option<Key> {
    Some(match value {
        Value::Null => key.null(),
        Value::Bool(value) => key.bool(value),
        Value::Int(value) => key.number(value as f64),
        Value::F64(value) => key.number(value),
        Value::Str(value) => key.string(value),
        Value::Bytes(value) => key.bytes(value),
        Value::Array(_) | Value::Object(_) => return None,
    })
}
