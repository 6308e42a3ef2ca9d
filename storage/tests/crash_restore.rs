//! The power goes while a backup is restored: there is no tape or all of it, and the same restore finishes the work.
//!
//! A disk that drops its syncs is caught by the same check, so the check can see.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod support;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use barkeep_schemas::{Hash32, Seq};
use barkeep_storage::backup::{BackupFolder, BackupPlan};
use barkeep_storage::disk::{CrashDisk, Image, MemoryDisk};
use barkeep_storage::restore::RestorePlan;
use barkeep_storage::snapshot::{self, Snapshot};
use barkeep_storage::{DataDir, Filter, Tape, Writer};
use support::disaster::{chain, torture};
use support::{DAY, data_dir, event_at, events};

/// Segments, the last of them open.
const SEGMENTS: u64 = 4;

/// Events in each.
const EVENTS: u64 = 2_500;

fn at_end() -> Snapshot {
    Snapshot { seq: Seq(SEGMENTS * EVENTS), chain: Hash32::default(), behaviour: 1, bytes: vec![7; 3_000] }
}

/// A backup in a folder of the system's.
fn backup() -> (tempfile::TempDir, PathBuf) {
    let (temp, dir) = data_dir();
    let mut writer = Writer::open(&dir, "test").unwrap();
    for n in 0..SEGMENTS {
        writer.begin_segment(DAY).unwrap();
        writer.commit(&events(n * EVENTS + 1, EVENTS)).unwrap();
    }
    writer.close().unwrap();
    snapshot::save(&dir, &at_end()).unwrap();
    let folder = BackupFolder::open(&temp.path().join("backup"), &dir, true).unwrap();
    BackupPlan::make(&dir, &folder, |_| {}).unwrap().apply(&folder, |_| {}).unwrap();
    let root = folder.root().to_path_buf();
    (temp, root)
}

fn restore(from: &Path, dir: &DataDir) -> Result<(), String> {
    let plan = RestorePlan::make(from, dir, |_| {}).map_err(|error| chain(&error))?;
    plan.apply("test", |_| {}).map_err(|error| chain(&error))
}

/// Whether all of the tape is there; an error when a part of it is.
fn whole(dir: &DataDir) -> Result<bool, String> {
    let tape = Tape::open(dir).map_err(|error| chain(&error))?;
    if tape.segments().is_empty() {
        return Ok(false);
    }
    let mut next = 1;
    for item in tape.scan(Seq::FIRST, None, &Filter::ALL) {
        let (seq, event) = item.map_err(|error| chain(&error))?;
        if seq.0 != next || event != event_at(next) {
            return Err(format!("the event at {seq} is wrong, {next} was expected"));
        }
        next += 1;
    }
    let snapshot = snapshot::newest(dir, 1, Seq(u64::MAX));
    let writer = Writer::open(dir, "next").map_err(|error| chain(&error))?;
    if (next, writer.next_seq().0, &snapshot) == (SEGMENTS * EVENTS + 1, SEGMENTS * EVENTS + 1, &Some(at_end())) {
        Ok(true)
    } else {
        Err(format!("the tape ends before {next}, the snapshot is at {:?}", snapshot.map(|found| found.seq)))
    }
}

/// What a crash left, and whether the restore can be finished.
fn check(from: &Path, disk: MemoryDisk, returned: bool) -> Result<bool, String> {
    let dir = DataDir::on(Arc::new(disk), "/data");
    let there = whole(&dir)?;
    if returned && !there {
        return Err("the tape is gone again".to_owned());
    }
    if !there {
        restore(from, &dir)?;
        if !whole(&dir)? {
            return Err("the next restore brought nothing".to_owned());
        }
    }
    Ok(there)
}

/// Restores onto a disk that drops every `nth` sync; an image before every change, and the one at the end.
fn course(from: &Path, dropped: u64) -> Vec<Image> {
    let disk = CrashDisk::new();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let theirs = seen.clone();
    disk.drop_syncs(dropped);
    disk.watch(move |image| theirs.lock().unwrap().push(image.clone()));
    restore(from, &DataDir::on(Arc::new(disk.clone()), "/data")).unwrap();
    let mut seen = std::mem::take(&mut *seen.lock().unwrap());
    seen.push(disk.image());
    seen
}

#[test]
fn a_power_cut_while_a_backup_is_restored_leaves_no_tape_or_all_of_it() {
    let (_temp, from) = backup();
    let moments = course(&from, 0);
    let (mut cuts, mut there) = (0, 0);
    for (n, image) in moments.iter().enumerate() {
        for draw in 0..if torture() { 60 } else { 3 } {
            let found = check(&from, image.after_power_cut(n as u64 * 1_009 + draw).unwrap(), n + 1 == moments.len());
            there += u64::from(found.unwrap_or_else(|why| panic!("moment {n}, draw {draw}: {why}")));
            cuts += 1;
        }
    }
    println!("{cuts} power cuts in {} moments, the tape was there after {there}", moments.len());
    assert!(cuts > 60 && there > 0 && there < cuts);
}

#[test]
fn a_disk_that_drops_syncs_is_caught() {
    let (_temp, from) = backup();
    let moments = course(&from, 2);
    let mut caught = Vec::new();
    for (n, image) in moments.iter().enumerate().skip(moments.len() / 2) {
        for draw in 0..4 {
            let disk = image.after_power_cut(n as u64 * 1_009 + draw).unwrap();
            caught.extend(check(&from, disk, n + 1 == moments.len()).err());
        }
    }
    println!("{} caught the liar, the first one: {:?}", caught.len(), caught.first());
    assert!(!caught.is_empty(), "the check sees nothing");
}
