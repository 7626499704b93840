//! A client alone with its record store and a server's answers.

use pannier::collection::OUTCOMES;
use pannier::collection::schema::Declared;
use pannier::format::document::Document;
use pannier::shop::ShopRules;
use pannier::store::memory::MemoryRecords;
use pannier::store::{Failure, FailureKind, Options, Request, Response};
use pannier::sync::client::{Client, ClientEvent, ClientOptions, OUTCOMES_MAX, Operation, PARKED_MS, rows_tree};
use pannier::sync::mutation::{ERASE, Id, Mutation, Outcome, Status, UNKNOWN_MUTATION};
use pannier::sync::rows::Collection;
use pannier::sync::wire::{self, Answer, Change, ScopePatch, SyncError, SyncResponse};
use pannier_sim::server::{InProcess, Server, ServerEvent};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const CATALOG_BYTES_MAX: u64 = 10_000;

fn client(scopes: &[Collection], records: &mut MemoryRecords) -> Client {
    client_on(scopes, records, Id([1; 16]))
}

fn client_on(scopes: &[Collection], records: &mut MemoryRecords, new_id: Id) -> Client {
    let options = ClientOptions {
        store: Options::default(),
        collections: vec![Declared {
            name: "catalog".into(),
            key: vec!["id".into()],
            bytes_max: Some(CATALOG_BYTES_MAX),
            ..Declared::default()
        }],
        scopes: scopes.to_vec(),
        new_id,
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
            digest: None,
        };
        let response = SyncResponse { epoch: 1, last_seq: 0, outcomes: vec![], scopes: vec![patch], at: 0 };
        client.sync_request(0).expect("a request");
        client.sync_response(&wire::encode_answer(&Answer::Ok(response)), 2_000);
        let events = pump(&mut client, &mut records);
        let refused = |event: &ClientEvent| matches!(event, ClientEvent::Refused { code, .. } if code == "bad_answer");
        assert!(events.iter().any(refused), "{events:?}");
        assert_eq!((cart(&client), client.pending_count()), (before.clone(), 1));
        assert!(records == stored);
    }
}

/// A server's answer of no rows, at a time of its clock.
fn acknowledged(epoch: u64, last_seq: u64, outcomes: Vec<Outcome>, at: u64) -> Vec<u8> {
    wire::encode_answer(&Answer::Ok(SyncResponse { epoch, last_seq, outcomes, scopes: vec![], at }))
}

fn applied(mutation: &Mutation) -> Outcome {
    let (seq, id) = (mutation.seq, mutation.id);
    Outcome { seq, id, status: Status::Applied, code: None, detail: Document::default(), rev: 1 }
}

/// Exchanges once with a server that applies everything at `at`.
fn acknowledge(client: &mut Client, records: &mut MemoryRecords, at: u64) {
    let request = wire::decode_request(&client.sync_request(0).expect("a request")).expect("decodes");
    let outcomes: Vec<Outcome> = request.mutations.iter().map(applied).collect();
    let last_seq = request.mutations.last().map_or(request.ack_to, |last| last.seq);
    client.sync_response(&acknowledged(7, last_seq, outcomes, at), 0);
    pump(client, records);
}

#[test]
fn what_is_older_than_the_journal_is_counted_as_lost() {
    const DAY_MS: u64 = 24 * 3600 * 1000;
    let mut records = MemoryRecords::default();
    let mut client = client(&[Collection::Cart], &mut records);
    let days = [0, 1, 29, 31, 32];
    for (id, day) in (10..).zip(days) {
        mutate(&mut client, "cart.add", id, json!({ "sku": "A", "qty": 1 }));
        pump(&mut client, &mut records);
        acknowledge(&mut client, &mut records, 1_000 + day * DAY_MS);
    }
    let before = wire::decode_request(&client.sync_request(0).expect("a request")).expect("decodes");
    assert_eq!((before.ack_to, before.forget_before), (5, 3), "three are in the journal");
    client.sync_response(&wire::encode_answer(&Answer::Error(SyncError::EpochChanged { epoch: 8, last_seq: None })), 0);
    let events = pump(&mut client, &mut records);
    let recovered = events.iter().find_map(|event| match event {
        ClientEvent::Recovered(told) => Some(serde_json::to_value(told).expect("JSON")),
        _ => None,
    });
    assert_eq!(recovered, Some(json!({ "code": "epoch_changed", "again": 3, "lost": 2 })));
    let after = wire::decode_request(&client.sync_request(0).expect("a request")).expect("decodes");
    assert_ne!(after.client, before.client);
    assert_eq!((after.epoch, after.first_seq, after.ack_to, after.forget_before), (Some(8), 6, 5, 0));
    let sent: Vec<(u64, u8)> = after.mutations.iter().map(|mutation| (mutation.seq, mutation.id.0[0])).collect();
    assert_eq!(sent, [(6, 12), (7, 13), (8, 14)]);
}

#[test]
fn the_journal_keeps_the_newest_of_what_is_too_much() {
    let mut records = MemoryRecords::default();
    let mut client = client(&[Collection::Cart], &mut records);
    let title = "x".repeat(900);
    for _ in 0..13 {
        for id in 0..100 {
            mutate(&mut client, "cart.add", id, json!({ "sku": "A", "qty": 1, "quote": { "title": title } }));
        }
        pump(&mut client, &mut records);
        acknowledge(&mut client, &mut records, 1_000);
    }
    client.sync_request(0).expect("a request");
    client.sync_response(&wire::encode_answer(&Answer::Error(SyncError::UnknownClient {})), 0);
    pump(&mut client, &mut records);
    let again = client.pending_count() as u64 * 970;
    assert!(again <= wire::JOURNAL_BYTES_MAX && again > wire::JOURNAL_BYTES_MAX * 9 / 10, "{again} bytes");
}

/// A server that knows no mutation answers at `at`. Gives what was sent, and what is told.
fn unknown(client: &mut Client, records: &mut MemoryRecords, at: u64) -> (Vec<Mutation>, Vec<ClientEvent>) {
    let request = wire::decode_request(&client.sync_request(0).expect("a request")).expect("decodes");
    let rejected = |mutation: &Mutation| Outcome {
        status: Status::Rejected,
        code: Some(UNKNOWN_MUTATION.into()),
        ..applied(mutation)
    };
    let last_seq = request.mutations.last().map_or(request.ack_to, |last| last.seq);
    let outcomes = request.mutations.iter().map(rejected).collect();
    client.sync_response(&acknowledged(7, last_seq, outcomes, at), 0);
    (request.mutations, pump(client, records))
}

#[test]
fn what_no_server_knows_waits_where_too_much_of_it_is_parked_and_none_is_dropped() {
    let mut records = MemoryRecords::default();
    let mut tab = client(&[Collection::Cart], &mut records);
    let title = "x".repeat(900);
    const EDITS: usize = 1500;
    for edit in 0..EDITS {
        let asked = json!({ "sku": "A", "qty": 1, "quote": { "title": title, "edit": edit } });
        mutate(&mut tab, "cart.add", 2, asked);
    }
    pump(&mut tab, &mut records);
    let older = ClientEvent::SyncRefused(SyncError::Schema { min: wire::SCHEMA, max: wire::SCHEMA });
    let mut sent = 0;
    loop {
        let (batch, events) = unknown(&mut tab, &mut records, 1_000);
        let is_full = sent as u64 * 970 + batch.len() as u64 * 970 > wire::JOURNAL_BYTES_MAX;
        assert_eq!(events.contains(&older), is_full, "{events:?}");
        if batch.is_empty() {
            break;
        }
        sent += batch.len();
    }
    let bytes = sent as u64 * 970;
    assert!(bytes > wire::JOURNAL_BYTES_MAX && bytes < wire::JOURNAL_BYTES_MAX + 100 * 1_000, "{bytes} bytes");
    assert_eq!(tab.pending_count(), EDITS - sent);

    // After an hour, in another page, all of them go out: those that waited first.
    let mut tab = client(&[Collection::Cart], &mut records);
    let request = wire::decode_request(&tab.sync_request(0).expect("a request")).expect("decodes");
    assert_eq!((request.ack_to, request.forget_before), (sent as u64, 0), "all of them may come again");
    let later = 1_000 + PARKED_MS;
    assert_eq!(unknown(&mut tab, &mut records, later).0.len(), 0);
    assert_eq!(tab.pending_count(), EDITS);
    let mut edits = BTreeSet::new();
    while tab.pending_count() > 0 {
        let request = wire::decode_request(&tab.sync_request(0).expect("a request")).expect("decodes");
        assert!(!request.mutations.is_empty(), "it goes on");
        let quotes = request.mutations.iter().filter_map(|one| one.args.as_ref().object("quote"));
        edits.extend(quotes.filter_map(|quote| quote.u64("edit")));
        let last_seq = request.mutations.last().map_or(0, |last| last.seq);
        let outcomes = request.mutations.iter().map(applied).collect();
        tab.sync_response(&acknowledged(7, last_seq, outcomes, later), 0);
        pump(&mut tab, &mut records);
    }
    assert_eq!(edits.len(), EDITS);
    let request = wire::decode_request(&tab.sync_request(0).expect("a request")).expect("decodes");
    assert!(request.forget_before >= sent as u64, "they are in the journal under their new numbers");
}

#[test]
fn what_a_copy_has_brought_to_the_server_is_asked_for_however_much_is_parked() {
    let mut records = MemoryRecords::default();
    let mut tab = client(&[Collection::Cart], &mut records);
    let title = "x".repeat(900);
    for id in 0..1500 {
        mutate(&mut tab, "cart.add", id as u8, json!({ "sku": "A", "qty": 1, "quote": { "title": title } }));
    }
    pump(&mut tab, &mut records);
    let mut sent = 0;
    loop {
        match unknown(&mut tab, &mut records, 1_000).0.len() {
            0 => break,
            more => sent += more as u64,
        }
    }
    // The copy has sent two more, under the same numbers.
    tab.sync_request(0).expect("a request");
    tab.sync_response(&acknowledged(7, sent + 2, vec![], 1_000), 0);
    let events = pump(&mut tab, &mut records);
    assert!(events.contains(&ClientEvent::Synced { more: true }), "{events:?}");
    let request = wire::decode_request(&tab.sync_request(0).expect("a request")).expect("decodes");
    let numbers: Vec<u64> = request.mutations.iter().map(|mutation| mutation.seq).collect();
    assert_eq!(numbers, [sent + 1, sent + 2], "without their outcomes no answer is taken in; the others wait");
    tab.sync_response(&acknowledged(7, sent + 2, request.mutations.iter().map(applied).collect(), 1_000), 0);
    let older = ClientEvent::SyncRefused(SyncError::Schema { min: wire::SCHEMA, max: wire::SCHEMA });
    assert!(pump(&mut tab, &mut records).contains(&older));
    let request = wire::decode_request(&tab.sync_request(0).expect("a request")).expect("decodes");
    assert_eq!((request.ack_to, request.mutations.len()), (sent + 2, 0));
}

#[test]
fn an_erasure_goes_out_however_much_is_parked() {
    let mut records = MemoryRecords::default();
    let mut tab = client(&[Collection::Cart], &mut records);
    let title = "x".repeat(900);
    for _ in 0..1500 {
        mutate(&mut tab, "cart.add", 2, json!({ "sku": "A", "qty": 1, "quote": { "title": title } }));
    }
    pump(&mut tab, &mut records);
    while !unknown(&mut tab, &mut records, 1_000).0.is_empty() {}
    assert!(tab.pending_count() > 0);
    mutate(&mut tab, ERASE, 3, json!({}));
    pump(&mut tab, &mut records);
    let mut names = Vec::new();
    while tab.pending_count() > 0 {
        names.extend(unknown(&mut tab, &mut records, 1_000).0.into_iter().map(|one| one.name));
    }
    assert_eq!(names.last().map(String::as_str), Some(ERASE));
}

#[test]
fn a_server_that_refuses_for_ever_is_told_to_the_page() {
    let mut records = MemoryRecords::default();
    let mut client = client(&[Collection::Cart], &mut records);
    mutate(&mut client, "cart.add", 2, json!({ "sku": "A" }));
    pump(&mut client, &mut records);
    for round in 0.. {
        client.sync_request(0).expect("a request");
        client.sync_response(&wire::encode_answer(&Answer::Error(SyncError::OpMismatch { seq: 1 })), 0);
        let events = pump(&mut client, &mut records);
        assert_eq!(client.pending_count(), 1);
        if events.contains(&ClientEvent::SyncRefused(SyncError::OpMismatch { seq: 1 })) {
            return assert!(round > 1, "it was given up at once");
        }
        assert!(round < 10, "it goes on for ever");
    }
}

#[test]
fn a_tab_that_opens_between_a_recovery_and_its_answer_doubles_nothing() {
    let mut records = MemoryRecords::default();
    let mut server = InProcess::default();
    let mut first = client(&[Collection::Cart], &mut records);
    mutate(&mut first, "cart.add", 2, json!({ "sku": "A", "qty": 2 }));
    pump(&mut first, &mut records);
    sync(&mut first, &mut records, &mut server);
    assert!(server.befall(ServerEvent::Wipe));
    sync(&mut first, &mut records, &mut server);
    assert_eq!((cart(&first), first.pending_count()), (vec![("A".to_owned(), 2)], 1));
    let mut second = client(&[Collection::Cart], &mut records);
    assert_eq!((cart(&second), second.pending_count()), (vec![("A".to_owned(), 2)], 1));
    sync(&mut second, &mut records, &mut server);
    assert_eq!((cart(&second), second.pending_count()), (vec![("A".to_owned(), 2)], 0));
}

/// The server answers with these changes of the catalog.
fn pulled(client: &mut Client, records: &mut MemoryRecords, cookie: u64, changes: Vec<Change>) {
    let patch = ScopePatch { name: Collection::Catalog, cookie, reset: false, more: false, changes, digest: None };
    let response = SyncResponse { epoch: 1, last_seq: 0, outcomes: vec![], scopes: vec![patch], at: 0 };
    client.sync_request(0).expect("a request");
    client.sync_response(&wire::encode_answer(&Answer::Ok(response)), 2_000);
    pump(client, records);
}

#[test]
fn a_product_that_was_evicted_is_absent_until_the_server_has_another_one() {
    let mut records = MemoryRecords::default();
    let mut client = client(&[Collection::Catalog], &mut records);
    let put = |id: usize, rev: u64, title: &str| {
        let value = serde_json::from_value(json!({ "id": id.to_string(), "version": rev, "title": title }));
        Change::Put { key: id.to_string(), rev, value: value.expect("a document") }
    };
    let there = |client: &Client, id: usize| {
        let key = pannier::collection::row_key(rows_tree(Collection::Catalog), &id.to_string());
        client.view().get(&key).expect("in memory").is_some()
    };
    let title = "x".repeat(500);
    pulled(&mut client, &mut records, 30, (0..30).map(|id| put(id, 1, &title)).collect());
    while client.is_upkeep_due() {
        client.submit(Operation::Upkeep, 3_000);
        pump(&mut client, &mut records);
    }
    let evicted: Vec<usize> = (0..30).filter(|id| !there(&client, *id)).collect();
    assert!((11..20).contains(&evicted.len()), "{evicted:?}");
    // Nothing is told to the server, and nothing asked for again.
    assert_eq!(client.pending_count(), 0);
    let request = wire::decode_request(&client.sync_request(0).expect("a request")).expect("ours");
    assert_eq!((request.scopes[0].cookie, request.mutations.len()), (Some(30), 0));
    let deleted = Change::Del { key: evicted[0].to_string(), rev: 31 };
    pulled(&mut client, &mut records, 32, vec![deleted, put(evicted[1], 2, "new")]);
    assert!(!there(&client, evicted[0]) && there(&client, evicted[1]));
}

/// Numbers of the outcomes that were not acknowledged.
fn unseen(client: &mut Client) -> Vec<u64> {
    let mut numbers = Vec::new();
    let take = &mut |row: &[u8]| numbers.extend(Document::from_stored(row.to_vec()).as_ref().u64("seq"));
    assert_eq!(client.outcomes(take).expect("all is in memory") as usize, numbers.len());
    numbers
}

fn outcomes_stored(client: &Client) -> usize {
    let mut count = 0;
    let scan = pannier::store::Scan::ascending(&[OUTCOMES.0], &[OUTCOMES.0 + 1]);
    client
        .view()
        .scan(scan, &mut |_, _| {
            count += 1;
            true
        })
        .expect("all is in memory");
    count
}

#[test]
fn outcomes_are_kept_over_visits_until_they_are_acknowledged_and_so_many_at_most() {
    let scopes = &[Collection::Cart];
    let mut records = MemoryRecords::default();
    let mut visit = client(scopes, &mut records);
    let adds = |client: &mut Client, records: &mut MemoryRecords, count: u64| {
        for _ in 0..count {
            mutate(client, "cart.add", 2, json!({ "sku": "A" }));
        }
        pump(client, records);
        while client.pending_count() > 0 {
            acknowledge(client, records, 1_000);
            pump(client, records);
        }
    };
    adds(&mut visit, &mut records, 250);
    let all: Vec<u64> = (1..=250).collect();
    assert_eq!(unseen(&mut visit), all);
    let mut visit = client(scopes, &mut records);
    assert_eq!(unseen(&mut visit), all, "after a reload");
    for (seq, left, stored) in [(20, 230, 230), (20, 230, 230), (10, 230, 230), (240, 10, 200), (999, 0, 200)] {
        visit.submit(Operation::Acknowledge(seq), 1_000);
        pump(&mut visit, &mut records);
        assert_eq!((unseen(&mut visit).len(), outcomes_stored(&visit)), (left, stored), "{seq}");
    }
    let mut visit = client(scopes, &mut records);
    assert!(unseen(&mut visit).is_empty());
    adds(&mut visit, &mut records, 300);
    assert_eq!((unseen(&mut visit).len(), outcomes_stored(&visit)), (300, 300));
    adds(&mut visit, &mut records, OUTCOMES_MAX);
    assert_eq!(unseen(&mut visit).len(), OUTCOMES_MAX as usize);
    assert!(outcomes_stored(&visit) <= OUTCOMES_MAX as usize + 200);
}

#[test]
fn after_an_erasure_no_edit_is_taken_until_the_server_refuses_it() {
    use pannier::sync::client::Erasure;
    use pannier::sync::mutation::ERASE;
    let scopes = [Collection::Cart];
    for (answer, code, last) in
        [(Status::Applied, None, Erasure::Done), (Status::Rejected, Some("unknown_mutation"), Erasure::None)]
    {
        let mut records = MemoryRecords::default();
        let mut device = client(&scopes, &mut records);
        mutate(&mut device, "cart.add", 1, json!({"sku": "A"}));
        mutate(&mut device, ERASE, 2, json!({}));
        mutate(&mut device, "cart.add", 3, json!({"sku": "B"}));
        mutate(&mut device, ERASE, 4, json!({}));
        let rows = serde_json::from_value(json!([{"id": "P"}])).expect("a document");
        device.submit(Operation::Put { rows_tree: rows_tree(Collection::Catalog), rows }, 1_000);
        let events = pump(&mut device, &mut records);
        let refused =
            events.iter().filter(|event| matches!(event, ClientEvent::Refused { code, .. } if code == "erased"));
        assert_eq!(refused.count(), 3);
        assert!(events.contains(&ClientEvent::Erasure(Erasure::Asked)));
        assert_eq!((cart(&device), device.pending_count()), (vec![], 2));

        // A tab that opens on it knows too.
        let mut other = client_on(&scopes, &mut records, Id([9; 16]));
        assert_eq!(other.erasure(), Erasure::Asked);
        mutate(&mut other, "cart.add", 5, json!({"sku": "C"}));
        assert!(pump(&mut other, &mut records).iter().any(|event| matches!(event, ClientEvent::Refused { .. })));

        let outcome = |seq, id, status, code: Option<&str>| Outcome {
            seq,
            id: Id([id; 16]),
            status,
            code: code.map(Into::into),
            detail: Document::default(),
            rev: 0,
        };
        let outcomes = vec![outcome(1, 1, Status::Applied, None), outcome(2, 2, answer, code)];
        device.sync_request(1_000).expect("a request");
        let answer = Answer::Ok(SyncResponse { epoch: 1, last_seq: 2, outcomes, scopes: vec![], at: 1_000 });
        device.sync_response(&wire::encode_answer(&answer), 1_000);
        let events = pump(&mut device, &mut records);
        assert!(events.contains(&ClientEvent::Erasure(last)), "{events:?}");
        let reopened = client_on(&scopes, &mut records, Id([9; 16]));
        assert_eq!(reopened.erasure(), last);
        mutate(&mut device, "cart.add", 6, json!({"sku": "D"}));
        let is_refused =
            pump(&mut device, &mut records).iter().any(|event| matches!(event, ClientEvent::Refused { .. }));
        assert_eq!(is_refused, last == Erasure::Done);
    }
}

#[test]
fn without_a_server_an_erasure_is_done_at_once() {
    use pannier::sync::client::Erasure;
    use pannier::sync::mutation::ERASE;
    let mut records = MemoryRecords::default();
    let mut device = client(&[], &mut records);
    mutate(&mut device, "cart.add", 1, json!({"sku": "A"}));
    mutate(&mut device, ERASE, 2, json!({}));
    let events = pump(&mut device, &mut records);
    assert!(events.contains(&ClientEvent::Erasure(Erasure::Done)));
    assert_eq!((cart(&device), device.pending_count()), (vec![], 0));
    assert_eq!(client_on(&[], &mut records, Id([9; 16])).erasure(), Erasure::Done);
}

#[test]
fn a_shopper_signs_out_of_a_device_only_when_nothing_is_pending() {
    use pannier::sync::client::Erasure;
    use pannier::sync::mutation::ERASE;
    let mut records = MemoryRecords::default();
    let mut device = client(&[Collection::Cart], &mut records);
    mutate(&mut device, "cart.add", 1, json!({"sku": "A"}));
    mutate(&mut device, ERASE, 2, json!({"device": true}));
    let events = pump(&mut device, &mut records);
    assert!(events.iter().any(|event| matches!(event, ClientEvent::Refused { code, .. } if code == "pending")));
    assert_eq!((device.erasure(), cart(&device)), (Erasure::None, vec![("A".into(), 1)]));

    let mut server = InProcess::default();
    sync(&mut device, &mut records, &mut server);
    assert_eq!(device.pending_count(), 0);
    mutate(&mut device, ERASE, 3, json!({"device": true}));
    pump(&mut device, &mut records);
    assert_eq!((device.erasure(), device.pending_count()), (Erasure::Done, 0));
    // The server was asked nothing.
    let mut phone_records = MemoryRecords::default();
    let mut phone = client_on(&[Collection::Cart], &mut phone_records, Id([9; 16]));
    sync(&mut phone, &mut phone_records, &mut server);
    assert_eq!(cart(&phone), vec![("A".into(), 1)]);
}

/// The records are others by now: as `pump`, where all that asks for those before fails until all is read anew.
fn pump_replaced(client: &mut Client, records: &mut MemoryRecords) -> Vec<ClientEvent> {
    // As when a page is told that its connection has gone.
    client.offer(u64::MAX, &[]);
    loop {
        let Some((id, request)) = client.next_request() else { panic!("nothing is opened anew") };
        if matches!(request, Request::Open { log_after: None }) {
            client.complete(id, records.execute(&request));
            return pump(client, records);
        }
        let failure = Failure { kind: FailureKind::Replaced, message: String::new() };
        client.complete(id, Response::Failed(failure));
    }
}

fn outcomes(events: &[ClientEvent]) -> Vec<(String, String)> {
    let told = |event: &ClientEvent| match event {
        ClientEvent::Outcome(outcome) => {
            let row = outcome.as_ref();
            let text = |name| row.str(name).unwrap_or_default().to_owned();
            Some((text("status"), text("code")))
        }
        _ => None,
    };
    events.iter().filter_map(told).collect()
}

fn lines(all: &[(&str, u64)]) -> Vec<(String, u64)> {
    all.iter().map(|(sku, qty)| ((*sku).to_owned(), *qty)).collect()
}

#[test]
fn a_store_that_is_deleted_under_a_client_gets_the_outbox_and_all_else_from_the_server() {
    let mut records = MemoryRecords::default();
    let mut server = InProcess::default();
    let mut client = client(&[Collection::Cart], &mut records);
    mutate(&mut client, "cart.add", 2, json!({ "sku": "A", "qty": 2 }));
    pump(&mut client, &mut records);
    sync(&mut client, &mut records, &mut server);
    sync(&mut client, &mut records, &mut server);
    let id = client.id();
    // Durable here and executed there, which nobody has told.
    mutate(&mut client, "cart.add", 3, json!({ "sku": "A", "qty": 3 }));
    pump(&mut client, &mut records);
    server.post("ann", client.sync_request(0).expect("a request")).expect("an answer");
    // Not even durable: what it means depends on the line.
    mutate(&mut client, "cart.setQty", 4, json!({ "line": "A", "to": 7 }));
    for _ in 0..3 {
        records = MemoryRecords::default();
        let events = pump_replaced(&mut client, &mut records);
        assert!(events.contains(&ClientEvent::Replaced));
        assert!(events.iter().any(|event| matches!(event, ClientEvent::Durable { .. })));
        assert!(events.iter().any(|event| matches!(event, ClientEvent::Changed { .. })));
        assert_eq!((client.id(), client.pending_count()), (id, 2));
    }
    // The next visit finds it so.
    let kept = client_on(&[Collection::Cart], &mut records, Id([9; 16]));
    assert_eq!((kept.id(), kept.pending_count()), (id, 2));
    sync(&mut client, &mut records, &mut server);
    sync(&mut client, &mut records, &mut server);
    assert_eq!((cart(&client), client.pending_count()), (lines(&[("A", 7)]), 0));
    assert_eq!(cart(&client_on(&[Collection::Cart], &mut records, Id([9; 16]))), lines(&[("A", 7)]));
}

#[test]
fn two_tabs_whose_store_is_deleted_bring_all_edits_once() {
    let mut records = MemoryRecords::default();
    let mut server = InProcess::default();
    let scopes = [Collection::Cart];
    let mut first = client(&scopes, &mut records);
    mutate(&mut first, "cart.add", 2, json!({ "sku": "BOTH" }));
    pump(&mut first, &mut records);
    let mut second = client_on(&scopes, &mut records, Id([9; 16]));
    // The second has it durable under a number that the first does not know of.
    mutate(&mut second, "cart.add", 3, json!({ "sku": "SECOND" }));
    pump(&mut second, &mut records);
    mutate(&mut first, "cart.add", 4, json!({ "sku": "FIRST" }));
    records = MemoryRecords::default();
    pump_replaced(&mut first, &mut records);
    // What it sends takes numbers that the second's mutations have.
    sync(&mut first, &mut records, &mut server);
    mutate(&mut second, "cart.add", 5, json!({ "sku": "LATE" }));
    pump_replaced(&mut second, &mut records);
    sync(&mut second, &mut records, &mut server);
    sync(&mut second, &mut records, &mut server);
    let all = lines(&[("BOTH", 1), ("FIRST", 1), ("LATE", 1), ("SECOND", 1)]);
    assert_eq!((cart(&second), second.pending_count()), (all.clone(), 0));
    assert_eq!(cart(&client_on(&scopes, &mut records, Id([7; 16]))), all);
}

#[test]
fn in_the_store_of_another_client_nothing_of_a_deleted_one_is_sent() {
    let mut records = MemoryRecords::default();
    let mut client = client(&[Collection::Cart], &mut records);
    mutate(&mut client, "cart.add", 2, json!({ "sku": "MINE" }));
    pump(&mut client, &mut records);
    mutate(&mut client, "cart.add", 3, json!({ "sku": "LATE" }));
    records = MemoryRecords::default();
    let other = client_on(&[Collection::Cart], &mut records, Id([9; 16]));
    let events = pump_replaced(&mut client, &mut records);
    assert_eq!(outcomes(&events), [("rejected".to_owned(), "deleted".to_owned())]);
    let is_refused = |event: &ClientEvent| matches!(event, ClientEvent::Refused { code, .. } if code == "deleted");
    assert_eq!(events.iter().filter(|event| is_refused(event)).count(), 1);
    assert_eq!((client.id(), client.pending_count(), cart(&client)), (other.id(), 0, lines(&[])));
    mutate(&mut client, "cart.add", 4, json!({ "sku": "NEXT" }));
    pump(&mut client, &mut records);
    assert_eq!((client.pending_count(), cart(&client)), (1, lines(&[("NEXT", 1)])));
}

#[test]
fn transactions_and_snapshots_of_a_deleted_store_are_over() {
    let mut records = MemoryRecords::default();
    let mut client = client(&[Collection::Cart], &mut records);
    let held = client.begin(false, 1_000).expect("few are held").expect("all is in memory");
    let frame = client.begin(true, 1_000).expect("few are held").expect("all is in memory");
    let add = |sku: &str, id| Operation::Mutate {
        name: "cart.add",
        asked: serde_json::from_value(json!({ "sku": sku })).expect("a document"),
        id: Id([id; 16]),
        at: 1_000,
    };
    client.write(frame, add("IN", 2)).expect("it can be added");
    let ticket = client.commit_frame(frame, 1_000).expect("it is there");
    assert_eq!(cart(&client), lines(&[("IN", 1)]));
    records = MemoryRecords::default();
    let events = pump_replaced(&mut client, &mut records);
    let refused = |event: &ClientEvent| matches!(event, ClientEvent::Refused { ticket: of, code, .. } if *of == ticket && code == "deleted");
    assert!(events.iter().any(refused));
    assert_eq!((client.pending_count(), cart(&client)), (0, lines(&[])));
    let gone = client.write(held, add("LATE", 3)).expect_err("it is over");
    assert_eq!(gone.code(), Some("deleted"));
    let next = client.begin(true, 1_000).expect("few are held").expect("all is in memory");
    client.write(next, add("NEXT", 4)).expect("it can be added");
    client.commit_frame(next, 1_000).expect("it is there");
    pump(&mut client, &mut records);
    assert_eq!(cart(&client), lines(&[("NEXT", 1)]));
}
