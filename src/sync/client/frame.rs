//! Snapshots and transactions: states that are held while others write.
//!
//! A snapshot is the roots that were current when it began. A transaction is a
//! snapshot that its own writes go on top of; what it did, reads and writes, is
//! kept in a list, and the commit does all of it again on what is current then.
//! A read that finds something else refuses the commit with `conflict`. So a
//! commit holds against everything that happened since, in whichever tab, and
//! no list of others' changes is needed.

use super::edit::{Edit, Hash};
use super::restore::DELETED;
use super::{Client, Operation};
use crate::collection::budget::note;
use crate::collection::workspace::Size;
use crate::collection::{Query, Schema, TreeId, Workspace, row_key};
use crate::format::document::Value;
use crate::stop::Stop;
use crate::store::Reader;
use crate::tree::{Fault, Tree, later};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Most snapshots and transactions at a time: each keeps segments from being dropped.
pub const FRAMES_MAX: usize = 64;

/// Milliseconds after which a snapshot or transaction is given up: what it
/// keeps is space that the shopper lacks.
pub const FRAME_AGE_MS_MAX: u64 = 10 * 60 * 1000;

/// Most reads and writes of one transaction: all are done again by its commit.
pub const TRANSACTION_OPERATIONS_MAX: usize = 10_000;

/// A read of so many rows or more reads ahead: it will hardly find all of them
/// in one segment.
const ROWS_READ_AHEAD: u32 = 200;

/// Segments that such a read asks for at once where it misses one. Bulk loads
/// and compaction write neighbours one after another, and a transaction that
/// reads eight costs little more than one that reads one.
pub(super) const SEGMENTS_READ_AHEAD: u32 = 7;

/// The frame was given up, or what it needs was dropped.
const GONE: &str = "snapshot_gone";

/// A state that is held.
pub(super) struct Frame {
    id: u32,
    base: Tree,
    overlay: Tree,
    schema: Arc<Schema>,
    began_ms: u64,
    /// What a transaction has done; `None` for a snapshot.
    done: Option<Vec<Operation>>,
}

impl Client {
    /// Holds what the shopper sees now; for a transaction where `writes`.
    /// Returns its number, never 0, or `None` while the view waits for a segment.
    ///
    /// # Errors
    /// `too_many_snapshots`.
    pub fn begin(&mut self, writes: bool, now_ms: u64) -> Result<Option<u32>, Stop> {
        self.now_ms = self.now_ms.max(now_ms);
        if self.reload || self.view_stale {
            self.view_awaited = true;
            return Ok(None);
        }
        self.give_up_old_frames();
        if self.frames.len() == FRAMES_MAX {
            let size = |count: usize| Value::Int(count as i64);
            let detail = [("bytes", size(FRAMES_MAX + 1)), ("limit", size(FRAMES_MAX))];
            return Err(Stop::refused("too_many_snapshots", &detail));
        }
        self.frame_last += 1;
        self.frames.push(Frame {
            id: self.frame_last,
            base: self.store.base().clone(),
            overlay: self.view.clone(),
            schema: self.schema.clone(),
            began_ms: self.now_ms,
            done: writes.then(Vec::new),
        });
        self.store.hold_segments(true);
        Ok(Some(self.frame_last))
    }

    /// Ends a snapshot, or a transaction without its writes.
    pub fn release(&mut self, frame: u32) {
        if let Ok(at) = self.frame(frame) {
            self.frames.swap_remove(at);
        }
        self.store.hold_segments(!self.frames.is_empty());
    }

    fn give_up_old_frames(&mut self) {
        for at in (0..self.frames.len()).rev() {
            if self.frames[at].began_ms + FRAME_AGE_MS_MAX <= self.now_ms {
                self.frames.swap_remove(at);
            }
        }
        self.store.hold_segments(!self.frames.is_empty());
    }

    fn frame(&self, frame: u32) -> Result<usize, Stop> {
        let found = self.frames.iter().position(|other| other.id == frame);
        let code = if frame > self.frames_deleted { GONE } else { DELETED };
        found.ok_or_else(|| Stop::refused(code, &[]))
    }

    fn reader_of<'a>(&'a self, frame: &'a Frame) -> Reader<'a> {
        self.store.reader_at(&frame.base, &frame.overlay)
    }

    /// Reads what the shopper sees, where `frame` is 0, or what a frame holds.
    /// Hands the rows to `visit`, each with its key, and returns their number;
    /// after an error, what was handed over is to be forgotten.
    ///
    /// # Errors
    /// A fault is asked for: repeat when it is told to be loaded. `snapshot_gone`
    /// when the frame was given up, or another tab has dropped what it needs.
    pub fn read(&mut self, frame: u32, query: Query, visit: &mut dyn FnMut(&[u8], &[u8])) -> Result<u32, Stop> {
        let ahead = if query.limit < ROWS_READ_AHEAD { 0 } else { SEGMENTS_READ_AHEAD };
        if frame != 0 {
            return later::run(|| self.read_held(frame, query, ahead, visit));
        }
        let mut budgets = core::mem::take(&mut self.budgets);
        let read = query.run(&self.view(), &self.schema, &mut |key, row| {
            note(&mut budgets, key);
            visit(key, row);
        });
        self.budgets = budgets;
        self.want_fault(0, ahead, read)
    }

    fn read_held(
        &mut self,
        frame: u32,
        query: Query,
        ahead: u32,
        visit: &mut dyn FnMut(&[u8], &[u8]),
    ) -> Result<u32, Stop> {
        // Before anything is lent that an error would not give back.
        let at = self.frame(frame)?;
        let mut budgets = core::mem::take(&mut self.budgets);
        let held = &self.frames[at];
        let mut hash = Hash::default();
        let read = query.run(&self.reader_of(held), &held.schema, &mut |key, row| {
            hash.add(key, row);
            note(&mut budgets, key);
            visit(key, row);
        });
        self.budgets = budgets;
        let count = self.want_fault(frame, ahead, read)?;
        self.note(at, Operation::Read { query, found: hash.0 })?;
        Ok(count)
    }

    /// The row `key` of a tree of rows, as the shopper sees it, handed to `take`.
    ///
    /// # Errors
    /// As for `read`.
    pub fn get(&mut self, rows_tree: TreeId, key: &str, take: &mut dyn FnMut(&[u8])) -> Result<(), Stop> {
        let read = self.view().get_with(&row_key(rows_tree, key), take);
        self.used(rows_tree, key);
        self.want_fault(0, 0, read)
    }

    /// As `read` of the current state, for the keys alone. Rows are looked at
    /// only where they may have expired.
    ///
    /// # Errors
    /// As for `read`.
    pub fn read_keys(&mut self, query: &Query, visit: &mut dyn FnMut(&[u8])) -> Result<u32, Stop> {
        let mut budgets = core::mem::take(&mut self.budgets);
        let read = query.run_keys(&self.view(), &self.schema, &mut |key| {
            note(&mut budgets, key);
            visit(key);
        });
        self.budgets = budgets;
        self.want_fault(0, 0, read)
    }

    /// As `read`, for the number of rows alone: see [`Query::count`].
    ///
    /// # Errors
    /// As for `read`.
    pub fn count(&mut self, frame: u32, query: Query) -> Result<u64, Stop> {
        if frame == 0 {
            let count = query.count(&self.view(), &self.schema);
            return self.want_fault(0, 0, count);
        }
        let at = self.frame(frame)?;
        let held = &self.frames[at];
        let count = query.count(&self.reader_of(held), &held.schema);
        let found = self.want_fault(frame, 0, count)?;
        self.note(at, Operation::Count { query, found })?;
        Ok(found)
    }

    /// Bytes of the rows of a collection and their keys, without counting them.
    ///
    /// # Errors
    /// As for `read`.
    pub fn bytes(&mut self, rows_tree: TreeId) -> Result<u64, Stop> {
        let size = Size::read(&self.view(), rows_tree);
        Ok(self.want_fault(0, 0, size)?.bytes)
    }

    /// Writes in a transaction: seen by its own reads alone until it commits.
    ///
    /// # Errors
    /// As for `read`, and whatever refuses the operation.
    pub fn write(&mut self, frame: u32, operation: Operation) -> Result<(), Stop> {
        later::run(|| self.write_held(frame, operation))
    }

    fn write_held(&mut self, frame: u32, operation: Operation) -> Result<(), Stop> {
        let at = self.frame(frame)?;
        let held = &self.frames[at];
        let mut workspace = Workspace::new(self.reader_of(held), &held.schema, held.began_ms);
        let stepped = self.step(&mut workspace, &operation, &mut Edit::default());
        let overlay = workspace.into_overlay();
        self.want_fault(frame, 0, stepped)?;
        self.note(at, operation)?;
        self.frames[at].overlay = overlay;
        Ok(())
    }

    /// Ends a transaction and commits what it did; returns the ticket. A
    /// refusal with `conflict` means that something it read has changed.
    ///
    /// # Errors
    /// `snapshot_gone` when it was given up.
    pub fn commit_frame(&mut self, frame: u32, now_ms: u64) -> Result<u64, Stop> {
        let at = self.frame(frame)?;
        let done = self.frames.swap_remove(at).done.unwrap_or_default();
        self.store.hold_segments(!self.frames.is_empty());
        Ok(self.submit(Operation::Transaction(done), now_ms))
    }

    /// Keeps what a transaction has done.
    fn note(&mut self, at: usize, operation: Operation) -> Result<(), Stop> {
        let Some(done) = &mut self.frames[at].done else {
            return Ok(());
        };
        if done.len() == TRANSACTION_OPERATIONS_MAX {
            let size = |count: usize| Value::Int(count as i64);
            let detail = [("bytes", size(TRANSACTION_OPERATIONS_MAX + 1)), ("limit", size(TRANSACTION_OPERATIONS_MAX))];
            return Err(Stop::refused("transaction_too_long", &detail));
        }
        done.push(operation);
        Ok(())
    }

    /// Asks for the segment that a read faulted on, if it is still there, and
    /// for those that were written `ahead` of it.
    pub(super) fn want_fault<T>(&mut self, frame: u32, ahead: u32, read: Result<T, Stop>) -> Result<T, Stop> {
        if let Err(stop) = &read
            && let Some(Fault { segment }) = stop.fault()
        {
            let is_dropped = segment != Fault::CODE.segment && !self.store.head().holds(segment);
            if is_dropped && (frame != 0 || self.view_stale) {
                self.view_awaited = true;
                return if frame == 0 { read } else { Err(Stop::refused(GONE, &[])) };
            }
            self.want(Fault { segment });
            for ahead in segment + 1..=segment.saturating_add(ahead) {
                self.store.want_ahead(ahead);
            }
        } else {
            self.store.read_ended();
        }
        read
    }
}
