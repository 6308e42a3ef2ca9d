//! The broker against a typed market of two stocks and an index, of which each test sets books and prints by hand.

mod data;
mod fills;
mod life;
mod properties;
mod real_market;
mod rejections;
mod sessions;

use barkeep_schemas::{InstrumentClass, Level, Money, NANOS, Phase, Price, Qty, SessionDate, Ts};
use serde_json::Value;

use super::{Broker, BrokerPlan, Exchange, Method, OrderUpdate, Rendered, Request};
use crate::kite::orders::session_checksum;
use crate::kite::stamp::{DayEnd, ist_date, parse};
use crate::market::{Candle, Interval, Listing, Print, Quote, Segment};

/// A market whose state is typed. Pre-open 09:00 to 09:08, continuous 09:15 to 15:30 IST, every day.
#[derive(Clone)]
struct Stall {
    now: Ts,
    listings: Vec<Listing>,
    quotes: Vec<Quote>,
    prints: Vec<Vec<Print>>,
    candles: Vec<Candle>,
    halted: bool,
}

const INFY: usize = 0;

fn rupees(paise: i64) -> Price {
    Price::new(paise * 100)
}

fn listing(token: u32, segment: Segment, symbol: &str, close: i64) -> Listing {
    Listing {
        token,
        segment,
        symbol: symbol.to_owned(),
        name: symbol.to_owned(),
        sector: "IT".to_owned(),
        class: InstrumentClass::Cash,
        tick_size: rupees(5),
        previous_close: rupees(close),
        lower_circuit: rupees(close * 9 / 10),
        upper_circuit: rupees(close * 11 / 10),
    }
}

fn levels(rows: &[(i64, i64)]) -> Vec<Level> {
    rows.iter().map(|(paise, qty)| Level { price: rupees(*paise), qty: Qty::new(*qty), orders: 1 }).collect()
}

/// A quote at 100 rupees: bids 99.95 × 100, 99.90 × 200; asks 100.05 × 100, 100.10 × 200.
fn quote(at: Ts) -> Quote {
    Quote {
        last_price: rupees(10_000),
        last_qty: Qty::new(1),
        average_price: rupees(10_000),
        volume: Qty::new(1_000),
        total_buy_qty: Qty::new(300),
        total_sell_qty: Qty::new(300),
        open: rupees(10_000),
        high: rupees(10_000),
        low: rupees(10_000),
        close: rupees(10_000),
        last_trade_time: Some(at),
        exchange_time: at,
        bids: levels(&[(9_995, 100), (9_990, 200)]),
        asks: levels(&[(10_005, 100), (10_010, 200)]),
    }
}

impl Exchange for Stall {
    fn count(&self) -> usize {
        self.listings.len()
    }

    fn date(&self) -> SessionDate {
        ist_date(self.now)
    }

    fn listing(&self, instrument: usize, _: SessionDate) -> Listing {
        self.listings[instrument].clone()
    }

    fn by_token(&self, token: u32) -> Option<usize> {
        self.listings.iter().position(|listing| listing.token == token)
    }

    fn by_symbol(&self, symbol: &str, _: SessionDate) -> Option<usize> {
        self.listings.iter().position(|listing| listing.symbol == symbol)
    }

    fn quote(&self, instrument: usize) -> Quote {
        self.quotes[instrument].clone()
    }

    fn prints(&self, instrument: usize) -> &[Print] {
        &self.prints[instrument]
    }

    fn candles(&self, _: usize, _: Interval, from: Ts, to: Ts) -> Vec<Candle> {
        let within = |candle: &&Candle| from <= candle.start && candle.start <= to;
        self.candles.iter().filter(within).copied().collect()
    }

    fn phase(&self, _: usize, at: Ts) -> Option<Phase> {
        let minute = (at.secs() + 19_800).rem_euclid(86_400) / 60;
        match minute {
            540..548 => Some(Phase::PreOpen),
            555..930 => Some(Phase::Continuous),
            _ => None,
        }
    }

    fn halted(&self, _: usize) -> bool {
        self.halted
    }
}

/// A time of day on Friday 2026-11-20, IST.
fn at(time: &str) -> Ts {
    parse(&format!("2026-11-20 {time}"), DayEnd::First).expect("a time of day")
}

/// A broker and its market at a moment, logged in.
struct Bench {
    broker: Broker,
    market: Stall,
    now: Ts,
    authorization: String,
    updates: Vec<OrderUpdate>,
}

impl Bench {
    /// Logged in at 10:00:00, without rate limits.
    fn new() -> Self {
        Self::with(BrokerPlan { limits: None, ..BrokerPlan::drawn(7) })
    }

    fn with(plan: BrokerPlan) -> Self {
        let now = at("10:00:00");
        let market = Stall {
            now,
            listings: vec![
                listing(408_065, Segment::Nse, "INFY", 10_000),
                listing(519_937, Segment::Nse, "M&M", 10_000),
                listing(256_265, Segment::Indices, "NIFTY 50", 10_000),
            ],
            quotes: vec![quote(now); 3],
            prints: vec![Vec::new(); 3],
            candles: Vec::new(),
            halted: false,
        };
        let (broker, authorization) = (Broker::new(plan), String::new());
        let mut bench = Self { broker, market, now, authorization, updates: Vec::new() };
        let request_token = bench.broker.plan().request_token.clone();
        bench.login(&request_token);
        bench
    }

    fn login(&mut self, request_token: &str) {
        let plan = self.broker.plan().clone();
        let checksum = session_checksum(&plan.api_key, request_token, &plan.api_secret);
        let form = [("api_key", plan.api_key.as_str()), ("request_token", request_token), ("checksum", &checksum)];
        let body = self.call(Method::Post, "/session/token", &form).1;
        let access_token = body["data"]["access_token"].as_str().expect("a session");
        self.authorization = format!("token {}:{access_token}", plan.api_key);
    }

    fn render(&mut self, method: Method, path: &str, params: &[(&str, &str)]) -> Rendered {
        let pairs: Vec<(String, String)> =
            params.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let mut request = Request::new(method, path);
        match method {
            Method::Get | Method::Delete => request.query = pairs,
            Method::Post | Method::Put | Method::Other => request.form = pairs,
        }
        request.authorization = Some(self.authorization.clone());
        self.broker.handle(&request, &self.market, self.now).render()
    }

    fn call(&mut self, method: Method, path: &str, params: &[(&str, &str)]) -> (u16, Value) {
        let rendered = self.render(method, path, params);
        assert_eq!(rendered.content_type, "application/json");
        (rendered.status, serde_json::from_slice(&rendered.body).expect("JSON"))
    }

    fn get(&mut self, path: &str) -> Value {
        let (status, body) = self.call(Method::Get, path, &[]);
        assert_eq!(status, 200, "{body}");
        body["data"].clone()
    }

    /// Places an order of INFY and gives its id; later parameters override the earlier ones.
    fn place(&mut self, params: &[(&str, &str)]) -> String {
        let (status, body) = self.call(Method::Post, "/orders/regular", &order(params));
        assert_eq!(status, 200, "{body}");
        body["data"]["order_id"].as_str().expect("an id").to_owned()
    }

    /// Lets time pass, without a change of the market.
    fn pass_ms(&mut self, ms: i64) {
        self.go(Ts::new(self.now.get() + ms * 1_000_000));
    }

    fn go(&mut self, to: Ts) {
        (self.now, self.market.now) = (to, to);
        let told = self.broker.advance(&self.market, to);
        self.updates.extend(told);
    }

    /// Lets a second pass in which INFY traded.
    fn pass_with_prints(&mut self, prints: &[(i64, i64)]) {
        let ts = Ts::new(self.now.get() + NANOS / 2);
        let print =
            |(paise, qty): &(i64, i64)| Print { ts, price: rupees(*paise), qty: Qty::new(*qty), auction: false };
        self.market.prints[INFY] = prints.iter().map(print).collect();
        self.pass_ms(1_000);
        self.market.prints[INFY].clear();
    }

    /// Shows another book of INFY from now on.
    fn show(&mut self, bids: &[(i64, i64)], asks: &[(i64, i64)]) {
        let quote = &mut self.market.quotes[INFY];
        (quote.bids, quote.asks, quote.exchange_time) = (levels(bids), levels(asks), self.now);
    }

    fn history(&mut self, id: &str) -> Vec<Value> {
        self.get(&format!("/orders/{id}")).as_array().expect("rows").clone()
    }

    fn statuses(&mut self, id: &str) -> Vec<String> {
        self.history(id).iter().map(|row| row["status"].as_str().expect("a status").to_owned()).collect()
    }

    fn last(&mut self, id: &str) -> Value {
        self.history(id).last().expect("a row").clone()
    }

    fn told(&self) -> Vec<&str> {
        self.updates.iter().map(|update| update.order.status).collect()
    }
}

/// The parameters of an order: BUY 10 INFY LIMIT 99.50 MIS, with changes.
fn order<'a>(changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let usual = [
        ("exchange", "NSE"),
        ("tradingsymbol", "INFY"),
        ("transaction_type", "BUY"),
        ("quantity", "10"),
        ("product", "MIS"),
        ("order_type", "LIMIT"),
        ("price", "99.5"),
        ("variety", "regular"),
    ];
    let kept = usual.into_iter().filter(|(key, _)| changes.iter().all(|(changed, _)| changed != key));
    kept.chain(changes.iter().copied()).collect()
}

/// An account with so many rupees.
fn with_cash(rupees: i64) -> Bench {
    Bench::with(BrokerPlan { limits: None, cash: Money::new(rupees * 10_000), ..BrokerPlan::drawn(7) })
}
