//! A node in memory, being changed.

use super::Child;
use crate::format::head::NODE_REF_BYTES;
use crate::format::node::{Kind, NODE_HEADER_BYTES, SLOT_BYTES, View, common_prefix};
use crate::format::varint;
use alloc::vec::Vec;

/// A node splits above this size. Larger nodes make scans cheaper, smaller ones
/// make a changed path cheaper to copy.
pub const NODE_BYTES_MAX: usize = 8 * 1024;
/// Below this size a node is merged with a neighbour where both fit in one.
pub const NODE_BYTES_MIN: usize = NODE_BYTES_MAX / 4;

/// A node in memory. Cells are appended to the heap; what a change leaves
/// behind is dead until the node is rebuilt.
#[derive(Clone, Debug)]
pub struct Node {
    kind: Kind,
    prefix: Vec<u8>,
    slots: Vec<u8>,
    heap: Vec<u8>,
    heap_dead: usize,
    children: Vec<Child>,
}

/// A cell to be put into a node, with its whole key.
pub(super) enum Cell<'a> {
    Leaf(Option<&'a [u8]>),
    Branch(Child),
}

impl Node {
    pub(super) fn new(kind: Kind) -> Self {
        Self { kind, prefix: Vec::new(), slots: Vec::new(), heap: Vec::new(), heap_dead: 0, children: Vec::new() }
    }

    /// Its parts for reading.
    pub fn view(&self) -> View<'_> {
        View { kind: self.kind, prefix: &self.prefix, slots: &self.slots, heap: &self.heap }
    }

    /// Number of cells.
    pub fn count(&self) -> usize {
        self.slots.len() / SLOT_BYTES
    }

    /// Bytes that it takes when stored.
    pub fn bytes(&self) -> usize {
        let live = self.heap.len() - self.heap_dead;
        NODE_HEADER_BYTES + self.prefix.len() + self.slots.len() + live + self.children.len() * NODE_REF_BYTES
    }

    pub(super) fn child(&self, index: usize) -> Option<&Child> {
        self.children.get(index)
    }

    pub(super) fn set_child(&mut self, index: usize, child: Child) {
        self.children[index] = child;
    }

    /// Puts a child that split off its left neighbour at `index`, which is never 0.
    pub(super) fn insert_child(&mut self, index: usize, separator: &[u8], child: Child) {
        // The first separator may be too high, because keys below it go to the
        // first child all the same. It must not be above the second one.
        if index == 1 && self.key(0).is_some_and(|first| *first > *separator) {
            let first = self.children[0].clone();
            self.remove(0);
            self.insert(0, separator, Cell::Branch(first));
        }
        self.insert(index, separator, Cell::Branch(child));
    }

    pub(super) fn child_mut(&mut self, index: usize) -> Option<&mut Child> {
        self.children.get_mut(index)
    }

    /// The whole key of cell `index`.
    pub(super) fn key(&self, index: usize) -> Option<Vec<u8>> {
        self.view().key(index)
    }

    /// A changeable copy of a stored node.
    pub(super) fn from_view(view: View<'_>) -> Option<Self> {
        let mut node = Self::new(view.kind);
        node.prefix.extend_from_slice(view.prefix);
        node.slots.reserve(view.slots.len() + 4 * SLOT_BYTES);
        node.heap.reserve(view.heap.len() + 256);
        for index in 0..view.count() {
            let cell = match view.kind {
                Kind::Leaf => Cell::Leaf(view.leaf_cell(index)?.value),
                Kind::Branch => Cell::Branch(Child::Stored(view.stored_child(index)?)),
            };
            node.push_suffix(index, [view.suffix(index)?, &[]], cell);
            // Cells that overlap would grow without bound when taken apart.
            if node.heap.len() > view.heap.len() {
                return None;
            }
        }
        Some(node)
    }

    /// Puts a cell at `index`, before what stands there.
    pub(super) fn insert(&mut self, index: usize, key: &[u8], cell: Cell<'_>) {
        self.fit_prefix(key);
        let prefix_length = self.prefix.len();
        self.push_suffix(index, [&key[prefix_length..], &[]], cell);
    }

    /// Replaces the value of cell `index`.
    pub(super) fn replace_value(&mut self, index: usize, value: Option<&[u8]>) {
        let Some(suffix) = self.view().suffix(index).map(<[u8]>::to_vec) else {
            return;
        };
        self.remove(index);
        self.push_suffix(index, [&suffix, &[]], Cell::Leaf(value));
        if self.heap_dead > self.heap.len() / 2 && self.heap_dead > 1024 {
            self.rebuild(self.prefix.len());
        }
    }

    /// Takes cell `index` out.
    pub(super) fn remove(&mut self, index: usize) {
        self.heap_dead += self.cell_bytes(index);
        self.slots.drain(index * SLOT_BYTES..(index + 1) * SLOT_BYTES);
        if self.kind == Kind::Branch {
            self.children.remove(index);
        }
    }

    /// Moves the cells from `index` on into a new node.
    pub(super) fn split_off(&mut self, index: usize) -> Self {
        let right = self.copy(index, self.count());
        if index + 1 == self.count() {
            // Sorted input takes off one cell at a time: not worth a copy of the rest.
            self.remove(index);
        } else {
            *self = self.copy(0, index);
        }
        right
    }

    /// Appends all cells of `right`, whose keys are greater.
    /// `separator` is what stands between the two: the first separator of a
    /// branch was not compared before, is now, and may be too high.
    pub(super) fn append(&mut self, separator: &[u8], right: &Node) {
        for index in 0..right.count() {
            let Some(key) = right.key(index) else { return };
            let first_of_branch = index == 0 && right.kind == Kind::Branch;
            let key = if first_of_branch { separator } else { &key };
            self.insert(self.count(), key, right.cell_at(index));
        }
    }

    /// Index at which to split so that both halves are of about equal size;
    /// a node that grew at its end gives away only its last cell, because
    /// sorted input would otherwise leave every node half empty.
    pub(super) fn split_index(&self, grown_at: usize) -> usize {
        if grown_at + 1 == self.count() {
            return grown_at;
        }
        let half = (self.heap.len() - self.heap_dead) / 2;
        let mut sum = 0;
        for index in 0..self.count() {
            sum += self.cell_bytes(index);
            if sum > half {
                return index.clamp(1, self.count() - 1);
            }
        }
        self.count() - 1
    }

    /// Appends the stored form to `out`. Children must be stored already.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        let taken = self.shared_prefix().saturating_sub(self.prefix.len());
        let first = self.view().suffix(0).unwrap_or_default();
        out.push(if self.kind == Kind::Leaf { 0 } else { 1 });
        out.push(0);
        out.extend_from_slice(&((self.prefix.len() + taken) as u16).to_le_bytes());
        out.extend_from_slice(&(self.count() as u32).to_le_bytes());
        out.extend_from_slice(&self.prefix);
        out.extend_from_slice(&first[..taken]);
        let slots_at = out.len();
        out.resize(slots_at + self.slots.len(), 0);
        let heap_at = out.len();
        for index in 0..self.count() {
            let offset = ((out.len() - heap_at) as u32).to_le_bytes();
            let slot_at = slots_at + index * SLOT_BYTES;
            out[slot_at..slot_at + SLOT_BYTES].copy_from_slice(&offset);
            // Out of order in a damaged node, a key may lack what the first and the last share.
            let suffix = self.view().suffix(index).and_then(|suffix| suffix.get(taken..)).unwrap_or_default();
            self.encode_cell(index, suffix, out);
        }
    }

    fn encode_cell(&self, index: usize, suffix: &[u8], out: &mut Vec<u8>) {
        varint::write(out, suffix.len() as u64);
        match self.cell_at(index) {
            Cell::Leaf(value) => {
                varint::write(out, value.map_or(0, |value| value.len() as u64 + 1));
                out.extend_from_slice(suffix);
                out.extend_from_slice(value.unwrap_or_default());
            }
            Cell::Branch(Child::Stored(at)) => {
                out.extend_from_slice(suffix);
                out.extend_from_slice(&at.to_bytes());
            }
            Cell::Branch(Child::Dirty(_)) => unreachable!("children are stored before their parent"),
        }
    }

    fn cell_at(&self, index: usize) -> Cell<'_> {
        match self.kind {
            Kind::Leaf => Cell::Leaf(self.view().leaf_cell(index).and_then(|cell| cell.value)),
            Kind::Branch => Cell::Branch(self.children[index].clone()),
        }
    }

    /// Bytes of the cell in the heap.
    fn cell_bytes(&self, index: usize) -> usize {
        let width = |value: usize| (usize::BITS - (value | 1).leading_zeros()).div_ceil(7) as usize;
        match self.kind {
            Kind::Leaf => self.view().leaf_cell(index).map_or(0, |cell| {
                let value_length = cell.value.map_or(0, |value| value.len() + 1);
                let value_bytes = cell.value.map_or(0, <[u8]>::len);
                width(cell.suffix.len()) + width(value_length) + cell.suffix.len() + value_bytes
            }),
            Kind::Branch => self.view().suffix(index).map_or(0, |suffix| width(suffix.len()) + suffix.len()),
        }
    }

    /// Shortens the prefix where `key` does not begin with it.
    fn fit_prefix(&mut self, key: &[u8]) {
        if self.count() == 0 {
            self.prefix.clear();
            self.prefix.extend_from_slice(key);
        }
        let common = common_prefix(&self.prefix, key);
        if common < self.prefix.len() {
            self.rebuild(common);
        }
    }

    fn rebuild(&mut self, prefix_length: usize) {
        *self = self.copy_with_prefix(0, self.count(), prefix_length);
    }

    fn copy(&self, from: usize, to: usize) -> Self {
        let mut part = self.copy_with_prefix(from, to, self.prefix.len());
        let shared = part.shared_prefix();
        if shared > part.prefix.len() {
            part.rebuild(shared);
        }
        part
    }

    /// Length of what the first and the last key, and so all, begin with.
    fn shared_prefix(&self) -> usize {
        let view = self.view();
        match (view.suffix(0), view.suffix(self.count().saturating_sub(1))) {
            (Some(first), Some(last)) => self.prefix.len() + common_prefix(first, last),
            _ => self.prefix.len(),
        }
    }

    fn copy_with_prefix(&self, from: usize, to: usize, prefix_length: usize) -> Self {
        let mut copy = Self::new(self.kind);
        copy.heap.reserve(self.heap.len());
        copy.slots.reserve(self.slots.len());
        // What the prefix gives to the suffixes, or takes from them.
        let given = self.prefix.get(prefix_length..).unwrap_or_default();
        let taken = prefix_length.saturating_sub(self.prefix.len());
        copy.prefix.extend_from_slice(&self.prefix[..prefix_length - taken]);
        for index in from..to {
            let Some(suffix) = self.view().suffix(index) else { break };
            if index == from {
                copy.prefix.extend_from_slice(&suffix[..taken]);
            }
            copy.push_suffix(index - from, [given, suffix.get(taken..).unwrap_or_default()], self.cell_at(index));
        }
        copy
    }

    /// Puts a cell whose suffix is given in two parts.
    fn push_suffix(&mut self, index: usize, suffix: [&[u8]; 2], cell: Cell<'_>) {
        let offset = (self.heap.len() as u32).to_le_bytes();
        let at = index * SLOT_BYTES;
        let end = self.slots.len();
        self.slots.extend_from_slice(&offset);
        if at < end {
            self.slots.copy_within(at..end, at + SLOT_BYTES);
            self.slots[at..at + SLOT_BYTES].copy_from_slice(&offset);
        }
        varint::write(&mut self.heap, (suffix[0].len() + suffix[1].len()) as u64);
        match cell {
            Cell::Leaf(value) => {
                varint::write(&mut self.heap, value.map_or(0, |value| value.len() as u64 + 1));
                self.heap.extend_from_slice(suffix[0]);
                self.heap.extend_from_slice(suffix[1]);
                self.heap.extend_from_slice(value.unwrap_or_default());
            }
            Cell::Branch(child) => {
                self.heap.extend_from_slice(suffix[0]);
                self.heap.extend_from_slice(suffix[1]);
                self.children.insert(index, child);
            }
        }
    }
}
