//! A deterministic simulator: devices with tabs over one record store each, a
//! server, and a network that loses, cuts and doubles what it carries.
//!
//! The client under test is the very one that runs in browsers, and the server
//! is either the core's in this process or a real `pannierd`. Nothing here
//! reads a clock or draws a random number of its own, but for `pannierd`, which
//! lives in real time.

pub mod cut;
pub mod device;
pub mod inspect;
pub mod memory_server;
pub mod network;
pub mod pannierd;
pub mod plain;
pub mod remote;
pub mod rng;
pub mod runner;
pub mod scenario;
pub mod server;
pub mod shrink;
pub mod tab;
pub mod world;
