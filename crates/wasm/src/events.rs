//! Events for JavaScript: a kind, a number and bytes. The kinds stand in
//! `js/src/store.ts` too.

use pannier::collection::ROWS;
use pannier::format::document::{Document, Value, Writer};
use pannier::format::{Corrupt, Place};
use pannier::store::{Failure, FailureKind};
use pannier::sync::client::ClientEvent;
use pannier::sync::wire::SyncError;

/// An event, flattened.
pub(crate) struct Flat {
    pub(crate) kind: u8,
    pub(crate) number: f64,
    pub(crate) bytes: Option<Vec<u8>>,
}

/// The store wants a turn, in a task of its own, to do a slice of its work.
pub(crate) const MORE_WORK: u8 = 13;

fn flat(kind: u8, number: f64, bytes: Option<Vec<u8>>) -> Flat {
    Flat { kind, number, bytes }
}

/// None for what the record store's side knows: the log records it has written.
pub(crate) fn flatten(event: ClientEvent) -> Option<Flat> {
    Some(match event {
        ClientEvent::Opened => flat(0, 0.0, None),
        ClientEvent::Durable { ticket } => flat(1, ticket as f64, None),
        ClientEvent::Refused { ticket, code, detail } => flat(2, ticket as f64, Some(refusal(&code, &detail))),
        ClientEvent::Changed { collections, unknown, rows } => {
            flat(3, collections as f64, Some(changed(unknown, &rows)))
        }
        ClientEvent::Outcome(outcome) => flat(4, 0.0, Some(outcome.into_bytes())),
        ClientEvent::Synced { more } => flat(5, f64::from(u8::from(more)), None),
        ClientEvent::SyncRefused(error) => flat(6, retry_after_ms(&error), Some(sync_error(&error))),
        ClientEvent::Loaded => flat(7, 0.0, None),
        ClientEvent::Appended { .. } => return None,
        ClientEvent::Failed(failure) => flat(9, 0.0, Some(failed(&failure))),
        ClientEvent::ReadFailed(failure) => flat(10, 0.0, Some(failed(&failure))),
        ClientEvent::CodeWanted => flat(17, 0.0, None),
        ClientEvent::Progress(progress) => flat(14, 0.0, Some(progress.into_bytes())),
        ClientEvent::Recovered(recovered) => flat(15, 0.0, Some(recovered.into_bytes())),
        ClientEvent::Erasure(erasure) => flat(16, f64::from(erasure as u8), None),
        ClientEvent::Replaced => flat(18, 0.0, None),
        ClientEvent::Corrupt(corrupt) => flat(11, 0.0, Some(corrupted(corrupt))),
    })
}

/// The collections of which any row may have changed, as bits; then for each
/// row that has, the number of its collection and its encoded key.
/// Reading the parts takes fewer bytes in JavaScript.
fn changed(unknown: u64, rows: &[Box<[u8]>]) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.array(1 + 2 * rows.len());
    writer.int(unknown as i64);
    for key in rows {
        writer.int(i64::from(key[0] - ROWS));
        writer.bytes(&key[1..]);
    }
    writer.into_document().into_bytes()
}

/// `{code, detail}`
pub(crate) fn refusal(code: &str, detail: &Document) -> Vec<u8> {
    object(&[("code", Value::Str(code)), ("detail", Value::Object(detail.as_ref()))])
}

fn object(fields: &[(&str, Value<'_>)]) -> Vec<u8> {
    Document::object(fields).unwrap_or_default().into_bytes()
}

fn retry_after_ms(error: &SyncError) -> f64 {
    match error {
        SyncError::Retry { after_ms } => *after_ms as f64,
        _ => 0.0,
    }
}

fn sync_error(error: &SyncError) -> Vec<u8> {
    let number = match error {
        SyncError::EpochChanged { epoch: number, .. }
        | SyncError::SeqGap { expected: number }
        | SyncError::OpMismatch { seq: number }
        | SyncError::TooLarge { limit: number } => Value::Int(*number as i64),
        _ => Value::Null,
    };
    let why = match error {
        SyncError::Malformed { why } => why,
        _ => "the server refused the exchange",
    };
    object(&[("code", Value::Str(error.code())), ("message", Value::Str(why)), ("number", number)])
}

fn corrupted(corrupt: Corrupt) -> Vec<u8> {
    let (place, number) = corrupt.place.parts();
    let code = match corrupt.place {
        Place::FormatVersion(_) => "newer_format",
        Place::Database => "deleted",
        _ => "corrupt",
    };
    object(&[
        ("code", Value::Str(code)),
        ("message", Value::Str(corrupt.why)),
        ("place", Value::Str(place)),
        ("number", number.map_or(Value::Null, |number| Value::Int(number as i64))),
    ])
}

fn failed(failure: &Failure) -> Vec<u8> {
    let code = if failure.kind == FailureKind::Quota { "quota" } else { "storage_unavailable" };
    object(&[("code", Value::Str(code)), ("message", Value::Str(&failure.message))])
}
