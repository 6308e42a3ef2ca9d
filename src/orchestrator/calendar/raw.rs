//! The calendar file as read: entries with their lines, each sound in itself, not yet compared with each other.
//!
//! What it never does: drop an entry that it cannot read without a finding. Who calls it: the check, and the holiday
//! import, which needs to know where in the text things stand.

use barkeep_schemas::{InstrumentClass, Phase, Price, SessionDate};

use super::super::document::{Document, Entry, Section};
use super::super::finding::{DayMinute, Finding, Problem};
use super::{PhaseHours, SpecialKind, TickTable, ZONE};

/// The classes whose hours the exchange tells apart.
pub(super) const CLASSES: [(&str, InstrumentClass); 2] =
    [("cash", InstrumentClass::Cash), ("derivatives", InstrumentClass::Derivatives)];

/// A calendar file as read.
pub(super) struct RawCalendar<'d> {
    pub(super) from: Option<SessionDate>,
    pub(super) to: Option<SessionDate>,
    pub(super) regulars: Vec<RawRegular<'d>>,
    pub(super) holidays: Vec<RawHoliday<'d>>,
    pub(super) specials: Vec<RawSpecial<'d>>,
    pub(super) tick_sizes: Vec<RawTickSize<'d>>,
}

/// A `[[regular]]` entry.
pub(super) struct RawRegular<'d> {
    pub(super) section: Section<'d>,
    pub(super) name: &'d str,
    pub(super) classes: Vec<InstrumentClass>,
    pub(super) from: SessionDate,
    pub(super) to: SessionDate,
    pub(super) phases: Vec<PhaseHours>,
}

/// A `[[holiday]]` entry.
pub(super) struct RawHoliday<'d> {
    pub(super) section: Section<'d>,
    pub(super) date: SessionDate,
    pub(super) name: &'d str,
}

/// A `[[special]]` entry.
pub(super) struct RawSpecial<'d> {
    pub(super) section: Section<'d>,
    pub(super) date: SessionDate,
    pub(super) name: &'d str,
    pub(super) kind: SpecialKind,
    pub(super) classes: Vec<InstrumentClass>,
    pub(super) phases: Vec<PhaseHours>,
}

/// A `[[tick_size]]` entry.
pub(super) struct RawTickSize<'d> {
    pub(super) section: Section<'d>,
    pub(super) from: SessionDate,
    pub(super) table: TickTable,
}

/// Reads every entry; what cannot be read is left out and reported.
pub(super) fn read<'d>(document: &'d Document<'d>, findings: &mut Vec<Finding>) -> RawCalendar<'d> {
    let root = document.root();
    let keys = ["version", "exchange", "zone", "from", "to", "regular", "holiday", "special", "tick_size"];
    root.allow_only(&keys, findings);
    if let Some(version) = root.require("version", "1", findings) {
        version.integer(1, 1, findings);
    }
    if let Some(exchange) = root.require("exchange", "\"NSE\"", findings) {
        exchange.name("exchange", &[("NSE", ())], findings);
    }
    if let Some(zone) = root.require("zone", "\"Asia/Kolkata\"", findings) {
        zone.name("zone", &[(ZONE, ())], findings);
    }
    RawCalendar {
        from: root.date("from", findings),
        to: root.date("to", findings),
        regulars: entries(&root, "regular", findings, regular),
        holidays: entries(&root, "holiday", findings, holiday),
        specials: entries(&root, "special", findings, special),
        tick_sizes: entries(&root, "tick_size", findings, tick_size),
    }
}

fn entries<'d, T>(
    root: &Section<'d>,
    key: &str,
    findings: &mut Vec<Finding>,
    read: fn(Section<'d>, &mut Vec<Finding>) -> Option<T>,
) -> Vec<T> {
    let sections = root.sections(key, findings);
    sections.into_iter().filter_map(|section| read(section, findings)).collect()
}

fn regular<'d>(section: Section<'d>, findings: &mut Vec<Finding>) -> Option<RawRegular<'d>> {
    let section = titled(section, "regular", "name");
    section.allow_only(&["name", "classes", "from", "to", "phases"], findings);
    let name = title(&section, findings);
    let classes = classes(&section, findings);
    let (from, to) = (section.date("from", findings), section.date("to", findings));
    let phases = phases(&section, findings);
    Some(RawRegular { name: name?, classes: classes?, from: from?, to: to?, phases: phases?, section })
}

fn holiday<'d>(section: Section<'d>, findings: &mut Vec<Finding>) -> Option<RawHoliday<'d>> {
    let section = titled(section, "holiday", "date");
    section.allow_only(&["date", "name"], findings);
    let (date, name) = (section.date("date", findings), title(&section, findings));
    Some(RawHoliday { date: date?, name: name?, section })
}

fn special<'d>(section: Section<'d>, findings: &mut Vec<Finding>) -> Option<RawSpecial<'d>> {
    let section = titled(section, "special", "date");
    section.allow_only(&["date", "name", "kind", "classes", "phases"], findings);
    let (date, name) = (section.date("date", findings), title(&section, findings));
    let kind = section.require("kind", "\"…\"", findings);
    let kind = kind.and_then(|kind| kind.name("kind", &SpecialKind::NAMES, findings));
    let classes = classes(&section, findings);
    let phases = phases(&section, findings);
    Some(RawSpecial { date: date?, name: name?, kind: kind?, classes: classes?, phases: phases?, section })
}

fn tick_size<'d>(section: Section<'d>, findings: &mut Vec<Finding>) -> Option<RawTickSize<'d>> {
    let section = titled(section, "tick_size", "from");
    section.allow_only(&["from", "steps"], findings);
    let from = section.date("from", findings);
    let table = steps(&section, findings);
    Some(RawTickSize { from: from?, table: table?, section })
}

/// Names an entry by its kind and one of its values, so that a finding can be found without the line.
fn titled<'d>(section: Section<'d>, kind: &str, key: &str) -> Section<'d> {
    let value = section.get(key).and_then(|entry| entry.text(&mut Vec::new()));
    let place = value.map_or_else(|| kind.to_owned(), |value| format!("{kind} {}", value.escape_debug()));
    section.named(place)
}

/// The name of an entry, which must say something.
fn title<'d>(section: &Section<'d>, findings: &mut Vec<Finding>) -> Option<&'d str> {
    let name = section.text("name", findings)?;
    if name.trim().is_empty() {
        findings.push(section.finding(Problem::Missing { expected: "a `name` that is not empty".to_owned() }));
        return None;
    }
    Some(name)
}

fn classes(section: &Section<'_>, findings: &mut Vec<Finding>) -> Option<Vec<InstrumentClass>> {
    let entry = section.require("classes", "[\"derivatives\", \"cash\"]", findings)?;
    let before = findings.len();
    let mut classes = Vec::new();
    for item in entry.list(findings) {
        let Some(class) = item.name("class", &CLASSES, findings) else { continue };
        if classes.contains(&class) {
            findings.push(item.finding(Problem::ClassTwice { class, first_line: entry.line() }));
        }
        classes.push(class);
    }
    if classes.is_empty() && findings.len() == before {
        findings.push(entry.finding(Problem::Missing { expected: "at least one class".to_owned() }));
    }
    (findings.len() == before).then_some(classes)
}

fn phases(section: &Section<'_>, findings: &mut Vec<Finding>) -> Option<Vec<PhaseHours>> {
    let entry = section.require("phases", "[{ phase = \"…\", start = \"HH:MM\", end = \"HH:MM\" }]", findings)?;
    let names: Vec<(&str, Phase)> = Phase::ALL.iter().map(|phase| (phase.name(), *phase)).collect();
    let before = findings.len();
    let mut phases: Vec<PhaseHours> = Vec::new();
    for item in entry.sections(findings) {
        item.allow_only(&["phase", "start", "end"], findings);
        let phase = item.require("phase", "\"…\"", findings);
        let phase = phase.and_then(|entry| entry.name("phase", &names, findings));
        let (start, end) = (minute(&item, "start", findings), minute(&item, "end", findings));
        let (Some(phase), Some(start), Some(end)) = (phase, start, end) else { continue };
        if start >= end {
            findings.push(item.finding(Problem::PhaseEmpty { phase, start, end }));
        }
        if let Some(last) = phases.last().filter(|last| start < last.end) {
            let problem = Problem::PhaseOrder { phase, start, before: last.phase, before_end: last.end };
            findings.push(item.finding(problem));
        }
        phases.push(PhaseHours { phase, start, end });
    }
    if findings.len() == before && !phases.iter().any(|hours| hours.phase == Phase::Continuous) {
        findings.push(entry.finding(Problem::NoContinuous));
    }
    (findings.len() == before).then_some(phases)
}

fn minute(section: &Section<'_>, key: &str, findings: &mut Vec<Finding>) -> Option<DayMinute> {
    let entry = section.require(key, "\"HH:MM\"", findings)?;
    let minute = entry.text(findings)?;
    let parsed = DayMinute::parse(minute);
    if parsed.is_none() {
        findings.push(entry.unfit("a time \"HH:MM\" of the IST day, 00:00 to 24:00"));
    }
    parsed
}

fn steps(section: &Section<'_>, findings: &mut Vec<Finding>) -> Option<TickTable> {
    let entry = section.require("steps", "[{ below = \"250\", tick = \"0.01\" }, { tick = \"0.05\" }]", findings)?;
    let before = findings.len();
    let (mut steps, mut top): (Vec<(Price, Price)>, Option<Price>) = (Vec::new(), None);
    for item in entry.sections(findings) {
        item.allow_only(&["below", "tick"], findings);
        let tick = item.require("tick", "\"0.05\"", findings).and_then(|entry| price(&entry, findings));
        let below = item.get("below");
        if top.is_some() {
            findings.push(item.finding(Problem::StepOpen));
        }
        let Some(below) = below else {
            top = tick.or(top);
            continue;
        };
        let (Some(below), Some(tick)) = (price(&below, findings), tick) else { continue };
        if let Some((last, _)) = steps.last().filter(|(last, _)| below <= *last) {
            findings.push(item.finding(Problem::StepOrder { below, before: *last }));
        }
        steps.push((below, tick));
    }
    if top.is_none() && findings.len() == before {
        findings.push(entry.finding(Problem::StepOpen));
    }
    let table = top.map(|top| TickTable { steps, top });
    table.filter(|_| findings.len() == before)
}

/// A price above zero as a decimal in quotes, exact to 0.0001.
fn price(entry: &Entry<'_>, findings: &mut Vec<Finding>) -> Option<Price> {
    let text = entry.text(findings)?;
    let price = decimal(text).filter(|price| *price > Price::ZERO && *price <= Price::MAX);
    if price.is_none() {
        findings.push(entry.unfit("a price above 0 in quotes, with at most four decimals: \"0.05\""));
    }
    price
}

/// Reads `12` or `0.05`: digits, and at most four more behind a point.
fn decimal(text: &str) -> Option<Price> {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str, most: usize| {
        !text.is_empty() && text.len() <= most && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    if !digits(whole, 12) || !digits(part, 4) {
        return None;
    }
    let fraction = format!("{part:0<4}").parse::<i64>().ok()?;
    Some(Price::new(whole.parse::<i64>().ok()? * 10_000 + fraction))
}
