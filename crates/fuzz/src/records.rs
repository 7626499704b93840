//! Records of a store in one input, and back.
//!
//! Each record is its group (1 byte), its length (varint) and its bytes without
//! the checksum. Log records are numbered from 1 in their order; a group of
//! `LOG_CUT` drops those before it, as a checkpoint would. Segments are
//! numbered from 0.

use pannier::format::{FORMAT_VERSION, checksum, varint};
use pannier::store::memory::MemoryRecords;
use pannier::store::{Checkpoint, Request, Response};

pub(crate) const HEAD: u8 = 0;
pub(crate) const LOG: u8 = 1;
pub(crate) const SEGMENT: u8 = 2;
pub(crate) const LOG_CUT: u8 = 3;

/// `content` with its checksum before it.
pub(crate) fn sealed(content: &[u8]) -> Vec<u8> {
    let mut record = checksum::begin(content.len());
    record.extend_from_slice(content);
    checksum::seal(&mut record);
    record
}

/// A head or log record of an older version as this one writes it: only the
/// number of the version has changed.
pub(crate) fn of_this_version(content: &[u8]) -> Vec<u8> {
    let mut content = content.to_vec();
    if let Some(version) = content.first_mut() {
        *version = FORMAT_VERSION;
    }
    content
}

/// Appends one record to an input.
pub(crate) fn push(input: &mut Vec<u8>, group: u8, content: &[u8]) {
    input.push(group);
    varint::write(input, content.len() as u64);
    input.extend_from_slice(content);
}

/// The record store that `input` describes; what is cut off is left out.
pub(crate) fn parse(mut input: &[u8]) -> MemoryRecords {
    let mut records = MemoryRecords::default();
    let mut checkpoint = Checkpoint {
        head_before: None,
        head: [].into(),
        segments: Vec::new(),
        drop_segments: Vec::new(),
        drop_log_below: 0,
        append: None,
    };
    let mut seq = 0;
    while let Some(group) = varint::take(&mut input, 1).map(|group| group[0]) {
        let Some(content) = varint::read_bytes(&mut input) else {
            break;
        };
        match group % 4 {
            HEAD => checkpoint.head = sealed(content).into(),
            SEGMENT => checkpoint.segments.push((checkpoint.segments.len() as u32, sealed(content).into())),
            LOG_CUT => checkpoint.drop_log_below = seq,
            _ => {
                seq += 1;
                let request = Request::Append { seq, bytes: sealed(content).into(), checked: true };
                assert_eq!(records.execute(&request), Response::Done);
            }
        }
    }
    if !checkpoint.head.is_empty() {
        assert_eq!(records.execute(&Request::Checkpoint(checkpoint)), Response::Done);
    }
    records
}
