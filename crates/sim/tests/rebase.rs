//! Rebases of many pending mutations: in slices, with the old view whole meanwhile, and none that is needless.

use pannier::collection::schema::Declared;
use pannier::collection::{INDEX_FIRST, ROWS};
use pannier::format::document::{Document, DocumentRef};
use pannier::shop::ShopRules;
use pannier::stop::Stop;
use pannier::store::memory::MemoryRecords;
use pannier::store::{Options, Scan};
use pannier::sync::client::{Client, ClientEvent, ClientOptions, ClientRules, Operation, rows_tree};
use pannier::sync::mutation::{Context, Id, Rules, Verdict};
use pannier::sync::rows::{Collection, Rows};
use pannier_sim::server::{InProcess, Server};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// More than a slice of the default size takes.
const PENDING: usize = 3_000;

/// Most that may be executed without the page having its turn.
const SLICE_MAX: usize = 256;

/// The shop's rules, counted.
#[derive(Clone, Default)]
struct Counted(Arc<AtomicUsize>);

impl Counted {
    /// Executed since the last call.
    fn take(&self) -> usize {
        self.0.swap(0, Ordering::Relaxed)
    }
}

impl Rules for Counted {
    fn execute(
        &self,
        name: &str,
        v: u16,
        args: &Document,
        context: &Context,
        rows: &mut dyn Rows,
    ) -> Result<Verdict, Stop> {
        self.0.fetch_add(1, Ordering::Relaxed);
        ShopRules.execute(name, v, args, context, rows)
    }
}

impl ClientRules for Counted {
    fn prepare(&self, name: &str, asked: &Document, rows: &mut dyn Rows) -> Result<Document, Stop> {
        ShopRules.prepare(name, asked, rows)
    }

    fn is_row(&self, collection: Collection, row: &Document) -> bool {
        ShopRules.is_row(collection, row)
    }

    fn recreate(&self, collection: Collection, key: &str, row: &Document) -> Option<(&'static str, Document)> {
        ShopRules.recreate(collection, key, row)
    }

    fn replaces(&self, collection: Collection, existing: DocumentRef<'_>, incoming: DocumentRef<'_>) -> bool {
        ShopRules.replaces(collection, existing, incoming)
    }
}

struct Tab {
    client: Client,
    rules: Counted,
    edits: u64,
}

impl Tab {
    fn new(number: u8, store: Options) -> Self {
        let rules = Counted::default();
        let options = ClientOptions {
            store,
            collections: vec![Declared { name: "catalog".into(), key: vec!["id".into()], ..Declared::default() }],
            scopes: vec![Collection::Cart],
            new_id: Id([number; 16]),
            now_ms: 1,
        };
        let client = Client::new(options, Box::new(rules.clone()));
        Self { client, rules, edits: u64::from(number) << 32 }
    }

    fn open(number: u8, records: &mut MemoryRecords) -> Self {
        let mut tab = Self::new(number, Options::default());
        tab.settle(records);
        tab
    }

    fn add(&mut self, sku: &str) -> u64 {
        self.edits += 1;
        let mut id = [0; 16];
        id[..8].copy_from_slice(&self.edits.to_le_bytes());
        let asked = document(json!({ "sku": sku, "qty": 1 }));
        self.client.submit(Operation::Mutate { name: "cart.add", asked, id: Id(id), at: 1 }, 1)
    }

    fn put(&mut self, id: &str) {
        let rows = document(json!([{ "id": id, "price": 1 }]));
        self.client.submit(Operation::Put { rows_tree: rows_tree(Collection::Catalog), rows }, 1);
    }

    /// Answers all requests there are, without a turn for the client's own work.
    fn answer(&mut self, records: &mut MemoryRecords) {
        while let Some((id, request)) = self.client.next_request() {
            let response = records.execute(&request);
            self.client.complete(id, response);
        }
    }

    /// Until nothing is left to do. Returns how often it took a turn.
    fn settle(&mut self, records: &mut MemoryRecords) -> usize {
        let mut turns = 0;
        self.answer(records);
        while self.client.has_work() {
            self.client.work();
            self.answer(records);
            turns += 1;
        }
        turns
    }

    fn backlog(&mut self, records: &mut MemoryRecords) {
        for number in 0..PENDING {
            self.add(&format!("sku-{}", number % 50));
            self.settle(records);
        }
        self.events();
    }

    fn events(&mut self) -> Vec<ClientEvent> {
        std::iter::from_fn(|| self.client.next_event()).collect()
    }

    fn changes_told(&mut self) -> usize {
        self.events().iter().filter(|event| matches!(event, ClientEvent::Changed { .. })).count()
    }

    fn view(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut rows = Vec::new();
        let scanned = self.client.view().scan(Scan::ascending(&[ROWS], &[INDEX_FIRST]), &mut |key, row| {
            rows.push((key.to_vec(), row.to_vec()));
            true
        });
        scanned.expect("all is in memory");
        rows
    }
}

fn document(value: Value) -> Document {
    serde_json::from_value(value).expect("a document")
}

/// The other tab writes a product: its record, for the first to hear of.
fn written_by_another(records: &mut MemoryRecords, id: &str) -> Vec<(u64, Arc<[u8]>)> {
    let mut other = Tab::open(2, records);
    other.events();
    other.put(id);
    other.answer(records);
    other.appended()
}

impl Tab {
    /// Its records since the last call.
    fn appended(&mut self) -> Vec<(u64, Arc<[u8]>)> {
        let appended = |event| match event {
            ClientEvent::Appended { seq, bytes } => Some((seq, bytes)),
            _ => None,
        };
        self.events().into_iter().filter_map(appended).collect()
    }
}

#[test]
fn an_outbox_that_changes_while_it_is_read_is_read_anew() {
    let mut records = MemoryRecords::default();
    let mut tab = Tab::open(1, &mut records);
    tab.backlog(&mut records);
    let (mut other, mut server) = (Tab::open(2, &mut records), InProcess::default());
    other.events();
    other.put("hat");
    other.settle(&mut records);
    let request = other.client.sync_request(1).expect("the store is open");
    other.client.sync_response(&server.post("ann", request).expect("the server is there"), 1);
    other.settle(&mut records);
    for (seq, bytes) in other.appended() {
        tab.client.offer(seq, &bytes);
        assert!(tab.client.has_work());
        tab.client.work();
    }
    tab.settle(&mut records);
    assert_eq!(tab.client.pending_count(), other.client.pending_count());
    assert!(tab.client.pending_count() < PENDING);
    assert_eq!(tab.view(), other.view());
}

#[test]
fn a_rebase_takes_turns_and_the_old_view_is_whole_until_the_new_one_is() {
    let mut records = MemoryRecords::default();
    let mut tab = Tab::open(1, &mut records);
    tab.backlog(&mut records);
    let before = tab.view();
    tab.rules.take();
    for (seq, bytes) in written_by_another(&mut records, "hat") {
        tab.client.offer(seq, &bytes);
    }
    let ticket = tab.add("late");
    let (mut executed, mut turns) = (tab.rules.take(), 1);
    assert!(executed <= SLICE_MAX);
    while tab.client.has_work() {
        assert_eq!(tab.view(), before, "the view shows half of a rebase");
        assert_eq!(tab.changes_told(), 0);
        assert_eq!(tab.client.begin(false, 1).expect("room"), None, "a snapshot of what is half done");
        assert_eq!(tab.client.pending_count(), PENDING + 1);
        tab.client.work();
        let slice = tab.rules.take();
        assert!(slice <= SLICE_MAX + 1, "{slice} were executed at once");
        (executed, turns) = (executed + slice, turns + 1);
    }
    assert_eq!(executed, PENDING + 1);
    assert!(turns > PENDING / SLICE_MAX);
    let events = tab.events();
    assert_eq!(events.iter().filter(|event| matches!(event, ClientEvent::Changed { .. })).count(), 1);
    assert!(events.contains(&ClientEvent::Loaded), "who waits for the view is not told");
    assert_eq!(tab.view().len(), before.len() + 2);
    tab.answer(&mut records);
    assert!(tab.events().contains(&ClientEvent::Durable { ticket }));
    tab.settle(&mut records);
    let mut anew = Tab::new(3, Options::default());
    assert!(anew.settle(&mut records) > PENDING / SLICE_MAX, "opening takes its turns too");
    assert_eq!(anew.view(), tab.view());
}

#[test]
fn an_edit_that_waits_for_the_view_is_durable_when_the_page_goes() {
    let mut records = MemoryRecords::default();
    let mut tab = Tab::open(1, &mut records);
    tab.backlog(&mut records);
    for (seq, bytes) in written_by_another(&mut records, "hat") {
        tab.client.offer(seq, &bytes);
    }
    let ticket = tab.add("last");
    // A page that hides has no other turn.
    tab.client.checkpoint();
    tab.answer(&mut records);
    assert!(tab.events().contains(&ClientEvent::Durable { ticket }));
}

#[test]
fn a_checkpoint_executes_no_mutation_again() {
    let mut records = MemoryRecords::default();
    let mut tab = Tab::open(1, &mut records);
    tab.backlog(&mut records);
    tab.put("hat");
    tab.settle(&mut records);
    tab.rules.take();
    tab.events();
    let before = tab.view();
    tab.client.checkpoint();
    tab.settle(&mut records);
    assert_eq!(tab.rules.take(), 0);
    assert_eq!(tab.view(), before);
    assert_eq!(tab.changes_told(), 0);
}

#[test]
fn a_checkpoint_in_the_middle_of_a_rebase_leaves_it_where_it_is() {
    let mut records = MemoryRecords::default();
    let mut tab = Tab::open(1, &mut records);
    tab.backlog(&mut records);
    tab.client.checkpoint();
    let (id, request) = loop {
        match tab.client.next_request() {
            Some(asked) => break asked,
            None => tab.client.work(),
        }
    };
    // It waits for the record store when another tab's product comes in.
    let appended = written_by_another(&mut records, "hat");
    tab.rules.take();
    for (seq, bytes) in appended {
        tab.client.offer(seq, &bytes);
    }
    tab.client.work();
    let response = records.execute(&request);
    tab.client.complete(id, response);
    tab.settle(&mut records);
    assert_eq!(tab.rules.take(), PENDING);
    let mut anew = Tab::open(3, &mut records);
    assert_eq!(anew.view(), tab.view());
    anew.put("scarf");
    anew.settle(&mut records);
    tab.client.offer(u64::MAX, &[]);
    tab.settle(&mut records);
    assert_eq!(anew.view(), tab.view());
}
