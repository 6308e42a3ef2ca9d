//! The simulated Kite as a whole: market, broker, faults and websockets, stepped in virtual time.
//!
//! It knows no clock, thread or socket: whoever drives it says when to step and carries its deliveries out, in their order.
//! What is delivered depends on the plan and on what was asked at which virtual time, on nothing else. The server and
//! tests drive it.
//!
//! A step is 50 ms. An instrument's packet goes out in every fifth of them at most, as Kite conflates: about every 250 ms,
//! with the state of that moment.

mod connection;
mod feed;
mod requests;

use std::collections::{BTreeMap, VecDeque};

use barkeep_schemas::{NANOS, SessionDate, Ts};

use crate::broker::{Broker, BrokerPlan, OrderUpdate, Rendered};
use crate::faults::{Entry, FaultKind, FaultPlan, Faults, Ledger, PlanError, SessionSpan, Target};
use crate::kite::server_text;
use crate::market::{Market, MarketError, MarketPlan, Segment};

use connection::Connection;
use requests::Waiting;

/// One step of virtual time, in nanoseconds.
pub const STEP_NS: i64 = 50_000_000;

/// Steps between two packets of an instrument.
pub const CONFLATED_STEPS: i64 = 5;

/// Websockets of one account at a time (kite.md section 1; a fourth is answered 429).
pub const CONNECTIONS_MAX: usize = 3;

/// Instruments of one websocket.
pub const SUBSCRIPTIONS_MAX: usize = 3_000;

/// Number of a websocket, from 1 in the order of their coming.
pub type ConnectionId = u32;

/// Number that the driver gives a request.
pub type RequestId = u64;

/// What a world is made of.
#[derive(Clone, Debug)]
pub struct WorldPlan {
    /// What everything is drawn from.
    pub seed: u64,
    /// The market.
    pub market: MarketPlan,
    /// The account.
    pub broker: BrokerPlan,
    /// What is to be broken.
    pub faults: FaultPlan,
    /// The simulated sessions, for faults.
    pub spans: Vec<SessionSpan>,
    /// Where virtual time starts.
    pub start: Ts,
    /// Whether websockets are told the virtual time, in a text of a type that clients ignore.
    pub tells_time: bool,
}

/// Why a world cannot be made.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum WorldError {
    /// The market's plan does not hold.
    #[error(transparent)]
    Market(#[from] MarketError),
    /// The faults' plan does not hold.
    #[error(transparent)]
    Faults(#[from] PlanError),
}

/// Something for the driver to do, in the order of coming.
#[derive(Clone, PartialEq, Debug)]
pub enum Delivery {
    /// Send a binary message.
    Binary(ConnectionId, Vec<u8>),
    /// Send a text message.
    Text(ConnectionId, String),
    /// From now on read nothing from the socket, or read again: a mute peer answers no ping.
    Mute(ConnectionId, bool),
    /// Cut the connection without a closing frame.
    Cut(ConnectionId),
    /// Answer a request.
    Reply(RequestId, Rendered),
    /// Begin the answer to a request; blanks follow until [`Delivery::Hangup`].
    Endless(RequestId),
    /// Go on with a blank in an answer that does not end: one for each step, so that their number is the same every time.
    Blank(RequestId),
    /// Cut the connection of a request without an answer, or without the end of one.
    Hangup(RequestId),
}

/// Why a websocket is not taken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// Answer the upgrade with a status and a line of text.
    Status(u16, &'static str),
    /// Cut the connection.
    Cut,
}

/// The simulated Kite.
pub struct World {
    market: Market,
    broker: Broker,
    /// By instrument; neither changes on any date.
    tokens: Vec<(u32, Segment)>,
    faults: Faults,
    connections: BTreeMap<ConnectionId, Connection>,
    connections_ever: ConnectionId,
    requests_ever: u64,
    waiting: Vec<Waiting>,
    outbox: VecDeque<Delivery>,
    ledger: Ledger,
    now: Ts,
    steps: i64,
    tells_time: bool,
}

impl World {
    /// The world of a plan at its start.
    ///
    /// # Errors
    /// [`WorldError`] says which part of the plan does not hold.
    pub fn new(plan: WorldPlan) -> Result<Self, WorldError> {
        let mut market = Market::new(plan.market)?;
        market.advance(plan.start);
        let date = market.date();
        let token_of = |symbol: &str| market.by_symbol(symbol, date).map(|number| market.listing(number, date).token);
        let listings = (0..market.count()).map(|number| market.listing(number, date));
        let tokens = listings.map(|listing| (listing.token, listing.segment)).collect();
        let faults = Faults::new(&plan.faults, plan.seed, &plan.spans, token_of)?;
        let mut world = Self {
            market,
            broker: Broker::new(plan.broker),
            tokens,
            faults,
            connections: BTreeMap::new(),
            connections_ever: 0,
            requests_ever: 0,
            waiting: Vec::new(),
            outbox: VecDeque::new(),
            ledger: Ledger::default(),
            now: plan.start,
            steps: 0,
            tells_time: plan.tells_time,
        };
        // What is on already has begun before.
        world.begin_faults(Ts::new(i64::MIN));
        Ok(world)
    }

    /// The virtual time.
    pub const fn now(&self) -> Ts {
        self.now
    }

    /// The trading date of the virtual time.
    pub fn date(&self) -> SessionDate {
        self.market.date()
    }

    /// The market, for whoever compares.
    pub const fn market(&self) -> &Market {
        &self.market
    }

    /// What is to be done next.
    pub fn next_delivery(&mut self) -> Option<Delivery> {
        self.outbox.pop_front()
    }

    /// The faults injected since this was last called.
    pub fn injected(&mut self) -> Vec<Entry> {
        self.ledger.take()
    }

    /// Goes one step on.
    pub fn step(&mut self) {
        self.go_to(Ts::new(self.now.get() + STEP_NS));
        self.steps += 1;
        self.send_feed();
    }

    /// Goes to a later moment in one stride, over a time in which nobody trades; no packets are sent on the way. Faults
    /// that began meanwhile strike at the end of it; those that are over by then do nothing and have no entry.
    pub fn skip_to(&mut self, to: Ts) {
        if to > self.now {
            self.go_to(to);
        }
    }

    /// Tells every websocket the virtual time, when it was planned so.
    pub fn tell_time(&mut self) {
        if self.tells_time {
            let text = format!("{{\"type\":\"sim_time\",\"data\":{{\"now\":{}}}}}", self.now.get());
            for connection in self.connections.values().filter(|connection| !connection.is_mute(self.now)) {
                self.outbox.push_back(Delivery::Text(connection.id, text.clone()));
            }
        }
    }

    /// Lets market, broker, faults and waiting answers come to a moment.
    fn go_to(&mut self, to: Ts) {
        let before = self.now;
        self.now = to;
        self.market.advance(to);
        self.owe_changes();
        self.begin_faults(before);
        self.end_mutes();
        let updates = self.broker.advance(&self.market, to);
        updates.iter().for_each(|update| self.post_back(update));
        self.end_dead_sessions();
        self.release();
    }

    /// What happens once, when a fault begins.
    fn begin_faults(&mut self, before: Ts) {
        let begun: Vec<_> = self.faults.beginning(before, self.now).cloned().collect();
        for fault in begun {
            let entry = Entry { until: Some(fault.until), ..Entry::new(self.now, fault.kind) };
            let is_over = !fault.is_on(self.now);
            match fault.kind {
                FaultKind::Mute | FaultKind::Silent | FaultKind::ClockSkew if is_over => {}
                FaultKind::Disconnect | FaultKind::Mute => {
                    let concerned = |id: &u32| fault.connection.is_none_or(|only| only == *id);
                    for id in self.connections.keys().copied().filter(concerned).collect::<Vec<_>>() {
                        self.ledger.push(Entry { connection: Some(id), ..entry.clone() });
                        if fault.kind == FaultKind::Disconnect { self.cut(id) } else { self.mute(id, fault.until) }
                    }
                }
                FaultKind::Silent => self.ledger.push(Entry { connection: fault.connection, ..entry }),
                FaultKind::ClockSkew => {
                    let entry = Entry { by_ns: Some(fault.by_ns), ..entry };
                    match fault.target {
                        Target::All => self.ledger.push(entry),
                        Target::Tokens(tokens) => {
                            for token in tokens {
                                self.ledger.push(Entry { token: Some(token), ..entry.clone() });
                            }
                        }
                    }
                }
                FaultKind::TokenDeath => {
                    if self.broker.kill_token() {
                        self.ledger.push(Entry::new(self.now, fault.kind));
                    }
                }
                FaultKind::RefuseUpgrade
                | FaultKind::Delay
                | FaultKind::Duplicate
                | FaultKind::Reorder
                | FaultKind::Drop
                | FaultKind::Truncate
                | FaultKind::Garbage
                | FaultKind::UnknownLength
                | FaultKind::RestError
                | FaultKind::Slow
                | FaultKind::Endless
                | FaultKind::LostAnswer
                | FaultKind::PostbackEarly
                | FaultKind::PostbackTwice
                | FaultKind::PostbackNever
                | FaultKind::CandleWrong
                | FaultKind::CandleMissing
                | FaultKind::CandleDuplicate
                | FaultKind::CandleRevised => {}
            }
        }
    }

    fn mute(&mut self, id: ConnectionId, until: Ts) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.mute_until = connection.mute_until.max(until);
            self.outbox.push_back(Delivery::Mute(id, true));
        }
    }

    fn end_mutes(&mut self) {
        for connection in self.connections.values_mut() {
            if connection.mute_until != Ts::ZERO && !connection.is_mute(self.now) {
                connection.mute_until = Ts::ZERO;
                self.outbox.push_back(Delivery::Mute(connection.id, false));
            }
        }
    }

    fn cut(&mut self, id: ConnectionId) {
        if self.forget(id) {
            self.outbox.push_back(Delivery::Cut(id));
        }
    }

    /// Forgets a websocket; what was held back for it will never come.
    fn forget(&mut self, id: ConnectionId) -> bool {
        let Some(connection) = self.connections.remove(&id) else { return false };
        for held in connection.into_held() {
            self.ledger.push(Entry { at: self.now, lost: true, ..held.entry });
        }
        true
    }

    /// Websockets of a session that ended are cut: Kite's documentation is silent, its servers do so in the morning.
    fn end_dead_sessions(&mut self) {
        let dead = |connection: &&Connection| {
            !self.broker.token_valid(&connection.api_key, &connection.access_token, self.now)
        };
        for id in self.connections.values().filter(dead).map(|connection| connection.id).collect::<Vec<_>>() {
            self.cut(id);
        }
    }

    /// Sends an order update to every websocket of the account, as the faults allow.
    fn post_back(&mut self, update: &OrderUpdate) {
        let order_id = &update.order.order_id;
        let entry = |at: Ts, kind: FaultKind| Entry { order_id: Some(order_id.clone()), ..Entry::new(at, kind) };
        let number = order_id.parse().unwrap_or_default();
        let is_on = |kind: FaultKind| self.faults.on_request(kind, "", number, self.now).is_some();
        let hears = |connection: &&Connection| !connection.is_mute(self.now);
        let hearing: Vec<ConnectionId> =
            self.connections.values().filter(hears).map(|connection| connection.id).collect();
        if hearing.is_empty() {
            return;
        }
        if is_on(FaultKind::PostbackNever) {
            self.ledger.push(entry(self.now, FaultKind::PostbackNever));
            return;
        }
        let twice = is_on(FaultKind::PostbackTwice);
        if twice {
            self.ledger.push(entry(self.now, FaultKind::PostbackTwice));
        }
        let text = update.text();
        for id in hearing {
            for _ in 0..=usize::from(twice) {
                self.outbox.push_back(Delivery::Text(id, text.clone()));
            }
        }
        self.release_order(order_id);
    }

    /// Takes a websocket, whose upgrade carried these parameters.
    ///
    /// # Errors
    /// [`Refusal`]: the token does not hold, there are too many, or a fault is on.
    pub fn connect(&mut self, query: &[(String, String)]) -> Result<ConnectionId, Refusal> {
        let named = |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let next = self.connections_ever + 1;
        if let Some(fault) = self.faults.on(FaultKind::Disconnect, self.now).next() {
            let entry = Entry::new(self.now, FaultKind::Disconnect);
            self.ledger.push(Entry { until: Some(fault.until), ..entry });
            return Err(Refusal::Cut);
        }
        if let Some(fault) = self.faults.on(FaultKind::RefuseUpgrade, self.now).next() {
            let status = fault.status;
            self.ledger.push(Entry { status: Some(status), ..Entry::new(self.now, FaultKind::RefuseUpgrade) });
            return Err(Refusal::Status(status, "the connection is refused"));
        }
        let (Some(api_key), Some(access_token)) = (named("api_key"), named("access_token")) else {
            return Err(Refusal::Status(400, "`api_key` or `access_token` is missing"));
        };
        if !self.broker.token_valid(api_key, access_token, self.now) {
            return Err(Refusal::Status(403, "Incorrect `api_key` or `access_token`."));
        }
        if self.connections.len() >= CONNECTIONS_MAX {
            return Err(Refusal::Status(429, "Too many connections"));
        }
        self.connections_ever = next;
        let connection = Connection::new(next, api_key, access_token, self.market.count(), self.now);
        self.connections.insert(next, connection);
        let meta = server_text::instruments_meta(self.market.count(), &format!("W/\"{}\"", self.date()));
        self.outbox.push_back(Delivery::Text(next, meta));
        Ok(next)
    }

    /// The websocket is gone.
    pub fn disconnected(&mut self, id: ConnectionId) {
        self.forget(id);
    }

    /// Websockets taken so far; the next one gets the next number.
    pub fn connections_ever(&self) -> u32 {
        self.connections_ever
    }

    /// Whether a websocket is mute now.
    pub fn is_mute(&self, id: ConnectionId) -> bool {
        self.connections.get(&id).is_some_and(|connection| connection.is_mute(self.now))
    }

    /// Whether heartbeats are due: three seconds of virtual time.
    const fn is_heartbeat(since: Ts, now: Ts) -> bool {
        now.get() - since.get() >= 3 * NANOS
    }
}

#[cfg(test)]
mod tests;
