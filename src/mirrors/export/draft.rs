//! The output file while it is being written: beside its place under another name, and in its place only when whole.
//!
//! Never leaves a half-written file under the name that was asked for. Called by [`super::export`].

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use super::error::ExportError;

/// An output being written. Dropping it removes what was written.
pub(super) struct Draft {
    out: PathBuf,
    temp: PathBuf,
    force: bool,
    placed: bool,
}

impl Draft {
    /// Makes the file beside `out`. Without `force` an `out` that is there is refused.
    pub(super) fn new(out: &Path, force: bool) -> Result<(Self, File), ExportError> {
        if !force && out.symlink_metadata().is_ok() {
            return Err(ExportError::Exists { path: out.to_path_buf() });
        }
        let mut name = OsString::from(".");
        name.push(out.file_name().unwrap_or_default());
        name.push(format!(".{}.partial", std::process::id()));
        let temp = out.with_file_name(name);
        let file = OpenOptions::new().write(true).create(true).truncate(true).open(&temp);
        let file = file.map_err(|source| ExportError::Write { path: temp.clone(), source })?;
        Ok((Self { out: out.to_path_buf(), temp, force, placed: false }, file))
    }

    /// Where it is written meanwhile.
    pub(super) fn path(&self) -> &Path {
        &self.temp
    }

    /// Makes the file durable and puts it in its place; its size in bytes.
    pub(super) fn place(mut self, file: File) -> Result<u64, ExportError> {
        let error = |path: &Path, source| ExportError::Write { path: path.to_path_buf(), source };
        file.sync_all().map_err(|source| error(&self.temp, source))?;
        let bytes = file.metadata().map_err(|source| error(&self.temp, source))?.len();
        drop(file);
        if !self.force && self.out.symlink_metadata().is_ok() {
            return Err(ExportError::Exists { path: self.out.clone() });
        }
        fs::rename(&self.temp, &self.out).map_err(|source| error(&self.out, source))?;
        self.placed = true;
        sync_folder_of(&self.out).map_err(|source| error(&self.out, source))?;
        Ok(bytes)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.placed {
            // The error that ended the export is what the caller hears of.
            drop(fs::remove_file(&self.temp));
        }
    }
}

fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}
