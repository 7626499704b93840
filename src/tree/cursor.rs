//! Walking a tree in key order, both ways.

use super::{Held, Segments, TREE_DEPTH_MAX, Tree, TreeError};
use crate::format::node::Kind;
use alloc::vec::Vec;
use core::cmp::Ordering;

/// A place in a tree, on an entry or past either end. It holds the nodes on its
/// path, so the tree may change meanwhile: the cursor goes on in the old one.
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
    pub fn at_or_after(tree: &Tree, key: &[u8], segments: &dyn Segments) -> Result<Self, TreeError> {
        let (mut cursor, index) = Self::descend(tree, key, segments)?;
        if let Some((held, at)) = cursor.path.last_mut() {
            *at = index;
            if index == held.view()?.count() {
                *at = index.wrapping_sub(1);
                cursor.step(Step::Forward, segments)?;
            }
        }
        Ok(cursor)
    }

    /// The last entry whose key is below `key`.
    pub fn before(tree: &Tree, key: &[u8], segments: &dyn Segments) -> Result<Self, TreeError> {
        let (mut cursor, index) = Self::descend(tree, key, segments)?;
        if let Some((_, at)) = cursor.path.last_mut() {
            *at = index;
            cursor.step(Step::Back, segments)?;
        }
        Ok(cursor)
    }

    /// The path to the leaf where `key` belongs, and its index there.
    fn descend(tree: &Tree, key: &[u8], segments: &dyn Segments) -> Result<(Self, usize), TreeError> {
        let mut cursor = Self { path: Vec::new() };
        let Some(root) = &tree.root else {
            return Ok((cursor, 0));
        };
        let mut held = Held::load(root, segments)?;
        while cursor.path.len() < TREE_DEPTH_MAX {
            let view = held.view()?;
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

    /// Goes to the next entry.
    pub fn forward(&mut self, segments: &dyn Segments) -> Result<(), TreeError> {
        self.step(Step::Forward, segments)
    }

    /// Goes to the entry before.
    pub fn back(&mut self, segments: &dyn Segments) -> Result<(), TreeError> {
        self.step(Step::Back, segments)
    }

    fn step(&mut self, step: Step, segments: &dyn Segments) -> Result<(), TreeError> {
        let mut left = None;
        while let Some((held, index)) = self.path.last_mut() {
            let next = match step {
                Step::Forward => index.wrapping_add(1),
                Step::Back => index.wrapping_sub(1),
            };
            if next < held.view()?.count() {
                *index = next;
                self.descend_edge(step, segments)?;
                return left.map_or(Ok(()), |left| self.check_order(&left, step));
            }
            let popped = self.path.pop();
            left = left.or(popped);
        }
        Ok(())
    }

    /// The leaf just entered must go on from the leaf just left. In a damaged
    /// tree, in which one node is the child of many, a scan would else visit it
    /// more often than could ever end.
    fn check_order(&self, left: &(Held, usize), step: Step) -> Result<(), TreeError> {
        let Some((entered, index)) = self.path.last() else {
            return Ok(());
        };
        let edge = match step {
            Step::Forward => left.0.view()?.count().saturating_sub(1),
            Step::Back => 0,
        };
        let order = left.0.view()?.compare_keys(edge, entered.view()?, *index);
        let expected = match step {
            Step::Forward => Ordering::Less,
            Step::Back => Ordering::Greater,
        };
        if order == Some(expected) { Ok(()) } else { Err(entered.corrupt("keys do not ascend")) }
    }

    /// From a branch down to the near edge of the leaf below.
    fn descend_edge(&mut self, step: Step, segments: &dyn Segments) -> Result<(), TreeError> {
        while let Some((held, index)) = self.path.last() {
            if held.view()?.kind == Kind::Leaf {
                return Ok(());
            }
            if self.path.len() == TREE_DEPTH_MAX {
                return Err(held.corrupt("tree is too deep"));
            }
            let below = Held::load(&held.child(*index)?, segments)?;
            let count = below.view()?.count();
            let edge = match step {
                Step::Forward => 0,
                Step::Back => count.checked_sub(1).ok_or_else(|| below.corrupt("node is empty"))?,
            };
            if count == 0 {
                return Err(below.corrupt("node is empty"));
            }
            self.path.push((below, edge));
        }
        Ok(())
    }

    /// Writes the key of the entry into `key`; tells whether there is an entry.
    pub fn key(&self, key: &mut Vec<u8>) -> Result<bool, TreeError> {
        key.clear();
        let Some((held, index)) = self.path.last() else {
            return Ok(false);
        };
        let view = held.view()?;
        let cell = view.leaf_cell(*index).ok_or_else(|| held.corrupt("cell is out of bounds"))?;
        key.extend_from_slice(view.prefix);
        key.extend_from_slice(cell.suffix);
        Ok(true)
    }

    /// The value of the entry: `None` past the ends, `Some(None)` for a deletion marker.
    pub fn value(&self) -> Result<Option<Option<&[u8]>>, TreeError> {
        let Some((held, index)) = self.path.last() else {
            return Ok(None);
        };
        let cell = held.view()?.leaf_cell(*index).ok_or_else(|| held.corrupt("cell is out of bounds"))?;
        Ok(Some(cell.value))
    }
}
