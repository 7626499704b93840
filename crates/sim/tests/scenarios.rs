//! Every scenario, against the core's server in this process.

use pannier_sim::runner::run;
use pannier_sim::scenario::{Case, Scenario, load};
use pannier_sim::server::InProcess;
use serde_json::{Value as Json, json};
use std::ops::RangeInclusive;

/// The scenarios that must be there: one that is lost would fail nowhere else.
const NUMBERS: [RangeInclusive<u32>; 2] = [1..=47, 50..=53];

#[test]
fn every_scenario_ends_as_it_must() {
    let mut failures = Vec::new();
    let mut numbers = Vec::new();
    for (file, scenario) in load() {
        numbers.push(scenario.number);
        for case in &scenario.cases {
            if let Err(why) = run(&scenario, case, &mut InProcess::default()) {
                failures.push(format!("{} ({}): {why}", file.display(), case.name));
            }
        }
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
    for number in NUMBERS.into_iter().flatten() {
        assert!(numbers.contains(&number), "scenario {number} is missing");
    }
}

/// Changes one expectation after the other, and each time the case must fail:
/// nothing that a file states goes unread. But for cases that take long: they
/// state nothing that others do not.
#[test]
fn every_expectation_can_fail() {
    let mut changed = 0;
    for (file, scenario) in load() {
        for case in scenario.cases.iter().filter(|case| !case.is_large()) {
            let whole = serde_json::to_value(case).expect("a case makes JSON");
            let mut places = Vec::new();
            leaves(&whole["end"], "/end", &mut places);
            for (index, step) in whole["steps"].as_array().expect("steps").iter().enumerate() {
                for field in ["cart", "orders", "pending", "answer", "error"] {
                    leaves(&step[field], &format!("/steps/{index}/{field}"), &mut places);
                }
            }
            for place in places {
                let mut wrong = whole.clone();
                let leaf = wrong.pointer_mut(&place).expect("the place is there");
                *leaf = other(leaf);
                changed += 1;
                assert!(!passes(&scenario, wrong), "{} ({}): {place} is not looked at", file.display(), case.name);
            }
        }
    }
    assert!(changed > 500, "only {changed} expectations were found");
}

fn passes(scenario: &Scenario, case: Json) -> bool {
    let case: Case = serde_json::from_value(case).expect("a case");
    run(scenario, &case, &mut InProcess::default()).is_ok()
}

/// Pointers to all that is no object or list.
fn leaves(value: &Json, place: &str, places: &mut Vec<String>) {
    match value {
        Json::Object(fields) => fields.iter().for_each(|(key, value)| leaves(value, &format!("{place}/{key}"), places)),
        Json::Array(items) => {
            items.iter().enumerate().for_each(|(index, value)| leaves(value, &format!("{place}/{index}"), places));
        }
        Json::Null => {}
        _ => places.push(place.into()),
    }
}

/// Something else of the same type.
fn other(leaf: &Json) -> Json {
    match leaf {
        Json::Number(number) => json!(number.as_i64().expect("an integer") + 1),
        Json::String(text) => json!(format!("{text}!")),
        Json::Bool(value) => json!(!value),
        other => panic!("{other} is no leaf"),
    }
}
