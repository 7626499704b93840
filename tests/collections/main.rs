//! Collections through the client, over the record store in memory: many tabs,
//! crashes, and models that are plain maps.

mod build;
mod collections;
mod random;
mod snapshots;
mod transactions;
mod world;
