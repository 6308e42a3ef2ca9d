//! The writer is killed (SIGKILL) at random moments, again and again on one tape, under three followers that lag behind
//! it and live through every kill. Nothing acknowledged is lost, nothing is there twice, readers change no byte of the
//! unclean file, the next writer goes on where the last one ended, and each follower sees each event once.
//!
//! `BARKEEP_TORTURE=1` kills 1,000 times instead of 10.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod support;

use std::io::{BufRead, BufReader, Read, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use barkeep_schemas::Seq;
use barkeep_storage::DataDir;
use barkeep_storage::{Follower, Lock, Tape, Writer};
use support::{DAY, Dice, assert_whole, child, child_dir, data_dir, event_at, events, tape_files};

/// The child: appends batches for ever and says after each how far the tape is durable.
#[test]
fn child_writes_until_it_is_killed() {
    let Some(dir) = child_dir() else { return };
    let mut dice = Dice::new();
    let mut writer = Writer::open(&dir, "torture").unwrap();
    let mut out = std::io::stdout();
    if writer.open_segment().is_none() {
        writer.begin_segment(DAY).unwrap();
    }
    loop {
        if dice.below(40) == 0 {
            writer.begin_segment(DAY.plus_days(dice.below(3) as i32)).unwrap();
        }
        let size = match dice.below(4) {
            0 => 1,
            1 => 1 + dice.below(100),
            2 => 1 + dice.below(2_000),
            _ => 1 + dice.below(10_000),
        };
        let last = writer.commit(&events(writer.next_seq().0, size)).unwrap().unwrap();
        writeln!(out, "durable {last}").unwrap();
        out.flush().unwrap();
    }
}

fn acknowledged(lines: &str) -> Option<u64> {
    // A line that the kill cut short has no newline and was not received whole.
    let whole = lines.rfind('\n').map_or("", |end| &lines[..end]);
    whole.lines().rev().find_map(|line| line.strip_prefix("durable ")?.parse().ok())
}

/// Three followers that lag behind on one tape until they are told where it ends.
struct Laggards {
    /// The last position of the tape; `u64::MAX` while it goes on.
    end: Arc<AtomicU64>,
    threads: Vec<JoinHandle<()>>,
}

impl Laggards {
    fn start(dir: &DataDir) -> Self {
        let end = Arc::new(AtomicU64::new(u64::MAX));
        let start = |(count, pause_ms): (usize, u64)| {
            let (dir, end) = (dir.clone(), end.clone());
            thread::spawn(move || follow_to(&dir, &end, count, Duration::from_millis(pause_ms)))
        };
        let threads = [(200, 3), (1_500, 11), (7_000, 40)].map(start).into();
        Self { end, threads }
    }

    /// Lets them come to the end and sees to it that none missed anything.
    fn finish(self, last: u64) {
        self.end.store(last, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().unwrap();
        }
    }
}

/// Follows in small steps with pauses; fast once the end is known.
fn follow_to(dir: &DataDir, end: &AtomicU64, count: usize, pause: Duration) {
    let mut follower = Follower::new(dir, Seq(0));
    let mut next = 1;
    let mut known_since = None;
    loop {
        let end = end.load(Ordering::Relaxed);
        let known = end != u64::MAX;
        for (seq, event) in follower.poll(if known { usize::MAX } else { count }).unwrap() {
            assert_eq!(seq, Seq(next));
            assert_eq!(event, event_at(next), "at {next}");
            next += 1;
        }
        assert!(next - 1 <= end, "an event beyond the end: {next}");
        if next - 1 == end {
            return;
        }
        if known {
            let since = *known_since.get_or_insert_with(Instant::now);
            if since.elapsed() > Duration::from_secs(5) {
                let tape = Tape::open(dir).unwrap();
                let fresh = Follower::new(dir, Seq(0)).poll(usize::MAX).unwrap().len();
                panic!(
                    "stuck at {next} of {end} in {:?}; a fresh one sees {fresh}; {:#?}",
                    follower.segment(),
                    tape.segments()
                );
            }
        }
        thread::sleep(pause);
    }
}

#[test]
fn a_killed_writer_loses_nothing_acknowledged_and_leaves_an_unbroken_prefix() {
    let rounds = if std::env::var_os("BARKEEP_TORTURE").is_some() { 1_000 } else { 10 };
    let (mut temp, mut dir) = data_dir();
    let mut dice = Dice::new();
    let mut laggards = Laggards::start(&dir);
    let (mut last, mut unclean, mut killed) = (0, 0, 0);
    for round in 0..rounds {
        if round % 20 == 19 {
            laggards.finish(last);
            (temp, dir) = data_dir();
            laggards = Laggards::start(&dir);
            last = 0;
        }
        let mut writer = child("child_writes_until_it_is_killed", &dir).spawn().unwrap();
        let mut out = BufReader::new(writer.stdout.take().unwrap());
        let mut lines = String::new();
        for _ in 0..dice.below(30) {
            out.read_line(&mut lines).unwrap();
        }
        thread::sleep(Duration::from_micros(dice.below(20_000)));
        writer.kill().unwrap();
        writer.wait().unwrap();
        killed += 1;
        out.read_to_string(&mut lines).unwrap();
        let acknowledged = acknowledged(&lines).unwrap_or(last);

        if !dir.tape().exists() {
            continue;
        }
        assert_eq!(Lock::holder(&dir).unwrap(), None);
        let before = tape_files(&dir);
        let tape = Tape::open(&dir).unwrap();
        let found = tape.last_seq().0;
        assert!(found >= acknowledged, "round {round}: acknowledged {acknowledged}, found {found}");
        assert_whole(&dir, found);
        assert!(Follower::new(&dir, Seq(0)).poll(usize::MAX).unwrap().len() as u64 == found);
        assert!(tape_files(&dir) == before, "round {round}: reading changed a file");
        let path = tape.segments().last().map(|info| info.path.clone());
        let clean = path.is_none_or(|path| redb::ReadOnlyDatabase::open(path).is_ok());
        unclean += u64::from(!clean);
        drop(tape);

        // Every other round the next child itself repairs; in between this process does, and in the end. A follower that
        // has the file open is served the last commit that its writer had flushed; one that was killed between writing
        // a commit's header and flushing it leaves a commit that only the next writer publishes.
        if round % 2 == 0 || round + 1 == rounds {
            let writer = Writer::open(&dir, "test").unwrap();
            assert_eq!(writer.next_seq(), Seq(found + 1), "round {round}");
            writer.close().unwrap();
            assert_whole(&dir, found);
        }
        last = found;
    }
    laggards.finish(last);
    drop(temp);
    println!("{killed} writers killed under three lagging followers, {unclean} left an unclean file");
    assert!(unclean > rounds / 2, "only {unclean} of {rounds} kills left an unclean file");
}

#[test]
fn a_reader_of_an_unclean_file_goes_on_when_a_new_writer_takes_it_over() {
    let (_temp, dir) = data_dir();
    let mut writer = child("child_writes_until_it_is_killed", &dir).spawn().unwrap();
    let mut out = BufReader::new(writer.stdout.take().unwrap());
    let mut lines = String::new();
    while acknowledged(&lines).unwrap_or(0) < 10_000 {
        out.read_line(&mut lines).unwrap();
    }
    writer.kill().unwrap();
    writer.wait().unwrap();

    let tape = Tape::open(&dir).unwrap();
    let last = tape.last_seq();
    let mut scan = tape.scan(Seq(1), None, &barkeep_storage::Filter::ALL);
    let mut follower = Follower::new(&dir, last);
    assert_eq!(scan.next().unwrap().unwrap().0, Seq(1));
    assert!(follower.poll(10).unwrap().is_empty());

    thread::sleep(Duration::from_millis(20));
    let mut writer = Writer::open(&dir, "test").unwrap();
    if writer.open_segment().is_none() {
        // The child died between two segments.
        writer.begin_segment(DAY).unwrap();
    }
    for _ in 0..20 {
        writer.commit(&events(writer.next_seq().0, 1_000)).unwrap();
    }
    let rest: Vec<u64> = scan.map(|item| item.unwrap().0.0).collect();
    assert_eq!(rest, (2..=last.0).collect::<Vec<_>>());
    let new = follower.poll(usize::MAX).unwrap();
    assert_eq!(new.len(), 20_000);
    assert_eq!(new[0].0, last.plus(1));
}

#[test]
fn readers_that_were_open_when_the_writer_died_go_on_with_the_next_one() {
    let (_temp, dir) = data_dir();
    let mut writer = child("child_writes_until_it_is_killed", &dir).spawn().unwrap();
    let mut out = BufReader::new(writer.stdout.take().unwrap());
    let mut lines = String::new();
    while acknowledged(&lines).unwrap_or(0) < 10_000 {
        out.read_line(&mut lines).unwrap();
    }
    let mut follower = Follower::new(&dir, Seq(0));
    let mut seqs: Vec<u64> = follower.poll(7_000).unwrap().into_iter().map(|(seq, _)| seq.0).collect();
    let tape = Tape::open(&dir).unwrap();
    writer.kill().unwrap();
    writer.wait().unwrap();

    let mut writer = Writer::open(&dir, "test").unwrap();
    if writer.open_segment().is_none() {
        // The child died between two segments.
        writer.begin_segment(DAY).unwrap();
    }
    for _ in 0..30 {
        writer.commit(&events(writer.next_seq().0, 1_000)).unwrap();
        seqs.extend(follower.poll(3_000).unwrap().into_iter().map(|(seq, _)| seq.0));
    }
    seqs.extend(follower.poll(usize::MAX).unwrap().into_iter().map(|(seq, _)| seq.0));
    assert_eq!(seqs, (1..writer.next_seq().0).collect::<Vec<_>>());
    let old = tape.scan(Seq(1), None, &barkeep_storage::Filter::ALL).map(|item| item.unwrap().0.0);
    assert!(old.eq(1..=tape.last_seq().0));
}
