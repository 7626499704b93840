//! The checksum that every stored record carries: XXH64 with seed 0 over what
//! follows it (<https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md>).

use alloc::vec::Vec;

/// Bytes of the checksum at the start of a record.
pub const CHECKSUM_BYTES: usize = 8;

/// An empty record with room for its checksum; `seal` fills it in.
pub fn begin(capacity: usize) -> Vec<u8> {
    let mut record = Vec::with_capacity(CHECKSUM_BYTES + capacity);
    record.extend_from_slice(&[0; CHECKSUM_BYTES]);
    record
}

/// Writes the checksum of the rest of `record` into its first bytes.
pub fn seal(record: &mut [u8]) {
    let sum = xxhash_rust::xxh64::xxh64(&record[CHECKSUM_BYTES..], 0);
    record[..CHECKSUM_BYTES].copy_from_slice(&sum.to_le_bytes());
}

/// The content of a sealed record, or `None` when the checksum does not match.
pub fn open(record: &[u8]) -> Option<&[u8]> {
    let (sum, content) = record.split_at_checked(CHECKSUM_BYTES)?;
    (xxhash_rust::xxh64::xxh64(content, 0).to_le_bytes() == sum).then_some(content)
}
