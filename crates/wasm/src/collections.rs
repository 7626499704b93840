//! Collections, snapshots and transactions of the engine.

use crate::engine::{Engine, NAMES, document, error, id, rows_tree};
use pannier::collection::Query;
use pannier::format::document::Document;
use pannier::format::varint;
use pannier::sync::client::Operation;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
impl Engine {
    /// The number of the collection `name`; undefined when there is none.
    pub fn collection(&self, name: &str) -> Option<u8> {
        let client = self.shell.client.borrow();
        client.schema().named(name).map(|collection| collection.tree.0 - rows_tree(0).0)
    }

    /// Holds what the shopper sees now, for a transaction where `writes`.
    /// Returns the frame's number, or a negative code.
    pub fn begin(&mut self, writes: bool, now_ms: f64) -> Result<i32, JsValue> {
        let begun = self.shell.client.borrow_mut().begin(writes, now_ms as u64);
        // While the view is being loaded, it is asked for already.
        self.finish_read(begun.map(|frame| frame.map_or(-2, |frame| frame as i32)))
    }

    /// Ends a frame without its writes.
    pub fn release(&self, frame: u32) {
        self.shell.client.borrow_mut().release(frame);
    }

    /// Ends a transaction and commits it. Returns the ticket, or a negative code.
    pub fn commit(&mut self, frame: u32, now_ms: f64) -> Result<f64, JsValue> {
        let ticket = self.shell.client.borrow_mut().commit_frame(frame, now_ms as u64);
        self.shell.pump();
        self.finish_read(ticket.map(|ticket| ticket as f64))
    }

    /// Writes. `kind` is a mutation of the list of names, and after these: put
    /// rows, delete keys, delete a range. Returns the ticket, or in a
    /// transaction 0 or a negative code.
    pub fn write(
        &mut self,
        frame: u32,
        kind: usize,
        into: u8,
        bytes: Vec<u8>,
        new_id: &[u8],
        now_ms: f64,
    ) -> Result<f64, JsValue> {
        let operation = operation(kind, into, bytes, new_id, now_ms as u64)?;
        if frame == 0 {
            return Ok(self.submit(operation, now_ms));
        }
        let written = self.shell.client.borrow_mut().write(frame, operation);
        self.finish_read(written.map(|()| 0.0))
    }

    /// The writes of one task, in order, as `js/src/batch.ts` puts them together. Returns the ticket of the first.
    #[wasm_bindgen(js_name = writeAll)]
    pub fn write_all(&self, mut writes: &[u8], now_ms: f64) -> Result<f64, JsValue> {
        let mut operations = Vec::new();
        while !writes.is_empty() {
            operations.push(take_write(&mut writes)?);
        }
        let after_first = operations.len() as f64 - 1.0;
        let last = self.shell.client.borrow_mut().submit_all(operations, now_ms as u64);
        self.shell.pump();
        Ok(last as f64 - after_first)
    }

    /// Number of rows in a range. Returns it, or a negative code.
    pub fn count(&mut self, frame: u32, from: u8, index: &str, asked: &[u8], now_ms: f64) -> Result<f64, JsValue> {
        let (rows, index, asked) = (rows_tree(from), index.into(), document(asked)?);
        let query = Query { rows, index, asked, limit: u32::MAX, reverse: false, now_ms: now_ms as u64 };
        let count = self.shell.client.borrow_mut().count(frame, query);
        self.finish_read(count.map(|count| count as f64))
    }

    /// Bytes of a collection's rows and keys. Returns them, or a negative code.
    pub fn bytes(&mut self, of: u8) -> Result<f64, JsValue> {
        let bytes = self.shell.client.borrow_mut().bytes(rows_tree(of));
        self.finish_read(bytes.map(|bytes| bytes as f64))
    }

    /// Does a step of what is done when nothing else is; returns the ticket.
    pub fn upkeep(&self, now_ms: f64) -> f64 {
        self.submit(Operation::Upkeep, now_ms)
    }

    /// Whether another step is due.
    #[wasm_bindgen(js_name = isUpkeepDue)]
    pub fn is_upkeep_due(&self) -> bool {
        self.shell.client.borrow().is_upkeep_due()
    }
}

fn operation(kind: usize, into: u8, bytes: Vec<u8>, new_id: &[u8], at: u64) -> Result<Operation, JsValue> {
    let rows_tree = rows_tree(into);
    // Our own encoder wrote them a moment ago: megabytes that need no second look.
    let asked = Document::from_stored(bytes);
    Ok(match kind.checked_sub(NAMES.len()) {
        None => Operation::Mutate { name: NAMES[kind], asked, id: id(new_id)?, at },
        Some(0) => Operation::Put { rows_tree, rows: asked },
        Some(1) => Operation::Delete { rows_tree, keys: asked },
        Some(2) => Operation::DeleteRange { rows_tree, asked },
        Some(_) => return Err(error("unknown kind of write")),
    })
}

/// Takes a write off the front: kind and collection, a byte each; time, and of
/// the id and of the document their lengths, as varints; id; document.
fn take_write(writes: &mut &[u8]) -> Result<Operation, JsValue> {
    let mut take = || {
        let (&[kind, into], rest) = writes.split_first_chunk()?;
        *writes = rest;
        let (at, id, document) = (varint::read(writes)?, varint::read(writes)?, varint::read(writes)?);
        let (id, rest) = writes.split_at_checked(id as usize)?;
        let (document, rest) = rest.split_at_checked(document as usize)?;
        *writes = rest;
        Some((kind, into, at, id, document))
    };
    let (kind, into, at, id, document) = take().ok_or_else(|| error("writes end early"))?;
    operation(kind.into(), into, document.to_vec(), id, at)
}
