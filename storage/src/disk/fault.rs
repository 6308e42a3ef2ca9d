//! A disk that fails: over any other disk it counts what is asked and lets one operation, or all from one on, fail.
//!
//! A write that fails has written its first half. Range locks never fail. Never decides when: that is the caller's
//! [`Fault`]. For tests, fuzzing and simulation.

use std::io;
use std::ops::Bound;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redb::{BackendError, StorageBackend};

use super::{Access, Backend, Disk, FileStat, LockGuard, StillHandle};

/// `ENOSPC`.
const NO_SPACE: i32 = 28;
/// `EIO`.
const IO: i32 = 5;

/// What fails, and when.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fault {
    /// How many operations of those that `kind` concerns succeed before it.
    pub after: u64,
    /// What the system says.
    pub kind: FaultKind,
    /// Whether everything of its kind fails from then on; otherwise one operation does.
    pub latched: bool,
}

/// What the system says when an operation fails.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FaultKind {
    /// `EIO`, of any operation.
    Io,
    /// `ENOSPC`, of operations that need room.
    NoSpace,
}

/// Whether an operation can meet a full disk.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Needs {
    Room,
    Nothing,
}

#[derive(Debug, Default)]
struct Plan {
    fault: Option<Fault>,
    /// Operations seen that the fault concerns.
    seen: u64,
    failed: u64,
}

impl Plan {
    fn step(&mut self, needs: Needs) -> io::Result<()> {
        let Some(fault) = self.fault else { return Ok(()) };
        if fault.kind == FaultKind::NoSpace && needs == Needs::Nothing {
            return Ok(());
        }
        let at = self.seen;
        self.seen += 1;
        if at < fault.after || (at > fault.after && !fault.latched) {
            return Ok(());
        }
        self.failed += 1;
        Err(io::Error::from_raw_os_error(match fault.kind {
            FaultKind::Io => IO,
            FaultKind::NoSpace => NO_SPACE,
        }))
    }
}

/// A failing disk over another. Clones are the same disk.
#[derive(Clone, Debug)]
pub struct FaultDisk {
    inner: Arc<dyn Disk>,
    plan: Arc<Mutex<Plan>>,
}

impl FaultDisk {
    /// A disk that does not fail yet.
    pub fn new(inner: Arc<dyn Disk>) -> Self {
        Self { inner, plan: Arc::default() }
    }

    /// Sets the fault and counts from zero.
    pub fn fail(&self, fault: Fault) {
        *self.plan() = Plan { fault: Some(fault), seen: 0, failed: 0 };
    }

    /// Ends all faults.
    pub fn heal(&self) {
        self.plan().fault = None;
    }

    /// How many operations failed since the fault was set.
    pub fn failed(&self) -> u64 {
        self.plan().failed
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn step(&self, needs: Needs) -> io::Result<()> {
        self.plan().step(needs)
    }
}

impl Disk for FaultDisk {
    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        self.step(Needs::Nothing)?;
        self.inner.list(folder)
    }

    fn create_folder(&self, folder: &Path) -> io::Result<()> {
        self.step(Needs::Room)?;
        self.inner.create_folder(folder)
    }

    fn open(&self, path: &Path, access: Access) -> io::Result<Backend> {
        self.step(if access == Access::WriteNew { Needs::Room } else { Needs::Nothing })?;
        Ok(Backend::new(FaultHandle { inner: self.inner.open(path, access)?, disk: self.clone() }))
    }

    fn open_still(&self, path: &Path) -> io::Result<Box<dyn StillHandle>> {
        self.step(Needs::Nothing)?;
        Ok(Box::new(StillFaultHandle { inner: self.inner.open_still(path)?, disk: self.clone() }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step(Needs::Room)?;
        self.inner.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.step(Needs::Nothing)?;
        self.inner.remove(path)
    }

    fn rename_folder(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step(Needs::Room)?;
        self.inner.rename_folder(from, to)
    }

    fn remove_folder(&self, folder: &Path) -> io::Result<()> {
        self.step(Needs::Nothing)?;
        self.inner.remove_folder(folder)
    }

    fn sync_file(&self, path: &Path) -> io::Result<()> {
        self.step(Needs::Room)?;
        self.inner.sync_file(path)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        self.step(Needs::Room)?;
        self.inner.sync_folder(folder)
    }

    fn make_read_only(&self, path: &Path) -> io::Result<()> {
        self.step(Needs::Nothing)?;
        self.inner.make_read_only(path)
    }

    fn stat(&self, path: &Path) -> io::Result<FileStat> {
        self.step(Needs::Nothing)?;
        self.inner.stat(path)
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.step(Needs::Nothing)?;
        self.inner.read(path)
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        if let Err(error) = self.step(Needs::Room) {
            self.inner.write(path, first_half(bytes))?;
            return Err(error);
        }
        self.inner.write(path, bytes)
    }

    fn try_lock(&self, path: &Path, line: &[u8]) -> io::Result<Option<Box<dyn LockGuard>>> {
        self.step(Needs::Room)?;
        self.inner.try_lock(path, line)
    }

    fn is_locked(&self, path: &Path) -> io::Result<bool> {
        self.step(Needs::Nothing)?;
        self.inner.is_locked(path)
    }
}

fn first_half(bytes: &[u8]) -> &[u8] {
    bytes.get(..bytes.len() / 2).unwrap_or_default()
}

#[derive(Debug)]
struct FaultHandle {
    inner: Backend,
    disk: FaultDisk,
}

impl StorageBackend for FaultHandle {
    fn len(&self) -> io::Result<u64> {
        self.disk.step(Needs::Nothing)?;
        self.inner.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.disk.step(Needs::Nothing)?;
        self.inner.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.disk.step(Needs::Room)?;
        self.inner.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.disk.step(Needs::Room)?;
        self.inner.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        if let Err(error) = self.disk.step(Needs::Room) {
            self.inner.write(offset, first_half(data))?;
            return Err(error);
        }
        self.inner.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.inner.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.inner.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.inner.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.inner.query_lock_range(start, end)
    }
}

#[derive(Debug)]
struct StillFaultHandle {
    inner: Box<dyn StillHandle>,
    disk: FaultDisk,
}

impl StillHandle for StillFaultHandle {
    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.disk.step(Needs::Nothing)?;
        self.inner.read_at(offset, out)
    }

    fn stat(&self) -> io::Result<FileStat> {
        self.disk.step(Needs::Nothing)?;
        self.inner.stat()
    }
}
