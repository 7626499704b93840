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
const OWN_PLACE: u64 = OWN as u64;

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
pub fn decode_answer(mut bytes: &[u8]) -> Result<Answer, SyncError> {
    match read_answer(&mut bytes) {
        None => Err(SyncError::Malformed { why: "not a message".into() }),
        Some(_) if !bytes.is_empty() => Err(SyncError::Malformed { why: "bytes follow the message".into() }),
        Some(answer) => Ok(answer),
    }
}

/// Decodes a mutation of the outbox; `None` when it is none.
pub fn decode_mutation(mut bytes: &[u8]) -> Option<Mutation> {
    let rest = &mut bytes;
    let mutation = Mutation {
        seq: varint::read(rest)?,
        id: read_id(rest)?,
        hash: varint::read_u32(rest)?,
        name: read_string(rest)?,
        v: read_u16(rest)?,
        args: read_document(rest)?,
        at: varint::read(rest)?,
        valid_for: read_option(rest)?,
    };
    bytes.is_empty().then_some(mutation)
}

fn read_answer(rest: &mut &[u8]) -> Option<Answer> {
    if read_bool(rest)? {
        return read_error(rest).map(Answer::Error);
    }
    Some(Answer::Ok(SyncResponse {
        epoch: varint::read(rest)?,
        last_seq: varint::read(rest)?,
        outcomes: read_list(rest, read_outcome)?,
        scopes: read_list(rest, read_patch)?,
        at: varint::read(rest)?,
    }))
}

fn read_error(rest: &mut &[u8]) -> Option<SyncError> {
    Some(match varint::read(rest)? {
        0 => SyncError::EpochChanged { epoch: varint::read(rest)?, last_seq: read_option(rest)? },
        1 => SyncError::UnknownClient {},
        2 => SyncError::SeqGap { expected: varint::read(rest)? },
        3 => SyncError::OpMismatch { seq: varint::read(rest)? },
        4 => SyncError::Schema { min: read_u16(rest)?, max: read_u16(rest)? },
        5 => SyncError::Auth {},
        6 => SyncError::PrincipalChanged {},
        7 => SyncError::TooLarge { limit: varint::read(rest)? },
        8 => SyncError::Retry { after_ms: varint::read(rest)? },
        9 => SyncError::Malformed { why: read_string(rest)? },
        _ => return None,
    })
}

fn read_outcome(rest: &mut &[u8]) -> Option<Outcome> {
    Some(Outcome {
        seq: varint::read(rest)?,
        id: read_id(rest)?,
        status: match varint::read(rest)? {
            0 => Status::Applied,
            1 => Status::Adjusted,
            2 => Status::Noop,
            3 => Status::Rejected,
            _ => return None,
        },
        code: if read_bool(rest)? { Some(read_string(rest)?) } else { None },
        detail: read_document(rest)?,
        rev: varint::read(rest)?,
    })
}

fn read_patch(rest: &mut &[u8]) -> Option<ScopePatch> {
    Some(ScopePatch {
        name: match varint::read(rest)? {
            OWN_PLACE => Collection::Own(Own::parse(&read_string(rest)?)?),
            place => *Collection::ALL.get(usize::try_from(place).ok()?)?,
        },
        cookie: varint::read(rest)?,
        reset: read_bool(rest)?,
        more: read_bool(rest)?,
        changes: read_list(rest, read_change)?,
        digest: read_option(rest)?,
    })
}

fn read_change(rest: &mut &[u8]) -> Option<Change> {
    let is_deletion = read_bool(rest)?;
    let (key, rev) = (read_string(rest)?, varint::read(rest)?);
    Some(if is_deletion { Change::Del { key, rev } } else { Change::Put { key, rev, value: read_document(rest)? } })
}

/// A false count ends at the first item that is missing, before it has cost any memory.
fn read_list<T>(rest: &mut &[u8], read: fn(&mut &[u8]) -> Option<T>) -> Option<Vec<T>> {
    let mut list = Vec::new();
    for _ in 0..varint::read(rest)? {
        list.push(read(rest)?);
    }
    Some(list)
}

fn read_id(rest: &mut &[u8]) -> Option<Id> {
    varint::take(rest, 16)?.try_into().ok().map(Id)
}

fn read_u16(rest: &mut &[u8]) -> Option<u16> {
    varint::read(rest)?.try_into().ok()
}

/// Also the number of one of two variants.
fn read_bool(rest: &mut &[u8]) -> Option<bool> {
    match varint::read(rest)? {
        0 => Some(false),
        1 => Some(true),
        _ => None,
    }
}

fn read_option(rest: &mut &[u8]) -> Option<Option<u64>> {
    Some(if read_bool(rest)? { Some(varint::read(rest)?) } else { None })
}

fn read_string(rest: &mut &[u8]) -> Option<String> {
    String::from_utf8(copied(varint::read_bytes(rest)?)).ok()
}

fn read_document(rest: &mut &[u8]) -> Option<Document> {
    Document::from_bytes(copied(varint::read_bytes(rest)?)).ok()
}

#[cfg(test)]
mod tests;
