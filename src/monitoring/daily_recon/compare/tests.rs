//! The comparison: precedence, the union of keys, the facts, and a look at its speed.

use barkeep_schemas::{Price, Qty, Ts};

use super::super::bars::keep_newest;
use super::*;

const DEFAULT: Tolerances = Tolerances::same(Tolerance {
    price_ticks: 1,
    price_bp_thousandths: 3_000,
    volume_percent_thousandths: 3_000,
    volume_shares: 100,
    day_percent_thousandths: 0,
});

/// A bar with prices in rupees: open, high, low, close.
fn bar(symbol: u32, minute: i64, prices: [f64; 4], volume: i64) -> KeyedBar {
    let [open, high, low, close] = prices.map(|price| Price::new((price * 10_000.0).round() as i64));
    let start = Ts::from_secs(minute * 60);
    KeyedBar { symbol: SymbolIndex(symbol), start, open, high, low, close, volume: Qty::new(volume) }
}

fn flat(symbol: u32, minute: i64, price: f64, volume: i64) -> KeyedBar {
    bar(symbol, minute, [price; 4], volume)
}

/// `symbol:minute status` of every difference.
#[track_caller]
fn check(internal: &[KeyedBar], broker: &[KeyedBar], expected: &[&str]) -> Comparison {
    let found = compare(internal, broker, &[Price::new(500); 3], &DEFAULT);
    let told: Vec<String> = found
        .differences
        .iter()
        .map(|row| format!("{}:{} {}", row.symbol.0, row.start.secs() / 60, row.status))
        .collect();
    assert_eq!(told, expected);
    assert_eq!(found.total.compared, found.total.matched + found.differences.len() as u64);
    found
}

#[test]
fn the_union_of_the_keys_is_compared() {
    let ours = [flat(0, 1, 100.0, 10), flat(0, 3, 100.0, 10), flat(2, 1, 100.0, 10)];
    let theirs = [flat(0, 1, 100.0, 10), flat(0, 2, 100.0, 10), flat(1, 1, 100.0, 10), flat(1, 9, 100.0, 10)];
    let found = check(
        &ours,
        &theirs,
        &[
            "0:2 missing_internal",
            "0:3 missing_broker",
            "1:1 missing_internal",
            "1:9 missing_internal",
            "2:1 missing_broker",
        ],
    );
    assert_eq!((found.total.compared, found.total.matched), (6, 1));
    assert_eq!(found.total.by_status, [3, 2, 0, 0]);
    assert_eq!(found.symbols.iter().map(|tally| tally.compared).collect::<Vec<_>>(), [3, 2, 1]);
}

#[test]
fn two_empty_sides_compare_nothing() {
    let found = check(&[], &[], &[]);
    assert_eq!(found.total, Tally::default());
}

#[test]
fn a_wrong_price_comes_before_a_wrong_volume() {
    let ours = [flat(0, 1, 101.0, 9_000), flat(0, 2, 100.0, 9_000), flat(0, 3, 100.05, 90)];
    let theirs = [flat(0, 1, 100.0, 10), flat(0, 2, 100.0, 10), flat(0, 3, 100.0, 10)];
    let found = check(&ours, &theirs, &["0:1 price", "0:2 volume"]);
    assert_eq!(found.differences[0].diff_max, Price::new(10_000));
    assert_eq!(found.differences[0].price_error, 100_000, "1 in 100 are 100 bp");
    assert_eq!(found.differences[1].diff_max, Price::ZERO);
    assert_eq!(found.total.matched, 1, "a tick and 80 shares are within tolerance");
}

#[test]
fn each_of_the_four_prices_is_judged() {
    let theirs = bar(0, 1, [100.0, 102.0, 98.0, 101.0], 10);
    for field in 0..4 {
        let mut prices = [100.0, 102.0, 98.0, 101.0];
        prices[field] += 0.06;
        check(&[bar(0, 1, prices, 10)], &[theirs], &["0:1 price"]);
    }
}

#[test]
fn the_facts_count_keys_on_both_sides_alone() {
    let ours = [
        bar(0, 1, [100.0, 102.0, 98.0, 101.0], 10),
        bar(0, 2, [100.0, 101.9, 98.0, 101.05], 12),
        bar(0, 3, [100.0, 103.0, 98.0, 101.0], 10),
        bar(0, 4, [100.0, 103.0, 98.0, 101.0], 1_000),
        bar(0, 5, [100.0, 102.0, 97.0, 101.0], 10),
    ];
    let theirs = [1, 2, 3, 5].map(|minute| bar(0, minute, [100.0, 102.0, 98.0, 101.0], 10));
    let found = check(&ours, &theirs, &["0:2 price", "0:3 price", "0:4 missing_broker", "0:5 price"]);
    let total = found.total;
    assert_eq!(total.exact, Exact { open: 4, high: 2, low: 3, close: 3, volume: 3, ohlc: 1, of: 4 });
    assert_eq!((total.inside_range, total.volume_internal, total.volume_broker), (2, 42, 40));
    assert_eq!(total.price_error_max, 102_041, "1 in 98, rounded up");
}

#[test]
fn the_statuses_take_turns_among_the_worst() {
    let ours: Vec<_> =
        (0..50).map(|minute| flat(0, minute, if minute == 40 { 200.0 } else { 100.0 }, minute)).collect();
    let theirs = [flat(0, 40, 100.0, 40), flat(0, 49, 100.0, 1_000), flat(0, 60, 100.0, 5)];
    let found = compare(&ours, &theirs, &[Price::new(500)], &DEFAULT);
    let told: Vec<String> =
        found.worst(5).iter().map(|row| format!("{} {}", row.start.secs() / 60, row.status)).collect();
    assert_eq!(
        told,
        ["60 missing_internal", "48 missing_broker", "47 missing_broker", "40 price", "49 volume"],
        "by status, then worst first"
    );
    assert_eq!(found.worst(1_000).len(), found.differences.len());
    assert_eq!(Comparison::default().worst(10), Vec::<&Difference>::new());
}

/// 200 symbols of 375 minutes; every hundredth of the broker's bars differs.
fn large() -> (Vec<KeyedBar>, Vec<KeyedBar>) {
    let ours: Vec<_> = (0..75_000_u32)
        .map(|n| {
            let price = 100.0 + f64::from(n * 7 % 400) * 0.05;
            bar(n / 375, i64::from(n % 375), [price, price + 0.5, price - 0.5, price + 0.1], i64::from(n % 977))
        })
        .collect();
    let mut theirs = ours.clone();
    for (n, bar) in theirs.iter_mut().enumerate().filter(|(n, _)| n % 100 == 0) {
        match n / 100 % 3 {
            0 => bar.high = Price::new(bar.high.get() + 5_000),
            1 => bar.volume = Qty::new(bar.volume.get() + 5_000),
            _ => bar.start = Ts::from_secs(bar.start.secs() + 60_000),
        }
    }
    keep_newest(&mut theirs);
    (ours, theirs)
}

#[test]
fn a_day_of_two_hundred_symbols_is_compared() {
    let (ours, theirs) = large();
    let found = compare(&ours, &theirs, &[Price::new(500); 200], &DEFAULT);
    assert_eq!(found.total.by_status, [250, 250, 250, 250]);
    assert_eq!((found.total.compared, found.total.matched), (75_250, 74_250));
}

#[test]
fn each_symbol_has_its_own_tolerance() {
    let wide = Tolerance { price_ticks: 4, ..*DEFAULT.of(SymbolIndex(0)) };
    let tolerances = Tolerances::each(vec![*DEFAULT.of(SymbolIndex(0)), wide]);
    let [ours, theirs] = [100.0, 100.2].map(|price| [0, 1, 2].map(|symbol| flat(symbol, 1, price, 10)));
    let found = compare(&ours, &theirs, &[Price::new(500); 3], &tolerances);
    let failed: Vec<u32> = found.differences.iter().map(|row| row.symbol.0).collect();
    assert_eq!(failed, [0, 2], "a symbol beyond the list has no tolerance");
}
