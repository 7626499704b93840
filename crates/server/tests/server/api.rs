//! Tokens, anonymous shoppers, pokes, other origins.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pannier::sync::wire::{Answer, SyncError};
use serde_json::{Value, json};

use crate::harness::{Folder, Server};
use crate::wire::{JSON, POSTCARD, add, push, quantities, refused, request, send_bytes, sync};

#[test]
fn a_request_without_a_good_token_is_nobodys() {
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);
    let good = server.token(&["--shopper", "ada"]);
    let foreign_secret = folder.write("other.secret", [7; 32]);
    let foreign = server.token(&["--shopper", "ada", "--secret-file", foreign_secret.to_str().unwrap()]);
    let unsigned = format!("{}.{}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#), good.split('.').nth(1).unwrap());
    for token in ["", "nonsense", &foreign, &unsigned] {
        for encoding in [POSTCARD, JSON] {
            assert_eq!(refused(&server, token, encoding, &request(1)), (401, SyncError::Auth {}), "{token}");
        }
    }
    let answer = server.send("POST", "/v1/sync", &[("content-type", JSON)], b"{}");
    assert_eq!(answer.status, 401);
    assert!(answer.header("www-authenticate").contains("no token"));
}

#[test]
fn an_expired_token_is_refused_and_says_so() {
    let folder = Folder::new();
    let server = Server::start(&folder, &["--secret-file", folder.write("s", [7; 32]).to_str().unwrap()]);
    // {"alg":"HS256","typ":"JWT"} . {"sub":"ada","exp":1}, signed with 32 bytes of 7.
    let expired =
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhZGEiLCJleHAiOjF9.ADnCCf9YoF9YEmOq72OxhquJ7LcK88znbTm7o9BrMhQ";
    let bearer = format!("Bearer {expired}");
    let headers = [("content-type", JSON), ("authorization", bearer.as_str())];
    let answer = server.send("POST", "/v1/sync", &headers, b"{}");
    assert_eq!(answer.status, 401);
    assert!(answer.header("www-authenticate").contains("the token has expired"));
}

#[test]
fn an_anonymous_shopper_gets_an_identity_of_its_own() {
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);
    let first = server.send("POST", "/v1/anonymous", &[], b"").json();
    let second = server.send("POST", "/v1/anonymous", &[], b"").json();
    assert!(first["shopper"].as_str().unwrap().starts_with("anon-"));
    assert_ne!(first["shopper"], second["shopper"]);
    let token = first["token"].as_str().unwrap();
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&payload).unwrap();
    assert_eq!(claims["sub"], first["shopper"]);
    assert!(claims["exp"].is_u64());
    let response = sync(&server, token, &push(1, &[add(1, 1, "A1", 2)]));
    assert_eq!(quantities(&response), [("A1".into(), 2)]);
}

#[test]
fn a_body_of_an_unknown_type_is_refused() {
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);
    let answer = server.send("POST", "/v1/sync", &[("content-type", "text/plain")], b"{}");
    assert_eq!(answer.status, 415);
    let Answer::Error(SyncError::Malformed { why }) = serde_json::from_slice(&answer.body).unwrap() else {
        panic!("{:?}", answer.text());
    };
    assert!(why.contains(POSTCARD) && why.contains(JSON));
    // Parameters of a known type are no other type.
    let token = server.token(&["--shopper", "ada"]);
    let headers = [("content-type", "application/json; charset=utf-8"), ("authorization", &format!("Bearer {token}"))];
    let body = serde_json::to_vec(&request(1)).unwrap();
    assert_eq!(server.send("POST", "/v1/sync", &headers, &body).status, 200);
}

#[test]
fn addresses_and_methods_that_are_none_say_so() {
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);
    assert_eq!(server.get("/v1/health").text(), "ok");
    let answer = server.get("/v1/nothing");
    assert_eq!((answer.status, answer.json()["code"].clone()), (404, json!("not_found")));
    assert_eq!(server.get("/v1/sync").status, 405);
    assert_eq!(server.get("/v1/health").header("cache-control"), "no-store");
}

#[test]
fn shops_on_other_origins_are_welcome() {
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);
    let headers = [
        ("origin", "https://shop.example"),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "authorization,content-type"),
    ];
    let answer = server.send("OPTIONS", "/v1/sync", &headers, b"");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    assert!(answer.header("access-control-allow-headers").contains("authorization"));
    assert_eq!(answer.header("access-control-allow-credentials"), "");
    let (status, _) = send_bytes(&server, "", JSON, b"{}");
    assert_eq!(status, 401);
}

/// The raw stream of `GET /v1/poke`, read up to the end of its head.
fn listen(server: &Server, query: &str) -> BufReader<TcpStream> {
    let host = server.url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    write!(stream, "GET /v1/poke{query} HTTP/1.1\r\nhost: {host}\r\n\r\n").unwrap();
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        assert!(reader.read_line(&mut line).unwrap() > 0);
    }
    reader
}

/// The scope that the next poke names.
fn next_poke(stream: &mut BufReader<TcpStream>) -> String {
    let mut lines = stream.lines().map(Result::unwrap);
    assert!(lines.any(|line| line == "event: poke"));
    lines.next().unwrap().strip_prefix("data: ").unwrap().to_owned()
}

#[test]
fn a_poke_names_the_scope_that_moved_to_its_shopper_alone() {
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);
    let (ada, bob) = (server.token(&["--shopper", "ada"]), server.token(&["--shopper", "bob"]));
    let mut stream = listen(&server, &format!("?token={ada}"));
    sync(&server, &bob, &push(2, &[add(2, 1, "B1", 1)]));
    sync(&server, &ada, &request(1));
    let admin = format!("Bearer {}", server.token(&["--admin"]));
    let headers = [("authorization", admin.as_str())];
    server.send("POST", "/v1/admin/catalog", &headers, br#"{"id":"A1","price":100}"#);
    // Neither the other shopper's write nor the pull came before this.
    assert_eq!(next_poke(&mut stream), "catalog");
    sync(&server, &ada, &push(1, &[add(1, 1, "A1", 1)]));
    assert_eq!(next_poke(&mut stream), "cart");
    assert_eq!(server.get("/v1/poke").status, 401);
    assert_eq!(server.get("/v1/poke?token=nonsense").status, 401);
}

#[test]
fn a_listener_does_not_keep_the_server_from_stopping() {
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);
    let mut stream = listen(&server, &format!("?token={}", server.token(&["--shopper", "ada"])));
    let (_, err, ended_well) = server.stop();
    assert!(ended_well, "{err}");
    let mut rest = String::new();
    stream.read_to_string(&mut rest).unwrap();
}
