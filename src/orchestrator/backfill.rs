//! The broker's historical minute candles as bars on the tape: what is missing, what to ask for, what to add.
//!
//! What it never does: ask the broker, read a clock, or change what is on the tape. Who calls it: `backfill`, and `recon` for one
//! day that is fetched anew.
//!
//! Each answer is an import of its own, with its hash; an import that was not finished, as after a kill, does not count
//! and is asked for again.

mod day;
mod held;
mod record;

use barkeep_schemas::{NANOS, SessionDate, Ts};
use barkeep_zerodha::rest::Interval;

use super::calendar::{Calendar, CalendarError, DayKind};

pub use day::{BrokerDay, DayAdded, DayAnswer, interval, record_day};
pub use held::{Held, held};
pub use record::{Added, Answer, record};

/// How long after the last phase a day's candles have settled. Source: the broker's forum: the last minute takes more
/// than ten seconds.
const SETTLED_NS: i64 = 300 * NANOS;

/// The sessions of a span.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Days {
    /// Those whose candles have settled, rising.
    pub settled: Vec<SessionDate>,
    /// Those that have not, or are still to come.
    pub left_out: Vec<SessionDate>,
}

/// The sessions from one date to another, both inclusive, by the calendar, as things stand at `now`.
///
/// # Errors
/// [`CalendarError`] when the calendar does not reach so far.
pub fn days(calendar: &Calendar, from: SessionDate, to: SessionDate, now: Ts) -> Result<Days, CalendarError> {
    let mut days = Days { settled: Vec::new(), left_out: Vec::new() };
    for date in calendar.sessions(from, to)? {
        let DayKind::Session(day) = calendar.day(date)? else { continue };
        let ends = day.classes.iter().flat_map(|class| &class.phases).map(|span| span.end.get());
        let settled = ends.max().unwrap_or(day.day_end.get()).saturating_add(SETTLED_NS);
        if settled <= now.get() { days.settled.push(date) } else { days.left_out.push(date) }
    }
    Ok(days)
}

/// One request: the minutes of a symbol for some days.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Chunk {
    /// Which symbol, by its place among those asked for.
    pub symbol: usize,
    /// The days that are missing, rising; never none.
    pub days: Vec<SessionDate>,
    /// The first of them.
    pub from: SessionDate,
    /// The last of them.
    pub to: SessionDate,
}

/// The requests that bring a symbol's missing days, as few as the broker's limit of a request allows. `missing` rises.
pub fn chunks(symbol: usize, missing: &[SessionDate]) -> Vec<Chunk> {
    let mut chunks: Vec<Chunk> = Vec::new();
    for date in missing.iter().copied() {
        match chunks.last_mut() {
            // Both ends are asked for whole.
            Some(chunk) if date.0.saturating_sub(chunk.from.0) < Interval::Minute.days_max() => {
                chunk.days.push(date);
                chunk.to = date;
            }
            Some(_) | None => chunks.push(Chunk { symbol, days: vec![date], from: date, to: date }),
        }
    }
    chunks
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn date(text: &str) -> SessionDate {
        SessionDate::parse(text).unwrap()
    }

    #[test]
    fn a_session_counts_five_minutes_after_its_end() {
        let calendar = Calendar::builtin().unwrap();
        let at = |minute: i64| Ts::from_secs(i64::from(date("2026-07-31").0) * 86_400 - 19_800 + minute * 60);
        let of = |now| days(&calendar, date("2026-07-30"), date("2026-08-03"), now).unwrap();
        let DayKind::Session(day) = calendar.day(date("2026-07-31")).unwrap() else { panic!("closed") };
        let end = day.classes.iter().flat_map(|class| &class.phases).map(|span| span.end).max().unwrap();
        assert_eq!(of(at(600)).settled, [date("2026-07-30")]);
        assert_eq!(of(at(600)).left_out, [date("2026-07-31"), date("2026-08-03")]);
        let settled = Ts::new(end.get() + SETTLED_NS);
        assert_eq!(of(settled).settled, [date("2026-07-30"), date("2026-07-31")]);
        assert_eq!(of(Ts::new(settled.get() - 1)).settled, [date("2026-07-30")]);
        assert!(days(&calendar, date("2026-07-30"), date("2030-01-01"), settled).is_err());
    }

    #[test]
    fn requests_span_sixty_days_at_most_and_bring_every_missing_day_once() {
        let missing: Vec<SessionDate> =
            (0..130).filter(|day| day % 7 < 5).map(|day| SessionDate(20_000 + day)).collect();
        let chunks = chunks(3, &missing);
        let spans: Vec<(i32, i32)> = chunks.iter().map(|chunk| (chunk.from.0 - 20_000, chunk.to.0 - 20_000)).collect();
        assert_eq!(spans, [(0, 59), (60, 119), (120, 129)]);
        assert!(super::chunks(0, &[]).is_empty());
    }

    proptest! {
        #[test]
        fn no_day_is_lost_and_no_request_is_too_long(days in proptest::collection::btree_set(0_i32..500, 0..60)) {
            let missing: Vec<SessionDate> = days.into_iter().map(SessionDate).collect();
            let chunks = chunks(0, &missing);
            let asked: Vec<SessionDate> = chunks.iter().flat_map(|chunk| chunk.days.clone()).collect();
            prop_assert_eq!(asked, missing);
            for chunk in chunks {
                prop_assert!(chunk.to.0 - chunk.from.0 < 60);
                prop_assert_eq!((chunk.days.first(), chunk.days.last()), (Some(&chunk.from), Some(&chunk.to)));
            }
        }
    }
}
