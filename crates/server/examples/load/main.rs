//! What `pannierd` can do on this machine, beside what SQLite alone can: `load PANNIERD FOLDER`.
//!
//! `cargo xtask bench --server` builds and runs it. Everything happens in one run, because machines
//! differ and disks differ more: a bare transaction a sync with the same rows, the most syncs a
//! second, the delay at half of that, the same with streams open.

mod bare;
mod client;
mod server;

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use client::Client;
use server::Server;

/// Connections at once, each with a request under way.
const CONNECTIONS: usize = 64;
/// Shoppers that take turns on one connection.
const SHOPPERS_PER_CONNECTION: usize = 50;
/// How long each part is measured.
const MEASURE: Duration = Duration::from_secs(6);
/// Streams of pokes that are open beside the load.
const STREAMS: usize = 200;

/// What one part has shown.
struct Measured {
    delays_ms: Vec<f64>,
    errors: usize,
    seconds: f64,
}

impl Measured {
    fn new(mut delays_ms: Vec<f64>, errors: usize, start: Instant) -> Measured {
        delays_ms.sort_by(f64::total_cmp);
        Measured { delays_ms, errors, seconds: start.elapsed().as_secs_f64() }
    }

    fn per_second(&self) -> f64 {
        self.delays_ms.len() as f64 / self.seconds
    }

    fn percentile(&self, part: f64) -> f64 {
        let last = self.delays_ms.len().saturating_sub(1);
        self.delays_ms.get((last as f64 * part) as usize).copied().unwrap_or(f64::INFINITY)
    }
}

/// A line of the table, and whether it is what it must be.
struct Line {
    what: &'static str,
    found: String,
    must: String,
    is_met: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().collect();
    let [_, program, folder] = &words[..] else {
        eprintln!("load PANNIERD FOLDER");
        return ExitCode::from(2);
    };
    let lines = measure(program, Path::new(folder)).await;
    println!("| what | found | must |\n|---|---|---|");
    for Line { what, found, must, is_met } in &lines {
        println!("| {what} | {found} | {must}{} |", if *is_met { "" } else { " **not met**" });
    }
    if lines.iter().all(|line| line.is_met) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn measure(program: &str, folder: &Path) -> Vec<Line> {
    let before = bare::measure(&folder.join("bare.db"), MEASURE);
    let server = Server::start(program, folder);
    let mut clients: Vec<Client> = (0..CONNECTIONS).map(|n| Client::new(&server, n, SHOPPERS_PER_CONNECTION)).collect();
    // Shoppers and connections that are new cost more once.
    load(&mut clients, None, MEASURE / 3).await;
    let peak = load(&mut clients, None, MEASURE).await;
    let half = load(&mut clients, Some(peak.per_second() / 2.0), MEASURE).await;
    let resident_before = server.resident_bytes();
    let streams = server.listen(STREAMS, SHOPPERS_PER_CONNECTION).await;
    let per_stream_kib = server.resident_bytes().saturating_sub(resident_before) as f64 / 1024.0 / STREAMS as f64;
    let beside = load(&mut clients, Some(peak.per_second() / 2.0), MEASURE).await;
    let pokes = streams.heard();
    drop(server);
    let after = bare::measure(&folder.join("bare-again.db"), MEASURE);
    let share = peak.per_second() * 2.0 / (before.per_second() + after.per_second());
    let errors = peak.errors + half.errors + beside.errors;
    let line = |what, found, must: &str, is_met| Line { what, found, must: must.to_owned(), is_met };
    let of_bare =
        [&before, &after].map(|bare| (format!("{:.0}", bare.per_second()), format!("{:.1} ms", bare.percentile(0.99))));
    let [(per_second, delay), (per_second_after, delay_after)] = of_bare;
    vec![
        line("bare transactions a second, before and after", format!("{per_second}, {per_second_after}"), "", true),
        line("of these, 99 % took", format!("{delay}, {delay_after}"), "", true),
        line("syncs a second at most", format!("{:.0}", peak.per_second()), "", true),
        line("of the bare transactions", format!("{share:.2}"), "0.5", share >= 0.5),
        line(
            "delay at most, median and 99 %",
            format!("{:.1}, {:.1} ms", peak.percentile(0.5), peak.percentile(0.99)),
            "",
            true,
        ),
        line("delay at half of it, median", format!("{:.1} ms", half.percentile(0.5)), "", true),
        line(
            "delay at half of it, 99 %",
            format!("{:.1} ms", half.percentile(0.99)),
            "under 20 ms",
            half.percentile(0.99) < 20.0,
        ),
        line("the same beside 200 streams, 99 %", format!("{:.1} ms", beside.percentile(0.99)), "", true),
        line("pokes that the streams heard", pokes.to_string(), "some", pokes > 0),
        line("memory of a stream", format!("{per_stream_kib:.1} KiB"), "under 32 KiB", per_stream_kib < 32.0),
        line("errors", errors.to_string(), "0", errors == 0),
    ]
}

/// All clients at once for a while: each as fast as it is answered, or all together at a rate. A
/// delay is counted from when a request was due, not from when there was time to send it.
async fn load(clients: &mut [Client], rate: Option<f64>, time: Duration) -> Measured {
    let (start, count) = (Instant::now(), clients.len());
    let every = rate.map(|rate| Duration::from_secs_f64(count as f64 / rate));
    let running = clients.iter_mut().enumerate().map(async |(number, client)| {
        let (mut delays_ms, mut errors) = (Vec::new(), 0);
        let mut due = start + every.map_or(Duration::ZERO, |every| every.mul_f64(number as f64 / count as f64));
        while start.elapsed() < time {
            match every {
                Some(every) => {
                    tokio::time::sleep_until(due.into()).await;
                    due += every;
                }
                None => due = Instant::now(),
            }
            let sent = due - every.unwrap_or_default();
            match client.sync().await {
                Ok(()) => delays_ms.push(sent.max(start).elapsed().as_secs_f64() * 1000.0),
                Err(why) => {
                    eprintln!("{why}");
                    errors += 1;
                }
            }
        }
        (delays_ms, errors)
    });
    let all = futures_util::future::join_all(running).await;
    let (delays_ms, errors): (Vec<_>, Vec<_>) = all.into_iter().unzip();
    Measured::new(delays_ms.concat(), errors.iter().sum(), start)
}
