//! Writes the seeds of every target into a folder of its own: what `cargo
//! xtask fuzz` starts from, and how it learns the targets' names.

use std::path::Path;
use std::{env, fs, io};

use pannier_fuzz::{TARGETS, seeds};

fn main() -> io::Result<()> {
    let dir = env::args().nth(1).unwrap_or_default();
    for target in TARGETS {
        let dir = Path::new(&dir).join(target.name);
        fs::create_dir_all(&dir)?;
        for (number, seed) in seeds::of(target.name).iter().enumerate() {
            fs::write(dir.join(format!("seed-{number}")), seed)?;
        }
        println!("{} {}", target.name, target.input_bytes_max);
    }
    Ok(())
}
