//! Known days, counts, contradictions and the holiday import.

use barkeep_schemas::{CalendarKind, ClassDay, DayCalendar, InstrumentClass, Phase, Price, SessionDate, Ts};
use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::*;

/// The smallest sound calendar: two weeks from a Friday.
const SMALL: &str = r#"version = 1
exchange = "NSE"
zone = "Asia/Kolkata"
from = "2027-01-01"
to = "2027-01-14" # to be extended

[[regular]]
name = "All"
classes = ["derivatives", "cash"]
from = "2027-01-01"
to = "2027-01-14"
phases = [
  { phase = "pre_open", start = "09:00", end = "09:15" },
  { phase = "continuous", start = "09:15", end = "15:30" },
]

[[holiday]]
date = "2027-01-04" # a Monday
name = "First"

[[special]]
date = "2027-01-09"
name = "Saturday"
kind = "weekend"
classes = ["derivatives", "cash"]
phases = [{ phase = "continuous", start = "10:00", end = "11:00" }]

[[tick_size]]
from = "2027-01-01"
steps = [{ below = "250", tick = "0.01" }, { tick = "0.05" }]
"#;

fn date(text: &str) -> SessionDate {
    SessionDate::parse(text).unwrap()
}

fn session_of(text: &str) -> DayCalendar {
    match Calendar::builtin().unwrap().day(date(text)).unwrap() {
        DayKind::Session(day) => day,
        DayKind::Closed { reason } => panic!("{text} is closed: {reason}"),
    }
}

fn ist_time(ts: Ts) -> String {
    let zoned = jiff::Timestamp::from_nanosecond(i128::from(ts.get())).unwrap().in_tz("Asia/Kolkata").unwrap();
    zoned.strftime("%Y-%m-%d %H:%M").to_string()
}

fn class_day(day: &DayCalendar, class: InstrumentClass) -> &ClassDay {
    day.classes.iter().find(|of| of.class == class).unwrap()
}

/// The continuous parts of a class's day, in IST as the time zone database has it.
fn continuous(text: &str, class: InstrumentClass) -> String {
    let day = session_of(text);
    let parts = class_day(&day, class).phases.iter().filter(|phase| phase.phase == Phase::Continuous).map(|phase| {
        let (start, end) = (ist_time(phase.start), ist_time(phase.end));
        assert!(start.starts_with(text) && end.starts_with(text), "{start} to {end} is not on {text}");
        format!("{}-{}", &start[11..], &end[11..])
    });
    parts.collect::<Vec<_>>().join(" ")
}

fn minutes(text: &str, class: InstrumentClass) -> i64 {
    let day = session_of(text);
    let parts = class_day(&day, class).phases.iter().filter(|phase| phase.phase == Phase::Continuous);
    parts.map(|phase| (phase.end.secs() - phase.start.secs()) / 60).sum()
}

fn refused(text: &str) -> Vec<String> {
    match Calendar::from_toml(text, "c.toml") {
        Err(CalendarError::Refused { findings, .. }) => findings.iter().map(ToString::to_string).collect(),
        other => panic!("expected a refusal, found {other:?}"),
    }
}

/// One change to the small calendar gives exactly these findings.
fn contradiction(old: &str, new: &str, expected: &[&str]) {
    assert!(SMALL.contains(old), "{old}");
    assert_eq!(refused(&SMALL.replacen(old, new, 1)), expected);
}

#[test]
fn a_regular_day_runs_from_0915_to_1530() {
    for class in [InstrumentClass::Cash, InstrumentClass::Derivatives] {
        assert_eq!(continuous("2021-06-04", class), "09:15-15:30");
    }
    let day = session_of("2021-06-04");
    assert_eq!(
        (day.kind, day.zone.as_str(), day.name.as_str(), day.tradable),
        (CalendarKind::Nse, ZONE, "regular", true)
    );
    // 2021-06-04T00:00+05:30, from `date -u -d '2021-06-03 18:30' +%s`.
    assert_eq!((day.day_start, day.day_end), (Ts::from_secs(1_622_745_000), Ts::from_secs(1_622_831_400)));
    let phases: Vec<String> = class_day(&day, InstrumentClass::Cash)
        .phases
        .iter()
        .map(|phase| format!("{} {} {}", phase.phase, &ist_time(phase.start)[11..], &ist_time(phase.end)[11..]))
        .collect();
    assert_eq!(phases, ["pre_open 09:00 09:15", "continuous 09:15 15:30", "post_close 15:40 16:00"]);
}

#[test]
fn the_closing_auction_ends_continuous_trading_early_for_stocks_with_derivatives() {
    assert_eq!(continuous("2026-08-03", InstrumentClass::Derivatives), "09:15-15:15");
    assert_eq!(continuous("2026-08-03", InstrumentClass::Cash), "09:15-15:30");
    assert_eq!(continuous("2026-12-07", InstrumentClass::Derivatives), "09:15-15:30");
    let days = ["2026-07-31", "2026-08-03", "2026-12-04", "2026-12-07", "2026-12-31"];
    assert_eq!(days.map(|day| minutes(day, InstrumentClass::Derivatives)), [375, 360, 360, 375, 375]);
    assert_eq!(days.map(|day| minutes(day, InstrumentClass::Cash)), [375; 5]);
}

#[test]
fn special_days_keep_their_own_hours_and_are_not_traded() {
    let class = InstrumentClass::Derivatives;
    assert_eq!(continuous("2024-03-02", class), "09:15-10:00 11:30-12:30");
    assert_eq!(continuous("2025-10-21", class), "13:45-14:45");
    assert_eq!(continuous("2025-02-01", class), "09:15-15:30");
    assert_eq!(continuous("2026-02-01", class), "09:15-15:30");
    assert_eq!(continuous("2021-02-24", class), "09:15-11:40 15:45-17:00");
    assert_eq!(date("2025-02-01").weekday(), 5);
    for day in ["2024-03-02", "2025-10-21", "2025-02-01"] {
        assert!(!session_of(day).tradable, "{day}");
    }
    assert_eq!(session_of("2025-10-21").name, "Muhurat trading");
}

#[test]
fn closed_days_say_why() {
    let calendar = Calendar::builtin().unwrap();
    let reason = |text| match calendar.day(date(text)).unwrap() {
        DayKind::Closed { reason } => reason.to_string(),
        DayKind::Session(_) => "session".to_owned(),
    };
    assert_eq!(reason("2026-01-26"), "Republic Day");
    assert_eq!(reason("2026-11-07"), "Saturday");
    assert_eq!(reason("2026-11-15"), "Sunday");
    assert_eq!(reason("2026-11-08"), "session");
}

#[test]
fn a_date_outside_the_calendar_is_refused_with_its_range() {
    let calendar = Calendar::builtin().unwrap();
    assert_eq!(
        calendar.day(date("2027-01-01")).unwrap_err().to_string(),
        "2027-01-01 is after the calendar configs/nse_calendar.toml (built in), which holds 2015-01-01 to 2026-12-31: \
         import the exchange's holidays up to 2027-01-01 with `barkeep calendar import FILE`"
    );
    assert_eq!(
        calendar.day(date("2014-12-31")).unwrap_err().to_string(),
        "2014-12-31 is before the calendar configs/nse_calendar.toml (built in), which holds 2015-01-01 to 2026-12-31: \
         name a calendar that begins earlier in `file` of [calendar]"
    );
    assert!(calendar.day(date("2015-01-01")).is_ok() && calendar.day(date("2026-12-31")).is_ok());
    assert!(calendar.sessions(date("2026-12-30"), date("2027-01-04")).is_err());
    assert!(calendar.day(SessionDate(i32::MAX)).is_err() && calendar.day(SessionDate(i32::MIN)).is_err());
}

#[test]
fn the_sessions_of_each_year_are_counted() {
    let summary = Calendar::builtin().unwrap().summary();
    let counts: Vec<(i32, u32, u32, u32)> =
        summary.years.iter().map(|year| (year.year, year.sessions, year.holidays, year.specials)).collect();
    // Beside the calendar's own arithmetic: weekdays without a holiday plus weekend specials, counted by another program.
    let expected = [
        (2015, 248, 14, 2),
        (2016, 247, 15, 1),
        (2017, 248, 12, 2),
        (2018, 246, 15, 1),
        (2019, 245, 17, 1),
        (2020, 252, 12, 4),
        (2021, 248, 13, 2),
        (2022, 248, 12, 1),
        (2023, 246, 15, 1),
        (2024, 249, 16, 4),
        (2025, 249, 13, 2),
        (2026, 247, 16, 2),
    ];
    assert_eq!(counts, expected);
}

#[test]
fn the_next_session_skips_what_is_closed_and_ends_with_the_calendar() {
    let calendar = Calendar::builtin().unwrap();
    let next = |text| calendar.next_session(date(text)).map(|date| date.to_string());
    assert_eq!(next("2026-10-01").as_deref(), Some("2026-10-05"), "a holiday on Friday, then the weekend");
    assert_eq!(next("2026-11-06").as_deref(), Some("2026-11-08"), "Muhurat trading on a Sunday");
    assert_eq!(next("2014-12-31").as_deref(), Some("2015-01-01"));
    assert_eq!(next("2014-12-30"), None, "what lies before the calendar is not known");
    assert_eq!(next("2026-12-31"), None);
    assert_eq!(calendar.next_session(SessionDate(i32::MAX)), None);
    let week = calendar.sessions(date("2026-01-23"), date("2026-02-02")).unwrap();
    let week: Vec<String> = week.iter().map(|date| date.to_string()[5..].to_owned()).collect();
    assert_eq!(week, ["01-23", "01-27", "01-28", "01-29", "01-30", "02-01", "02-02"]);
    assert_eq!(calendar.sessions(date("2026-02-02"), date("2026-01-23")).unwrap(), []);
}

#[test]
fn the_tick_size_follows_date_and_price() {
    let calendar = Calendar::builtin().unwrap();
    let tick = |day, rupees: f64| calendar.tick_size(date(day), Price::new((rupees * 10_000.0) as i64)).to_string();
    assert_eq!([tick("2021-06-04", 10.0), tick("2021-06-04", 30_000.0)], ["0.05", "0.05"]);
    assert_eq!([tick("2024-06-10", 249.99), tick("2024-06-10", 250.0)], ["0.01", "0.05"]);
    let prices = [0.0, 249.99, 250.0, 999.0, 1_000.0, 5_000.0, 10_000.0, 20_000.0];
    assert_eq!(prices.map(|price| tick("2025-04-15", price)), ["0.01", "0.01", "0.05", "0.05", "0.1", "0.5", "1", "5"]);
    assert_eq!(tick("2025-04-14", 30_000.0), "0.05");
}

#[test]
fn a_day_round_the_clock_follows_the_clocks_of_its_zone() {
    let check = |day: &str, zone: &str, hours: i64, start_utc: &str| {
        let calendar = Calendar::always(date(day), &TimeZone::get(zone).unwrap());
        assert_eq!(calendar.kind, CalendarKind::Always);
        assert_eq!((calendar.zone.as_str(), calendar.tradable), (zone, true));
        let start = jiff::Timestamp::from_nanosecond(i128::from(calendar.day_start.get())).unwrap();
        assert_eq!(start.to_string(), start_utc);
        assert_eq!(calendar.day_end.secs() - calendar.day_start.secs(), hours * 3_600);
        let class = class_day(&calendar, InstrumentClass::Always);
        let spans: Vec<_> = class.phases.iter().map(|phase| (phase.phase, phase.start, phase.end)).collect();
        assert_eq!(spans, [(Phase::Continuous, calendar.day_start, calendar.day_end)]);
    };
    check("2024-08-01", "UTC", 24, "2024-08-01T00:00:00Z");
    check("2024-03-10", "America/New_York", 23, "2024-03-10T05:00:00Z");
    check("2024-11-03", "America/New_York", 25, "2024-11-03T04:00:00Z");
    // Midnight did not exist: the clock went from 23:59:59 to 01:00.
    check("2018-11-04", "America/Sao_Paulo", 23, "2018-11-04T03:00:00Z");
    check("2018-11-03", "America/Sao_Paulo", 24, "2018-11-03T03:00:00Z");
    let skipped = Calendar::always(date("2011-12-30"), &TimeZone::get("Pacific/Apia").unwrap());
    assert_eq!(skipped.classes[0].phases, [], "Samoa skipped the date");
    let fixed = Calendar::always(date("2024-08-01"), &TimeZone::fixed(jiff::tz::offset(5)));
    assert_eq!((fixed.zone.as_str(), fixed.day_start.secs()), ("+05", 1_722_452_400));
    for days in [i32::MIN, i32::MAX, 2_932_896, -4_371_953] {
        let calendar = Calendar::always(SessionDate(days), &TimeZone::UTC);
        assert!(calendar.day_start <= calendar.day_end);
    }
}

#[test]
fn the_small_calendar_is_sound() {
    let calendar = Calendar::from_toml(SMALL, "c.toml").unwrap();
    assert_eq!(calendar.sessions(calendar.from(), calendar.to()).unwrap().len(), 10);
    assert_eq!(calendar.holidays().collect::<Vec<_>>(), [(date("2027-01-04"), "First")]);
    assert_eq!(calendar.specials().collect::<Vec<_>>(), [(date("2027-01-09"), SpecialKind::Weekend, "Saturday")]);
}

#[test]
fn an_unknown_name_is_refused_with_the_nearest() {
    contradiction(
        "kind = \"weekend\"",
        "kind = \"weekends\"",
        &["c.toml:24: special 2027-01-09 kind: `weekends` is no known kind: did you mean `weekend`?"],
    );
    contradiction(
        "name = \"First\"",
        "nam = \"First\"",
        &[
            "c.toml:17: holiday 2027-01-04: missing: expected `name = \"…\"`",
            "c.toml:19: holiday 2027-01-04: `nam` is no known key: did you mean `name`?",
        ],
    );
    contradiction(
        "phase = \"pre_open\"",
        "phase = \"preopen\"",
        &["c.toml:13: regular All phases phase: `preopen` is no known phase: did you mean `pre_open`?"],
    );
    contradiction(
        "classes = [\"derivatives\", \"cash\"]\nfrom",
        "classes = [\"derivatives\", \"always\"]\nfrom",
        &["c.toml:9: regular All classes: `always` is no known class: expected one of `cash`, `derivatives`"],
    );
    contradiction("version = 1", "version = 2", &["c.toml:1: version: 2 is outside 1 to 1"]);
    contradiction("exchange = \"NSE\"\n", "", &["c.toml: missing: expected `exchange = \"NSE\"`"]);
    contradiction(
        "\"Asia/Kolkata\"",
        "\"UTC\"",
        &["c.toml:3: zone: `UTC` is no known zone: expected one of `Asia/Kolkata`"],
    );
    contradiction("[[holiday]]", "[[holidays]]", &["c.toml:17: `holidays` is no known key: did you mean `holiday`?"]);
}

#[test]
fn dates_that_contradict_each_other_are_refused() {
    let holiday = |date: &str| format!("[[holiday]]\ndate = \"{date}\"\nname = \"Again\"\n\n[[special]]");
    contradiction(
        "[[special]]",
        &holiday("2027-01-04"),
        &["c.toml:21: holiday 2027-01-04: 2027-01-04 is already a holiday on line 17: keep one of the two"],
    );
    contradiction(
        "[[special]]",
        &holiday("2027-01-09"),
        &[
            "c.toml:21: holiday 2027-01-09: 2027-01-09 is a Saturday, which is closed anyway: remove the entry",
            "c.toml:25: special 2027-01-09: 2027-01-09 is already a holiday on line 21: keep one of the two",
        ],
    );
    contradiction(
        "[[special]]",
        &holiday("2027-01-15"),
        &["c.toml:21: holiday 2027-01-15: 2027-01-15 is outside the calendar, 2027-01-01 to 2027-01-14: change the \
           entry or the calendar's `from` and `to`"],
    );
    contradiction(
        "2027-01-09",
        "2027-01-08",
        &[
            "c.toml:21: special 2027-01-08: 2027-01-08 is a Friday: a special day of kind `weekend` must be a Saturday or \
           a Sunday",
        ],
    );
    contradiction(
        "date = \"2027-01-04\"",
        "date = \"2027-02-30\"",
        &["c.toml:18: holiday 2027-02-30 date: found \"2027-02-30\", expected a date \"YYYY-MM-DD\" in quotes"],
    );
    contradiction(
        "from = \"2027-01-01\"",
        "from = \"1066-10-14\"",
        &["c.toml:4: from: found \"1066-10-14\", expected a date \"YYYY-MM-DD\" in quotes"],
    );
    contradiction(
        "from = \"2027-01-01\"",
        "from = \"1900-10-14\"",
        &["c.toml:4: from: found \"1900-10-14\", expected a date of the years 1970 to 2261"],
    );
    contradiction(
        "to = \"2027-01-14\"",
        "to = \"2026-12-31\"",
        &["c.toml: `to` 2026-12-31 is before `from` 2027-01-01"],
    );
}

#[test]
fn phases_must_be_in_order_and_hold_a_continuous_one() {
    contradiction(
        "start = \"09:15\"",
        "start = \"09:14\"",
        &["c.toml:14: regular All phases: continuous starts at 09:14, before pre_open ends at 09:15: list phases in \
           order, without overlap"],
    );
    contradiction(
        "end = \"11:00\"",
        "end = \"10:00\"",
        &["c.toml:26: special 2027-01-09 phases: continuous is empty: it starts at 10:00 and ends at 10:00"],
    );
    contradiction(
        "phase = \"continuous\"",
        "phase = \"closing_auction\"",
        &["c.toml:12: regular All phases: no phase is continuous: a day without one is a holiday"],
    );
    contradiction(
        "end = \"15:30\"",
        "end = \"24:01\"",
        &[
            "c.toml:14: regular All phases end: found \"24:01\", expected a time \"HH:MM\" of the IST day, 00:00 to 24:00",
        ],
    );
    contradiction(
        "{ phase = \"continuous\", start = \"10:00\", end = \"11:00\" }",
        "",
        &["c.toml:26: special 2027-01-09 phases: no phase is continuous: a day without one is a holiday"],
    );
}

#[test]
fn every_weekday_has_regular_hours_of_each_class_exactly_once() {
    contradiction(
        "classes = [\"derivatives\", \"cash\"]\nfrom",
        "classes = [\"cash\"]\nfrom",
        &[
            "c.toml: class derivatives has no regular hours from 2027-01-01 to 2027-01-14: add or extend a `[[regular]]` \
           entry",
        ],
    );
    // The 2nd and 3rd are a weekend, so a gap of just these is none.
    let twice = |to: &str, from: &str| {
        let phases = "phases = [{ phase = \"continuous\", start = \"09:15\", end = \"15:30\" }]";
        let second = format!(
            "[[regular]]\nname = \"Two\"\nclasses = [\"cash\"]\nfrom = \"{from}\"\nto = \"2027-01-14\"\n{phases}\n\n\
             [[regular]]\nname = \"Three\"\nclasses = [\"derivatives\"]\nfrom = \"{from}\"\nto = \"2027-01-14\"\n{phases}\n\n\
             [[special]]"
        );
        let text = SMALL.replace("to = \"2027-01-14\"\nphases", &format!("to = \"{to}\"\nphases"));
        text.replacen("[[special]]", &second, 1)
    };
    assert!(Calendar::from_toml(&twice("2027-01-01", "2027-01-04"), "c.toml").is_ok());
    assert_eq!(
        refused(&twice("2027-01-01", "2027-01-06")),
        [
            "c.toml: class cash has no regular hours from 2027-01-04 to 2027-01-05: add or extend a `[[regular]]` entry",
            "c.toml: class derivatives has no regular hours from 2027-01-04 to 2027-01-05: add or extend a `[[regular]]` \
             entry",
        ]
    );
    assert!(Calendar::from_toml(&twice("2027-01-05", "2027-01-06"), "c.toml").is_ok());
    assert_eq!(refused(&twice("2027-01-06", "2027-01-06")).len(), 2, "one common day is an overlap");
    assert_eq!(
        refused(&twice("2027-01-07", "2027-01-06")),
        [
            "c.toml:21: regular Two: class cash has regular hours already by `All` on line 7, from 2027-01-06 to \
             2027-01-07",
            "c.toml:28: regular Three: class derivatives has regular hours already by `All` on line 7, from 2027-01-06 to \
             2027-01-07",
        ]
    );
}

#[test]
fn a_special_date_gives_each_class_its_hours_exactly_once() {
    let special = |class: &str, name: &str| {
        format!(
            "[[special]]\ndate = \"2027-01-09\"\nname = \"{name}\"\nkind = \"weekend\"\nclasses = [\"{class}\"]\nphases = \
             [{{ phase = \"continuous\", start = \"10:00\", end = \"10:30\" }}]\n\n"
        )
    };
    let only = "kind = \"weekend\"\nclasses = [\"derivatives\", \"cash\"]";
    let derivatives = "kind = \"weekend\"\nclasses = [\"derivatives\"]";
    let split = SMALL.replacen(only, derivatives, 1);
    let calendar = Calendar::from_toml(
        &split.replacen("[[tick_size]]", &(special("cash", "Saturday") + "[[tick_size]]"), 1),
        "c.toml",
    );
    let DayKind::Session(day) = calendar.unwrap().day(date("2027-01-09")).unwrap() else { panic!("a session") };
    let ends: Vec<String> = day.classes.iter().map(|class| ist_time(class.phases[0].end)[11..].to_owned()).collect();
    assert_eq!(ends, ["10:30", "11:00"], "cash, derivatives");
    contradiction(
        only,
        derivatives,
        &["c.toml:21: special 2027-01-09: class cash has no hours on 2027-01-09: an entry replaces the whole day, so \
           every class needs hours"],
    );
    contradiction(
        "[[tick_size]]",
        &(special("cash", "Saturday again") + "[[tick_size]]"),
        &[
            "c.toml:28: special 2027-01-09: its name or kind differs from the entry for the same date on line 21: give \
             both the same",
            "c.toml:28: special 2027-01-09: class cash has its hours already on line 21",
        ],
    );
}

#[test]
fn tick_size_steps_rise_and_the_last_is_open() {
    contradiction(
        "{ tick = \"0.05\" }",
        "{ below = \"200.5\", tick = \"0.05\" }, { tick = \"0.1\" }",
        &["c.toml:30: tick_size 2027-01-01 steps: the step below 200.5 does not rise above the step below 250: list \
           steps by rising price"],
    );
    let open = "the last step, and only the last, must have no `below`: it holds for all higher prices";
    contradiction(", { tick = \"0.05\" }", "", &[&format!("c.toml:30: tick_size 2027-01-01 steps: {open}")]);
    contradiction(
        "{ tick = \"0.05\" }",
        "{ tick = \"0.05\" }, { tick = \"1\" }",
        &[&format!("c.toml:30: tick_size 2027-01-01 steps: {open}")],
    );
    let price = "expected a price above 0 in quotes, with at most four decimals: \"0.05\"";
    contradiction("\"0.05\"", "\"0\"", &[&format!("c.toml:30: tick_size 2027-01-01 steps tick: found \"0\", {price}")]);
    contradiction(
        "[[tick_size]]\nfrom = \"2027-01-01\"",
        "[[tick_size]]\nfrom = \"2027-01-02\"",
        &["c.toml:28: tick_size 2027-01-02: no tick size is given from 2027-01-01 to 2027-01-01: the oldest \
           `[[tick_size]]` must start with the calendar"],
    );
}

#[test]
fn all_contradictions_are_reported_at_once() {
    let text = SMALL
        .replace("date = \"2027-01-04\"", "date = \"2027-01-10\"")
        .replace("end = \"11:00\"", "end = \"09:00\"")
        .replace("kind = ", "knid = ")
        .replace("tick = \"0.01\"", "tick = 0.01");
    insta::assert_snapshot!(refused(&text).join("\n"), @r#"
    c.toml:17: holiday 2027-01-10: 2027-01-10 is a Sunday, which is closed anyway: remove the entry
    c.toml:21: special 2027-01-09: missing: expected `kind = "…"`
    c.toml:24: special 2027-01-09: `knid` is no known key: did you mean `kind`?
    c.toml:26: special 2027-01-09 phases: continuous is empty: it starts at 10:00 and ends at 09:00
    c.toml:30: tick_size 2027-01-01 steps tick: found 0.01, expected a text in quotes
    "#);
    let error = Calendar::from_toml("a = \nb = ]\n", "c.toml").unwrap_err().to_string();
    assert!(error.starts_with("c.toml is refused: 2 findings\n  c.toml:1: "), "{error}");
}

fn import(csv: &str) -> Result<HolidayImport, String> {
    merge_holidays(SMALL, "c.toml", csv, "h.csv").map_err(|error| error.to_string())
}

#[test]
fn an_import_extends_the_calendar_and_keeps_the_text() {
    let import =
        import("date,name\n26-Jan-2027,Republic Day\n2027-01-16,On a Saturday\n2027-01-15,\"Pongal, \"\"late\"\"\"\n");
    let import = import.unwrap();
    let expected = SMALL.replace("to = \"2027-01-14\"", "to = \"2027-12-31\"").replace(
        "name = \"First\"\n",
        "name = \"First\"\n\n[[holiday]]\ndate = \"2027-01-15\"\nname = 'Pongal, \"late\"'\n\n[[holiday]]\ndate = \
             \"2027-01-26\"\nname = \"Republic Day\"\n",
    );
    assert_eq!(import.text, expected);
    assert_eq!((import.old_to, import.to), (date("2027-01-14"), date("2027-12-31")));
    let names = |holidays: &[Holiday]| holidays.iter().map(|holiday| holiday.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&import.added), ["Pongal, \"late\"", "Republic Day"]);
    assert_eq!(names(&import.skipped), ["On a Saturday"]);
    let calendar = Calendar::from_toml(&import.text, "c.toml").unwrap();
    assert_eq!(calendar.holidays().count(), 3);
}

#[test]
fn the_built_in_calendar_takes_a_further_year_and_nothing_else_changes() {
    let csv = "date,name\n26-Jan-2027,Republic Day\n25-Dec-2027,Christmas\n26-Mar-2027,Good Friday\n";
    let import = merge_holidays(BUILTIN, BUILTIN_NAME, csv, "h.csv").unwrap();
    let new: Vec<&str> = import.text.lines().collect();
    let changed: Vec<(&str, &str)> =
        BUILTIN.lines().zip(&new).filter(|(a, b)| a != *b).map(|(a, b)| (a, *b)).take(1).collect();
    assert_eq!(changed, [("to = \"2026-12-31\"", "to = \"2027-12-31\"")]);
    assert_eq!(new.len(), BUILTIN.lines().count() + 8);
    let calendar = Calendar::from_toml(&import.text, "c.toml").unwrap();
    let year = calendar.summary().years.last().copied().unwrap();
    assert_eq!((year.year, year.sessions, year.holidays), (2027, 259, 2));
    assert_eq!(import.skipped.len(), 1, "Christmas 2027 is a Saturday");
    assert_eq!(minutes("2026-12-31", InstrumentClass::Cash), 375);
}

#[test]
fn an_import_within_the_calendar_adds_a_holiday_without_extending_it() {
    let import = import("date,name\n2027-01-05,Election\n").unwrap();
    assert_eq!((import.to, import.added.len()), (date("2027-01-14"), 1));
    assert!(import.text.contains("to = \"2027-01-14\" # to be extended"));
}

#[test]
fn an_import_that_contradicts_the_calendar_is_refused_whole() {
    let check = |csv: &str, expected: &str| assert_eq!(import(csv).unwrap_err(), expected);
    check(
        "date,name\n2027-01-04,Again\n2027-01-09,Special\n2026-12-25,Before\n2027-01-26,A\n2027-01-26,B\n31-Feb-2027,C\n\
         2027-02-01,\n",
        "h.csv is refused: 6 findings\
         \n  h.csv:2: 2027-01-04: 2027-01-04 is already a holiday of c.toml on line 17: keep one of the two\
         \n  h.csv:3: 2027-01-09: 2027-01-09 is already a special day of c.toml on line 21: keep one of the two\
         \n  h.csv:4: 2026-12-25: 2026-12-25 is outside the calendar, 2027-01-01 to 2027-01-14: change the entry or the \
         calendar's `from` and `to`\
         \n  h.csv:6: 2027-01-26: 2027-01-26 is already in h.csv on line 5: keep one of the two\
         \n  h.csv:7: 31-Feb-2027: found \"31-Feb-2027\", expected a date like 2027-01-26 or 26-Jan-2027\
         \n  h.csv:8: 2027-02-01: found \"\", expected the holiday's name, without control characters",
    );
    check(
        "date,name\n2028-01-26,Republic Day\n",
        "h.csv is refused: 1 finding\n  h.csv:2: 2028-01-26: 2028-01-26 skips 2027, whose holidays the calendar does not \
         have: import that year first",
    );
    check(
        "date,name\n2027-01-16,Saturday\n",
        "h.csv is refused: 1 finding\n  h.csv: missing: expected at least one holiday on a weekday",
    );
    check("", "h.csv is refused: 1 finding\n  h.csv: missing: expected the header `date,name`");
}

#[test]
fn an_import_keeps_the_line_ends_and_a_layout_of_its_own() {
    let windows = SMALL.replace('\n', "\r\n");
    let import = merge_holidays(&windows, "c.toml", "date,name\r\n2027-02-01,A\r\n", "h.csv").unwrap();
    assert_eq!(import.text.matches('\n').count(), import.text.matches("\r\n").count());
    let inline = SMALL.replace("[[holiday]]\ndate = \"2027-01-04\" # a Monday\nname = \"First\"\n", "");
    let import = merge_holidays(inline.trim_end(), "c.toml", "date,name\n2027-02-01,A\n", "h.csv").unwrap();
    assert!(import.text.ends_with("{ tick = \"0.05\" }]\n\n[[holiday]]\ndate = \"2027-02-01\"\nname = \"A\"\n"));
    let inline = format!("holiday = [{{ date = \"2027-01-04\", name = \"First\" }}]\n{inline}");
    assert!(merge_holidays(&inline, "c.toml", "date,name\n2027-02-01,A\n", "h.csv").is_err());
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC*") {
        let _ = Calendar::from_toml(&text, "c.toml");
        let _ = merge_holidays(SMALL, "c.toml", &format!("date,name\n{text}"), "h.csv");
    }

    #[test]
    fn no_damage_makes_the_reader_panic(at in 0..SMALL.len(), len in 0..40_usize, put in "[-0-9a-z\"\\[\\]{},=.#\n]{0,8}") {
        let end = (at + len).min(SMALL.len());
        let damaged = format!("{}{put}{}", &SMALL[..at], &SMALL[end..]);
        if let Ok(calendar) = Calendar::from_toml(&damaged, "c.toml") {
            for date in (calendar.from.0..=calendar.to.0).map(SessionDate).take(60) {
                let _ = calendar.day(date).unwrap();
            }
        }
        let _ = merge_holidays(&damaged, "c.toml", "date,name\n2027-02-01,A\n", "h.csv");
    }

    #[test]
    fn any_list_of_holidays_merges_into_a_sound_calendar_or_is_refused(
        rows in proptest::collection::vec((2026..2030_i32, 1..13_u8, 1..29_u8, "[ -~]{1,8}"), 0..8),
    ) {
        let mut csv = "date,name\n".to_owned();
        for (year, month, day, name) in &rows {
            csv.push_str(&format!("{year}-{month:02}-{day:02},\"{}\"\n", name.replace('"', "\"\"")));
        }
        if let Ok(import) = merge_holidays(SMALL, "c.toml", &csv, "h.csv") {
            let calendar = Calendar::from_toml(&import.text, "c.toml").unwrap();
            for holiday in &import.added {
                prop_assert_eq!(calendar.holidays.get(&holiday.date), Some(&holiday.name));
            }
            let count = calendar.holidays().count();
            prop_assert_eq!(count, 1 + import.added.len());
        }
    }
}
