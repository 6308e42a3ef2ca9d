//! Turns the calendar as read into the checked one, or into every contradiction that it holds.
//!
//! What it never does: stop at the first contradiction, or repair one. Who calls it: `Calendar::from_toml`.

use std::collections::BTreeMap;

use barkeep_schemas::{InstrumentClass, SessionDate};

use super::super::document::{Document, Section};
use super::super::finding::{Finding, Problem, sorted};
use super::raw::{self, CLASSES, RawCalendar, RawHoliday, RawRegular, RawSpecial, RawTickSize};
use super::{ByClass, Calendar, Dated, PhaseHours, SpecialDay, SpecialKind, TickTable, is_weekend, weekday_name};

/// Dates whose nanoseconds fit a tape, in whole years.
const YEARS: std::ops::RangeInclusive<i32> = 1970..=2261;

/// Reads and checks a calendar.
///
/// # Errors
/// Every finding, in the order of lines.
pub(super) fn calendar(text: &str, file: &str) -> Result<Calendar, Vec<Finding>> {
    let document = Document::parse(text, file)?;
    let mut findings = Vec::new();
    let raw = raw::read(&document, &mut findings);
    let readable = findings.is_empty();
    let Some((from, to)) = range(&document.root(), &raw, &mut findings) else { return Err(sorted(findings)) };
    let bounds = Bounds { from, to };

    let regular = regular_hours(&document.root(), &raw.regulars, bounds, readable, &mut findings);
    let holidays = holidays(&raw.holidays, bounds, &mut findings);
    let specials = specials(&raw.specials, &raw.holidays, bounds, &mut findings);
    let tick_sizes = tick_sizes(&document.root(), &raw.tick_sizes, bounds, readable, &mut findings);
    match (regular, tick_sizes) {
        (Some(regular), Some(tick_sizes)) if findings.is_empty() => {
            Ok(Calendar { file: file.to_owned(), from, to, regular, holidays, specials, tick_sizes })
        }
        _ => Err(sorted(findings)),
    }
}

/// First and last date of the calendar.
#[derive(Clone, Copy)]
struct Bounds {
    from: SessionDate,
    to: SessionDate,
}

impl Bounds {
    /// Reports a date outside.
    fn hold(self, section: &Section<'_>, date: SessionDate, findings: &mut Vec<Finding>) {
        if date < self.from || date > self.to {
            findings.push(section.finding(Problem::DateOutside { date, from: self.from, to: self.to }));
        }
    }
}

/// The calendar's own range, when both ends can be read.
fn range(root: &Section<'_>, raw: &RawCalendar<'_>, findings: &mut Vec<Finding>) -> Option<(SessionDate, SessionDate)> {
    let (from, to) = (raw.from?, raw.to?);
    let before = findings.len();
    for (key, date) in [("from", from), ("to", to)] {
        if let Some(entry) = root.get(key).filter(|_| !YEARS.contains(&date.ymd().0)) {
            findings.push(entry.unfit(&format!("a date of the years {} to {}", YEARS.start(), YEARS.end())));
        }
    }
    if to < from {
        findings.push(root.finding(Problem::Reversed { from, to }));
    }
    (findings.len() == before).then_some((from, to))
}

fn regular_hours(
    root: &Section<'_>,
    regulars: &[RawRegular<'_>],
    bounds: Bounds,
    readable: bool,
    findings: &mut Vec<Finding>,
) -> Option<ByClass<Dated<Vec<PhaseHours>>>> {
    for entry in regulars {
        bounds.hold(&entry.section, entry.from, findings);
        bounds.hold(&entry.section, entry.to, findings);
        if entry.to < entry.from {
            findings.push(entry.section.finding(Problem::Reversed { from: entry.from, to: entry.to }));
        }
    }
    let mut hours = |class| class_hours(class, root, regulars, bounds, readable, findings);
    let (cash, derivatives) = (hours(InstrumentClass::Cash), hours(InstrumentClass::Derivatives));
    Some(ByClass { cash: cash?, derivatives: derivatives? })
}

/// The regular hours of one class: one entry for every weekday of the calendar, never two.
fn class_hours(
    class: InstrumentClass,
    root: &Section<'_>,
    regulars: &[RawRegular<'_>],
    bounds: Bounds,
    readable: bool,
    findings: &mut Vec<Finding>,
) -> Option<Dated<Vec<PhaseHours>>> {
    let mut entries: Vec<&RawRegular<'_>> =
        regulars.iter().filter(|entry| entry.classes.contains(&class) && entry.from <= entry.to).collect();
    entries.sort_by_key(|entry| entry.from);
    // The entry that reaches furthest so far, and the first date that none has covered yet.
    let mut furthest: Option<&RawRegular<'_>> = None;
    let mut open = bounds.from;
    let mut gaps = Vec::new();
    for entry in &entries {
        if let Some(other) = furthest.filter(|other| entry.from <= other.to) {
            findings.push(entry.section.finding(Problem::RegularOverlap {
                class,
                other: other.name.to_owned(),
                other_line: other.section.line(),
                from: entry.from,
                to: entry.to.min(other.to),
            }));
        }
        gaps.push((open, entry.from.plus_days(-1)));
        open = open.max(entry.to.plus_days(1));
        furthest = furthest.filter(|other| other.to >= entry.to).or(Some(entry));
    }
    gaps.push((open, bounds.to));
    // An entry that could not be read has its own finding; the gap that it leaves would only repeat it.
    if readable {
        for (from, to) in gaps {
            if let Some(from) = first_weekday(from, to) {
                findings.push(root.finding(Problem::RegularGap { class, from, to }));
            }
        }
    }
    Dated::from_sorted(entries.iter().map(|entry| (entry.from, entry.phases.clone())))
}

/// The first weekday of a range.
fn first_weekday(from: SessionDate, to: SessionDate) -> Option<SessionDate> {
    (0..3).map(|days| from.plus_days(days)).find(|date| *date <= to && !is_weekend(*date))
}

fn holidays(holidays: &[RawHoliday<'_>], bounds: Bounds, findings: &mut Vec<Finding>) -> BTreeMap<SessionDate, String> {
    let mut first: BTreeMap<SessionDate, &RawHoliday<'_>> = BTreeMap::new();
    for entry in holidays {
        let date = entry.date;
        bounds.hold(&entry.section, date, findings);
        if is_weekend(date) {
            let problem = Problem::HolidayOnWeekend { date, weekday: weekday_name(date) };
            findings.push(entry.section.finding(problem));
        }
        if let Some(earlier) = first.get(&date) {
            findings.push(entry.section.finding(Problem::DateTwice {
                date,
                first: "a holiday".to_owned(),
                first_line: earlier.section.line(),
            }));
        } else {
            first.insert(date, entry);
        }
    }
    first.into_iter().map(|(date, entry)| (date, entry.name.to_owned())).collect()
}

/// The special days. Several entries may share a date when they give the hours of different classes of the same day.
fn specials(
    specials: &[RawSpecial<'_>],
    holidays: &[RawHoliday<'_>],
    bounds: Bounds,
    findings: &mut Vec<Finding>,
) -> BTreeMap<SessionDate, SpecialDay> {
    let mut dates: BTreeMap<SessionDate, Vec<&RawSpecial<'_>>> = BTreeMap::new();
    for entry in specials {
        let date = entry.date;
        bounds.hold(&entry.section, date, findings);
        if entry.kind == SpecialKind::Weekend && !is_weekend(date) {
            findings.push(entry.section.finding(Problem::NotWeekend { date, weekday: weekday_name(date) }));
        }
        if let Some(holiday) = holidays.iter().find(|holiday| holiday.date == date) {
            findings.push(entry.section.finding(Problem::DateTwice {
                date,
                first: "a holiday".to_owned(),
                first_line: holiday.section.line(),
            }));
        }
        dates.entry(date).or_default().push(entry);
    }
    dates.into_iter().filter_map(|(date, entries)| Some((date, special_day(date, &entries, findings)?))).collect()
}

fn special_day(date: SessionDate, entries: &[&RawSpecial<'_>], findings: &mut Vec<Finding>) -> Option<SpecialDay> {
    let (first, others) = entries.split_first()?;
    let before = findings.len();
    for entry in others.iter().filter(|entry| (entry.name, entry.kind) != (first.name, first.kind)) {
        findings.push(entry.section.finding(Problem::SpecialDiffers { first_line: first.section.line() }));
    }
    for (_, class) in CLASSES {
        let mut of_class = entries.iter().filter(|entry| entry.classes.contains(&class));
        match of_class.next() {
            None => findings.push(first.section.finding(Problem::ClassMissing { class, date })),
            Some(earlier) => {
                let first_line = earlier.section.line();
                findings.extend(of_class.map(|entry| entry.section.finding(Problem::ClassTwice { class, first_line })));
            }
        }
    }
    if findings.len() > before {
        return None;
    }
    let of = |class| entries.iter().find(|entry| entry.classes.contains(&class)).map(|entry| entry.phases.clone());
    let hours = ByClass { cash: of(InstrumentClass::Cash)?, derivatives: of(InstrumentClass::Derivatives)? };
    Some(SpecialDay { name: first.name.to_owned(), kind: first.kind, hours })
}

/// The tick-size tables. One may begin before the calendar, as it holds until the next.
fn tick_sizes(
    root: &Section<'_>,
    entries: &[RawTickSize<'_>],
    bounds: Bounds,
    readable: bool,
    findings: &mut Vec<Finding>,
) -> Option<Dated<TickTable>> {
    let mut sorted: Vec<&RawTickSize<'_>> = entries.iter().collect();
    sorted.sort_by_key(|entry| entry.from);
    for (earlier, later) in sorted.iter().zip(sorted.iter().skip(1)).filter(|(a, b)| a.from == b.from) {
        findings.push(later.section.finding(Problem::DateTwice {
            date: later.from,
            first: "the start of a tick-size table".to_owned(),
            first_line: earlier.section.line(),
        }));
    }
    for entry in sorted.iter().filter(|entry| entry.from > bounds.to) {
        bounds.hold(&entry.section, entry.from, findings);
    }
    match sorted.first() {
        None if readable => {
            findings.push(root.finding(Problem::Missing { expected: "at least one `[[tick_size]]`".to_owned() }));
        }
        Some(oldest) if readable && oldest.from > bounds.from => {
            let to = oldest.from.plus_days(-1).min(bounds.to);
            findings.push(oldest.section.finding(Problem::TickSizeLate { from: bounds.from, to }));
        }
        None | Some(_) => {}
    }
    Dated::from_sorted(sorted.iter().map(|entry| (entry.from, entry.table.clone())))
}
