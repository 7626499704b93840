//! The code by hand against the derived one, and postcard against JSON, over messages of every kind.

use super::*;
use crate::format::document::{BIG_INTEGER_BYTES_MAX, DATE_MAX, INTEGER_MAX, Value};
use crate::sync::wire::{ScopeRequest, decode_request, encode_answer};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Debug;

/// The same cases in each run.
fn config() -> ProptestConfig {
    ProptestConfig { cases: 256, rng_seed: RngSeed::Fixed(7), failure_persistence: None, ..ProptestConfig::default() }
}

/// Of any length in bits.
fn number() -> impl Strategy<Value = u64> {
    (any::<u64>(), 0..64u32).prop_map(|(number, shift)| number >> shift)
}

fn text() -> impl Strategy<Value = String> {
    let character = prop_oneof![proptest::char::range('a', 'z'), Just('\0'), Just('"'), Just('$'), any::<char>()];
    prop_oneof![9 => vec(character.clone(), 0..12), 1 => vec(character, 100..200)].prop_map(String::from_iter)
}

fn id() -> impl Strategy<Value = Id> {
    any::<[u8; 16]>().prop_map(Id)
}

/// What a document is made from.
#[derive(Clone, Debug)]
enum Part {
    Null,
    Bool(bool),
    Int(i64),
    F64(f64),
    Text(String),
    Bytes(Vec<u8>),
    Date(i64),
    Big(bool, Vec<u8>),
    Array(Vec<Part>),
    Object(BTreeMap<String, Part>),
}

impl Part {
    /// What it comes to where it stands alone; `None` for what does not.
    fn document(&self) -> Option<Document> {
        match self {
            Self::Array(items) => {
                let inner: Vec<_> = items.iter().map(Self::document).collect();
                let values: Vec<_> = items.iter().zip(&inner).map(|(item, inner)| item.value(inner.as_ref())).collect();
                Some(Document::array(&values).expect("all kinds encode"))
            }
            Self::Object(fields) => {
                let inner: Vec<_> = fields.values().map(Self::document).collect();
                let values = fields.iter().zip(&inner);
                let values: Vec<_> =
                    values.map(|((name, field), inner)| (&name[..], field.value(inner.as_ref()))).collect();
                Some(Document::object(&values).expect("all kinds encode"))
            }
            _ => None,
        }
    }

    fn value<'a>(&'a self, document: Option<&'a Document>) -> Value<'a> {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(*value),
            Self::Int(value) => Value::Int(*value),
            Self::F64(value) => Value::F64(*value),
            Self::Text(value) => Value::Str(value),
            Self::Bytes(value) => Value::Bytes(value),
            Self::Date(value) => Value::Date(*value),
            Self::Big(is_negative, magnitude) => Value::BigInteger { is_negative: *is_negative, magnitude },
            Self::Array(_) | Self::Object(_) => document.expect("it stands alone").as_ref().value(),
        }
    }
}

fn part() -> impl Strategy<Value = Part> {
    let big = (any::<bool>(), 1..=255u8, vec(any::<u8>(), 0..20)).prop_map(|(is_negative, first, rest)| {
        let magnitude = [&[first][..], &rest].concat();
        Part::Big(is_negative, magnitude)
    });
    let longest = any::<u8>().prop_map(|byte| Part::Big(false, std::vec![byte | 1; BIG_INTEGER_BYTES_MAX]));
    let scalar = prop_oneof![
        2 => Just(Part::Null),
        2 => any::<bool>().prop_map(Part::Bool),
        4 => (-INTEGER_MAX..=INTEGER_MAX, 0..54u32).prop_map(|(number, shift)| Part::Int(number >> shift)),
        4 => any::<f64>().prop_filter("JSON has no other", |number| number.is_finite()).prop_map(Part::F64),
        4 => text().prop_map(Part::Text),
        2 => vec(any::<u8>(), 0..20).prop_map(Part::Bytes),
        2 => (-DATE_MAX..=DATE_MAX).prop_map(Part::Date),
        2 => big,
        1 => longest,
    ];
    // Names that JSON has to escape among them.
    let name = prop_oneof![text(), "[$]{0,3}(date|bigint|bytes)"];
    scalar.prop_recursive(4, 16, 4, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Part::Array),
            proptest::collection::btree_map(name.clone(), inner, 0..4).prop_map(Part::Object),
        ]
    })
}

fn document() -> BoxedStrategy<Document> {
    let object = proptest::collection::btree_map(text(), part(), 0..4).prop_map(Part::Object);
    object.prop_map(|object| object.document().expect("an object stands alone")).boxed()
}

fn collection() -> impl Strategy<Value = Collection> {
    let own = "(last-writer|add-wins|counter|server-decides):[A-Za-z0-9_-]{1,32}";
    let own = own.prop_map(|name| Collection::from_name(&name).expect("a name"));
    prop_oneof![3 => proptest::sample::select(&Collection::ALL[..]), 1 => own]
}

prop_compose! {
    fn mutation()(
        (seq, id, hash) in (number(), id(), any::<u32>()),
        (name, v, args) in (text(), any::<u16>(), document()),
        (at, valid_for) in (number(), option::of(number())),
    ) -> Mutation {
        Mutation { seq, id, hash, name, v, args, at, valid_for }
    }
}

prop_compose! {
    fn request()(
        (protocol, schema, epoch) in (any::<u16>(), any::<u16>(), option::of(number())),
        (client, ack_to, forget_before, first_seq) in (id(), number(), number(), number()),
        scopes in vec((collection(), option::of(number())), 0..4),
        mutations in vec(mutation(), 0..4),
    ) -> SyncRequest {
        let scopes = scopes.into_iter().map(|(name, cookie)| ScopeRequest { name, cookie }).collect();
        SyncRequest { protocol, schema, epoch, client, ack_to, forget_before, first_seq, scopes, mutations }
    }
}

prop_compose! {
    fn outcome()(
        (seq, id, rev) in (number(), id(), number()),
        status in proptest::sample::select(&[Status::Applied, Status::Adjusted, Status::Noop, Status::Rejected][..]),
        (code, detail) in (option::of(text()), document()),
    ) -> Outcome {
        Outcome { seq, id, status, code, detail, rev }
    }
}

fn change() -> impl Strategy<Value = Change> {
    let put = (text(), number(), document()).prop_map(|(key, rev, value)| Change::Put { key, rev, value });
    prop_oneof![put, (text(), number()).prop_map(|(key, rev)| Change::Del { key, rev })]
}

prop_compose! {
    fn patch()(
        (name, cookie, digest) in (collection(), number(), option::of(number())),
        (reset, more) in any::<(bool, bool)>(),
        changes in vec(change(), 0..4),
    ) -> ScopePatch {
        ScopePatch { name, cookie, reset, more, changes, digest }
    }
}

fn answer() -> impl Strategy<Value = Answer> {
    let served = (number(), number(), vec(outcome(), 0..4), vec(patch(), 0..4), number());
    let served = served.prop_map(|(epoch, last_seq, outcomes, scopes, at)| {
        Answer::Ok(SyncResponse { epoch, last_seq, outcomes, scopes, at })
    });
    let refused = prop_oneof![
        (number(), option::of(number())).prop_map(|(epoch, last_seq)| SyncError::EpochChanged { epoch, last_seq }),
        Just(SyncError::UnknownClient {}),
        number().prop_map(|expected| SyncError::SeqGap { expected }),
        number().prop_map(|seq| SyncError::OpMismatch { seq }),
        any::<(u16, u16)>().prop_map(|(min, max)| SyncError::Schema { min, max }),
        Just(SyncError::Auth {}),
        Just(SyncError::PrincipalChanged {}),
        number().prop_map(|limit| SyncError::TooLarge { limit }),
        number().prop_map(|after_ms| SyncError::Retry { after_ms }),
        text().prop_map(|why| SyncError::Malformed { why }),
    ];
    prop_oneof![served, refused.prop_map(Answer::Error)]
}

fn derived<T: Serialize>(message: &T) -> Vec<u8> {
    postcard::to_allocvec(message).expect("messages encode")
}

/// What the derived code reads from `bytes`, where they are all of the message in its shortest form.
fn derived_from<'a, T: Serialize + Deserialize<'a>>(bytes: &'a [u8]) -> Option<T> {
    postcard::from_bytes(bytes).ok().filter(|message| derived(message) == bytes)
}

/// How bytes are damaged: cut, grown, or with some of them changed. A place is a share of the length.
#[derive(Clone, Debug)]
enum Damage {
    Cut(u16),
    Grown(u8),
    Changed(Vec<(u16, u8)>),
}

impl Damage {
    fn done_to(&self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        let place = |share: u16| usize::from(share) * bytes.len() / (usize::from(u16::MAX) + 1);
        match self {
            Self::Cut(share) => bytes.truncate(place(*share)),
            Self::Grown(byte) => bytes.push(*byte),
            Self::Changed(changes) => {
                let places: Vec<(usize, u8)> = changes.iter().map(|(share, byte)| (place(*share), *byte)).collect();
                places.into_iter().for_each(|(place, byte)| bytes[place] = byte);
            }
        }
        bytes
    }
}

fn damages() -> impl Strategy<Value = Vec<Damage>> {
    let byte = prop_oneof![proptest::sample::select(&[0, 1, 2, 0x7F, 0x80, 0x81, 0xFF][..]), any::<u8>()];
    let damage = prop_oneof![
        1 => any::<u16>().prop_map(Damage::Cut),
        1 => any::<u8>().prop_map(Damage::Grown),
        4 => vec((any::<u16>(), byte), 1..4).prop_map(Damage::Changed),
    ];
    vec(damage, 10)
}

/// Reads what is right, and of what is damaged all that the derived code reads, and no more.
fn check<T>(message: &T, damages: &[Damage], decode: fn(&[u8]) -> Option<T>) -> Result<(), TestCaseError>
where
    T: Serialize + for<'a> Deserialize<'a> + PartialEq + Debug,
{
    let bytes = derived(message);
    let read = decode(&bytes);
    prop_assert_eq!(read.as_ref(), Some(message));
    for damage in damages {
        let bytes = damage.done_to(&bytes);
        prop_assert_eq!(decode(&bytes), derived_from(&bytes), "{:?}", bytes);
    }
    Ok(())
}

/// Through JSON a message stays what it is in postcard, to the byte.
fn check_json<T>(message: &T) -> Result<(), TestCaseError>
where
    T: Serialize + for<'a> Deserialize<'a> + PartialEq + Debug,
{
    let text = serde_json::to_string(message).expect("messages make JSON");
    let read: Result<T, _> = serde_json::from_str(&text);
    let read = read.map_err(|error| TestCaseError::fail(std::format!("{error}: {text}")))?;
    prop_assert_eq!(&read, message, "{}", text);
    prop_assert_eq!(derived(&read), derived(message), "{}", text);
    Ok(())
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_request_is_the_same_in_both_encodings(request in request(), damages in damages()) {
        let bytes = encode_request(&request);
        prop_assert_eq!(&bytes, &derived(&request));
        // What stands behind the number of another protocol is not ours to read.
        let request = SyncRequest { protocol: crate::sync::wire::PROTOCOL, ..request };
        let read = decode_request(&encode_request(&request));
        prop_assert_eq!(read.as_ref(), Ok(&request));
        for damage in damages {
            // It may be another message, or none; but no panic.
            let _ = decode_request(&damage.done_to(&bytes));
        }
        check_json(&request)?;
    }

    #[test]
    fn an_answer_is_the_same_in_both_encodings(answer in answer(), damages in damages()) {
        prop_assert_eq!(encode_answer(&answer), derived(&answer));
        check(&answer, &damages, |bytes| decode_answer(bytes).ok())?;
        check_json(&answer)?;
    }

    #[test]
    fn a_mutation_is_the_same_in_both_encodings(mutation in mutation(), damages in damages()) {
        prop_assert_eq!(encode_mutation(&mutation), derived(&mutation));
        check(&mutation, &damages, decode_mutation)?;
        check_json(&mutation)?;
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
