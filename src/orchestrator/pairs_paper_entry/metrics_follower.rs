//! Follows the tape for the metrics: the open segment from its beginning, then each batch as it becomes durable.
//!
//! What it never does: make the writer wait, or count an event twice. Until the segment has been counted no page of
//! metrics is shown: a scraper that saw counters on their way up would take it for trade. Who calls it: the daemon, before
//! it says that the engine runs.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use barkeep_schemas::Seq;
use barkeep_storage::{DataDir, Delivery, Filter, Publisher, ReadError, Tape};

use super::alarms;
use super::clock::Clock;
use super::supervise::panic_text;
use crate::monitoring::metrics::{DurableLatency, EventMetrics, Metrics, MetricsError};

/// Batches kept for it; of more it reads off the tape.
const BATCHES_MAX: usize = 64;

/// How long it waits for a batch before it looks whether the writer has ended.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long it waits before it tries again to read what could not be read.
const RETRY: Duration = Duration::from_secs(5);

/// How often it looks meanwhile whether it is to end.
const GLANCE: Duration = Duration::from_millis(200);

/// The thread that counts. It ends with the writer.
pub struct MetricsFollower {
    thread: JoinHandle<()>,
    stop: Arc<AtomicBool>,
}

/// Why nothing can be counted.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// The metrics contradict themselves.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// The tape cannot be read.
    #[error("the tape cannot be read for the metrics")]
    Read(#[from] ReadError),
    /// The tape cannot be opened.
    #[error("the tape cannot be opened for the metrics")]
    Open(#[from] barkeep_storage::OpenError),
}

impl MetricsFollower {
    /// Counts what is durable, and what becomes so, on a thread of its own.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(dir: &DataDir, publisher: &Publisher, metrics: &Metrics, clock: Clock) -> io::Result<Self> {
        metrics.hold();
        let (dir, publisher, metrics) = (dir.clone(), publisher.clone(), metrics.clone());
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = std::thread::Builder::new().name("metrics".to_owned()).spawn(move || {
            loop {
                // What is made anew each time is no state that a panic could leave half done: redb panics on pages that it
                // did not write.
                let why = match catch_unwind(AssertUnwindSafe(|| follow(&dir, &publisher, &metrics, &clock))) {
                    Ok(Ok(())) => return,
                    Ok(Err(error)) => Causes(&error).to_string(),
                    Err(payload) => panic_text(payload.as_ref()),
                };
                tracing::error!(error = %why, "the metrics begin anew");
                metrics.hold();
                let since = Instant::now();
                while since.elapsed() < RETRY {
                    if stopped.load(Ordering::Relaxed) {
                        return;
                    }
                    std::thread::sleep(GLANCE);
                }
            }
        })?;
        Ok(Self { thread, stop })
    }

    /// Waits until it has counted all that the writer made durable. The writer must have ended, or be about to.
    pub fn join(self) {
        self.stop.store(true, Ordering::Relaxed);
        // A panic of the thread was reported where it happened.
        let _ = self.thread.join();
    }
}

/// An error with its causes.
pub(super) struct Causes<'a>(pub(super) &'a dyn std::error::Error);

impl std::fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        self.0.source().map_or(Ok(()), |cause| write!(f, ": {}", Causes(cause)))
    }
}

fn follow(dir: &DataDir, publisher: &Publisher, metrics: &Metrics, clock: &Clock) -> Result<(), FollowError> {
    let mut counted = EventMetrics::anew(metrics)?;
    let timed = DurableLatency::new(metrics)?;
    let durable = publisher.durable_seq();
    let mut events = publisher.follow(durable, BATCHES_MAX);
    catch_up(dir, durable, &mut counted)?;
    metrics.release();
    loop {
        match events.next(PATIENCE)? {
            Delivery::Batch(batch) => {
                let now = clock.now();
                for (seq, event) in batch.iter() {
                    alarms::tell(event);
                    counted.take(seq, event)?;
                    timed.take(event, now);
                }
                counted.settle();
            }
            Delivery::Nothing => {}
            Delivery::Ended => return Ok(()),
        }
    }
}

/// Counts the newest segment up to a position.
fn catch_up(dir: &DataDir, until: Seq, counted: &mut EventMetrics) -> Result<(), FollowError> {
    let tape = Tape::open(dir)?;
    let begun = tape.segments().iter().rev().find(|segment| segment.first_seq <= until);
    let Some(segment) = begun else { return Ok(()) };
    let (mut scan, mut events) = (tape.scan(segment.first_seq, Some(until), &Filter::ALL), Vec::new());
    while scan.next_batch(&mut events)? {
        for (seq, event) in &events {
            counted.take(*seq, event)?;
        }
    }
    counted.settle();
    Ok(())
}
