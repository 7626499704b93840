//! Every developer command of Pannier: `cargo xtask --help`.

mod args;
mod bench;
mod bench_native;
mod bench_server;
mod catalogue;
mod columns;
mod conformance;
mod declarations;
mod demo;
mod fuzz;
mod help;
mod inspect;
mod leb;
mod model;
mod pack;
mod process;
mod reach;
mod server;
mod setup;
mod shop;
mod sim;
mod size;
mod split;
mod suites;
mod tally;
mod test;
mod workspace;

use std::process::ExitCode;

/// What a command ends with when it cannot go on: a message for the developer.
type Failure = String;

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let name = words.next().unwrap_or_default();
    let rest: Vec<String> = words.collect();
    if matches!(name.as_str(), "" | "-h" | "--help" | "help") {
        print!("{}", help::overview());
        return ExitCode::SUCCESS;
    }
    let Some(command) = help::find(&name) else {
        eprintln!("error: no command '{name}'\n\n{}", help::overview());
        return ExitCode::from(2);
    };
    if rest.iter().any(|word| word == "-h" || word == "--help") {
        print!("{}", help::of(command));
        return ExitCode::SUCCESS;
    }
    match (command.run)(&rest) {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}
