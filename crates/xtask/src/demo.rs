//! `demo`: the shop, its server and its data at one URL.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::args::Args;
use crate::process::{command, run_through, step};
use crate::server::{Ended, Server};
use crate::workspace::{absolute, at, empty_dir, write};
use crate::{Failure, catalogue, pack, setup, shop};

const PORT_DEFAULT: u16 = 7070;

/// `cargo xtask demo`.
pub fn main(words: &[String]) -> Result<ExitCode, Failure> {
    let args = Args::parse(words, &["--check"], &["--catalog", "--port"])?;
    let port = args.number("--port")?;
    let chosen = args.value("--catalog").map(absolute).transpose()?;
    if let Some(missing) = chosen.as_ref().filter(|path| !path.is_file()) {
        return Err(format!("--catalog {}: no such file", missing.display()));
    }
    setup::ensure()?;
    pack::ensure()?;
    shop::build_pages()?;
    shop::build_server()?;
    let catalogue = chosen.map_or_else(built_in_catalogue, Ok)?;
    if args.has("--check") {
        return check(&catalogue, port.unwrap_or(0));
    }
    serve(&catalogue, port.unwrap_or(PORT_DEFAULT))
}

/// Runs the shop's check against a server with a fresh database; pages and server must be built.
pub fn check(catalogue: &Path, port: u16) -> Result<ExitCode, Failure> {
    let dir = at("target/demo/check");
    empty_dir(&dir)?;
    let (server, _) = Server::start(&dir.join("shop.sqlite"), catalogue, port)?;
    let mut check = command("node");
    check.arg("www/check.mjs");
    check.env("PANNIER_URL", &server.url).env("PANNIER_OUT", at("target/demo"));
    run_through(&mut check)
}

/// Writes the built-in catalogue.
pub fn built_in_catalogue() -> Result<PathBuf, Failure> {
    let file = at("target/demo/catalogue.ndjson");
    step("built-in catalogue", || write(&file, &catalogue::ndjson()))?;
    Ok(file)
}

fn serve(catalogue: &Path, port: u16) -> Result<ExitCode, Failure> {
    // Before the server starts: from here on Ctrl-C is a request that reaches `stop`.
    let signals = Signals::new([SIGINT, SIGTERM]).map_err(|error| format!("signals: {error}"))?;
    let (mut server, ended) = Server::start(&at("target/demo/shop.sqlite"), catalogue, port)?;
    println!("{}/", server.url.trim_end_matches('/'));
    eprintln!("  Ctrl-C stops the shop.");
    match first_of(signals, ended) {
        Event::Stop => {
            server.stop()?;
            eprintln!("  stopped");
            Ok(ExitCode::SUCCESS)
        }
        Event::Ended => Err(format!("pannierd ended with {}", server.wait()?)),
    }
}

enum Event {
    Stop,
    Ended,
}

fn first_of(mut signals: Signals, ended: Ended) -> Event {
    let (sender, first) = mpsc::channel();
    let stop = sender.clone();
    thread::spawn(move || {
        // The other end is gone when the server ended first; then so is this program.
        signals.forever().next().map(|_| stop.send(Event::Stop))
    });
    thread::spawn(move || {
        // An error is what says that the output ended.
        let _ = ended.recv();
        sender.send(Event::Ended)
    });
    first.recv().unwrap_or(Event::Ended)
}
