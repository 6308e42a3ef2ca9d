//! The statuses of an order, in their order and at their moments.

use barkeep_schemas::Ts;
use serde_json::json;

use super::super::Method;
use super::{Bench, at, order};
use crate::kite::orders::postback_checksum;
use crate::kite::stamp::{DayEnd, parse};

#[test]
fn a_placed_order_goes_through_four_statuses_and_nothing_is_told() {
    let mut bench = Bench::new();
    let id = bench.place(&[("tag", "pair-1")]);
    assert!(id.starts_with("261120") && id.len() == 15, "{id}");
    assert_eq!(bench.statuses(&id), ["PUT ORDER REQ RECEIVED"]);
    bench.pass_ms(2);
    assert_eq!(bench.statuses(&id).last().unwrap(), "VALIDATION PENDING");
    bench.pass_ms(5);
    assert_eq!(bench.statuses(&id).last().unwrap(), "OPEN PENDING");
    assert_eq!(bench.last(&id)["exchange_order_id"], json!(null));
    bench.pass_ms(25);
    assert_eq!(bench.statuses(&id), ["PUT ORDER REQ RECEIVED", "VALIDATION PENDING", "OPEN PENDING", "OPEN"]);
    let row = bench.last(&id);
    assert_eq!((&row["price"], &row["pending_quantity"], &row["tag"]), (&json!(99.5), &json!(10), &json!("pair-1")));
    assert_eq!(row["exchange_order_id"].as_str().unwrap().len(), 16);
    assert_eq!(bench.get("/orders"), json!([row]));
    assert!(bench.updates.is_empty());
}

#[test]
fn one_large_step_writes_the_same_rows_as_many_small_ones() {
    let histories = [1, 10, 100].map(|ms| {
        let mut bench = Bench::new();
        let id = bench.place(&[]);
        (0..100 / ms).for_each(|_| bench.pass_ms(ms));
        bench.history(&id)
    });
    assert_eq!(histories[0], histories[1]);
    assert_eq!(histories[0], histories[2]);
}

#[test]
fn a_modification_has_its_own_statuses_and_is_told_as_update() {
    let mut bench = Bench::new();
    let id = bench.place(&[]);
    bench.pass_ms(100);
    let (status, body) =
        bench.call(Method::Put, &format!("/orders/regular/{id}"), &[("price", "99.6"), ("order_id", &id)]);
    assert_eq!((status, &body["data"]["order_id"]), (200, &json!(id)));
    bench.pass_ms(100);
    let expected = ["OPEN", "MODIFY VALIDATION PENDING", "MODIFY PENDING", "MODIFIED", "OPEN"];
    assert_eq!(bench.statuses(&id)[3..], expected);
    let prices: Vec<_> = bench.history(&id)[3..].iter().map(|row| row["price"].clone()).collect();
    assert_eq!(prices, [json!(99.5), json!(99.5), json!(99.5), json!(99.6), json!(99.6)]);
    assert_eq!(bench.last(&id)["modified"], true);
    assert_eq!(bench.told(), ["UPDATE"]);
}

#[test]
fn the_twenty_sixth_modification_is_refused() {
    let mut bench = Bench::new();
    let id = bench.place(&[]);
    bench.pass_ms(100);
    for number in 0..26 {
        let price = if number % 2 == 0 { "99.6" } else { "99.5" };
        let (status, body) = bench.call(Method::Put, &format!("/orders/regular/{id}"), &[("price", price)]);
        bench.pass_ms(100);
        assert_eq!(status == 200, number < 25, "{number} {body}");
    }
}

#[test]
fn a_cancellation_is_pending_then_done_and_told() {
    let mut bench = Bench::new();
    let id = bench.place(&[]);
    bench.pass_ms(100);
    assert_eq!(bench.call(Method::Delete, &format!("/orders/regular/{id}"), &[]).0, 200);
    bench.pass_ms(100);
    assert_eq!(bench.statuses(&id)[3..], ["OPEN", "CANCEL PENDING", "CANCELLED"]);
    let row = bench.last(&id);
    assert_eq!((&row["cancelled_quantity"], &row["pending_quantity"]), (&json!(10), &json!(10)));
    assert_eq!(bench.told(), ["CANCELLED"]);
    let (status, body) = bench.call(Method::Delete, &format!("/orders/regular/{id}"), &[]);
    assert_eq!((status, &body["error_type"]), (500, &json!("OrderException")));
}

#[test]
fn an_order_underway_cannot_be_changed_and_an_unknown_one_is_not_found() {
    let mut bench = Bench::new();
    let id = bench.place(&[]);
    for (method, path) in [
        (Method::Put, format!("/orders/regular/{id}")),
        (Method::Delete, format!("/orders/regular/{id}")),
        (Method::Delete, format!("/orders/amo/{id}")),
        (Method::Get, "/orders/123".to_owned()),
        (Method::Get, "/orders/123/trades".to_owned()),
    ] {
        let (status, body) = bench.call(method, &path, &[]);
        assert_eq!((status, &body["error_type"]), (500, &json!("OrderException")), "{path}");
    }
}

#[test]
fn a_day_order_ends_with_the_day_and_a_ttl_order_with_its_minutes() {
    let mut bench = Bench::new();
    let day = bench.place(&[]);
    let ttl = bench.place(&[("validity", "TTL"), ("validity_ttl", "2")]);
    bench.pass_ms(1_000);
    bench.go(at("10:02:00"));
    assert_eq!(bench.last(&ttl)["status"], "OPEN");
    bench.go(at("10:02:01"));
    assert_eq!(bench.last(&ttl)["status"], "CANCELLED");
    bench.go(at("15:29:59"));
    assert_eq!(bench.last(&day)["status"], "OPEN");
    bench.go(at("15:30:00"));
    assert_eq!(bench.last(&day)["status"], "CANCELLED");
    assert_eq!(bench.last(&day)["exchange_update_timestamp"], "2026-11-20 15:30:00");
}

#[test]
fn an_order_after_hours_waits_as_amo_for_the_next_session() {
    let mut bench = Bench::new();
    bench.go(at("20:00:00"));
    let (_, body) = bench.call(Method::Post, "/orders/amo", &order(&[]));
    let id = body["data"]["order_id"].as_str().unwrap().to_owned();
    bench.pass_ms(1_000);
    assert_eq!(bench.statuses(&id), ["PUT ORDER REQ RECEIVED", "VALIDATION PENDING", "AMO REQ RECEIVED"]);
    assert_eq!(bench.call(Method::Put, &format!("/orders/amo/{id}"), &[("price", "99.6")]).0, 200);
    let next = |time: &str| parse(&format!("2026-11-21 {time}"), DayEnd::First).unwrap();
    bench.go(next("05:00:00"));
    bench.go(next("09:00:00"));
    let fresh = bench.broker.issue_request_token();
    bench.login(&fresh);
    assert_eq!(bench.statuses(&id)[3..], ["AMO REQ RECEIVED", "OPEN PENDING", "OPEN"]);
    assert_eq!(bench.last(&id)["price"], json!(99.6));
}

#[test]
fn an_update_is_the_order_with_a_checksum_of_the_secret() {
    let mut bench = Bench::new();
    let id = bench.place(&[("price", "100.05")]);
    bench.pass_ms(100);
    let update = &bench.updates[0];
    let frame: serde_json::Value = serde_json::from_str(&update.text()).unwrap();
    let data = &frame["data"];
    assert_eq!((&frame["type"], &data["status"], &data["order_id"]), (&json!("order"), &json!("COMPLETE"), &json!(id)));
    assert_eq!((&data["unfilled_quantity"], &data["average_price"]), (&json!(0), &json!(100.05)));
    let secret = &bench.broker.plan().api_secret;
    assert_eq!(data["checksum"], postback_checksum(&id, data["order_timestamp"].as_str().unwrap(), secret));
    assert_eq!(update.at, Ts::new(at("10:00:00").get() + 32_000_000));
}

#[test]
fn orders_trades_and_postbacks_have_the_fields_of_the_samples() {
    let Some(folder) = crate::kite::tests::samples("orders_trades_and_postbacks") else { return };
    let mut bench = Bench::new();
    bench.place(&[("price", "100.05"), ("tag", "x")]);
    bench.pass_ms(100);
    let read = |name: &str| -> serde_json::Value {
        serde_json::from_slice(&std::fs::read(folder.join(name)).unwrap()).unwrap()
    };
    let has = |ours: &serde_json::Value, sample: &serde_json::Value, name: &str| {
        for key in sample.as_object().unwrap().keys() {
            assert!(ours.get(key).is_some(), "{name} has {key}");
        }
    };
    has(&bench.get("/orders")[0], &read("orders.json")["data"][7], "orders.json");
    has(&bench.get("/orders")[0], &read("order_info.json")["data"][0], "order_info.json");
    has(&bench.get("/trades")[0], &read("trades.json")["data"][0], "trades.json");
    let frame: serde_json::Value = serde_json::from_str(&bench.updates[0].text()).unwrap();
    has(&frame["data"], &read("postback.json"), "postback.json");
    let fresh = bench.broker.issue_request_token();
    let plan = bench.broker.plan().clone();
    let checksum = crate::kite::orders::session_checksum(&plan.api_key, &fresh, &plan.api_secret);
    let form = [("api_key", plan.api_key.as_str()), ("request_token", &fresh), ("checksum", &checksum)];
    let session = bench.call(Method::Post, "/session/token", &form).1;
    has(&session["data"], &read("generate_session.json")["data"], "generate_session.json");
}
