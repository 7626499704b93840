//! Values, and those that are too large for a leaf.

use super::{Segments, later};
use crate::format::head::{LargeRef, NodeRef};
use crate::format::{Corrupt, Place};
use crate::stop::Stop;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// What stands under a key.
#[derive(Clone, Debug)]
pub enum Value<'a> {
    /// A deletion marker, in overlays only.
    Deleted,
    /// The value itself.
    Bytes(&'a [u8]),
    /// A value that does not lie in its leaf.
    Large(Large),
}

/// A value that does not lie in its leaf.
#[derive(Clone, Debug)]
pub enum Large {
    /// In pieces, in segments.
    Stored(LargeRef),
    /// In memory, not stored yet.
    Memory(Arc<[u8]>),
}

impl Value<'_> {
    /// Hands the bytes to `take`, `None` for a deletion marker. Faults where
    /// a piece is not in memory.
    pub fn take(&self, segments: &dyn Segments, take: &mut dyn FnMut(Option<&[u8]>)) -> Result<(), Stop> {
        match self {
            Self::Deleted => take(None),
            Self::Bytes(bytes) => take(Some(bytes)),
            Self::Large(Large::Memory(bytes)) => take(Some(bytes)),
            Self::Large(Large::Stored(LargeRef { first, bytes })) if first.length == *bytes => {
                let record = segments.segment(first.segment)?;
                take(Some(bytes_at(&record, *first).ok_or(outside(*first))?));
            }
            Self::Large(Large::Stored(at)) => later::run(|| take_pieces(*at, segments, take))?,
        }
        Ok(())
    }
}

/// One of more than a record holds.
fn take_pieces(at: LargeRef, segments: &dyn Segments, take: &mut dyn FnMut(Option<&[u8]>)) -> Result<(), Stop> {
    let mut records = Vec::new();
    for piece in at.pieces() {
        let record = segments.segment(piece.segment)?;
        bytes_at(&record, piece).ok_or(outside(piece))?;
        records.push((piece, record));
    }
    let mut whole = Vec::with_capacity(at.bytes as usize);
    for (piece, record) in &records {
        whole.extend_from_slice(bytes_at(record, *piece).unwrap_or_default());
    }
    take(Some(&whole));
    Ok(())
}

/// The bytes that `at` refers to.
pub(super) fn bytes_at(record: &[u8], at: NodeRef) -> Option<&[u8]> {
    let start = at.offset as usize;
    record.get(start..start.checked_add(at.length as usize)?)
}

pub(super) fn outside(at: NodeRef) -> Corrupt {
    Corrupt { place: Place::Node { segment: at.segment, offset: at.offset }, why: "piece of a value is out of bounds" }
}
