//! The power goes: at every sync, before every write, rename, creation and removal, and while the damage of the last
//! time is being repaired.
//!
//! What was not synced is there or not, in torn and reordered pieces (`disk/image.rs` has the model). Afterwards
//! everything acknowledged is there byte for byte, the batch under way is there whole or not at all, and the next
//! writer goes on. A disk that lies about every fourth sync is caught by the same check, so the check can see.
//!
//! `BARKEEP_TORTURE=1` cuts the power thousands of times instead of hundreds.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod support;

use std::sync::{Arc, Mutex};

use barkeep_storage::disk::{CrashDisk, Image, MemoryDisk};
use barkeep_storage::{DataDir, Writer};
use support::DAY;
use support::disaster::{Progress, Shared, Work, check, torture, work};
use support::events;

/// A moment of the work: the disk, and what had been promised.
type Moment = (Image, Progress);

/// Does the work on a fresh disk and takes an image before every change.
fn moments(disk: &CrashDisk, plan: Work) -> Vec<Moment> {
    let progress = Shared::default();
    let seen: Arc<Mutex<Vec<Moment>>> = Arc::default();
    let (theirs, now) = (seen.clone(), progress.clone());
    disk.watch(move |image| theirs.lock().unwrap().push((image.clone(), *now.lock().unwrap())));
    work(&DataDir::on(Arc::new(disk.clone()), "/data"), plan, &progress).unwrap();
    let mut moments = std::mem::take(&mut *seen.lock().unwrap());
    moments.push((disk.image(), *progress.lock().unwrap()));
    moments
}

fn data_dir(disk: MemoryDisk) -> DataDir {
    DataDir::on(Arc::new(disk), "/data")
}

/// Every how many moments one is taken for `wanted` in all.
fn stride(moments: &[Moment], wanted: usize) -> usize {
    moments.len().div_ceil(wanted).max(1)
}

#[test]
fn a_power_cut_at_any_moment_loses_nothing_acknowledged() {
    // Torture: every moment, three fates each.
    let (seeds, wanted, fates) = if torture() { (1..=6, usize::MAX, 3) } else { (1..=2, 130, 1) };
    let (mut cuts, mut all, mut in_between) = (0, 0, 0);
    for seed in seeds {
        let moments = moments(&CrashDisk::new(), Work { seed, steps: if torture() { 60 } else { 35 } });
        all += moments.len();
        for (n, (image, progress)) in moments.iter().enumerate().step_by(stride(&moments, wanted)) {
            for fate in 0..fates {
                let draw = seed * 1_000_003 + n as u64 * 31 + fate;
                let found = check(&data_dir(image.after_power_cut(draw).unwrap()), progress);
                let found = found.unwrap_or_else(|why| panic!("work {seed}, moment {n}, draw {draw}: {why}"));
                in_between += u64::from(found != progress.durable);
                cuts += 1;
            }
        }
    }
    println!("{cuts} power cuts in {all} moments, {in_between} after which the batch under way was there");
    assert!(cuts >= 200 && in_between > 0);
}

#[test]
fn a_power_cut_while_the_last_one_is_repaired_loses_nothing_either() {
    let (first, second) = if torture() { (60, usize::MAX) } else { (10, 12) };
    let moments = moments(&CrashDisk::new(), Work { seed: 3, steps: 20 });
    let mut cuts = 0;
    for (n, (image, progress)) in moments.iter().enumerate().step_by(stride(&moments, first)) {
        let broken = image.after_power_cut(n as u64).unwrap();
        let found = check(&data_dir(broken.copy()), progress).unwrap();
        let disk = CrashDisk::holding(&broken);
        let seen: Arc<Mutex<Vec<Image>>> = Arc::default();
        let theirs = seen.clone();
        disk.watch(move |image| theirs.lock().unwrap().push(image.clone()));
        drop(Writer::open(&DataDir::on(Arc::new(disk.clone()), "/data"), "repair").unwrap());
        let seen = std::mem::take(&mut *seen.lock().unwrap());
        // Whatever the first cut left is durable by now.
        let promised = Progress { durable: found, attempted: found, ..*progress };
        for (m, image) in seen.iter().enumerate().step_by(seen.len().div_ceil(second).max(1)) {
            let draw = (n * 10_007 + m) as u64;
            let checked = check(&data_dir(image.after_power_cut(draw).unwrap()), &promised);
            checked.unwrap_or_else(|why| panic!("moment {n}, of the repair {m}: {why}"));
            cuts += 1;
        }
    }
    println!("{cuts} power cuts during repairs");
    assert!(cuts >= 50);
}

#[test]
fn a_disk_that_lies_about_every_fourth_sync_is_caught() {
    let mut caught = Vec::new();
    let mut cuts = 0;
    for seed in 1..=3 {
        let disk = CrashDisk::new();
        disk.drop_syncs(4);
        let moments = moments(&disk, Work { seed, steps: 30 });
        for (n, (image, progress)) in moments.iter().enumerate().step_by(stride(&moments, 60)) {
            cuts += 1;
            caught.extend(check(&data_dir(image.after_power_cut(n as u64).unwrap()), progress).err());
        }
    }
    println!("{} of {cuts} power cuts caught the liar, the first one: {:?}", caught.len(), caught.first());
    assert!(!caught.is_empty(), "the check sees nothing");
}

#[test]
fn without_a_power_cut_the_disk_is_like_any_other() {
    let disk = CrashDisk::new();
    let dir = DataDir::on(Arc::new(disk.clone()), "/data");
    let progress = Shared::default();
    work(&dir, Work { seed: 9, steps: 25 }, &progress).unwrap();
    assert!(disk.image().unsynced() > 0, "closing marks the file clean without a sync, if nothing else");
    let progress = *progress.lock().unwrap();
    check(&dir, &progress).unwrap();
    let mut writer = Writer::open(&dir, "test").unwrap();
    writer.begin_segment(DAY).unwrap();
    writer.commit(&events(writer.next_seq().0, 10)).unwrap();
}
