//! The record store in memory: for tests, for the simulator, and for pages
//! that have no other storage.

use super::request::{Checkpoint, Request, Response};
use alloc::vec;
use alloc::vec::Vec;

/// Records in memory. A clone is what a crash at this moment would leave.
///
/// The log is short and both lists are appended to in order, so they do as
/// well as maps, which would be 10 kB more to ship.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryRecords {
    head: Option<Vec<u8>>,
    log: Vec<(u64, Vec<u8>)>,
    segments: Vec<(u32, Vec<u8>)>,
}

impl Default for MemoryRecords {
    fn default() -> Self {
        Self { head: None, log: vec![(0, Vec::new())], segments: Vec::new() }
    }
}

impl MemoryRecords {
    /// Does what `request` asks.
    pub fn execute(&mut self, request: &Request) -> Response {
        match request {
            Request::Open { log_after } => {
                let newer = |(seq, _): &&(u64, Vec<u8>)| log_after.is_none_or(|after| *seq > after);
                let log = self.log.iter().filter(newer).cloned().collect();
                Response::Opened { head: self.head.clone(), log, segments: Vec::new() }
            }
            Request::Append { seq, bytes, checked } => {
                let response = self.append(*seq, bytes);
                if response == Response::Conflict && !checked {
                    // What a store may do that learns the number only afterwards.
                    let last = self.log.last().map_or(0, |(last, _)| *last);
                    self.append(last + 1, bytes);
                }
                response
            }
            Request::Read { segments } => {
                Response::Segments(segments.iter().map(|segment| (*segment, self.segment(*segment))).collect())
            }
            Request::Checkpoint(checkpoint) => self.checkpoint(checkpoint),
        }
    }

    /// Every stored record, for tests that damage them.
    pub fn records_mut(&mut self) -> impl Iterator<Item = &mut Vec<u8>> {
        let log = self.log.iter_mut().map(|(_, bytes)| bytes);
        self.head.iter_mut().chain(log).chain(self.segments.iter_mut().map(|(_, bytes)| bytes))
    }

    /// Every stored record: its group (0 head, 1 log, 2 segment), its number and its bytes.
    #[cfg(test)]
    pub(super) fn all(&self) -> impl Iterator<Item = (u8, u64, &Vec<u8>)> {
        let log = self.log.iter().map(|(seq, bytes)| (1, *seq, bytes));
        let segments = self.segments.iter().map(|(segment, bytes)| (2, u64::from(*segment), bytes));
        self.head.iter().map(|bytes| (0, 0, bytes)).chain(log).chain(segments)
    }

    /// What `all` gave.
    #[cfg(test)]
    pub(super) fn from_all(records: Vec<(u8, u64, Vec<u8>)>) -> Self {
        let mut made = Self { head: None, log: Vec::new(), segments: Vec::new() };
        for (group, number, bytes) in records {
            match group {
                0 => made.head = Some(bytes),
                1 => made.log.push((number, bytes)),
                _ => made.segments.push((number as u32, bytes)),
            }
        }
        made
    }

    fn segment(&self, segment: u32) -> Option<Vec<u8>> {
        self.segments.iter().find(|(other, _)| *other == segment).map(|(_, record)| record.clone())
    }

    fn append(&mut self, seq: u64, bytes: &[u8]) -> Response {
        // The log has no gaps and is never empty, so only one number can follow.
        if self.log.last().map(|(last, _)| last + 1) != Some(seq) {
            return Response::Conflict;
        }
        self.log.push((seq, bytes.to_vec()));
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
        self.log.retain(|(seq, _)| *seq >= checkpoint.drop_log_below);
        self.segments.retain(|(segment, _)| !checkpoint.drop_segments.contains(segment));
        self.segments.extend(checkpoint.segments.iter().map(|(segment, record)| (*segment, record.to_vec())));
        Response::Done
    }
}
