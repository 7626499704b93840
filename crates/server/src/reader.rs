//! Reads beside the writer: on a connection of its own, which no write holds up and which holds up
//! no write.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, OpenFlags};

/// Why nothing was read.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReadError {
    /// The database failed.
    Sqlite(rusqlite::Error),
    /// A fault of ours stopped the read.
    Fault,
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReadError::Sqlite(e) => write!(f, "database: {e}"),
            ReadError::Fault => f.write_str("the read was dropped"),
        }
    }
}

/// The connection for reads.
#[derive(Clone)]
pub struct Reader(Arc<Mutex<Connection>>);

impl Reader {
    /// Opens a database that is there.
    pub fn open(db: &Path) -> rusqlite::Result<Reader> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Ok(Reader(Arc::new(Mutex::new(Connection::open_with_flags(db, flags)?))))
    }

    /// Runs a read on a thread that may wait for the disk.
    pub async fn run<T: Send + 'static>(
        &self,
        f: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, ReadError> {
        let connection = self.0.clone();
        let read = move || f(&connection.lock().unwrap_or_else(PoisonError::into_inner));
        match tokio::task::spawn_blocking(read).await {
            Ok(read) => read.map_err(ReadError::Sqlite),
            Err(_) => Err(ReadError::Fault),
        }
    }
}
