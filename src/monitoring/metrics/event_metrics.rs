//! The counters and gauges that follow from the tape: each durable event is counted once.
//!
//! What it is: a projection. The values are those of the open session, they begin at zero with `session_opened`; so a
//! daemon that starts in the middle of a day counts the day's segment from its beginning and has lost nothing, a scraper
//! sees no jump, and the same tape played through it again gives the same values. What it never does: read a clock or the
//! process, or count what is not durable. Who calls it: the daemon with each durable batch, replay with a scan.
//!
//! `take` every event in order, `settle` after a batch: an input and all that it derived are in the same batch.

use barkeep_schemas::{
    Bar, Derived, Event, EventKind, FeedHappening, FeedReport, GapCause, Input, Instrument, InstrumentClass, Phase,
    RefusalReason, Seq, SessionOpened, SetAsideReason, Tick, Timeframe, TradeRule,
};
use prometheus::{Gauge, Histogram, IntCounter};

use super::catalogue::{CounterName, GaugeName, HistogramName, Origin};
use super::desk_metrics::DeskMetrics;
use super::instrument_watch::{InstrumentWatch, MULTIS, Stretch};
use super::pages::{Metrics, MetricsError, OTHER};

/// Feeds that a session can number.
const FEEDS: usize = 256;

/// Counts the events of the open session.
pub struct EventMetrics {
    metrics: Metrics,
    handles: Handles,
    session: Watched,
    desk: DeskMetrics,
    /// A tick of which it is not known yet whether the engine set it aside.
    pending: Option<(Seq, Tick)>,
    marked: bool,
    after: Seq,
}

/// The session as far as metrics need it.
#[derive(Default)]
struct Watched {
    grace: i64,
    classes: Vec<(InstrumentClass, Vec<Stretch>)>,
    /// Rule and clock of each feed.
    feeds: Vec<(TradeRule, i64)>,
    /// The newest clock mark of all feeds.
    clock: Option<i64>,
    instruments: Vec<InstrumentWatch>,
}

impl EventMetrics {
    /// Counts into these metrics, which nothing else of the tape may have counted into.
    ///
    /// # Errors
    /// [`MetricsError`], which tests exclude.
    pub fn new(metrics: &Metrics) -> Result<Self, MetricsError> {
        Ok(Self {
            metrics: metrics.clone(),
            handles: Handles::new(metrics)?,
            session: Watched::default(),
            desk: DeskMetrics::new(metrics)?,
            pending: None,
            marked: false,
            after: Seq(0),
        })
    }

    /// [`EventMetrics::new`], with whatever was counted before forgotten.
    ///
    /// # Errors
    /// [`MetricsError`], which tests exclude.
    pub fn anew(metrics: &Metrics) -> Result<Self, MetricsError> {
        let handles = Handles::anew(metrics)?;
        Ok(Self { handles, ..Self::new(metrics)? })
    }

    /// The last position that was counted.
    pub const fn after(&self) -> Seq {
        self.after
    }

    /// Counts an event. One at or before the last position was counted already and is passed over.
    ///
    /// # Errors
    /// [`MetricsError`], which tests exclude.
    pub fn take(&mut self, seq: Seq, event: &Event) -> Result<(), MetricsError> {
        if seq <= self.after {
            return Ok(());
        }
        self.after = seq;
        match event {
            Event::Input(input) => self.input(seq, input)?,
            Event::Derived(derived) => self.derived(derived)?,
        }
        if let Some(counter) = self.handles.events.get(event.kind() as usize) {
            counter.inc();
        }
        Ok(())
    }

    /// A batch is whole: brings the gauges to where the tape is.
    pub fn settle(&mut self) {
        self.book_pending(false);
        if !std::mem::take(&mut self.marked) {
            return;
        }
        let (mut seconds, mut windows) = (0_u32, [0_u32; MULTIS.len()]);
        for instrument in &self.session.instruments {
            let clock = self.session.feeds.get(usize::from(instrument.feed)).map_or(i64::MIN, |(_, clock)| *clock);
            seconds += u32::from(instrument.has_open_second(clock, self.session.grace));
            for (count, open) in windows.iter_mut().zip(instrument.open_windows()) {
                *count += u32::from(open);
            }
        }
        if let Some(clock) = self.session.clock {
            self.desk.clock(clock);
        }
        self.handles.open_symbols.set(f64::from(seconds));
        for (gauge, count) in self.handles.windows.iter().zip(windows) {
            gauge.set(f64::from(count));
        }
    }

    fn input(&mut self, seq: Seq, input: &Input) -> Result<(), MetricsError> {
        self.book_pending(false);
        self.desk.settle()?;
        match input {
            Input::SessionOpened(opened) => self.open(opened)?,
            Input::SessionClosed(_) => {
                self.session.feeds.iter_mut().for_each(|(_, clock)| *clock = i64::MAX);
                self.marked = true;
            }
            Input::ClockMark(mark) => {
                if let Some((_, clock)) = self.session.feeds.get_mut(usize::from(mark.feed.0)) {
                    *clock = mark.ts.get().max(*clock);
                }
                self.session.clock = self.session.clock.max(Some(mark.ts.get()));
                self.marked = true;
            }
            Input::Tick(tick) => self.tick(seq, tick),
            Input::FeedGap(gap) => {
                count(&self.handles.gaps, GapCause::ALL.iter().position(|cause| *cause == gap.cause), 1)
            }
            Input::InstrumentListed(instrument) => self.list(instrument)?,
            Input::DeskChanged(setup) => self.desk.change(seq, setup),
            Input::ConfigChanged(config) => self.session.grace = config.grace_ns,
            Input::FeedReport(report) => self.report(report),
            Input::ImportStarted(_)
            | Input::ImportFinished(_)
            | Input::OutsideBar(_)
            | Input::OperatorCommand(_)
            | Input::ReconRun(_)
            | Input::ReconDifference(_)
            | Input::InstrumentsFetched(_)
            | Input::GatewayReport(_)
            | Input::BrokerOrder(_)
            | Input::BrokerTrade(_)
            | Input::HealRun(_)
            | Input::BarCorrection(_) => {}
        }
        Ok(())
    }

    fn derived(&mut self, derived: &Derived) -> Result<(), MetricsError> {
        match derived {
            Derived::Bar(bar) => self.bar(bar),
            Derived::TickSetAside(aside) => {
                let reason = aside.reason;
                if reason == SetAsideReason::TooLate {
                    self.book_pending(true);
                } else {
                    self.pending = None;
                }
                let place = SetAsideReason::ALL.iter().position(|known| *known == reason);
                count(&self.handles.set_aside, place, 1);
            }
            Derived::InputRefused(refused) => {
                self.desk.refused(refused.cause);
                if self.pending.as_ref().is_some_and(|(seq, _)| *seq == refused.cause) {
                    self.pending = None;
                    let place = RefusalReason::ALL.iter().position(|known| *known == refused.reason);
                    count(&self.handles.refused, place, 1);
                }
            }
            Derived::VolumeReset(reset) => {
                self.book_pending(false);
                if let Some(instrument) = self.session.instruments.get_mut(reset.instrument.index()) {
                    instrument.volume_is(Some(reset.after));
                }
            }
            Derived::PairMark(_)
            | Derived::EquityMark(_)
            | Derived::PairDay(_)
            | Derived::ContractNote(_)
            | Derived::Signal(_)
            | Derived::EntryRefused(_)
            | Derived::OrderCreated(_)
            | Derived::RiskDecision(_)
            | Derived::OrderMoved(_)
            | Derived::MoveRefused(_)
            | Derived::Fill(_)
            | Derived::PairMoved(_)
            | Derived::KillSwitched(_)
            | Derived::ForeignUpdate(_)
            | Derived::OrderHeld(_)
            | Derived::CancelWanted(_) => self.desk.take(derived)?,
            Derived::AuctionPrint(_) | Derived::UnallocatedVolume(_) => {}
        }
        Ok(())
    }

    fn tick(&mut self, seq: Seq, tick: &Tick) {
        match self.session.instruments.get(tick.instrument.index()) {
            Some(instrument) => instrument.received.inc(),
            None => self.handles.received_other.inc(),
        }
        self.handles.second_ticks.inc();
        let lag = tick.recv.get().saturating_sub(tick.ts.get()).max(0);
        self.handles.tick_latency.observe(lag as f64 / 1e9);
        let depth = None;
        self.pending = Some((seq, Tick { depth, ..*tick }));
    }

    /// The engine has taken the tick before, or found it too late.
    #[inline]
    fn book_pending(&mut self, too_late: bool) {
        let Some((_, tick)) = self.pending.take() else { return };
        let Watched { grace, classes, feeds, instruments, .. } = &mut self.session;
        let Some(instrument) = instruments.get_mut(tick.instrument.index()) else { return };
        let Some((rule, _)) = feeds.get(usize::from(tick.feed.0)) else { return };
        let clock = feeds.get(usize::from(instrument.feed)).map_or(i64::MIN, |(_, clock)| *clock);
        let hours = classes.get(instrument.class).map_or(&[][..], |(_, hours)| hours);
        if instrument.tick(&tick, *rule, hours, clock, *grace) || too_late {
            self.handles.late_ticks.inc();
        }
    }

    fn bar(&mut self, bar: &Bar) {
        self.book_pending(false);
        self.desk.bar(bar);
        let handles = &self.handles;
        if let Some(published) = handles.bars.get(usize::from(bar.tf.index())) {
            published.inc();
        }
        if bar.tf == Timeframe::S1 {
            return;
        }
        if bar.tf == Timeframe::M1 {
            handles.multi_input.inc();
            if bar.revision > 0 {
                handles.minute_revised.inc();
            }
        }
        if let Some(instrument) = self.session.instruments.get_mut(bar.instrument.index()) {
            instrument.bar(bar);
        }
    }

    fn report(&self, report: &FeedReport) {
        // A skew's count is its size.
        let times = if report.what == FeedHappening::ClockSkew { 1 } else { report.count };
        count(&self.handles.happenings, FeedHappening::ALL.iter().position(|what| *what == report.what), times);
        if is_drop(report.what) {
            let place = FeedHappening::ALL.iter().filter(|what| is_drop(**what)).position(|what| *what == report.what);
            count(&self.handles.skipped, place, times);
        }
    }

    fn open(&mut self, opened: &SessionOpened) -> Result<(), MetricsError> {
        self.handles = Handles::anew(&self.metrics)?;
        self.desk = DeskMetrics::new(&self.metrics)?;
        let classes = opened.calendar.classes.iter().map(|day| {
            let continuous = day.phases.iter().filter(|span| span.phase == Phase::Continuous);
            (day.class, continuous.map(|span| Stretch { start: span.start.get(), end: span.end.get() }).collect())
        });
        let mut feeds = vec![(TradeRule::All, i64::MIN); opened.feeds.len().min(FEEDS)];
        for feed in &opened.feeds {
            if let Some((rule, _)) = feeds.get_mut(usize::from(feed.id.0)) {
                *rule = feed.trade_rule;
            }
        }
        self.session =
            Watched { grace: opened.config.grace_ns, classes: classes.collect(), feeds, ..Watched::default() };
        opened.instruments.iter().try_for_each(|instrument| self.list(instrument))?;
        for state in &opened.opening {
            if let Some(instrument) = self.session.instruments.get_mut(state.instrument.index()) {
                instrument.volume_is(state.cum_volume);
            }
        }
        self.marked = true;
        self.desk.open(opened)
    }

    fn list(&mut self, instrument: &Instrument) -> Result<(), MetricsError> {
        self.desk.list(instrument);
        let received =
            self.metrics.counter(CounterName::TicksReceived, &[self.metrics.symbol_label(&instrument.symbol)])?;
        let class = self.session.classes.iter().position(|(class, _)| *class == instrument.class);
        let watch = InstrumentWatch::new(received, instrument.feed.0, class.unwrap_or(usize::MAX));
        // A number that is not dense is left alone: its ticks are counted under `other`, as the engine refuses them.
        if let Some(known) = self.session.instruments.get_mut(instrument.id.index()) {
            *known = watch;
        } else if instrument.id.index() == self.session.instruments.len() {
            self.session.instruments.push(watch);
        }
        Ok(())
    }
}

/// Whether the edge left packets or frames out.
const fn is_drop(what: FeedHappening) -> bool {
    matches!(
        what,
        FeedHappening::BadFrame | FeedHappening::UnknownPacket | FeedHappening::Untimed | FeedHappening::Unlisted
    )
}

fn count(counters: &[IntCounter], place: Option<usize>, times: u64) {
    if let Some(counter) = place.and_then(|place| counters.get(place)) {
        counter.inc_by(times);
    }
}

/// The handles, taken once a session.
struct Handles {
    events: Vec<IntCounter>,
    received_other: IntCounter,
    skipped: Vec<IntCounter>,
    set_aside: Vec<IntCounter>,
    refused: Vec<IntCounter>,
    happenings: Vec<IntCounter>,
    gaps: Vec<IntCounter>,
    second_ticks: IntCounter,
    late_ticks: IntCounter,
    /// By timeframe.
    bars: Vec<IntCounter>,
    minute_revised: IntCounter,
    multi_input: IntCounter,
    tick_latency: Histogram,
    open_symbols: Gauge,
    windows: Vec<Gauge>,
}

impl Handles {
    fn new(metrics: &Metrics) -> Result<Self, MetricsError> {
        let one = |name: CounterName| metrics.counter(name, &[]);
        let each = |name: CounterName, labels: &mut dyn Iterator<Item = &'static str>| {
            labels.map(|label| metrics.counter(name, &[label])).collect::<Result<Vec<_>, _>>()
        };
        let dropped = CounterName::TicksDropped;
        let skipped = FeedHappening::ALL.iter().filter(|what| is_drop(**what)).map(|what| what.name());
        Ok(Self {
            events: each(CounterName::TapeEvents, &mut EventKind::ALL.iter().map(|kind| kind.name()))?,
            received_other: metrics.counter(CounterName::TicksReceived, &[OTHER])?,
            skipped: each(dropped, &mut { skipped })?,
            set_aside: each(dropped, &mut SetAsideReason::ALL.iter().map(|reason| reason.name()))?,
            refused: each(dropped, &mut RefusalReason::ALL.iter().map(|reason| reason.name()))?,
            happenings: each(CounterName::WsEvents, &mut FeedHappening::ALL.iter().map(|what| what.name()))?,
            gaps: each(CounterName::FeedGaps, &mut GapCause::ALL.iter().map(|cause| cause.name()))?,
            second_ticks: one(CounterName::SecondTicks)?,
            late_ticks: one(CounterName::SecondLateTicks)?,
            bars: Timeframe::ALL.iter().map(|tf| one(published(*tf))).collect::<Result<_, _>>()?,
            minute_revised: one(CounterName::MinuteRevised)?,
            multi_input: one(CounterName::MultiInput)?,
            tick_latency: metrics.histogram(HistogramName::SecondTickLatency, &[])?,
            open_symbols: metrics.gauge(GaugeName::OpenSymbols, &[])?,
            windows: MULTIS
                .iter()
                .map(|tf| metrics.gauge(GaugeName::ActiveWindows, &[tf.name()]))
                .collect::<Result<_, _>>()?,
        })
    }

    /// Every metric of the session at zero again.
    fn anew(metrics: &Metrics) -> Result<Self, MetricsError> {
        metrics.forget(Origin::Tape);
        Self::new(metrics)
    }
}

/// The counter of the bars of a timeframe.
const fn published(tf: Timeframe) -> CounterName {
    match tf {
        Timeframe::S1 => CounterName::SecondPublished,
        Timeframe::M1 => CounterName::MinutePublished,
        Timeframe::M3 => CounterName::MultiOutput3,
        Timeframe::M5 => CounterName::MultiOutput5,
        Timeframe::M15 => CounterName::MultiOutput15,
        Timeframe::M30 => CounterName::MultiOutput30,
        Timeframe::M60 => CounterName::MultiOutput60,
    }
}
