//! Bindings of the Pannier core for JavaScript. No rules here: a binding
//! converts, calls and converts.

mod collections;
mod engine;
mod events;
mod javascript;
mod records;
mod shell;

pub use engine::Engine;
pub use javascript::{Array, Bytes, Notify};
pub use records::Records;

// Smaller and faster than the default allocator: see ARCHITECTURE.md.
#[cfg(all(target_family = "wasm", not(target_feature = "atomics")))]
#[global_allocator]
static ALLOCATOR: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();
