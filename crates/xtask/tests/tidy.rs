//! House style as a test: layers, dependencies of the core, file lengths, words, changelog.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

/// The core's modules; each imports only from those before it. `testing` is compiled for tests only.
const LAYERS: &[&str] = &["testing", "bytes", "key", "format", "stop", "tree", "store", "collection", "sync", "shop"];

/// What would tie the core to one platform.
const PLATFORM_CRATES: &[&str] = &["wasm-bindgen", "web-sys", "js-sys", "tokio"];

/// Past this a file holds more than one noun.
const LINES_MAX: usize = 800;

/// Files that are written, as opposed to generated.
const SOURCE_EXTENSIONS: &[&str] = &["rs", "ts", "mjs", "js", "css", "html"];

/// In two parts, so that this file does not hold what it looks for.
const FORBIDDEN: &[(&str, &str)] = &[
    ("registry.", "npmjs"),
    ("registry.", "yarnpkg"),
    ("index.", "crates.io"),
    ("static.", "crates.io"),
    ("/wo", "rk/"),
    ("/ro", "ot/"),
    ("/ho", "me/"),
    ("TO", "DO"),
    ("FIX", "ME"),
    ("db", "g!("),
];

const CHANGE_KINDS: &[&str] = &["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"];

fn root() -> &'static Path {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.ancestors().nth(2).expect("two folders above crates/xtask")
}

fn output_of(program: &str, words: &[&str]) -> String {
    let output = Command::new(program).args(words).current_dir(root()).output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Every file of the repository that is UTF-8 text, with its path from the top.
fn files() -> Vec<(String, String)> {
    let list = output_of("git", &["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let read = |path: &str| Some((path.to_owned(), fs::read_to_string(root().join(path)).ok()?));
    let files: Vec<_> = list.split('\0').filter(|path| !path.is_empty()).filter_map(read).collect();
    assert!(files.iter().any(|(path, _)| path == "src/lib.rs"), "git lists no src/lib.rs");
    files
}

/// What stands before the code of an error that a page meets.
const ERRORS: &[&str] = &[
    "PannierError('",
    "refuse('",
    "super('",
    "Stop::refused(\"",
    "Stop::refused(\n            \"",
    "Self::refused(\"",
    "bad_row(\"",
    "Stop::by_index(\"",
];

/// Joins what was found wrong into one failure.
fn none_of(problems: Vec<String>) {
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

#[test]
fn modules_import_only_from_layers_above() {
    let mut problems = Vec::new();
    for (path, text) in files() {
        let Some(inner) = path.strip_prefix("src/").filter(|path| path.ends_with(".rs")) else {
            continue;
        };
        let module = inner.split('/').next().unwrap_or(inner).trim_end_matches(".rs");
        if module == "lib" {
            continue;
        }
        let Some(layer) = LAYERS.iter().position(|name| *name == module) else {
            problems.push(format!("{path}: the core has no layer {module}"));
            continue;
        };
        for import in imports(&text) {
            match LAYERS.iter().position(|name| *name == import) {
                Some(other) if other <= layer => {}
                Some(_) => problems.push(format!("{path}: {module} must not import from {import}")),
                None => problems.push(format!("{path}: crate::{import} is no layer")),
            }
        }
    }
    none_of(problems);
}

/// The modules that follow `crate::` in code, alone or in braces.
fn imports(text: &str) -> BTreeSet<String> {
    let code = |line: &&str| !line.trim_start().starts_with("//");
    let code: Vec<&str> = text.lines().filter(code).collect();
    let code = code.join(" ");
    let mut found = BTreeSet::new();
    for after in code.split("crate::").skip(1) {
        match after.strip_prefix('{') {
            Some(list) => found.extend(heads(list)),
            None => found.extend(identifier(after)),
        }
    }
    found
}

/// The first word of each item in `a::{b, c}, d}`, which is what follows an opening brace.
fn heads(list: &str) -> Vec<String> {
    let mut depth = 1;
    let mut heads = Vec::new();
    let mut is_head = true;
    for (place, character) in list.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => is_head = true,
            ' ' => {}
            _ if is_head => {
                heads.extend(identifier(&list[place..]));
                is_head = false;
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    heads
}

/// The module at the start of a path. A macro or a type of the crate's top is none.
fn identifier(path: &str) -> Option<String> {
    let end = path.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(path.len());
    let is_module = !path[end..].starts_with('!') && path.starts_with(|c: char| c.is_lowercase());
    is_module.then(|| path[..end].to_owned())
}

#[test]
fn imports_are_found_alone_and_in_braces() {
    let text = "use crate::key::Key;\n// use crate::shop;\nuse crate::{tree::{self, Leaf}, store};\nfn f() { crate::format::varint(crate::sum!(1)) }";
    let found: Vec<String> = imports(text).into_iter().collect();
    assert_eq!(found, ["format", "key", "store", "tree"]);
}

#[test]
fn the_core_depends_on_no_platform() {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let tree = output_of(
        &cargo,
        &["tree", "--package", "pannier", "--edges", "normal,build", "--target", "all", "--prefix", "none"],
    );
    assert!(tree.lines().any(|line| line.starts_with("serde ")), "no tree:\n{tree}");
    let name = |line: &str| line.split(' ').next().unwrap_or_default().to_owned();
    let names: BTreeSet<String> = tree.lines().map(name).collect();
    none_of(
        PLATFORM_CRATES
            .iter()
            .filter(|name| names.contains(**name))
            .map(|name| format!("the core depends on {name}"))
            .collect(),
    );
}

#[test]
fn files_are_short() {
    let mut problems = Vec::new();
    for (path, text) in files() {
        let extension = Path::new(&path).extension().unwrap_or_default();
        let lines = text.lines().count();
        if SOURCE_EXTENSIONS.iter().any(|known| extension == *known) && lines > LINES_MAX {
            problems.push(format!("{path}: {lines} lines, the limit is {LINES_MAX}"));
        }
    }
    none_of(problems);
}

#[test]
fn no_file_holds_a_forbidden_word() {
    let forbidden: Vec<String> = FORBIDDEN.iter().map(|(start, end)| format!("{start}{end}")).collect();
    let mut problems = Vec::new();
    for (path, text) in files() {
        for (number, line) in (1..).zip(text.lines()) {
            let found = forbidden.iter().filter(|word| line.contains(word.as_str()));
            problems.extend(found.map(|word| format!("{path}:{number}: {word}")));
        }
    }
    none_of(problems);
}

#[test]
fn the_guide_tells_each_error() {
    let files = files();
    let (_, guide) = files.iter().find(|(path, _)| path == "docs/guide.md").expect("the guide");
    let mut codes = BTreeSet::new();
    for (path, text) in &files {
        if ["js/src/", "src/collection/", "src/sync/client/"].iter().any(|folder| path.starts_with(folder)) {
            let found = ERRORS.iter().flat_map(|error| text.split(*error).skip(1));
            codes.extend(found.filter_map(|rest| rest.split(['\'', '"']).next()));
        }
    }
    assert!(codes.len() > 25, "{codes:?}");
    none_of(codes.iter().filter(|code| !guide.contains(&format!("`{code}`"))).map(|code| (*code).to_owned()).collect());
}

#[test]
fn the_changelog_has_its_shape() {
    let text = fs::read_to_string(root().join("CHANGELOG.md")).expect("CHANGELOG.md");
    let mut problems = Vec::new();
    if text.lines().next() != Some("# Changelog") {
        problems.push("line 1 is not `# Changelog`".to_owned());
    }
    let mut versions = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        if let Some(kind) = line.strip_prefix("### ") {
            if !CHANGE_KINDS.contains(&kind) {
                problems.push(format!("line {number}: {kind} is none of {}", CHANGE_KINDS.join(", ")));
            }
        } else if let Some(heading) = line.strip_prefix("## ") {
            match release(heading) {
                Some(version) => versions.push(version),
                None => problems.push(format!("line {number}: not `## Unreleased` or `## 1.2.3 - 2026-01-31`")),
            }
        }
    }
    if versions.is_empty() {
        problems.push("no release, not even `## Unreleased`".to_owned());
    }
    if !versions.is_sorted_by(|newer, older| newer > older) {
        problems.push("the newest release is not first".to_owned());
    }
    none_of(problems);
}

/// A release's version; that of what is not released yet is above all others.
fn release(heading: &str) -> Option<Vec<u32>> {
    if heading == "Unreleased" {
        return Some(vec![u32::MAX]);
    }
    let (version, date) = heading.split_once(" - ")?;
    let numbers =
        |text: &str, separator| text.split(separator).map(|part| part.parse().ok()).collect::<Option<Vec<u32>>>();
    let is_date = date.len() == 10 && numbers(date, '-')?.len() == 3;
    numbers(version.trim_matches(['[', ']']), '.').filter(|parts| parts.len() == 3 && is_date)
}
