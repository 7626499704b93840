//! Looks into a file of records: `cargo xtask inspect FILE`.

use pannier::format::checksum;
use pannier::format::head::Head;
use pannier::format::log::LogRecord;
use pannier::store::{Event, Options, Reader, Request, Response, Scan, Store};
use pannier::tree::check::Report;
use pannier::tree::node::NODE_WEIGHT_MAX;
use pannier::tree::{Fault, TreeError};
use pannier_records_file::FileRecords;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;

/// Above all keys: they begin with the number of a tree, which is below.
const KEYS_END: &[u8] = &[0xFF];

/// Why the file is not sound, in words.
type Problem = String;

fn main() -> ExitCode {
    let Some(path) = std::env::args_os().nth(1) else {
        eprintln!("usage: pannier-inspect FILE");
        return ExitCode::from(2);
    };
    let mut told = String::new();
    let verdict = inspect(Path::new(&path), &mut told);
    print!("{told}");
    match verdict {
        Ok(()) => {
            println!("check: sound");
            ExitCode::SUCCESS
        }
        Err(problem) => {
            println!("check: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn inspect(path: &Path, told: &mut String) -> Result<(), Problem> {
    let mut records = FileRecords::open_read_only(path).map_err(words)?;
    let length = std::fs::metadata(path).map_err(words)?.len();
    tell(told, format!("file: {} bytes, {} of them torn", length, length - records.bytes()));
    let head = tell_records(&mut records, told)?;
    let mut store = Opened { store: Store::new(Options::default()), records };
    store.settle()?;
    let report = store.retry(|store| store.check())?;
    let mut trees = BTreeMap::<u8, u64>::new();
    store.retry(|store| {
        trees.clear();
        count(store.reader(), &mut trees)
    })?;
    tell_tree(&report, &trees, told);
    report.compare(&head.segments).map_err(words)
}

fn words(error: impl std::fmt::Display) -> Problem {
    error.to_string()
}

fn tell(told: &mut String, line: String) {
    *told += &line;
    told.push('\n');
}

/// Tells of the records, each read for itself; returns the head.
fn tell_records(records: &mut FileRecords, told: &mut String) -> Result<Head, Problem> {
    let (head, log) = match records.execute(&Request::Open { log_after: None }) {
        Response::Opened { head, log, .. } => (head, log),
        other => return Err(format!("cannot read: {other:?}")),
    };
    let head = match head {
        None => Head { log_from: 1, ..Head::default() },
        Some(bytes) => Head::decode(&bytes).map_err(words)?,
    };
    let Head { generation, log_from, segment_next, .. } = head;
    tell(told, format!("head: generation {generation}, log from {log_from}, next segment {segment_next}"));
    match head.root {
        None => tell(told, "root: none".into()),
        Some(at) => tell(told, format!("root: segment {}, byte {}, {} bytes", at.segment, at.offset, at.length)),
    }
    tell_segments(records, &head, told)?;
    for (seq, bytes) in log {
        // The record that every new store begins with.
        if seq == 0 && bytes.is_empty() {
            continue;
        }
        let record = LogRecord::decode(seq, &bytes).map_err(words)?;
        let folded = if seq < log_from { ", in the tree" } else { "" };
        tell(told, format!("log record {seq}: {} entries, {} bytes{folded}", record.entries.len(), bytes.len()));
    }
    Ok(head)
}

fn tell_segments(records: &mut FileRecords, head: &Head, told: &mut String) -> Result<(), Problem> {
    let (mut bytes, mut live) = (0, 0);
    for info in &head.segments {
        let dead = info.bytes.saturating_sub(info.bytes_live + checksum::CHECKSUM_BYTES as u32);
        tell(told, format!("segment {}: {} bytes, {} live, {dead} dead", info.segment, info.bytes, info.bytes_live));
        (bytes, live) = (bytes + u64::from(info.bytes), live + u64::from(info.bytes_live));
        match records.execute(&Request::Read { segments: vec![info.segment] }) {
            Response::Segments(read) => match read.into_iter().next().and_then(|(_, record)| record) {
                Some(record) if checksum::open(&record).is_some() => {}
                Some(_) => return Err(format!("corrupt segment {}: checksum does not match", info.segment)),
                None => return Err(format!("corrupt segment {}: is missing", info.segment)),
            },
            other => return Err(format!("cannot read segment {}: {other:?}", info.segment)),
        }
    }
    tell(told, format!("segments: {}, {bytes} bytes, {live} live", head.segments.len()));
    Ok(())
}

fn tell_tree(report: &Report, trees: &BTreeMap<u8, u64>, told: &mut String) {
    let Report { depth, leaves, branches, leaves_weight, large, large_bytes, .. } = report;
    let fill = leaves_weight * 100 / (leaves * NODE_WEIGHT_MAX as u64).max(1);
    tell(told, format!("tree: depth {depth}, {leaves} leaves, {fill} % full, {branches} branches"));
    tell(told, format!("large values: {large}, {large_bytes} bytes"));
    let mut line = format!("entries: {} in the tree; with the log", report.entries);
    for (tree, count) in trees {
        let _ = write!(line, ", {count} of tree {tree:#04x}");
    }
    tell(told, line);
}

fn count(reader: Reader<'_>, trees: &mut BTreeMap<u8, u64>) -> Result<(), TreeError> {
    reader.scan(Scan::ascending(b"", KEYS_END), &mut |key, _| {
        *trees.entry(key.first().copied().unwrap_or_default()).or_default() += 1;
        true
    })
}

/// The store over the file; nothing is written.
struct Opened {
    store: Store,
    records: FileRecords,
}

impl Opened {
    fn settle(&mut self) -> Result<(), Problem> {
        while let Some((id, request)) = self.store.next_request() {
            self.store.complete(id, self.records.execute(&request));
        }
        while let Some(event) = self.store.next_event() {
            match event {
                Event::Corrupt(corrupt) => return Err(words(corrupt)),
                Event::ReadFailed(failure) | Event::Failed(failure) => return Err(failure.message),
                _ => {}
            }
        }
        Ok(())
    }

    /// Repeats `read` until it no longer faults.
    fn retry<T>(&mut self, mut read: impl FnMut(&Store) -> Result<T, TreeError>) -> Result<T, Problem> {
        loop {
            match read(&self.store) {
                Ok(found) => return Ok(found),
                Err(TreeError::Fault(Fault { segment })) => self.store.want(Fault { segment }),
                Err(error) => return Err(words(error)),
            }
            self.settle()?;
        }
    }
}
