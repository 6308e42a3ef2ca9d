//! The disk says no: each operation of a day's work fails once, or fails and goes on failing, with `EIO` or `ENOSPC`.
//!
//! Every time: an error that names its file, no panic, a writer that stays failed, nothing acknowledged lost. Then the
//! fault goes away and the tape goes on, both on the same disk and on what a power cut at that moment leaves.
//!
//! `BARKEEP_TORTURE=1` fails every operation of a longer day.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod support;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use barkeep_storage::DataDir;
use barkeep_storage::disk::{CrashDisk, Fault, FaultDisk, FaultKind};
use support::disaster::{Shared, Work, chain, check, torture, work};

/// What came of one day with one fault.
enum Outcome {
    /// The day ended before the fault's turn came.
    Untouched,
    /// The fault hit; what the day said of it.
    Hit(Option<String>),
}

/// A day's work on a disk that fails once `fault` says so, and what is left of it.
fn day(plan: Work, fault: Fault) -> Outcome {
    let crash = CrashDisk::new();
    let disk = FaultDisk::new(Arc::new(crash.clone()));
    let dir = DataDir::on(Arc::new(disk.clone()), "/data");
    let progress = Shared::default();
    disk.fail(fault);
    let result = catch_unwind(AssertUnwindSafe(|| work(&dir, plan, &progress)))
        .unwrap_or_else(|_| panic!("{fault:?}: the panic above reached the user"));
    let failed = disk.failed();
    let said = result.err().map(|error| chain(&*error));
    if failed == 0 {
        assert_eq!(said, None);
        return Outcome::Untouched;
    }
    if fault.latched
        && let Err(error) = barkeep_storage::Writer::open(&dir, "again")
    {
        let again = chain(&error);
        assert!(again.contains("os error"), "{fault:?}: opening again says nothing of the disk: {again}");
    }
    disk.heal();
    if let Some(said) = &said {
        assert!(said.contains("/data"), "{fault:?}: the error names no file: {said}");
    }
    let progress = *progress.lock().unwrap();
    let image = crash.image();
    for draw in 0..2 {
        let after = DataDir::on(Arc::new(image.after_power_cut(fault.after * 2 + draw).unwrap()), "/data");
        check(&after, &progress).unwrap_or_else(|why| panic!("{fault:?}, then a power cut: {why}"));
    }
    check(&dir, &progress).unwrap_or_else(|why| panic!("{fault:?}, then healed: {why}"));
    Outcome::Hit(said)
}

/// Fails one operation after another until the day passes without meeting the fault.
fn every_operation(kind: FaultKind, latched: bool) {
    let plan = if torture() { Work { seed: 4, steps: 40 } } else { Work { seed: 5, steps: 14 } };
    let (mut hits, mut swallowed, mut after) = (0, 0, 0);
    loop {
        match day(plan, Fault { after, kind, latched }) {
            Outcome::Untouched => break,
            Outcome::Hit(said) => {
                hits += 1;
                swallowed += u64::from(said.is_none());
            }
        }
        // Coprime to every rhythm of the work, so that the short form meets all kinds of operation.
        after += if torture() { 1 } else { 7 };
    }
    println!("{kind:?}, latched {latched}: {hits} faults, {swallowed} of them without an effect");
    assert!(hits >= 25, "only {hits} faults");
    assert!(!latched || swallowed * 4 < hits, "{swallowed} of {hits} lasting faults went unnoticed");
}

#[test]
fn each_operation_failing_once_with_an_io_error() {
    every_operation(FaultKind::Io, false);
}

#[test]
fn each_operation_failing_for_good_with_an_io_error() {
    every_operation(FaultKind::Io, true);
}

#[test]
fn each_operation_that_needs_room_failing_once_on_a_full_disk() {
    every_operation(FaultKind::NoSpace, false);
}

#[test]
fn each_operation_that_needs_room_failing_on_a_disk_that_stays_full() {
    every_operation(FaultKind::NoSpace, true);
}
