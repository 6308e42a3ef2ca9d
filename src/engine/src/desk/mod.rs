//! The pairs desk: pair watch, executor, risk manager, orders, paper matcher and the money of it all.
//!
//! What it is: the engine's stages behind the bars, one after the other on the same thread, for the pairs of the session.
//! What it never does: look at anything but inputs and the bars that the stages before made. Who calls it: `Engine::step`.
//!
//! Invariants: a position follows fills alone; every order was decided by the risk manager before it goes anywhere; an
//! order made in one step is never matched against the input of that step.

mod charges;
mod corrected;
mod entry;
mod equity;
mod executor;
mod hedge;
mod hours;
mod leave;
mod ledger;
mod matcher;
mod oms;
mod operator;
mod orders;
mod quotes;
mod risk;
mod types;
mod watch;

use alloc::string::String;
use alloc::vec::Vec;

use barkeep_schemas::{
    Bar, ClockMark, Derived, DeskCarried, DeskSetup, FeedId, Instrument, KillLatched, Leg, PairCarried, PairId,
    PairSpec, PairState, ScopeCarried, Seq, SessionDate, SessionOpened, Signal, Tick, Ts,
};

pub use corrected::CorrectedClose;

use crate::output::Output;
use crate::probe::{Probe, Stage};
use crate::state::wire_fields;
use charges::Note;
use corrected::Corrected;
use executor::Pair;
use hours::Hours;
use ledger::Ledger;
use matcher::Matcher;
use oms::Oms;
use oms::rate::RateLimiter;
use quotes::Quote;
use risk::Risk;
use types::{Matched, Snapshot, Standing};
use watch::{PairHours, Watch};

/// The desk of a session.
#[derive(Clone, Debug)]
pub(crate) struct Desk {
    date: SessionDate,
    /// Whether the day is traded at all.
    tradable: bool,
    day_start: i64,
    setup: DeskSetup,
    /// By the class of an instrument.
    hours: Vec<Hours>,
    quotes: Vec<Quote>,
    /// The feed of each instrument.
    feeds: Vec<FeedId>,
    symbols: Vec<String>,
    watch: Watch,
    pairs: Vec<Pair>,
    /// Where each pair stands, for the watch.
    standings: Vec<Standing>,
    risk: Risk,
    ledger: Ledger,
    oms: Oms,
    limiter: RateLimiter,
    matcher: Matcher,
    note: Note,
    /// The latest time of a tick or a clock mark, in nanoseconds.
    now: i64,
    /// The latest clock mark.
    clock: i64,
    /// The minute of the last marks of equity.
    minute: i64,
    /// When the last entry in each bucket was made.
    bucket_entries: Vec<i64>,
    /// Whether the session's closing has been done.
    closed: bool,
    scratch: Scratch,
    /// Empty but for a what-if.
    corrected: Corrected,
}

/// Room that is used within one step and empty between two.
#[derive(Clone, Debug, Default)]
struct Scratch {
    matched: Vec<Matched>,
    signals: Vec<(Seq, Signal)>,
}

/// Nothing of it lasts.
impl barkeep_schemas::Wire for Scratch {
    fn put(&self, _out: &mut Vec<u8>) {}
    fn take(_input: &mut &[u8]) -> Result<Self, barkeep_schemas::DecodeError> {
        Ok(Self::default())
    }
}
wire_fields!(Desk {
    date,
    tradable,
    day_start,
    setup,
    hours,
    quotes,
    feeds,
    symbols,
    watch,
    pairs,
    standings,
    risk,
    ledger,
    oms,
    limiter,
    matcher,
    note,
    now,
    clock,
    minute,
    bucket_entries,
    closed,
    scratch,
    corrected,
});

/// A pair with what it carries into the next session, by its symbols: numbers are a session's own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CarriedPair {
    /// The pair as it was traded.
    pub spec: PairSpec,
    /// Symbol of leg A.
    pub symbol_a: String,
    /// Symbol of leg B.
    pub symbol_b: String,
    /// What it carries.
    pub carried: PairCarried,
}

/// What a desk carries into the next session.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct DeskCarry {
    /// Its pairs.
    pub pairs: Vec<CarriedPair>,
    /// Profit and marks of every scope.
    pub scopes: Vec<ScopeCarried>,
    /// Kill switches that are on.
    pub kills: Vec<KillLatched>,
}

/// Whether a setup can be traded by: dense numbers, legs that exist, every limit there.
fn is_whole(setup: &DeskSetup, instruments: usize) -> bool {
    let leg = |instrument: barkeep_schemas::InstrumentId| instrument.index() < instruments;
    let pairs = setup.pairs.iter().enumerate().all(|(at, pair)| {
        pair.id.index() == at
            && leg(pair.leg_a)
            && leg(pair.leg_b)
            && pair.leg_a != pair.leg_b
            && pair.beta.get() > 0.0
            && pair.lookback >= 2
            && pair.tf != barkeep_schemas::Timeframe::S1
    });
    let buckets = barkeep_schemas::Bucket::ALL.iter().eq(setup.limits.buckets.iter().map(|limits| &limits.bucket));
    pairs && buckets
}

impl Desk {
    /// The desk of a session that opens; `None` when what it is to trade by contradicts itself.
    pub(crate) fn open(opened: &SessionOpened, out: &mut Output<'_>) -> Option<Self> {
        let desk = opened.desk.as_deref()?;
        let setup = desk.setup.clone();
        if !is_whole(&setup, opened.instruments.len()) {
            return None;
        }
        let hours = Hours::of(&opened.calendar);
        let mut new = Self {
            date: opened.date,
            tradable: opened.calendar.tradable,
            day_start: opened.calendar.day_start.get(),
            watch: Watch::new(&setup, &desk.carried, &[]),
            ledger: Ledger::new(&setup, &desk.carried),
            matcher: Matcher::new(setup.paper.clone(), 0),
            limiter: RateLimiter::new(&setup.gateway),
            setup,
            hours,
            quotes: Vec::new(),
            feeds: Vec::new(),
            symbols: Vec::new(),
            pairs: Vec::new(),
            standings: Vec::new(),
            risk: Risk::new(),
            oms: Oms::default(),
            note: Note::default(),
            now: opened.calendar.day_start.get(),
            clock: i64::MIN,
            minute: i64::MIN,
            bucket_entries: barkeep_schemas::Bucket::ALL.iter().map(|_| i64::MIN).collect(),
            closed: false,
            scratch: Scratch::default(),
            corrected: Corrected::default(),
        };
        for instrument in &opened.instruments {
            new.list(instrument);
        }
        for state in &opened.opening {
            if let Some(quote) = new.quotes.get_mut(state.instrument.index()) {
                quote.price = state.last_price;
            }
            new.matcher.previous_close(state.instrument, state.last_price);
        }
        new.open_ledger();
        let pair_hours = new.pair_hours();
        new.watch = Watch::new(&new.setup, &desk.carried, &pair_hours);
        new.begin_pairs(&desk.carried, out);
        new.carry_kills(&desk.carried, out);
        Some(new)
    }

    /// Adds an instrument with the next dense number.
    pub(crate) fn list(&mut self, instrument: &Instrument) {
        let hours = self.hours.iter().position(|hours| hours.class == instrument.class).unwrap_or(0) as u32;
        self.quotes.push(Quote::new(instrument.tick_size, instrument.lot_size, hours));
        self.feeds.push(instrument.feed);
        self.symbols.push(instrument.symbol.clone());
        self.matcher.list(instrument.tick_size);
    }

    /// The hours that both legs of each pair share.
    fn pair_hours(&self) -> Vec<PairHours> {
        let hours = |instrument: barkeep_schemas::InstrumentId| {
            self.quotes.get(instrument.index()).and_then(|quote| self.hours.get(quote.hours as usize))
        };
        let shared = |pair: &PairSpec| match (hours(pair.leg_a), hours(pair.leg_b)) {
            (Some(a), Some(b)) => {
                PairHours { open: a.open().max(b.open()), end: a.end().min(b.end()), day_start: self.day_start }
            }
            (Some(_) | None, _) => PairHours { open: i64::MAX, end: i64::MIN, day_start: self.day_start },
        };
        self.setup.pairs.iter().map(shared).collect()
    }

    /// Begins the pairs that the setup has and the desk has not.
    fn begin_pairs(&mut self, carried: &DeskCarried, out: &mut Output<'_>) {
        for at in self.pairs.len()..self.setup.pairs.len() {
            let Some(spec) = self.setup.pairs.get(at) else { continue };
            let (id, legs) = (spec.id, [spec.leg_a, spec.leg_b]);
            for leg in legs {
                if let Some(quote) = self.quotes.get_mut(leg.index()) {
                    quote.is_leg = true;
                }
            }
            self.pairs.push(Pair::default());
            let held = carried.pairs.iter().find(|pair| pair.pair == id).and_then(|pair| pair.held_since);
            self.take_over(id, held.map(Ts::get), out);
        }
        self.standings = self.pairs.iter().map(Pair::standing).collect();
    }

    /// The pairs, limits or charges change.
    pub(crate) fn change(&mut self, setup: &DeskSetup, out: &mut Output<'_>) -> bool {
        let fits = |(old, new): (&PairSpec, &PairSpec)| {
            old.leg_a == new.leg_a && old.leg_b == new.leg_b && old.tf == new.tf && old.name == new.name
        };
        let kept = self.setup.pairs.iter().zip(&setup.pairs).all(fits) && setup.pairs.len() >= self.setup.pairs.len();
        if !kept || !is_whole(setup, self.quotes.len()) || self.setup.gateway.route != setup.gateway.route {
            return false;
        }
        let mut setup = setup.clone();
        for ((new, old), pair) in setup.pairs.iter_mut().zip(&self.setup.pairs).zip(&self.pairs) {
            // What is held stays under the limits, and in the money, that it was built with, and is left as the product that
            // it was built as: both change once it is flat, with the next change, or with the next session.
            if pair.state != PairState::Flat {
                (new.bucket, new.product) = (old.bucket, old.product);
            }
        }
        self.setup = setup;
        self.ledger.resize(&self.setup);
        self.matcher.rules(self.setup.paper.clone());
        self.limiter.rules(&self.setup.gateway);
        let hours = self.pair_hours();
        self.watch.reload(&self.setup, &hours);
        self.begin_pairs(&DeskCarried { pairs: Vec::new(), scopes: Vec::new(), kills: Vec::new() }, out);
        true
    }

    /// A tick that moved its instrument; `bars` is the range of this step's events that the bars' stages made.
    #[inline]
    pub(crate) fn tick(&mut self, tick: &Tick, bars: usize, probe: &mut impl Probe, out: &mut Output<'_>) {
        let Some(quote) = self.quotes.get_mut(tick.instrument.index()) else { return };
        if !quote.is_leg {
            return;
        }
        let mut awake = false;
        // A tick from before the one that was seen last tells nothing of the market of now.
        if tick.ts.get() >= quote.ts {
            let traded = quote.update(tick, out.cause);
            self.now = self.now.max(tick.ts.get());
            if self.matcher.is_working(tick.instrument) {
                probe.wake(Stage::Matcher);
                awake = true;
                self.meet(tick, traded, probe, out);
            }
        }
        if bars > 0 {
            awake |= self.read_bars(bars, probe, out);
        }
        if awake {
            probe.rest();
        }
    }

    /// The matcher meets a snapshot.
    #[inline(never)]
    fn meet(&mut self, tick: &Tick, traded: i64, probe: &mut impl Probe, out: &mut Output<'_>) {
        let ts = tick.ts.get();
        let snapshot = Snapshot {
            seq: out.cause,
            instrument: tick.instrument,
            ts,
            price: tick.price,
            traded,
            bid: tick.bid,
            ask: tick.ask,
            depth: tick.depth.as_deref(),
            continuous: self.is_continuous(tick.instrument, ts),
        };
        let mut matched = core::mem::take(&mut self.scratch.matched);
        self.matcher.tick(&snapshot, &mut matched);
        self.take_matched(&mut matched, probe, out);
        self.scratch.matched = matched;
    }

    /// The watch reads the bars that this step made; whether there was one that a pair waits for.
    #[inline(never)]
    fn read_bars(&mut self, bars: usize, probe: &mut impl Probe, out: &mut Output<'_>) -> bool {
        let mut awake = false;
        for at in 0..bars {
            let Some(Derived::Bar(bar)) = out.get(at) else { continue };
            if self.watch.wants(bar.instrument, bar.tf) {
                if !core::mem::replace(&mut awake, true) {
                    probe.wake(Stage::PairWatch);
                }
                let (mut bar, seq): (Bar, Seq) = (bar.clone(), out.cause.plus(1 + at as u64));
                let Self { watch, scratch, standings, now, corrected, .. } = self;
                corrected.replace(&mut bar);
                watch.bar(&bar, seq, standings, *now, out, &mut scratch.signals);
            }
        }
        self.follow_signals(probe, out);
        awake
    }

    /// What the watch is shown of a what-if's bars.
    pub(crate) fn correct(&mut self, closes: &[CorrectedClose]) {
        self.corrected = Corrected::new(closes);
    }

    /// The watch reads the bars of a what-if that no stage made.
    fn read_inserted(&mut self, probe: &mut impl Probe, out: &mut Output<'_>) {
        while let Some(bar) = self.corrected.next_due(self.now, out.cause) {
            let Self { watch, scratch, standings, now, .. } = self;
            watch.bar(&bar, bar.cause, standings, *now, out, &mut scratch.signals);
        }
        self.follow_signals(probe, out);
    }

    /// The executor takes the signals of this step.
    fn follow_signals(&mut self, probe: &mut impl Probe, out: &mut Output<'_>) {
        if self.scratch.signals.is_empty() {
            return;
        }
        let mut signals = core::mem::take(&mut self.scratch.signals);
        for (seq, signal) in signals.drain(..) {
            self.follow(seq, &signal, probe, out);
        }
        self.scratch.signals = signals;
    }

    /// A clock mark that was taken; `bars` as for [`Self::tick`].
    pub(crate) fn clock_mark(&mut self, mark: &ClockMark, bars: usize, probe: &mut impl Probe, out: &mut Output<'_>) {
        let now = mark.ts.get();
        self.now = self.now.max(now);
        if bars > 0 {
            self.read_bars(bars, probe, out);
        }
        self.read_inserted(probe, out);
        if now <= self.clock {
            return;
        }
        self.clock = now;
        // A stage that finds nothing to do is not entered: what it takes to find that says nothing of what it takes.
        probe.enter(if self.matcher.working() > 0 { Stage::Matcher } else { Stage::Orders });
        let mut matched = core::mem::take(&mut self.scratch.matched);
        self.matcher.clock(self.now, &mut matched);
        self.end_hours(now, &mut matched);
        self.take_matched(&mut matched, probe, out);
        self.scratch.matched = matched;
        probe.enter(Stage::Orders);
        self.send_waiting(out);
        self.expire_approvals(out);
        let held = self.pairs.iter().any(|pair| pair.state != PairState::Flat);
        if held {
            probe.enter(Stage::Executor);
        }
        self.check_deadlines(out);
        self.flatten_killed(probe, out);
        if held {
            probe.enter(Stage::PairWatch);
        }
        let Self { watch, scratch, standings, now, .. } = self;
        watch.clock(*now, standings, out, &mut scratch.signals);
        self.follow_signals(probe, out);
        self.mark_equity(probe, out);
    }

    /// Expires what works in instruments whose trading has ended.
    fn end_hours(&mut self, now: i64, matched: &mut Vec<Matched>) {
        for (class, hours) in self.hours.iter_mut().enumerate() {
            if hours.ends(now) {
                for (at, quote) in self.quotes.iter().enumerate() {
                    if quote.is_leg && quote.hours as usize == class {
                        self.matcher.close_instrument(barkeep_schemas::InstrumentId(at as u32), matched);
                    }
                }
            }
        }
    }

    /// The session ends: what works expires, and the day is summed up.
    pub(crate) fn close(&mut self, bars: usize, probe: &mut impl Probe, out: &mut Output<'_>) {
        if bars > 0 {
            self.read_bars(bars, probe, out);
        }
        self.closed = true;
        let mut matched = core::mem::take(&mut self.scratch.matched);
        self.end_hours(i64::MAX, &mut matched);
        self.take_matched(&mut matched, probe, out);
        self.scratch.matched = matched;
        self.expire_all(out);
        self.sum_up(out);
    }

    /// A feed was interrupted.
    pub(crate) fn interrupted(&mut self, feed: FeedId) {
        for (quote, of) in self.quotes.iter_mut().zip(&self.feeds) {
            if *of == feed {
                quote.interrupted();
            }
        }
    }

    fn is_continuous(&self, instrument: barkeep_schemas::InstrumentId, t: i64) -> bool {
        let hours = self.quotes.get(instrument.index()).and_then(|quote| self.hours.get(quote.hours as usize));
        !self.closed && hours.is_some_and(|hours| hours.holds(t))
    }

    fn spec(&self, pair: PairId) -> Option<&PairSpec> {
        self.setup.pairs.get(pair.index())
    }

    /// What the next session takes over.
    pub(crate) fn carry(&self) -> DeskCarry {
        let spreads = self.watch.carry();
        let (positions, mut scopes) = self.ledger.carry();
        for of in &mut scopes {
            of.kill_high = self.risk.kills.high(of.scope).unwrap_or(of.profit);
        }
        let symbol = |instrument: barkeep_schemas::InstrumentId| {
            self.symbols.get(instrument.index()).cloned().unwrap_or_default()
        };
        let pairs = self.setup.pairs.iter().zip(&self.pairs).filter_map(|(spec, pair)| {
            let (_, a, b) = positions.iter().find(|(id, _, _)| *id == spec.id)?.clone();
            let spreads = spreads.iter().find(|(id, _)| *id == spec.id).map(|(_, spreads)| spreads.clone());
            let held_since = pair.held_since.map(Ts::new);
            let carried = PairCarried { pair: spec.id, spreads: spreads.unwrap_or_default(), a, b, held_since };
            let (symbol_a, symbol_b) = (symbol(spec.leg_a), symbol(spec.leg_b));
            Some(CarriedPair { spec: spec.clone(), symbol_a, symbol_b, carried })
        });
        DeskCarry { pairs: pairs.collect(), scopes, kills: self.risk.kills.carry() }
    }

    /// Shares of a leg that are held.
    fn held(&self, pair: PairId, leg: Leg) -> i64 {
        self.ledger.position(pair, leg)
    }
}
