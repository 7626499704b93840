//! Carries requests to the record store, answers back, and events out.

use crate::engine::Engine;
use crate::events::{Flat, MORE_WORK, flatten};
use crate::{host, records};
use core::ptr::null;
use pannier::store::{RequestId, Response};

impl Engine {
    /// Starts every request there is, then tells what happened.
    pub(crate) fn pump(&mut self) {
        while let Some((id, request)) = self.client.next_request() {
            records::start(self.number, id, &request);
        }
        if self.client.has_work() && !core::mem::replace(&mut self.asked_for_turn, true) {
            self.notify(Flat { kind: MORE_WORK, number: 0.0, bytes: None });
        }
        while let Some(event) = self.client.next_event() {
            if let Some(flat) = flatten(event) {
                self.notify(flat);
            }
        }
    }

    /// Takes the record store's answer in.
    pub(crate) fn complete(&mut self, id: u32, response: Response) {
        self.client.complete(RequestId(id), response);
        self.pump();
    }

    fn notify(&self, event: Flat) {
        let (at, length) = event.bytes.as_ref().map_or((null(), 0), |bytes| (bytes.as_ptr(), bytes.len()));
        host::notify(self.number, event.kind, event.number, at, length);
    }
}
