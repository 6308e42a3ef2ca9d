//! A small tape for tests: one traded session and one segment that brings bars and reconciliations for it.

use barkeep_schemas::{
    Bar, BarCorrection, BarOrigin, CalendarKind, ClockMark, CloseReason, DayCalendar, Derived, EngineConfig, Event,
    FeedId, FeedSpec, FileKind, Hash32, HealAction, HealRun, ImportFinished, ImportStarted, Input, Instrument,
    InstrumentClass, InstrumentId, Ohlcv, OutsideBar, Price, Qty, ReconCause, ReconDifference, ReconRun, ReconStatus,
    Seq, SessionClosed, SessionDate, SessionOpened, SourceFile, Tick, Timeframe, TradeRule, Ts, VolumeSource,
};
use barkeep_storage::{DataDir, Writer};
use tempfile::TempDir;

/// 2021-06-04 09:15:00 IST.
pub(crate) const OPEN: i64 = 1_622_778_300;

pub(crate) fn date(day: u8) -> SessionDate {
    SessionDate::from_ymd(2021, 6, day).unwrap()
}

/// A price in hundredths.
pub(crate) fn price(paise: i64) -> Price {
    Price::new(paise * 100)
}

pub(crate) fn instrument(id: u32, symbol: &str) -> Instrument {
    Instrument {
        id: InstrumentId(id),
        feed: FeedId(0),
        token: 0,
        symbol: symbol.into(),
        class: InstrumentClass::Cash,
        tick_size: price(5),
        lot_size: 1,
    }
}

pub(crate) fn opened(day: u8, symbols: &[&str]) -> Event {
    opened_run(day, 1, symbols)
}

pub(crate) fn opened_run(day: u8, run: u32, symbols: &[&str]) -> Event {
    let instruments = (0..).zip(symbols).map(|(id, symbol)| instrument(id, symbol)).collect();
    let config = EngineConfig {
        grace_ns: 3_000_000_000,
        ahead_ns: 5_000_000_000,
        horizon_ns: 120_000_000_000,
        reset_after_ns: 60_000_000_000,
    };
    Event::Input(Input::SessionOpened(Box::new(SessionOpened {
        date: date(day),
        run,
        behaviour: 3,
        import: Some(Hash32([0xab; 32])),
        calendar: DayCalendar {
            kind: CalendarKind::Nse,
            zone: "Asia/Kolkata".into(),
            name: "regular".into(),
            day_start: Ts::from_secs(OPEN - 33_300),
            day_end: Ts::from_secs(OPEN - 33_300 + 86_400),
            tradable: true,
            classes: Vec::new(),
        },
        config,
        feeds: vec![FeedSpec {
            id: FeedId(0),
            name: "import".into(),
            trade_rule: TradeRule::Qty,
            volume: VolumeSource::Quantity,
            conditions: Vec::new(),
        }],
        instruments,
        opening: Vec::new(),
        desk: None,
    })))
}

pub(crate) fn closed(day: u8) -> Event {
    Event::Input(Input::SessionClosed(SessionClosed { date: date(day), reason: CloseReason::Complete }))
}

pub(crate) fn mark(second: i64) -> Event {
    Event::Input(Input::ClockMark(ClockMark { feed: FeedId(0), ts: Ts::from_secs(OPEN + second) }))
}

pub(crate) fn tick(id: u32, second: i64, paise: i64) -> Tick {
    Tick {
        instrument: InstrumentId(id),
        feed: FeedId(0),
        ts: Ts::new((OPEN + second) * 1_000_000_000 + 250_000_000),
        recv: Ts::new((OPEN + second) * 1_000_000_000 + 250_000_000),
        price: price(paise),
        qty: Some(Qty::new(10)),
        cum_volume: None,
        bid: None,
        ask: None,
        last_trade: None,
        condition: 0,
        depth: None,
    }
}

pub(crate) fn bar(id: u32, tf: Timeframe, minute: i64, close: i64, revision: u16) -> Event {
    Event::Derived(Derived::Bar(Bar {
        instrument: InstrumentId(id),
        tf,
        start: Ts::from_secs(OPEN + minute * 60),
        open: price(151_745),
        high: price(152_000),
        low: price(151_000),
        close: price(close),
        volume: Qty::new(1_200),
        n_trades: 3,
        revision,
        cause: Seq(2),
        first_tick: Seq(3),
        last_tick: Seq(3),
    }))
}

pub(crate) fn outside(origin: BarOrigin, id: u32, minute: i64, close: i64) -> Event {
    Event::Input(Input::OutsideBar(OutsideBar {
        origin,
        session_date: date(4),
        instrument: InstrumentId(id),
        tf: Timeframe::M1,
        start: Ts::from_secs(OPEN + minute * 60),
        open: price(151_700),
        high: price(152_000),
        low: price(151_000),
        close: price(close),
        volume: Qty::new(1_300),
        import: Seq(11),
    }))
}

pub(crate) fn listed(id: u32, symbol: &str) -> Event {
    Event::Input(Input::InstrumentListed(Box::new(instrument(id, symbol))))
}

pub(crate) fn import_started() -> Event {
    Event::Input(Input::ImportStarted(Box::new(ImportStarted {
        id: Hash32([0xcd; 32]),
        kind: FileKind::Bars,
        files: vec![SourceFile { name: "bars.csv".into(), hash: Hash32([1; 32]), bytes: 2_048 }],
        mapping: "time=1:iso symbol=2".into(),
        fetched: None,
    })))
}

pub(crate) fn import_finished() -> Event {
    Event::Input(Input::ImportFinished(Box::new(ImportFinished {
        id: Hash32([0xcd; 32]),
        rows: 1_234,
        accepted: 1_230,
        rejected: 4,
        duplicates: 2,
        steps_back: 1,
        volume_falls: 0,
    })))
}

/// A run of the first two minutes of both symbols that finds so many differences, by status.
pub(crate) fn recon_run(run_id: u64, differences: [u64; 4]) -> Event {
    recon_run_of(1, run_id, &[0, 1], differences)
}

/// A run over the first two minutes of one session of the date.
pub(crate) fn recon_run_of(session_run: u32, run_id: u64, ids: &[u32], differences: [u64; 4]) -> Event {
    Event::Input(Input::ReconRun(Box::new(ReconRun {
        run_id: Seq(run_id),
        session_date: date(4),
        session_run,
        tf: Timeframe::M1,
        symbols: ids.iter().copied().map(InstrumentId).collect(),
        import: Seq(11),
        from: Ts::from_secs(OPEN),
        to: Ts::from_secs(OPEN + 60),
        tolerance: "price=1tick,3bp;volume=3%,100".into(),
        compared: 4,
        matched: 2,
        differences: differences.to_vec(),
        at: None,
    })))
}

pub(crate) fn difference(run_id: u64, id: u32, close: Option<i64>) -> Event {
    let side = |close| Ohlcv {
        open: price(151_745),
        high: price(152_000),
        low: price(151_000),
        close: price(close),
        volume: Qty::new(1_200),
    };
    Event::Input(Input::ReconDifference(Box::new(ReconDifference {
        run_id: Seq(run_id),
        session_date: date(4),
        instrument: InstrumentId(id),
        tf: Timeframe::M1,
        ts: Ts::from_secs(OPEN),
        status: if close.is_some() { ReconStatus::Price } else { ReconStatus::MissingInternal },
        cause: ReconCause::Unexplained,
        internal: close.map(side),
        broker: Some(side(151_900)),
        diff_max: price(close.map_or(0, |close| 151_900 - close)),
    })))
}

/// A correction of one of the first minutes of run 1; without a close there is no bar from now on.
/// The run of the healer to which [`correction`] belongs, made an hour after the open.
pub(crate) fn heal_run() -> Event {
    Event::Input(Input::HealRun(Box::new(HealRun {
        run_id: Seq(23),
        recon: Seq(21),
        session_date: date(4),
        session_run: 1,
        policy: "take=feed_gap".into(),
        corrections: 4,
        left: 0,
        reverts: None,
        at: Some(Ts::from_secs(OPEN + 3_600)),
    })))
}

pub(crate) fn correction(id: u32, minute: i64, close: Option<i64>, revision: u16) -> Event {
    let after = close.map(|close| Ohlcv {
        open: price(151_700),
        high: price(152_100),
        low: price(151_000),
        close: price(close),
        volume: Qty::new(1_400),
    });
    Event::Input(Input::BarCorrection(Box::new(BarCorrection {
        run_id: Seq(23),
        session_date: date(4),
        session_run: 1,
        instrument: InstrumentId(id),
        tf: Timeframe::M1,
        start: Ts::from_secs(OPEN + minute * 60),
        action: HealAction::TakeBroker,
        cause: Some(ReconCause::FeedGap),
        before: None,
        after,
        revision,
        source: Some(Seq(16)),
    })))
}

/// The session: positions 1 to 10.
fn session() -> Vec<Event> {
    let quoted = Tick {
        cum_volume: Some(Qty::new(99)),
        bid: Some(price(81_000)),
        ask: Some(price(81_005)),
        ..tick(1, 70, 81_002)
    };
    vec![
        opened(4, &["INFY", "M&M"]),
        mark(0),
        Event::Input(Input::Tick(tick(0, 1, 151_745))),
        bar(0, Timeframe::M1, 0, 151_800, 0),
        bar(1, Timeframe::M1, 0, 151_810, 0),
        bar(0, Timeframe::M1, 1, 151_820, 0),
        bar(0, Timeframe::M1, 0, 151_830, 1),
        bar(0, Timeframe::M3, 0, 151_840, 0),
        Event::Input(Input::Tick(Tick { condition: 0x20, qty: None, ..quoted })),
        closed(4),
    ]
}

/// The segment of a later date, in which the instruments have other numbers: positions 11 to 23.
fn afterwards() -> Vec<Event> {
    vec![
        import_started(),
        listed(0, "M&M"),
        outside(BarOrigin::Import, 0, 1, 81_100),
        listed(1, "INFY"),
        outside(BarOrigin::Import, 1, 1, 151_850),
        outside(BarOrigin::Broker, 1, 0, 151_860),
        outside(BarOrigin::Import, 1, 1, 151_870),
        import_finished(),
        recon_run(18, [1, 0, 1, 0]),
        difference(18, 1, Some(151_830)),
        difference(18, 0, None),
        recon_run(21, [0, 0, 1, 0]),
        difference(21, 1, Some(151_880)),
    ]
}

/// Begins a segment and commits its events.
pub(crate) fn write(dir: &DataDir, day: u8, events: &[Event]) {
    let mut writer = Writer::open(dir, "test").unwrap();
    writer.begin_segment(date(day)).unwrap();
    writer.commit(events).unwrap();
    writer.close().unwrap();
}

/// The tape of both.
pub(crate) fn tape() -> (TempDir, DataDir) {
    let folder = tempfile::tempdir().unwrap();
    let dir = DataDir::new(folder.path().join("data"));
    write(&dir, 4, &session());
    write(&dir, 7, &afterwards());
    (folder, dir)
}
