//! A small stage for engine tests: one regular NSE day, short ways to say ticks and to read what came of them.

#![allow(dead_code, reason = "each test file uses its own part")]

use barkeep_engine::{BEHAVIOUR, Engine, NoProbe};
use barkeep_schemas::*;

/// 2021-06-04 00:00 IST.
pub const MIDNIGHT: i64 = 1_622_745_000 * NANOS;

/// `09:15:00` or `09:15:00.250` of the test day.
pub fn at(clock: &str) -> Ts {
    let mut parts = clock.split(':');
    let mut next = || parts.next().expect("three parts");
    let (h, m, s): (i64, i64, f64) =
        (next().parse().expect("hours"), next().parse().expect("minutes"), next().parse().expect("seconds"));
    Ts::new(MIDNIGHT + (h * 3600 + m * 60) * NANOS + (s * 1e3).round() as i64 * 1_000_000)
}

pub fn clock(ts: Ts) -> String {
    let ms = (ts.get() - MIDNIGHT) / 1_000_000;
    let (s, ms) = (ms / 1_000, ms % 1_000);
    let tail = if ms == 0 { String::new() } else { format!(".{ms:03}") };
    format!("{:02}:{:02}:{:02}{tail}", s / 3600, s / 60 % 60, s % 60)
}

fn span(phase: Phase, start: &str, end: &str) -> PhaseSpan {
    PhaseSpan { phase, start: at(start), end: at(end) }
}

pub fn regular_phases() -> Vec<PhaseSpan> {
    vec![
        span(Phase::PreOpen, "09:00:00", "09:15:00"),
        span(Phase::Continuous, "09:15:00", "15:30:00"),
        span(Phase::PostClose, "15:40:00", "16:00:00"),
    ]
}

pub fn split_phases() -> Vec<PhaseSpan> {
    vec![span(Phase::Continuous, "09:15:00", "10:00:00"), span(Phase::Continuous, "11:30:00", "12:30:00")]
}

pub fn opened(trade_rule: TradeRule, volume: VolumeSource, phases: Vec<PhaseSpan>, instruments: u32) -> SessionOpened {
    SessionOpened {
        date: SessionDate::from_ymd(2021, 6, 4).expect("a date"),
        run: 1,
        behaviour: BEHAVIOUR,
        import: None,
        calendar: DayCalendar {
            kind: CalendarKind::Nse,
            zone: "Asia/Kolkata".into(),
            name: "regular".into(),
            day_start: Ts::new(MIDNIGHT),
            day_end: Ts::new(MIDNIGHT + 86_400 * NANOS),
            tradable: true,
            classes: vec![ClassDay { class: InstrumentClass::Cash, phases }],
        },
        config: EngineConfig {
            grace_ns: 3 * NANOS,
            ahead_ns: 5 * NANOS,
            horizon_ns: 120 * NANOS,
            reset_after_ns: 60 * NANOS,
        },
        feeds: vec![FeedSpec { id: FeedId(0), name: "test".into(), trade_rule, volume, conditions: Vec::new() }],
        instruments: (0..instruments)
            .map(|id| Instrument {
                id: InstrumentId(id),
                feed: FeedId(0),
                token: 0,
                symbol: format!("S{id}"),
                class: InstrumentClass::Cash,
                tick_size: Price::new(500),
                lot_size: 1,
            })
            .collect(),
        opening: Vec::new(),
        desk: None,
    }
}

pub fn tick(clock: &str, price: f64) -> Tick {
    let ts = at(clock);
    Tick {
        instrument: InstrumentId(0),
        feed: FeedId(0),
        ts,
        recv: ts,
        price: Price::new((price * 1e4).round() as i64),
        qty: None,
        cum_volume: None,
        bid: None,
        ask: None,
        last_trade: None,
        condition: 0,
        depth: None,
    }
}

pub fn cum(clock: &str, price: f64, volume: i64) -> Input {
    Input::Tick(Tick { cum_volume: Some(Qty::new(volume)), ..tick(clock, price) })
}

pub fn trade(clock: &str, price: f64, qty: i64) -> Input {
    Input::Tick(Tick { qty: Some(Qty::new(qty)), ..tick(clock, price) })
}

pub fn mark(clock: &str) -> Input {
    Input::ClockMark(ClockMark { feed: FeedId(0), ts: at(clock) })
}

pub fn gap(from: &str, to: &str) -> Input {
    Input::FeedGap(FeedGap { feed: FeedId(0), from: at(from), to: at(to), cause: GapCause::Disconnect })
}

pub fn close() -> Input {
    let date = SessionDate::from_ymd(2021, 6, 4).expect("a date");
    Input::SessionClosed(SessionClosed { date, reason: CloseReason::Complete })
}

/// Runs inputs through a new engine the way the appliance does: derived events take the positions after their input.
pub fn run(inputs: &[Input]) -> Vec<(Seq, Event)> {
    let mut engine = Engine::new(NoProbe);
    let mut tape = Vec::new();
    for input in inputs {
        step(&mut engine, input, &mut tape);
    }
    tape
}

pub fn step(engine: &mut Engine, input: &Input, tape: &mut Vec<(Seq, Event)>) {
    let mut derived = Vec::new();
    let seq = Seq(tape.len() as u64 + 1);
    engine.step(seq, input, &mut derived);
    tape.push((seq, Event::Input(input.clone())));
    for event in derived {
        tape.push((Seq(tape.len() as u64 + 1), Event::Derived(event)));
    }
}

/// Every derived event in one line of text.
pub fn told(tape: &[(Seq, Event)]) -> String {
    let mut lines = Vec::new();
    for (_, event) in tape {
        let Event::Derived(derived) = event else { continue };
        lines.push(match derived {
            Derived::Bar(bar) => format!(
                "{:>3} {} o={} h={} l={} c={} v={} n={} r{}",
                bar.tf.label(),
                clock(bar.start),
                bar.open,
                bar.high,
                bar.low,
                bar.close,
                bar.volume,
                bar.n_trades,
                bar.revision
            ),
            Derived::UnallocatedVolume(lost) => format!(
                "unallocated {} {}..{} {} {}",
                lost.volume,
                clock(lost.from),
                clock(lost.to),
                lost.reason,
                lost.timeframes.iter().map(Timeframe::label).collect::<Vec<_>>().join(",")
            ),
            Derived::AuctionPrint(print) => {
                format!("auction {} {} {} at {}", clock(print.ts), print.phase, print.volume, print.price)
            }
            Derived::VolumeReset(reset) => format!("reset {} to {}", reset.before, reset.after),
            Derived::TickSetAside(aside) => format!("set aside {} {}", clock(aside.ts), aside.reason),
            Derived::InputRefused(refused) => format!("refused {} {}", refused.cause, refused.reason),
            other => format!("{} {other:?}", other.kind().name()),
        });
    }
    lines.join("\n")
}

/// Bars of one timeframe only, as [`told`] tells them.
pub fn told_of(tape: &[(Seq, Event)], words: &[&str]) -> String {
    told(tape)
        .lines()
        .filter(|line| words.iter().any(|word| line.trim_start().starts_with(word)))
        .collect::<Vec<_>>()
        .join("\n")
}
