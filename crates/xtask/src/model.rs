//! `model`: the sync protocol's core, checked exhaustively.

use std::process::{Command, ExitCode};

use crate::Failure;
use crate::args::Args;
use crate::process::{cargo, command, run, run_through, step};
use crate::workspace::cargo_target;

/// `cargo xtask model`.
pub fn main(words: &[String]) -> Result<ExitCode, Failure> {
    let args = Args::parse(words, &["--large"], &[])?;
    let mut checker = checker()?;
    if args.has("--large") {
        checker.arg("--large");
    }
    run_through(&mut checker)
}

/// The checker, built.
pub fn checker() -> Result<Command, Failure> {
    let target = cargo_target().join("model");
    step("the model checker (half a minute the first time)", || {
        let mut build = cargo();
        build.args(["build", "--quiet", "--release", "--locked", "--manifest-path", "crates/model/Cargo.toml"]);
        run(build.arg("--target-dir").arg(&target))
    })?;
    Ok(command(target.join("release/pannier-model")))
}
