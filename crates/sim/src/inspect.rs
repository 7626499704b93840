//! Looking into a tab: what it shows, what it holds.

use crate::device::Device;
use crate::tab::scopes;
use pannier::collection::{META, OUTBOX, OUTCOMES, PARKED, TreeId, Workspace, number_key, row_key};
use pannier::format::document::Document;
use pannier::format::varint;
use pannier::stop::Stop;
use pannier::store::{Reader, Scan};
use pannier::sync::client::{Client, Erasure, tree_of};
use pannier::sync::mutation::Mutation;
use pannier::sync::rows::Collection;
use pannier::sync::wire::{JOURNAL_BYTES_MAX, JOURNAL_MUTATIONS_MAX};
use std::collections::BTreeMap;

/// Rows by key.
pub type RowMap = BTreeMap<String, Document>;

/// What a tab's store holds of the sync.
#[derive(Debug, PartialEq)]
pub struct Stored {
    /// The confirmed rows of what is synced.
    pub base: BTreeMap<(Collection, String), Document>,
    /// Pending mutations in order.
    pub outbox: Vec<Mutation>,
    /// Mutations that the server did not know.
    pub parked: Vec<Mutation>,
    /// What they take.
    pub parked_bytes: u64,
    /// Outcomes kept, by sequence number.
    pub outcomes: BTreeMap<u64, Document>,
    /// The row `sync`: epoch, confirmed sequence number and cookies.
    pub sync: Document,
}

impl Stored {
    /// The confirmed rows of one collection.
    pub fn rows(&self, collection: Collection) -> RowMap {
        let rows = self.base.iter().filter(|((of, _), _)| *of == collection);
        rows.map(|((_, key), row)| (key.clone(), row.clone())).collect()
    }
}

impl Device {
    /// The rows of a collection as tab `index` shows them, tombstones included.
    pub fn view(&mut self, index: usize, collection: Collection) -> RowMap {
        self.read(index, |client| rows(client, client.view(), collection))
    }

    /// What tab `index` has stored or staged.
    pub fn stored(&mut self, index: usize) -> Stored {
        self.read(index, |client| {
            let reader = client.store().reader();
            let mut outbox = Vec::new();
            scan(reader, OUTBOX.0, &mut |_, value| outbox.push(postcard::from_bytes(value).expect("a mutation")))?;
            let (mut parked, mut parked_bytes) = (Vec::new(), 0);
            scan(reader, PARKED.0, &mut |_, mut value| {
                parked_bytes += value.len() as u64;
                varint::read(&mut value).expect("when it was parked");
                parked.push(postcard::from_bytes(value).expect("a mutation"));
            })?;
            let mut outcomes = BTreeMap::new();
            scan(reader, OUTCOMES.0, &mut |key, value| {
                let seq = pannier::collection::key_number(key).expect("a number");
                outcomes.insert(seq, Document::from_stored(value.to_vec()));
            })?;
            let sync = sync(reader)?;
            let mut base = BTreeMap::new();
            for collection in scopes() {
                base.extend(rows(client, reader, collection)?.into_iter().map(|(key, row)| ((collection, key), row)));
            }
            Ok(Stored { base, outbox, parked, parked_bytes, outcomes, sync })
        })
    }

    /// Whether tab `index` has so much parked that nothing is sent before that; but an erasure is.
    pub fn holds_back(&mut self, index: usize) -> bool {
        let sync = self.read(index, |client| sync(client.store().reader()));
        let parked = |field| sync.as_ref().u64(field).unwrap_or(0);
        let is_much = parked("parkedCount") > JOURNAL_MUTATIONS_MAX as u64 || parked("parkedBytes") > JOURNAL_BYTES_MAX;
        is_much && self.tab(index).client.erasure() == Erasure::None
    }

    /// Reads, loading what the read faults on.
    fn read<T>(&mut self, index: usize, look: impl Fn(&Client) -> Result<T, Stop>) -> T {
        loop {
            match look(&self.tab(index).client) {
                Ok(found) => return found,
                Err(stop) if let Some(fault) = stop.fault() => {
                    // Not `settle`: a client at rest frees what it has loaded.
                    self.tab(index).client.want(fault);
                    self.step(index, 0, None);
                    while self.step(index, 1, None) || self.step(index, 2, None) {}
                }
                Err(error) => panic!("a read failed: {error:?}"),
            }
        }
    }
}

fn sync(reader: Reader<'_>) -> Result<Document, Stop> {
    Ok(reader.get(&row_key(META, "sync"))?.map_or_else(Document::default, Document::from_stored))
}

fn rows(client: &Client, reader: Reader<'_>, collection: Collection) -> Result<RowMap, Stop> {
    let mut workspace = Workspace::new(reader, client.schema(), 0);
    Ok(workspace.scan(tree_of(client.schema(), collection), None, usize::MAX)?.into_iter().collect())
}

fn scan(reader: Reader<'_>, tree: u8, visit: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), Stop> {
    let tree = TreeId(tree);
    let (from, to) = (number_key(tree, 0), tree.end());
    reader.scan(Scan::ascending(&from, &to), &mut |key, value| {
        visit(key, value);
        true
    })
}
