//! Order-preserving key encoding.
//!
//! A key is a sequence of parts. Comparing two encoded keys byte by byte gives
//! the order of the parts: null < false < true < numbers < big integers <
//! strings < bytes < tuples, and a key that is a prefix of another comes first. Strings order by
//! code point, numbers by value, with −0 equal to 0.
//!
//! Every part is a tag followed, where it has a content, by bytes in which
//! 0x00 is written as 0x00 0xFF and which end with 0x00. A tag is never 0xFF,
//! so the terminator always sorts before an escaped zero.
//!
//! ```
//! use pannier::key::Key;
//! let cheap = Key::new().string("shoes").number(1999.0);
//! let dear = Key::new().string("shoes").number(5000.0);
//! assert!(cheap.as_bytes() < dear.as_bytes());
//! ```

use alloc::string::String;
use alloc::vec::Vec;

const NULL: u8 = 0x10;
const FALSE: u8 = 0x20;
const TRUE: u8 = 0x21;
const NUMBER: u8 = 0x30;
const BIG_INTEGER: u8 = 0x38;
const STRING: u8 = 0x40;
const BYTES: u8 = 0x50;
const TUPLE: u8 = 0x60;

/// Above the length of a big integer, so that negative ones, which are inverted, come first.
const BIG_INTEGER_SIGN: u16 = 1 << 15;

const END: u8 = 0x00;
const ESCAPED: u8 = 0xFF;

/// Longest encoded key in bytes: a node must hold several keys side by side.
pub const KEY_BYTES_MAX: usize = 1024;

/// An encoded key under construction; its parts are appended in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key(Vec<u8>);

impl Key {
    /// The empty key, which sorts before every other.
    pub fn new() -> Self {
        Self(Vec::new())
    }

    /// A key that starts with the raw byte `tree`, the space of one tree.
    #[inline(never)]
    pub fn in_tree(tree: u8) -> Self {
        // Room for most keys: short ones are grown part by part.
        let mut bytes = Vec::with_capacity(64);
        bytes.push(tree);
        Self(bytes)
    }

    /// Appends a null.
    pub fn null(mut self) -> Self {
        self.0.push(NULL);
        self
    }

    /// Appends a boolean.
    pub fn bool(mut self, value: bool) -> Self {
        self.0.push(if value { TRUE } else { FALSE });
        self
    }

    /// Appends a number. NaN is ordered as zero: callers refuse it before.
    pub fn number(mut self, value: f64) -> Self {
        self.0.push(NUMBER);
        let ordered = ordered_bits(value).to_be_bytes();
        // Trailing zero bytes are implied: most prices and counts need three bytes, not eight.
        let used = 8 - ordered.iter().rev().take_while(|byte| **byte == 0).count();
        self.escaped(&ordered[..used]);
        self
    }

    /// Appends an integer of any size from its bytes, the highest first and not
    /// zero. They are ordered by value, and after all numbers: a double could
    /// not be told from its neighbours.
    pub fn big_integer(mut self, is_negative: bool, magnitude: &[u8]) -> Self {
        self.0.push(BIG_INTEGER);
        // The longer of two is the greater, and below zero the smaller.
        let mut ordered = (magnitude.len() as u16 | BIG_INTEGER_SIGN).to_be_bytes().to_vec();
        ordered.extend_from_slice(magnitude);
        if is_negative {
            ordered.iter_mut().for_each(|byte| *byte = !*byte);
        }
        self.escaped(&ordered);
        self
    }

    /// Appends a string.
    pub fn string(mut self, value: &str) -> Self {
        self.0.push(STRING);
        self.escaped(value.as_bytes());
        self
    }

    /// Appends bytes.
    pub fn bytes(mut self, value: &[u8]) -> Self {
        self.0.push(BYTES);
        self.escaped(value);
        self
    }

    /// Appends a nested tuple made of the parts of `inner`.
    pub fn tuple(mut self, inner: &Key) -> Self {
        self.0.push(TUPLE);
        self.0.extend_from_slice(&inner.0);
        self.0.push(END);
        self
    }

    /// The encoded bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The encoded bytes, owned.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    fn escaped(&mut self, content: &[u8]) {
        self.0.reserve(content.len() + 1);
        for (index, piece) in content.split(|byte| *byte == END).enumerate() {
            if index > 0 {
                self.0.extend_from_slice(&[END, ESCAPED]);
            }
            self.0.extend_from_slice(piece);
        }
        self.0.push(END);
    }
}

/// Maps a number to an integer with the same order.
fn ordered_bits(value: f64) -> u64 {
    let bits = if value == 0.0 || value.is_nan() { 0 } else { value.to_bits() };
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

/// One decoded part of a key.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// Null.
    Null,
    /// A boolean.
    Bool(bool),
    /// A number.
    Number(f64),
    /// An integer of any size.
    BigInteger {
        /// Its sign; zero has none.
        is_negative: bool,
        /// Its bytes, the highest first.
        magnitude: Vec<u8>,
    },
    /// A string.
    String(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A nested tuple.
    Tuple(Vec<Part>),
}

/// Deepest nesting of tuples accepted when decoding: keys are flat in practice,
/// and a bound keeps hostile bytes from exhausting the stack.
pub const TUPLE_DEPTH_MAX: usize = 8;

/// Decodes all parts of `encoded`; `None` when it is not a well-formed key.
pub fn decode(encoded: &[u8]) -> Option<Vec<Part>> {
    let mut rest = encoded;
    let mut parts = Vec::new();
    while !rest.is_empty() {
        parts.push(decode_part(&mut rest, TUPLE_DEPTH_MAX)?);
    }
    Some(parts)
}

fn decode_part(rest: &mut &[u8], depth_left: usize) -> Option<Part> {
    let (tag, after) = rest.split_first()?;
    *rest = after;
    Some(match *tag {
        NULL => Part::Null,
        FALSE => Part::Bool(false),
        TRUE => Part::Bool(true),
        NUMBER => {
            let content = unescape(rest)?;
            let mut ordered = [0; 8];
            ordered.get_mut(..content.len())?.copy_from_slice(&content);
            let ordered = u64::from_be_bytes(ordered);
            let bits = if ordered >> 63 == 1 { ordered & !(1 << 63) } else { !ordered };
            let value = f64::from_bits(bits);
            // NaN, −0 and needless zero bytes are never written.
            if ordered_bits(value) != ordered || content.last() == Some(&0) {
                return None;
            }
            Part::Number(value)
        }
        BIG_INTEGER => {
            let mut ordered = unescape(rest)?;
            let is_negative = *ordered.first()? < 0x80;
            if is_negative {
                ordered.iter_mut().for_each(|byte| *byte = !*byte);
            }
            let magnitude = ordered.split_off(2.min(ordered.len()));
            let is_length = ordered == (magnitude.len() as u16 | BIG_INTEGER_SIGN).to_be_bytes();
            let is_shortest = magnitude.first().map_or(!is_negative, |byte| *byte != 0);
            (is_length && is_shortest).then_some(Part::BigInteger { is_negative, magnitude })?
        }
        STRING => Part::String(String::from_utf8(unescape(rest)?).ok()?),
        BYTES => Part::Bytes(unescape(rest)?),
        TUPLE => {
            let depth_left = depth_left.checked_sub(1)?;
            let mut parts = Vec::new();
            while *rest.first()? != END {
                parts.push(decode_part(rest, depth_left)?);
            }
            *rest = &rest[1..];
            Part::Tuple(parts)
        }
        _ => return None,
    })
}

fn unescape(rest: &mut &[u8]) -> Option<Vec<u8>> {
    let mut content = Vec::new();
    loop {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        if *byte != END {
            content.push(*byte);
        } else if rest.first() == Some(&ESCAPED) {
            content.push(END);
            *rest = &rest[1..];
        } else {
            return Some(content);
        }
    }
}

/// Whether a null is among the parts of a key that has no tuples, or it is not well formed.
pub fn has_null(encoded: &[u8]) -> bool {
    let mut rest = encoded;
    while let Some((tag, after)) = rest.split_first() {
        rest = after;
        if *tag == NULL || !matches!(*tag, FALSE | TRUE) && unescape(&mut rest).is_none() {
            return true;
        }
    }
    false
}

/// Decodes a key that is one string; `None` when it is anything else. Without
/// [`decode`], which only tools need.
pub fn decode_string(encoded: &[u8]) -> Option<String> {
    let mut rest = encoded.strip_prefix(&[STRING])?;
    let text = unescape(&mut rest)?;
    if rest.is_empty() { String::from_utf8(text).ok() } else { None }
}

/// The end of all keys that begin with the parts of `key`: a longer string or
/// number that begins with the bytes of the last part goes on with 0xFF, which
/// no tag is.
pub fn after_parts(key: &[u8]) -> Vec<u8> {
    [key, &[ESCAPED]].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn encode(part: &Part) -> Key {
        append(Key::new(), part)
    }

    fn append(key: Key, part: &Part) -> Key {
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

    /// Parts in ascending order.
    fn ladder() -> Vec<Part> {
        let mut parts = vec![Part::Null, Part::Bool(false), Part::Bool(true)];
        let numbers = [
            f64::NEG_INFINITY,
            -1e300,
            -256.0,
            -255.0,
            -1.5,
            -1.0,
            -1e-300,
            0.0,
            5e-324,
            0.5,
            1.0,
            2.0,
            255.0,
            256.0,
            257.0,
            1999.0,
            65536.0,
            9007199254740991.0,
            1e300,
            f64::INFINITY,
        ];
        parts.extend(numbers.map(Part::Number));
        let magnitudes = [vec![2, 0, 0], vec![1, 255, 255], vec![1, 0], vec![255], vec![2], vec![1]];
        let big = |is_negative| move |magnitude| Part::BigInteger { is_negative, magnitude };
        parts.extend(magnitudes.clone().map(big(true)));
        parts.push(big(false)(vec![]));
        parts.extend(magnitudes.into_iter().rev().map(big(false)));
        let strings = ["", "\0", "\0\0", "\0a", "\u{1}", "a", "a\0", "a\0b", "aa", "b", "茶", "\u{10FFFF}"];
        parts.extend(strings.map(|text| Part::String(text.into())));
        parts.extend([vec![], vec![0], vec![0, 255], vec![1], vec![255], vec![255, 0]].map(Part::Bytes));
        parts.push(Part::Tuple(vec![]));
        parts.push(Part::Tuple(vec![Part::Null]));
        parts.push(Part::Tuple(vec![Part::String("a".into())]));
        parts.push(Part::Tuple(vec![Part::String("a".into()), Part::Number(1.0)]));
        parts.push(Part::Tuple(vec![Part::Tuple(vec![])]));
        parts
    }

    #[test]
    fn order_of_bytes_is_order_of_parts() {
        let parts = ladder();
        for (low, small) in parts.iter().enumerate() {
            for great in &parts[low + 1..] {
                assert!(encode(small).as_bytes() < encode(great).as_bytes(), "{small:?} < {great:?}");
                // The same holds when more parts follow.
                let longer = encode(small).string("zzz");
                assert!(longer.as_bytes() < encode(great).null().as_bytes(), "{small:?}, zzz < {great:?}");
            }
        }
    }

    #[test]
    fn parts_come_back() {
        let parts = ladder();
        let key = parts.iter().fold(Key::new(), append);
        assert_eq!(decode(key.as_bytes()), Some(parts));
    }

    #[test]
    fn a_key_of_one_string_is_read_as_all_keys_are() {
        let pairs = ladder().into_iter().flat_map(|first| {
            let second = ladder().into_iter().map(Some).chain([None]);
            second.map(move |second| second.iter().fold(encode(&first), append))
        });
        for key in pairs {
            let expected = match decode(key.as_bytes()).as_deref() {
                Some([Part::String(text)]) => Some(text.clone()),
                _ => None,
            };
            assert_eq!(decode_string(key.as_bytes()), expected, "{key:?}");
        }
        for bad in [&[][..], &[STRING], &[STRING, b'a'], &[STRING, 0xFF, END], &[STRING, END, ESCAPED]] {
            assert_eq!(decode_string(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_null_is_found_wherever_it_is() {
        let flat: Vec<Part> = ladder().into_iter().filter(|part| !matches!(part, Part::Tuple(_))).collect();
        for first in &flat {
            for second in &flat {
                let key = append(encode(first), second);
                let expected = *first == Part::Null || *second == Part::Null;
                assert_eq!(has_null(key.as_bytes()), expected, "{first:?}, {second:?}");
            }
        }
        assert!(!has_null(&[]) && has_null(&[STRING, b'a']));
    }

    #[test]
    fn negative_zero_is_zero() {
        assert_eq!(Key::new().number(-0.0), Key::new().number(0.0));
    }

    #[test]
    fn every_cut_is_refused_or_shorter() {
        let key = ladder().iter().fold(Key::new(), append).into_bytes();
        for end in 0..key.len() {
            if let Some(parts) = decode(&key[..end]) {
                assert!(parts.len() < ladder().len());
            }
        }
        assert_eq!(decode(&[0x7F]), None);
        assert_eq!(decode(&[TUPLE; 64]), None);
        // A big integer: minus zero, a leading zero, a wrong length, none.
        for key in [&[0x38, 0x7F, 0xFF, 0][..], &[0x38, 0x80, 1, 0, 0xFF, 0], &[0x38, 0x80, 2, 5, 0], &[0x38, 0x80, 0]]
        {
            assert_eq!(decode(key), None, "{key:?}");
        }
    }

    #[test]
    fn numbers_have_one_encoding() {
        let zero = [NUMBER, 0x80, END];
        assert_eq!(decode(&zero), Some(vec![Part::Number(0.0)]));
        let negative_zero = [NUMBER, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, END];
        let not_a_number = [NUMBER, 0xFF, 0xF8, END];
        let padded = [NUMBER, 0x80, END, ESCAPED, END];
        for bad in [&negative_zero[..], &not_a_number, &padded, &[NUMBER, END]] {
            assert_eq!(decode(bad), None, "{bad:?}");
        }
    }
}
