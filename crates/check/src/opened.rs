//! Head and log of one moment.

use crate::Fault;
use pannier::format::checksum;
use pannier::format::head::Head;
use pannier::format::log::LogRecord;
use pannier::format::{Corrupt, Place};
use std::collections::BTreeMap;

/// Head and log as they were read, in one transaction.
#[derive(Default)]
pub struct Opened {
    /// Bytes of both.
    pub bytes: u64,
    /// The head; a new store's where there is none yet, and `None` where it is damaged.
    pub head: Option<Head>,
    /// The log records that are sound, ascending.
    pub log: Vec<LogRecord>,
    /// Bytes of all log records.
    pub log_bytes: Vec<(u64, usize)>,
    /// What is wrong with them.
    pub faults: Vec<Fault>,
    /// What log records hold that the tree does not, the last of each key; `None` for a deletion.
    pub(crate) newer: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    /// As `newer`, of records whose checksum does not match. Only what they put.
    pub(crate) doubtful: BTreeMap<Vec<u8>, Vec<u8>>,
    /// The segment with the highest number, as far as it is known.
    pub(crate) last_segment: Option<u32>,
}

impl Opened {
    /// Reads head and log records. `last_segment` is the highest number of a segment
    /// that is there, where it is known: it tells whether there must be a head.
    pub fn new(head: Option<&[u8]>, log: &[(u64, Vec<u8>)], last_segment: Option<u32>) -> Self {
        let mut opened = Self { last_segment, ..Self::default() };
        opened.bytes =
            head.map_or(0, <[u8]>::len) as u64 + log.iter().map(|(_, record)| record.len() as u64).sum::<u64>();
        opened.log_bytes = log.iter().map(|(seq, record)| (*seq, record.len())).collect();
        opened.read_head(head, log.first().map_or(0, |(seq, _)| *seq));
        opened.read_log(log);
        opened
    }

    fn read_head(&mut self, head: Option<&[u8]>, log_first: u64) {
        let read = match head {
            Some(bytes) => Head::decode(bytes),
            // A checkpoint that drops log records, or writes segments, writes a head.
            None if log_first > 0 || self.last_segment.is_some() => {
                Err(Corrupt { place: Place::Head, why: "is missing" })
            }
            None => Ok(Head { log_from: 1, ..Head::default() }),
        };
        match read {
            Ok(head) => self.head = Some(head),
            Err(corrupt) => {
                self.faults.push(corrupt.into());
                let told = head.and_then(|bytes| Head::decode(&sealed(bytes)).ok());
                let last = told.and_then(|head| head.segments.last().map(|info| info.segment));
                self.last_segment = self.last_segment.max(last);
            }
        }
    }

    fn read_log(&mut self, log: &[(u64, Vec<u8>)]) {
        let log_from = self.head.as_ref().map_or(1, |head| head.log_from);
        let missing = |seq| Fault::from(Corrupt { place: Place::Log(seq), why: "is missing" });
        // Without a head all that there is counts: what the tree holds already is put once more.
        let mut next = if self.head.is_some() { log_from - 1 } else { log.first().map_or(0, |(seq, _)| *seq) };
        if log.last().is_none_or(|(last, _)| *last < next) {
            self.faults.push(missing(next));
        }
        for (seq, bytes) in log {
            if *seq > next {
                self.faults.push(missing(next));
            }
            next = next.max(*seq + 1);
            // The record that every new store begins with.
            if *seq == 0 && bytes.is_empty() {
                continue;
            }
            let is_newer = self.head.is_none() || *seq >= log_from;
            match LogRecord::decode(*seq, bytes) {
                Ok(record) => {
                    if is_newer {
                        self.put(&record);
                    }
                    self.log.push(record);
                }
                Err(corrupt) => {
                    self.faults.push(corrupt.into());
                    if let Some(record) = LogRecord::decode(*seq, &sealed(bytes)).ok().filter(|_| is_newer) {
                        self.put_doubtful(record);
                    }
                }
            }
        }
    }

    fn put(&mut self, record: &LogRecord) {
        for entry in &record.entries {
            self.doubtful.remove(&*entry.key);
            self.newer.insert(entry.key.to_vec(), entry.value.as_deref().map(<[u8]>::to_vec));
        }
    }

    fn put_doubtful(&mut self, record: LogRecord) {
        for entry in record.entries {
            if let Some(value) = entry.value {
                self.doubtful.insert(entry.key.into(), value.into());
            }
        }
    }
}

/// The record under a checksum that fits.
fn sealed(record: &[u8]) -> Vec<u8> {
    let mut record = record.to_vec();
    if record.len() >= checksum::CHECKSUM_BYTES {
        checksum::seal(&mut record);
    }
    record
}
