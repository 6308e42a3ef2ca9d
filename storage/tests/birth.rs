//! Crashes around the birth and the sealing of a segment: there is a whole segment or none.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod support;

use barkeep_schemas::Seq;
use barkeep_storage::{SegmentName, Tape, Writer};
use support::{DAY, assert_whole, data_dir, events};

#[test]
fn a_segment_that_crashed_before_its_header_was_durable_is_removed_by_the_next_writer_alone() {
    let (_temp, dir) = data_dir();
    let mut writer = Writer::open(&dir, "test").unwrap();
    let name = writer.begin_segment(DAY).unwrap();
    writer.commit(&events(1, 10)).unwrap();
    writer.seal().unwrap();
    drop(writer);
    let whole = std::fs::read(dir.segment(name)).unwrap();
    // Every way in which the creation can stop: nothing written, part of redb's first pages, or all but the name.
    for half in [0, 1, 320, 4_096, 100_000, whole.len()] {
        let newborn = dir.tape().join("2024-10-04.2.redb.new");
        std::fs::write(&newborn, &whole[..half.min(whole.len())]).unwrap();
        assert_whole(&dir, 10);
        assert!(newborn.exists(), "a reader removes nothing");
        let mut writer = Writer::open(&dir, "test").unwrap();
        assert!(!newborn.exists());
        assert_eq!(writer.next_seq(), Seq(11));
        let name = writer.begin_segment(DAY).unwrap();
        assert_eq!(name, SegmentName { date: DAY, run: 2 });
        drop(writer);
        assert_eq!(Tape::open(&dir).unwrap().segments().len(), 2);
        std::fs::remove_file(dir.segment(name)).unwrap();
    }
}

#[test]
fn a_crash_between_the_seal_and_the_next_segment_leaves_a_tape_that_waits_for_one() {
    use std::os::unix::fs::PermissionsExt;
    let (_temp, dir) = data_dir();
    let mut writer = Writer::open(&dir, "test").unwrap();
    let name = writer.begin_segment(DAY).unwrap();
    writer.commit(&events(1, 10)).unwrap();
    writer.seal().unwrap();
    drop(writer);
    // As if the crash came before the permission was taken away.
    let path = dir.segment(name);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    let mut writer = Writer::open(&dir, "test").unwrap();
    assert!(writer.open_segment().is_none());
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o444);
    assert!(writer.commit(&events(11, 1)).is_err());
    writer.begin_segment(DAY).unwrap();
    writer.commit(&events(11, 1)).unwrap();
    assert_whole(&dir, 11);
}

#[test]
fn a_segment_without_events_takes_them_after_a_restart() {
    let (_temp, dir) = data_dir();
    let mut writer = Writer::open(&dir, "test").unwrap();
    writer.begin_segment(DAY).unwrap();
    drop(writer);
    let mut writer = Writer::open(&dir, "test").unwrap();
    assert_eq!(writer.open_segment().unwrap().name, SegmentName { date: DAY, run: 1 });
    assert_eq!(writer.commit(&events(1, 3)).unwrap(), Some(Seq(3)));
    assert_whole(&dir, 3);
}
