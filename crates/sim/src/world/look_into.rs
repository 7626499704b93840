//! What must hold on a device. The numbers are those of the invariants in the sync's design.

use super::World;
use super::event::At;
use super::map_rows::MapRows;
use crate::inspect::{RowMap, Stored};
use crate::server::{NEWER, wave};
use crate::tab::scopes;
use pannier::format::document::Value;
use pannier::shop::ShopRules;
use pannier::sync::mutation::{Context, Id, Mutation, Rules, UNKNOWN_MUTATION};
use pannier::sync::rows::{Collection, Rows};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

/// Beyond so many numbers a client forgets outcomes.
const OUTCOMES_KEPT: u64 = 200;

/// A row without the time of its removal, which each side takes from its own clock.
fn timeless(rows: &RowMap) -> BTreeMap<String, Json> {
    let timeless = rows.iter().map(|(key, row)| {
        let mut row = json!(row);
        if let Some(fields) = row.as_object_mut() {
            fields.remove("removedAt");
        }
        (key.clone(), row)
    });
    timeless.collect()
}

/// The collection whose rows a mutation is about first.
fn collection_of(mutation: &Mutation) -> Option<Collection> {
    match mutation.name.split('.').next()? {
        "order" => Some(Collection::Orders),
        "row" => Collection::from_name(mutation.args.as_ref().str("collection")?),
        name => Collection::from_name(name),
    }
}

impl World {
    /// Any time, once a device is idle: the view is the base with the outbox
    /// done on it (3), base and confirmed number are of one moment (4), what
    /// left the outbox has its outcome (6), and no cookie has gone back (7).
    pub(super) fn look_into(&mut self, at: At) {
        if !self.is_open(at) {
            return;
        }
        self.settle(at.device);
        if !self.is_open(at) {
            return;
        }
        let stored = self.devices[at.device].stored(at.tab);
        self.check_view(at, &stored);
        let client = self.devices[at.device].tab(at.tab).client.id().expect("an open tab has an id");
        let sync = stored.sync.as_ref();
        let confirmed = sync.u64("confirmedSeq").unwrap_or(0);
        if let Some(epoch) = sync.u64("epoch").filter(|epoch| !self.relapsed.contains(epoch)) {
            self.check_base(at.device, client, epoch, &stored);
        }
        let numbers: Vec<u64> = stored.outbox.iter().map(|mutation| mutation.seq).collect();
        let gapless: Vec<u64> = (confirmed + 1..).take(numbers.len()).collect();
        assert_eq!(numbers, gapless, "the outbox does not follow on what is confirmed");
        self.check_outcomes(at.device, &stored);
        self.check_parked(&stored);
        let holds_back = !stored.outbox.is_empty() && self.devices[at.device].holds_back(at.tab);
        self.counts.add_if(holds_back, "edits held back by what is parked");
    }

    /// What no server has known yet is parked or comes again, in the order in which it was parked; none is dropped.
    fn check_parked(&self, stored: &Stored) {
        let sync = stored.sync.as_ref();
        let told = (sync.u64("parkedCount").unwrap_or(0), sync.u64("parkedBytes").unwrap_or(0));
        assert_eq!(told, (stored.parked.len() as u64, stored.parked_bytes), "what is parked is miscounted");
        let mut unknown = BTreeMap::new();
        for (seq, outcome) in &stored.outcomes {
            let outcome = outcome.as_ref();
            let id = outcome.str("id").and_then(Id::parse).expect("an outcome has an id");
            match outcome.str("code") {
                Some(UNKNOWN_MUTATION) => drop(unknown.insert(id, *seq)),
                _ => drop(unknown.remove(&id)),
            }
        }
        let parked: BTreeSet<Id> = stored.parked.iter().map(|mutation| mutation.id).collect();
        let again: Vec<Id> = stored.outbox.iter().map(|mutation| mutation.id).collect();
        let again: Vec<Id> = again.into_iter().filter(|id| unknown.contains_key(id)).collect();
        assert!(again.is_sorted_by_key(|id| unknown[id]), "what was parked comes back in another order");
        let is_kept = |id: &Id| parked.contains(id) || again.contains(id);
        assert!(unknown.keys().all(is_kept), "what a server did not know was dropped");
    }

    /// All that is not to be pulled anew is of one moment of the server, with the
    /// confirmed number; but the catalog may have come in pages.
    fn check_base(&mut self, device: usize, client: Id, epoch: u64, stored: &Stored) {
        let sync = stored.sync.as_ref();
        let cookies = scopes().into_iter().filter_map(|scope| Some((scope, sync.u64(scope.name())?)));
        let cookies: Vec<(Collection, u64)> = cookies.collect();
        let (confirmed, first_seq) = (sync.u64("confirmedSeq").unwrap_or(0), sync.u64("firstSeq").unwrap_or(1));
        let shopper = &self.devices[device].shopper;
        let mut snapshots = self.snapshots.iter().rev().filter(|one| one.shopper == *shopper && one.epoch == epoch);
        let mut all = snapshots.clone();
        for (scope, rev) in &cookies {
            if *scope == Collection::Catalog {
                let moment = all.find(|one| one.scopes[scope].0 == *rev).expect("the catalog had this revision");
                assert_eq!(stored.rows(*scope), *moment.scopes[scope].1, "the catalog is not what the server had");
            }
        }
        let moment = snapshots.find(|one| {
            let of_shopper = cookies.iter().filter(|(scope, _)| *scope != Collection::Catalog);
            let mut of_shopper = of_shopper.map(|(scope, rev)| one.scopes[scope].0 == *rev);
            of_shopper.all(|is_same| is_same)
                && one.last_seqs.get(&client).copied().unwrap_or(first_seq - 1) == confirmed
        });
        let moment = moment.expect("base and confirmed number are of one moment");
        for (scope, _) in cookies.iter().filter(|(scope, _)| *scope != Collection::Catalog) {
            assert_eq!(stored.rows(*scope), *moment.scopes[scope].1, "{} is not what the server had", scope.name());
        }
        let store = self.devices[device].deletions;
        for (scope, rev) in cookies {
            let before = self.cookies.insert((device, store, epoch, scope), rev).unwrap_or(0);
            assert!(before <= rev, "a cookie went back within its epoch, from {before} to {rev}");
        }
    }

    fn check_view(&mut self, at: At, stored: &Stored) {
        let now_ms = self.device_ms(at.device);
        let mut rows = MapRows(stored.base.clone());
        // What came out of the journal shows in the rows until they are pulled anew.
        let sync = stored.sync.as_ref();
        let again_to = sync.u64("againTo").unwrap_or(0);
        let shows = |mutation: &Mutation| {
            let is_old = |scope: Collection| sync.get(scope.name()) == Some(Value::Null);
            mutation.seq <= again_to && collection_of(mutation).is_some_and(is_old)
        };
        for mutation in stored.outbox.iter().filter(|mutation| !shows(mutation)) {
            let context = Context { id: mutation.id, ..Context::at(now_ms) };
            let done = match &mutation.name[..] {
                NEWER => wave(&mutation.args, &context, &mut rows),
                name => ShopRules.execute(name, mutation.v, &mutation.args, &context, &mut rows),
            };
            done.expect("rows in memory do not fail");
        }
        // Visits are of each side's own clock.
        for scope in scopes().into_iter().filter(|scope| *scope != Collection::History) {
            let expected: RowMap = rows.scan(scope, None, usize::MAX).expect("memory").into_iter().collect();
            let view = self.devices[at.device].view(at.tab, scope);
            let name = scope.name();
            assert_eq!(timeless(&view), timeless(&expected), "{name} is not its base with the outbox on it");
        }
    }

    fn check_outcomes(&self, device: usize, stored: &Stored) {
        let told = &self.devices[device].told;
        for outcome in stored.outcomes.values().chain(told.outcomes.values()) {
            let outcome = outcome.as_ref();
            let id = outcome.str("id").and_then(Id::parse).expect("an outcome has an id");
            let had = self.outcomes.get(&id).expect("only what was executed has an outcome");
            let is_one = had.iter().any(|had| {
                outcome.str("status") == Some(had.status.name())
                    && outcome.str("code") == had.code.as_deref()
                    && outcome.object("detail") == Some(had.detail.as_ref())
            });
            assert!(is_one, "{outcome:?} is none of {had:?}");
        }
        let known: BTreeSet<&str> = stored.outcomes.values().filter_map(|outcome| outcome.as_ref().str("id")).collect();
        if stored.outcomes.keys().next_back().is_some_and(|last| *last > OUTCOMES_KEPT) {
            return;
        }
        for id in told.durable.iter().filter(|id| self.submitted.contains_key(*id)) {
            let is_pending = stored.outbox.iter().any(|mutation| mutation.id == *id);
            assert!(is_pending || known.contains(&id.to_string()[..]), "{id} left the outbox without an outcome");
        }
    }
}
