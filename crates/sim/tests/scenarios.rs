//! Every scenario, against the core's server in this process.

use pannier_sim::runner::run;
use pannier_sim::scenario::load;
use pannier_sim::server::InProcess;

/// The scenarios that must be there: one that is lost would fail nowhere else.
const NUMBERS: [u32; 19] = [1, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 21, 22, 23, 24, 25, 26, 27, 28];

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
    for number in NUMBERS.into_iter().chain([38]) {
        assert!(numbers.contains(&number), "scenario {number} is missing");
    }
}
