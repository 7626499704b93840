//! Decisions on the imported catalog, and the shop's own writes into it.
//!
//! A product's `price` and `stock` decide orders, and an order takes its pieces
//! from the stock in the same transaction. A price that is just replaced still
//! holds for a while. In [`Collection::Private`] stand `price/<sku>`, the prices
//! replaced last as `{prices: [{price, until}]}`, and `coupon/<code>`, the terms of
//! a coupon: any object, of which `until` is looked at, the millisecond since
//! 1970 with which it ends.

use super::args::number;
use super::decide::{Decision, Decisions, database};
use super::order::order_lines;
use super::verdict::{array, object, with};
use crate::format::document::{Document, DocumentRef, Value};
use crate::stop::Stop;
use crate::sync::mutation::Context;
use crate::sync::rows::{Collection, Rows};
use crate::sync::server::{SHARED, ServerTx};
use alloc::string::String;
use alloc::vec::Vec;

/// Milliseconds for which a replaced price still holds, where the shop says
/// nothing else: as long as a shopper may take from the cart to the confirmation.
pub const PRICE_GRACE_MS: u64 = 30 * 60 * 1000;

/// Milliseconds for which replaced prices are remembered: the longest grace.
pub const PRICE_GRACE_MS_MAX: u64 = 24 * 3600 * 1000;

/// Most replaced prices remembered of a product.
const PRICES_MAX: usize = 8;

/// Decides by what the shop has imported.
#[derive(Clone, Copy, Debug)]
pub struct CatalogDecisions {
    /// Milliseconds for which a replaced price still holds, at most [`PRICE_GRACE_MS_MAX`].
    pub price_grace_ms: u64,
}

impl Default for CatalogDecisions {
    fn default() -> Self {
        Self { price_grace_ms: PRICE_GRACE_MS }
    }
}

impl Decisions for CatalogDecisions {
    fn coupon(&self, args: DocumentRef<'_>, context: &Context, rows: &mut dyn Rows) -> Result<Decision, Stop> {
        let key = private_key("coupon/", args.str("code").unwrap_or_default());
        let Some(terms) = database(rows)?.0.get(SHARED, Collection::Private, &key)? else {
            return Ok(Decision::Refused { code: "unknown_coupon", detail: Document::default() });
        };
        match terms.as_ref().u64("until") {
            Some(until) if until <= context.now_ms => {
                Ok(Decision::Refused { code: "coupon_expired", detail: object(&[("until", number(until))]) })
            }
            _ => Ok(Decision::Accepted(terms)),
        }
    }

    fn submit(&self, args: DocumentRef<'_>, context: &Context, rows: &mut dyn Rows) -> Result<Decision, Stop> {
        let mut wanted: Vec<Wanted<'_>> = Vec::new();
        let (mut missing, mut delisted, mut changed, mut short) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for line in order_lines(args) {
            let at = match wanted.iter().position(|other| other.sku == line.sku) {
                Some(at) => at,
                None => {
                    let Some(product) = rows.get(Collection::Catalog, line.sku)? else {
                        missing.push(object(&[("sku", Value::Str(line.sku))]));
                        continue;
                    };
                    if product.as_ref().bool("delisted") == Some(true) {
                        delisted.push(object(&[("sku", Value::Str(line.sku))]));
                    }
                    wanted.push(Wanted { sku: line.sku, qty: 0, product });
                    wanted.len() - 1
                }
            };
            let one = &mut wanted[at];
            one.qty = one.qty.saturating_add(line.qty);
            let price = one.product.as_ref().u64("price");
            if price != Some(line.price) && !self.held_lately(line.sku, line.price, context, rows)? {
                let price = price.map_or(Value::Null, number);
                changed.push(object(&[("sku", Value::Str(line.sku)), ("price", price)]));
            }
        }
        for one in &wanted {
            if let Some(left) = one.left().filter(|left| *left < one.qty) {
                let asked = [("sku", Value::Str(one.sku)), ("asked", number(one.qty)), ("got", number(left))];
                short.push(object(&asked));
            }
        }
        let found =
            [("unknown_product", missing), ("delisted", delisted), ("price_changed", changed), ("out_of_stock", short)];
        for (code, lines) in found {
            if !lines.is_empty() {
                return Ok(Decision::Refused { code, detail: object(&[("lines", array(&lines).as_ref().value())]) });
            }
        }
        for one in &wanted {
            move_stock(one.sku, &one.product, -(one.qty as i64), rows)?;
        }
        Ok(Decision::Accepted(Document::default()))
    }

    fn cancel(&self, _: DocumentRef<'_>, order: &Document, _: &Context, rows: &mut dyn Rows) -> Result<Decision, Stop> {
        for line in order_lines(order.as_ref()) {
            if let Some(product) = rows.get(Collection::Catalog, line.sku)? {
                move_stock(line.sku, &product, line.qty as i64, rows)?;
            }
        }
        Ok(Decision::Accepted(Document::default()))
    }

    /// The catalog knows nothing of such rows.
    fn row(&self, _: DocumentRef<'_>, _: &Context, _: &mut dyn Rows) -> Result<Decision, Stop> {
        Ok(Decision::refused("nobody decides", &Document::default()))
    }
}

/// What an order wants of a product.
struct Wanted<'a> {
    sku: &'a str,
    qty: u64,
    product: Document,
}

impl Wanted<'_> {
    /// Pieces left, where the shop counts them.
    fn left(&self) -> Option<u64> {
        self.product.as_ref().i64("stock").map(|stock| stock.max(0).unsigned_abs())
    }
}

impl CatalogDecisions {
    fn held_lately(&self, sku: &str, price: u64, context: &Context, rows: &mut dyn Rows) -> Result<bool, Stop> {
        let known = database(rows)?.0.get(SHARED, Collection::Private, &private_key("price/", sku))?;
        let Some(known) = known else { return Ok(false) };
        Ok(replaced_prices(&known).iter().any(|(old, until)| {
            *old == price && context.now_ms < until.saturating_add(self.price_grace_ms.min(PRICE_GRACE_MS_MAX))
        }))
    }
}

fn private_key(kind: &str, of: &str) -> String {
    let mut key = String::from(kind);
    key.push_str(of);
    key
}

/// The stock of a product and its version, where the shop counts it.
fn move_stock(sku: &str, product: &Document, by: i64, rows: &mut dyn Rows) -> Result<(), Stop> {
    let Some(stock) = product.as_ref().i64("stock") else { return Ok(()) };
    let version = product.as_ref().u64("version").unwrap_or(0) + 1;
    let product = with(product, &[("stock", Value::Int(stock.saturating_add(by))), ("version", number(version))]);
    database(rows)?.0.put(SHARED, Collection::Catalog, sku, &product).map(drop)
}

fn replaced_prices(row: &Document) -> Vec<(u64, u64)> {
    let Some(Value::Array(list)) = row.as_ref().get("prices") else { return Vec::new() };
    let read = |item| match item {
        Value::Object(item) => Some((item.u64("price")?, item.u64("until")?)),
        _ => None,
    };
    list.items().filter_map(read).collect()
}

/// The shop writes a product, in place of `before`: what is in the catalog now.
/// A price that this replaces is remembered with the time.
pub fn put_product(
    tx: &mut dyn ServerTx,
    sku: &str,
    before: Option<&Document>,
    product: &Document,
    now_ms: u64,
) -> Result<(), Stop> {
    let price = |product: &Document| product.as_ref().u64("price");
    if let Some(old) = before.and_then(price).filter(|old| Some(*old) != price(product)) {
        let key = private_key("price/", sku);
        let known = tx.get(SHARED, Collection::Private, &key)?;
        let mut prices = known.as_ref().map(replaced_prices).unwrap_or_default();
        prices.retain(|(other, until)| *other != old && now_ms < until.saturating_add(PRICE_GRACE_MS_MAX));
        prices.insert(0, (old, now_ms));
        prices.truncate(PRICES_MAX);
        let item = |(price, until): (u64, u64)| object(&[("price", number(price)), ("until", number(until))]);
        let prices: Vec<Document> = prices.into_iter().map(item).collect();
        tx.put(SHARED, Collection::Private, &key, &object(&[("prices", array(&prices).as_ref().value())]))?;
    }
    tx.put(SHARED, Collection::Catalog, sku, product).map(drop)
}

/// The shop writes the terms of a coupon, or with `None` takes it back.
pub fn put_coupon(tx: &mut dyn ServerTx, code: &str, terms: Option<&Document>) -> Result<(), Stop> {
    let key = private_key("coupon/", code);
    match terms {
        Some(terms) => tx.put(SHARED, Collection::Private, &key, terms).map(drop),
        None => tx.delete(SHARED, Collection::Private, &key).map(drop),
    }
}
