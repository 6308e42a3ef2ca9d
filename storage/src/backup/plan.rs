//! What a backup will copy, and the copying.
//!
//! Never decides while it copies: what is taken as a file, row by row or not at all is in the plan. Called by commands.

use std::path::Path;

use barkeep_schemas::{Hash32, Seq};

use super::BackupError;
use super::copy::{Hashed, RowsError, copy_file, copy_rows, hash_file};
use super::folder::BackupFolder;
use super::manifest::{FileCopy, MANIFEST_FORMAT, Manifest, SNAPSHOTS, SegmentCopy, SnapshotCopy, TAPE};
use crate::disk::Disk;
use crate::error::{FileError, ReadError};
use crate::paths::DataDir;
use crate::reader::{PATIENCE, SegmentReader, open_read_only};
use crate::snapshot;
use crate::tape::{SegmentInfo, Tape};
use crate::writer::is_unclean;

/// How a segment gets into the backup.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Transfer {
    /// It is there already.
    Held(FileCopy),
    /// Its file is copied.
    File,
    /// Its events are copied row by row, up to the last as known in the plan: it is open, or was not closed cleanly.
    Rows,
}

/// What a backup will do.
pub struct BackupPlan {
    dir: DataDir,
    tape: Tape,
    /// The manifest in force.
    previous: Option<Manifest>,
    /// The segments of the tape.
    segments: Vec<(SegmentInfo, Transfer)>,
    /// Segments that the backup alone still has.
    kept: Vec<SegmentCopy>,
    /// The snapshots' bytes; the writer may remove the files at any time.
    snapshots: Vec<(Seq, Vec<u8>)>,
}

impl BackupPlan {
    /// Plans on the tape as it is. `progress` is told how many bytes were hashed to find out what is held already.
    ///
    /// # Errors
    /// [`BackupError`] when something cannot be read or the folder holds what this tape must not replace.
    pub fn make(dir: &DataDir, to: &BackupFolder, mut progress: impl FnMut(u64)) -> Result<Self, BackupError> {
        // Snapshots first: all of them lie before what is durable afterwards.
        let snapshots = snapshots(dir);
        let tape = Tape::open(dir)?;
        let snapshots = snapshots.into_iter().filter(|(seq, _)| *seq <= tape.last_seq()).collect();
        let previous = Manifest::find(to.disk(), to.root())?;
        let held = previous.as_ref().map(|manifest| manifest.segments.as_slice()).unwrap_or_default();
        let kept = kept(held, &tape, to)?;
        let mut segments = Vec::with_capacity(tape.segments().len());
        for info in tape.segments() {
            let copy = held.iter().find(|copy| copy.ordinal == info.ordinal);
            segments.push((info.clone(), transfer(dir, info, copy, to, &mut progress)?));
        }
        if segments.is_empty() && kept.is_empty() {
            return Err(BackupError::NoTape { dir: dir.root().to_path_buf() });
        }
        Ok(Self { dir: dir.clone(), tape, previous, segments, kept, snapshots })
    }

    /// The segments of the tape, and how each gets into the backup.
    pub fn segments(&self) -> &[(SegmentInfo, Transfer)] {
        &self.segments
    }

    /// The segments that the backup holds and the tape no longer has; they stay.
    pub fn kept(&self) -> &[SegmentCopy] {
        &self.kept
    }

    /// The snapshots that are taken, newest first.
    pub fn snapshots(&self) -> impl Iterator<Item = Seq> + '_ {
        self.snapshots.iter().map(|(seq, _)| *seq)
    }

    /// The last position that the backup will hold.
    pub fn last_seq(&self) -> Seq {
        self.tape.last_seq()
    }

    /// About how many bytes will be copied.
    pub fn bytes(&self) -> u64 {
        let segments = self.segments.iter().filter(|(_, transfer)| !matches!(transfer, Transfer::Held(_)));
        let segments: u64 = segments.map(|(info, _)| info.file_bytes).sum();
        segments + self.snapshots.iter().map(|(_, bytes)| bytes.len() as u64).sum::<u64>()
    }

    /// Copies what is planned into the folder, which must be the one that the plan was made for, and replaces the
    /// manifest. `progress` is told the bytes of each piece.
    ///
    /// # Errors
    /// [`BackupError`]; the manifest in force then still tells the truth.
    pub fn apply(&self, to: &BackupFolder, mut progress: impl FnMut(u64)) -> Result<Manifest, BackupError> {
        let mut segments = self.kept.clone();
        for (info, transfer) in &self.segments {
            let (copy, whole) = match transfer {
                Transfer::Held(copy) => (copy.clone(), true),
                Transfer::File => (self.copy_whole(to, info, &mut progress)?, true),
                Transfer::Rows => (self.copy_rows(to, info, &mut progress)?, false),
            };
            let chain = self.chain(info)?;
            segments.push(segment_copy(info, copy, whole, chain));
        }
        segments.sort_unstable_by_key(|copy| copy.ordinal);
        let mut snapshots = Vec::with_capacity(self.snapshots.len());
        for (seq, bytes) in &self.snapshots {
            let (name, hash) = (format!("{seq}.snap"), blake3::hash(bytes).to_hex().to_string());
            let temp = to.file(SNAPSHOTS, &format!("{name}.new"));
            to.disk().write(&temp, bytes).map_err(FileError::at(&temp, "written"))?;
            let copy = self.place(to, SNAPSHOTS, &name, (bytes.len() as u64, hash))?;
            progress(copy.bytes);
            snapshots.push(SnapshotCopy { name, copy, seq: seq.0 });
        }
        to.sync()?;
        let manifest = Manifest {
            format: MANIFEST_FORMAT,
            barkeep: env!("CARGO_PKG_VERSION").to_owned(),
            last_seq: self.last_seq().0,
            segments,
            snapshots,
        };
        manifest.write(to.disk(), to.root())?;
        to.clear(|folder, file| manifest.names(folder, file))?;
        Ok(manifest)
    }

    /// The chain hash at the last position: of a sealed segment by its header, since its rows are not looked at here.
    fn chain(&self, info: &SegmentInfo) -> Result<Option<Hash32>, ReadError> {
        if info.sealed {
            let header = SegmentReader::open(&self.dir, &info.path, PATIENCE)?.header()?;
            return Ok((header.format > 0).then_some(header.last_chain));
        }
        info.last_seq.map_or(Ok(None), |last| self.tape.chain_at(last))
    }

    fn copy_whole(
        &self,
        to: &BackupFolder,
        info: &SegmentInfo,
        progress: &mut impl FnMut(u64),
    ) -> Result<FileCopy, BackupError> {
        let name = info.name.to_string();
        let temp = to.file(TAPE, &format!("{name}.new"));
        let hashed = match copy_file((self.dir.disk(), &info.path), (to.disk(), &temp), progress) {
            Err(error) if error.kind() == std::io::ErrorKind::ResourceBusy => {
                return Err(BackupError::Moved { path: info.path.clone() });
            }
            hashed => hashed.map_err(FileError::at(&temp, "written"))?,
        };
        // Sealed a moment ago, the file may have been copied before its writer closed it.
        match open_read_only(to.place(), &temp)? {
            Ok(_) => self.place(to, TAPE, &name, hashed),
            Err(_) => Err(BackupError::Moved { path: info.path.clone() }),
        }
    }

    fn copy_rows(
        &self,
        to: &BackupFolder,
        info: &SegmentInfo,
        progress: &mut impl FnMut(u64),
    ) -> Result<FileCopy, BackupError> {
        let name = info.name.to_string();
        let temp = to.file(TAPE, &format!("{name}.new"));
        match copy_rows(&self.dir, &self.tape, info, (to.disk(), &temp), progress) {
            Err(RowsError::Read(ReadError::File { .. })) => Err(BackupError::Moved { path: info.path.clone() }),
            Err(RowsError::Read(error)) => Err(error.into()),
            Err(RowsError::Write(source)) => Err(BackupError::Rows { path: temp, source: Box::new(source) }),
            Ok(()) => {
                let hashed = hash_file(to.disk(), &temp, &mut |_| {}).map_err(FileError::at(&temp, "read"))?;
                self.place(to, TAPE, &name, hashed)
            }
        }
    }

    /// Gives a finished file its name: its own, or one with a part of its hash where the manifest in force names another
    /// file so.
    fn place(&self, to: &BackupFolder, folder: &str, name: &str, hashed: Hashed) -> Result<FileCopy, BackupError> {
        let (bytes, blake3) = hashed;
        let taken = self.previous.as_ref().is_some_and(|manifest| {
            manifest.files().any(|(inside, copy)| inside == folder && copy.file == name && copy.blake3 != blake3)
        });
        let file = if taken { format!("{name}.{}", blake3.get(..8).unwrap_or_default()) } else { name.to_owned() };
        let (temp, path) = (to.file(folder, &format!("{name}.new")), to.file(folder, &file));
        to.disk().rename(&temp, &path).map_err(FileError::at(&path, "named"))?;
        Ok(FileCopy { file, bytes, blake3 })
    }
}

fn segment_copy(info: &SegmentInfo, copy: FileCopy, whole: bool, chain: Option<Hash32>) -> SegmentCopy {
    SegmentCopy {
        name: info.name.to_string(),
        copy,
        whole,
        format: info.format,
        ordinal: info.ordinal,
        first_seq: info.first_seq.0,
        last_seq: info.last_seq.map(|seq| seq.0),
        sealed: info.sealed,
        chain: chain.map(|chain| chain.to_string()),
    }
}

/// The snapshots that check; others are of no use.
fn snapshots(dir: &DataDir) -> Vec<(Seq, Vec<u8>)> {
    let seqs = snapshot::seqs(dir).unwrap_or_default();
    seqs.into_iter().filter_map(|seq| Some((seq, snapshot::valid_file(dir, seq)?))).collect()
}

/// The segments of the manifest that the tape no longer has. All others must be the tape's own.
fn kept(held: &[SegmentCopy], tape: &Tape, to: &BackupFolder) -> Result<Vec<SegmentCopy>, BackupError> {
    let mut kept = Vec::new();
    let newest = tape.segments().last().map_or(0, |info| info.ordinal);
    for copy in held {
        let other = |found: String| {
            let held = format!("{} as segment {} from seq {}", copy.name, copy.ordinal, copy.first_seq);
            BackupError::OtherTape { to: to.root().to_path_buf(), held, found }
        };
        let by_ordinal = tape.segments().iter().find(|info| info.ordinal == copy.ordinal);
        let by_name = tape.segments().iter().find(|info| info.name.to_string() == copy.name);
        match (by_ordinal, by_name) {
            (None, None) if copy.ordinal < newest => {
                let there = to.len(TAPE, &copy.copy.file)? == Some(copy.copy.bytes);
                if !there {
                    return Err(BackupError::Lost { path: to.file(TAPE, &copy.copy.file) });
                }
                kept.push(copy.clone());
            }
            (None, None) => return Err(other(format!("{newest} segments"))),
            (Some(info), Some(_)) if info.name.to_string() == copy.name && info.first_seq.0 == copy.first_seq => {}
            (Some(info), _) | (None, Some(info)) => {
                return Err(other(format!("{} as segment {} from {}", info.name, info.ordinal, info.first_seq)));
            }
        }
    }
    Ok(kept)
}

/// How a segment of the tape gets into the backup, which may hold a copy of it.
fn transfer(
    dir: &DataDir,
    info: &SegmentInfo,
    copy: Option<&SegmentCopy>,
    to: &BackupFolder,
    progress: &mut impl FnMut(u64),
) -> Result<Transfer, BackupError> {
    let ahead = |copy: &&SegmentCopy| copy.last_seq > info.last_seq.map(|seq| seq.0) || (copy.sealed && !info.sealed);
    if let Some(copy) = copy.filter(ahead) {
        let seq = |seq: Option<u64>| seq.map_or_else(|| "no event".to_owned(), |seq| format!("events up to seq {seq}"));
        return Err(BackupError::OtherTape {
            to: to.root().to_path_buf(),
            held: format!("{} of {}", seq(copy.last_seq), copy.name),
            found: seq(info.last_seq.map(|seq| seq.0)),
        });
    }
    if !info.sealed || is_unclean(dir, &info.path)? {
        return Ok(Transfer::Rows);
    }
    let mut hash = |disk: &dyn Disk, path: &Path| hash_file(disk, path, progress).map_err(FileError::at(path, "read"));
    let name = info.name.to_string();
    match copy.filter(|copy| copy.whole) {
        Some(copy) => {
            let (bytes, blake3) = hash(dir.disk(), &info.path)?;
            if (bytes, &blake3) != (copy.copy.bytes, &copy.copy.blake3) {
                return Err(BackupError::Differs { path: info.path.clone(), to: to.root().to_path_buf() });
            }
            let held = to.file(TAPE, &copy.copy.file);
            // Read, not believed: while the tape has the segment, a copy that has rotted can be made again.
            let there = to.len(TAPE, &copy.copy.file)? == Some(bytes)
                && hash(to.disk(), &held)? == (bytes, copy.copy.blake3.clone());
            Ok(if there { Transfer::Held(copy.copy.clone()) } else { Transfer::File })
        }
        // A backup that was killed may have left it whole.
        None if copy.is_none() && to.len(TAPE, &name)?.is_some() => {
            let found = hash(dir.disk(), &info.path)?;
            let left = hash(to.disk(), &to.file(TAPE, &name))?;
            let (bytes, blake3) = found.clone();
            Ok(if found == left { Transfer::Held(FileCopy { file: name, bytes, blake3 }) } else { Transfer::File })
        }
        None => Ok(Transfer::File),
    }
}
