//! A disk in memory: a tape without a disk behind the same writer, tape and followers, for tests and simulation.
//!
//! Clones are the same disk. Everything that is written is there at once for every handle; nothing outlives the
//! process. Never touches a real file.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::memory_file::{MemoryFile, MemoryHandle, Pages, StillMemoryFile};
use super::{Access, Backend, Disk, FileStat, LockGuard, StillHandle};

/// Folders and files by their whole paths.
#[derive(Debug, Default)]
struct Names {
    folders: BTreeSet<PathBuf>,
    files: BTreeMap<PathBuf, Arc<MemoryFile>>,
}

/// A file system in memory.
#[derive(Clone, Debug, Default)]
pub struct MemoryDisk {
    names: Arc<Mutex<Names>>,
}

fn not_found(path: &Path) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("{} is not there", path.display()))
}

impl Names {
    fn file(&self, path: &Path) -> io::Result<Arc<MemoryFile>> {
        self.files.get(path).cloned().ok_or_else(|| not_found(path))
    }

    /// Makes an empty file, in a folder that must be there.
    fn create(&mut self, path: &Path) -> io::Result<Arc<MemoryFile>> {
        let folder = path.parent().ok_or_else(|| not_found(path))?;
        if !self.folders.contains(folder) {
            return Err(not_found(folder));
        }
        let file = Arc::new(MemoryFile::default());
        self.files.insert(path.to_path_buf(), file.clone());
        Ok(file)
    }

    fn check_empty(&self, folder: &Path) -> io::Result<()> {
        let mut files = self.files.keys();
        if files.any(|path| path.starts_with(folder)) { Err(io::ErrorKind::DirectoryNotEmpty.into()) } else { Ok(()) }
    }

    fn file_or_new(&mut self, path: &Path) -> io::Result<Arc<MemoryFile>> {
        match self.files.get(path) {
            Some(file) => Ok(file.clone()),
            None => self.create(path),
        }
    }
}

/// Moves all that lies in one folder into another.
pub(super) fn move_names<T>(names: &mut BTreeMap<PathBuf, T>, from: &Path, to: &Path) {
    for (path, what) in std::mem::take(names) {
        let path = path.strip_prefix(from).map(|inside| to.join(inside)).unwrap_or(path);
        names.insert(path, what);
    }
}

impl MemoryDisk {
    /// A disk without a file.
    pub fn new() -> Self {
        Self::default()
    }

    /// A disk with these folders and files.
    pub(super) fn holding(folders: BTreeSet<PathBuf>, files: BTreeMap<PathBuf, Arc<MemoryFile>>) -> Self {
        Self { names: Arc::new(Mutex::new(Names { folders, files })) }
    }

    /// The folders, and each file's path, bytes and whether it is read-only.
    pub(super) fn parts(&self) -> (BTreeSet<PathBuf>, Vec<(PathBuf, Pages, bool)>) {
        let names = self.names();
        let part = |(path, file): (&PathBuf, &Arc<MemoryFile>)| {
            (path.clone(), file.look(Pages::clone), file.read_only.load(Ordering::Relaxed))
        };
        (names.folders.clone(), names.files.iter().map(part).collect())
    }

    /// A disk of its own with the same folders and files, locked by nobody. Costs little: pages are shared until one
    /// of the two writes them.
    pub fn copy(&self) -> Self {
        let (folders, files) = self.parts();
        let copied = |(path, pages, read_only)| (path, Arc::new(MemoryFile::new(pages, read_only)));
        Self::holding(folders, files.into_iter().map(copied).collect())
    }

    fn names(&self) -> MutexGuard<'_, Names> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Disk for MemoryDisk {
    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        let names = self.names();
        if !names.folders.contains(folder) {
            return Err(not_found(folder));
        }
        let inside = names.files.keys().filter(|path| path.parent() == Some(folder));
        Ok(inside.filter_map(|path| path.file_name()?.to_str().map(str::to_owned)).collect())
    }

    fn create_folder(&self, folder: &Path) -> io::Result<()> {
        self.names().folders.extend(folder.ancestors().map(Path::to_path_buf));
        Ok(())
    }

    fn open(&self, path: &Path, access: Access) -> io::Result<Backend> {
        let mut names = self.names();
        let (file, writes) = match access {
            Access::WriteNew if names.files.contains_key(path) => return Err(io::ErrorKind::AlreadyExists.into()),
            Access::WriteNew => (names.create(path)?, true),
            Access::Write => (names.file(path)?, true),
            Access::Read => (names.file(path)?, false),
        };
        if writes && file.read_only.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        Ok(Backend::new(MemoryHandle::new(file, writes)))
    }

    fn open_still(&self, path: &Path) -> io::Result<Box<dyn StillHandle>> {
        Ok(Box::new(StillMemoryFile(self.names().file(path)?)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut names = self.names();
        let file = names.files.remove(from).ok_or_else(|| not_found(from))?;
        names.files.insert(to.to_path_buf(), file);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.names().files.remove(path).map(drop).ok_or_else(|| not_found(path))
    }

    fn rename_folder(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut names = self.names();
        names.check_empty(to)?;
        if !names.folders.remove(from) {
            return Err(not_found(from));
        }
        names.folders.insert(to.to_path_buf());
        move_names(&mut names.files, from, to);
        Ok(())
    }

    fn remove_folder(&self, folder: &Path) -> io::Result<()> {
        let mut names = self.names();
        names.check_empty(folder)?;
        if names.folders.remove(folder) { Ok(()) } else { Err(not_found(folder)) }
    }

    fn sync_file(&self, path: &Path) -> io::Result<()> {
        self.names().file(path).map(drop)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        if self.names().folders.contains(folder) { Ok(()) } else { Err(not_found(folder)) }
    }

    fn make_read_only(&self, path: &Path) -> io::Result<()> {
        self.names().file(path)?.read_only.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn stat(&self, path: &Path) -> io::Result<FileStat> {
        Ok(self.names().file(path)?.look(Pages::stat))
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.names().file(path)?.look(Pages::to_vec)
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.names().file_or_new(path)?.change(|pages| pages.replace(bytes))
    }

    fn try_lock(&self, path: &Path, line: &[u8]) -> io::Result<Option<Box<dyn LockGuard>>> {
        let file = self.names().file_or_new(path)?;
        if file.locked.swap(true, Ordering::AcqRel) {
            return Ok(None);
        }
        file.change(|pages| pages.replace(line))?;
        Ok(Some(Box::new(MemoryLock(file))))
    }

    fn is_locked(&self, path: &Path) -> io::Result<bool> {
        Ok(self.names().files.get(path).is_some_and(|file| file.locked.load(Ordering::Acquire)))
    }
}

/// The lock on a file in memory.
#[derive(Debug)]
struct MemoryLock(Arc<MemoryFile>);

impl LockGuard for MemoryLock {}

impl Drop for MemoryLock {
    fn drop(&mut self) {
        self.0.locked.store(false, Ordering::Release);
    }
}
