//! Collections with a byte budget: what is noted of their use, and when they
//! are over it.

use super::Client;
use crate::collection::budget::{Budget, note};
use crate::collection::{Finished, TreeId, Workspace, row_key};
use crate::format::log::Entry;
use crate::stop::Stop;

impl Client {
    /// The row `key` of a tree of rows was shown again without being read:
    /// without this, rows that are kept decoded would be evicted the sooner.
    pub fn used(&mut self, rows_tree: TreeId, key: &str) {
        note(&mut self.budgets, &row_key(rows_tree, key));
    }

    /// Keeps to the budgets that this tab declares. Called with what is read
    /// from the store itself.
    pub(super) fn load_budgets(&mut self) -> Result<(), Stop> {
        for declared in &self.declared {
            let Some(bytes_max) = declared.bytes_max else { continue };
            let Some(collection) = self.schema.named(&declared.name) else { continue };
            if self.budgets.iter().all(|budget| budget.rows != collection.tree) {
                self.budgets.push(Budget::new(collection.tree, bytes_max));
            }
        }
        for budget in &self.budgets {
            self.upkeep_due |= budget.is_due(&self.store.reader())?;
        }
        Ok(())
    }

    /// Notes the rows that a commit writes.
    pub(super) fn note_written(&mut self, entries: &[Entry]) {
        for entry in entries {
            self.has_grown |= entry.value.is_some() && note(&mut self.budgets, &entry.key);
        }
    }

    /// Has a commit, whose rows are noted, take along what was used.
    pub(super) fn take_along(&mut self, finished: &mut Finished) {
        let written = finished.entries.len();
        if written == 0 {
            return;
        }
        for budget in &mut self.budgets {
            budget.save(&mut finished.entries, self.now_ms);
        }
        self.has_grown |= finished.entries.len() > written;
        if let Some(overlay) = &mut finished.overlay {
            overlay.put_all(&finished.entries[written..]);
        }
    }

    /// Looks whether what was just staged is over a budget.
    pub(super) fn check_budgets(&mut self) {
        let reader = self.store.reader();
        if !core::mem::take(&mut self.has_grown) {
            return;
        }
        for budget in &self.budgets {
            // The size was written just now, and so is in memory.
            self.upkeep_due |= budget.is_due(&reader).unwrap_or_default();
        }
    }

    /// Does a step for the first budget that needs one.
    pub(super) fn keep_budgets(&mut self) -> Result<u64, Stop> {
        let mut workspace = Workspace::new(self.store.reader(), &self.schema, self.now_ms);
        for budget in &mut self.budgets {
            if budget.step(&mut workspace, self.now_ms)? {
                self.upkeep_due = true;
                break;
            }
        }
        let finished = workspace.finish()?;
        Ok(self.commit(finished))
    }
}
