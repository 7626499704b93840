//! Imports of product files.

use pannier::format::document::Document;
use pannier::sync::rows::Collection;
use pannier::sync::wire::{Change, ScopeRequest, SyncRequest, SyncResponse};
use serde_json::{Value, json};

use crate::harness::{Folder, Server};
use crate::wire::{add, push, quantities, request, sync};

/// A pull of the catalogue from a cookie.
fn pull(server: &Server, cookie: Option<u64>) -> SyncResponse {
    let scopes = vec![ScopeRequest { name: Collection::Catalog, cookie }];
    sync(server, &server.token(&["--shopper", "ada"]), &SyncRequest { scopes, ..request(1) })
}

fn products(response: &SyncResponse) -> Vec<Value> {
    let json = |document: &Document| serde_json::to_value(document).unwrap();
    response.scopes[0]
        .changes
        .iter()
        .map(|change| match change {
            Change::Put { value, .. } => json(value),
            Change::Del { key, .. } => panic!("{key} is deleted"),
        })
        .collect()
}

#[test]
fn a_file_goes_in_but_for_its_bad_lines() {
    let folder = Folder::new();
    let file = folder.write(
        "shop.ndjson",
        "{\"id\":\"A1\",\"name\":\"鞋\",\"price\":19.99,\"current_stock\":3}\nnot json\n{\"name\":\"no id\"}\n{\"sku\":\"B1\",\"price\":5}\n",
    );
    let args = ["--catalog", file.to_str().unwrap()];
    let server = Server::start(&folder, &args);
    assert_eq!(
        products(&pull(&server, None)),
        [
            json!({"id": "A1", "name": "鞋", "title": "鞋", "price": 1999, "currency": "USD", "stock": 3, "version": 1}),
            json!({"id": "B1", "sku": "B1", "price": 500, "currency": "USD", "version": 1}),
        ]
    );
    let (_, err, _) = server.stop();
    assert!(err.contains("line 2: no JSON: expected ident at column 2"), "{err}");
    assert!(err.contains("line 3: neither id nor sku"), "{err}");
    assert!(err.contains("catalogue: 2 products in, 0 unchanged, 2 lines skipped\n"), "{err}");

    let (_, err, _) = Server::start(&folder, &args).stop();
    assert!(err.contains("catalogue: 0 products in, 2 unchanged, 2 lines skipped\n"), "{err}");
}

#[test]
fn an_admin_changes_the_catalogue_of_a_running_server() {
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);
    let admin = format!("Bearer {}", server.token(&["--admin"]));
    let import =
        |body: &str| server.send("POST", "/v1/admin/catalog", &[("authorization", &admin)], body.as_bytes()).json();
    let both = "{\"id\":\"A1\",\"stock\":9}\n{\"id\":\"B1\"}";
    assert_eq!(import(both), json!({"in": 2, "unchanged": 0, "skipped": []}));
    let cookie = pull(&server, None).scopes[0].cookie;
    let answer = import("{\"id\":\"A1\",\"stock\":1}\n{\"id\":\"B1\"}\n[]");
    assert_eq!(answer, json!({"in": 1, "unchanged": 1, "skipped": ["line 3: a list, not an object"]}));
    let changed = pull(&server, Some(cookie));
    assert!(!changed.scopes[0].reset);
    assert_eq!(products(&changed), [json!({"id": "A1", "stock": 1, "version": 2})]);

    // The rules hold a line to the new stock.
    let response = sync(&server, &server.token(&["--shopper", "ada"]), &push(1, &[add(1, 1, "A1", 5)]));
    assert_eq!(response.outcomes[0].code.as_deref(), Some("stock"));
    assert_eq!(quantities(&response), [("A1".into(), 1)]);
}

#[test]
fn only_an_admin_changes_the_catalogue() {
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);
    let shopper = format!("Bearer {}", server.token(&["--shopper", "ada"]));
    for (bearer, status) in [(shopper.as_str(), 403), ("Bearer x", 401)] {
        let answer = server.send("POST", "/v1/admin/catalog", &[("authorization", bearer)], b"{\"id\":\"A1\"}");
        assert_eq!(answer.status, status);
    }
    assert_eq!(products(&pull(&server, None)), [] as [Value; 0]);
}

#[test]
fn a_large_catalogue_is_pulled_in_pages() {
    let folder = Folder::new();
    let lines: Vec<String> = (0..2500).map(|n| format!("{{\"id\":\"P{n:04}\"}}")).collect();
    let file = folder.write("shop.ndjson", lines.join("\n"));
    let server = Server::start(&folder, &["--catalog", file.to_str().unwrap()]);
    let (mut cookie, mut ids, mut pages) = (None, Vec::new(), 0);
    loop {
        let page = pull(&server, cookie);
        ids.extend(products(&page).iter().map(|product| product["id"].as_str().unwrap().to_owned()));
        pages += 1;
        cookie = Some(page.scopes[0].cookie);
        if !page.scopes[0].more {
            break;
        }
    }
    assert_eq!(pages, 3);
    assert_eq!(ids, (0..2500).map(|n| format!("P{n:04}")).collect::<Vec<_>>());
}

#[test]
fn a_real_catalogue_goes_in_whole() {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/products.ndjson");
    if !file.exists() {
        assert!(std::env::var_os("CI").is_none(), "{} is missing", file.display());
        eprintln!("skipped: {} is missing", file.display());
        return;
    }
    let folder = Folder::new();
    let server = Server::start(&folder, &["--catalog", file.to_str().unwrap()]);
    let first = &products(&pull(&server, None))[0];
    assert_eq!(first["price"], 12999);
    assert_eq!((&first["currency"], &first["stock"]), (&json!("USD"), &json!(15)));
    let (_, err, _) = server.stop();
    assert!(err.contains("catalogue: 2465 products in, 0 unchanged, 0 lines skipped\n"), "{err}");
}
