//! Samples of the inputs.

use barkeep_schemas::{
    BarCorrection, BarOrigin, CalendarKind, ClassDay, ClockMark, CloseReason, ConditionEffect, ConditionRule,
    DayCalendar, Depth, DeskOpened, EngineConfig, FeedGap, FeedHappening, FeedId, FeedReport, FeedSpec, FileKind,
    GapCause, Hash32, HealAction, HealRun, ImportFinished, ImportStarted, Input, Instrument, InstrumentChange,
    InstrumentChangeKind, InstrumentClass, InstrumentId, InstrumentsFetched, Level, NANOS, Ohlcv, OpeningState,
    OperatorAction, OperatorCommand, OutsideBar, Phase, PhaseSpan, ReconCause, ReconDifference, ReconRun, ReconStatus,
    Seq, SessionClosed, SessionDate, SessionOpened, SourceFile, Tick, Timeframe, TradeRule, VolumeSource,
};

use super::{Sample, at, desk, input, price, qty};

const DATE: SessionDate = SessionDate(20_665);

/// Every sample of an input.
pub fn all() -> Vec<Sample> {
    vec![
        input(1, "bare", Input::SessionOpened(Box::new(bare_session()))),
        input(1, "full", Input::SessionOpened(Box::new(full_session()))),
        input(2, "a desk with nothing", with_desk(desk::opened_empty())),
        input(2, "a desk", with_desk(desk::opened())),
        input(1, "complete", closed(CloseReason::Complete)),
        input(1, "abandoned", closed(CloseReason::Abandoned)),
        input(1, "mark", Input::ClockMark(ClockMark { feed: FeedId(1), ts: at(1_000) })),
        input(1, "bare", Input::Tick(bare_tick())),
        input(1, "full", Input::Tick(full_tick())),
        input(1, "gap", gap()),
        input(1, "instrument", Input::InstrumentListed(Box::new(instrument()))),
        input(1, "settings", Input::ConfigChanged(settings())),
        input(1, "two files", Input::ImportStarted(Box::new(import_started()))),
        input(2, "fetched", Input::ImportStarted(Box::new(ImportStarted { fetched: Some(at(0)), ..import_started() }))),
        input(1, "after a reconciliation", Input::HealRun(Box::new(heal_run(None, None)))),
        input(1, "taken back", Input::HealRun(Box::new(heal_run(Some(Seq(5_000)), None)))),
        input(2, "with its time", Input::HealRun(Box::new(heal_run(None, Some(at(22_500_000)))))),
        input(1, "a bar taken", Input::BarCorrection(Box::new(correction(Some(ohlcv()))))),
        input(1, "a bar gone", Input::BarCorrection(Box::new(correction(None)))),
        input(1, "counts", Input::ImportFinished(Box::new(import_finished()))),
        input(1, "broker", outside_bar()),
        input(1, "everything", command(OperatorAction::KillOn, None)),
        input(1, "one bucket", command(OperatorAction::KillOff, Some("banks"))),
        input(1, "run", Input::ReconRun(Box::new(recon_run(None)))),
        input(2, "with its time", Input::ReconRun(Box::new(recon_run(Some(at(22_450_000)))))),
        input(1, "one side", difference(ReconStatus::MissingInternal, None)),
        input(1, "both sides", difference(ReconStatus::Price, Some(ohlcv()))),
        input(1, "unknown packets", feed_report()),
        input(1, "changes", instruments_fetched()),
    ]
}

fn settings() -> EngineConfig {
    EngineConfig { grace_ns: 3 * NANOS, ahead_ns: 5 * NANOS, horizon_ns: 120 * NANOS, reset_after_ns: 60 * NANOS }
}

fn instrument() -> Instrument {
    Instrument {
        id: InstrumentId(7),
        feed: FeedId(1),
        token: 341_249,
        symbol: "HDFCBANK".to_owned(),
        class: InstrumentClass::Derivatives,
        tick_size: price(500),
        lot_size: 550,
    }
}

fn bare_session() -> SessionOpened {
    SessionOpened {
        date: DATE,
        run: 1,
        behaviour: 1,
        import: None,
        calendar: DayCalendar {
            kind: CalendarKind::Always,
            zone: "UTC".to_owned(),
            name: String::new(),
            day_start: at(0),
            day_end: at(86_400_000),
            tradable: false,
            classes: Vec::new(),
        },
        config: settings(),
        feeds: Vec::new(),
        instruments: Vec::new(),
        opening: Vec::new(),
        desk: None,
    }
}

fn full_session() -> SessionOpened {
    let span = |phase, start, end| PhaseSpan { phase, start: at(start), end: at(end) };
    let phases = vec![
        span(Phase::PreOpen, -900_000, -420_000),
        span(Phase::Continuous, 0, 22_500_000),
        span(Phase::ClosingAuction, 22_500_000, 23_100_000),
        span(Phase::PostClose, 23_100_000, 24_300_000),
    ];
    let state = |id: u32, cum_volume, last_price| OpeningState { instrument: InstrumentId(id), cum_volume, last_price };
    SessionOpened {
        date: DATE,
        run: 2,
        behaviour: 3,
        import: Some(Hash32([0xab; 32])),
        calendar: DayCalendar {
            kind: CalendarKind::Nse,
            zone: "Asia/Kolkata".to_owned(),
            name: "regular".to_owned(),
            day_start: at(-33_300_000),
            day_end: at(53_100_000),
            tradable: true,
            classes: vec![
                ClassDay { class: InstrumentClass::Cash, phases },
                ClassDay { class: InstrumentClass::Always, phases: Vec::new() },
            ],
        },
        config: settings(),
        feeds: vec![feed(0, TradeRule::All, VolumeSource::Nothing), feed(1, TradeRule::Kite, VolumeSource::Cumulative)],
        instruments: vec![instrument()],
        opening: vec![state(7, Some(qty(1_025)), Some(price(24_155_000))), state(8, None, None)],
        desk: None,
    }
}

fn with_desk(desk: DeskOpened) -> Input {
    Input::SessionOpened(Box::new(SessionOpened { desk: Some(Box::new(desk)), ..full_session() }))
}

fn feed(id: u8, trade_rule: TradeRule, volume: VolumeSource) -> FeedSpec {
    let effects = vec![ConditionEffect::NoOhlc, ConditionEffect::VolumeToPrevious];
    FeedSpec {
        id: FeedId(id),
        name: format!("zerodha_ws/{id}"),
        trade_rule,
        volume,
        conditions: vec![ConditionRule { mask: 0x8000_0001, effects }],
    }
}

fn closed(reason: CloseReason) -> Input {
    Input::SessionClosed(SessionClosed { date: SessionDate(-1), reason })
}

/// A tick with nothing but what every tick has.
pub fn bare_tick() -> Tick {
    Tick {
        instrument: InstrumentId(7),
        feed: FeedId(0),
        ts: at(3),
        recv: at(3),
        price: price(-500),
        qty: None,
        cum_volume: None,
        bid: None,
        ask: None,
        last_trade: None,
        condition: 0,
        depth: None,
    }
}

fn full_tick() -> Tick {
    let level = |raw, orders| Level { price: price(raw), qty: qty(75), orders };
    let bids = (0..5).map(|step| level(24_154_500 - step * 500, 65_535)).collect();
    Tick {
        feed: FeedId(1),
        recv: at(24),
        price: price(24_155_000),
        qty: Some(qty(25)),
        cum_volume: Some(qty(1_025)),
        bid: Some(price(24_154_500)),
        ask: Some(price(24_155_500)),
        last_trade: Some(at(-997)),
        condition: 0x8000_0001,
        depth: Some(Box::new(Depth { bids, asks: vec![level(24_155_500, 1)] })),
        ..bare_tick()
    }
}

fn gap() -> Input {
    Input::FeedGap(FeedGap { feed: FeedId(1), from: at(5_000), to: at(17_250), cause: GapCause::ApplianceDown })
}

fn import_started() -> ImportStarted {
    let file = |name: &str, byte, bytes| SourceFile { name: name.to_owned(), hash: Hash32([byte; 32]), bytes };
    ImportStarted {
        id: Hash32([0x11; 32]),
        kind: FileKind::Ticks,
        files: vec![file("ticks.csv", 0x22, 1 << 40), file("कीमत.csv", 0x33, 0)],
        mapping: "time@1:iso+price@2:1e0".to_owned(),
        fetched: None,
    }
}

fn import_finished() -> ImportFinished {
    ImportFinished {
        id: Hash32([0x11; 32]),
        rows: u64::MAX,
        accepted: 75_000,
        rejected: 3,
        duplicates: 2,
        steps_back: 1,
        volume_falls: 0,
    }
}

fn outside_bar() -> Input {
    Input::OutsideBar(OutsideBar {
        origin: BarOrigin::Broker,
        session_date: DATE,
        instrument: InstrumentId(7),
        tf: Timeframe::M60,
        start: at(0),
        open: price(24_155_000),
        high: price(24_160_000),
        low: price(24_150_000),
        close: price(24_156_000),
        volume: qty(77_025),
        import: Seq(9),
    })
}

fn feed_report() -> Input {
    let (what, detail) = (FeedHappening::UnknownPacket, "200 bytes".to_owned());
    Input::FeedReport(Box::new(FeedReport { feed: FeedId(1), ts: at(9_000), what, count: 3, detail }))
}

fn instruments_fetched() -> Input {
    let change = |symbol: &str, what, before: &str, after: &str| InstrumentChange {
        symbol: symbol.to_owned(),
        what,
        before: before.to_owned(),
        after: after.to_owned(),
    };
    let changes = vec![
        change("HDFCBANK", InstrumentChangeKind::TickSize, "0.05", "0.1"),
        change("ZOMATO", InstrumentChangeKind::Renamed, "ZOMATO", "ETERNAL"),
    ];
    let (hash, rows) = (Hash32([0x44; 32]), 114_823);
    Input::InstrumentsFetched(Box::new(InstrumentsFetched { date: DATE, ts: at(-2_700_000), hash, rows, changes }))
}

fn command(action: OperatorAction, bucket: Option<&str>) -> Input {
    Input::OperatorCommand(Box::new(OperatorCommand {
        action,
        bucket: bucket.map(str::to_owned),
        flatten: bucket.is_none(),
        reason: "results at noon".to_owned(),
        uid: 1_000,
        ts: at(9_000),
    }))
}

fn ohlcv() -> Ohlcv {
    Ohlcv {
        open: price(24_155_000),
        high: price(24_160_000),
        low: price(24_150_000),
        close: price(24_156_000),
        volume: qty(77_025),
    }
}

fn recon_run(made: Option<barkeep_schemas::Ts>) -> ReconRun {
    ReconRun {
        run_id: Seq(5_000),
        session_date: DATE,
        session_run: 1,
        tf: Timeframe::M1,
        symbols: vec![InstrumentId(7), InstrumentId(300)],
        import: Seq(9),
        from: at(0),
        to: at(22_440_000),
        tolerance: "price=1tick,3bp;volume=3%,100".to_owned(),
        compared: 750,
        matched: 746,
        differences: vec![1, 0, 2, 1],
        at: made,
    }
}

fn heal_run(reverts: Option<Seq>, at: Option<barkeep_schemas::Ts>) -> HealRun {
    HealRun {
        run_id: Seq(6_000),
        recon: Seq(5_000),
        session_date: DATE,
        session_run: 1,
        policy: "missing_internal=broker".to_owned(),
        corrections: 6,
        left: 2,
        reverts,
        at,
    }
}

fn correction(after: Option<Ohlcv>) -> BarCorrection {
    BarCorrection {
        run_id: Seq(6_000),
        session_date: DATE,
        session_run: 1,
        instrument: InstrumentId(7),
        tf: Timeframe::M1,
        start: at(60_000),
        action: if after.is_some() { HealAction::TakeBroker } else { HealAction::Revert },
        cause: after.is_some().then_some(ReconCause::FeedGap),
        before: Some(ohlcv()),
        revision: 3,
        source: after.is_some().then_some(Seq(77)),
        after,
    }
}

fn difference(status: ReconStatus, internal: Option<Ohlcv>) -> Input {
    Input::ReconDifference(Box::new(ReconDifference {
        run_id: Seq(5_000),
        session_date: DATE,
        instrument: InstrumentId(7),
        tf: Timeframe::M1,
        ts: at(60_000),
        status,
        cause: ReconCause::Unexplained,
        internal,
        broker: Some(ohlcv()),
        diff_max: price(500),
    }))
}
