//! The numbers and strings that a wasm is made of.

use crate::Failure;

pub fn take<'a>(rest: &mut &'a [u8], length: usize) -> Result<&'a [u8], Failure> {
    let (taken, after) = rest.split_at_checked(length).ok_or("the wasm is cut")?;
    *rest = after;
    Ok(taken)
}

/// A number as it is written: its last byte is below 128.
pub fn take_number<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], Failure> {
    let last = rest.iter().position(|byte| *byte < 0x80).ok_or("the wasm is cut")?;
    take(rest, last + 1)
}

pub fn number(rest: &mut &[u8]) -> Result<usize, Failure> {
    let bytes = take_number(rest)?;
    if bytes.len() > 5 {
        return Err("a number in the wasm is too long".into());
    }
    Ok(bytes.iter().rev().fold(0, |value, byte| value << 7 | usize::from(byte & 0x7F)))
}

pub fn push_number(out: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// A number in so many bytes, whatever its value.
pub fn push_padded(out: &mut Vec<u8>, value: usize, bytes: usize) -> Result<(), Failure> {
    if value >> (7 * bytes) != 0 {
        return Err(format!("{value} does not fit into {bytes} bytes"));
    }
    for place in 0..bytes {
        let more = if place + 1 < bytes { 0x80 } else { 0 };
        out.push((value >> (7 * place)) as u8 & 0x7F | more);
    }
    Ok(())
}

pub fn push_string(out: &mut Vec<u8>, text: &str) {
    push_number(out, text.len());
    out.extend(text.as_bytes());
}
