//! What can be wrong with a file of configuration: the findings of one reading, each with its place.
//!
//! What it never does: read, decide or repair. Who calls it: the readers of the calendar, the configuration and the
//! universe, which report all findings at once.

use std::fmt;

use barkeep_schemas::{InstrumentClass, Phase, Price, SessionDate};

/// One thing that is wrong, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// The file as the operator named it.
    pub file: String,
    /// Line of the file, from 1; absent when the fact belongs to no line (something missing from the whole file).
    pub line: Option<u64>,
    /// The entry: `[tape] commit_ms`, `holiday 2026-01-26`; empty for the file as a whole.
    pub place: String,
    /// What is wrong and what was expected.
    pub problem: Problem,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if !self.place.is_empty() {
            write!(f, ": {}", self.place)?;
        }
        write!(f, ": {}", self.problem)
    }
}

/// Shows findings one a line, for an error message.
#[derive(Clone, Copy, Debug)]
pub struct Listed<'a>(pub &'a [Finding]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.len();
        write!(f, "{count} {}", if count == 1 { "finding" } else { "findings" })?;
        self.0.iter().try_for_each(|finding| write!(f, "\n  {finding}"))
    }
}

/// Puts findings in the order of the file's lines; those of no line come last.
pub(crate) fn sorted(mut findings: Vec<Finding>) -> Vec<Finding> {
    findings.sort_by_key(|finding| finding.line.unwrap_or(u64::MAX));
    findings
}

/// A time of the IST day in whole minutes after midnight, 0 to 1440 (`24:00`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct DayMinute(u16);

impl DayMinute {
    /// Reads `HH:MM`, `00:00` to `24:00`; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let (hours, minutes) = text.split_once(':')?;
        let two_digits = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
        if !two_digits(hours) || !two_digits(minutes) {
            return None;
        }
        let (hours, minutes) = (hours.parse::<u16>().ok()?, minutes.parse::<u16>().ok()?);
        let total = hours * 60 + minutes;
        (minutes < 60 && total <= 1_440).then_some(Self(total))
    }

    /// Minutes after midnight, 0 to 1440.
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl fmt::Display for DayMinute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

/// The names that would have been right, and the nearest of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Known {
    /// The nearest known name, when one is near.
    pub nearest: Option<String>,
    /// Every known name.
    pub names: Vec<String>,
}

impl Known {
    /// Looks for the name nearest to `name`.
    pub fn near<S: AsRef<str>>(name: &str, known: impl IntoIterator<Item = S>) -> Self {
        let names: Vec<String> = known.into_iter().map(|known| known.as_ref().to_owned()).collect();
        let nearest = names
            .iter()
            .map(|known| (strsim::jaro_winkler(name, known), known))
            .filter(|(likeness, _)| *likeness > 0.7)
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .map(|(_, known)| known.clone());
        Self { nearest, names }
    }
}

impl fmt::Display for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.nearest {
            Some(nearest) => write!(f, "did you mean `{nearest}`?"),
            None => write!(f, "expected one of `{}`", self.names.join("`, `")),
        }
    }
}

/// What is wrong, with its facts.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Problem {
    /// The text is not of its format.
    #[error("{message}")]
    Syntax {
        /// What the parser says.
        message: String,
    },
    /// A key, column or section that means nothing here.
    #[error("`{name}` is no known {what}: {known}")]
    UnknownName {
        /// The name as read.
        name: String,
        /// What it should have named: `key`, `phase`, `class`.
        what: &'static str,
        /// What would have been right.
        known: Known,
    },
    /// Something that must be there is not.
    #[error("missing: expected {expected}")]
    Missing {
        /// What was expected.
        expected: String,
    },
    /// A value of the wrong form.
    #[error("found {found}, expected {expected}")]
    Unfit {
        /// The value as read.
        found: String,
        /// What was expected.
        expected: String,
    },
    /// A number outside its range.
    #[error("{value} is outside {least} to {most}")]
    OutOfRange {
        /// The value as read.
        value: i64,
        /// The least value accepted.
        least: i64,
        /// The greatest value accepted.
        most: i64,
    },
    /// A key of a CSV that occurs again.
    #[error("`{name}` is already on line {first_line}: keep one of the two")]
    Repeated {
        /// The name that occurs twice.
        name: String,
        /// Line of the first.
        first_line: u64,
    },
    /// A date or range that begins or ends outside the calendar.
    #[error("{date} is outside the calendar, {from} to {to}: change the entry or the calendar's `from` and `to`")]
    DateOutside {
        /// The date as read.
        date: SessionDate,
        /// First date of the calendar.
        from: SessionDate,
        /// Last date of the calendar.
        to: SessionDate,
    },
    /// A range that ends before it begins.
    #[error("`to` {to} is before `from` {from}")]
    Reversed {
        /// First date as read.
        from: SessionDate,
        /// Last date as read.
        to: SessionDate,
    },
    /// A date with two meanings.
    #[error("{date} is already {first} on line {first_line}: keep one of the two")]
    DateTwice {
        /// The date.
        date: SessionDate,
        /// What the date is by the first entry: `a holiday`, `a special day of configs/nse_calendar.toml`.
        first: String,
        /// Line of the first entry.
        first_line: u64,
    },
    /// A holiday on a day that is closed anyway.
    #[error("{date} is a {weekday}, which is closed anyway: remove the entry")]
    HolidayOnWeekend {
        /// The date.
        date: SessionDate,
        /// Its weekday.
        weekday: &'static str,
    },
    /// A special of kind `weekend` on a weekday.
    #[error("{date} is a {weekday}: a special day of kind `weekend` must be a Saturday or a Sunday")]
    NotWeekend {
        /// The date.
        date: SessionDate,
        /// Its weekday.
        weekday: &'static str,
    },
    /// Two special entries of one date that do not describe the same day.
    #[error("its name or kind differs from the entry for the same date on line {first_line}: give both the same")]
    SpecialDiffers {
        /// Line of the first entry.
        first_line: u64,
    },
    /// A phase without length.
    #[error("{phase} is empty: it starts at {start} and ends at {end}")]
    PhaseEmpty {
        /// The phase.
        phase: Phase,
        /// Its start.
        start: DayMinute,
        /// Its end.
        end: DayMinute,
    },
    /// A phase that starts before the one listed before it has ended.
    #[error("{phase} starts at {start}, before {before} ends at {before_end}: list phases in order, without overlap")]
    PhaseOrder {
        /// The phase.
        phase: Phase,
        /// Its start.
        start: DayMinute,
        /// The phase listed before it.
        before: Phase,
        /// The end of that.
        before_end: DayMinute,
    },
    /// A day without continuous trading.
    #[error("no phase is continuous: a day without one is a holiday")]
    NoContinuous,
    /// A class that is listed twice in one entry, or by two entries of one date.
    #[error("class {class} has its hours already on line {first_line}")]
    ClassTwice {
        /// The class.
        class: InstrumentClass,
        /// Line of the first.
        first_line: u64,
    },
    /// A special date that leaves a class without hours.
    #[error("class {class} has no hours on {date}: an entry replaces the whole day, so every class needs hours")]
    ClassMissing {
        /// The class.
        class: InstrumentClass,
        /// The date.
        date: SessionDate,
    },
    /// Weekdays for which a class has no regular hours.
    #[error("class {class} has no regular hours from {from} to {to}: add or extend a `[[regular]]` entry")]
    RegularGap {
        /// The class.
        class: InstrumentClass,
        /// First date without.
        from: SessionDate,
        /// Last date without.
        to: SessionDate,
    },
    /// Dates for which a class has two sets of regular hours.
    #[error("class {class} has regular hours already by `{other}` on line {other_line}, from {from} to {to}")]
    RegularOverlap {
        /// The class.
        class: InstrumentClass,
        /// Name of the other entry.
        other: String,
        /// Line of the other entry.
        other_line: u64,
        /// First date with both.
        from: SessionDate,
        /// Last date with both.
        to: SessionDate,
    },
    /// A tick-size step that is not above the one before it.
    #[error("the step below {below} does not rise above the step below {before}: list steps by rising price")]
    StepOrder {
        /// The limit of the step.
        below: Price,
        /// The limit of the step before.
        before: Price,
    },
    /// A list of tick-size steps whose last has a limit, or another than the last has none.
    #[error("the last step, and only the last, must have no `below`: it holds for all higher prices")]
    StepOpen,
    /// A tick-size table that starts later than the calendar.
    #[error("no tick size is given from {from} to {to}: the oldest `[[tick_size]]` must start with the calendar")]
    TickSizeLate {
        /// First date without.
        from: SessionDate,
        /// Last date without.
        to: SessionDate,
    },
    /// Holidays of a year that does not follow the calendar's last.
    #[error("{date} skips {missing}, whose holidays the calendar does not have: import that year first")]
    YearSkipped {
        /// The date as read.
        date: SessionDate,
        /// The first year that is missing.
        missing: i32,
    },
}
