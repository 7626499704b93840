//! redb, over its own backend in memory and without durability: neither side
//! writes anywhere.

use redb::backends::InMemoryBackend;
use redb::{Database, Durability, ReadOnlyTable, ReadableDatabase, TableDefinition};

use crate::Map;
use crate::records::{VALUE, key};

type Bytes = &'static [u8];

const TABLE: TableDefinition<'_, Bytes, Bytes> = TableDefinition::new("records");

/// Room for all of the larger size, as the tree has.
const CACHE_BYTES: usize = 1 << 30;

pub struct Redb {
    database: Database,
    /// What a reader holds open; taken anew after each commit.
    table: Option<ReadOnlyTable<Bytes, Bytes>>,
}

impl Redb {
    fn commit(&mut self, work: impl FnOnce(&mut redb::Table<'_, Bytes, Bytes>)) {
        let mut transaction = self.database.begin_write().expect("in memory");
        transaction.set_durability(Durability::None).expect("no savepoint");
        work(&mut transaction.open_table(TABLE).expect("in memory"));
        transaction.commit().expect("in memory");
        self.table = None;
    }

    fn reopened(mut self) -> Self {
        let transaction = self.database.begin_read().expect("in memory");
        self.table = Some(transaction.open_table(TABLE).expect("in memory"));
        self
    }

    fn table(&self) -> &ReadOnlyTable<Bytes, Bytes> {
        self.table.as_ref().expect("reads come before commits")
    }
}

impl Map for Redb {
    fn load(count: u64) -> Self {
        let mut builder = Database::builder();
        builder.set_cache_size(CACHE_BYTES);
        let database = builder.create_with_backend(InMemoryBackend::new()).expect("in memory");
        let mut map = Self { database, table: None };
        map.commit(|table| {
            for number in 0..count {
                table.insert(&key(number)[..], VALUE).expect("in memory");
            }
        });
        map.reopened()
    }

    fn get(&self, key: &[u8]) -> usize {
        self.table().get(key).expect("in memory").expect("is there").value().len()
    }

    fn put(&mut self, key: &[u8], value: &[u8]) {
        self.commit(|table| {
            table.insert(key, value).expect("in memory");
        });
    }

    fn delete(&mut self, key: &[u8]) {
        self.commit(|table| {
            table.remove(key).expect("in memory");
        });
    }

    fn scan(&self, key: &[u8], reverse: bool, rows: u64) -> usize {
        let rows = rows as usize;
        let bytes = |row: Result<(redb::AccessGuard<'_, Bytes>, redb::AccessGuard<'_, Bytes>), redb::StorageError>| {
            row.expect("in memory").1.value().len()
        };
        if reverse {
            self.table().range(..key).expect("in memory").rev().take(rows).map(bytes).sum()
        } else {
            self.table().range(key..).expect("in memory").take(rows).map(bytes).sum()
        }
    }

    fn count(&self, from: &[u8], to: &[u8]) -> u64 {
        self.table().range(from..to).expect("in memory").count() as u64
    }
}
