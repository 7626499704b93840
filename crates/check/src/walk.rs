//! Walking a tree of which parts cannot be read.
//!
//! Where a node is damaged, what lies below it is lost, and the walk goes on
//! behind it. A node in a segment whose checksum does not match is read all the
//! same where it has the form of one: most of its bytes are what was written,
//! what is found in it is doubtful, and the nodes that it names in sound segments
//! are not. Only what its parent says of a node is believed of it: a level below,
//! and keys between its separators, ascending.

use crate::held::{Held, Segment};
use crate::salvage;
use crate::{Fault, Lost};
use pannier::format::head::{LARGE_REF_BYTES, LargeRef, NodeRef};
use pannier::format::node::{Kind, View};
use pannier::format::{Corrupt, Place};
use pannier::tree::TREE_DEPTH_MAX;
use std::collections::BTreeSet;
use std::sync::Arc;

/// An entry of the tree.
pub(crate) struct Entry {
    pub(crate) key: Vec<u8>,
    /// Why it cannot be read, where it cannot.
    pub(crate) value: Result<Vec<u8>, Fault>,
    pub(crate) is_sound: bool,
}

/// What comes next of a walk.
pub(crate) enum Walked {
    Entry(Entry),
    Lost(Lost),
    /// A segment is needed.
    Need(u32),
    End,
}

/// A walk under way.
#[derive(Default)]
pub(crate) struct Walk {
    path: Vec<Step>,
    enter: Option<Enter>,
    /// Where nodes lie that were read: none is read twice.
    seen: BTreeSet<(u32, u32)>,
    last: Option<Vec<u8>>,
}

/// A node under way.
struct Step {
    record: Arc<[u8]>,
    at: NodeRef,
    is_sound: bool,
    index: usize,
    lower: Vec<u8>,
    upper: Option<Vec<u8>>,
}

/// A node that comes next, with what its parent says of it.
struct Enter {
    at: NodeRef,
    /// `None` for the root, and in trees of version 1.
    level: Option<u8>,
    lower: Vec<u8>,
    upper: Option<Vec<u8>>,
    entries: Option<u64>,
}

impl Walk {
    pub(crate) fn new(root: Option<NodeRef>) -> Self {
        let enter = |at| Enter { at, level: None, lower: Vec::new(), upper: None, entries: None };
        Self { enter: root.map(enter), ..Self::default() }
    }

    /// Goes on. Asked again once a segment is there that it needs.
    pub(crate) fn next(&mut self, held: &Held) -> Walked {
        loop {
            if let Some(enter) = self.enter.take() {
                match self.enter_node(enter, held) {
                    Some(walked) => return walked,
                    None => continue,
                }
            }
            let Some(step) = self.path.last_mut() else { return Walked::End };
            let view = step.record.get(range(step.at)).and_then(View::parse);
            let Some(view) = view.filter(|view| step.index < view.count()) else {
                self.path.pop();
                continue;
            };
            let index = step.index;
            if view.kind == Kind::Branch {
                step.index += 1;
                match child(&view, index, step) {
                    Some(enter) => self.enter = Some(enter),
                    None => return Walked::Lost(step.lost("child is out of bounds", None)),
                }
                continue;
            }
            let (at, is_sound) = (step.at, step.is_sound);
            let broken = || Fault::from(node(at, "cell is out of bounds"));
            let Some((key, cell)) = view.key(index).zip(view.leaf_cell(index)) else {
                step.index += 1;
                return Walked::Lost(Lost { entries: Some(1), ..step.lost("cell is out of bounds", None) });
            };
            let is_between = key >= step.lower && step.upper.as_ref().is_none_or(|upper| key < *upper);
            if !is_between || self.last.as_ref().is_some_and(|last| *last >= key) {
                step.index += 1;
                return Walked::Lost(Lost { entries: Some(1), ..step.lost("keys do not ascend", None) });
            }
            let read = match cell.value {
                Some(value) => Read::Value(value.to_vec(), true),
                None => match cell.rest.first_chunk::<LARGE_REF_BYTES>().and_then(LargeRef::from_bytes) {
                    Some(large) => read_large(large, held),
                    None => Read::Lost(broken()),
                },
            };
            let (value, is_whole) = match read {
                Read::Need(segment) => return Walked::Need(segment),
                Read::Value(value, is_sound) => (Ok(value), is_sound),
                Read::Lost(fault) => (Err(fault), true),
            };
            step.index += 1;
            self.last = Some(key.clone());
            return Walked::Entry(Entry { key, value, is_sound: is_sound && is_whole });
        }
    }

    /// Reads a node; what came of it where that is not simply the next step.
    fn enter_node(&mut self, enter: Enter, held: &Held) -> Option<Walked> {
        let at = enter.at;
        let Some(Segment { record, why }) = held.get(at.segment) else {
            self.enter = Some(enter);
            return Some(Walked::Need(at.segment));
        };
        let view = record.as_ref().and_then(|record| record.get(range(at))).and_then(View::parse);
        let is_node = view.is_some_and(|view| {
            // Under a checksum that fits it is what was written.
            (why.is_none() || salvage::is_whole(&view)) && enter.level.is_none_or(|level| level == view.level)
        });
        let is_new = is_node && self.path.len() < TREE_DEPTH_MAX && self.seen.insert((at.segment, at.offset));
        let Some(record) = record.as_ref().filter(|_| is_new) else {
            let fault = match why {
                Some(why) => Fault::segment(at.segment, why),
                None => node(at, "bounds or header are wrong").into(),
            };
            let Enter { lower, upper, entries, .. } = enter;
            return Some(Walked::Lost(Lost { fault, from: lower, to: upper, entries }));
        };
        let Enter { lower, upper, .. } = enter;
        self.path.push(Step { record: record.clone(), at, is_sound: why.is_none(), index: 0, lower, upper });
        None
    }
}

impl Step {
    fn lost(&self, why: &'static str, entries: Option<u64>) -> Lost {
        Lost { fault: node(self.at, why).into(), from: self.lower.clone(), to: self.upper.clone(), entries }
    }
}

fn child(view: &View<'_>, index: usize, step: &Step) -> Option<Enter> {
    let child = view.stored_child(index)?;
    let lower = if index > 0 { view.key(index)?.max(step.lower.clone()) } else { step.lower.clone() };
    let next = if index + 1 < view.count() { view.key(index + 1) } else { None };
    let upper = match (next, &step.upper) {
        (Some(next), Some(upper)) => Some(next.min(upper.clone())),
        (next, upper) => next.or_else(|| upper.clone()),
    };
    let is_counted = view.level > 0;
    let (level, entries) = (is_counted.then(|| view.level - 1), is_counted.then_some(child.below.entries));
    Some(Enter { at: child.at, level, lower, upper, entries })
}

/// What became of reading a value.
pub(crate) enum Read {
    /// The value, and whether all of it is sound.
    Value(Vec<u8>, bool),
    /// A segment is needed.
    Need(u32),
    Lost(Fault),
}

pub(crate) fn read_large(large: LargeRef, held: &Held) -> Read {
    let (mut value, mut is_sound) = (Vec::new(), true);
    for piece in large.pieces() {
        let Some(Segment { record, why }) = held.get(piece.segment) else { return Read::Need(piece.segment) };
        let Some(bytes) = record.as_ref().and_then(|record| record.get(range(piece))) else {
            return Read::Lost(Fault::segment(piece.segment, why.unwrap_or("piece of a value is out of bounds")));
        };
        value.extend_from_slice(bytes);
        is_sound &= why.is_none();
    }
    Read::Value(value, is_sound)
}

fn range(at: NodeRef) -> std::ops::Range<usize> {
    let start = at.offset as usize;
    start..start.saturating_add(at.length as usize)
}

fn node(NodeRef { segment, offset, .. }: NodeRef, why: &'static str) -> Corrupt {
    Corrupt { place: Place::Node { segment, offset }, why }
}
