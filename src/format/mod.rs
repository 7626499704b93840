//! Bytes on disk and on the wire.

pub mod checksum;
pub mod document;
pub mod head;
pub mod log;
pub mod node;
pub mod varint;

use core::fmt;

/// Version of everything stored. A store with another version is refused.
pub const FORMAT_VERSION: u8 = 1;

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
    /// A stored row whose value is not what its collection holds.
    Row,
}

impl Place {
    /// What kind of place, and its number where it has one.
    pub fn parts(self) -> (&'static str, Option<u64>) {
        match self {
            Self::Head => ("head", None),
            Self::Log(seq) => ("log record", Some(seq)),
            Self::Segment(segment) => ("segment", Some(u64::from(segment))),
            Self::Node { segment, .. } => ("node in segment", Some(u64::from(segment))),
            Self::Row => ("row", None),
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
        write!(out, "corrupt {place}")?;
        if let Some(number) = number {
            write!(out, " {number}")?;
        }
        if let Place::Node { offset, .. } = self.place {
            write!(out, " at byte {offset}")?;
        }
        out.write_str(": ")?;
        out.write_str(self.why)
    }
}

impl core::error::Error for Corrupt {}
