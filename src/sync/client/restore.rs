//! Going on after the store was deleted under the client, in whatever has taken
//! its place.
//!
//! The outbox is in memory, and goes into the new store as it was: the client
//! keeps its id, and the mutations their numbers and ids, by which the server
//! knows those that it has executed. Where another tab has made the new store,
//! and its client is this one, what that lacks goes behind what it has. Where it
//! is another client's, it may be another shopper's: then nothing of this one's
//! goes into it, and each of its edits is told as `deleted`. What stood in the
//! store alone is gone: what the server has is pulled anew.

use super::edit::Edit;
use super::journal::Journal;
use super::operation::{Operation, told};
use super::state::{CLIENT_ROW, SYNC_ROW, SyncState, WorkspaceRows};
use super::{Client, ClientEvent, Erasure, Queued};
use crate::collection::upkeep::SCHEMA_ROW;
use crate::collection::{JOURNAL, META, OUTBOX, Schema, Workspace, number_key, row_key};
use crate::format::document::{Document, Value};
use crate::format::head::NodeRef;
use crate::stop::{Stop, Why};
use crate::store::REPLACED;
use crate::sync::mutation::{Context, Id, Mutation, Outcome, Status};
use crate::sync::wire;
use crate::tree::{Fault, Tree};
use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Its store was deleted, and it cannot be part of the new one.
pub(super) const DELETED: &str = "deleted";

/// A node of no store: who reads on in one that was deleted waits for the next view.
const NOWHERE: NodeRef = NodeRef { segment: u32::MAX - 1, offset: 0, length: 0 };

/// What was known of a store that was deleted.
pub struct Restore {
    client: Id,
    state: SyncState,
    schema: Arc<Schema>,
    /// Mutations that were durable and have no outcome.
    pub(super) pending: Vec<Mutation>,
}

/// A mutation that was executed, and was not durable yet.
pub struct Carried {
    client: Id,
    mutation: Mutation,
}

impl Client {
    /// The store was deleted. What is to go into the new one is put by, and
    /// nothing is read or done until the view shows what is there now.
    #[inline(never)]
    pub(super) fn replaced(&mut self) -> Result<(), Fault> {
        let is_restoring = self.is_restoring();
        self.is_open = false;
        self.store.begin_anew();
        self.rebased(true, true, None);
        self.view = Tree::default();
        self.view_base = Tree::stored(Some(NOWHERE));
        self.view_awaited = true;
        self.frames.clear();
        self.frames_deleted = self.frame_last;
        self.events.push(ClientEvent::Replaced);
        self.carry_over(is_restoring);
        Ok(())
    }

    fn carry_over(&mut self, is_restoring: bool) {
        self.staging = None;
        self.is_unparking = false;
        if self.state.erased {
            // Nothing comes back, and what has taken its place goes too.
            return self.events.push(ClientEvent::Erasure(Erasure::Done));
        }
        // None, where not even that was durable: then all is done for the first time.
        let Some(client) = self.state.client else { return };
        let mut pending = self.pending.clone();
        for queued in core::mem::take(&mut self.waiting) {
            let operation = match queued.operation {
                Operation::Transaction(operations) => {
                    let is_of_it = |mutation: &Mutation| operations.iter().any(|one| is_of(one, mutation));
                    pending.retain(|mutation| !is_of_it(mutation));
                    self.refuse_deleted(queued.ticket);
                    continue;
                }
                operation => match pending.iter().rposition(|mutation| is_of(&operation, mutation)) {
                    Some(at) => Operation::Carry(Box::new(Carried { client, mutation: pending.remove(at) })),
                    None => operation,
                },
            };
            self.waiting.push_back(Queued { operation, ..queued });
        }
        // What was put by, and did not come to be durable, has all that was in the store before.
        if is_restoring {
            return;
        }
        // What the new store lacks of what this tab declares: an index, perhaps.
        // Nobody waits for that ticket any more.
        let ticket = self.waiting.front().map_or(self.tickets, |first| first.ticket - 1);
        self.waiting.push_front(Queued { ticket, operation: Operation::SetUp { new_id: client }, commit: 0 });
        self.waiting.push_front(Queued { ticket, operation: Operation::Restore(0), commit: 0 });
        let before = &self.state;
        let state = SyncState {
            epoch: before.epoch,
            confirmed_seq: before.confirmed_seq,
            first_seq: before.first_seq,
            again_to: before.again_to,
            acknowledged: before.acknowledged,
            journal: Journal { tree: JOURNAL, first: before.confirmed_seq + 1, count: 0, bytes: 0, since: 0 },
            ..SyncState::default()
        };
        self.restoring = Some(Box::new(Restore { client, state, schema: self.schema.clone(), pending }));
    }

    fn refuse_deleted(&mut self, ticket: u64) {
        self.events.push(ClientEvent::Refused { ticket, code: DELETED.into(), detail: Document::default() });
    }

    /// Whether what was put by is not durable yet.
    fn is_restoring(&self) -> bool {
        let mut queued = self.staged.iter().chain(&self.waiting);
        queued.any(|queued| matches!(queued.operation, Operation::Restore(_)))
    }

    /// Stages what was put by, on what is there now.
    #[inline(never)]
    pub(super) fn restore(&mut self) -> Result<(), Stop> {
        if !self.is_restoring() {
            self.restoring = None;
        }
        let Some(restoring) = &self.restoring else { return Ok(()) };
        let Restore { client, state, schema, pending } = &**restoring;
        let mut workspace = Workspace::new(self.store.reader(), &self.schema, self.now_ms);
        let (mut carried, mut left) = (Vec::new(), Vec::new());
        let is_new = self.state.client.is_none();
        if is_new {
            let row = Document::of(&[("id", Value::Bytes(&client.0))]);
            workspace.write(&row_key(META, CLIENT_ROW), Some(row.as_bytes()));
            workspace.write(&row_key(META, SYNC_ROW), Some(state.to_document().as_bytes()));
            workspace.write(&row_key(META, SCHEMA_ROW), Some(schema.to_document().as_bytes()));
            carried.clone_from(pending);
        } else {
            // Who has the shop open knows its collections by their numbers.
            let is_used = |name: &str| self.declared.iter().any(|declared| declared.name == name);
            let mut used = schema.collections().iter().filter(|known| is_used(&known.name));
            if !used.all(|known| self.schema.named(&known.name) == Some(known)) {
                return Err(REPLACED.into());
            }
            let is_ours = self.state.client == Some(*client) && self.erasure() == Erasure::None;
            let mut seq = self.last_seq();
            for mutation in pending {
                if !is_ours {
                    left.push(deleted(mutation));
                } else if !self.is_pending(mutation.id) {
                    seq += 1;
                    carried.push(Mutation { seq, ..mutation.clone() });
                }
            }
        }
        for mutation in &carried {
            workspace.write(&number_key(OUTBOX, mutation.seq), Some(&wire::encode_mutation(mutation)));
        }
        let finished = workspace.finish()?;
        if is_new {
            self.state = SyncState { client: Some(*client), ..state.clone() };
        }
        let count = carried.len();
        self.pending.append(&mut carried);
        self.events.append(&mut left);
        let commit = self.commit(finished);
        let ticket = self.waiting.front().map_or(0, |restoring| restoring.ticket);
        self.enqueue(Queued { ticket, operation: Operation::Restore(count), commit });
        Ok(())
    }

    /// Executes a mutation as it was prepared, unless it is pending by another tab.
    #[inline(never)]
    pub(super) fn carry(&self, workspace: &mut Workspace<'_>, edit: &mut Edit, carried: &Carried) -> Result<(), Stop> {
        let Carried { client, mutation } = carried;
        if self.state.client != Some(*client) {
            return Err(Stop::refused(DELETED, &[]));
        }
        if self.is_pending(mutation.id) {
            return Ok(());
        }
        let context = Context { id: mutation.id, ..Context::at(self.now_ms) };
        let written = workspace.written();
        let mut rows = WorkspaceRows(workspace);
        match self.rules.execute(&mutation.name, mutation.v, &mutation.args, &context, &mut rows) {
            // As in a rebase: the server decides.
            Ok(_) => {}
            Err(stop) if matches!(stop.why(), Why::CorruptRow { .. }) => {}
            Err(stop) => return Err(stop),
        }
        edit.shown.extend(workspace.keep_to_itself(written));
        edit.seq += 1;
        let mutation = Mutation { seq: edit.seq, ..mutation.clone() };
        workspace.write(&number_key(OUTBOX, edit.seq), Some(&wire::encode_mutation(&mutation)));
        edit.mutations.push(mutation);
        Ok(())
    }

    fn is_pending(&self, id: Id) -> bool {
        self.pending.iter().any(|mutation| mutation.id == id)
    }
}

/// Whether it is the operation that a mutation comes from.
fn is_of(operation: &Operation, mutation: &Mutation) -> bool {
    match operation {
        Operation::Mutate { id, .. } => *id == mutation.id,
        Operation::Carry(carried) => carried.mutation.id == mutation.id,
        _ => false,
    }
}

/// What a mutation came to that no store holds any more.
fn deleted(mutation: &Mutation) -> ClientEvent {
    let outcome = Outcome {
        seq: mutation.seq,
        id: mutation.id,
        status: Status::Rejected,
        code: Some(String::from(DELETED)),
        detail: Document::default(),
        rev: 0,
    };
    ClientEvent::Outcome(told(mutation, &outcome, false))
}
