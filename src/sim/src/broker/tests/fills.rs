//! What orders take of the book, what prints give them, and the trades that come of it.

use barkeep_schemas::{NANOS, Qty, Ts};
use serde_json::{Value, json};

use super::super::Method;
use super::{Bench, INFY, at, rupees};
use crate::kite::stamp::{DayEnd, parse};
use crate::market::Print;

/// Prices in paise and shares of an order's trades.
fn trades(bench: &mut Bench, id: &str) -> Vec<(i64, i64)> {
    let trades = bench.get(&format!("/orders/{id}/trades"));
    let one = |trade: &Value| {
        let paise = (trade["average_price"].as_f64().unwrap() * 100.0).round() as i64;
        (paise, trade["quantity"].as_i64().unwrap())
    };
    trades.as_array().unwrap().iter().map(one).collect()
}

#[test]
fn a_marketable_limit_takes_the_levels_it_reaches_and_no_more_than_they_show() {
    let mut bench = Bench::new();
    let id = bench.place(&[("quantity", "500"), ("price", "100.1")]);
    bench.pass_ms(32);
    assert_eq!(trades(&mut bench, &id), [(10_005, 100), (10_010, 200)]);
    let row = bench.last(&id);
    assert_eq!(
        (&row["status"], &row["filled_quantity"], &row["pending_quantity"]),
        (&json!("OPEN"), &json!(300), &json!(200))
    );
    assert_eq!(row["average_price"], json!(100.0833));
    assert_eq!(bench.told(), ["UPDATE", "UPDATE"]);
}

#[test]
fn what_was_taken_stays_taken_until_the_book_changes() {
    let mut bench = Bench::new();
    let first = bench.place(&[("quantity", "80"), ("price", "100.05")]);
    let second = bench.place(&[("quantity", "80"), ("price", "100.05")]);
    bench.pass_ms(100);
    bench.pass_ms(100);
    assert_eq!((trades(&mut bench, &first), trades(&mut bench, &second)), (vec![(10_005, 80)], vec![(10_005, 20)]));
    bench.show(&[(9_995, 100)], &[(10_005, 30)]);
    bench.pass_ms(100);
    assert_eq!(trades(&mut bench, &second), [(10_005, 20), (10_005, 30)]);
}

#[test]
fn a_market_order_is_a_protected_limit() {
    let mut bench = Bench::new();
    bench.show(&[(9_995, 100)], &[(10_050, 10), (10_100, 10), (10_105, 10)]);
    let automatic = bench.place(&[("order_type", "MARKET"), ("market_protection", "-1"), ("quantity", "30")]);
    bench.pass_ms(100);
    assert_eq!(trades(&mut bench, &automatic), [(10_050, 10), (10_100, 10)], "one percent above 100");
    let row = bench.last(&automatic);
    assert_eq!(
        (&row["order_type"], &row["price"], &row["market_protection"]),
        (&json!("MARKET"), &json!(0), &json!(-1))
    );
    let mut bench = Bench::new();
    let two = bench.place(&[("order_type", "MARKET"), ("market_protection", "2"), ("quantity", "30"), ("tag", "a")]);
    bench.pass_ms(100);
    let row = bench.last(&two);
    assert_eq!((&row["order_type"], &row["price"], &row["status"]), (&json!("LIMIT"), &json!(102), &json!("COMPLETE")));
    assert_eq!(row["tags"], json!(["a", "mktp", "mktp:2.00"]));
}

#[test]
fn a_resting_order_waits_behind_what_was_displayed_at_its_price() {
    let mut bench = Bench::new();
    let id = bench.place(&[("price", "99.95"), ("quantity", "50")]);
    bench.pass_ms(100);
    bench.pass_with_prints(&[(9_995, 60), (10_000, 500)]);
    assert_eq!(trades(&mut bench, &id), []);
    bench.pass_with_prints(&[(9_995, 60)]);
    assert_eq!(trades(&mut bench, &id), [(9_995, 20)], "40 of the 60 went to those before it");
    bench.pass_with_prints(&[(9_990, 500)]);
    assert_eq!(trades(&mut bench, &id), [(9_995, 20), (9_995, 30)], "through its price: at its price");
    assert_eq!(bench.told(), ["UPDATE", "COMPLETE"]);
}

#[test]
fn offers_that_come_to_a_resting_order_pay_its_price() {
    let mut bench = Bench::new();
    let id = bench.place(&[("price", "99.95")]);
    bench.pass_ms(100);
    bench.show(&[(9_980, 100)], &[(9_985, 4), (9_990, 3), (10_000, 100)]);
    bench.pass_ms(100);
    assert_eq!(trades(&mut bench, &id), [(9_995, 4), (9_995, 3)]);
}

#[test]
fn a_print_is_given_once_to_the_best_price_first() {
    let mut bench = Bench::new();
    bench.show(&[(9_900, 1)], &[(10_100, 1)]);
    let low = bench.place(&[("price", "99.5"), ("quantity", "50")]);
    let high = bench.place(&[("price", "99.6"), ("quantity", "50")]);
    bench.pass_ms(100);
    bench.pass_with_prints(&[(9_945, 70)]);
    assert_eq!((trades(&mut bench, &high), trades(&mut bench, &low)), (vec![(9_960, 50)], vec![(9_950, 20)]));
    assert_eq!(bench.get("/trades").as_array().unwrap().len(), 2);
}

#[test]
fn a_print_is_matched_once_however_often_the_broker_is_asked() {
    let mut bench = Bench::new();
    bench.show(&[(9_900, 1)], &[(10_100, 1)]);
    let id = bench.place(&[("quantity", "50")]);
    bench.pass_ms(100);
    let ts = Ts::new(bench.now.get() + 1);
    bench.market.prints[INFY] = vec![Print { ts, price: rupees(9_950), qty: Qty::new(5), auction: false }];
    (0..3).for_each(|_| bench.pass_ms(10));
    assert_eq!(trades(&mut bench, &id), [(9_950, 5)]);
}

#[test]
fn an_ioc_order_takes_what_is_there_and_goes() {
    let mut bench = Bench::new();
    let id = bench.place(&[("validity", "IOC"), ("quantity", "150"), ("price", "100.05")]);
    bench.pass_ms(32);
    let row = bench.last(&id);
    assert_eq!(
        (&row["status"], &row["filled_quantity"], &row["cancelled_quantity"]),
        (&json!("CANCELLED"), &json!(100), &json!(50))
    );
    assert_eq!(bench.told(), ["UPDATE", "CANCELLED"]);
}

#[test]
fn a_stop_waits_for_a_print_at_its_trigger_and_then_takes_the_book() {
    let mut bench = Bench::new();
    let limit = bench.place(&[("order_type", "SL"), ("trigger_price", "100.5"), ("price", "100.6")]);
    let market = bench.place(&[
        ("order_type", "SL-M"),
        ("trigger_price", "99.5"),
        ("transaction_type", "SELL"),
        ("market_protection", "-1"),
    ]);
    bench.pass_ms(100);
    assert_eq!(bench.statuses(&limit).last().unwrap(), "TRIGGER PENDING");
    bench.pass_with_prints(&[(10_045, 100)]);
    assert_eq!(bench.statuses(&limit).last().unwrap(), "TRIGGER PENDING");
    bench.show(&[(10_040, 100)], &[(10_055, 4), (10_065, 100)]);
    bench.market.quotes[INFY].last_price = rupees(10_050);
    bench.pass_with_prints(&[(10_050, 1)]);
    assert_eq!(trades(&mut bench, &limit), [(10_055, 4)]);
    assert_eq!(bench.statuses(&limit)[3..], ["TRIGGER PENDING", "OPEN", "OPEN"]);
    assert_eq!(bench.statuses(&market).last().unwrap(), "TRIGGER PENDING");
    bench.show(&[(9_940, 100)], &[(9_955, 4)]);
    bench.market.quotes[INFY].last_price = rupees(9_950);
    bench.pass_with_prints(&[(9_950, 1)]);
    assert_eq!(trades(&mut bench, &market), [(9_940, 10)]);
}

#[test]
fn nothing_is_matched_while_trading_is_halted() {
    let mut bench = Bench::new();
    bench.market.halted = true;
    let id = bench.place(&[("price", "100.05")]);
    bench.pass_ms(100);
    assert_eq!(bench.last(&id)["status"], "OPEN");
    bench.market.halted = false;
    bench.pass_ms(100);
    assert_eq!(bench.last(&id)["status"], "COMPLETE");
}

#[test]
fn the_auction_fills_what_is_within_its_price_at_its_price() {
    let mut bench = Bench::new();
    let next = |time: &str| parse(&format!("2026-11-21 {time}"), DayEnd::First).unwrap();
    bench.go(at("23:00:00"));
    bench.go(next("09:01:00"));
    let fresh = bench.broker.issue_request_token();
    bench.login(&fresh);
    let within = bench.place(&[("price", "100.5")]);
    let outside = bench.place(&[("price", "99.5")]);
    bench.pass_ms(1_000);
    assert_eq!(trades(&mut bench, &within), [], "the book of the pre-open is not taken");
    let ts = Ts::new(bench.now.get() + NANOS);
    bench.market.prints[INFY] = vec![Print { ts, price: rupees(10_025), qty: Qty::new(5_000), auction: true }];
    bench.pass_ms(2_000);
    assert_eq!(trades(&mut bench, &within), [(10_025, 10)]);
    assert_eq!(bench.last(&outside)["status"], "OPEN");
}

#[test]
fn less_quantity_keeps_the_place_and_another_price_loses_it() {
    let mut bench = Bench::new();
    let id = bench.place(&[("price", "99.95"), ("quantity", "50")]);
    bench.pass_ms(100);
    bench.pass_with_prints(&[(9_995, 90)]);
    bench.show(&[(9_995, 500)], &[(10_005, 100)]);
    bench.call(Method::Put, &format!("/orders/regular/{id}"), &[("quantity", "40")]);
    bench.pass_ms(100);
    bench.pass_with_prints(&[(9_995, 15)]);
    assert_eq!(trades(&mut bench, &id), [(9_995, 5)], "10 were still before it");
    bench.call(Method::Put, &format!("/orders/regular/{id}"), &[("quantity", "60")]);
    bench.pass_ms(100);
    bench.pass_with_prints(&[(9_995, 400)]);
    assert_eq!(trades(&mut bench, &id), [(9_995, 5)], "500 are before it now");
}

#[test]
fn a_trade_tells_the_orders_time_of_day_alone() {
    let mut bench = Bench::new();
    let id = bench.place(&[("price", "100.05")]);
    bench.pass_ms(100);
    let trade = bench.get("/trades")[0].clone();
    assert_eq!((&trade["order_timestamp"], &trade["order_id"]), (&json!("10:00:00"), &json!(id)));
    assert_eq!(trade["fill_timestamp"], "2026-11-20 10:00:00");
    assert_eq!(trade["exchange_order_id"], bench.last(&id)["exchange_order_id"]);
}
