//! Asks the shop's own system what only it decides: coupons and orders.
//!
//! It is asked before the transaction, so that nothing waits for it but the request at hand, and
//! what it said is handed into the execution. A mutation that gets no answer is not executed now,
//! nor what follows on it; its client sends it again.

use pannier::stop::{Stop, Why};
use std::collections::HashMap;
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use pannier::format::document::{Document, DocumentRef};
use pannier::shop::decide::{Decision, Decisions, is_decided};
use pannier::shop::{coupon, order, own};
use pannier::sync::mutation::{Context, Id, Mutation};
use pannier::sync::rows::{Collection, Rows};
use pannier::sync::server::{SHARED, ServerTx, executed_elsewhere};
use rusqlite::Connection;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::Semaphore;

use crate::auth::Secret;
use crate::metrics::Metrics;
use crate::tx::Tx;
use crate::{call, now_ms, now_s};

/// Calls under way at the same time; each holds a thread.
const CALLS_MAX: usize = 64;
/// Calls for one request; the client sends the mutations after these again.
const CALLS_PER_SYNC_MAX: usize = 8;
/// Bytes of an answer: what is kept of it is held to 4 KiB by the rules.
const ANSWER_BYTES_MAX: u64 = 16 * 1024;
/// How long the token that a call carries is good.
const TOKEN_S: u64 = 60;

/// The mutations that ask for a decision.
const DECIDED: [&str; 5] = [coupon::COUPON, order::SUBMIT, order::CANCEL, own::PUT, own::DELETE];

/// Where to ask.
pub struct Hook {
    agent: ureq::Agent,
    url: String,
    calls: Semaphore,
    metrics: Arc<Metrics>,
}

/// What the shop's system said.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
enum Said {
    Accepted(Document),
    Refused {
        code: String,
        #[serde(default)]
        detail: Document,
    },
}

/// What was said to the mutations of one request, by name and arguments.
#[derive(Default)]
pub struct Answers(HashMap<(&'static str, Vec<u8>), Decision>);

impl Hook {
    /// Asks this address, each time for at most `wait`.
    pub fn new(url: &str, wait: Duration, metrics: Arc<Metrics>) -> Hook {
        Hook { agent: call::agent(wait), url: url.to_owned(), calls: Semaphore::new(CALLS_MAX), metrics }
    }

    /// Asks for all of `mutations` that need it, but for the `settled` ones. Tells too how many of
    /// them, from the first on, can be executed with the answers.
    pub async fn ask(
        self: &Arc<Self>,
        secret: &Secret,
        shopper: &str,
        mutations: &[Mutation],
        settled: &[Id],
    ) -> (Answers, usize) {
        let mut answers = Answers::default();
        let mut calls = 0;
        for (at, mutation) in mutations.iter().enumerate() {
            let Some(name) = decided_name(mutation) else { continue };
            let key = (name, mutation.args.as_bytes().to_vec());
            if settled.contains(&mutation.id) || answers.0.contains_key(&key) {
                continue;
            }
            calls += 1;
            if calls > CALLS_PER_SYNC_MAX {
                return (answers, at);
            }
            match self.call(secret, shopper, mutation).await {
                Ok(decision) => {
                    let is_accepted = matches!(decision, Decision::Accepted(_));
                    self.metrics.hook_call(if is_accepted { "accepted" } else { "refused" });
                    answers.0.insert(key, decision);
                }
                Err(why) => {
                    self.metrics.hook_call("failed");
                    tracing::warn!(mutation = mutation.name, "hook: {why}");
                    return (answers, at);
                }
            }
        }
        (answers, mutations.len())
    }

    async fn call(self: &Arc<Self>, secret: &Secret, shopper: &str, mutation: &Mutation) -> Result<Decision, String> {
        let Ok(_turn) = self.calls.try_acquire() else {
            return Err(format!("{CALLS_MAX} calls are under way already"));
        };
        let body = json!({
            "mutation": mutation.name,
            "shopper": shopper,
            "id": mutation.id,
            "args": mutation.args,
            "at": now_ms(),
            "validFor": mutation.valid_for,
        });
        let (hook, key) = (self.clone(), idempotency_key(shopper, mutation));
        let bearer = format!("Bearer {}", secret.sign(&json!({ "aud": "pannierd-hook", "exp": now_s() + TOKEN_S })));
        let post = move || -> Result<Vec<u8>, ureq::Error> {
            let request = hook.agent.post(&hook.url).header("idempotency-key", &key).header("authorization", &bearer);
            let answer = request.header("content-type", "application/json").send(body.to_string())?;
            let mut bytes = Vec::new();
            answer.into_body().into_with_config().limit(ANSWER_BYTES_MAX).reader().read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        let bytes = tokio::task::spawn_blocking(post).await.map_err(|e| e.to_string())?.map_err(|e| e.to_string())?;
        match serde_json::from_slice(&bytes).map_err(|e| format!("its answer: {e}"))? {
            Said::Accepted(terms) => Decision::Accepted(terms),
            Said::Refused { code, detail } => Decision::refused(&code, &detail),
        }
        .checked()
        .map_err(|e| e.to_string())
    }
}

/// The name of a mutation that asks for a decision.
fn decided_name(mutation: &Mutation) -> Option<&'static str> {
    let takes_back = mutation.args.as_ref().bool("remove") == Some(true);
    let name = DECIDED.into_iter().find(|name| *name == mutation.name)?;
    let is_decided = is_decided(name, mutation.args.as_ref());
    // The rules reject it: accepted, the shop would have placed an order that the shopper submits anew.
    let is_expired = name == order::SUBMIT && mutation.valid_for == Some(0);
    (is_decided && !is_expired && (name != coupon::COUPON || !takes_back)).then_some(name)
}

/// Those of `mutations` that are not executed: they were before, or all is known already of their order.
pub fn settled(connection: &Connection, client: Id, shopper: &str, mutations: &[Mutation]) -> Result<Vec<Id>, Stop> {
    let mut tx = Tx::new(connection);
    let last_seq = tx.client(client)?.map_or(0, |client| client.last_seq);
    let mut settled = Vec::new();
    for mutation in mutations.iter().filter(|mutation| decided_name(mutation).is_some()) {
        let is_executed = mutation.seq <= last_seq || executed_elsewhere(&mut tx, shopper, mutation)?.is_some();
        if is_executed || is_known(&mut tx, shopper, mutation)? {
            settled.push(mutation.id);
        }
    }
    Ok(settled)
}

/// Whether the rules answer this attempt at an order by what they remember.
fn is_known(tx: &mut Tx<'_>, shopper: &str, mutation: &Mutation) -> Result<bool, Stop> {
    if mutation.name != order::SUBMIT {
        return Ok(false);
    }
    let args = mutation.args.as_ref();
    let key = format!("order/{}", args.str("orderId").unwrap_or_default());
    let Some(known) = tx.get(SHARED, Collection::Private, &key)? else { return Ok(false) };
    let known = known.as_ref();
    let is_later = args.u64("attempt") > known.u64("attempt");
    Ok(!is_later || known.str("shopper") != Some(shopper) || known.str("code") == Some("created"))
}

/// The same for the same intent, however often and under whichever mutation it comes: an attempt at
/// an order is one, by its number.
fn idempotency_key(shopper: &str, mutation: &Mutation) -> String {
    let args = mutation.args.as_ref();
    let number = |name| args.u64(name).unwrap_or(0).to_string();
    let order = args.str("orderId").unwrap_or_default();
    let parts = match mutation.name.as_str() {
        order::SUBMIT => {
            vec!["submit", shopper, order].into_iter().map(str::to_owned).chain([number("attempt")]).collect()
        }
        order::CANCEL => {
            vec!["cancel", shopper, order].into_iter().map(str::to_owned).chain([number("version")]).collect()
        }
        name => vec![name.to_owned(), mutation.id.to_text()],
    };
    parts.iter().map(|part| escaped(part)).collect::<Vec<_>>().join("/")
}

/// As in an address: what is no letter or digit of ASCII by its bytes.
fn escaped(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect()
}

impl Answers {
    fn said(&self, name: &'static str, args: DocumentRef<'_>) -> Result<Decision, Stop> {
        let said = self.0.get(&(name, args.to_document().as_bytes().to_vec())).cloned();
        said.ok_or_else(|| Why::Backend("the hook was not asked".into()).into())
    }
}

impl Decisions for Answers {
    fn coupon(&self, args: DocumentRef<'_>, _: &Context, _: &mut dyn Rows) -> Result<Decision, Stop> {
        self.said(coupon::COUPON, args)
    }

    fn submit(&self, args: DocumentRef<'_>, _: &Context, _: &mut dyn Rows) -> Result<Decision, Stop> {
        self.said(order::SUBMIT, args)
    }

    fn cancel(&self, args: DocumentRef<'_>, _: &Document, _: &Context, _: &mut dyn Rows) -> Result<Decision, Stop> {
        self.said(order::CANCEL, args)
    }

    fn row(&self, args: DocumentRef<'_>, _: &Context, _: &mut dyn Rows) -> Result<Decision, Stop> {
        self.said(if args.get("row").is_some() { own::PUT } else { own::DELETE }, args)
    }
}
