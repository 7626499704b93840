//! Moving nodes out of segments that are mostly dead.

use super::edit::Editor;
use super::{Child, Freed, Held, Large, Segments, TREE_DEPTH_MAX, Tree, Value};
use crate::format::node::Kind;
use crate::stop::Stop;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// What looking at a child costs, as so many bytes copied.
const LOOK_COST_BYTES: usize = 16;

/// Nodes on their way out of some segments. It can be interrupted anywhere and
/// goes on where it stopped.
pub struct Relocation {
    /// The segments to be emptied, ascending.
    segments: Vec<u32>,
    /// Where to go on: the separator of the first child not done.
    resume: Option<Vec<u8>>,
}

struct Walk<'a, 'e> {
    editor: &'a mut Editor<'e>,
    relocation: &'a mut Relocation,
    bytes_left: usize,
}

/// How a walk goes on.
enum Flow {
    Done,
    /// The slice is used up, or a segment is missing.
    Stop(Option<Stop>),
}

impl Relocation {
    /// Empties these segments, in ascending order.
    pub fn new(segments: Vec<u32>) -> Self {
        Self { segments, resume: None }
    }
}

impl Tree {
    /// Makes nodes in the segments of `relocation` dirty, so that they are
    /// written anew, until about `bytes_max` bytes are copied; tells whether
    /// none is left. On a fault what was done stays done.
    ///
    /// Only branches, leaves with large values and the nodes themselves are read.
    pub fn relocate(
        &mut self,
        relocation: &mut Relocation,
        bytes_max: usize,
        segments: &dyn Segments,
        freed: &mut Freed,
    ) -> Result<bool, Stop> {
        let level = self.level(segments)?;
        let Some(root) = &mut self.root else {
            return Ok(true);
        };
        let mut walk = Walk { editor: &mut Editor::new(segments, freed), relocation, bytes_left: bytes_max };
        match walk.child(root, level) {
            Flow::Done => Ok(true),
            Flow::Stop(None) => Ok(false),
            Flow::Stop(Some(error)) => Err(error),
        }
    }

    /// Levels below the root; all leaves are at one depth.
    fn level(&self, segments: &dyn Segments) -> Result<usize, Stop> {
        let Some(root) = &self.root else {
            return Ok(0);
        };
        let mut held = Held::load(root, segments)?;
        for level in 0..TREE_DEPTH_MAX {
            if held.view().kind == Kind::Leaf {
                return Ok(level);
            }
            held = Held::load(&held.child(0)?, segments)?;
        }
        Err(held.corrupt("tree is too deep"))
    }
}

impl Walk<'_, '_> {
    fn child(&mut self, child: &mut Child, level: usize) -> Flow {
        match self.must_move(child, level) {
            Ok(false) => return Flow::Done,
            Ok(true) => {}
            Err(error) => return Flow::Stop(Some(error)),
        }
        if let Child::Stored(stored) = child {
            self.bytes_left = self.bytes_left.saturating_sub(stored.at.length as usize);
        }
        let moved = self.editor.own(child).map(drop).and_then(|()| self.move_large(child));
        if let Err(error) = moved {
            return Flow::Stop(Some(error));
        }
        let Child::Dirty(node) = child else { return Flow::Done };
        let node = Arc::make_mut(node);
        if level == 0 {
            return Flow::Done;
        }
        let first = self.relocation.resume.take().and_then(|key| node.view().child_index(&key)).unwrap_or(0);
        for index in first..node.count() {
            let spent = self.bytes_left == 0;
            self.bytes_left = self.bytes_left.saturating_sub(LOOK_COST_BYTES);
            let below = node.child_mut(index).filter(|_| !spent);
            let flow = below.map_or(Flow::Stop(None), |below| self.child(below, level - 1));
            if let Flow::Stop(_) = flow {
                if self.relocation.resume.is_none() {
                    self.relocation.resume = Some(node.key(index));
                }
                return flow;
            }
        }
        Flow::Done
    }

    /// Takes large values of a leaf in memory, to be written anew, where they
    /// lie in one of the segments. On a fault those done are done.
    fn move_large(&mut self, leaf: &mut Child) -> Result<(), Stop> {
        let Child::Dirty(node) = leaf else { return Ok(()) };
        if node.below().large == 0 || node.level() > 0 {
            return Ok(());
        }
        for large in Arc::make_mut(node).large_mut() {
            let Large::Stored(at) = *large else { continue };
            if !at.pieces().any(|piece| self.is_leaving(piece.segment)) {
                continue;
            }
            let mut bytes = None;
            Value::Large(large.clone()).take(self.editor.segments, &mut |value| bytes = value.map(Arc::from))?;
            if let Some(bytes) = bytes {
                self.bytes_left = self.bytes_left.saturating_sub(at.bytes as usize);
                self.editor.freed.large(Some(at));
                *large = Large::Memory(bytes);
            }
        }
        Ok(())
    }

    /// Whether the node lies in one of the segments, or a node or value below does.
    fn must_move(&self, child: &Child, level: usize) -> Result<bool, Stop> {
        let leaves = match child {
            Child::Stored(stored) => self.is_leaving(stored.at.segment),
            Child::Dirty(_) => level > 0,
        };
        // Above the branches over leaves there is little: it is written anew
        // rather than looked through. So is a branch over leaves with large values,
        // or all these leaves would have to be in memory at once.
        if level > 1 || leaves || (level == 1 && child.below().large > 0) {
            return Ok(true);
        }
        if level == 0 && child.below().large == 0 {
            return Ok(false);
        }
        let held = Held::load(child, self.editor.segments)?;
        for index in 0..held.view().count() {
            let leaves = if level > 0 {
                self.must_move(&held.child(index)?, 0)?
            } else if let Value::Large(Large::Stored(at)) = held.value(index)? {
                at.pieces().any(|piece| self.is_leaving(piece.segment))
            } else {
                false
            };
            if leaves {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn is_leaving(&self, segment: u32) -> bool {
        self.relocation.segments.binary_search(&segment).is_ok()
    }
}
