//! What grows with the number of records, by counting: times depend on the
//! machine, nodes and bytes do not.

use std::cell::Cell;
use std::sync::Arc;

use pannier::format::log::Entry;
use pannier::store::memory::MemoryRecords;
use pannier::store::{Options, Request, Store};
use pannier::tree::{Fault, Segments};

const FEW: u64 = 10_000;
const MANY: u64 = 1_000_000;
/// Records of a bulk commit while loading.
const BULK: u64 = 10_000;
/// Reads and commits that are counted at each size.
const SAMPLES: u64 = 50;

fn key(number: u64) -> Vec<u8> {
    format!("catalog/{number:010}").into_bytes()
}

fn entry(number: u64) -> Entry {
    Entry { key: key(number).into(), value: Some([7; 40].into()) }
}

/// Counts the nodes that a read touches, and the segments it faults on.
struct Counted<'a> {
    inner: &'a dyn Segments,
    nodes: Cell<u64>,
}

impl Segments for Counted<'_> {
    fn segment(&self, segment: u32) -> Result<Arc<[u8]>, Fault> {
        let record = self.inner.segment(segment)?;
        self.nodes.set(self.nodes.get() + 1);
        Ok(record)
    }
}

/// A store with its record store, and what was asked of it.
struct Shop {
    store: Store,
    records: MemoryRecords,
    requests: u64,
    reads: u64,
    log_bytes: u64,
    segment_bytes: u64,
}

impl Shop {
    fn open(records: MemoryRecords) -> Self {
        let store = Store::new(Options { cache_bytes_max: 0, ..Options::default() });
        let mut shop = Self { store, records, requests: 0, reads: 0, log_bytes: 0, segment_bytes: 0 };
        shop.settle();
        shop
    }

    fn settle(&mut self) {
        while let Some((id, request)) = self.store.next_request_worked() {
            self.requests += 1;
            match &request {
                Request::Append { bytes, .. } => self.log_bytes += bytes.len() as u64,
                Request::Read { segments } => self.reads += segments.len() as u64,
                Request::Checkpoint(checkpoint) => {
                    self.segment_bytes +=
                        checkpoint.segments.iter().map(|(_, record)| record.len() as u64).sum::<u64>();
                }
                Request::Open { .. } => {}
            }
            self.store.complete(id, self.records.execute(&request));
        }
        while self.store.next_event().is_some() {}
        self.store.trim();
    }

    fn commit(&mut self, entries: Vec<Entry>) {
        self.store.stage(entries);
        self.settle();
    }

    fn checkpoint(&mut self) {
        self.store.checkpoint();
        self.settle();
    }

    /// Nodes that a get touches.
    fn get(&mut self, key: &[u8]) -> u64 {
        loop {
            let reader = self.store.reader();
            let segments = Counted { inner: reader.segments, nodes: Cell::new(0) };
            let mut found = false;
            match reader.base.get_with(key, &segments, &mut |_| found = true) {
                Ok(()) => {
                    assert!(found);
                    return segments.nodes.get();
                }
                Err(stop) if let Some(fault) = stop.fault() => self.store.want(fault),
                Err(error) => panic!("{error}"),
            }
            self.settle();
        }
    }
}

/// Averages of single operations.
#[derive(Debug)]
struct Cost {
    /// Nodes touched by a get, and segments read for it when none is in memory.
    get_nodes: f64,
    get_segments: f64,
    /// Bytes of the log record of a commit.
    put_log_bytes: f64,
    /// Bytes of segments when a single commit is folded into the tree.
    put_segment_bytes: f64,
    /// Requests until a store is open.
    open_requests: u64,
}

fn cost(count: u64) -> Cost {
    let mut shop = Shop::open(MemoryRecords::default());
    for from in (0..count).step_by(BULK as usize) {
        shop.commit((from..from + BULK).map(entry).collect());
    }
    shop.checkpoint();
    let mut shop = Shop::open(shop.records);
    let open_requests = shop.requests;
    let mut get_nodes = 0;
    // Spread over the whole tree, and in no order.
    let numbers = || (0..SAMPLES).map(|sample| sample * 7_919 * (count / FEW) % count);
    for number in numbers() {
        get_nodes += shop.get(&key(number));
        shop.settle();
    }
    let get_segments = shop.reads;
    (shop.log_bytes, shop.segment_bytes) = (0, 0);
    for number in numbers() {
        shop.commit(vec![entry(number)]);
        shop.checkpoint();
    }
    let each = |sum: u64| sum as f64 / SAMPLES as f64;
    Cost {
        get_nodes: each(get_nodes),
        get_segments: each(get_segments),
        put_log_bytes: each(shop.log_bytes),
        put_segment_bytes: each(shop.segment_bytes),
        open_requests,
    }
}

#[test]
fn a_hundred_times_the_records_cost_a_level_more() {
    let (few, many) = (cost(FEW), cost(MANY));
    println!("{few:?}\n{many:?}");
    assert!(many.get_nodes <= few.get_nodes + 1.0 && many.get_nodes <= 4.0, "nodes of a get");
    assert!(few.get_segments <= few.get_nodes && many.get_segments <= many.get_nodes, "segments of a get");
    assert!(many.put_log_bytes <= few.put_log_bytes + 8.0, "log bytes of a commit");
    assert!(many.put_segment_bytes <= few.put_segment_bytes * 2.5, "segment bytes of a commit");
    assert_eq!((few.open_requests, many.open_requests), (1, 1), "opening reads no node");
}
