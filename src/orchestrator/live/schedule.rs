//! When a session day begins, opens and closes: the calendar's hours with the margins of `[session]`.
//!
//! Pure: the moment is an argument. A date beyond the calendar is told, never guessed. The desk calls it.

use barkeep_schemas::{DayCalendar, NANOS, SessionDate, Ts};

use crate::orchestrator::calendar::{Calendar, CalendarError, DayKind};
use crate::orchestrator::config::SessionConfig;

/// India's distance from UTC, seconds.
const IST_S: i64 = 19_800;

/// How long before it opens a day's list of instruments is fetched at the latest.
const FETCH_BEFORE_NS: i64 = 60 * NANOS;

/// One session and its moments.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SessionDay {
    /// Its date.
    pub date: SessionDate,
    /// Its hours.
    pub calendar: DayCalendar,
    /// First moment of its first phase.
    pub from: Ts,
    /// When the list of instruments is due.
    pub fetch_at: Ts,
    /// When the session is opened.
    pub open_at: Ts,
    /// When it is closed.
    pub close_at: Ts,
}

/// The days to come.
#[derive(Clone, Debug)]
pub struct Schedule {
    calendar: Calendar,
    session: SessionConfig,
}

impl Schedule {
    /// The calendar's days with these margins.
    pub const fn new(calendar: Calendar, session: SessionConfig) -> Self {
        Self { calendar, session }
    }

    /// The session of a date; `None` when the exchange is closed.
    ///
    /// # Errors
    /// [`CalendarError`] for a date that the calendar does not hold.
    pub fn day(&self, date: SessionDate) -> Result<Option<SessionDay>, CalendarError> {
        let DayKind::Session(calendar) = self.calendar.day(date)? else { return Ok(None) };
        Ok(self.moments(date, calendar))
    }

    /// The session that is on at a moment or comes next; `None` where the calendar ends.
    pub fn at(&self, now: Ts) -> Option<SessionDay> {
        let today = trading_date(now);
        let on = self.day(today).ok().flatten().filter(|day| now < day.close_at);
        on.or_else(|| self.day(self.calendar.next_session(today)?).ok().flatten())
    }

    /// Why there is no session on the date of a moment, for people; `None` when there is one.
    pub fn why_closed(&self, now: Ts) -> Option<String> {
        match self.calendar.day(trading_date(now)) {
            Ok(DayKind::Session(_)) => None,
            Ok(DayKind::Closed { reason, .. }) => Some(reason.to_string()),
            Err(error) => Some(error.to_string()),
        }
    }

    /// The calendar.
    pub const fn calendar(&self) -> &Calendar {
        &self.calendar
    }

    fn moments(&self, date: SessionDate, calendar: DayCalendar) -> Option<SessionDay> {
        let spans = || calendar.classes.iter().flat_map(|class| &class.phases);
        let from = spans().map(|span| span.start).min()?;
        let until = spans().map(|span| span.end).max()?;
        let open_at = Ts::new(from.get() - i64::from(self.session.open_before_s) * NANOS);
        let close_at = Ts::new(until.get() + i64::from(self.session.close_after_s) * NANOS);
        let due = Ts::new(calendar.day_start.get() + self.session.instruments_at.seconds() * NANOS);
        let fetch_at = due.min(Ts::new(open_at.get() - FETCH_BEFORE_NS));
        Some(SessionDay { date, calendar, from, fetch_at, open_at, close_at })
    }
}

/// The date in India.
pub fn trading_date(now: Ts) -> SessionDate {
    SessionDate(now.secs().saturating_add(IST_S).div_euclid(86_400) as i32)
}
