//! Why something was not done.

use crate::format::document::{Document, Value};
use crate::format::{Corrupt, Place};
use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;

/// A segment is needed that is not in memory: load it and repeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Number of the segment.
    pub segment: u32,
}

impl Fault {
    /// It is not a segment that is needed but code: see [`crate::tree::later`].
    pub const CODE: Self = Self { segment: u32::MAX };
}

/// Why a read, a write or a declaration was not done.
///
/// One type of one word for tree, collections and rules: what passes it on costs a page little,
/// and every second line does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop(Box<Why>);

/// What stands in the way.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Why {
    /// A segment must be loaded first, or code; then all of it is done again.
    Fault(Fault),
    /// Stored bytes are not what was written.
    Corrupt(Corrupt),
    /// A stored row is none that its rules know.
    CorruptRow {
        /// The name of its collection.
        collection: String,
        /// Its key.
        key: String,
    },
    /// A mutation tried to write the collection of this name, which only the shop writes.
    ReadOnly(String),
    /// The database of a server failed, in its own words.
    Backend(String),
    /// It breaks a rule or a limit.
    Refused {
        /// Which, in a word that does not change.
        code: &'static str,
        /// Particulars.
        detail: Document,
    },
    /// An argument is not what the mutation takes.
    BadArg {
        /// Which.
        field: &'static str,
        /// Why not.
        why: &'static str,
    },
}

impl Why {
    /// Where nothing but faults and damage can stand in the way: the damage.
    pub fn into_corrupt(self) -> Corrupt {
        match self {
            Self::Corrupt(corrupt) => corrupt,
            _ => Corrupt { place: Place::Row, why: "a rule could not read its rows" },
        }
    }
}

impl From<Why> for Stop {
    #[inline(never)]
    fn from(why: Why) -> Self {
        Self(Box::new(why))
    }
}

impl From<Fault> for Stop {
    #[inline(never)]
    fn from(fault: Fault) -> Self {
        Why::Fault(fault).into()
    }
}

impl From<Corrupt> for Stop {
    #[inline(never)]
    fn from(corrupt: Corrupt) -> Self {
        Why::Corrupt(corrupt).into()
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Why::Fault(Fault::CODE) => out.write_str("code is not loaded"),
            Why::Fault(fault) => write!(out, "segment {} is not in memory", fault.segment),
            Why::Corrupt(corrupt) => corrupt.fmt(out),
            Why::CorruptRow { collection, key } => write!(out, "corrupt row {key} in {collection}"),
            Why::ReadOnly(collection) => write!(out, "{collection} is written by the shop alone"),
            Why::Backend(why) => write!(out, "database: {why}"),
            Why::Refused { code, .. } => out.write_str(code),
            Why::BadArg { field, why } => write!(out, "{field} {why}"),
        }
    }
}

impl core::error::Error for Stop {}

impl Stop {
    /// A refusal with its particulars.
    pub fn refused(code: &'static str, detail: &[(&str, Value<'_>)]) -> Self {
        Why::Refused { code, detail: Document::of(detail) }.into()
    }

    /// What stands in the way.
    pub fn why(&self) -> &Why {
        &self.0
    }

    /// What stands in the way, owned.
    pub fn into_why(self) -> Why {
        *self.0
    }

    /// What must be loaded first, if that is all.
    pub fn fault(&self) -> Option<Fault> {
        if let Why::Fault(fault) = *self.0 { Some(fault) } else { None }
    }

    /// Which rule or limit it breaks, with particulars; itself if it breaks none.
    pub fn into_refusal(self) -> Result<(&'static str, Document), Self> {
        match *self.0 {
            Why::Refused { code, detail } => Ok((code, detail)),
            why => Err(why.into()),
        }
    }

    /// Which rule or limit it breaks, if it does.
    pub fn code(&self) -> Option<&'static str> {
        if let Why::Refused { code, .. } = *self.0 { Some(code) } else { None }
    }

    /// Arguments that break a rule, with what they are about and why.
    pub fn bad_args(field: &str, why: &str) -> Self {
        Self::refused("bad_args", &[("field", Value::Str(field)), ("why", Value::Str(why))])
    }
}
