//! The journal: mutations that the server has acknowledged, kept for the case
//! that it loses them. Those that it did not know are parked in another one.
//!
//! Only what had an effect is in it. What was refused must not take effect
//! years later, because a restored server finds other stock.

use crate::collection::{TreeId, Workspace, key_number, number_key};
use crate::format::varint;
use crate::stop::Stop;
use crate::store::Scan;
use crate::sync::mutation::Mutation;
use crate::sync::wire::{self, JOURNAL_BYTES_MAX, JOURNAL_MUTATIONS_MAX};
use crate::tree::later;
use alloc::vec::Vec;

/// What the journal holds.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Journal {
    pub(super) tree: TreeId,
    /// Mutations from this number on, as far as they had an effect.
    pub(super) first: u64,
    pub(super) count: u64,
    pub(super) bytes: u64,
    /// None was added before, by the server's clock.
    pub(super) since: u64,
}

impl Journal {
    /// Adds a mutation that was acknowledged at `at` by the server's clock.
    pub(super) fn add(&mut self, workspace: &mut Workspace<'_>, mutation: &Mutation, at: u64) {
        let mut entry = Vec::new();
        varint::write(&mut entry, at);
        entry.extend_from_slice(&wire::encode_mutation(mutation));
        workspace.write(&number_key(self.tree, mutation.seq), Some(&entry));
        self.since = if self.count == 0 { at } else { self.since.min(at) };
        self.count += 1;
        self.bytes += entry.len() as u64;
    }

    /// Drops what was added before `before_ms`, and the oldest of what is too much.
    pub(super) fn prune(&mut self, workspace: &mut Workspace<'_>, before_ms: u64) -> Result<(), Stop> {
        let is_old = self.count > 0 && self.since < before_ms;
        if is_old || self.is_much() { later::run(|| self.drop_oldest(workspace, before_ms)) } else { Ok(()) }
    }

    /// Whether it holds more than it may for long.
    pub(super) fn is_much(&self) -> bool {
        self.count > JOURNAL_MUTATIONS_MAX as u64 || self.bytes > JOURNAL_BYTES_MAX
    }

    fn drop_oldest(&mut self, workspace: &mut Workspace<'_>, before_ms: u64) -> Result<(), Stop> {
        let mut dropped = Vec::new();
        let (from, to) = (number_key(self.tree, self.first), [self.tree.0 + 1]);
        let mut journal = self.clone();
        workspace.reader().scan(Scan::ascending(&from, &to), &mut |key, entry| {
            let Some(seq) = key_number(key) else { return true };
            journal.since = acknowledged_at(entry);
            let is_old = journal.since < before_ms;
            let is_much = journal.is_much();
            if is_old || is_much {
                journal.first = seq + 1;
                journal.count = journal.count.saturating_sub(1);
                journal.bytes = journal.bytes.saturating_sub(entry.len() as u64);
                dropped.push(seq);
            }
            is_old || is_much
        })?;
        *self = journal;
        for seq in dropped {
            workspace.write(&number_key(self.tree, seq), None);
        }
        Ok(())
    }

    /// The mutations from number `from` on, taken out.
    pub(super) fn take(&mut self, workspace: &mut Workspace<'_>, from: u64) -> Result<Vec<Mutation>, Stop> {
        let mut taken = Vec::new();
        let (from, to) = (number_key(self.tree, from), [self.tree.0 + 1]);
        let (mut count, mut bytes) = (0, 0);
        workspace.reader().scan(Scan::ascending(&from, &to), &mut |_, mut entry| {
            count += 1;
            bytes += entry.len() as u64;
            // One that does not read would hold up all others.
            taken.extend(varint::read(&mut entry).and_then(|_| wire::decode_mutation(entry)));
            true
        })?;
        for mutation in &taken {
            workspace.write(&number_key(self.tree, mutation.seq), None);
        }
        self.count = self.count.saturating_sub(count);
        self.bytes = self.bytes.saturating_sub(bytes);
        Ok(taken)
    }
}

fn acknowledged_at(mut entry: &[u8]) -> u64 {
    varint::read(&mut entry).unwrap_or(0)
}
