//! Building a tree from sorted entries.

use super::cursor::Cursor;
use super::node::{Cell, NODE_WEIGHT_MAX, NODE_WEIGHT_MIN, Node};
use super::{Child, Freed, NoSegments, Tree, Value};
use crate::bytes::copied;
use crate::format::log::Entry;
use crate::format::node::common_prefix;
use crate::stop::Stop;
use alloc::vec::Vec;

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
