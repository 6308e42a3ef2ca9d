//! Where things lie: the data directory and the names of segment files.
//!
//! Never opens a file of the tape. Carries the disk that all of it lies on. Called by everything in this crate, and by commands that want a path.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use barkeep_schemas::SessionDate;

use crate::disk::{Disk, FileDisk, MemoryDisk};

/// The extension of a segment file.
const SEGMENT_SUFFIX: &str = ".redb";

/// What a segment file is called until its header is durable.
pub(crate) const NEWBORN_SUFFIX: &str = ".redb.new";

/// The root of one appliance's data, and the disk that it lies on.
#[derive(Clone, Debug)]
pub struct DataDir {
    root: PathBuf,
    disk: Arc<dyn Disk>,
}

impl DataDir {
    /// Names a directory of the system's own file system; nothing is touched.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self::on(Arc::new(FileDisk), root)
    }

    /// Names a directory of any disk; nothing is touched.
    pub fn on(disk: Arc<dyn Disk>, root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), disk }
    }

    /// A data directory without a disk: it lives as long as its clones.
    pub fn in_memory() -> Self {
        Self::on(Arc::new(MemoryDisk::new()), "/memory")
    }

    /// The disk.
    pub fn disk(&self) -> &dyn Disk {
        &*self.disk
    }

    /// The root itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder of the segments.
    pub fn tape(&self) -> PathBuf {
        self.root.join("tape")
    }

    /// The folder of the snapshots.
    pub fn snapshots(&self) -> PathBuf {
        self.root.join("snapshots")
    }

    /// The folder of rejected import rows.
    pub fn rejects(&self) -> PathBuf {
        self.root.join("rejects")
    }

    /// The file that the writer holds locked.
    pub fn lock(&self) -> PathBuf {
        self.root.join("LOCK")
    }

    /// The daemon's command socket.
    pub fn socket(&self) -> PathBuf {
        self.root.join("barkeep.sock")
    }

    /// Makes the root and its folders where they are missing, readable by their owner alone (mode 0700). Folders that
    /// are there keep their mode.
    ///
    /// # Errors
    /// The first folder that could not be made, with its path in the message.
    pub fn create(&self) -> io::Result<()> {
        for folder in [self.root.clone(), self.tape(), self.snapshots(), self.rejects()] {
            self.disk
                .create_folder(&folder)
                .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", folder.display())))?;
        }
        Ok(())
    }

    /// The file of a segment.
    pub fn segment(&self, name: SegmentName) -> PathBuf {
        self.tape().join(name.to_string())
    }

    /// The names of the segment files, sorted by date and run; empty when there is no tape folder yet. Other files are
    /// passed over.
    ///
    /// # Errors
    /// The folder could not be listed.
    pub fn segment_names(&self) -> io::Result<Vec<SegmentName>> {
        let mut names: Vec<SegmentName> =
            self.tape_files()?.iter().filter_map(|file| SegmentName::parse(file)).collect();
        names.sort_unstable();
        Ok(names)
    }

    /// The UTF-8 file names of the tape folder.
    pub(crate) fn tape_files(&self) -> io::Result<Vec<String>> {
        match self.disk.list(&self.tape()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            files => files,
        }
    }
}

/// The name of a segment: the session's date and, counted from 1, which session of that date it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SegmentName {
    /// The session's date.
    pub date: SessionDate,
    /// Which session of that date, from 1.
    pub run: u32,
}

impl SegmentName {
    /// Reads a file name `YYYY-MM-DD.RUN.redb`; `None` when it is no such name.
    pub fn parse(file: &str) -> Option<Self> {
        let (date, run) = file.strip_suffix(SEGMENT_SUFFIX)?.split_once('.')?;
        let name = Self { date: SessionDate::parse(date)?, run: run.parse().ok().filter(|run| *run > 0)? };
        // Only the canonical spelling: `+1` and `01` also parse as numbers.
        (name.to_string() == file).then_some(name)
    }

    /// The name of the file while its header is not yet durable.
    pub(crate) fn newborn(self) -> String {
        format!("{}.{}{NEWBORN_SUFFIX}", self.date, self.run)
    }
}

impl fmt::Display for SegmentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}{SEGMENT_SUFFIX}", self.date, self.run)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_name_survives_its_file_name_and_no_other_spelling_is_one() {
        let name = SegmentName { date: SessionDate::from_ymd(2024, 2, 29).unwrap(), run: 12 };
        assert_eq!(name.to_string(), "2024-02-29.12.redb");
        assert_eq!(SegmentName::parse("2024-02-29.12.redb"), Some(name));
        for other in ["2024-02-30.1.redb", "2024-02-29.0.redb", "2024-02-29.01.redb", "2024-02-29.+1.redb", "x.redb"] {
            assert_eq!(SegmentName::parse(other), None, "{other}");
        }
        assert_eq!(SegmentName::parse(&name.newborn()), None);
    }
}
