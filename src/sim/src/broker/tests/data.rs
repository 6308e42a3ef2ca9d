//! Quotes, candles, the dump, and the account's statements.

use std::io::Read as _;

use barkeep_schemas::Qty;
use serde_json::json;

use super::super::{Answer, Method, Request};
use super::{Bench, at, rupees};
use crate::kite::stamp::{DayEnd, parse};
use crate::market::Candle;

#[test]
fn quotes_are_asked_by_name_or_token_and_unknown_ones_are_left_out() {
    let mut bench = Bench::new();
    let query = [("i", "NSE:M&M"), ("i", "408065"), ("i", "NSE:NOPE"), ("i", "BSE:INFY"), ("i", "NSE:NIFTY 50")];
    let (_, body) = bench.call(Method::Get, "/quote/ltp", &query);
    let expected = json!({
        "NSE:M&M": {"instrument_token": 519_937, "last_price": 100},
        "408065": {"instrument_token": 408_065, "last_price": 100},
        "NSE:NIFTY 50": {"instrument_token": 256_265, "last_price": 100},
    });
    assert_eq!(body["data"], expected);
    assert_eq!(bench.call(Method::Get, "/quote", &[("i", "NSE:INFY")]).1["data"]["NSE:INFY"]["volume"], 1_000);
    assert_eq!(bench.call(Method::Get, "/quote/ohlc", &[]).0, 400);
}

#[test]
fn five_hundred_quotes_may_be_asked_and_no_more() {
    let mut bench = Bench::new();
    let names: Vec<String> = (0..501).map(|number| format!("NSE:S{number}")).collect();
    let query: Vec<(&str, &str)> = names.iter().map(|name| ("i", name.as_str())).collect();
    assert_eq!(bench.call(Method::Get, "/quote", &query[..500]).0, 200);
    let (status, body) = bench.call(Method::Get, "/quote", &query);
    assert_eq!((status, &body["error_type"]), (400, &json!("InputException")));
    assert_eq!(bench.call(Method::Get, "/quote/ltp", &query).0, 200);
}

fn candle(time: &str) -> Candle {
    let (open, high, low, close) = (rupees(10_000), rupees(10_010), rupees(9_990), rupees(10_005));
    Candle { start: at(time), open, high, low, close, volume: Qty::new(7) }
}

const PATH: &str = "/instruments/historical/408065/minute";

#[test]
fn candles_run_from_and_to_both_inclusive() {
    let mut bench = Bench::new();
    bench.market.candles = ["09:15:00", "09:16:00", "09:17:00", "09:18:00"].map(candle).to_vec();
    let query = [("from", "2026-11-20 09:16:00"), ("to", "2026-11-20 09:17:00"), ("oi", "1"), ("continuous", "0")];
    let body = bench.call(Method::Get, PATH, &query).1;
    let row = |time: &str| json!([format!("2026-11-20T{time}+0530"), 100, 100.1, 99.9, 100.05, 7, 0]);
    assert_eq!(body["data"]["candles"], json!([row("09:16:00"), row("09:17:00")]));
    let day = bench.call(Method::Get, PATH, &[("from", "2026-11-20"), ("to", "2026-11-20")]).1;
    assert_eq!(day["data"]["candles"].as_array().unwrap().len(), 4);
    assert_eq!(day["data"]["candles"][0].as_array().unwrap().len(), 6);
}

#[test]
fn candles_stay_values_until_they_are_rendered() {
    let mut bench = Bench::new();
    bench.market.candles = vec![candle("09:15:00")];
    let mut request = Request::new(Method::Get, PATH);
    request.query = vec![("from".into(), "2026-11-20".into()), ("to".into(), "2026-11-20".into())];
    request.authorization = Some(bench.authorization.clone());
    let Answer::Candles(answer) = bench.broker.handle(&request, &bench.market, bench.now) else { panic!("candles") };
    assert_eq!(answer.candles, [candle("09:15:00")]);
}

#[test]
fn candle_requests_that_cannot_be_say_why() {
    let mut bench = Bench::new();
    let mut message = |path: &str, from: &str, to: &str| {
        let (status, body) = bench.call(Method::Get, path, &[("from", from), ("to", to)]);
        assert_eq!((status, body["error_type"].as_str()), (400, Some("InputException")), "{body}");
        body["message"].as_str().unwrap().to_owned()
    };
    let (from, to) = ("2026-11-19", "2026-11-20");
    assert_eq!(message("/instruments/historical/1/minute", from, to), "invalid token");
    assert_eq!(message("/instruments/historical/x/minute", from, to), "invalid token");
    assert_eq!(message("/instruments/historical/408065/2minute", from, to), "invalid interval");
    assert_eq!(message(PATH, "yesterday", to), "invalid from date");
    assert_eq!(message(PATH, from, ""), "invalid to date");
    assert_eq!(message(PATH, to, from), "from date should be before to date");
    assert_eq!(message(PATH, "2026-09-20 00:00:00", "2026-11-19 00:00:01"), "interval exceeds max limit: 60 days");
}

#[test]
fn every_interval_has_its_own_limit_of_days() {
    let mut bench = Bench::new();
    let limits = [("minute", 60), ("3minute", 100), ("5minute", 100), ("10minute", 100), ("15minute", 200)];
    let limits = limits.into_iter().chain([("30minute", 200), ("60minute", 400), ("day", 2_000)]);
    for (interval, days) in limits {
        let path = format!("/instruments/historical/408065/{interval}");
        let to = parse("2026-11-20", DayEnd::First).unwrap();
        let mut ask = |days: i64| {
            let from = crate::kite::stamp::date_time(barkeep_schemas::Ts::from_secs(to.secs() - days * 86_400));
            bench.call(Method::Get, &path, &[("from", &from), ("to", "2026-11-20")]).0
        };
        assert_eq!((ask(days), ask(days + 1)), (200, 400), "{interval}");
    }
}

#[test]
fn the_dump_is_gzipped_csv_of_the_exchange() {
    let mut bench = Bench::new();
    let answer = bench.render(Method::Get, "/instruments/NSE", &[]);
    assert_eq!((answer.content_type, answer.content_encoding), ("text/csv", Some("gzip")));
    let mut csv = String::new();
    flate2::read::GzDecoder::new(answer.body.as_slice()).read_to_string(&mut csv).unwrap();
    assert_eq!(csv.lines().count(), 4);
    assert!(csv.contains("256265,1001,NIFTY 50,NIFTY 50,0.0,,0.0,0.05,1,EQ,INDICES,NSE\n"));
    assert_eq!(answer, bench.render(Method::Get, "/instruments", &[]));
    let mut stranger = Bench { authorization: String::new(), ..Bench::new() };
    assert_eq!(answer, stranger.render(Method::Get, "/instruments", &[]), "it needs no session");
    let other = bench.render(Method::Get, "/instruments/MCX", &[]);
    assert_eq!(other.status, 200);
    assert_eq!(bench.call(Method::Get, "/instruments/XYZ", &[]).0, 400);
}

#[test]
fn positions_and_margins_follow_the_trades() {
    let mut bench = super::with_cash(10_000);
    let market_order = [("order_type", "MARKET"), ("market_protection", "-1"), ("quantity", "100")];
    bench.place(&market_order);
    bench.pass_ms(100);
    let positions = bench.get("/portfolio/positions");
    let row = &positions["net"][0];
    assert_eq!(
        (&row["quantity"], &row["average_price"], &row["buy_value"]),
        (&json!(100), &json!(100.05), &json!(10_005))
    );
    assert_eq!((&row["pnl"], &row["unrealised"], &row["m2m"]), (&json!(-5), &json!(-5), &json!(-5)));
    assert_eq!(positions["day"], positions["net"]);
    let margins = bench.get("/user/margins");
    assert_eq!(margins["equity"]["net"], json!(10_000 - 2_001));
    assert_eq!(margins["equity"]["utilised"]["exposure"], json!(2_001));
    assert_eq!(bench.get("/user/margins/commodity")["net"], 0);
    assert_eq!(bench.call(Method::Get, "/user/margins/gold", &[]).0, 400);
}

#[test]
fn a_delivery_is_a_holding_the_next_day() {
    let mut bench = Bench::new();
    bench.place(&[("product", "CNC"), ("price", "100.05")]);
    bench.pass_ms(100);
    assert_eq!(bench.get("/portfolio/holdings"), json!([]));
    bench.go(parse("2026-11-21 05:00:00", DayEnd::First).unwrap());
    let holdings = bench.get("/portfolio/holdings");
    assert_eq!((&holdings[0]["t1_quantity"], &holdings[0]["average_price"]), (&json!(10), &json!(100.05)));
    assert_eq!(bench.get("/portfolio/positions"), json!({"net": [], "day": []}));
    assert_eq!(bench.get("/orders"), json!([]));
    assert_eq!(bench.get("/trades"), json!([]));
}
