//! The orders: the stage for their tests, the table walked whole, fills and approvals.

#![allow(clippy::wildcard_enum_match_arm, reason = "a test looks at what it is about")]

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use barkeep_schemas::*;

use super::*;
use crate::desk::charges::Note;
use crate::desk::ledger::Ledger;
use crate::desk::ledger::tests::setup;

mod gateway;
mod properties;
mod rate;

/// The orders, their books, and everything that they said, in the short form of [`line`].
pub(super) struct Stage {
    pub(super) oms: Oms,
    pub(super) ledger: Ledger,
    pub(super) note: Note,
    pub(super) rates: Vec<ChargeRates>,
    pub(super) now: i64,
    pub(super) events: Vec<Derived>,
    told: usize,
}

pub(super) const fn id(pair: u16, leg: Leg, cause: u64) -> OrderId {
    OrderId { cause: Seq(cause), pair: PairId(pair), leg }
}

/// The order that most tests are about: 100 of pair 0's leg A, bought.
pub(super) const ONE: OrderId = id(0, Leg::A, 7);

pub(super) fn created(id: OrderId, side: Side, qty: i64) -> OrderCreated {
    OrderCreated {
        id,
        instrument: InstrumentId(u32::from(id.pair.0) * 2 + id.leg.index() as u32),
        side,
        qty: Qty::new(qty),
        order_type: OrderType::Limit,
        price: Price::new(1_000_000),
        trigger: None,
        validity: Validity::Day,
        product: Product::Mis,
        purpose: Purpose::Entry,
        bucket: Bucket::Low,
        signal: None,
        reference: Price::new(1_000_000),
        reference_tick: Seq(1),
        ts: Ts::new(0),
        cause: id.cause,
    }
}

/// An event in a line.
fn line(event: &Derived) -> String {
    match event {
        Derived::OrderMoved(moved) => {
            let words = if moved.words.is_empty() { String::new() } else { alloc::format!(" {:?}", moved.words) };
            let (from, to, why) = (moved.from, moved.to, moved.why);
            alloc::format!("{from} > {to} {why} {}+{}{words}", moved.filled, moved.open)
        }
        Derived::MoveRefused(refused) => alloc::format!("refused {} > {} {}", refused.from, refused.to, refused.why),
        Derived::Fill(fill) => {
            let late = if fill.late { " late" } else { "" };
            alloc::format!("fill {} {} at {} holds {}{late}", fill.trade, fill.qty, fill.price, fill.position)
        }
        Derived::ForeignUpdate(foreign) => alloc::format!("foreign {} {}", foreign.broker_order, foreign.words),
        Derived::OrderHeld(held) => alloc::format!("held {} {}/{}", held.order, held.limit, held.window_ns / NANOS),
        other => alloc::format!("{other:?}"),
    }
}

impl Stage {
    pub(super) fn new() -> Self {
        let setup = setup();
        let carried = DeskCarried { pairs: Vec::new(), scopes: Vec::new(), kills: Vec::new() };
        Self {
            oms: Oms::new(),
            ledger: Ledger::new(&setup, &carried),
            note: Note::default(),
            rates: setup.charges,
            now: 0,
            events: Vec::new(),
            told: 0,
        }
    }

    /// With [`ONE`] approved.
    fn approved() -> Self {
        let mut stage = Self::new();
        assert!(stage.oms.create(&created(ONE, Side::Buy, 100), Qty::new(100)));
        stage.go(ONE, OrderStatus::Approved);
        stage.lines();
        stage
    }

    /// With [`ONE`] sent.
    fn sent() -> Self {
        let mut stage = Self::approved();
        stage.report(GatewayAct::SendAttempted, None);
        stage.lines();
        stage
    }

    /// What was said since the last look.
    fn lines(&mut self) -> Vec<String> {
        let lines = self.events[self.told..].iter().map(line).collect();
        self.told = self.events.len();
        lines
    }

    fn status(&self) -> OrderStatus {
        self.oms.get(ONE).unwrap().status
    }

    pub(super) fn go(&mut self, id: OrderId, to: OrderStatus) -> Went {
        let mut out = Output::new(Seq(9), &mut self.events);
        self.oms.go(id, to, OrderWhy::Risk, "", self.now, &mut out)
    }

    pub(super) fn report_of(&mut self, id: OrderId, act: GatewayAct, number: Option<&str>) -> Vec<(OrderId, OmsNews)> {
        let (broker_order, words, ts) = (number.map(String::from), String::new(), Ts::new(self.now));
        let report = GatewayReport { act, order: Some(id), broker_order, words, ts };
        self.oms.gateway_report(&report, self.now, &mut Output::new(Seq(9), &mut self.events))
    }

    fn report(&mut self, act: GatewayAct, number: Option<&str>) -> Vec<(OrderId, OmsNews)> {
        self.report_of(ONE, act, number)
    }

    pub(super) fn told(&mut self, told: &BrokerOrder) -> Vec<(OrderId, OmsNews)> {
        self.oms.broker_order(told, self.now, &mut Output::new(Seq(9), &mut self.events))
    }

    fn broker(&mut self, status: BrokerStatus, filled: i64) -> Vec<(OrderId, OmsNews)> {
        self.told(&update(ONE, "K1", status, filled))
    }

    pub(super) fn traded(&mut self, told: &BrokerTrade) -> Vec<(OrderId, OmsNews)> {
        let mut books = Books { ledger: &mut self.ledger, note: &mut self.note, rates: &self.rates };
        self.oms.broker_trade(told, self.now, &mut books, &mut Output::new(Seq(9), &mut self.events))
    }

    fn trade(&mut self, name: &str, qty: i64) -> Vec<(OrderId, OmsNews)> {
        self.traded(&trade(ONE, "K1", name, qty))
    }

    pub(super) fn fill(&mut self, id: OrderId, name: Option<&str>, qty: i64) -> FillOutcome {
        let (qty, price) = (Qty::new(qty), Price::new(1_000_000));
        let traded = Traded { order: id, trade: name, qty, price, liquidity: Liquidity::Passive, available: qty };
        let mut books = Books { ledger: &mut self.ledger, note: &mut self.note, rates: &self.rates };
        self.oms.fill(&traded, self.now, &mut books, &mut Output::new(Seq(9), &mut self.events))
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.oms.put(&mut bytes);
        self.ledger.put(&mut bytes);
        self.note.put(&mut bytes);
        bytes
    }

    /// Puts everything into bytes and reads it back.
    pub(super) fn restart(&mut self) {
        let bytes = self.bytes();
        let input = &mut bytes.as_slice();
        let restored = Oms::take(input).unwrap();
        assert_eq!(restored, self.oms);
        self.oms = restored;
        self.ledger = Wire::take(input).unwrap();
        self.note = Wire::take(input).unwrap();
        assert_eq!(self.bytes(), bytes);
    }
}

pub(super) fn update(id: OrderId, number: &str, status: BrokerStatus, filled: i64) -> BrokerOrder {
    BrokerOrder {
        source: UpdateSource::Postback,
        broker_order: String::from(number),
        tag: Some(id.to_string()),
        instrument: Some(created(id, Side::Buy, 1).instrument),
        symbol: String::from("INFY"),
        side: Side::Buy,
        status,
        words: String::from(status.name()),
        qty: Qty::new(100),
        filled: Qty::new(filled),
        average: Price::ZERO,
        ts: Ts::new(0),
    }
}

pub(super) fn trade(id: OrderId, number: &str, name: &str, qty: i64) -> BrokerTrade {
    BrokerTrade {
        source: UpdateSource::Rest,
        trade: String::from(name),
        broker_order: String::from(number),
        tag: Some(id.to_string()),
        instrument: Some(created(id, Side::Buy, 1).instrument),
        symbol: String::from("INFY"),
        side: Side::Buy,
        qty: Qty::new(qty),
        price: Price::new(1_000_000),
        ts: Ts::new(0),
    }
}

/// A way to each state, from NEW.
fn road(to: OrderStatus) -> &'static [OrderStatus] {
    use OrderStatus::{Acked, Approved, Cancelled, Expired, Filled, New, Partial, Rejected, Sent, Unknown};
    match to {
        New => &[],
        Approved => &[Approved],
        Rejected => &[Rejected],
        Sent => &[Approved, Sent],
        Acked => &[Approved, Sent, Acked],
        Partial => &[Approved, Sent, Partial],
        Filled => &[Approved, Sent, Filled],
        Cancelled => &[Approved, Cancelled],
        Expired => &[Approved, Expired],
        Unknown => &[Approved, Sent, Unknown],
    }
}

#[test]
fn every_pair_of_states_goes_as_the_table_says() {
    // The contract, written out: a row from each state, a column to each, in the order of their codes.
    // m moves, r is a repeat, x is refused.
    let contract = [
        (OrderStatus::New, "rmmxxxxxxx"),
        (OrderStatus::Approved, "xrxmxxxmmx"),
        (OrderStatus::Rejected, "xxrxxxxxxx"),
        (OrderStatus::Sent, "xxmrmmmmmm"),
        (OrderStatus::Acked, "xxmxrmmmmm"),
        (OrderStatus::Partial, "xxmxxmmmmm"),
        (OrderStatus::Filled, "xxxxxxrxxx"),
        (OrderStatus::Cancelled, "xxxxxxxrxx"),
        (OrderStatus::Expired, "xxxxxxxxrx"),
        (OrderStatus::Unknown, "xxmxmmmmmr"),
    ];
    assert!(contract.iter().map(|(from, _)| from).eq(OrderStatus::ALL));
    assert!(table::TABLE.iter().map(|(from, _)| from).eq(OrderStatus::ALL));
    for (from, row) in contract {
        assert_eq!(row.len(), OrderStatus::ALL.len());
        for (to, expected) in OrderStatus::ALL.iter().copied().zip(row.chars()) {
            let mut stage = Stage::new();
            stage.oms.create(&created(ONE, Side::Buy, 100), Qty::new(100));
            for step in road(from) {
                assert_eq!(stage.go(ONE, *step), Went::Moved);
            }
            stage.lines();
            let before = stage.oms.clone();
            let went = stage.go(ONE, to);
            let (said, what) = (stage.lines(), alloc::format!("{from} > {to}"));
            assert_eq!(table::is_legal(from, to), expected == 'm', "{what}");
            match expected {
                'm' => {
                    assert_eq!((went, stage.status()), (Went::Moved, to), "{what}");
                    assert_eq!(said, [alloc::format!("{what} risk 0+{}", if to.is_terminal() { 0 } else { 100 })]);
                }
                'r' => assert_eq!((went, said.len(), stage.oms == before), (Went::Repeat, 0, true), "{what}"),
                _ => {
                    assert_eq!((went, stage.oms == before), (Went::Refused, true), "{what}");
                    assert_eq!(said, [alloc::format!("refused {what} risk")]);
                }
            }
            let live = stage.oms.live().count();
            assert_eq!(live, usize::from(!stage.status().is_terminal()), "{what}");
            let counted = OrderStatus::ALL.iter().zip(stage.oms.counts());
            assert!(counted.into_iter().all(|(state, count)| *count == u32::from(*state == stage.status())), "{what}");
        }
        assert_eq!(from.is_terminal(), !row.contains('m'));
    }
}

#[test]
fn a_cause_makes_an_order_once() {
    let mut stage = Stage::approved();
    assert!(!stage.oms.create(&created(ONE, Side::Sell, 5), Qty::new(5)));
    assert_eq!((stage.status(), stage.oms.get(ONE).unwrap().side), (OrderStatus::Approved, Side::Buy));
    assert_eq!(stage.go(id(3, Leg::B, 1), OrderStatus::Approved), Went::Refused);
    assert_eq!(stage.fill(id(3, Leg::B, 1), None, 5), FillOutcome::Unknown);
    assert!(stage.lines().is_empty());
}

#[test]
fn live_orders_lie_by_pair_leg_and_age() {
    let mut stage = Stage::new();
    for (pair, leg, cause) in [(2, Leg::B, 5), (2, Leg::A, 5), (1, Leg::B, 9), (2, Leg::A, 4), (3, Leg::A, 1)] {
        stage.oms.create(&created(id(pair, leg, cause), Side::Buy, 1), Qty::new(1));
    }
    let ids = |orders: &mut dyn Iterator<Item = &Order>| orders.map(|order| order.id).collect::<Vec<_>>();
    let second = [id(2, Leg::A, 4), id(2, Leg::A, 5), id(2, Leg::B, 5)];
    assert_eq!(ids(&mut stage.oms.live_of(PairId(2))), second);
    assert_eq!(ids(&mut stage.oms.live_of(PairId(4))), []);
    assert_eq!(stage.oms.live().count(), 5);
    stage.go(second[1], OrderStatus::Rejected);
    assert_eq!(ids(&mut stage.oms.live_of(PairId(2))), [second[0], second[2]]);
    stage.restart();
    assert_eq!(ids(&mut stage.oms.live_of(PairId(2))), [second[0], second[2]]);
}

#[test]
fn paper_fills_are_numbered_and_share_the_brokerage_cap() {
    let mut stage = Stage::approved();
    stage.oms.create(&created(id(1, Leg::A, 8), Side::Buy, 3_000), Qty::new(3_000));
    for (order, parts) in [(ONE, [40, 60, 1]), (id(1, Leg::A, 8), [600, 400, 2_000])] {
        stage.go(order, OrderStatus::Approved);
        stage.go(order, OrderStatus::Sent);
        stage.go(order, OrderStatus::Acked);
        stage.lines();
        for part in parts {
            stage.fill(order, None, part);
        }
    }
    assert_eq!(
        stage.lines(),
        [
            "fill bk001a8-1 600 at 100 holds 600",
            "ACKED > PARTIAL fill 600+2400",
            "fill bk001a8-2 400 at 100 holds 1000",
            "PARTIAL > PARTIAL fill 1000+2000",
            "fill bk001a8-3 2000 at 100 holds 3000",
            "PARTIAL > FILLED fill 3000+0",
        ]
    );
    let brokerage = |event: &Derived| match event {
        Derived::Fill(fill) => Some(fill.charges.brokerage.to_string()),
        _ => None,
    };
    let brokerage: Vec<_> = stage.events.iter().filter_map(brokerage).collect();
    // 0.03% of 4,000, 6,000 and 100; of 60,000 and of 40,000 up to 20; nothing above.
    assert_eq!(brokerage, ["1.20", "1.80", "0.03", "18.00", "2.00", "0.00"]);
    let note = stage.note.total(Seq(1));
    assert_eq!((note.orders, note.trades), (2, 6));
    // The last share of the first order came after it was full: booked, late.
    assert_eq!(stage.oms.get(ONE).unwrap().filled, Qty::new(101));
    assert_eq!(stage.ledger.position(PairId(0), Leg::A), 101);
}

#[test]
fn an_approval_that_was_not_sent_in_time_expires() {
    let mut stage = Stage::approved();
    let clock = |stage: &mut Stage, now| stage.oms.clock(now, 5 * NANOS, &mut Output::new(Seq(9), &mut stage.events));
    assert!(clock(&mut stage, 5 * NANOS).is_empty());
    assert_eq!(clock(&mut stage, 5 * NANOS + 1), [(ONE, OmsNews::Ended)]);
    assert!(clock(&mut stage, 9 * NANOS).is_empty());
    assert_eq!(stage.lines(), ["APPROVED > EXPIRED approval_expired 0+0"]);
    // A gateway that would send it all the same is told no.
    stage.report(GatewayAct::SendAttempted, None);
    assert_eq!(stage.lines(), ["refused EXPIRED > SENT send_attempted"]);
}
