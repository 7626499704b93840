//! From what a page asks for to the full arguments of a mutation.
//!
//! What was seen is read from the shopper's view. A line that is not there
//! counts as seen in generation 0 with nothing in it, so that the edit goes to
//! the server like any other and has an outcome. A value of a wrong type is
//! passed on as it is: the rule that takes it names the field.

use super::args::number;
use super::line::{Line, line_key};
use super::verdict::object;
use super::{ShopRules, cart, coupon, history, own, product};
use crate::format::document::{Document, DocumentRef, Value};
use crate::stop::Stop;
use crate::sync::client::ClientRules;
use crate::sync::rows::{Collection, Rows};
use crate::tree::{Fault, later};
use alloc::vec::Vec;

impl ClientRules for ShopRules {
    fn prepare(&self, name: &str, asked: &Document, rows: &mut dyn Rows) -> Result<Document, Stop> {
        let asked = asked.as_ref();
        Ok(match name {
            cart::ADD => add(asked),
            cart::SET_QTY => set_qty(asked, rows)?,
            cart::REMOVE => remove(asked, rows)?,
            cart::CLEAR => later::run(|| cart::clear_args(rows))?.unwrap_or_else(nothing_seen),
            own::DELETE => later::run(|| delete_own(asked, rows))?,
            // A page asks for just what these take.
            _ => asked.to_document(),
        })
    }

    fn is_row(&self, collection: Collection, row: &Document) -> bool {
        match collection {
            Collection::Cart => Line::from_document(row.as_ref()).is_some() || row.as_ref().str("coupon").is_some(),
            Collection::History => {
                let row = row.as_ref();
                row.u64("cut").is_some() || (row.str("sku").is_some() && row.u64("at").is_some())
            }
            _ => matches!(row.as_ref().value(), Value::Object(_)),
        }
    }

    fn recreate(&self, collection: Collection, key: &str, row: &Document) -> Option<(&'static str, Document)> {
        // Who calls it is loaded later too.
        later::run(|| Ok::<_, Fault>(recreate(collection, key, row.as_ref()))).ok().flatten()
    }

    fn replaces(&self, collection: Collection, existing: DocumentRef<'_>, incoming: DocumentRef<'_>) -> bool {
        match collection {
            Collection::Catalog => product::replaces(existing, incoming),
            _ => true,
        }
    }
}

fn recreate(collection: Collection, key: &str, row: DocumentRef<'_>) -> Option<(&'static str, Document)> {
    match collection {
        Collection::Cart if row.bool("removed") == Some(true) => None,
        Collection::Cart => Some(match row.str("coupon") {
            Some(code) => (coupon::COUPON, object(&[("code", Value::Str(code))])),
            None => (cart::ADD, add(row)),
        }),
        Collection::History if row.u64("cut").is_some() => {
            let mut args = take(row, &["sku"]);
            args.push(("until", row.get("cut")?));
            Some((history::DELETE, object(&args)))
        }
        Collection::History => {
            let dwell = row.u64("dwell").unwrap_or(0);
            Some((history::VISIT, history::visit_args(key, row.str("sku")?, row.u64("at")?, dwell)))
        }
        Collection::Own(own) => Some((own::PUT, own::put_args(&own, key, row))),
        _ => None,
    }
}

/// Those of `names` that `asked` has.
fn take<'a>(asked: DocumentRef<'a>, names: &[&'static str]) -> Vec<(&'static str, Value<'a>)> {
    let mut fields = Vec::with_capacity(5);
    take_into(&mut fields, asked, names);
    fields
}

fn take_into<'a>(fields: &mut Vec<(&'static str, Value<'a>)>, asked: DocumentRef<'a>, names: &[&'static str]) {
    for name in names {
        if let Some(value) = asked.get(name) {
            fields.push((name, value));
        }
    }
}

/// `{sku, qty?, options?, quote?}`; one piece where no quantity is given.
fn add(asked: DocumentRef<'_>) -> Document {
    let line = asked.str("sku").map(|sku| line_key(sku, asked.object("options")));
    let mut fields = Vec::with_capacity(5);
    if let Some(line) = &line {
        fields.push(("line", Value::Str(line)));
    }
    take_into(&mut fields, asked, &["sku"]);
    let qty = asked.get("qty").filter(|qty| *qty != Value::Null);
    fields.push(("qty", qty.unwrap_or(Value::Int(1))));
    take_into(&mut fields, asked, &["options", "quote"]);
    object(&fields)
}

/// `{collection, key, seen?}`
fn delete_own(asked: DocumentRef<'_>, rows: &mut dyn Rows) -> Result<Document, Stop> {
    let mut fields = take(asked, &["collection", "key"]);
    fields.extend(own::seen(asked, rows)?.map(|seen| ("seen", number(seen))));
    Ok(object(&fields))
}

/// `{line, to}`
fn set_qty(asked: DocumentRef<'_>, rows: &mut dyn Rows) -> Result<Document, Stop> {
    if let (Some(line), Some(to)) = (asked.str("line"), asked.u64("to"))
        && let Some(args) = cart::set_qty_args(rows, line, to)?
    {
        return Ok(args);
    }
    let mut fields = take(asked, &["line"]);
    fields.push(("gen", Value::Int(0)));
    take_into(&mut fields, asked, &["to"]);
    fields.push(("seen", Value::Int(0)));
    Ok(object(&fields))
}

/// `{line}`
fn remove(asked: DocumentRef<'_>, rows: &mut dyn Rows) -> Result<Document, Stop> {
    if let Some(line) = asked.str("line")
        && let Some(args) = cart::remove_args(rows, line)?
    {
        return Ok(args);
    }
    let mut fields = take(asked, &["line"]);
    fields.push(("gen", Value::Int(0)));
    fields.push(("seenAdded", Value::Int(0)));
    Ok(object(&fields))
}

fn nothing_seen() -> Document {
    let none = Document::array(&[]).expect("an empty list is a document");
    object(&[("lines", Value::Array(none.as_ref()))])
}
