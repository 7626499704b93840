//! What is fuzzed: every decoder of stored bytes and of messages, damaged trees
//! and damaged stores.
//!
//! A target takes any bytes and panics where a promise is broken: the core
//! never panics on what is stored, never takes memory without bound, never goes
//! round for ever, and what it decodes it encodes to the same bytes. Targets
//! add the checksum themselves, or nothing behind it would ever be reached.
//! `cargo xtask fuzz` runs them under libFuzzer; the ordinary tests replay the
//! saved corpus and every input that once broke one.

pub mod memory;
mod records;
pub mod seeds;
mod targets;

/// Memory that one input may take. Inputs are at most 64 KiB, and what they
/// decode to is within a small factor of that.
pub const MEMORY_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Something that is fuzzed.
pub struct Target {
    /// Its name on the command line, and of its folders.
    pub name: &'static str,
    /// Longest input in bytes that is tried.
    pub input_bytes_max: usize,
    work: fn(&[u8]),
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target { name: "document", input_bytes_max: 4096, work: targets::document::run },
    Target { name: "head", input_bytes_max: 1024, work: targets::head::run },
    Target { name: "key", input_bytes_max: 1024, work: targets::key::run },
    Target { name: "log", input_bytes_max: 4096, work: targets::log::run },
    Target { name: "node", input_bytes_max: 4096, work: targets::node::run },
    Target { name: "store", input_bytes_max: 16 * 1024, work: targets::store::run },
    Target { name: "tree", input_bytes_max: 16 * 1024, work: targets::tree::run },
    Target { name: "wire", input_bytes_max: 4096, work: targets::wire::run },
    Target { name: "wire_json", input_bytes_max: 4096, work: targets::wire::run_json },
];

impl Target {
    /// Tries one input.
    ///
    /// # Panics
    /// When a promise is broken.
    pub fn run(&self, bytes: &[u8]) {
        let peak = memory::peak_of(|| (self.work)(bytes));
        assert!(peak <= MEMORY_BYTES_MAX, "{peak} bytes of memory for an input of {}", bytes.len());
    }
}
