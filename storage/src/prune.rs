//! Retention: which whole sealed segments may go, and their removal.
//!
//! What it is: a plan that is made first, shown, and then carried out as it stands. What it never does: remove a part of
//! a segment, leave a hole in the middle of the tape, or decide anything while it removes. Called by `barkeep tape prune`.
//!
//! Invariant: what goes is a prefix of the tape; segments go oldest first and each removal is durable before the next,
//! so that a crash between any two leaves a tape that only begins later.

use std::io;
use std::path::{Path, PathBuf};

use barkeep_schemas::{Event, EventKind, Hash32, Input, Seq, SessionDate};

use crate::backup::{Manifest, ManifestError, hash_file};
use crate::disk::FileDisk;
use crate::error::{OpenError, ReadError};
use crate::filter::Filter;
use crate::paths::{DataDir, SegmentName};
use crate::tape::{SegmentInfo, Tape};
use crate::writer::Writer;

/// Why a segment stays.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stays {
    /// It takes events.
    Open,
    /// The newest session: recovery derives it again.
    Recovery,
    /// An import that began in it is not finished, and resumes from there.
    Import,
    /// Its date is not before the one asked for.
    Recent,
    /// The backup does not hold it.
    NotBackedUp,
    /// The backup holds other bytes under its name.
    BackupDiffers,
    /// An older segment stays, and only the oldest ones may go.
    Behind(SegmentName),
}

/// What the tape itself still needs: the segments from these positions on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Needs {
    /// The first position of the newest segment that holds a session. Recovery goes no further back, and a snapshot
    /// that lies before it is of no use to it.
    pub recovery: Option<Seq>,
    /// Where the newest import began, while it is not finished.
    pub import: Option<Seq>,
}

/// What a backup holds of a segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Held {
    /// The very bytes.
    Same,
    /// Other bytes under its name.
    Other,
    /// Nothing.
    Nothing,
}

/// What goes and what stays, in the order of the tape.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PrunePlan {
    /// Segments of earlier dates may go.
    pub before: SessionDate,
    /// The segments that go.
    pub goes: Vec<SegmentInfo>,
    /// The segments that stay, and why.
    pub stays: Vec<(SegmentInfo, Stays)>,
}

/// Why pruning stopped.
#[derive(Debug, thiserror::Error)]
pub enum PruneError {
    /// The tape could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The tape could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The backup's manifest could not be read.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// A segment could not be removed. Those before it are gone, this one and all later ones are there.
    #[error("{path} could not be removed: check its folder's mode and the disk, and prune again", path = path.display())]
    Remove {
        /// The segment's file, or the tape folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl PruneError {
    /// The reason that goes with exit code 3 when the tape itself is wrong.
    pub fn fatal_reason(&self) -> Option<&'static str> {
        match self {
            Self::Open(error) => error.fatal_reason(),
            Self::Read(error) => error.fatal_reason(),
            Self::Manifest(_) | Self::Remove { .. } => None,
        }
    }
}

impl PrunePlan {
    /// Plans on the tape as it is. With `backup`, a folder and its manifest, only segments that it holds byte for byte go:
    /// both files are read. `progress` is told how many bytes were hashed for that.
    ///
    /// # Errors
    /// [`PruneError`] when the tape, a segment's file or the backup's manifest cannot be read.
    pub fn make(
        dir: &DataDir,
        before: SessionDate,
        backup: Option<(&Path, &Manifest)>,
        mut progress: impl FnMut(u64),
    ) -> Result<Self, PruneError> {
        let tape = Tape::open(dir)?;
        let needs = Needs::of(&tape)?;
        let all = Self::of(tape.segments(), before, needs, |_| Held::Same);
        let Some((folder, manifest)) = backup else { return Ok(all) };
        let mut held = Vec::with_capacity(all.goes.len());
        for info in &all.goes {
            held.push((info.name, held_of(dir, info, folder, manifest, &mut progress)?));
        }
        let held_by = |name| held.iter().find(|(held, _)| *held == name).map_or(Held::Nothing, |(_, held)| *held);
        Ok(Self::of(tape.segments(), before, needs, |info| held_by(info.name)))
    }

    /// The plan for these segments, which must be in tape order.
    pub fn of(
        segments: &[SegmentInfo],
        before: SessionDate,
        needs: Needs,
        held: impl Fn(&SegmentInfo) -> Held,
    ) -> Self {
        let (mut goes, mut stays): (Vec<SegmentInfo>, Vec<(SegmentInfo, Stays)>) = (Vec::new(), Vec::new());
        for info in segments {
            let first_that_stays = stays.first().map(|(info, _)| info.name);
            match needs.hold(info).or_else(|| reason(info, before, first_that_stays, &held)) {
                Some(why) => stays.push((info.clone(), why)),
                None => goes.push(info.clone()),
            }
        }
        Self { before, goes, stays }
    }

    /// Bytes on the disk that the removal frees.
    pub fn freed_bytes(&self) -> u64 {
        self.goes.iter().map(|info| info.file_bytes).sum()
    }

    /// The first position that is left; `None` when no event is.
    pub fn first_seq_after(&self) -> Option<Seq> {
        self.stays.iter().find(|(info, _)| info.last_seq.is_some()).map(|(info, _)| info.first_seq)
    }

    /// Removes what goes, oldest first. The writer is the proof that nobody else writes; the plan must have been made
    /// while it was held. `done` is told each segment that is gone.
    ///
    /// # Errors
    /// [`PruneError::Remove`].
    pub fn apply(&self, writer: &Writer, mut done: impl FnMut(&SegmentInfo)) -> Result<(), PruneError> {
        let (disk, folder) = (writer.dir().disk(), writer.dir().tape());
        for info in &self.goes {
            let path = writer.dir().segment(info.name);
            disk.remove(&path).map_err(|source| PruneError::Remove { path, source })?;
            disk.sync_folder(&folder).map_err(|source| PruneError::Remove { path: folder.clone(), source })?;
            done(info);
        }
        Ok(())
    }
}

/// Why a segment that nothing needs stays all the same.
fn reason(
    info: &SegmentInfo,
    before: SessionDate,
    first_that_stays: Option<SegmentName>,
    held: impl Fn(&SegmentInfo) -> Held,
) -> Option<Stays> {
    if info.name.date >= before {
        return Some(Stays::Recent);
    }
    if let Some(older) = first_that_stays {
        return Some(Stays::Behind(older));
    }
    match held(info) {
        Held::Same => None,
        Held::Other => Some(Stays::BackupDiffers),
        Held::Nothing => Some(Stays::NotBackedUp),
    }
}

impl Needs {
    /// Reads what the tape needs of itself.
    fn of(tape: &Tape) -> Result<Self, ReadError> {
        let (mut recovery, mut import) = (None, None);
        let opened = Filter::kinds([EventKind::SessionOpened]);
        for info in tape.segments().iter().rev() {
            if tape.scan_segment(info, &opened).next().transpose()?.is_some() {
                recovery = Some(info.first_seq);
                break;
            }
        }
        let imports = Filter::kinds([EventKind::ImportStarted, EventKind::ImportFinished]);
        let mut begun: Option<(Hash32, Seq)> = None;
        for item in tape.scan(Seq::FIRST, None, &imports) {
            match item? {
                (seq, Event::Input(Input::ImportStarted(started))) => begun = Some((started.id, seq)),
                (_, Event::Input(Input::ImportFinished(finished))) => {
                    begun = begun.filter(|(id, _)| *id != finished.id);
                }
                (_, Event::Input(_) | Event::Derived(_)) => {}
            }
        }
        import = begun.map_or(import, |(_, seq)| Some(seq));
        Ok(Self { recovery, import })
    }

    fn hold(&self, info: &SegmentInfo) -> Option<Stays> {
        let reaches = |from: Option<Seq>| from.is_some_and(|from| info.end() > from || info.first_seq >= from);
        if !info.sealed {
            Some(Stays::Open)
        } else if reaches(self.recovery) {
            Some(Stays::Recovery)
        } else if reaches(self.import) {
            Some(Stays::Import)
        } else {
            None
        }
    }
}

/// Compares a segment, and the backup's copy of it as it is now, with what the manifest says.
fn held_of(
    dir: &DataDir,
    info: &SegmentInfo,
    folder: &Path,
    manifest: &Manifest,
    progress: &mut impl FnMut(u64),
) -> Result<Held, ReadError> {
    let Some(copy) = manifest.segment(info.name) else { return Ok(Held::Nothing) };
    if !copy.whole {
        return Ok(Held::Nothing);
    }
    let found = hash_file(dir.disk(), &info.path, progress);
    let found = found.map_err(|source| ReadError::File { path: info.path.clone(), source })?;
    let expected = (copy.copy.bytes, copy.copy.blake3.clone());
    // A manifest cannot know what became of its files: the last good copy must not go for one that has rotted.
    let held = hash_file(&FileDisk, &folder.join("tape").join(info.name.to_string()), progress);
    Ok(match held {
        Ok(held) if held == expected && found == expected => Held::Same,
        Ok(_) | Err(_) => Held::Other,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DAY: SessionDate = SessionDate(20_000);

    fn segment(ordinal: u64, date: SessionDate, sealed: bool) -> SegmentInfo {
        SegmentInfo {
            name: SegmentName { date, run: ordinal as u32 },
            path: PathBuf::new(),
            ordinal,
            first_seq: Seq(ordinal * 100),
            last_seq: Some(Seq(ordinal * 100 + 99)),
            sealed,
            file_bytes: 10,
            format: 0,
        }
    }

    /// What stays of segments on days 0, 1, 2, … when segments before day `before` may go.
    #[track_caller]
    fn check(days: &[i32], before: i32, needs: Needs, held: &[Held], expected: &[Stays]) {
        let last = days.len() as u64;
        let segments: Vec<SegmentInfo> =
            (1..).zip(days).map(|(n, day)| segment(n, DAY.plus_days(*day), n < last)).collect();
        let held = |info: &SegmentInfo| held.get(info.ordinal as usize - 1).copied().unwrap_or(Held::Same);
        let plan = PrunePlan::of(&segments, DAY.plus_days(before), needs, held);
        let stays: Vec<Stays> = plan.stays.iter().map(|(_, why)| *why).collect();
        assert_eq!(stays, expected);
        assert_eq!(plan.freed_bytes(), 10 * plan.goes.len() as u64);
    }

    fn name(ordinal: u64, day: i32) -> SegmentName {
        segment(ordinal, DAY.plus_days(day), true).name
    }

    #[test]
    fn the_oldest_sealed_segments_go_and_nothing_that_is_needed() {
        use Stays::*;
        let recovery = |ordinal: u64| Needs { recovery: Some(Seq(ordinal * 100)), import: None };
        check(&[0, 1, 2, 3], 2, recovery(4), &[], &[Recent, Open]);
        check(&[0, 1, 2, 3], 9, recovery(4), &[], &[Open]);
        check(&[0, 1, 2, 3], 9, recovery(2), &[], &[Recovery, Recovery, Open]);
        check(&[0, 1, 2, 3], 9, Needs { import: Some(Seq(250)), ..recovery(4) }, &[], &[Import, Import, Open]);
        check(&[0, 9, 1, 3], 2, recovery(4), &[], &[Recent, Behind(name(2, 9)), Open]);
        check(&[0, 1, 2, 3], 9, recovery(4), &[Held::Same, Held::Other], &[BackupDiffers, Behind(name(2, 1)), Open]);
        check(&[0, 1], 9, recovery(2), &[Held::Nothing], &[NotBackedUp, Open]);
        check(&[], 9, Needs::default(), &[], &[]);
    }

    proptest! {
        #[test]
        fn what_goes_is_a_prefix_of_sealed_segments_before_the_date_and_below_every_need(
            days in proptest::collection::vec(0..6_i32, 0..8),
            before in 0..8_i32,
            recovery in proptest::option::of(100..900_u64),
            import in proptest::option::of(100..900_u64),
            open in any::<bool>(),
        ) {
            let count = days.len() as u64;
            let segments: Vec<SegmentInfo> = (1..)
                .zip(&days)
                .map(|(n, day)| segment(n, DAY.plus_days(*day), n < count || !open))
                .collect();
            let needs = Needs { recovery: recovery.map(Seq), import: import.map(Seq) };
            let plan = PrunePlan::of(&segments, DAY.plus_days(before), needs, |_| Held::Same);
            prop_assert!(plan.goes.iter().chain(plan.stays.iter().map(|(info, _)| info)).eq(&segments));
            for info in &plan.goes {
                prop_assert!(info.sealed && info.name.date < DAY.plus_days(before));
                let last = info.last_seq.unwrap();
                prop_assert!(needs.recovery.is_none_or(|seq| last < seq) && needs.import.is_none_or(|seq| last < seq));
            }
        }
    }
}
