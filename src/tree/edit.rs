//! Insert, remove and the merge of a sorted run.

use super::cursor::Cursor;
use super::node::{Cell, NODE_WEIGHT_MAX, NODE_WEIGHT_MIN, Node};
use super::{Child, Held, NoSegments, Segments, TREE_DEPTH_MAX, Tree, Value};
use crate::format::head::{LargeRef, NodeRef};
use crate::format::{Corrupt, Place};
use crate::stop::Stop;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// A merge takes in about this much at once: enough that its leaves come out
/// full, little enough for a step between two frames.
const MERGE_WEIGHT_MAX: usize = 16 * NODE_WEIGHT_MAX;

/// What editing a tree leaves behind: the stored nodes and pieces of values
/// that it no longer reaches.
#[derive(Debug, Default)]
pub struct Freed(pub Vec<NodeRef>);

impl Freed {
    pub(super) fn large(&mut self, at: Option<LargeRef>) {
        if let Some(at) = at {
            for piece in at.pieces() {
                self.0.push(piece);
            }
        }
    }
}

/// What is to be done with the leaf where a key belongs. It is given the end
/// of the leaf's keys, where there is one, and tells whether the leaf has grown
/// at its end.
type Change<'a> = &'a mut dyn FnMut(&mut Node, Option<&[u8]>, &mut Freed) -> bool;

pub(super) struct Editor<'a> {
    pub(super) segments: &'a dyn Segments,
    pub(super) freed: &'a mut Freed,
    /// The child edited last has grown at its end.
    grown_at_end: bool,
    /// Whether nodes were joined.
    pub(super) joined: bool,
}

impl<'a> Editor<'a> {
    pub(super) fn new(segments: &'a dyn Segments, freed: &'a mut Freed) -> Self {
        Self { segments, freed, grown_at_end: false, joined: false }
    }
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
    ) -> Result<(), Stop> {
        let value = value.map_or(Value::Deleted, Value::Bytes);
        Editor::new(segments, freed).edit_tree(self, key, false, &mut |leaf, _, freed| match leaf
            .view()
            .search(key)
            .unwrap_or(Err(0))
        {
            Ok(index) => {
                freed.large(leaf.stored_large(index));
                leaf.replace_value(index, value.clone());
                false
            }
            Err(index) => {
                leaf.insert(index, key, Cell::Leaf(value.clone()));
                index + 1 == leaf.count()
            }
        })
    }

    /// Takes an entry out; tells whether there was one. On a fault the tree
    /// holds what it held before.
    pub fn remove(&mut self, key: &[u8], segments: &dyn Segments, freed: &mut Freed) -> Result<bool, Stop> {
        let mut present = false;
        let mut edited = self.clone();
        let freed_before = freed.0.len();
        let result = Editor::new(segments, freed).edit_tree(&mut edited, key, false, &mut |leaf, _, freed| {
            if let Some(Ok(index)) = leaf.view().search(key) {
                freed.large(leaf.stored_large(index));
                leaf.remove(index);
                present = true;
            }
            false
        });
        if result.is_err() || !present {
            freed.0.truncate(freed_before);
        } else {
            *self = edited;
        }
        result.map(|()| present)
    }

    /// Applies entries of an overlay, from where `run` stands to about the end
    /// of one leaf, and moves `run` past them: each leaf is touched once, not
    /// once for each key. There is nothing left to do when `run` is past the
    /// end. Returns what the leaf weighs with them. On a fault, load and repeat:
    /// the tree may hold some of them already, and `run` stands where it stood.
    pub fn merge(&mut self, run: &mut Cursor, segments: &dyn Segments, freed: &mut Freed) -> Result<usize, Stop> {
        let mut key = Vec::new();
        if !run.key(&mut key)? {
            return Ok(0);
        }
        let start = run.clone();
        let mut result = Ok(0);
        let edited = Editor::new(segments, freed).edit_tree(self, &key, true, &mut |leaf, upper, freed| {
            let merged = merge_leaf(leaf, upper, run, freed);
            let grown = merged == Ok(true);
            result = merged.map(|_| leaf.weight());
            grown
        });
        let result = edited.and(result);
        if result.is_err() {
            *run = start;
        }
        result
    }
}

/// Merges the entries of `run` below `upper` into a leaf; tells whether it has
/// grown at its end.
fn merge_leaf(leaf: &mut Node, upper: Option<&[u8]>, run: &mut Cursor, freed: &mut Freed) -> Result<bool, Stop> {
    let mut merged = Node::roomy(0);
    let (mut old_key, mut new_key) = (Vec::new(), Vec::new());
    let mut index = 0;
    let mut old = leaf.key_into(index, &mut old_key);
    let mut new = run.key(&mut new_key)?;
    let mut grown_at_end = false;
    while new && upper.is_none_or(|upper| *new_key < *upper) && merged.weight() < MERGE_WEIGHT_MAX {
        grown_at_end = !old;
        while old && old_key < new_key {
            merged.push(&old_key, leaf.cell_at(index));
            index += 1;
            old = leaf.key_into(index, &mut old_key);
        }
        if old && old_key == new_key {
            freed.large(leaf.stored_large(index));
            index += 1;
            old = leaf.key_into(index, &mut old_key);
        }
        match run.value()? {
            None | Some(Value::Deleted) => {}
            Some(value) => merged.push(&new_key, Cell::Leaf(value)),
        }
        run.forward(&NoSegments)?;
        new = run.key(&mut new_key)?;
    }
    while old {
        grown_at_end = false;
        merged.push(&old_key, leaf.cell_at(index));
        index += 1;
        old = leaf.key_into(index, &mut old_key);
    }
    *leaf = merged;
    Ok(grown_at_end)
}

impl Editor<'_> {
    /// Changes the leaf where `key` belongs and brings the path above it in order.
    pub(super) fn edit_tree(
        &mut self,
        tree: &mut Tree,
        key: &[u8],
        bounded: bool,
        change: Change<'_>,
    ) -> Result<(), Stop> {
        let mut root = tree.root.take().unwrap_or_else(|| Node::new(0).dirty());
        let result = self.edit(&mut root, key, bounded.then_some(None), TREE_DEPTH_MAX, change);
        tree.root = Some(self.grow(root));
        tree.shrink_root();
        result
    }

    /// Puts a branch over a root that is too heavy, until none is.
    fn grow(&mut self, mut root: Child) -> Child {
        while let Child::Dirty(node) = &mut root
            && node.weight() > NODE_WEIGHT_MAX
        {
            let parts = Arc::make_mut(node).split(self.grown_at_end);
            if parts.is_empty() {
                break;
            }
            let mut branch = Node::new(node.level() + 1);
            branch.insert(0, &[], Cell::Branch(root));
            for (separator, part) in parts {
                branch.insert(branch.count(), &separator, Cell::Branch(part.dirty()));
            }
            root = branch.dirty();
        }
        root
    }

    /// Makes `child` changeable: loads it when stored, copies it when shared.
    pub(super) fn own<'c>(&mut self, child: &'c mut Child) -> Result<&'c mut Node, Stop> {
        if let Child::Stored(stored) = *child {
            let held = Held::load(child, self.segments)?;
            let node = Node::from_held(&held)?;
            self.freed.0.push(stored.at);
            *child = node.dirty();
        }
        match child {
            Child::Dirty(node) => Ok(Arc::make_mut(node)),
            Child::Stored(_) => unreachable!("loaded above"),
        }
    }

    /// `upper` is the end of the keys below `child`, where it is asked for and there is one.
    fn edit(
        &mut self,
        child: &mut Child,
        key: &[u8],
        upper: Option<Option<&[u8]>>,
        depth_left: usize,
        change: Change<'_>,
    ) -> Result<(), Stop> {
        let depth_left = depth_left.checked_sub(1).ok_or_else(|| malformed("tree is too deep"))?;
        let node = self.own(child)?;
        if node.level() == 0 {
            self.grown_at_end = change(node, upper.flatten(), self.freed);
            return Ok(());
        }
        let index = node.view().child_index(key).unwrap_or(0);
        let next = if upper.is_some() && index + 1 < node.count() { Some(node.key(index + 1)) } else { None };
        let upper = upper.map(|upper| next.as_deref().or(upper));
        let Some(below) = node.child_mut(index) else {
            return Err(malformed("branch has no children"));
        };
        let before = below.below();
        let result = self.edit(below, key, upper, depth_left, change);
        let after = below.below();
        node.count_below(before, after);
        result?;
        let last = index + 1 == node.count();
        self.settle(node, index)?;
        self.grown_at_end &= last;
        Ok(())
    }

    /// Brings child `index` of `node` back to between the smallest and the
    /// largest weight, or takes it out when it is empty.
    fn settle(&mut self, node: &mut Node, index: usize) -> Result<(), Stop> {
        let Some(Child::Dirty(child)) = node.child(index) else { return Ok(()) };
        if child.count() == 0 {
            node.remove(index);
        } else if child.weight() > NODE_WEIGHT_MAX {
            self.split(node, index);
        } else if child.weight() < NODE_WEIGHT_MIN && node.count() > 1 {
            self.join(node, index)?;
        }
        Ok(())
    }

    fn split(&mut self, node: &mut Node, index: usize) {
        let Some(Child::Dirty(child)) = node.child_mut(index) else { return };
        let before = child.below();
        let parts = Arc::make_mut(child).split(self.grown_at_end);
        let after = child.below();
        node.count_below(before, after);
        for (place, (separator, part)) in parts.into_iter().enumerate() {
            node.insert(index + 1 + place, &separator, Cell::Branch(part.dirty()));
        }
    }

    /// Joins the light child `index` with a neighbour, the one in memory if
    /// only one is; what does not fit in one node is shared evenly by two.
    fn join(&mut self, node: &mut Node, index: usize) -> Result<(), Stop> {
        let load = |node: &Node, index: usize| match node.child(index) {
            Some(child) => Held::load(child, self.segments).map(drop),
            None => Err(malformed("child is missing")),
        };
        let goes_right = index == 0 || (load(node, index - 1).is_err() && load(node, index + 1).is_ok());
        let left = if goes_right { index } else { index - 1 };
        // Both are loaded before anything is changed.
        load(node, left)?;
        load(node, left + 1)?;
        let separator = node.key(left + 1);
        let (Some(first), Some(second)) = (node.child(left), node.child(left + 1)) else { return Ok(()) };
        let (before, mut second) = (first.below(), second.clone());
        node.remove(left + 1);
        let right = self.own(&mut second)?;
        let Some(first) = node.child_mut(left) else { return Ok(()) };
        let merged = self.own(first)?;
        merged.append(&separator, right);
        let (after, weight) = (merged.below(), merged.weight());
        node.count_below(before, after);
        self.joined = true;
        self.grown_at_end = false;
        if weight > NODE_WEIGHT_MAX {
            self.split(node, left);
        }
        Ok(())
    }
}

impl Tree {
    pub(super) fn shrink_root(&mut self) {
        while let Some(Child::Dirty(node)) = &self.root {
            self.root = match (node.level(), node.count()) {
                (_, 0) => None,
                (1.., 1) => node.child(0).cloned(),
                _ => return,
            };
        }
    }
}

#[cold]
pub(super) fn malformed(why: &'static str) -> Stop {
    Corrupt { place: Place::Row, why }.into()
}
