//! A transaction whose database fails at some call.

use crate::memory_server::MemoryServer;
use pannier::format::document::Document;
use pannier::stop::{Stop, Why};
use pannier::sync::mutation::Id;
use pannier::sync::rows::Collection;
use pannier::sync::server::{ChangePage, ClientState, ServerTx, Standing, StoredOutcome};

/// A transaction that works for so many calls.
pub struct Cut<'a> {
    /// What it works on.
    pub tx: &'a mut MemoryServer,
    /// Calls until it fails; `None` never.
    pub calls_left: Option<u32>,
}

impl Cut<'_> {
    fn call(&mut self) -> Result<&mut MemoryServer, Stop> {
        if let Some(left) = &mut self.calls_left {
            *left = left.checked_sub(1).ok_or_else(|| Why::Backend("the database is gone".into()))?;
        }
        Ok(self.tx)
    }
}

impl ServerTx for Cut<'_> {
    fn epoch(&mut self) -> Result<u64, Stop> {
        self.call()?.epoch()
    }

    fn client(&mut self, client: Id) -> Result<Option<ClientState>, Stop> {
        self.call()?.client(client)
    }

    fn put_client(&mut self, client: Id, state: &ClientState) -> Result<(), Stop> {
        self.call()?.put_client(client, state)
    }

    fn outcome(&mut self, client: Id, seq: u64) -> Result<Option<StoredOutcome>, Stop> {
        self.call()?.outcome(client, seq)
    }

    fn outcome_by_id(&mut self, shopper: &str, id: Id) -> Result<Option<StoredOutcome>, Stop> {
        self.call()?.outcome_by_id(shopper, id)
    }

    fn put_outcome(&mut self, client: Id, stored: &StoredOutcome, now_ms: u64) -> Result<(), Stop> {
        self.call()?.put_outcome(client, stored, now_ms)
    }

    fn drop_outcomes(&mut self, client: Id, last: u64, before_ms: u64) -> Result<(), Stop> {
        self.call()?.drop_outcomes(client, last, before_ms)
    }

    fn get(&mut self, owner: &str, collection: Collection, key: &str) -> Result<Option<Document>, Stop> {
        self.call()?.get(owner, collection, key)
    }

    fn put(&mut self, owner: &str, collection: Collection, key: &str, value: &Document) -> Result<u64, Stop> {
        self.call()?.put(owner, collection, key, value)
    }

    fn delete(&mut self, owner: &str, collection: Collection, key: &str) -> Result<Option<u64>, Stop> {
        self.call()?.delete(owner, collection, key)
    }

    fn scan(
        &mut self,
        owner: &str,
        collection: Collection,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Document)>, Stop> {
        self.call()?.scan(owner, collection, after, limit)
    }

    fn standing(&mut self, owner: &str, collection: Collection) -> Result<Standing, Stop> {
        self.call()?.standing(owner, collection)
    }

    fn own(&mut self, owner: &str) -> Result<Vec<Collection>, Stop> {
        self.call()?.own(owner)
    }

    fn count(&mut self, owner: &str, collection: Collection) -> Result<u64, Stop> {
        self.call()?.count(owner, collection)
    }

    fn rev(&mut self, owner: &str, collection: Collection) -> Result<u64, Stop> {
        self.call()?.rev(owner, collection)
    }

    fn changes(
        &mut self,
        owner: &str,
        collection: Collection,
        after: u64,
        rows_max: usize,
        bytes_max: usize,
    ) -> Result<ChangePage, Stop> {
        self.call()?.changes(owner, collection, after, rows_max, bytes_max)
    }
}
