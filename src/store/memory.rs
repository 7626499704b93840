//! The record store in memory: for tests, for the simulator, and for pages
//! that have no other storage.

use super::request::{Checkpoint, Request, Response};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// Records in memory. A clone is what a crash at this moment would leave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryRecords {
    head: Option<Vec<u8>>,
    log: BTreeMap<u64, Vec<u8>>,
    segments: BTreeMap<u32, Vec<u8>>,
}

impl Default for MemoryRecords {
    fn default() -> Self {
        Self { head: None, log: BTreeMap::from([(0, Vec::new())]), segments: BTreeMap::new() }
    }
}

impl MemoryRecords {
    /// Does what `request` asks.
    pub fn execute(&mut self, request: &Request) -> Response {
        match request {
            Request::Open { log_after } => {
                let from = log_after.map_or(0, |seq| seq + 1);
                let log = self.log.range(from..).map(|(seq, bytes)| (*seq, bytes.clone())).collect();
                Response::Opened { head: self.head.clone(), log }
            }
            Request::Append { seq, bytes } => self.append(*seq, bytes),
            Request::Read { segments } => {
                let read = segments.iter().map(|segment| (*segment, self.segments.get(segment).cloned()));
                Response::Segments(read.collect())
            }
            Request::Checkpoint(checkpoint) => self.checkpoint(checkpoint),
        }
    }

    /// Bytes stored.
    pub fn bytes(&self) -> usize {
        let log: usize = self.log.values().map(Vec::len).sum();
        let segments: usize = self.segments.values().map(Vec::len).sum();
        log + segments + self.head.as_ref().map_or(0, Vec::len)
    }

    /// Every stored record, for tests that damage them.
    pub fn records_mut(&mut self) -> impl Iterator<Item = &mut Vec<u8>> {
        self.head.iter_mut().chain(self.log.values_mut()).chain(self.segments.values_mut())
    }

    fn append(&mut self, seq: u64, bytes: &[u8]) -> Response {
        let follows = seq.checked_sub(1).is_some_and(|before| self.log.contains_key(&before));
        if !follows || self.log.contains_key(&seq) {
            return Response::Conflict;
        }
        self.log.insert(seq, bytes.to_vec());
        Response::Done
    }

    fn checkpoint(&mut self, checkpoint: &Checkpoint) -> Response {
        if self.head.as_deref() != checkpoint.head_before.as_deref() {
            return Response::Conflict;
        }
        if let Some((seq, bytes)) = &checkpoint.append
            && self.append(*seq, bytes) == Response::Conflict
        {
            return Response::Conflict;
        }
        self.head = Some(checkpoint.head.to_vec());
        self.log = self.log.split_off(&checkpoint.drop_log_below);
        for (segment, record) in &checkpoint.segments {
            self.segments.insert(*segment, record.to_vec());
        }
        for segment in &checkpoint.drop_segments {
            self.segments.remove(segment);
        }
        Response::Done
    }
}
