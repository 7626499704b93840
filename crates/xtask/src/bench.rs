//! `bench`: Pannier beside what a shop would pick instead.

use std::process::ExitCode;

use crate::args::Args;
use crate::process::{command, run_through};
use crate::workspace::{absolute, pannierd};
use crate::{Failure, bench_native, bench_server, pack, setup, shop};

const FLAGS: &[&str] = &["--json", "--only", "--systems", "--reps"];

/// `cargo xtask bench`. The runner builds its page from the packed package itself.
pub fn main(words: &[String]) -> Result<ExitCode, Failure> {
    let args = Args::parse(words, &["--native", "--server", "--tasks"], FLAGS)?;
    let others = [("--native", bench_native::main as fn() -> _), ("--server", bench_server::main), ("--tasks", tasks)];
    for (name, run) in others {
        if args.has(name) {
            return match FLAGS.iter().find(|flag| args.has(flag)) {
                Some(flag) => Err(format!("{flag} is for the benchmark in Chromium, not for {name}")),
                None => run(),
            };
        }
    }
    setup::ensure()?;
    pack::ensure()?;
    let mut runner = command("node");
    runner.arg("tests/bench/run.mjs");
    for flag in FLAGS {
        if let Some(value) = args.value(flag) {
            runner.arg(flag);
            if *flag == "--json" {
                runner.arg(absolute(value)?)
            } else {
                runner.arg(value)
            };
        }
    }
    run_through(&mut runner)
}

/// How long the main thread is held.
fn tasks() -> Result<ExitCode, Failure> {
    setup::ensure()?;
    pack::ensure()?;
    shop::build_server()?;
    run_through(command("node").arg("tests/bench/tasks.mjs").env("PANNIERD", pannierd()))
}
