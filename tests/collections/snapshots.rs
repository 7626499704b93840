//! Snapshots while this tab and others write, checkpoint and drop segments.

use crate::world::*;
use pannier::sync::client::{FRAME_AGE_MS_MAX, FRAMES_MAX};
use serde_json::{Value, json};

fn row(id: u64, version: u64) -> Value {
    json!({ "id": id, "a": version % 17, "text": "x".repeat(200), "version": version })
}

fn loaded() -> World {
    loaded_with(100_000)
}

fn loaded_with(cache_bytes_max: usize) -> World {
    let mut world = World { cache_bytes_max, ..World::new() };
    for _ in 0..2 {
        world.open(vec![declared("wishes", vec![index("byA", &["a"], 0)])], &[]);
        world.settle();
    }
    let rows: Vec<Value> = (0..900).map(|id| row(id, id)).collect();
    world.put(0, "wishes", json!(rows));
    world.settle();
    world
}

fn churn(world: &mut World, at: usize, rounds: u64) {
    for round in 0..rounds {
        let rows: Vec<Value> = (0..30).map(|number| row((round * 37 + number * 29) % 900, 10_000 + round)).collect();
        world.put(at, "wishes", json!(rows));
        world.settle();
    }
    world.tab(at).client.checkpoint();
    world.settle();
}

#[test]
fn a_snapshot_shows_the_same_through_checkpoints_of_its_tab_and_keeps_no_space_after() {
    let mut world = loaded();
    let frame = world.begin(0, false);
    let queries = [world.query(0, "wishes", "", json!({})), world.query(0, "wishes", "byA", json!({ "gte": [5] }))];
    let before = queries.clone().map(|query| world.read(0, frame, &query).expect("rows"));
    let generation = world.tab(0).client.store().head().generation;
    for _ in 0..4 {
        churn(&mut world, 0, 12);
        let after = queries.clone().map(|query| world.read(0, frame, &query).expect("rows"));
        assert!(before == after, "the snapshot has changed");
    }
    assert!(world.tab(0).client.store().head().generation > generation + 4, "nothing was checkpointed");
    let is_dead = |world: &mut World| {
        world.tab(0).client.store().head().segments.iter().filter(|info| info.bytes_live == 0).count()
    };
    assert!(is_dead(&mut world) > 0, "the snapshot needed none of the old segments");
    world.tab(0).client.release(frame);
    churn(&mut world, 0, 2);
    assert_eq!(is_dead(&mut world), 0);
    assert_eq!(world.read(0, frame, &queries[0]).err().and_then(|stop| stop.code()), Some("snapshot_gone"));
}

#[test]
fn what_another_tab_has_dropped_is_the_same_or_named_gone() {
    let (mut same, mut gone) = (0, 0);
    for rounds in 1..12 {
        // Where memory holds all, nothing can be lost.
        let mut world = loaded_with(if rounds % 2 == 0 { 100_000 } else { 10_000_000 });
        world.tab(0).client.checkpoint();
        world.settle();
        let query = world.query(0, "wishes", "", json!({}));
        let before = world.rows(0, "wishes", "", json!({}));
        let frame = world.begin(0, false);
        churn(&mut world, 1, rounds);
        match world.read(0, frame, &query) {
            Ok(rows) => {
                same += 1;
                assert!(rows == before, "the snapshot has changed");
            }
            Err(stop) if stop.code() == Some("snapshot_gone") => gone += 1,
            Err(stop) => panic!("{stop:?}"),
        }
        let now = world.rows(1, "wishes", "", json!({}));
        assert_eq!(world.rows(0, "wishes", "", json!({})), now, "the tab itself goes on");
    }
    assert!(same == 6 && gone > 0, "{same} the same, {gone} gone");
}

#[test]
fn snapshots_are_bounded_in_number_and_age() {
    let mut world = loaded();
    let frames: Vec<u32> = (0..FRAMES_MAX).map(|_| world.begin(0, false)).collect();
    let now_ms = world.now_ms;
    let stop = world.tab(0).client.begin(false, now_ms).map(drop).expect_err("not refused");
    let (code, detail) = stop.into_refusal().expect("a refusal");
    assert_eq!((code, detail.as_ref().u64("limit")), ("too_many_snapshots", Some(FRAMES_MAX as u64)));
    world.now_ms += FRAME_AGE_MS_MAX;
    world.begin(0, false);
    let query = world.query(0, "wishes", "", json!({}));
    assert_eq!(world.read(0, frames[0], &query).err().and_then(|stop| stop.code()), Some("snapshot_gone"));
}
