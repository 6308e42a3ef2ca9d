//! The bytes of a CSV file, plain or out of a zip archive.
//!
//! What it is: a stream in bounded memory that counts what it took from the disk and, when asked, hashes it. What it
//! never does: hold a whole file. Who calls it: the reader opens it, the CSV rows read it.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use barkeep_schemas::Hash32;
use zip::ZipArchive;

use super::error::FileError;

/// Bytes that travel from the unzipping thread at a time, and how many such pieces may wait.
const PIECE: usize = 64 * 1024;
const PIECES_WAITING: usize = 4;

/// The most entries' names shown in an error.
const NAMES_SHOWN: usize = 8;

/// The bytes of a CSV.
#[derive(Debug)]
pub(super) enum Input {
    /// The file itself.
    Plain(Tap),
    /// The one CSV of an archive.
    Zipped(Unzipped),
}

impl Input {
    /// Bytes of the file taken so far.
    pub(super) fn bytes_read(&self) -> u64 {
        match self {
            Self::Plain(tap) => tap.bytes,
            Self::Zipped(unzipped) => unzipped.bytes.load(Ordering::Relaxed),
        }
    }

    /// Bytes taken so far, where the file is read as it stands.
    pub(super) const fn plain_bytes(&self) -> Option<u64> {
        match self {
            Self::Plain(tap) => Some(tap.bytes),
            Self::Zipped(_) => None,
        }
    }

    /// The hash of what was read, where the file is read as it stands and a hash was asked for.
    pub(super) fn hash(&self) -> Option<Hash32> {
        match self {
            Self::Plain(tap) => tap.hasher.as_ref().map(|hasher| Hash32(*hasher.finalize().as_bytes())),
            Self::Zipped(_) => None,
        }
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(tap) => tap.read(buffer),
            Self::Zipped(unzipped) => unzipped.read(buffer),
        }
    }
}

/// A file that is counted, and hashed when asked, as it is read.
#[derive(Debug)]
pub(super) struct Tap {
    file: File,
    hasher: Option<Box<blake3::Hasher>>,
    bytes: u64,
}

impl Tap {
    pub(super) fn new(file: File, hash: bool) -> Self {
        Self { file, hasher: hash.then(|| Box::new(blake3::Hasher::new())), bytes: 0 }
    }
}

impl Read for Tap {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.bytes += read as u64;
        if let (Some(hasher), Some(taken)) = (&mut self.hasher, buffer.get(..read)) {
            hasher.update(taken);
        }
        Ok(read)
    }
}

/// The hash of a whole file, which is then wound back to its start.
pub(super) fn hash_file(file: &mut File) -> io::Result<Hash32> {
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; PIECE];
    file.seek(SeekFrom::Start(0))?;
    loop {
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => drop(hasher.update(buffer.get(..read).unwrap_or_default())),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    file.seek(SeekFrom::Start(0))?;
    Ok(Hash32(*hasher.finalize().as_bytes()))
}

/// The bytes of an archive's one CSV, inflated on a thread of its own: an archive's entry borrows the archive, and the
/// rows are parsed meanwhile. Dropping it ends the thread.
#[derive(Debug)]
pub(super) struct Unzipped {
    pieces: Receiver<io::Result<Vec<u8>>>,
    piece: Vec<u8>,
    at: usize,
    bytes: Arc<AtomicU64>,
    ended: bool,
}

impl Unzipped {
    /// Opens the one CSV of an archive. `name` is the file as typed.
    pub(super) fn open(file: File, name: &str) -> Result<Self, FileError> {
        let bytes = Arc::new(AtomicU64::new(0));
        let counted = Counted { file, bytes: Arc::clone(&bytes) };
        let damaged =
            |error: zip::result::ZipError| FileError::Zip { file: name.to_owned(), detail: error.to_string() };
        let mut archive = ZipArchive::new(counted).map_err(damaged)?;
        let entry = only_csv(&archive, name)?;
        // Refuses an encrypted entry or an unknown compression before any row is read.
        drop(archive.by_index(entry).map_err(damaged)?);
        let (sender, pieces) = sync_channel(PIECES_WAITING);
        let spawned = thread::Builder::new().name("unzip".to_owned()).spawn(move || {
            if let Err(error) = inflate(&mut archive, entry, &sender) {
                drop(sender.send(Err(error)));
            }
        });
        match spawned {
            Ok(_) => Ok(Self { pieces, piece: Vec::new(), at: 0, bytes, ended: false }),
            Err(source) => Err(FileError::Unreadable { file: name.to_owned(), source }),
        }
    }
}

impl Read for Unzipped {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at >= self.piece.len() && !self.ended {
            // An empty piece is the end; a channel that closes without one is a thread that died.
            self.piece = self.pieces.recv().map_err(|_| io::Error::other("the archive could not be unpacked"))??;
            self.at = 0;
            self.ended = self.piece.is_empty();
        }
        let mut rest = self.piece.get(self.at..).unwrap_or_default();
        let read = rest.read(buffer)?;
        self.at += read;
        Ok(read)
    }
}

/// Sends the entry's bytes piece by piece, and an empty piece at its end. A receiver that is gone ends it.
fn inflate(
    archive: &mut ZipArchive<Counted>,
    entry: usize,
    sender: &SyncSender<io::Result<Vec<u8>>>,
) -> io::Result<()> {
    let mut entry = archive.by_index(entry).map_err(io::Error::other)?;
    loop {
        let mut piece = Vec::with_capacity(PIECE);
        entry.by_ref().take(PIECE as u64).read_to_end(&mut piece)?;
        let end = piece.is_empty();
        if sender.send(Ok(piece)).is_err() || end {
            return Ok(());
        }
    }
}

/// The number of the archive's one CSV. Folders and what macOS adds are passed over.
fn only_csv(archive: &ZipArchive<Counted>, file: &str) -> Result<usize, FileError> {
    let names: Vec<(usize, String)> = archive
        .file_names_raw()
        .map(|name| String::from_utf8_lossy(name).into_owned())
        .enumerate()
        .filter(|(_, name)| !name.ends_with('/') && !name.starts_with("__MACOSX/"))
        .collect();
    let list = |names: &[&(usize, String)]| {
        let shown: Vec<&str> = names.iter().take(NAMES_SHOWN).map(|(_, name)| name.as_str()).collect();
        let more = if names.len() > NAMES_SHOWN { ", …" } else { "" };
        if shown.is_empty() { "nothing".to_owned() } else { format!("{}{more}", shown.join(", ")) }
    };
    let csvs: Vec<&(usize, String)> = names.iter().filter(|(_, name)| is_csv(name)).collect();
    match csvs.as_slice() {
        [(at, _)] => Ok(*at),
        [] => Err(FileError::ZipWithoutCsv { file: file.to_owned(), entries: list(&names.iter().collect::<Vec<_>>()) }),
        several => Err(FileError::ZipWithSeveral { file: file.to_owned(), entries: list(several) }),
    }
}

fn is_csv(name: &str) -> bool {
    name.len() >= 4 && name.as_bytes().last_chunk::<4>().is_some_and(|end| end.eq_ignore_ascii_case(b".csv"))
}

/// A file that tells how much of it was read.
#[derive(Debug)]
struct Counted {
    file: File,
    bytes: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.bytes.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

impl Seek for Counted {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        self.file.seek(position)
    }
}
