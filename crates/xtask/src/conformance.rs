//! `conformance`: the scenarios against any server of the sync protocol.

use std::process::{Command, ExitCode};

use crate::Failure;
use crate::args::Args;
use crate::process::{cargo, command, run, run_through, step};
use crate::workspace::{absolute, cargo_target};

/// `cargo xtask conformance`.
pub fn main(words: &[String]) -> Result<ExitCode, Failure> {
    let args = Args::parse(words, &[], &["--url", "--secret-file"])?;
    let url = args.value("--url").ok_or("name the server: cargo xtask conformance --url URL")?;
    let mut runner = runner()?;
    runner.args(["--url", url]);
    if let Some(file) = args.value("--secret-file") {
        runner.arg("--secret-file").arg(absolute(file)?);
    }
    run_through(&mut runner)
}

/// The runner, built.
pub fn runner() -> Result<Command, Failure> {
    step("the conformance runner", || {
        run(cargo().args(["build", "--quiet", "--release", "--package", "pannier-sim", "--bin", "pannier-conformance"]))
    })?;
    Ok(command(program()))
}

/// Where it is built.
pub fn program() -> std::path::PathBuf {
    cargo_target().join("release/pannier-conformance")
}
