//! The whole store over the record store in memory, with all segments in its
//! cache: what grows with the number of records, and what does not.

use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion};
use pannier::format::log::Entry;
use pannier::store::memory::MemoryRecords;
use pannier::store::{Options, Store};

use crate::records::{Records, VALUE, key};

/// Records of a bulk commit while loading.
const BULK: u64 = 10_000;
/// Commits in the log when a store is opened.
const LOG_RECORDS: usize = 100;

struct Shop {
    store: Store,
    records: MemoryRecords,
}

impl Shop {
    fn open(records: MemoryRecords) -> Self {
        let mut shop =
            Self { store: Store::new(Options { cache_bytes_max: usize::MAX, ..Options::default() }), records };
        shop.settle();
        shop
    }

    fn settle(&mut self) {
        while let Some((id, request)) = self.store.next_request_worked() {
            self.store.complete(id, self.records.execute(&request));
        }
        while self.store.next_event().is_some() {}
    }

    fn put(&mut self, key: Vec<u8>) {
        self.store.stage(vec![Entry { key: key.into(), value: Some(VALUE.into()) }]);
        self.settle();
    }

    fn load(count: u64) -> Self {
        let mut shop = Self::open(MemoryRecords::default());
        for from in (0..count).step_by(BULK as usize) {
            let entry = |number| Entry { key: key(number).into(), value: Some(VALUE.into()) };
            shop.store.stage((from..from + BULK).map(entry).collect());
            shop.settle();
        }
        shop.store.checkpoint();
        shop.settle();
        // Every node into the cache.
        while let Err(stop) = shop.store.check() {
            shop.store.want(stop.fault().expect("a sound store"));
            shop.settle();
        }
        shop
    }

    fn get(&self, key: &[u8]) -> usize {
        let mut bytes = 0;
        self.store.reader().get_with(key, &mut |value| bytes = value.len()).expect("every segment is in memory");
        assert!(bytes > 0);
        bytes
    }
}

pub fn measure(criterion: &mut Criterion, count: u64) {
    let mut bench = |work: &str, measure: &mut dyn FnMut(&mut criterion::Bencher<'_>)| {
        let id = BenchmarkId::new("pannier", count);
        criterion.benchmark_group(work).bench_function(id, |bencher| measure(bencher));
    };
    let mut shop = Shop::load(count);
    let mut records = Records::new(count);
    bench("store_get", &mut |bencher| bencher.iter(|| shop.get(&records.any())));
    let put_some = |shop: &mut Shop, records: &mut Records| {
        let start = Instant::now();
        (0..LOG_RECORDS).for_each(|_| shop.put(records.any()));
        start.elapsed()
    };
    bench("store_put", &mut |bencher| {
        // A commit alone: the log is folded into the tree outside of the measured time.
        bencher.iter_custom(|rounds| {
            let runs = rounds.div_ceil(LOG_RECORDS as u64);
            let mut spent = Duration::ZERO;
            for _ in 0..runs {
                spent += put_some(&mut shop, &mut records);
                shop.store.checkpoint();
                shop.settle();
            }
            spent.mul_f64(rounds as f64 / (runs * LOG_RECORDS as u64) as f64)
        });
    });
    bench("store_put_and_fold", &mut |bencher| bencher.iter(|| shop.put(records.any())));
    shop.store.checkpoint();
    shop.settle();
    put_some(&mut shop, &mut records);
    bench("store_open", &mut |bencher| {
        // The records are moved in and out: copying them is no part of opening.
        bencher.iter_custom(|rounds| {
            let mut spent = Duration::ZERO;
            for _ in 0..rounds {
                let stored = std::mem::take(&mut shop.records);
                let start = Instant::now();
                let opened = Shop::open(stored);
                spent += start.elapsed();
                shop.records = opened.records;
            }
            spent
        });
    });
}
