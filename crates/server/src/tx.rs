//! One open SQLite transaction, as the core's side of the protocol sees it.

use pannier::format::document::Document;
use pannier::stop::{Stop, Why};
use pannier::sync::mutation::{Id, Outcome, Status, UNKNOWN_MUTATION};
use pannier::sync::rows::{Collection, corrupt_row};
use pannier::sync::server::{ChangePage, ClientState, SHARED, ServerTx, Standing, StoredOutcome};
use pannier::sync::wire::{self, Change};
use rusqlite::types::{FromSqlError, ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, OptionalExtension, Row, params};

use crate::{now_ms, pieces};

/// What a shopper stores, or may store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Rows, tombstones among them.
    pub rows: u64,
    /// Bytes of keys and values.
    pub bytes: u64,
}

/// What is stored under a key.
struct Under {
    is_live: bool,
    bytes: i64,
    /// Its part of the digest; 0 for a tombstone.
    part: i64,
}

/// Reads and writes within the transaction that is open on a connection.
pub struct Tx<'a> {
    connection: &'a Connection,
}

impl<'a> Tx<'a> {
    /// Of a connection on which a transaction is open; who opened it ends it.
    pub fn new(connection: &'a Connection) -> Tx<'a> {
        Tx { connection }
    }

    fn prepare(&self, sql: &str) -> Result<CachedStatement<'a>, Stop> {
        self.connection.prepare_cached(sql).map_err(failed)
    }

    fn under(&self, owner: &str, collection: Collection, key: &str) -> Result<Option<Under>, Stop> {
        self.prepare("SELECT value FROM row WHERE owner = ?1 AND collection = ?2 AND key = ?3")?
            .query_row(params![owner, column(&collection), key], |row| {
                let value = row.get_ref(0)?.as_blob_or_null()?;
                Ok(Under {
                    is_live: value.is_some(),
                    bytes: (key.len() + value.map_or(0, <[u8]>::len)) as i64,
                    part: value.map_or(0, |value| part_of(key, value)),
                })
            })
            .optional()
            .map_err(failed)
    }

    /// Puts a value, or a tombstone, in place of what stands there. Raises the revision of the scope.
    fn replace(
        &self,
        owner: &str,
        collection: Collection,
        key: &str,
        before: Option<Under>,
        value: Option<&[u8]>,
    ) -> Result<u64, Stop> {
        let bytes = (key.len() + value.map_or(0, <[u8]>::len)) as i64;
        let live = i64::from(value.is_some()) - i64::from(before.as_ref().is_some_and(|before| before.is_live));
        let rows = i64::from(before.is_none());
        let part = value.map_or(0, |value| part_of(key, value)) - before.as_ref().map_or(0, |before| before.part);
        let bytes = bytes - before.map_or(0, |before| before.bytes);
        let rev: i64 = self
            .prepare(
                "INSERT INTO scope (owner, collection, rev, live, rows, bytes, digest)
                 VALUES (?1, ?2, 1, ?3, ?4, ?5, ?6 & ?7)
                 ON CONFLICT DO UPDATE SET rev = rev + 1, live = live + ?3, rows = rows + ?4, bytes = bytes + ?5,
                 digest = (digest + ?6) & ?7 RETURNING rev",
            )?
            .query_row(params![owner, column(&collection), live, rows, bytes, part, wire::NUMBER_MAX], |row| row.get(0))
            .map_err(failed)?;
        let dead_ms = value.is_none().then(now_ms);
        self.prepare(
            "INSERT INTO row (owner, collection, key, rev, value, dead_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT DO UPDATE SET rev = excluded.rev, value = excluded.value, dead_ms = excluded.dead_ms",
        )?
        .execute(params![owner, column(&collection), key, rev, value, dead_ms])
        .map_err(failed)?;
        if collection == Collection::Catalog && owner == SHARED {
            pieces::append(self.connection, rev, key, value).map_err(failed)?;
        }
        Ok(rev.unsigned_abs())
    }

    /// What a shopper stores.
    pub fn usage(&self, shopper: &str) -> Result<Usage, Stop> {
        self.prepare("SELECT coalesce(sum(rows), 0), coalesce(sum(bytes), 0) FROM scope WHERE owner = ?1")?
            .query_row([shopper], |row| Ok(Usage { rows: row.get(0)?, bytes: row.get(1)? }))
            .map_err(failed)
    }

    /// How many collections of the shop's own a shopper has ever written to.
    pub fn own_scopes(&self, shopper: &str) -> Result<u64, Stop> {
        self.prepare("SELECT count(*) FROM scope WHERE owner = ?1 AND typeof(collection) = 'text'")?
            .query_row([shopper], |row| row.get(0))
            .map_err(failed)
    }

    /// The revisions of an owner's scopes.
    pub fn revs(&self, owner: &str) -> Result<Vec<(Collection, u64)>, Stop> {
        let mut scopes = self.prepare("SELECT collection, rev FROM scope WHERE owner = ?1")?;
        let mut rows = scopes.query([owner]).map_err(failed)?;
        let mut revs = Vec::new();
        while let Some(row) = rows.next().map_err(failed)? {
            let collection = match row.get_ref(0).map_err(failed)? {
                ValueRef::Integer(number) => u8::try_from(number).ok().and_then(Collection::from_number),
                name => name.as_str().ok().and_then(Collection::from_name),
            };
            if let Some(collection) = collection {
                revs.push((collection, row.get(1).map_err(failed)?));
            }
        }
        Ok(revs)
    }

    fn scope(&self, column: &str, owner: &str, collection: Collection) -> Result<u64, Stop> {
        self.prepare(&format!("SELECT {column} FROM scope WHERE owner = ?1 AND collection = ?2"))?
            .query_row(params![owner, self::column(&collection)], |row| row.get(0))
            .optional()
            .map(Option::unwrap_or_default)
            .map_err(failed)
    }
}

impl ServerTx for Tx<'_> {
    fn epoch(&mut self) -> Result<u64, Stop> {
        self.prepare("SELECT epoch FROM meta")?.query_row([], |row| row.get(0)).map_err(failed)
    }

    fn client(&mut self, client: Id) -> Result<Option<ClientState>, Stop> {
        self.prepare("SELECT shopper, last_seq, seen_ms FROM client WHERE id = ?1")?
            .query_row([client.0], |row| {
                Ok(ClientState { shopper: row.get(0)?, last_seq: row.get(1)?, seen_ms: row.get(2)? })
            })
            .optional()
            .map_err(failed)
    }

    fn put_client(&mut self, client: Id, state: &ClientState) -> Result<(), Stop> {
        self.prepare(
            "INSERT INTO client (id, shopper, last_seq, seen_ms) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO UPDATE SET shopper = excluded.shopper, last_seq = excluded.last_seq,
             seen_ms = excluded.seen_ms",
        )?
        .execute(params![client.0, state.shopper, state.last_seq, state.seen_ms])
        .map_err(failed)?;
        Ok(())
    }

    fn outcome(&mut self, client: Id, seq: u64) -> Result<Option<StoredOutcome>, Stop> {
        self.prepare("SELECT hash, id, status, code, rev, detail FROM outcome WHERE client = ?1 AND seq = ?2")?
            .query_row(params![client.0, seq], |row| stored_outcome(seq, row))
            .optional()
            .map_err(failed)
    }

    fn outcome_by_id(&mut self, shopper: &str, id: Id) -> Result<Option<StoredOutcome>, Stop> {
        self.prepare(
            "SELECT hash, outcome.id, status, code, rev, detail, seq FROM outcome JOIN client ON client.id = outcome.client
             WHERE outcome.id = ?1 AND shopper = ?2 AND code IS NOT ?3 LIMIT 1",
        )?
        .query_row(params![id.0, shopper, UNKNOWN_MUTATION], |row| stored_outcome(row.get(6)?, row))
        .optional()
        .map_err(failed)
    }

    fn put_outcome(&mut self, client: Id, stored: &StoredOutcome, now_ms: u64) -> Result<(), Stop> {
        let StoredOutcome { hash, outcome } = stored;
        self.prepare(
            "INSERT INTO outcome (client, seq, id, hash, stored_ms, status, code, rev, detail)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
             ON CONFLICT DO UPDATE SET stored_ms = excluded.stored_ms",
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

    fn drop_outcomes(&mut self, client: Id, last: u64, before_ms: u64) -> Result<(), Stop> {
        self.prepare("DELETE FROM outcome WHERE client = ?1 AND seq <= ?2 AND stored_ms < ?3")?
            .execute(params![client.0, last, before_ms])
            .map_err(failed)?;
        Ok(())
    }

    fn get(&mut self, owner: &str, collection: Collection, key: &str) -> Result<Option<Document>, Stop> {
        let value = self
            .prepare("SELECT value FROM row WHERE owner = ?1 AND collection = ?2 AND key = ?3")?
            .query_row(params![owner, column(&collection), key], |row| row.get(0))
            .optional()
            .map_err(failed)?
            .flatten();
        value.map(|bytes| document(collection, key, bytes)).transpose()
    }

    fn put(&mut self, owner: &str, collection: Collection, key: &str, value: &Document) -> Result<u64, Stop> {
        let before = self.under(owner, collection, key)?;
        self.replace(owner, collection, key, before, Some(value.as_bytes()))
    }

    fn delete(&mut self, owner: &str, collection: Collection, key: &str) -> Result<Option<u64>, Stop> {
        match self.under(owner, collection, key)? {
            Some(before) if before.is_live => self.replace(owner, collection, key, Some(before), None).map(Some),
            _ => Ok(None),
        }
    }

    fn scan(
        &mut self,
        owner: &str,
        collection: Collection,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Document)>, Stop> {
        let mut statement = self.prepare(
            "SELECT key, value FROM row
             WHERE owner = ?1 AND collection = ?2 AND (?3 IS NULL OR key > ?3) AND value IS NOT NULL
             ORDER BY key LIMIT ?4",
        )?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut rows = statement.query(params![owner, column(&collection), after, limit]).map_err(failed)?;
        let mut found = Vec::new();
        while let Some(row) = rows.next().map_err(failed)? {
            let key: String = row.get(0).map_err(failed)?;
            let value = document(collection, &key, row.get(1).map_err(failed)?)?;
            found.push((key, value));
        }
        Ok(found)
    }

    fn own(&mut self, owner: &str) -> Result<Vec<Collection>, Stop> {
        let scopes = self.revs(owner)?.into_iter().map(|(collection, _)| collection);
        Ok(scopes.filter(|collection| matches!(collection, Collection::Own(_))).collect())
    }

    fn count(&mut self, owner: &str, collection: Collection) -> Result<u64, Stop> {
        self.scope("live", owner, collection)
    }

    fn rev(&mut self, owner: &str, collection: Collection) -> Result<u64, Stop> {
        self.scope("rev", owner, collection)
    }

    fn standing(&mut self, owner: &str, collection: Collection) -> Result<Standing, Stop> {
        self.prepare("SELECT rev, pruned, digest FROM scope WHERE owner = ?1 AND collection = ?2")?
            .query_row(params![owner, column(&collection)], |row| {
                Ok(Standing { rev: row.get(0)?, pruned: row.get(1)?, digest: row.get(2)? })
            })
            .optional()
            .map(Option::unwrap_or_default)
            .map_err(failed)
    }

    fn changes(
        &mut self,
        owner: &str,
        collection: Collection,
        after: u64,
        rows_max: usize,
        bytes_max: usize,
    ) -> Result<ChangePage, Stop> {
        let mut statement = self.prepare(
            "SELECT key, rev, value FROM row
             WHERE owner = ?1 AND collection = ?2 AND rev > ?3 ORDER BY rev",
        )?;
        let mut rows = statement.query(params![owner, column(&collection), after]).map_err(failed)?;
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

/// How a collection stands in the tables: by its number, one of a shop's own by its name.
fn column(collection: &Collection) -> ToSqlOutput<'_> {
    match collection {
        Collection::Own(own) => ToSqlOutput::Borrowed(ValueRef::Text(own.name().as_bytes())),
        one => ToSqlOutput::from(one.number()),
    }
}

/// A row's part of its scope's digest.
pub fn part_of(key: &str, value: &[u8]) -> i64 {
    // 53 bits.
    wire::digest(key, value).cast_signed()
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
fn document(collection: Collection, key: &str, bytes: Vec<u8>) -> Result<Document, Stop> {
    Document::from_bytes(bytes).map_err(|_| corrupt_row(collection, key))
}

/// What a failure of the database is to the rules.
pub fn failed(error: rusqlite::Error) -> Stop {
    Why::Backend(error.to_string()).into()
}

#[cfg(test)]
mod tests {
    use pannier::format::document::Value;
    use rusqlite::Connection;

    use super::*;

    fn connection() -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(crate::store::SCHEMA).unwrap();
        connection
    }

    fn doc(text: &str) -> Document {
        Document::object(&[("text", Value::Str(text))]).unwrap()
    }

    fn changed(page: &ChangePage) -> Vec<(&str, u64)> {
        page.changes.iter().map(|change| (change.key(), change.rev())).collect()
    }

    #[test]
    fn a_scope_counts_its_rows_and_revisions() {
        let connection = connection();
        let mut tx = Tx::new(&connection);
        assert_eq!(tx.put("ada", Collection::Cart, "a", &doc("1")), Ok(1));
        assert_eq!(tx.put("ada", Collection::Cart, "b", &doc("2")), Ok(2));
        assert_eq!(tx.put("ada", Collection::Cart, "a", &doc("3")), Ok(3));
        assert_eq!(tx.put("bob", Collection::Cart, "a", &doc("4")), Ok(1));
        assert_eq!(tx.delete("ada", Collection::Cart, "b"), Ok(Some(4)));
        assert_eq!(tx.delete("ada", Collection::Cart, "b"), Ok(None));
        assert_eq!(tx.delete("ada", Collection::Cart, "c"), Ok(None));
        assert_eq!(tx.count("ada", Collection::Cart), Ok(1));
        assert_eq!(tx.rev("ada", Collection::Cart), Ok(4));
        assert_eq!(tx.get("ada", Collection::Cart, "a"), Ok(Some(doc("3"))));
        assert_eq!(tx.get("ada", Collection::Cart, "b"), Ok(None));
        assert_eq!(tx.get("ada", Collection::History, "a"), Ok(None));
        assert_eq!(tx.put("ada", Collection::Cart, "b", &doc("5")), Ok(5));
        assert_eq!(tx.count("ada", Collection::Cart), Ok(2));
    }

    #[test]
    fn the_digest_is_the_sum_over_the_rows() {
        let connection = connection();
        let mut tx = Tx::new(&connection);
        let digest = |tx: &mut Tx<'_>| tx.standing("ada", Collection::Cart).unwrap().digest;
        for (key, text) in [("a", "1"), ("b", "2"), ("a", "3"), ("c", "4")] {
            tx.put("ada", Collection::Cart, key, &doc(text)).unwrap();
        }
        tx.delete("ada", Collection::Cart, "b").unwrap();
        tx.put("bob", Collection::Cart, "a", &doc("5")).unwrap();
        let parts = [("a", "3"), ("c", "4")].map(|(key, text)| wire::digest(key, doc(text).as_bytes()));
        assert_eq!(digest(&mut tx), wire::add_digest(parts[0], parts[1]));
        for key in ["a", "c"] {
            tx.delete("ada", Collection::Cart, key).unwrap();
        }
        assert_eq!(digest(&mut tx), 0);
    }

    #[test]
    fn changes_come_by_revision_and_end_at_a_limit() {
        let connection = connection();
        let mut tx = Tx::new(&connection);
        for key in ["a", "b", "c"] {
            tx.put("ada", Collection::Cart, key, &doc("some text")).unwrap();
        }
        tx.delete("ada", Collection::Cart, "a").unwrap();
        let mut page = |after, rows, bytes| tx.changes("ada", Collection::Cart, after, rows, bytes).unwrap();
        let all = page(0, usize::MAX, usize::MAX);
        assert_eq!(changed(&all), [("b", 2), ("c", 3), ("a", 4)]);
        assert!(!all.more && matches!(all.changes[2], Change::Del { .. }));
        assert_eq!(changed(&page(2, usize::MAX, usize::MAX)), [("c", 3), ("a", 4)]);
        let two = page(0, 2, usize::MAX);
        assert_eq!((changed(&two), two.more), (vec![("b", 2), ("c", 3)], true));
        let large = page(0, usize::MAX, 1);
        assert_eq!((changed(&large), large.more), (vec![("b", 2)], true));
        assert!(!page(3, 1, 1).more);
    }

    #[test]
    fn a_scan_follows_code_points_and_skips_tombstones() {
        let connection = connection();
        let mut tx = Tx::new(&connection);
        for key in ["\u{1f45f}", "\u{ff5e}", "b", "a", "gone", "a\0z"] {
            tx.put("ada", Collection::Cart, key, &doc(key)).unwrap();
        }
        tx.delete("ada", Collection::Cart, "gone").unwrap();
        let mut keys = |after, limit| {
            let rows = tx.scan("ada", Collection::Cart, after, limit).unwrap();
            rows.into_iter().map(|(key, _)| key).collect::<Vec<_>>()
        };
        assert_eq!(keys(None, usize::MAX), ["a", "a\0z", "b", "\u{ff5e}", "\u{1f45f}"]);
        assert_eq!(keys(Some("a"), 2), ["a\0z", "b"]);
        assert_eq!(keys(Some("\u{1f45f}"), 2), [] as [&str; 0]);
    }

    #[test]
    fn an_outcome_reads_back_until_it_is_old_and_acknowledged() {
        let connection = connection();
        let mut tx = Tx::new(&connection);
        let (client, id) = (Id([1; 16]), Id([2; 16]));
        let statuses = [Status::Applied, Status::Adjusted, Status::Noop, Status::Rejected];
        let stored = |seq: u64| StoredOutcome {
            hash: u32::MAX,
            outcome: Outcome {
                seq,
                id,
                status: statuses[seq as usize - 1],
                code: (seq > 1).then(|| "stock".into()),
                detail: doc("detail"),
                rev: seq,
            },
        };
        let age_ms = wire::JOURNAL_AGE_MS_MAX;
        for seq in 1..=4 {
            tx.put_outcome(client, &stored(seq), seq * age_ms).unwrap();
            assert_eq!(tx.outcome(client, seq), Ok(Some(stored(seq))));
        }
        let left = |tx: &mut Tx<'_>| -> Vec<u64> {
            (1..=4).filter(|seq| tx.outcome(client, *seq).unwrap().is_some()).collect()
        };
        for (last, before_ms, expected) in
            [(3, age_ms, vec![1, 2, 3, 4]), (3, 2 * age_ms, vec![2, 3, 4]), (2, 9 * age_ms, vec![3, 4])]
        {
            tx.drop_outcomes(client, last, before_ms).unwrap();
            assert_eq!(left(&mut tx), expected, "{last} {before_ms}");
        }
        // Told again, it is as young as that.
        tx.put_outcome(client, &stored(3), 5 * age_ms).unwrap();
        tx.drop_outcomes(client, 4, 5 * age_ms).unwrap();
        assert_eq!(left(&mut tx), [3]);
        assert_eq!(tx.outcome(Id([9; 16]), 4), Ok(None));
    }

    #[test]
    fn a_row_that_the_disk_changed_is_corrupt_by_name() {
        let connection = connection();
        let mut tx = Tx::new(&connection);
        tx.put("ada", Collection::Cart, "a", &doc("1")).unwrap();
        connection.execute("UPDATE row SET value = x'ff'", []).unwrap();
        let corrupt = corrupt_row(Collection::Cart, "a");
        assert_eq!(tx.get("ada", Collection::Cart, "a"), Err(corrupt.clone()));
        assert_eq!(tx.changes("ada", Collection::Cart, 0, 9, 9), Err(corrupt));
    }
}
