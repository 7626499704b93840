//! Bindings for JavaScript: `js/src/check.ts` has the other side.
//!
//! One instance looks at one store. What a call takes in bytes is written before
//! it by `room`; numbers, addresses and lengths are all that crosses else.

use pannier::collection::{JOURNAL, OUTBOX, PARKED};
use pannier::format::document::{Document, Value, Writer};
use pannier::format::varint;
use pannier::key::{self, Part};
use pannier::sync::mutation::{Mutation, hash};
use pannier::sync::wire::decode_mutation;
use pannier_check::{Checking, Exporting, Fault, Found, Held, Lost, Next, Opened, Report, Row};
use std::cell::RefCell;

/// What a step came to: the same numbers stand in `js/src/check.ts`.
const DONE: u32 = 0;
/// The result holds the numbers of the segments that are needed, of 4 bytes each.
const NEED: u32 = 1;
/// The result holds a list of what was found.
const FOUND: u32 = 2;

/// Bytes of rows after which a list is handed over.
const LIST_BYTES: usize = 256 * 1024;

// As in crates/wasm.
#[cfg(all(target_family = "wasm", not(target_feature = "atomics")))]
#[global_allocator]
static ALLOCATOR: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();

enum Work {
    Check(Checking),
    Export(Exporting),
}

#[derive(Default)]
struct State {
    /// What was written for the next call, the last on top.
    written: Vec<Vec<u8>>,
    log: Vec<(u64, Vec<u8>)>,
    held: Held,
    work: Option<Work>,
    result: Vec<u8>,
}

thread_local! {
    static STATE: RefCell<State> = RefCell::default();
}

/// Makes room for bytes that a call takes, and returns the address to write them to.
#[unsafe(no_mangle)]
pub extern "C" fn room(length: usize) -> *mut u8 {
    let mut bytes = vec![0; length];
    let at = bytes.as_mut_ptr();
    STATE.with_borrow_mut(|state| state.written.push(bytes));
    at
}

/// Takes log record `seq`, written before.
#[unsafe(no_mangle)]
pub extern "C" fn log_record(seq: f64) {
    STATE.with_borrow_mut(|state| {
        let bytes = state.written.pop().unwrap_or_default();
        state.log.push((seq as u64, bytes));
    });
}

/// Begins, also anew, with the log records that came before and the head, written
/// before, if there is one. `last_segment` is negative where it is not known.
#[unsafe(no_mangle)]
pub extern "C" fn begin(has_head: bool, last_segment: f64, is_export: bool) {
    STATE.with_borrow_mut(|state| {
        let head = if has_head { state.written.pop() } else { None };
        let log = std::mem::take(&mut state.log);
        let last_segment = (last_segment >= 0.0).then_some(last_segment as u32);
        let opened = Opened::new(head.as_deref(), &log, last_segment);
        state.held.begin();
        state.work = Some(match is_export {
            true => Work::Export(Exporting::new(opened)),
            false => Work::Check(Checking::new(opened)),
        });
    });
}

/// Takes a segment, written before if it is there.
#[unsafe(no_mangle)]
pub extern "C" fn segment(number: u32, is_there: bool) {
    STATE.with_borrow_mut(|state| {
        let record = if is_there { state.written.pop() } else { None };
        state.held.give(number, record);
    });
}

/// Goes on, and returns what that came to. Done, the result is a document.
#[unsafe(no_mangle)]
pub extern "C" fn step() -> u32 {
    STATE.with_borrow_mut(|state| {
        let State { held, work, result, .. } = state;
        match work {
            Some(Work::Check(checking)) => {
                let needed = checking.step(held);
                if !needed.is_empty() {
                    return need(&needed, result);
                }
                *result = reported(checking.report());
                DONE
            }
            Some(Work::Export(exporting)) => export(exporting, held, result),
            None => DONE,
        }
    })
}

/// Address of the result.
#[unsafe(no_mangle)]
pub extern "C" fn result_at() -> *const u8 {
    STATE.with_borrow(|state| state.result.as_ptr())
}

/// Bytes of the result.
#[unsafe(no_mangle)]
pub extern "C" fn result_length() -> usize {
    STATE.with_borrow(|state| state.result.len())
}

fn need(segments: &[u32], result: &mut Vec<u8>) -> u32 {
    *result = segments.iter().flat_map(|number| number.to_le_bytes()).collect();
    NEED
}

fn export(exporting: &mut Exporting, held: &Held, result: &mut Vec<u8>) -> u32 {
    let (mut list, mut bytes) = (Vec::new(), 0);
    while bytes < LIST_BYTES {
        match exporting.next(held) {
            Next::Found(found) => {
                bytes += if let Found::Row(row) = &found { row.value.len() } else { 0 };
                list.push(found);
            }
            // Asked for once more when the list is handed over.
            _ if !list.is_empty() => break,
            Next::Need(segments) => return need(&segments, result),
            Next::End => {
                let names = exporting.names();
                let mut out = Writer::new();
                out.array(2 * names.len());
                for (tree, name) in names {
                    out.int(i64::from(tree));
                    out.str(&name);
                }
                *result = finished(out);
                return DONE;
            }
        }
    }
    let mut out = Writer::new();
    out.array(list.len());
    for found in list {
        match found {
            Found::Row(row) => write_row(&mut out, row),
            Found::Lost(lost) => write_lost(&mut out, &lost),
            Found::Fault(fault) => write_fault(&mut out, &fault),
        }
    }
    *result = finished(out);
    FOUND
}

fn finished(out: Writer) -> Vec<u8> {
    out.finish().unwrap_or_default().into_bytes()
}

/// `[tree, key, value, doubtful]`, the value as it is stored but for mutations.
fn write_row(out: &mut Writer, Row { key, value, mut is_doubtful }: Row) {
    let tree = key.first().copied().unwrap_or_default();
    let value = match tree {
        _ if tree == OUTBOX.0 => decode_mutation(&value).map(|mutation| {
            // What it asks for is whole, and if it is out of date the server knows it by its id.
            is_doubtful &= hash(&mutation.name, mutation.v, &mutation.args) != mutation.hash;
            told(&mutation, None)
        }),
        _ if tree == JOURNAL.0 || tree == PARKED.0 => acknowledged(&value),
        _ => Some(value),
    };
    out.array(4);
    out.int(i64::from(tree));
    write_key(out, &key);
    // What does not read is no document for JavaScript either.
    out.bytes(&value.unwrap_or_default());
    out.bool(is_doubtful);
}

/// The parts of a key behind the number of its tree; null for what is none.
fn write_key(out: &mut Writer, key: &[u8]) {
    match key.get(1..).and_then(key::decode) {
        Some(parts) => write_parts(out, &parts),
        None => out.null(),
    }
}

fn write_parts(out: &mut Writer, parts: &[Part]) {
    out.array(parts.len());
    for part in parts {
        match part {
            Part::Null => out.null(),
            Part::Bool(value) => out.bool(*value),
            Part::Number(value) => out.f64(*value),
            Part::BigInteger { is_negative, magnitude } => out.big_integer(*is_negative, magnitude),
            Part::String(text) => out.str(text),
            Part::Bytes(bytes) => out.bytes(bytes),
            Part::Tuple(parts) => write_parts(out, parts),
        }
    }
}

fn acknowledged(mut entry: &[u8]) -> Option<Vec<u8>> {
    let at = varint::read(&mut entry)?;
    decode_mutation(entry).map(|mutation| told(&mutation, Some(at)))
}

fn told(mutation: &Mutation, acknowledged_at: Option<u64>) -> Vec<u8> {
    let int = |number: u64| Value::Int(number as i64);
    let id = mutation.id.to_text();
    let mut fields = vec![
        ("seq", int(mutation.seq)),
        ("id", Value::Str(&id)),
        ("hash", Value::Int(i64::from(mutation.hash))),
        ("name", Value::Str(&mutation.name)),
        ("v", Value::Int(i64::from(mutation.v))),
        ("args", Value::Object(mutation.args.as_ref())),
        ("at", int(mutation.at)),
    ];
    fields.extend(mutation.valid_for.map(|ms| ("validFor", int(ms))));
    fields.extend(acknowledged_at.map(|at| ("acknowledgedAt", int(at))));
    Document::object(&fields).unwrap_or_default().into_bytes()
}

/// `{place, number?, offset?, why}`
fn write_fault(out: &mut Writer, fault: &Fault) {
    let Fault { place, number, offset, why } = fault;
    out.object(2 + usize::from(number.is_some()) + usize::from(offset.is_some()));
    out.key("place");
    out.str(place);
    if let Some(number) = number {
        out.key("number");
        out.int(*number as i64);
    }
    if let Some(offset) = offset {
        out.key("offset");
        out.int(i64::from(*offset));
    }
    out.key("why");
    out.str(why);
}

/// `[fault, from, to, entries]`, both ends as the number of a tree and a key.
fn write_lost(out: &mut Writer, Lost { fault, from, to, entries }: &Lost) {
    out.array(4);
    write_fault(out, fault);
    for end in [Some(from), to.as_ref()] {
        out.array(2);
        out.int(end.map_or(i64::from(u8::MAX), |end| i64::from(end.first().copied().unwrap_or_default())));
        write_key(out, end.map_or(&[], |end| end));
    }
    match entries {
        Some(entries) => out.int(*entries as i64),
        None => out.null(),
    }
}

fn reported(report: &Report) -> Vec<u8> {
    let mut out = Writer::new();
    out.array(7);
    out.array(report.faults.len());
    for fault in &report.faults {
        write_fault(&mut out, fault);
    }
    for number in [report.segments.len() as u64, report.log_records, report.bytes_stored, report.bytes_live] {
        out.int(number as i64);
    }
    let rows: Vec<_> = report.rows().collect();
    out.object(rows.len());
    for (name, count) in &rows {
        out.key(name);
        out.int(*count as i64);
    }
    out.int(report.pending() as i64);
    finished(out)
}
