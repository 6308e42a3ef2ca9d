//! Whether a service can do its work, and what keeps it from it: a pure function of the facts and the time.
//!
//! What it never does: read a clock, or ask anybody. Judged by progress: of the engine, of the feed inside the hours of
//! the session. On a day without a session, before it and after it there is nothing to do, and a service that has nothing
//! to do is ready; the reason then says why it is quiet.

use std::fmt;

use barkeep_schemas::{InstrumentClass, NANOS, Phase, Ts};

use super::facts::{Day, EngineState, Facts, ReconFacts, ReconState, SessionFacts, TokenFacts};
use crate::monitoring::metrics::Service;
use crate::orchestrator::calendar::ClosedReason;

/// How long things may take before they count as wrong, in nanoseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Patience {
    /// Between two turns of the engine's thread.
    pub turn: i64,
    /// Without anything from the broker.
    pub mute: i64,
    /// Without a tick in continuous trading.
    pub silent: i64,
    /// Before a session's first phase, from when on a token and connections are expected.
    pub ahead: i64,
    /// After the process began, for the first ticks.
    pub start: i64,
}

impl Default for Patience {
    fn default() -> Self {
        Self { turn: 5 * NANOS, mute: 10 * NANOS, silent: 10 * NANOS, ahead: 1_800 * NANOS, start: 10 * NANOS }
    }
}

/// Inputs, or events, that wait before that is told as a reason.
const BACKLOG_MAX: u64 = 200_000;

/// Something that keeps services from their work, or that explains why they are quiet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reason {
    /// The tape is being opened.
    TapeOpening,
    /// barkeep was told to stop.
    Stopping,
    /// The engine halted.
    Halted {
        /// Why.
        reason: String,
    },
    /// The engine's thread does not turn.
    EngineStuck {
        /// For how long.
        nanos: i64,
        /// What waits.
        backlog: u64,
    },
    /// More waits than should.
    Behind {
        /// How many inputs.
        backlog: u64,
    },
    /// The calendar does not hold the date.
    CalendarEnds {
        /// What it says.
        why: String,
    },
    /// The exchange trades, and the tape has no open session.
    SessionNotOpen {
        /// Since when.
        since: Ts,
        /// Why the list of instruments, without which none is opened, cannot be had.
        no_list: Option<String>,
    },
    /// There is no usable token when one is needed, or none for the next session.
    NoToken {
        /// What is known of it.
        token: TokenFacts,
        /// Whether it is needed by now.
        needed: bool,
    },
    /// Connections are down.
    NotConnected {
        /// How many stand.
        up: u32,
        /// Of how many.
        wanted: u32,
        /// Why the broker refused.
        refusal: Option<String>,
    },
    /// Nothing comes, not even heartbeats.
    FeedMute {
        /// For how long.
        nanos: i64,
    },
    /// No ticks come, in continuous trading.
    FeedSilent {
        /// For how long.
        nanos: i64,
    },
    /// The exchange does not trade today.
    NoSession {
        /// Why not: `holiday Diwali`, `Saturday`.
        why: String,
        /// When it does next.
        next_open: Option<Ts>,
    },
    /// Today's session has not begun.
    BeforeSession {
        /// When it does.
        opens: Ts,
    },
    /// Today's session is over.
    AfterSession {
        /// When it ended.
        ended: Ts,
        /// When the next begins.
        next_open: Option<Ts>,
    },
    /// What the tape holds of reconciliations is still being read.
    TapeUnread,
    /// It cannot be read.
    TapeUnreadable {
        /// Why.
        why: String,
    },
    /// The counting of reconciliations is not where the tape is.
    NotCounted {
        /// Durable events that it has not taken.
        behind: u64,
    },
    /// There is none to show.
    NothingReconciled,
}

impl Reason {
    /// Whether it keeps services from their work; else it explains why they are quiet.
    pub const fn blocks(&self) -> bool {
        match self {
            Self::TapeOpening
            | Self::Stopping
            | Self::Halted { .. }
            | Self::EngineStuck { .. }
            | Self::Behind { .. }
            | Self::CalendarEnds { .. }
            | Self::SessionNotOpen { .. }
            | Self::NotConnected { .. }
            | Self::FeedMute { .. }
            | Self::FeedSilent { .. }
            | Self::TapeUnread
            | Self::TapeUnreadable { .. }
            | Self::NotCounted { .. } => true,
            Self::NoToken { needed, .. } => *needed,
            Self::NoSession { .. }
            | Self::BeforeSession { .. }
            | Self::AfterSession { .. }
            | Self::NothingReconciled => false,
        }
    }

    /// The name for scripts.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::TapeOpening => "tape_opening",
            Self::Stopping => "stopping",
            Self::Halted { .. } => "halted",
            Self::EngineStuck { .. } => "engine_stuck",
            Self::Behind { .. } => "behind",
            Self::CalendarEnds { .. } => "calendar_ends",
            Self::SessionNotOpen { .. } => "session_not_open",
            Self::NoToken { .. } => "no_token",
            Self::NotConnected { .. } => "not_connected",
            Self::FeedMute { .. } => "feed_mute",
            Self::FeedSilent { .. } => "feed_silent",
            Self::NoSession { .. } => "no_session",
            Self::BeforeSession { .. } => "before_session",
            Self::AfterSession { .. } => "after_session",
            Self::TapeUnread => "tape_unread",
            Self::TapeUnreadable { .. } => "tape_unreadable",
            Self::NotCounted { .. } => "not_counted",
            Self::NothingReconciled => "nothing_reconciled",
        }
    }

    /// Whether it is about the work of a service. Whoever stands behind the engine has nothing to take when the feed is
    /// down, and says so by the appliance and the feed alone. What was reconciled can be shown whatever the hour and whatever
    /// the engine does.
    pub fn concerns(&self, service: Service) -> bool {
        match self {
            Self::TapeOpening | Self::Stopping | Self::Halted { .. } => true,
            Self::EngineStuck { .. }
            | Self::Behind { .. }
            | Self::NoSession { .. }
            | Self::BeforeSession { .. }
            | Self::AfterSession { .. }
            | Self::CalendarEnds { .. }
            | Self::SessionNotOpen { .. } => service != Service::ReconExporter,
            Self::NoToken { .. } | Self::NotConnected { .. } | Self::FeedMute { .. } | Self::FeedSilent { .. } => {
                matches!(service, Service::Appliance | Service::ZerodhaWs)
            }
            Self::TapeUnread | Self::TapeUnreadable { .. } | Self::NotCounted { .. } | Self::NothingReconciled => {
                service == Service::ReconExporter
            }
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TapeOpening => f.write_str("the tape is being opened: repaired, and its tail derived again"),
            Self::Stopping => f.write_str("barkeep is stopping"),
            Self::Halted { reason } => write!(f, "halted: {reason}"),
            Self::EngineStuck { nanos, backlog } => {
                write!(f, "engine: no progress for {} with {backlog} inputs waiting", seconds(*nanos))
            }
            Self::Behind { backlog } => write!(f, "engine: {backlog} inputs wait to become durable"),
            Self::CalendarEnds { why } => f.write_str(why),
            Self::SessionNotOpen { since, no_list } => {
                write!(f, "no session is open on the tape, and the exchange has traded since {}", ist(*since))?;
                no_list.as_ref().map_or(Ok(()), |why| write!(f, "; the list of instruments cannot be had: {why}"))
            }
            Self::NoToken { token, .. } => {
                if let TokenFacts::Unusable { why } = token {
                    return write!(f, "the access token cannot be used: {why}");
                }
                f.write_str("waiting for a token: run barkeep login")?;
                match token {
                    TokenFacts::Expired { at } => write!(f, " (the last one died at {})", ist(*at)),
                    TokenFacts::Refused { at } => write!(f, " (the broker refused the last one at {})", ist(*at)),
                    TokenFacts::Missing
                    | TokenFacts::Unusable { .. }
                    | TokenFacts::NotNeeded
                    | TokenFacts::Valid { .. } => Ok(()),
                }
            }
            Self::NotConnected { wanted: 0, .. } => f.write_str("feed: it does not connect yet"),
            Self::NotConnected { up, wanted, refusal } => {
                write!(f, "feed: {up} of {wanted} connections are up")?;
                refusal.as_ref().map_or(Ok(()), |why| write!(f, "; the broker says: {why}"))
            }
            Self::FeedMute { nanos } => write!(f, "feed: nothing came for {}, not even heartbeats", seconds(*nanos)),
            Self::FeedSilent { nanos } => write!(f, "feed: no tick for {} in continuous trading", seconds(*nanos)),
            Self::NoSession { why, next_open } => write!(f, "no session today: {why}; {}", next(*next_open)),
            Self::BeforeSession { opens } => write!(f, "today's session begins at {}", ist(*opens)),
            Self::AfterSession { ended, next_open } => {
                write!(f, "today's session ended at {}; {}", ist(*ended), next(*next_open))
            }
            Self::TapeUnread => f.write_str("the tape is being read for what was reconciled"),
            Self::TapeUnreadable { why } => {
                write!(f, "{why}; it is tried again, and `barkeep tape verify` says what is wrong")
            }
            Self::NotCounted { behind } => write!(f, "{behind} events of the tape are not counted yet"),
            Self::NothingReconciled => {
                f.write_str("nothing was reconciled yet: run barkeep recon --date YYYY-MM-DD --source kite")
            }
        }
    }
}

fn next(open: Option<Ts>) -> String {
    open.map_or_else(|| "the calendar holds no later session".to_owned(), |open| format!("next opens {}", ist(open)))
}

/// `2026-11-25 09:00 IST`, with seconds where there are any.
pub(in crate::orchestrator) fn ist(ts: Ts) -> String {
    let local = ts.secs() + 19_800;
    let (date, second) = (barkeep_schemas::SessionDate(local.div_euclid(86_400) as i32), local.rem_euclid(86_400));
    let (h, m, s) = (second / 3_600, second / 60 % 60, second % 60);
    if s == 0 { format!("{date} {h:02}:{m:02} IST") } else { format!("{date} {h:02}:{m:02}:{s:02} IST") }
}

fn seconds(nanos: i64) -> String {
    format!("{} s", nanos / NANOS)
}

/// What is to be said of every service; [`Reason::concerns`] tells which of it is about one.
pub fn readiness(facts: &Facts, now: Ts, patience: &Patience) -> Vec<Reason> {
    let mut reasons = Vec::new();
    engine(facts, now, patience, &mut reasons);
    session(facts, now, &mut reasons);
    feed(facts, now, patience, &mut reasons);
    recon(facts, &mut reasons);
    reasons
}

fn engine(facts: &Facts, now: Ts, patience: &Patience, reasons: &mut Vec<Reason>) {
    let engine = &facts.engine;
    match &engine.state {
        EngineState::Opening => return reasons.push(Reason::TapeOpening),
        EngineState::Stopping => return reasons.push(Reason::Stopping),
        EngineState::Halted { reason } => return reasons.push(Reason::Halted { reason: reason.clone() }),
        EngineState::Running => {}
    }
    let nanos = age(engine.turned.unwrap_or(facts.started), now);
    if nanos > patience.turn {
        reasons.push(Reason::EngineStuck { nanos, backlog: engine.backlog });
    } else if engine.backlog > BACKLOG_MAX {
        reasons.push(Reason::Behind { backlog: engine.backlog });
    }
}

fn session(facts: &Facts, now: Ts, reasons: &mut Vec<Reason>) {
    let SessionFacts { day, next_open, open_on_tape, .. } = &*facts.session;
    let next_open = *next_open;
    match day {
        Day::Unknown { why } => reasons.push(Reason::CalendarEnds { why: why.clone() }),
        Day::Closed(reason) => {
            let why = match reason {
                ClosedReason::Weekend(weekday) => (*weekday).to_owned(),
                ClosedReason::Holiday(name) => format!("holiday {name}"),
            };
            reasons.push(Reason::NoSession { why, next_open });
        }
        Day::Session(_) => match facts.session.hours() {
            Some((opens, _)) if now < opens => reasons.push(Reason::BeforeSession { opens }),
            Some((_, ended)) if now >= ended => reasons.push(Reason::AfterSession { ended, next_open }),
            Some((since, _)) if !open_on_tape => {
                reasons.push(Reason::SessionNotOpen { since, no_list: facts.feed.no_list.clone() });
            }
            Some(_) | None => {}
        },
    }
}

fn feed(facts: &Facts, now: Ts, patience: &Patience, reasons: &mut Vec<Reason>) {
    let expected = expects_feed(&facts.session, now, patience);
    if !matches!(facts.token, TokenFacts::NotNeeded) && !is_valid(&facts.token, now) {
        return reasons.push(Reason::NoToken { token: token_now(&facts.token, now), needed: expected });
    }
    if !expected || facts.engine.state != EngineState::Running {
        return;
    }
    let feed = &facts.feed;
    // Without a session there is nothing to connect for, which is said already.
    if !facts.session.open_on_tape && facts.session.hours().is_some_and(|(opens, _)| now >= opens) {
        return;
    }
    if feed.up < feed.wanted || feed.wanted == 0 {
        let refusal = feed.refusal.clone();
        reasons.push(Reason::NotConnected { up: feed.up, wanted: feed.wanted, refusal });
        if feed.up == 0 {
            return;
        }
    }
    if age(facts.started, now) < patience.start {
        return;
    }
    let mute = age(feed.heard.unwrap_or(facts.started), now);
    if mute > patience.mute {
        return reasons.push(Reason::FeedMute { nanos: mute });
    }
    let Some(since) = continuous_since(&facts.session, now) else { return };
    let silent = age(feed.tick.unwrap_or(facts.started).max(since), now);
    if silent > patience.silent {
        reasons.push(Reason::FeedSilent { nanos: silent });
    }
}

fn recon(facts: &Facts, reasons: &mut Vec<Reason>) {
    if facts.engine.state != EngineState::Running {
        return;
    }
    let ReconFacts { state, behind, any } = &facts.recon;
    match state {
        ReconState::Reading => reasons.push(Reason::TapeUnread),
        ReconState::Failed { why } => reasons.push(Reason::TapeUnreadable { why: why.clone() }),
        ReconState::Following if *behind > BACKLOG_MAX => reasons.push(Reason::NotCounted { behind: *behind }),
        ReconState::Following if !any => reasons.push(Reason::NothingReconciled),
        ReconState::Following => {}
    }
}

/// Whether a token and connections are expected: from shortly before the first phase to the end of the last.
fn expects_feed(session: &SessionFacts, now: Ts, patience: &Patience) -> bool {
    session.hours().is_some_and(|(open, end)| now.get() >= open.get() - patience.ahead && now < end)
}

fn is_valid(token: &TokenFacts, now: Ts) -> bool {
    matches!(token, TokenFacts::Valid { until } if now < *until)
}

/// A token that has died since it was told of is expired.
fn token_now(token: &TokenFacts, now: Ts) -> TokenFacts {
    match token {
        TokenFacts::Valid { until } if now >= *until => TokenFacts::Expired { at: *until },
        TokenFacts::NotNeeded
        | TokenFacts::Missing
        | TokenFacts::Unusable { .. }
        | TokenFacts::Valid { .. }
        | TokenFacts::Expired { .. }
        | TokenFacts::Refused { .. } => token.clone(),
    }
}

/// Since when some class trades continuously; `None` while none does.
fn continuous_since(session: &SessionFacts, now: Ts) -> Option<Ts> {
    let Day::Session(day) = &session.day else { return None };
    let phases = day.classes.iter().flat_map(|class| class.phases.iter());
    let running = phases.filter(|span| span.phase == Phase::Continuous && span.start <= now && now < span.end);
    running.map(|span| span.start).min()
}

/// The phase in which a class is; `None` outside all.
pub(super) fn phase_of(session: &SessionFacts, class: InstrumentClass, now: Ts) -> Option<Phase> {
    let Day::Session(day) = &session.day else { return None };
    let class = day.classes.iter().find(|day| day.class == class)?;
    class.phases.iter().find(|span| span.start <= now && now < span.end).map(|span| span.phase)
}

/// How long ago a moment was; a step back of the clock is no time at all.
pub(super) fn age(since: Ts, now: Ts) -> i64 {
    now.get().saturating_sub(since.get()).max(0)
}
