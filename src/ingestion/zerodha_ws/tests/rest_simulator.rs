//! The client of REST against the simulator's server, over loopback.
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test says what it expects")]

#[path = "../../../sim/tests/partner/mod.rs"]
mod partner;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use barkeep_schemas::{Price, Qty, Ts};
use barkeep_sim::broker::{BrokerPlan, RateLimits};
use barkeep_sim::kite::instruments::instruments_csv;
use barkeep_sim::market::Market;
use barkeep_sim::server::{Pace, ServerPlan};
use barkeep_zerodha::instruments::Listing;
use barkeep_zerodha::rest::{Account, Client, ClientPlan, ErrorType, Interval, RestError};
use barkeep_zerodha::token::{AccessToken, Credentials, request_token};

use partner::{clock, date, finish, log_in, plan, send, serve};

/// A server whose day goes on from 09:20.
fn planned(faults: &[&str]) -> ServerPlan {
    plan(Pace::Free { speed: 1.0 }, &[(clock(date(), 9, 20, 0), clock(date(), 9, 34, 0))], faults)
}

async fn client(address: SocketAddr) -> Client {
    let plan = ClientPlan { timeout: Duration::from_secs(2), ..ClientPlan::new(format!("http://{address}")) };
    Client::new(plan).await.expect("a client")
}

fn credentials() -> Credentials {
    let BrokerPlan { api_key, api_secret, .. } = BrokerPlan::drawn(11);
    Credentials { api_key, api_secret: api_secret.into() }
}

fn token(secret: &str) -> AccessToken {
    AccessToken { api_key: BrokerPlan::drawn(11).api_key, access_token: secret.into(), user_id: None, login: Ts::ZERO }
}

/// A client that is logged in, by a login of its own.
async fn account(address: SocketAddr, client: &Client) -> Account {
    let secret = tokio::task::spawn_blocking(move || log_in(address, |_| {})).await.expect("a login");
    client.account(&token(&secret)).expect("a token that fits in a header")
}

#[tokio::test]
async fn a_login_in_the_browser_becomes_a_token_that_holds() {
    let serving = serve(planned(&[]));
    let client = client(serving.address).await;
    let address = serving.address;
    let page = format!("/connect/login?v=3&api_key={}", credentials().api_key);
    let redirect =
        tokio::task::spawn_blocking(move || finish(send(address, "GET", &page, "", ""))).await.expect("a page");
    let redirect = String::from_utf8(redirect).expect("text");
    let location = redirect.lines().find_map(|line| line.strip_prefix("location: ")).expect("a redirect");
    let brought = request_token(location).expect("a request token");
    let wrong = Credentials { api_secret: "wrong".into(), ..credentials() };
    let refused = client.session(&wrong, &brought).await.expect_err("a wrong secret");
    assert!(refused.is_token_refused(), "{refused}");
    let token = client.session(&credentials(), &brought).await.expect("a session");
    assert!(token.login >= clock(date(), 9, 20, 0), "the day's, not the host's");
    assert_eq!(token.valid_until(), clock(date().plus_days(1), 6, 0, 0));
    let profile = client.account(&token).expect("a header").profile().await.expect("a profile");
    assert_eq!((Some(profile.user_id), profile.exchanges), (token.user_id, vec!["NSE".to_owned()]));
    let again = client.session(&credentials(), &brought).await.expect_err("a request token that was used");
    assert!(again.is_token_refused(), "{again}");
}

#[tokio::test]
async fn a_token_that_does_not_hold_is_told_as_such_and_never_shown() {
    let serving = serve(planned(&[]));
    let client = client(serving.address).await;
    let account = client.account(&token("S3CRETS3CRET")).expect("a header");
    let day = (clock(date(), 9, 15, 0), clock(date(), 9, 20, 0));
    for refused in [
        account.profile().await.expect_err("no login"),
        account.orders().await.expect_err("no login"),
        account.trades().await.expect_err("no login"),
        account.quote(&["NSE:INFY"]).await.expect_err("no login"),
        account.historical(408_065, Interval::Minute, day.0, day.1, false).await.expect_err("no login"),
    ] {
        assert!(refused.is_token_refused(), "{refused}");
        assert!(!format!("{refused} {refused:?}").contains("S3CRET"));
    }
    assert!(client.account(&token("no\nheader")).is_err());
}

#[tokio::test]
async fn the_list_of_instruments_comes_with_and_without_a_login() {
    let planned = planned(&[]);
    let market = Market::new(planned.world.market.clone()).expect("a market");
    let listings: Vec<_> = (0..market.count()).map(|number| market.listing(number, date())).collect();
    let serving = serve(planned);
    let client = client(serving.address).await;
    let csv = client.instruments(None, None).await.expect("a list");
    assert_eq!(csv, instruments_csv(listings.iter()).into_bytes(), "unpacked");
    let listing = Listing::read(&csv).expect("a list that holds");
    assert_eq!(listing.get("INFY").map(|listed| listed.token), Some(408_065));
    assert_eq!(client.instruments(Some("NSE"), Some(&token("any"))).await.expect("a list"), csv);
    let refused = client.instruments(Some("MOON"), None).await.expect_err("no such exchange");
    assert_eq!(refused.api().map(|error| (error.status, error.error_type)), Some((400, ErrorType::Input)));
}

#[tokio::test]
async fn candles_and_quotes_are_the_markets() {
    let serving = serve(planned(&[]));
    let client = client(serving.address).await;
    let account = account(serving.address, &client).await;
    let (from, to) = (clock(date(), 9, 15, 0), clock(date(), 9, 19, 0));
    let minutes = account.historical(408_065, Interval::Minute, from, to, true).await.expect("candles");
    let starts: Vec<Ts> = minutes.candles.iter().map(|candle| candle.start).collect();
    assert_eq!(starts, (15..20).map(|minute| clock(date(), 9, minute, 0)).collect::<Vec<_>>(), "both ends");
    assert!(minutes.refused.is_empty());
    assert!(minutes.candles.iter().all(|candle| candle.open_interest == Some(Qty::ZERO)));
    let again = account.historical(408_065, Interval::Minute, from, to, true).await.expect("candles");
    assert_eq!(again.hash, minutes.hash);
    let plain = account.historical(408_065, Interval::Minute, from, to, false).await.expect("candles");
    assert!(plain.hash != minutes.hash && plain.candles[0].open_interest.is_none());
    let day = account.historical(408_065, Interval::Day, clock(date(), 0, 0, 0), to, false).await.expect("a day");
    assert_eq!(day.candles.len(), 1);
    let long = account.historical(408_065, Interval::Minute, from, clock(date().plus_days(61), 9, 16, 0), false).await;
    let long = long.expect_err("61 days");
    assert_eq!(long.api().map(|error| error.error_type), Some(ErrorType::Input));
    assert!(
        long.to_string().starts_with("GET /instruments/historical/408065/minute: the broker answered 400"),
        "{long}"
    );
    let quotes = account.quote(&["NSE:INFY", "NSE:NIFTY 50", "NSE:M&M", "NSE:NOPE"]).await.expect("quotes");
    let names: Vec<&str> = quotes.iter().map(|quote| quote.name.as_str()).collect();
    assert_eq!(names, ["NSE:INFY", "NSE:M&M", "NSE:NIFTY 50"]);
    let infy = &quotes[0];
    assert!(infy.token == 408_065 && infy.last_price > Price::ZERO && !infy.depth.bids.is_empty(), "{infy:?}");
    assert!(infy.timestamp >= Some(clock(date(), 9, 20, 0)));
}

#[tokio::test]
async fn orders_and_trades_are_read_as_they_are_placed_elsewhere() {
    let serving = serve(planned(&[]));
    let client = client(serving.address).await;
    let address = serving.address;
    let secret = tokio::task::spawn_blocking(move || log_in(address, |_| {})).await.expect("a login");
    let account = client.account(&token(&secret)).expect("a header");
    assert_eq!((account.orders().await.expect("orders").len(), account.trades().await.expect("trades").len()), (0, 0));
    let form = "exchange=NSE&tradingsymbol=INFY&transaction_type=BUY&quantity=7&product=MIS&order_type=MARKET&\
                validity=DAY&market_protection=-1&tag=here";
    let placed = tokio::task::spawn_blocking(move || finish(send(address, "POST", "/orders/regular", &secret, form)));
    assert!(String::from_utf8_lossy(&placed.await.expect("an answer")).contains("order_id"));
    let trades = loop {
        let trades = account.trades().await.expect("trades");
        if !trades.is_empty() {
            break trades;
        }
    };
    let orders = account.orders().await.expect("orders");
    assert_eq!((orders.len(), orders[0].tag.as_deref(), orders[0].instrument_token), (1, Some("here"), Some(408_065)));
    assert_eq!((&trades[0].order_id, trades[0].tradingsymbol.as_str()), (&orders[0].order_id, "INFY"));
    assert!(trades[0].price > Price::ZERO && trades[0].fill_time >= Some(clock(date(), 9, 20, 0)));
}

#[tokio::test]
async fn the_pace_keeps_within_the_limits() {
    let mut planned = planned(&[]);
    planned.world.broker.limits = Some(RateLimits::default());
    let serving = serve(planned);
    // One attempt: a request too many would be told.
    let plan = ClientPlan { attempts: 1, ..ClientPlan::new(format!("http://{}", serving.address)) };
    let client = Client::new(plan).await.expect("a client");
    let account = account(serving.address, &client).await;
    let start = Instant::now();
    let (from, to) = (clock(date(), 9, 15, 0), clock(date(), 9, 16, 0));
    for _ in 0..7 {
        account.historical(408_065, Interval::Minute, from, to, false).await.expect("within the limits");
    }
    assert!(start.elapsed() >= Duration::from_secs(2), "six waits of more than a third of a second");
    let other = Client::new(ClientPlan { attempts: 1, ..ClientPlan::new(format!("http://{}", serving.address)) });
    let other = other.await.expect("a client");
    // Two clients of one key do not know of each other: the broker refuses, and a client that may ask again gets through.
    let mut refused = 0;
    let names = ["NSE:INFY"];
    let second = token_of(serving.address).await;
    let (one, two) = (client.account(&second).expect("a header"), other.account(&second).expect("a header"));
    for _ in 0..2 {
        for result in [one.quote(&names).await, two.quote(&names).await] {
            if let Err(error) = result {
                assert_eq!(error.api().map(|error| error.status), Some(429), "{error}");
                refused += 1;
            }
        }
    }
    assert!(refused > 0);
    let patient = self::client(serving.address).await.account(&second).expect("a header");
    patient.quote(&names).await.expect("after a wait");
}

async fn token_of(address: SocketAddr) -> AccessToken {
    token(&tokio::task::spawn_blocking(move || log_in(address, |_| {})).await.expect("a login"))
}

#[tokio::test]
async fn what_passes_is_asked_again_and_what_does_not_is_told_at_once() {
    let faults = [
        "rest-error at=09:20:02 for=2s status=503 path=/user",
        "rest-error at=09:20:00 for=10m status=502 path=/orders",
    ];
    let serving = serve(planned(&faults));
    let client = client(serving.address).await;
    let account = account(serving.address, &client).await;
    let mut longest = Duration::ZERO;
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(6) {
        let start = Instant::now();
        account.profile().await.expect("a profile, at the latest when the fault is over");
        longest = longest.max(start.elapsed());
    }
    assert!(longest > Duration::from_millis(200), "it was asked again: {longest:?}");
    let start = Instant::now();
    let refused = account.orders().await.expect_err("the fault lasts");
    assert_eq!(refused.api().map(|error| error.status), Some(502), "{refused}");
    assert!(start.elapsed() > Duration::from_millis(3_750), "four waits");
}

#[tokio::test]
async fn an_answer_that_does_not_end_or_is_too_long_is_given_up() {
    let serving = serve(planned(&["endless at=09:20:00 for=10m path=/user"]));
    let root = format!("http://{}", serving.address);
    let plan = ClientPlan { attempts: 2, timeout: Duration::from_millis(300), ..ClientPlan::new(root) };
    let client = Client::new(plan).await.expect("a client");
    let account = account(serving.address, &client).await;
    let error = account.profile().await.expect_err("it does not end");
    let RestError::Network { request, attempts, why } = &error else { panic!("{error}") };
    assert_eq!((request.as_str(), *attempts), ("GET /user/profile", 2));
    assert!(why.contains("timed out") || why.contains("body"), "{why}");
    let plan = ClientPlan { answer_bytes_max: 200, ..ClientPlan::new(format!("http://{}", serving.address)) };
    let small = Client::new(plan).await.expect("a client").account(&token_of(serving.address).await).expect("a header");
    assert_eq!(
        small.quote(&["NSE:INFY"]).await.expect_err("more than 200 bytes").to_string(),
        "GET /quote: the answer is longer than 200 bytes"
    );
}

#[tokio::test]
async fn a_host_that_is_not_there_is_told_after_the_attempts() {
    let plan = ClientPlan { attempts: 2, ..ClientPlan::new("http://127.0.0.1:1".to_owned()) };
    let client = Client::new(plan).await.expect("a client");
    let error = client.session(&credentials(), &"S3CRETS3CRET".into()).await.expect_err("nobody is there");
    let RestError::Network { attempts: 1, .. } = &error else { panic!("a login is tried once: {error}") };
    let error = client.instruments(None, None).await.expect_err("nobody is there");
    assert!(error.to_string().starts_with("GET /instruments: no answer after 2 attempts: "), "{error}");
    assert!(!error.to_string().contains("127.0.0.1:1/"), "{error}");
}
