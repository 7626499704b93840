//! The store: a log in front of a tree, over any record store.
//!
//! A commit is one log record; its entries go into an overlay tree in memory.
//! A checkpoint merges the overlay into the base tree, writes the changed nodes
//! as segments and drops the log that they cover. Opening reads the head and
//! the log, no node. The store is a state machine without I/O: it hands out
//! [`Request`]s, takes [`Response`]s and tells what happened by [`Event`]s.
//!
//! Invariants:
//! - What a reader sees is base, then overlay; both roots are persistent.
//! - The overlay holds exactly the log records from `head.log_from` on, then
//!   what is in flight, then what is staged, in this order.
//! - The log is gapless, and its last record is never dropped: so an append
//!   that follows a record which another tab has superseded always conflicts.
//! - A commit is reported durable only after the record store answered for it.

mod answers;
mod cache;
mod checkpoint;
#[cfg(test)]
mod churn;
mod compaction;
pub mod conformance;
mod engine;
#[cfg(test)]
mod golden;
pub mod memory;
mod reader;
pub mod request;

pub(crate) use answers::REPLACED;
pub use engine::{Event, Options, Store};
pub use reader::{Reader, Scan};
pub use request::{Checkpoint, Failure, FailureKind, Request, RequestId, Response};
#[cfg(test)]
mod tests;
