//! What a backup holds, in one JSON file beside it.
//!
//! Never says more than is there: it is written last, in one step, and a file that it names is never written again.
//! Called by backup, restore and prune.

use std::io;
use std::path::{Path, PathBuf};

use barkeep_schemas::Seq;
use serde::{Deserialize, Serialize};

use crate::disk::{Disk, FileDisk};
use crate::paths::SegmentName;

/// The version of the manifest that this build writes, and the newest that it reads.
pub const MANIFEST_FORMAT: u32 = 1;

/// Its name in the backup's folder.
const FILE: &str = "manifest.json";
const FILE_NEW: &str = "manifest.json.new";

/// The folder of the segments in a backup.
pub(crate) const TAPE: &str = "tape";
/// The folder of the snapshots in a backup.
pub(crate) const SNAPSHOTS: &str = "snapshots";

/// What a backup holds.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of this file.
    pub format: u32,
    /// The barkeep that wrote it.
    pub barkeep: String,
    /// The last position held; 0 when there is none.
    pub last_seq: u64,
    /// The segments, in tape order.
    pub segments: Vec<SegmentCopy>,
    /// The snapshots, newest first.
    pub snapshots: Vec<SnapshotCopy>,
}

/// A file of a backup.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FileCopy {
    /// Its name in the folder `tape` or `snapshots` of the backup.
    pub file: String,
    /// Its length.
    pub bytes: u64,
    /// BLAKE3 of its bytes, in hexadecimal.
    pub blake3: String,
}

/// A segment in a backup.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SegmentCopy {
    /// The segment's own file name.
    pub name: String,
    /// The copy.
    #[serde(flatten)]
    pub copy: FileCopy,
    /// Whether the copy is the segment's file, byte for byte; `false` for one made row by row.
    pub whole: bool,
    /// Format of the segment.
    pub format: u32,
    /// Place in the tape.
    pub ordinal: u64,
    /// Position of the first event.
    pub first_seq: u64,
    /// Position of the last event in the copy.
    pub last_seq: Option<u64>,
    /// Whether the segment was sealed.
    pub sealed: bool,
    /// The hash of the chain at the last position; none in an empty segment and in format 0.
    pub chain: Option<String>,
}

/// A snapshot in a backup.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SnapshotCopy {
    /// The snapshot's own file name.
    pub name: String,
    /// The copy.
    #[serde(flatten)]
    pub copy: FileCopy,
    /// The last position that it contains.
    pub seq: u64,
}

/// Why a manifest cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// There is none.
    #[error("{path} is not there: {folder} is no backup, or the first one was not finished", path = path.display(), folder = folder.display())]
    Missing {
        /// The manifest.
        path: PathBuf,
        /// The folder.
        folder: PathBuf,
    },
    /// It could not be read or written.
    #[error("{path} could not be read or written: check its mode and the disk", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It is not what a backup writes.
    #[error("{path} is not a manifest: take another backup into a new folder", path = path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
    /// It names a file that no backup would write.
    #[error("{path} names a file '{file}', which no backup writes: use another backup", path = path.display())]
    Name {
        /// The manifest.
        path: PathBuf,
        /// The name in it.
        file: String,
    },
    /// It was written by a newer barkeep.
    #[error("{path} has format {found}, this build reads up to {supported}: upgrade barkeep", path = path.display(), supported = MANIFEST_FORMAT)]
    Newer {
        /// The manifest.
        path: PathBuf,
        /// Its format.
        found: u32,
    },
}

/// Enough of any manifest to know whether the rest can be understood.
#[derive(Deserialize)]
struct Front {
    format: u32,
}

impl Manifest {
    /// Reads the manifest of a backup; `None` when the folder has none.
    ///
    /// # Errors
    /// [`ManifestError`] when there is one that cannot be used.
    pub fn find(disk: &dyn Disk, folder: &Path) -> Result<Option<Self>, ManifestError> {
        match Self::read_on(disk, folder) {
            Err(ManifestError::Missing { .. }) => Ok(None),
            manifest => manifest.map(Some),
        }
    }

    /// Reads the manifest of a backup on the system's own file system.
    ///
    /// # Errors
    /// [`ManifestError`].
    pub fn read(folder: &Path) -> Result<Self, ManifestError> {
        Self::read_on(&FileDisk, folder)
    }

    fn read_on(disk: &dyn Disk, folder: &Path) -> Result<Self, ManifestError> {
        let path = folder.join(FILE);
        let text = match disk.read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(ManifestError::Missing { path, folder: folder.to_path_buf() });
            }
            Err(source) => return Err(ManifestError::File { path, source }),
            Ok(text) => text,
        };
        let malformed = |source| ManifestError::Malformed { path: path.clone(), source };
        let Front { format } = serde_json::from_slice(&text).map_err(malformed)?;
        if format != MANIFEST_FORMAT {
            return Err(ManifestError::Newer { path, found: format });
        }
        let manifest: Self = serde_json::from_slice(&text).map_err(malformed)?;
        match manifest.strange_name() {
            Some(file) => Err(ManifestError::Name { path, file }),
            None => Ok(manifest),
        }
    }

    /// Replaces the manifest of a folder in one step, durably. Everything that it names must be durable already.
    pub(crate) fn write(&self, disk: &dyn Disk, folder: &Path) -> Result<(), ManifestError> {
        let (path, new) = (folder.join(FILE), folder.join(FILE_NEW));
        let text = serde_json::to_vec_pretty(self);
        let text = text.map_err(|source| ManifestError::Malformed { path: path.clone(), source })?;
        let written =
            disk.write(&new, &text).and_then(|()| disk.rename(&new, &path)).and_then(|()| disk.sync_folder(folder));
        written.map_err(|source| ManifestError::File { path, source })
    }

    /// The copy of a segment.
    pub fn segment(&self, name: SegmentName) -> Option<&SegmentCopy> {
        let name = name.to_string();
        self.segments.iter().find(|copy| copy.name == name)
    }

    /// The first position held.
    pub fn first_seq(&self) -> Option<Seq> {
        self.segments.iter().find(|copy| copy.last_seq.is_some()).map(|copy| Seq(copy.first_seq))
    }

    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        self.files().map(|(_, copy)| copy.bytes).sum()
    }

    /// Every file, with the folder that it lies in.
    pub fn files(&self) -> impl Iterator<Item = (&'static str, &FileCopy)> {
        let segments = self.segments.iter().map(|segment| (TAPE, &segment.copy));
        segments.chain(self.snapshots.iter().map(|snapshot| (SNAPSHOTS, &snapshot.copy)))
    }

    /// Whether a file of one of the folders is named.
    pub(crate) fn names(&self, folder: &str, file: &str) -> bool {
        self.files().any(|(inside, copy)| inside == folder && copy.file == file)
    }

    /// A name that does not stay in its folder or belongs to nothing. The manifest is a text that anybody may have
    /// written: what it names becomes a path.
    fn strange_name(&self) -> Option<String> {
        let plain = |file: &str| !file.is_empty() && !file.starts_with('.') && !file.contains(['/', '\0']);
        let files = self.files().map(|(_, copy)| copy.file.as_str()).filter(|file| !plain(file));
        let segments = self.segments.iter().map(|copy| copy.name.as_str());
        let segments = segments.filter(|name| SegmentName::parse(name).is_none());
        let snapshots = self.snapshots.iter().filter(|copy| copy.name != format!("{}.snap", copy.seq));
        files.chain(segments).chain(snapshots.map(|copy| copy.name.as_str())).next().map(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        let copy = |file: &str| FileCopy { file: file.to_owned(), bytes: 5, blake3: "ab".to_owned() };
        Manifest {
            format: MANIFEST_FORMAT,
            barkeep: "0.1.0".to_owned(),
            last_seq: 9,
            segments: vec![SegmentCopy {
                name: "2024-02-29.1.redb".to_owned(),
                copy: copy("2024-02-29.1.redb"),
                whole: true,
                format: 1,
                ordinal: 1,
                first_seq: 1,
                last_seq: Some(9),
                sealed: true,
                chain: None,
            }],
            snapshots: vec![SnapshotCopy { name: "9.snap".to_owned(), copy: copy("9.snap"), seq: 9 }],
        }
    }

    #[test]
    fn a_manifest_survives_its_file() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Manifest::find(&FileDisk, folder.path()).unwrap().is_none());
        manifest().write(&FileDisk, folder.path()).unwrap();
        assert_eq!(Manifest::read(folder.path()).unwrap(), manifest());
        assert_eq!(manifest().bytes(), 10);
    }

    #[test]
    fn a_manifest_that_names_a_file_outside_or_is_newer_or_torn_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let refused = |change: &dyn Fn(&mut Manifest)| {
            let mut changed = manifest();
            change(&mut changed);
            changed.write(&FileDisk, folder.path()).unwrap();
            Manifest::read(folder.path()).unwrap_err()
        };
        let name = |error: ManifestError| if let ManifestError::Name { file, .. } = error { file } else { panic!() };
        assert_eq!(name(refused(&|m| m.segments[0].copy.file = "../LOCK".into())), "../LOCK");
        assert_eq!(name(refused(&|m| m.segments[0].name = "/etc/passwd".into())), "/etc/passwd");
        assert_eq!(name(refused(&|m| m.snapshots[0].name = "8.snap".into())), "8.snap");
        assert!(matches!(refused(&|m| m.format = 2), ManifestError::Newer { found: 2, .. }));
        std::fs::write(folder.path().join(FILE), "{\"format\":1,").unwrap();
        assert!(matches!(Manifest::read(folder.path()), Err(ManifestError::Malformed { .. })));
    }
}
