//! The head: where the tree's root lies, which segments hold it, and where the
//! log begins. There is one, replaced by every checkpoint.

use super::node::VALUE_BYTES_MAX;
use super::{Corrupt, FORMAT_VERSION, Place, check_version, checksum, varint};
use alloc::vec::Vec;

/// Where a stored node lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeRef {
    /// Number of the segment.
    pub segment: u32,
    /// Bytes from the start of the segment record.
    pub offset: u32,
    /// Bytes of the node.
    pub length: u32,
}

/// Bytes of a `NodeRef` inside a branch: three little-endian 32-bit integers.
pub const NODE_REF_BYTES: usize = 12;

impl NodeRef {
    /// The twelve bytes stored in a branch.
    pub fn to_bytes(self) -> [u8; NODE_REF_BYTES] {
        let mut bytes = [0; NODE_REF_BYTES];
        bytes[..4].copy_from_slice(&self.segment.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.offset.to_le_bytes());
        bytes[8..].copy_from_slice(&self.length.to_le_bytes());
        bytes
    }

    /// Reads the twelve bytes stored in a branch.
    pub fn from_bytes(bytes: &[u8; NODE_REF_BYTES]) -> Self {
        let word = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        Self { segment: word(0), offset: word(4), length: word(8) }
    }
}

/// Greatest generation and log number, 2^53 − 1: JavaScript hands them on as
/// doubles, and no device makes as many commits.
const NUMBER_MAX: u64 = (1 << 53) - 1;
/// Greatest number of a segment. Together they would hold more than any device,
/// and the next few can always be counted.
const SEGMENT_MAX: u32 = 1 << 31;
/// A child of a branch: where it lies and what is below it. In a version 1
/// branch, and for the root, which the head points at, both counts are 0: not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChildRef {
    /// Where the node lies.
    pub at: NodeRef,
    /// What is below it.
    pub below: Below,
}

/// Numbers of what is below a node, or in a leaf.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Below {
    /// Entries.
    pub entries: u64,
    /// Those of them with a large value.
    pub large: u64,
}

/// Where a large value lies: in one piece, or in pieces of equal length (the
/// last may be shorter) at the same offset of segments with consecutive numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LargeRef {
    /// The first piece.
    pub first: NodeRef,
    /// Bytes of the value.
    pub bytes: u32,
}

/// Least length of a piece that is not the whole value or its last: half of
/// what the smallest record has room for. It bounds the number of pieces.
pub const PIECE_BYTES_MIN: u32 = 8 * 1024 - 8;

/// Bytes of a `LargeRef` inside a leaf: the first piece and the value's length.
pub const LARGE_REF_BYTES: usize = NODE_REF_BYTES + 4;

impl LargeRef {
    /// The sixteen bytes stored in a leaf.
    pub fn to_bytes(self) -> [u8; LARGE_REF_BYTES] {
        let mut bytes = [0; LARGE_REF_BYTES];
        bytes[..NODE_REF_BYTES].copy_from_slice(&self.first.to_bytes());
        bytes[NODE_REF_BYTES..].copy_from_slice(&self.bytes.to_le_bytes());
        bytes
    }

    /// Reads the sixteen bytes stored in a leaf; `None` for what cannot be.
    pub fn from_bytes(bytes: &[u8; LARGE_REF_BYTES]) -> Option<Self> {
        let (first, length) = bytes.split_first_chunk()?;
        let (first, bytes) = (NodeRef::from_bytes(first), u32::from_le_bytes(length.try_into().ok()?));
        let is_split = first.length >= PIECE_BYTES_MIN && first.length < bytes;
        let sound = (first.length == bytes || is_split) && (1..=VALUE_BYTES_MAX as u32).contains(&bytes);
        let last = first.segment.checked_add(bytes.checked_div(first.length)?);
        (sound && last.is_some()).then_some(Self { first, bytes })
    }

    /// Its pieces in order.
    pub fn pieces(self) -> impl Iterator<Item = NodeRef> {
        let Self { first, bytes } = self;
        (0..bytes.div_ceil(first.length)).map(move |index| NodeRef {
            segment: first.segment + index,
            length: first.length.min(bytes - index * first.length),
            ..first
        })
    }
}

/// One segment that the tree still uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentInfo {
    /// Number of the segment.
    pub segment: u32,
    /// Bytes of the record.
    pub bytes: u32,
    /// Bytes of nodes in it that the tree still reaches.
    pub bytes_live: u32,
}

/// The decoded head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Format version of the tree that it points at. What is written is always
    /// of [`FORMAT_VERSION`].
    pub version: u8,
    /// Counts checkpoints: a higher generation replaces a lower one.
    pub generation: u64,
    /// First log record that the tree does not hold.
    pub log_from: u64,
    /// Number of the next segment to be written; numbers are never used twice.
    pub segment_next: u32,
    /// The root node; `None` for an empty tree.
    pub root: Option<NodeRef>,
    /// The segments in use, ascending.
    pub segments: Vec<SegmentInfo>,
}

impl Default for Head {
    /// The head of an empty store.
    fn default() -> Self {
        let version = FORMAT_VERSION;
        Self { version, generation: 0, log_from: 0, segment_next: 0, root: None, segments: Vec::new() }
    }
}

impl Head {
    /// Whether the tree uses this segment.
    pub fn holds(&self, segment: u32) -> bool {
        self.segments.binary_search_by_key(&segment, |info| info.segment).is_ok()
    }

    /// The bytes to store.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = checksum::begin(64 + self.segments.len() * 8);
        out.push(FORMAT_VERSION);
        varint::write(&mut out, self.generation);
        varint::write(&mut out, self.log_from);
        varint::write(&mut out, u64::from(self.segment_next));
        match self.root {
            None => out.push(0),
            Some(root) => {
                out.push(1);
                out.extend_from_slice(&root.to_bytes());
            }
        }
        varint::write(&mut out, self.segments.len() as u64);
        for info in &self.segments {
            varint::write(&mut out, u64::from(info.segment));
            varint::write(&mut out, u64::from(info.bytes));
            varint::write(&mut out, u64::from(info.bytes_live));
        }
        checksum::seal(&mut out);
        out
    }

    /// Decodes a stored head. A format version newer than ours is refused by name.
    pub fn decode(bytes: &[u8]) -> Result<Self, Corrupt> {
        let corrupt = |why| Corrupt { place: Place::Head, why };
        let mut rest = checksum::open(bytes).ok_or(corrupt("checksum does not match"))?;
        let version = varint::take(&mut rest, 1).ok_or(corrupt("cut"))?[0];
        check_version(version, Place::Head)?;
        let head = decode_content(version, &mut rest).ok_or(corrupt("cut or malformed"))?;
        if rest.is_empty() { Ok(head) } else { Err(corrupt("trailing bytes")) }
    }
}

fn decode_content(version: u8, rest: &mut &[u8]) -> Option<Head> {
    let generation = varint::read(rest)?;
    let log_from = varint::read(rest)?;
    let segment_next = varint::read_u32(rest)?;
    let root = match varint::take(rest, 1)?[0] {
        0 => None,
        1 => Some(NodeRef::from_bytes(varint::take(rest, NODE_REF_BYTES)?.try_into().ok()?)),
        _ => return None,
    };
    let mut segments = Vec::new();
    for _ in 0..varint::read(rest)? {
        segments.push(SegmentInfo {
            segment: varint::read_u32(rest)?,
            bytes: varint::read_u32(rest)?,
            bytes_live: varint::read_u32(rest)?,
        });
    }
    let head = Head { version, generation, log_from, segment_next, root, segments };
    is_consistent(&head).then_some(head)
}

/// Whether numbers are in their bounds, and segments ascend and are known.
fn is_consistent(head: &Head) -> bool {
    let ascend = head.segments.is_sorted_by(|left, right| left.segment < right.segment);
    let is_known = head.segments.last().is_none_or(|last| last.segment < head.segment_next);
    ascend
        && is_known
        && head.segment_next <= SEGMENT_MAX
        && head.generation <= NUMBER_MAX
        && (1..=NUMBER_MAX).contains(&head.log_from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn a_head_comes_back_and_every_flipped_bit_is_found() {
        let head = Head {
            version: FORMAT_VERSION,
            generation: 7,
            log_from: 1000,
            segment_next: 12,
            root: Some(NodeRef { segment: 11, offset: 8, length: 500 }),
            segments: vec![SegmentInfo { segment: 11, bytes: 508, bytes_live: 500 }],
        };
        let bytes = head.encode();
        assert_eq!(Head::decode(&bytes), Ok(head));
        let empty = Head { log_from: 1, ..Head::default() };
        assert_eq!(Head::decode(&empty.encode()), Ok(empty));
        for bit in 0..bytes.len() * 8 {
            let mut bad = bytes.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(Head::decode(&bad).is_err(), "bit {bit}");
        }
    }

    /// Counting on from any of these would overflow, or write over a segment in use.
    #[test]
    fn numbers_beyond_their_bounds_are_refused() {
        let info = |segment| SegmentInfo { segment, bytes: 9, bytes_live: 1 };
        let segments = vec![info(1), info(2)];
        let sound = Head { generation: 1, log_from: 1, segment_next: 3, segments, ..Head::default() };
        assert_eq!(Head::decode(&sound.encode()), Ok(sound.clone()));
        for bad in [
            Head { log_from: 0, ..sound.clone() },
            Head { log_from: u64::MAX, ..sound.clone() },
            Head { generation: u64::MAX, ..sound.clone() },
            Head { segment_next: u32::MAX, ..sound.clone() },
            Head { segment_next: 2, ..sound.clone() },
            Head { segments: vec![info(2), info(1)], ..sound.clone() },
            Head { segments: vec![info(1), info(1)], ..sound.clone() },
        ] {
            assert!(Head::decode(&bad.encode()).is_err(), "{bad:?}");
        }
    }
}
