//! A cart line as it is stored: `{sku, options?, qty, gen, added, quote?,
//! selected?: false, saved?: true, removed?: true, removedAt?}`.
//!
//! A removed line stays as a tombstone with `removed: true` and `qty: 0`, and
//! clients get it as an ordinary row, so that they predict generations right.

use super::args::number;
use super::verdict::object;
use crate::format::document::{Document, DocumentRef, Value};
use crate::stop::Stop;
use crate::sync::rows::{Collection, Rows, corrupt_row};
use alloc::string::String;
use alloc::vec::Vec;

/// A cart line or its tombstone.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// What is bought.
    pub sku: String,
    /// Variant choices, strings by name; `None` when there are none.
    pub options: Option<Document>,
    /// Quantity; 0 when removed.
    pub qty: u64,
    /// Generation, from 1: a new one each time the line comes back.
    pub generation: u64,
    /// Sum of all that was ever added, over all generations.
    pub added: u64,
    /// What the page showed when it was added last.
    pub quote: Option<Document>,
    /// Whether the line is selected for an order.
    pub selected: bool,
    /// Whether the line is put aside for later.
    pub saved: bool,
    /// For a tombstone, when the line was removed, in milliseconds since 1970.
    pub removed_at: Option<u64>,
}

impl Line {
    /// Reads a stored row; `None` when it is no line.
    pub fn from_document(row: DocumentRef<'_>) -> Option<Self> {
        let removed = row.bool("removed") == Some(true);
        Some(Self {
            sku: row.str("sku")?.into(),
            options: row.object("options").map(DocumentRef::to_document),
            qty: row.u64("qty")?,
            generation: row.u64("gen")?,
            added: row.u64("added")?,
            quote: row.object("quote").map(DocumentRef::to_document),
            selected: row.bool("selected") != Some(false),
            saved: row.bool("saved") == Some(true),
            removed_at: removed.then(|| row.u64("removedAt").unwrap_or(0)),
        })
    }

    /// The row that stores it.
    pub fn to_document(&self) -> Document {
        let mut fields: Vec<(&str, Value<'_>)> = Vec::with_capacity(10);
        fields.push(("sku", Value::Str(&self.sku)));
        if let Some(options) = &self.options {
            fields.push(("options", Value::Object(options.as_ref())));
        }
        fields.push(("qty", number(self.qty)));
        fields.push(("gen", number(self.generation)));
        fields.push(("added", number(self.added)));
        if let Some(quote) = &self.quote {
            fields.push(("quote", Value::Object(quote.as_ref())));
        }
        if !self.selected {
            fields.push(("selected", Value::Bool(false)));
        }
        if self.saved {
            fields.push(("saved", Value::Bool(true)));
        }
        if let Some(removed_at) = self.removed_at {
            fields.push(("removed", Value::Bool(true)));
            fields.push(("removedAt", number(removed_at)));
        }
        object(&fields)
    }

    /// Whether the line is in the cart, and not a tombstone.
    pub fn is_live(&self) -> bool {
        self.removed_at.is_none()
    }

    /// The line or tombstone under `key`.
    pub fn load(rows: &mut dyn Rows, key: &str) -> Result<Option<Self>, Stop> {
        let row = if is_coupon(key) { None } else { rows.get(Collection::Cart, key)? };
        let Some(row) = row else { return Ok(None) };
        Self::from_document(row.as_ref()).ok_or_else(|| corrupt_row(Collection::Cart, key)).map(Some)
    }

    /// The line under `key`, unless it is a tombstone.
    pub fn load_live(rows: &mut dyn Rows, key: &str) -> Result<Option<Self>, Stop> {
        Ok(Self::load(rows, key)?.filter(Self::is_live))
    }

    pub(super) fn store(&self, rows: &mut dyn Rows, key: &str) -> Result<(), Stop> {
        rows.put(Collection::Cart, key, &self.to_document())
    }

    /// Sets the quantity; at 0 the line becomes its tombstone.
    pub(super) fn set_qty(&mut self, qty: u64, now_ms: u64) {
        self.qty = qty;
        if qty == 0 {
            self.removed_at = Some(now_ms);
            self.quote = None;
        }
    }
}

/// What the keys of a cart's coupons begin with. No line's key does.
pub(super) const COUPON_PREFIX: char = '&';

/// Whether this is the key of a coupon.
pub(super) fn is_coupon(key: &str) -> bool {
    key.starts_with(COUPON_PREFIX)
}

/// The key of a line: the sku, and after a `?` the options by ascending name as
/// `name=value` joined by `&`. The characters `%?&=` are written as `%` and two
/// hexadecimal digits, so different lines never share a key.
///
/// ```
/// use pannier::{format::document::{Document, Value}, shop::line::line_key};
/// let options = Document::object(&[("size", Value::Str("M")), ("colour", Value::Str("a&b"))])?;
/// assert_eq!(line_key("A1", Some(options.as_ref())), "A1?colour=a%26b&size=M");
/// assert_eq!(line_key("A1", None), "A1");
/// # Ok::<(), pannier::format::document::DocumentError>(())
/// ```
pub fn line_key(sku: &str, options: Option<DocumentRef<'_>>) -> String {
    let mut key = Vec::with_capacity(sku.len());
    escape(&mut key, sku);
    let mut pairs: Vec<(&str, &str)> = Vec::new();
    for (name, value) in options.unwrap_or(DocumentRef::from_stored(&[])).fields() {
        if let Value::Str(value) = value {
            // Options are few: a sort would be more code than it saves time.
            let place = pairs.iter().position(|pair| *pair > (name, value)).unwrap_or(pairs.len());
            pairs.insert(place, (name, value));
        }
    }
    for (index, (name, value)) in pairs.into_iter().enumerate() {
        key.push(if index == 0 { b'?' } else { b'&' });
        escape(&mut key, name);
        key.push(b'=');
        escape(&mut key, value);
    }
    // Only whole characters were put in.
    String::from_utf8(key).unwrap_or_default()
}

fn escape(key: &mut Vec<u8>, text: &str) {
    for byte in text.bytes() {
        match byte {
            b'%' => key.extend_from_slice(b"%25"),
            b'?' => key.extend_from_slice(b"%3F"),
            b'&' => key.extend_from_slice(b"%26"),
            b'=' => key.extend_from_slice(b"%3D"),
            other => key.push(other),
        }
    }
}
