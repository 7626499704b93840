//! What the client knows of itself and of the server, and the view.

use super::journal::Journal;
use super::operation::collection_of;
use super::{Client, ClientEvent, Erasure, tree_of};
use crate::bytes::copied;
use crate::collection::upkeep::SCHEMA_ROW;
use crate::collection::{JOURNAL, META, OUTBOX, OUTCOMES, PARKED, Schema, Workspace, key_number, number_key, row_key};
use crate::format::document::{Document, Value};
use crate::format::{Corrupt, Place};
use crate::stop::Stop;
use crate::store::Scan;
use crate::sync::mutation::{ERASE, Id, Mutation};
use crate::sync::rows::{Collection, Own, Rows};
use crate::sync::wire;
use crate::tree::later;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

pub(super) const CLIENT_ROW: &str = "client";
pub(super) const SYNC_ROW: &str = "sync";

/// What a mutation costs to read besides its bytes, as so many bytes.
const LOADING_COST_BYTES: usize = 64;

/// Where the client stands with the server.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct SyncState {
    pub(super) client: Option<Id>,
    pub(super) epoch: Option<u64>,
    /// Last mutation that the server has executed.
    pub(super) confirmed_seq: u64,
    /// Number of the client's first mutation.
    pub(super) first_seq: u64,
    /// Pending mutations up to this one were acknowledged before, and are sent
    /// again to a server that may have lost them.
    pub(super) again_to: u64,
    /// Outcomes up to this one were seen by the shopper.
    pub(super) acknowledged: u64,
    /// The server has executed [`ERASE`], or none is asked.
    pub(super) erased: bool,
    pub(super) journal: Journal,
    /// What the server did not know, and waits for one that does.
    pub(super) parked: Journal,
    /// When that was last sent, by the server's clock.
    pub(super) parked_at: u64,
    /// Of each collection that was ever pulled; `None` where the rows are to
    /// be pulled anew.
    pub(super) cookies: Vec<(Collection, Option<u64>)>,
}

impl Default for SyncState {
    fn default() -> Self {
        let journal = |tree| Journal { tree, first: 0, count: 0, bytes: 0, since: 0 };
        Self {
            client: None,
            epoch: None,
            confirmed_seq: 0,
            first_seq: 1,
            again_to: 0,
            acknowledged: 0,
            erased: false,
            journal: journal(JOURNAL),
            parked: journal(PARKED),
            parked_at: 0,
            cookies: Vec::new(),
        }
    }
}

impl SyncState {
    pub(super) fn cookie(&self, collection: Collection) -> Option<u64> {
        self.pulled(collection).flatten()
    }

    /// The cookie of a collection, if that was ever pulled.
    pub(super) fn pulled(&self, collection: Collection) -> Option<Option<u64>> {
        self.cookies.iter().find(|(other, _)| *other == collection).map(|(_, cookie)| *cookie)
    }

    /// Whether the rows that `mutation` is about show its effect already: they
    /// are from before it was taken out of the journal.
    pub(super) fn shows(&self, mutation: &Mutation) -> bool {
        mutation.seq <= self.again_to
            && collection_of(&mutation.name, &mutation.args)
                .is_some_and(|collection| self.pulled(collection) == Some(None))
    }

    pub(super) fn set_cookie(&mut self, collection: Collection, cookie: Option<u64>) {
        match self.cookies.binary_search_by_key(&collection, |(collection, _)| *collection) {
            Ok(place) => self.cookies[place].1 = cookie,
            Err(place) => self.cookies.insert(place, (collection, cookie)),
        }
    }

    pub(super) fn to_document(&self) -> Document {
        let int = |number: u64| Value::Int(number as i64);
        let mut fields = alloc::vec![
            ("confirmedSeq", int(self.confirmed_seq)),
            ("firstSeq", int(self.first_seq)),
            ("againTo", int(self.again_to)),
            ("acknowledged", int(self.acknowledged)),
            ("journalFirst", int(self.journal.first)),
            ("journalCount", int(self.journal.count)),
            ("journalBytes", int(self.journal.bytes)),
            ("journalSince", int(self.journal.since)),
            ("parkedCount", int(self.parked.count)),
            ("parkedBytes", int(self.parked.bytes)),
            ("parkedSince", int(self.parked.since)),
            ("parkedAt", int(self.parked_at)),
        ];
        if self.erased {
            fields.push(("erased", Value::Bool(true)));
        }
        if let Some(epoch) = self.epoch {
            fields.push(("epoch", int(epoch)));
        }
        for (collection, cookie) in &self.cookies {
            fields.push((collection.name(), cookie.map_or(Value::Null, int)));
        }
        // Integers below 2^53 in a flat object always encode.
        Document::of(&fields)
    }

    fn read(&mut self, row: &Document) {
        let row = row.as_ref();
        self.epoch = row.u64("epoch");
        let number = |name| row.u64(name).unwrap_or(0);
        self.confirmed_seq = number("confirmedSeq");
        self.first_seq = number("firstSeq").max(1);
        self.again_to = number("againTo");
        self.acknowledged = number("acknowledged");
        self.erased = row.bool("erased") == Some(true);
        self.journal.first = number("journalFirst");
        self.journal.count = number("journalCount");
        self.journal.bytes = number("journalBytes");
        self.journal.since = number("journalSince");
        self.parked.count = number("parkedCount");
        self.parked.bytes = number("parkedBytes");
        self.parked.since = number("parkedSince");
        self.parked_at = number("parkedAt");
        for (name, _) in row.fields() {
            if let Some(collection) = Collection::from_name(name) {
                self.set_cookie(collection, row.u64(name));
            }
        }
    }
}

impl Client {
    /// Brings state and view up to what the store holds, by a slice of each; tells whether they are.
    pub(super) fn refresh(&mut self) -> Result<bool, Stop> {
        if self.reload {
            if !self.load()? {
                return Ok(false);
            }
            if self.restoring.is_some() {
                later::run(|| self.restore())?;
            }
            self.reload = false;
            if !self.opened_told {
                self.outcomes_told_to = self.state.confirmed_seq;
            }
        }
        if self.view_stale && !self.rebase()? {
            return Ok(false);
        }
        if self.is_set_up && !self.opened_told {
            self.opened_told = true;
            self.events.push(ClientEvent::Opened);
        }
        let erasure = self.erasure();
        // What another tab has written first may yet refuse it; and once it is told, the store is deleted.
        let is_certain = erasure != Erasure::Done || self.staged.is_empty();
        if self.opened_told && is_certain && erasure != self.erasure_told {
            self.erasure_told = erasure;
            self.events.push(ClientEvent::Erasure(erasure));
        }
        self.tell_outcomes()?;
        Ok(true)
    }

    /// How far it has come that all of the shopper's is deleted.
    pub fn erasure(&self) -> Erasure {
        if self.state.erased {
            Erasure::Done
        } else if self.pending.last().is_some_and(|last| last.name == ERASE) {
            // Nothing comes after it.
            Erasure::Asked
        } else {
            Erasure::None
        }
    }

    /// Number of the last mutation.
    pub(super) fn last_seq(&self) -> u64 {
        self.pending.last().map_or(self.state.confirmed_seq, |last| last.seq)
    }

    /// Reads what the client knows from the store, a slice of the outbox at a time; tells whether it is through.
    fn load(&mut self) -> Result<bool, Stop> {
        let reader = self.store.reader();
        let mut bad = None;
        let mut cost = 0;
        let pending = &mut self.loading;
        let from = number_key(OUTBOX, pending.last().map_or(0, |last| last.seq + 1));
        let to = OUTBOX.end();
        reader.scan(Scan::ascending(&from, &to), &mut |key, value| {
            match wire::decode_mutation(value) {
                Some(mutation) if key_number(key) == Some(mutation.seq) => pending.push(mutation),
                _ => bad = Some(Corrupt { place: Place::Row, why: "pending mutation does not decode" }),
            }
            cost += LOADING_COST_BYTES + value.len();
            bad.is_none() && cost < self.store.slice_bytes_max()
        })?;
        if let Some(corrupt) = bad {
            return Err(corrupt.into());
        }
        if cost >= self.store.slice_bytes_max() {
            return Ok(false);
        }
        let mut state = SyncState::default();
        if let Some(row) = reader.get(&row_key(META, CLIENT_ROW))? {
            let row = Document::from_stored(row);
            state.client = match row.as_ref().get("id") {
                Some(Value::Bytes(bytes)) => bytes.try_into().ok().map(Id),
                _ => None,
            };
        }
        if let Some(row) = reader.get(&row_key(META, SYNC_ROW))? {
            state.read(&Document::from_stored(row));
        }
        // That of a store which was deleted goes on in the next.
        let mut schema = self.schema.clone();
        if let Some(row) = reader.get(&row_key(META, SCHEMA_ROW))? {
            let mut read = Schema::from_document(&Document::from_stored(row));
            read.mark(&self.declared);
            schema = Arc::new(read);
        }
        self.upkeep_due |= schema.needs_upkeep();
        self.state = state;
        self.pending = core::mem::take(&mut self.loading);
        // What another tab has taken in may be of another epoch.
        self.outcomes.clear();
        self.executed = 0;
        self.schema = schema;
        self.load_budgets()?;
        Ok(true)
    }

    /// The outcomes that the shopper has not acknowledged, the oldest first. Returns how many.
    ///
    /// # Errors
    /// A fault is asked for: repeat when it is told to be loaded.
    pub fn outcomes(&mut self, take: &mut dyn FnMut(&[u8])) -> Result<u32, Stop> {
        let mut count = 0;
        let from = number_key(OUTCOMES, self.state.acknowledged + 1);
        let to = OUTCOMES.end();
        let read = self.store.reader().scan(Scan::ascending(&from, &to), &mut |_, value| {
            take(value);
            count += 1;
            true
        });
        self.want_fault(0, 0, read)?;
        Ok(count)
    }

    /// Tells the outcomes of mutations that have been confirmed, by whichever tab.
    fn tell_outcomes(&mut self) -> Result<(), Stop> {
        if self.outcomes_told_to >= self.state.confirmed_seq {
            return Ok(());
        }
        let mut outcomes = Vec::new();
        let from = number_key(OUTCOMES, self.outcomes_told_to + 1);
        let to = OUTCOMES.end();
        self.store.reader().scan(Scan::ascending(&from, &to), &mut |_, value| {
            outcomes.push(ClientEvent::Outcome(Document::from_stored(copied(value))));
            true
        })?;
        self.outcomes_told_to = self.state.confirmed_seq;
        self.events.append(&mut outcomes);
        Ok(())
    }
}

/// Rows of the collections, for the rules.
pub(super) struct WorkspaceRows<'w, 'a>(pub(super) &'w mut Workspace<'a>);

impl Rows for WorkspaceRows<'_, '_> {
    fn get(&mut self, collection: Collection, key: &str) -> Result<Option<Document>, Stop> {
        self.0.get(tree_of(self.0.schema(), collection), key)
    }

    fn put(&mut self, collection: Collection, key: &str, value: &Document) -> Result<(), Stop> {
        self.0.put(tree_of(self.0.schema(), collection), key, value.as_bytes())
    }

    fn delete(&mut self, collection: Collection, key: &str) -> Result<(), Stop> {
        self.0.delete(tree_of(self.0.schema(), collection), key)
    }

    fn scan(
        &mut self,
        collection: Collection,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Document)>, Stop> {
        self.0.scan(tree_of(self.0.schema(), collection), after, limit)
    }

    fn own(&mut self) -> Result<Vec<Collection>, Stop> {
        later::run(|| {
            let names = self.0.schema().collections().iter();
            Ok(names.filter_map(|known| Own::parse(&known.name)).map(Collection::Own).collect())
        })
    }

    fn count(&mut self, collection: Collection) -> Result<u64, Stop> {
        self.0.count(tree_of(self.0.schema(), collection))
    }
}
