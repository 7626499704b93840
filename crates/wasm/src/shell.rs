//! Carries requests to the record store, answers back, and events out.

use crate::events::{Flat, IDLE, flatten};
use crate::records::Records;
use js_sys::{Function, Uint8Array};
use pannier::sync::client::Client;
use std::cell::RefCell;
use std::rc::Rc;
use wasm_bindgen::prelude::*;

/// A client with its record store and its listener.
pub(crate) struct Shell {
    pub(crate) client: RefCell<Client>,
    pub(crate) records: Box<dyn Records>,
    notify: Function,
}

impl Shell {
    pub(crate) fn new(client: Client, records: Box<dyn Records>, notify: Function) -> Rc<Self> {
        Rc::new(Self { client: RefCell::new(client), records, notify })
    }

    /// Starts every request there is, then tells what happened.
    pub(crate) fn pump(self: &Rc<Self>) {
        loop {
            let next = self.client.borrow_mut().next_request();
            let Some((id, request)) = next else { break };
            let shell = self.clone();
            let answer = move |response| {
                shell.client.borrow_mut().complete(id, response);
                shell.pump();
                if shell.client.borrow().is_idle() {
                    shell.notify(Flat { kind: IDLE, number: 0.0, bytes: None });
                }
            };
            self.records.start(request, Box::new(answer));
        }
        self.tell();
    }

    fn tell(&self) {
        loop {
            let event = self.client.borrow_mut().next_event();
            let Some(event) = event else { return };
            self.notify(flatten(event));
        }
    }

    fn notify(&self, event: Flat) {
        let bytes = event.bytes.map_or(JsValue::UNDEFINED, |bytes| Uint8Array::from(&bytes[..]).into());
        let kind = JsValue::from_f64(f64::from(event.kind));
        // The listener is ours and reports its callbacks' errors itself.
        let _ = self.notify.call3(&JsValue::UNDEFINED, &kind, &JsValue::from_f64(event.number), &bytes);
    }
}
