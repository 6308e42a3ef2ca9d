//! A tape in memory is the same tape: one writer, followers that see each commit, sealing, snapshots, repair.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod support;

use std::sync::Arc;
use std::time::Instant;

use barkeep_schemas::Seq;
use barkeep_storage::disk::{Disk, MemoryDisk};
use barkeep_storage::snapshot::{Snapshot, newest, save};
use barkeep_storage::{DataDir, Follower, Lock, LockError, OpenError, Tape, Writer};
use support::{DAY, assert_whole, event_at, events};

fn memory() -> (MemoryDisk, DataDir) {
    let disk = MemoryDisk::new();
    let dir = DataDir::on(Arc::new(disk.clone()), "/data");
    (disk, dir)
}

#[test]
fn followers_see_each_commit_while_the_writer_goes_on() {
    let (_, dir) = memory();
    let mut early = Follower::new(&dir, Seq(0));
    assert!(early.poll(10).unwrap().is_empty());
    let mut writer = Writer::open(&dir, "test").unwrap();
    writer.begin_segment(DAY).unwrap();
    let mut late = Follower::new(&dir, Seq(0));
    for n in 0..30 {
        let next = writer.next_seq().0;
        let size = [1, 700, 5_000][n % 3];
        writer.commit(&events(next, size)).unwrap();
        let seen = early.poll(usize::MAX).unwrap();
        assert!(
            seen.iter().map(|(seq, event)| (seq.0, event.clone())).eq((next..next + size).map(|n| (n, event_at(n))))
        );
        if n % 10 == 9 {
            writer.begin_segment(DAY).unwrap();
        }
    }
    let last = writer.next_seq().0 - 1;
    assert_whole(&dir, last);
    assert_eq!(late.poll(usize::MAX).unwrap().len() as u64, last);
    writer.close().unwrap();
    assert_whole(&dir, last);
    assert_eq!(Writer::open(&dir, "test").unwrap().next_seq(), Seq(last + 1));
}

#[test]
fn there_is_one_writer_and_the_next_one_comes_after_it() {
    let (_, dir) = memory();
    let writer = Writer::open(&dir, "first").unwrap();
    assert_eq!(Lock::holder(&dir).unwrap().unwrap().command, "first");
    let Err(OpenError::Lock(LockError::Held { holder, .. })) = Writer::open(&dir, "second") else {
        panic!("two writers")
    };
    assert_eq!((holder.pid, holder.command.as_str()), (std::process::id(), "first"));
    drop(writer);
    assert_eq!(Lock::holder(&dir).unwrap(), None);
    Writer::open(&dir, "second").unwrap();
}

#[test]
fn a_copy_of_a_disk_in_use_is_read_through_the_overlay_and_repaired_by_the_next_writer() {
    let (disk, dir) = memory();
    let mut writer = Writer::open(&dir, "test").unwrap();
    let name = writer.begin_segment(DAY).unwrap();
    writer.commit(&events(1, 10_000)).unwrap();
    let copy = disk.copy();
    let copied = DataDir::on(Arc::new(copy.clone()), "/data");
    let before = copy.read(&copied.segment(name)).unwrap();
    let mut follower = Follower::new(&copied, Seq(0));
    assert_eq!(follower.poll(5_000).unwrap().len(), 5_000);
    assert_whole(&copied, 10_000);
    assert!(copy.read(&copied.segment(name)).unwrap() == before, "reading changed the file");

    let mut other = Writer::open(&copied, "test").unwrap();
    other.commit(&events(10_001, 50)).unwrap();
    assert_whole(&copied, 10_050);
    assert_eq!(follower.poll(usize::MAX).unwrap().len(), 5_050, "the follower goes over to the new writer");
    writer.commit(&events(10_001, 7)).unwrap();
    assert_whole(&dir, 10_007);
}

#[test]
fn sealed_segments_and_snapshots_are_files_of_the_memory_disk() {
    let (disk, dir) = memory();
    let mut writer = Writer::open(&dir, "test").unwrap();
    let name = writer.begin_segment(DAY).unwrap();
    writer.commit(&events(1, 5_000)).unwrap();
    writer.seal().unwrap();
    let sealed = disk.open(&dir.segment(name), barkeep_storage::disk::Access::Write).unwrap_err();
    assert_eq!(sealed.kind(), std::io::ErrorKind::PermissionDenied);
    let info = Tape::open(&dir).unwrap().segments()[0].clone();
    let stat = disk.stat(&info.path).unwrap();
    assert!(info.file_bytes > 0 && info.file_bytes <= stat.len.next_multiple_of(4_096), "{info:?} {stat:?}");
    for seq in [10, 20, 30] {
        save(
            &dir,
            &Snapshot {
                seq: Seq(seq),
                chain: barkeep_schemas::Hash32::default(),
                behaviour: 1,
                bytes: vec![seq as u8; 9_000],
            },
        )
        .unwrap();
    }
    assert_eq!(newest(&dir, 1, Seq(25)).unwrap().seq, Seq(20));
    let mut files = disk.list(&dir.snapshots()).unwrap();
    files.sort();
    assert_eq!(files, ["20.snap", "30.snap"]);
}

/// Not a benchmark: it only says that simulation need not wait for a commit.
#[test]
fn a_commit_of_a_few_events_takes_no_longer_than_its_work() {
    let (_, dir) = memory();
    let mut writer = Writer::open(&dir, "test").unwrap();
    writer.begin_segment(DAY).unwrap();
    let mut best = u128::MAX;
    for _ in 0..40 {
        let batches: Vec<_> = (0..50).map(|n| events(writer.next_seq().0 + n * 5, 5)).collect();
        let began = Instant::now();
        for batch in &batches {
            writer.commit(batch).unwrap();
        }
        best = best.min(began.elapsed().as_nanos() / 50);
    }
    println!("{best} ns a commit of 5 events in memory");
    assert!(best < 2_000_000, "{best} ns a commit");
}
