//! Crash sweep and many tabs, over the record store in memory.

use super::memory::MemoryRecords;
use super::*;
use crate::format::log::Entry;
use crate::testing::Random;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

type Model = BTreeMap<Vec<u8>, Vec<u8>>;
type Commit = Vec<(Vec<u8>, Option<Vec<u8>>)>;

const SMALL: Options = Options {
    cache_bytes_max: 100_000,
    log_bytes_max: 4_000,
    log_records_max: 20,
    commit_bytes_max: 3_000,
    segment_bytes: 1_000,
    slice_bytes_max: 1_500,
    record_bytes_max: 32 * 1024,
};

/// What the crash sweep interrupts.
struct Workload {
    name: &'static str,
    /// What is stored before.
    start: fn() -> MemoryRecords,
    options: Options,
    seeds: u64,
    commits: u64,
    /// The rows of a commit, given its number.
    rows: fn(&mut Random, u64) -> Commit,
}

const MIXED: Workload = Workload {
    name: "mixed",
    start: MemoryRecords::default,
    options: SMALL,
    seeds: 2,
    commits: 150,
    rows: |random, number| {
        let size = if random.below(25) == 0 { 60 } else { 1 + random.below(3) };
        let row = |_| {
            let value = (random.below(4) > 0).then(|| vec![number as u8; 1 + random.below(90) as usize]);
            (row(random.below(400)), value)
        };
        (0..size).map(row).collect()
    },
};

const WORKLOADS: [Workload; 3] = [
    MIXED,
    Workload {
        name: "load",
        start: MemoryRecords::default,
        options: SMALL,
        seeds: 1,
        commits: 12,
        rows: |random, number| {
            let rows =
                (0..20 + random.below(100)).map(|offset| (row(number * 60 + offset), Some(vec![number as u8; 60])));
            rows.collect()
        },
    },
    // First rows that fill leaves, then changes to two leaves of three, which later go:
    // so the third is left alone in its segment.
    Workload {
        name: "compaction",
        start: MemoryRecords::default,
        // Segments of some nodes, so that they can be half empty.
        options: Options { segment_bytes: 17_000, commit_bytes_max: 20_000, slice_bytes_max: 9_000, ..SMALL },
        seeds: 1,
        commits: 60,
        rows: |random, number| match number {
            1..=10 => (0..60).map(|offset| (row(number * 60 + offset), Some(vec![number as u8; 900]))).collect(),
            11..=35 => vec![(row(60 + number % 25 * 24), None), (row(68 + number % 25 * 24), None)],
            _ => {
                let at = 60 + number % 25 * 24;
                (at..at + 16).map(|key| (row(key), (random.below(40) == 0).then(|| vec![7; 20]))).collect()
            }
        },
    },
];

fn row(number: u64) -> Vec<u8> {
    format!("row/{number:04}").into_bytes()
}

impl Workload {
    fn commit(&self, random: &mut Random, number: u64) -> Commit {
        let mut commit = (self.rows)(random, number);
        // The last commit's number tells which commits a reopened store holds.
        commit.push((b"last".to_vec(), Some(number.to_be_bytes().to_vec())));
        commit
    }
}

fn entries(commit: &Commit) -> Vec<Entry> {
    let entry = |(key, value): &(Vec<u8>, Option<Vec<u8>>)| Entry {
        key: key.clone().into_boxed_slice(),
        value: value.clone().map(Vec::into_boxed_slice),
    };
    commit.iter().map(entry).collect()
}

fn apply(model: &mut Model, commit: &Commit) {
    for (key, value) in commit {
        match value {
            Some(value) => model.insert(key.clone(), value.clone()),
            None => model.remove(key),
        };
    }
}

/// A store with its record store, stopped after a number of calls.
struct Tab {
    store: Store,
    records: MemoryRecords,
    calls_left: usize,
    /// Whether the call that kills is carried out before.
    last_call_lands: bool,
    durable: u64,
    lost: bool,
    compacted: bool,
    /// Checkpoints to be refused for want of room once there is compaction.
    refuse: u32,
    /// Commits that come while a call is under way.
    backlog: Vec<Vec<Entry>>,
}

impl Tab {
    fn open(records: MemoryRecords) -> Self {
        Self::open_with(records, SMALL)
    }

    fn open_with(records: MemoryRecords, options: Options) -> Self {
        let store = Store::new(options);
        Self {
            store,
            records,
            calls_left: usize::MAX,
            last_call_lands: false,
            durable: 0,
            lost: false,
            compacted: false,
            refuse: 0,
            backlog: vec![],
        }
    }

    /// Runs all requests; `false` when the tab has been killed.
    fn pump(&mut self) -> bool {
        loop {
            let Some((id, request)) = self.store.next_request() else {
                if self.backlog.is_empty() && !self.store.has_work() {
                    break;
                }
                if !self.backlog.is_empty() {
                    self.store.stage(self.backlog.remove(0));
                }
                self.compacted |= self.store.job.as_ref().is_some_and(|job| job.is_compacting());
                self.store.work();
                continue;
            };
            if self.calls_left == 0 {
                if self.last_call_lands {
                    self.records.execute(&request);
                }
                return false;
            }
            self.calls_left -= 1;
            let refused = self.compacted && self.refuse > 0 && matches!(request, Request::Checkpoint(_));
            let response = if refused {
                Response::Failed(Failure { kind: FailureKind::Quota, message: "full".into() })
            } else {
                self.records.execute(&request)
            };
            if !self.backlog.is_empty() {
                self.store.stage(self.backlog.remove(0));
            }
            self.store.complete(id, response);
            if refused {
                self.refuse -= 1;
                self.store.events.retain(|event| !matches!(event, Event::Failed(_)));
                self.store.retry();
            }
            self.events();
        }
        self.store.trim();
        true
    }

    fn events(&mut self) {
        while let Some(event) = self.store.next_event() {
            match event {
                Event::Durable { commit } => self.durable = commit,
                Event::Rebased { lost: true, .. } => self.lost = true,
                Event::Corrupt(corrupt) => panic!("{corrupt}"),
                Event::Failed(failure) | Event::ReadFailed(failure) => panic!("{failure:?}"),
                _ => {}
            }
        }
    }

    fn opened_contents(&mut self) -> Model {
        assert!(self.pump());
        self.contents()
    }

    fn contents(&mut self) -> Model {
        loop {
            let mut model = Model::new();
            let scanned = self.store.reader().scan(Scan::ascending(b"", &[0xFF]), &mut |key, value| {
                model.insert(key.to_vec(), value.to_vec());
                true
            });
            match scanned {
                Ok(()) => return model,
                Err(stop) if let Some(fault) = stop.fault() => self.store.want(fault),
                Err(error) => panic!("{error}"),
            }
            assert!(self.pump());
        }
    }
}

fn last(model: &Model) -> u64 {
    model.get(&b"last"[..]).map_or(0, |bytes| u64::from_be_bytes(bytes[..].try_into().unwrap()))
}

/// Writes mixed commits one after another; returns the models after each.
fn write(tab: &mut Tab, seed: u64, commits: u64) -> Vec<Model> {
    run(tab, &Workload { commits, ..MIXED }, seed, Model::new())
}

/// Runs a workload on a store that holds `model`; returns the models after each commit.
fn run(tab: &mut Tab, workload: &Workload, seed: u64, model: Model) -> Vec<Model> {
    let mut random = Random(seed);
    let mut models = vec![model];
    let mut alive = tab.pump();
    for number in 1..=workload.commits {
        let commit = workload.commit(&mut random, number);
        let mut model = models[models.len() - 1].clone();
        apply(&mut model, &commit);
        models.push(model);
        if alive {
            if random.below(3) == 0 || !tab.backlog.is_empty() {
                tab.backlog.push(entries(&commit));
            } else {
                assert_eq!(tab.store.stage(entries(&commit)), number);
            }
            // Some commits gather before the next append.
            if random.below(3) > 0 {
                alive = tab.pump();
            }
            if number % 50 == 0 {
                tab.store.checkpoint();
            }
        }
    }
    if alive {
        tab.pump();
    }
    models
}

#[test]
fn every_crash_keeps_what_was_durable() {
    for workload in &WORKLOADS {
        for seed in 0..workload.seeds {
            sweep(workload, seed);
        }
    }
}

/// Stops after every call to the record store, with the last one carried out or
/// not, and opens what is left.
fn sweep(workload: &Workload, seed: u64) {
    let context = |stop: usize| format!("{}, seed {seed}, stop {stop}", workload.name);
    let before = Tab::open_with((workload.start)(), workload.options).opened_contents();
    let mut whole = Tab::open_with((workload.start)(), workload.options);
    whole.calls_left = 1_000_000;
    let models = run(&mut whole, workload, seed, before);
    assert_eq!(whole.durable, workload.commits);
    assert!(whole.contents() == models[workload.commits as usize]);
    assert!(whole.compacted || workload.name != "compaction", "nothing was compacted");
    let calls = 1_000_000 - whole.calls_left;
    assert!(whole.store.head().generation > 5, "{}", context(calls));
    for stop in 0..calls {
        for lands in [false, true] {
            let mut tab = Tab::open_with((workload.start)(), workload.options);
            (tab.calls_left, tab.last_call_lands) = (stop, lands);
            run(&mut tab, workload, seed, Model::new());
            let mut after = Tab::open_with(tab.records, workload.options);
            let found = after.opened_contents();
            let number = last(&found);
            assert!(number >= tab.durable, "{}: {number} of {} durable", context(stop), tab.durable);
            assert!(found == models[number as usize], "{}", context(stop));
            check(&mut after);
        }
    }
}

/// The tree is sound, and the head's segment table tells the live bytes right.
fn check(tab: &mut Tab) {
    let report = loop {
        match tab.store.check() {
            Ok(report) => break report,
            Err(stop) if let Some(fault) = stop.fault() => tab.store.want(fault),
            Err(error) => panic!("{error}"),
        }
        assert!(tab.pump());
    };
    assert_eq!(report.compare(&tab.store.head().segments), Ok(()));
}

#[test]
fn tabs_that_write_at_once_lose_nothing() {
    for seed in 0..40 {
        let mut random = Random(seed);
        let mut records = MemoryRecords::default();
        let mut tabs: Vec<(Tab, Vec<String>)> = (0..3).map(|_| (Tab::open(MemoryRecords::default()), vec![])).collect();
        let mut outstanding: Vec<Vec<(RequestId, Response)>> = vec![vec![], vec![], vec![]];
        let mut written = Vec::new();
        let mut broadcast: Vec<(usize, u64, Vec<u8>)> = Vec::new();
        for step in 0..600 {
            let index = random.below(3) as usize;
            let (tab, pending) = &mut tabs[index];
            if step < 450 && random.below(3) == 0 {
                let key = format!("{index}/{step}");
                let size = if random.below(20) == 0 { 5_000 } else { 10 };
                tab.store.stage(vec![Entry { key: key.as_bytes().into(), value: Some(vec![1; size].into()) }]);
                pending.push(key.clone());
                written.push(key);
            }
            // A request takes effect now, and its answer comes later.
            while let Some((id, request)) = tab.store.next_request() {
                outstanding[index].push((id, records.execute(&request)));
            }
            tab.store.work();
            if step >= 450 || random.below(2) == 0 {
                for (id, response) in outstanding[index].drain(..) {
                    tab.store.complete(id, response);
                }
            }
            while let Some(event) = tab.store.next_event() {
                match event {
                    Event::Durable { .. } if tab.store.is_durable() => pending.clear(),
                    Event::Rebased { lost: true, .. } => {
                        let again = core::mem::take(pending);
                        for key in &again {
                            let size = if tab.store.reader().get(key.as_bytes()) == Ok(None) { 10 } else { 11 };
                            tab.store
                                .stage(vec![Entry { key: key.as_bytes().into(), value: Some(vec![1; size].into()) }]);
                        }
                        *pending = again;
                    }
                    Event::Appended { seq, bytes } => broadcast.push((index, seq, bytes.to_vec())),
                    Event::Corrupt(corrupt) => panic!("seed {seed}: {corrupt}"),
                    _ => {}
                }
            }
            // Other tabs hear of it, or not.
            if !broadcast.is_empty() && random.below(2) == 0 {
                let (from, seq, bytes) = broadcast.remove(0);
                for (other, (tab, _)) in tabs.iter_mut().enumerate() {
                    if other != from && random.below(4) > 0 {
                        tab.store.offer(seq, &bytes);
                    }
                }
            }
        }
        let mut after = Tab::open(records);
        assert!(after.pump());
        let found = after.contents();
        for key in &written {
            assert!(found.contains_key(key.as_bytes()), "seed {seed}: {key} is lost");
        }
        assert_eq!(found.len(), written.len(), "seed {seed}");
        check(&mut after);
    }
}

/// A store with some rows in its tree and some in its log.
fn half_folded() -> Tab {
    let mut tab = Tab::open(MemoryRecords::default());
    write(&mut tab, 7, 40);
    tab.store.checkpoint();
    assert!(tab.pump());
    for number in 0..20 {
        tab.store.stage(entries(&vec![(format!("row/{number:04}").into_bytes(), Some(vec![1; 100]))]));
    }
    let (id, request) = tab.store.next_request().unwrap();
    let response = tab.records.execute(&request);
    tab.store.complete(id, response);
    tab
}

#[test]
fn commits_go_on_while_a_checkpoint_is_in_slices() {
    let mut tab = half_folded();
    tab.store.checkpoint();
    assert!(tab.store.next_request().is_none());
    let mut appends = 0;
    while tab.store.has_work() {
        tab.store.work();
        tab.store.stage(entries(&vec![(format!("late/{appends}").into_bytes(), Some(vec![2; 10]))]));
        let (id, request) = tab.store.next_request().unwrap();
        assert!(matches!(request, Request::Append { .. }));
        // The checkpoint is asked for only when the append is under way.
        let checkpoint = tab.store.next_request();
        let response = tab.records.execute(&request);
        tab.store.complete(id, response);
        appends += 1;
        if let Some((id, request)) = checkpoint {
            assert!(matches!(request, Request::Checkpoint(_)) && !tab.store.has_work());
            let response = tab.records.execute(&request);
            tab.store.complete(id, response);
        }
    }
    assert!(appends > 3 && tab.store.is_durable(), "{appends} slices");
    let mut after = Tab::open(tab.records.clone());
    assert!(after.pump());
    assert_eq!(after.contents(), tab.contents());
}

#[test]
fn a_bulk_commit_does_not_wait_for_a_checkpoint_in_slices() {
    let mut tab = half_folded();
    tab.store.checkpoint();
    assert!(tab.store.next_request().is_none());
    tab.store.work();
    assert!(tab.store.has_work());
    let generation = tab.store.head().generation;
    tab.store.stage(entries(&vec![(b"large".to_vec(), Some(vec![3; 9_000]))]));
    assert!(tab.pump() && tab.store.is_durable());
    assert_eq!(tab.store.head().generation, generation + 1);
    assert_eq!(tab.store.head().log_from, tab.store.durable_seq + 1, "it covers the log too");
}

#[test]
fn commits_go_on_while_checkpoints_fail() {
    let mut tab = half_folded();
    let message = String::from("no");
    for number in 0..3 {
        tab.store.checkpoint();
        let (id, request) = tab.store.next_request_worked().unwrap();
        assert!(matches!(request, Request::Checkpoint(_)));
        tab.store.complete(id, Response::Failed(Failure { kind: FailureKind::Quota, message: message.clone() }));
        assert!(matches!(tab.store.events.pop(), Some(Event::Failed(_))));
        tab.store.stage(entries(&vec![(format!("late/{number}").into_bytes(), Some(vec![2; 10]))]));
        assert!(tab.pump() && tab.store.is_durable());
        tab.store.retry();
    }
    assert!(tab.pump());
    assert_eq!(tab.store.head().log_from, tab.store.durable_seq + 1);
}

#[test]
fn a_tab_waits_for_the_checkpoint_of_the_one_that_filled_the_log() {
    let mut records = MemoryRecords::default();
    let (mut busy, mut idle) = (Store::new(SMALL), Store::new(SMALL));
    for store in [&mut busy, &mut idle] {
        let (id, request) = store.next_request().unwrap();
        store.complete(id, records.execute(&request));
    }
    let limit = SMALL.log_records_max;
    for number in 0..2 * limit + 1 {
        busy.stage(entries(&vec![(format!("{number}").into_bytes(), Some(vec![2; 10]))]));
        let (id, request) = busy.next_request().unwrap();
        busy.complete(id, records.execute(&request));
        let Request::Append { seq, bytes, .. } = request else { panic!("{request:?}") };
        // The busy tab never gets to its own checkpoint.
        idle.offer(seq, &bytes);
        assert!(idle.next_request().is_none());
        assert!(busy.has_work() || busy.job.is_none());
        assert_eq!(idle.has_work(), number == 2 * limit, "{number}");
    }
}

#[test]
fn the_record_store_in_memory_conforms() {
    let mut records = MemoryRecords::default();
    for (number, (request, expected)) in conformance::steps().into_iter().enumerate() {
        assert_eq!(records.execute(&request), expected, "step {number}");
    }
}

#[test]
fn damaged_records_are_found_or_harmless() {
    let mut tab = Tab::open(MemoryRecords::default());
    let models = write(&mut tab, 1, 60);
    let total = tab.records.records_mut().count();
    let mut found_bad = 0;
    for number in 0..total {
        let length = tab.records.clone().records_mut().nth(number).map_or(0, |record| record.len());
        for byte in 0..length {
            let mut records = tab.records.clone();
            records.records_mut().nth(number).unwrap()[byte] ^= 1 << (byte % 8);
            match read_all(records) {
                Some(found) => assert!(found == models[60], "record {number}, byte {byte}: wrong data"),
                None => found_bad += 1,
            }
        }
    }
    assert!(found_bad > 50, "{found_bad}");
}

/// Everything in the store, or `None` where it says that it is corrupt.
fn read_all(mut records: MemoryRecords) -> Option<Model> {
    let mut store = Store::new(SMALL);
    loop {
        while let Some((id, request)) = store.next_request_worked() {
            let response = records.execute(&request);
            store.complete(id, response);
        }
        while let Some(event) = store.next_event() {
            if matches!(event, Event::Corrupt(_)) {
                return None;
            }
        }
        let mut model = Model::new();
        let scanned = store.reader().scan(Scan::ascending(b"", &[0xFF]), &mut |key, value| {
            model.insert(key.to_vec(), value.to_vec());
            true
        });
        match scanned {
            Ok(()) => return Some(model),
            Err(stop) if let Some(fault) = stop.fault() => store.want(fault),
            Err(_) => return None,
        }
    }
}

/// Stages a value of `size` bytes and has the call for it fail.
fn stage_and_fail(tab: &mut Tab, number: u64, size: usize, kind: FailureKind) {
    let key: Box<[u8]> = format!("key {number}").into_bytes().into();
    tab.store.stage(vec![Entry { key, value: Some(vec![7; size].into()) }]);
    let (id, _) = tab.store.next_request_worked().unwrap();
    let message = "no".into();
    tab.store.complete(id, Response::Failed(Failure { kind, message }));
    assert!(tab.store.next_request().is_none(), "stalled until retry");
}

#[test]
fn a_failure_keeps_what_was_staged() {
    let mut tab = Tab::open(MemoryRecords::default());
    assert!(tab.pump());
    let cases = [(1, 10, FailureKind::Quota), (2, 10, FailureKind::Other), (3, 9_000, FailureKind::Other)];
    for (number, size, kind) in cases {
        stage_and_fail(&mut tab, number, size, kind);
        assert!(matches!(tab.store.next_event(), Some(Event::Failed(_))));
        tab.store.retry();
        assert!(tab.pump());
        assert_eq!(tab.durable, number);
    }
    let mut after = Tab::open(tab.records);
    assert!(after.pump());
    assert_eq!(after.contents().len(), 3);
}

#[test]
fn a_large_commit_without_room_does_not_hold_up_small_ones() {
    let mut tab = Tab::open(MemoryRecords::default());
    assert!(tab.pump());
    stage_and_fail(&mut tab, 1, 9_000, FailureKind::Quota);
    assert!(matches!(tab.store.next_event(), Some(Event::NoRoom(_))));
    assert!(matches!(tab.store.next_event(), Some(Event::Rebased { lost: true, .. })));
    assert_eq!(tab.store.reader().get(b"key 1"), Ok(None));
    tab.store.retry();
    while tab.store.next_event().is_some() {}
    tab.store.stage(vec![Entry { key: (*b"small").into(), value: Some((*b"1").into()) }]);
    assert!(tab.pump());
    assert!(tab.store.is_durable());
}

#[test]
fn a_full_disk_in_the_middle_of_compaction_loses_nothing() {
    let workload = &WORKLOADS[2];
    let mut tab = Tab::open_with(MemoryRecords::default(), workload.options);
    tab.refuse = 5;
    let models = run(&mut tab, workload, 0, Model::new());
    assert!(tab.refuse == 0 && tab.durable == workload.commits);
    let mut after = Tab::open_with(tab.records, workload.options);
    assert!(after.opened_contents() == models[workload.commits as usize]);
    check(&mut after);
}

#[test]
fn a_database_deleted_under_an_open_tab_is_told() {
    for checkpointed in [false, true] {
        let mut tab = Tab::open(MemoryRecords::default());
        write(&mut tab, 3, 30);
        if checkpointed {
            tab.store.checkpoint();
            assert!(tab.pump());
        }
        tab.records = MemoryRecords::default();
        tab.store.stage(vec![Entry { key: (*b"late").into(), value: None }]);
        let mut calls = 0;
        while let Some((id, request)) = tab.store.next_request_worked() {
            let response = tab.records.execute(&request);
            tab.store.complete(id, response);
            calls += 1;
            assert!(calls < 10, "goes round in circles");
        }
        let told = core::iter::from_fn(|| tab.store.next_event()).any(|event| matches!(event, Event::Corrupt(_)));
        assert!(told, "checkpointed: {checkpointed}");
    }
}

#[test]
fn a_read_that_fails_is_not_asked_again_at_once() {
    let mut tab = Tab::open(MemoryRecords::default());
    write(&mut tab, 1, 60);
    tab.store.checkpoint();
    assert!(tab.pump());
    let mut store = Store::new(SMALL);
    let (id, request) = store.next_request().unwrap();
    store.complete(id, tab.records.execute(&request));
    let fault = match store.reader().get(b"row/0001") {
        Err(stop) if let Some(fault) = stop.fault() => fault,
        other => panic!("{other:?}"),
    };
    store.want(fault);
    let (id, _) = store.next_request().unwrap();
    let failure = Failure { kind: FailureKind::Other, message: "no".into() };
    store.complete(id, Response::Failed(failure));
    store.want(fault);
    assert!(store.next_request().is_none());
    store.retry();
    assert!(store.next_request().is_some());
}

/// The first bulk commit becomes the tree as it is, but for what it deletes.
#[test]
fn a_first_bulk_commit_stores_no_deletion() {
    for deletes in [false, true] {
        let mut tab = Tab::open(MemoryRecords::default());
        assert!(tab.pump());
        let mut model = Model::new();
        // Of two entries with one key the last holds.
        let mut commit: Commit = (0..900).map(|number| (row(number % 600), Some(vec![number as u8; 40]))).collect();
        if deletes {
            commit.extend([(row(5), None), (row(7_000), None)]);
        }
        commit.push((row(9), Some(Vec::new())));
        tab.store.stage(entries(&commit));
        apply(&mut model, &commit);
        assert!(tab.contents() == model);
        assert!(tab.pump() && tab.store.head().generation == 1);
        assert!(tab.contents() == model);
        check(&mut tab);
        let mut after = Tab::open(tab.records);
        assert!(after.opened_contents() == model);
        check(&mut after);
    }
}
