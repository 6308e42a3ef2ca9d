//! Adds the exchange's list of holidays of a further year to the text of a calendar.
//!
//! What it never does: write a file, or touch a byte of the text that it need not: it extends the calendar's `to` (and
//! the `to` of regular hours that end with the calendar) and adds `[[holiday]]` entries behind the last. Who calls it:
//! `calendar import`, which writes the text atomically.

use std::collections::BTreeMap;
use std::ops::Range;

use barkeep_schemas::SessionDate;
use serde::Serialize;

use super::super::document::{Document, Section};
use super::super::finding::{Finding, Problem, sorted};
use super::super::sheet;
use super::{Calendar, CalendarError, is_weekend, raw, weekday_name};

/// A date on which the exchange does not trade.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Holiday {
    /// The date.
    pub date: SessionDate,
    /// Its name.
    pub name: String,
    /// Its weekday.
    pub weekday: &'static str,
}

/// The outcome of a merge, checked as a calendar.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct HolidayImport {
    /// The new text of the calendar file.
    #[serde(skip)]
    pub text: String,
    /// Last date of the calendar before.
    pub old_to: SessionDate,
    /// Last date of the calendar now.
    pub to: SessionDate,
    /// Holidays added, oldest first.
    pub added: Vec<Holiday>,
    /// Holidays on a Saturday or Sunday, left out because the day is closed anyway; oldest first.
    pub skipped: Vec<Holiday>,
}

/// Merges a list of holidays (CSV with the columns `date` and `name`; dates `2027-01-26` or `26-Jan-2027`) into the
/// text of a calendar. A list may also add holidays to the calendar's present years.
///
/// # Errors
/// [`CalendarError::Refused`] when the calendar is not sound as it is, when a row cannot be read, names a date that is
/// a holiday or special day already or lies before the calendar, when the list leaves out a year after the calendar's
/// last, or when it adds nothing.
pub fn merge_holidays(
    calendar_text: &str,
    calendar_file: &str,
    csv_text: &str,
    csv_file: &str,
) -> Result<HolidayImport, CalendarError> {
    let calendar = Calendar::from_toml(calendar_text, calendar_file)?;
    let refused = |file: &str| {
        let file = file.to_owned();
        move |findings| CalendarError::Refused { file, findings }
    };
    let document = Document::parse(calendar_text, calendar_file).map_err(refused(calendar_file))?;
    let raw = raw::read(&document, &mut Vec::new());
    let (added, skipped) = new_holidays(&calendar, &raw, csv_text, csv_file).map_err(refused(csv_file))?;

    let to = extended_to(&calendar, &added);
    let mut edits = Vec::new();
    if to > calendar.to {
        let root = document.root();
        let sections = std::iter::once(&root).chain(raw.regulars.iter().map(|entry| &entry.section));
        for entry in sections.filter_map(|section| section.get("to")) {
            if entry.date(&mut Vec::new()) == Some(calendar.to) {
                edits.push((entry.span(), format!("\"{to}\"")));
            }
        }
    }
    let last = raw.holidays.iter().flat_map(|entry| ends(&entry.section)).max();
    let (at, block) = holiday_block(calendar_text, last, &added);
    edits.push((at..at, block));
    let text = apply(calendar_text, edits);
    // The text was edited by position: what counts is that it reads as the calendar that was meant.
    let merged = Calendar::from_toml(&text, calendar_file)?;
    if merged.to != to || added.iter().any(|holiday| !merged.holidays.contains_key(&holiday.date)) {
        let problem = Problem::Unfit {
            found: "a layout that cannot be extended".to_owned(),
            expected: "`to = \"…\"` and `[[holiday]]` entries on lines of their own".to_owned(),
        };
        return Err(refused(calendar_file)(vec![document.root().finding(problem)]));
    }
    Ok(HolidayImport { text, old_to: calendar.to, to, added, skipped })
}

/// The rows of the list as holidays to add and holidays that fall on weekends.
fn new_holidays(
    calendar: &Calendar,
    raw: &raw::RawCalendar<'_>,
    csv_text: &str,
    csv_file: &str,
) -> Result<(Vec<Holiday>, Vec<Holiday>), Vec<Finding>> {
    let mut findings = Vec::new();
    let rows = sheet::read(csv_text, csv_file, ["date", "name"], &mut findings);
    let mut lines: BTreeMap<SessionDate, u64> = BTreeMap::new();
    let (mut added, mut skipped) = (Vec::new(), Vec::new());
    for row in rows {
        let [date_text, name] = row.cells;
        let report =
            |problem| Finding { file: csv_file.to_owned(), line: Some(row.line), place: date_text.clone(), problem };
        let Some(date) = exchange_date(&date_text) else {
            let expected = "a date like 2027-01-26 or 26-Jan-2027".to_owned();
            findings.push(report(Problem::Unfit { found: format!("\"{date_text}\""), expected }));
            continue;
        };
        if name.is_empty() || name.chars().any(char::is_control) {
            let expected = "the holiday's name, without control characters".to_owned();
            findings.push(report(Problem::Unfit { found: format!("\"{}\"", name.escape_debug()), expected }));
        }
        if let Some(first_line) = lines.insert(date, row.line) {
            findings.push(report(Problem::DateTwice { date, first: format!("in {csv_file}"), first_line }));
        }
        let holiday = Holiday { date, name, weekday: weekday_name(date) };
        if let Some(problem) = conflict(calendar, raw, date) {
            findings.push(report(problem));
        } else if is_weekend(date) {
            skipped.push(holiday);
        } else {
            added.push(holiday);
        }
    }
    added.sort_by_key(|holiday| holiday.date);
    skipped.sort_by_key(|holiday| holiday.date);
    let mut expected = calendar.to.plus_days(1).ymd().0;
    for holiday in added.iter().filter(|holiday| holiday.date > calendar.to) {
        let (year, _, _) = holiday.date.ymd();
        if year > expected {
            let date = holiday.date;
            let line = lines.get(&date).copied();
            let problem = Problem::YearSkipped { date, missing: expected };
            findings.push(Finding { file: csv_file.to_owned(), line, place: date.to_string(), problem });
            break;
        }
        expected = year + 1;
    }
    if added.is_empty() && findings.is_empty() {
        let problem = Problem::Missing { expected: "at least one holiday on a weekday".to_owned() };
        findings.push(Finding { file: csv_file.to_owned(), line: None, place: String::new(), problem });
    }
    if findings.is_empty() { Ok((added, skipped)) } else { Err(sorted(findings)) }
}

/// Why a date cannot become a holiday of the calendar.
fn conflict(calendar: &Calendar, raw: &raw::RawCalendar<'_>, date: SessionDate) -> Option<Problem> {
    if date < calendar.from {
        return Some(Problem::DateOutside { date, from: calendar.from, to: calendar.to });
    }
    let twice = |first: &str, section: &Section<'_>| Problem::DateTwice {
        date,
        first: format!("{first} of {}", calendar.file),
        first_line: section.line(),
    };
    let holiday = raw.holidays.iter().find(|entry| entry.date == date);
    let special = raw.specials.iter().find(|entry| entry.date == date);
    holiday
        .map(|entry| twice("a holiday", &entry.section))
        .or_else(|| special.map(|entry| twice("a special day", &entry.section)))
}

/// The calendar's last date once the holidays are in: the end of the newest year, or what it was.
fn extended_to(calendar: &Calendar, added: &[Holiday]) -> SessionDate {
    let newest = added.iter().map(|holiday| holiday.date).filter(|date| *date > calendar.to).max();
    newest.and_then(|date| SessionDate::from_ymd(date.ymd().0, 12, 31)).unwrap_or(calendar.to)
}

/// Ends of the values of an entry.
fn ends(section: &Section<'_>) -> impl Iterator<Item = usize> {
    section.keys().filter_map(|key| section.get(key)).map(|entry| entry.span().end)
}

/// The new entries as text, and where they go: behind the line of the last entry, or at the end.
fn holiday_block(text: &str, last: Option<usize>, added: &[Holiday]) -> (usize, String) {
    let rest = last.and_then(|end| Some((end, text.get(end..)?)));
    let line_end = rest.and_then(|(end, rest)| Some(end + rest.find('\n')? + 1));
    let at = line_end.unwrap_or(text.len());
    let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let mut block = String::new();
    if line_end.is_none() && !text.ends_with('\n') {
        block.push_str(newline);
    }
    for holiday in added {
        let name = toml::Value::from(holiday.name.as_str());
        block.push_str(&format!(
            "{newline}[[holiday]]{newline}date = \"{}\"{newline}name = {name}{newline}",
            holiday.date
        ));
    }
    (at, block)
}

/// Replaces ranges of a text; ranges do not overlap.
fn apply(text: &str, mut edits: Vec<(Range<usize>, String)>) -> String {
    edits.sort_by_key(|(range, _)| range.start);
    let mut out = String::with_capacity(text.len() + edits.iter().map(|(_, new)| new.len()).sum::<usize>());
    let mut done = 0;
    for (range, new) in edits {
        out.push_str(text.get(done..range.start).unwrap_or_default());
        out.push_str(&new);
        done = range.end;
    }
    out.push_str(text.get(done..).unwrap_or_default());
    out
}

/// Reads `2027-01-26`, or `26-Jan-2027` as the exchange prints it.
fn exchange_date(text: &str) -> Option<SessionDate> {
    if let Some(date) = SessionDate::parse(text) {
        return Some(date);
    }
    let mut parts = text.splitn(3, '-');
    let (day, month, year) = (parts.next()?, parts.next()?, parts.next()?);
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !(1..=2).contains(&day.len()) || year.len() != 4 || !digits(day) || !digits(year) {
        return None;
    }
    let months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let month = (1..).zip(months).find(|(_, name)| month.eq_ignore_ascii_case(name))?.0;
    SessionDate::from_ymd(year.parse().ok()?, month, day.parse().ok()?)
}
