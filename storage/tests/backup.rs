//! Backup, restore and prune over real files: what is copied while another writes is one unbroken prefix, a backup that
//! is killed never lies, and what retention removes is only ever the oldest.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod support;

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use barkeep_schemas::{Hash32, Seq};
use barkeep_storage::backup::{BackupError, BackupFolder, BackupPlan, Manifest, Transfer};
use barkeep_storage::prune::PrunePlan;
use barkeep_storage::restore::{CopyDamage, RestoreError, RestorePlan};
use barkeep_storage::snapshot::{self, Snapshot};
use barkeep_storage::{DataDir, Tape, Writer};
use support::{DAY, Dice, assert_whole, child, child_dir, data_dir, events, tape_files};

/// A tape of `sealed` segments of 5,000 events each on days of their own, and an open one with `tail` more.
fn tape(sealed: u64, tail: u64) -> (tempfile::TempDir, DataDir, PathBuf) {
    let (temp, dir) = data_dir();
    let mut writer = Writer::open(&dir, "test").unwrap();
    for n in 0..=sealed {
        writer.begin_segment(DAY.plus_days(n as i32)).unwrap();
        let count = if n == sealed { tail } else { 5_000 };
        if count > 0 {
            writer.commit(&events(writer.next_seq().0, count)).unwrap();
        }
    }
    writer.close().unwrap();
    let to = temp.path().join("backup");
    (temp, dir, to)
}

fn grow(dir: &DataDir, count: u64, seal: bool) {
    let mut writer = Writer::open(dir, "test").unwrap();
    if writer.open_segment().is_none() {
        writer.begin_segment(DAY.plus_days(writer.next_seq().0 as i32 / 1_000)).unwrap();
    }
    writer.commit(&events(writer.next_seq().0, count)).unwrap();
    if seal {
        writer.seal().unwrap();
    }
    writer.close().unwrap();
}

fn back_up(dir: &DataDir, to: &Path) -> Result<Manifest, BackupError> {
    let folder = BackupFolder::open(to, dir, true)?;
    BackupPlan::make(dir, &folder, |_| {})?.apply(&folder, |_| {})
}

fn transfers(dir: &DataDir, to: &Path) -> Vec<&'static str> {
    let folder = BackupFolder::look(to, dir).unwrap();
    let plan = BackupPlan::make(dir, &folder, |_| {}).unwrap();
    let word = |transfer: &Transfer| match transfer {
        Transfer::Held(_) => "held",
        Transfer::File => "file",
        Transfer::Rows => "rows",
    };
    plan.segments().iter().map(|(_, transfer)| word(transfer)).collect()
}

/// Restores into a new data directory that is removed with its first value.
fn restore(from: &Path) -> (tempfile::TempDir, DataDir) {
    let (temp, dir) = data_dir();
    let plan = RestorePlan::make(from, &dir, |_| {}).unwrap();
    assert!(plan.faults().is_empty(), "{:?}", plan.faults());
    plan.apply("test", |_| {}).unwrap();
    (temp, dir)
}

fn files(folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found
                .extend(files(&path).into_iter().map(|file| format!("{}/{file}", path.file_name().unwrap().display())));
        } else {
            found.insert(path.file_name().unwrap().display().to_string());
        }
    }
    found
}

#[test]
fn a_backup_made_while_another_writes_is_an_unbroken_prefix_on_which_a_writer_goes_on() {
    let (_temp, dir, to) = tape(1, 10);
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut writer = Writer::open(&dir, "test").unwrap();
            let mut dice = Dice::new();
            while !stop.load(Ordering::Relaxed) {
                if dice.below(60) == 0 {
                    writer.begin_segment(DAY.plus_days(9)).unwrap();
                }
                writer.commit(&events(writer.next_seq().0, 1 + dice.below(3_000))).unwrap();
            }
        });
        for _ in 0..5 {
            thread::sleep(Duration::from_millis(60));
            let made = match back_up(&dir, &to) {
                // The segment was sealed in this very moment; a person is told to try again.
                Err(BackupError::Moved { .. }) => continue,
                made => made.unwrap(),
            };
            let (_temp, restored) = restore(&to);
            assert_whole(&restored, made.last_seq);
            grow(&restored, 6_000, false);
            assert_whole(&restored, made.last_seq + 6_000);
        }
        stop.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_second_backup_copies_the_open_segment_and_what_was_sealed_since() {
    let (_temp, dir, to) = tape(2, 3_000);
    assert_eq!(transfers(&dir, &to), ["file", "file", "rows"]);
    let first = back_up(&dir, &to).unwrap();
    assert_eq!(transfers(&dir, &to), ["held", "held", "rows"]);
    grow(&dir, 100, false);
    let second = back_up(&dir, &to).unwrap();
    assert_eq!(first.segments[..2], second.segments[..2]);
    assert_ne!(first.segments[2].copy.file, second.segments[2].copy.file, "a named file is not written again");
    grow(&dir, 100, true);
    assert_eq!(transfers(&dir, &to), ["held", "held", "file"]);
    let third = back_up(&dir, &to).unwrap();
    let named = third.segments.iter().map(|copy| format!("tape/{}", copy.copy.file));
    assert_eq!(files(&to), named.chain(["manifest.json".to_owned()]).collect::<BTreeSet<_>>());
    let (_temp, restored) = restore(&to);
    assert_whole(&restored, 13_200);
    assert_eq!(tape_files(&restored), tape_files(&dir), "sealed segments are the same files");
}

#[test]
fn a_backup_holds_the_tape_and_its_snapshots_and_nothing_else() {
    let (_temp, dir, to) = tape(1, 100);
    for seq in [Seq(5_000), Seq(5_100)] {
        snapshot::save(&dir, &Snapshot { seq, chain: Hash32([3; 32]), behaviour: 1, bytes: vec![7; 100] }).unwrap();
    }
    for secret in ["token", "kite_access_token.json", "tape/.env", "snapshots/token.txt"] {
        std::fs::write(dir.root().join(secret), "SECRET").unwrap();
    }
    back_up(&dir, &to).unwrap();
    let expected = ["manifest.json", "snapshots/5000.snap", "snapshots/5100.snap", "tape/2024-10-04.1.redb"];
    let open = "tape/2024-10-05.1.redb";
    assert_eq!(files(&to), expected.into_iter().chain([open]).map(str::to_owned).collect::<BTreeSet<_>>());
    for file in files(&to) {
        let path = to.join(file);
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{}", path.display());
        assert!(!std::fs::read(&path).unwrap().windows(6).any(|bytes| bytes == b"SECRET"));
    }
    let (_temp, restored) = restore(&to);
    assert_eq!(snapshot::newest(&restored, 1, Seq(5_100)).unwrap().seq, Seq(5_100));
    let mode = |dir: &DataDir, file: &str| dir.tape().join(file).metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&restored, "2024-10-04.1.redb"), mode(&restored, "2024-10-05.1.redb")), (0o444, 0o600));
}

/// The child: backs up into a folder beside the data directory, for ever.
#[test]
fn child_backs_up_until_it_is_killed() {
    let Some(dir) = child_dir() else { return };
    loop {
        back_up(&dir, &dir.root().with_file_name("backup")).unwrap();
    }
}

#[test]
fn a_killed_backup_leaves_a_manifest_that_tells_the_truth_and_the_next_one_goes_on() {
    let rounds = if std::env::var_os("BARKEEP_TORTURE").is_some() { 200 } else { 12 };
    let (temp, dir, to) = tape(2, 3_000);
    assert_eq!(to, temp.path().join("backup"));
    let mut dice = Dice::new();
    let mut last = 13_000;
    for _ in 0..rounds {
        let mut backup = child("child_backs_up_until_it_is_killed", &dir).spawn().unwrap();
        thread::sleep(Duration::from_micros(dice.below(60_000)));
        backup.kill().unwrap();
        backup.wait().unwrap();
        if let Some(manifest) = Manifest::find(&barkeep_storage::disk::FileDisk, &to).unwrap() {
            let (_temp, restored) = restore(&to);
            assert_whole(&restored, manifest.last_seq);
        }
        grow(&dir, 500, dice.below(3) == 0);
        last += 500;
    }
    let made = back_up(&dir, &to).unwrap();
    assert_eq!(made.last_seq, last);
    let strangers = files(&to).into_iter().filter(|file| file.ends_with(".new")).count();
    assert_eq!(strangers, 0, "nothing half done is left");
    let (_temp, restored) = restore(&to);
    assert_whole(&restored, last);
}

#[test]
fn a_damaged_segment_never_replaces_its_good_copy_nor_another_tape_this_one() {
    let (_temp, dir, to) = tape(2, 100);
    back_up(&dir, &to).unwrap();
    let path = dir.tape().join("2024-10-04.1.redb");
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, &bytes).unwrap();
    assert!(matches!(back_up(&dir, &to), Err(BackupError::Differs { path: found, .. }) if found == path));
    let (_temp2, restored) = restore(&to);
    assert_whole(&restored, 10_100);
    let (_temp3, other, _) = tape(1, 100);
    assert!(matches!(back_up(&other, &to), Err(BackupError::OtherTape { .. })));
    // Restored from this backup, the tape must not go on under positions that the backup has for other events.
    grow(&dir, 100, false);
}

#[test]
fn a_damaged_or_missing_file_of_a_backup_is_named_and_nothing_is_restored() {
    let (_temp, dir, to) = tape(2, 100);
    let manifest = back_up(&dir, &to).unwrap();
    let path = to.join("tape").join(&manifest.segments[1].copy.file);
    let bytes = std::fs::read(&path).unwrap();
    let mut flipped = bytes.clone();
    flipped[bytes.len() / 3] ^= 1;
    type Expected = fn(&CopyDamage) -> bool;
    let cases: [(Option<&[u8]>, Expected); 3] = [
        (Some(&flipped), |why| matches!(why, CopyDamage::Hash { .. })),
        (Some(&bytes[1..]), |why| matches!(why, CopyDamage::Length { .. })),
        (None, |why| matches!(why, CopyDamage::Missing)),
    ];
    for (content, expected) in cases {
        std::fs::remove_file(&path).unwrap();
        if let Some(content) = content {
            std::fs::write(&path, content).unwrap();
        }
        let (_temp, empty) = data_dir();
        let plan = RestorePlan::make(&to, &empty, |_| {}).unwrap();
        assert_eq!(plan.faults().len(), 1);
        assert!(plan.faults()[0].path == path && expected(&plan.faults()[0].why), "{:?}", plan.faults());
        assert!(matches!(plan.apply("test", |_| {}), Err(RestoreError::Damaged { count: 1, .. })));
        assert!(!empty.root().exists());
        std::fs::write(&path, &bytes).unwrap();
    }
}

#[test]
fn a_restore_never_overwrites_a_tape_and_clears_what_a_killed_one_left() {
    let (_temp, dir, to) = tape(1, 100);
    back_up(&dir, &to).unwrap();
    assert!(matches!(RestorePlan::make(&to, &dir, |_| {}), Err(RestoreError::NotEmpty { .. })));
    let (_temp2, empty) = data_dir();
    let plan = RestorePlan::make(&to, &empty, |_| {}).unwrap();
    // A restore that was killed in the middle, and snapshots of a tape that is gone.
    empty.create().unwrap();
    std::fs::create_dir_all(empty.root().join("restore.new/tape")).unwrap();
    std::fs::write(empty.root().join("restore.new/tape/2024-10-04.1.redb"), "half").unwrap();
    std::fs::write(empty.snapshots().join("77.snap"), "stale").unwrap();
    drop(plan);
    let plan = RestorePlan::make(&to, &empty, |_| {}).unwrap();
    assert_eq!(plan.stale_snapshots(), ["77.snap"]);
    plan.apply("test", |_| {}).unwrap();
    assert_whole(&empty, 5_100);
    assert!(!empty.root().join("restore.new").exists() && !empty.snapshots().join("77.snap").exists());
    assert!(matches!(plan.apply("test", |_| {}), Err(RestoreError::NotEmpty { .. })));
}

#[test]
fn pruning_removes_the_oldest_first_and_every_state_on_the_way_is_a_readable_tape() {
    let (_temp, dir, to) = tape(4, 100);
    let manifest = back_up(&dir, &to).unwrap();
    let writer = Writer::open(&dir, "test").unwrap();
    let plan = PrunePlan::make(&dir, DAY.plus_days(3), Some((&to, &manifest)), |_| {}).unwrap();
    let gone: Vec<String> = plan.goes.iter().map(|info| info.name.to_string()).collect();
    assert_eq!(gone, ["2024-10-04.1.redb", "2024-10-05.1.redb", "2024-10-06.1.redb"]);
    let mut first = 5_001;
    plan.apply(&writer, |info| {
        assert!(!info.path.exists());
        let seqs: Vec<u64> = support::read_from(&dir, 1).unwrap().into_iter().map(|(seq, _)| seq.0).collect();
        assert!(seqs.into_iter().eq(first..=20_100));
        first += 5_000;
    })
    .unwrap();
    writer.close().unwrap();
    grow(&dir, 100, true);
    assert_eq!(Tape::open(&dir).unwrap().first_seq(), Some(Seq(15_001)));
    // The backup keeps what the tape no longer has, and restores all of it.
    let manifest = back_up(&dir, &to).unwrap();
    assert_eq!((manifest.segments.len(), manifest.first_seq()), (5, Some(Seq(1))));
    let (_temp, restored) = restore(&to);
    assert_whole(&restored, 20_200);
    std::fs::remove_file(to.join("tape/2024-10-04.1.redb")).unwrap();
    assert!(matches!(back_up(&dir, &to), Err(BackupError::Lost { .. })));
}

#[test]
fn only_what_the_backup_holds_byte_for_byte_is_pruned() {
    use barkeep_storage::prune::Stays;
    let (_temp, dir, to) = tape(3, 100);
    let mut manifest = back_up(&dir, &to).unwrap();
    manifest.segments[1].copy.blake3.replace_range(..2, "zz");
    let stays = |manifest: &Manifest| {
        let plan = PrunePlan::make(&dir, DAY.plus_days(9), Some((&to, manifest)), |_| {}).unwrap();
        (plan.goes.len(), plan.stays.first().map(|(_, why)| *why).unwrap())
    };
    assert_eq!(stays(&manifest), (1, Stays::BackupDiffers));
    manifest.segments[1].whole = false;
    assert_eq!(stays(&manifest), (1, Stays::NotBackedUp));
    // A copy that has rotted in the backup holds nothing, and the next backup makes it again.
    let copy = to.join("tape/2024-10-04.1.redb");
    let good = std::fs::read(&copy).unwrap();
    let mut rotten = good.clone();
    rotten[good.len() / 2] ^= 1;
    std::fs::remove_file(&copy).unwrap();
    std::fs::write(&copy, rotten).unwrap();
    assert_eq!(stays(&manifest), (0, Stays::BackupDiffers));
    back_up(&dir, &to).unwrap();
    assert!(std::fs::read(&copy).unwrap() == good);
    manifest.segments.remove(0);
    assert_eq!(stays(&manifest), (0, Stays::NotBackedUp));
}
