//! A copy of the tape and its snapshots in another folder: planned, shown, then carried out as planned.
//!
//! What it is: incremental by sealed segment, and consistent while another process writes, since it ends at one position
//! that was durable when the plan was made. What it never does: take the writer's lock, copy anything but segments and
//! snapshots (tokens and settings stay where they are), or write again a file that the manifest in force names.
//! Called by `barkeep tape backup`.
//!
//! A segment that the tape has pruned stays in the backup. The manifest is written last: a backup that was killed is
//! the one before, and the next one goes on with the files that were already whole.

mod copy;

mod folder;

mod manifest;

mod plan;

use std::path::PathBuf;

use crate::error::{FileError, OpenError, ReadError};

pub use folder::BackupFolder;
pub use manifest::{FileCopy, MANIFEST_FORMAT, Manifest, ManifestError, SegmentCopy, SnapshotCopy};
pub use plan::{BackupPlan, Transfer};

pub(crate) use copy::{copy_file, hash_file};
pub(crate) use manifest::{SNAPSHOTS, TAPE};

/// Why there is no backup. The tape itself is not touched by any of these.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The tape could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The tape could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The manifest could not be read or written.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// There is nothing to back up.
    #[error("{dir} holds no tape: check --data-dir", dir = dir.display())]
    NoTape {
        /// The data directory.
        dir: PathBuf,
    },
    /// The backup would be lost together with the tape.
    #[error(
        "{to} lies on the file system of the data directory {dir}, so that both are lost at once: name a folder on \
         another one, or add --force",
        to = to.display(), dir = dir.display()
    )]
    SameFileSystem {
        /// The folder asked for.
        to: PathBuf,
        /// The data directory.
        dir: PathBuf,
    },
    /// The backup would lie in what it is a backup of.
    #[error("{to} lies in the data directory {dir}: name a folder outside", to = to.display(), dir = dir.display())]
    Inside {
        /// The folder asked for.
        to: PathBuf,
        /// The data directory.
        dir: PathBuf,
    },
    /// The backup's folder is used by another process.
    #[error("{to} is in use by another backup: wait for it to end", to = to.display())]
    Busy {
        /// The folder.
        to: PathBuf,
    },
    /// The folder holds a backup of another tape, or of this one before it was restored from an older backup.
    #[error("{to} holds {held}, the tape has {found}: it is a backup of another tape, name a new folder", to = to.display())]
    OtherTape {
        /// The folder.
        to: PathBuf,
        /// What the manifest says.
        held: String,
        /// What the tape says.
        found: String,
    },
    /// A sealed segment and its copy, which never change, are not the same.
    #[error(
        "{path} is not what {to} holds of it, and sealed segments never change: run `barkeep tape verify`; nothing was \
         copied over the older copy",
        path = path.display(), to = to.display()
    )]
    Differs {
        /// The segment's file.
        path: PathBuf,
        /// The backup's folder.
        to: PathBuf,
    },
    /// The backup no longer has a file that the tape no longer has either.
    #[error(
        "{path} is named by the manifest and not there, and the tape no longer has its segment: bring the file back, or \
         name a new folder",
        path = path.display()
    )]
    Lost {
        /// The file.
        path: PathBuf,
    },
    /// A segment was closed, sealed or pruned while it was copied.
    #[error("{path} changed while it was copied: take the backup again", path = path.display())]
    Moved {
        /// The segment's file.
        path: PathBuf,
    },
    /// Rows could not be written.
    #[error("{path} could not be written: check the room and the mode of the folder", path = path.display())]
    Rows {
        /// The file in the backup.
        path: PathBuf,
        /// What redb said.
        #[source]
        source: Box<redb::Error>,
    },
    /// A file or folder could not be read, written or named.
    #[error(transparent)]
    File(#[from] FileError),
}

impl BackupError {
    /// The reason that goes with exit code 3 when the tape itself is wrong.
    pub fn fatal_reason(&self) -> Option<&'static str> {
        match self {
            Self::Open(error) => error.fatal_reason(),
            Self::Read(error) => error.fatal_reason(),
            Self::Manifest(_)
            | Self::NoTape { .. }
            | Self::SameFileSystem { .. }
            | Self::Inside { .. }
            | Self::Busy { .. }
            | Self::OtherTape { .. }
            | Self::Differs { .. }
            | Self::Lost { .. }
            | Self::Moved { .. }
            | Self::Rows { .. }
            | Self::File(_) => None,
        }
    }
}
