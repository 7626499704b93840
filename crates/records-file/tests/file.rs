//! The record store in a file: conformance, crashes, damage, space, locks.

use pannier::format::log::Entry;
use pannier::store::{Event, Options, Request, Response, Scan, Store, conformance};
use pannier_records_file::{Durability, FileRecords, OpenError};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

type Model = BTreeMap<Vec<u8>, Vec<u8>>;

/// A folder of a test's own, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("pannier-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

/// So small that every limit is met.
fn options() -> Options {
    Options {
        cache_bytes_max: 50_000,
        log_bytes_max: 3_000,
        log_records_max: 15,
        commit_bytes_max: 2_500,
        segment_bytes: 2_000,
        slice_bytes_max: 2_000,
        record_bytes_max: 16 * 1024,
    }
}

/// Commit `number` of the workload: small ones, large ones, deletions.
fn commit(number: u64) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
    let rows = if number.is_multiple_of(9) { 40 } else { 1 + number % 3 };
    let row = |offset: u64| {
        let key = (number * 7 + offset * 3) % 97;
        let there = !(number + offset).is_multiple_of(4);
        (format!("row/{key:02}").into_bytes(), there.then(|| vec![number as u8; 20 + (key % 50) as usize * 3]))
    };
    let last = (b"last".to_vec(), Some(number.to_be_bytes().to_vec()));
    (0..rows).map(row).chain([last]).collect()
}

fn entries(commit: &[(Vec<u8>, Option<Vec<u8>>)]) -> Vec<Entry> {
    let entry = |(key, value): &(Vec<u8>, Option<Vec<u8>>)| Entry {
        key: key.clone().into(),
        value: value.clone().map(Into::into),
    };
    commit.iter().map(entry).collect()
}

fn apply(model: &mut Model, commit: &[(Vec<u8>, Option<Vec<u8>>)]) {
    for (key, value) in commit {
        match value {
            Some(value) => model.insert(key.clone(), value.clone()),
            None => model.remove(key),
        };
    }
}

/// Everything in a file, or why it cannot be told.
fn read_all(path: &Path) -> Result<Model, String> {
    contents(FileRecords::open(path, Durability::Relaxed))
}

fn look_at_all(path: &Path) -> Result<Model, String> {
    contents(FileRecords::open_read_only(path))
}

fn contents(records: Result<FileRecords, OpenError>) -> Result<Model, String> {
    let mut records = records.map_err(|error| error.to_string())?;
    let mut store = Store::new(options());
    loop {
        while let Some((id, request)) = store.next_request_worked() {
            store.complete(id, records.execute(&request));
        }
        while let Some(event) = store.next_event() {
            if let Event::Corrupt(corrupt) = event {
                return Err(corrupt.to_string());
            }
        }
        let mut model = Model::new();
        let scanned = store.reader().scan(Scan::ascending(b"", &[0xFF]), &mut |key, value| {
            model.insert(key.to_vec(), value.to_vec());
            true
        });
        match scanned {
            Ok(()) => match store.check() {
                Ok(_) => return Ok(model),
                Err(stop) if let Some(fault) = stop.fault() => store.want(fault),
                Err(error) => return Err(error.to_string()),
            },
            Err(stop) if let Some(fault) = stop.fault() => store.want(fault),
            Err(error) => return Err(error.to_string()),
        }
    }
}

fn last(model: &Model) -> usize {
    model.get(&b"last"[..]).map_or(0, |bytes| u64::from_be_bytes(bytes[..].try_into().unwrap()) as usize)
}

/// One call to the record store: the file before and after, and the last commit
/// that had been answered for.
struct Call {
    before: Vec<u8>,
    after: Vec<u8>,
    durable: usize,
}

/// Runs the workload on a file; returns the calls that changed it, and the
/// models after each commit.
fn run(path: &Path, durability: Durability, commits: u64, slack: u64) -> (Vec<Call>, Vec<Model>) {
    let mut records = FileRecords::open(path, durability).unwrap().with_slack(slack);
    let mut store = Store::new(options());
    let (mut calls, mut models, mut durable) = (Vec::new(), vec![Model::new()], 0);
    let mut before = fs::read(path).unwrap();
    for number in 1..=commits {
        let commit = commit(number);
        let mut model = models[models.len() - 1].clone();
        apply(&mut model, &commit);
        models.push(model);
        store.stage(entries(&commit));
        if number.is_multiple_of(5) {
            continue;
        }
        while let Some((id, request)) = store.next_request_worked() {
            let response = records.execute(&request);
            assert!(!matches!(response, Response::Failed(_) | Response::Conflict));
            store.complete(id, response);
            let after = fs::read(path).unwrap();
            if after != before {
                calls.push(Call { before, after: after.clone(), durable });
                before = after;
            }
            while let Some(event) = store.next_event() {
                if let Event::Durable { commit } = event {
                    durable = commit as usize;
                }
            }
        }
    }
    assert!(calls.len() > 40 && store.head().generation > 5);
    (calls, models)
}

#[test]
fn it_conforms() {
    for durability in [Durability::Relaxed, Durability::Strict] {
        let folder = Folder::new(&format!("conforms-{durability:?}"));
        let path = folder.path("records");
        for (number, (request, expected)) in conformance::steps().into_iter().enumerate() {
            // Opened anew before each step: all is in the file.
            let mut records = FileRecords::open(&path, durability).unwrap();
            assert_eq!(records.execute(&request), expected, "step {number}");
        }
    }
}

/// The last call cut at every byte: what was answered for is there, and of what
/// was not, either all or nothing.
#[test]
fn every_cut_keeps_what_was_durable() {
    let folder = Folder::new("cuts");
    let (path, torn) = (folder.path("records"), folder.path("torn"));
    let (calls, models) = run(&path, Durability::Relaxed, 70, 20_000);
    let mut rewrites = 0;
    for (number, call) in calls.iter().enumerate() {
        let states: Vec<Vec<u8>> = if call.after.starts_with(&call.before) {
            let added = call.after.len() - call.before.len();
            // Long ones at every byte of their beginning and end, and at some between.
            let is_tried = |cut: &usize| *cut < 40 || added - cut < 40 || cut.is_multiple_of(211);
            (0..=added).filter(is_tried).map(|cut| call.after[..call.before.len() + cut].to_vec()).collect()
        } else {
            rewrites += 1;
            vec![call.before.clone(), call.after.clone()]
        };
        for state in states {
            fs::write(&torn, &state).unwrap();
            fs::write(folder.path("torn.new"), &state[..state.len() / 2]).unwrap();
            // Cutting the file takes longer than reading it up to there.
            let read = if state.len().is_multiple_of(20) { read_all } else { look_at_all };
            let found = read(&torn).unwrap_or_else(|error| panic!("call {number}, {} bytes: {error}", state.len()));
            let commit = last(&found);
            assert!(commit >= call.durable, "call {number}, {} bytes: {commit} of {}", state.len(), call.durable);
            assert!(found == models[commit], "call {number}, {} bytes", state.len());
            if state.len().is_multiple_of(40) {
                goes_on(&torn, &found);
            }
        }
    }
    assert!(rewrites > 0, "the file was never written anew");
}

/// What was torn is not in the way of what comes next.
fn goes_on(path: &Path, found: &Model) {
    let mut records = FileRecords::open(path, Durability::Strict).unwrap();
    let mut store = Store::new(options());
    for step in 0..2 {
        while let Some((id, request)) = store.next_request_worked() {
            store.complete(id, records.execute(&request));
        }
        if step == 0 {
            store.stage(entries(&[(b"next".to_vec(), Some(vec![1; 100]))]));
        }
    }
    assert!(store.is_durable());
    drop(records);
    let mut expected = found.clone();
    expected.insert(b"next".to_vec(), vec![1; 100]);
    assert!(read_all(path) == Ok(expected));
}

/// Writes that were not synced may be lost one by one: what comes before the
/// first hole stays. A hole in what was synced is damage.
#[test]
fn lost_writes_are_cut_off_and_damage_is_not() {
    let folder = Folder::new("holes");
    let (path, torn) = (folder.path("records"), folder.path("torn"));
    let (calls, models) = run(&path, Durability::Relaxed, 60, u64::MAX / 4);
    let whole = &calls[calls.len() - 1].after;
    let (mut cut, mut damaged) = (0, 0);
    for call in &calls {
        let mut state = whole.clone();
        state[call.before.len()..call.after.len()].fill(0);
        fs::write(&torn, &state).unwrap();
        match read_all(&torn) {
            Ok(found) => {
                assert!(found == models[last(&found)] && last(&found) >= call.durable);
                cut += 1;
            }
            Err(error) => {
                assert!(error.contains("corrupt"), "{error}");
                damaged += 1;
            }
        }
    }
    assert!(cut > 0 && damaged > cut, "{cut} cut, {damaged} damaged");
}

/// After a clean end every bit of the file is under a checksum that is proved:
/// a flipped one is found, or changes nothing.
#[test]
fn every_flipped_bit_is_found_or_harmless() {
    let folder = Folder::new("bits");
    let (path, bad) = (folder.path("records"), folder.path("bad"));
    let (_, models) = run(&path, Durability::Strict, 58, 0);
    let bytes = fs::read(&path).unwrap();
    let mut harmless = 0;
    for at in 0..bytes.len() {
        let mut state = bytes.clone();
        state[at] ^= 1 << (at % 8);
        fs::write(&bad, &state).unwrap();
        if let Ok(found) = look_at_all(&bad) {
            assert!(found == models[58], "byte {at} of {}: wrong data", bytes.len());
            harmless += 1;
        }
    }
    // The frame that proves the others tells nothing else.
    assert!(harmless <= 28, "{harmless} of {}", bytes.len());
}

#[test]
fn the_file_does_not_grow_for_ever() {
    let folder = Folder::new("space");
    let path = folder.path("records");
    let mut records = FileRecords::open(&path, Durability::Relaxed).unwrap().with_slack(10_000);
    let mut store = Store::new(options());
    let mut worst = 0;
    for number in 1..3_000 {
        store.stage(entries(&commit(number)));
        while let Some((id, request)) = store.next_request_worked() {
            store.complete(id, records.execute(&request));
        }
        worst = worst.max(records.bytes());
        assert_eq!(records.bytes(), fs::metadata(&path).unwrap().len());
    }
    let live: u64 = store.head().segments.iter().map(|info| u64::from(info.bytes_live)).sum();
    assert!(worst < 4 * live + 60_000, "{worst} bytes for {live} live");
}

#[test]
fn a_second_handle_is_refused() {
    let folder = Folder::new("lock");
    let path = folder.path("records");
    let records = FileRecords::open(&path, Durability::Relaxed).unwrap();
    for _ in 0..2 {
        let refused = FileRecords::open(&path, Durability::Relaxed).unwrap_err();
        assert!(matches!(refused, OpenError::Locked) && refused.to_string() == "the file is open elsewhere");
        assert!(matches!(FileRecords::open_read_only(&path), Err(OpenError::Locked)));
    }
    drop(records);
    let (first, second) = (FileRecords::open_read_only(&path), FileRecords::open_read_only(&path));
    assert!(first.is_ok() && second.is_ok(), "readers share it");
    drop((first, second));
    assert!(FileRecords::open(&path, Durability::Relaxed).is_ok());
}

#[test]
fn another_file_is_left_alone() {
    let folder = Folder::new("other");
    let path = folder.path("letter");
    for text in [&b"Dear Sir or Madam, this is no store"[..], b"x", b"pannier records\x02 of a later version"] {
        fs::write(&path, text).unwrap();
        assert!(matches!(FileRecords::open(&path, Durability::Relaxed), Err(OpenError::NotRecords)));
        assert_eq!(fs::read(&path).unwrap(), text);
    }
    assert!(FileRecords::open_read_only(&folder.path("absent")).is_err());
}

#[test]
fn looking_changes_nothing() {
    let folder = Folder::new("look");
    let path = folder.path("records");
    run(&path, Durability::Relaxed, 60, 1_000_000);
    let mut bytes = fs::read(&path).unwrap();
    bytes.extend_from_slice(b"the beginning of a frame");
    fs::write(&path, &bytes).unwrap();
    let mut records = FileRecords::open_read_only(&path).unwrap();
    let Response::Opened { log, .. } = records.execute(&Request::Open { log_after: None }) else {
        panic!("not opened");
    };
    let append = Request::Append { seq: log[log.len() - 1].0 + 1, bytes: [].into(), checked: true };
    assert!(matches!(records.execute(&append), Response::Failed(_)));
    drop(records);
    assert!(fs::read(&path).unwrap() == bytes);
}
