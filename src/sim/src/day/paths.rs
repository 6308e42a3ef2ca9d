//! The fair log prices of a simulated day, second by second: a market, sectors, pairs and each instrument's own way.
//!
//! It knows no trade and no tick. `day.rs` makes the shared paths once and asks for each instrument's.

use barkeep_schemas::SessionDate;

use super::hours::Second;
use super::listing::{Listing, PAIRS, PlantedPair, Sector};
use crate::chance::{Chance, Stream};

/// Standard deviations of a full day's log move.
const MARKET: f64 = 0.007;
const SECTOR: f64 = 0.005;
const OWN: f64 = 0.009;
const PAIR: f64 = 0.006;

/// Square root of the seconds of a full day.
const DAY_ROOT: f64 = 150.0;

/// What several instruments share.
pub(super) struct Paths {
    market: Vec<f64>,
    sectors: Vec<Vec<f64>>,
    pairs: Vec<(Vec<f64>, Vec<f64>)>,
}

impl Paths {
    /// Draws the shared paths over the day's seconds.
    pub(super) fn new(seed: u64, date: SessionDate, seconds: &[Second]) -> Self {
        let draw = |stream, index, day| walk(&mut Chance::new(seed, date, stream, index), seconds, day);
        let pairs = PAIRS.iter().enumerate().map(|(number, pair)| {
            let mut chance = Chance::new(seed, date, Stream::Pair, number);
            (walk(&mut chance, seconds, PAIR), spread(&mut chance, seconds, pair))
        });
        Self {
            market: draw(Stream::Market, 0, MARKET),
            sectors: (0..Sector::ALL.len()).map(|number| draw(Stream::Sector, number, SECTOR)).collect(),
            pairs: pairs.collect(),
        }
    }

    /// An instrument's log price relative to its opening price, one number for each second.
    pub(super) fn of(&self, listing: &Listing, chance: &mut Chance, seconds: &[Second]) -> Vec<f64> {
        let nature = &listing.nature;
        let sector = self.sectors.get(nature.sector as usize);
        let pair = nature.leg.and_then(|leg| Some((self.pairs.get(leg.pair)?, leg.second)));
        let mut path = match pair {
            Some((pair, _)) => pair.0.clone(),
            None => walk(chance, seconds, OWN),
        };
        add(&mut path, &self.market, nature.beta);
        add(&mut path, sector.map_or(&[], Vec::as_slice), 1.0);
        if let Some((pair, true)) = pair {
            add(&mut path, &pair.1, 1.0);
        }
        path
    }
}

fn add(to: &mut [f64], what: &[f64], times: f64) {
    to.iter_mut().zip(what).for_each(|(to, what)| *to += times * what);
}

/// A random walk, quicker when the market is busier.
fn walk(chance: &mut Chance, seconds: &[Second], day: f64) -> Vec<f64> {
    let mut at = 0.0;
    let step = |second: &Second| {
        at += day / DAY_ROOT * libm::sqrt(second.weight) * chance.normal();
        at
    };
    seconds.iter().map(step).collect()
}

/// A number that is drawn back to its mean (Ornstein and Uhlenbeck). It starts at 0, which may be anywhere in its range:
/// the open leaves no jump behind.
fn spread(chance: &mut Chance, seconds: &[Second], pair: &PlantedPair) -> Vec<f64> {
    let keep = libm::exp(-core::f64::consts::LN_2 / pair.half_life_secs);
    let kick = pair.spread * libm::sqrt(1.0 - keep * keep);
    let start = pair.spread * chance.normal();
    let mut at = start;
    let step = |_: &Second| {
        at = at * keep + kick * chance.normal();
        at - start
    };
    seconds.iter().map(step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::day::hours::Hours;
    use crate::day::listing::listings;
    use barkeep_schemas::Ts;

    #[test]
    fn the_legs_of_a_pair_differ_by_a_spread_that_comes_back() {
        let date = SessionDate(20_000);
        let hours = Hours::new(&[(Ts::from_secs(0), Ts::from_secs(22_500))]);
        let paths = Paths::new(5, date, &hours.seconds);
        let all = listings(5, date, 20);
        let path = |n: usize| paths.of(&all[n], &mut Chance::new(5, date, Stream::Price, n), &hours.seconds);
        let (a, b) = (path(0), path(1));
        let widest = a.iter().zip(&b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(widest > 0.001 && widest < 5.0 * PAIRS[0].spread, "{widest}");
    }
}
