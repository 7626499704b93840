//! Where things are, and whether they are up to date.

use std::path::{Path, PathBuf};
use std::time::SystemTime;
use std::{env, fs};

use crate::Failure;

/// The version of every crate and of the npm package: xtask takes its own from the workspace.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The version of wasm-bindgen, of the crate and of its tools alike; they must be equal.
pub const WASM_BINDGEN_VERSION: &str = "0.2.130";

/// The version of the driver of Firefox.
pub const GECKODRIVER_VERSION: &str = "0.37.1";

/// The repository's top folder, two above this crate.
pub fn root() -> &'static Path {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.ancestors().nth(2).unwrap_or(manifest)
}

/// A path from the repository's top folder.
pub fn at(path: &str) -> PathBuf {
    root().join(path)
}

/// Where cargo puts what it builds.
pub fn cargo_target() -> PathBuf {
    match env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => root().join(dir),
        None => at("target"),
    }
}

/// The server, once it is built.
pub fn pannierd() -> PathBuf {
    cargo_target().join("release/pannierd")
}

/// The packed file.
pub fn package_tgz() -> PathBuf {
    at(&format!("dist/pannier-{VERSION}.tgz"))
}

/// The packed package, unpacked: what `node_modules/pannier` would be.
pub fn package_dir() -> PathBuf {
    at("target/package/pannier")
}

/// The folder of wasm-bindgen's tools.
pub fn wasm_bindgen_bin() -> Result<PathBuf, Failure> {
    tool_bin(&format!("wasm-bindgen-{WASM_BINDGEN_VERSION}"))
}

/// The driver of Firefox.
pub fn geckodriver() -> Result<PathBuf, Failure> {
    Ok(tool_bin(&format!("geckodriver-{GECKODRIVER_VERSION}"))?.join("geckodriver"))
}

/// The folder of a tool that cargo installs: in the user's cache, so that fresh clones share it.
fn tool_bin(tool: &str) -> Result<PathBuf, Failure> {
    let cache = match (env::var_os("XDG_CACHE_HOME"), env::var_os("HOME")) {
        (Some(cache), _) if Path::new(&cache).is_absolute() => PathBuf::from(cache),
        (_, Some(home)) => Path::new(&home).join(".cache"),
        _ => return Err("neither XDG_CACHE_HOME nor HOME is set".into()),
    };
    Ok(cache.join("pannier/tools").join(tool).join("bin"))
}

/// Whether every output exists and is newer than every input. Folders count with all in them, and
/// this program counts as an input: it holds the recipe.
pub fn is_fresh(outputs: &[&Path], inputs: &[&Path]) -> bool {
    let Some(oldest) = outputs.iter().map(|path| modified(path)).min().flatten() else {
        return false;
    };
    let program = env::current_exe().unwrap_or_default();
    inputs.iter().copied().chain([program.as_path()]).all(|path| newest_in(path).is_some_and(|newest| newest <= oldest))
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).ok()?.modified().ok()
}

fn newest_in(path: &Path) -> Option<SystemTime> {
    let mut newest = modified(path)?;
    if path.is_dir() {
        for entry in fs::read_dir(path).ok()? {
            newest = newest.max(newest_in(&entry.ok()?.path())?);
        }
    }
    Some(newest)
}

/// Reads a text file; the error names it.
pub fn read(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// Writes a file and the folders above it; the error names it.
pub fn write(path: &Path, content: &str) -> Result<(), Failure> {
    let parent = path.parent().unwrap_or(root());
    fs::create_dir_all(parent)
        .and_then(|()| fs::write(path, content))
        .map_err(|error| format!("{}: {error}", path.display()))
}

/// Copies a file into place, folders included; the error names it.
pub fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    let parent = to.parent().unwrap_or(root());
    fs::create_dir_all(parent)
        .and_then(|()| fs::copy(from, to))
        .map(drop)
        .map_err(|error| format!("{} to {}: {error}", from.display(), to.display()))
}

/// Makes an empty folder, whatever was there before.
pub fn empty_dir(path: &Path) -> Result<(), Failure> {
    if path.exists() {
        fs::remove_dir_all(path).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    fs::create_dir_all(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// A path that the developer gave, which counts from where they are.
pub fn absolute(path: &str) -> Result<PathBuf, Failure> {
    std::path::absolute(path).map_err(|error| format!("{path}: {error}"))
}
