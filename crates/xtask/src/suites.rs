//! The test suites.

use std::fs;
use std::process::Command;

use crate::process::{cargo, command, node_tool};
use crate::workspace::{at, package_dir, pannierd};
use crate::{Failure, conformance, model, sim};

/// One suite.
pub struct Suite {
    /// Its name for `--only`.
    pub name: &'static str,
    /// What it checks.
    pub about: &'static str,
    /// Whether it uses the packed package, the shop and the server.
    pub needs_builds: bool,
    /// How it runs.
    pub kind: Kind,
}

/// How a suite runs, and how its output counts.
pub enum Kind {
    /// Commands without tests of their own: together one check.
    Check(fn() -> Vec<Command>),
    /// Test runners, which print how many tests passed and failed.
    Runners(fn() -> Result<Vec<Command>, Failure>),
    /// Every target of the fuzzer, a test each.
    Fuzz,
    /// The demo's check.
    Demo,
}

/// Packing type-checks the package itself.
const TYPESCRIPT_PROJECTS: &[&str] =
    &["tests/conformance/node-server", "www/tsconfig.json", "www/tsconfig.worker.json", "www/bench/tsconfig.json"];

/// A test that takes longer hangs.
const NODE_TEST_MS_MAX: u32 = 300_000;

/// The suites in the order in which they run: what is quick to fail first.
pub const SUITES: &[Suite] = &[
    Suite {
        name: "format",
        about: "cargo fmt leaves every Rust file as it is",
        needs_builds: false,
        kind: Kind::Check(|| vec![with(cargo(), &["fmt", "--all", "--check"])]),
    },
    Suite {
        name: "clippy",
        about: "no warning of the compiler or of clippy in any Rust target",
        needs_builds: false,
        kind: Kind::Check(|| {
            let words = ["clippy", "--quiet", "--workspace", "--all-targets", "--", "-Dwarnings"];
            vec![with(cargo(), &words)]
        }),
    },
    Suite {
        name: "types",
        about: "the TypeScript of the shop and the benchmark fits the package's declarations",
        needs_builds: true,
        kind: Kind::Check(|| TYPESCRIPT_PROJECTS.iter().map(|project| type_check(project)).collect()),
    },
    Suite {
        name: "rust",
        about: "every native test: core, server, simulator, and tidy (layers, lengths, words)",
        needs_builds: false,
        kind: Kind::Runners(|| Ok(vec![with(cargo(), &["test", "--workspace", "--no-fail-fast"])])),
    },
    Suite {
        name: "model",
        about: "every state of the sync protocol's core, with its rules and without each",
        needs_builds: false,
        kind: Kind::Runners(|| Ok(vec![model::checker()?])),
    },
    Suite {
        name: "sim",
        about: "2,000 simulated worlds in which everything goes wrong that can",
        needs_builds: false,
        kind: Kind::Runners(|| Ok(vec![sim::suite()])),
    },
    Suite {
        name: "conformance",
        about: "a second server in TypeScript passes the scenarios over HTTP",
        needs_builds: false,
        kind: Kind::Runners(|| {
            conformance::runner()?;
            let mut tests = node_tests(&["tests/conformance"])?;
            tests.env("PANNIER_CONFORMANCE", conformance::program());
            Ok(vec![tests])
        }),
    },
    Suite {
        name: "fuzz",
        about: "every fuzz target for 10 s from its saved corpus",
        needs_builds: false,
        kind: Kind::Fuzz,
    },
    Suite {
        name: "javascript",
        about: "what runs under Node alone: the codec, the benchmark's arithmetic",
        needs_builds: false,
        kind: Kind::Runners(|| Ok(vec![node_tests(&["js/test", "tests/bench"])?])),
    },
    Suite {
        name: "package",
        about: "the packed package without a bundler, in a Vite build, under Node and tsc",
        needs_builds: true,
        kind: Kind::Runners(|| Ok(vec![node_tests(&["tests/package"])?])),
    },
    Suite {
        name: "chromium",
        about: "shops, tabs, faults and a pannierd in Chromium",
        needs_builds: true,
        kind: Kind::Runners(|| Ok(vec![browser_tests("chromium")?])),
    },
    Suite {
        name: "firefox",
        about: "the same in Firefox",
        needs_builds: true,
        kind: Kind::Runners(|| Ok(vec![browser_tests("firefox")?])),
    },
    Suite {
        name: "webkit",
        about: "the same in WebKitGTK",
        needs_builds: true,
        kind: Kind::Runners(|| Ok(vec![browser_tests("webkit")?])),
    },
    Suite { name: "demo", about: "cargo xtask demo --check", needs_builds: true, kind: Kind::Demo },
];

fn with(mut command: Command, words: &[&str]) -> Command {
    command.args(words);
    command
}

fn type_check(project: &str) -> Command {
    with(node_tool("typescript/bin/tsc"), &["--noEmit", "--project", project])
}

/// The tests for browsers, in one of the engines.
fn browser_tests(engine: &str) -> Result<Command, Failure> {
    let mut tests = node_tests(&["tests/browser"])?;
    tests.env("PANNIER_ENGINE", engine);
    Ok(tests)
}

/// Every `*.test.mjs` of some folders, one after the other: many start browsers of their own.
fn node_tests(dirs: &[&str]) -> Result<Command, Failure> {
    let mut files = Vec::new();
    for dir in dirs {
        let cannot_read = |error| format!("{dir}: {error}");
        for entry in fs::read_dir(at(dir)).map_err(cannot_read)? {
            let path = entry.map_err(cannot_read)?.path();
            if path.to_string_lossy().ends_with(".test.mjs") {
                files.push(path);
            }
        }
    }
    if files.is_empty() {
        return Err(format!("no *.test.mjs in {}", dirs.join(", ")));
    }
    files.sort();
    let mut node = command("node");
    node.args(["--test", "--test-reporter=spec", "--test-concurrency=1"])
        .arg(format!("--test-timeout={NODE_TEST_MS_MAX}"))
        .args(files)
        .env("PANNIERD", pannierd())
        .env("PANNIER_PACKAGE", package_dir())
        .env("PANNIER_SHOP", at("www/dist"))
        .env("PANNIER_CATALOGUE", at("target/demo/catalogue.ndjson"));
    Ok(node)
}
