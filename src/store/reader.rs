//! Reading base and overlay as one.

use crate::bytes::copied;
use crate::stop::Stop;
use crate::tree::cursor::Cursor;
use crate::tree::{NoSegments, Segments, Tree, Value};
use alloc::vec::Vec;
use core::cmp::Ordering;

/// What a read sees: an overlay on a base.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    /// Newer entries and deletion markers; wholly in memory.
    pub overlay: &'a Tree,
    /// The tree of the last checkpoint.
    pub base: &'a Tree,
    /// The segments of the base that are in memory.
    pub segments: &'a dyn Segments,
}

/// A range of keys to visit.
#[derive(Clone, Copy, Debug)]
pub struct Scan<'a> {
    /// First key, included.
    pub from: &'a [u8],
    /// End, not included.
    pub to: &'a [u8],
    /// Descending order.
    pub reverse: bool,
}

impl<'a> Scan<'a> {
    /// All keys from `from` up to `to`, ascending.
    pub fn ascending(from: &'a [u8], to: &'a [u8]) -> Self {
        Self { from, to, reverse: false }
    }
}

/// One of the two cursors of a scan, with the key it stands on.
struct Side<'a> {
    cursor: Cursor,
    key: Vec<u8>,
    there: bool,
    reverse: bool,
    segments: &'a dyn Segments,
}

impl<'a> Side<'a> {
    fn new(tree: &Tree, scan: &Scan<'_>, segments: &'a dyn Segments) -> Result<Self, Stop> {
        let cursor = if scan.reverse {
            Cursor::before(tree, scan.to, segments)?
        } else {
            Cursor::at_or_after(tree, scan.from, segments)?
        };
        let mut side = Self { cursor, key: Vec::new(), there: false, reverse: scan.reverse, segments };
        side.look(scan)?;
        Ok(side)
    }

    fn look(&mut self, scan: &Scan<'_>) -> Result<(), Stop> {
        let there = self.cursor.key(&mut self.key)?;
        self.there = there && if self.reverse { *self.key >= *scan.from } else { *self.key < *scan.to };
        Ok(())
    }

    fn step(&mut self, scan: &Scan<'_>) -> Result<(), Stop> {
        if self.reverse {
            self.cursor.back(self.segments)?;
        } else {
            self.cursor.forward(self.segments)?;
        }
        self.look(scan)
    }
}

impl Reader<'_> {
    /// The value under `key`.
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Stop> {
        let mut found = None;
        self.get_with(key, &mut |value| found = Some(copied(value)))?;
        Ok(found)
    }

    /// Hands the value under `key` to `take`, which is not called when there is none.
    pub fn get_with(&self, key: &[u8], take: &mut dyn FnMut(&[u8])) -> Result<(), Stop> {
        let mut in_overlay = false;
        self.overlay.get_with(key, &NoSegments, &mut |entry| {
            in_overlay = true;
            if let Some(value) = entry {
                take(value);
            }
        })?;
        if in_overlay {
            return Ok(());
        }
        self.base.get_with(key, self.segments, &mut |entry| {
            if let Some(value) = entry {
                take(value);
            }
        })
    }

    /// Number of entries from `from` up to `to`: the base knows its own, and
    /// the overlay's are held against it one by one.
    pub fn count(&self, from: &[u8], to: &[u8]) -> Result<u64, Stop> {
        let mut count = self.base.count(from, to, self.segments)?;
        let mut cursor = Cursor::at_or_after(self.overlay, from, &NoSegments)?;
        let mut key = Vec::new();
        while cursor.key(&mut key)? && *key < *to {
            let in_base = u64::from(self.base.contains(&key, self.segments)?);
            let in_overlay = u64::from(!matches!(cursor.value()?, Some(Value::Deleted)));
            count = (count + in_overlay).saturating_sub(in_base);
            cursor.forward(&NoSegments)?;
        }
        Ok(count)
    }

    /// Visits the entries of a range in order until `visit` returns `false`.
    /// On a fault some entries may have been visited: start over.
    pub fn scan(&self, scan: Scan<'_>, visit: &mut dyn FnMut(&[u8], &[u8]) -> bool) -> Result<(), Stop> {
        let mut over = Side::new(self.overlay, &scan, &NoSegments)?;
        let mut base = Side::new(self.base, &scan, self.segments)?;
        loop {
            let order = match (over.there, base.there) {
                (false, false) => return Ok(()),
                (true, false) => Ordering::Less,
                (false, true) => Ordering::Greater,
                (true, true) if scan.reverse => base.key.cmp(&over.key),
                (true, true) => over.key.cmp(&base.key),
            };
            let winner = if order == Ordering::Greater { &base } else { &over };
            let mut goes_on = true;
            if let Some(value) = winner.cursor.value()? {
                value.take(self.segments, &mut |value| {
                    if let Some(value) = value {
                        goes_on = visit(&winner.key, value);
                    }
                })?;
            }
            if !goes_on {
                return Ok(());
            }
            if order != Ordering::Less {
                base.step(&scan)?;
            }
            if order != Ordering::Greater {
                over.step(&scan)?;
            }
        }
    }
}
