//! The simulated exchange, measured on one core: `cargo bench -p barkeep-sim --bench market`, a JSON line each.
//!
//! 9,000 stocks: the making of a market, one second of it in four steps with every changed quote built (with calm and
//! with busy books), the roll to the next date; and candles of sixty days gone by, of a stock and of an index.
#![allow(missing_docs, clippy::expect_used, reason = "a bench has no surface and may panic")]

use std::hint::black_box;
use std::time::Instant;

use barkeep_schemas::{CalendarKind, ClassDay, DayCalendar, InstrumentClass, NANOS, Phase, PhaseSpan, SessionDate, Ts};
use barkeep_sim::market::{DayHours, Interval, Market, MarketPlan};

const STOCKS: u32 = 9_000;

fn midnight(date: SessionDate) -> i64 {
    (i64::from(date.0) * 86_400 - 19_800) * NANOS
}

fn day(date: SessionDate) -> DayHours {
    let at = |minutes: i64| Ts::new(midnight(date) + minutes * 60 * NANOS);
    let span = |phase, start, end| PhaseSpan { phase, start: at(start), end: at(end) };
    let derivatives =
        vec![span(Phase::PreOpen, 540, 555), span(Phase::Continuous, 555, 915), span(Phase::ClosingAuction, 915, 935)];
    let cash = vec![span(Phase::PreOpen, 540, 555), span(Phase::Continuous, 555, 930)];
    let calendar = DayCalendar {
        kind: CalendarKind::Nse,
        zone: "Asia/Kolkata".into(),
        name: "regular".into(),
        day_start: at(0),
        day_end: at(1_440),
        tradable: true,
        classes: vec![
            ClassDay { class: InstrumentClass::Derivatives, phases: derivatives },
            ClassDay { class: InstrumentClass::Cash, phases: cash },
        ],
    };
    DayHours { date, calendar }
}

fn made(instruments: u32, busy: bool) -> (Market, SessionDate) {
    let last = SessionDate::from_ymd(2026, 11, 20).expect("a date");
    let dates = (0..90).map(|back| last.plus_days(back - 87)).filter(|date| date.weekday() < 5);
    let plan = MarketPlan { seed: 1, instruments, days: dates.map(day).collect(), first: last, busy };
    (Market::new(plan).expect("a market"), last)
}

fn timed<T>(name: &str, detail: &str, what: impl FnOnce() -> T) -> T {
    let begun = Instant::now();
    let made = what();
    println!("{{\"bench\":\"sim/{name}\",\"ms\":{:.3},\"detail\":\"{detail}\"}}", begun.elapsed().as_secs_f64() * 1e3);
    made
}

/// One virtual second in four steps, every changed quote built; the best and the mean of many.
fn seconds(market: &mut Market, from: i64, count: i64, name: &str) {
    let (mut best, mut sum, mut changed) = (f64::MAX, 0.0, 0);
    for second in 0..count {
        let begun = Instant::now();
        for quarter in 1..=4 {
            market.advance(Ts::new(from + second * NANOS + quarter * NANOS / 4));
            for number in market.changed() {
                black_box(market.quote(*number as usize));
            }
            changed += market.changed().len();
        }
        let took = begun.elapsed().as_secs_f64() * 1e3;
        best = f64::min(best, took);
        sum += took;
    }
    let (mean, changed) = (sum / count as f64, changed / count as usize);
    println!("{{\"bench\":\"sim/{name}\",\"ms_mean\":{mean:.3},\"ms_best\":{best:.3},\"quotes_a_second\":{changed}}}");
}

fn main() {
    if std::env::args().any(|arg| arg == "past") {
        let (small, last) = made(300, false);
        return past_days(&small, last);
    }
    let (mut calm, last) = timed("new", "9000 stocks, 62 dates of history", || made(STOCKS, false));
    let at = |minutes: i64| midnight(last) + minutes * 60 * NANOS;
    timed("pre_open", "09:00 to 09:15", || calm.advance(Ts::new(at(555))));
    seconds(&mut calm, at(555), 60, "second_at_the_open");
    timed("minutes_30", "one step of 30 minutes", || calm.advance(Ts::new(at(600))));
    seconds(&mut calm, at(600), 60, "second");
    past_days(&calm, last);
    drop(calm);
    let (mut busy, _) = made(STOCKS, true);
    busy.advance(Ts::new(at(556)));
    seconds(&mut busy, at(556), 60, "second_busy");
}

/// Minutes of the sixty days before, of three instruments.
fn past_days(market: &Market, last: SessionDate) {
    let from = Ts::new(midnight(last) - 87 * 86_400 * NANOS);
    let index = market.count() - 2;
    for (name, number) in [("liquid", 0), ("illiquid", index - 1), ("index", index), ("index_again", index)] {
        let minutes = || market.candles(number, Interval::Minutes(1), from, Ts::new(i64::MAX)).len();
        timed(&format!("candles_60_days_{name}"), "minutes", minutes);
    }
}
