//! The gauges that follow from the facts, set when somebody looks.
//!
//! What it never does: judge by rules of its own; `readiness` and `liveness` do.

use barkeep_schemas::{InstrumentClass, Phase, Ts};
use prometheus::Gauge;

use super::facts::{Board, Facts, TokenFacts};
use super::liveness::liveness;
use super::readiness::{Patience, phase_of, readiness};
use crate::monitoring::metrics::{GaugeName, Metrics, MetricsError, Service};

const CLASSES: [InstrumentClass; 2] = [InstrumentClass::Cash, InstrumentClass::Derivatives];

/// The name of being in no phase.
const CLOSED: &str = "closed";

/// The gauges of the facts.
pub(super) struct Observer {
    metrics: Metrics,
    durable: Gauge,
    next_open: Gauge,
    token_expiry: Gauge,
    queue: Gauge,
    phases: Vec<(InstrumentClass, Option<Phase>, Gauge)>,
}

impl Observer {
    pub(super) fn new(metrics: &Metrics) -> Result<Self, MetricsError> {
        let gauge = |name| metrics.gauge(name, &[]);
        let names = || Phase::ALL.iter().copied().map(Some).chain([None]);
        let pairs = CLASSES.into_iter().flat_map(|class| names().map(move |phase| (class, phase)));
        let phases = pairs.map(|(class, phase)| {
            let labels = [class.name(), phase.map_or(CLOSED, Phase::name)];
            Ok((class, phase, metrics.gauge(GaugeName::SessionPhase, &labels)?))
        });
        Ok(Self {
            metrics: metrics.clone(),
            durable: gauge(GaugeName::TapeDurableSeq)?,
            next_open: gauge(GaugeName::NextOpen)?,
            token_expiry: gauge(GaugeName::TokenExpiry)?,
            queue: gauge(GaugeName::QueueDepth)?,
            phases: phases.collect::<Result<_, _>>()?,
        })
    }

    /// Sets them by the facts.
    pub(super) fn set(&self, board: &Board, facts: &Facts, now: Ts) {
        self.durable.set(facts.engine.durable.0 as f64);
        self.queue.set(facts.feed.queue as f64);
        self.next_open.set(self.opens_next(facts, now).map_or(0.0, seconds));
        self.token_expiry.set(match &facts.token {
            TokenFacts::Valid { until } => seconds(*until),
            TokenFacts::Expired { at } => seconds(*at),
            TokenFacts::NotNeeded | TokenFacts::Missing | TokenFacts::Unusable { .. } | TokenFacts::Refused { .. } => {
                0.0
            }
        });
        for (class, phase, gauge) in &self.phases {
            gauge.set(f64::from(u8::from(phase_of(&facts.session, *class, now) == *phase)));
        }
        let reasons = readiness(facts, now, &Patience::default());
        for service in Service::ALL {
            let Some(common) = self.metrics.common(service) else { continue };
            let alive = liveness(service, facts, board.pulse(service), now);
            let kept = reasons.iter().any(|reason| reason.blocks() && reason.concerns(service));
            common.up.set(f64::from(u8::from(alive.is_alive())));
            common.ready.set(f64::from(u8::from(!kept)));
            common.heartbeat.set(seconds(alive.beat(now)));
            common.backlog.set(match service {
                Service::ZerodhaWs => facts.feed.queue as f64,
                Service::ReconExporter => facts.recon.behind as f64,
                // What waits for the tape waits for all that is made of it, on one thread.
                Service::Appliance
                | Service::BarBuilder1s
                | Service::BarAggregator1m
                | Service::BarAggregator1mToMulti
                | Service::PairWatchProducer
                | Service::PairsExecutor
                | Service::RiskManager
                | Service::PaperMatcher => facts.engine.backlog as f64,
            });
        }
    }

    /// Today's first phase when it is still to come, else the next session's.
    fn opens_next(&self, facts: &Facts, now: Ts) -> Option<Ts> {
        let today = facts.session.hours().map(|(open, _)| open).filter(|open| now < *open);
        today.or(facts.session.next_open)
    }
}

fn seconds(ts: Ts) -> f64 {
    ts.get() as f64 / 1e9
}
