//! What can happen in a world, as data: a seed draws a list of events, and any
//! part of the list can be run, so that what broke can be cut down to what it
//! took. A number stands for one of what is there at the time; an event that
//! finds nothing to happen to does nothing.

pub use super::setup::Setup;

use super::intent::Intent;
use crate::rng::Rng;

/// Most devices of a world.
pub const DEVICES_MAX: usize = 4;

/// Tabs of a device.
pub const TABS_MAX: usize = 2;

/// Products of the shop, in worlds that are drawn. It does not know the last.
pub(super) const SKUS: [&str; 7] = ["A", "B", "C", "D", "E", "F", "G"];

/// What there is of them at first.
pub(super) const STOCKS: [Option<u8>; 6] = [Some(3), None, Some(0), Some(5), None, None];

/// What a product costs at most.
pub const PRICE_MAX: u8 = 3;

/// Coupons of the shop: more than a cart may hold.
pub const COUPONS: usize = 12;

/// A day.
pub const DAY_MS: i64 = 24 * 3600 * 1000;

/// A tab of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct At {
    /// The device.
    pub device: usize,
    /// The tab.
    pub tab: usize,
}

/// What becomes of a message that is carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It arrives.
    Arrives,
    /// It arrives, and a request will arrive once more, perhaps much later.
    ArrivesTwice,
    /// It is lost.
    Lost,
    /// A request breaks off in its body, an answer in its own.
    Cut,
    /// A request meets a server of another schema.
    MeetsAnotherSchema,
    /// An answer arrives without one of its changes.
    LosesAChange,
}

/// How a tab's record store does what it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moves {
    /// The tab asks its record store.
    Ask,
    /// The record store does the oldest thing asked.
    Perform,
    /// It finds no room for it.
    NoRoom,
    /// The tab hears what was done.
    HearRecords,
    /// The tab hears another tab.
    HearTab,
    /// One of each.
    All,
}

/// What a coupon is worth from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Terms {
    /// It holds.
    Holds,
    /// It holds for so many milliseconds.
    HoldsFor(u64),
    /// There is no such coupon.
    Withdrawn,
}

/// Something that happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A shopper does something.
    Edit(At, usize, Intent),
    /// A tab and its record store go on.
    Move(At, Moves),
    /// A tab sends a request, where none of its own is under way.
    Send(At),
    /// A message that is on its way is carried.
    Carry(usize, Fate),
    /// The device loses its connection, or has it again.
    Connect(usize),
    /// The device's token expires.
    Expire(usize),
    /// The device's requests are another shopper's, or its own shopper's again.
    Login(usize),
    /// A tab is opened.
    Open(At),
    /// A tab dies.
    Kill(At),
    /// A tab is asked for a checkpoint.
    Checkpoint(At),
    /// The shop changes a product: its stock, or none; whether it is delisted; its price.
    Product(usize, Option<u8>, bool, u8),
    /// The shop changes a coupon.
    Coupon(usize, Terms),
    /// A device's clock is set so far from the server's.
    DeviceClock(usize, i64),
    /// Milliseconds go by.
    Pass(u64),
    /// So many days go by in which nobody is there.
    Away(u64),
    /// The server's next transaction fails at this call of its database.
    CutTransaction(u32),
    /// A backup of the server is made.
    Backup,
    /// The server's backup takes its place.
    Restore,
    /// It does, and nobody thinks of a new epoch until all must agree.
    Relapse,
    /// The server is upgraded, or an older one takes its place.
    Upgrade(bool),
    /// A device's browser profile is copied onto a new device.
    Copy(usize),
    /// A device that is online syncs until neither side has more.
    Sync(At),
    /// A device comes to rest, and is looked into.
    LookInto(At),
}

impl Event {
    /// Draws an event of the world that no shopper and no shop wants.
    pub fn draw_fault(rng: &mut Rng) -> Self {
        loop {
            match Self::draw(rng) {
                Self::Edit(..) | Self::Product(..) | Self::Coupon(..) => {}
                fault => return fault,
            }
        }
    }

    /// Draws an event.
    pub fn draw(rng: &mut Rng) -> Self {
        let at = At { device: rng.below(DEVICES_MAX), tab: rng.below(TABS_MAX) };
        match rng.below(1000) {
            0..200 => Self::Edit(at, rng.below(SKUS.len()), Intent::draw(rng)),
            200..570 => Self::Move(at, Moves::draw(rng)),
            570..660 => Self::Send(at),
            660..840 => Self::Carry(rng.below(64), Fate::draw(rng)),
            840..858 => Self::Connect(at.device),
            858..862 => Self::Expire(at.device),
            862..866 => Self::Login(at.device),
            866..886 => Self::Kill(at),
            886..921 => Self::Open(at),
            921..936 => Self::Checkpoint(at),
            936..947 => {
                let stock = rng.chance(50).then(|| rng.below(6) as u8);
                Self::Product(rng.below(STOCKS.len()), stock, rng.chance(15), 1 + rng.below(PRICE_MAX.into()) as u8)
            }
            947..951 => Self::Coupon(rng.below(COUPONS), Terms::draw(rng)),
            951..955 => Self::DeviceClock(at.device, (rng.below(1500) as i64 - 750) * DAY_MS),
            955..965 => Self::Pass(rng.below(3_600_000) as u64),
            965..971 => Self::CutTransaction(rng.below(30) as u32),
            971..974 => Self::Backup,
            974..976 => Self::Restore,
            976..978 => Self::Copy(at.device),
            978..980 => Self::Upgrade(rng.chance(50)),
            980..984 => Self::Sync(at),
            984..986 => Self::Away(20 + rng.below(200) as u64),
            986..987 => Self::Relapse,
            _ => Self::LookInto(at),
        }
    }
}

impl Moves {
    fn draw(rng: &mut Rng) -> Self {
        match rng.below(100) {
            0..15 => Self::Ask,
            15..29 => Self::Perform,
            29..30 => Self::NoRoom,
            30..45 => Self::HearRecords,
            45..60 => Self::HearTab,
            _ => Self::All,
        }
    }
}

impl Fate {
    fn draw(rng: &mut Rng) -> Self {
        match rng.below(100) {
            0..14 => Self::Lost,
            14..20 => Self::Cut,
            20..36 => Self::ArrivesTwice,
            36..41 => Self::LosesAChange,
            41..42 => Self::MeetsAnotherSchema,
            _ => Self::Arrives,
        }
    }
}

impl Terms {
    fn draw(rng: &mut Rng) -> Self {
        match rng.below(4) {
            0 => Self::Withdrawn,
            1 => Self::HoldsFor(rng.below(3_600_000) as u64),
            _ => Self::Holds,
        }
    }
}

impl Event {
    /// What is plainer than this, and may do as well: first the plainest.
    pub fn plainer(&self) -> Vec<Self> {
        let first = |at: &At| At { tab: 0, ..*at };
        match self {
            Self::Edit(at, sku, intent) => {
                let mut plainer: Vec<Self> =
                    intent.plainer().into_iter().map(|intent| Self::Edit(*at, *sku, intent)).collect();
                plainer.extend((*sku > 0).then_some(Self::Edit(*at, 0, *intent)));
                plainer.extend((at.tab > 0).then(|| Self::Edit(first(at), *sku, *intent)));
                plainer
            }
            Self::Move(at, Moves::All) => vec![Self::LookInto(*at), Self::Sync(*at)],
            Self::Move(at, _) => vec![Self::LookInto(*at), Self::Sync(*at), Self::Move(*at, Moves::All)],
            Self::Send(at) => vec![Self::Sync(*at)],
            Self::Relapse => vec![Self::Restore],
            Self::Carry(which, fate) if *which > 0 => vec![Self::Carry(0, *fate), Self::Carry(which / 2, *fate)],
            Self::Sync(at) | Self::LookInto(at) if at.tab > 0 => match self {
                Self::Sync(_) => vec![Self::Sync(first(at))],
                _ => vec![Self::LookInto(first(at))],
            },
            Self::DeviceClock(device, ms) if *ms != 0 => vec![Self::DeviceClock(*device, ms / 2)],
            Self::Pass(ms) if *ms > 0 => vec![Self::Pass(ms / 2)],
            Self::Away(days) if *days > 0 => vec![Self::Away(days / 2)],
            _ => Vec::new(),
        }
    }
}
