//! Declarations, keys, unique and multi-entry indexes, expiry, counts.

use crate::world::*;
use pannier::collection::index::{EXPIRES, MULTI, UNIQUE};
use pannier::collection::schema::Declared;
use pannier::collection::{Query, ROW_BYTES_MAX, ROWS_DELETED_MAX};
use pannier::sync::client::Operation;
use serde_json::{Value, json};

fn wishes() -> Declared {
    declared(
        "wishes",
        vec![
            index("bySku", &["sku"], UNIQUE),
            index("byTag", &["tags", "price"], MULTI),
            index("$expires", &["until"], EXPIRES),
        ],
    )
}

fn open() -> World {
    let mut world = World::new();
    world.open(vec![declared("catalog", vec![]), wishes()], &[]);
    world.settle();
    world
}

#[test]
fn typed_keys_order_and_are_found() {
    let mut world = open();
    let keys = [json!(-2), json!(3), json!(10), json!("10"), json!("a"), json!(["a", 1]), json!(["a", 2]), json!("b")];
    let rows: Vec<Value> = keys.iter().rev().map(|id| json!({ "id": id })).collect();
    world.put(0, "wishes", json!(rows));
    world.settle();
    assert_eq!(ids(&world.rows(0, "wishes", "", json!({}))), json!(keys));
    assert_eq!(ids(&world.rows(0, "wishes", "", json!({ "is": ["a"] }))), json!(["a"]));
    assert_eq!(ids(&world.rows(0, "wishes", "", json!({ "gte": ["a"], "lte": ["a"] }))), json!(keys[4..7]));
    world.delete(0, "wishes", json!([["a", 1], [3]]));
    world.settle();
    assert_eq!(ids(&world.rows(0, "wishes", "", json!({ "gte": [0], "lt": ["b"] }))), json!([10, "10", "a", ["a", 2]]));
    let rows_tree = world.tree(0, "wishes");
    world.now(0, Operation::DeleteRange { rows_tree, asked: document(json!({ "gt": ["10"] })) });
    assert_eq!(ids(&world.rows(0, "wishes", "", json!({}))), json!([-2, 10, "10"]));
    world.check(0);
}

#[test]
fn rows_without_a_key_and_rows_that_are_too_long_are_refused_with_their_place() {
    let mut world = open();
    for (row, code) in [
        (json!({ "sku": "A" }), "bad_row"),
        (json!({ "id": null }), "bad_row"),
        (json!({ "id": [] }), "bad_row"),
        (json!({ "id": { "a": 1 } }), "bad_row"),
        (json!({ "id": [["a"]] }), "bad_row"),
        (json!({ "id": "x".repeat(1100) }), "too_large"),
        (json!({ "id": 1, "text": "x".repeat(ROW_BYTES_MAX) }), "too_large"),
        (json!({ "id": 1, "tags": (0..257).collect::<Vec<_>>() }), "too_large"),
    ] {
        let rows_tree = world.tree(0, "wishes");
        let told = world.now(0, Operation::Put { rows_tree, rows: document(json!([{ "id": 7 }, row])) });
        assert!(refused(code)(&told), "{told:?}");
    }
    assert_eq!(world.rows(0, "wishes", "", json!({})), Vec::<Value>::new(), "nothing of a refused commit is left");
    let told = world.now(0, Operation::Put { rows_tree: pannier::collection::TreeId(0x11), rows: document(json!([])) });
    assert!(refused("bad_args")(&told), "carts are written by mutations: {told:?}");
}

#[test]
fn equal_values_in_a_unique_index_are_refused_by_name_and_key() {
    let mut world = open();
    world.put(0, "wishes", json!([{ "id": 1, "sku": "A" }, { "id": 2, "sku": "B" }, { "id": 3 }, { "id": 4 }]));
    world.settle();
    let rows_tree = world.tree(0, "wishes");
    let put = |rows: Value| Operation::Put { rows_tree, rows: document(rows) };
    let told = world.now(0, put(json!([{ "id": 5, "sku": "C" }, { "id": 6, "sku": "A" }])));
    let Told::Refused(code, detail) = told else { panic!("{told:?}") };
    assert_eq!((code.as_str(), &detail["field"], &detail["key"]), ("unique", &json!("bySku"), &json!([1])));
    assert_eq!(ids(&world.rows(0, "wishes", "", json!({}))), json!([1, 2, 3, 4]));
    assert!(refused("unique")(&world.now(0, put(json!([{ "id": 5, "sku": "C" }, { "id": 6, "sku": "C" }])))));
    // Rows of one commit may change places.
    assert_eq!(world.now(0, put(json!([{ "id": 1, "sku": "B" }, { "id": 2, "sku": "A" }]))), Told::Durable);
    assert_eq!(ids(&world.rows(0, "wishes", "bySku", json!({ "gte": ["A"], "lte": ["A"] }))), json!([2]));
    world.check(0);
}

#[test]
fn two_tabs_cannot_both_take_a_unique_value() {
    for seed in 0..200 {
        let mut world = open();
        world.open(vec![wishes()], &[]);
        world.settle();
        let tickets = [0, 1].map(|at| world.put(at, "wishes", json!([{ "id": at, "sku": "A" }])));
        let mut random = Random(seed);
        for _ in 0..random.below(40) {
            let (at, what) = (random.below(2) as usize, random.below(4));
            world.step(at, what);
        }
        world.settle();
        let told = [0, 1].map(|at| world.tab(at).told(tickets[at]).expect("an answer"));
        let refusals = told.iter().filter(|told| refused("unique")(told)).count();
        assert_eq!(refusals, 1, "seed {seed}: {told:?}");
        for at in 0..2 {
            assert_eq!(world.rows(at, "wishes", "", json!({})).len(), 1);
            world.check(at);
        }
    }
}

#[test]
fn a_row_has_an_entry_for_each_of_its_items() {
    let mut world = open();
    world.put(
        0,
        "wishes",
        json!([
            { "id": 1, "tags": ["red", "wool", "red"], "price": 5 },
            { "id": 2, "tags": ["red"], "price": 3 },
            { "id": 3, "tags": [] },
            { "id": 4, "tags": "wool" },
            { "id": 5 }
        ]),
    );
    world.settle();
    let by = |tag: Value| json!({ "gte": [tag], "lte": [tag] });
    assert_eq!(ids(&world.rows(0, "wishes", "byTag", by(json!("red")))), json!([2, 1]));
    assert_eq!(ids(&world.rows(0, "wishes", "byTag", by(json!("wool")))), json!([4, 1]));
    assert_eq!(ids(&world.rows(0, "wishes", "byTag", by(Value::Null))), json!([5]));
    world.put(0, "wishes", json!([{ "id": 1, "tags": ["wool"], "price": 5 }]));
    world.settle();
    assert_eq!(ids(&world.rows(0, "wishes", "byTag", by(json!("red")))), json!([2]));
    world.check(0);
}

#[test]
fn a_row_past_its_time_is_in_no_read_and_in_nobody_s_way() {
    let mut world = open();
    let until = world.now_ms + 1000;
    world.put(
        0,
        "wishes",
        json!([
            { "id": 1, "sku": "A", "until": until, "tags": ["red"] },
            { "id": 2, "sku": "B", "until": until + 1, "tags": ["red"] },
            { "id": 3, "sku": "C", "until": "never", "tags": ["red"] }
        ]),
    );
    world.settle();
    let count = |world: &mut World, index: &str, asked: Value| {
        let query = world.query(0, "wishes", index, asked);
        world.tab(0).client.count(0, query).expect("a count")
    };
    assert_eq!(count(&mut world, "", json!({})), 3);
    world.now_ms = until;
    assert_eq!(ids(&world.rows(0, "wishes", "", json!({}))), json!([2, 3]));
    assert_eq!(ids(&world.rows(0, "wishes", "bySku", json!({}))), json!([2, 3]));
    assert_eq!(count(&mut world, "", json!({})), 2);
    assert_eq!(count(&mut world, "", json!({ "lt": [2] })), 0);
    assert_eq!(count(&mut world, "byTag", json!({ "gte": ["red"], "lte": ["red"] })), 2);
    let limited = Query { limit: 1, ..world.query(0, "wishes", "", json!({})) };
    assert_eq!(ids(&world.read(0, 0, &limited).expect("rows")), json!([2]), "it takes nobody's place");
    // A new row may have its unique value, and clears it away.
    world.put(0, "wishes", json!([{ "id": 9, "sku": "A" }]));
    world.settle();
    world.check(0);
    let all = Query { now_ms: 0, ..world.query(0, "wishes", "", json!({})) };
    assert_eq!(ids(&world.read(0, 0, &all).expect("rows")), json!([2, 3, 9]));
    // By the index on time, the page deletes what is left.
    world.now_ms += 10;
    let past = Query { now_ms: 0, ..world.query(0, "wishes", "$expires", json!({ "lte": [until + 10] })) };
    assert_eq!(ids(&world.read(0, 0, &past).expect("rows")), json!([2]));
}

#[test]
fn tabs_that_declare_differently_never_write_into_each_other_s_trees() {
    let mut world = World::new();
    let old = vec![declared("wishes", vec![index("byA", &["a"], 0), index("byB", &["b"], 0)])];
    let new = vec![
        declared("drafts", vec![index("byC", &["c"], 0)]),
        declared("wishes", vec![index("byB", &["c"], 0), index("byA", &["a"], 0)]),
    ];
    world.open(old, &[]);
    world.settle();
    world.put(0, "wishes", json!([{ "id": 1, "a": 5, "b": 6, "c": 7 }]));
    world.settle();
    world.open(new, &[]);
    world.settle();
    world.put(1, "drafts", json!([{ "id": 2, "c": 1 }]));
    world.put(0, "wishes", json!([{ "id": 3, "a": 1, "b": 2, "c": 9 }]));
    world.settle();
    while world.tab(1).client.is_upkeep_due() {
        world.now(1, Operation::Upkeep);
    }
    world.put(1, "wishes", json!([{ "id": 4, "a": 2, "b": 1, "c": 8 }]));
    world.settle();
    for at in 0..2 {
        world.check(at);
        assert_eq!(ids(&world.rows(at, "wishes", "byA", json!({}))), json!([3, 4, 1]));
    }
    assert_eq!(ids(&world.rows(0, "wishes", "byB", json!({}))), json!([4, 3, 1]), "its own definition");
    assert_eq!(ids(&world.rows(1, "wishes", "byB", json!({}))), json!([1, 4, 3]), "its own definition");
}

#[test]
fn an_index_that_nobody_declares_is_dropped_after_its_days() {
    let mut world = World::new();
    world.open(vec![declared("wishes", vec![index("byA", &["a"], 0)])], &[]);
    world.settle();
    let rows: Vec<Value> = (0..600).map(|id| json!({ "id": id, "a": id })).collect();
    world.put(0, "wishes", json!(rows));
    world.settle();
    let tree = world.tab(0).client.schema().indexes()[0].tree;
    world.tabs[0] = None;
    for (days, trees) in [(29, 2), (2, 1)] {
        world.now_ms += days * 24 * 60 * 60 * 1000;
        let at = world.open(vec![declared("wishes", vec![])], &[]);
        world.settle();
        while world.tab(at).client.is_upkeep_due() {
            world.now(at, Operation::Upkeep);
        }
        // The history's own index is always there.
        assert_eq!(world.tab(at).client.schema().indexes().len(), trees, "after {days} days more");
        assert_eq!(world.entries(at, &[tree.0], &[tree.0 + 1]).is_empty(), trees == 1);
        world.check(at);
        world.tabs[at] = None;
    }
}

#[test]
fn another_key_for_a_collection_that_is_there_is_refused() {
    let mut world = open();
    let other = Declared { key: vec!["sku".into()], ..declared("wishes", vec![]) };
    let at = world.open(vec![other], &[]);
    world.settle();
    assert!(refused("bad_declaration")(&world.tab(at).told(1).expect("an answer")));
    let many = (0..60).map(|number| declared(&format!("c{number}"), vec![])).collect();
    let at = world.open(many, &[]);
    world.settle();
    let Some(Told::Refused(code, detail)) = world.tab(at).told(1) else { panic!("not refused") };
    assert_eq!((code.as_str(), &detail["limit"]), ("bad_declaration", &json!(48)));
}

#[test]
fn queries_name_what_is_wrong_with_them() {
    let mut world = open();
    for (index, asked, field) in [("none", json!({}), "none"), ("bySku", json!({ "gte": "A" }), "gte")] {
        let query = world.query(0, "wishes", index, asked);
        let stop = world.read(0, 0, &query).map(drop).expect_err("not refused");
        let (code, detail) = stop.into_refusal().expect("a refusal");
        assert_eq!((code, detail.as_ref().str("field")), ("bad_args", Some(field)));
    }
}

/// Many rows at once take another way than few: over rows that are there, in
/// any order, and with keys that come twice.
#[test]
fn many_rows_put_at_once_are_what_one_by_one_would_be() {
    for seed in 0..30 {
        let mut random = Random(seed);
        let mut worlds = [World::new(), World::new()];
        for world in &mut worlds {
            world.open(vec![declared("catalog", vec![index("byPrice", &["price"], 0)]), wishes()], &[]);
            world.settle();
        }
        for round in 0..4 {
            let keys = [10, 900][random.below(2) as usize];
            let mut rows: Vec<Value> = (0..keys)
                .map(|_| json!({ "id": random.below(600), "price": random.below(50), "version": random.below(3), "text": "" }))
                .collect();
            if round % 2 == 0 {
                rows.sort_by_key(|row| row["id"].as_u64());
            }
            worlds[0].put(0, "catalog", json!(rows));
            for row in rows {
                worlds[1].put(0, "catalog", json!([row]));
            }
            let [one, other] = &mut worlds;
            for index in ["", "byPrice"] {
                assert_eq!(
                    one.rows(0, "catalog", index, json!({})),
                    other.rows(0, "catalog", index, json!({})),
                    "{seed}"
                );
            }
            for world in &mut worlds {
                if random.below(2) == 0 {
                    world.settle();
                }
                world.check(0);
            }
        }
    }
}

#[test]
fn many_rows_of_which_two_share_a_unique_value_change_nothing() {
    let mut world = open();
    world.put(0, "wishes", json!([{ "id": 5, "sku": "five", "price": 1 }]));
    world.settle();
    let rows_tree = world.tree(0, "wishes");
    let rows = |other: u64| -> Vec<Value> {
        (0..800).map(|id| json!({ "id": id, "sku": if id == 700 { other } else { id } })).collect()
    };
    let put = |rows: Vec<Value>| Operation::Put { rows_tree, rows: document(json!(rows)) };
    let before = world.entries(0, &[0], &[0xFF]);
    assert!(refused("unique")(&world.now(0, put(rows(3)))));
    assert_eq!(world.entries(0, &[0], &[0xFF]), before);
    assert_eq!(world.now(0, put(rows(700))), Told::Durable);
    assert_eq!(world.rows(0, "wishes", "bySku", json!({ "is": ["five"] })), Vec::<Value>::new());
    world.check(0);
}

/// Their encodings begin alike: trailing zeros of a number are left out, and a zero in a string is written as two bytes.
#[test]
fn what_begins_with_the_bytes_of_a_bound_is_not_equal_to_it() {
    for [one, other] in [[json!(65536), json!(65537)], [json!(1024), json!(1024.1)], [json!("a"), json!("a\u{0}")]] {
        let mut world = open();
        let rows = json!([{ "id": one, "sku": one }, { "id": other, "sku": other }]);
        let rows_tree = world.tree(0, "wishes");
        let put = Operation::Put { rows_tree, rows: document(rows) };
        assert_eq!(world.now(0, put), Told::Durable);
        for index in ["", "bySku"] {
            assert_eq!(ids(&world.rows(0, "wishes", index, json!({ "lte": [one] }))), json!([one]));
            assert_eq!(ids(&world.rows(0, "wishes", index, json!({ "gt": [one] }))), json!([other]));
        }
        world.check(0);
    }
    // A row that expires a little later has not expired.
    let mut world = open();
    world.now_ms = 3 << 39;
    world.put(0, "wishes", json!([{ "id": 1, "until": (3_u64 << 39) + 1 }]));
    world.settle();
    assert_eq!(world.rows(0, "wishes", "", json!({})).len(), 1);
    let query = world.query(0, "wishes", "", json!({}));
    assert_eq!(world.count(0, 0, &query), 1);
}

#[test]
fn rows_of_16_mib_are_kept_in_records_of_any_length() {
    for record_bytes_max in [64 * 1024, 1024 * 1024, 32 * 1024 * 1024] {
        let mut world = World { record_bytes_max, ..World::new() };
        world.open(vec![wishes()], &[]);
        world.settle();
        // A row of a string is some bytes longer than it.
        let row = |id: u64, bytes: usize| json!({ "id": id, "text": "x".repeat(bytes) });
        let lengths = [1024 * 1024, 5_000_000, ROW_BYTES_MAX - 100];
        for (id, bytes) in lengths.iter().enumerate() {
            let ticket = world.put(0, "wishes", json!([row(id as u64, *bytes)]));
            world.settle();
            assert_eq!(world.tab(0).told(ticket), Some(Told::Durable));
        }
        let ticket = world.put(0, "wishes", json!([row(9, ROW_BYTES_MAX)]));
        world.settle();
        let told = world.tab(0).told(ticket);
        assert!(matches!(&told, Some(Told::Refused(code, detail))
            if code == "too_large" && detail["limit"] == json!(ROW_BYTES_MAX)));
        world.tabs[0] = None;
        let tab = world.open(vec![wishes()], &[]);
        world.settle();
        for (id, bytes) in lengths.iter().enumerate() {
            let rows = world.rows(tab, "wishes", "", json!({ "is": [id] }));
            assert!(rows == [row(id as u64, *bytes)], "{bytes} bytes in records of {record_bytes_max}");
        }
        world.check(tab);
    }
}

#[test]
fn a_range_is_deleted_in_one_commit_up_to_a_number_of_rows() {
    let mut world = World::new();
    world.open(vec![wishes()], &[]);
    world.settle();
    let count = ROWS_DELETED_MAX + 1;
    for from in (0..count).step_by(10_000) {
        let rows: Vec<Value> = (from..count.min(from + 10_000)).map(|id| json!({ "id": id })).collect();
        world.put(0, "wishes", json!(rows));
        world.settle();
    }
    let rows_tree = world.tree(0, "wishes");
    let left = |world: &mut World| {
        let all = world.query(0, "wishes", "", json!({}));
        world.count(0, 0, &all)
    };
    let delete =
        |world: &mut World, asked: Value| world.now(0, Operation::DeleteRange { rows_tree, asked: document(asked) });
    for asked in [json!({}), json!({ "limit": count })] {
        let told = delete(&mut world, asked);
        assert!(matches!(&told, Told::Refused(code, detail)
            if code == "too_large" && (&detail["limit"], &detail["bytes"]) == (&json!(ROWS_DELETED_MAX), &json!(count))));
        assert_eq!(left(&mut world), count);
    }
    // One more than is looked at together.
    assert_eq!(delete(&mut world, json!({ "gte": [5], "limit": 1025 })), Told::Durable);
    assert_eq!(left(&mut world), count - 1025);
    let first = world.rows(0, "wishes", "", json!({ "lt": [1031] }));
    assert_eq!(ids(&first), json!([0, 1, 2, 3, 4, 1030]));
    assert_eq!(delete(&mut world, json!({ "limit": 0 })), Told::Durable);
    let commits = world.log.len();
    assert_eq!(delete(&mut world, json!({})), Told::Durable);
    assert_eq!((left(&mut world), world.log.len()), (0, commits + 1));
    world.check(0);
}

#[test]
fn equal_values_in_one_bulk_are_refused_and_rows_may_change_places_in_one() {
    let mut world = World::new();
    world.open(vec![declared("wishes", vec![index("bySku", &["sku"], UNIQUE)])], &[]);
    world.settle();
    let rows_tree = world.tree(0, "wishes");
    let row = |id: u64, sku: u64| json!({ "id": id, "sku": format!("S{sku}") });
    let put = |rows: Vec<Value>| Operation::Put { rows_tree, rows: document(json!(rows)) };
    // The two lie far apart, or are written one after the other.
    for (first, last) in [(0, 499), (250, 251), (499, 0)] {
        let rows = (0..500).map(|id| row(id, if id == last { first } else { id }));
        assert!(refused("unique")(&world.now(0, put(rows.collect()))));
        assert_eq!(world.rows(0, "wishes", "", json!({})), Vec::<Value>::new());
    }
    assert_eq!(world.now(0, put((0..500).map(|id| row(id, id)).collect())), Told::Durable);
    assert_eq!(world.now(0, put((0..500).map(|id| row(id, 499 - id)).collect())), Told::Durable);
    assert!(refused("unique")(&world.now(0, put((0..499).map(|id| row(id, id)).collect()))));
    world.check(0);
}

#[test]
fn a_null_among_the_fields_of_a_unique_index_equals_nothing() {
    let mut world = World::new();
    world.open(vec![declared("wishes", vec![index("byBoth", &["a", "b"], UNIQUE)])], &[]);
    world.settle();
    let rows_tree = world.tree(0, "wishes");
    // The tag of a null is 0x10: a string of it is a value like any other.
    let values = [json!(null), json!(0), json!(16), json!(false), json!(""), json!("\u{10}"), json!("\u{0}\u{10}")];
    let mut id = 0;
    for a in &values {
        for b in &values {
            let mut put = || {
                id += 1;
                let rows = document(json!([{ "id": id, "a": a, "b": b }]));
                world.now(0, Operation::Put { rows_tree, rows })
            };
            assert_eq!(put(), Told::Durable, "{a}, {b}");
            let again = put();
            assert_eq!(again == Told::Durable, a.is_null() || b.is_null(), "{a}, {b}: {again:?}");
        }
    }
    world.check(0);
}

/// Puts that wait are executed together where they can be: each comes to what it would come to alone.
#[test]
fn puts_that_wait_together_come_to_what_they_come_to_one_by_one() {
    let [mut together, mut singly] = [(); 2].map(|()| {
        let mut world = World::new();
        let catalog = declared("catalog", vec![index("byPrice", &["price"], 0), index("byTag", &["tags"], MULTI)]);
        let collections = || vec![catalog.clone(), wishes()];
        world.open(collections(), &[]);
        world.settle();
        let row = |id: u64| json!({ "id": id, "price": id % 50, "text": "x".repeat(300) });
        world.put(0, "catalog", json!((0..2000).map(row).collect::<Vec<_>>()));
        world.put(0, "wishes", json!([{ "id": 5, "sku": "five" }]));
        world.tab(0).client.checkpoint();
        world.settle();
        // Anew, with no segment in memory: what is written waits for what was there.
        world.tabs.clear();
        world.open(collections(), &[]);
        world.settle();
        world
    });
    let mut random = Random(1);
    // Of one commit, the second would make room for the first.
    let mut puts = vec![("wishes", json!([{ "id": 6, "sku": "five" }])), ("wishes", json!([{ "id": 5, "sku": 1 }]))];
    puts.extend((0..100).map(|id| ("catalog", json!([{ "id": 20 * id, "price": 1, "tags": [id] }]))));
    for _ in 0..300 {
        let id = random.below(2100);
        puts.push(match random.below(12) {
            0 => ("catalog", json!([{ "price": 1 }])),
            1 => ("catalog", json!([{ "id": id, "price": 1, "tags": (0..300).collect::<Vec<_>>() }])),
            2 => ("wishes", json!([{ "id": id % 40, "sku": id % 20 }])),
            3 => ("wishes", json!([{ "id": 6, "sku": "five" }])),
            4 => ("wishes", json!([{ "id": 5, "sku": id % 20 }])),
            _ => ("catalog", json!([{ "id": id, "price": id % 7, "tags": [id % 3] }, { "id": id + 1, "price": 9 }])),
        });
    }
    let mut alone = Vec::new();
    for (name, rows) in &puts {
        let ticket = singly.put(0, name, rows.clone());
        singly.settle();
        alone.push(singly.tab(0).told(ticket));
    }
    let mut operations = Vec::new();
    for (name, rows) in puts {
        operations.push(Operation::Put { rows_tree: together.tree(0, name), rows: document(rows) });
    }
    let (count, now_ms) = (operations.len() as u64, together.now_ms);
    let last = together.tab(0).client.submit_all(operations, now_ms);
    together.settle();
    let told: Vec<_> = (last - count + 1..=last).map(|ticket| together.tab(0).told(ticket)).collect();
    assert_eq!(told, alone);
    assert!(told.iter().filter(|told| **told != Some(Told::Durable)).count() > 50);
    assert_eq!(together.entries(0, &[0], &[0xFF]), singly.entries(0, &[0], &[0xFF]));
    together.check(0);
}
