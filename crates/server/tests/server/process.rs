//! The command line, and how the server starts and ends.

use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::{fs, thread};

use crate::harness::{Folder, Server, pannierd};
use crate::wire::{add, push, quantities, request, sync};

/// What `pannierd` says when it does not start.
pub fn fails(args: &[&str]) -> String {
    let output = pannierd().args(args).output().unwrap();
    assert!(!output.status.success());
    assert!(output.stdout.is_empty());
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn what_was_answered_survives_kill_9() {
    let folder = Folder::new();
    let mut answered = 0;
    for _ in 0..3 {
        let server = Server::start(&folder, &[]);
        let token = server.token(&["--shopper", "ada"]);
        let acknowledged = AtomicU64::new(answered);
        let first = answered + 1;
        let at_least = answered + 20;
        thread::scope(|scope| {
            scope.spawn(|| {
                // Until the server is gone from under it.
                for seq in first.. {
                    let batch = push(1, &[add(1, seq, "A1", 1)]);
                    if !try_sync(&server, &token, &batch) {
                        return;
                    }
                    acknowledged.store(seq, Ordering::SeqCst);
                }
            });
            while acknowledged.load(Ordering::SeqCst) < at_least {
                thread::yield_now();
            }
            server.kill_now();
        });
        let acknowledged = acknowledged.into_inner();
        let server = Server::start(&folder, &[]);
        let response = sync(&server, &token, &request(1));
        // The one in flight may have been committed too.
        assert!((acknowledged..=acknowledged + 1).contains(&response.last_seq), "{}", response.last_seq);
        assert_eq!(quantities(&response), [("A1".into(), response.last_seq)]);
        answered = response.last_seq;
    }
}

fn try_sync(server: &Server, token: &str, batch: &pannier::sync::wire::SyncRequest) -> bool {
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str()), ("content-type", crate::wire::POSTCARD)];
    let body = crate::wire::encode(crate::wire::POSTCARD, batch);
    server.try_send("POST", "/v1/sync", &headers, &body).is_ok_and(|answer| answer.status == 200)
}

#[test]
fn a_signal_stops_the_server_cleanly() {
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);
    let token = server.token(&["--shopper", "ada"]);
    sync(&server, &token, &push(1, &[add(1, 1, "A1", 1)]));
    let (out, err, ended_well) = server.stop();
    assert!(ended_well && out.is_empty(), "{out}{err}");
    assert!(!folder.path("shop.db-wal").exists(), "the database was closed");
    assert_eq!(quantities(&sync(&Server::start(&folder, &[]), &token, &request(1))), [("A1".into(), 1)]);
}

#[test]
fn a_missing_secret_is_made_for_its_owner_alone() {
    let folder = Folder::new();
    drop(Server::start(&folder, &[]));
    let secret = folder.path("shop.db.secret");
    let metadata = fs::metadata(secret).unwrap();
    assert_eq!((metadata.permissions().mode() & 0o777, metadata.len()), (0o600, 32));
}

#[test]
fn what_cannot_be_served_is_named() {
    let folder = Folder::new();
    let text = folder.write("text.db", "this is no database, whatever its name may say ".repeat(100));
    let short = folder.write("short.secret", "short");
    let database = |name: &str, pragma: &str| {
        let path = folder.path(name);
        rusqlite::Connection::open(&path).unwrap().execute_batch(pragma).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let newer =
        database("newer.db", "PRAGMA application_id = 0x70616e6e; PRAGMA user_version = 99; CREATE TABLE t (a)");
    let foreign = database("foreign.db", "CREATE TABLE theirs (a)");
    let good = folder.path("good.db");
    let good = good.to_str().unwrap();
    let nowhere = folder.path("missing/shop.db");
    let cases = [
        (vec!["--db", nowhere.to_str().unwrap()], "missing does not exist"),
        (vec!["--db", text.to_str().unwrap()], "file is not a database"),
        (vec!["--db", &newer], "its schema 99 is newer than 5"),
        (vec!["--db", &foreign], "belongs to another program"),
        (vec!["--db", good, "--static", "/nonexistent"], "no such folder"),
        (vec!["--db", good, "--catalog", "/nonexistent"], "catalogue /nonexistent: No such file"),
        (vec!["--db", good, "--secret-file", short.to_str().unwrap()], "5 bytes, at least 32 are needed"),
        (vec!["--db", good, "--listen", "nowhere"], "invalid value 'nowhere'"),
        (vec![], "--db <FILE>"),
        (vec!["token", "--db", good], "--shopper"),
    ];
    for (args, expected) in cases {
        let said = fails(&args);
        assert!(said.contains(expected), "{args:?} said: {said}");
    }
}
