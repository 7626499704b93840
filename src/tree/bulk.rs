//! Building a tree from sorted entries.

use super::node::{Cell, NODE_WEIGHT_MAX, NODE_WEIGHT_MIN, Node};
use super::{Child, Tree, Value};
use crate::format::node::common_prefix;
use alloc::sync::Arc;
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
                return Tree { root: nodes.pop().map(|(_, node)| Child::Dirty(Arc::new(node))) };
            }
            for (separator, node) in nodes {
                self.append(level, &separator, Cell::Branch(Child::Dirty(Arc::new(node))));
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
            let mut separator = key.to_vec();
            if level == 0 {
                let last_key = open.last.key(open.last.count().saturating_sub(1));
                separator.truncate(common_prefix(&last_key, key) + 1);
            }
            let full = core::mem::replace(&mut open.last, Node::new(level as u8));
            let full_separator = core::mem::replace(&mut open.separator, separator);
            if let Some((separator, node)) = open.before.replace((full_separator, full)) {
                self.append(level + 1, &separator, Cell::Branch(Child::Dirty(Arc::new(node))));
            }
        }
        self.levels[level].last.push(key, cell);
    }
}

impl Level {
    fn new(level: usize) -> Self {
        Self { before: None, separator: Vec::new(), last: Node::new(level as u8) }
    }
}
