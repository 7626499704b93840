//! Tokens of an identity provider: its key set in a file and behind a URL. The fixture was made with
//! OpenSSL.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};

use crate::harness::{Answer, Folder, Server};
use crate::process::fails;
use crate::wire::{JSON, request};

fn fixture() -> Value {
    serde_json::from_str(include_str!("../fixtures/tokens.json")).unwrap()
}

/// The key set, with its second key or without.
fn key_set(with_second: bool) -> String {
    let fixture = fixture();
    let mut keys = fixture["keys"].as_array().unwrap().clone();
    keys.extend(with_second.then(|| fixture["second_key"].clone()));
    json!({ "keys": keys }).to_string()
}

fn ask(server: &Server, name: &str) -> Answer {
    let bearer = format!("Bearer {}", fixture()["tokens"][name].as_str().unwrap());
    let body = serde_json::to_vec(&request(1)).unwrap();
    server.send("POST", "/v1/sync", &[("content-type", JSON), ("authorization", &bearer)], &body)
}

#[test]
fn keys_of_the_provider_sign_shoppers_in() {
    let folder = Folder::new();
    let keys = folder.write("keys.json", key_set(false));
    let args = ["--keys", keys.to_str().unwrap(), "--issuer", "https://id.shop.example", "--audience", "pannier"];
    let server = Server::start(&folder, &args);
    for name in ["eddsa", "rs256", "without_kid", "admin"] {
        assert_eq!(ask(&server, name).status, 200, "{name}");
    }
    let cases = [
        ("wrong_key", "signed with another secret or key"),
        ("second_key", "names a key that is not in the key set"),
        ("kid_of_another_kind", "names a key that is not in the key set"),
        ("expired", "has expired"),
        ("not_yet", "not valid yet"),
        ("other_issuer", "token's iss is not"),
        ("other_audience", "token's aud is not"),
        ("no_issuer", "token's iss is not"),
        ("no_audience", "token's aud is not"),
        ("no_sub", "not a jwt"),
        ("hs256_with_the_public_key", "signed with another secret or key"),
    ];
    for (name, why) in cases {
        let answer = ask(&server, name);
        assert_eq!(answer.status, 401, "{name}");
        assert!(answer.header("www-authenticate").contains(why), "{name}: {}", answer.header("www-authenticate"));
    }
    // Its own tokens go on working, and only they make an admin.
    let own = format!("Bearer {}", server.token(&["--shopper", "bob"]));
    let body = serde_json::to_vec(&request(2)).unwrap();
    assert_eq!(server.send("POST", "/v1/sync", &[("content-type", JSON), ("authorization", &own)], &body).status, 200);
    let admin = format!("Bearer {}", fixture()["tokens"]["admin"].as_str().unwrap());
    assert_eq!(server.send("POST", "/v1/admin/catalog", &[("authorization", &admin)], b"{\"id\":\"A1\"}").status, 403);
}

#[test]
fn a_key_that_was_added_works_with_its_first_token() {
    let folder = Folder::new();
    let keys = folder.write("keys.json", key_set(false));
    let server = Server::start(&folder, &["--keys", keys.to_str().unwrap()]);
    assert_eq!(ask(&server, "eddsa").status, 200);
    fs::write(&keys, key_set(true)).unwrap();
    assert_eq!(ask(&server, "second_key").status, 200);
    // Broken, it is reported, and the last good one stays.
    fs::write(&keys, "{").unwrap();
    assert_eq!(ask(&server, "second_key").status, 200);
}

/// Serves a text on the loopback; counts how often.
fn serve_text(text: Arc<Mutex<String>>) -> (String, Arc<Mutex<u32>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/keys", listener.local_addr().unwrap());
    let served = Arc::new(Mutex::new(0));
    let count = served.clone();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let head = BufReader::new(stream.try_clone().unwrap()).lines();
            head.map_while(Result::ok).take_while(|line| !line.is_empty()).for_each(drop);
            let text = text.lock().unwrap().clone();
            *count.lock().unwrap() += 1;
            write!(stream, "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{text}", text.len())
                .unwrap();
        }
    });
    (url, served)
}

#[test]
fn a_key_set_behind_a_url_is_fetched_again_but_not_for_every_stranger() {
    let folder = Folder::new();
    let text = Arc::new(Mutex::new(key_set(false)));
    let (url, served) = serve_text(text.clone());
    let server = Server::start(&folder, &["--keys", &url]);
    assert_eq!(ask(&server, "eddsa").status, 200);
    *text.lock().unwrap() = key_set(true);
    assert_eq!(ask(&server, "second_key").status, 200);
    assert_eq!(*served.lock().unwrap(), 2);
    for _ in 0..20 {
        assert_eq!(ask(&server, "kid_of_another_kind").status, 401);
    }
    assert!(*served.lock().unwrap() <= 3, "{} times", served.lock().unwrap());
}

#[test]
fn a_key_set_that_is_none_is_named_at_the_start() {
    let folder = Folder::new();
    let db = folder.path("shop.db");
    let many = json!({ "keys": vec![fixture()["second_key"].clone(); 17] }).to_string();
    let cases = [
        ("{", "EOF"),
        (r#"{"keys":[]}"#, "it holds no key for EdDSA (Ed25519) or RS256"),
        (many.as_str(), "17 keys, the limit is 16"),
    ];
    for (content, why) in cases {
        let file = folder.write("keys.json", content);
        let said = fails(&["--db", db.to_str().unwrap(), "--keys", file.to_str().unwrap()]);
        assert!(said.contains("key set") && said.contains(why), "{said}");
    }
}
