//! Followers see each durable event once, in order, while another process writes, restarts and begins segments.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod support;

use std::io::{BufRead, BufReader, Write as _};
use std::time::{Duration, Instant};

use barkeep_schemas::Seq;
use barkeep_storage::{Filter, Follower, ReadError, Tape, Writer};
use support::{DAY, assert_whole, child, child_dir, data_dir, event_at, events};

const TOTAL: u64 = 60_000;

/// The child: appends up to [`TOTAL`], beginning a segment every 7,000 events, and reopens its writer now and then.
#[test]
fn child_writes_all() {
    let Some(dir) = child_dir() else { return };
    let mut writer = Writer::open(&dir, "child").unwrap();
    let mut batches = 0;
    while writer.next_seq().0 <= TOTAL {
        let next = writer.next_seq().0;
        if writer.open_segment().is_none_or(|header| next - header.first_seq.0 >= 7_000) {
            writer.begin_segment(DAY).unwrap();
        }
        let size = [1, 40, 333, 900][batches % 4];
        writer.commit(&events(next, size.min(TOTAL + 1 - next))).unwrap();
        batches += 1;
        if batches % 60 == 0 {
            drop(writer);
            writer = Writer::open(&dir, "child").unwrap();
        }
    }
    let mut out = std::io::stdout();
    writeln!(out, "done").unwrap();
    out.flush().unwrap();
    // Lives on until the parent closes its end, so that the last reads find a live writer.
    let _ = std::io::stdin().read_line(&mut String::new());
}

#[test]
fn a_follower_sees_each_event_once_while_another_process_writes() {
    let (_temp, dir) = data_dir();
    let mut follower = Follower::new(&dir, Seq(0));
    assert!(follower.poll(10).unwrap().is_empty(), "there is no tape yet");
    let mut writer = child("child_writes_all", &dir).spawn().unwrap();
    let (mut next, began, mut polls) = (1, Instant::now(), 0_u64);
    while next <= TOTAL {
        for (seq, event) in follower.poll(1 + (polls % 5_000) as usize).unwrap() {
            assert_eq!(seq, Seq(next));
            assert_eq!(event, event_at(next));
            next += 1;
        }
        polls += 1;
        if polls.is_multiple_of(50) {
            // What a tape opened beside the writer shows is whole, too.
            let tape = Tape::open(&dir).unwrap();
            assert!(tape.last_seq().0 + 1 >= next);
            let from = Seq(tape.last_seq().0.saturating_sub(3_000).max(1));
            let count = tape.scan(from, None, &Filter::ALL).map(Result::unwrap).count() as u64;
            assert_eq!(count, if tape.last_seq() == Seq(0) { 0 } else { tape.last_seq().0 - from.0 + 1 });
        }
        assert!(began.elapsed() < Duration::from_secs(120), "stuck at {next}");
    }
    let mut line = String::new();
    let mut out = BufReader::new(writer.stdout.take().unwrap());
    while !line.contains("done") {
        assert!(out.read_line(&mut line).unwrap() > 0);
    }
    assert_whole(&dir, TOTAL);
    drop(writer.stdin.take());
    assert!(writer.wait().unwrap().success());
    assert!(follower.poll(10).unwrap().is_empty());
    assert_whole(&dir, TOTAL);
}

#[test]
fn a_follower_crosses_segments_and_writers_of_its_own_process() {
    let (_temp, dir) = data_dir();
    let mut follower = Follower::new(&dir, Seq(3));
    let mut writer = Writer::open(&dir, "test").unwrap();
    writer.begin_segment(DAY).unwrap();
    writer.commit(&events(1, 5)).unwrap();
    assert_eq!(follower.poll(1).unwrap(), [(Seq(4), event_at(4))]);
    assert_eq!(follower.poll(9).unwrap(), [(Seq(5), event_at(5))]);
    assert!(follower.poll(9).unwrap().is_empty());
    writer.seal().unwrap();
    assert!(follower.poll(9).unwrap().is_empty());
    drop(writer);
    let mut writer = Writer::open(&dir, "test").unwrap();
    let name = writer.begin_segment(DAY).unwrap();
    assert!(follower.poll(9).unwrap().is_empty());
    writer.commit(&events(6, 2)).unwrap();
    assert_eq!(follower.poll(9).unwrap(), [(Seq(6), event_at(6)), (Seq(7), event_at(7))]);
    assert_eq!(follower.segment(), Some(name));
    assert_eq!(follower.after(), Seq(7));
}

#[test]
fn a_follower_is_told_when_its_next_events_are_gone_or_its_cursor_belongs_elsewhere() {
    let (_temp, dir) = data_dir();
    let mut writer = Writer::open(&dir, "test").unwrap();
    let mut names = Vec::new();
    for run in 0..3 {
        names.push(writer.begin_segment(DAY).unwrap());
        writer.commit(&events(run * 10 + 1, 10)).unwrap();
    }
    drop(writer);
    let beyond = Follower::new(&dir, Seq(31)).poll(1);
    assert!(matches!(beyond, Err(ReadError::Beyond { after: Seq(31), last: Seq(30) })), "{beyond:?}");
    assert!(Follower::new(&dir, Seq(30)).poll(1).unwrap().is_empty());
    std::fs::remove_file(dir.segment(names[0])).unwrap();
    let gone = Follower::new(&dir, Seq(4)).poll(1);
    assert!(matches!(gone, Err(ReadError::Gone { wanted: Seq(5), next: Seq(11) })), "{gone:?}");
    std::fs::remove_file(dir.segment(names[1])).unwrap();
    let mut follower = Follower::new(&dir, Seq(20));
    assert_eq!(follower.poll(1).unwrap(), [(Seq(21), event_at(21))]);
}
