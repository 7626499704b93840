//! Tests `pannierd` from outside: a real process, real HTTP on the loopback.

mod api;
mod catalogue;
mod files;
mod harness;
mod process;
mod protocol;
mod sync;
mod wire;
