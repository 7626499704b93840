//! Simulator.

pub mod memory_server;
