//! What the tape's transactions take, observed as the writer reports them.
//!
//! What it never does: wait; it is called on the thread that writes. Who calls it: the daemon hands it to the writer's
//! publisher.

use std::time::Duration;

use barkeep_storage::{CommitReport, Publisher};
use prometheus::{Histogram, IntCounter};

use super::catalogue::{CounterName, HistogramName};
use super::pages::{Metrics, MetricsError};

/// Latencies, blocks and bytes of the writer.
struct CommitTimes {
    append: Histogram,
    sync: Histogram,
    commit: Histogram,
    blocks: IntCounter,
    bytes: IntCounter,
}

impl CommitTimes {
    fn take(&self, report: &CommitReport) {
        let seconds = |duration: Duration| duration.as_secs_f64();
        self.append.observe(seconds(report.append));
        self.sync.observe(seconds(report.sync));
        self.commit.observe(seconds(report.commit));
        self.blocks.inc_by(report.blocks);
        self.bytes.inc_by(report.bytes);
    }
}

impl Metrics {
    /// Counts what a writer reports from now on.
    ///
    /// # Errors
    /// [`MetricsError`], which tests exclude.
    pub fn time_commits(&self, publisher: &Publisher) -> Result<(), MetricsError> {
        let times = CommitTimes {
            append: self.histogram(HistogramName::TapeAppend, &[])?,
            sync: self.histogram(HistogramName::TapeSync, &[])?,
            commit: self.histogram(HistogramName::TapeCommit, &[])?,
            blocks: self.counter(CounterName::TapeBlocks, &[])?,
            bytes: self.counter(CounterName::TapeBytes, &[])?,
        };
        publisher.time(move |report| times.take(report));
        Ok(())
    }
}
