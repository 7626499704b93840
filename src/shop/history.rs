//! What was looked at: a set of visits, bounded by count and age.
//!
//! A visit is stored as `{sku, at, dwell}` under its event id.

use super::args::{RuleError, bad, count, number, text};
use super::oldest::delete_oldest;
use super::verdict::{applied, noop, object};
use crate::format::document::{Document, DocumentRef, Value};
use crate::sync::mutation::{Context, Verdict};
use crate::sync::rows::{Collection, Rows, RowsError};
use alloc::string::String;
use alloc::vec::Vec;

/// `{eventId, sku, at, dwell?}`: a visit to a product's page.
pub const VISIT: &str = "history.visit";

/// Most visits kept: what a shopper scrolls through, and a recommender reads.
pub const HISTORY_VISITS_MAX: usize = 1000;

/// How far the count may run over before the oldest go, so that not every visit
/// pays for it.
pub const HISTORY_VISITS_SLACK: usize = 100;

/// Milliseconds for which a visit is kept: 90 days, a season of shopping.
pub const HISTORY_AGE_MS_MAX: u64 = 90 * 24 * 3600 * 1000;

/// The arguments of [`VISIT`]: `at` in milliseconds since 1970, `dwell` in
/// milliseconds.
pub fn visit_args(event_id: &str, sku: &str, at: u64, dwell: u64) -> Document {
    object(&[("eventId", Value::Str(event_id)), ("sku", Value::Str(sku)), ("at", number(at)), ("dwell", number(dwell))])
}

/// Set union: the same event twice is one visit. A date in the future, from a
/// clock that is ahead, becomes now.
pub(super) fn visit(args: DocumentRef<'_>, context: &Context, rows: &mut dyn Rows) -> Result<Verdict, RuleError> {
    let key = text(args, "eventId")?;
    let sku = text(args, "sku")?;
    let at = count(args, "at", 0)?.min(context.now_ms);
    let dwell = match args.get("dwell") {
        None | Some(Value::Null) => 0,
        Some(Value::Int(dwell)) if dwell >= 0 => dwell.unsigned_abs(),
        Some(_) => return bad("dwell", "is not a count of milliseconds"),
    };
    let oldest = context.now_ms.saturating_sub(HISTORY_AGE_MS_MAX);
    let detail = object(&[("sku", Value::Str(sku))]);
    if at < oldest {
        return Ok(noop("too_old", detail));
    }
    if rows.get(Collection::History, key)?.is_some() {
        return Ok(noop("duplicate", detail));
    }
    let visit = object(&[("sku", Value::Str(sku)), ("at", number(at)), ("dwell", number(dwell))]);
    rows.put(Collection::History, key, &visit)?;
    if rows.count(Collection::History)? as usize > HISTORY_VISITS_MAX + HISTORY_VISITS_SLACK {
        prune(rows, oldest)?;
    }
    Ok(applied(detail))
}

/// Drops the oldest visits beyond the count, and all before `oldest`.
fn prune(rows: &mut dyn Rows, oldest: u64) -> Result<(), RowsError> {
    let mut visits: Vec<(u64, String)> = Vec::new();
    let most = HISTORY_VISITS_MAX + HISTORY_VISITS_SLACK + 1;
    for (key, visit) in rows.scan(Collection::History, None, most)? {
        visits.push((visit.as_ref().u64("at").unwrap_or(0), key));
    }
    let beyond = visits.len().saturating_sub(HISTORY_VISITS_MAX);
    delete_oldest(rows, Collection::History, visits, beyond, oldest)
}
