//! What a client writes and reads of the messages, in postcard, written out.
//!
//! The code that serde derives for both ways would be a twentieth of all that a
//! page loads, so only the server uses it. Here integers are the format's
//! varints, and lengths, counts and the numbers of variants are such integers:
//! that is all of postcard. A test holds both against each other. What is not
//! written in the fewest bytes is refused here; nobody writes it.

use super::{Answer, Change, ScopePatch, SyncError, SyncRequest, SyncResponse};
use crate::bytes::copied;
use crate::format::document::Document;
use crate::format::varint;
use crate::sync::mutation::{Id, Mutation, Outcome, Status};
use crate::sync::rows::{Collection, Own};
use alloc::string::String;
use alloc::vec::Vec;

/// What stands before the name of a collection of a shop's own.
const OWN: u8 = 4;

/// Encodes a request.
pub fn encode_request(request: &SyncRequest) -> Vec<u8> {
    let mut out = Vec::new();
    varint::write(&mut out, u64::from(request.protocol));
    varint::write(&mut out, u64::from(request.schema));
    write_option(&mut out, request.epoch);
    out.extend_from_slice(&request.client.0);
    varint::write(&mut out, request.ack_to);
    varint::write(&mut out, request.forget_before);
    varint::write(&mut out, request.first_seq);
    varint::write(&mut out, request.scopes.len() as u64);
    for scope in &request.scopes {
        match scope.name {
            Collection::Own(own) => {
                out.push(OWN);
                write_bytes(&mut out, own.name().as_bytes());
            }
            one => out.push(one.number() - 1),
        }
        write_option(&mut out, scope.cookie);
    }
    varint::write(&mut out, request.mutations.len() as u64);
    for mutation in &request.mutations {
        write_mutation(&mut out, mutation);
    }
    out
}

/// Encodes a mutation for the outbox.
pub fn encode_mutation(mutation: &Mutation) -> Vec<u8> {
    let mut out = Vec::new();
    write_mutation(&mut out, mutation);
    out
}

fn write_mutation(out: &mut Vec<u8>, mutation: &Mutation) {
    varint::write(out, mutation.seq);
    out.extend_from_slice(&mutation.id.0);
    varint::write(out, u64::from(mutation.hash));
    write_bytes(out, mutation.name.as_bytes());
    varint::write(out, u64::from(mutation.v));
    write_bytes(out, mutation.args.as_bytes());
    varint::write(out, mutation.at);
    write_option(out, mutation.valid_for);
}

fn write_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    varint::write(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn write_option(out: &mut Vec<u8>, value: Option<u64>) {
    out.push(u8::from(value.is_some()));
    if let Some(value) = value {
        varint::write(out, value);
    }
}

/// Decodes an answer.
///
/// # Errors
/// `Malformed` when it is no answer, such as a proxy's page of HTML.
pub fn decode_answer(bytes: &[u8]) -> Result<Answer, SyncError> {
    let mut reader = Reader { rest: bytes, is_bad: false };
    let answer = if reader.flag() { Answer::Error(reader.error()) } else { Answer::Ok(reader.response()) };
    if reader.is_done() { Ok(answer) } else { Err(SyncError::Malformed { why: "not a message".into() }) }
}

/// Decodes a mutation of the outbox; `None` when it is none.
pub fn decode_mutation(bytes: &[u8]) -> Option<Mutation> {
    let mut reader = Reader { rest: bytes, is_bad: false };
    let mutation = Mutation {
        seq: reader.number(),
        id: reader.id(),
        hash: reader.up_to(u32::MAX),
        name: reader.string(),
        v: reader.up_to(u16::MAX.into()) as u16,
        args: reader.document(),
        at: reader.number(),
        valid_for: reader.option(),
    };
    reader.is_done().then_some(mutation)
}

/// Reads a message. What is missing or malformed reads as something empty, and makes the whole bad:
/// one question at the end is 1.2 kB of wasm less (uncompressed) than one after each field.
struct Reader<'a> {
    rest: &'a [u8],
    is_bad: bool,
}

impl Reader<'_> {
    /// Whether this was a message to the end.
    fn is_done(&self) -> bool {
        !self.is_bad && self.rest.is_empty()
    }

    fn or_bad<T: Default>(&mut self, found: Option<T>) -> T {
        self.is_bad |= found.is_none();
        found.unwrap_or_default()
    }

    fn number(&mut self) -> u64 {
        let found = varint::read(&mut self.rest);
        self.or_bad(found)
    }

    fn up_to(&mut self, most: u32) -> u32 {
        let found = u32::try_from(self.number()).ok().filter(|found| *found <= most);
        self.or_bad(found)
    }

    /// Also the number of one of two variants.
    fn flag(&mut self) -> bool {
        self.up_to(1) == 1
    }

    fn option(&mut self) -> Option<u64> {
        if self.flag() { Some(self.number()) } else { None }
    }

    fn id(&mut self) -> Id {
        let found = varint::take(&mut self.rest, 16).and_then(|bytes| bytes.try_into().ok());
        Id(self.or_bad(found))
    }

    fn bytes(&mut self) -> Vec<u8> {
        let found = varint::read_bytes(&mut self.rest);
        copied(self.or_bad(found))
    }

    fn string(&mut self) -> String {
        let found = String::from_utf8(self.bytes()).ok();
        self.or_bad(found)
    }

    fn document(&mut self) -> Document {
        let found = Document::from_bytes(self.bytes()).ok();
        self.or_bad(found)
    }

    /// A false count ends at the first item that is missing, before it has cost any memory.
    fn list<T>(&mut self, item: fn(&mut Self) -> T) -> Vec<T> {
        let mut list = Vec::new();
        for _ in 0..self.number() {
            if self.is_bad {
                break;
            }
            list.push(item(self));
        }
        list
    }

    fn response(&mut self) -> SyncResponse {
        SyncResponse {
            epoch: self.number(),
            last_seq: self.number(),
            outcomes: self.list(Self::outcome),
            scopes: self.list(Self::patch),
            at: self.number(),
        }
    }

    fn error(&mut self) -> SyncError {
        match self.number() {
            0 => SyncError::EpochChanged { epoch: self.number(), last_seq: self.option() },
            1 => SyncError::UnknownClient {},
            2 => SyncError::SeqGap { expected: self.number() },
            3 => SyncError::OpMismatch { seq: self.number() },
            4 => {
                let mut version = || self.up_to(u16::MAX.into()) as u16;
                SyncError::Schema { min: version(), max: version() }
            }
            5 => SyncError::Auth {},
            6 => SyncError::PrincipalChanged {},
            7 => SyncError::TooLarge { limit: self.number() },
            8 => SyncError::Retry { after_ms: self.number() },
            9 => SyncError::Malformed { why: self.string() },
            _ => {
                self.is_bad = true;
                SyncError::Auth {}
            }
        }
    }

    fn outcome(&mut self) -> Outcome {
        Outcome {
            seq: self.number(),
            id: self.id(),
            status: match self.up_to(3) {
                0 => Status::Applied,
                1 => Status::Adjusted,
                2 => Status::Noop,
                _ => Status::Rejected,
            },
            code: if self.flag() { Some(self.string()) } else { None },
            detail: self.document(),
            rev: self.number(),
        }
    }

    fn patch(&mut self) -> ScopePatch {
        ScopePatch {
            name: self.scope(),
            cookie: self.number(),
            reset: self.flag(),
            more: self.flag(),
            changes: self.list(Self::change),
            digest: self.option(),
        }
    }

    fn scope(&mut self) -> Collection {
        let found = match self.up_to(OWN.into()) as u8 {
            OWN => Own::parse(&self.string()).map(Collection::Own),
            place => Collection::ALL.get(usize::from(place)).copied(),
        };
        self.is_bad |= found.is_none();
        found.unwrap_or(Collection::Catalog)
    }

    fn change(&mut self) -> Change {
        let is_deletion = self.flag();
        let (key, rev) = (self.string(), self.number());
        if is_deletion { Change::Del { key, rev } } else { Change::Put { key, rev, value: self.document() } }
    }
}

#[cfg(test)]
mod tests;
