//! Building the demo shop and the server.

use crate::Failure;
use crate::pack::unpack_into;
use crate::process::{cargo, node_tool, run, run_quiet, step};
use crate::workspace::{at, is_fresh, package_tgz, pannierd};

/// Builds `pannierd`.
pub fn build_server() -> Result<(), Failure> {
    let note = if pannierd().exists() { "" } else { ", the first time: about two minutes" };
    step(&format!("pannierd{note}"), || {
        run(cargo().args(["build", "--quiet", "--release", "--package", "pannier-server"]))
    })
}

/// Builds www with the packed package in its node_modules. Unpacked there, not installed: a lock
/// file would carry the hash of a package that changes with every build.
pub fn build_pages() -> Result<(), Failure> {
    let installed = at("www/node_modules/pannier");
    if !is_fresh(&[&installed.join("package.json")], &[&package_tgz()]) {
        unpack_into(&installed)?;
    }
    step("demo shop", || {
        let mut vite = node_tool("vite/bin/vite.js");
        run_quiet(vite.args(["build", "www", "--logLevel", "warn"])).map(drop)
    })
}
