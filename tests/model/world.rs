//! The store under test with its record store, and the maps it must equal.

use pannier::stop::Stop;
use std::collections::{BTreeMap, VecDeque};
use std::ops::{AddAssign, Bound};

use pannier::format::log::Entry;
use pannier::store::memory::MemoryRecords;
use pannier::store::{Event, Options, Reader, Request, RequestId, Response, Scan, Store};
use pannier::tree::{Fault, Tree};

use crate::testing::Random;

type Map = BTreeMap<Vec<u8>, Vec<u8>>;
type Rows = Vec<(Vec<u8>, Vec<u8>)>;
type Change = (Vec<u8>, Option<Vec<u8>>);

/// Under this key every commit leaves its number.
const LAST: &[u8] = b"last";
/// Above every key of the test.
const END: &[u8] = &[0xFF; 64];

/// Snapshots held at once, at most.
const SNAPSHOTS_MAX: usize = 4;

/// How often the test came to where it means to go.
#[derive(Debug, Default)]
pub struct Reached {
    pub checkpoints: u64,
    pub reopened: u64,
    pub faults: u64,
    pub snapshots_read: u64,
    pub lost_answers: u64,
}

impl AddAssign for Reached {
    fn add_assign(&mut self, other: Self) {
        self.checkpoints += other.checkpoints;
        self.reopened += other.reopened;
        self.faults += other.faults;
        self.snapshots_read += other.snapshots_read;
        self.lost_answers += other.lost_answers;
    }
}

/// Both roots of a moment, and what they held.
struct Snapshot {
    overlay: Tree,
    base: Tree,
    map: Map,
}

pub struct World {
    /// Entries written, keys looked up and rows visited.
    pub operations: u64,
    pub reached: Reached,
    seed: u64,
    keys: u64,
    store: Store,
    records: MemoryRecords,
    /// Requests handed out that have not been carried out.
    requests: VecDeque<(RequestId, Request)>,
    /// Requests carried out whose answers have not come.
    answers: VecDeque<(RequestId, Response)>,
    /// What a reader sees.
    map: Map,
    /// What a crash leaves at least, and the commits after it.
    durable: Map,
    pending: VecDeque<Vec<Change>>,
    /// Number of the last commit, over all lives of the store.
    commits: u64,
    /// `commits` when the store was opened: the store counts from there.
    commits_before: u64,
    snapshots: Vec<Snapshot>,
}

fn options() -> Options {
    Options {
        cache_bytes_max: 150_000,
        log_bytes_max: 12_000,
        log_records_max: 60,
        commit_bytes_max: 6_000,
        slice_bytes_max: 4_000,
        segment_bytes: 16_000,
        record_bytes_max: 32_000,
    }
}

fn number(bytes: &[u8]) -> u64 {
    u64::from_be_bytes(bytes.try_into().expect("8 bytes"))
}

fn apply(map: &mut Map, change: &Change) {
    match change {
        (key, Some(value)) => map.insert(key.clone(), value.clone()),
        (key, None) => map.remove(key),
    };
}

impl World {
    pub fn new(seed: u64, keys: u64) -> Self {
        Self {
            operations: 0,
            reached: Reached::default(),
            seed,
            keys,
            store: Store::new(options()),
            records: MemoryRecords::default(),
            requests: VecDeque::new(),
            answers: VecDeque::new(),
            map: Map::new(),
            durable: Map::new(),
            pending: VecDeque::new(),
            commits: 0,
            commits_before: 0,
            snapshots: Vec::new(),
        }
    }

    fn key(&self, random: &mut Random) -> Vec<u8> {
        let number = random.below(self.keys);
        match number % 5 {
            0 => format!("cart/{number}").into_bytes(),
            1 => number.to_be_bytes().to_vec(),
            2 => [&b"catalog/"[..], &vec![b'x'; (number % 120) as usize], &number.to_le_bytes()].concat(),
            3 => [&[0xFE][..], &[0xFF; 3], &number.to_be_bytes()[6..]].concat(),
            _ => format!("catalog/{number:07}").into_bytes(),
        }
    }

    fn value(random: &mut Random) -> Option<Vec<u8>> {
        let bytes = match random.below(100) {
            0..30 => return None,
            30..35 => 0,
            35 => random.below(9_000),
            // Outside of their leaf, in one piece and in many.
            36 if random.below(4) == 0 => random.below(100_000),
            _ => random.below(200),
        };
        Some(vec![random.below(256) as u8; bytes as usize])
    }

    /// Commits what comes of one to six changes.
    pub fn commit(&mut self, random: &mut Random) {
        let count = 1 + random.below(6);
        let changes = (0..count).map(|_| (self.key(random), Self::value(random))).collect();
        self.stage(changes);
    }

    /// A commit too large for the log.
    pub fn bulk_commit(&mut self, random: &mut Random) {
        let count = 20 + random.below(200);
        let fill = |random: &mut Random| Some(vec![1; 40 + random.below(200) as usize]);
        let changes = (0..count).map(|_| (self.key(random), fill(random))).collect();
        self.stage(changes);
    }

    /// Removes up to 60 neighbours, so that nodes empty and merge.
    pub fn clear_range(&mut self, random: &mut Random) {
        let from = self.key(random);
        let range = (Bound::Included(from), Bound::Unbounded);
        let near = self.map.range(range).take(random.below(60) as usize);
        let changes: Vec<Change> = near.map(|(key, _)| (key.clone(), None)).collect();
        if !changes.is_empty() {
            self.stage(changes);
        }
    }

    fn stage(&mut self, mut changes: Vec<Change>) {
        self.commits += 1;
        changes.push((LAST.to_vec(), Some(self.commits.to_be_bytes().to_vec())));
        self.operations += changes.len() as u64;
        let entry = |(key, value): &Change| Entry { key: key.clone().into(), value: value.clone().map(Into::into) };
        let commit = self.store.stage(changes.iter().map(entry).collect());
        assert_eq!(commit + self.commits_before, self.commits, "seed {}", self.seed);
        changes.iter().for_each(|change| apply(&mut self.map, change));
        self.pending.push_back(changes);
    }

    /// Takes one step of many: a request is handed out, carried out or answered,
    /// or a slice of a checkpoint done.
    pub fn carry(&mut self, random: &mut Random) {
        match random.below(4) {
            0 => self.requests.extend(self.store.next_request()),
            1 => {
                self.execute();
            }
            2 => {
                self.deliver();
            }
            _ => self.store.work(),
        }
        self.events();
    }

    /// Hands out all requests there are, in which slices are work in between.
    fn hand_out(&mut self) {
        while let Some(request) = self.store.next_request_worked() {
            self.requests.push_back(request);
        }
    }

    fn execute(&mut self) -> bool {
        let Some((id, request)) = self.requests.pop_front() else {
            return false;
        };
        self.answers.push_back((id, self.records.execute(&request)));
        true
    }

    fn deliver(&mut self) -> bool {
        let Some((id, response)) = self.answers.pop_front() else {
            return false;
        };
        self.store.complete(id, response);
        self.events();
        true
    }

    fn events(&mut self) {
        while let Some(event) = self.store.next_event() {
            match event {
                Event::Durable { commit } => {
                    let left = (self.commits - self.commits_before - commit) as usize;
                    while self.pending.len() > left {
                        let changes = self.pending.pop_front().expect("longer than none");
                        changes.iter().for_each(|change| apply(&mut self.durable, change));
                    }
                }
                Event::Rebased { lost, foreign, .. } => {
                    assert!(!lost && !foreign, "seed {}: no other tab writes", self.seed);
                    self.reached.checkpoints += 1;
                    // Its segments may be gone.
                    self.snapshots.clear();
                }
                Event::Opened | Event::Appended { .. } | Event::Loaded => {}
                other => panic!("seed {}: {other:?}", self.seed),
            }
        }
    }

    /// Carries out all there is to do.
    pub fn settle(&mut self) {
        loop {
            self.hand_out();
            if !self.execute() && !self.deliver() {
                break;
            }
        }
        self.store.trim();
    }

    pub fn checkpoint(&mut self) {
        self.store.checkpoint();
    }

    /// Repeats `work` until it no longer faults.
    fn retry<T>(&mut self, work: &dyn Fn(&Store) -> Result<T, Stop>) -> T {
        loop {
            if let Some(found) = self.attempt(work) {
                return found;
            }
        }
    }

    /// Does `work`, or loads what it faulted on.
    fn attempt<T>(&mut self, work: &dyn Fn(&Store) -> Result<T, Stop>) -> Option<T> {
        match work(&self.store) {
            Ok(found) => return Some(found),
            Err(stop) if let Some(Fault { segment }) = stop.fault() => {
                self.reached.faults += 1;
                self.store.want(Fault { segment });
            }
            Err(error) => panic!("seed {}: {error}", self.seed),
        }
        self.hand_out();
        let waits = self.execute() || self.deliver();
        assert!(waits, "seed {}: a fault and nothing to wait for", self.seed);
        None
    }

    pub fn get(&mut self, random: &mut Random) {
        self.operations += 1;
        let key = self.key(random);
        let found = self.retry(&|store| store.reader().get(&key));
        assert_eq!(found.as_ref(), self.map.get(&key), "seed {}, key {key:?}", self.seed);
    }

    pub fn scan(&mut self, random: &mut Random) {
        let (from, reverse, rows) = (self.key(random), random.below(2) == 0, random.below(60) as usize);
        let found = self.retry(&|store| scan(store.reader(), &from, reverse, rows));
        self.operations += found.len() as u64 + 1;
        assert!(found == expected(&self.map, &from, reverse, rows), "seed {}, from {from:?}", self.seed);
    }

    pub fn count(&mut self, random: &mut Random) {
        self.operations += 1;
        let (from, to) = (self.key(random), self.key(random));
        let found = self.retry(&|store| store.reader().count(&from, &to));
        let expected = if from < to { self.map.range(from.clone()..to.clone()).count() } else { 0 };
        assert_eq!(found, expected as u64, "seed {}, from {from:?} to {to:?}", self.seed);
    }

    pub fn take_snapshot(&mut self) {
        if self.snapshots.len() == SNAPSHOTS_MAX {
            self.snapshots.remove(0);
        }
        let reader = self.store.reader();
        let (overlay, base) = (reader.overlay.clone(), reader.base.clone());
        self.snapshots.push(Snapshot { overlay, base, map: self.map.clone() });
    }

    pub fn read_snapshot(&mut self, random: &mut Random) {
        if self.snapshots.is_empty() {
            return;
        }
        let snapshot = self.snapshots.swap_remove(random.below(self.snapshots.len() as u64) as usize);
        let reader = |store: &Store| -> Result<Rows, Stop> {
            let reader = Reader { overlay: &snapshot.overlay, base: &snapshot.base, ..store.reader() };
            scan(reader, b"", false, usize::MAX)
        };
        let checkpoints = self.reached.checkpoints;
        let found = loop {
            if let Some(found) = self.attempt(&reader) {
                break found;
            }
            if self.reached.checkpoints > checkpoints {
                return;
            }
        };
        self.operations += found.len() as u64;
        assert!(found.into_iter().eq(snapshot.map.clone()), "seed {}: a snapshot has changed", self.seed);
        self.reached.snapshots_read += 1;
        if self.snapshots.len() < SNAPSHOTS_MAX {
            self.snapshots.push(snapshot);
        }
    }

    /// The tree is sound, and the head knows how much of each segment it uses.
    pub fn check(&mut self) {
        let report = self.retry(&Store::check);
        assert_eq!(report.compare(&self.store.head().segments), Ok(()), "seed {}", self.seed);
    }

    pub fn compare_all(&mut self) {
        for reverse in [false, true] {
            let from = if reverse { END } else { b"" };
            let found = self.retry(&|store| scan(store.reader(), from, reverse, usize::MAX));
            self.operations += found.len() as u64;
            assert!(found == expected(&self.map, from, reverse, usize::MAX), "seed {}", self.seed);
        }
    }

    /// The tab dies, with what was not written and answers that had not come.
    /// Another opens the store.
    pub fn reopen(&mut self, random: &mut Random) {
        // Some of what was on its way arrives, some does not.
        self.requests.extend(self.store.next_request());
        self.events();
        while random.below(2) == 0 && self.execute() {}
        self.reached.reopened += 1;
        self.reached.lost_answers += u64::from(!self.answers.is_empty());
        self.answers.clear();
        self.requests.clear();
        self.snapshots.clear();
        self.store = Store::new(options());
        self.settle();
        let last = self.retry(&|store| store.reader().get(LAST)).map_or(0, |bytes| number(&bytes));
        let durable = self.durable.get(LAST).map_or(0, |bytes| number(bytes));
        assert!(last >= durable, "seed {}: commit {last} is there, {durable} was durable", self.seed);
        // Whole commits only, in their order: those that had landed before the answer could come.
        for changes in self.pending.drain(..).take((last - durable) as usize) {
            changes.iter().for_each(|change| apply(&mut self.durable, change));
        }
        self.map = self.durable.clone();
        (self.commits, self.commits_before) = (last, last);
        self.compare_all();
    }
}

fn scan(reader: Reader<'_>, from: &[u8], reverse: bool, rows: usize) -> Result<Rows, Stop> {
    let mut found = Vec::new();
    let scan = if reverse { Scan { from: b"", to: from, reverse } } else { Scan { from, to: END, reverse } };
    reader.scan(scan, &mut |key, value| {
        if found.len() < rows {
            found.push((key.to_vec(), value.to_vec()));
        }
        found.len() < rows
    })?;
    Ok(found)
}

fn expected(map: &Map, from: &[u8], reverse: bool, rows: usize) -> Rows {
    let own = |(key, value): (&Vec<u8>, &Vec<u8>)| (key.clone(), value.clone());
    if reverse {
        map.range::<[u8], _>((Bound::Unbounded, Bound::Excluded(from))).rev().take(rows).map(own).collect()
    } else {
        map.range::<[u8], _>((Bound::Included(from), Bound::Unbounded)).take(rows).map(own).collect()
    }
}
