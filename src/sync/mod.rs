//! Reconciling what was done offline with the server, without I/O.
//!
//! `rows` is what rules run against, `mutation` the intents and their outcomes,
//! `wire` the messages, `server` the server's side. What a mutation does is not
//! known here: a [`mutation::Rules`] tells it.

pub mod client;
pub mod mutation;
pub mod rows;
pub mod server;
pub mod wire;
