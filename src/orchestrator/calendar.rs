//! The dated calendar: on which dates the exchange trades, in which hours, by class of stock, and in which price steps.
//!
//! What it never does: guess. A date outside the calendar is refused, and a calendar that contradicts itself is refused
//! whole, with every contradiction. It reads no clock. Who calls it: whatever opens a session, and `calendar
//! show|check|import`. IST has been +05:30 without exception throughout the range, so its hours are plain arithmetic.

mod always;
mod check;
mod holidays;
mod raw;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use barkeep_schemas::{CalendarKind, ClassDay, DayCalendar, InstrumentClass, Phase, PhaseSpan, Price, SessionDate, Ts};
use serde::Serialize;

use super::finding::{DayMinute, Finding, Listed};

pub use holidays::{Holiday, HolidayImport, merge_holidays};

const BUILTIN: &str = include_str!("../../configs/nse_calendar.toml");
const BUILTIN_NAME: &str = "configs/nse_calendar.toml (built in)";
const ZONE: &str = "Asia/Kolkata";
const IST_OFFSET_SECS: i64 = 19_800;
const DAY_SECS: i64 = 86_400;

/// Name of a day that follows the regular hours.
pub const REGULAR_DAY: &str = "regular";

/// The checked NSE calendar.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Calendar {
    file: String,
    from: SessionDate,
    to: SessionDate,
    regular: ByClass<Dated<Vec<PhaseHours>>>,
    holidays: BTreeMap<SessionDate, String>,
    specials: BTreeMap<SessionDate, SpecialDay>,
    tick_sizes: Dated<TickTable>,
}

/// One phase in minutes of the IST day, `start` before `end`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct PhaseHours {
    phase: Phase,
    start: DayMinute,
    end: DayMinute,
}

/// A value for each class that the exchange's hours tell apart.
#[derive(Clone, PartialEq, Eq, Debug)]
struct ByClass<T> {
    cash: T,
    derivatives: T,
}

/// A value that changes on given dates; the first also holds for all dates before the second.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Dated<T> {
    oldest: T,
    /// By rising date.
    later: Vec<(SessionDate, T)>,
}

impl<T> Dated<T> {
    /// From values by rising date; `None` when there is none.
    fn from_sorted(values: impl IntoIterator<Item = (SessionDate, T)>) -> Option<Self> {
        let mut values = values.into_iter();
        values.next().map(|(_, oldest)| Self { oldest, later: values.collect() })
    }

    fn at(&self, date: SessionDate) -> &T {
        self.later.iter().rev().find(|(from, _)| *from <= date).map_or(&self.oldest, |(_, value)| value)
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct SpecialDay {
    name: String,
    kind: SpecialKind,
    hours: ByClass<Vec<PhaseHours>>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct TickTable {
    /// (below this price, this tick), by rising price.
    steps: Vec<(Price, Price)>,
    /// The tick of all higher prices.
    top: Price,
}

/// Why a day has hours of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SpecialKind {
    /// A holiday or weekend but for the Muhurat hour.
    Muhurat,
    /// A session on a Saturday or Sunday.
    Weekend,
    /// A session planned in several parts.
    Split,
    /// A session that was halted or extended.
    Irregular,
}

impl SpecialKind {
    /// Every kind with its name in the calendar file.
    pub const NAMES: [(&'static str, Self); 4] = [
        ("muhurat", Self::Muhurat),
        ("weekend", Self::Weekend),
        ("split", Self::Split),
        ("irregular", Self::Irregular),
    ];
}

/// What a date is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DayKind {
    /// The exchange trades, in these hours.
    Session(DayCalendar),
    /// The exchange does not trade.
    Closed {
        /// Why not.
        reason: ClosedReason,
    },
}

/// Why the exchange is closed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ClosedReason {
    /// A Saturday or Sunday; the weekday's name.
    Weekend(&'static str),
    /// A holiday; its name.
    Holiday(String),
}

impl fmt::Display for ClosedReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Weekend(weekday) => f.write_str(weekday),
            Self::Holiday(name) => f.write_str(name),
        }
    }
}

/// Why a calendar, or a date of it, cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CalendarError {
    /// The file cannot be read: name another, or mend its permissions.
    #[error("cannot read the calendar {file}: {source}")]
    Unreadable {
        /// The file.
        file: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file is not a sound calendar, or not a sound list of holidays: mend every finding.
    #[error("{file} is refused: {}", Listed(findings))]
    Refused {
        /// The file.
        file: String,
        /// All that is wrong with it.
        findings: Vec<Finding>,
    },
    /// The calendar ends before the date: import the exchange's list of holidays.
    #[error(
        "{date} is after the calendar {file}, which holds {from} to {to}: import the exchange's holidays up to {date} \
         with `barkeep calendar import FILE`"
    )]
    TooLate {
        /// The date asked for.
        date: SessionDate,
        /// The calendar's file.
        file: String,
        /// First date of the calendar.
        from: SessionDate,
        /// Last date of the calendar.
        to: SessionDate,
    },
    /// The calendar begins after the date: name a calendar that begins earlier.
    #[error(
        "{date} is before the calendar {file}, which holds {from} to {to}: name a calendar that begins earlier in \
         `file` of [calendar]"
    )]
    TooEarly {
        /// The date asked for.
        date: SessionDate,
        /// The calendar's file.
        file: String,
        /// First date of the calendar.
        from: SessionDate,
        /// Last date of the calendar.
        to: SessionDate,
    },
}

/// What a calendar holds, for `calendar check`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct CalendarSummary {
    /// The file.
    pub file: String,
    /// First date.
    pub from: SessionDate,
    /// Last date.
    pub to: SessionDate,
    /// Counts of each year, oldest first.
    pub years: Vec<YearSummary>,
}

/// What a calendar holds of one year.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct YearSummary {
    /// The year.
    pub year: i32,
    /// Dates on which the exchange trades, specials included.
    pub sessions: u32,
    /// Weekdays on which it does not.
    pub holidays: u32,
    /// Dates with hours of their own.
    pub specials: u32,
}

impl Calendar {
    /// The calendar that this build carries.
    ///
    /// # Errors
    /// [`CalendarError::Refused`] when the file was built in with a contradiction, which a test excludes.
    pub fn builtin() -> Result<Self, CalendarError> {
        Self::from_toml(BUILTIN, BUILTIN_NAME)
    }

    /// The text of the built-in calendar, from which `calendar import` starts when no file is configured.
    pub const fn builtin_text() -> &'static str {
        BUILTIN
    }

    /// Reads a calendar file, or the built-in calendar when none is named.
    ///
    /// # Errors
    /// [`CalendarError::Unreadable`] and [`CalendarError::Refused`].
    pub fn load(file: Option<&Path>) -> Result<Self, CalendarError> {
        let Some(path) = file else { return Self::builtin() };
        let file = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => Self::from_toml(&text, &file),
            Err(source) => Err(CalendarError::Unreadable { file, source }),
        }
    }

    /// Reads a calendar; `file_name` is its name in errors.
    ///
    /// # Errors
    /// [`CalendarError::Refused`] with every unknown key, unreadable value and contradiction.
    pub fn from_toml(text: &str, file_name: &str) -> Result<Self, CalendarError> {
        check::calendar(text, file_name)
            .map_err(|findings| CalendarError::Refused { file: file_name.to_owned(), findings })
    }

    /// The file it was read from.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// First date.
    pub const fn from(&self) -> SessionDate {
        self.from
    }

    /// Last date.
    pub const fn to(&self) -> SessionDate {
        self.to
    }

    /// Weekdays without trading, oldest first, with their names.
    pub fn holidays(&self) -> impl Iterator<Item = (SessionDate, &str)> {
        self.holidays.iter().map(|(date, name)| (*date, name.as_str()))
    }

    /// Dates with hours of their own, oldest first, with their kinds and names.
    pub fn specials(&self) -> impl Iterator<Item = (SessionDate, SpecialKind, &str)> {
        self.specials.iter().map(|(date, day)| (*date, day.kind, day.name.as_str()))
    }

    /// What a date is: a session with its hours in UTC, or closed.
    ///
    /// # Errors
    /// [`CalendarError::TooEarly`] and [`CalendarError::TooLate`] for a date outside the calendar.
    pub fn day(&self, date: SessionDate) -> Result<DayKind, CalendarError> {
        self.contains(date)?;
        if let Some(special) = self.specials.get(&date) {
            let hours = ByClass { cash: &special.hours.cash, derivatives: &special.hours.derivatives };
            return Ok(DayKind::Session(session(date, &special.name, false, hours)));
        }
        if let Some(name) = self.holidays.get(&date) {
            return Ok(DayKind::Closed { reason: ClosedReason::Holiday(name.clone()) });
        }
        if is_weekend(date) {
            return Ok(DayKind::Closed { reason: ClosedReason::Weekend(weekday_name(date)) });
        }
        let hours = ByClass { cash: self.regular.cash.at(date), derivatives: self.regular.derivatives.at(date) };
        Ok(DayKind::Session(session(date, REGULAR_DAY, true, hours)))
    }

    /// The price step of an equity on a date. The exchange sets it by the close of the last trading day of the month
    /// before, so that is the `price` to give; a date outside the calendar takes the nearest table.
    pub fn tick_size(&self, date: SessionDate, price: Price) -> Price {
        let table = self.tick_sizes.at(date);
        table.steps.iter().find(|(below, _)| price < *below).map_or(table.top, |(_, tick)| *tick)
    }

    /// The first session after a date; `None` when the calendar ends first, or does not hold every date between.
    pub fn next_session(&self, after: SessionDate) -> Option<SessionDate> {
        let first = after.plus_days(1);
        if first < self.from {
            return None;
        }
        (first.0..=self.to.0).map(SessionDate).find(|date| self.is_session(*date))
    }

    /// The sessions of a range, both ends included, oldest first; none when `from` is after `to`.
    ///
    /// # Errors
    /// [`CalendarError::TooEarly`] and [`CalendarError::TooLate`] when an end lies outside the calendar.
    pub fn sessions(&self, from: SessionDate, to: SessionDate) -> Result<Vec<SessionDate>, CalendarError> {
        self.contains(from)?;
        self.contains(to)?;
        Ok((from.0..=to.0).map(SessionDate).filter(|date| self.is_session(*date)).collect())
    }

    /// Counts what the calendar holds, by year.
    pub fn summary(&self) -> CalendarSummary {
        let mut years: BTreeMap<i32, YearSummary> = BTreeMap::new();
        for date in (self.from.0..=self.to.0).map(SessionDate) {
            let (year, _, _) = date.ymd();
            let counts = years.entry(year).or_insert(YearSummary { year, ..YearSummary::default() });
            counts.sessions += u32::from(self.is_session(date));
            counts.holidays += u32::from(self.holidays.contains_key(&date));
            counts.specials += u32::from(self.specials.contains_key(&date));
        }
        CalendarSummary { file: self.file.clone(), from: self.from, to: self.to, years: years.into_values().collect() }
    }

    /// Whether a date within the calendar is a session.
    fn is_session(&self, date: SessionDate) -> bool {
        self.specials.contains_key(&date) || (!is_weekend(date) && !self.holidays.contains_key(&date))
    }

    fn contains(&self, date: SessionDate) -> Result<(), CalendarError> {
        let (file, from, to) = (self.file.clone(), self.from, self.to);
        if date < from {
            Err(CalendarError::TooEarly { date, file, from, to })
        } else if date > to {
            Err(CalendarError::TooLate { date, file, from, to })
        } else {
            Ok(())
        }
    }
}

/// Whether a date is a Saturday or a Sunday.
const fn is_weekend(date: SessionDate) -> bool {
    date.weekday() >= 5
}

const fn weekday_name(date: SessionDate) -> &'static str {
    match date.weekday() {
        0 => "Monday",
        1 => "Tuesday",
        2 => "Wednesday",
        3 => "Thursday",
        4 => "Friday",
        5 => "Saturday",
        _ => "Sunday",
    }
}

/// A moment of an IST day. A date of the calendar is a few ten thousand days from 1970, so nothing saturates.
fn ist(date: SessionDate, minute: i64) -> Ts {
    Ts::from_secs(i64::from(date.0) * DAY_SECS - IST_OFFSET_SECS + minute * 60)
}

fn session(date: SessionDate, name: &str, tradable: bool, hours: ByClass<&Vec<PhaseHours>>) -> DayCalendar {
    let at = |minute: DayMinute| ist(date, i64::from(minute.get()));
    let class = |class, hours: &[PhaseHours]| ClassDay {
        class,
        phases: hours.iter().map(|h| PhaseSpan { phase: h.phase, start: at(h.start), end: at(h.end) }).collect(),
    };
    DayCalendar {
        kind: CalendarKind::Nse,
        zone: ZONE.to_owned(),
        name: name.to_owned(),
        day_start: ist(date, 0),
        day_end: ist(date.plus_days(1), 0),
        tradable,
        classes: vec![class(InstrumentClass::Cash, hours.cash), class(InstrumentClass::Derivatives, hours.derivatives)],
    }
}

#[cfg(test)]
mod tests;
