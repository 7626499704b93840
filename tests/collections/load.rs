//! Rows that come in parts and are one commit.

use crate::world::*;
use pannier::collection::TreeId;
use pannier::collection::index::{MULTI, UNIQUE};
use pannier::collection::schema::Declared;
use pannier::stop::Stop;
use serde_json::{Value, json};

const PARTS: u64 = 6;
const PART_ROWS: u64 = 50;

fn collections() -> Vec<Declared> {
    let indexes = vec![index("bySku", &["sku"], UNIQUE), index("byTag", &["tags"], MULTI)];
    vec![declared("goods", indexes), declared("drafts", vec![])]
}

/// Versions tell who has written a row last.
fn row(id: u64, version: &str) -> Value {
    json!({ "id": id, "version": version, "sku": format!("S{id}"), "tags": [id % 3, id % 7], "text": "x".repeat(100) })
}

fn part(number: u64) -> Value {
    json!((0..PART_ROWS).map(|at| row(number * PART_ROWS + at, "load")).collect::<Vec<_>>())
}

fn add(world: &mut World, at: usize, tree: TreeId, rows: Value) {
    world.tab(at).client.add_to_load(tree, document(rows));
    world.take_events(at);
}

/// The ticket of the load's commit, where this slice was the last.
fn end(world: &mut World, at: usize) -> Result<Option<u64>, Stop> {
    let now_ms = world.now_ms;
    let ended = world.tab(at).client.end_load(now_ms);
    world.take_events(at);
    match ended {
        Ok(ticket) => Ok(Some(ticket).filter(|ticket| *ticket > 0)),
        Err(stop) if stop.fault().is_some() => Ok(None),
        Err(stop) => Err(stop),
    }
}

fn versions(world: &mut World, at: usize) -> Vec<String> {
    let rows = world.rows(at, "goods", "", json!({}));
    rows.iter().map(|row| row["version"].as_str().expect("a version").to_owned()).collect()
}

/// Until it is committed, in whatever order things happen at the tabs.
fn committed(world: &mut World, at: usize, random: &mut Random) -> u64 {
    committed_beside(world, at, random, &mut |_| {})
}

/// As `committed`, with something else between the slices.
fn committed_beside(world: &mut World, at: usize, random: &mut Random, meanwhile: &mut dyn FnMut(&mut World)) -> u64 {
    for _ in 0..10_000 {
        if let Some(ticket) = end(world, at).expect("nothing refuses it") {
            return ticket;
        }
        for _ in 0..random.below(4) {
            let tab = random.below(world.tabs.len() as u64) as usize;
            world.step(tab, random.below(4));
        }
        meanwhile(world);
        world.load(at);
    }
    panic!("the load does not end");
}

#[test]
fn a_load_is_one_commit_after_what_is_written_meanwhile() {
    let mut anew = 0;
    for seed in 0..60 {
        let mut random = Random(seed);
        let mut world = World::new();
        world.cache_bytes_max = [100_000, 1_000][seed as usize % 2];
        world.slice_bytes_max = 8_000;
        for _ in 0..2 {
            world.open(collections(), &[]);
        }
        world.settle();
        world.put(0, "goods", json!((0..PART_ROWS * PARTS).step_by(3).map(|id| row(id, "before")).collect::<Vec<_>>()));
        world.settle();
        let tree = world.tree(0, "goods");
        let (mut beside, mut drafts) = (Vec::new(), 0);
        for number in 0..PARTS {
            add(&mut world, 0, tree, part(number));
            for _ in 0..random.below(6) {
                // In every third world nothing begins the load anew.
                let is_quiet = seed % 3 == 0;
                let at = if is_quiet { 0 } else { random.below(2) as usize };
                let id = random.below(PARTS * PART_ROWS);
                match if is_quiet { 3 + random.below(4) } else { random.below(12) } {
                    0 => {
                        world.put(at, "goods", json!([row(id, "meanwhile")]));
                        anew += 1;
                    }
                    1 => {
                        beside.push(1000 + beside.len() as u64);
                        world.put(at, "goods", json!([row(999 + beside.len() as u64, "meanwhile")]));
                    }
                    2 => {
                        world.delete(at, "goods", json!([[id]]));
                    }
                    3 => world.tab(at).client.checkpoint(),
                    4..7 => {
                        drafts += 1;
                        world.put(at, "drafts", json!([{ "id": drafts }]));
                    }
                    _ => {
                        world.step(at, random.below(4));
                    }
                }
                assert!(!versions(&mut world, at).contains(&"load".to_owned()), "seed {seed}: a part shows");
            }
        }
        // What is not durable yet may be done again after the load.
        world.settle();
        // A slice puts few entries in order, so that what is written beside comes before, between and after them.
        let (mut slices, first) = (0, drafts);
        let ticket = committed_beside(&mut world, 0, &mut random, &mut |world| {
            slices += 1;
            if slices % 3 == 0 && drafts < first + 8 {
                drafts += 1;
                world.put(0, "drafts", json!([{ "id": drafts }]));
            }
        });
        assert!(slices > 20, "seed {seed}: {slices} slices");
        world.settle();
        assert_eq!(world.tab(0).told(ticket), Some(Told::Durable), "seed {seed}");
        for at in 0..2 {
            let rows = world.rows(at, "goods", "", json!({ "lt": [PARTS * PART_ROWS] }));
            let loaded: Vec<_> = (0..PARTS * PART_ROWS).map(|id| row(id, "load")).collect();
            assert!(rows == loaded, "seed {seed}: {} rows that are not those of the load", rows.len());
            let rows = world.rows(at, "goods", "", json!({ "gte": [PARTS * PART_ROWS] }));
            assert_eq!(ids(&rows), json!(beside), "seed {seed}: what was written meanwhile");
            assert_eq!(world.rows(at, "drafts", "", json!({})).len(), drafts, "seed {seed}");
            world.check(at);
        }
    }
    assert!(anew > 20, "{anew} rows of the collection were written meanwhile");
}

#[test]
fn a_load_stopped_after_any_call_is_there_as_a_whole_or_not_at_all() {
    let run = |calls: usize, is_lost: bool| {
        let mut world = World::new();
        let at = world.open(collections(), &[]);
        world.settle();
        let tree = world.tree(at, "goods");
        (world.mortal, world.calls_left, world.last_call_is_lost) = (Some(at), calls, is_lost);
        for number in 0..PARTS {
            add(&mut world, at, tree, part(number));
            world.put(at, "drafts", json!([{ "id": number }]));
            world.settle();
            if world.tabs[at].is_none() {
                return (world, false, 0);
            }
        }
        let ticket = committed(&mut world, at, &mut Random(1));
        world.settle();
        let durable = world.tabs[at].as_ref().is_some_and(|tab| tab.told(ticket) == Some(Told::Durable));
        let left = world.calls_left;
        (world, durable, left)
    };
    let (_, durable, left) = run(usize::MAX, false);
    assert!(durable);
    let calls = usize::MAX - left;
    assert!(calls > PARTS as usize);
    let mut whole = 0;
    for stop in 1..=calls {
        for is_lost in [false, true] {
            let (mut world, durable, _) = run(stop, is_lost);
            world.mortal = None;
            let at = world.open(collections(), &[]);
            world.settle();
            let rows = versions(&mut world, at).len() as u64;
            assert!(rows == PARTS * PART_ROWS || (rows == 0 && !durable), "stop {stop}, lost: {is_lost}: {rows} rows");
            whole += usize::from(rows > 0);
            world.check(at);
        }
    }
    assert!(whole > 0);
}

#[test]
fn what_a_load_is_refused_for_is_told_with_its_part_and_nothing_changes() {
    let mut world = World::new();
    let at = world.open(collections(), &[]);
    world.settle();
    world.put(at, "goods", json!([row(1, "before"), row(2, "before")]));
    world.settle();
    let tree = world.tree(at, "goods");
    let refused = |world: &mut World| loop {
        match end(world, at) {
            Ok(None) => {}
            Ok(Some(_)) => panic!("it was taken"),
            Err(stop) if let Some(code) = stop.code() => return (code, world.tab(at).client.give_up_load()),
            Err(stop) => panic!("{stop:?}"),
        }
    };
    add(&mut world, at, tree, part(1));
    add(&mut world, at, tree, json!([row(3, "load"), { "no": "key" }]));
    add(&mut world, at, tree, part(2));
    assert_eq!(refused(&mut world), ("bad_row", 1));
    add(&mut world, at, tree, part(1));
    add(&mut world, at, tree, json!([{ "id": 900, "version": "load", "sku": "S2" }]));
    assert_eq!(refused(&mut world).0, "unique");
    add(&mut world, at, tree, json!([{ "id": 900, "tags": (0..5000).collect::<Vec<_>>() }]));
    add(&mut world, at, tree, part(1));
    assert_eq!(refused(&mut world).1, 0);
    assert_eq!(versions(&mut world, at), ["before", "before"]);
    // Rows of different parts may change places.
    add(&mut world, at, tree, json!([{ "id": 1, "version": "load", "sku": "S2" }]));
    add(&mut world, at, tree, json!([{ "id": 2, "version": "load", "sku": "S1" }]));
    let ticket = committed(&mut world, at, &mut Random(1));
    world.settle();
    assert_eq!(world.tab(at).told(ticket), Some(Told::Durable));
    assert_eq!(versions(&mut world, at), ["load", "load"]);
    world.check(at);
}
