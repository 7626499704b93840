//! Indexes on rows that were there before: built in steps, by tabs that die.

use crate::world::*;
use pannier::collection::ROWS as ROWS_FIRST;
use pannier::collection::index::{Definition, MULTI, State, UNIQUE};
use pannier::sync::client::Operation;
use serde_json::{Value, json};

const ROWS: u64 = 700;

fn row(id: u64, random: &mut Random) -> Value {
    json!({ "id": id, "a": random.below(50), "sku": format!("S{id}"), "tags": [random.below(9), random.below(9)] })
}

fn indexes() -> Vec<Definition> {
    vec![index("byA", &["a"], 0), index("bySku", &["sku"], UNIQUE), index("byTag", &["tags"], MULTI)]
}

fn loaded() -> World {
    let mut world = World::new();
    world.open(vec![declared("wishes", vec![])], &[]);
    world.settle();
    let mut random = Random(1);
    let rows: Vec<Value> = (0..ROWS).map(|id| row(id, &mut random)).collect();
    world.put(0, "wishes", json!(rows));
    world.settle();
    world
}

fn states(world: &mut World, at: usize) -> Vec<State> {
    let rows = world.tree(at, "wishes");
    let schema = world.tab(at).client.schema();
    schema
        .indexes()
        .iter()
        .filter(|index| index.is_declared && index.rows == rows)
        .map(|index| index.state.clone())
        .collect()
}

#[test]
fn a_build_cut_off_after_any_call_goes_on_and_is_never_used_before_its_end() {
    for calls in [1, 2, 3, 5, 8, 13, 21] {
        let mut world = loaded();
        let mut random = Random(calls);
        let mut opened = 0;
        let mut used = 0;
        loop {
            opened += 1;
            assert!(opened < 200, "the build never ends");
            // This one dies after a number of its calls, the other writes on.
            let at = world.open(vec![declared("wishes", indexes())], &[]);
            world.calls_left = calls as usize * 2;
            let mut ticket = None;
            for _ in 0..20_000 {
                let Some(tab) = &world.tabs[at] else { break };
                let is_open = tab.client.schema().named("wishes").is_some() && tab.told(1).is_some();
                if is_open && ticket.is_none_or(|ticket| tab.told(ticket).is_some()) {
                    for index in ["byA", "bySku", "byTag"] {
                        let query = world.query(at, "wishes", index, json!({}));
                        match world.read(at, 0, &query) {
                            Ok(rows) if index != "byTag" => {
                                used += 1;
                                assert_eq!(rows.len(), world.rows(at, "wishes", "", json!({})).len(), "{index}");
                            }
                            Ok(_) => {}
                            Err(stop) if stop.code() == Some("index_building") => {}
                            Err(stop) => panic!("{stop:?}"),
                        }
                    }
                    if !world.tab(at).client.is_upkeep_due() {
                        break;
                    }
                    ticket = Some(world.submit(at, Operation::Upkeep));
                }
                if random.below(40) == 0 {
                    let id = random.below(2 * ROWS);
                    let row = row(id, &mut random);
                    world.put(0, "wishes", json!([row]));
                }
                if random.below(60) == 0 {
                    let id = random.below(ROWS);
                    world.delete(0, "wishes", json!([[id]]));
                }
                let stepping = if random.below(3) == 0 { 0 } else { at };
                let what = random.below(4);
                world.mortal = (opened < 8).then_some(at);
                world.step(stepping, what);
                world.mortal = None;
            }
            if world.tabs[at].is_some() {
                world.settle();
                assert_eq!(states(&mut world, at), [State::Ready, State::Ready, State::Ready]);
                assert!(used > 0);
                world.check(at);
                world.check(0);
                break;
            }
        }
    }
}

#[test]
fn rows_that_break_the_rule_of_an_index_end_its_build_until_they_are_gone() {
    let mut world = loaded();
    world.put(0, "wishes", json!([{ "id": 700, "sku": "S3" }]));
    world.settle();
    let at = world.open(vec![declared("wishes", vec![index("bySku", &["sku"], UNIQUE)])], &[]);
    world.settle();
    while world.tab(at).client.is_upkeep_due() {
        world.now(at, Operation::Upkeep);
    }
    let last = world.tab(at).progress.last().cloned();
    let collection = world.tree(at, "wishes").0 - ROWS_FIRST;
    assert_eq!(last, Some(json!({ "collection": collection, "index": "bySku", "done": 0, "state": "failed" })));
    let query = world.query(at, "wishes", "bySku", json!({}));
    assert_eq!(world.read(at, 0, &query).err().and_then(|stop| stop.code()), Some("index_failed"));
    // An index that failed keeps nobody from writing, and begins anew for the next tab.
    world.put(at, "wishes", json!([{ "id": 701, "sku": "S4" }]));
    world.delete(at, "wishes", json!([[700], [701]]));
    world.settle();
    world.tabs[at] = None;
    let at = world.open(vec![declared("wishes", vec![index("bySku", &["sku"], UNIQUE)])], &[]);
    world.settle();
    while world.tab(at).client.is_upkeep_due() {
        world.now(at, Operation::Upkeep);
    }
    assert_eq!(states(&mut world, at), [State::Ready]);
    world.check(at);
}
