//! The trades of one stock on one date, second after second: the one source of every print, candle and index level.
//!
//! It never looks at the book and keeps no trade; whoever walks through the same seconds in order gets the same trades.
//! `live.rs` and `past.rs` call it.

use super::facts::{Facts, MILLI};
use super::paths::Paths;
use super::universe::Stock;
use crate::chance::{Chance, Stream};
use barkeep_schemas::{NANOS, SessionDate};

/// How far a minute's busyness strays, as a standard deviation of its logarithm, and how much of it lasts.
const ACTIVITY: f64 = 0.6;
const ACTIVITY_KEPT: f64 = 0.7;
/// How far one trade's size strays from the median.
const QTY_SPREAD: f64 = 1.1;
const QTY_MAX: f64 = 100_000.0;

/// What happens at a moment of a second.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum EventKind {
    /// A trade around the fair price.
    Trade,
    /// The day's last trade, at the close.
    Last,
    /// An auction's print.
    Auction,
    /// The book moves without a trade.
    Book,
}

/// Something that happens within a second, packed so that sorting the numbers sorts by time: ten bits of milliseconds,
/// two of kind, 52 drawn ones that say the rest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Event(u64);

const DRAWN: u64 = (1 << 52) - 1;

impl Event {
    /// An event at a millisecond (0 to 999).
    pub(super) fn new(milli: u64, kind: EventKind, bits: u64) -> Self {
        let kind = match kind {
            EventKind::Trade => 0,
            EventKind::Last => 1,
            EventKind::Auction => 2,
            EventKind::Book => 3,
        };
        Self(milli << 54 | kind << 52 | bits & DRAWN)
    }

    /// An event at a millisecond that the highest bits of the draw say.
    pub(super) fn drawn(kind: EventKind, bits: u64) -> Self {
        Self::new(((bits >> 54) * 1_000) >> 10, kind, bits)
    }

    /// Milliseconds into its second.
    pub(super) fn milli(self) -> i64 {
        (self.0 >> 54) as i64
    }

    /// What it is.
    pub(super) fn kind(self) -> EventKind {
        match self.0 >> 52 & 3 {
            0 => EventKind::Trade,
            1 => EventKind::Last,
            2 => EventKind::Auction,
            3.. => EventKind::Book,
        }
    }

    /// The drawn bits.
    pub(super) fn bits(self) -> u64 {
        self.0 & DRAWN
    }
}

/// How much a trade is of the median, by the ones among 32 coins: a lognormal number.
#[derive(Clone, Debug)]
pub(super) struct Sizes([f64; 33]);

impl Sizes {
    /// The table.
    pub(super) fn new() -> Self {
        let mut table = [1.0; 33];
        for (ones, size) in table.iter_mut().enumerate() {
            *size = libm::exp(QTY_SPREAD * (ones as f64 - 16.0) / libm::sqrt(8.0));
        }
        Self(table)
    }

    /// The shares of a trade.
    fn qty(&self, median: f64, bits: u64) -> i64 {
        let size = self.0.get((bits as u32).count_ones() as usize).copied().unwrap_or(1.0);
        let jitter = 0.75 + (bits >> 32 & 0xff) as f64 / 512.0;
        libm::ceil((median * size * jitter).min(QTY_MAX)) as i64
    }
}

/// Where the trades of one stock stand.
pub(super) struct Flow {
    chance: Chance,
    own: f64,
    activity: f64,
    calm: f64,
    minute: u32,
    fair: i64,
}

impl Flow {
    /// Before the first second of a date.
    pub(super) fn new(seed: u64, date: SessionDate, number: usize) -> Self {
        let chance = Chance::new(seed, date, Stream::Trades, number);
        Self { chance, own: 0.0, activity: 0.0, calm: 1.0, minute: u32::MAX, fair: 0 }
    }

    /// Adds the trades of one second of continuous trading, the `second`-th of the grid, which begins at `start`. They are
    /// not sorted.
    pub(super) fn second(
        &mut self,
        paths: &Paths,
        stock: &Stock,
        facts: &Facts,
        start: i64,
        second: u32,
        into: &mut Vec<Event>,
    ) {
        let last = (facts.last_at - start) / MILLI;
        if facts.pinned && last < 0 {
            return;
        }
        self.step(paths, stock, facts, second);
        let from = into.len();
        for _ in 0..self.chance.poisson_of(self.calm) {
            into.push(Event::drawn(EventKind::Trade, self.chance.bits()));
        }
        let is_last = facts.pinned && facts.last_at < start + NANOS;
        if facts.is_halted(start) {
            into.truncate(from);
        } else if is_last {
            into.retain(|event| event.milli() < last);
            into.push(Event::new(last.unsigned_abs(), EventKind::Last, self.chance.bits()));
        }
        if into.len() > from {
            self.fair = self.fair_at(paths, stock, facts, second);
        }
    }

    fn step(&mut self, paths: &Paths, stock: &Stock, facts: &Facts, second: u32) {
        let at = |list: &[f64], place: u32| list.get(place as usize).copied().unwrap_or(0.0);
        if stock.leg.is_none() {
            let stray = paths.scale * stock.deviation * at(&paths.curve.kick, second) * self.chance.step();
            self.own += (facts.own - self.own) * at(&paths.curve.pull, second) + stray;
        }
        let minute = second / 60;
        if minute != self.minute {
            self.minute = minute;
            let fresh = ACTIVITY * libm::sqrt(1.0 - ACTIVITY_KEPT * ACTIVITY_KEPT);
            self.activity = self.activity * ACTIVITY_KEPT + fresh * self.chance.step();
            let busy = libm::exp(self.activity - ACTIVITY * ACTIVITY / 2.0) * at(&paths.curve.busy, minute);
            self.calm = libm::exp(-stock.rate * busy);
        }
    }

    /// The fair price after a second of the grid, in ticks.
    fn fair_at(&self, paths: &Paths, stock: &Stock, facts: &Facts, second: u32) -> i64 {
        libm::round(facts.open_ticks * growth(paths.log_move(stock, self.own, second))) as i64
    }

    /// The price of an opening auction before the `second`-th second of the grid.
    pub(super) fn opening(&self, paths: &Paths, stock: &Stock, facts: &Facts, second: u32) -> i64 {
        let before = second.checked_sub(1).map(|before| self.fair_at(paths, stock, facts, before));
        let fair = before.unwrap_or_else(|| libm::round(facts.open_ticks) as i64);
        (fair.max(1) * facts.tick).clamp(facts.lower, facts.upper)
    }

    /// Price and shares of a trade of the second made last.
    pub(super) fn trade(&self, sizes: &Sizes, facts: &Facts, event: Event) -> (i64, i64) {
        let bits = event.bits();
        let qty = sizes.qty(facts.median_qty, bits);
        if event.kind() == EventKind::Last {
            return (facts.close, qty);
        }
        let side = [-1, 0, 0, 1].get((bits >> 40 & 3) as usize).copied().unwrap_or(0);
        (((self.fair + side).max(1) * facts.tick).clamp(facts.lower, facts.upper), qty)
    }
}

/// The exponential by its first terms: the moves of a day are small, and the error far below a tick.
fn growth(log: f64) -> f64 {
    1.0 + log * (1.0 + log * (0.5 + log * (1.0 / 6.0 + log * (1.0 / 24.0 + log / 120.0))))
}
