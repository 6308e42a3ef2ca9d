//! Times as people type and read them: IST unless a zone is given, shown in IST with the zone.

use anyhow::{Context as _, Result, bail};
use barkeep_schemas::{NANOS, SessionDate, Ts};
use jiff::civil;
use jiff::tz::TimeZone;

/// IST is five and a half hours ahead of UTC and knows no summer time.
const IST_SECS: i64 = 19_800;

/// `2021-06-04 09:15:49 IST`, with milliseconds where there are any.
pub fn ist(ts: Ts) -> String {
    format!("{} {} IST", ist_date(ts), ist_clock(ts))
}

/// The date in IST.
pub fn ist_date(ts: Ts) -> SessionDate {
    SessionDate((ts.secs() + IST_SECS).div_euclid(86_400) as i32)
}

/// `09:15:49` in IST, with milliseconds (or more) where there are any.
pub fn ist_clock(ts: Ts) -> String {
    let second = (ts.secs() + IST_SECS).rem_euclid(86_400);
    let nanos = ts.get().rem_euclid(NANOS);
    let (h, m, s) = (second / 3_600, second / 60 % 60, second % 60);
    if nanos == 0 {
        format!("{h:02}:{m:02}:{s:02}")
    } else if nanos % 1_000_000 == 0 {
        format!("{h:02}:{m:02}:{s:02}.{:03}", nanos / 1_000_000)
    } else {
        format!("{h:02}:{m:02}:{s:02}.{nanos:09}")
    }
}

/// Reads a date as typed: `2021-06-04`.
///
/// # Errors
/// When it is no such date.
pub fn date(text: &str) -> Result<SessionDate> {
    SessionDate::parse(text).with_context(|| format!("'{text}' is no date: expected YYYY-MM-DD, like 2021-06-04"))
}

/// Reads a moment as typed: `09:30`, `09:30:15` (on `day`), `2021-06-04 09:30`, or either with an offset (`+05:30`,
/// `Z`) or a zone (`[America/New_York]`). Without one it is in `zone`.
///
/// # Errors
/// When it is no such moment, or a time of day without a date to lie on.
pub fn moment(text: &str, day: Option<SessionDate>, zone: &TimeZone) -> Result<Ts> {
    let expected =
        || format!("'{text}' is no time: expected 09:30, 2021-06-04 09:30:15 or either with +05:30 or [Zone]");
    if let Ok(zoned) = text.parse::<jiff::Zoned>() {
        return nanos(zoned.timestamp());
    }
    if let Ok(timestamp) = text.parse::<jiff::Timestamp>() {
        return nanos(timestamp);
    }
    let wall = match (text.parse::<civil::DateTime>(), text.parse::<civil::Time>(), day) {
        (Ok(wall), _, _) if text.len() > 10 => wall,
        (_, Ok(time), Some(day)) => {
            let (year, month, date) = day.ymd();
            civil::date(i16::try_from(year).with_context(expected)?, month as i8, date as i8).to_datetime(time)
        }
        (_, Ok(_), None) => bail!("'{text}' is a time of day without a date: give the date too"),
        (_, Err(_), _) => bail!(expected()),
    };
    nanos(wall.to_zoned(zone.clone()).with_context(expected)?.timestamp())
}

fn nanos(timestamp: jiff::Timestamp) -> Result<Ts> {
    let nanos = i64::try_from(timestamp.as_nanosecond()).context("the time is outside the years 1677 to 2262")?;
    Ok(Ts::new(nanos))
}

/// A zone by its IANA name.
///
/// # Errors
/// When there is no such zone.
pub fn zone(name: &str) -> Result<TimeZone> {
    TimeZone::get(name).with_context(|| {
        format!("'{name}' is no time zone: expected an IANA name like Asia/Kolkata, America/New_York or UTC")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let day = SessionDate::from_ymd(2021, 6, 4);
        let zone = zone("Asia/Kolkata").expect("a zone");
        let told = moment(text, day, &zone).map_or_else(|error| error.to_string(), ist);
        assert_eq!(told, expected);
    }

    #[test]
    fn times_without_a_zone_are_ist() {
        check("09:30", "2021-06-04 09:30:00 IST");
        check("09:30:15.250", "2021-06-04 09:30:15.250 IST");
        check("2021-06-03 09:30", "2021-06-03 09:30:00 IST");
        check("2021-06-04T04:00:00Z", "2021-06-04 09:30:00 IST");
        check("2021-06-04T09:30:00+05:30", "2021-06-04 09:30:00 IST");
        check("2013-10-07T09:30:00[America/New_York]", "2013-10-07 19:00:00 IST");
        check("noon", "'noon' is no time: expected 09:30, 2021-06-04 09:30:15 or either with +05:30 or [Zone]");
    }
}
