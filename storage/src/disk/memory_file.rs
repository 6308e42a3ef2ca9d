//! A file in memory: its pages, and the handles through which redb reads and writes them.
//!
//! Pages that were never written take no room. Pages are shared between copies of a file until one of them writes.
//! Never touches a real file. Called by [`super::MemoryDisk`].

use std::io;
use std::ops::Bound;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use redb::{BackendError, StorageBackend};

use super::range_locks::{Range, RangeLocks, Share};
use super::{FileStat, Stamp, StillHandle};

/// Bytes of a page; redb's own page size, though nothing depends on that.
pub(super) const PAGE_BYTES: usize = 4_096;

type Page = Arc<[u8; PAGE_BYTES]>;

/// The bytes of a file. Invariant: what lies beyond `len` in the last page is zero, and no page lies wholly beyond it.
#[derive(Clone, Debug, Default)]
pub(super) struct Pages {
    len: u64,
    /// `None` reads as zeros.
    pages: Vec<Option<Page>>,
    /// How many of the pages are there.
    allocated: u64,
    changes: i64,
}

/// The part of a page that a range of bytes covers.
struct Piece {
    page: usize,
    /// Where in the page it begins.
    within: usize,
    bytes: usize,
}

/// Cuts `bytes` bytes at `offset` where pages end. Only for ranges that end within a file.
fn pieces(offset: u64, bytes: usize) -> impl Iterator<Item = Piece> {
    let mut at = offset as usize;
    let mut left = bytes;
    std::iter::from_fn(move || {
        let within = at % PAGE_BYTES;
        let piece = Piece { page: at / PAGE_BYTES, within, bytes: left.min(PAGE_BYTES - within) };
        at += piece.bytes;
        left -= piece.bytes;
        (piece.bytes > 0).then_some(piece)
    })
}

impl Pages {
    pub(super) const fn len(&self) -> u64 {
        self.len
    }

    fn check(&self, offset: u64, bytes: usize) -> io::Result<()> {
        if offset.checked_add(bytes as u64).is_some_and(|end| end <= self.len) {
            return Ok(());
        }
        let text = format!("{bytes} bytes at {offset} reach past the end at {}", self.len);
        Err(io::Error::new(io::ErrorKind::UnexpectedEof, text))
    }

    pub(super) fn read(&self, offset: u64, mut out: &mut [u8]) -> io::Result<()> {
        self.check(offset, out.len())?;
        for piece in pieces(offset, out.len()) {
            let Some((head, rest)) = std::mem::take(&mut out).split_at_mut_checked(piece.bytes) else { break };
            let page = self.pages.get(piece.page).and_then(Option::as_ref);
            match page.and_then(|page| page.get(piece.within..piece.within + piece.bytes)) {
                Some(from) => head.copy_from_slice(from),
                None => head.fill(0),
            }
            out = rest;
        }
        Ok(())
    }

    pub(super) fn write(&mut self, offset: u64, mut data: &[u8]) -> io::Result<()> {
        self.check(offset, data.len())?;
        self.changes += 1;
        for piece in pieces(offset, data.len()) {
            let Some((head, rest)) = data.split_at_checked(piece.bytes) else { break };
            if let Some(page) = self.pages.get_mut(piece.page) {
                self.allocated += u64::from(page.is_none());
                let page = Arc::make_mut(page.get_or_insert_with(|| Arc::new([0; PAGE_BYTES])));
                if let Some(to) = page.get_mut(piece.within..piece.within + piece.bytes) {
                    to.copy_from_slice(head);
                }
            }
            data = rest;
        }
        Ok(())
    }

    pub(super) fn set_len(&mut self, len: u64) -> io::Result<()> {
        let count = usize::try_from(len.div_ceil(PAGE_BYTES as u64)).map_err(io::Error::other)?;
        self.changes += 1;
        let cut = self.pages.get(count..).unwrap_or_default();
        self.allocated -= cut.iter().flatten().count() as u64;
        self.pages.resize(count, None);
        let within = (len % PAGE_BYTES as u64) as usize;
        // A later growth must show zeros, not what was there.
        if len < self.len
            && within > 0
            && let Some(Some(page)) = self.pages.last_mut()
            && let Some(rest) = Arc::make_mut(page).get_mut(within..)
        {
            rest.fill(0);
        }
        self.len = len;
        Ok(())
    }

    /// Replaces everything.
    pub(super) fn replace(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.set_len(0)?;
        self.set_len(bytes.len() as u64)?;
        self.write(0, bytes)
    }

    pub(super) fn to_vec(&self) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; usize::try_from(self.len).map_err(io::Error::other)?];
        self.read(0, &mut bytes)?;
        Ok(bytes)
    }

    pub(super) fn stat(&self) -> FileStat {
        let allocated_bytes = self.allocated.saturating_mul(PAGE_BYTES as u64);
        FileStat { len: self.len, allocated_bytes, stamp: Stamp(self.changes, 0) }
    }
}

/// A file: it lives as long as a name or a handle refers to it.
#[derive(Debug, Default)]
pub(super) struct MemoryFile {
    pub(super) pages: RwLock<Pages>,
    pub(super) read_only: AtomicBool,
    /// Whether [`super::Disk::try_lock`] was granted and its guard still lives.
    pub(super) locked: AtomicBool,
    ranges: RangeLocks,
    handles: AtomicU64,
}

impl MemoryFile {
    pub(super) fn new(pages: Pages, read_only: bool) -> Self {
        Self { pages: RwLock::new(pages), read_only: AtomicBool::new(read_only), ..Self::default() }
    }

    pub(super) fn look<T>(&self, look: impl FnOnce(&Pages) -> T) -> T {
        look(&self.pages.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Pages) -> T) -> T {
        change(&mut self.pages.write().unwrap_or_else(PoisonError::into_inner))
    }
}

/// An open file. Invariant: its range locks are released when it is closed or dropped.
#[derive(Debug)]
pub(super) struct MemoryHandle {
    file: Arc<MemoryFile>,
    /// Which owner of range locks it is.
    owner: u64,
    writes: bool,
}

impl MemoryHandle {
    pub(super) fn new(file: Arc<MemoryFile>, writes: bool) -> Self {
        let owner = file.handles.fetch_add(1, Ordering::Relaxed);
        Self { file, owner, writes }
    }

    fn check_writes(&self) -> io::Result<()> {
        if self.writes { Ok(()) } else { Err(io::ErrorKind::PermissionDenied.into()) }
    }
}

impl Drop for MemoryHandle {
    fn drop(&mut self) {
        self.file.ranges.unlock_all(self.owner);
    }
}

fn range(start: Bound<u64>, end: Bound<u64>) -> Result<Range, BackendError> {
    Range::new(start, end).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput).into())
}

impl StorageBackend for MemoryHandle {
    fn len(&self) -> io::Result<u64> {
        Ok(self.file.look(Pages::len))
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.look(|pages| pages.read(offset, out))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.check_writes()?;
        self.file.change(|pages| pages.set_len(len))
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.check_writes()?;
        self.file.change(|pages| pages.write(offset, data))
    }

    fn close(&self) -> io::Result<()> {
        self.file.ranges.unlock_all(self.owner);
        Ok(())
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        Ok(self.file.ranges.try_lock(self.owner, range(start, end)?, Share::Exclusive))
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        Ok(self.file.ranges.try_lock(self.owner, range(start, end)?, Share::Shared))
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.ranges.lock(self.owner, range(start, end)?, Share::Exclusive);
        Ok(())
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.ranges.lock(self.owner, range(start, end)?, Share::Shared);
        Ok(())
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.ranges.unlock(self.owner, range(start, end)?);
        Ok(())
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        Ok(self.file.ranges.would_wait(self.owner, range(start, end)?))
    }
}

/// A file that is read without locks.
#[derive(Debug)]
pub(super) struct StillMemoryFile(pub(super) Arc<MemoryFile>);

impl StillHandle for StillMemoryFile {
    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.look(|pages| pages.read(offset, out))
    }

    fn stat(&self) -> io::Result<FileStat> {
        Ok(self.0.look(Pages::stat))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Write { offset: u64, data: Vec<u8> },
        SetLen(u64),
        Copy,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (0..20_000_u64, proptest::collection::vec(any::<u8>(), 0..9_000))
                .prop_map(|(offset, data)| Step::Write { offset, data }),
            2 => (0..30_000_u64).prop_map(Step::SetLen),
            1 => Just(Step::Copy),
        ]
    }

    proptest! {
        #[test]
        fn pages_read_like_a_plain_file_and_copies_stay_what_they_were(
            steps in proptest::collection::vec(step(), 0..20),
        ) {
            let mut pages = Pages::default();
            let mut model: Vec<u8> = Vec::new();
            let mut copies: Vec<(Pages, Vec<u8>)> = Vec::new();
            for step in steps {
                match step {
                    Step::Write { offset, data } => {
                        let end = offset as usize + data.len();
                        let fits = end <= model.len();
                        prop_assert_eq!(pages.write(offset, &data).is_ok(), fits);
                        if fits {
                            model[offset as usize..end].copy_from_slice(&data);
                        }
                    }
                    Step::SetLen(len) => {
                        pages.set_len(len).unwrap();
                        model.resize(len as usize, 0);
                    }
                    Step::Copy => copies.push((pages.clone(), model.clone())),
                }
                prop_assert!(pages.to_vec().unwrap() == model);
                let middle = model.len() / 3;
                let mut part = vec![0xaa; model.len() - middle];
                pages.read(middle as u64, &mut part).unwrap();
                prop_assert!(part == model[middle..]);
                prop_assert_eq!(pages.stat().allocated_bytes, pages.pages.iter().flatten().count() as u64 * 4_096);
            }
            prop_assert!(pages.read(model.len() as u64, &mut [0]).is_err());
            for (copy, model) in copies {
                prop_assert!(copy.to_vec().unwrap() == model);
            }
        }
    }

    #[test]
    fn a_handle_for_reading_writes_nothing() {
        let file = Arc::new(MemoryFile::default());
        let (writing, reading) = (MemoryHandle::new(file.clone(), true), MemoryHandle::new(file, false));
        writing.set_len(10).unwrap();
        assert!(reading.write(0, b"x").is_err() && reading.set_len(0).is_err());
        assert_eq!(reading.len().unwrap(), 10);
    }
}
