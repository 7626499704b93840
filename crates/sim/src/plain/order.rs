//! Products, and orders of them.

use super::{Asked, Came, Plain, PlainShop, number, text};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// What the shop says of a product.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlainProduct {
    /// Pieces left, where they are counted.
    pub stock: Option<u64>,
    /// Whether it is sold no more.
    pub delisted: bool,
    /// For how much.
    pub price: u64,
    /// What it cost before, and until when.
    pub prices_before: BTreeMap<u64, u64>,
}

/// An order that was placed.
#[derive(Clone, Debug, PartialEq)]
pub struct PlainOrder {
    /// How often it has changed, the placing of it included.
    pub version: u64,
    /// Whether it was cancelled.
    pub is_cancelled: bool,
    /// Which confirmation of the shopper placed it.
    pub attempt: u64,
    /// What was ordered.
    pub lines: Json,
}

/// The last attempt at an order.
#[derive(Clone, Debug)]
pub(super) struct Attempt {
    shopper: String,
    number: u64,
    lines: Json,
    came: Came,
}

const CREATED: Came = ("applied", Some("created"));

/// Milliseconds for which a price that was replaced still holds.
const GRACE_MS: u64 = 30 * 60 * 1000;

fn lines(order: &Json) -> impl Iterator<Item = (&str, u64, u64)> {
    let lines = order.as_array().expect("lines");
    lines.iter().map(|line| (text(line, "sku"), number(line, "qty"), number(line, "price")))
}

impl PlainShop {
    /// The shop changes a product.
    pub fn change_product(&mut self, sku: &str, stock: Option<u64>, delisted: bool, price: u64, now_ms: u64) {
        let product = self.products.entry(sku.into()).or_insert_with(|| PlainProduct { price, ..Default::default() });
        if product.price != price {
            product.prices_before.insert(product.price, now_ms);
        }
        (product.stock, product.delisted, product.price) = (stock, delisted, price);
    }

    pub(super) fn submit(&mut self, asked: &Asked<'_>) -> Came {
        let (id, attempt) = (text(asked.args, "orderId"), number(asked.args, "attempt"));
        let wanted = &asked.args["lines"];
        if let Some(known) = self.attempts.get(id) {
            let is_same = known.number == attempt;
            if known.shopper != asked.shopper || (is_same && known.lines != *wanted) {
                return ("rejected", Some("mismatch"));
            }
            if is_same {
                return known.came;
            }
            if known.came == CREATED {
                return ("rejected", Some("already_created"));
            }
            if attempt < known.number {
                return ("rejected", Some("old_attempt"));
            }
        }
        let refusal = if asked.is_over { Some("expired") } else { self.refusal(wanted, asked.now_ms) };
        let came = refusal.map_or(CREATED, |code| ("rejected", Some(code)));
        let known = Attempt { shopper: asked.shopper.into(), number: attempt, lines: wanted.clone(), came };
        self.attempts.insert(id.into(), known);
        if came == CREATED {
            self.place(asked.shopper, id, attempt, wanted);
        }
        came
    }

    /// Why an order is not placed.
    fn refusal(&self, wanted: &Json, now_ms: u64) -> Option<&'static str> {
        let mut sums: BTreeMap<&str, u64> = BTreeMap::new();
        lines(wanted).for_each(|(sku, qty, _)| *sums.entry(sku).or_default() += qty);
        if sums.keys().any(|sku| !self.products.contains_key(*sku)) {
            return Some("unknown_product");
        }
        if sums.keys().any(|sku| self.products[*sku].delisted) {
            return Some("delisted");
        }
        let holds = |sku: &str, price: u64| {
            let product = &self.products[sku];
            let until = product.prices_before.get(&price);
            product.price == price || until.is_some_and(|until| now_ms < until + GRACE_MS)
        };
        if lines(wanted).any(|(sku, _, price)| !holds(sku, price)) {
            return Some("price_changed");
        }
        let is_short = |(sku, qty): (&&str, &u64)| self.products[*sku].stock.is_some_and(|stock| stock < *qty);
        sums.iter().any(is_short).then_some("out_of_stock")
    }

    fn place(&mut self, shopper: &str, id: &str, attempt: u64, wanted: &Json) {
        for (sku, qty, _) in lines(wanted) {
            if let Some(stock) = self.products.get_mut(sku).and_then(|product| product.stock.as_mut()) {
                *stock -= qty;
            }
        }
        let shopper = self.shoppers.entry(shopper.into()).or_default();
        for line in wanted.as_array().expect("lines") {
            if let Some(found) = line["line"].as_str().and_then(|key| shopper.live(key)) {
                found.qty = found.qty.saturating_sub(number(line, "qty"));
            }
        }
        let order = PlainOrder { version: 1, is_cancelled: false, attempt, lines: wanted.clone() };
        shopper.orders.insert(id.into(), order);
    }
}

impl Plain {
    pub(super) fn cancel(&mut self, products: &mut BTreeMap<String, PlainProduct>, args: &Json) -> Came {
        let Some(order) = self.orders.get_mut(text(args, "orderId")) else {
            return ("noop", Some("unknown_order"));
        };
        if order.version != number(args, "version") {
            return ("rejected", Some("version"));
        }
        if order.is_cancelled {
            return ("noop", Some("cancelled"));
        }
        for (sku, qty, _) in lines(&order.lines) {
            if let Some(stock) = products.get_mut(sku).and_then(|product| product.stock.as_mut()) {
                *stock += qty;
            }
        }
        (order.version, order.is_cancelled) = (order.version + 1, true);
        super::APPLIED
    }
}
