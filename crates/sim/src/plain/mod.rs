//! A whole shop in its plainest form: what mutations must come to when they are
//! done one after the other. Written apart from the core's rules, so that an
//! error in them shows.

mod cart;
mod claim;
mod history;
mod order;
mod rows;

pub use cart::PlainLine;
pub use order::{PlainOrder, PlainProduct};

use claim::Claim;
use order::Attempt;
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// Status and code of an outcome.
pub type Came = (&'static str, Option<&'static str>);

const APPLIED: Came = ("applied", None);

/// A mutation as it comes to the shop.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Whose it is.
    pub shopper: &'a str,
    /// What it is called.
    pub name: &'a str,
    /// What it asks for.
    pub args: &'a Json,
    /// What an addition of it is known by.
    pub tag: u64,
    /// Whether what the shopper wanted is over.
    pub is_over: bool,
    /// When it comes, by the shop's clock.
    pub now_ms: u64,
}

/// The shop.
#[derive(Clone, Debug, Default)]
pub struct PlainShop {
    /// Products by sku.
    pub products: BTreeMap<String, PlainProduct>,
    /// The terms of coupons by their code.
    pub coupons: BTreeMap<String, Json>,
    /// By their names.
    pub shoppers: BTreeMap<String, Plain>,
    /// The last attempt at each order.
    attempts: BTreeMap<String, Attempt>,
    /// By the anonymous shopper whose cart was claimed.
    claims: BTreeMap<String, Claim>,
}

/// What a shopper has.
#[derive(Clone, Debug, Default)]
pub struct Plain {
    /// Lines by key, which is the sku here.
    pub lines: BTreeMap<String, PlainLine>,
    /// The terms of the coupons in the cart, by code.
    pub coupons: BTreeMap<String, Json>,
    /// Orders by id.
    pub orders: BTreeMap<String, PlainOrder>,
    /// Visits by event: sku and date.
    pub visits: BTreeMap<String, (String, u64)>,
    /// Up to when visits are deleted, by sku; of all under the empty one.
    pub cuts: BTreeMap<String, u64>,
    /// Rows of the shop's own collections, by collection and key; of each addition that wins, who made it.
    pub own: BTreeMap<(String, String), Json>,
}

fn number(args: &Json, field: &str) -> u64 {
    args[field].as_u64().unwrap_or_else(|| panic!("{field} of {args} is no number"))
}

fn text<'a>(args: &'a Json, field: &str) -> &'a str {
    args[field].as_str().unwrap_or_else(|| panic!("{field} of {args} is no text"))
}

impl PlainShop {
    /// Does one mutation.
    ///
    /// # Panics
    /// When there is no such mutation.
    pub fn apply(&mut self, asked: &Asked<'_>) -> Came {
        let (name, args) = (asked.name, asked.args);
        if name.starts_with("cart.") && self.claims.contains_key(asked.shopper) {
            return ("rejected", Some("claimed"));
        }
        let shopper = self.shoppers.entry(asked.shopper.into()).or_default();
        match name {
            "cart.claim" => self.claim(asked),
            "cart.coupon" => shopper.coupon(&self.coupons, args, asked.now_ms),
            "order.submit" => self.submit(asked),
            "order.cancel" => shopper.cancel(&mut self.products, args),
            "history.visit" => shopper.visit(args, asked.now_ms),
            "history.delete" => shopper.forget(args, asked.now_ms),
            "shopper.erase" => shopper.erase(asked.now_ms),
            _ if name.starts_with("row.") => shopper.apply_row(name, args, asked.tag),
            _ => shopper.apply_cart(&self.products, name, args),
        }
    }

    /// Selects a line, as what older servers do not know does.
    pub fn wave(&mut self, shopper: &str, args: &Json) -> Came {
        let shopper = self.shoppers.entry(shopper.into()).or_default();
        shopper.apply_cart(
            &self.products,
            "cart.select",
            &serde_json::json!({ "line": args["line"], "selected": true }),
        )
    }
}

impl Plain {
    /// All but the orders goes, and what was looked at up to now never comes back.
    fn erase(&mut self, now_ms: u64) -> Came {
        let orders = std::mem::take(&mut self.orders);
        *self = Self { orders, cuts: BTreeMap::from([(String::new(), now_ms)]), ..Self::default() };
        APPLIED
    }
}
