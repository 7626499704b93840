//! A small store whose records may be anything. Input: see `records`.

use pannier::stop::Stop;
use std::collections::BTreeMap;

use pannier::format::log::Entry;
use pannier::store::memory::MemoryRecords;
use pannier::store::{Event, Options, Request, Response, Scan, Store};

use crate::records::parse;

/// Most requests that opening, one read or one write may take. An input holds
/// fewer records, so a store that asks on goes round.
const REQUESTS_MAX: usize = 20_000;
/// Most rows of a scan: beyond what an input holds even where rows overlap.
const ROWS_MAX: usize = 100_000;

type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

pub(crate) fn run(bytes: &[u8]) {
    let mut shop = Shop::open(parse(bytes));
    let Some(rows) = shop.read_all() else {
        return;
    };
    let is_sound = shop.is_sound();
    for key in rows.keys().take(10) {
        let found = shop.retry(|store| store.reader().get(key));
        assert!(!is_sound || found.flatten().as_ref() == rows.get(key), "a row of a sound store is found");
    }
    let expected = shop.write(rows);
    if !is_sound {
        return;
    }
    assert_eq!(shop.broken, None, "a sound store is written");
    let mut again = Shop::open(shop.records);
    assert!(again.read_all() == Some(expected), "a sound store holds what was written");
}

/// A store with its record store.
struct Shop {
    store: Store,
    records: MemoryRecords,
    broken: Option<Event>,
}

impl Shop {
    fn open(records: MemoryRecords) -> Self {
        // So small that commits, the log and the cache meet their limits.
        let options = Options {
            cache_bytes_max: 10_000,
            log_bytes_max: 3_000,
            log_records_max: 8,
            commit_bytes_max: 2_000,
            segment_bytes: 2_000,
            slice_bytes_max: 1_000,
            record_bytes_max: 16 * 1024,
        };
        let mut shop = Self { store: Store::new(options), records, broken: None };
        shop.pump();
        shop
    }

    fn pump(&mut self) {
        let mut requests = 0;
        while let Some((id, request)) = self.store.next_request_worked() {
            requests += 1;
            assert!(requests < REQUESTS_MAX, "the store goes round: {request:?}");
            self.store.complete(id, self.records.execute(&request));
        }
        while let Some(event) = self.store.next_event() {
            if matches!(event, Event::Corrupt(_) | Event::ReadFailed(_)) {
                self.broken = Some(event);
            }
        }
        self.store.trim();
    }

    /// Repeats `work` until it no longer faults; `None` when the store is damaged.
    fn retry<T>(&mut self, work: impl Fn(&Store) -> Result<T, Stop>) -> Option<T> {
        for _ in 0..REQUESTS_MAX {
            if self.broken.is_some() {
                return None;
            }
            match work(&self.store) {
                Ok(found) => return Some(found),
                Err(stop) if let Some(fault) = stop.fault() => self.store.want(fault),
                Err(_) => return None,
            }
            self.pump();
        }
        panic!("a read faults for ever");
    }

    /// The tree is sound, the head knows how much of each segment it uses, and
    /// the next segment is not there yet.
    fn is_sound(&mut self) -> bool {
        let next = Request::Read { segments: vec![self.store.head().segment_next] };
        if self.records.execute(&next) != Response::Segments(vec![(self.store.head().segment_next, None)]) {
            return false;
        }
        let Some(report) = self.retry(Store::check) else {
            return false;
        };
        report.compare(&self.store.head().segments).is_ok()
    }

    fn read_all(&mut self) -> Option<Rows> {
        let read = |reverse| {
            move |store: &Store| {
                let (mut rows, mut count, mut bytes) = (Rows::new(), 0, 0);
                let scan = Scan { from: b"", to: &[0xFF; 2000], reverse };
                store.reader().scan(scan, &mut |key, value| {
                    count += 1;
                    bytes += key.len() + value.len();
                    if bytes < 1_000_000 {
                        rows.insert(key.to_vec(), value.to_vec());
                    }
                    count < ROWS_MAX
                })?;
                assert!(count < ROWS_MAX, "a scan goes round");
                Ok(rows)
            }
        };
        let forward = self.retry(read(false));
        let back = self.retry(read(true));
        let is_sound = self.is_sound();
        assert!(!is_sound || forward == back, "both directions give the same rows");
        forward
    }

    /// Puts, removes and folds all into the tree; returns the rows expected then.
    fn write(&mut self, mut rows: Rows) -> Rows {
        let keys: Vec<Vec<u8>> = rows.keys().take(12).cloned().chain([b"new".to_vec()]).collect();
        for (number, key) in keys.into_iter().enumerate() {
            let value = (number % 3 > 0).then(|| vec![number as u8; 90 * number]);
            match &value {
                Some(value) => rows.insert(key.clone(), value.clone()),
                None => rows.remove(&key),
            };
            self.store.stage(vec![Entry { key: key.into(), value: value.map(Into::into) }]);
            if number % 4 == 0 {
                self.pump();
            }
        }
        self.store.checkpoint();
        self.pump();
        rows
    }
}
