//! Space and write amplification under churn.

use super::compaction;
use super::memory::MemoryRecords;
use super::*;
use crate::format::log::Entry;
use crate::testing::Random;
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

const ROWS: u64 = 4_000;

fn options() -> Options {
    Options {
        cache_bytes_max: 64 * 1024,
        log_bytes_max: 32 * 1024,
        log_records_max: 200,
        commit_bytes_max: 64 * 1024,
        segment_bytes: 16 * 1024,
        slice_bytes_max: 8 * 1024,
        record_bytes_max: 32 * 1024,
    }
}

/// A workload: the changes of one commit, as keys with the bytes of their value.
type Workload = fn(&mut Random, u64) -> Vec<(u64, Option<usize>)>;

/// Commits of each workload.
const COMMITS: u64 = 3_000;

const WORKLOADS: [(&str, Workload); 7] = [
    ("random", |random, _| vec![(random.below(ROWS), (random.below(3) > 0).then(|| random.below(300) as usize))]),
    ("hot spot", |random, _| {
        let key = if random.below(10) > 0 { 100 + random.below(20) } else { random.below(ROWS) };
        vec![(key, Some(random.below(300) as usize))]
    }),
    ("rising and falling", |random, step| {
        let grows = step / 500 % 2 == 0;
        (0..8).map(|_| (random.below(ROWS), grows.then(|| random.below(300) as usize))).collect()
    }),
    ("delete all", |_, step| {
        let (round, at) = (step / 1_000, step % 1_000 * 4);
        (at..at + 4).map(|key| (key, (round % 2 == 1).then_some(200))).collect()
    }),
    ("append, delete prefix", |_, step| {
        let append = (0..3).map(|offset| (100_000 + step * 3 + offset, Some(150)));
        let delete = (0..3).map(|offset| (98_000 + step * 3 + offset, None));
        append.chain(delete).collect()
    }),
    ("every eighth page stays", |_, step| {
        let at = step % ROWS;
        vec![(at, (step >= ROWS || at % 400 < 50).then_some(150))]
    }),
    ("whole pages", |random, _| {
        let at = random.below(ROWS / 100) * 100;
        let there = random.below(2) == 0;
        (at..at + 100).map(|key| (key, there.then_some(100))).collect()
    }),
];

struct Churn {
    store: Store,
    records: MemoryRecords,
    user_bytes: usize,
    segment_bytes: usize,
    other_bytes: usize,
    slices: usize,
}

impl Churn {
    fn new(options: Options) -> Self {
        let (store, records) = (Store::new(options), MemoryRecords::default());
        let mut churn = Self { store, records, user_bytes: 0, segment_bytes: 0, other_bytes: 0, slices: 0 };
        churn.pump();
        churn
    }

    fn commit(&mut self, changes: &[(u64, Option<usize>)]) {
        let entry = |(key, size): &(u64, Option<usize>)| Entry {
            key: format!("row/{key:07}").into_bytes().into(),
            value: size.map(|size| vec![*key as u8; size].into()),
        };
        let entries: Vec<Entry> = changes.iter().map(entry).collect();
        let bytes = |entry: &Entry| entry.key.len() + entry.value.as_deref().map_or(0, <[u8]>::len);
        self.user_bytes += entries.iter().map(bytes).sum::<usize>();
        self.store.stage(entries);
        self.pump();
    }

    fn pump(&mut self) {
        loop {
            while let Some((id, request)) = self.store.next_request() {
                match &request {
                    Request::Append { bytes, .. } => self.other_bytes += bytes.len(),
                    Request::Checkpoint(checkpoint) => {
                        self.other_bytes += checkpoint.head.len();
                        self.segment_bytes += checkpoint.segments.iter().map(|(_, bytes)| bytes.len()).sum::<usize>();
                    }
                    _ => {}
                }
                let response = self.records.execute(&request);
                self.store.complete(id, response);
            }
            if !self.store.has_work() {
                break;
            }
            self.store.work();
            self.slices += 1;
        }
        self.store.trim();
    }

    /// Verifies the tree, and that the head tells the live bytes right.
    fn check(&mut self) {
        let report = loop {
            match self.store.check() {
                Ok(report) => break report,
                Err(stop) if let Some(fault) = stop.fault() => self.store.want(fault),
                Err(error) => panic!("{error}"),
            }
            let (id, request) = self.store.next_request().unwrap();
            let response = self.records.execute(&request);
            self.store.complete(id, response);
        };
        assert_eq!(report.compare(&self.store.head().segments), Ok(()));
    }

    fn live(&self) -> usize {
        self.store.head().segments.iter().map(|info| info.bytes_live as usize).sum()
    }
}

/// At rest, what is stored is under twice what is alive, plus the slack and the
/// last segment, which may be nearly empty; and the segments are as few as that.
#[test]
fn stored_bytes_stay_under_twice_the_live_bytes() {
    for (name, workload) in WORKLOADS {
        let mut random = Random(name.len() as u64);
        let mut churn = Churn::new(options());
        for part in 0..ROWS / 200 {
            let rows: Vec<_> = (part * 200..part * 200 + 200).map(|key| (key, Some(150))).collect();
            churn.commit(&rows);
        }
        (churn.user_bytes, churn.segment_bytes, churn.other_bytes) = (0, 0, 0);
        let (mut worst, mut generation) = (0.0f64, 0);
        for step in 0..COMMITS {
            churn.commit(&workload(&mut random, step));
            if churn.store.head().generation == generation {
                continue;
            }
            generation = churn.store.head().generation;
            let segments = &churn.store.head().segments;
            let stored = compaction::charged(segments, options().segment_bytes);
            assert!(segments.iter().map(|info| info.bytes as usize).sum::<usize>() <= stored);
            let slack = 5 * options().segment_bytes;
            assert!(stored <= 2 * churn.live() + slack, "{name}, step {step}: {stored} for {} live", churn.live());
            worst = worst.max((stored.saturating_sub(slack)) as f64 / churn.live().max(1) as f64);
            if step % 50 == 0 {
                churn.check();
            }
        }
        churn.check();
        std::println!(
            "{name}: at worst {worst:.2} times the live bytes beyond the slack, {} checkpoints, {} slices; \
             each byte written {:.1} times to segments, {:.2} to log and head",
            churn.store.head().generation,
            churn.slices,
            churn.segment_bytes as f64 / churn.user_bytes as f64,
            churn.other_bytes as f64 / churn.user_bytes as f64,
        );
    }
}
