//! `setup`: installs what the other commands need.

use std::path::Path;
use std::process::ExitCode;

use crate::Failure;
use crate::args::Args;
use crate::process::{command, run_quiet, step};
use crate::workspace::{at, read, write};

/// Three browsers, the driver of one, a screen for WebKit's, which has no headless mode, fonts for
/// every script in the built-in catalogue, and the compiler of libFuzzer and of SQLite.
const DEBIAN_PACKAGES: &[&str] = &[
    "g++",
    "chromium",
    "firefox-esr",
    "webkit2gtk-driver",
    "xvfb",
    "xauth",
    "fonts-liberation",
    "fonts-noto-color-emoji",
    "fonts-noto-cjk",
];

/// The oldest Node the tools run on.
const NODE_MAJOR_MIN: u32 = 20;

/// `cargo xtask setup`.
pub fn main(words: &[String]) -> Result<ExitCode, Failure> {
    Args::parse(words, &[], &[])?;
    ensure()?;
    eprintln!("setup: all is there");
    Ok(ExitCode::SUCCESS)
}

/// Installs what is missing; at once when nothing is.
pub fn ensure() -> Result<(), Failure> {
    check_node()?;
    debian_packages()?;
    rust_components()?;
    javascript_tools()
}

fn check_node() -> Result<(), Failure> {
    let wanted = format!("Node {NODE_MAJOR_MIN} or newer is needed, with npm");
    let version = run_quiet(command("node").arg("--version")).map_err(|failure| format!("{wanted} ({failure})"))?;
    let major = version.trim().trim_start_matches('v').split('.').next();
    match major.and_then(|major| major.parse::<u32>().ok()) {
        Some(major) if major >= NODE_MAJOR_MIN => Ok(()),
        _ => Err(format!("{wanted}; found {}", version.trim())),
    }
}

fn debian_packages() -> Result<(), Failure> {
    let missing = missing_debian_packages();
    if missing.is_empty() {
        return Ok(());
    }
    let line = format!("apt-get install --yes --no-install-recommends {}", missing.join(" "));
    let is_root = run_quiet(command("id").arg("-u"))?.trim() == "0";
    let has_apt = Path::new("/usr/bin/apt-get").exists();
    if !is_root || !has_apt {
        return Err(format!("these Debian packages are missing; install them as root:\n\n    {line}\n"));
    }
    step(&format!("Debian packages {} (about a minute)", missing.join(" ")), || {
        run_quiet(command("apt-get").arg("update").arg("--quiet"))?;
        let mut words = line.split(' ');
        let mut install = command(words.next().unwrap_or("apt-get"));
        install.args(words).arg("--quiet").env("DEBIAN_FRONTEND", "noninteractive");
        run_quiet(&mut install).map(drop)
    })
}

fn missing_debian_packages() -> Vec<&'static str> {
    let mut query = command("dpkg-query");
    query.args(["--show", "--showformat=${Package} ${db:Status-Status}\n"]).args(DEBIAN_PACKAGES);
    // It fails when it knows one of the packages not at all, and still prints the others.
    let output = query.output().map(|output| output.stdout).unwrap_or_default();
    let installed = String::from_utf8_lossy(&output);
    let is_missing = |name: &&&str| !installed.lines().any(|line| line == format!("{name} installed"));
    DEBIAN_PACKAGES.iter().filter(is_missing).copied().collect()
}

/// rustup installs what rust-toolchain.toml names by itself, unless RUSTUP_AUTO_INSTALL=0 or the
/// toolchain was there before the file named more.
fn rust_components() -> Result<(), Failure> {
    let sysroot = run_quiet(command("rustc").args(["--print", "sysroot"]))?;
    let has = |path: &str| Path::new(sysroot.trim()).join(path).exists();
    let parts: [(&str, &[&str]); 4] = [
        ("lib/rustlib/wasm32-unknown-unknown/lib", &["target", "add", "wasm32-unknown-unknown"]),
        ("lib/rustlib/src/rust/library/std", &["component", "add", "rust-src"]),
        ("bin/cargo-clippy", &["component", "add", "clippy"]),
        ("bin/cargo-fmt", &["component", "add", "rustfmt"]),
    ];
    for (path, words) in parts {
        if !has(path) {
            step(&format!("rustup {}", words.join(" ")), || run_quiet(command("rustup").args(words)))?;
        }
    }
    Ok(())
}

fn javascript_tools() -> Result<(), Failure> {
    // npm's own record of node_modules lacks the fields that tell one lock file from another, so
    // the lock file that was installed is kept beside it.
    let installed = at("node_modules/.installed-package-lock.json");
    let lock = read(&at("package-lock.json"))?;
    if read(&installed).is_ok_and(|text| text == lock) {
        return Ok(());
    }
    step("JavaScript tools by package-lock.json (about 10 s)", || {
        // No install scripts: none of the tools needs one, and what does not run cannot surprise.
        run_quiet(command("npm").args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]))?;
        write(&installed, &lock)
    })
}
