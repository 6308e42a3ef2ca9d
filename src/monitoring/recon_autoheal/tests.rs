//! Coarser bars out of minutes, against what the engine's rules give.

use barkeep_schemas::{HealAction, Ohlcv, Price, Qty, Timeframe, Ts};
use proptest::prelude::*;

use super::day_bars::{DayBars, Edition, Key};
use super::plan::Planned;
use super::rebuild::{Minutes, Parts, fold, rebuilt};
use crate::monitoring::daily_recon::SymbolIndex;

const A: SymbolIndex = SymbolIndex(0);

fn bar(open: i64, high: i64, low: i64, close: i64, volume: i64) -> Ohlcv {
    let [open, high, low, close] = [open, high, low, close].map(Price::new);
    Ohlcv { open, high, low, close, volume: Qty::new(volume) }
}

fn key(tf: Timeframe, minute: i64) -> Key {
    (tf, A, Ts::from_secs(minute * 60))
}

fn take(key: Key, after: Option<Ohlcv>) -> Planned {
    let action = HealAction::TakeBroker;
    Planned { key, action, cause: None, before: None, after, revision: 1, source: None }
}

#[test]
fn buckets_begin_with_a_part_and_end_with_it() {
    let parts = Parts::from([(A, vec![(0, 7 * 60), (20 * 60, 27 * 60)])]);
    let bucket = |tf, minute: i64| {
        parts.bucket(A, tf, Ts::from_secs(minute * 60)).map(|(from, to)| (from.secs() / 60, to.secs() / 60))
    };
    assert_eq!(bucket(Timeframe::M5, 6), Some((5, 7)));
    assert_eq!(bucket(Timeframe::M5, 10), None, "the break");
    assert_eq!(bucket(Timeframe::M15, 26), Some((20, 27)));
    assert_eq!(parts.bucket(SymbolIndex(1), Timeframe::M5, Ts::from_secs(60)), None);
}

#[test]
fn shares_that_the_coarse_bar_alone_holds_stay_less_what_a_minute_now_brings() {
    let mut bars = DayBars::default();
    let made = |values| Edition { values, revision: 0 };
    bars.make(key(Timeframe::M1, 0), made(bar(10, 12, 9, 11, 100)));
    bars.make(key(Timeframe::M1, 2), made(bar(11, 15, 11, 14, 50)));
    // 30 shares were traded over the gap of minute 1.
    bars.make(key(Timeframe::M3, 0), made(bar(10, 15, 9, 14, 180)));
    let parts = Parts::from([(A, vec![(0, 3_600)])]);
    let coarse = |planned: &[Planned]| {
        let all = rebuilt(&bars, planned, &parts, HealAction::Rebuild);
        all.into_iter().find(|bar| bar.key == key(Timeframe::M3, 0)).map(|bar| bar.after.unwrap())
    };
    assert_eq!(coarse(&[]), None);
    let inserted = |volume| take(key(Timeframe::M1, 1), Some(bar(11, 20, 8, 11, volume)));
    assert_eq!(coarse(&[inserted(20)]), Some(bar(10, 20, 8, 14, 180)), "10 of the 30 still belong to it alone");
    assert_eq!(coarse(&[inserted(30)]), Some(bar(10, 20, 8, 14, 180)));
    assert_eq!(coarse(&[inserted(70)]), Some(bar(10, 20, 8, 14, 220)), "the broker knows of more");
}

#[test]
fn a_bucket_without_a_bar_gets_one_and_loses_it_again() {
    let parts = Parts::from([(A, vec![(0, 3_600)])]);
    let mut bars = DayBars::default();
    let minute = key(Timeframe::M1, 4);
    let planned = [take(minute, Some(bar(5, 6, 4, 5, 7)))];
    let made = rebuilt(&bars, &planned, &parts, HealAction::Rebuild);
    assert_eq!(made.len(), 5, "3, 5, 15, 30 and 60 minutes");
    assert!(made.iter().all(|row| row.after == planned[0].after && row.before.is_none() && row.revision == 1));
    for row in planned.iter().chain(&made) {
        bars.correct(row.key, row.after.clone(), row.revision);
    }
    assert!(rebuilt(&bars, &[], &parts, HealAction::Rebuild).is_empty(), "nothing is left to do");
    let back = rebuilt(&bars, &[take(minute, None)], &parts, HealAction::Revert);
    assert!(back.len() == 5 && back.iter().all(|row| row.after.is_none() && row.revision == 2), "{back:?}");
}

proptest! {
    #[test]
    fn minutes_as_they_were_made_give_the_coarse_bars_as_they_were_made(
        prices in prop::collection::vec(prop::option::of((90_i64..110, 90_i64..110, 0_i64..1_000)), 60),
        extra in 0_i64..100,
    ) {
        let mut bars = DayBars::default();
        let parts = Parts::from([(A, vec![(0, 3_600)])]);
        let mut minutes = Vec::new();
        for (minute, price) in (0..).zip(&prices) {
            if let Some((open, close, volume)) = *price {
                let values = bar(open, open.max(close), open.min(close), close, volume);
                bars.make(key(Timeframe::M1, minute), Edition { values: values.clone(), revision: 0 });
                minutes.push((minute, values));
            }
        }
        for tf in [Timeframe::M3, Timeframe::M5, Timeframe::M15, Timeframe::M30, Timeframe::M60] {
            let length = tf.nanos() / 60_000_000_000;
            for from in (0..60).step_by(length as usize) {
                let inside = minutes.iter().filter(|(minute, _)| (from..from + length).contains(minute));
                if let Some(mut values) = fold(inside.map(|(_, values)| values)) {
                    values.volume = Qty::new(values.volume.get() + extra);
                    bars.make(key(tf, from), Edition { values: values.clone(), revision: 0 });
                    let until = Ts::from_secs((from + length) * 60);
                    prop_assert_eq!(Minutes::new(&bars, &[]).coarse(tf, A, Ts::from_secs(from * 60), until), Some(values));
                }
            }
        }
        // A correction that changes nothing changes no coarse bar, and one that is taken back gives them all again.
        let same: Vec<Planned> = minutes.iter().map(|(at, values)| take(key(Timeframe::M1, *at), Some(values.clone()))).collect();
        prop_assert!(rebuilt(&bars, &same, &parts, HealAction::Rebuild).is_empty());
    }
}
