//! One transaction's changes on top of what it reads.

use super::index::{ENTRIES_PER_ROW_MAX, UNIQUE};
use super::query::is_expired;
use super::{INDEX_FIRST, META, Schema, TreeId, number_key, row_key};
use crate::bytes::copied;
use crate::format::document::{Document, DocumentRef};
use crate::format::log::Entry;
use crate::format::varint;
use crate::key::{after_parts, has_null};
use crate::stop::Stop;
use crate::store::{Reader, Scan};
use crate::tree::{Merging, Tree, later};
use alloc::string::String;
use alloc::vec::Vec;
use core::mem::take;

/// Numbers of rows that have been counted, kept true by every write: the rules
/// ask before each row they add.
#[derive(Clone, Debug, Default)]
pub struct Counts(Vec<(TreeId, u64)>);

impl Counts {
    fn find(&self, tree: TreeId) -> Option<usize> {
        self.0.iter().position(|(other, _)| *other == tree)
    }

    fn add(&mut self, tree: TreeId, more: i64) {
        if let Some(index) = self.find(tree) {
            self.0[index].1 = self.0[index].1.saturating_add_signed(more);
        }
    }
}

/// Keys of a range that are read before their rows are deleted: the rest of it
/// takes no memory.
const KEYS_AT_ONCE: u64 = 1024;

/// What a collection holds, indexes not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Rows.
    pub rows: u64,
    /// Bytes of the rows and their keys.
    pub bytes: u64,
}

impl Size {
    /// The size of a collection in the schema, kept by every write.
    pub fn read(reader: &Reader<'_>, tree: TreeId) -> Result<Self, Stop> {
        let mut size = Self::default();
        reader.get_with(&size_key(tree), &mut |mut value| {
            size.rows = varint::read(&mut value).unwrap_or_default();
            size.bytes = varint::read(&mut value).unwrap_or_default();
        })?;
        Ok(size)
    }
}

fn size_key(tree: TreeId) -> Vec<u8> {
    number_key(META, u64::from(tree.0))
}

/// What a workspace leaves behind.
pub struct Finished {
    /// The overlay with the writes in it; `None` where it is the one that was
    /// read with `entries` put on top, which its owner does without a copy.
    pub overlay: Option<Tree>,
    /// The writes, in order.
    pub entries: Vec<Entry>,
    /// The counts of the state with the writes in it.
    pub counts: Counts,
}

/// What a workspace has done so far, for another one to go on with.
pub struct Draft {
    /// The overlay that it began with, with the first `applied` entries in it.
    overlay: Tree,
    entries: Vec<Entry>,
    applied: usize,
    last_row: Option<usize>,
    /// Where the runs begin that the entries not applied consist of, each in the order of its keys.
    runs: Vec<usize>,
    /// So many entries were there when the last workspace began.
    resumed: usize,
    merging: Option<Merging>,
    /// What others have written since the merge began.
    late: Vec<Entry>,
    grown: Vec<(TreeId, i64, i64)>,
    to_check: Vec<(TreeId, Vec<u8>, usize)>,
}

impl Draft {
    /// Nothing is done yet.
    pub fn new(overlay: Tree) -> Self {
        Self {
            overlay,
            entries: Vec::new(),
            applied: 0,
            last_row: None,
            runs: Vec::new(),
            resumed: 0,
            merging: None,
            late: Vec::new(),
            grown: Vec::new(),
            to_check: Vec::new(),
        }
    }

    /// What the last workspace has written.
    pub fn written_last(&self) -> &[Entry] {
        &self.entries[self.resumed..]
    }

    /// Takes in what others have written, which is nothing that this one concerns.
    pub fn go_along(&mut self, entries: &[Entry]) {
        if self.merging.is_some() {
            self.late.extend_from_slice(entries);
        } else {
            self.overlay.put_all(entries);
        }
    }

    /// Puts about `bytes_max` bytes of what was written into the overlay; tells whether all of it is there.
    /// A workspace that goes on with the draft before has it begin anew.
    ///
    /// # Errors
    /// The overlay is damaged.
    pub fn merge_some(&mut self, bytes_max: usize) -> Result<bool, Stop> {
        if self.runs.is_empty() {
            return Ok(true);
        }
        let merging = self.merging.get_or_insert_with(|| Merging::new(&self.runs, self.entries.len()));
        if !merging.slice(&self.overlay, &self.entries, bytes_max)? {
            return Ok(false);
        }
        self.overlay = self.merging.take().map(Merging::finish).unwrap_or_default();
        self.overlay.put_all(&take(&mut self.late));
        self.applied = self.entries.len();
        self.last_row = None;
        self.runs.clear();
        Ok(true)
    }

    /// Whether nothing is left to be checked by [`Workspace::check_some`].
    pub fn is_checked(&self) -> bool {
        self.to_check.is_empty()
    }
}

/// Reads the state it was opened on with its own writes on top. Dropping it
/// drops the writes.
///
/// Writes go into the overlay when something is read that they may concern, and
/// then all at once: most operations read only what they have not written.
pub struct Workspace<'a> {
    under: Reader<'a>,
    schema: &'a Schema,
    now_ms: u64,
    /// With the first `applied` entries, if it is any other than `under` reads.
    overlay: Option<Tree>,
    entries: Vec<Entry>,
    applied: usize,
    /// The entry with the greatest key of a row among those not applied.
    last_row: Option<usize>,
    counts: Counts,
    /// How much collections of the schema have grown: rows, bytes.
    grown: Vec<(TreeId, i64, i64)>,
    /// Entries written into unique indexes.
    to_check: Vec<(TreeId, Vec<u8>, usize)>,
    /// A row has more entries in an index than it may.
    too_many: Option<Stop>,
}

impl<'a> Workspace<'a> {
    /// Opens a workspace on what `under` reads, at a time in milliseconds since 1970.
    pub fn new(under: Reader<'a>, schema: &'a Schema, now_ms: u64) -> Self {
        Self::with_counts(under, schema, now_ms, Counts::default())
    }

    /// As `new`, with what has been counted in the very state that `under` reads.
    pub fn with_counts(under: Reader<'a>, schema: &'a Schema, now_ms: u64, counts: Counts) -> Self {
        Self {
            under,
            schema,
            now_ms,
            overlay: None,
            entries: Vec::new(),
            applied: 0,
            last_row: None,
            counts,
            grown: Vec::new(),
            to_check: Vec::new(),
            too_many: None,
        }
    }

    /// Goes on with what another one has done: on the state that this one began on, or one in which
    /// others have written what this one does not concern, here and into the draft's overlay.
    pub fn resume(under: Reader<'a>, schema: &'a Schema, now_ms: u64, draft: &mut Draft) -> Self {
        draft.merging = None;
        draft.overlay.put_all(&take(&mut draft.late));
        draft.resumed = draft.entries.len();
        Self {
            overlay: Some(take(&mut draft.overlay)),
            entries: take(&mut draft.entries),
            applied: draft.applied,
            last_row: draft.last_row,
            grown: take(&mut draft.grown),
            to_check: take(&mut draft.to_check),
            ..Self::new(under, schema, now_ms)
        }
    }

    /// Ends it for another one to go on with the draft, which may do what has failed again.
    pub fn suspend(mut self, draft: &mut Draft) {
        // What was applied is no run any more.
        draft.runs.retain(|start| *start >= self.applied);
        draft.last_row = self.last_row;
        let start = draft.resumed.max(self.applied);
        let written = &mut self.entries[start..];
        if !written.is_empty() {
            written.sort_by(|one, other| one.key.cmp(&other.key));
            let rows = written.partition_point(|entry| entry.key[0] < INDEX_FIRST);
            // Rows not applied ascend, or what was before them would have been.
            draft.last_row = if rows > 0 { Some(start + rows - 1) } else { self.last_row };
            draft.runs.push(start);
        }
        draft.overlay = self.overlay.unwrap_or_default();
        draft.entries = self.entries;
        draft.applied = self.applied;
        draft.grown = self.grown;
        draft.to_check = self.to_check;
    }

    /// Ends it, keeping the writes.
    ///
    /// # Errors
    /// Refuses what a unique index or the limit of its entries does not allow.
    pub fn finish(mut self) -> Result<Finished, Stop> {
        self.check_indexes()?;
        for (tree, rows, bytes) in take(&mut self.grown) {
            // Nothing else writes the row of a size.
            let before = Size::read(&self.under, tree)?;
            let mut size = Vec::new();
            varint::write(&mut size, before.rows.saturating_add_signed(rows));
            varint::write(&mut size, before.bytes.saturating_add_signed(bytes));
            self.write(&size_key(tree), Some(&size));
        }
        if self.overlay.is_some() {
            self.apply();
        }
        Ok(Finished { overlay: self.overlay, entries: self.entries, counts: self.counts })
    }

    /// Ends it, keeping the writes for its own reading alone, unchecked.
    pub fn into_overlay(mut self) -> Tree {
        self.apply();
        self.overlay.unwrap_or_else(|| self.under.overlay.clone())
    }

    /// Reads the state with the writes in it.
    pub fn reader(&mut self) -> Reader<'_> {
        self.apply();
        self.reader_applied()
    }

    fn reader_applied(&self) -> Reader<'_> {
        Reader { overlay: self.overlay.as_ref().unwrap_or(self.under.overlay), ..self.under }
    }

    /// Puts the writes so far into the overlay.
    pub fn apply(&mut self) {
        if self.applied < self.entries.len() {
            let under = self.under.overlay;
            self.overlay.get_or_insert_with(|| under.clone()).put_all(&self.entries[self.applied..]);
            self.applied = self.entries.len();
            self.last_row = None;
        }
    }

    /// What the store holds.
    pub fn schema(&self) -> &'a Schema {
        self.schema
    }

    /// The row `key`, if it has not expired.
    pub fn get(&mut self, tree: TreeId, key: &str) -> Result<Option<Document>, Stop> {
        let row = self.row(&row_key(tree, key))?;
        let expires = self.schema.expires(tree);
        Ok(row.filter(|row| !is_expired(expires, row.as_bytes(), self.now_ms)))
    }

    /// The row under an encoded key, expired or not.
    pub fn row(&mut self, key: &[u8]) -> Result<Option<Document>, Stop> {
        // Rows that are written in ascending order read none that was written.
        if self.last_row.is_some_and(|last| *key <= *self.entries[last].key) {
            self.apply();
        }
        Ok(self.reader_applied().get(key)?.map(Document::from_stored))
    }

    /// Writes the row `key` and its index entries.
    pub fn put(&mut self, tree: TreeId, key: &str, value: &[u8]) -> Result<(), Stop> {
        let key = row_key(tree, key);
        let before = self.row(&key)?;
        self.put_over(&key, before.as_ref(), value);
        Ok(())
    }

    /// As `put` under an encoded key, where the caller has read the row before:
    /// `before` is what it found.
    pub fn put_over(&mut self, key: &[u8], before: Option<&Document>, value: &[u8]) {
        self.change(key, before, Some(value));
    }

    /// Deletes the row `key` and its index entries.
    pub fn delete(&mut self, tree: TreeId, key: &str) -> Result<(), Stop> {
        self.delete_row(&row_key(tree, key)).map(drop)
    }

    /// As `delete` under an encoded key; tells whether there was a row.
    pub fn delete_row(&mut self, key: &[u8]) -> Result<bool, Stop> {
        let Some(before) = self.row(key)? else {
            return Ok(false);
        };
        self.change(key, Some(&before), None);
        Ok(true)
    }

    fn change(&mut self, key: &[u8], before: Option<&Document>, after: Option<&[u8]>) {
        let tree = TreeId(key[0]);
        let schema = self.schema;
        for index in schema.of(tree) {
            let entries = |row: DocumentRef<'_>| index.entries(key, row);
            let old = before.map_or_else(Vec::new, |row| entries(row.as_ref()));
            let new = after.map_or_else(Vec::new, |row| entries(DocumentRef::from_stored(row)));
            for entry in old.iter().filter(|entry| new.binary_search(entry).is_err()) {
                self.write(entry, None);
            }
            if new.len() > ENTRIES_PER_ROW_MAX {
                self.too_many = after.map(|row| schema.too_many(index, DocumentRef::from_stored(row)));
            }
            for entry in new.iter().filter(|entry| old.binary_search(entry).is_err()) {
                self.write_entry(index, entry, key);
            }
        }
        let rows = i64::from(after.is_some()) - i64::from(before.is_some());
        self.counts.add(tree, rows);
        if schema.collection(tree).is_some_and(|collection| !collection.is_merged()) {
            let size = |row: &[u8]| (key.len() + row.len()) as i64;
            let bytes = after.map_or(0, size) - before.map_or(0, |row| size(row.as_bytes()));
            match self.grown.iter_mut().find(|(other, ..)| *other == tree) {
                Some((_, rows_before, bytes_before)) => {
                    *rows_before += rows;
                    *bytes_before += bytes;
                }
                None => self.grown.push((tree, rows, bytes)),
            }
        }
        self.write(key, after);
    }

    /// Writes an entry of an index.
    pub(super) fn write_entry(&mut self, index: &super::Index, entry: &[u8], row_key: &[u8]) {
        if index.is(UNIQUE) {
            self.to_check.push((index.tree, copied(entry), 1 + entry.len() - row_key.len()));
        }
        self.write(entry, Some(&index.entry_value(entry, row_key)));
    }

    /// Checks what was written against the rules of its indexes, at the end:
    /// rows of one transaction may change places.
    pub(super) fn check_indexes(&mut self) -> Result<(), Stop> {
        self.check_some(usize::MAX)
    }

    /// As `check_indexes`, for so many of the entries that are left to check.
    pub fn check_some(&mut self, entries: usize) -> Result<(), Stop> {
        if let Some(stop) = self.too_many.take() {
            return Err(stop);
        }
        let left = self.to_check.len().saturating_sub(entries);
        while self.to_check.len() > left {
            // Kept until it is checked: a fault in the middle calls for another try.
            let Some((tree, entry, fields_end)) = self.to_check.last().cloned() else { break };
            later::run(|| self.check_entry(tree, &entry, fields_end))?;
            self.to_check.pop();
        }
        Ok(())
    }

    fn check_entry(&mut self, tree: TreeId, entry: &[u8], fields_end: usize) -> Result<(), Stop> {
        let schema = self.schema;
        let prefix = &entry[..fields_end];
        let index = schema.indexes().iter().find(|index| index.tree == tree);
        // Nulls are no values, and so never equal.
        let Some(index) = index.filter(|_| !has_null(&prefix[1..])) else { return Ok(()) };
        let mut entries = Vec::new();
        self.reader().scan(Scan::ascending(prefix, &after_parts(prefix)), &mut |key, value| {
            entries.push((copied(key), index.row_key(key, value).unwrap_or_default()));
            true
        })?;
        let mut is_there = false;
        let mut other = None;
        for (key, row_key) in entries {
            let row = self.row(&row_key)?.unwrap_or_default();
            if is_expired(schema.expires(index.rows), row.as_bytes(), self.now_ms) {
                // It is in nobody's way.
                self.delete_row(&row_key)?;
            } else if key == entry {
                is_there = true;
            } else if index.entries(&row_key, row.as_ref()).contains(&key) {
                other = Some(row);
            }
        }
        if let Some(row) = other.filter(|_| is_there) {
            let key = schema.key_parts(index.rows, row.as_ref());
            return Err(Stop::by_index("unique", "is in another row", index, &key));
        }
        Ok(())
    }

    /// Up to `limit` rows in key order, from the first after `after`.
    pub fn scan(&mut self, tree: TreeId, after: Option<&str>, limit: usize) -> Result<Vec<(String, Document)>, Stop> {
        let from = match after {
            // No encoded key lies between a key and the key followed by a zero byte.
            Some(after) => [&row_key(tree, after)[..], &[0]].concat(),
            None => alloc::vec![tree.0],
        };
        let to = tree.end();
        let mut rows = Vec::new();
        if limit == 0 {
            return Ok(rows);
        }
        self.reader().scan(Scan::ascending(&from, &to), &mut |key, value| {
            if let Some(name) = super::row_name(key, 1) {
                rows.push((name, Document::from_stored(copied(value))));
            }
            rows.len() < limit
        })?;
        Ok(rows)
    }

    /// Up to `limit` keys from `from` up to `to`.
    pub(super) fn keys(&mut self, from: &[u8], to: &[u8], limit: usize) -> Result<Vec<Vec<u8>>, Stop> {
        let mut keys = Vec::new();
        self.reader().scan(Scan::ascending(from, to), &mut |key, _| {
            keys.push(copied(key));
            keys.len() < limit
        })?;
        Ok(keys)
    }

    /// Deletes the first `rows_max` rows from `from` up to `to`.
    pub fn delete_range(&mut self, from: &[u8], to: &[u8], rows_max: u64) -> Result<(), Stop> {
        let mut from = copied(from);
        let mut left = rows_max;
        while left > 0 {
            let limit = left.min(KEYS_AT_ONCE);
            let keys = self.keys(&from, to, limit as usize)?;
            for key in &keys {
                self.delete_row(key)?;
            }
            left = if (keys.len() as u64) < limit { 0 } else { left - limit };
            from = keys.last().cloned().unwrap_or_default();
        }
        Ok(())
    }

    /// Number of rows.
    pub fn count(&mut self, tree: TreeId) -> Result<u64, Stop> {
        if let Some(index) = self.counts.find(tree) {
            return Ok(self.counts.0[index].1);
        }
        let to = tree.end();
        // Few rows at most are counted so. A count by the tree's branches is code that is loaded later.
        let count = self.keys(&[tree.0], &to, usize::MAX)?.len() as u64;
        self.counts.0.push((tree, count));
        Ok(count)
    }

    /// Number of writes so far.
    pub fn written(&self) -> usize {
        self.entries.len()
    }

    /// Keeps the writes after the first `count` out of what is committed, and returns them; they stay visible here.
    pub fn keep_to_itself(&mut self, count: usize) -> Vec<Entry> {
        self.apply();
        self.applied = count;
        self.entries.split_off(count)
    }

    /// Writes an entry under its encoded key.
    pub fn write(&mut self, key: &[u8], value: Option<&[u8]>) {
        let is_row = key[0] < INDEX_FIRST;
        if is_row && self.last_row.is_none_or(|last| *key > *self.entries[last].key) {
            self.last_row = Some(self.entries.len());
        }
        self.entries.push(Entry { key: key.into(), value: value.map(Into::into) });
    }
}
