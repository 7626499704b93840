//! The rows that rules read and write, alike on client and server.

use super::server::ServerTx;
use crate::format::document::Document;
use crate::stop::{Stop, Why};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A synced collection. Each is pulled as a scope of its own, with its own
/// cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
    Private = 5,
    /// The shopper's rows of a collection that the shop has made up, by their key.
    Own(Own),
}

impl Collection {
    /// The collections of every shop that are synced.
    pub const ALL: [Self; 4] = [Self::Cart, Self::History, Self::Catalog, Self::Orders];

    /// The name on the wire.
    pub fn name(&self) -> &str {
        match self {
            Self::Cart => "cart",
            Self::History => "history",
            Self::Catalog => "catalog",
            Self::Orders => "orders",
            Self::Private => "private",
            Self::Own(own) => own.name(),
        }
    }

    /// The collection of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        let known = Self::ALL.into_iter().find(|collection| collection.name() == name);
        known.or_else(|| Own::parse(name).map(Self::Own))
    }

    /// A number that never changes, for keys and tables; 0 for all that go by their name.
    pub fn number(self) -> u8 {
        match self {
            Self::Cart => 1,
            Self::History => 2,
            Self::Catalog => 3,
            Self::Orders => 4,
            Self::Private => 5,
            Self::Own(_) => 0,
        }
    }

    /// The collection of this number.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|collection| collection.number() == number)
    }
}

/// By name; in postcard those of every shop by their place in [`Collection::ALL`].
#[derive(Serialize, Deserialize)]
enum Place {
    Cart,
    History,
    Catalog,
    Orders,
    Own(String),
}

impl Serialize for Collection {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            return serializer.serialize_str(self.name());
        }
        match self {
            Self::Cart => Place::Cart,
            Self::History => Place::History,
            Self::Catalog => Place::Catalog,
            Self::Orders => Place::Orders,
            Self::Private => return Err(serde::ser::Error::custom("is never on the wire")),
            Self::Own(own) => Place::Own(own.name().into()),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Collection {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = if deserializer.is_human_readable() {
            String::deserialize(deserializer)?
        } else {
            match Place::deserialize(deserializer)? {
                Place::Cart => return Ok(Self::Cart),
                Place::History => return Ok(Self::History),
                Place::Catalog => return Ok(Self::Catalog),
                Place::Orders => return Ok(Self::Orders),
                // No other name is written so: what decodes encodes to the same bytes.
                Place::Own(name) => return Own::parse(&name).map(Self::Own).ok_or_else(unknown::<D::Error>),
            }
        };
        Self::from_name(&name).ok_or_else(unknown::<D::Error>)
    }
}

fn unknown<E: serde::de::Error>() -> E {
    E::custom("no collection has this name")
}

/// How a collection of a shop's own merges what several devices write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Merge {
    /// The row that is written last, in the server's order, stands.
    LastWriter,
    /// As that, but a row stays where it was put anew by somebody whom the one
    /// who removes it has not seen.
    AddWins,
    /// As the first, and numbers in a row can be added to: all sums count.
    Counter,
    /// The shop's own system decides about each write.
    ServerDecides,
}

/// The rules by the words with which names begin.
const MERGES: [(&str, Merge); 4] = [
    ("last-writer", Merge::LastWriter),
    ("add-wins", Merge::AddWins),
    ("counter", Merge::Counter),
    ("server-decides", Merge::ServerDecides),
];

/// Longest name of a collection of a shop's own without its rule, in bytes: names are sent
/// with each request.
pub const OWN_NAME_BYTES_MAX: usize = 32;

/// With the longest word for a rule.
const OWN_BYTES_MAX: usize = 15 + OWN_NAME_BYTES_MAX;

/// The name of a collection of a shop's own, which begins with how it merges:
/// `add-wins:wishes`. Both sides know the rule by the name alone, and another rule is
/// another collection.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Own {
    bytes: [u8; OWN_BYTES_MAX],
    length: u8,
}

impl Own {
    /// Reads a name: rule, colon, and 1 to [`OWN_NAME_BYTES_MAX`] letters, digits, `-` and `_`.
    pub fn parse(text: &str) -> Option<Self> {
        let colon = text.bytes().position(|byte| byte == b':')?;
        let name = &text.as_bytes()[colon + 1..];
        let is_good = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        MERGES.iter().find(|(word, _)| text.get(..colon) == Some(word))?;
        if name.is_empty() || name.len() > OWN_NAME_BYTES_MAX || !name.iter().all(is_good) {
            return None;
        }
        let mut bytes = [0; OWN_BYTES_MAX];
        bytes.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        Some(Self { bytes, length: text.len() as u8 })
    }

    /// The name with the rule.
    pub fn name(&self) -> &str {
        // ASCII is UTF-8.
        core::str::from_utf8(&self.bytes[..usize::from(self.length)]).unwrap_or_default()
    }

    /// The name alone.
    pub fn bare_name(&self) -> &str {
        let name = self.name();
        let colon = name.bytes().position(|byte| byte == b':').unwrap_or_default();
        name.get(colon + 1..).unwrap_or_default()
    }

    /// The rule.
    pub fn merge(&self) -> Merge {
        let is_it = |(word, _): &&(&str, Merge)| self.name().get(..word.len()) == Some(word);
        MERGES.iter().find(is_it).map_or(Merge::LastWriter, |(_, merge)| *merge)
    }
}

impl fmt::Debug for Own {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The rows of one shopper, with the catalog that all share.
pub trait Rows {
    /// The row under `key`.
    fn get(&mut self, collection: Collection, key: &str) -> Result<Option<Document>, Stop>;

    /// Writes a row.
    fn put(&mut self, collection: Collection, key: &str, value: &Document) -> Result<(), Stop>;

    /// Deletes a row; no row is no error.
    fn delete(&mut self, collection: Collection, key: &str) -> Result<(), Stop>;

    /// Up to `limit` rows in the order of their keys (by code point), from the
    /// first after `after`, or from the start.
    fn scan(
        &mut self,
        collection: Collection,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Document)>, Stop>;

    /// The collections of the shop's own that may have rows.
    fn own(&mut self) -> Result<Vec<Collection>, Stop>;

    /// How many rows there are.
    fn count(&mut self, collection: Collection) -> Result<u64, Stop>;

    /// On a server the whole transaction, with the shopper whose rows these are;
    /// `None` on a client. For what no client can predict: see [`crate::shop::decide`].
    fn database(&mut self) -> Option<(&mut dyn ServerTx, &str)> {
        None
    }
}

/// What a row under `key` stands in the way with that is none that its rules know.
pub fn corrupt_row(collection: Collection, key: &str) -> Stop {
    Why::CorruptRow { collection: collection.name().into(), key: key.into() }.into()
}
