//! The calendar of instruments that trade round the clock: one session for each local date.
//!
//! What it never does: look at the exchange's calendar, or at the host's own zone. Who calls it: imports with
//! `--calendar always`.

use barkeep_schemas::{CalendarKind, ClassDay, DayCalendar, InstrumentClass, NANOS, Phase, PhaseSpan, SessionDate, Ts};
use jiff::tz::TimeZone;

use super::{Calendar, DAY_SECS};

impl Calendar {
    /// The calendar of `--calendar always`: one continuous phase from local midnight to the next, so 23 or 25 hours on
    /// the days on which clocks change. A date that the zone skipped has no phase. Where midnight does not exist the day
    /// starts with the first moment that does. The zone's name is its IANA name, or its offset when it has none.
    pub fn always(date: SessionDate, zone: &TimeZone) -> DayCalendar {
        let start = local_midnight(date, zone);
        let end = local_midnight(date.plus_days(1), zone);
        let phase = PhaseSpan { phase: Phase::Continuous, start, end };
        let phases = if start < end { vec![phase] } else { Vec::new() };
        DayCalendar {
            kind: CalendarKind::Always,
            zone: zone_name(zone),
            name: "round the clock".to_owned(),
            day_start: start,
            day_end: end,
            tradable: true,
            classes: vec![ClassDay { class: InstrumentClass::Always, phases }],
        }
    }
}

/// The first moment of a local date; a date beyond the zone's reach (year 9999) counts as UTC.
fn local_midnight(date: SessionDate, zone: &TimeZone) -> Ts {
    let (year, month, day) = date.ymd();
    let civil = i16::try_from(year).ok().and_then(|year| jiff::civil::Date::new(year, month as i8, day as i8).ok());
    let zoned = civil.and_then(|civil| civil.to_zoned(zone.clone()).ok());
    let secs = zoned.map_or_else(|| i64::from(date.0) * DAY_SECS, |zoned| zoned.timestamp().as_second());
    Ts::new(secs.saturating_mul(NANOS))
}

fn zone_name(zone: &TimeZone) -> String {
    match (zone.iana_name(), zone.to_fixed_offset()) {
        (Some(name), _) => name.to_owned(),
        (None, Ok(offset)) => offset.to_string(),
        (None, Err(_)) => "unnamed zone".to_owned(),
    }
}
