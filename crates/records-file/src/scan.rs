//! Reading a file from its beginning.

use crate::error::OpenError;
use crate::frame::{Frame, MAGIC, MARK};
use crate::records::Records;

/// What a file holds.
pub(crate) struct Scanned {
    pub(crate) records: Records,
    /// Bytes up to the end of the last whole frame.
    pub(crate) end: u64,
    /// The last frame only proves the others.
    pub(crate) is_proved: bool,
}

/// Takes a file in. Behind the last whole frame there may be what is left of
/// writes that were never answered for: it is not counted.
pub(crate) fn scan(bytes: &[u8]) -> Result<Scanned, OpenError> {
    let mut records = Records::default();
    if !bytes.starts_with(MAGIC) {
        return Err(OpenError::NotRecords);
    }
    let (mut end, mut is_proved) = (MAGIC.len(), false);
    while let Some(frame) = Frame::parse(&bytes[end..]) {
        records.apply(end as u64, &frame).map_err(|why| OpenError::Corrupt { offset: end as u64, why })?;
        end += frame.length;
        is_proved = frame.is_empty();
    }
    if is_proved_on_disk(bytes, end) {
        return Err(OpenError::Corrupt { offset: end as u64, why: "the checksum does not match" });
    }
    if records.log.is_empty() {
        return Err(OpenError::Corrupt { offset: end as u64, why: "the log is empty" });
    }
    Ok(Scanned { records, end: end as u64, is_proved })
}

/// Whether a frame that comes later knew the frame at `offset` to be on disk:
/// then it is not torn but damaged, and must not be cut off.
fn is_proved_on_disk(bytes: &[u8], offset: usize) -> bool {
    let rest = &bytes[offset..];
    let marks = rest.windows(MARK.len()).enumerate().filter(|(_, window)| *window == MARK);
    marks.filter_map(|(at, _)| Frame::parse(&rest[at..])).any(|frame| frame.synced > offset as u64)
}
