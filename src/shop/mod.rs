//! The commerce rules, run alike on client and server.
//!
//! [`ShopRules`] executes the mutations; `cart`, `history` and `product` hold
//! their rules and build their arguments, `line` is a cart line as it is stored.
//! A rule reads rows, arguments and the time it is given, nothing else, so the
//! client predicts what the server will do. `client` completes what a page asks
//! for into a mutation's arguments.

pub mod cart;
pub mod history;
pub mod line;
pub mod product;

mod args;
mod client;
mod oldest;
mod remove;
mod rules;
#[cfg(test)]
mod tests;
mod verdict;

pub use rules::ShopRules;
