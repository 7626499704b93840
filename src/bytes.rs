//! Copies of bytes.

use alloc::vec::Vec;

/// A copy of its own, as `to_vec` makes it. Written out in each of thirty places that was 0.4 kB
/// (brotli) of what a page loads.
#[inline(never)]
pub fn copied(bytes: &[u8]) -> Vec<u8> {
    bytes.to_vec()
}
