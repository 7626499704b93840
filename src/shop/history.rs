//! What was looked at: a set of visits, bounded by count and age.
//!
//! A visit is stored as `{sku, at, dwell}` under its event id, a deletion as a
//! cut `{cut, sku?}` under `cut:` and the sku: what was visited up to `cut` is
//! gone for ever, also where another device brings it later.

use super::args::{bad, count, number, text};
use super::oldest::delete_oldest;
use super::verdict::{applied, noop, object};
use crate::format::document::{Document, DocumentRef, Value};
use crate::stop::Stop;
use crate::sync::mutation::{Context, Verdict};
use crate::sync::rows::{Collection, Rows};
use crate::tree::later;
use alloc::string::String;
use alloc::vec::Vec;

/// `{eventId, sku, at, dwell?}`: a visit to a product's page.
pub const VISIT: &str = "history.visit";

/// `{until, sku?}`: deletes what was visited up to a time, all or of one product.
pub const DELETE: &str = "history.delete";

/// What the keys of cuts begin with. No visit's does.
const CUT_PREFIX: &str = "cut:";

/// Most cuts kept, then the oldest goes: who deletes more than this one by one
/// deletes all.
pub const HISTORY_CUTS_MAX: usize = 200;

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
pub(super) fn visit(args: DocumentRef<'_>, context: &Context, rows: &mut dyn Rows) -> Result<Verdict, Stop> {
    let key = text(args, "eventId")?;
    if key.starts_with(CUT_PREFIX) {
        return bad("eventId", "is the key of a deletion");
    }
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
    if at <= cut(rows, "")?.max(cut(rows, sku)?) {
        return Ok(noop("deleted", detail));
    }
    let visit = object(&[("sku", Value::Str(sku)), ("at", number(at)), ("dwell", number(dwell))]);
    rows.put(Collection::History, key, &visit)?;
    if rows.count(Collection::History)? as usize > HISTORY_VISITS_MAX + HISTORY_VISITS_SLACK {
        later::run(|| prune(rows, oldest))?;
    }
    Ok(applied(detail))
}

fn cut_key(sku: &str) -> String {
    let mut key = String::from(CUT_PREFIX);
    key.push_str(sku);
    key
}

/// Up to when visits of `sku`, or of all where it is empty, are deleted; 0 for none.
fn cut(rows: &mut dyn Rows, sku: &str) -> Result<u64, Stop> {
    let row = rows.get(Collection::History, &cut_key(sku))?;
    Ok(row.and_then(|row| row.as_ref().u64("cut")).unwrap_or(0))
}

/// A lasting cut: commutes, as the later one of two stands.
pub(super) fn delete(args: DocumentRef<'_>, context: &Context, rows: &mut dyn Rows) -> Result<Verdict, Stop> {
    let sku = if args.get("sku").is_some() { text(args, "sku")? } else { "" };
    let until = count(args, "until", 0)?.min(context.now_ms);
    let mut fields = Vec::from([("cut", number(until))]);
    if !sku.is_empty() {
        fields.push(("sku", Value::Str(sku)));
    }
    let detail = object(&fields[1..]);
    if until <= cut(rows, sku)? {
        return Ok(noop("deleted", detail));
    }
    for (key, visit) in all(rows)? {
        let visit = visit.as_ref();
        if visit.u64("at").is_some_and(|at| at <= until) && (sku.is_empty() || visit.str("sku") == Some(sku)) {
            rows.delete(Collection::History, &key)?;
        }
    }
    rows.put(Collection::History, &cut_key(sku), &object(&fields))?;
    prune(rows, context.now_ms.saturating_sub(HISTORY_AGE_MS_MAX))?;
    Ok(applied(detail))
}

/// What was visited up to now stays deleted for ever.
pub(super) fn cut_all(context: &Context, rows: &mut dyn Rows) -> Result<(), Stop> {
    rows.put(Collection::History, &cut_key(""), &object(&[("cut", number(context.now_ms))]))
}

fn all(rows: &mut dyn Rows) -> Result<Vec<(String, Document)>, Stop> {
    rows.scan(Collection::History, None, HISTORY_VISITS_MAX + HISTORY_VISITS_SLACK + HISTORY_CUTS_MAX)
}

/// Drops the oldest beyond the count, and all before `oldest`.
fn prune(rows: &mut dyn Rows, oldest: u64) -> Result<(), Stop> {
    let (mut visits, mut cuts) = (Vec::new(), Vec::new());
    for (key, row) in all(rows)? {
        match row.as_ref().u64("cut") {
            Some(at) => cuts.push((at, key)),
            None => visits.push((row.as_ref().u64("at").unwrap_or(0), key)),
        }
    }
    // Together they stay below what has this called again.
    let beyond = (visits.len() + cuts.len().min(HISTORY_CUTS_MAX)).saturating_sub(HISTORY_VISITS_MAX);
    delete_oldest(rows, Collection::History, visits, beyond, oldest)?;
    let beyond = cuts.len().saturating_sub(HISTORY_CUTS_MAX);
    delete_oldest(rows, Collection::History, cuts, beyond, oldest)
}
