//! What is wrong, and what is lost by it.

use pannier::format::{Corrupt, Place};
use std::fmt;

/// Something that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What kind of place: as [`Place::parts`] says it.
    pub place: &'static str,
    /// Its number, where it has one.
    pub number: Option<u64>,
    /// Bytes from the start of the record, where it is known.
    pub offset: Option<u32>,
    /// Why, in a few words.
    pub why: &'static str,
}

impl Fault {
    pub(crate) fn segment(number: u32, why: &'static str) -> Self {
        Corrupt { place: Place::Segment(number), why }.into()
    }
}

impl From<Corrupt> for Fault {
    fn from(Corrupt { place, why }: Corrupt) -> Self {
        let (kind, number) = place.parts();
        let offset = if let Place::Node { offset, .. } = place { Some(offset) } else { None };
        Self { place: kind, number, offset, why }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, number, offset, why } = self;
        out.write_str(place)?;
        if let Some(number) = number {
            write!(out, " {number}")?;
        }
        if let Some(offset) = offset {
            write!(out, " at byte {offset}")?;
        }
        write!(out, ": {why}")
    }
}

/// What could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// What is wrong.
    pub fault: Fault,
    /// The keys from here on, tree included; empty for all.
    pub from: Vec<u8>,
    /// Up to here; `None` where nothing follows.
    pub to: Option<Vec<u8>>,
    /// How many entries, where it is known. Some may be of indexes.
    pub entries: Option<u64>,
}
