//! What a page changes: mutations, and rows that no mutation writes. All that
//! one operation holds is one commit.

use super::operation::{ARGS_VERSION, Operation, bad_row, collection_of};
use super::state::{SYNC_ROW, SyncState, WorkspaceRows};
use super::{Client, ClientRules, Erasure};
use crate::collection::range::bounds;
use crate::collection::{
    Finished, META, OUTBOX, ROWS_DELETED_MAX, Schema, TreeId, Workspace, check_limits, key_of, number_key, row_key,
    schema, typed_key,
};
use crate::format::document::{Document, DocumentRef, Value};
use crate::format::log::Entry;
use crate::stop::{Stop, Why};
use crate::sync::mutation::{Context, ERASE, Id, Mutation, Status, UNKNOWN_MUTATION, Verdict};
use crate::sync::rows::Collection;
use crate::sync::wire;
use crate::tree::{Tree, later};
use alloc::vec::Vec;
use xxhash_rust::xxh64::xxh64;

/// What an edit does beside writing rows.
#[derive(Default)]
pub(super) struct Edit {
    /// Number of the last mutation in the outbox.
    pub(super) seq: u64,
    pub(super) mutations: Vec<Mutation>,
    /// What the mutations have written, and only the view shows.
    pub(super) shown: Vec<Entry>,
    /// It writes rows that pending mutations may read.
    is_under_view: bool,
    /// All is to be deleted, and there is no server to ask.
    erased: bool,
}

impl Client {
    /// Does all of `operations`, from that of number 0 on, on top of what the shopper sees.
    pub(super) fn edit<'o>(&mut self, operations: &dyn Fn(usize) -> Option<&'o Operation>) -> Result<u64, Stop> {
        if self.erasure() != Erasure::None {
            return Err(Stop::refused("erased", &[]));
        }
        let had_pending = !self.pending.is_empty();
        let view = self.store.reader_over(&self.view);
        let mut workspace = Workspace::with_counts(view, &self.schema, self.now_ms, self.view_counts.clone());
        let seq = self.last_seq();
        let mut edit = Edit { seq, ..Edit::default() };
        for operation in (0..).map_while(operations) {
            self.step(&mut workspace, operation, &mut edit)?;
        }
        let mut finished = workspace.finish()?;
        self.note_written(&finished.entries);
        self.take_along(&mut finished);
        let Finished { overlay, entries, counts } = finished;
        self.view_counts = counts;
        self.state.erased |= edit.erased;
        self.changes.add_entries(&edit.shown);
        self.changes.add_entries(&entries);
        self.go_along(&entries);
        self.written.add(&edit.shown);
        self.pending.append(&mut edit.mutations);
        if self.pending.is_empty() {
            // Then the view is what is staged. Let go of here, that is changed in place.
            self.view = Tree::default();
            let commit = self.store.stage_over(entries, overlay);
            self.view = self.store.overlay().clone();
            self.check_budgets();
            return Ok(commit);
        }
        match overlay {
            Some(overlay) => self.view = overlay,
            None => self.view.put_all(&entries),
        }
        // The view shows what pending mutations have made of a row that is written here.
        let is_covered = |entry: &Entry| self.written.holds(&entry.key);
        self.view_stale |= had_pending && (edit.is_under_view && !entries.is_empty() || entries.iter().any(is_covered));
        let commit = self.store.stage(entries);
        self.check_budgets();
        Ok(commit)
    }

    /// Does one operation of an edit in a workspace.
    pub(super) fn step(
        &self,
        workspace: &mut Workspace<'_>,
        operation: &Operation,
        edit: &mut Edit,
    ) -> Result<(), Stop> {
        let schema = workspace.schema();
        match operation {
            Operation::Mutate { name, asked, id, at } => self.mutate(workspace, edit, name, asked, *id, *at),
            Operation::Put { rows_tree, rows } => {
                let collection = edit.writes(schema, *rows_tree)?;
                put(&*self.rules, workspace, collection, rows)
            }
            Operation::Delete { rows_tree, keys } => {
                edit.writes(schema, *rows_tree)?;
                for (index, parts) in keys.as_ref().items().enumerate() {
                    let key = typed_key(*rows_tree, &mut [Some(parts)].into_iter());
                    workspace.delete_row(&key.ok_or_else(|| bad_row("bad_key", "is no key", index))?)?;
                }
                Ok(())
            }
            _ => later::run(|| self.step_rare(workspace, operation, edit)),
        }
    }

    fn mutate(
        &self,
        workspace: &mut Workspace<'_>,
        edit: &mut Edit,
        name: &str,
        asked: &Document,
        id: Id,
        at: u64,
    ) -> Result<(), Stop> {
        let context = Context { id, ..Context::at(self.now_ms) };
        let written = workspace.written();
        let mut rows = WorkspaceRows(workspace);
        let args = self.rules.prepare(name, asked, &mut rows)?;
        let verdict = self.rules.execute(name, ARGS_VERSION, &args, &context, &mut rows)?;
        refuse_what_no_server_would_take(verdict)?;
        // A shopper who signs out stays on the server, and takes only what is there from the device.
        let is_of_device = name == ERASE && asked.as_ref().bool("device") == Some(true);
        if is_of_device && !self.pending.is_empty() {
            return Err(Stop::refused("pending", &[]));
        }
        let is_sent = match collection_of(name, &args) {
            Some(collection) => self.scopes.contains(&collection),
            None => !self.scopes.is_empty() && !is_of_device,
        };
        if is_sent {
            // What it does shows, but only the intent is stored until the server has confirmed it.
            edit.shown.extend(workspace.keep_to_itself(written));
            edit.seq += 1;
            let mut mutation = Mutation::new(edit.seq, id, name, ARGS_VERSION, args, at);
            mutation.valid_for = asked.as_ref().u64("validFor");
            let bytes = wire::encode_mutation(&mutation);
            workspace.write(&number_key(OUTBOX, edit.seq), Some(&bytes));
            edit.mutations.push(mutation);
        } else if name == ERASE {
            let state = SyncState { erased: true, ..self.state.clone() };
            workspace.write(&row_key(META, SYNC_ROW), Some(state.to_document().as_bytes()));
            edit.erased = true;
        }
        Ok(())
    }

    /// Does what most pages do not: see [`later`].
    fn step_rare(&self, workspace: &mut Workspace<'_>, operation: &Operation, edit: &mut Edit) -> Result<(), Stop> {
        let schema = workspace.schema();
        match operation {
            Operation::DeleteRange { rows_tree, asked } => {
                edit.writes(schema, *rows_tree)?;
                let bounds = bounds(*rows_tree, asked);
                let bounds = bounds.map_err(|bad| Stop::bad_args(bad.bound, "must be a list of key parts"))?;
                let limit = match asked.as_ref().u64("limit") {
                    Some(limit) => limit,
                    None => workspace.reader().count(&bounds.from, &bounds.to)?,
                };
                if limit > ROWS_DELETED_MAX {
                    let size = |rows: u64| Value::Int(rows as i64);
                    let detail = [
                        ("field", Value::Str("range")),
                        ("why", Value::Str("deletes too many rows at once")),
                        ("bytes", size(limit)),
                        ("limit", size(ROWS_DELETED_MAX)),
                    ];
                    return Err(Stop::refused("too_large", &detail));
                }
                Ok(workspace.delete_range(&bounds.from, &bounds.to, limit)?)
            }
            Operation::Read { query, found } => {
                let mut hash = Hash::default();
                query.run(&workspace.reader(), schema, &mut |key, row| hash.add(key, row))?;
                unchanged(hash.0 == *found)
            }
            Operation::Count { query, found } => unchanged(query.count(&workspace.reader(), schema)? == *found),
            Operation::Carry(carried) => self.carry(workspace, edit, carried),
            _ => Err(Stop::bad_args("operation", "cannot be part of a transaction")),
        }
    }
}

impl Edit {
    /// Notes a write; refuses one of a collection that rules alone write.
    fn writes<'s>(&mut self, schema: &'s Schema, rows_tree: TreeId) -> Result<&'s schema::Collection, Stop> {
        self.is_under_view = true;
        let written = schema.collection(rows_tree).filter(|collection| !collection.is_merged());
        written.ok_or_else(|| Stop::bad_args("collection", "must be one that a page writes"))
    }
}

/// A hash of what a query finds.
#[derive(Default)]
pub(super) struct Hash(pub(super) u64);

impl Hash {
    pub(super) fn add(&mut self, key: &[u8], row: &[u8]) {
        self.0 = xxh64(row, xxh64(key, self.0));
    }
}

fn unchanged(holds: bool) -> Result<(), Stop> {
    if holds { Ok(()) } else { Err(Stop::refused("conflict", &[])) }
}

fn put(
    rules: &dyn ClientRules,
    workspace: &mut Workspace<'_>,
    collection: &schema::Collection,
    rows: &Document,
) -> Result<(), Stop> {
    let commerce = collection.tree.0.checked_sub(crate::collection::ROWS).and_then(Collection::from_number);
    for (index, row) in rows.as_ref().items().enumerate() {
        let Value::Object(row) = row else {
            return Err(bad_row("bad_row", "is no object", index));
        };
        let key = key_of(collection, row).ok_or_else(|| bad_row("bad_row", "has no key of scalars", index))?;
        check_limits(&key, row.as_bytes(), index)?;
        put_newer(rules, workspace, commerce, &key, row)?;
    }
    Ok(())
}

/// Writes a row, unless one that is there must stay.
pub(super) fn put_newer(
    rules: &dyn ClientRules,
    workspace: &mut Workspace<'_>,
    commerce: Option<Collection>,
    key: &[u8],
    row: DocumentRef<'_>,
) -> Result<(), Stop> {
    let before = workspace.row(key)?;
    let is_kept = |before: &Document| {
        let may_replace = |collection| rules.replaces(collection, before.as_ref(), row);
        before.as_ref() == row || !commerce.is_none_or(may_replace)
    };
    if before.as_ref().is_some_and(is_kept) {
        return Ok(());
    }
    workspace.put_over(key, before.as_ref(), row.as_bytes());
    Ok(())
}

/// Bad arguments come from the page's code: it hears of them at once, and the
/// server never.
fn refuse_what_no_server_would_take(verdict: Verdict) -> Result<(), Stop> {
    match verdict.code {
        Some(code @ ("bad_args" | UNKNOWN_MUTATION)) if verdict.status == Status::Rejected => {
            Err(Why::Refused { code, detail: verdict.detail }.into())
        }
        _ => Ok(()),
    }
}
