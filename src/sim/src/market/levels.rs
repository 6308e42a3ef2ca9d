//! The daily levels: a seeded walk of each stock's log price over the dates of a plan, from open to close to open.
//!
//! The walk is anchored at the plan's first simulated date and goes both ways from it, with moves drawn by date, so that
//! more history changes no price of the dates that were there before. It knows no tick. `facts.rs` calls it.

use barkeep_schemas::SessionDate;

use super::universe::{PAIRS, Sector, Stock, Universe};
use crate::chance::{Chance, Stream};

/// Standard deviations of a full day's log move, and of the night's.
pub(super) const MARKET: f64 = 0.007;
pub(super) const SECTOR: f64 = 0.004;
pub(super) const PAIR: f64 = 0.008;
const NIGHT: f64 = 0.4;
/// The share of its band that a stock's day may use up, and that its night may.
const BAND_DAY: f64 = 0.85;
const BAND_NIGHT: f64 = 0.4;
/// Seconds of a full day: moves of a shorter one are smaller.
const FULL_DAY: f64 = 22_500.0;

/// What one thing does on a date.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(super) struct Move {
    /// Overnight, before the open.
    pub(super) night: f64,
    /// From open to close.
    pub(super) day: f64,
}

/// What many stocks share on a date.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Factors {
    /// Square root of the date's length in full days: scales every deviation.
    pub(super) scale: f64,
    /// The market.
    pub(super) market: Move,
    /// Sectors, in the order of [`Sector::ALL`].
    pub(super) sectors: Vec<Move>,
    /// What both legs of a pair share beside that.
    pub(super) pairs: Vec<Move>,
    /// The pair's spread at the open and at the close.
    pub(super) spreads: Vec<(f64, f64)>,
}

impl Factors {
    /// Draws a date's.
    pub(super) fn new(seed: u64, date: SessionDate, grid: u32) -> Self {
        let scale = libm::sqrt(f64::from(grid) / FULL_DAY).min(1.0);
        let draw = |index: usize, deviation: f64| {
            let mut chance = Chance::new(seed, date, Stream::Factors, index);
            Move { night: NIGHT * deviation * chance.normal(), day: scale * deviation * chance.normal() }
        };
        let spread = |(number, pair): (usize, &super::universe::PlantedPair)| {
            let mut chance = Chance::new(seed, date, Stream::Factors, 300 + number);
            (pair.spread * chance.normal(), pair.spread * chance.normal())
        };
        Self {
            scale,
            market: draw(0, MARKET),
            sectors: (0..Sector::ALL.len()).map(|sector| draw(100 + sector, SECTOR)).collect(),
            pairs: (0..PAIRS.len()).map(|pair| draw(200 + pair, PAIR)).collect(),
            spreads: PAIRS.iter().enumerate().map(spread).collect(),
        }
    }
}

/// A stock's day as its level sees it.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(super) struct LevelDay {
    /// Log price in rupees at the close before, in shares of this date.
    pub(super) before: f64,
    /// Log price at the open.
    pub(super) open: f64,
    /// From open to close.
    pub(super) day: f64,
    /// The stock's own part of that, beside market and sector.
    pub(super) own: f64,
}

impl LevelDay {
    /// Log price at the close.
    pub(super) fn close(&self) -> f64 {
        self.open + self.day
    }
}

/// The walk of one stock over some dates of the plan.
#[derive(Clone, Debug)]
pub(super) struct Walk {
    low: usize,
    days: Vec<LevelDay>,
}

impl Walk {
    /// The walk over the dates numbered `low..=high`.
    pub(super) fn new(levels: &Levels, universe: &Universe, number: usize, low: usize, high: usize) -> Self {
        let (from, to) = (low.min(levels.first), high.max(levels.first));
        let Some(stock) = universe.stocks.get(number) else { return Self { low, days: Vec::new() } };
        let moves: Vec<(Move, f64)> = (from..=to).map(|day| levels.moves(universe, number, stock, day)).collect();
        let mut days = vec![LevelDay::default(); moves.len()];
        let anchor = levels.first - from;
        // At the anchor the open is given; the close before it is what the night leaves.
        let given = libm::log(stock.base) - moves.get(anchor).map_or(0.0, |(moved, _)| moved.night);
        let mut before = given;
        for (day, (moved, own)) in days.iter_mut().zip(&moves).skip(anchor) {
            *day = LevelDay { before, open: before + moved.night, day: moved.day, own: *own };
            before = day.close();
        }
        let mut close = given;
        for (day, (moved, own)) in days.iter_mut().zip(&moves).take(anchor).rev() {
            let open = close - moved.day;
            *day = LevelDay { before: open - moved.night, open, day: moved.day, own: *own };
            close = day.before;
        }
        let days = days.into_iter().skip(low - from).take(high + 1 - low).collect();
        Self { low, days }
    }

    /// The level of a date by its number.
    pub(super) fn day(&self, number: usize) -> LevelDay {
        number.checked_sub(self.low).and_then(|place| self.days.get(place)).copied().unwrap_or_default()
    }
}

/// The moves of all dates of a plan that many stocks share.
#[derive(Clone, Debug)]
pub(super) struct Levels {
    /// Where the numbers come from.
    pub(super) seed: u64,
    /// The dates, ascending.
    pub(super) dates: Vec<SessionDate>,
    /// The number of the date at whose open each stock costs its base price.
    pub(super) first: usize,
    /// Each date's factors.
    pub(super) factors: Vec<Factors>,
}

impl Levels {
    /// A stock's move on a date, and its own part of the move from open to close.
    fn moves(&self, universe: &Universe, number: usize, stock: &Stock, day: usize) -> (Move, f64) {
        let (Some(factors), Some(date)) = (self.factors.get(day), self.dates.get(day)) else {
            return (Move::default(), 0.0);
        };
        let sector = factors.sectors.get(stock.moves_with as usize).copied().unwrap_or_default();
        let shared = Move {
            night: stock.beta * factors.market.night + stock.sector_beta * sector.night,
            day: stock.beta * factors.market.day + stock.sector_beta * sector.day,
        };
        if let Some(leg) = stock.leg {
            let own = self.leg(universe, factors, leg, day);
            return (Move { night: shared.night + own.night, day: shared.day + own.day }, own.day);
        }
        let mut chance = Chance::new(self.seed, *date, Stream::InstrumentDay, number);
        let own = Move {
            night: NIGHT * stock.deviation * chance.normal(),
            day: factors.scale * stock.deviation * chance.normal(),
        };
        let night = (shared.night + own.night).clamp(-BAND_NIGHT * stock.band, BAND_NIGHT * stock.band);
        let whole = (night + shared.day + own.day).clamp(-BAND_DAY * stock.band, BAND_DAY * stock.band);
        (Move { night, day: whole - night }, whole - night - shared.day)
    }

    /// What a leg of a pair does beside market and sector: the first what is drawn for the pair, the second that times
    /// beta and the spread.
    fn leg(&self, universe: &Universe, factors: &Factors, leg: super::universe::Leg, day: usize) -> Move {
        let common = factors.pairs.get(leg.pair).copied().unwrap_or_default();
        if !leg.second {
            return common;
        }
        let beta = universe.pairs.get(leg.pair).copied().flatten().map_or(1.0, |(_, _, beta)| beta);
        let (open, close) = factors.spreads.get(leg.pair).copied().unwrap_or_default();
        let yesterday = day.checked_sub(1).and_then(|day| self.factors.get(day));
        let before = yesterday.and_then(|factors| factors.spreads.get(leg.pair)).map_or(0.0, |spread| spread.1);
        Move { night: beta * common.night + open - before, day: beta * common.day + close - open }
    }
}
