//! A whole tree that may be damaged. Input: where the root lies (12 bytes),
//! then the one segment without its checksum.

use pannier::stop::{Stop, Why};
use std::sync::Arc;

use pannier::format::head::{NODE_REF_BYTES, NodeRef};
use pannier::tree::build::{SegmentSizes, SegmentWriter};
use pannier::tree::cursor::Cursor;
use pannier::tree::{Fault, Freed, Segments, Tree};

use crate::records::sealed;

/// Most steps of a cursor. A segment of 16 KiB holds fewer entries, so a cursor
/// that goes on goes round.
const STEPS_MAX: usize = 100_000;

type Entries = Vec<(Vec<u8>, Option<Vec<u8>>)>;

pub(crate) fn run(bytes: &[u8]) {
    let Some((root, content)) = bytes.split_first_chunk::<NODE_REF_BYTES>() else {
        return;
    };
    exercise(Tree::stored(Some(NodeRef::from_bytes(root))), &Shelf::new(sealed(content)));
}

/// The segments in memory, by ascending number from 0.
pub(crate) struct Shelf(Vec<Arc<[u8]>>);

impl Shelf {
    pub(crate) fn new(record: Vec<u8>) -> Self {
        Self(vec![record.into()])
    }
}

impl Segments for Shelf {
    fn segment(&self, segment: u32) -> Result<Arc<[u8]>, Fault> {
        self.0.get(segment as usize).cloned().ok_or(Fault { segment })
    }
}

/// Reads and changes the tree. Where the check finds it sound, all of that must
/// succeed; where not, it must end.
pub(crate) fn exercise(tree: Tree, shelf: &Shelf) {
    let checked = tree.check(shelf);
    let forward = entries(&tree, shelf, false);
    let back = entries(&tree, shelf, true);
    if checked.is_err() {
        damaged(tree, shelf, forward.unwrap_or_default());
        return;
    }
    let forward = forward.expect("a sound tree is read");
    let mut back = back.expect("a sound tree is read backwards");
    back.reverse();
    assert!(forward == back, "both directions give the same entries");
    assert_eq!(tree.count(b"", &[0xFF; 2000], shelf), Ok(forward.len() as u64), "branches count what is below");
    assert!(forward.is_sorted_by(|left, right| left.0 < right.0), "keys ascend");
    sound(&tree, shelf, &forward);
}

fn entries(tree: &Tree, shelf: &Shelf, reverse: bool) -> Result<Entries, Stop> {
    let mut cursor =
        if reverse { Cursor::before(tree, &[0xFF; 2000], shelf)? } else { Cursor::at_or_after(tree, b"", shelf)? };
    let (mut found, mut key) = (Entries::new(), Vec::new());
    let mut bytes = 0;
    for step in 0.. {
        assert!(step < STEPS_MAX, "a cursor goes round");
        if !cursor.key(&mut key)? {
            break;
        }
        if let Some(value) = cursor.value()? {
            value.take(shelf, &mut |value| {
                bytes += key.len() + value.map_or(0, <[u8]>::len);
                // What is in the tree may be in it many times over: the reader's memory, not the tree's.
                if bytes < 1_000_000 {
                    found.push((key.clone(), value.map(<[u8]>::to_vec)));
                }
            })?;
        }
        if reverse { cursor.back(shelf)? } else { cursor.forward(shelf)? }
    }
    Ok(found)
}

/// Every way to change a tree, on keys that are there and keys that are not.
fn damaged(tree: Tree, shelf: &Shelf, found: Entries) {
    let mut changed = tree.clone();
    let mut freed = Freed::default();
    let keys = found.iter().map(|(key, _)| &key[..]).take(20).chain([&b""[..], b"m", &[0xFF; 40]]);
    for (number, key) in keys.enumerate() {
        let _ = (tree.get(key, shelf), tree.count(b"c", key, shelf), tree.contains(key, shelf));
        if number % 2 == 0 {
            let _ = changed.insert(key, Some(&vec![7; 200 * number]), shelf, &mut freed);
        } else {
            let _ = changed.remove(key, shelf, &mut freed);
        }
    }
    changed.write(&mut SegmentWriter::new(1, SegmentSizes::default()), usize::MAX);
}

/// A sound tree is a map: what is put into it and taken out again leaves it as it was.
fn sound(tree: &Tree, shelf: &Shelf, found: &Entries) {
    let mut changed = tree.clone();
    let mut freed = Freed::default();
    if let Err(stop) = changed.clone().remove(b"absent", shelf, &mut freed)
        && let Why::Corrupt(corrupt) = stop.why()
        && corrupt.why == "branch of version 1 cannot be changed"
    {
        return;
    }
    for (key, value) in found.iter().take(50) {
        assert_eq!(tree.get(key, shelf), Ok(Some(value.clone())));
        let there = changed.remove(key, shelf, &mut freed);
        assert_eq!(there, Ok(true), "what was read is removed");
        assert_eq!(changed.get(key, shelf), Ok(None), "what was removed is gone");
    }
    changed.check(shelf).expect("sound after removals");
    for (key, value) in found.iter().take(50) {
        assert_eq!(changed.insert(key, value.as_deref(), shelf, &mut freed), Ok(()));
    }
    let mut writer = SegmentWriter::new(1, SegmentSizes::default());
    assert!(changed.write(&mut writer, usize::MAX));
    let mut records = shelf.0.clone();
    records.extend(writer.finish().into_iter().map(|(_, record)| record));
    let shelf = Shelf(records);
    changed.check(&shelf).expect("sound when stored again");
    assert!(entries(&changed, &shelf, false).as_ref() == Ok(found), "the same entries when stored again");
}
