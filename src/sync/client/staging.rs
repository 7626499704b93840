//! Pages of a pull, kept until all have come.
//!
//! What the shopper sees goes from one state of the server to another, never
//! to half of one. The pages are in memory alone: a tab that dies in the
//! middle pulls from the start again.

use super::Client;
use super::exchange::Sent;
use crate::sync::rows::Collection;
use crate::sync::wire::{Change, ScopePatch, SyncResponse};
use alloc::vec::Vec;

/// Most bytes of keys and values that wait for their last page. A pull of more
/// is shown in parts: a phone that holds it all in memory loses the page.
const STAGED_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The pages so far, as one.
pub(super) struct Staging {
    /// The epoch, and the cookie from which they go on.
    from: (Option<u64>, Option<Option<u64>>),
    patch: ScopePatch,
    bytes: usize,
}

impl Client {
    /// Up to where which scope has come in pages. Pages that another tab has
    /// overtaken are forgotten.
    pub(super) fn staged(&mut self) -> Option<(Collection, u64)> {
        let (epoch, state) = (self.state.epoch, &self.state);
        self.staging = self.staging.take().filter(|staging| staging.from == (epoch, state.pulled(staging.patch.name)));
        self.staging.as_ref().map(|staging| (staging.patch.name, staging.patch.cookie))
    }

    /// Keeps pages back that others follow, and completes those that the last
    /// has followed. Returns whether any are kept back.
    pub(super) fn stage(&mut self, sent: &Sent, response: &mut SyncResponse) -> bool {
        let before = self.staging.take();
        let Some(place) = response.scopes.iter().position(|patch| {
            let is_next = sent.staged.is_some_and(|(name, _)| name == patch.name);
            patch.more || is_next
        }) else {
            return false;
        };
        let patch = response.scopes.swap_remove(place);
        let staging = match before {
            Some(before) if before.patch.name == patch.name && !patch.reset => before.followed_by(patch),
            _ => Staging {
                from: (Some(response.epoch), self.state.pulled(patch.name)),
                bytes: size(&patch.changes),
                patch,
            },
        };
        if staging.patch.more && staging.bytes < STAGED_BYTES_MAX {
            self.staging = Some(staging);
            return true;
        }
        response.scopes.push(staging.patch);
        false
    }
}

impl Staging {
    fn followed_by(mut self, next: ScopePatch) -> Self {
        self.bytes += size(&next.changes);
        let mut changes: Vec<Change> = self.patch.changes;
        changes.extend(next.changes);
        self.patch = ScopePatch { reset: self.patch.reset, changes, ..next };
        self
    }
}

fn size(changes: &[Change]) -> usize {
    let bytes = |change: &Change| match change {
        Change::Put { key, value, .. } => key.len() + value.as_bytes().len(),
        Change::Del { key, .. } => key.len(),
    };
    changes.iter().map(bytes).sum()
}
