//! Segments that were read.

use crate::Fault;
use pannier::format::checksum;
use pannier::format::head::SegmentInfo;
use pannier::tree::{self, Segments};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Bytes of segments that are kept: with less, one that is read again because a
/// newer head has come would read more than others write meanwhile. A value of
/// 16 MiB in pieces must fit.
const HELD_BYTES_MAX: usize = 48 * 1024 * 1024;

/// Segments that are asked for at a time, of 64 KiB mostly.
const SEGMENTS_AT_ONCE: usize = 8;

/// A segment as it was found.
#[derive(Clone)]
pub(crate) struct Segment {
    /// `None` where there is none of its number.
    pub(crate) record: Option<Arc<[u8]>>,
    /// Why it is not sound, where it is not.
    pub(crate) why: Option<&'static str>,
}

/// Segments that were read, within a budget. Of one moment for any head: see the crate.
#[derive(Default)]
pub struct Held {
    segments: BTreeMap<u32, Segment>,
    /// Their numbers, as they came.
    order: Vec<u32>,
    bytes: usize,
    /// Those that were not sound, also where they are not kept.
    bad: BTreeMap<u32, &'static str>,
}

impl Held {
    /// Takes a segment in, `None` where there is none of this number.
    pub fn give(&mut self, number: u32, record: Option<Vec<u8>>) {
        self.forget(number);
        let why = match &record {
            None => Some("is missing"),
            Some(record) if checksum::open(record).is_none() => Some("checksum does not match"),
            Some(_) => None,
        };
        if let Some(why) = why {
            self.bad.insert(number, why);
        }
        self.bytes += record.as_ref().map_or(0, Vec::len);
        while self.bytes > HELD_BYTES_MAX && !self.order.is_empty() {
            self.forget(self.order[0]);
        }
        self.segments.insert(number, Segment { record: record.map(Into::into), why });
        self.order.push(number);
    }

    /// What is wrong with the segments so far; of those that are missing, with these.
    pub(crate) fn faults(&self, segments: &[SegmentInfo]) -> Vec<Fault> {
        let is_listed = |number: u32| segments.iter().any(|info| info.segment == number);
        let is_there = |number: u32| self.segments.get(&number).is_none_or(|segment| segment.record.is_some());
        let bad = self.bad.iter().filter(|(number, _)| is_there(**number) || is_listed(**number));
        bad.map(|(number, why)| Fault::segment(*number, why)).collect()
    }

    /// Forgets what was missing: under a newer head it is asked for anew.
    pub fn begin(&mut self) {
        self.bad.retain(|number, _| self.segments.get(number).is_none_or(|segment| segment.record.is_some()));
        let missing: Vec<u32> =
            self.segments.iter().filter(|(_, segment)| segment.record.is_none()).map(|(number, _)| *number).collect();
        missing.into_iter().for_each(|number| self.forget(number));
    }

    pub(crate) fn get(&self, number: u32) -> Option<&Segment> {
        self.segments.get(&number)
    }

    fn forget(&mut self, number: u32) {
        if let Some(Segment { record, .. }) = self.segments.remove(&number) {
            self.bytes -= record.map_or(0, |record| record.len());
            self.order.retain(|other| *other != number);
        }
    }
}

impl Segments for Held {
    /// One that is not sound is as good as none.
    fn segment(&self, segment: u32) -> Result<Arc<[u8]>, tree::Fault> {
        match self.segments.get(&segment) {
            Some(Segment { record: Some(record), why: None }) => Ok(record.clone()),
            _ => Err(tree::Fault { segment }),
        }
    }
}

/// A segment and those after it, which most likely hold what comes next.
pub(crate) fn with_next(segment: u32, segments: &[SegmentInfo], held: &Held) -> Vec<u32> {
    let after = segments.iter().map(|info| info.segment).filter(|other| *other > segment);
    let missing = after.filter(|other| held.get(*other).is_none());
    [segment].into_iter().chain(missing).take(SEGMENTS_AT_ONCE).collect()
}
