//! The rebase: every pending mutation executed on top of what is stored, in
//! slices, between which the page has its turn.
//!
//! It stands on the roots that were current when it began. Nothing is written
//! here meanwhile, since operations wait for it, and what another tab writes
//! begins it anew. A checkpoint moves what is stored without changing it, so
//! that leaves both the rebase and a view that is through as they are.

use super::Client;
use super::changes::Written;
use super::state::WorkspaceRows;
use crate::collection::{Counts, Workspace};
use crate::stop::{Stop, Why};
use crate::sync::mutation::Context;
use crate::tree::Tree;

/// What a mutation costs to execute besides the bytes that it reads and writes,
/// as so many bytes.
const MUTATION_COST_BYTES: usize = 512;

/// A view that is being computed.
pub(super) struct Rebase {
    base: Tree,
    /// What was staged when it began, with the mutations so far on top.
    overlay: Tree,
    counts: Counts,
    /// What they have written.
    written: Written,
    /// How many of the pending ones they are.
    done: usize,
}

impl Client {
    /// Executes a slice of the pending mutations; tells whether the view is through.
    pub(super) fn rebase(&mut self) -> Result<bool, Stop> {
        let mut rebase = self.rebase.take().unwrap_or_else(|| Rebase {
            base: self.store.base().clone(),
            overlay: self.store.overlay().clone(),
            counts: Counts::default(),
            written: Written::default(),
            done: 0,
        });
        let sliced = self.execute_pending(&mut rebase);
        if sliced.is_err() || rebase.done < self.pending.len() {
            self.rebase = Some(rebase);
            return sliced.map(|()| false);
        }
        self.written.replace(rebase.written, &mut self.changes);
        self.view_counts = rebase.counts;
        self.view_stale = false;
        self.view = rebase.overlay;
        self.view_base = rebase.base;
        Ok(true)
    }

    /// Executes the next slice. After an error none of it has been.
    fn execute_pending(&self, rebase: &mut Rebase) -> Result<(), Stop> {
        let reader = self.store.reader_at(&rebase.base, &rebase.overlay);
        let mut workspace = Workspace::with_counts(reader, &self.schema, self.now_ms, rebase.counts.clone());
        let (mut done, mut cost) = (rebase.done, 0);
        for mutation in &self.pending[done..] {
            if cost >= self.store.slice_bytes_max() {
                break;
            }
            done += 1;
            if self.state.shows(mutation) {
                continue;
            }
            // A page that was just opened has not told the time yet.
            let context = Context { id: mutation.id, ..Context::at(self.now_ms.max(mutation.at)) };
            let written = workspace.written();
            let mut rows = WorkspaceRows(&mut workspace);
            match self.rules.execute(&mutation.name, mutation.v, &mutation.args, &context, &mut rows) {
                // One row that no rule can read must not hide all others: the
                // server decides about this mutation anyway.
                Ok(_) => {}
                Err(stop) if matches!(stop.why(), Why::CorruptRow { .. }) => {}
                Err(stop) => return Err(stop),
            }
            cost += MUTATION_COST_BYTES * (1 + workspace.written() - written);
        }
        let finished = workspace.finish()?;
        rebase.written.add(&finished.entries);
        match finished.overlay {
            Some(overlay) => rebase.overlay = overlay,
            None => rebase.overlay.put_all(&finished.entries),
        }
        rebase.counts = finished.counts;
        rebase.done = done;
        Ok(())
    }

    /// Does the next slice of what the view waits for, and what waits for the view where it was the last.
    pub(super) fn work_on_view(&mut self) {
        self.turn_due = false;
        self.run();
    }

    /// A checkpoint has moved entries of the overlay into the base: what is
    /// stored is what it was, and no mutation has to be executed again for that.
    /// A rebase under way keeps those entries in its overlay too, until the next.
    pub(super) fn rest_on_base(&mut self) {
        if let Some(rebase) = &mut self.rebase {
            rebase.base = self.store.base().clone();
        }
        if !self.view_stale {
            self.view_base = self.store.base().clone();
            self.view = self.store.overlay().clone();
            self.view.put_all(self.written.entries());
        }
    }
}
