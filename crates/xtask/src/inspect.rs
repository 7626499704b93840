//! `inspect`: looks into a file of records.

use std::process::ExitCode;

use crate::Failure;
use crate::process::{cargo, run_through};
use crate::workspace::absolute;

/// `cargo xtask inspect FILE`. A program of its own does it, so that this crate need not know the store.
pub fn main(words: &[String]) -> Result<ExitCode, Failure> {
    let [file] = words else {
        return Err("name one file: cargo xtask inspect FILE".into());
    };
    let mut inspect = cargo();
    inspect.args(["run", "--quiet", "--package", "pannier-records-file", "--bin", "pannier-inspect", "--"]);
    run_through(inspect.arg(absolute(file)?))
}
