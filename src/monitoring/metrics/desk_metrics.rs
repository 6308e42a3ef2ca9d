//! What the pairs desk does, counted off the tape: bars and marks of pairs, signals, orders, decisions, switches.
//!
//! What it is: the desk's part of [`super::EventMetrics`], which calls it. What it never does: decide, or hold a label
//! that is neither the catalogue's nor of a pair or a symbol of the session's desk.

use std::collections::BTreeMap;

use barkeep_schemas::{
    Bar, Bucket, Derived, DeskReason, DeskSetup, EquityMark, Instrument, Leg, OrderId, OrderMoved, OrderStatus, PairId,
    PairMark, PairMoved, PairSpec, PairState, Purpose, RiskDecision, RiskRule, Route, Scope, Seq, SessionOpened, Side,
    SignalAction, Timeframe, Verdict,
};
use prometheus::{Gauge, IntCounter};

use super::catalogue::{CounterName, GaugeName};
use super::pages::{Metrics, MetricsError, OTHER};

/// What all orders of this desk are made by.
const STRATEGY: &str = "pairs";

/// The desk of the open session, as far as metrics need it.
pub(super) struct DeskMetrics {
    metrics: Metrics,
    /// By instrument.
    symbols: Vec<String>,
    /// By instrument, the timeframes that a pair watches.
    bars: Vec<Vec<(Timeframe, IntCounter)>>,
    pairs: Vec<PairWatched>,
    /// Whether approved orders go to the paper matcher.
    paper: bool,
    /// Orders that have not ended.
    orders: BTreeMap<OrderId, (Side, OrderStatus)>,
    working: Gauge,
    open_pairs: Gauge,
    /// A change of which it is not known yet whether the engine refused it.
    pending: Option<(Seq, Box<DeskSetup>)>,
}

/// A pair of the session.
struct PairWatched {
    name: String,
    tf: Timeframe,
    bucket: Bucket,
    state: PairState,
    /// End of the newest bucket with a bar of both legs, and the gauge of how long ago that is.
    newest: Option<(i64, Gauge)>,
}

impl PairWatched {
    fn labels(&self) -> [&str; 2] {
        [&self.name, self.tf.name()]
    }
}

impl DeskMetrics {
    /// Nothing has happened: what has no pair or symbol as label stands at zero.
    pub(super) fn new(metrics: &Metrics) -> Result<Self, MetricsError> {
        let each = |name: CounterName, labels: &[&str]| metrics.counter(name, labels).map(drop);
        SignalAction::ALL.iter().try_for_each(|action| each(CounterName::ExecutorSignals, &[action.name()]))?;
        each(CounterName::OrdersEmitted, &[STRATEGY])?;
        DeskReason::ALL.iter().try_for_each(|reason| each(CounterName::PairsRejects, &[reason.name()]))?;
        for bucket in Bucket::ALL {
            each(CounterName::RiskApproved, &[bucket.name()])?;
            let rejected = |rule: &RiskRule| each(CounterName::RiskRejected, &[bucket.name(), rule.name()]);
            RiskRule::ALL.iter().try_for_each(rejected)?;
        }
        Side::ALL.iter().try_for_each(|side| each(CounterName::OrdersFilled, &[side.name()]))?;
        Scope::ALL.iter().try_for_each(|scope| metrics.show(GaugeName::KillSwitch, &[scope.name()], Some(0.0)))?;
        Ok(Self {
            metrics: metrics.clone(),
            symbols: Vec::new(),
            bars: Vec::new(),
            pairs: Vec::new(),
            paper: false,
            orders: BTreeMap::new(),
            working: metrics.gauge(GaugeName::WorkingOrders, &[])?,
            open_pairs: metrics.gauge(GaugeName::OpenPairs, &[])?,
            pending: None,
        })
    }

    /// A session opens, of which the instruments are listed; what was counted before must have been forgotten.
    pub(super) fn open(&mut self, opened: &SessionOpened) -> Result<(), MetricsError> {
        opened.desk.as_ref().map_or(Ok(()), |desk| self.set(&desk.setup))
    }

    /// An instrument of the session.
    pub(super) fn list(&mut self, instrument: &Instrument) {
        if instrument.id.index() == self.symbols.len() {
            self.symbols.push(instrument.symbol.clone());
        }
    }

    /// What the desk trades by changes, unless the engine refuses it.
    pub(super) fn change(&mut self, seq: Seq, setup: &DeskSetup) {
        self.pending = Some((seq, Box::new(setup.clone())));
    }

    /// The engine refused the input at `cause`.
    pub(super) fn refused(&mut self, cause: Seq) {
        if self.pending.as_ref().is_some_and(|(seq, _)| *seq == cause) {
            self.pending = None;
        }
    }

    /// The engine took what was pending.
    pub(super) fn settle(&mut self) -> Result<(), MetricsError> {
        self.pending.take().map_or(Ok(()), |(_, setup)| self.set(&setup))
    }

    /// The newest clock mark, in nanoseconds.
    pub(super) fn clock(&self, now: i64) {
        for (end, gauge) in self.pairs.iter().filter_map(|pair| pair.newest.as_ref()) {
            gauge.set(now.saturating_sub(*end).max(0) as f64 / 1e9);
        }
    }

    /// Pairs by their numbers; a number keeps its legs and timeframe until the session ends.
    fn set(&mut self, setup: &DeskSetup) -> Result<(), MetricsError> {
        self.paper = setup.gateway.route == Route::Paper;
        for spec in &setup.pairs {
            match self.pairs.get_mut(spec.id.index()) {
                Some(known) => known.bucket = spec.bucket,
                None => self.begin(spec)?,
            }
            for leg in Leg::ALL {
                for purpose in Purpose::ALL {
                    let labels = [spec.name.as_str(), leg.name(), spec.bucket.name(), purpose.name()];
                    self.metrics.counter(CounterName::PairsOrdersEmitted, &labels)?;
                }
            }
        }
        Ok(())
    }

    fn begin(&mut self, spec: &PairSpec) -> Result<(), MetricsError> {
        for leg in [spec.leg_a, spec.leg_b] {
            let symbol = self.symbols.get(leg.index()).map_or(OTHER, String::as_str);
            let counter = self.metrics.counter(CounterName::WatchBars, &[symbol, spec.tf.name()])?;
            if self.bars.len() <= leg.index() && leg.index() < self.symbols.len() {
                self.bars.resize_with(leg.index() + 1, Vec::new);
            }
            if let Some(watched) = self.bars.get_mut(leg.index())
                && !watched.iter().any(|(tf, _)| *tf == spec.tf)
            {
                watched.push((spec.tf, counter));
            }
        }
        let (name, tf, bucket) = (spec.name.clone(), spec.tf, spec.bucket);
        let pair = PairWatched { name, tf, bucket, state: PairState::Flat, newest: None };
        for action in SignalAction::ALL {
            let labels = [spec.name.as_str(), spec.tf.name(), action.name()];
            self.metrics.counter(CounterName::WatchSignals, &labels)?;
        }
        for name in [GaugeName::PairReady, GaugeName::PairPosition] {
            self.metrics.show(name, &pair.labels(), Some(0.0))?;
        }
        self.pairs.push(pair);
        Ok(())
    }

    /// Name and timeframe of a pair.
    fn labels(&self, pair: PairId) -> [&str; 2] {
        self.pairs.get(pair.index()).map_or([OTHER; 2], PairWatched::labels)
    }

    /// A bar was made.
    #[inline]
    pub(super) fn bar(&self, bar: &Bar) {
        let watched = self.bars.get(bar.instrument.index()).into_iter().flatten();
        for (_, counter) in watched.filter(|(tf, _)| *tf == bar.tf) {
            counter.inc();
        }
    }

    /// Something of the desk was derived.
    pub(super) fn take(&mut self, derived: &Derived) -> Result<(), MetricsError> {
        self.settle()?;
        let add = |name: CounterName, labels: &[&str]| self.metrics.counter(name, labels).map(|counter| counter.inc());
        match derived {
            Derived::PairMark(mark) => self.mark(mark),
            Derived::Signal(signal) => {
                let ([pair, tf], action) = (self.labels(signal.pair), signal.action.name());
                add(CounterName::WatchSignals, &[pair, tf, action])?;
                add(CounterName::ExecutorSignals, &[action])
            }
            Derived::EntryRefused(refused) => add(CounterName::PairsRejects, &[refused.reason.name()]),
            Derived::OrderCreated(order) => {
                let [pair, _] = self.labels(order.id.pair);
                let (leg, bucket, purpose) = (order.id.leg.name(), order.bucket.name(), order.purpose.name());
                add(CounterName::OrdersEmitted, &[STRATEGY])?;
                add(CounterName::PairsOrdersEmitted, &[pair, leg, bucket, purpose])?;
                self.orders.insert(order.id, (order.side, OrderStatus::New));
                Ok(())
            }
            Derived::RiskDecision(decision) => self.decided(decision),
            Derived::OrderMoved(moved) => self.order_moved(moved),
            Derived::PairMoved(moved) => self.pair_moved(moved),
            Derived::KillSwitched(switched) => {
                let on = f64::from(u8::from(switched.on));
                self.metrics.show(GaugeName::KillSwitch, &[switched.scope.name()], Some(on))
            }
            Derived::EquityMark(mark) => self.equity(mark),
            Derived::Bar(_)
            | Derived::TickSetAside(_)
            | Derived::InputRefused(_)
            | Derived::VolumeReset(_)
            | Derived::AuctionPrint(_)
            | Derived::UnallocatedVolume(_)
            | Derived::PairDay(_)
            | Derived::ContractNote(_)
            | Derived::MoveRefused(_)
            | Derived::Fill(_)
            | Derived::ForeignUpdate(_)
            | Derived::OrderHeld(_)
            | Derived::CancelWanted(_) => Ok(()),
        }
    }

    fn mark(&mut self, mark: &PairMark) -> Result<(), MetricsError> {
        let Some(pair) = self.pairs.get_mut(mark.pair.index()) else { return Ok(()) };
        let end = mark.start.get().saturating_add(pair.tf.nanos());
        // A revision of the bucket before says nothing of where the pair is.
        if pair.newest.as_ref().is_some_and(|(newest, _)| end < *newest) {
            return Ok(());
        }
        pair.newest = Some((end, self.metrics.gauge(GaugeName::PairStaleness, &pair.labels())?));
        let ready = f64::from(u8::from(mark.mean.is_some()));
        self.metrics.show(GaugeName::PairReady, &pair.labels(), Some(ready))?;
        self.metrics.show(GaugeName::PairZscore, &pair.labels(), mark.z.map(|z| z.get()))
    }

    fn decided(&self, decision: &RiskDecision) -> Result<(), MetricsError> {
        let bucket = self.pairs.get(decision.order.pair.index()).map_or(OTHER, |pair| pair.bucket.name());
        let counter = match decision.verdict {
            Verdict::Approved | Verdict::Resized => self.metrics.counter(CounterName::RiskApproved, &[bucket])?,
            Verdict::Rejected => {
                let reason = decision.rule.map_or(OTHER, RiskRule::name);
                self.metrics.counter(CounterName::RiskRejected, &[bucket, reason])?
            }
        };
        counter.inc();
        Ok(())
    }

    fn order_moved(&mut self, moved: &OrderMoved) -> Result<(), MetricsError> {
        if let Some((side, status)) = self.orders.get_mut(&moved.order) {
            *status = moved.to;
            if moved.to == OrderStatus::Filled {
                self.metrics.counter(CounterName::OrdersFilled, &[side.name()])?.inc();
            }
        }
        if moved.to.is_terminal() {
            self.orders.remove(&moved.order);
        }
        let works = |status: OrderStatus| match status {
            OrderStatus::Sent | OrderStatus::Acked | OrderStatus::Partial => self.paper,
            OrderStatus::New
            | OrderStatus::Approved
            | OrderStatus::Rejected
            | OrderStatus::Filled
            | OrderStatus::Cancelled
            | OrderStatus::Expired
            | OrderStatus::Unknown => false,
        };
        let working = self.orders.values().filter(|(_, status)| works(*status)).count();
        self.working.set(working as f64);
        Ok(())
    }

    fn pair_moved(&mut self, moved: &PairMoved) -> Result<(), MetricsError> {
        let Some(pair) = self.pairs.get_mut(moved.pair.index()) else { return Ok(()) };
        pair.state = moved.to;
        let held = if moved.qty_a == 0 { moved.qty_b.saturating_neg() } else { moved.qty_a };
        self.metrics.show(GaugeName::PairPosition, &pair.labels(), Some(held.signum() as f64))?;
        self.open_pairs.set(self.pairs.iter().filter(|pair| pair.state != PairState::Flat).count() as f64);
        Ok(())
    }

    fn equity(&self, mark: &EquityMark) -> Result<(), MetricsError> {
        if mark.scope != Scope::Global {
            return Ok(());
        }
        let inr = |money: Option<barkeep_schemas::FineMoney>| money.map(|money| money.get() as f64 / 1e8);
        self.metrics.show(GaugeName::RiskEquity, &[], inr(mark.equity))?;
        self.metrics.show(GaugeName::RiskTradableEquity, &[], inr(mark.tradable))
    }
}
