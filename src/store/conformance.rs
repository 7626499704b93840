//! The conformance suite of record stores, as data: run `steps` in order on a
//! new record store and compare each answer.

use super::request::{Checkpoint, Request, Response};
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

fn append(seq: u64, bytes: &[u8]) -> Request {
    Request::Append { seq, bytes: bytes.into(), checked: true }
}

fn open(log_after: Option<u64>) -> Request {
    Request::Open { log_after }
}

fn opened(head: Option<&[u8]>, log: &[(u64, &[u8])]) -> Response {
    let log = log.iter().map(|(seq, bytes)| (*seq, bytes.to_vec())).collect();
    Response::Opened { head: head.map(<[u8]>::to_vec), log, segments: vec![] }
}

fn arc(bytes: &[u8]) -> Arc<[u8]> {
    bytes.into()
}

/// Requests with the answers that every record store must give, each a step
/// from the state that the one before left.
pub fn steps() -> Vec<(Request, Response)> {
    let first = Checkpoint {
        head_before: None,
        head: arc(b"head one"),
        segments: vec![(0, arc(b"segment zero")), (1, arc(&[0; 100_000]))],
        drop_segments: vec![],
        drop_log_below: 2,
        append: None,
    };
    let second = Checkpoint {
        head_before: Some(arc(b"head one")),
        head: arc(b"head two"),
        segments: vec![(2, arc(b"two"))],
        drop_segments: vec![0],
        drop_log_below: 3,
        append: Some((3, arc(b"three"))),
    };
    let gap = Checkpoint { append: Some((9, arc(b"nine"))), ..second.clone() };
    let taken = Checkpoint { append: Some((2, arc(b"again"))), ..second.clone() };
    vec![
        (open(None), opened(None, &[(0, b"")])),
        (append(2, b"gap"), Response::Conflict),
        (append(0, b"taken"), Response::Conflict),
        (append(1, b"one"), Response::Done),
        (append(1, b"other"), Response::Conflict),
        (append(2, b"two"), Response::Done),
        (open(None), opened(None, &[(0, b""), (1, b"one"), (2, b"two")])),
        (open(Some(1)), opened(None, &[(2, b"two")])),
        (open(Some(2)), opened(None, &[])),
        (Request::Checkpoint(second.clone()), Response::Conflict),
        (Request::Checkpoint(first.clone()), Response::Done),
        (Request::Checkpoint(first), Response::Conflict),
        (open(None), opened(Some(b"head one"), &[(2, b"two")])),
        (append(2, b"superseded"), Response::Conflict),
        (append(1, b"superseded"), Response::Conflict),
        (
            Request::Read { segments: vec![1, 7, 0] },
            Response::Segments(vec![(1, Some(vec![0; 100_000])), (7, None), (0, Some(b"segment zero".to_vec()))]),
        ),
        (Request::Checkpoint(gap), Response::Conflict),
        (Request::Checkpoint(taken), Response::Conflict),
        (open(None), opened(Some(b"head one"), &[(2, b"two")])),
        (Request::Checkpoint(second), Response::Done),
        (open(None), opened(Some(b"head two"), &[(3, b"three")])),
        (Request::Read { segments: vec![0, 2] }, Response::Segments(vec![(0, None), (2, Some(b"two".to_vec()))])),
        (Request::Append { seq: 4, bytes: arc(b"four"), checked: false }, Response::Done),
        (open(Some(3)), opened(Some(b"head two"), &[(4, b"four")])),
    ]
}

/// Record stores in other languages run the same steps from a file.
#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;
    use serde_json::{Value, json};

    const FILE: &str = include_str!("../../tests/fixtures/record-store.json");

    /// Bytes as text; a run of zeros as their number.
    fn bytes(bytes: &[u8]) -> Value {
        if bytes.len() > 100 {
            assert!(bytes.iter().all(|byte| *byte == 0));
            return json!(bytes.len());
        }
        json!(String::from_utf8(bytes.to_vec()).unwrap())
    }

    fn pairs<N: Copy + Into<u64>, B: AsRef<[u8]>>(pairs: &[(N, B)]) -> Value {
        pairs.iter().map(|(number, content)| json!([(*number).into(), bytes(content.as_ref())])).collect()
    }

    fn step((request, response): &(Request, Response)) -> Value {
        let asked = match request {
            Request::Open { log_after } => json!({ "open": log_after }),
            Request::Append { seq, bytes: content, checked } => {
                json!({ "append": seq, "bytes": bytes(content), "checked": checked })
            }
            Request::Read { segments } => json!({ "read": segments }),
            Request::Checkpoint(checkpoint) => json!({
                "checkpoint": bytes(&checkpoint.head),
                "headBefore": checkpoint.head_before.as_deref().map(bytes),
                "segments": pairs(&checkpoint.segments),
                "dropSegments": checkpoint.drop_segments,
                "dropLogBelow": checkpoint.drop_log_below,
                "append": checkpoint.append.as_ref().map(|(seq, content)| json!([seq, bytes(content)])),
            }),
        };
        let answered = match response {
            Response::Done => json!(true),
            Response::Conflict => json!(false),
            Response::Opened { head, log, .. } => json!({ "head": head.as_deref().map(bytes), "log": pairs(log) }),
            Response::Segments(found) => {
                found.iter().map(|(_, content)| content.as_deref().map_or(Value::Null, bytes)).collect()
            }
            Response::Failed(failure) => panic!("{failure:?}"),
        };
        json!([asked, answered])
    }

    #[test]
    fn the_file_has_the_same_steps() {
        let steps: Vec<Value> = steps().iter().map(step).collect();
        let file: Vec<Value> = serde_json::from_str(FILE).unwrap();
        for (number, (here, there)) in steps.iter().zip(&file).enumerate() {
            assert_eq!(here, there, "step {number}");
        }
        assert_eq!(steps.len(), file.len());
    }
}
