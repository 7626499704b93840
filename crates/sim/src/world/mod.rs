//! A world: shoppers with their devices, a network, a server, and everything
//! that befalls them. The sync's invariants hold after every event; once the
//! faults stop, all agree within a bounded number of exchanges.

mod check;
mod counts;
pub mod event;
mod network;

pub use counts::{Counts, REQUIRED};

use crate::device::Device;
use crate::plain::{Plain, PlainProduct};
use crate::rng::Rng;
use crate::server::{InProcess, NEWER, Server};
use crate::tab::OWN;
use check::Snapshot;
use event::{At, DEVICES_MAX, Event, Intent, Moves, Setup, TABS_MAX};
use network::Network;
use pannier::format::document::Document;
use pannier::shop::{cart, history, own};
use pannier::store::{Failure, FailureKind, Options, Response};
use pannier::sync::client::PARKED_MS;
use pannier::sync::mutation::{Id, Outcome};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

/// Small, so that every world has checkpoints.
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

/// Epochs of restores begin behind that of a new server.
const FIRST_EPOCH: u64 = 1000;

/// Exchanges of a device within which it must have all, once the faults stop.
const EXCHANGES_MAX: usize = 20;

/// The world. See the module.
pub struct World {
    server: InProcess,
    backup: Backup,
    devices: Vec<Device>,
    skus: Vec<String>,
    /// What each shopper's mutations come to, done one after the other.
    plain: BTreeMap<&'static str, Plain>,
    epoch: u64,
    /// Entries of the server's log that the plain carts have done.
    compared: usize,
    snapshots: Vec<Snapshot>,
    /// By client.
    numbers: BTreeMap<Id, Numbers>,
    store: Options,
    /// The last cart cookie seen on each device in each epoch.
    cookies: BTreeMap<(usize, u64), u64>,
    submitted: BTreeSet<Id>,
    /// Every outcome that a mutation ever had, the latest last.
    outcomes: BTreeMap<Id, Vec<Outcome>>,
    network: Network,
    /// Milliseconds by which each device's clock is ahead of the server's.
    skews: Vec<i64>,
    counts: Counts,
}

/// What a restore brings back, with what it comes to.
#[derive(Clone)]
struct Backup {
    server: InProcess,
    plain: BTreeMap<&'static str, Plain>,
    numbers: BTreeMap<Id, Numbers>,
}

/// The first and the last number of a client that the server has executed.
#[derive(Clone, Copy)]
struct Numbers {
    first: u64,
    last: u64,
}

/// The events of a seed.
pub fn plan(seed: u64, events: usize) -> (Setup, Vec<Event>) {
    let mut rng = Rng::new(seed);
    let setup = Setup::draw(&mut rng);
    (setup, (0..events).map(|_| Event::draw(&mut rng)).collect())
}

/// Runs a world, and tells what happened in it.
///
/// # Panics
/// When an invariant does not hold.
pub fn run(setup: &Setup, events: &[Event]) -> Counts {
    let mut world = World::new(setup);
    for event in events {
        world.happen(*event);
    }
    world.quiesce();
    world.tally()
}

impl World {
    fn new(setup: &Setup) -> Self {
        let store = if setup.is_bulky { BULK } else { STORE };
        let shoppers = setup.shoppers.iter();
        let devices: Vec<_> =
            (1..).zip(shoppers).map(|(number, shopper)| Device::new(number, shopper, store)).collect();
        let server = InProcess::default();
        let mut world = Self {
            backup: Backup { server: server.clone(), plain: BTreeMap::new(), numbers: BTreeMap::new() },
            store,
            server,
            skews: vec![0; devices.len()],
            devices,
            skus: setup.skus.clone(),
            plain: setup.shoppers.iter().map(|shopper| (*shopper, Plain::default())).collect(),
            epoch: FIRST_EPOCH,
            compared: 0,
            snapshots: Vec::new(),
            numbers: BTreeMap::new(),
            cookies: BTreeMap::new(),
            submitted: BTreeSet::new(),
            outcomes: BTreeMap::new(),
            network: Network::new(setup.has_locks),
            counts: Counts::default(),
        };
        for (sku, stock) in setup.stocks.iter().enumerate() {
            world.change_product(sku, *stock, false);
        }
        world.look();
        // Restored without another backup, the server is as good as wiped.
        world.back_up();
        for device in 0..world.devices.len() {
            world.open(At { device, tab: 0 });
        }
        world
    }

    /// Something happens.
    fn happen(&mut self, event: Event) {
        match event {
            Event::Edit(at, sku, intent) => self.edit(at, sku, intent),
            Event::Move(at, moves) => self.go_on(at, moves),
            Event::Send(at) => self.send(at),
            Event::Carry(which, fate) => self.carry(which, fate),
            Event::Connect(device) => self.network.connect(device),
            Event::Open(at) => self.open(at),
            Event::Kill(at) => self.kill(at),
            Event::Checkpoint(at) => {
                if self.is_open(at) {
                    self.devices[at.device].tab(at.tab).client.checkpoint();
                }
            }
            Event::Product(sku, stock, is_delisted) => self.change_product(sku, stock, is_delisted),
            Event::DeviceClock(device, skew_ms) => {
                if let Some(skew) = self.skews.get_mut(device) {
                    *skew = skew_ms;
                    self.counts.add("device clocks set");
                }
            }
            Event::Pass(ms) => self.server.clock_ms += ms,
            Event::CutTransaction(calls) => self.server.cut_after = Some(calls),
            Event::Backup => self.back_up(),
            Event::Restore => self.restore(),
            Event::Copy(device) => self.copy_profile(device),
            Event::Upgrade(is_newer) => self.server.is_newer = is_newer,
            Event::LookInto(at) => self.look_into(at),
        }
        self.server.clock_ms += 1;
    }

    fn is_open(&self, at: At) -> bool {
        self.devices.get(at.device).is_some_and(|device| device.tabs.get(at.tab).is_some_and(Option::is_some))
    }

    fn open(&mut self, at: At) {
        if at.device < self.devices.len() && !self.is_open(at) {
            self.devices[at.device].open(at.tab);
        }
    }

    fn kill(&mut self, at: At) {
        if self.is_open(at) {
            let is_busy = !self.devices[at.device].tab(at.tab).client.is_idle();
            self.counts.add(if is_busy { "kills in mid-commit" } else { "kills" });
            self.devices[at.device].kill(at.tab);
            self.network.forget(at);
        }
    }

    fn back_up(&mut self) {
        let (server, plain) = (self.server.clone(), self.plain.clone());
        self.backup = Backup { server, plain, numbers: self.numbers.clone() };
    }

    /// The backup takes the server's place, under an epoch that never was.
    fn restore(&mut self) {
        let lost = self.server.log.len().saturating_sub(self.backup.server.log.len()) as u64;
        let (clock_ms, backup, is_newer) = (self.server.clock_ms, self.backup.clone(), self.server.is_newer);
        self.epoch += 1;
        self.server = backup.server;
        (self.server.clock_ms, self.server.is_newer) = (clock_ms, is_newer);
        self.server.database.set_epoch(self.epoch);
        (self.plain, self.numbers) = (backup.plain, backup.numbers);
        self.compared = self.server.log.len();
        self.devices.iter_mut().for_each(|device| device.told.may_differ = true);
        self.counts.add("restores");
        self.counts.add_many("mutations that a restore lost", lost);
        self.look();
    }

    /// Somebody copies a device's disk.
    fn copy_profile(&mut self, device: usize) {
        if self.devices.len() >= DEVICES_MAX || device >= self.devices.len() {
            return;
        }
        let number = self.devices.len() as u8 + 1;
        let mut copy = Device::new(number, &self.devices[device].shopper, self.store);
        copy.records = self.devices[device].records.clone();
        copy.told.may_differ = self.devices[device].told.may_differ;
        self.devices.push(copy);
        self.skews.push(self.skews[device]);
        self.counts.add("profiles copied");
    }

    /// What a device's own clock shows.
    fn device_ms(&self, device: usize) -> u64 {
        self.server.clock_ms.saturating_add_signed(self.skews[device])
    }

    fn change_product(&mut self, sku: usize, stock: Option<u8>, is_delisted: bool) {
        let sku = &self.skus[sku];
        let mut row = json!({ "id": sku, "delisted": is_delisted });
        if let Some(stock) = stock {
            row["stock"] = json!(stock);
        }
        self.server.put_products(&[row]);
        let product = PlainProduct { stock: stock.map(u64::from), delisted: is_delisted };
        for plain in self.plain.values_mut() {
            plain.products.insert(sku.clone(), product.clone());
        }
    }

    fn edit(&mut self, at: At, sku: usize, intent: Intent) {
        if !self.is_open(at) {
            return;
        }
        let now_ms = self.device_ms(at.device);
        let device = &mut self.devices[at.device];
        let id = device.new_id();
        let sku = &self.skus[sku];
        let (name, asked) = match intent {
            Intent::Put(_) | Intent::Delete(_) | Intent::Count(_) => asked_of_row(sku, intent, id),
            _ => asked(sku, intent, id, now_ms),
        };
        let asked: Document = serde_json::from_value(asked).expect("a document");
        device.tab(at.tab).mutate(name, asked, id, now_ms);
        device.take_events(at.tab);
        assert_eq!(device.tab(at.tab).refused, [], "an edit was refused");
        self.submitted.insert(id);
    }

    /// A tab and its record store go on a little.
    fn go_on(&mut self, at: At, moves: Moves) {
        if !self.is_open(at) {
            return;
        }
        let failure = || Response::Failed(Failure { kind: FailureKind::Quota, message: "no room".into() });
        let device = &mut self.devices[at.device];
        match moves {
            Moves::Ask => device.step(at.tab, 0, None),
            Moves::Perform => device.step(at.tab, 1, None),
            Moves::NoRoom => {
                let failed = device.step(at.tab, 1, Some(failure()));
                self.counts.add_if(failed, "failures of a record store");
                failed
            }
            Moves::HearRecords => device.step(at.tab, 2, None),
            Moves::HearTab => device.step(at.tab, 3, None),
            Moves::All => (0..4).fold(false, |moved, what| moved | device.step(at.tab, what, None)),
        };
    }

    /// The faults stop, and everybody syncs.
    fn quiesce(&mut self) {
        self.server.cut_after = None;
        self.deliver_what_is_late();
        self.network.reset();
        // An upgraded server is sent all that an older one did not know, some time after.
        self.server.is_newer = true;
        for round in 0..4 {
            self.server.clock_ms += if round == 1 { PARKED_MS } else { 0 };
            for device in 0..self.devices.len() {
                self.open(At { device, tab: 0 });
                self.devices[device].settle();
                let at = At { device, tab: round % TABS_MAX };
                self.sync(if self.is_open(at) { at } else { At { tab: 0, ..at } });
            }
        }
        self.check_end();
    }
}

/// What a page asks for.
fn asked(sku: &str, intent: Intent, id: Id, now_ms: u64) -> (&'static str, Json) {
    match intent {
        Intent::Add(qty) => (cart::ADD, json!({ "sku": sku, "qty": qty })),
        Intent::Adjust(by) => (cart::ADJUST, json!({ "line": sku, "by": by })),
        Intent::SetQty(to) => (cart::SET_QTY, json!({ "line": sku, "to": to })),
        Intent::Remove => (cart::REMOVE, json!({ "line": sku })),
        Intent::Clear => (cart::CLEAR, json!({})),
        Intent::Select(selected) => (cart::SELECT, json!({ "line": sku, "selected": selected })),
        Intent::Save(saved) => (cart::SAVE_FOR_LATER, json!({ "line": sku, "saved": saved })),
        Intent::Forget(true) => (history::DELETE, json!({ "until": now_ms })),
        Intent::Forget(false) => (history::DELETE, json!({ "until": now_ms, "sku": sku })),
        Intent::Wave => (NEWER, json!({ "line": sku })),
        Intent::Put(_) | Intent::Delete(_) | Intent::Count(_) => unreachable!("it is about a row"),
        Intent::Visit(event) => {
            let event = event.map_or_else(|| id.to_string(), |event| event.to_string());
            (history::VISIT, json!({ "eventId": event, "sku": sku, "at": now_ms }))
        }
    }
}

/// What a page asks for that writes a row of a collection of the shop's own.
fn asked_of_row(key: &str, intent: Intent, id: Id) -> (&'static str, Json) {
    match intent {
        Intent::Put(which) => {
            let row = json!({ "id": key, "note": id.to_string() });
            (own::PUT, json!({ "collection": OWN[usize::from(which)], "key": key, "row": row }))
        }
        Intent::Delete(which) => (own::DELETE, json!({ "collection": OWN[usize::from(which)], "key": key })),
        Intent::Count(by) => {
            (own::ADD, json!({ "collection": OWN[2], "key": key, "row": { "id": key }, "by": { "n": by } }))
        }
        _ => unreachable!("it is about the cart"),
    }
}
