//! The record store.

use crate::error::OpenError;
use crate::frame::{Frame, FrameWriter, MAGIC, Span};
use crate::records::{Records, checkpoint_frame};
use crate::scan::scan;
use pannier::store::{Checkpoint, Failure, FailureKind, Request, Response};
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// What a file may take beyond twice its records before it is written anew: a
/// small one changes wholly all the time.
const SLACK_BYTES: u64 = 1024 * 1024;

/// What an answer promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// What was answered for survives the end of the process. Checkpoints
    /// survive the end of the machine.
    Relaxed,
    /// What was answered for survives the end of the machine.
    Strict,
}

/// A record store in a file. It is open in one process at a time.
#[derive(Debug)]
pub struct FileRecords {
    path: PathBuf,
    file: File,
    durability: Durability,
    records: Records,
    /// Bytes of whole frames.
    end: u64,
    /// Of these, known to be on disk.
    synced: u64,
    /// A frame behind the others tells that they are on disk.
    is_proved: bool,
    is_read_only: bool,
    slack_bytes: u64,
    /// A write failed and could not be undone, or it is not known what of it is
    /// on disk. Opened anew, the file tells.
    broken: bool,
}

impl FileRecords {
    /// Opens `path`, or makes it. What a write that was cut short has left
    /// behind is cut off.
    ///
    /// # Errors
    /// Where the file is open elsewhere, is something else, or is damaged.
    pub fn open(path: &Path, durability: Durability) -> Result<Self, OpenError> {
        let file = lock(path)?;
        // Left behind by a process that ended while it wrote the file anew.
        match fs::remove_file(beside(path)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        let mut store = Self {
            path: path.into(),
            file,
            durability,
            records: Records::default(),
            end: 0,
            synced: 0,
            is_proved: false,
            // Until it is known to be a store: nothing is written to another file.
            is_read_only: true,
            slack_bytes: SLACK_BYTES,
            broken: false,
        };
        let bytes = store.read_all()?;
        // A new file: one whose first frame is not whole was never answered for.
        if bytes.len() < MAGIC.len() && MAGIC.starts_with(&bytes) {
            store.write_anew()?;
            store.is_read_only = false;
            return Ok(store);
        }
        let scanned = scan(&bytes)?;
        store.records = scanned.records;
        store.end = scanned.end;
        store.is_proved = scanned.is_proved;
        store.is_read_only = false;
        if (bytes.len() as u64) > store.end {
            store.file.set_len(store.end)?;
        }
        // Only now is it known what is on disk.
        store.sync()?;
        Ok(store)
    }

    /// Opens `path` to look at it, and leaves it as it is.
    ///
    /// # Errors
    /// As `open`, and where there is no file.
    pub fn open_read_only(path: &Path) -> Result<Self, OpenError> {
        let mut file = File::open(path)?;
        file.try_lock_shared().map_err(locked)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let scanned = scan(&bytes)?;
        Ok(Self {
            path: path.into(),
            file,
            durability: Durability::Relaxed,
            records: scanned.records,
            end: scanned.end,
            synced: scanned.end,
            is_proved: scanned.is_proved,
            is_read_only: true,
            slack_bytes: SLACK_BYTES,
            broken: false,
        })
    }

    /// The file is written anew when it takes `bytes` more than twice its
    /// records; 1 MiB where this is not called.
    #[must_use]
    pub fn with_slack(mut self, bytes: u64) -> Self {
        self.slack_bytes = bytes;
        self
    }

    /// Bytes of the file, without what was cut short.
    pub fn bytes(&self) -> u64 {
        self.end
    }

    /// Does what `request` asks.
    pub fn execute(&mut self, request: &Request) -> Response {
        if self.broken {
            let message = "an earlier write failed: open the file anew".into();
            return Response::Failed(Failure { kind: FailureKind::Unavailable, message });
        }
        let done = match request {
            Request::Open { log_after } => self.opened(*log_after),
            Request::Append { seq, bytes, .. } => self.append(*seq, bytes),
            Request::Read { segments } => self.read(segments),
            Request::Checkpoint(checkpoint) => self.checkpoint(checkpoint),
        };
        done.unwrap_or_else(|error| Response::Failed(failure(&error)))
    }

    fn opened(&mut self, log_after: Option<u64>) -> io::Result<Response> {
        let head = self.records.head.map(|span| self.bytes_at(span)).transpose()?;
        let from = log_after.map_or(0, |after| after.saturating_add(1));
        let log = self.records.log.range(from..).map(|(seq, span)| Ok((*seq, self.bytes_at(*span)?)));
        Ok(Response::Opened { head, log: log.collect::<io::Result<_>>()?, segments: Vec::new() })
    }

    fn append(&mut self, seq: u64, bytes: &[u8]) -> io::Result<Response> {
        if !self.records.follows(seq) {
            return Ok(Response::Conflict);
        }
        let mut frame = FrameWriter::new(self.synced);
        frame.log(seq, bytes);
        self.put(&frame.finish(), self.durability == Durability::Strict)?;
        Ok(Response::Done)
    }

    fn read(&mut self, segments: &[u32]) -> io::Result<Response> {
        let read = segments.iter().map(|segment| {
            let span = self.records.segments.get(segment);
            Ok((*segment, span.map(|span| self.bytes_at(*span)).transpose()?))
        });
        Ok(Response::Segments(read.collect::<io::Result<_>>()?))
    }

    fn checkpoint(&mut self, checkpoint: &Checkpoint) -> io::Result<Response> {
        let head = self.records.head.map(|span| self.bytes_at(span)).transpose()?;
        let follows = checkpoint.append.as_ref().is_none_or(|(seq, _)| self.records.follows(*seq));
        if head.as_deref() != checkpoint.head_before.as_deref() || !follows {
            return Ok(Response::Conflict);
        }
        self.put(&checkpoint_frame(checkpoint, self.synced), true)?;
        if self.end > 2 * self.records.bytes() + self.slack_bytes {
            // The checkpoint is done; a failure here leaves the old file as it is.
            let _ = self.write_anew();
        }
        Ok(Response::Done)
    }

    /// Writes a frame at the end. On a failure nothing has changed.
    fn put(&mut self, frame: &[u8], sync: bool) -> io::Result<()> {
        let written = self.file.seek(SeekFrom::Start(self.end)).and_then(|_| self.file.write_all(frame));
        if let Err(error) = written {
            self.broken = self.file.set_len(self.end).is_err();
            return Err(error);
        }
        if sync && let Err(error) = self.file.sync_data() {
            // What of it is on disk cannot be known any more.
            self.broken = true;
            return Err(error);
        }
        let offset = self.end;
        let parsed = Frame::parse(frame).ok_or(io::ErrorKind::InvalidData)?;
        if let Err(why) = self.records.apply(offset, &parsed) {
            self.broken = true;
            return Err(io::Error::new(io::ErrorKind::InvalidData, why));
        }
        self.end += frame.len() as u64;
        self.is_proved = parsed.is_empty();
        if sync {
            self.synced = self.end;
        }
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()?;
        self.synced = self.end;
        Ok(())
    }

    /// Writes a file with the records alone, and puts it in the place of this one.
    fn write_anew(&mut self) -> io::Result<()> {
        let mut frame = FrameWriter::new(0);
        for (seq, span) in &self.records.log {
            frame.log(*seq, &self.bytes_at(*span)?);
        }
        if self.records.log.is_empty() {
            frame.log(0, &[]);
        }
        for (segment, span) in &self.records.segments {
            frame.segment(*segment, &self.bytes_at(*span)?);
        }
        if let Some(span) = self.records.head {
            frame.head(&self.bytes_at(span)?);
        }
        let bytes = [&MAGIC[..], &frame.finish()].concat();
        let anew = beside(&self.path);
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&anew)?;
        file.lock()?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        let scanned = scan(&bytes).map_err(|error| io::Error::other(error.to_string()))?;
        fs::rename(&anew, &self.path)?;
        // From here on the new file is the one that others would open. Until the folder
        // is on disk too, it may be the old one again after a crash.
        self.file = file;
        (self.records, self.end, self.synced) = (scanned.records, scanned.end, scanned.end);
        self.is_proved = false;
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let synced = File::open(folder.unwrap_or(Path::new("."))).and_then(|folder| folder.sync_all());
        self.broken = synced.is_err();
        synced
    }

    fn bytes_at(&self, span: Span) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; span.length];
        let mut file = &self.file;
        file.seek(SeekFrom::Start(span.at))?;
        file.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn read_all(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.file.seek(SeekFrom::Start(0))?;
        self.file.read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

impl Drop for FileRecords {
    /// Proves the last frame, so that damage to it is not taken for a torn write.
    fn drop(&mut self) {
        if !self.is_read_only && !self.broken && !self.is_proved && self.sync().is_ok() {
            // Without it the file is as good as one that was not closed.
            let _ = self.put(&FrameWriter::new(self.synced).finish(), false);
        }
    }
}

/// Opens the file and keeps others out.
fn lock(path: &Path) -> Result<File, OpenError> {
    loop {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        file.try_lock().map_err(locked)?;
        // Whoever had it before may have put a new file in its place meanwhile.
        if is_at(&file, path)? {
            return Ok(file);
        }
    }
}

#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let (held, found) = (file.metadata()?, fs::metadata(path)?);
    Ok((held.dev(), held.ino()) == (found.dev(), found.ino()))
}

/// Elsewhere a file that is open cannot be replaced.
#[cfg(not(unix))]
fn is_at(_: &File, _: &Path) -> io::Result<bool> {
    Ok(true)
}

/// The name of a file that is being written to take the place of `path`.
fn beside(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".new");
    name.into()
}

fn locked(error: TryLockError) -> OpenError {
    match error {
        TryLockError::WouldBlock => OpenError::Locked,
        TryLockError::Error(error) => error.into(),
    }
}

fn failure(error: &io::Error) -> Failure {
    let kind = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => FailureKind::Quota,
        io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied => FailureKind::Unavailable,
        _ => FailureKind::Other,
    };
    Failure { kind, message: error.to_string() }
}
