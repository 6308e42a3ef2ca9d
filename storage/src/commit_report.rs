//! What a transaction took, for whoever watches the writer. Nothing of it goes onto the tape or decides anything.

use std::time::{Duration, Instant};

use barkeep_schemas::Seq;

use crate::open_segment::Prepared;

/// A transaction that is durable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CommitReport {
    /// The position of its last event.
    pub last: Seq,
    /// Sealed blocks in it.
    pub blocks: u64,
    /// Bytes of its rows.
    pub bytes: u64,
    /// Laying it out.
    pub append: Duration,
    /// Writing and syncing it.
    pub sync: Duration,
    /// From its submission until it was durable, waits included.
    pub commit: Duration,
}

/// The times of a transaction on its way.
#[derive(Clone, Copy)]
pub(crate) struct Stopwatch {
    submitted: Instant,
    append: Duration,
}

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self { submitted: Instant::now(), append: Duration::ZERO }
    }

    pub(crate) const fn appended(self, append: Duration) -> Self {
        Self { append, ..self }
    }
}

impl CommitReport {
    pub(crate) fn new(prepared: &Prepared, stopwatch: Stopwatch, sync: Duration) -> Self {
        Self {
            last: prepared.last,
            blocks: prepared.blocks() as u64,
            bytes: prepared.bytes() as u64,
            append: stopwatch.append,
            sync,
            commit: stopwatch.submitted.elapsed(),
        }
    }
}
