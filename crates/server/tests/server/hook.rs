//! The shop's own system decides, over HTTP.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use pannier::sync::mutation::{Mutation, Status};
use pannier::sync::wire::{Answer, SyncError, SyncRequest, SyncResponse};
use serde_json::{Value, json};

use crate::harness::{Folder, Server};
use crate::limits::metrics;
use crate::wire::{JSON, POSTCARD, add, id, push, refused, request, send, sync};

/// A call that came: its head and its body.
type Call = (String, Value);
/// What the shop answers: a status and a body, or nothing at all.
type Reply = Box<dyn Fn(&Value) -> Option<(u16, String)> + Send + Sync>;

/// A shop's system on the loopback.
struct Shop {
    url: String,
    calls: Arc<Mutex<Vec<Call>>>,
}

impl Shop {
    fn start(reply: Reply) -> Shop {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/decide", listener.local_addr().unwrap());
        let calls = Arc::new(Mutex::new(Vec::new()));
        let (kept, reply) = (calls.clone(), Arc::new(reply));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (kept, reply) = (kept.clone(), reply.clone());
                thread::spawn(move || serve(stream.unwrap(), &kept, &**reply));
            }
        });
        Shop { url, calls }
    }

    fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }
}

fn serve(mut stream: TcpStream, calls: &Mutex<Vec<Call>>, reply: &dyn Fn(&Value) -> Option<(u16, String)>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).unwrap() == 0 {
            return;
        }
    }
    let head = head.to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().parse().unwrap();
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap();
    let answer = reply(&body);
    calls.lock().unwrap().push((head, body));
    match answer {
        Some((status, body)) => {
            write!(stream, "HTTP/1.1 {status} x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len())
                .unwrap()
        }
        // It stays silent until the caller hangs up.
        None => drop(stream.read(&mut [0])),
    }
}

fn order(client: u128, seq: u64, order_id: &str, attempt: u64) -> Mutation {
    let args = json!({"orderId": order_id, "attempt": attempt, "lines": [{"sku": "A1", "qty": 1, "price": 100}]});
    let args = serde_json::from_value(args).unwrap();
    Mutation::new(seq, id(client << 64 | u128::from(seq)), "order.submit", 1, args, 0)
}

fn said(response: &SyncResponse) -> Vec<(Status, Option<&str>)> {
    response.outcomes.iter().map(|outcome| (outcome.status, outcome.code.as_deref())).collect()
}

fn start(folder: &Folder, shop: &Shop) -> Server {
    Server::start(folder, &["--hook", &shop.url, "--hook-wait-ms", "400"])
}

#[test]
fn the_shop_places_an_order_once_and_its_word_is_kept() {
    let folder = Folder::new();
    let shop = Shop::start(Box::new(|_| Some((200, json!({"accepted": {"number": "W-7"}}).to_string()))));
    let server = start(&folder, &shop);
    let token = server.token(&["--shopper", "ada smith"]);
    let batch = push(1, &[add(1, 1, "A1", 1), order(1, 2, "o/1", 1)]);
    let first = sync(&server, &token, &batch);
    assert_eq!(said(&first), [(Status::Applied, None), (Status::Applied, Some("created"))]);
    // Sent again, and clicked twice: no other call.
    assert_eq!(said(&sync(&server, &token, &batch)), said(&first));
    assert_eq!(said(&sync(&server, &token, &push(1, &[order(1, 3, "o/1", 1)]))), [(Status::Applied, Some("created"))]);
    let calls = shop.calls();
    assert_eq!(calls.len(), 1, "{calls:?}");
    let (head, body) = &calls[0];
    assert!(head.contains("idempotency-key: submit/ada%20smith/o%2f1/1\r\n"), "{head}");
    assert!(head.contains("authorization: bearer ey"), "{head}");
    assert_eq!((&body["mutation"], &body["shopper"]), (&json!("order.submit"), &json!("ada smith")));
    assert_eq!(body["args"]["lines"][0]["sku"], "A1");
    let orders = SyncRequest {
        scopes: vec![pannier::sync::wire::ScopeRequest { name: pannier::sync::rows::Collection::Orders, cookie: None }],
        ..request(1)
    };
    let rows = serde_json::to_value(&sync(&server, &token, &orders).scopes[0].changes).unwrap();
    assert_eq!(rows[0]["put"]["value"]["decided"]["number"], "W-7");
}

#[test]
fn a_refusal_is_the_shoppers_outcome() {
    let folder = Folder::new();
    let shop = Shop::start(Box::new(|body| {
        let detail = json!({"sku": "A1", "price": 120});
        Some((
            200,
            match body["mutation"].as_str().unwrap() {
                "order.submit" => json!({"refused": {"code": "price_changed", "detail": detail}}),
                _ => json!({"refused": {"code": "not_on_mondays"}}),
            }
            .to_string(),
        ))
    }));
    let server = start(&folder, &shop);
    let token = server.token(&["--shopper", "ada"]);
    let args = serde_json::from_str(r#"{"code":"C1"}"#).unwrap();
    let coupon = Mutation::new(2, id(77), "cart.coupon", 1, args, 0);
    let response = sync(&server, &token, &push(1, &[order(1, 1, "o1", 1), coupon]));
    assert_eq!(said(&response), [(Status::Rejected, Some("price_changed")), (Status::Rejected, Some("refused"))]);
    assert_eq!(serde_json::to_value(&response.outcomes[0].detail).unwrap()["price"], 120);
    assert_eq!(serde_json::to_value(&response.outcomes[1].detail).unwrap()["why"], "not_on_mondays");
}

#[test]
fn what_a_shop_that_fails_was_asked_waits_and_what_came_before_does_not() {
    let bodies: [(&str, Reply); 7] = [
        ("silent", Box::new(|_| None)),
        ("error", Box::new(|_| Some((500, "{}".into())))),
        ("no json", Box::new(|_| Some((200, "<html>".into())))),
        ("neither", Box::new(|_| Some((200, r#"{"maybe":{}}"#.into())))),
        ("huge", Box::new(|_| Some((200, format!(r#"{{"accepted":{{"x":"{}"}}}}"#, "x".repeat(20_000)))))),
        ("too long to keep", Box::new(|_| Some((200, format!(r#"{{"accepted":{{"x":"{}"}}}}"#, "x".repeat(5000)))))),
        ("no object", Box::new(|_| Some((200, r#"{"accepted":7}"#.into())))),
    ];
    for (name, reply) in bodies {
        let folder = Folder::new();
        let shop = Shop::start(reply);
        let server = start(&folder, &shop);
        let token = server.token(&["--shopper", "ada"]);
        let batch = [add(1, 1, "A1", 1), order(1, 2, "o1", 1), add(1, 3, "B1", 1)];
        let response = sync(&server, &token, &push(1, &batch));
        assert_eq!((response.last_seq, said(&response)), (1, vec![(Status::Applied, None)]), "{name}");
        for encoding in [POSTCARD, JSON] {
            let (status, error) = refused(&server, &token, encoding, &push(1, &batch[1..]));
            assert_eq!(status, 503, "{name}");
            assert!(matches!(error, SyncError::Retry { .. }), "{name}");
        }
        let keys: Vec<_> = shop.calls().iter().map(|(head, _)| head.contains("submit/ada/o1/1")).collect();
        assert!(!keys.is_empty() && keys.iter().all(|same| *same), "{name}: every call has the same key");
        assert_eq!(sync(&server, &token, &request(1)).last_seq, 1, "{name}");
        let failed = format!("pannierd_hook_calls_total{{result=\"failed\"}} {}\n", shop.calls().len());
        assert!(metrics(&server).contains(&failed), "{name}: {}", metrics(&server));
    }
}

#[test]
fn who_waits_for_the_shop_holds_up_nobody() {
    let folder = Folder::new();
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let shop = Shop::start(Box::new(move |_| {
        wait.lock().unwrap().recv().unwrap();
        Some((200, r#"{"accepted":{}}"#.into()))
    }));
    let server = Server::start(&folder, &["--hook", &shop.url, "--hook-wait-ms", "60000"]);
    let (ada, bob) = (server.token(&["--shopper", "ada"]), server.token(&["--shopper", "bob"]));
    thread::scope(|scope| {
        let waiting = scope.spawn(|| send(&server, &ada, POSTCARD, &push(1, &[order(1, 1, "o1", 1)])));
        for seq in 1..=20 {
            assert_eq!(sync(&server, &bob, &push(2, &[add(2, seq, "A1", 1)])).last_seq, seq);
        }
        go.send(()).unwrap();
        let (status, answer) = waiting.join().unwrap();
        assert!(status == 200 && matches!(answer, Answer::Ok(_)), "{answer:?}");
    });
}

#[test]
fn many_orders_in_one_request_are_asked_for_a_few_at_a_time() {
    let folder = Folder::new();
    let shop = Shop::start(Box::new(|_| Some((200, r#"{"accepted":{}}"#.into()))));
    let server = start(&folder, &shop);
    let token = server.token(&["--shopper", "ada"]);
    let orders: Vec<_> = (1..=20).map(|seq| order(1, seq, &format!("o{seq}"), 1)).collect();
    let mut done = 0;
    for expected in [8, 16, 20] {
        done = sync(&server, &token, &push(1, &orders[done as usize..])).last_seq;
        assert_eq!(done, expected);
    }
    assert_eq!(shop.calls().len(), 20);
}

#[test]
fn what_an_older_server_did_not_know_is_asked_once_this_one_executes_it() {
    let folder = Folder::new();
    let shop = Shop::start(Box::new(|_| Some((200, r#"{"accepted":{"ok":true}}"#.into()))));
    let server = start(&folder, &shop);
    let token = server.token(&["--shopper", "ada"]);
    let args = json!({"collection": "server-decides:reviews", "key": "r1", "row": {"id": "r1"}});
    let review = |seq| Mutation::new(seq, id(7), "row.put", 1, serde_json::from_value(args.clone()).unwrap(), 0);
    assert_eq!(said(&sync(&server, &token, &push(1, &[review(1)]))), [(Status::Applied, None)]);
    server.stop();
    let database = rusqlite::Connection::open(folder.path("shop.db")).unwrap();
    database
        .execute_batch("UPDATE outcome SET status = 'rejected', code = 'unknown_mutation'; DELETE FROM row")
        .unwrap();
    drop(database);
    let server = start(&folder, &shop);
    let batch = [review(2), add(1, 3, "A1", 1)];
    assert_eq!(said(&sync(&server, &token, &push(1, &batch))), [(Status::Applied, None); 2]);
    assert_eq!(shop.calls().len(), 2);
}

#[test]
fn an_order_that_the_shop_has_accepted_stands_whatever_the_shopper_stores() {
    let folder = Folder::new();
    let shop = Shop::start(Box::new(|_| Some((200, r#"{"accepted":{}}"#.into()))));
    let server = Server::start(&folder, &["--hook", &shop.url, "--shopper-rows", "1"]);
    let token = server.token(&["--shopper", "ada"]);
    let batch = [add(1, 1, "A1", 1), add(1, 2, "B1", 1), order(1, 3, "o1", 1)];
    let expected =
        [(Status::Applied, None), (Status::Rejected, Some("shopper_full")), (Status::Applied, Some("created"))];
    assert_eq!(said(&sync(&server, &token, &push(1, &batch))), expected);
}

#[test]
fn an_order_whose_time_is_up_is_nothing_to_ask_about() {
    let folder = Folder::new();
    let shop = Shop::start(Box::new(|_| Some((200, r#"{"accepted":{}}"#.into()))));
    let server = start(&folder, &shop);
    let token = server.token(&["--shopper", "ada"]);
    let late = Mutation { valid_for: Some(0), ..order(1, 1, "o1", 1) };
    assert_eq!(said(&sync(&server, &token, &push(1, &[late]))), [(Status::Rejected, Some("expired"))]);
    assert_eq!(shop.calls().len(), 0);
}
