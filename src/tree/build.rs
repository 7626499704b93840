//! Writing the dirty nodes of a tree into segments.

use super::node::Node;
use super::{Child, Tree};
use crate::format::checksum;
use crate::format::head::NodeRef;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// A good size for segments: each is closed when it has reached it. IndexedDB's cost is per
/// record, and from 64 KiB on it writes at the speed of one large value; a
/// fault reads a whole segment, so larger ones would slow single reads.
pub const SEGMENT_BYTES_TARGET: usize = 64 * 1024;

/// Segments being written.
pub struct SegmentWriter {
    segment_bytes: usize,
    segment_next: u32,
    open: Vec<u8>,
    done: Vec<(u32, Arc<[u8]>)>,
    bytes: usize,
}

impl SegmentWriter {
    /// The first segment gets the number `segment_next`. A segment is closed
    /// when it has reached `segment_bytes`.
    pub fn new(segment_next: u32, segment_bytes: usize) -> Self {
        Self { segment_bytes, segment_next, open: checksum::begin(0), done: Vec::new(), bytes: 0 }
    }

    /// The records written, with their numbers.
    pub fn finish(mut self) -> Vec<(u32, Arc<[u8]>)> {
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
        self.bytes += self.open.len() - offset;
        if self.open.len() >= self.segment_bytes {
            self.close();
        }
        at
    }

    fn close(&mut self) {
        let mut record = core::mem::replace(&mut self.open, checksum::begin(self.segment_bytes));
        checksum::seal(&mut record);
        self.done.push((self.segment_next, record.into()));
        self.segment_next += 1;
    }
}

impl Tree {
    /// Stores dirty nodes in `writer`, children before their parents, until it
    /// has taken `bytes_max` bytes or a node more; tells whether all are stored.
    /// Until then the tree can only be written further: what it refers to is
    /// not in any record store yet.
    pub fn write(&mut self, writer: &mut SegmentWriter, bytes_max: usize) -> bool {
        let end = writer.bytes.saturating_add(bytes_max);
        self.root.as_mut().is_none_or(|root| write_child(root, writer, end))
    }

    /// Where the root lies, when it is stored.
    pub fn stored_root(&self) -> Option<NodeRef> {
        match self.root {
            Some(Child::Stored(at)) => Some(at),
            _ => None,
        }
    }
}

fn write_child(child: &mut Child, writer: &mut SegmentWriter, end: usize) -> bool {
    let Child::Dirty(node) = child else {
        return true;
    };
    if node.child(0).is_some() {
        let branch = Arc::make_mut(node);
        for index in 0..branch.count() {
            if branch.child_mut(index).is_some_and(|below| !write_child(below, writer, end)) {
                return false;
            }
        }
    }
    if writer.bytes >= end {
        return false;
    }
    *child = Child::Stored(writer.put(node));
    true
}
