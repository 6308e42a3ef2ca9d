//! How many shares of leg B hedge how many of leg A. Source: contract, "Orders and pairs": `qty A = floor(gross / (1 +
//! beta) / price A)`, `qty B = round(beta qty A price A / price B)`, both in whole lots.

use barkeep_schemas::{Money, Price};

/// The hedge of a pair at the prices of a moment.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Hedge {
    /// Above 0.
    pub(crate) beta: f64,
    pub(crate) price_a: Price,
    pub(crate) price_b: Price,
    /// Shares in a lot, at least 1.
    pub(crate) lot_a: i64,
    pub(crate) lot_b: i64,
}

/// The most shares that one order may have.
const MOST: f64 = 1e9;

/// Whole lots of a number of shares that is not an integer; 0 for one that is no number.
fn lots(shares: f64, lot: i64) -> i64 {
    let whole = if shares.is_finite() { shares.clamp(0.0, MOST) as i64 } else { 0 };
    whole / lot * lot
}

impl Hedge {
    /// Shares of A for the money of both legs.
    pub(crate) fn qty_a(&self, gross: Money) -> i64 {
        let price = self.price_a.get().max(1) as f64;
        lots(libm::floor(gross.get() as f64 / (1.0 + self.beta) / price), self.lot_a)
    }

    /// Shares of B that hedge so many of A.
    pub(crate) fn qty_b(&self, qty_a: i64) -> i64 {
        let lot = self.lot_b.max(1) as f64;
        lots(libm::round(self.exact(qty_a) / lot) * lot, self.lot_b)
    }

    /// How far `qty_b` is from the exact hedge, in hundredths of a percent of it, rounded up.
    pub(crate) fn error_bps(&self, qty_a: i64, qty_b: i64) -> i64 {
        let exact = self.exact(qty_a);
        let error = libm::fabs(qty_b as f64 - exact) / exact * 10_000.0;
        if error.is_finite() { libm::ceil(error.min(MOST)) as i64 } else { i64::MAX }
    }

    fn exact(&self, qty_a: i64) -> f64 {
        self.beta * qty_a as f64 * self.price_a.get() as f64 / self.price_b.get().max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::Hedge;
    use barkeep_schemas::{Money, Price};

    const fn hedge(beta: f64, price_a: i64, price_b: i64) -> Hedge {
        Hedge { beta, price_a: Price::new(price_a), price_b: Price::new(price_b), lot_a: 1, lot_b: 1 }
    }

    #[test]
    fn the_money_is_split_by_beta() {
        // A gross of 300,000 at beta 2: a third in A, two thirds in B.
        let hedge = hedge(2.0, 10_000_000, 5_000_000);
        assert_eq!(hedge.qty_a(Money::new(3_000_000_000)), 100);
        assert_eq!(hedge.qty_b(100), 400);
        assert_eq!(hedge.error_bps(100, 400), 0);
        assert_eq!(hedge.error_bps(100, 396), 100);
    }

    #[test]
    fn halves_round_away_from_zero_and_nothing_is_below_one_lot() {
        assert_eq!(hedge(0.5, 100_000, 100_000).qty_b(1), 1);
        assert_eq!(hedge(0.49, 100_000, 100_000).qty_b(1), 0);
        assert_eq!(hedge(1.0, 100_000, 100_000).qty_a(Money::new(1)), 0);
    }

    #[test]
    fn lots_are_whole() {
        let hedge = Hedge { lot_a: 75, lot_b: 50, ..hedge(1.0, 1_000_000, 1_000_000) };
        assert_eq!(hedge.qty_a(Money::new(400_000_000)), 150);
        assert_eq!(hedge.qty_b(150), 150);
        assert_eq!(hedge.qty_b(75), 100);
    }

    #[test]
    fn numbers_out_of_range_make_no_shares() {
        assert_eq!(hedge(f64::NAN, 1, 1).qty_a(Money::new(1)), 0);
        assert_eq!(hedge(f64::NAN, 1, 1).qty_b(5), 0);
        assert_eq!(hedge(1.0, 0, 0).error_bps(0, 0), i64::MAX);
    }
}
