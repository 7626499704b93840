//! `pack`: builds the npm package.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::{Map, Value};

use crate::args::Args;
use crate::columns;
use crate::process::{cargo, command, node_tool, run, run_quiet, step};
use crate::split::{self, Split};
use crate::workspace::{VERSION, at, cargo_target, copy, empty_dir, is_fresh, package_dir, package_tgz, read, write};
use crate::{Failure, declarations, reach, setup};

/// Nothing of the standard library's panic messages and float formatting that a shop would have to
/// load: a panic traps, and the trap is what the JavaScript side reports. The low threshold keeps
/// copies of inlined functions out: the package was 75.7 kB in brotli where the compiler's own
/// choice gave 77.3, and as fast. The linker's notes tell what only code that is loaded later reaches.
const WASM_RUSTFLAGS: &str = "-Zunstable-options -Cpanic=immediate-abort -Zlocation-detail=none \
     -Zfmt-debug=none -Clink-arg=--emit-relocs -Cllvm-args=-inline-threshold=25";

/// The features that rustc's wasm32 target turns on; all browsers since 2022 have them. Never
/// `-all`, which would let the optimizer use what a browser lacks.
const WASM_OPT_FLAGS: &[&str] = &[
    // Control flow laid out anew, between two rounds: 0.5 kB.
    "-O3",
    "--flatten",
    "--rereloop",
    "-Os",
    // What the whole wasm shows of constants and of what is never reached: 0.3 kB.
    "--gufa-optimizing",
    "-Os",
    // The compiler has inlined what is worth it. Functions folded into their one caller and values
    // kept for a second use make fewer bytes, but such as compress worse: 2.2 kB in brotli.
    "--one-caller-inline-max-function-size=0",
    "--skip-pass=local-cse",
    "--skip-pass=merge-locals",
    "--skip-pass=memory-packing",
    // The stack lies lowest and grows down, so the first kilobyte is never an object's.
    "--low-memory-unused",
    "--enable-bulk-memory",
    "--enable-nontrapping-float-to-int",
    "--enable-sign-ext",
    "--enable-mutable-globals",
    "--enable-reference-types",
    "--enable-multivalue",
    // Notes for tools, which browsers only skip.
    "--strip-producers",
    "--strip-target-features",
];

/// Of what is loaded later: it is found by its name, and must not end up where all is loaded.
const KEEP_APART: &[&str] = &["--debuginfo", "--no-inline=*call_later*"];

/// Texts that travel with the package: what its README links to is there.
const TEXTS: &[&str] = &[
    "README.md",
    "CHANGELOG.md",
    "ARCHITECTURE.md",
    "LICENSE-MIT",
    "LICENSE-APACHE",
    "docs/browsers.md",
    "docs/export.md",
    "docs/format.md",
    "docs/guide.md",
    "docs/protocol.md",
    "docs/server.md",
];

/// `cargo xtask pack`.
pub fn main(words: &[String]) -> Result<ExitCode, Failure> {
    Args::parse(words, &[], &[])?;
    setup::ensure()?;
    let file = ensure()?;
    println!("{}", file.display());
    Ok(ExitCode::SUCCESS)
}

/// Packs what has changed since the last time, and returns the packed file.
pub fn ensure() -> Result<PathBuf, Failure> {
    let compiled = |name: &str| cargo_target().join("wasm32-unknown-unknown/wasm").join(name);
    let (engine, columns) = (compiled("pannier_wasm.wasm"), compiled("pannier_columns.wasm"));
    let check = compiled("pannier_check_wasm.wasm");
    let note = if engine.exists() { "" } else { ", the first time with its own std: about two minutes" };
    step(&format!("wasm, built for size{note}"), compile)?;
    stage(
        &engine,
        &optimize(&engine, KEEP_APART, "target/package/pannier_bg.wasm")?,
        &optimize(&columns, &[], "target/package/columns.wasm")?,
        &optimize(&check, &[], "target/package/pannier_check.wasm")?,
    )?;
    Ok(package_tgz())
}

fn compile() -> Result<(), Failure> {
    let mut build = cargo();
    build
        .args(["build", "--quiet", "--package", "pannier-wasm", "--package", "pannier-columns"])
        .args(["--package", "pannier-check-wasm", "--profile", "wasm"])
        .args(["--target", "wasm32-unknown-unknown", "-Zbuild-std=std,panic_abort"])
        .arg("-Zbuild-std-features=optimize_for_size")
        // Lets the pinned stable compiler take the flags above.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTFLAGS", WASM_RUSTFLAGS);
    run(&mut build)
}

fn optimize(compiled: &Path, more_flags: &[&str], optimized: &str) -> Result<PathBuf, Failure> {
    let optimized = at(optimized);
    if !is_fresh(&[&optimized], &[compiled, &at("package-lock.json")]) {
        step("wasm-opt", || {
            fs::create_dir_all(at("target/package")).map_err(|error| format!("target/package: {error}"))?;
            // The optimizer takes no wasm with the linker's notes.
            let plain = optimized.with_extension("compiled.wasm");
            write_bytes(&plain, &split::bare(&read_bytes(compiled)?, &["name"])?)?;
            let mut wasm_opt = node_tool("binaryen/bin/wasm-opt");
            run(wasm_opt.args(more_flags).args(WASM_OPT_FLAGS).arg(plain).arg("-o").arg(&optimized))
        })?;
    }
    Ok(optimized)
}

/// Gathers the package in a folder, packs it, and unpacks the result: whatever uses the package
/// here uses what a shop would install.
fn stage(compiled: &Path, wasm: &Path, reader: &Path, check: &Path) -> Result<(), Failure> {
    let packed = package_tgz();
    let texts: Vec<PathBuf> = TEXTS.iter().map(|name| at(name)).collect();
    let sources = [at("js/src"), at("pkg.json"), at("package-lock.json")];
    let inputs = texts.iter().chain(&sources).map(PathBuf::as_path);
    let inputs: Vec<&Path> = inputs.chain([wasm, reader, check]).collect();
    if is_fresh(&[&packed, &package_dir().join("package.json")], &inputs) {
        return Ok(());
    }
    step("JavaScript, declarations and package", || {
        let staged = at("target/package/staged");
        empty_dir(&staged)?;
        let Split { whole, first, later, names } =
            split::split(&read_bytes(wasm)?, &reach::only_later(&read_bytes(compiled)?)?)?;
        let reader = read_bytes(reader)?;
        let files = [
            ("pannier_bg.wasm", whole),
            ("pannier_columns.wasm", columns::write(&first, &reader)?),
            ("pannier_later.wasm", columns::write(&later, &reader)?),
        ];
        for (name, bytes) in files {
            fs::write(staged.join(name), bytes).map_err(|error| format!("{name}: {error}"))?;
        }
        copy(check, &staged.join("pannier_check.wasm"))?;
        for text in TEXTS {
            copy(&at(text), &staged.join(text))?;
        }
        bundle(&staged, &names)?;
        declarations::write_to(&staged)?;
        write(&staged.join("package.json"), &manifest(&staged)?)?;
        archive(&staged, &packed)?;
        unpack_into(&package_dir())
    })
}

fn write_bytes(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    fs::write(path, bytes).map_err(|error| format!("{}: {error}", path.display()))
}

fn read_bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// The modules of the package, each a file: what pages load at once, and what that imports on demand.
const MODULES: &[&str] = &[
    "pannier",
    "background",
    "frames",
    "live",
    "parts",
    "poke",
    "settle",
    "storage",
    "encryption",
    "erase",
    "check",
    "pieces",
    "rekey",
    "salvage",
    "worker",
    "worker-host",
];

fn bundle(staged: &Path, names: &[(String, String)]) -> Result<(), Failure> {
    for name in MODULES {
        let mut esbuild = node_tool("esbuild/bin/esbuild");
        esbuild.arg(format!("js/src/{name}.ts"));
        // As a module that keeps `import.meta.url`: `new URL('./pannier_columns.wasm', import.meta.url)` is
        // what pages resolve and what bundlers look for.
        esbuild.args(["--bundle", "--format=esm", "--target=es2022", "--minify"]);
        // esbuild's own way to split would put a third file before both.
        esbuild.args(MODULES.iter().map(|other| format!("--external:./{other}.js")));
        esbuild.args(["--legal-comments=none", "--log-level=warning"]);
        let file = staged.join(format!("{name}.js"));
        let mut flag = std::ffi::OsString::from("--outfile=");
        flag.push(&file);
        run(esbuild.arg(flag))?;
        write(&file, &renamed(&read(&file)?, names))?;
        // What esbuild has made short it makes 0.6 kB shorter (brotli); alone it does worse.
        let mut terser = node_tool("terser/bin/terser");
        terser.arg(&file).args(["--module", "--mangle", "--compress", "passes=3", "--ecma", "2020"]);
        run(terser.arg("--output").arg(&file))?;
    }
    Ok(())
}

/// A text with each of the `names` that stands in it as a whole word by what ships for it.
fn renamed(text: &str, names: &[(String, String)]) -> String {
    let is_of_word = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == '$';
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(is_of_word) {
        let end = rest[start..].find(|letter| !is_of_word(letter)).map_or(rest.len(), |length| start + length);
        let word = &rest[start..end];
        out.push_str(&rest[..start]);
        out.push_str(names.iter().find(|(name, _)| name == word).map_or(word, |(_, short)| short));
        rest = &rest[end..];
    }
    out + rest
}

/// pkg.json with the version of the workspace and the list of what is there.
fn manifest(staged: &Path) -> Result<String, Failure> {
    let source: Map<String, Value> =
        serde_json::from_str(&read(&at("pkg.json"))?).map_err(|error| format!("pkg.json: {error}"))?;
    let mut names = Vec::new();
    for entry in fs::read_dir(staged).map_err(|error| format!("{}: {error}", staged.display()))? {
        let entry = entry.map_err(|error| format!("{}: {error}", staged.display()))?;
        names.push(entry.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    let mut manifest = Map::new();
    for (name, value) in source {
        let is_name = name == "name";
        manifest.insert(name, value);
        if is_name {
            manifest.insert("version".into(), VERSION.into());
        }
    }
    manifest.insert("files".into(), names.into());
    let text = serde_json::to_string_pretty(&manifest).map_err(|error| format!("pkg.json: {error}"))?;
    Ok(text + "\n")
}

/// npm pack gives every file one fixed time, so the same content gives the same bytes.
fn archive(staged: &Path, packed: &Path) -> Result<(), Failure> {
    let dist = at("dist");
    fs::create_dir_all(&dist).map_err(|error| format!("dist: {error}"))?;
    let mut npm = command("npm");
    npm.current_dir(staged).args(["pack", "--ignore-scripts", "--pack-destination"]).arg(&dist);
    run_quiet(&mut npm)?;
    if packed.exists() { Ok(()) } else { Err(format!("npm pack made no {}", packed.display())) }
}

/// Unpacks the packed package into a folder, in place of what is there.
pub fn unpack_into(dir: &Path) -> Result<(), Failure> {
    empty_dir(dir)?;
    let mut tar = command("tar");
    tar.arg("-xzf").arg(package_tgz()).arg("-C").arg(dir).arg("--strip-components=1");
    // The archive's fixed time is decades old; what looks at times must see that this is new.
    run_quiet(tar.arg("--touch")).map(drop)
}
