//! Events that depend on their position and on a byte of the input alone: most are ticks, some are all the rest, and
//! some numbers are far from their neighbours, which columns hold badly.

use barkeep_schemas::{
    Bar, ClockMark, CloseReason, Depth, Derived, Event, FeedGap, FeedId, GapCause, Input, Instrument, InstrumentClass,
    InstrumentId, Level, Price, Qty, RefusalReason, Seq, SessionClosed, SessionDate, Tick, Timeframe, Ts,
};

const START: i64 = 1_785_469_500_000_000_000;

/// Mixes two numbers into one that looks random (splitmix64).
fn mixed(seq: u64, salt: u8) -> u64 {
    let mut z = seq.wrapping_mul(257).wrapping_add(u64::from(salt)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z ^ (z >> 27)
}

pub fn event(seq: u64, salt: u8) -> Event {
    let dice = mixed(seq, salt);
    let ts = if dice % 997 == 0 { Ts::new(dice as i64) } else { Ts::new(START + (seq * 1_000_000) as i64) };
    match dice >> 8 & 31 {
        0 | 1 => Event::Input(Input::ClockMark(ClockMark { feed: FeedId(dice as u8 % 2), ts })),
        2..=6 => Event::Derived(Derived::Bar(bar(seq, dice, ts))),
        7 => other(seq, dice, ts),
        _ => Event::Input(Input::Tick(tick(dice, ts))),
    }
}

fn tick(dice: u64, ts: Ts) -> Tick {
    let bit = |at: u32| dice >> at & 1 == 1;
    let price =
        if dice % 499 == 0 { Price::new(dice as i64) } else { Price::new(24_155_000 + (dice % 64) as i64 * 500) };
    let level = |step: i64| Level { price: Price::new(price.get().wrapping_sub(step)), qty: Qty::new(75), orders: 3 };
    let depth = || Box::new(Depth { bids: (1..=5).map(level).collect(), asks: vec![level(-500)] });
    Tick {
        instrument: InstrumentId((dice >> 20 & 15) as u32),
        feed: FeedId(0),
        ts,
        recv: Ts::new(ts.get().saturating_add((dice & 0xffff) as i64)),
        price,
        qty: bit(30).then(|| Qty::new((dice & 0xff) as i64)),
        cum_volume: bit(31).then(|| Qty::new((dice >> 40) as i64)),
        bid: bit(32).then(|| Price::new(price.get().saturating_sub(500))),
        ask: bit(33).then(|| Price::new(price.get().saturating_add(500))),
        last_trade: (dice >> 34 & 7 == 0).then_some(ts),
        condition: if dice >> 37 & 7 == 0 { dice as u32 } else { 0 },
        depth: (dice >> 41 & 15 == 0).then(depth),
    }
}

fn bar(seq: u64, dice: u64, ts: Ts) -> Bar {
    let base = 24_155_000 + (dice % 64) as i64 * 500;
    Bar {
        instrument: InstrumentId((dice >> 20 & 15) as u32),
        tf: Timeframe::ALL[(dice >> 16 & 7) as usize % Timeframe::ALL.len()],
        start: ts,
        open: Price::new(base),
        high: Price::new(base + 1_000),
        low: Price::new(base - 1_000),
        close: Price::new(base + 500),
        volume: Qty::new((dice & 0xffff) as i64),
        n_trades: (dice >> 24 & 0xff) as u32,
        revision: u16::from(dice >> 33 & 15 == 0),
        cause: Seq(seq.saturating_sub(1)),
        first_tick: Seq(seq.saturating_sub(dice >> 40 & 63)),
        last_tick: Seq(seq),
    }
}

/// What goes by canonical bytes.
fn other(seq: u64, dice: u64, ts: Ts) -> Event {
    match dice >> 50 & 3 {
        0 => {
            let (date, reason) = (SessionDate(20_665), CloseReason::Complete);
            Event::Input(Input::SessionClosed(SessionClosed { date, reason }))
        }
        1 => Event::Input(Input::FeedGap(FeedGap { feed: FeedId(0), from: ts, to: ts, cause: GapCause::Silence })),
        2 => Event::Input(Input::InstrumentListed(Box::new(Instrument {
            id: InstrumentId(dice as u32),
            feed: FeedId(0),
            token: 0,
            symbol: "X".repeat((dice >> 52 & 1_023) as usize),
            class: InstrumentClass::Cash,
            tick_size: Price::new(500),
            lot_size: 1,
        }))),
        _ => {
            let (reason, cause) = (RefusalReason::Contradiction, Seq(seq.saturating_sub(1)));
            Event::Derived(Derived::InputRefused(barkeep_schemas::InputRefused { reason, cause }))
        }
    }
}
