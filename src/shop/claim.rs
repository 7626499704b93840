//! Taking over the cart of an anonymous shopper at sign-in.
//!
//! The page hands over the lines as the anonymous cart showed them, with edits
//! in them that were never sent: `{line}` and the fields of the row. From these
//! the client predicts; the server merges the source cart as it has it, but for
//! lines that the page has seen in the same state or a later one, by what was
//! ever `added`. So what was still queued is in the claim, and once.

use super::args::{bad, number, text};
use super::cart::{CART_ROWS_MAX, detail, make_room, options, quote, revived};
use super::decide::Authority;
use super::line::{Line, line_key};
use super::product::Terms;
use super::verdict::{adjusted, applied, array, noop, object, rejected};
use crate::format::document::{Document, DocumentRef, Value};
use crate::stop::Stop;
use crate::sync::mutation::{Context, Verdict};
use crate::sync::rows::Rows;
use alloc::string::String;
use alloc::vec::Vec;

/// `{anonymous, secret, policy?, lines}`: merges an anonymous cart into the
/// shopper's own and empties it, once for ever.
pub const CLAIM: &str = "cart.claim";

/// What the ids of anonymous shoppers begin with, and of nobody else.
pub const ANONYMOUS_PREFIX: &str = "anon-";

/// What becomes of a line that both carts have. Any other is kept.
#[derive(Clone, Copy, PartialEq)]
enum Policy {
    /// The greater quantity; the default.
    Max,
    /// Both together.
    Add,
    /// That of the anonymous cart.
    Guest,
    /// That of the shopper's own.
    User,
    /// Where they differ nothing is done: the page asks the shopper.
    Ask,
}

impl Policy {
    fn read(args: DocumentRef<'_>) -> Result<Self, Stop> {
        Ok(match args.get("policy") {
            None | Some(Value::Null | Value::Str("max")) => Self::Max,
            Some(Value::Str("add")) => Self::Add,
            Some(Value::Str("guest")) => Self::Guest,
            Some(Value::Str("user")) => Self::User,
            Some(Value::Str("ask")) => Self::Ask,
            Some(_) => return bad("policy", "is not max, add, guest, user or ask"),
        })
    }

    /// The quantity of a line of which the shopper has `own`, at least 1, and the guest `guest`.
    fn of(self, own: u64, guest: u64) -> u64 {
        match self {
            Self::Max | Self::Ask => own.max(guest),
            Self::Add => own.saturating_add(guest),
            Self::Guest => guest,
            Self::User => own,
        }
    }
}

/// Never fails whole: each line is held to its limit.
pub(super) fn claim(
    authority: Option<&dyn Authority>,
    args: DocumentRef<'_>,
    context: &Context,
    rows: &mut dyn Rows,
) -> Result<Verdict, Stop> {
    let anonymous = text(args, "anonymous")?;
    let Some(secret) = args.str("secret") else {
        return bad("secret", "is not a string");
    };
    let policy = Policy::read(args)?;
    let mut lines = handed_over(args)?;
    if let Some(authority) = authority {
        match authority.claimable(anonymous, secret, lines, rows)? {
            Ok(source) => lines = source,
            Err(verdict) => return Ok(verdict),
        }
    }
    if policy == Policy::Ask
        && let Some(verdict) = differing(&lines, rows)?
    {
        return Ok(verdict);
    }
    let mut held: Vec<Document> = Vec::new();
    let mut merged = 0;
    for (key, line) in &lines {
        if line.is_live() {
            merged += 1;
            held.extend(merge(policy, key, line, context, rows)?);
        }
    }
    let verdict = if held.is_empty() {
        applied(object(&[("lines", number(merged))]))
    } else {
        adjusted("held", object(&[("lines", array(&held).as_ref().value())]))
    };
    if let Some(authority) = authority {
        authority.claimed(anonymous, &verdict, rows)?;
    }
    Ok(verdict)
}

/// The lines and tombstones that the page has handed over, by key.
fn handed_over(args: DocumentRef<'_>) -> Result<Vec<(String, Line)>, Stop> {
    let Some(Value::Array(list)) = args.get("lines") else {
        return bad("lines", "is not an array");
    };
    let mut lines = Vec::new();
    for item in list.items() {
        let Value::Object(item) = item else {
            return bad("lines", "holds an item that is not an object");
        };
        quote(item)?;
        let (key, options) = (text(item, "line")?, options(item)?);
        match Line::from_document(item) {
            Some(line) if key == line_key(&line.sku, options) => lines.push((String::from(key), line)),
            _ => return bad("lines", "holds an item that is no line"),
        }
    }
    if lines.len() > CART_ROWS_MAX {
        return bad("lines", "holds more lines than a cart");
    }
    Ok(lines)
}

/// The lines of which both carts have another quantity.
fn differing(lines: &[(String, Line)], rows: &mut dyn Rows) -> Result<Option<Verdict>, Stop> {
    let mut differing: Vec<Document> = Vec::new();
    for (key, line) in lines {
        if line.is_live()
            && let Some(own) = Line::load_live(rows, key)?.filter(|own| own.qty != line.qty)
        {
            differing.push(detail(key, &line.sku, &[("own", number(own.qty)), ("guest", number(line.qty))]));
        }
    }
    let detail = (!differing.is_empty()).then(|| object(&[("lines", array(&differing).as_ref().value())]));
    Ok(detail.map(|detail| noop("ask", detail)))
}

/// Merges one line; tells where it was held to a limit. What the shopper had is
/// not held again.
fn merge(
    policy: Policy,
    key: &str,
    guest: &Line,
    context: &Context,
    rows: &mut dyn Rows,
) -> Result<Option<Document>, Stop> {
    let before = Line::load(rows, key)?;
    let is_new = before.as_ref().is_none_or(|line| !line.is_live());
    let mut line =
        before.map_or_else(|| Line { qty: 0, generation: 1, added: 0, removed_at: None, ..guest.clone() }, revived);
    let own = line.qty;
    let asked = if own == 0 { guest.qty } else { policy.of(own, guest.qty) };
    let terms = Terms::load(rows, &line.sku)?;
    let (mut got, mut code) = (asked.min(terms.qty_max.max(own)), terms.code);
    if terms.delisted {
        (got, code) = (own, "delisted");
    } else if is_new && got > 0 && !make_room(rows)? {
        (got, code) = (own, "cart_full");
    }
    if got != own {
        line.added = line.added.saturating_add(got.saturating_sub(own));
        line.set_qty(got, context.now_ms);
        if is_new {
            (line.selected, line.saved) = (guest.selected, guest.saved);
        }
        if is_new || line.quote.is_none() {
            line.quote.clone_from(&guest.quote);
        }
        line.store(rows, key)?;
    }
    let short = [("asked", number(asked)), ("got", number(got)), ("code", Value::Str(code))];
    Ok((got < asked).then(|| detail(key, &line.sku, &short)))
}

/// Of another claim of the same anonymous cart, or a wrong secret.
pub(super) fn refused(code: &'static str) -> Verdict {
    rejected(code, object(&[]))
}
