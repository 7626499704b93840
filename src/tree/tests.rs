//! Model tests: a tree against a `BTreeMap`, with random edits, snapshots,
//! cursors and storing in between.

use super::build::{SEGMENT_BYTES_TARGET, SegmentSizes, SegmentWriter};
use super::check::Check;
use super::cursor::Cursor;
use super::node::NODE_WEIGHT_MAX;
use super::*;
use crate::format::checksum::CHECKSUM_BYTES;
use crate::format::head::SegmentInfo;
use crate::format::log::Entry;
use crate::stop::Stop;
use crate::testing::Random;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::vec;
use core::cell::RefCell;

type Model = BTreeMap<Vec<u8>, Vec<u8>>;

/// Segments in memory, any of which can be taken away to cause faults, and the
/// table of live bytes that a head would hold.
#[derive(Default)]
struct Shelf {
    all: BTreeMap<u32, Arc<[u8]>>,
    loaded: RefCell<BTreeMap<u32, Arc<[u8]>>>,
    table: Vec<SegmentInfo>,
    segment_next: u32,
}

impl Segments for Shelf {
    fn segment(&self, segment: u32) -> Result<Arc<[u8]>, Fault> {
        self.loaded.borrow().get(&segment).cloned().ok_or(Fault { segment })
    }
}

impl Shelf {
    fn load(&self, fault: Fault) {
        let record = self.all[&fault.segment].clone();
        self.loaded.borrow_mut().insert(fault.segment, record);
    }

    /// Repeats `work` until it no longer faults.
    fn retry<T>(&self, mut work: impl FnMut(&Self) -> Result<T, Stop>) -> T {
        loop {
            match work(self) {
                Ok(value) => return value,
                Err(stop) if let Some(fault) = stop.fault() => self.load(fault),
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// Stores a tree as a checkpoint does: segments without live bytes go.
    fn store(&mut self, tree: &Tree, freed: &mut Freed, record_bytes_max: usize) -> Tree {
        let sizes = SegmentSizes { target: SEGMENT_BYTES_TARGET, max: record_bytes_max };
        let mut writer = SegmentWriter::new(self.segment_next, sizes);
        let mut stored = tree.clone();
        // In slices, down to one node each.
        while !stored.write(&mut writer, 1 << (self.segment_next % 20)) {}
        for at in freed.0.drain(..) {
            let info = self.table.iter_mut().find(|info| info.segment == at.segment).unwrap();
            info.bytes_live = info.bytes_live.checked_sub(at.length).expect("freed twice");
        }
        for (segment, record) in writer.finish() {
            assert_eq!(segment, self.segment_next, "segments have no gap");
            assert!(record.len() <= record_bytes_max, "{} of {record_bytes_max} bytes", record.len());
            self.segment_next += 1;
            let bytes = record.len() as u32;
            self.table.push(SegmentInfo { segment, bytes, bytes_live: bytes - CHECKSUM_BYTES as u32 });
            self.all.insert(segment, record);
        }
        self.table.retain(|info| info.bytes_live > 0);
        self.loaded.borrow_mut().clear();
        stored
    }

    /// The whole check, against the table too where the tree is stored.
    fn check(&self, tree: &Tree, model: &Model) {
        let mut check = Check::new(tree);
        let report = self.retry(|shelf| check.run(shelf));
        assert_eq!(report.entries, model.len() as u64);
        assert_eq!(report.large, model.values().filter(|value| value.len() > VALUE_INLINE_MAX).count() as u64);
        if tree.stored_root().is_some() {
            assert_eq!(report.compare(&self.table), Ok(()));
        }
    }
}

fn take(value: Option<Value<'_>>, segments: &dyn Segments) -> Result<Option<Vec<u8>>, Stop> {
    let mut taken = None;
    if let Some(value) = value {
        value.take(segments, &mut |bytes| taken = bytes.map(<[u8]>::to_vec))?;
    }
    Ok(taken)
}

fn contents(tree: &Tree, shelf: &Shelf) -> Model {
    let mut forward = Model::new();
    let mut cursor = shelf.retry(|shelf| Cursor::at_or_after(tree, b"", shelf));
    let mut key = Vec::new();
    while cursor.key(&mut key).unwrap() {
        let value = shelf.retry(|shelf| take(cursor.value()?, shelf));
        forward.insert(key.clone(), value.unwrap());
        shelf.retry(|shelf| cursor.forward(shelf));
    }
    let mut back = Vec::new();
    let mut cursor = shelf.retry(|shelf| Cursor::before(tree, &[0xFF; 1025], shelf));
    while cursor.key(&mut key).unwrap() {
        back.push(key.clone());
        shelf.retry(|shelf| cursor.back(shelf));
    }
    back.reverse();
    assert!(back.iter().eq(forward.keys()), "backward scan differs");
    forward
}

/// What a run of random operations is about.
struct Shape {
    keys: u64,
    key: fn(u64) -> Vec<u8>,
    value: fn(&mut Random) -> usize,
    record_bytes_max: usize,
}

fn plain_key(number: u64) -> Vec<u8> {
    format!("{}/{:06}", ["cart", "catalog", "x"][(number % 3) as usize], number).into_bytes()
}

/// Keys of 0 to 1024 bytes: long common prefixes that end at different places.
fn long_key(number: u64) -> Vec<u8> {
    let prefix = vec![b'p'; (number.wrapping_mul(0x9E37_79B9) % 1021) as usize];
    let key = [&prefix[..], &number.to_be_bytes()[5..]].concat();
    if number == 0 { vec![] } else { key }
}

fn small_value(random: &mut Random) -> usize {
    random.below(120) as usize
}

/// Values of 0 bytes, around the threshold, and large.
fn mixed_value(random: &mut Random) -> usize {
    match random.below(40) {
        0..10 => 0,
        10..14 => VALUE_INLINE_MAX - 1 + random.below(3) as usize,
        14 => random.below(100_000) as usize,
        15 => 20_000 + random.below(300) as usize,
        _ => random.below(300) as usize,
    }
}

struct World {
    random: Random,
    shelf: Shelf,
    tree: Tree,
    model: Model,
    freed: Freed,
}

impl World {
    fn new(seed: u64) -> Self {
        Self {
            random: Random(seed),
            shelf: Shelf::default(),
            tree: Tree::default(),
            model: Model::new(),
            freed: Freed::default(),
        }
    }

    fn insert(&mut self, key: Vec<u8>, bytes: usize) {
        let value = vec![self.random.below(256) as u8; bytes];
        self.shelf.retry(|shelf| self.tree.insert(&key, Some(&value), shelf, &mut self.freed));
        self.model.insert(key, value);
    }

    fn remove(&mut self, key: &[u8]) {
        let there = self.shelf.retry(|shelf| self.tree.remove(key, shelf, &mut self.freed));
        assert_eq!(there, self.model.remove(key).is_some());
    }

    fn remove_range(&mut self, from: &[u8], to: &[u8]) {
        self.shelf.retry(|shelf| self.tree.remove_range(from, to, shelf, &mut self.freed));
        self.model.retain(|key, _| !(*from <= **key && **key < *to));
    }

    /// Merges an overlay of `changes` into the tree.
    fn merge(&mut self, changes: &BTreeMap<Vec<u8>, Option<Vec<u8>>>) {
        let mut overlay = Tree::default();
        for (key, value) in changes {
            overlay.insert(key, value.as_deref(), &NoSegments, &mut Freed::default()).unwrap();
            match value {
                Some(value) => self.model.insert(key.clone(), value.clone()),
                None => self.model.remove(key),
            };
        }
        let mut run = Cursor::at_or_after(&overlay, b"", &NoSegments).unwrap();
        let mut steps = 0;
        while run.key(&mut Vec::new()).unwrap() {
            self.shelf.retry(|shelf| self.tree.merge(&mut run, shelf, &mut self.freed));
            steps += 1;
            assert!(steps <= changes.len(), "a merge that does not end");
        }
    }

    fn count(&mut self, from: &[u8], to: &[u8]) {
        let counted = self.shelf.retry(|shelf| self.tree.count(from, to, shelf));
        let expected = if from < to { self.model.range(from.to_vec()..to.to_vec()).count() } else { 0 };
        assert_eq!(counted, expected as u64);
    }

    fn step(&mut self, shape: &Shape) {
        let key = (shape.key)(self.random.below(shape.keys));
        match self.random.below(1000) {
            0..550 => {
                let bytes = (shape.value)(&mut self.random);
                self.insert(key, bytes);
            }
            550..900 => self.remove(&key),
            900..940 => {
                let found = self.shelf.retry(|shelf| self.tree.get(&key, shelf));
                assert_eq!(found.map(Option::unwrap), self.model.get(&key).cloned());
            }
            940..985 => self.count(&key, &(shape.key)(self.random.0 % shape.keys)),
            985..990 => {
                let end = self.model.range(key.clone()..).nth(self.random.below(60) as usize);
                let end = end.map_or(vec![0xFF], |(key, _)| key.clone());
                self.remove_range(&key, &end);
            }
            990..997 => {
                let size = 1 << self.random.below(9);
                let changes = (0..size).map(|_| {
                    let key = (shape.key)(self.random.below(shape.keys));
                    let value = (self.random.below(3) > 0).then(|| vec![9; (shape.value)(&mut self.random)]);
                    (key, value)
                });
                let changes = changes.collect();
                self.merge(&changes);
            }
            _ => {
                self.tree = self.shelf.store(&self.tree, &mut self.freed, shape.record_bytes_max);
                self.shelf.check(&self.tree, &self.model);
            }
        }
    }
}

fn run(seed: u64, steps: usize, shape: &Shape) {
    let mut world = World::new(seed);
    let mut snapshots = vec![];
    for step in 0..steps {
        world.step(shape);
        if world.random.below(1000) == 0 && snapshots.len() < 5 {
            snapshots.push((world.tree.clone(), world.model.clone()));
        }
        if step % 5_000 == 4_999 {
            world.shelf.check(&world.tree, &world.model);
            assert!(contents(&world.tree, &world.shelf) == world.model, "seed {seed}, step {step}");
        }
    }
    for (tree, model) in snapshots {
        assert!(contents(&tree, &world.shelf) == model, "snapshot, seed {seed}");
    }
}

const SHAPES: [Shape; 4] = [
    Shape { keys: 60, key: plain_key, value: mixed_value, record_bytes_max: 16 * 1024 },
    Shape { keys: 3_000, key: plain_key, value: small_value, record_bytes_max: 2_000_000 },
    Shape { keys: 800, key: long_key, value: small_value, record_bytes_max: 65_536 },
    Shape { keys: 600, key: long_key, value: mixed_value, record_bytes_max: 65_536 },
];

/// A million operations; the model test of a whole store does more.
#[test]
fn behaves_as_a_map() {
    std::thread::scope(|scope| {
        for thread in 0..4 {
            scope.spawn(move || (0..13).for_each(|seed| run(4 * seed + thread, 20_000, &SHAPES[thread as usize])));
        }
    });
}

/// Segments of which one faults; what was read before stays, as within one call of a store.
struct Flaky<'a> {
    shelf: &'a Shelf,
    read: RefCell<Vec<u32>>,
    faults_at: usize,
}

impl Segments for Flaky<'_> {
    fn segment(&self, segment: u32) -> Result<Arc<[u8]>, Fault> {
        let mut read = self.read.borrow_mut();
        if !read.contains(&segment) {
            if read.len() == self.faults_at {
                return Err(Fault { segment });
            }
            read.push(segment);
        }
        Ok(self.shelf.all[&segment].clone())
    }
}

#[test]
fn a_merge_that_faults_anywhere_goes_on_and_frees_nothing_twice() {
    let mut world = World::new(7);
    for number in 0..4_000 {
        let bytes = if number % 97 == 0 { 5_000 } else { 60 };
        world.insert(plain_key(number), bytes);
    }
    world.tree = world.shelf.store(&world.tree, &mut world.freed, 65_536);
    let mut overlay = Tree::default();
    for number in (0..4_000).filter(|number| number / 500 % 2 == 0) {
        // So few are left that leaves join their neighbours.
        let value = (number % 9 == 0).then(|| vec![7; 30]);
        overlay.insert(&plain_key(number), value.as_deref(), &NoSegments, &mut Freed::default()).unwrap();
        match value {
            Some(value) => world.model.insert(plain_key(number), value),
            None => world.model.remove(&plain_key(number)),
        };
    }
    let (mut steps, mut faults) = (0, 0);
    let mut run = Cursor::at_or_after(&overlay, b"", &NoSegments).unwrap();
    let mut key = Vec::new();
    while run.key(&mut key).unwrap() {
        for faults_at in 0.. {
            let flaky = Flaky { shelf: &world.shelf, read: RefCell::default(), faults_at };
            if world.tree.merge(&mut run, &flaky, &mut world.freed).is_ok() {
                break;
            }
            let mut at = Vec::new();
            assert!(run.key(&mut at).unwrap() && at == key, "the overlay's cursor has moved");
            faults += 1;
        }
        steps += 1;
    }
    assert!(steps > 20 && faults > 20, "{faults} faults in {steps} steps");
    world.shelf.check(&world.tree, &world.model);
    assert!(contents(&world.tree, &world.shelf) == world.model);
    world.tree = world.shelf.store(&world.tree, &mut world.freed, 65_536);
    world.shelf.check(&world.tree, &world.model);
}

/// The weight of all leaves over what they could weigh.
fn fill(tree: &Tree) -> f64 {
    let report = tree.check(&NoSegments).unwrap();
    report.leaves_weight as f64 / (report.leaves as usize * NODE_WEIGHT_MAX) as f64
}

#[test]
fn nodes_are_well_filled() {
    let number = |number: u32| number.to_be_bytes();
    let mut built = Builder::default();
    let mut overlay = Tree::default();
    for key in 0..20_000 {
        built.push(&number(key), Value::Bytes(&[7; 40]));
        overlay.insert(&number(key), Some(&[7; 40]), &NoSegments, &mut Freed::default()).unwrap();
    }
    assert!(fill(&built.finish()) > 0.98);
    assert!(fill(&overlay) > 0.7, "{}", fill(&overlay));
    let mut merged = Tree::default();
    let mut run = Cursor::at_or_after(&overlay, b"", &NoSegments).unwrap();
    while run.key(&mut Vec::new()).unwrap() {
        merged.merge(&mut run, &NoSegments, &mut Freed::default()).unwrap();
    }
    assert!(fill(&merged) > 0.95, "{}", fill(&merged));
    let mut random = Random(1);
    let mut loaded = Tree::default();
    for _ in 0..20_000 {
        let key = number(random.below(1 << 32) as u32);
        loaded.insert(&key, Some(&[7; 40]), &NoSegments, &mut Freed::default()).unwrap();
    }
    assert!(fill(&loaded) > 0.65, "{}", fill(&loaded));
}

#[test]
fn a_built_tree_is_the_inserted_one() {
    for seed in 0..40 {
        let mut world = World::new(seed);
        let shape = &SHAPES[seed as usize % 4];
        let entries = 1 << world.random.below(12);
        let mut built = Builder::default();
        for _ in 0..entries {
            let bytes = (shape.value)(&mut world.random);
            let key = (shape.key)(world.random.below(1 << 20));
            world.model.insert(key, vec![3; bytes]);
        }
        for (key, value) in &world.model {
            built.push(key, Value::Bytes(value));
        }
        world.tree = built.finish();
        world.shelf.check(&world.tree, &world.model);
        world.tree = world.shelf.store(&world.tree, &mut world.freed, shape.record_bytes_max);
        world.shelf.check(&world.tree, &world.model);
        assert!(contents(&world.tree, &world.shelf) == world.model, "seed {seed}");
    }
    assert!(Builder::default().finish().is_empty());
}

/// Orders of keys that split and join nodes in one place again and again.
#[test]
fn adversarial_orders_keep_the_tree_sound() {
    type Order = fn(u64) -> u64;
    let orders: [Order; 5] = [
        |step| step,
        |step| 5_000 - step,
        |step| if step % 2 == 0 { step } else { 10_000 - step },
        |step| 5_000 + (step % 50) * 100 + step / 50,
        |step| step.reverse_bits() >> 40,
    ];
    for (number, order) in orders.into_iter().enumerate() {
        for key in [plain_key, long_key] {
            let mut world = World::new(number as u64);
            for step in 0..3_000 {
                world.insert(key(order(step)), 30);
                if step % 500 == 499 {
                    world.tree = world.shelf.store(&world.tree, &mut world.freed, 65_536);
                }
            }
            world.shelf.check(&world.tree, &world.model);
            // Alternating deletes thin every leaf out, then all go.
            let keys: Vec<_> = world.model.keys().cloned().collect();
            for remainder in [1, 2, 0] {
                for key in keys.iter().skip(remainder).step_by(3) {
                    world.remove(key);
                }
                world.shelf.check(&world.tree, &world.model);
            }
            assert!(world.tree.is_empty(), "order {number}");
            world.tree = world.shelf.store(&world.tree, &mut world.freed, 65_536);
            assert!(world.shelf.table.is_empty(), "nothing is live");
        }
    }
}

#[test]
fn ranges_are_removed_without_reading_what_lies_between() {
    let mut world = World::new(5);
    for number in 0..30_000 {
        world.insert(plain_key(number), 100);
    }
    world.insert(b"catalog/015000/large".to_vec(), 50_000);
    world.tree = world.shelf.store(&world.tree, &mut world.freed, 2_000_000);
    world.remove_range(b"catalog/000100", b"catalog/029000");
    let read = world.shelf.loaded.borrow().len();
    let all = world.shelf.all.len();
    assert!(read < 12 && all > 45, "{read} of {all} segments read");
    world.shelf.check(&world.tree, &world.model);
    world.tree = world.shelf.store(&world.tree, &mut world.freed, 2_000_000);
    world.shelf.check(&world.tree, &world.model);
    world.remove_range(b"", &[0xFF]);
    assert!(world.tree.is_empty());
    world.tree = world.shelf.store(&world.tree, &mut world.freed, 2_000_000);
    assert!(world.shelf.table.is_empty(), "nothing is live");
}

#[test]
fn counting_reads_two_paths() {
    let mut world = World::new(6);
    for number in 0..30_000 {
        world.insert(plain_key(number), 100);
    }
    world.tree = world.shelf.store(&world.tree, &mut world.freed, 2_000_000);
    world.count(b"catalog/000100", b"catalog/029000");
    let read = world.shelf.loaded.borrow().len();
    assert!(read <= 6, "{read} segments read");
    world.count(b"", &[0xFF]);
    world.count(b"x", b"x");
    world.count(b"x", b"cart");
}

#[test]
fn large_values_come_back_from_pieces_of_every_size() {
    let mebibyte = 1024 * 1024;
    for record_bytes_max in [16 * 1024, 65_536, 2_000_000, usize::MAX >> 1] {
        let mut world = World::new(record_bytes_max as u64);
        let sizes = [
            0,
            VALUE_INLINE_MAX,
            VALUE_INLINE_MAX + 1,
            16 * 1024 - 9,
            16 * 1024 - 8,
            16 * 1024 - 7,
            65_527,
            65_528,
            65_529,
            65_537,
            mebibyte,
            VALUE_BYTES_MAX,
        ];
        for (number, bytes) in sizes.into_iter().enumerate() {
            let pattern = |index: usize| (index as u32).wrapping_mul(2_654_435_761) as u8;
            let value: Vec<u8> = (0..bytes).map(pattern).collect();
            let key = plain_key(number as u64);
            world.tree.insert(&key, Some(&value), &NoSegments, &mut world.freed).unwrap();
            world.model.insert(key, value);
        }
        world.tree = world.shelf.store(&world.tree, &mut world.freed, record_bytes_max);
        world.shelf.check(&world.tree, &world.model);
        for (key, value) in &world.model {
            world.shelf.loaded.borrow_mut().clear();
            let found = world.shelf.retry(|shelf| world.tree.get(key, shelf));
            assert!(found == Some(Some(value.clone())), "{} bytes in {record_bytes_max}", value.len());
        }
        // Neither an overwrite nor a removal reads the value it ends.
        world.shelf.loaded.borrow_mut().clear();
        world.insert(plain_key(11), 5);
        world.remove(&plain_key(10));
        assert!(world.shelf.loaded.borrow().len() <= 3);
        world.remove_range(&plain_key(7), &plain_key(8));
        world.tree = world.shelf.store(&world.tree, &mut world.freed, record_bytes_max);
        world.shelf.check(&world.tree, &world.model);
        assert!(contents(&world.tree, &world.shelf) == world.model);
    }
}

#[test]
fn cursors_survive_writes() {
    let mut world = World::new(9);
    for number in 0..4_000 {
        world.insert(plain_key(number), 60);
    }
    for stored in [false, true] {
        if stored {
            world.tree = world.shelf.store(&world.tree, &mut world.freed, 65_536);
        }
        let (tree, model) = (world.tree.clone(), world.model.clone());
        let middle = plain_key(2_000);
        let mut forward = world.shelf.retry(|shelf| Cursor::at_or_after(&tree, &middle, shelf));
        let mut back = world.shelf.retry(|shelf| Cursor::before(&tree, &middle, shelf));
        drop(tree);
        let (mut after, mut before) = (model.range(middle.clone()..), model.range(..middle).rev());
        let mut key = Vec::new();
        let mut goes_on = true;
        while goes_on {
            goes_on = false;
            for (cursor, expected) in [(&forward, after.next()), (&back, before.next())] {
                let there = cursor.key(&mut key).unwrap();
                assert_eq!(there.then_some(&key), expected.map(|(key, _)| key));
                let value = world.shelf.retry(|shelf| take(cursor.value()?, shelf));
                assert_eq!(value.as_ref(), expected.map(|(_, value)| value));
                goes_on |= there;
            }
            let number = world.random.below(4_000);
            world.insert(plain_key(number), 10);
            let number = world.random.below(4_000);
            world.remove(&plain_key(number));
            world.shelf.retry(|shelf| forward.forward(shelf));
            world.shelf.retry(|shelf| back.back(shelf));
        }
    }
}

/// A removal that faults for a neighbour has changed nothing, and is whole when repeated.
#[test]
fn a_fault_in_a_join_leaves_the_tree_as_it_was() {
    let mut world = World::new(3);
    for number in 0..2_000 {
        world.insert(long_key(number), 40);
    }
    world.tree = world.shelf.store(&world.tree, &mut world.freed, 16 * 1024);
    let keys: Vec<_> = world.model.keys().cloned().collect();
    for (number, key) in keys.iter().enumerate().filter(|(number, _)| number % 7 > 0) {
        if number % 40 == 1 {
            world.tree = world.shelf.store(&world.tree, &mut world.freed, 16 * 1024);
        }
        loop {
            match world.tree.remove(key, &world.shelf, &mut world.freed) {
                Ok(there) => break assert!(there),
                Err(stop) if let Some(fault) = stop.fault() => {
                    let still = world.shelf.retry(|shelf| world.tree.get(key, shelf));
                    assert!(still.is_some());
                    world.shelf.load(fault);
                }
                Err(error) => panic!("{error}"),
            }
        }
        world.model.remove(key);
    }
    world.tree = world.shelf.store(&world.tree, &mut world.freed, 16 * 1024);
    world.shelf.check(&world.tree, &world.model);
}

/// Segments are checksummed, so this is what a wrong checksum would let through.
#[test]
fn damaged_nodes_never_panic() {
    let mut world = World::new(4);
    for number in 0..400 {
        world.insert(long_key(number), if number % 9 == 0 { 1_500 } else { 40 });
    }
    world.tree = world.shelf.store(&world.tree, &mut world.freed, 16 * 1024);
    let sound: Vec<_> = world.shelf.all.iter().map(|(segment, record)| (*segment, record.clone())).collect();
    let mut found = 0;
    for round in 0..20_000 {
        let (segment, record) = &sound[world.random.below(sound.len() as u64) as usize];
        let mut bytes = record.to_vec();
        for _ in 0..1 + round % 3 {
            let at = world.random.below(bytes.len() as u64) as usize;
            bytes[at] = world.random.below(256) as u8;
        }
        world.shelf.loaded.borrow_mut().extend(sound.iter().cloned());
        world.shelf.loaded.borrow_mut().insert(*segment, bytes.into());
        let key = long_key(world.random.below(400));
        let mut tree = world.tree.clone();
        let mut freed = Freed::default();
        let shelf = &world.shelf;
        let results = [
            tree.check(shelf).map(drop),
            tree.get(&key, shelf).map(drop),
            tree.count(&key, &[0xFF], shelf).map(drop),
            tree.insert(&key, Some(b"new"), shelf, &mut freed),
            tree.remove(&key, shelf, &mut freed).map(drop),
            tree.remove_range(b"p", &key, shelf, &mut freed),
        ];
        found += results.iter().filter(|result| result.is_err()).count();
    }
    assert!(found > 1_000, "{found}");
}

/// Few and many, over nothing and over much: each way must come to what single
/// inserts do, and leave a clone from before as it was.
#[test]
fn entries_put_at_once_are_what_single_inserts_make() {
    let mut random = Random(11);
    let mut overlay = Tree::default();
    let mut model: BTreeMap<Vec<u8>, Option<Vec<u8>>> = BTreeMap::new();
    for count in [1, 700, 31, 32, 3_000, 5, 200, 2_000] {
        let (before, model_before) = (overlay.clone(), model.clone());
        let mut entries = Vec::new();
        for _ in 0..count {
            let key = long_key(random.below(4_000));
            let length = [0, 0, 30, 300, 1_500][random.below(5) as usize];
            let value = (random.below(6) > 0).then(|| vec![random.below(256) as u8; length]);
            entries.push(Entry { key: key[..].into(), value: value.as_deref().map(Into::into) });
            model.insert(key, value);
        }
        overlay.put_all(&entries);
        for (tree, model) in [(&before, &model_before), (&overlay, &model)] {
            let mut found = BTreeMap::new();
            let mut cursor = Cursor::at_or_after(tree, &[], &NoSegments).unwrap();
            let mut key = Vec::new();
            while cursor.key(&mut key).unwrap() {
                let mut held = None;
                cursor
                    .value()
                    .unwrap()
                    .unwrap()
                    .take(&NoSegments, &mut |value| held = value.map(<[u8]>::to_vec))
                    .unwrap();
                assert!(found.insert(key.clone(), held).is_none());
                cursor.forward(&NoSegments).unwrap();
            }
            assert!(found == *model, "{count} entries");
            assert!(model.keys().all(|key| tree.get(key, &NoSegments).unwrap() == Some(model[key].clone())));
            assert_eq!(tree.is_base(), model.values().all(Option::is_some));
        }
    }
    let stored = overlay.root.as_ref().map_or(0, |root| root.below().entries);
    assert_eq!(stored, model.len() as u64);
}
