//! Documents. Input: an encoded document.

use pannier::format::document::{DEPTH_MAX, Document, DocumentRef, Value, Writer};

pub(crate) fn run(bytes: &[u8]) {
    if let Ok(document) = DocumentRef::from_bytes(bytes) {
        let mut writer = Writer::new();
        write(&mut writer, document.value());
        let again = writer.finish().map(Document::into_bytes);
        assert_eq!(again.as_deref(), Ok(bytes), "another encoding of {document:?}");
    }
    // Bytes that were taken on trust read as wrong values, and the reading ends.
    read(DocumentRef::from_stored(bytes), DEPTH_MAX);
}

fn write(writer: &mut Writer, value: Value<'_>) {
    match value {
        Value::Object(object) => {
            writer.object(object.fields().count());
            for (key, value) in object.fields() {
                writer.key(key);
                write(writer, value);
            }
        }
        Value::Array(array) => {
            writer.array(array.items().count());
            for item in array.items() {
                write(writer, item);
            }
        }
        scalar => writer.value(scalar),
    }
}

fn read(document: DocumentRef<'_>, depth_left: usize) {
    let Some(depth_left) = depth_left.checked_sub(1) else {
        return;
    };
    let mut key = String::new();
    let fields = document.fields().map(|(name, value)| {
        key = format!("{key}{name}.");
        value
    });
    for value in fields.chain(document.items()).take(64) {
        if let Value::Object(inner) | Value::Array(inner) = value {
            read(inner, depth_left);
        }
    }
    let _ = (document.path(&key), document.f64("price"), document.str("sku"), document.value());
}
