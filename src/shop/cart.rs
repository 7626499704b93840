//! What cart mutations do, and their arguments.
//!
//! `remove` and `clear`, `coupon` and `claim` are in files of their own.

use super::args::{KEY_TEXT_BYTES_MAX, bad, count, integer, number, optional_object, text};
use super::coupon::COUPONS_MAX;
use super::line::{Line, is_coupon, line_key};
use super::oldest::delete_oldest;
use super::product::Terms;
use super::verdict::{adjusted, applied, array, noop, object, rejected};
use crate::format::document::{Document, DocumentError, DocumentRef, Value};
use crate::stop::Stop;
use crate::sync::mutation::{Context, Verdict};
use crate::sync::rows::{Collection, Rows, corrupt_row};
use crate::tree::later;
use alloc::string::String;
use alloc::vec::Vec;

/// `{line, sku, options?, qty, quote?}`: adds pieces.
pub const ADD: &str = "cart.add";
/// `{line, by}`: changes the quantity by a difference.
pub const ADJUST: &str = "cart.adjust";
/// `{line, gen, to, seen}`: sets the quantity.
pub const SET_QTY: &str = "cart.setQty";
/// `{line, selected}`: selects a line for an order, or not.
pub const SELECT: &str = "cart.select";
/// `{line, saved}`: puts a line aside for later, or back.
pub const SAVE_FOR_LATER: &str = "cart.saveForLater";
/// `{line, gen, seenAdded}`: removes a line.
pub const REMOVE: &str = "cart.remove";
/// `{lines: [{line, gen, seenAdded}]}`: removes the lines seen.
pub const CLEAR: &str = "cart.clear";

/// Most lines in a cart: it is always pulled whole.
pub const CART_LINES_MAX: usize = 500;

/// Most rows of a cart, tombstones included. Past it the oldest tombstones go,
/// [`CART_ROWS_SLACK`] at a time.
pub const CART_ROWS_MAX: usize = 2 * CART_LINES_MAX;

/// How many tombstones go at once, so that not every new line pays for it.
pub const CART_ROWS_SLACK: usize = 100;

/// Longest quote in encoded bytes: a price, a currency and a title. It is sent
/// again with every change of its line.
pub const QUOTE_BYTES_MAX: usize = 1024;

/// Most options of a line: more than any variant of a product has.
pub const OPTIONS_MAX: usize = 16;

/// The arguments of [`ADD`].
///
/// # Errors
/// When options or quote are nested too deep to stand in an object.
pub fn add_args(
    sku: &str,
    options: Option<DocumentRef<'_>>,
    qty: u64,
    quote: Option<DocumentRef<'_>>,
) -> Result<Document, DocumentError> {
    let line = line_key(sku, options);
    let mut fields = Vec::from([("line", Value::Str(&line)), ("sku", Value::Str(sku)), ("qty", number(qty))]);
    if let Some(options) = options {
        fields.push(("options", options.value()));
    }
    if let Some(quote) = quote {
        fields.push(("quote", quote.value()));
    }
    Document::object(&fields)
}

/// The arguments of [`ADJUST`].
pub fn adjust_args(line: &str, by: i64) -> Document {
    object(&[("line", Value::Str(line)), ("by", Value::Int(by))])
}

/// The arguments of [`SELECT`].
pub fn select_args(line: &str, selected: bool) -> Document {
    object(&[("line", Value::Str(line)), ("selected", Value::Bool(selected))])
}

/// The arguments of [`SET_QTY`] as the shopper sees the line in `rows` now;
/// `None` when it is not there.
pub fn set_qty_args(rows: &mut dyn Rows, line: &str, to: u64) -> Result<Option<Document>, Stop> {
    let Some(seen) = Line::load_live(rows, line)? else {
        return Ok(None);
    };
    Ok(Some(object(&[
        ("line", Value::Str(line)),
        ("gen", number(seen.generation)),
        ("to", number(to)),
        ("seen", number(seen.qty)),
    ])))
}

/// The arguments of [`REMOVE`] as the shopper sees the line in `rows` now;
/// `None` when it is not there.
pub fn remove_args(rows: &mut dyn Rows, line: &str) -> Result<Option<Document>, Stop> {
    Ok(Line::load_live(rows, line)?.map(|seen| seen_args(line, &seen)))
}

fn seen_args(line: &str, seen: &Line) -> Document {
    object(&[("line", Value::Str(line)), ("gen", number(seen.generation)), ("seenAdded", number(seen.added))])
}

/// The arguments of [`CLEAR`]: all lines that the shopper sees in `rows` now.
/// `None` when there is none.
pub fn clear_args(rows: &mut dyn Rows) -> Result<Option<Document>, Stop> {
    let mut seen = Vec::new();
    for (key, line) in &lines(rows)? {
        if line.is_live() {
            seen.push(seen_args(key, line));
        }
    }
    if seen.is_empty() {
        return Ok(None);
    }
    Ok(Some(object(&[("lines", array(&seen).as_ref().value())])))
}

/// All lines and tombstones, by key.
fn lines(rows: &mut dyn Rows) -> Result<Vec<(String, Line)>, Stop> {
    let mut lines = Vec::new();
    for (key, row) in rows.scan(Collection::Cart, None, CART_ROWS_MAX + COUPONS_MAX)? {
        if is_coupon(&key) {
            continue;
        }
        match Line::from_document(row.as_ref()) {
            Some(line) => lines.push((key, line)),
            None => {
                return Err(corrupt_row(Collection::Cart, &key));
            }
        }
    }
    Ok(lines)
}

/// Particulars of a verdict: line, sku, then `rest`.
pub(super) fn detail(key: &str, sku: &str, rest: &[(&str, Value<'_>)]) -> Document {
    let mut fields = Vec::from([("line", Value::Str(key)), ("sku", Value::Str(sku))]);
    fields.extend_from_slice(rest);
    object(&fields)
}

pub(super) fn line_gone(key: &str) -> Verdict {
    noop("line_gone", object(&[("line", Value::Str(key))]))
}

/// Particulars of a quantity held to a limit.
fn held(asked: i64, got: i64) -> [(&'static str, Value<'static>); 2] {
    [("asked", Value::Int(asked)), ("got", Value::Int(got))]
}

/// Commutes with other adds. Brings a removed line back in a new generation.
pub(super) fn add(args: DocumentRef<'_>, rows: &mut dyn Rows) -> Result<Verdict, Stop> {
    let sku = text(args, "sku")?;
    let options = options(args)?;
    let key = text(args, "line")?;
    if key != line_key(sku, options) {
        return bad("line", "is not the key of sku and options");
    }
    let asked = count(args, "qty", 1)?;
    let quote = quote(args)?;

    let terms = Terms::load(rows, sku)?;
    if terms.delisted {
        return Ok(rejected("delisted", detail(key, sku, &[])));
    }
    let before = Line::load(rows, key)?;
    let is_new = before.as_ref().is_none_or(|line| !line.is_live());
    let mut line = before.map_or_else(|| first(sku, options), revived);
    let got = asked.min(terms.qty_max.saturating_sub(line.qty));
    let short = (got < asked).then(|| detail(key, sku, &[("asked", number(asked)), ("got", number(got))]));
    if got == 0 {
        return Ok(adjusted(terms.code, short.unwrap_or_default()));
    }
    if is_new && !make_room(rows)? {
        return Ok(rejected("cart_full", detail(key, sku, &[("limit", number(CART_LINES_MAX as u64))])));
    }
    line.qty += got;
    line.added = line.added.saturating_add(got);
    if let Some(quote) = quote {
        line.quote = Some(quote.to_document());
    }
    line.store(rows, key)?;
    Ok(match short {
        Some(short) => adjusted(terms.code, short),
        None => applied(detail(key, sku, &[])),
    })
}

/// What the page showed: an object, or nothing.
pub(super) fn quote<'a>(args: DocumentRef<'a>) -> Result<Option<DocumentRef<'a>>, Stop> {
    let quote = optional_object(args, "quote")?;
    if quote.is_some_and(|quote| quote.as_bytes().len() > QUOTE_BYTES_MAX) {
        return bad("quote", "is longer than 1024 bytes");
    }
    Ok(quote)
}

/// The options of an added line: strings by name, or none.
pub(super) fn options<'a>(args: DocumentRef<'a>) -> Result<Option<DocumentRef<'a>>, Stop> {
    let Some(options) = optional_object(args, "options")? else {
        return Ok(None);
    };
    let mut found = 0;
    for (_, value) in options.fields() {
        found += 1;
        if !matches!(value, Value::Str(_)) {
            return bad("options", "holds a value that is not a string");
        }
    }
    if found > OPTIONS_MAX {
        return bad("options", "holds more than 16 options");
    }
    Ok(Some(options).filter(|_| found > 0))
}

fn first(sku: &str, options: Option<DocumentRef<'_>>) -> Line {
    Line {
        sku: sku.into(),
        options: options.map(DocumentRef::to_document),
        qty: 0,
        generation: 1,
        added: 0,
        quote: None,
        selected: true,
        saved: false,
        removed_at: None,
    }
}

/// A tombstone comes back in a new generation; a line stays as it is.
pub(super) fn revived(mut line: Line) -> Line {
    if line.removed_at.take().is_some() {
        line.generation += 1;
        line.qty = 0;
        line.selected = true;
        line.saved = false;
    }
    line
}

/// Whether one more line fits; where rows are many, drops the oldest tombstones.
pub(super) fn make_room(rows: &mut dyn Rows) -> Result<bool, Stop> {
    let count = rows.count(Collection::Cart)? as usize;
    if count < CART_LINES_MAX { Ok(true) } else { later::run(|| drop_tombstones(count, rows)) }
}

fn drop_tombstones(count: usize, rows: &mut dyn Rows) -> Result<bool, Stop> {
    let mut tombstones: Vec<(u64, String)> = Vec::new();
    let mut live = 0;
    for (key, line) in lines(rows)? {
        match line.removed_at {
            Some(removed_at) => tombstones.push((removed_at, key)),
            None => live += 1,
        }
    }
    if live >= CART_LINES_MAX {
        return Ok(false);
    }
    if count >= CART_ROWS_MAX {
        delete_oldest(rows, Collection::Cart, tombstones, count - CART_ROWS_MAX + CART_ROWS_SLACK, 0)?;
    }
    Ok(true)
}

/// Commutes. Never below 0; at 0 the line goes.
pub(super) fn adjust(args: DocumentRef<'_>, context: &Context, rows: &mut dyn Rows) -> Result<Verdict, Stop> {
    let key = text(args, "line")?;
    let by = integer(args, "by", i64::MIN)?;
    let Some(mut line) = Line::load_live(rows, key)? else {
        return Ok(line_gone(key));
    };
    let before = line.qty;
    let code = if by < 0 {
        line.set_qty(before.saturating_sub(by.unsigned_abs()), context.now_ms);
        "below_zero"
    } else {
        let terms = Terms::load(rows, &line.sku)?;
        let got = by.unsigned_abs().min(terms.qty_max.saturating_sub(before));
        line.qty += got;
        line.added = line.added.saturating_add(got);
        terms.code
    };
    let got = line.qty as i64 - before as i64;
    if got != 0 {
        line.store(rows, key)?;
    }
    Ok(if got == by {
        applied(detail(key, &line.sku, &[]))
    } else {
        adjusted(code, detail(key, &line.sku, &held(by, got)))
    })
}

/// The later commit wins, and reports what it found where that is not what its
/// shopper had seen. Never brings a line back.
pub(super) fn set_qty(args: DocumentRef<'_>, context: &Context, rows: &mut dyn Rows) -> Result<Verdict, Stop> {
    let key = text(args, "line")?;
    let generation = count(args, "gen", 0)?;
    let to = count(args, "to", 0)?;
    let seen = count(args, "seen", 0)?;
    let Some(mut line) = Line::load_live(rows, key)? else {
        return Ok(line_gone(key));
    };
    if generation < line.generation {
        return Ok(noop("stale_gen", detail(key, &line.sku, &[])));
    }
    let terms = Terms::load(rows, &line.sku)?;
    let found = line.qty;
    let got = to.min(terms.qty_max);
    if got != found {
        line.set_qty(got, context.now_ms);
        line.store(rows, key)?;
    }
    let mut particulars = Vec::new();
    if got < to {
        particulars.push(("asked", number(to)));
        particulars.push(("got", number(got)));
    }
    if found != seen {
        particulars.push(("found", number(found)));
    }
    let detail = detail(key, &line.sku, &particulars);
    Ok(if got < to { adjusted(terms.code, detail) } else { applied(detail) })
}

/// A register for each line, in commit order: `selected` or `saved`.
pub(super) fn mark(
    args: DocumentRef<'_>,
    field: &'static str,
    rows: &mut dyn Rows,
    of: fn(&mut Line) -> &mut bool,
) -> Result<Verdict, Stop> {
    let key = text(args, "line")?;
    let Some(value) = args.bool(field) else {
        return bad(field, "is not a boolean");
    };
    let Some(mut line) = Line::load_live(rows, key)? else {
        return Ok(line_gone(key));
    };
    if core::mem::replace(of(&mut line), value) != value {
        line.store(rows, key)?;
    }
    Ok(applied(detail(key, &line.sku, &[])))
}

// The texts of `why` above and in `args` name these.
const _: () = assert!(KEY_TEXT_BYTES_MAX == 400 && QUOTE_BYTES_MAX == 1024 && OPTIONS_MAX == 16);
