//! A load: rows that are too many to be written without the page having its
//! turn, and are one commit all the same.
//!
//! They come in parts. Each is written into a draft when it comes, beside what
//! the page goes on to write: that is put into the draft too, so at the end its
//! overlay takes the place of the store's. Where something of the collection is
//! written meanwhile, or another tab was first, the draft begins anew.

use super::edit::Edit;
use super::frame::SEGMENTS_READ_AHEAD;
use super::{Client, Erasure, Operation};
use crate::collection::{Draft, TreeId, Workspace};
use crate::format::document::Document;
use crate::format::log::Entry;
use crate::stop::Stop;
use crate::tree::{Fault, later};
use alloc::boxed::Box;
use alloc::vec::Vec;

/// Entries of unique indexes that are checked in one slice.
const CHECKED_MAX: usize = 256;

/// The rows of a load, and how far it has come.
pub struct Load {
    rows_tree: TreeId,
    /// Each puts some of the rows.
    parts: Vec<Operation>,
    draft: Option<Draft>,
    /// Parts that are in the draft.
    done: usize,
    /// What the draft began with has changed.
    is_stale: bool,
    /// What refuses the next one. It may be in the draft by half, and would pass a second time.
    refused: Option<Stop>,
}

impl Load {
    pub(super) fn begin_anew(&mut self) {
        self.is_stale = true;
    }

    /// Begins anew where that is due.
    fn freshen(&mut self) {
        if core::mem::take(&mut self.is_stale) {
            self.draft = None;
            self.done = 0;
            self.refused = None;
        }
    }
}

impl Client {
    /// Takes the next part of a load, an array of rows, and writes it into the draft. There is one load at a time.
    pub fn add_to_load(&mut self, rows_tree: TreeId, rows: Document) {
        let load = self.load.get_or_insert_with(|| {
            Box::new(Load { rows_tree, parts: Vec::new(), draft: None, done: 0, is_stale: false, refused: None })
        });
        load.freshen();
        load.parts.push(Operation::Put { rows_tree, rows });
        if load.refused.is_some() {
            return;
        }
        let sliced = self.load_slice();
        if let (Err(stop), Some(load)) = (self.want_fault(0, SEGMENTS_READ_AHEAD, sliced), &mut self.load)
            && stop.code().is_some()
        {
            load.refused = Some(stop);
        }
    }

    /// Gives the load up. Returns how many of its parts were in the draft: the next one is what was refused.
    pub fn give_up_load(&mut self) -> usize {
        self.load.take().map_or(0, |load| load.done)
    }

    /// Does a slice of what is left of the load, and commits it where that was the last. Returns the
    /// ticket then, and 0 before.
    ///
    /// # Errors
    /// A fault is asked for: repeat when it is told to be loaded. After a refusal it is to be given up.
    pub fn end_load(&mut self, now_ms: u64) -> Result<u64, Stop> {
        if let Some(load) = &mut self.load {
            load.freshen();
        }
        if let Some(stop) = self.load.as_mut().and_then(|load| load.refused.take()) {
            return Err(stop);
        }
        let sliced = self.load_slice();
        if !self.want_fault(0, SEGMENTS_READ_AHEAD, sliced)? {
            return Ok(0);
        }
        Ok(self.load.take().map_or(0, |load| self.submit(Operation::Load(load), now_ms)))
    }

    /// Does a slice of the load in the making; tells whether it can be committed.
    fn load_slice(&mut self) -> Result<bool, Stop> {
        if self.reload {
            // The schema may be another one.
            return Ok(false);
        }
        let Some(mut load) = self.load.take() else { return Ok(true) };
        let sliced = self.slice_of(&mut load);
        self.load = Some(load);
        // Nothing else may come between the draft and its commit.
        Ok(sliced? && self.waiting.is_empty() && !self.view_stale)
    }

    /// Writes a part into the draft, or puts in order or checks some of what was written; tells whether all is done.
    fn slice_of(&mut self, load: &mut Load) -> Result<bool, Stop> {
        load.freshen();
        let mut draft = load.draft.take().unwrap_or_else(|| Draft::new(self.store.overlay().clone()));
        let part = load.parts.get(load.done);
        if part.is_none() {
            let merged = draft.merge_some(self.store.slice_bytes_max());
            if merged != Ok(true) {
                load.draft = Some(draft);
                return merged;
            }
        }
        let mut workspace = Workspace::resume(self.store.reader(), &self.schema, self.now_ms, &mut draft);
        let sliced = match part {
            Some(part) => self.step(&mut workspace, part, &mut Edit::default()).and_then(|()| workspace.check_some(0)),
            None => workspace.check_some(CHECKED_MAX),
        };
        if part.is_none() {
            // It may have deleted what had expired.
            workspace.apply();
        }
        // A row that is in the draft already is not written again.
        workspace.suspend(&mut draft);
        self.note_written(draft.written_last());
        let is_done = part.is_none() && draft.is_checked();
        load.draft = Some(draft);
        sliced?;
        load.done += usize::from(part.is_some());
        Ok(is_done)
    }

    /// Does a slice of a load whose turn it is, or commits it; `None` where it has not come to that.
    pub(super) fn execute_load(&mut self, load: &mut Load) -> Result<Option<u64>, Stop> {
        if self.erasure() != Erasure::None {
            return Err(Stop::refused("erased", &[]));
        }
        if !self.slice_of(load)? {
            return Ok(None);
        }
        let Some(mut draft) = load.draft.take() else { return Ok(None) };
        // Should another tab be first.
        load.begin_anew();
        let workspace = Workspace::resume(self.store.reader(), &self.schema, self.now_ms, &mut draft);
        let finished = workspace.finish()?;
        // They may be too many to look at each of them now.
        if !finished.entries.is_empty() {
            self.changes.add_collection(load.rows_tree);
            self.has_grown = true;
        }
        Ok(Some(self.commit_unseen(finished)))
    }

    /// Has the load in the making go along with what is staged now.
    pub(super) fn go_along(&mut self, entries: &[Entry]) {
        if self.load.is_some() {
            // Where there is a load, there is the code for it.
            let _ = later::run(|| {
                self.put_into_load(entries);
                Ok::<_, Fault>(())
            });
        }
    }

    fn put_into_load(&mut self, entries: &[Entry]) {
        let Some(load) = &mut self.load else { return };
        load.freshen();
        let Some(draft) = &mut load.draft else { return };
        let mut indexes = self.schema.of(load.rows_tree);
        let is_of_load = |tree: u8| tree == load.rows_tree.0 || indexes.any(|index| index.tree.0 == tree);
        if entries.iter().map(|entry| entry.key[0]).any(is_of_load) {
            load.begin_anew();
        } else {
            draft.go_along(entries);
        }
    }
}
