//! A log record. Input: a record without its checksum.

use pannier::format::log::LogRecord;
use pannier::format::varint;

use crate::records::{of_this_version, sealed};

pub(crate) fn run(bytes: &[u8]) {
    let record = sealed(bytes);
    // The number after the version, as which the record is not void.
    let seq = bytes.get(1..).and_then(|mut rest| varint::read(&mut rest)).unwrap_or(1);
    if let Ok(decoded) = LogRecord::decode(seq, &record) {
        assert_eq!(decoded.encode(), sealed(&of_this_version(bytes)), "another encoding of {decoded:?}");
        let void = LogRecord::decode(seq ^ 1, &record).map(|void| void.entries.len());
        assert_eq!(void, Ok(0), "a record under another number");
    }
    let _ = LogRecord::decode(seq, bytes);
}
