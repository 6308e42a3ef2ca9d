//! What is fixed about one stock on one date before its first trade: tick, limits, where it opens and closes, when its
//! auctions match and when its last trade is.
//!
//! The last trade's price is drawn here, not made by the trades: so the next date's previous close is known without them.
//! `live.rs` and `past.rs` make trades that keep to it.

use barkeep_schemas::{NANOS, Phase, SessionDate};

use super::actions::Actions;
use super::hours::{ClassHours, Hours, Segment};
use super::levels::{Levels, Walk};
use super::ticks::{circuits, on_grid, tick_size};
use super::universe::{Stock, Universe};
use crate::chance::{Chance, Stream};

/// Nanoseconds in a millisecond, the clock of the simulated exchange.
pub(super) const MILLI: i64 = 1_000_000;

/// The one print of an auction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Auction {
    /// When it matches.
    pub(super) at: i64,
    /// Shares.
    pub(super) qty: i64,
    /// Whether it is the closing one, whose price is the day's close.
    pub(super) closing: bool,
}

/// A stock on a date. Prices in ten-thousandths of a rupee, times in nanoseconds.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Facts {
    /// The price grid.
    pub(super) tick: i64,
    /// The close before as it was traded.
    pub(super) previous_traded: i64,
    /// The close before, in shares of this date.
    pub(super) previous_close: i64,
    /// Limits of the date.
    pub(super) lower: i64,
    /// See `lower`.
    pub(super) upper: i64,
    /// The fair price at the open, in ticks.
    pub(super) open_ticks: f64,
    /// Where the stock's own bridge ends.
    pub(super) own: f64,
    /// The last trade's price.
    pub(super) close: i64,
    /// When the last trade is.
    pub(super) last_at: i64,
    /// Whether that is a trade of the continuous session and not the closing auction.
    pub(super) pinned: bool,
    /// The auctions, one for each segment that is an auction.
    pub(super) auctions: Vec<Auction>,
    /// The median trade, in shares.
    pub(super) median_qty: f64,
    /// When it is halted: from, up to but not including.
    pub(super) halt: Option<(i64, i64)>,
}

/// What facts are made of.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    /// The shared moves.
    pub(super) levels: &'a Levels,
    /// The instruments.
    pub(super) universe: &'a Universe,
    /// Corporate actions and renames.
    pub(super) actions: &'a Actions,
    /// The hours of every date of the plan.
    pub(super) hours: &'a [Hours],
}

impl Source<'_> {
    /// A stock's facts on the dates numbered `low..=high`; empty for a number that is no stock's.
    pub(super) fn facts(&self, number: usize, low: usize, high: usize) -> Vec<Facts> {
        let Some(stock) = self.universe.stocks.get(number) else { return Vec::new() };
        let from = self.reference(low.saturating_sub(1)).unwrap_or(0);
        let walk = Walk::new(self.levels, self.universe, number, from, high);
        (low..=high).filter_map(|day| self.day(number, stock, &walk, day)).collect()
    }

    /// What a level is in ten-thousandths of a rupee and shares of a date.
    fn price(&self, number: usize, level: f64, date: SessionDate) -> f64 {
        let first = self.levels.dates.get(self.levels.first).copied().unwrap_or_default();
        let shares = self.actions.shares(number, first) as f64 / self.actions.shares(number, date) as f64;
        libm::exp(level) * 10_000.0 * shares
    }

    /// The number of the last date of the month before, if the plan has it: its close sets the tick size.
    fn reference(&self, day: usize) -> Option<usize> {
        let month = |day: usize| self.levels.dates.get(day).map(|date| (date.ymd().0, date.ymd().1));
        let this = month(day)?;
        (0..day).rev().find(|before| month(*before) != Some(this))
    }

    fn tick(&self, number: usize, walk: &Walk, day: usize) -> i64 {
        let date = self.levels.dates.get(day).copied().unwrap_or_default();
        let level = self.reference(day).map_or_else(|| walk.day(0).before, |reference| walk.day(reference).close());
        tick_size(date, self.price(number, level, date) as i64)
    }

    /// The close before, as traded and in shares of the date.
    fn previous(&self, number: usize, walk: &Walk, day: usize, tick: i64) -> (i64, i64) {
        let date = self.levels.dates.get(day).copied().unwrap_or_default();
        let Some((before, yesterday)) = day.checked_sub(1).and_then(|n| Some((n, *self.levels.dates.get(n)?))) else {
            let close = on_grid(self.price(number, walk.day(day).before, date), tick);
            return (close, close);
        };
        let level = walk.day(before).close();
        let traded = on_grid(self.price(number, level, yesterday), self.tick(number, walk, before));
        let (was, is) = (self.actions.shares(number, yesterday), self.actions.shares(number, date));
        (traded, adjusted(traded, was, is))
    }

    fn day(&self, number: usize, stock: &Stock, walk: &Walk, day: usize) -> Option<Facts> {
        let (hours, date) = (self.hours.get(day)?, *self.levels.dates.get(day)?);
        let class = hours.class(stock.class)?;
        let level = walk.day(day);
        let tick = self.tick(number, walk, day);
        let (previous_traded, previous_close) = self.previous(number, walk, day, tick);
        let (lower, upper) = circuits(previous_close, stock.band, tick);
        let open_ticks = self.price(number, level.open, date) / tick as f64;
        let close = on_grid(self.price(number, level.close(), date), tick);
        let median_qty = (stock.ticket / (open_ticks * tick as f64 / 10_000.0)).max(1.0);
        let halt = halts(self.levels.seed, self.universe, hours).into_iter().find(|halt| halt.0 == number);
        let mut facts = Facts {
            tick,
            previous_traded,
            previous_close,
            lower,
            upper,
            open_ticks,
            own: level.own,
            close,
            last_at: 0,
            pinned: false,
            auctions: Vec::new(),
            median_qty,
            halt: halt.map(|(_, from, to)| (from, to)),
        };
        facts.draw_times(stock, class, &mut Chance::new(self.levels.seed, date, Stream::InstrumentTimes, number));
        Some(facts)
    }
}

/// A price in other shares, rounded to the paisa, as Kite gives adjusted ones.
pub(super) fn adjusted(price: i64, was: i64, is: i64) -> i64 {
    if was == is {
        return price;
    }
    ((price * was / is.max(1) + 50) / 100).max(1) * 100
}

impl Facts {
    fn draw_times(&mut self, stock: &Stock, class: &ClassHours, chance: &mut Chance) {
        let date = class.date;
        let day_trades = stock.rate * f64::from(class.seconds);
        let last = class.segments.iter().rposition(|segment| segment.phase != Phase::PreOpen);
        // A pre-open that no trading follows matches nothing: the last trade is the last segment's.
        let segments = class.segments.iter().take(last.map_or(0, |place| place + 1));
        for segment in segments.filter(|segment| segment.phase != Phase::Continuous) {
            let closing = segment.phase == Phase::ClosingAuction;
            let (from, to) = matching(segment, date);
            let millis = i64::from(segment.seconds) * 1_000;
            let at = chance.between(from, to) * millis as f64;
            let share = if closing { chance.between(0.03, 0.08) } else { chance.between(0.008, 0.02) };
            let qty = libm::ceil(self.median_qty * (2.0 + day_trades * share)) as i64;
            self.auctions.push(Auction { at: segment.start + at as i64 * MILLI, qty, closing });
        }
        let Some(last) = last.and_then(|place| class.segments.get(place)) else { return };
        if let Some(auction) = self.auctions.last().filter(|_| last.phase == Phase::ClosingAuction) {
            self.last_at = auction.at;
            return;
        }
        // The wait for the last trade, seen backwards from the end; the smile makes the end livelier.
        let wait = -libm::log(1.0 - chance.unit()) / (stock.rate * 1.5);
        let end = i64::from(last.seconds) * 1_000;
        let back = (wait * 1_000.0).min(end as f64 / 2.0) as i64;
        self.last_at = last.start + (end - 1 - back).max(0) * MILLI;
        self.pinned = true;
        if let Some((from, to)) = self.halt
            && (from..to).contains(&self.last_at)
        {
            self.last_at = to;
        }
    }

    /// Whether it is halted in the second that begins at a moment.
    pub(super) fn is_halted(&self, second: i64) -> bool {
        self.halt.is_some_and(|(from, to)| (from..to).contains(&second))
    }
}

/// When in its segment an auction matches, as fractions. Pre-open: 09:08 to 09:10 until 2026-09-06, 09:10 to 09:12 from
/// then on. Closing auction: 15:30 to 15:34 of 15:15 to 15:35; in the short one of 15:30 to 15:40 its last two minutes.
fn matching(segment: &Segment, date: SessionDate) -> (f64, f64) {
    let new = SessionDate::from_ymd(2026, 9, 7).is_some_and(|from| date >= from);
    if segment.phase == Phase::ClosingAuction {
        return if segment.seconds >= 900 { (0.75, 0.95) } else { (0.85, 0.99) };
    }
    if new { (10.0 / 15.0, 12.0 / 15.0) } else { (8.0 / 15.0, 10.0 / 15.0) }
}

/// The halts of a date: instrument, from, to. One to three a day where eight stocks are listed, five to fifteen minutes
/// each, away from the ends of a part that is an hour long at least.
pub(super) fn halts(seed: u64, universe: &Universe, hours: &Hours) -> Vec<(usize, i64, i64)> {
    const AMONG: usize = 1_000;
    let count = universe.stocks.len().min(AMONG);
    if count < 8 {
        return Vec::new();
    }
    let mut chance = Chance::new(seed, hours.date, Stream::Halts, 0);
    let mut halts: Vec<(usize, i64, i64)> = Vec::new();
    for _ in 0..chance.whole(1, 3) {
        let number = chance.place(count);
        let (at, length) = (chance.unit(), chance.whole(300, 900));
        let class = universe.stocks.get(number).and_then(|stock| hours.class(stock.class));
        let part = class.and_then(|class| {
            class.segments.iter().find(|segment| segment.phase == Phase::Continuous && segment.seconds >= 3_600)
        });
        let Some(part) = part.filter(|_| halts.iter().all(|halt| halt.0 != number)) else { continue };
        let room = i64::from(part.seconds) - 900 - 1_200 - length;
        let from = part.start + (900 + (at * room.max(0) as f64) as i64) * NANOS;
        halts.push((number, from, from + length * NANOS));
    }
    halts
}
