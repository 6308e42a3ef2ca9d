//! Snapshots are used when everything in them agrees and passed over otherwise.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod support;

use barkeep_schemas::{Hash32, Seq};
use barkeep_storage::DataDir;
use barkeep_storage::snapshot::{Snapshot, newest, save};
use support::data_dir;

fn snapshot(seq: u64) -> Snapshot {
    Snapshot { seq: Seq(seq), chain: Hash32([9; 32]), behaviour: 3, bytes: (0..seq).map(|n| n as u8).collect() }
}

fn files(dir: &DataDir) -> Vec<String> {
    let mut files: Vec<String> = std::fs::read_dir(dir.snapshots())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    files
}

#[test]
fn the_newest_two_are_kept_and_the_newest_that_fits_is_found() {
    let (_temp, dir) = data_dir();
    assert_eq!(newest(&dir, 3, Seq(u64::MAX)), None, "there is no folder yet");
    dir.create().unwrap();
    assert_eq!(newest(&dir, 3, Seq(u64::MAX)), None);
    for seq in [5, 9, 1_000] {
        save(&dir, &snapshot(seq)).unwrap();
    }
    assert_eq!(files(&dir), ["1000.snap", "9.snap"]);
    assert_eq!(newest(&dir, 3, Seq(1_000)), Some(snapshot(1_000)));
    assert_eq!(newest(&dir, 3, Seq(999)), Some(snapshot(9)));
    assert_eq!(newest(&dir, 3, Seq(8)), None);
    assert_eq!(newest(&dir, 4, Seq(u64::MAX)), None, "another behaviour");
}

#[test]
fn a_snapshot_with_any_flipped_byte_or_wrong_length_or_name_is_passed_over() {
    let (_temp, dir) = data_dir();
    dir.create().unwrap();
    save(&dir, &snapshot(50)).unwrap();
    save(&dir, &snapshot(100)).unwrap();
    let path = dir.snapshots().join("100.snap");
    let whole = std::fs::read(&path).unwrap();
    for at in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[at] ^= 0x40;
        std::fs::write(&path, flipped).unwrap();
        assert_eq!(newest(&dir, 3, Seq(100)), Some(snapshot(50)), "byte {at}");
        std::fs::write(&path, &whole[..at]).unwrap();
        assert_eq!(newest(&dir, 3, Seq(100)), Some(snapshot(50)), "{at} bytes");
    }
    std::fs::write(&path, &whole).unwrap();
    std::fs::copy(&path, dir.snapshots().join("70.snap")).unwrap();
    assert_eq!(newest(&dir, 3, Seq(99)), Some(snapshot(50)), "the name is not the seq inside");
    assert_eq!(newest(&dir, 3, Seq(100)), Some(snapshot(100)));
}

#[test]
fn what_a_crash_left_of_a_snapshot_is_no_snapshot() {
    let (_temp, dir) = data_dir();
    dir.create().unwrap();
    save(&dir, &snapshot(50)).unwrap();
    std::fs::copy(dir.snapshots().join("50.snap"), dir.snapshots().join("60.snap.new")).unwrap();
    assert_eq!(newest(&dir, 3, Seq(100)), Some(snapshot(50)));
}
