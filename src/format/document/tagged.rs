//! Values that JSON lacks, as objects of one field: `{"$date": 1732406400000}`,
//! `{"$bytes": "AP8="}`, `{"$bigint": "-12345678901234567890"}`.
//!
//! An ordinary object of one field with such a key, after however many `$`,
//! gets one `$` more, and loses it again when it is read. So every document has
//! one form in JSON and comes back from it, and all other objects are as they
//! are.

use super::head::{self, Head};
use super::{BIG_INTEGER_BYTES_MAX, Value, Writer};
use alloc::string::String;
use alloc::vec::Vec;

/// Longest decimal form of a big integer in bytes.
const DECIMAL_BYTES_MAX: usize = 1 + BIG_INTEGER_BYTES_MAX * 5 / 2;

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Key and value of the object that stands for `value`; `None` for what JSON has.
pub(super) fn field(value: Value<'_>) -> Option<(&'static str, Text)> {
    Some(match value {
        Value::Date(value) => ("$date", Text::Number(value)),
        Value::Bytes(value) => ("$bytes", Text::String(to_base64(value))),
        Value::BigInteger { is_negative, magnitude } => ("$bigint", Text::String(to_decimal(is_negative, magnitude))),
        _ => return None,
    })
}

/// What stands for a value.
pub(super) enum Text {
    Number(i64),
    String(String),
}

/// Whether an object whose only key this is could be taken for such a value.
pub(super) fn is_reserved(key: &str) -> bool {
    key.starts_with('$') && matches!(key.trim_start_matches('$'), "date" | "bytes" | "bigint")
}

/// Writes the value for which an object of one field stands, or the object
/// without the `$` that was added to its key. `false` when it is any other
/// object. An error says what the object should have held.
pub(super) fn read(mut body: &[u8], writer: &mut Writer) -> Result<bool, &'static str> {
    let Ok(Head::Str(key)) = head::read(&mut body) else { return Ok(false) };
    let Some(key) = core::str::from_utf8(key).ok().filter(|key| is_reserved(key)) else {
        return Ok(false);
    };
    if key.starts_with("$$") {
        writer.object(1);
        writer.key(&key[1..]);
        writer.append(body);
        return Ok(true);
    }
    let head = head::read(&mut body).ok();
    let text = match head {
        Some(Head::Str(text)) => text,
        _ => &[],
    };
    match (key, head) {
        ("$date", Some(Head::Int(value))) => writer.date(value),
        ("$bytes", Some(Head::Str(_))) => writer.bytes(&from_base64(text).ok_or("$bytes is not base64")?),
        ("$bigint", Some(Head::Str(_))) => {
            let (is_negative, magnitude) = from_decimal(text).ok_or("$bigint is not a decimal integer")?;
            writer.big_integer(is_negative, &magnitude);
        }
        ("$date", _) => return Err("$date is not a whole number"),
        _ => return Err("$bytes and $bigint are strings"),
    }
    Ok(true)
}

fn to_base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let bits = (0..3).fold(0, |bits, index| bits << 8 | u32::from(*chunk.get(index).unwrap_or(&0)));
        for place in 0..4 {
            let digit = BASE64[(bits >> (18 - 6 * place)) as usize & 63];
            text.push(if place > chunk.len() { '=' } else { char::from(digit) });
        }
    }
    text
}

/// `None` for anything that [`to_base64`] does not write.
fn from_base64(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    for quad in text.chunks(4) {
        let padding = quad.iter().rev().take_while(|byte| **byte == b'=').count();
        let mut bits = 0u32;
        for byte in quad.iter().take(4 - padding) {
            bits = bits << 6 | BASE64.iter().position(|digit| digit == byte)? as u32;
        }
        bits <<= 6 * padding;
        bytes.extend_from_slice(bits.to_be_bytes().get(1..4_usize.checked_sub(padding)?)?);
    }
    (to_base64(&bytes).as_bytes() == text).then_some(bytes)
}

fn to_decimal(is_negative: bool, magnitude: &[u8]) -> String {
    // Digits, the lowest first.
    let mut digits = Vec::from([0u8]);
    for byte in magnitude {
        let mut carry = u32::from(*byte);
        for digit in &mut digits {
            carry += u32::from(*digit) << 8;
            *digit = (carry % 10) as u8;
            carry /= 10;
        }
        while carry > 0 {
            digits.push((carry % 10) as u8);
            carry /= 10;
        }
    }
    let sign = is_negative.then_some('-');
    sign.into_iter().chain(digits.iter().rev().map(|digit| char::from(b'0' + digit))).collect()
}

/// `None` for anything that [`to_decimal`] does not write.
fn from_decimal(text: &[u8]) -> Option<(bool, Vec<u8>)> {
    if text.len() > DECIMAL_BYTES_MAX {
        return None;
    }
    let is_negative = text.first() == Some(&b'-');
    // Bytes, the lowest first.
    let mut bytes = Vec::new();
    for digit in &text[usize::from(is_negative)..] {
        let mut carry = u32::from(digit.wrapping_sub(b'0'));
        for byte in &mut bytes {
            carry += u32::from(*byte) * 10;
            *byte = carry as u8;
            carry >>= 8;
        }
        if carry > 0 {
            bytes.push(carry as u8);
        }
    }
    bytes.reverse();
    let is_negative = is_negative && !bytes.is_empty();
    (to_decimal(is_negative, &bytes).as_bytes() == text).then_some((is_negative, bytes))
}
