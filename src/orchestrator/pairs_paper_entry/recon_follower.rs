//! Follows the whole tape for what was reconciled and healed: all segments first, then each batch as it becomes durable.
//!
//! What it is: the task of the service `recon_exporter`, a thread apart from the session's metrics, so that an old segment
//! that cannot be read, or on which redb panics, takes nothing off their pages, and a long tape does not keep them waiting.
//! What it never does: make the writer wait, or show a number before the tape was read: until then what it counts is
//! absent. Who calls it: the daemon, before it says that the engine runs.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use barkeep_schemas::Seq;
use barkeep_storage::{DataDir, Delivery, Filter, Publisher, Tape};
use prometheus::IntCounter;

use super::facts::{ReconState, ReconTeller};
use super::metrics_follower::{Causes, FollowError};
use super::pulse::Pulse;
use super::supervise::panic_text;
use crate::monitoring::metrics::{Metrics, ReconMetrics, Service};

/// Batches kept for it; of more it reads off the tape.
const BATCHES_MAX: usize = 64;

/// How long it waits for a batch before it looks whether the writer has ended.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long it waits before it tries again to read what could not be read.
const RETRY: Duration = Duration::from_secs(30);

/// How often it looks meanwhile whether it is to end.
const GLANCE: Duration = Duration::from_millis(200);

/// What comes before the words of a panic: redb panics on pages that it did not write.
const UNREADABLE: &str = "the tape cannot be read for the metrics";

/// The thread that counts. It ends with the writer.
pub struct ReconFollower {
    thread: JoinHandle<()>,
    stop: Arc<AtomicBool>,
    pulse: Pulse,
}

/// What the thread has.
struct Task {
    dir: DataDir,
    publisher: Publisher,
    metrics: Metrics,
    teller: ReconTeller,
    stop: Arc<AtomicBool>,
    pulse: Pulse,
}

impl ReconFollower {
    /// Counts what the tape holds, and what becomes durable, on a thread of its own.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(dir: &DataDir, publisher: &Publisher, metrics: &Metrics, teller: ReconTeller) -> io::Result<Self> {
        let (stop, pulse) = (Arc::new(AtomicBool::new(false)), Pulse::default());
        let task = Task {
            dir: dir.clone(),
            publisher: publisher.clone(),
            metrics: metrics.clone(),
            teller,
            stop: stop.clone(),
            pulse: pulse.clone(),
        };
        let thread = std::thread::Builder::new().name("recon".to_owned()).spawn(move || task.run())?;
        Ok(Self { thread, stop, pulse })
    }

    /// Its heartbeat.
    pub const fn pulse(&self) -> &Pulse {
        &self.pulse
    }

    /// Waits until it has counted all that the writer made durable. The writer must have ended, or be about to.
    pub fn join(self) {
        self.stop.store(true, Ordering::Relaxed);
        // A panic of the thread was reported where it happened.
        let _ = self.thread.join();
    }
}

impl Task {
    fn run(&self) {
        let mut told = String::new();
        loop {
            // What is made anew each time is no state that a panic could leave half done.
            let why = match catch_unwind(AssertUnwindSafe(|| self.follow())) {
                Ok(Ok(())) => return,
                Ok(Err(error)) => Causes(&error).to_string(),
                Err(payload) => {
                    let restarts = self.metrics.common(Service::ReconExporter).map(|common| &common.restarts);
                    restarts.into_iter().for_each(IntCounter::inc);
                    format!("{}: {}", UNREADABLE, panic_text(payload.as_ref()))
                }
            };
            if why != told {
                tracing::error!(error = %why, "what was reconciled is not counted; it is tried again");
                told.clone_from(&why);
            }
            self.teller.state(ReconState::Failed { why });
            let since = Instant::now();
            while since.elapsed() < RETRY {
                if self.stop.load(Ordering::Relaxed) {
                    return;
                }
                self.pulse.beat();
                std::thread::sleep(GLANCE);
            }
        }
    }

    fn follow(&self) -> Result<(), FollowError> {
        let mut recon = ReconMetrics::anew(&self.metrics);
        let durable = self.publisher.durable_seq();
        let mut events = self.publisher.follow(durable, BATCHES_MAX);
        let tape = Tape::open(&self.dir)?;
        let (filter, mut found) = (Filter::kinds(ReconMetrics::KINDS), Vec::new());
        for segment in tape.segments().iter().take_while(|segment| segment.first_seq <= durable) {
            if self.stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            let Some(last) = segment.last_seq else { continue };
            let mut scan = tape.scan(segment.first_seq, Some(last.min(durable)), &filter);
            while scan.next_batch(&mut found)? {
                found.iter().for_each(|(seq, event)| recon.take(*seq, event));
                self.pulse.beat();
            }
            self.pulse.beat();
        }
        drop(tape);
        recon.settle()?;
        self.teller.counted(durable, recon.has_any());
        self.teller.state(ReconState::Following);
        loop {
            match events.next(PATIENCE)? {
                Delivery::Batch(batch) => {
                    batch.iter().for_each(|(seq, event)| recon.take(seq, event));
                    recon.settle()?;
                    let last = batch.end().0.saturating_sub(1);
                    self.teller.counted(Seq(last), recon.has_any());
                }
                Delivery::Nothing => {}
                Delivery::Ended => return Ok(()),
            }
            self.pulse.beat();
        }
    }
}
