//! Every region of a closed segment's file is damaged in every way, one damage at a time, and the tape is read.
//!
//! Each damage must be reported or refused, or be harmless: then every event that is read is right and none is missing.
//! What must never be is a wrong or missing event without a word. redb may panic over a file that contradicts itself;
//! such a panic is caught here, counted, and is for `tape verify`, which reads in a process of its own, to report.
//!
//! The damaged segment lies between two others. The newest segment as a whole replaced by an older state of itself looks
//! like a tape that is shorter, to any reader; there only a snapshot or a follower's cursor beyond its end tells.
//!
//! `BARKEEP_TORTURE=1` does all damages with 32 flips a page, instead of every ninth with 2.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod support;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;

use barkeep_schemas::Seq;
use barkeep_storage::disk::{Disk, MemoryDisk};
use barkeep_storage::{DataDir, Filter, Tape, Writer};
use support::damages::{Damage, matrix};
use support::disaster::{chain, torture};
use support::{DAY, Dice, event_at, events};

/// What became of one damage.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Finding {
    Harmless,
    Reported,
    /// redb panicked; `tape verify` must report it.
    Panicked,
    /// Read wrong, or not all of it, without an error.
    Silent(String),
}

/// A tape of three segments, the middle one with blocks, and sealed; its file, and its file some commits earlier.
struct Scene {
    disk: MemoryDisk,
    path: PathBuf,
    file: Vec<u8>,
    old: Vec<u8>,
    last: u64,
}

fn data_dir(disk: &MemoryDisk) -> DataDir {
    DataDir::on(Arc::new(disk.clone()), "/data")
}

fn scene() -> Scene {
    let disk = MemoryDisk::new();
    let dir = data_dir(&disk);
    let mut writer = Writer::open(&dir, "test").unwrap();
    let commit = |writer: &mut Writer, count| writer.commit(&events(writer.next_seq().0, count)).unwrap();
    writer.begin_segment(DAY).unwrap();
    commit(&mut writer, 100);
    let path = dir.segment(writer.begin_segment(DAY).unwrap());
    for _ in 0..8 {
        commit(&mut writer, 700);
    }
    let old = disk.read(&path).unwrap();
    for _ in 0..8 {
        commit(&mut writer, 300);
    }
    writer.begin_segment(DAY).unwrap();
    let last = commit(&mut writer, 50).unwrap().0;
    writer.close().unwrap();
    let file = disk.read(&path).unwrap();
    Scene { disk, path, file, old, last }
}

impl Scene {
    /// A copy of the tape with other bytes for its middle segment.
    fn with(&self, bytes: &[u8]) -> DataDir {
        let disk = self.disk.copy();
        disk.write(&self.path, bytes).unwrap();
        data_dir(&disk)
    }

    /// Reads everything, as a whole and from a place in the middle.
    fn read(&self, dir: &DataDir) -> Finding {
        let read = || -> Result<(), Finding> {
            let reported = |_: &dyn std::error::Error| Finding::Reported;
            let tape = Tape::open(dir).map_err(|error| reported(&error))?;
            for from in [1, self.last / 2] {
                let mut next = from;
                for item in tape.scan(Seq(from), None, &Filter::ALL) {
                    let (seq, event) = item.map_err(|error| {
                        assert!(!chain(&error).is_empty());
                        reported(&error)
                    })?;
                    if seq.0 != next || event != event_at(next) {
                        return Err(Finding::Silent(format!("{seq} where {next} belongs")));
                    }
                    next += 1;
                }
                if next != self.last + 1 {
                    return Err(Finding::Silent(format!("the events from {from} end at {}", next - 1)));
                }
            }
            Ok(())
        };
        match catch_unwind(AssertUnwindSafe(read)) {
            Ok(Ok(())) => Finding::Harmless,
            Ok(Err(finding)) => finding,
            Err(_) => Finding::Panicked,
        }
    }
}

/// The kind of a damage, for the count.
fn kind(damage: Damage) -> &'static str {
    match damage {
        Damage::Flip { .. } => "flip",
        Damage::Cut { .. } => "cut",
        Damage::Swap { .. } => "swap",
        Damage::Old { .. } => "old page",
        Damage::Zero { .. } => "lost sector",
        Damage::Append { .. } => "append",
    }
}

#[test]
fn every_damage_of_a_closed_segment_is_reported_or_harmless() {
    let scene = scene();
    assert_eq!(scene.read(&scene.with(&scene.file)), Finding::Harmless);
    let mut dice = Dice::new();
    let damages = matrix(&scene.file, if torture() { 32 } else { 2 }, &mut dice);
    let mut counts: BTreeMap<(&'static str, &'static str), u32> = BTreeMap::new();
    let (mut silent, mut panicked) = (Vec::new(), Vec::new());
    for damage in damages.into_iter().step_by(if torture() { 1 } else { 9 }) {
        let Some(bytes) = damage.apply(&scene.file, &scene.old) else { continue };
        let word = match scene.read(&scene.with(&bytes)) {
            Finding::Harmless => "harmless",
            Finding::Reported => "reported",
            Finding::Panicked => {
                panicked.push(damage);
                "panic"
            }
            Finding::Silent(why) => {
                silent.push((damage, why));
                "SILENT"
            }
        };
        *counts.entry((kind(damage), word)).or_default() += 1;
    }
    println!("{} bytes, {} damages: {counts:?}", scene.file.len(), counts.values().sum::<u32>());
    println!("{} panics of redb for `tape verify` to report, such as {:?}", panicked.len(), panicked.first());
    assert!(silent.is_empty(), "read wrong without a word: {silent:?}");
    let reported: u32 = counts.iter().filter(|((_, word), _)| *word == "reported").map(|(_, count)| count).sum();
    assert!(reported > 30, "{counts:?}");
}

#[test]
fn a_whole_older_state_of_a_segment_is_reported_by_the_segment_after_it() {
    let scene = scene();
    assert_eq!(scene.read(&scene.with(&scene.old)), Finding::Reported);
}

#[test]
fn a_writer_goes_on_only_over_segments_that_it_understands() {
    let scene = scene();
    let mut dice = Dice::new();
    let mut went_on = 0;
    for damage in matrix(&scene.file, 1, &mut dice).into_iter().step_by(if torture() { 1 } else { 29 }) {
        let Some(bytes) = damage.apply(&scene.file, &scene.old) else { continue };
        let dir = scene.with(&bytes);
        let writer = catch_unwind(AssertUnwindSafe(|| Writer::open(&dir, "test").ok()));
        if let Ok(Some(writer)) = writer {
            // It reads the ends of sealed segments alone; the next position must be right all the same.
            assert_eq!(writer.next_seq(), Seq(scene.last + 1), "{damage:?}");
            went_on += 1;
        }
    }
    println!("the writer went on over {went_on} damages that do not concern it");
}
