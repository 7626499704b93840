//! The one thread that owns the database connection.
//!
//! Requests that arrive while a commit is on its way to the disk gather into the next transaction,
//! each under a savepoint of its own, so that many shoppers share the cost of one flush. A request
//! is answered only after the transaction that holds it is durable.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};

use rusqlite::Connection;
use tokio::sync::oneshot;

/// Requests in one transaction: bounds how long the first of them waits for the others.
const BATCH_JOBS_MAX: usize = 64;
/// Requests that wait for the writer; more are told to come back later.
const QUEUE_JOBS_MAX: usize = 1024;

/// Why a request could not be run. Nothing of it was stored.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum WriterError {
    /// Too many requests wait.
    Busy,
    /// The server is stopping, or a fault of its own stopped this request.
    Gone,
    /// The database failed.
    Sqlite(Arc<rusqlite::Error>),
}

impl fmt::Display for WriterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WriterError::Busy => write!(f, "{QUEUE_JOBS_MAX} requests are waiting already"),
            WriterError::Gone => f.write_str("the request was dropped"),
            WriterError::Sqlite(e) => write!(f, "database: {e}"),
        }
    }
}

impl From<rusqlite::Error> for WriterError {
    fn from(e: rusqlite::Error) -> Self {
        WriterError::Sqlite(Arc::new(e))
    }
}

/// A request that ran inside the transaction.
struct Ran {
    /// Whether its writes stay.
    keep: bool,
    /// Answers it, once it is known whether the transaction committed.
    answer: Box<dyn FnOnce(Result<(), WriterError>)>,
}

type Job = Box<dyn FnOnce(&Connection) -> Ran + Send>;

/// Sends requests to the thread.
#[derive(Clone)]
pub struct Writer {
    jobs: mpsc::SyncSender<Job>,
}

impl Writer {
    /// Starts the thread. It ends, and closes the database, when the last `Writer` is dropped.
    pub fn start(connection: Connection) -> (Writer, JoinHandle<()>) {
        let (jobs, queue) = mpsc::sync_channel(QUEUE_JOBS_MAX);
        let thread = thread::spawn(move || work(&connection, &queue));
        (Writer { jobs }, thread)
    }

    /// Runs `f` in a transaction that it may share. Its writes stay if it returns `Ok`, and then
    /// they are durable before this returns.
    pub async fn run<T, E>(
        &self,
        f: impl FnOnce(&Connection) -> Result<T, E> + Send + 'static,
    ) -> Result<Result<T, E>, WriterError>
    where
        T: Send + 'static,
        E: Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            let result = f(connection);
            Ran {
                keep: result.is_ok(),
                // It fails when the asker has gone away, who then asks again.
                answer: Box::new(move |committed| drop(reply.send(committed.map(|()| result)))),
            }
        });
        self.jobs.try_send(job).map_err(|e| match e {
            mpsc::TrySendError::Full(_) => WriterError::Busy,
            mpsc::TrySendError::Disconnected(_) => WriterError::Gone,
        })?;
        answer.await.unwrap_or(Err(WriterError::Gone))
    }
}

fn work(connection: &Connection, queue: &mpsc::Receiver<Job>) {
    while let Ok(first) = queue.recv() {
        let mut ran = Vec::new();
        let batch = std::iter::once(first).chain(queue.try_iter().take(BATCH_JOBS_MAX - 1));
        let committed = transact(connection, batch, &mut ran).map_err(|e| {
            // It fails when the database has rolled back by itself, as on a full disk.
            let _ = connection.execute_batch("ROLLBACK");
            WriterError::from(e)
        });
        for Ran { answer, .. } in ran {
            answer(committed.clone());
        }
    }
}

fn transact(connection: &Connection, batch: impl Iterator<Item = Job>, ran: &mut Vec<Ran>) -> rusqlite::Result<()> {
    let execute = |sql| connection.prepare_cached(sql)?.execute([]);
    execute("BEGIN IMMEDIATE")?;
    for job in batch {
        execute("SAVEPOINT job")?;
        // A panic is a fault of one request: its asker is told that it is gone, the others go on.
        let outcome = catch_unwind(AssertUnwindSafe(|| job(connection)));
        if !outcome.as_ref().is_ok_and(|ran| ran.keep) {
            execute("ROLLBACK TO job")?;
        }
        ran.extend(outcome);
        execute("RELEASE job")?;
    }
    execute("COMMIT")?;
    Ok(())
}
