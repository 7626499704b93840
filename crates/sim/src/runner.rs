//! Runs a case of a scenario against any server.

use crate::device::Device;
use crate::network::{Fault, Network};
use crate::scenario::{Case, End, Holdings, Moment, RawMutation, Scenario, Step, ToldOutcome};
use crate::server::{NEWER, Server};
use crate::tab::OWN;
use crate::tab::Synced;
use pannier::format::document::Document;
use pannier::shop::{cart, claim, coupon, history, order, own};
use pannier::store::Options;
use pannier::sync::client::{Operation, rows_tree};
use pannier::sync::mutation::{ERASE, Id, Mutation};
use pannier::sync::rows::Collection;
use pannier::sync::wire::{self, Change, PROTOCOL, SCHEMA, SyncRequest};
use serde_json::{Map, Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

/// Most exchanges in one `sync` step: a client that never has enough is wrong.
const ROUNDS_MAX: usize = 100;

struct World<'s> {
    network: Network<'s>,
    devices: BTreeMap<String, Device>,
    /// Milliseconds by which a device's clock is ahead of the server's.
    ahead: BTreeMap<String, u64>,
    offline: BTreeSet<String>,
}

/// Runs one case; `server` must be new.
///
/// # Errors
/// What was expected and what was found instead.
pub fn run(scenario: &Scenario, case: &Case, server: &mut dyn Server) -> Result<(), String> {
    server.put_products(&scenario.catalog);
    let mut devices = BTreeMap::new();
    for (number, (name, shopper)) in (1..).zip(&scenario.devices) {
        let mut device = Device::new(number, shopper, Options::default());
        device.open(0);
        device.settle();
        devices.insert(name.clone(), device);
    }
    let mut world = World { network: Network::new(server), devices, ahead: BTreeMap::new(), offline: BTreeSet::new() };
    for (index, step) in case.steps.iter().enumerate() {
        world.step(step).map_err(|why| format!("step {}: {why}\n  {step:?}", index + 1))?;
    }
    world.end(&case.end).map_err(|why| format!("at the end: {why}"))
}

/// Compares, and tells both sides where they differ.
fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: &T, expected: &T) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("{what}: found {found:?}, expected {expected:?}")) }
}

/// Device and tab of `A` or `A.2`.
fn place(on: &str) -> (&str, usize) {
    match on.split_once('.') {
        Some((device, tab)) => (device, tab.parse::<usize>().expect("a tab's number") - 1),
        None => (on, 0),
    }
}

fn mutation_name(name: &str) -> Result<&'static str, String> {
    let carts = [cart::ADD, cart::ADJUST, cart::SET_QTY, cart::SELECT, cart::SAVE_FOR_LATER, cart::REMOVE, cart::CLEAR];
    let others = [ERASE, claim::CLAIM, coupon::COUPON, history::VISIT, history::DELETE, order::SUBMIT, order::CANCEL];
    let own = [own::PUT, own::DELETE, own::ADD, NEWER];
    carts
        .into_iter()
        .chain(others)
        .chain(own)
        .find(|known| *known == name)
        .ok_or_else(|| format!("no mutation is called {name}"))
}

fn document(value: &Json) -> Document {
    serde_json::from_value(value.clone()).expect("JSON makes a document")
}

fn json(document: &Document) -> Json {
    serde_json::to_value(document).expect("a document makes JSON")
}

impl World<'_> {
    fn device(&mut self, name: &str) -> Result<&mut Device, String> {
        self.devices.get_mut(name).ok_or_else(|| format!("no device is called {name}"))
    }

    /// Milliseconds since 1970 by a device's clock.
    fn now_ms(&self, device: &str) -> u64 {
        self.network.server.now_ms() + self.ahead.get(device).copied().unwrap_or(0)
    }

    fn step(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Edit { on, name, args, times } => {
                for _ in 0..*times {
                    self.edit(on, name, args)?;
                }
                self.device(place(on).0)?.settle();
                Ok(())
            }
            Step::Together { edits } => self.together(edits),
            Step::Claim { on, from, policy, secret } => {
                self.claim(on, from, policy.as_deref(), secret.as_deref())?;
                self.device(place(on).0)?.settle();
                Ok(())
            }
            Step::Sync { on, fault, after, error } => {
                let ended = self.sync(on, *fault, *after)?;
                same("the sync ended with", &ended.as_deref(), &error.as_deref())
            }
            Step::Offline { on } => {
                self.offline.insert(on.clone());
                self.device(on).map(drop)
            }
            Step::Online { on } => {
                self.offline.remove(on);
                self.device(on).map(drop)
            }
            Step::Open { on } => {
                let (device, tab) = place(on);
                let device = self.device(device)?;
                device.open(tab);
                device.settle();
                Ok(())
            }
            Step::Kill { on, at } => self.kill(on, *at),
            Step::Catalog { products, more } => {
                let more = (1..=*more).map(|number| json!({ "id": format!("P{number}"), "title": "Spoon" }));
                let products: Vec<Json> = products.iter().cloned().chain(more).collect();
                self.network.server.put_products(&products);
                Ok(())
            }
            Step::Cache { on, products } => {
                let (name, tab) = place(on);
                let now_ms = self.now_ms(name);
                let rows = document(&Json::Array(products.clone()));
                let device = self.device(name)?;
                let put = Operation::Put { rows_tree: rows_tree(Collection::Catalog), rows };
                device.tab(tab).client.submit(put, now_ms);
                device.settle();
                Ok(())
            }
            Step::Later { on, ms } => {
                *self.ahead.entry(on.clone()).or_default() += ms;
                self.device(on).map(drop)
            }
            Step::Login { on, shopper } => {
                self.device(on)?.shopper = shopper.clone();
                Ok(())
            }
            Step::Wait { ms } => {
                let done = self.network.server.wait(*ms);
                if done { Ok(()) } else { Err("this server's clock cannot be put forward".into()) }
            }
            Step::Server { event } => {
                let done = self.network.befall(*event);
                if done { Ok(()) } else { Err("this server cannot be made to".into()) }
            }
            Step::Clone { on, to } => {
                let records = self.device(on)?.records.clone();
                let device = self.device(to)?;
                device.tabs.clear();
                device.records = records;
                device.open(0);
                device.settle();
                Ok(())
            }
            Step::Request { shopper, client, mutations, answer } => self.request(shopper, client, mutations, answer),
            Step::Expect { on, cart, orders, catalog, pending } => {
                let (device, tab) = place(on);
                let device = self.device(device)?;
                same_cart(on, &lines(device.view(tab, Collection::Cart)), cart)?;
                same_cart(on, &lines(device.view(tab, Collection::Orders)), orders)?;
                same_products(device, tab, catalog)?;
                same("pending", &device.tab(tab).client.pending_count(), pending)
            }
        }
    }

    /// Submits an edit, and leaves it at that.
    fn edit(&mut self, on: &str, name: &str, args: &Map<String, Json>) -> Result<(), String> {
        let name = mutation_name(name)?;
        let (device, tab) = place(on);
        let now_ms = self.now_ms(device);
        let device = self.device(device)?;
        let id = device.new_id();
        let mut args = args.clone();
        if name == history::VISIT {
            args.entry("eventId").or_insert(json!(id.to_string()));
            args.entry("at").or_insert(json!(now_ms));
        }
        if name == history::DELETE {
            args.entry("until").or_insert(json!(now_ms));
        }
        device.tab(tab).mutate(name, document(&Json::Object(args)), id, now_ms);
        device.take_events(tab);
        match device.tab(tab).refused.first() {
            Some((_, code)) => Err(format!("the edit was refused: {code}")),
            None => Ok(()),
        }
    }

    /// Submits the claim of what an anonymous shopper's tab shows.
    fn claim(&mut self, on: &str, from: &str, policy: Option<&str>, secret: Option<&str>) -> Result<(), String> {
        let (source, tab) = place(from);
        let source = self.device(source)?;
        let (anonymous, rows) = (source.shopper.clone(), source.view(tab, Collection::Cart));
        let secret = secret.map_or_else(|| self.network.server.secret(&anonymous), String::from);
        let line = |(key, row): (String, Document)| {
            let mut line = json(&row);
            line["line"] = json!(key);
            line
        };
        let lines: Vec<Json> = rows.into_iter().map(line).filter(|line| line["coupon"].is_null()).collect();
        let mut args = json!({"anonymous": anonymous, "secret": secret, "lines": lines});
        if let Some(policy) = policy {
            args["policy"] = json!(policy);
        }
        self.edit(on, claim::CLAIM, args.as_object().expect("arguments are an object"))
    }

    /// All tabs ask their record store before it does anything for one of them.
    fn together(&mut self, edits: &[Step]) -> Result<(), String> {
        for edit in edits {
            let on = match edit {
                Step::Edit { on, name, args, .. } => self.edit(on, name, args).map(|()| on)?,
                Step::Claim { on, from, policy, secret } => {
                    self.claim(on, from, policy.as_deref(), secret.as_deref()).map(|()| on)?
                }
                _ => return Err("only edits and claims go together".into()),
            };
            let (device, tab) = place(on);
            self.device(device)?.step(tab, 0, None);
        }
        self.devices.values_mut().for_each(Device::settle);
        Ok(())
    }

    fn kill(&mut self, on: &str, at: Moment) -> Result<(), String> {
        let (name, tab) = place(on);
        let now_ms = self.now_ms(name);
        if at == Moment::InFlight {
            let device = self.devices.get_mut(name).ok_or("no such device")?;
            device.now_ms = now_ms;
            let body = device.request(tab).ok_or("the tab is not open yet")?;
            let _ = self.network.post(&device.shopper, body, Some(Fault::DropResponse));
        }
        self.device(name)?.kill(tab);
        Ok(())
    }

    /// Exchanges until neither side has more. How it failed, if it did.
    fn sync(&mut self, on: &str, fault: Option<Fault>, after: usize) -> Result<Option<String>, String> {
        let (name, tab) = place(on);
        let offline = self.offline.contains(name);
        let now_ms = self.now_ms(name);
        let device = self.devices.get_mut(name).ok_or_else(|| format!("no device is called {name}"))?;
        device.now_ms = now_ms;
        for round in 0..ROUNDS_MAX {
            let body = device.request(tab).ok_or("the tab is not open yet")?;
            let fault = if offline { Some(Fault::DropRequest) } else { fault.filter(|_| round == after) };
            let Ok(answer) = self.network.post(&device.shopper, body, fault) else {
                return Ok(Some("network".into()));
            };
            device.answer(tab, &answer, now_ms);
            device.settle();
            match device.synced(tab) {
                Some(Synced::Done { more: true }) => {}
                Some(Synced::Done { more: false }) => return Ok(None),
                Some(Synced::Refused(error)) => return Ok(Some(error.code().into())),
                None => return Err("nothing came of an answer".into()),
            }
        }
        Err(format!("there is still more after {ROUNDS_MAX} exchanges"))
    }

    fn request(&mut self, shopper: &str, client: &str, raw: &[RawMutation], expected: &Json) -> Result<(), String> {
        let client = named_id(client, 0);
        let mutation = |raw: &RawMutation| {
            Mutation::new(raw.seq, Id(mutation_id(client, raw.seq)), &raw.name, 1, document(&raw.args), 0)
        };
        let request = SyncRequest {
            protocol: PROTOCOL,
            schema: SCHEMA,
            epoch: None,
            client,
            ack_to: 0,
            forget_before: 0,
            first_seq: 1,
            scopes: Vec::new(),
            mutations: raw.iter().map(mutation).collect(),
        };
        let body = wire::encode_request(&request);
        let answer = self.network.post(shopper, body, None).map_err(|error| error.to_string())?;
        let answer = wire::decode_answer(&answer).map_err(|error| error.to_string())?;
        let answer = serde_json::to_value(&answer).expect("an answer makes JSON");
        if holds(&answer, expected) { Ok(()) } else { Err(format!("the answer is {answer}")) }
    }

    fn end(&mut self, end: &End) -> Result<(), String> {
        same("requests", &self.network.requests, &end.requests)?;
        let shoppers: BTreeSet<String> = self.devices.values().map(|device| device.shopper.clone()).collect();
        let (nothing, none) = (Holdings::default(), BTreeMap::new());
        for shopper in shoppers.iter().chain(end.server.keys()) {
            let expected = end.server.get(shopper).unwrap_or(&nothing);
            if expected.pending != 0 || !expected.catalog.is_empty() {
                return Err("only devices have a catalog and pending mutations".into());
            }
            let cart = pulled(&mut self.network, shopper, Collection::Cart);
            same_cart(&format!("{shopper}'s cart on the server"), &lines(cart), &expected.cart)?;
            let visits = pulled(&mut self.network, shopper, Collection::History);
            let now_ms = self.network.server.now_ms();
            if let Some(visit) = visits.values().find(|visit| visit.as_ref().u64("at").is_some_and(|at| at > now_ms)) {
                return Err(format!("a visit is from the future: {}", json(visit)));
            }
            same(&format!("{shopper}'s history on the server"), &skus(&visits), &expected.history)?;
            let orders = pulled(&mut self.network, shopper, Collection::Orders);
            same_cart(&format!("{shopper}'s orders on the server"), &lines(orders), &expected.orders)?;
            for name in OWN {
                let rows = pulled(&mut self.network, shopper, Collection::from_name(name).expect("a name"));
                let expected = expected.own.get(name).unwrap_or(&none);
                same_cart(&format!("{shopper}'s {name} on the server"), &lines(rows), expected)?;
            }
        }
        for (name, device) in &mut self.devices {
            let expected = end.devices.get(name).unwrap_or(&nothing);
            for tab in 0..device.tabs.len() {
                if device.tabs[tab].is_some() {
                    holdings(device, tab, expected).map_err(|why| format!("{name}, tab {}: {why}", tab + 1))?;
                }
            }
            let told = told(device);
            let expected = end.outcomes.get(name).cloned().unwrap_or_default();
            same(&format!("outcomes told on {name}"), &told, &unrolled(expected))?;
            let recoveries = device.told.recoveries.iter();
            let recoveries = recoveries.map(|one| serde_json::from_value(json(one)).expect("its fields"));
            let expected = end.recoveries.get(name).cloned().unwrap_or_default();
            same(&format!("recoveries on {name}"), &recoveries.collect(), &expected)?;
        }
        same("mutations executed", &self.network.executed(), &end.executed)
    }
}

/// The answer holds everything that is expected of it, and lists of equal length.
fn holds(found: &Json, expected: &Json) -> bool {
    match (found, expected) {
        (Json::Object(found), Json::Object(expected)) => {
            expected.iter().all(|(key, expected)| found.get(key).is_some_and(|found| holds(found, expected)))
        }
        (Json::Array(found), Json::Array(expected)) => {
            found.len() == expected.len() && found.iter().zip(expected).all(|(found, expected)| holds(found, expected))
        }
        _ => found == expected,
    }
}

fn named_id(name: &str, tail: u64) -> Id {
    let mut id = [0xAA; 16];
    let length = name.len().min(8);
    id[..length].copy_from_slice(&name.as_bytes()[..length]);
    id[8..].copy_from_slice(&tail.to_be_bytes());
    Id(id)
}

fn mutation_id(client: Id, seq: u64) -> [u8; 16] {
    let mut id = client.0;
    id[8..].copy_from_slice(&seq.to_be_bytes());
    id
}

/// Products have at least the fields that are expected; one that must not be there is null.
fn same_products(device: &mut Device, tab: usize, expected: &BTreeMap<String, Json>) -> Result<(), String> {
    let catalog = device.view(tab, Collection::Catalog);
    for (sku, expected) in expected {
        let found = catalog.get(sku).map_or(Json::Null, json);
        if !holds(&found, expected) {
            return Err(format!("product {sku} is {found}, expected {expected}"));
        }
    }
    Ok(())
}

fn holdings(device: &mut Device, tab: usize, expected: &Holdings) -> Result<(), String> {
    same_cart("cart", &lines(device.view(tab, Collection::Cart)), &expected.cart)?;
    same("history", &skus(&device.view(tab, Collection::History)), &expected.history)?;
    same_cart("orders", &lines(device.view(tab, Collection::Orders)), &expected.orders)?;
    same_products(device, tab, &expected.catalog)?;
    for name in OWN {
        let rows = device.view(tab, Collection::from_name(name).expect("a name"));
        same_cart(name, &lines(rows), expected.own.get(name).unwrap_or(&BTreeMap::new()))?;
    }
    same("pending", &device.tab(tab).client.pending_count(), &expected.pending)
}

fn pulled(network: &mut Network<'_>, shopper: &str, collection: Collection) -> BTreeMap<String, Document> {
    let response = network.pull(shopper, collection);
    let changes = response.scopes.into_iter().flat_map(|patch| patch.changes);
    let puts = changes.filter_map(|change| match change {
        Change::Put { key, value, .. } => Some((key, value)),
        Change::Del { .. } => None,
    });
    puts.collect()
}

/// The lines of a cart without its tombstones, as JSON.
fn lines(rows: BTreeMap<String, Document>) -> BTreeMap<String, Json> {
    let live = rows.into_iter().filter(|(_, row)| row.as_ref().bool("removed") != Some(true));
    live.map(|(key, row)| (key, json(&row))).collect()
}

fn same_cart(what: &str, found: &BTreeMap<String, Json>, expected: &BTreeMap<String, Json>) -> Result<(), String> {
    let fits = found.len() == expected.len()
        && expected.iter().all(|(key, expected)| {
            let found = found.get(key);
            found.is_some_and(
                |found| if expected.is_number() { found["qty"] == *expected } else { holds(found, expected) },
            )
        });
    if fits { Ok(()) } else { Err(format!("{what}: found {}, expected {}", json!(found), json!(expected))) }
}

fn skus(visits: &BTreeMap<String, Document>) -> Vec<String> {
    let visits = visits.values().filter(|row| row.as_ref().get("cut").is_none());
    let mut skus: Vec<String> = visits.map(|visit| visit.as_ref().str("sku").unwrap_or("").into()).collect();
    skus.sort();
    skus
}

fn told(device: &Device) -> Vec<ToldOutcome> {
    let outcomes = device.told.outcomes.values().map(|outcome| {
        let mut outcome = json(outcome);
        let fields = outcome.as_object_mut().expect("an outcome is an object");
        fields.retain(|key, _| !matches!(&key[..], "seq" | "id"));
        serde_json::from_value(outcome).expect("an outcome has its fields")
    });
    outcomes.collect()
}

fn unrolled(outcomes: Vec<ToldOutcome>) -> Vec<ToldOutcome> {
    let repeat = |outcome: ToldOutcome| {
        let times = outcome.times as usize;
        std::iter::repeat_n(ToldOutcome { times: 1, ..outcome }, times)
    };
    outcomes.into_iter().flat_map(repeat).collect()
}
