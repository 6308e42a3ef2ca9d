//! Texts of the feed as the daemon reads them: every kind says what the JSON says, and an order loses no field.
//!
//! The first byte chooses: 0 to 127 a text, else tokens to subscribe to, which the simulator must hear as they were meant.

use barkeep_sim::kite::{self, ClientMessage};
use barkeep_zerodha::wire::{Mode, OrderUpdate, TextFrame, mode, subscribe, text, unsubscribe};
use serde_json::{Map, Value, json};

use crate::bytes::Bytes;

pub fn run(data: &[u8]) {
    let Some((which, rest)) = data.split_first() else { return };
    if *which < 128 { read(&String::from_utf8_lossy(rest)) } else { asked(&mut Bytes::new(rest)) }
}

fn read(message: &str) {
    let json: Option<Value> = serde_json::from_str(message).ok();
    let object = json.as_ref().and_then(Value::as_object);
    let kind = object.and_then(|object| object.get("type")).and_then(Value::as_str);
    let data = object.and_then(|object| object.get("data"));
    match text(message) {
        TextFrame::Order(order) => {
            assert_eq!(kind, Some("order"));
            ordered(data.and_then(Value::as_object).expect("an order has fields"), &order);
        }
        TextFrame::Error(words) => worded(kind, "error", data, &words),
        TextFrame::Message(words) => worded(kind, "message", data, &words),
        TextFrame::InstrumentsMeta { count, etag } => {
            assert_eq!(kind, Some("instruments_meta"));
            let data = data.expect("numbers");
            assert_eq!((data["count"].as_u64(), data["etag"].as_str()), (Some(count), Some(etag.as_str())));
        }
        TextFrame::AppCode { timestamp } => {
            assert_eq!(kind, Some("app_code"));
            assert_eq!(object.and_then(|object| object["timestamp"].as_str()), Some(timestamp.as_str()));
        }
        TextFrame::Time { now } => {
            assert_eq!(kind, Some("sim_time"));
            // The one number that a time cannot hold becomes its neighbour.
            let told = data.and_then(|data| data["now"].as_i64()).expect("a time");
            assert_eq!(told.max(-i64::MAX), now.get());
        }
        TextFrame::Unknown { kind: unknown } => {
            assert!(object.is_some());
            assert_eq!(unknown.as_deref(), kind);
            let known = ["order", "error", "message", "instruments_meta", "app_code", "sim_time"];
            assert!(kind.is_none_or(|kind| !known.contains(&kind)));
        }
        TextFrame::Malformed { why, excerpt } => {
            assert!(why.contains("expected"), "{why}");
            assert_eq!(object.is_none(), why.starts_with("it is "), "{why}");
            assert!(!matches!(kind, Some("error" | "message")), "{why}");
            assert!(excerpt.chars().count() <= 120 && !excerpt.chars().any(char::is_control), "{excerpt:?}");
        }
    }
}

fn worded(kind: Option<&str>, expected: &str, data: Option<&Value>, words: &str) {
    assert_eq!(kind, Some(expected));
    match data {
        Some(Value::String(text)) => assert_eq!(text, words),
        Some(Value::Null) | None => assert!(words.is_empty()),
        Some(other) => assert_eq!(other.to_string(), words),
    }
}

/// The fields that were read, under their names.
fn fields(order: &OrderUpdate) -> Map<String, Value> {
    let OrderUpdate { order_id, status, status_message, status_message_raw, tag, user_id, .. } = order;
    let OrderUpdate { placed_by, app_id, checksum, exchange_order_id, parent_order_id, order_timestamp, .. } = order;
    let OrderUpdate { exchange_update_timestamp, exchange_timestamp, variety, exchange, tradingsymbol, .. } = order;
    let OrderUpdate { instrument_token, order_type, transaction_type, validity, product, quantity, .. } = order;
    let OrderUpdate { disclosed_quantity, price, trigger_price, average_price, filled_quantity, .. } = order;
    let OrderUpdate { unfilled_quantity, pending_quantity, cancelled_quantity, .. } = order;
    let words = json!({
        "order_id": order_id, "status": status, "status_message": status_message, "tag": tag, "user_id": user_id,
        "status_message_raw": status_message_raw, "placed_by": placed_by, "checksum": checksum,
        "exchange_order_id": exchange_order_id, "parent_order_id": parent_order_id,
        "order_timestamp": order_timestamp, "exchange_update_timestamp": exchange_update_timestamp,
        "exchange_timestamp": exchange_timestamp, "variety": variety, "exchange": exchange,
        "tradingsymbol": tradingsymbol, "order_type": order_type, "transaction_type": transaction_type,
        "validity": validity, "product": product,
    });
    let numbers = json!({
        "app_id": app_id, "instrument_token": instrument_token, "quantity": quantity,
        "disclosed_quantity": disclosed_quantity, "price": price, "trigger_price": trigger_price,
        "average_price": average_price, "filled_quantity": filled_quantity, "unfilled_quantity": unfilled_quantity,
        "pending_quantity": pending_quantity, "cancelled_quantity": cancelled_quantity,
    });
    let objects = [words, numbers].into_iter().filter_map(|object| object.as_object().cloned());
    objects.flatten().filter(|(_, value)| !value.is_null()).collect()
}

/// Every field that was told is read or kept, none is both, and the order written again reads as the same.
fn ordered(told: &Map<String, Value>, order: &OrderUpdate) {
    let read = fields(order);
    for (name, value) in told {
        match (read.get(name), order.other.get(name)) {
            (Some(read), None) if value.is_string() => assert_eq!(read, value, "{name}"),
            (Some(read), None) => {
                let (read, value) = (read.as_f64().expect("a number"), value.as_f64().expect("a number"));
                assert!((read - value).abs() <= 0.000_051 + value.abs() * 1e-12, "{name}: {read} for {value}");
            }
            (None, Some(kept)) => assert_eq!(kept, value, "{name}"),
            (None, None) => assert!(value.is_null(), "{name} is lost"),
            (Some(_), Some(_)) => panic!("{name} is there twice"),
        }
    }
    let told_or_read = read.keys().chain(order.other.keys()).all(|name| told.contains_key(name));
    assert!(told_or_read, "a field comes from nowhere");
    let mut again = read;
    again.extend(order.other.clone());
    let again = json!({ "type": "order", "data": again }).to_string();
    let TextFrame::Order(mut again) = text(&again) else { panic!("an order is none when written again: {again}") };
    let mut order = order.clone();
    assert_eq!(again.other.len(), order.other.len());
    let whole = |fields: &mut Map<String, Value>| fields.retain(|_, value| !has_fractions(value));
    whole(&mut order.other);
    whole(&mut again.other);
    assert_eq!(*again, order);
}

/// The JSON library reads a fraction of many digits to the last digit but one.
fn has_fractions(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_f64(),
        Value::Array(list) => list.iter().any(has_fractions),
        Value::Object(fields) => fields.values().any(has_fractions),
        Value::Null | Value::Bool(_) | Value::String(_) => false,
    }
}

fn asked(bytes: &mut Bytes<'_>) {
    let mut tokens = Vec::new();
    while !bytes.rest().is_empty() {
        tokens.push(bytes.u32());
    }
    assert_eq!(ClientMessage::parse(&subscribe(&tokens)), Ok(ClientMessage::Subscribe(tokens.clone())));
    assert_eq!(ClientMessage::parse(&unsubscribe(&tokens)), Ok(ClientMessage::Unsubscribe(tokens.clone())));
    for (ours, theirs) in
        [(Mode::Ltp, kite::Mode::Ltp), (Mode::Quote, kite::Mode::Quote), (Mode::Full, kite::Mode::Full)]
    {
        assert_eq!(ClientMessage::parse(&mode(ours, &tokens)), Ok(ClientMessage::Mode(theirs, tokens.clone())));
    }
}
