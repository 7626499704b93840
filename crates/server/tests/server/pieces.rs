//! The catalogue's change log: what a cache may keep, and that the pieces add up to the catalogue.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::harness::{Answer, Folder, Server};

const FOR_EVER: &str = "public, max-age=31536000, immutable";

fn import(server: &Server, lines: &str) {
    let admin = format!("Bearer {}", server.token(&["--admin"]));
    let answer = server.send("POST", "/v1/admin/catalog", &[("authorization", &admin)], lines.as_bytes());
    assert_eq!(answer.status, 200, "{}", answer.text());
}

fn products(range: std::ops::Range<u32>, stock: u32) -> String {
    range.map(|n| format!("{{\"id\":\"P{n:05}\",\"stock\":{stock}}}\n")).collect()
}

fn handle(server: &Server) -> String {
    server.get("/v1/catalog").json()["handle"].as_str().unwrap().to_owned()
}

fn piece(server: &Server, handle: &str, offset: u64) -> Answer {
    server.get(&format!("/v1/catalog/{handle}/{offset}"))
}

/// Follows the log from `offset`; its pieces, and what they add up to.
fn follow(server: &Server, handle: &str, mut offset: u64) -> (Vec<Answer>, BTreeMap<String, Value>) {
    let (mut pieces, mut rows) = (Vec::new(), BTreeMap::new());
    loop {
        let answer = piece(server, handle, offset);
        assert_eq!(answer.status, 200, "{}", answer.text());
        let body = answer.json();
        for change in body["changes"].as_array().unwrap() {
            match change.get("put") {
                Some(put) => rows.insert(put["key"].as_str().unwrap().to_owned(), put["value"].clone()),
                None => rows.remove(change["del"]["key"].as_str().unwrap()),
            };
        }
        offset = body["offset"].as_u64().unwrap();
        let more = body["more"].as_bool().unwrap();
        pieces.push(answer);
        if !more {
            return (pieces, rows);
        }
    }
}

#[test]
fn the_pieces_add_up_to_the_catalogue_and_full_ones_never_change() {
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);
    import(&server, &products(0..2500, 1));
    let handle = handle(&server);
    let (before, rows) = follow(&server, &handle, 0);
    assert_eq!((before.len(), rows.len()), (3, 2500));
    let kept: Vec<_> = before.iter().map(|piece| piece.header("cache-control")).collect();
    assert_eq!(kept, [FOR_EVER, FOR_EVER, "public, max-age=5"]);
    assert!(!before[0].header("vary").to_lowercase().contains("origin"));

    // What is in the first piece changes; what was kept of it stays true, and the sum too.
    import(&server, &products(0..600, 2));
    let (after, rows) = follow(&server, &handle, 0);
    assert_eq!((rows.len(), &rows["P00000"]["stock"], &rows["P02499"]["stock"]), (2500, &json!(2), &json!(1)));
    for (before, after) in before.iter().zip(&after).take(2) {
        assert_eq!((&before.body, before.header("etag")), (&after.body, after.header("etag")));
    }
    assert_ne!(before[2].header("etag"), after[2].header("etag"));

    // Who had the catalogue asks on from its offset and comes to the same ends of pieces.
    let (rest, news) = follow(&server, &handle, before[2].json()["offset"].as_u64().unwrap());
    assert_eq!(news.len(), 600);
    assert_eq!(rest[0].json()["offset"], after[2].json()["offset"]);
    assert_eq!(rest[0].header("cache-control"), FOR_EVER);
}

#[test]
fn what_a_cache_has_is_confirmed_without_a_body() {
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);
    import(&server, &products(0..10, 1));
    let path = format!("/v1/catalog/{}/0", handle(&server));
    let tag = server.get(&path).header("etag").to_owned();
    let again = |tag: &str| server.send("GET", &path, &[("if-none-match", tag)], b"");
    assert_eq!((again(&tag).status, again(&tag).body.len()), (304, 0));
    assert_eq!(again(&format!("\"x\", W/{tag}")).status, 304);
    assert_eq!(again("\"x\"").status, 200);
    import(&server, &products(0..1, 2));
    assert_eq!(again(&tag).status, 200);
}

#[test]
fn the_log_goes_on_where_a_sync_stands() {
    use crate::wire::{request, sync};
    use pannier::sync::rows::Collection;
    use pannier::sync::wire::{ScopeRequest, SyncRequest};
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);
    import(&server, &products(0..10, 1));
    let body = piece(&server, &handle(&server), 0).json();
    let cookie = body["offset"].as_u64();
    import(&server, &products(3..4, 2));
    let scopes = vec![ScopeRequest { name: Collection::Catalog, cookie }];
    let answer = sync(&server, &server.token(&["--shopper", "ada"]), &SyncRequest { scopes, ..request(1) });
    assert_eq!(answer.epoch, body["epoch"].as_u64().unwrap());
    assert!(!answer.scopes[0].reset);
    assert_eq!(answer.scopes[0].changes.iter().map(|change| change.key()).collect::<Vec<_>>(), ["P00003"]);
}

#[test]
fn a_log_that_was_written_anew_must_be_fetched_again() {
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);
    // Ten products, six hundred times: nearly all of the log is outdated.
    for stock in 0..600 {
        import(&server, &products(0..10, stock));
    }
    let old = handle(&server);
    let (pieces, before) = follow(&server, &old, 0);
    assert!(pieces.len() > 5);
    server.stop();
    let server = Server::start(&folder, &[]);
    // The server tidies up when it starts, beside the first requests.
    let mut new = handle(&server);
    while new == old {
        new = handle(&server);
    }
    let (pieces, after) = follow(&server, &new, 0);
    assert_eq!((pieces.len(), &after), (1, &before));
    for offset in [0, 3000] {
        let answer = piece(&server, &old, offset);
        assert_eq!((answer.status, answer.json()["code"].as_str()), (409, Some("must_refetch")));
        assert_eq!(answer.json()["handle"], new.as_str());
    }
    assert_eq!(piece(&server, &new, u64::MAX >> 1).status, 409, "beyond the end");
    assert_eq!(server.get("/v1/catalog/x/y").status, 400);
}
