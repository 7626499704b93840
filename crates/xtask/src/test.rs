//! `test`: runs every suite, and counts.

use std::process::{Command, ExitCode};
use std::time::Instant;

use crate::args::Args;
use crate::process::run_tee;
use crate::suites::{Kind, SUITES, Suite};
use crate::tally::Tally;
use crate::{Failure, demo, fuzz, pack, setup, shop};

/// Kills of each browser in an ordinary run: some twenty seconds.
const KILLS: u32 = 10;

/// `cargo xtask test`.
pub fn main(words: &[String]) -> Result<ExitCode, Failure> {
    let args = Args::parse(words, &["--list"], &["--only", "--kills"])?;
    let suites = chosen(args.value("--only"))?;
    if args.has("--list") {
        for Suite { name, about, .. } in suites {
            println!("{name:10} {about}");
        }
        return Ok(ExitCode::SUCCESS);
    }
    let kills = args.number("--kills")?.unwrap_or(KILLS);
    setup::ensure()?;
    let mut all = Tally::default();
    let mut failures = Vec::new();
    let built = prepare(&suites);
    if let Err(failure) = &built {
        failures.push(format!("builds: {failure}"));
    }
    for suite in suites {
        let is_runnable = built.is_ok() || !suite.needs_builds;
        let (tally, failure) = if is_runnable {
            run_with_heading(suite, kills)
        } else {
            (Tally::ONE_FAILED, Some("not run: its builds failed".into()))
        };
        all += tally;
        failures.extend(failure.map(|why| format!("{}: {why}", suite.name)));
    }
    println!();
    for failure in &failures {
        println!("failed: {failure}");
    }
    println!("{} passed, {} failed", all.passed, all.failed);
    Ok(if all.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn chosen(only: Option<&str>) -> Result<Vec<&'static Suite>, Failure> {
    let suites: Vec<_> = SUITES.iter().filter(|suite| only.is_none_or(|name| name == suite.name)).collect();
    if suites.is_empty() {
        let names: Vec<_> = SUITES.iter().map(|suite| suite.name).collect();
        return Err(format!("no suite '{}'; there are {}", only.unwrap_or_default(), names.join(", ")));
    }
    Ok(suites)
}

/// Builds what the suites use, where one of them uses any of it.
fn prepare(suites: &[&Suite]) -> Result<(), Failure> {
    if !suites.iter().any(|suite| suite.needs_builds) {
        return Ok(());
    }
    println!("== builds");
    pack::ensure()?;
    shop::build_server()?;
    demo::built_in_catalogue()?;
    shop::build_pages()
}

fn run_with_heading(suite: &Suite, kills: u32) -> (Tally, Option<Failure>) {
    println!("\n== {}: {}", suite.name, suite.about);
    let start = Instant::now();
    let (tally, failure) = match run(suite, kills) {
        Ok(tally) if tally.failed == 0 => (tally, None),
        Ok(tally) => (tally, Some(format!("{} of {}", tally.failed, tally.passed + tally.failed))),
        Err(failure) => (Tally::ONE_FAILED, Some(failure)),
    };
    let Tally { passed, failed } = tally;
    let seconds = start.elapsed().as_secs_f64();
    println!("== {}: {passed} passed, {failed} failed, {seconds:.1} s", suite.name);
    (tally, failure)
}

fn run(suite: &Suite, kills: u32) -> Result<Tally, Failure> {
    match &suite.kind {
        Kind::Check(commands) => {
            for mut command in commands() {
                if !run_tee(&mut command)?.1.success() {
                    return Ok(Tally::ONE_FAILED);
                }
            }
            Ok(Tally::ONE_PASSED)
        }
        Kind::Runners(commands) => {
            let mut all = Tally::default();
            for mut command in commands()? {
                all += run_tests(command.env("PANNIER_KILLS", kills.to_string()))?;
            }
            Ok(all)
        }
        Kind::Fuzz => fuzz::suite(),
        Kind::Demo => {
            let code = demo::check(&demo::built_in_catalogue()?, 0)?;
            Ok(if code == ExitCode::SUCCESS { Tally::ONE_PASSED } else { Tally::ONE_FAILED })
        }
    }
}

fn run_tests(command: &mut Command) -> Result<Tally, Failure> {
    let (output, status) = run_tee(command)?;
    let mut tally = Tally::of(&output);
    if tally == Tally::default() {
        return Err(format!("no test ran ({status})"));
    }
    // A binary that did not compile or died in mid-run has no summary line to count.
    if !status.success() && tally.failed == 0 {
        tally += Tally::ONE_FAILED;
    }
    Ok(tally)
}
