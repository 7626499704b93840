//! What collections and indexes a store holds.
//!
//! The schema is a row of the store. A tree's number is given once, by name and
//! definition, and never by the place in what a tab declares, so tabs with
//! different declarations share a store: each keeps every index there is, and
//! uses those that it declares. An index that no tab has declared for
//! [`INDEX_UNUSED_DAYS_MAX`] is dropped. A collection is never dropped: what is
//! in it is the shopper's.

use super::index::{Definition, EXPIRES, Index, State};
use super::{COMMERCE, INDEX_FIRST, ROWS, TreeId};
use crate::bytes::copied;
use crate::format::document::{Document, DocumentRef, Items, Value, Writer};
use crate::stop::Stop;
use alloc::string::String;
use alloc::vec::Vec;

/// Most indexes of a store: their trees share one byte with everything else.
pub const INDEXES_MAX: usize = 128;

/// Most collections of a store, for the same reason; the commerce collections are among them.
pub const COLLECTIONS_MAX: usize = 48;

/// Days after which an index that no tab has declared is dropped. The versions
/// of a shop that are open at once lie closer together.
pub const INDEX_UNUSED_DAYS_MAX: u64 = 30;

/// Milliseconds of a day.
pub const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// A collection as a tab declares it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Declared {
    /// Name, unique in the store.
    pub name: String,
    /// The tree, where it is not given by name.
    pub tree: Option<TreeId>,
    /// Dotted paths of the fields that make the key of a row; none where rules
    /// alone write rows.
    pub key: Vec<String>,
    /// Its indexes.
    pub indexes: Vec<Definition>,
    /// Most bytes of its rows and their keys: see [`super::budget`]. Each tab
    /// keeps to what it declares itself.
    pub bytes_max: Option<u64>,
}

/// A collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collection {
    /// Name, unique in the store.
    pub name: String,
    /// The tree of its rows.
    pub tree: TreeId,
    /// Dotted paths of the fields that make the key of a row.
    pub key: Vec<String>,
}

/// All collections and indexes of a store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schema {
    collections: Vec<Collection>,
    indexes: Vec<Index>,
}

impl Collection {
    /// Whether its rows merge with those of other devices: then mutations alone write them, and
    /// the name has the rule before a colon. Its size is not kept.
    pub fn is_merged(&self) -> bool {
        self.name.bytes().any(|byte| byte == b':')
    }
}

impl Schema {
    /// All collections.
    pub fn collections(&self) -> &[Collection] {
        &self.collections
    }

    /// The collection whose rows are in `tree`.
    pub fn collection(&self, tree: TreeId) -> Option<&Collection> {
        self.collections.iter().find(|collection| collection.tree == tree)
    }

    /// The collection `name`.
    pub fn named(&self, name: &str) -> Option<&Collection> {
        self.collections.iter().find(|collection| collection.name == name)
    }

    /// The parts of the key of a row, as a page knows them.
    pub(super) fn key_parts<'r>(&self, rows: TreeId, row: DocumentRef<'r>) -> Vec<Value<'r>> {
        let mut parts = Vec::new();
        for path in self.collection(rows).map_or(&[][..], |collection| &collection.key) {
            match row.path(path) {
                Some(Value::Array(items)) => {
                    for item in items.items() {
                        parts.push(item);
                    }
                }
                Some(part) => parts.push(part),
                None => {}
            }
        }
        parts
    }

    /// The refusal of a row that has more entries in an index than it may.
    pub(super) fn too_many(&self, index: &Index, row: DocumentRef<'_>) -> Stop {
        let why = "would have more than 256 entries of one row";
        Stop::by_index("too_large", why, index, &self.key_parts(index.rows, row))
    }

    /// Whether an index waits for upkeep by this tab.
    pub fn needs_upkeep(&self) -> bool {
        self.indexes.iter().any(Index::needs_upkeep)
    }

    /// The index `name` of a tree of rows, as this tab declares it.
    pub fn find(&self, rows: TreeId, name: &str) -> Option<&Index> {
        let is_it = |index: &&Index| index.is_declared && index.rows == rows && index.definition.name == name;
        self.indexes.iter().find(is_it)
    }

    /// The indexes of a tree of rows that its writes keep.
    pub fn of(&self, rows: TreeId) -> impl Iterator<Item = &Index> {
        self.indexes.iter().filter(move |index| index.rows == rows && index.is_kept())
    }

    /// All indexes.
    pub fn indexes(&self) -> &[Index] {
        &self.indexes
    }

    /// As it is stored, with nothing marked: through the stored row, which
    /// takes less code than one copy for each type in it.
    pub fn copy(&self) -> Self {
        Self::from_document(&self.to_document())
    }

    /// Takes in what has become of the index in `tree`; it goes where no state
    /// is left. Returns its progress: see [`Index::told`].
    pub(super) fn advance(&mut self, tree: TreeId, next: Option<State>) -> Document {
        let Some(place) = self.indexes.iter().position(|index| index.tree == tree) else {
            return Document::default();
        };
        let is_left = next.is_some();
        let index = &mut self.indexes[place];
        index.state = next.unwrap_or(State::Dropped);
        let told = index.told();
        if !is_left {
            self.indexes.remove(place);
        }
        told
    }

    /// The index of the times when rows of `rows` expire.
    pub(super) fn expiry(&self, rows: TreeId) -> Option<&Index> {
        self.of(rows).find(|index| index.is_declared && index.is(EXPIRES))
    }

    /// The field that tells when a row of `rows` expires.
    pub fn expires(&self, rows: TreeId) -> Option<&str> {
        self.expiry(rows)?.definition.fields.first().map(String::as_str)
    }

    /// Takes in what this tab declares, on day `day` since 1970. `is_empty`
    /// tells whether a tree has no rows: then its indexes are ready at once.
    ///
    /// # Errors
    /// Of a declaration that the store cannot follow, and of `is_empty`.
    pub fn declare(
        &mut self,
        declared: &[Declared],
        day: u64,
        is_empty: &mut dyn FnMut(TreeId) -> Result<bool, Stop>,
    ) -> Result<(), Stop> {
        for collection in declared {
            let bad = |why, limit| Stop::bad_declaration(&collection.name, why, limit);
            let rows = self.add_collection(collection)?;
            for definition in &collection.indexes {
                let same = |index: &&mut Index| index.rows == rows && index.definition == *definition;
                let known = self.indexes.iter_mut().filter(|index| index.state != State::Dropped).find(same);
                if let Some(index) = known {
                    index.is_declared = true;
                    index.used_day = day.max(index.used_day);
                    if index.state == State::Failed {
                        index.state = State::BUILDING;
                    }
                    continue;
                }
                let free = |number: &u8| self.indexes.iter().all(|index| index.tree.0 != *number);
                let tree = (INDEX_FIRST..INDEX_FIRST + INDEXES_MAX as u8).find(free).map(TreeId);
                let tree = tree.ok_or_else(|| bad("is one index too many", INDEXES_MAX))?;
                let is_ready = is_empty(rows)? && is_empty(tree)?;
                let state = if is_ready { State::Ready } else { State::BUILDING };
                let definition = definition.clone();
                self.indexes.push(Index { definition, rows, tree, state, used_day: day, is_declared: true });
            }
        }
        for index in &mut self.indexes {
            if !index.is_declared && index.used_day + INDEX_UNUSED_DAYS_MAX < day {
                index.state = State::Dropped;
            }
        }
        Ok(())
    }

    fn add_collection(&mut self, declared: &Declared) -> Result<TreeId, Stop> {
        let bad = |why, limit| Stop::bad_declaration(&declared.name, why, limit);
        if let Some(known) = self.named(&declared.name) {
            let is_same = known.key == declared.key && declared.tree.is_none_or(|tree| tree == known.tree);
            return if is_same { Ok(known.tree) } else { Err(bad("has rows under another key", 0)) };
        }
        let tree = match declared.tree {
            Some(tree) if declared.key.is_empty() => return Ok(tree),
            Some(tree) => tree,
            None => {
                // The commerce collections have the first numbers.
                let free = |number: &u8| self.collections.iter().all(|collection| collection.tree.0 != *number);
                let number = (ROWS + COMMERCE..ROWS + COLLECTIONS_MAX as u8).find(free);
                TreeId(number.ok_or_else(|| bad("is one collection too many", COLLECTIONS_MAX))?)
            }
        };
        self.collections.push(Collection { name: declared.name.clone(), tree, key: declared.key.clone() });
        Ok(tree)
    }

    /// Tells which indexes are declared, after the schema was read anew.
    pub fn mark(&mut self, declared: &[Declared]) {
        for collection in declared {
            let Some(rows) = collection.tree.or_else(|| self.named(&collection.name).map(|known| known.tree)) else {
                continue;
            };
            for index in &mut self.indexes {
                index.is_declared |= index.rows == rows && collection.indexes.contains(&index.definition);
            }
        }
    }

    /// The stored row.
    pub fn to_document(&self) -> Document {
        let mut out = Writer::new();
        out.array(2);
        out.array(self.collections.len());
        for collection in &self.collections {
            out.array(3);
            out.int(i64::from(collection.tree.0));
            out.str(&collection.name);
            write_texts(&mut out, &collection.key);
        }
        out.array(self.indexes.len());
        for index in &self.indexes {
            let (state, after, done) = match &index.state {
                State::Ready => (0, &[][..], 0),
                State::Building { after, done } => (1, &after[..], *done),
                State::Failed => (2, &[][..], 0),
                State::Dropped => (3, &[][..], 0),
            };
            out.array(9);
            for number in [index.tree.0, index.rows.0, index.definition.flags, state] {
                out.int(i64::from(number));
            }
            out.int(index.used_day as i64);
            out.int(done as i64);
            out.bytes(after);
            out.str(&index.definition.name);
            write_texts(&mut out, &index.definition.fields);
        }
        out.into_document()
    }

    /// Reads the stored row; what is not well formed is left out.
    pub fn from_document(row: &Document) -> Self {
        let mut lists = row.as_ref().items();
        let mut schema = Self::default();
        for item in items(lists.next()) {
            if let Some(collection) = read_collection(items(Some(item))) {
                schema.collections.push(collection);
            }
        }
        for item in items(lists.next()) {
            if let Some(index) = read_index(items(Some(item))) {
                schema.indexes.push(index);
            }
        }
        schema
    }
}

fn read_collection(mut parts: Items<'_>) -> Option<Collection> {
    Some(Collection { tree: tree(&mut parts)?, name: text(&mut parts)?, key: texts(parts.next()) })
}

fn read_index(mut parts: Items<'_>) -> Option<Index> {
    let (tree, rows) = (tree(&mut parts)?, tree(&mut parts)?);
    let (flags, state, used_day) = (number(&mut parts)?, number(&mut parts)?, number(&mut parts)?);
    let done = number(&mut parts)?;
    let Value::Bytes(after) = parts.next()? else { return None };
    let state = match state {
        0 => State::Ready,
        1 => State::Building { after: copied(after), done },
        2 => State::Failed,
        _ => State::Dropped,
    };
    let definition = Definition { name: text(&mut parts)?, fields: texts(parts.next()), flags: flags as u8 };
    Some(Index { definition, rows, tree, state, used_day, is_declared: false })
}

impl Declared {
    /// Reads `[name, key, [[index, fields, flags], …], bytesMax?]`, as a page's code sends it.
    pub fn from_value(value: Value<'_>) -> Option<Self> {
        let mut parts = items(Some(value));
        let (name, key) = (text(&mut parts)?, texts(parts.next()));
        let mut indexes = Vec::new();
        for item in items(parts.next()) {
            let mut parts = items(Some(item));
            let (name, fields) = (text(&mut parts)?, texts(parts.next()));
            indexes.push(Definition { name, fields, flags: number(&mut parts)? as u8 });
        }
        Some(Self { name, tree: None, key, indexes, bytes_max: number(&mut parts) })
    }
}

fn write_texts(out: &mut Writer, texts: &[String]) {
    out.array(texts.len());
    for text in texts {
        out.str(text);
    }
}

fn items(value: Option<Value<'_>>) -> Items<'_> {
    match value {
        Some(Value::Array(items)) => items.items(),
        _ => DocumentRef::from_stored(&[]).items(),
    }
}

fn text(parts: &mut Items<'_>) -> Option<String> {
    match parts.next()? {
        Value::Str(text) => Some(text.into()),
        _ => None,
    }
}

fn texts(value: Option<Value<'_>>) -> Vec<String> {
    let mut parts = items(value);
    let mut texts = Vec::new();
    while let Some(text) = text(&mut parts) {
        texts.push(text);
    }
    texts
}

fn number(parts: &mut Items<'_>) -> Option<u64> {
    match parts.next()? {
        Value::Int(number) => u64::try_from(number).ok(),
        _ => None,
    }
}

fn tree(parts: &mut Items<'_>) -> Option<TreeId> {
    number(parts).map(|number| TreeId(number as u8))
}
