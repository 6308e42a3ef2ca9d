//! Whatever a request is made of, there is an answer; whatever happens, the sums hold.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;

use super::super::{Broker, BrokerPlan, Method, Request};
use super::{Bench, order};

fn method() -> impl Strategy<Value = Method> {
    prop_oneof![Just(Method::Get), Just(Method::Post), Just(Method::Put), Just(Method::Delete), Just(Method::Other)]
}

fn path() -> impl Strategy<Value = String> {
    let known = prop_oneof![
        Just("/orders/regular".to_owned()),
        Just("/orders/amo/1".to_owned()),
        Just("/instruments/historical/408065/minute".to_owned()),
        Just("/quote".to_owned()),
        Just("/session/token".to_owned()),
        Just("/connect/login".to_owned()),
        Just("/user/margins/equity".to_owned()),
    ];
    prop_oneof![known, ".*", "(/[a-z0-9]{0,9}){0,5}"]
}

fn name() -> impl Strategy<Value = String> {
    let names = "exchange tradingsymbol transaction_type quantity product order_type price trigger_price validity \
                 validity_ttl disclosed_quantity market_protection tag from to oi continuous i api_key checksum";
    let names: Vec<String> = names.split_whitespace().map(str::to_owned).collect();
    prop_oneof![proptest::sample::select(names), ".*"]
}

fn text() -> impl Strategy<Value = String> {
    let words = "NSE INFY BUY SELL MIS CNC LIMIT MARKET SL SL-M IOC TTL 1 -1 100 100.05 999999999999 2026-11-20 1e9";
    let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
    prop_oneof![proptest::sample::select(words), ".*", "-?[0-9]{0,14}(\\.[0-9]{0,8})?"]
}

fn pairs() -> impl Strategy<Value = Vec<(String, String)>> {
    vec((name(), text()), 0..14)
}

proptest! {
    #[test]
    fn any_request_gets_an_answer(
        requests in vec((method(), path(), pairs(), pairs(), any::<bool>()), 1..8),
    ) {
        let mut bench = Bench::new();
        for (method, path, query, form, logged_in) in requests {
            let authorization = logged_in.then(|| bench.authorization.clone());
            let request = Request { method, path, query, form, authorization, body: Vec::new() };
            let answer = bench.broker.handle(&request, &bench.market, bench.now).render();
            prop_assert!([200, 302, 400, 403, 404, 405, 500].contains(&answer.status));
            if answer.content_type == "application/json" && answer.status != 302 {
                let body: Value = serde_json::from_slice(&answer.body).unwrap();
                prop_assert_eq!(&body["status"], if answer.status == 200 { "success" } else { "error" });
            }
            bench.pass_ms(40);
        }
    }

    #[test]
    fn quantities_add_up_and_positions_are_the_trades(
        steps in vec((0..4_u8, 9_900..10_100_i64, 1..400_i64, any::<bool>(), any::<prop::sample::Index>()), 1..40),
    ) {
        let mut bench = Bench::new();
        let mut ids: Vec<String> = Vec::new();
        for (kind, paise, qty, buy, which) in steps {
            let (side, qty) = (if buy { "BUY" } else { "SELL" }, qty.to_string());
            let price = format!("{}", (paise / 5 * 5) as f64 / 100.0);
            match kind {
                0 => ids.push(bench.place(&[("transaction_type", side), ("quantity", &qty), ("price", &price)])),
                1 => bench.pass_with_prints(&[(paise / 5 * 5, qty.parse().unwrap())]),
                _ if ids.is_empty() => {}
                2 => {
                    let path = format!("/orders/regular/{}", ids[which.index(ids.len())]);
                    bench.call(Method::Put, &path, &[("quantity", &qty), ("price", &price)]);
                }
                _ => {
                    let path = format!("/orders/regular/{}", ids[which.index(ids.len())]);
                    bench.call(Method::Delete, &path, &[]);
                }
            }
            bench.pass_ms(15);
        }
        let orders = bench.get("/orders");
        let number = |row: &Value, name: &str| row[name].as_i64().unwrap();
        for row in orders.as_array().unwrap() {
            prop_assert!(number(row, "filled_quantity") + number(row, "cancelled_quantity") <= number(row, "quantity"));
            let traded = bench.get(&format!("/orders/{}/trades", row["order_id"].as_str().unwrap()));
            let sum: i64 = traded.as_array().unwrap().iter().map(|trade| number(trade, "quantity")).sum();
            prop_assert_eq!(sum, number(row, "filled_quantity"));
        }
        let trades = bench.get("/trades");
        let signed = |trade: &Value| {
            if trade["transaction_type"] == "BUY" { number(trade, "quantity") } else { -number(trade, "quantity") }
        };
        let net: i64 = trades.as_array().unwrap().iter().map(signed).sum();
        let positions = bench.get("/portfolio/positions");
        let position = positions["net"].as_array().unwrap().first().map_or(0, |row| number(row, "quantity"));
        prop_assert_eq!(position, net);
    }

    #[test]
    fn the_same_calls_give_the_same_answers(count in 1..20_usize) {
        let run = || {
            let mut bench = Bench::new();
            for _ in 0..count {
                bench.place(&[("price", "100.05"), ("quantity", "7")]);
                bench.pass_ms(17);
            }
            (bench.render(Method::Get, "/orders", &[]), bench.updates)
        };
        prop_assert_eq!(run(), run());
    }
}

#[test]
fn an_account_is_made_of_any_plan() {
    let mut broker = Broker::new(BrokerPlan { mis_leverage: 0, api_key: String::new(), ..BrokerPlan::drawn(0) });
    let bench = Bench::new();
    let mut request = Request::new(Method::Post, "/orders/regular");
    request.form = order(&[]).into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    assert_eq!(broker.handle(&request, &bench.market, bench.now).render().status, 403);
}
