//! A device: one record store with the tabs that share it.

use crate::tab::{Broadcast, Synced, Tab};
use pannier::format::document::Document;
use pannier::store::memory::MemoryRecords;
use pannier::store::{Options, Response};
use pannier::sync::mutation::Id;
use std::collections::BTreeMap;

/// What the device's tabs have told its shopper.
#[derive(Debug, Default)]
pub struct Told {
    /// Mutations reported durable.
    pub durable: Vec<Id>,
    /// Outcomes by sequence number: each tab may tell each once.
    pub outcomes: BTreeMap<u64, Document>,
    /// Whether the server was restored: an outcome that was told and died with its
    /// tab before it was stored may then come as another one.
    pub may_differ: bool,
    /// Recoveries, as told.
    pub recoveries: Vec<Document>,
    /// Whether the store is to be deleted: the shopper was erased.
    pub is_erased: bool,
}

impl Told {
    /// Notes an outcome.
    ///
    /// # Panics
    /// When another one was told for the same mutation.
    pub fn outcome(&mut self, outcome: Document) {
        let seq = outcome.as_ref().u64("seq").expect("an outcome has a number");
        let before = self.outcomes.insert(seq, outcome.clone());
        let is_same = before.is_none_or(|before| before == outcome);
        assert!(is_same || self.may_differ, "two outcomes for mutation {seq}");
    }
}

/// Most rounds until all tabs are at rest: far more than any backlog takes.
const ROUNDS_MAX: usize = 10_000;

/// A device. See the module.
pub struct Device {
    /// Whose device it is.
    pub shopper: String,
    /// What survives a kill.
    pub records: MemoryRecords,
    /// Open tabs; `None` where one was killed or closed.
    pub tabs: Vec<Option<Tab>>,
    /// What the shopper heard.
    pub told: Told,
    /// How often a tab found that another was first.
    pub conflicts: u64,
    /// What its clock shows to requests.
    pub now_ms: u64,
    /// How often its store was deleted.
    pub deletions: u64,
    /// The last record that a tab has told the others.
    last: Option<Broadcast>,
    store: Options,
    number: u8,
    ids: u64,
}

impl Device {
    /// A device without tabs. `number` makes its ids differ from other devices'.
    pub fn new(number: u8, shopper: &str, store: Options) -> Self {
        Self {
            shopper: shopper.into(),
            records: MemoryRecords::default(),
            tabs: Vec::new(),
            told: Told::default(),
            conflicts: 0,
            now_ms: 0,
            deletions: 0,
            last: None,
            store,
            number,
            ids: 0,
        }
    }

    /// An id that no other device makes.
    pub fn new_id(&mut self) -> Id {
        self.ids += 1;
        // The first bytes differ, as they do in random ids: additions are known by them.
        let first = (self.ids << 8 | u64::from(self.number)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut id = [self.number; 16];
        id[..8].copy_from_slice(&first.to_le_bytes());
        id[8..].copy_from_slice(&self.ids.to_be_bytes());
        Id(id)
    }

    /// Opens tab `index`, which is not open.
    pub fn open(&mut self, index: usize) {
        while self.tabs.len() <= index {
            self.tabs.push(None);
        }
        assert!(self.tabs[index].is_none(), "tab {index} is open already");
        let new_id = self.new_id();
        self.tabs[index] = Some(Tab::open(self.store, new_id));
    }

    /// Kills tab `index` at once.
    pub fn kill(&mut self, index: usize) {
        self.tabs[index] = None;
    }

    /// Deletes the store, and closes its tabs. What was told stays.
    pub fn delete_store(&mut self) {
        self.records = MemoryRecords::default();
        self.tabs.iter_mut().for_each(|tab| *tab = None);
        self.last = None;
        self.told.is_erased = false;
        self.told.outcomes.clear();
        self.deletions += 1;
    }

    /// Tab `index`.
    ///
    /// # Panics
    /// When it is not open.
    pub fn tab(&mut self, index: usize) -> &mut Tab {
        self.tabs.get_mut(index).and_then(Option::as_mut).expect("the tab is open")
    }

    /// One thing happens at tab `index`: of `what`, 0 asks the record store, 1
    /// has it act (or answer `fail`), 2 hears its answer, 3 hears another tab.
    /// Returns whether there was anything.
    pub fn step(&mut self, index: usize, what: usize, fail: Option<Response>) -> bool {
        let Some(tab) = self.tabs.get_mut(index).and_then(Option::as_mut) else { return false };
        let done = match what {
            0 => tab.ask(),
            1 => {
                let conflict = tab.perform(&mut self.records, fail);
                self.conflicts += u64::from(conflict == Some(true));
                conflict.is_some()
            }
            2 => tab.hear_records(),
            _ => tab.hear_tab(),
        };
        self.take_events(index);
        done
    }

    /// Takes in what tab `index` has to tell, and passes its records on.
    pub fn take_events(&mut self, index: usize) {
        let Some(tab) = self.tabs.get_mut(index).and_then(Option::as_mut) else { return };
        let broadcasts = tab.take_events(&mut self.told);
        if tab.greets() {
            // The others answer with the last record: what was committed while this
            // one opened is not missed.
            self.last.iter().for_each(|last| tab.receive(last.clone()));
        }
        self.last = broadcasts.last().cloned().or(self.last.take());
        for (other, tab) in self.tabs.iter_mut().enumerate() {
            if let Some(tab) = tab.as_mut().filter(|_| other != index) {
                broadcasts.iter().for_each(|broadcast| tab.receive(broadcast.clone()));
            }
        }
    }

    /// Lets all tabs go on until nothing is under way.
    ///
    /// # Panics
    /// When they never come to rest.
    pub fn settle(&mut self) {
        for _ in 0..ROUNDS_MAX {
            let mut moved = false;
            for index in 0..self.tabs.len() {
                for what in 0..4 {
                    moved |= self.step(index, what, None);
                }
            }
            if !moved {
                return;
            }
        }
        panic!("the tabs do not come to rest: {:?}", self.tabs.iter().flatten().collect::<Vec<_>>());
    }

    /// The body of tab `index`'s next request to the server.
    pub fn request(&mut self, index: usize) -> Option<Vec<u8>> {
        let now_ms = self.now_ms;
        let tab = self.tab(index);
        tab.synced = None;
        tab.client.sync_request(now_ms)
    }

    /// Hands the server's answer to tab `index`; what it came to shows once the
    /// device has settled.
    pub fn answer(&mut self, index: usize, body: &[u8], now_ms: u64) {
        self.tab(index).client.sync_response(body, now_ms);
        self.take_events(index);
    }

    /// What the last answer came to at tab `index`.
    pub fn synced(&mut self, index: usize) -> Option<Synced> {
        self.tab(index).synced.clone()
    }
}
