//! Removing a range of keys.

use super::edit::{Editor, malformed};
use super::node::Node;
use super::{Child, Freed, Held, Large, Segments, Tree, Value};
use crate::format::node::Kind;
use crate::stop::Stop;

impl Tree {
    /// Takes out all entries from `from` up to `to`. What lies wholly between
    /// is dropped by its branches; leaves are read only where they have large
    /// values. On a fault, load and repeat: some entries may be gone already.
    pub fn remove_range(
        &mut self,
        from: &[u8],
        to: &[u8],
        segments: &dyn Segments,
        freed: &mut Freed,
    ) -> Result<(), Stop> {
        let Some(root) = self.root.as_mut().filter(|_| from < to) else {
            return Ok(());
        };
        let mut editor = Editor::new(segments, freed);
        let cut = editor.cut(root, from, to);
        self.shrink_root();
        cut?;
        // The nodes on both sides of the gap may be light, on every level; one
        // that has no sibling gets one when the level above has been joined.
        for key in [from, to] {
            loop {
                editor.joined = false;
                editor.edit_tree(self, key, false, &mut |_, _, _| false)?;
                if !editor.joined {
                    break;
                }
            }
        }
        Ok(())
    }
}

impl Editor<'_> {
    fn cut(&mut self, child: &mut Child, from: &[u8], to: &[u8]) -> Result<(), Stop> {
        let node = self.own(child)?;
        let view = node.view();
        if node.level() == 0 {
            let place = |key| view.search(key).map_or(0, |found| found.unwrap_or_else(|index| index));
            for index in (place(from)..place(to)).rev() {
                self.freed.large(node.stored_large(index));
                node.remove(index);
            }
            return Ok(());
        }
        let (Some(first), Some(last)) = (view.child_index(from), view.child_index(to)) else {
            return Err(malformed("branch has no children"));
        };
        // The last child is not concerned where it begins with `to`.
        let cuts_last = last > first && *node.key(last) < *to;
        let mut dropped = Freed::default();
        for index in first + 1..last {
            if let Some(below) = node.child(index) {
                self.drop_below(below, node.level(), &mut dropped)?;
            }
        }
        self.freed.0.append(&mut dropped.0);
        for index in (first + 1..last).rev() {
            node.remove(index);
        }
        if cuts_last {
            self.cut_child(node, first + 1, from, to)?;
        }
        self.cut_child(node, first, from, to)
    }

    fn cut_child(&mut self, node: &mut Node, index: usize, from: &[u8], to: &[u8]) -> Result<(), Stop> {
        let Some(child) = node.child_mut(index) else { return Ok(()) };
        let before = child.below();
        let cut = self.cut(child, from, to);
        let after = child.below();
        node.count_below(before, after);
        if after.entries == 0 && cut.is_ok() {
            node.remove(index);
        }
        cut
    }

    /// Collects what the subtree `child`, a child of a branch of level `above`, leaves behind.
    fn drop_below(&self, child: &Child, above: u8, dropped: &mut Freed) -> Result<(), Stop> {
        let level = above.checked_sub(1).ok_or_else(|| malformed("levels do not descend"))?;
        if let Child::Stored(stored) = child {
            dropped.0.push(stored.at);
        }
        if level == 0 && child.below().large == 0 {
            return Ok(());
        }
        let held = Held::load(child, self.segments)?;
        let view = held.view();
        for index in 0..view.count() {
            if view.kind == Kind::Branch {
                self.drop_below(&held.child(index)?, level, dropped)?;
            } else if let Value::Large(Large::Stored(at)) = held.value(index)? {
                dropped.large(Some(at));
            }
        }
        Ok(())
    }
}
