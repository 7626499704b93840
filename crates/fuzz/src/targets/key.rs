//! Keys. Input: an encoded key.

use pannier::key::{Key, Part, decode};

pub(crate) fn run(bytes: &[u8]) {
    if let Some(parts) = decode(bytes) {
        let key = parts.iter().fold(Key::new(), append);
        assert_eq!(key.as_bytes(), bytes, "another encoding of {parts:?}");
    }
}

pub(crate) fn append(key: Key, part: &Part) -> Key {
    match part {
        Part::Null => key.null(),
        Part::Bool(value) => key.bool(*value),
        Part::Number(value) => key.number(*value),
        Part::BigInteger { is_negative, magnitude } => key.big_integer(*is_negative, magnitude),
        Part::String(value) => key.string(value),
        Part::Bytes(value) => key.bytes(value),
        Part::Tuple(parts) => key.tuple(&parts.iter().fold(Key::new(), append)),
    }
}
