//! A bad, huge, slow or frequent request costs a bounded amount, and others nothing.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use pannier::sync::wire::{Answer, SyncError, SyncRequest};

use crate::harness::{Folder, Server};
use crate::wire::{JSON, POSTCARD, add, encode, push, request, send, sync};

/// Longer than anything here takes that works.
const LONG: Duration = Duration::from_secs(20);

fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.url.strip_prefix("http://").unwrap()).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream
}

/// All that comes until the server closes.
fn rest(mut stream: &TcpStream) -> String {
    let mut text = Vec::new();
    // The end may be a reset: the server did not read what was still sent.
    let _ = stream.read_to_end(&mut text);
    String::from_utf8_lossy(&text).into_owned()
}

pub fn metrics(server: &Server) -> String {
    let admin = format!("Bearer {}", server.token(&["--admin"]));
    server.send("GET", "/metrics", &[("authorization", &admin)], b"").text().to_owned()
}

#[test]
fn a_shopper_who_asks_too_often_waits_alone() {
    let folder = Folder::new();
    let server = Server::start(&folder, &["--rate-shopper", "1"]);
    let (ada, bob) = (server.token(&["--shopper", "ada"]), server.token(&["--shopper", "bob"]));
    let body = encode(JSON, &request(1));
    let bearer = format!("Bearer {ada}");
    let headers = [("authorization", bearer.as_str()), ("content-type", JSON)];
    let refused = (0..200).map(|_| server.send("POST", "/v1/sync", &headers, &body)).find(|a| a.status != 200);
    let answer = refused.expect("somebody who asks for ever is refused");
    assert_eq!((answer.status, answer.header("pannier-limit")), (429, "rate_shopper"));
    assert!(["1", "2"].contains(&answer.header("retry-after")), "{}", answer.header("retry-after"));
    let Answer::Error(SyncError::Retry { after_ms }) = serde_json::from_slice(&answer.body).unwrap() else {
        panic!("{:?}", answer.text());
    };
    assert!((1..=1000).contains(&after_ms), "{after_ms}");
    assert_eq!(sync(&server, &bob, &request(2)).last_seq, 0);
    assert!(metrics(&server).contains("pannierd_limited_total{limit=\"rate_shopper\"} 1"));
}

#[test]
fn mutations_count_as_requests_do() {
    let folder = Folder::new();
    let server = Server::start(&folder, &["--rate-shopper", "1"]);
    let token = server.token(&["--shopper", "ada"]);
    let batch = |from: u64| push(1, &(from..from + 100).map(|seq| add(1, seq, "A1", 1)).collect::<Vec<_>>());
    // A burst of 60 holds five requests with a hundred mutations each, at eleven.
    let answers: Vec<_> = (0..7).map(|n| send(&server, &token, POSTCARD, &batch(n * 100 + 1)).0).collect();
    assert_eq!(answers[..5], [200; 5]);
    assert_eq!(answers[6], 429, "{answers:?}");
}

#[test]
fn an_address_that_asks_too_often_waits_alone() {
    let folder = Folder::new();
    let server = Server::start(&folder, &["--rate-address", "1", "--proxies", "1"]);
    let from = |address: &str| {
        let headers = [("x-forwarded-for", address)];
        let answer = server.send("POST", "/v1/anonymous", &headers, b"");
        (answer.status, answer.header("pannier-limit").to_owned())
    };
    let refused = (0..50).map(|_| from("198.51.100.1")).find(|(status, _)| *status != 200);
    assert_eq!(refused, Some((429, "rate_address".into())));
    // What the asker put in front itself is not believed.
    assert_eq!(from("203.0.113.9, 198.51.100.1").0, 429);
    assert_eq!(from("198.51.100.2").0, 200);
    assert_eq!(server.get("/healthz").text(), "ok", "who watches the server is not a shopper");
}

#[test]
fn a_body_that_comes_slowly_is_given_up_and_holds_up_nobody() {
    let folder = Folder::new();
    let server = Server::start(&folder, &["--read-wait-ms", "300"]);
    let token = server.token(&["--shopper", "ada"]);
    let slow: Vec<_> = (0..20)
        .map(|_| {
            let mut stream = connect(&server);
            write!(
                stream,
                "POST /v1/sync HTTP/1.1\r\nhost: x\r\nauthorization: bearer {token}\r\ncontent-type: {JSON}\r\ncontent-length: 1000\r\n\r\n{{"
            )
            .unwrap();
            stream
        })
        .collect();
    let start = Instant::now();
    sync(&server, &server.token(&["--shopper", "bob"]), &request(2));
    assert!(start.elapsed() < LONG / 4);
    for stream in &slow {
        let answer = rest(stream).to_lowercase();
        assert!(answer.starts_with("http/1.1 503") && answer.contains("pannier-limit: read_wait"), "{answer}");
        assert!(answer.contains(r#"{"error":{"retry""#), "{answer}");
    }
}

#[test]
fn a_head_that_comes_slowly_or_never_is_given_up() {
    let folder = Folder::new();
    let server = Server::start(&folder, &["--read-wait-ms", "300"]);
    let (mut begun, silent) = (connect(&server), connect(&server));
    write!(begun, "GET /v1/health HTTP/1.1\r\nhost: x\r\nx-so-far").unwrap();
    for stream in [&begun, &silent] {
        let start = Instant::now();
        rest(stream);
        assert!(start.elapsed() < LONG, "it was kept");
    }
}

#[test]
fn a_head_without_end_is_cut_off() {
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);
    let mut stream = connect(&server);
    write!(stream, "GET /v1/health HTTP/1.1\r\nhost: x\r\n").unwrap();
    let line = format!("x-long: {}\r\n", "x".repeat(1000));
    let sent = (0..10_000).take_while(|_| stream.write_all(line.as_bytes()).is_ok()).count();
    assert!(sent < 10_000, "ten megabytes of head were taken");
    assert_eq!(server.get("/healthz").text(), "ok");
}

#[test]
fn what_is_no_http_is_cut_off() {
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);
    for nonsense in
        ["\u{0}\u{1}\u{2}\r\n\r\n", "POST /v1/sync HTTP/1.1\r\ncontent-length: -1\r\n\r\n", "GET / HTTP/9\r\n\r\n"]
    {
        let mut stream = connect(&server);
        stream.write_all(nonsense.as_bytes()).unwrap();
        let answer = rest(&stream);
        assert!(answer.starts_with("HTTP/1.1 400") || answer.is_empty(), "{answer}");
    }
    assert_eq!(server.get("/healthz").text(), "ok");
}

#[test]
fn one_address_cannot_take_every_connection() {
    let folder = Folder::new();
    let server = Server::start(&folder, &["--connections", "12"]);
    // A quarter of twelve; a connection of the harness may still be on its way out.
    let held: Vec<_> = (0..6).map(|_| connect(&server)).collect();
    let refused = rest(held.last().unwrap());
    assert!(refused.starts_with("HTTP/1.1 503") && refused.contains("pannier-limit: connections"), "{refused}");
    drop(held);
    // Places come free as the server sees the connections end.
    let start = Instant::now();
    while !server.try_send("GET", "/healthz", &[], b"").is_ok_and(|answer| answer.status == 200) {
        assert!(start.elapsed() < LONG, "no place came free");
    }
}

#[test]
fn streams_are_bounded_for_each_shopper_and_for_all() {
    let folder = Folder::new();
    let server = Server::start(&folder, &["--streams", "18"]);
    let open = |shopper: &str| {
        let token = server.token(&["--shopper", shopper]);
        move |server: &Server| {
            let mut stream = connect(server);
            write!(stream, "GET /v1/poke?token={token} HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
            let mut head = [0; 12];
            stream.read_exact(&mut head).unwrap();
            (stream, String::from_utf8_lossy(&head[9..]).into_owned())
        }
    };
    let (ada, bob) = (open("ada"), open("bob"));
    let of_ada: Vec<_> = (0..16).map(|_| ada(&server)).collect();
    assert!(of_ada.iter().all(|(_, status)| status == "200"));
    let (stream, status) = ada(&server);
    assert_eq!(status, "503");
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert!(rest(&stream).contains("pannier-limit: streams_shopper"));
    let of_bob: Vec<_> = (0..2).map(|_| bob(&server)).collect();
    assert!(of_bob.iter().all(|(_, status)| status == "200"));
    let (stream, _) = bob(&server);
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert!(rest(&stream).contains("pannier-limit: streams\r"));
    assert!(metrics(&server).contains("pannierd_streams 18"));
}

#[test]
fn a_request_for_everything_costs_one_answer() {
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);
    let token = server.token(&["--shopper", "ada"]);
    let scope = request(1).scopes[0];
    let greedy = SyncRequest { scopes: vec![scope; 20_000], ..request(1) };
    assert_eq!(sync(&server, &token, &greedy).scopes.len(), 1);
    let deep = format!(r#"{{"protocol":1,"schema":1,"client":"{}","x":{}"#, "0".repeat(32), "[".repeat(100_000));
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str()), ("content-type", JSON)];
    assert_eq!(server.send("POST", "/v1/sync", &headers, deep.as_bytes()).status, 400);
}
