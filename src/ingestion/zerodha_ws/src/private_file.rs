//! Files that hold secrets: read only when nobody else can, written whole or not at all.
//!
//! What it tells of a file never holds what stands in it. `token` calls it.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use secrecy::zeroize::Zeroizing;

/// Bytes of such a file at most.
const BYTES_MAX: u64 = 64 << 10;

/// Bytes of a draft that is written to see whether it can be; a token's file has 200.
const DRAFT_BYTES: usize = 1 << 10;

/// The permissions that are no one's but the owner's.
const OTHERS: u32 = 0o077;

/// Why a file with secrets is not read or written.
#[derive(Debug, thiserror::Error)]
pub enum PrivateFileError {
    /// Others may read or write it.
    #[error("{file} can be read by others (mode {mode:04o}): type `chmod 600 {file}`")]
    Open {
        /// The file.
        file: String,
        /// Its permissions.
        mode: u32,
    },
    /// It is no plain file, too long, or not text.
    #[error("{file} is {what}")]
    Unfit {
        /// The file.
        file: String,
        /// What it is instead.
        what: &'static str,
    },
    /// The system refuses.
    #[error("{file} cannot be {done}: {source}")]
    System {
        /// The file.
        file: String,
        /// `read` or `written`.
        done: &'static str,
        /// What the system says.
        source: std::io::Error,
    },
}

/// The text of a file; `None` when there is none.
pub(crate) fn read(path: &Path) -> Result<Option<Zeroizing<String>>, PrivateFileError> {
    let file = || path.display().to_string();
    let system = |source| PrivateFileError::System { file: file(), done: "read", source };
    // To open anything but a plain file might wait for ever.
    let metadata = match path.metadata() {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(system(error)),
    };
    if !metadata.is_file() {
        return Err(PrivateFileError::Unfit { file: file(), what: "no file" });
    }
    let opened = match File::open(path) {
        Ok(opened) => opened,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(system(error)),
    };
    let mode = opened.metadata().map_err(system)?.permissions().mode() & 0o7777;
    if mode & OTHERS != 0 {
        return Err(PrivateFileError::Open { file: file(), mode });
    }
    let mut text = Zeroizing::new(String::new());
    match opened.take(BYTES_MAX + 1).read_to_string(&mut text) {
        Ok(_) if text.len() as u64 > BYTES_MAX => Err(PrivateFileError::Unfit { file: file(), what: "too long" }),
        Ok(_) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::InvalidData => {
            Err(PrivateFileError::Unfit { file: file(), what: "no text (UTF-8)" })
        }
        Err(error) => Err(system(error)),
    }
}

/// Puts a text in place of a file, mode 0600: whoever reads it finds the old or the new one whole, also after a crash.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), PrivateFileError> {
    let fresh = beside(path);
    let written = put(path, &fresh, text);
    if written.is_err() {
        // It may not be there; what went wrong before is what counts.
        let _ = std::fs::remove_file(&fresh);
    }
    written.map_err(|source| PrivateFileError::System { file: path.display().to_string(), done: "written", source })
}

/// Whether [`write`] would succeed now: a draft of the usual length is written beside the file and goes again.
pub(crate) fn check(path: &Path) -> Result<(), PrivateFileError> {
    if path.metadata().is_ok_and(|metadata| !metadata.is_file()) {
        return Err(PrivateFileError::Unfit { file: path.display().to_string(), what: "no file" });
    }
    let fresh = beside(path);
    let written = draft(path, &fresh, &" ".repeat(DRAFT_BYTES));
    // It may not be there; what went wrong before is what counts.
    let removed = std::fs::remove_file(&fresh);
    let checked = written.and(removed);
    checked.map_err(|source| PrivateFileError::System { file: path.display().to_string(), done: "written", source })
}

fn put(path: &Path, fresh: &Path, text: &str) -> std::io::Result<()> {
    draft(path, fresh, text)?;
    std::fs::rename(fresh, path)?;
    File::open(folder(path))?.sync_all()
}

/// Writes a text to `fresh`, in the folder of `path`, which is made, for its owner alone, where it is not there.
fn draft(path: &Path, fresh: &Path, text: &str) -> std::io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder(path))?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(fresh)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))
}

/// A name in the same folder that this process alone uses, now.
fn beside(path: &Path) -> PathBuf {
    use std::sync::atomic::{AtomicU64, Ordering};
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.{number}.new", std::process::id()));
    path.with_file_name(name)
}
