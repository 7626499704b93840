//! Insert and remove.

use super::node::{Cell, NODE_BYTES_MAX, NODE_BYTES_MIN, Node};
use super::{Child, Held, Segments, TREE_DEPTH_MAX, Tree, TreeError};
use crate::format::head::NodeRef;
use crate::format::node::{Kind, common_prefix};
use crate::format::{Corrupt, Place};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// What editing a tree leaves behind: the stored nodes it no longer reaches.
#[derive(Debug, Default)]
pub struct Freed(pub Vec<NodeRef>);

/// A node that came off to the right, with the separator before it.
struct Split {
    separator: Vec<u8>,
    right: Child,
}

pub(super) struct Editor<'a> {
    pub(super) segments: &'a dyn Segments,
    pub(super) freed: &'a mut Freed,
}

impl Tree {
    /// Puts an entry; a value of `None` is a deletion marker, for overlays.
    /// On a fault the tree holds what it held before.
    pub fn insert(
        &mut self,
        key: &[u8],
        value: Option<&[u8]>,
        segments: &dyn Segments,
        freed: &mut Freed,
    ) -> Result<(), TreeError> {
        let root = self.root.get_or_insert_with(|| Child::Dirty(Arc::new(Node::new(Kind::Leaf))));
        let mut editor = Editor { segments, freed };
        if let Some(split) = editor.insert(root, key, value, TREE_DEPTH_MAX)? {
            let mut branch = Node::new(Kind::Branch);
            branch.insert(0, &split.separator, Cell::Branch(root.clone()));
            branch.insert(1, &split.separator, Cell::Branch(split.right));
            *root = Child::Dirty(Arc::new(branch));
        }
        Ok(())
    }

    /// Takes an entry out; tells whether there was one. On a fault the tree
    /// holds what it held before.
    pub fn remove(&mut self, key: &[u8], segments: &dyn Segments, freed: &mut Freed) -> Result<bool, TreeError> {
        let mut present = false;
        self.get_with(key, segments, &mut |_| present = true)?;
        let (Some(root), true) = (&mut self.root, present) else {
            return Ok(false);
        };
        let mut editor = Editor { segments, freed };
        editor.remove(root, key, TREE_DEPTH_MAX)?;
        self.shrink_root();
        Ok(true)
    }

    fn shrink_root(&mut self) {
        while let Some(Child::Dirty(node)) = &self.root {
            self.root = match (node.view().kind, node.count()) {
                (_, 0) => None,
                (Kind::Branch, 1) => node.child(0).cloned(),
                _ => return,
            };
        }
    }
}

impl Editor<'_> {
    /// Makes `child` changeable: loads it when stored, copies it when shared.
    pub(super) fn own<'c>(&mut self, child: &'c mut Child) -> Result<&'c mut Node, TreeError> {
        if let Child::Stored(at) = *child {
            let held = Held::load(child, self.segments)?;
            let node = Node::from_view(held.view()?).ok_or_else(|| held.corrupt("cell is out of bounds"))?;
            self.freed.0.push(at);
            *child = Child::Dirty(Arc::new(node));
        }
        match child {
            Child::Dirty(node) => Ok(Arc::make_mut(node)),
            Child::Stored(_) => unreachable!("loaded above"),
        }
    }

    fn insert(
        &mut self,
        child: &mut Child,
        key: &[u8],
        value: Option<&[u8]>,
        depth_left: usize,
    ) -> Result<Option<Split>, TreeError> {
        let depth_left = depth_left.checked_sub(1).ok_or_else(|| malformed("tree is too deep"))?;
        let node = self.own(child)?;
        let grown_at;
        if node.view().kind == Kind::Leaf {
            match node.view().search(key).unwrap_or(Err(0)) {
                Ok(index) => {
                    node.replace_value(index, value);
                    grown_at = index;
                }
                Err(index) => {
                    node.insert(index, key, Cell::Leaf(value));
                    grown_at = index;
                }
            }
        } else {
            let index = node.view().child_index(key).unwrap_or(0);
            let Some(below) = node.child_mut(index) else {
                return Err(malformed("branch has no children"));
            };
            let Some(split) = self.insert(below, key, value, depth_left)? else {
                return Ok(None);
            };
            node.insert_child(index + 1, &split.separator, split.right);
            grown_at = index + 1;
        }
        if node.bytes() <= NODE_BYTES_MAX || node.count() < 2 {
            return Ok(None);
        }
        let at = node.split_index(grown_at).max(1);
        let right = node.split_off(at);
        let separator = separator(node, &right);
        Ok(Some(Split { separator, right: Child::Dirty(Arc::new(right)) }))
    }

    fn remove(&mut self, child: &mut Child, key: &[u8], depth_left: usize) -> Result<(), TreeError> {
        let depth_left = depth_left.checked_sub(1).ok_or_else(|| malformed("tree is too deep"))?;
        let node = self.own(child)?;
        if node.view().kind == Kind::Leaf {
            if let Some(Ok(index)) = node.view().search(key) {
                node.remove(index);
            }
            return Ok(());
        }
        let index = node.view().child_index(key).unwrap_or(0);
        let Some(below) = node.child_mut(index) else {
            return Ok(());
        };
        self.remove(below, key, depth_left)?;
        let Child::Dirty(below) = below else {
            return Ok(());
        };
        if below.count() == 0 {
            node.remove(index);
        } else if below.bytes() < NODE_BYTES_MIN {
            self.merge_around(node, index);
        }
        Ok(())
    }

    /// Merges the small child `index` with a neighbour where both fit in one
    /// node. A neighbour that is not in memory is left alone: loading it only
    /// to save space would make a removal wait.
    fn merge_around(&mut self, node: &mut Node, index: usize) {
        for left in [index.checked_sub(1), Some(index)].into_iter().flatten() {
            let (Some(first), Some(second)) = (node.child(left), node.child(left + 1)) else {
                continue;
            };
            let (Some(mut merged), Some(right)) = (self.copy(first), self.copy(second)) else {
                continue;
            };
            let Some(separator) = node.key(left + 1) else { continue };
            if merged.bytes() + right.bytes() > NODE_BYTES_MAX {
                continue;
            }
            for child in [first, second] {
                if let Child::Stored(at) = child {
                    self.freed.0.push(*at);
                }
            }
            merged.append(&separator, &right);
            node.set_child(left, Child::Dirty(Arc::new(merged)));
            node.remove(left + 1);
            return;
        }
    }

    /// A copy of the node when it is in memory and whole.
    fn copy(&self, child: &Child) -> Option<Node> {
        match child {
            Child::Dirty(node) => Some(Node::clone(node)),
            Child::Stored(_) => Node::from_view(Held::load(child, self.segments).ok()?.view().ok()?),
        }
    }
}

#[cold]
fn malformed(why: &'static str) -> TreeError {
    Corrupt { place: Place::Row, why }.into()
}

/// The shortest key that is greater than all of `left` and not greater than any of `right`.
fn separator(left: &Node, right: &Node) -> Vec<u8> {
    let mut first = right.key(0).unwrap_or_default();
    if right.view().kind == Kind::Leaf {
        let last = left.key(left.count() - 1).unwrap_or_default();
        first.truncate(common_prefix(&last, &first) + 1);
    }
    first
}
