//! Holds `docs/protocol.md` true: its example is played against a server, its limits and bytes are
//! compared with the code.

use std::fs;
use std::path::Path;

use pannier::shop::{cart, history, own, product};
use pannier::sync::client::PARKED_MS;
use pannier::sync::mutation;
use pannier::sync::server::{OUTCOME_KEPT_MS, TOMBSTONE_KEPT_MS};
use pannier::sync::wire::{self, Answer, SyncRequest};
use serde_json::Value;

use crate::harness::{Folder, Server};
use crate::wire::JSON;

/// Stands for the epoch of whichever server plays the example.
const EPOCH: &str = "6502108459";

fn text() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/protocol.md")).unwrap()
}

/// The fenced blocks: what stands after the fence, and what they hold.
fn blocks(text: &str) -> Vec<(&str, &str)> {
    let fenced = text.split("\n```").skip(1).step_by(2);
    fenced.map(|block| block.split_once('\n').unwrap_or((block, ""))).collect()
}

fn block<'a>(text: &'a str, name: &str) -> &'a str {
    blocks(text).into_iter().find(|(found, _)| *found == name).unwrap_or_else(|| panic!("no {name}")).1
}

#[test]
fn the_example_is_what_a_server_answers() {
    let text = text();
    let folder = Folder::new();
    let catalogue = folder.write("shop.ndjson", block(&text, "json catalog"));
    let server = Server::start(&folder, &["--catalog", catalogue.to_str().unwrap()]);
    let bearer = format!("Bearer {}", server.token(&["--shopper", "ada"]));
    let headers = [("authorization", bearer.as_str()), ("content-type", JSON)];
    let ask = |body: &str| server.send("POST", "/v1/sync", &headers, body.as_bytes());
    let hello = ask(r#"{"protocol":1,"schema":1,"client":"00000000000000000000000000000000"}"#).json();
    let epoch = hello["ok"]["epoch"].to_string();

    let (mut request, mut answered, mut expected, mut compared) = ("", None, "", 0);
    for (name, content) in blocks(&text) {
        match name {
            "json request" => request = content,
            "json request again" => {}
            _ if name.starts_with("json answer") => {
                if name != "json answer again" {
                    expected = content;
                }
                let answer = answered.take().expect("an answer follows a request");
                let (status, body): (u16, String) = answer;
                if let Ok(stated) = name["json answer ".len()..].parse::<u16>() {
                    assert_eq!(status, stated, "{body}");
                }
                let body = body.replace(&epoch, EPOCH);
                let stated = serde_json::from_str::<Value>(expected).unwrap();
                let mut found = serde_json::from_str::<Value>(&body).unwrap();
                if let Some(at) = found.pointer_mut("/ok/at") {
                    assert!(at.as_u64().is_some_and(|at| at > 1_700_000_000_000), "{at} is no time");
                    *at = stated["ok"]["at"].clone();
                }
                assert_eq!(found, stated, "the server answers {body}");
                compared += 1;
            }
            _ => continue,
        }
        if name.starts_with("json request") {
            let answer = ask(&request.replace(EPOCH, &epoch));
            answered = Some((answer.status, answer.text().to_owned()));
        }
    }
    assert_eq!(compared, 4);
}

#[test]
fn the_hashes_are_those_of_our_client() {
    let text = text();
    let mut compared = 0;
    for (_, content) in blocks(&text).into_iter().filter(|(name, _)| *name == "json request") {
        let request: SyncRequest = serde_json::from_str(content).unwrap();
        for mutation in request.mutations {
            assert_eq!(mutation.hash, mutation::hash(&mutation.name, mutation.v, &mutation.args), "{}", mutation.name);
            compared += 1;
        }
    }
    assert_eq!(compared, 3);
}

#[test]
fn the_bytes_are_those_of_the_example() {
    let text = text();
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let stated = |name| block(&text, name).split_whitespace().collect::<String>();
    let request: SyncRequest = serde_json::from_str(block(&text, "json request")).unwrap();
    assert_eq!(hex(&wire::encode_request(&request)), stated("hex request"));
    let answer: Answer = serde_json::from_str(block(&text, "json answer 409")).unwrap();
    assert_eq!(hex(&wire::encode_answer(&answer)), stated("hex answer"));
}

#[test]
fn the_limits_are_those_of_the_code() {
    let text = text();
    let limits = [
        ("REQUEST_BYTES_MAX", wire::REQUEST_BYTES_MAX as u64),
        ("MUTATIONS_PER_SYNC_MAX", wire::MUTATIONS_PER_SYNC_MAX as u64),
        ("CHANGES_PER_SCOPE_MAX", wire::CHANGES_PER_SCOPE_MAX as u64),
        ("CHANGES_BYTES_MAX", wire::CHANGES_BYTES_MAX as u64),
        ("JOURNAL_AGE_MS_MAX", wire::JOURNAL_AGE_MS_MAX),
        ("JOURNAL_MUTATIONS_MAX", wire::JOURNAL_MUTATIONS_MAX as u64),
        ("JOURNAL_BYTES_MAX", wire::JOURNAL_BYTES_MAX),
        ("OUTCOME_KEPT_MS", OUTCOME_KEPT_MS),
        ("TOMBSTONE_KEPT_MS", TOMBSTONE_KEPT_MS),
        ("CART_LINES_MAX", cart::CART_LINES_MAX as u64),
        ("QTY_PER_LINE_MAX", product::QTY_PER_LINE_MAX),
        ("HISTORY_VISITS_MAX", history::HISTORY_VISITS_MAX as u64),
        ("OWN_ROW_BYTES_MAX", own::OWN_ROW_BYTES_MAX as u64),
        ("SCOPES_PER_SYNC_MAX", wire::SCOPES_PER_SYNC_MAX as u64),
        ("PARKED_MS", PARKED_MS),
    ];
    for (name, value) in limits {
        assert!(text.contains(&format!("| `{name}` | {value} |")), "{name} is {value}");
    }
}
