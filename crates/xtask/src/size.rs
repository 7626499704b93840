//! `size`: what a page has to load.

use std::process::ExitCode;

use serde_json::Value;

use crate::args::Args;
use crate::process::{command, run_quiet};
use crate::workspace::{absolute, package_dir, write};
use crate::{Failure, pack, setup};

/// The most that store, cart, history, catalog and sync together may cost a page. It stands just
/// above what is reached, so that nothing grows unseen; what is wanted is 60 kB.
const TOTAL_BROTLI_BYTES_MAX: u64 = 71_700;

/// Node has both compressors, at the settings a shop's server would use for files at rest.
const MEASURE: &str = "
const { readFileSync } = require('node:fs'), zlib = require('node:zlib')
const size = name => {
  const bytes = readFileSync(name), level = zlib.constants.BROTLI_PARAM_QUALITY
  return {
    raw: bytes.length,
    gzip: zlib.gzipSync(bytes, { level: 9 }).length,
    brotli: zlib.brotliCompressSync(bytes, { params: { [level]: 11 } }).length,
  }
}
// Every page comes to settle after its first write, and to listen after its first sync.
const wasm = size('pannier_columns.wasm'), js = size('pannier.js'), total = {}
for (const more of [size('settle.js'), size('poke.js')]) for (const kind in js) js[kind] += more[kind]
for (const kind in wasm) total[kind] = wasm[kind] + js[kind]
console.log(JSON.stringify({ wasm, js, total }))
";

/// `cargo xtask size`.
pub fn main(words: &[String]) -> Result<ExitCode, Failure> {
    let args = Args::parse(words, &[], &["--json"])?;
    setup::ensure()?;
    pack::ensure()?;
    let sizes = measure()?;
    println!("{:>8} {:>9} {:>9} {:>9}", "bytes", "raw", "gzip -9", "brotli 11");
    for (name, row) in sizes.as_object().into_iter().flatten() {
        println!("{name:>8} {:>9} {:>9} {:>9}", row["raw"], row["gzip"], row["brotli"]);
    }
    if let Some(file) = args.value("--json") {
        let text = serde_json::to_string_pretty(&sizes).map_err(|error| error.to_string())?;
        write(&absolute(file)?, &(text + "\n"))?;
    }
    let total = sizes["total"]["brotli"].as_u64().ok_or("no total was measured")?;
    if total > TOTAL_BROTLI_BYTES_MAX {
        return Err(format!(
            "a page loads {total} bytes (brotli), {} over the limit of {TOTAL_BROTLI_BYTES_MAX}",
            total - TOTAL_BROTLI_BYTES_MAX
        ));
    }
    Ok(ExitCode::SUCCESS)
}

fn measure() -> Result<Value, Failure> {
    let text = run_quiet(command("node").current_dir(package_dir()).args(["-e", MEASURE]))?;
    serde_json::from_str(&text).map_err(|error| format!("sizes: {error}"))
}
