//! What must hold. The numbers are those of the invariants in the sync's design.

use crate::world::{SHOPPER, Snapshot, World};
use pannier::format::document::{Document, DocumentRef};
use pannier::shop::ShopRules;
use pannier::sync::mutation::{Context, Id, Rules};
use pannier::sync::rows::{Collection, Rows, RowsError};
use pannier::sync::server::ServerTx;
use pannier_sim::inspect::{RowMap, Stored};
use std::collections::{BTreeMap, BTreeSet};

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

    fn count(&mut self, collection: Collection) -> Result<u64, RowsError> {
        Ok(self.0.keys().filter(|(other, _)| *other == collection).count() as u64)
    }
}

/// A line without the time of its removal, which each side takes from its own
/// clock: quantity, generation, sum added, and whether it is deselected.
type Timeless = (Option<u64>, Option<u64>, Option<u64>, bool);

fn timeless(row: DocumentRef<'_>) -> Timeless {
    (row.u64("qty"), row.u64("gen"), row.u64("added"), row.bool("selected") == Some(false))
}

fn timeless_rows(rows: &RowMap) -> BTreeMap<String, Timeless> {
    rows.iter().map(|(key, row)| (key.clone(), timeless(row.as_ref()))).collect()
}

impl World {
    /// After every request: the server's cart is what a plain cart comes to that
    /// does the server's log, each outcome is the plain cart's (1, 5), and the
    /// numbers of each client have no gap (2).
    pub fn look(&mut self) {
        while let Some(executed) = self.server.log.get(self.compared) {
            self.compared += 1;
            let (mutation, outcome) = (&executed.mutation, &executed.outcome);
            let before = self.server.log[..self.compared - 1].iter();
            let last =
                before.filter(|other| other.client == executed.client).map(|other| other.mutation.seq).next_back();
            assert_eq!(mutation.seq, last.unwrap_or(0) + 1, "the numbers have a gap");
            if mutation.name.starts_with("cart.") {
                let args = serde_json::to_value(&mutation.args).expect("JSON");
                let came = self.plain.apply(&mutation.name, &args);
                assert_eq!((outcome.status.name(), outcome.code.as_deref()), came, "{mutation:?}");
            }
        }
        let rows = self.server.database.rows(SHOPPER, Collection::Cart);
        let cart: BTreeMap<String, Document> = rows.into_iter().collect();
        let plain = self.plain.lines.iter().map(|(key, line)| {
            let deselected = line.deselected;
            (key.clone(), (Some(line.qty), Some(line.generation), Some(line.added), deselected))
        });
        let plain: BTreeMap<_, _> = plain.collect();
        assert_eq!(timeless_rows(&cart), plain, "the server's cart is not what its log comes to");
        let rev = self.server.database.rev(SHOPPER, Collection::Cart).expect("memory does not fail");
        let last_seqs = self.server.last_seqs().clone();
        for (client, last_seq) in &last_seqs {
            let known = self.server.database.client(*client).expect("memory does not fail");
            assert_eq!(known.map_or(0, |known| known.last_seq), *last_seq, "told and stored numbers differ");
            assert_eq!(self.server.database.outcomes_kept(*client) as u64, *last_seq, "an outcome is missing");
        }
        self.snapshots.push(Snapshot { rev, cart, last_seqs });
    }

    /// Any time, once a device is idle: the view is the base with the outbox
    /// done on it (3), and base and confirmed number are of one moment (4).
    pub fn look_into(&mut self, device: usize, tab: usize) {
        if self.devices[device].tabs.get(tab).is_none_or(Option::is_none) {
            return;
        }
        self.devices[device].settle();
        let stored = self.devices[device].stored(tab);
        self.check_view(device, tab, &stored);
        let client = self.devices[device].tab(tab).client.id().expect("an open tab has an id");
        let sync = stored.sync.as_ref();
        let (rev, confirmed) = (sync.u64("cart").unwrap_or(0), sync.u64("confirmedSeq").unwrap_or(0));
        let moment = |snapshot: &&Snapshot| {
            snapshot.rev == rev && snapshot.last_seqs.get(&client).copied().unwrap_or(0) == confirmed
        };
        let snapshot = self.snapshots.iter().find(moment).expect("base and confirmed number are of one moment");
        assert_eq!(stored.base, snapshot.cart, "the base is not what the server had");
        let numbers: Vec<u64> = stored.outbox.iter().map(|mutation| mutation.seq).collect();
        let gapless: Vec<u64> = (confirmed + 1..).take(numbers.len()).collect();
        assert_eq!(numbers, gapless, "the outbox does not follow on what is confirmed");
        self.check_outcomes(device, client, confirmed, &stored);
    }

    fn check_view(&mut self, device: usize, tab: usize, stored: &Stored) {
        let catalog = self.devices[device].view(tab, Collection::Catalog);
        let catalog = catalog.into_iter().map(|(key, row)| ((Collection::Catalog, key), row));
        let base = stored.base.iter().map(|(key, row)| ((Collection::Cart, key.clone()), row.clone()));
        let mut rows = MapRows(catalog.chain(base).collect());
        let context = Context::at(self.server.clock_ms);
        for mutation in &stored.outbox {
            let done = ShopRules.execute(&mutation.name, mutation.v, &mutation.args, &context, &mut rows);
            done.expect("rows in memory do not fail");
        }
        let cart: RowMap = rows.scan(Collection::Cart, None, 0).expect("memory").into_iter().collect();
        let view = self.devices[device].view(tab, Collection::Cart);
        assert_eq!(timeless_rows(&view), timeless_rows(&cart), "the view is not the base with the outbox on it");
    }

    /// What left the outbox has its outcome, and the server's (6).
    fn check_outcomes(&self, device: usize, client: Id, confirmed: u64, stored: &Stored) {
        let log: BTreeMap<u64, _> = self
            .server
            .log
            .iter()
            .filter(|executed| executed.client == client)
            .map(|executed| (executed.mutation.seq, executed))
            .collect();
        assert_eq!(stored.outcomes.keys().copied().collect::<Vec<_>>(), (1..=confirmed).collect::<Vec<_>>());
        let told = &self.devices[device].told.outcomes;
        for (seq, outcome) in stored.outcomes.iter().chain(told) {
            let (outcome, executed) = (outcome.as_ref(), log[seq]);
            assert_eq!(outcome.str("id"), Some(&executed.mutation.id.to_string()[..]));
            assert_eq!(outcome.str("status"), Some(executed.outcome.status.name()));
            assert_eq!(outcome.str("code"), executed.outcome.code.as_deref());
            assert_eq!(outcome.object("detail"), Some(executed.outcome.detail.as_ref()));
        }
    }

    /// After the faults: every view is the server's cart, and what was durable
    /// was executed, once.
    pub fn check_end(&mut self) {
        let cart: RowMap = self.server.database.rows(SHOPPER, Collection::Cart).into_iter().collect();
        let history: RowMap = self.server.database.rows(SHOPPER, Collection::History).into_iter().collect();
        for device in 0..self.devices.len() {
            for tab in 0..self.devices[device].tabs.len() {
                if self.devices[device].tabs[tab].is_some() {
                    self.look_into(device, tab);
                    assert_eq!(self.devices[device].tab(tab).client.pending_count(), 0);
                    assert_eq!(self.devices[device].view(tab, Collection::Cart), cart);
                    assert_eq!(self.devices[device].view(tab, Collection::History), history);
                }
            }
        }
        let ids: Vec<Id> = self.server.log.iter().map(|executed| executed.mutation.id).collect();
        let once: BTreeSet<Id> = ids.iter().copied().collect();
        assert_eq!(once.len(), ids.len(), "a mutation was executed twice");
        let executions = pannier_sim::server::Server::executed(&self.server);
        assert_eq!(executions, Some(ids.len() as u64), "the rules ran for more than was answered");
        assert!(once.is_subset(&self.submitted), "what nobody asked for was executed");
        for device in &self.devices {
            for id in &device.told.durable {
                assert!(once.contains(id), "a durable mutation was lost: {id}");
            }
        }
    }

    /// What happened, by name.
    pub fn counts(&self) -> Vec<(&'static str, u64)> {
        let log = &self.server.log;
        let status = |name: &str| log.iter().filter(|executed| executed.outcome.status.name() == name).count() as u64;
        let mut counts = vec![
            ("mutations", log.len() as u64),
            ("concurrent", log.iter().filter(|executed| executed.concurrent).count() as u64),
            ("adjusted", status("adjusted")),
            ("noop", status("noop")),
            ("rejected", status("rejected")),
            ("conflicts between tabs", self.devices.iter().map(|device| device.conflicts).sum()),
            ("never durable", self.submitted.len() as u64 - log.len() as u64),
        ];
        counts.extend(self.counted.iter().map(|(name, count)| (*name, *count)));
        counts
    }
}
