//! Code that a page loads when it first needs it.
//!
//! Most pages place no order, redeem no coupon and evict no row. What does such
//! things is called through [`run`], and `cargo xtask pack` puts what nothing
//! else calls into a wasm of its own. Where that is not loaded, the call is a
//! fault like a read of a segment that is not in memory: the shell loads it and
//! the operation is repeated.

use super::Fault;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Natively all code is there.
static IS_LOADED: AtomicBool = AtomicBool::new(cfg!(not(target_family = "wasm")));

/// Tells whether what is called later is there.
pub fn set_loaded(is_loaded: bool) {
    IS_LOADED.store(is_loaded, Relaxed);
}

/// Calls `code`, or faults where it is not loaded.
///
/// # Errors
/// [`Fault::CODE`], or what `code` gives.
pub fn run<R, E: From<Fault>>(code: impl FnOnce() -> Result<R, E>) -> Result<R, E> {
    if IS_LOADED.load(Relaxed) { call_later(code) } else { Err(Fault::CODE.into()) }
}

/// By this name `cargo xtask pack` finds what is loaded later.
#[inline(never)]
fn call_later<R>(code: impl FnOnce() -> R) -> R {
    code()
}
