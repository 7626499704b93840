//! Heads of values: the tag byte and what follows it up to the first child.

use super::{BIG_INTEGER_BYTES_MAX, DATE_MAX, INTEGER_MAX, Why};
use crate::format::varint;
use alloc::vec::Vec;

pub(super) const STRING: u8 = 0x80;
pub(super) const OBJECT: u8 = 0xC0;
pub(super) const ARRAY: u8 = 0xD0;
pub(super) const NULL: u8 = 0xE0;
pub(super) const FALSE: u8 = 0xE1;
pub(super) const TRUE: u8 = 0xE2;
pub(super) const POSITIVE: u8 = 0xE3;
pub(super) const NEGATIVE: u8 = 0xE4;
pub(super) const DOUBLE: u8 = 0xE5;
pub(super) const STRING_LONG: u8 = 0xE6;
pub(super) const OBJECT_LONG: u8 = 0xE7;
pub(super) const ARRAY_LONG: u8 = 0xE8;
pub(super) const BYTES: u8 = 0xE9;
pub(super) const DATE: u8 = 0xEA;
pub(super) const DATE_NEGATIVE: u8 = 0xEB;
pub(super) const HUNDREDTHS: u8 = 0xEC;
pub(super) const BIG_INTEGER: u8 = 0xED;

/// Greatest integer that is its own tag.
pub(super) const SMALL_MAX: u64 = 0x7F;
/// Longest string in bytes whose length is in the tag.
pub(super) const STRING_SHORT_MAX: usize = 63;
/// Most fields or items whose count is in the tag.
pub(super) const COUNT_SHORT_MAX: usize = 15;
/// Bound of hundredths: below it their varint has at most 7 bytes, so they are
/// always shorter than a double, and multiplying by 100 finds them exactly.
const HUNDREDTHS_BOUND: i64 = 1 << 48;

/// A scalar, or the head of an object or array whose children follow.
pub(super) enum Head<'a> {
    Null,
    Bool(bool),
    Int(i64),
    F64(f64),
    /// UTF-8, not checked yet.
    Str(&'a [u8]),
    Bytes(&'a [u8]),
    Date(i64),
    BigInteger {
        is_negative: bool,
        magnitude: &'a [u8],
    },
    Array(usize),
    Object(usize),
}

/// Takes one head off the front of `rest`.
pub(super) fn read<'a>(rest: &mut &'a [u8]) -> Result<Head<'a>, Why> {
    let (tag, after) = rest.split_first().ok_or(Why::Cut)?;
    *rest = after;
    let low = usize::from(tag & 0x3F);
    Ok(match *tag {
        0x00..STRING => Head::Int(i64::from(*tag)),
        STRING..OBJECT => Head::Str(take(rest, low)?),
        OBJECT..ARRAY => Head::Object(low & COUNT_SHORT_MAX),
        ARRAY..NULL => Head::Array(low & COUNT_SHORT_MAX),
        NULL => Head::Null,
        FALSE => Head::Bool(false),
        TRUE => Head::Bool(true),
        POSITIVE => Head::Int(integer(rest, SMALL_MAX + 1, INTEGER_MAX)?),
        NEGATIVE => Head::Int(-1 - integer(rest, 0, INTEGER_MAX - 1)?),
        DOUBLE => Head::F64(double(rest)?),
        STRING_LONG => {
            let length = count(rest, STRING_SHORT_MAX)?;
            Head::Str(take(rest, length)?)
        }
        OBJECT_LONG => Head::Object(count(rest, COUNT_SHORT_MAX)?),
        ARRAY_LONG => Head::Array(count(rest, COUNT_SHORT_MAX)?),
        BYTES => {
            let length = number(rest)?;
            Head::Bytes(take(rest, usize::try_from(length).map_err(|_| Why::Cut)?)?)
        }
        DATE => Head::Date(bounded(rest, DATE_MAX, Why::Date)?),
        DATE_NEGATIVE => Head::Date(-1 - bounded(rest, DATE_MAX - 1, Why::Date)?),
        HUNDREDTHS => Head::F64(hundredths(rest)?),
        BIG_INTEGER => big_integer(rest)?,
        other => return Err(Why::Tag(other)),
    })
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Result<&'a [u8], Why> {
    varint::take(rest, length).ok_or(Why::Cut)
}

/// A varint without needless zero bytes at its end.
fn number(rest: &mut &[u8]) -> Result<u64, Why> {
    varint::read(rest).ok_or_else(|| {
        let last = rest.iter().take(varint::VARINT_BYTES_MAX).find(|byte| **byte < 0x80);
        if last == Some(&0) { Why::NotShortest } else { Why::Cut }
    })
}

fn integer(rest: &mut &[u8], least: u64, most: i64) -> Result<i64, Why> {
    let value = bounded(rest, most, Why::Integer)?;
    if (value as u64) < least { Err(Why::NotShortest) } else { Ok(value) }
}

fn bounded(rest: &mut &[u8], most: i64, why: Why) -> Result<i64, Why> {
    i64::try_from(number(rest)?).ok().filter(|value| *value <= most).ok_or(why)
}

fn big_integer<'a>(rest: &mut &'a [u8]) -> Result<Head<'a>, Why> {
    let length = bounded(rest, 2 * BIG_INTEGER_BYTES_MAX as i64 + 1, Why::BigInteger)?;
    let is_negative = length & 1 == 1;
    let magnitude = take(rest, length as usize / 2)?;
    // Zero has no bytes and no sign.
    match magnitude.first() {
        Some(0) => Err(Why::NotShortest),
        None if is_negative => Err(Why::NotShortest),
        _ => Ok(Head::BigInteger { is_negative, magnitude }),
    }
}

/// A count or length that did not fit the tag.
fn count(rest: &mut &[u8], short_max: usize) -> Result<usize, Why> {
    let count = usize::try_from(number(rest)?).map_err(|_| Why::Cut)?;
    if count <= short_max { Err(Why::NotShortest) } else { Ok(count) }
}

fn double(rest: &mut &[u8]) -> Result<f64, Why> {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(take(rest, 8)?);
    let value = f64::from_le_bytes(bytes);
    if !value.is_finite() {
        return Err(Why::NotFinite);
    }
    if matches!(shortest(value), Number::Double) { Ok(value) } else { Err(Why::NotShortest) }
}

fn hundredths(rest: &mut &[u8]) -> Result<f64, Why> {
    let zigzag = number(rest)?;
    let n = (zigzag >> 1) as i64 ^ -((zigzag & 1) as i64);
    if n % 100 == 0 || !(-HUNDREDTHS_BOUND < n && n < HUNDREDTHS_BOUND) {
        return Err(Why::NotShortest);
    }
    Ok(n as f64 / 100.0)
}

/// The form in which a number is written.
enum Number {
    Integer(i64),
    Hundredths(i64),
    Double,
}

/// The one form of `value`. JavaScript's encoder does the same steps on the
/// same doubles, so both choose alike.
fn shortest(value: f64) -> Number {
    let integer = value as i64;
    if integer as f64 == value && integer.abs() <= INTEGER_MAX && (integer != 0 || value.is_sign_positive()) {
        return Number::Integer(integer);
    }
    let n = (value * 100.0 + if value < 0.0 { -0.5 } else { 0.5 }) as i64;
    if n != 0 && -HUNDREDTHS_BOUND < n && n < HUNDREDTHS_BOUND && n as f64 / 100.0 == value {
        return Number::Hundredths(n);
    }
    Number::Double
}

/// Appends `value` in its one form.
pub(super) fn write_f64(out: &mut Vec<u8>, value: f64) {
    match shortest(value) {
        Number::Integer(integer) => write_integer(out, integer),
        Number::Hundredths(n) => {
            out.push(HUNDREDTHS);
            varint::write(out, ((n << 1) ^ (n >> 63)) as u64);
        }
        Number::Double => {
            out.push(DOUBLE);
            out.extend_from_slice(&value.to_le_bytes());
        }
    }
}

/// Appends an integer of at most [`INTEGER_MAX`] in magnitude.
pub(super) fn write_integer(out: &mut Vec<u8>, value: i64) {
    // A small integer's varint is one byte: its tag.
    if (0..=SMALL_MAX as i64).contains(&value) {
        out.push(value as u8);
    } else {
        write_signed(out, POSITIVE, NEGATIVE, value);
    }
}

/// Appends one of two tags, then `value` or, where it is negative, −1 − `value`.
pub(super) fn write_signed(out: &mut Vec<u8>, positive: u8, negative: u8, value: i64) {
    out.push(if value < 0 { negative } else { positive });
    varint::write(out, (value ^ (value >> 63)) as u64);
}

/// Appends a big integer, whose magnitude may begin with zeros.
pub(super) fn write_big_integer(out: &mut Vec<u8>, is_negative: bool, magnitude: &[u8]) {
    let zeros = magnitude.iter().take_while(|byte| **byte == 0).count();
    let magnitude = &magnitude[zeros..];
    out.push(BIG_INTEGER);
    varint::write(out, 2 * magnitude.len() as u64 + u64::from(is_negative && !magnitude.is_empty()));
    out.extend_from_slice(magnitude);
}

/// Appends a tag that holds `count` up to `short_max`, or else the long tag and
/// `count` as a varint.
pub(super) fn write_count(out: &mut Vec<u8>, short: u8, long: u8, short_max: usize, count: usize) {
    if count <= short_max {
        out.push(short | count as u8);
    } else {
        out.push(long);
        varint::write(out, count as u64);
    }
}
