//! The snapshots: their checksums, their names, and whether they are of this tape.
//!
//! Never decides whether one is used: recovery passes over what does not fit. Called by commands.

use std::io;

use barkeep_schemas::Seq;

use super::neighbours::Known;
use super::{Finding, Remedy};
use crate::paths::DataDir;
use crate::snapshot::{self, Found, VERSION};

/// A snapshot file as it was read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SnapshotFile {
    /// The position in its name.
    pub seq: Seq,
    /// What it holds.
    pub found: Found,
}

/// Reads the snapshot files. To be done before the segments are looked at: what they stand for is durable by then.
///
/// # Errors
/// The folder could not be listed, or a file in it not be read.
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
            Err(error) => return Err(error),
            Ok(found) => files.push(SnapshotFile { seq, found }),
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
    files.iter().filter_map(|file| check(file, segments, end_known.then_some(last))).collect()
}

/// One snapshot, against the end of the tape where that is known.
fn check(file: &SnapshotFile, segments: &[Known], last: Option<u64>) -> Option<Finding> {
    let name = format!("snapshots/{}.snap", file.seq);
    let damage = |what: String| {
        let mut finding = Finding::damage(&name, what);
        finding.remedy = Remedy::RemoveFile;
        Some(finding)
    };
    let snapshot = match &file.found {
        Found::Whole(snapshot) => snapshot,
        Found::OtherVersion(version) if *version > VERSION => {
            let what = format!("has version {version}, this build reads {VERSION}");
            return Some(Finding::unknown(&name, what, Remedy::Upgrade));
        }
        Found::OtherVersion(version) => {
            let what = format!("has version {version}, of an older barkeep: recovery passes over it");
            return Some(Finding::note(&name, what, Remedy::Nothing));
        }
        Found::Damaged => return damage("is damaged: recovery passes over it".to_owned()),
    };
    if snapshot.seq != file.seq {
        return damage(format!("holds the state at seq {}", snapshot.seq));
    }
    if let Some(last) = last.filter(|last| file.seq.0 > *last) {
        return damage(format!(
            "lies beyond the end of the tape at seq {last}: the tape has lost its end, or it is of another one"
        ));
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
