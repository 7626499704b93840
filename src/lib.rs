//! The core of Pannier, a commerce data store for the browser and the edge.
//!
//! No I/O, no clock, no randomness: the same code runs in the browser, on the
//! edge, in the server and in the simulator. A module imports only from those
//! before it in this list: `key`, `format`, `tree`, `store`, `collection`,
//! `sync`, `shop`.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod bytes;
pub mod collection;
pub mod format;
pub mod key;
pub mod shop;
pub mod stop;
pub mod store;
pub mod sync;
pub mod tree;

#[cfg(test)]
mod testing;
