//! A client alone with its record store and a server's answers.

use pannier::collection::schema::Declared;
use pannier::format::document::Document;
use pannier::shop::ShopRules;
use pannier::store::memory::MemoryRecords;
use pannier::store::{Options, Response};
use pannier::sync::client::{Client, ClientEvent, ClientOptions, Operation, rows_tree};
use pannier::sync::mutation::Id;
use pannier::sync::rows::Collection;
use pannier::sync::wire::{self, Answer, Change, ScopePatch, SyncResponse};
use pannier_sim::server::{InProcess, Server};
use serde_json::{Value, json};

fn client(scopes: &[Collection], records: &mut MemoryRecords) -> Client {
    let options = ClientOptions {
        store: Options::default(),
        collections: vec![Declared { name: "catalog".into(), key: vec!["id".into()], ..Declared::default() }],
        scopes: scopes.to_vec(),
        new_id: Id([1; 16]),
        now_ms: 0,
    };
    let mut client = Client::new(options, Box::new(ShopRules));
    pump(&mut client, records);
    client
}

fn pump(client: &mut Client, records: &mut MemoryRecords) -> Vec<ClientEvent> {
    loop {
        while let Some((id, request)) = client.next_request() {
            let response: Response = records.execute(&request);
            client.complete(id, response);
        }
        if !client.has_work() {
            break;
        }
        client.work();
    }
    std::iter::from_fn(|| client.next_event()).collect()
}

fn mutate(client: &mut Client, name: &'static str, id: u8, asked: Value) {
    let asked = serde_json::from_value(asked).expect("a document");
    client.submit(Operation::Mutate { name, asked, id: Id([id; 16]), at: 1_000 }, 1_000);
}

/// The quantities of the lines in view, by sku.
fn cart(client: &Client) -> Vec<(String, u64)> {
    let mut lines = Vec::new();
    let scan = pannier::store::Scan::ascending(&[0x11], &[0x12]);
    let visit = &mut |_: &[u8], row: &[u8]| {
        let row = Document::from_stored(row.to_vec());
        let sku = row.as_ref().str("sku").expect("a line has a sku").to_owned();
        lines.push((sku, row.as_ref().u64("qty").expect("a line has a quantity")));
        true
    };
    client.view().scan(scan, visit).expect("all is in memory");
    lines
}

fn sync(client: &mut Client, records: &mut MemoryRecords, server: &mut InProcess) {
    let body = client.sync_request(0).expect("a request");
    let answer = server.post("ann", body).expect("an answer");
    client.sync_response(&answer, 2_000);
    pump(client, records);
}

#[test]
fn a_cart_from_before_there_was_sync_goes_to_the_server() {
    let mut records = MemoryRecords::default();
    let mut local = client(&[], &mut records);
    mutate(&mut local, "cart.add", 2, json!({ "sku": "A", "qty": 2 }));
    mutate(&mut local, "cart.add", 3, json!({ "sku": "B", "options": { "size": "M" } }));
    mutate(&mut local, "cart.add", 4, json!({ "sku": "C" }));
    mutate(&mut local, "cart.remove", 5, json!({ "line": "C" }));
    mutate(&mut local, "history.visit", 6, json!({ "eventId": "e1", "sku": "A", "at": 900 }));
    pump(&mut local, &mut records);
    assert_eq!(local.pending_count(), 0);

    let expected = [("A".to_owned(), 2), ("B".to_owned(), 1)];
    let mut synced = client(&[Collection::Cart, Collection::History], &mut records);
    assert_eq!(cart(&synced), expected);
    assert_eq!(synced.pending_count(), 3);
    let mut server = InProcess::default();
    sync(&mut synced, &mut records, &mut server);
    assert_eq!((cart(&synced), synced.pending_count()), (expected.to_vec(), 0));
    sync(&mut synced, &mut records, &mut server);
    assert_eq!(cart(&synced), expected);
    // Once is enough.
    let again = client(&[Collection::Cart, Collection::History], &mut records);
    assert_eq!((cart(&again), again.pending_count()), (expected.to_vec(), 0));
}

#[test]
fn products_that_the_shop_has_stored_outlive_the_first_pull() {
    let mut records = MemoryRecords::default();
    let mut local = client(&[Collection::Catalog], &mut records);
    let rows = serde_json::from_value(json!([{ "id": "A", "title": "ours" }])).expect("a document");
    local.submit(Operation::Put { rows_tree: rows_tree(Collection::Catalog), rows }, 1_000);
    pump(&mut local, &mut records);
    let mut server = InProcess::default();
    sync(&mut local, &mut records, &mut server);
    let key = pannier::collection::row_key(pannier::sync::client::rows_tree(Collection::Catalog), "A");
    assert!(local.view().get(&key).expect("in memory").is_some());
}

#[test]
fn a_row_that_no_rule_can_read_is_refused_and_nothing_changes() {
    let mut records = MemoryRecords::default();
    let mut client = client(&[Collection::Cart], &mut records);
    mutate(&mut client, "cart.add", 2, json!({ "sku": "A" }));
    pump(&mut client, &mut records);
    let (before, stored) = (cart(&client), records.clone());
    let bad_rows = [json!({ "sku": "A", "qty": 1 }), json!("a string"), json!({ "qty": -1, "gen": 1, "added": 1 })];
    for value in bad_rows {
        let value = serde_json::from_value(value).expect("a document");
        let patch = ScopePatch {
            name: Collection::Cart,
            cookie: 1,
            reset: true,
            more: false,
            changes: vec![Change::Put { key: "A".into(), rev: 1, value }],
        };
        let response = SyncResponse { epoch: 1, last_seq: 0, outcomes: vec![], scopes: vec![patch] };
        client.sync_request(0).expect("a request");
        client.sync_response(&wire::encode_answer(&Answer::Ok(response)), 2_000);
        let events = pump(&mut client, &mut records);
        let refused = |event: &ClientEvent| matches!(event, ClientEvent::Refused { code, .. } if code == "bad_answer");
        assert!(events.iter().any(refused), "{events:?}");
        assert_eq!((cart(&client), client.pending_count()), (before.clone(), 1));
        assert!(records == stored);
    }
}
