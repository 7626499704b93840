//! What operators see: settings, health, readiness, metrics, the log.

use serde_json::Value;

use crate::harness::{Folder, Server, pannierd};
use crate::process::fails;
use crate::wire::{add, push, sync};

#[test]
fn the_command_line_goes_before_the_environment_and_that_before_the_file() {
    let folder = Folder::new();
    let [in_file, in_env, in_words] = ["file.db", "env.db", "words.db"].map(|name| folder.path(name));
    let file = folder.write("pannierd.toml", format!("db = {in_file:?}\nlisten = \"127.0.0.1:0\"\nread-wait-ms = 5\n"));
    let start = |in_env: Option<&std::path::Path>, words: &[&str]| {
        let mut command = pannierd();
        command.arg("--config").arg(&file).args(words);
        if let Some(db) = in_env {
            command.env("PANNIERD_DB", db);
        }
        // The file's wait is out of range unless something goes before it, so none of these listens.
        let output = command.env("PANNIERD_READ_WAIT_MS", "50").args(["--catalog", "/nonexistent"]).output().unwrap();
        String::from_utf8(output.stderr).unwrap()
    };
    let words = ["--db", in_words.to_str().unwrap()];
    assert!(start(None, &[]).contains("catalogue /nonexistent"));
    assert!(in_file.exists() && !in_env.exists() && !in_words.exists());
    start(Some(&in_env), &[]);
    assert!(in_env.exists() && !in_words.exists());
    std::fs::remove_file(&in_env).unwrap();
    start(Some(&in_env), &words);
    assert!(in_words.exists() && !in_env.exists());
}

#[test]
fn a_wrong_settings_file_is_named_with_what_is_wrong() {
    let folder = Folder::new();
    let cases = [
        ("db = ", "TOML parse error at line 1"),
        ("db = \"x.db\"\nlissen = \"a\"", "lissen is no setting"),
        ("config = \"other.toml\"", "config is no setting"),
        ("db = [\"x.db\"]", "db is a array, not a string or an integer"),
        ("db = \"x.db\"\nlisten = \"nowhere\"", "invalid value 'nowhere' for '--listen <ADDRESS>'"),
        ("db = \"x.db\"\nissuer = \"x\"", "--keys"),
        ("", "--db <FILE>"),
    ];
    for (content, expected) in cases {
        let file = folder.write("pannierd.toml", content);
        let said = fails(&["--config", file.to_str().unwrap()]);
        assert!(said.contains(expected), "{content} said: {said}");
    }
    assert!(fails(&["--config", "/nonexistent.toml"]).contains("settings file /nonexistent.toml: No such file"));
}

#[test]
fn the_help_names_every_setting() {
    let output = pannierd().arg("--help").output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    for name in ["--db", "--keys", "--rate-shopper", "PANNIERD_LISTEN", "token", "--log-format"] {
        assert!(help.contains(name), "{name}: {help}");
    }
}

#[test]
fn health_and_readiness_need_no_token_and_metrics_need_an_admins() {
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);
    assert_eq!(server.get("/healthz").text(), "ok");
    assert_eq!(server.get("/readyz").text(), "ready");
    assert_eq!(server.get("/metrics").status, 401);
    let shopper = server.token(&["--shopper", "ada"]);
    let bearer = format!("Bearer {shopper}");
    assert_eq!(server.send("GET", "/metrics", &[("authorization", &bearer)], b"").status, 403);
    let mut poison = add(1, 2, "A1", 1);
    poison.name = "cart.explode".into();
    sync(&server, &shopper, &push(1, &[add(1, 1, "A1", 1), poison]));
    let admin = format!("Bearer {}", server.token(&["--admin"]));
    let answer = server.send("GET", "/metrics", &[("authorization", &admin)], b"");
    assert!(answer.header("content-type").starts_with("application/openmetrics-text"));
    for line in [
        "pannierd_requests_total{route=\"/v1/sync\",status=\"200\"} 1",
        "pannierd_requests_total{route=\"/metrics\",status=\"403\"} 1",
        "pannierd_mutations_total{status=\"applied\"} 1",
        "pannierd_mutations_total{status=\"rejected\"} 1",
        "pannierd_request_seconds_count{route=\"/v1/sync\"} 1",
        "pannierd_streams 0",
        "pannierd_commits_failed_total 0",
    ] {
        assert!(answer.text().contains(line), "{line} is not in {}", answer.text());
    }
    assert!(!answer.text().contains("ada"));
}

#[test]
fn a_database_that_fails_is_not_ready() {
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);
    let other = rusqlite::Connection::open(folder.path("shop.db")).unwrap();
    other.execute_batch("ALTER TABLE meta RENAME TO elsewhere").unwrap();
    let answer = server.get("/readyz");
    assert_eq!((answer.status, answer.json()["code"].as_str()), (503, Some("retry")));
    assert_eq!(server.get("/healthz").status, 200, "starting it again would not help");
    other.execute_batch("ALTER TABLE elsewhere RENAME TO meta").unwrap();
    assert_eq!(server.get("/readyz").text(), "ready");
}

#[test]
fn the_log_in_json_is_an_object_a_line_and_holds_no_token() {
    let folder = Folder::new();
    let server = Server::start(&folder, &["--log", "debug", "--log-format", "json"]);
    let token = server.token(&["--shopper", "ada"]);
    server.get(&format!("/v1/poke?token={token}x"));
    server.get("/v1/health?secret=1");
    let (_, log, _) = server.stop();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let request = lines.iter().find(|line| line["path"] == "/v1/health").unwrap();
    assert_eq!(
        (&request["status"], &request["level"], &request["method"]),
        (&200.into(), &"DEBUG".into(), &"GET".into())
    );
    assert!(request["ms"].is_f64() && request["timestamp"].is_string());
    assert!(lines.iter().any(|line| line["path"] == "/v1/poke" && line["status"] == 401));
    assert!(lines.iter().any(|line| line["message"] == "stopped"));
    assert!(!log.contains(&token) && !log.contains("secret="));
}

#[test]
fn a_request_under_way_is_answered_before_the_server_stops() {
    use std::io::{Read, Write};
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);
    let token = server.token(&["--shopper", "ada"]);
    let host = server.url.strip_prefix("http://").unwrap().to_owned();
    let body = crate::wire::encode(crate::wire::JSON, &push(1, &[add(1, 1, "A1", 2)]));
    let mut stream = std::net::TcpStream::connect(&host).unwrap();
    let (head, tail) = body.split_at(body.len() / 2);
    write!(
        stream,
        "POST /v1/sync HTTP/1.1\r\nhost: {host}\r\nexpect: 100-continue\r\nauthorization: bearer {token}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    )
    .unwrap();
    // The server reads the body from here on.
    let mut go_on = [0; 25];
    stream.read_exact(&mut go_on).unwrap();
    assert!(go_on.starts_with(b"HTTP/1.1 100"));
    stream.write_all(head).unwrap();
    server.terminate();
    // It has stopped to listen before the rest is sent.
    while std::net::TcpStream::connect(&host).is_ok() {}
    stream.write_all(tail).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\"last_seq\":1"), "{answer}");
    let (_, log, ended_well) = server.stop();
    assert!(ended_well, "{log}");
}
