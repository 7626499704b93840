//! What must hold. The numbers are those of the invariants in the sync's design.

use super::event::At;
use super::{Counts, Numbers, World};
use crate::inspect::{RowMap, Stored};
use crate::server::{NEWER, Server, wave};
use crate::tab::OWN;
use pannier::format::document::{Document, DocumentRef, Value};
use pannier::shop::ShopRules;
use pannier::sync::mutation::{Context, Id, Rules, Status, UNKNOWN_MUTATION};
use pannier::sync::rows::{Collection, Rows, RowsError};
use pannier::sync::server::ServerTx;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// A shopper's cart on the server at one moment.
pub(super) struct Snapshot {
    shopper: &'static str,
    epoch: u64,
    rev: u64,
    cart: RowMap,
    last_seqs: BTreeMap<Id, u64>,
}

/// Beyond so many numbers a client forgets outcomes.
const OUTCOMES_KEPT: u64 = 200;

/// Rows that a plain map holds.
struct MapRows(BTreeMap<(Collection, String), Document>);

impl Rows for MapRows {
    fn get(&mut self, collection: Collection, key: &str) -> Result<Option<Document>, RowsError> {
        Ok(self.0.get(&(collection, key.into())).cloned())
    }

    fn put(&mut self, collection: Collection, key: &str, value: &Document) -> Result<(), RowsError> {
        self.0.insert((collection, key.into()), value.clone());
        Ok(())
    }

    fn delete(&mut self, collection: Collection, key: &str) -> Result<(), RowsError> {
        self.0.remove(&(collection, key.into()));
        Ok(())
    }

    fn scan(
        &mut self,
        collection: Collection,
        _: Option<&str>,
        _: usize,
    ) -> Result<Vec<(String, Document)>, RowsError> {
        let rows = self.0.iter().filter(|((other, _), _)| *other == collection);
        Ok(rows.map(|((_, key), row)| (key.clone(), row.clone())).collect())
    }

    fn own(&mut self) -> Result<Vec<Collection>, RowsError> {
        let own = self.0.keys().filter(|(kind, _)| matches!(kind, Collection::Own(_)));
        Ok(own.map(|(kind, _)| *kind).collect())
    }

    fn count(&mut self, collection: Collection) -> Result<u64, RowsError> {
        Ok(self.0.keys().filter(|(other, _)| *other == collection).count() as u64)
    }
}

/// A line without the time of its removal, which each side takes from its own
/// clock: quantity, generation, sum added, and whether it is deselected and saved for later.
type Timeless = (Option<u64>, Option<u64>, Option<u64>, (bool, bool));

fn timeless(row: DocumentRef<'_>) -> Timeless {
    (
        row.u64("qty"),
        row.u64("gen"),
        row.u64("added"),
        (row.bool("selected") == Some(false), row.bool("saved") == Some(true)),
    )
}

fn timeless_rows(rows: &RowMap) -> BTreeMap<String, Timeless> {
    rows.iter().map(|(key, row)| (key.clone(), timeless(row.as_ref()))).collect()
}

impl World {
    /// After every request: what each shopper has on the server is what the log
    /// comes to, done one after the other, and each outcome is the plain one's
    /// (1, 5, 8); the numbers of each client have no gap (2).
    pub(super) fn look(&mut self) {
        while let Some(executed) = self.server.log.get(self.compared) {
            self.compared += 1;
            let (client, mutation, outcome) = (executed.client, &executed.mutation, &executed.outcome);
            let before = self.numbers.get(&client).copied();
            let first = before.map_or(mutation.seq, |before| before.first);
            assert!(before.is_none_or(|before| before.last + 1 == mutation.seq), "the numbers have a gap");
            self.numbers.insert(client, Numbers { first, last: mutation.seq });
            if executed.again {
                continue;
            }
            let args = serde_json::to_value(&mutation.args).expect("JSON");
            let plain = self.plain.get_mut(&executed.shopper[..]).expect("a shopper");
            let is_known = mutation.name != NEWER || outcome.code.as_deref() != Some(UNKNOWN_MUTATION);
            let came = match &mutation.name[..] {
                NEWER if self.server.is_newer => {
                    plain.apply("cart.select", &json!({ "line": args["line"], "selected": true }), self.server.clock_ms)
                }
                NEWER => ("rejected", Some(UNKNOWN_MUTATION)),
                name if name.starts_with("row.") => plain.apply_row(name, &args, tag(mutation.id)),
                name => plain.apply(name, &args, self.server.clock_ms),
            };
            assert!(is_known || !self.server.is_newer, "a newer server did not know {mutation:?}");
            assert_eq!((outcome.status.name(), outcome.code.as_deref()), came, "{mutation:?}");
            self.outcomes.entry(mutation.id).or_default().push(outcome.clone());
        }
        let last_seqs = self.server.last_seqs().clone();
        for (client, last_seq) in &last_seqs {
            let known = self.server.database.client(*client).expect("memory does not fail");
            assert_eq!(known.map_or(0, |known| known.last_seq), *last_seq, "told and stored numbers differ");
            let executed = self.numbers.get(client).map_or(0, |numbers| numbers.last + 1 - numbers.first);
            assert_eq!(self.server.database.outcomes_kept(*client) as u64, executed, "an outcome is missing");
        }
        let epoch = self.server.database.epoch().expect("memory does not fail");
        for (shopper, plain) in &self.plain {
            let cart: RowMap = self.server.database.rows(shopper, Collection::Cart).into_iter().collect();
            let lines = plain.lines.iter().map(|(key, line)| {
                let marks = (line.deselected, line.saved);
                (key.clone(), (Some(line.qty), Some(line.generation), Some(line.added), marks))
            });
            let lines: BTreeMap<_, _> = lines.collect();
            assert_eq!(timeless_rows(&cart), lines, "{shopper}'s cart is not what the log comes to");
            let (mut visits, mut cuts) = (BTreeMap::new(), BTreeMap::new());
            for (event, row) in self.server.database.rows(shopper, Collection::History) {
                let sku = row.as_ref().str("sku").unwrap_or_default().to_owned();
                match row.as_ref().u64("cut") {
                    Some(cut) => drop(cuts.insert(sku, cut)),
                    None => drop(visits.insert(event, (sku, row.as_ref().u64("at").unwrap_or(0)))),
                }
            }
            assert_eq!((&visits, &cuts), (&plain.visits, &plain.cuts), "{shopper}'s history is not");
            let mut own = BTreeMap::new();
            for name in OWN {
                let rows = self.server.database.rows(shopper, Collection::from_name(name).expect("a name"));
                own.extend(rows.into_iter().map(|(key, row)| ((name.to_owned(), key), json!(row))));
            }
            assert_eq!(own, plain.own, "{shopper}'s own rows are not what the log comes to");
            let rev = self.server.database.rev(shopper, Collection::Cart).expect("memory does not fail");
            let last_seqs = last_seqs.clone();
            self.snapshots.push(Snapshot { shopper, epoch, rev, cart, last_seqs });
        }
    }

    /// Any time, once a device is idle: the view is the base with the outbox
    /// done on it (3), base and confirmed number are of one moment (4), what
    /// left the outbox has its outcome (6), and no cookie has gone back (7).
    pub(super) fn look_into(&mut self, at: At) {
        if !self.is_open(at) {
            return;
        }
        self.devices[at.device].settle();
        let stored = self.devices[at.device].stored(at.tab);
        self.check_view(at, &stored);
        let client = self.devices[at.device].tab(at.tab).client.id().expect("an open tab has an id");
        let sync = stored.sync.as_ref();
        let (rev, confirmed) = (sync.u64("cart"), sync.u64("confirmedSeq").unwrap_or(0));
        let first_seq = sync.u64("firstSeq").unwrap_or(1);
        if let (Some(rev), Some(epoch)) = (rev, sync.u64("epoch")) {
            let shopper = &self.devices[at.device].shopper;
            let moment = |snapshot: &&Snapshot| {
                (snapshot.shopper, snapshot.epoch, snapshot.rev) == (shopper, epoch, rev)
                    && snapshot.last_seqs.get(&client).copied().unwrap_or(first_seq - 1) == confirmed
            };
            let snapshot = self.snapshots.iter().rev().find(moment);
            let snapshot = snapshot.expect("base and confirmed number are of one moment");
            assert_eq!(stored.base, snapshot.cart, "the base is not what the server had");
            self.check_cookie(at.device, epoch, rev);
        }
        let numbers: Vec<u64> = stored.outbox.iter().map(|mutation| mutation.seq).collect();
        let gapless: Vec<u64> = (confirmed + 1..).take(numbers.len()).collect();
        assert_eq!(numbers, gapless, "the outbox does not follow on what is confirmed");
        self.check_outcomes(at.device, &stored);
    }

    fn check_cookie(&mut self, device: usize, epoch: u64, rev: u64) {
        let before = self.cookies.insert((device, epoch), rev).unwrap_or(0);
        assert!(before <= rev, "a cookie went back within its epoch, from {before} to {rev}");
    }

    fn check_view(&mut self, at: At, stored: &Stored) {
        let now_ms = self.device_ms(at.device);
        let device = &mut self.devices[at.device];
        let catalog = device.view(at.tab, Collection::Catalog);
        let catalog = catalog.into_iter().map(|(key, row)| ((Collection::Catalog, key), row));
        let base = stored.base.iter().map(|(key, row)| ((Collection::Cart, key.clone()), row.clone()));
        let mut rows = MapRows(catalog.chain(base).chain(stored.own.clone()).collect());
        // What came out of the journal shows in the rows until they are pulled anew.
        let is_old = stored.sync.as_ref().get("cart") == Some(Value::Null);
        let again_to = stored.sync.as_ref().u64("againTo").filter(|_| is_old).unwrap_or(0);
        for mutation in stored.outbox.iter().filter(|mutation| mutation.seq > again_to) {
            let context = Context { id: mutation.id, ..Context::at(now_ms) };
            let done = match &mutation.name[..] {
                NEWER => wave(&mutation.args, &context, &mut rows),
                name => ShopRules.execute(name, mutation.v, &mutation.args, &context, &mut rows),
            };
            done.expect("rows in memory do not fail");
        }
        let cart: RowMap = rows.scan(Collection::Cart, None, 0).expect("memory").into_iter().collect();
        let view = self.devices[at.device].view(at.tab, Collection::Cart);
        assert_eq!(timeless_rows(&view), timeless_rows(&cart), "the view is not the base with the outbox on it");
        for name in OWN {
            let collection = Collection::from_name(name).expect("a name");
            let own: RowMap = rows.scan(collection, None, 0).expect("memory").into_iter().collect();
            assert_eq!(
                self.devices[at.device].view(at.tab, collection),
                own,
                "{name} is not its base with the outbox on it"
            );
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
        for id in &told.durable {
            let is_pending = stored.outbox.iter().any(|mutation| mutation.id == *id);
            assert!(is_pending || known.contains(&id.to_string()[..]), "{id} left the outbox without an outcome");
        }
    }

    /// After the faults: every view is what the server has, and what was durable
    /// was executed, once.
    pub(super) fn check_end(&mut self) {
        for device in 0..self.devices.len() {
            let shopper = self.devices[device].shopper.clone();
            let rows = |collection| -> RowMap { self.server.database.rows(&shopper, collection).into_iter().collect() };
            let (cart, history) = (rows(Collection::Cart), rows(Collection::History));
            let own = OWN.map(|name| Collection::from_name(name).expect("a name"));
            let own = own.map(|collection| (collection, rows(collection)));
            for tab in 0..self.devices[device].tabs.len() {
                if self.devices[device].tabs[tab].is_some() {
                    self.look_into(At { device, tab });
                    let device = &mut self.devices[device];
                    assert_eq!(device.tab(tab).client.pending_count(), 0);
                    assert_eq!(device.view(tab, Collection::Cart), cart);
                    assert_eq!(device.view(tab, Collection::History), history);
                    for (collection, rows) in &own {
                        assert_eq!(device.view(tab, *collection), *rows);
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
        assert!(once.is_subset(&self.submitted), "what nobody asked for was executed");
        for id in self.devices.iter().flat_map(|device| &device.told.durable) {
            // What was refused before a restore is not done after it.
            let had = self.outcomes.get(id).into_iter().flatten();
            let was_refused = had.into_iter().any(|had| {
                let is_known = had.code.as_deref() != Some(UNKNOWN_MUTATION);
                is_known && matches!(had.status, Status::Noop | Status::Rejected)
            });
            assert!(once.contains(id) || was_refused, "a durable mutation was lost: {id}");
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

/// What a row is known by that this mutation has put.
fn tag(id: Id) -> u64 {
    u64::from_le_bytes(id.0[..8].try_into().expect("8 bytes")) % (1 << 53)
}
