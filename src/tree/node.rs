//! A node in memory, being changed.

use super::large::{Large, Value};
use super::{Child, Held};
use crate::bytes::copied;
use crate::format::head::{Below, LARGE_REF_BYTES, LargeRef, NODE_REF_BYTES};
use crate::format::node::{Kind, SLOT_BYTES, VALUE_INLINE_MAX, View, common_prefix};
use crate::format::varint;
use crate::stop::Stop;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// A node splits above this weight. Larger nodes make scans cheaper, smaller
/// ones make a changed path cheaper to copy.
pub const NODE_WEIGHT_MAX: usize = 8 * 1024;
/// Every node but the root weighs at least this.
///
/// Why it can be kept: a cell weighs at most 2,056 bytes, so what is above
/// `NODE_WEIGHT_MAX` falls into two halves of at least 3,068, and one of two
/// nodes that do not fit in one can give the other this much and keep more.
pub const NODE_WEIGHT_MIN: usize = NODE_WEIGHT_MAX / 4;

/// What a cell weighs beside its key and value: slot and lengths.
const CELL_WEIGHT: usize = 8;
/// What a reference to a child weighs: the reference and two counts.
const CHILD_WEIGHT: usize = NODE_REF_BYTES + 8;

/// What a cell of a leaf weighs, from its whole key and its value in the cell,
/// `None` for a large one.
pub(super) fn leaf_weight(key: usize, value: Option<&[u8]>) -> usize {
    CELL_WEIGHT + key + value.map_or(LARGE_REF_BYTES, <[u8]>::len)
}

/// What a cell of a branch weighs: the first separator is not stored.
pub(super) fn branch_weight(index: usize, separator: usize) -> usize {
    CELL_WEIGHT + CHILD_WEIGHT + if index == 0 { 0 } else { separator }
}

/// In memory a large value's 4 bytes are an index into `large`, or this.
const DELETED: u32 = u32::MAX;

/// A node in memory. Cells are appended to the heap; what a change leaves
/// behind is dead until the node is rebuilt.
#[derive(Clone, Debug)]
pub struct Node {
    level: u8,
    prefix: Vec<u8>,
    slots: Vec<u8>,
    heap: Vec<u8>,
    heap_dead: usize,
    weight: usize,
    below: Below,
    children: Vec<Child>,
    large: Vec<Option<Large>>,
}

/// A cell to be put into a node.
pub(super) enum Cell<'a> {
    Leaf(Value<'a>),
    Branch(Child),
}

impl Cell<'_> {
    /// What it weighs under `key`, not as the first of a branch.
    pub(super) fn weight(&self, key: &[u8]) -> usize {
        match self {
            Self::Leaf(Value::Bytes(bytes)) if bytes.len() <= VALUE_INLINE_MAX => leaf_weight(key.len(), Some(bytes)),
            Self::Leaf(_) => leaf_weight(key.len(), None),
            Self::Branch(_) => branch_weight(1, key.len()),
        }
    }
}

impl Node {
    /// In memory, not stored yet.
    #[inline(never)]
    pub(super) fn dirty(self) -> Child {
        Child::Dirty(Arc::new(self))
    }

    pub(super) fn new(level: u8) -> Self {
        Self {
            level,
            prefix: Vec::new(),
            slots: Vec::new(),
            heap: Vec::new(),
            heap_dead: 0,
            weight: 0,
            below: Below::default(),
            children: Vec::new(),
            large: Vec::new(),
        }
    }

    /// With room for as much as a node holds: one that is filled to the end need not grow on the way.
    pub(super) fn roomy(level: u8) -> Self {
        Self { heap: Vec::with_capacity(NODE_WEIGHT_MAX), ..Self::new(level) }
    }

    /// Its parts for reading.
    pub fn view(&self) -> View<'_> {
        let kind = if self.level == 0 { Kind::Leaf } else { Kind::Branch };
        View { kind, level: self.level, prefix: &self.prefix, slots: &self.slots, heap: &self.heap }
    }

    /// Levels of nodes below.
    pub fn level(&self) -> u8 {
        self.level
    }

    /// Number of cells.
    pub fn count(&self) -> usize {
        self.slots.len() / SLOT_BYTES
    }

    /// Bytes of its cells as they would be without a common prefix: so two
    /// nodes weigh together what they weigh alone, and a key that shortens the
    /// prefix makes no node too large.
    pub fn weight(&self) -> usize {
        self.weight
    }

    /// What it holds, or what is below it.
    pub fn below(&self) -> Below {
        self.below
    }

    pub(super) fn child(&self, index: usize) -> Option<&Child> {
        self.children.get(index)
    }

    /// A child to change. What is below it may change too: `count_below` must follow.
    pub(super) fn child_mut(&mut self, index: usize) -> Option<&mut Child> {
        self.children.get_mut(index)
    }

    /// Takes in that a child, which had `before` below it, has `after`.
    pub(super) fn count_below(&mut self, before: Below, after: Below) {
        self.below.entries = self.below.entries.wrapping_sub(before.entries).wrapping_add(after.entries);
        self.below.large = self.below.large.wrapping_sub(before.large).wrapping_add(after.large);
    }

    /// Writes the whole key of cell `index` into `key`; tells whether there is one.
    pub(super) fn key_into(&self, index: usize, key: &mut Vec<u8>) -> bool {
        key.clear();
        let Some(suffix) = self.view().suffix(index) else { return false };
        key.extend_from_slice(&self.prefix);
        key.extend_from_slice(suffix);
        true
    }

    pub(super) fn key(&self, index: usize) -> Vec<u8> {
        let mut key = Vec::new();
        self.key_into(index, &mut key);
        key
    }

    /// A changeable copy of a stored node.
    pub(super) fn from_held(held: &Held) -> Result<Self, Stop> {
        let view = held.view();
        let mut node = Self::new(view.level);
        node.prefix.extend_from_slice(view.prefix);
        node.slots.reserve(view.slots.len() + 4 * SLOT_BYTES);
        node.heap.reserve(view.heap.len() + 256);
        if view.kind == Kind::Branch && view.level == 0 {
            return Err(held.corrupt("branch of version 1 cannot be changed"));
        }
        for index in 0..view.count() {
            let cell = match view.kind {
                Kind::Leaf => Cell::Leaf(held.value(index)?),
                Kind::Branch => Cell::Branch(held.child(index)?),
            };
            let suffix = view.suffix(index).ok_or_else(|| held.corrupt("cell is out of bounds"))?;
            node.push_suffix(index, [suffix, &[]], cell);
            // Cells that overlap would grow without bound when taken apart.
            if node.heap.len() > view.heap.len() {
                return Err(held.corrupt("cells overlap"));
            }
        }
        Ok(node)
    }

    /// Puts a cell at `index`, before what stands there.
    pub(super) fn insert(&mut self, index: usize, key: &[u8], cell: Cell<'_>) {
        // The first separator is not stored and does not count.
        if self.level == 0 || index > 0 {
            self.fit_prefix(key);
        }
        let suffix = if self.level == 0 || index > 0 { &key[self.prefix.len()..] } else { &[] };
        self.push_suffix(index, [suffix, &[]], cell);
    }

    /// Appends a cell to a node that was made without a prefix.
    pub(super) fn push(&mut self, key: &[u8], cell: Cell<'_>) {
        debug_assert!(self.prefix.is_empty());
        let key = if self.level > 0 && self.count() == 0 { &[] } else { key };
        self.push_suffix(self.count(), [key, &[]], cell);
    }

    /// Replaces the value of cell `index`.
    pub(super) fn replace_value(&mut self, index: usize, value: Value<'_>) {
        let Some(suffix) = self.view().suffix(index).map(copied) else {
            return;
        };
        self.remove(index);
        self.push_suffix(index, [&suffix, &[]], Cell::Leaf(value));
        if self.heap_dead > self.heap.len() / 2 && self.heap_dead > 1024 {
            *self = self.copy_with_prefix(0, self.count(), self.prefix.len());
        }
    }

    /// Takes cell `index` out.
    pub(super) fn remove(&mut self, mut index: usize) {
        if self.level > 0 && index == 0 && self.count() > 1 {
            // The second child becomes the first, which has no separator.
            self.children.swap(0, 1);
            index = 1;
        }
        let (weight, heap, below) = self.measure(index);
        self.weight -= weight;
        self.heap_dead += heap;
        self.count_below(below, Below::default());
        if self.level > 0 {
            self.children.remove(index);
        } else if below.large > 0
            && let Some(place) = self.large_place(index)
        {
            self.large[place] = None;
        }
        self.slots.drain(index * SLOT_BYTES..(index + 1) * SLOT_BYTES);
    }

    /// The place in `large` of cell `index`, if its value is a large one.
    fn large_place(&self, index: usize) -> Option<usize> {
        let cell = self.view().leaf_cell(index)?;
        let place = u32::from_le_bytes(*cell.rest.first_chunk()?) as usize;
        (cell.value.is_none() && place < self.large.len()).then_some(place)
    }

    /// Where a large value of cell `index` is stored, if it is.
    pub(super) fn stored_large(&self, index: usize) -> Option<LargeRef> {
        match self.large[self.large_place(index)?] {
            Some(Large::Stored(at)) => Some(at),
            _ => None,
        }
    }

    /// The value of cell `index` of a leaf.
    pub(super) fn value(&self, index: usize) -> Option<Value<'_>> {
        let cell = self.view().leaf_cell(index)?;
        Some(match cell.value {
            Some(bytes) => Value::Bytes(bytes),
            None => {
                self.large_place(index).and_then(|place| self.large[place].clone()).map_or(Value::Deleted, Value::Large)
            }
        })
    }

    /// Its large values, to be stored before it is.
    pub(super) fn large_mut(&mut self) -> impl Iterator<Item = &mut Large> {
        self.large.iter_mut().flatten()
    }

    pub(super) fn has_large_in_memory(&self) -> bool {
        self.large.iter().any(|large| matches!(large, Some(Large::Memory(_))))
    }
}

/// Splitting and joining.
impl Node {
    /// Takes apart what is over `NODE_WEIGHT_MAX`: what comes off to the right,
    /// with separators. `grown_at_end`: leave the earlier nodes full, because
    /// more of the same would find them half empty for ever.
    pub(super) fn split(&mut self, grown_at_end: bool) -> Vec<(Vec<u8>, Node)> {
        let mut cuts = self.cuts(grown_at_end);
        let mut parts = Vec::with_capacity(cuts.len());
        cuts.push(self.count());
        for pair in cuts.windows(2) {
            parts.push((self.separator(pair[0]), self.copy(pair[0], pair[1])));
        }
        if cuts.len() > 1 {
            *self = self.copy(0, cuts[0]);
        }
        parts
    }

    fn cuts(&self, grown_at_end: bool) -> Vec<usize> {
        let mut cuts = Vec::new();
        let weight_of = |index| self.measure(index).0;
        // A branch with one child would only be one level more. Keys within their
        // limit never lead to it, those of a damaged node do.
        let cells_min = 1 + usize::from(self.level > 0);
        let (mut weight, mut start) = (0, 0);
        for index in 0..self.count() {
            weight += weight_of(index);
            if weight > NODE_WEIGHT_MAX && index - start >= cells_min {
                cuts.push(index);
                start = index;
                weight = weight_of(index);
            }
        }
        let Some(last) = cuts.pop() else { return cuts };
        // The last part may be too light: it takes from the one before, or
        // shares with it evenly.
        let start = cuts.last().copied().unwrap_or(0);
        let together: usize = (start..self.count()).map(weight_of).sum();
        let even = !grown_at_end && together < NODE_WEIGHT_MAX + NODE_WEIGHT_MAX / 4;
        let wanted = if even { together / 2 } else { NODE_WEIGHT_MIN };
        // The first separator of a branch is not stored.
        let lost = |cut| if self.level > 0 { weight_of(cut) - branch_weight(0, 0) } else { 0 };
        let mut cut = last;
        while weight - lost(cut) < wanted && cut > start + cells_min {
            cut -= 1;
            weight += weight_of(cut);
        }
        if self.count() - cut >= cells_min {
            cuts.push(cut);
        }
        cuts
    }

    /// The shortest key that is greater than all before cell `index` and not
    /// greater than any from there on.
    fn separator(&self, index: usize) -> Vec<u8> {
        let mut key = self.key(index);
        if self.level == 0 {
            key.truncate(common_prefix(&self.key(index - 1), &key) + 1);
        }
        key
    }

    /// Appends all cells of `right`, whose keys are from `separator` on.
    pub(super) fn append(&mut self, separator: &[u8], right: &Node) {
        let mut key = Vec::new();
        for index in 0..right.count() {
            right.key_into(index, &mut key);
            let first_of_branch = index == 0 && right.level > 0;
            let key = if first_of_branch { separator } else { &key };
            self.insert(self.count(), key, right.cell_at(index));
        }
    }

    pub(super) fn cell_at(&self, index: usize) -> Cell<'_> {
        match self.level {
            0 => Cell::Leaf(self.value(index).unwrap_or(Value::Deleted)),
            _ => Cell::Branch(self.children[index].clone()),
        }
    }

    /// Weight of a cell, its bytes in the heap, and what is in or below it.
    fn measure(&self, index: usize) -> (usize, usize, Below) {
        let width = |value: usize| (usize::BITS - (value | 1).leading_zeros()).div_ceil(7) as usize;
        let view = self.view();
        if self.level > 0 {
            let suffix = view.suffix(index).unwrap_or_default().len();
            let below = self.children.get(index).map_or(Below::default(), Child::below);
            return (branch_weight(index, self.prefix.len() + suffix), width(suffix) + suffix, below);
        }
        let Some(cell) = view.leaf_cell(index) else {
            return (0, 0, Below::default());
        };
        let suffix = cell.suffix.len();
        let (tag, content) = cell.value.map_or((0, 4), |value| (value.len() + 1, value.len()));
        let large = self.large_place(index).is_some();
        let weight = leaf_weight(self.prefix.len() + suffix, cell.value);
        let below = Below { entries: 1, large: u64::from(large) };
        (weight, width(suffix) + width(tag) + suffix + content, below)
    }

    /// Shortens the prefix where `key` does not begin with it.
    fn fit_prefix(&mut self, key: &[u8]) {
        // A branch's first cell has no suffix, and none of the prefix either.
        if self.count() <= usize::from(self.level > 0) {
            self.prefix.clear();
            self.prefix.extend_from_slice(key);
        }
        let common = common_prefix(&self.prefix, key);
        if common < self.prefix.len() {
            *self = self.copy_with_prefix(0, self.count(), common);
        }
    }

    fn copy(&self, from: usize, to: usize) -> Self {
        let (first, last) = (from + usize::from(self.level > 0), to - 1);
        let view = self.view();
        let shared = match (view.suffix(first), view.suffix(last)) {
            (Some(first), Some(last)) => common_prefix(first, last),
            _ => 0,
        };
        if first > last {
            return self.copy_with_prefix(from, to, 0);
        }
        self.copy_with_prefix(from, to, self.prefix.len() + shared)
    }

    fn copy_with_prefix(&self, from: usize, to: usize, prefix_length: usize) -> Self {
        let mut copy = Self::new(self.level);
        let share = |bytes: usize| bytes * (to - from) / self.count().max(1) + 64;
        copy.heap.reserve(share(self.heap.len()));
        copy.slots.reserve((to - from + 4) * SLOT_BYTES);
        // What the prefix gives to the suffixes, or takes from them.
        let given = self.prefix.get(prefix_length..).unwrap_or_default();
        let taken = prefix_length.saturating_sub(self.prefix.len());
        copy.prefix.extend_from_slice(&self.prefix[..prefix_length - taken]);
        if taken > 0 {
            let suffix = self.view().suffix(to - 1).unwrap_or_default();
            copy.prefix.extend_from_slice(&suffix[..taken]);
        }
        for index in from..to {
            let Some(suffix) = self.view().suffix(index) else { break };
            let suffix = if self.level > 0 && index == from {
                [&[][..], &[]]
            } else {
                [given, suffix.get(taken..).unwrap_or_default()]
            };
            copy.push_suffix(index - from, suffix, self.cell_at(index));
        }
        copy
    }

    /// Puts a cell whose suffix is given in two parts; for the first of a
    /// branch they are empty.
    fn push_suffix(&mut self, index: usize, suffix: [&[u8]; 2], cell: Cell<'_>) {
        let offset = (self.heap.len() as u32).to_le_bytes();
        let at = index * SLOT_BYTES;
        let end = self.slots.len();
        self.slots.extend_from_slice(&offset);
        if at < end {
            self.slots.copy_within(at..end, at + SLOT_BYTES);
            self.slots[at..at + SLOT_BYTES].copy_from_slice(&offset);
        }
        let length = suffix[0].len() + suffix[1].len();
        let key = self.prefix.len() + length;
        varint::write(&mut self.heap, length as u64);
        let value = match cell {
            Cell::Leaf(value) => value,
            Cell::Branch(child) => {
                self.heap.extend_from_slice(suffix[0]);
                self.heap.extend_from_slice(suffix[1]);
                self.weight += branch_weight(index, key);
                self.count_below(Below::default(), child.below());
                self.children.insert(index, child);
                return;
            }
        };
        let in_cell = match value {
            Value::Bytes(bytes) if bytes.len() <= VALUE_INLINE_MAX => Some(bytes),
            _ => None,
        };
        varint::write(&mut self.heap, in_cell.map_or(0, |bytes| bytes.len() as u64 + 1));
        self.heap.extend_from_slice(suffix[0]);
        self.heap.extend_from_slice(suffix[1]);
        self.weight += leaf_weight(key, in_cell);
        self.below.entries += 1;
        let large = match value {
            Value::Large(large) => large,
            Value::Bytes(_) if in_cell.is_some() => return self.heap.extend_from_slice(in_cell.unwrap_or_default()),
            Value::Bytes(bytes) => Large::Memory(bytes.into()),
            Value::Deleted => return self.heap.extend_from_slice(&DELETED.to_le_bytes()),
        };
        self.heap.extend_from_slice(&(self.large.len() as u32).to_le_bytes());
        self.large.push(Some(large));
        self.below.large += 1;
    }

    /// Appends the stored form to `out`. Children and large values must be stored already.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        let view = self.view();
        let first = usize::from(self.level > 0);
        let taken = match (view.suffix(first), view.suffix(self.count().saturating_sub(1))) {
            (Some(first), Some(last)) => common_prefix(first, last),
            _ => 0,
        };
        let taken = if self.count() > first { taken } else { 0 };
        let kind = u8::from(self.level > 0);
        out.extend_from_slice(&[kind, self.level]);
        out.extend_from_slice(&((self.prefix.len() + taken) as u16).to_le_bytes());
        out.extend_from_slice(&(self.count() as u32).to_le_bytes());
        out.extend_from_slice(&self.prefix);
        out.extend_from_slice(&view.suffix(first).unwrap_or_default()[..taken]);
        let slots_at = out.len();
        out.resize(slots_at + self.slots.len(), 0);
        let heap_at = out.len();
        for index in 0..self.count() {
            let offset = ((out.len() - heap_at) as u32).to_le_bytes();
            let slot_at = slots_at + index * SLOT_BYTES;
            out[slot_at..slot_at + SLOT_BYTES].copy_from_slice(&offset);
            let suffix = self.view().suffix(index).unwrap_or_default();
            // Out of order in a damaged node, a key may lack what the first and the last share.
            let suffix = if index < first { suffix } else { suffix.get(taken..).unwrap_or_default() };
            self.encode_cell(index, suffix, out);
        }
    }

    fn encode_cell(&self, index: usize, suffix: &[u8], out: &mut Vec<u8>) {
        varint::write(out, suffix.len() as u64);
        match self.cell_at(index) {
            Cell::Leaf(Value::Bytes(value)) => {
                varint::write(out, value.len() as u64 + 1);
                out.extend_from_slice(suffix);
                out.extend_from_slice(value);
            }
            Cell::Leaf(Value::Large(Large::Stored(at))) => {
                varint::write(out, 0);
                out.extend_from_slice(suffix);
                out.extend_from_slice(&at.to_bytes());
            }
            Cell::Branch(Child::Stored(child)) => {
                out.extend_from_slice(suffix);
                out.extend_from_slice(&child.at.to_bytes());
                varint::write(out, child.below.entries);
                varint::write(out, child.below.large);
            }
            _ => unreachable!("children and large values are stored before, and a base holds no deletions"),
        }
    }
}
