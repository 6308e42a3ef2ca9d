//! The snapshots: their checksums, their names, and whether they are of this tape.
//!
//! Never decides whether one is used: recovery passes over what does not fit. Called by commands.

use std::io;

use barkeep_schemas::Seq;

use super::neighbours::Known;
use super::{Finding, Remedy};
use crate::disk::is_not_regular;
use crate::paths::DataDir;
use crate::snapshot::{self, Found, VERSION};

/// A snapshot file as it was read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SnapshotFile {
    /// The position in its name.
    pub seq: Seq,
    /// What it holds, or why that is not known.
    pub found: Result<Found, Unread>,
}

/// Why a snapshot file could not be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unread {
    /// What the system said.
    pub why: String,
    /// What helps.
    pub remedy: Remedy,
}

impl Unread {
    fn of(error: &io::Error) -> Self {
        let remedy = if is_not_regular(error) { Remedy::RemoveFile } else { Remedy::Access };
        Self { why: error.to_string(), remedy }
    }
}

/// Reads the snapshot files. To be done before the segments are looked at: what they stand for is durable by then.
///
/// # Errors
/// The folder could not be listed.
pub fn snapshot_files(dir: &DataDir) -> io::Result<Vec<SnapshotFile>> {
    let seqs = match snapshot::seqs(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        seqs => seqs?,
    };
    let mut files = Vec::new();
    for seq in seqs {
        match snapshot::read(dir, seq) {
            // The writer keeps the newest two.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            found => files.push(SnapshotFile { seq, found: found.map_err(|error| Unread::of(&error)) }),
        }
    }
    Ok(files)
}

/// Compares snapshots with the tape. `end_known`: every segment was read to its end and no writer is at work, so that a
/// snapshot beyond the end has seen events that are gone.
pub fn check_snapshots(files: &[SnapshotFile], segments: &[Known], end_known: bool) -> Vec<Finding> {
    let bodies = segments.iter().map(|(_, _, body)| body.as_ref());
    let end_known = end_known && bodies.clone().all(|body| body.is_some());
    let last = bodies.flatten().filter_map(|body| body.last_seq).max().unwrap_or(0);
    let is_beyond = |file: &&SnapshotFile| {
        end_known && file.seq.0 > last && matches!(&file.found, Ok(Found::Whole(snapshot)) if snapshot.seq == file.seq)
    };
    let (beyond, others): (Vec<_>, Vec<_>) = files.iter().partition(is_beyond);
    let others = others.into_iter().filter_map(|file| check(file, segments));
    lost_end(&beyond, last).into_iter().chain(others).collect()
}

/// What it means that whole snapshots were taken behind the last event: the events that they stand for were there.
fn lost_end(beyond: &[&SnapshotFile], last: u64) -> Option<Finding> {
    let newest = beyond.iter().map(|file| file.seq.0).max()?;
    let end = if last == 0 { "holds no event".to_owned() } else { format!("ends at seq {last}") };
    let what = format!(
        "{end}, but snapshots/{newest}.snap was taken at seq {newest}: a segment is missing, or the last one has lost its \
         end"
    );
    let mut finding = Finding::damage("tape", what).seqs(last + 1, Some(newest));
    finding.remedy = Remedy::RestoreTape;
    Some(finding)
}

/// One snapshot.
fn check(file: &SnapshotFile, segments: &[Known]) -> Option<Finding> {
    let name = format!("snapshots/{}.snap", file.seq);
    let damage = |what: String| {
        let mut finding = Finding::damage(&name, what);
        finding.remedy = Remedy::RemoveFile;
        Some(finding)
    };
    let snapshot = match &file.found {
        Err(Unread { why, remedy }) => return Some(Finding::unknown(&name, why, *remedy)),
        Ok(Found::Whole(snapshot)) => snapshot,
        Ok(Found::OtherVersion(version)) if *version > VERSION => {
            let what = format!("has version {version}, this build reads {VERSION}");
            return Some(Finding::unknown(&name, what, Remedy::Upgrade));
        }
        Ok(Found::OtherVersion(version)) => {
            let what = format!("has version {version}, of an older barkeep: recovery passes over it");
            return Some(Finding::note(&name, what, Remedy::Nothing));
        }
        Ok(Found::Damaged) => return damage("is damaged: recovery passes over it".to_owned()),
    };
    if snapshot.seq != file.seq {
        return damage(format!("holds the state at seq {}", snapshot.seq));
    }
    let chain = chain_at(segments, file.seq)?;
    if chain == snapshot.chain.to_string() {
        return None;
    }
    damage(format!("says chain hash {}, the tape has {chain}: it is of another tape", snapshot.chain))
}

fn chain_at(segments: &[Known], seq: Seq) -> Option<&str> {
    let bodies = segments.iter().filter_map(|(_, _, body)| body.as_ref());
    let mut chains = bodies.flat_map(|body| &body.chains);
    chains.find(|(at, _)| *at == seq.0).map(|(_, chain)| chain.as_str())
}
