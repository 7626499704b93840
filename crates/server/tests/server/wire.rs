//! A client of the sync protocol in both encodings.

use pannier::format::document::Document;
use pannier::shop::cart;
use pannier::sync::mutation::{Id, Mutation};
use pannier::sync::rows::Collection;
use pannier::sync::wire::{self, Answer, PROTOCOL, SCHEMA, ScopeRequest, SyncError, SyncRequest, SyncResponse};

use crate::harness::Server;

pub const POSTCARD: &str = "application/vnd.pannier.sync";
pub const JSON: &str = "application/json";

/// An id that is this number.
pub fn id(number: u128) -> Id {
    Id(number.to_be_bytes())
}

/// An empty request of a client, which pulls its cart.
pub fn request(client: u128) -> SyncRequest {
    SyncRequest {
        protocol: PROTOCOL,
        schema: SCHEMA,
        epoch: None,
        client: id(client),
        ack_to: 0,
        forget_before: 0,
        first_seq: 1,
        scopes: vec![ScopeRequest { name: Collection::Cart, cookie: None }],
        mutations: Vec::new(),
    }
}

/// Mutation `seq` of `client`: adds `qty` of `sku`.
pub fn add(client: u128, seq: u64, sku: &str, qty: u64) -> Mutation {
    let args = cart::add_args(sku, None, qty, None).unwrap();
    Mutation::new(seq, id(client << 64 | u128::from(seq)), cart::ADD, 1, args, 0)
}

/// A request of a client with these mutations.
pub fn push(client: u128, mutations: &[Mutation]) -> SyncRequest {
    SyncRequest { mutations: mutations.to_vec(), ..request(client) }
}

/// Sends bytes as a sync; the status and the answer in the encoding that was sent. The time is
/// taken out, so that answers can be compared.
pub fn send_bytes(server: &Server, token: &str, encoding: &str, body: &[u8]) -> (u16, Answer) {
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str()), ("content-type", encoding)];
    let answer = server.send("POST", "/v1/sync", &headers, body);
    assert_eq!(answer.header("content-type"), encoding);
    let mut message = match encoding {
        POSTCARD => wire::decode_answer(&answer.body).unwrap(),
        _ => serde_json::from_slice(&answer.body).unwrap(),
    };
    if let Answer::Ok(response) = &mut message {
        response.at = 0;
    }
    (answer.status, message)
}

pub fn encode(encoding: &str, request: &SyncRequest) -> Vec<u8> {
    match encoding {
        POSTCARD => wire::encode_request(request),
        _ => serde_json::to_vec(request).unwrap(),
    }
}

pub fn send(server: &Server, token: &str, encoding: &str, request: &SyncRequest) -> (u16, Answer) {
    send_bytes(server, token, encoding, &encode(encoding, request))
}

/// A sync that must succeed.
pub fn sync(server: &Server, token: &str, request: &SyncRequest) -> SyncResponse {
    match send(server, token, POSTCARD, request) {
        (200, Answer::Ok(response)) => response,
        other => panic!("{other:?}"),
    }
}

/// A sync that must be refused.
pub fn refused(server: &Server, token: &str, encoding: &str, request: &SyncRequest) -> (u16, SyncError) {
    match send(server, token, encoding, request) {
        (status, Answer::Error(error)) => (status, error),
        other => panic!("{other:?}"),
    }
}

/// Rows of a scope of which all is pulled, by key; the quantity, 0 for a product.
pub fn quantities(response: &SyncResponse) -> Vec<(String, u64)> {
    let mut rows: Vec<_> = response.scopes[0].changes.iter().map(row).collect();
    rows.sort();
    rows
}

fn row(change: &wire::Change) -> (String, u64) {
    let qty = |value: &Document| value.as_ref().u64("qty").unwrap_or(0);
    match change {
        wire::Change::Put { key, value, .. } => (key.clone(), qty(value)),
        wire::Change::Del { key, .. } => panic!("{key} is deleted"),
    }
}
