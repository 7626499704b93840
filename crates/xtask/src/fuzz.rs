//! `fuzz`: libFuzzer on every target of crates/fuzz.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use crate::Failure;
use crate::args::Args;
use crate::process::{cargo, command, run, run_quiet, step};
use crate::tally::Tally;
use crate::workspace::{at, cargo_target, empty_dir};

/// What `cargo xtask test` gives each target.
const SUITE_SECONDS: u64 = 10;

/// Counters on every edge and what comparisons compare, for libFuzzer to see. Plain flags of
/// stable Rust. No sanitizer beside them: the core has no unsafe code.
const COVERAGE_RUSTFLAGS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
     -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
     -Cllvm-args=-sanitizer-coverage-trace-compares";

/// An input that takes longer hangs: the slowest known takes some milliseconds.
const INPUT_SECONDS_MAX: u32 = 10;

/// The process holds one input at a time, its corpus and libFuzzer's own tables.
const PROCESS_MIB_MAX: u32 = 1024;

/// One input for each place, as few as can be; how often an input passes it does not count.
const FEWEST: &[&str] = &["-set_cover_merge=1", "-use_counters=0"];

const PROGRESS_EVERY: Duration = Duration::from_secs(10);

/// A target of crates/fuzz.
struct Target {
    name: String,
    input_bytes_max: String,
}

/// How long, and from where on.
struct Plan {
    seconds: u64,
    /// Goes on from what earlier runs found, and keeps what this one finds.
    grows: bool,
}

/// `cargo xtask fuzz`.
pub fn main(words: &[String]) -> Result<ExitCode, Failure> {
    let args = Args::parse(words, &["--save"], &["--minutes", "--target"])?;
    let minutes: u64 = args.number("--minutes")?.unwrap_or(1);
    if minutes == 0 {
        return Err("--minutes takes a number above 0".into());
    }
    let fuzzer = build()?;
    let mut targets = targets()?;
    if let Some(name) = args.value("--target") {
        let names = names(&targets);
        targets.retain(|target| target.name == name);
        if targets.is_empty() {
            return Err(format!("no target '{name}'; there are {names}"));
        }
    }
    let tally = run_all(&fuzzer, &targets, &Plan { seconds: minutes * 60, grows: true })?;
    if args.has("--save") {
        for target in &targets {
            save(&fuzzer, target)?;
        }
    }
    Ok(if tally.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The suite of `cargo xtask test`: a test a target.
pub fn suite() -> Result<Tally, Failure> {
    let fuzzer = build()?;
    run_all(&fuzzer, &targets()?, &Plan { seconds: SUITE_SECONDS, grows: false })
}

fn build() -> Result<PathBuf, Failure> {
    let version = run_quiet(command("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).ok_or("rustc -vV names no host")?;
    let target_dir = cargo_target().join("fuzz/build");
    step("the fuzzer (half a minute the first time)", || {
        let mut build = cargo();
        // Named, so that the flags are not for build scripts and macros.
        build.args(["build", "--quiet", "--release", "--locked", "--target", host, "--target-dir"]);
        build.arg(&target_dir).args(["--manifest-path", "crates/fuzz/runner/Cargo.toml"]);
        run(build.env("RUSTFLAGS", COVERAGE_RUSTFLAGS))
    })?;
    Ok(target_dir.join(host).join("release/pannier-fuzz-runner"))
}

/// Writes the encoders' seeds anew, which tells the targets too.
fn targets() -> Result<Vec<Target>, Failure> {
    empty_dir(&folder("seeds"))?;
    let list = run_quiet(cargo().args(["run", "--quiet", "--package", "pannier-fuzz", "--"]).arg(folder("seeds")))?;
    let target = |line: &str| {
        let (name, input_bytes_max) = line.split_once(' ')?;
        Some(Target { name: name.into(), input_bytes_max: input_bytes_max.into() })
    };
    Ok(list.lines().filter_map(target).collect())
}

fn names(targets: &[Target]) -> String {
    targets.iter().map(|target| target.name.as_str()).collect::<Vec<_>>().join(", ")
}

fn folder(kind: &str) -> PathBuf {
    at("target/fuzz").join(kind)
}

fn saved(kind: &str, target: &Target) -> PathBuf {
    at("crates/fuzz").join(kind).join(&target.name)
}

fn run_all(fuzzer: &Path, targets: &[Target], plan: &Plan) -> Result<Tally, Failure> {
    let mut tally = Tally::default();
    println!("fuzzing {} for {} s each", names(targets), plan.seconds);
    for target in targets {
        if fuzz(fuzzer, target, plan)? {
            tally.passed += 1;
        } else {
            tally.failed += 1;
        }
    }
    let word = if tally.failed == 0 { "ok" } else { "FAILED" };
    println!("test result: {word}. {} passed; {} failed", tally.passed, tally.failed);
    Ok(tally)
}

/// The fuzzer for one target, with the folders that hold inputs: new ones go into the first.
fn fuzzer_on(fuzzer: &Path, target: &Target, first: &Path) -> Result<Command, Failure> {
    let mut command = command(fuzzer);
    let folders = [folder("seeds").join(&target.name), saved("corpus", target), saved("crashers", target)];
    command.env("PANNIER_FUZZ_TARGET", &target.name);
    command.arg(format!("-max_len={}", target.input_bytes_max));
    command.arg(format!("-timeout={INPUT_SECONDS_MAX}")).arg(format!("-rss_limit_mb={PROCESS_MIB_MAX}"));
    command.arg(first).args(folders.iter().filter(|folder| folder.is_dir()));
    fs::create_dir_all(first).map_err(|error| format!("{}: {error}", first.display()))?;
    Ok(command)
}

/// Runs one target and tells whether nothing broke.
fn fuzz(fuzzer: &Path, target: &Target, plan: &Plan) -> Result<bool, Failure> {
    let found = if plan.grows { "corpus" } else { "scratch" };
    let found = folder(found).join(&target.name);
    if !plan.grows {
        empty_dir(&found)?;
    }
    let crashes = folder("crashes").join(&target.name);
    fs::create_dir_all(&crashes).map_err(|error| format!("{}: {error}", crashes.display()))?;
    let mut command = fuzzer_on(fuzzer, target, &found)?;
    command.arg(format!("-max_total_time={}", plan.seconds)).arg("-print_final_stats=1");
    command.arg(format!("-artifact_prefix={}/", crashes.display()));
    let mut child = command
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cannot run {}: {error}", fuzzer.display()))?;
    let mut progress = Progress::new(&target.name);
    for line in child.stderr.take().map(BufReader::new).into_iter().flat_map(|stream| stream.split(b'\n')) {
        progress.take(&String::from_utf8_lossy(&line.unwrap_or_default()));
    }
    let status = child.wait().map_err(|error| format!("{}: {error}", fuzzer.display()))?;
    progress.finish(status.success(), fuzzer);
    Ok(status.success())
}

/// What libFuzzer's output says, and the lines that explain a failure.
struct Progress<'a> {
    name: &'a str,
    start: Instant,
    told: Instant,
    /// How far it has come.
    state: String,
    executed: String,
    per_second: String,
    broken: Vec<String>,
    input: String,
}

impl<'a> Progress<'a> {
    fn new(name: &'a str) -> Self {
        let now = Instant::now();
        let empty = String::new;
        Self {
            name,
            start: now,
            told: now,
            state: empty(),
            executed: empty(),
            per_second: empty(),
            broken: Vec::new(),
            input: empty(),
        }
    }

    fn take(&mut self, line: &str) {
        if let Some((_, state)) = line.split_once(" cov: ").filter(|_| line.starts_with('#')) {
            // `955 ft: 3793 corp: 560/83Kb lim: …`: places of the code, then inputs kept.
            let words: Vec<&str> = state.split(' ').collect();
            let [places, _, _, _, corpus, ..] = words[..] else { return };
            self.state = format!("{places} places reached, corpus {corpus}");
            if self.told.elapsed() >= PROGRESS_EVERY {
                self.told = Instant::now();
                println!("  {} {} s: {}", self.name, self.start.elapsed().as_secs(), self.state);
            }
        } else if let Some(number) = line.strip_prefix("stat::number_of_executed_units:") {
            self.executed = number.trim().into();
        } else if let Some(number) = line.strip_prefix("stat::average_exec_per_sec:") {
            self.per_second = number.trim().into();
        } else if let Some((_, path)) = line.split_once("Test unit written to ") {
            self.input = path.into();
        } else if line.contains("panicked at") || line.starts_with("==") || !self.broken.is_empty() {
            self.broken.push(line.into());
        }
    }

    fn finish(&self, passed: bool, fuzzer: &Path) {
        let Self { name, state, executed, per_second, broken, input, .. } = self;
        if passed {
            println!("test {name} ... ok: {executed} inputs, {per_second} a second, {state}");
            return;
        }
        println!("test {name} ... FAILED");
        // The message and the first frames; libFuzzer's dump of the input follows.
        broken.iter().take(40).for_each(|line| println!("  {line}"));
        println!("  input: {input}");
        println!("  again: PANNIER_FUZZ_TARGET={name} {} {input}", fuzzer.display());
        println!("  Once mended, keep the input in crates/fuzz/crashers/{name} and name it in crates/fuzz/tests.");
    }
}

/// Replaces the saved corpus by the fewest inputs that reach all that was reached.
fn save(fuzzer: &Path, target: &Target) -> Result<(), Failure> {
    let merged = folder("merged").join(&target.name);
    empty_dir(&merged)?;
    step(&format!("saving the corpus of {}", target.name), || {
        let mut merge = fuzzer_on(fuzzer, target, &merged)?;
        run_quiet(merge.arg(folder("corpus").join(&target.name)).args(FEWEST).stderr(Stdio::null()))
    })?;
    let saved = saved("corpus", target);
    empty_dir(&saved)?;
    for entry in fs::read_dir(&merged).map_err(|error| format!("{}: {error}", merged.display()))? {
        let path = entry.map_err(|error| format!("{}: {error}", merged.display()))?.path();
        crate::workspace::copy(&path, &saved.join(path.file_name().unwrap_or_default()))?;
    }
    Ok(())
}
