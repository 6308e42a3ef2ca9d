//! What an operator types: configuration, calendar, holidays, universe, conditions, mappings, tolerances, and the pairs
//! desk's files.
//!
//! The first byte chooses which of them the text is.

use barkeep::ingestion::files::{Mapping, parse_conditions};
use barkeep::orchestrator::calendar::{Calendar, merge_holidays};
use barkeep::orchestrator::config::{Config, Tolerances};
use barkeep::orchestrator::desk::charges::ChargeTable;
use barkeep::orchestrator::desk::risk::RiskRules;
use barkeep::orchestrator::desk::whitelist::Whitelist;
use barkeep::orchestrator::universe::Universe;
use barkeep_schemas::{Price, SessionDate};

/// A small calendar that is sound.
pub const CALENDAR: &str = r#"version = 1
exchange = "NSE"
zone = "Asia/Kolkata"
from = "2026-01-01"
to = "2026-12-31"

[[regular]]
name = "Every day"
classes = ["derivatives", "cash"]
from = "2026-01-01"
to = "2026-12-31"
phases = [
  { phase = "pre_open",   start = "09:00", end = "09:15" },
  { phase = "continuous", start = "09:15", end = "15:30" },
]

[[holiday]]
date = "2026-01-26"
name = "Republic Day"

[[special]]
date = "2026-11-08"
name = "Muhurat trading"
kind = "muhurat"
classes = ["derivatives", "cash"]
phases = [{ phase = "continuous", start = "18:00", end = "19:00" }]

[[tick_size]]
from = "2026-01-01"
steps = [{ below = "250", tick = "0.01" }, { tick = "0.05" }]
"#;

/// From here on the text is a file of the pairs desk.
const DESK: u8 = 252;

pub fn run(data: &[u8]) {
    let Some((which, text)) = data.split_first() else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    match which % 7 {
        _ if *which >= DESK => desk(*which, text),
        0 => config(text),
        1 => calendar(text),
        2 => holidays(text),
        3 => drop(Universe::from_csv(text, "f.csv")),
        4 => drop(parse_conditions(text)),
        5 => mapping(text),
        _ => tolerance(text),
    }
}

fn config(text: &str) {
    match Config::from_toml(text, "f.toml") {
        Ok(config) => {
            let printed = config.to_toml().expect("every configuration prints");
            assert_eq!(Config::from_toml(&printed, "g.toml").expect("what is printed reads back"), config);
        }
        Err(refusal) => assert!(!refusal.to_string().is_empty()),
    }
}

/// The whitelist, the limits and the charges.
fn desk(which: u8, text: &str) {
    let refused = match which - DESK {
        0 => RiskRules::from_toml(text, "f.toml").err(),
        1 => match ChargeTable::from_toml(text, "f.toml") {
            Ok(table) => return drop([i32::MIN, 0, 20_665, i32::MAX].map(|date| table.on(SessionDate(date)))),
            Err(refused) => Some(refused),
        },
        _ => Whitelist::from_yaml(text, "f.yaml").err(),
    };
    assert!(refused.is_none_or(|refused| !refused.to_string().is_empty()));
}

fn calendar(text: &str) {
    let Ok(calendar) = Calendar::from_toml(text, "f.toml") else { return };
    let _ = calendar.summary();
    for date in [i32::MIN, 0, 20_454, 20_665, i32::MAX].map(SessionDate) {
        let _ = (calendar.day(date), calendar.tick_size(date, Price::MAX), calendar.next_session(date));
    }
}

fn holidays(text: &str) {
    if let Ok(merged) = merge_holidays(CALENDAR, "c.toml", text, "h.csv") {
        assert!(Calendar::from_toml(&merged.text, "c.toml").is_ok(), "a merged calendar is a calendar");
    }
}

fn mapping(text: &str) {
    if let Ok(mapping) = Mapping::parse(text) {
        assert_eq!(Mapping::parse(&mapping.to_string()).as_ref(), Ok(&mapping), "{mapping}");
    }
}

fn tolerance(text: &str) {
    if let Ok(tolerance) = text.parse::<Tolerances>() {
        assert_eq!(tolerance.to_string().parse().as_ref(), Ok(&tolerance));
    }
}
