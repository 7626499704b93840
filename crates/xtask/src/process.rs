//! Running other programs.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, ExitCode, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use crate::Failure;
use crate::workspace::{at, root};

/// A command that runs in the repository's top folder.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root());
    command
}

/// Cargo, with the toolchain that runs this.
pub fn cargo() -> Command {
    command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// A script of a package in node_modules, such as `vite/bin/vite.js`. Run by its path: npx would
/// look for it on the network where it is missing.
pub fn node_tool(script: &str) -> Command {
    let mut command = command("node");
    command.arg(at("node_modules").join(script));
    command
}

/// Runs a command whose failure ends ours; its output goes to the terminal.
pub fn run(command: &mut Command) -> Result<(), Failure> {
    let status = command.status().map_err(|error| cannot_start(command, &error))?;
    succeeded(command, status)
}

/// Runs a command in silence; what it printed is shown only when it fails.
pub fn run_quiet(command: &mut Command) -> Result<String, Failure> {
    let output = command.output().map_err(|error| cannot_start(command, &error))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        eprint!("{text}{}", String::from_utf8_lossy(&output.stderr));
    }
    succeeded(command, output.status).map(|()| text)
}

/// Runs a command, prints its output as it comes, and returns it with the status.
pub fn run_tee(command: &mut Command) -> Result<(String, ExitStatus), Failure> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| cannot_start(command, &error))?;
    let (sender, receiver) = mpsc::channel();
    let streams: [Option<Box<dyn Read + Send>>; 2] = [
        child.stdout.take().map(|stream| Box::new(stream) as _),
        child.stderr.take().map(|stream| Box::new(stream) as _),
    ];
    for stream in streams.into_iter().flatten() {
        let sender = sender.clone();
        thread::spawn(move || forward_lines(stream, &sender));
    }
    drop(sender);
    let mut text = String::new();
    for line in receiver {
        println!("{line}");
        text += &line;
        text.push('\n');
    }
    let status = child.wait().map_err(|error| cannot_start(command, &error))?;
    Ok((text, status))
}

fn forward_lines(stream: impl Read, lines: &mpsc::Sender<String>) {
    for line in BufReader::new(stream).split(b'\n') {
        let Ok(line) = line else { return };
        let line = String::from_utf8_lossy(&line).into_owned();
        if lines.send(line).is_err() {
            return;
        }
    }
}

/// Runs a command whose status becomes ours.
pub fn run_through(command: &mut Command) -> Result<ExitCode, Failure> {
    let status = command.status().map_err(|error| cannot_start(command, &error))?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs a step with a line that says what it is and, when it is over, how long it took.
pub fn step<T>(what: &str, work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    eprint!("  {what} ... ");
    let start = Instant::now();
    let result = work();
    match &result {
        Ok(_) => eprintln!("{:.1} s", start.elapsed().as_secs_f64()),
        Err(_) => eprintln!("failed"),
    }
    result
}

fn succeeded(command: &Command, status: ExitStatus) -> Result<(), Failure> {
    if status.success() {
        return Ok(());
    }
    Err(format!("{} ended with {status}", line_of(command)))
}

fn cannot_start(command: &Command, error: &std::io::Error) -> Failure {
    format!("cannot run {}: {error}", line_of(command))
}

fn line_of(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
