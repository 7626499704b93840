//! A checkpoint: the overlay is merged into the base tree and written.

use super::engine::Store;
use super::request::Checkpoint;
use crate::format::Corrupt;
use crate::format::head::{Head, SegmentInfo};
use crate::format::log::{Entry, LogRecord};
use crate::tree::build::SegmentWriter;
use crate::tree::cursor::Cursor;
use crate::tree::{Fault, Freed, NoSegments, Segments, Tree, TreeError};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// A checkpoint under way.
pub(super) struct Job {
    /// It carries commits that are in no log record.
    pub(super) bulk: bool,
    /// The last of these commits.
    pub(super) commit_to: u64,
    /// Their entries, to be staged again if the checkpoint fails.
    pub(super) entries: Vec<Entry>,
    /// What the record store was asked to write.
    pub(super) written: Option<Written>,
    /// Last log record that the new head covers.
    covers: u64,
    overlay: Tree,
    has_deletions: bool,
    /// Where to go on after a fault.
    resume: Vec<u8>,
    base: Tree,
    freed: Freed,
}

/// A checkpoint that the record store was asked for.
pub(super) struct Written {
    pub(super) head: Head,
    pub(super) head_bytes: Arc<[u8]>,
    pub(super) segments: Vec<(u32, Arc<[u8]>)>,
    pub(super) dropped: Vec<u32>,
    pub(super) append: Option<(u64, Arc<[u8]>)>,
}

/// How far the merge has come.
pub(super) enum Merge {
    /// It waits for a segment.
    Fault(Fault),
    /// It can be written.
    Ready,
    /// It is being written.
    Sent,
    /// The base tree is damaged.
    Corrupt(Corrupt),
}

impl Job {
    pub(super) fn new(store: &mut Store, bulk: bool, commit_to: u64) -> Self {
        let deletes = |entry: &Entry| entry.value.is_none();
        let has_deletions = store.staged.iter().any(deletes) || store.tail_entries().any(deletes);
        let entries = if bulk { core::mem::take(&mut store.staged) } else { Vec::new() };
        if bulk {
            store.staged_bytes = 0;
        }
        Self {
            bulk,
            commit_to,
            entries,
            written: None,
            covers: store.durable_seq + u64::from(bulk),
            overlay: if bulk { store.overlay().clone() } else { store.tail_overlay() },
            has_deletions,
            resume: Vec::new(),
            base: store.base.clone(),
            freed: Freed::default(),
        }
    }

    /// Merges the overlay into the base, as far as the segments in memory allow.
    pub(super) fn merge(&mut self, segments: &dyn Segments) -> Merge {
        if self.written.is_some() {
            return Merge::Sent;
        }
        match self.try_merge(segments) {
            Ok(()) => Merge::Ready,
            Err(TreeError::Fault(fault)) => Merge::Fault(fault),
            Err(TreeError::Corrupt(corrupt)) => Merge::Corrupt(corrupt),
        }
    }

    fn try_merge(&mut self, segments: &dyn Segments) -> Result<(), TreeError> {
        let mut cursor = Cursor::at_or_after(&self.overlay, &self.resume, &NoSegments)?;
        if self.resume.is_empty() && self.base.is_empty() && !self.has_deletions {
            self.base = self.overlay.clone();
            return Ok(());
        }
        let mut key = Vec::new();
        while cursor.key(&mut key)? {
            self.resume.clone_from(&key);
            match cursor.value()?.flatten() {
                Some(value) => self.base.insert(&key, Some(value), segments, &mut self.freed)?,
                None => {
                    self.base.remove(&key, segments, &mut self.freed)?;
                }
            }
            cursor.forward(&NoSegments)?;
        }
        Ok(())
    }

    /// Writes the merged tree into segments and makes the request.
    pub(super) fn write(&mut self, head: &Head, head_before: Option<Arc<[u8]>>) -> Checkpoint {
        let mut writer = SegmentWriter::new(head.segment_next);
        let base = self.base.write(&mut writer);
        let segments: Vec<(u32, Arc<[u8]>)> =
            writer.finish().into_iter().map(|(segment, record)| (segment, record.into())).collect();
        let mut infos = head.segments.clone();
        for at in &self.freed.0 {
            if let Ok(index) = infos.binary_search_by_key(&at.segment, |info| info.segment) {
                infos[index].bytes_live = infos[index].bytes_live.saturating_sub(at.length);
            }
        }
        let dropped: Vec<u32> = infos.iter().filter(|info| info.bytes_live == 0).map(|info| info.segment).collect();
        infos.retain(|info| info.bytes_live > 0);
        infos.extend(segments.iter().map(|(segment, record)| {
            let bytes = record.len() as u32;
            SegmentInfo { segment: *segment, bytes, bytes_live: bytes - crate::format::checksum::CHECKSUM_BYTES as u32 }
        }));
        let head = Head {
            generation: head.generation + 1,
            log_from: self.covers + 1,
            segment_next: head.segment_next + segments.len() as u32,
            root: base.stored_root(),
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
