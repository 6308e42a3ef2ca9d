//! A shift: the desk and the hands it works with, whichever clock it lives by.
//!
//! What it is: each action of the desk carried out, each thing that came told to the desk. What it never does: decide, or
//! wait for time: the drivers do that. A request runs on a task of its own and its answer comes by a queue.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use barkeep_schemas::{
    CloseReason, DeskSetup, EngineConfig, FeedHappening, FeedId, FeedReport, Input, Instrument, InstrumentChange,
    InstrumentId, OrderId, SessionClosed, SessionDate, Ts,
};
use barkeep_zerodha::instruments::Listing;
use barkeep_zerodha::socket::FromSocket;
use barkeep_zerodha::token::AccessToken;
use prometheus::{Gauge, Histogram};
use tokio::sync::{mpsc, watch};

use super::desk::{Action, Desk, Happened, HeldToken, OpenSession, Opening};
use super::schedule::SessionDay;
use super::sockets::Sockets;
use crate::orchestrator::appliance::{Appliance, LiveSession, SessionDraft};
use crate::orchestrator::broker::{AccountBook, Broker};
use crate::orchestrator::desk::open::{Note, change};
use crate::orchestrator::desk::{DeskFiles, DeskPaths, setup};
use crate::orchestrator::door::Turns;
use crate::orchestrator::engine_thread::{EngineGone, EngineHandle, Work};
use crate::orchestrator::universe::Universe;

/// Answers that wait at most.
pub const ANSWERS_MAX: usize = 16;

/// How long a command that adds to the tape may still take when a session is to be opened.
const PATIENCE: Duration = Duration::from_secs(10);

/// Symbols that a line of the log names at most; the tape has all.
const NAMED_MAX: usize = 20;

/// Why a shift cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum ShiftError {
    /// The engine's thread has ended; it knows why.
    #[error("the engine has ended")]
    Engine(#[from] EngineGone),
    /// The control socket of the simulator fails.
    #[error("the simulator's control socket {address} cannot be used: check that `barkeep sim --control` runs")]
    Control {
        /// Where.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// What came on the control socket is no mark.
    #[error("expected a mark of `barkeep sim --control` on {address}, found {line:?}")]
    NoMark {
        /// Where.
        address: SocketAddr,
        /// What came.
        line: String,
    },
}

/// What is asked of the broker over REST.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Question {
    /// The list of instruments of a date.
    Instruments(SessionDate),
    /// Whether the token holds.
    TokenHolds,
    /// The account's orders and trades of the day.
    Book,
}

/// What the broker said.
#[derive(Debug)]
pub enum Told {
    /// The list, or why there is none.
    Instruments(Result<Listing, String>),
    /// Whether the token holds; `None` when it could not be asked.
    TokenHolds(Option<bool>),
    /// Orders and trades, or why they are not known.
    Book(Result<AccountBook, String>),
}

/// Someone who is shown the desk.
type Watcher = Box<dyn FnMut(&Desk, Ts) + Send>;

/// What may change while a shift goes on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// What is watched.
    pub universe: Universe,
    /// The engine's settings.
    pub engine: EngineConfig,
    /// Where the files of the pairs desk are: they are read again when a session is opened.
    pub paths: DeskPaths,
    /// What they said when they were read last.
    pub desk: DeskFiles,
}

/// The desk and its hands.
pub struct Shift {
    /// The desk.
    pub desk: Desk,
    /// The websockets.
    pub sockets: Sockets,
    broker: Arc<Broker>,
    engine: EngineHandle,
    settings: watch::Receiver<Arc<Settings>>,
    known: Arc<Settings>,
    batch_sizes: Option<Histogram>,
    whitelist_valid: Option<Gauge>,
    resume: Option<OpenSession>,
    /// What the open session's pairs desk trades by.
    trades: Option<DeskSetup>,
    answers: mpsc::Sender<Told>,
    token: Option<(HeldToken, AccessToken)>,
    /// What was wrong with the token file last, so that it is said once.
    token_error: Option<String>,
    generation: u64,
    turns: Turns,
    stop: watch::Receiver<bool>,
    watchers: Vec<Watcher>,
}

/// What a shift is made of.
pub struct ShiftParts {
    /// The desk.
    pub desk: Desk,
    /// The websockets.
    pub sockets: Sockets,
    /// The broker.
    pub broker: Arc<Broker>,
    /// The engine.
    pub engine: EngineHandle,
    /// Universe and engine's settings, as they change; the desk was made with what is in it.
    pub settings: watch::Receiver<Arc<Settings>>,
    /// Where the ticks of each frame are counted.
    pub batch_sizes: Option<Histogram>,
    /// Where it is shown whether there is a whitelist for the session.
    pub whitelist_valid: Option<Gauge>,
    /// The session that the tape holds open.
    pub resume: Option<OpenSession>,
    /// The turn to begin a session.
    pub turns: Turns,
    /// True when the shift is to end.
    pub stop: watch::Receiver<bool>,
}

impl Shift {
    /// A shift and the queue of the broker's answers.
    pub fn new(parts: ShiftParts) -> (Self, mpsc::Receiver<Told>) {
        let (answers, told) = mpsc::channel(ANSWERS_MAX);
        let ShiftParts {
            desk,
            sockets,
            broker,
            engine,
            mut settings,
            batch_sizes,
            whitelist_valid,
            resume,
            turns,
            stop,
        } = parts;
        let known = settings.borrow_and_update().clone();
        let shift = Self {
            desk,
            sockets,
            broker,
            engine,
            settings,
            known,
            batch_sizes,
            whitelist_valid,
            resume,
            trades: None,
            answers,
            token: None,
            token_error: None,
            generation: 0,
            turns,
            stop,
            watchers: Vec::new(),
        };
        (shift, told)
    }

    /// Someone who is shown the desk after each passing of time; for probes.
    pub fn watch(&mut self, watcher: impl FnMut(&Desk, Ts) + Send + 'static) {
        self.watchers.push(Box::new(watcher));
    }

    /// Takes up what the tape holds open. The driver carries out what is returned.
    ///
    /// # Errors
    /// [`ShiftError::Engine`] when the engine has ended.
    pub async fn begin(&mut self, now: Ts) -> Result<Vec<Action>, ShiftError> {
        self.ask_held().await?;
        let token = self.token().flatten();
        let mut actions = self.desk.happened(Happened::Token(token), now);
        if let Some(mut open) = self.resume.take() {
            let setup = open.desk.take();
            let legs = setup.as_ref().map(|setup| legs(setup, &open.instruments)).unwrap_or_default();
            self.show_whitelist(setup.as_ref(), open.date);
            self.trades = setup;
            actions.extend(self.desk.happened(Happened::Legs(legs), now));
            actions.extend(self.desk.resume(open, now));
            // The files may have changed while no daemon was there to be told.
            let known = self.known.clone();
            actions.extend(self.change_desk(&known.desk, now));
        }
        Ok(actions)
    }

    /// A way to know when settings have changed.
    pub fn settings(&self) -> watch::Receiver<Arc<Settings>> {
        self.settings.clone()
    }

    /// Takes up settings that have changed. An open session is told; a universe goes to the desk.
    pub fn take_settings(&mut self, now: Ts) -> Vec<Action> {
        if !self.settings.has_changed().unwrap_or(false) {
            return Vec::new();
        }
        let new = self.settings.borrow_and_update().clone();
        let old = std::mem::replace(&mut self.known, new.clone());
        let mut actions = Vec::new();
        if old.engine != new.engine && self.desk.facts(now).open {
            actions.push(Action::Inputs(vec![Input::ConfigChanged(new.engine.clone())]));
        }
        if old.universe != new.universe {
            actions.extend(self.desk.happened(Happened::Universe(new.universe.clone()), now));
        }
        // The files were read when the session was opened, too: what counts is what it trades by.
        actions.extend(self.change_desk(&new.desk, now));
        actions
    }

    /// Tells an open session what the files of the desk say now, where that is something else.
    fn change_desk(&mut self, files: &DeskFiles, now: Ts) -> Vec<Action> {
        let Some((date, instruments)) = self.desk.session() else { return Vec::new() };
        let Some(trades) = &self.trades else { return Vec::new() };
        let made = setup(date, files, instruments);
        made.log(date);
        let (changed, notes) = change(trades, made.desk);
        notes.iter().for_each(Note::log);
        if changed == *trades {
            return Vec::new();
        }
        let legs = legs(&changed, instruments);
        self.show_whitelist(Some(&changed), date);
        self.trades = Some(changed.clone());
        let mut actions = vec![Action::Inputs(vec![Input::DeskChanged(Box::new(changed))])];
        actions.extend(self.desk.happened(Happened::Legs(legs), now));
        actions
    }

    /// Shows whether there is a whitelist for a session.
    fn show_whitelist(&self, setup: Option<&DeskSetup>, date: SessionDate) {
        if let Some(gauge) = &self.whitelist_valid {
            let valid = setup.is_some_and(|setup| {
                setup.whitelist_date == Some(date) && setup.pairs.iter().any(|pair| !pair.exit_only)
            });
            gauge.set(f64::from(u8::from(valid)));
        }
    }

    /// Asks the engine which positions the next session carries over: they are subscribed, whatever the universe says.
    async fn ask_held(&mut self) -> Result<(), ShiftError> {
        let held = self.engine.ask(Appliance::held).await?;
        self.desk.hold(held);
        Ok(())
    }

    /// Tells the watchers that time has passed.
    pub fn passed(&mut self, now: Ts) {
        for watcher in &mut self.watchers {
            watcher(&self.desk, now);
        }
    }

    /// Whether it is to end.
    pub fn is_stopping(&self) -> bool {
        *self.stop.borrow()
    }

    /// Comes back when it is to end.
    pub async fn stopped(stop: &mut watch::Receiver<bool>) {
        // Nobody who could ask for it any more is as good as being asked.
        let _ = stop.wait_for(|stop| *stop).await;
    }

    /// A way to know when it is to end.
    pub fn stop_signal(&self) -> watch::Receiver<bool> {
        self.stop.clone()
    }

    /// Reads the token file; `None` when it holds what it held before.
    pub fn token(&mut self) -> Option<Option<HeldToken>> {
        let found = match self.broker.read_token() {
            Ok(found) => {
                if self.token_error.take().is_some() {
                    self.desk.token_file(None);
                }
                found
            }
            Err(error) => {
                let error = error.to_string();
                if self.token_error.as_ref() != Some(&error) {
                    tracing::error!(%error, "the access token cannot be used");
                }
                self.desk.token_file(Some(error.clone()));
                self.token_error = Some(error);
                // What was good a moment ago still is: the file is to be mended, and is no reason to stop.
                if self.generation > 0 {
                    return None;
                }
                None
            }
        };
        let known = self.token.as_ref().map(|(_, token)| token);
        if known == found.as_ref() && (known.is_some() || self.generation > 0) {
            return None;
        }
        self.generation += 1;
        let generation = self.generation;
        self.token = found.map(|token| (HeldToken { generation, valid_until: token.valid_until() }, token));
        Some(self.token.as_ref().map(|(facts, _)| *facts))
    }

    /// Tells the desk what came on a websocket.
    pub fn heard(&mut self, feed: FeedId, dial: u64, what_came: &FromSocket, now: Ts) -> Vec<Action> {
        let what = match what_came {
            FromSocket::Opened => Happened::Opened(feed, dial),
            FromSocket::Refused { status, body } => Happened::Refused(feed, dial, *status, body),
            FromSocket::Binary(bytes) => Happened::Binary(feed, dial, bytes),
            FromSocket::Text(text) => Happened::Text(feed, dial, text),
            FromSocket::Closed(why) => Happened::Lost(feed, dial, why),
        };
        let actions = self.desk.happened(what, now);
        if let (FromSocket::Binary(_), Some(sizes)) = (what_came, &self.batch_sizes) {
            let ticks = ticks(&actions);
            if ticks > 0 {
                sizes.observe(ticks as f64);
            }
        }
        actions
    }

    /// Tells the desk what the broker said.
    pub fn told(&mut self, told: Told, now: Ts) -> Vec<Action> {
        let what = match told {
            Told::Instruments(listed) => Happened::Listed(listed),
            Told::TokenHolds(holds) => Happened::TokenVerdict(holds),
            Told::Book(book) => Happened::Book(book),
        };
        self.desk.happened(what, now)
    }

    /// Dials; `false` when there is no token to dial with.
    pub fn dial(&mut self, feed: FeedId, dial: u64) -> bool {
        let Some((_, token)) = &self.token else { return false };
        self.sockets.dial(feed, dial, self.broker.websocket(token));
        true
    }

    /// Asks the broker on a task of its own; how many requests that takes at least.
    pub fn ask(&self, question: Question) -> u64 {
        let requests = match question {
            Question::Instruments(date) => u64::from(!self.broker.keeps(date)),
            Question::TokenHolds => u64::from(self.token.is_some()),
            // Trades are asked for once the orders are there.
            Question::Book => u64::from(self.token.is_some()),
        };
        let (broker, answers) = (Arc::clone(&self.broker), self.answers.clone());
        let token = self.token.as_ref().map(|(_, token)| token.clone());
        tokio::spawn(async move {
            let told = match question {
                Question::Instruments(date) => Told::Instruments(broker.instruments(date, token.as_ref()).await),
                Question::TokenHolds => Told::TokenHolds(match &token {
                    Some(token) => broker.token_holds(token).await,
                    None => Some(false),
                }),
                Question::Book => Told::Book(match &token {
                    Some(token) => broker.book(token).await,
                    None => Err("no token".to_owned()),
                }),
            };
            // A shift that has ended wants no answer.
            let _ = answers.send(told).await;
        });
        requests
    }

    /// Hands the engine what is for it.
    ///
    /// # Errors
    /// [`ShiftError::Engine`] when the engine has ended.
    pub async fn put(&mut self, action: Action, now: Ts) -> Result<(), ShiftError> {
        match action {
            Action::Inputs(inputs) => {
                inputs.iter().for_each(log);
                self.engine.send(Work::Inputs(inputs)).await?;
            }
            Action::Open(opening) => self.open(*opening, now).await?,
            Action::Close(date) => self.close(date).await?,
            Action::Dial(..)
            | Action::Send(..)
            | Action::HangUp(_)
            | Action::Fetch(_)
            | Action::Doubt
            | Action::Book => {}
        }
        Ok(())
    }

    async fn open(&mut self, opening: Opening, now: Ts) -> Result<(), ShiftError> {
        let Opening { day, feeds, instruments } = opening;
        tracing::info!(date = %day.date, instruments = instruments.len(), day = day.calendar.name, "the session is open");
        let SessionDay { date, calendar, .. } = day;
        let made = setup(date, &read_desk(self.known.clone()).await, &instruments);
        made.log(date);
        let draft = SessionDraft {
            date,
            calendar,
            config: self.known.engine.clone(),
            feeds,
            instruments: instruments.clone(),
            opening: Vec::new(),
            desk: Some(made.desk),
        };
        // No command may be at work on a session of its own meanwhile.
        let _turn = self.turns.claim("the live session", PATIENCE).await;
        let LiveSession { desk, notes, .. } = self.engine.open_session(draft).await?;
        notes.iter().for_each(Note::log);
        let legs = desk.as_ref().map(|desk| legs(desk, &instruments)).unwrap_or_default();
        self.show_whitelist(desk.as_ref(), date);
        self.trades = desk;
        // What is subscribed stays the same, so there is nothing to be done for it.
        let nothing = self.desk.happened(Happened::Legs(legs), now);
        debug_assert!(nothing.is_empty(), "{nothing:?}");
        Ok(())
    }

    async fn close(&mut self, date: SessionDate) -> Result<(), ShiftError> {
        tracing::info!(%date, "the session is closed");
        let closed = SessionClosed { date, reason: CloseReason::Complete };
        self.engine.send(Work::Inputs(vec![Input::SessionClosed(closed)])).await?;
        self.trades = None;
        self.ask_held().await
    }
}

/// The files of the desk as they are now; as they were read last where limits or charges are refused.
async fn read_desk(known: Arc<Settings>) -> DeskFiles {
    let paths = known.paths.clone();
    match tokio::task::spawn_blocking(move || DeskFiles::load(&paths)).await {
        Ok(Ok(files)) => return files,
        Ok(Err(error)) => tracing::error!(%error, "limits and charges stay what they were"),
        Err(error) => tracing::error!(%error, "the files of the pairs desk stay what they were"),
    }
    known.desk.clone()
}

/// The symbols of a setup's legs.
fn legs(setup: &DeskSetup, instruments: &[Instrument]) -> BTreeSet<String> {
    let of = |id: InstrumentId| instruments.get(id.index()).map(|of| of.symbol.clone());
    setup.pairs.iter().flat_map(|pair| [of(pair.leg_a), of(pair.leg_b)]).flatten().collect()
}

/// Ticks among what is to go onto the tape.
fn ticks(actions: &[Action]) -> usize {
    let inputs =
        actions.iter().filter_map(|action| if let Action::Inputs(inputs) = action { Some(inputs) } else { None });
    inputs.flatten().filter(|input| matches!(input, Input::Tick(_))).count()
}

/// What a person at the log wants to know of what goes onto the tape.
fn log(input: &Input) {
    match input {
        Input::FeedReport(report) => {
            let FeedReport { feed, what, count, detail, .. } = &**report;
            let (feed, what) = (feed.0, what.name());
            match report.what {
                FeedHappening::Connected | FeedHappening::Whole => tracing::info!(feed, what, "feed"),
                FeedHappening::Subscribed => tracing::info!(feed, what, count, "feed"),
                FeedHappening::Lost | FeedHappening::Refused | FeedHappening::TokenRefused => {
                    tracing::warn!(feed, what, detail, "feed");
                }
                FeedHappening::OrderUpdate | FeedHappening::BrokerMessage | FeedHappening::StaleFirstTick => {
                    tracing::info!(feed, what, count, detail, "feed");
                }
                FeedHappening::Mute
                | FeedHappening::Silent
                | FeedHappening::BadFrame
                | FeedHappening::UnknownPacket
                | FeedHappening::Untimed
                | FeedHappening::Unlisted
                | FeedHappening::StaleInstrument
                | FeedHappening::ClockSkew
                | FeedHappening::BrokerError
                | FeedHappening::UnknownText => tracing::warn!(feed, what, count, detail, "feed"),
            }
        }
        Input::FeedGap(gap) => {
            let seconds = gap.to.secs().saturating_sub(gap.from.secs());
            tracing::warn!(feed = gap.feed.0, cause = gap.cause.name(), seconds, "a gap is on the tape");
        }
        Input::InstrumentsFetched(fetched) => {
            tracing::info!(rows = fetched.rows, changes = fetched.changes.len(), "the day's instruments");
            let unlisted = |change: &&InstrumentChange| change.before.is_empty() && change.after.is_empty();
            let symbols: Vec<&str> =
                fetched.changes.iter().filter(unlisted).map(|change| change.symbol.as_str()).collect();
            if !symbols.is_empty() {
                let count = symbols.len();
                let first = symbols.get(..count.min(NAMED_MAX)).unwrap_or_default().join(", ");
                tracing::warn!(count, first, "the universe has symbols that the broker does not list");
            }
            for InstrumentChange { symbol, what, before, after } in
                fetched.changes.iter().filter(|change| !unlisted(change))
            {
                tracing::warn!(symbol, what = what.name(), before, after, "an instrument has changed");
            }
        }
        Input::SessionOpened(_)
        | Input::SessionClosed(_)
        | Input::InstrumentListed(_)
        | Input::ConfigChanged(_)
        | Input::ClockMark(_)
        | Input::Tick(_)
        | Input::ImportStarted(_)
        | Input::ImportFinished(_)
        | Input::OutsideBar(_)
        | Input::OperatorCommand(_)
        | Input::ReconRun(_)
        | Input::ReconDifference(_)
        | Input::DeskChanged(_)
        | Input::GatewayReport(_)
        | Input::BrokerTrade(_)
        | Input::HealRun(_)
        | Input::BarCorrection(_) => {}
        Input::BrokerOrder(order) => {
            let ours = order.tag.as_deref().and_then(OrderId::parse).is_some();
            let (number, symbol, words) = (&order.broker_order, &order.symbol, &order.words);
            if ours {
                tracing::info!(number, symbol, words, "the broker tells of an order");
            } else {
                tracing::warn!(
                    number,
                    symbol,
                    words,
                    "an order that is not barkeep's: logged, and no position follows it"
                );
            }
        }
    }
}
