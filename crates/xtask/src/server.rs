//! A running `pannierd`.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdout, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;

use crate::Failure;
use crate::process::{command, run_quiet};
use crate::workspace::{at, pannierd};

/// A running `pannierd`; stopped when dropped.
pub struct Server {
    child: Child,
    /// Its address, such as `http://127.0.0.1:7070`.
    pub url: String,
}

/// Sends nothing; its other end sees the server's output end.
pub type Ended = mpsc::Receiver<()>;

impl Server {
    /// Starts `pannierd` on the shop's pages and returns once it listens.
    pub fn start(db: &Path, catalogue: &Path, port: u16) -> Result<(Self, Ended), Failure> {
        let mut pannierd = command(pannierd());
        pannierd.arg("--db").arg(db).arg("--static").arg(at("www/dist"));
        pannierd.arg("--catalog").arg(catalogue).arg("--listen").arg(format!("127.0.0.1:{port}"));
        // A group of its own: a terminal's Ctrl-C reaches this program alone, which then stops the
        // server once.
        pannierd.process_group(0).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = pannierd.spawn().map_err(|error| format!("cannot run pannierd: {error}"))?;
        let (listening, url) = mpsc::channel();
        let (alive, ended) = mpsc::channel();
        if let Some(output) = child.stdout.take() {
            thread::spawn(move || {
                forward(output, &listening);
                drop(alive);
            });
        }
        let mut server = Self { child, url: String::new() };
        match url.recv() {
            Ok(url) => server.url = url,
            Err(_) => {
                let status = server.wait()?;
                return Err(format!("pannierd ended with {status} before it listened on port {port}"));
            }
        }
        Ok((server, ended))
    }

    /// Waits until it ends.
    pub fn wait(&mut self) -> Result<ExitStatus, Failure> {
        self.child.wait().map_err(|error| format!("pannierd: {error}"))
    }

    /// Asks it to end, and waits until it has.
    pub fn stop(&mut self) -> Result<(), Failure> {
        if matches!(self.child.try_wait(), Ok(None)) {
            run_quiet(command("kill").arg("-TERM").arg(self.child.id().to_string()))?;
            self.wait()?;
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Err(failure) = self.stop() {
            eprintln!("error: {failure}");
        }
    }
}

/// Prints what the server prints, but for the address, which goes to who waits for it.
fn forward(output: ChildStdout, listening: &mpsc::Sender<String>) {
    for line in BufReader::new(output).lines() {
        let Ok(line) = line else { return };
        match line.split_once("listening on ") {
            // Nobody waits any more after the first one; then there is nothing to tell.
            Some((_, url)) => drop(listening.send(url.trim().to_owned())),
            None => eprintln!("{line}"),
        }
    }
}
