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
        match self.place {
            Place::Head => out.write_str("corrupt head")?,
            Place::Log(seq) => write!(out, "corrupt log record {seq}")?,
            Place::Segment(segment) => write!(out, "corrupt segment {segment}")?,
            Place::Node { segment, offset } => write!(out, "corrupt node in segment {segment} at byte {offset}")?,
            Place::Row => out.write_str("corrupt row")?,
        }
        out.write_str(": ")?;
        out.write_str(self.why)
    }
}

impl core::error::Error for Corrupt {}
