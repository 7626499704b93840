//! Native micro-benchmarks: the tree alone beside redb, and the whole store
//! over the record store in memory, each with 10,000 and 1,000,000 small
//! records; and a rebase of 10,000 mutations. The argument is the folder for criterion's figures.

mod other;
mod rebase;
mod records;
mod store;
mod tree;

use std::path::Path;
use std::time::{Duration, Instant};

use criterion::{BatchSize, BenchmarkId, Criterion};
use records::{Records, SIZES, VALUE};

/// Rows of a scan.
const SCAN_ROWS: u64 = 1_000;

/// What both sides of the comparison do.
trait Map {
    /// The map with `count` records, loaded in ascending order.
    fn load(count: u64) -> Self;
    /// Bytes of the value under `key`.
    fn get(&self, key: &[u8]) -> usize;
    /// A commit of one record.
    fn put(&mut self, key: &[u8], value: &[u8]);
    /// A commit of one removal.
    fn delete(&mut self, key: &[u8]);
    /// Bytes of up to `rows` values, from `key` on, up or down.
    fn scan(&self, key: &[u8], reverse: bool, rows: u64) -> usize;
    /// Number of records between two keys.
    fn count(&self, from: &[u8], to: &[u8]) -> u64;
}

fn main() {
    let dir = std::env::args().nth(1).unwrap_or_else(|| "target/criterion".into());
    let mut criterion = Criterion::default()
        .output_directory(Path::new(&dir))
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .without_plots();
    for count in SIZES {
        compare::<tree::PannierTree>(&mut criterion, "pannier", count);
        compare::<other::Redb>(&mut criterion, "redb", count);
        store::measure(&mut criterion, count);
    }
    rebase::measure(&mut criterion);
}

fn compare<M: Map>(criterion: &mut Criterion, system: &str, count: u64) {
    let mut bench = |work: &str, measure: &mut dyn FnMut(&mut criterion::Bencher<'_>)| {
        criterion.benchmark_group(work).bench_function(BenchmarkId::new(system, count), |bencher| measure(bencher));
    };
    bench("load", &mut |bencher| bencher.iter_batched(|| (), |()| M::load(count), BatchSize::PerIteration));
    let mut map = M::load(count);
    let mut records = Records::new(count);
    bench("get", &mut |bencher| bencher.iter(|| map.get(&records.any())));
    bench("scan", &mut |bencher| bencher.iter(|| map.scan(&records.any(), false, SCAN_ROWS)));
    bench("scan_reverse", &mut |bencher| bencher.iter(|| map.scan(&records.any(), true, SCAN_ROWS)));
    bench("count", &mut |bencher| {
        bencher.iter(|| {
            let (from, to) = records.tenth();
            let found = map.count(&from, &to);
            assert_eq!(found, count / 10);
        });
    });
    bench("put", &mut |bencher| bencher.iter(|| map.put(&records.any(), VALUE)));
    bench("delete", &mut |bencher| {
        // What was removed is put back outside of the measured time.
        bencher.iter_custom(|rounds| {
            let keys: Vec<_> = (0..rounds).map(|_| records.any()).collect();
            let mut spent = Duration::ZERO;
            for some in keys.chunks(100) {
                let start = Instant::now();
                some.iter().for_each(|key| map.delete(key));
                spent += start.elapsed();
                some.iter().for_each(|key| map.put(key, VALUE));
            }
            spent
        });
    });
}
