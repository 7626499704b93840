//! Log records: one commit each.
//!
//! checksum, format version (1 byte), sequence number, flags (1 byte), number
//! of entries, then each entry: key length, key, and either 0 for a deletion
//! or 1 + value length and the value. Numbers are varints.

use super::{Corrupt, FORMAT_VERSION, Place, check_version, checksum, varint};
use alloc::boxed::Box;
use alloc::vec::Vec;

/// A key with its new value, or `None` for a deletion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The encoded key, tree prefix included.
    pub key: Box<[u8]>,
    /// The new value; `None` deletes.
    pub value: Option<Box<[u8]>>,
}

impl Entry {
    /// Bytes that the entry takes in a log record, at most.
    pub fn bytes(&self) -> usize {
        self.key.len() + self.value.as_ref().map_or(0, |value| value.len()) + 2 * varint::VARINT_BYTES_MAX
    }
}

/// A decoded log record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogRecord {
    /// Its number in the log.
    pub seq: u64,
    /// The commit went into a checkpoint: its entries are under the head, not here.
    pub in_checkpoint: bool,
    /// What the commit changed.
    pub entries: Vec<Entry>,
}

const IN_CHECKPOINT: u8 = 1;

impl LogRecord {
    /// The bytes to store.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = checksum::begin(16 + self.entries.iter().map(Entry::bytes).sum::<usize>());
        out.push(FORMAT_VERSION);
        varint::write(&mut out, self.seq);
        out.push(if self.in_checkpoint { IN_CHECKPOINT } else { 0 });
        varint::write(&mut out, self.entries.len() as u64);
        for entry in &self.entries {
            varint::write(&mut out, entry.key.len() as u64);
            out.extend_from_slice(&entry.key);
            match &entry.value {
                None => varint::write(&mut out, 0),
                Some(value) => {
                    varint::write(&mut out, value.len() as u64 + 1);
                    out.extend_from_slice(value);
                }
            }
        }
        checksum::seal(&mut out);
        out
    }

    /// Decodes the record stored under `seq`. One that was written as another
    /// number came too late: it is void, and has no entries.
    pub fn decode(seq: u64, bytes: &[u8]) -> Result<Self, Corrupt> {
        let corrupt = |why| Corrupt { place: Place::Log(seq), why };
        let mut rest = checksum::open(bytes).ok_or(corrupt("checksum does not match"))?;
        let version = varint::take(&mut rest, 1).ok_or(corrupt("cut"))?[0];
        // Nothing in a log record has changed since version 1.
        check_version(version, Place::Log(seq))?;
        let record = decode_content(&mut rest).ok_or(corrupt("cut or malformed"))?;
        if !rest.is_empty() {
            return Err(corrupt("trailing bytes"));
        }
        if record.seq != seq {
            return Ok(Self { seq, in_checkpoint: false, entries: Vec::new() });
        }
        Ok(record)
    }
}

fn decode_content(rest: &mut &[u8]) -> Option<LogRecord> {
    let seq = varint::read(rest)?;
    let flags = varint::take(rest, 1)?[0];
    if flags > IN_CHECKPOINT {
        return None;
    }
    let count = varint::read(rest)?;
    let mut entries = Vec::new();
    for _ in 0..count {
        let key = varint::read_bytes(rest)?.into();
        let value = match varint::read(rest)? {
            0 => None,
            length => Some(varint::take(rest, usize::try_from(length - 1).ok()?)?.into()),
        };
        entries.push(Entry { key, value });
    }
    Some(LogRecord { seq, in_checkpoint: flags == IN_CHECKPOINT, entries })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn record() -> LogRecord {
        LogRecord {
            seq: 300,
            in_checkpoint: false,
            entries: vec![
                Entry { key: (*b"a").into(), value: Some((*b"one").into()) },
                Entry { key: (*b"b").into(), value: None },
                Entry { key: (*b"c").into(), value: Some([].into()) },
            ],
        }
    }

    #[test]
    fn a_record_comes_back() {
        assert_eq!(LogRecord::decode(300, &record().encode()), Ok(record()));
    }

    #[test]
    fn a_record_under_another_number_is_void() {
        let void = LogRecord { seq: 301, in_checkpoint: false, entries: vec![] };
        assert_eq!(LogRecord::decode(301, &record().encode()), Ok(void));
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_found() {
        let bytes = record().encode();
        for bit in 0..bytes.len() * 8 {
            let mut bad = bytes.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(LogRecord::decode(300, &bad).is_err(), "bit {bit}");
        }
        for end in 0..bytes.len() {
            assert!(LogRecord::decode(300, &bytes[..end]).is_err(), "cut at {end}");
        }
    }
}
