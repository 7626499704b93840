//! Checking a whole tree.

use super::node::Node;
use super::{Child, Held, Segments, TREE_DEPTH_MAX, Tree, TreeError};
use crate::format::head::NodeRef;
use crate::format::node::Kind;
use alloc::vec::Vec;

/// What a check found in a sound tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Entries.
    pub entries: u64,
    /// Levels, 0 for an empty tree.
    pub depth: usize,
    /// Stored nodes reached.
    pub stored: Vec<NodeRef>,
}

impl Tree {
    /// Visits every node and verifies: keys ascend, lie between the separators
    /// above them, all leaves are at one depth, no node is empty.
    pub fn check(&self, segments: &dyn Segments) -> Result<Report, TreeError> {
        let mut report = Report::default();
        if let Some(root) = &self.root {
            let mut walk = Walk { segments, report: &mut report, last: None };
            walk.child(root, 1, None, None)?;
        }
        Ok(report)
    }
}

struct Walk<'a> {
    segments: &'a dyn Segments,
    report: &'a mut Report,
    last: Option<Vec<u8>>,
}

impl Walk<'_> {
    fn child(
        &mut self,
        child: &Child,
        depth: usize,
        lower: Option<&[u8]>,
        upper: Option<&[u8]>,
    ) -> Result<(), TreeError> {
        let held = Held::load(child, self.segments)?;
        let view = held.view()?;
        let wrong = |why| held.corrupt(why);
        if let Child::Stored(at) = child {
            self.report.stored.push(*at);
        }
        if depth > TREE_DEPTH_MAX {
            return Err(wrong("tree is too deep"));
        }
        if matches!(held, Held::Stored { .. }) && Node::from_view(view).is_none() {
            return Err(wrong("cell is out of bounds"));
        }
        if view.count() == 0 {
            return Err(wrong("node is empty"));
        }
        let key_at = |index| {
            let suffix = view.suffix(index).ok_or(wrong("cell is out of bounds"))?;
            Ok::<_, TreeError>([view.prefix, suffix].concat())
        };
        if view.kind == Kind::Leaf {
            if *self.report_depth(depth) != depth {
                return Err(wrong("leaves at different depths"));
            }
            for index in 0..view.count() {
                let key = key_at(index)?;
                if self.last.as_ref().is_some_and(|last| *last >= key) {
                    return Err(wrong("keys do not ascend"));
                }
                if upper.is_some_and(|upper| *key >= *upper) || lower.is_some_and(|lower| *key < *lower) {
                    return Err(wrong("key is not between its separators"));
                }
                self.last = Some(key);
                self.report.entries += 1;
            }
            return Ok(());
        }
        for index in 0..view.count() {
            let separator = key_at(index)?;
            if index > 0 && self.last.as_ref().is_some_and(|last| *last >= separator) {
                return Err(wrong("separator is not above the child before"));
            }
            let next = if index + 1 < view.count() { Some(key_at(index + 1)?) } else { None };
            let lower = if index > 0 { Some(&*separator) } else { lower };
            self.child(&held.child(index)?, depth + 1, lower, next.as_deref().or(upper))?;
        }
        Ok(())
    }

    fn report_depth(&mut self, depth: usize) -> &mut usize {
        if self.report.depth == 0 {
            self.report.depth = depth;
        }
        &mut self.report.depth
    }
}
