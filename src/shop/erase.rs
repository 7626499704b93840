//! What a shopper wants forgotten.

use super::history;
use super::verdict::{applied, object};
use crate::stop::Stop;
use crate::sync::mutation::{Context, Verdict};
use crate::sync::rows::{Collection, Rows};

/// Deletes the cart, the history and rows of the shop's own collections. What a device has seen before and brings
/// later stays deleted. Orders are the shop's own records, and stay.
pub(super) fn erase(context: &Context, rows: &mut dyn Rows) -> Result<Verdict, Stop> {
    let mut collections = rows.own()?;
    collections.extend([Collection::Cart, Collection::History]);
    for collection in collections {
        for (key, _) in rows.scan(collection, None, usize::MAX)? {
            rows.delete(collection, &key)?;
        }
    }
    history::cut_all(context, rows)?;
    Ok(applied(object(&[])))
}
