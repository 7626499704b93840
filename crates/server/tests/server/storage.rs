//! What stays in the database, for how long, and how much of it.

use pannier::sync::mutation::Status;
use pannier::sync::rows::Collection;
use pannier::sync::wire::{ScopeRequest, SyncError, SyncRequest};
use rusqlite::Connection;
use std::path::Path;

use crate::harness::{Folder, Server, pannierd};
use crate::wire::{JSON, add, push, quantities, refused, request, sync};

fn database(folder: &Folder) -> Connection {
    Connection::open(folder.path("shop.db")).unwrap()
}

/// Puts a coupon into the cart and takes it out again: a row that is deleted, and leaves a tombstone.
fn coupon_and_gone(client: u128, seq: u64) -> [pannier::sync::mutation::Mutation; 2] {
    let args = |text: &str| serde_json::from_str(text).unwrap();
    [(seq, r#"{"code":"C1"}"#), (seq + 1, r#"{"code":"C1","remove":true}"#)].map(|(seq, text)| {
        let id = crate::wire::id(client << 64 | u128::from(seq));
        pannier::sync::mutation::Mutation::new(seq, id, "cart.coupon", 1, args(text), 0)
    })
}

#[test]
fn a_tombstone_goes_after_thirty_days_and_an_older_cookie_gets_a_reset() {
    let folder = Folder::new();
    let coupons = folder.write("shop.ndjson", "{\"coupon\":\"C1\"}\n");
    let server = Server::start(&folder, &["--catalog", coupons.to_str().unwrap()]);
    let token = server.token(&["--shopper", "ada"]);
    let first = sync(&server, &token, &push(1, &[add(1, 1, "A1", 1), add(1, 2, "B1", 1)]));
    sync(&server, &token, &push(1, &coupon_and_gone(1, 3)));
    let now = sync(&server, &token, &push(1, &[add(1, 5, "B1", 1)]));
    let pull = |server: &Server, cookie| {
        let scopes = vec![ScopeRequest { name: Collection::Cart, cookie: Some(cookie) }];
        let answer = sync(server, &token, &SyncRequest { scopes, ..request(1) });
        let scope = answer.scopes.into_iter().next().unwrap();
        (scope.reset, scope.changes.iter().map(|change| change.key().to_owned()).collect::<Vec<_>>())
    };
    let old = first.scopes[0].cookie;
    assert_eq!(pull(&server, old), (false, vec!["&C1".into(), "B1".into()]));
    server.stop();

    // Thirty days less an hour: it stays. An hour more: it goes.
    let day: i64 = 24 * 3600 * 1000;
    for (age_ms, expected) in [
        (30 * day - 3_600_000, (false, vec!["&C1".to_owned(), "B1".into()])),
        (2 * 3_600_000, (true, vec!["A1".into(), "B1".into()])),
    ] {
        let changed = database(&folder)
            .execute("UPDATE row SET dead_ms = dead_ms - ?1 WHERE dead_ms IS NOT NULL", [age_ms])
            .unwrap();
        assert_eq!(changed, 1);
        let server = Server::start(&folder, &[]);
        // The server tidies up when it starts; requests queue behind that.
        server.get("/readyz");
        let mut found = pull(&server, old);
        while found.0 != expected.0 {
            found = pull(&server, old);
        }
        assert_eq!(found, expected);
        // Who has been here since is not bothered.
        assert_eq!(pull(&server, now.scopes[0].cookie), (false, vec![]));
        server.stop();
    }
    let counted: (u64, u64, u64) = database(&folder)
        .query_row("SELECT live, rows, bytes FROM scope WHERE owner = 'ada' AND collection = 1", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .unwrap();
    let real: (u64, u64) = database(&folder)
        .query_row("SELECT count(*), sum(octet_length(key) + length(value)) FROM row WHERE owner = 'ada'", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .unwrap();
    assert_eq!(counted, (real.0, real.0, real.1));
}

#[test]
fn an_anonymous_client_is_forgotten_when_its_identity_has_ended_and_no_other() {
    const DAY_MS: i64 = 24 * 3600 * 1000;
    let folder = Folder::new();
    let server = Server::start(&folder, &["--anonymous-kept-days", "100"]);
    let anonymous = server.send("POST", "/v1/anonymous", &[], b"").json();
    let tokens = [anonymous["token"].as_str().unwrap().to_owned(), server.token(&["--shopper", "ada"])];
    for (client, token) in (1..).zip(&tokens) {
        sync(&server, token, &push(client, &[add(client, 1, "A1", 1)]));
        let pulled = sync(&server, token, &SyncRequest { ack_to: 1, ..request(client) });
        assert_eq!(pulled.last_seq, 1);
    }
    server.stop();
    for (days, forgotten) in [(100, 0), (2, 1)] {
        database(&folder).execute("UPDATE client SET seen_ms = seen_ms - ?1", [days * DAY_MS]).unwrap();
        let server = Server::start(&folder, &["--anonymous-kept-days", "100"]);
        let admin = server.token(&["--admin"]);
        let metrics = || server.send("GET", "/metrics", &[("authorization", &format!("Bearer {admin}"))], b"");
        // The server tidies up when it starts, tombstones first and clients last.
        let told = |kind| format!("pannierd_pruned_total{{kind=\"{kind}\"}} {forgotten}\n");
        while !metrics().text().contains(&told("clients")) {}
        assert!(metrics().text().contains(&told("outcomes")));
        let left: u64 = database(&folder).query_row("SELECT count(*) FROM client", [], |row| row.get(0)).unwrap();
        assert_eq!(left, 2 - forgotten);
        server.stop();
    }
    let server = Server::start(&folder, &[]);
    // Should the old identity still be good, it is a client like one of a server that was restored.
    let went_on = |client| SyncRequest { ack_to: 1, ..push(client, &[add(client, 2, "A1", 1)]) };
    assert_eq!(refused(&server, &tokens[0], JSON, &went_on(1)), (409, SyncError::UnknownClient {}));
    // Who signed in is known, and so is what comes again.
    assert_eq!(sync(&server, &tokens[1], &push(2, &[add(2, 1, "A1", 1)])).outcomes[0].rev, 1);
    assert_eq!(quantities(&sync(&server, &tokens[1], &went_on(2))), [("A1".into(), 2)]);
}

#[test]
fn a_shopper_who_is_full_can_still_take_out_and_others_do_not_notice() {
    for (setting, limit) in [("--shopper-rows", "3"), ("--shopper-bytes", "120")] {
        let folder = Folder::new();
        let server = Server::start(&folder, &[setting, limit]);
        let (ada, bob) = (server.token(&["--shopper", "ada"]), server.token(&["--shopper", "bob"]));
        let batch: Vec<_> = (1..=9).map(|seq| add(1, seq, &format!("A{seq}"), 1)).collect();
        let answer = sync(&server, &ada, &push(1, &batch));
        let fits = answer.outcomes.iter().take_while(|outcome| outcome.status == Status::Applied).count();
        assert!((1..9).contains(&fits), "{fits}");
        let full = &answer.outcomes[fits];
        assert_eq!((full.status, full.code.as_deref()), (Status::Rejected, Some("shopper_full")));
        let detail = serde_json::to_value(&full.detail).unwrap();
        assert_eq!(detail["limit"], setting.trim_start_matches("--").replace('-', "_"));
        assert_eq!(detail["most"].to_string(), limit);
        assert_eq!(quantities(&answer).len(), fits, "nothing of the refused ones was written");
        assert_eq!(answer.last_seq, 9, "the queue went on");
        // More of what is there adds no row.
        let mut less = add(1, 10, "A1", 1);
        less.name = "cart.adjust".into();
        less.args = serde_json::from_str(r#"{"line":"A1","by":-1}"#).unwrap();
        let answer = sync(&server, &ada, &push(1, &[less]));
        assert_ne!(answer.outcomes[0].code.as_deref(), Some("shopper_full"));
        assert_eq!(sync(&server, &bob, &push(2, &[add(2, 1, "A1", 1)])).outcomes[0].status, Status::Applied);
    }
}

#[test]
fn a_backup_of_a_running_server_is_served_under_a_new_epoch() {
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);
    let token = server.token(&["--shopper", "ada"]);
    let first = sync(&server, &token, &push(1, &[add(1, 1, "A1", 2)]));
    let [db, copy] = [folder.path("shop.db"), folder.path("copy.db")];
    let foreign = folder.path("foreign.db");
    Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE theirs (a)").unwrap();
    let backup = || pannierd().arg("backup").arg("--db").arg(&db).arg("--to").arg(&copy).output().unwrap();
    assert!(backup().status.success());
    sync(&server, &token, &push(1, &[add(1, 2, "B1", 1)]));
    let again = String::from_utf8(backup().stderr).unwrap();
    assert!(again.contains("there is such a file already"), "{again}");
    let handle = server.get("/v1/catalog").json()["handle"].clone();
    server.stop();
    let left = std::fs::metadata(folder.path("shop.db-wal")).map_or(0, |log| log.len());
    assert_eq!(left, 0, "a stopped server's database is one file");

    let restore =
        |from: &Path| pannierd().arg("restore").arg("--db").arg(&db).arg("--from").arg(from).output().unwrap();
    assert!(restore(&copy).status.success());
    let server = Server::start(&folder, &[]);
    let second = sync(&server, &token, &request(1));
    assert_eq!((second.last_seq, quantities(&second)), (1, vec![("A1".into(), 2)]));
    assert_ne!(second.epoch, first.epoch);
    assert_ne!(server.get("/v1/catalog").json()["handle"], handle, "caches start anew");

    // What cannot be restored leaves the database as it is.
    for (from, why) in [
        (&copy, "a pannierd serves it"),
        (&folder.path("none.db"), "no such file"),
        (&foreign, "belongs to another program"),
    ] {
        let refused = restore(from);
        assert!(!refused.status.success());
        let told = String::from_utf8(refused.stderr).unwrap();
        assert!(told.contains(why), "{told}");
    }
    assert_eq!(sync(&server, &token, &request(1)).epoch, second.epoch);
    assert!(!folder.path("shop.db.restore").exists());
}

#[test]
fn a_database_of_version_1_is_brought_up() {
    let folder = Folder::new();
    let old = include_str!("../fixtures/schema-1.sql");
    database(&folder).execute_batch(old).unwrap();
    let server = Server::start(&folder, &[]);
    let token = server.token(&["--shopper", "ada"]);
    let answer = sync(&server, &token, &push(1, &[add(1, 2, "A1", 2)]));
    assert_eq!((answer.epoch, answer.last_seq), (42, 2));
    let log = server.get(&format!("/v1/catalog/{}/0", server.get("/v1/catalog").json()["handle"].as_str().unwrap()));
    assert_eq!(log.json()["changes"][0]["put"]["key"], "A1");
    let counts = "SELECT sum(rows), sum(bytes) FROM scope WHERE owner = 'ada'";
    let rows: (u64, u64) = database(&folder).query_row(counts, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let real = "SELECT count(*), sum(octet_length(key) + coalesce(length(value), 0)) FROM row WHERE owner = 'ada'";
    assert_eq!(rows, database(&folder).query_row(real, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap());
    let dead: u64 = database(&folder).query_row("SELECT count(dead_ms) FROM row", [], |row| row.get(0)).unwrap();
    assert_eq!(dead, 1);
    let unseen = "SELECT count(*) FROM client WHERE seen_ms = 0";
    let unseen: u64 = database(&folder).query_row(unseen, [], |row| row.get(0)).unwrap();
    assert_eq!(unseen, 0);
}
