//! Messages of the sync, in both encodings. Input: a message.

use pannier::sync::mutation::Mutation;
use pannier::sync::wire::{self, Answer, PROTOCOL, SCHEMA, SyncError, SyncRequest};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;

/// Postcard: the same bytes as a request, an answer and a mutation of the outbox.
pub(crate) fn run(bytes: &[u8]) {
    if let Ok(request) = wire::decode_request(bytes) {
        let again = wire::encode_request(&request);
        assert_eq!(wire::decode_request(&again).as_ref(), Ok(&request), "another request");
        in_json(&request);
    }
    if let Ok(answer) = wire::decode_answer(bytes) {
        assert_eq!(wire::encode_answer(&answer), bytes, "another encoding of {answer:?}");
        in_json(&answer);
    }
    if let Some(mutation) = wire::decode_mutation(bytes) {
        assert_eq!(wire::encode_mutation(&mutation), bytes, "another encoding of {mutation:?}");
        in_json(&mutation);
    }
}

/// JSON: what a server or a client of another language sends.
pub(crate) fn run_json(bytes: &[u8]) {
    if let Ok(request) = serde_json::from_slice::<SyncRequest>(bytes) {
        in_json(&request);
        let postcard = wire::encode_request(&request);
        // What stands behind the number of another protocol is not ours to read.
        let expected = match request.protocol {
            PROTOCOL => Ok(request),
            _ => Err(SyncError::Schema { min: SCHEMA, max: SCHEMA }),
        };
        assert_eq!(wire::decode_request(&postcard), expected, "another request in postcard");
    }
    if let Ok(answer) = serde_json::from_slice::<Answer>(bytes) {
        in_json(&answer);
        let postcard = wire::encode_answer(&answer);
        assert_eq!(wire::decode_answer(&postcard).as_ref(), Ok(&answer), "another answer in postcard");
    }
    if let Ok(mutation) = serde_json::from_slice::<Mutation>(bytes) {
        in_json(&mutation);
    }
}

/// A message that was read is the same after it was written and read in JSON.
fn in_json<T: Serialize + DeserializeOwned + PartialEq + Debug>(message: &T) {
    let text = serde_json::to_string(message).expect("a message makes JSON");
    let again = serde_json::from_str::<T>(&text);
    assert_eq!(again.ok().as_ref(), Some(message), "another message in JSON: {text}");
}
