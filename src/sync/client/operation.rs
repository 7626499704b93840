//! Operations: what the shell asks for, as data, so that it can be done again.

use super::edit::put_newer;
use super::exchange::Applied;
use super::recovery::Recovery;
use super::restore::Carried;
use super::state::{CLIENT_ROW, SYNC_ROW, SyncState};
use super::{Client, ClientEvent, Erasure, Load, tree_of};
use crate::collection::upkeep::{self, SCHEMA_ROW};
use crate::collection::{
    self, Finished, META, OUTBOX, OUTCOMES, Query, TreeId, Workspace, number_key, row_key, schema,
};
use crate::format::document::{Document, Value};
use crate::stop::Stop;
use crate::store::Scan;
use crate::sync::mutation::{ERASE, Id, Mutation, Outcome, Status, UNKNOWN_MUTATION};
use crate::sync::rows::Collection;
use crate::sync::wire::{self, Change, JOURNAL_AGE_MS_MAX, ScopePatch};
use crate::tree::later;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Outcomes kept after they were acknowledged, so that a tab that slept through
/// them can still tell its own shopper.
const OUTCOMES_KEPT: u64 = 200;

/// Most outcomes kept until they are acknowledged: a shop that never does must
/// not fill the device.
pub const OUTCOMES_MAX: u64 = 1000;

/// Milliseconds, by the server's clock, after which what a server did not know is sent again:
/// servers are not upgraded more often.
pub const PARKED_MS: u64 = 3600 * 1000;

/// Version of the arguments of every mutation so far.
pub(super) const ARGS_VERSION: u16 = 1;

/// One thing to do, atomically.
pub enum Operation {
    /// Gives a new store its client id and writes down what is declared.
    SetUp {
        /// The id, where there is none yet.
        new_id: Id,
    },
    /// A shopper's intent.
    Mutate {
        /// Name of the mutation.
        name: &'static str,
        /// What is asked for; completed from the view into arguments.
        asked: Document,
        /// Identity of the mutation.
        id: Id,
        /// Milliseconds since 1970.
        at: u64,
    },
    /// Writes rows of a collection that no mutation writes: an array of objects
    /// with the collection's key fields.
    Put {
        /// The tree of its rows.
        rows_tree: TreeId,
        /// The rows.
        rows: Document,
    },
    /// Deletes rows of such a collection.
    Delete {
        /// The tree of its rows.
        rows_tree: TreeId,
        /// The keys: an array of lists of key parts.
        keys: Document,
    },
    /// Deletes the rows in a range of such a collection, or the first of them.
    DeleteRange {
        /// The tree of its rows.
        rows_tree: TreeId,
        /// Bounds: see [`crate::collection::range::bounds`]; and `limit`, how many rows
        /// at most. Without one, more than [`crate::collection::ROWS_DELETED_MAX`]
        /// are refused with `too_large`.
        asked: Document,
    },
    /// Holds if a query still finds what it found.
    Read {
        /// The query.
        query: Query,
        /// Hash of what was found.
        found: u64,
    },
    /// Holds if a query still has as many rows.
    Count {
        /// The query.
        query: Query,
        /// How many it had.
        found: u64,
    },
    /// Rows that came in parts: see [`Client::add_to_load`].
    Load(Box<Load>),
    /// Several of the first six, in order, all or none.
    Transaction(Vec<Operation>),
    /// A step of what is done when nothing else is: see [`upkeep`].
    Upkeep,
    /// The shopper has seen the outcomes up to this sequence number.
    Acknowledge(u64),
    /// A server's answer.
    Apply(Box<Applied>),
    /// Goes on after a refusal. Tells [`ClientEvent::Recovered`]: why, as the
    /// code of the refusal, how many acknowledged mutations are sent `again`,
    /// and how many at most are `lost`, older than the journal.
    Recover(Box<Recovery>),
    /// A mutation that was executed in a store which was deleted before it was durable.
    Carry(Box<Carried>),
    /// What was known of a store that was deleted, with so many mutations, is staged or is to be.
    Restore(usize),
}

impl Operation {
    /// How many mutations it adds to the outbox, where their collections are synced.
    pub(super) fn mutations(&self) -> usize {
        match self {
            Self::Mutate { .. } | Self::Carry(_) => 1,
            Self::Restore(mutations) => *mutations,
            Self::Transaction(operations) => operations.iter().map(Self::mutations).sum(),
            _ => 0,
        }
    }
}

pub(super) fn bad_row(code: &'static str, why: &str, index: usize) -> Stop {
    Stop::refused(code, &[("index", Value::Int(index as i64)), ("why", Value::Str(why))])
}

impl Client {
    /// Executes an operation, or `edits` that it is the first of; returns their commit, 0 where
    /// nothing was written.
    pub(super) fn execute<'o>(
        &mut self,
        operation: &'o Operation,
        edits: &dyn Fn(usize) -> Option<&'o Operation>,
    ) -> Result<u64, Stop> {
        match operation {
            Operation::SetUp { new_id } => self.set_up(*new_id),
            Operation::Apply(applied) => self.apply(applied),
            Operation::Recover(recovery) => later::run(|| self.recover(recovery)),
            Operation::Upkeep => later::run(|| self.upkeep()),
            // By itself, when the store was read.
            Operation::Restore(_) => Ok(0),
            Operation::Acknowledge(seq) if *seq <= self.state.acknowledged => Ok(0),
            Operation::Acknowledge(seq) => later::run(|| self.acknowledge(*seq)),
            Operation::Transaction(operations) => self.edit(&|index| operations.get(index)),
            _ => self.edit(edits),
        }
    }

    #[inline(never)]
    fn set_up(&mut self, new_id: Id) -> Result<u64, Stop> {
        let reader = self.store.reader();
        let mut schema = self.schema.copy();
        schema.declare(&self.declared, self.now_ms / schema::DAY_MS, &mut |TreeId(tree)| {
            let mut is_empty = true;
            reader.scan(Scan::ascending(&[tree], &[tree + 1]), &mut |_, _| {
                is_empty = false;
                false
            })?;
            Ok(is_empty)
        })?;
        let mut workspace = Workspace::new(reader, &schema, self.now_ms);
        if self.state.client.is_none() {
            let row = Document::of(&[("id", Value::Bytes(&new_id.0))]);
            workspace.write(&row_key(META, CLIENT_ROW), Some(row.as_bytes()));
            self.state.client = Some(new_id);
        }
        let (key, row) = (row_key(META, SCHEMA_ROW), schema.to_document());
        if reader.get(&key)?.as_deref() != Some(row.as_bytes()) {
            workspace.write(&key, Some(row.as_bytes()));
        }
        let mut seq = self.last_seq();
        for &collection in self.scopes.iter().filter(|_| self.erasure() == Erasure::None) {
            if let Collection::Own(own) = collection
                && let Some(before) = schema.named(own.bare_name())
            {
                // From when the shop had not declared how its rows merge.
                seq = self.recreate_local(&mut workspace, collection, before.tree, seq)?;
            }
            if self.state.pulled(collection).is_none() {
                seq = self.recreate_local(&mut workspace, collection, tree_of(&schema, collection), seq)?;
            }
        }
        let finished = workspace.finish()?;
        self.is_set_up = true;
        self.upkeep_due = schema.needs_upkeep();
        self.reload = true;
        self.schema = Arc::new(schema);
        Ok(self.commit(finished))
    }

    #[inline(never)]
    fn upkeep(&mut self) -> Result<u64, Stop> {
        let schema = self.schema.clone();
        let step = upkeep::step(self.store.reader(), &schema, self.now_ms)?;
        self.upkeep_due = step.is_some();
        let Some((workspace, progress)) = step else {
            return self.keep_budgets();
        };
        let finished = workspace.finish()?;
        self.reload = true;
        self.events.push(ClientEvent::Progress(progress));
        Ok(self.commit(finished))
    }

    #[inline(never)]
    fn acknowledge(&mut self, seq: u64) -> Result<u64, Stop> {
        let (before, seq) = (self.state.acknowledged, seq.min(self.state.confirmed_seq));
        if seq <= before {
            return Ok(0);
        }
        let mut workspace = Workspace::new(self.store.reader(), &self.schema, self.now_ms);
        // Those further back have gone, by number.
        let first = (before + 1).max(self.state.confirmed_seq.saturating_sub(OUTCOMES_MAX));
        for old in first..=seq.min(self.state.confirmed_seq.saturating_sub(OUTCOMES_KEPT)) {
            workspace.write(&number_key(OUTCOMES, old), None);
        }
        let state = SyncState { acknowledged: seq, ..self.state.clone() };
        workspace.write(&row_key(META, SYNC_ROW), Some(state.to_document().as_bytes()));
        let finished = workspace.finish()?;
        self.state = state;
        Ok(self.commit(finished))
    }

    /// Rows from before a collection was synced become pending mutations: its
    /// first pull would replace them by what the server has.
    #[inline(never)]
    fn recreate_local(
        &self,
        workspace: &mut Workspace<'_>,
        collection: Collection,
        tree: TreeId,
        seq: u64,
    ) -> Result<u64, Stop> {
        if matches!(collection, Collection::Catalog | Collection::Orders) {
            return Ok(seq);
        }
        let rows = workspace.scan(tree, None, usize::MAX)?;
        if rows.is_empty() { Ok(seq) } else { later::run(|| self.recreate(workspace, collection, tree, rows, seq)) }
    }

    fn recreate(
        &self,
        workspace: &mut Workspace<'_>,
        collection: Collection,
        tree: TreeId,
        rows: Vec<(String, Document)>,
        mut seq: u64,
    ) -> Result<u64, Stop> {
        for (key, row) in rows {
            if let Some((name, args)) = self.rules.recreate(collection, &key, &row) {
                seq += 1;
                let id = self.derived_id(seq);
                let mutation = Mutation::new(seq, id, name, ARGS_VERSION, args, self.now_ms);
                let bytes = wire::encode_mutation(&mutation);
                workspace.write(&number_key(OUTBOX, seq), Some(&bytes));
            }
            workspace.delete(tree, &key)?;
        }
        Ok(seq)
    }

    /// An id for a mutation that no page has asked for: the client's random id
    /// with the mutation's number hashed into it.
    fn derived_id(&self, seq: u64) -> Id {
        let client = self.state.client.unwrap_or(Id([0; 16]));
        let mut id = [0; 16];
        for (half, seed) in id.chunks_exact_mut(8).zip([seq, !seq]) {
            half.copy_from_slice(&xxhash_rust::xxh64::xxh64(&client.0, seed).to_le_bytes());
        }
        Id(id)
    }

    #[inline(never)]
    fn apply(&mut self, applied: &Applied) -> Result<u64, Stop> {
        let answer = &applied.response;
        self.recovered = None;
        // Where another tab has synced meanwhile, or named the client, the next exchange brings all
        // again: the server keeps the outcomes until they are acknowledged.
        if !applied.sent.is_from(&self.state) || !self.has_outcomes(answer) {
            return Ok(0);
        }
        let mut state = self.state.clone();
        let mut recovered = None;
        let mut workspace = Workspace::new(self.store.reader(), &self.schema, self.now_ms);
        for patch in &answer.scopes {
            let tree = tree_of(&self.schema, patch.name);
            self.check_rows(&patch.changes, patch.name)?;
            // Products that the shop itself has stored stay over the first pull.
            let keeps = patch.name == Collection::Catalog && self.state.pulled(patch.name).is_none();
            if patch.reset && !keeps {
                workspace.delete_range(&[tree.0], &[tree.0 + 1], u64::MAX)?;
            }
            for change in &patch.changes {
                match change {
                    Change::Put { key, value, .. } => {
                        let key = row_key(tree, key);
                        put_newer(&*self.rules, &mut workspace, Some(patch.name), &key, value.as_ref())?;
                    }
                    Change::Del { key, .. } => workspace.delete(tree, key)?,
                }
            }
            let differs = differs(&mut workspace, tree, patch)?;
            if differs && !patch.reset {
                let told = [("code", Value::Str("digest")), ("scope", Value::Str(patch.name.name()))];
                recovered = Document::object(&told).ok();
            }
            // What differs even where all of it was just pulled is no mistake of this client's.
            state.set_cookie(patch.name, Some(patch.cookie).filter(|_| !differs || patch.reset));
        }
        for (mutation, outcome) in self.pending.iter().zip(&self.outcomes) {
            let told = told(mutation, outcome, mutation.seq <= state.again_to);
            workspace.write(&number_key(OUTCOMES, mutation.seq), Some(told.as_bytes()));
            workspace.write(&number_key(OUTBOX, mutation.seq), None);
            let kept = if mutation.seq <= state.acknowledged + OUTCOMES_KEPT { OUTCOMES_KEPT } else { OUTCOMES_MAX };
            if let Some(old) = mutation.seq.checked_sub(kept) {
                workspace.write(&number_key(OUTCOMES, old), None);
            }
            if matches!(outcome.status, Status::Applied | Status::Adjusted) {
                state.erased |= mutation.name == ERASE;
                state.journal.add(&mut workspace, mutation, answer.at);
            } else if outcome.code.as_deref() == Some(UNKNOWN_MUTATION) {
                state.parked.add(&mut workspace, mutation, answer.at);
                state.parked_at = answer.at;
            }
        }
        state.journal.prune(&mut workspace, answer.at.saturating_sub(JOURNAL_AGE_MS_MAX))?;
        state.epoch = Some(answer.epoch);
        state.confirmed_seq = state.confirmed_seq.max(answer.last_seq);
        let confirmed = self.pending.iter().take_while(|mutation| mutation.seq <= state.confirmed_seq).count();
        let mut unparked = Vec::new();
        if state.parked.count > 0
            && self.erasure() == Erasure::None
            && answer.at >= state.parked_at.saturating_add(PARKED_MS)
        {
            unparked = later::run(|| state.parked.take(&mut workspace, 0))?;
            state.parked_at = answer.at;
        }
        let last = self.pending.last().map_or(0, |last| last.seq).max(state.confirmed_seq);
        for (mutation, seq) in unparked.iter_mut().zip(last + 1..) {
            mutation.seq = seq;
            workspace.write(&number_key(OUTBOX, seq), Some(&wire::encode_mutation(mutation)));
        }
        if state == self.state {
            return Ok(0);
        }
        workspace.write(&row_key(META, SYNC_ROW), Some(state.to_document().as_bytes()));
        let finished = workspace.finish()?;
        self.state = state;
        self.recovered = recovered;
        self.outcomes.clear();
        self.pending = self.pending.split_off(confirmed);
        self.is_unparking |= !unparked.is_empty();
        self.pending.append(&mut unparked);
        Ok(self.commit(finished))
    }

    /// What a server sends is refused as a whole rather than stored where no rule can read it.
    fn check_rows(&self, changes: &[Change], collection: Collection) -> Result<(), Stop> {
        for (index, change) in changes.iter().enumerate() {
            let Change::Put { key, value, .. } = change else { continue };
            collection::check_limits(&row_key(META, key), value.as_bytes(), index)?;
            if !self.rules.is_row(collection, value) {
                return Err(bad_row("bad_answer", "is no row of its collection", index));
            }
        }
        Ok(())
    }

    /// Stages changes of the base and has the view computed anew.
    pub(super) fn commit(&mut self, finished: Finished) -> u64 {
        self.note_written(&finished.entries);
        self.changes.add_entries(&finished.entries);
        self.go_along(&finished.entries);
        self.commit_unseen(finished)
    }

    /// As `commit`, where its rows are noted, it is known what is to be told, and no load is in the making.
    pub(super) fn commit_unseen(&mut self, mut finished: Finished) -> u64 {
        if finished.entries.is_empty() {
            return 0;
        }
        self.take_along(&mut finished);
        self.view_stale = true;
        let commit = self.store.stage_over(finished.entries, finished.overlay);
        self.check_budgets();
        commit
    }
}

/// Whether the rows of a scope are not those that the server has. The history
/// is not looked at: visits go when a device has no room.
fn differs(workspace: &mut Workspace<'_>, tree: TreeId, patch: &ScopePatch) -> Result<bool, Stop> {
    let Some(expected) = patch.digest.filter(|_| patch.name != Collection::History) else {
        return Ok(false);
    };
    let mut digest = 0;
    for (key, row) in workspace.scan(tree, None, usize::MAX)? {
        digest = wire::add_digest(digest, wire::digest(&key, row.as_bytes()));
    }
    Ok(digest != expected)
}

/// An outcome as it is told.
pub(super) fn told(mutation: &Mutation, outcome: &Outcome, again: bool) -> Document {
    let id = mutation.id.to_text();
    let fields = [
        ("seq", Value::Int(mutation.seq as i64)),
        ("id", Value::Str(&id)),
        ("name", Value::Str(&mutation.name)),
        ("status", Value::Str(outcome.status.name())),
        ("code", outcome.code.as_deref().map_or(Value::Null, Value::Str)),
        ("detail", outcome.detail.as_ref().value()),
        ("again", Value::Bool(true)),
    ];
    Document::of(&fields[..fields.len() - usize::from(!again)])
}

/// A mutation's name begins with its collection's; that of orders with `order`, and with
/// `row` where its arguments tell.
pub(super) fn collection_of(mutation: &str, args: &Document) -> Option<Collection> {
    let dot = mutation.bytes().position(|byte| byte == b'.')?;
    match mutation.get(..dot)? {
        "order" => Some(Collection::Orders),
        "row" => Collection::from_name(args.as_ref().str("collection")?),
        name => Collection::from_name(name),
    }
}
