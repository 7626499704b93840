//! Model test: a tree against a `BTreeMap`, with random edits, snapshots and
//! storing in between.

use super::build::{SEGMENT_BYTES_TARGET, SegmentWriter};
use super::cursor::Cursor;
use super::*;
use crate::testing::Random;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::vec;
use core::cell::RefCell;

type Model = BTreeMap<Vec<u8>, Vec<u8>>;

/// Segments in memory, any of which can be taken away to cause faults.
#[derive(Default)]
struct Shelf {
    all: BTreeMap<u32, Arc<[u8]>>,
    loaded: RefCell<BTreeMap<u32, Arc<[u8]>>>,
}

impl Segments for Shelf {
    fn segment(&self, segment: u32) -> Result<Arc<[u8]>, Fault> {
        self.loaded.borrow().get(&segment).cloned().ok_or(Fault { segment })
    }
}

impl Shelf {
    /// Repeats `work` until it no longer faults.
    fn retry<T>(&self, mut work: impl FnMut(&Self) -> Result<T, TreeError>) -> T {
        loop {
            match work(self) {
                Ok(value) => return value,
                Err(TreeError::Fault(fault)) => {
                    let record = self.all[&fault.segment].clone();
                    self.loaded.borrow_mut().insert(fault.segment, record);
                }
                Err(error) => panic!("{error}"),
            }
        }
    }

    fn store(&mut self, tree: &Tree) -> Tree {
        let mut writer = SegmentWriter::new(self.all.len() as u32, SEGMENT_BYTES_TARGET);
        let mut stored = tree.clone();
        // In slices, down to one node each.
        while !stored.write(&mut writer, 1 << (self.all.len() % 20)) {}
        self.all.extend(writer.finish());
        self.loaded.borrow_mut().clear();
        stored
    }
}

fn contents(tree: &Tree, shelf: &Shelf) -> Model {
    let mut forward = Model::new();
    let mut cursor = shelf.retry(|shelf| Cursor::at_or_after(tree, b"", shelf));
    let mut key = Vec::new();
    while cursor.key(&mut key).unwrap() {
        forward.insert(key.clone(), cursor.value().unwrap().unwrap().unwrap().to_vec());
        // A faulted step leaves a cursor behind that must be set anew.
        if cursor.forward(shelf).is_err() {
            let after = [&key[..], &[0]].concat();
            cursor = shelf.retry(|shelf| Cursor::at_or_after(tree, &after, shelf));
        }
    }
    let mut back = Vec::new();
    let mut cursor = shelf.retry(|shelf| Cursor::before(tree, &[0xFF], shelf));
    while cursor.key(&mut key).unwrap() {
        back.push(key.clone());
        if cursor.back(shelf).is_err() {
            cursor = shelf.retry(|shelf| Cursor::before(tree, &key, shelf));
        }
    }
    back.reverse();
    assert!(back.iter().eq(forward.keys()), "backward scan differs");
    forward
}

fn run(seed: u64, steps: usize, keys: u64) {
    let mut random = Random(seed);
    let mut shelf = Shelf::default();
    let (mut tree, mut model) = (Tree::default(), Model::new());
    let mut snapshots = vec![];
    let mut freed = Freed::default();
    for step in 0..steps {
        let number = random.below(keys);
        let key = format!("{}/{:06}", ["cart", "catalog", "x"][(number % 3) as usize], number).into_bytes();
        match random.below(100) {
            0..60 => {
                let size = if random.below(50) == 0 { 20_000 } else { random.below(300) };
                let value = vec![number as u8; size as usize];
                shelf.retry(|shelf| tree.insert(&key, Some(&value), shelf, &mut freed));
                model.insert(key, value);
            }
            60..95 => {
                let there = shelf.retry(|shelf| tree.remove(&key, shelf, &mut freed));
                assert_eq!(there, model.remove(&key).is_some());
            }
            95..98 => snapshots.push((tree.clone(), model.clone())),
            _ => {
                let found = shelf.retry(|shelf| tree.get(&key, shelf));
                assert_eq!(found.map(Option::unwrap), model.get(&key).cloned());
            }
        }
        if random.below(300) == 0 {
            let before = shelf.retry(|shelf| tree.check(shelf)).stored.len();
            tree = shelf.store(&tree);
            let report = shelf.retry(|shelf| tree.check(shelf));
            assert!(report.stored.len() >= before.min(1) && report.entries == model.len() as u64);
        }
        if step % 500 == 499 {
            shelf.retry(|shelf| tree.check(shelf));
            assert!(contents(&tree, &shelf) == model, "seed {seed}, step {step}");
        }
    }
    for (tree, model) in snapshots.iter().step_by(7) {
        assert!(contents(tree, &shelf) == *model, "snapshot, seed {seed}");
    }
}

#[test]
fn behaves_as_a_map() {
    for seed in 0..12 {
        run(seed, 3_000, [50, 400, 3_000][seed as usize % 3]);
    }
}

#[test]
fn ascending_input_fills_its_nodes() {
    let mut tree = Tree::default();
    for number in 0..20_000u32 {
        tree.insert(&number.to_be_bytes(), Some(&[7; 40]), &NoSegments, &mut Freed::default()).unwrap();
    }
    let mut writer = SegmentWriter::new(0, SEGMENT_BYTES_TARGET);
    assert!(tree.write(&mut writer, usize::MAX));
    let bytes: usize = writer.finish().iter().map(|(_, record)| record.len()).sum();
    assert!(bytes < 20_000 * (40 + 4 + 4 + 2) * 11 / 10, "{bytes}");
}

#[test]
fn removing_everything_leaves_an_empty_tree() {
    let mut tree = Tree::default();
    for number in 0..5_000u32 {
        tree.insert(&number.to_be_bytes(), Some(b"v"), &NoSegments, &mut Freed::default()).unwrap();
    }
    for number in (0..5_000u32).rev() {
        assert!(tree.remove(&number.to_be_bytes(), &NoSegments, &mut Freed::default()).unwrap());
    }
    assert!(tree.is_empty());
}

/// Large values make three levels of few keys, so that branches empty and merge.
#[test]
fn branches_that_merge_keep_every_key() {
    for seed in 0..4 {
        let mut random = Random(seed);
        let (mut tree, mut model) = (Tree::default(), Model::new());
        let key = |number: u64| format!("catalog/{number:06}").into_bytes();
        let value = vec![7; 3_000];
        let insert = |tree: &mut Tree, model: &mut Model, number: u64| {
            tree.insert(&key(number), Some(&value), &NoSegments, &mut Freed::default()).unwrap();
            model.insert(key(number), value.clone());
        };
        for number in 0..3_000 {
            insert(&mut tree, &mut model, number);
        }
        for round in 0..120 {
            let start = random.below(3_000);
            for number in start..(start + 40 + random.below(600)).min(3_000) {
                let there = tree.remove(&key(number), &NoSegments, &mut Freed::default()).unwrap();
                assert_eq!(there, model.remove(&key(number)).is_some(), "seed {seed}, round {round}, key {number}");
            }
            for _ in 0..random.below(40) {
                insert(&mut tree, &mut model, random.below(3_000));
            }
            tree.check(&NoSegments).unwrap_or_else(|error| panic!("seed {seed}, round {round}: {error}"));
        }
        assert!(contents(&tree, &Shelf::default()) == model, "seed {seed}");
    }
}
