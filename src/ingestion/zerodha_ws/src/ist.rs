//! Moments as Kite writes and reads them: Indian Standard Time, to the second.
//!
//! It knows no calendar and no clock. `token` and `rest` call it.

use barkeep_schemas::{SessionDate, Ts};

/// IST is 5 h 30 min ahead of UTC, the year round.
const OFFSET_SECS: i64 = 19_800;

const DAY_SECS: i64 = 86_400;

/// A moment as `2021-06-08 15:45:56`, IST.
pub fn date_time(ts: Ts) -> String {
    let since_midnight = (ts.secs().saturating_add(OFFSET_SECS)).rem_euclid(DAY_SECS);
    let (hour, minute, second) = (since_midnight / 3_600, since_midnight / 60 % 60, since_midnight % 60);
    format!("{} {hour:02}:{minute:02}:{second:02}", date(ts))
}

/// The date in IST.
pub fn date(ts: Ts) -> SessionDate {
    let days = ts.secs().saturating_add(OFFSET_SECS).div_euclid(DAY_SECS);
    // A `Ts` reaches 292 years around 1970.
    SessionDate(days as i32)
}

/// A second of a date's day, IST; beyond the year 2262 the last moment that there is.
pub fn moment(date: SessionDate, second_of_day: i64) -> Ts {
    Ts::from_secs(i64::from(date.0) * DAY_SECS - OFFSET_SECS + second_of_day)
}

/// Reads `2021-06-08 15:45:56`, IST.
pub fn parse(text: &str) -> Option<Ts> {
    let (date, time) = text.split_once(' ')?;
    let (date, second) = (SessionDate::parse(date)?, second_of_day(time)?);
    exact(i64::from(date.0) * DAY_SECS - OFFSET_SECS + second)
}

/// Reads the start of a candle, `2017-12-15T09:15:00+0530`, with its own offset.
pub fn parse_candle(text: &str) -> Option<Ts> {
    let (date, rest) = text.split_once('T')?;
    let (time, offset) = rest.split_at_checked(8)?;
    let (sign, offset) = offset.split_at_checked(1)?;
    let offset: String = offset.chars().filter(|c| *c != ':').collect();
    let (hours, minutes) = offset.split_at_checked(2)?;
    let ahead = two_digits(hours, 24)? * 3_600 + two_digits(minutes, 60)? * 60;
    let ahead = match sign {
        "+" => ahead,
        "-" => -ahead,
        _ => return None,
    };
    let midnight = i64::from(SessionDate::parse(date)?.0) * DAY_SECS;
    exact(midnight + second_of_day(time)? - ahead)
}

/// A moment by its epoch seconds; none where 64 bits of nanoseconds do not reach.
fn exact(secs: i64) -> Option<Ts> {
    Some(Ts::from_secs(secs)).filter(|ts| ts.secs() == secs)
}

fn second_of_day(time: &str) -> Option<i64> {
    let mut parts = time.split(':');
    let (hour, minute, second) = (parts.next()?, parts.next()?, parts.next()?);
    let seconds = two_digits(hour, 24)? * 3_600 + two_digits(minute, 60)? * 60 + two_digits(second, 60)?;
    parts.next().is_none().then_some(seconds)
}

/// A number of two digits below a limit.
fn two_digits(text: &str, limit: i64) -> Option<i64> {
    let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| digits && *number < limit)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn moments_are_read_and_written_in_ist() {
        let bell = moment(SessionDate::from_ymd(2017, 12, 15).unwrap(), 9 * 3_600 + 15 * 60);
        assert_eq!(bell.secs(), 1_513_309_500);
        assert_eq!(date_time(bell), "2017-12-15 09:15:00");
        assert_eq!(parse("2017-12-15 09:15:00"), Some(bell));
        for text in ["2017-12-15T09:15:00+0530", "2017-12-15T09:15:00+05:30", "2017-12-15T03:45:00+0000"] {
            assert_eq!(parse_candle(text), Some(bell), "{text}");
        }
        for text in ["", "2017-12-15", "2017-12-15T09:15:00", "2017-12-15T09:15:00Z", "2017-12-15T24:00:00+0530"] {
            assert_eq!((parse(text), parse_candle(text)), (None, None), "{text}");
        }
        assert_eq!((parse("2500-01-01 09:15:00"), parse_candle("2500-01-01T09:15:00+0530")), (None, None));
        assert_eq!((parse("2017-12-15 9:15:00"), parse("2017-12-32 09:15:00")), (None, None));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(secs in -10_000_000_000_i64..10_000_000_000_i64) {
            let ts = Ts::from_secs(secs.rem_euclid(4_000_000_000));
            prop_assert_eq!(parse(&date_time(ts)), Some(ts));
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,40}", shaped in "[0-9T:+ -]{0,26}") {
            for text in [text, shaped] {
                let _ = (parse(&text), parse_candle(&text));
            }
        }
    }
}
