//! Finding nodes that nothing sound refers to.
//!
//! A stored node has one form: its cells lie one behind the other in the order of
//! their slots, and fill its heap. So a node is told from other bytes, and where
//! it ends.

use pannier::format::head::{LARGE_REF_BYTES, NODE_REF_BYTES, NodeRef};
use pannier::format::node::{Kind, NODE_COUNT_AT, NODE_HEADER_BYTES, NODE_PREFIX_LENGTH_AT, SLOT_BYTES, View};
use pannier::format::{checksum, varint};

/// The largest node is smaller: the least that a record store takes as a record.
const NODE_BYTES_MAX: usize = 16 * 1024;

/// Whether a node has the one form.
pub(crate) fn is_whole(view: &View<'_>) -> bool {
    heap_bytes(view) == Some(view.heap.len())
}

/// Bytes of the cells of a node whose heap may go on behind them; `None` where it is none.
fn heap_bytes(view: &View<'_>) -> Option<usize> {
    let mut rest = view.heap;
    for slot in view.slots.chunks_exact(SLOT_BYTES) {
        let at = view.heap.len() - rest.len();
        if u32::from_le_bytes(slot.try_into().ok()?) as usize != at {
            return None;
        }
        let suffix = varint::read_u32(&mut rest)? as usize;
        if view.kind == Kind::Branch {
            varint::take(&mut rest, suffix)?;
            varint::take(&mut rest, NODE_REF_BYTES)?;
            if view.level > 0 {
                varint::read(&mut rest)?;
                varint::read(&mut rest)?;
            }
        } else {
            let value = varint::read_u32(&mut rest)? as usize;
            varint::take(&mut rest, suffix)?;
            varint::take(&mut rest, value.checked_sub(1).unwrap_or(LARGE_REF_BYTES))?;
        }
    }
    (view.count() > 0).then_some(view.heap.len() - rest.len())
}

/// The node at the end of a segment: of the last one that a checkpoint wrote it is the root.
pub(crate) fn last_node(segment: u32, record: &[u8]) -> Option<NodeRef> {
    let first = record.len().saturating_sub(NODE_BYTES_MAX).max(checksum::CHECKSUM_BYTES);
    let found = (first..record.len()).find(|at| View::parse(&record[*at..]).is_some_and(|view| is_whole(&view)))?;
    Some(NodeRef { segment, offset: found as u32, length: (record.len() - found) as u32 })
}

/// The leaf that comes next in a segment from byte `at` on, where it begins and where it ends.
pub(crate) fn next_leaf(record: &[u8], at: usize) -> Option<(View<'_>, usize, usize)> {
    (at..record.len()).find_map(|at| {
        // Kind and level of a leaf, the high bytes of a count that a node has room for.
        if record.get(at..at + 2) != Some(&[0, 0])
            || record.get(at + NODE_COUNT_AT + 2..at + NODE_HEADER_BYTES) != Some(&[0, 0])
        {
            return None;
        }
        let view = View::parse(&record[at..])?;
        let prefix = usize::from(u16::from_le_bytes([
            record[at + NODE_PREFIX_LENGTH_AT],
            record[at + NODE_PREFIX_LENGTH_AT + 1],
        ]));
        let heap = heap_bytes(&view)?;
        Some((view, at, at + NODE_HEADER_BYTES + prefix + view.slots.len() + heap))
    })
}
