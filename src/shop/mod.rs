//! The commerce rules, run alike on client and server.
//!
//! [`ShopRules`] executes the mutations; `cart`, `claim`, `coupon`, `history`, `order` and
//! `own` and `product` hold their rules and build their arguments, `erase` is what a
//! shopper wants forgotten, `line` a cart line as it is stored. A rule reads rows, arguments and the time it is given, nothing
//! else, so the client predicts what the server will do; `decide` is for what it
//! cannot, and `stock` decides by the imported catalog. `client` completes what a
//! page asks for into a mutation's arguments.

pub mod cart;
pub mod claim;
pub mod coupon;
pub mod decide;
pub mod history;
pub mod line;
pub mod order;
pub mod own;
pub mod product;
pub mod stock;

mod args;
mod client;
mod erase;
mod oldest;
mod remove;
mod rules;
#[cfg(test)]
mod tests;
mod verdict;

pub use rules::ShopRules;
