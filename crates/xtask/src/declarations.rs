//! The TypeScript declarations of the package.

use std::collections::BTreeSet;
use std::path::Path;

use crate::Failure;
use crate::process::{node_tool, run};
use crate::workspace::{at, empty_dir, read, write};

/// The modules that a shop imports.
const ROOTS: &[&str] = &["pannier", "background", "check", "pieces", "rekey", "salvage", "worker"];

/// Writes the declarations of what a shop imports, and those that they reach, into a folder. Those of
/// inner modules stay out: they are no part of the contract.
pub fn write_to(staged: &Path) -> Result<(), Failure> {
    let all = at("target/package/declarations");
    empty_dir(&all)?;
    let mut tsc = node_tool("typescript/bin/tsc");
    tsc.args(ROOTS.iter().map(|root| format!("js/src/{root}.ts")));
    // No module imports it: it is checked all the same.
    tsc.arg("js/src/worker-host.ts");
    tsc.args(["--declaration", "--emitDeclarationOnly", "--stripInternal", "--strict"]);
    tsc.args(["--target", "es2022", "--module", "esnext", "--moduleResolution", "bundler"]);
    tsc.args(["--lib", "es2022,dom,dom.iterable,esnext.disposable", "--types", "", "--allowImportingTsExtensions"]);
    run(tsc.args(["--rootDir", "js", "--outDir"]).arg(&all))?;

    let mut wanted: Vec<String> = ROOTS.iter().map(|root| (*root).to_owned()).collect();
    let mut written = BTreeSet::new();
    while let Some(name) = wanted.pop() {
        if !written.insert(name.clone()) {
            continue;
        }
        let text = read(&all.join(format!("src/{name}.d.ts")))?;
        let (text, imports) = with_js_extensions(&text);
        write(&staged.join(format!("{name}.d.ts")), &text)?;
        wanted.extend(imports);
    }
    Ok(())
}

/// How a declaration names a neighbour; each is followed by its path and a closing quote.
const IMPORTS: &[&str] = &["from './", "from \"./", "import('./", "import(\"./"];

/// The text with every import of a neighbour written as `./name.js`, which each of TypeScript's ways
/// to resolve modules understands, and the names of these neighbours.
fn with_js_extensions(text: &str) -> (String, Vec<String>) {
    let mut result = String::new();
    let mut imports = Vec::new();
    let mut rest = text;
    while let Some(end) = IMPORTS.iter().filter_map(|how| Some(rest.find(how)? + how.len())).min() {
        let (before, after) = rest.split_at(end);
        let length = after.find(['\'', '"']).unwrap_or(after.len());
        let path = &after[..length];
        let name = path.strip_suffix(".ts").or_else(|| path.strip_suffix(".js")).unwrap_or(path);
        result += &format!("{before}{name}.js");
        imports.push(name.to_owned());
        rest = &after[length..];
    }
    (result + rest, imports)
}

#[cfg(test)]
mod tests {
    use super::with_js_extensions;

    #[test]
    fn imports_get_the_extension_js() {
        let text = "export { a } from './types';\nimport b from \"./b.ts\"; export * from './c.js'\n";
        let (text, imports) = with_js_extensions(text);
        assert_eq!(text, "export { a } from './types.js';\nimport b from \"./b.js\"; export * from './c.js'\n");
        assert_eq!(imports, ["types", "b", "c"]);
    }
}
