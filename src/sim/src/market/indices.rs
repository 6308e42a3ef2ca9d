//! The level of an index: made of its stocks' last prices at the end of every second of continuous trading, and once
//! more when a closing auction is over.
//!
//! While an auction goes on it stands still. It has no book and no volume. `market.rs` steps it.

use barkeep_schemas::{NANOS, Phase, Price, Qty, Ts};

use super::hours::ClassHours;
use super::minutes::{DayTotal, MinuteRow, count_in};
use super::quote::Quote;
use super::universe::{Index, Universe};

/// How long before the end of its second a level is taken: after the second's last possible trade.
const BEFORE_END: i64 = 1_000_000;

/// An index on the current date.
pub(super) struct IndexLive {
    /// The level after the last date's last trade.
    pub(super) previous_close: i64,
    /// The day so far.
    pub(super) total: DayTotal,
    /// Its minutes so far.
    pub(super) rows: Vec<MinuteRow>,
    last: i64,
    last_at: Option<i64>,
    changed_at: i64,
    segment: usize,
    second: u32,
}

/// The units of each stock in an index, for shares of a date: the level is the sum of units times last prices.
pub(super) fn units(index: &Index, universe: &Universe, shares: impl Fn(usize) -> f64) -> Vec<(usize, f64)> {
    let unit = |(number, weight): &(usize, f64)| {
        let stock = universe.stocks.get(*number)?;
        Some((*number, weight * index.base / stock.base * shares(*number)))
    };
    index.weights.iter().filter_map(unit).collect()
}

/// A level rounded to the paisa.
pub(super) fn level(sum: f64) -> i64 {
    libm::round(sum / 100.0) as i64 * 100
}

impl IndexLive {
    /// An index at midnight of a date; `last_at` is its last level of the dates before.
    pub(super) fn new(previous_close: i64, midnight: i64, last_at: Option<i64>) -> Self {
        Self {
            previous_close,
            total: DayTotal::default(),
            rows: Vec::new(),
            last: previous_close,
            last_at,
            changed_at: midnight,
            segment: 0,
            second: 0,
        }
    }

    /// The moment of the next level; `i64::MAX` when the day is over.
    pub(super) fn next(&self, hours: &ClassHours) -> i64 {
        let Some(segment) = hours.segments.get(self.segment) else { return i64::MAX };
        match segment.phase {
            Phase::Continuous => segment.start + i64::from(self.second + 1) * NANOS - BEFORE_END,
            Phase::ClosingAuction | Phase::PreOpen | Phase::PostClose => segment.end - BEFORE_END,
        }
    }

    /// Takes the level that is due. Whether the quote changed.
    pub(super) fn take(&mut self, hours: &ClassHours, level: i64) -> bool {
        let (at, second) = (self.next(hours), self.second);
        let Some(segment) = hours.segments.get(self.segment) else { return false };
        let continuous = segment.phase == Phase::Continuous;
        self.second += 1;
        if !continuous || self.second >= segment.seconds {
            (self.segment, self.second) = (self.segment + 1, 0);
        }
        if segment.phase == Phase::PreOpen {
            return false;
        }
        if continuous {
            count_in(&mut self.rows, segment.part, second, level, 0);
        }
        let changed = self.total.open == 0 || level != self.last;
        self.total.add(level, 0);
        self.last = level;
        if changed {
            (self.last_at, self.changed_at) = (Some(at), at);
        }
        changed
    }

    /// What it shows now.
    pub(super) fn quote(&self) -> Quote {
        let last = Price::new(self.last);
        Quote {
            last_price: last,
            last_qty: Qty::ZERO,
            average_price: last,
            volume: Qty::ZERO,
            total_buy_qty: Qty::ZERO,
            total_sell_qty: Qty::ZERO,
            open: Price::new(self.total.open),
            high: Price::new(self.total.high),
            low: Price::new(self.total.low),
            close: Price::new(self.previous_close),
            last_trade_time: self.last_at.map(Ts::new),
            exchange_time: Ts::new(self.changed_at),
            bids: Vec::new(),
            asks: Vec::new(),
        }
    }
}
