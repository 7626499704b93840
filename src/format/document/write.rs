//! Writing documents.

use super::head;
use super::{Document, DocumentError, DocumentRef, INTEGER_MAX, Value};
use alloc::vec::Vec;

/// Writes one document value by value. Objects and arrays state their count
/// first; each field of an object is a key and then a value.
#[derive(Debug, Default)]
pub struct Writer(Vec<u8>);

impl Writer {
    /// An empty writer.
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins an object of `count` fields.
    pub fn object(&mut self, count: usize) {
        head::write_count(&mut self.0, head::OBJECT, head::OBJECT_LONG, head::COUNT_SHORT_MAX, count);
    }

    /// Begins an array of `count` items.
    pub fn array(&mut self, count: usize) {
        head::write_count(&mut self.0, head::ARRAY, head::ARRAY_LONG, head::COUNT_SHORT_MAX, count);
    }

    /// Writes the key of the next field.
    pub fn key(&mut self, key: &str) {
        self.str(key);
    }

    /// Writes a string.
    pub fn str(&mut self, value: &str) {
        head::write_count(&mut self.0, head::STRING, head::STRING_LONG, head::STRING_SHORT_MAX, value.len());
        self.0.extend_from_slice(value.as_bytes());
    }

    /// Writes an integer; beyond [`INTEGER_MAX`] the nearest double, as JavaScript does.
    pub fn int(&mut self, value: i64) {
        if (-INTEGER_MAX..=INTEGER_MAX).contains(&value) {
            head::write_integer(&mut self.0, value);
        } else {
            self.f64(value as f64);
        }
    }

    /// Writes a number; [`Writer::finish`] refuses one that is not finite.
    pub fn f64(&mut self, value: f64) {
        head::write_f64(&mut self.0, value);
    }

    /// Writes a boolean.
    pub fn bool(&mut self, value: bool) {
        self.0.push(if value { head::TRUE } else { head::FALSE });
    }

    /// Writes a null.
    pub fn null(&mut self) {
        self.0.push(head::NULL);
    }

    /// Writes raw bytes.
    pub fn bytes(&mut self, value: &[u8]) {
        self.0.push(head::BYTES);
        crate::format::varint::write(&mut self.0, value.len() as u64);
        self.0.extend_from_slice(value);
    }

    /// Writes a moment in milliseconds since the start of 1970; [`Writer::finish`]
    /// refuses one beyond [`super::DATE_MAX`].
    pub fn date(&mut self, value: i64) {
        head::write_signed(&mut self.0, head::DATE, head::DATE_NEGATIVE, value);
    }

    /// Writes an integer from its bytes, the highest first; [`Writer::finish`]
    /// refuses more than [`super::BIG_INTEGER_BYTES_MAX`].
    pub fn big_integer(&mut self, is_negative: bool, magnitude: &[u8]) {
        head::write_big_integer(&mut self.0, is_negative, magnitude);
    }

    /// Copies a whole document in as one value.
    pub fn document(&mut self, value: DocumentRef<'_>) {
        self.0.extend_from_slice(value.as_bytes());
    }

    /// Writes a value of any kind.
    pub fn value(&mut self, value: Value<'_>) {
        match value {
            Value::Null => self.null(),
            Value::Bool(value) => self.bool(value),
            Value::Int(value) => self.int(value),
            Value::F64(value) => self.f64(value),
            Value::Str(value) => self.str(value),
            Value::Bytes(value) => self.bytes(value),
            Value::Date(value) => self.date(value),
            Value::BigInteger { is_negative, magnitude } => self.big_integer(is_negative, magnitude),
            Value::Array(value) | Value::Object(value) => self.document(value),
        }
    }

    /// The finished document.
    ///
    /// # Errors
    /// When what was written is not exactly one value: counts that do not fit,
    /// a number that is not finite, nesting beyond [`super::DEPTH_MAX`].
    pub fn finish(self) -> Result<Document, DocumentError> {
        Document::from_bytes(self.0)
    }

    /// [`Writer::finish`], or the empty object where that fails.
    #[inline(never)]
    pub fn into_document(self) -> Document {
        self.finish().unwrap_or_default()
    }

    pub(super) fn append(&mut self, body: &[u8]) {
        self.0.extend_from_slice(body);
    }

    pub(super) fn written(&self) -> &[u8] {
        &self.0
    }
}
