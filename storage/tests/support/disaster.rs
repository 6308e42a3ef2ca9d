//! A day's work on a tape, what it was promised, and the check that the promises were kept whatever happened.
#![allow(dead_code, missing_docs, reason = "each test file uses a part of it")]

use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

use barkeep_schemas::{Hash32, Seq};
use barkeep_storage::snapshot::{self, Snapshot};
use barkeep_storage::{CommitError, DataDir, Filter, Follower, Tape, Writer};

use super::{DAY, Dice, event_at, events};

/// The behaviour number in the snapshots.
const BEHAVIOUR: u32 = 7;

/// Events that are appended to see that the next writer goes on.
const MORE: u64 = 300;

/// What the work was promised, and what it asked for last.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Progress {
    /// The last position that a commit returned for.
    pub durable: u64,
    /// The last position that a commit was asked for.
    pub attempted: u64,
    /// Segments whose beginning returned.
    pub segments: usize,
    /// Segments whose beginning was asked for.
    pub segments_attempted: usize,
    /// The position of the newest snapshot that was saved.
    pub snapshot: u64,
}

/// Shared with whoever watches the disk.
pub type Shared = Arc<Mutex<Progress>>;

pub fn snapshot_at(seq: u64) -> Snapshot {
    let bytes = (0..20_000).map(|n| (n * seq) as u8).collect();
    Snapshot { seq: Seq(seq), chain: Hash32::default(), behaviour: BEHAVIOUR, bytes }
}

/// How much work.
#[derive(Clone, Copy)]
pub struct Work {
    pub seed: u64,
    pub steps: u64,
}

/// Everything a writer does: segments, commits of many sizes over block cuts, seals, snapshots, followers, reopening.
pub fn work(dir: &DataDir, work: Work, progress: &Shared) -> Result<(), Box<dyn Error>> {
    let mut dice = Dice::seeded(work.seed);
    let mut writer = Writer::open(dir, "work")?;
    let mut follower = Follower::new(dir, Seq(0));
    begin(&mut writer, progress)?;
    for _ in 0..work.steps {
        match dice.below(12) {
            0 => begin(&mut writer, progress)?,
            1 => {
                writer.close()?;
                writer = Writer::open(dir, "work")?;
                if writer.open_segment().is_none() {
                    begin(&mut writer, progress)?;
                }
            }
            2 => {
                let seq = progress.lock().unwrap().durable;
                snapshot::save(dir, &snapshot_at(seq))?;
                progress.lock().unwrap().snapshot = seq;
            }
            3 => drop(follower.poll(2_000)?),
            4 => commit(&mut writer, 4_000 + dice.below(1_000), progress)?,
            5 | 6 => commit(&mut writer, 1 + dice.below(700), progress)?,
            _ => commit(&mut writer, 1 + dice.below(20), progress)?,
        }
    }
    writer.close()?;
    Ok(())
}

fn begin(writer: &mut Writer, progress: &Shared) -> Result<(), Box<dyn Error>> {
    progress.lock().unwrap().segments_attempted += 1;
    if let Err(error) = writer.begin_segment(DAY) {
        return Err(poisoned(writer, error));
    }
    let mut progress = progress.lock().unwrap();
    progress.segments = progress.segments_attempted;
    Ok(())
}

fn commit(writer: &mut Writer, count: u64, progress: &Shared) -> Result<(), Box<dyn Error>> {
    let next = writer.next_seq().0;
    let last = next + count - 1;
    progress.lock().unwrap().attempted = last;
    match writer.commit(&events(next, count)) {
        Ok(durable) => assert_eq!(durable, Some(Seq(last))),
        Err(error) => return Err(poisoned(writer, error)),
    }
    progress.lock().unwrap().durable = last;
    Ok(())
}

/// Sees to it that a writer that failed once goes on failing, with the same words.
fn poisoned(writer: &mut Writer, error: CommitError) -> Box<dyn Error> {
    let text = error.to_string();
    assert!(error.halt_reason().is_some(), "{text}");
    let next = writer.next_seq().0;
    for again in
        [writer.commit(&events(next, 3)).map(drop), writer.seal(), writer.begin_segment(DAY.plus_days(1)).map(drop)]
    {
        assert_eq!(again.expect_err("a failed writer wrote").to_string(), text);
    }
    Box::new(error)
}

/// Whether every promise is kept: what was acknowledged is there byte for byte, what was under way is there whole or
/// not at all, nothing else is there, and the next writer goes on. The last position found, or what is wrong.
pub fn check(dir: &DataDir, progress: &Progress) -> Result<u64, String> {
    let checked = catch_unwind(AssertUnwindSafe(|| kept(dir, progress)));
    let found = checked.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        Err(format!("a panic: {}", text.or(panic.downcast_ref::<&str>().map(|&s| s.to_owned())).unwrap_or_default()))
    });
    found.map_err(|why| format!("{why}; {progress:?}"))
}

fn kept(dir: &DataDir, progress: &Progress) -> Result<u64, String> {
    let tape = Tape::open(dir).map_err(|error| format!("reading: {}", chain(&error)))?;
    let last = tape.last_seq().0;
    if last != progress.durable && last != progress.attempted {
        return Err(format!("the tape ends at {last}"));
    }
    let segments = tape.segments().len();
    if segments != progress.segments && segments != progress.segments_attempted {
        return Err(format!("{segments} segments"));
    }
    same(&tape, 1, last)?;
    let followed = Follower::new(dir, Seq(progress.durable)).poll(usize::MAX).map_err(|error| chain(&error))?;
    if followed.len() as u64 != last - progress.durable {
        return Err(format!("a follower saw {} events", followed.len()));
    }
    let found = snapshot::newest(dir, BEHAVIOUR, Seq(u64::MAX));
    if found.as_ref().map_or(0, |found| found.seq.0) < progress.snapshot {
        return Err("the snapshot is gone".to_owned());
    }
    if found.is_some_and(|found| found != snapshot_at(found.seq.0)) {
        return Err("the snapshot has changed".to_owned());
    }
    goes_on(dir, last)?;
    Ok(last)
}

fn goes_on(dir: &DataDir, last: u64) -> Result<(), String> {
    let mut writer = Writer::open(dir, "next").map_err(|error| format!("writing: {}", chain(&error)))?;
    if writer.next_seq().0 != last + 1 {
        return Err(format!("the next writer begins at {} instead of {}", writer.next_seq(), last + 1));
    }
    if writer.open_segment().is_none() {
        writer.begin_segment(DAY).map_err(|error| chain(&error))?;
    }
    writer.commit(&events(last + 1, MORE)).map_err(|error| chain(&error))?;
    writer.seal().map_err(|error| chain(&error))?;
    drop(writer);
    let tape = Tape::open(dir).map_err(|error| format!("reading on: {}", chain(&error)))?;
    same(&tape, last.saturating_sub(4_500).max(1), last + MORE)
}

fn same(tape: &Tape, from: u64, last: u64) -> Result<(), String> {
    let mut next = from;
    for item in tape.scan(Seq(from), None, &Filter::ALL) {
        let (seq, event) = item.map_err(|error| format!("at {next}: {}", chain(&error)))?;
        if seq.0 != next || event != event_at(next) {
            return Err(format!("the event at {seq} is wrong, {next} was expected"));
        }
        next += 1;
    }
    if next == last + 1 { Ok(()) } else { Err(format!("the events end at {}, not at {last}", next - 1)) }
}

/// An error with its causes, on one line.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// Whether the long forms run.
pub fn torture() -> bool {
    std::env::var_os("BARKEEP_TORTURE").is_some()
}
