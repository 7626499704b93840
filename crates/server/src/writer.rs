//! The one thread that owns the database connection.
//!
//! Requests that arrive while a commit is on its way to the disk gather into the next transaction,
//! each under a savepoint of its own, so that many shoppers share the cost of one flush. A request
//! is answered only after the transaction that holds it is durable.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::metrics::Metrics;

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
    pub fn start(connection: Connection, metrics: Arc<Metrics>) -> (Writer, JoinHandle<()>) {
        let (jobs, queue) = mpsc::sync_channel(QUEUE_JOBS_MAX);
        let thread = thread::spawn(move || work(&connection, &queue, &metrics));
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

fn work(connection: &Connection, queue: &mpsc::Receiver<Job>, metrics: &Metrics) {
    while let Ok(first) = queue.recv() {
        let start = Instant::now();
        let mut ran = Vec::new();
        let batch = std::iter::once(first).chain(queue.try_iter().take(BATCH_JOBS_MAX - 1));
        let committed = transact(connection, batch, &mut ran).map_err(|e| {
            // It fails when the database has rolled back by itself, as on a full disk.
            let _ = connection.execute_batch("ROLLBACK");
            metrics.commits_failed.inc();
            WriterError::from(e)
        });
        metrics.commit(ran.len(), start.elapsed());
        for Ran { answer, .. } in ran {
            answer(committed.clone());
        }
    }
    // Who reads beside this connection may be the last to close, and cannot. What stays in the log
    // is not lost: the next one to open the database reads it.
    let _ = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
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

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::task::Poll;

    use super::*;

    fn writer() -> (Writer, JoinHandle<()>) {
        let connection = Connection::open_in_memory().unwrap();
        // A row of `child` without its parent is allowed until the commit, which then fails.
        let tables = "PRAGMA foreign_keys = ON;
            CREATE TABLE parent (id INTEGER PRIMARY KEY);
            CREATE TABLE child (id INTEGER REFERENCES parent DEFERRABLE INITIALLY DEFERRED);";
        connection.execute_batch(tables).unwrap();
        Writer::start(connection, Arc::new(Metrics::new()))
    }

    fn insert(connection: &Connection, id: u32) -> rusqlite::Result<usize> {
        connection.execute("INSERT INTO parent VALUES (?1)", [id])
    }

    async fn ids(writer: &Writer) -> Vec<u32> {
        let read = |connection: &Connection| {
            let mut statement = connection.prepare("SELECT id FROM parent ORDER BY id")?;
            statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()
        };
        writer.run(read).await.unwrap().unwrap()
    }

    /// Holds the thread until all of `jobs` wait, so that they share one transaction.
    async fn together<T>(writer: &Writer, jobs: impl Future<Output = T>) -> T {
        let (go, wait) = mpsc::channel::<()>();
        let hold = writer.run(move |_| wait.recv().map_err(drop));
        let release = async {
            tokio::task::yield_now().await;
            go.send(()).unwrap();
        };
        tokio::join!(hold, jobs, release).1
    }

    #[tokio::test]
    async fn a_request_that_fails_takes_no_other_with_it() {
        let (writer, _thread) = writer();
        let jobs = async {
            tokio::join!(
                writer.run(|connection| insert(connection, 1)),
                writer.run(|connection| insert(connection, 2).and(Err::<(), _>(rusqlite::Error::InvalidQuery))),
                writer.run(|connection| -> Result<(), ()> {
                    insert(connection, 3).unwrap();
                    panic!("on purpose")
                }),
                writer.run(|connection| insert(connection, 4)),
            )
        };
        let (first, second, third, fourth) = together(&writer, jobs).await;
        assert!(first.unwrap().is_ok() && fourth.unwrap().is_ok());
        assert!(second.unwrap().is_err());
        assert!(matches!(third, Err(WriterError::Gone)));
        assert_eq!(ids(&writer).await, [1, 4]);
    }

    #[tokio::test]
    async fn when_the_commit_fails_every_request_in_it_is_told() {
        let (writer, _thread) = writer();
        let jobs = async {
            tokio::join!(
                writer.run(|connection| insert(connection, 1)),
                writer.run(|connection| connection.execute("INSERT INTO child VALUES (99)", [])),
            )
        };
        let (first, second) = together(&writer, jobs).await;
        assert!(matches!(first, Err(WriterError::Sqlite(_))));
        assert!(matches!(second, Err(WriterError::Sqlite(_))));
        assert_eq!(ids(&writer).await, [] as [u32; 0]);
        assert!(writer.run(|connection| insert(connection, 1)).await.unwrap().is_ok(), "the next one is not harmed");
    }

    #[tokio::test]
    async fn a_full_queue_is_busy() {
        let (writer, _thread) = writer();
        let (go, wait) = mpsc::channel::<()>();
        let (started, has_started) = oneshot::channel();
        let hold = writer.run(move |_| {
            started.send(()).unwrap();
            wait.recv().map_err(drop)
        });
        let fill = async {
            has_started.await.unwrap();
            let mut waiting = Vec::new();
            for id in 0..QUEUE_JOBS_MAX {
                let mut job = Box::pin(writer.run(move |connection| insert(connection, id as u32)));
                assert!(poll_fn(|context| Poll::Ready(job.as_mut().poll(context).is_pending())).await);
                waiting.push(job);
            }
            let one_more = writer.run(|connection| insert(connection, u32::MAX)).await;
            assert!(matches!(one_more, Err(WriterError::Busy)));
            go.send(()).unwrap();
            for job in waiting {
                assert!(job.await.unwrap().is_ok());
            }
        };
        let (held, ()) = tokio::join!(hold, fill);
        held.unwrap().unwrap();
    }
}
