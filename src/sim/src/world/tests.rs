//! The world against a market of twenty stocks and twenty minutes a day: what websockets and requests get, by virtual time,
//! and the faults, each held against its ledger.

mod candles;
mod feed;
mod packets;
mod requests;
mod sockets;

use std::collections::BTreeMap;

use barkeep_schemas::{CalendarKind, ClassDay, DayCalendar, InstrumentClass, NANOS, Phase, PhaseSpan, SessionDate, Ts};
use serde_json::Value;

use super::*;
use crate::broker::{Method, Request};
use crate::kite::orders::session_checksum;
use crate::kite::packet::Packet;
use crate::kite::stamp::{DayEnd, parse};
use crate::kite::{BinaryMessage, Mode};
use crate::market::DayHours;

/// Friday 2026-11-20; the session before is on Thursday.
fn date() -> SessionDate {
    SessionDate::from_ymd(2026, 11, 20).unwrap()
}

/// A time of day of it, IST.
fn at(time: &str) -> Ts {
    parse(&format!("2026-11-20 {time}"), DayEnd::First).unwrap()
}

/// Pre-open 09:10 to 09:15, continuous to 09:35.
fn hours(date: SessionDate) -> DayHours {
    let clock = |minute: i64| Ts::from_secs(i64::from(date.0) * 86_400 - 19_800 + minute * 60);
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
    DayHours { date, calendar }
}

fn span(date: SessionDate) -> SessionSpan {
    let midnight = i64::from(date.0) * 86_400 - 19_800;
    let clock = |minute: i64| Ts::from_secs(midnight + minute * 60);
    SessionSpan { date, midnight: Ts::from_secs(midnight), open: clock(555), close: clock(575) }
}

fn plan(start: &str, faults: &[&str]) -> WorldPlan {
    let mut planned = FaultPlan::default();
    faults.iter().for_each(|fault| planned.add_flag(fault).unwrap());
    let days = [-1, 0, 3].map(|days| hours(date().plus_days(days))).to_vec();
    WorldPlan {
        seed: 7,
        market: MarketPlan { seed: 7, instruments: 20, days, first: date(), busy: false },
        broker: BrokerPlan { limits: None, ..BrokerPlan::drawn(7) },
        faults: planned,
        spans: vec![span(date()), span(date().plus_days(3))],
        start: at(start),
        tells_time: false,
    }
}

/// A delivery and its moment.
type Sent = (Ts, Delivery);

/// A client of a world, logged in. It takes down all that is delivered and injected.
struct Client {
    world: World,
    token: String,
    log: Vec<Sent>,
    ledger: Vec<Entry>,
    requests: RequestId,
}

impl Client {
    fn new(start: &str, faults: &[&str]) -> Self {
        Self::of(plan(start, faults))
    }

    fn of(plan: WorldPlan) -> Self {
        let world = World::new(plan).unwrap();
        let mut client = Self { world, token: String::new(), log: Vec::new(), ledger: Vec::new(), requests: 0 };
        client.log_in();
        client
    }

    fn log_in(&mut self) {
        let plan = BrokerPlan::drawn(7);
        let request_token = self.world.broker.issue_request_token();
        let checksum = session_checksum(&plan.api_key, &request_token, &plan.api_secret);
        let form = [("api_key", &*plan.api_key), ("request_token", &request_token), ("checksum", &checksum)];
        let id = self.ask(Method::Post, "/session/token", &form);
        self.token = self.json(id)["data"]["access_token"].as_str().unwrap().to_owned();
    }

    fn query(&self) -> Vec<(String, String)> {
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        vec![pair("api_key", &BrokerPlan::drawn(7).api_key), pair("access_token", &self.token)]
    }

    fn connect(&mut self) -> Result<ConnectionId, Refusal> {
        let taken = self.world.connect(&self.query());
        self.note();
        taken
    }

    fn say(&mut self, id: ConnectionId, text: &str) {
        self.world.text(id, text);
        self.note();
    }

    /// Subscribes websocket 1 to the first so many instruments in mode full.
    fn subscribe(&mut self, count: usize) {
        self.connect().unwrap();
        let tokens: Vec<u32> = (0..count).map(|number| self.token(number)).collect();
        self.say(1, &format!("{{\"a\":\"mode\",\"v\":[\"full\",{tokens:?}]}}"));
    }

    fn token(&self, number: usize) -> u32 {
        self.world.market.listing(number, date()).token
    }

    fn ask(&mut self, method: Method, path: &str, pairs: &[(&str, &str)]) -> RequestId {
        let mut request = Request::new(method, path);
        let pairs: Vec<_> = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        (request.query, request.form) = (pairs.clone(), pairs);
        request.authorization = Some(format!("token {}:{}", BrokerPlan::drawn(7).api_key, self.token));
        self.requests += 1;
        self.world.request(self.requests, &request);
        self.note();
        self.requests
    }

    /// Buys ten shares of the first stock, at the market or at a price far below it.
    fn buy(&mut self, at_market: bool) -> RequestId {
        let listing = self.world.market.listing(0, date());
        let mut form = vec![
            ("exchange", "NSE"),
            ("tradingsymbol", &*listing.symbol),
            ("transaction_type", "BUY"),
            ("quantity", "10"),
            ("product", "MIS"),
            ("validity", "DAY"),
        ];
        let price = listing.lower_circuit.to_string();
        if at_market {
            form.extend([("order_type", "MARKET"), ("market_protection", "-1")]);
        } else {
            form.extend([("order_type", "LIMIT"), ("price", &price)]);
        }
        self.ask(Method::Post, "/orders/regular", &form)
    }

    fn run_to(&mut self, time: &str) {
        while self.world.now() < at(time) {
            self.world.step();
            self.note();
        }
    }

    fn note(&mut self) {
        let now = self.world.now();
        self.log.extend(std::iter::from_fn(|| self.world.next_delivery()).map(|delivery| (now, delivery)));
        self.ledger.extend(self.world.injected());
    }

    /// The answer to a request and when it came.
    fn reply(&self, id: RequestId) -> Option<(Ts, &Rendered)> {
        self.log.iter().find_map(|(at, delivery)| {
            if let Delivery::Reply(to, rendered) = delivery
                && *to == id
            {
                Some((*at, rendered))
            } else {
                None
            }
        })
    }

    #[track_caller]
    fn json(&self, id: RequestId) -> Value {
        serde_json::from_slice(&self.reply(id).unwrap().1.body).unwrap()
    }

    fn binary(&self, id: ConnectionId) -> impl Iterator<Item = (Ts, &[u8])> {
        self.log.iter().filter_map(move |(at, delivery)| {
            if let Delivery::Binary(to, bytes) = delivery
                && *to == id
            {
                Some((*at, bytes.as_slice()))
            } else {
                None
            }
        })
    }

    fn texts(&self, id: ConnectionId) -> impl Iterator<Item = (Ts, Value)> {
        self.log.iter().filter_map(move |(at, delivery)| {
            if let Delivery::Text(to, text) = delivery
                && *to == id
            {
                Some((*at, serde_json::from_str(text).unwrap()))
            } else {
                None
            }
        })
    }

    fn orders(&self, id: ConnectionId) -> impl Iterator<Item = (Ts, Value)> {
        self.texts(id).filter(|(_, text)| text["type"] == "order")
    }

    /// Every packet of a websocket in its order, those of unknown length left out.
    #[track_caller]
    fn packets(&self, id: ConnectionId) -> Vec<(Ts, Packet)> {
        let mut packets = Vec::new();
        for (at, frame) in self.binary(id) {
            match BinaryMessage::decode(frame) {
                Ok(BinaryMessage::Heartbeat) => {}
                Ok(BinaryMessage::Packets(read)) => packets.extend(read.into_iter().map(|packet| (at, packet))),
                Err(error) => panic!("{at:?}: {error}"),
            }
        }
        packets
    }

    fn of_kind(&self, kind: FaultKind) -> Vec<&Entry> {
        self.ledger.iter().filter(|entry| entry.kind == kind).collect()
    }

    fn was_cut(&self, id: ConnectionId) -> Option<Ts> {
        self.log.iter().find(|(_, delivery)| *delivery == Delivery::Cut(id)).map(|(at, _)| *at)
    }
}

fn plus_ms(at: Ts, ms: i64) -> Ts {
    Ts::new(at.get() + ms * 1_000_000)
}

/// What a ledger says of a tick: its moment, token, volume and exchange time.
fn told(entry: &Entry) -> (Ts, u32, i64, i64) {
    (entry.at, entry.token.unwrap(), entry.volume.unwrap(), entry.exchange_time.unwrap())
}

/// The same of a full packet and the moment at which it came.
fn seen(at: Ts, packet: &Packet) -> (Ts, u32, i64, i64) {
    match packet {
        Packet::Full(full) => (at, full.quote.token, i64::from(full.quote.volume), i64::from(full.exchange_secs)),
        Packet::IndexFull(index) => (at, index.quote.token, 0, i64::from(index.exchange_secs)),
        Packet::Ltp(_) | Packet::Quote(_) | Packet::IndexQuote(_) => panic!("{packet:?} is not full"),
    }
}
