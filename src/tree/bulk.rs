//! Building a tree from sorted entries.

use super::cursor::Cursor;
use super::node::{Cell, NODE_WEIGHT_MAX, NODE_WEIGHT_MIN, Node};
use super::{Child, Freed, NoSegments, Tree, Value};
use crate::bytes::copied;
use crate::format::log::Entry;
use crate::format::node::common_prefix;
use crate::stop::Stop;
use alloc::collections::BinaryHeap;
use alloc::vec::Vec;
use core::cmp::Reverse;
use core::ops::Range;

/// Builds a tree from entries in ascending order, without a search.
#[derive(Default)]
pub struct Builder {
    levels: Vec<Level>,
}

/// The last two nodes of a level. The one before is kept until it is known
/// that the last one is heavy enough.
struct Level {
    before: Option<(Vec<u8>, Node)>,
    separator: Vec<u8>,
    last: Node,
}

/// Fewer entries are inserted one by one.
const PUT_ALL_MIN: usize = 32;

impl Tree {
    /// Puts entries into an overlay, which is wholly in memory and cannot
    /// fault; of several with one key, the last. Where they are many beside
    /// what it holds, it is built anew without a search for each.
    pub fn put_all(&mut self, entries: &[Entry]) {
        let held = self.root.as_ref().map_or(0, |root| root.below().entries);
        let put = if entries.len() >= PUT_ALL_MIN && entries.len() as u64 >= held / 4 {
            self.merged(entries).map(|merged| *self = merged)
        } else {
            entries.iter().try_for_each(|entry| {
                self.insert(&entry.key, entry.value.as_deref(), &NoSegments, &mut Freed::default())
            })
        };
        debug_assert_eq!(put, Ok(()), "overlays hold no stored node");
    }

    /// Whether an overlay can be stored as a base: it holds no deletion.
    pub fn is_base(&self) -> bool {
        self.root.as_ref().is_none_or(holds_no_deletion)
    }

    /// The overlay with `entries` on top.
    fn merged(&self, entries: &[Entry]) -> Result<Tree, Stop> {
        let mut order: Vec<&Entry> = entries.iter().collect();
        order.sort_by(|one, other| one.key.cmp(&other.key));
        let mut builder = Builder::default();
        let mut cursor = Cursor::at_or_after(self, &[], &NoSegments)?;
        let mut key = Vec::new();
        let mut is_there = cursor.key(&mut key)?;
        for place in 0..=order.len() {
            let entry = order.get(place);
            while is_there && entry.is_none_or(|entry| *key <= *entry.key) {
                if entry.is_none_or(|entry| *key < *entry.key)
                    && let Some(value) = cursor.value()?
                {
                    builder.push(&key, value);
                }
                cursor.forward(&NoSegments)?;
                is_there = cursor.key(&mut key)?;
            }
            if let Some(entry) = entry
                && order.get(place + 1).is_none_or(|next| next.key != entry.key)
            {
                builder.push(&entry.key, entry.value.as_deref().map_or(Value::Deleted, Value::Bytes));
            }
        }
        Ok(builder.finish())
    }
}

/// Sorted runs of entries on their way into an overlay, a slice at a time.
pub struct Merging {
    builder: Builder,
    /// What of each run is not in yet.
    left: Vec<Range<usize>>,
    /// Entries of the overlay from this key on are not in yet; none is left where there is no key.
    from: Option<Vec<u8>>,
}

/// What an entry costs to merge besides its bytes, as so many bytes.
const ENTRY_COST_BYTES: usize = 128;

impl Merging {
    /// Of runs that begin at `starts`, the last of which ends at `end`. Of entries with one key, that of the last
    /// run counts.
    pub fn new(starts: &[usize], end: usize) -> Self {
        let ends = starts[1..].iter().copied().chain([end]);
        let left = starts.iter().zip(ends).map(|(start, end)| *start..end).collect();
        Self { builder: Builder::default(), left, from: Some(Vec::new()) }
    }

    /// Takes in about `bytes_max` bytes of both, which are the same at each call; tells whether all is in.
    ///
    /// # Errors
    /// The overlay is damaged.
    pub fn slice(&mut self, overlay: &Tree, entries: &[Entry], bytes_max: usize) -> Result<bool, Stop> {
        let head = |left: &Range<usize>, run| Some(Reverse((&*entries[left.clone()].first()?.key, run)));
        let heads = self.left.iter().enumerate().filter_map(|(run, left)| head(left, run));
        let mut heads: BinaryHeap<_> = heads.collect();
        let mut cursor = Cursor::at_or_after(overlay, self.from.as_deref().unwrap_or_default(), &NoSegments)?;
        let mut key = Vec::new();
        let mut is_there = self.from.is_some() && cursor.key(&mut key)?;
        let mut cost = 0;
        while cost < bytes_max {
            let next = heads.peek().map(|Reverse((next, _))| *next);
            if is_there && next.is_none_or(|next| *key <= *next) {
                if let Some(value) = cursor.value()?.filter(|_| next != Some(&key)) {
                    self.builder.push(&key, value);
                }
                cost += ENTRY_COST_BYTES + key.len();
                cursor.forward(&NoSegments)?;
                is_there = cursor.key(&mut key)?;
                continue;
            }
            let Some(Reverse((next, run))) = heads.pop() else { return Ok(true) };
            let value = entries[self.left[run].start].value.as_deref();
            self.left[run].start += 1;
            heads.extend(head(&self.left[run], run));
            if heads.peek().is_none_or(|Reverse((other, _))| *other != next) {
                self.builder.push(next, value.map_or(Value::Deleted, Value::Bytes));
            }
            cost += ENTRY_COST_BYTES + next.len() + value.map_or(0, <[u8]>::len);
        }
        self.from = is_there.then_some(key);
        Ok(false)
    }

    /// The overlay with the entries on top.
    pub fn finish(self) -> Tree {
        self.builder.finish()
    }
}

fn holds_no_deletion(child: &Child) -> bool {
    let Child::Dirty(node) = child else { return true };
    (0..node.count()).all(|index| match node.child(index) {
        Some(below) => holds_no_deletion(below),
        None => !matches!(node.value(index), Some(Value::Deleted)),
    })
}

impl Builder {
    /// Appends an entry. Its key must be above all before it.
    pub fn push(&mut self, key: &[u8], value: Value<'_>) {
        self.append(0, key, Cell::Leaf(value));
    }

    /// The tree of all entries.
    pub fn finish(mut self) -> Tree {
        let mut level = 0;
        while level < self.levels.len() {
            let Level { before, separator, last } = core::mem::replace(&mut self.levels[level], Level::new(level));
            let mut nodes = match before {
                Some((first, mut before)) if last.weight() < NODE_WEIGHT_MIN => {
                    before.append(&separator, &last);
                    let mut parts = before.split(false);
                    parts.insert(0, (first, before));
                    parts
                }
                Some(before) => alloc::vec![before, (separator, last)],
                None => alloc::vec![(separator, last)],
            };
            level += 1;
            if level == self.levels.len() && nodes.len() == 1 {
                return Tree { root: nodes.pop().map(|(_, node)| node.dirty()) };
            }
            for (separator, node) in nodes {
                self.append(level, &separator, Cell::Branch(node.dirty()));
            }
        }
        Tree::default()
    }

    fn append(&mut self, level: usize, key: &[u8], cell: Cell<'_>) {
        if level == self.levels.len() {
            self.levels.push(Level::new(level));
        }
        let open = &mut self.levels[level];
        if open.last.weight() + cell.weight(key) > NODE_WEIGHT_MAX {
            let mut separator = copied(key);
            if level == 0 {
                let last_key = open.last.key(open.last.count().saturating_sub(1));
                separator.truncate(common_prefix(&last_key, key) + 1);
            }
            let full = core::mem::replace(&mut open.last, Node::roomy(level as u8));
            let full_separator = core::mem::replace(&mut open.separator, separator);
            if let Some((separator, node)) = open.before.replace((full_separator, full)) {
                self.append(level + 1, &separator, Cell::Branch(node.dirty()));
            }
        }
        self.levels[level].last.push(key, cell);
    }
}

impl Level {
    fn new(level: usize) -> Self {
        Self { before: None, separator: Vec::new(), last: Node::roomy(level as u8) }
    }
}
