//! Time cells as moments.
//!
//! What it is: the reader of one file's time columns, in any of the mapped units. What it never does: read a wall
//! clock, or guess a unit. Who calls it: the row checks.

use barkeep_schemas::{NANOS, SessionDate, Ts};

use super::cell::Cell;
use super::mapping::TimeUnit;
use super::number::{NumberError, decimal, scale_signed};
use super::zone::{DAY_NS, LocalTimeError, Zone};

/// 1990-01-01T00:00:00 UTC.
const EARLIEST: i64 = 631_152_000 * NANOS;
/// 2100-01-01T00:00:00 UTC.
const LATEST: i64 = 4_102_444_800 * NANOS;

/// Why a cell stands for no moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum TimeError {
    Empty,
    NotIso,
    NotANumber(TimeUnit),
    TooFine,
    NotOfDay,
    Skipped,
    Repeated,
    OutOfRange,
}

impl TimeError {
    /// What is wrong with `text` and what was expected, without the subject.
    pub(super) fn why(self, text: &str) -> String {
        match self {
            Self::Empty => "the time is empty; every row needs one".to_owned(),
            Self::NotIso => format!(
                "the time `{text}` is not like 2021-06-04 09:15:49 (a fraction and Z or +05:30 may follow); if it is a \
                 number, map its unit, such as time=COLUMN:ms"
            ),
            Self::NotANumber(unit) => format!(
                "the time `{text}` is not a number, and {} was mapped; if it is a date and time, drop the unit",
                unit.name()
            ),
            Self::TooFine => format!("the time `{text}` is finer than a nanosecond; is the unit right?"),
            Self::NotOfDay => {
                format!("the time `{text}` is not within a day (0 up to 86400000 milliseconds); is the unit right?")
            }
            Self::Skipped => format!(
                "the local time `{text}` never was: the clocks were put forward over it; is the time zone right?"
            ),
            Self::Repeated => format!(
                "the local time `{text}` was twice: the clocks were put back over it; give times in UTC or with an \
                 offset"
            ),
            Self::OutOfRange => {
                format!("the time `{text}` is not between the years 1990 and 2100; is the unit right?")
            }
        }
    }
}

impl From<LocalTimeError> for TimeError {
    fn from(error: LocalTimeError) -> Self {
        match error {
            LocalTimeError::Skipped => Self::Skipped,
            LocalTimeError::Repeated => Self::Repeated,
            LocalTimeError::OutOfRange => Self::OutOfRange,
        }
    }
}

/// Reads time cells. Holds the zone's present offset and the last calendar date seen.
#[derive(Clone, Debug)]
pub(super) struct Clock {
    zone: Zone,
    /// Local midnight of the date given with the options, for times of day.
    midnight: Option<i64>,
    /// The last `YYYY-MM-DD` and its midnight.
    day: ([u8; 10], i64),
}

impl Clock {
    pub(super) fn new(zone: Zone, date: Option<SessionDate>) -> Self {
        Self { zone, midnight: date.map(|date| i64::from(date.0).saturating_mul(DAY_NS)), day: ([0; 10], 0) }
    }

    /// The moment of a cell, between the years 1990 and 2100.
    pub(super) fn moment(&mut self, cell: Cell<'_>, unit: TimeUnit) -> Result<Ts, TimeError> {
        let ns = match cell {
            Cell::Absent => return Err(TimeError::Empty),
            Cell::Text([]) => return Err(TimeError::Empty),
            Cell::Text(text) => self.text(text, unit)?,
            Cell::Moment(ns) => ns,
            Cell::Local(ns) => self.zone.utc_of(ns)?,
            Cell::Integer { value, scale } => match unit.digits() {
                Some(digits) => self.counted(unit, scale_signed(value, digits - scale))?,
                None => return Err(TimeError::NotIso),
            },
            Cell::Float(value) => self.text(value.to_string().as_bytes(), unit)?,
        };
        if (EARLIEST..LATEST).contains(&ns) { Ok(Ts::new(ns)) } else { Err(TimeError::OutOfRange) }
    }

    fn text(&mut self, text: &[u8], unit: TimeUnit) -> Result<i64, TimeError> {
        match unit.digits() {
            Some(digits) => self.counted(unit, decimal(text, digits)),
            None => self.iso(text),
        }
    }

    /// A count of units, already in nanoseconds, as a moment.
    fn counted(&mut self, unit: TimeUnit, count: Result<i64, NumberError>) -> Result<i64, TimeError> {
        let count = count.map_err(|error| match error {
            NumberError::Empty => TimeError::Empty,
            NumberError::NotANumber | NumberError::NotFinite => TimeError::NotANumber(unit),
            NumberError::TooFine => TimeError::TooFine,
            NumberError::TooLarge => TimeError::OutOfRange,
        })?;
        if unit != TimeUnit::MsOfDay {
            return Ok(count);
        }
        let midnight = self.midnight.ok_or(TimeError::NotOfDay)?;
        if !(0..DAY_NS).contains(&count) {
            return Err(TimeError::NotOfDay);
        }
        Ok(self.zone.utc_of(midnight.saturating_add(count))?)
    }

    /// `YYYY-MM-DD[ T]HH:MM[:SS[.frac]]` with an optional `Z`, `+05:30`, `+0530` or `+05`.
    fn iso(&mut self, text: &[u8]) -> Result<i64, TimeError> {
        let (day, rest) = text.split_at_checked(10).ok_or(TimeError::NotIso)?;
        let midnight = if day == self.day.0 { self.day.1 } else { self.new_day(day)? };
        let rest = match rest.split_first() {
            Some((b' ' | b'T' | b't', rest)) => rest,
            Some(_) | None => return Err(TimeError::NotIso),
        };
        let (since_midnight, zone) = time_of_day(rest).ok_or(TimeError::NotIso)?;
        let local = midnight + since_midnight;
        match zone.trim_ascii() {
            [] => Ok(self.zone.utc_of(local)?),
            [b'Z' | b'z'] => Ok(local),
            offset => Ok(local - offset_ns(offset).ok_or(TimeError::NotIso)?),
        }
    }

    fn new_day(&mut self, text: &[u8]) -> Result<i64, TimeError> {
        let date = std::str::from_utf8(text).ok().and_then(SessionDate::parse).ok_or(TimeError::NotIso)?;
        let year = date.ymd().0;
        // A day either side of the range, for offsets; the moment itself is checked at the end.
        if !(1989..=2100).contains(&year) {
            return Err(TimeError::OutOfRange);
        }
        let midnight = i64::from(date.0) * DAY_NS;
        if let Ok(bytes) = <[u8; 10]>::try_from(text) {
            self.day = (bytes, midnight);
        }
        Ok(midnight)
    }
}

/// Two digits.
fn two([tens, ones]: [u8; 2]) -> Option<i64> {
    (tens.is_ascii_digit() && ones.is_ascii_digit()).then(|| i64::from(tens - b'0') * 10 + i64::from(ones - b'0'))
}

/// `HH:MM[:SS[.frac]]` in nanoseconds, and what follows it.
fn time_of_day(text: &[u8]) -> Option<(i64, &[u8])> {
    let (&[h1, h2, b':', m1, m2], rest) = text.split_first_chunk::<5>()? else { return None };
    let (hours, minutes) = (two([h1, h2])?, two([m1, m2])?);
    let (seconds, rest) = match rest.split_first_chunk::<3>() {
        Some((&[b':', s1, s2], rest)) => (two([s1, s2])?, rest),
        Some(_) | None => (0, rest),
    };
    if hours > 23 || minutes > 59 || seconds > 59 {
        return None;
    }
    let (nanos, rest) = match rest.split_first() {
        Some((b'.', rest)) => fraction(rest)?,
        Some(_) | None => (0, rest),
    };
    Some(((hours * 3_600 + minutes * 60 + seconds) * NANOS + nanos, rest))
}

/// One to nine digits as nanoseconds, and what follows them.
fn fraction(text: &[u8]) -> Option<(i64, &[u8])> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (head, rest) = text.split_at_checked(digits)?;
    if !(1..=9).contains(&digits) {
        return None;
    }
    let nanos = (0..9).fold(0, |sum, at| sum * 10 + head.get(at).map_or(0, |byte| i64::from(byte - b'0')));
    Some((nanos, rest))
}

/// `+05:30`, `+0530` or `+05` in nanoseconds.
fn offset_ns(text: &[u8]) -> Option<i64> {
    let (sign, digits) = match text.split_first()? {
        (b'+', digits) => (1, digits),
        (b'-', digits) => (-1, digits),
        _ => return None,
    };
    let (hours, minutes) = match *digits {
        [a, b, b':', c, d] | [a, b, c, d] => (two([a, b])?, two([c, d])?),
        [a, b] => (two([a, b])?, 0),
        _ => return None,
    };
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3_600 + minutes * 60) * NANOS)
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;
    use proptest::prelude::*;

    use super::*;

    fn clock() -> Clock {
        Clock::new(Zone::new(TimeZone::get("Asia/Kolkata").unwrap()), SessionDate::from_ymd(2021, 6, 4))
    }

    fn check(text: &str, unit: TimeUnit, expected: Result<&str, TimeError>) {
        let expected = expected.map(|utc| {
            let moment: jiff::Timestamp = utc.parse().unwrap();
            Ts::new(i64::try_from(moment.as_nanosecond()).unwrap())
        });
        assert_eq!(clock().moment(Cell::Text(text.as_bytes()), unit), expected, "{text:?}");
    }

    #[test]
    fn iso_times_are_read_in_the_zone_or_with_their_offset() {
        let utc = Ok("2021-06-04T03:45:49Z");
        check("2021-06-04 09:15:49", TimeUnit::Iso, utc);
        check("2021-06-04T09:15:49", TimeUnit::Iso, utc);
        check("2021-06-04T09:15:49+0530", TimeUnit::Iso, utc);
        check("2021-06-04T09:15:49+05:30", TimeUnit::Iso, utc);
        check("2021-06-04 03:45:49 Z", TimeUnit::Iso, utc);
        check("2021-06-03T22:45:49-05", TimeUnit::Iso, utc);
        check("2021-06-04 09:15:49.25", TimeUnit::Iso, Ok("2021-06-04T03:45:49.25Z"));
        check("2021-06-04 09:15:49.000000001", TimeUnit::Iso, Ok("2021-06-04T03:45:49.000000001Z"));
        check("2021-06-04 09:15", TimeUnit::Iso, Ok("2021-06-04T03:45:00Z"));
    }

    #[test]
    fn what_is_not_iso_is_refused() {
        for text in [
            "09:15:49",
            "04-06-2021 09:15:49",
            "2021-06-04",
            "2021-06-31 09:15:49",
            "2021-06-04 24:00:00",
            "2021-06-04 09:15:60",
            "2021-06-04 09:15:49.",
            "2021-06-04 09:15:49.0000000001",
            "2021-06-04 09:15:49 IST",
            "2021-06-04 09:15:49+5:30",
            "1622778349",
        ] {
            check(text, TimeUnit::Iso, Err(TimeError::NotIso));
        }
        check("", TimeUnit::Iso, Err(TimeError::Empty));
    }

    #[test]
    fn epoch_times_are_exact_in_each_unit() {
        check("1622778349", TimeUnit::Seconds, Ok("2021-06-04T03:45:49Z"));
        check("1622778349.5", TimeUnit::Seconds, Ok("2021-06-04T03:45:49.5Z"));
        check("1622778349250", TimeUnit::Millis, Ok("2021-06-04T03:45:49.25Z"));
        check("1622778349000001", TimeUnit::Micros, Ok("2021-06-04T03:45:49.000001Z"));
        check("1622778349000000001", TimeUnit::Nanos, Ok("2021-06-04T03:45:49.000000001Z"));
        check("1622778349000000001.5", TimeUnit::Nanos, Err(TimeError::TooFine));
        check("2021-06-04 09:15:49", TimeUnit::Nanos, Err(TimeError::NotANumber(TimeUnit::Nanos)));
    }

    #[test]
    fn a_wrong_unit_is_out_of_range() {
        check("1622778349", TimeUnit::Millis, Err(TimeError::OutOfRange));
        check("1622778349250", TimeUnit::Seconds, Err(TimeError::OutOfRange));
        check("1989-12-31 12:00:00", TimeUnit::Iso, Err(TimeError::OutOfRange));
        check("2100-01-01 12:00:00", TimeUnit::Iso, Err(TimeError::OutOfRange));
        check("9999-01-01 12:00:00", TimeUnit::Iso, Err(TimeError::OutOfRange));
    }

    #[test]
    fn milliseconds_of_the_day_start_at_local_midnight() {
        check("33349000", TimeUnit::MsOfDay, Ok("2021-06-04T03:45:49Z"));
        check("0.5", TimeUnit::MsOfDay, Ok("2021-06-03T18:30:00.0005Z"));
        check("86400000", TimeUnit::MsOfDay, Err(TimeError::NotOfDay));
        check("-1", TimeUnit::MsOfDay, Err(TimeError::NotOfDay));
    }

    proptest! {
        #[test]
        fn no_cell_makes_it_panic(text in proptest::collection::vec(any::<u8>(), 0..40), ns in any::<i64>()) {
            for unit in TimeUnit::ALL {
                let _ = clock().moment(Cell::Text(&text), unit);
                let _ = clock().moment(Cell::Local(ns), unit);
                let _ = clock().moment(Cell::Integer { value: ns, scale: 3 }, unit);
                let _ = clock().moment(Cell::Float(f64::from_bits(ns as u64)), unit);
            }
        }

        #[test]
        fn iso_text_survives(ns in EARLIEST..LATEST - DAY_NS) {
            let moment = jiff::Timestamp::from_nanosecond(i128::from(ns)).unwrap();
            prop_assert_eq!(clock().moment(Cell::Text(moment.to_string().as_bytes()), TimeUnit::Iso), Ok(Ts::new(ns)));
        }
    }
}
