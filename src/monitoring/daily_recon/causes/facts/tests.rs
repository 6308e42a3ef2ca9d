//! What is read of a small tape: everything that bears on a difference, and nothing else.

use barkeep_schemas::{
    AuctionPrint, CalendarKind, CloseReason, DayCalendar, EngineConfig, FeedGap, FileKind, Hash32, ImportStarted,
    Instrument, InstrumentId, OutsideBar, PhaseSpan, ReconCause, ReconStatus, SessionClosed, SessionOpened,
    TickSetAside, TimeframeSet, UnallocatedVolume,
};
use barkeep_storage::{DataDir, Writer};

use super::*;

const DATE: SessionDate = SessionDate(20_000);

fn at(secs: i64) -> Ts {
    Ts::from_secs(secs)
}

fn instrument(id: u32, feed: u8, symbol: &str, class: InstrumentClass) -> Instrument {
    let (id, feed, symbol) = (InstrumentId(id), FeedId(feed), symbol.to_owned());
    Instrument { id, feed, token: 0, symbol, class, tick_size: Price::new(500), lot_size: 1 }
}

/// INFY on feed 0, cash; TCS on feed 1, derivatives. Continuous from 100 to 900, derivatives with a break from 400 to 500.
fn opened() -> Event {
    let span = |phase, start, end| PhaseSpan { phase, start: at(start), end: at(end) };
    let auction = span(Phase::PreOpen, 0, 100);
    let cash = vec![auction.clone(), span(Phase::Continuous, 100, 900)];
    let derivatives = vec![auction, span(Phase::Continuous, 100, 400), span(Phase::Continuous, 500, 900)];
    Event::Input(Input::SessionOpened(Box::new(SessionOpened {
        date: DATE,
        run: 1,
        behaviour: 3,
        import: None,
        calendar: DayCalendar {
            kind: CalendarKind::Nse,
            zone: "Asia/Kolkata".into(),
            name: "regular".into(),
            day_start: at(0),
            day_end: at(1_000),
            tradable: true,
            classes: vec![
                ClassDay { class: InstrumentClass::Cash, phases: cash },
                ClassDay { class: InstrumentClass::Derivatives, phases: derivatives },
            ],
        },
        config: EngineConfig { grace_ns: 0, ahead_ns: 0, horizon_ns: 0, reset_after_ns: 0 },
        feeds: Vec::new(),
        instruments: vec![
            instrument(0, 0, "INFY", InstrumentClass::Cash),
            instrument(1, 1, "TCS", InstrumentClass::Derivatives),
        ],
        opening: Vec::new(),
        desk: None,
    })))
}

fn gap(feed: u8, from: i64, to: i64, cause: GapCause) -> Event {
    Event::Input(Input::FeedGap(FeedGap { feed: FeedId(feed), from: at(from), to: at(to), cause }))
}

fn set_aside(id: u32, ts: i64, reason: SetAsideReason) -> Event {
    let tick = TickSetAside { instrument: InstrumentId(id), ts: at(ts), reason, cause: Seq(1) };
    Event::Derived(Derived::TickSetAside(tick))
}

fn unallocated(id: u32, from: i64, timeframes: TimeframeSet, reason: UnallocatedReason) -> Event {
    let (from, to) = (at(from), at(from + 10));
    let (instrument, volume) = (InstrumentId(id), Qty::new(7));
    let part = UnallocatedVolume { instrument, volume, from, to, timeframes, reason, cause: Seq(1) };
    Event::Derived(Derived::UnallocatedVolume(part))
}

fn print(id: u32, phase: Phase, volume: i64) -> Event {
    let (price, volume) = (Price::new(1_000_000), Qty::new(volume));
    let print = AuctionPrint { instrument: InstrumentId(id), phase, ts: at(90), price, volume, cause: Seq(1) };
    Event::Derived(Derived::AuctionPrint(print))
}

fn closed() -> Event {
    Event::Input(Input::SessionClosed(SessionClosed { date: DATE, reason: CloseReason::Complete }))
}

fn import(fetched: Option<i64>) -> Event {
    Event::Input(Input::ImportStarted(Box::new(ImportStarted {
        id: Hash32([0; 32]),
        kind: FileKind::Bars,
        files: Vec::new(),
        mapping: String::new(),
        fetched: fetched.map(at),
    })))
}

fn values(volume: i64) -> Ohlcv {
    let price = Price::new(1_000_000);
    Ohlcv { open: price, high: price, low: price, close: price, volume: Qty::new(volume) }
}

fn bar(origin: BarOrigin, import: u64, id: u32, start: i64, tf: Timeframe, volume: i64) -> Event {
    let Ohlcv { open, high, low, close, volume } = values(volume);
    let (session_date, instrument, start, import) = (DATE, InstrumentId(id), at(start), Seq(import));
    let bar = OutsideBar { origin, session_date, instrument, tf, start, open, high, low, close, volume, import };
    Event::Input(Input::OutsideBar(bar))
}

fn theirs(import: u64, id: u32, start: i64, volume: i64) -> Event {
    bar(BarOrigin::Broker, import, id, start, Timeframe::M1, volume)
}

/// The session at positions 1 to 21, imports at 22 (a file), 27 (fetched) and, in a segment of its own, 30 (fetched).
fn tape(dir: &DataDir) -> Tape {
    let mut writer = Writer::open(dir, "test").unwrap();
    writer.begin_segment(DATE).unwrap();
    let (minutes, seconds) = (TimeframeSet::of(Timeframe::S1).with(Timeframe::M1), TimeframeSet::of(Timeframe::S1));
    let session = [
        opened(),
        Event::Input(Input::InstrumentListed(Box::new(instrument(2, 1, "SBIN", InstrumentClass::Cash)))),
        Event::Input(Input::InstrumentListed(Box::new(instrument(3, 1, "AIG", InstrumentClass::Cash)))),
        print(0, Phase::PreOpen, 40),
        print(3, Phase::PreOpen, 41),
        gap(1, 200, 210, GapCause::Disconnect),
        gap(0, 150, 160, GapCause::ApplianceDown),
        set_aside(0, 300, SetAsideReason::TooLate),
        set_aside(0, 240, SetAsideReason::AheadOfClock),
        set_aside(0, 250, SetAsideReason::OutsideDate),
        set_aside(0, 260, SetAsideReason::NoSession),
        set_aside(3, 270, SetAsideReason::TooLate),
        set_aside(2, 280, SetAsideReason::TooLate),
        unallocated(1, 200, minutes, UnallocatedReason::Gap),
        unallocated(1, 220, seconds, UnallocatedReason::TooLate),
        unallocated(0, 100, TimeframeSet::ALL, UnallocatedReason::FirstValue),
        unallocated(3, 100, TimeframeSet::ALL, UnallocatedReason::FirstValue),
        print(1, Phase::ClosingAuction, 42),
        closed(),
        // What came after the close is not of the day.
        gap(0, 950, 960, GapCause::Declared),
        set_aside(0, 960, SetAsideReason::TooLate),
        import(None),
        theirs(22, 0, 120, 1),
        theirs(22, 0, 120, 2),
        theirs(22, 0, 180, 3),
        bar(BarOrigin::Broker, 22, 0, 120, Timeframe::M5, 4),
        import(Some(1_000)),
        theirs(27, 0, 120, 5),
    ];
    writer.commit(&session).unwrap();
    writer.begin_segment(DATE.plus_days(1)).unwrap();
    let later = [
        Event::Input(Input::InstrumentListed(Box::new(instrument(5, 0, "INFY", InstrumentClass::Cash)))),
        import(Some(2_000)),
        theirs(30, 5, 120, 6),
        bar(BarOrigin::Import, 30, 5, 120, Timeframe::M1, 7),
        theirs(30, 5, 180, 8),
    ];
    writer.commit(&later).unwrap();
    drop(writer);
    Tape::open(dir).unwrap()
}

/// A difference of INFY's minute at 120, which the broker has or has not.
fn difference(is_theirs: bool) -> Difference {
    let keyed = super::super::super::bars::KeyedBar {
        symbol: SymbolIndex(0),
        start: at(120),
        open: Price::new(1),
        high: Price::new(1),
        low: Price::new(1),
        close: Price::new(1),
        volume: Qty::new(1),
    };
    Difference {
        symbol: SymbolIndex(0),
        start: at(120),
        status: if is_theirs { ReconStatus::MissingInternal } else { ReconStatus::MissingBroker },
        internal: Some(keyed).filter(|_| !is_theirs),
        broker: Some(keyed).filter(|_| is_theirs),
        diff_max: Price::ZERO,
        price_error: 0,
        cause: ReconCause::Unexplained,
    }
}

fn read(import: u64, differences: &[Difference], has_session: bool) -> DayFacts {
    let root = tempfile::tempdir().unwrap();
    let tape = tape(&DataDir::new(root.path()));
    let symbols = SymbolTable::new(["INFY", "SBIN", "TCS"]);
    let session = tape.segment_of(DATE, None).filter(|_| has_session);
    let wanted = Wanted { session, date: DATE, tf: Timeframe::M1, symbols: &symbols, import: Seq(import) };
    DayFacts::read(&tape, &wanted, differences).unwrap()
}

#[test]
fn of_a_session_all_that_interrupted_delayed_or_opened_it_is_known_by_symbol() {
    let facts = read(22, &[], true);
    let gaps = [
        Gap { feed: FeedId(1), from: at(200), to: at(210), cause: GapCause::Disconnect },
        Gap { feed: FeedId(0), from: at(150), to: at(160), cause: GapCause::ApplianceDown },
    ];
    assert_eq!(facts.gaps, gaps, "as the tape has them, to the close");
    let [infy, sbin, tcs] = facts.symbols.as_slice() else { panic!("{facts:?}") };
    let cash = vec![(at(100), at(900))];
    let first = Unallocated { from: at(100), to: at(110), reason: UnallocatedReason::FirstValue };
    assert_eq!((infy.feed, &infy.hours), (Some(FeedId(0)), &cash));
    assert_eq!(infy.late, [at(240), at(300)], "rising, and only what moved nothing for its time");
    assert_eq!(infy.unallocated, [first]);
    let print = |phase, volume| Print { phase, price: Price::new(1_000_000), volume: Qty::new(volume) };
    assert_eq!(infy.prints, [print(Phase::PreOpen, 40)]);

    assert_eq!((sbin.feed, &sbin.hours, &sbin.late), (Some(FeedId(1)), &cash, &vec![at(280)]), "listed in the day");
    assert_eq!((sbin.unallocated.len(), sbin.prints.len()), (0, 0));

    assert_eq!(tcs.hours, [(at(100), at(400)), (at(500), at(900))]);
    let gap = Unallocated { from: at(200), to: at(210), reason: UnallocatedReason::Gap };
    assert_eq!(tcs.unallocated, [gap], "what minutes lack, not what seconds alone lack");
    assert_eq!((tcs.late.len(), &tcs.prints), (0, &vec![print(Phase::ClosingAuction, 42)]));
}

#[test]
fn of_a_date_without_a_session_nothing_is_known_but_the_brokers_rows() {
    let facts = read(22, &[difference(true)], false);
    assert!(facts.gaps.is_empty() && facts.symbols.iter().all(|known| *known == SymbolFacts::default()));
    assert_eq!(facts.rows.len(), 1);
}

#[test]
fn the_brokers_rows_are_those_of_the_file_or_of_every_time_it_was_asked() {
    let rows = |import: u64, differences: &[Difference]| -> Vec<(u64, i64)> {
        let facts = read(import, differences, true);
        assert!(facts.rows.keys().all(|key| *key == (SymbolIndex(0), at(120))), "only what differs: {facts:?}");
        let all = facts.rows.into_values().flatten();
        all.map(|row| (row.import.0, row.values.volume.get())).collect()
    };
    assert_eq!(rows(22, &[difference(true)]), [(22, 1), (22, 2)], "a file knows nothing of what was fetched");
    assert_eq!(rows(30, &[difference(true)]), [(27, 5), (30, 6)]);
    assert_eq!(rows(27, &[difference(true)]), [(27, 5), (30, 6)], "nor does it matter which was the last");
    assert_eq!(rows(30, &[difference(false)]), [], "the broker lacks it: there is no row to look for");
    assert_eq!(rows(30, &[]), []);
}
