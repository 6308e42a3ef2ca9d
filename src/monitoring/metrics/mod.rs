//! Metrics: what is counted, where it is shown, and the counting of the tape.
//!
//! What it is: the [`catalogue`] of every metric, the [`Metrics`] that hold their values and print the page of each
//! service, [`EventMetrics`] that counts the durable events of a session, [`ReconMetrics`] what was
//! reconciled on the whole tape, and [`DurableLatency`] that times them. What it never does: open
//! a port, read a clock, or count an event that is not durable. Who calls it: the services of
//! `orchestrator::pairs_paper_entry`, and whoever plays a tape through [`EventMetrics`] again.

pub mod catalogue;
mod commit_times;
mod desk_metrics;
mod durable_latency;
mod event_metrics;
mod instrument_watch;
mod pages;
mod recon_metrics;
mod service;

pub use catalogue::{CounterName, GaugeName, HistogramName};
pub use durable_latency::DurableLatency;
pub use event_metrics::EventMetrics;
pub use pages::{CommonHandles, Metrics, MetricsError, OTHER};
pub use recon_metrics::ReconMetrics;
pub use service::Service;

#[cfg(test)]
mod tests;
