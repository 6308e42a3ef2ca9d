//! What of a disk is durable and what is not, and which disks can be found after the power was cut.
//!
//! The model is harsher than file systems are: every 512-byte sector of every write since the last sync is there or not
//! on its own, and so is every change of a length or a name. Whole sectors are never torn. Two writes to one sector
//! that arrive in the other order look like the second one missing, so reordering needs no step of its own. Called by
//! [`super::CrashDisk`] and by whoever watches it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::MemoryDisk;
use super::memory::move_names;
use super::memory_file::{MemoryFile, Pages};

/// What a disk writes whole or not at all.
const SECTOR_BYTES: u64 = 512;

/// A file, whatever its name.
pub(super) type Inode = u64;

/// A change of a file since its last sync.
#[derive(Clone, Debug)]
pub(super) enum Unsynced {
    Write { offset: u64, data: Arc<[u8]> },
    SetLen(u64),
    ReadOnly,
}

/// A change of the names since the last sync of their folder.
#[derive(Clone, Debug)]
pub(super) enum NameChange {
    Create { path: PathBuf, inode: Inode },
    Rename { from: PathBuf, to: PathBuf, inode: Inode },
    Remove { path: PathBuf },
    RenameFolder { from: PathBuf, to: PathBuf },
}

impl NameChange {
    /// The name that it ends with: its folder's sync makes it durable. Where a file or folder is renamed out of another one,
    /// that one's sync is not needed, as file systems with a journal have it.
    fn path(&self) -> &Path {
        match self {
            Self::Create { path, .. } | Self::Remove { path } => path,
            Self::Rename { to, .. } | Self::RenameFolder { to, .. } => to,
        }
    }

    fn apply(&self, names: &mut BTreeMap<PathBuf, Inode>) {
        match self {
            Self::Create { path, inode } => drop(names.insert(path.clone(), *inode)),
            Self::Rename { from, to, inode } => {
                names.remove(from);
                names.insert(to.clone(), *inode);
            }
            Self::Remove { path } => drop(names.remove(path)),
            Self::RenameFolder { from, to } => move_names(names, from, to),
        }
    }
}

/// A file's durable bytes and what came since.
#[derive(Clone, Debug, Default)]
struct FileImage {
    durable: Pages,
    read_only: bool,
    unsynced: Vec<Unsynced>,
}

/// A disk at one moment. Copies cost little.
#[derive(Clone, Debug, Default)]
pub struct Image {
    folders: BTreeSet<PathBuf>,
    files: BTreeMap<Inode, FileImage>,
    names: BTreeMap<PathBuf, Inode>,
    name_changes: Vec<NameChange>,
}

/// How much of the unsynced is kept.
#[derive(Clone, Copy)]
enum Fate {
    Nothing,
    Everything,
    /// Each write whole, with this chance in 16.
    Writes(u64),
    /// Each sector of each write on its own, with this chance in 16.
    Sectors(u64),
}

/// Numbers from a seed (splitmix64).
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }

    fn fate(&mut self) -> Fate {
        let chance = [1, 4, 8, 12, 15].get(self.below(5) as usize).copied().unwrap_or(8);
        match self.below(8) {
            0 => Fate::Nothing,
            1 => Fate::Everything,
            2..=4 => Fate::Writes(chance),
            _ => Fate::Sectors(chance),
        }
    }

    /// Whether something that is not made of sectors is kept.
    fn keeps(&mut self, fate: Fate) -> bool {
        match fate {
            Fate::Nothing => false,
            Fate::Everything => true,
            Fate::Writes(chance) | Fate::Sectors(chance) => self.below(16) < chance,
        }
    }
}

impl FileImage {
    /// Writes, growing the file where the growth itself was lost.
    fn put(pages: &mut Pages, offset: u64, data: &[u8]) -> io::Result<()> {
        let end = offset.saturating_add(data.len() as u64);
        if end > pages.len() {
            pages.set_len(end)?;
        }
        pages.write(offset, data)
    }

    fn sync(&mut self) -> io::Result<()> {
        for change in std::mem::take(&mut self.unsynced) {
            match change {
                Unsynced::Write { offset, data } => Self::put(&mut self.durable, offset, &data)?,
                Unsynced::SetLen(len) => self.durable.set_len(len)?,
                Unsynced::ReadOnly => self.read_only = true,
            }
        }
        Ok(())
    }

    fn after_power_cut(&self, draw: &mut Draw) -> io::Result<MemoryFile> {
        let mut pages = self.durable.clone();
        let mut read_only = self.read_only;
        let fate = draw.fate();
        for change in &self.unsynced {
            match change {
                Unsynced::Write { offset, data } => {
                    if let Fate::Sectors(_) = fate {
                        put_sectors(&mut pages, *offset, data, |_| draw.keeps(fate))?;
                    } else if draw.keeps(fate) {
                        Self::put(&mut pages, *offset, data)?;
                    }
                }
                Unsynced::SetLen(len) if draw.keeps(fate) => pages.set_len(*len)?,
                Unsynced::SetLen(_) => {}
                Unsynced::ReadOnly => read_only |= draw.keeps(fate),
            }
        }
        Ok(MemoryFile::new(pages, read_only))
    }
}

/// Writes those sectors of `data` that `keeps` says, by their numbers.
fn put_sectors(pages: &mut Pages, offset: u64, data: &[u8], mut keeps: impl FnMut(u64) -> bool) -> io::Result<()> {
    let (mut at, mut rest) = (offset, data);
    while !rest.is_empty() {
        let bytes = (SECTOR_BYTES - at % SECTOR_BYTES).min(rest.len() as u64);
        let Some((sector, behind)) = rest.split_at_checked(bytes as usize) else { break };
        if keeps(at / SECTOR_BYTES) {
            FileImage::put(pages, at, sector)?;
        }
        (at, rest) = (at + bytes, behind);
    }
    Ok(())
}

impl Image {
    /// One of the disks that may be there when the power comes back: the seed draws which of the unsynced changes
    /// survived. Nobody holds a lock on it.
    ///
    /// # Errors
    /// A file too large for this machine's memory.
    pub fn after_power_cut(&self, seed: u64) -> io::Result<MemoryDisk> {
        let mut draw = Draw(seed);
        let mut files = BTreeMap::new();
        for (inode, file) in &self.files {
            files.insert(*inode, Arc::new(file.after_power_cut(&mut draw)?));
        }
        let mut names = self.names.clone();
        let fate = draw.fate();
        for change in &self.name_changes {
            if draw.keeps(fate) {
                change.apply(&mut names);
            }
        }
        let named = names.into_iter().filter_map(|(path, inode)| Some((path, files.get(&inode)?.clone())));
        Ok(MemoryDisk::holding(self.folders.clone(), named.collect()))
    }

    /// Everything that is on a disk now, as durable, and its names.
    pub(super) fn durable(disk: &MemoryDisk) -> (Self, BTreeMap<PathBuf, Inode>) {
        let mut image = Self::default();
        let (folders, files) = disk.parts();
        image.folders = folders;
        for ((path, pages, read_only), inode) in files.into_iter().zip(1..) {
            image.names.insert(path, inode);
            image.files.insert(inode, FileImage { durable: pages, read_only, unsynced: Vec::new() });
        }
        let names = image.names.clone();
        (image, names)
    }

    /// How many changes a power cut could undo.
    pub fn unsynced(&self) -> usize {
        self.files.values().map(|file| file.unsynced.len()).sum::<usize>() + self.name_changes.len()
    }

    pub(super) fn create_folder(&mut self, folder: &Path) {
        self.folders.extend(folder.ancestors().map(Path::to_path_buf));
    }

    pub(super) fn record(&mut self, inode: Inode, change: Unsynced) {
        self.files.entry(inode).or_default().unsynced.push(change);
    }

    pub(super) fn change_name(&mut self, change: NameChange) {
        if let NameChange::Create { inode, .. } = &change {
            self.files.entry(*inode).or_default();
        }
        self.name_changes.push(change);
    }

    pub(super) fn sync(&mut self, inode: Inode) -> io::Result<()> {
        self.files.entry(inode).or_default().sync()
    }

    pub(super) fn sync_folder(&mut self, folder: &Path) {
        let (within, others) = std::mem::take(&mut self.name_changes)
            .into_iter()
            .partition(|change| change.path().parent() == Some(folder));
        self.name_changes = others;
        let within: Vec<NameChange> = within;
        within.iter().for_each(|change| change.apply(&mut self.names));
    }
}
