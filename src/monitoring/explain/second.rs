//! The ticks of an instrument sorted into seconds, with what each brought: prices by the session's trade rule, volume by
//! its counter. Written apart from the engine on purpose.

use std::collections::{BTreeMap, HashMap};

use barkeep_schemas::{ConditionEffect, FeedSpec, Seq, Tick, Timeframe, TradeRule, UnallocatedReason, VolumeSource};

use super::day::InstrumentDay;

/// What one tick brought.
#[derive(Clone, Copy, Debug)]
pub(super) struct Share<'a> {
    pub(super) seq: Seq,
    pub(super) tick: &'a Tick,
    /// The time by which it is sorted.
    pub(super) at: i64,
    /// Whether it counts as a trade.
    pub(super) counts: bool,
    pub(super) sets_price: bool,
    pub(super) may_open: bool,
    pub(super) to_previous: bool,
    /// Shares that it shows beyond what was known.
    rise: i64,
    /// The part of the rise that each timeframe lacks, by its index.
    lacking: [i64; 7],
}

impl Share<'_> {
    /// Shares that bars of a timeframe count.
    pub(super) fn volume(&self, tf: Timeframe) -> i64 {
        self.rise - self.lacking.get(usize::from(tf.index())).copied().unwrap_or(0)
    }
}

/// The seconds of a session up to a position; volume handed to the bar before lies with that bar.
#[derive(Debug)]
pub(super) struct Seconds<'a> {
    by_start: BTreeMap<i64, Vec<Share<'a>>>,
}

/// A bar as redone from ticks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Redone {
    pub(super) prices: Option<[i64; 4]>,
    pub(super) volume: i64,
    pub(super) trades: u32,
}

impl<'a> Seconds<'a> {
    /// Sorts the ticks that the engine had taken by `as_of`.
    pub(super) fn of(day: &'a InstrumentDay, as_of: Seq) -> Self {
        let mut by_start: BTreeMap<i64, Vec<Share<'a>>> = BTreeMap::new();
        let Some(feed) = day.feed() else { return Self { by_start } };
        let mut reading = Reading { day, feed, max: opening_max(day), last_trade: None, lacking: lacking(day) };
        for (seq, tick) in day.ticks.iter().filter(|(seq, _)| *seq <= as_of) {
            if let Some(share) = reading.read(*seq, tick)
                && let Some((start, _)) = day.bucket(Timeframe::S1, share.at)
            {
                by_start.entry(start).or_default().push(share);
            }
        }
        hand_back(&mut by_start);
        Self { by_start }
    }

    /// The seconds that start in `[start, end)`, with their ticks.
    pub(super) fn between(&self, start: i64, end: i64) -> impl Iterator<Item = (i64, &[Share<'a>])> {
        self.by_start.range(start..end).map(|(start, shares)| (*start, shares.as_slice()))
    }

    /// The bar of `[start, end)`, redone.
    pub(super) fn redo(&self, tf: Timeframe, start: i64, end: i64) -> Redone {
        let mut redone = Redone { prices: None, volume: 0, trades: 0 };
        for (_, shares) in self.between(start, end) {
            redone.volume += shares.iter().map(|share| share.volume(tf)).sum::<i64>();
            redone.trades += shares.iter().filter(|share| share.counts).count() as u32;
            let Some([open, high, low, close]) = prices(shares) else { continue };
            redone.prices = Some(match redone.prices {
                None => [open, high, low, close],
                Some([first, highest, lowest, _]) => [first, highest.max(high), lowest.min(low), close],
            });
        }
        redone
    }
}

/// Open, high, low and close of one second: open and close by the trades' own times, ties by their order on the tape.
fn prices(shares: &[Share<'_>]) -> Option<[i64; 4]> {
    let setting: Vec<&Share<'_>> = shares.iter().filter(|share| share.counts && share.sets_price).collect();
    // Trades that cannot open a bar move nothing before one that can.
    let opens_at = setting.iter().position(|share| share.may_open)?;
    let moving = setting.get(opens_at..)?;
    let price: fn(&&Share<'_>) -> i64 = |share| share.tick.price.get();
    let open = moving.iter().filter(|share| share.may_open).min_by_key(|share| share.at).map(price)?;
    let close = moving.iter().max_by_key(|share| share.at).map(price)?;
    Some([open, moving.iter().map(price).max()?, moving.iter().map(price).min()?, close])
}

/// A second whose trades all hand their volume back has no bar; its shares join the bar before.
fn hand_back(by_start: &mut BTreeMap<i64, Vec<Share<'_>>>) {
    let mut before = None;
    let starts: Vec<i64> = by_start.keys().copied().collect();
    for start in starts {
        let Some(shares) = by_start.get(&start) else { continue };
        if prices(shares).is_some() {
            before = Some(start);
            continue;
        }
        let mut counting = shares.iter().filter(|share| share.counts).peekable();
        let moves = counting.peek().is_some() && counting.all(|share| share.to_previous);
        if let (true, Some(before)) = (moves, before)
            && let Some(shares) = by_start.remove(&start)
        {
            by_start.entry(before).or_default().extend(shares);
        }
    }
}

/// What was said to be in no bar, by the tick that showed it. Volume without a price is said at the close, not at a
/// tick, and only for the timeframes whose bucket had no price: those have no bar to redo.
fn lacking(day: &InstrumentDay) -> HashMap<Seq, [i64; 7]> {
    let mut lacking: HashMap<Seq, [i64; 7]> = HashMap::new();
    for (_, lost) in day.unallocated.iter().filter(|(_, lost)| lost.reason != UnallocatedReason::NoPrice) {
        let by_tf = lacking.entry(lost.cause).or_default();
        for tf in lost.timeframes.iter() {
            if let Some(shares) = by_tf.get_mut(usize::from(tf.index())) {
                *shares += lost.volume.get();
            }
        }
    }
    lacking
}

fn opening_max(day: &InstrumentDay) -> i64 {
    let state = day.opened.opening.iter().find(|state| state.instrument == day.id);
    state.and_then(|state| state.cum_volume).map_or(0, |volume| volume.get())
}

/// The reading of ticks in their order.
struct Reading<'a> {
    day: &'a InstrumentDay,
    feed: &'a FeedSpec,
    max: i64,
    last_trade: Option<i64>,
    lacking: HashMap<Seq, [i64; 7]>,
}

impl<'a> Reading<'a> {
    /// `None` for a tick that moved nothing.
    fn read(&mut self, seq: Seq, tick: &'a Tick) -> Option<Share<'a>> {
        let aside = self.day.set_aside.get(&seq);
        if aside.is_some_and(|reason| *reason != barkeep_schemas::SetAsideReason::TooLate) {
            return None;
        }
        let rise = self.rise(seq, tick);
        let moved = tick.last_trade.map(|t| t.get()) > self.last_trade;
        self.last_trade = self.last_trade.max(tick.last_trade.map(|t| t.get()));
        if aside.is_some() {
            return None;
        }
        let qty = tick.qty.map_or(0, |qty| qty.get());
        let counts = match self.feed.trade_rule {
            TradeRule::All => true,
            TradeRule::Qty => qty > 0,
            TradeRule::Kite => moved || rise > 0,
        };
        if !counts && rise == 0 {
            return None;
        }
        let at = match (self.feed.trade_rule, tick.last_trade) {
            (TradeRule::Kite, Some(last_trade)) => last_trade.get(),
            (TradeRule::Kite | TradeRule::All | TradeRule::Qty, _) => tick.ts.get(),
        };
        let has = |effect| {
            let mut rules = self.feed.conditions.iter().filter(|rule| rule.mask & tick.condition != 0);
            rules.any(|rule| rule.effects.contains(&effect))
        };
        Some(Share {
            seq,
            tick,
            at,
            counts,
            sets_price: !has(ConditionEffect::NoOhlc),
            may_open: !has(ConditionEffect::NoOpen),
            to_previous: has(ConditionEffect::VolumeToPrevious),
            rise,
            lacking: self.lacking.get(&seq).copied().unwrap_or_default(),
        })
    }

    fn rise(&mut self, seq: Seq, tick: &Tick) -> i64 {
        match (self.feed.volume, tick.cum_volume) {
            (VolumeSource::Quantity, _) => tick.qty.map_or(0, |qty| qty.get()),
            (VolumeSource::Cumulative, Some(volume)) => {
                if self.day.resets.contains_key(&seq) {
                    self.max = volume.get();
                    return volume.get();
                }
                let rise = (volume.get() - self.max).max(0);
                self.max += rise;
                rise
            }
            (VolumeSource::Cumulative | VolumeSource::Nothing, _) => 0,
        }
    }
}
