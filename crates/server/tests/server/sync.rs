//! The sync protocol: what is applied, once, by whom, and what is refused.

use std::sync::Barrier;
use std::thread;

use pannier::sync::mutation::Status;
use pannier::sync::rows::Collection;
use pannier::sync::wire::{self, Answer, ScopeRequest, SyncError, SyncRequest};

use crate::harness::{Folder, Server};
use crate::wire::{JSON, POSTCARD, add, encode, push, quantities, refused, request, send, send_bytes, sync};

const ENCODINGS: [&str; 2] = [POSTCARD, JSON];

fn server() -> (Folder, Server) {
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);
    (folder, server)
}

#[test]
fn a_round_trip_applies_and_answers_in_both_encodings() {
    let (_folder, server) = server();
    let mut answers = Vec::new();
    for (encoding, shopper) in ENCODINGS.into_iter().zip(["ada", "bob"]) {
        let token = server.token(&["--shopper", shopper]);
        let client = shopper.len() as u128 + u128::from(shopper == "bob");
        let (status, answer) =
            send(&server, &token, encoding, &push(client, &[add(1, 1, "A1", 2), add(1, 2, "B1", 1)]));
        assert_eq!(status, 200);
        answers.push(answer);
    }
    assert_eq!(answers[0], answers[1], "both encodings say the same");
    let Answer::Ok(response) = &answers[0] else { panic!("{answers:?}") };
    assert_eq!(response.last_seq, 2);
    assert!(response.outcomes.iter().all(|outcome| outcome.status == Status::Applied));
    assert_eq!(quantities(response), [("A1".into(), 2), ("B1".into(), 1)]);
    assert!(response.scopes[0].reset && !response.scopes[0].more);
}

#[test]
fn a_cookie_pulls_only_what_changed_since() {
    let (_folder, server) = server();
    let token = server.token(&["--shopper", "ada"]);
    let first = sync(&server, &token, &push(1, &[add(1, 1, "A1", 2)]));
    let scope = ScopeRequest { name: Collection::Cart, cookie: Some(first.scopes[0].cookie) };
    let next = SyncRequest { epoch: Some(first.epoch), scopes: vec![scope], ..push(1, &[add(1, 2, "B1", 1)]) };
    let second = sync(&server, &token, &next);
    assert!(!second.scopes[0].reset);
    assert_eq!(quantities(&second), [("B1".into(), 1)]);
}

#[test]
fn a_resend_gets_the_same_outcome_and_is_applied_once() {
    let (_folder, server) = server();
    let token = server.token(&["--shopper", "ada"]);
    let batch = push(1, &[add(1, 1, "A1", 2)]);
    let first = sync(&server, &token, &batch);
    let second = sync(&server, &token, &batch);
    assert_eq!(first, second);
    assert_eq!(quantities(&second), [("A1".into(), 2)]);
}

#[test]
fn a_batch_delivered_by_many_at_once_is_applied_once() {
    let (_folder, server) = server();
    let token = server.token(&["--shopper", "ada"]);
    for round in 1..=10 {
        let batch = push(1, &[add(1, round, "A1", 1)]);
        let start = Barrier::new(4);
        let responses: Vec<_> = thread::scope(|scope| {
            let deliver = || {
                start.wait();
                sync(&server, &token, &batch)
            };
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(deliver)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(responses.iter().all(|response| *response == responses[0]));
        assert_eq!(quantities(&responses[0]), [("A1".into(), round)]);
    }
}

#[test]
fn shoppers_do_not_see_each_other() {
    let (_folder, server) = server();
    let (ada, bob) = (server.token(&["--shopper", "ada"]), server.token(&["--shopper", "bob"]));
    sync(&server, &ada, &push(1, &[add(1, 1, "A1", 2)]));
    sync(&server, &bob, &push(2, &[add(2, 1, "B1", 5)]));
    assert_eq!(quantities(&sync(&server, &ada, &request(1))), [("A1".into(), 2)]);
    assert_eq!(quantities(&sync(&server, &bob, &request(2))), [("B1".into(), 5)]);
    // Another browser of the same shopper.
    assert_eq!(quantities(&sync(&server, &ada, &request(3))), [("A1".into(), 2)]);
}

#[test]
fn what_does_not_follow_is_refused_and_changes_nothing() {
    let (_folder, server) = server();
    let (ada, bob) = (server.token(&["--shopper", "ada"]), server.token(&["--shopper", "bob"]));
    let epoch = sync(&server, &ada, &push(1, &[add(1, 1, "A1", 1)])).epoch;
    let cases = [
        (&ada, push(1, &[add(1, 3, "A1", 1)]), 409, SyncError::SeqGap { expected: 2 }),
        (&ada, push(1, &[add(1, 2, "A1", 1), add(1, 4, "A1", 1)]), 409, SyncError::SeqGap { expected: 2 }),
        (&ada, push(1, &[add(1, 0, "A1", 1)]), 409, SyncError::SeqGap { expected: 2 }),
        (&ada, push(1, &[add(1, 1, "A1", 9), add(1, 2, "A1", 1)]), 409, SyncError::OpMismatch { seq: 1 }),
        (&ada, push(9, &[add(9, 2, "A1", 1)]), 409, SyncError::UnknownClient {}),
        (&bob, push(1, &[add(1, 2, "A1", 1)]), 403, SyncError::PrincipalChanged {}),
        (
            &ada,
            SyncRequest { epoch: Some(epoch ^ 1), ..request(1) },
            409,
            SyncError::EpochChanged { epoch, last_seq: Some(1) },
        ),
        (&ada, SyncRequest { schema: 99, ..request(1) }, 409, SyncError::Schema { min: 1, max: 1 }),
    ];
    for (token, request, status, error) in cases {
        for encoding in ENCODINGS {
            assert_eq!(refused(&server, token, encoding, &request), (status, error.clone()));
        }
    }
    assert_eq!(quantities(&sync(&server, &ada, &request(1))), [("A1".into(), 1)]);
}

#[test]
fn numbers_beyond_what_the_database_counts_are_no_fault() {
    let (_folder, server) = server();
    let token = server.token(&["--shopper", "ada"]);
    sync(&server, &token, &push(1, &[add(1, 1, "A1", 1)]));
    let beyond = SyncRequest { first_seq: u64::MAX, ..request(2) };
    assert_eq!(refused(&server, &token, POSTCARD, &beyond).0, 400);
    let scopes = vec![ScopeRequest { name: Collection::Cart, cookie: Some(u64::MAX) }];
    let response = sync(&server, &token, &SyncRequest { ack_to: 1, forget_before: u64::MAX, scopes, ..request(1) });
    assert!(response.scopes[0].reset);
    for far in [push(1, &[add(1, u64::MAX, "A1", 1)]), SyncRequest { ack_to: u64::MAX, ..request(1) }] {
        assert_eq!(refused(&server, &token, JSON, &far), (409, SyncError::SeqGap { expected: 2 }));
    }
}

#[test]
fn a_body_that_is_no_message_is_refused_by_name() {
    let (_folder, server) = server();
    let token = server.token(&["--shopper", "ada"]);
    let whole = |encoding| encode(encoding, &push(1, &[add(1, 1, "A1", 1)]));
    let json = String::from_utf8(whole(JSON)).unwrap();
    let mut cases: Vec<(&str, Vec<u8>, &str)> = vec![
        (JSON, b"<html>".to_vec(), "expected value at line 1 column 1"),
        (JSON, b"".to_vec(), "EOF"),
        (JSON, b"{}".to_vec(), "missing field `protocol`"),
        (JSON, json.replace("\"seq\":1", "\"seq\":\"1\"").into(), "invalid type: string \"1\""),
        (JSON, json.replace("\"cart\"", "\"basket\"").into(), "no collection has this name"),
        (JSON, json.replace("\"client\":\"0", "\"client\":\"x").into(), "32 hexadecimal digits"),
        (POSTCARD, b"".to_vec(), ""),
        (POSTCARD, vec![0xff; 1000], ""),
        (POSTCARD, [whole(POSTCARD), vec![0]].concat(), "bytes follow"),
    ];
    for encoding in ENCODINGS {
        let bytes = whole(encoding);
        cases.extend((1..bytes.len()).step_by(7).map(|cut| (encoding, bytes[..cut].to_vec(), "")));
    }
    for (encoding, body, expected) in cases {
        match send_bytes(&server, &token, encoding, &body) {
            (400, Answer::Error(SyncError::Malformed { why })) => {
                assert!(why.contains(expected) && !why.is_empty(), "{why}, not {expected}");
            }
            other => panic!("{other:?} to {body:?}"),
        }
    }
    assert_eq!(sync(&server, &token, &request(1)).last_seq, 0, "nothing was stored");
}

#[test]
fn flipped_bits_never_break_the_server() {
    let (_folder, server) = server();
    let token = server.token(&["--shopper", "ada"]);
    let whole = encode(POSTCARD, &push(1, &[add(1, 1, "A1", 1)]));
    for index in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[index] ^= 0x81;
        let (status, _) = send_bytes(&server, &token, POSTCARD, &bytes);
        assert!([200, 400, 409].contains(&status), "{status} with byte {index} flipped");
    }
    assert_eq!(server.get("/v1/health").text(), "ok");
}

#[test]
fn a_body_over_the_limit_is_refused_with_the_limit() {
    let (_folder, server) = server();
    let token = server.token(&["--shopper", "ada"]);
    let limit = wire::REQUEST_BYTES_MAX;
    for encoding in ENCODINGS {
        let (status, answer) = send_bytes(&server, &token, encoding, &vec![b' '; limit + 1]);
        assert_eq!(status, 413);
        assert_eq!(answer, Answer::Error(SyncError::TooLarge { limit: limit as u64 }));
    }
}

#[test]
fn a_long_backlog_is_taken_a_batch_at_a_time() {
    let (_folder, server) = server();
    let token = server.token(&["--shopper", "ada"]);
    let most = wire::MUTATIONS_PER_SYNC_MAX as u64;
    let backlog: Vec<_> = (1..=most + 5).map(|seq| add(1, seq, "A1", 1)).collect();
    let first = sync(&server, &token, &push(1, &backlog));
    assert_eq!((first.last_seq, first.outcomes.len() as u64), (most, most));
    let second = sync(&server, &token, &push(1, &backlog[most as usize..]));
    assert_eq!(quantities(&second), [("A1".into(), most + 5)]);
}

#[test]
fn a_poison_mutation_does_not_block_the_queue() {
    let (_folder, server) = server();
    let token = server.token(&["--shopper", "ada"]);
    let mut poison = add(1, 1, "A1", 1);
    poison.name = "cart.explode".into();
    let response = sync(&server, &token, &push(1, &[poison, add(1, 2, "A1", 3)]));
    let outcomes: Vec<_> = response.outcomes.iter().map(|o| (o.status, o.code.as_deref())).collect();
    assert_eq!(outcomes, [(Status::Rejected, Some("unknown_mutation")), (Status::Applied, None)]);
    assert_eq!(quantities(&response), [("A1".into(), 3)]);
}
