//! The yardstick: the rows of a sync, written by SQLite alone, a transaction each, as durable.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, params};

use crate::Measured;

/// The tables of the server, as far as a sync that adds to a cart writes them.
const TABLES: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    CREATE TABLE client (id BLOB PRIMARY KEY, shopper TEXT NOT NULL, last_seq INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE outcome (
        client BLOB NOT NULL, seq INTEGER NOT NULL, id BLOB NOT NULL, hash INTEGER NOT NULL, stored_ms INTEGER NOT NULL,
        status TEXT NOT NULL, code TEXT, rev INTEGER NOT NULL, detail BLOB NOT NULL, PRIMARY KEY (client, seq)
    ) WITHOUT ROWID;
    CREATE TABLE scope (
        owner TEXT NOT NULL, collection INTEGER NOT NULL, rev INTEGER NOT NULL, live INTEGER NOT NULL,
        rows INTEGER NOT NULL, bytes INTEGER NOT NULL, PRIMARY KEY (owner, collection)
    ) WITHOUT ROWID;
    CREATE TABLE row (
        owner TEXT NOT NULL, collection INTEGER NOT NULL, key TEXT NOT NULL, rev INTEGER NOT NULL, value BLOB,
        PRIMARY KEY (owner, collection, key)
    ) WITHOUT ROWID;
    CREATE UNIQUE INDEX row_by_rev ON row (owner, collection, rev);
";
const SHOPPERS: u64 = 3200;

/// Writes for a while; the time of each transaction, in milliseconds.
pub fn measure(path: &Path, time: Duration) -> Measured {
    let mut connection = Connection::open(path).expect("a database");
    connection.execute_batch(TABLES).expect("tables");
    let (start, mut delays_ms) = (Instant::now(), Vec::new());
    while start.elapsed() < time {
        let begun = Instant::now();
        write(&mut connection, delays_ms.len() as u64 + 1).expect("a transaction");
        delays_ms.push(begun.elapsed().as_secs_f64() * 1000.0);
    }
    Measured::new(delays_ms, 0, start)
}

fn write(connection: &mut Connection, number: u64) -> rusqlite::Result<()> {
    let (shopper, rev) = (format!("shopper-{}", number % SHOPPERS), number / SHOPPERS + 1);
    let (client, id) = (u128::from(number % SHOPPERS).to_be_bytes(), u128::from(number).to_be_bytes());
    let transaction = connection.transaction()?;
    let run = |sql: &str, values: &[&dyn rusqlite::ToSql]| transaction.prepare_cached(sql)?.execute(values).map(drop);
    run(
        "INSERT INTO scope VALUES (?1, 1, 1, 1, 1, 40) ON CONFLICT DO UPDATE SET rev = rev + 1, bytes = bytes + 1",
        params![shopper],
    )?;
    run(
        "INSERT INTO row VALUES (?1, 1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET rev = excluded.rev, value = excluded.value",
        params![shopper, format!("A{}", rev % 10), rev, [7_u8; 40]],
    )?;
    run(
        "INSERT INTO outcome VALUES (?1, ?2, ?3, 1, 1795430000000, 'applied', NULL, ?2, ?4)",
        params![client, rev, id, [7_u8; 24]],
    )?;
    run(
        "INSERT INTO client VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET last_seq = excluded.last_seq",
        params![client, shopper, rev],
    )?;
    transaction.commit()
}
