//! What holds whatever the gateway and the broker tell, in whatever order and how often.

use alloc::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

/// What the broker really did with an order: trades, and how it ended.
#[derive(Clone, Debug)]
struct Truth {
    sells: bool,
    trades: Vec<i64>,
    end: BrokerStatus,
}

/// Something that is told, about one of the orders.
#[derive(Clone, Copy, Debug)]
enum Told {
    Report(GatewayAct, bool),
    /// The order as it was after so many of its trades; its end when they are all.
    Order(usize),
    /// One of its trades; with or without the tag.
    Trade(usize, bool),
    Restart,
    Clock,
    Nobody,
}

/// What filled nothing is not complete.
fn truth((sells, trades, end): (bool, Vec<i64>, BrokerStatus)) -> Truth {
    Truth { sells, end: if trades.is_empty() { BrokerStatus::Cancelled } else { end }, trades }
}

fn truths() -> impl Strategy<Value = Vec<Truth>> {
    let end = prop_oneof![
        4 => Just(BrokerStatus::Complete), 2 => Just(BrokerStatus::Cancelled), 1 => Just(BrokerStatus::Rejected)
    ];
    let one = (any::<bool>(), prop::collection::vec(1_i64..80, 0..5), end);
    prop::collection::vec(one.prop_map(truth), 1..5)
}

fn tale() -> impl Strategy<Value = Vec<(usize, Told)>> {
    let act = prop::sample::select(GatewayAct::ALL);
    let told = prop_oneof![
        4 => (act, any::<bool>()).prop_map(|(act, number)| Told::Report(act, number)),
        4 => (0_usize..6).prop_map(Told::Order),
        6 => (0_usize..5, any::<bool>()).prop_map(|(at, tag)| Told::Trade(at, tag)),
        1 => Just(Told::Restart),
        1 => Just(Told::Clock),
        1 => Just(Told::Nobody),
    ];
    prop::collection::vec((0_usize..4, told), 0..60)
}

/// Each order of its own pair, all on leg A.
fn order(at: usize) -> OrderId {
    id(at as u16, Leg::A, 100 + at as u64)
}

fn number(at: usize) -> String {
    alloc::format!("K{at}")
}

fn side(truth: &Truth) -> Side {
    if truth.sells { Side::Sell } else { Side::Buy }
}

/// Tells one thing; a restart is left out unless `restarts`.
fn tell(stage: &mut Stage, truths: &[Truth], about: usize, told: Told, restarts: bool) {
    let at = about % truths.len();
    let truth = &truths[at];
    stage.now += NANOS;
    match told {
        Told::Report(act, knows) => {
            stage.report_of(order(at), act, knows.then(|| number(at)).as_deref());
        }
        Told::Order(trades) => {
            let known = trades.min(truth.trades.len());
            let filled = truth.trades[..known].iter().sum();
            let live = if known == 0 { BrokerStatus::Open } else { BrokerStatus::Update };
            let status = if trades > truth.trades.len() { truth.end } else { live };
            let mut told = update(order(at), &number(at), status, filled);
            told.side = side(truth);
            stage.told(&told);
        }
        Told::Trade(trade, tagged) => {
            if let Some(qty) = truth.trades.get(trade) {
                let mut told = super::trade(order(at), &number(at), &alloc::format!("T{trade}"), *qty);
                told.side = side(truth);
                if !tagged {
                    told.tag = None;
                }
                stage.traded(&told);
            }
        }
        Told::Restart if restarts => stage.restart(),
        Told::Restart => {}
        Told::Clock => {
            let mut out = Output::new(Seq(9), &mut stage.events);
            stage.oms.clock(stage.now, 5 * NANOS, &mut out);
        }
        Told::Nobody => {
            let mut told = super::trade(order(at), "X1", "T1", 77);
            told.tag = Some(String::from("manual"));
            stage.traded(&told);
            let mut told = update(order(at), "X1", BrokerStatus::Complete, 77);
            told.tag = None;
            stage.told(&told);
        }
    }
}

fn stage(truths: &[Truth]) -> Stage {
    let mut stage = Stage::new();
    for (at, truth) in truths.iter().enumerate() {
        stage.oms.create(&created(order(at), side(truth), 100), Qty::new(100));
        stage.go(order(at), OrderStatus::Approved);
    }
    stage
}

proptest! {
    #[test]
    fn a_trade_is_booked_once_and_the_position_is_their_sum(truths in truths(), tale in tale()) {
        let mut stage = stage(&truths);
        for (about, told) in &tale {
            tell(&mut stage, &truths, *about, *told, true);
        }
        // In the end somebody asks for everything, as the broker has it.
        for (at, truth) in truths.iter().enumerate() {
            tell(&mut stage, &truths, at, Told::Order(truth.trades.len() + 1), true);
            for trade in 0..truth.trades.len() {
                tell(&mut stage, &truths, at, Told::Trade(trade, true), true);
            }
        }
        let mut booked = BTreeSet::new();
        let mut stands: BTreeMap<OrderId, OrderStatus> = BTreeMap::new();
        for event in &stage.events {
            match event {
                Derived::Fill(fill) => {
                    prop_assert!(booked.insert((fill.order, fill.trade.clone())), "{} twice", fill.trade);
                    let ended = stands.get(&fill.order).is_some_and(|status| status.is_terminal());
                    prop_assert_eq!(fill.late, ended);
                }
                Derived::OrderMoved(moved) => {
                    let from = stands.insert(moved.order, moved.to).unwrap_or(OrderStatus::New);
                    prop_assert_eq!(moved.from, from);
                    prop_assert!(table::is_legal(from, moved.to));
                }
                Derived::MoveRefused(refused) => {
                    prop_assert_eq!(Some(&refused.from), stands.get(&refused.order));
                }
                Derived::ForeignUpdate(foreign) => {
                    // Somebody else's, or a trade whose order's number we had not heard yet.
                    prop_assert!(foreign.broker_order == "X1" || foreign.tag.is_none());
                }
                other => prop_assert!(false, "{:?}", other),
            }
        }
        prop_assert_eq!(booked.len(), truths.iter().map(|truth| truth.trades.len()).sum::<usize>());
        for (at, truth) in truths.iter().enumerate() {
            let traded = truth.trades.iter().sum::<i64>();
            let position = stage.ledger.position(PairId(at as u16), Leg::A);
            prop_assert_eq!(position, traded * side(truth).sign());
            let order = stage.oms.get(order(at)).unwrap();
            prop_assert_eq!(order.filled, Qty::new(traded));
            prop_assert!(order.status.is_terminal(), "{} at the end", order.status);
        }
        prop_assert_eq!(stage.oms.live().count(), 0);
    }

    #[test]
    fn a_restart_changes_nothing(truths in truths(), tale in tale()) {
        let (mut disturbed, mut undisturbed) = (stage(&truths), stage(&truths));
        for (about, told) in &tale {
            tell(&mut disturbed, &truths, *about, *told, true);
            tell(&mut undisturbed, &truths, *about, *told, false);
        }
        prop_assert_eq!(&disturbed.events, &undisturbed.events);
        prop_assert_eq!(disturbed.bytes(), undisturbed.bytes());
    }

    #[test]
    fn told_twice_is_told_once(truths in truths(), tale in tale()) {
        let (mut once, mut twice) = (stage(&truths), stage(&truths));
        for (about, told) in &tale {
            tell(&mut once, &truths, *about, *told, false);
            tell(&mut twice, &truths, *about, *told, false);
            let said = twice.events.len();
            twice.now -= NANOS;
            tell(&mut twice, &truths, *about, *told, false);
            let again: Vec<_> = twice.events.drain(said..).collect();
            // A wish that was refused is refused again, unless it is the broker's word.
            let report = matches!(told, Told::Report(..));
            prop_assert!(again.iter().all(|event| report && matches!(event, Derived::MoveRefused(_))), "{:?}", again);
        }
        prop_assert_eq!(once.bytes(), twice.bytes());
    }

    #[test]
    fn no_word_of_a_broker_panics(words in prop::collection::vec(
        (any::<i64>(), any::<i64>(), any::<i64>(), 0_usize..7, any::<bool>()), 0..30
    )) {
        let mut stage = stage(&[Truth { sells: false, trades: Vec::new(), end: BrokerStatus::Complete }]);
        for (qty, price, now, status, is_trade) in words {
            stage.now = now;
            let mut told = update(order(0), "K0", BrokerStatus::ALL[status], qty);
            told.qty = Qty::new(price);
            let mut traded = super::trade(order(0), "K0", &qty.to_string(), qty);
            traded.price = Price::new(price);
            if is_trade {
                stage.traded(&traded);
            } else {
                stage.told(&told);
            }
            stage.restart();
        }
    }
}
