//! Collections through the client, over the record store in memory: many tabs,
//! crashes, and models that are plain maps.

mod budget;
mod build;
mod collections;
mod load;
mod random;
mod snapshots;
mod sweep;
#[path = "../../src/testing.rs"]
mod testing;
mod transactions;
mod world;
