//! Logins, tokens, paths and rates.

use serde_json::json;

use super::super::{BrokerPlan, Method};
use super::{Bench, at};
use crate::kite::orders::session_checksum;
use crate::kite::stamp::{DayEnd, parse};

#[test]
fn a_request_token_opens_one_session_and_no_second() {
    let mut bench = Bench::new();
    let plan = bench.broker.plan().clone();
    let checksum = session_checksum(&plan.api_key, &plan.request_token, &plan.api_secret);
    let form = [("api_key", plan.api_key.as_str()), ("request_token", &plan.request_token), ("checksum", &checksum)];
    let (status, body) = bench.call(Method::Post, "/session/token", &form);
    assert_eq!((status, &body["error_type"]), (403, &json!("TokenException")));
    assert_eq!(bench.get("/user/profile")["user_id"], "AB1234");
}

#[test]
fn a_wrong_checksum_is_refused_and_leaves_the_request_token_good() {
    let mut bench = Bench::new();
    let fresh = bench.broker.issue_request_token();
    let api_key = bench.broker.plan().api_key.clone();
    let form = [("api_key", api_key.as_str()), ("request_token", &fresh), ("checksum", "00")];
    let (status, body) = bench.call(Method::Post, "/session/token", &form);
    assert_eq!((status, &body["message"]), (403, &json!("Invalid `checksum`.")));
    bench.login(&fresh);
    bench.get("/user/profile");
}

#[test]
fn a_token_dies_at_six_and_a_login_in_the_browser_brings_a_new_one() {
    let mut bench = Bench::new();
    bench.now = parse("2026-11-21 05:59:59", DayEnd::First).unwrap();
    bench.get("/user/profile");
    bench.now = parse("2026-11-21 06:00:00", DayEnd::First).unwrap();
    let (status, body) = bench.call(Method::Get, "/user/profile", &[]);
    assert_eq!((status, &body["error_type"]), (403, &json!("TokenException")));
    let api_key = bench.broker.plan().api_key.clone();
    let query = [("v", "3"), ("api_key", api_key.as_str()), ("redirect_params", "some=X&more=Y\r\nSet-Cookie: a")];
    let answer = bench.render(Method::Get, "/connect/login", &query);
    assert_eq!(answer.status, 302);
    let location = answer.location.unwrap();
    let token = location.split_once("request_token=").unwrap().1.split('&').next().unwrap().to_owned();
    assert_eq!(
        location,
        format!("http://127.0.0.1/?request_token={token}&action=login&status=success&some=X&more=YSet-Cookie:a")
    );
    bench.login(&token);
    bench.get("/user/profile");
}

#[test]
fn a_killed_token_is_dead_at_once_for_rest_and_feed() {
    let mut bench = Bench::new();
    let (api_key, access_token) = bench.authorization["token ".len()..].split_once(':').unwrap();
    let (api_key, access_token) = (api_key.to_owned(), access_token.to_owned());
    assert!(bench.broker.token_valid(&api_key, &access_token, bench.now));
    assert!(!bench.broker.token_valid("another", &access_token, bench.now));
    bench.broker.kill_token();
    assert!(!bench.broker.token_valid(&api_key, &access_token, bench.now));
    assert_eq!(bench.call(Method::Get, "/orders", &[]).0, 403);
}

#[test]
fn a_client_may_end_its_own_session() {
    let mut bench = Bench::new();
    let (api_key, access_token) = bench.authorization["token ".len()..].split_once(':').unwrap();
    let (api_key, access_token) = (api_key.to_owned(), access_token.to_owned());
    let wrong = [("api_key", api_key.as_str()), ("access_token", "x")];
    assert_eq!(bench.call(Method::Delete, "/session/token", &wrong).0, 403);
    let right = [("api_key", api_key.as_str()), ("access_token", &access_token)];
    assert_eq!(bench.call(Method::Delete, "/session/token", &right).1["data"], true);
    assert_eq!(bench.call(Method::Get, "/orders", &[]).0, 403);
}

#[test]
fn headers_that_are_not_the_sessions_are_refused() {
    for header in ["", "token", "token a:b", "Bearer x"] {
        let mut bench = Bench::new();
        bench.authorization = header.to_owned();
        assert_eq!(bench.call(Method::Get, "/user/margins", &[]).0, 403, "{header}");
    }
}

#[test]
fn unknown_paths_and_methods_get_an_envelope() {
    let mut bench = Bench::new();
    let (status, body) = bench.call(Method::Get, "/no/such/path", &[]);
    assert_eq!((status, &body["error_type"]), (404, &json!("GeneralException")));
    assert_eq!(bench.call(Method::Put, "/quote", &[]).0, 405);
    assert_eq!(bench.call(Method::Other, "/quote", &[]).0, 405);
    assert_eq!(bench.call(Method::Get, "", &[]).0, 404);
}

#[test]
fn tokens_come_from_the_seed() {
    assert_eq!(BrokerPlan::drawn(1), BrokerPlan::drawn(1));
    assert_ne!(BrokerPlan::drawn(1).api_key, BrokerPlan::drawn(2).api_key);
    let tokens = |_: i32| Bench::new().authorization;
    assert_eq!(tokens(1), tokens(2));
}

#[test]
fn more_requests_than_a_limit_get_429_with_kites_envelope() {
    let mut bench = Bench::with(BrokerPlan::drawn(7));
    bench.now = at("10:00:05");
    let ask = |bench: &mut Bench| bench.call(Method::Get, "/quote/ltp", &[("i", "NSE:INFY")]);
    assert_eq!(ask(&mut bench).0, 200);
    let (status, body) = ask(&mut bench);
    assert_eq!(status, 429);
    assert_eq!(
        body,
        json!({
            "status": "error", "message": "Too many requests", "data": null, "error_type": "NetworkException"
        })
    );
    bench.now = at("10:00:06");
    assert_eq!(ask(&mut bench).0, 200);
}
