//! `sim`: worlds of shoppers, networks and servers, drawn by seeds.

use std::process::{Command, ExitCode};

use crate::Failure;
use crate::args::Args;
use crate::process::{cargo, run_through};

/// Seeds of the suite of `cargo xtask test`.
const SUITE_SEEDS: &str = "2000";

/// `cargo xtask sim`.
pub fn main(words: &[String]) -> Result<ExitCode, Failure> {
    let args = Args::parse(words, &[], &["--seeds", "--seed"])?;
    let mut sim = simulator();
    for flag in ["--seeds", "--seed"] {
        if let Some(count) = args.number::<u64>(flag)? {
            sim.args([flag, &count.to_string()]);
        }
    }
    run_through(&mut sim)
}

/// The suite's worlds.
pub fn suite() -> Command {
    let mut sim = simulator();
    sim.args(["--seeds", SUITE_SEEDS]);
    sim
}

fn simulator() -> Command {
    let mut sim = cargo();
    sim.args(["run", "--quiet", "--release", "--package", "pannier-sim", "--bin", "pannier-sim", "--"]);
    sim
}
