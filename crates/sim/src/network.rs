//! The network between devices and the server, with its faults and counters.

use crate::server::{NetworkError, Server, ServerEvent};
use pannier::sync::mutation::{Id, Outcome, UNKNOWN_MUTATION};
use pannier::sync::rows::Collection;
use pannier::sync::wire::{self, Answer, PROTOCOL, SCHEMA, ScopeRequest, SyncRequest, SyncResponse};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What happens to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Fault {
    /// It never arrives.
    DropRequest,
    /// It arrives, and its answer does not.
    DropResponse,
    /// It arrives twice, one after the other; the second answer comes back.
    Duplicate,
    /// It arrives twice at the same time; both answers must be equal.
    DuplicateAtOnce,
    /// It breaks off midway.
    Cut,
    /// It carries a token that has expired.
    ExpiredToken,
    /// It names a schema that is no longer served.
    OldSchema,
    /// The answer has lost its changes of the cart.
    LoseChanges,
}

fn without_changes(answer: &[u8]) -> Vec<u8> {
    let mut answer = wire::decode_answer(answer).expect("an answer");
    if let Answer::Ok(response) = &mut answer {
        let cart = response.scopes.iter_mut().filter(|patch| patch.name == Collection::Cart);
        cart.for_each(|patch| patch.changes.clear());
    }
    wire::encode_answer(&answer)
}

/// What an answer says, but for the time at which it was given.
fn said(answer: &[u8]) -> Answer {
    match wire::decode_answer(answer).expect("an answer") {
        Answer::Ok(response) => Answer::Ok(SyncResponse { at: 0, ..response }),
        refused => refused,
    }
}

/// The network. See the module.
pub struct Network<'s> {
    /// The server behind it.
    pub server: &'s mut dyn Server,
    /// Requests that reached the server, whole or cut.
    pub requests: u64,
    /// Mutations that the server has told of and has not lost since: one of them
    /// that comes again, also under another client, is not executed again.
    known: BTreeSet<Id>,
    /// Those that its backup holds.
    backup: BTreeSet<Id>,
    /// How often it told of one that it did not know.
    told: u64,
}

impl<'s> Network<'s> {
    /// A network to `server` on which nothing was sent yet.
    pub fn new(server: &'s mut dyn Server) -> Self {
        Self { server, requests: 0, known: BTreeSet::new(), backup: BTreeSet::new(), told: 0 }
    }

    /// Something happens to the server's database. Returns whether it can.
    pub fn befall(&mut self, event: ServerEvent) -> bool {
        match event {
            ServerEvent::Backup => self.backup.clone_from(&self.known),
            ServerEvent::Restore | ServerEvent::Rollback => self.known.clone_from(&self.backup),
            ServerEvent::Wipe => self.known.clear(),
        }
        self.server.befall(event)
    }

    /// Carries one request, with at most one fault.
    ///
    /// # Errors
    /// When no answer comes back.
    pub fn post(&mut self, shopper: &str, body: Vec<u8>, fault: Option<Fault>) -> Result<Vec<u8>, NetworkError> {
        self.requests += match fault {
            Some(Fault::DropRequest) => 0,
            Some(Fault::Duplicate | Fault::DuplicateAtOnce) => 2,
            _ => 1,
        };
        let answer = match fault {
            None => self.server.post(shopper, body)?,
            Some(Fault::DropRequest) => return Err(NetworkError),
            Some(Fault::Cut) => {
                self.server.post_cut(shopper, &body);
                return Err(NetworkError);
            }
            Some(Fault::DropResponse) => {
                let answer = self.server.post(shopper, body)?;
                self.note(&answer);
                return Err(NetworkError);
            }
            Some(Fault::ExpiredToken) => self.server.post_expired(body)?,
            Some(Fault::OldSchema) => {
                let request = wire::decode_request(&body).expect("clients send requests");
                let request = SyncRequest { schema: 0, ..request };
                self.server.post(shopper, wire::encode_request(&request))?
            }
            Some(Fault::LoseChanges) => without_changes(&self.server.post(shopper, body)?),
            Some(Fault::Duplicate) => {
                self.server.post(shopper, body.clone())?;
                self.server.post(shopper, body)?
            }
            Some(Fault::DuplicateAtOnce) => {
                let [first, second] = self.server.post_twice_at_once(shopper, body)?;
                assert_eq!(said(&first), said(&second), "two answers to one request");
                first
            }
        };
        self.note(&answer);
        Ok(answer)
    }

    fn note(&mut self, answer: &[u8]) {
        if let Ok(Answer::Ok(response)) = wire::decode_answer(answer) {
            // What is not known is executed each time.
            let is_known = |outcome: &&Outcome| outcome.code.as_deref() != Some(UNKNOWN_MUTATION);
            let new = response.outcomes.iter().filter(|outcome| !is_known(outcome) || self.known.insert(outcome.id));
            self.told += new.count() as u64;
        }
    }

    /// Mutations that the server has executed: as it counts them, and where it
    /// does not, those that it told.
    pub fn executed(&self) -> u64 {
        self.server.executed().unwrap_or(self.told)
    }

    /// All rows of a shopper's scope, as a device that was never there would
    /// pull them. It is not counted.
    ///
    /// # Panics
    /// When the server does not serve it.
    pub fn pull(&mut self, shopper: &str, collection: Collection) -> SyncResponse {
        // A client has one shopper for ever.
        let mut client = [0xEE; 16];
        client.iter_mut().zip(shopper.bytes()).for_each(|(byte, of)| *byte = of);
        let request = SyncRequest {
            protocol: PROTOCOL,
            schema: SCHEMA,
            epoch: None,
            client: Id(client),
            ack_to: 0,
            forget_before: 0,
            first_seq: 1,
            scopes: vec![ScopeRequest { name: collection, cookie: None }],
            mutations: Vec::new(),
        };
        let answer = self.server.post(shopper, wire::encode_request(&request)).expect("the server is there");
        match wire::decode_answer(&answer) {
            Ok(Answer::Ok(response)) => response,
            other => panic!("the server does not serve a pull: {other:?}"),
        }
    }
}
