//! The day that is reconciled: the session of a date on the tape, or bars of it that were imported as our own.
//!
//! What it never does: write, or guess a date. Who calls it: `recon`, before anything is added to the tape.

use std::collections::BTreeSet;

use anyhow::{Result, bail};
use barkeep_schemas::{CalendarKind, SessionDate, Ts};
use barkeep_storage::Tape;
use jiff::tz::TimeZone;

use crate::ingestion::files::Scan;
use crate::monitoring::daily_recon::{SessionRecord, SymbolTable, imported_dates, imported_symbols, sessions};
use crate::orchestrator::calendar::Calendar;
use crate::orchestrator::import::CalendarChoice;

/// Dates shown when the one asked for is not there.
const DATES_SHOWN: usize = 8;

/// Symbols shown when none of the file's is there.
const SYMBOLS_SHOWN: usize = 6;

/// What the tape has of a date, before it is known which symbols are asked for.
pub(super) struct Candidates {
    date: SessionDate,
    /// The run asked for.
    run: Option<u32>,
    /// Every session of the date, the newest last; none where its bars were imported as our own alone.
    sessions: Vec<SessionRecord>,
}

impl Candidates {
    /// Looks for a date, and for one run of it where one is asked for.
    pub(super) fn find(tape: &Tape, date: SessionDate, run: Option<u32>) -> Result<Self> {
        let known = sessions(tape)?;
        let is_it = |session: &SessionRecord| session.opened.date == date && run.is_none_or(|run| session.run() == run);
        if !known.iter().any(is_it) {
            let imported = imported_dates(tape)?;
            if run.is_some() || !imported.contains(&date) {
                bail!(not_there(date, run, &known, imported));
            }
        }
        let sessions = known.into_iter().filter(|session| session.opened.date == date).collect();
        Ok(Self { date, run, sessions })
    }

    /// The symbols of the session asked for, else of the newest; of a date without one those that were imported.
    pub(super) fn symbols(&self, tape: &Tape) -> Result<SymbolTable> {
        let is_asked = |session: &&SessionRecord| self.run.is_none_or(|run| session.run() == run);
        Ok(match self.sessions.iter().rev().find(is_asked) {
            Some(session) => SymbolTable::new(session.symbols()),
            None => SymbolTable::new(imported_symbols(tape, self.date)?),
        })
    }

    /// The session asked for, else the newest that has one of the symbols at least.
    pub(super) fn choose(
        mut self,
        tape: &Tape,
        symbols: &SymbolTable,
        calendar: CalendarChoice,
        zone: &TimeZone,
    ) -> Result<Day> {
        let is_asked = |session: &SessionRecord| self.run.is_none_or(|run| session.run() == run);
        let has_any = |session: &SessionRecord| symbols.iter().any(|symbol| session.has(symbol));
        let found = self.sessions.iter().rposition(|session| is_asked(session) && has_any(session));
        let newest = self.sessions.iter().rposition(is_asked);
        let place = match found {
            Some(place) => Some(place),
            None => {
                let imported = imported_symbols(tape, self.date)?;
                if !symbols.iter().any(|symbol| imported.contains(symbol)) {
                    bail!(self.none_has(symbols, newest.and_then(|newest| self.sessions.get(newest))));
                }
                newest
            }
        };
        let several = self.sessions.len() > 1;
        let Some(place) = place else {
            let day = Calendar::always(self.date, zone);
            let (start, end) = (day.day_start, day.day_end);
            return Ok(Day { date: self.date, calendar, start, end, session: None, several, note: None });
        };
        let session = self.sessions.remove(place);
        if session.closed.is_none() {
            bail!(
                "the session of {} is still open: reconcile after its close{}",
                session.opened.date,
                match session.opened.import {
                    Some(_) => " (the import that was interrupted closes it when it is run again)",
                    None => "",
                }
            );
        }
        let note = self.elsewhere(&session, symbols);
        Ok(Day { several, note, ..Day::of_session(session, calendar)? })
    }

    fn none_has(&self, symbols: &SymbolTable, chosen: Option<&SessionRecord>) -> String {
        let date = self.date;
        let (asked, it) = match symbols.len() {
            1 => (format!("no {}", shown(symbols.iter())), "it"),
            _ => (format!("none of {}", shown(symbols.iter())), "some"),
        };
        let Some(chosen) = chosen else {
            return format!("{date} has no session on the tape, and the bars imported for it have {asked}");
        };
        let others = self.sessions.iter().filter(|session| symbols.iter().any(|symbol| session.has(symbol)));
        let runs: Vec<u32> = others.map(SessionRecord::run).collect();
        let other = match runs.as_slice() {
            [] => format!("; it has {}", shown(chosen.symbols())),
            [run] => format!("; run {run} has {it}: add --run {run}"),
            [.., newest] => {
                let runs: Vec<String> = runs.iter().map(ToString::to_string).collect();
                format!("; runs {} have {it}: add --run {newest}", runs.join(", "))
            }
        };
        format!("the session of {date} run {} has {asked}{other}", chosen.run())
    }

    /// Symbols that the chosen session lacks and another one has.
    fn elsewhere(&self, chosen: &SessionRecord, symbols: &SymbolTable) -> Option<String> {
        let lacking: Vec<&str> = symbols.iter().filter(|symbol| !chosen.has(symbol)).collect();
        if lacking.is_empty() {
            return None;
        }
        let other = self.sessions.iter().rev().find_map(|session| {
            let there: Vec<&str> = lacking.iter().copied().filter(|symbol| session.has(symbol)).collect();
            let (names, run) = (shown(there.iter().copied()), session.run());
            (!there.is_empty()).then(|| format!("run {run} has {names}, run {} has not: see --run {run}", chosen.run()))
        });
        other.or_else(|| Some(format!("the session has no {}", shown(lacking.iter().copied()))))
    }
}

/// The first of some symbols.
fn shown<'s>(symbols: impl Iterator<Item = &'s str>) -> String {
    let symbols: Vec<&str> = symbols.collect();
    let first: Vec<&str> = symbols.iter().copied().take(SYMBOLS_SHOWN).collect();
    match symbols.len().saturating_sub(SYMBOLS_SHOWN) {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}

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
    /// Whether the date has more than one session.
    pub(super) several: bool,
    /// What a reader should know of the choice.
    pub(super) note: Option<String>,
}

impl Day {
    /// Which session of the date.
    pub(super) fn run(&self) -> Option<u32> {
        self.session.as_ref().map(SessionRecord::run)
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
        Ok(Self { date, calendar, start, end, session: Some(session), several: false, note: None })
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
