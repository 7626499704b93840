//! What the answers of the record store bring about.

use super::compaction;
use super::engine::{Event, Sent, State, Store};
use super::request::{Failure, FailureKind, RequestId, Response};
use crate::format::head::Head;
use crate::format::log::{Entry, LogRecord};
use crate::format::{Corrupt, FORMAT_VERSION, Place};
use crate::tree::Tree;
use alloc::vec::Vec;

/// Another database is where this one was.
pub(crate) const REPLACED: Corrupt = Corrupt { place: Place::Database, why: "was deleted or replaced" };

/// Appends made with care after another tab was first. Without this, two tabs
/// that write at once could make each other's appends void for ever.
const CONTENDED_APPENDS: u32 = 32;

impl Store {
    /// Takes the answer to a request in.
    pub fn complete(&mut self, id: RequestId, response: Response) {
        let Some(index) = self.sent.iter().position(|(other, _)| *other == id) else {
            return;
        };
        let (_, sent) = self.sent.swap_remove(index);
        match (sent, response) {
            (_, Response::Failed(failure)) if failure.kind == FailureKind::Replaced => self.state = State::Replaced,
            (Sent::Open, Response::Opened { head, log, segments }) => self.opened(head, log, segments),
            (Sent::Append, Response::Done) => self.appended(),
            (Sent::Checkpoint, Response::Done) => self.checkpointed(),
            (Sent::Append | Sent::Checkpoint, Response::Conflict) => self.conflicted(sent),
            (Sent::Read, Response::Segments(segments)) => self.loaded(segments),
            (Sent::Read, Response::Failed(failure)) => {
                self.reading.clear();
                self.job_resumes();
                self.stalled = true;
                self.events.push(Event::ReadFailed(failure.clone()));
                self.events.push(Event::Failed(failure));
            }
            (_, Response::Failed(failure)) => self.failed(sent, failure),
            _ => self.break_down(Corrupt { place: Place::Head, why: "record store gave another request's answer" }),
        }
    }

    /// Opens what is there now: nothing that is known of the records before holds, and what was
    /// staged is gone with them.
    pub(crate) fn begin_anew(&mut self) {
        *self = Self {
            commits: self.commits,
            request_next: self.request_next,
            // Other tabs are about to do the same.
            contended: CONTENDED_APPENDS,
            ..Self::new(self.options)
        };
    }

    fn appended(&mut self) {
        let Some(done) = self.in_flight.take() else {
            return;
        };
        self.events.push(Event::Appended { seq: done.record.seq, bytes: done.bytes.clone() });
        self.events.push(Event::Durable { commit: done.commit_to });
        self.durable = done.overlay;
        self.durable_own = true;
        self.push_durable(done.record, done.bytes.len());
    }

    pub(super) fn push_durable(&mut self, record: LogRecord, bytes: usize) {
        self.durable_seq = record.seq;
        self.tail_bytes += if record.entries.is_empty() { 0 } else { bytes };
        if let Some(job) = &mut self.job {
            job.after.put_all(&record.entries);
        }
        self.tail.push(record);
    }

    /// Another tab was first. What is not durable here is given up, and staged
    /// again by the layer above once the other tab's work is known.
    fn conflicted(&mut self, sent: Sent) {
        let bulk = self.job.as_ref().is_some_and(|job| job.bulk);
        if sent == Sent::Checkpoint {
            self.job = None;
        }
        if sent == Sent::Append || bulk {
            self.lost = true;
            self.contended = CONTENDED_APPENDS;
        }
        self.reopen = true;
    }

    fn failed(&mut self, sent: Sent, failure: Failure) {
        match sent {
            Sent::Append => {
                if let Some(back) = self.in_flight.take() {
                    self.take_back(back.record.entries, &failure);
                }
                self.stalled = true;
            }
            Sent::Checkpoint => {
                if let Some(job) = self.job.take() {
                    self.stalled = job.bulk;
                    self.take_back(job.entries, &failure);
                }
                self.checkpoint_stalled = true;
                self.job_wanted = true;
            }
            Sent::Open | Sent::Read => self.stalled = true,
        }
        self.events.push(Event::Failed(failure));
    }

    /// There is no room for a bulk commit. It must not hold up the small ones
    /// that were staged with it: all are given up, and the layer above stages
    /// again what it does not refuse.
    fn give_up(&mut self, failure: &Failure) {
        self.staged.clear();
        self.staged_bytes = 0;
        self.rebuild_overlays();
        self.events.push(Event::NoRoom(failure.clone()));
        self.events.push(Event::Rebased { lost: true, foreign: false, keys: None });
    }

    /// Commits that could not be written are staged again, before newer ones.
    /// Where there was no room for a large one, it is given up.
    fn take_back(&mut self, entries: Vec<Entry>, failure: &Failure) {
        let bytes: usize = entries.iter().map(Entry::bytes).sum();
        self.stage_again(entries);
        if bytes > self.options.commit_bytes_max && failure.kind == FailureKind::Quota {
            self.give_up(failure);
        }
    }

    fn stage_again(&mut self, entries: Vec<Entry>) {
        let mut newer = core::mem::replace(&mut self.staged, entries);
        self.staged.append(&mut newer);
        self.staged_bytes = self.staged.iter().map(Entry::bytes).sum();
    }

    fn checkpointed(&mut self) {
        let Some(job) = self.job.take() else { return };
        self.spent = job.entries;
        let Some(written) = job.written else { return };
        for (segment, record) in written.segments {
            self.cache.insert_trusted(segment, record);
        }
        // A snapshot that began meanwhile may still need them.
        for segment in written.dropped.into_iter().filter(|_| !self.holds) {
            self.cache.remove(segment);
        }
        let segment_bytes = self.options.segment_bytes;
        let charged = |head: &Head| compaction::charged(&head.segments, segment_bytes);
        // One that won nothing back would only be repeated.
        let goes_on = job.covers >= self.head.log_from || charged(&written.head) < charged(&self.head);
        self.base = Tree::stored(written.head.root);
        self.head = written.head;
        self.head_bytes = Some(written.head_bytes);
        self.job_wanted |= goes_on && self.is_compaction_due();
        if let Some((seq, bytes)) = written.append {
            self.durable_seq = seq;
            self.events.push(Event::Appended { seq, bytes });
            self.events.push(Event::Durable { commit: job.commit_to });
        }
        self.cut_tail();
        self.durable = job.after;
        self.stack_overlays();
        self.events.push(Event::Rebased { lost: false, foreign: false, keys: None });
    }

    /// Overlays hold only what the log holds from `head.log_from` on.
    pub(super) fn rebuild_overlays(&mut self) {
        self.cut_tail();
        self.durable = self.tail_overlay();
        self.stack_overlays();
    }

    /// Lets go of the log records that the head covers.
    fn cut_tail(&mut self) {
        let log_from = self.head.log_from;
        let folded = self.tail.iter().take_while(|record| record.seq < log_from).count();
        self.tail = self.tail.split_off(folded);
        self.tail_bytes = self.tail_entries().map(Entry::bytes).sum();
    }

    /// Puts what is in flight and what is staged on top of the tail.
    fn stack_overlays(&mut self) {
        self.current = self.durable.clone();
        if let Some(in_flight) = &mut self.in_flight {
            self.current.put_all(&in_flight.record.entries);
            in_flight.overlay = self.current.clone();
        }
        self.current.put_all(&self.staged);
    }

    /// The entries of the log from the head's `log_from` on, in order.
    pub(super) fn tail_entries(&self) -> impl Iterator<Item = &Entry> {
        self.tail.iter().flat_map(|record| &record.entries)
    }

    /// What the log holds on top of the base.
    fn tail_overlay(&self) -> Tree {
        let mut overlay = Tree::default();
        for record in &self.tail {
            overlay.put_all(&record.entries);
        }
        overlay
    }

    fn opened(&mut self, head: Option<Vec<u8>>, log: Vec<(u64, Vec<u8>)>, segments: Vec<(u32, Vec<u8>)>) {
        if let Err(corrupt) = self.adopt(head, log).and_then(|()| self.take_in(segments)) {
            return self.break_down(corrupt);
        }
        if matches!(self.state, State::Opening) {
            self.state = State::Open;
            self.rebuild_overlays();
            self.events.push(Event::Opened);
            return;
        }
        self.reopen = false;
        self.job_resumes();
        if self.job.take_if(|job| job.bulk).is_some() {
            // It was not sent yet, and knows nothing of what has come in.
            self.lost = true;
            self.contended = CONTENDED_APPENDS;
        }
        // What is staged was computed without what has just come in, and may
        // write over it: the next number of the outbox, for one.
        let lost = core::mem::take(&mut self.lost) || !self.staged.is_empty();
        if lost {
            self.in_flight = None;
            self.staged.clear();
            self.staged_bytes = 0;
        }
        self.rebuild_overlays();
        self.events.push(Event::Rebased { lost, foreign: true, keys: None });
        self.events.push(Event::Loaded);
    }

    fn take_in(&mut self, segments: Vec<(u32, Vec<u8>)>) -> Result<(), Corrupt> {
        for (segment, record) in segments {
            if self.head.holds(segment) {
                self.cache.insert(segment, record.into())?;
            }
        }
        Ok(())
    }

    /// Takes over the head, if it is a newer one, and newer log records.
    fn adopt(&mut self, head: Option<Vec<u8>>, log: Vec<(u64, Vec<u8>)>) -> Result<(), Corrupt> {
        let newer = head.as_deref() != self.head_bytes.as_deref();
        let last_is_there = log.first().is_some_and(|(seq, _)| *seq <= self.durable_seq);
        if (head.is_none() && self.head_bytes.is_some()) || !(newer || last_is_there) {
            return Err(REPLACED);
        }
        if let Some(bytes) = head.filter(|_| newer) {
            let head = Head::decode(&bytes)?;
            if head.generation <= self.head.generation && self.head_bytes.is_some() {
                return Err(REPLACED);
            }
            for segment in self.cache.numbers() {
                if !self.holds && !head.holds(segment) {
                    self.cache.remove(segment);
                }
            }
            self.base = Tree::stored(head.root);
            self.durable_seq = self.durable_seq.max(head.log_from - 1);
            self.job_wanted |= head.version < FORMAT_VERSION;
            self.head = head;
            self.head_bytes = Some(bytes.into());
            if let Some(job) = self.job.take() {
                self.stage_again(job.entries);
            }
        } else if let Some(segment) = self.missing {
            return Err(Corrupt { place: Place::Segment(segment), why: "is missing" });
        }
        self.missing = None;
        if log.last().is_none_or(|(last, _)| *last < self.durable_seq) {
            return Err(Corrupt { place: Place::Log(self.durable_seq), why: "is missing" });
        }
        for (seq, bytes) in log {
            if seq <= self.durable_seq {
                continue;
            }
            if seq != self.durable_seq + 1 {
                return Err(Corrupt { place: Place::Log(self.durable_seq + 1), why: "is missing" });
            }
            let record = LogRecord::decode(seq, &bytes)?;
            self.durable_own = false;
            self.push_durable(record, bytes.len());
        }
        Ok(())
    }

    fn loaded(&mut self, segments: Vec<(u32, Option<Vec<u8>>)>) {
        for (segment, record) in segments {
            if let Some(place) = self.reading.iter().position(|other| *other == segment) {
                self.reading.swap_remove(place);
            }
            match record {
                // Another tab's checkpoint has dropped it: there is a newer head.
                None if self.head.holds(segment) => {
                    self.missing = Some(segment);
                    self.reopen = true;
                }
                None => {}
                Some(record) => {
                    if let Err(corrupt) = self.cache.insert(segment, record.into()) {
                        return self.break_down(corrupt);
                    }
                }
            }
        }
        self.job_resumes();
        self.events.push(Event::Loaded);
    }

    pub(super) fn break_down(&mut self, corrupt: Corrupt) {
        self.state = State::Broken;
        self.events.push(Event::Corrupt(corrupt));
    }
}
