//! The SQLite database: its schema, and the shop's own writes.
//!
//! The write-ahead log is flushed at each commit (`synchronous = FULL`): what a shopper was told
//! survives a power cut.

use pannier::stop::Stop;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fmt, fs, io};

use pannier::shop::stock;
use pannier::sync::rows::Collection;
use pannier::sync::server::{SHARED, ServerTx};
use pannier::sync::wire;
use rusqlite::backup::Backup;
use rusqlite::{Connection, ErrorCode, params};

use crate::auth;
use crate::catalogue::Product;
use crate::tx::{Tx, part_of};
use crate::{now_ms, pieces};

/// Version of the tables below; kept in the database's `user_version`.
const SCHEMA_VERSION: i64 = 5;
/// `pann` in ASCII: tells a database of ours from another program's.
const APPLICATION_ID: i64 = 0x7061_6e6e;
/// How long to wait for another process, such as a backup, that holds the database.
const BUSY_WAIT: Duration = Duration::from_secs(5);
/// Kept prepared: each statement of the server has room.
const STATEMENTS_MAX: usize = 64;

/// The tables.
pub const SCHEMA: &str = "
    -- One row: what tells this database from a restored or wiped one.
    CREATE TABLE meta (epoch INTEGER NOT NULL);
    -- One browser profile each. seen_ms is when it was last there, to a day.
    CREATE TABLE client (
        id BLOB PRIMARY KEY,
        shopper TEXT NOT NULL,
        last_seq INTEGER NOT NULL,
        seen_ms INTEGER NOT NULL DEFAULT 0
    ) WITHOUT ROWID;
    -- Those of anonymous shoppers do not come back when their tokens have expired.
    CREATE INDEX client_by_seen ON client (seen_ms) WHERE shopper GLOB 'anon-*';
    CREATE TABLE outcome (
        client BLOB NOT NULL,
        seq INTEGER NOT NULL,
        id BLOB NOT NULL,
        hash INTEGER NOT NULL,
        stored_ms INTEGER NOT NULL,
        status TEXT NOT NULL,
        code TEXT,
        rev INTEGER NOT NULL,
        detail BLOB NOT NULL,
        PRIMARY KEY (client, seq)
    ) WITHOUT ROWID;
    -- A mutation that comes again under another client is known by its id.
    CREATE INDEX outcome_by_id ON outcome (id);
    -- Where each scope stands; collection is a number, or the name of one of a shop's own. live counts its rows that are no tombstones, rows all, bytes their
    -- keys and values; pruned is the highest revision of a tombstone that is gone, digest the sum
    -- over the rows with which devices compare theirs.
    CREATE TABLE scope (
        owner TEXT NOT NULL,
        collection INTEGER NOT NULL,
        rev INTEGER NOT NULL,
        live INTEGER NOT NULL,
        rows INTEGER NOT NULL DEFAULT 0,
        bytes INTEGER NOT NULL DEFAULT 0,
        pruned INTEGER NOT NULL DEFAULT 0,
        digest INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (owner, collection)
    ) WITHOUT ROWID;
    -- A row without a value is a tombstone, and has the time since when.
    CREATE TABLE row (
        owner TEXT NOT NULL,
        collection INTEGER NOT NULL,
        key TEXT NOT NULL,
        rev INTEGER NOT NULL,
        value BLOB,
        dead_ms INTEGER,
        PRIMARY KEY (owner, collection, key)
    ) WITHOUT ROWID;
    CREATE UNIQUE INDEX row_by_rev ON row (owner, collection, rev);
    CREATE INDEX row_by_death ON row (dead_ms) WHERE dead_ms IS NOT NULL;
";

/// What version 3 added to the tables.
const UPGRADE_3: &str = "
    ALTER TABLE scope ADD COLUMN rows INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE scope ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE scope ADD COLUMN pruned INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE row ADD COLUMN dead_ms INTEGER;
    CREATE INDEX row_by_death ON row (dead_ms) WHERE dead_ms IS NOT NULL;
    UPDATE row SET dead_ms = unixepoch() * 1000 WHERE value IS NULL;
    UPDATE scope SET (rows, bytes) = (
        SELECT count(*), coalesce(sum(octet_length(key) + coalesce(length(value), 0)), 0) FROM row
        WHERE row.owner = scope.owner AND row.collection = scope.collection
    );
";

/// What version 5 added: when a client was last seen.
const UPGRADE_5: &str = "
    ALTER TABLE client ADD COLUMN seen_ms INTEGER NOT NULL DEFAULT 0;
    UPDATE client SET seen_ms = unixepoch() * 1000;
    CREATE INDEX client_by_seen ON client (seen_ms) WHERE shopper GLOB 'anon-*';
";

/// Why a database cannot be served.
#[derive(Debug)]
#[non_exhaustive]
pub enum OpenError {
    /// The folder of the file does not exist.
    NoFolder(PathBuf),
    /// Another program's database.
    Foreign(PathBuf),
    /// Written by a newer pannierd.
    Newer {
        /// The file.
        db: PathBuf,
        /// Version of its tables.
        found: i64,
    },
    /// It is being served.
    Served(PathBuf),
    /// The file through which a backup goes cannot be removed.
    Staging {
        /// The file.
        file: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// No random bytes for the epoch.
    Random(io::Error),
    /// SQLite failed.
    Sqlite {
        /// The file.
        db: PathBuf,
        /// In its own words.
        error: rusqlite::Error,
    },
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpenError::NoFolder(folder) => {
                write!(f, "database: the folder {} does not exist", folder.display())
            }
            OpenError::Foreign(db) => {
                write!(f, "database {}: it belongs to another program", db.display())
            }
            OpenError::Newer { db, found } => write!(
                f,
                "database {}: its schema {found} is newer than {SCHEMA_VERSION}, which this pannierd knows",
                db.display()
            ),
            OpenError::Served(db) => {
                write!(
                    f,
                    "database {}: a pannierd serves it, or another program has it open; stop that first",
                    db.display()
                )
            }
            OpenError::Staging { file, error } => write!(f, "{}: {error}", file.display()),
            OpenError::Random(e) => write!(f, "random bytes: {e}"),
            OpenError::Sqlite { db, error } => write!(f, "database {}: {error}", db.display()),
        }
    }
}

/// Opens the database, and makes it first where there is none.
pub fn open(db: &Path) -> Result<Connection, OpenError> {
    if let Some(folder) = db.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.is_dir()) {
        return Err(OpenError::NoFolder(folder.to_owned()));
    }
    let sqlite = |error| OpenError::Sqlite { db: db.to_owned(), error };
    let mut connection = Connection::open(db).map_err(sqlite)?;
    connection.busy_timeout(BUSY_WAIT).map_err(sqlite)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).map_err(sqlite)?;
    let pragma = |name| transaction.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let (id, found) = (pragma("application_id").map_err(sqlite)?, pragma("user_version").map_err(sqlite)?);
    let tables: i64 =
        transaction.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(sqlite)?;
    match found {
        _ if id != APPLICATION_ID && tables > 0 => return Err(OpenError::Foreign(db.to_owned())),
        SCHEMA_VERSION => {}
        0 => create(&transaction, db)?,
        1..SCHEMA_VERSION => upgrade(&transaction, found).map_err(sqlite)?,
        _ => return Err(OpenError::Newer { db: db.to_owned(), found }),
    }
    transaction.commit().map_err(sqlite)?;
    connection.pragma_update(None, "journal_mode", "WAL").map_err(sqlite)?;
    connection.pragma_update(None, "synchronous", "FULL").map_err(sqlite)?;
    Ok(connection)
}

/// Brings the tables of an older version up to [`SCHEMA`].
fn upgrade(connection: &Connection, from: i64) -> rusqlite::Result<()> {
    if from < 2 {
        connection.execute_batch("CREATE INDEX outcome_by_id ON outcome (id)")?;
    }
    if from < 3 {
        connection.execute_batch(UPGRADE_3)?;
        connection.execute_batch(pieces::SCHEMA)?;
        pieces::create(connection)?;
    }
    if from < 4 {
        add_digests(connection)?;
    }
    connection.execute_batch(UPGRADE_5)?;
    connection.pragma_update(None, "user_version", SCHEMA_VERSION)
}

/// Copies a database that may be in use, as it is between two transactions.
pub fn backup(db: &Path, to: &Path) -> rusqlite::Result<()> {
    let connection = Connection::open_with_flags(db, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.busy_timeout(BUSY_WAIT)?;
    connection.execute("VACUUM INTO ?1", [to.to_string_lossy()]).map(drop)
}

/// What version 4 added: the digest of each scope.
fn add_digests(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch("ALTER TABLE scope ADD COLUMN digest INTEGER NOT NULL DEFAULT 0")?;
    let mut rows = connection.prepare("SELECT owner, collection, key, value FROM row WHERE value IS NOT NULL")?;
    let mut rows = rows.query([])?;
    while let Some(row) = rows.next()? {
        let (owner, collection, key): (String, i64, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let part = part_of(&key, row.get_ref(3)?.as_blob()?);
        connection
            .prepare_cached("UPDATE scope SET digest = (digest + ?3) & ?4 WHERE owner = ?1 AND collection = ?2")?
            .execute(params![owner, collection, part, wire::NUMBER_MAX])?;
    }
    Ok(())
}

/// Puts a backup in the place of a database, under a new epoch, in one transaction: cut off at any
/// moment, it leaves the one or the other.
pub fn restore(from: &Path, db: &Path) -> Result<u64, OpenError> {
    let failed = |db: &Path| {
        let db = db.to_owned();
        move |error| OpenError::Sqlite { db, error }
    };
    // Another program's file is found out here, and an older version is brought up, beside the
    // database.
    let staging = db.with_added_extension("restore");
    remove(&staging).map_err(|error| OpenError::Staging { file: staging.clone(), error })?;
    backup(from, &staging).map_err(failed(from))?;
    let restored = open(&staging).and_then(|connection| {
        let epoch = new_epoch(&connection, &staging)?;
        let mut served = Connection::open(db).map_err(failed(db))?;
        served.busy_timeout(Duration::ZERO).map_err(failed(db))?;
        served.execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; COMMIT").map_err(
            |error| match error.sqlite_error_code() {
                Some(ErrorCode::DatabaseBusy) => OpenError::Served(db.to_owned()),
                _ => failed(db)(error),
            },
        )?;
        Backup::new(&connection, &mut served).and_then(|backup| backup.step(-1)).map_err(failed(db))?;
        Ok(epoch)
    });
    remove(&staging).map_err(|error| OpenError::Staging { file: staging, error }).and(restored)
}

/// Removes a database that nobody has open.
fn remove(db: &Path) -> io::Result<()> {
    for suffix in ["", "-wal", "-shm"] {
        let mut file = db.as_os_str().to_owned();
        file.push(suffix);
        match fs::remove_file(file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Gives the database a new epoch: clients then start over, and send again what it may have lost.
pub fn new_epoch(connection: &Connection, db: &Path) -> Result<u64, OpenError> {
    let sqlite = |error| OpenError::Sqlite { db: db.to_owned(), error };
    let epoch = random_epoch()?;
    connection.execute("UPDATE meta SET epoch = ?1", [epoch]).map_err(sqlite)?;
    Ok(epoch.unsigned_abs())
}

/// Below 2^53, so that JSON carries it exactly.
fn random_epoch() -> Result<i64, OpenError> {
    let random = u64::from_le_bytes(auth::random().map_err(OpenError::Random)?) >> 11;
    Ok(i64::try_from(random).expect("53 bits"))
}

fn create(connection: &Connection, db: &Path) -> Result<(), OpenError> {
    let sqlite = |error| OpenError::Sqlite { db: db.to_owned(), error };
    connection.execute_batch(SCHEMA).map_err(sqlite)?;
    connection.execute_batch(pieces::SCHEMA).map_err(sqlite)?;
    pieces::create(connection).map_err(sqlite)?;
    connection.execute("INSERT INTO meta (epoch) VALUES (?1)", [random_epoch()?]).map_err(sqlite)?;
    connection.pragma_update(None, "application_id", APPLICATION_ID).map_err(sqlite)?;
    connection.pragma_update(None, "user_version", SCHEMA_VERSION).map_err(sqlite)
}

/// What an import did.
#[derive(Default)]
pub struct Imported {
    /// Products that are new or changed, and coupons.
    pub written: usize,
    /// Products that the catalogue had just so.
    pub unchanged: usize,
}

/// Writes products into the catalogue. A product that differs from the stored one gets the next
/// version; one that does not is not touched, so that no device pulls it again.
pub fn import(connection: &Connection, products: &[Product]) -> Result<Imported, Stop> {
    let mut tx = Tx::new(connection);
    let mut count = Imported::default();
    let now_ms = now_ms();
    for product in products {
        if product.is_coupon() {
            stock::put_coupon(&mut tx, &product.id, Some(&product.terms()))?;
            count.written += 1;
            continue;
        }
        let stored = tx.get(SHARED, Collection::Catalog, &product.id)?;
        let version = stored.as_ref().and_then(|stored| stored.as_ref().u64("version")).unwrap_or(0);
        if stored.as_ref().is_some_and(|stored| *stored == product.document(version)) {
            count.unchanged += 1;
            continue;
        }
        stock::put_product(&mut tx, &product.id, stored.as_ref(), &product.document(version + 1), now_ms)?;
        count.written += 1;
    }
    Ok(count)
}
