//! How long ticks, bars and decisions take to the disk, observed once an event is durable.
//!
//! What it never does: read a clock; the moment at which a batch became durable is handed in. Who calls it: the daemon
//! with each batch of its own run. Not with what it reads back from an older one: that would time the past.

use barkeep_schemas::{Bar, Derived, Event, Input, OrderMoved, OrderWhy, Timeframe, Ts};
use prometheus::Histogram;

use super::catalogue::HistogramName;
use super::pages::{Metrics, MetricsError};

/// The histograms of the road to the disk.
pub struct DurableLatency {
    ticks: Histogram,
    /// By timeframe.
    bars: Vec<Histogram>,
    signals: Histogram,
    decisions: Histogram,
    taken: Histogram,
}

impl DurableLatency {
    /// Observes into these metrics.
    ///
    /// # Errors
    /// [`MetricsError`], which tests exclude.
    pub fn new(metrics: &Metrics) -> Result<Self, MetricsError> {
        let one = |name| metrics.histogram(name, &[]);
        let bars = Timeframe::ALL.iter().map(|tf| metrics.histogram(of_bar(*tf), &[]));
        Ok(Self {
            ticks: one(HistogramName::TickLatency)?,
            bars: bars.collect::<Result<_, _>>()?,
            signals: one(HistogramName::ExecutorLag)?,
            decisions: one(HistogramName::RiskLag)?,
            taken: one(HistogramName::MatcherLag)?,
        })
    }

    /// An event became durable at `durable`. Of bars the first editions count: a revision says when a late tick came.
    #[inline]
    pub fn take(&self, event: &Event, durable: Ts) {
        match event {
            Event::Input(Input::Tick(tick)) => observe(&self.ticks, tick.recv.get(), durable),
            Event::Derived(Derived::Bar(bar)) if bar.revision == 0 => self.bar(bar, durable),
            Event::Derived(Derived::Signal(signal)) => observe(&self.signals, signal.ts.get(), durable),
            Event::Derived(Derived::RiskDecision(decision)) => observe(&self.decisions, decision.ts.get(), durable),
            Event::Derived(Derived::OrderMoved(moved)) if is_taken(moved) => {
                observe(&self.taken, moved.ts.get(), durable);
            }
            Event::Input(_) | Event::Derived(_) => {}
        }
    }

    fn bar(&self, bar: &Bar, durable: Ts) {
        if let Some(histogram) = self.bars.get(usize::from(bar.tf.index())) {
            observe(histogram, bar.start.get().saturating_add(bar.tf.nanos()), durable);
        }
    }
}

/// Whether the paper matcher took an order. What a broker took bears the broker's number.
fn is_taken(moved: &OrderMoved) -> bool {
    moved.why == OrderWhy::Accepted && moved.broker_order.is_none()
}

fn observe(histogram: &Histogram, since: i64, until: Ts) {
    histogram.observe(until.get().saturating_sub(since).max(0) as f64 / 1e9);
}

const fn of_bar(tf: Timeframe) -> HistogramName {
    match tf {
        Timeframe::S1 => HistogramName::SecondPublishLatency,
        Timeframe::M1 => HistogramName::MinutePublishLatency,
        Timeframe::M3 => HistogramName::MultiLatency3,
        Timeframe::M5 => HistogramName::MultiLatency5,
        Timeframe::M15 => HistogramName::MultiLatency15,
        Timeframe::M30 => HistogramName::MultiLatency30,
        Timeframe::M60 => HistogramName::MultiLatency60,
    }
}
