//! Answers as the simulator writes them, by hand, and by chance; requests are tested against its server.

mod recorded;

use barkeep_schemas::{Price, Qty, Ts};
use barkeep_sim::kite::KiteError;
use proptest::prelude::*;

use super::*;
use crate::ist;

fn success(data: &str) -> Vec<u8> {
    format!("{{\"status\":\"success\",\"data\":{data}}}").into_bytes()
}

fn error_of(status: u16, body: &[u8]) -> String {
    profile(status, body).unwrap_err().to_string()
}

#[test]
fn an_error_is_known_by_its_type_and_anything_unknown_is_general() {
    let refused = |error: KiteError| profile(error.status, &error.body()).unwrap_err();
    let AnswerError::Api(error) = refused(KiteError::token("Incorrect `api_key` or `access_token`.")) else { panic!() };
    assert!(error.is_token_refused() && !error.is_passing());
    assert_eq!(error.to_string(), "the broker answered 403 (TokenException): Incorrect `api_key` or `access_token`.");
    let AnswerError::Api(error) = refused(KiteError::too_many_requests()) else { panic!() };
    assert_eq!((error.status, error.error_type, error.is_passing()), (429, ErrorType::Network, true));
    let told = [
        error_of(403, br#"{"status":"error","message":"no","error_type":"PermissionException"}"#),
        error_of(500, b"{\"status\":\"error\",\"message\":\"a\\u001b[2J\",\"error_type\":\"NewException\"}"),
        error_of(200, br#"{"status":"error","message":"odd","error_type":"InputException"}"#),
        error_of(500, br#"{"status":"success","data":{"user_id":"AB1234"}}"#),
        error_of(504, b"<html>gateway</html>"),
        error_of(429, b""),
        error_of(302, b""),
        error_of(200, b"<html>"),
        error_of(200, b"[]"),
        error_of(200, b"{}"),
        error_of(200, &success("{}")),
        error_of(200, &success("null")),
    ];
    insta::assert_snapshot!(told.join("\n"), @r#"
    the broker answered 403 (PermissionException): no
    the broker answered 500 (GeneralException): a [2J
    the broker answered 200 (InputException): odd
    the broker answered 500 (GeneralException): 
    the broker answered 504 (GeneralException): without Kite's envelope
    the broker answered 429 (NetworkException): without Kite's envelope
    the broker answered 302 (GeneralException): without Kite's envelope
    the broker's answer cannot be read: it is no JSON, line 1 column 1
    the broker's answer cannot be read: expected an object
    the broker's answer cannot be read: expected {"status":"success","data":…}
    the broker's answer cannot be read: the profile: expected text under "user_id"
    the broker's answer cannot be read: the profile: expected an object
    "#);
}

#[test]
fn every_name_of_an_error_leads_to_its_type() {
    use ErrorType::{Data, General, Holding, Input, Margin, Network, Order, Permission, Token, TwoFactor};
    for kind in [Token, TwoFactor, Permission, Order, Input, Margin, Holding, Network, Data, General] {
        assert_eq!(ErrorType::of(kind.name()), kind);
    }
}

#[test]
fn candles_are_exact_and_a_wrong_one_does_not_cost_the_others() {
    let body = success(
        r#"{"candles":[["2017-12-15T09:15:00+0530",1704.5,1705,1699.25,1702.8,2499],
        ["2017-12-15T09:16:00+0530",1702,1702,1698.15,1698.15,1271,13667775],
        ["2017-12-15 09:17",1,1,1,1,1], ["2017-12-15T09:18:00+0530",1,2,1,3,1],
        ["2017-12-15T09:19:00+0530",0,2,0,1,1], ["2017-12-15T09:20:00+0530",1.00001,2,1,1,1],
        ["2017-12-15T09:21:00+0530",1,1,1,1,-1], ["2017-12-15T09:22:00+0530",1,1,1,1], 7,
        ["2017-12-15T09:23:00+0530",99999999.9999,99999999.9999,0.0001,1,1e3]]}"#,
    );
    let (read, refused) = candles(200, &body).unwrap();
    let candle = |start: &str, prices: [i64; 4], volume, interest: Option<i64>| {
        let [open, high, low, close] = prices.map(Price::new);
        let start = ist::parse(start).unwrap();
        let (volume, open_interest) = (Qty::new(volume), interest.map(Qty::new));
        Candle { start, open, high, low, close, volume, open_interest }
    };
    assert_eq!(
        read,
        [
            candle("2017-12-15 09:15:00", [17_045_000, 17_050_000, 16_992_500, 17_028_000], 2_499, None),
            candle("2017-12-15 09:16:00", [17_020_000, 17_020_000, 16_981_500, 16_981_500], 1_271, Some(13_667_775)),
            candle("2017-12-15 09:23:00", [999_999_999_999, 999_999_999_999, 1, 10_000], 1_000, None),
        ]
    );
    let told: Vec<String> = refused.iter().map(|refused| format!("{}: {}", refused.number, refused.why)).collect();
    insta::assert_snapshot!(told.join("\n"), @"
    3: its time is not as 2017-12-15T09:15:00+0530
    4: its prices are not between its low and its high
    5: a price is not above zero with at most four decimals
    6: a price is not above zero with at most four decimals
    7: its volume is no whole number
    8: it is not [time, open, high, low, close, volume(, open interest)]
    9: it is not [time, open, high, low, close, volume(, open interest)]
    ");
    assert_eq!(candles(200, &success("{\"candles\":[]}")), Ok((vec![], vec![])));
    assert!(candles(200, &success("{\"candles\":null}")).is_err());
}

#[test]
fn quotes_keep_what_is_there_and_refuse_what_is_wrong() {
    let stock = r#"{"instrument_token":408065,"timestamp":"2026-11-20 09:20:00","last_trade_time":null,"last_price":1412.95,
        "last_quantity":5,"buy_quantity":10,"sell_quantity":0,"volume":7360198,"average_price":1412.471234,
        "net_change":0,"lower_circuit_limit":1250.7,"upper_circuit_limit":1528.6,
        "ohlc":{"open":1396,"high":1421.75,"low":1395.55,"close":1389.65},
        "depth":{"buy":[{"price":0,"quantity":0,"orders":0}],"sell":[{"price":1413,"quantity":5191,"orders":13}]}}"#;
    let index = r#"{"instrument_token":256265,"last_price":26000.05,"ohlc":{"open":1,"high":1,"low":1,"close":1}}"#;
    let read = quotes(200, &success(&format!("{{\"NSE:INFY\":{stock},\"NSE:A\":{index}}}"))).unwrap();
    let [index, stock] = &read[..] else { panic!("{read:?}") };
    assert_eq!((index.name.as_str(), index.last_price, index.volume), ("NSE:A", Price::new(260_000_500), None));
    assert_eq!((stock.average_price, stock.last_trade_time), (Some(Price::new(14_124_712)), None));
    assert_eq!(stock.timestamp, ist::parse("2026-11-20 09:20:00"));
    assert_eq!((stock.depth.bids.len(), stock.depth.asks[0].qty), (0, Qty::new(5_191)));
    let wrong = quotes(200, &success(r#"{"NSE:X":{"instrument_token":1,"last_price":"1","ohlc":{}}}"#)).unwrap_err();
    assert_eq!(
        wrong.to_string(),
        "the broker's answer cannot be read: NSE:X: expected a price with at most four decimals under \"last_price\""
    );
}

#[test]
fn orders_and_trades_are_lists_of_which_each_row_must_hold() {
    let trade = r#"{"trade_id":"1","order_id":"2","exchange":"NSE","tradingsymbol":"INFY","instrument_token":408065,
        "product":"MIS","average_price":1412.95,"quantity":5,"exchange_order_id":null,"transaction_type":"BUY",
        "fill_timestamp":"2026-11-20 09:20:00","order_timestamp":"09:20:00"}"#;
    let read = trades(200, &success(&format!("[{trade}]"))).unwrap();
    assert_eq!((read[0].price, read[0].quantity, read[0].token), (Price::new(14_129_500), Qty::new(5), 408_065));
    assert_eq!(trades(200, &success("null")), Ok(vec![]));
    let wrong = trades(200, &success(&format!("[{trade},{{}}]"))).unwrap_err().to_string();
    assert_eq!(wrong, "the broker's answer cannot be read: trade 2: expected text under \"trade_id\"");
    assert_eq!(orders(200, &success(r#"[{"order_id":"1","status":"OPEN"}]"#)).unwrap()[0].status, "OPEN");
    assert!(orders(200, &success(r#"[{"order_id":"1"}]"#)).is_err());
    assert!(orders(200, &success("{}")).is_err());
}

#[test]
fn no_error_about_a_session_shows_what_stands_in_it() {
    let body = success(r#"{"api_key":7,"access_token":"S3CRET"}"#);
    let error = session(200, &body, Ts::ZERO).unwrap_err();
    assert_eq!(error.to_string(), "the broker's answer cannot be read: the session: expected text under \"api_key\"");
    let body = br#"{"status":"success","data":{"api_key":"k","access_token":"S3CRET"}"#;
    assert!(!format!("{:?}", session(200, body, Ts::ZERO)).contains("S3CRET"));
}

fn json() -> impl Strategy<Value = String> {
    let word =
        "\"(2026-11-20T09:15:00[+]0530|x|success|[a-z]{0,3})\"|-?[0-9]{1,12}([.][0-9]{1,5})?|null|true|\\[\\]|\\{\\}";
    word.prop_recursive(5, 40, 8, |inner| {
        let keys = "status|data|candles|ohlc|depth|buy|price|quantity|orders|instrument_token|last_price|open|order_id";
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..9).prop_map(|values| format!("[{}]", values.join(","))),
            proptest::collection::vec((keys, inner), 0..5).prop_map(|pairs| {
                let pairs: Vec<String> = pairs.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
                format!("{{{}}}", pairs.join(","))
            }),
        ]
    })
}

proptest! {
    #[test]
    fn no_answer_makes_a_reader_panic(
        status in 0_u16..700, bytes in proptest::collection::vec(any::<u8>(), 0..60), json in json()
    ) {
        for body in [bytes, json.clone().into_bytes(), success(&json), success(&format!("[{json}]")),
            success(&format!("{{\"candles\":[{json}]}}"))]
        {
            for status in [status, 200] {
                let _ = candles(status, &body);
                let _ = (quotes(status, &body), orders(status, &body), trades(status, &body));
                let _ = (profile(status, &body), session(status, &body, Ts::ZERO));
            }
        }
    }
}
