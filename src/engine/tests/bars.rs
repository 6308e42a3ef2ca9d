//! The rules of bars, one test each: what goes in, what must come out.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "a test says what it expects"
)]

mod scene;

use barkeep_schemas::*;
use scene::*;

#[track_caller]
fn check(inputs: Vec<Input>, words: &[&str], expected: &str) {
    let told = told_of(&run(&inputs), words);
    let expected = expected.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n");
    let told = told.lines().map(str::trim).collect::<Vec<_>>().join("\n");
    assert_eq!(told, expected);
}

fn session(trade_rule: TradeRule, volume: VolumeSource, phases: Vec<PhaseSpan>) -> Input {
    Input::SessionOpened(Box::new(opened(trade_rule, volume, phases, 1)))
}

fn by_quantity(rest: Vec<Input>) -> Vec<Input> {
    let mut inputs = vec![session(TradeRule::Qty, VolumeSource::Quantity, regular_phases())];
    inputs.extend(rest);
    inputs
}

fn by_counter(rest: Vec<Input>) -> Vec<Input> {
    let mut inputs = vec![session(TradeRule::All, VolumeSource::Cumulative, regular_phases())];
    inputs.extend(rest);
    inputs
}

const BARS: &[&str] = &["1s", "1m", "3m", "5m", "15m", "30m", "60m", "un", "auction", "reset", "set", "refused"];

#[test]
fn trades_become_a_second_a_minute_and_every_coarser_bar_at_the_close() {
    check(
        by_quantity(vec![
            trade("09:15:00.100", 100.0, 10),
            trade("09:15:00.200", 101.0, 5),
            trade("09:15:00.900", 99.5, 1),
            close(),
        ]),
        BARS,
        "1s 09:15:00 o=100 h=101 l=99.5 c=99.5 v=16 n=3 r0
         1m 09:15:00 o=100 h=101 l=99.5 c=99.5 v=16 n=3 r0
         3m 09:15:00 o=100 h=101 l=99.5 c=99.5 v=16 n=3 r0
         5m 09:15:00 o=100 h=101 l=99.5 c=99.5 v=16 n=3 r0
         15m 09:15:00 o=100 h=101 l=99.5 c=99.5 v=16 n=3 r0
         30m 09:15:00 o=100 h=101 l=99.5 c=99.5 v=16 n=3 r0
         60m 09:15:00 o=100 h=101 l=99.5 c=99.5 v=16 n=3 r0",
    );
}

#[test]
fn a_bucket_closes_when_the_watermark_passes_its_end_by_the_grace() {
    let second = "1s 09:15:00 o=100 h=100 l=100 c=100 v=1 n=1 r0";
    check(by_quantity(vec![trade("09:15:00", 100.0, 1), mark("09:15:03.999")]), &["1s"], "");
    check(by_quantity(vec![trade("09:15:00", 100.0, 1), mark("09:15:04")]), &["1s"], second);
    check(by_quantity(vec![trade("09:15:00", 100.0, 1), mark("09:16:02")]), &["1m"], "");
    check(
        by_quantity(vec![trade("09:15:00", 100.0, 1), mark("09:16:03")]),
        &["1m"],
        "1m 09:15:00 o=100 h=100 l=100 c=100 v=1 n=1 r0",
    );
}

#[test]
fn a_clock_mark_that_jumps_over_everything_still_closes_each_bucket_once_as_a_first_edition() {
    check(
        by_quantity(vec![trade("09:15:00", 100.0, 1), trade("09:16:30", 102.0, 2), mark("10:16:00")]),
        &["1m", "3m", "60m"],
        "1m 09:15:00 o=100 h=100 l=100 c=100 v=1 n=1 r0
         1m 09:16:00 o=102 h=102 l=102 c=102 v=2 n=1 r0
         3m 09:15:00 o=100 h=102 l=100 c=102 v=3 n=2 r0
         60m 09:15:00 o=100 h=102 l=100 c=102 v=3 n=2 r0",
    );
}

#[test]
fn trades_out_of_order_within_the_grace_open_and_close_by_their_own_time() {
    check(
        by_quantity(vec![
            trade("09:15:01.500", 100.0, 1),
            trade("09:15:03", 103.0, 1),
            trade("09:15:01.900", 101.0, 1),
            trade("09:15:01.100", 99.0, 1),
            mark("09:15:05"),
        ]),
        &["1s"],
        "1s 09:15:01 o=99 h=101 l=99 c=101 v=3 n=3 r0",
    );
}

#[test]
fn late_trades_revise_a_closed_second_once_a_clock_mark_and_the_minute_with_it() {
    check(
        by_quantity(vec![
            trade("09:15:01", 100.0, 1),
            mark("09:16:03"),
            trade("09:15:01.500", 105.0, 2),
            trade("09:15:01.600", 104.0, 3),
            mark("09:16:04"),
        ]),
        &["1s", "1m", "3m"],
        "1s 09:15:01 o=100 h=100 l=100 c=100 v=1 n=1 r0
         1m 09:15:00 o=100 h=100 l=100 c=100 v=1 n=1 r0
         1s 09:15:01 o=100 h=105 l=100 c=104 v=6 n=3 r1
         1m 09:15:00 o=100 h=105 l=100 c=104 v=6 n=3 r1",
    );
}

#[test]
fn a_late_trade_in_a_minute_that_closed_empty_makes_a_bar_that_is_no_first_edition() {
    check(
        by_quantity(vec![
            trade("09:15:01", 100.0, 1),
            mark("09:17:03"),
            trade("09:16:30", 105.0, 2),
            mark("09:17:04"),
            mark("09:18:03"),
        ]),
        &["1m", "3m"],
        "1m 09:15:00 o=100 h=100 l=100 c=100 v=1 n=1 r0
         1m 09:16:00 o=105 h=105 l=105 c=105 v=2 n=1 r1
         3m 09:15:00 o=100 h=105 l=100 c=105 v=3 n=2 r0",
    );
}

#[test]
fn a_trade_beyond_the_horizon_is_set_aside_and_its_volume_unallocated() {
    check(
        by_quantity(vec![
            trade("09:15:01", 100.0, 1),
            mark("09:17:01"),
            trade("09:15:01.500", 90.0, 7),
            mark("09:17:02"),
            trade("09:15:01.500", 80.0, 9),
            mark("09:17:03"),
        ]),
        &["1s", "set", "un"],
        "1s 09:15:01 o=100 h=100 l=100 c=100 v=1 n=1 r0
         1s 09:15:01 o=100 h=100 l=90 c=90 v=8 n=2 r1
         set aside 09:15:01.500 too_late
         unallocated 9 09:15:01.500..09:15:01.500 too_late 1s,1m,3m,5m,15m,30m,60m",
    );
}

#[test]
fn the_first_value_of_the_counter_goes_to_no_bar() {
    check(
        by_counter(vec![cum("09:15:49", 1517.45, 82_952), cum("09:15:50", 1517.45, 85_468), close()]),
        &["1s", "1m", "un"],
        "unallocated 82952 09:00:00..09:15:49 first_value 1s,1m,3m,5m,15m,30m,60m
         1s 09:15:49 o=1517.45 h=1517.45 l=1517.45 c=1517.45 v=0 n=1 r0
         1s 09:15:50 o=1517.45 h=1517.45 l=1517.45 c=1517.45 v=2516 n=1 r0
         1m 09:15:00 o=1517.45 h=1517.45 l=1517.45 c=1517.45 v=2516 n=2 r0",
    );
}

#[test]
fn an_auction_print_is_counted_in_the_day_and_in_no_bar_and_is_the_counters_start() {
    check(
        by_counter(vec![cum("09:07:30", 1516.0, 25_096), cum("09:15:01", 1517.0, 25_100), close()]),
        &["1s", "auction", "un"],
        "auction 09:07:30 pre_open 25096 at 1516
         unallocated 25096 09:00:00..09:07:30 auction 1s,1m,3m,5m,15m,30m,60m
         1s 09:15:01 o=1517 h=1517 l=1517 c=1517 v=4 n=1 r0",
    );
}

#[test]
fn a_jump_over_a_gap_goes_to_the_bars_that_hold_the_whole_gap_and_to_no_other() {
    check(
        by_counter(vec![
            cum("09:15:10", 100.0, 1_000),
            cum("09:16:10", 100.0, 1_010),
            gap("09:16:20", "09:16:40"),
            cum("09:16:41", 101.0, 1_500),
            cum("09:17:50", 101.0, 1_501),
            gap("09:17:55", "09:18:05"),
            cum("09:18:06", 102.0, 1_601),
            close(),
        ]),
        &["1m", "3m", "5m", "un"],
        "unallocated 1000 09:00:00..09:15:10 first_value 1s,1m,3m,5m,15m,30m,60m
         1m 09:15:00 o=100 h=100 l=100 c=100 v=0 n=1 r0
         unallocated 490 09:16:20..09:16:41 gap 1s
         1m 09:16:00 o=100 h=101 l=100 c=101 v=500 n=2 r0
         unallocated 100 09:17:55..09:18:06 gap 1s,1m,3m
         1m 09:17:00 o=101 h=101 l=101 c=101 v=1 n=1 r0
         3m 09:15:00 o=100 h=101 l=100 c=101 v=501 n=4 r0
         1m 09:18:00 o=102 h=102 l=102 c=102 v=0 n=1 r0
         3m 09:18:00 o=102 h=102 l=102 c=102 v=0 n=1 r0
         5m 09:15:00 o=100 h=102 l=100 c=102 v=601 n=5 r0",
    );
}

/// A Kite snapshot: its own time, that of the last trade, and the counter.
fn kite(clock: &str, last_trade: &str, price: f64, volume: i64) -> Input {
    let last_trade = Some(at(last_trade));
    Input::Tick(Tick { last_trade, cum_volume: Some(Qty::new(volume)), ..tick(clock, price) })
}

fn by_kite(inputs: Vec<Input>) -> Vec<Input> {
    [vec![session(TradeRule::Kite, VolumeSource::Cumulative, regular_phases())], inputs].concat()
}

#[test]
fn a_snapshot_kept_from_before_or_within_the_gap_ends_it_so_that_later_trades_are_whole() {
    let first = |volume| kite("09:15:10", "09:15:10", 100.0, volume);
    // Nothing was traded in the gap: the broker's snapshot is the one known before.
    check(
        by_kite(vec![
            first(1_000),
            gap("09:16:20", "09:16:40"),
            kite("09:15:10", "09:15:10", 100.0, 1_000),
            kite("09:20:05", "09:20:05", 101.0, 1_007),
            close(),
        ]),
        &["1s", "un"],
        "unallocated 1000 09:00:00..09:15:10 first_value 1s,1m,3m,5m,15m,30m,60m
         1s 09:15:10 o=100 h=100 l=100 c=100 v=0 n=1 r0
         1s 09:20:05 o=101 h=101 l=101 c=101 v=7 n=1 r0",
    );
    // It was: the snapshot is from within the gap.
    check(
        by_kite(vec![
            first(1_000),
            gap("09:16:20", "09:16:40"),
            kite("09:16:30", "09:16:30", 100.5, 1_004),
            kite("09:20:05", "09:20:05", 101.0, 1_007),
            close(),
        ]),
        &["1s", "un"],
        "unallocated 1000 09:00:00..09:15:10 first_value 1s,1m,3m,5m,15m,30m,60m
         unallocated 4 09:16:20..09:16:30 gap 1s
         1s 09:15:10 o=100 h=100 l=100 c=100 v=0 n=1 r0
         1s 09:16:30 o=100.5 h=100.5 l=100.5 c=100.5 v=0 n=1 r0
         1s 09:20:05 o=101 h=101 l=101 c=101 v=3 n=1 r0",
    );
}

#[test]
fn no_bucket_spans_a_break_and_each_part_aligns_to_its_own_open() {
    check(
        vec![
            session(TradeRule::Qty, VolumeSource::Quantity, split_phases()),
            trade("09:59:59", 100.0, 1),
            trade("10:00:00", 500.0, 9),
            trade("11:30:00", 101.0, 2),
            trade("12:29:59", 102.0, 3),
            close(),
        ],
        &["60m", "15m", "un"],
        "unallocated 9 10:00:00..10:00:00 outside_hours 1s,1m,3m,5m,15m,30m,60m
         15m 09:45:00 o=100 h=100 l=100 c=100 v=1 n=1 r0
         60m 09:15:00 o=100 h=100 l=100 c=100 v=1 n=1 r0
         15m 11:30:00 o=101 h=101 l=101 c=101 v=2 n=1 r0
         15m 12:15:00 o=102 h=102 l=102 c=102 v=3 n=1 r0
         60m 11:30:00 o=101 h=102 l=101 c=102 v=5 n=2 r0",
    );
}

#[test]
fn a_fall_of_the_counter_is_ignored_until_it_persists() {
    check(
        by_counter(vec![
            cum("09:15:01", 100.0, 1_000),
            cum("09:15:02", 100.0, 900),
            cum("09:15:03", 100.0, 1_100),
            cum("09:15:10", 100.0, 50),
            cum("09:16:10", 100.0, 70),
            cum("09:16:11", 100.0, 75),
            close(),
        ]),
        &["1m", "5m", "un", "reset"],
        "unallocated 1000 09:00:00..09:15:01 first_value 1s,1m,3m,5m,15m,30m,60m
         reset 1100 to 70
         unallocated 70 09:15:10..09:16:10 reset 1s,1m
         1m 09:15:00 o=100 h=100 l=100 c=100 v=100 n=4 r0
         1m 09:16:00 o=100 h=100 l=100 c=100 v=5 n=2 r0
         5m 09:15:00 o=100 h=100 l=100 c=100 v=175 n=6 r0",
    );
}

#[test]
fn suspect_ticks_move_nothing() {
    check(
        by_quantity(vec![
            mark("09:15:00"),
            trade("09:15:05.001", 100.0, 1),
            trade("33:15:00", 100.0, 1),
            trade("09:15:05", 101.0, 1),
            close(),
            trade("09:15:06", 100.0, 1),
        ]),
        &["1s", "set", "un"],
        "set aside 09:15:05.001 ahead_of_clock
         set aside 33:15:00 outside_date
         1s 09:15:05 o=101 h=101 l=101 c=101 v=1 n=1 r0
         set aside 09:15:06 no_session",
    );
}

#[test]
fn behind_the_last_phase_ticks_are_outside_hours_and_not_ahead_of_a_clock_that_stands_still() {
    check(
        by_quantity(vec![mark("15:59:58"), trade("17:00:00", 100.0, 1), mark("15:59:59"), trade("17:00:00", 100.0, 2)]),
        &["set", "un"],
        "set aside 17:00:00 ahead_of_clock
         unallocated 2 17:00:00..17:00:00 outside_hours 1s,1m,3m,5m,15m,30m,60m",
    );
}

#[test]
fn kite_trades_are_bucketed_by_last_trade_time_and_depth_changes_make_no_bar() {
    let snapshot = |clock: &str, last_trade: &str, price, volume| {
        Input::Tick(Tick { cum_volume: Some(Qty::new(volume)), last_trade: Some(at(last_trade)), ..tick(clock, price) })
    };
    check(
        vec![
            session(TradeRule::Kite, VolumeSource::Cumulative, regular_phases()),
            snapshot("09:15:01", "09:15:00", 100.0, 1_000),
            snapshot("09:15:02", "09:15:00", 100.0, 1_000),
            snapshot("09:15:03", "09:15:02", 101.0, 1_004),
            snapshot("09:15:03.250", "09:15:02", 102.0, 1_006),
            close(),
        ],
        &["1s"],
        "1s 09:15:00 o=100 h=100 l=100 c=100 v=0 n=1 r0
         1s 09:15:02 o=101 h=102 l=101 c=102 v=6 n=2 r0",
    );
}

#[test]
fn condition_flags_keep_trades_out_of_prices_and_hand_volume_back() {
    let mut opened = opened(TradeRule::Qty, VolumeSource::Quantity, regular_phases(), 1);
    opened.feeds[0].conditions = vec![
        ConditionRule {
            mask: 0x20,
            effects: vec![ConditionEffect::NoOhlc, ConditionEffect::NoOpen, ConditionEffect::VolumeToPrevious],
        },
        ConditionRule { mask: 0x40, effects: vec![ConditionEffect::NoOhlc] },
    ];
    let flagged = |clock: &str, price, qty, condition| {
        Input::Tick(Tick { qty: Some(Qty::new(qty)), condition, ..tick(clock, price) })
    };
    check(
        vec![
            Input::SessionOpened(Box::new(opened)),
            flagged("09:15:00", 100.0, 1, 0),
            flagged("09:15:00.500", 900.0, 2, 0x20),
            flagged("09:15:01", 100.0, 4, 0x40),
            flagged("09:18:00", 900.0, 8, 0x20),
            flagged("09:18:01", 101.0, 16, 0),
            close(),
        ],
        &["1s", "1m", "3m", "un"],
        "1s 09:15:00 o=100 h=100 l=100 c=100 v=3 n=2 r0
         unallocated 4 09:15:01..09:15:02 no_price 1s
         1m 09:15:00 o=100 h=100 l=100 c=100 v=7 n=3 r0
         1s 09:18:01 o=101 h=101 l=101 c=101 v=16 n=1 r0
         1s 09:15:00 o=100 h=100 l=100 c=100 v=11 n=3 r1
         1m 09:18:00 o=101 h=101 l=101 c=101 v=16 n=1 r0
         1m 09:15:00 o=100 h=100 l=100 c=100 v=15 n=4 r1
         3m 09:15:00 o=100 h=100 l=100 c=100 v=15 n=4 r0
         3m 09:18:00 o=101 h=101 l=101 c=101 v=16 n=1 r0",
    );
}

#[test]
fn an_input_that_cannot_be_used_is_refused_and_changes_nothing() {
    let stranger = Input::Tick(Tick { instrument: InstrumentId(7), ..tick("09:15:00", 1.0) });
    let other_feed = Input::Tick(Tick { feed: FeedId(3), ..tick("09:15:00", 1.0) });
    check(
        by_quantity(vec![
            stranger,
            other_feed,
            trade("09:15:00", -1.0, 1),
            mark("09:15:01"),
            mark("09:15:00"),
            gap("09:16:00", "09:15:00"),
            session(TradeRule::All, VolumeSource::Nothing, regular_phases()),
            close(),
            close(),
            mark("09:15:09"),
        ]),
        BARS,
        "refused 2 unknown_instrument
         refused 4 unknown_feed
         refused 6 contradiction
         refused 9 clock_backwards
         refused 11 contradiction
         refused 13 session_open
         refused 16 no_session
         refused 18 no_session",
    );
}
