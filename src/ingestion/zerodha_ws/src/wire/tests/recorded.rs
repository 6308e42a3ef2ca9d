//! Against packets of the real feed, where `BARKEEP_SHARED_DATA` names their folder.

use std::fs;
use std::path::{Path, PathBuf};

use barkeep_schemas::{Price, Qty, Ts};
use serde_json::Value;

use super::super::{Frame, Full, Packet, Quote, RawLevel, TextFrame, frame, text};
use super::framed;

/// The folder of samples; without it a test says that it was skipped.
fn samples(test: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("BARKEEP_SHARED_DATA").map(|folder| PathBuf::from(folder).join("kite_mocks"));
    if folder.is_none() {
        eprintln!("skipped {test}: BARKEEP_SHARED_DATA does not name the folder of real market data");
    }
    folder
}

fn base64(text: &str) -> Vec<u8> {
    let digits = text.bytes().filter_map(|byte| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    });
    let bits: Vec<u8> = digits.flat_map(|digit| (0..6).rev().map(move |bit| digit >> bit & 1)).collect();
    bits.chunks_exact(8).map(|bits| bits.iter().fold(0, |byte, bit| byte << 1 | bit)).collect()
}

/// The one packet of a file, put in a frame and read from it, and what the Python client reads.
fn recorded(folder: &Path, name: &str) -> (Packet, Value) {
    let packet = base64(&fs::read_to_string(folder.join(format!("{name}.packet"))).unwrap());
    let decoded = fs::read(folder.join(format!("{name}.decoded.json"))).unwrap();
    let decoded: Value = serde_json::from_slice(&decoded).unwrap();
    let bytes = framed(&[&packet]);
    let Ok(Frame::Packets(mut packets)) = frame(&bytes) else { panic!("no packets in {name}") };
    (packets.next().unwrap(), decoded["decoded"][0].clone())
}

/// The client's rupees as our price.
fn price(value: &Value) -> Price {
    Price::new((value.as_f64().unwrap() * 10_000.0).round() as i64)
}

fn paise(value: &Value) -> u32 {
    (value.as_f64().unwrap() * 100.0).round() as u32
}

fn assert_quote(quote: &Quote, decoded: &Value) {
    assert_eq!(quote.token, decoded["instrument_token"]);
    assert_eq!(quote.last_price, paise(&decoded["last_price"]));
    assert_eq!(quote.last_qty, decoded["last_traded_quantity"]);
    assert_eq!(quote.average_price, paise(&decoded["average_traded_price"]));
    assert_eq!(quote.volume, decoded["volume_traded"]);
    assert_eq!(quote.total_buy_qty, decoded["total_buy_quantity"]);
    assert_eq!(quote.total_sell_qty, decoded["total_sell_quantity"]);
    let ohlc = [quote.open, quote.high, quote.low, quote.close];
    assert_eq!(ohlc, ["open", "high", "low", "close"].map(|name| paise(&decoded["ohlc"][name])));
}

fn assert_side(levels: &[RawLevel], decoded: &Value) {
    assert_eq!(levels.len(), decoded.as_array().unwrap().len());
    for (level, decoded) in levels.iter().zip(decoded.as_array().unwrap()) {
        assert_eq!((level.qty, level.price), (decoded["quantity"].as_u64().unwrap() as u32, paise(&decoded["price"])));
        assert_eq!(level.orders, decoded["orders"]);
    }
}

fn assert_full(full: &Full, decoded: &Value) {
    assert_quote(&full.quote, decoded);
    assert_side(&full.bids, &decoded["depth"]["buy"]);
    assert_side(&full.asks, &decoded["depth"]["sell"]);
    let snapshot = full.snapshot().unwrap();
    assert_eq!(snapshot.price, price(&decoded["last_price"]));
    assert_eq!(snapshot.qty.map(Qty::get), decoded["last_traded_quantity"].as_i64());
    assert_eq!(snapshot.cum_volume.map(Qty::get), decoded["volume_traded"].as_i64());
    assert_eq!(snapshot.bid, Some(price(&decoded["depth"]["buy"][0]["price"])));
    assert_eq!(snapshot.ask, Some(price(&decoded["depth"]["sell"][0]["price"])));
    assert_eq!(snapshot.last_trade.map(Ts::secs), decoded["last_trade_time"]["epoch"].as_i64());
    assert_eq!(snapshot.exchange_time.map(Ts::secs), decoded["exchange_timestamp"]["epoch"].as_i64());
}

#[test]
fn recorded_packets_are_read_as_the_python_client_reads_them() {
    let Some(folder) = samples("recorded_packets_are_read_as_the_python_client_reads_them") else { return };
    match recorded(&folder, "ticker_quote") {
        (Packet::Quote(quote), decoded) => assert_quote(&quote, &decoded),
        (other, _) => panic!("{other:?}"),
    }
    match recorded(&folder, "ticker_full") {
        (Packet::Full(full), decoded) => assert_full(&full, &decoded),
        (other, _) => panic!("{other:?}"),
    }
}

#[test]
fn a_recorded_postback_is_an_order_with_nothing_left_unread() {
    let Some(folder) = samples("a_recorded_postback_is_an_order_with_nothing_left_unread") else { return };
    let postback = fs::read_to_string(folder.join("postback.json")).unwrap();
    let fields: Value = serde_json::from_str(&postback).unwrap();
    let TextFrame::Order(order) = text(&format!(r#"{{"type":"order","data":{postback}}}"#)) else { panic!() };
    assert_eq!((order.order_id.as_str(), order.status.as_str()), ("220303000308932", "COMPLETE"));
    assert_eq!(order.tradingsymbol.as_deref(), fields["tradingsymbol"].as_str());
    assert_eq!(order.average_price, Some(price(&fields["average_price"])));
    assert_eq!(order.instrument_token.map(u64::from), fields["instrument_token"].as_u64());
    let unread: Vec<&str> = order.other.keys().map(String::as_str).collect();
    assert_eq!(unread, ["guid", "market_protection", "meta"]);
}
