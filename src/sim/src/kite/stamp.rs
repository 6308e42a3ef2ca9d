//! Moments as Kite writes and reads them: IST, to the second, without a zone but for candles.
//!
//! It knows no calendar and no clock. The other files of `kite` and `broker` call it.

use core::fmt;

use barkeep_schemas::{NANOS, SessionDate, Ts};

/// IST is 5 h 30 min ahead of UTC, the year round.
pub const IST_OFFSET_SECS: i64 = 19_800;

/// Seconds of a day.
pub const DAY_SECS: i64 = 86_400;

/// The date in IST.
pub fn ist_date(ts: Ts) -> SessionDate {
    SessionDate((ts.secs().saturating_add(IST_OFFSET_SECS)).div_euclid(DAY_SECS) as i32)
}

/// A moment by date and second of the day in IST.
pub fn ist(date: SessionDate, second_of_day: i64) -> Ts {
    Ts::new((i64::from(date.0) * DAY_SECS + second_of_day - IST_OFFSET_SECS).saturating_mul(NANOS))
}

/// How a moment is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// `2021-06-08 15:45:56`.
    DateTime,
    /// `15:45:56`: the order's time in a trade.
    TimeOfDay,
    /// `2017-12-15T09:15:00+0530`: a candle's start.
    Candle,
}

/// A moment in one of the forms.
#[derive(Clone, Copy, Debug)]
pub struct Stamp(pub Ts, pub Form);

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let second = (self.0.secs() + IST_OFFSET_SECS).rem_euclid(DAY_SECS);
        let (date, hour, minute, second) = (ist_date(self.0), second / 3_600, second / 60 % 60, second % 60);
        match self.1 {
            Form::DateTime => write!(f, "{date} {hour:02}:{minute:02}:{second:02}"),
            Form::TimeOfDay => write!(f, "{hour:02}:{minute:02}:{second:02}"),
            Form::Candle => write!(f, "{date}T{hour:02}:{minute:02}:{second:02}+0530"),
        }
    }
}

/// A moment as `2021-06-08 15:45:56`.
pub fn date_time(ts: Ts) -> String {
    Stamp(ts, Form::DateTime).to_string()
}

/// Which end of a day a date without a time stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DayEnd {
    /// 00:00:00.
    First,
    /// 23:59:59.
    Last,
}

/// Reads `yyyy-mm-dd hh:mm:ss`, or `yyyy-mm-dd` as an end of that day; `None` when it is neither.
pub fn parse(text: &str, end: DayEnd) -> Option<Ts> {
    let (date, time) = text.split_at_checked(10)?;
    let date = SessionDate::parse(date)?;
    let second_of_day = match (time, end) {
        ("", DayEnd::First) => 0,
        ("", DayEnd::Last) => DAY_SECS - 1,
        (time, DayEnd::First | DayEnd::Last) => seconds(time.strip_prefix(' ')?)?,
    };
    Some(ist(date, second_of_day))
}

fn seconds(time: &str) -> Option<i64> {
    let mut parts = time.split(':');
    let mut part = |limit: i64| {
        let digits = parts.next().filter(|part| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit()))?;
        digits.parse::<i64>().ok().filter(|number| *number < limit)
    };
    let (hour, minute, second) = (part(24)?, part(60)?, part(60)?);
    parts.next().is_none().then_some(hour * 3_600 + minute * 60 + second)
}
