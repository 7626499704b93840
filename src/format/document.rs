//! The one encoding of documents: compact, self-describing, canonical.
//!
//! A document is a JSON value, plus raw bytes, dates and big integers. The same
//! bytes lie in the tree, in the log, on the wire and in JavaScript's decoder,
//! so a document is encoded once and copied from there on.
//!
//! | tag | value |
//! |---|---|
//! | `00`–`7F` | the integer 0 to 127 |
//! | `80`–`BF` | string of 0 to 63 bytes of UTF-8 |
//! | `C0`–`CF` | object of 0 to 15 fields: key (a string), value, …, in order |
//! | `D0`–`DF` | array of 0 to 15 items |
//! | `E0` `E1` `E2` | null, false, true |
//! | `E3` | varint: integer to 2^53 − 1 |
//! | `E4` | varint n: the negative integer −1 − n, to −(2^53 − 1) |
//! | `E5` | 8 bytes: double, little-endian |
//! | `E6` | varint byte length, string |
//! | `E7` | varint count, object |
//! | `E8` | varint count, array |
//! | `E9` | varint byte length, bytes |
//! | `EA` | varint: the date that many milliseconds after the start of 1970 |
//! | `EB` | varint n: the date −1 − n milliseconds |
//! | `EC` | zigzag varint n: the double n / 100, so that 129.99 takes 4 bytes |
//! | `ED` | varint n: big integer of n / 2 bytes, highest first; negative when n is odd |
//!
//! A value has exactly one encoding, the first that fits of: integer,
//! hundredths, double; and always the shortest head. Equal bytes are equal
//! documents, and [`Document::from_bytes`] refuses any other form. Keys keep
//! their order and are not checked for repetition: [`DocumentRef::get`] finds
//! the first of two equal keys, the iterators yield both.
//!
//! ```
//! use pannier::format::document::{Document, Value};
//! let line = Document::object(&[("sku", Value::Str("A1")), ("qty", Value::Int(2))])?;
//! assert_eq!(line.as_ref().u64("qty"), Some(2));
//! assert_eq!(Document::from_bytes(line.as_bytes().to_vec())?, line);
//! # Ok::<(), pannier::format::document::DocumentError>(())
//! ```

use alloc::vec::Vec;
use core::fmt;

mod head;
mod json;
mod read;
mod tagged;
mod write;

pub use read::{DocumentRef, Fields, Items, Value};
pub use write::Writer;

/// Deepest nesting of objects and arrays. Deep enough for any product, and it
/// keeps hostile bytes from exhausting the stack of a phone.
pub const DEPTH_MAX: usize = 64;

/// Greatest magnitude of an integer, 2^53 − 1: beyond it a double, and so
/// JavaScript, cannot tell neighbours apart.
pub const INTEGER_MAX: i64 = (1 << 53) - 1;

/// Greatest distance of a date from the start of 1970 in milliseconds, as in JavaScript.
pub const DATE_MAX: i64 = 8_640_000_000_000_000;

/// Longest magnitude of a big integer in bytes: twice the longest key in use in
/// cryptography, and short enough that conversions to decimal stay cheap.
pub const BIG_INTEGER_BYTES_MAX: usize = 1024;

/// An owned document, valid by construction. The default is the empty object.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Document(Vec<u8>);

impl Document {
    /// Takes bytes that come from outside, after checking all of them.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, DocumentError> {
        DocumentRef::from_bytes(&bytes)?;
        Ok(Self(bytes))
    }

    /// Takes bytes that were a document when they were stored, and have been
    /// under a checksum since. Other bytes read as wrong or missing values,
    /// never as a panic.
    pub fn from_stored(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// An object of these fields, in this order.
    ///
    /// # Errors
    /// When a number is not finite or the nesting exceeds [`DEPTH_MAX`].
    pub fn object(fields: &[(&str, Value<'_>)]) -> Result<Self, DocumentError> {
        let mut writer = Writer::new();
        writer.object(fields.len());
        for (key, value) in fields {
            writer.key(key);
            writer.value(*value);
        }
        writer.finish()
    }

    /// [`Document::object`], or the empty object where that fails.
    #[inline(never)]
    pub fn of(fields: &[(&str, Value<'_>)]) -> Self {
        Self::object(fields).unwrap_or_default()
    }

    /// An array of these items.
    ///
    /// # Errors
    /// As for [`Document::object`].
    pub fn array(items: &[Value<'_>]) -> Result<Self, DocumentError> {
        let mut writer = Writer::new();
        writer.array(items.len());
        for item in items {
            writer.value(*item);
        }
        writer.finish()
    }

    /// A view of the whole document, to read from.
    #[allow(clippy::should_implement_trait)]
    pub fn as_ref(&self) -> DocumentRef<'_> {
        DocumentRef::from_stored(&self.0)
    }

    /// The encoded bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The encoded bytes, owned.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

impl Default for Document {
    fn default() -> Self {
        Self(alloc::vec![head::OBJECT])
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_ref().fmt(f)
    }
}

/// Bytes that are no document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DocumentError {
    /// Offset in bytes of the value that is wrong.
    pub at: usize,
    /// What is wrong with it.
    pub why: Why,
}

/// What is wrong with the bytes of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Why {
    /// The bytes end inside a value.
    Cut,
    /// More bytes follow the value.
    Trailing,
    /// No value starts with this byte.
    Tag(u8),
    /// A string is not UTF-8.
    Utf8,
    /// A key is not a string.
    Key,
    /// An integer beyond [`INTEGER_MAX`].
    Integer,
    /// A number that is NaN or infinite.
    NotFinite,
    /// A longer form than the value needs.
    NotShortest,
    /// Nested deeper than [`DEPTH_MAX`].
    Depth,
    /// A date beyond [`DATE_MAX`].
    Date,
    /// A big integer of more than [`BIG_INTEGER_BYTES_MAX`].
    BigInteger,
}

impl fmt::Display for DocumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self.why {
            Why::Cut => "the bytes end inside a value",
            Why::Trailing => "bytes follow the value",
            Why::Tag(_) => "unknown tag",
            Why::Utf8 => "a string is not utf-8",
            Why::Key => "a key is not a string",
            Why::Integer => "an integer is beyond 2^53 - 1",
            Why::NotFinite => "a number is not finite",
            Why::NotShortest => "not the shortest form",
            Why::Depth => "nested deeper than 64",
            Why::Date => "a date is beyond 8.64e15 ms",
            Why::BigInteger => "a big integer is longer than 1024 bytes",
        };
        write!(f, "document, byte {}: {why}", self.at)
    }
}

impl core::error::Error for DocumentError {}

#[cfg(test)]
mod tests;
