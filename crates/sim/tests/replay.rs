//! A month of a shop's real invoices as cart sessions on two devices.
//!
//! Each customer is a shopper, and each invoice a session on one of the
//! shopper's two devices: a line adds, a cancellation or a negative quantity
//! takes away. An invoice without a customer is a shopper of its own. Devices
//! go offline, lose requests and answers, and are killed, as a seed has it.

use flate2::read::GzDecoder;
use pannier::shop::cart;
use pannier::store::Options;
use pannier::sync::rows::Collection;
use pannier_sim::device::Device;
use pannier_sim::network::{Fault, Network};
use pannier_sim::plain::Plain;
use pannier_sim::rng::Rng;
use pannier_sim::server::{InProcess, Server};
use pannier_sim::tab::Synced;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::Path;

const FILE: &str = "online-retail-2010-12.csv.gz";
/// Most pieces in a line; more are held to it, and the plain sum is not.
const PIECES_MAX: i64 = 9999;

struct Line {
    sku: String,
    quantity: i64,
}

/// A shopper's invoices in the order of the file.
type Sessions = Vec<(String, Vec<Line>)>;

#[derive(Debug, Default)]
struct Counts {
    shoppers: usize,
    sessions: usize,
    mutations: usize,
    concurrent: usize,
    adjusted: usize,
    noop: usize,
    rejected: usize,
    requests: u64,
    lost: usize,
}

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
    let mut counts = Counts::default();
    for (number, (shopper, sessions)) in read(&String::from_utf8_lossy(&text)).into_iter().enumerate() {
        counts.shoppers += 1;
        counts.sessions += sessions.len();
        Replay::new(number as u64, &shopper).run(&sessions, &mut counts);
    }
    println!("{counts:?}");
    assert!(counts.lost > 0 && counts.concurrent > 0 && counts.adjusted > 0, "the replay tests too little");
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

struct Replay {
    rng: Rng,
    shopper: String,
    server: InProcess,
    devices: Vec<Device>,
    requests: u64,
    lost: usize,
}

impl Replay {
    fn new(seed: u64, shopper: &str) -> Self {
        let device = |number| {
            let mut device = Device::new(number, shopper, Options::default());
            device.open(0);
            device.settle();
            device
        };
        let devices = vec![device(1), device(2)];
        Self {
            rng: Rng::new(seed),
            shopper: shopper.into(),
            server: InProcess::default(),
            devices,
            requests: 0,
            lost: 0,
        }
    }

    fn run(mut self, sessions: &Sessions, counts: &mut Counts) {
        let mut submitted = 0;
        for (_, lines) in sessions {
            let device = self.rng.below(2);
            for line in lines {
                self.edit(device, line);
                submitted += 1;
            }
            self.devices[device].settle();
            if self.rng.chance(10) {
                self.devices[device].kill(0);
                self.devices[device].open(0);
                self.devices[device].settle();
            }
            // Offline in a third of the sessions; it is sent after a later one.
            if !self.rng.chance(33) {
                let fault = match self.rng.below(10) {
                    0 => Some(Fault::DropRequest),
                    1 | 2 => Some(Fault::DropResponse),
                    3 => Some(Fault::Duplicate),
                    4 => Some(Fault::Cut),
                    _ => None,
                };
                self.sync(device, fault);
            }
        }
        for device in [0, 1, 0] {
            self.sync(device, None);
        }
        self.check(sessions, submitted);
        self.tally(counts);
    }

    fn edit(&mut self, device: usize, line: &Line) {
        let now_ms = self.server.clock_ms;
        let device = &mut self.devices[device];
        let (name, asked) = match line.quantity {
            by @ ..0 => (cart::ADJUST, json!({ "line": line.sku, "by": by })),
            qty => (cart::ADD, json!({ "sku": line.sku, "qty": qty })),
        };
        let id = device.new_id();
        let asked = serde_json::from_value(asked).expect("a document");
        device.tab(0).mutate(name, asked, id, now_ms);
        device.take_events(0);
    }

    fn sync(&mut self, device: usize, mut fault: Option<Fault>) {
        let now_ms = self.server.now_ms();
        let mut network = Network::new(&mut self.server);
        let device = &mut self.devices[device];
        loop {
            let body = device.request(0).expect("the tab is open");
            let Ok(answer) = network.post(&self.shopper, body, fault.take()) else {
                self.lost += 1;
                break;
            };
            device.answer(0, &answer, now_ms);
            device.settle();
            match device.synced(0) {
                Some(Synced::Done { more: true }) => {}
                Some(Synced::Done { more: false }) => break,
                other => panic!("a sync of {} came to {other:?}", self.shopper),
            }
        }
        self.requests += network.requests;
    }

    fn check(&mut self, sessions: &Sessions, submitted: usize) {
        let ids: BTreeSet<_> = self.server.log.iter().map(|executed| executed.mutation.id).collect();
        assert_eq!((ids.len(), self.server.log.len()), (submitted, submitted), "{}: lost or doubled", self.shopper);
        assert_eq!(self.server.executed(), Some(submitted as u64));
        let mut plain = Plain::default();
        for executed in &self.server.log {
            let args = serde_json::to_value(&executed.mutation.args).expect("JSON");
            let came = plain.apply(&executed.mutation.name, &args, self.server.clock_ms);
            assert_eq!((executed.outcome.status.name(), executed.outcome.code.as_deref()), came);
        }
        let expected = plain.quantities();
        for device in &mut self.devices {
            let view = device.view(0, Collection::Cart).into_iter().filter_map(|(key, row)| {
                let row = row.as_ref();
                Some((key, row.u64("qty")?)).filter(|(_, qty)| *qty > 0)
            });
            assert_eq!(view.collect::<BTreeMap<_, _>>(), expected, "{}'s cart", self.shopper);
            assert_eq!(device.tab(0).client.pending_count(), 0);
        }
        self.check_sums(sessions, &expected);
    }

    /// What was only ever added comes to its plain sum, in whatever order.
    fn check_sums(&self, sessions: &Sessions, cart: &BTreeMap<String, u64>) {
        let mut sums: BTreeMap<&str, Option<i64>> = BTreeMap::new();
        for line in sessions.iter().flat_map(|(_, lines)| lines) {
            let sum = sums.entry(&line.sku).or_insert(Some(0));
            *sum = sum.filter(|_| line.quantity > 0).map(|sum| sum + line.quantity);
        }
        let full = self.server.log.iter().any(|executed| executed.outcome.code.as_deref() == Some("cart_full"));
        for (sku, sum) in sums {
            if let Some(sum) = sum.filter(|_| !full) {
                assert_eq!(cart.get(sku).copied(), Some(sum.min(PIECES_MAX) as u64), "{}: {sku}", self.shopper);
            }
        }
    }

    fn tally(&self, counts: &mut Counts) {
        counts.requests += self.requests;
        counts.lost += self.lost;
        for executed in &self.server.log {
            counts.mutations += 1;
            counts.concurrent += usize::from(executed.concurrent);
            match executed.outcome.status.name() {
                "adjusted" => counts.adjusted += 1,
                "noop" => counts.noop += 1,
                "rejected" => counts.rejected += 1,
                _ => {}
            }
        }
    }
}
