//! Operations: what the shell asks for, as data, so that it can be done again.

use super::exchange::Applied;
use super::state::{CLIENT_ROW, SYNC_ROW, WorkspaceRows, tree_error};
use super::{Client, bit, rows_tree};
use crate::collection::{
    self, Finished, LimitError, META, OUTBOX, OUTCOMES, ROW_BYTES_MAX, TreeId, Workspace, number_key, row_key,
};
use crate::format::document::{Document, DocumentRef, Value};
use crate::format::log::Entry;
use crate::key::KEY_BYTES_MAX;
use crate::sync::mutation::{Context, Id, Mutation, Status, Verdict};
use crate::sync::rows::Collection;
use crate::sync::wire::{self, Change};
use crate::tree::TreeError;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

/// Outcomes kept after they were told, so that a tab that slept through them
/// can still tell its own shopper.
const OUTCOMES_KEPT: u64 = 200;

/// Version of the arguments of every mutation so far.
const ARGS_VERSION: u16 = 1;

/// One thing to do, atomically.
pub enum Operation {
    /// Gives a new store its client id and builds declared indexes anew.
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
    /// Rows of a collection that only the shop writes: an array of objects,
    /// each with its key in the field `id`.
    Put {
        /// The collection.
        collection: Collection,
        /// The rows.
        rows: Document,
    },
    /// A server's answer.
    Apply(Box<Applied>),
}

/// Why an operation was not done.
pub(super) enum Stop {
    Tree(TreeError),
    Refused { code: String, detail: Document },
}

impl From<TreeError> for Stop {
    fn from(error: TreeError) -> Self {
        Self::Tree(error)
    }
}

fn refused(code: &str, why: &str, index: usize) -> Stop {
    let detail = Document::object(&[("index", Value::Int(index as i64)), ("why", Value::Str(why))]);
    Stop::Refused { code: code.into(), detail: detail.unwrap_or_default() }
}

fn over_limit(error: LimitError, index: usize) -> Stop {
    let (why, bytes, limit) = match error {
        LimitError::Key { bytes } => ("key is too long", bytes, KEY_BYTES_MAX),
        LimitError::Row { bytes } => ("row is too long", bytes, ROW_BYTES_MAX),
    };
    let detail = Document::object(&[
        ("index", Value::Int(index as i64)),
        ("why", Value::Str(why)),
        ("bytes", Value::Int(bytes as i64)),
        ("limit", Value::Int(limit as i64)),
    ]);
    Stop::Refused { code: "too_large".into(), detail: detail.unwrap_or_default() }
}

impl Client {
    /// Executes an operation; returns its commit, 0 where nothing was written.
    pub(super) fn execute(&mut self, operation: &Operation) -> Result<u64, Stop> {
        match operation {
            Operation::SetUp { new_id } => self.set_up(*new_id),
            Operation::Mutate { name, asked, id, at } => self.mutate(name, asked, *id, *at),
            Operation::Put { collection, rows } => self.put(*collection, rows),
            Operation::Apply(applied) => self.apply(applied),
        }
    }

    fn set_up(&mut self, new_id: Id) -> Result<u64, Stop> {
        let mut workspace = Workspace::new(self.store.reader(), &self.indexes);
        if self.state.client.is_none() {
            let row = Document::object(&[("id", Value::Bytes(&new_id.0))]).unwrap_or_default();
            workspace.write(&row_key(META, CLIENT_ROW), Some(row.as_bytes()))?;
            self.state.client = Some(new_id);
        }
        for index in self.indexes.all() {
            let fields: Vec<Value<'_>> = index.fields.iter().map(|field| Value::Str(field)).collect();
            let declared = Document::array(&fields).unwrap_or_default();
            let key = number_key(META, u64::from(index.tree.0));
            if workspace.reader().get(&key)?.as_deref() != Some(declared.as_bytes()) {
                build_index(&mut workspace, index)?;
                workspace.write(&key, Some(declared.as_bytes()))?;
            }
        }
        let mut seq = self.pending.last().map_or(self.state.confirmed_seq, |last| last.seq);
        for collection in [Collection::Cart, Collection::History] {
            if self.scopes.contains(&collection) && self.state.cookie(collection).is_none() {
                seq = self.recreate_local(&mut workspace, collection, seq)?;
            }
        }
        self.is_set_up = true;
        self.reload = true;
        Ok(self.commit(workspace.finish()))
    }

    /// Rows from before a collection was synced become pending mutations: its
    /// first pull would replace them by what the server has.
    fn recreate_local(
        &self,
        workspace: &mut Workspace<'_>,
        collection: Collection,
        mut seq: u64,
    ) -> Result<u64, TreeError> {
        let tree = rows_tree(collection);
        for (key, row) in workspace.scan(tree, None, usize::MAX)? {
            if let Some((name, args)) = self.rules.recreate(collection, &key, &row) {
                seq += 1;
                let id = self.derived_id(seq);
                let mutation = Mutation::new(seq, id, name, ARGS_VERSION, args, self.now_ms);
                let bytes = wire::encode_mutation(&mutation);
                workspace.write(&number_key(OUTBOX, seq), Some(&bytes))?;
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

    fn mutate(&mut self, name: &str, asked: &Document, id: Id, at: u64) -> Result<u64, Stop> {
        let context = Context { now_ms: self.now_ms };
        let mut workspace =
            Workspace::with_counts(self.store.reader_over(&self.view), &self.indexes, self.view_counts.clone());
        let mut rows = WorkspaceRows(&mut workspace);
        let args = self.rules.prepare(name, asked, &mut rows).map_err(tree_error)?;
        let verdict = self.rules.execute(name, ARGS_VERSION, &args, &context, &mut rows).map_err(tree_error)?;
        refuse_what_no_server_would_take(&verdict)?;
        let Finished { overlay: view, entries, counts } = workspace.finish();
        self.view_counts = counts;
        let collection = collection_of(name);
        let synced = collection.is_some_and(|collection| self.scopes.contains(&collection));
        self.changed |= collection.map_or(0, bit);
        if !synced {
            // No mutation of this collection is ever pending, so its rows in the
            // view are its rows in the base.
            self.view = view;
            if entries.is_empty() {
                return Ok(0);
            }
            if self.pending.is_empty() {
                // Then the view is the base, and its new root the base's.
                return Ok(self.store.stage_applied(entries, self.view.clone()));
            }
            return Ok(self.store.stage(entries));
        }
        let seq = self.pending.last().map_or(self.state.confirmed_seq, |last| last.seq) + 1;
        let mutation = Mutation::new(seq, id, name, ARGS_VERSION, args, at);
        let bytes = wire::encode_mutation(&mutation);
        self.pending.push(mutation);
        self.view = view;
        Ok(self.store.stage(alloc::vec![Entry { key: number_key(OUTBOX, seq).into(), value: Some(bytes.into()) }]))
    }

    fn put(&mut self, collection: Collection, rows: &Document) -> Result<u64, Stop> {
        let mut workspace = Workspace::new(self.store.reader(), &self.indexes);
        for (index, row) in rows.as_ref().items().enumerate() {
            let Value::Object(row) = row else {
                return Err(refused("bad_row", "is no object", index));
            };
            let Some(key) = row.str("id") else {
                return Err(refused("bad_row", "has no string id", index));
            };
            collection::check_limits(key, row.as_bytes()).map_err(|error| over_limit(error, index))?;
            put_newer(&*self.rules, &mut workspace, collection, key, row)?;
        }
        let finished = workspace.finish();
        self.changed |= bit(collection);
        Ok(self.commit(finished))
    }

    fn apply(&mut self, applied: &Applied) -> Result<u64, Stop> {
        let answer = &applied.response;
        if !applied.sent.is_from(&self.state) {
            // Another tab has synced meanwhile, or named the client. The server keeps the outcomes
            // until they are acknowledged, so the next exchange brings all again.
            return Ok(0);
        }
        let mut state = self.state.clone();
        let mut changed = 0;
        let mut workspace = Workspace::new(self.store.reader(), &self.indexes);
        for patch in &answer.scopes {
            let tree = rows_tree(patch.name);
            self.check_rows(&patch.changes, patch.name)?;
            // Products that the shop itself has stored stay over the first pull.
            let keeps = patch.name == Collection::Catalog && self.state.cookie(patch.name).is_none();
            if patch.reset && !keeps {
                clear(&mut workspace, tree)?;
            }
            for change in &patch.changes {
                match change {
                    Change::Put { key, value, .. } => {
                        put_newer(&*self.rules, &mut workspace, patch.name, key, value.as_ref())?;
                    }
                    Change::Del { key, .. } => workspace.delete(tree, key)?,
                }
            }
            if patch.reset || !patch.changes.is_empty() {
                changed |= bit(patch.name);
            }
            state.set_cookie(patch.name, patch.cookie);
        }
        for mutation in self.pending.iter().take_while(|mutation| mutation.seq <= answer.last_seq) {
            let Some(outcome) = answer.outcomes.iter().find(|outcome| outcome.seq == mutation.seq) else {
                // Another tab has sent more than this one, and the server had
                // that first. The next exchange brings its outcomes too.
                return Ok(0);
            };
            let code = outcome.code.as_deref().map_or(Value::Null, Value::Str);
            let told = Document::object(&[
                ("seq", Value::Int(mutation.seq as i64)),
                ("id", Value::Str(&mutation.id.to_text())),
                ("name", Value::Str(&mutation.name)),
                ("status", Value::Str(outcome.status.name())),
                ("code", code),
                ("detail", outcome.detail.as_ref().value()),
            ]);
            workspace.write(&number_key(OUTCOMES, mutation.seq), Some(told.unwrap_or_default().as_bytes()))?;
            workspace.write(&number_key(OUTBOX, mutation.seq), None)?;
            if let Some(old) = mutation.seq.checked_sub(OUTCOMES_KEPT) {
                workspace.write(&number_key(OUTCOMES, old), None)?;
            }
            changed |= collection_of(&mutation.name).map_or(0, bit);
        }
        state.epoch = Some(answer.epoch);
        state.confirmed_seq = state.confirmed_seq.max(answer.last_seq);
        if state == self.state {
            return Ok(0);
        }
        workspace.write(&row_key(META, SYNC_ROW), Some(state.to_document().as_bytes()))?;
        let finished = workspace.finish();
        self.state = state;
        self.pending.retain(|mutation| mutation.seq > self.state.confirmed_seq);
        self.changed |= changed;
        Ok(self.commit(finished))
    }

    /// What a server sends is refused as a whole rather than stored where no rule can read it.
    fn check_rows(&self, changes: &[Change], collection: Collection) -> Result<(), Stop> {
        for (index, change) in changes.iter().enumerate() {
            let Change::Put { key, value, .. } = change else { continue };
            collection::check_limits(key, value.as_bytes()).map_err(|error| over_limit(error, index))?;
            if !self.rules.is_row(collection, value) {
                return Err(refused("bad_answer", "is no row of its collection", index));
            }
        }
        Ok(())
    }

    /// Stages changes of the base and has the view computed anew.
    fn commit(&mut self, finished: Finished) -> u64 {
        if finished.entries.is_empty() {
            return 0;
        }
        self.view_stale = true;
        self.store.stage_applied(finished.entries, finished.overlay)
    }
}

/// A mutation's name begins with its collection's.
fn collection_of(mutation: &str) -> Option<Collection> {
    let dot = mutation.bytes().position(|byte| byte == b'.')?;
    Collection::from_name(mutation.get(..dot)?)
}

/// Bad arguments come from the page's code: it hears of them at once, and the
/// server never.
fn refuse_what_no_server_would_take(verdict: &Verdict) -> Result<(), Stop> {
    match verdict.code {
        Some(code @ ("bad_args" | "unknown_mutation")) if verdict.status == Status::Rejected => {
            Err(Stop::Refused { code: code.into(), detail: verdict.detail.clone() })
        }
        _ => Ok(()),
    }
}

fn put_newer(
    rules: &dyn super::ClientRules,
    workspace: &mut Workspace<'_>,
    collection: Collection,
    key: &str,
    row: DocumentRef<'_>,
) -> Result<(), TreeError> {
    let tree = rows_tree(collection);
    let before = workspace.get(tree, key)?;
    let is_kept = |before: &Document| before.as_ref() == row || !rules.replaces(collection, before.as_ref(), row);
    if before.as_ref().is_some_and(is_kept) {
        return Ok(());
    }
    workspace.put_over(tree, key, before.as_ref(), row.as_bytes())
}

fn clear(workspace: &mut Workspace<'_>, tree: TreeId) -> Result<(), TreeError> {
    for (key, _) in workspace.scan(tree, None, usize::MAX)? {
        workspace.delete(tree, &key)?;
    }
    Ok(())
}

/// Fills an index from the rows that are there.
fn build_index(workspace: &mut Workspace<'_>, index: &collection::Index) -> Result<(), TreeError> {
    let to = crate::key::after_prefix(&[index.tree.0]).unwrap_or_default();
    let mut old = Vec::new();
    workspace.reader().scan(crate::store::Scan::ascending(&[index.tree.0], &to), &mut |key, _| {
        old.push(key.to_vec());
        true
    })?;
    for key in old {
        workspace.write(&key, None)?;
    }
    for (name, row) in workspace.scan(index.rows, None, usize::MAX)? {
        if let Some((key, value)) = index.entry(&name, row.as_ref()) {
            workspace.write(&key, Some(&value))?;
        }
    }
    Ok(())
}
