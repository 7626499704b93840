//! The world that a seed makes.

use pannier::format::document::Document;
use pannier::shop::{cart, history};
use pannier::store::{Failure, FailureKind, Options, Response};
use pannier::sync::mutation::Id;
use pannier::sync::wire::{self, Answer};
use pannier_sim::device::Device;
use pannier_sim::plain::{Plain, PlainProduct};
use pannier_sim::rng::Rng;
use pannier_sim::server::{InProcess, Server};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

pub const SHOPPER: &str = "ann";
const SKUS: [&str; 6] = ["A", "B", "C", "D", "E", "F"];
/// Small, so that every seed has checkpoints.
const STORE: Options = Options {
    cache_bytes_max: 4096,
    log_bytes_max: 4096,
    log_records_max: 12,
    commit_bytes_max: 64 * 1024,
    slice_bytes_max: 700,
    segment_bytes: 500,
    record_bytes_max: 16 * 1024,
};
/// Most commits are too large for the log and go into checkpoints.
const BULK: Options = Options { commit_bytes_max: 200, ..STORE };

/// A request or an answer on its way.
struct Message {
    device: usize,
    tab: usize,
    /// Tells tabs apart that had the same place.
    opened: u64,
    number: u64,
    body: Vec<u8>,
    is_answer: bool,
}

/// Where a tab waits for an answer.
#[derive(Clone, Copy, PartialEq)]
struct Waiting {
    opened: u64,
    number: u64,
}

/// What the server was at one moment.
pub struct Snapshot {
    pub rev: u64,
    pub cart: BTreeMap<String, Document>,
    pub last_seqs: BTreeMap<Id, u64>,
}

pub struct World {
    pub rng: Rng,
    pub server: InProcess,
    pub devices: Vec<Device>,
    pub plain: Plain,
    pub snapshots: Vec<Snapshot>,
    pub submitted: BTreeSet<Id>,
    /// Entries of the server's log that the plain cart has done.
    pub compared: usize,
    offline: Vec<bool>,
    waiting: BTreeMap<(usize, usize), Waiting>,
    opened: BTreeMap<(usize, usize), u64>,
    messages: Vec<Message>,
    numbers: u64,
    /// One tab of a device syncs at a time, as where there are Web Locks.
    locks: bool,
    pub counted: BTreeMap<&'static str, u64>,
}

impl World {
    pub fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let count = 2 + rng.below(2);
        let store = if rng.chance(25) { BULK } else { STORE };
        let mut world = Self {
            server: InProcess::default(),
            devices: (0..count).map(|number| Device::new(number as u8 + 1, SHOPPER, store)).collect(),
            plain: Plain::default(),
            snapshots: Vec::new(),
            submitted: BTreeSet::new(),
            compared: 0,
            offline: vec![false; count],
            waiting: BTreeMap::new(),
            opened: BTreeMap::new(),
            messages: Vec::new(),
            numbers: 0,
            locks: rng.chance(75),
            counted: BTreeMap::new(),
            rng,
        };
        for sku in SKUS {
            world.change_product(sku);
        }
        world.look();
        for device in 0..count {
            for tab in 0..1 + world.rng.below(2) {
                world.open(device, tab);
            }
        }
        world
    }

    pub fn count(&mut self, name: &'static str) {
        *self.counted.entry(name).or_default() += 1;
    }

    /// Something happens.
    pub fn step(&mut self) {
        let device = self.rng.below(self.devices.len());
        let tab = self.rng.below(2);
        self.server.clock_ms += self.rng.below(5000) as u64;
        match self.rng.below(100) {
            0..20 => self.edit(device, tab),
            20..58 => self.touch(device, tab),
            58..66 => self.send(device, tab),
            66..84 => self.carry(),
            84..87 => self.offline[device] = !self.offline[device],
            87..89 => self.kill(device, tab),
            89..93 => self.open(device, tab),
            93..95 => self.checkpoint(device, tab),
            95..96 => {
                let sku = SKUS[self.rng.below(SKUS.len())];
                self.change_product(sku);
            }
            _ => self.look_into(device, tab),
        }
    }

    fn is_open(&self, device: usize, tab: usize) -> bool {
        self.devices[device].tabs.get(tab).is_some_and(Option::is_some)
    }

    fn open(&mut self, device: usize, tab: usize) {
        if self.is_open(device, tab) {
            return;
        }
        self.devices[device].open(tab);
        *self.opened.entry((device, tab)).or_default() += 1;
    }

    fn kill(&mut self, device: usize, tab: usize) {
        if self.is_open(device, tab) {
            self.devices[device].kill(tab);
            self.waiting.remove(&(device, tab));
            self.count("kills");
        }
    }

    fn checkpoint(&mut self, device: usize, tab: usize) {
        if self.is_open(device, tab) {
            self.devices[device].tab(tab).client.checkpoint();
        }
    }

    /// A product gets another stock, or is delisted.
    fn change_product(&mut self, sku: &str) {
        let mut product = PlainProduct::default();
        match self.rng.below(6) {
            0 => product.delisted = true,
            1..3 => product.stock = Some(self.rng.below(6) as u64),
            _ => {}
        }
        let mut row = json!({ "id": sku, "delisted": product.delisted });
        if let Some(stock) = product.stock {
            row["stock"] = json!(stock);
        }
        self.server.put_products(&[row]);
        self.plain.products.insert(sku.into(), product);
    }

    fn edit(&mut self, device: usize, tab: usize) {
        if !self.is_open(device, tab) {
            return;
        }
        let now_ms = self.server.clock_ms;
        let id = self.devices[device].new_id();
        let (name, asked) = self.draw_edit(id);
        let asked = serde_json::from_value(asked).expect("a document");
        self.devices[device].tab(tab).mutate(name, asked, id, now_ms);
        self.devices[device].take_events(tab);
        assert_eq!(self.devices[device].tab(tab).refused, [], "an edit was refused");
        self.submitted.insert(id);
    }

    fn draw_edit(&mut self, id: Id) -> (&'static str, Json) {
        let sku = SKUS[self.rng.below(SKUS.len())];
        let small = 1 + self.rng.below(4);
        match self.rng.below(20) {
            0..8 => (cart::ADD, json!({ "sku": sku, "qty": small })),
            8..12 => (cart::ADJUST, json!({ "line": sku, "by": small as i64 - 3 })),
            12..15 => (cart::SET_QTY, json!({ "line": sku, "to": small - 1 })),
            15..17 => (cart::REMOVE, json!({ "line": sku })),
            17 => (cart::CLEAR, json!({})),
            18 => (cart::SELECT, json!({ "line": sku, "selected": small > 2 })),
            _ => (history::VISIT, json!({ "eventId": id.to_string(), "sku": sku, "at": self.server.clock_ms })),
        }
    }

    /// A tab and its record store go on a little.
    fn touch(&mut self, device: usize, tab: usize) {
        for _ in 0..1 + self.rng.below(3) {
            let what = self.rng.below(4);
            let fails = what == 1 && self.rng.chance(2);
            let fail = fails.then(|| Response::Failed(Failure { kind: FailureKind::Quota, message: "no room".into() }));
            if self.devices[device].step(tab, what, fail) && fails {
                self.count("failures of a record store");
            }
        }
    }

    fn send(&mut self, device: usize, tab: usize) {
        let others = (0..2).filter(|other| self.waiting.contains_key(&(device, *other))).count();
        let busy = if self.locks { others > 0 } else { self.waiting.contains_key(&(device, tab)) };
        if busy || self.offline[device] || !self.is_open(device, tab) {
            return;
        }
        if let Some(body) = self.devices[device].request(tab) {
            self.numbers += 1;
            let (opened, number) = (self.opened[&(device, tab)], self.numbers);
            self.waiting.insert((device, tab), Waiting { opened, number });
            self.messages.push(Message { device, tab, opened, number, body, is_answer: false });
        }
    }

    /// One message arrives, or is lost, or arrives and is left to come again.
    fn carry(&mut self) {
        if self.messages.is_empty() {
            return;
        }
        let index = self.rng.below(self.messages.len());
        let message = self.messages.swap_remove(index);
        let lost = self.offline[message.device] || self.rng.chance(20);
        match (message.is_answer, lost) {
            (true, true) => {
                self.count("answers dropped");
                self.give_up(&message);
            }
            (true, false) => self.answer(&message),
            (false, true) => {
                self.count("requests dropped");
                if self.rng.chance(30) {
                    self.server.post_cut(SHOPPER, &message.body);
                }
                self.give_up(&message);
            }
            (false, false) => self.deliver(message),
        }
    }

    fn deliver(&mut self, message: Message) {
        let answer = self.server.post(SHOPPER, message.body.clone()).expect("the server is there");
        self.look();
        self.messages.push(Message { body: answer, is_answer: true, ..message });
        if self.rng.chance(20) {
            // The same request will arrive again, perhaps after newer ones.
            self.count("requests doubled");
            self.messages.push(Message { number: 0, ..message });
        }
    }

    fn give_up(&mut self, message: &Message) {
        let waiting = Waiting { opened: message.opened, number: message.number };
        if self.waiting.get(&(message.device, message.tab)) == Some(&waiting) {
            self.waiting.remove(&(message.device, message.tab));
        }
    }

    /// The tab hears an answer, if it still waits for this one.
    fn answer(&mut self, message: &Message) {
        let waiting = Waiting { opened: message.opened, number: message.number };
        if self.waiting.get(&(message.device, message.tab)) != Some(&waiting) {
            return;
        }
        self.waiting.remove(&(message.device, message.tab));
        if let Ok(Answer::Error(error)) = wire::decode_answer(&message.body) {
            panic!("the server refused a device: {error}");
        }
        self.devices[message.device].answer(message.tab, &message.body, self.server.clock_ms);
    }

    /// The faults stop, and everybody syncs.
    pub fn quiesce(&mut self) {
        while let Some(message) = self.messages.pop() {
            if !message.is_answer {
                // A late double.
                self.server.post(SHOPPER, message.body).expect("the server is there");
                self.look();
            }
        }
        self.waiting.clear();
        for round in 0..3 {
            for device in 0..self.devices.len() {
                self.open(device, 0);
                self.devices[device].settle();
                self.sync(device, round % self.devices[device].tabs.len());
            }
        }
        self.check_end();
    }

    fn sync(&mut self, device: usize, tab: usize) {
        let tab = if self.is_open(device, tab) { tab } else { 0 };
        for _ in 0..20 {
            let body = self.devices[device].request(tab).expect("the tab is open");
            let answer = self.server.post(SHOPPER, body).expect("the server is there");
            self.look();
            self.devices[device].answer(tab, &answer, self.server.clock_ms);
            self.devices[device].settle();
            if self.devices[device].synced(tab) == Some(pannier_sim::tab::Synced::Done { more: false }) {
                return;
            }
        }
        panic!("device {device} never has enough");
    }
}
