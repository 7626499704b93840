//! Byte budgets: rows of a cache go when it holds more than it may, those that
//! were used longest ago first.
//!
//! What was used is told apart by a hash of its key, in a *use log*: hashes in
//! the order of use, the latest last. A read adds to the log in memory and
//! writes nothing. A commit that writes anyway takes along what was added, at
//! most once in [`SAVE_AFTER_MS`], as a *chunk*: a row of its own, under the
//! time. So no commit reads what is stored of the log, and tabs do not get in
//! each other's way; a commit that is lost loses what it took along. Upkeep joins the chunks, and evicts in small steps.
//!
//! Invariants:
//! - What is joined holds each hash once, and no more of them than the
//!   collection has rows.
//! - A pass evicts nothing that was used since it began.

use super::upkeep::{STEP_BYTES_MAX, STEP_ROWS_MAX};
use super::workspace::Size;
use super::{META, TreeId, Workspace, number_key};
use crate::bytes::copied;
use crate::format::log::Entry;
use crate::stop::Stop;
use crate::store::{Reader, Scan};
use crate::tree::{Fault, later};
use alloc::vec::Vec;
use xxhash_rust::xxh64::xxh64;

/// Milliseconds between two commits of a tab that take uses along: what was
/// read since then is forgotten with the page.
pub const SAVE_AFTER_MS: u64 = 60_000;

/// Most uses in memory, the latest: 128 KiB, so that a commit stays a small one.
pub const USES_HELD_MAX: usize = 32 * 1024;

/// One in so many commits that take uses along has upkeep join the chunks, by the hash of its
/// time: counting them would cost each opening more than reading some more at times.
pub const CHUNKS_MEAN: u64 = 64;

/// Uses of which a commit takes along all, each as often as it was: 4 KiB.
const USES_UNSORTED_MAX: usize = 1024;

/// Bytes of a hash in a chunk.
const HASH_BYTES: usize = 4;

/// A collection with a budget, in one tab.
pub struct Budget {
    /// The tree of its rows.
    pub rows: TreeId,
    /// Most bytes of rows and keys.
    bytes_max: u64,
    /// Uses that no commit has taken along.
    used: Vec<u32>,
    saved_ms: Option<u64>,
    /// Whether the chunks are to be joined.
    joins: bool,
    pass: Option<Pass>,
}

/// Once through the rows, evicting those that are not kept.
struct Pass {
    kept: HashSet,
    /// The last key that was looked at.
    after: Vec<u8>,
}

impl Budget {
    /// The budget of the rows in `rows`, `bytes_max` of them with their keys.
    pub fn new(rows: TreeId, bytes_max: u64) -> Self {
        Self { rows, bytes_max, used: Vec::new(), saved_ms: None, joins: false, pass: None }
    }

    fn note(&mut self, hash: u32) {
        if self.used.last() == Some(&hash) {
            return;
        }
        if self.used.len() == USES_HELD_MAX {
            let latest = later::run(|| Ok::<_, Fault>(latest(&self.used, USES_HELD_MAX / 2)));
            self.used = latest.unwrap_or_else(|_| self.used.split_off(USES_HELD_MAX / 2));
        }
        self.used.push(hash);
        if let Some(pass) = &mut self.pass {
            pass.kept.add(hash);
        }
    }

    /// Has a commit take along what was used, if it is time.
    pub fn save(&mut self, entries: &mut Vec<Entry>, now_ms: u64) {
        let is_due = self.saved_ms.is_none_or(|saved_ms| saved_ms + SAVE_AFTER_MS <= now_ms);
        if is_due && !self.used.is_empty() {
            let mut uses = core::mem::take(&mut self.used);
            if uses.len() > USES_UNSORTED_MAX {
                match later::run(|| Ok::<_, Fault>(latest(&uses, USES_HELD_MAX))) {
                    Ok(latest) => uses = latest,
                    // Code is loaded before anything is evicted; until then the last will do.
                    Err(_) => drop(uses.drain(..uses.len() - USES_UNSORTED_MAX)),
                }
            }
            let chunk = chunk(&uses);
            entries.push(Entry { key: chunk_key(self.rows, now_ms).into(), value: Some(chunk.into()) });
            self.saved_ms = Some(now_ms);
            self.joins |= xxh64(&now_ms.to_le_bytes(), 0).is_multiple_of(CHUNKS_MEAN);
        }
    }

    /// Whether there is anything to evict or to join.
    pub fn is_due(&self, reader: &Reader<'_>) -> Result<bool, Stop> {
        Ok(self.joins || Size::read(reader, self.rows)?.bytes > self.bytes_max)
    }

    /// Does a step of that; tells whether there may be another.
    pub fn step(&mut self, workspace: &mut Workspace<'_>, now_ms: u64) -> Result<bool, Stop> {
        match &self.pass {
            None => {
                if !self.is_due(&workspace.reader())? {
                    return Ok(false);
                }
                self.begin(workspace, now_ms)?;
            }
            Some(pass) => {
                let after = evict(workspace, self, pass)?;
                match (&mut self.pass, after) {
                    (Some(pass), Some(after)) => pass.after = after,
                    // Where rows that were kept are larger than the others, another one
                    // follows: it keeps fewer rows than there are, or it would not begin.
                    _ => self.pass = None,
                }
            }
        }
        Ok(true)
    }

    /// Joins the chunks. Over the budget, a pass begins.
    fn begin(&mut self, workspace: &mut Workspace<'_>, now_ms: u64) -> Result<(), Stop> {
        let (from, to) = (chunk_key(self.rows, 0), chunks_end(self.rows));
        let mut chunks = Vec::new();
        let mut uses = Vec::new();
        workspace.reader().scan(Scan::ascending(&from, &to), &mut |key, chunk| {
            chunks.push(copied(key));
            for hash in chunk.as_chunks::<HASH_BYTES>().0 {
                uses.push(u32::from_le_bytes(*hash));
            }
            true
        })?;
        let size = Size::read(&workspace.reader(), self.rows)?;
        uses.append(&mut self.used);
        // Nothing else is to be written under this time.
        self.saved_ms = Some(now_ms);
        self.joins = false;
        let uses = latest(&uses, usize::try_from(size.rows).unwrap_or(usize::MAX));
        for key in chunks {
            workspace.write(&key, None);
        }
        workspace.write(&chunk_key(self.rows, now_ms), Some(&chunk(&uses)));
        if size.bytes > self.bytes_max {
            let row_bytes = (size.bytes / size.rows.max(1)).max(1);
            let keep = self.target() / row_bytes;
            let mut kept = HashSet::new(uses.len());
            for hash in uses.iter().rev().take(keep as usize) {
                kept.add(*hash);
            }
            self.pass = Some(Pass { kept, after: alloc::vec![self.rows.0] });
        }
        Ok(())
    }

    /// Bytes at which a pass ends: or each of the next writes would begin another.
    fn target(&self) -> u64 {
        self.bytes_max - self.bytes_max / 8
    }
}

/// The row under an encoded key was read or written. Tells whether it has a budget.
pub fn note(budgets: &mut [Budget], key: &[u8]) -> bool {
    for budget in budgets {
        if budget.rows.0 == key[0] {
            budget.note(hash(key));
            return true;
        }
    }
    false
}

/// Evicts among the next rows; `None` where the pass is over, else the last key.
fn evict(workspace: &mut Workspace<'_>, budget: &Budget, pass: &Pass) -> Result<Option<Vec<u8>>, Stop> {
    // It counts what is committed.
    let mut bytes = Size::read(&workspace.reader(), budget.rows)?.bytes;
    let (from, to) = ([&pass.after[..], &[0]].concat(), budget.rows.end());
    let mut victims = Vec::new();
    let mut last = Vec::new();
    let (mut rows_left, mut bytes_left) = (STEP_ROWS_MAX, STEP_BYTES_MAX);
    let mut is_through = true;
    workspace.reader().scan(Scan::ascending(&from, &to), &mut |key, row| {
        is_through = bytes <= budget.target();
        if is_through || rows_left == 0 || bytes_left == 0 {
            return false;
        }
        rows_left -= 1;
        bytes_left = bytes_left.saturating_sub(row.len());
        if !pass.kept.has(hash(key)) {
            bytes = bytes.saturating_sub((key.len() + row.len()) as u64);
            victims.push(copied(key));
        }
        last.clear();
        last.extend_from_slice(key);
        // Where no row follows, it was the last.
        is_through = true;
        true
    })?;
    for key in victims {
        workspace.delete_row(&key)?;
    }
    Ok((!is_through).then_some(last))
}

/// The latest of `uses`, each once, `count_max` at most, in their order.
fn latest(uses: &[u32], count_max: usize) -> Vec<u32> {
    let mut seen = HashSet::new(uses.len());
    let mut latest = alloc::vec![0; uses.len().min(count_max)];
    let mut left = latest.len();
    for hash in uses.iter().rev() {
        if left > 0 && seen.add(*hash) {
            left -= 1;
            latest[left] = *hash;
        }
    }
    latest.drain(..left);
    latest
}

fn chunk(uses: &[u32]) -> Vec<u8> {
    let mut chunk = Vec::with_capacity(HASH_BYTES * uses.len());
    for hash in uses {
        chunk.extend_from_slice(&hash.to_le_bytes());
    }
    chunk
}

fn chunk_key(rows: TreeId, at_ms: u64) -> Vec<u8> {
    number_key(META, u64::from(rows.0) << 48 | at_ms)
}

fn chunks_end(rows: TreeId) -> Vec<u8> {
    chunk_key(TreeId(rows.0 + 1), 0)
}

/// Never 0.
fn hash(key: &[u8]) -> u32 {
    (xxh64(key, 0) as u32).max(1)
}

/// A set of hashes, at most half full.
struct HashSet {
    /// 0 where there is none.
    slots: Vec<u32>,
    free: usize,
}

impl HashSet {
    fn new(count: usize) -> Self {
        let slots = (2 * count).next_power_of_two().max(64);
        Self { slots: alloc::vec![0; slots], free: slots / 2 }
    }

    fn place(&self, hash: u32) -> usize {
        let last = self.slots.len() - 1;
        let mut place = hash as usize & last;
        while self.slots[place] != 0 && self.slots[place] != hash {
            place = (place + 1) & last;
        }
        place
    }

    fn has(&self, hash: u32) -> bool {
        self.slots[self.place(hash)] != 0
    }

    /// Tells whether it is new.
    fn add(&mut self, hash: u32) -> bool {
        if self.free == 0 {
            let full = core::mem::replace(self, Self::new(self.slots.len()));
            for hash in full.slots.into_iter().filter(|hash| *hash != 0) {
                self.add(hash);
            }
        }
        let place = self.place(hash);
        let is_new = self.slots[place] == 0;
        if is_new {
            self.slots[place] = hash;
            self.free -= 1;
        }
        is_new
    }
}
