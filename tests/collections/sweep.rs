//! Crash sweep over what a tab does by itself: indexes are built and cleared
//! away, and rows evicted. Stopped after every call of the record store, with
//! the last one carried out or lost.

use crate::world::*;
use pannier::collection::index::{MULTI, State, UNIQUE};
use pannier::collection::schema::Declared;
use pannier::format::document::DocumentRef;
use pannier::sync::client::Operation;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const ROWS: u64 = 300;

/// What is declared by a tab that dies, over rows that were there.
struct Workload {
    name: &'static str,
    declared: fn() -> Vec<Declared>,
}

const WORKLOADS: [Workload; 2] = [
    Workload {
        name: "index build",
        declared: || {
            let indexes = vec![index("bySku", &["sku"], UNIQUE), index("byTag", &["tags"], MULTI)];
            vec![declared("goods", indexes)]
        },
    },
    Workload {
        name: "eviction",
        declared: || vec![Declared { bytes_max: Some(40_000), ..declared("goods", vec![index("byA", &["a"], 0)]) }],
    },
];

fn row(id: u64) -> Value {
    json!({ "id": id, "a": id % 5, "sku": format!("S{id}"), "tags": [id % 3, id % 7], "text": "x".repeat(200) })
}

fn loaded() -> World {
    let mut world = World::new();
    world.open(vec![declared("goods", vec![index("byA", &["a"], 0)])], &[]);
    world.settle();
    world.put(0, "goods", json!((0..ROWS).map(row).collect::<Vec<_>>()));
    world.settle();
    world.tabs[0] = None;
    world
}

/// A tab that writes between the steps of upkeep. Returns how many of its writes were durable.
fn work(world: &mut World, workload: &Workload) -> u64 {
    let at = world.open((workload.declared)(), &[]);
    world.mortal = Some(at);
    let mut durable = 0;
    for round in 0..12 {
        world.settle();
        if world.tabs[at].is_none() {
            return durable;
        }
        let ticket = world.put(at, "goods", json!([row(ROWS + round)]));
        world.settle();
        if world.tabs[at].is_some() {
            world.submit(at, Operation::Upkeep);
            world.settle();
        }
        let Some(tab) = &world.tabs[at] else { return durable };
        assert_eq!(tab.told(ticket), Some(Told::Durable));
        durable = round + 1;
    }
    durable
}

/// What is left is sound, holds what was durable, and goes on to the end.
fn check(world: &mut World, workload: &Workload, durable: u64, context: &str) {
    world.mortal = None;
    let at = world.open((workload.declared)(), &[]);
    world.settle();
    world.check(at);
    let tree = world.tree(at, "goods");
    let id = |row: &[u8]| DocumentRef::from_bytes(row).expect("a row").u64("id").expect("an id");
    let rows = |world: &mut World| -> BTreeMap<u64, Vec<u8>> {
        world.entries(at, &[tree.0], &[tree.0 + 1]).into_iter().map(|(_, row)| (id(&row), row)).collect()
    };
    let before = rows(world);
    for (id, row) in &before {
        let row = DocumentRef::from_bytes(row).expect("a row").to_document();
        assert_eq!(serde_json::to_value(&row).expect("JSON"), self::row(*id), "{context}");
    }
    for round in 0..durable {
        assert!(before.contains_key(&(ROWS + round)), "{context}: a durable row is lost");
    }
    let evicts = workload.name == "eviction";
    assert!(evicts || (0..ROWS).all(|id| before.contains_key(&id)), "{context}");
    for steps in 0.. {
        if !world.tab(at).client.is_upkeep_due() {
            break;
        }
        assert!(steps < 60, "{context}: upkeep does not end");
        world.now(at, Operation::Upkeep);
    }
    world.check(at);
    let ready = |index: &pannier::collection::Index| index.state == State::Ready || !index.is_declared;
    assert!(world.tab(at).client.schema().indexes().iter().all(ready), "{context}");
    assert!(world.bytes(at, tree) <= if evicts { 40_000 } else { u64::MAX }, "{context}");
}

#[test]
fn upkeep_stopped_after_any_call_loses_nothing_and_goes_on() {
    for workload in &WORKLOADS {
        let mut whole = loaded();
        whole.calls_left = usize::MAX;
        assert_eq!(work(&mut whole, workload), 12);
        let calls = usize::MAX - whole.calls_left;
        assert!(calls > 15, "{}: {calls} calls", workload.name);
        check(&mut whole, workload, 12, workload.name);
        for stop in 1..=calls {
            for is_lost in [false, true] {
                let mut world = loaded();
                (world.calls_left, world.last_call_is_lost) = (stop, is_lost);
                let durable = work(&mut world, workload);
                let context = format!("{}, stop {stop}, lost: {is_lost}", workload.name);
                check(&mut world, workload, durable, &context);
            }
        }
    }
}
