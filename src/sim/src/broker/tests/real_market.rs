//! The broker on the simulated market itself: twenty minutes of it, a second at a time.

use barkeep_schemas::{CalendarKind, ClassDay, DayCalendar, InstrumentClass, NANOS, Phase, PhaseSpan, SessionDate, Ts};
use serde_json::Value;

use super::super::{Broker, BrokerPlan, Exchange, Method, Request};
use super::order;
use crate::kite::orders::session_checksum;
use crate::kite::stamp::ist;
use crate::market::{DayHours, Market, MarketPlan};

fn date() -> SessionDate {
    SessionDate::from_ymd(2026, 11, 20).unwrap()
}

fn clock(minute: i64) -> Ts {
    ist(date(), minute * 60)
}

/// Pre-open 09:10 to 09:15, continuous to 09:35.
fn market() -> Market {
    let phases = [(Phase::PreOpen, 550, 555), (Phase::Continuous, 555, 575)];
    let phases = phases.map(|(phase, start, end)| PhaseSpan { phase, start: clock(start), end: clock(end) }).to_vec();
    let class = |class| ClassDay { class, phases: phases.clone() };
    let calendar = DayCalendar {
        kind: CalendarKind::Nse,
        zone: "Asia/Kolkata".into(),
        name: "regular".into(),
        day_start: clock(0),
        day_end: clock(24 * 60),
        tradable: true,
        classes: vec![class(InstrumentClass::Derivatives), class(InstrumentClass::Cash)],
    };
    let days = vec![DayHours { date: date(), calendar }];
    Market::new(MarketPlan { seed: 7, instruments: 20, days, first: date(), busy: false }).unwrap()
}

struct Day {
    broker: Broker,
    market: Market,
    authorization: Option<String>,
    log: Vec<String>,
}

impl Day {
    fn open() -> Self {
        let plan = BrokerPlan { limits: None, ..BrokerPlan::drawn(7) };
        let (broker, market) = (Broker::new(plan.clone()), market());
        let mut day = Self { broker, market, authorization: None, log: Vec::new() };
        let checksum = session_checksum(&plan.api_key, &plan.request_token, &plan.api_secret);
        let form = [("api_key", &*plan.api_key), ("request_token", &plan.request_token), ("checksum", &checksum)];
        day.go(clock(550));
        let session = day.call(Method::Post, "/session/token", &form);
        let token = session["data"]["access_token"].as_str().unwrap().to_owned();
        day.authorization = Some(format!("token {}:{token}", plan.api_key));
        day
    }

    fn go(&mut self, to: Ts) {
        self.market.advance(to);
        let updates = self.broker.advance(&self.market, to);
        self.log.extend(updates.iter().map(super::OrderUpdate::text));
    }

    fn call(&mut self, method: Method, path: &str, pairs: &[(&str, &str)]) -> Value {
        let mut request = Request::new(method, path);
        let pairs: Vec<_> = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        (request.query, request.form) = (pairs.clone(), pairs);
        request.authorization.clone_from(&self.authorization);
        let answer = self.broker.handle(&request, &self.market, self.market.now()).render();
        self.log.push(String::from_utf8(answer.body).unwrap());
        serde_json::from_str(self.log.last().unwrap()).unwrap()
    }

    /// Buys at the market, and offers one step above the last price, every half minute of the day.
    fn trade(mut self) -> Self {
        for second in 0..25 * 60 + 60 {
            self.go(Ts::new(clock(550).get() + second * NANOS));
            if second > 310 && second % 30 == 0 {
                let listing = self.market.listing(second as usize % 20, date());
                let last = self.market.quote(second as usize % 20).last_price;
                let limit = barkeep_schemas::Price::new(last.get() + listing.tick_size.get()).to_string();
                let symbol = ("tradingsymbol", listing.symbol.as_str());
                let buy = [symbol, ("order_type", "MARKET"), ("market_protection", "-1"), ("quantity", "15")];
                self.call(Method::Post, "/orders/regular", &order(&buy));
                let sell = [symbol, ("transaction_type", "SELL"), ("price", &limit), ("quantity", "15")];
                self.call(Method::Post, "/orders/regular", &order(&sell));
            }
        }
        self
    }
}

#[test]
fn a_day_of_orders_ends_with_none_open_and_fills_within_the_days_range() {
    let mut day = Day::open().trade();
    let orders = day.call(Method::Get, "/orders", &[]);
    let orders = orders["data"].as_array().unwrap();
    let count = |status: &str| orders.iter().filter(|row| row["status"] == status).count();
    assert_eq!(count("COMPLETE") + count("CANCELLED") + count("REJECTED"), orders.len());
    assert!(count("COMPLETE") > orders.len() / 2, "{} of {}", count("COMPLETE"), orders.len());
    let trades = day.call(Method::Get, "/trades", &[]);
    for trade in trades["data"].as_array().unwrap() {
        let token = trade["instrument_token"].as_u64().unwrap() as u32;
        let listing = day.market.listing(day.market.by_token(token).unwrap(), date());
        let raw = (trade["average_price"].as_f64().unwrap() * 10_000.0).round() as i64;
        assert!((listing.lower_circuit.get()..=listing.upper_circuit.get()).contains(&raw), "{trade}");
        assert_eq!(raw % listing.tick_size.get(), 0, "{trade}");
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes_all_day() {
    assert_eq!(Day::open().trade().log, Day::open().trade().log);
}

#[test]
fn candles_and_the_dump_come_from_the_market() {
    let mut day = Day::open();
    day.go(clock(560));
    let query = [("from", "2026-11-20 09:15:00"), ("to", "2026-11-20 09:18:00")];
    let body = day.call(Method::Get, "/instruments/historical/408065/minute", &query);
    let candles = body["data"]["candles"].as_array().unwrap();
    assert_eq!(candles.len(), 4);
    assert_eq!(candles[0][0], "2026-11-20T09:15:00+0530");
    let quote = day.call(Method::Get, "/quote", &[("i", "NSE:INFY")]);
    assert_eq!(quote["data"]["NSE:INFY"]["instrument_token"], 408_065);
    let market: &dyn Exchange = &day.market;
    assert_eq!(market.count(), 22);
    assert_eq!(market.date(), date());
}
