//! The broker of a configuration against the simulator's server: token, list of instruments, websocket address.
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test says what it expects")]

#[path = "../src/sim/tests/partner/mod.rs"]
mod partner;

use std::path::Path;

use barkeep::orchestrator::broker::{Broker, BrokerError};
use barkeep::orchestrator::config::Config;
use barkeep_schemas::Ts;
use barkeep_sim::broker::BrokerPlan;
use barkeep_sim::server::Pace;
use barkeep_zerodha::token::AccessToken;
use secrecy::ExposeSecret as _;
use tempfile::tempdir;

use partner::{clock, date, log_in, plan, serve};

fn broker(rest: &str, ws: &str, folder: &Path) -> Result<Broker, BrokerError> {
    let config = Config::from_toml(&format!("[kite]\nrest = \"{rest}\"\nws = \"{ws}\"\n"), "f.toml").expect("a file");
    Broker::new(&config.kite, folder)
}

fn token(secret: &str) -> AccessToken {
    let login = clock(date(), 8, 30, 0);
    AccessToken { api_key: BrokerPlan::drawn(11).api_key, access_token: secret.into(), user_id: None, login }
}

#[tokio::test]
async fn a_token_a_list_and_whether_the_token_holds() {
    let day = (clock(date(), 9, 20, 0), clock(date(), 9, 34, 0));
    let serving = serve(plan(Pace::Free { speed: 1.0 }, &[day], &[]));
    let address = serving.address;
    let folder = tempdir().expect("a folder");
    let broker = broker(&format!("http://{address}"), &format!("ws://{address}"), folder.path()).expect("a broker");

    assert!(broker.read_token().expect("no file").is_none());
    let secret = tokio::task::spawn_blocking(move || log_in(address, |_| {})).await.expect("a login");
    broker.write_token(&token(&secret)).expect("a file");
    let kept = broker.read_token().expect("a file").expect("a token");
    assert!(kept == token(&secret) && kept != token("another"));
    assert_eq!(broker.token_file(), folder.path().join("kite_token.json"));
    assert_eq!(broker.token_holds(&kept).await, Some(true));
    assert_eq!(broker.token_holds(&token("another")).await, Some(false));
    let url = broker.websocket(&token("a/b c"));
    let key = kept.api_key.clone();
    assert_eq!(url.expose_secret(), format!("ws://{address}/?api_key={key}&access_token=a%2Fb+c"));

    assert!(broker.newest_cached(date()).is_none());
    let listing = broker.instruments(date(), None).await.expect("a list without a login");
    assert_eq!(listing.get("INFY").map(|listed| listed.token), Some(408_065));
    let (of, cached) = broker.newest_cached(date().plus_days(3)).expect("it was kept");
    assert!(of == date() && cached == listing);
    assert!(broker.newest_cached(date().plus_days(-1)).is_none());
    assert!(folder.path().join(format!("instruments/{}.csv.gz", date())).exists());
}

#[tokio::test]
async fn a_kept_list_needs_no_broker_and_without_either_it_is_told() {
    let day = (clock(date(), 9, 20, 0), clock(date(), 9, 34, 0));
    let serving = serve(plan(Pace::Free { speed: 1.0 }, &[day], &[]));
    let folder = tempdir().expect("a folder");
    let there = broker(&format!("http://{}", serving.address), "ws://127.0.0.1", folder.path()).expect("a broker");
    let listing = there.instruments(date(), Some(&token("any"))).await.expect("a list");
    let gone = broker("http://127.0.0.1:1", "ws://127.0.0.1:1", folder.path()).expect("a broker");
    assert_eq!(gone.instruments(date(), None).await, Ok(listing));
    let why = gone.instruments(date().plus_days(1), None).await.expect_err("nobody is there");
    assert!(why.starts_with("GET /instruments: no answer after 5 attempts"), "{why}");
    assert_eq!(gone.token_holds(&token("any")).await, None);
}

#[test]
fn credentials_and_addresses_come_from_the_configuration() {
    let folder = tempdir().expect("a folder");
    let here = broker("http://h", "ws://h", folder.path()).expect("a broker");
    let variable = |name: &str| Some(format!("of {name}"));
    let credentials = here.credentials(variable).expect("both");
    assert_eq!(credentials.api_key, "of KITE_API_KEY");
    assert_eq!(credentials.api_secret.expose_secret(), "of KITE_API_SECRET");
    assert!(here.credentials(|_| None).is_err());
    assert_eq!(here.login_url("k"), "https://kite.zerodha.com/connect/login?v=3&api_key=k");
    assert!(token("s").valid_until() > Ts::ZERO);
}
