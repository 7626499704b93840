//! Faults that were found once, each under its name.

use pannier::shop::{cart, history};
use pannier::store::Options;
use pannier::sync::mutation::ERASE;
use pannier::sync::rows::Collection;
use pannier::sync::wire::{self, Answer, SyncError};
use pannier_sim::device::Device;
use pannier_sim::server::{InProcess, Server, ServerEvent};
use pannier_sim::tab::Synced;
use serde_json::json;

const NOW: u64 = 1_795_000_000_000;
/// Steps of a device.
const ASK: usize = 0;
const PERFORM: usize = 1;
const HEAR_RECORDS: usize = 2;
const HEAR_TAB: usize = 3;

fn device(tabs: usize) -> Device {
    let mut device = Device::new(1, "ann", Options::default());
    (0..tabs).for_each(|tab| device.open(tab));
    device.settle();
    device
}

fn add(device: &mut Device, tab: usize, sku: &str) {
    let id = device.new_id();
    let asked = serde_json::from_value(json!({ "sku": sku })).expect("a document");
    device.tab(tab).mutate(cart::ADD, asked, id, NOW);
    device.take_events(tab);
}

#[test]
fn what_is_staged_while_another_tab_writes_takes_no_number_twice() {
    let mut device = device(2);
    add(&mut device, 0, "A");
    device.step(0, ASK, None);
    device.step(0, PERFORM, None);
    // The first append is done and not heard of; this one waits behind it.
    add(&mut device, 0, "B");
    add(&mut device, 1, "C");
    while [ASK, PERFORM, HEAR_RECORDS].into_iter().any(|what| device.step(1, what, None)) {}
    assert!(device.step(0, HEAR_TAB, None), "the other tab has told");
    device.settle();
    for tab in 0..2 {
        let outbox = device.stored(tab).outbox;
        let mut skus: Vec<_> = outbox.iter().filter_map(|mutation| mutation.args.as_ref().str("sku")).collect();
        skus.sort_unstable();
        assert_eq!(skus, ["A", "B", "C"]);
        assert_eq!(outbox.iter().map(|mutation| mutation.seq).collect::<Vec<_>>(), [1, 2, 3]);
    }
}

#[test]
fn a_shopper_does_not_sign_out_over_what_another_tab_has_just_written() {
    let mut device = device(2);
    add(&mut device, 0, "A");
    while [ASK, PERFORM, HEAR_RECORDS].into_iter().any(|what| device.step(0, what, None)) {}
    assert_eq!(device.told.durable.len(), 1);
    // The second tab has not heard of it.
    let (id, asked) = (device.new_id(), serde_json::from_value(json!({ "device": true })).expect("a document"));
    device.tab(1).mutate(ERASE, asked, id, NOW);
    device.take_events(1);
    assert!(!device.told.is_erased, "the store would be deleted");
    device.settle();
    assert!(!device.told.is_erased);
    assert_eq!(device.tab(1).refused.iter().map(|(_, code)| &code[..]).collect::<Vec<_>>(), ["pending"]);
    assert_eq!(device.stored(1).outbox.len(), 1);
}

#[test]
fn an_answer_that_another_tabs_request_has_overtaken_is_no_error() {
    let (mut device, mut server) = (device(2), InProcess::default());
    add(&mut device, 0, "A");
    device.settle();
    let first = device.request(0).expect("a request");
    add(&mut device, 1, "B");
    device.settle();
    let second = device.request(1).expect("a request");
    let second = server.post("ann", second).expect("an answer");
    let first = server.post("ann", first).expect("an answer");
    device.answer(0, &first, NOW);
    device.settle();
    assert_eq!(device.synced(0), Some(Synced::Done { more: true }));
    device.answer(1, &second, NOW);
    device.settle();
    assert_eq!((device.told.outcomes.len(), device.stored(0).outbox), (2, vec![]));
}

#[test]
fn an_answer_without_an_outcome_is_refused_and_changes_nothing() {
    let (mut device, mut server) = (device(1), InProcess::default());
    add(&mut device, 0, "A");
    device.settle();
    let body = device.request(0).expect("a request");
    let answer = server.post("ann", body).expect("an answer");
    let Ok(Answer::Ok(mut response)) = wire::decode_answer(&answer) else { panic!("not served") };
    response.outcomes.clear();
    device.answer(0, &wire::encode_answer(&Answer::Ok(response)), NOW);
    device.settle();
    let why = "a mutation has no outcome".into();
    assert_eq!(device.synced(0), Some(Synced::Refused(SyncError::Malformed { why })));
    assert_eq!(device.stored(0).outbox.len(), 1);
}

#[test]
fn a_pending_visit_keeps_its_date_when_the_page_is_opened_again() {
    let mut device = device(1);
    let id = device.new_id();
    let asked = serde_json::from_value(json!({ "eventId": "e", "sku": "A", "at": NOW })).expect("a document");
    device.tab(0).mutate(history::VISIT, asked, id, NOW);
    device.settle();
    device.kill(0);
    device.open(0);
    device.settle();
    assert_eq!(device.view(0, Collection::History)["e"].as_ref().u64("at"), Some(NOW));
}

#[test]
fn an_answer_to_another_client_id_is_not_taken_in() {
    let (mut device, mut server) = (Device::new(1, "ann", Options::default()), InProcess::default());
    device.open(0);
    device.open(1);
    // Both have read an empty store, and each has named the client.
    for tab in 0..2 {
        while [ASK, PERFORM, HEAR_RECORDS].into_iter().any(|what| device.step(tab, what, None)) {
            if device.tab(tab).client.id().is_some() {
                break;
            }
        }
    }
    let nameless = device.request(1).expect("a request");
    device.settle();
    add(&mut device, 0, "A");
    device.settle();
    let body = device.request(0).expect("a request");
    server.post("ann", body).expect("an answer");
    let answer = server.post("ann", nameless).expect("an answer");
    device.answer(1, &answer, NOW);
    device.settle();
    // The server's cart holds A already: with A pending too it would show twice.
    assert_eq!(device.view(1, Collection::Cart)["A"].as_ref().u64("qty"), Some(1));
}

/// One exchange; what it came to.
fn exchange(device: &mut Device, server: &mut InProcess) -> Option<Synced> {
    let body = device.request(0).expect("a request");
    let answer = server.post("ann", body).expect("an answer");
    device.answer(0, &answer, NOW);
    device.settle();
    device.synced(0)
}

fn sync(device: &mut Device, server: &mut InProcess) {
    let is_through = |synced| synced == Some(Synced::Done { more: false });
    assert!((0..10).any(|_| is_through(exchange(device, server))), "it never has enough");
}

#[test]
fn what_a_copy_did_under_the_same_number_does_not_hide_what_a_restore_lost() {
    let (mut device, mut server) = (device(1), InProcess::default());
    let mut copy = Device::new(2, "ann", Options::default());
    copy.records = device.records.clone();
    copy.open(0);
    copy.settle();
    server.befall(ServerEvent::Backup);
    add(&mut copy, 0, "A");
    copy.settle();
    sync(&mut copy, &mut server);
    server.befall(ServerEvent::Restore);
    // The same client has number 1 again, and it is another mutation.
    add(&mut device, 0, "B");
    device.settle();
    for device in [&mut device, &mut copy] {
        sync(device, &mut server);
    }
    sync(&mut device, &mut server);
    for device in [&mut device, &mut copy] {
        assert_eq!(device.view(0, Collection::Cart).into_keys().collect::<Vec<_>>(), ["A", "B"]);
    }
}

#[test]
fn a_device_goes_on_after_any_number_of_restores() {
    let (mut device, mut server) = (device(1), InProcess::default());
    sync(&mut device, &mut server);
    server.befall(ServerEvent::Backup);
    add(&mut device, 0, "A");
    device.settle();
    for _ in 0..6 {
        server.befall(ServerEvent::Restore);
        exchange(&mut device, &mut server);
    }
    sync(&mut device, &mut server);
    assert_eq!((device.stored(0).outbox.len(), device.view(0, Collection::Cart).len()), (0, 1));
}

#[test]
fn a_copy_of_a_profile_that_was_first_does_not_keep_the_backlog_of_the_other() {
    let mut server = InProcess::default();
    let mut first = device(1);
    (0..250).for_each(|number| add(&mut first, 0, &format!("A{number}")));
    first.settle();
    let mut second = Device::new(2, "ann", Options::default());
    second.records = first.records.clone();
    second.open(0);
    second.settle();
    for (device, exchanges) in [(&mut first, 3), (&mut second, 3)] {
        for left in (0..exchanges).rev() {
            let body = device.request(0).expect("a request");
            let answer = server.post("ann", body).expect("an answer");
            device.answer(0, &answer, NOW);
            device.settle();
            assert_eq!(device.synced(0), Some(Synced::Done { more: left > 0 }));
        }
        assert_eq!(device.tab(0).client.pending_count(), 0);
        assert_eq!(device.view(0, Collection::Cart).len(), 250);
    }
    assert_eq!(server.executed(), Some(250));
}
