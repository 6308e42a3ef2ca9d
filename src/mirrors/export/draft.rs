//! Where an export goes: a file that comes to its place only when whole, or a stream such as stdout.
//!
//! Never leaves a half-written file under the name that was asked for. Called by [`super::export`].

use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::error::ExportError;

/// Where an export goes.
pub enum Destination {
    /// A file.
    File {
        /// Its path.
        path: PathBuf,
        /// Whether a file that is there is replaced.
        force: bool,
    },
    /// A stream; what an error leaves there stays there.
    Stream(Box<dyn Write + Send>),
}

impl fmt::Debug for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, force } => f.debug_struct("File").field("path", path).field("force", force).finish(),
            Self::Stream(_) => f.write_str("Stream"),
        }
    }
}

/// What a sheet writes to.
pub(super) enum Output {
    File(File),
    Stream { stream: Box<dyn Write + Send>, bytes: u64 },
}

impl Write for Output {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.write(data),
            Self::Stream { stream, bytes } => {
                let written = stream.write(data)?;
                *bytes += written as u64;
                Ok(written)
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::File(file) => file.flush(),
            Self::Stream { stream, .. } => stream.flush(),
        }
    }
}

/// An output being written.
pub(super) struct Draft {
    /// Absent for a stream.
    file: Option<DraftFile>,
}

/// A file being written: beside its place under another name. Dropping it removes what was written.
struct DraftFile {
    out: PathBuf,
    temp: PathBuf,
    force: bool,
    placed: bool,
}

impl Draft {
    /// Begins an output. Without `force` a file that is there is refused.
    pub(super) fn new(destination: Destination) -> Result<(Self, Output), ExportError> {
        match destination {
            Destination::File { path, force } => {
                let (draft, file) = DraftFile::new(path, force)?;
                Ok((Self { file: Some(draft) }, Output::File(file)))
            }
            Destination::Stream(stream) => Ok((Self { file: None }, Output::Stream { stream, bytes: 0 })),
        }
    }

    /// What it is called where it cannot be written.
    pub(super) fn path(&self) -> &Path {
        self.file.as_ref().map_or(Path::new("the output"), |file| &file.out)
    }

    /// Makes the output durable, and puts a file in its place; its size in bytes.
    pub(super) fn place(self, output: Output) -> Result<u64, ExportError> {
        let failed = |source| ExportError::Write { path: PathBuf::from("the output"), source };
        match (self.file, output) {
            (Some(draft), Output::File(file)) => draft.place(file),
            (_, Output::Stream { mut stream, bytes }) => stream.flush().map(|()| bytes).map_err(failed),
            (None, Output::File(file)) => file.metadata().map(|data| data.len()).map_err(failed),
        }
    }
}

impl DraftFile {
    fn new(out: PathBuf, force: bool) -> Result<(Self, File), ExportError> {
        let folder = folder_of(&out);
        if fs::metadata(folder).is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
            return Err(ExportError::NoFolder { folder: folder.to_path_buf() });
        }
        if !force && out.symlink_metadata().is_ok() {
            return Err(ExportError::Exists { path: out });
        }
        let mut name = OsString::from(".");
        name.push(out.file_name().unwrap_or_default());
        name.push(format!(".{}.partial", std::process::id()));
        let temp = out.with_file_name(name);
        let file = OpenOptions::new().write(true).create(true).truncate(true).open(&temp);
        let file = file.map_err(|source| ExportError::Write { path: out.clone(), source })?;
        Ok((Self { out, temp, force, placed: false }, file))
    }

    fn place(mut self, file: File) -> Result<u64, ExportError> {
        let failed = |source| ExportError::Write { path: self.out.clone(), source };
        file.sync_all().map_err(failed)?;
        let bytes = file.metadata().map_err(failed)?.len();
        drop(file);
        if !self.force && self.out.symlink_metadata().is_ok() {
            return Err(ExportError::Exists { path: self.out.clone() });
        }
        fs::rename(&self.temp, &self.out).map_err(failed)?;
        let synced = File::open(folder_of(&self.out)).and_then(|folder| folder.sync_all()).map_err(failed);
        self.placed = true;
        synced.map(|()| bytes)
    }
}

impl Drop for DraftFile {
    fn drop(&mut self) {
        if !self.placed {
            // The error that ended the export is what the caller hears of.
            drop(fs::remove_file(&self.temp));
        }
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
