//! The price grid: NSE's tick sizes by price band and date, and the circuit limits.
//!
//! It knows no instrument. `facts.rs` calls it.

use barkeep_schemas::SessionDate;

/// The tick size of an equity in ten-thousandths of a rupee, by the close of the last trading day of the month before.
/// Sources: NSE's circulars of 2024-05-24 (0.01 below 250 from 2024-06-10) and of 2025 (six bands from 2025-04-15).
pub(super) fn tick_size(date: SessionDate, price: i64) -> i64 {
    let six_bands = SessionDate::from_ymd(2025, 4, 15).is_some_and(|from| date >= from);
    let two_bands = SessionDate::from_ymd(2024, 6, 10).is_some_and(|from| date >= from);
    let rupees = price / 10_000;
    match rupees {
        ..250 if two_bands => 100,
        250..1_000 if six_bands => 500,
        1_000..5_000 if six_bands => 1_000,
        5_000..10_000 if six_bands => 5_000,
        10_000..20_000 if six_bands => 10_000,
        20_000.. if six_bands => 50_000,
        ..250 | 250..1_000 | 1_000..5_000 | 5_000..10_000 | 10_000..20_000 | 20_000.. => 500,
    }
}

/// The nearest price on the grid, at least one tick.
pub(super) fn on_grid(price: f64, tick: i64) -> i64 {
    (libm::round(price / tick as f64) as i64).max(1) * tick
}

/// The lowest and the highest price that a band around the previous close allows: on the grid and within the band, but
/// one tick each way is always allowed.
pub(super) fn circuits(previous_close: i64, band: f64, tick: i64) -> (i64, i64) {
    let close = previous_close as f64;
    let ticks = previous_close / tick;
    let lower = libm::ceil(close * (1.0 - band) / tick as f64) as i64;
    let upper = libm::floor(close * (1.0 + band) / tick as f64) as i64;
    (lower.min(ticks - 1).max(1) * tick, upper.max(ticks + 1) * tick)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_follow_the_dated_bands() {
        let on = |y, m, d, rupees: i64| tick_size(SessionDate::from_ymd(y, m, d).unwrap(), rupees * 10_000);
        assert_eq!([on(2024, 6, 9, 100), on(2024, 6, 9, 30_000)], [500, 500]);
        assert_eq!([on(2024, 6, 10, 249), on(2024, 6, 10, 250)], [100, 500]);
        assert_eq!([on(2025, 4, 14, 6_000), on(2025, 4, 15, 6_000)], [500, 5_000]);
        let now = [249, 250, 999, 1_000, 5_000, 10_000, 20_000].map(|rupees| on(2026, 11, 20, rupees));
        assert_eq!(now, [100, 500, 500, 1_000, 5_000, 10_000, 50_000]);
    }

    #[test]
    fn circuits_lie_on_the_grid_within_the_band() {
        assert_eq!(circuits(15_183_000, 0.10, 1_000), (13_665_000, 16_701_000));
        assert_eq!(circuits(100, 0.10, 100), (100, 200), "never below one tick, and room for a move");
    }
}
