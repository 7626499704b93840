//! Runs the scenarios against any server: `pannier-conformance --url URL [--secret-file FILE]`.

use pannier_sim::network::Fault;
use pannier_sim::remote::Remote;
use pannier_sim::runner::run;
use pannier_sim::scenario::{Case, Scenario, Step, load};
use pannier_sim::server::Server;
use pannier_sim::shrink::caught;
use std::process::ExitCode;

/// What became of a case.
enum Came {
    Passed,
    Failed(String),
    NotApplicable(&'static str),
}

/// The word behind a flag.
fn value(flag: &str) -> Option<String> {
    std::env::args().skip_while(|word| word != flag).nth(1)
}

/// Why a case cannot be run against a server that is only spoken to over HTTP.
fn why_not(scenario: &Scenario, case: &Case, has_secret: bool) -> Option<&'static str> {
    let has = |is: fn(&Step) -> bool| case.steps.iter().any(is);
    if has(|step| matches!(step, Step::Server { .. })) {
        return Some("it restores or wipes the server's database");
    }
    if case.needs_clock() {
        return Some("it puts the server's clock forward");
    }
    if case.is_large() {
        return Some("it counts the pages of a catalogue that no other case has written to");
    }
    if has(|step| matches!(step, Step::Sync { fault: Some(Fault::LoseChanges), .. })) {
        return Some("it compares digests, which hold for the names as they are on the wire");
    }
    let is_claim = |step: &Step| matches!(step, Step::Claim { .. });
    let claims = case.steps.iter().any(|step| match step {
        Step::Together { edits } => edits.iter().any(is_claim),
        step => is_claim(step),
    });
    if claims && !has_secret {
        return Some("shoppers sign in, which takes --secret-file");
    }
    let changes_catalog = !scenario.catalog.is_empty() || has(|step| matches!(step, Step::Catalog { .. }));
    (changes_catalog && !has_secret).then_some("it changes the catalogue, which takes --secret-file")
}

fn attempt(scenario: &Scenario, case: &Case, server: &mut Remote, has_secret: bool) -> Came {
    if let Some(why) = why_not(scenario, case, has_secret) {
        return Came::NotApplicable(why);
    }
    let ran = caught(|| run(scenario, case, server)).and_then(|ran| ran);
    match (ran, server.complaint.take()) {
        (Ok(()), _) => Came::Passed,
        (Err(why), None) => Came::Failed(why),
        (Err(why), Some(complaint)) => Came::Failed(format!("{why}\n{complaint}")),
    }
}

fn main() -> ExitCode {
    match start() {
        Ok(code) => code,
        Err(why) => {
            eprintln!("error: {why}");
            ExitCode::FAILURE
        }
    }
}

fn start() -> Result<ExitCode, String> {
    let url = value("--url").ok_or("name the server: --url http://127.0.0.1:7070")?;
    let secret = match value("--secret-file") {
        Some(file) => Some(std::fs::read(&file).map_err(|error| format!("{file}: {error}"))?),
        None => None,
    };
    let mut counts = [0; 3];
    // No two runs share a shopper or a product.
    let now = Remote::new(&url, None, "").now_ms();
    for (file, scenario) in load() {
        for (index, case) in scenario.cases.iter().enumerate() {
            let salt = format!("t{now:x}{:02}{index}", scenario.number);
            let mut server = Remote::new(&url, secret.as_deref(), &salt);
            let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let (place, word) = match attempt(&scenario, case, &mut server, secret.is_some()) {
                Came::Passed => (0, "passed".to_owned()),
                Came::Failed(why) => (1, format!("FAILED\n    {}", why.replace('\n', "\n    "))),
                Came::NotApplicable(why) => (2, format!("not applicable: {why}")),
            };
            counts[place] += 1;
            println!("{name} ({}): {word}", case.name);
        }
    }
    let [passed, failed, not_applicable] = counts;
    let word = if failed == 0 { "ok" } else { "FAILED" };
    println!("\ntest result: {word}. {passed} passed; {failed} failed; {not_applicable} not applicable");
    Ok(if failed == 0 && passed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
