//! Rows of collections of a shop's own, by the rule of each.

use super::*;
use crate::shop::own;
use crate::sync::mutation::Id;
use crate::sync::rows::{Merge, OWN_NAME_BYTES_MAX, Own};
use alloc::format;

/// The tag of what mutation number `number` put.
fn tag(number: u8) -> u64 {
    u64::from_le_bytes([number; 8]) & crate::sync::wire::NUMBER_MAX
}

/// Steps `[name, args, status, code]` of mutations 1, 2, …, all about `key` of `collection`, and the row at the end.
fn check_row(collection: &str, steps: Json, end: Json) {
    let mut rows = MemoryRows::default();
    for (number, step) in (1..).zip(steps.as_array().expect("steps")) {
        let mut args = step[1].clone();
        (args["collection"], args["key"]) = (json!(collection), json!("k"));
        let context = Context { id: Id([number; 16]), ..Context::at(NOW) };
        let name = step[0].as_str().expect("name");
        let before = rows.0.clone();
        let verdict = ShopRules.execute(name, 1, &document(&args), &context, &mut rows).expect("in memory");
        assert_eq!(json!([verdict.status.name(), verdict.code]), json!([step[2], step[3]]), "{collection}, {step}");
        if matches!(verdict.status.name(), "noop" | "rejected") {
            assert_eq!(rows.0, before, "{step} changed something");
        } else {
            assert_eq!(json(&verdict.detail), json!({"collection": collection, "key": "k"}));
        }
    }
    let row = rows.0.values().next().map_or(Json::Null, json);
    assert_eq!(row, end, "{collection}, {steps}");
}

#[test]
fn the_last_writer_stands() {
    let put = |note: &str| json!(["row.put", {"row": {"id": "k", "note": note}}, "applied", null]);
    check_row("last-writer:drafts", json!([put("a"), put("b")]), json!({"id": "k", "note": "b"}));
    let delete = json!(["row.delete", {}, "applied", null]);
    check_row("last-writer:drafts", json!([put("a"), delete, ["row.delete", {}, "noop", "row_gone"]]), Json::Null);
    check_row("last-writer:drafts", json!([put("a"), delete, put("b")]), json!({"id": "k", "note": "b"}));
}

#[test]
fn an_addition_that_the_remover_has_not_seen_stays() {
    let put = json!(["row.put", {"row": {"id": "k"}}, "applied", null]);
    let remove = |seen: u8, status: &str, code: Option<&str>| json!(["row.delete", {"seen": tag(seen)}, status, code]);
    check_row("add-wins:wishes", json!([put, remove(1, "applied", None)]), Json::Null);
    let late = remove(1, "noop", Some("added_elsewhere"));
    check_row("add-wins:wishes", json!([put, put, late]), json!({"id": "k", "$tag": tag(2)}));
    // Gone and back again since.
    let steps = json!([put, remove(1, "applied", None), put, late]);
    check_row("add-wins:wishes", steps, json!({"id": "k", "$tag": tag(3)}));
    check_row(
        "add-wins:wishes",
        json!([put, ["row.delete", {}, "noop", "added_elsewhere"]]),
        json!({"id": "k", "$tag": tag(1)}),
    );
}

#[test]
fn all_that_was_added_counts() {
    let add = |by: Json| json!(["row.add", {"row": {"id": "k"}, "by": by}, "applied", null]);
    let put = json!(["row.put", {"row": {"id": "k", "n": 5, "name": "x"}}, "applied", null]);
    check_row(
        "counter:points",
        json!([add(json!({"n": 2})), add(json!({"n": -3, "m": 1}))]),
        json!({"id": "k", "n": -1, "m": 1}),
    );
    check_row("counter:points", json!([put, add(json!({"n": 2}))]), json!({"id": "k", "n": 7, "name": "x"}));
    let bad = |by: Json| json!(["row.add", {"row": {"id": "k"}, "by": by}, "rejected", "bad_args"]);
    let end = json!({"id": "k", "n": 5, "name": "x"});
    for by in [json!({"name": 1}), json!({"n": "1"}), json!({"n": 9_007_199_254_740_991_u64}), json!(1)] {
        check_row("counter:points", json!([put, bad(by)]), end.clone());
    }
}

#[test]
fn what_fits_no_rule_is_refused_with_its_field() {
    let long = "x".repeat(own::OWN_ROW_BYTES_MAX);
    for (name, args, field) in [
        (own::PUT, json!({"collection": "wishes", "key": "k", "row": {}}), "collection"),
        (own::PUT, json!({"collection": "cart", "key": "k", "row": {}}), "collection"),
        (own::PUT, json!({"collection": "last-writer:a", "key": "", "row": {}}), "key"),
        (own::PUT, json!({"collection": "last-writer:a", "key": "k", "row": [1]}), "row"),
        (own::PUT, json!({"collection": "last-writer:a", "key": "k", "row": {"a": long}}), "row"),
        (own::DELETE, json!({"collection": "last-writer:a"}), "key"),
        (own::ADD, json!({"collection": "last-writer:a", "key": "k", "row": {}, "by": {"n": 1}}), "collection"),
        (own::ADD, json!({"collection": "counter:a", "key": "k", "row": {}}), "by"),
    ] {
        let verdict = run(&mut MemoryRows::default(), name, &document(&args), NOW);
        assert_eq!((verdict.code, verdict.detail.as_ref().str("field")), (Some("bad_args"), Some(field)), "{args}");
    }
}

#[test]
fn a_name_has_its_rule_and_nothing_else() {
    let longest = "x".repeat(OWN_NAME_BYTES_MAX);
    for (text, merge) in [
        ("last-writer:drafts", Merge::LastWriter),
        ("add-wins:A-1_b", Merge::AddWins),
        ("counter:n", Merge::Counter),
        (&format!("server-decides:{longest}"), Merge::ServerDecides),
    ] {
        let own = Own::parse(text).expect(text);
        assert_eq!((own.name(), own.merge()), (text, merge));
        assert_eq!(own.bare_name(), text.split_once(':').expect("a colon").1);
    }
    let too_long = format!("counter:{longest}x");
    for text in [
        "",
        "wishes",
        "cart",
        ":a",
        "counter:",
        "counter:ä",
        "counter:a b",
        "sum:a",
        "Counter:a",
        "counter:a:b",
        &too_long,
    ] {
        assert_eq!(Own::parse(text), None, "{text}");
    }
}

#[test]
fn rows_from_before_are_put_and_removals_tell_what_they_saw() {
    let own = Own::parse("add-wins:wishes").expect("a name");
    let mut rows = MemoryRows::default();
    let row = document(&json!({"id": "k", "$tag": 7}));
    let (name, args) = ShopRules.recreate(Collection::Own(own), "k", &row).expect("a mutation");
    assert_eq!((name, json(&args)["row"].clone()), (own::PUT, json(&row)));
    let asked = document(&json!({"collection": "add-wins:wishes", "key": "k"}));
    assert_eq!(ShopRules.prepare(own::DELETE, &asked, &mut rows), Ok(asked.clone()));
    rows.put(Collection::Own(own), "k", &row).expect("put");
    let seen = ShopRules.prepare(own::DELETE, &asked, &mut rows).expect("rows in memory");
    assert_eq!(json(&seen), json!({"collection": "add-wins:wishes", "key": "k", "seen": 7}));
}
