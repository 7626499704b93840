//! Secondary indexes.

use super::{ROWS, TreeId};
use crate::format::document::{Document, DocumentRef, Value};
use crate::format::varint;
use crate::key::{KEY_BYTES_MAX, Key};
use alloc::string::String;
use alloc::vec::Vec;

/// Most entries that one row may have in an index of many entries a row: each
/// is written and deleted with the row.
pub const ENTRIES_PER_ROW_MAX: usize = 256;

/// Rows whose indexed fields are equal refuse each other.
pub const UNIQUE: u8 = 1;
/// A field that holds an array gives an entry for each of its items.
pub const MULTI: u8 = 2;
/// The field tells when a row expires, in milliseconds since 1970; a row
/// without a number there is not in the index.
pub const EXPIRES: u8 = 4;

/// What an index is: two of one name that differ are two indexes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Definition {
    /// Name, unique in the collection among those that one tab declares.
    pub name: String,
    /// Dotted paths of the fields that make the key, in order.
    pub fields: Vec<String>,
    /// [`UNIQUE`], [`MULTI`], [`EXPIRES`].
    pub flags: u8,
}

/// How far an index has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It holds every row.
    Ready,
    /// Writes keep it, and it is being filled.
    Building {
        /// Rows up to this key are in it; empty while old entries are cleared away.
        after: Vec<u8>,
        /// How many rows that is.
        done: u64,
    },
    /// Rows that were there break its rule. The next tab that declares it begins anew.
    Failed,
    /// Nobody declares it any more: its entries are being cleared away.
    Dropped,
}

impl State {
    /// The state of an index with nothing in it.
    pub(super) const BUILDING: Self = Self::Building { after: Vec::new(), done: 0 };
}

/// A secondary index of one collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    /// What it is.
    pub definition: Definition,
    /// The tree of rows that is indexed.
    pub rows: TreeId,
    /// The tree that holds the index.
    pub tree: TreeId,
    /// How far it has come.
    pub state: State,
    /// The day since 1970 on which a tab last declared it.
    pub used_day: u64,
    /// Whether this tab declares it.
    pub is_declared: bool,
}

impl Index {
    /// Whether the index has this property.
    pub fn is(&self, flag: u8) -> bool {
        self.definition.flags & flag != 0
    }

    /// Its progress, for a page: `{collection, index, done, state}`.
    pub fn told(&self) -> Document {
        let (state, done) = match &self.state {
            State::Building { done, .. } => ("building", *done as i64),
            State::Ready => ("ready", 0),
            State::Failed => ("failed", 0),
            State::Dropped => ("dropped", 0),
        };
        let fields = [
            ("collection", Value::Int(i64::from(self.rows.0 - ROWS))),
            ("index", Value::Str(&self.definition.name)),
            ("done", Value::Int(done)),
            ("state", Value::Str(state)),
        ];
        Document::of(&fields)
    }

    /// Whether this tab has to bring it further: see [`super::upkeep`].
    pub fn needs_upkeep(&self) -> bool {
        match self.state {
            State::Dropped => true,
            State::Building { .. } => self.is_declared,
            State::Ready | State::Failed => false,
        }
    }

    /// Whether writes of rows write its entries.
    pub fn is_kept(&self) -> bool {
        matches!(self.state, State::Ready | State::Building { .. })
    }

    /// The keys of a row's entries, ascending; more than [`ENTRIES_PER_ROW_MAX`]
    /// where there would be more. A field that holds what has no place in a
    /// key, such as an array, keeps the row out of the index, and so does a key
    /// that would be too long. A missing field counts as null.
    pub fn entries(&self, row_key: &[u8], row: DocumentRef<'_>) -> Vec<Vec<u8>> {
        let mut keys = alloc::vec![Key::in_tree(self.tree.0)];
        for field in &self.definition.fields {
            let before = core::mem::take(&mut keys);
            match row.path(field).unwrap_or(Value::Null) {
                Value::Array(items) if self.is(MULTI) => {
                    for value in items.items() {
                        for key in &before {
                            if let Some(key) = append_value(key.clone(), value) {
                                keys.push(key);
                            }
                        }
                        if keys.len() > ENTRIES_PER_ROW_MAX {
                            break;
                        }
                    }
                }
                value => {
                    if !self.is(EXPIRES) || matches!(value, Value::Int(_) | Value::F64(_) | Value::Date(_)) {
                        // Every row that is written comes here: no key is copied.
                        for key in before {
                            if let Some(key) = append_value(key, value) {
                                keys.push(key);
                            }
                        }
                    }
                }
            }
        }
        let mut entries: Vec<Vec<u8>> = Vec::with_capacity(keys.len());
        for key in keys {
            let mut key = key.into_bytes();
            key.extend_from_slice(row_key.get(1..).unwrap_or_default());
            // Most rows have one entry, and few have many: no need for a sort.
            if key.len() <= KEY_BYTES_MAX
                && let Err(place) = entries.binary_search(&key)
            {
                entries.insert(place, key);
            }
        }
        entries
    }

    /// The value of an entry: where in its key the row's key begins.
    pub(super) fn entry_value(&self, entry_key: &[u8], row_key: &[u8]) -> Vec<u8> {
        let mut value = Vec::new();
        varint::write(&mut value, (1 + entry_key.len() - row_key.len()) as u64);
        value
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
    use crate::collection::{INDEX_FIRST, row_key};

    fn big(is_negative: bool, magnitude: &[u8]) -> Value<'_> {
        Value::BigInteger { is_negative, magnitude }
    }

    #[test]
    fn rows_are_ordered_by_every_kind_of_scalar() {
        let definition = Definition { name: "byAt".into(), fields: alloc::vec!["at".into()], flags: 0 };
        let (rows, tree) = (TreeId(ROWS), TreeId(INDEX_FIRST));
        let index = Index { definition, rows, tree, state: State::Ready, used_day: 0, is_declared: true };
        let key = row_key(rows, "id");
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
            index.entries(&key, row.as_ref()).pop().expect("a scalar")
        };
        assert!(ascending.map(entry).is_sorted_by(|one, other| one < other));
        // A date and its milliseconds are one place.
        assert_eq!(entry(Value::Date(5)), entry(Value::Int(5)));
        // Too long for a key: not in the index.
        let row = Document::object(&[("at", big(false, &[1; 1024]))]).expect("valid");
        assert!(index.entries(&key, row.as_ref()).is_empty());
    }
}
