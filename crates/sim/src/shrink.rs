//! Cutting a list of events down to what it takes to break something.

use crate::world::event::{Event, Setup};
use crate::world::{Counts, run};
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

/// Most runs that cutting one list down may take.
const RUNS_MAX: usize = 3000;

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

/// The fewest events found that still fail at the same place, and how they fail.
/// Parts of the list are left out, first large ones, then single events.
/// `failure_of` runs events and tells how they fail, if they do.
pub fn shrink(
    events: &[Event],
    failure: &str,
    failure_of: &dyn Fn(&[Event]) -> Option<String>,
) -> (Vec<Event>, String) {
    let mut left = events.to_vec();
    let mut failure = failure.to_owned();
    let mut runs = 0;
    let mut length = left.len().div_ceil(2);
    while length > 0 && runs < RUNS_MAX {
        let mut start = 0;
        let mut is_shorter = false;
        while start < left.len() && runs < RUNS_MAX {
            let end = (start + length).min(left.len());
            let without = [&left[..start], &left[end..]].concat();
            runs += 1;
            match failure_of(&without).filter(|other| place(other) == place(&failure)) {
                Some(other) => (left, failure, is_shorter) = (without, other, true),
                None => start = end,
            }
        }
        // Single events are tried again as long as that helps: what is left may need less.
        if !is_shorter || length > 1 {
            length /= 2;
        }
    }
    (left, failure)
}
