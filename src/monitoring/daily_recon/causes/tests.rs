//! Each cause by the smallest day that has it, the order among them, and that no difference is left without one.

use barkeep_schemas::{FeedId, GapCause, Ohlcv, Phase, Price, Qty, ReconCause, Seq, Ts, UnallocatedReason};
use proptest::prelude::*;

use super::super::bars::{KeyedBar, SymbolIndex};
use super::super::compare::{Comparison, compare};
use super::super::tolerance::{Tolerance, Tolerances};
use super::*;

mod injected;

const DEFAULT: Tolerances = Tolerances::same(Tolerance {
    price_ticks: 1,
    price_bp_thousandths: 3_000,
    volume_percent_thousandths: 3_000,
    volume_shares: 100,
    day_percent_thousandths: 0,
});

/// 09:15 IST of some day, the minute 0 of these tests.
const OPEN_SECS: i64 = 1_622_778_300;

fn minute(number: i64) -> Ts {
    Ts::from_secs(OPEN_SECS + number * 60)
}

/// A moment of a minute.
fn second(number: i64, second: i64) -> Ts {
    Ts::from_secs(OPEN_SECS + number * 60 + second)
}

fn bar(number: i64, [open, high, low, close]: [i64; 4], volume: i64) -> KeyedBar {
    let [open, high, low, close] = [open, high, low, close].map(|paise| Price::new(paise * 100));
    KeyedBar { symbol: SymbolIndex(0), start: minute(number), open, high, low, close, volume: Qty::new(volume) }
}

/// Ten minutes that are alike on both sides: 1,000.00 to 1,010.00, 10,000 shares each.
fn day() -> Vec<KeyedBar> {
    (0..10).map(|number| bar(number, [100_200, 101_000, 100_000, 100_500 + number * 10], 10_000)).collect()
}

/// What a session of one feed knows when nothing happened.
fn quiet() -> DayFacts {
    let hours = vec![(minute(0), minute(375))];
    DayFacts {
        symbols: vec![SymbolFacts { feed: Some(FeedId(1)), hours, ..SymbolFacts::default() }],
        import: Seq(50),
        ..DayFacts::default()
    }
}

fn gap(from: Ts, to: Ts, cause: GapCause) -> Gap {
    Gap { feed: FeedId(1), from, to, cause }
}

fn explained(ours: &[KeyedBar], theirs: &[KeyedBar], facts: &DayFacts) -> Comparison {
    let ticks = [Price::new(500); 2];
    let mut found = compare(ours, theirs, &ticks, &DEFAULT);
    let sides = Sides {
        internal: ours,
        broker: theirs,
        tick_sizes: &ticks,
        tolerances: &DEFAULT,
        tf: barkeep_schemas::Timeframe::M1,
    };
    explain(&mut found.differences, &sides, facts);
    found
}

/// `minute status cause` of every difference.
#[track_caller]
fn check(ours: &[KeyedBar], theirs: &[KeyedBar], facts: &DayFacts, expected: &[&str]) {
    let told: Vec<String> = explained(ours, theirs, facts)
        .differences
        .iter()
        .map(|row| format!("{} {} {}", (row.start.secs() - OPEN_SECS) / 60, row.status, row.cause))
        .collect();
    assert_eq!(told, expected);
}

/// A day of ours without these minutes.
fn without(numbers: &[i64]) -> Vec<KeyedBar> {
    day().into_iter().filter(|bar| !numbers.iter().any(|number| bar.start == minute(*number))).collect()
}

/// A day with one bar changed.
fn changed(number: usize, change: impl FnOnce(&mut KeyedBar)) -> Vec<KeyedBar> {
    let mut bars = day();
    change(&mut bars[number]);
    bars
}

#[test]
fn nothing_known_is_unexplained() {
    check(&without(&[3]), &day(), &quiet(), &["3 missing_internal unexplained"]);
    check(&day(), &without(&[3]), &quiet(), &["3 missing_broker unexplained"]);
    let higher = changed(3, |bar| bar.high = Price::new(10_120_000));
    check(&higher, &day(), &quiet(), &["3 price unexplained"]);
    check(&changed(3, |bar| bar.volume = Qty::new(1)), &day(), &DayFacts::default(), &["3 volume unexplained"]);
}

#[test]
fn a_gap_explains_every_minute_that_it_touches_and_no_other() {
    let mut facts = quiet();
    facts.gaps = vec![gap(second(2, 30), minute(4), GapCause::Disconnect)];
    let ours: Vec<KeyedBar> = without(&[1, 2, 3, 4]);
    let expected = [
        "1 missing_internal unexplained",
        "2 missing_internal feed_gap",
        "3 missing_internal feed_gap",
        "4 missing_internal unexplained",
    ];
    check(&ours, &day(), &facts, &expected);
    facts.gaps.push(gap(second(3, 1), second(3, 2), GapCause::ApplianceDown));
    let low = changed(3, |bar| bar.low = Price::new(10_060_000));
    check(&low, &day(), &facts, &["3 price appliance_down"]);
    facts.gaps.iter_mut().for_each(|gap| gap.feed = FeedId(2));
    check(&without(&[3]), &day(), &facts, &["3 missing_internal unexplained"]);
    check(&day(), &without(&[3]), &facts, &["3 missing_broker unexplained"]);
}

#[test]
fn volume_that_a_gap_left_over_explains_its_minutes() {
    let mut facts = quiet();
    let part = |reason| Unallocated { from: second(5, 10), to: second(5, 40), reason };
    let short = changed(5, |bar| bar.volume = Qty::new(5_000));
    for (reason, cause) in [
        (UnallocatedReason::Gap, "feed_gap"),
        (UnallocatedReason::FirstValue, "feed_gap"),
        (UnallocatedReason::TooLate, "late_ticks"),
        (UnallocatedReason::Reset, "unexplained"),
    ] {
        facts.symbols[0].unallocated = vec![part(reason)];
        check(&short, &day(), &facts, &[&format!("5 volume {cause}")]);
    }
}

#[test]
fn a_tick_that_came_too_late_explains_its_minute() {
    let mut facts = quiet();
    facts.symbols[0].late = vec![second(4, 59)];
    let low = changed(4, |bar| bar.high = Price::new(10_050_000));
    check(&low, &day(), &facts, &["4 price late_ticks"]);
    facts.symbols[0].late = vec![minute(5)];
    check(&low, &day(), &facts, &["4 price conflation"]);
}

#[test]
fn a_range_inside_the_brokers_is_conflation_up_to_one_percent_and_with_nearly_its_volume() {
    let inside =
        |high: i64, volume: i64| changed(4, |bar| (bar.high, bar.volume) = (Price::new(high), Qty::new(volume)));
    check(&inside(10_060_000, 10_000), &day(), &quiet(), &["4 price conflation"]);
    check(&inside(10_060_000, 9_000), &day(), &quiet(), &["4 price conflation"]);
    check(&inside(10_060_000, 8_900), &day(), &quiet(), &["4 price unexplained"]);
    let wide = changed(4, |bar| bar.high = Price::new(10_300_000));
    check(&day(), &wide, &quiet(), &["4 price unexplained"]);
}

#[test]
fn volume_over_a_boundary_is_what_one_lacks_and_a_neighbour_has() {
    let mut ours = changed(4, |bar| bar.volume = Qty::new(8_000));
    ours[5].volume = Qty::new(12_000);
    check(&ours, &day(), &quiet(), &["4 volume volume_boundary", "5 volume volume_boundary"]);
    ours[5].volume = Qty::new(13_000);
    check(&ours, &day(), &quiet(), &["4 volume unexplained", "5 volume unexplained"]);
    ours[5].volume = Qty::new(12_000);
    ours[5].high = Price::new(10_200_000);
    check(&ours, &day(), &quiet(), &["4 volume unexplained", "5 price unexplained"]);
    // The last trades of a minute went to the next, and the close with them.
    let mut ours = changed(4, |bar| bar.volume = Qty::new(12_000));
    (ours[3].volume, ours[3].close) = (Qty::new(8_000), Price::new(10_099_000));
    check(&ours, &day(), &quiet(), &["3 price unexplained", "4 volume volume_boundary"]);
}

#[test]
fn what_stands_behind_an_interruption_was_lost_in_it() {
    let mut facts = quiet();
    facts.gaps = vec![gap(second(4, 10), second(4, 50), GapCause::ApplianceDown)];
    let mut ours = changed(4, |bar| bar.volume = Qty::new(2_000));
    ours[5].volume = Qty::new(10_500);
    check(&ours, &day(), &facts, &["4 volume appliance_down", "5 volume volume_boundary"]);
    check(&ours, &day(), &quiet(), &["4 volume unexplained", "5 volume unexplained"]);
    ours[5].volume = Qty::new(19_000);
    check(&ours, &day(), &facts, &["4 volume appliance_down", "5 volume unexplained"]);
    // The bar before was healed: the cause stays.
    let mut ours = changed(5, |bar| bar.volume = Qty::new(10_500));
    check(&ours, &day(), &facts, &["5 volume volume_boundary"]);
    check(&ours, &day(), &quiet(), &["5 volume unexplained"]);
    ours[5].volume = Qty::new(20_001);
    check(&ours, &day(), &facts, &["5 volume unexplained"]);
    // What is lost before it, not behind it; nor does one that lacks shares itself take any.
    let mut ours = changed(4, |bar| bar.volume = Qty::new(2_000));
    ours[3].volume = Qty::new(10_500);
    check(&ours, &day(), &facts, &["3 volume unexplained", "4 volume appliance_down"]);
    let mut ours = without(&[4]);
    ours[4].volume = Qty::new(10_500);
    let lost = ["4 missing_internal appliance_down", "5 volume volume_boundary"];
    check(&ours, &day(), &facts, &lost);
}

#[test]
fn a_part_that_would_be_no_difference_mirrors_nothing() {
    let few = |number: i64, volume: i64| bar(number, [100_200, 101_000, 100_000, 100_500 + number * 10], volume);
    let with = |volumes: [i64; 2]| {
        let mut bars = day();
        (bars[4], bars[5]) = (few(4, volumes[0]), few(5, volumes[1]));
        bars
    };
    let theirs = with([500, 500]);
    check(&with([350, 560]), &theirs, &quiet(), &["4 volume unexplained"]);
    check(&with([350, 600]), &theirs, &quiet(), &["4 volume unexplained"]);
    check(&with([350, 601]), &theirs, &quiet(), &["4 volume volume_boundary", "5 volume volume_boundary"]);
    check(&with([350, 650]), &theirs, &quiet(), &["4 volume volume_boundary", "5 volume volume_boundary"]);
}

#[test]
fn the_first_bar_may_open_at_the_auctions_price() {
    let auction = |open: i64| {
        changed(0, |bar| {
            bar.open = Price::new(open);
            bar.high = bar.high.max(bar.open);
        })
    };
    check(&day(), &auction(10_250_000), &quiet(), &["0 price opening_price"]);
    let mut facts = quiet();
    let print = Print { phase: Phase::PreOpen, price: Price::new(10_250_000), volume: Qty::new(25_000) };
    facts.symbols[0].prints = vec![print];
    check(&day(), &auction(10_250_000), &facts, &["0 price opening_price"]);
    check(&day(), &auction(10_200_000), &facts, &["0 price unexplained"]);
    let with_print = changed(0, |bar| bar.volume = Qty::new(35_000));
    check(&day(), &with_print, &facts, &["0 volume auction"]);
    check(&day(), &with_print, &quiet(), &["0 volume unexplained"]);
    let second_bar = changed(1, |bar| bar.open = Price::new(10_250_000));
    check(&day(), &second_bar, &quiet(), &["1 price unexplained"]);
}

#[test]
fn a_bar_outside_continuous_hours_is_an_auctions() {
    let mut theirs = day();
    theirs.insert(0, bar(-8, [100_000; 4], 25_000));
    check(&day(), &theirs, &quiet(), &["-8 missing_internal auction"]);
}

#[test]
fn a_flat_bar_without_volume_that_we_lack_is_a_halt() {
    let theirs = changed(6, |flat| *flat = bar(6, [100_550; 4], 0));
    check(&without(&[6]), &theirs, &quiet(), &["6 missing_internal halt"]);
}

#[test]
fn the_brokers_own_rows_may_contradict_each_other() {
    let theirs = changed(2, |bar| bar.close = Price::new(10_090_000));
    let row = |import: u64, bar: &KeyedBar| BrokerRow { import: Seq(import), values: bar.values() };
    let mut facts = quiet();
    let key = (SymbolIndex(0), minute(2));
    for (other, cause) in [(50, "duplicate"), (70, "broker_revised")] {
        facts.rows.insert(key, vec![row(50, &theirs[2]), row(other, &day()[2])]);
        check(&day(), &theirs, &facts, &[&format!("2 price {cause}")]);
    }
    facts.rows.insert(key, vec![row(50, &theirs[2]), row(50, &theirs[2]), row(70, &theirs[2])]);
    check(&day(), &theirs, &facts, &["2 price conflation"]);
}

#[test]
fn a_constant_ratio_is_a_corporate_action() {
    let halved: Vec<KeyedBar> = day()
        .into_iter()
        .map(|mut bar| {
            for price in [&mut bar.open, &mut bar.high, &mut bar.low, &mut bar.close] {
                *price = Price::new(price.get() / 2);
            }
            bar
        })
        .collect();
    let all: Vec<String> = (0..10).map(|number| format!("{number} price corporate_action")).collect();
    check(&day(), &halved, &quiet(), &all.iter().map(String::as_str).collect::<Vec<_>>());
    let mut one_apart = halved;
    one_apart[7].high = Price::new(10_000_000);
    let expected: Vec<String> = (0..10)
        .map(|number| format!("{number} price {}", if number == 7 { "unexplained" } else { "corporate_action" }))
        .collect();
    check(&day(), &one_apart, &quiet(), &expected.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn a_broker_that_ends_early_or_lacks_a_run_is_incomplete() {
    let tail = ["8 missing_broker broker_incomplete", "9 missing_broker broker_incomplete"];
    check(&day(), &without(&[8, 9]), &quiet(), &tail);
    let run: Vec<String> = (3..6).map(|number| format!("{number} missing_broker broker_incomplete")).collect();
    check(&day(), &without(&[3, 4, 5]), &quiet(), &run.iter().map(String::as_str).collect::<Vec<_>>());
    check(&day(), &without(&[3, 4]), &quiet(), &["3 missing_broker unexplained", "4 missing_broker unexplained"]);
    let both = |bars: &[KeyedBar]| -> Vec<KeyedBar> {
        let other = bars.iter().map(|bar| KeyedBar { symbol: SymbolIndex(1), ..*bar });
        bars.iter().copied().chain(other).collect()
    };
    let lacking = ["3 missing_broker broker_incomplete", "3 missing_broker broker_incomplete"];
    check(&both(&day()), &both(&without(&[3])), &quiet(), &lacking);
}

fn values(bar: &KeyedBar) -> Ohlcv {
    bar.values()
}

/// Bars of up to two symbols over a few minutes, in any shape.
fn side() -> impl Strategy<Value = Vec<KeyedBar>> {
    let one = (0_u32..2, 0_i64..12, 1_i64..4, 0_i64..3);
    proptest::collection::vec(one, 0..24).prop_map(|rows| {
        let make = |(symbol, number, price, volume): (u32, i64, i64, i64)| {
            let paise = 90_000 + price * 5_000;
            KeyedBar { symbol: SymbolIndex(symbol), ..bar(number, [paise, paise + 500, paise, paise], volume * 4_000) }
        };
        let mut bars: Vec<KeyedBar> = rows.into_iter().map(make).collect();
        super::super::bars::keep_newest(&mut bars);
        bars
    })
}

proptest! {
    #[test]
    fn the_same_inputs_give_the_same_causes_and_nothing_else_changes(
        ours in side(), theirs in side(), from in 0_i64..12, length in 0_i64..4, late in 0_i64..12, twice in any::<bool>()
    ) {
        let mut facts = quiet();
        facts.gaps = vec![gap(minute(from), minute(from + length), GapCause::Silence)];
        facts.symbols[0].late = vec![minute(late)];
        if let Some(bar) = theirs.first().filter(|_| twice) {
            let changed = Ohlcv { volume: Qty::new(1), ..values(bar) };
            let rows = [values(bar), changed].map(|values| BrokerRow { import: Seq(50), values });
            facts.rows.insert(bar.key(), rows.to_vec());
        }
        let found = explained(&ours, &theirs, &facts);
        prop_assert_eq!(&found, &explained(&ours, &theirs, &facts));
        let bare = compare(&ours, &theirs, &[Price::new(500); 2], &DEFAULT);
        prop_assert_eq!(&bare.total, &found.total);
        for (before, after) in bare.differences.iter().zip(&found.differences) {
            let kept = super::super::compare::Difference { cause: ReconCause::Unexplained, ..*after };
            prop_assert_eq!(before, &kept);
            // A gap explains nothing that we have and the broker lacks.
            if after.internal.is_some() && after.broker.is_none() {
                prop_assert!(!matches!(after.cause, ReconCause::FeedGap | ReconCause::LateTicks));
            }
        }
    }
}
