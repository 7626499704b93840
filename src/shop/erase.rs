//! What a shopper wants forgotten.

use super::args::RuleError;
use super::cart::CART_ROWS_MAX;
use super::coupon::COUPONS_MAX;
use super::history;
use super::verdict::{applied, object};
use crate::sync::mutation::{Context, Verdict};
use crate::sync::rows::{Collection, Rows};

/// Deletes the cart, the history and rows of the shop's own collections. What a device has seen before and brings
/// later stays deleted. Orders are the shop's own records, and stay.
pub(super) fn erase(context: &Context, rows: &mut dyn Rows) -> Result<Verdict, RuleError> {
    for (key, _) in rows.scan(Collection::Cart, None, CART_ROWS_MAX + COUPONS_MAX)? {
        rows.delete(Collection::Cart, &key)?;
    }
    history::erase(context, rows)?;
    for collection in rows.own()? {
        for (key, _) in rows.scan(collection, None, usize::MAX)? {
            rows.delete(collection, &key)?;
        }
    }
    Ok(applied(object(&[])))
}
