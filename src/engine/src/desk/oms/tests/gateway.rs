//! The gateway's and the broker's words, one by one.

use super::*;

#[test]
fn an_order_goes_out_is_answered_and_filled() {
    let mut stage = Stage::approved();
    for _ in 0..2 {
        stage.report(GatewayAct::SendAttempted, None);
        stage.report(GatewayAct::Answered, Some("K1"));
        stage.broker(BrokerStatus::Open, 0);
        stage.trade("T1", 40);
        stage.broker(BrokerStatus::Update, 40);
    }
    assert_eq!(stage.trade("T2", 60), [(ONE, OmsNews::Filled { late: false }), (ONE, OmsNews::Ended)]);
    assert!(stage.trade("T2", 60).is_empty());
    assert!(stage.broker(BrokerStatus::Complete, 100).is_empty());
    assert!(stage.report(GatewayAct::Answered, Some("K1")).is_empty());
    assert_eq!(
        stage.lines(),
        [
            "APPROVED > SENT send_attempted 0+100",
            "SENT > ACKED accepted 0+100",
            "fill T1 40 at 100 holds 40",
            "ACKED > PARTIAL fill 40+60",
            "fill T2 60 at 100 holds 100",
            "PARTIAL > FILLED fill 100+0",
        ]
    );
}

#[test]
fn an_end_waits_for_the_trades_that_led_to_it() {
    let mut stage = Stage::sent();
    assert!(stage.broker(BrokerStatus::Complete, 100).is_empty());
    assert_eq!(stage.trade("T1", 70), [(ONE, OmsNews::Filled { late: false })]);
    assert!(stage.broker(BrokerStatus::Open, 0).is_empty());
    assert_eq!(stage.trade("T2", 30).len(), 2);
    assert_eq!(
        stage.lines(),
        [
            "SENT > ACKED broker_state 0+100 \"COMPLETE\"",
            "fill T1 70 at 100 holds 70",
            "ACKED > PARTIAL fill 70+30",
            "fill T2 30 at 100 holds 100",
            "PARTIAL > FILLED fill 100+0",
        ]
    );
    let mut stage = Stage::sent();
    stage.oms.want_cancel(ONE);
    stage.broker(BrokerStatus::Cancelled, 40);
    assert_eq!(stage.status(), OrderStatus::Acked);
    assert_eq!(stage.trade("T1", 40), [(ONE, OmsNews::Filled { late: false }), (ONE, OmsNews::Ended)]);
    assert_eq!(stage.lines().last().unwrap(), "PARTIAL > CANCELLED cancelled 40+0 \"CANCELLED\"");
}

#[test]
fn a_lost_answer_makes_unknown_and_the_broker_proves_the_rest() {
    let unknown = || {
        let mut stage = Stage::sent();
        stage.report(GatewayAct::AnswerLost, None);
        assert_eq!(stage.lines(), ["SENT > UNKNOWN answer_lost 0+100"]);
        // It is never sent again.
        stage.report(GatewayAct::SendAttempted, None);
        assert_eq!(stage.lines(), ["refused UNKNOWN > SENT send_attempted"]);
        stage
    };
    for (status, filled, end) in [
        (BrokerStatus::Open, 0, OrderStatus::Acked),
        (BrokerStatus::Rejected, 0, OrderStatus::Rejected),
        (BrokerStatus::Cancelled, 0, OrderStatus::Cancelled),
        // Filled, so they say; what, its trades will tell.
        (BrokerStatus::Complete, 0, OrderStatus::Acked),
        (BrokerStatus::Complete, 100, OrderStatus::Acked),
    ] {
        let mut stage = unknown();
        let news = stage.broker(status, filled);
        assert_eq!(stage.status(), end);
        assert_eq!(news.len(), usize::from(end.is_terminal()));
    }
    let mut stage = unknown();
    assert_eq!(stage.report(GatewayAct::NeverReached, None), [(ONE, OmsNews::Ended)]);
    assert_eq!(stage.lines(), ["UNKNOWN > CANCELLED never_reached 0+0"]);
    assert!(stage.report(GatewayAct::NeverReached, None).is_empty());
    assert!(stage.lines().is_empty());
    let mut stage = unknown();
    stage.trade("T1", 100);
    assert_eq!(stage.lines(), ["fill T1 100 at 100 holds 100", "UNKNOWN > FILLED fill 100+0"]);
    // What the broker has is not what never reached it.
    let mut stage = unknown();
    stage.broker(BrokerStatus::Open, 0);
    stage.report(GatewayAct::AnswerLost, None);
    stage.report(GatewayAct::NeverReached, None);
    assert_eq!(stage.lines().last().unwrap(), "refused ACKED > CANCELLED never_reached");
}

#[test]
fn a_gateway_that_begins_anew_knows_nothing_of_what_it_sent() {
    let mut stage = Stage::sent();
    let acked = id(1, Leg::A, 8);
    let waiting = id(1, Leg::B, 8);
    for order in [acked, waiting] {
        stage.oms.create(&created(order, Side::Buy, 100), Qty::new(100));
        stage.go(order, OrderStatus::Approved);
    }
    stage.report_of(acked, GatewayAct::SendAttempted, None);
    stage.report_of(acked, GatewayAct::Answered, Some("K2"));
    stage.lines();
    for _ in 0..2 {
        assert!(stage.report(GatewayAct::Started, None).is_empty());
    }
    assert_eq!(stage.lines(), ["SENT > UNKNOWN gateway_restarted 0+100"]);
    assert_eq!(stage.oms.get(waiting).unwrap().status, OrderStatus::Approved);
    assert_eq!(stage.oms.get(acked).unwrap().status, OrderStatus::Acked);
}

#[test]
fn a_trade_after_the_end_is_late_and_changes_no_state() {
    let mut stage = Stage::sent();
    stage.broker(BrokerStatus::Cancelled, 0);
    stage.lines();
    assert_eq!(stage.trade("T1", 30), [(ONE, OmsNews::Filled { late: true })]);
    assert!(stage.trade("T1", 30).is_empty());
    assert_eq!(stage.lines(), ["fill T1 30 at 100 holds 30 late"]);
    // A change after the end is refused and counted once, however often it is told.
    for _ in 0..3 {
        stage.broker(BrokerStatus::Complete, 30);
    }
    stage.broker(BrokerStatus::Cancelled, 30);
    assert_eq!(stage.lines(), ["refused CANCELLED > FILLED broker_state"]);
}

#[test]
fn the_broker_may_fill_more_than_was_ordered() {
    let mut stage = Stage::sent();
    assert_eq!(stage.trade("T1", 130).len(), 2);
    assert_eq!(stage.trade("T2", i64::MAX).len(), 1);
    assert!(stage.trade("T3", 0).is_empty());
    assert!(stage.trade("T4", -5).is_empty());
    assert_eq!(stage.ledger.position(PairId(0), Leg::A), i64::MAX);
    assert_eq!(stage.oms.get(ONE).unwrap().open(), Qty::ZERO);
}

#[test]
fn an_order_that_the_broker_has_was_sent() {
    let mut stage = Stage::approved();
    stage.trade("T1", 10);
    assert_eq!(
        stage.lines(),
        ["fill T1 10 at 100 holds 10", "APPROVED > SENT broker_state 10+90", "SENT > PARTIAL fill 10+90"]
    );
    let mut stage = Stage::approved();
    stage.broker(BrokerStatus::Open, 0);
    assert_eq!(stage.lines().len(), 2);
    assert_eq!(stage.status(), OrderStatus::Acked);
}

#[test]
fn what_has_no_tag_of_ours_is_foreign_and_touches_nothing() {
    let mut stage = Stage::sent();
    stage.report(GatewayAct::Answered, Some("K1"));
    stage.lines();
    let before = stage.bytes();
    let foreign: &[fn(&mut BrokerOrder)] = &[
        |told| (told.tag, told.broker_order) = (None, String::from("K8")),
        |told| (told.tag, told.broker_order) = (Some(String::from("manual")), String::from("K7")),
        |told| told.tag = Some(id(2, Leg::B, 99).to_string()),
        |told| told.side = Side::Sell,
        |told| told.instrument = Some(InstrumentId(6)),
        // A second order with our tag.
        |told| told.broker_order = String::from("K2"),
    ];
    for change in foreign {
        let mut told = update(ONE, "K1", BrokerStatus::Complete, 100);
        change(&mut told);
        assert!(stage.told(&told).is_empty());
        assert_eq!(stage.lines(), [alloc::format!("foreign {} COMPLETE", told.broker_order)]);
        assert!(stage.told(&told).is_empty());
        assert!(stage.lines().is_empty());
        stage.oms.foreign.clear();
        assert_eq!(stage.bytes(), before);
    }
    let mut manual = trade(ONE, "K9", "T9", 10);
    manual.tag = None;
    assert!(stage.traded(&manual).is_empty());
    assert!(stage.traded(&manual).is_empty());
    assert_eq!(stage.lines(), ["foreign K9 trade"]);
    stage.oms.foreign.clear();
    assert_eq!(stage.bytes(), before);
    // A trade without a tag is ours by its order's number, and one of a second order of ours by the tag.
    manual.broker_order = String::from("K1");
    assert_eq!(stage.traded(&manual).len(), 1);
    assert_eq!(stage.traded(&trade(ONE, "K2", "T10", 5)).len(), 1);
}

#[test]
fn a_cancellation_is_wanted_once() {
    let mut stage = Stage::sent();
    assert!(stage.oms.want_cancel(ONE));
    assert!(!stage.oms.want_cancel(ONE));
    stage.report(GatewayAct::CancelAttempted, None);
    assert!(stage.oms.get(ONE).unwrap().cancel_attempted);
    assert_eq!(stage.broker(BrokerStatus::Cancelled, 0), [(ONE, OmsNews::Ended)]);
    assert_eq!(stage.lines(), ["SENT > CANCELLED cancelled 0+0 \"CANCELLED\""]);
    let mut stage = Stage::sent();
    stage.report(GatewayAct::Refused, None);
    assert!(!stage.oms.want_cancel(ONE));
    assert_eq!(stage.lines(), ["SENT > REJECTED broker_rejected 0+0"]);
}
