//! Bytes on disk and on the wire.

pub mod checksum;
pub mod document;
pub mod head;
pub mod log;
pub mod node;
#[cfg(test)]
mod tables;
pub mod varint;

use core::fmt;

/// Version of everything written. Older ones are read; a newer one is refused by name.
pub const FORMAT_VERSION: u8 = 2;

const NEWER: &str = "is newer than this code, which knows 2";

/// Refuses a version that this code does not know.
pub(crate) fn check_version(version: u8, place: Place) -> Result<(), Corrupt> {
    match version {
        0 => Err(Corrupt { place, why: "format version is not known" }),
        1..=FORMAT_VERSION => Ok(()),
        newer => Err(Corrupt { place: Place::FormatVersion(newer), why: NEWER }),
    }
}

/// Where corrupt bytes were found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// The head.
    Head,
    /// The log record with this number.
    Log(u64),
    /// The segment with this number.
    Segment(u32),
    /// The node at this place.
    Node {
        /// Number of the segment.
        segment: u32,
        /// Bytes from its start.
        offset: u32,
    },
    /// Not corrupt, but written by a newer version of this code.
    FormatVersion(
        /// The version found.
        u8,
    ),
    /// A stored row whose value is not what its collection holds.
    Row,
    /// Not corrupt, but another database than the one that was opened.
    Database,
}

impl Place {
    /// What kind of place, and its number where it has one.
    pub fn parts(self) -> (&'static str, Option<u64>) {
        match self {
            Self::Head => ("head", None),
            Self::Log(seq) => ("log record", Some(seq)),
            Self::Segment(segment) => ("segment", Some(u64::from(segment))),
            Self::Node { segment, .. } => ("node in segment", Some(u64::from(segment))),
            Self::FormatVersion(version) => ("format version", Some(u64::from(version))),
            Self::Row => ("row", None),
            Self::Database => ("database", None),
        }
    }
}

/// Stored bytes that are not what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Corrupt {
    /// Where.
    pub place: Place,
    /// Why, in a few words.
    pub why: &'static str,
}

impl fmt::Display for Corrupt {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (place, number) = self.place.parts();
        let corrupt = if matches!(self.place, Place::FormatVersion(_)) { "" } else { "corrupt " };
        write!(out, "{corrupt}{place}")?;
        if let Some(number) = number {
            write!(out, " {number}")?;
        }
        if let Place::Node { offset, .. } = self.place {
            write!(out, " at byte {offset}")?;
        }
        write!(out, "{} {}", if corrupt.is_empty() { "" } else { ":" }, self.why)
    }
}

impl core::error::Error for Corrupt {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::head::Head;
    use crate::format::log::LogRecord;
    use alloc::string::ToString;
    use alloc::vec::Vec;

    /// A record with its version changed and its checksum right again.
    fn with_version(mut record: Vec<u8>, version: u8) -> Vec<u8> {
        record[checksum::CHECKSUM_BYTES] = version;
        checksum::seal(&mut record);
        record
    }

    #[test]
    fn a_newer_version_is_refused_by_name_and_an_older_one_read() {
        let head = Head { log_from: 1, ..Head::default() };
        let log = LogRecord { seq: 5, in_checkpoint: false, entries: Vec::new() };
        let newer = FORMAT_VERSION + 1;
        let refused = Corrupt { place: Place::FormatVersion(newer), why: NEWER };
        assert_eq!(Head::decode(&with_version(head.encode(), newer)), Err(refused));
        assert_eq!(LogRecord::decode(5, &with_version(log.encode(), newer)), Err(refused));
        assert!(NEWER.ends_with(&FORMAT_VERSION.to_string()));
        assert_eq!(refused.to_string(), "format version 3 is newer than this code, which knows 2");
        assert_eq!(Head::decode(&with_version(head.encode(), 1)), Ok(Head { version: 1, ..head.clone() }));
        assert_eq!(LogRecord::decode(5, &with_version(log.encode(), 1)), Ok(log));
        assert!(Head::decode(&with_version(head.encode(), 0)).is_err());
    }
}
