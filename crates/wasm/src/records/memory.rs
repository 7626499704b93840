//! Records in memory, for pages without other storage.

use super::{Answer, Records};
use pannier::store::Request;
use pannier::store::memory::MemoryRecords;
use std::cell::RefCell;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = queueMicrotask)]
    fn queue_microtask(task: JsValue);
}

/// The record store in memory.
#[derive(Default)]
pub struct Memory(RefCell<MemoryRecords>);

impl Records for Memory {
    fn start(&self, request: Request, answer: Answer) {
        let response = self.0.borrow_mut().execute(&request);
        queue_microtask(Closure::once_into_js(move || answer(response)));
    }

    fn close(&self) {}
}
