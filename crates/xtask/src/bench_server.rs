//! `bench --server`: what pannierd does on this machine.

use std::fs;
use std::process::ExitCode;

use crate::Failure;
use crate::process::{cargo, command, run, run_through, step};
use crate::workspace::{at, cargo_target, pannierd};

/// Builds, measures, prints. Fails when a figure is not what it must be.
pub fn main() -> Result<ExitCode, Failure> {
    step("pannierd and its load (two minutes the first time)", || {
        let words = ["build", "--quiet", "--release", "--locked", "--package", "pannier-server"];
        run(cargo().args(words).args(["--bin", "pannierd", "--example", "load"]))
    })?;
    // On the disk of the workspace: a folder in memory would flush nothing.
    let folder = at("target/bench-server");
    let wrong = |error| format!("{}: {error}", folder.display());
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(wrong)?;
    }
    fs::create_dir_all(&folder).map_err(wrong)?;
    run_through(command(cargo_target().join("release/examples/load")).arg(pannierd()).arg(&folder))
}
