//! The hours of a simulated day: its seconds and minutes of continuous trading, and moments as IST text.
//!
//! It knows no calendar: the hours are given to it. The other files of the day call it.

use barkeep_schemas::{NANOS, SessionDate, Ts};

const MINUTE: i64 = 60 * NANOS;
const IST_OFFSET_SECS: i64 = 19_800;

/// A second of continuous trading.
#[derive(Clone, Copy)]
pub(super) struct Second {
    /// First nanosecond.
    pub(super) start: i64,
    /// First nanosecond of its part of the session.
    pub(super) part: i64,
    /// How busy the market is, 1 on the average of a day: high at the open, low at noon, high at the close.
    pub(super) weight: f64,
}

/// A minute of continuous trading.
#[derive(Clone, Copy)]
pub(super) struct Minute {
    /// First nanosecond.
    pub(super) start: i64,
    /// First nanosecond after it.
    pub(super) end: i64,
    /// Whether it is the first or the last of its part.
    pub(super) edge: bool,
}

/// The continuous trading of a day, without the breaks.
pub(super) struct Hours {
    /// Every second, in order.
    pub(super) seconds: Vec<Second>,
    /// Every minute, in order; a minute's number is its place here.
    pub(super) minutes: Vec<Minute>,
}

impl Hours {
    /// Cuts parts into whole seconds and minutes counted from each part's start. A part that begins before the end of the one
    /// before it begins at that end; an empty one is left out.
    pub(super) fn new(parts: &[(Ts, Ts)]) -> Self {
        let mut hours = Self { seconds: Vec::new(), minutes: Vec::new() };
        let mut done = i64::MIN;
        for (start, end) in parts {
            let (start, end) = (start.get().max(done), end.get());
            if start < end {
                hours.add(start, end);
                done = end;
            }
        }
        let count = hours.seconds.len() as f64;
        for (number, second) in hours.seconds.iter_mut().enumerate() {
            second.weight = smile((number as f64 + 0.5) / count);
        }
        hours
    }

    fn add(&mut self, start: i64, end: i64) {
        let steps = |step: i64| (start..end).step_by(step.unsigned_abs() as usize);
        let whole = steps(NANOS).filter(|second| second + NANOS <= end);
        self.seconds.extend(whole.map(|second| Second { start: second, part: start, weight: 1.0 }));
        self.minutes.extend(steps(MINUTE).map(|minute| Minute {
            start: minute,
            end: end.min(minute + MINUTE),
            edge: minute == start || minute + MINUTE >= end,
        }));
    }

    /// The number of the minute that holds a moment; `None` outside continuous trading.
    pub(super) fn minute_of(&self, ts: i64) -> Option<usize> {
        let number = self.minutes.partition_point(|minute| minute.start <= ts).checked_sub(1)?;
        self.minutes.get(number).is_some_and(|minute| ts < minute.end).then_some(number)
    }

    /// The minute of a number.
    pub(super) fn minute(&self, number: usize) -> Option<Minute> {
        self.minutes.get(number).copied()
    }
}

/// The day's smile at a fraction of its trading time: its mean over the day is about 1.
fn smile(at: f64) -> f64 {
    (0.62 + 1.6 * libm::exp(-at / 0.06) + 0.9 * libm::exp((at - 1.0) / 0.08)) / 0.788
}

/// Date and time of day in IST, to the second or the millisecond: `2026-11-20T09:15:00.123`.
pub(super) struct Ist(pub(super) i64, pub(super) Digits);

/// How fine a moment is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Digits {
    /// `2026-11-20T09:15:00+05:30`.
    Seconds,
    /// `2026-11-20T09:15:00.123+05:30`.
    Millis,
    /// `09:15:00.123`, for people.
    TimeOfDay,
}

impl core::fmt::Display for Ist {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let local = self.0.div_euclid(NANOS) + IST_OFFSET_SECS;
        let (day, second) = (local.div_euclid(86_400), local.rem_euclid(86_400));
        let millis = self.0.rem_euclid(NANOS) / 1_000_000;
        let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
        match self.1 {
            Digits::Seconds => {
                write!(f, "{}T{hour:02}:{minute:02}:{second:02}+05:30", SessionDate(day as i32))
            }
            Digits::Millis => {
                write!(f, "{}T{hour:02}:{minute:02}:{second:02}.{millis:03}+05:30", SessionDate(day as i32))
            }
            Digits::TimeOfDay => write!(f, "{hour:02}:{minute:02}:{second:02}.{millis:03}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> Ts {
        Ts::from_secs(secs)
    }

    #[test]
    fn minutes_are_counted_from_each_part_and_none_spans_a_break() {
        let hours = Hours::new(&[(at(30), at(180)), (at(600), at(660))]);
        let bounds: Vec<_> =
            hours.minutes.iter().map(|minute| (minute.start / NANOS, minute.end / NANOS, minute.edge)).collect();
        assert_eq!(bounds, [(30, 90, true), (90, 150, false), (150, 180, true), (600, 660, true)]);
        assert_eq!(hours.seconds.len(), 210);
        assert_eq!(hours.minute_of(179 * NANOS), Some(2));
        assert_eq!(hours.minute_of(180 * NANOS), None);
        assert_eq!(hours.minute_of(29 * NANOS), None);
    }

    #[test]
    fn parts_that_overlap_or_are_empty_are_mended() {
        let hours = Hours::new(&[(at(0), at(60)), (at(30), at(120)), (at(200), at(200))]);
        assert_eq!(hours.seconds.len(), 120);
        assert!(Hours::new(&[]).minutes.is_empty());
    }

    #[test]
    fn the_smile_is_a_smile_of_mean_one() {
        let hours = Hours::new(&[(at(0), at(22_500))]);
        let weights: Vec<f64> = hours.seconds.iter().map(|second| second.weight).collect();
        let mean = weights.iter().sum::<f64>() / weights.len() as f64;
        assert!((mean - 1.0).abs() < 0.05, "{mean}");
        assert!(weights[0] > 2.0 * weights[11_000] && weights[22_499] > 1.5 * weights[11_000]);
    }

    #[test]
    fn moments_read_as_ist() {
        let ts = 1_795_146_300 * NANOS + 123_000_000;
        assert_eq!(Ist(ts, Digits::Millis).to_string(), "2026-11-20T09:15:00.123+05:30");
        assert_eq!(Ist(ts, Digits::Seconds).to_string(), "2026-11-20T09:15:00+05:30");
        assert_eq!(Ist(ts, Digits::TimeOfDay).to_string(), "09:15:00.123");
    }
}
