//! The trades of the session into bars of every timeframe, in the engine, from memory, with a clock mark a second as an
//! import makes them; the seconds are the engine's own and those of looking at what it derives.

use std::time::Instant;

use barkeep_engine::{BEHAVIOUR, Engine, NoProbe};
use barkeep_schemas::*;

use crate::{files, measure};

const INSTRUMENTS: u32 = 200;

/// 2026-11-20 00:00 IST.
pub const MIDNIGHT: i64 = 1_795_113_000 * NANOS;
/// Inputs that are laid out at a time, as a reader of the tape hands them over.
const BLOCK: usize = 4_096;

pub fn main() {
    let trades = files::trades(files::count());
    let check = derive(&trades, &mut Amounts::default()).1;
    let mut derived = 0;
    let seconds = measure::median(7, || {
        let mut sum = Sum::default();
        let (seconds, _) = derive(&trades, &mut sum);
        derived = sum.derived;
        seconds
    });
    let note = format!("{} ticks through the engine, all seven timeframes, {derived} events derived", trades.len());
    measure::rate("bars", trades.len(), "ticks", seconds, &note, &check);
}

/// What becomes of derived events.
trait Taker {
    /// Empties the events.
    fn take(&mut self, events: &mut Vec<Derived>);

    /// What it amounts to.
    fn told(&self) -> String;
}

/// What came out, in brief: every event is looked at.
#[derive(Default)]
struct Sum {
    derived: u64,
    checksum: u64,
}

impl Taker for Sum {
    fn take(&mut self, events: &mut Vec<Derived>) {
        self.derived += events.len() as u64;
        for event in events.drain(..) {
            let word = if let Derived::Bar(bar) = &event {
                bar.close.get() as u64 ^ bar.volume.get() as u64 ^ bar.last_tick.0 << 32
            } else {
                u64::from(event.kind().code())
            };
            self.checksum = (self.checksum ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
        }
    }

    fn told(&self) -> String {
        format!("{:016x}", self.checksum)
    }
}

/// The number of bars of each timeframe and the sums of their values, as the peers have them.
#[derive(Default)]
struct Amounts([[i64; 6]; 7]);

impl Taker for Amounts {
    fn take(&mut self, events: &mut Vec<Derived>) {
        for event in events.drain(..) {
            let Derived::Bar(bar) = event else { continue };
            let values = [bar.open.get(), bar.high.get(), bar.low.get(), bar.close.get(), bar.volume.get()];
            let sums = &mut self.0[usize::from(bar.tf.index())];
            sums[0] += 1;
            sums[1..].iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
        }
    }

    fn told(&self) -> String {
        self.0.map(|sums| sums.map(|sum| sum.to_string()).join(" ")).join("; ")
    }
}

/// The session through a new engine; the seconds are the engine's own and those of looking at what it derives.
fn derive(trades: &[Tick], taker: &mut dyn Taker) -> (f64, String) {
    let mut run = Run { engine: Engine::new(NoProbe), seq: Seq::FIRST, derived: Vec::new(), taker };
    let (mut seconds, mut marked) = (0.0, i64::MIN);
    let mut inputs = Vec::with_capacity(2 * BLOCK);
    inputs.push(Input::SessionOpened(Box::new(opened(INSTRUMENTS))));
    for block in trades.chunks(BLOCK) {
        for trade in block {
            lay_out(trade, &mut marked, &mut inputs);
        }
        seconds += run.step(&inputs);
        inputs.clear();
    }
    inputs.push(Input::SessionClosed(SessionClosed { date: date(), reason: CloseReason::Complete }));
    seconds += run.step(&inputs);
    (seconds, run.taker.told())
}

/// An engine and the position that a tape would give the next input.
struct Run<'a> {
    engine: Engine,
    seq: Seq,
    derived: Vec<Derived>,
    taker: &'a mut dyn Taker,
}

impl Run<'_> {
    fn step(&mut self, inputs: &[Input]) -> f64 {
        let started = Instant::now();
        for input in inputs {
            let before = self.derived.len();
            self.engine.step(self.seq, input, &mut self.derived);
            self.seq = self.seq.plus(1 + (self.derived.len() - before) as u64);
        }
        self.taker.take(&mut self.derived);
        started.elapsed().as_secs_f64()
    }
}

/// The trade as an input, a clock mark before it when it is the first of its second.
pub fn lay_out(trade: &Tick, marked: &mut i64, inputs: &mut Vec<Input>) {
    if trade.ts.secs() > *marked {
        *marked = trade.ts.secs();
        inputs.push(Input::ClockMark(ClockMark { feed: FeedId(0), ts: Ts::from_secs(*marked) }));
    }
    inputs.push(Input::Tick(Tick { cum_volume: None, bid: None, ask: None, ..trade.clone() }));
}

pub fn date() -> SessionDate {
    SessionDate::from_ymd(2026, 11, 20).unwrap_or_default()
}

pub fn opened(instruments: u32) -> SessionOpened {
    let span = |phase, from: i64, to: i64| PhaseSpan {
        phase,
        start: Ts::new(MIDNIGHT + from * 60 * NANOS),
        end: Ts::new(MIDNIGHT + to * 60 * NANOS),
    };
    let phases =
        vec![span(Phase::PreOpen, 540, 555), span(Phase::Continuous, 555, 930), span(Phase::PostClose, 940, 960)];
    let instrument = |id| Instrument {
        id: InstrumentId(id),
        feed: FeedId(0),
        token: 0,
        symbol: format!("S{id:03}"),
        class: InstrumentClass::Cash,
        tick_size: Price::new(500),
        lot_size: 1,
    };
    SessionOpened {
        date: date(),
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
        feeds: vec![FeedSpec {
            id: FeedId(0),
            name: "bench".into(),
            trade_rule: TradeRule::Qty,
            volume: VolumeSource::Quantity,
            conditions: Vec::new(),
        }],
        instruments: (0..instruments).map(instrument).collect(),
        opening: Vec::new(),
        desk: None,
    }
}
