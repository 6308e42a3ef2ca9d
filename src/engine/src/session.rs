//! The open session: its feeds, hours and instruments, and what each input does to them.

use alloc::string::String;
use alloc::vec::Vec;

use barkeep_schemas::{
    ClockMark, ConditionEffect, DecodeError, Derived, EngineConfig, FeedGap, FeedSpec, InputRefused, Instrument,
    InstrumentId, OpeningState, RefusalReason, SessionDate, SessionOpened, Tick, TradeRule, VolumeSource, Wire,
};

use crate::bucket::Effects;
use crate::instrument::{InstrumentState, Rules};
use crate::output::Output;
use crate::probe::Probe;
use crate::schedule::Schedule;
use crate::state::wire_fields;

/// The farthest back a second may be revised: what the coarser tracks keep covers it.
const HORIZON_MAX_NS: i64 = 120_000_000_000;

/// The engine's settings in force.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) grace: i64,
    pub(crate) ahead: i64,
    pub(crate) horizon: i64,
    pub(crate) reset_after: i64,
    pub(crate) day_start: i64,
    pub(crate) day_end: i64,
}
wire_fields!(Settings { grace, ahead, horizon, reset_after, day_start, day_end });

/// A feed: how its ticks are read, and its clock.
#[derive(Clone, Debug)]
pub(crate) struct Feed {
    pub(crate) trade_rule: TradeRule,
    pub(crate) volume: VolumeSource,
    /// `(mask, effects)` of each condition rule.
    conditions: Vec<Condition>,
    pub(crate) clock: Option<i64>,
    /// A tick's times before this moment are neither after the day nor too far ahead of the clock.
    pub(crate) believed_until: i64,
}

/// What follows from the clock and the session's settings is not written: [`Session`] sets it.
impl Wire for Feed {
    fn put(&self, out: &mut Vec<u8>) {
        self.trade_rule.put(out);
        self.volume.put(out);
        self.conditions.put(out);
        self.clock.put(out);
    }

    fn take(input: &mut &[u8]) -> Result<Self, DecodeError> {
        Ok(Self {
            trade_rule: Wire::take(input)?,
            volume: Wire::take(input)?,
            conditions: Wire::take(input)?,
            clock: Wire::take(input)?,
            believed_until: i64::MIN,
        })
    }
}

#[derive(Clone, Copy, Debug)]
struct Condition {
    mask: u32,
    no_ohlc: bool,
    no_open: bool,
    to_previous: bool,
}
wire_fields!(Condition { mask, no_ohlc, no_open, to_previous });

impl Feed {
    fn new(spec: &FeedSpec) -> Self {
        let conditions = spec
            .conditions
            .iter()
            .map(|rule| {
                let has = |effect| rule.effects.contains(&effect);
                Condition {
                    mask: rule.mask,
                    no_ohlc: has(ConditionEffect::NoOhlc),
                    no_open: has(ConditionEffect::NoOpen),
                    to_previous: has(ConditionEffect::VolumeToPrevious),
                }
            })
            .collect();
        Self { trade_rule: spec.trade_rule, volume: spec.volume, conditions, clock: None, believed_until: i64::MIN }
    }

    fn set_clock(&mut self, clock: Option<i64>, settings: &Settings) {
        self.clock = clock;
        let ahead = clock.map_or(i64::MAX, |clock| clock.saturating_add(settings.ahead));
        self.believed_until = ahead.saturating_add(1).min(settings.day_end);
    }

    /// What a trade with these flags may do: the union over the rules that meet them.
    #[inline]
    pub(crate) fn effects(&self, condition: u32) -> Effects {
        let mut effects = Effects::default();
        if condition != 0 {
            for rule in self.conditions.iter().filter(|rule| rule.mask & condition != 0) {
                effects.no_ohlc |= rule.no_ohlc;
                effects.no_open |= rule.no_open;
                effects.to_previous |= rule.to_previous;
            }
        }
        effects
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Session {
    open: bool,
    date: SessionDate,
    settings: Settings,
    feeds: Vec<Feed>,
    schedules: Vec<Schedule>,
    instruments: Vec<InstrumentState>,
}

impl Wire for Session {
    fn put(&self, out: &mut Vec<u8>) {
        self.open.put(out);
        self.date.put(out);
        self.settings.put(out);
        self.feeds.put(out);
        self.schedules.put(out);
        self.instruments.put(out);
    }

    fn take(input: &mut &[u8]) -> Result<Self, DecodeError> {
        let mut session = Self {
            open: Wire::take(input)?,
            date: Wire::take(input)?,
            settings: Wire::take(input)?,
            feeds: Wire::take(input)?,
            schedules: Wire::take(input)?,
            instruments: Wire::take(input)?,
        };
        session.set_clocks();
        Ok(session)
    }
}

impl Session {
    /// `None` when the opening contradicts itself.
    pub(crate) fn open(opened: &SessionOpened) -> Option<Self> {
        let schedules: Option<Vec<_>> = opened.calendar.classes.iter().map(Schedule::new).collect();
        let feeds_dense = opened.feeds.iter().enumerate().all(|(at, feed)| usize::from(feed.id.0) == at);
        let mut session = Self {
            open: true,
            date: opened.date,
            settings: settings(&opened.config, opened.calendar.day_start.get(), opened.calendar.day_end.get()),
            feeds: opened.feeds.iter().map(Feed::new).collect(),
            schedules: schedules?,
            instruments: Vec::with_capacity(opened.instruments.len()),
        };
        session.set_clocks();
        let whole = feeds_dense
            && session.settings.day_start < session.settings.day_end
            && opened.instruments.iter().all(|instrument| session.list(instrument));
        opened.opening.iter().for_each(|state| session.bring(state));
        whole.then_some(session)
    }

    pub(crate) fn is_open(&self) -> bool {
        self.open
    }

    pub(crate) fn date(&self) -> SessionDate {
        self.date
    }

    pub(crate) fn symbol(&self, id: InstrumentId) -> Option<&str> {
        self.instruments.get(id.index()).map(|state| state.symbol.as_str())
    }

    pub(crate) fn carry(&self) -> Vec<OpeningState> {
        self.instruments.iter().map(InstrumentState::carry).collect()
    }

    pub(crate) fn configure(&mut self, config: &EngineConfig) {
        self.instruments.iter_mut().for_each(InstrumentState::settle_horizon);
        self.settings = settings(config, self.settings.day_start, self.settings.day_end);
        self.set_clocks();
    }

    /// Brings the feeds in line with the settings.
    fn set_clocks(&mut self) {
        for feed in &mut self.feeds {
            feed.set_clock(feed.clock, &self.settings);
        }
    }

    /// Adds an instrument with the next dense number; `false` when its number, feed or class does not fit.
    pub(crate) fn list(&mut self, instrument: &Instrument) -> bool {
        let schedule = self.schedules.iter().position(|schedule| schedule.class == instrument.class);
        let fits = instrument.id.index() == self.instruments.len() && self.feeds.len() > usize::from(instrument.feed.0);
        match schedule {
            Some(schedule) if fits => {
                let symbol = String::from(instrument.symbol.as_str());
                self.instruments.push(InstrumentState::new(instrument.id, instrument.feed, symbol, schedule as u32));
                true
            }
            Some(_) | None => false,
        }
    }

    fn bring(&mut self, state: &OpeningState) {
        if let Some(instrument) = self.instruments.get_mut(state.instrument.index()) {
            instrument.bring(state);
        }
    }

    /// Takes a tick; whether it was believed, so that it tells of the market.
    pub(crate) fn tick(&mut self, tick: &Tick, probe: &mut impl Probe, out: &mut Output<'_>) -> bool {
        let Some(feed) = self.feeds.get(usize::from(tick.feed.0)) else {
            return refuse(out, RefusalReason::UnknownFeed);
        };
        let Some(instrument) = self.instruments.get_mut(tick.instrument.index()) else {
            return refuse(out, RefusalReason::UnknownInstrument);
        };
        let Some(schedule) = self.schedules.get(instrument.schedule as usize) else {
            return refuse(out, RefusalReason::Contradiction);
        };
        instrument.tick(tick, &Rules { settings: &self.settings, feed, schedule }, probe, out)
    }

    /// Takes a clock mark; whether it could be used.
    pub(crate) fn clock_mark(&mut self, mark: &ClockMark, probe: &mut impl Probe, out: &mut Output<'_>) -> bool {
        let Some(feed) = self.feeds.get_mut(usize::from(mark.feed.0)) else {
            return refuse(out, RefusalReason::UnknownFeed);
        };
        let now = mark.ts.get();
        if feed.clock.is_some_and(|clock| now < clock) {
            return refuse(out, RefusalReason::ClockBackwards);
        }
        feed.set_clock(Some(now), &self.settings);
        for instrument in self.instruments.iter_mut().filter(|instrument| instrument.feed == mark.feed) {
            if let Some(schedule) = self.schedules.get(instrument.schedule as usize) {
                instrument.clock(now, &self.settings, schedule, probe, out);
            }
        }
        true
    }

    /// Takes an interruption; whether it could be used.
    pub(crate) fn feed_gap(&mut self, gap: &FeedGap, out: &mut Output<'_>) -> bool {
        if usize::from(gap.feed.0) >= self.feeds.len() {
            return refuse(out, RefusalReason::UnknownFeed);
        }
        if gap.from > gap.to {
            return refuse(out, RefusalReason::Contradiction);
        }
        for instrument in self.instruments.iter_mut().filter(|instrument| instrument.feed == gap.feed) {
            instrument.gap(gap);
        }
        true
    }

    /// Closes every open bucket of every timeframe.
    pub(crate) fn close(&mut self, probe: &mut impl Probe, out: &mut Output<'_>) {
        self.open = false;
        for instrument in &mut self.instruments {
            if let Some(schedule) = self.schedules.get(instrument.schedule as usize) {
                instrument.finish(&self.settings, schedule, probe, out);
            }
        }
    }
}

fn settings(config: &EngineConfig, day_start: i64, day_end: i64) -> Settings {
    Settings {
        grace: config.grace_ns.max(0),
        ahead: config.ahead_ns.max(0),
        horizon: config.horizon_ns.clamp(0, HORIZON_MAX_NS),
        reset_after: config.reset_after_ns.max(0),
        day_start,
        day_end,
    }
}

/// Says why an input cannot be used.
fn refuse(out: &mut Output<'_>, reason: RefusalReason) -> bool {
    let cause = out.cause;
    out.push(Derived::InputRefused(InputRefused { reason, cause }));
    false
}
