//! Looks into a file of records: `cargo xtask inspect FILE`.

use pannier::format::checksum;
use pannier::format::head::Head;
use pannier::store::{Request, Response};
use pannier::tree::check;
use pannier::tree::node::NODE_WEIGHT_MAX;
use pannier_check::{Checking, Fault, Held, Opened, Report};
use pannier_records_file::FileRecords;
use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;

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
    let (head, log) = match records.execute(&Request::Open { log_after: None }) {
        Response::Opened { head, log, .. } => (head, log),
        other => return Err(format!("cannot read: {other:?}")),
    };
    let (mut checking, mut held) = (Checking::new(Opened::new(head.as_deref(), &log, None)), Held::default());
    loop {
        let segments = checking.step(&held);
        if segments.is_empty() {
            break;
        }
        match records.execute(&Request::Read { segments }) {
            Response::Segments(read) => read.into_iter().for_each(|(number, record)| held.give(number, record)),
            other => return Err(format!("cannot read segments: {other:?}")),
        }
    }
    let report = checking.report();
    tell_records(&checking.opened, report, told);
    if let Some(tree) = &report.tree {
        tell_tree(tree, report, told);
    }
    match &report.faults[..] {
        [] => Ok(()),
        faults => Err(faults.iter().map(words_of).collect::<Vec<_>>().join("\ncheck: ")),
    }
}

fn words(error: impl std::fmt::Display) -> Problem {
    error.to_string()
}

fn words_of(fault: &Fault) -> Problem {
    // A newer version is no damage.
    if fault.place == "format version" { fault.to_string() } else { format!("corrupt {fault}") }
}

fn tell(told: &mut String, line: String) {
    *told += &line;
    told.push('\n');
}

fn tell_records(Opened { head, log, log_bytes, .. }: &Opened, report: &Report, told: &mut String) {
    let log_from = head.as_ref().map_or(0, |head| head.log_from);
    if let Some(Head { generation, segment_next, root, .. }) = head {
        tell(told, format!("head: generation {generation}, log from {log_from}, next segment {segment_next}"));
        match root {
            None => tell(told, "root: none".into()),
            Some(at) => tell(told, format!("root: segment {}, byte {}, {} bytes", at.segment, at.offset, at.length)),
        }
    }
    let mut bytes = 0;
    for info in &report.segments {
        let dead = info.bytes.saturating_sub(info.bytes_live + checksum::CHECKSUM_BYTES as u32);
        tell(told, format!("segment {}: {} bytes, {} live, {dead} dead", info.segment, info.bytes, info.bytes_live));
        bytes += u64::from(info.bytes);
    }
    tell(told, format!("segments: {}, {bytes} bytes, {} live", report.segments.len(), report.bytes_live));
    for record in log {
        let folded = if record.seq < log_from { ", in the tree" } else { "" };
        let bytes = log_bytes.iter().find(|(seq, _)| *seq == record.seq).map_or(0, |(_, bytes)| *bytes);
        tell(told, format!("log record {}: {} entries, {bytes} bytes{folded}", record.seq, record.entries.len()));
    }
}

fn tell_tree(tree: &check::Report, report: &Report, told: &mut String) {
    let check::Report { depth, leaves, branches, leaves_weight, large, large_bytes, .. } = tree;
    let fill = leaves_weight * 100 / (leaves * NODE_WEIGHT_MAX as u64).max(1);
    tell(told, format!("tree: depth {depth}, {leaves} leaves, {fill} % full, {branches} branches"));
    tell(told, format!("large values: {large}, {large_bytes} bytes"));
    let mut line = format!("entries: {} in the tree; with the log", tree.entries);
    for (number, count) in &report.entries {
        let _ = write!(line, ", {count} of tree {number:#04x}");
    }
    tell(told, line);
}
