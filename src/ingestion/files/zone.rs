//! Wall-clock time of a zone as UTC, and back.
//!
//! What it is: the zone's rules, asked once per stretch of constant offset. What it never does: guess; a local time that
//! a change of clocks skipped or repeated is refused. Who calls it: the time columns, and the scan for local dates.

use std::ops::Range;

use barkeep_schemas::{NANOS, SessionDate};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};

/// Nanoseconds of a day of 24 hours.
pub(super) const DAY_NS: i64 = 86_400 * NANOS;

/// Why a local time stands for no moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum LocalTimeError {
    /// The clocks were put forward over it.
    Skipped,
    /// The clocks were put back over it.
    Repeated,
    /// Outside the years that can be held.
    OutOfRange,
}

/// A zone with the stretch of constant offset last used. All members are nanoseconds.
///
/// Invariant: `offset` holds for UTC moments in `from..to`; local times of moments in `sure_from..sure_to` stand for
/// one moment only.
#[derive(Clone, Debug)]
pub(super) struct Zone {
    rules: TimeZone,
    offset: i64,
    from: i64,
    to: i64,
    sure_from: i64,
    sure_to: i64,
}

impl Zone {
    pub(super) fn new(rules: TimeZone) -> Self {
        Self { rules, offset: 0, from: 0, to: 0, sure_from: 0, sure_to: 0 }
    }

    /// The moment (UTC) of a wall-clock time, both as nanoseconds since 1970-01-01T00:00:00.
    pub(super) fn utc_of(&mut self, local: i64) -> Result<i64, LocalTimeError> {
        let guess = local.saturating_sub(self.offset);
        if (self.sure_from..self.sure_to).contains(&guess) {
            return Ok(guess);
        }
        let offset = match self.rules.to_ambiguous_timestamp(civil(local)?).offset() {
            AmbiguousOffset::Unambiguous { offset } => nanos(offset),
            AmbiguousOffset::Gap { .. } => return Err(LocalTimeError::Skipped),
            AmbiguousOffset::Fold { .. } => return Err(LocalTimeError::Repeated),
        };
        let utc = local.checked_sub(offset).ok_or(LocalTimeError::OutOfRange)?;
        self.refresh(utc);
        Ok(utc)
    }

    /// The wall-clock time of a moment (UTC), both as nanoseconds since 1970-01-01T00:00:00.
    pub(super) fn local_of(&mut self, utc: i64) -> i64 {
        if !(self.from..self.to).contains(&utc) {
            self.refresh(utc);
        }
        utc.saturating_add(self.offset)
    }

    /// The local date of a moment (UTC) and the nanoseconds of its wall-clock time of day.
    pub(super) fn date_and_time(&mut self, utc: i64) -> (SessionDate, i64) {
        let local = self.local_of(utc);
        (SessionDate(i32::try_from(local.div_euclid(DAY_NS)).unwrap_or_default()), local.rem_euclid(DAY_NS))
    }

    /// The moments (UTC) around the last one asked for that have its offset.
    pub(super) const fn same_offset(&self) -> Range<i64> {
        self.from..self.to
    }

    /// Takes the stretch of constant offset around `utc`.
    fn refresh(&mut self, utc: i64) {
        let second = utc.div_euclid(NANOS);
        let (Ok(now), Ok(next)) = (Timestamp::from_second(second), Timestamp::from_second(second + 1)) else {
            return;
        };
        self.offset = nanos(self.rules.to_offset(now));
        let (mut before, mut after) = (self.offset, self.offset);
        // A transition at this very second has happened: "preceding the next second" includes it.
        self.from = match self.rules.preceding(next).next() {
            Some(transition) => {
                let at = transition.timestamp().as_second();
                before = Timestamp::from_second(at - 1).map_or(self.offset, |t| nanos(self.rules.to_offset(t)));
                at.saturating_mul(NANOS)
            }
            None => i64::MIN,
        };
        self.to = match self.rules.following(now).next() {
            Some(transition) => {
                after = nanos(transition.offset());
                transition.timestamp().as_second().saturating_mul(NANOS)
            }
            None => i64::MAX,
        };
        self.sure_from = self.from.saturating_add((before - self.offset).max(0));
        self.sure_to = self.to.saturating_sub((self.offset - after).max(0));
    }
}

fn nanos(offset: Offset) -> i64 {
    i64::from(offset.seconds()) * NANOS
}

fn civil(local: i64) -> Result<DateTime, LocalTimeError> {
    let as_utc = Timestamp::from_nanosecond(i128::from(local)).map_err(|_| LocalTimeError::OutOfRange)?;
    Ok(Offset::UTC.to_datetime(as_utc))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn local(text: &str) -> i64 {
        let civil: DateTime = text.parse().unwrap();
        i64::try_from(Offset::UTC.to_timestamp(civil).unwrap().as_nanosecond()).unwrap()
    }

    fn check(zone: &str, wall: &str, expected: Result<&str, LocalTimeError>) {
        let mut zone = Zone::new(TimeZone::get(zone).unwrap());
        let expected = expected.map(|utc| i64::try_from(utc.parse::<Timestamp>().unwrap().as_nanosecond()).unwrap());
        assert_eq!(zone.utc_of(local(wall)), expected, "{wall}, nothing cached");
        for near in ["2021-01-15T12:00", "2021-07-15T12:00", "2021-03-14T00:30", "2021-11-07T00:30"] {
            zone.utc_of(local(near)).unwrap();
            assert_eq!(zone.utc_of(local(wall)), expected, "{wall} after {near}");
        }
    }

    #[test]
    fn a_zone_without_changes_has_one_offset() {
        check("Asia/Kolkata", "2021-06-04T09:15:49", Ok("2021-06-04T03:45:49Z"));
        check("UTC", "2021-06-04T09:15:49", Ok("2021-06-04T09:15:49Z"));
    }

    #[test]
    fn local_times_are_right_around_changes_of_the_clock() {
        check("America/New_York", "2021-03-14T01:59:59", Ok("2021-03-14T06:59:59Z"));
        check("America/New_York", "2021-03-14T02:00", Err(LocalTimeError::Skipped));
        check("America/New_York", "2021-03-14T02:59:59", Err(LocalTimeError::Skipped));
        check("America/New_York", "2021-03-14T03:00", Ok("2021-03-14T07:00:00Z"));
        check("America/New_York", "2021-11-07T00:59:59", Ok("2021-11-07T04:59:59Z"));
        check("America/New_York", "2021-11-07T01:00", Err(LocalTimeError::Repeated));
        check("America/New_York", "2021-11-07T01:59:59", Err(LocalTimeError::Repeated));
        check("America/New_York", "2021-11-07T02:00", Ok("2021-11-07T07:00:00Z"));
    }

    proptest! {
        #[test]
        fn it_says_what_the_rules_say(
            starts in proptest::collection::vec(0_i64..4_000_000_000, 1..8),
            zone in prop_oneof![Just("America/New_York"), Just("Australia/Lord_Howe"), Just("Pacific/Apia"), Just("Asia/Kolkata")],
        ) {
            let rules = TimeZone::get(zone).unwrap();
            let mut cached = Zone::new(rules.clone());
            for start in starts {
                let utc = Timestamp::from_second(start).unwrap();
                let offset = rules.to_offset(utc);
                prop_assert_eq!(cached.local_of(start * NANOS), (start + i64::from(offset.seconds())) * NANOS);
                let expected = match rules.to_ambiguous_timestamp(offset.to_datetime(utc)).offset() {
                    AmbiguousOffset::Unambiguous { .. } => Ok(start * NANOS),
                    AmbiguousOffset::Gap { .. } => Err(LocalTimeError::Skipped),
                    AmbiguousOffset::Fold { .. } => Err(LocalTimeError::Repeated),
                };
                prop_assert_eq!(cached.utc_of((start + i64::from(offset.seconds())) * NANOS), expected);
            }
        }
    }
}
