//! The shape of the numbers: smiles, pairs that come back, prices within their limits.

use super::*;

/// Closes of a day's minutes to 15:14, as log prices; a minute without a trade has the one before's.
fn closes(market: &Market, number: usize, date: SessionDate) -> Vec<f64> {
    let candles = market.candles(number, MINUTE, clock(date, 915), clock(date, 1514));
    let at = |minute: i64| {
        let start = clock(date, 915).get() + minute * 60 * NANOS;
        let last = candles.iter().rev().find(|candle| candle.start.get() <= start).unwrap_or(&candles[0]);
        libm::log(last.close.get() as f64)
    };
    (0..360).map(at).collect()
}

#[test]
fn volume_smiles() {
    let mut market = market(6, (0..3).map(|n| auction_day(date(n))).collect(), date(0));
    market.advance(clock(date(2), 2000));
    let between = |from: i64, to: i64| -> i64 {
        let of = |n: i32, number| market.candles(number, MINUTE, clock(date(n), from), clock(date(n), to));
        let all = (0..3).flat_map(|n| [0, 1, 2, 4, 5].map(|number| of(n, number)).concat());
        all.map(|candle| candle.volume.get()).sum()
    };
    let (open, noon, close) = (between(915, 944), between(1200, 1229), between(1445, 1514));
    assert!(open > noon * 2 && close * 10 > noon * 13, "{open} {noon} {close}");
}

#[test]
fn the_spread_of_a_pair_comes_back_within_the_day_and_a_price_does_not() {
    let mut market = market(20, (0..5).map(|n| auction_day(date(n))).collect(), date(4));
    market.advance(clock(date(4), 900));
    // How far a path goes in 200 minutes, for 40 times what it goes in five: 1 for one that wanders freely.
    let ratio = |path: &[f64]| {
        let variance = |lag: usize| {
            let moves: Vec<f64> =
                path.chunks(360).flat_map(|day| day.windows(lag + 1).map(|w| w[lag] - w[0])).collect();
            moves.iter().map(|moved| moved * moved).sum::<f64>() / moves.len() as f64
        };
        variance(200) / (40.0 * variance(5))
    };
    for (a, b, beta) in market.pairs() {
        let days = |number| -> Vec<f64> { (0..4).flat_map(|n| closes(&market, number, date(n))).collect() };
        let (a, b) = (days(a), days(b));
        let spread: Vec<f64> = a.iter().zip(&b).map(|(a, b)| b - beta * a).collect();
        let (spread, price) = (ratio(&spread), ratio(&a));
        assert!(spread < 0.35 && price > 2.0 * spread, "{spread} {price}");
    }
}

#[test]
fn prices_stay_on_the_grid_and_within_the_limits() {
    let days: Vec<DayHours> = (0..4).map(|n| short_day(date(n))).collect();
    let mut market = market(9_000, days, date(3));
    market.advance(clock(date(3), 0));
    let mut minutes = 0;
    for number in (0..9_000).step_by(37) {
        for date in [date(0), date(1), date(2)] {
            let listing = market.listing(number, date);
            let acts = |action: &CorporateAction| action.instrument == number && action.ex_date > date;
            if market.corporate_actions().iter().any(acts) {
                continue;
            }
            for candle in market.candles(number, MINUTE, clock(date, 0), clock(date, 2359)) {
                for price in [candle.open, candle.high, candle.low, candle.close] {
                    assert_eq!(price.get() % listing.tick_size.get(), 0, "{}", listing.symbol);
                    assert!((listing.lower_circuit..=listing.upper_circuit).contains(&price), "{}", listing.symbol);
                }
                assert!(candle.low <= candle.open && candle.open <= candle.high && candle.volume.get() > 0);
                minutes += 1;
            }
        }
    }
    assert!(minutes > 1_000, "{minutes}");
}

#[test]
fn an_index_is_made_of_its_stocks() {
    let mut market = market(60, vec![auction_day(date(0))], date(0));
    let nifty = market.by_token(256_265).unwrap();
    market.advance(clock(date(0), 1000));
    let (index, close) = (market.quote(nifty), market.listing(nifty, date(0)).previous_close);
    let (mut sum, mut moves) = (0.0, Vec::new());
    for number in 0..60 {
        let (quote, listing) = (market.quote(number), market.listing(number, date(0)));
        if listing.class == InstrumentClass::Derivatives && moves.len() < 50 {
            let moved = quote.last_price.get() as f64 / listing.previous_close.get() as f64 - 1.0;
            sum += moved;
            moves.push(moved);
        }
    }
    let moved = index.last_price.get() as f64 / close.get() as f64 - 1.0;
    let (low, high) = (moves.iter().copied().fold(1.0, f64::min), moves.iter().copied().fold(-1.0, f64::max));
    assert!(low < moved && moved < high && (moved - sum / 50.0).abs() < 0.01, "{moved} {sum}");
    assert!(index.bids.is_empty() && index.volume.get() == 0 && index.last_price.get() % 100 == 0);
    assert!((25_000..27_000).contains(&(close.get() / 10_000)));
}
