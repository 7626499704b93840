//! The state machine: requests out, responses in, events out.

use super::cache::Cache;
use super::checkpoint::Job;
use super::compaction;
use super::reader::Reader;
use super::request::{Failure, FailureKind, Request, RequestId};
use crate::format::head::Head;
use crate::format::log::{Entry, LogRecord};
use crate::format::{Corrupt, FORMAT_VERSION, Place};
use crate::stop::Why;
use crate::tree::build::{SEGMENT_BYTES_TARGET, SegmentSizes};
use crate::tree::{Fault, Tree};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Limits of a store.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Bytes of segments kept in memory.
    pub cache_bytes_max: usize,
    /// A checkpoint runs when the log holds more bytes than this: opening reads
    /// all of them. Where another tab has crossed the limit, its checkpoint is
    /// waited for until the log is twice as long: see `log_records_max` too.
    pub log_bytes_max: usize,
    /// A checkpoint runs when the log holds more records than this: reading a
    /// record costs more than reading its bytes.
    pub log_records_max: usize,
    /// A commit above this size goes into a checkpoint at once, so that it is
    /// written once and not twice.
    pub commit_bytes_max: usize,
    /// Bytes at which a segment is closed: see [`SEGMENT_BYTES_TARGET`].
    pub segment_bytes: usize,
    /// Bytes of entries merged, of nodes copied or of nodes written in one slice
    /// of a checkpoint, before the page gets its turn again.
    pub slice_bytes_max: usize,
    /// Longest record that the record store takes, at least 16 KiB: a longer
    /// value is stored in pieces, a longer commit goes into a checkpoint. The
    /// default is for record stores without such a limit.
    pub record_bytes_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            cache_bytes_max: 8 * 1024 * 1024,
            log_bytes_max: 256 * 1024,
            log_records_max: 512,
            commit_bytes_max: 256 * 1024,
            segment_bytes: SEGMENT_BYTES_TARGET,
            // A few milliseconds where wasm runs code that the browser has only just
            // compiled; with less, a bulk load would wait for its turns.
            slice_bytes_max: 128 * 1024,
            record_bytes_max: 32 * 1024 * 1024,
        }
    }
}

impl Options {
    pub(super) fn segment_sizes(&self) -> SegmentSizes {
        SegmentSizes { target: self.segment_bytes, max: self.record_bytes_max }
    }
}

/// A pause is used for a checkpoint when the log has come this far to its limit:
/// an eighth.
const IDLE_LOG_SHARE: usize = 8;

/// Entries that are freed in one slice.
const SPENT_ENTRIES: usize = 4096;

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The store is open.
    Opened,
    /// All commits up to this one are durable.
    Durable {
        /// Number that `stage` returned.
        commit: u64,
    },
    /// A log record was written; other tabs want it.
    Appended {
        /// Its number.
        seq: u64,
        /// Its bytes.
        bytes: Arc<[u8]>,
    },
    /// What is under the staged commits has changed: views must be computed anew.
    Rebased {
        /// Commits that were not durable are gone and must be staged again.
        lost: bool,
        /// Another tab's commits came in; otherwise all values are what they were.
        foreign: bool,
        /// The keys that they wrote, where it is known.
        keys: Option<Vec<Box<[u8]>>>,
    },
    /// Segments have come in: repeat what faulted.
    Loaded,
    /// A checkpoint needs code that is loaded later: load it and call `retry`.
    CodeWanted,
    /// A request failed. What was staged stays staged; `retry` tries again.
    Failed(Failure),
    /// A commit too large for a log record found no room and is given up.
    NoRoom(Failure),
    /// A segment could not be read. What faulted on it cannot go on.
    ReadFailed(Failure),
    /// Stored bytes are bad. Nothing more is written.
    Corrupt(Corrupt),
}

pub(super) enum State {
    Opening,
    Open,
    Broken,
    /// The records are others: see [`FailureKind::Replaced`].
    Replaced,
}

/// A log record whose append has not been answered.
pub(super) struct InFlight {
    pub(super) commit_to: u64,
    pub(super) record: LogRecord,
    pub(super) bytes: Arc<[u8]>,
    /// The tail with this record.
    pub(super) overlay: Tree,
}

/// The store. See the module.
pub struct Store {
    pub(super) options: Options,
    pub(super) state: State,
    pub(super) head: Head,
    pub(super) head_bytes: Option<Arc<[u8]>>,
    pub(super) base: Tree,
    pub(super) cache: Cache,
    /// The log from `head.log_from` on.
    pub(super) tail: Vec<LogRecord>,
    pub(super) tail_bytes: usize,
    pub(super) durable_seq: u64,
    /// The tail.
    pub(super) durable: Tree,
    /// Whether this tab wrote the last record of the tail.
    pub(super) durable_own: bool,
    /// The tail, then what is in flight, then what is staged.
    pub(super) current: Tree,
    pub(super) in_flight: Option<InFlight>,
    pub(super) staged: Vec<Entry>,
    pub(super) staged_bytes: usize,
    pub(super) commits: u64,
    pub(super) job: Option<Job>,
    pub(super) job_wanted: bool,
    /// Entries of bulk commits that are durable: many, and freed in slices.
    pub(super) spent: Vec<Entry>,
    pub(super) reopen: bool,
    pub(super) lost: bool,
    /// Appends still to be made with care: see `Request::Append`.
    pub(super) contended: u32,
    pub(super) stalled: bool,
    /// A checkpoint has failed: commits go on, the next one waits for `retry`.
    pub(super) checkpoint_stalled: bool,
    pub(super) holds: bool,
    pub(super) wanted: Vec<u32>,
    pub(super) reading: Vec<u32>,
    /// A reader has faulted since the last `trim`: it is not through yet.
    pub(super) reader_waits: bool,
    /// When no reader was waiting, in the cache's time.
    pub(super) calm_at: u64,
    pub(super) missing: Option<u32>,
    pub(super) sent: Vec<(RequestId, Sent)>,
    pub(super) request_next: u32,
    pub(super) events: Vec<Event>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sent {
    Open,
    Append,
    Read,
    Checkpoint,
}

impl Store {
    /// A store that is not open yet: its first request opens it.
    pub fn new(mut options: Options) -> Self {
        // What a log record holds beside its entries is less than 64 bytes.
        options.commit_bytes_max = options.commit_bytes_max.min(options.record_bytes_max.saturating_sub(64));
        Self {
            options,
            state: State::Opening,
            head: Head { log_from: 1, ..Head::default() },
            head_bytes: None,
            base: Tree::default(),
            cache: Cache::new(),
            tail: Vec::new(),
            tail_bytes: 0,
            durable_seq: 0,
            durable: Tree::default(),
            durable_own: false,
            current: Tree::default(),
            in_flight: None,
            staged: Vec::new(),
            staged_bytes: 0,
            commits: 0,
            job: None,
            job_wanted: false,
            spent: Vec::new(),
            reopen: false,
            lost: false,
            contended: 0,
            stalled: false,
            checkpoint_stalled: false,
            holds: false,
            wanted: Vec::new(),
            reading: Vec::new(),
            reader_waits: false,
            calm_at: 0,
            missing: None,
            sent: Vec::new(),
            request_next: 0,
            events: Vec::new(),
        }
    }

    /// Reads what is staged on what is stored.
    pub fn reader(&self) -> Reader<'_> {
        self.reader_over(&self.current)
    }

    /// Reads an overlay that began as a copy of `overlay()`.
    pub fn reader_over<'a>(&'a self, overlay: &'a Tree) -> Reader<'a> {
        Reader { overlay, base: &self.base, segments: &self.cache }
    }

    /// Reads an overlay and a base that were current together.
    pub fn reader_at<'a>(&'a self, base: &'a Tree, overlay: &'a Tree) -> Reader<'a> {
        Reader { overlay, base, segments: &self.cache }
    }

    /// The tree of the last checkpoint. With the overlay of the same time, a
    /// clone of it is a snapshot, for as long as segments are held.
    pub fn base(&self) -> &Tree {
        &self.base
    }

    /// Bytes of work in one slice: see [`Options`].
    pub(crate) fn slice_bytes_max(&self) -> usize {
        self.options.slice_bytes_max
    }

    /// While segments are held, checkpoints of this tab drop none, and memory
    /// keeps those that another tab's have dropped.
    pub fn hold_segments(&mut self, hold: bool) {
        self.holds = hold;
    }

    /// The overlay with everything staged.
    pub fn overlay(&self) -> &Tree {
        &self.current
    }

    /// Commits `entries`: visible at once, durable when an event says so.
    /// Returns the number of the commit.
    pub fn stage(&mut self, entries: Vec<Entry>) -> u64 {
        self.stage_over(entries, None)
    }

    /// As `stage`, where the caller may have put `entries` into a copy of
    /// `overlay()` already: `overlay` is that copy. Without one, nodes that
    /// nobody shares are changed in place. Returns 0 where there is no entry.
    pub fn stage_over(&mut self, mut entries: Vec<Entry>, overlay: Option<Tree>) -> u64 {
        if entries.is_empty() {
            return 0;
        }
        match overlay {
            Some(overlay) => self.current = overlay,
            None => self.current.put_all(&entries),
        }
        self.staged_bytes += entries.iter().map(Entry::bytes).sum::<usize>();
        if self.staged.is_empty() {
            self.staged = entries;
        } else {
            self.staged.append(&mut entries);
        }
        self.commits += 1;
        self.commits
    }

    /// Whether every commit is durable.
    pub fn is_durable(&self) -> bool {
        let bulk = self.job.as_ref().is_some_and(|job| job.bulk);
        self.in_flight.is_none() && self.staged.is_empty() && !bulk
    }

    /// Number of the last log record, when everything read comes from the log
    /// up to it and from nothing else.
    pub fn settled_seq(&self) -> Option<u64> {
        (matches!(self.state, State::Open) && self.is_durable() && !self.reopen).then_some(self.durable_seq)
    }

    /// Asks for a segment that a read faulted on. One that the head does not
    /// list is asked for in vain: the read is told to end.
    pub fn want(&mut self, fault: Fault) {
        if !self.head.holds(fault.segment) {
            let message = "a segment is in no head".into();
            self.events.push(Event::ReadFailed(Failure { kind: FailureKind::Other, message }));
            return;
        }
        self.reader_waits = true;
        self.want_segment(fault.segment);
    }

    /// Asks for a segment that a read may need next, if there is one and it is
    /// not in memory.
    pub fn want_ahead(&mut self, segment: u32) {
        if self.head.holds(segment) && !self.cache.holds(segment) {
            self.want_segment(segment);
        }
    }

    fn want_segment(&mut self, segment: u32) {
        if !self.wanted.contains(&segment) && !self.reading.contains(&segment) {
            self.wanted.push(segment);
        }
    }

    /// Asks for a checkpoint, if there is anything to fold into the tree or
    /// space to win back.
    pub fn checkpoint(&mut self) {
        self.job_wanted = true;
    }

    /// The shell has had nothing to do for a while: a checkpoint, if it is worth
    /// one. Folding a few records would write more than opening saves by it.
    pub fn idle(&mut self) {
        let share = |limit| limit / IDLE_LOG_SHARE;
        let is_long = self.tail_bytes > share(self.options.log_bytes_max)
            || self.tail.len() > share(self.options.log_records_max);
        self.job_wanted |= is_long || self.is_compaction_due();
    }

    /// Whether a checkpoint is asked for or under way.
    pub fn is_checkpointing(&self) -> bool {
        self.job_wanted || self.job.is_some()
    }

    /// Tries again what failed.
    pub fn retry(&mut self) {
        self.stalled = false;
        self.checkpoint_stalled = false;
        self.job_resumes();
    }

    /// Whether the records are others, and nothing is under way any more that could come to those: nothing is asked of them
    /// until `begin_anew`.
    pub(crate) fn is_replaced(&self) -> bool {
        matches!(self.state, State::Replaced) && self.sent.is_empty()
    }

    /// Whether `work` has something to do.
    pub fn has_work(&self) -> bool {
        let held_up = self.stalled || self.reopen || !matches!(self.state, State::Open);
        !held_up && (!self.spent.is_empty() || self.job.as_ref().is_some_and(Job::has_work))
    }

    /// Does a slice of the checkpoint under way, of a few milliseconds at most,
    /// and returns. Between two slices the shell lets others have their turn,
    /// and afterwards asks for the next request. Commits go on meanwhile.
    pub fn work(&mut self) {
        if !self.has_work() {
            return;
        }
        self.spent.truncate(self.spent.len().saturating_sub(SPENT_ENTRIES));
        let Some(job) = &mut self.job else { return };
        match job.work(&self.cache) {
            Ok(()) => {}
            Err(error) => match error.into_why() {
                Why::Fault(Fault::CODE) => {
                    job.faulted = Some(Fault::CODE.segment);
                    self.events.push(Event::CodeWanted);
                }
                Why::Fault(Fault { segment }) if !self.head.holds(segment) => {
                    self.break_down(Corrupt { place: Place::Segment(segment), why: "is in no head" });
                }
                Why::Fault(fault) => {
                    job.faulted = Some(fault.segment);
                    self.want_segment(fault.segment);
                }
                why => self.break_down(why.into_corrupt()),
            },
        }
        self.trim();
    }

    /// What the checkpoint waited for may be there.
    pub(super) fn job_resumes(&mut self) {
        if let Some(job) = &mut self.job {
            job.faulted = None;
        }
    }

    /// A read has been through without a fault, and needs nothing any more: a
    /// reader that goes from range to range would else keep all of them.
    pub fn read_ended(&mut self) {
        self.reader_waits = false;
        self.trim();
    }

    /// Frees memory above the cache budget. What a reader has used that faulted
    /// stays until it has been through without a fault; what it has faulted on
    /// more than the budget can hold, all the same.
    pub fn trim(&mut self) {
        let faulted = self.job.as_ref().and_then(|job| job.faulted);
        let loading = self.wanted.iter().chain(&self.reading).any(|segment| Some(*segment) != faulted);
        if !loading && !core::mem::take(&mut self.reader_waits) {
            self.calm_at = self.cache.now();
        }
        let needed = self.job.as_ref().and_then(|job| job.needs_from);
        self.cache.trim(self.options.cache_bytes_max, needed.map_or(self.calm_at, |from| from.min(self.calm_at)));
    }

    /// The decoded head, for inspection.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// Verifies the whole base tree; faults like a read.
    pub fn check(&self) -> Result<crate::tree::check::Report, crate::stop::Stop> {
        self.base.check(&self.cache)
    }

    /// Takes in a log record that another tab has written.
    pub fn offer(&mut self, seq: u64, bytes: &[u8]) {
        if seq <= self.durable_seq || !matches!(self.state, State::Open) {
            return;
        }
        // With commits of our own under way, their append will conflict and the
        // whole tail be read; the same where a record in between was missed.
        let idle = self.is_durable() && !self.reopen;
        match LogRecord::decode(seq, bytes) {
            Ok(record) if idle && seq == self.durable_seq + 1 && !record.in_checkpoint => {
                self.current.put_all(&record.entries);
                self.durable = self.current.clone();
                self.durable_own = false;
                let keys = record.entries.iter().map(|entry| entry.key.clone()).collect();
                self.push_durable(record, bytes.len());
                self.events.push(Event::Rebased { lost: false, foreign: true, keys: Some(keys) });
            }
            _ => self.reopen = true,
        }
    }

    /// The next operation for the record store. Call until `None`, and again
    /// after every response.
    pub fn next_request(&mut self) -> Option<(RequestId, Request)> {
        if self.stalled || matches!(self.state, State::Broken | State::Replaced) {
            return None;
        }
        if matches!(self.state, State::Opening) {
            let opening = self.is_sent(Sent::Open);
            return (!opening).then(|| self.send(Sent::Open, Request::Open { log_after: None }));
        }
        if self.reopen {
            let busy = self.is_sent(Sent::Open) || self.is_sent(Sent::Append) || self.is_sent(Sent::Checkpoint);
            if !busy {
                // The last record known comes along: if it is gone and no newer head
                // tells why, this is another database.
                let log_after = self.durable_seq.checked_sub(1);
                return Some(self.send(Sent::Open, Request::Open { log_after }));
            }
            return self.next_read();
        }
        self.next_write().or_else(|| self.next_checkpoint()).or_else(|| self.next_read())
    }

    /// As `next_request`, for where nobody else wants a turn: what work there is
    /// before the next request, it does.
    pub fn next_request_worked(&mut self) -> Option<(RequestId, Request)> {
        loop {
            let next = self.next_request();
            if next.is_some() || !self.has_work() {
                return next;
            }
            self.work();
        }
    }

    fn next_read(&mut self) -> Option<(RequestId, Request)> {
        if self.wanted.is_empty() {
            return None;
        }
        let segments = core::mem::take(&mut self.wanted);
        self.reading.extend(&segments);
        Some(self.send(Sent::Read, Request::Read { segments }))
    }

    fn next_write(&mut self) -> Option<(RequestId, Request)> {
        let bulk_job = self.job.as_ref().is_some_and(|job| job.bulk);
        if self.in_flight.is_some() || self.staged.is_empty() || bulk_job {
            return None;
        }
        if self.is_bulk_staged() {
            self.job_wanted = true;
            return None;
        }
        let entries = core::mem::take(&mut self.staged);
        self.staged_bytes = 0;
        let record = LogRecord { seq: self.durable_seq + 1, in_checkpoint: false, entries };
        let bytes: Arc<[u8]> = record.encode().into();
        self.contended = self.contended.saturating_sub(1);
        let request = Request::Append { seq: record.seq, bytes: bytes.clone(), checked: self.contended > 0 };
        self.in_flight = Some(InFlight { commit_to: self.commits, record, bytes, overlay: self.current.clone() });
        Some(self.send(Sent::Append, request))
    }

    /// Whether what is staged goes into a checkpoint of its own. Where other
    /// tabs write at the same time it does not: they would be faster each time.
    fn is_bulk_staged(&self) -> bool {
        self.staged_bytes > self.options.commit_bytes_max
            && (self.contended == 0 || self.staged_bytes > self.options.record_bytes_max)
    }

    fn next_checkpoint(&mut self) -> Option<(RequestId, Request)> {
        if self.checkpoint_stalled {
            return None;
        }
        let bulk = self.is_bulk_staged();
        if bulk {
            // A checkpoint that is not being written gives way: this one covers it.
            self.job.take_if(|job| !job.bulk && job.written.is_none());
        }
        if self.job.is_none() {
            if !(self.job_wanted || self.is_log_full()) || (bulk && self.in_flight.is_some()) {
                return None;
            }
            self.job_wanted = false;
            let is_current = self.head.version == FORMAT_VERSION;
            if !bulk && self.tail_bytes == 0 && is_current && !self.is_compaction_due() {
                return None;
            }
            self.job = Some(Job::new(self, bulk, self.commits));
        }
        let job = self.job.as_mut().filter(|job| job.is_ready())?;
        let request = Request::Checkpoint(job.request(&self.head, self.head_bytes.clone(), self.holds));
        Some(self.send(Sent::Checkpoint, request))
    }

    pub(super) fn is_compaction_due(&self) -> bool {
        compaction::is_due(&self.head.segments, self.options.segment_bytes)
    }

    fn is_log_full(&self) -> bool {
        // Else every tab would begin the same checkpoint, and all but one in vain.
        let times = if self.durable_own { 1 } else { 2 };
        self.tail_bytes > times * self.options.log_bytes_max || self.tail.len() > times * self.options.log_records_max
    }

    fn send(&mut self, sent: Sent, request: Request) -> (RequestId, Request) {
        let id = RequestId(self.request_next);
        self.request_next = self.request_next.wrapping_add(1);
        self.sent.push((id, sent));
        (id, request)
    }

    fn is_sent(&self, sent: Sent) -> bool {
        self.sent.iter().any(|(_, other)| *other == sent)
    }

    /// What happened since the last call.
    pub fn next_event(&mut self) -> Option<Event> {
        // Few wait at a time.
        if self.events.is_empty() { None } else { Some(self.events.remove(0)) }
    }
}
