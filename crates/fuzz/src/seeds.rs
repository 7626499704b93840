//! Inputs made by the project's own encoders, from which fuzzing starts.

use std::sync::Arc;

use pannier::format::checksum::CHECKSUM_BYTES;
use pannier::format::document::{Document, Value};
use pannier::format::head::{Head, NodeRef, SegmentInfo};
use pannier::format::log::{Entry, LogRecord};
use pannier::key::Key;
use pannier::store::memory::MemoryRecords;
use pannier::store::{Options, Request, Response, Store};
use pannier::sync::mutation::{Id, Mutation, Outcome, Status};
use pannier::sync::rows::Collection;
use pannier::sync::wire::{
    self, Answer, Change, PROTOCOL, SCHEMA, ScopePatch, ScopeRequest, SyncError, SyncRequest, SyncResponse,
};
use pannier::tree::build::{SegmentSizes, SegmentWriter};
use pannier::tree::{Freed, NoSegments, Tree};

use crate::records::{HEAD, LOG, LOG_CUT, SEGMENT, push};

/// The seeds of a target.
pub fn of(target: &str) -> Vec<Vec<u8>> {
    match target {
        "document" => documents(),
        "head" => heads(),
        "key" => keys(),
        "log" => logs(),
        "node" => nodes(),
        "store" => stores(),
        "tree" => trees(),
        "wire" => messages(wire::encode_request, wire::encode_answer),
        "wire_json" => messages(json, json),
        _ => Vec::new(),
    }
}

fn content(record: Vec<u8>) -> Vec<u8> {
    record[CHECKSUM_BYTES..].to_vec()
}

fn documents() -> Vec<Vec<u8>> {
    let tags = Document::array(&[Value::Str("tea"), Value::Str("茶"), Value::Null]).expect("an array");
    let price = Document::object(&[("amount", Value::F64(129.99)), ("currency", Value::Str("EUR"))]);
    let price = price.expect("an object");
    let product = Document::object(&[
        ("id", Value::Str("A1")),
        ("price", Value::Object(price.as_ref())),
        ("tags", Value::Array(tags.as_ref())),
        ("stock", Value::Int(-5)),
        ("rating", Value::F64(1.0 / 3.0)),
        ("sold", Value::Bool(true)),
        ("blob", Value::Bytes(&[0, 255])),
        ("since", Value::Date(-5)),
        ("serial", Value::BigInteger { is_negative: true, magnitude: &[1, 0] }),
        ("text", Value::Str(&"long ".repeat(20))),
        ("big", Value::Int(1 << 40)),
    ]);
    let many: Vec<Value<'_>> = (0..40).map(Value::Int).collect();
    let wide = Document::array(&many).expect("an array");
    vec![product.expect("an object").into_bytes(), wide.into_bytes(), tags.into_bytes()]
}

fn heads() -> Vec<Vec<u8>> {
    let root = NodeRef { segment: 11, offset: 8, length: 500 };
    let segments = vec![
        SegmentInfo { segment: 3, bytes: 70_000, bytes_live: 4_000 },
        SegmentInfo { segment: 11, bytes: 508, bytes_live: 500 },
    ];
    let full = Head { generation: 7, log_from: 1000, segment_next: 12, root: Some(root), segments, ..Head::default() };
    let empty = Head { log_from: 1, ..Head::default() };
    [full, empty].iter().map(|head| content(head.encode())).collect()
}

fn keys() -> Vec<Vec<u8>> {
    let inner = Key::new().string("a\0b").number(-1.5).null();
    let row =
        Key::new().string("茶").number(1999.0).big_integer(true, &[1, 0]).bool(true).bytes(&[0, 255, 1]).tuple(&inner);
    vec![row.into_bytes(), Key::new().bool(false).number(0.0).number(f64::INFINITY).into_bytes()]
}

fn entry(key: &str, value: Option<&[u8]>) -> Entry {
    Entry { key: key.as_bytes().into(), value: value.map(Into::into) }
}

fn logs() -> Vec<Vec<u8>> {
    let entries = vec![entry("a", Some(b"one")), entry("b", None), entry("c", Some(&[]))];
    let record = LogRecord { seq: 300, in_checkpoint: false, entries };
    let marker = LogRecord { seq: 1, in_checkpoint: true, entries: Vec::new() };
    [record, marker].iter().map(|record| content(record.encode())).collect()
}

/// A tree of small leaves: values that were large when the leaves split.
fn small_leaves(leaves: usize) -> Tree {
    let mut tree = Tree::default();
    for value in [&[7; 3_000][..], &[1, 2, 3]] {
        for number in 0..leaves * 2 {
            let key = format!("catalog/{:03}", number * 3);
            let put = tree.insert(key.as_bytes(), Some(value), &NoSegments, &mut Freed::default());
            put.expect("a tree in memory does not fault");
        }
    }
    tree
}

fn written(mut tree: Tree) -> (NodeRef, Vec<u8>) {
    let mut writer = SegmentWriter::new(0, SegmentSizes::default());
    assert!(tree.write(&mut writer, usize::MAX));
    let root = tree.stored_root().expect("a root");
    (root, writer.finish().remove(0).1.to_vec())
}

fn nodes() -> Vec<Vec<u8>> {
    let cut = |leaves| {
        let (root, record) = written(small_leaves(leaves));
        record[root.offset as usize..][..root.length as usize].to_vec()
    };
    vec![cut(1), cut(4)]
}

fn trees() -> Vec<Vec<u8>> {
    let input = |leaves| {
        let (root, record) = written(small_leaves(leaves));
        [&root.to_bytes()[..], &record[CHECKSUM_BYTES..]].concat()
    };
    vec![input(1), input(3), input(20)]
}

fn stores() -> Vec<Vec<u8>> {
    vec![store(0, 3), store(4, 0), store(12, 2), store(40, 5)]
}

/// The records of a store with rows in its tree and commits in its log.
fn store(rows: usize, commits: usize) -> Vec<u8> {
    let mut store = Store::new(Options::default());
    let mut records = MemoryRecords::default();
    let (mut log, mut segments, mut head) = (Vec::new(), Vec::new(), None);
    let mut pump = |store: &mut Store| {
        while let Some((id, request)) = store.next_request_worked() {
            match &request {
                Request::Append { bytes, .. } => log.push(bytes.clone()),
                Request::Checkpoint(checkpoint) => {
                    segments.extend(checkpoint.segments.clone());
                    head = Some((checkpoint.head.clone(), log.len()));
                }
                _ => {}
            }
            let response = records.execute(&request);
            assert!(!matches!(response, Response::Conflict | Response::Failed(_)));
            store.complete(id, response);
        }
    };
    pump(&mut store);
    for number in 0..rows {
        store.stage(vec![entry(&format!("row/{number:03}"), Some(&vec![number as u8; 20 * (number % 9)]))]);
    }
    pump(&mut store);
    store.checkpoint();
    pump(&mut store);
    for number in 0..commits {
        store.stage(vec![entry(&format!("row/{:03}", number * 2), None), entry("last", Some(&[number as u8]))]);
        pump(&mut store);
    }
    input(&log, &segments, head)
}

type Record = Arc<[u8]>;

fn input(log: &[Record], segments: &[(u32, Record)], head: Option<(Record, usize)>) -> Vec<u8> {
    let mut input = Vec::new();
    for (number, record) in log.iter().enumerate() {
        push(&mut input, LOG, &record[CHECKSUM_BYTES..]);
        if head.as_ref().is_some_and(|(_, covered)| *covered == number + 1) {
            push(&mut input, LOG_CUT, &[]);
        }
    }
    for (_, record) in segments {
        push(&mut input, SEGMENT, &record[CHECKSUM_BYTES..]);
    }
    if let Some((head, _)) = head {
        push(&mut input, HEAD, &head[CHECKSUM_BYTES..]);
    }
    input
}

/// Messages of every kind, each in the encoding that `encode` chooses.
fn messages(request: fn(&SyncRequest) -> Vec<u8>, answer: fn(&Answer) -> Vec<u8>) -> Vec<Vec<u8>> {
    let args = Document::from_bytes(documents().remove(0)).expect("a document");
    let mutation = Mutation::new(7, Id([3; 16]), "cart.add", 1, args.clone(), 1_795_000_000_000);
    let scopes = vec![
        ScopeRequest { name: Collection::Cart, cookie: Some(300) },
        ScopeRequest { name: Collection::Catalog, cookie: None },
        ScopeRequest { name: Collection::from_name("add-wins:wishes").expect("a name"), cookie: None },
    ];
    let full = SyncRequest {
        protocol: PROTOCOL,
        schema: SCHEMA,
        epoch: Some(1 << 40),
        client: Id([1; 16]),
        ack_to: 6,
        forget_before: 5,
        first_seq: 2,
        scopes,
        mutations: vec![Mutation { valid_for: Some(60_000), ..mutation.clone() }, mutation],
    };
    let adjusted = Outcome {
        seq: 7,
        id: Id([3; 16]),
        status: Status::Adjusted,
        code: Some("stock".into()),
        detail: args.clone(),
        rev: 12,
    };
    let changes =
        vec![Change::Put { key: "A1".into(), rev: 12, value: args }, Change::Del { key: "B2".into(), rev: 13 }];
    let patch = ScopePatch { name: Collection::Cart, cookie: 13, reset: true, more: false, changes, digest: None };
    let served = SyncResponse { epoch: 9, last_seq: 7, outcomes: vec![adjusted], scopes: vec![patch], at: 5 };
    let refused = [
        SyncError::EpochChanged { epoch: 10, last_seq: Some(3) },
        SyncError::UnknownClient {},
        SyncError::Schema { min: 1, max: 2 },
        SyncError::Malformed { why: "not a message".into() },
    ];
    let answers = std::iter::once(Answer::Ok(served)).chain(refused.into_iter().map(Answer::Error));
    std::iter::once(request(&full)).chain(answers.map(|one| answer(&one))).collect()
}

fn json<T: serde::Serialize>(message: &T) -> Vec<u8> {
    serde_json::to_vec(message).expect("a message makes JSON")
}
