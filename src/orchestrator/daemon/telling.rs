//! Tells the services how the feed, the session and the token stand, as the desk knows it.
//!
//! It judges nothing. A life of the feed calls it at each passing of time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use barkeep_schemas::{NANOS, SessionDate, Ts};
use barkeep_zerodha::feed::State;

use crate::orchestrator::calendar::Calendar;
use crate::orchestrator::live::desk::{Desk, DeskFacts, TokenStanding};
use crate::orchestrator::live::schedule::trading_date;
use crate::orchestrator::pairs_paper_entry::{FeedTeller, SessionFacts, SessionTeller, TokenFacts, TokenTeller, ist};

/// How many messages wait.
type Depth = Box<dyn Fn() -> u64 + Send + Sync>;

/// What was told last.
#[derive(Default)]
struct Told {
    at: Option<Ts>,
    day: Option<(SessionDate, bool)>,
    token: Option<TokenStanding>,
    refusal: Option<String>,
    no_list: Option<String>,
    token_file: Option<String>,
}

/// The ends that tell.
pub(super) struct Telling {
    feed: FeedTeller,
    session: SessionTeller,
    token: TokenTeller,
    calendar: Calendar,
    told: Mutex<Told>,
    /// Of the life that is on.
    depth: Arc<Mutex<Option<Depth>>>,
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What a panic left is a value like any other here: each is stored in one step.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Telling {
    pub(super) fn new(feed: FeedTeller, session: SessionTeller, token: TokenTeller, calendar: Calendar) -> Self {
        let depth: Arc<Mutex<Option<Depth>>> = Arc::default();
        let asked = depth.clone();
        feed.queue_is(Arc::new(move || held(&asked).as_ref().map_or(0, |depth| depth())));
        Self { feed, session, token, calendar, told: Mutex::default(), depth }
    }

    /// The queue of the life that begins.
    pub(super) fn queue_is(&self, depth: impl Fn() -> u64 + Send + Sync + 'static) {
        *held(&self.depth) = Some(Box::new(depth));
    }

    /// Tells what has changed, and once a second what moves.
    pub(super) fn tell(&self, desk: &Desk, now: Ts) {
        let mut told = held(&self.told);
        let (open, date) = (desk.is_open(), trading_date(now));
        let same_day = told.day == Some((date, open));
        if same_day && told.at.is_some_and(|at| now >= at && now.get() - at.get() < NANOS / 2) {
            return;
        }
        told.at = Some(now);
        if !same_day {
            self.session.tell(SessionFacts::on(&self.calendar, date, open));
        }
        let facts = desk.facts(now);
        if told.no_list != facts.fetch_error {
            match &facts.fetch_error {
                Some(why) => tracing::warn!(why, "the day's list of instruments cannot be had: it is asked for again"),
                None => tracing::info!("the day's list of instruments is there"),
            }
            self.feed.no_list(facts.fetch_error.clone());
            told.no_list = facts.fetch_error.clone();
        }
        if told.day.is_none_or(|(told, _)| told != date) {
            log_day(date, &facts);
        }
        told.day = Some((date, open));
        self.tell_feed(&facts);
        if told.token != Some(facts.token) || told.token_file != facts.token_file {
            if told.token != Some(facts.token) {
                log_token(facts.token);
            }
            self.token.tell(token(facts.token, facts.token_file.as_deref()));
            told.token = Some(facts.token);
            told.token_file = facts.token_file.clone();
        }
        if told.refusal != facts.refusal {
            self.feed.refusal(facts.refusal.clone());
            told.refusal = facts.refusal;
        }
    }

    fn tell_feed(&self, facts: &DeskFacts) {
        let up = facts.connections.iter().filter(|of| matches!(of.state, State::Open | State::Whole(_))).count();
        let instruments: usize = facts.connections.iter().map(|of| of.subscriptions).sum();
        self.feed.connections(up as u32, facts.connections.len() as u32, instruments as u32);
        let up = || facts.connections.iter().filter(|of| matches!(of.state, State::Open | State::Whole(_)));
        if let Some(ticked) = up().map(|of| of.ticked).max() {
            self.feed.heard(ticked, true);
        }
        if let Some(heard) = up().map(|of| of.heard).max() {
            self.feed.heard(heard, false);
        }
    }
}

fn token(standing: TokenStanding, unusable: Option<&str>) -> TokenFacts {
    match standing {
        TokenStanding::Missing => match unusable {
            Some(why) => TokenFacts::Unusable { why: why.to_owned() },
            None => TokenFacts::Missing,
        },
        TokenStanding::Holds(until) => TokenFacts::Valid { until },
        TokenStanding::Expired(at) => TokenFacts::Expired { at },
        TokenStanding::Refused(at) => TokenFacts::Refused { at },
    }
}

/// Says what day it is, and when the next session is opened.
fn log_day(date: SessionDate, facts: &DeskFacts) {
    let opens = facts.day.as_ref().map(|day| ist(day.open_at));
    match (&facts.why_closed, opens) {
        (Some(why), Some(opens)) => tracing::info!(%date, why, "no session today; the next is opened at {opens}"),
        (Some(why), None) => tracing::error!(%date, why, "no session today, and none to come in the calendar"),
        (None, Some(opens)) if facts.open => tracing::info!(%date, "a session is open; it was opened at {opens}"),
        (None, Some(opens)) if facts.day.as_ref().is_some_and(|day| day.date == date) => {
            tracing::info!(%date, "a session today, opened at {opens} or as soon as the list of instruments is there");
        }
        (None, Some(opens)) => tracing::info!(%date, "today's session is over; the next is opened at {opens}"),
        (None, None) => tracing::error!(%date, "no session to come in the calendar"),
    }
}

/// Says how the token stands, and what to do.
fn log_token(standing: TokenStanding) {
    match standing {
        TokenStanding::Missing => tracing::warn!("waiting for an access token: run `barkeep login`"),
        TokenStanding::Holds(until) => tracing::info!("the access token holds until {}", ist(until)),
        TokenStanding::Expired(at) => {
            tracing::warn!("the access token died at {}: run `barkeep login`", ist(at));
        }
        TokenStanding::Refused(at) => {
            tracing::warn!("the broker refused the access token at {}: run `barkeep login`", ist(at));
        }
    }
}
