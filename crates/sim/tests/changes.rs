//! The rows that a client tells to have changed, against whole views before and after.

use pannier::collection::schema::Declared;
use pannier::collection::{INDEX_FIRST, ROWS, row_key};
use pannier::format::document::Document;
use pannier::shop::ShopRules;
use pannier::store::memory::MemoryRecords;
use pannier::store::{Options, Scan};
use pannier::sync::client::{CHANGED_ROWS_MAX, Client, ClientEvent, ClientOptions, Operation, rows_tree};
use pannier::sync::mutation::Id;
use pannier::sync::rows::Collection;
use pannier_sim::rng::Rng;
use pannier_sim::server::{InProcess, Server};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

type View = BTreeMap<Vec<u8>, Vec<u8>>;

/// A tab that holds what it told against what its view shows.
struct Tab {
    client: Client,
    inbox: Vec<(u64, Arc<[u8]>)>,
    answer: Option<Vec<u8>>,
    seen: View,
    told: BTreeSet<Vec<u8>>,
    unknown: u64,
    /// Changed rows that were told one by one, and rows told that look the same.
    by_one: usize,
    same: usize,
}

impl Tab {
    fn open(records: &mut MemoryRecords, scopes: &[Collection], id: u8, slice_bytes_max: usize) -> Self {
        let key = vec!["id".into()];
        let collection = |name: &str| Declared { name: name.into(), key: key.clone(), ..Declared::default() };
        let options = ClientOptions {
            store: Options { log_records_max: 40, slice_bytes_max, ..Options::default() },
            collections: vec![collection("catalog"), collection("wishes")],
            scopes: scopes.to_vec(),
            new_id: Id([id; 16]),
            now_ms: 1,
        };
        let (seen, told) = (View::new(), BTreeSet::new());
        let client = Client::new(options, Box::new(ShopRules));
        let mut tab = Self { client, inbox: Vec::new(), answer: None, seen, told, unknown: 0, by_one: 0, same: 0 };
        while tab.step(records) {}
        (tab.seen, tab.unknown) = (tab.view().expect("the view"), 0);
        tab.told.clear();
        (tab.by_one, tab.same) = (0, 0);
        tab
    }

    /// One call of the record store, or a slice of work.
    fn step(&mut self, records: &mut MemoryRecords) -> bool {
        match self.client.next_request() {
            Some((id, request)) => {
                let response = records.execute(&request);
                self.client.complete(id, response);
            }
            None if self.client.has_work() => self.client.work(),
            None => return false,
        }
        true
    }

    /// All rows, where the view is not waiting for anything.
    fn view(&mut self) -> Option<View> {
        let frame = self.client.begin(false, 1).expect("room for a snapshot")?;
        self.client.release(frame);
        let mut rows = View::new();
        let scanned = self.client.view().scan(Scan::ascending(&[ROWS], &[INDEX_FIRST]), &mut |key, row| {
            rows.insert(key.to_vec(), row.to_vec());
            true
        });
        scanned.ok().map(|()| rows)
    }

    /// Takes what the client tells, and returns its records for the other tabs.
    fn check(&mut self, what: &str) -> Vec<(u64, Arc<[u8]>)> {
        let mut appended = Vec::new();
        while let Some(event) = self.client.next_event() {
            match event {
                ClientEvent::Changed { collections, unknown, rows } => {
                    assert!(rows.len() <= CHANGED_ROWS_MAX && rows.is_sorted());
                    let told = rows.iter().fold(unknown, |bits, key| bits | 1 << (key[0] - ROWS));
                    assert_eq!(told, collections, "{what}");
                    self.unknown |= unknown;
                    self.told.extend(rows.iter().map(|key| key.to_vec()));
                }
                ClientEvent::Appended { seq, bytes } => appended.push((seq, bytes)),
                ClientEvent::Corrupt(corrupt) => panic!("{corrupt:?}"),
                _ => {}
            }
        }
        let Some(view) = self.view() else { return appended };
        let keys: BTreeSet<_> = view.keys().chain(self.seen.keys()).chain(&self.told).collect();
        for key in keys {
            let is_told = self.told.contains(key);
            match view.get(key) == self.seen.get(key) {
                true => self.same += usize::from(is_told),
                false if is_told => self.by_one += 1,
                false => assert!(self.unknown >> (key[0] - ROWS) & 1 == 1, "{what}: {key:?} has changed untold"),
            }
        }
        (self.seen, self.unknown) = (view, 0);
        self.told.clear();
        appended
    }
}

/// A view without the times at which its tab has executed something.
fn timeless(view: &View) -> BTreeMap<&[u8], Value> {
    let row = |bytes: &Vec<u8>| serde_json::to_value(Document::from_stored(bytes.clone())).expect("a row");
    let without = |mut row: Value| {
        row.as_object_mut().expect("an object").remove("removedAt");
        row
    };
    view.iter().map(|(key, bytes)| (&key[..], without(row(bytes)))).collect()
}

fn operation(rng: &mut Rng, wishes: pannier::collection::TreeId, id: u64) -> Operation {
    let sku = ["A", "B", "C", "D"][rng.below(4)];
    let document = |value: Value| -> Document { serde_json::from_value(value).expect("a document") };
    let (name, asked) = match rng.below(10) {
        0..2 => ("cart.add", json!({ "sku": sku, "qty": 1 + rng.below(3) })),
        2 => ("cart.setQty", json!({ "line": sku, "to": rng.below(3) })),
        3 => ("cart.remove", json!({ "line": sku })),
        4 => ("cart.clear", json!({})),
        5 => ("history.visit", json!({ "eventId": id.to_string(), "sku": sku, "at": id })),
        6 => {
            let rows = json!([{ "id": sku, "version": rng.below(9) }, { "id": "E", "version": rng.below(9) }]);
            return Operation::Put { rows_tree: rows_tree(Collection::Catalog), rows: document(rows) };
        }
        7 => {
            let rows: Vec<_> = (0..rng.below(6)).map(|nr| json!({ "id": nr, "left": rng.below(3) })).collect();
            return Operation::Put { rows_tree: wishes, rows: document(json!(rows)) };
        }
        8 => {
            let lines = json!([{ "sku": sku, "qty": 1, "price": 1, "line": sku }]);
            ("order.submit", json!({ "orderId": id.to_string(), "attempt": 1, "lines": lines }))
        }
        _ => return Operation::Delete { rows_tree: wishes, keys: document(json!([[rng.below(6)], [rng.below(6)]])) },
    };
    let mut bytes = [0xEE; 16];
    bytes[..8].copy_from_slice(&id.to_le_bytes());
    Operation::Mutate { name, asked: document(asked), id: Id(bytes), at: id }
}

/// Two tabs and another device of one shopper. Returns how many changed rows
/// were told one by one, and how many were told that looked the same.
fn run(seed: u64, scopes: &[Collection]) -> (usize, usize) {
    let mut rng = Rng::new(seed);
    let mut server = InProcess::default();
    let (mut records, mut others) = (MemoryRecords::default(), MemoryRecords::default());
    // A rebase of a mutation at a time, or all at once.
    let slice = [200, Options::default().slice_bytes_max][seed as usize / 4 % 2];
    let mut tabs = [1, 2].map(|id| Tab::open(&mut records, scopes, id, slice));
    let mut device = Tab::open(&mut others, scopes, 9, slice);
    let wishes = tabs[0].client.schema().named("wishes").expect("declared").tree;
    for step in 0..600 {
        let at = rng.below(2);
        let what = rng.below(10);
        let tab = &mut tabs[at];
        match what {
            0..3 => {
                tab.client.submit(operation(&mut rng, wishes, step), step);
            }
            3 if !tab.inbox.is_empty() => {
                // Now and then one is lost on its way.
                let (seq, bytes) = tab.inbox.remove(0);
                if rng.below(10) > 0 {
                    tab.client.offer(seq, &bytes);
                }
            }
            4 => match tab.answer.take() {
                Some(answer) => tab.client.sync_response(&answer, step),
                None => tab.answer = tab.client.sync_request(step).and_then(|body| server.post("ann", body).ok()),
            },
            5 => match rng.below(3) {
                0 => server.put_products(&[json!({ "id": "B", "stock": rng.below(4) })]),
                1 => tab.client.checkpoint(),
                _ => {
                    device.client.submit(operation(&mut rng, wishes, 10_000 + step), step);
                    while device.step(&mut others) {}
                    if let Some(answer) =
                        device.client.sync_request(step).and_then(|body| server.post("ann", body).ok())
                    {
                        device.client.sync_response(&answer, step);
                        while device.step(&mut others) {}
                    }
                }
            },
            _ => {
                tab.step(&mut records);
            }
        }
        let appended = tab.check(&format!("seed {seed}, step {step}, tab {at}, {what}"));
        tabs[1 - at].inbox.extend(appended);
    }
    for tab in &mut tabs {
        while tab.step(&mut records) {}
        tab.check(&format!("seed {seed}, at the end"));
    }
    // What a tab shows is what it would show if all were executed anew.
    for tab in &mut tabs {
        tab.client.offer(u64::MAX, &[]);
        while tab.step(&mut records) {}
    }
    let anew = Tab::open(&mut records, scopes, 3, slice).seen;
    for tab in &mut tabs {
        let view = tab.view().expect("the view");
        assert!(timeless(&view) == timeless(&anew), "seed {seed}: a view is not what its mutations come to");
    }
    let sum = |count: fn(&Tab) -> usize| tabs.iter().map(count).sum();
    (sum(|tab| tab.by_one), sum(|tab| tab.same))
}

#[test]
fn every_row_whose_view_differs_is_told_by_its_key_or_with_its_collection() {
    let (mut by_one, mut same) = (0, 0);
    for seed in 0..400 {
        let scopes = match seed % 4 {
            0 => &[][..],
            1 => &[Collection::Cart, Collection::Catalog],
            // What is ordered leaves a cart that is not synced itself.
            2 => &[Collection::Orders],
            _ => &Collection::ALL,
        };
        let (told, in_vain) = run(seed, scopes);
        (by_one, same) = (by_one + told, same + in_vain);
    }
    println!("{by_one} changed rows were told one by one, and {same} that look the same");
    assert!(by_one > 30_000 && same < by_one / 4, "{by_one} by one, {same} that look the same");
}

#[test]
fn what_one_tab_writes_is_told_exactly() {
    let mut records = MemoryRecords::default();
    let mut tab = Tab::open(&mut records, &[], 1, 700);
    let wishes = tab.client.schema().named("wishes").expect("declared").tree;
    let mut rng = Rng::new(7);
    for step in 0..500 {
        tab.client.submit(operation(&mut rng, wishes, step), step);
        tab.check("submit");
        while tab.step(&mut records) {}
        tab.check("step");
    }
    assert!(tab.by_one > 300);
    assert_eq!(tab.same, 0);
}

#[test]
fn many_rows_at_once_are_told_as_their_collection() {
    let mut records = MemoryRecords::default();
    let mut tab = Tab::open(&mut records, &[Collection::Cart], 1, 700);
    let catalog = rows_tree(Collection::Catalog);
    let mut put = |count: usize, version: u64| {
        let rows: Vec<_> = (0..count).map(|nr| json!({ "id": nr.to_string(), "version": version })).collect();
        let rows = serde_json::from_value(json!(rows)).expect("a document");
        tab.client.submit(Operation::Put { rows_tree: catalog, rows }, 1);
        std::iter::from_fn(|| tab.client.next_event()).find(|event| matches!(event, ClientEvent::Changed { .. }))
    };
    let collections = 1 << Collection::Catalog.number();
    let all = ClientEvent::Changed { collections, unknown: collections, rows: Vec::new() };
    assert_eq!(put(CHANGED_ROWS_MAX + 1, 1), Some(all));
    let one = ClientEvent::Changed { collections, unknown: 0, rows: vec![row_key(catalog, "0").into()] };
    assert_eq!(put(1, 2), Some(one));
    assert_eq!(put(1, 2), None);
}
