//! How the prices move within a date: the shared paths of market, sectors and pairs, second by second along the grid, and
//! what a stock makes of them.
//!
//! Every path is a bridge that begins at 0 and ends where the date's factors say. It knows no trade. `flow.rs` calls it.

use super::hours::{Curve, Hours};
use super::levels::{Factors, MARKET, PAIR, SECTOR};
use super::universe::{PAIRS, PlantedPair, Sector, Stock};
use crate::chance::{Chance, Stream};

/// The shared paths of a date; one that was not asked for is empty.
#[derive(Clone, Debug)]
pub(super) struct Paths {
    /// How moves are spread over the grid.
    pub(super) curve: Curve,
    /// The date's length as a scale of deviations.
    pub(super) scale: f64,
    market: Vec<f64>,
    sectors: Vec<Vec<f64>>,
    commons: Vec<Vec<f64>>,
    spreads: Vec<Vec<f64>>,
}

impl Paths {
    /// Draws what the given stocks need.
    pub(super) fn new<'a>(seed: u64, hours: &Hours, factors: &Factors, of: impl Iterator<Item = &'a Stock>) -> Self {
        let curve = hours.curve();
        let (mut sectors, mut pairs) = ([false; Sector::ALL.len()], [false; PAIRS.len()]);
        for stock in of {
            if let Some(wanted) = sectors.get_mut(stock.moves_with as usize) {
                *wanted = true;
            }
            if let Some(wanted) = stock.leg.and_then(|leg| pairs.get_mut(leg.pair)) {
                *wanted = true;
            }
        }
        let draw = |stream, index, deviation: f64, end: f64, wanted: bool| {
            let mut chance = Chance::new(seed, hours.date, stream, index);
            if wanted { bridge(&mut chance, &curve, factors.scale * deviation, end) } else { Vec::new() }
        };
        let day = |moves: &[super::levels::Move], number: usize| moves.get(number).map_or(0.0, |moved| moved.day);
        let market = draw(Stream::Market, 0, MARKET, factors.market.day, true);
        let sectors = sectors.iter().enumerate();
        let sectors = sectors.map(|(n, wanted)| draw(Stream::Sector, n, SECTOR, day(&factors.sectors, n), *wanted));
        let commons = pairs.iter().enumerate();
        let commons = commons.map(|(n, wanted)| draw(Stream::Pair, n, PAIR, day(&factors.pairs, n), *wanted));
        let (sectors, commons) = (sectors.collect(), commons.collect());
        let spread = |((number, pair), wanted): ((usize, &PlantedPair), &bool)| {
            let mut chance = Chance::new(seed, hours.date, Stream::Pair, PAIRS.len() + number);
            let ends = factors.spreads.get(number).copied().unwrap_or_default();
            if *wanted { spread(&mut chance, hours.grid, pair, ends) } else { Vec::new() }
        };
        let spreads = PAIRS.iter().enumerate().zip(&pairs).map(spread).collect();
        Self { scale: factors.scale, market, sectors, commons, spreads, curve }
    }

    /// A stock's log price over its open after a second of the grid; `own` is where its own bridge stands.
    pub(super) fn log_move(&self, stock: &Stock, own: f64, second: u32) -> f64 {
        let at = |path: &[f64]| path.get(second as usize).copied().unwrap_or(0.0);
        let shared = stock.beta * at(&self.market)
            + stock.sector_beta * self.sectors.get(stock.moves_with as usize).map_or(0.0, |path| at(path));
        let Some(leg) = stock.leg else { return shared + own };
        let common = self.commons.get(leg.pair).map_or(0.0, |path| at(path));
        if !leg.second {
            return shared + common;
        }
        let beta = PAIRS.get(leg.pair).map_or(1.0, |pair| pair.beta);
        shared + beta * common + self.spreads.get(leg.pair).map_or(0.0, |path| at(path))
    }
}

fn bridge(chance: &mut Chance, curve: &Curve, deviation: f64, end: f64) -> Vec<f64> {
    let mut at = 0.0;
    let step = |(pull, kick): (&f64, &f64)| {
        at += (end - at) * pull + deviation * kick * chance.step();
        at
    };
    curve.pull.iter().zip(&curve.kick).map(step).collect()
}

/// A number that is drawn back to 0 (Ornstein and Uhlenbeck), less where it began, bent over its last half-lives so that
/// it ends where it must.
fn spread(chance: &mut Chance, grid: u32, pair: &PlantedPair, (open, close): (f64, f64)) -> Vec<f64> {
    let keep = libm::exp(-core::f64::consts::LN_2 / pair.half_life_secs);
    let kick = pair.spread * libm::sqrt(1.0 - keep * keep);
    let mut at = open;
    let step = |_| {
        at = at * keep + kick * chance.step();
        at
    };
    let mut path: Vec<f64> = (0..grid).map(step).collect();
    let mut miss = close - path.last().copied().unwrap_or(close);
    for point in path.iter_mut().rev() {
        *point += miss - open;
        miss *= keep;
    }
    path
}
