//! The code by hand against the derived one, over random messages.

use super::*;
use crate::format::document::Value;
use crate::sync::wire::ScopeRequest;
use crate::testing::Random;
use serde::{Deserialize, Serialize};
use std::fmt::Debug;

const ROUNDS: u64 = 3_000;

fn number(random: &mut Random) -> u64 {
    let bits = random.below(65);
    if bits == 64 { u64::MAX } else { random.below(1 << bits.min(63)) }
}

fn option(random: &mut Random) -> Option<u64> {
    (random.below(2) == 0).then(|| number(random))
}

fn text(random: &mut Random) -> String {
    let length = random.below(4) * random.below(60);
    (0..length).map(|_| ['a', 'é', '茶', '\0'][random.below(4) as usize]).collect()
}

fn id(random: &mut Random) -> Id {
    Id([0; 16].map(|_: u8| random.below(256) as u8))
}

fn document(random: &mut Random) -> Document {
    let (key, value) = (text(random), random.below(1 << 50) as i64);
    let fields = [(key.as_str(), Value::Int(value)), ("text", Value::Str(&key))];
    Document::object(&fields[..random.below(3) as usize]).expect("integers and texts encode")
}

fn list<T>(random: &mut Random, item: fn(&mut Random) -> T) -> Vec<T> {
    (0..random.below(4)).map(|_| item(random)).collect()
}

fn collection(random: &mut Random) -> Collection {
    let own = ["last-writer:drafts", "server-decides:x"].map(|name| Collection::from_name(name).expect("a name"));
    if random.below(4) == 0 { own[random.below(2) as usize] } else { Collection::ALL[random.below(4) as usize] }
}

fn mutation(random: &mut Random) -> Mutation {
    Mutation {
        seq: number(random),
        id: id(random),
        hash: number(random) as u32,
        name: text(random),
        v: number(random) as u16,
        args: document(random),
        at: number(random),
        valid_for: option(random),
    }
}

fn request(random: &mut Random) -> SyncRequest {
    SyncRequest {
        protocol: number(random) as u16,
        schema: number(random) as u16,
        epoch: option(random),
        client: id(random),
        ack_to: number(random),
        first_seq: number(random),
        scopes: list(random, |random| ScopeRequest { name: collection(random), cookie: option(random) }),
        mutations: list(random, mutation),
    }
}

fn outcome(random: &mut Random) -> Outcome {
    let statuses = [Status::Applied, Status::Adjusted, Status::Noop, Status::Rejected];
    Outcome {
        seq: number(random),
        id: id(random),
        status: statuses[random.below(4) as usize],
        code: (random.below(2) == 0).then(|| text(random)),
        detail: document(random),
        rev: number(random),
    }
}

fn change(random: &mut Random) -> Change {
    let (key, rev) = (text(random), number(random));
    if random.below(2) == 0 { Change::Del { key, rev } } else { Change::Put { key, rev, value: document(random) } }
}

fn patch(random: &mut Random) -> ScopePatch {
    ScopePatch {
        name: collection(random),
        cookie: number(random),
        reset: random.below(2) == 0,
        more: random.below(2) == 0,
        changes: list(random, change),
        digest: option(random),
    }
}

fn answer(random: &mut Random) -> Answer {
    Answer::Error(match random.below(20) {
        0 => SyncError::EpochChanged { epoch: number(random), last_seq: option(random) },
        1 => SyncError::UnknownClient {},
        2 => SyncError::SeqGap { expected: number(random) },
        3 => SyncError::OpMismatch { seq: number(random) },
        4 => SyncError::Schema { min: number(random) as u16, max: number(random) as u16 },
        5 => SyncError::Auth {},
        6 => SyncError::PrincipalChanged {},
        7 => SyncError::TooLarge { limit: number(random) },
        8 => SyncError::Retry { after_ms: number(random) },
        9 => SyncError::Malformed { why: text(random) },
        _ => {
            let (outcomes, scopes) = (list(random, outcome), list(random, patch));
            let (epoch, last_seq, at) = (number(random), number(random), number(random));
            return Answer::Ok(SyncResponse { epoch, last_seq, outcomes, scopes, at });
        }
    })
}

fn derived<T: Serialize>(message: &T) -> Vec<u8> {
    postcard::to_allocvec(message).expect("messages encode")
}

/// What the derived code reads from `bytes`, where they are all of the message in its shortest form.
fn derived_from<'a, T: Serialize + Deserialize<'a>>(bytes: &'a [u8]) -> Option<T> {
    postcard::from_bytes(bytes).ok().filter(|message| derived(message) == bytes)
}

/// Bytes that are no message, or a rare one: `bytes` cut, grown, or with some of them changed.
fn damaged(random: &mut Random, bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    match random.below(6) {
        0 => bytes.truncate(random.below(bytes.len() as u64) as usize),
        1 => bytes.push(random.below(256) as u8),
        _ => {
            for _ in 0..=random.below(2) {
                let at = random.below(bytes.len() as u64) as usize;
                let values = [0, 1, 2, 0x7F, 0x80, 0x81, 0xFF, random.below(256) as u8];
                bytes[at] = values[random.below(8) as usize];
            }
        }
    }
    bytes
}

/// Reads what is right, and of what is damaged all that the derived code reads, and no more.
fn check<T>(random: &mut Random, message: &T, decode: fn(&[u8]) -> Option<T>)
where
    T: Serialize + for<'a> Deserialize<'a> + PartialEq + Debug,
{
    let bytes = derived(message);
    assert_eq!(decode(&bytes).as_ref(), Some(message));
    for _ in 0..10 {
        let bytes = damaged(random, &bytes);
        assert_eq!(decode(&bytes), derived_from(&bytes), "{bytes:?}");
    }
}

#[test]
fn both_write_the_same_bytes() {
    for seed in 0..ROUNDS {
        let random = &mut Random(seed);
        let (request, mutation) = (request(random), mutation(random));
        assert_eq!(encode_request(&request), derived(&request), "{request:?}");
        assert_eq!(encode_mutation(&mutation), derived(&mutation), "{mutation:?}");
    }
}

#[test]
fn both_read_the_same_messages_and_refuse_the_same_bytes() {
    for seed in 0..ROUNDS {
        let random = &mut Random(seed);
        let answer = answer(random);
        check(random, &answer, |bytes| decode_answer(bytes).ok());
        let mutation = mutation(random);
        check(random, &mutation, decode_mutation);
    }
}

#[test]
fn what_is_longer_than_it_need_be_is_refused() {
    let error = derived(&Answer::Error(SyncError::SeqGap { expected: 1 }));
    let (last, start) = error.split_last().expect("a message");
    let long = [start, &[last | 0x80, 0]].concat();
    assert!(decode_answer(&error).is_ok());
    assert!(decode_answer(&long).is_err());
}

/// Every kind of value, names that JSON has to escape among them.
fn anything(random: &mut Random, depth: u64) -> Document {
    let (key, bytes) = (text(random), [random.below(256) as u8, 0, 255]);
    let inner = if depth > 0 { anything(random, depth - 1) } else { Document::default() };
    let list = Document::array(&[Value::Int(1), inner.as_ref().value(), Value::Null]).expect("a list");
    let fields = [
        (key.as_str(), Value::Null),
        ("bool", Value::Bool(random.below(2) == 0)),
        ("int", Value::Int(random.below(1 << 53) as i64 - (1 << 52))),
        ("float", Value::F64(random.below(1 << 40) as f64 / 7.0)),
        ("text", Value::Str(&key)),
        ("bytes", Value::Bytes(&bytes)),
        ("date", Value::Date(random.below(1 << 52) as i64 - (1 << 51))),
        ("big", Value::BigInteger { is_negative: random.below(2) == 0, magnitude: &[1, bytes[0]] }),
        ("inner", inner.as_ref().value()),
        ("list", list.as_ref().value()),
        ("$date", Value::Int(5)),
        ("$$bytes", Value::Str("AP8=")),
    ];
    let first = random.below(fields.len() as u64) as usize;
    let count = random.below((fields.len() - first) as u64 + 1) as usize;
    Document::object(&fields[first..first + count]).expect("all kinds encode")
}

/// Through JSON a message stays what it is in postcard, to the byte.
fn in_json<T: Serialize + for<'a> Deserialize<'a> + PartialEq + Debug>(message: &T) {
    let text = serde_json::to_string(message).expect("messages make JSON");
    let read: T = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert_eq!(&read, message, "{text}");
    assert_eq!(derived(&read), derived(message), "{text}");
}

#[test]
fn json_and_postcard_say_the_same() {
    for seed in 0..ROUNDS {
        let random = &mut Random(seed);
        in_json(&request(random));
        in_json(&answer(random));
        let args = anything(random, 3);
        in_json(&Mutation { args, ..mutation(random) });
    }
}
