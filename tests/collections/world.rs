//! Tabs over one record store, their calls and messages in any order.

use pannier::collection::index::{Definition, State};
use pannier::collection::schema::Declared;
use pannier::collection::{Query, TreeId};
use pannier::format::document::{Document, DocumentRef};
use pannier::format::log::LogRecord;
use pannier::shop::ShopRules;
use pannier::stop::Stop;
use pannier::store::memory::MemoryRecords;
use pannier::store::{Options, Request, RequestId, Response, Scan};
use pannier::sync::client::{Client, ClientEvent, ClientOptions, Operation};
use pannier::sync::mutation::Id;
use pannier::sync::rows::Collection;
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

pub use crate::testing::Random;

pub fn document(value: Value) -> Document {
    serde_json::from_value(value).expect("a document")
}

pub fn index(name: &str, fields: &[&str], flags: u8) -> Definition {
    let fields = fields.iter().map(|field| (*field).to_owned()).collect();
    Definition { name: name.into(), fields, flags }
}

pub fn declared(name: &str, indexes: Vec<Definition>) -> Declared {
    Declared { name: name.into(), key: vec!["id".into()], indexes, ..Declared::default() }
}

/// What an operation came to.
#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    Durable,
    Refused(String, Value),
}

pub struct Tab {
    pub client: Client,
    asked: VecDeque<(RequestId, Request)>,
    answered: VecDeque<(RequestId, Response)>,
    inbox: VecDeque<(u64, Arc<[u8]>)>,
    pub told: BTreeMap<u64, Told>,
    durable: u64,
    pub progress: Vec<Value>,
}

impl Tab {
    pub fn told(&self, ticket: u64) -> Option<Told> {
        self.told.get(&ticket).cloned().or((ticket <= self.durable).then_some(Told::Durable))
    }
}

pub struct World {
    pub records: MemoryRecords,
    pub tabs: Vec<Option<Tab>>,
    /// Every log record that was written, by number.
    pub log: BTreeMap<u64, LogRecord>,
    pub now_ms: u64,
    /// Budget of the caches of tabs to be opened.
    pub cache_bytes_max: usize,
    /// Bytes of work in one slice.
    pub slice_bytes_max: usize,
    /// Longest record of the record store.
    pub record_bytes_max: usize,
    /// A tab that is killed after so many more calls of the record store.
    pub mortal: Option<usize>,
    pub calls_left: usize,
    /// Whether the call that kills is lost.
    pub last_call_is_lost: bool,
}

impl World {
    pub fn new() -> Self {
        let (records, now_ms) = (MemoryRecords::default(), 1_700_000_000_000);
        Self {
            records,
            tabs: Vec::new(),
            log: BTreeMap::new(),
            now_ms,
            cache_bytes_max: 100_000,
            slice_bytes_max: Options::default().slice_bytes_max,
            record_bytes_max: Options::default().record_bytes_max,
            mortal: None,
            calls_left: 0,
            last_call_is_lost: false,
        }
    }

    /// Opens a tab; small limits, so that checkpoints are frequent.
    pub fn open(&mut self, collections: Vec<Declared>, scopes: &[Collection]) -> usize {
        let store = Options {
            log_bytes_max: 20_000,
            log_records_max: 60,
            cache_bytes_max: self.cache_bytes_max,
            record_bytes_max: self.record_bytes_max,
            slice_bytes_max: self.slice_bytes_max,
            ..Options::default()
        };
        let new_id = Id([self.tabs.len() as u8 + 1; 16]);
        let options = ClientOptions { store, collections, scopes: scopes.to_vec(), new_id, now_ms: self.now_ms };
        self.tabs.push(Some(Tab {
            client: Client::new(options, Box::new(ShopRules)),
            asked: VecDeque::new(),
            answered: VecDeque::new(),
            inbox: VecDeque::new(),
            told: BTreeMap::new(),
            durable: 0,
            progress: Vec::new(),
        }));
        self.tabs.len() - 1
    }

    pub fn tab(&mut self, tab: usize) -> &mut Tab {
        self.tabs[tab].as_mut().expect("the tab is open")
    }

    /// One thing happens at a tab; returns whether there was anything.
    pub fn step(&mut self, at: usize, what: u64) -> bool {
        let Some(tab) = self.tabs[at].as_mut() else { return false };
        let done = match what {
            0 => {
                let before = tab.asked.len();
                while let Some(request) = tab.client.next_request() {
                    tab.asked.push_back(request);
                }
                if tab.asked.len() == before && tab.client.has_work() {
                    tab.client.work();
                    true
                } else {
                    tab.asked.len() > before
                }
            }
            1 => match tab.asked.pop_front() {
                None => false,
                Some((id, request)) => {
                    assert!(longest_record(&request) <= self.record_bytes_max, "a record is too long");
                    self.calls_left = self.calls_left.saturating_sub(usize::from(Some(at) == self.mortal));
                    let is_killed = Some(at) == self.mortal && self.calls_left == 0;
                    if !is_killed || !self.last_call_is_lost {
                        let response = self.records.execute(&request);
                        tab.answered.push_back((id, response));
                    }
                    if is_killed {
                        self.tabs[at] = None;
                    }
                    true
                }
            },
            2 => tab.answered.pop_front().map(|(id, response)| tab.client.complete(id, response)).is_some(),
            _ => tab.inbox.pop_front().map(|(seq, bytes)| tab.client.offer(seq, &bytes)).is_some(),
        };
        self.take_events(at);
        done
    }

    pub fn take_events(&mut self, at: usize) {
        let Some(tab) = self.tabs[at].as_mut() else { return };
        let mut appended = Vec::new();
        while let Some(event) = tab.client.next_event() {
            match event {
                ClientEvent::Durable { ticket } => tab.durable = ticket,
                ClientEvent::Refused { ticket, code, detail } => {
                    let detail = serde_json::to_value(&detail).expect("JSON");
                    tab.told.insert(ticket, Told::Refused(code, detail));
                }
                ClientEvent::Appended { seq, bytes } => appended.push((seq, bytes)),
                ClientEvent::Progress(progress) => {
                    tab.progress.push(serde_json::to_value(&progress).expect("JSON"));
                }
                ClientEvent::Corrupt(corrupt) => panic!("corrupt: {corrupt:?}"),
                _ => {}
            }
        }
        for (seq, bytes) in appended {
            let record = LogRecord::decode(seq, &bytes).expect("a log record");
            self.log.insert(seq, record);
            for (other, tab) in self.tabs.iter_mut().enumerate() {
                if let Some(tab) = tab.as_mut().filter(|_| other != at) {
                    tab.inbox.push_back((seq, bytes.clone()));
                }
            }
        }
    }

    /// Lets all tabs go on until nothing is under way.
    pub fn settle(&mut self) {
        for _ in 0..100_000 {
            let mut moved = false;
            for at in 0..self.tabs.len() {
                for what in 0..4 {
                    moved |= self.step(at, what);
                }
            }
            if !moved {
                return;
            }
        }
        panic!("the tabs do not come to rest");
    }

    pub fn submit(&mut self, at: usize, operation: Operation) -> u64 {
        let now_ms = self.now_ms;
        let ticket = self.tab(at).client.submit(operation, now_ms);
        self.take_events(at);
        ticket
    }

    pub fn tree(&mut self, at: usize, name: &str) -> TreeId {
        self.tab(at).client.schema().named(name).expect("a collection").tree
    }

    pub fn put(&mut self, at: usize, name: &str, rows: Value) -> u64 {
        let rows_tree = self.tree(at, name);
        self.submit(at, Operation::Put { rows_tree, rows: document(rows) })
    }

    pub fn delete(&mut self, at: usize, name: &str, keys: Value) -> u64 {
        let rows_tree = self.tree(at, name);
        self.submit(at, Operation::Delete { rows_tree, keys: document(keys) })
    }

    /// Submits and waits.
    pub fn now(&mut self, at: usize, operation: Operation) -> Told {
        let ticket = self.submit(at, operation);
        self.settle();
        self.tab(at).told(ticket).expect("an answer")
    }

    pub fn query(&mut self, at: usize, name: &str, index: &str, asked: Value) -> Query {
        let now_ms = self.now_ms;
        let (rows, index) = (self.tree(at, name), index.into());
        Query { rows, index, asked: document(asked), limit: u32::MAX, reverse: false, now_ms }
    }

    /// Reads what a frame holds, or the view; steps this tab alone while it waits.
    pub fn read(&mut self, at: usize, frame: u32, query: &Query) -> Result<Vec<Value>, Stop> {
        loop {
            let mut rows = Vec::new();
            let read = self.tab(at).client.read(frame, query.clone(), &mut |_, row| {
                let row = DocumentRef::from_bytes(row).expect("a document").to_document();
                rows.push(serde_json::to_value(&row).expect("JSON"));
            });
            match read {
                Ok(_) => return Ok(rows),
                Err(stop) if stop.fault().is_some() => self.load(at),
                Err(stop) => return Err(stop),
            }
        }
    }

    pub fn count(&mut self, at: usize, frame: u32, query: &Query) -> u64 {
        loop {
            match self.tab(at).client.count(frame, query.clone()) {
                Ok(count) => return count,
                Err(stop) if stop.fault().is_some() => self.load(at),
                Err(stop) => panic!("{stop:?}"),
            }
        }
    }

    /// Bytes of the rows of a collection and their keys.
    pub fn bytes(&mut self, at: usize, tree: TreeId) -> u64 {
        loop {
            match self.tab(at).client.bytes(tree) {
                Ok(bytes) => return bytes,
                Err(stop) if stop.fault().is_some() => self.load(at),
                Err(stop) => panic!("{stop:?}"),
            }
        }
    }

    /// The tree of a collection, in a tab that may be opening.
    pub fn tree_when_open(&mut self, at: usize, name: &str) -> TreeId {
        self.settle();
        self.tree(at, name)
    }

    pub fn load(&mut self, at: usize) {
        // Reads are asked for and answered before anything frees them again.
        self.step(at, 0);
        while self.step(at, 1) || self.step(at, 2) {}
    }

    pub fn rows(&mut self, at: usize, name: &str, index: &str, asked: Value) -> Vec<Value> {
        let query = self.query(at, name, index, asked);
        self.read(at, 0, &query).expect("rows")
    }

    /// Begins a frame.
    pub fn begin(&mut self, at: usize, writes: bool) -> u32 {
        let now_ms = self.now_ms;
        loop {
            match self.tab(at).client.begin(writes, now_ms).expect("a frame") {
                Some(frame) => return frame,
                None => self.load(at),
            }
        }
    }

    pub fn write(&mut self, at: usize, frame: u32, operation: impl Fn() -> Operation) -> Result<(), Stop> {
        loop {
            match self.tab(at).client.write(frame, operation()) {
                Err(stop) if stop.fault().is_some() => self.load(at),
                done => return done,
            }
        }
    }

    /// All entries between two keys of what is durable, staged and in view.
    pub fn entries(&mut self, at: usize, from: &[u8], to: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
        loop {
            let mut entries = Vec::new();
            let tab = self.tab(at);
            let scanned = tab.client.view().scan(Scan::ascending(from, to), &mut |key, value| {
                entries.push((key.to_vec(), value.to_vec()));
                true
            });
            match scanned {
                Ok(()) => return entries,
                Err(stop) if let Some(fault) = stop.fault() => {
                    tab.client.want(fault);
                    self.load(at);
                }
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// Every ready index holds exactly what its rows call for, and every size is true.
    pub fn check(&mut self, at: usize) {
        let schema = self.tab(at).client.schema().clone();
        for index in schema.indexes().iter().filter(|index| index.state == State::Ready) {
            let rows = self.entries(at, &[index.rows.0], &[index.rows.0 + 1]);
            let found: Vec<_> = self.entries(at, &[index.tree.0], &[index.tree.0 + 1]);
            let mut wanted: Vec<_> = rows
                .iter()
                .flat_map(|(key, row)| index.entries(key, DocumentRef::from_bytes(row).expect("a row")))
                .collect();
            wanted.sort();
            let keys: Vec<_> = found.iter().map(|(key, _)| key.clone()).collect();
            assert_eq!(keys, wanted, "index {}", index.definition.name);
            for (key, value) in &found {
                let row = index.row_key(key, value).expect("a row's key");
                assert!(rows.iter().any(|(key, _)| *key == row), "an entry points at no row");
            }
        }
        for name in ["catalog", "wishes", "drafts", "goods"] {
            let Some(collection) = schema.named(name) else { continue };
            let tree = collection.tree;
            let rows = self.entries(at, &[tree.0], &[tree.0 + 1]);
            let bytes: usize = rows.iter().map(|(key, row)| key.len() + row.len()).sum();
            assert_eq!(self.bytes(at, tree), bytes as u64, "bytes of {name}");
        }
    }
}

fn longest_record(request: &Request) -> usize {
    match request {
        Request::Append { bytes, .. } => bytes.len(),
        Request::Checkpoint(checkpoint) => {
            let segments = checkpoint.segments.iter().map(|(_, bytes)| bytes.len());
            segments.chain([checkpoint.head.len()]).max().unwrap_or_default()
        }
        Request::Open { .. } | Request::Read { .. } => 0,
    }
}

pub fn refused(code: &str) -> impl Fn(&Told) -> bool {
    let code = code.to_owned();
    move |told| matches!(told, Told::Refused(found, _) if *found == code)
}

pub fn ids(rows: &[Value]) -> Value {
    json!(rows.iter().map(|row| row["id"].clone()).collect::<Vec<_>>())
}
