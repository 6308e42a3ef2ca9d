//! The heartbeat of a task: it beats when it makes progress or finds nothing to do, others see how long ago that was.
//!
//! By the monotonic clock, so that neither a step of the host's clock nor virtual time makes a task look dead.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// A heartbeat. Clones are the same one.
#[derive(Clone, Debug)]
pub struct Pulse {
    start: Instant,
    /// Milliseconds from the start to the last beat.
    beat: Arc<AtomicU64>,
}

impl Default for Pulse {
    fn default() -> Self {
        Self { start: Instant::now(), beat: Arc::default() }
    }
}

impl Pulse {
    /// The task made progress, or has nothing to do.
    pub fn beat(&self) {
        self.beat.store(self.elapsed_ms(), Ordering::Relaxed);
    }

    /// How long ago the last beat was.
    pub fn age(&self) -> Duration {
        Duration::from_millis(self.elapsed_ms().saturating_sub(self.beat.load(Ordering::Relaxed)))
    }

    fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}
