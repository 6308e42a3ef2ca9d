//! One instrument: its volume counter, its watermark, and the road of a tick into its bars.
//!
//! Invariant: for every timeframe, the volumes of the newest editions of all bars plus the unallocated volume sum to
//! the last cumulative volume (plus, after resets, the maxima before them).

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use barkeep_schemas::{
    AuctionPrint, DecodeError, Derived, FeedGap, FeedId, InputRefused, InstrumentId, OpeningState, Phase, Price, Qty,
    RefusalReason, SetAsideReason, Tick, TickSetAside, Timeframe, TimeframeSet, TradeRule, Ts, UnallocatedReason,
    UnallocatedVolume, VolumeReset, VolumeSource, Wire,
};

use crate::bucket::{Gain, Trade};
use crate::counter::{Counter, Rise};
use crate::output::Output;
use crate::probe::{Probe, Stage};
use crate::schedule::{Schedule, Slot, Span};
use crate::session::{Feed, Settings};
use crate::state::wire_fields;
use crate::track::Track;

/// What a tick is read by.
pub(crate) struct Rules<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) feed: &'a Feed,
    pub(crate) schedule: &'a Schedule,
}

/// An interruption whose missing volume has not shown yet.
#[derive(Clone, Copy, Debug)]
struct Gap {
    from: i64,
    to: i64,
}
wire_fields!(Gap { from, to });

/// Fields are in the order of their use: what every tick touches fits into three cache lines, and those of 200
/// instruments into the nearest cache.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub(crate) struct InstrumentState {
    watermark: i64,
    /// Buckets that end by here have closed.
    limit: i64,
    /// The nearest end of an open bucket of a minute or more.
    coarse_due: i64,
    counter: Counter,
    last_price: Option<Price>,
    gap: Option<Box<Gap>>,
    /// Which of the session's schedules it keeps.
    pub(crate) schedule: u32,
    pub(crate) feed: FeedId,
    /// Whether a closed bucket has changed.
    dirty: bool,
    seconds: Track,
    minutes: Track,
    id: InstrumentId,
    span_hint: u32,
    last_trade: Option<Ts>,
    multis: [Track; MULTIS],
    pub(crate) symbol: String,
}

/// Timeframes made of minutes.
const MULTIS: usize = Timeframe::ALL.len() - 2;

/// What can be read off the tracks is not written, or, the due moment, not read.
impl Wire for InstrumentState {
    fn put(&self, out: &mut Vec<u8>) {
        self.id.put(out);
        self.feed.put(out);
        self.symbol.put(out);
        self.schedule.put(out);
        self.counter.put(out);
        self.last_trade.put(out);
        self.last_price.put(out);
        self.gap.put(out);
        self.watermark.put(out);
        self.limit.put(out);
        self.due().put(out);
        self.span_hint.put(out);
        self.seconds.put(out);
        self.minutes.put(out);
        (MULTIS as u32).put(out);
        self.multis.iter().for_each(|track| track.put(out));
    }

    fn take(input: &mut &[u8]) -> Result<Self, DecodeError> {
        let (id, feed) = (Wire::take(input)?, Wire::take(input)?);
        let mut state = Self::new(id, feed, Wire::take(input)?, Wire::take(input)?);
        state.counter = Wire::take(input)?;
        state.last_trade = Wire::take(input)?;
        state.last_price = Wire::take(input)?;
        state.gap = Wire::take(input)?;
        state.watermark = Wire::take(input)?;
        state.limit = Wire::take(input)?;
        let _due = i64::take(input)?;
        state.span_hint = Wire::take(input)?;
        state.seconds = Track::take_of(Timeframe::S1, input)?;
        state.minutes = Track::take_of(Timeframe::M1, input)?;
        let multis = u32::take(input)?;
        if multis as usize != MULTIS {
            return Err(DecodeError::UnknownCode { what: "number of timeframes", code: multis });
        }
        for track in &mut state.multis {
            *track = Track::take_of(track.tf, input)?;
        }
        state.dirty = state.seconds.is_dirty() || state.coarse().any(Track::is_dirty);
        state.set_coarse_due();
        Ok(state)
    }
}

/// Volume on its way to the bars, and since when it may have been traded.
#[derive(Clone, Copy, Debug)]
enum Volume {
    /// Traded at the tick's own time.
    Here(i64),
    /// Traded at some time after `from`.
    Since { from: i64, shares: i64, reason: UnallocatedReason },
    /// Traded before anyone looked.
    Unseen(i64),
}

impl Volume {
    fn shares(self) -> i64 {
        match self {
            Self::Here(shares) | Self::Since { shares, .. } | Self::Unseen(shares) => shares,
        }
    }
}

impl InstrumentState {
    pub(crate) fn new(id: InstrumentId, feed: FeedId, symbol: String, schedule: u32) -> Self {
        let [seconds, minutes, multis @ ..] = Timeframe::ALL.map(Track::new);
        Self {
            watermark: i64::MIN,
            limit: i64::MIN,
            coarse_due: i64::MAX,
            counter: Counter::default(),
            last_price: None,
            gap: None,
            schedule,
            feed,
            dirty: false,
            seconds,
            minutes,
            id,
            span_hint: 0,
            last_trade: None,
            multis,
            symbol,
        }
    }

    /// Takes over state from the session before.
    pub(crate) fn bring(&mut self, state: &OpeningState) {
        self.counter = Counter::starting_at(state.cum_volume);
        self.last_price = state.last_price;
    }

    /// What the next session would take over.
    pub(crate) fn carry(&self) -> OpeningState {
        OpeningState { instrument: self.id, cum_volume: self.counter.max(), last_price: self.last_price }
    }

    pub(crate) fn gap(&mut self, gap: &FeedGap) {
        let new = Gap { from: gap.from.get(), to: gap.to.get() };
        let known = self.gap.as_deref().copied().unwrap_or(new);
        self.gap = Some(Box::new(Gap { from: known.from.min(new.from), to: known.to.max(new.to) }));
    }

    /// Takes a tick; whether it was believed, so that it tells of the market.
    pub(crate) fn tick(
        &mut self,
        tick: &Tick,
        rules: &Rules<'_>,
        probe: &mut impl Probe,
        out: &mut Output<'_>,
    ) -> bool {
        let negative = |qty: Option<Qty>| qty.is_some_and(|qty| qty < Qty::ZERO);
        if tick.price <= Price::ZERO || negative(tick.qty) || negative(tick.cum_volume) {
            let cause = out.cause;
            out.push(Derived::InputRefused(InputRefused { reason: RefusalReason::Contradiction, cause }));
            return false;
        }
        let newest = tick.last_trade.map_or(tick.ts, |last_trade| last_trade.max(tick.ts)).get();
        if (tick.ts.get() < rules.settings.day_start || newest >= rules.feed.believed_until)
            && let Some(reason) = suspect(tick, newest, rules)
        {
            self.set_aside(tick.ts, reason, out);
            return false;
        }
        probe.enter(Stage::SecondBars);
        self.last_price = Some(tick.price);
        let at = match (rules.feed.trade_rule, tick.last_trade) {
            (TradeRule::Kite, Some(last_trade)) => last_trade.get(),
            (TradeRule::Kite | TradeRule::All | TradeRule::Qty, _) => tick.ts.get(),
        };
        // What stands where it stood has seen no trade since.
        let unmoved = tick.last_trade == self.last_trade;
        let volume = self.volume(tick, at, rules, out);
        // A trade of an earlier day shows a price, and nothing that belongs to this session.
        let counts = self.counts(tick, volume, rules.feed.trade_rule) && at >= rules.settings.day_start;
        if counts || volume.shares() > 0 {
            let effects = rules.feed.effects(tick.condition);
            let trade = Trade { t: at, price: tick.price, volume: 0, counts, effects, seq: out.cause.0 };
            if !self.add_to_newest(trade, volume, rules) {
                self.trade(trade, volume, rules, out);
            }
        }
        if let Some(gap) = &self.gap {
            // A snapshot taken in the gap is the one that the broker kept for whoever comes back: it ends the gap as well
            // as one from after it does. So does one that shows that nothing was traded.
            let ts = tick.ts.get();
            if ts >= gap.to || ts > gap.from || (unmoved && volume.shares() == 0) {
                self.gap = None;
            }
        }
        self.watermark = self.watermark.max(tick.ts.get());
        self.advance(rules.settings, rules.schedule, false, probe, out);
        true
    }

    /// The settings are about to change.
    pub(crate) fn settle_horizon(&mut self) {
        self.seconds.settle_horizon();
    }

    /// The feed's clock passed `now`.
    pub(crate) fn clock(
        &mut self,
        now: i64,
        settings: &Settings,
        schedule: &Schedule,
        probe: &mut impl Probe,
        out: &mut Output<'_>,
    ) {
        self.watermark = self.watermark.max(now);
        self.advance(settings, schedule, true, probe, out);
    }

    /// The session ends: every bucket closes.
    pub(crate) fn finish(
        &mut self,
        settings: &Settings,
        schedule: &Schedule,
        probe: &mut impl Probe,
        out: &mut Output<'_>,
    ) {
        self.clock(i64::MAX, settings, schedule, probe, out);
    }

    /// How much volume the tick shows, and since when.
    #[inline]
    fn volume(&mut self, tick: &Tick, at: i64, rules: &Rules<'_>, out: &mut Output<'_>) -> Volume {
        let rise = match (rules.feed.volume, tick.cum_volume, tick.qty) {
            (VolumeSource::Cumulative, Some(value), _) => {
                self.counter.update(value.get(), tick.ts.get(), rules.settings.reset_after)
            }
            (VolumeSource::Quantity, _, Some(qty)) => return Volume::Here(qty.get()),
            (VolumeSource::Cumulative | VolumeSource::Quantity | VolumeSource::Nothing, _, _) => Rise::None,
        };
        match (rise, &self.gap) {
            (Rise::None, _) => Volume::Here(0),
            (Rise::First(shares), _) => Volume::Unseen(shares),
            (Rise::Shares(shares), Some(gap)) if at > gap.from => {
                Volume::Since { from: gap.from, shares, reason: UnallocatedReason::Gap }
            }
            (Rise::Shares(shares), _) => Volume::Here(shares),
            (Rise::Reset { before, after, since }, _) => {
                out.push(Derived::VolumeReset(VolumeReset {
                    instrument: self.id,
                    before: Qty::new(before),
                    after: Qty::new(after),
                    since: Ts::new(since),
                    cause: out.cause,
                }));
                Volume::Since { from: since, shares: after, reason: UnallocatedReason::Reset }
            }
        }
    }

    /// Whether the tick counts as a trade.
    #[inline]
    fn counts(&mut self, tick: &Tick, volume: Volume, rule: TradeRule) -> bool {
        match rule {
            TradeRule::All => true,
            TradeRule::Qty => tick.qty.is_some_and(|qty| qty.get() > 0),
            TradeRule::Kite => {
                let moved = tick.last_trade > self.last_trade;
                if moved {
                    self.last_trade = tick.last_trade;
                }
                moved || volume.shares() > 0
            }
        }
    }

    /// Adds a trade to the newest second, into which most trades fall; `false` when it belongs elsewhere.
    #[inline]
    fn add_to_newest(&mut self, trade: Trade, volume: Volume, rules: &Rules<'_>) -> bool {
        match (volume, self.seconds.newest_slot(trade.t)) {
            (Volume::Here(volume), Some(slot)) if self.may_change(slot, rules.settings) => {
                self.add(Trade { volume, ..trade }, slot);
                true
            }
            (Volume::Here(_) | Volume::Since { .. } | Volume::Unseen(_), _) => false,
        }
    }

    /// Whether the second at `slot` is young enough to take a trade.
    #[inline]
    fn may_change(&self, slot: Slot, settings: &Settings) -> bool {
        slot.start.saturating_add(settings.horizon) >= self.watermark
    }

    /// Books a trade, or volume without one, by the phase of the day that it fell in.
    #[inline(never)]
    fn trade(&mut self, trade: Trade, volume: Volume, rules: &Rules<'_>, out: &mut Output<'_>) {
        let span = rules.schedule.span(trade.t, &mut self.span_hint);
        match (span, volume) {
            (Some(span), _) if span.phase == Phase::Continuous => self.continuous(trade, volume, span, rules, out),
            (Some(span), Volume::Here(shares)) if is_auction(span.phase) => self.auction(trade, shares, span, out),
            // Before the open the counter started at zero, so its first value is the auction's.
            (Some(span), Volume::Unseen(shares)) if span.phase == Phase::PreOpen => {
                self.auction(trade, shares, span, out);
            }
            (_, Volume::Here(shares)) => {
                self.unallocated(shares, trade.t, trade.t, TimeframeSet::ALL, UnallocatedReason::OutsideHours, out);
            }
            (_, Volume::Since { from, shares, reason }) => {
                self.unallocated(shares, from, trade.t, TimeframeSet::ALL, reason, out);
            }
            (_, Volume::Unseen(shares)) => self.unseen(shares, trade.t, rules, out),
        }
    }

    fn continuous(&mut self, mut trade: Trade, volume: Volume, span: Span, rules: &Rules<'_>, out: &mut Output<'_>) {
        let slot = span.slot(Timeframe::S1, trade.t);
        if !self.may_change(slot, rules.settings) {
            self.set_aside(Ts::new(trade.t), SetAsideReason::TooLate, out);
            let (from, reason) = match volume {
                Volume::Since { from, reason, .. } => (from, reason),
                Volume::Here(_) | Volume::Unseen(_) => (trade.t, UnallocatedReason::TooLate),
            };
            return self.unallocated(volume.shares(), from, trade.t, TimeframeSet::ALL, reason, out);
        }
        match volume {
            Volume::Here(shares) => trade.volume = shares,
            Volume::Unseen(shares) => self.unseen(shares, trade.t, rules, out),
            Volume::Since { from, shares, reason } => {
                trade.volume = self.spread(shares, from, trade, span, reason, out);
            }
        }
        self.add(trade, slot);
    }

    /// Adds a trade to its second.
    #[inline]
    fn add(&mut self, trade: Trade, slot: Slot) {
        if trade.counts || trade.volume > 0 {
            self.seconds.change(slot, self.limit, |bucket| bucket.add(&trade));
            self.dirty |= self.seconds.is_dirty();
        }
    }

    /// Gives volume that was traded between `from` and the trade to the timeframes whose bucket holds the whole
    /// interval, and says which do not. Returns what the second itself takes.
    fn spread(
        &mut self,
        shares: i64,
        from: i64,
        trade: Trade,
        span: Span,
        reason: UnallocatedReason,
        out: &mut Output<'_>,
    ) -> i64 {
        let within = from >= span.start;
        let holds = |tf| within && span.slot(tf, from.min(trade.t)).start == span.slot(tf, trade.t).start;
        if holds(Timeframe::S1) {
            return shares;
        }
        let mut lacking = TimeframeSet::of(Timeframe::S1);
        let limit = self.limit;
        let add = |track: &mut Track| {
            let slot = span.slot(track.tf, trade.t);
            track.change(slot, limit, |bucket| bucket.add_volume(shares, trade.seq));
        };
        if holds(Timeframe::M1) {
            // The multi-minute bars receive it from the minute.
            add(&mut self.minutes);
        } else {
            lacking = lacking.with(Timeframe::M1);
            for track in &mut self.multis {
                if holds(track.tf) {
                    add(track);
                } else {
                    lacking = lacking.with(track.tf);
                }
            }
        }
        let dirty = self.coarse().any(Track::is_dirty);
        self.dirty |= dirty;
        self.set_coarse_due();
        self.unallocated(shares, from, trade.t, lacking, reason, out);
        0
    }

    fn auction(&mut self, trade: Trade, shares: i64, span: Span, out: &mut Output<'_>) {
        if shares == 0 {
            return;
        }
        out.push(Derived::AuctionPrint(AuctionPrint {
            instrument: self.id,
            phase: span.phase,
            ts: Ts::new(trade.t),
            price: trade.price,
            volume: Qty::new(shares),
            cause: out.cause,
        }));
        self.unallocated(shares, span.start, trade.t, TimeframeSet::ALL, UnallocatedReason::Auction, out);
    }

    /// The counter's first value: traded at some time since the day began.
    fn unseen(&self, shares: i64, at: i64, rules: &Rules<'_>, out: &mut Output<'_>) {
        let from = rules.schedule.first().unwrap_or(rules.settings.day_start).min(at);
        self.unallocated(shares, from, at, TimeframeSet::ALL, UnallocatedReason::FirstValue, out);
    }

    #[inline(never)]
    fn unallocated(
        &self,
        shares: i64,
        from: i64,
        to: i64,
        timeframes: TimeframeSet,
        reason: UnallocatedReason,
        out: &mut Output<'_>,
    ) {
        if shares > 0 {
            out.push(Derived::UnallocatedVolume(UnallocatedVolume {
                instrument: self.id,
                volume: Qty::new(shares),
                from: Ts::new(from),
                to: Ts::new(to),
                timeframes,
                reason,
                cause: out.cause,
            }));
        }
    }

    #[cold]
    fn set_aside(&self, ts: Ts, reason: SetAsideReason, out: &mut Output<'_>) {
        let cause = out.cause;
        out.push(Derived::TickSetAside(TickSetAside { instrument: self.id, ts, reason, cause }));
    }

    /// The tracks of a minute or more.
    fn coarse(&self) -> impl Iterator<Item = &Track> {
        core::iter::once(&self.minutes).chain(&self.multis)
    }

    fn set_coarse_due(&mut self) {
        self.coarse_due = self.coarse().map(Track::due).fold(i64::MAX, i64::min);
    }

    /// The nearest end of an open bucket of any timeframe.
    fn due(&self) -> i64 {
        self.seconds.due().min(self.coarse_due)
    }

    /// Closes what the watermark has passed, finest timeframe first. Revisions wait for a clock mark (`flush`) or for a
    /// coarser bucket that is about to close, so that the late ticks of one bucket make one revision.
    #[inline]
    fn advance(
        &mut self,
        settings: &Settings,
        schedule: &Schedule,
        flush: bool,
        probe: &mut impl Probe,
        out: &mut Output<'_>,
    ) {
        let before = self.limit;
        self.limit = before.max(self.watermark.saturating_sub(settings.grace));
        if self.limit >= self.due() || (flush && self.dirty) {
            self.close(settings, schedule, flush, before, probe, out);
        }
    }

    /// See [`Self::advance`]; `before` is the limit up to which buckets had closed.
    #[inline(never)]
    fn close(
        &mut self,
        settings: &Settings,
        schedule: &Schedule,
        flush: bool,
        before: i64,
        probe: &mut impl Probe,
        out: &mut Output<'_>,
    ) {
        let Self { id, limit, seconds, minutes, span_hint, .. } = self;
        let mut to_minute = |gain: Gain, minutes: &mut Track| {
            let slot = minutes.newest_slot(gain.at);
            if let Some(slot) = slot.or_else(|| Some(schedule.span(gain.at, span_hint)?.slot(Timeframe::M1, gain.at))) {
                minutes.change(slot, before, |bucket| bucket.absorb(&gain));
            }
        };
        probe.enter(Stage::MinuteBars);
        seconds.close(*limit, *id, out, |gain| to_minute(gain, minutes));
        self.coarse_due = self.coarse_due.min(minutes.due());
        let flush = flush || self.coarse_due <= *limit;
        if flush {
            seconds.revise(*id, out, |gain| to_minute(gain, minutes));
        }
        seconds.give_up(self.watermark.saturating_sub(settings.horizon));
        self.coarse_due = self.coarse_due.min(minutes.due());
        if flush {
            probe.enter(Stage::MultiBars);
            if self.coarse_due <= *limit || self.coarse().any(Track::is_dirty) {
                self.close_coarse(schedule, before, probe, out);
            }
        }
        self.dirty = self.seconds.is_dirty() || self.coarse().any(Track::is_dirty);
    }

    /// Closes and revises minutes, then what is made of them.
    fn close_coarse(&mut self, schedule: &Schedule, before: i64, probe: &mut impl Probe, out: &mut Output<'_>) {
        let Self { id, limit, minutes, multis, span_hint, .. } = self;
        let mut to_multis = |gain: Gain| {
            let Some(span) = schedule.span(gain.at, span_hint) else { return };
            for track in multis.iter_mut() {
                let slot = track.newest_slot(gain.at).unwrap_or_else(|| span.slot(track.tf, gain.at));
                track.change(slot, before, |bucket| bucket.absorb(&gain));
            }
        };
        minutes.close(*limit, *id, out, &mut to_multis);
        minutes.revise(*id, out, &mut to_multis);
        minutes.forget(i64::MAX, COARSE_KEPT);
        probe.enter(Stage::Windows);
        for track in multis {
            track.close(*limit, *id, out, |_| {});
            track.revise(*id, out, |_| {});
            track.forget(i64::MAX, COARSE_KEPT);
        }
        self.set_coarse_due();
    }
}

/// Closed buckets of a minute or more that may still be revised.
const COARSE_KEPT: u32 = 2;

/// Clock marks come once a second.
const MARK_EVERY_NS: i64 = 1_000_000_000;

/// Why a tick may move nothing, if it may not; `newest` is the latest of its times.
#[cold]
fn suspect(tick: &Tick, newest: i64, rules: &Rules<'_>) -> Option<SetAsideReason> {
    if tick.ts.get() < rules.settings.day_start || newest >= rules.settings.day_end {
        return Some(SetAsideReason::OutsideDate);
    }
    // Behind the last phase no clock mark says how late it is.
    let over = |clock: i64| rules.schedule.last().is_none_or(|last| clock.saturating_add(MARK_EVERY_NS) >= last);
    let ahead = |clock: i64| newest > clock.saturating_add(rules.settings.ahead) && !over(clock);
    rules.feed.clock.is_some_and(ahead).then_some(SetAsideReason::AheadOfClock)
}

fn is_auction(phase: Phase) -> bool {
    match phase {
        Phase::PreOpen | Phase::ClosingAuction => true,
        Phase::Continuous | Phase::PostClose => false,
    }
}
