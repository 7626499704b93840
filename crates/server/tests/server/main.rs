//! Tests `pannierd` from outside: a real process, real HTTP on the loopback.

mod api;
mod catalogue;
mod files;
mod harness;
mod limits;
mod operation;
mod process;
mod protocol;
mod signin;
mod sync;
mod wire;
