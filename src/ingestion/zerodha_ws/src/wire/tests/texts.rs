//! Text: the kinds that are known, and whatever else there may be.

use barkeep_schemas::{Price, Qty, Ts};
use barkeep_sim::kite::server_text;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::{OrderUpdate, TextFrame, text};

fn order(data: &Value) -> OrderUpdate {
    let read = text(&json!({"type": "order", "data": data}).to_string());
    let TextFrame::Order(order) = read else { panic!("{read:?}") };
    *order
}

#[track_caller]
fn malformed(message: &str, expected: &str) {
    let read = text(message);
    let TextFrame::Malformed { why, .. } = read else { panic!("{read:?}") };
    assert!(why.contains(expected), "{why}");
}

#[test]
fn the_notes_at_the_beginning_of_a_connection_are_known() {
    let meta = r#"{"type":"instruments_meta","data":{"count":114823,"etag":"W/\"68907d60-55bb\""}}"#;
    let etag = "W/\"68907d60-55bb\"".to_owned();
    assert_eq!(text(meta), TextFrame::InstrumentsMeta { count: 114_823, etag });
    let code = r#"{"type":"app_code","timestamp":"2025-08-04T13:50:28+05:30"}"#;
    assert_eq!(text(code), TextFrame::AppCode { timestamp: "2025-08-04T13:50:28+05:30".to_owned() });
    let time = r#"{"type":"sim_time","data":{"now":1785469440000000000}}"#;
    assert_eq!(text(time), TextFrame::Time { now: Ts::new(1_785_469_440_000_000_000) });
}

#[test]
fn an_error_is_an_error_whatever_its_data_are() {
    assert_eq!(text(r#"{"type":"error","data":"Too many tokens"}"#), TextFrame::Error("Too many tokens".to_owned()));
    assert_eq!(text(r#"{"type":"error","data":{"code":7}}"#), TextFrame::Error(r#"{"code":7}"#.to_owned()));
    assert_eq!(text(r#"{"type":"error","data":null}"#), TextFrame::Error(String::new()));
    assert_eq!(text(r#"{"type":"error"}"#), TextFrame::Error(String::new()));
    assert_eq!(text(r#"{"data":"Hello","type":"message","more":1}"#), TextFrame::Message("Hello".to_owned()));
}

#[test]
fn a_kind_yet_to_come_is_unknown_by_its_name() {
    assert_eq!(text(r#"{"type":"weather","data":1}"#), TextFrame::Unknown { kind: Some("weather".to_owned()) });
    assert_eq!(text(r#"{"data":1}"#), TextFrame::Unknown { kind: None });
    assert_eq!(text(r#"{"type":7}"#), TextFrame::Unknown { kind: None });
}

#[test]
fn what_is_no_message_says_what_was_expected() {
    malformed("", "not JSON");
    malformed("garbage", "not JSON");
    malformed(r#"{"type":"order""#, "not JSON");
    malformed("[1,2]", "no object");
    malformed("7", "no object");
    malformed(r#"{"type":"order"}"#, "\"data\"");
    malformed(r#"{"type":"order","data":[1]}"#, "\"data\"");
    malformed(r#"{"type":"order","data":{"status":"UPDATE"}}"#, "\"order_id\"");
    malformed(r#"{"type":"order","data":{"order_id":7,"status":"UPDATE"}}"#, "\"order_id\"");
    malformed(r#"{"type":"order","data":{"order_id":"7"}}"#, "\"status\"");
    malformed(r#"{"type":"instruments_meta","data":{"count":-1,"etag":"x"}}"#, "\"count\"");
    malformed(r#"{"type":"app_code"}"#, "\"timestamp\"");
    malformed(r#"{"type":"sim_time","data":{"now":1.5}}"#, "\"now\"");
}

#[test]
fn what_is_kept_of_a_malformed_message_is_short_and_plain() {
    let long = format!("\u{1b}[31m\n{}", "é".repeat(10_000));
    let TextFrame::Malformed { excerpt, .. } = text(&long) else { panic!() };
    assert_eq!(excerpt, format!(" [31m {}", "é".repeat(114)));
}

#[test]
fn nesting_without_end_is_refused() {
    malformed(&"[".repeat(100_000), "not JSON");
    malformed(&"{\"type\":".repeat(100_000), "not JSON");
}

#[test]
fn an_order_has_its_numbers_in_the_units_of_the_tape() {
    let order = order(&json!({
        "order_id": "220303000308932", "status": "UPDATE", "tag": null, "instrument_token": 779_521,
        "price": 470.05, "average_price": 470.123_456, "trigger_price": 0, "quantity": 10, "filled_quantity": 4,
        "unfilled_quantity": 6, "transaction_type": "BUY", "app_id": 1234,
    }));
    assert_eq!((order.order_id.as_str(), order.status.as_str(), order.tag), ("220303000308932", "UPDATE", None));
    assert_eq!((order.price, order.trigger_price), (Some(Price::new(4_700_500)), Some(Price::ZERO)));
    assert_eq!(order.average_price, Some(Price::new(4_701_235)));
    assert_eq!((order.quantity, order.filled_quantity), (Some(Qty::new(10)), Some(Qty::new(4))));
    assert_eq!((order.instrument_token, order.app_id), (Some(779_521), Some(1234)));
    assert_eq!((order.exchange, order.product), (None, None));
    assert!(order.other.is_empty(), "{:?}", order.other);
}

#[test]
fn a_field_of_another_type_than_expected_stays_where_it_can_be_seen() {
    let odd = json!({
        "order_id": "1", "status": "COMPLETE", "quantity": -3, "price": "470", "instrument_token": 5e9,
        "average_price": -1, "trigger_price": 1e300, "meta": {"a": 1}, "algo_id": "x",
    });
    let order = order(&odd);
    assert_eq!((order.quantity, order.price, order.instrument_token, order.average_price), (None, None, None, None));
    let kept: Vec<&str> = order.other.keys().map(String::as_str).collect();
    assert_eq!(kept, ["algo_id", "average_price", "instrument_token", "meta", "price", "quantity", "trigger_price"]);
    assert_eq!(order.other["quantity"], json!(-3));
}

#[test]
fn what_the_simulator_says_is_understood() {
    assert_eq!(text(&server_text::error("no \"such\" token")), TextFrame::Error("no \"such\" token".to_owned()));
    assert_eq!(text(&server_text::message("hello\n")), TextFrame::Message("hello\n".to_owned()));
    let meta = TextFrame::InstrumentsMeta { count: 7, etag: "W/\"1\"".to_owned() };
    assert_eq!(text(&server_text::instruments_meta(7, "W/\"1\"")), meta);
}

proptest! {
    #[test]
    fn any_text_has_an_answer(message in any::<String>()) {
        text(&message);
    }

    /// JSON of the names that mean something, in any arrangement.
    #[test]
    fn any_object_has_an_answer(
        kind in prop::sample::select(vec!["order", "error", "message", "instruments_meta", "app_code", "sim_time", "x"]),
        name in prop::sample::select(vec!["data", "timestamp", "now", "count", "order_id"]),
        inner in prop::sample::select(vec!["now", "count", "etag", "order_id", "status", "price", "quantity"]),
        value in prop::sample::select(vec!["1", "-1", "1e400", "null", "\"x\"", "[]", "{}", "18446744073709551616"]),
    ) {
        text(&format!(r#"{{"type":"{kind}","{name}":{{"{inner}":{value},"status":{value}}}}}"#));
        text(&format!(r#"{{"type":"{kind}","{name}":{value}}}"#));
    }
}
