//! Every order type, validity and side against books, trades, latency, bands and the end of trading.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test says what it expects")]

use alloc::vec;

use barkeep_schemas::{Depth, Leg, Level, Liquidity, OrderWhy, PairId, Wire};

use super::*;

const BUY: Side = Side::Buy;
const SELL: Side = Side::Sell;
const MS: i64 = 1_000_000;
const LATENCY: i64 = 50 * MS;
/// When orders of the tests are sent, unless they say otherwise.
const NOW: i64 = 1_000 * MS;
/// The first moment at which they are at the exchange.
const THERE: i64 = NOW + LATENCY;

pub(super) const RULES: PaperRules =
    PaperRules { latency_ns: LATENCY, slippage_bps: 10, volume_share_bps: 1_000, circuit_bps: 1_000 };

/// A price in whole rupees.
pub(super) fn rs(rupees: i64) -> Price {
    Price::new(rupees * 10_000)
}

pub(super) fn id(n: u64) -> OrderId {
    OrderId { cause: Seq(n), pair: PairId(0), leg: Leg::A }
}

fn level((price, qty): (i64, i64)) -> Level {
    Level { price: rs(price), qty: Qty::new(qty), orders: 1 }
}

/// An order to be sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Ticket {
    pub(super) id: OrderId,
    pub(super) instrument: InstrumentId,
    pub(super) side: Side,
    pub(super) qty: Qty,
    pub(super) order_type: OrderType,
    pub(super) price: Price,
    pub(super) trigger: Option<Price>,
    pub(super) validity: Validity,
}

impl Ticket {
    /// Whether it works afterwards and did not before.
    pub(super) fn send(&self, matcher: &mut Matcher, now: i64, cause: Seq) -> bool {
        let before = matcher.working();
        let Self { id, instrument, side, qty, order_type, price, trigger, validity } = *self;
        matcher.submit(id, instrument, side, qty, order_type, price, trigger, validity, now, cause);
        matcher.working() == before + 1
    }
}

/// A snapshot to be; quiet, last price 100, in continuous trading, without a book.
#[derive(Clone)]
struct Snap {
    seq: u64,
    ts: i64,
    price: Price,
    traded: i64,
    quotes: (Option<Price>, Option<Price>),
    depth: Option<Depth>,
    continuous: bool,
}

fn at(seq: u64, ts: i64) -> Snap {
    Snap { seq, ts, price: rs(100), traded: 0, quotes: (None, None), depth: None, continuous: true }
}

impl Snap {
    fn traded(mut self, shares: i64, price: i64) -> Self {
        (self.traded, self.price) = (shares, rs(price));
        self
    }

    fn last(mut self, price: i64) -> Self {
        self.price = rs(price);
        self
    }

    fn book(mut self, bids: &[(i64, i64)], asks: &[(i64, i64)]) -> Self {
        let side = |levels: &[(i64, i64)]| levels.iter().copied().map(level).collect();
        self.depth = Some(Depth { bids: side(bids), asks: side(asks) });
        self
    }

    fn quotes(mut self, bid: i64, ask: i64) -> Self {
        self.quotes = (Some(rs(bid)), Some(rs(ask)));
        self
    }

    fn halted(mut self) -> Self {
        self.continuous = false;
        self
    }

    fn meets(&self, matcher: &mut Matcher) -> Vec<Matched> {
        let mut out = Vec::new();
        let (bid, ask) = self.quotes;
        let snapshot = Snapshot {
            seq: Seq(self.seq),
            instrument: InstrumentId(0),
            ts: self.ts,
            price: self.price,
            traded: self.traded,
            bid,
            ask,
            depth: self.depth.as_ref(),
            continuous: self.continuous,
        };
        matcher.tick(&snapshot, &mut out);
        out
    }
}

fn matcher() -> Matcher {
    let mut matcher = Matcher::new(RULES, 0);
    matcher.list(Price::new(500));
    matcher.list(Price::new(500));
    matcher
}

fn ticket(n: u64, side: Side, qty: i64, price: i64) -> Ticket {
    Ticket {
        id: id(n),
        instrument: InstrumentId(0),
        side,
        qty: Qty::new(qty),
        order_type: OrderType::Limit,
        price: rs(price),
        trigger: None,
        validity: Validity::Day,
    }
}

fn sent(matcher: &mut Matcher, ticket: &Ticket) {
    assert!(ticket.send(matcher, NOW, Seq(1)));
}

fn filled(n: u64, qty: i64, price: i64, liquidity: Liquidity, available: i64) -> Matched {
    Matched::Filled { order: id(n), qty: Qty::new(qty), price: rs(price), liquidity, available: Qty::new(available) }
}

fn aggressive(n: u64, qty: i64, price: i64, available: i64) -> Matched {
    filled(n, qty, price, Liquidity::Aggressive, available)
}

fn passive(n: u64, qty: i64, price: i64, available: i64) -> Matched {
    filled(n, qty, price, Liquidity::Passive, available)
}

/// Bids 99, 98, 97; asks 101, 102, 103; 100 shares each.
fn booked(seq: u64, ts: i64) -> Snap {
    at(seq, ts).book(&[(99, 100), (98, 100), (97, 100)], &[(101, 100), (102, 100), (103, 100)])
}

#[test]
fn every_type_and_validity_of_both_sides_takes_the_book_level_by_level_within_its_limit() {
    for side in [BUY, SELL] {
        for order_type in [OrderType::Market, OrderType::Limit, OrderType::Sl, OrderType::SlM] {
            for validity in [Validity::Day, Validity::Ioc] {
                let mut matcher = matcher();
                let (limit, first, second) = if side == BUY { (102, 101, 102) } else { (98, 99, 98) };
                let stop = matches!(order_type, OrderType::Sl | OrderType::SlM);
                let trigger = stop.then_some(rs(100));
                sent(&mut matcher, &Ticket { order_type, validity, trigger, ..ticket(1, side, 250, limit) });
                let mut expected = vec![Matched::Accepted(id(1))];
                let mut heard = booked(2, THERE).meets(&mut matcher);
                if stop {
                    // Reached on arrival; it meets the book of the snapshot behind.
                    assert_eq!(heard, expected, "{side} {order_type} {validity}");
                    heard.extend(booked(3, THERE + MS).meets(&mut matcher));
                }
                expected.push(aggressive(1, 100, first, 100));
                expected.push(aggressive(1, 100, second, 100));
                if validity == Validity::Ioc {
                    expected.push(Matched::Cancelled(id(1), OrderWhy::Ioc));
                }
                assert_eq!(heard, expected, "{side} {order_type} {validity}");
                let rests = validity == Validity::Day;
                assert_eq!(matcher.is_working(InstrumentId(0)), rests, "{side} {order_type} {validity}");
                if rests {
                    // It betters the best of its side: the next trade at its price is its own.
                    let heard = booked(4, THERE + 2 * MS).traded(80, limit).meets(&mut matcher);
                    assert_eq!(heard, [passive(1, 50, limit, 80)], "{side} {order_type} {validity}");
                }
                assert_eq!(matcher.working(), 0);
            }
        }
    }
}

#[test]
fn an_order_is_there_a_latency_later_and_never_meets_the_input_that_it_was_made_on() {
    let mut matcher = matcher();
    assert!(ticket(1, BUY, 10, 103).send(&mut matcher, NOW, Seq(7)));
    assert_eq!(booked(8, THERE - 1).meets(&mut matcher), []);
    assert_eq!(booked(7, THERE).meets(&mut matcher), [], "its own input");
    assert_eq!(booked(6, THERE).meets(&mut matcher), [], "an earlier one");
    assert_eq!(booked(9, THERE).meets(&mut matcher), [Matched::Accepted(id(1)), aggressive(1, 10, 101, 100)]);

    let mut instant = Matcher::new(PaperRules { latency_ns: 0, ..RULES }, 1);
    assert!(ticket(1, BUY, 10, 103).send(&mut instant, NOW, Seq(7)));
    assert_eq!(booked(7, NOW).meets(&mut instant), []);
    assert_eq!(booked(8, NOW).meets(&mut instant).len(), 2);
}

#[test]
fn what_one_order_took_of_a_snapshot_is_not_there_for_the_next() {
    let mut matcher = matcher();
    sent(&mut matcher, &ticket(1, BUY, 70, 101));
    sent(&mut matcher, &ticket(2, BUY, 70, 102));
    sent(&mut matcher, &ticket(3, SELL, 30, 99));
    let heard = booked(2, THERE).meets(&mut matcher);
    let expected = [
        Matched::Accepted(id(1)),
        aggressive(1, 70, 101, 100),
        Matched::Accepted(id(2)),
        aggressive(2, 30, 101, 100),
        aggressive(2, 40, 102, 100),
        Matched::Accepted(id(3)),
        aggressive(3, 30, 99, 100),
    ];
    assert_eq!(heard, expected);
}

#[test]
fn without_a_book_it_takes_a_share_of_what_is_traded_at_the_last_price_and_slippage() {
    for (side, limit, price) in [(BUY, 103, 1_001_000), (SELL, 97, 999_000)] {
        let mut matcher = matcher();
        sent(&mut matcher, &ticket(1, side, 100, limit));
        sent(&mut matcher, &ticket(2, side, 100, limit));
        let unseen = |n, qty, price, share| Matched::Filled {
            order: id(n),
            qty: Qty::new(qty),
            price: Price::new(price),
            liquidity: Liquidity::Unseen,
            available: Qty::new(share),
        };
        let heard = at(2, THERE).traded(1_205, 100).meets(&mut matcher);
        let expected =
            [Matched::Accepted(id(1)), unseen(1, 100, price, 120), Matched::Accepted(id(2)), unseen(2, 20, price, 120)];
        assert_eq!(heard, expected);
        // Marketable still: it takes its share of the next, and nothing while nobody trades.
        assert_eq!(at(3, THERE + 1).meets(&mut matcher), []);
        assert_eq!(at(4, THERE + 2).traded(50, 100).meets(&mut matcher), [unseen(2, 5, price, 5)]);
        // Beyond its limit it is marketable no more: it rests, and nothing but a trade through it fills it.
        let beyond = if side == BUY { 104 } else { 96 };
        assert_eq!(at(5, THERE + 3).traded(1_000, beyond).meets(&mut matcher), []);
        assert_eq!(at(6, THERE + 4).traded(1_000, limit).meets(&mut matcher), [], "a queue that nobody can tell");
        assert_eq!(at(7, THERE + 5).traded(30, 100).meets(&mut matcher), [passive(2, 30, limit, 30)]);
    }
}

#[test]
fn without_a_book_the_price_is_never_beyond_the_limit_nor_better_than_a_told_quote() {
    let first = |ticket: &Ticket, snap: Snap| {
        let mut matcher = matcher();
        sent(&mut matcher, ticket);
        match snap.meets(&mut matcher).get(1) {
            Some(Matched::Filled { price, .. }) => Some(price.get()),
            _ => None,
        }
    };
    let tight = |side, raw| Ticket { price: Price::new(raw), ..ticket(1, side, 1, 0) };
    let snap = || at(2, THERE).traded(100, 100);
    assert_eq!(first(&tight(BUY, 1_000_500), snap()), Some(1_000_500), "slippage ends at the limit");
    assert_eq!(first(&tight(SELL, 999_500), snap()), Some(999_500));
    assert_eq!(first(&ticket(1, BUY, 1, 103), snap().quotes(99, 101)), Some(1_010_000), "the ask is worse");
    assert_eq!(first(&ticket(1, SELL, 1, 97), snap().quotes(99, 101)), Some(990_000));
    assert_eq!(first(&ticket(1, BUY, 1, 100), snap().quotes(99, 101)), None, "the ask is beyond the limit");
    assert_eq!(first(&ticket(1, SELL, 1, 100), snap().quotes(99, 101)), None);
    assert_eq!(first(&ticket(1, BUY, 1, 99), snap()), None, "the last price is");
    let off = Snap { price: Price::new(1_000_001), ..snap() };
    assert_eq!(first(&ticket(1, BUY, 1, 103), off.clone()), Some(1_001_500), "up to the tick size");
    assert_eq!(first(&ticket(1, SELL, 1, 97), off), Some(999_000), "and down");
}

#[test]
fn the_queue_ahead_goes_first_and_a_smaller_level_cuts_it() {
    for (side, price, far) in [(BUY, 99, 101), (SELL, 101, 99)] {
        let mut matcher = matcher();
        sent(&mut matcher, &ticket(1, side, 50, price));
        assert_eq!(booked(2, THERE).traded(500, far).meets(&mut matcher), [Matched::Accepted(id(1))]);
        // 100 ahead: 60 trade, 40 are left; 30 of them are cancelled, as the level shows.
        assert_eq!(at(3, THERE + 1).traded(60, price).meets(&mut matcher), []);
        let thin = |seq, qty| at(seq, THERE).book(&[(99, qty)], &[(101, qty)]);
        assert_eq!(thin(4, 10).meets(&mut matcher), []);
        // New orders queue behind.
        assert_eq!(thin(5, 900).meets(&mut matcher), []);
        assert_eq!(thin(6, 900).traded(25, price).meets(&mut matcher), [passive(1, 15, price, 25)]);
        // A trade on the far side does not touch it; one through the price clears all that was before it.
        assert_eq!(thin(7, 900).traded(25, far).meets(&mut matcher), []);
        let beyond = if side == BUY { price - 1 } else { price + 1 };
        assert_eq!(thin(8, 900).traded(25, beyond).meets(&mut matcher), [passive(1, 25, price, 25)]);
        assert_eq!(thin(9, 900).traded(25, price).meets(&mut matcher), [passive(1, 10, price, 25)]);
        assert_eq!(matcher.working(), 0);
    }
}

#[test]
fn a_queue_below_the_book_is_unknown_until_its_level_shows() {
    let mut matcher = matcher();
    sent(&mut matcher, &ticket(1, BUY, 50, 95));
    assert_eq!(booked(2, THERE).meets(&mut matcher), [Matched::Accepted(id(1))]);
    assert_eq!(booked(3, THERE + 1).traded(10_000, 95).meets(&mut matcher), [], "nobody can tell");
    let shown = |seq| at(seq, THERE).book(&[(96, 5), (95, 30)], &[(97, 5)]);
    assert_eq!(shown(4).meets(&mut matcher), []);
    assert_eq!(shown(5).traded(40, 95).meets(&mut matcher), [passive(1, 10, 95, 40)]);

    // Between two levels nobody waits.
    sent(&mut matcher, &ticket(2, BUY, 50, 94));
    let gap = |seq| at(seq, THERE + 2 * MS).book(&[(96, 5), (93, 30)], &[(97, 5)]);
    assert_eq!(gap(6).meets(&mut matcher), [Matched::Accepted(id(2))]);
    assert_eq!(gap(7).traded(40, 94).meets(&mut matcher), [passive(1, 40, 95, 40)], "the better price goes first");
    assert_eq!(gap(8).traded(60, 94).meets(&mut matcher), [passive(2, 50, 94, 60)]);
}

#[test]
fn traded_volume_is_shared_by_our_own_orders_better_price_first_then_older() {
    let mut matcher = matcher();
    sent(&mut matcher, &ticket(1, BUY, 30, 100));
    sent(&mut matcher, &ticket(2, BUY, 30, 100));
    sent(&mut matcher, &ticket(3, BUY, 30, 101));
    sent(&mut matcher, &ticket(4, SELL, 30, 100));
    let quiet = |seq| at(seq, THERE).book(&[(90, 1)], &[(110, 1)]);
    assert_eq!(quiet(2).meets(&mut matcher).len(), 4);
    let heard = quiet(3).traded(70, 100).meets(&mut matcher);
    assert_eq!(heard, [passive(3, 30, 101, 70), passive(1, 30, 100, 70), passive(2, 10, 100, 70)]);
}

#[test]
fn an_empty_side_is_a_circuit_and_fills_nothing_that_needs_it() {
    let mut matcher = matcher();
    sent(&mut matcher, &Ticket { order_type: OrderType::Market, ..ticket(1, BUY, 10, 103) });
    sent(&mut matcher, &ticket(2, SELL, 10, 98));
    let upper = |seq| at(seq, THERE).book(&[(100, 500), (99, 500)], &[]);
    let heard = upper(2).traded(400, 100).meets(&mut matcher);
    assert_eq!(heard, [Matched::Accepted(id(1)), Matched::Accepted(id(2)), aggressive(2, 10, 100, 500)]);
    assert_eq!(upper(3).traded(400, 100).meets(&mut matcher), [], "a buyer waits for sellers");
    assert_eq!(booked(4, THERE).traded(400, 100).meets(&mut matcher), [passive(1, 10, 103, 400)]);

    sent(&mut matcher, &ticket(3, SELL, 10, 98));
    let padded = at(5, THERE).book(&[(0, 0), (99, 0)], &[(99, 500)]);
    assert_eq!(padded.meets(&mut matcher), [Matched::Accepted(id(3))], "levels without shares are no levels");
    assert_eq!(at(6, THERE).book(&[], &[]).traded(90, 99).meets(&mut matcher), []);
}

#[test]
fn outside_continuous_trading_nothing_arrives_and_nothing_fills() {
    let mut matcher = matcher();
    sent(&mut matcher, &ticket(1, BUY, 10, 103));
    assert_eq!(booked(2, THERE).halted().meets(&mut matcher), []);
    assert_eq!(booked(3, THERE + 1).meets(&mut matcher).len(), 2);
    sent(&mut matcher, &ticket(2, BUY, 10, 100));
    assert_eq!(booked(4, THERE + 2).meets(&mut matcher), [Matched::Accepted(id(2))]);
    assert_eq!(booked(5, THERE + 3).traded(50, 98).halted().meets(&mut matcher), []);
    assert_eq!(booked(6, THERE + 4).traded(50, 98).meets(&mut matcher), [passive(2, 10, 100, 50)]);
}

#[test]
fn a_price_outside_the_band_is_rejected_on_arrival() {
    let band = Matched::Rejected(id(1), OrderWhy::PriceBand);
    for (price, trigger, rejected) in
        [(110, None, false), (111, None, true), (90, None, false), (89, None, true), (100, Some(rs(111)), true)]
    {
        let mut matcher = matcher();
        matcher.previous_close(InstrumentId(0), Some(rs(100)));
        let order_type = if trigger.is_some() { OrderType::Sl } else { OrderType::Limit };
        sent(&mut matcher, &Ticket { trigger, order_type, ..ticket(1, BUY, 10, price) });
        let heard = booked(2, THERE).meets(&mut matcher);
        assert_eq!(heard == [band], rejected, "{price} {trigger:?} {heard:?}");
        assert_eq!(matcher.is_working(InstrumentId(0)), !rejected && price < 101);
    }
    let mut matcher = matcher();
    sent(&mut matcher, &ticket(1, BUY, 10, 1_000));
    assert_eq!(booked(2, THERE).meets(&mut matcher).len(), 2, "no close, no band");
}

#[test]
fn a_stop_order_waits_for_its_trigger_and_meets_the_book_of_the_snapshot_behind() {
    for (side, trigger, before, limit, best) in [(BUY, 105, 104, 110, 101), (SELL, 95, 96, 90, 99)] {
        for order_type in [OrderType::Sl, OrderType::SlM] {
            let mut matcher = matcher();
            sent(&mut matcher, &Ticket { order_type, trigger: Some(rs(trigger)), ..ticket(1, side, 10, limit) });
            assert_eq!(booked(2, THERE).last(before).meets(&mut matcher), [Matched::Accepted(id(1))]);
            assert_eq!(booked(3, THERE).traded(50, before).meets(&mut matcher), []);
            assert_eq!(booked(4, THERE).last(trigger).halted().meets(&mut matcher), [], "no trade in a halt");
            assert_eq!(booked(5, THERE).last(trigger).meets(&mut matcher), [], "reached");
            assert_eq!(booked(6, THERE).last(before).meets(&mut matcher), [aggressive(1, 10, best, 100)]);
        }
    }
    let mut matcher = matcher();
    sent(&mut matcher, &Ticket { order_type: OrderType::Sl, ..ticket(1, BUY, 10, 103) });
    assert_eq!(booked(2, THERE).meets(&mut matcher), [Matched::Accepted(id(1))]);
    assert_eq!(booked(3, THERE).meets(&mut matcher), [aggressive(1, 10, 101, 100)], "no trigger: at once");
}

#[test]
fn a_cancellation_takes_as_long_as_an_order_and_goes_before_the_fills_of_its_snapshot() {
    let gone = Matched::Cancelled(id(1), OrderWhy::Cancelled);
    let mut resting = matcher();
    sent(&mut resting, &ticket(1, BUY, 10, 100));
    booked(2, THERE).meets(&mut resting);
    resting.cancel(id(1), NOW + LATENCY);
    resting.cancel(id(1), NOW + 5 * LATENCY);

    let mut filled_before = resting.clone();
    let early = booked(3, THERE + LATENCY - 1).traded(10, 100);
    assert_eq!(early.meets(&mut filled_before), [passive(1, 10, 100, 10)]);
    let mut out = Vec::new();
    filled_before.clock(THERE + LATENCY, &mut out);
    assert_eq!(out, [], "it ended before");

    let mut by_clock = resting.clone();
    by_clock.clock(THERE + LATENCY - 1, &mut out);
    assert_eq!(out, []);
    by_clock.clock(THERE + LATENCY, &mut out);
    assert_eq!(out, [gone]);
    assert_eq!(by_clock.working(), 0);

    let late = booked(3, THERE + LATENCY).traded(10, 100);
    assert_eq!(late.meets(&mut resting), [gone]);

    let mut on_its_way = matcher();
    sent(&mut on_its_way, &ticket(1, BUY, 10, 103));
    on_its_way.cancel(id(1), NOW + MS);
    assert_eq!(booked(2, THERE + MS).meets(&mut on_its_way), [gone]);
    on_its_way.cancel(id(9), NOW);
    assert!(!on_its_way.is_working(InstrumentId(0)));
}

#[test]
fn when_trading_ends_all_orders_of_the_instrument_expire() {
    let mut matcher = matcher();
    sent(&mut matcher, &ticket(1, BUY, 10, 100));
    booked(2, THERE).meets(&mut matcher);
    sent(&mut matcher, &ticket(2, BUY, 10, 100));
    sent(&mut matcher, &Ticket { instrument: InstrumentId(1), ..ticket(3, BUY, 10, 100) });
    assert_eq!(matcher.working(), 3);
    let mut out = Vec::new();
    matcher.close_instrument(InstrumentId(0), &mut out);
    assert_eq!(out, [Matched::Expired(id(2)), Matched::Expired(id(1))]);
    assert_eq!((matcher.working(), matcher.is_working(InstrumentId(1))), (1, true));
    matcher.close_instrument(InstrumentId(7), &mut out);
    assert_eq!(out.len(), 2);
}

#[test]
fn what_cannot_be_sent_does_nothing() {
    let mut matcher = matcher();
    assert!(!Ticket { instrument: InstrumentId(2), ..ticket(1, BUY, 10, 100) }.send(&mut matcher, NOW, Seq(1)));
    assert!(!ticket(1, BUY, 0, 100).send(&mut matcher, NOW, Seq(1)));
    assert!(ticket(1, BUY, 1, 100).send(&mut matcher, NOW, Seq(1)));
    assert!(!ticket(1, BUY, 1, 100).send(&mut matcher, NOW, Seq(1)), "the same id twice");
    assert_eq!(matcher.working(), 1);
}

#[test]
fn the_ends_of_the_numbers_break_nothing() {
    let end = Price::new(i64::MAX);
    let rules = PaperRules { latency_ns: i64::MAX, slippage_bps: u32::MAX, volume_share_bps: u32::MAX, circuit_bps: 0 };
    for rules in [rules.clone(), PaperRules { latency_ns: 0, ..rules }] {
        for side in [BUY, SELL] {
            let mut matcher = Matcher::new(rules.clone(), 0);
            matcher.list(end);
            matcher.previous_close(InstrumentId(0), Some(end));
            let ticket = Ticket { price: end, qty: Qty::new(i64::MAX), ..ticket(1, side, 1, 1) };
            assert!(ticket.send(&mut matcher, i64::MAX, Seq(1)));
            matcher.cancel(id(1), i64::MIN);
            for (seq, traded) in [(2, i64::MAX), (3, i64::MIN), (4, i64::MAX)] {
                let snap = Snap { price: end, traded, ..at(seq, i64::MAX) };
                snap.meets(&mut matcher);
                snap.book(&[(900_000_000_000, i64::MAX)], &[(900_000_000_000, i64::MAX)]).meets(&mut matcher);
            }
        }
    }
}

#[test]
fn its_state_goes_through_bytes_at_every_stage() {
    let mut matcher = matcher();
    let stop = Ticket { order_type: OrderType::Sl, trigger: Some(rs(120)), ..ticket(1, BUY, 5, 121) };
    sent(&mut matcher, &stop);
    sent(&mut matcher, &Ticket { trigger: Some(rs(100)), ..Ticket { id: id(2), ..stop } });
    sent(&mut matcher, &ticket(3, BUY, 500, 103));
    sent(&mut matcher, &ticket(4, BUY, 500, 90));
    at(2, THERE).traded(50, 100).meets(&mut matcher);
    sent(&mut matcher, &ticket(5, BUY, 500, 103));
    matcher.cancel(id(3), THERE);
    let mut bytes = Vec::new();
    matcher.put(&mut bytes);
    assert_eq!(Matcher::take(&mut bytes.as_slice()).unwrap(), matcher);
    for cut in 0..bytes.len() {
        assert!(Matcher::take(&mut &bytes[..cut]).is_err());
    }
}
