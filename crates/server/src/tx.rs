//! One open SQLite transaction, as the core's side of the protocol sees it.

use pannier::format::document::Document;
use pannier::sync::mutation::{Id, Outcome, Status};
use pannier::sync::rows::{Collection, RowsError};
use pannier::sync::server::{ChangePage, ClientState, ServerTx, StoredOutcome};
use pannier::sync::wire::Change;
use rusqlite::types::FromSqlError;
use rusqlite::{CachedStatement, Connection, OptionalExtension, Row, params};

/// Reads and writes within the transaction that is open on a connection.
pub struct Tx<'a> {
    connection: &'a Connection,
}

impl<'a> Tx<'a> {
    /// Of a connection on which a transaction is open; who opened it ends it.
    pub fn new(connection: &'a Connection) -> Tx<'a> {
        Tx { connection }
    }

    fn prepare(&self, sql: &str) -> Result<CachedStatement<'a>, RowsError> {
        self.connection.prepare_cached(sql).map_err(failed)
    }

    /// Whether there is a row that is no tombstone.
    fn is_live(&self, owner: &str, collection: Collection, key: &str) -> Result<bool, RowsError> {
        self.prepare("SELECT 1 FROM row WHERE owner = ?1 AND collection = ?2 AND key = ?3 AND value IS NOT NULL")?
            .exists(params![owner, collection.number(), key])
            .map_err(failed)
    }

    /// Raises the revision of a scope by one, and its count of rows by `grown`.
    fn raise(&self, owner: &str, collection: Collection, grown: i64) -> Result<i64, RowsError> {
        self.prepare(
            "INSERT INTO scope (owner, collection, rev, live) VALUES (?1, ?2, 1, ?3)
             ON CONFLICT DO UPDATE SET rev = rev + 1, live = live + ?3 RETURNING rev",
        )?
        .query_row(params![owner, collection.number(), grown], |row| row.get(0))
        .map_err(failed)
    }

    fn write(
        &self,
        owner: &str,
        collection: Collection,
        key: &str,
        rev: i64,
        value: Option<&[u8]>,
    ) -> Result<(), RowsError> {
        self.prepare(
            "INSERT INTO row (owner, collection, key, rev, value) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT DO UPDATE SET rev = excluded.rev, value = excluded.value",
        )?
        .execute(params![owner, collection.number(), key, rev, value])
        .map_err(failed)?;
        Ok(())
    }

    fn scope(&self, column: &str, owner: &str, collection: Collection) -> Result<u64, RowsError> {
        self.prepare(&format!("SELECT {column} FROM scope WHERE owner = ?1 AND collection = ?2"))?
            .query_row(params![owner, collection.number()], |row| row.get(0))
            .optional()
            .map(Option::unwrap_or_default)
            .map_err(failed)
    }
}

impl ServerTx for Tx<'_> {
    fn epoch(&mut self) -> Result<u64, RowsError> {
        self.prepare("SELECT epoch FROM meta")?.query_row([], |row| row.get(0)).map_err(failed)
    }

    fn client(&mut self, client: Id) -> Result<Option<ClientState>, RowsError> {
        self.prepare("SELECT shopper, last_seq FROM client WHERE id = ?1")?
            .query_row([client.0], |row| Ok(ClientState { shopper: row.get(0)?, last_seq: row.get(1)? }))
            .optional()
            .map_err(failed)
    }

    fn put_client(&mut self, client: Id, state: &ClientState) -> Result<(), RowsError> {
        self.prepare(
            "INSERT INTO client (id, shopper, last_seq) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET shopper = excluded.shopper, last_seq = excluded.last_seq",
        )?
        .execute(params![client.0, state.shopper, state.last_seq])
        .map_err(failed)?;
        Ok(())
    }

    fn outcome(&mut self, client: Id, seq: u64) -> Result<Option<StoredOutcome>, RowsError> {
        self.prepare("SELECT hash, id, status, code, rev, detail FROM outcome WHERE client = ?1 AND seq = ?2")?
            .query_row(params![client.0, seq], |row| stored_outcome(seq, row))
            .optional()
            .map_err(failed)
    }

    fn put_outcome(&mut self, client: Id, stored: &StoredOutcome, now_ms: u64) -> Result<(), RowsError> {
        let StoredOutcome { hash, outcome } = stored;
        self.prepare(
            "INSERT INTO outcome (client, seq, id, hash, stored_ms, status, code, rev, detail)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            client.0,
            outcome.seq,
            outcome.id.0,
            hash,
            now_ms,
            outcome.status.name(),
            outcome.code,
            outcome.rev,
            outcome.detail.as_bytes(),
        ])
        .map_err(failed)?;
        Ok(())
    }

    fn drop_outcomes(&mut self, client: Id, ack_to: u64, before_ms: u64) -> Result<(), RowsError> {
        // A client that acknowledges more than SQLite can count acknowledges all.
        let ack_to = i64::try_from(ack_to).unwrap_or(i64::MAX);
        self.prepare("DELETE FROM outcome WHERE client = ?1 AND seq <= ?2 AND stored_ms < ?3")?
            .execute(params![client.0, ack_to, before_ms])
            .map_err(failed)?;
        Ok(())
    }

    fn get(&mut self, owner: &str, collection: Collection, key: &str) -> Result<Option<Document>, RowsError> {
        let value = self
            .prepare("SELECT value FROM row WHERE owner = ?1 AND collection = ?2 AND key = ?3")?
            .query_row(params![owner, collection.number(), key], |row| row.get(0))
            .optional()
            .map_err(failed)?
            .flatten();
        value.map(|bytes| document(collection, key, bytes)).transpose()
    }

    fn put(&mut self, owner: &str, collection: Collection, key: &str, value: &Document) -> Result<u64, RowsError> {
        let grown = if self.is_live(owner, collection, key)? { 0 } else { 1 };
        let rev = self.raise(owner, collection, grown)?;
        self.write(owner, collection, key, rev, Some(value.as_bytes()))?;
        Ok(rev.unsigned_abs())
    }

    fn delete(&mut self, owner: &str, collection: Collection, key: &str) -> Result<Option<u64>, RowsError> {
        if !self.is_live(owner, collection, key)? {
            return Ok(None);
        }
        let rev = self.raise(owner, collection, -1)?;
        self.write(owner, collection, key, rev, None)?;
        Ok(Some(rev.unsigned_abs()))
    }

    fn scan(
        &mut self,
        owner: &str,
        collection: Collection,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Document)>, RowsError> {
        let mut statement = self.prepare(
            "SELECT key, value FROM row
             WHERE owner = ?1 AND collection = ?2 AND (?3 IS NULL OR key > ?3) AND value IS NOT NULL
             ORDER BY key LIMIT ?4",
        )?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut rows = statement.query(params![owner, collection.number(), after, limit]).map_err(failed)?;
        let mut found = Vec::new();
        while let Some(row) = rows.next().map_err(failed)? {
            let key: String = row.get(0).map_err(failed)?;
            let value = document(collection, &key, row.get(1).map_err(failed)?)?;
            found.push((key, value));
        }
        Ok(found)
    }

    fn count(&mut self, owner: &str, collection: Collection) -> Result<u64, RowsError> {
        self.scope("live", owner, collection)
    }

    fn rev(&mut self, owner: &str, collection: Collection) -> Result<u64, RowsError> {
        self.scope("rev", owner, collection)
    }

    fn changes(
        &mut self,
        owner: &str,
        collection: Collection,
        after: u64,
        rows_max: usize,
        bytes_max: usize,
    ) -> Result<ChangePage, RowsError> {
        let mut statement = self.prepare(
            "SELECT key, rev, value FROM row
             WHERE owner = ?1 AND collection = ?2 AND rev > ?3 ORDER BY rev",
        )?;
        let mut rows = statement.query(params![owner, collection.number(), after]).map_err(failed)?;
        let (mut page, mut bytes) = (ChangePage::default(), 0);
        while let Some(row) = rows.next().map_err(failed)? {
            if !page.changes.is_empty() && (page.changes.len() >= rows_max || bytes >= bytes_max) {
                page.more = true;
                break;
            }
            let key: String = row.get(0).map_err(failed)?;
            let rev = row.get(1).map_err(failed)?;
            let value: Option<Vec<u8>> = row.get(2).map_err(failed)?;
            bytes += key.len() + value.as_ref().map_or(0, Vec::len);
            page.changes.push(match value {
                Some(value) => Change::Put { value: document(collection, &key, value)?, key, rev },
                None => Change::Del { key, rev },
            });
        }
        Ok(page)
    }
}

fn stored_outcome(seq: u64, row: &Row<'_>) -> rusqlite::Result<StoredOutcome> {
    let status: String = row.get(2)?;
    let statuses = [Status::Applied, Status::Adjusted, Status::Noop, Status::Rejected];
    let Some(status) = statuses.into_iter().find(|known| known.name() == status) else {
        return Err(FromSqlError::Other(format!("status {status}").into()).into());
    };
    Ok(StoredOutcome {
        hash: row.get(0)?,
        outcome: Outcome {
            seq,
            id: Id(row.get(1)?),
            status,
            code: row.get(3)?,
            rev: row.get(4)?,
            detail: Document::from_bytes(row.get(5)?).map_err(|_| FromSqlError::Other("detail".into()))?,
        },
    })
}

/// The rows of a database are checked as they are read: the disk may have changed them.
fn document(collection: Collection, key: &str, bytes: Vec<u8>) -> Result<Document, RowsError> {
    Document::from_bytes(bytes).map_err(|_| RowsError::Corrupt { collection, key: key.into() })
}

fn failed(error: rusqlite::Error) -> RowsError {
    RowsError::Backend(error.to_string())
}
