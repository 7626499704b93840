//! What must hold once the faults have stopped, and what has happened.

use super::event::At;
use super::{Counts, World};
use crate::inspect::RowMap;
use crate::server::Server;
use crate::tab::scopes;
use pannier::sync::mutation::{Id, Status, UNKNOWN_MUTATION};
use pannier::sync::rows::Collection;
use std::collections::BTreeSet;

impl World {
    /// After the faults: every view is what the server has, and what was durable
    /// was executed, once.
    pub(super) fn check_end(&mut self) {
        for device in 0..self.devices.len() {
            let shopper = self.devices[device].shopper.clone();
            let rows = |scope| -> RowMap { self.server.database.rows(&shopper, scope).into_iter().collect() };
            let all: Vec<(Collection, RowMap)> = scopes().into_iter().map(|scope| (scope, rows(scope))).collect();
            for tab in 0..self.devices[device].tabs.len() {
                if self.devices[device].tabs[tab].is_some() {
                    self.look_into(At { device, tab });
                    let device = &mut self.devices[device];
                    assert_eq!(device.tab(tab).client.pending_count(), 0);
                    for (scope, rows) in &all {
                        assert_eq!(device.view(tab, *scope), *rows, "{} is not what the server has", scope.name());
                    }
                }
            }
        }
        let log = self.server.log.iter().filter(|executed| !executed.again);
        assert_eq!(
            self.server.executed(),
            Some(log.clone().count() as u64),
            "the rules ran for more than was answered"
        );
        let known = log.filter(|executed| executed.outcome.code.as_deref() != Some(UNKNOWN_MUTATION));
        let ids: Vec<Id> = known.map(|executed| executed.mutation.id).collect();
        let once: BTreeSet<Id> = ids.iter().copied().collect();
        assert_eq!(once.len(), ids.len(), "a mutation was executed twice");
        let are_back = (0..self.devices.len()).filter(|device| !self.is_over(*device));
        for id in are_back.flat_map(|device| &self.devices[device].told.durable) {
            // What was refused before a restore is not done after it.
            let had = self.outcomes.get(id).into_iter().flatten();
            let was_refused = had.into_iter().any(|had| {
                let is_known = had.code.as_deref() != Some(UNKNOWN_MUTATION);
                is_known && matches!(had.status, Status::Noop | Status::Rejected)
            });
            assert!(once.contains(id) || was_refused, "a durable mutation was lost: {id}");
        }
        for id in &self.gone {
            // Nobody is left who would send it again to a server that has lost it.
            assert!(self.outcomes.contains_key(id), "a store was deleted with a mutation that was never sent: {id}");
        }
    }

    /// What happened, by name.
    pub(super) fn tally(mut self) -> Counts {
        for executed in &self.server.log {
            if executed.again {
                self.counts.add("mutations that were known by their id");
                continue;
            }
            let outcome = &executed.outcome;
            let code = outcome.code.as_ref().map_or(String::new(), |code| format!(" {code}"));
            self.counts.add(&format!("{} {}{code}", executed.mutation.name, outcome.status.name()));
            self.counts.add_if(executed.concurrent, "mutations on what another device had changed");
        }
        let executed = self.outcomes.len() as u64;
        self.counts.add_many("mutations that were never durable", self.submitted.len() as u64 - executed);
        for recovered in self.devices.iter().flat_map(|device| &device.told.recoveries) {
            let recovered = recovered.as_ref();
            self.counts.add(&format!("recoveries from {}", recovered.str("code").unwrap_or_default()));
            self.counts.add_many("mutations that a journal sent again", recovered.u64("again").unwrap_or(0));
        }
        let conflicts = self.devices.iter().map(|device| device.conflicts).sum();
        self.counts.add_many("conflicts between tabs", conflicts);
        self.counts
    }
}
