//! The day that is reconciled: the session of a date on the tape, or bars of it that were imported as our own.
//!
//! What it never does: write, or guess a date. Who calls it: `recon`, before anything is added to the tape.

use std::collections::BTreeSet;

use anyhow::{Result, bail};
use barkeep_schemas::{CalendarKind, SessionDate, Ts};
use barkeep_storage::Tape;
use jiff::tz::TimeZone;

use crate::ingestion::files::Scan;
use crate::monitoring::daily_recon::{SessionRecord, imported_dates, sessions};
use crate::orchestrator::calendar::Calendar;
use crate::orchestrator::import::CalendarChoice;

/// Dates shown when the one asked for is not there.
const DATES_SHOWN: usize = 8;

/// A day with its bounds.
pub(super) struct Day {
    pub(super) date: SessionDate,
    pub(super) calendar: CalendarChoice,
    /// First moment.
    pub(super) start: Ts,
    /// First moment after it.
    pub(super) end: Ts,
    /// Absent where all that is known of the date are bars imported as our own.
    pub(super) session: Option<SessionRecord>,
}

impl Day {
    /// Finds the session of a date: the given run, or the newest.
    pub(super) fn find(
        tape: &Tape,
        date: SessionDate,
        run: Option<u32>,
        calendar: CalendarChoice,
        zone: &TimeZone,
    ) -> Result<Self> {
        let mut known = sessions(tape)?;
        if let Some(open) = known.iter().find(|session| session.closed.is_none()) {
            bail!(
                "the session of {} is still open: reconcile after its close (an import that was interrupted closes it \
                 when it is run again)",
                open.opened.date
            );
        }
        let is_it = |session: &SessionRecord| {
            session.opened.date == date && run.is_none_or(|run| session.segment.name.run == run)
        };
        if let Some(place) = known.iter().rposition(is_it) {
            return Self::of_session(known.swap_remove(place), calendar);
        }
        let imported = imported_dates(tape)?;
        if run.is_none() && imported.contains(&date) {
            let day = Calendar::always(date, zone);
            return Ok(Self { date, calendar, start: day.day_start, end: day.day_end, session: None });
        }
        bail!(not_there(date, run, &known, imported))
    }

    fn of_session(session: SessionRecord, calendar: CalendarChoice) -> Result<Self> {
        let hours = &session.opened.calendar;
        let kept = match hours.kind {
            CalendarKind::Nse => CalendarChoice::Nse,
            CalendarKind::Always => CalendarChoice::Always,
        };
        if kept != calendar {
            bail!(
                "the session of {} keeps the calendar {} ({}), not {}: give --calendar {}",
                session.opened.date,
                kept.name(),
                hours.zone,
                calendar.name(),
                kept.name()
            );
        }
        let (date, start, end) = (session.opened.date, hours.day_start, hours.day_end);
        Ok(Self { date, calendar, start, end, session: Some(session) })
    }

    /// Whether a moment lies in the day.
    pub(super) fn contains(&self, ts: Ts) -> bool {
        (self.start..self.end).contains(&ts)
    }

    /// Whether a file has a row of the day, as far as its scan tells: by the first and last time of each of its dates.
    pub(super) fn is_touched(&self, file: &Scan, zone: &TimeZone) -> bool {
        file.dates.iter().any(|date| {
            let midnight = Calendar::always(date.date, zone).day_start.get();
            let first = midnight.saturating_add(date.earliest_ns);
            let last = midnight.saturating_add(date.latest_ns);
            first < self.end.get() && last >= self.start.get()
        })
    }
}

fn not_there(date: SessionDate, run: Option<u32>, known: &[SessionRecord], imported: BTreeSet<SessionDate>) -> String {
    let mut there: BTreeSet<(SessionDate, u32)> =
        known.iter().map(|session| (session.opened.date, session.segment.name.run)).collect();
    let runs_of_date: Vec<String> = there.iter().filter(|(d, _)| *d == date).map(|(_, run)| run.to_string()).collect();
    if let (Some(run), false) = (run, runs_of_date.is_empty()) {
        return format!("{date} has no run {run} on the tape; its runs: {}", runs_of_date.join(", "));
    }
    there.extend(imported.into_iter().map(|date| (date, 1)));
    let dates: BTreeSet<SessionDate> = there.into_iter().map(|(date, _)| date).collect();
    if dates.is_empty() {
        return format!("the tape holds no session of {date}, nor of any other date: import its ticks first");
    }
    let shown: Vec<String> = dates.iter().rev().take(DATES_SHOWN).map(ToString::to_string).collect();
    let more = if dates.len() > DATES_SHOWN { ", …" } else { "" };
    format!(
        "the tape holds no session of {date}; it holds {} dates, the newest: {}{more}",
        dates.len(),
        shown.join(", ")
    )
}
