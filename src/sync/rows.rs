//! The rows that rules read and write, alike on client and server.

use super::server::ServerTx;
use crate::format::document::Document;
use crate::tree::Fault;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use serde::{Deserialize, Serialize};

/// A synced collection. Each is pulled as a scope of its own, with its own
/// cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum Collection {
    /// The shopper's cart lines, by line key.
    Cart = 1,
    /// The shopper's visits, by event id.
    History = 2,
    /// The shop's products, by id; shared by all shoppers, written by the shop alone.
    Catalog = 3,
    /// The shopper's orders, by order id.
    Orders = 4,
    /// What a server keeps for itself: on no device, and never on the wire.
    #[serde(skip)]
    Private = 5,
}

impl Collection {
    /// All collections that are synced.
    pub const ALL: [Self; 4] = [Self::Cart, Self::History, Self::Catalog, Self::Orders];

    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cart => "cart",
            Self::History => "history",
            Self::Catalog => "catalog",
            Self::Orders => "orders",
            Self::Private => "private",
        }
    }

    /// The collection of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|collection| collection.name() == name)
    }

    /// A number that never changes, for keys and tables.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// The collection of this number.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|collection| collection.number() == number)
    }
}

/// The rows of one shopper, with the catalog that all share.
pub trait Rows {
    /// The row under `key`.
    fn get(&mut self, collection: Collection, key: &str) -> Result<Option<Document>, RowsError>;

    /// Writes a row.
    fn put(&mut self, collection: Collection, key: &str, value: &Document) -> Result<(), RowsError>;

    /// Deletes a row; no row is no error.
    fn delete(&mut self, collection: Collection, key: &str) -> Result<(), RowsError>;

    /// Up to `limit` rows in the order of their keys (by code point), from the
    /// first after `after`, or from the start.
    fn scan(
        &mut self,
        collection: Collection,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Document)>, RowsError>;

    /// How many rows there are.
    fn count(&mut self, collection: Collection) -> Result<u64, RowsError>;

    /// On a server the whole transaction, with the shopper whose rows these are;
    /// `None` on a client. For what no client can predict: see [`crate::shop::decide`].
    fn database(&mut self) -> Option<(&mut dyn ServerTx, &str)> {
        None
    }
}

/// Why rows could not be read or written. It ends the transaction; no rule
/// catches it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RowsError {
    /// A segment must be loaded first; then the whole mutation runs again.
    Fault(Fault),
    /// A stored row is not what was written.
    Corrupt {
        /// Its collection.
        collection: Collection,
        /// Its key.
        key: String,
    },
    /// A mutation tried to write a collection that only the shop writes.
    ReadOnly(Collection),
    /// The database failed, in its own words.
    Backend(String),
}

impl fmt::Display for RowsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fault(fault) => write!(f, "segment {} is not loaded", fault.segment),
            Self::Corrupt { collection, key } => {
                write!(f, "corrupt row {key} in {}", collection.name())
            }
            Self::ReadOnly(collection) => {
                write!(f, "{} is written by the shop alone", collection.name())
            }
            Self::Backend(why) => write!(f, "database: {why}"),
        }
    }
}

impl core::error::Error for RowsError {}
