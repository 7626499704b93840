//! Which rows of the view have changed and are to be told.
//!
//! Every row whose view differs is among them, or its collection is told to
//! have changed as a whole. A row that was written and looks the same may be
//! among them too.

use super::{ALL_BITS, ClientEvent, tree_bit};
use crate::collection::{INDEX_FIRST, ROWS, TreeId};
use crate::format::log::Entry;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// Most rows that are told one by one: who has to look at more does better to
/// read again.
pub const CHANGED_ROWS_MAX: usize = 256;

/// Rows whose view may have changed since it was last told.
#[derive(Default)]
pub(super) struct Changes {
    /// Bits of the collections.
    collections: u64,
    /// Bits of those of which not every row is known.
    unknown: u64,
    /// Encoded keys of rows of the others, ascending.
    rows: Vec<Box<[u8]>>,
}

impl Changes {
    /// Nothing is known of what has changed.
    pub(super) fn add_all(&mut self) {
        self.collections = ALL_BITS;
        self.give_up_rows();
    }

    /// Adds what was written under `key`, if that is a row.
    pub(super) fn add(&mut self, key: &[u8]) {
        let Some(bit) = row_bit(key) else { return };
        self.collections |= bit;
        if self.unknown & bit != 0 {
            return;
        }
        if let Err(place) = self.rows.binary_search_by(|row| (**row).cmp(key)) {
            if self.rows.len() == CHANGED_ROWS_MAX {
                return self.give_up_rows();
            }
            self.rows.insert(place, key.into());
        }
    }

    /// Any row of a collection may have changed.
    pub(super) fn add_collection(&mut self, rows_tree: TreeId) {
        self.collections |= tree_bit(rows_tree);
        self.give_up_rows();
    }

    pub(super) fn add_entries(&mut self, entries: &[Entry]) {
        for entry in entries {
            self.add(&entry.key);
        }
    }

    fn give_up_rows(&mut self) {
        self.unknown = self.collections;
        self.rows.clear();
    }

    /// What is to be told, once.
    pub(super) fn take(&mut self) -> Option<ClientEvent> {
        let Self { collections, unknown, rows } = core::mem::take(self);
        (collections != 0).then_some(ClientEvent::Changed { collections, unknown, rows })
    }
}

fn row_bit(key: &[u8]) -> Option<u64> {
    let tree = *key.first()?;
    (ROWS..INDEX_FIRST).contains(&tree).then(|| tree_bit(TreeId(tree)))
}

/// Rows and index entries as pending mutations have written them, ascending by key.
/// With these on top of what is stored, it is the view.
#[derive(Default)]
pub(super) struct Written(Vec<Entry>);

impl Written {
    pub(super) fn entries(&self) -> &[Entry] {
        &self.0
    }

    /// Whether there is one under `key`.
    pub(super) fn holds(&self, key: &[u8]) -> bool {
        self.find(key).is_ok()
    }

    fn find(&self, key: &[u8]) -> Result<usize, usize> {
        self.0.binary_search_by(|other| (*other.key).cmp(key))
    }

    /// Keeps `entries`, over what was there.
    pub(super) fn add(&mut self, entries: &[Entry]) {
        for entry in entries {
            match self.find(&entry.key) {
                Ok(place) => self.0[place].value.clone_from(&entry.value),
                Err(place) => self.0.insert(place, entry.clone()),
            }
        }
    }

    /// Takes the place of `self`; rows that one has and the other has not so
    /// have changed.
    pub(super) fn replace(&mut self, new: Self, changes: &mut Changes) {
        for (one, other) in [(&new, &*self), (&*self, &new)] {
            for entry in one.0.iter().filter(|entry| !other.has(entry)) {
                changes.add(&entry.key);
            }
        }
        *self = new;
    }

    fn has(&self, entry: &Entry) -> bool {
        self.find(&entry.key).is_ok_and(|place| self.0[place].value == entry.value)
    }
}
