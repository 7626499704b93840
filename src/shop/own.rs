//! Rows of collections that a shop has made up, by the rule that the collection's
//! name begins with: see [`Merge`].
//!
//! A row is what the page has put. In a collection whose additions win it has `$tag`
//! besides, which tells who put it last; what removes it names the tag it has seen.

use super::args::{bad, text};
use super::decide::{Authority, Decision};
use super::verdict::{applied, noop, object, rejected, with};
use crate::format::document::{Document, DocumentRef, Value};
use crate::stop::Stop;
use crate::sync::mutation::{Context, Verdict};
use crate::sync::rows::{Collection, Merge, Own, Rows};
use crate::sync::wire::NUMBER_MAX;
use alloc::vec::Vec;

/// `{collection, key, row}`: writes a row.
pub const PUT: &str = "row.put";

/// `{collection, key, seen?}`: deletes a row.
pub const DELETE: &str = "row.delete";

/// `{collection, key, row, by}`: adds to the numbers of a row, `by` each so much; where there is
/// no row, to `row`.
pub const ADD: &str = "row.add";

/// Longest row in bytes: four fit into a request.
pub const OWN_ROW_BYTES_MAX: usize = 64 * 1024;

/// Who put a row last.
const TAG: &str = "$tag";

/// Does one of the three.
pub(super) fn write(
    authority: Option<&dyn Authority>,
    name: &str,
    args: DocumentRef<'_>,
    context: &Context,
    rows: &mut dyn Rows,
) -> Result<Verdict, Stop> {
    let Some(own) = args.str("collection").and_then(Own::parse) else {
        return bad("collection", "is no name of a collection with its rule");
    };
    let (collection, merge, key) = (Collection::Own(own), own.merge(), text(args, "key")?);
    let detail = object(&[("collection", Value::Str(own.name())), ("key", Value::Str(key))]);
    let before = rows.get(collection, key)?;
    let mut fields = Vec::new();
    let row = if name == DELETE {
        let Some(before) = before else { return Ok(noop("row_gone", detail)) };
        if merge == Merge::AddWins && before.as_ref().u64(TAG) != args.u64("seen") {
            return Ok(noop("added_elsewhere", detail));
        }
        None
    } else {
        let Some(row) = args.object("row") else { return bad("row", "is not an object") };
        let mut row = row.to_document();
        if name == ADD {
            if merge != Merge::Counter {
                return bad("collection", "is no counter");
            }
            row = before.unwrap_or(row);
            sums(&mut fields, row.as_ref(), args)?;
        } else if merge == Merge::AddWins {
            let [tag @ .., _, _, _, _, _, _, _, _] = context.id.0;
            fields.push((TAG, Value::Int((u64::from_le_bytes(tag) & NUMBER_MAX) as i64)));
        }
        Some(row)
    };
    let accepted;
    if let Some(authority) = authority.filter(|_| merge == Merge::ServerDecides) {
        match authority.row(args, context, rows)? {
            Decision::Refused { code, detail } => return Ok(rejected(code, detail)),
            Decision::Accepted(terms) => accepted = terms,
        }
        fields.extend(accepted.as_ref().fields());
    }
    match row {
        None => rows.delete(collection, key)?,
        Some(row) => {
            let row = with(&row, &fields);
            if row.as_bytes().len() > OWN_ROW_BYTES_MAX {
                return bad("row", "is longer than 64 KiB");
            }
            rows.put(collection, key, &row)?;
        }
    }
    Ok(applied(detail))
}

/// What the fields of `row` come to with `by` added.
fn sums<'a>(sums: &mut Vec<(&'a str, Value<'a>)>, row: DocumentRef<'_>, args: DocumentRef<'a>) -> Result<(), Stop> {
    let Some(by) = args.object("by") else { return bad("by", "is not an object") };
    for (name, _) in by.fields() {
        let before = if row.get(name).is_some() { row.i64(name) } else { Some(0) };
        let sum = before.zip(by.i64(name)).and_then(|(before, more)| before.checked_add(more));
        match sum.filter(|sum| sum.unsigned_abs() <= NUMBER_MAX) {
            Some(sum) => sums.push((name, Value::Int(sum))),
            None => return bad("by", "makes no whole number within 2^53"),
        }
    }
    Ok(())
}

/// The arguments of [`PUT`].
pub(super) fn put_args(own: &Own, key: &str, row: DocumentRef<'_>) -> Document {
    object(&[("collection", Value::Str(own.name())), ("key", Value::Str(key)), ("row", row.value())])
}

/// The tag of the row that `{collection, key}` names.
pub(super) fn seen(asked: DocumentRef<'_>, rows: &mut dyn Rows) -> Result<Option<u64>, Stop> {
    let (Some(own), Some(key)) = (asked.str("collection").and_then(Own::parse), asked.str("key")) else {
        return Ok(None);
    };
    let row = rows.get(Collection::Own(own), key)?;
    Ok(row.and_then(|row| row.as_ref().u64(TAG)))
}
