//! What a market promises, by plans small enough to walk through whole.

use barkeep_schemas::{CalendarKind, ClassDay, DayCalendar, PhaseSpan};

use super::*;

mod calendars;
mod candles;
mod days;
mod golden;
mod shape;
mod steps;

const IST: i64 = 19_800;

/// Midnight IST of a date, in epoch seconds.
fn midnight(date: SessionDate) -> i64 {
    i64::from(date.0) * 86_400 - IST
}

fn clock(date: SessionDate, hhmm: i64) -> Ts {
    Ts::from_secs(midnight(date) + (hhmm / 100) * 3_600 + (hhmm % 100) * 60)
}

fn class_day(date: SessionDate, class: InstrumentClass, phases: &[(Phase, i64, i64)]) -> ClassDay {
    let span = |(phase, from, to): &(Phase, i64, i64)| PhaseSpan {
        phase: *phase,
        start: clock(date, *from),
        end: clock(date, *to),
    };
    ClassDay { class, phases: phases.iter().map(span).collect() }
}

fn day(date: SessionDate, derivatives: &[(Phase, i64, i64)], cash: &[(Phase, i64, i64)]) -> DayHours {
    let calendar = DayCalendar {
        kind: CalendarKind::Nse,
        zone: "Asia/Kolkata".into(),
        name: "regular".into(),
        day_start: clock(date, 0),
        day_end: Ts::from_secs(midnight(date) + 86_400),
        tradable: true,
        classes: vec![
            class_day(date, InstrumentClass::Derivatives, derivatives),
            class_day(date, InstrumentClass::Cash, cash),
        ],
    };
    DayHours { date, calendar }
}

/// 2026-11-16, a Monday, and the days after it.
fn date(n: i32) -> SessionDate {
    SessionDate::from_ymd(2026, 11, 16).unwrap().plus_days(n)
}

/// A day of November 2026: the closing auction for derivatives.
fn auction_day(date: SessionDate) -> DayHours {
    let derivatives = [
        (Phase::PreOpen, 900, 915),
        (Phase::Continuous, 915, 1515),
        (Phase::ClosingAuction, 1515, 1535),
        (Phase::PostClose, 1550, 1600),
    ];
    day(
        date,
        &derivatives,
        &[(Phase::PreOpen, 900, 915), (Phase::Continuous, 915, 1530), (Phase::PostClose, 1550, 1600)],
    )
}

/// Twenty minutes of trading after five of pre-open, for both classes.
fn short_day(date: SessionDate) -> DayHours {
    let phases = [(Phase::PreOpen, 910, 915), (Phase::Continuous, 915, 935)];
    day(date, &phases, &phases)
}

/// Two parts, each with its own opening.
fn split_day(date: SessionDate) -> DayHours {
    let phases = [
        (Phase::PreOpen, 900, 915),
        (Phase::Continuous, 915, 1000),
        (Phase::PreOpen, 1115, 1130),
        (Phase::Continuous, 1130, 1230),
    ];
    day(date, &phases, &phases)
}

/// An hour in the evening without a pre-open.
fn muhurat_day(date: SessionDate) -> DayHours {
    day(date, &[(Phase::Continuous, 1815, 1915)], &[(Phase::Continuous, 1815, 1915)])
}

fn plan(instruments: u32, days: Vec<DayHours>, first: SessionDate) -> MarketPlan {
    MarketPlan { seed: 7, instruments, days, first, busy: false }
}

fn market(instruments: u32, days: Vec<DayHours>, first: SessionDate) -> Market {
    Market::new(plan(instruments, days, first)).unwrap()
}

const MINUTE: Interval = Interval::Minutes(1);
const ALL: (Ts, Ts) = (Ts::new(0), Ts::new(i64::MAX));

#[test]
fn a_market_may_be_sent_and_shared() {
    fn both<T: Send + Sync>() {}
    both::<Market>();
}

#[test]
fn plans_that_cannot_be_are_refused() {
    let error = |plan: MarketPlan| Market::new(plan).err().unwrap();
    let none = plan(0, vec![short_day(date(0))], date(0));
    assert_eq!(error(none), MarketError::Instruments { given: 0 });
    let twice = plan(1, vec![short_day(date(0)), short_day(date(0))], date(0));
    assert_eq!(error(twice), MarketError::NotAscending { date: date(0) });
    assert_eq!(error(plan(1, vec![], date(0))), MarketError::FirstMissing { date: date(0) });
    let idle = plan(4, vec![day(date(0), &[(Phase::Continuous, 915, 935)], &[])], date(0));
    assert_eq!(error(idle), MarketError::NoTrading { date: date(0), class: InstrumentClass::Cash });
}

#[test]
fn the_universe_has_real_names_first_and_unique_tokens_and_symbols() {
    let market = market(9_000, vec![short_day(date(0))], date(0));
    assert_eq!(market.count(), 9_002);
    let all: Vec<Listing> = (0..market.count()).map(|n| market.listing(n, date(0))).collect();
    for (number, listing) in all.iter().enumerate() {
        assert_eq!(market.by_token(listing.token), Some(number), "{}", listing.symbol);
        assert_eq!(market.by_symbol(&listing.symbol, date(0)), Some(number));
        let code = if number < 9_000 { Segment::Nse } else { Segment::Indices };
        assert_eq!((listing.segment, listing.token & 0xff), (code, code.code()));
    }
    assert_eq!(all[market.by_token(408_065).unwrap()].symbol, "INFY");
    assert_eq!(all[market.by_token(256_265).unwrap()].symbol, "NIFTY 50");
    assert_eq!(all[market.by_token(260_105).unwrap()].symbol, "NIFTY BANK");
    let derivatives = all.iter().take(9_000).filter(|listing| listing.class == InstrumentClass::Derivatives).count();
    assert!((180..=220).contains(&derivatives), "{derivatives}");
    assert_eq!(market.pairs().len(), 7);
    assert_eq!(market.by_token(0), None);
    assert_eq!(market.by_symbol("NOBODY", date(0)), None);
}

#[test]
fn the_desks_universe_is_listed_with_its_classes_and_sectors() {
    let market = market(150, vec![short_day(date(0))], date(0));
    let universe = include_str!("../../../../configs/universe.csv");
    let mut reader = csv::ReaderBuilder::new().comment(Some(b'#')).from_reader(universe.as_bytes());
    let mut rows = 0;
    for row in reader.records() {
        let row = row.unwrap();
        let number = market.by_symbol(&row[1], date(0)).unwrap_or_else(|| panic!("{} is not listed", &row[1]));
        let listing = market.listing(number, date(0));
        assert_eq!((listing.sector.as_str(), listing.class.name()), (&row[2], &row[3]), "{}", listing.symbol);
        rows += 1;
    }
    assert!(rows > 60, "{rows}");
}

#[test]
fn listings_keep_to_the_grid_and_the_bands() {
    let market = market(2_000, vec![short_day(date(0)), short_day(date(1))], date(0));
    for number in 0..2_000 {
        for date in [date(0), date(1)] {
            let listing = market.listing(number, date);
            let (tick, close) = (listing.tick_size.get(), listing.previous_close.get());
            assert!(listing.lower_circuit.get() % tick == 0 && listing.upper_circuit.get() % tick == 0);
            assert!(listing.lower_circuit.get() < close && close < listing.upper_circuit.get(), "{}", listing.symbol);
            assert!(listing.upper_circuit.get() - close <= (close / 5).max(tick), "{}", listing.symbol);
        }
    }
}
