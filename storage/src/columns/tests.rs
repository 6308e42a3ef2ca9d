//! What must hold of columns, whatever the events and whatever the bytes.

use barkeep_schemas::{
    AuctionPrint, Bar, CancelWanted, Charges, ClockMark, Depth, Derived, Event, EventKind, FeedId, Fill, FineMoney,
    Input, InputRefused, InstrumentId, Leg, Level, Liquidity, OrderId, PairId, PairWhy, Phase, Price, Qty,
    RefusalReason, Seq, SetAsideReason, Side, Tick, TickSetAside, Timeframe, Ts,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::samples::{Receipt, mixed, plain, ticks};
use super::{
    ColumnsError, Decoder, Encoder, TickColumnSet, TickColumns, decode, decode_filtered, decode_ticks, encode,
};
use crate::filter::KindSet;

/// Any number that a scalar holds; mostly near one another, sometimes at the ends.
fn number() -> impl Strategy<Value = i64> {
    prop_oneof![
        4 => 1_000_000_i64..1_010_000,
        2 => (0_i64..100).prop_map(|n| 2_000_000 + n * 500),
        1 => Just(i64::MAX),
        1 => Just(i64::MIN + 1),
        1 => Just(0),
        1 => any::<i64>().prop_map(|n| n.max(i64::MIN + 1)),
    ]
}

fn price() -> impl Strategy<Value = Price> {
    number().prop_map(Price::new)
}

fn qty() -> impl Strategy<Value = Qty> {
    number().prop_map(Qty::new)
}

fn ts() -> impl Strategy<Value = Ts> {
    number().prop_map(Ts::new)
}

fn seq() -> impl Strategy<Value = Seq> {
    prop_oneof![3 => 900_u64..1_100, 1 => any::<u64>()].prop_map(Seq)
}

fn instrument() -> impl Strategy<Value = InstrumentId> {
    prop_oneof![8 => 0_u32..5, 1 => 65_530_u32..65_540, 1 => any::<u32>()].prop_map(InstrumentId)
}

fn side() -> impl Strategy<Value = Vec<Level>> {
    let level = (price(), qty(), any::<u16>()).prop_map(|(price, qty, orders)| Level { price, qty, orders });
    vec(level, 0..=5)
}

fn depth() -> impl Strategy<Value = Option<Box<Depth>>> {
    option::weighted(0.2, (side(), side()).prop_map(|(bids, asks)| Box::new(Depth { bids, asks })))
}

fn tick() -> impl Strategy<Value = Event> {
    let optional = (
        option::of(qty()),
        option::of(qty()),
        option::of(price()),
        option::of(price()),
        option::of(ts()),
        prop_oneof![Just(0), any::<u32>()],
        depth(),
    );
    let always = (instrument(), any::<u8>(), ts(), ts(), price());
    (always, optional).prop_map(|((instrument, feed, ts, recv, price), optional)| {
        let (qty, cum_volume, bid, ask, last_trade, condition, depth) = optional;
        let feed = FeedId(feed);
        let optional = (qty, cum_volume, bid, ask, last_trade);
        let (qty, cum_volume, bid, ask, last_trade) = optional;
        Event::Input(Input::Tick(Tick {
            instrument,
            feed,
            ts,
            recv,
            price,
            qty,
            cum_volume,
            bid,
            ask,
            last_trade,
            condition,
            depth,
        }))
    })
}

fn bar() -> impl Strategy<Value = Event> {
    let timeframe = (0_usize..7).prop_map(|index| Timeframe::ALL[index]);
    let trades = prop_oneof![Just(1), 0_u32..9, any::<u32>()];
    let names = (instrument(), timeframe, ts(), trades, any::<u16>(), any::<bool>());
    let numbers = (price(), price(), price(), price(), qty(), seq(), seq(), seq());
    (names, numbers).prop_map(|((instrument, tf, start, n_trades, revision, flat), numbers)| {
        let (open, high, low, close, volume, cause, first_tick, last_tick) = numbers;
        let one = |price: Price| if flat { open } else { price };
        Event::Derived(Derived::Bar(Bar {
            instrument,
            tf,
            start,
            open,
            high: one(high),
            low: one(low),
            close: one(close),
            volume,
            n_trades,
            revision,
            cause,
            first_tick,
            last_tick: if flat { first_tick } else { last_tick },
        }))
    })
}

fn other() -> impl Strategy<Value = Event> {
    prop_oneof![
        (any::<u8>(), ts()).prop_map(|(feed, ts)| Event::Input(Input::ClockMark(ClockMark { feed: FeedId(feed), ts }))),
        (instrument(), ts(), seq()).prop_map(|(instrument, ts, cause)| {
            let reason = SetAsideReason::TooLate;
            Event::Derived(Derived::TickSetAside(TickSetAside { instrument, ts, reason, cause }))
        }),
        (instrument(), ts(), price(), qty(), seq()).prop_map(|(instrument, ts, price, volume, cause)| {
            let phase = Phase::PreOpen;
            Event::Derived(Derived::AuctionPrint(AuctionPrint { instrument, phase, ts, price, volume, cause }))
        }),
        seq().prop_map(|cause| {
            let reason = RefusalReason::NoSession;
            Event::Derived(Derived::InputRefused(InputRefused { reason, cause }))
        }),
        (instrument(), ts(), price(), qty(), seq()).prop_map(|(instrument, ts, price, qty, cause)| {
            let order = OrderId { cause, pair: PairId(3), leg: Leg::A };
            Event::Derived(Derived::Fill(Box::new(Fill {
                order,
                trade: format!("{order}-1"),
                instrument,
                side: Side::Sell,
                qty,
                price,
                liquidity: Liquidity::Passive,
                available: qty,
                late: false,
                charges: Charges::ZERO,
                position: -1,
                average: price,
                realised: FineMoney::ZERO,
                ts,
                cause,
            })))
        }),
        (ts(), seq()).prop_map(|(ts, cause)| {
            let order = OrderId { cause, pair: PairId(3), leg: Leg::B };
            Event::Derived(Derived::CancelWanted(Box::new(CancelWanted { order, why: PairWhy::LegEnded, ts, cause })))
        }),
    ]
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    prop_oneof![
        vec(prop_oneof![4 => tick(), 2 => bar(), 1 => other()], 0..200),
        vec(tick(), 0..200),
        vec(bar(), 0..200),
        (1_usize..3_000, 0_usize..2_000, 0_usize..1_500).prop_map(|(count, from, len)| {
            mixed(ticks(count, Receipt::Jitter)).into_iter().skip(from).take(len).collect()
        }),
    ]
}

fn encoded(first: Seq, events: &[Event]) -> Vec<u8> {
    let mut payload = Vec::new();
    encode(first, events, &mut payload);
    payload
}

fn numbered(first: u64, events: &[Event]) -> Vec<(Seq, Event)> {
    (first..).map(Seq).zip(events.iter().cloned()).collect()
}

/// The columns of ticks, made from events the slow way.
fn columns_of(events: &[(Seq, Event)]) -> TickColumns {
    let mut columns = TickColumns::new();
    for (seq, event) in events {
        let Event::Input(Input::Tick(tick)) = event else { continue };
        columns.seq.push(seq.0);
        columns.instrument.push(tick.instrument.0);
        columns.feed.push(tick.feed.0);
        columns.ts.push(tick.ts.get());
        columns.recv.push(tick.recv.get());
        columns.price.push(tick.price.get());
        columns.present.push(super::present::of(tick));
        columns.qty.push(tick.qty.map_or(0, Qty::get));
        columns.cum_volume.push(tick.cum_volume.map_or(0, Qty::get));
        columns.bid.push(tick.bid.map_or(0, Price::get));
        columns.ask.push(tick.ask.map_or(0, Price::get));
        columns.last_trade.push(tick.last_trade.map_or(0, Ts::get));
        columns.condition.push(tick.condition);
    }
    columns
}

fn assert_same(one: &TickColumns, other: &TickColumns) {
    assert_eq!((&one.seq, &one.instrument, &one.feed), (&other.seq, &other.instrument, &other.feed));
    assert_eq!((&one.ts, &one.recv, &one.price), (&other.ts, &other.recv, &other.price));
    assert_eq!((&one.present, &one.qty, &one.cum_volume), (&other.present, &other.qty, &other.cum_volume));
    assert_eq!((&one.bid, &one.ask, &one.last_trade), (&other.bid, &other.ask, &other.last_trade));
    assert_eq!(one.condition, other.condition);
}

/// Everything that reads a payload; none of it may panic.
fn read_all(payload: &[u8]) {
    let _ = decode(Seq(1), payload);
    let _ = decode_filtered(Seq(1), payload, None, Some(InstrumentId(2)), &mut Vec::new());
    let _ = decode_ticks(Seq(1), payload, TickColumnSet::ALL, &mut TickColumns::new());
    let _ = decode_ticks(Seq(1), payload, TickColumnSet::ASK, &mut TickColumns::new());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_events_come_back(events in events(), first in prop_oneof![Just(1), 900_u64..1_100]) {
        let payload = encoded(Seq(first), &events);
        prop_assert_eq!(decode(Seq(first), &payload), Ok(numbered(first, &events)));
    }

    #[test]
    fn a_filter_lets_through_what_it_would_of_all(
        events in events(),
        kinds in option::of(vec(0..EventKind::ALL.len(), 0..4)),
        wanted in option::of(instrument()),
        tf in option::of(0..Timeframe::ALL.len()),
    ) {
        let tf = tf.map(|index| Timeframe::ALL[index]);
        let kinds: Option<KindSet> = kinds.map(|kinds| kinds.into_iter().map(|index| EventKind::ALL[index]).collect());
        let payload = encoded(Seq(1), &events);
        let mut found = Vec::new();
        Decoder::new().decode_filtered(Seq(1), &payload, kinds, wanted, tf, &mut found).unwrap();
        let of_tf = |event: &Event| match event {
            Event::Derived(Derived::Bar(bar)) => tf.is_none_or(|tf| bar.tf == tf),
            Event::Derived(_) | Event::Input(_) => true,
        };
        let passes = |event: &Event| {
            kinds.is_none_or(|kinds| kinds.contains(event.kind()))
                && (wanted.is_none() || event.instrument() == wanted)
                && of_tf(event)
        };
        let expected: Vec<_> = numbered(1, &events).into_iter().filter(|(_, event)| passes(event)).collect();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn columns_hold_what_events_hold(events in events(), bits in 0_usize..13) {
        let payload = encoded(Seq(7), &events);
        let mut columns = TickColumns::new();
        let all = columns_of(&numbered(7, &events));
        let count = decode_ticks(Seq(7), &payload, TickColumnSet::ALL, &mut columns).unwrap();
        prop_assert_eq!(count, all.seq.len());
        assert_same(&columns, &all);
        // One column by itself, into memory that holds something else; the others are empty.
        let one = ONE_COLUMN[bits];
        decode_ticks(Seq(7), &payload, one, &mut columns).unwrap();
        let mut expected = all.clone();
        expected.keep(one);
        assert_same(&columns, &expected);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in vec(any::<u8>(), 0..300)) {
        read_all(&bytes);
        let mut with_layout = vec![super::LAYOUT];
        with_layout.extend(&bytes);
        read_all(&with_layout);
    }

    #[test]
    fn flipped_bits_never_panic(events in events(), flips in vec((any::<prop::sample::Index>(), 0_u8..8), 1..5)) {
        let mut payload = encoded(Seq(1), &events);
        for (at, bit) in flips {
            let at = at.index(payload.len());
            payload[at] ^= 1 << bit;
        }
        read_all(&payload);
    }
}

const ONE_COLUMN: [TickColumnSet; 13] = [
    TickColumnSet::SEQ,
    TickColumnSet::INSTRUMENT,
    TickColumnSet::FEED,
    TickColumnSet::TS,
    TickColumnSet::RECV,
    TickColumnSet::PRICE,
    TickColumnSet::PRESENT,
    TickColumnSet::QTY,
    TickColumnSet::CUM_VOLUME,
    TickColumnSet::BID,
    TickColumnSet::ASK,
    TickColumnSet::LAST_TRADE,
    TickColumnSet::CONDITION,
];

#[test]
fn a_payload_cut_anywhere_is_an_error() {
    let events = mixed(ticks(600, Receipt::Jitter));
    let payload = encoded(Seq(1), &events);
    for end in 0..payload.len() {
        assert!(decode(Seq(1), &payload[..end]).is_err(), "cut at {end}");
    }
    let mut longer = payload;
    longer.push(0);
    assert_eq!(decode(Seq(1), &longer), Err(ColumnsError::Trailing { bytes: 1, section: "sections" }));
}

#[test]
fn a_book_deeper_than_five_levels_comes_back_whole() {
    let mut ticks = ticks(3, Receipt::Jitter);
    let level = |n: i64| Level { price: Price::new(n), qty: Qty::new(n), orders: n as u16 };
    ticks[0].depth = Some(Box::new(Depth { bids: (0..9).map(level).collect(), asks: Vec::new() }));
    ticks[2].depth = Some(Box::new(Depth { bids: Vec::new(), asks: (0..2).map(level).collect() }));
    let wanted = ticks[2].instrument;
    let events = plain(ticks);
    let payload = encoded(Seq(1), &events);
    assert_eq!(decode(Seq(1), &payload), Ok(numbered(1, &events)));
    let mut found = Vec::new();
    decode_filtered(Seq(1), &payload, None, Some(wanted), &mut found).unwrap();
    assert_eq!(found.last(), numbered(1, &events).last());
}

#[test]
fn more_events_than_columns_hold_come_back_but_have_no_columns() {
    let events = plain(ticks(super::COLUMN_EVENTS_MAX + 1, Receipt::Same));
    let payload = encoded(Seq(1), &events);
    assert!(decode(Seq(1), &payload).unwrap() == numbered(1, &events));
    let columns = decode_ticks(Seq(1), &payload, TickColumnSet::ALL, &mut TickColumns::new());
    assert_eq!(columns, Err(ColumnsError::Count { what: "ticks outside columns", count: 0 }));
}

#[test]
fn positions_beyond_the_last_are_refused() {
    let payload = encoded(Seq(1), &plain(ticks(3, Receipt::Same)));
    let past = ColumnsError::OutOfRange { what: "the first position", value: u64::MAX - 1 };
    assert_eq!(decode(Seq(u64::MAX - 1), &payload), Err(past));
}

#[test]
fn an_encoder_used_again_writes_the_same_bytes() {
    let (one, other) = (mixed(ticks(900, Receipt::Jitter)), plain(ticks(700, Receipt::Same)));
    let mut encoder = Encoder::new();
    for events in [&one, &other, &one] {
        let mut again = Vec::new();
        encoder.encode(Seq(1), events, &mut again);
        assert_eq!(again, encoded(Seq(1), events));
    }
}

/// The sizes that the layout is for, so that a change that spoils them is seen.
#[test]
fn blocks_of_a_session_stay_small() {
    for (receipt, limit) in [(Receipt::Jitter, 7.2), (Receipt::Micros, 6.0), (Receipt::Same, 4.9)] {
        let events = plain(ticks(40_960, receipt));
        let bytes: usize = events.chunks(4_096).map(|block| encoded(Seq(1), block).len()).sum();
        let each = bytes as f64 / events.len() as f64;
        assert!(each < limit, "{receipt:?}: {each:.2} bytes a tick, the limit is {limit}");
    }
    let events = mixed(ticks(40_960, Receipt::Jitter));
    let bytes: usize =
        (0_u64..).zip(events.chunks(4_096)).map(|(n, block)| encoded(Seq(1 + n * 4_096), block).len()).sum();
    let each = bytes as f64 / 40_960.0;
    assert!(each < 10.3, "with bars: {each:.2} bytes a tick");
}
