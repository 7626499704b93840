//! Runs the worlds of many seeds: `pannier-sim --seeds N`, or of one: `--seed S`.

use pannier_sim::shrink::{Failing, attempt, shrink};
use pannier_sim::world::{Counts, plan};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Events of a world before its faults stop.
const EVENTS: usize = 1000;

/// From so many seeds on, everything that is counted must have happened.
const SEEDS_THAT_TELL: u64 = 1000;

/// The number behind a flag.
fn number(flag: &str) -> Result<Option<u64>, String> {
    let mut words = std::env::args().skip_while(|word| word != flag).skip(1);
    match words.next() {
        Some(word) => word.parse().map(Some).map_err(|_| format!("{flag} takes a number, not '{word}'")),
        None => Ok(None),
    }
}

/// Runs one seed; prints the shortest way to break what breaks.
fn run(seed: u64) -> Result<Counts, String> {
    let (setup, events) = plan(seed, EVENTS);
    attempt(&setup, &events).map_err(|failure| {
        let failing = Failing { setup, events, failure };
        let Failing { setup, events, failure } = shrink(failing, &|setup, events| attempt(setup, events).err());
        let lines: Vec<String> = events.iter().map(|event| format!("  {event:?},")).collect();
        format!("seed {seed} fails: {failure}\n{setup:?}, then {} events:\n{}", events.len(), lines.join("\n"))
    })
}

fn main() -> ExitCode {
    match start() {
        Ok(code) => code,
        Err(why) => {
            eprintln!("error: {why}");
            ExitCode::FAILURE
        }
    }
}

fn start() -> Result<ExitCode, String> {
    let (from, count) = match number("--seed")? {
        Some(seed) => (seed, number("--seeds")?.unwrap_or(1)),
        None => (0, number("--seeds")?.unwrap_or(2000)),
    };
    let began = Instant::now();
    let next = AtomicU64::new(from);
    let is_broken = AtomicBool::new(false);
    let all = Mutex::new(Counts::default());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while !is_broken.load(Ordering::Relaxed) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= from + count {
                        break;
                    }
                    match run(seed) {
                        Ok(counts) => all.lock().unwrap_or_else(PoisonError::into_inner).merge(&counts),
                        Err(failure) => {
                            is_broken.store(true, Ordering::Relaxed);
                            println!("{failure}");
                        }
                    }
                }
            });
        }
    });
    let counts = all.into_inner().unwrap_or_else(PoisonError::into_inner);
    let mut is_passed = !is_broken.into_inner();
    for (name, count) in &counts.0 {
        println!("{count:9} {name}");
    }
    if is_passed && count >= SEEDS_THAT_TELL {
        for name in counts.missing() {
            println!("never happened: {name}");
            is_passed = false;
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    println!("\n{count} seeds from {from} on, {EVENTS} events each, {seconds:.1} s");
    let (word, passed) = if is_passed { ("ok", 1) } else { ("FAILED", 0) };
    println!("test result: {word}. {passed} passed; {} failed", 1 - passed);
    Ok(if is_passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
