//! `run --profile paper`: the services of the appliance, each on a port of its own, in one process.
//!
//! What it is: ports, pages, supervision and what systemd is told. What it never does: touch the tape or the market; it is
//! told facts and durable events, judges and shows. Who calls it: the daemon, in this order:
//!
//! ```text
//! let clock   = Clock::host();                                     // or Clock::new(virtual time)
//! let ports   = Ports::bind(&config.ports)?;                       // before anything else: all of them, or an error
//! let metrics = Metrics::new(universe symbols)?;
//! let (tellers, board) = board(clock.now(), SessionFacts::on(&calendar, date, false), TokenFacts::Missing);
//! let services = Services::start(ports, metrics.clone(), board.clone(), clock.clone())?;     // inside tokio
//! services.addresses().write_targets(path)?;  println!("{}", services.addresses().table());
//! tokio::spawn(systemd::watch(board.clone(), clock.clone()));
//! tokio::spawn(watch_disk(metrics.clone(), dir.clone()));
//! // open the tape; then
//! let follower = MetricsFollower::start(&dir, publisher, &metrics, clock.clone())?;      // counts all that is durable
//! let recon = ReconFollower::start(&dir, publisher, &metrics, tellers.recon)?;            // reconciliations, all of them
//! board.watch_pulse(Service::ReconExporter, recon.pulse().clone());
//! metrics.time_commits(publisher)?;  appliance.time_stages(stage_metrics(&metrics)?);     // what writer and engine take
//! let engine = Arc::new(tellers.engine);
//! tokio::spawn(watch_engine(engine.clone(), clock.clone(), || handle.ask(|_| Ok(()))));    // its turns
//! publisher.watch(|seq| engine.durable(seq));  engine.backlog_is(…);
//! engine.state(EngineState::Running);  systemd::ready();
//! // at the end
//! systemd::stopping();  engine.state(EngineState::Stopping);  …  follower.join();  recon.join();
//! ```
//!
//! Each teller goes to its owner. Other process metrics are observed by their handles, taken once:
//! `metrics.histogram(HistogramName::TickBatchSize, &[])`. A task at the edge: `supervise(name, Supervision::default(),
//! metrics.common(service).restarts, |life| task)`, and its pulse to `Board::watch_pulse`. Whoever plays a tape through
//! [`crate::monitoring::metrics::EventMetrics`] himself: `take(seq, event)` for each event, `settle()` after a batch.

mod alarms;
mod clock;
mod disk_watch;
mod engine_watch;
mod facts;
mod http;
mod liveness;
mod metrics_follower;
mod observe;
mod ports;
mod pulse;
mod readiness;
mod recon_follower;
mod stage_times;
mod supervise;
pub mod systemd;

use std::sync::Arc;

use tokio::task::JoinSet;

pub use clock::Clock;
pub use disk_watch::watch_disk;
pub use engine_watch::watch_engine;
pub use facts::{
    Board, Day, Depth, EngineFacts, EngineState, EngineTeller, Facts, FeedFacts, FeedTeller, ReconFacts, ReconState,
    ReconTeller, SessionFacts, SessionTeller, Tellers, TokenFacts, TokenTeller, board,
};
pub use metrics_follower::MetricsFollower;
pub use ports::{Addresses, Ports, PortsError, TakenPort, configured};
pub use pulse::Pulse;
pub(super) use readiness::ist;
pub use readiness::{Patience, Reason, readiness};
pub use recon_follower::ReconFollower;
pub use stage_times::stage_metrics;
pub use supervise::{Life, Supervised, Supervision, supervise};

use crate::monitoring::metrics::{Metrics, MetricsError};

/// Why services do not start.
#[derive(Debug, thiserror::Error)]
pub enum ServicesError {
    /// The metrics contradict themselves.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// The runtime takes no listener.
    #[error("a bound port cannot be served")]
    Listener(#[source] std::io::Error),
}

/// The services while they are shown. Dropping them closes the ports.
pub struct Services {
    addresses: Addresses,
    /// Ended with this.
    _tasks: JoinSet<()>,
}

impl Services {
    /// Shows the services on the ports. Needs a tokio runtime.
    ///
    /// # Errors
    /// [`ServicesError`].
    pub fn start(ports: Ports, metrics: Metrics, board: Board, clock: Clock) -> Result<Self, ServicesError> {
        let (listeners, addresses) = ports.into_parts();
        let observer = observe::Observer::new(&metrics)?;
        let shown = Arc::new(http::Shown { metrics, observer, board, clock, addresses: addresses.clone() });
        let mut tasks = JoinSet::new();
        for (service, listener) in listeners {
            let listener = tokio::net::TcpListener::from_std(listener).map_err(ServicesError::Listener)?;
            tasks.spawn(http::serve(service, listener, shown.clone()));
        }
        Ok(Self { addresses, _tasks: tasks })
    }

    /// Where they are.
    pub const fn addresses(&self) -> &Addresses {
        &self.addresses
    }
}

#[cfg(test)]
mod tests;
