use super::*;
use crate::format::document::Value;
use crate::sync::mutation::{Status, hash};
use alloc::string::ToString;
use serde_json::json;

fn cart_add() -> SyncRequest {
    let quote = Document::object(&[
        ("price", Value::Int(1999)),
        ("currency", Value::Str("EUR")),
        ("title", Value::Str("A warm jacket for cold and rainy autumn days")),
    ]);
    let options =
        Document::object(&[("size", Value::Str("M")), ("colour", Value::Str("dark green"))]).expect("options");
    let args = Document::object(&[
        ("line", Value::Str("JACKET-0042?colour=dark green&size=M")),
        ("sku", Value::Str("JACKET-0042")),
        ("qty", Value::Int(2)),
        ("options", Value::Object(options.as_ref())),
        ("quote", Value::Object(quote.expect("quote").as_ref())),
    ]);
    SyncRequest {
        protocol: PROTOCOL,
        schema: SCHEMA,
        epoch: Some((1 << 53) - 1),
        client: Id([0xAB; 16]),
        ack_to: 41,
        forget_before: 40,
        first_seq: 1,
        scopes: Collection::ALL.map(|name| ScopeRequest { name, cookie: Some(1_000_000) }).to_vec(),
        mutations: [Mutation::new(42, Id([0xCD; 16]), "cart.add", 1, args.expect("args"), 1_700_000_000_000)].to_vec(),
    }
}

fn adjust(by: i64) -> Document {
    Document::object(&[("line", Value::Str("A")), ("by", Value::Int(by))]).expect("args")
}

fn outcome() -> SyncResponse {
    let detail = Document::object(&[
        ("line", Value::Str("JACKET-0042?colour=dark green&size=M")),
        ("sku", Value::Str("JACKET-0042")),
    ]);
    let detail = detail.expect("detail");
    let outcomes =
        [Outcome { seq: 42, id: Id([0xCD; 16]), status: Status::Applied, code: None, detail, rev: 1_000_001 }];
    let quiet = |name| ScopePatch {
        name,
        cookie: 1_000_001,
        reset: false,
        more: false,
        changes: Vec::new(),
        digest: Some((1 << 53) - 1),
    };
    SyncResponse {
        epoch: (1 << 53) - 1,
        last_seq: 42,
        outcomes: outcomes.to_vec(),
        scopes: Collection::ALL.map(quiet).to_vec(),
        at: 1_700_000_000_000,
    }
}

/// An answer with everything in it.
fn full_answer() -> Answer {
    let mut response = outcome();
    response.outcomes[0].code = Some("stock".into());
    response.scopes[0].changes =
        [Change::Put { key: "A".into(), rev: 1, value: Document::default() }, Change::Del { key: "B".into(), rev: 2 }]
            .to_vec();
    Answer::Ok(response)
}

fn errors() -> [SyncError; 10] {
    [
        SyncError::EpochChanged { epoch: 3, last_seq: Some(4) },
        SyncError::UnknownClient {},
        SyncError::SeqGap { expected: 3 },
        SyncError::OpMismatch { seq: 3 },
        SyncError::Schema { min: 1, max: 2 },
        SyncError::Auth {},
        SyncError::PrincipalChanged {},
        SyncError::TooLarge { limit: 3 },
        SyncError::Retry { after_ms: 3 },
        SyncError::Malformed { why: "html".into() },
    ]
}

#[test]
fn a_request_of_another_protocol_is_told_what_is_served() {
    let mut bytes = encode_request(&cart_add());
    bytes[0] += 1;
    bytes.truncate(9);
    assert_eq!(decode_request(&bytes), Err(SyncError::Schema { min: SCHEMA, max: SCHEMA }));
    bytes[0] -= 1;
    assert!(matches!(decode_request(&bytes), Err(SyncError::Malformed { .. })));
}

#[test]
fn one_edit_is_small_on_the_wire() {
    let request = encode_request(&cart_add());
    assert!(request.len() <= 300, "a request of {} bytes", request.len());
    let answer = encode_answer(&Answer::Ok(outcome()));
    assert!(answer.len() <= 200, "an answer of {} bytes", answer.len());
}

#[test]
fn json_is_what_another_backend_would_write() {
    let text = json!({
        "protocol": 1, "schema": 1, "client": "ab".repeat(16), "unknown": [1],
        "scopes": [{"name": "cart"}, {"name": "catalog", "cookie": 5}],
        "mutations": [{"seq": 1, "id": "cd".repeat(16), "hash": 7, "name": "cart.adjust", "v": 1,
            "args": {"line": "A", "by": -1}, "at": 5}],
    });
    let request: SyncRequest = serde_json::from_value(text).expect("a request");
    assert_eq!((request.epoch, request.ack_to, request.scopes[0].cookie), (None, 0, None));
    let args = request.mutations[0].args.as_ref();
    assert_eq!((args.str("line"), args.i64("by"), args.fields().count()), (Some("A"), Some(-1), 2));
    let answer = serde_json::to_value(full_answer()).expect("JSON");
    assert_eq!(answer["ok"]["outcomes"][0]["status"], "applied");
    assert_eq!(answer["ok"]["outcomes"][0]["id"], "cd".repeat(16));
    assert_eq!(answer["ok"]["scopes"][0]["name"], "cart");
    assert_eq!(answer["ok"]["scopes"][0]["changes"][0], json!({"put": {"key": "A", "rev": 1, "value": {}}}));
    assert_eq!(answer["ok"]["scopes"][0]["changes"][1], json!({"del": {"key": "B", "rev": 2}}));
    for error in errors() {
        let body = serde_json::to_value(Answer::Error(error.clone())).expect("JSON");
        assert!(body["error"][error.code()].is_object(), "{body}");
        assert!(!error.to_string().is_empty());
    }
}

#[test]
fn bad_bytes_are_refused_without_a_panic() {
    let malformed = |bytes: &[u8]| matches!(decode_request(bytes), Err(SyncError::Malformed { .. }));
    let request = encode_request(&cart_add());
    for end in 0..request.len() {
        assert!(malformed(&request[..end]), "cut at {end}");
    }
    assert!(malformed(&[&request[..], &[0]].concat()));
    assert!(decode_request(b"<html><body>502 Bad Gateway</body></html>").is_err());
    assert!(decode_answer(b"<html><body>502 Bad Gateway</body></html>").is_err());
    let long = alloc::vec![0; REQUEST_BYTES_MAX + 1];
    assert_eq!(decode_request(&long), Err(SyncError::TooLarge { limit: REQUEST_BYTES_MAX as u64 }));
}

#[test]
fn a_hash_covers_name_version_and_arguments() {
    let args = adjust(1);
    let base = hash("a", 1, &args);
    assert_eq!(base, hash("a", 1, &args));
    for other in [hash("b", 1, &args), hash("a", 2, &args), hash("a", 1, &adjust(2))] {
        assert_ne!(base, other);
    }
}

#[test]
fn ids_read_back_and_bad_ones_are_refused() {
    let id = Id([0x0F; 16]);
    assert_eq!(Id::parse(&id.to_string()), Some(id));
    for bad in ["", "0f", &"0g".repeat(16), &"é".repeat(16)] {
        assert_eq!(Id::parse(bad), None, "{bad}");
    }
    assert_eq!(
        Collection::ALL.map(|kind| (Collection::from_name(kind.name()), Collection::from_number(kind.number()))),
        Collection::ALL.map(|kind| (Some(kind), Some(kind)))
    );
}
