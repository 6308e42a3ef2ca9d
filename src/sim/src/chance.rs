//! The dice of everything simulated: one seeded stream of numbers for each thing that is drawn.
//!
//! It never reads a clock or the environment, and every function of it gives the same bits on every machine. `day` and
//! `market` call it.

use barkeep_schemas::SessionDate;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// What a stream of numbers is for; streams are independent, so that drawing more of one leaves the others alone.
#[derive(Clone, Copy)]
pub(crate) enum Stream {
    /// The market's move.
    Market = 1,
    /// One sector's move.
    Sector = 2,
    /// What the two legs of a planted pair share.
    Pair = 3,
    /// An instrument's own move.
    Price = 4,
    /// An instrument's trades.
    Trades = 5,
    /// How long an instrument's snapshots take to arrive.
    Latency = 6,
    /// Where the faults fall.
    Faults = 7,
    /// What an instrument is like.
    Listing = 8,
    /// The moves over a date, and over the night before, of the market, the sectors and the pairs.
    Factors = 9,
    /// An instrument's own move over a date, and what else is drawn once for its day.
    InstrumentDay = 10,
    /// What an instrument's book does without trades.
    Book = 11,
    /// Which instruments are halted, and when.
    Halts = 12,
    /// When an instrument's auctions match, and its last trade.
    InstrumentTimes = 14,
    /// Splits, bonuses and renames.
    Actions = 13,
}

/// One stream of numbers.
pub(crate) struct Chance {
    rng: ChaCha8Rng,
    spare: Option<f64>,
}

impl Chance {
    /// The stream for the `index`-th thing of its sort on one day of one seed.
    pub(crate) fn new(seed: u64, date: SessionDate, stream: Stream, index: usize) -> Self {
        let mut key = [0_u8; 32];
        let bytes = seed.to_le_bytes().into_iter().chain(date.0.to_le_bytes()).chain(*b"barkeep day");
        key.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
        let mut rng = ChaCha8Rng::from_seed(key);
        rng.set_stream((stream as u64) << 32 | index as u64);
        Self { rng, spare: None }
    }

    /// 64 bits.
    pub(crate) fn bits(&mut self) -> u64 {
        self.rng.next_u64()
    }

    /// A step of mean 0 and deviation 1 on a lattice of quarters, for walks of many steps: 64 coins for the price of one
    /// draw.
    pub(crate) fn step(&mut self) -> f64 {
        (f64::from(self.rng.next_u64().count_ones()) - 32.0) * 0.25
    }

    /// A number of `[0, 1)`.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A number of `[low, high)`.
    pub(crate) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// A whole number of `low..=high`; `low` when the range is empty.
    pub(crate) fn whole(&mut self, low: i64, high: i64) -> i64 {
        let width = u128::from(high.saturating_sub(low).max(0).unsigned_abs()) + 1;
        low + ((u128::from(self.rng.next_u64()) * width) >> 64) as i64
    }

    /// A place in a list of `len`; 0 when the list is empty.
    pub(crate) fn place(&mut self, len: usize) -> usize {
        self.whole(0, len as i64 - 1).unsigned_abs() as usize
    }

    /// A standard normal number (Box and Muller, two at a time).
    pub(crate) fn normal(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        let radius = libm::sqrt(-2.0 * libm::log(1.0 - self.unit()));
        let (sin, cos) = libm::sincos(core::f64::consts::TAU * self.unit());
        self.spare = Some(radius * sin);
        radius * cos
    }

    /// A Poisson number of a small mean (Knuth's product), never above 1,000.
    pub(crate) fn poisson(&mut self, mean: f64) -> u32 {
        self.poisson_of(libm::exp(-mean))
    }

    /// A Poisson number by the probability of zero, for callers that know it already.
    pub(crate) fn poisson_of(&mut self, limit: f64) -> u32 {
        let (mut count, mut product) = (0, self.unit());
        while product > limit && count < 1_000 {
            count += 1;
            product *= self.unit();
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_fixed_by_its_seed_and_stands_apart_from_the_others() {
        let draw = |seed, stream, index| Chance::new(seed, SessionDate(20_000), stream, index).rng.next_u64();
        assert_eq!(draw(1, Stream::Price, 3), draw(1, Stream::Price, 3));
        assert_ne!(draw(1, Stream::Price, 3), draw(2, Stream::Price, 3));
        assert_ne!(draw(1, Stream::Price, 3), draw(1, Stream::Price, 4));
        assert_ne!(draw(1, Stream::Price, 3), draw(1, Stream::Trades, 3));
    }

    #[test]
    fn numbers_have_the_means_they_should() {
        let mut chance = Chance::new(9, SessionDate(0), Stream::Market, 0);
        let n = 40_000;
        let (mut sum, mut squares, mut counts) = (0.0, 0.0, 0);
        for _ in 0..n {
            let z = chance.normal();
            sum += z;
            squares += z * z;
            counts += chance.poisson(0.7);
            assert!((3..=9).contains(&chance.whole(3, 9)));
        }
        assert!((sum / f64::from(n)).abs() < 0.02);
        assert!((squares / f64::from(n) - 1.0).abs() < 0.03);
        assert!((f64::from(counts) / f64::from(n) - 0.7).abs() < 0.02);
        assert_eq!(chance.whole(5, 5), 5);
        assert_eq!(chance.place(0), 0);
    }
}
