//! Worlds drawn by seeds. `cargo xtask sim` runs many more, and faster.

use pannier_sim::shrink::{attempt, shrink};
use pannier_sim::world::event::{At, Event};
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
    let (_, events) = plan(3, 1000);
    // Fails where a kill of one tab is followed by an opening of it.
    let failure_of = |events: &[Event]| {
        let killed = events.iter().position(|event| *event == Event::Kill(AT))?;
        events[killed..].contains(&Event::Open(AT)).then(|| format!("here\n{} events", events.len()))
    };
    let failure = failure_of(&events).expect("the events hold both");
    let (left, failure) = shrink(&events, &failure, &failure_of);
    assert_eq!((left, &failure[..]), (vec![Event::Kill(AT), Event::Open(AT)], "here\n2 events"));
}

#[test]
fn a_panic_is_told_with_its_place() {
    let (mut setup, _) = plan(1, 0);
    // No plain cart is there for her.
    setup.shoppers = Vec::new();
    let at = Event::LookInto(AT);
    assert!(attempt(&setup, &[at]).is_ok());
    let broken = attempt(&setup, &[Event::Product(usize::MAX, None, false)]);
    let failure = broken.expect_err("there is no such product");
    assert!(failure.contains("world") && failure.contains("out of bounds"), "{failure}");
}
