//! An unclean segment opened without changing a byte of its file: reads fall through to the file, writes stay in memory.
//!
//! redb repairs such a file by writing; here the repair lands in an overlay of pages and is gone with the handle. Only
//! for files that nobody writes: the file's stamp is compared after every read, and a read from a file that changed
//! since is an error instead of a mixture of two states. Called by the segment reader.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use redb::StorageBackend;

use crate::disk::{Disk, FileStat, StillHandle};

/// Granularity of the overlay; redb's own page size, though nothing depends on that.
const PAGE_BYTES: u64 = 4_096;

/// A file and its stamp at the time of opening.
#[derive(Debug)]
pub(crate) struct StillFile {
    file: Box<dyn StillHandle>,
    stat: FileStat,
}

impl StillFile {
    /// Opens the file and remembers its stamp. Take this before asking whether anybody holds the writer's lock.
    pub(crate) fn open(disk: &dyn Disk, path: &Path) -> io::Result<Arc<Self>> {
        let file = disk.open_still(path)?;
        let stat = file.stat()?;
        Ok(Arc::new(Self { file, stat }))
    }

    /// Whether the file was written to since, or can no longer be asked.
    pub(crate) fn is_stale(&self) -> bool {
        let before = (self.stat.stamp, self.stat.len);
        self.file.stat().map_or(true, |now| (now.stamp, now.len) != before)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read_at(offset, out)?;
        if self.is_stale() {
            return Err(io::Error::new(io::ErrorKind::ResourceBusy, "a writer has begun to change the file"));
        }
        Ok(())
    }
}

/// The overlay: Invariant: what lies at or after `base_len` and in no page reads as zero.
#[derive(Debug)]
struct Overlay {
    /// Length of the storage as redb sees it.
    len: u64,
    /// How much of the file still shows through.
    base_len: u64,
    /// Pages written since, by number.
    pages: BTreeMap<u64, Box<[u8]>>,
}

/// The backend. It implements no locks: nobody else can see the overlay, and redb then locks nothing.
#[derive(Debug)]
pub(crate) struct CowBackend {
    base: Arc<StillFile>,
    overlay: RwLock<Overlay>,
}

impl CowBackend {
    pub(crate) fn new(base: Arc<StillFile>) -> Self {
        let len = base.stat.len;
        Self { base, overlay: RwLock::new(Overlay { len, base_len: len, pages: BTreeMap::new() }) }
    }

    /// Fills `out` from the file, with zeros where the file no longer shows through.
    fn read_base(&self, base_len: u64, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let visible = base_len.saturating_sub(offset).min(out.len() as u64) as usize;
        let (head, rest) = out.split_at_mut(visible);
        rest.fill(0);
        if head.is_empty() { Ok(()) } else { self.base.read(offset, head) }
    }
}

/// Copies the part of `page` (which begins at byte `page_at`) that overlaps `out` (which begins at byte `offset`).
fn copy_overlap(page_at: u64, page: &[u8], offset: u64, out: &mut [u8]) {
    let start = page_at.max(offset);
    let end = (page_at + page.len() as u64).min(offset + out.len() as u64);
    let from = page.get((start - page_at) as usize..(end.max(start) - page_at) as usize);
    let to = out.get_mut((start - offset) as usize..(end.max(start) - offset) as usize);
    if let (Some(from), Some(to)) = (from, to) {
        to.copy_from_slice(from);
    }
}

fn out_of_range(offset: u64, bytes: usize, len: u64) -> io::Error {
    let text = format!("{bytes} bytes at {offset} reach past the end at {len}");
    io::Error::new(io::ErrorKind::UnexpectedEof, text)
}

/// Refuses a range that ends after `len`.
fn check_range(offset: u64, bytes: usize, len: u64) -> io::Result<()> {
    let fits = offset.checked_add(bytes as u64).is_some_and(|end| end <= len);
    if fits { Ok(()) } else { Err(out_of_range(offset, bytes, len)) }
}

impl StorageBackend for CowBackend {
    fn len(&self) -> io::Result<u64> {
        Ok(self.overlay.read().unwrap_or_else(PoisonError::into_inner).len)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let overlay = self.overlay.read().unwrap_or_else(PoisonError::into_inner);
        check_range(offset, out.len(), overlay.len)?;
        self.read_base(overlay.base_len, offset, out)?;
        let last = (offset + out.len() as u64).div_ceil(PAGE_BYTES);
        for (number, page) in overlay.pages.range(offset / PAGE_BYTES..last) {
            copy_overlap(number * PAGE_BYTES, page, offset, out);
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut overlay = self.overlay.write().unwrap_or_else(PoisonError::into_inner);
        if len < overlay.len {
            overlay.base_len = overlay.base_len.min(len);
            overlay.pages.split_off(&len.div_ceil(PAGE_BYTES));
            let within = (len % PAGE_BYTES) as usize;
            if let Some(rest) = overlay.pages.get_mut(&(len / PAGE_BYTES)).and_then(|page| page.get_mut(within..)) {
                rest.fill(0);
            }
        }
        overlay.len = len;
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut overlay = self.overlay.write().unwrap_or_else(PoisonError::into_inner);
        check_range(offset, data.len(), overlay.len)?;
        let base_len = overlay.base_len;
        for number in offset / PAGE_BYTES..(offset + data.len() as u64).div_ceil(PAGE_BYTES) {
            let page_at = number * PAGE_BYTES;
            let page = match overlay.pages.entry(number) {
                Entry::Occupied(page) => page.into_mut(),
                Entry::Vacant(place) => {
                    let mut page = vec![0; PAGE_BYTES as usize].into_boxed_slice();
                    self.read_base(base_len, page_at, &mut page)?;
                    place.insert(page)
                }
            };
            copy_overlap(offset, data, page_at, page);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::disk::FileDisk;

    #[derive(Clone, Debug)]
    enum Step {
        Write { offset: u64, data: Vec<u8> },
        SetLen(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (0..20_000_u64, proptest::collection::vec(any::<u8>(), 1..6_000))
                .prop_map(|(offset, data)| Step::Write { offset, data }),
            (1..30_000_u64).prop_map(Step::SetLen),
        ]
    }

    proptest! {
        #[test]
        fn the_overlay_reads_like_a_plain_file_and_leaves_the_file_alone(
            base in proptest::collection::vec(any::<u8>(), 1..20_000),
            steps in proptest::collection::vec(step(), 0..20),
        ) {
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), &base).unwrap();
            let cow = CowBackend::new(StillFile::open(&FileDisk, file.path()).unwrap());
            let mut model = base.clone();
            for step in steps {
                match step {
                    Step::Write { offset, data } => {
                        let end = offset as usize + data.len();
                        let fits = end <= model.len();
                        prop_assert_eq!(cow.write(offset, &data).is_ok(), fits);
                        if fits {
                            model[offset as usize..end].copy_from_slice(&data);
                        }
                    }
                    Step::SetLen(len) => {
                        cow.set_len(len).unwrap();
                        model.resize(len as usize, 0);
                    }
                }
                let mut seen = vec![0xaa; model.len()];
                cow.read(0, &mut seen).unwrap();
                prop_assert!(seen == model);
                let middle = model.len() / 3;
                let mut part = vec![0xaa; model.len() - middle];
                cow.read(middle as u64, &mut part).unwrap();
                prop_assert!(part == model[middle..]);
            }
            prop_assert!(cow.read(model.len() as u64, &mut [0]).is_err());
            prop_assert!(std::fs::read(file.path()).unwrap() == base);
        }
    }

    #[test]
    fn a_read_from_a_file_that_changed_underneath_is_an_error() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), [1; 10_000]).unwrap();
        let base = StillFile::open(&FileDisk, file.path()).unwrap();
        let cow = CowBackend::new(base.clone());
        assert!(cow.read(0, &mut [0; 100]).is_ok());
        std::thread::sleep(std::time::Duration::from_millis(20));
        std::fs::write(file.path(), [2; 10_000]).unwrap();
        assert!(base.is_stale());
        assert!(cow.read(0, &mut [0; 100]).is_err());
    }
}
