//! The lock that makes a process the one writer of a data directory.
//!
//! An exclusive lock on `LOCK`, whose content names the holder. The file is never deleted: deleting a locked file lets two
//! processes lock two files of the same name. Called by [`crate::Writer`], by readers that meet an unclean file, and by
//! commands that choose between the lock and the daemon's socket.

use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crate::disk::{Disk, LockGuard, is_not_regular};
use crate::paths::DataDir;

/// How often a taken lock is tried again: a probe by [`Lock::holder`] takes it for some microseconds.
const TRIES: u32 = 20;

/// The pause between two tries.
const PAUSE: Duration = Duration::from_millis(5);

/// The longest holder line that is read back.
const LINE_BYTES_MAX: usize = 512;

/// Who holds the lock.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Holder {
    /// The process id; 0 when the holder has not yet written it.
    pub pid: u32,
    /// The command that it runs; empty when it has not yet written it.
    pub command: String,
}

/// Why the lock was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process writes to this data directory.
    #[error(
        "{path} is held by process {pid} ({command}): wait for its end, or stop it, and give the command again",
        path = path.display(), pid = holder.pid, command = holder.command
    )]
    Held {
        /// The lock file.
        path: PathBuf,
        /// Who holds it.
        holder: Holder,
    },
    /// The lock file could not be opened, locked or written.
    #[error("{path} could not be locked: {advice}", path = path.display(), advice = advice(source))]
    File {
        /// The lock file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// What helps when the lock file cannot be had.
fn advice(error: &io::Error) -> &'static str {
    use io::ErrorKind::{PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    if is_not_regular(error) {
        "move it away, barkeep did not make it"
    } else if matches!(error.kind(), StorageFull | QuotaExceeded) {
        "there is no room for it, free space"
    } else if matches!(error.kind(), PermissionDenied | ReadOnlyFilesystem) {
        "check that this user may write it, and its folder"
    } else {
        "check that the data directory is there and that the disk is sound"
    }
}

/// The held lock; dropping it, or the end of the process, releases it.
#[derive(Debug)]
pub struct Lock {
    _guard: Box<dyn LockGuard>,
}

impl Lock {
    /// Takes the lock for `command` and writes the holder's line.
    ///
    /// # Errors
    /// [`LockError::Held`] at once (100 ms) when another holds it, [`LockError::File`] when the system refuses.
    pub fn acquire(dir: &DataDir, command: &str) -> Result<Self, LockError> {
        let path = dir.lock();
        let line = holder_line(command);
        for _ in 0..TRIES {
            match dir.disk().try_lock(&path, line.as_bytes()) {
                Ok(Some(guard)) => return Ok(Self { _guard: guard }),
                Ok(None) => thread::sleep(PAUSE),
                Err(source) => return Err(LockError::File { path, source }),
            }
        }
        Err(LockError::Held { holder: read_holder(dir.disk(), &path), path })
    }

    /// Who holds the lock now; `None` when nobody does, or when there is no lock file.
    ///
    /// # Errors
    /// [`LockError::File`] when the lock file is there but cannot be asked.
    pub fn holder(dir: &DataDir) -> Result<Option<Holder>, LockError> {
        let path = dir.lock();
        match dir.disk().is_locked(&path) {
            Ok(locked) => Ok(locked.then(|| read_holder(dir.disk(), &path))),
            Err(source) => Err(LockError::File { path, source }),
        }
    }
}

/// The content of the lock file: `pid command`, on one line.
fn holder_line(command: &str) -> String {
    let command: String = command.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect();
    format!("{} {command}\n", std::process::id())
}

/// Reads the holder's line; an empty holder when there is none yet. The content is for people: nothing is decided on it.
fn read_holder(disk: &dyn Disk, path: &Path) -> Holder {
    // A file that cannot be read names nobody, and the lock itself has already answered.
    let line = disk.read(path).unwrap_or_default();
    let line = String::from_utf8_lossy(line.get(..LINE_BYTES_MAX).unwrap_or(&line));
    let (pid, command) = line.trim_end().split_once(' ').unwrap_or((line.trim_end(), ""));
    Holder { pid: pid.parse().unwrap_or(0), command: command.to_owned() }
}
