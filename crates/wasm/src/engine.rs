//! The one class that JavaScript sees.

use crate::events::refusal;
use crate::javascript::{Bytes, Notify};
use crate::records::{self, Records};
use crate::shell::Shell;
use pannier::collection::schema::Declared;
use pannier::collection::{Query, ROWS, Stop, TreeId};
use pannier::format::document::{Document, DocumentRef, Items, Value};
use pannier::format::varint;
use pannier::store;
use pannier::sync::client::{Client, ClientOptions, Operation};
use pannier::sync::mutation::Id;
use pannier::sync::rows::Collection;
use pannier::tree::TreeError;
use wasm_bindgen::prelude::*;

/// A store with its client. Documents cross as bytes in Pannier's encoding.
#[wasm_bindgen]
pub struct Engine {
    pub(crate) shell: Shell,
    pub(crate) result: Vec<u8>,
}

/// What a scan gives: rows, names and rows, or names alone. The same numbers
/// stand in `js/src/store.ts`.
const ROWS_ONLY: u8 = 0;
const NAMES_ONLY: u8 = 2;
/// A read needs a segment that is now being loaded: repeat it when told so.
const FAULT: i32 = -2;
/// It was refused: the result tells why, as `{code, detail}`.
const REFUSED: i32 = -3;

pub(crate) const NAMES: [&str; 6] =
    ["cart.add", "cart.adjust", "cart.setQty", "cart.remove", "cart.clear", "history.visit"];

pub(crate) fn error(message: &str) -> JsValue {
    JsError::new(message).into()
}

pub(crate) fn document(bytes: &[u8]) -> Result<Document, JsValue> {
    Document::from_bytes(bytes.to_vec()).map_err(|_| error("not a document"))
}

pub(crate) fn id(bytes: &[u8]) -> Result<Id, JsValue> {
    bytes.try_into().map(Id).map_err(|_| error("an id has 16 bytes"))
}

/// The tree of the rows of collection `number`.
pub(crate) fn rows_tree(number: u8) -> TreeId {
    TreeId(ROWS + number)
}

#[wasm_bindgen]
impl Engine {
    /// Opens the store that `records` holds. `options`: `{scopes: […], collections: […], now, cacheBytes?}`,
    /// the collections as [`Declared::from_value`] reads them.
    /// `notify(kind, number, bytes)` is called for every event.
    #[wasm_bindgen(constructor)]
    pub fn new(records: Records, options: &[u8], new_id: &[u8], notify: Notify) -> Result<Engine, JsValue> {
        let options = document(options)?;
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
        let (new_id, now_ms) = (id(new_id)?, options.u64("now").unwrap_or_default());
        let client = Client::new(
            ClientOptions { store: limits, collections, scopes, new_id, now_ms },
            Box::new(pannier::shop::ShopRules),
        );
        let shell = Shell::new(client, records, notify);
        shell.pump();
        Ok(Self { shell, result: Vec::new() })
    }

    /// Answers an append or a checkpoint: `false` for a conflict.
    pub fn done(&self, id: u32, done: bool) {
        self.shell.complete(id, records::done(done));
    }

    /// Answers `open`.
    pub fn opened(
        &self,
        id: u32,
        head: Option<Bytes>,
        numbers: &[f64],
        log: Vec<Bytes>,
        segment: Option<u32>,
        bytes: Option<Bytes>,
    ) {
        self.shell.complete(id, records::opened(head, numbers, log, segment.zip(bytes)));
    }

    /// Answers `read`.
    pub fn segments(&self, id: u32, numbers: &[u32], found: Vec<Bytes>) {
        self.shell.complete(id, records::segments(numbers, found));
    }

    /// Answers a request that could not be done.
    pub fn failed(&self, id: u32, kind: u8, message: String) {
        self.shell.complete(id, records::failed(kind, message));
    }

    pub(crate) fn submit(&self, operation: Operation, now_ms: f64) -> f64 {
        let ticket = self.shell.client.borrow_mut().submit(operation, now_ms as u64);
        self.shell.pump();
        ticket as f64
    }

    /// Reads a row into the result. Returns 1 or 0 rows, or a negative code.
    pub fn get(&mut self, from: u8, key: &str) -> Result<i32, JsValue> {
        self.result.clear();
        let mut found = false;
        let read = self.shell.client.borrow_mut().get(rows_tree(from), key, &mut |value| {
            found = true;
            self.result.extend_from_slice(value);
        });
        self.finish_read(read.map(|()| i32::from(found)))
    }

    /// Reads rows in order into the result: each row, each behind the string
    /// that is its key, or the string alone (see [`ROWS_ONLY`]). `frame` is a snapshot or transaction, or 0. `index` is an
    /// index's name, or empty for the order of keys. Returns the number of rows,
    /// or a negative code.
    #[allow(clippy::too_many_arguments)]
    pub fn scan(
        &mut self,
        frame: u32,
        from: u8,
        index: &str,
        asked: &[u8],
        limit: u32,
        reverse: bool,
        what: u8,
        now_ms: f64,
    ) -> Result<i32, JsValue> {
        let (index, asked, now_ms) = (index.into(), document(asked)?, now_ms as u64);
        let query = Query { rows: rows_tree(from), index, asked, limit, reverse, now_ms };
        self.result.clear();
        let mut bytes = core::mem::take(&mut self.result);
        let mut client = self.shell.client.borrow_mut();
        let read = match what {
            NAMES_ONLY => client.read_keys(&query, &mut |key| push_name(&mut bytes, key)),
            _ => client.read(frame, query, &mut |key, row| {
                if what != ROWS_ONLY {
                    push_name(&mut bytes, key);
                }
                bytes.extend_from_slice(row);
            }),
        };
        drop(client);
        self.result = bytes;
        self.finish_read(read.map(|rows| rows as i32))
    }

    /// Number or negative code for JavaScript. What is missing is being loaded then.
    pub(crate) fn finish_read<N: From<i32>>(&mut self, read: Result<N, Stop>) -> Result<N, JsValue> {
        match read {
            Ok(found) => Ok(found),
            Err(Stop::Tree(TreeError::Fault(_))) => {
                self.shell.pump();
                Ok(FAULT.into())
            }
            Err(Stop::Tree(TreeError::Corrupt(corrupt))) => Err(error(corrupt.why)),
            Err(Stop::Refused { code, detail }) => {
                self.result = refusal(code, &detail);
                Ok(REFUSED.into())
            }
            Err(_) => Err(error("the read failed")),
        }
    }

    /// Address of the result in wasm memory.
    #[wasm_bindgen(js_name = resultAt)]
    pub fn result_at(&self) -> usize {
        self.result.as_ptr() as usize
    }

    /// Bytes of the result.
    #[wasm_bindgen(js_name = resultLength)]
    pub fn result_length(&self) -> usize {
        self.result.len()
    }

    /// The body of the next sync request; undefined while there can be none.
    #[wasm_bindgen(js_name = syncRequest)]
    pub fn sync_request(&self, now_ms: f64) -> Option<Vec<u8>> {
        self.shell.client.borrow_mut().sync_request(now_ms as u64)
    }

    /// Takes the body of an answer in.
    #[wasm_bindgen(js_name = syncResponse)]
    pub fn sync_response(&self, body: &[u8], now_ms: f64) {
        self.shell.client.borrow_mut().sync_response(body, now_ms as u64);
        self.shell.pump();
    }

    /// Takes a log record of another tab in.
    pub fn offer(&self, seq: f64, bytes: &[u8]) {
        self.shell.client.borrow_mut().offer(seq as u64, bytes);
        self.shell.pump();
    }

    /// Mutations without an outcome.
    pub fn pending(&self) -> usize {
        self.shell.client.borrow().pending_count()
    }

    /// Folds the log into the tree.
    pub fn checkpoint(&self) {
        self.shell.client.borrow_mut().checkpoint();
        self.shell.pump();
    }

    /// Uses a pause for a checkpoint, if it is worth one.
    pub fn idle(&self) {
        self.shell.client.borrow_mut().idle();
        self.shell.pump();
    }

    /// Does a slice of what the store asked for a turn for.
    pub fn work(&self) {
        self.shell.work();
    }

    /// Number of the last log record when reads show the log up to it and
    /// nothing else.
    #[wasm_bindgen(js_name = settledSeq)]
    pub fn settled_seq(&self) -> Option<f64> {
        self.shell.client.borrow().settled_seq().map(|seq| seq as f64)
    }

    /// Whether all is durable and folded.
    #[wasm_bindgen(js_name = isIdle)]
    pub fn is_idle(&self) -> bool {
        self.shell.client.borrow().is_idle()
    }

    /// Tries again what the record store failed to do.
    pub fn retry(&self) {
        self.shell.client.borrow_mut().retry();
        self.shell.pump();
    }
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
