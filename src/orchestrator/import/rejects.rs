//! The side file of refused rows: one CSV an import, made when the first row is refused.

use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use crate::ingestion::files::Rejection;

/// Writes refused rows; an import that is resumed writes the file anew, so it always lists all of them.
#[derive(Debug)]
pub(super) struct Rejects {
    path: PathBuf,
    file: Option<csv::Writer<BufWriter<File>>>,
    count: u64,
    shown: Vec<Rejection>,
}

/// Refused rows that are shown at once; the file has all.
const SHOWN: usize = 5;

/// What the system said: a full disk has its own exit code, and csv's conversion hides it.
fn io_error(error: csv::Error) -> io::Error {
    let text = error.to_string();
    if let csv::ErrorKind::Io(error) = error.into_kind() { error } else { io::Error::other(text) }
}

impl Rejects {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, file: None, count: 0, shown: Vec::new() }
    }

    pub(super) fn add(&mut self, rejection: Rejection) -> io::Result<()> {
        if self.file.is_none() {
            if let Some(folder) = self.path.parent() {
                fs::create_dir_all(folder)?;
            }
            let mut file = csv::Writer::from_writer(BufWriter::new(File::create(&self.path)?));
            file.write_record(["file", "line", "column", "why", "row"]).map_err(io_error)?;
            self.file = Some(file);
        }
        if let Some(file) = &mut self.file {
            let (line, column) = (rejection.line.to_string(), rejection.column.as_deref().unwrap_or(""));
            file.write_record([&rejection.file, &line, column, &rejection.why, &rejection.raw]).map_err(io_error)?;
        }
        self.count += 1;
        if self.shown.len() < SHOWN {
            self.shown.push(rejection);
        }
        Ok(())
    }

    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Completes the file. Its path when there is one, and the first few rows.
    pub(super) fn finish(self) -> io::Result<(Option<PathBuf>, Vec<Rejection>)> {
        let Some(mut file) = self.file else { return Ok((None, self.shown)) };
        file.flush()?;
        Ok((Some(self.path), self.shown))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}
