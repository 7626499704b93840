//! Mutations and what became of them.

use super::rows::Rows;
use crate::format::document::Document;
use crate::stop::Stop;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use xxhash_rust::xxh64::xxh64;

/// A random identity of 16 bytes: of a client or a mutation. 32 lower-case
/// hexadecimal digits where people read it.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(pub [u8; 16]);

impl Id {
    /// Reads 32 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        if digits.len() != 32 {
            return None;
        }
        let mut id = [0; 16];
        for (byte, pair) in id.iter_mut().zip(digits.chunks_exact(2)) {
            let high = char::from(pair[0]).to_digit(16)?;
            let low = char::from(pair[1]).to_digit(16)?;
            *byte = (high << 4 | low) as u8;
        }
        Some(Self(id))
    }

    /// 32 hexadecimal digits. Without the formatting machinery, which would be
    /// all there is of it in what ships.
    pub fn to_text(self) -> String {
        let mut digits = Vec::with_capacity(2 * self.0.len());
        for byte in self.0 {
            for digit in [byte >> 4, byte & 15] {
                digits.push(if digit < 10 { b'0' + digit } else { b'a' + digit - 10 });
            }
        }
        // ASCII is UTF-8.
        String::from_utf8(digits).unwrap_or_default()
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_text())
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() { serializer.collect_str(self) } else { self.0.serialize(serializer) }
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if !deserializer.is_human_readable() {
            return Ok(Self(<[u8; 16]>::deserialize(deserializer)?));
        }
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("an id is 32 hexadecimal digits"))
    }
}

/// An intent of the shopper: named, versioned, with arguments.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mutation {
    /// Place in the client's gapless sequence, from 1.
    pub seq: u64,
    /// Identity, made once and kept through every resend.
    pub id: Id,
    /// [`hash`] of name, version and arguments. The server only compares it.
    pub hash: u32,
    /// Name, such as `cart.add`.
    pub name: String,
    /// Version of its arguments.
    pub v: u16,
    /// Arguments.
    #[serde(default)]
    pub args: Document,
    /// Milliseconds since 1970 by the client's clock. It orders nothing.
    pub at: u64,
    /// Milliseconds for which the intent stands, for rules that ask: in the outbox
    /// from `at` on, in a request from when it is sent, 0 when it is over.
    #[serde(default)]
    pub valid_for: Option<u64>,
}

impl Mutation {
    /// A mutation with its hash, without an end of its validity.
    pub fn new(seq: u64, id: Id, name: &str, v: u16, args: Document, at: u64) -> Self {
        Self { seq, id, hash: hash(name, v, &args), name: name.into(), v, args, at, valid_for: None }
    }
}

/// `{}`: the shopper wants to be forgotten. A client takes no edit after it, and
/// its store is deleted once the server has executed it.
pub const ERASE: &str = "shopper.erase";

/// The low 32 bits of the xxh64 of name, a zero byte, version (little-endian)
/// and encoded arguments.
pub fn hash(name: &str, v: u16, args: &Document) -> u32 {
    let mut hashed = Vec::from(name.as_bytes());
    hashed.push(0);
    hashed.extend_from_slice(&v.to_le_bytes());
    hashed.extend_from_slice(args.as_bytes());
    xxh64(&hashed, 0) as u32
}

/// What became of a mutation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It did what it asked.
    Applied,
    /// It did less, or something near: `detail` tells what.
    Adjusted,
    /// There was nothing to do.
    Noop,
    /// It was refused and changed nothing.
    Rejected,
}

impl Status {
    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Adjusted => "adjusted",
            Self::Noop => "noop",
            Self::Rejected => "rejected",
        }
    }
}

/// What became of a mutation, as a rule tells it.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// What became of it.
    pub status: Status,
    /// Why, for everything but a plain `applied`: `stock`, `line_gone`, ….
    pub code: Option<&'static str>,
    /// Particulars, such as `{asked, got}`.
    pub detail: Document,
}

/// What became of a mutation, as the server tells it. The name is not
/// repeated: the client has the mutation until this arrives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The mutation's sequence number.
    pub seq: u64,
    /// The mutation's id.
    pub id: Id,
    /// What became of it.
    pub status: Status,
    /// Why, for everything but a plain `applied`.
    #[serde(default)]
    pub code: Option<String>,
    /// Particulars, such as `{asked, got}`.
    #[serde(default)]
    pub detail: Document,
    /// Highest revision of the rows it wrote; 0 when it wrote none.
    pub rev: u64,
}

/// What a rule may know besides rows and arguments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Context {
    /// Milliseconds since 1970 where the rule runs: the server's clock decides.
    pub now_ms: u64,
    /// Milliseconds for which the intent still stands, as its client has told;
    /// `None` where it has no end, or the rule predicts.
    pub valid_for: Option<u64>,
    /// Identity of the mutation.
    pub id: Id,
}

impl Context {
    /// At this time, in milliseconds since 1970.
    pub fn at(now_ms: u64) -> Self {
        Self { now_ms, ..Self::default() }
    }
}

/// The code of the outcome of a mutation that the server does not know, by its name
/// or version. The client keeps it, and sends it again: a newer server may.
pub const UNKNOWN_MUTATION: &str = "unknown_mutation";

/// Knows what each mutation does. The same rules run on client and server.
pub trait Rules {
    /// Executes one mutation. Bad arguments and unknown names are verdicts, and
    /// a rejected mutation has written nothing.
    ///
    /// # Errors
    /// Only when rows could not be read or written; the caller then drops what
    /// was written.
    fn execute(
        &self,
        name: &str,
        v: u16,
        args: &Document,
        context: &Context,
        rows: &mut dyn Rows,
    ) -> Result<Verdict, Stop>;
}
