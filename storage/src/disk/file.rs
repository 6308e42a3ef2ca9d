//! The system's own file system.
//!
//! Never keeps a file open beyond its handle and never follows up an error. Called through [`Disk`] by a
//! [`crate::DataDir`] that was made with [`crate::DataDir::new`].

use std::fs::{DirBuilder, File, Metadata, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use redb::backends::FileBackend;

use super::{Access, Backend, Disk, FileStat, LockGuard, Stamp, StillHandle};

/// Bytes in a block of `st_blocks`.
const STAT_BLOCK_BYTES: u64 = 512;

/// Files and folders as the system has them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FileDisk;

impl Disk for FileDisk {
    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(folder)? {
            if let Ok(file) = entry?.file_name().into_string() {
                files.push(file);
            }
        }
        Ok(files)
    }

    fn create_folder(&self, folder: &Path) -> io::Result<()> {
        if folder.is_dir() {
            return Ok(());
        }
        let above = folder.parent().filter(|above| !above.as_os_str().is_empty());
        if let Some(above) = above {
            self.create_folder(above)?;
        }
        match DirBuilder::new().mode(0o700).create(folder) {
            // Another process made it meanwhile.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => return Ok(()),
            made => made?,
        }
        match self.sync_folder(above.unwrap_or(Path::new("."))) {
            // A folder may let a user in without letting it list.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
            synced => synced,
        }
    }

    fn open(&self, path: &Path, access: Access) -> io::Result<Backend> {
        let mut options = OpenOptions::new();
        options.read(true);
        match access {
            Access::WriteNew => options.write(true).create_new(true).mode(0o600),
            Access::Write => options.write(true),
            Access::Read => &mut options,
        };
        FileBackend::new(open_regular(&mut options, path)?).map(Backend::new).map_err(io::Error::other)
    }

    fn open_still(&self, path: &Path) -> io::Result<Box<dyn StillHandle>> {
        Ok(Box::new(StillDiskFile(open_regular(OpenOptions::new().read(true), path)?)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn rename_folder(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn remove_folder(&self, folder: &Path) -> io::Result<()> {
        std::fs::remove_dir(folder)
    }

    fn sync_file(&self, path: &Path) -> io::Result<()> {
        open_regular(OpenOptions::new().read(true), path)?.sync_all()
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        File::open(folder)?.sync_all()
    }

    fn make_read_only(&self, path: &Path) -> io::Result<()> {
        std::fs::set_permissions(path, Permissions::from_mode(0o444))
    }

    fn stat(&self, path: &Path) -> io::Result<FileStat> {
        Ok(stat_of(&std::fs::metadata(path)?))
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        open_regular(OpenOptions::new().read(true), path)?.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut options = OpenOptions::new();
        let mut file = open_regular(options.write(true).create(true).truncate(true).mode(0o600), path)?;
        file.write_all(bytes)?;
        file.sync_all()
    }

    fn try_lock(&self, path: &Path, line: &[u8]) -> io::Result<Option<Box<dyn LockGuard>>> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut file = open_regular(&mut options, path)?;
        match file.try_lock() {
            Ok(()) => {
                file.set_len(0)?;
                file.seek(SeekFrom::Start(0))?;
                file.write_all(line)?;
                Ok(Some(Box::new(FileLock { _file: file })))
            }
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(source),
        }
    }

    fn is_locked(&self, path: &Path) -> io::Result<bool> {
        let file = match open_regular(OpenOptions::new().read(true), path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            file => file?,
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(source)) => Err(source),
        }
    }
}

/// What has the name of a file and is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("it is {what}, not a regular file")]
struct NotRegular {
    what: &'static str,
}

/// Whether an error says that what has the name of a file is a FIFO, a folder or another thing that is none.
pub(crate) fn is_not_regular(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<NotRegular>())
}

/// Opens a regular file and nothing else. Without `O_NONBLOCK` a FIFO would hold its opener until somebody opens the
/// other end; with it the kind is asked of what was opened, so that nothing can be put in its place in between.
fn open_regular(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    match options.custom_flags(libc::O_NONBLOCK).open(path) {
        Ok(file) => not_regular(&file.metadata()?).map_or(Ok(file), Err),
        // A socket, a FIFO without a reader and a folder are not even opened.
        Err(error) => Err(std::fs::metadata(path).ok().as_ref().and_then(not_regular).unwrap_or(error)),
    }
}

fn not_regular(meta: &Metadata) -> Option<io::Error> {
    let kind = meta.file_type();
    let what = match () {
        () if kind.is_file() => return None,
        () if kind.is_fifo() => "a FIFO",
        () if kind.is_dir() => "a folder",
        () if kind.is_socket() => "a socket",
        () => "a device",
    };
    Some(io::Error::new(io::ErrorKind::InvalidInput, NotRegular { what }))
}

fn stat_of(meta: &Metadata) -> FileStat {
    FileStat {
        len: meta.len(),
        allocated_bytes: meta.blocks().saturating_mul(STAT_BLOCK_BYTES),
        stamp: Stamp(meta.mtime(), meta.mtime_nsec()),
    }
}

/// The flock on an open file; closing the file ends it.
#[derive(Debug)]
struct FileLock {
    _file: File,
}

impl LockGuard for FileLock {}

#[derive(Debug)]
struct StillDiskFile(File);

impl StillHandle for StillDiskFile {
    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read_exact_at(out, offset)
    }

    fn stat(&self) -> io::Result<FileStat> {
        Ok(stat_of(&self.0.metadata()?))
    }
}
