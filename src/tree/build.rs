//! Writing the dirty nodes and large values of a tree into segments.

use super::node::NODE_WEIGHT_MAX;
use super::{Child, Large, Tree};
use crate::format::checksum::{self, CHECKSUM_BYTES};
use crate::format::head::{ChildRef, LargeRef, NodeRef};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// A good size for segments. IndexedDB's cost is per record, and from 64 KiB on
/// it writes at the speed of one large value; a fault reads a whole segment, so
/// larger ones would slow single reads.
pub const SEGMENT_BYTES_TARGET: usize = 64 * 1024;

/// Smallest limit of a record store on its records: the largest node fits in.
pub const RECORD_BYTES_MIN: usize = 16 * 1024;

/// How large segments get, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct SegmentSizes {
    /// A segment is closed when it has reached this.
    pub target: usize,
    /// None gets larger than this: the record store's limit, at least [`RECORD_BYTES_MIN`].
    pub max: usize,
}

impl Default for SegmentSizes {
    /// For record stores without a limit.
    fn default() -> Self {
        Self { target: SEGMENT_BYTES_TARGET, max: 32 * 1024 * 1024 }
    }
}

/// Segments being written.
pub struct SegmentWriter {
    sizes: SegmentSizes,
    segment_next: u32,
    /// The segment that nodes go into, once it has its number.
    open: Option<(u32, Vec<u8>)>,
    done: Vec<(u32, Arc<[u8]>)>,
    bytes: usize,
}

impl SegmentWriter {
    /// The first segment gets the number `segment_next`.
    pub fn new(segment_next: u32, sizes: SegmentSizes) -> Self {
        let max = sizes.max.max(RECORD_BYTES_MIN);
        let sizes = SegmentSizes { target: sizes.target.min(max), max };
        Self { sizes, segment_next, open: None, done: Vec::new(), bytes: 0 }
    }

    /// The records written, with their numbers, ascending and without a gap.
    pub fn finish(mut self) -> Vec<(u32, Arc<[u8]>)> {
        self.close();
        self.done
    }

    /// Bytes taken so far.
    fn bytes(&self) -> usize {
        self.bytes + self.open.as_ref().map_or(0, |(_, record)| record.len())
    }

    fn number(&mut self) -> u32 {
        self.segment_next += 1;
        self.segment_next - 1
    }

    /// Appends what `encode` writes to the open segment.
    fn put(&mut self, encode: &mut dyn FnMut(&mut Vec<u8>)) -> NodeRef {
        let (mut segment, mut record) = match self.open.take() {
            Some(open) => open,
            None => (self.number(), checksum::begin(self.sizes.target + NODE_WEIGHT_MAX)),
        };
        let mut offset = record.len();
        encode(&mut record);
        if record.len() > self.sizes.max && offset > CHECKSUM_BYTES {
            let tail = record.split_off(offset);
            self.seal(segment, record);
            (segment, record) = (self.number(), checksum::begin(tail.len()));
            record.extend_from_slice(&tail);
            offset = CHECKSUM_BYTES;
        }
        let length = (record.len() - offset) as u32;
        let full = record.len() >= self.sizes.target;
        self.open = Some((segment, record));
        if full {
            self.close();
        }
        NodeRef { segment, offset: offset as u32, length }
    }

    /// Stores a large value: in the open segment, or in segments of its own
    /// where it would fill one.
    fn put_large(&mut self, bytes: &[u8]) -> LargeRef {
        let room = self.sizes.max - CHECKSUM_BYTES;
        let length = bytes.len() as u32;
        if bytes.len() <= room.min(self.sizes.target) {
            return LargeRef { first: self.put(&mut |record| record.extend_from_slice(bytes)), bytes: length };
        }
        // Of equal length, so that none is a small record.
        let piece_bytes = bytes.len().div_ceil(bytes.len().div_ceil(room));
        let segment = self.segment_next;
        for piece in bytes.chunks(piece_bytes) {
            let mut record = checksum::begin(piece.len());
            record.extend_from_slice(piece);
            let number = self.number();
            self.seal(number, record);
        }
        let first = NodeRef { segment, offset: CHECKSUM_BYTES as u32, length: piece_bytes as u32 };
        LargeRef { first, bytes: length }
    }

    fn close(&mut self) {
        if let Some((segment, record)) = self.open.take() {
            self.seal(segment, record);
        }
    }

    fn seal(&mut self, segment: u32, mut record: Vec<u8>) {
        checksum::seal(&mut record);
        self.bytes += record.len();
        // A large value may have been sealed while a lower number was open.
        let place = self.done.iter().rposition(|(other, _)| *other < segment).map_or(0, |place| place + 1);
        self.done.insert(place, (segment, record.into()));
    }
}

impl Tree {
    /// Stores dirty nodes and large values in `writer`, children before their
    /// parents, until it has taken `bytes_max` bytes or a node or value more;
    /// tells whether all are stored. Until then the tree can only be written
    /// further: what it refers to is not in any record store yet.
    pub fn write(&mut self, writer: &mut SegmentWriter, bytes_max: usize) -> bool {
        let end = writer.bytes().saturating_add(bytes_max);
        self.root.as_mut().is_none_or(|root| write_child(root, writer, end))
    }

    /// Where the root lies, when it is stored.
    pub fn stored_root(&self) -> Option<NodeRef> {
        match self.root {
            Some(Child::Stored(stored)) => Some(stored.at),
            _ => None,
        }
    }
}

fn write_child(child: &mut Child, writer: &mut SegmentWriter, end: usize) -> bool {
    let Child::Dirty(node) = child else {
        return true;
    };
    if node.level() > 0 {
        let branch = Arc::make_mut(node);
        for index in 0..branch.count() {
            if branch.child_mut(index).is_some_and(|below| !write_child(below, writer, end)) {
                return false;
            }
        }
    } else if node.has_large_in_memory() {
        for large in Arc::make_mut(node).large_mut() {
            if writer.bytes() >= end {
                return false;
            }
            if let Large::Memory(bytes) = large {
                *large = Large::Stored(writer.put_large(bytes));
            }
        }
    }
    if writer.bytes() >= end {
        return false;
    }
    let at = writer.put(&mut |record| node.encode(record));
    *child = Child::Stored(ChildRef { at, below: node.below() });
    true
}
