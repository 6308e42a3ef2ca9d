//! The system's own file system.
//!
//! Never keeps a file open beyond its handle and never follows up an error. Called through [`Disk`] by a
//! [`crate::DataDir`] that was made with [`crate::DataDir::new`].

use std::fs::{DirBuilder, File, Metadata, OpenOptions, Permissions, TryLockError};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
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
        FileBackend::new(options.open(path)?).map(Backend::new).map_err(io::Error::other)
    }

    fn open_still(&self, path: &Path) -> io::Result<Box<dyn StillHandle>> {
        Ok(Box::new(StillDiskFile(File::open(path)?)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn sync_file(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
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
        std::fs::read(path)
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    }

    fn try_lock(&self, path: &Path, line: &[u8]) -> io::Result<Option<Box<dyn LockGuard>>> {
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
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
        let file = match File::open(path) {
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
