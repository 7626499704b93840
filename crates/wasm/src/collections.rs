//! Collections, snapshots and transactions of the engine.

use crate::engine::{Engine, NAMES, document, id, rows_tree};
use crate::input;
use pannier::bytes::copied;
use pannier::collection::Query;
use pannier::format::document::Document;
use pannier::format::varint;
use pannier::sync::client::Operation;
use pannier::sync::mutation::Id;

/// The number of the collection whose name was written; negative when there is none.
#[unsafe(no_mangle)]
pub extern "C" fn _collection(engine: &Engine) -> i32 {
    let named = engine.client.schema().named(&input::take_string());
    named.map_or(-1, |collection| i32::from(collection.tree.0 - rows_tree(0).0))
}

/// Holds what the shopper sees now, for a transaction where `writes`. Returns the
/// frame's number, or a negative code.
#[unsafe(no_mangle)]
pub extern "C" fn _later_begin(engine: &mut Engine, writes: bool, now_ms: f64) -> f64 {
    let begun = engine.client.begin(writes, now_ms as u64);
    // While the view is being loaded, it is asked for already.
    engine.finish_read(begun.map(|frame| frame.map_or(-2.0, f64::from)))
}

/// Ends a frame without its writes.
#[unsafe(no_mangle)]
pub extern "C" fn _later_release(engine: &mut Engine, frame: u32) {
    engine.client.release(frame);
}

/// Ends a transaction and commits it. Returns the ticket, or a negative code.
#[unsafe(no_mangle)]
pub extern "C" fn _later_commit(engine: &mut Engine, frame: u32, now_ms: f64) -> f64 {
    let ticket = engine.client.commit_frame(frame, now_ms as u64);
    engine.pump();
    engine.finish_read(ticket.map(|ticket| ticket as f64))
}

/// Writes. Takes a document and, for a mutation, its id. `kind` is a mutation of the list
/// of names, and after these: put rows, delete keys, delete a range. Returns the
/// ticket, or in a transaction 0 or a negative code.
#[unsafe(no_mangle)]
pub extern "C" fn _write(engine: &mut Engine, frame: u32, kind: usize, into: u8, now_ms: f64) -> f64 {
    let new_id = id();
    let Some(operation) = operation(kind, into, input::take(), new_id, now_ms as u64) else {
        return engine.failed("unknown kind of write");
    };
    if frame == 0 {
        return engine.submit(operation, now_ms);
    }
    let written = engine.client.write(frame, operation);
    engine.finish_read(written.map(|()| 0.0))
}

/// Takes the writes of one task, in order, as `js/src/batch.ts` puts them together.
/// Returns the ticket of the first, or a negative code.
#[unsafe(no_mangle)]
pub extern "C" fn _write_all(engine: &mut Engine, now_ms: f64) -> f64 {
    let (writes, mut operations) = (input::take(), Vec::new());
    let mut rest = writes.as_slice();
    while !rest.is_empty() {
        let Some(operation) = take_write(&mut rest) else {
            return engine.failed("writes end early");
        };
        operations.push(operation);
    }
    let after_first = operations.len() as f64 - 1.0;
    let last = engine.client.submit_all(operations, now_ms as u64);
    engine.pump();
    last as f64 - after_first
}

/// Takes the next part of a load, an array of rows: see [`pannier::sync::client::Load`].
#[unsafe(no_mangle)]
pub extern "C" fn _later_add_to_load(engine: &mut Engine, into: u8) {
    let rows = Document::from_stored(input::take());
    engine.client.add_to_load(rows_tree(into), rows);
    engine.pump();
}

/// Does a slice of what is left of the load. Returns its ticket where it was the last, and 0 before, or a negative code.
#[unsafe(no_mangle)]
pub extern "C" fn _later_end_load(engine: &mut Engine, now_ms: f64) -> f64 {
    let ended = engine.client.end_load(now_ms as u64);
    engine.pump();
    engine.finish_read(ended.map(|ticket| ticket as f64))
}

/// Gives the load up; returns how many of its parts were fine.
#[unsafe(no_mangle)]
pub extern "C" fn _later_give_up_load(engine: &mut Engine) -> usize {
    engine.client.give_up_load()
}

/// Number of rows in a range. Takes an index's name and bounds. Returns the number, or a negative code.
#[unsafe(no_mangle)]
pub extern "C" fn _later_count(engine: &mut Engine, frame: u32, from: u8, now_ms: f64) -> f64 {
    let (asked, index) = (document(), input::take_string());
    let rows = rows_tree(from);
    let query = Query { rows, index, asked, limit: u32::MAX, reverse: false, now_ms: now_ms as u64 };
    let count = engine.client.count(frame, query);
    engine.finish_read(count.map(|count| count as f64))
}

/// The row whose key was written, a string, is shown again from what JavaScript keeps.
#[unsafe(no_mangle)]
pub extern "C" fn _used(engine: &mut Engine, of: u8) {
    engine.client.used(rows_tree(of), &input::take_string());
}

/// Does a step of what is done when nothing else is; returns the ticket.
#[unsafe(no_mangle)]
pub extern "C" fn _upkeep(engine: &mut Engine, now_ms: f64) -> f64 {
    engine.submit(Operation::Upkeep, now_ms)
}

/// Reads the outcomes that were not acknowledged into the result. Returns how many, or a negative code.
#[unsafe(no_mangle)]
pub extern "C" fn _later_outcomes(engine: &mut Engine) -> f64 {
    engine.result.clear();
    let bytes = &mut engine.result;
    let read = engine.client.outcomes(&mut |outcome| bytes.extend_from_slice(outcome));
    engine.finish_read(read.map(f64::from))
}

/// The shopper has seen the outcomes up to number `seq`; returns the ticket.
#[unsafe(no_mangle)]
pub extern "C" fn _acknowledge(engine: &mut Engine, seq: f64, now_ms: f64) -> f64 {
    engine.submit(Operation::Acknowledge(seq as u64), now_ms)
}

/// Whether another step is due.
#[unsafe(no_mangle)]
pub extern "C" fn _is_upkeep_due(engine: &Engine) -> bool {
    engine.client.is_upkeep_due()
}

fn operation(kind: usize, into: u8, bytes: Vec<u8>, id: Id, at: u64) -> Option<Operation> {
    let rows_tree = rows_tree(into);
    // Our own encoder wrote them a moment ago: megabytes that need no second look.
    let asked = Document::from_stored(bytes);
    Some(match kind.checked_sub(NAMES.len()) {
        None => Operation::Mutate { name: NAMES[kind], asked, id, at },
        Some(0) => Operation::Put { rows_tree, rows: asked },
        Some(1) => Operation::Delete { rows_tree, keys: asked },
        Some(2) => Operation::DeleteRange { rows_tree, asked },
        Some(_) => return None,
    })
}

/// Takes a write off the front: kind and collection, a byte each; time, and of
/// the id and of the document their lengths, as varints; id; document.
fn take_write(writes: &mut &[u8]) -> Option<Operation> {
    let (&[kind, into], rest) = writes.split_first_chunk()?;
    *writes = rest;
    let (at, id, document) = (varint::read(writes)?, varint::read(writes)?, varint::read(writes)?);
    let (id, rest) = writes.split_at_checked(id as usize)?;
    let (document, rest) = rest.split_at_checked(document as usize)?;
    *writes = rest;
    operation(kind.into(), into, copied(document), Id(id.try_into().unwrap_or_default()), at)
}
