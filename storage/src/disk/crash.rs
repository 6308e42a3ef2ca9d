//! A disk that can lose its power: it knows which bytes and names are durable and which only look it.
//!
//! Beside what every handle sees it keeps, for each file, the bytes of its last sync and all writes since, and for the
//! names the same. A watcher sees an [`Image`] before every change; [`Image::after_power_cut`] draws one of the disks
//! that could be found when the power comes back. Never touches a real file. For tests, fuzzing and simulation.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redb::{BackendError, StorageBackend};

use super::image::{Image, Inode, NameChange, Unsynced};
use super::memory::move_names;
use super::{Access, Backend, Disk, FileStat, LockGuard, MemoryDisk, StillHandle};

type Watcher = Box<dyn Fn(&Image) + Send + Sync>;

#[derive(Default)]
struct State {
    image: Image,
    /// The names as every handle sees them.
    names: BTreeMap<PathBuf, Inode>,
    next_inode: Inode,
    watcher: Option<Watcher>,
    /// How many syncs were asked for.
    syncs: u64,
    /// Every how many syncs one is dropped; 0: none is.
    dropped_sync_every: u64,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("names", &self.names).field("syncs", &self.syncs).finish_non_exhaustive()
    }
}

/// A disk whose power can be cut. Clones are the same disk.
#[derive(Clone, Debug, Default)]
pub struct CrashDisk {
    live: MemoryDisk,
    state: Arc<Mutex<State>>,
}

impl CrashDisk {
    /// An empty disk.
    pub fn new() -> Self {
        Self::default()
    }

    /// A disk of its own with what is on another now, all of it durable and locked by nobody.
    pub fn holding(disk: &MemoryDisk) -> Self {
        let live = disk.copy();
        let (image, names) = Image::durable(&live);
        let next_inode = names.values().copied().max().unwrap_or(0);
        let state = State { image, names, next_inode, ..State::default() };
        Self { live, state: Arc::new(Mutex::new(state)) }
    }

    /// Lets `watcher` see the disk before every change. It must not use the disk.
    pub fn watch(&self, watcher: impl Fn(&Image) + Send + Sync + 'static) {
        self.state().watcher = Some(Box::new(watcher));
    }

    /// Makes the disk a liar: of every `nth` sync it says that it was done and does nothing. 0 makes it honest.
    pub fn drop_syncs(&self, nth: u64) {
        self.state().dropped_sync_every = nth;
    }

    /// What is durable now and what is not.
    pub fn image(&self) -> Image {
        self.state().image.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state, after the watcher has seen it; for everything that changes the disk.
    fn change(&self) -> MutexGuard<'_, State> {
        let state = self.state();
        if let Some(watcher) = &state.watcher {
            watcher(&state.image);
        }
        state
    }
}

impl State {
    fn inode(&self, path: &Path) -> io::Result<Inode> {
        self.names.get(path).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn create(&mut self, path: &Path) -> Inode {
        self.next_inode += 1;
        let inode = self.next_inode;
        self.names.insert(path.to_path_buf(), inode);
        self.image.change_name(NameChange::Create { path: path.to_path_buf(), inode });
        inode
    }

    fn sync_is_dropped(&mut self) -> bool {
        self.syncs += 1;
        self.dropped_sync_every > 0 && self.syncs.is_multiple_of(self.dropped_sync_every)
    }

    fn sync(&mut self, inode: Inode) -> io::Result<()> {
        if self.sync_is_dropped() { Ok(()) } else { self.image.sync(inode) }
    }
}

impl Disk for CrashDisk {
    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        self.live.list(folder)
    }

    fn create_folder(&self, folder: &Path) -> io::Result<()> {
        let mut state = self.change();
        self.live.create_folder(folder)?;
        state.image.create_folder(folder);
        Ok(())
    }

    fn open(&self, path: &Path, access: Access) -> io::Result<Backend> {
        let mut state = if access == Access::WriteNew { self.change() } else { self.state() };
        let live = self.live.open(path, access)?;
        let inode = match access {
            Access::WriteNew => state.create(path),
            Access::Write | Access::Read => state.inode(path)?,
        };
        drop(state);
        Ok(Backend::new(CrashHandle { live, inode, disk: self.clone() }))
    }

    fn open_still(&self, path: &Path) -> io::Result<Box<dyn StillHandle>> {
        self.live.open_still(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.change();
        self.live.rename(from, to)?;
        let inode = state.inode(from)?;
        state.names.remove(from);
        state.names.insert(to.to_path_buf(), inode);
        state.image.change_name(NameChange::Rename { from: from.to_path_buf(), to: to.to_path_buf(), inode });
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.change();
        self.live.remove(path)?;
        state.names.remove(path);
        state.image.change_name(NameChange::Remove { path: path.to_path_buf() });
        Ok(())
    }

    fn rename_folder(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.change();
        self.live.rename_folder(from, to)?;
        move_names(&mut state.names, from, to);
        state.image.create_folder(to);
        state.image.change_name(NameChange::RenameFolder { from: from.to_path_buf(), to: to.to_path_buf() });
        Ok(())
    }

    // A folder that was removed may be there again after a power cut: nobody is the worse for it.
    fn remove_folder(&self, folder: &Path) -> io::Result<()> {
        let _state = self.change();
        self.live.remove_folder(folder)
    }

    fn sync_file(&self, path: &Path) -> io::Result<()> {
        let mut state = self.change();
        let inode = state.inode(path)?;
        state.sync(inode)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        let mut state = self.change();
        self.live.sync_folder(folder)?;
        if !state.sync_is_dropped() {
            state.image.sync_folder(folder);
        }
        Ok(())
    }

    fn make_read_only(&self, path: &Path) -> io::Result<()> {
        let mut state = self.change();
        self.live.make_read_only(path)?;
        let inode = state.inode(path)?;
        state.image.record(inode, Unsynced::ReadOnly);
        Ok(())
    }

    fn stat(&self, path: &Path) -> io::Result<FileStat> {
        self.live.stat(path)
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.live.read(path)
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.change();
        self.live.write(path, bytes)?;
        let inode = match state.inode(path) {
            Ok(inode) => inode,
            Err(_) => state.create(path),
        };
        state.image.record(inode, Unsynced::SetLen(0));
        state.image.record(inode, Unsynced::Write { offset: 0, data: bytes.into() });
        drop(state);
        // The power may go between the writing and the sync.
        self.change().sync(inode)
    }

    fn try_lock(&self, path: &Path, line: &[u8]) -> io::Result<Option<Box<dyn LockGuard>>> {
        let mut state = self.change();
        let guard = self.live.try_lock(path, line)?;
        if guard.is_some() && state.inode(path).is_err() {
            state.create(path);
        }
        Ok(guard)
    }

    fn is_locked(&self, path: &Path) -> io::Result<bool> {
        self.live.is_locked(path)
    }
}

/// An open file: what it does to the live file it also records.
#[derive(Debug)]
struct CrashHandle {
    live: Backend,
    inode: Inode,
    disk: CrashDisk,
}

impl StorageBackend for CrashHandle {
    fn len(&self) -> io::Result<u64> {
        self.live.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.live.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.disk.change();
        self.live.set_len(len)?;
        state.image.record(self.inode, Unsynced::SetLen(len));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.disk.change();
        self.live.sync_data()?;
        state.sync(self.inode)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut state = self.disk.change();
        self.live.write(offset, data)?;
        state.image.record(self.inode, Unsynced::Write { offset, data: data.into() });
        Ok(())
    }

    fn close(&self) -> io::Result<()> {
        self.live.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.live.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.live.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.live.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.live.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.live.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.live.query_lock_range(start, end)
    }
}
