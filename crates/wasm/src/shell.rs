//! Carries requests to the record store, answers back, and events out.

use crate::events::{Flat, MORE_WORK, flatten};
use crate::javascript::{Bytes, Notify};
use crate::records::Records;
use pannier::store::{RequestId, Response};
use pannier::sync::client::Client;
use std::cell::{Cell, RefCell};
use wasm_bindgen::prelude::*;

/// A client with its record store and its listener.
pub(crate) struct Shell {
    pub(crate) client: RefCell<Client>,
    records: Records,
    notify: Notify,
    /// The page was asked to call `work` and has not yet.
    asked_for_turn: Cell<bool>,
}

impl Shell {
    pub(crate) fn new(client: Client, records: Records, notify: Notify) -> Self {
        Self { client: RefCell::new(client), records, notify, asked_for_turn: Cell::new(false) }
    }

    /// Starts every request there is, then tells what happened.
    pub(crate) fn pump(&self) {
        loop {
            let next = self.client.borrow_mut().next_request();
            let Some((id, request)) = next else { break };
            self.records.start(id, &request);
        }
        if self.client.borrow().has_work() && !self.asked_for_turn.replace(true) {
            self.notify(Flat { kind: MORE_WORK, number: 0.0, bytes: None });
        }
        self.tell();
    }

    /// Takes the record store's answer in.
    pub(crate) fn complete(&self, id: u32, response: Response) {
        self.client.borrow_mut().complete(RequestId(id), response);
        self.pump();
    }

    /// Does a slice of the store's own work.
    pub(crate) fn work(&self) {
        self.asked_for_turn.set(false);
        self.client.borrow_mut().work();
        self.pump();
    }

    fn tell(&self) {
        loop {
            let event = self.client.borrow_mut().next_event();
            let Some(event) = event else { return };
            if let Some(flat) = flatten(event) {
                self.notify(flat);
            }
        }
    }

    fn notify(&self, event: Flat) {
        // The listener is ours and reports its callbacks' errors itself.
        self.notify.call(JsValue::UNDEFINED, event.kind, event.number, event.bytes.as_deref().map(Bytes::new));
    }
}
