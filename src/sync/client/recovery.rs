//! Going on after the server or the browser lost what it knew.
//!
//! A server that was restored or wiped is told again what it may have lost,
//! from the journal; a profile that was copied goes on as another client. Both
//! end the client's sequence and begin one under a new id, behind all numbers
//! that were ever used here. The ids of the mutations stay, and by them the
//! server knows what it has executed.

use super::Client;
use super::exchange::Sent;
use super::state::{CLIENT_ROW, SYNC_ROW, SyncState};
use crate::collection::{META, OUTBOX, Workspace, number_key, row_key};
use crate::format::document::{Document, Value};
use crate::stop::Stop;
use crate::sync::mutation::{Id, Mutation};
use crate::sync::wire::{self, SyncError};
use alloc::vec::Vec;
use xxhash_rust::xxh64::xxh64;

/// Most recoveries one after the other: a server that refuses again and again
/// is broken, and every recovery writes the outbox anew.
pub(super) const RECOVERIES_MAX: u32 = 4;

/// A refusal after which the client can go on.
#[derive(Clone, Debug, PartialEq)]
pub struct Recovery {
    sent: Sent,
    code: &'static str,
    /// The epoch from now on, where it changed.
    epoch: Option<u64>,
    /// The client's last executed mutation, where the server tells one.
    last_seq: Option<u64>,
    /// Whether the server has lost something.
    is_loss: bool,
}

impl Recovery {
    /// How to go on after `error`; `None` where that is not for the client to do.
    pub(super) fn of(sent: Sent, error: &SyncError) -> Option<Self> {
        let (epoch, last_seq, is_loss) = match *error {
            SyncError::EpochChanged { epoch, last_seq } => (Some(epoch), last_seq, true),
            SyncError::UnknownClient {} => (None, None, true),
            SyncError::SeqGap { expected } => (None, Some(expected.saturating_sub(1)), true),
            SyncError::OpMismatch { .. } => (None, None, false),
            _ => return None,
        };
        Some(Self { sent, code: error.code(), epoch, last_seq, is_loss })
    }
}

impl Client {
    #[inline(never)]
    pub(super) fn recover(&mut self, recovery: &Recovery) -> Result<u64, Stop> {
        self.recovered = None;
        if !recovery.sent.is_from(&self.state) {
            // Another tab has gone on already.
            return Ok(0);
        }
        let mut state = self.state.clone();
        let id = self.next_id();
        let mut workspace = Workspace::new(self.store.reader(), &self.schema, self.now_ms);
        let (mut again, mut lost) = (Vec::new(), 0);
        if recovery.is_loss {
            let executed = recovery.last_seq.unwrap_or(0);
            // All of it: under the server's last number may stand a mutation of a copy
            // of this profile. By their ids the server knows those that it has.
            again = state.journal.take(&mut workspace, 0)?;
            lost = state.journal.first.saturating_sub(executed + 1);
            state.epoch = recovery.epoch.or(state.epoch);
            state.cookies.iter_mut().for_each(|(_, cookie)| *cookie = None);
        }
        // Where the server has kept all of the sequence, that goes on.
        let mut pending = None;
        let count = again.len() as i64;
        if recovery.last_seq != Some(state.confirmed_seq) || !again.is_empty() {
            let row = Document::of(&[("id", Value::Bytes(&id.0))]);
            workspace.write(&row_key(META, CLIENT_ROW), Some(row.as_bytes()));
            state.client = Some(id);
            pending = Some(begin_anew(&mut workspace, &mut state, again, &self.pending));
        }
        workspace.write(&row_key(META, SYNC_ROW), Some(state.to_document().as_bytes()));
        let finished = workspace.finish()?;
        let told =
            [("code", Value::Str(recovery.code)), ("again", Value::Int(count)), ("lost", Value::Int(lost as i64))];
        self.recovered = Document::object(&told).ok();
        self.state = state;
        self.outcomes.clear();
        self.executed = 0;
        if let Some(pending) = pending {
            self.pending = pending;
        }
        Ok(self.commit(finished))
    }

    /// An id that no other client has. A profile that was copied draws other
    /// random bytes when it opens.
    fn next_id(&mut self) -> Id {
        let before = self.next_id;
        for (half, seed) in self.next_id.0.chunks_exact_mut(8).zip(1..) {
            half.copy_from_slice(&xxh64(&before.0, seed).to_le_bytes());
        }
        self.next_id
    }
}

/// Puts what is to be sent again before what is pending, all under numbers
/// that were never used.
fn begin_anew(
    workspace: &mut Workspace<'_>,
    state: &mut SyncState,
    again: Vec<Mutation>,
    pending: &[Mutation],
) -> Vec<Mutation> {
    let last = pending.last().map_or(state.confirmed_seq, |last| last.seq);
    // Those of an earlier time that are still pending are the first of these.
    let unsent = pending.iter().filter(|mutation| mutation.seq <= state.again_to).count();
    state.again_to = last + (again.len() + unsent) as u64;
    state.confirmed_seq = last;
    state.first_seq = last + 1;
    let mut all = again;
    for mutation in pending {
        workspace.write(&number_key(OUTBOX, mutation.seq), None);
        all.push(mutation.clone());
    }
    for (mutation, seq) in all.iter_mut().zip(last + 1..) {
        mutation.seq = seq;
        workspace.write(&number_key(OUTBOX, seq), Some(&wire::encode_mutation(mutation)));
    }
    all
}
