//! The lock that makes a process the one writer of a data directory.
//!
//! An flock on `LOCK`, whose content names the holder. The file is never deleted: deleting a locked file lets two
//! processes lock two files of the same name. Called by [`crate::Writer`], by readers that meet an unclean file, and by
//! commands that choose between the lock and the daemon's socket.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crate::paths::DataDir;

/// How often a taken lock is tried again: a probe by [`Lock::holder`] takes it for some microseconds.
const TRIES: u32 = 20;

/// The pause between two tries.
const PAUSE: Duration = Duration::from_millis(5);

/// The longest holder line that is read back.
const LINE_BYTES_MAX: u64 = 512;

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
        "{path} is held by process {pid} ({command}): stop it, or send the command to it",
        path = path.display(), pid = holder.pid, command = holder.command
    )]
    Held {
        /// The lock file.
        path: PathBuf,
        /// Who holds it.
        holder: Holder,
    },
    /// The lock file could not be opened, locked or written.
    #[error("{path} could not be locked: check that the data directory is there and writable", path = path.display())]
    File {
        /// The lock file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// The held lock; dropping it, or the end of the process, releases it.
#[derive(Debug)]
pub struct Lock {
    /// Holds the flock; closed by drop.
    _file: File,
}

impl Lock {
    /// Takes the lock for `command` and writes the holder's line.
    ///
    /// # Errors
    /// [`LockError::Held`] at once (100 ms) when another holds it, [`LockError::File`] when the system refuses.
    pub fn acquire(dir: &DataDir, command: &str) -> Result<Self, LockError> {
        let path = dir.lock();
        let file_error = |source| LockError::File { path: path.clone(), source };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(file_error)?;
        for _ in 0..TRIES {
            match file.try_lock() {
                Ok(()) => {
                    write_holder(&mut file, command).map_err(file_error)?;
                    return Ok(Self { _file: file });
                }
                Err(TryLockError::WouldBlock) => thread::sleep(PAUSE),
                Err(TryLockError::Error(source)) => return Err(file_error(source)),
            }
        }
        Err(LockError::Held { holder: read_holder(&path), path })
    }

    /// Who holds the lock now; `None` when nobody does, or when there is no lock file.
    ///
    /// # Errors
    /// [`LockError::File`] when the lock file is there but cannot be asked.
    pub fn holder(dir: &DataDir) -> Result<Option<Holder>, LockError> {
        let path = dir.lock();
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(LockError::File { path, source }),
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(None),
            Err(TryLockError::WouldBlock) => Ok(Some(read_holder(&path))),
            Err(TryLockError::Error(source)) => Err(LockError::File { path, source }),
        }
    }
}

/// Replaces the content by `pid command`, on one line.
fn write_holder(file: &mut File, command: &str) -> io::Result<()> {
    let command: String = command.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect();
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0))?;
    writeln!(file, "{} {command}", std::process::id())
}

/// Reads the holder's line; an empty holder when there is none yet. The content is for people: nothing is decided on it.
fn read_holder(path: &Path) -> Holder {
    let mut line = Vec::new();
    // A file that cannot be read names nobody, and the lock itself has already answered.
    let _ = File::open(path).and_then(|file| file.take(LINE_BYTES_MAX).read_to_end(&mut line));
    let line = String::from_utf8_lossy(&line);
    let (pid, command) = line.trim_end().split_once(' ').unwrap_or((line.trim_end(), ""));
    Holder { pid: pid.parse().unwrap_or(0), command: command.to_owned() }
}
