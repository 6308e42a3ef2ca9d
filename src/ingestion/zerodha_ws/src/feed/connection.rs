//! One connection of the feed: what it does about opening, packets, silence, loss and the passing of time.
//!
//! Invariants. While a session is watched, the stretch from the last moment at which the feed was whole to the first at
//! which it is whole again becomes exactly one gap, logged before the first tick that came after it. Clock marks never
//! go back. Nothing is asked of the broker while no token holds. It never panics, whatever bytes come.

use std::collections::HashMap;

use barkeep_schemas::{
    ClockMark, DayCalendar, FeedGap, FeedHappening, FeedId, GapCause, Input, InstrumentClass, InstrumentId, NANOS, Ts,
    UpdateSource,
};

use super::reports::{Reports, report};
use super::{Backoff, ExchangeClock, FeedSettings, UNDER_WAY_NS, Watch};
use crate::account;
use crate::wire::{self, Frame, Mode, Packet, TextFrame};

/// Bad frames in a row after which a connection is given up.
const BAD_FRAMES_MAX: u32 = 5;

/// How long a connection must have been whole before waits start anew from the shortest.
const STEADY_NS: i64 = 30 * NANOS;

/// What a connection asks for, in order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Output {
    /// Onto the tape.
    Input(Input),
    /// Open a websocket. What it brings is to be told with this number; what older ones bring is ignored.
    Dial(u64),
    /// Send a text on the websocket.
    Send(String),
    /// Close the websocket, if there is one.
    HangUp,
    /// The broker refused the token: ask it over REST and tell [`Connection::token_verdict`].
    DoubtToken,
}

/// An instrument that a connection subscribes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Subscription {
    /// The broker's token of the day.
    pub token: u32,
    /// Its number in the session.
    pub instrument: InstrumentId,
    /// Its symbol.
    pub symbol: String,
    /// Whose hours it keeps.
    pub class: InstrumentClass,
    /// Whether five levels are kept.
    pub depth: bool,
}

/// What the tape knows of a feed whose session goes on after a restart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Resumed {
    /// Since when the feed is not whole, exchange time.
    pub gap_from: Ts,
    /// Why it was not.
    pub cause: GapCause,
    /// The last clock mark.
    pub mark: Option<Ts>,
}

/// How a connection stands, for people and probes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// Nothing is wanted of it.
    Idle,
    /// No token holds.
    NoToken,
    /// It waits to dial, until this moment.
    Waiting(Ts),
    /// It dials.
    Dialling,
    /// It is open and not whole yet.
    Open,
    /// It is open and whole; the last tick came at this moment.
    Whole(Ts),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Link {
    Idle,
    NoToken,
    Waiting(Ts),
    Dialling,
    /// Refused; whether for want of a token is being asked.
    Doubting,
    Open,
}

/// A gap that has begun.
#[derive(Clone, Copy, Debug)]
struct OpenGap {
    from: Ts,
    cause: GapCause,
}

/// A subscription and how its instrument fares.
#[derive(Clone, Debug)]
struct Subscribed {
    plan: Subscription,
    heard: Ts,
    first: bool,
    stale: bool,
}

/// The session that is watched.
#[derive(Clone, Debug)]
struct Watched {
    hours: Watch,
    mark: Option<Ts>,
    next_mark: Ts,
}

/// The connection of one feed.
#[derive(Clone, Debug)]
pub struct Connection {
    feed: FeedId,
    settings: FeedSettings,
    backoff: Backoff,
    clock: ExchangeClock,
    link: Link,
    dials: u64,
    subscribed: Vec<Subscribed>,
    by_token: HashMap<u32, usize>,
    classes: Vec<InstrumentClass>,
    watched: Option<Watched>,
    gap: Option<OpenGap>,
    /// When anything came last.
    heard: Ts,
    /// When a tick came last.
    ticked: Ts,
    /// Since when it has been whole.
    whole_since: Option<Ts>,
    bad_frames: u32,
    /// When this process last went on after it had stood still.
    stood_until: Ts,
    reports: Reports,
    next_turn: Ts,
}

impl Connection {
    /// A connection of which nothing is wanted yet. The seed draws the waits.
    pub fn new(feed: FeedId, settings: FeedSettings, seed: u64) -> Self {
        Self {
            feed,
            settings,
            backoff: Backoff::new(settings.backoff_first_ns, settings.backoff_max_ns, seed),
            clock: ExchangeClock::new(settings.skew_ns),
            link: Link::Idle,
            dials: 0,
            subscribed: Vec::new(),
            by_token: HashMap::new(),
            classes: Vec::new(),
            watched: None,
            gap: None,
            heard: Ts::new(0),
            ticked: Ts::new(0),
            whole_since: None,
            bad_frames: 0,
            stood_until: Ts::new(0),
            reports: Reports::default(),
            next_turn: Ts::new(i64::MAX),
        }
    }

    /// The feed.
    pub const fn feed(&self) -> FeedId {
        self.feed
    }

    /// How it stands.
    pub const fn state(&self) -> State {
        match self.link {
            Link::Idle => State::Idle,
            Link::NoToken => State::NoToken,
            Link::Waiting(until) => State::Waiting(until),
            Link::Dialling | Link::Doubting => State::Dialling,
            Link::Open if self.whole_since.is_some() => State::Whole(self.ticked),
            Link::Open => State::Open,
        }
    }

    /// What lies between an exchange's stamp and its receipt, nanoseconds.
    pub const fn lag_ns(&self) -> Option<i64> {
        self.clock.lag_ns()
    }

    /// When anything came last, by this host's clock; 1970 while nothing has.
    pub const fn heard(&self) -> Ts {
        self.heard
    }

    /// When a tick came last, by this host's clock; the opening of the websocket while none has.
    pub const fn ticked(&self) -> Ts {
        self.ticked
    }

    /// Instruments that are subscribed.
    pub const fn subscriptions(&self) -> usize {
        self.subscribed.len()
    }

    /// Instruments that are stale.
    pub fn stale(&self) -> usize {
        self.subscribed.iter().filter(|of| of.stale).count()
    }

    /// Since when the feed is not whole, while it is not and a session is watched.
    pub fn gap_since(&self) -> Option<Ts> {
        self.watched.as_ref().and(self.gap).map(|gap| gap.from)
    }

    /// When [`Self::time`] wants to be called next.
    pub fn next_time(&self) -> Ts {
        let dial = if let Link::Waiting(until) = self.link { until } else { Ts::new(i64::MAX) };
        dial.min(self.next_turn)
    }

    /// A session has been opened with these instruments: dial. `resumed` is what the tape knows when it goes on.
    pub fn open(
        &mut self,
        calendar: &DayCalendar,
        subscriptions: Vec<Subscription>,
        resumed: Option<Resumed>,
        token: bool,
        now: Ts,
        out: &mut Vec<Output>,
    ) {
        if self.watch(calendar, subscriptions, resumed, now) {
            self.token_changed(token, now, out);
        }
    }

    /// A session is over of which barkeep saw no end: what it missed of it is logged, and nothing is asked of the broker.
    pub fn missed(
        &mut self,
        calendar: &DayCalendar,
        subscriptions: Vec<Subscription>,
        resumed: Option<Resumed>,
        now: Ts,
        out: &mut Vec<Output>,
    ) {
        if self.watch(calendar, subscriptions, resumed, now) {
            self.close(now, out);
        }
    }

    /// Begins to watch a session; `false` when it has no hours.
    fn watch(
        &mut self,
        calendar: &DayCalendar,
        subscriptions: Vec<Subscription>,
        resumed: Option<Resumed>,
        now: Ts,
    ) -> bool {
        let Some(hours) = Watch::of(calendar) else { return false };
        self.list(subscriptions, now);
        let late = if now > hours.from { GapCause::ApplianceDown } else { GapCause::Disconnect };
        let fresh = Resumed { gap_from: hours.from, cause: late, mark: None };
        let Resumed { gap_from, cause, mark } = resumed.unwrap_or(fresh);
        self.gap = Some(OpenGap { from: gap_from.max(hours.from), cause });
        self.whole_since = None;
        let next_mark = next_second(now).max(hours.from);
        self.watched = Some(Watched { hours, mark, next_mark });
        self.next_turn = next_second(now);
        true
    }

    /// Whether a token holds has changed.
    pub fn token_changed(&mut self, holds: bool, now: Ts, out: &mut Vec<Output>) {
        if self.watched.is_none() {
            return;
        }
        match (holds, self.link) {
            (true, Link::Idle | Link::NoToken) => self.dial(out),
            (false, Link::Idle | Link::Waiting(_) | Link::Dialling | Link::Doubting) => self.lack_token(now, out),
            // What is open stays open while the broker lets it.
            (true, Link::Waiting(_) | Link::Dialling | Link::Doubting | Link::Open)
            | (false, Link::NoToken | Link::Open) => {}
        }
    }

    /// What the broker says about the token after [`Output::DoubtToken`]: `None` when it could not be asked.
    pub fn token_verdict(&mut self, holds: Option<bool>, now: Ts, out: &mut Vec<Output>) {
        if self.link == Link::Doubting {
            match holds {
                Some(false) => self.lack_token(now, out),
                Some(true) | None => self.wait(now),
            }
        }
    }

    /// Other instruments, or other tokens: the connection subscribes what is new and leaves what is gone.
    pub fn resubscribe(&mut self, subscriptions: Vec<Subscription>, now: Ts, out: &mut Vec<Output>) {
        let before: Vec<u32> = self.tokens();
        let known = std::mem::take(&mut self.subscribed);
        self.list(subscriptions, now);
        for of in &mut self.subscribed {
            if let Some(old) = known.iter().find(|old| old.plan.token == of.plan.token) {
                (of.heard, of.first, of.stale) = (old.heard, old.first, old.stale);
            }
        }
        if self.link != Link::Open {
            return;
        }
        let now_wanted = self.tokens();
        let gone: Vec<u32> = before.iter().copied().filter(|token| !now_wanted.contains(token)).collect();
        let fresh: Vec<u32> = now_wanted.into_iter().filter(|token| !before.contains(token)).collect();
        if !gone.is_empty() {
            out.push(Output::Send(wire::unsubscribe(&gone)));
        }
        self.subscribe(&fresh, now, out);
    }

    /// The session is over: whatever is open is logged, and nothing more is wanted.
    pub fn close(&mut self, now: Ts, out: &mut Vec<Output>) {
        self.report_waiting(now, out);
        self.end_gap(now, out);
        (self.watched, self.gap, self.whole_since) = (None, None, None);
        if self.link == Link::Open || self.link == Link::Dialling {
            out.push(Output::HangUp);
        }
        self.link = Link::Idle;
        self.next_turn = Ts::new(i64::MAX);
    }

    /// barkeep itself goes: what is known is logged. The gap that begins here is logged by whoever goes on.
    pub fn stop(&mut self, now: Ts, out: &mut Vec<Output>) {
        self.report_waiting(now, out);
        if self.link == Link::Open || self.link == Link::Dialling {
            out.push(Output::HangUp);
        }
        self.link = Link::Idle;
    }

    /// This process stood still until now: stopped, starved, or its host asleep. Nothing could be heard meanwhile, so
    /// silence is counted from here; what turns out to be missing is missing by our own fault.
    pub const fn stood_still(&mut self, now: Ts) {
        self.stood_until = now;
    }

    /// The websocket `dial` is open.
    pub fn opened(&mut self, dial: u64, now: Ts, out: &mut Vec<Output>) {
        if !self.is_current(dial) || self.link != Link::Dialling {
            return;
        }
        self.link = Link::Open;
        (self.heard, self.ticked, self.bad_frames) = (now, now, 0);
        self.say(FeedHappening::Connected, 1, "", now, out);
        let tokens = self.tokens();
        self.subscribe(&tokens, now, out);
    }

    /// The broker refused the upgrade of `dial` with this status.
    pub fn refused(&mut self, dial: u64, status: u16, body: &str, now: Ts, out: &mut Vec<Output>) {
        if !self.is_current(dial) || self.link != Link::Dialling {
            return;
        }
        self.say(FeedHappening::Refused, 1, &format!("HTTP {status} {body}"), now, out);
        if status == 403 {
            self.link = Link::Doubting;
            out.push(Output::DoubtToken);
        } else {
            self.wait(now);
        }
        if status == 429 {
            // Too many connections: hurry makes it worse.
            self.link = Link::Waiting(Ts::new(now.get().saturating_add(self.backoff.longest_ns())));
        }
    }

    /// The websocket `dial` is gone.
    pub fn lost(&mut self, dial: u64, why: &str, now: Ts, out: &mut Vec<Output>) {
        if self.is_current(dial) && (self.link == Link::Open || self.link == Link::Dialling) {
            self.say(FeedHappening::Lost, 1, why, now, out);
            self.begin_gap(self.heard, GapCause::Disconnect);
            self.wait(now);
        }
    }

    /// A binary message came on the websocket `dial`, received at `now`.
    pub fn binary(&mut self, dial: u64, bytes: &[u8], now: Ts, out: &mut Vec<Output>) {
        if !self.is_current(dial) || self.link != Link::Open {
            return;
        }
        match wire::frame(bytes) {
            Ok(Frame::Heartbeat) => self.heard = now,
            Ok(Frame::Packets(packets)) => {
                self.bad_frames = 0;
                for packet in packets {
                    self.packet(&packet, now, out);
                }
                self.heard = now;
            }
            Err(error) => self.bad_frame(&error.to_string(), now, out),
        }
    }

    /// A text came on the websocket `dial`.
    pub fn text(&mut self, dial: u64, text: &str, now: Ts, out: &mut Vec<Output>) {
        if !self.is_current(dial) || self.link != Link::Open {
            return;
        }
        self.heard = now;
        match wire::text(text) {
            TextFrame::Order(order) => {
                let detail = format!("{} {}", order.order_id, order.status);
                self.say(FeedHappening::OrderUpdate, 1, &detail, now, out);
                if self.watched.is_some() {
                    let number = |token: u32| Some(self.subscribed.get(*self.by_token.get(&token)?)?.plan.instrument);
                    out.extend(account::order(&order, UpdateSource::Postback, now, number).map(Output::Input));
                }
            }
            TextFrame::Error(error) => self.reports.count(FeedHappening::BrokerError, 1, || error),
            TextFrame::Message(message) => self.reports.count(FeedHappening::BrokerMessage, 1, || message),
            TextFrame::InstrumentsMeta { .. } | TextFrame::AppCode { .. } | TextFrame::Time { .. } => {}
            TextFrame::Unknown { .. } | TextFrame::Malformed { .. } => {
                self.reports.count(FeedHappening::UnknownText, 1, || text.to_owned());
            }
        }
    }

    /// Time has passed.
    pub fn time(&mut self, now: Ts, out: &mut Vec<Output>) {
        if let Link::Waiting(until) = self.link
            && now >= until
        {
            self.dial(out);
        }
        if self.watched.is_none() || now < self.next_turn {
            return;
        }
        self.next_turn = next_second(now);
        if let Some(moved) = self.clock.turn(now) {
            let far = moved.to_ns.saturating_sub(moved.from_ns) / 1_000_000;
            let (lag, usual) = (moved.to_ns / 1_000_000, moved.from_ns / 1_000_000);
            let detail = if moved.believed {
                format!("stamps now lag this host's clock by {lag} ms")
            } else {
                format!("stamps stray: they lag this host's clock by {lag} ms, {usual} ms is usual and still assumed")
            };
            self.say(FeedHappening::ClockSkew, far.unsigned_abs(), &detail, now, out);
        }
        if self.whole_since.is_some_and(|since| now.get().saturating_sub(since.get()) >= STEADY_NS) {
            self.backoff.succeed();
        }
        self.watch_silence(now, out);
        self.watch_instruments(now, out);
        self.report_waiting(now, out);
        self.mark(now, out);
    }

    fn is_current(&self, dial: u64) -> bool {
        self.dials == dial
    }

    fn tokens(&self) -> Vec<u32> {
        self.subscribed.iter().map(|of| of.plan.token).collect()
    }

    fn list(&mut self, subscriptions: Vec<Subscription>, now: Ts) {
        let subscribed = |plan| Subscribed { plan, heard: now, first: true, stale: false };
        self.subscribed = subscriptions.into_iter().map(subscribed).collect();
        self.by_token = self.subscribed.iter().enumerate().map(|(at, of)| (of.plan.token, at)).collect();
        self.classes = self.subscribed.iter().map(|of| of.plan.class).collect();
        self.classes.sort_unstable();
        self.classes.dedup();
    }

    fn subscribe(&mut self, tokens: &[u32], now: Ts, out: &mut Vec<Output>) {
        if tokens.is_empty() {
            return;
        }
        for token in tokens {
            if let Some(of) = self.by_token.get(token).and_then(|at| self.subscribed.get_mut(*at)) {
                (of.first, of.heard) = (true, now);
            }
        }
        out.push(Output::Send(wire::subscribe(tokens)));
        out.push(Output::Send(wire::mode(Mode::Full, tokens)));
        self.say(FeedHappening::Subscribed, tokens.len() as u64, "", now, out);
    }

    fn dial(&mut self, out: &mut Vec<Output>) {
        self.dials += 1;
        self.link = Link::Dialling;
        out.push(Output::Dial(self.dials));
    }

    fn wait(&mut self, now: Ts) {
        self.link = Link::Waiting(Ts::new(now.get().saturating_add(self.backoff.next_ns())));
    }

    fn lack_token(&mut self, now: Ts, out: &mut Vec<Output>) {
        if self.link == Link::Dialling {
            out.push(Output::HangUp);
        }
        self.link = Link::NoToken;
        self.say(FeedHappening::TokenRefused, 1, "no token holds: run `barkeep login`", now, out);
        if let Some(gap) = &mut self.gap {
            gap.cause = GapCause::NoToken;
        }
    }

    /// Gives the websocket up.
    fn give_up(&mut self, now: Ts, out: &mut Vec<Output>) {
        out.push(Output::HangUp);
        self.wait(now);
    }

    fn say(&self, what: FeedHappening, count: u64, detail: &str, now: Ts, out: &mut Vec<Output>) {
        if self.watched.is_some() {
            out.push(Output::Input(report(self.feed, now, what, count, detail)));
        }
    }

    fn report_waiting(&mut self, now: Ts, out: &mut Vec<Output>) {
        out.extend(self.reports.take(self.feed, now).map(Output::Input));
    }

    /// The exchange's time at a moment of this host's clock.
    fn exchange(&self, host: Ts) -> Ts {
        self.clock.at(host).unwrap_or(host)
    }

    /// The feed was whole up to a moment of this host's clock, and is not any more. What was under way then is missing too.
    fn begin_gap(&mut self, whole_until: Ts, cause: GapCause) {
        self.whole_since = None;
        if self.gap.is_none() {
            let from = Ts::new(self.exchange(whole_until).get().saturating_sub(UNDER_WAY_NS));
            let cause = if whole_until < self.stood_until { GapCause::ApplianceDown } else { cause };
            self.gap = Some(OpenGap { from, cause });
        }
    }

    /// The feed is whole again: the gap is logged, as far as it lies in the hours that are watched.
    fn end_gap(&mut self, now: Ts, out: &mut Vec<Output>) {
        let (Some(gap), Some(watched)) = (self.gap.take(), &self.watched) else { return };
        // Kite stamps whole seconds: what came with this stamp or a later one came after the gap.
        let whole = self.exchange(now).get();
        let to = whole.saturating_sub(whole.rem_euclid(NANOS)).min(watched.hours.until.get());
        let from = gap.from.max(watched.hours.from);
        if to > watched.hours.from.get() && from < watched.hours.until {
            let gap = FeedGap { feed: self.feed, from, to: Ts::new(to.max(from.get())), cause: gap.cause };
            out.push(Output::Input(Input::FeedGap(gap)));
        }
    }

    fn bad_frame(&mut self, error: &str, now: Ts, out: &mut Vec<Output>) {
        self.say(FeedHappening::BadFrame, 1, error, now, out);
        let since = self.whole_since;
        let was_whole = self.gap.is_none();
        self.begin_gap(self.heard, GapCause::BadFrame);
        self.heard = now;
        self.bad_frames += 1;
        if self.bad_frames >= BAD_FRAMES_MAX {
            self.bad_frames = 0;
            self.give_up(now, out);
        } else if was_whole {
            self.end_gap(now, out);
            self.whole_since = since;
        }
    }

    fn packet(&mut self, packet: &Packet, now: Ts, out: &mut Vec<Output>) {
        let (snapshot, token) = match packet {
            Packet::Full(full) => (full.snapshot(), full.quote.token),
            Packet::IndexFull(index) => (index.snapshot(), index.quote.token),
            Packet::Ltp(_) | Packet::Quote(_) | Packet::IndexQuote(_) => {
                return self.reports.count(FeedHappening::Untimed, 1, || "packets of a mode without times".to_owned());
            }
            Packet::Unknown { length, .. } => {
                return self.reports.count(FeedHappening::UnknownPacket, 1, || format!("{length} bytes"));
            }
        };
        let Some(of) = self.by_token.get(&token).and_then(|at| self.subscribed.get(*at)) else {
            return self.reports.count(FeedHappening::Unlisted, 1, || format!("token {token}"));
        };
        let (instrument, depth) = (of.plan.instrument, of.plan.depth);
        let book = match packet {
            Packet::Full(full) if depth => full.depth().ok(),
            Packet::Full(_)
            | Packet::IndexFull(_)
            | Packet::Ltp(_)
            | Packet::Quote(_)
            | Packet::IndexQuote(_)
            | Packet::Unknown { .. } => None,
        };
        match snapshot {
            Ok(snapshot) => match snapshot.exchange_time {
                Some(ts) => {
                    self.hear(token, ts, now, out);
                    out.push(Output::Input(Input::Tick(snapshot.tick(instrument, self.feed, ts, now, book))));
                }
                None => self.reports.count(FeedHappening::Untimed, 1, || format!("token {token}, no time in it")),
            },
            Err(error) => self.reports.count(FeedHappening::UnknownPacket, 1, || error.to_string()),
        }
    }

    /// A tick came: whatever was open before it is closed first.
    fn hear(&mut self, token: u32, stamped: Ts, now: Ts, out: &mut Vec<Output>) {
        if self.gap.is_some() {
            self.end_gap(now, out);
            self.say(FeedHappening::Whole, 1, "", now, out);
        }
        self.whole_since.get_or_insert(now);
        self.ticked = now;
        let Some(of) = self.by_token.get(&token).and_then(|at| self.subscribed.get_mut(*at)) else { return };
        (of.heard, of.stale) = (now, false);
        let age = now.get().saturating_sub(stamped.get());
        if !std::mem::take(&mut of.first) {
            // The first is a cached one, which says nothing about the clock.
            self.clock.hear(stamped, now);
        } else if age > self.settings.stale_first_tick_ns {
            let symbol = of.plan.symbol.clone();
            self.reports.count(FeedHappening::StaleFirstTick, 1, || format!("{symbol}, {} s old", age / NANOS));
        }
    }

    fn watch_silence(&mut self, now: Ts, out: &mut Vec<Output>) {
        if self.link != Link::Open {
            return;
        }
        let since = |moment: Ts| now.get().saturating_sub(moment.get());
        if since(self.heard.max(self.stood_until)) >= self.settings.mute_ns {
            let detail = format!("nothing for {} s", since(self.heard) / NANOS);
            self.say(FeedHappening::Mute, 1, &detail, now, out);
            self.begin_gap(self.heard, GapCause::Silence);
            return self.give_up(now, out);
        }
        let trading = self.watched.as_ref().and_then(|of| of.hours.any_trading_since(&self.classes, now));
        if let Some(trading) = trading
            && since(self.ticked.max(trading).max(self.stood_until)) >= self.settings.silent_ns
        {
            let detail = format!("heartbeats and no tick for {} s", since(self.ticked.max(trading)) / NANOS);
            self.say(FeedHappening::Silent, 1, &detail, now, out);
            self.begin_gap(self.ticked, GapCause::Silence);
            self.give_up(now, out);
        }
    }

    fn watch_instruments(&mut self, now: Ts, out: &mut Vec<Output>) {
        let (Some(watched), Some(whole)) = (&self.watched, self.whole_since) else { return };
        let limit = self.settings.stale_instrument_ns;
        for of in self.subscribed.iter_mut().filter(|of| !of.stale) {
            let Some(trading) = watched.hours.trading_since(of.plan.class, now) else { continue };
            if now.get().saturating_sub(of.heard.max(trading).max(whole).get()) >= limit {
                of.stale = true;
                let detail = format!("{}, no tick for {} s", of.plan.symbol, limit / NANOS);
                out.push(Output::Input(report(self.feed, now, FeedHappening::StaleInstrument, 1, &detail)));
            }
        }
    }

    /// One mark a second while there is something to watch, as soon as the exchange's clock is known.
    fn mark(&mut self, now: Ts, out: &mut Vec<Output>) {
        let (Some(at), Some(watched)) = (self.clock.at(now), &mut self.watched) else { return };
        if now < watched.next_mark || at < watched.hours.from || at >= watched.hours.until {
            return;
        }
        watched.next_mark = next_second(now);
        let ts = watched.mark.map_or(at, |last| at.max(last));
        watched.mark = Some(ts);
        out.push(Output::Input(Input::ClockMark(ClockMark { feed: self.feed, ts })));
    }
}

/// The next whole second after a moment.
fn next_second(now: Ts) -> Ts {
    Ts::new(now.get().saturating_sub(now.get().rem_euclid(NANOS)).saturating_add(NANOS))
}
