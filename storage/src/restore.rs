//! A backup back into an empty data directory: checked before, copied beside, checked again, and only then put in place.
//!
//! What it never does: overwrite a segment, or leave half a tape: the tape folder appears in one step. Called by
//! `barkeep tape restore`, for a data directory and for a drill.

use std::io;
use std::path::{Path, PathBuf};

use crate::backup::{FileCopy, Manifest, ManifestError, SNAPSHOTS, TAPE, copy_file, hash_file};
use crate::disk::{Disk, FileDisk};
use crate::error::FileError;
use crate::lock::{Lock, LockError};
use crate::paths::DataDir;

/// The folder in the data directory in which the copies are made.
const STAGE: &str = "restore.new";

/// A file of the backup that is not what the manifest says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CopyFault {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub why: CopyDamage,
}

/// What is wrong with a file of the backup.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CopyDamage {
    /// It is not there.
    #[error("is not there")]
    Missing,
    /// It could not be read.
    #[error("could not be read: {0}")]
    Unreadable(String),
    /// It has another length.
    #[error("has {found} bytes, the manifest says {expected}")]
    Length {
        /// By the manifest.
        expected: u64,
        /// Found.
        found: u64,
    },
    /// It has the length and other bytes.
    #[error("has other bytes than when it was copied (BLAKE3 {found}, the manifest says {expected})")]
    Hash {
        /// By the manifest.
        expected: String,
        /// Found.
        found: String,
    },
}

/// Why nothing was restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The manifest could not be read.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// Another process writes to the data directory.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The data directory has a tape.
    #[error(
        "{tape} holds {file}: a tape is never overwritten, name another --data-dir or move the folder away",
        tape = tape.display()
    )]
    NotEmpty {
        /// The tape folder.
        tape: PathBuf,
        /// A file in it.
        file: String,
    },
    /// The backup is damaged.
    #[error("{count} files of the backup are not what its manifest says, the first is {path}: use another backup", path = path.display())]
    Damaged {
        /// How many.
        count: usize,
        /// The first.
        path: PathBuf,
    },
    /// A copy is not what was read for it.
    #[error("{path} {why}, right after it was copied: check the disk", path = path.display())]
    Copied {
        /// The copy.
        path: PathBuf,
        /// What is wrong.
        why: CopyDamage,
    },
    /// A file or folder could not be written or named.
    #[error(transparent)]
    File(#[from] FileError),
}

/// What a restore will copy.
#[derive(Debug)]
pub struct RestorePlan {
    from: PathBuf,
    dir: DataDir,
    manifest: Manifest,
    faults: Vec<CopyFault>,
    /// Snapshots of a tape that is gone, which are in the way.
    stale: Vec<String>,
}

impl RestorePlan {
    /// Checks that the data directory has no tape, and every file of the backup against the manifest. `progress` is told
    /// how many bytes were hashed.
    ///
    /// # Errors
    /// [`RestoreError::Manifest`], [`RestoreError::NotEmpty`] and [`RestoreError::File`].
    pub fn make(from: &Path, dir: &DataDir, mut progress: impl FnMut(u64)) -> Result<Self, RestoreError> {
        let manifest = Manifest::read(from)?;
        check_empty(dir)?;
        let is_snapshot = |file: &String| file.ends_with(".snap") || file.ends_with(".snap.new");
        let stale = files_of(dir, &dir.snapshots())?.into_iter().filter(is_snapshot).collect();
        let mut faults = Vec::new();
        for (folder, copy) in manifest.files() {
            let path = from.join(folder).join(&copy.file);
            faults.extend(damage(&FileDisk, &path, copy, &mut progress).map(|why| CopyFault { path, why }));
        }
        Ok(Self { from: from.to_path_buf(), dir: dir.clone(), manifest, faults, stale })
    }

    /// What the backup holds.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The files that are not what the manifest says; with any, nothing can be restored.
    pub fn faults(&self) -> &[CopyFault] {
        &self.faults
    }

    /// Snapshots of a tape that is gone; they are removed.
    pub fn stale_snapshots(&self) -> &[String] {
        &self.stale
    }

    /// Copies everything, under the writer's lock. `progress` is told the bytes copied and read again.
    ///
    /// # Errors
    /// [`RestoreError`]; the data directory then has no tape, as before.
    pub fn apply(&self, command: &str, mut progress: impl FnMut(u64)) -> Result<(), RestoreError> {
        if let Some(fault) = self.faults.first() {
            return Err(RestoreError::Damaged { count: self.faults.len(), path: fault.path.clone() });
        }
        let (root, disk) = (self.dir.root(), self.dir.disk());
        self.dir.create().map_err(FileError::at(root, "made"))?;
        let _lock = Lock::acquire(&self.dir, command)?;
        check_empty(&self.dir)?;
        let stage = root.join(STAGE);
        self.remove_stage(&stage)?;
        for folder in [stage.join(TAPE), stage.join(SNAPSHOTS)] {
            disk.create_folder(&folder).map_err(FileError::at(&folder, "made"))?;
        }
        for copy in &self.manifest.segments {
            let to = self.copy(&stage, TAPE, &copy.copy, &copy.name, &mut progress)?;
            // Open segments take events again, sealed ones never.
            if copy.sealed {
                disk.make_read_only(&to).map_err(FileError::at(&to, "given its mode"))?;
            }
        }
        for copy in &self.manifest.snapshots {
            self.copy(&stage, SNAPSHOTS, &copy.copy, &copy.name, &mut progress)?;
        }
        Ok(self.put_in_place(&stage)?)
    }

    /// The snapshots first, the tape last: without a tape they are nothing.
    fn put_in_place(&self, stage: &Path) -> Result<(), FileError> {
        let disk = self.dir.disk();
        for file in &self.stale {
            let path = self.dir.snapshots().join(file);
            disk.remove(&path).map_err(FileError::at(&path, "removed"))?;
        }
        for (folder, target) in [(SNAPSHOTS, self.dir.snapshots()), (TAPE, self.dir.tape())] {
            let from = stage.join(folder);
            disk.sync_folder(&from).map_err(FileError::at(&from, "synced"))?;
            // Onto an empty folder, which is replaced in one step.
            disk.rename_folder(&from, &target).map_err(FileError::at(&target, "put in place"))?;
            disk.sync_folder(self.dir.root()).map_err(FileError::at(self.dir.root(), "synced"))?;
        }
        disk.remove_folder(stage).map_err(FileError::at(stage, "removed"))
    }

    /// Removes what a restore that was killed left.
    fn remove_stage(&self, stage: &Path) -> Result<(), FileError> {
        let disk = self.dir.disk();
        for folder in [stage.join(TAPE), stage.join(SNAPSHOTS)] {
            for file in files_of(&self.dir, &folder)? {
                let path = folder.join(file);
                disk.remove(&path).map_err(FileError::at(&path, "removed"))?;
            }
        }
        for folder in [stage.join(TAPE), stage.join(SNAPSHOTS), stage.to_path_buf()] {
            match disk.remove_folder(&folder) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(FileError::at(&folder, "removed")(error));
                }
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }

    fn copy(
        &self,
        stage: &Path,
        folder: &str,
        copy: &FileCopy,
        name: &str,
        progress: &mut impl FnMut(u64),
    ) -> Result<PathBuf, RestoreError> {
        let (from, to) = (self.from.join(folder).join(&copy.file), stage.join(folder).join(name));
        copy_file((&FileDisk, &from), (self.dir.disk(), &to), progress).map_err(FileError::at(&to, "written"))?;
        match damage(self.dir.disk(), &to, copy, progress) {
            Some(why) => Err(RestoreError::Copied { path: to, why }),
            None => Ok(to),
        }
    }
}

/// What is wrong with a file, if anything is.
fn damage(disk: &dyn Disk, path: &Path, copy: &FileCopy, progress: &mut impl FnMut(u64)) -> Option<CopyDamage> {
    match hash_file(disk, path, progress) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Some(CopyDamage::Missing),
        Err(error) => Some(CopyDamage::Unreadable(error.to_string())),
        Ok((found, _)) if found != copy.bytes => Some(CopyDamage::Length { expected: copy.bytes, found }),
        Ok((_, found)) if found != copy.blake3 => Some(CopyDamage::Hash { expected: copy.blake3.clone(), found }),
        Ok(_) => None,
    }
}

fn check_empty(dir: &DataDir) -> Result<(), RestoreError> {
    match files_of(dir, &dir.tape())?.into_iter().next() {
        Some(file) => Err(RestoreError::NotEmpty { tape: dir.tape(), file }),
        None => Ok(()),
    }
}

/// The names in a folder; none when it is not there.
fn files_of(dir: &DataDir, folder: &Path) -> Result<Vec<String>, FileError> {
    match dir.disk().list(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        files => files.map_err(FileError::at(folder, "listed")),
    }
}
