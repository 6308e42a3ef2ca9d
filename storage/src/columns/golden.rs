//! Encoded samples that must stay readable for ever, and that this build must still write.
//!
//! When the encoder learns something better the second half of a check may change with it, by a new sample beside the
//! old one; the first half never.

use barkeep_schemas::{
    Bar, ClockMark, Depth, Derived, Event, FeedId, Input, InstrumentId, Level, Price, Qty, Seq, SetAsideReason, Tick,
    TickSetAside, Timeframe, Ts,
};

use super::{decode, encode};

const OPEN: i64 = 1_795_146_300_000_000_000;

fn check(first: u64, events: &[Event], golden: &str) {
    let golden: String = golden.split_whitespace().collect();
    let bytes: Vec<u8> = (0..golden.len() / 2)
        .map(|n| u8::from_str_radix(&golden[n * 2..n * 2 + 2], 16).expect("hexadecimal"))
        .collect();
    let mut now = Vec::new();
    encode(Seq(first), events, &mut now);
    let now: String = now.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(now, golden, "written");
    let expected: Vec<(Seq, Event)> = (first..).map(Seq).zip(events.iter().cloned()).collect();
    assert_eq!(decode(Seq(first), &bytes), Ok(expected), "read");
}

fn tick(instrument: u32, millis: i64, price: i64, cum_volume: i64) -> Tick {
    let ts = OPEN + millis * 1_000_000;
    Tick {
        instrument: InstrumentId(instrument),
        feed: FeedId(0),
        ts: Ts::new(ts),
        recv: Ts::new(ts + 20_123_456),
        price: Price::new(price),
        qty: Some(Qty::new(25)),
        cum_volume: Some(Qty::new(cum_volume)),
        bid: Some(Price::new(price - 500)),
        ask: Some(Price::new(price + 500)),
        last_trade: None,
        condition: 0,
        depth: None,
    }
}

fn bar(instrument: u32, tf: Timeframe, n_trades: u32, cause: u64) -> Bar {
    let rise = i64::from(n_trades / 2) * 500;
    Bar {
        instrument: InstrumentId(instrument),
        tf,
        start: Ts::new(OPEN + 60_000_000_000 - tf.nanos()),
        open: Price::new(24_155_000),
        high: Price::new(24_155_000 + rise * 2),
        low: Price::new(24_155_000),
        close: Price::new(24_155_000 + rise),
        volume: Qty::new(100 * i64::from(n_trades)),
        n_trades,
        revision: 0,
        cause: Seq(cause),
        first_tick: Seq(cause - 90),
        last_tick: Seq(cause - 90 + 3 * u64::from(n_trades / 2)),
    }
}

fn event(tick: Tick) -> Event {
    Event::Input(Input::Tick(tick))
}

#[test]
fn a_block_of_ticks() {
    let events = [
        event(tick(4, 0, 24_155_000, 1_025)),
        event(tick(7, 3, 1_900_500, 77_025)),
        event(tick(4, 4, 24_155_500, 1_050)),
        event(tick(4, 9, 24_154_500, 1_075)),
    ];
    check(1, &events, GOLDEN_TICKS);
}

#[test]
fn a_block_of_bars() {
    let events = [
        Event::Derived(Derived::Bar(bar(0, Timeframe::S1, 1, 500))),
        Event::Derived(Derived::Bar(bar(0, Timeframe::M1, 4, 500))),
        Event::Derived(Derived::Bar(bar(3, Timeframe::S1, 2, 500))),
        Event::Derived(Derived::Bar(bar(5, Timeframe::S1, 1, 500))),
    ];
    check(501, &events, GOLDEN_BARS);
}

#[test]
fn a_block_of_everything() {
    let level = |price| Level { price: Price::new(price), qty: Qty::new(75), orders: 3 };
    let book = Depth { bids: vec![level(24_154_500), level(24_154_000)], asks: vec![level(24_155_500)] };
    let deep = Tick { depth: Some(Box::new(book)), ..tick(4, 1_250, 24_155_000, 2_000) };
    let bare = Tick {
        qty: None,
        cum_volume: None,
        bid: None,
        last_trade: Some(Ts::new(OPEN)),
        condition: 0x8000_0001,
        feed: FeedId(1),
        ..tick(70_000, 1_251, -500, 0)
    };
    let mark = ClockMark { feed: FeedId(0), ts: Ts::new(OPEN + 1_000_000_000) };
    let late = TickSetAside {
        instrument: InstrumentId(4),
        ts: Ts::new(OPEN),
        reason: SetAsideReason::TooLate,
        cause: Seq(104),
    };
    // A bar of one trade with two prices: no column holds it.
    let odd = Bar { high: Price::new(24_160_000), ..bar(4, Timeframe::M5, 1, 101) };
    let events = [
        event(tick(4, 0, 24_155_000, 1_025)),
        Event::Input(Input::ClockMark(mark)),
        Event::Derived(Derived::Bar(bar(4, Timeframe::S1, 1, 101))),
        Event::Derived(Derived::Bar(odd)),
        event(deep),
        Event::Derived(Derived::TickSetAside(late)),
        event(bare),
    ];
    check(100, &events, GOLDEN_MIXED);
}

const GOLDEN_TICKS: &str = "
    01040000000b0000005b00000000000000000000000000000000000000010104000100000000000802040000040100000200000000001e00
    80e0dab58f83d2e931c0843d808285c68f83d2e931020280897a80897a850000280102a8ffe701a4a7ce0a010202cf0ff4033a0102d00fe0
    d10402000032010000000000e707010000d00f";

const GOLDEN_BARS: &str = "
    01040000000b00000000000000000000004f0000000000000000000000010280000100000000000803000100020100010100000c01000002
    0200021c80c095bace86d2e9310000000000f0cd84170000000102e807f403010102e807f4030100000001020603010202c801641c000000
    0000000000b401";

const GOLDEN_MIXED: &str = "
    0107000000160000006f00000012000000300000000f000000740000000501040303028000800084000703000088060200000202040000d6
    c508010000040100000407001e00600a0080e0dab58f83d2e931c0843d80abe7a08683d2e931010280897ac0f4c8d304030000280102e707
    ecaac20b010000000000d00f010232b60702000000320000e707000000e8070000fffa85a909010100008280808010000000000000040000
    020000e807000096010000060104000100000000000000000280c095bace86d2e9310000000000f0cd84170000000000c801000000000000
    0000b4010000008088b1ef9683d2e931000000550000008001040000000300f83d9ad4a3e918789370010000000000a77001000000007893
    7001000000007893700100000000640000000000000001000000000065000000000000000b000000000000000b0000000000000017000000
    84010400000000585b7b0ca4e918046800000000000000";
