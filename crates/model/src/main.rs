//! Checks the model with every guard, and then without each of them, where the
//! checker must find what goes wrong. `--large` takes larger bounds.

use std::process::ExitCode;
use std::thread::available_parallelism;
use std::time::Instant;

use pannier_model::protocol::Guard;
use pannier_model::world::{Bounds, FORGETS, LOSES, World};
use stateright::{Checker, HasDiscoveries, Model};

const NONE: Bounds = Bounds { mutations: 2, duplicates: 0, crashes: 0, restores: 0, relapses: 0, ages: 0, clones: 0 };

/// One fault at a time: what two cores visit in half a minute.
const ORDINARY: &[Bounds] = &[
    Bounds { mutations: 3, ..NONE },
    Bounds { duplicates: 1, ..NONE },
    Bounds { crashes: 1, ..NONE },
    Bounds { restores: 1, ..NONE },
    Bounds { relapses: 1, ..NONE },
    Bounds { ages: 1, ..NONE },
    Bounds { clones: 1, ..NONE },
];

/// More mutations, and faults together: minutes.
const LARGE: &[Bounds] = &[
    Bounds { mutations: 4, ..NONE },
    Bounds { mutations: 3, duplicates: 1, ..NONE },
    Bounds { mutations: 3, clones: 1, ..NONE },
    Bounds { duplicates: 1, crashes: 1, ..NONE },
    Bounds { restores: 1, clones: 1, ..NONE },
    Bounds { restores: 1, duplicates: 1, ..NONE },
    Bounds { restores: 1, ages: 1, ..NONE },
    Bounds { relapses: 1, ages: 1, ..NONE },
];

/// Each guard, with bounds within which its lack must show.
const GUARDS: &[(Guard, Bounds)] = &[
    (Guard::SequenceOnce, Bounds { duplicates: 1, ..NONE }),
    (Guard::SameMutation, Bounds { clones: 1, ..NONE }),
    (Guard::IdOnce, Bounds { restores: 1, clones: 1, ..NONE }),
    (Guard::Epoch, Bounds { restores: 1, clones: 1, ..NONE }),
    (Guard::Acknowledged, Bounds { relapses: 1, ..NONE }),
    (Guard::ForgetBefore, Bounds { restores: 1, ..NONE }),
    (Guard::Digest, Bounds { relapses: 1, ..NONE }),
    (Guard::StillThere, NONE),
    (Guard::Journal, Bounds { restores: 1, ..NONE }),
    (Guard::OneSnapshot, NONE),
];

/// Prints a test, and whether it passed.
fn told(name: &str, is_passed: bool, detail: &str) -> bool {
    println!("test {name} ... {}{detail}", if is_passed { "ok" } else { "FAILED" });
    is_passed
}

/// Visits every state; each property must hold, and what must be possible must happen.
fn holds(bounds: Bounds, threads: usize) -> bool {
    let start = Instant::now();
    let checker = World { bounds, without: None }.checker().threads(threads).spawn_bfs().join();
    let mut is_passed = true;
    for property in checker.model().properties() {
        let discovery = checker.discovery(property.name);
        // An example is what a property asks for that must hold at some time.
        let is_wanted = property.expectation == stateright::Expectation::Sometimes;
        let is_possible = match property.name {
            LOSES => bounds.restores + bounds.relapses > 0,
            FORGETS => bounds.ages > 0,
            _ => true,
        };
        if discovery.is_some() != (is_wanted && is_possible) {
            is_passed = false;
            println!("{}: {:?}", property.name, discovery.map(|path| path.into_actions()));
        }
    }
    let states = checker.unique_state_count();
    let detail = format!(": {states} states, {:.1} s", start.elapsed().as_secs_f64());
    told(&format!("{bounds:?}"), is_passed, &detail)
}

/// Without `guard` a property must fail.
fn fails(guard: Guard, bounds: Bounds, threads: usize) -> bool {
    let world = World { bounds, without: Some(guard) };
    let checker = world.checker().threads(threads).finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    let always = |name: &&'static str| {
        let is = |property: &stateright::Property<World>| property.name == *name;
        checker
            .model()
            .properties()
            .iter()
            .any(|property| is(property) && property.expectation == stateright::Expectation::Always)
    };
    let broken = checker.discoveries().into_iter().find(|(name, _)| always(name));
    let detail = broken.map(|(name, path)| format!(": breaks \"{name}\" by {:?}", path.into_actions()));
    told(&format!("without {guard:?}"), detail.is_some(), &detail.unwrap_or_default())
}

fn main() -> ExitCode {
    let is_large = std::env::args().any(|word| word == "--large");
    let threads = available_parallelism().map_or(1, usize::from);
    let all = ORDINARY.iter().chain(if is_large { LARGE } else { &[] });
    let mut results: Vec<bool> = all.map(|bounds| holds(*bounds, threads)).collect();
    results.extend(GUARDS.iter().map(|(guard, bounds)| fails(*guard, *bounds, threads)));
    let failed = results.iter().filter(|is_passed| !**is_passed).count();
    let word = if failed == 0 { "ok" } else { "FAILED" };
    println!("\ntest result: {word}. {} passed; {failed} failed", results.len() - failed);
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
