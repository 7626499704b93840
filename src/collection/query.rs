//! Reading a range of a collection, by key or by index.

use super::index::{EXPIRES, Index, State};
use super::range::{Bounds, bounds};
use super::{Schema, TreeId};
use crate::format::document::{Document, DocumentRef, Value};
use crate::key::{Key, after_parts};
use crate::stop::Stop;
use crate::store::{Reader, Scan};
use alloc::string::String;
use alloc::vec::Vec;

/// What to read, as data: a transaction reads it again when it commits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// The tree of rows.
    pub rows: TreeId,
    /// An index, or empty for the order of keys.
    pub index: String,
    /// Bounds: see [`bounds`].
    pub asked: Document,
    /// Most rows.
    pub limit: u32,
    /// Descending order.
    pub reverse: bool,
    /// Rows that expire up to this time, in milliseconds since 1970, are passed over.
    pub now_ms: u64,
}

impl Query {
    fn plan<'a>(&self, schema: &'a Schema) -> Result<(Option<&'a Index>, Bounds), Stop> {
        let index = match &self.index[..] {
            "" => None,
            name => Some(schema.find(self.rows, name).ok_or_else(|| Stop::bad_args(name, "is no declared index"))?),
        };
        if let Some(index) = index
            && index.state != State::Ready
        {
            let (code, why) = match index.is_kept() {
                true => ("index_building", "is being built"),
                false => ("index_failed", "met rows that break its rule"),
            };
            return Err(Stop::by_index(code, why, index, &[]));
        }
        let bounds = bounds(index.map_or(self.rows, |index| index.tree), &self.asked);
        Ok((index, bounds.map_err(|bad| Stop::bad_args(bad.bound, "must be a list of key parts"))?))
    }

    /// Hands the rows to `visit`, each with its key, and returns their number.
    /// After an error, what was handed over is to be forgotten.
    pub fn run(&self, reader: &Reader<'_>, schema: &Schema, visit: &mut dyn FnMut(&[u8], &[u8])) -> Result<u32, Stop> {
        self.walk(reader, schema, true, visit)
    }

    /// As `run`, for the keys alone: rows are looked at only where they may have expired.
    pub fn run_keys(&self, reader: &Reader<'_>, schema: &Schema, visit: &mut dyn FnMut(&[u8])) -> Result<u32, Stop> {
        self.walk(reader, schema, schema.expires(self.rows).is_some(), &mut |key, _| visit(key))
    }

    fn walk(
        &self,
        reader: &Reader<'_>,
        schema: &Schema,
        with_rows: bool,
        visit: &mut dyn FnMut(&[u8], &[u8]),
    ) -> Result<u32, Stop> {
        let (index, bounds) = self.plan(schema)?;
        let expires = schema.expires(self.rows);
        let (mut found, mut failed) = (0, Ok(()));
        if self.limit == 0 {
            return Ok(0);
        }
        let scan = Scan { from: &bounds.from, to: &bounds.to, reverse: self.reverse };
        reader.scan(scan, &mut |key, value| {
            let mut take = |key: &[u8], row: &[u8]| {
                if !is_expired(expires, row, self.now_ms) {
                    visit(key, row);
                    found += 1;
                }
            };
            match index {
                None => take(key, value),
                Some(index) => {
                    let Some(key) = index.row_key(key, value) else { return true };
                    if !with_rows {
                        take(&key, &[]);
                    } else {
                        failed = reader.get_with(&key, &mut |row| take(&key, row));
                    }
                }
            }
            found < self.limit && failed.is_ok()
        })?;
        failed?;
        Ok(found)
    }

    /// Number of rows, without reading them; by an index of many entries a row,
    /// of the entries. Limit and direction do not matter.
    pub fn count(&self, reader: &Reader<'_>, schema: &Schema) -> Result<u64, Stop> {
        let (index, Bounds { from, to }) = self.plan(schema)?;
        let mut count = reader.count(&from, &to)?;
        let Some(expiry) = schema.expiry(self.rows) else {
            return Ok(count);
        };
        // What has expired and is not cleared away yet is not there any more.
        for key in expired(reader, expiry, self.now_ms, usize::MAX)? {
            match index {
                None => count -= u64::from(from <= key && key < to),
                Some(index) => {
                    let row = reader.get(&key)?.unwrap_or_default();
                    let entries = index.entries(&key, DocumentRef::from_stored(&row));
                    count -= entries.iter().filter(|entry| from <= **entry && **entry < to).count() as u64;
                }
            }
        }
        Ok(count)
    }
}

/// Whether a row of a collection whose rows expire by the field `expires` is past its time.
pub fn is_expired(expires: Option<&str>, row: &[u8], now_ms: u64) -> bool {
    let at = expires.and_then(|path| DocumentRef::from_stored(row).path(path));
    match at {
        Some(Value::Int(at) | Value::Date(at)) => at <= now_ms as i64,
        Some(Value::F64(at)) => at <= now_ms as f64,
        _ => false,
    }
}

/// The keys of up to `limit` rows that are past their time, the oldest first.
pub(super) fn expired(reader: &Reader<'_>, index: &Index, now_ms: u64, limit: usize) -> Result<Vec<Vec<u8>>, Stop> {
    debug_assert!(index.is(EXPIRES));
    let to = after_parts(Key::in_tree(index.tree.0).number(now_ms as f64).as_bytes());
    let mut keys = Vec::new();
    reader.scan(Scan::ascending(&[index.tree.0], &to), &mut |key, value| {
        if let Some(key) = index.row_key(key, value) {
            keys.push(key);
        }
        keys.len() < limit
    })?;
    Ok(keys)
}
