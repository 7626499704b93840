//! Where things are, and whether they are up to date.

use std::path::{Path, PathBuf};
use std::time::SystemTime;
use std::{env, fs};

use crate::Failure;

/// The version of every crate and of the npm package: xtask takes its own from the workspace.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

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
