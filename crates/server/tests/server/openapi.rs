//! Holds `/v1/openapi.json` true: what the server takes and answers fits it, whole answers and no
//! field besides.

use boon::{Compiler, Schemas};
use pannier::sync::wire::{self, Answer as Message, SyncError, SyncRequest};
use serde_json::{Value, json};

use crate::harness::{Answer, Folder, Server};
use crate::wire::{JSON, add, push, request};

const ADDRESS: &str = "http://pannierd.example/openapi.json";

struct Api {
    document: Value,
}

impl Api {
    fn of(server: &Server) -> Api {
        let answer = server.get("/v1/openapi.json");
        assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"));
        Api { document: answer.json() }
    }

    /// What is wrong with a value, if anything, as the schema at this place of the document has it.
    fn fault(&self, place: &str, value: &Value) -> Option<String> {
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        compiler.add_resource(ADDRESS, self.document.clone()).unwrap();
        let schema =
            compiler.compile(&format!("{ADDRESS}#{place}"), &mut schemas).unwrap_or_else(|e| panic!("{place}: {e}"));
        schemas.validate(value, schema).err().map(|e| format!("{place}: {e:#} in {value}"))
    }

    fn takes(&self, method: &str, path: &str, body: &Value) -> Option<String> {
        let place = format!("/paths/{}/{method}/requestBody/content/application~1json/schema", path.replace('/', "~1"));
        self.fault(&place, body)
    }

    /// Checks an answer as a whole: its status must be listed, its body fit.
    fn check(&self, method: &str, path: &str, answer: &Answer) {
        let place = format!("/paths/{}/{method}/responses/{}", path.replace('/', "~1"), answer.status);
        let response = self.document.pointer(&place).unwrap_or_else(|| panic!("{place} is not told of"));
        if let Some(limit) = answer.headers.get("pannier-limit") {
            let limit = Value::from(limit.to_str().unwrap());
            assert_eq!(self.fault("/components/schemas/LimitName", &limit), None);
            assert!(response["headers"]["pannier-limit"].is_object(), "{place} tells of no limit");
        }
        if response["content"]["application/json"].is_object() {
            assert!(answer.header("content-type").starts_with(JSON), "{place}");
            assert_eq!(self.fault(&format!("{place}/content/application~1json/schema"), &answer.json()), None);
        }
    }
}

fn server() -> (Folder, Server) {
    let folder = Folder::new();
    let catalogue = folder.write("shop.ndjson", "{\"id\":\"A1\",\"price\":100,\"stock\":3}\n");
    let server = Server::start(&folder, &["--catalog", catalogue.to_str().unwrap()]);
    (folder, server)
}

#[test]
fn what_is_answered_is_what_the_document_says() {
    let (_folder, server) = server();
    let api = Api::of(&server);
    let (ada, bob) = (server.token(&["--shopper", "ada"]), server.token(&["--shopper", "bob"]));
    let sync = |token: &str, body: &[u8], kind: &str| {
        let headers = [("authorization", &*format!("Bearer {token}")), ("content-type", kind)];
        server.send("POST", "/v1/sync", &headers, body)
    };
    let scopes = pannier::sync::rows::Collection::ALL.map(|name| wire::ScopeRequest { name, cookie: None });
    let whole = SyncRequest { scopes: scopes.to_vec(), ..push(1, &[add(1, 1, "A1", 9), add(1, 2, "B1", 1)]) };
    let bytes = |request: &SyncRequest| serde_json::to_vec(request).unwrap();
    let cases = [
        (200, sync(&ada, &bytes(&whole), JSON)),
        (400, sync(&ada, b"{}", JSON)),
        (401, sync("x", b"{}", JSON)),
        (403, sync(&bob, &bytes(&whole), JSON)),
        (409, sync(&ada, &bytes(&push(1, &[add(1, 9, "A1", 1)])), JSON)),
        (409, sync(&ada, &bytes(&SyncRequest { epoch: Some(1), ..request(1) }), JSON)),
        (413, sync(&ada, &vec![b' '; wire::REQUEST_BYTES_MAX + 1], JSON)),
        (415, sync(&ada, b"{}", "text/plain")),
    ];
    for (status, answer) in cases {
        assert_eq!(answer.status, status, "{}", answer.text());
        api.check("post", "/v1/sync", &answer);
    }
    let admin = format!("Bearer {}", server.token(&["--admin"]));
    let import =
        |bearer: &str| server.send("POST", "/v1/admin/catalog", &[("authorization", bearer)], b"[]\n{\"id\":\"B1\"}");
    for bearer in [&admin, &format!("Bearer {ada}"), ""] {
        api.check("post", "/v1/admin/catalog", &import(bearer));
    }
    api.check("post", "/v1/anonymous", &server.send("POST", "/v1/anonymous", &[], b""));
    api.check("get", "/v1/poke", &server.get("/v1/poke"));
    api.check("get", "/v1/health", &server.get("/v1/health"));
    let log = server.get("/v1/catalog");
    api.check("get", "/v1/catalog", &log);
    let handle = log.json()["handle"].as_str().unwrap().to_owned();
    for path in [format!("/v1/catalog/{handle}/0"), "/v1/catalog/other/0".into()] {
        api.check("get", "/v1/catalog/{handle}/{offset}", &server.get(&path));
    }
}

#[test]
fn every_refusal_is_in_the_document() {
    let (_folder, server) = server();
    let api = Api::of(&server);
    let errors = [
        SyncError::EpochChanged { epoch: 1, last_seq: None },
        SyncError::EpochChanged { epoch: 1, last_seq: Some(7) },
        SyncError::UnknownClient {},
        SyncError::SeqGap { expected: 3 },
        SyncError::OpMismatch { seq: 1 },
        SyncError::Schema { min: 1, max: 1 },
        SyncError::Auth {},
        SyncError::PrincipalChanged {},
        SyncError::TooLarge { limit: 1 },
        SyncError::Retry { after_ms: 1 },
        SyncError::Malformed { why: "x".into() },
    ];
    let listed = api.document.pointer("/components/schemas/SyncRefusal/properties/error/oneOf").unwrap();
    assert_eq!(listed.as_array().unwrap().len() + 1, errors.len(), "one of the above is there twice");
    for error in errors {
        let message = serde_json::to_value(Message::Error(error)).unwrap();
        assert_eq!(api.fault("/components/schemas/SyncRefusal", &message), None);
    }
}

#[test]
fn what_is_taken_is_what_the_document_says() {
    let (_folder, server) = server();
    let api = Api::of(&server);
    let token = server.token(&["--shopper", "ada"]);
    let good = serde_json::to_value(push(1, &[add(1, 1, "A1", 1)])).unwrap();
    let with = |pointer: &str, value: Value| {
        let mut body = good.clone();
        *body.pointer_mut(pointer).unwrap() = value;
        body
    };
    let without = |object: &str, field: &str| {
        let mut body = good.clone();
        body.pointer_mut(object).unwrap().as_object_mut().unwrap().remove(field);
        body
    };
    let mut cases = vec![good.clone()];
    // Each field, left out and of another kind.
    for (object, fields) in [("", &good), ("/mutations/0", &good["mutations"][0]), ("/scopes/0", &good["scopes"][0])] {
        for field in fields.as_object().unwrap().keys() {
            cases.push(without(object, field));
            cases.push(with(&format!("{object}/{field}"), json!(true)));
        }
    }
    for body in cases {
        let headers = [("authorization", &*format!("Bearer {token}")), ("content-type", JSON)];
        let answer = server.send("POST", "/v1/sync", &headers, body.to_string().as_bytes());
        let fault = api.takes("post", "/v1/sync", &body);
        assert_eq!(answer.status == 400, fault.is_some(), "{} {body} {fault:?}", answer.text());
    }
}
