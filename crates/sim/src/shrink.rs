//! Cutting a list of events down to what it takes to break something.

use crate::world::event::{Event, Setup};
use crate::world::{Counts, run};
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

/// Most runs that cutting one list down may take: a minute.
const RUNS_MAX: usize = 10_000;

/// Of more events than these, pairs are not tried: there are too many.
const PAIRS_OF_MAX: usize = 50;

thread_local! {
    /// Where and why this thread panicked; `None` where panics are printed as usual.
    static CAUGHT: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs a world; what panics becomes an error with place and words.
///
/// # Errors
/// What did not hold, and where.
pub fn attempt(setup: &Setup, events: &[Event]) -> Result<Counts, String> {
    caught(|| run(setup, events))
}

/// Does `work`; what panics in it becomes an error with place and words, and is not printed.
///
/// # Errors
/// The words of the panic.
pub fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let is_caught =
                CAUGHT.with_borrow_mut(|caught| caught.as_mut().map(|text| *text = info.to_string()).is_some());
            if !is_caught {
                usual(info);
            }
        }));
    });
    CAUGHT.set(Some(String::new()));
    let ran = catch_unwind(AssertUnwindSafe(work));
    let caught = CAUGHT.take().unwrap_or_default();
    ran.map_err(|_| caught)
}

/// The place of a failure: what must stay the same while its events are cut down.
fn place(failure: &str) -> &str {
    failure.lines().next().unwrap_or_default()
}

/// What fails: a beginning, what happens then, and how it fails.
#[derive(Clone, Debug)]
pub struct Failing {
    /// How the world begins.
    pub setup: Setup,
    /// What happens.
    pub events: Vec<Event>,
    /// The words of the failure.
    pub failure: String,
}

/// Runs a beginning and events, and tells how they fail, if they do.
pub type FailureOf<'a> = &'a dyn Fn(&Setup, &[Event]) -> Option<String>;

/// The shortest and plainest that is found and fails at the same place. Parts of the list are
/// left out, first large ones, then single events, then pairs; what is left is made plainer, and all
/// over again as long as that helps.
pub fn shrink(failing: Failing, failure_of: FailureOf<'_>) -> Failing {
    let mut search = Search { left: failing, failure_of, runs: 0, successes: 0 };
    loop {
        let before = search.successes;
        search.leave_parts_out();
        search.leave_pairs_out();
        search.make_plainer();
        if search.successes == before {
            return search.left;
        }
    }
}

struct Search<'a> {
    left: Failing,
    failure_of: FailureOf<'a>,
    runs: usize,
    /// How many of them have helped.
    successes: usize,
}

impl Search<'_> {
    /// Takes this instead, where it fails alike.
    fn take(&mut self, setup: &Setup, events: Vec<Event>) -> bool {
        if self.runs >= RUNS_MAX {
            return false;
        }
        self.runs += 1;
        let other = (self.failure_of)(setup, &events);
        match other.filter(|other| place(other) == place(&self.left.failure)) {
            Some(failure) => {
                self.successes += 1;
                self.left = Failing { setup: setup.clone(), events, failure };
                true
            }
            None => false,
        }
    }

    /// Takes the list without some of its events, where it fails alike.
    fn take_without(&mut self, is_out: impl Fn(usize) -> bool) -> bool {
        let setup = self.left.setup.clone();
        let events = self.left.events.iter().enumerate().filter(|(index, _)| !is_out(*index));
        let events = events.map(|(_, event)| *event).collect();
        self.take(&setup, events)
    }

    fn leave_parts_out(&mut self) {
        let mut length = self.left.events.len().div_ceil(2);
        while length > 0 {
            let mut start = 0;
            let mut is_shorter = false;
            while start < self.left.events.len() {
                if self.take_without(|index| (start..start + length).contains(&index)) {
                    is_shorter = true;
                } else {
                    start += length;
                }
            }
            // Single events are tried again as long as that helps: what is left may need less.
            if !is_shorter || length > 1 {
                length /= 2;
            }
        }
    }

    fn leave_pairs_out(&mut self) {
        let mut first = 0;
        while first < self.left.events.len() && self.left.events.len() <= PAIRS_OF_MAX {
            let mut second = first + 1;
            while second < self.left.events.len() {
                if !self.take_without(|index| index == first || index == second) {
                    second += 1;
                }
            }
            first += 1;
        }
    }

    fn make_plainer(&mut self) {
        for setup in self.left.setup.plainer() {
            let events = self.left.events.clone();
            self.take(&setup, events);
        }
        for index in 0..self.left.events.len() {
            while self.left.events[index].plainer().into_iter().any(|plainer| {
                let (setup, mut events) = (self.left.setup.clone(), self.left.events.clone());
                events[index] = plainer;
                self.take(&setup, events)
            }) {}
        }
    }
}
