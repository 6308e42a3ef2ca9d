//! The instruments of a simulated day and the pairs planted among them.
//!
//! The names are NSE's and the prices of their order; nothing else about them is real. `day.rs` calls it.

use barkeep_schemas::{Price, Qty, SessionDate};
use serde::Serialize;

use crate::chance::{Chance, Stream};

/// An instrument of the day and what became of it.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Listing {
    /// Tradingsymbol.
    pub symbol: String,
    /// The smallest price step.
    pub tick_size: Price,
    /// Whether it goes minutes without a trade.
    pub illiquid: bool,
    /// Price of the opening auction, or about where trading began when there was none.
    pub open_price: Price,
    /// Shares of the opening auction; zero when there was none.
    pub auction_volume: Qty,
    /// The day's cumulative volume after the last trade, the auction included.
    pub day_volume: Qty,
    /// How the instrument behaves; for the generator alone.
    #[serde(skip)]
    pub(super) nature: Nature,
}

/// How an instrument behaves.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Nature {
    /// Whose moves it shares.
    pub(super) sector: Sector,
    /// Its share of the market's move.
    pub(super) beta: f64,
    /// Trades a second, on the day's average.
    pub(super) rate: f64,
    /// The median trade, in shares.
    pub(super) median_qty: f64,
    /// The planted pair it is a leg of, and which leg.
    pub(super) leg: Option<Leg>,
}

/// A leg of a planted pair.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Leg {
    /// The pair's number in [`PAIRS`].
    pub(super) pair: usize,
    /// Whether the spread is this leg's.
    pub(super) second: bool,
}

/// A sector of the simulated market.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Sector {
    /// Banks.
    Banks,
    /// Software.
    Software,
    /// Cars and motorcycles.
    Motors,
    /// Household goods and medicine.
    Household,
    /// Everything heavy.
    Industry,
}

impl Sector {
    /// Every sector.
    pub(super) const ALL: [Self; 5] = [Self::Banks, Self::Software, Self::Motors, Self::Household, Self::Industry];
}

/// Two instruments whose log prices differ by a number that keeps coming back.
pub(super) struct PlantedPair {
    /// Symbols of the legs.
    pub(super) legs: (&'static str, &'static str),
    /// Time in which half of the spread is gone, in seconds.
    pub(super) half_life_secs: f64,
    /// Standard deviation of the spread, as a log price.
    pub(super) spread: f64,
}

/// The planted pairs; a pair counts when both of its legs are listed.
pub(super) const PAIRS: [PlantedPair; 3] = [
    PlantedPair { legs: ("HDFCBANK", "ICICIBANK"), half_life_secs: 900.0, spread: 0.0025 },
    PlantedPair { legs: ("INFY", "TCS"), half_life_secs: 1_200.0, spread: 0.0022 },
    PlantedPair { legs: ("BAJAJ-AUTO", "M&M"), half_life_secs: 1_500.0, spread: 0.0025 },
];

/// Symbol, price in rupees, sector, trades a second, median trade in shares.
type Entry = (&'static str, f64, Sector, f64, f64);

const LIQUID: [Entry; 18] = [
    ("HDFCBANK", 978.0, Sector::Banks, 1.25, 210.0),
    ("ICICIBANK", 1_385.0, Sector::Banks, 1.10, 120.0),
    ("RELIANCE", 1_462.0, Sector::Industry, 1.21, 110.0),
    ("INFY", 1_518.0, Sector::Software, 0.98, 95.0),
    ("TCS", 3_055.0, Sector::Software, 0.79, 40.0),
    ("SBIN", 905.0, Sector::Banks, 1.13, 180.0),
    ("BAJAJ-AUTO", 8_940.0, Sector::Motors, 0.72, 12.0),
    ("M&M", 3_540.0, Sector::Motors, 0.79, 32.0),
    ("AXISBANK", 1_236.0, Sector::Banks, 0.91, 105.0),
    ("KOTAKBANK", 424.0, Sector::Banks, 0.87, 190.0),
    ("LT", 3_948.0, Sector::Industry, 0.76, 28.0),
    ("ITC", 406.0, Sector::Household, 1.02, 260.0),
    ("BHARTIARTL", 2_084.0, Sector::Industry, 0.83, 60.0),
    ("HINDUNILVR", 2_386.0, Sector::Household, 0.72, 38.0),
    ("SUNPHARMA", 1_722.0, Sector::Household, 0.76, 55.0),
    ("HCLTECH", 1_624.0, Sector::Software, 0.79, 62.0),
    ("HINDALCO", 792.0, Sector::Industry, 0.87, 140.0),
    ("TITAN", 3_812.0, Sector::Household, 0.72, 26.0),
];

const ILLIQUID: [Entry; 2] =
    [("HONDAPOWER", 2_448.0, Sector::Industry, 0.020, 9.0), ("INGERRAND", 3_604.0, Sector::Industry, 0.014, 6.0)];

/// The most instruments a day can have.
pub const MAX_INSTRUMENTS: u32 = 200;

/// The first `count` instruments (1 to [`MAX_INSTRUMENTS`]). From four on one is illiquid, from ten on two.
pub(super) fn listings(seed: u64, date: SessionDate, count: u32) -> Vec<Listing> {
    let count = count.clamp(1, MAX_INSTRUMENTS) as usize;
    let quiet = usize::from(count >= 4) + usize::from(count >= 10);
    let known = (count - quiet).min(LIQUID.len());
    let mut all: Vec<Listing> = Vec::with_capacity(count);
    for entry in LIQUID.iter().take(known).chain(ILLIQUID.iter().take(quiet)) {
        let mut chance = Chance::new(seed, date, Stream::Listing, all.len());
        all.push(listed(entry.0.to_string(), entry, &mut chance));
    }
    for number in all.len()..count {
        let mut chance = Chance::new(seed, date, Stream::Listing, number);
        let sector = Sector::ALL.get(chance.place(Sector::ALL.len())).copied().unwrap_or(Sector::Industry);
        // From 400 rupees up two ticks stay within three basis points, see `trades.rs`.
        let price = 400.0 * libm::exp(chance.between(0.0, 2.3));
        let entry = ("", price, sector, chance.between(0.15, 0.9), 60_000.0 / price);
        all.push(listed(format!("SYM{:03}", number + 1), &entry, &mut chance));
    }
    join_pairs(&mut all);
    all
}

fn listed(symbol: String, entry: &Entry, chance: &mut Chance) -> Listing {
    let (_, price, sector, rate, median_qty) = *entry;
    let tick_size = tick_size(price);
    let opening = price * libm::exp(0.008 * chance.normal().clamp(-2.5, 2.5));
    let ticks = libm::round(opening * 10_000.0 / tick_size.get() as f64) as i64;
    Listing {
        symbol,
        tick_size,
        illiquid: rate < 0.1,
        open_price: Price::new(ticks * tick_size.get()),
        auction_volume: Qty::ZERO,
        day_volume: Qty::ZERO,
        nature: Nature { sector, beta: chance.between(0.7, 1.3), rate, median_qty, leg: None },
    }
}

/// NSE's price steps since 2025-04-15, for the prices that are listed here.
fn tick_size(price: f64) -> Price {
    Price::new(if price < 1_000.0 {
        500
    } else if price < 5_000.0 {
        1_000
    } else {
        5_000
    })
}

/// Gives both legs of each pair that is listed whole the same share of the market's move.
fn join_pairs(all: &mut [Listing]) {
    for (number, pair) in PAIRS.iter().enumerate() {
        let listed = |symbol: &str| all.iter().any(|listing| listing.symbol == symbol);
        if !(listed(pair.legs.0) && listed(pair.legs.1)) {
            continue;
        }
        for listing in all.iter_mut() {
            let second = listing.symbol == pair.legs.1;
            if second || listing.symbol == pair.legs.0 {
                listing.nature.beta = 1.0;
                listing.nature.leg = Some(Leg { pair: number, second });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_count_gives_that_many_different_symbols_on_their_grids() {
        for count in [1, 2, 3, 4, 9, 10, 19, 20, 21, 200] {
            let all = listings(1, SessionDate(20_000), count);
            assert_eq!(all.len(), count as usize);
            let mut symbols: Vec<_> = all.iter().map(|listing| listing.symbol.clone()).collect();
            symbols.sort();
            symbols.dedup();
            assert_eq!(symbols.len(), count as usize);
            assert!(all.iter().all(|listing| listing.open_price.get() % listing.tick_size.get() == 0));
        }
    }

    #[test]
    fn illiquid_ones_and_made_up_names_come_where_they_should() {
        let all = listings(1, SessionDate(20_000), 25);
        assert_eq!(all[0].symbol, "HDFCBANK");
        assert!(all[18].illiquid && all[19].illiquid);
        assert_eq!(all[20].symbol, "SYM021");
        assert_eq!(all.iter().filter(|listing| listing.nature.leg.is_some()).count(), 6);
        assert_eq!(listings(1, SessionDate(20_000), 5).iter().filter(|listing| listing.illiquid).count(), 1);
        assert!(listings(1, SessionDate(20_000), 1)[0].nature.leg.is_none());
    }

    #[test]
    fn two_ticks_stay_within_three_basis_points() {
        for listing in listings(3, SessionDate(20_000), 200) {
            assert!(2 * listing.tick_size.get() * 10_000 <= 3 * listing.open_price.get(), "{}", listing.symbol);
        }
    }
}
