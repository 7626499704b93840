//! The layout of a node, in memory as on disk.
//!
//! ```text
//! 0  kind           1 byte: 0 leaf, 1 branch
//! 1  level          1 byte: 0 for a leaf, 1 for a branch over leaves, and so on
//! 2  prefix length  2 bytes
//! 4  cell count     4 bytes
//! 8  prefix         what all keys of the node begin with
//!    slots          4 bytes a cell: its offset in the heap
//!    heap           the cells, in any order
//! ```
//!
//! Integers are little-endian. A leaf's cell is: suffix length (varint), value
//! length + 1 (varint), suffix, value. Where the second is 0, what follows the
//! suffix is on disk the `LargeRef` of a large value; in memory it is 4 bytes,
//! which the node itself understands. A branch's cell is: suffix length
//! (varint), suffix, the child's `NodeRef`, and the numbers of entries and of
//! large values below it (varints); version 1 wrote branches of level 0 without
//! these numbers. A child holds the keys from its own separator up to the next
//! one; the first separator of a branch is not compared.

use super::head::{Below, ChildRef, NODE_REF_BYTES, NodeRef};
use super::varint;
use alloc::vec::Vec;
use core::cmp::Ordering;

/// Offset of the kind.
pub const NODE_KIND_AT: usize = 0;
/// Offset of the level.
pub const NODE_LEVEL_AT: usize = NODE_KIND_AT + 1;
/// Offset of the prefix's length.
pub const NODE_PREFIX_LENGTH_AT: usize = NODE_LEVEL_AT + 1;
/// Offset of the number of cells.
pub const NODE_COUNT_AT: usize = NODE_PREFIX_LENGTH_AT + 2;
/// Bytes before the prefix.
pub const NODE_HEADER_BYTES: usize = NODE_COUNT_AT + 4;
/// Bytes of a slot.
pub const SLOT_BYTES: usize = 4;

/// Highest level: more than any device has room for.
const LEVEL_MAX: u8 = 31;

/// A longer value lies outside its leaf, in pieces. Beside a key of 1 KiB it
/// leaves room for four cells in a node.
pub const VALUE_INLINE_MAX: usize = 1024;
/// Longest value in bytes: it is held in memory whole while it is read and written.
pub const VALUE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Leaf or branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Holds keys and values.
    Leaf,
    /// Holds separators and children.
    Branch,
}

/// A node's parts, borrowed from a stored record or from a node in memory.
/// Every read is bounds-checked: `None` means that the bytes are corrupt.
#[derive(Clone, Copy)]
pub struct View<'a> {
    /// Leaf or branch.
    pub kind: Kind,
    /// Levels of nodes below; 0 too in a branch of version 1.
    pub level: u8,
    /// What all keys begin with.
    pub prefix: &'a [u8],
    /// Offsets into the heap, 4 bytes each.
    pub slots: &'a [u8],
    /// The cells.
    pub heap: &'a [u8],
}

/// A leaf's cell.
#[derive(Clone, Copy, Debug)]
pub struct LeafCell<'a> {
    /// The key without the node's prefix.
    pub suffix: &'a [u8],
    /// The value, where it is in the cell.
    pub value: Option<&'a [u8]>,
    /// What follows the suffix, to the end of the heap.
    pub rest: &'a [u8],
}

impl<'a> View<'a> {
    /// Of a leaf without cells.
    pub const EMPTY: Self = Self { kind: Kind::Leaf, level: 0, prefix: &[], slots: &[], heap: &[] };

    /// Splits a stored node into its parts.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let mut rest = bytes;
        let header = varint::take(&mut rest, NODE_HEADER_BYTES)?;
        let level = header[NODE_LEVEL_AT];
        let kind = match (header[NODE_KIND_AT], level) {
            (0, 0) => Kind::Leaf,
            (1, 0..=LEVEL_MAX) => Kind::Branch,
            _ => return None,
        };
        let (prefix_length, count) = header[NODE_PREFIX_LENGTH_AT..].split_first_chunk()?;
        let prefix_length = usize::from(u16::from_le_bytes(*prefix_length));
        let count = u32::from_le_bytes(count.try_into().ok()?) as usize;
        let prefix = varint::take(&mut rest, prefix_length)?;
        let slots = varint::take(&mut rest, count.checked_mul(SLOT_BYTES)?)?;
        Some(Self { kind, level, prefix, slots, heap: rest })
    }

    /// Number of cells.
    pub fn count(&self) -> usize {
        self.slots.len() / SLOT_BYTES
    }

    fn cell(&self, index: usize) -> Option<&'a [u8]> {
        let slot = self.slots.get(index * SLOT_BYTES..(index + 1) * SLOT_BYTES)?;
        self.heap.get(u32::from_le_bytes([slot[0], slot[1], slot[2], slot[3]]) as usize..)
    }

    /// The cell `index` of a leaf.
    pub fn leaf_cell(&self, index: usize) -> Option<LeafCell<'a>> {
        let mut rest = self.cell(index)?;
        let suffix_length = varint::read_u32(&mut rest)? as usize;
        let value_length = varint::read_u32(&mut rest)? as usize;
        let suffix = varint::take(&mut rest, suffix_length)?;
        let value = match value_length {
            0 => None,
            length => Some(rest.get(..length - 1)?),
        };
        Some(LeafCell { suffix, value, rest })
    }

    /// The key of cell `index` without the prefix.
    pub fn suffix(&self, index: usize) -> Option<&'a [u8]> {
        let mut rest = self.cell(index)?;
        let length = varint::read_u32(&mut rest)?;
        if self.kind == Kind::Leaf {
            varint::read_u32(&mut rest)?;
        }
        rest.get(..length as usize)
    }

    /// The child stored in cell `index` of a stored branch.
    pub fn stored_child(&self, index: usize) -> Option<ChildRef> {
        let mut rest = self.cell(index)?;
        varint::read_bytes(&mut rest)?;
        let at = NodeRef::from_bytes(varint::take(&mut rest, NODE_REF_BYTES)?.try_into().ok()?);
        let below = match self.level {
            0 => Below::default(),
            _ => Below { entries: varint::read(&mut rest)?, large: varint::read(&mut rest)? },
        };
        Some(ChildRef { at, below })
    }

    /// Finds `key`: `Ok(index)` where it stands, `Err(index)` where it would.
    pub fn search(&self, key: &[u8]) -> Option<Result<usize, usize>> {
        self.search_from(0, key)
    }

    fn search_from(&self, first: usize, key: &[u8]) -> Option<Result<usize, usize>> {
        let Some(suffix) = key.strip_prefix(self.prefix) else {
            return Some(Err(if key < self.prefix { first } else { self.count() }));
        };
        let (mut low, mut high) = (first, self.count());
        while low < high {
            let middle = low + (high - low) / 2;
            match self.suffix(middle)?.cmp(suffix) {
                Ordering::Less => low = middle + 1,
                Ordering::Greater => high = middle,
                Ordering::Equal => return Some(Ok(middle)),
            }
        }
        Some(Err(low))
    }

    /// Compares the whole key of cell `index` with that of cell `other_index` of `other`.
    pub fn compare_keys(&self, index: usize, other: View<'_>, other_index: usize) -> Option<Ordering> {
        Some(self.key(index)?.cmp(&other.key(other_index)?))
    }

    /// The whole key of cell `index`.
    pub fn key(&self, index: usize) -> Option<Vec<u8>> {
        let suffix = self.suffix(index)?;
        let mut key = Vec::with_capacity(self.prefix.len() + suffix.len());
        key.extend_from_slice(self.prefix);
        key.extend_from_slice(suffix);
        Some(key)
    }

    /// Index of the child of a branch under which `key` belongs.
    pub fn child_index(&self, key: &[u8]) -> Option<usize> {
        Some(match self.search_from(1, key)? {
            Ok(index) => index,
            Err(index) => index.saturating_sub(1),
        })
    }
}

/// Number of bytes that `left` and `right` have in common at the front.
pub fn common_prefix(left: &[u8], right: &[u8]) -> usize {
    left.iter().zip(right).take_while(|(a, b)| a == b).count()
}
