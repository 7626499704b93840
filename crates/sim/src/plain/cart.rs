//! Lines and coupons.

use super::{APPLIED, Came, Plain, PlainProduct, number, text};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// A line that was ever in the cart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlainLine {
    /// Quantity; 0 when the line is gone.
    pub qty: u64,
    /// How often the line came.
    pub generation: u64,
    /// All that was ever added.
    pub added: u64,
    /// Whether it is not selected for an order.
    pub deselected: bool,
    /// Whether it is put aside for later.
    pub saved: bool,
}

const GONE: Came = ("noop", Some("line_gone"));
const STALE: Came = ("noop", Some("stale_gen"));

/// Most lines in a cart.
pub(super) const LINES_MAX: usize = 500;

/// Most coupons in a cart.
pub(super) const COUPONS_MAX: usize = 10;

/// Most pieces in a line where the stock does not say less.
const PIECES_MAX: u64 = 9999;

/// How many pieces of a product a line may have, and why not more.
pub(super) fn room(products: &BTreeMap<String, PlainProduct>, sku: &str) -> (u64, &'static str) {
    match products.get(sku).and_then(|product| product.stock) {
        Some(stock) if stock <= PIECES_MAX => (stock, "stock"),
        _ => (PIECES_MAX, "limit"),
    }
}

enum Removed {
    Gone,
    Stale,
    Left,
    All,
}

impl Plain {
    /// Does one mutation of the cart.
    pub(super) fn apply_cart(&mut self, products: &BTreeMap<String, PlainProduct>, name: &str, args: &Json) -> Came {
        if name == "cart.clear" {
            return self.clear(args);
        }
        let key = text(args, "line");
        match name {
            "cart.add" if products.get(key).is_some_and(|product| product.delisted) => ("rejected", Some("delisted")),
            "cart.add" => self.add(key, number(args, "qty"), room(products, key)),
            "cart.adjust" => self.adjust(key, args["by"].as_i64().expect("a number"), room(products, key)),
            "cart.setQty" => self.set(key, number(args, "gen"), number(args, "to"), room(products, key)),
            "cart.select" => self.mark(key, |line| line.deselected = args["selected"] == false),
            "cart.saveForLater" => self.mark(key, |line| line.saved = args["saved"] == true),
            "cart.remove" => match self.remove(key, number(args, "gen"), number(args, "seenAdded")) {
                Removed::Gone => GONE,
                Removed::Stale => STALE,
                Removed::Left => ("adjusted", Some("added_elsewhere")),
                Removed::All => APPLIED,
            },
            _ => panic!("{name} is no mutation"),
        }
    }

    /// Redeems a coupon, or takes it back.
    pub(super) fn coupon(&mut self, coupons: &BTreeMap<String, Json>, args: &Json, now_ms: u64) -> Came {
        let code = text(args, "code");
        if args["remove"] == true {
            return if self.coupons.remove(code).is_some() { APPLIED } else { ("noop", Some("coupon_gone")) };
        }
        if !self.coupons.contains_key(code) && self.coupons.len() >= COUPONS_MAX {
            return ("rejected", Some("coupons_full"));
        }
        match coupons.get(code) {
            None => ("rejected", Some("unknown_coupon")),
            Some(terms) if terms["until"].as_u64().is_some_and(|until| until <= now_ms) => {
                ("rejected", Some("coupon_expired"))
            }
            Some(terms) => {
                self.coupons.insert(code.into(), terms.clone());
                APPLIED
            }
        }
    }

    /// Lines with something in them: how many.
    pub(super) fn live_count(&self) -> usize {
        self.lines.values().filter(|line| line.qty > 0).count()
    }

    pub(super) fn live(&mut self, key: &str) -> Option<&mut PlainLine> {
        self.lines.get_mut(key).filter(|line| line.qty > 0)
    }

    fn mark(&mut self, key: &str, mark: impl FnOnce(&mut PlainLine)) -> Came {
        match self.live(key) {
            Some(line) => {
                mark(line);
                APPLIED
            }
            None => GONE,
        }
    }

    fn add(&mut self, key: &str, asked: u64, (most, code): (u64, &'static str)) -> Came {
        let before = self.live(key).map_or(0, |line| line.qty);
        let got = asked.min(most.saturating_sub(before));
        if got > 0 {
            if before == 0 && self.live_count() >= LINES_MAX {
                return ("rejected", Some("cart_full"));
            }
            let line = self.lines.entry(key.into()).or_default();
            if before == 0 {
                line.generation += 1;
                (line.deselected, line.saved) = (false, false);
            }
            line.qty += got;
            line.added += got;
        }
        if got < asked { ("adjusted", Some(code)) } else { APPLIED }
    }

    fn adjust(&mut self, key: &str, by: i64, (most, code): (u64, &'static str)) -> Came {
        let Some(line) = self.live(key) else { return GONE };
        let size = by.unsigned_abs();
        if by < 0 {
            let got = size.min(line.qty);
            line.qty -= got;
            return if got < size { ("adjusted", Some("below_zero")) } else { APPLIED };
        }
        let got = size.min(most.saturating_sub(line.qty));
        line.qty += got;
        line.added += got;
        if got < size { ("adjusted", Some(code)) } else { APPLIED }
    }

    fn set(&mut self, key: &str, generation: u64, to: u64, (most, code): (u64, &'static str)) -> Came {
        let Some(line) = self.live(key) else { return GONE };
        if generation < line.generation {
            return STALE;
        }
        line.qty = to.min(most);
        if to > most { ("adjusted", Some(code)) } else { APPLIED }
    }

    fn remove(&mut self, key: &str, generation: u64, seen_added: u64) -> Removed {
        let Some(line) = self.live(key) else { return Removed::Gone };
        if generation < line.generation {
            return Removed::Stale;
        }
        line.qty = line.qty.min(line.added.saturating_sub(seen_added));
        if line.qty > 0 { Removed::Left } else { Removed::All }
    }

    fn clear(&mut self, args: &Json) -> Came {
        let (mut left, mut all) = (false, false);
        for seen in args["lines"].as_array().expect("lines") {
            match self.remove(text(seen, "line"), number(seen, "gen"), number(seen, "seenAdded")) {
                Removed::Gone => {}
                Removed::Stale | Removed::Left => left = true,
                Removed::All => all = true,
            }
        }
        match (left, all) {
            (true, _) => ("adjusted", Some("added_elsewhere")),
            (false, true) => APPLIED,
            (false, false) => GONE,
        }
    }
}
