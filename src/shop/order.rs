//! Orders: `{state, version, attempt, lines, at?, decided?}` under the order id.
//!
//! A page submits exactly what the shopper has confirmed; the server takes all of
//! it or nothing. On the device an order is `submitted` until the server has made
//! it `created`. What was ordered leaves the cart with it.

use super::args::{bad, count, number, text};
use super::cart::CART_LINES_MAX;
use super::decide::{Authority, Decision};
use super::line::Line;
use super::verdict::{applied, noop, object, rejected, with};
use crate::format::document::{DocumentRef, Value};
use crate::stop::Stop;
use crate::sync::mutation::{Context, Status, Verdict};
use crate::sync::rows::{Collection, Rows};
use alloc::vec::Vec;

/// `{orderId, attempt, lines: [{sku, qty, price, version?, line?}]}`: places an
/// order, once for ever. `line` names the line of the cart that it comes from.
pub const SUBMIT: &str = "order.submit";
/// `{orderId, version}`: cancels an order of this version.
pub const CANCEL: &str = "order.cancel";

/// Longest list of lines in encoded bytes: an order is one row of one request.
pub const ORDER_BYTES_MAX: usize = 64 * 1024;

/// A line of an order.
pub struct OrderLine<'a> {
    /// What is bought.
    pub sku: &'a str,
    /// How many, at least 1.
    pub qty: u64,
    /// For how much each, in the minor unit of the currency.
    pub price: u64,
    /// The line of the cart that it comes from.
    pub line: Option<&'a str>,
}

/// The lines in the arguments of [`SUBMIT`] or in the row of an order.
pub fn order_lines(order: DocumentRef<'_>) -> Vec<OrderLine<'_>> {
    read_lines(order).unwrap_or_default()
}

fn read_lines(order: DocumentRef<'_>) -> Result<Vec<OrderLine<'_>>, Stop> {
    let Some(Value::Array(list)) = order.get("lines") else {
        return bad("lines", "is not an array");
    };
    if list.as_bytes().len() > ORDER_BYTES_MAX {
        return bad("lines", "is longer than 65536 bytes");
    }
    let mut lines = Vec::new();
    for item in list.items() {
        let Value::Object(item) = item else {
            return bad("lines", "holds an item that is not an object");
        };
        lines.push(OrderLine {
            sku: text(item, "sku")?,
            qty: count(item, "qty", 1)?,
            price: count(item, "price", 0)?,
            line: item.str("line"),
        });
    }
    if lines.is_empty() || lines.len() > CART_LINES_MAX {
        return bad("lines", "holds none, or more lines than a cart");
    }
    Ok(lines)
}

/// All or nothing, never adjusted.
pub(super) fn submit(
    authority: Option<&dyn Authority>,
    args: DocumentRef<'_>,
    context: &Context,
    rows: &mut dyn Rows,
) -> Result<Verdict, Stop> {
    let key = text(args, "orderId")?;
    let attempt = count(args, "attempt", 1)?;
    let lines = read_lines(args)?;
    let detail = object(&[("orderId", Value::Str(key)), ("attempt", number(attempt))]);
    let mut order = Vec::from([("attempt", number(attempt))]);
    let decided;
    match authority {
        // Submitted twice: the server will say the same of both.
        None if rows.get(Collection::Orders, key)?.is_some() => return Ok(applied(detail)),
        None => order.extend([("state", Value::Str("submitted")), ("version", Value::Int(0))]),
        Some(authority) => match authority.submit(args, context, rows)? {
            Ok(accepted) => {
                decided = accepted;
                order.extend([("state", Value::Str("created")), ("version", Value::Int(1))]);
                order.extend([("at", number(context.now_ms)), ("decided", decided.as_ref().value())]);
            }
            Err(verdict) => return Ok(Verdict { detail: with(&detail, &fields(&verdict.detail)), ..verdict }),
        },
    }
    order.extend(args.get("lines").map(|lines| ("lines", lines)));
    rows.put(Collection::Orders, key, &object(&order))?;
    for line in lines {
        take_from_cart(&line, context, rows)?;
    }
    Ok(if authority.is_some() { created(detail) } else { applied(detail) })
}

fn fields(document: &crate::format::document::Document) -> Vec<(&str, Value<'_>)> {
    let mut fields = Vec::new();
    for field in document.as_ref().fields() {
        fields.push(field);
    }
    fields
}

/// `created`, as often as it is asked.
pub(super) fn created(detail: crate::format::document::Document) -> Verdict {
    Verdict { status: Status::Applied, code: Some("created"), detail }
}

fn take_from_cart(line: &OrderLine<'_>, context: &Context, rows: &mut dyn Rows) -> Result<(), Stop> {
    let Some(key) = line.line else { return Ok(()) };
    if let Some(mut found) = Line::load_live(rows, key)? {
        found.set_qty(found.qty.saturating_sub(line.qty), context.now_ms);
        found.store(rows, key)?;
    }
    Ok(())
}

/// Compare and set.
pub(super) fn cancel(
    authority: Option<&dyn Authority>,
    args: DocumentRef<'_>,
    context: &Context,
    rows: &mut dyn Rows,
) -> Result<Verdict, Stop> {
    let key = text(args, "orderId")?;
    let version = count(args, "version", 1)?;
    let detail = object(&[("orderId", Value::Str(key))]);
    let Some(order) = rows.get(Collection::Orders, key)? else {
        return Ok(noop("unknown_order", detail));
    };
    let row = order.as_ref();
    let found = row.u64("version").unwrap_or(0);
    if found != version {
        let found = [("found", number(found)), ("state", row.get("state").unwrap_or(Value::Null))];
        return Ok(rejected("version", with(&detail, &found)));
    }
    if row.str("state") == Some("cancelled") {
        return Ok(noop("cancelled", detail));
    }
    if let Some(authority) = authority
        && let Decision::Refused { code, detail: why } = authority.cancel(args, &order, context, rows)?
    {
        return Ok(rejected(code, with(&why, &[("orderId", Value::Str(key))])));
    }
    let cancelled = [("state", Value::Str("cancelled")), ("version", number(version + 1))];
    rows.put(Collection::Orders, key, &with(&order, &cancelled))?;
    Ok(applied(with(&detail, &[("version", number(version + 1))])))
}

// The text of `why` above names it.
const _: () = assert!(ORDER_BYTES_MAX == 65536);
