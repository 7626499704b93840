//! Operations that need code which is not loaded: they wait for it, and nothing
//! is lost. A binary of its own, because what is loaded holds for all of it.

use pannier::stop::Stop;
use std::mem::take;

use pannier::collection::schema::Declared;
use pannier::collection::{Query, ROWS, TreeId};
use pannier::format::document::{Document, Value};
use pannier::shop::ShopRules;
use pannier::store::Options;
use pannier::store::memory::MemoryRecords;
use pannier::sync::client::{Client, ClientEvent, ClientOptions, Operation};
use pannier::sync::mutation::Id;
use pannier::sync::rows::Collection;
use pannier::sync::wire::{self, Answer, SyncResponse};
use pannier::tree::{Fault, later};

const NOW_MS: u64 = 1_700_000_000_000;

struct Tab {
    client: Client,
    records: MemoryRecords,
    events: Vec<ClientEvent>,
}

impl Tab {
    fn open(records: MemoryRecords) -> Self {
        let store = Options { log_bytes_max: 20_000, ..Options::default() };
        let catalog = Declared { name: "catalog".into(), key: vec!["id".into()], ..Declared::default() };
        let options = ClientOptions {
            store,
            collections: vec![catalog],
            scopes: vec![Collection::Cart],
            new_id: Id([1; 16]),
            now_ms: NOW_MS,
        };
        let mut tab = Self { client: Client::new(options, Box::new(ShopRules)), records, events: Vec::new() };
        tab.settle();
        tab
    }

    fn settle(&mut self) {
        loop {
            if let Some((id, request)) = self.client.next_request() {
                let answer = self.records.execute(&request);
                self.client.complete(id, answer);
            } else if self.client.has_work() {
                self.client.work();
            } else {
                break;
            }
        }
        while let Some(event) = self.client.next_event() {
            self.events.push(event);
        }
    }

    fn submit(&mut self, name: &'static str, fields: &[(&str, Value<'_>)], id: u8) -> u64 {
        let ticket =
            self.client.submit(Operation::Mutate { name, asked: object(fields), id: Id([id; 16]), at: NOW_MS }, NOW_MS);
        self.settle();
        ticket
    }

    fn is_durable(&self, ticket: u64) -> bool {
        self.events.iter().any(|event| matches!(event, ClientEvent::Durable { ticket: told } if *told >= ticket))
    }

    fn is_refused(&self, refused: u64) -> bool {
        let is_it = |event: &ClientEvent| matches!(event, ClientEvent::Refused { ticket, code, .. } if *ticket == refused && code == "code");
        self.events.iter().any(is_it)
    }

    /// The code cannot be loaded.
    fn fail(&mut self) {
        self.client.code_failed();
        self.settle();
    }

    /// Whether code was asked for since the last call.
    fn wants_code(&mut self) -> bool {
        take(&mut self.events).contains(&ClientEvent::CodeWanted)
    }

    fn load(&mut self) {
        later::set_loaded(true);
        self.client.retry();
        self.settle();
    }

    /// The keys of the cart as it is shown.
    fn cart(&mut self) -> Vec<String> {
        let mut keys = Vec::new();
        let tree = TreeId(ROWS + Collection::Cart.number());
        let query =
            Query { rows: tree, index: String::new(), asked: object(&[]), limit: 100, reverse: false, now_ms: NOW_MS };
        self.client.read(0, query, &mut |key, _| keys.push(String::from_utf8_lossy(key).into_owned())).unwrap();
        keys
    }
}

fn object(fields: &[(&str, Value<'_>)]) -> Document {
    Document::object(fields).unwrap()
}

fn add(tab: &mut Tab, sku: &str, id: u8) -> u64 {
    tab.submit("cart.add", &[("sku", Value::Str(sku)), ("qty", Value::Int(1))], id)
}

/// One test, since what is loaded is the same for all of a process.
#[test]
fn what_is_not_loaded_is_waited_for() {
    later::set_loaded(false);
    let mut tab = Tab::open(MemoryRecords::default());
    let added = add(&mut tab, "A1", 1);
    assert!(tab.is_durable(added));
    assert!(!tab.wants_code(), "a cart is nothing rare");

    // What is asked for after it waits too, in its order.
    let redeemed = tab.submit("cart.coupon", &[("code", Value::Str("SPRING"))], 2);
    let behind = add(&mut tab, "B2", 3);
    assert!(!tab.is_durable(redeemed));
    assert!(tab.wants_code());
    assert_eq!(tab.cart().len(), 1);
    assert_eq!(tab.client.begin(true, NOW_MS).map(|frame| frame.is_some()), Ok(true));
    let fault = Err(Stop::from(Fault::CODE));
    let asked = object(&[("sku", Value::Str("C3")), ("qty", Value::Int(1))]);
    let write = || Operation::Mutate { name: "cart.add", asked: asked.clone(), id: Id([4; 16]), at: NOW_MS };
    assert_eq!(tab.client.write(1, write()), fault);
    assert!(!tab.wants_code() || !tab.is_durable(redeemed));

    // Tried again where it still is not there, nothing happens twice.
    tab.client.retry();
    tab.settle();
    assert!(tab.wants_code() && tab.cart().len() == 1);
    tab.load();
    assert!(tab.is_durable(redeemed) && tab.is_durable(behind));
    assert!(!tab.wants_code());
    assert_eq!(tab.cart().len(), 3);
    assert_eq!(tab.client.pending_count(), 3);
    assert_eq!(tab.client.write(1, write()), Ok(()));

    // What is no edit holds up none where it cannot be loaded.
    later::set_loaded(false);
    let upkeep = tab.client.submit(Operation::Upkeep, NOW_MS);
    let behind = add(&mut tab, "D4", 5);
    assert!(tab.wants_code() && tab.cart().len() == 3);
    tab.fail();
    assert!(tab.is_refused(upkeep) && tab.is_durable(behind));
    assert_eq!(tab.cart().len(), 4);

    // An edit waits, as long as none is made after it. The shell is not asked again at once.
    let cleared = tab.submit("cart.clear", &[], 6);
    assert!(tab.wants_code());
    tab.fail();
    assert!(!tab.is_durable(cleared) && !tab.is_refused(cleared) && !tab.wants_code());
    let behind = add(&mut tab, "E5", 7);
    let last = tab.submit("cart.coupon", &[("code", Value::Str("SUMMER"))], 8);
    tab.fail();
    assert!(tab.is_refused(cleared) && tab.is_durable(behind) && !tab.is_durable(last) && !tab.is_refused(last));
    assert_eq!(tab.cart().len(), 5);
    tab.load();
    assert!(tab.is_durable(last));

    // An answer that comes meanwhile is taken in behind the edit, and the edit is still to be sent.
    later::set_loaded(false);
    let mut other = Tab::open(MemoryRecords::default());
    let cleared = other.submit("cart.clear", &[], 1);
    other.client.sync_request(NOW_MS).unwrap();
    let answer = SyncResponse { epoch: 1, last_seq: 0, outcomes: vec![], scopes: vec![], at: NOW_MS };
    other.client.sync_response(&wire::encode_answer(&Answer::Ok(answer)), NOW_MS);
    other.load();
    assert!(other.is_durable(cleared) && other.events.contains(&ClientEvent::Synced { more: true }));

    // The next visit finds what it needs code for in the outbox.
    later::set_loaded(false);
    let mut next = Tab::open(take(&mut tab.records));
    assert!(!next.events.contains(&ClientEvent::Opened));
    assert!(next.wants_code());
    assert!(next.client.sync_request(NOW_MS).is_none());
    next.load();
    assert!(next.events.contains(&ClientEvent::Opened));
    assert_eq!(next.cart(), tab.cart());
    assert_eq!(next.client.pending_count(), 6);

    // A checkpoint that wins space back goes on when it can; commits go on meanwhile.
    later::set_loaded(false);
    let mut next = Tab::open(MemoryRecords::default());
    let goods = TreeId(ROWS + Collection::Catalog.number());
    let text = "x".repeat(3000);
    let mut wanted = false;
    for round in 0..40 {
        let rows: Vec<Document> = (0..300)
            .filter(|id| round == 0 || (id * id * (round + 1) + 7919 * id) % 11 % 4 == 0)
            .map(|id| {
                let id = format!("{id}");
                object(&[("id", Value::Str(&id)), ("round", Value::Int(round)), ("text", Value::Str(&text))])
            })
            .collect();
        let list: Vec<Value<'_>> = rows.iter().map(|row| row.as_ref().value()).collect();
        let put =
            next.client.submit(Operation::Put { rows_tree: goods, rows: Document::array(&list).unwrap() }, NOW_MS);
        next.settle();
        assert!(
            next.is_durable(put),
            "round {round} {:?}",
            next.events.iter().map(|e| format!("{e:.60?}")).collect::<Vec<_>>()
        );
        next.client.checkpoint();
        next.settle();
        wanted |= next.wants_code();
    }
    assert!(wanted, "no compaction was due");
    next.load();
    assert!(next.client.is_idle());
    next.client.store().check().unwrap();
}
