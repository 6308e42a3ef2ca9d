//! The seam between the tape and a file system: everything that the tape asks of one, and nothing more.
//!
//! [`FileDisk`] is the system's own; [`MemoryDisk`] is a tape without a disk, for simulation; [`CrashDisk`] can lose its
//! power and [`FaultDisk`] fails when told to. Never decides what a file is called or what is in it. Called by
//! everything in this crate that touches a file.
//!
//! What the tape relies on: bytes are durable after a sync of their file, names after a sync of their folder; between
//! two syncs anything may survive a crash or not, in any order.

mod file;

mod crash;

mod fault;

mod image;

mod memory;

mod memory_file;

mod range_locks;

use std::fmt::Debug;
use std::io;
use std::ops::Bound;
use std::path::Path;

use redb::{BackendError, StorageBackend};

pub use crash::CrashDisk;
pub use fault::{Fault, FaultDisk, FaultKind};
pub use file::FileDisk;
pub(crate) use file::is_not_regular;
pub use image::Image;
pub use memory::MemoryDisk;

/// A file system, as much of one as the tape needs. Paths are absolute or relative to the same place throughout.
pub trait Disk: Debug + Send + Sync {
    /// The UTF-8 names of the files in a folder, in any order.
    ///
    /// # Errors
    /// What the system said; [`io::ErrorKind::NotFound`] when there is no such folder.
    fn list(&self, folder: &Path) -> io::Result<Vec<String>>;

    /// Makes a folder and those above it where they are missing, readable by their owner alone (mode 0700) and durable
    /// on return. Folders that are there keep their mode.
    ///
    /// # Errors
    /// What the system said.
    fn create_folder(&self, folder: &Path) -> io::Result<()>;

    /// Opens a file for redb. Every handle is an owner of range locks of its own.
    ///
    /// # Errors
    /// What the system said; [`io::ErrorKind::AlreadyExists`] and [`io::ErrorKind::NotFound`] where `access` says so.
    fn open(&self, path: &Path, access: Access) -> io::Result<Backend>;

    /// Opens a file for reading without locks, by those who compare its stamp.
    ///
    /// # Errors
    /// What the system said.
    fn open_still(&self, path: &Path) -> io::Result<Box<dyn StillHandle>>;

    /// Gives a file another name in one step, replacing what had that name. Durable after [`Disk::sync_folder`].
    ///
    /// # Errors
    /// What the system said.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file's name; handles that are open go on. Durable after [`Disk::sync_folder`].
    ///
    /// # Errors
    /// What the system said.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Gives a folder of files another name in one step, in place of an empty folder or of none. Durable after
    /// [`Disk::sync_folder`] of the folder that it then lies in.
    ///
    /// # Errors
    /// What the system said; [`io::ErrorKind::DirectoryNotEmpty`] when there is a folder with files in its place.
    fn rename_folder(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a folder in which nothing is.
    ///
    /// # Errors
    /// What the system said.
    fn remove_folder(&self, folder: &Path) -> io::Result<()>;

    /// Makes a file's bytes and length durable.
    ///
    /// # Errors
    /// What the system said; nothing that was written since the last sync may then be relied on.
    fn sync_file(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in a folder durable.
    ///
    /// # Errors
    /// What the system said.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;

    /// Takes every write permission off a file.
    ///
    /// # Errors
    /// What the system said.
    fn make_read_only(&self, path: &Path) -> io::Result<()>;

    /// Length, room taken and stamp of a file.
    ///
    /// # Errors
    /// What the system said; [`io::ErrorKind::NotFound`] when there is no such file.
    fn stat(&self, path: &Path) -> io::Result<FileStat>;

    /// The whole content of a small file.
    ///
    /// # Errors
    /// What the system said.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// Replaces the whole content of a small file and makes it durable; its name is durable after
    /// [`Disk::sync_folder`].
    ///
    /// # Errors
    /// What the system said; the file then holds anything.
    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()>;

    /// Takes an exclusive lock on a file that is made when missing and, when it was free, replaces its content by
    /// `line`; `None` when another has it. Ends with the guard or the process.
    ///
    /// # Errors
    /// What the system said.
    fn try_lock(&self, path: &Path, line: &[u8]) -> io::Result<Option<Box<dyn LockGuard>>>;

    /// Whether [`Disk::try_lock`] would now find the lock taken; `false` when there is no file.
    ///
    /// # Errors
    /// What the system said.
    fn is_locked(&self, path: &Path) -> io::Result<bool>;
}

/// What a file is opened for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// Reading and writing a file that must not exist yet (mode 0600).
    WriteNew,
    /// Reading and writing a file that must exist.
    Write,
    /// Reading a file that must exist.
    Read,
}

/// What is known of a file without reading it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FileStat {
    /// Its length in bytes.
    pub len: u64,
    /// The room that it takes, in bytes; less than the length when parts were never written.
    pub allocated_bytes: u64,
    /// Changes with every write.
    pub stamp: Stamp,
}

/// What tells one state of a file from the next; only ever compared. Seconds and nanoseconds of the modification time,
/// or a count of changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stamp(pub i64, pub i64);

/// A file that is read while nobody is expected to write it.
pub trait StillHandle: Debug + Send + Sync {
    /// Fills `out` from the bytes at `offset`.
    ///
    /// # Errors
    /// What the system said; [`io::ErrorKind::UnexpectedEof`] when the file ends before that.
    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()>;

    /// The file as it is now, whatever its name is by now.
    ///
    /// # Errors
    /// What the system said.
    fn stat(&self) -> io::Result<FileStat>;
}

/// Holds a lock until it is dropped.
pub trait LockGuard: Debug + Send + Sync {}

/// An open file of any disk, as redb wants it.
#[derive(Debug)]
pub struct Backend(Box<dyn StorageBackend>);

impl Backend {
    /// Wraps an implementation of redb's trait.
    pub fn new(backend: impl StorageBackend) -> Self {
        Self(Box::new(backend))
    }
}

// Every method is passed on, those with a default too: a default would take the locks away.
impl StorageBackend for Backend {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.0.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.query_lock_range(start, end)
    }
}
