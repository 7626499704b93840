//! Random writes by two tabs, with kills, against a plain map.

use crate::world::*;
use pannier::collection::index::{EXPIRES, MULTI, UNIQUE};
use pannier::collection::schema::Declared;
use pannier::sync::client::Operation;
use serde_json::{Value, json};
use std::collections::BTreeMap;

fn collections() -> Vec<Declared> {
    vec![
        declared("catalog", vec![index("byPrice", &["price"], 0)]),
        declared(
            "wishes",
            vec![
                index("bySku", &["sku"], UNIQUE),
                index("byTag", &["tags"], MULTI),
                index("$expires", &["until"], EXPIRES),
            ],
        ),
    ]
}

fn row(random: &mut Random, now_ms: u64) -> Value {
    let tags: Vec<u64> = (0..random.below(4)).map(|_| random.below(6)).collect();
    let sku = if random.below(4) == 0 { Value::Null } else { json!(random.below(60)) };
    json!({ "id": random.below(120), "sku": sku, "tags": tags, "until": now_ms - 500 + random.below(4000) })
}

/// Whether the model takes the rows of one commit, and what it holds then.
fn model_put(model: &BTreeMap<u64, Value>, rows: &[Value], now_ms: u64) -> Option<BTreeMap<u64, Value>> {
    let is_there = |row: &Value| row["until"].as_u64() > Some(now_ms);
    let mut after = model.clone();
    for row in rows {
        after.insert(row["id"].as_u64().expect("an id"), row.clone());
    }
    for row in rows {
        let row = &after[&row["id"].as_u64().expect("an id")];
        let clash = |other: &Value| other["sku"] == row["sku"] && other["id"] != row["id"] && is_there(other);
        if !row["sku"].is_null() && is_there(row) && after.values().any(clash) {
            return None;
        }
    }
    Some(after)
}

#[test]
fn what_is_read_is_what_was_written() {
    for seed in 0..25 {
        let mut random = Random(seed);
        let mut world = World::new();
        let mut model: BTreeMap<u64, Value> = BTreeMap::new();
        for _ in 0..2 {
            world.open(collections(), &[]);
        }
        world.settle();
        for _ in 0..60 {
            world.now_ms += random.below(200);
            let now_ms = world.now_ms;
            let at = random.below(2) as usize;
            match random.below(10) {
                0 => {
                    let id = random.below(120);
                    world.settle();
                    world.delete(at, "wishes", json!([[id]]));
                    model.remove(&id);
                }
                1 => {
                    world.tabs[at] = None;
                    let last = world.tabs.len() - 1;
                    world.open(collections(), &[]);
                    let tab = world.tabs.pop();
                    world.tabs[at] = tab.expect("a tab");
                    assert_eq!(world.tabs.len(), last + 1);
                }
                2 => {
                    let rows_tree = world.tree_when_open(at, "wishes");
                    let from = random.below(120);
                    let asked = document(json!({ "gte": [from], "lt": [from + 5] }));
                    world.submit(at, Operation::DeleteRange { rows_tree, asked });
                    model.retain(|id, _| *id < from || *id >= from + 5);
                }
                3 => world.tab(at).client.checkpoint(),
                _ => {
                    let rows: Vec<Value> = (0..1 + random.below(5)).map(|_| row(&mut random, now_ms)).collect();
                    world.settle();
                    let ticket = world.put(at, "wishes", json!(rows));
                    world.settle();
                    // A row that has expired may be in the way of nobody, and be gone or not.
                    model.retain(|_, row| row["until"].as_u64() > Some(now_ms));
                    let told = world.tab(at).told(ticket);
                    match model_put(&model, &rows, now_ms) {
                        Some(after) => {
                            assert_eq!(told, Some(Told::Durable), "seed {seed}: {rows:?}");
                            model = after;
                        }
                        None => assert!(refused("unique")(&told.expect("an answer")), "seed {seed}: {rows:?}"),
                    }
                }
            }
            world.settle();
        }
        let now_ms = world.now_ms;
        model.retain(|_, row| row["until"].as_u64() > Some(now_ms));
        for at in 0..2 {
            let rows = world.rows(at, "wishes", "", json!({}));
            assert_eq!(rows, model.values().cloned().collect::<Vec<_>>(), "seed {seed}");
            world.check(at);
            for (index, asked) in [("", json!({ "gte": [30], "lt": [90] })), ("byTag", json!({ "gte": [2] }))] {
                let found = world.rows(at, "wishes", index, asked.clone()).len() as u64;
                let query = world.query(at, "wishes", index, asked);
                assert_eq!(world.count(at, 0, &query), found, "seed {seed}: count by {index:?}");
            }
        }
    }
}
