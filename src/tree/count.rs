//! Counting entries by what branches know of their children.

use super::{Child, Held, Segments, TREE_DEPTH_MAX, Tree};
use crate::format::node::Kind;
use crate::stop::Stop;

/// What damaged counts come to.
const TOO_MANY: &str = "branch counts more than can be";

impl Tree {
    /// Number of entries from `from` up to `to`, deletion markers among them.
    /// Reads the two paths to the ends of the range, nothing between.
    pub fn count(&self, from: &[u8], to: &[u8], segments: &dyn Segments) -> Result<u64, Stop> {
        if from >= to {
            return Ok(0);
        }
        Ok(self.rank(to, segments)?.saturating_sub(self.rank(from, segments)?))
    }

    /// Number of entries below `key`.
    fn rank(&self, key: &[u8], segments: &dyn Segments) -> Result<u64, Stop> {
        let Some(root) = &self.root else { return Ok(0) };
        let mut rank = 0;
        let mut held = Held::load(root, segments)?;
        for depth in 0..TREE_DEPTH_MAX {
            let view = held.view();
            let broken = || held.corrupt("cell is out of bounds");
            if view.kind == Kind::Leaf {
                let place = view.search(key).ok_or_else(broken)?.unwrap_or_else(|index| index);
                return Ok(rank + place as u64);
            }
            let index = view.child_index(key).ok_or_else(broken)?;
            for before in 0..index {
                let below = entries(&held.child(before)?, depth + 1, segments)?;
                rank = u64::checked_add(rank, below).ok_or_else(|| held.corrupt(TOO_MANY))?;
            }
            held = Held::load(&held.child(index)?, segments)?;
        }
        Err(held.corrupt("tree is too deep"))
    }
}

/// Entries below a child. Version 1 did not count them: its leaves are read.
fn entries(child: &Child, depth: usize, segments: &dyn Segments) -> Result<u64, Stop> {
    let counted = child.below().entries;
    if counted > 0 {
        return Ok(counted);
    }
    let held = Held::load(child, segments)?;
    let view = held.view();
    if view.kind == Kind::Leaf {
        return Ok(view.count() as u64);
    }
    if depth >= TREE_DEPTH_MAX {
        return Err(held.corrupt("tree is too deep"));
    }
    (0..view.count()).try_fold(0u64, |sum, index| {
        let below = entries(&held.child(index)?, depth + 1, segments)?;
        sum.checked_add(below).ok_or_else(|| held.corrupt(TOO_MANY))
    })
}
