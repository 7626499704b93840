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
        // At most 2^53 milliseconds: exact.
        Value::Date(value) => key.number(value as f64),
        Value::BigInteger { is_negative, magnitude } => key.big_integer(is_negative, magnitude),
        Value::Array(_) | Value::Object(_) => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::document::Document;

    fn big(is_negative: bool, magnitude: &[u8]) -> Value<'_> {
        Value::BigInteger { is_negative, magnitude }
    }

    #[test]
    fn rows_are_ordered_by_every_kind_of_scalar() {
        let index = Index { name: "byAt".into(), fields: alloc::vec!["at".into()], rows: TreeId(1), tree: TreeId(2) };
        let ascending = [
            Value::Null,
            Value::Bool(true),
            Value::Date(-8_640_000_000_000_000),
            Value::Int(-1),
            Value::Date(0),
            Value::F64(0.5),
            Value::Date(1_732_406_400_122),
            Value::Int(1_732_406_400_123),
            Value::Date(1_732_406_400_124),
            // Any number comes before any big integer.
            big(true, &[1, 0]),
            big(true, &[255]),
            big(true, &[1]),
            big(false, &[]),
            big(false, &[1]),
            big(false, &[0x20, 0, 0, 0, 0, 0, 0]),
            big(false, &[0x20, 0, 0, 0, 0, 0, 1]),
            Value::Str(""),
            Value::Bytes(&[]),
            Value::Bytes(&[0]),
        ];
        let entry = |value| {
            let row = Document::object(&[("at", value)]).expect("valid");
            index.entry("id", row.as_ref()).expect("a scalar").0
        };
        assert!(ascending.map(entry).is_sorted_by(|one, other| one < other));
        // A date and its milliseconds are one place.
        assert_eq!(entry(Value::Date(5)), entry(Value::Int(5)));
        // Too long for a key: not in the index.
        let row = Document::object(&[("at", big(false, &[1; 1024]))]).expect("valid");
        assert_eq!(index.entry("id", row.as_ref()), None);
    }
}
