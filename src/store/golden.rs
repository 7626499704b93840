//! Golden stores: stores as each format version's code wrote them must open for
//! ever. The files are under `tests/fixtures/stores`, their form is in the
//! README there. They are never written again: `write_golden_stores` only adds
//! those of a new format version.

use super::memory::MemoryRecords;
use super::*;
use crate::format::FORMAT_VERSION;
use crate::format::log::Entry;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use std::fs;
use std::path::{Path, PathBuf};

/// A value is a unit, repeated: so the expected contents stay readable.
type Repeated = (Vec<u8>, usize);
type Contents = BTreeMap<Vec<u8>, Repeated>;

fn folder(version: u8) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/stores/v{version}"))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(digits).collect()
}

fn contents_text(contents: &Contents) -> String {
    contents.iter().map(|(key, (unit, times))| format!("{} {}*{times}\n", hex(key), hex(unit))).collect()
}

fn read_contents(text: &str) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let line = |line: &str| {
        let (key, value) = line.split_once(' ').unwrap();
        let (unit, times) = value.split_once('*').unwrap();
        (unhex(key), unhex(unit).repeat(times.parse().unwrap()))
    };
    text.lines().map(line).collect()
}

fn dump(records: &MemoryRecords) -> Vec<u8> {
    let mut out = Vec::new();
    for (group, number, bytes) in records.all() {
        out.push(group);
        out.extend_from_slice(&number.to_le_bytes());
        out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
        out.extend_from_slice(bytes);
    }
    out
}

fn load(mut dump: &[u8]) -> MemoryRecords {
    let mut records = Vec::new();
    while let Some((header, rest)) = dump.split_first_chunk::<13>() {
        let number = u64::from_le_bytes(header[1..9].try_into().unwrap());
        let length = u32::from_le_bytes(header[9..].try_into().unwrap()) as usize;
        records.push((header[0], number, rest[..length].to_vec()));
        dump = &rest[length..];
    }
    assert!(dump.is_empty(), "a cut dump");
    MemoryRecords::from_all(records)
}

/// A store over records in memory, with what it should hold.
struct Writer {
    store: Store,
    records: MemoryRecords,
    contents: Contents,
}

impl Writer {
    fn new() -> Self {
        let options =
            Options { log_bytes_max: 1 << 20, log_records_max: 1000, commit_bytes_max: 10_000, ..Options::default() };
        let mut writer =
            Self { store: Store::new(options), records: MemoryRecords::default(), contents: Contents::new() };
        writer.pump();
        writer
    }

    fn pump(&mut self) {
        while let Some((id, request)) = self.store.next_request_worked() {
            let response = self.records.execute(&request);
            self.store.complete(id, response);
        }
    }

    fn commit(&mut self, changes: &[(Vec<u8>, Option<Repeated>)]) {
        let entries = changes.iter().map(|(key, value)| Entry {
            key: key.clone().into(),
            value: value.as_ref().map(|(unit, times)| unit.repeat(*times).into()),
        });
        self.store.stage(entries.collect());
        for (key, value) in changes {
            match value {
                Some(value) => self.contents.insert(key.clone(), value.clone()),
                None => self.contents.remove(key),
            };
        }
        self.pump();
    }

    fn checkpoint(&mut self) {
        self.store.checkpoint();
        self.pump();
    }

    fn rows(&mut self, from: u32, to: u32, times: usize) {
        let change = |number: u32| (row(number), Some((number.to_be_bytes().to_vec(), times)));
        self.commit(&(from..to).map(change).collect::<Vec<_>>());
    }
}

fn row(number: u32) -> Vec<u8> {
    format!("\u{13}@row {number:05}\0").into_bytes()
}

fn log_only() -> Writer {
    let mut writer = Writer::new();
    writer.rows(0, 5, 3);
    writer.commit(&[(row(1), None), (row(2), Some((vec![], 0))), (vec![], Some((b"empty key".to_vec(), 1)))]);
    writer.commit(&[(row(3), Some((b"again".to_vec(), 2))), (row(99), None)]);
    // A record of a tab that came too late stands under a later number and is void.
    let late = crate::format::log::LogRecord { seq: 2, in_checkpoint: false, entries: vec![] };
    let late = Request::Append { seq: 2, bytes: late.encode().into(), checked: false };
    assert_eq!(writer.records.execute(&late), Response::Conflict);
    writer
}

/// Branches, segments that are partly dead, and a log with deletions on top.
fn tree() -> Writer {
    let mut writer = Writer::new();
    for start in (0..600).step_by(60) {
        writer.rows(start, start + 60, 12);
    }
    writer.checkpoint();
    writer.commit(&(100..250).map(|number| (row(number), None)).collect::<Vec<_>>());
    writer.rows(400, 420, 30);
    writer.checkpoint();
    let long = |last: u8| [&[0x13; 1023][..], &[last]].concat();
    writer.commit(&[(long(1), Some((b"long key".to_vec(), 1))), (long(2), Some((vec![7], 3000)))]);
    writer.commit(&[(long(3), Some((vec![8], 9000)))]);
    writer.checkpoint();
    writer.commit(&[(row(0), None), (row(599), None), (row(300), Some((b"logged".to_vec(), 1)))]);
    writer.rows(600, 603, 4);
    writer
}

/// A commit that went straight into a checkpoint, and a small one after it.
fn bulk() -> Writer {
    let mut writer = Writer::new();
    writer.rows(0, 900, 5);
    writer.commit(&[(row(450), None)]);
    writer
}

fn large_values() -> Writer {
    let mut writer = Writer::new();
    for (number, times) in [(0, 256), (1, 257), (2, 2_500), (3, 5_000), (4, 1)] {
        writer.commit(&[(row(number), Some((number.to_be_bytes().to_vec(), times)))]);
    }
    writer.checkpoint();
    writer.commit(&[(row(3), None)]);
    writer
}

#[test]
#[ignore = "adds the golden stores of a new format version"]
fn write_golden_stores() {
    let stores =
        [("empty", Writer::new()), ("log", log_only()), ("tree", tree()), ("bulk", bulk()), ("large", large_values())];
    fs::create_dir_all(folder(FORMAT_VERSION)).unwrap();
    for (name, writer) in stores {
        let path = folder(FORMAT_VERSION).join(format!("{name}.bin"));
        if !path.exists() {
            fs::write(&path, dump(&writer.records)).unwrap();
            fs::write(path.with_extension("txt"), contents_text(&writer.contents)).unwrap();
        }
    }
}

type Found = BTreeMap<Vec<u8>, Vec<u8>>;

/// When the record store stops working.
struct Stop {
    calls_left: usize,
    /// Whether the call that is not answered is carried out.
    last_call_lands: bool,
    at_checkpoint: bool,
}

const NEVER: Stop = Stop { calls_left: usize::MAX, last_call_lands: false, at_checkpoint: false };

/// Everything in the store, after its requests; `None` when it was stopped.
fn read_until(store: &mut Store, records: &mut MemoryRecords, mut stop: Stop) -> Option<Found> {
    loop {
        while let Some((id, request)) = store.next_request_worked() {
            if stop.at_checkpoint && matches!(request, Request::Checkpoint(_)) {
                continue;
            }
            if stop.calls_left == 0 {
                if stop.last_call_lands {
                    records.execute(&request);
                }
                return None;
            }
            stop.calls_left -= 1;
            let response = records.execute(&request);
            store.complete(id, response);
        }
        while let Some(event) = store.next_event() {
            assert!(!matches!(event, Event::Corrupt(_)), "{event:?}");
        }
        let mut found = BTreeMap::new();
        let scanned = store.reader().scan(Scan::ascending(b"", &[0xFF]), &mut |key, value| {
            found.insert(key.to_vec(), value.to_vec());
            true
        });
        match scanned {
            Ok(()) => return Some(found),
            Err(stop) if let Some(fault) = stop.fault() => store.want(fault),
            Err(error) => panic!("{error}"),
        }
    }
}

fn read_all(store: &mut Store, records: &mut MemoryRecords) -> Found {
    read_until(store, records, NEVER).unwrap()
}

/// The tree is sound and the head's table of live bytes right.
fn check(store: &mut Store, records: &mut MemoryRecords) {
    let report = loop {
        match store.check() {
            Ok(report) => break report,
            Err(stop) if let Some(fault) = stop.fault() => store.want(fault),
            Err(error) => panic!("{error}"),
        }
        read_all(store, records);
    };
    assert_eq!(report.compare(&store.head().segments), Ok(()));
}

/// Every golden store of `version`, with what it should hold.
fn golden(version: u8) -> Vec<(String, MemoryRecords, Found)> {
    let files = fs::read_dir(folder(version)).unwrap().map(|file| file.unwrap().path());
    let stores = files.filter(|path| path.extension().is_some_and(|extension| extension == "bin"));
    let read = |path: PathBuf| {
        let expected = read_contents(&fs::read_to_string(path.with_extension("txt")).unwrap());
        (format!("{}", path.display()), load(&fs::read(&path).unwrap()), expected)
    };
    let stores: Vec<_> = stores.map(read).collect();
    assert_eq!(stores.len(), 5, "golden stores of version {version}");
    stores
}

#[test]
fn golden_stores_hold_what_was_written() {
    for version in 1..=FORMAT_VERSION {
        for (name, mut records, expected) in golden(version) {
            let before = records.clone();
            let mut store = Store::new(Options::default());
            let found = read_until(&mut store, &mut records, Stop { at_checkpoint: true, ..NEVER });
            assert!(found == Some(expected.clone()) && records == before, "{name} as it was");
            let mut store = Store::new(Options::default());
            assert!(read_all(&mut store, &mut records) == expected, "{name}");
            assert_eq!(store.head().version, FORMAT_VERSION);
            check(&mut store, &mut records);
            // Another edit and a checkpoint keep all the rest.
            store.stage(vec![Entry { key: (*b"new").into(), value: Some((*b"1").into()) }]);
            store.checkpoint();
            read_all(&mut store, &mut records);
            check(&mut store, &mut records);
            let mut after = read_all(&mut Store::new(Options::default()), &mut records);
            assert_eq!(after.remove(&b"new"[..]), Some(b"1".to_vec()));
            assert!(after == expected, "{name} after an edit");
        }
    }
}

#[test]
fn a_migration_stopped_anywhere_loses_nothing() {
    for (name, before, mut expected) in golden(1) {
        expected.insert(b"new".to_vec(), b"1".to_vec());
        for last_call_lands in [false, true] {
            for calls_left in 0.. {
                let mut records = before.clone();
                let mut store = Store::new(Options::default());
                store.stage(vec![Entry { key: (*b"new").into(), value: Some((*b"1").into()) }]);
                let stop = Stop { calls_left, last_call_lands, at_checkpoint: false };
                let whole = read_until(&mut store, &mut records, stop).is_some();
                let durable = store.is_durable();
                let mut after = read_all(&mut Store::new(Options::default()), &mut records);
                assert!(!durable || after.contains_key(&b"new"[..]), "{name}, stop {calls_left}");
                after.insert(b"new".to_vec(), b"1".to_vec());
                assert!(after == expected, "{name}, stop {calls_left}");
                if whole {
                    assert!(calls_left > 1);
                    break;
                }
            }
        }
    }
}

/// A tab whose code is older finds a head and records that it must not touch.
#[test]
fn a_store_of_a_newer_version_is_refused_and_left_alone() {
    for (name, mut records, _) in golden(FORMAT_VERSION) {
        for record in records.records_mut().filter(|record| record.len() > 8) {
            record[8] = FORMAT_VERSION + 1;
            crate::format::checksum::seal(record);
        }
        let before = records.clone();
        let mut store = Store::new(Options::default());
        store.stage(vec![Entry { key: (*b"new").into(), value: None }]);
        while let Some((id, request)) = store.next_request_worked() {
            let response = records.execute(&request);
            store.complete(id, response);
        }
        let refused = |event: Event| match event {
            Event::Corrupt(corrupt) => corrupt.place == crate::format::Place::FormatVersion(FORMAT_VERSION + 1),
            _ => false,
        };
        let told = core::iter::from_fn(|| store.next_event()).any(refused);
        assert!(told || name.ends_with("empty.bin"), "{name}");
        assert!(records == before || name.ends_with("empty.bin"), "{name} was written to");
    }
}
