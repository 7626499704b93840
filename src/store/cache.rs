//! The segments in memory.

use crate::format::{Corrupt, Place, checksum};
use crate::tree::{Fault, Segments};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cell::Cell;

struct Cached {
    record: Arc<[u8]>,
    used_at: Cell<u64>,
}

/// Keeps segments up to a byte budget, least recently used go first. The budget
/// is enforced by `trim`, which spares what an operation under way has used: or
/// two segments that it needs at once could drive each other out for ever.
pub(super) struct Cache {
    /// By ascending number. At some hundred segments a search in a list costs
    /// what a hash does.
    segments: Vec<(u32, Cached)>,
    bytes: usize,
    clock: Cell<u64>,
}

impl Cache {
    pub(super) fn new() -> Self {
        Self { segments: Vec::new(), bytes: 0, clock: Cell::new(0) }
    }

    /// Takes a record in after checking it.
    pub(super) fn insert(&mut self, segment: u32, record: Arc<[u8]>) -> Result<(), Corrupt> {
        if checksum::open(&record).is_none() {
            return Err(Corrupt { place: Place::Segment(segment), why: "checksum does not match" });
        }
        self.insert_trusted(segment, record);
        Ok(())
    }

    /// Takes a record in that was just written.
    pub(super) fn insert_trusted(&mut self, segment: u32, record: Arc<[u8]>) {
        self.bytes += record.len();
        let cached = Cached { record, used_at: Cell::new(self.tick()) };
        match self.find(segment) {
            Ok(index) => {
                let before = core::mem::replace(&mut self.segments[index].1, cached);
                self.bytes -= before.record.len();
            }
            Err(index) => self.segments.insert(index, (segment, cached)),
        }
    }

    pub(super) fn remove(&mut self, segment: u32) {
        if let Ok(index) = self.find(segment) {
            let (_, cached) = self.segments.remove(index);
            self.bytes -= cached.record.len();
        }
    }

    /// The time: it counts uses.
    pub(super) fn now(&self) -> u64 {
        self.clock.get()
    }

    /// Drops segments until the rest fits in `bytes_max`, but none that was used
    /// after `keep_from`.
    pub(super) fn trim(&mut self, bytes_max: usize, keep_from: u64) {
        while self.bytes > bytes_max {
            let oldest = self.segments.iter().min_by_key(|(_, cached)| cached.used_at.get());
            let Some((segment, _)) = oldest.filter(|(_, cached)| cached.used_at.get() <= keep_from) else {
                return;
            };
            self.remove(*segment);
        }
    }

    /// The numbers of all segments in memory.
    pub(super) fn numbers(&self) -> Vec<u32> {
        self.segments.iter().map(|(segment, _)| *segment).collect()
    }

    /// Whether a segment is in memory.
    pub(super) fn holds(&self, segment: u32) -> bool {
        self.find(segment).is_ok()
    }

    fn find(&self, segment: u32) -> Result<usize, usize> {
        self.segments.binary_search_by_key(&segment, |(number, _)| *number)
    }

    fn tick(&self) -> u64 {
        self.clock.set(self.clock.get() + 1);
        self.clock.get()
    }
}

impl Segments for Cache {
    fn segment(&self, segment: u32) -> Result<Arc<[u8]>, Fault> {
        let cached = &self.segments[self.find(segment).map_err(|_| Fault { segment })?].1;
        cached.used_at.set(self.tick());
        Ok(cached.record.clone())
    }
}
