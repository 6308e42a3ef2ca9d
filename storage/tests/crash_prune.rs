//! The power goes while segments are pruned: the oldest are gone, one after the other, and nothing else is.
//!
//! A disk that forgets to make removals durable is caught by the same check, so the check can see.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod support;

use std::sync::{Arc, Mutex};

use barkeep_schemas::Seq;
use barkeep_storage::disk::{CrashDisk, Image, MemoryDisk};
use barkeep_storage::prune::PrunePlan;
use barkeep_storage::{DataDir, Filter, Tape, Writer};
use support::disaster::{chain, torture};
use support::{DAY, event_at, events};

/// Sealed segments before the open one.
const SEALED: u64 = 6;

/// Events in each segment.
const EVENTS: u64 = 700;

/// What a crash left of the tape: how many of its segments are gone, or what is wrong with it.
fn gone(disk: MemoryDisk) -> Result<u64, String> {
    let dir = DataDir::on(Arc::new(disk), "/data");
    let tape = Tape::open(&dir).map_err(|error| chain(&error))?;
    let gone = SEALED + 1 - tape.segments().len() as u64;
    let mut next = gone * EVENTS + 1;
    for item in tape.scan(Seq::FIRST, None, &Filter::ALL) {
        let (seq, event) = item.map_err(|error| chain(&error))?;
        if seq.0 != next || event != event_at(next) {
            return Err(format!("the event at {seq} is wrong, {next} was expected"));
        }
        next += 1;
    }
    let writer = Writer::open(&dir, "next").map_err(|error| chain(&error))?;
    let ends = (next, writer.next_seq().0) == ((SEALED + 1) * EVENTS + 1, (SEALED + 1) * EVENTS + 1);
    if ends { Ok(gone) } else { Err(format!("the tape ends before {next}")) }
}

/// Prunes all that can go, on a disk that drops every `nth` sync meanwhile; an image before every change, and the one at
/// the end, each with how many segments the removal of which had returned.
fn pruned(dropped: u64) -> Vec<(Image, u64)> {
    let disk = CrashDisk::new();
    let dir = DataDir::on(Arc::new(disk.clone()), "/data");
    let mut writer = Writer::open(&dir, "test").unwrap();
    for n in 0..=SEALED {
        writer.begin_segment(DAY.plus_days(n as i32)).unwrap();
        writer.commit(&events(n * EVENTS + 1, EVENTS)).unwrap();
    }
    let plan = PrunePlan::make(&dir, DAY.plus_days(100), None, |_| {}).unwrap();
    assert_eq!(plan.goes.len() as u64, SEALED);
    let (seen, returned) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(0)));
    let (theirs, now) = (seen.clone(), returned.clone());
    disk.drop_syncs(dropped);
    disk.watch(move |image| theirs.lock().unwrap().push((image.clone(), *now.lock().unwrap())));
    plan.apply(&writer, |_| *returned.lock().unwrap() += 1).unwrap();
    let mut seen = std::mem::take(&mut *seen.lock().unwrap());
    seen.push((disk.image(), SEALED));
    seen
}

#[test]
fn a_power_cut_in_the_middle_of_pruning_leaves_the_end_of_the_tape() {
    let (mut cuts, mut between) = (0, 0);
    for (n, (image, returned)) in pruned(0).iter().enumerate() {
        for draw in 0..if torture() { 200 } else { 12 } {
            let found = gone(image.after_power_cut(n as u64 * 1_009 + draw).unwrap());
            let found = found.unwrap_or_else(|why| panic!("moment {n}, draw {draw}: {why}"));
            assert!(
                (*returned..=returned + 1).contains(&found),
                "moment {n}, draw {draw}: {returned} went, {found} did"
            );
            between += u64::from(found > *returned);
            cuts += 1;
        }
    }
    println!("{cuts} power cuts, {between} after which the removal under way was there");
    assert!(cuts > 100 && between > 0);
}

#[test]
fn a_disk_that_does_not_make_removals_durable_is_caught() {
    let draws =
        pruned(1).into_iter().zip(0..).flat_map(|(moment, n)| (0..20).map(move |draw| (moment.clone(), n, draw)));
    let caught = draws.filter(|((image, returned), n, draw)| {
        let found = gone(image.after_power_cut(n * 1_009 + draw).unwrap());
        found.is_err() || found.is_ok_and(|found| found < *returned)
    });
    assert!(caught.count() > 0, "the check sees nothing");
}
