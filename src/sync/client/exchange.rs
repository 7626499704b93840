//! One exchange with the server: what is sent, and what comes back.

use super::recovery::{RECOVERIES_MAX, Recovery};
use super::state::SyncState;
use super::{Client, ClientEvent, Erasure, Operation, Queued};
use crate::sync::mutation::{Id, Mutation};
use crate::sync::rows::Collection;
use crate::sync::wire::{
    self, Answer, MUTATIONS_PER_SYNC_MAX, PROTOCOL, REQUEST_BYTES_MAX, SCHEMA, ScopeRequest, SyncError, SyncRequest,
    SyncResponse,
};
use alloc::boxed::Box;
use alloc::vec::Vec;

/// Room left for what is not mutations in a request.
const REQUEST_OVERHEAD_BYTES: usize = 1024;

/// Where the client stood when it sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Sent {
    client: Id,
    epoch: Option<u64>,
    cookies: Vec<(Collection, Option<u64>)>,
    confirmed_seq: u64,
    /// Where pages of a pull have come to.
    pub(super) staged: Option<(Collection, u64)>,
    /// The first mutation sent, and the last; where none was, the second is less.
    first_seq: u64,
    last_seq: u64,
}

impl Sent {
    /// Whether the client still stands where it stood.
    pub(super) fn is_from(&self, state: &SyncState) -> bool {
        Some(self.client) == state.client
            && self.epoch == state.epoch
            && self.cookies == state.cookies
            && self.confirmed_seq == state.confirmed_seq
    }

    /// The first mutation that was sent and executed must have its outcome: without it, it would never
    /// leave the outbox. A server that tells few at a time is asked for the others next.
    fn check(&self, response: &SyncResponse) -> Result<(), SyncError> {
        let is_executed = self.first_seq <= self.last_seq.min(response.last_seq);
        if is_executed && response.outcomes.iter().all(|outcome| outcome.seq != self.first_seq) {
            return Err(SyncError::Malformed { why: "a mutation has no outcome".into() });
        }
        Ok(())
    }
}

/// An answer with where the client stood when it asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Applied {
    pub(super) sent: Sent,
    pub(super) response: SyncResponse,
    /// Whether pages wait for the last of their pull.
    is_staging: bool,
}

impl Applied {
    /// Whether another exchange is due. What is still `pending` was not taken from this answer, which
    /// came too late, or was not in the request: an edit may have waited for code or for a segment
    /// meanwhile.
    pub(super) fn more(&self, pending: &[Mutation]) -> bool {
        !pending.is_empty() || self.is_staging || self.response.scopes.iter().any(|patch| patch.more)
    }
}

impl Client {
    /// The body of the next request, in postcard; `None` while the store is not
    /// open, its state is being read, or the last answer or what was parked is not durable: what this acknowledges, the
    /// server may forget. Whatever was asked before is given up.
    /// `now_ms` is the time in milliseconds since 1970.
    pub fn sync_request(&mut self, now_ms: u64) -> Option<Vec<u8>> {
        self.now_ms = self.now_ms.max(now_ms);
        let is_answer = |queued: &Queued| matches!(queued.operation, Operation::Recover(_) | Operation::Apply(_));
        if self.reload || self.view_stale || self.is_unparking || self.staged.iter().any(is_answer) {
            return None;
        }
        let client = self.state.client?;
        let staged = self.staged();
        let cookie = |name| match staged {
            Some((staged, cookie)) if staged == name => Some(cookie),
            _ => self.state.cookie(name),
        };
        let scopes = self.scopes.iter().map(|name| ScopeRequest { name: *name, cookie: cookie(*name) });
        let request = SyncRequest {
            protocol: PROTOCOL,
            schema: SCHEMA,
            epoch: self.state.epoch,
            client,
            ack_to: self.state.confirmed_seq,
            forget_before: self.forget_before(),
            first_seq: self.state.first_seq,
            scopes: scopes.collect(),
            mutations: self.batch(),
        };
        self.sent = Some(Sent {
            client,
            epoch: self.state.epoch,
            cookies: self.state.cookies.clone(),
            confirmed_seq: self.state.confirmed_seq,
            staged,
            first_seq: request.mutations.first().map_or(1, |first| first.seq),
            last_seq: request.mutations.last().map_or(0, |last| last.seq),
        });
        Some(wire::encode_request(&request))
    }

    /// No mutation below this number comes again. What is parked may, and then is pending, under a new
    /// number; so may what the journal holds, but with another client.
    fn forget_before(&self) -> u64 {
        let may_come = !self.pending.is_empty() || self.state.parked.count > 0;
        if may_come { 0 } else { self.state.journal.first }
    }

    /// How many of the first pending mutations have their outcome here.
    fn told(&self) -> usize {
        let pairs = self.pending.iter().zip(&self.outcomes);
        pairs.take_while(|(mutation, outcome)| (mutation.seq, mutation.id) == (outcome.seq, outcome.id)).count()
    }

    /// Whether the outcomes are here of all pending mutations that the server has executed. It may
    /// have executed more than this tab has sent: from another tab, or from a copy of this profile.
    /// Then the next exchange asks for the outcomes of those.
    pub(super) fn has_outcomes(&mut self, answer: &SyncResponse) -> bool {
        let executed = self.pending.iter().take_while(|mutation| mutation.seq <= answer.last_seq).count();
        self.outcomes.truncate(self.told().min(executed));
        for mutation in &self.pending[self.outcomes.len()..executed] {
            match answer.outcomes.iter().find(|outcome| outcome.seq == mutation.seq) {
                Some(outcome) => self.outcomes.push(outcome.clone()),
                None => return false,
            }
        }
        true
    }

    /// The last number that is sent. Where so much is parked that what is pending waits until that is
    /// sent again, since none of it is ever dropped, that is what a copy of this profile has brought to
    /// the server: no answer is taken in without its outcome. Where all of the shopper's is to be
    /// deleted, that must go out.
    fn sent_to(&self) -> u64 {
        if self.state.parked.is_much() && self.erasure() == Erasure::None { self.executed } else { u64::MAX }
    }

    /// Whether all that is pending waits for what is parked.
    pub(super) fn holds_back(&self) -> bool {
        self.pending.first().map_or(u64::MAX, |first| first.seq) > self.sent_to()
    }

    /// The oldest durable mutations whose outcomes are not here, as many as one request takes.
    fn batch(&self) -> Vec<Mutation> {
        let mut bytes_left = REQUEST_BYTES_MAX - REQUEST_OVERHEAD_BYTES;
        let mut batch = Vec::new();
        let sent_to = self.sent_to();
        for mutation in self.pending.iter().take(self.durable_count()).skip(self.told()).take(MUTATIONS_PER_SYNC_MAX) {
            if mutation.seq > sent_to {
                break;
            }
            let bytes = mutation.args.as_bytes().len() + mutation.name.len() + 64;
            match bytes_left.checked_sub(bytes) {
                Some(left) => bytes_left = left,
                None if batch.is_empty() => {}
                None => break,
            }
            let mut mutation = mutation.clone();
            // Both times are of the same clock, so it does not matter whether that is right.
            let age_ms = self.now_ms.saturating_sub(mutation.at);
            // What the server had executed in time, and has lost, stands.
            let is_again = mutation.seq <= self.state.again_to;
            mutation.valid_for = mutation.valid_for.filter(|_| !is_again).map(|left| left.saturating_sub(age_ms));
            batch.push(mutation);
        }
        batch
    }

    fn durable_count(&self) -> usize {
        let staged = self.staged.iter().map(|queued| queued.operation.mutations());
        self.pending.len().saturating_sub(staged.sum())
    }

    /// Takes the body of an answer in. An answer that is none, such as a page
    /// of HTML, is an error and changes nothing.
    pub fn sync_response(&mut self, body: &[u8], now_ms: u64) {
        let Some(sent) = self.sent.take() else { return };
        match wire::decode_answer(body) {
            Ok(Answer::Ok(mut response)) => {
                if let Err(error) = sent.check(&response) {
                    return self.sync_refused(error);
                }
                self.recoveries = 0;
                self.executed = response.last_seq;
                let is_staging = self.stage(&sent, &mut response);
                self.submit(Operation::Apply(Box::new(Applied { sent, response, is_staging })), now_ms);
            }
            Ok(Answer::Error(error)) => match Recovery::of(sent, &error) {
                Some(recovery) if self.recoveries < RECOVERIES_MAX => {
                    self.recoveries += 1;
                    self.submit(Operation::Recover(Box::new(recovery)), now_ms);
                }
                _ => {
                    // Told to the page; when that asks again, it may be another server.
                    self.recoveries = 0;
                    self.sync_refused(error);
                }
            },
            Err(error) => self.sync_refused(error),
        }
    }

    fn sync_refused(&mut self, error: SyncError) {
        self.events.push(ClientEvent::SyncRefused(error));
    }
}
