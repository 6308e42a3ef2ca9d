//! The desk: everything that the daemon decides between the broker and the engine, as one pure state machine.
//!
//! What it is: session days, the list of instruments, the token and the connections of the feed; events and the time go
//! in, actions come out, in order. What it never does: read a clock, a file or a socket, or keep a tick. Who calls it:
//! the driver by the clock, and the driver of shared virtual time; the same events give the same actions.

use std::collections::{BTreeMap, BTreeSet};

use barkeep_schemas::{
    DeskSetup, FeedId, FeedSpec, GapCause, Input, Instrument, InstrumentChange, InstrumentChangeKind, InstrumentId,
    InstrumentsFetched, NANOS, SessionDate, TradeRule, Ts, UpdateSource, VolumeSource,
};
use barkeep_zerodha::account;
use barkeep_zerodha::feed::{Backoff, Connection, FeedSettings, Output, Resumed, State, Subscription};
use barkeep_zerodha::instruments::{Listed, Listing};

use super::schedule::{Schedule, SessionDay};
use crate::orchestrator::broker::AccountBook;
use crate::orchestrator::config::{DepthKept, FeedConfig};
use crate::orchestrator::universe::Universe;

/// Waits between attempts to fetch the list of instruments, nanoseconds.
const FETCH_FIRST_NS: i64 = 2 * NANOS;
const FETCH_MAX_NS: i64 = 60 * NANOS;

/// What happened outside.
#[derive(Debug)]
pub enum Happened<'a> {
    /// A websocket is open.
    Opened(FeedId, u64),
    /// The broker refused a websocket: status and body.
    Refused(FeedId, u64, u16, &'a str),
    /// A websocket is gone, or was never had.
    Lost(FeedId, u64, &'a str),
    /// A binary message.
    Binary(FeedId, u64, &'a [u8]),
    /// A text message.
    Text(FeedId, u64, &'a str),
    /// The token file was read: what is in it, or `None` when no token holds.
    Token(Option<HeldToken>),
    /// The list of instruments was fetched, or why not.
    Listed(Result<Listing, String>),
    /// Whether the broker takes the token; `None` when it could not be asked.
    TokenVerdict(Option<bool>),
    /// The account's orders and trades of the day, or why they could not be had.
    Book(Result<AccountBook, String>),
    /// Another universe is to be watched.
    Universe(Universe),
    /// These are the legs of the session's pairs: five levels of their order books are kept.
    Legs(BTreeSet<String>),
    /// This process stood still until now, for longer than it should.
    StoodStill,
    /// Nothing but the passing of time.
    Time,
}

/// A token, without its secret.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HeldToken {
    /// Counts up with each other token.
    pub generation: u64,
    /// When it dies.
    pub valid_until: Ts,
}

/// What is to be done outside, in order.
#[derive(Debug)]
pub enum Action {
    /// Onto the tape, in this order.
    Inputs(Vec<Input>),
    /// Begin a segment and open a session with these; the engine's side adds run, behaviour and settings.
    Open(Box<Opening>),
    /// Close the session.
    Close(SessionDate),
    /// Open a websocket.
    Dial(FeedId, u64),
    /// Send a text.
    Send(FeedId, String),
    /// Close the websocket.
    HangUp(FeedId),
    /// Fetch the list of instruments, and tell [`Happened::Listed`].
    Fetch(SessionDate),
    /// Ask whether the token holds, and tell [`Happened::TokenVerdict`].
    Doubt,
    /// Ask for the account's orders and trades, and tell [`Happened::Book`]: no postback is sent again after a websocket was
    /// away.
    Book,
}

/// What a session is opened with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Opening {
    /// The day.
    pub day: SessionDay,
    /// The feeds.
    pub feeds: Vec<FeedSpec>,
    /// The instruments.
    pub instruments: Vec<Instrument>,
}

/// A session that the tape holds open.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OpenSession {
    /// Its date.
    pub date: SessionDate,
    /// Its instruments, those that joined later included.
    pub instruments: Vec<Instrument>,
    /// What is known of each feed.
    pub feeds: Vec<Resumed>,
    /// What its pairs desk trades by.
    pub desk: Option<DeskSetup>,
}

/// How the desk stands, for probes and people.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct DeskFacts {
    /// The day that is on or comes next.
    pub day: Option<SessionDay>,
    /// Whether its session is open.
    pub open: bool,
    /// Why there is no session today.
    pub why_closed: Option<String>,
    /// How the token stands.
    pub token: TokenStanding,
    /// Why the token's file cannot be used.
    pub token_file: Option<String>,
    /// Why the broker refused a websocket last; `None` once one has opened since.
    pub refusal: Option<String>,
    /// Whether the list of instruments of the day is there.
    pub listed: bool,
    /// Why the list could not be fetched last.
    pub fetch_error: Option<String>,
    /// The connections.
    pub connections: Vec<ConnectionFacts>,
}

/// How the token stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum TokenStanding {
    /// There is none.
    #[default]
    Missing,
    /// It holds until then.
    Holds(Ts),
    /// It died then.
    Expired(Ts),
    /// The broker refused it then.
    Refused(Ts),
}

/// How a connection stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ConnectionFacts {
    /// Its feed.
    pub feed: FeedId,
    /// How it stands.
    pub state: State,
    /// Since when it is not whole.
    pub gap_since: Option<Ts>,
    /// When anything came last.
    pub heard: Ts,
    /// When a tick came last.
    pub ticked: Ts,
    /// Instruments subscribed.
    pub subscriptions: usize,
    /// Instruments that are stale.
    pub stale: usize,
    /// What lies between an exchange's stamp and its receipt, nanoseconds.
    pub lag_ns: Option<i64>,
}

/// The fetching of the list.
#[derive(Clone, Debug)]
struct Fetching {
    backoff: Backoff,
    at: Ts,
    under_way: bool,
    error: Option<String>,
}

/// The session that is open.
#[derive(Clone, Debug)]
struct Running {
    day: SessionDay,
    instruments: Vec<Instrument>,
}

/// The desk.
#[derive(Debug)]
pub struct Desk {
    schedule: Schedule,
    universe: Universe,
    config: FeedConfig,
    five_levels: bool,
    /// Legs of the session's pairs.
    legs: BTreeSet<String>,
    /// Symbols of positions that are carried over: subscribed, whatever the universe says.
    held: BTreeSet<String>,
    day: Option<SessionDay>,
    fetching: Fetching,
    /// The newest list, and the date that it was fetched for.
    listing: Option<(SessionDate, Listing)>,
    /// The list before it, to compare with.
    before: Option<Listing>,
    changes: Option<InstrumentsFetched>,
    running: Option<Running>,
    connections: Vec<Connection>,
    token: Option<HeldToken>,
    /// A token that the broker refused, and when.
    refused: Option<(u64, Ts)>,
    /// Why the broker refused a websocket last.
    refusal: Option<String>,
    /// Why the token's file cannot be used.
    token_file: Option<String>,
    doubting: bool,
    /// The connections have been told of every token's death up to here.
    told_until: Ts,
    actions: Vec<Action>,
}

impl Desk {
    /// A desk before anything happened. `cached` is the list of an earlier day, with its date.
    pub fn new(
        schedule: Schedule,
        universe: Universe,
        config: FeedConfig,
        depth: DepthKept,
        cached: Option<(SessionDate, Listing)>,
        seed: u64,
    ) -> Self {
        let settings = settings(&config);
        let feeds = 0..config.connections;
        let connection = |feed| Connection::new(FeedId(feed), settings, seed.wrapping_add(u64::from(feed)));
        Self {
            schedule,
            universe,
            config,
            five_levels: depth == DepthKept::Five,
            legs: BTreeSet::new(),
            held: BTreeSet::new(),
            day: None,
            fetching: Fetching {
                backoff: Backoff::new(FETCH_FIRST_NS, FETCH_MAX_NS, seed ^ 0x5eed),
                at: Ts::new(0),
                under_way: false,
                error: None,
            },
            listing: cached,
            before: None,
            changes: None,
            running: None,
            connections: feeds.map(connection).collect(),
            token: None,
            refused: None,
            refusal: None,
            token_file: None,
            doubting: false,
            told_until: Ts::new(0),
            actions: Vec::new(),
        }
    }

    /// Goes on with what the tape holds open. A session whose hours are over is closed at once; the gap until its end is
    /// logged. Called once, before anything else.
    pub fn resume(&mut self, open: OpenSession, now: Ts) -> Vec<Action> {
        let Ok(Some(day)) = self.schedule.day(open.date) else {
            self.actions.push(Action::Close(open.date));
            return std::mem::take(&mut self.actions);
        };
        let over = now >= day.close_at;
        self.running = Some(Running { day: day.clone(), instruments: open.instruments });
        let holds = self.token_holds(now);
        for (at, subscriptions) in self.subscriptions().into_iter().enumerate() {
            let (resumed, feed) = (open.feeds.get(at).copied(), FeedId(at as u8));
            if subscriptions.is_empty() {
                continue;
            }
            if over {
                // Nothing is asked of the broker for a day that is over; what was missed of it is logged.
                self.on(feed, |of, out| of.missed(&day.calendar, subscriptions, resumed, now, out));
            } else {
                self.on(feed, |of, out| of.open(&day.calendar, subscriptions, resumed, holds, now, out));
            }
        }
        self.day = Some(day);
        self.time(now);
        std::mem::take(&mut self.actions)
    }

    /// Something happened at a moment; what is to be done, in order.
    pub fn happened(&mut self, what: Happened<'_>, now: Ts) -> Vec<Action> {
        match what {
            Happened::Opened(feed, dial) => {
                self.refusal = None;
                self.on(feed, |of, out| of.opened(dial, now, out));
                // Every websocket of the account brings all postbacks: what the first one missed is what must be asked for.
                if self.running.is_some() && feed == FeedId(0) {
                    self.actions.push(Action::Book);
                }
            }
            Happened::Refused(feed, dial, status, body) => {
                self.refusal = Some(format!("HTTP {status} {body}").trim_end().to_owned());
                self.on(feed, |of, out| of.refused(dial, status, body, now, out));
            }
            Happened::Lost(feed, dial, why) => self.on(feed, |of, out| of.lost(dial, why, now, out)),
            Happened::Binary(feed, dial, bytes) => self.on(feed, |of, out| of.binary(dial, bytes, now, out)),
            Happened::Text(feed, dial, text) => self.on(feed, |of, out| of.text(dial, text, now, out)),
            Happened::Token(token) => self.token(token, now),
            Happened::TokenVerdict(holds) => self.verdict(holds, now),
            Happened::Listed(listed) => self.listed(listed, now),
            Happened::Book(book) => self.book(book, now),
            Happened::Universe(universe) => self.watch(universe, now),
            Happened::Legs(legs) => {
                self.legs = legs;
                self.resubscribe(now);
            }
            Happened::StoodStill => self.connections.iter_mut().for_each(|of| of.stood_still(now)),
            Happened::Time => self.time(now),
        }
        std::mem::take(&mut self.actions)
    }

    /// Why the token's file cannot be used, for whoever asks how things stand; `None` when it can.
    pub fn token_file(&mut self, why: Option<String>) {
        self.token_file = why;
    }

    /// The symbols of positions that the next session carries over.
    pub fn hold(&mut self, symbols: BTreeSet<String>) {
        self.held = symbols;
    }

    /// barkeep goes; the session stays open for whoever goes on.
    pub fn stop(&mut self, now: Ts) -> Vec<Action> {
        self.each(|of, out| of.stop(now, out));
        std::mem::take(&mut self.actions)
    }

    /// When [`Happened::Time`] is due next, at the latest.
    pub fn next_time(&self) -> Ts {
        let feeds = self.connections.iter().map(Connection::next_time).min();
        let holding = self.token.filter(|_| self.running.is_some()).map(|token| token.valid_until);
        let token = holding.filter(|until| *until > self.told_until);
        let day = self.day.as_ref().map(|day| if self.running.is_some() { day.close_at } else { self.due(day) });
        [feeds, token, day].into_iter().flatten().min().unwrap_or(Ts::new(i64::MAX))
    }

    /// The open session: its date and its instruments, those that joined later included.
    pub fn session(&self) -> Option<(SessionDate, &[Instrument])> {
        self.running.as_ref().map(|running| (running.day.date, running.instruments.as_slice()))
    }

    /// Whether a session is open.
    pub const fn is_open(&self) -> bool {
        self.running.is_some()
    }

    /// How it stands.
    pub fn facts(&self, now: Ts) -> DeskFacts {
        let connection = |of: &Connection| ConnectionFacts {
            feed: of.feed(),
            state: of.state(),
            gap_since: of.gap_since(),
            heard: of.heard(),
            ticked: of.ticked(),
            subscriptions: of.subscriptions(),
            stale: of.stale(),
            lag_ns: of.lag_ns(),
        };
        DeskFacts {
            day: self.day.clone(),
            open: self.running.is_some(),
            why_closed: self.schedule.why_closed(now),
            token: self.token_standing(now),
            token_file: self.token_file.clone(),
            refusal: self.refusal.clone(),
            listed: self.is_listed(),
            fetch_error: self.fetching.error.clone(),
            connections: self.connections.iter().filter(|of| of.subscriptions() > 0).map(connection).collect(),
        }
    }

    /// When something is due for a day that is not open.
    fn due(&self, day: &SessionDay) -> Ts {
        if self.is_listed() {
            day.open_at
        } else if self.fetching.under_way {
            day.close_at
        } else {
            day.fetch_at.max(self.fetching.at)
        }
    }

    fn is_listed(&self) -> bool {
        match (&self.day, &self.listing) {
            (Some(day), Some((date, _))) => *date == day.date,
            (None, _) | (_, None) => false,
        }
    }

    fn token_holds(&self, now: Ts) -> bool {
        match self.token_standing(now) {
            TokenStanding::Holds(_) => true,
            TokenStanding::Missing | TokenStanding::Expired(_) | TokenStanding::Refused(_) => false,
        }
    }

    fn token_standing(&self, now: Ts) -> TokenStanding {
        let Some(token) = self.token else { return TokenStanding::Missing };
        match self.refused {
            _ if now >= token.valid_until => TokenStanding::Expired(token.valid_until),
            Some((generation, at)) if generation == token.generation => TokenStanding::Refused(at),
            Some(_) | None => TokenStanding::Holds(token.valid_until),
        }
    }

    fn on(&mut self, feed: FeedId, work: impl FnOnce(&mut Connection, &mut Vec<Output>)) {
        let Some(connection) = self.connections.get_mut(usize::from(feed.0)) else { return };
        let mut out = Vec::new();
        work(connection, &mut out);
        self.take(feed, out);
    }

    fn each(&mut self, mut work: impl FnMut(&mut Connection, &mut Vec<Output>)) {
        for at in 0..self.connections.len() {
            self.on(FeedId(at as u8), &mut work);
        }
    }

    /// Turns what a connection asks for into actions; inputs that follow each other stay together.
    fn take(&mut self, feed: FeedId, out: Vec<Output>) {
        for output in out {
            let action = match output {
                Output::Input(input) => {
                    if let Some(Action::Inputs(inputs)) = self.actions.last_mut() {
                        inputs.push(input);
                    } else {
                        self.actions.push(Action::Inputs(vec![input]));
                    }
                    continue;
                }
                Output::Dial(dial) => Action::Dial(feed, dial),
                Output::Send(text) => Action::Send(feed, text),
                Output::HangUp => Action::HangUp(feed),
                Output::DoubtToken if self.doubting => continue,
                Output::DoubtToken => {
                    self.doubting = true;
                    Action::Doubt
                }
            };
            self.actions.push(action);
        }
    }

    fn token(&mut self, token: Option<HeldToken>, now: Ts) {
        self.token = token;
        let holds = self.token_holds(now);
        self.each(|of, out| of.token_changed(holds, now, out));
    }

    fn verdict(&mut self, holds: Option<bool>, now: Ts) {
        self.doubting = false;
        if holds == Some(false) {
            self.refused = self.token.map(|token| (token.generation, now));
        }
        self.each(|of, out| of.token_verdict(holds, now, out));
    }

    /// What the broker has of the account goes onto the tape, orders before trades.
    fn book(&mut self, book: Result<AccountBook, String>, now: Ts) {
        let Some(running) = &self.running else { return };
        let book = match book {
            Ok(book) => book,
            Err(error) => {
                tracing::warn!(error, "the account's orders are not known; they are asked for with the next websocket");
                return;
            }
        };
        let number = |token: u32| running.instruments.iter().find(|of| of.token == token).map(|of| of.id);
        let orders = book.orders.iter().filter_map(|update| account::order(update, UpdateSource::Rest, now, number));
        let trades = book.trades.iter().filter_map(|trade| account::trade(trade, now, number));
        let inputs: Vec<Input> = orders.chain(trades).collect();
        if !inputs.is_empty() {
            self.actions.push(Action::Inputs(inputs));
        }
    }

    fn listed(&mut self, listed: Result<Listing, String>, now: Ts) {
        self.fetching.under_way = false;
        let Some(day) = self.day.clone() else { return };
        match listed {
            Err(error) => {
                self.fetching.at = Ts::new(now.get().saturating_add(self.fetching.backoff.next_ns()));
                self.fetching.error = Some(error);
            }
            Ok(listing) => {
                self.fetching.backoff.succeed();
                self.fetching.error = None;
                let before = self.listing.take().map(|(_, before)| before);
                let mut changes = before.as_ref().map(|before| self.compare(before, &listing)).unwrap_or_default();
                self.add_missing(&listing, &mut changes);
                let (hash, rows) = (listing.hash, listing.rows);
                self.before = before;
                self.listing = Some((day.date, listing));
                self.changes = Some(InstrumentsFetched { date: day.date, ts: now, hash, rows, changes });
                if self.running.is_some() {
                    self.log_changes();
                    self.resubscribe(now);
                }
            }
        }
        self.time(now);
    }

    /// What changed for the instruments of the universe.
    fn compare(&self, before: &Listing, after: &Listing) -> Vec<InstrumentChange> {
        let wanted: Vec<&str> = self.universe.members().map(|member| member.symbol.as_str()).collect();
        before.changes(after, &wanted)
    }

    /// What is to be subscribed and is in no list, day after day: it is told every day, for nothing will come of it.
    fn add_missing(&self, listing: &Listing, changes: &mut Vec<InstrumentChange>) {
        for member in self.universe.members().filter(|member| member.subscribe) {
            let told = changes.iter().any(|change| change.symbol == member.symbol);
            if !told && listing.get(&member.symbol).is_none() {
                let (symbol, what) = (member.symbol.clone(), InstrumentChangeKind::Missing);
                changes.push(InstrumentChange { symbol, what, before: String::new(), after: String::new() });
            }
        }
    }

    fn log_changes(&mut self) {
        if let Some(fetched) = self.changes.take() {
            self.actions.push(Action::Inputs(vec![Input::InstrumentsFetched(Box::new(fetched))]));
        }
    }

    fn time(&mut self, now: Ts) {
        self.each(|of, out| of.time(now, out));
        if let Some(running) = &self.running
            && now >= running.day.close_at
        {
            let date = running.day.date;
            self.each(|of, out| of.close(now, out));
            self.actions.push(Action::Close(date));
            (self.running, self.day) = (None, None);
        }
        if self.day.as_ref().is_none_or(|day| self.running.is_none() && now >= day.close_at) {
            self.day = self.schedule.at(now);
            self.fetching.at = Ts::new(0);
        }
        let Some(day) = self.day.clone() else { return };
        self.fetch(&day, now);
        if self.running.is_none() && now >= day.open_at && self.may_open(&day, now) {
            self.open(day, now);
        }
        let dead = self.token.map(|token| token.valid_until).filter(|until| now >= *until);
        if let Some(until) = dead.filter(|until| *until > self.told_until) {
            self.told_until = until;
            self.each(|of, out| of.token_changed(false, now, out));
        }
    }

    fn fetch(&mut self, day: &SessionDay, now: Ts) {
        if !self.is_listed() && !self.fetching.under_way && now >= day.fetch_at && now >= self.fetching.at {
            self.fetching.under_way = true;
            self.actions.push(Action::Fetch(day.date));
        }
    }

    /// With the day's list, or, when it is late, with the newest there is.
    fn may_open(&self, day: &SessionDay, now: Ts) -> bool {
        let late = now.get() >= day.from.get() - FETCH_MAX_NS;
        self.is_listed() || (self.listing.is_some() && late && self.fetching.error.is_some())
    }

    fn open(&mut self, day: SessionDay, now: Ts) {
        let instruments = self.instruments();
        if instruments.is_empty() {
            tracing::error!("the broker lists no instrument of the universe: nothing will be subscribed today");
        }
        let feeds = (0..self.config.connections).map(feed_spec).collect();
        self.actions.push(Action::Open(Box::new(Opening {
            day: day.clone(),
            feeds,
            instruments: instruments.clone(),
        })));
        self.log_changes();
        self.running = Some(Running { day: day.clone(), instruments });
        let holds = self.token_holds(now);
        for (at, subscriptions) in self.subscriptions().into_iter().enumerate() {
            if !subscriptions.is_empty() {
                self.on(FeedId(at as u8), |of, out| of.open(&day.calendar, subscriptions, None, holds, now, out));
            }
        }
    }

    /// The subscribed members of the universe, and what is held, as far as the list holds them, numbered densely, spread over the feeds.
    fn instruments(&self) -> Vec<Instrument> {
        let Some((_, listing)) = &self.listing else { return Vec::new() };
        let subscribed = self.universe.members().filter(|member| member.subscribe).map(|member| &member.symbol);
        // A position can be left only by its price.
        let wanted: BTreeSet<&String> = subscribed.chain(&self.held).collect();
        let listed: Vec<_> = wanted.into_iter().filter_map(|symbol| Some((symbol, listing.get(symbol)?))).collect();
        let each = usize::from(self.config.instruments_per_connection);
        let room = each * usize::from(self.config.connections);
        if listed.len() > room {
            tracing::error!(
                wanted = listed.len(),
                room,
                "more instruments than connections hold: the last are left out"
            );
        }
        let numbered = listed.into_iter().take(room).enumerate();
        let instrument = |(at, (symbol, listed)): (usize, (&String, &Listed))| Instrument {
            id: InstrumentId(at as u32),
            feed: FeedId((at / each.max(1)) as u8),
            token: listed.token,
            symbol: symbol.clone(),
            class: self.universe.class_of(symbol),
            tick_size: listed.tick_size,
            lot_size: listed.lot_size,
        };
        numbered.map(instrument).collect()
    }

    /// What each connection subscribes: the session's instruments, under their newest tokens.
    fn subscriptions(&self) -> Vec<Vec<Subscription>> {
        let mut feeds = vec![Vec::new(); self.connections.len()];
        let Some(running) = &self.running else { return feeds };
        for instrument in &running.instruments {
            // One that has left the universe stays until the close: a hole in it would be a gap that nothing explains.
            let member = self.universe.get(&instrument.symbol);
            let listed =
                self.listing.as_ref().filter(|_| self.is_listed()).and_then(|(_, list)| list.get(&instrument.symbol));
            let subscription = Subscription {
                token: listed.map_or(instrument.token, |listed| listed.token),
                instrument: instrument.id,
                symbol: instrument.symbol.clone(),
                class: instrument.class,
                depth: self.five_levels
                    || self.legs.contains(&instrument.symbol)
                    || member.is_some_and(|member| member.record_depth),
            };
            if let Some(feed) = feeds.get_mut(usize::from(instrument.feed.0)) {
                feed.push(subscription);
            }
        }
        feeds
    }

    fn resubscribe(&mut self, now: Ts) {
        let Some(calendar) = self.running.as_ref().map(|running| running.day.calendar.clone()) else { return };
        let holds = self.token_holds(now);
        for (at, subscriptions) in self.subscriptions().into_iter().enumerate() {
            self.on(FeedId(at as u8), |of, out| {
                if of.state() != State::Idle {
                    of.resubscribe(subscriptions, now, out);
                } else if !subscriptions.is_empty() {
                    // A connection that was not needed so far; its instruments are watched from now on.
                    let begins = Resumed { gap_from: now, cause: GapCause::Disconnect, mark: None };
                    of.open(&calendar, subscriptions, Some(begins), holds, now, out);
                }
            });
        }
    }

    /// Members that are new join the open session; those that left it are left with the next session.
    fn watch(&mut self, universe: Universe, now: Ts) {
        self.universe = universe;
        let wanted = self.instruments();
        let each = usize::from(self.config.instruments_per_connection);
        let Some(running) = &mut self.running else { return };
        let known: BTreeMap<String, ()> = running.instruments.iter().map(|of| (of.symbol.clone(), ())).collect();
        let mut joined = Vec::new();
        for new in wanted.into_iter().filter(|new| !known.contains_key(&new.symbol)) {
            let at = running.instruments.len();
            let instrument = Instrument { id: InstrumentId(at as u32), feed: FeedId((at / each.max(1)) as u8), ..new };
            if usize::from(instrument.feed.0) >= self.connections.len() {
                break;
            }
            running.instruments.push(instrument.clone());
            joined.push(Input::InstrumentListed(Box::new(instrument)));
        }
        if !joined.is_empty() {
            self.actions.push(Action::Inputs(joined));
        }
        self.resubscribe(now);
    }
}

fn settings(config: &FeedConfig) -> FeedSettings {
    let (seconds, millis) = (|s: u32| i64::from(s) * NANOS, |ms: u32| i64::from(ms) * (NANOS / 1_000));
    FeedSettings {
        mute_ns: seconds(config.mute_s),
        silent_ns: seconds(config.silent_s),
        stale_instrument_ns: seconds(config.stale_instrument_s),
        stale_first_tick_ns: seconds(config.stale_first_tick_s),
        skew_ns: millis(config.skew_ms),
        backoff_first_ns: millis(config.backoff_first_ms),
        backoff_max_ns: seconds(config.backoff_max_s),
    }
}

fn feed_spec(at: u8) -> FeedSpec {
    FeedSpec {
        id: FeedId(at),
        name: format!("zerodha_ws/{}", at + 1),
        trade_rule: TradeRule::Kite,
        volume: VolumeSource::Cumulative,
        conditions: Vec::new(),
    }
}

#[cfg(test)]
mod tests;
