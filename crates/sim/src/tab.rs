//! A tab: a client, and what is under way between it and the device's records.

use crate::device::Told;
use crate::server::{NEWER, wave};
use pannier::collection::index::Definition;
use pannier::collection::schema::Declared;
use pannier::format::document::{Document, DocumentRef};
use pannier::shop::ShopRules;
use pannier::stop::Stop;
use pannier::store::memory::MemoryRecords;
use pannier::store::{Request, RequestId, Response, Store};
use pannier::sync::client::{Client, ClientEvent, ClientOptions, ClientRules, Erasure, Operation};
use pannier::sync::mutation::{Context, Id, Rules, Verdict};
use pannier::sync::rows::{Collection, Rows};
use pannier::sync::wire::SyncError;
use std::collections::VecDeque;
use std::sync::Arc;

/// Collections of the shop's own, one by each rule.
pub const OWN: [&str; 4] = ["last-writer:drafts", "add-wins:wishes", "counter:points", "server-decides:offers"];

/// The collections that are synced.
pub fn scopes() -> Vec<Collection> {
    Collection::ALL.into_iter().chain(OWN.iter().filter_map(|name| Collection::from_name(name))).collect()
}

/// The rules of a client that knows [`NEWER`].
struct NewerRules;

impl Rules for NewerRules {
    fn execute(
        &self,
        name: &str,
        v: u16,
        args: &Document,
        context: &Context,
        rows: &mut dyn Rows,
    ) -> Result<Verdict, Stop> {
        if name == NEWER { wave(args, context, rows) } else { ShopRules.execute(name, v, args, context, rows) }
    }
}

impl ClientRules for NewerRules {
    fn prepare(&self, name: &str, asked: &Document, rows: &mut dyn Rows) -> Result<Document, Stop> {
        ShopRules.prepare(name, asked, rows)
    }

    fn is_row(&self, collection: Collection, row: &Document) -> bool {
        ShopRules.is_row(collection, row)
    }

    fn recreate(&self, collection: Collection, key: &str, row: &Document) -> Option<(&'static str, Document)> {
        ShopRules.recreate(collection, key, row)
    }

    fn replaces(&self, collection: Collection, existing: DocumentRef<'_>, incoming: DocumentRef<'_>) -> bool {
        ShopRules.replaces(collection, existing, incoming)
    }
}

/// A log record on its way to another tab.
pub type Broadcast = (u64, Arc<[u8]>);

/// An open tab. Dropping it is a kill: what it had asked of the record store
/// and was not yet done is never done.
pub struct Tab {
    /// The client.
    pub client: Client,
    asked: VecDeque<(RequestId, Request)>,
    answered: VecDeque<(RequestId, Response)>,
    inbox: VecDeque<Broadcast>,
    /// Mutations submitted and not known to be durable, by ticket.
    undurable: VecDeque<(u64, Id)>,
    /// Whether it has opened since it was asked last: it then greets the others.
    greets: bool,
    /// What the last answer of the server came to.
    pub synced: Option<Synced>,
    /// Edits refused here: the ticket and the code.
    pub refused: Vec<(u64, String)>,
}

/// What became of an exchange.
#[derive(Clone, Debug, PartialEq)]
pub enum Synced {
    /// The answer was taken in.
    Done {
        /// Whether more waits on the server.
        more: bool,
    },
    /// The server refused.
    Refused(SyncError),
}

impl Tab {
    /// A tab that is opening.
    pub fn open(store: pannier::store::Options, new_id: Id) -> Self {
        let declared = |name: &str, index: &str, fields: &[&str]| Declared {
            name: name.into(),
            key: vec!["id".into()],
            indexes: vec![Definition {
                name: index.into(),
                fields: fields.iter().map(|field| (*field).into()).collect(),
                flags: 0,
            }],
            ..Declared::default()
        };
        let mut collections = vec![declared("catalog", "byCategoryPrice", &["category", "price"])];
        collections.extend(OWN.map(|name| declared(name, "byNote", &["note"])));
        let options = ClientOptions { store, collections, scopes: scopes(), new_id, now_ms: 0 };
        Self {
            client: Client::new(options, Box::new(NewerRules)),
            asked: VecDeque::new(),
            answered: VecDeque::new(),
            inbox: VecDeque::new(),
            undurable: VecDeque::new(),
            greets: false,
            synced: None,
            refused: Vec::new(),
        }
    }

    /// Submits a mutation; it is visible at once and durable later.
    pub fn mutate(&mut self, name: &'static str, asked: Document, id: Id, now_ms: u64) -> u64 {
        let ticket = self.client.submit(Operation::Mutate { name, asked, id, at: now_ms }, now_ms);
        self.undurable.push_back((ticket, id));
        ticket
    }

    /// Collects what the client asks of the record store; where that is nothing,
    /// it does a slice of its own work.
    pub fn ask(&mut self) -> bool {
        let before = self.asked.len();
        while let Some(request) = self.client.next_request() {
            self.asked.push_back(request);
        }
        if self.asked.len() == before && self.client.has_work() {
            self.client.work();
            return true;
        }
        self.asked.len() > before
    }

    /// The record store does the oldest thing asked, or answers `fail` instead.
    /// Returns whether another tab was first, or `None` when nothing was asked.
    pub fn perform(&mut self, records: &mut MemoryRecords, fail: Option<Response>) -> Option<bool> {
        let (id, request) = self.asked.pop_front()?;
        let response = fail.unwrap_or_else(|| records.execute(&request));
        let conflict = response == Response::Conflict;
        self.answered.push_back((id, response));
        Some(conflict)
    }

    /// The client hears of the oldest thing done.
    pub fn hear_records(&mut self) -> bool {
        let Some((id, response)) = self.answered.pop_front() else { return false };
        self.client.complete(id, response);
        true
    }

    /// The client hears the oldest broadcast.
    pub fn hear_tab(&mut self) -> bool {
        let Some((seq, bytes)) = self.inbox.pop_front() else { return false };
        self.client.offer(seq, &bytes);
        true
    }

    /// Hands a broadcast to this tab.
    pub fn receive(&mut self, broadcast: Broadcast) {
        self.inbox.push_back(broadcast);
    }

    /// Whether it greets the other tabs now.
    pub fn greets(&mut self) -> bool {
        std::mem::take(&mut self.greets)
    }

    /// The store under the client.
    pub fn store(&self) -> &Store {
        self.client.store()
    }

    /// Takes all events in; returns what other tabs must hear.
    ///
    /// # Panics
    /// When the client finds its records corrupt: here nobody damages them.
    pub fn take_events(&mut self, told: &mut Told) -> Vec<Broadcast> {
        let mut broadcasts = Vec::new();
        while let Some(event) = self.client.next_event() {
            match event {
                ClientEvent::Appended { seq, bytes } => broadcasts.push((seq, bytes)),
                ClientEvent::Durable { ticket } => {
                    while self.undurable.front().is_some_and(|(first, _)| *first <= ticket) {
                        told.durable.extend(self.undurable.pop_front().map(|(_, id)| id));
                    }
                }
                ClientEvent::Refused { ticket, code, .. } => {
                    self.undurable.retain(|(other, _)| *other != ticket);
                    self.refused.push((ticket, code));
                }
                ClientEvent::Outcome(outcome) => told.outcome(outcome),
                ClientEvent::Synced { more } => self.synced = Some(Synced::Done { more }),
                ClientEvent::SyncRefused(error) => self.synced = Some(Synced::Refused(error)),
                ClientEvent::Failed(_) | ClientEvent::ReadFailed(_) => self.client.retry(),
                ClientEvent::Corrupt(corrupt) => panic!("corrupt records: {corrupt:?}"),
                ClientEvent::Opened => self.greets = true,
                ClientEvent::Erasure(erasure) => told.is_erased |= erasure == Erasure::Done,
                ClientEvent::Changed { .. }
                | ClientEvent::Loaded
                | ClientEvent::Progress(_)
                | ClientEvent::Replaced => {}
                ClientEvent::Recovered(recovered) => told.recoveries.push(recovered),
                // Natively all code is loaded.
                ClientEvent::CodeWanted => unreachable!("code is wanted"),
            }
        }
        broadcasts
    }
}

impl std::fmt::Debug for Tab {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (asked, answered) = (&self.asked, &self.answered);
        f.debug_struct("Tab").field("asked", asked).field("answered", answered).field("inbox", &self.inbox).finish()
    }
}
