//! Walking a tree in key order, both ways.

use super::{Held, Segments, TREE_DEPTH_MAX, Tree, Value};
use crate::format::node::Kind;
use crate::stop::Stop;
use alloc::vec::Vec;
use core::cmp::Ordering;

/// A place in a tree, on an entry or past either end. It holds the nodes on its
/// path, so the tree may change meanwhile: the cursor goes on in the old one.
#[derive(Clone)]
pub struct Cursor {
    path: Vec<(Held, usize)>,
}

#[derive(Clone, Copy)]
enum Step {
    Forward,
    Back,
}

impl Cursor {
    /// The first entry whose key is not below `key`.
    pub fn at_or_after(tree: &Tree, key: &[u8], segments: &dyn Segments) -> Result<Self, Stop> {
        let (mut cursor, index) = Self::descend(tree, key, segments)?;
        if let Some((held, at)) = cursor.path.last_mut() {
            *at = index;
            if index == held.view().count() {
                *at = index.wrapping_sub(1);
                cursor.step(Step::Forward, segments)?;
            }
        }
        Ok(cursor)
    }

    /// The last entry whose key is below `key`.
    pub fn before(tree: &Tree, key: &[u8], segments: &dyn Segments) -> Result<Self, Stop> {
        let (mut cursor, index) = Self::descend(tree, key, segments)?;
        if let Some((_, at)) = cursor.path.last_mut() {
            *at = index;
            cursor.step(Step::Back, segments)?;
        }
        Ok(cursor)
    }

    /// The path to the leaf where `key` belongs, and its index there.
    fn descend(tree: &Tree, key: &[u8], segments: &dyn Segments) -> Result<(Self, usize), Stop> {
        let mut cursor = Self { path: Vec::new() };
        let Some(root) = &tree.root else {
            return Ok((cursor, 0));
        };
        let mut held = Held::load(root, segments)?;
        while cursor.path.len() < TREE_DEPTH_MAX {
            let view = held.view();
            let broken = || held.corrupt("cell is out of bounds");
            if view.kind == Kind::Leaf {
                let index = match view.search(key).ok_or_else(broken)? {
                    Ok(index) | Err(index) => index,
                };
                cursor.path.push((held, index));
                return Ok((cursor, index));
            }
            let index = view.child_index(key).ok_or_else(broken)?;
            let child = held.child(index)?;
            cursor.path.push((held, index));
            held = Held::load(&child, segments)?;
        }
        Err(held.corrupt("tree is too deep"))
    }

    /// Goes to the next entry. On a fault it stays: load and repeat.
    pub fn forward(&mut self, segments: &dyn Segments) -> Result<(), Stop> {
        self.step(Step::Forward, segments)
    }

    /// Goes to the entry before. On a fault it stays: load and repeat.
    pub fn back(&mut self, segments: &dyn Segments) -> Result<(), Stop> {
        self.step(Step::Back, segments)
    }

    fn step(&mut self, step: Step, segments: &dyn Segments) -> Result<(), Stop> {
        for depth in (0..self.path.len()).rev() {
            let (held, index) = &self.path[depth];
            let next = match step {
                Step::Forward => index.wrapping_add(1),
                Step::Back => index.wrapping_sub(1),
            };
            if next < held.view().count() {
                let mut below = Self::edge_below(held, next, depth, step, segments)?;
                self.check_order(below.last(), step)?;
                self.path.truncate(depth + 1);
                self.path[depth].1 = next;
                self.path.append(&mut below);
                return Ok(());
            }
        }
        self.path.clear();
        Ok(())
    }

    /// The leaf to be entered must go on from the leaf to be left. In a damaged
    /// tree, in which one node is the child of many, a scan would else visit it
    /// more often than could ever end.
    fn check_order(&self, entered: Option<&(Held, usize)>, step: Step) -> Result<(), Stop> {
        let (Some((left, _)), Some((entered, index))) = (self.path.last(), entered) else {
            return Ok(());
        };
        let (edge, expected) = match step {
            Step::Forward => (left.view().count().saturating_sub(1), Ordering::Less),
            Step::Back => (0, Ordering::Greater),
        };
        let order = left.view().compare_keys(edge, entered.view(), *index);
        if order == Some(expected) { Ok(()) } else { Err(entered.corrupt("keys do not ascend")) }
    }

    /// The path from child `index` of a branch down to the near edge of a leaf;
    /// nothing where `held` is a leaf.
    fn edge_below(
        held: &Held,
        index: usize,
        depth: usize,
        step: Step,
        segments: &dyn Segments,
    ) -> Result<Vec<(Held, usize)>, Stop> {
        let mut below: Vec<(Held, usize)> = Vec::new();
        loop {
            let (last, index) = below.last().map_or((held, index), |(held, index)| (held, *index));
            if last.view().kind == Kind::Leaf {
                return Ok(below);
            }
            if depth + below.len() + 1 == TREE_DEPTH_MAX {
                return Err(last.corrupt("tree is too deep"));
            }
            let child = Held::load(&last.child(index)?, segments)?;
            let edge = child.view().count().checked_sub(1).ok_or_else(|| child.corrupt("node is empty"))?;
            let edge = if matches!(step, Step::Forward) { 0 } else { edge };
            below.push((child, edge));
        }
    }

    /// Writes the key of the entry into `key`; tells whether there is an entry.
    pub fn key(&self, key: &mut Vec<u8>) -> Result<bool, Stop> {
        key.clear();
        let Some((held, index)) = self.path.last() else {
            return Ok(false);
        };
        let view = held.view();
        let suffix = view.suffix(*index).ok_or_else(|| held.corrupt("cell is out of bounds"))?;
        key.extend_from_slice(view.prefix);
        key.extend_from_slice(suffix);
        Ok(true)
    }

    /// The value of the entry; `None` past the ends.
    pub fn value(&self) -> Result<Option<Value<'_>>, Stop> {
        let Some((held, index)) = self.path.last() else {
            return Ok(None);
        };
        Ok(Some(held.value(*index)?))
    }
}
