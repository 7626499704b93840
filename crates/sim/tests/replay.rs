//! A month of a shop's real invoices as cart sessions on three devices, in worlds with every fault.
//!
//! Each customer is a shopper, and each invoice a session on one of the shopper's devices: a line
//! adds, a cancellation or a negative quantity takes away. An invoice without a customer is a shopper
//! of its own. Between the lines happens what a seed has happen: messages are lost, doubled, cut and
//! come late, tabs are killed, stores fail, transactions are cut, clocks jump, the server is restored,
//! profiles are copied. The world holds the sync's invariants and a plain sequential cart against it.

use flate2::read::GzDecoder;
use pannier_sim::rng::Rng;
use pannier_sim::shrink::caught;
use pannier_sim::world::event::{At, Event, Setup};
use pannier_sim::world::intent::Intent;
use pannier_sim::world::{Counts, run};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

const FILE: &str = "online-retail-2010-12.csv.gz";
/// A shopper's devices.
const DEVICES: usize = 3;
/// Faults after each line of an invoice.
const FAULTS: usize = 4;

struct Line {
    sku: String,
    quantity: i64,
}

/// A shopper's invoices in the order of the file.
type Sessions = Vec<(String, Vec<Line>)>;

#[test]
fn a_month_of_invoices_is_neither_lost_nor_doubled() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data").join(FILE);
    let Ok(packed) = std::fs::read(&file) else {
        assert!(std::env::var_os("CI").is_none(), "{} is missing", file.display());
        println!("skipped: {} is not there", file.display());
        return;
    };
    let mut text = Vec::new();
    GzDecoder::new(&packed[..]).read_to_end(&mut text).expect("the file unpacks");
    let shoppers = read(&String::from_utf8_lossy(&text));
    let mut counts = Counts::default();
    for (seed, (shopper, sessions)) in (0..).zip(&shoppers) {
        let (setup, events) = plan(seed, sessions);
        let edits = events.iter().filter(|event| matches!(event, Event::Edit(..))).count() as u64;
        match caught(|| run(&setup, &events)) {
            Ok(happened) => counts.merge(&happened),
            Err(why) => panic!("{shopper}, seed {seed}: {why}"),
        }
        counts.add_many("lines of invoices", edits);
        counts.add_many("sessions", sessions.len() as u64);
        counts.add("shoppers");
    }
    for (name, count) in &counts.0 {
        println!("{count:9} {name}");
    }
    let faults = ["answers lost", "requests doubled", "kills in mid-commit", "restores", "profiles copied"];
    for fault in
        faults.into_iter().chain(["mutations on what another device had changed", "cart.adjust noop line_gone"])
    {
        assert!(counts.0.contains_key(fault), "the replay tests too little: {fault} never happened");
    }
}

/// A shopper's world: its sessions, with faults in between.
fn plan(seed: u64, sessions: &Sessions) -> (Setup, Vec<Event>) {
    let mut rng = Rng::new(seed);
    let mut setup = Setup::draw(&mut rng);
    (setup.shoppers, setup.skus, setup.stocks) = (vec!["ann"; DEVICES], Vec::new(), Vec::new());
    let mut places = BTreeMap::new();
    let mut events = Vec::new();
    for (_, lines) in sessions {
        let at = At { device: rng.below(DEVICES), tab: 0 };
        for line in lines {
            let place = *places.entry(&line.sku).or_insert_with(|| {
                setup.skus.push(line.sku.clone());
                setup.skus.len() - 1
            });
            let intent = match i32::try_from(line.quantity).expect("a quantity") {
                by @ ..0 => Intent::Adjust(by),
                pieces => Intent::Add(pieces.unsigned_abs()),
            };
            // Who buys has a page open.
            events.extend([Event::Open(at), Event::Edit(at, place, intent)]);
            events.extend((0..FAULTS).map(|_| Event::draw_fault(&mut rng)));
        }
        // The shopper reads what is there before going on elsewhere.
        events.push(Event::LookInto(at));
    }
    (setup, events)
}

/// Sessions by shopper; lines of quantity 0 ask for nothing and are left out.
fn read(text: &str) -> BTreeMap<String, Sessions> {
    let mut shoppers: BTreeMap<String, Sessions> = BTreeMap::new();
    for row in text.lines().skip(1).map(fields) {
        let [invoice, sku, _, quantity, _, _, customer, ..] = &row[..] else { panic!("a row is cut: {row:?}") };
        let quantity: i64 = quantity.parse().expect("a quantity");
        if quantity == 0 {
            continue;
        }
        let shopper = if customer.is_empty() { format!("invoice {invoice}") } else { customer.clone() };
        let sessions = shoppers.entry(shopper).or_default();
        if sessions.last().is_none_or(|(last, _)| last != invoice) {
            sessions.push((invoice.clone(), Vec::new()));
        }
        let lines = &mut sessions.last_mut().expect("a session").1;
        lines.push(Line { sku: sku.trim().into(), quantity });
    }
    shoppers
}

/// The fields of a row; a field in quotes may hold commas and doubled quotes.
fn fields(row: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    for character in row.chars() {
        match character {
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            _ => fields.last_mut().expect("a field").push(character),
        }
    }
    fields
}
