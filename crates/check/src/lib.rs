//! Looks at a store's records without opening the store: whether they are sound,
//! and what can be read of them where they are not.
//!
//! No I/O: whoever calls reads the head and the log in one transaction, and then
//! the segments that are asked for. A segment never changes under its number, so
//! what was read of one head is of one moment, whatever is written meanwhile; one
//! that is gone tells that there is a newer head, with which to begin anew.
//!
//! `cargo xtask inspect` uses this natively, and the npm package's `check.js` by
//! `crates/check-wasm`, a wasm of its own that is loaded on demand.

mod check;
mod export;
mod fault;
mod held;
mod opened;
mod salvage;
mod walk;

pub use check::{Checking, Report};
pub use export::{Exporting, Found, Next, Row};
pub use fault::{Fault, Lost};
pub use held::Held;
pub use opened::Opened;
