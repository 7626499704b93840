//! Every scenario, against a real `pannierd`; but for those cases in which its clock would have to
//! be put forward.

use pannier_sim::pannierd::{Pannierd, binary};
use pannier_sim::runner::run;
use pannier_sim::scenario::load;

#[test]
fn every_scenario_ends_as_it_must_over_http() {
    let program = binary().expect("there is a pannierd");
    let mut failures = Vec::new();
    let mut cases = 0;
    for (file, scenario) in load() {
        for (index, case) in scenario.cases.iter().enumerate().filter(|(_, case)| !case.needs_clock()) {
            let name = format!("{}-{index}", scenario.number);
            let mut server = Pannierd::start(&program, &name).expect("pannierd starts");
            cases += 1;
            if let Err(why) = run(&scenario, case, &mut server) {
                failures.push(format!("{} ({}): {why}", file.display(), case.name));
            }
        }
    }
    assert!(cases > 0, "no scenario was found");
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}
