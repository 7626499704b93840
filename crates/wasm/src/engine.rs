//! The one class that JavaScript sees.

use crate::records::{self, Records};
use crate::shell::Shell;
use js_sys::{Error, Function, Uint8Array};
use pannier::collection::range::{Bounds, bounds};
use pannier::collection::{TreeId, row_key};
use pannier::format::document::{Document, Value};
use pannier::format::varint;
use pannier::store::{self, Scan};
use pannier::sync::client::{Client, ClientOptions, Operation, rows_tree};
use pannier::sync::mutation::Id;
use pannier::sync::rows::Collection;
use pannier::tree::TreeError;
use wasm_bindgen::prelude::*;

/// A store with its client. Documents cross as bytes in Pannier's encoding.
#[wasm_bindgen]
pub struct Engine {
    shell: Shell,
    result: Vec<u8>,
}

/// A read found nothing.
const ABSENT: i32 = -1;
/// A read needs a segment that is now being loaded: repeat it when told so.
const FAULT: i32 = -2;

const NAMES: [&str; 6] = ["cart.add", "cart.adjust", "cart.setQty", "cart.remove", "cart.clear", "history.visit"];

fn error(message: &str) -> JsValue {
    Error::new(message).into()
}

fn document(bytes: &[u8]) -> Result<Document, JsValue> {
    Document::from_bytes(bytes.to_vec()).map_err(|_| error("not a document"))
}

fn id(bytes: &[u8]) -> Result<Id, JsValue> {
    bytes.try_into().map(Id).map_err(|_| error("an id has 16 bytes"))
}

fn collection(number: u8) -> Result<Collection, JsValue> {
    Collection::from_number(number).ok_or_else(|| error("unknown collection"))
}

#[wasm_bindgen]
impl Engine {
    /// Opens the store that `records` holds. `options`: `{scopes: […], indexes: {name: [field, …]}, cacheBytes?}`.
    /// `notify(kind, number, bytes)` is called for every event.
    #[wasm_bindgen(constructor)]
    pub fn new(records: Records, options: &[u8], new_id: &[u8], notify: Function) -> Result<Engine, JsValue> {
        let options = document(options)?;
        let options = options.as_ref();
        let scopes = array(options.get("scopes")).filter_map(|name| Collection::from_name(&name)).collect();
        let indexes = options.object("indexes").into_iter().flat_map(|indexes| indexes.fields());
        let catalog_indexes = indexes.map(|(name, fields)| (name.into(), array(Some(fields)).collect())).collect();
        let mut limits = store::Options::default();
        if let Some(bytes) = options.u64("cacheBytes") {
            limits.cache_bytes_max = bytes as usize;
        }
        let client = Client::new(
            ClientOptions { store: limits, catalog_indexes, scopes, new_id: id(new_id)? },
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
        head: Option<Vec<u8>>,
        numbers: &[f64],
        log: Vec<Uint8Array>,
        segment: Option<u32>,
        bytes: Option<Vec<u8>>,
    ) {
        self.shell.complete(id, records::opened(head, numbers, &log, segment.zip(bytes)));
    }

    /// Answers `read`.
    pub fn segments(&self, id: u32, numbers: &[u32], found: Vec<JsValue>) {
        self.shell.complete(id, records::segments(numbers, &found));
    }

    /// Answers a request that could not be done.
    pub fn failed(&self, id: u32, kind: u8, message: String) {
        self.shell.complete(id, records::failed(kind, message));
    }

    /// Does the mutation number `name` of the list of names; returns its ticket.
    pub fn mutate(&self, name: usize, asked: &[u8], new_id: &[u8], now_ms: f64) -> Result<f64, JsValue> {
        let name = NAMES.get(name).ok_or_else(|| error("unknown mutation"))?;
        let operation = Operation::Mutate { name, asked: document(asked)?, id: id(new_id)?, at: now_ms as u64 };
        Ok(self.submit(operation, now_ms))
    }

    /// Stores an array of rows; returns the ticket.
    pub fn put(&self, into: u8, rows: Vec<u8>, now_ms: f64) -> Result<f64, JsValue> {
        // Our own encoder wrote them a moment ago: megabytes that need no second look.
        let rows = Document::from_stored(rows);
        let operation = Operation::Put { collection: collection(into)?, rows };
        Ok(self.submit(operation, now_ms))
    }

    fn submit(&self, operation: Operation, now_ms: f64) -> f64 {
        let ticket = self.shell.client.borrow_mut().submit(operation, now_ms as u64);
        self.shell.pump();
        ticket as f64
    }

    /// Reads a row into the result. Returns its length, or a negative code.
    pub fn get(&mut self, from: u8, key: &str) -> Result<i32, JsValue> {
        let key = row_key(rows_tree(collection(from)?), key);
        self.result.clear();
        let mut found = false;
        let read = self.shell.client.borrow().view().get_with(&key, &mut |value| {
            found = true;
            self.result.extend_from_slice(value);
        });
        self.finish_read(read.map(|()| if found { self.result.len() as i32 } else { ABSENT }))
    }

    /// Reads rows in order into the result: the key's string if `keys`, then the
    /// row, and so on. `index` is an index's name, or empty for the order of
    /// keys. Returns the number of rows, or a negative code.
    pub fn scan(
        &mut self,
        from: u8,
        index: &str,
        asked: &[u8],
        limit: u32,
        reverse: bool,
        keys: bool,
    ) -> Result<i32, JsValue> {
        let tree = rows_tree(collection(from)?);
        let asked = document(asked)?;
        self.result.clear();
        let client = self.shell.client.borrow();
        let mut out = Output { bytes: core::mem::take(&mut self.result), rows: 0, keys };
        let read = if index.is_empty() {
            let bounds = bounds(tree, &asked).map_err(|bad| error(bad.bound))?;
            scan_rows(&client, &bounds, limit, reverse, &mut out)
        } else {
            scan_index(&client, tree, index, &asked, limit, reverse, &mut out)?
        };
        drop(client);
        self.result = out.bytes;
        self.finish_read(read.map(|()| out.rows as i32))
    }

    fn finish_read(&mut self, read: Result<i32, TreeError>) -> Result<i32, JsValue> {
        match read {
            Ok(found) => Ok(found),
            Err(TreeError::Fault(fault)) => {
                self.shell.client.borrow_mut().want(fault);
                self.shell.pump();
                Ok(FAULT)
            }
            Err(TreeError::Corrupt(corrupt)) => Err(error(corrupt.why)),
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
    pub fn sync_request(&self) -> Option<Vec<u8>> {
        self.shell.client.borrow_mut().sync_request()
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

fn array(value: Option<Value<'_>>) -> impl Iterator<Item = String> {
    let items = match value {
        Some(Value::Array(items)) => Some(items.items()),
        _ => None,
    };
    items.into_iter().flatten().filter_map(|item| match item {
        Value::Str(text) => Some(text.into()),
        _ => None,
    })
}

struct Output {
    bytes: Vec<u8>,
    rows: u32,
    keys: bool,
}

impl Output {
    fn push(&mut self, name: Option<String>, row: &[u8]) {
        if let (true, Some(name)) = (self.keys, name) {
            // The tag of a string of any length, as the document encoding has it.
            self.bytes.push(0xE6);
            varint::write(&mut self.bytes, name.len() as u64);
            self.bytes.extend_from_slice(name.as_bytes());
        }
        self.bytes.extend_from_slice(row);
        self.rows += 1;
    }
}

fn scan_rows(client: &Client, bounds: &Bounds, limit: u32, reverse: bool, out: &mut Output) -> Result<(), TreeError> {
    if limit == 0 {
        return Ok(());
    }
    client.view().scan(Scan { from: &bounds.from, to: &bounds.to, reverse }, &mut |key, row| {
        let name = out.keys.then(|| pannier::collection::row_name(key, 1)).flatten();
        out.push(name, row);
        out.rows < limit
    })
}

fn scan_index(
    client: &Client,
    tree: TreeId,
    name: &str,
    asked: &Document,
    limit: u32,
    reverse: bool,
    out: &mut Output,
) -> Result<Result<(), TreeError>, JsValue> {
    let index = client.indexes().find(tree, name).ok_or_else(|| error("unknown index"))?;
    let bounds = bounds(index.tree, asked).map_err(|bad| error(bad.bound))?;
    let mut entries = Vec::new();
    let read = client.view().scan(Scan { from: &bounds.from, to: &bounds.to, reverse }, &mut |key, value| {
        entries.extend(index.row_key(key, value));
        entries.len() < limit as usize
    });
    if limit == 0 || read.is_err() {
        return Ok(read);
    }
    for key in entries {
        let name = out.keys.then(|| pannier::collection::row_name(&key, 1)).flatten();
        let mut name = Some(name);
        let read = client.view().get_with(&key, &mut |row| out.push(name.take().flatten(), row));
        if read.is_err() {
            return Ok(read);
        }
    }
    Ok(Ok(()))
}
