//! Unsigned LEB128 integers: seven bits a byte, lowest first, the top bit set
//! on all but the last byte.

use alloc::vec::Vec;

/// Longest encoding of a `u64` in bytes.
pub const VARINT_BYTES_MAX: usize = 10;

/// Appends `value`.
pub fn write(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Takes one integer off the front of `rest`; `None` when it is cut, too long,
/// or not written in the fewest bytes.
#[inline]
pub fn read(rest: &mut &[u8]) -> Option<u64> {
    // Most lengths and numbers take one byte.
    match rest.split_first() {
        Some((byte, after)) if *byte < 0x80 => {
            *rest = after;
            Some(u64::from(*byte))
        }
        _ => read_long(rest),
    }
}

fn read_long(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for index in 0..VARINT_BYTES_MAX {
        let byte = *rest.get(index)?;
        let bits = u64::from(byte & 0x7F);
        if index == VARINT_BYTES_MAX - 1 && bits > 1 {
            return None;
        }
        value |= bits << (7 * index);
        if byte == 0 {
            return None;
        }
        if byte < 0x80 {
            *rest = &rest[index + 1..];
            return Some(value);
        }
    }
    None
}

/// Takes one integer that fits 32 bits off the front of `rest`.
pub fn read_u32(rest: &mut &[u8]) -> Option<u32> {
    u32::try_from(read(rest)?).ok()
}

/// Takes a length off the front of `rest` and then that many bytes.
pub fn read_bytes<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(read(rest)?).ok()?;
    take(rest, length)
}

/// Takes `length` bytes off the front of `rest`.
pub fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back() {
        for value in [0, 1, 127, 128, 16383, 16384, u64::from(u32::MAX), u64::MAX - 1, u64::MAX] {
            let mut out = Vec::new();
            write(&mut out, value);
            let mut rest = &out[..];
            assert_eq!((read(&mut rest), rest.len()), (Some(value), 0));
            assert_eq!(read(&mut &out[..out.len() - 1]), None);
        }
        assert_eq!(read(&mut &[0xFF; 10][..]), None);
    }

    #[test]
    fn needless_bytes_are_refused() {
        for long in [&[0x80, 0][..], &[0x81, 0], &[0xFF, 0x80, 0]] {
            assert_eq!(read(&mut &*long), None, "{long:?}");
        }
    }
}
