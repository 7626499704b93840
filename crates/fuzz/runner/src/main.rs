//! libFuzzer around the target that `PANNIER_FUZZ_TARGET` names.
#![no_main]

use std::sync::LazyLock;

use pannier_fuzz::{TARGETS, Target};

static TARGET: LazyLock<&Target> = LazyLock::new(|| {
    let name = std::env::var("PANNIER_FUZZ_TARGET").unwrap_or_default();
    TARGETS.iter().find(|target| target.name == name).unwrap_or_else(|| panic!("no target '{name}'"))
});

#[global_allocator]
static ALLOCATOR: pannier_fuzz::memory::Counting = pannier_fuzz::memory::Counting;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| TARGET.run(bytes));
