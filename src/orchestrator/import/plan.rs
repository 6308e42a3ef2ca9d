//! The plan of an import of ticks: which sessions its rows make, with their hours and instruments.
//!
//! What it never does: touch the tape. A file whose rows do not fit the calendar is refused here, before anything is
//! written.

use barkeep_schemas::{
    ConditionRule, DayCalendar, FeedId, FeedSpec, FileKind, Instrument, InstrumentClass, InstrumentId, NANOS, Price,
    SessionDate, TradeRule, VolumeSource,
};

use super::{CalendarChoice, ImportError, ImportRequest, Surroundings};
use crate::ingestion::files::{DateScan, Field, Scan};
use crate::orchestrator::calendar::{Calendar, DayKind};

/// Why the files do not fit the calendar.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// No row could be used at all.
    #[error("none of the {rejected} rows could be read; the first: {first}")]
    NothingReadable {
        /// Rows refused.
        rejected: u64,
        /// The first, with its place.
        first: String,
    },
    /// No row at all.
    #[error("{files} hold no rows: expected at least one below the header")]
    NoRows {
        /// The files.
        files: String,
    },
    /// Starts of bars that are no starts of bars.
    #[error(
        "the bars start every {found}, which is not --tf {tf}: give the timeframe that the file has (--tf 1s, 1, 3, 5, 15, \
         30 or 60)"
    )]
    OffGrid {
        /// The widest grid that all starts lie on.
        found: String,
        /// The timeframe given.
        tf: &'static str,
    },
    /// A trade rule that needs a column which is not there.
    #[error("--trade-rule {rule} needs a column for {field}: map one, or give --trade-rule all")]
    RuleWithoutColumn {
        /// The rule.
        rule: TradeRule,
        /// The field.
        field: Field,
    },
    /// Every row lies on a day without a session.
    #[error(
        "{file}, line {line}: {date} has no session ({why}), and no other date of the file has one; for data that is not \
         NSE's give --calendar always"
    )]
    ClosedDates {
        /// The file of the first row.
        file: String,
        /// Its line.
        line: u64,
        /// Its date.
        date: SessionDate,
        /// Why there is no session.
        why: String,
    },
    /// Most rows lie outside the hours of the session.
    #[error(
        "{file}, line {line}: only {inside} of {rows} rows of {date} lie inside the session ({hours} IST); they range \
         {seen}: {advice}"
    )]
    OutsideHours {
        /// The file of the first row.
        file: String,
        /// Its line.
        line: u64,
        /// The date.
        date: SessionDate,
        /// Rows inside.
        inside: u64,
        /// Rows of the date.
        rows: u64,
        /// The session's hours.
        hours: String,
        /// From which time of day to which the rows range.
        seen: String,
        /// What to do.
        advice: &'static str,
    },
}

/// One date of the files.
#[derive(Clone, Debug)]
pub(super) struct PlannedDay {
    pub(super) date: SessionDate,
    pub(super) start: i64,
    pub(super) end: i64,
    /// The session, or why there is none.
    pub(super) session: Result<DayCalendar, String>,
}

/// What the rows of an import of ticks make.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) days: Vec<PlannedDay>,
    pub(super) feed: FeedSpec,
    class_of: Vec<InstrumentClass>,
    low_prices: Vec<Price>,
    symbols: Vec<String>,
}

impl Plan {
    pub(super) fn new(request: &ImportRequest, around: &Surroundings<'_>, scan: &Scan) -> Result<Self, ImportError> {
        check_rows(request, scan)?;
        let mut days = Vec::new();
        for date in &scan.dates {
            days.push(day(request, around, date)?);
        }
        check_days(&days, scan)?;
        check_grid(request, scan)?;
        check_rule(request, scan)?;
        let class = |symbol: &str| match request.calendar {
            CalendarChoice::Nse => around.universe.class_of(symbol),
            CalendarChoice::Always => InstrumentClass::Always,
        };
        let symbols: Vec<String> = scan.symbols.iter().map(|symbol| symbol.symbol.clone()).collect();
        Ok(Self {
            days,
            feed: feed(request, scan),
            class_of: symbols.iter().map(|symbol| class(symbol)).collect(),
            low_prices: scan.symbols.iter().map(|symbol| symbol.min_price).collect(),
            symbols,
        })
    }

    /// The instruments of a date's session, numbered as the rows number their symbols.
    pub(super) fn instruments(&self, date: SessionDate, calendar: &Calendar) -> Vec<Instrument> {
        self.symbols.iter().enumerate().map(|(place, _)| self.instrument(place, date, calendar)).collect()
    }

    /// One instrument; its number is its place.
    pub(super) fn instrument(&self, place: usize, date: SessionDate, calendar: &Calendar) -> Instrument {
        let class = self.class_of.get(place).copied().unwrap_or(InstrumentClass::Cash);
        let low = self.low_prices.get(place).copied();
        let tick_size = match (class, low) {
            (InstrumentClass::Cash | InstrumentClass::Derivatives, Some(low)) => calendar.tick_size(date, low),
            (InstrumentClass::Cash | InstrumentClass::Derivatives | InstrumentClass::Always, _) => Price::new(100),
        };
        Instrument {
            id: InstrumentId(place as u32),
            feed: FeedId(0),
            token: 0,
            symbol: self.symbols.get(place).cloned().unwrap_or_default(),
            class,
            tick_size,
            lot_size: 1,
        }
    }
}

fn check_rows(request: &ImportRequest, scan: &Scan) -> Result<(), PlanError> {
    if scan.accepted() > 0 {
        return Ok(());
    }
    let names: Vec<String> = request.files.iter().map(|file| file.display().to_string()).collect();
    match scan.files.iter().find_map(|file| file.examples.first()) {
        Some(first) => Err(PlanError::NothingReadable { rejected: scan.rejected(), first: first.to_string() }),
        None => Err(PlanError::NoRows { files: names.join(", ") }),
    }
}

fn day(request: &ImportRequest, around: &Surroundings<'_>, scanned: &DateScan) -> Result<PlannedDay, ImportError> {
    let date = scanned.date;
    let zone = request.options.date_zone.as_ref().unwrap_or(&request.options.zone);
    let always = Calendar::always(date, zone);
    let (start, end) = (always.day_start.get(), always.day_end.get());
    let session = match request.calendar {
        CalendarChoice::Always => Ok(always),
        CalendarChoice::Nse => match around.calendar.day(date) {
            Ok(DayKind::Session(session)) => Ok(session),
            Ok(DayKind::Closed { reason }) => Err(reason.to_string()),
            // A stray date must not stop the others; when there is no other, the plan is refused with this sentence.
            Err(error) => Err(error.to_string()),
        },
    };
    let (start, end) = session.as_ref().map_or((start, end), |day| (day.day_start.get(), day.day_end.get()));
    Ok(PlannedDay { date, start, end, session })
}

/// At least one date must have a session, and most of the rows of each must lie in its hours.
fn check_days(days: &[PlannedDay], scan: &Scan) -> Result<(), PlanError> {
    for (day, scanned) in days.iter().zip(&scan.dates) {
        if let Ok(session) = &day.session {
            check_hours(session, scanned, scan)?;
        }
    }
    let first = days.iter().zip(&scan.dates).next();
    match first {
        Some((day, scanned)) if days.iter().all(|day| day.session.is_err()) => {
            let why = day.session.as_ref().err().cloned().unwrap_or_default();
            let file = file_name(scan, scanned.first.file);
            Err(PlanError::ClosedDates { file, line: scanned.first.line, date: day.date, why })
        }
        Some(_) | None => Ok(()),
    }
}

/// Bars must start where bars of their timeframe start: on multiples of it, counted from an open on the quarter hour.
fn check_grid(request: &ImportRequest, scan: &Scan) -> Result<(), PlanError> {
    const QUARTER_NS: i64 = 900 * NANOS;
    if request.options.kind == FileKind::Ticks || scan.grid_ns % request.tf.nanos().min(QUARTER_NS) == 0 {
        return Ok(());
    }
    let found = match scan.grid_ns {
        ns if ns % (60 * NANOS) == 0 => format!("{} min", ns / NANOS / 60),
        ns if ns % NANOS == 0 => format!("{} s", ns / NANOS),
        ns => format!("{ns} ns"),
    };
    Err(PlanError::OffGrid { found, tf: request.tf.name() })
}

/// A rule needs the columns that it looks at.
fn check_rule(request: &ImportRequest, scan: &Scan) -> Result<(), PlanError> {
    let lacking = match request.trade_rule {
        Some(TradeRule::Qty) => Some(Field::Qty),
        Some(TradeRule::Kite) => Some(Field::CumVolume),
        Some(TradeRule::All) | None => None,
    };
    match (lacking.filter(|field| !scan.fields.contains(field)), request.trade_rule) {
        (Some(field), Some(rule)) => Err(PlanError::RuleWithoutColumn { rule, field }),
        (Some(_) | None, _) => Ok(()),
    }
}

/// Half hours of the day that the session's phases touch.
fn half_hours(session: &DayCalendar) -> [bool; 48] {
    let mut touched = [false; 48];
    for span in session.classes.iter().flat_map(|class| &class.phases) {
        for (place, half) in touched.iter_mut().enumerate() {
            let start = session.day_start.get() + place as i64 * 1_800 * NANOS;
            *half |= start < span.end.get() && span.start.get() < start + 1_800 * NANOS;
        }
    }
    touched
}

fn check_hours(session: &DayCalendar, scanned: &DateScan, scan: &Scan) -> Result<(), PlanError> {
    let touched = half_hours(session);
    let inside_when = |shift: usize| -> u64 {
        let halves = scanned.half_hours.iter().enumerate();
        halves.filter(|(place, _)| touched.get((place + shift) % 48) == Some(&true)).map(|(_, rows)| *rows).sum()
    };
    let inside = inside_when(0);
    if inside * 2 >= scanned.rows {
        return Ok(());
    }
    // 5 h 30 min are eleven half hours.
    let advice = if inside_when(11) * 10 >= scanned.rows * 9 {
        "the times look like UTC: give --tz UTC"
    } else {
        "is --tz right? For data that is not NSE's give --calendar always"
    };
    let spans = || session.classes.iter().flat_map(|class| &class.phases);
    let hours = |t: Option<i64>| t.map(|t| clock((t - session.day_start.get()) / NANOS)).unwrap_or_default();
    Err(PlanError::OutsideHours {
        file: file_name(scan, scanned.first.file),
        line: scanned.first.line,
        date: scanned.date,
        inside,
        rows: scanned.rows,
        hours: format!(
            "{}-{}",
            hours(spans().map(|span| span.start.get()).min()),
            hours(spans().map(|span| span.end.get()).max())
        ),
        seen: format!("from {} to {}", clock(scanned.earliest_ns / NANOS), clock(scanned.latest_ns / NANOS)),
        advice,
    })
}

fn clock(second: i64) -> String {
    format!("{:02}:{:02}", second / 3_600, second / 60 % 60)
}

/// How the rows are read as ticks.
fn feed(request: &ImportRequest, scan: &Scan) -> FeedSpec {
    let has = |field: Field| scan.fields.contains(&field);
    let volume = match (has(Field::CumVolume), has(Field::Qty)) {
        (true, _) => VolumeSource::Cumulative,
        (false, true) => VolumeSource::Quantity,
        (false, false) => VolumeSource::Nothing,
    };
    let by_default = if has(Field::Qty) { TradeRule::Qty } else { TradeRule::All };
    let conditions: Vec<ConditionRule> = request.conditions.clone();
    let trade_rule = request.trade_rule.unwrap_or(by_default);
    FeedSpec { id: FeedId(0), name: "import".to_owned(), trade_rule, volume, conditions }
}

/// The name of a scanned file.
pub(super) fn file_name(scan: &Scan, file: usize) -> String {
    scan.files.get(file).map(|file| file.name.clone()).unwrap_or_default()
}
