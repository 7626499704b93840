//! The whole store: head, log, segments, tree, and what it holds.

use crate::held::with_next;
use crate::{Fault, Held, Opened};
use pannier::collection::upkeep::SCHEMA_ROW;
use pannier::collection::{INDEX_FIRST, META, OUTBOX, ROWS, Schema, TreeId, row_key};
use pannier::format::document::Document;
use pannier::format::head::SegmentInfo;
use pannier::stop::{Stop, Why};
use pannier::sync::rows::Collection;
use pannier::tree::Tree;
use pannier::tree::check::{self, Check};
use std::collections::BTreeMap;

/// What a check found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// What is wrong, of head, log and each segment by itself; of the tree the first alone.
    pub faults: Vec<Fault>,
    /// Segments in use, with what the head says of them.
    pub segments: Vec<SegmentInfo>,
    /// Log records.
    pub log_records: u64,
    /// Bytes of head, log and segments.
    pub bytes_stored: u64,
    /// Bytes in segments that the tree reaches.
    pub bytes_live: u64,
    /// The tree, where it is sound.
    pub tree: Option<check::Report>,
    /// Entries by tree, the log's on top; empty where they could not be counted.
    pub entries: BTreeMap<u8, u64>,
    /// Names of the collections, by the trees of their rows.
    pub names: BTreeMap<u8, String>,
}

impl Report {
    /// Whether nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.faults.is_empty()
    }

    /// The collections with the numbers of their rows.
    pub fn rows(&self) -> impl Iterator<Item = (String, u64)> {
        let rows = self.entries.range(ROWS..INDEX_FIRST);
        rows.map(|(tree, count)| (self.names.get(tree).cloned().unwrap_or_else(|| format!("tree {tree:#04x}")), *count))
    }

    /// Mutations without an outcome.
    pub fn pending(&self) -> u64 {
        self.entries.get(&OUTBOX.0).copied().unwrap_or_default()
    }
}

enum Stage {
    /// Each segment by itself, from this place on.
    Segments(usize),
    Tree(Box<Check>),
    /// What is newer than the tree, from this key on; then the trees from this number on.
    Newer(Vec<u8>),
    Entries(u8),
    Names,
    Done,
}

/// A check under way.
pub struct Checking {
    /// Head and log.
    pub opened: Opened,
    report: Report,
    base: Tree,
    stage: Stage,
}

impl Checking {
    /// Begins.
    pub fn new(opened: Opened) -> Self {
        let mut report = Report {
            faults: opened.faults.clone(),
            log_records: opened.log_bytes.len() as u64,
            bytes_stored: opened.bytes,
            ..Report::default()
        };
        let mut base = Tree::default();
        if let Some(head) = &opened.head {
            report.segments = head.segments.clone();
            report.bytes_stored += head.segments.iter().map(|info| u64::from(info.bytes)).sum::<u64>();
            report.bytes_live = head.segments.iter().map(|info| u64::from(info.bytes_live)).sum();
            base = Tree::stored(head.root);
        }
        Self { opened, report, base, stage: Stage::Segments(0) }
    }

    /// Goes on until it is through, or needs segments: their numbers are returned.
    pub fn step(&mut self, held: &Held) -> Vec<u32> {
        loop {
            match self.advance(held) {
                Ok(true) => return Vec::new(),
                Ok(false) => {}
                Err(error) => {
                    match error.into_why() {
                        Why::Fault(fault) if held.get(fault.segment).is_none() => {
                            return with_next(fault.segment, &self.report.segments, held);
                        }
                        // That a segment is bad is told already; nothing further can be said.
                        Why::Fault(_) => {}
                        why => self.report.faults.push(why.into_corrupt().into()),
                    }
                    self.stage = Stage::Done;
                }
            }
        }
    }

    /// What was found, once nothing is needed any more.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// Does what comes next; true when nothing does.
    fn advance(&mut self, held: &Held) -> Result<bool, Stop> {
        match &mut self.stage {
            Stage::Segments(place) => {
                let Some(info) = self.report.segments.get(*place) else {
                    // Without a head there is no tree.
                    let is_tree = self.opened.head.is_some();
                    self.stage = if is_tree { Stage::Tree(Box::new(Check::new(&self.base))) } else { Stage::Done };
                    return Ok(false);
                };
                let Some(segment) = held.get(info.segment) else {
                    return Err(pannier::tree::Fault { segment: info.segment }.into());
                };
                let is_long = segment.record.as_ref().is_some_and(|record| record.len() != info.bytes as usize);
                if let Some(why) = segment.why.or(is_long.then_some("is not as long as the head says")) {
                    self.report.faults.push(Fault::segment(info.segment, why));
                }
                *place += 1;
            }
            Stage::Tree(check) => {
                let found = check.run(held)?;
                if let Err(corrupt) = found.compare(&self.report.segments) {
                    self.report.faults.push(corrupt.into());
                }
                self.report.tree = Some(found);
                // Version 1 did not count, and its first checkpoint will.
                let is_counted = self.opened.head.as_ref().is_some_and(|head| head.version > 1);
                self.stage = if is_counted { Stage::Newer(Vec::new()) } else { Stage::Names };
            }
            Stage::Newer(from) => {
                while let Some((key, newer)) = self.opened.newer.range(from.clone()..).next() {
                    let is_in_tree = self.base.contains(key, held)?;
                    let entries = self.report.entries.entry(key.first().copied().unwrap_or_default()).or_default();
                    // The tree's own come on top.
                    *entries = entries.wrapping_add(u64::from(newer.is_some())).wrapping_sub(u64::from(is_in_tree));
                    // The least key above.
                    *from = [&key[..], &[0]].concat();
                }
                self.stage = Stage::Entries(0);
            }
            Stage::Entries(tree) => {
                let in_tree = self.base.count(&[*tree], &[*tree + 1], held)?;
                let entries = self.report.entries.entry(*tree).or_default();
                *entries = entries.wrapping_add(in_tree);
                if *entries == 0 {
                    self.report.entries.remove(tree);
                }
                *tree += 1;
                if *tree == u8::MAX {
                    self.stage = Stage::Names;
                }
            }
            Stage::Names => {
                let key = row_key(META, SCHEMA_ROW);
                let schema = match self.opened.newer.get(&key) {
                    Some(newer) => newer.clone(),
                    None => self.base.get(&key, held)?.flatten(),
                };
                self.report.names = names(schema);
                self.stage = Stage::Done;
            }
            Stage::Done => return Ok(true),
        }
        Ok(false)
    }
}

/// The names of collections by the trees of their rows, of what the schema's row holds.
pub(crate) fn names(schema: Option<Vec<u8>>) -> BTreeMap<u8, String> {
    let commerce = Collection::ALL.into_iter().map(|one| (ROWS + one.number(), one.name().to_owned()));
    let mut names: BTreeMap<u8, String> = commerce.collect();
    if let Some(row) = schema {
        let schema = Schema::from_document(&Document::from_stored(row));
        names
            .extend((ROWS..INDEX_FIRST).filter_map(|tree| Some((tree, schema.collection(TreeId(tree))?.name.clone()))));
    }
    names
}
