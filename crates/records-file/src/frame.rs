//! The bytes of the file.
//!
//! [`MAGIC`], then frames. A frame, integers little-endian:
//!
//! | offset | field | bytes |
//! |---|---|---|
//! | 0 | mark: where a frame may begin | 4 |
//! | 4 | checksum: XXH64 with seed 0 over all that follows | 8 |
//! | 12 | length of the content | 8 |
//! | 20 | bytes of the file that were known to be on disk | 8 |
//! | 28 | content | |
//!
//! The content is a list of changes, done together: a tag and what it needs.
//! Bytes stand behind their length in 8 bytes.
//!
//! | tag | change | what follows |
//! |---|---|---|
//! | 1 | a log record is added | number: 8 bytes; its bytes |
//! | 2 | a segment is added | number: 4 bytes; its bytes |
//! | 3 | the head is replaced | its bytes |
//! | 4 | a segment is dropped | number: 4 bytes |
//! | 5 | log records below a number are dropped | number: 8 bytes |

use pannier::format::checksum;

/// How every file begins; the last byte is the version.
pub const MAGIC: &[u8; 16] = b"pannier records\x01";
/// How every frame begins.
pub const MARK: &[u8; 4] = b"\xF0pnr";
/// Bytes before the content.
pub const HEADER_BYTES: usize = 28;

/// A frame being put together.
pub struct FrameWriter(Vec<u8>);

impl FrameWriter {
    /// An empty frame for a file of which `synced` bytes are on disk.
    pub fn new(synced: u64) -> Self {
        let mut bytes = checksum::begin(HEADER_BYTES);
        bytes.extend_from_slice(&[0; 8]);
        bytes.extend_from_slice(&synced.to_le_bytes());
        Self(bytes)
    }

    /// Adds a log record.
    pub fn log(&mut self, seq: u64, bytes: &[u8]) {
        self.0.push(1);
        self.0.extend_from_slice(&seq.to_le_bytes());
        self.bytes(bytes);
    }

    /// Adds a segment.
    pub fn segment(&mut self, segment: u32, bytes: &[u8]) {
        self.0.push(2);
        self.0.extend_from_slice(&segment.to_le_bytes());
        self.bytes(bytes);
    }

    /// Replaces the head.
    pub fn head(&mut self, bytes: &[u8]) {
        self.0.push(3);
        self.bytes(bytes);
    }

    /// Drops a segment.
    pub fn drop_segment(&mut self, segment: u32) {
        self.0.push(4);
        self.0.extend_from_slice(&segment.to_le_bytes());
    }

    /// Drops the log records below a number.
    pub fn drop_log_below(&mut self, seq: u64) {
        self.0.push(5);
        self.0.extend_from_slice(&seq.to_le_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        self.0.extend_from_slice(bytes);
    }

    /// The finished frame.
    pub fn finish(mut self) -> Vec<u8> {
        let length = (self.0.len() + MARK.len() - HEADER_BYTES) as u64;
        self.0[8..16].copy_from_slice(&length.to_le_bytes());
        checksum::seal(&mut self.0);
        [&MARK[..], &self.0].concat()
    }
}

/// A whole frame that was read.
pub struct Frame<'a> {
    /// Its bytes in the file.
    pub length: usize,
    /// Bytes of the file that were on disk when it was written.
    pub synced: u64,
    content: &'a [u8],
}

impl<'a> Frame<'a> {
    /// The frame that `bytes` begin with, or `None` where there is no whole one.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let header = bytes.get(..HEADER_BYTES)?;
        let word = |at: usize| header[at..at + 8].try_into().ok().map(u64::from_le_bytes);
        let length = HEADER_BYTES.checked_add(usize::try_from(word(12)?).ok()?)?;
        let sealed = bytes.get(MARK.len()..length)?;
        let is_sound = header.starts_with(MARK) && checksum::open(sealed).is_some();
        is_sound.then_some(Self { length, synced: word(20)?, content: &bytes[HEADER_BYTES..length] })
    }

    /// Whether it changes nothing. Such a frame stands behind others when the
    /// file is closed, to prove that they are on disk.
    pub fn is_empty(&self) -> bool {
        self.content.is_empty()
    }

    /// The changes in order; `None` in place of one that is malformed, which ends them.
    pub fn changes(&self) -> Changes<'a> {
        Changes { rest: self.content, at: HEADER_BYTES }
    }
}

/// A change; places are bytes from the start of the frame, and lengths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// A log record is added.
    Log(u64, Span),
    /// A segment is added.
    Segment(u32, Span),
    /// The head is replaced.
    Head(Span),
    /// A segment is dropped.
    DropSegment(u32),
    /// Log records below a number are dropped.
    DropLogBelow(u64),
}

/// Where bytes lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Offset of the first.
    pub at: u64,
    /// How many.
    pub length: usize,
}

/// See [`Frame::changes`].
pub struct Changes<'a> {
    rest: &'a [u8],
    at: usize,
}

impl Changes<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        self.at += N;
        Some(*taken)
    }

    fn number(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    fn span(&mut self) -> Option<Span> {
        let length = usize::try_from(self.number()?).ok()?;
        let span = Span { at: self.at as u64, length };
        self.rest = self.rest.get(length..)?;
        self.at += length;
        Some(span)
    }

    fn change(&mut self) -> Option<Change> {
        Some(match self.take()? {
            [1] => Change::Log(self.number()?, self.span()?),
            [2] => Change::Segment(self.take().map(u32::from_le_bytes)?, self.span()?),
            [3] => Change::Head(self.span()?),
            [4] => Change::DropSegment(self.take().map(u32::from_le_bytes)?),
            [5] => Change::DropLogBelow(self.number()?),
            _ => return None,
        })
    }
}

impl Iterator for Changes<'_> {
    type Item = Option<Change>;

    fn next(&mut self) -> Option<Option<Change>> {
        if self.rest.is_empty() {
            return None;
        }
        let change = self.change();
        if change.is_none() {
            self.rest = &[];
        }
        Some(change)
    }
}
