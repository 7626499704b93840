//! The core of the sync protocol as a model: two browser profiles and a server,
//! whose messages are lost, doubled and reordered, whose tabs die, whose
//! database is restored, perhaps without a new epoch, whose journals age, and one
//! of which may be a copy of the other.
//!
//! Every state that can be reached within the bounds is visited.

pub mod protocol;
pub mod world;
