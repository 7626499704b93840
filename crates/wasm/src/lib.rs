//! Bindings of the Pannier core for JavaScript, and its record stores in the
//! browser. No rules here: a binding converts, calls and converts.

mod engine;
mod events;
pub mod records;
mod shell;

pub use engine::Engine;

// Smaller and faster than the default allocator: see ARCHITECTURE.md.
#[cfg(all(target_family = "wasm", not(target_feature = "atomics")))]
#[global_allocator]
static ALLOCATOR: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();
