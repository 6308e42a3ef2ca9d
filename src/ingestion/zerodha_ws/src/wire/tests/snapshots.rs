//! Packets in the units of the tape.

use barkeep_schemas::{Depth, FeedId, InstrumentId, Level, Price, Qty, Ts};
use barkeep_sim::kite::packet::divisor;
use proptest::prelude::*;

use super::super::{
    Full, IndexFull, IndexQuote, InexactPrice, Ltp, Packet, Quote, RawLevel, Segment, Snapshot, SnapshotError,
};

const HDFCBANK: u32 = 341_249;
const NIFTY: u32 = 256_265;
const USDINR: u32 = 1_000 << 8 | 3;

fn full() -> Full {
    let level = |qty, price, orders| RawLevel { qty, price, orders };
    let mut full = Full {
        quote: Quote { token: HDFCBANK, last_price: 241_550, last_qty: 25, volume: 1_025, ..Quote::default() },
        last_trade_secs: 1_785_469_499,
        exchange_secs: 1_785_469_500,
        ..Full::default()
    };
    full.bids[0] = level(100, 241_545, 3);
    full.bids[1] = level(7, 241_540, 1);
    full.asks[0] = level(50, 241_555, 2);
    full
}

#[test]
fn a_full_packet_is_a_tick() {
    let (at, recv) = (Ts::from_secs(1_785_469_500), Ts::new(1_785_469_500_300_000_000));
    let snapshot = full().snapshot().unwrap();
    assert_eq!(snapshot.exchange_time, Some(at));
    let tick = snapshot.tick(InstrumentId(4), FeedId(1), at, recv, Some(full().depth().unwrap()));
    assert_eq!((tick.instrument, tick.feed, tick.ts, tick.recv), (InstrumentId(4), FeedId(1), at, recv));
    assert_eq!((tick.price, tick.qty), (Price::new(24_155_000), Some(Qty::new(25))));
    assert_eq!((tick.cum_volume, tick.condition), (Some(Qty::new(1_025)), 0));
    assert_eq!((tick.bid, tick.ask), (Some(Price::new(24_154_500)), Some(Price::new(24_155_500))));
    assert_eq!(tick.last_trade, Some(Ts::from_secs(1_785_469_499)));
    let level = |price, qty, orders| Level { price: Price::new(price), qty: Qty::new(qty), orders };
    let bids = vec![level(24_154_500, 100, 3), level(24_154_000, 7, 1)];
    assert_eq!(tick.depth.as_deref(), Some(&Depth { bids, asks: vec![level(24_155_500, 50, 2)] }));
}

#[test]
fn what_was_never_traded_has_no_last_trade_and_a_side_without_levels_has_no_best() {
    let quote = Quote { token: HDFCBANK, last_price: 241_550, ..Quote::default() };
    let untraded = Full { quote, exchange_secs: 1_785_469_500, ..Full::default() };
    let snapshot = untraded.snapshot().unwrap();
    assert_eq!((snapshot.last_trade, snapshot.qty, snapshot.bid, snapshot.ask), (None, None, None, None));
    assert_eq!(snapshot.cum_volume, Some(Qty::ZERO), "a counter that stands at zero is a counter");
    assert_eq!(untraded.depth().unwrap(), Depth { bids: vec![], asks: vec![] });
}

#[test]
fn a_price_or_a_quantity_alone_is_no_level() {
    let mut full = full();
    full.bids[0].qty = 0;
    full.asks[0].price = 0;
    let (snapshot, depth) = (full.snapshot().unwrap(), full.depth().unwrap());
    assert_eq!((snapshot.bid, snapshot.ask), (None, None));
    assert_eq!((depth.bids.len(), depth.asks.len()), (1, 0));
}

#[test]
fn an_index_has_a_price_and_in_full_mode_a_time() {
    let quote = IndexQuote { token: NIFTY, last_price: 2_500_005, change: -5, ..IndexQuote::default() };
    let timed = Packet::IndexFull(IndexFull { quote, exchange_secs: 1_785_469_500 }).snapshot().unwrap();
    let untimed = Packet::IndexQuote(quote).snapshot().unwrap();
    assert_eq!((timed.price, timed.exchange_time), (Price::new(250_000_500), Some(Ts::from_secs(1_785_469_500))));
    assert_eq!((timed.qty, timed.cum_volume, timed.bid), (None, None, None));
    assert_eq!(untimed, Snapshot { exchange_time: None, ..timed });
}

#[test]
fn modes_without_a_time_have_the_rest() {
    let quote = Packet::Quote(full().quote).snapshot().unwrap();
    assert_eq!((quote.qty, quote.cum_volume), (Some(Qty::new(25)), Some(Qty::new(1_025))));
    assert_eq!((quote.exchange_time, quote.last_trade, quote.bid), (None, None, None));
    let ltp = Packet::Ltp(Ltp { token: HDFCBANK, last_price: 241_550 }).snapshot().unwrap();
    assert_eq!(ltp, Snapshot { qty: None, cum_volume: None, ..quote });
}

#[test]
fn a_packet_that_nobody_knows_has_no_snapshot() {
    let unknown = Packet::Unknown { length: 45, token: Some(HDFCBANK) };
    assert_eq!(unknown.snapshot(), Err(SnapshotError::UnknownLength { length: 45 }));
}

#[test]
fn each_segment_has_its_divisor() {
    let rupee = |segment: Segment| segment.divisor();
    let known = [
        (1, Segment::Nse, 100),
        (2, Segment::Nfo, 100),
        (3, Segment::Cds, 10_000_000),
        (4, Segment::Bse, 100),
        (5, Segment::Bfo, 100),
        (6, Segment::Bcd, 10_000),
        (7, Segment::Mcx, 100),
        (8, Segment::McxSx, 100),
        (9, Segment::Indices, 100),
        (12, Segment::Nco, 10_000),
        (0, Segment::Unknown(0), 100),
        (10, Segment::Unknown(10), 100),
        (255, Segment::Unknown(255), 100),
    ];
    for (number, segment, divisor) in known {
        let token = 0xABCD_EF00 | number;
        assert_eq!((Segment::of(token), rupee(Segment::of(token))), (segment, divisor));
    }
    for token in 0..256 {
        assert_eq!(Segment::of(token).divisor(), divisor(token), "as the simulator has it");
    }
}

#[test]
fn prices_are_exact_or_refused() {
    assert_eq!(Segment::Nse.price(241_555), Ok(Price::new(24_155_500)));
    assert_eq!(Segment::Nse.price(u32::MAX), Ok(Price::new(429_496_729_500)));
    assert_eq!(Segment::Nco.price(7), Ok(Price::new(7)));
    assert_eq!(Segment::Cds.price(835_425_000), Ok(Price::new(835_425)));
    let inexact = InexactPrice { raw: 835_425_001, divisor: 10_000_000 };
    assert_eq!(Segment::Cds.price(835_425_001), Err(inexact));
    assert_eq!(
        inexact.to_string(),
        "the price 835425001 / 10000000 has more than four decimals: expected a multiple of 1000 on the wire"
    );
}

#[test]
fn a_price_that_cannot_be_held_is_told_wherever_it_stands() {
    let good = Full { quote: Quote { token: USDINR, last_price: 835_425_000, ..Quote::default() }, ..full() };
    let level = |price| RawLevel { qty: 1, price, orders: 1 };
    let error = SnapshotError::Price { token: USDINR, source: InexactPrice { raw: 1, divisor: 10_000_000 } };
    let quiet = Full { bids: [RawLevel::default(); 5], asks: [RawLevel::default(); 5], ..good };
    assert!(quiet.snapshot().is_ok());
    let mut cases = [quiet, quiet, quiet];
    cases[0].quote.last_price = 1;
    cases[1].bids[0] = level(1);
    cases[2].asks[0] = level(1);
    assert_eq!(cases.map(|case| case.snapshot()), [Err(error); 3]);
    let mut deep = quiet;
    deep.asks[4] = level(1);
    assert_eq!((deep.snapshot().is_ok(), deep.depth()), (true, Err(error)));
}

proptest! {
    #[test]
    fn a_price_times_its_divisor_is_the_number_on_the_wire(token in any::<u32>(), raw in any::<u32>()) {
        let segment = Segment::of(token);
        match segment.price(raw) {
            Ok(price) => prop_assert_eq!(price.get() * segment.divisor(), i64::from(raw) * 10_000),
            Err(inexact) => prop_assert_eq!((segment, inexact.raw % 1_000 == 0), (Segment::Cds, false)),
        }
    }

    #[test]
    fn any_packet_of_a_stock_has_a_snapshot_and_a_depth(body in prop::collection::vec(any::<u8>(), 184)) {
        let mut body = body;
        body[3] = 1;
        let packet = Packet::read(&body);
        prop_assert!(packet.snapshot().is_ok());
        let Packet::Full(full) = packet else { panic!("{packet:?}") };
        prop_assert!(full.depth().unwrap().bids.len() <= 5);
    }
}
