//! A checkpoint: the overlay is merged into the base tree and written, a slice
//! at a time.

use super::cache::Cache;
use super::compaction;
use super::engine::Store;
use super::reader::{Reader, Scan};
use super::request::Checkpoint;
use crate::format::checksum::CHECKSUM_BYTES;
use crate::format::head::{Head, SegmentInfo};
use crate::format::log::{Entry, LogRecord};
use crate::format::{Corrupt, FORMAT_VERSION, Place};
use crate::stop::Stop;
use crate::tree::build::{SegmentSizes, SegmentWriter};
use crate::tree::cursor::Cursor;
use crate::tree::relocate::Relocation;
use crate::tree::{Builder, Freed, NoSegments, Tree, Value, later};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Above all keys: they begin with the number of a tree, which is lower.
const KEYS_END: [u8; crate::key::KEY_BYTES_MAX + 1] = [0xFF; crate::key::KEY_BYTES_MAX + 1];

/// What an entry costs to merge besides its bytes, as so many bytes.
const ENTRY_COST_BYTES: usize = 128;

/// A checkpoint under way.
pub(super) struct Job {
    /// It carries commits that are in no log record.
    pub(super) bulk: bool,
    /// The last of these commits.
    pub(super) commit_to: u64,
    /// Their entries, to be staged again if the checkpoint fails.
    pub(super) entries: Vec<Entry>,
    /// The segment that it waits for.
    pub(super) faulted: Option<u32>,
    /// Since when the cache must keep what it uses: since it last began with
    /// what faulted. In the cache's time.
    pub(super) needs_from: Option<u64>,
    /// What the record store was asked to write.
    pub(super) written: Option<Written>,
    /// Last log record that the new head covers.
    pub(super) covers: u64,
    /// What has come into the log since: the overlay when the head is there.
    pub(super) after: Tree,
    slice_bytes_max: usize,
    segment_bytes: usize,
    /// The segments of the head, with what has been freed in them.
    infos: Vec<SegmentInfo>,
    overlay: Tree,
    step: Step,
    base: Tree,
    freed: Freed,
    writer: SegmentWriter,
}

/// What a checkpoint does next.
enum Step {
    /// Builds the tree anew, from the entries of base and overlay from this key
    /// on: where the base is empty or of an older format version.
    Build(Builder, Vec<u8>),
    /// Merges the overlay from this key on.
    Merge(Vec<u8>),
    /// Moves nodes out of segments under half alive, which are chosen first.
    Compact(Option<Relocation>),
    /// Stores the nodes that are new.
    Write,
    /// Waits to be handed to the record store, then for its answer.
    Done,
}

/// A checkpoint that the record store was asked for.
pub(super) struct Written {
    pub(super) head: Head,
    pub(super) head_bytes: Arc<[u8]>,
    pub(super) segments: Vec<(u32, Arc<[u8]>)>,
    pub(super) dropped: Vec<u32>,
    pub(super) append: Option<(u64, Arc<[u8]>)>,
}

impl Job {
    pub(super) fn new(store: &mut Store, bulk: bool, commit_to: u64) -> Self {
        let older = store.head.version < FORMAT_VERSION;
        let mut infos = store.head.segments.clone();
        if older {
            // Nothing of an older format version is kept.
            infos.iter_mut().for_each(|info| info.bytes_live = 0);
        }
        let entries = if bulk { core::mem::take(&mut store.staged) } else { Vec::new() };
        if bulk {
            store.staged_bytes = 0;
        }
        let overlay = if bulk { store.current.clone() } else { store.durable.clone() };
        let mut base = store.base.clone();
        let step = if !older && bulk && base.is_empty() && overlay.is_base() {
            // Most of it was built at once: its nodes are as full as they would get.
            base = overlay.clone();
            Step::Write
        } else if older || base.is_empty() {
            Step::Build(Builder::default(), Vec::new())
        } else {
            Step::Merge(Vec::new())
        };
        Self {
            bulk,
            commit_to,
            entries,
            faulted: None,
            needs_from: None,
            written: None,
            covers: store.durable_seq + u64::from(bulk),
            after: Tree::default(),
            slice_bytes_max: store.options.slice_bytes_max,
            segment_bytes: store.options.segment_bytes,
            infos,
            overlay,
            step,
            base,
            freed: Freed::default(),
            writer: SegmentWriter::new(store.head.segment_next, store.options.segment_sizes()),
        }
    }

    /// Whether there is something to do before the record store can be asked.
    pub(super) fn has_work(&self) -> bool {
        self.faulted.is_none() && !matches!(self.step, Step::Done)
    }

    /// Whether the record store can be asked and has not been.
    pub(super) fn is_ready(&self) -> bool {
        self.written.is_none() && matches!(self.step, Step::Done)
    }

    #[cfg(test)]
    pub(super) fn is_compacting(&self) -> bool {
        matches!(self.step, Step::Compact(_))
    }

    /// Does one slice.
    pub(super) fn work(&mut self, cache: &Cache) -> Result<(), Stop> {
        match &mut self.step {
            Step::Build(..) => {
                if self.build(cache)? {
                    self.step = Step::Write;
                }
            }
            Step::Merge(_) => {
                if self.merge(cache)? {
                    self.step = self.plan();
                }
            }
            Step::Compact(_) => {
                if later::run(|| self.compact(cache))? {
                    self.count_freed();
                    self.step = Step::Write;
                }
            }
            Step::Write => {
                if self.base.write(&mut self.writer, self.slice_bytes_max) {
                    self.step = Step::Done;
                }
            }
            Step::Done => {}
        }
        Ok(())
    }

    /// Builds a slice of the tree; tells whether it was the last.
    fn build(&mut self, cache: &Cache) -> Result<bool, Stop> {
        let Step::Build(builder, resume) = &mut self.step else {
            return Ok(true);
        };
        let mut cost = 0;
        self.needs_from = Some(cache.now());
        let reader = Reader { overlay: &self.overlay, base: &self.base, segments: cache };
        let from = resume.clone();
        let mut ascends = true;
        reader.scan(Scan::ascending(&from, &KEYS_END), &mut |key, value| {
            // In a damaged tree the next slice could begin where this one did.
            if key < &resume[..] {
                ascends = false;
                return false;
            }
            builder.push(key, Value::Bytes(value));
            resume.clear();
            resume.extend_from_slice(key);
            // No key lies between one and the same with a zero byte.
            resume.push(0);
            cost += ENTRY_COST_BYTES + key.len() + value.len();
            cost < self.slice_bytes_max
        })?;
        self.needs_from = None;
        if !ascends {
            return Err(Corrupt { place: Place::Row, why: "keys do not ascend" }.into());
        }
        if cost >= self.slice_bytes_max {
            return Ok(false);
        }
        self.base = core::mem::take(builder).finish();
        Ok(true)
    }

    /// Merges a slice of the overlay into the base; tells whether it was the last.
    fn merge(&mut self, cache: &Cache) -> Result<bool, Stop> {
        let Step::Merge(resume) = &mut self.step else {
            return Ok(true);
        };
        let mut run = Cursor::at_or_after(&self.overlay, resume, &NoSegments)?;
        let mut cost = 0;
        while run.key(resume)? {
            if cost >= self.slice_bytes_max {
                return Ok(false);
            }
            self.needs_from = Some(cache.now());
            let freed_before = self.freed.0.len();
            cost += self.base.merge(&mut run, cache, &mut self.freed)?;
            let copied: u32 = self.freed.0[freed_before..].iter().map(|at| at.length).sum();
            cost += copied as usize;
            self.needs_from = None;
        }
        Ok(true)
    }

    /// Moves a slice of what is to move; tells whether it was the last.
    fn compact(&mut self, cache: &Cache) -> Result<bool, Stop> {
        let Step::Compact(relocation) = &mut self.step else {
            return Ok(true);
        };
        let victims = || Relocation::new(compaction::victims(&self.infos, self.segment_bytes));
        let relocation = relocation.get_or_insert_with(victims);
        self.needs_from = Some(cache.now());
        let is_done = self.base.relocate(relocation, self.slice_bytes_max, cache, &mut self.freed)?;
        self.needs_from = None;
        Ok(is_done)
    }

    /// What comes after the merge. A bulk commit is waited for: the space is won
    /// back by the next checkpoint.
    fn plan(&mut self) -> Step {
        self.count_freed();
        let is_due = !self.bulk && compaction::is_due(&self.infos, self.segment_bytes);
        if is_due { Step::Compact(None) } else { Step::Write }
    }

    fn count_freed(&mut self) {
        for at in self.freed.0.drain(..) {
            if let Ok(index) = self.infos.binary_search_by_key(&at.segment, |info| info.segment) {
                let live = &mut self.infos[index].bytes_live;
                *live = live.saturating_sub(at.length);
            }
        }
    }

    /// The request for the record store. Where `holds`, no segment is dropped: a
    /// later checkpoint finds those that are dead.
    pub(super) fn request(&mut self, head: &Head, head_before: Option<Arc<[u8]>>, holds: bool) -> Checkpoint {
        let segments = core::mem::replace(&mut self.writer, SegmentWriter::new(0, SegmentSizes::default())).finish();
        let before = core::mem::take(&mut self.infos);
        let mut dropped = Vec::new();
        let mut infos = Vec::with_capacity(before.len() + segments.len());
        for info in before {
            if info.bytes_live == 0 && !holds {
                dropped.push(info.segment);
            } else {
                infos.push(info);
            }
        }
        for (segment, record) in &segments {
            let bytes = record.len() as u32;
            infos.push(SegmentInfo { segment: *segment, bytes, bytes_live: bytes - CHECKSUM_BYTES as u32 });
        }
        let head = Head {
            version: FORMAT_VERSION,
            generation: head.generation + 1,
            log_from: self.covers + 1,
            segment_next: head.segment_next + segments.len() as u32,
            root: self.base.stored_root(),
            segments: infos,
        };
        let head_bytes: Arc<[u8]> = head.encode().into();
        let append = self.bulk.then(|| {
            let marker = LogRecord { seq: self.covers, in_checkpoint: true, entries: Vec::new() };
            (self.covers, marker.encode().into())
        });
        self.written = Some(Written {
            head,
            head_bytes: head_bytes.clone(),
            segments: segments.clone(),
            dropped: dropped.clone(),
            append: append.clone(),
        });
        // The last record covered stays: the next append must find it.
        Checkpoint {
            head_before,
            head: head_bytes,
            segments,
            drop_segments: dropped,
            drop_log_below: self.covers,
            append,
        }
    }
}
