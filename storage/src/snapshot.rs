//! Snapshots of the engine's state: files that spare a restart the replay of a whole session.
//!
//! Never trusted: a file in which anything disagrees is passed over, and the tape alone is replayed. Called by the
//! daemon after a commit and by recovery.

use std::io;
use std::path::{Path, PathBuf};

use barkeep_schemas::{DecodeError, Hash32, Seq, Wire};

use crate::paths::DataDir;

const MAGIC: &[u8; 8] = b"BARKSNAP";
pub(crate) const VERSION: u32 = 1;
const SUFFIX: &str = ".snap";
const TEMP_SUFFIX: &str = ".snap.new";

/// Bytes before the state: magic, version, behaviour, seq, chain hash, length.
const HEADER_BYTES: usize = 64;

/// How many snapshots are kept.
const KEPT: usize = 2;

/// The state of the engine after the event at `seq`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Snapshot {
    /// The last event that the state contains.
    pub seq: Seq,
    /// The hash of the chain at `seq`: a snapshot of another tape does not have it.
    pub chain: Hash32,
    /// The behaviour number of the engine that made it.
    pub behaviour: u32,
    /// The engine's own bytes.
    pub bytes: Vec<u8>,
}

/// A snapshot could not be written. The tape is not touched by that.
#[derive(Debug, thiserror::Error)]
#[error("{path} could not be written: check the disk; the tape itself is whole", path = path.display())]
pub struct SnapshotError {
    /// The file or folder.
    pub path: PathBuf,
    /// What the system said.
    #[source]
    pub source: io::Error,
}

/// Writes a snapshot so that a crash leaves the old files or the new one, and removes all but the newest two.
///
/// # Errors
/// [`SnapshotError`].
pub fn save(dir: &DataDir, snapshot: &Snapshot) -> Result<(), SnapshotError> {
    let folder = dir.snapshots();
    let (path, temp) = (file_of(dir, snapshot.seq, SUFFIX), file_of(dir, snapshot.seq, TEMP_SUFFIX));
    let error = |path: &Path| {
        let path = path.to_path_buf();
        move |source| SnapshotError { path, source }
    };
    let disk = dir.disk();
    disk.write(&temp, &bytes_of(snapshot)).map_err(error(&temp))?;
    disk.rename(&temp, &path).map_err(error(&path))?;
    disk.sync_folder(&folder).map_err(error(&folder))?;
    for old in seqs(dir).map_err(error(&folder))?.into_iter().skip(KEPT) {
        let path = file_of(dir, old, SUFFIX);
        disk.remove(&path).map_err(error(&path))?;
    }
    Ok(())
}

/// The newest snapshot of this behaviour that checks and lies at or before `at_most`; `None` when there is none, for
/// whatever reason.
pub fn newest(dir: &DataDir, behaviour: u32, at_most: Seq) -> Option<Snapshot> {
    let seqs = seqs(dir).ok()?;
    seqs.into_iter().filter(|seq| *seq <= at_most).find_map(|seq| {
        let bytes = dir.disk().read(&file_of(dir, seq, SUFFIX)).ok()?;
        parse(&bytes).filter(|snapshot| snapshot.behaviour == behaviour && snapshot.seq == seq)
    })
}

/// What a snapshot file is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Found {
    /// One of this version that checks.
    Whole(Snapshot),
    /// One of another version, whose checksum holds.
    OtherVersion(u32),
    /// No snapshot.
    Damaged,
}

/// Reads the snapshot file at a position.
pub(crate) fn read(dir: &DataDir, seq: Seq) -> io::Result<Found> {
    let file = dir.disk().read(&file_of(dir, seq, SUFFIX))?;
    let version = || {
        let (checked, mut crc) = file.split_at_checked(file.len().checked_sub(4)?)?;
        let mut fields = checked.strip_prefix(MAGIC)?;
        let holds = u32::take(&mut crc).ok()? == crc32fast::hash(checked);
        u32::take(&mut fields).ok().filter(|version| holds && *version != VERSION)
    };
    Ok(match (parse(&file), version()) {
        (Some(snapshot), _) => Found::Whole(snapshot),
        (None, Some(version)) => Found::OtherVersion(version),
        (None, None) => Found::Damaged,
    })
}

/// The bytes of the snapshot file at a position, when they check.
pub(crate) fn valid_file(dir: &DataDir, seq: Seq) -> Option<Vec<u8>> {
    let bytes = dir.disk().read(&file_of(dir, seq, SUFFIX)).ok()?;
    parse(&bytes).is_some_and(|snapshot| snapshot.seq == seq).then_some(bytes)
}

fn file_of(dir: &DataDir, seq: Seq, suffix: &str) -> PathBuf {
    dir.snapshots().join(format!("{seq}{suffix}"))
}

/// The positions of the snapshot files, newest first.
pub(crate) fn seqs(dir: &DataDir) -> io::Result<Vec<Seq>> {
    let files = dir.disk().list(&dir.snapshots())?;
    let mut seqs: Vec<Seq> = files.iter().filter_map(|name| name.strip_suffix(SUFFIX)?.parse().ok().map(Seq)).collect();
    seqs.sort_unstable_by(|a, b| b.cmp(a));
    Ok(seqs)
}

pub(crate) fn bytes_of(snapshot: &Snapshot) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEADER_BYTES + snapshot.bytes.len() + 4);
    out.extend_from_slice(MAGIC);
    VERSION.put(&mut out);
    snapshot.behaviour.put(&mut out);
    snapshot.seq.put(&mut out);
    snapshot.chain.put(&mut out);
    (snapshot.bytes.len() as u64).put(&mut out);
    out.extend_from_slice(&snapshot.bytes);
    crc32fast::hash(&out).put(&mut out);
    out
}

/// Reads a snapshot file; `None` when it is none of this version or does not check.
pub(crate) fn parse(file: &[u8]) -> Option<Snapshot> {
    let (checked, mut crc) = file.split_at_checked(file.len().checked_sub(4)?)?;
    if u32::take(&mut crc).ok()? != crc32fast::hash(checked) {
        return None;
    }
    let fields = checked.strip_prefix(MAGIC)?;
    take_fields(fields).ok().flatten()
}

fn take_fields(mut input: &[u8]) -> Result<Option<Snapshot>, DecodeError> {
    let input = &mut input;
    if u32::take(input)? != VERSION {
        return Ok(None);
    }
    let (behaviour, seq) = (u32::take(input)?, Seq::take(input)?);
    let chain = Hash32::take(input)?;
    let len = u64::take(input)?;
    if len != input.len() as u64 {
        return Ok(None);
    }
    Ok(Some(Snapshot { seq, chain, behaviour, bytes: input.to_vec() }))
}
