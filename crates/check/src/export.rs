//! Everything that can be read, and what cannot.

use crate::check::names;
use crate::held::{Held, Segment, with_next};
use crate::walk::{Entry, Read, Walk, Walked, read_large};
use crate::{Fault, Lost, Opened, salvage};
use pannier::collection::upkeep::SCHEMA_ROW;
use pannier::collection::{INDEX_FIRST, META, row_key};
use pannier::format::checksum::CHECKSUM_BYTES;
use pannier::format::head::{LARGE_REF_BYTES, LargeRef};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

/// A row as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its key; the first byte is the number of its tree.
    pub key: Vec<u8>,
    /// The stored bytes.
    pub value: Vec<u8>,
    /// Read of bytes whose checksum does not match, or found where nothing refers
    /// to it: it may be another than the last, or have been deleted.
    pub is_doubtful: bool,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// A row.
    Row(Row),
    /// What could not be read.
    Lost(Lost),
    /// What is not as it was written.
    Fault(Fault),
}

/// What comes next of an export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// It was found.
    Found(Found),
    /// Segments are needed.
    Need(Vec<u32>),
    /// That is all.
    End,
}

/// Where the export stands.
enum Stage {
    /// Looking for a root, in this segment and those before it.
    Root(u32),
    /// Along the tree.
    Tree(Walk),
    /// Through this segment and those before it, for what nothing refers to any more.
    Rest(Leaves),
    /// What is wrong with segments is told.
    Faults,
    End,
}

/// The leaves of a segment, wherever they lie.
struct Leaves {
    segment: u32,
    /// Where the leaf begins that comes next, or is under way.
    at: usize,
    cell: usize,
}

impl Leaves {
    fn of(segment: u32) -> Self {
        Self { segment, at: CHECKSUM_BYTES, cell: 0 }
    }
}

/// An export under way. Entries of indexes are left out: they are made of rows.
pub struct Exporting {
    stage: Stage,
    /// Found already.
    waiting: VecDeque<Found>,
    opened: Opened,
    /// Ranges of keys that are lost.
    gaps: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    /// Hashes of the keys that were found in gaps.
    filled: BTreeSet<u64>,
    schema: Option<Vec<u8>>,
    last_segment: Option<u32>,
}

impl Exporting {
    /// Begins.
    pub fn new(mut opened: Opened) -> Self {
        let mut waiting = VecDeque::new();
        waiting.extend(opened.faults.iter().cloned().map(Found::Fault));
        let row = |key: &Vec<u8>, value: &[u8], is_doubtful| {
            Found::Row(Row { key: key.clone(), value: value.to_vec(), is_doubtful })
        };
        let newer = opened.newer.iter().filter_map(|(key, newer)| Some(row(key, newer.as_deref()?, false)));
        waiting.extend(newer);
        let doubtful = std::mem::take(&mut opened.doubtful);
        waiting.extend(doubtful.iter().map(|(key, value)| row(key, value, true)));
        let last_in_head = opened.head.as_ref().and_then(|head| head.segments.last()).map(|info| info.segment);
        let last_segment = opened.last_segment.max(last_in_head);
        let stage = match (&opened.head, last_segment) {
            (Some(head), _) => Stage::Tree(Walk::new(head.root)),
            (None, Some(last)) => Stage::Root(last),
            (None, None) => Stage::End,
        };
        Self { stage, waiting, opened, gaps: Vec::new(), filled: BTreeSet::new(), schema: None, last_segment }
    }

    /// The names of the collections by the trees of their rows, of what was found so far.
    pub fn names(&self) -> BTreeMap<u8, String> {
        names(self.schema.clone())
    }

    /// Goes on. Asked again once the segments are there that it needs.
    pub fn next(&mut self, held: &Held) -> Next {
        loop {
            if let Some(found) = self.waiting.pop_front() {
                match &found {
                    Found::Row(row) if !is_row(&row.key) => continue,
                    Found::Row(row) if row.key == row_key(META, SCHEMA_ROW) => self.schema = Some(row.value.clone()),
                    _ => {}
                }
                return Next::Found(found);
            }
            let need = match &mut self.stage {
                Stage::Root(segment) => {
                    let segment = *segment;
                    self.find_root(segment, held)
                }
                Stage::Tree(walk) => {
                    let walked = walk.next(held);
                    self.take(walked)
                }
                Stage::Rest(leaves) => {
                    let leaves = Leaves { ..*leaves };
                    self.fill(leaves, held)
                }
                Stage::Faults => {
                    let segments = self.opened.head.as_ref().map_or(&[][..], |head| &head.segments);
                    self.waiting.extend(held.faults(segments).into_iter().map(Found::Fault));
                    self.stage = Stage::End;
                    None
                }
                Stage::End => return Next::End,
            };
            if let Some(segment) = need {
                return Next::Need(self.with_next(segment, held));
            }
        }
    }

    /// A segment and, where a head lists them, those after it: most likely they hold what comes next.
    fn with_next(&self, segment: u32, held: &Held) -> Vec<u32> {
        let segments = self.opened.head.as_ref().map_or(&[][..], |head| &head.segments);
        with_next(segment, segments, held)
    }

    fn find_root(&mut self, segment: u32, held: &Held) -> Option<u32> {
        let Some(Segment { record, .. }) = held.get(segment) else { return Some(segment) };
        let root = record.as_ref().and_then(|record| salvage::last_node(segment, record));
        self.stage = match (root, segment.checked_sub(1)) {
            // A segment after the root's holds nothing but a large value.
            (None, Some(before)) => Stage::Root(before),
            (root, _) => Stage::Tree(Walk::new(root)),
        };
        None
    }

    fn take(&mut self, walked: Walked) -> Option<u32> {
        match walked {
            Walked::Need(segment) => return Some(segment),
            Walked::Entry(Entry { key, value, is_sound }) => match value {
                _ if !is_row(&key) => self.end_tree(),
                // The log has put or deleted it since.
                _ if self.opened.newer.contains_key(&key) => {}
                Ok(value) => self.waiting.push_back(Found::Row(Row { key, value, is_doubtful: !is_sound })),
                Err(fault) => {
                    let to = Some([&key[..], &[0]].concat());
                    self.waiting.push_back(Found::Lost(Lost { fault, from: key, to, entries: Some(1) }));
                }
            },
            Walked::Lost(lost) => {
                if is_row(&lost.from) {
                    self.gaps.push((lost.from.clone(), lost.to.clone()));
                    self.waiting.push_back(Found::Lost(lost));
                }
            }
            Walked::End => self.end_tree(),
        }
        None
    }

    /// Nothing follows but indexes.
    fn end_tree(&mut self) {
        self.stage = match self.last_segment {
            Some(last) if !self.gaps.is_empty() => Stage::Rest(Leaves::of(last)),
            _ => Stage::Faults,
        };
    }

    /// Looks for a row that was lost in the leaves of a segment. The higher its number, the newer it is.
    fn fill(&mut self, mut leaves: Leaves, held: &Held) -> Option<u32> {
        let Some(Segment { record, .. }) = held.get(leaves.segment) else { return Some(leaves.segment) };
        let leaf = record.as_ref().and_then(|record| salvage::next_leaf(record, leaves.at));
        let Some((view, at, end)) = leaf else {
            let before = self.segment_before(leaves.segment);
            self.stage = before.map_or(Stage::Faults, |before| Stage::Rest(Leaves::of(before)));
            return None;
        };
        leaves.at = at;
        while leaves.cell < view.count() {
            let Some((key, cell)) = view.key(leaves.cell).zip(view.leaf_cell(leaves.cell)) else { break };
            if self.is_missing(&key) {
                let large = cell.rest.first_chunk::<LARGE_REF_BYTES>().and_then(LargeRef::from_bytes);
                match (cell.value, large) {
                    (Some(value), _) => self.put_filled(key, value.to_vec()),
                    (None, Some(large)) => match read_large(large, held) {
                        Read::Need(segment) => {
                            self.stage = Stage::Rest(leaves);
                            return Some(segment);
                        }
                        Read::Value(value, _) => self.put_filled(key, value),
                        Read::Lost(_) => {}
                    },
                    (None, None) => {}
                }
            }
            leaves.cell += 1;
        }
        self.stage = Stage::Rest(Leaves { at: end, cell: 0, ..leaves });
        None
    }

    /// Whether a key is in a gap, and nothing newer was found for it.
    fn is_missing(&self, key: &[u8]) -> bool {
        let is_in_gap =
            |(from, to): &(Vec<u8>, Option<Vec<u8>>)| key >= &from[..] && to.as_ref().is_none_or(|to| key < &to[..]);
        is_row(key)
            && self.gaps.iter().any(is_in_gap)
            && !self.opened.newer.contains_key(key)
            && !self.filled.contains(&hash(key))
    }

    fn put_filled(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.filled.insert(hash(&key));
        self.waiting.push_back(Found::Row(Row { key, value, is_doubtful: true }));
    }

    fn segment_before(&self, segment: u32) -> Option<u32> {
        match &self.opened.head {
            Some(head) => head.segments.iter().map(|info| info.segment).rfind(|other| *other < segment),
            None => segment.checked_sub(1),
        }
    }
}

/// Whether a key is not of an index.
fn is_row(key: &[u8]) -> bool {
    key.first().is_none_or(|tree| *tree < INDEX_FIRST)
}

fn hash(key: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}
