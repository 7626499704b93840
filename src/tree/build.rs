//! Writing the dirty nodes of a tree into segments.

use super::node::Node;
use super::{Child, Tree};
use crate::format::checksum;
use crate::format::head::NodeRef;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// A segment is closed when it has reached this size. IndexedDB's cost is per
/// record, and from 64 KiB on it writes at the speed of one large value; a
/// fault reads a whole segment, so larger ones would slow single reads.
pub const SEGMENT_BYTES_TARGET: usize = 64 * 1024;

/// Segments being written.
pub struct SegmentWriter {
    segment_next: u32,
    open: Vec<u8>,
    done: Vec<(u32, Vec<u8>)>,
}

impl SegmentWriter {
    /// The first segment gets the number `segment_next`.
    pub fn new(segment_next: u32) -> Self {
        Self { segment_next, open: checksum::begin(0), done: Vec::new() }
    }

    /// The records written, with their numbers.
    pub fn finish(mut self) -> Vec<(u32, Vec<u8>)> {
        if self.open.len() > checksum::CHECKSUM_BYTES {
            self.close();
        }
        self.done
    }

    fn put(&mut self, node: &Node) -> NodeRef {
        let offset = self.open.len();
        node.encode(&mut self.open);
        let at =
            NodeRef { segment: self.segment_next, offset: offset as u32, length: (self.open.len() - offset) as u32 };
        if self.open.len() >= SEGMENT_BYTES_TARGET {
            self.close();
        }
        at
    }

    fn close(&mut self) {
        let mut record = core::mem::replace(&mut self.open, checksum::begin(SEGMENT_BYTES_TARGET));
        checksum::seal(&mut record);
        self.done.push((self.segment_next, record));
        self.segment_next += 1;
    }
}

impl Tree {
    /// The same tree with every node stored: dirty ones are written to `writer`.
    pub fn write(&self, writer: &mut SegmentWriter) -> Tree {
        Tree { root: self.root.as_ref().map(|root| Child::Stored(write_child(root, writer))) }
    }

    /// Where the root lies, when it is stored.
    pub fn stored_root(&self) -> Option<NodeRef> {
        match self.root {
            Some(Child::Stored(at)) => Some(at),
            _ => None,
        }
    }
}

fn write_child(child: &Child, writer: &mut SegmentWriter) -> NodeRef {
    match child {
        Child::Stored(at) => *at,
        Child::Dirty(node) => {
            let mut node: Arc<Node> = node.clone();
            if node.child(0).is_some() {
                let branch = Arc::make_mut(&mut node);
                for index in 0..branch.count() {
                    let Some(below) = branch.child_mut(index) else {
                        break;
                    };
                    *below = Child::Stored(write_child(below, writer));
                }
            }
            writer.put(&node)
        }
    }
}
