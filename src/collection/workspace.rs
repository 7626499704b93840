//! One transaction's changes on top of what it reads.

use super::{Indexes, TreeId, row_key};
use crate::format::document::{Document, DocumentRef};
use crate::format::log::Entry;
use crate::key::after_prefix;
use crate::store::{Reader, Scan};
use crate::tree::{Freed, NoSegments, Tree, TreeError};
use alloc::string::String;
use alloc::vec::Vec;

/// Numbers of rows that have been counted, kept true by every write. Counting
/// is a scan, and the rules ask before each row they add.
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

/// What a workspace leaves behind.
pub struct Finished {
    /// The overlay with the writes in it.
    pub overlay: Tree,
    /// The writes, in order.
    pub entries: Vec<Entry>,
    /// The counts of the state with the writes in it.
    pub counts: Counts,
}

/// Reads the state it was opened on with its own writes on top. Dropping it
/// drops the writes.
pub struct Workspace<'a> {
    under: Reader<'a>,
    indexes: &'a Indexes,
    overlay: Tree,
    entries: Vec<Entry>,
    counts: Counts,
}

impl<'a> Workspace<'a> {
    /// Opens a workspace on what `under` reads.
    pub fn new(under: Reader<'a>, indexes: &'a Indexes) -> Self {
        Self::with_counts(under, indexes, Counts::default())
    }

    /// As `new`, with what has been counted in the very state that `under` reads.
    pub fn with_counts(under: Reader<'a>, indexes: &'a Indexes, counts: Counts) -> Self {
        Self { under, indexes, overlay: under.overlay.clone(), entries: Vec::new(), counts }
    }

    /// Ends it, keeping the writes.
    pub fn finish(self) -> Finished {
        Finished { overlay: self.overlay, entries: self.entries, counts: self.counts }
    }

    /// Reads the state with the writes in it.
    pub fn reader(&self) -> Reader<'_> {
        Reader { overlay: &self.overlay, ..self.under }
    }

    /// The row `key`.
    pub fn get(&self, tree: TreeId, key: &str) -> Result<Option<Document>, TreeError> {
        Ok(self.reader().get(&row_key(tree, key))?.map(Document::from_stored))
    }

    /// Writes the row `key` and its index entries.
    pub fn put(&mut self, tree: TreeId, key: &str, value: &[u8]) -> Result<(), TreeError> {
        self.put_over(tree, key, self.get(tree, key)?.as_ref(), value)
    }

    /// As `put`, where the caller has read the row before: `before` is what it found.
    pub fn put_over(
        &mut self,
        tree: TreeId,
        key: &str,
        before: Option<&Document>,
        value: &[u8],
    ) -> Result<(), TreeError> {
        let after = DocumentRef::from_stored(value);
        for index in self.indexes.of(tree) {
            let old = before.and_then(|before| index.entry(key, before.as_ref()));
            let new = index.entry(key, after);
            if old == new {
                continue;
            }
            if let Some((old_key, _)) = old {
                self.write(&old_key, None)?;
            }
            if let Some((new_key, new_value)) = new {
                self.write(&new_key, Some(&new_value))?;
            }
        }
        if before.is_none() {
            self.counts.add(tree, 1);
        }
        self.write(&row_key(tree, key), Some(value))
    }

    /// Deletes the row `key` and its index entries.
    pub fn delete(&mut self, tree: TreeId, key: &str) -> Result<(), TreeError> {
        let Some(before) = self.get(tree, key)? else {
            return Ok(());
        };
        for index in self.indexes.of(tree) {
            if let Some((old_key, _)) = index.entry(key, before.as_ref()) {
                self.write(&old_key, None)?;
            }
        }
        self.counts.add(tree, -1);
        self.write(&row_key(tree, key), None)
    }

    /// Up to `limit` rows in key order, from the first after `after`.
    pub fn scan(&self, tree: TreeId, after: Option<&str>, limit: usize) -> Result<Vec<(String, Document)>, TreeError> {
        let from = match after {
            // No encoded key lies between a key and the key followed by a zero byte.
            Some(after) => [&row_key(tree, after)[..], &[0]].concat(),
            None => alloc::vec![tree.0],
        };
        let to = after_prefix(&[tree.0]).unwrap_or_default();
        let mut rows = Vec::new();
        if limit == 0 {
            return Ok(rows);
        }
        self.reader().scan(Scan::ascending(&from, &to), &mut |key, value| {
            if let Some(name) = super::row_name(key, 1) {
                rows.push((name, Document::from_stored(value.to_vec())));
            }
            rows.len() < limit
        })?;
        Ok(rows)
    }

    /// Number of rows.
    pub fn count(&mut self, tree: TreeId) -> Result<u64, TreeError> {
        if let Some(index) = self.counts.find(tree) {
            return Ok(self.counts.0[index].1);
        }
        let to = after_prefix(&[tree.0]).unwrap_or_default();
        let mut count = 0;
        self.reader().scan(Scan::ascending(&[tree.0], &to), &mut |_, _| {
            count += 1;
            true
        })?;
        self.counts.0.push((tree, count));
        Ok(count)
    }

    /// Writes an entry under its encoded key.
    pub fn write(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<(), TreeError> {
        self.overlay.insert(key, value, &NoSegments, &mut Freed::default())?;
        self.entries.push(Entry { key: key.into(), value: value.map(Into::into) });
        Ok(())
    }
}
