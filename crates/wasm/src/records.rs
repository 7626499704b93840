//! The record store, which is JavaScript's.

use crate::engine::Engine;
use crate::{host, input};
use pannier::store::{Failure, FailureKind, Request, RequestId, Response};

/// Starts `request` for an engine.
pub(crate) fn start(engine: u32, RequestId(id): RequestId, request: &Request) {
    match request {
        Request::Open { log_after } => host::open(engine, id, log_after.map_or(-1.0, |seq| seq as f64)),
        Request::Append { seq, bytes, checked } => {
            host::append(engine, id, *seq as f64, bytes.as_ptr(), bytes.len(), *checked);
        }
        Request::Read { segments } => host::read(engine, id, segments.as_ptr(), segments.len()),
        Request::Checkpoint(checkpoint) => {
            let give = |bytes: &[u8]| host::give(engine, bytes.as_ptr(), bytes.len());
            if let Some(before) = &checkpoint.head_before {
                give(before);
            }
            give(&checkpoint.head);
            let added = numbers(&mut checkpoint.segments.iter().map(|(number, _)| *number));
            let dropped = numbers(&mut checkpoint.drop_segments.iter().copied());
            give(&added);
            for (_, bytes) in &checkpoint.segments {
                give(bytes);
            }
            give(&dropped);
            let mut append_seq = 0.0;
            if let Some((seq, bytes)) = &checkpoint.append {
                append_seq = *seq as f64;
                give(bytes);
            }
            let has_before = checkpoint.head_before.is_some();
            host::checkpoint(engine, id, has_before, checkpoint.drop_log_below as f64, append_seq);
        }
    }
}

fn numbers(numbers: &mut dyn Iterator<Item = u32>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for number in numbers {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    bytes
}

/// Answers an append or a checkpoint: `false` for a conflict.
#[unsafe(no_mangle)]
pub extern "C" fn _done(engine: &mut Engine, id: u32, done: bool) {
    engine.complete(id, if done { Response::Done } else { Response::Conflict });
}

/// Takes a record in that was written before, for the answer that follows: a
/// segment, or one of the log; or notes that there is none of this number.
#[unsafe(no_mangle)]
pub extern "C" fn _record(engine: &mut Engine, number: f64, is_there: bool) {
    let bytes = if is_there { Some(input::take()) } else { None };
    engine.records.push((number, bytes));
}

/// Answers `open` with the log records that came before. The head was written
/// first, if there is one, then a segment, if its number is not negative.
#[unsafe(no_mangle)]
pub extern "C" fn _opened(engine: &mut Engine, id: u32, has_head: bool, segment: f64) {
    let mut segments = Vec::new();
    if segment >= 0.0 {
        segments.push((segment as u32, input::take()));
    }
    let head = if has_head { Some(input::take()) } else { None };
    let mut log = Vec::new();
    for (number, record) in core::mem::take(&mut engine.records) {
        log.push((number as u64, record.unwrap_or_default()));
    }
    engine.complete(id, Response::Opened { head, log, segments });
}

/// Answers `read` with the segments that came before.
#[unsafe(no_mangle)]
pub extern "C" fn _segments(engine: &mut Engine, id: u32) {
    let mut segments = Vec::new();
    for (number, bytes) in core::mem::take(&mut engine.records) {
        segments.push((number as u32, bytes));
    }
    engine.complete(id, Response::Segments(segments));
}

/// Answers a request that could not be done; why was written before. The kinds stand in `carrier.ts` too.
#[unsafe(no_mangle)]
pub extern "C" fn _failed(engine: &mut Engine, id: u32, kind: u8) {
    let kind = match kind {
        0 => FailureKind::Quota,
        1 => FailureKind::Unavailable,
        _ => FailureKind::Replaced,
    };
    engine.complete(id, Response::Failed(Failure { kind, message: input::take_string() }));
}
