//! The server's side of a sync: one request, one transaction.
//!
//! Invariants: a mutation's effect, its outcome and the client's last sequence
//! number are written through one [`ServerTx`]; sequence numbers have no gap; a
//! refusal also advances the sequence; changes and last sequence number come
//! from the same transaction. When [`sync`] fails, the caller rolls back.

use super::mutation::{Context, Id, Mutation, Outcome, Rules};
use super::rows::{Collection, Rows};
use super::wire::{self, Change, SCOPES_PER_SYNC_MAX, ScopePatch, ScopeRequest, SyncError, SyncRequest, SyncResponse};
use crate::format::document::Document;
use crate::stop::{Stop, Why};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// Milliseconds for which an outcome is kept that the client can do without: a
/// cloned browser profile is found out by comparing with it, and what it sends
/// again from its own journal is recognised by it. Twice the journal's age: it
/// may have learnt of it long after it was stored.
pub const OUTCOME_KEPT_MS: u64 = 2 * wire::JOURNAL_AGE_MS_MAX;

/// How exactly it is known when a client was last seen: within it a client that
/// only pulls costs no write.
pub const SEEN_STEP_MS: u64 = 24 * 3600 * 1000;

/// Milliseconds for which a tombstone is kept: a device that was away for
/// longer pulls its scopes whole.
pub const TOMBSTONE_KEPT_MS: u64 = 30 * 24 * 3600 * 1000;

/// Owner of the rows that all shoppers share.
pub const SHARED: &str = "";

/// What the server knows of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientState {
    /// The shopper to whom it belongs.
    pub shopper: String,
    /// The last sequence number executed.
    pub last_seq: u64,
    /// When it was last seen, or up to [`SEEN_STEP_MS`] before.
    pub seen_ms: u64,
}

/// A client whose [`ClientState::seen_ms`] is before this can be forgotten with
/// its outcomes, where its shopper's identity lasts no longer than `identity_ms`:
/// nobody can come back with that. Any other client may send again what it has
/// no outcome of, or what is in its journal, whenever it comes back, and only
/// what is kept of it tells that apart from what is new.
pub fn forgettable_before(identity_ms: u64, now_ms: u64) -> u64 {
    now_ms.saturating_sub(identity_ms.max(OUTCOME_KEPT_MS) + SEEN_STEP_MS)
}

/// An outcome with what identifies its mutation.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredOutcome {
    /// Hash of the mutation, compared when it comes again.
    pub hash: u32,
    /// The outcome, with the mutation's sequence number and id.
    pub outcome: Outcome,
}

/// Changes of a scope in the order of their revisions.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChangePage {
    /// The changes; only the latest of each key.
    pub changes: Vec<Change>,
    /// Whether more follow.
    pub more: bool,
}

/// Where a scope stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Its revision; 0 before its first write.
    pub rev: u64,
    /// Highest revision of the tombstones that were dropped: who knows the
    /// scope only up to an earlier one may have rows that are gone.
    pub pruned: u64,
    /// Sum of [`wire::digest`] over its rows.
    pub digest: u64,
}

/// One open transaction of the server's database. All is read and written in
/// it, and nothing is visible outside until the caller commits.
///
/// A scope is an owner (a shopper, or [`SHARED`] for the catalog) and a
/// collection. Its revision starts at 0; each put and each delete of a row
/// raises it by one and gives the row that revision.
pub trait ServerTx {
    /// The epoch of the database: changes when it is restored or wiped. Below 2^53.
    fn epoch(&mut self) -> Result<u64, Stop>;

    /// What is known of a client.
    fn client(&mut self, client: Id) -> Result<Option<ClientState>, Stop>;

    /// Stores what is known of a client.
    fn put_client(&mut self, client: Id, state: &ClientState) -> Result<(), Stop>;

    /// The outcome of the client's mutation `seq`.
    fn outcome(&mut self, client: Id, seq: u64) -> Result<Option<StoredOutcome>, Stop>;

    /// The outcome of the mutation `id`, under whichever client of the shopper
    /// it was executed; none where it is not known ([`super::mutation::UNKNOWN_MUTATION`]).
    fn outcome_by_id(&mut self, shopper: &str, id: Id) -> Result<Option<StoredOutcome>, Stop>;

    /// Stores an outcome, under its own sequence number, with the time; one that
    /// is there gets the time.
    fn put_outcome(&mut self, client: Id, stored: &StoredOutcome, now_ms: u64) -> Result<(), Stop>;

    /// Drops the client's outcomes up to sequence number `last` that were stored before `before_ms`.
    fn drop_outcomes(&mut self, client: Id, last: u64, before_ms: u64) -> Result<(), Stop>;

    /// The row under `key`.
    fn get(&mut self, owner: &str, collection: Collection, key: &str) -> Result<Option<Document>, Stop>;

    /// Writes a row; returns its revision.
    fn put(&mut self, owner: &str, collection: Collection, key: &str, value: &Document) -> Result<u64, Stop>;

    /// Deletes a row, leaving a tombstone that [`ServerTx::changes`] reports;
    /// returns its revision, or `None` when there was no row.
    fn delete(&mut self, owner: &str, collection: Collection, key: &str) -> Result<Option<u64>, Stop>;

    /// As [`Rows::scan`].
    fn scan(
        &mut self,
        owner: &str,
        collection: Collection,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Document)>, Stop>;

    /// The collections of the shop's own that `owner` has ever written to.
    fn own(&mut self, owner: &str) -> Result<Vec<Collection>, Stop>;

    /// How many rows there are, without tombstones.
    fn count(&mut self, owner: &str, collection: Collection) -> Result<u64, Stop>;

    /// The revision of a scope; 0 before its first write.
    fn rev(&mut self, owner: &str, collection: Collection) -> Result<u64, Stop>;

    /// Where a scope stands.
    fn standing(&mut self, owner: &str, collection: Collection) -> Result<Standing, Stop>;

    /// The changes with a revision above `after`, ascending: at most `rows_max`,
    /// and no further once keys and values together reach `bytes_max`; but
    /// always at least one where there is one.
    fn changes(
        &mut self,
        owner: &str,
        collection: Collection,
        after: u64,
        rows_max: usize,
        bytes_max: usize,
    ) -> Result<ChangePage, Stop>;
}

/// What one answer may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most mutations executed; further ones wait for the next request.
    pub mutations_per_sync: usize,
    /// Most changes of the catalog. Cart and history always come whole.
    pub changes_per_scope: usize,
    /// Most bytes of changes of the catalog.
    pub changes_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            mutations_per_sync: wire::MUTATIONS_PER_SYNC_MAX,
            changes_per_scope: wire::CHANGES_PER_SCOPE_MAX,
            changes_bytes: wire::CHANGES_BYTES_MAX,
        }
    }
}

/// Why a request was not served. The caller rolls the transaction back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServeError {
    /// The request is refused: what the client is told.
    Refused(SyncError),
    /// The database failed; the client is told to retry.
    Rows(Stop),
}

impl From<Stop> for ServeError {
    fn from(error: Stop) -> Self {
        Self::Rows(error)
    }
}

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(error) => error.fmt(f),
            Self::Rows(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for ServeError {}

/// Serves one request of `shopper` in one transaction.
///
/// # Errors
/// Nothing may be committed then.
pub fn sync(
    tx: &mut dyn ServerTx,
    rules: &dyn Rules,
    shopper: &str,
    request: &SyncRequest,
    context: &Context,
    limits: &Limits,
) -> Result<SyncResponse, ServeError> {
    check_versions(request)?;
    let (epoch, known) = known_client(tx, shopper, request)?;
    let last_seq = known.as_ref().map_or(request.first_seq.saturating_sub(1), |known| known.last_seq);
    let batch = &request.mutations[..request.mutations.len().min(limits.mutations_per_sync)];
    check_sequence(request, last_seq)?;
    let outcomes = execute(tx, rules, shopper, request.client, last_seq, batch, context)?;
    let executed = batch.last().map_or(last_seq, |mutation| mutation.seq.max(last_seq));
    // A client is stored from its first request on, so that one which only ever
    // pulled is also found out when it comes back with another shopper.
    let seen_ms = known.map(|known| known.seen_ms);
    let seen_ms = seen_ms.filter(|seen_ms| context.now_ms < seen_ms.saturating_add(SEEN_STEP_MS));
    if executed > last_seq || seen_ms.is_none() {
        let seen_ms = seen_ms.unwrap_or(context.now_ms);
        tx.put_client(request.client, &ClientState { shopper: shopper.into(), last_seq: executed, seen_ms })?;
    }
    // Times of this database prove nothing about the client's journal: a restore may have undone them.
    let forgotten = request.forget_before.saturating_sub(1).min(request.ack_to);
    if forgotten > 0 {
        tx.drop_outcomes(request.client, forgotten, context.now_ms.saturating_sub(OUTCOME_KEPT_MS))?;
    }
    let scopes = pull(tx, shopper, &request.scopes, limits)?;
    Ok(SyncResponse { epoch, last_seq: executed, outcomes, scopes, at: context.now_ms })
}

fn check_versions(request: &SyncRequest) -> Result<(), ServeError> {
    if request.protocol != wire::PROTOCOL || request.schema != wire::SCHEMA {
        return Err(ServeError::Refused(SyncError::Schema { min: wire::SCHEMA, max: wire::SCHEMA }));
    }
    Ok(())
}

/// The epoch, and the client once it is certain whose client it is; `None` for
/// a new one.
fn known_client(
    tx: &mut dyn ServerTx,
    shopper: &str,
    request: &SyncRequest,
) -> Result<(u64, Option<ClientState>), ServeError> {
    let known = match tx.client(request.client)? {
        Some(state) if state.shopper != shopper => {
            return Err(ServeError::Refused(SyncError::PrincipalChanged {}));
        }
        state => state,
    };
    let epoch = tx.epoch()?;
    if request.epoch.is_some_and(|asked| asked != epoch) {
        let last_seq = known.map(|known| known.last_seq);
        return Err(ServeError::Refused(SyncError::EpochChanged { epoch, last_seq }));
    }
    let first_seq = request.first_seq;
    if first_seq > wire::NUMBER_MAX {
        let why = "first_seq is too large".into();
        return Err(ServeError::Refused(SyncError::Malformed { why }));
    }
    let went_on = request.ack_to >= first_seq || request.mutations.first().is_some_and(|first| first.seq > first_seq);
    if known.is_none() && went_on {
        return Err(ServeError::Refused(SyncError::UnknownClient {}));
    }
    Ok((epoch, known))
}

/// The mutations must follow on each other and on what was executed last. Nobody
/// can have acknowledged more than that, unless a restore has undone it that got
/// no new epoch.
fn check_sequence(request: &SyncRequest, last_seq: u64) -> Result<(), ServeError> {
    let mutations = &request.mutations;
    let start = mutations.first().map_or(last_seq + 1, |first| first.seq.min(last_seq + 1));
    let follow = (start..).zip(mutations).all(|(expected, mutation)| mutation.seq == expected);
    // Numbers start at 1: zero follows on nothing.
    if follow && start > 0 && request.ack_to <= last_seq {
        Ok(())
    } else {
        Err(ServeError::Refused(SyncError::SeqGap { expected: last_seq + 1 }))
    }
}

fn execute(
    tx: &mut dyn ServerTx,
    rules: &dyn Rules,
    shopper: &str,
    client: Id,
    last_seq: u64,
    batch: &[Mutation],
    context: &Context,
) -> Result<Vec<Outcome>, ServeError> {
    let mut outcomes = Vec::with_capacity(batch.len());
    for mutation in batch {
        if mutation.seq <= last_seq {
            let stored = stored(tx, client, mutation)?;
            // The client may learn of it only now: then its journal keeps the mutation from now on.
            tx.put_outcome(client, &stored, context.now_ms)?;
            outcomes.push(stored.outcome);
            continue;
        }
        if let Some(outcome) = executed_elsewhere(tx, shopper, mutation)? {
            let stored = StoredOutcome { hash: mutation.hash, outcome };
            tx.put_outcome(client, &stored, context.now_ms)?;
            outcomes.push(stored.outcome);
            continue;
        }
        let mut rows = ShopperRows { tx: &mut *tx, shopper, rev: 0 };
        let context = Context { valid_for: mutation.valid_for, id: mutation.id, ..*context };
        let verdict = rules.execute(&mutation.name, mutation.v, &mutation.args, &context, &mut rows)?;
        let outcome = Outcome {
            seq: mutation.seq,
            id: mutation.id,
            status: verdict.status,
            code: verdict.code.map(String::from),
            detail: verdict.detail,
            rev: rows.rev,
        };
        let stored = StoredOutcome { hash: mutation.hash, outcome };
        tx.put_outcome(client, &stored, context.now_ms)?;
        outcomes.push(stored.outcome);
    }
    Ok(outcomes)
}

/// The outcome of a mutation that comes again. One whose outcome is gone cannot
/// be told from another one, so it counts as another.
fn stored(tx: &mut dyn ServerTx, client: Id, mutation: &Mutation) -> Result<StoredOutcome, ServeError> {
    match tx.outcome(client, mutation.seq)? {
        Some(stored) if stored.hash == mutation.hash && stored.outcome.id == mutation.id => Ok(stored),
        _ => Err(ServeError::Refused(SyncError::OpMismatch { seq: mutation.seq })),
    }
}

/// The outcome of a mutation that was executed for another client: a browser
/// profile that had to go on as a new client sends again what it cannot know
/// to be executed.
///
/// # Errors
/// The database failed.
pub fn executed_elsewhere(tx: &mut dyn ServerTx, shopper: &str, mutation: &Mutation) -> Result<Option<Outcome>, Stop> {
    let stored = tx.outcome_by_id(shopper, mutation.id)?.filter(|stored| stored.hash == mutation.hash);
    Ok(stored.map(|stored| Outcome { seq: mutation.seq, ..stored.outcome }))
}

fn pull(
    tx: &mut dyn ServerTx,
    shopper: &str,
    scopes: &[ScopeRequest],
    limits: &Limits,
) -> Result<Vec<ScopePatch>, ServeError> {
    let mut patches: Vec<ScopePatch> = Vec::new();
    for scope in scopes {
        // A scope named twice is answered once.
        if patches.iter().all(|patch| patch.name != scope.name) {
            if patches.len() == SCOPES_PER_SYNC_MAX {
                let why = "more scopes than a client may have".into();
                return Err(ServeError::Refused(SyncError::Malformed { why }));
            }
            patches.push(pull_scope(tx, shopper, scope, limits)?);
        }
    }
    Ok(patches)
}

fn pull_scope(
    tx: &mut dyn ServerTx,
    shopper: &str,
    scope: &ScopeRequest,
    limits: &Limits,
) -> Result<ScopePatch, ServeError> {
    let name = scope.name;
    let owner = owner(shopper, name);
    let Standing { rev, pruned, digest } = tx.standing(owner, name)?;
    let after = scope.cookie.filter(|cookie| (pruned..=rev).contains(cookie));
    let (rows_max, bytes_max) = match name {
        Collection::Catalog => (limits.changes_per_scope, limits.changes_bytes),
        _ => (usize::MAX, usize::MAX),
    };
    let page = tx.changes(owner, name, after.unwrap_or(0), rows_max, bytes_max)?;
    let cookie = if page.more { page.changes.last().map_or(rev, Change::rev) } else { rev };
    // Devices keep of the catalog what they have room for.
    let digest = (name != Collection::Catalog && !page.more).then_some(digest);
    Ok(ScopePatch { name, cookie, reset: after.is_none(), more: page.more, changes: page.changes, digest })
}

/// Whose rows of `collection` a shopper sees.
pub fn owner(shopper: &str, collection: Collection) -> &str {
    match collection {
        Collection::Cart | Collection::History | Collection::Orders | Collection::Own(_) => shopper,
        Collection::Catalog | Collection::Private => SHARED,
    }
}

/// A shopper's rows in a transaction, for rules to run against.
struct ShopperRows<'a> {
    tx: &'a mut dyn ServerTx,
    shopper: &'a str,
    /// Highest revision written.
    rev: u64,
}

impl ShopperRows<'_> {
    fn writable(&self, collection: Collection) -> Result<(), Stop> {
        if owner("-", collection) == SHARED { Err(Why::ReadOnly(collection.name().into()).into()) } else { Ok(()) }
    }
}

impl Rows for ShopperRows<'_> {
    fn get(&mut self, collection: Collection, key: &str) -> Result<Option<Document>, Stop> {
        self.tx.get(owner(self.shopper, collection), collection, key)
    }

    fn put(&mut self, collection: Collection, key: &str, value: &Document) -> Result<(), Stop> {
        self.writable(collection)?;
        self.rev = self.rev.max(self.tx.put(self.shopper, collection, key, value)?);
        Ok(())
    }

    fn delete(&mut self, collection: Collection, key: &str) -> Result<(), Stop> {
        self.writable(collection)?;
        let rev = self.tx.delete(self.shopper, collection, key)?;
        self.rev = self.rev.max(rev.unwrap_or(0));
        Ok(())
    }

    fn scan(
        &mut self,
        collection: Collection,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Document)>, Stop> {
        self.tx.scan(owner(self.shopper, collection), collection, after, limit)
    }

    fn own(&mut self) -> Result<Vec<Collection>, Stop> {
        self.tx.own(self.shopper)
    }

    fn count(&mut self, collection: Collection) -> Result<u64, Stop> {
        self.tx.count(owner(self.shopper, collection), collection)
    }

    fn database(&mut self) -> Option<(&mut dyn ServerTx, &str)> {
        Some((&mut *self.tx, self.shopper))
    }
}
