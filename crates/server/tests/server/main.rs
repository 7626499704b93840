//! Tests `pannierd` from outside: a real process, real HTTP on the loopback.

mod api;
mod catalogue;
mod files;
mod harness;
mod hook;
mod limits;
mod openapi;
mod operation;
mod pieces;
mod process;
mod protocol;
mod signin;
mod storage;
mod sync;
mod wire;
