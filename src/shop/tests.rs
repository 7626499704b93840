//! Every rule, as data: steps with their verdicts, and the cart at the end.

use super::{ShopRules, cart, coupon, history, line::line_key, order, product};
use crate::format::document::{Document, Value};
use crate::stop::{Stop, Why};
use crate::sync::client::ClientRules;
use crate::sync::mutation::{Context, Rules, Verdict};
use crate::sync::rows::{Collection, Rows};
use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use serde_json::{Value as Json, json};

mod own;

const NOW: u64 = 1_700_000_000_000;

/// Rows in memory.
#[derive(Default)]
struct MemoryRows(BTreeMap<(Collection, String), Document>);

impl Rows for MemoryRows {
    fn get(&mut self, collection: Collection, key: &str) -> Result<Option<Document>, Stop> {
        Ok(self.0.get(&(collection, key.into())).cloned())
    }

    fn put(&mut self, collection: Collection, key: &str, value: &Document) -> Result<(), Stop> {
        self.0.insert((collection, key.into()), value.clone());
        Ok(())
    }

    fn delete(&mut self, collection: Collection, key: &str) -> Result<(), Stop> {
        self.0.remove(&(collection, key.into()));
        Ok(())
    }

    fn scan(
        &mut self,
        collection: Collection,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Document)>, Stop> {
        let rows =
            self.0.iter().filter(|((kind, key), _)| *kind == collection && after.is_none_or(|after| &key[..] > after));
        Ok(rows.take(limit).map(|((_, key), row)| (key.clone(), row.clone())).collect())
    }

    fn own(&mut self) -> Result<Vec<Collection>, Stop> {
        let own = self.0.keys().filter(|(kind, _)| matches!(kind, Collection::Own(_)));
        Ok(own.map(|(kind, _)| *kind).collect())
    }

    fn count(&mut self, collection: Collection) -> Result<u64, Stop> {
        Ok(self.0.keys().filter(|(kind, _)| *kind == collection).count() as u64)
    }
}

fn document(value: &Json) -> Document {
    serde_json::from_value(value.clone()).expect("a document")
}

fn json(document: &Document) -> Json {
    serde_json::to_value(document).expect("JSON")
}

fn run(rows: &mut MemoryRows, name: &str, args: &Document, now_ms: u64) -> Verdict {
    ShopRules.execute(name, 1, args, &Context::at(now_ms), rows).expect("rows in memory do not fail")
}

/// A case: products, steps `[name, args, status, code, detail]`, and each row
/// of the cart as `[qty, gen, added]`.
fn check(case: &str, catalog: Json, steps: Json, end: Json) {
    let mut rows = MemoryRows::default();
    for (sku, product) in catalog.as_object().expect("products") {
        rows.put(Collection::Catalog, sku, &document(product)).expect("put");
    }
    for (index, step) in steps.as_array().expect("steps").iter().enumerate() {
        let before = rows.0.clone();
        let verdict = run(&mut rows, step[0].as_str().expect("name"), &document(&step[1]), NOW);
        let got = json!([verdict.status.name(), verdict.code, serde_json::to_value(&verdict.detail).expect("detail")]);
        assert_eq!(got, json!([step[2], step[3], step[4]]), "{case}, step {index}: {step}");
        if matches!(verdict.status.name(), "noop" | "rejected") {
            assert_eq!(rows.0, before, "{case}, step {index}: wrote rows");
        }
    }
    let mut cart = serde_json::Map::new();
    for (key, row) in rows.scan(Collection::Cart, None, 1000).expect("scan") {
        let row = row.as_ref();
        assert_eq!(row.bool("removed") == Some(true), row.u64("qty") == Some(0), "{case}: {key}");
        cart.insert(key, json!([row.u64("qty"), row.u64("gen"), row.u64("added")]));
    }
    assert_eq!(Json::Object(cart), end, "{case}: end state");
}

fn add(qty: u64) -> Json {
    json!(["cart.add", {"line": "A", "sku": "A", "qty": qty}, "applied", null, {"line": "A", "sku": "A"}])
}

fn plain(name: &str, args: Json) -> Json {
    json!([name, args, "applied", null, {"line": "A", "sku": "A"}])
}

fn gone(name: &str, args: Json) -> Json {
    json!([name, args, "noop", "line_gone", {"line": "A"}])
}

#[test]
fn concurrent_edits_in_both_orders() {
    let remove = json!({"line": "A", "gen": 1, "seenAdded": 2});
    let five = json!({"line": "A", "gen": 1, "to": 5, "seen": 2});
    let three = json!({"line": "A", "gen": 1, "to": 3, "seen": 2});
    let more = json!({"line": "A", "by": 1});
    let none = json!({});
    check("5: two adds", none.clone(), json!([add(1), add(2)]), json!({"A": [3, 1, 3]}));
    check("5: two adds, reversed", none.clone(), json!([add(2), add(1)]), json!({"A": [3, 1, 3]}));
    check(
        "6: remove, add",
        none.clone(),
        json!([add(2), plain("cart.remove", remove.clone()), add(1)]),
        json!({"A": [1, 2, 3]}),
    );
    let left =
        json!(["cart.remove", remove, "adjusted", "added_elsewhere", {"line": "A", "sku": "A", "asked": 0, "got": 1}]);
    check("6: add, remove", none.clone(), json!([add(2), add(1), left]), json!({"A": [1, 1, 3]}));
    check(
        "7: remove, set",
        none.clone(),
        json!([add(2), plain("cart.remove", remove.clone()), gone("cart.setQty", five.clone())]),
        json!({"A": [0, 1, 2]}),
    );
    check(
        "7: set, remove",
        none.clone(),
        json!([add(2), plain("cart.setQty", five.clone()), plain("cart.remove", remove.clone())]),
        json!({"A": [0, 1, 2]}),
    );
    let found = |args: &Json, found: u64| json!(["cart.setQty", args, "applied", null, {"line": "A", "sku": "A", "found": found}]);
    check(
        "8: set 5, set 3",
        none.clone(),
        json!([add(2), plain("cart.setQty", five.clone()), found(&three, 5)]),
        json!({"A": [3, 1, 2]}),
    );
    check(
        "8: set 3, set 5",
        none.clone(),
        json!([add(2), plain("cart.setQty", three.clone()), found(&five, 3)]),
        json!({"A": [5, 1, 2]}),
    );
    check(
        "9: set, adjust",
        none.clone(),
        json!([add(2), plain("cart.setQty", five.clone()), plain("cart.adjust", more.clone())]),
        json!({"A": [6, 1, 3]}),
    );
    check(
        "9: adjust, set",
        none.clone(),
        json!([add(2), plain("cart.adjust", more.clone()), found(&five, 3)]),
        json!({"A": [5, 1, 3]}),
    );
    check(
        "10: both remove",
        none.clone(),
        json!([add(2), plain("cart.remove", remove.clone()), gone("cart.remove", remove.clone())]),
        json!({"A": [0, 1, 2]}),
    );
    let stale = |name: &str, args: &Json| json!([name, args, "noop", "stale_gen", {"line": "A", "sku": "A"}]);
    check(
        "11: stale remove and set",
        none.clone(),
        json!([
            add(2),
            plain("cart.remove", remove.clone()),
            add(4),
            stale("cart.remove", &remove),
            stale("cart.setQty", &five)
        ]),
        json!({"A": [4, 2, 6]}),
    );
    let select = json!({"line": "A", "selected": false});
    check(
        "13: remove, select",
        none.clone(),
        json!([add(2), plain("cart.remove", remove.clone()), gone("cart.select", select.clone())]),
        json!({"A": [0, 1, 2]}),
    );
    check(
        "13: select, remove",
        none.clone(),
        json!([add(2), plain("cart.select", select), plain("cart.remove", remove)]),
        json!({"A": [0, 1, 2]}),
    );
}

#[test]
fn clear_keeps_what_was_not_seen() {
    let add_b = json!(["cart.add", {"line": "B", "sku": "B", "qty": 1}, "applied", null, {"line": "B", "sku": "B"}]);
    let seen = json!({"lines": [{"line": "A", "gen": 1, "seenAdded": 2}]});
    let clear = json!(["cart.clear", seen, "applied", null, {}]);
    check("12: add, clear", json!({}), json!([add(2), add_b, clear]), json!({"A": [0, 1, 2], "B": [1, 1, 1]}));
    check("12: clear, add", json!({}), json!([add(2), clear, add_b]), json!({"A": [0, 1, 2], "B": [1, 1, 1]}));
    check("nothing left to clear", json!({}), json!([["cart.clear", seen, "noop", "line_gone", {}]]), json!({}));
    let survives =
        json!(["cart.clear", seen, "adjusted", "added_elsewhere", {"lines": [{"line": "A", "sku": "A", "got": 3}]}]);
    check("an unseen add survives", json!({}), json!([add(2), add(3), survives]), json!({"A": [3, 1, 5]}));
    let stale =
        json!(["cart.clear", seen, "adjusted", "added_elsewhere", {"lines": [{"line": "A", "sku": "A", "got": 3}]}]);
    let remove = plain("cart.remove", json!({"line": "A", "gen": 1, "seenAdded": 2}));
    check("an old generation survives", json!({}), json!([add(2), remove, add(3), stale]), json!({"A": [3, 2, 5]}));
}

#[test]
fn quantities_are_held_to_limits() {
    let short = |name: &str, args: Json, code: &str, asked: i64, got: i64| json!([name, args, "adjusted", code, {"line": "A", "sku": "A", "asked": asked, "got": got}]);
    let more = |qty: u64| json!({"line": "A", "sku": "A", "qty": qty});
    let by = |by: i64| json!({"line": "A", "by": by});
    let to = |to: u64, seen: u64| json!({"line": "A", "gen": 1, "to": to, "seen": seen});
    let stock = json!({"A": {"stock": 3}});
    check(
        "14: adjust -3 on 2",
        json!({}),
        json!([add(2), short("cart.adjust", by(-3), "below_zero", -3, -2)]),
        json!({"A": [0, 1, 2]}),
    );
    check("adjust to 0", json!({}), json!([add(2), plain("cart.adjust", by(-2))]), json!({"A": [0, 1, 2]}));
    check("adjust a gone line", json!({}), json!([gone("cart.adjust", by(1))]), json!({}));
    check(
        "stock holds adds",
        stock.clone(),
        json!([short("cart.add", more(5), "stock", 5, 3), short("cart.add", more(1), "stock", 1, 0)]),
        json!({"A": [3, 1, 3]}),
    );
    check(
        "no stock, no line",
        json!({"A": {"stock": 0}}),
        json!([short("cart.add", more(1), "stock", 1, 0)]),
        json!({}),
    );
    check(
        "stock holds adjust",
        stock.clone(),
        json!([add(2), short("cart.adjust", by(2), "stock", 2, 1)]),
        json!({"A": [3, 1, 3]}),
    );
    check(
        "stock holds set",
        stock.clone(),
        json!([add(2), short("cart.setQty", to(5, 2), "stock", 5, 3)]),
        json!({"A": [3, 1, 2]}),
    );
    check(
        "set that finds another quantity and a limit",
        stock,
        json!([add(2), ["cart.setQty", to(5, 1), "adjusted", "stock",
            {"line": "A", "sku": "A", "asked": 5, "got": 3, "found": 2}]]),
        json!({"A": [3, 1, 2]}),
    );
    check("set to 0", json!({}), json!([add(2), plain("cart.setQty", to(0, 2))]), json!({"A": [0, 1, 2]}));
    check(
        "the product's limit",
        json!({"A": {"stock": 9, "maxQty": 2}}),
        json!([short("cart.add", more(5), "limit", 5, 2)]),
        json!({"A": [2, 1, 2]}),
    );
    check(
        "the common limit",
        json!({}),
        json!([short("cart.add", more(10_000), "limit", 10_000, 9999)]),
        json!({"A": [9999, 1, 9999]}),
    );
    check(
        "38: delisted",
        json!({"A": {"delisted": true}}),
        json!([["cart.add", more(1), "rejected", "delisted", {"line": "A", "sku": "A"}]]),
        json!({}),
    );
}

#[test]
fn bad_arguments_are_rejected() {
    let bad = |name: &str, args: Json, field: &str, why: &str| json!([name, args, "rejected", "bad_args", {"field": field, "why": why}]);
    let long = "x".repeat(401);
    let options: serde_json::Map<String, Json> = (0..17).map(|index| (index.to_string(), json!("v"))).collect();
    let claim = |line: Json| json!({"anonymous": "a", "secret": "s", "lines": [line]});
    let many_key = line_key("A", Some(document(&json!(options)).as_ref()));
    let steps = json!([
        bad("cart.add", json!(null), "sku", "is not a string"),
        bad("cart.add", json!([1]), "sku", "is not a string"),
        bad("cart.add", json!({"sku": ""}), "sku", "is empty"),
        bad("cart.add", json!({"sku": long}), "sku", "is longer than 400 bytes"),
        bad("cart.add", json!({"sku": "A", "line": "B", "qty": 1}), "line", "is not the key of sku and options"),
        bad("cart.add", json!({"sku": "A", "line": "A", "qty": 0}), "qty", "is too small"),
        bad("cart.add", json!({"sku": "A", "line": "A", "qty": 1.5}), "qty", "is not an integer"),
        bad("cart.add", json!({"sku": "A", "line": "A", "qty": 1, "quote": 5}), "quote", "is not an object"),
        bad(
            "cart.add",
            json!({"sku": "A", "line": "A", "qty": 1, "quote": {"title": "x".repeat(1024)}}),
            "quote",
            "is longer than 1024 bytes"
        ),
        bad(
            "cart.add",
            json!({"sku": "A", "line": "A", "options": {"n": 1}}),
            "options",
            "holds a value that is not a string"
        ),
        bad(
            "cart.add",
            json!({"sku": "A", "line": many_key, "options": options}),
            "options",
            "holds more than 16 options"
        ),
        bad("cart.adjust", json!({"line": "A", "by": "1"}), "by", "is not an integer"),
        bad("cart.setQty", json!({"line": "A", "gen": -1, "to": 1, "seen": 1}), "gen", "is too small"),
        bad("cart.setQty", json!({"line": "A", "gen": 1, "to": -1, "seen": 1}), "to", "is too small"),
        bad("cart.remove", json!({"line": "A", "gen": 1}), "seenAdded", "is not an integer"),
        bad("cart.select", json!({"line": "A", "selected": 1}), "selected", "is not a boolean"),
        bad("cart.saveForLater", json!({"line": "A"}), "saved", "is not a boolean"),
        bad("cart.coupon", json!({"code": ""}), "code", "is empty"),
        bad("cart.claim", json!({"anonymous": "a"}), "secret", "is not a string"),
        bad(
            "cart.claim",
            json!({"anonymous": "a", "secret": "s", "policy": 1}),
            "policy",
            "is not max, add, guest, user or ask"
        ),
        bad("cart.claim", json!({"anonymous": "a", "secret": "s"}), "lines", "is not an array"),
        bad("cart.claim", claim(json!({"line": "A", "sku": "A", "qty": 1})), "lines", "holds an item that is no line"),
        bad(
            "cart.claim",
            claim(json!({"line": "B", "sku": "A", "qty": 1, "gen": 1, "added": 1})),
            "lines",
            "holds an item that is no line"
        ),
        bad(
            "cart.claim",
            claim(json!({"line": "A", "options": {"n": 1}})),
            "options",
            "holds a value that is not a string"
        ),
        bad(
            "cart.claim",
            claim(json!({"line": "A", "quote": {"title": "x".repeat(1024)}})),
            "quote",
            "is longer than 1024 bytes"
        ),
        bad("history.visit", json!({"eventId": "cut:", "sku": "A", "at": 1}), "eventId", "is the key of a deletion"),
        bad("history.delete", json!({"until": -1}), "until", "is too small"),
        bad("history.delete", json!({"until": 1, "sku": null}), "sku", "is not a string"),
        bad("order.submit", json!({"orderId": "o", "attempt": 0}), "attempt", "is too small"),
        bad("order.submit", json!({"orderId": "o", "attempt": 1, "lines": 1}), "lines", "is not an array"),
        bad(
            "order.submit",
            json!({"orderId": "o", "attempt": 1, "lines": []}),
            "lines",
            "holds none, or more lines than a cart"
        ),
        bad(
            "order.submit",
            json!({"orderId": "o", "attempt": 1, "lines": [{"sku": "A", "qty": 1, "price": -1}]}),
            "price",
            "is too small"
        ),
        bad(
            "order.submit",
            json!({"orderId": "o", "attempt": 1, "lines": ["x".repeat(70_000)]}),
            "lines",
            "is longer than 65536 bytes"
        ),
        bad("order.cancel", json!({"orderId": "o"}), "version", "is not an integer"),
        bad("cart.clear", json!({"lines": {}}), "lines", "is not an array"),
        bad("cart.clear", json!({"lines": [1]}), "lines", "holds an item that is not an object"),
        bad("history.visit", json!({"eventId": "e", "sku": "A"}), "at", "is not an integer"),
        bad(
            "history.visit",
            json!({"eventId": "e", "sku": "A", "at": 1, "dwell": -1}),
            "dwell",
            "is not a count of milliseconds"
        ),
        ["cart.fly", {}, "rejected", "unknown_mutation", {}],
    ]);
    check("bad arguments", json!({}), steps, json!({}));
    let mut rows = MemoryRows::default();
    let verdict = ShopRules.execute("cart.add", 2, &Document::default(), &Context::at(NOW), &mut rows);
    assert_eq!(verdict.expect("verdict").code, Some("unknown_mutation"));
}

#[test]
fn arguments_are_built_from_the_view() {
    let mut rows = MemoryRows::default();
    let options = document(&json!({"size": "M", "colour": "red"}));
    let quote = document(&json!({"price": 1999, "currency": "EUR"}));
    let args = cart::add_args("A", Some(options.as_ref()), 2, Some(quote.as_ref())).expect("args");
    assert_eq!(run(&mut rows, cart::ADD, &args, NOW).code, None);
    let key = "A?colour=red&size=M";
    let set = cart::set_qty_args(&mut rows, key, 5).expect("rows").expect("line");
    assert_eq!(json(&set), json!({"line": key, "gen": 1, "to": 5, "seen": 2}));
    assert_eq!(run(&mut rows, cart::SELECT, &cart::select_args(key, false), NOW).code, None);
    assert_eq!(run(&mut rows, cart::ADJUST, &cart::adjust_args(key, 1), NOW).code, None);
    let remove = cart::remove_args(&mut rows, key).expect("rows").expect("line");
    assert_eq!(json(&remove), json!({"line": key, "gen": 1, "seenAdded": 3}));
    let clear = cart::clear_args(&mut rows).expect("rows").expect("lines");
    assert_eq!(run(&mut rows, cart::CLEAR, &clear, NOW).code, None);
    let row = rows.get(Collection::Cart, key).expect("rows").expect("tombstone");
    let tombstone = json!({"sku": "A", "options": {"size": "M", "colour": "red"}, "qty": 0, "gen": 1, "added": 3,
        "selected": false, "removed": true, "removedAt": NOW});
    assert_eq!(json(&row), tombstone);
    assert_eq!(cart::set_qty_args(&mut rows, key, 5), Ok(None));
    assert_eq!(cart::remove_args(&mut rows, key), Ok(None));
    assert_eq!(cart::clear_args(&mut rows), Ok(None));
}

#[test]
fn line_keys_are_distinct() {
    let pairs = |value: Json| document(&value);
    assert_eq!(line_key("A", Some(pairs(json!({})).as_ref())), "A");
    assert_eq!(line_key("A", Some(pairs(json!({"b": "2", "a": "1"})).as_ref())), "A?a=1&b=2");
    assert_eq!(line_key("A?a=1", None), "A%3Fa%3D1");
    assert_eq!(line_key("A", Some(pairs(json!({"a": "1&b=2"})).as_ref())), "A?a=1%26b%3D2");
    assert_eq!(line_key("100%茶", None), "100%25茶");
}

#[test]
fn a_full_cart_takes_no_new_line_and_tombstones_are_bounded() {
    let mut rows = MemoryRows::default();
    let add = |rows: &mut MemoryRows, index: usize, now: u64| {
        let sku = alloc::format!("S{index:05}");
        run(rows, cart::ADD, &cart::add_args(&sku, None, 1, None).expect("args"), now).code
    };
    for index in 0..cart::CART_LINES_MAX {
        assert_eq!(add(&mut rows, index, NOW), None);
    }
    assert_eq!(add(&mut rows, 9999, NOW), Some("cart_full"));
    assert_eq!(add(&mut rows, 0, NOW), None);
    for index in 0..600 {
        let now = NOW + index as u64;
        let remove = cart::remove_args(&mut rows, &alloc::format!("S{index:05}")).expect("rows").expect("line");
        assert_eq!(run(&mut rows, cart::REMOVE, &remove, now).code, None);
        assert_eq!(add(&mut rows, index + cart::CART_LINES_MAX, now), None);
        assert!(rows.count(Collection::Cart).expect("count") as usize <= cart::CART_ROWS_MAX);
    }
    // The newest tombstone is still there, the oldest is not.
    assert!(rows.get(Collection::Cart, "S00599").expect("rows").is_some());
    assert!(rows.get(Collection::Cart, "S00000").expect("rows").is_none());
}

#[test]
fn visits_are_a_bounded_set() {
    let mut rows = MemoryRows::default();
    let code = |rows: &mut MemoryRows, id: &str, at: u64| {
        run(rows, history::VISIT, &history::visit_args(id, "A", at, 5), NOW).code
    };
    assert_eq!(code(&mut rows, "future", NOW + 1_000_000), None);
    let row = rows.get(Collection::History, "future").expect("rows").expect("visit");
    assert_eq!(json(&row), json!({"sku": "A", "at": NOW, "dwell": 5}));
    assert_eq!(code(&mut rows, "future", NOW), Some("duplicate"));
    assert_eq!(code(&mut rows, "old", NOW - history::HISTORY_AGE_MS_MAX - 1), Some("too_old"));
    assert_eq!(code(&mut rows, "edge", NOW - history::HISTORY_AGE_MS_MAX), None);
    for index in 0..1300u64 {
        assert_eq!(code(&mut rows, &alloc::format!("e{index}"), NOW - 10_000 + index), None);
        let most = history::HISTORY_VISITS_MAX + history::HISTORY_VISITS_SLACK;
        assert!(rows.count(Collection::History).expect("count") as usize <= most);
    }
    assert!(rows.get(Collection::History, "edge").expect("rows").is_none(), "the oldest go first");
    assert!(rows.get(Collection::History, "e1299").expect("rows").is_some());
    let without =
        Document::object(&[("eventId", Value::Str("x")), ("sku", Value::Str("A")), ("at", Value::Int(NOW as i64))]);
    assert_eq!(run(&mut rows, history::VISIT, &without.expect("args"), NOW).code, None);
}

#[test]
fn a_line_is_put_aside_and_back_until_it_comes_again() {
    let saved = |value: bool| plain("cart.saveForLater", json!({"line": "A", "saved": value}));
    let remove = plain("cart.remove", json!({"line": "A", "gen": 1, "seenAdded": 1}));
    let mut rows = MemoryRows::default();
    for (step, now) in [(add(1), None), (saved(true), Some(true)), (saved(true), Some(true)), (saved(false), None)] {
        run(&mut rows, step[0].as_str().expect("a name"), &document(&step[1]), NOW);
        let row = rows.get(Collection::Cart, "A").expect("rows").expect("a line");
        assert_eq!(row.as_ref().bool("saved"), now, "{step}");
    }
    for step in [saved(true), remove, add(1)] {
        run(&mut rows, step[0].as_str().expect("a name"), &document(&step[1]), NOW);
    }
    let row = rows.get(Collection::Cart, "A").expect("rows").expect("a line");
    assert_eq!(row.as_ref().bool("saved"), None, "a line that comes back is for now");
    check("not there", json!({}), json!([gone("cart.saveForLater", json!({"line": "A", "saved": true}))]), json!({}));
}

#[test]
fn a_deletion_of_visits_is_a_lasting_cut() {
    let cases = [
        // What is deleted, and what is left of visits of A at -30, B at -20 and A at -10.
        (json!({"until": NOW - 15}), vec![NOW - 10], json!({"cut": NOW - 15})),
        (json!({"until": NOW - 10}), vec![], json!({"cut": NOW - 10})),
        (json!({"until": NOW + 99, "sku": "A"}), vec![NOW - 20], json!({"cut": NOW, "sku": "A"})),
        (
            json!({"until": NOW - 30, "sku": "B"}),
            vec![NOW - 10, NOW - 20, NOW - 30],
            json!({"cut": NOW - 30, "sku": "B"}),
        ),
    ];
    for (args, left, cut) in cases {
        let mut rows = MemoryRows::default();
        let visit = |rows: &mut MemoryRows, back: u64, sku: &str| {
            let args = history::visit_args(&alloc::format!("{back}"), sku, NOW - back, 1);
            run(rows, history::VISIT, &args, NOW).code
        };
        let all = [(30, "A"), (20, "B"), (10, "A")];
        for (back, sku) in all {
            assert_eq!(visit(&mut rows, back, sku), None);
        }
        let delete = document(&args);
        assert_eq!(run(&mut rows, history::DELETE, &delete, NOW).code, None, "{args}");
        let before = rows.0.clone();
        // The same deletion, and what comes late from before it, change nothing.
        assert_eq!(run(&mut rows, history::DELETE, &delete, NOW).code, Some("deleted"), "{args}");
        for (back, sku) in all {
            let code = if left.contains(&(NOW - back)) { "duplicate" } else { "deleted" };
            assert_eq!(visit(&mut rows, back, sku), Some(code), "{args}: {back}");
        }
        assert_eq!(rows.0, before);
        let at = |row: &Document| row.as_ref().u64("at");
        let visits: Vec<u64> =
            rows.0.iter().filter_map(|((_, key), row)| at(row).filter(|_| !key.starts_with("cut:"))).collect();
        assert_eq!(visits, left, "{args}");
        let key = alloc::format!("cut:{}", args["sku"].as_str().unwrap_or(""));
        let row = rows.get(Collection::History, &key).expect("rows").expect("the cut");
        assert_eq!(json(&row), cut);
        assert!(ShopRules.is_row(Collection::History, &row));
        let (name, again) = ShopRules.recreate(Collection::History, &key, &row).expect("a deletion");
        assert_eq!((name, again.as_ref().u64("until")), (history::DELETE, cut["cut"].as_u64()));
    }
}

#[test]
fn cuts_are_bounded_and_leave_room_for_visits() {
    let mut rows = MemoryRows::default();
    for index in 0..3 * history::HISTORY_CUTS_MAX as u64 {
        let args = document(&json!({"until": NOW - 10_000 + index, "sku": index.to_string()}));
        assert_eq!(run(&mut rows, history::DELETE, &args, NOW).code, None);
        let args = history::visit_args(&alloc::format!("e{index}"), "X", NOW - 10_000 + index, 1);
        assert_eq!(run(&mut rows, history::VISIT, &args, NOW).code, None);
    }
    let cuts = rows.0.keys().filter(|(_, key)| key.starts_with("cut:")).count();
    assert_eq!(cuts, history::HISTORY_CUTS_MAX);
    assert!(rows.get(Collection::History, "cut:599").expect("rows").is_some(), "the newest stays");
    assert_eq!(rows.0.len(), 4 * history::HISTORY_CUTS_MAX, "no visit had to go");
}

#[test]
fn a_coupon_is_predicted_without_terms_and_never_taken_for_a_line() {
    let code = |code: &str| json!({"code": code});
    let coupon = |name: &str| json!(["cart.coupon", code(name), "applied", null, {"coupon": name}]);
    check(
        "redeemed twice, and taken back",
        json!({}),
        json!([
            coupon("TEN"),
            coupon("TEN"),
            gone("cart.adjust", json!({"line": "&TEN", "by": 1})).as_array().map(|step| {
                json!([step[0], step[1], "noop", "line_gone", {"line": "&TEN"}])
            }),
            add(1),
            ["cart.coupon", {"code": "TEN", "remove": true}, "applied", null, {"coupon": "TEN"}],
            ["cart.coupon", {"code": "TEN", "remove": true}, "noop", "coupon_gone", {"coupon": "TEN"}],
        ]),
        json!({"A": [1, 1, 1]}),
    );
    let mut rows = MemoryRows::default();
    for index in 0..=coupon::COUPONS_MAX {
        let verdict = run(&mut rows, coupon::COUPON, &document(&code(&index.to_string())), NOW);
        assert_eq!(verdict.code, (index == coupon::COUPONS_MAX).then_some("coupons_full"));
    }
    let row = rows.get(Collection::Cart, "&0").expect("rows").expect("a coupon");
    assert_eq!(json(&row), json!({"coupon": "0"}));
    assert!(ShopRules.is_row(Collection::Cart, &row));
    assert_eq!(cart::clear_args(&mut rows), Ok(None), "coupons are no lines");
    let again = ShopRules.recreate(Collection::Cart, "&0", &row).expect("a coupon");
    assert_eq!((again.0, json(&again.1)), (coupon::COUPON, code("0")));
}

#[test]
fn a_claim_is_predicted_from_what_the_page_hands_over() {
    let line = |sku: &str, qty: u64| json!({"line": sku, "sku": sku, "qty": qty, "gen": 3, "added": 9, "saved": true});
    let gone = json!({"line": "D", "sku": "D", "qty": 0, "gen": 1, "added": 9, "removed": true});
    let claim = |policy: Json| {
        json!({"anonymous": "anon-1", "secret": "s", "policy": policy,
        "lines": [line("A", 2), line("B", 1), gone]})
    };
    let claimed = |policy: Json| json!(["cart.claim", claim(policy), "applied", null, {"lines": 2}]);
    let remove = plain("cart.remove", json!({"line": "A", "gen": 1, "seenAdded": 3}));
    for (policy, a) in [
        (json!(null), [3, 1, 3]),
        (json!("max"), [3, 1, 3]),
        (json!("add"), [5, 1, 5]),
        (json!("guest"), [2, 1, 3]),
        (json!("user"), [3, 1, 3]),
    ] {
        check("both have A", json!({}), json!([add(3), claimed(policy)]), json!({"A": a, "B": [1, 1, 1]}));
    }
    check(
        "one has gone",
        json!({}),
        json!([add(3), remove, claimed(json!("user"))]),
        json!({"A": [2, 2, 5], "B": [1, 1, 1]}),
    );
    let differing = json!(["cart.claim", claim(json!("ask")), "noop", "ask", {"lines": [{"line": "A", "sku": "A", "own": 3, "guest": 2}]}]);
    check("asked", json!({}), json!([add(3), differing]), json!({"A": [3, 1, 3]}));
    let held =
        |asked: u64, got: u64, code: &str| json!([{"line": "A", "sku": "A", "asked": asked, "got": got, "code": code}]);
    for (product, policy, lines, a) in [
        (json!({"stock": 4}), "add", held(5, 4, "stock"), 4),
        (json!({"delisted": true}), "add", held(5, 3, "delisted"), 3),
        (json!({"stock": 1}), "add", held(5, 3, "stock"), 3),
    ] {
        let mut rows = MemoryRows::default();
        run(&mut rows, "cart.add", &cart::add_args("A", None, 3, None).expect("args"), NOW);
        rows.put(Collection::Catalog, "A", &document(&product)).expect("put");
        let verdict = run(&mut rows, "cart.claim", &document(&claim(json!(policy))), NOW);
        assert_eq!((verdict.code, json(&verdict.detail)), (Some("held"), json!({"lines": lines})), "{product}");
        let row = rows.get(Collection::Cart, "A").expect("rows").expect("a line");
        assert_eq!(row.as_ref().u64("qty"), Some(a), "{product}: the shopper's own are never held");
        let b = rows.get(Collection::Cart, "B").expect("rows").expect("a line");
        assert_eq!(b.as_ref().bool("saved"), Some(true));
    }
}

#[test]
fn an_order_is_predicted_once_and_leaves_the_cart() {
    let submit = |attempt: u64| {
        json!({"orderId": "o1", "attempt": attempt, "lines": [
        {"sku": "A", "qty": 2, "price": 5, "line": "A"}, {"sku": "B", "qty": 1, "price": 5}]})
    };
    let submitted =
        |attempt: u64| json!(["order.submit", submit(attempt), "applied", null, {"orderId": "o1", "attempt": attempt}]);
    check("in part", json!({}), json!([add(3), submitted(1), submitted(1)]), json!({"A": [1, 1, 3]}));
    check("whole", json!({}), json!([add(2), submitted(1)]), json!({"A": [0, 1, 2]}));
    check("more than there is", json!({}), json!([add(1), submitted(1)]), json!({"A": [0, 1, 1]}));
    let mut rows = MemoryRows::default();
    run(&mut rows, order::SUBMIT, &document(&submit(1)), NOW);
    let row = rows.get(Collection::Orders, "o1").expect("rows").expect("an order");
    assert_eq!(json(&row), json!({"attempt": 1, "state": "submitted", "version": 0, "lines": submit(1)["lines"]}));
    assert!(ShopRules.is_row(Collection::Orders, &row));
}

#[test]
fn cancelling_compares_and_sets() {
    let mut rows = MemoryRows::default();
    let cancel = |rows: &mut MemoryRows, version: u64| {
        let verdict = run(rows, order::CANCEL, &document(&json!({"orderId": "o1", "version": version})), NOW);
        json!([verdict.status.name(), verdict.code, json(&verdict.detail)])
    };
    assert_eq!(cancel(&mut rows, 1), json!(["noop", "unknown_order", {"orderId": "o1"}]));
    let order = json!({"attempt": 1, "state": "created", "version": 1, "lines": [{"sku": "A", "qty": 1, "price": 5}]});
    rows.put(Collection::Orders, "o1", &document(&order)).expect("put");
    let refused =
        |found: u64, state: &str| json!(["rejected", "version", {"orderId": "o1", "found": found, "state": state}]);
    assert_eq!(cancel(&mut rows, 2), refused(1, "created"));
    assert_eq!(cancel(&mut rows, 1), json!(["applied", null, {"orderId": "o1", "version": 2}]));
    assert_eq!(cancel(&mut rows, 1), refused(2, "cancelled"));
    let row = rows.get(Collection::Orders, "o1").expect("rows").expect("an order");
    assert_eq!((row.as_ref().str("state"), row.as_ref().u64("version")), (Some("cancelled"), Some(2)));
}

#[test]
fn a_lower_version_never_replaces() {
    for (existing, incoming, expected) in [
        (json!({"version": 2}), json!({"version": 1}), false),
        (json!({"version": 2}), json!({"version": 2}), true),
        (json!({"version": 2}), json!({"version": 3}), true),
        (json!({}), json!({}), true),
        (json!({}), json!({"version": 1}), true),
        (json!({"version": 1}), json!({}), false),
    ] {
        assert_eq!(
            product::replaces(document(&existing).as_ref(), document(&incoming).as_ref()),
            expected,
            "{existing} {incoming}"
        );
    }
}

#[test]
fn a_row_that_is_no_line_is_reported() {
    let mut rows = MemoryRows::default();
    rows.put(Collection::Cart, "A", &document(&json!({"sku": 1}))).expect("put");
    let verdict = ShopRules.execute(cart::ADJUST, 1, &cart::adjust_args("A", 1), &Context::at(NOW), &mut rows);
    assert_eq!(verdict, Err(Why::CorruptRow { collection: "cart".into(), key: "A".into() }.into()));
}

#[test]
fn what_a_page_asks_for_is_completed_from_the_view() {
    let mut rows = MemoryRows::default();
    let args = cart::add_args("A", None, 2, None).expect("args");
    assert_eq!(run(&mut rows, cart::ADD, &args, NOW).code, None);
    for (name, asked, args) in [
        ("cart.add", json!({"sku": "B"}), json!({"line": "B", "sku": "B", "qty": 1})),
        (
            "cart.add",
            json!({"sku": "B", "qty": 3, "options": {"size": "M"}, "quote": {"price": 5}, "more": 1}),
            json!({"line": "B?size=M", "sku": "B", "qty": 3, "options": {"size": "M"}, "quote": {"price": 5}}),
        ),
        ("cart.adjust", json!({"line": "A", "by": -1}), json!({"line": "A", "by": -1})),
        ("cart.setQty", json!({"line": "A", "to": 5}), json!({"line": "A", "gen": 1, "to": 5, "seen": 2})),
        ("cart.setQty", json!({"line": "B", "to": 5}), json!({"line": "B", "gen": 0, "to": 5, "seen": 0})),
        ("cart.select", json!({"line": "A", "selected": false}), json!({"line": "A", "selected": false})),
        ("cart.remove", json!({"line": "A"}), json!({"line": "A", "gen": 1, "seenAdded": 2})),
        ("cart.remove", json!({"line": "B"}), json!({"line": "B", "gen": 0, "seenAdded": 0})),
        ("cart.clear", json!({}), json!({"lines": [{"line": "A", "gen": 1, "seenAdded": 2}]})),
        ("history.visit", json!({"eventId": "e", "sku": "A", "at": 7}), json!({"eventId": "e", "sku": "A", "at": 7})),
    ] {
        let prepared = ShopRules.prepare(name, &document(&asked), &mut rows).expect("rows in memory do not fail");
        assert_eq!(json(&prepared), args, "{name} {asked}");
    }
    let empty = &mut MemoryRows::default();
    let cleared = ShopRules.prepare("cart.clear", &document(&json!({})), empty).expect("rows in memory do not fail");
    assert_eq!(json(&cleared), json!({"lines": []}));
}

#[test]
fn what_a_page_gets_wrong_is_named_by_the_rule() {
    for (name, asked, field) in [
        ("cart.add", json!({}), "sku"),
        ("cart.add", json!({"sku": 5}), "sku"),
        ("cart.add", json!({"sku": "A", "qty": "2"}), "qty"),
        ("cart.add", json!({"sku": "A", "options": "M"}), "options"),
        ("cart.add", json!({"sku": "A", "options": {"size": 5}}), "options"),
        ("cart.add", json!({"sku": "A", "quote": 5}), "quote"),
        ("cart.adjust", json!({"line": "A"}), "by"),
        ("cart.setQty", json!({"line": 1, "to": 2}), "line"),
        ("cart.setQty", json!({"line": "A", "to": -1}), "to"),
        ("cart.select", json!({"line": "A"}), "selected"),
        ("cart.remove", json!({}), "line"),
        ("history.visit", json!({"eventId": "e", "sku": "A", "at": 7, "dwell": "x"}), "dwell"),
    ] {
        let mut rows = MemoryRows::default();
        let args = ShopRules.prepare(name, &document(&asked), &mut rows).expect("rows in memory do not fail");
        let verdict = run(&mut rows, name, &args, NOW);
        assert_eq!(
            (verdict.code, verdict.detail.as_ref().str("field")),
            (Some("bad_args"), Some(field)),
            "{name} {asked}"
        );
    }
}

#[test]
fn an_edit_of_a_line_that_was_not_seen_changes_nothing() {
    let mut rows = MemoryRows::default();
    for name in ["cart.adjust", "cart.setQty", "cart.select", "cart.remove", "cart.clear"] {
        let asked = document(&json!({"line": "A", "by": 1, "to": 5, "selected": true}));
        let args = ShopRules.prepare(name, &asked, &mut rows).expect("rows in memory do not fail");
        assert_eq!(run(&mut rows, name, &args, NOW).code, Some("line_gone"), "{name}");
        // Another device has added it meanwhile: it is not the line that was edited.
        let mut other = MemoryRows::default();
        run(&mut other, cart::ADD, &cart::add_args("A", None, 2, None).expect("args"), NOW);
        if matches!(name, "cart.setQty" | "cart.remove") {
            assert_eq!(run(&mut other, name, &args, NOW).code, Some("stale_gen"), "{name}");
        }
    }
}
