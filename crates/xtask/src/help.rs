//! The list of commands, and what `--help` says about each.

use std::process::ExitCode;

use crate::{Failure, bench, conformance, demo, fuzz, inspect, model, pack, setup, sim, size, test};

/// One command.
pub struct Command {
    name: &'static str,
    summary: &'static str,
    usage: &'static str,
    /// What it does, given the words after its name.
    pub run: fn(&[String]) -> Result<ExitCode, Failure>,
}

const COMMANDS: &[Command] = &[
    Command {
        name: "setup",
        summary: "Install what the other commands need; they all run it first",
        usage: "cargo xtask setup

Installs, and only where it is missing: Chromium, Firefox and WebKitGTK, drivers and fonts from
Debian; the Rust target and components that rust-toolchain.toml names; the JavaScript tools that
package-lock.json pins, into node_modules.

Does nothing, at once, when all is there. Without root it names the Debian packages and stops.
",
        run: setup::main,
    },
    Command {
        name: "demo",
        summary: "Build everything and run the demo shop at one URL; --check tests it headlessly",
        usage: "cargo xtask demo [--catalog FILE.ndjson] [--port N] [--check]

Packs the package, builds the shop and pannierd, starts it on 127.0.0.1 and prints the URL.
Ctrl-C stops it. The server's data stays in target/demo/shop.sqlite from one run to the next.

  --catalog FILE  Import these products, one JSON object with an `id` a line, instead of the
                  built-in catalogue. A bad line is reported with its number and skipped.
                  What earlier runs imported stays; delete the database to start afresh.
  --port N        Listen here. Default 7070; 0 takes a free port.
  --check         Run the shop's check in headless Chromium on a fresh database: shop, offline,
                  edit, reload, reconcile. Prints a line a step, writes screenshots to
                  target/demo/, and exits with 0 or 1.
",
        run: demo::main,
    },
    Command {
        name: "test",
        summary: "Run every test suite: Rust, package and browsers",
        usage: "cargo xtask test [--only NAME] [--kills N] [--list]

Runs the suites in order, goes on after a failure, and closes with `N passed, N failed`. N counts
single tests; a check without tests of its own, and a suite that crashed, count as one.
Exits with 0 when nothing failed, else 1.

  --only NAME  Run this suite alone.
  --kills N    Kill Chromium and Firefox so often during writes, each; default 10. PANNIER_SEED=S in
               the environment takes other moments and writes than those of seed 1.
  --list       Print the suites' names and what they check.
",
        run: test::main,
    },
    Command {
        name: "fuzz",
        summary: "Feed every decoder, damaged trees and damaged stores with inputs that go deeper and deeper",
        usage: "cargo xtask fuzz [--minutes N] [--target NAME] [--save]

Builds crates/fuzz/runner (libFuzzer, which needs a C++ compiler) and runs each target from the
seeds, the saved corpus and what earlier runs found, kept in target/fuzz/corpus. Prints how many
inputs a target took and how many places of the code they reached. An input that breaks a promise
ends its target: it is printed with its message, and stays in target/fuzz/crashes.
Exits with 0 when nothing broke, else 1.

  --minutes N    For each target. Default 1.
  --target NAME  Run this target alone.
  --save         Then make the saved corpus, crates/fuzz/corpus, of the fewest inputs that reach
                 every place that was reached.
",
        run: fuzz::main,
    },
    Command {
        name: "model",
        summary: "Check the core of the sync protocol in every state it can reach",
        usage: "cargo xtask model [--large]

Builds crates/model (stateright) and visits every state of two profiles and a server whose messages
are lost, doubled and reordered, whose tabs die, whose database is restored, perhaps without a new
epoch, whose journals age, and one of which may be a copy of the other. Prints how many states there
are. Then takes each rule of the protocol away and must find what breaks. Exits with 0 when all is as
it must be, else 1 with the steps.

  --large  More mutations, and faults together: minutes instead of seconds.
",
        run: model::main,
    },
    Command {
        name: "pack",
        summary: "Build the npm package, dist/pannier-<version>.tgz",
        usage: "cargo xtask pack

Compiles crates/wasm for size, runs wasm-opt on it, bundles js/src, writes the
TypeScript declarations, and packs them by pkg.json with the version of Cargo.toml. The same
sources give the same bytes. Leaves the package unpacked in target/package/pannier too.
",
        run: pack::main,
    },
    Command {
        name: "sim",
        summary: "Run simulated shoppers, devices, networks and servers, drawn by seeds",
        usage: "cargo xtask sim [--seeds N] [--seed S]

Builds crates/sim and runs N worlds (default 2000) of the real client and server core, in which
everything goes wrong that can; the sync's invariants are checked after every event, and once the
faults stop all must agree. Prints how often each thing happened; from 1000 worlds on, one that
never did fails the run. A seed decides everything; one that fails is printed with the shortest
list of events found that still fails. Exits with 0 when all hold, else 1.

  --seeds N  So many worlds, from seed 0 or S on.
  --seed S   This world alone.
",
        run: sim::main,
    },
    Command {
        name: "size",
        summary: "Print what a page has to load, raw and compressed",
        usage: "cargo xtask size [--json FILE]

Packs, then prints the bytes of wasm, JavaScript and both: raw, gzip -9 and brotli -q 11. Fails
when the total passes its limit.

  --json FILE  Also write {wasm, js, total}, each {raw, gzip, brotli}, in bytes.
",
        run: size::main,
    },
    Command {
        name: "bench",
        summary: "Compare Pannier with other stores and the platform's limits in headless Chromium",
        usage: "cargo xtask bench [--json FILE] [--only WORKLOAD,...] [--systems NAME,...] [--reps N]
       cargo xtask bench --native
       cargo xtask bench --server
       cargo xtask bench --tasks

Packs, builds the benchmark page and runs every workload on every system, on fresh profiles.
Prints medians with their spread and how many times better each is than Pannier, raw IndexedDB
(idb) and what the platform allows (limit); then which figures are where they must be, how each
system was used and how each figure was taken. A system that fails has no figures; the others go
on, and the exit status is 1. A full run takes 10 to 25 minutes.

  --json FILE      Also write rows {workload, system, unit, median, min, max}.
  --only WORKLOAD  Run these workloads alone: bulk_load, put_durable, put_together, get_warm,
                   scan_1000, scan_1000_cold, scan_1000_disk, index_query_100, recent_50, cold_first_cart,
                   bytes_stored, memory_100k.
  --systems NAME   Run these systems alone: pannier, idb, idb-keyval, dexie, replicache, tinybase,
                   tanstack-db, rxdb, pouchdb, sqlite-wasm, wa-sqlite, limit.
  --reps N         Repetitions; at least 3, the default, for a full run.
  --native         Instead of all this: the tree alone beside redb, natively and in memory, and how
                   the whole store's get, put and opening grow from 10,000 to 1,000,000 records.
                   Prints medians and ratios (some four minutes). Exits with 1 when a cost grows
                   beyond its limit.
  --server         Instead of all this: syncs a second of pannierd over HTTP on this machine's disk,
                   beside the same rows written by bare SQLite transactions; delays at half of
                   that; streams and their memory (a minute after the build). Exits with 1 when a
                   figure is not what it must be.
  --tasks          Instead of all this: how long the main thread is held in headless Chromium, with
                   the processor throttled to a quarter, by loads of 50,000 products, a checkpoint,
                   compaction, 10,000 cart edits and a rebase of them. Prints the longest task of
                   each and how many there were of 50 ms and more (two minutes).
",
        run: bench::main,
    },
    Command {
        name: "conformance",
        summary: "Run the scenarios against any server of the sync protocol",
        usage: "cargo xtask conformance --url URL [--secret-file FILE]

Runs what of tests/scenarios can be run over HTTP, in JSON, with the real client core. Prints a line
a case: passed; failed, with what was expected and what was found; or not applicable, with the
reason. The server keeps its data: each run makes its own shoppers and products, so give it a
server and a catalogue of its own. Exits with 0 when nothing failed, else 1.

  --url URL           The server, such as http://127.0.0.1:7070.
  --secret-file FILE  The secret with which it verifies tokens (HS256). Without it shoppers are
                      anonymous, and what changes the catalogue or signs in is left out.
",
        run: conformance::main,
    },
    Command {
        name: "inspect",
        summary: "Look into a file of records: head, segments, log, tree, and whether it is sound",
        usage: "cargo xtask inspect FILE

Reads a store that crates/records-file wrote, changes nothing, and prints: the head; each segment
with its live and dead bytes; each log record; the tree's depth, nodes, fill, and entries by the
number of their collection's tree (docs/format.md lists them); then what a check of every record
and node found. Exits with 0 when the store is sound, else with 1 and where and why it is not.
A file that another process has open is refused.
",
        run: inspect::main,
    },
];

/// The command of this name.
pub fn find(name: &str) -> Option<&'static Command> {
    COMMANDS.iter().find(|command| command.name == name)
}

/// What `cargo xtask --help` prints.
pub fn overview() -> String {
    let mut text = String::from("Every developer command of Pannier.\n\nUsage: cargo xtask COMMAND\n\n");
    for Command { name, summary, .. } in COMMANDS {
        text += &format!("  {name:11} {summary}\n");
    }
    text + "\n`cargo xtask COMMAND --help` tells more about each.\n"
}

/// What `cargo xtask COMMAND --help` prints.
pub fn of(command: &Command) -> String {
    format!("{}.\n\nUsage: {}", command.summary, command.usage)
}
