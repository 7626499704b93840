//! Trees that no encoder writes, under checksums that fit.

use super::build::{SegmentSizes, SegmentWriter};
use super::cursor::Cursor;
use super::*;
use crate::format::head::NODE_REF_BYTES;
use crate::stop::{Stop, Why};
use alloc::vec;

struct One(Arc<[u8]>);

impl Segments for One {
    fn segment(&self, _: u32) -> Result<Arc<[u8]>, Fault> {
        Ok(self.0.clone())
    }
}

const OUT_OF_ORDER: &str = "keys do not ascend";

/// A node that is the child of many, level upon level, would be visited more
/// often than could ever end.
#[test]
fn a_scan_of_a_leaf_that_is_twice_in_the_tree_ends() {
    let mut tree = Tree::default();
    for number in 0..12u8 {
        tree.insert(&[number], Some(&[number; 900]), &NoSegments, &mut Freed::default()).unwrap();
    }
    let mut writer = SegmentWriter::new(0, SegmentSizes::default());
    assert!(tree.write(&mut writer, usize::MAX));
    let root = tree.stored_root().unwrap();
    let mut record = writer.finish().remove(0).1.to_vec();
    let leaf = |child| match Held::load(
        &Child::Stored(ChildRef { at: root, below: Below::default() }),
        &One(record.clone().into()),
    )
    .unwrap()
    .child(child)
    {
        Ok(Child::Stored(child)) => child.at.to_bytes(),
        other => panic!("{other:?}"),
    };
    let (first, second) = (leaf(0), leaf(1));
    let place = record.windows(NODE_REF_BYTES).rposition(|bytes| bytes == second).unwrap();
    record[place..place + NODE_REF_BYTES].copy_from_slice(&first);
    let (tree, segments) = (Tree::stored(Some(root)), One(record.into()));
    let is_told = |step: Result<(), Stop>| match step {
        Err(error) if let Why::Corrupt(corrupt) = *error.why() => corrupt.why == OUT_OF_ORDER,
        _ => false,
    };
    let mut cursor = Cursor::at_or_after(&tree, &[], &segments).unwrap();
    assert!(is_told((0..12).try_for_each(|_| cursor.forward(&segments))));
    let mut cursor = Cursor::before(&tree, &[99], &segments).unwrap();
    assert!(is_told((0..12).try_for_each(|_| cursor.back(&segments))));
}

/// Taken apart to be changed, such a node would fill the memory.
#[test]
fn a_node_whose_cells_overlap_is_not_changed() {
    let count = 1_000;
    let mut record = vec![0; 8];
    record.extend([0, 0, 0, 0]);
    record.extend(u32::to_le_bytes(count));
    record.resize(record.len() + 4 * count as usize, 0);
    // One cell: suffix of 1 byte, value of 100, which every slot names.
    record.extend([1, 101, 7]);
    record.resize(record.len() + 100, 1);
    let root = NodeRef { segment: 0, offset: 8, length: record.len() as u32 - 8 };
    let (mut tree, segments) = (Tree::stored(Some(root)), One(record.into()));
    assert!(tree.check(&segments).is_err());
    assert!(tree.insert(b"a", Some(b"b"), &segments, &mut Freed::default()).is_err());
}
