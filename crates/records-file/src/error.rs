//! Why a file cannot be opened.

use std::{fmt, io};

/// Why a file cannot be opened as a record store.
#[derive(Debug)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process, or another handle of this one, has it open.
    Locked,
    /// It is not a file of records, or one of a newer version.
    NotRecords,
    /// A frame that was known to be on disk is damaged.
    Corrupt {
        /// Bytes from the start of the file.
        offset: u64,
        /// Why, in a few words.
        why: &'static str,
    },
    /// The operating system refused.
    Io(io::Error),
}

impl fmt::Display for OpenError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Locked => out.write_str("the file is open elsewhere"),
            Self::NotRecords => out.write_str("not a file of records that this version knows"),
            Self::Corrupt { offset, why } => write!(out, "corrupt frame at byte {offset}: {why}"),
            Self::Io(error) => error.fmt(out),
        }
    }
}

impl std::error::Error for OpenError {}

impl From<io::Error> for OpenError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
