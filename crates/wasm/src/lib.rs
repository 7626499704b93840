//! Bindings of the Pannier core for JavaScript. No rules here: a binding
//! converts, calls and converts. Numbers, addresses and lengths are all that
//! crosses: what makes classes and strings of them by itself is 4 kB more in brotli.

mod collections;
mod engine;
mod events;
mod host;
mod input;
mod records;
mod shell;

pub use engine::Engine;

// Smaller and faster than the default allocator: see ARCHITECTURE.md.
#[cfg(all(target_family = "wasm", not(target_feature = "atomics")))]
#[global_allocator]
static ALLOCATOR: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();
