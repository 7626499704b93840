//! What a record store must be able to do.
//!
//! Records of bytes under ascending numbers, in three groups: `log`, `segment`
//! and `head`. A new record store holds one empty log record, number 0, and
//! nothing else. Every operation is atomic.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Tells requests apart; each is answered once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RequestId(pub u32);

/// One operation of a record store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Reads the head and the log records after `log_after`, all when `None`,
    /// in one transaction. Answer: `Opened`.
    Open {
        /// Number of the last record that is known already.
        log_after: Option<u64>,
    },
    /// Adds log record `seq`. Answer: `Done`, or `Conflict` when `seq` is not
    /// the number after the last record that was ever added.
    Append {
        /// Number of the record.
        seq: u64,
        /// Its bytes.
        bytes: Arc<[u8]>,
        /// After a conflict, whether nothing may have changed. Where `false`,
        /// the record may have been added under a later number: it tells its
        /// own, and readers pass over one that does not stand under it.
        checked: bool,
    },
    /// Reads segments. Answer: `Segments`, in the order asked for.
    Read {
        /// Their numbers.
        segments: Vec<u32>,
    },
    /// Replaces the head. Answer: `Done` or `Conflict`.
    Checkpoint(Checkpoint),
}

/// One atomic change of head, segments and log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The stored head must be this one, byte for byte (`None`: no head yet),
    /// else the answer is `Conflict` and nothing changes.
    pub head_before: Option<Arc<[u8]>>,
    /// The new head.
    pub head: Arc<[u8]>,
    /// Segments to add.
    pub segments: Vec<(u32, Arc<[u8]>)>,
    /// Segments to drop.
    pub drop_segments: Vec<u32>,
    /// Log records below this number are dropped.
    pub drop_log_below: u64,
    /// A log record to add, under the rules of `Append`.
    pub append: Option<(u64, Arc<[u8]>)>,
}

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Response {
    /// It is done and survives a crash, as far as the chosen durability goes.
    Done,
    /// Somebody else was first; nothing changed.
    Conflict,
    /// Answer to `Open`.
    Opened {
        /// The head; `None` before the first checkpoint.
        head: Option<Vec<u8>>,
        /// Log records, ascending.
        log: Vec<(u64, Vec<u8>)>,
        /// Segments that were read along the way, if any: the last one written
        /// holds the root.
        segments: Vec<(u32, Vec<u8>)>,
    },
    /// Answer to `Read`: the segments asked for, `None` for one that does not exist.
    Segments(Vec<(u32, Option<Vec<u8>>)>),
    /// It could not be done; nothing changed.
    Failed(Failure),
}

/// Why a record store could not do something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FailureKind {
    /// No room.
    Quota,
    /// The store cannot be reached: closed, blocked.
    Unavailable,
    /// The store was deleted, and another has taken its place, empty or not. Every
    /// request fails so until `Open` asks for all there is.
    Replaced,
    /// Anything else.
    Other,
}

/// A failure of a record store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What kind.
    pub kind: FailureKind,
    /// The record store's own words.
    pub message: String,
}
