//! The persistent B+tree.
//!
//! A tree is a root. Changing a tree copies the nodes on the path that others
//! share and leaves every other root as it was, so a snapshot is a clone of the
//! root. A child is either in memory (dirty) or a reference to a stored node;
//! reading a stored node needs its segment in memory, and where that is missing
//! the operation returns a [`Fault`] that names it. Nothing is changed then
//! that a repetition would not find in order.
//!
//! Keys are at most 1 KiB, values at most [`VALUE_BYTES_MAX`]: the layers above
//! see to it. Every node but the root weighs at least
//! [`node::NODE_WEIGHT_MIN`]; the neighbour that a light node needs for that is
//! loaded where it is not in memory, since only checkpoints change stored trees
//! and can wait. Values above [`VALUE_INLINE_MAX`] lie outside their leaf.

pub mod build;
mod bulk;
pub mod check;
mod count;
pub mod cursor;
mod edit;
mod large;
pub mod later;
pub mod node;
mod range;
pub mod relocate;

pub use bulk::{Builder, Merging};
pub use edit::Freed;
pub use large::{Large, Value};

use crate::bytes::copied;
use crate::format::head::{Below, ChildRef, LARGE_REF_BYTES, LargeRef, NodeRef};
use crate::format::node::{Kind, View};
pub use crate::format::node::{VALUE_BYTES_MAX, VALUE_INLINE_MAX};
use crate::format::{Corrupt, Place};
pub use crate::stop::Fault;
use crate::stop::Stop;
use alloc::sync::Arc;
use alloc::vec::Vec;
use node::Node;

/// Gives the bytes of segments that are in memory.
pub trait Segments {
    /// The record of segment `segment`, or a fault.
    fn segment(&self, segment: u32) -> Result<Arc<[u8]>, Fault>;
}

/// For trees that are wholly in memory.
pub struct NoSegments;

impl Segments for NoSegments {
    fn segment(&self, segment: u32) -> Result<Arc<[u8]>, Fault> {
        Err(Fault { segment })
    }
}

/// Most levels of a tree. Even at two children a branch, 32 levels hold more
/// than a device can; a deeper path means that stored references form a loop.
pub const TREE_DEPTH_MAX: usize = 32;

/// A child of a branch, or the root.
#[derive(Debug)]
pub enum Child {
    /// Stored in a segment.
    Stored(ChildRef),
    /// In memory, not stored yet.
    Dirty(Arc<Node>),
}

impl Clone for Child {
    #[inline(never)]
    fn clone(&self) -> Self {
        match self {
            Self::Stored(child) => Self::Stored(*child),
            Self::Dirty(node) => Self::Dirty(node.clone()),
        }
    }
}

impl Child {
    pub(crate) fn below(&self) -> Below {
        match self {
            Self::Stored(child) => child.below,
            Self::Dirty(node) => node.below(),
        }
    }
}

/// A persistent tree. Cloning it is the snapshot.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    pub(crate) root: Option<Child>,
}

/// A node held in memory for reading.
#[derive(Clone)]
pub(crate) enum Held {
    Stored { record: Arc<[u8]>, at: NodeRef },
    Dirty(Arc<Node>),
}

impl Held {
    pub(crate) fn load(child: &Child, segments: &dyn Segments) -> Result<Self, Stop> {
        match child {
            Child::Dirty(node) => Ok(Self::Dirty(node.clone())),
            Child::Stored(ChildRef { at, .. }) => {
                let record = segments.segment(at.segment)?;
                let is_node = large::bytes_at(&record, *at).and_then(View::parse).is_some();
                let held = Self::Stored { record, at: *at };
                if is_node { Ok(held) } else { Err(held.corrupt("bounds or header are wrong")) }
            }
        }
    }

    pub(crate) fn view(&self) -> View<'_> {
        match self {
            Self::Dirty(node) => node.view(),
            // That it parses was seen when it was loaded.
            Self::Stored { record, at } => large::bytes_at(record, *at).and_then(View::parse).unwrap_or(View::EMPTY),
        }
    }

    pub(crate) fn child(&self, index: usize) -> Result<Child, Stop> {
        match self {
            Self::Dirty(node) => node.child(index).cloned(),
            Self::Stored { .. } => self.view().stored_child(index).map(Child::Stored),
        }
        .ok_or_else(|| self.corrupt("child is out of bounds"))
    }

    /// The value in cell `index` of a leaf.
    pub(crate) fn value(&self, index: usize) -> Result<Value<'_>, Stop> {
        let broken = || self.corrupt("cell is out of bounds");
        if let Self::Dirty(node) = self {
            return node.value(index).ok_or_else(broken);
        }
        let cell = self.view().leaf_cell(index).ok_or_else(broken)?;
        if let Some(bytes) = cell.value {
            return Ok(Value::Bytes(bytes));
        }
        let at = cell.rest.first_chunk::<LARGE_REF_BYTES>().and_then(LargeRef::from_bytes);
        Ok(Value::Large(Large::Stored(at.ok_or_else(|| self.corrupt("reference to a value is malformed"))?)))
    }

    #[cold]
    pub(crate) fn corrupt(&self, why: &'static str) -> Stop {
        let place = match self {
            Self::Stored { at, .. } => Place::Node { segment: at.segment, offset: at.offset },
            Self::Dirty(_) => Place::Row,
        };
        Corrupt { place, why }.into()
    }
}

impl Tree {
    /// A tree whose root is stored.
    pub fn stored(root: Option<NodeRef>) -> Self {
        Self { root: root.map(|at| Child::Stored(ChildRef { at, below: Below::default() })) }
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.root.is_none()
    }

    /// Looks `key` up. The outer option tells whether there is an entry, the
    /// inner one is `None` for a deletion marker.
    pub fn get(&self, key: &[u8], segments: &dyn Segments) -> Result<Option<Option<Vec<u8>>>, Stop> {
        let mut found = None;
        self.get_with(key, segments, &mut |value| found = Some(value.map(copied)))?;
        Ok(found)
    }

    /// Looks `key` up and hands the entry to `take` without copying it;
    /// `take` is not called when there is none. A large value faults for its
    /// segments as nodes do.
    pub fn get_with(
        &self,
        key: &[u8],
        segments: &dyn Segments,
        take: &mut dyn FnMut(Option<&[u8]>),
    ) -> Result<(), Stop> {
        match self.find(key, segments)? {
            Some((leaf, index)) => leaf.value(index)?.take(segments, take),
            None => Ok(()),
        }
    }

    /// Whether there is an entry under `key`.
    pub fn contains(&self, key: &[u8], segments: &dyn Segments) -> Result<bool, Stop> {
        Ok(self.find(key, segments)?.is_some())
    }

    /// The leaf and the cell in it that hold `key`.
    fn find(&self, key: &[u8], segments: &dyn Segments) -> Result<Option<(Held, usize)>, Stop> {
        let Some(root) = &self.root else {
            return Ok(None);
        };
        let mut held = Held::load(root, segments)?;
        for _ in 0..TREE_DEPTH_MAX {
            let view = held.view();
            let broken = || held.corrupt("cell is out of bounds");
            if view.kind == Kind::Leaf {
                let index = view.search(key).ok_or_else(broken)?.ok();
                return Ok(index.map(|index| (held, index)));
            }
            let index = view.child_index(key).ok_or_else(broken)?;
            held = Held::load(&held.child(index)?, segments)?;
        }
        Err(held.corrupt("tree is too deep"))
    }
}

#[cfg(test)]
mod damaged;
#[cfg(test)]
mod tests;
