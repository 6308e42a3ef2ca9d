//! Reconciliation in memory: 75,000 bars against 75,000 of which 1% differ, as `make bench` runs it.
#![allow(missing_docs, reason = "a bench has no surface")]

use barkeep::monitoring::daily_recon::{KeyedBar, SymbolIndex, Tolerance, compare, keep_newest};
use barkeep_schemas::{Price, Qty, Ts};

fn main() {
    divan::main();
}

/// 200 symbols of 375 minutes, in order of symbol and time.
fn ours() -> Vec<KeyedBar> {
    (0..75_000_u32)
        .map(|n| {
            let open = 1_000_000 + i64::from(n * 7 % 400) * 500;
            KeyedBar {
                symbol: SymbolIndex(n / 375),
                start: Ts::from_secs(i64::from(n % 375) * 60),
                open: Price::new(open),
                high: Price::new(open + 5_000),
                low: Price::new(open - 5_000),
                close: Price::new(open + 1_000),
                volume: Qty::new(i64::from(n % 977)),
            }
        })
        .collect()
}

/// The broker's side: every hundredth bar has another high; in no order, as a file may have it.
fn theirs() -> Vec<KeyedBar> {
    let mut bars = ours();
    for bar in bars.iter_mut().step_by(100) {
        bar.high = Price::new(bar.high.get() + 50_000);
    }
    bars.sort_by_key(|bar| {
        (u64::from(bar.symbol.0) << 40 ^ bar.start.get() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    });
    bars
}

#[divan::bench]
fn recon_of_75_000_bars_sort_included(bencher: divan::Bencher<'_, '_>) {
    let tolerance = Tolerance {
        price_ticks: 1,
        price_bp_thousandths: 3_000,
        volume_percent_thousandths: 3_000,
        volume_shares: 100,
    };
    let (ours, ticks) = (ours(), [Price::new(500); 200]);
    bencher.with_inputs(theirs).bench_values(|mut theirs| {
        keep_newest(&mut theirs);
        compare(&ours, &theirs, &ticks, &tolerance)
    });
}
