//! What scenarios need of a server, and the server in this process.

use crate::memory_server::MemoryServer;
use pannier::format::document::{Document, Value};
use pannier::shop::decide::ServerRules;
use pannier::shop::stock::{self, CatalogDecisions};
use pannier::shop::{ShopRules, cart};
use pannier::stop::{Stop, Why};
use pannier::sync::mutation::{Context, Id, Mutation, Outcome, Rules, UNKNOWN_MUTATION, Verdict};
use pannier::sync::rows::{Collection, Rows};
use pannier::sync::server::{Limits, SHARED, ServeError, ServerTx, TOMBSTONE_KEPT_MS};
use pannier::sync::wire::{self, Answer, SyncError, SyncRequest};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;

/// A token of 1970, signed by nobody.
pub(crate) const EXPIRED_TOKEN: &str = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm4iLCJleHAiOjF9.AAAA";

/// No answer came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetworkError;

impl fmt::Display for NetworkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no answer came")
    }
}

impl std::error::Error for NetworkError {}

/// A server of the sync protocol.
pub trait Server {
    /// One request of `shopper` and its answer, both in postcard.
    ///
    /// # Errors
    /// When the server cannot be reached.
    fn post(&mut self, shopper: &str, body: Vec<u8>) -> Result<Vec<u8>, NetworkError>;

    /// One request with a token that has expired.
    ///
    /// # Errors
    /// When the server cannot be reached.
    fn post_expired(&mut self, _body: Vec<u8>) -> Result<Vec<u8>, NetworkError> {
        Ok(wire::encode_answer(&Answer::Error(SyncError::Auth {})))
    }

    /// Lets so many milliseconds go by at the server, and does what it does now
    /// and then. Returns whether it can.
    fn wait(&mut self, _ms: u64) -> bool {
        false
    }

    /// The same request twice at the same time.
    ///
    /// # Errors
    /// When the server cannot be reached.
    fn post_twice_at_once(&mut self, shopper: &str, body: Vec<u8>) -> Result<[Vec<u8>; 2], NetworkError>;

    /// A request that breaks off in the middle of its body.
    fn post_cut(&mut self, shopper: &str, body: &[u8]);

    /// The shop writes products.
    fn put_products(&mut self, products: &[Json]);

    /// What proves that an anonymous shopper's cart is the one who claims it.
    fn secret(&mut self, anonymous: &str) -> String;

    /// Milliseconds since 1970 where the server is.
    fn now_ms(&self) -> u64;

    /// Makes or restores a backup, or wipes the server. Returns whether it can.
    fn befall(&mut self, _event: ServerEvent) -> bool {
        false
    }

    /// How many mutations it has executed; `None` where it does not tell.
    fn executed(&self) -> Option<u64>;
}

/// What happens to a server's database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ServerEvent {
    /// A copy of it is made.
    Backup,
    /// The copy takes its place, under a new epoch.
    Restore,
    /// The copy takes its place, and nobody thinks of a new epoch.
    Rollback,
    /// An empty one takes its place, with the same products.
    Wipe,
}

/// A mutation that newer clients have, and servers only once they are upgraded: it selects a line
/// of the cart.
pub const NEWER: &str = "cart.wave";

/// What [`NEWER`] does, where it is known.
pub fn wave(args: &Document, context: &Context, rows: &mut dyn Rows) -> Result<Verdict, Stop> {
    let line = args.as_ref().get("line").unwrap_or(Value::Null);
    let args = Document::object(&[("line", line), ("selected", Value::Bool(true))]).expect("a document");
    ShopRules.execute(cart::SELECT, 1, &args, context, rows)
}

/// Rules that count what they execute.
struct Counting<'a> {
    executions: &'a Cell<u64>,
    is_newer: bool,
}

impl Rules for Counting<'_> {
    fn execute(
        &self,
        name: &str,
        v: u16,
        args: &Document,
        context: &Context,
        rows: &mut dyn Rows,
    ) -> Result<Verdict, Stop> {
        self.executions.set(self.executions.get() + 1);
        if name == NEWER && self.is_newer {
            return wave(args, context, rows);
        }
        ServerRules {
            decisions: &CatalogDecisions::default(),
            is_secret: &|anonymous, given| secret(anonymous) == given,
        }
        .execute(name, v, args, context, rows)
    }
}

pub(crate) fn secret(anonymous: &str) -> String {
    format!("the secret of {anonymous}")
}

/// A mutation that the server has executed.
#[derive(Clone, Debug)]
pub struct Executed {
    /// Whose it was.
    pub shopper: String,
    /// The client that sent it.
    pub client: Id,
    /// The mutation.
    pub mutation: Mutation,
    /// What became of it.
    pub outcome: Outcome,
    /// Whether it met a cart that another device had changed since its own had
    /// pulled last.
    pub concurrent: bool,
    /// Whether it had been executed before, for another client: it got the same
    /// outcome, and nothing was done.
    pub again: bool,
}

/// The core's server over a database in memory. Its clock goes only when told.
/// A clone is a backup.
#[derive(Clone)]
pub struct InProcess {
    /// The database.
    pub database: MemoryServer,
    /// All that was executed, in order.
    pub log: Vec<Executed>,
    /// Milliseconds since 1970.
    pub clock_ms: u64,
    /// The database fails after so many calls of the next request's transaction.
    pub cut_after: Option<u32>,
    /// Whether it knows [`NEWER`].
    pub is_newer: bool,
    /// What one answer may hold.
    pub limits: Limits,
    executions: Cell<u64>,
    last_seqs: BTreeMap<Id, u64>,
    /// For each shopper, which client brought the cart to which revision.
    writers: BTreeMap<String, Vec<(u64, Id)>>,
    backup: Option<MemoryServer>,
}

/// What a client is told that meets a database that failed.
const RETRY_AFTER_MS: u64 = 1000;

/// Where the clock of a new server stands: in November 2026.
pub const START_MS: u64 = 1_795_000_000_000;

/// How long an anonymous identity lasts.
pub const ANONYMOUS_MS: u64 = 90 * 24 * 3600 * 1000;

impl Default for InProcess {
    fn default() -> Self {
        Self {
            database: MemoryServer::new(7),
            log: Vec::new(),
            clock_ms: START_MS,
            cut_after: None,
            is_newer: false,
            limits: Limits::default(),
            executions: Cell::new(0),
            last_seqs: BTreeMap::new(),
            writers: BTreeMap::new(),
            backup: None,
        }
    }
}

impl InProcess {
    /// The last sequence number that each client was told.
    pub fn last_seqs(&self) -> &BTreeMap<Id, u64> {
        &self.last_seqs
    }

    /// Forgets the clients of anonymous shoppers whose identities have ended. Returns how many.
    pub fn forget_clients(&mut self) -> u64 {
        self.database.forget_clients(ANONYMOUS_MS, self.clock_ms);
        let before = self.last_seqs.len();
        let mut is_known = |client: &Id| self.database.client(*client).expect("memory does not fail").is_some();
        self.last_seqs.retain(|client, _| is_known(client));
        (before - self.last_seqs.len()) as u64
    }

    fn serve(&mut self, shopper: &str, body: &[u8]) -> Result<Answer, SyncError> {
        let request = wire::decode_request(body)?;
        let before = self.executions.get();
        let rules = Counting { executions: &self.executions, is_newer: self.is_newer };
        let cut_after = self.cut_after.take();
        let served = self.database.serve_cut(&rules, shopper, &request, self.clock_ms, &self.limits, cut_after);
        match served {
            Ok(response) => {
                self.note(shopper, &request, response.last_seq, &response.outcomes);
                Ok(Answer::Ok(response))
            }
            Err(error) => {
                // Nothing of it was committed.
                self.executions.set(before);
                match error {
                    ServeError::Refused(error) => Err(error),
                    ServeError::Rows(stop) if let Why::Backend(_) = stop.why() => {
                        Err(SyncError::Retry { after_ms: RETRY_AFTER_MS })
                    }
                    ServeError::Rows(error) => panic!("the database in memory failed: {error}"),
                }
            }
        }
    }

    /// Notes what a request has executed: what is above the last number before.
    fn note(&mut self, shopper: &str, request: &SyncRequest, last_seq: u64, outcomes: &[Outcome]) {
        let client = request.client;
        let before = self.last_seqs.insert(client, last_seq).unwrap_or(0);
        let pulled = request.scopes.iter().find(|scope| scope.name == Collection::Cart).and_then(|scope| scope.cookie);
        let writers = self.writers.entry(shopper.into()).or_default();
        let concurrent = writers.iter().any(|(rev, writer)| *rev > pulled.unwrap_or(0) && *writer != client);
        for (mutation, outcome) in request.mutations.iter().zip(outcomes) {
            if mutation.seq > before {
                let (mutation, outcome) = (mutation.clone(), outcome.clone());
                let is_same = |other: &Executed| {
                    let is_known = other.outcome.code.as_deref() != Some(UNKNOWN_MUTATION);
                    other.mutation.id == mutation.id && other.shopper == shopper && is_known
                };
                let again = self.log.iter().any(is_same);
                self.log.push(Executed { shopper: shopper.into(), client, mutation, outcome, concurrent, again });
            }
        }
        let rev = ServerTx::rev(&mut self.database, shopper, Collection::Cart).expect("memory does not fail");
        if writers.last().map_or(0, |(last, _)| *last) < rev {
            writers.push((rev, client));
        }
    }
}

impl Server for InProcess {
    fn post(&mut self, shopper: &str, body: Vec<u8>) -> Result<Vec<u8>, NetworkError> {
        let answer = self.serve(shopper, &body).unwrap_or_else(Answer::Error);
        Ok(wire::encode_answer(&answer))
    }

    fn post_twice_at_once(&mut self, shopper: &str, body: Vec<u8>) -> Result<[Vec<u8>; 2], NetworkError> {
        Ok([self.post(shopper, body.clone())?, self.post(shopper, body)?])
    }

    fn post_cut(&mut self, shopper: &str, body: &[u8]) {
        let answer = self.serve(shopper, &body[..body.len() / 2]);
        assert!(matches!(answer, Err(SyncError::Malformed { .. })), "half a body was taken for a whole: {answer:?}");
    }

    fn put_products(&mut self, products: &[Json]) {
        for product in products {
            if let Some(code) = product["coupon"].as_str() {
                let terms = serde_json::from_value(product.clone()).expect("terms are a document");
                stock::put_coupon(&mut self.database, code, Some(&terms)).expect("memory does not fail");
                continue;
            }
            let id = product["id"].as_str().expect("a product has an id");
            let before =
                ServerTx::get(&mut self.database, SHARED, Collection::Catalog, id).expect("memory does not fail");
            let version = before.and_then(|before| before.as_ref().u64("version")).unwrap_or(0);
            let mut product = product.clone();
            product["version"] = json!(version + 1);
            let row: Document = serde_json::from_value(product).expect("a product is a document");
            self.database.put_product_at(id, &row, self.clock_ms);
        }
    }

    fn secret(&mut self, anonymous: &str) -> String {
        secret(anonymous)
    }

    fn now_ms(&self) -> u64 {
        self.clock_ms
    }

    fn wait(&mut self, ms: u64) -> bool {
        self.clock_ms += ms;
        self.database.prune_tombstones(self.clock_ms - TOMBSTONE_KEPT_MS);
        true
    }

    fn befall(&mut self, event: ServerEvent) -> bool {
        let old = self.database.epoch().expect("memory does not fail");
        let epoch = if event == ServerEvent::Rollback { old } else { old + 1 };
        match event {
            ServerEvent::Backup => self.backup = Some(self.database.clone()),
            ServerEvent::Restore | ServerEvent::Rollback => {
                self.database = self.backup.clone().expect("there is a backup");
            }
            ServerEvent::Wipe => {
                let products = self.database.rows("", Collection::Catalog);
                self.database = MemoryServer::new(epoch);
                products.iter().for_each(|(id, product)| self.database.put_product(id, product));
            }
        }
        if event != ServerEvent::Backup {
            self.database.set_epoch(epoch);
            self.last_seqs.clear();
            self.writers.clear();
        }
        true
    }

    fn executed(&self) -> Option<u64> {
        Some(self.executions.get())
    }
}
