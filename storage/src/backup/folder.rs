//! The folder that a backup goes to: where it may be, and that one backup at a time uses it.
//!
//! Never decides what is copied. Called by commands, which hold it while they plan and while they copy.

use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{BackupError, SNAPSHOTS, TAPE};
use crate::disk::Disk;
use crate::error::FileError;
use crate::paths::{DataDir, SegmentName};

/// A backup's folder.
#[derive(Debug)]
pub struct BackupFolder {
    place: DataDir,
    shares_disk: bool,
    /// The flock on the folder itself, so that no file need lie in it for that.
    _lock: Option<File>,
}

impl BackupFolder {
    /// Looks at a folder for a plan alone; nothing is made, nothing is locked.
    ///
    /// # Errors
    /// [`BackupError::Inside`] and [`BackupError::NoTape`].
    pub fn look(root: &Path, dir: &DataDir) -> Result<Self, BackupError> {
        let shares_disk = shares_disk(root, dir)?;
        Ok(Self { place: DataDir::new(root), shares_disk, _lock: None })
    }

    /// Makes the folder where it is missing, readable by its owner alone, and keeps other backups out of it.
    ///
    /// # Errors
    /// Those of [`Self::look`], [`BackupError::SameFileSystem`] unless `force`, [`BackupError::Busy`], and
    /// [`BackupError::File`] when it cannot be made.
    pub fn open(root: &Path, dir: &DataDir, force: bool) -> Result<Self, BackupError> {
        let looked = Self::look(root, dir)?;
        if looked.shares_disk && !force {
            return Err(BackupError::SameFileSystem { to: root.to_path_buf(), dir: dir.root().to_path_buf() });
        }
        looked.make()?;
        let lock = File::open(root).map_err(FileError::at(root, "opened"))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { _lock: Some(lock), ..looked }),
            Err(TryLockError::WouldBlock) => Err(BackupError::Busy { to: root.to_path_buf() }),
            Err(TryLockError::Error(source)) => Err(FileError::at(root, "locked")(source).into()),
        }
    }

    /// A folder on any disk, made where it is missing; nobody else may use it meanwhile.
    ///
    /// # Errors
    /// [`BackupError::File`] when it cannot be made.
    pub fn on(disk: Arc<dyn Disk>, root: &Path) -> Result<Self, BackupError> {
        let folder = Self { place: DataDir::on(disk, root), shares_disk: false, _lock: None };
        folder.make()?;
        Ok(folder)
    }

    fn make(&self) -> Result<(), FileError> {
        for folder in [self.place.tape(), self.place.snapshots()] {
            self.disk().create_folder(&folder).map_err(FileError::at(&folder, "made"))?;
        }
        Ok(())
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        self.place.root()
    }

    /// The disk that it lies on.
    pub(crate) fn disk(&self) -> &dyn Disk {
        self.place.disk()
    }

    /// The folder as one that holds a tape, for whoever opens a segment in it.
    pub(crate) fn place(&self) -> &DataDir {
        &self.place
    }

    /// Whether it lies on the file system of the data directory, so that both are lost at once.
    pub fn shares_disk(&self) -> bool {
        self.shares_disk
    }

    /// Where a file lies.
    pub(crate) fn file(&self, folder: &str, file: &str) -> PathBuf {
        self.root().join(folder).join(file)
    }

    /// The length of a file; `None` when it is not there.
    pub(crate) fn len(&self, folder: &str, file: &str) -> Result<Option<u64>, FileError> {
        let path = self.file(folder, file);
        match self.disk().stat(&path) {
            Ok(stat) => Ok(Some(stat.len)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(FileError::at(&path, "looked at")(source)),
        }
    }

    /// Makes the names in the two folders durable.
    pub(crate) fn sync(&self) -> Result<(), FileError> {
        for folder in [self.place.tape(), self.place.snapshots()] {
            self.disk().sync_folder(&folder).map_err(FileError::at(&folder, "synced"))?;
        }
        Ok(())
    }

    /// Removes the files of earlier or unfinished backups that `keep` does not name; files of strangers stay.
    pub(crate) fn clear(&self, keep: impl Fn(&str, &str) -> bool) -> Result<(), FileError> {
        for inside in [TAPE, SNAPSHOTS] {
            let folder = self.root().join(inside);
            for file in self.disk().list(&folder).map_err(FileError::at(&folder, "listed"))? {
                if is_ours(inside, &file) && !keep(inside, &file) {
                    let path = folder.join(&file);
                    self.disk().remove(&path).map_err(FileError::at(&path, "removed"))?;
                }
            }
        }
        Ok(())
    }
}

/// Whether a backup gives files such a name: that of a segment or snapshot, and perhaps `.` and eight digits of its hash
/// or `.new` behind it.
fn is_ours(folder: &str, file: &str) -> bool {
    let is_name = |name: &str| match folder {
        TAPE => SegmentName::parse(name).is_some(),
        _ => name.strip_suffix(".snap").is_some_and(|seq| seq.parse::<u64>().is_ok()),
    };
    let behind = |text: &str| text == "new" || (text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_hexdigit()));
    is_name(file) || file.rsplit_once('.').is_some_and(|(name, rest)| behind(rest) && is_name(name))
}

/// Refuses a folder inside the data directory; whether it lies on the same file system.
fn shares_disk(root: &Path, dir: &DataDir) -> Result<bool, BackupError> {
    let (to, data) = (root.to_path_buf(), dir.root().to_path_buf());
    let Ok(home) = data.canonicalize() else { return Err(BackupError::NoTape { dir: data }) };
    let (there, rest) = nearest(root)?;
    if there.join(&rest).starts_with(&home) {
        return Err(BackupError::Inside { to, dir: data });
    }
    let device = |path: &Path| std::fs::metadata(path).map(|meta| meta.dev()).map_err(FileError::at(path, "looked at"));
    Ok(device(&there)? == device(&home)?)
}

/// The nearest folder on the way to a path that is there, in full, and what is still to be made.
fn nearest(path: &Path) -> Result<(PathBuf, PathBuf), FileError> {
    let whole = std::path::absolute(path).map_err(FileError::at(path, "found"))?;
    for folder in whole.ancestors() {
        match folder.canonicalize() {
            Ok(there) => {
                let rest = whole.strip_prefix(folder).map(Path::to_path_buf).unwrap_or_default();
                return Ok((there, rest));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(FileError::at(folder, "looked at")(source)),
        }
    }
    Ok((whole, PathBuf::new()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_a_backup_gives_are_its_own() {
        for ours in ["2024-02-29.1.redb", "2024-02-29.1.redb.new", "2024-02-29.1.redb.0123abcd"] {
            assert!(is_ours(TAPE, ours), "{ours}");
        }
        for other in ["2024-02-30.1.redb", "notes", "2024-02-29.1.redb.old", "9.snap", "2024-02-29.1.redb.0123abcg"] {
            assert!(!is_ours(TAPE, other), "{other}");
        }
        assert!(is_ours(SNAPSHOTS, "9.snap") && is_ours(SNAPSHOTS, "9.snap.new") && !is_ours(SNAPSHOTS, "x.snap"));
    }

    #[test]
    fn the_same_file_system_needs_force_and_the_data_directory_itself_is_no_place() {
        let temp = tempfile::tempdir().unwrap();
        let dir = DataDir::new(temp.path().join("data"));
        dir.create().unwrap();
        let to = temp.path().join("a/b");
        assert!(matches!(BackupFolder::open(&to, &dir, false), Err(BackupError::SameFileSystem { .. })));
        assert!(BackupFolder::look(&to, &dir).unwrap().shares_disk());
        assert!(!temp.path().join("a").exists(), "looking, or being refused, makes nothing");
        for inside in ["data", "data/backup", "data/tape"] {
            let inside = temp.path().join(inside);
            assert!(matches!(BackupFolder::open(&inside, &dir, true), Err(BackupError::Inside { .. })));
        }
        let held = BackupFolder::open(&to, &dir, true).unwrap();
        assert!(matches!(BackupFolder::open(&to, &dir, true), Err(BackupError::Busy { .. })));
        drop(held);
        assert!(BackupFolder::open(&to, &dir, true).is_ok());
    }
}
