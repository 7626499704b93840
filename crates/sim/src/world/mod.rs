//! A world: shoppers with their devices, a network, a server, and everything
//! that befalls them. The sync's invariants hold after every event; once the
//! faults stop, all agree within a bounded number of exchanges.

mod counts;
mod end;
pub mod event;
pub mod intent;
mod look;
mod look_into;
mod map_rows;
mod network;
mod server;
mod setup;

pub use counts::{Counts, REQUIRED};

use crate::device::Device;
use crate::plain::PlainShop;
use crate::rng::Rng;
use crate::server::{ANONYMOUS_MS, InProcess, START_MS, Server};
use event::{At, COUPONS, DAY_MS, DEVICES_MAX, Event, Moves, Setup, TABS_MAX, Terms};
use look::{Latest, Snapshot};
use network::Network;
use pannier::shop::claim::ANONYMOUS_PREFIX;
use pannier::store::{Failure, FailureKind, Options, Response};
use pannier::sync::client::PARKED_MS;
use pannier::sync::mutation::{Id, Outcome};
use pannier::sync::rows::Collection;
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

/// Exchanges of a device within which it must have all, once the faults stop; and some for each
/// mutation, where the server takes few at a time, or a request holds one.
const EXCHANGES_MAX: usize = 20;

/// Exchanges without faults in which a device that has nothing to do may be told so.
const ROUNDS: usize = 4;

/// What stops the edits of a page: its shopper was erased, or signs out while something was not sent.
const REFUSALS: [&str; 2] = ["erased", "pending"];

/// The world. See the module.
pub struct World {
    server: InProcess,
    backup: Backup,
    devices: Vec<Device>,
    skus: Vec<String>,
    /// What all mutations come to, done one after the other.
    plain: PlainShop,
    epoch: u64,
    /// Epochs in which the server has gone back: their cookies mean little.
    relapsed: BTreeSet<u64>,
    /// Entries of the server's log that the plain shop has done.
    compared: usize,
    snapshots: Vec<Snapshot>,
    latest: Latest,
    /// By client.
    numbers: BTreeMap<Id, Numbers>,
    store: Options,
    batch: Option<usize>,
    /// The last cookie seen on each device, in each of its stores and epochs, of each collection.
    cookies: BTreeMap<(usize, u64, u64, Collection), u64>,
    /// What was asked for, and by whom.
    submitted: BTreeMap<Id, Submitted>,
    /// How many of these are as large as a request.
    large: usize,
    /// The last mutation of each tab that the server has met for the first time.
    met: BTreeMap<At, Id>,
    /// What was durable in stores that were deleted.
    gone: BTreeSet<Id>,
    /// Every outcome that a mutation ever had, the latest last.
    outcomes: BTreeMap<Id, Vec<Outcome>>,
    network: Network,
    /// How many devices are no copies.
    originals: usize,
    /// Whether outcomes may have been dropped.
    was_away: bool,
    /// Milliseconds by which each device's clock is ahead of the server's.
    skews: Vec<i64>,
    counts: Counts,
}

/// Who asked for something, and where.
struct Submitted {
    shopper: String,
    at: At,
}

/// What a restore brings back, with what it comes to.
#[derive(Clone)]
struct Backup {
    server: InProcess,
    plain: PlainShop,
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
        let mut server = InProcess::default();
        if let Some(batch) = setup.batch {
            (server.limits.mutations_per_sync, server.limits.changes_per_scope) = (batch, batch);
        }
        let mut world = Self {
            backup: Backup { server: server.clone(), plain: PlainShop::default(), numbers: BTreeMap::new() },
            store,
            server,
            skews: vec![0; devices.len()],
            originals: devices.len(),
            was_away: false,
            devices,
            skus: setup.skus.clone(),
            plain: PlainShop::default(),
            epoch: FIRST_EPOCH,
            relapsed: BTreeSet::new(),
            compared: 0,
            snapshots: Vec::new(),
            latest: Latest::new(),
            batch: setup.batch,
            numbers: BTreeMap::new(),
            cookies: BTreeMap::new(),
            submitted: BTreeMap::new(),
            large: 0,
            met: BTreeMap::new(),
            gone: BTreeSet::new(),
            outcomes: BTreeMap::new(),
            network: Network::new(setup.has_locks),
            counts: Counts::default(),
        };
        for shopper in &setup.shoppers {
            world.plain.shoppers.entry((*shopper).into()).or_default();
        }
        for (sku, stock) in setup.stocks.iter().enumerate() {
            world.change_product(sku, *stock, false, 1);
        }
        (0..COUPONS).for_each(|which| world.change_coupon(which, Terms::Holds));
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
            Event::Expire(device) => self.network.expire(device),
            Event::Login(device) => self.network.log_in(device),
            Event::Open(at) => self.open(at),
            Event::Kill(at) => self.kill(at),
            Event::Checkpoint(at) => {
                if self.is_open(at) {
                    self.devices[at.device].tab(at.tab).client.checkpoint();
                }
            }
            Event::Product(sku, stock, is_delisted, price) => self.change_product(sku, stock, is_delisted, price),
            Event::Coupon(which, terms) => self.change_coupon(which, terms),
            Event::DeviceClock(device, skew_ms) => {
                if let Some(skew) = self.skews.get_mut(device) {
                    *skew = skew_ms;
                    self.counts.add("device clocks set");
                }
            }
            Event::Pass(ms) => self.server.clock_ms += ms,
            Event::Away(days) => self.away(days),
            Event::CutTransaction(calls) => self.server.cut_after = Some(calls),
            Event::Backup => self.back_up(),
            Event::Restore => self.restore(true),
            Event::Relapse => self.restore(false),
            Event::Copy(device) => self.copy_profile(device),
            Event::Upgrade(is_newer) => self.server.is_newer = is_newer,
            Event::Sync(at) => self.sync_online(at),
            Event::LookInto(at) => self.look_into(at),
        }
        self.server.clock_ms += 1;
    }

    fn is_open(&self, at: At) -> bool {
        self.devices.get(at.device).is_some_and(|device| device.tabs.get(at.tab).is_some_and(Option::is_some))
    }

    fn open(&mut self, at: At) {
        if at.device < self.devices.len() && !self.is_open(at) && !self.is_over(at.device) {
            self.devices[at.device].open(at.tab);
        }
    }

    /// Whether the device's shopper is an anonymous one who cannot come back.
    fn is_over(&self, device: usize) -> bool {
        let has_ended = self.server.clock_ms > START_MS + ANONYMOUS_MS;
        has_ended && self.devices[device].shopper.starts_with(ANONYMOUS_PREFIX)
    }

    /// Days go by without a browser that is open, and the server drops what nobody can need any more.
    /// What is on its way arrives, answers are lost.
    fn away(&mut self, days: u64) {
        // What is older than outcomes are kept, a copy of a profile may bring again when its original
        // has been told that it is done.
        if self.devices.len() > self.originals {
            return;
        }
        self.deliver_what_is_late();
        // Journals keep a month: a restore is told of before.
        self.end_relapse();
        for device in 0..self.devices.len() {
            (0..TABS_MAX).for_each(|tab| self.kill(At { device, tab }));
        }
        self.server.wait(days * DAY_MS as u64);
        let forgotten = self.server.forget_clients();
        self.counts.add_many("clients forgotten", forgotten);
        self.counts.add("long absences");
        self.was_away = true;
        // Older backups are not put back into service.
        self.back_up();
        self.look();
    }

    fn kill(&mut self, at: At) {
        if self.is_open(at) {
            let is_busy = !self.devices[at.device].tab(at.tab).client.is_idle();
            self.counts.add(if is_busy { "kills in mid-commit" } else { "kills" });
            self.devices[at.device].kill(at.tab);
            self.network.forget(at);
        }
    }

    /// Somebody copies a device's disk.
    fn copy_profile(&mut self, device: usize) {
        if self.devices.len() >= DEVICES_MAX || device >= self.devices.len() || self.was_away {
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

    /// Lets all tabs of a device come to rest.
    fn settle(&mut self, device: usize) {
        self.devices[device].settle();
        self.hear(device);
    }

    /// The pages of a device hear what was refused, and delete the store of a shopper who was erased.
    fn hear(&mut self, at: usize) {
        let device = &mut self.devices[at];
        for (_, code) in device.tabs.iter_mut().flatten().flat_map(|tab| tab.refused.drain(..)) {
            assert!(REFUSALS.contains(&&code[..]), "an edit was refused: {code}");
            self.counts.add(&format!("edits refused as {code}"));
        }
        if device.told.is_erased {
            let durable = device.told.durable.drain(..);
            self.gone.extend(durable.filter(|id| self.submitted.contains_key(id)));
            device.delete_store();
            (0..TABS_MAX).for_each(|tab| self.network.forget(At { device: at, tab }));
            self.counts.add("stores deleted");
        }
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
        self.hear(at.device);
    }

    /// The faults stop, and everybody syncs.
    fn quiesce(&mut self) {
        self.server.cut_after = None;
        self.deliver_what_is_late();
        self.network.reset();
        self.end_relapse();
        // An upgraded server is sent all that an older one did not know, some time after.
        self.server.is_newer = true;
        for round in 0..ROUNDS {
            self.server.clock_ms += if round == 1 { PARKED_MS } else { 0 };
            for device in 0..self.devices.len() {
                let first = At { device, tab: 0 };
                if self.is_over(device) {
                    continue;
                }
                self.settle(device);
                // A store that is to be deleted may be found so when it opens.
                while !self.is_open(first) {
                    self.open(first);
                    self.settle(device);
                }
                let at = At { device, tab: round % TABS_MAX };
                self.sync(if self.is_open(at) { at } else { first });
            }
        }
        self.check_end();
    }
}
