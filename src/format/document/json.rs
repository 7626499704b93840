//! Documents in other formats: real JSON values where people read, the encoded
//! bytes, checked on the way in, where they do not.

use super::tagged::{self, Text};
use super::{DEPTH_MAX, Document, DocumentRef, Value, Writer};
use crate::bytes::copied;
use alloc::format;
use alloc::vec::Vec;
use core::fmt;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

impl Serialize for Document {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            self.as_ref().value().serialize(serializer)
        } else {
            serializer.serialize_bytes(self.as_bytes())
        }
    }
}

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Null => serializer.serialize_unit(),
            Value::Bool(value) => serializer.serialize_bool(*value),
            Value::Int(value) => serializer.serialize_i64(*value),
            Value::F64(value) => serializer.serialize_f64(*value),
            Value::Str(value) => serializer.serialize_str(value),
            Value::Array(array) => serialize_array(*array, serializer),
            Value::Object(object) => serialize_object(*object, serializer),
            lacking => serialize_tagged(*lacking, serializer),
        }
    }
}

fn serialize_array<S: Serializer>(array: DocumentRef<'_>, serializer: S) -> Result<S::Ok, S::Error> {
    let mut out = serializer.serialize_seq(None)?;
    for item in array.items() {
        out.serialize_element(&item)?;
    }
    out.end()
}

fn serialize_object<S: Serializer>(object: DocumentRef<'_>, serializer: S) -> Result<S::Ok, S::Error> {
    let mut out = serializer.serialize_map(None)?;
    let is_alone = object.fields().count() == 1;
    for (key, value) in object.fields() {
        if is_alone && tagged::is_reserved(key) {
            out.serialize_entry(&format!("${key}"), &value)?;
        } else {
            out.serialize_entry(key, &value)?;
        }
    }
    out.end()
}

fn serialize_tagged<S: Serializer>(value: Value<'_>, serializer: S) -> Result<S::Ok, S::Error> {
    let mut out = serializer.serialize_map(Some(1))?;
    if let Some((key, text)) = tagged::field(value) {
        match text {
            Text::Number(number) => out.serialize_entry(key, &number)?,
            Text::String(string) => out.serialize_entry(key, &string)?,
        }
    }
    out.end()
}

impl<'de> serde::Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if !deserializer.is_human_readable() {
            return deserializer.deserialize_byte_buf(BytesVisitor);
        }
        let mut writer = Writer::new();
        Into { writer: &mut writer, depth: 0 }.deserialize(deserializer)?;
        writer.finish().map_err(D::Error::custom)
    }
}

struct BytesVisitor;

impl Visitor<'_> for BytesVisitor {
    type Value = Document;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a document")
    }

    fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Document, E> {
        self.visit_byte_buf(copied(bytes))
    }

    fn visit_byte_buf<E: serde::de::Error>(self, bytes: Vec<u8>) -> Result<Document, E> {
        Document::from_bytes(bytes).map_err(E::custom)
    }
}

/// Writes the value that a deserializer yields into `writer`.
struct Into<'w> {
    writer: &'w mut Writer,
    /// How many objects and arrays are around it.
    depth: usize,
}

impl Into<'_> {
    /// Refuses what is deeper than `depth_max`.
    fn shallower<E: serde::de::Error>(&self, depth_max: usize) -> Result<(), E> {
        if self.depth < depth_max { Ok(()) } else { Err(E::custom("a document is nested deeper than 64")) }
    }
}

impl<'de> DeserializeSeed<'de> for Into<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Into<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.writer.null();
        Ok(())
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.writer.bool(value);
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.writer.int(value);
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        match i64::try_from(value) {
            Ok(value) => self.writer.int(value),
            Err(_) => self.writer.f64(value as f64),
        }
        Ok(())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<(), E> {
        if !value.is_finite() {
            return Err(E::custom("a number is not finite"));
        }
        self.writer.f64(value);
        Ok(())
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        self.writer.str(value);
        Ok(())
    }

    fn visit_bytes<E>(self, value: &[u8]) -> Result<(), E> {
        self.writer.bytes(value);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        self.shallower(DEPTH_MAX)?;
        // The count is known only after the children.
        let mut body = Writer::new();
        let mut count = 0;
        while items.next_element_seed(Into { writer: &mut body, depth: self.depth + 1 })?.is_some() {
            count += 1;
        }
        self.writer.array(count);
        self.writer.append(body.written());
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        // A date, say, may stand one level deeper than an object.
        self.shallower(DEPTH_MAX + 1)?;
        let mut body = Writer::new();
        let mut count = 0;
        // A key is written by the same visitor; `finish` refuses one that is no string.
        while fields.next_key_seed(Into { writer: &mut body, depth: DEPTH_MAX + 1 })?.is_some() {
            fields.next_value_seed(Into { writer: &mut body, depth: self.depth + 1 })?;
            count += 1;
        }
        if count == 1 && tagged::read(body.written(), self.writer).map_err(A::Error::custom)? {
            return Ok(());
        }
        self.shallower(DEPTH_MAX)?;
        self.writer.object(count);
        self.writer.append(body.written());
        Ok(())
    }
}
