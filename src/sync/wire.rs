//! The messages of `POST /v1/sync`.
//!
//! Our own client and server speak postcard, everyone else JSON, from the same
//! types; `client` has the client's part of the postcard by hand. Over HTTP the body of an answer is an [`Answer`] in either encoding.
//! Cookies, epochs, sequence numbers and revisions stay below 2^53, so that
//! JSON carries them exactly.

use super::mutation::{Id, Mutation, Outcome};
use super::rows::Collection;
use crate::format::document::Document;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh64::xxh64;

mod client;

/// Version of the messages.
pub const PROTOCOL: u16 = 1;

/// Highest cookie, epoch, sequence number, revision and time: JSON carries
/// larger numbers only nearly.
pub const NUMBER_MAX: u64 = (1 << 53) - 1;

/// Version of the rows and of the mutations' arguments.
pub const SCHEMA: u16 = 1;

/// Most mutations executed for one request: the transaction stays short, so
/// that other shoppers' requests are not held up behind a long backlog.
pub const MUTATIONS_PER_SYNC_MAX: usize = 100;

/// Longest request body in bytes: 100 mutations of 2.5 kB, far above what a
/// cart sends, and little enough to hold for thousands of requests at once.
pub const REQUEST_BYTES_MAX: usize = 256 * 1024;

/// Most changes of one scope in one answer: a page that a phone applies without
/// a visible pause.
pub const CHANGES_PER_SCOPE_MAX: usize = 1000;

/// Most bytes of keys and values of one scope in one answer, after which it is
/// cut: about a second on a slow connection. One larger row still goes alone.
pub const CHANGES_BYTES_MAX: usize = 512 * 1024;

/// Milliseconds, by the server's clock, for which a client keeps acknowledged
/// mutations in its journal, to send them again to a server that was restored
/// from a backup: older backups are not put back into service.
pub const JOURNAL_AGE_MS_MAX: u64 = 30 * 24 * 3600 * 1000;

/// Most mutations in the journal: a month of a busy shopper many times over.
pub const JOURNAL_MUTATIONS_MAX: usize = 10_000;

/// Most bytes in the journal: what a shop's page may take of a phone's storage
/// for the case that its server fails.
pub const JOURNAL_BYTES_MAX: u64 = 1024 * 1024;

/// Most scopes in a request: as many collections as a client may have.
pub const SCOPES_PER_SYNC_MAX: usize = crate::collection::schema::COLLECTIONS_MAX;

/// What a client sends: its pending mutations, and where its scopes stand. Whose
/// they are, the credentials of the request tell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SyncRequest {
    /// [`PROTOCOL`] of the client.
    pub protocol: u16,
    /// [`SCHEMA`] of the client.
    pub schema: u16,
    /// The epoch of its cookies; absent before the first answer.
    #[serde(default)]
    pub epoch: Option<u64>,
    /// The client: one for each browser profile.
    pub client: Id,
    /// The client has stored the outcomes up to this sequence number.
    #[serde(default)]
    pub ack_to: u64,
    /// No mutation below this sequence number can come again, under whatever
    /// number: its outcome is stored, and neither the journal nor what is parked
    /// or pending holds it.
    #[serde(default)]
    pub forget_before: u64,
    /// The number of the client's first mutation: 1, or higher for a client
    /// that goes on where another one of the same browser profile ended.
    #[serde(default = "first_seq")]
    pub first_seq: u64,
    /// The scopes to pull.
    #[serde(default)]
    pub scopes: Vec<ScopeRequest>,
    /// Pending mutations, oldest first, without a gap.
    #[serde(default)]
    pub mutations: Vec<Mutation>,
}

fn first_seq() -> u64 {
    1
}

/// A scope to pull.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScopeRequest {
    /// The collection.
    pub name: Collection,
    /// The cookie of the last answer; absent when it was never pulled.
    #[serde(default)]
    pub cookie: Option<u64>,
}

/// What the server answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SyncResponse {
    /// The server's epoch.
    pub epoch: u64,
    /// The client's last executed sequence number, of the same transaction as
    /// the changes.
    pub last_seq: u64,
    /// Outcomes of the mutations sent, as far as they were executed.
    pub outcomes: Vec<Outcome>,
    /// The scopes asked for.
    pub scopes: Vec<ScopePatch>,
    /// Milliseconds since 1970 by the server's clock.
    pub at: u64,
}

/// How a scope changed since the cookie that was sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScopePatch {
    /// The collection.
    pub name: Collection,
    /// Where the client stands after these changes.
    pub cookie: u64,
    /// Whether the changes start from nothing: the client drops what it had.
    pub reset: bool,
    /// Whether further changes wait behind this cookie.
    pub more: bool,
    /// The changes, by ascending revision; at most one for each key.
    pub changes: Vec<Change>,
    /// The sum of [`digest`] over all rows of the scope, where the server tells
    /// it and no more changes wait.
    #[serde(default)]
    pub digest: Option<u64>,
}

/// A row's part of the digest of its scope: the low 53 bits of the xxh64 (seed
/// 0) of its key, a zero byte and its value as encoded. The parts are summed
/// modulo 2^53, so that a change costs one subtraction and one addition.
pub fn digest(key: &str, value: &[u8]) -> u64 {
    let mut hashed = Vec::from(key.as_bytes());
    hashed.push(0);
    hashed.extend_from_slice(value);
    xxh64(&hashed, 0) & NUMBER_MAX
}

/// The sum of a digest and a row's part of it.
pub fn add_digest(digest: u64, part: u64) -> u64 {
    digest.wrapping_add(part) & NUMBER_MAX
}

/// One changed row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// The row has this value.
    Put {
        /// Key of the row.
        key: String,
        /// Revision of the change.
        rev: u64,
        /// Value of the row.
        value: Document,
    },
    /// There is no such row.
    Del {
        /// Key of the row.
        key: String,
        /// Revision of the change.
        rev: u64,
    },
}

impl Change {
    /// Key of the row.
    pub fn key(&self) -> &str {
        match self {
            Self::Put { key, .. } | Self::Del { key, .. } => key,
        }
    }

    /// Revision of the change.
    pub fn rev(&self) -> u64 {
        match self {
            Self::Put { rev, .. } | Self::Del { rev, .. } => *rev,
        }
    }
}

/// Why the server refuses a request as a whole; nothing of it was applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SyncError {
    /// The server was restored or wiped: cookies mean nothing any more.
    EpochChanged {
        /// The server's epoch now.
        epoch: u64,
        /// The client's last executed sequence number in it; absent when the
        /// server does not know the client.
        #[serde(default)]
        last_seq: Option<u64>,
    },
    /// The server does not know the client, and the mutations sent are not its first.
    UnknownClient {},
    /// The mutations, or what the client has acknowledged, do not follow on what
    /// the server executed last.
    SeqGap {
        /// The sequence number that comes next.
        expected: u64,
    },
    /// Another mutation was executed under this sequence number.
    OpMismatch {
        /// The sequence number.
        seq: u64,
    },
    /// The client's schema or protocol is not served.
    Schema {
        /// Oldest that is.
        min: u16,
        /// Newest that is.
        max: u16,
    },
    /// The credentials are missing, wrong or expired.
    Auth {},
    /// The client belongs to another shopper.
    PrincipalChanged {},
    /// The request is too large.
    TooLarge {
        /// Most bytes allowed.
        limit: u64,
    },
    /// The server cannot answer now.
    Retry {
        /// Milliseconds to wait.
        after_ms: u64,
    },
    /// The body is no request.
    Malformed {
        /// What is wrong with it.
        why: String,
    },
}

impl SyncError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::EpochChanged { .. } => "epoch_changed",
            Self::UnknownClient {} => "unknown_client",
            Self::SeqGap { .. } => "seq_gap",
            Self::OpMismatch { .. } => "op_mismatch",
            Self::Schema { .. } => "schema",
            Self::Auth {} => "auth",
            Self::PrincipalChanged {} => "principal_changed",
            Self::TooLarge { .. } => "too_large",
            Self::Retry { .. } => "retry",
            Self::Malformed { .. } => "malformed",
        }
    }
}

impl fmt::Display for SyncError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EpochChanged { epoch, .. } => write!(f, "the server's epoch is now {epoch}"),
            Self::UnknownClient {} => f.write_str("the server does not know this client"),
            Self::SeqGap { expected } => write!(f, "the server expects mutation {expected} next"),
            Self::OpMismatch { seq } => write!(f, "another mutation was executed as number {seq}"),
            Self::Schema { min, max } => write!(f, "the server serves schemas {min} to {max}"),
            Self::Auth {} => f.write_str("the credentials are missing, wrong or expired"),
            Self::PrincipalChanged {} => f.write_str("the client belongs to another shopper"),
            Self::TooLarge { limit } => write!(f, "the request is longer than {limit} bytes"),
            Self::Retry { after_ms } => {
                write!(f, "the server cannot answer now; retry after {after_ms} ms")
            }
            Self::Malformed { why } => write!(f, "the body is no request: {why}"),
        }
    }
}

impl core::error::Error for SyncError {}

/// The body of an answer: `{"ok": {…}}` or `{"error": {"seq_gap": {"expected": 3}}}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    /// The request was served.
    Ok(SyncResponse),
    /// The request was refused.
    Error(SyncError),
}

pub use client::{decode_answer, decode_mutation, encode_mutation, encode_request};

/// Decodes a request from postcard.
///
/// # Errors
/// `TooLarge` beyond [`REQUEST_BYTES_MAX`], `Schema` for another protocol,
/// whatever its other fields are, `Malformed` when it is no request.
pub fn decode_request(bytes: &[u8]) -> Result<SyncRequest, SyncError> {
    if bytes.len() > REQUEST_BYTES_MAX {
        return Err(SyncError::TooLarge { limit: REQUEST_BYTES_MAX as u64 });
    }
    // The protocol's number stands first in every version.
    if postcard::take_from_bytes::<u16>(bytes).is_ok_and(|(protocol, _)| protocol != PROTOCOL) {
        return Err(SyncError::Schema { min: SCHEMA, max: SCHEMA });
    }
    let malformed = |why: &str| SyncError::Malformed { why: why.into() };
    let (request, rest) = postcard::take_from_bytes(bytes).map_err(|_| malformed("not a message"))?;
    if rest.is_empty() { Ok(request) } else { Err(malformed("bytes follow the message")) }
}

/// Encodes an answer as postcard.
pub fn encode_answer(answer: &Answer) -> Vec<u8> {
    // A serializer of ours that fails could make this fail, or one without a known length; the types
    // above have neither.
    postcard::to_allocvec(answer).expect("an answer encodes")
}

#[cfg(test)]
mod tests;
