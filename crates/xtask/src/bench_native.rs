//! `bench --native`: criterion's figures as tables of ratios.

use std::path::Path;
use std::process::ExitCode;

use serde_json::Value;

use crate::Failure;
use crate::process::{cargo, command, run, step};
use crate::workspace::{cargo_target, read};

/// The two numbers of records.
const SIZES: [&str; 2] = ["10000", "1000000"];

/// The tree alone beside redb: the work, as criterion's folder is called, and what one round of it is.
const TREE: &[(&str, &str)] = &[
    ("get", "one record"),
    ("put", "a commit of one record"),
    ("delete", "a commit of one removal"),
    ("load", "all records in order"),
    ("scan", "1,000 rows up"),
    ("scan_reverse", "1,000 rows down"),
    ("count", "a tenth of all records"),
];

/// The whole store over records in memory, with the most that the larger size may cost of the smaller.
const STORE: &[(&str, &str, f64)] = &[
    ("store_get", "one record", 2.5),
    ("store_put", "a commit of one record, until it is durable", 2.5),
    ("store_put_and_fold", "the same with its share of checkpoints", f64::INFINITY),
    ("store_open", "opening with 100 commits in the log", 2.5),
];

/// Pending mutations of the rebase, and the nanoseconds that it may take.
const REBASE: (&str, f64) = ("10000", 50e6);

/// Builds, measures, prints. Fails when a figure is above its limit.
pub fn main() -> Result<ExitCode, Failure> {
    let target = cargo_target().join("bench");
    step("the benchmark (a minute the first time)", || {
        let mut build = cargo();
        build.args(["build", "--quiet", "--release", "--locked", "--manifest-path", "crates/bench/Cargo.toml"]);
        run(build.arg("--target-dir").arg(&target))
    })?;
    let figures = target.join("criterion");
    run(command(target.join("release/pannier-bench")).arg(&figures))?;
    print_tree(&figures)?;
    let is_met = [print_growth(&figures)?, print_rebase(&figures)?];
    Ok(if is_met == [true; 2] { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The median of one round, in nanoseconds.
fn median(figures: &Path, work: &str, system: &str, size: &str) -> Result<f64, Failure> {
    let path = figures.join(work).join(system).join(size).join("new/estimates.json");
    let estimates: Value =
        serde_json::from_str(&read(&path)?).map_err(|error| format!("{}: {error}", path.display()))?;
    estimates["median"]["point_estimate"].as_f64().ok_or_else(|| format!("{}: no median", path.display()))
}

fn print_tree(figures: &Path) -> Result<(), Failure> {
    println!("\nThe tree alone, in memory; redb 4.6.0 over its InMemoryBackend with Durability::None.");
    println!("Keys of 18 bytes, values of 16. Above 1: so many times faster than redb.\n");
    println!("| work | a round | records | Pannier | redb | times |\n|---|---|---|---|---|---|");
    for (work, round) in TREE {
        for size in SIZES {
            let own = median(figures, work, "pannier", size)?;
            let other = median(figures, work, "redb", size)?;
            println!("| {work} | {round} | {size} | {} | {} | {:.2} |", time(own), time(other), other / own);
        }
    }
    Ok(())
}

fn print_growth(figures: &Path) -> Result<bool, Failure> {
    println!("\nThe whole store over records in memory, all segments in its cache.\n");
    println!("| work | a round | 10,000 | 1,000,000 | grows | at most |\n|---|---|---|---|---|---|");
    let mut is_met = true;
    for (work, round, limit) in STORE {
        let [few, many] = SIZES.map(|size| median(figures, work, "pannier", size));
        let (few, many) = (few?, many?);
        is_met &= many / few <= *limit;
        let limit = if limit.is_finite() { limit.to_string() } else { String::new() };
        println!("| {work} | {round} | {} | {} | {:.2} | {limit} |", time(few), time(many), many / few);
    }
    Ok(is_met)
}

fn print_rebase(figures: &Path) -> Result<bool, Failure> {
    let (pending, limit) = REBASE;
    let spent = median(figures, "rebase", "pannier", pending)?;
    println!(
        "\nRows of the server come in under {pending} pending mutations on 200 lines, until all is durable: {},",
        time(spent)
    );
    println!("at most {}.", time(limit));
    Ok(spent <= limit)
}

fn time(nanoseconds: f64) -> String {
    match nanoseconds {
        n if n < 1e3 => format!("{n:.0} ns"),
        n if n < 1e6 => format!("{:.2} µs", n / 1e3),
        n => format!("{:.1} ms", n / 1e6),
    }
}
