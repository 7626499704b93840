//! Checking a whole tree.

use super::large::{bytes_at, outside};
use super::node::{NODE_WEIGHT_MAX, NODE_WEIGHT_MIN, Node, branch_weight, leaf_weight};
use super::{Child, Held, Large, Segments, TREE_DEPTH_MAX, Tree, Value};
use crate::format::head::{Below, NodeRef, SegmentInfo};
use crate::format::node::Kind;
use crate::format::{Corrupt, Place};
use crate::stop::Stop;
use alloc::vec::Vec;

/// What a check found in a sound tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Entries.
    pub entries: u64,
    /// Those of them with a large value.
    pub large: u64,
    /// Bytes of the large values.
    pub large_bytes: u64,
    /// Levels, 0 for an empty tree.
    pub depth: usize,
    /// Leaves.
    pub leaves: u64,
    /// Branches.
    pub branches: u64,
    /// What all leaves weigh: at most `leaves * NODE_WEIGHT_MAX`.
    pub leaves_weight: u64,
    /// Bytes in segments that the tree reaches, by segment, ascending.
    pub live: Vec<(u32, u64)>,
}

impl Report {
    fn reach(&mut self, at: NodeRef) {
        let place = self.live.binary_search_by_key(&at.segment, |(segment, _)| *segment);
        let place = place.unwrap_or_else(|place| {
            self.live.insert(place, (at.segment, 0));
            place
        });
        self.live[place].1 += u64::from(at.length);
    }

    /// Compares the live bytes with what the head says of its segments.
    pub fn compare(&self, segments: &[SegmentInfo]) -> Result<(), Corrupt> {
        let told = segments.iter().map(|info| (info.segment, u64::from(info.bytes_live)));
        let wrong = self.live.iter().copied().zip(told).find(|(found, told)| found != told);
        let segment = match wrong {
            Some((found, _)) => found.0,
            None if self.live.len() == segments.len() => return Ok(()),
            None => segments.get(self.live.len()).map_or(u32::MAX, |info| info.segment),
        };
        Err(Corrupt { place: Place::Segment(segment), why: "live bytes are not what the head says" })
    }
}

/// A check that can go on after a fault: it holds the path to where it is.
pub struct Check {
    report: Report,
    path: Vec<Step>,
    next: Option<Enter>,
    /// Pieces of the last leaf's large values that are still to be looked at.
    pieces: Vec<NodeRef>,
    last: Option<Vec<u8>>,
}

/// A branch under way.
struct Step {
    held: Held,
    /// The child that comes next.
    index: usize,
    lower: Option<Vec<u8>>,
    upper: Option<Vec<u8>>,
    told: Option<Below>,
    found: Below,
}

/// A node to be looked at, with what its parent says of it.
struct Enter {
    child: Child,
    lower: Option<Vec<u8>>,
    upper: Option<Vec<u8>>,
    told: Option<Below>,
}

impl Tree {
    /// Verifies the whole tree: see [`Check`].
    pub fn check(&self, segments: &dyn Segments) -> Result<Report, Stop> {
        Check::new(self).run(segments)
    }
}

impl Check {
    /// A check of `tree` that has not begun.
    pub fn new(tree: &Tree) -> Self {
        let next = tree.root.clone().map(|child| Enter { child, lower: None, upper: None, told: None });
        Self { report: Report::default(), path: Vec::new(), next, pieces: Vec::new(), last: None }
    }

    /// Visits every node and verifies: keys ascend and lie between the
    /// separators above them, all leaves are at one depth, every node but the
    /// root is heavy enough and none too heavy, branches count what is below
    /// them, pieces of large values are there. On a fault, load and call again.
    pub fn run(&mut self, segments: &dyn Segments) -> Result<Report, Stop> {
        loop {
            while let Some(piece) = self.pieces.last() {
                let record = segments.segment(piece.segment)?;
                bytes_at(&record, *piece).ok_or(outside(*piece))?;
                self.report.reach(*piece);
                self.pieces.pop();
            }
            if let Some(enter) = &self.next {
                let held = Held::load(&enter.child, segments)?;
                self.enter(held)?;
            } else if self.path.is_empty() {
                return Ok(core::mem::take(&mut self.report));
            } else {
                self.go_on()?;
            }
        }
    }

    /// Sets the next child of the branch under way, or leaves the branch.
    fn go_on(&mut self) -> Result<(), Stop> {
        let Some(mut step) = self.path.pop() else { return Ok(()) };
        let view = step.held.view();
        let key_at = |index| view.suffix(index).map(|suffix| [view.prefix, suffix].concat());
        if step.index == view.count() {
            return self.leave(&step.held, step.told, step.found);
        }
        let separator = if step.index > 0 { key_at(step.index) } else { None };
        if separator.is_some() && self.last >= separator {
            return Err(step.held.corrupt("separator is not above the child before"));
        }
        let next = if step.index + 1 < view.count() { key_at(step.index + 1) } else { None };
        let child = step.held.child(step.index)?;
        // Version 1 did not count.
        let told = if view.level > 0 { Some(child.below()) } else { None };
        let lower = separator.or_else(|| step.lower.clone());
        let upper = next.or_else(|| step.upper.clone());
        self.next = Some(Enter { child, lower, upper, told });
        step.index += 1;
        self.path.push(step);
        Ok(())
    }

    fn enter(&mut self, held: Held) -> Result<(), Stop> {
        let Some(enter) = self.next.take() else { return Ok(()) };
        let view = held.view();
        if view.count() == 0 {
            return Err(held.corrupt("node is empty"));
        }
        if self.path.len() >= TREE_DEPTH_MAX {
            return Err(held.corrupt("tree is too deep"));
        }
        let level_above = self.path.last().map(|step| step.held.view()).map_or(0, |above| above.level);
        if level_above > 0 && level_above != view.level + 1 {
            return Err(held.corrupt("levels do not descend by one"));
        }
        if matches!(held, Held::Stored { .. }) {
            // What cannot be changed is not sound: its cells overlap.
            Node::from_held(&held)?;
        }
        let weight = weight(&held)?;
        // Neither the root nor a node of version 1.
        if level_above > 0 && !(NODE_WEIGHT_MIN..=NODE_WEIGHT_MAX).contains(&weight) {
            return Err(held.corrupt("node is too light or too heavy"));
        }
        if let Child::Stored(stored) = &enter.child {
            self.report.reach(stored.at);
        }
        if view.kind == Kind::Branch {
            self.report.branches += 1;
            let Enter { lower, upper, told, .. } = enter;
            self.path.push(Step { held, index: 0, lower, upper, told, found: Below::default() });
            return Ok(());
        }
        let depth = self.path.len() + 1;
        if self.report.leaves > 0 && self.report.depth != depth {
            return Err(held.corrupt("leaves at different depths"));
        }
        self.report.depth = depth;
        self.report.leaves += 1;
        self.report.leaves_weight += weight as u64;
        self.leaf(&held, enter)
    }

    fn leaf(&mut self, held: &Held, enter: Enter) -> Result<(), Stop> {
        let view = held.view();
        let mut found = Below::default();
        for index in 0..view.count() {
            let suffix = view.suffix(index).ok_or_else(|| held.corrupt("cell is out of bounds"))?;
            let key = Some([view.prefix, suffix].concat());
            if self.last >= key {
                return Err(held.corrupt("keys do not ascend"));
            }
            if enter.lower > key || enter.upper.is_some() && enter.upper <= key {
                return Err(held.corrupt("key is not between its separators"));
            }
            self.last = key;
            found.entries += 1;
            if let Value::Large(large) = held.value(index)? {
                found.large += 1;
                self.report.large_bytes += match large {
                    Large::Memory(bytes) => bytes.len() as u64,
                    Large::Stored(at) => {
                        self.pieces.extend(at.pieces());
                        u64::from(at.bytes)
                    }
                };
            }
        }
        self.report.entries += found.entries;
        self.report.large += found.large;
        self.leave(held, enter.told, found)
    }

    /// Holds what was found below a node against what its parent says.
    fn leave(&mut self, held: &Held, told: Option<Below>, found: Below) -> Result<(), Stop> {
        if told.is_some_and(|told| told != found) {
            return Err(held.corrupt("branch counts something else"));
        }
        if let Some(above) = self.path.last_mut() {
            above.found.entries += found.entries;
            above.found.large += found.large;
        }
        Ok(())
    }
}

fn weight(held: &Held) -> Result<usize, Stop> {
    let view = held.view();
    let mut weight = 0;
    for index in 0..view.count() {
        let broken = || held.corrupt("cell is out of bounds");
        let key = view.prefix.len() + view.suffix(index).ok_or_else(broken)?.len();
        weight += match view.kind {
            Kind::Leaf => leaf_weight(key, view.leaf_cell(index).ok_or_else(broken)?.value),
            Kind::Branch => branch_weight(index, key),
        };
    }
    Ok(weight)
}
