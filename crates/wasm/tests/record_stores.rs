//! The conformance suite of record stores, in whatever browser place the
//! environment names.
#![cfg(target_arch = "wasm32")]

use pannier::store::{Request, Response, conformance};
use pannier_wasm::records::Records;
use pannier_wasm::records::indexeddb::{self, IndexedDb};
use pannier_wasm::records::memory::Memory;
use std::cell::RefCell;
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;

/// Sends a request and waits for its answer.
async fn ask(records: &dyn Records, request: Request) -> Response {
    let response = Rc::new(RefCell::new(None));
    let promise = js_sys::Promise::new(&mut |resolve, _| {
        let response = response.clone();
        let answer = move |answered| {
            response.replace(Some(answered));
            resolve.call0(&JsValue::UNDEFINED).expect("resolving does not throw");
        };
        records.start(request.clone(), Box::new(answer));
    });
    wasm_bindgen_futures::JsFuture::from(promise).await.expect("the promise is only resolved");
    response.take().expect("answered before")
}

async fn conforms(records: &dyn Records) {
    for (number, (request, expected)) in conformance::steps().into_iter().enumerate() {
        assert_eq!(ask(records, request).await, expected, "step {number}");
    }
}

fn fresh_name() -> String {
    format!("conformance-{}", js_sys::Math::random())
}

#[wasm_bindgen_test]
async fn memory_conforms() {
    conforms(&Memory::default()).await;
}

#[wasm_bindgen_test]
async fn indexeddb_conforms() {
    assert!(indexeddb::is_available());
    conforms(&IndexedDb::new(&fresh_name(), false, None)).await;
    conforms(&IndexedDb::new(&fresh_name(), true, None)).await;
}

#[wasm_bindgen_test]
async fn a_closed_connection_opens_again() {
    let records = IndexedDb::new(&fresh_name(), false, None);
    let append = Request::Append { seq: 1, bytes: b"one"[..].into(), checked: true };
    assert_eq!(ask(&records, append).await, Response::Done);
    records.close();
    let Response::Opened { log, .. } = ask(&records, Request::Open { log_after: None }).await else {
        panic!("does not open again");
    };
    assert_eq!(log, [(0, vec![]), (1, b"one".to_vec())]);
}

#[wasm_bindgen_test]
async fn two_connections_never_take_the_same_number() {
    let name = fresh_name();
    let (first, second) = (IndexedDb::new(&name, false, None), IndexedDb::new(&name, false, None));
    let append = |seq| Request::Append { seq, bytes: b"record"[..].into(), checked: true };
    assert_eq!(ask(&first, append(1)).await, Response::Done);
    assert_eq!(ask(&second, append(1)).await, Response::Conflict);
    assert_eq!(ask(&second, append(2)).await, Response::Done);
    assert_eq!(ask(&first, append(2)).await, Response::Conflict);
    assert_eq!(ask(&first, append(3)).await, Response::Done);
}

#[wasm_bindgen_test]
async fn an_unchecked_append_that_comes_too_late_is_left_under_a_later_number() {
    let records = IndexedDb::new(&fresh_name(), false, None);
    let append = |seq| Request::Append { seq, bytes: vec![seq as u8].into(), checked: false };
    assert_eq!(ask(&records, append(1)).await, Response::Done);
    assert_eq!(ask(&records, append(1)).await, Response::Conflict);
    assert_eq!(ask(&records, append(3)).await, Response::Done);
    let Response::Opened { log, .. } = ask(&records, Request::Open { log_after: None }).await else {
        panic!("does not open");
    };
    assert_eq!(log, [(0, vec![]), (1, vec![1]), (2, vec![1]), (3, vec![3])]);
}
