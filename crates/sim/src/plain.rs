//! Cart and history in their plainest form: what mutations must come to when they are
//! done one after the other. Written apart from the core's rules, so that an
//! error in them shows.

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

/// What the shop says of a product.
#[derive(Clone, Debug, Default)]
pub struct PlainProduct {
    /// Pieces left.
    pub stock: Option<u64>,
    /// Whether it is sold no more.
    pub delisted: bool,
}

/// A shopper's cart and history.
#[derive(Clone, Debug, Default)]
pub struct Plain {
    /// Lines by key, which is the sku here.
    pub lines: BTreeMap<String, PlainLine>,
    /// Products by sku.
    pub products: BTreeMap<String, PlainProduct>,
    /// Visits by event: sku and date.
    pub visits: BTreeMap<String, (String, u64)>,
    /// Up to when visits are deleted, by sku; of all under the empty one.
    pub cuts: BTreeMap<String, u64>,
    /// Rows of the shop's own collections, by collection and key; of each addition that wins, who made it.
    pub own: BTreeMap<(String, String), Json>,
}

/// Status and code of an outcome.
pub type Came = (&'static str, Option<&'static str>);

const APPLIED: Came = ("applied", None);
const GONE: Came = ("noop", Some("line_gone"));
const STALE: Came = ("noop", Some("stale_gen"));

/// Most lines in a cart.
const LINES_MAX: usize = 500;

/// Milliseconds after which a visit is too old.
const VISIT_AGE_MS_MAX: u64 = 90 * 24 * 3600 * 1000;

/// Most pieces in a line where the stock does not say less.
const PIECES_MAX: u64 = 9999;

fn number(args: &Json, field: &str) -> u64 {
    args[field].as_u64().unwrap_or_else(|| panic!("{field} of {args} is no number"))
}

impl Plain {
    /// Does one mutation.
    ///
    /// # Panics
    /// When there is no such mutation.
    pub fn apply(&mut self, name: &str, args: &Json, now_ms: u64) -> Came {
        match name {
            "cart.clear" => return self.clear(args),
            "history.visit" => return self.visit(args, now_ms),
            "history.delete" => return self.forget(args, now_ms),
            _ => {}
        }
        let key = args["line"].as_str().expect("a line");
        match name {
            "cart.add" => self.add(key, number(args, "qty")),
            "cart.adjust" => self.adjust(key, args["by"].as_i64().expect("a number")),
            "cart.setQty" => self.set(key, number(args, "gen"), number(args, "to")),
            "cart.select" => match self.live(key) {
                Some(line) => {
                    line.deselected = args["selected"] == false;
                    APPLIED
                }
                None => GONE,
            },
            "cart.saveForLater" => match self.live(key) {
                Some(line) => {
                    line.saved = args["saved"] == true;
                    APPLIED
                }
                None => GONE,
            },
            "cart.remove" => match self.remove(key, number(args, "gen"), number(args, "seenAdded")) {
                Removed::Gone => GONE,
                Removed::Stale => STALE,
                Removed::Left => ("adjusted", Some("added_elsewhere")),
                Removed::All => APPLIED,
            },
            _ => panic!("{name} is no mutation"),
        }
    }

    /// Does one mutation of a row. `tag` is what its addition is known by.
    ///
    /// # Panics
    /// When there is no such mutation.
    pub fn apply_row(&mut self, name: &str, args: &Json, tag: u64) -> Came {
        let text = |field: &str| args[field].as_str().expect("a string").to_owned();
        let (collection, place) = (text("collection"), (text("collection"), text("key")));
        let adds = collection.starts_with("add-wins:");
        if name != "row.delete" && collection.starts_with("server-decides:") {
            return ("rejected", Some("refused"));
        }
        match (name, self.own.get_mut(&place)) {
            ("row.put", _) => {
                let mut row = args["row"].clone();
                if adds {
                    row["$tag"] = tag.into();
                }
                self.own.insert(place, row);
                APPLIED
            }
            ("row.add", None) => {
                let mut row = args["row"].clone();
                row["n"] = args["by"]["n"].clone();
                self.own.insert(place, row);
                APPLIED
            }
            ("row.add", Some(row)) => {
                row["n"] = (row["n"].as_i64().unwrap_or(0) + args["by"]["n"].as_i64().expect("a number")).into();
                APPLIED
            }
            ("row.delete", None) => ("noop", Some("row_gone")),
            ("row.delete", Some(row)) if adds && row["$tag"] != args["seen"] => ("noop", Some("added_elsewhere")),
            ("row.delete", Some(_)) => {
                self.own.remove(&place);
                APPLIED
            }
            _ => panic!("{name} is no mutation"),
        }
    }

    /// Lines with something in them: quantities by key.
    pub fn quantities(&self) -> BTreeMap<String, u64> {
        let live = self.lines.iter().filter(|(_, line)| line.qty > 0);
        live.map(|(key, line)| (key.clone(), line.qty)).collect()
    }

    fn visit(&mut self, args: &Json, now_ms: u64) -> Came {
        let event = args["eventId"].as_str().expect("an event");
        let at = number(args, "at").min(now_ms);
        if at < now_ms.saturating_sub(VISIT_AGE_MS_MAX) {
            return ("noop", Some("too_old"));
        }
        if self.visits.contains_key(event) {
            return ("noop", Some("duplicate"));
        }
        let sku = args["sku"].as_str().expect("a sku");
        if at <= self.cut("").max(self.cut(sku)) {
            return ("noop", Some("deleted"));
        }
        self.visits.insert(event.into(), (sku.into(), at));
        APPLIED
    }

    fn cut(&self, sku: &str) -> u64 {
        self.cuts.get(sku).copied().unwrap_or(0)
    }

    fn forget(&mut self, args: &Json, now_ms: u64) -> Came {
        let sku = args["sku"].as_str().unwrap_or("");
        let until = number(args, "until").min(now_ms);
        if until <= self.cut(sku) {
            return ("noop", Some("deleted"));
        }
        self.cuts.insert(sku.into(), until);
        let oldest = now_ms.saturating_sub(VISIT_AGE_MS_MAX);
        let is_its = |other: &str| sku.is_empty() || sku == other;
        self.visits.retain(|_, (other, at)| *at >= oldest && !(*at <= until && is_its(other)));
        self.cuts.retain(|_, cut| *cut >= oldest);
        APPLIED
    }

    fn live(&mut self, key: &str) -> Option<&mut PlainLine> {
        self.lines.get_mut(key).filter(|line| line.qty > 0)
    }

    /// How many pieces a line may have, and why not more.
    fn room(&self, key: &str) -> (u64, &'static str) {
        match self.products.get(key).and_then(|product| product.stock) {
            Some(stock) if stock <= PIECES_MAX => (stock, "stock"),
            _ => (PIECES_MAX, "limit"),
        }
    }

    fn add(&mut self, key: &str, asked: u64) -> Came {
        if self.products.get(key).is_some_and(|product| product.delisted) {
            return ("rejected", Some("delisted"));
        }
        let (most, code) = self.room(key);
        let before = self.live(key).map_or(0, |line| line.qty);
        let got = asked.min(most.saturating_sub(before));
        if got > 0 {
            if before == 0 && self.quantities().len() >= LINES_MAX {
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

    fn adjust(&mut self, key: &str, by: i64) -> Came {
        let (most, code) = self.room(key);
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

    fn set(&mut self, key: &str, generation: u64, to: u64) -> Came {
        let (most, code) = self.room(key);
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
            let key = seen["line"].as_str().expect("a line");
            match self.remove(key, number(seen, "gen"), number(seen, "seenAdded")) {
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

enum Removed {
    Gone,
    Stale,
    Left,
    All,
}
