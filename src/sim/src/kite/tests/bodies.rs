//! REST bodies that need no broker.

use std::io::Read as _;

use barkeep_schemas::Qty;
use serde_json::{Value, json};

use super::super::instruments::{gzip, instruments_csv};
use super::super::orders::{postback_checksum, session_checksum};
use super::super::quotes::{Keyed, LtpBody, OhlcBody, QuoteBody, candles_body};
use super::super::reply::{ErrorType, KiteError, success};
use super::{at, listing, price, quote, rupees};
use crate::market::Candle;

fn value(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap()
}

#[test]
fn whole_rupees_have_no_point() {
    let ltp = LtpBody::new(&listing(), &quote());
    let body = success(Keyed(vec![("NSE:INFY".to_owned(), ltp)]));
    let expected = r#"{"status":"success","data":{"NSE:INFY":{"instrument_token":408065,"last_price":1573.7}}}"#;
    assert_eq!(String::from_utf8(body).unwrap(), expected);
    let ohlc = value(&success(OhlcBody::new(&listing(), &quote())));
    assert_eq!(ohlc["data"]["ohlc"].to_string(), r#"{"close":1567.8,"high":1575,"low":1561.05,"open":1569.15}"#);
}

#[test]
fn answers_keep_the_order_of_the_request() {
    let keyed = Keyed(vec![("b".to_owned(), 1), ("a".to_owned(), 2)]);
    assert_eq!(serde_json::to_string(&keyed).unwrap(), r#"{"b":1,"a":2}"#);
}

#[test]
fn a_quote_has_five_levels_on_each_side_whatever_the_book_holds() {
    let body = value(&success(QuoteBody::new(&listing(), &quote())));
    let buy = body["data"]["depth"]["buy"].as_array().unwrap();
    assert_eq!(buy.len(), 5);
    assert_eq!(buy[0], json!({"price": 1573.4, "quantity": 5, "orders": 1}));
    assert_eq!(buy[4], json!({"price": 0, "quantity": 0, "orders": 0}));
    assert_eq!(body["data"]["timestamp"], "2021-07-05 10:41:27");
}

#[test]
fn candles_are_rows_of_six_or_with_open_interest_of_seven() {
    let candle = Candle {
        start: at(),
        open: price(17_045_000),
        high: rupees(1_705),
        low: price(16_992_500),
        close: price(17_028_000),
        volume: Qty::new(2_499),
    };
    let row = r#"["2021-07-05T10:41:27+0530",1704.5,1705,1699.25,1702.8,2499"#;
    let expected = |tail: &str| format!(r#"{{"status":"success","data":{{"candles":[{row}{tail}]]}}}}"#);
    assert_eq!(String::from_utf8(candles_body(&[candle], false)).unwrap(), expected(""));
    assert_eq!(String::from_utf8(candles_body(&[candle], true)).unwrap(), expected(",0"));
    assert_eq!(candles_body(&[], false), br#"{"status":"success","data":{"candles":[]}}"#);
}

#[test]
fn an_error_says_its_class_and_no_data() {
    let error = KiteError::token("Incorrect `api_key` or `access_token`.");
    let expected = r#"{"status":"error","message":"Incorrect `api_key` or `access_token`.","data":null,"error_type":"TokenException"}"#;
    assert_eq!((error.status, String::from_utf8(error.body()).unwrap().as_str()), (403, expected));
    let many = KiteError::too_many_requests();
    assert_eq!((many.status, many.error_type.name()), (429, "NetworkException"));
    assert_eq!(ErrorType::Data.status(), 502);
}

#[test]
fn the_dump_is_the_same_bytes_every_time_and_quotes_what_csv_must() {
    let mut odd = listing();
    (odd.symbol, odd.name) = ("M&M".to_owned(), "A, \"B\"".to_owned());
    let csv = instruments_csv([listing(), odd].iter());
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines[1], "408065,1594,INFY,INFOSYS,0.0,,0.0,0.05,1,EQ,NSE,NSE");
    assert_eq!(lines[2], "408065,1594,M&M,\"A, \"\"B\"\"\",0.0,,0.0,0.05,1,EQ,NSE,NSE");
    let packed = gzip(csv.as_bytes());
    assert_eq!(packed, gzip(csv.as_bytes()));
    assert_eq!(packed[4..8], [0; 4], "no time in the header");
    let mut text = String::new();
    flate2::read::GzDecoder::new(packed.as_slice()).read_to_string(&mut text).unwrap();
    assert_eq!(text, csv);
}

/// Expected values by `printf %s … | sha256sum`.
#[test]
fn checksums_hash_three_strings_in_a_row() {
    let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(session_checksum("a", "b", "c"), abc);
    assert_eq!(postback_checksum("ab", "", "c"), abc);
}
