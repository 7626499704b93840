//! Reading the arguments of mutations, which may be anything.

use crate::format::document::{DocumentRef, INTEGER_MAX, Value};
use crate::stop::{Stop, Why};

/// Longest key of a row in bytes: even with every byte escaped it fits the key
/// of a store.
pub(super) const KEY_TEXT_BYTES_MAX: usize = 400;

pub(super) fn bad<T>(field: &'static str, why: &'static str) -> Result<T, Stop> {
    Err(Why::BadArg { field, why }.into())
}

/// A string of 1 to [`KEY_TEXT_BYTES_MAX`] bytes.
pub(super) fn text<'a>(args: DocumentRef<'a>, field: &'static str) -> Result<&'a str, Stop> {
    match args.str(field) {
        Some("") => bad(field, "is empty"),
        Some(text) if text.len() > KEY_TEXT_BYTES_MAX => bad(field, "is longer than 400 bytes"),
        Some(text) => Ok(text),
        None => bad(field, "is not a string"),
    }
}

/// An integer of at least `least`.
pub(super) fn integer(args: DocumentRef<'_>, field: &'static str, least: i64) -> Result<i64, Stop> {
    match args.i64(field) {
        Some(value) if value < least => bad(field, "is too small"),
        Some(value) => Ok(value),
        None => bad(field, "is not an integer"),
    }
}

/// An integer of at least `least`, which is not negative.
pub(super) fn count(args: DocumentRef<'_>, field: &'static str, least: u32) -> Result<u64, Stop> {
    Ok(integer(args, field, i64::from(least))?.unsigned_abs())
}

/// An object that may be missing or null.
pub(super) fn optional_object<'a>(args: DocumentRef<'a>, field: &'static str) -> Result<Option<DocumentRef<'a>>, Stop> {
    match args.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(object)) => Ok(Some(object)),
        Some(_) => bad(field, "is not an object"),
    }
}

/// A count as a value of a document.
pub(super) fn number(value: u64) -> Value<'static> {
    Value::Int(i64::try_from(value).unwrap_or(INTEGER_MAX).min(INTEGER_MAX))
}
