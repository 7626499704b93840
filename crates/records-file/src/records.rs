//! Where each record lies in the file.

use crate::frame::{Change, Frame, FrameWriter, HEADER_BYTES, MAGIC, Span};
use pannier::store::Checkpoint;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// What a record takes in a frame besides its bytes, at most.
const RECORD_OVERHEAD: usize = 17;

/// The records there are.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Records {
    pub(crate) head: Option<Span>,
    pub(crate) log: BTreeMap<u64, Span>,
    pub(crate) segments: BTreeMap<u32, Span>,
}

impl Records {
    /// Takes in a frame that stands at `offset`; tells what is wrong with it.
    pub(crate) fn apply(&mut self, offset: u64, frame: &Frame<'_>) -> Result<(), &'static str> {
        let placed = |span: Span| Span { at: span.at + offset, ..span };
        for change in frame.changes() {
            match change.ok_or("a change is malformed")? {
                Change::Log(seq, span) => {
                    let follows = self.log.last_key_value().is_none_or(|(last, _)| last.checked_add(1) == Some(seq));
                    if !follows {
                        return Err("a log record does not follow the one before");
                    }
                    self.log.insert(seq, placed(span));
                }
                Change::Segment(segment, span) => match self.segments.entry(segment) {
                    Entry::Vacant(vacant) => drop(vacant.insert(placed(span))),
                    Entry::Occupied(_) => return Err("a segment is there twice"),
                },
                Change::Head(span) => self.head = Some(placed(span)),
                Change::DropSegment(segment) => drop(self.segments.remove(&segment)),
                Change::DropLogBelow(seq) => self.log = self.log.split_off(&seq),
            }
        }
        Ok(())
    }

    /// Bytes of a file that holds these records and nothing else, or some more.
    pub(crate) fn bytes(&self) -> u64 {
        let spans = self.head.iter().chain(self.log.values()).chain(self.segments.values());
        let records: usize = spans.map(|span| span.length + RECORD_OVERHEAD).sum();
        (MAGIC.len() + HEADER_BYTES + records) as u64
    }

    /// Whether an append under this number follows.
    pub(crate) fn follows(&self, seq: u64) -> bool {
        self.log.last_key_value().map(|(last, _)| last + 1) == Some(seq)
    }
}

/// The frame of a checkpoint. What it drops comes first: a segment number that
/// is used again replaces the record.
pub(crate) fn checkpoint_frame(checkpoint: &Checkpoint, synced: u64) -> Vec<u8> {
    let mut frame = FrameWriter::new(synced);
    if let Some((seq, bytes)) = &checkpoint.append {
        frame.log(*seq, bytes);
    }
    frame.drop_log_below(checkpoint.drop_log_below);
    checkpoint.drop_segments.iter().for_each(|segment| frame.drop_segment(*segment));
    checkpoint.segments.iter().for_each(|(segment, bytes)| frame.segment(*segment, bytes));
    frame.head(&checkpoint.head);
    frame.finish()
}
