//! Taking lines out of the cart: an add that the remover had not seen survives.

use super::args::{bad, count, number, text};
use super::cart::{CART_LINES_MAX, detail, line_gone};
use super::line::Line;
use super::verdict::{adjusted, applied, array, noop, object};
use crate::format::document::{Document, DocumentRef, Value};
use crate::stop::Stop;
use crate::sync::mutation::{Context, Verdict};
use crate::sync::rows::Rows;
use alloc::vec::Vec;

/// A line as its remover saw it.
struct Seen<'a> {
    key: &'a str,
    generation: u64,
    added: u64,
}

impl<'a> Seen<'a> {
    fn read(args: DocumentRef<'a>) -> Result<Self, Stop> {
        Ok(Self { key: text(args, "line")?, generation: count(args, "gen", 0)?, added: count(args, "seenAdded", 0)? })
    }
}

/// What became of one line.
enum Removal {
    /// It was not there.
    Gone,
    /// It had gone and come back since it was seen.
    Stale(Line),
    /// Something was added since it was seen, and is left.
    Left(Line),
    Removed(Line),
}

fn remove_line(seen: &Seen<'_>, context: &Context, rows: &mut dyn Rows) -> Result<Removal, Stop> {
    let Some(mut line) = Line::load_live(rows, seen.key)? else {
        return Ok(Removal::Gone);
    };
    if seen.generation < line.generation {
        return Ok(Removal::Stale(line));
    }
    let left = line.qty.min(line.added.saturating_sub(seen.added));
    if left != line.qty {
        line.set_qty(left, context.now_ms);
        line.store(rows, seen.key)?;
    }
    Ok(if left > 0 { Removal::Left(line) } else { Removal::Removed(line) })
}

pub(super) fn remove(args: DocumentRef<'_>, context: &Context, rows: &mut dyn Rows) -> Result<Verdict, Stop> {
    let seen = Seen::read(args)?;
    let key = seen.key;
    Ok(match remove_line(&seen, context, rows)? {
        Removal::Gone => line_gone(key),
        Removal::Stale(line) => noop("stale_gen", detail(key, &line.sku, &[])),
        Removal::Left(line) => {
            adjusted("added_elsewhere", detail(key, &line.sku, &[("asked", Value::Int(0)), ("got", number(line.qty))]))
        }
        Removal::Removed(line) => applied(detail(key, &line.sku, &[])),
    })
}

/// A remove for each line seen. What survives is told as
/// `{lines: [{line, sku, got}]}`.
pub(super) fn clear(args: DocumentRef<'_>, context: &Context, rows: &mut dyn Rows) -> Result<Verdict, Stop> {
    let Some(Value::Array(list)) = args.get("lines") else {
        return bad("lines", "is not an array");
    };
    // All arguments are read before the first row is written: a rejected
    // mutation changes nothing.
    let mut all = Vec::new();
    for item in list.items() {
        let Value::Object(item) = item else {
            return bad("lines", "holds an item that is not an object");
        };
        all.push(Seen::read(item)?);
    }
    if all.len() > CART_LINES_MAX {
        return bad("lines", "holds more lines than a cart");
    }
    let mut survivors: Vec<Document> = Vec::new();
    let mut removed = false;
    for seen in &all {
        match remove_line(seen, context, rows)? {
            Removal::Gone => {}
            Removal::Removed(_) => removed = true,
            Removal::Stale(line) | Removal::Left(line) => {
                survivors.push(detail(seen.key, &line.sku, &[("got", number(line.qty))]));
            }
        }
    }
    if survivors.is_empty() {
        return Ok(if removed { applied(object(&[])) } else { noop("line_gone", object(&[])) });
    }
    Ok(adjusted("added_elsewhere", object(&[("lines", array(&survivors).as_ref().value())])))
}
