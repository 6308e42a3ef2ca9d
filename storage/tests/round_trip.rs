//! What is committed is what is read: over segments, with filters, from any position, in this process beside the writer.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod support;

use barkeep_schemas::{EventKind, Seq, SessionDate, Ts};
use barkeep_storage::{CommitError, Committer, DataDir, Filter, SegmentName, Tape, Writer};
use support::{DAY, assert_whole, data_dir, event_at, events, read_from, timeless};

#[test]
fn an_empty_data_directory_is_an_empty_tape() {
    let (_temp, dir) = data_dir();
    let tape = Tape::open(&dir).unwrap();
    assert_eq!((tape.segments().len(), tape.last_seq(), tape.first_seq()), (0, Seq(0), None));
    assert_eq!(tape.scan(Seq(1), None, &Filter::ALL).count(), 0);
    let writer = Writer::open(&dir, "test").unwrap();
    assert_eq!(writer.next_seq(), Seq::FIRST);
    assert!(writer.open_segment().is_none());
}

#[test]
fn events_come_back_in_order_over_segments_and_restarts() {
    let (_temp, dir) = data_dir();
    let mut next = 1;
    for (day, count) in [(0, 10_000), (1, 1), (2, 4_095), (2, 4_096), (0, 4_097)] {
        let mut writer = Writer::open(&dir, "test").unwrap();
        assert_eq!(writer.next_seq(), Seq(next));
        writer.begin_segment(DAY.plus_days(day)).unwrap();
        for batch in events(next, count).chunks(1_000) {
            next += batch.len() as u64;
            assert_eq!(writer.commit(batch).unwrap(), Some(Seq(next - 1)));
        }
        assert_whole(&dir, next - 1);
        writer.close().unwrap();
    }
    assert_whole(&dir, next - 1);
    let tape = Tape::open(&dir).unwrap();
    let names: Vec<String> = tape.segments().iter().map(|info| info.name.to_string()).collect();
    assert_eq!(
        names,
        ["2024-10-04.1.redb", "2024-10-05.1.redb", "2024-10-06.1.redb", "2024-10-06.2.redb", "2024-10-04.2.redb"]
    );
    assert_eq!(tape.segments().iter().map(|info| info.sealed).collect::<Vec<_>>(), [true, true, true, true, false]);
    assert!(tape.segments().iter().all(|info| info.file_bytes > 0 && info.format == 1));
    assert_eq!(tape.segment_of(DAY, None).unwrap().name, SegmentName { date: DAY, run: 2 });
    assert_eq!(tape.segment_of(DAY, Some(1)).unwrap().first_seq, Seq(1));
    assert!(tape.segment_of(DAY.plus_days(9), None).is_none());
    let second = tape.segment_of(DAY.plus_days(1), None).unwrap();
    let found: Vec<_> = tape.scan_segment(second, &Filter::ALL).map(Result::unwrap).collect();
    assert_eq!(found, [(Seq(10_001), event_at(10_001))]);
}

#[test]
fn a_scan_begins_and_ends_at_any_position() {
    let (_temp, dir) = data_dir();
    let mut writer = Writer::open(&dir, "test").unwrap();
    writer.begin_segment(DAY).unwrap();
    for batch in events(1, 9_000).chunks(700) {
        writer.commit(batch).unwrap();
    }
    writer.begin_segment(DAY).unwrap();
    for batch in events(9_001, 5_000).chunks(33) {
        writer.commit(batch).unwrap();
    }
    let tape = Tape::open(&dir).unwrap();
    let ends =
        [0, 1, 2, 4_095, 4_096, 4_097, 8_192, 8_193, 8_999, 9_000, 9_001, 13_096, 13_097, 13_999, 14_000, 14_001];
    for from in ends {
        for to in ends {
            let found: Vec<u64> = tape.scan(Seq(from), Some(Seq(to)), &Filter::ALL).map(|e| e.unwrap().0.0).collect();
            let wanted: Vec<u64> = (from.max(1)..=to.min(14_000)).collect();
            assert!(found == wanted, "{from}..={to}: {} events", found.len());
        }
    }
}

#[test]
fn a_filter_finds_what_a_plain_pass_finds_on_disk_and_in_memory() {
    let (_temp, dir) = data_dir();
    let mut all = events(1, 20_000);
    all[12_345] = timeless();
    let mut writer = Writer::open(&dir, "test").unwrap();
    let without_disk = DataDir::in_memory();
    let mut memory = Writer::open(&without_disk, "test").unwrap();
    writer.begin_segment(DAY).unwrap();
    memory.begin_segment(DAY).unwrap();
    for batch in all.chunks(3_000) {
        assert_eq!(writer.commit(batch).unwrap(), memory.commit(batch).unwrap());
    }
    assert_eq!(memory.next_seq(), writer.next_seq());
    let tape = Tape::open(&dir).unwrap();
    let memory = Tape::open(&without_disk).unwrap();
    let (early, late) = (Ts::new(support::T0 + 5_000_000_000), Ts::new(support::T0 + 19_000_000_000));
    for filter in [
        Filter::ALL,
        Filter::kinds([EventKind::Bar]),
        Filter::kinds([EventKind::SessionClosed]),
        Filter::kinds([EventKind::ReconRun]),
        Filter { from: Some(early), until: Some(late), ..Filter::ALL },
        Filter { from: Some(late), ..Filter::kinds([EventKind::Tick, EventKind::ClockMark]) },
        Filter { until: Some(Ts::new(0)), ..Filter::ALL },
    ] {
        let found: Vec<_> = tape.scan(Seq(1), None, &filter).map(Result::unwrap).collect();
        let plain = tape.scan(Seq(1), None, &Filter::ALL).map(Result::unwrap);
        let plain: Vec<_> = plain.filter(|(_, event)| filter.admits(event)).collect();
        assert!(found == plain, "{filter:?}: {} of {}", found.len(), plain.len());
        assert!(memory.scan(Seq(1), None, &filter).map(Result::unwrap).eq(found), "{filter:?} in memory");
    }
}

#[test]
fn a_commit_needs_a_segment_and_an_empty_one_is_nothing() {
    let (_temp, dir) = data_dir();
    let mut writer = Writer::open(&dir, "test").unwrap();
    let refused = writer.commit(&events(1, 1)).unwrap_err();
    assert!(matches!(refused, CommitError::NoSegment { next: Seq(1) }), "{refused}");
    assert_eq!(refused.halt_reason(), None);
    writer.begin_segment(DAY).unwrap();
    assert_eq!(writer.commit(&[]).unwrap(), None);
    assert_eq!(writer.commit(&events(1, 1)).unwrap(), Some(Seq(1)));
    writer.seal().unwrap();
    writer.seal().unwrap();
    assert!(matches!(writer.commit(&events(2, 1)), Err(CommitError::NoSegment { next: Seq(2) })));
    drop(writer);
    let writer = Writer::open(&dir, "test").unwrap();
    assert!(writer.open_segment().is_none());
    assert_eq!(writer.next_seq(), Seq(2));
}

#[test]
fn a_sealed_segment_is_a_read_only_file_and_empty_segments_disturb_nobody() {
    use std::os::unix::fs::PermissionsExt;
    let (_temp, dir) = data_dir();
    let mut writer = Writer::open(&dir, "test").unwrap();
    let empty = writer.begin_segment(DAY).unwrap();
    writer.begin_segment(SessionDate(10)).unwrap();
    writer.commit(&events(1, 5)).unwrap();
    writer.begin_segment(DAY).unwrap();
    writer.begin_segment(DAY).unwrap();
    writer.commit(&events(6, 5)).unwrap();
    drop(writer);
    assert_eq!(std::fs::metadata(dir.segment(empty)).unwrap().permissions().mode() & 0o777, 0o444);
    assert_whole(&dir, 10);
    assert_eq!(Tape::open(&dir).unwrap().first_seq(), Some(Seq(1)));
    assert_eq!(Writer::open(&dir, "test").unwrap().next_seq(), Seq(11));
}

#[test]
fn pruned_segments_are_passed_over_and_the_writer_goes_on() {
    let (_temp, dir) = data_dir();
    let mut writer = Writer::open(&dir, "test").unwrap();
    let mut names = Vec::new();
    for run in 0..4 {
        names.push(writer.begin_segment(DAY).unwrap());
        writer.commit(&events(run * 100 + 1, 100)).unwrap();
    }
    drop(writer);
    std::fs::remove_file(dir.segment(names[0])).unwrap();
    std::fs::remove_file(dir.segment(names[2])).unwrap();
    let seqs: Vec<u64> = read_from(&dir, 1).unwrap().into_iter().map(|(seq, _)| seq.0).collect();
    assert_eq!(seqs, (101..=200).chain(301..=400).collect::<Vec<_>>());
    assert_eq!(Writer::open(&dir, "test").unwrap().next_seq(), Seq(401));
}

#[test]
fn the_committer_makes_batches_durable_in_order_beside_a_reader_of_the_same_process() {
    let (_temp, dir) = data_dir();
    let mut writer = Writer::open(&dir, "test").unwrap();
    writer.begin_segment(DAY).unwrap();
    let mut committer = Committer::start(writer).unwrap();
    for first in (1..=10_000).step_by(500) {
        assert_eq!(committer.submit(events(first, 500)).unwrap(), Some(Seq(first + 499)));
    }
    assert_eq!(committer.submit(Vec::new()).unwrap(), None);
    assert_eq!(committer.flush().unwrap(), Seq(10_000));
    assert_eq!(committer.durable_seq(), Seq(10_000));
    assert_whole(&dir, 10_000);
    let name = committer.begin_segment(DAY).unwrap();
    assert_eq!(name.run, 2);
    committer.submit(events(10_001, 1)).unwrap();
    let mut writer = committer.finish().unwrap();
    assert_eq!(writer.next_seq(), Seq(10_002));
    writer.commit(&events(10_002, 1)).unwrap();
    assert_whole(&dir, 10_002);
}

#[test]
fn a_committer_that_failed_writes_nothing_more_and_says_why_each_time() {
    let (_temp, dir) = data_dir();
    let mut committer = Committer::start(Writer::open(&dir, "test").unwrap()).unwrap();
    committer.submit(events(1, 1)).unwrap();
    for _ in 0..3 {
        assert!(matches!(committer.flush(), Err(CommitError::NoSegment { next: Seq(1) })));
        assert!(matches!(committer.submit(events(2, 1)), Err(CommitError::NoSegment { next: Seq(1) })));
        assert!(matches!(committer.begin_segment(DAY), Err(CommitError::NoSegment { next: Seq(1) })));
    }
    assert!(matches!(committer.finish(), Err(CommitError::NoSegment { .. })));
    assert!(read_from(&dir, 1).unwrap().is_empty());
}
