//! The head. Input: a head without its checksum.

use pannier::format::head::Head;

use crate::records::{of_this_version, sealed};

pub(crate) fn run(bytes: &[u8]) {
    let record = sealed(bytes);
    if let Ok(head) = Head::decode(&record) {
        assert_eq!(head.encode(), sealed(&of_this_version(bytes)), "another encoding of {head:?}");
    }
    // As it lies there, with a checksum that almost never fits.
    let _ = Head::decode(bytes);
}
