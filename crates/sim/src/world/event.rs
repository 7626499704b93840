//! What can happen in a world, as data: a seed draws a list of events, and any
//! part of the list can be run, so that what broke can be cut down to what it
//! took. A number stands for one of what is there at the time; an event that
//! finds nothing to happen to does nothing.

use crate::rng::Rng;

/// Most devices of a world.
pub const DEVICES_MAX: usize = 4;

/// Tabs of a device.
pub const TABS_MAX: usize = 2;

/// Products of the shop, in worlds that are drawn.
const SKUS: [&str; 6] = ["A", "B", "C", "D", "E", "F"];

/// What there is of them at first.
const STOCKS: [Option<u8>; 6] = [Some(3), None, Some(0), Some(5), None, None];

/// More than half of what a line may hold.
const MANY: u32 = 6000;

const DAY_MS: i64 = 24 * 3600 * 1000;

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

/// What a shopper does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    /// Adds pieces.
    Add(u32),
    /// Changes the quantity.
    Adjust(i32),
    /// Sets the quantity.
    SetQty(u8),
    /// Removes the line.
    Remove,
    /// Removes all lines.
    Clear,
    /// Selects the line, or not.
    Select(bool),
    /// Puts the line aside for later, or back.
    Save(bool),
    /// Deletes the visits of the product, or all.
    Forget(bool),
    /// Writes a row of one of the shop's own collections.
    Put(u8),
    /// Deletes such a row.
    Delete(u8),
    /// Adds to one that counts.
    Count(i8),
    /// Does what older servers do not know.
    Wave,
    /// Looks at the product; visits of one number are one event.
    Visit(Option<u8>),
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
    /// A tab is opened.
    Open(At),
    /// A tab dies.
    Kill(At),
    /// A tab is asked for a checkpoint.
    Checkpoint(At),
    /// The shop changes a product: its stock, or none; or delists it.
    Product(usize, Option<u8>, bool),
    /// A device's clock is set so far from the server's.
    DeviceClock(usize, i64),
    /// Milliseconds go by.
    Pass(u64),
    /// The server's next transaction fails at this call of its database.
    CutTransaction(u32),
    /// A backup of the server is made.
    Backup,
    /// The server's backup takes its place.
    Restore,
    /// The server is upgraded, or an older one takes its place.
    Upgrade(bool),
    /// A device's browser profile is copied onto a new device.
    Copy(usize),
    /// A device comes to rest, and is looked into.
    LookInto(At),
}

impl Event {
    /// Draws an event of the world that no shopper and no shop wants.
    pub fn draw_fault(rng: &mut Rng) -> Self {
        loop {
            match Self::draw(rng) {
                Self::Edit(..) | Self::Product(..) => {}
                fault => return fault,
            }
        }
    }

    /// Draws an event.
    pub fn draw(rng: &mut Rng) -> Self {
        let at = At { device: rng.below(DEVICES_MAX), tab: rng.below(TABS_MAX) };
        match rng.below(1000) {
            0..200 => Self::Edit(at, rng.below(SKUS.len()), Intent::draw(rng)),
            200..580 => Self::Move(at, Moves::draw(rng)),
            580..670 => Self::Send(at),
            670..850 => Self::Carry(rng.below(64), Fate::draw(rng)),
            850..870 => Self::Connect(at.device),
            870..890 => Self::Kill(at),
            890..925 => Self::Open(at),
            925..940 => Self::Checkpoint(at),
            940..952 => {
                let stock = rng.chance(50).then(|| rng.below(6) as u8);
                Self::Product(rng.below(SKUS.len()), stock, rng.chance(15))
            }
            952..956 => Self::DeviceClock(at.device, (rng.below(1500) as i64 - 750) * DAY_MS),
            956..966 => Self::Pass(rng.below(3_600_000) as u64),
            966..972 => Self::CutTransaction(rng.below(30) as u32),
            972..975 => Self::Backup,
            975..977 => Self::Restore,
            977..979 => Self::Copy(at.device),
            979..981 => Self::Upgrade(rng.chance(50)),
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
            _ => Self::Arrives,
        }
    }
}

impl Intent {
    fn draw(rng: &mut Rng) -> Self {
        let small = 1 + rng.below(4) as u8;
        match rng.below(30) {
            22..25 => Self::Put(rng.below(4) as u8),
            25..27 => Self::Delete(rng.below(4) as u8),
            27..29 => Self::Count(small as i8 - 2),
            29 => Self::Wave,
            20 => Self::Save(small > 2),
            21 => Self::Forget(small == 1),
            0..8 => Self::Add(if rng.chance(2) { MANY } else { u32::from(small) }),
            8..12 => Self::Adjust(i32::from(small) - 3),
            12..15 => Self::SetQty(small - 1),
            15..17 => Self::Remove,
            17 => Self::Clear,
            18 => Self::Select(small > 2),
            _ => Self::Visit((small == 1).then(|| rng.below(3) as u8)),
        }
    }
}

/// How a world begins.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Whose each device is.
    pub shoppers: Vec<&'static str>,
    /// Products: an edit names one by its place.
    pub skus: Vec<String>,
    /// What there is of the first of them; the shop knows no others.
    pub stocks: Vec<Option<u8>>,
    /// Whether most commits are too large for the log.
    pub is_bulky: bool,
    /// Whether one tab of a device syncs at a time, as where there are Web Locks.
    pub has_locks: bool,
}

impl Setup {
    /// Draws a beginning.
    pub fn draw(rng: &mut Rng) -> Self {
        let mut shoppers = vec!["ann"; 2 + rng.below(2)];
        if rng.chance(30) {
            shoppers[1] = "bob";
        }
        Self {
            shoppers,
            skus: SKUS.map(String::from).to_vec(),
            stocks: STOCKS.to_vec(),
            is_bulky: rng.chance(25),
            has_locks: rng.chance(75),
        }
    }
}
