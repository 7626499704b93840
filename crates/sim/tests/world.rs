//! Worlds drawn by seeds. `cargo xtask sim` runs many more, and faster.

use pannier_sim::shrink::{Failing, attempt, shrink};
use pannier_sim::world::event::{At, Event, Setup};
use pannier_sim::world::intent::Intent;
use pannier_sim::world::plan;

const AT: At = At { device: 1, tab: 0 };

#[test]
fn whatever_happens_nothing_is_lost_or_done_twice() {
    for seed in 0..60 {
        let (setup, events) = plan(seed, 400);
        if let Err(failure) = attempt(&setup, &events) {
            panic!("seed {seed}: {failure}");
        }
    }
}

#[test]
fn a_seed_decides_everything() {
    let (setup, events) = plan(7, 400);
    assert_eq!(events, plan(7, 400).1);
    assert_eq!(attempt(&setup, &events), attempt(&setup, &events));
}

#[test]
fn what_breaks_is_cut_down_to_what_it_takes() {
    let (setup, events) = plan(3, 1000);
    // Fails where a kill of one tab is followed by an opening of it, after pieces were added.
    let failure_of = |_: &Setup, events: &[Event]| {
        let is_added = |event: &Event| matches!(event, Event::Edit(.., Intent::Add(_)));
        let added = events.iter().position(is_added)?;
        let killed = added + events[added..].iter().position(|event| *event == Event::Kill(AT))?;
        events[killed..].contains(&Event::Open(AT)).then(|| format!("here\n{} events", events.len()))
    };
    let failure = failure_of(&setup, &events).expect("the events hold all three");
    let shortest = shrink(Failing { setup, events, failure }, &failure_of);
    let [Event::Edit(At { tab: 0, .. }, 0, Intent::Add(1)), Event::Kill(AT), Event::Open(AT)] = shortest.events[..]
    else {
        panic!("there is a shorter one: {:?}", shortest.events);
    };
    assert_eq!(shortest.failure, "here\n3 events");
    assert!(shortest.setup.has_locks && !shortest.setup.is_bulky && shortest.setup.shoppers.is_empty());
}

#[test]
fn a_panic_is_told_with_its_place() {
    let (mut setup, _) = plan(1, 0);
    // No plain cart is there for her.
    setup.shoppers = Vec::new();
    let at = Event::LookInto(AT);
    assert!(attempt(&setup, &[at]).is_ok());
    let broken = attempt(&setup, &[Event::Product(usize::MAX, None, false, 1)]);
    let failure = broken.expect_err("there is no such product");
    assert!(failure.contains("world") && failure.contains("out of bounds"), "{failure}");
}
