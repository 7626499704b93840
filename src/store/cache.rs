//! The segments in memory.

use crate::format::{Corrupt, Place, checksum};
use crate::tree::{Fault, Segments};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cell::Cell;
use hashbrown::HashMap;

struct Cached {
    record: Arc<[u8]>,
    used_at: Cell<u64>,
}

/// Keeps segments up to a byte budget, least recently used go first. The budget
/// is enforced by `trim`, which is called between operations: during one, all
/// that it loaded must stay, or two segments could drive each other out for ever.
pub(super) struct Cache {
    segments: HashMap<u32, Cached, Spread>,
    bytes: usize,
    clock: Cell<u64>,
}

/// Segment numbers are dense, so a multiplication spreads them well enough.
#[derive(Clone, Copy, Default)]
pub(super) struct Spread(u64);

impl core::hash::BuildHasher for Spread {
    type Hasher = Self;
    fn build_hasher(&self) -> Self {
        Self(0)
    }
}

impl core::hash::Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0.wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0 << 8 | u64::from(*byte);
        }
    }
    fn write_u32(&mut self, value: u32) {
        self.0 = u64::from(value);
    }
}

impl Cache {
    pub(super) fn new() -> Self {
        Self { segments: HashMap::with_hasher(Spread::default()), bytes: 0, clock: Cell::new(0) }
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
        if let Some(before) = self.segments.insert(segment, cached) {
            self.bytes -= before.record.len();
        }
    }

    pub(super) fn remove(&mut self, segment: u32) {
        if let Some(cached) = self.segments.remove(&segment) {
            self.bytes -= cached.record.len();
        }
    }

    /// Drops segments until the rest fits in `bytes_max`.
    pub(super) fn trim(&mut self, bytes_max: usize) {
        while self.bytes > bytes_max {
            let oldest = self.segments.iter().min_by_key(|(_, cached)| cached.used_at.get());
            let Some(segment) = oldest.map(|(segment, _)| *segment) else {
                return;
            };
            self.remove(segment);
        }
    }

    /// The numbers of all segments in memory.
    pub(super) fn numbers(&self) -> Vec<u32> {
        self.segments.keys().copied().collect()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    fn tick(&self) -> u64 {
        self.clock.set(self.clock.get() + 1);
        self.clock.get()
    }
}

impl Segments for Cache {
    fn segment(&self, segment: u32) -> Result<Arc<[u8]>, Fault> {
        let cached = self.segments.get(&segment).ok_or(Fault { segment })?;
        cached.used_at.set(self.tick());
        Ok(cached.record.clone())
    }
}
