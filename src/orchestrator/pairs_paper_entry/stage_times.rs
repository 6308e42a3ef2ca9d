//! What the engine takes to close bars and to trade, as metrics of the services that it is the work of.

use std::time::Duration;

use prometheus::Histogram;

use crate::monitoring::metrics::{HistogramName, Metrics, MetricsError};
use crate::orchestrator::stage_clock::StageTimes;

/// What [`crate::orchestrator::Appliance::time_stages`] is to tell.
///
/// # Errors
/// [`MetricsError`], which tests exclude.
pub fn stage_metrics(metrics: &Metrics) -> Result<impl FnMut(StageTimes) + Send + use<>, MetricsError> {
    let histogram = |name| metrics.histogram(name, &[]);
    let seconds = histogram(HistogramName::SecondFlush)?;
    let minutes = histogram(HistogramName::MinuteFlush)?;
    let windows = histogram(HistogramName::MultiFlush)?;
    let watch = histogram(HistogramName::WatchDecision)?;
    let executor = histogram(HistogramName::ExecutorProcess)?;
    let risk = histogram(HistogramName::RiskProcess)?;
    let matcher = histogram(HistogramName::MatcherProcess)?;
    // A mark that closes nothing of a kind is no flush of it, and a stage that did not run took no time.
    let observe = |histogram: &Histogram, took: Duration| {
        if took > Duration::ZERO {
            histogram.observe(took.as_secs_f64());
        }
    };
    Ok(move |times: StageTimes| {
        observe(&seconds, times.seconds);
        observe(&minutes, times.minutes);
        observe(&windows, times.windows);
        observe(&watch, times.watch);
        observe(&executor, times.executor);
        observe(&risk, times.risk);
        observe(&matcher, times.matcher);
    })
}
