//! What the engine takes to close bars, as metrics of the services that they are the work of.

use std::time::Duration;

use prometheus::Histogram;

use crate::monitoring::metrics::{HistogramName, Metrics, MetricsError};
use crate::orchestrator::stage_clock::FlushTimes;

/// What [`crate::orchestrator::Appliance::time_flushes`] is to tell.
///
/// # Errors
/// [`MetricsError`], which tests exclude.
pub fn flush_metrics(metrics: &Metrics) -> Result<impl FnMut(FlushTimes) + Send + use<>, MetricsError> {
    let seconds = metrics.histogram(HistogramName::SecondFlush, &[])?;
    let minutes = metrics.histogram(HistogramName::MinuteFlush, &[])?;
    let windows = metrics.histogram(HistogramName::MultiFlush, &[])?;
    // A mark that closes nothing of a kind is no flush of it.
    let observe = |histogram: &Histogram, took: Duration| {
        if took > Duration::ZERO {
            histogram.observe(took.as_secs_f64());
        }
    };
    Ok(move |times: FlushTimes| {
        observe(&seconds, times.seconds);
        observe(&minutes, times.minutes);
        observe(&windows, times.windows);
    })
}
