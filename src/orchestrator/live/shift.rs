//! A shift: the desk and the hands it works with, whichever clock it lives by.
//!
//! What it is: each action of the desk carried out, each thing that came told to the desk. What it never does: decide, or
//! wait for time: the drivers do that. A request runs on a task of its own and its answer comes by a queue.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use barkeep_schemas::{
    CloseReason, EngineConfig, FeedHappening, FeedId, FeedReport, Input, InstrumentChange, SessionClosed, SessionDate,
    Ts,
};
use barkeep_zerodha::instruments::Listing;
use barkeep_zerodha::socket::FromSocket;
use barkeep_zerodha::token::AccessToken;
use prometheus::Histogram;
use tokio::sync::{mpsc, watch};

use super::desk::{Action, Desk, Happened, HeldToken, OpenSession, Opening};
use super::schedule::SessionDay;
use super::sockets::Sockets;
use crate::orchestrator::appliance::SessionDraft;
use crate::orchestrator::broker::Broker;
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
}

/// What the broker said.
#[derive(Debug)]
pub enum Told {
    /// The list, or why there is none.
    Instruments(Result<Listing, String>),
    /// Whether the token holds; `None` when it could not be asked.
    TokenHolds(Option<bool>),
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
    resume: Option<OpenSession>,
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
        let ShiftParts { desk, sockets, broker, engine, mut settings, batch_sizes, resume, turns, stop } = parts;
        let known = settings.borrow_and_update().clone();
        let shift = Self {
            desk,
            sockets,
            broker,
            engine,
            settings,
            known,
            batch_sizes,
            resume,
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
    pub fn begin(&mut self, now: Ts) -> Vec<Action> {
        let token = self.token().flatten();
        let mut actions = self.desk.happened(Happened::Token(token), now);
        if let Some(open) = self.resume.take() {
            actions.extend(self.desk.resume(open, now));
        }
        actions
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
        actions
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
    pub async fn put(&mut self, action: Action) -> Result<(), ShiftError> {
        match action {
            Action::Inputs(inputs) => {
                inputs.iter().for_each(log);
                self.engine.send(Work::Inputs(inputs)).await?;
            }
            Action::Open(opening) => self.open(*opening).await?,
            Action::Close(date) => self.close(date).await?,
            Action::Dial(..) | Action::Send(..) | Action::HangUp(_) | Action::Fetch(_) | Action::Doubt => {}
        }
        Ok(())
    }

    async fn open(&mut self, opening: Opening) -> Result<(), ShiftError> {
        let Opening { day, feeds, instruments } = opening;
        tracing::info!(date = %day.date, instruments = instruments.len(), day = day.calendar.name, "the session is open");
        let SessionDay { date, calendar, .. } = day;
        let draft =
            SessionDraft { date, calendar, config: self.known.engine.clone(), feeds, instruments, opening: Vec::new() };
        // No command may be at work on a session of its own meanwhile.
        let _turn = self.turns.claim("the live session", PATIENCE).await;
        self.engine.open_session(draft).await?;
        Ok(())
    }

    async fn close(&mut self, date: SessionDate) -> Result<(), ShiftError> {
        tracing::info!(%date, "the session is closed");
        let closed = SessionClosed { date, reason: CloseReason::Complete };
        self.engine.send(Work::Inputs(vec![Input::SessionClosed(closed)])).await?;
        Ok(())
    }
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
        | Input::BrokerOrder(_)
        | Input::BrokerTrade(_) => {}
    }
}
