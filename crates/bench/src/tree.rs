//! The tree alone, wholly in memory.

use pannier::store::{Reader, Scan};
use pannier::tree::{Freed, NoSegments, Tree};

use crate::Map;
use crate::records::{VALUE, key};

#[derive(Default)]
pub struct PannierTree {
    tree: Tree,
    /// The commit before, as a reader would hold it: so every commit copies its path.
    before: Tree,
    /// Empty: a reader wants one.
    overlay: Tree,
}

impl PannierTree {
    fn insert(&mut self, key: &[u8], value: &[u8]) {
        let put = self.tree.insert(key, Some(value), &NoSegments, &mut Freed::default());
        put.expect("a tree in memory does not fault");
    }

    fn reader(&self) -> Reader<'_> {
        Reader { overlay: &self.overlay, base: &self.tree, segments: &NoSegments }
    }
}

impl Map for PannierTree {
    fn load(count: u64) -> Self {
        let mut map = Self::default();
        for number in 0..count {
            map.insert(&key(number), VALUE);
        }
        map
    }

    fn get(&self, key: &[u8]) -> usize {
        let mut bytes = 0;
        let found = self.tree.get_with(key, &NoSegments, &mut |value| bytes = value.map_or(0, <[u8]>::len));
        found.expect("a tree in memory does not fault");
        assert!(bytes > 0);
        bytes
    }

    fn put(&mut self, key: &[u8], value: &[u8]) {
        self.before = self.tree.clone();
        self.insert(key, value);
    }

    fn delete(&mut self, key: &[u8]) {
        self.before = self.tree.clone();
        let removed = self.tree.remove(key, &NoSegments, &mut Freed::default());
        removed.expect("a tree in memory does not fault");
    }

    fn scan(&self, key: &[u8], reverse: bool, rows: u64) -> usize {
        let scan =
            if reverse { Scan { from: b"", to: key, reverse } } else { Scan { from: key, to: &[0xFF], reverse } };
        let (mut left, mut bytes) = (rows, 0);
        let scanned = self.reader().scan(scan, &mut |_, value| {
            bytes += value.len();
            left -= 1;
            left > 0
        });
        scanned.expect("a tree in memory does not fault");
        bytes
    }

    fn count(&self, from: &[u8], to: &[u8]) -> u64 {
        self.tree.count(from, to, &NoSegments).expect("a tree in memory does not fault")
    }
}
