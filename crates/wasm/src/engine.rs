//! A store with its client, as JavaScript holds it: `js/src/engine.ts` has the other side.
//!
//! JavaScript hands the engine's address to each call, one call at a time.
//! Documents cross as bytes in Pannier's encoding. What a call takes in bytes is
//! written before it by `room`, in the order in which its documentation names it.

use crate::events::refusal;
use crate::input;
use pannier::collection::schema::Declared;
use pannier::collection::{Query, ROWS, TreeId};
use pannier::format::document::{Document, DocumentRef, Items, Value};
use pannier::format::varint;
use pannier::stop::{Stop, Why};
use pannier::store;
use pannier::sync::client::{Client, ClientOptions, Operation};
use pannier::sync::mutation::Id;
use pannier::sync::rows::Collection;

/// A store with its client.
pub struct Engine {
    /// By which JavaScript knows it.
    pub(crate) number: u32,
    pub(crate) client: Client,
    /// Records of an answer that is not complete yet, and their numbers.
    pub(crate) records: Vec<(f64, Option<Vec<u8>>)>,
    /// The page was asked to call `work` and has not yet.
    pub(crate) asked_for_turn: bool,
    pub(crate) result: Vec<u8>,
}

/// What a scan gives: rows, names and rows, or names alone. The same numbers
/// stand in `js/src/store.ts`.
const ROWS_ONLY: u8 = 0;
const NAMES_ONLY: u8 = 2;
/// A read needs a segment that is now being loaded: repeat it when told so.
const FAULT: f64 = -2.0;
/// It was refused: the result tells why, as `{code, detail}`.
const REFUSED: f64 = -3.0;
/// It cannot be done: the result tells why, in words.
const FAILED: f64 = -4.0;

/// The same order stands in `js/src/store.ts`.
pub(crate) const NAMES: [&str; 17] = [
    "cart.add",
    "cart.adjust",
    "cart.setQty",
    "cart.remove",
    "cart.clear",
    "cart.select",
    "cart.saveForLater",
    "cart.coupon",
    "cart.claim",
    "history.visit",
    "history.delete",
    "order.submit",
    "order.cancel",
    "shopper.erase",
    "row.put",
    "row.delete",
    "row.add",
];

/// A document that was written before; null where it is none.
pub(crate) fn document() -> Document {
    Document::from_bytes(input::take()).unwrap_or_default()
}

/// An id that was written before.
pub(crate) fn id() -> Id {
    Id(input::take().try_into().unwrap_or_default())
}

/// The tree of the rows of collection `number`.
pub(crate) fn rows_tree(number: u8) -> TreeId {
    TreeId(ROWS + number)
}

/// Opens a store. Takes options `{scopes: […], collections: […], now, recordBytes, cacheBytes?}`, the
/// collections as [`Declared::from_value`] reads them, and a new id of 16 bytes.
#[unsafe(no_mangle)]
pub extern "C" fn _create(number: u32) -> Box<Engine> {
    let (new_id, options) = (id(), document());
    let options = options.as_ref();
    let (mut scopes, mut collections) = (Vec::new(), Vec::new());
    for name in array(options.get("scopes")) {
        if let Value::Str(name) = name
            && let Some(scope) = Collection::from_name(name)
        {
            scopes.push(scope);
        }
    }
    for collection in array(options.get("collections")) {
        if let Some(declared) = Declared::from_value(collection) {
            collections.push(declared);
        }
    }
    let mut limits = store::Options::default();
    if let Some(bytes) = options.u64("cacheBytes") {
        limits.cache_bytes_max = bytes as usize;
    }
    if let Some(bytes) = options.u64("recordBytes") {
        limits.record_bytes_max = bytes as usize;
    }
    let now_ms = options.u64("now").unwrap_or_default();
    let client = Client::new(
        ClientOptions { store: limits, collections, scopes, new_id, now_ms },
        Box::new(pannier::shop::ShopRules),
    );
    let mut engine =
        Box::new(Engine { number, client, records: Vec::new(), asked_for_turn: false, result: Vec::new() });
    engine.pump();
    engine
}

/// What is called later is there, for all stores: see [`pannier::tree::later`].
#[unsafe(no_mangle)]
pub extern "C" fn _loaded() {
    pannier::tree::later::set_loaded(true);
}

/// Lets go of a store.
#[unsafe(no_mangle)]
pub extern "C" fn _later_destroy(_: Box<Engine>) {}

impl Engine {
    pub(crate) fn submit(&mut self, operation: Operation, now_ms: f64) -> f64 {
        let ticket = self.client.submit(operation, now_ms as u64);
        self.pump();
        ticket as f64
    }

    /// Number or negative code for JavaScript. What is missing is being loaded then.
    pub(crate) fn finish_read(&mut self, read: Result<f64, Stop>) -> f64 {
        let why = match read {
            Ok(found) => return found,
            Err(stop) => match stop.into_why() {
                Why::Fault(_) => {
                    self.pump();
                    return FAULT;
                }
                Why::Refused { code, detail } => {
                    self.result = refusal(code, &detail);
                    return REFUSED;
                }
                Why::Corrupt(corrupt) => corrupt.why,
                _ => "the read failed",
            },
        };
        self.failed(why)
    }

    pub(crate) fn failed(&mut self, why: &str) -> f64 {
        self.result = why.into();
        FAILED
    }
}

/// Reads the row of a key that is a string into the result. Returns 1 or 0 rows, or a negative code.
#[unsafe(no_mangle)]
pub extern "C" fn get(engine: &mut Engine, from: u8) -> f64 {
    engine.result.clear();
    let key = input::take_string();
    let mut found = 0.0;
    let read = engine.client.get(rows_tree(from), &key, &mut |value| {
        found = 1.0;
        engine.result.extend_from_slice(value);
    });
    engine.finish_read(read.map(|()| found))
}

/// Reads rows in order into the result: each row, each behind the string that is
/// its key, or the string alone (see [`ROWS_ONLY`]). Takes an index's name, empty
/// for the order of keys, and bounds. `frame` is a snapshot or transaction, or 0.
/// Returns the number of rows, or a negative code.
#[unsafe(no_mangle)]
pub extern "C" fn scan(
    engine: &mut Engine,
    frame: u32,
    from: u8,
    limit: u32,
    reverse: bool,
    what: u8,
    now_ms: f64,
) -> f64 {
    let (asked, index) = (document(), input::take_string());
    let query = Query { rows: rows_tree(from), index, asked, limit, reverse, now_ms: now_ms as u64 };
    engine.result.clear();
    let bytes = &mut engine.result;
    let read = match what {
        NAMES_ONLY => engine.client.read_keys(&query, &mut |key| push_name(bytes, key)),
        _ => engine.client.read(frame, query, &mut |key, row| {
            if what != ROWS_ONLY {
                push_name(bytes, key);
            }
            bytes.extend_from_slice(row);
        }),
    };
    engine.finish_read(read.map(|rows| rows as f64))
}

/// Address of the result.
#[unsafe(no_mangle)]
pub extern "C" fn _result_at(engine: &Engine) -> *const u8 {
    engine.result.as_ptr()
}

/// Bytes of the result.
#[unsafe(no_mangle)]
pub extern "C" fn _result_length(engine: &Engine) -> usize {
    engine.result.len()
}

/// Puts the body of the next sync request into the result; false while there can be none.
#[unsafe(no_mangle)]
pub extern "C" fn _sync_request(engine: &mut Engine, now_ms: f64) -> bool {
    let body = engine.client.sync_request(now_ms as u64);
    let is_there = body.is_some();
    engine.result = body.unwrap_or_default();
    is_there
}

/// Takes the body of an answer in.
#[unsafe(no_mangle)]
pub extern "C" fn _sync_response(engine: &mut Engine, now_ms: f64) {
    engine.client.sync_response(&input::take(), now_ms as u64);
    engine.pump();
}

/// Takes a log record of another tab in.
#[unsafe(no_mangle)]
pub extern "C" fn _offer(engine: &mut Engine, seq: f64) {
    engine.client.offer(seq as u64, &input::take());
    engine.pump();
}

/// Mutations without an outcome.
#[unsafe(no_mangle)]
pub extern "C" fn _pending(engine: &Engine) -> usize {
    engine.client.pending_count()
}

/// Folds the log into the tree.
#[unsafe(no_mangle)]
pub extern "C" fn _checkpoint(engine: &mut Engine) {
    engine.client.checkpoint();
    engine.pump();
}

/// Uses a pause for a checkpoint, if it is worth one.
#[unsafe(no_mangle)]
pub extern "C" fn _idle(engine: &mut Engine) {
    engine.client.idle();
    engine.pump();
}

/// Does a slice of what the store asked for a turn for.
#[unsafe(no_mangle)]
pub extern "C" fn _work(engine: &mut Engine) {
    engine.asked_for_turn = false;
    engine.client.work();
    engine.pump();
}

/// Number of the last log record when reads show the log up to it and nothing
/// else; negative when they do not.
#[unsafe(no_mangle)]
pub extern "C" fn _settled_seq(engine: &Engine) -> f64 {
    engine.client.settled_seq().map_or(-1.0, |seq| seq as f64)
}

/// Whether all is durable and folded.
#[unsafe(no_mangle)]
pub extern "C" fn _is_idle(engine: &Engine) -> bool {
    engine.client.is_idle()
}

/// Tries again what the record store failed to do.
#[unsafe(no_mangle)]
pub extern "C" fn _retry(engine: &mut Engine) {
    engine.client.retry();
    engine.pump();
}

/// What is called later could not be loaded: see [`Client::code_failed`].
#[unsafe(no_mangle)]
pub extern "C" fn _code_failed(engine: &mut Engine) {
    engine.client.code_failed();
    engine.pump();
}

fn array(value: Option<Value<'_>>) -> Items<'_> {
    match value {
        Some(Value::Array(items)) => items.items(),
        _ => DocumentRef::from_stored(&[]).items(),
    }
}

/// The string that a row's key holds, as a document; null for a key of another kind.
fn push_name(bytes: &mut Vec<u8>, key: &[u8]) {
    match pannier::collection::row_name(key, 1) {
        Some(name) => {
            // The tag of a string of any length.
            bytes.push(0xE6);
            varint::write(bytes, name.len() as u64);
            bytes.extend_from_slice(name.as_bytes());
        }
        None => bytes.push(0xE0),
    }
}
