//! By how much two bars may differ and still match.
//!
//! What it never does: read text (the configuration does, and hands over the numbers), or use a float. Who calls it:
//! the comparison, for each pair of values that differ.

use barkeep_schemas::{Price, Qty};

use super::bars::SymbolIndex;

/// Thousandths of a basis point in the whole: a basis point is one ten-thousandth.
pub(super) const BP_THOUSANDTHS: i64 = 10_000_000;

/// Thousandths of a percent in the whole.
const PERCENT_THOUSANDTHS: i128 = 100_000;

/// A price passes within the larger of its two parts, a volume within the larger of its two.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tolerance {
    /// Price: whole ticks of the instrument.
    pub price_ticks: u32,
    /// Price: thousandths of a basis point of the broker's price.
    pub price_bp_thousandths: u32,
    /// Volume: thousandths of a percent of the broker's volume.
    pub volume_percent_thousandths: u32,
    /// Volume: shares.
    pub volume_shares: u32,
    /// Volume: thousandths of a percent of the broker's sum of the day up to and with the bar. A bar whose own volume is
    /// too far apart passes where the sums agree: the shares stand in a neighbour.
    pub day_percent_thousandths: u32,
}

impl Tolerance {
    /// Any difference at all fails.
    pub const STRICT: Self = Self {
        price_ticks: 0,
        price_bp_thousandths: 0,
        volume_percent_thousandths: 0,
        volume_shares: 0,
        day_percent_thousandths: 0,
    };

    /// Whether our price is near enough to the broker's. At the limit it passes.
    pub fn price_passes(&self, tick_size: Price, internal: Price, broker: Price) -> bool {
        let difference = distance(internal.get(), broker.get());
        let by_ticks = i128::from(self.price_ticks) * i128::from(tick_size.get());
        let by_share = i128::from(self.price_bp_thousandths) * i128::from(broker.get());
        difference <= by_ticks || difference * i128::from(BP_THOUSANDTHS) <= by_share
    }

    /// Whether our volume is near enough to the broker's. At the limit it passes.
    pub fn volume_passes(&self, internal: Qty, broker: Qty) -> bool {
        let difference = distance(internal.get(), broker.get());
        let by_share = i128::from(self.volume_percent_thousandths) * i128::from(broker.get());
        difference <= i128::from(self.volume_shares) || difference * PERCENT_THOUSANDTHS <= by_share
    }

    /// Whether our running sum of the day is near enough to the broker's. At the limit it passes; where the tolerance has
    /// no such part, nothing does.
    pub fn day_passes(&self, internal: i128, broker: i128) -> bool {
        let by_share = i128::from(self.day_percent_thousandths) * broker;
        self.day_percent_thousandths > 0 && (internal - broker).abs() * PERCENT_THOUSANDTHS <= by_share
    }
}

/// The tolerance of each symbol of a reconciliation.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Tolerances {
    /// For a symbol that has none of its own.
    all: Tolerance,
    /// By symbol.
    by_symbol: Vec<Tolerance>,
}

impl Tolerances {
    /// Any difference at all fails, whatever the symbol.
    pub const STRICT: Self = Self::same(Tolerance::STRICT);

    /// The same for every symbol.
    pub const fn same(tolerance: Tolerance) -> Self {
        Self { all: tolerance, by_symbol: Vec::new() }
    }

    /// One for each symbol, in the order of the table; a symbol beyond has none.
    pub const fn each(by_symbol: Vec<Tolerance>) -> Self {
        Self { all: Tolerance::STRICT, by_symbol }
    }

    /// That of a symbol.
    pub fn of(&self, symbol: SymbolIndex) -> &Tolerance {
        self.by_symbol.get(symbol.index()).unwrap_or(&self.all)
    }
}

/// How far apart two raw values are.
pub(super) fn distance(a: i64, b: i64) -> i128 {
    (i128::from(a) - i128::from(b)).abs()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFAULT: Tolerance = Tolerance {
        price_ticks: 1,
        price_bp_thousandths: 3_000,
        volume_percent_thousandths: 3_000,
        volume_shares: 100,
        day_percent_thousandths: 500,
    };

    /// Raw units of 0.0001.
    #[track_caller]
    fn price(tolerance: Tolerance, tick: i64, internal: i64, broker: i64, expected: bool) {
        let passes = tolerance.price_passes(Price::new(tick), Price::new(internal), Price::new(broker));
        assert_eq!(passes, expected, "{internal} against {broker}, tick {tick}");
    }

    #[test]
    fn a_price_passes_at_the_limit_and_fails_one_unit_beyond() {
        // 100.00: 3 bp are 0.03, a tick of 0.05 is more.
        price(DEFAULT, 500, 1_000_500, 1_000_000, true);
        price(DEFAULT, 500, 1_000_501, 1_000_000, false);
        price(DEFAULT, 500, 999_500, 1_000_000, true);
        price(DEFAULT, 500, 999_499, 1_000_000, false);
        // 1000.00: 3 bp are 0.30, more than the tick.
        price(DEFAULT, 500, 10_003_000, 10_000_000, true);
        price(DEFAULT, 500, 10_003_001, 10_000_000, false);
    }

    #[test]
    fn the_share_is_of_the_brokers_price_and_is_not_rounded() {
        // 3 bp of 0.9999 are 0.00029997, so 2 raw units pass and 3 do not; 3 bp of 1.0000 are exactly 3.
        price(DEFAULT, 0, 10_002, 9_999, false);
        price(DEFAULT, 0, 10_001, 9_999, true);
        price(DEFAULT, 0, 9_997, 10_000, true);
    }

    #[test]
    fn a_volume_passes_within_the_larger_of_share_and_shares() {
        let check = |internal: i64, broker: i64, expected: bool| {
            let passes = DEFAULT.volume_passes(Qty::new(internal), Qty::new(broker));
            assert_eq!(passes, expected, "{internal} against {broker}");
        };
        check(1_100, 1_000, true);
        check(1_101, 1_000, false);
        check(100, 0, true);
        check(101, 0, false);
        check(10_300, 10_000, true);
        check(10_301, 10_000, false);
        check(9_700, 10_000, true);
        check(9_699, 10_000, false);
    }

    #[test]
    fn a_days_sum_passes_within_its_share() {
        assert!(DEFAULT.day_passes(100_500, 100_000) && DEFAULT.day_passes(99_500, 100_000));
        assert!(!DEFAULT.day_passes(100_501, 100_000) && !DEFAULT.day_passes(99_499, 100_000));
        assert!(!Tolerance::STRICT.day_passes(7, 7), "strict judges the bar alone");
    }

    #[test]
    fn strict_lets_equal_values_alone_pass() {
        price(Tolerance::STRICT, 500, 1_000_000, 1_000_000, true);
        price(Tolerance::STRICT, 500, 1_000_001, 1_000_000, false);
        assert!(Tolerance::STRICT.volume_passes(Qty::new(7), Qty::new(7)));
        assert!(!Tolerance::STRICT.volume_passes(Qty::new(7), Qty::new(8)));
    }

    #[test]
    fn the_ends_of_the_range_do_not_overflow() {
        let widest = Tolerance {
            price_ticks: u32::MAX,
            price_bp_thousandths: u32::MAX,
            volume_percent_thousandths: u32::MAX,
            volume_shares: u32::MAX,
            day_percent_thousandths: u32::MAX,
        };
        price(widest, i64::MAX, i64::MIN, i64::MAX, true);
        assert!(!DEFAULT.volume_passes(Qty::new(i64::MIN), Qty::new(i64::MAX)));
    }
}
