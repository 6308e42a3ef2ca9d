//! The power goes while a backup is taken: the manifest that is found is the one before or the new one, and every file
//! that it names is there, byte for byte. The next backup is whole.
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

use std::path::Path;
use std::sync::{Arc, Mutex};

use barkeep_schemas::{Hash32, Seq};
use barkeep_storage::backup::{BackupFolder, BackupPlan, Manifest};
use barkeep_storage::disk::{CrashDisk, Disk, Image, MemoryDisk};
use barkeep_storage::snapshot::{self, Snapshot};
use barkeep_storage::{DataDir, Writer};
use support::disaster::{chain, torture};
use support::{DAY, events};

const TO: &str = "/backup";

fn data_dir(disk: &Arc<dyn Disk>) -> DataDir {
    DataDir::on(disk.clone(), "/data")
}

/// A segment more, events in it, and a snapshot at its end.
fn grow(dir: &DataDir, day: i32, count: u64) {
    let mut writer = Writer::open(dir, "test").unwrap();
    writer.begin_segment(DAY.plus_days(day)).unwrap();
    let last = writer.commit(&events(writer.next_seq().0, count)).unwrap().unwrap();
    writer.close().unwrap();
    snapshot::save(dir, &Snapshot { seq: last, chain: Hash32::default(), behaviour: 1, bytes: vec![7; 3_000] })
        .unwrap();
}

fn back_up(disk: &Arc<dyn Disk>) -> Result<Manifest, String> {
    let folder = BackupFolder::on(disk.clone(), Path::new(TO)).map_err(|error| chain(&error))?;
    let plan = BackupPlan::make(&data_dir(disk), &folder, |_| {}).map_err(|error| chain(&error))?;
    plan.apply(&folder, |_| {}).map_err(|error| chain(&error))
}

/// The manifest, when all that it names is there.
fn whole(disk: &Arc<dyn Disk>) -> Result<Option<Manifest>, String> {
    let Some(manifest) = Manifest::find(&**disk, Path::new(TO)).map_err(|error| chain(&error))? else {
        return Ok(None);
    };
    for (folder, copy) in manifest.files() {
        let bytes = disk.read(&Path::new(TO).join(folder).join(&copy.file)).map_err(|_| format!("{copy:?} is gone"))?;
        if (bytes.len() as u64, blake3::hash(&bytes).to_hex().as_str()) != (copy.bytes, copy.blake3.as_str()) {
            return Err(format!("{copy:?} has other bytes"));
        }
    }
    Ok(Some(manifest))
}

/// What a crash left; also the next backup must be whole.
fn check(disk: MemoryDisk, before: Option<&Manifest>, after: &Manifest, returned: bool) -> Result<bool, String> {
    let disk: Arc<dyn Disk> = Arc::new(disk);
    let found = whole(&disk)?;
    let is_new = found.as_ref() == Some(after);
    if !is_new && (returned || found.as_ref() != before) {
        return Err(format!("the manifest is another one, up to seq {:?}", found.map(|found| found.last_seq)));
    }
    let next = back_up(&disk)?;
    if next.last_seq != after.last_seq || whole(&disk)?.as_ref() != Some(&next) {
        return Err("the next backup is not whole".to_owned());
    }
    Ok(is_new)
}

/// A backup in its course.
struct Course {
    before: Option<Manifest>,
    after: Manifest,
    /// An image before every change.
    moments: Vec<Image>,
    /// When the backup had returned.
    end: Image,
}

/// Takes a backup, the second one of a tape that has grown or its first, on a disk that drops every `nth` sync.
fn course(first: bool, dropped: u64) -> Course {
    let crash = CrashDisk::new();
    let disk: Arc<dyn Disk> = Arc::new(crash.clone());
    grow(&data_dir(&disk), 0, 9_000);
    grow(&data_dir(&disk), 1, 5_000);
    let before = (!first).then(|| back_up(&disk).unwrap());
    grow(&data_dir(&disk), 2, 6_000);
    grow(&data_dir(&disk), 3, 4_500);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let theirs = seen.clone();
    crash.drop_syncs(dropped);
    crash.watch(move |image| theirs.lock().unwrap().push(image.clone()));
    let after = back_up(&disk).unwrap();
    let moments = std::mem::take(&mut *seen.lock().unwrap());
    assert_eq!(Seq(after.last_seq), Seq(24_500));
    Course { before, after, moments, end: crash.image() }
}

/// Cuts the power; how many cuts there were, and how many of them found the new manifest.
fn cut(course: &Course, wanted: usize, draws: u64, tell: &mut dyn FnMut(usize, u64, String)) -> (u64, u64) {
    let (mut cuts, mut new) = (0, 0);
    let stride = course.moments.len().div_ceil(wanted).max(1);
    // The manifest's own changes come last.
    let last = course.moments.len().saturating_sub(12);
    let chosen = course.moments.iter().enumerate().filter(|(n, _)| n % stride == 0 || *n >= last);
    let end = (course.moments.len(), &course.end);
    for (n, image) in chosen.chain([end]) {
        for draw in 0..draws {
            let disk = image.after_power_cut(n as u64 * 1_009 + draw).unwrap();
            match check(disk, course.before.as_ref(), &course.after, n == course.moments.len()) {
                Ok(is_new) => new += u64::from(is_new),
                Err(why) => tell(n, draw, why),
            }
            cuts += 1;
        }
    }
    (cuts, new)
}

#[test]
fn a_power_cut_while_a_backup_is_taken_leaves_the_one_before_or_the_new_one() {
    let (wanted, draws) = if torture() { (usize::MAX, 6) } else { (12, 2) };
    for first in [false, true] {
        let course = course(first, 0);
        let (cuts, new) = cut(&course, wanted, draws, &mut |n, draw, why| panic!("moment {n}, draw {draw}: {why}"));
        println!("first {first}: {cuts} power cuts in {} moments, {new} found the new backup", course.moments.len());
        assert!(cuts > 20 && new > 0 && new < cuts);
    }
}

#[test]
fn a_disk_that_drops_syncs_is_caught() {
    let mut caught = Vec::new();
    let course = course(false, 2);
    let (cuts, _) = cut(&course, 6, 3, &mut |_, _, why| caught.push(why));
    println!("{} of {cuts} power cuts caught the liar, the first one: {:?}", caught.len(), caught.first());
    assert!(!caught.is_empty(), "the check sees nothing");
}
