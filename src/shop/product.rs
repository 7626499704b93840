//! Products of the catalog, as far as rules look at them.
//!
//! A product is any object. Of its fields the rules know `version`, `delisted`,
//! `stock` (pieces left) and `maxQty` (most in one line).

use crate::format::document::DocumentRef;
use crate::stop::Stop;
use crate::sync::rows::{Collection, Rows};

/// Most pieces in a line where the product does not say less: more is a slip of
/// the finger, and four digits fit every design of a cart.
pub const QTY_PER_LINE_MAX: u64 = 9999;

/// Whether `incoming` takes the place of `existing`: a lower version never
/// does. A missing version counts as 0.
pub fn replaces(existing: DocumentRef<'_>, incoming: DocumentRef<'_>) -> bool {
    version(incoming) >= version(existing)
}

fn version(product: DocumentRef<'_>) -> i64 {
    product.i64("version").unwrap_or(0)
}

/// What the catalog says about buying a product.
pub(super) struct Terms {
    pub(super) delisted: bool,
    /// Most pieces in one line.
    pub(super) qty_max: u64,
    /// Why not more.
    pub(super) code: &'static str,
}

impl Terms {
    /// The terms of `sku`; a product that the catalog does not hold has no
    /// limits of its own.
    pub(super) fn load(rows: &mut dyn Rows, sku: &str) -> Result<Self, Stop> {
        let mut terms = Self { delisted: false, qty_max: QTY_PER_LINE_MAX, code: "limit" };
        let Some(product) = rows.get(Collection::Catalog, sku)? else {
            return Ok(terms);
        };
        let product = product.as_ref();
        terms.delisted = product.bool("delisted") == Some(true);
        if let Some(most) = product.u64("maxQty") {
            terms.qty_max = terms.qty_max.min(most);
        }
        // A shop that oversells may count below zero: nothing is left then.
        if let Some(stock) = product.i64("stock").map(|stock| stock.max(0).unsigned_abs())
            && stock <= terms.qty_max
        {
            terms.qty_max = stock;
            terms.code = "stock";
        }
        Ok(terms)
    }
}
