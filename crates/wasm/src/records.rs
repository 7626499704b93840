//! The record store, which is JavaScript's: `js/src/records/carrier.ts` has
//! the other side of these calls.

use crate::javascript::{Array, Bytes};
use pannier::store::{Failure, FailureKind, Request, RequestId, Response};
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// Starts requests; answers each once, never before the call returns.
    pub type Records;

    #[wasm_bindgen(method)]
    fn open(this: &Records, id: u32, log_after: Option<f64>);

    #[wasm_bindgen(method)]
    fn append(this: &Records, id: u32, seq: f64, bytes: &[u8], checked: bool);

    #[wasm_bindgen(method)]
    fn read(this: &Records, id: u32, segments: &[u32]);

    #[wasm_bindgen(method)]
    #[allow(clippy::too_many_arguments)] // An object would cost a call for each of its fields.
    fn checkpoint(
        this: &Records,
        id: u32,
        head_before: Option<Bytes>,
        head: Bytes,
        numbers: &[u32],
        segments: Array,
        drop_segments: &[u32],
        drop_log_below: f64,
        seq: f64,
        bytes: Option<Bytes>,
    );
}

impl Records {
    /// Starts `request`.
    pub(crate) fn start(&self, RequestId(id): RequestId, request: &Request) {
        match request {
            Request::Open { log_after } => self.open(id, log_after.map(|seq| seq as f64)),
            Request::Append { seq, bytes, checked } => self.append(id, *seq as f64, bytes, *checked),
            Request::Read { segments } => self.read(id, segments),
            Request::Checkpoint(checkpoint) => {
                let segments = Array::new();
                let mut numbers = Vec::with_capacity(checkpoint.segments.len());
                for (number, bytes) in &checkpoint.segments {
                    numbers.push(*number);
                    segments.push(Bytes::new(bytes));
                }
                let append = checkpoint.append.as_ref();
                self.checkpoint(
                    id,
                    checkpoint.head_before.as_deref().map(Bytes::new),
                    Bytes::new(&checkpoint.head),
                    &numbers,
                    segments,
                    &checkpoint.drop_segments,
                    checkpoint.drop_log_below as f64,
                    append.map_or(0.0, |(seq, _)| *seq as f64),
                    append.map(|(_, bytes)| Bytes::new(bytes)),
                );
            }
        }
    }
}

/// The answer to an append or a checkpoint.
pub(crate) fn done(done: bool) -> Response {
    if done { Response::Done } else { Response::Conflict }
}

/// The answer to `open`.
pub(crate) fn opened(
    head: Option<Bytes>,
    numbers: &[f64],
    records: Vec<Bytes>,
    segment: Option<(u32, Bytes)>,
) -> Response {
    let mut log = Vec::with_capacity(records.len());
    for (number, record) in numbers.iter().zip(records) {
        log.push((*number as u64, record.to_vec()));
    }
    let segments = segment.map_or_else(Vec::new, |(number, bytes)| vec![(number, bytes.to_vec())]);
    let head = head.map(|head| head.to_vec());
    Response::Opened { head, log, segments }
}

/// The answer to `read`.
pub(crate) fn segments(numbers: &[u32], found: Vec<Bytes>) -> Response {
    let mut segments = Vec::with_capacity(found.len());
    for (number, value) in numbers.iter().zip(found) {
        let bytes = if value.is_undefined() { None } else { Some(value.to_vec()) };
        segments.push((*number, bytes));
    }
    Response::Segments(segments)
}

/// What a record store answers that could not do it. The kinds stand in `carrier.ts` too.
pub(crate) fn failed(kind: u8, message: String) -> Response {
    let kind = match kind {
        0 => FailureKind::Quota,
        1 => FailureKind::Unavailable,
        _ => FailureKind::Other,
    };
    Response::Failed(Failure { kind, message })
}
