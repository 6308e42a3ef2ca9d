//! The errors of the tape, one type for each thing that a caller does: open, read, commit.
//!
//! Messages say where and what to do; the cause is the source. Nobody branches on their text.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use barkeep_schemas::{DecodeError, Seq};

use crate::disk::is_not_regular;
use crate::lock::{Holder, LockError};
use crate::paths::SegmentName;
use crate::row::Damage;

/// Why the tape could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// A file or folder of the tape could not be opened or listed.
    #[error("{path} could not be read: {advice}", path = path.display(), advice = reading_advice(source))]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// redb could not open or read a segment.
    #[error("{path} could not be read as a segment: run `barkeep tape verify`", path = path.display())]
    Redb {
        /// The segment's file.
        path: PathBuf,
        /// What redb said.
        #[source]
        source: Box<redb::Error>,
    },
    /// The segment was not closed cleanly and its writer is still busy repairing it.
    #[error(
        "{path} is being repaired by process {pid} ({command}) and was not ready after {waited_ms} ms: try again",
        path = path.display(), pid = holder.pid, command = holder.command
    )]
    Repairing {
        /// The segment's file.
        path: PathBuf,
        /// The writer.
        holder: Holder,
        /// How long was waited, in milliseconds.
        waited_ms: u64,
    },
    /// Stored bytes are not what was written.
    #[error(
        "{path}: the {table} row at key {key} is damaged: run `barkeep tape verify` and restore the segment",
        path = path.display()
    )]
    Damaged {
        /// The segment's file.
        path: PathBuf,
        /// The table: `meta`, `tail` or `blocks`.
        table: &'static str,
        /// The row's key (its first position); 0 in `meta`.
        key: u64,
        /// What is wrong.
        #[source]
        why: Damage,
    },
    /// The segment was written by a newer barkeep.
    #[error("{path} has format {found}, this build reads up to {supported}: upgrade barkeep", path = path.display())]
    NewerFormat {
        /// The segment's file.
        path: PathBuf,
        /// The format found.
        found: u32,
        /// The newest format that this build reads.
        supported: u32,
    },
    /// An event was written by a newer barkeep.
    #[error("{path}: the event at seq {seq} was written by a newer barkeep: upgrade barkeep", path = path.display())]
    NewerEvent {
        /// The segment's file.
        path: PathBuf,
        /// The event's position.
        seq: Seq,
        /// Which kind and version.
        #[source]
        source: DecodeError,
    },
    /// A segment's file has the name of another, or there is a copy of it.
    #[error("{path}: its header says {header}: give the file its own name, or take the copy away", path = path.display())]
    Misnamed {
        /// The file.
        path: PathBuf,
        /// The name in the header.
        header: SegmentName,
    },
    /// Positions do not run on: something is missing or there twice.
    #[error("{path}: expected seq {expected}, found seq {found}: run `barkeep tape verify`", path = path.display())]
    Broken {
        /// The file in which the wrong position lies.
        path: PathBuf,
        /// The position that should come next.
        expected: Seq,
        /// The position that comes next.
        found: Seq,
    },
    /// A segment ends before its last event.
    #[error("{path}: ends before seq {expected}, its last is {last}: run `barkeep tape verify`", path = path.display())]
    Short {
        /// The segment's file.
        path: PathBuf,
        /// The position that should come next.
        expected: Seq,
        /// The segment's last position, by its header or as it was when the tape was opened.
        last: Seq,
    },
    /// A follower asks for events that were pruned.
    #[error("seq {wanted} is no longer on the tape, the next that is there is {next}: rebuild what follows from there")]
    Gone {
        /// The position asked for.
        wanted: Seq,
        /// The next position that is still there.
        next: Seq,
    },
    /// A follower has a cursor that lies beyond the tape: it followed another one.
    #[error("the cursor says seq {after} but the tape ends at {last}: it belongs to another tape, reset it")]
    Beyond {
        /// The follower's last position.
        after: Seq,
        /// The tape's last position.
        last: Seq,
    },
    /// The lock could not be asked for its holder.
    #[error(transparent)]
    Lock(#[from] LockError),
}

impl ReadError {
    /// The reason that goes with exit code 3 when the tape itself is wrong; `None` for an environment that keeps it from
    /// being read.
    pub fn fatal_reason(&self) -> Option<&'static str> {
        match self {
            Self::Damaged { .. } | Self::Broken { .. } | Self::Short { .. } | Self::Misnamed { .. } => Some("damaged"),
            Self::Redb { source, .. } => is_damage(source).then_some("damaged"),
            Self::File { .. }
            | Self::Repairing { .. }
            | Self::NewerFormat { .. }
            | Self::NewerEvent { .. }
            | Self::Gone { .. }
            | Self::Beyond { .. }
            | Self::Lock(_) => None,
        }
    }

    pub(crate) fn redb(path: &std::path::Path, error: impl Into<redb::Error>) -> Self {
        Self::Redb { path: path.to_path_buf(), source: Box::new(error.into()) }
    }
}

/// What helps when the system refused a file that should be read.
fn reading_advice(error: &io::Error) -> &'static str {
    if is_not_regular(error) {
        "move it away, barkeep did not make it"
    } else {
        "check that it is there and that this user may read it"
    }
}

/// Whether redb met a file that it did not write so, rather than a system that keeps it from reading. A file that is cut
/// short, empty or another's comes as an I/O error too.
fn is_damage(error: &redb::Error) -> bool {
    use io::ErrorKind::{InvalidData, UnexpectedEof};
    if let redb::Error::Io(error) = error {
        return matches!(error.kind(), InvalidData | UnexpectedEof);
    }
    matches!(error, redb::Error::Corrupted(_))
}

/// A file or folder of a backup or a restore could not be worked on.
#[derive(Debug, thiserror::Error)]
#[error("{path} could not be {step}: check the disk, its room and the folder's mode", path = path.display())]
pub struct FileError {
    /// The file or folder.
    pub path: PathBuf,
    /// What was being done, as a participle.
    pub step: &'static str,
    /// What the system said.
    #[source]
    pub source: io::Error,
}

impl FileError {
    /// For `map_err`.
    pub(crate) fn at(path: &std::path::Path, step: &'static str) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self { path, step, source }
    }
}

/// Why the tape could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process writes, or the lock could not be taken.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// A segment could not be read; the variants of [`ReadError`] tell newer formats from damage.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A folder or file could not be prepared for writing.
    #[error("{path} could not be prepared for writing: check its owner, its mode and the disk", path = path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A segment that was not closed cleanly could not be repaired. The tape itself is whole.
    #[error(
        "{path} could not be repaired ({reason}): free space or replace the disk, then start again",
        path = path.display(), reason = reason.word()
    )]
    Repair {
        /// The segment's file.
        path: PathBuf,
        /// The reason in one word.
        reason: HaltReason,
        /// What redb said.
        #[source]
        source: Box<redb::Error>,
    },
    /// A segment that is not the newest still takes events.
    #[error("{path} is not sealed although a newer segment exists: run `barkeep tape verify`", path = path.display())]
    NotSealed {
        /// The segment's file.
        path: PathBuf,
    },
}

impl OpenError {
    /// The reason that goes with exit code 3: the tape itself is wrong, or the disk is full or broken.
    pub fn fatal_reason(&self) -> Option<&'static str> {
        let full = |source| Some(HaltReason::of_io(source)).filter(|reason| *reason == HaltReason::DiskFull);
        match self {
            Self::Read(error) => error.fatal_reason(),
            Self::NotSealed { .. } => Some(HaltReason::Damaged.word()),
            Self::Repair { reason, .. } => Some(reason.word()),
            Self::File { source, .. } | Self::Lock(LockError::File { source, .. }) => {
                full(source).map(HaltReason::word)
            }
            Self::Lock(LockError::Held { .. }) => None,
        }
    }

    /// What redb said while it repaired a segment: an error of the disk, or of the segment.
    pub(crate) fn repair(path: &std::path::Path, error: impl Into<redb::Error>) -> Self {
        let source = error.into();
        match HaltReason::of_redb(&source) {
            HaltReason::Damaged => ReadError::redb(path, source).into(),
            reason @ (HaltReason::DiskFull | HaltReason::SyncFailed) => {
                Self::Repair { path: path.to_path_buf(), reason, source: Box::new(source) }
            }
        }
    }
}

/// Why going on is forbidden: the word that goes with exit code 3.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum HaltReason {
    /// No room: the disk, a quota or a file size limit.
    DiskFull,
    /// The disk or the system refused to write or to sync.
    SyncFailed,
    /// The open segment's file contradicts itself.
    Damaged,
}

impl HaltReason {
    /// The word: `disk_full`, `sync_failed` or `damaged`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::DiskFull => "disk_full",
            Self::SyncFailed => "sync_failed",
            Self::Damaged => "damaged",
        }
    }

    /// What an error of the system means for the tape.
    pub fn of_io(error: &io::Error) -> Self {
        use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
        if matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge) {
            Self::DiskFull
        } else {
            Self::SyncFailed
        }
    }

    fn of_redb(error: &redb::Error) -> Self {
        if let redb::Error::Io(error) = error {
            return Self::of_io(error);
        }
        if matches!(error, redb::Error::PreviousIo) { Self::SyncFailed } else { Self::Damaged }
    }
}

/// Why events did not reach the tape. A clone tells the same reason, so that a poisoned writer can repeat it.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CommitError {
    /// No segment is open to take events.
    #[error("no segment is open for seq {next}: begin one first")]
    NoSegment {
        /// The position that the next event would have taken.
        next: Seq,
    },
    /// The events between two cuts are too large for one row.
    #[error("the events up to seq {seq} need {bytes} bytes in one row, the most is {limit}: send smaller events")]
    TooLarge {
        /// The event that was too much.
        seq: Seq,
        /// Bytes needed.
        bytes: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The transaction did not become durable.
    #[error(
        "{path}: events from seq {seq} are not durable ({reason}): free space or replace the disk, then restart",
        path = path.display(), reason = reason.word()
    )]
    Halt {
        /// The segment's file.
        path: PathBuf,
        /// The first position that is not durable.
        seq: Seq,
        /// The reason in one word.
        reason: HaltReason,
        /// What redb said.
        #[source]
        source: Arc<redb::Error>,
    },
    /// A file of a new or a sealed segment could not be made, named or synced.
    #[error(
        "{path}: could not {step} at seq {seq} ({reason}): check the disk and its permissions, then restart",
        path = path.display(), reason = reason.word()
    )]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What was being done.
        step: &'static str,
        /// The next position of the tape.
        seq: Seq,
        /// The reason in one word.
        reason: HaltReason,
        /// What the system said.
        #[source]
        source: Arc<io::Error>,
    },
    /// The thread that writes is gone.
    #[error("the thread that writes the tape has ended after seq {durable}: restart")]
    ThreadEnded {
        /// The last durable position.
        durable: Seq,
    },
}

impl CommitError {
    /// The reason that goes with exit code 3; `None` when the caller misused the tape.
    pub const fn halt_reason(&self) -> Option<HaltReason> {
        match self {
            Self::Halt { reason, .. } | Self::File { reason, .. } => Some(*reason),
            Self::ThreadEnded { .. } => Some(HaltReason::SyncFailed),
            Self::NoSegment { .. } | Self::TooLarge { .. } => None,
        }
    }

    pub(crate) fn halt(path: &std::path::Path, seq: Seq, error: impl Into<redb::Error>) -> Self {
        let source = error.into();
        Self::Halt { path: path.to_path_buf(), seq, reason: HaltReason::of_redb(&source), source: Arc::new(source) }
    }

    pub(crate) fn file(path: &std::path::Path, step: &'static str, seq: Seq, source: io::Error) -> Self {
        let reason = HaltReason::of_io(&source);
        Self::File { path: path.to_path_buf(), step, seq, reason, source: Arc::new(source) }
    }
}
