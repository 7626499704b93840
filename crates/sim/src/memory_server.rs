//! A server's database in memory: the plainest implementation of
//! [`ServerTx`], to test against and to check others by.

use crate::cut::Cut;
use pannier::format::document::Document;
use pannier::shop::claim::ANONYMOUS_PREFIX;
use pannier::shop::stock;
use pannier::stop::Stop;
use pannier::sync::mutation::{Context, Id, Rules, UNKNOWN_MUTATION};
use pannier::sync::rows::Collection;
use pannier::sync::server::{
    self, ChangePage, ClientState, Limits, SHARED, ServeError, ServerTx, Standing, StoredOutcome,
};
use pannier::sync::wire::{self, Change, SyncRequest, SyncResponse};
use std::collections::BTreeMap;

/// A row or, without a value, its tombstone.
#[derive(Clone, Debug)]
struct Row {
    rev: u64,
    value: Option<Document>,
    written_ms: u64,
}

#[derive(Clone, Debug, Default)]
struct Scope {
    rev: u64,
    pruned: u64,
    rows: BTreeMap<String, Row>,
}

/// The database. A clone of it is a backup.
#[derive(Clone, Debug)]
pub struct MemoryServer {
    epoch: u64,
    clients: BTreeMap<Id, ClientState>,
    outcomes: BTreeMap<(Id, u64), (StoredOutcome, u64)>,
    scopes: BTreeMap<(String, Collection), Scope>,
    now_ms: u64,
}

impl MemoryServer {
    /// An empty database.
    pub fn new(epoch: u64) -> Self {
        Self { epoch, clients: BTreeMap::new(), outcomes: BTreeMap::new(), scopes: BTreeMap::new(), now_ms: 0 }
    }

    /// The database has another epoch from now on, as after a restore.
    pub fn set_epoch(&mut self, epoch: u64) {
        self.epoch = epoch;
    }

    /// Serves one request, all of it or nothing.
    ///
    /// # Errors
    /// As [`server::sync`]; the database is then as it was.
    pub fn serve(
        &mut self,
        rules: &dyn Rules,
        shopper: &str,
        request: &SyncRequest,
        now_ms: u64,
        limits: &Limits,
    ) -> Result<SyncResponse, ServeError> {
        self.serve_cut(rules, shopper, request, now_ms, limits, None)
    }

    /// As `serve`; the database fails after so many calls.
    ///
    /// # Errors
    /// As [`server::sync`]; the database is then as it was.
    pub fn serve_cut(
        &mut self,
        rules: &dyn Rules,
        shopper: &str,
        request: &SyncRequest,
        now_ms: u64,
        limits: &Limits,
        calls_left: Option<u32>,
    ) -> Result<SyncResponse, ServeError> {
        let mut tx = self.clone();
        tx.now_ms = now_ms;
        let mut cut = Cut { tx: &mut tx, calls_left };
        let response = server::sync(&mut cut, rules, shopper, request, &Context::at(now_ms), limits)?;
        *self = tx;
        Ok(response)
    }

    /// The shop writes a product, at no time in particular.
    pub fn put_product(&mut self, id: &str, product: &Document) {
        self.put_product_at(id, product, 0);
    }

    /// The shop writes a product.
    pub fn put_product_at(&mut self, id: &str, product: &Document, now_ms: u64) {
        let before = ServerTx::get(self, SHARED, Collection::Catalog, id).expect("memory does not fail");
        stock::put_product(self, id, before.as_ref(), product, now_ms).expect("memory does not fail");
    }

    /// The rows of a shopper, without tombstones.
    pub fn rows(&self, shopper: &str, collection: Collection) -> Vec<(String, Document)> {
        self.live(server::owner(shopper, collection), collection).collect()
    }

    /// Drops the tombstones of before `before_ms`.
    pub fn prune_tombstones(&mut self, before_ms: u64) {
        for scope in self.scopes.values_mut() {
            let is_old = |row: &Row| row.value.is_none() && row.written_ms < before_ms;
            let old = scope.rows.values().filter(|row| is_old(row)).map(|row| row.rev);
            scope.pruned = old.max().unwrap_or(0).max(scope.pruned);
            scope.rows.retain(|_, row| !is_old(row));
        }
    }

    /// Drops the clients of anonymous shoppers, whose identities last so long, with their outcomes.
    pub fn forget_clients(&mut self, identity_ms: u64, now_ms: u64) {
        let before_ms = server::forgettable_before(identity_ms, now_ms);
        self.clients.retain(|_, client| !client.shopper.starts_with(ANONYMOUS_PREFIX) || client.seen_ms >= before_ms);
        self.outcomes.retain(|(client, _), _| self.clients.contains_key(client));
    }

    /// How many outcomes are kept for a client.
    pub fn outcomes_kept(&self, client: Id) -> usize {
        self.outcomes.keys().filter(|(owner, _)| *owner == client).count()
    }

    fn scope(&self, owner: &str, collection: Collection) -> Option<&Scope> {
        self.scopes.get(&(owner.into(), collection))
    }

    fn live(&self, owner: &str, collection: Collection) -> impl Iterator<Item = (String, Document)> {
        let rows = self.scope(owner, collection).into_iter().flat_map(|scope| &scope.rows);
        rows.filter_map(|(key, row)| Some((key.clone(), row.value.clone()?)))
    }

    fn write(&mut self, owner: &str, collection: Collection, key: &str, value: Option<Document>) -> u64 {
        let scope = self.scopes.entry((owner.into(), collection)).or_default();
        scope.rev += 1;
        scope.rows.insert(key.into(), Row { rev: scope.rev, value, written_ms: self.now_ms });
        scope.rev
    }
}

impl ServerTx for MemoryServer {
    fn epoch(&mut self) -> Result<u64, Stop> {
        Ok(self.epoch)
    }

    fn client(&mut self, client: Id) -> Result<Option<ClientState>, Stop> {
        Ok(self.clients.get(&client).cloned())
    }

    fn put_client(&mut self, client: Id, state: &ClientState) -> Result<(), Stop> {
        self.clients.insert(client, state.clone());
        Ok(())
    }

    fn outcome(&mut self, client: Id, seq: u64) -> Result<Option<StoredOutcome>, Stop> {
        Ok(self.outcomes.get(&(client, seq)).map(|(stored, _)| stored.clone()))
    }

    fn outcome_by_id(&mut self, shopper: &str, id: Id) -> Result<Option<StoredOutcome>, Stop> {
        let owned = |client| self.clients.get(client).is_some_and(|client| client.shopper == shopper);
        let mut outcomes = self.outcomes.iter().filter(|((client, _), _)| owned(client));
        let is_it = |stored: &StoredOutcome| {
            stored.outcome.id == id && stored.outcome.code.as_deref() != Some(UNKNOWN_MUTATION)
        };
        Ok(outcomes.find(|(_, (stored, _))| is_it(stored)).map(|(_, (stored, _))| stored.clone()))
    }

    fn put_outcome(&mut self, client: Id, stored: &StoredOutcome, now_ms: u64) -> Result<(), Stop> {
        self.outcomes.insert((client, stored.outcome.seq), (stored.clone(), now_ms));
        Ok(())
    }

    fn drop_outcomes(&mut self, client: Id, last: u64, before_ms: u64) -> Result<(), Stop> {
        self.outcomes.retain(|(owner, seq), (_, at)| *owner != client || *seq > last || *at >= before_ms);
        Ok(())
    }

    fn get(&mut self, owner: &str, collection: Collection, key: &str) -> Result<Option<Document>, Stop> {
        Ok(self.scope(owner, collection).and_then(|scope| scope.rows.get(key)?.value.clone()))
    }

    fn put(&mut self, owner: &str, collection: Collection, key: &str, value: &Document) -> Result<u64, Stop> {
        Ok(self.write(owner, collection, key, Some(value.clone())))
    }

    fn delete(&mut self, owner: &str, collection: Collection, key: &str) -> Result<Option<u64>, Stop> {
        if ServerTx::get(self, owner, collection, key)?.is_none() {
            return Ok(None);
        }
        Ok(Some(self.write(owner, collection, key, None)))
    }

    fn scan(
        &mut self,
        owner: &str,
        collection: Collection,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Document)>, Stop> {
        Ok(self
            .live(owner, collection)
            .filter(|(key, _)| after.is_none_or(|after| &key[..] > after))
            .take(limit)
            .collect())
    }

    fn own(&mut self, owner: &str) -> Result<Vec<Collection>, Stop> {
        let own = self.scopes.keys().filter(|(whose, kind)| whose == owner && matches!(kind, Collection::Own(_)));
        Ok(own.map(|(_, kind)| *kind).collect())
    }

    fn count(&mut self, owner: &str, collection: Collection) -> Result<u64, Stop> {
        Ok(self.live(owner, collection).count() as u64)
    }

    fn rev(&mut self, owner: &str, collection: Collection) -> Result<u64, Stop> {
        Ok(self.scope(owner, collection).map_or(0, |scope| scope.rev))
    }

    fn standing(&mut self, owner: &str, collection: Collection) -> Result<Standing, Stop> {
        let digest = self
            .live(owner, collection)
            .fold(0, |digest, (key, value)| wire::add_digest(digest, wire::digest(&key, value.as_bytes())));
        let scope = self.scope(owner, collection).cloned().unwrap_or_default();
        Ok(Standing { rev: scope.rev, pruned: scope.pruned, digest })
    }

    fn changes(
        &mut self,
        owner: &str,
        collection: Collection,
        after: u64,
        rows_max: usize,
        bytes_max: usize,
    ) -> Result<ChangePage, Stop> {
        let Some(scope) = self.scope(owner, collection) else { return Ok(ChangePage::default()) };
        let mut newer: Vec<(&String, &Row)> = scope.rows.iter().filter(|(_, row)| row.rev > after).collect();
        newer.sort_unstable_by_key(|(_, row)| row.rev);
        let mut changes = Vec::new();
        let mut bytes = 0;
        for (key, row) in &newer {
            if changes.len() == rows_max || bytes >= bytes_max {
                break;
            }
            bytes += key.len() + row.value.as_ref().map_or(0, |value| value.as_bytes().len());
            let (key, rev) = ((*key).clone(), row.rev);
            changes.push(match row.value.clone() {
                Some(value) => Change::Put { key, rev, value },
                None => Change::Del { key, rev },
            });
        }
        let more = changes.len() < newer.len();
        Ok(ChangePage { changes, more })
    }
}
