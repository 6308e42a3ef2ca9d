//! The facts by which services are judged, and the ends from which they are told.
//!
//! Each fact has one owner, who holds the only end that tells it: the engine's thread, the feed, the schedule, whoever
//! keeps the token, whoever counts reconciliations. Telling never waits: it is a store of a number or of a value. Readers
//! take a copy of all, [`Facts`], and judge that: `readiness`, `liveness`. What it never does: judge.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use barkeep_schemas::{DayCalendar, Seq, SessionDate, Ts};
use tokio::sync::watch;

use super::pulse::Pulse;
use crate::monitoring::metrics::Service;
use crate::orchestrator::calendar::{Calendar, CalendarError, ClosedReason, DayKind};

/// No moment yet.
const NEVER: i64 = i64::MIN;

/// All facts as they are at a moment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Facts {
    /// When the process began.
    pub started: Ts,
    /// The engine's thread.
    pub engine: EngineFacts,
    /// The feed.
    pub feed: FeedFacts,
    /// The session.
    pub session: Arc<SessionFacts>,
    /// The token.
    pub token: TokenFacts,
    /// Whoever counts what was reconciled.
    pub recon: ReconFacts,
}

/// The engine's thread and the tape behind it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EngineFacts {
    /// What it is doing.
    pub state: EngineState,
    /// When it last turned; it does so at least once a second, busy or not.
    pub turned: Option<Ts>,
    /// The last durable position.
    pub durable: Seq,
    /// Inputs that were accepted and are not durable.
    pub backlog: u64,
}

/// What the engine is doing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum EngineState {
    /// The tape is being opened: repaired, the tail derived again and compared.
    Opening,
    /// It takes inputs.
    Running,
    /// It was told to stop.
    Stopping,
    /// It halted and will not go on.
    Halted {
        /// Why, as in `fatal REASON: …`.
        reason: String,
    },
}

/// The feed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct FeedFacts {
    /// Connections that are needed.
    pub wanted: u32,
    /// Connections that stand and are subscribed.
    pub up: u32,
    /// Instruments subscribed.
    pub instruments: u32,
    /// When anything last came, heartbeats included.
    pub heard: Option<Ts>,
    /// When a tick last came.
    pub tick: Option<Ts>,
    /// Why the broker refused the last attempt to connect.
    pub refusal: Option<String>,
    /// Why the day's list of instruments cannot be had; `None` when it is there or nobody has asked yet.
    pub no_list: Option<String>,
    /// Messages between the sockets and the engine.
    pub queue: u64,
}

/// Whoever counts what was reconciled.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReconFacts {
    /// How far it is.
    pub state: ReconState,
    /// Durable events that it has not taken.
    pub behind: u64,
    /// Whether any reconciliation is on the tape.
    pub any: bool,
}

/// How far the counting of reconciliations is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ReconState {
    /// It reads what the tape holds.
    Reading,
    /// It takes what becomes durable.
    Following,
    /// The tape cannot be read; it is tried again.
    Failed {
        /// Why not.
        why: String,
    },
}

/// What day it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SessionFacts {
    /// The date, IST.
    pub date: SessionDate,
    /// Whether the exchange trades on it, and when.
    pub day: Day,
    /// When the first phase of the next session after this date begins, where the calendar says.
    pub next_open: Option<Ts>,
    /// Whether the date's session is open on the tape.
    pub open_on_tape: bool,
}

/// A date of the calendar.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Day {
    /// The exchange trades.
    Session(DayCalendar),
    /// The exchange does not trade.
    Closed(ClosedReason),
    /// The calendar does not hold the date.
    Unknown {
        /// What it says.
        why: String,
    },
}

/// The access token.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TokenFacts {
    /// None is needed, as with a recorded feed.
    NotNeeded,
    /// There is none.
    Missing,
    /// There is a file and it cannot be used.
    Unusable {
        /// Why, and what to do.
        why: String,
    },
    /// It is good until then.
    Valid {
        /// When it dies.
        until: Ts,
    },
    /// It died then.
    Expired {
        /// When it died.
        at: Ts,
    },
    /// The broker refused it.
    Refused {
        /// When.
        at: Ts,
    },
}

impl SessionFacts {
    /// What a calendar says of a date.
    pub fn on(calendar: &Calendar, date: SessionDate, open_on_tape: bool) -> Self {
        let day = match calendar.day(date) {
            Ok(DayKind::Session(day)) => Day::Session(day),
            Ok(DayKind::Closed { reason }) => Day::Closed(reason),
            Err(error) => Day::Unknown { why: error.to_string() },
        };
        Self { date, day, next_open: next_open(calendar, date).ok().flatten(), open_on_tape }
    }

    /// The first phase's beginning and the last one's end over all classes; `None` on a day without a session.
    pub fn hours(&self) -> Option<(Ts, Ts)> {
        match &self.day {
            Day::Session(day) => hours(day),
            Day::Closed(_) | Day::Unknown { .. } => None,
        }
    }
}

fn hours(day: &DayCalendar) -> Option<(Ts, Ts)> {
    let phases = || day.classes.iter().flat_map(|class| class.phases.iter());
    Some((phases().map(|span| span.start).min()?, phases().map(|span| span.end).max()?))
}

fn next_open(calendar: &Calendar, after: SessionDate) -> Result<Option<Ts>, CalendarError> {
    let Some(next) = calendar.next_session(after) else { return Ok(None) };
    Ok(match calendar.day(next)? {
        DayKind::Session(day) => hours(&day).map(|(open, _)| open),
        DayKind::Closed { .. } => None,
    })
}

/// How many wait, asked when somebody wants to know.
pub type Depth = Arc<dyn Fn() -> u64 + Send + Sync>;

struct Numbers {
    started: Ts,
    turned: AtomicI64,
    durable: AtomicU64,
    backlog: OnceLock<Depth>,
    wanted: AtomicU32,
    up: AtomicU32,
    instruments: AtomicU32,
    heard: AtomicI64,
    tick: AtomicI64,
    queue: OnceLock<Depth>,
    recon_after: AtomicU64,
    recon_any: AtomicBool,
    pulses: [OnceLock<Pulse>; Service::ALL.len()],
}

/// The end that reads. Clones read the same.
#[derive(Clone)]
pub struct Board {
    numbers: Arc<Numbers>,
    state: watch::Receiver<EngineState>,
    session: watch::Receiver<Arc<SessionFacts>>,
    token: watch::Receiver<TokenFacts>,
    refusal: watch::Receiver<Option<String>>,
    no_list: watch::Receiver<Option<String>>,
    recon: watch::Receiver<ReconState>,
}

/// The ends that tell, one for each owner.
pub struct Tellers {
    /// For the engine's thread.
    pub engine: EngineTeller,
    /// For the feed.
    pub feed: FeedTeller,
    /// For the schedule.
    pub session: SessionTeller,
    /// For whoever keeps the token.
    pub token: TokenTeller,
    /// For whoever counts what was reconciled.
    pub recon: ReconTeller,
}

/// A board, and the ends that tell it.
pub fn board(started: Ts, session: SessionFacts, token: TokenFacts) -> (Tellers, Board) {
    let numbers = Arc::new(Numbers {
        started,
        turned: AtomicI64::new(NEVER),
        durable: AtomicU64::new(0),
        backlog: OnceLock::new(),
        wanted: AtomicU32::new(0),
        up: AtomicU32::new(0),
        instruments: AtomicU32::new(0),
        heard: AtomicI64::new(NEVER),
        tick: AtomicI64::new(NEVER),
        queue: OnceLock::new(),
        recon_after: AtomicU64::new(0),
        recon_any: AtomicBool::new(false),
        pulses: [const { OnceLock::new() }; Service::ALL.len()],
    });
    let (tells_state, state) = watch::channel(EngineState::Opening);
    let (tells_session, session) = watch::channel(Arc::new(session));
    let (tells_token, token) = watch::channel(token);
    let (tells_refusal, refusal) = watch::channel(None);
    let (tells_no_list, no_list) = watch::channel(None);
    let (tells_recon, recon) = watch::channel(ReconState::Reading);
    let tellers = Tellers {
        engine: EngineTeller { numbers: numbers.clone(), state: tells_state },
        feed: FeedTeller { numbers: numbers.clone(), refusal: tells_refusal, no_list: tells_no_list },
        session: SessionTeller { session: tells_session },
        token: TokenTeller { token: tells_token },
        recon: ReconTeller { numbers: numbers.clone(), state: tells_recon },
    };
    (tellers, Board { numbers, state, session, token, refusal, no_list, recon })
}

impl Board {
    /// A copy of all facts.
    pub fn facts(&self) -> Facts {
        let numbers = &*self.numbers;
        let depth = |depth: &OnceLock<Depth>| depth.get().map_or(0, |depth| depth());
        let durable = numbers.durable.load(Ordering::Relaxed);
        Facts {
            started: numbers.started,
            engine: EngineFacts {
                state: self.state.borrow().clone(),
                turned: moment(&numbers.turned),
                durable: Seq(durable),
                backlog: depth(&numbers.backlog),
            },
            feed: FeedFacts {
                wanted: numbers.wanted.load(Ordering::Relaxed),
                up: numbers.up.load(Ordering::Relaxed),
                instruments: numbers.instruments.load(Ordering::Relaxed),
                heard: moment(&numbers.heard),
                tick: moment(&numbers.tick),
                refusal: self.refusal.borrow().clone(),
                no_list: self.no_list.borrow().clone(),
                queue: depth(&numbers.queue),
            },
            session: self.session.borrow().clone(),
            token: self.token.borrow().clone(),
            recon: ReconFacts {
                state: self.recon.borrow().clone(),
                behind: durable.saturating_sub(numbers.recon_after.load(Ordering::Relaxed)),
                any: numbers.recon_any.load(Ordering::Relaxed),
            },
        }
    }

    /// The heartbeat of the task that is a service's own, where it has one.
    pub fn pulse(&self, service: Service) -> Option<&Pulse> {
        self.numbers.pulses.get(service.index()).and_then(OnceLock::get)
    }

    /// Lets a service be judged by the heartbeat of its task; the first one given stays.
    pub fn watch_pulse(&self, service: Service, pulse: Pulse) {
        if let Some(place) = self.numbers.pulses.get(service.index()) {
            let _ = place.set(pulse);
        }
    }
}

fn moment(number: &AtomicI64) -> Option<Ts> {
    Some(number.load(Ordering::Relaxed)).filter(|number| *number != NEVER).map(Ts::new)
}

/// Tells of the engine.
pub struct EngineTeller {
    numbers: Arc<Numbers>,
    state: watch::Sender<EngineState>,
}

impl EngineTeller {
    /// How many inputs wait or are not durable yet is asked there; the first one given stays.
    pub fn backlog_is(&self, depth: Depth) {
        let _ = self.numbers.backlog.set(depth);
    }

    /// What the engine is doing.
    pub fn state(&self, state: EngineState) {
        self.state.send_replace(state);
    }

    /// The thread turned: it did some work, or looked and found none. At least once a second.
    pub fn turned(&self, now: Ts) {
        self.numbers.turned.store(now.get(), Ordering::Relaxed);
    }

    /// All up to here is durable.
    pub fn durable(&self, seq: Seq) {
        self.numbers.durable.store(seq.0, Ordering::Relaxed);
    }
}

/// Tells of the feed.
pub struct FeedTeller {
    numbers: Arc<Numbers>,
    refusal: watch::Sender<Option<String>>,
    no_list: watch::Sender<Option<String>>,
}

impl FeedTeller {
    /// How many messages wait is asked there; the first one given stays.
    pub fn queue_is(&self, depth: Depth) {
        let _ = self.numbers.queue.set(depth);
    }

    /// So many connections of so many stand and are subscribed, for so many instruments.
    pub fn connections(&self, up: u32, wanted: u32, instruments: u32) {
        self.numbers.up.store(up, Ordering::Relaxed);
        self.numbers.wanted.store(wanted, Ordering::Relaxed);
        self.numbers.instruments.store(instruments, Ordering::Relaxed);
    }

    /// Something came: a heartbeat, or ticks.
    pub fn heard(&self, now: Ts, ticks: bool) {
        self.numbers.heard.store(now.get(), Ordering::Relaxed);
        if ticks {
            self.numbers.tick.store(now.get(), Ordering::Relaxed);
        }
    }

    /// Why the last attempt to connect was refused; `None` when it was not. Never a secret.
    pub fn refusal(&self, why: Option<String>) {
        self.refusal.send_replace(why);
    }

    /// Why the day's list of instruments cannot be had; `None` when it can.
    pub fn no_list(&self, why: Option<String>) {
        self.no_list.send_replace(why);
    }
}

/// Tells what day it is.
pub struct SessionTeller {
    session: watch::Sender<Arc<SessionFacts>>,
}

impl SessionTeller {
    /// Another day began, or the session was opened or closed.
    pub fn tell(&self, session: SessionFacts) {
        self.session.send_replace(Arc::new(session));
    }
}

/// Tells of the token.
pub struct TokenTeller {
    token: watch::Sender<TokenFacts>,
}

impl TokenTeller {
    /// There is another token, or none.
    pub fn tell(&self, token: TokenFacts) {
        self.token.send_replace(token);
    }
}

/// Tells of the counting of reconciliations.
pub struct ReconTeller {
    numbers: Arc<Numbers>,
    state: watch::Sender<ReconState>,
}

impl ReconTeller {
    /// How far it is.
    pub fn state(&self, state: ReconState) {
        self.state.send_replace(state);
    }

    /// All up to here is counted, and whether any reconciliation was among it.
    pub fn counted(&self, seq: Seq, any: bool) {
        self.numbers.recon_after.store(seq.0, Ordering::Relaxed);
        self.numbers.recon_any.store(any, Ordering::Relaxed);
    }
}
