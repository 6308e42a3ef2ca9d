//! Against Kite's own samples, where `BARKEEP_SHARED_DATA` names their folder.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use super::super::Packet;
use super::super::packet::{FullPacket, QuotePacket};
use super::super::quotes::{OhlcBody, QuoteBody};
use super::super::reply::success;
use super::{listing, quote};

/// The folder of samples; without it a test says that it was skipped.
pub(crate) fn samples(test: &str) -> Option<PathBuf> {
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

fn read(folder: &std::path::Path, name: &str) -> Value {
    serde_json::from_slice(&fs::read(folder.join(name)).unwrap()).unwrap()
}

fn paise(value: &Value) -> u32 {
    (value.as_f64().unwrap() * 100.0).round() as u32
}

fn assert_quote(packet: &QuotePacket, decoded: &Value) {
    assert_eq!(u64::from(packet.token), decoded["instrument_token"]);
    assert_eq!(packet.last_price, paise(&decoded["last_price"]));
    assert_eq!(u64::from(packet.last_qty), decoded["last_traded_quantity"]);
    assert_eq!(packet.average_price, paise(&decoded["average_traded_price"]));
    assert_eq!(u64::from(packet.volume), decoded["volume_traded"]);
    assert_eq!(u64::from(packet.total_buy_qty), decoded["total_buy_quantity"]);
    assert_eq!(u64::from(packet.total_sell_qty), decoded["total_sell_quantity"]);
    let ohlc = [packet.open, packet.high, packet.low, packet.close];
    assert_eq!(ohlc, ["open", "high", "low", "close"].map(|name| paise(&decoded["ohlc"][name])));
}

fn assert_full(packet: &FullPacket, decoded: &Value) {
    assert_quote(&packet.quote, decoded);
    assert_eq!(u64::from(packet.last_trade_secs), decoded["last_trade_time"]["epoch"]);
    assert_eq!(u64::from(packet.exchange_secs), decoded["exchange_timestamp"]["epoch"]);
    for (rows, side) in [(&packet.bids, "buy"), (&packet.asks, "sell")] {
        for (row, expected) in rows.iter().zip(decoded["depth"][side].as_array().unwrap()) {
            assert_eq!(u64::from(row.qty), expected["quantity"]);
            assert_eq!(row.price, paise(&expected["price"]));
            assert_eq!(u64::from(row.orders), expected["orders"]);
        }
    }
}

#[test]
fn the_recorded_packets_are_read_as_the_python_client_reads_them_and_written_back_the_same() {
    let Some(folder) = samples("the_recorded_packets") else { return };
    for name in ["ticker_quote", "ticker_full"] {
        let bytes = base64(&fs::read_to_string(folder.join(format!("{name}.packet"))).unwrap());
        let expected = read(&folder, &format!("{name}.decoded.json"));
        let packet = Packet::decode(&bytes).unwrap();
        match &packet {
            Packet::Quote(quote) => assert_quote(quote, &expected["decoded"][0]),
            Packet::Full(full) => assert_full(full, &expected["decoded"][0]),
            other @ (Packet::Ltp(_) | Packet::IndexQuote(_) | Packet::IndexFull(_)) => panic!("{other:?}"),
        }
        let mut back = Vec::new();
        packet.encode_into(&mut back);
        assert_eq!(back, bytes, "{name}");
    }
}

/// The keys of an object, all the way down; lists by their first element.
fn keys(value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    collect(value, "", &mut found);
    found
}

fn collect(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| {
            found.push(format!("{path}.{key}"));
            collect(value, &format!("{path}.{key}"), found);
        }),
        Value::Array(list) => list.iter().take(1).for_each(|value| collect(value, &format!("{path}[]"), found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn quotes_have_the_fields_of_the_samples() {
    let Some(folder) = samples("quotes_have_the_fields") else { return };
    let body = |body: Vec<u8>| serde_json::from_slice::<Value>(&body).unwrap()["data"].clone();
    let quote_body = body(success(QuoteBody::new(&listing(), &quote())));
    assert_eq!(keys(&quote_body), keys(&read(&folder, "quote.json")["data"]["NSE:INFY"]));
    let ohlc_body = body(success(OhlcBody::new(&listing(), &quote())));
    assert_eq!(keys(&ohlc_body), keys(&read(&folder, "ohlc.json")["data"]["NSE:INFY"]));
}

#[test]
fn the_dump_has_the_columns_of_the_sample() {
    let Some(folder) = samples("the_dump_has_the_columns") else { return };
    let sample = fs::read_to_string(folder.join("instruments_nse.csv")).unwrap();
    assert_eq!(sample.lines().next(), Some(super::super::instruments::INSTRUMENT_COLUMNS));
}
