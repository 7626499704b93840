//! Reading documents in place, without decoding what is not asked for.

use super::head::{self, Head};
use super::{DEPTH_MAX, DocumentError, Why};
use crate::bytes::copied;
use core::fmt;

/// A view of one encoded value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct DocumentRef<'a>(&'a [u8]);

/// One value of a document. Objects and arrays are views to read on from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// Null.
    Null,
    /// A boolean.
    Bool(bool),
    /// An integer of at most 2^53 − 1 in magnitude.
    Int(i64),
    /// A number that is no such integer.
    F64(f64),
    /// A string.
    Str(&'a str),
    /// Raw bytes.
    Bytes(&'a [u8]),
    /// A moment in milliseconds since the start of 1970.
    Date(i64),
    /// An integer of any size.
    BigInteger {
        /// Its sign; zero has none.
        is_negative: bool,
        /// Its bytes, the highest first and not zero.
        magnitude: &'a [u8],
    },
    /// An array.
    Array(DocumentRef<'a>),
    /// An object.
    Object(DocumentRef<'a>),
}

impl<'a> DocumentRef<'a> {
    /// Takes bytes that come from outside, after checking all of them.
    pub fn from_bytes(bytes: &'a [u8]) -> Result<Self, DocumentError> {
        let mut rest = bytes;
        check(&mut rest, 0).map_err(|(left, why)| DocumentError { at: bytes.len() - left, why })?;
        if rest.is_empty() {
            Ok(Self(bytes))
        } else {
            Err(DocumentError { at: bytes.len() - rest.len(), why: Why::Trailing })
        }
    }

    /// Takes bytes that were checked when they were stored: see
    /// [`super::Document::from_stored`].
    pub fn from_stored(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The encoded bytes.
    pub fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// An owned copy.
    pub fn to_document(self) -> super::Document {
        super::Document::from_stored(copied(self.0))
    }

    /// The value itself.
    pub fn value(self) -> Value<'a> {
        take_value(&mut &self.0[..]).unwrap_or(Value::Null)
    }

    /// The value of the field `key`, when this is an object that has it.
    pub fn get(self, key: &str) -> Option<Value<'a>> {
        let mut fields = self.fields();
        while fields.left > 0 {
            fields.left -= 1;
            let Ok(Head::Str(name)) = head::read(&mut fields.rest) else {
                return None;
            };
            if name == key.as_bytes() {
                return take_value(&mut fields.rest);
            }
            skip(&mut fields.rest)?;
        }
        None
    }

    /// The value at a path of keys joined by dots, such as `price.amount`.
    pub fn path(self, path: &str) -> Option<Value<'a>> {
        let (mut object, mut path) = (self, path);
        // Without the standard library's splitting of strings, which knows more than dots.
        while let Some(dot) = path.bytes().position(|byte| byte == b'.') {
            let Value::Object(inner) = object.get(path.get(..dot)?)? else {
                return None;
            };
            (object, path) = (inner, path.get(dot + 1..)?);
        }
        object.get(path)
    }

    /// The string in the field `key`.
    pub fn str(self, key: &str) -> Option<&'a str> {
        match self.get(key)? {
            Value::Str(value) => Some(value),
            _ => None,
        }
    }

    /// The integer in the field `key`, when it is not negative.
    pub fn u64(self, key: &str) -> Option<u64> {
        u64::try_from(self.i64(key)?).ok()
    }

    /// The integer in the field `key`.
    pub fn i64(self, key: &str) -> Option<i64> {
        match self.get(key)? {
            Value::Int(value) => Some(value),
            _ => None,
        }
    }

    /// The number in the field `key`, integer or not.
    pub fn f64(self, key: &str) -> Option<f64> {
        match self.get(key)? {
            Value::Int(value) => Some(value as f64),
            Value::F64(value) => Some(value),
            _ => None,
        }
    }

    /// The boolean in the field `key`.
    pub fn bool(self, key: &str) -> Option<bool> {
        match self.get(key)? {
            Value::Bool(value) => Some(value),
            _ => None,
        }
    }

    /// The object in the field `key`.
    pub fn object(self, key: &str) -> Option<DocumentRef<'a>> {
        match self.get(key)? {
            Value::Object(value) => Some(value),
            _ => None,
        }
    }

    /// The fields of an object in their order; none when this is no object.
    pub fn fields(self) -> Fields<'a> {
        let mut rest = self.0;
        match head::read(&mut rest) {
            Ok(Head::Object(left)) => Fields { rest, left },
            _ => Fields { rest: &[], left: 0 },
        }
    }

    /// The items of an array in their order; none when this is no array.
    pub fn items(self) -> Items<'a> {
        let mut rest = self.0;
        match head::read(&mut rest) {
            Ok(Head::Array(left)) => Items { rest, left },
            _ => Items { rest: &[], left: 0 },
        }
    }
}

impl fmt::Debug for DocumentRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.value() {
            Value::Object(_) => f.debug_map().entries(self.fields()).finish(),
            Value::Array(_) => f.debug_list().entries(self.items()).finish(),
            value => value.fmt(f),
        }
    }
}

/// The fields of an object: see [`DocumentRef::fields`].
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    rest: &'a [u8],
    left: usize,
}

impl<'a> Iterator for Fields<'a> {
    type Item = (&'a str, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let Value::Str(key) = take_value(&mut self.rest)? else {
            return None;
        };
        Some((key, take_value(&mut self.rest)?))
    }
}

/// The items of an array: see [`DocumentRef::items`].
#[derive(Clone, Debug)]
pub struct Items<'a> {
    rest: &'a [u8],
    left: usize,
}

impl<'a> Iterator for Items<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        take_value(&mut self.rest)
    }
}

/// Takes one value off the front of `rest`; `None` when it is malformed.
fn take_value<'a>(rest: &mut &'a [u8]) -> Option<Value<'a>> {
    let start = *rest;
    Some(match head::read(rest).ok()? {
        Head::Null => Value::Null,
        Head::Bool(value) => Value::Bool(value),
        Head::Int(value) => Value::Int(value),
        Head::F64(value) => Value::F64(value),
        Head::Str(value) => Value::Str(core::str::from_utf8(value).ok()?),
        Head::Bytes(value) => Value::Bytes(value),
        Head::Date(value) => Value::Date(value),
        Head::BigInteger { is_negative, magnitude } => Value::BigInteger { is_negative, magnitude },
        Head::Array(_) => Value::Array(take_whole(start, rest)?),
        Head::Object(_) => Value::Object(take_whole(start, rest)?),
    })
}

/// Takes the object or array that begins at `start`.
fn take_whole<'a>(start: &'a [u8], rest: &mut &'a [u8]) -> Option<DocumentRef<'a>> {
    *rest = start;
    skip(rest)?;
    Some(DocumentRef(&start[..start.len() - rest.len()]))
}

/// Passes over one value with all that is in it.
fn skip(rest: &mut &[u8]) -> Option<()> {
    let mut left = 1usize;
    while left > 0 {
        left -= 1;
        // Counts larger than the bytes end at the first missing value.
        match head::read(rest).ok()? {
            Head::Array(count) => left = left.saturating_add(count),
            Head::Object(count) => left = left.saturating_add(count).saturating_add(count),
            _ => {}
        }
    }
    Some(())
}

/// Checks one value with all that is in it. An error carries how many bytes
/// were left where the wrong value begins.
fn check(rest: &mut &[u8], depth: usize) -> Result<(), (usize, Why)> {
    let left = rest.len();
    let (count, keyed) = match head::read(rest).map_err(|why| (left, why))? {
        Head::Str(text) => {
            return core::str::from_utf8(text).map(drop).map_err(|_| (left, Why::Utf8));
        }
        Head::Array(count) => (count, false),
        Head::Object(count) => (count, true),
        _ => return Ok(()),
    };
    if depth == DEPTH_MAX {
        return Err((left, Why::Depth));
    }
    for _ in 0..count {
        if keyed {
            check_key(rest)?;
        }
        check(rest, depth + 1)?;
    }
    Ok(())
}

fn check_key(rest: &mut &[u8]) -> Result<(), (usize, Why)> {
    let left = rest.len();
    match head::read(rest).map_err(|why| (left, why))? {
        Head::Str(key) => core::str::from_utf8(key).map(drop).map_err(|_| (left, Why::Utf8)),
        _ => Err((left, Why::Key)),
    }
}
