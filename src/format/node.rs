//! The layout of a node, in memory as on disk.
//!
//! ```text
//! 0  kind           1 byte: 0 leaf, 1 branch
//! 1  reserved       1 byte, 0
//! 2  prefix length  2 bytes
//! 4  cell count     4 bytes
//! 8  prefix         what all keys of the node begin with
//!    slots          4 bytes a cell: its offset in the heap
//!    heap           the cells, in any order
//! ```
//!
//! Integers are little-endian. A leaf's cell is: suffix length (varint), value
//! length + 1 (varint; 0 marks a deletion in an overlay), suffix, value. A
//! branch's cell is: suffix length (varint), suffix, and the child's `NodeRef`.
//! A child holds the keys from its own separator up to the next one; the first
//! separator of a branch is not compared.

use super::head::{NODE_REF_BYTES, NodeRef};
use super::varint;
use alloc::vec::Vec;
use core::cmp::Ordering;

/// Bytes before the prefix.
pub const NODE_HEADER_BYTES: usize = 8;
/// Bytes of a slot.
pub const SLOT_BYTES: usize = 4;

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
    /// The value; `None` for a deletion.
    pub value: Option<&'a [u8]>,
}

impl<'a> View<'a> {
    /// Splits a stored node into its parts.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let mut rest = bytes;
        let header = varint::take(&mut rest, NODE_HEADER_BYTES)?;
        let kind = match header[0] {
            0 => Kind::Leaf,
            1 => Kind::Branch,
            _ => return None,
        };
        let prefix_length = usize::from(u16::from_le_bytes([header[2], header[3]]));
        let count = u32::from_le_bytes([header[4], header[5], header[6], header[7]]) as usize;
        let prefix = varint::take(&mut rest, prefix_length)?;
        let slots = varint::take(&mut rest, count.checked_mul(SLOT_BYTES)?)?;
        Some(Self { kind, prefix, slots, heap: rest })
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
            length => Some(varint::take(&mut rest, length - 1)?),
        };
        Some(LeafCell { suffix, value })
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
    pub fn stored_child(&self, index: usize) -> Option<NodeRef> {
        let mut rest = self.cell(index)?;
        varint::read_bytes(&mut rest)?;
        Some(NodeRef::from_bytes(varint::take(&mut rest, NODE_REF_BYTES)?.try_into().ok()?))
    }

    /// Finds `key`: `Ok(index)` where it stands, `Err(index)` where it would.
    pub fn search(&self, key: &[u8]) -> Option<Result<usize, usize>> {
        let Some(suffix) = key.strip_prefix(self.prefix) else {
            return Some(Err(if key < self.prefix { 0 } else { self.count() }));
        };
        let (mut low, mut high) = (0, self.count());
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
        Some(match self.search(key)? {
            Ok(index) => index,
            Err(index) => index.saturating_sub(1),
        })
    }
}

/// Number of bytes that `left` and `right` have in common at the front.
pub fn common_prefix(left: &[u8], right: &[u8]) -> usize {
    left.iter().zip(right).take_while(|(a, b)| a == b).count()
}
