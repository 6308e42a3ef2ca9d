//! Ticks into bars of every timeframe, in the engine, from memory: 5,000,000 trades of 200 instruments over one NSE
//! session, with a clock mark a second as an import makes them. Prints one line of JSON, the best of several runs.
#![allow(missing_docs, reason = "a bench has no surface")]

use std::time::Instant;

use barkeep_engine::{BEHAVIOUR, Engine, NoProbe};
use barkeep_schemas::*;

const TICKS: usize = 5_000_000;
const INSTRUMENTS: u32 = 200;
const RUNS: u32 = 7;

/// 2026-11-20 00:00 IST.
const MIDNIGHT: i64 = 1_795_113_000 * NANOS;
/// 09:15 to 15:30.
const OPEN: i64 = MIDNIGHT + (9 * 60 + 15) * 60 * NANOS;
const SESSION_US: u64 = 375 * 60 * 1_000_000;

/// Inputs that are laid out at a time, as a reader of the tape hands them over.
const BLOCK: usize = 4_096;

fn main() {
    let trades = trades();
    let runs = (0..RUNS).map(|_| derive(&trades));
    let Some((seconds, sum)) = runs.min_by(|one, other| one.0.total_cmp(&other.0)) else { return };
    println!(
        "{{\"bench\":\"bars_in_engine\",\"ticks\":{TICKS},\"instruments\":{INSTRUMENTS},\"derived\":{},\
         \"seconds\":{seconds:.4},\"rate\":{:.0},\"unit\":\"ticks/s\",\"checksum\":\"{:016x}\"}}",
        sum.derived,
        TICKS as f64 / seconds,
        sum.checksum
    );
}

/// What came out, in brief.
#[derive(Default)]
struct Sum {
    derived: u64,
    checksum: u64,
}

impl Sum {
    fn add(&mut self, events: &mut Vec<Derived>) {
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
}

/// The session through a new engine; the seconds are the engine's own and those of looking at what it derives.
fn derive(trades: &[Trade]) -> (f64, Sum) {
    let mut run = Run { engine: Engine::new(NoProbe), seq: Seq::FIRST, derived: Vec::new(), sum: Sum::default() };
    let (mut seconds, mut marked) = (0.0, i64::MIN);
    let mut inputs = Vec::with_capacity(2 * BLOCK);
    inputs.push(Input::SessionOpened(Box::new(opened())));
    for block in trades.chunks(BLOCK) {
        for trade in block {
            lay_out(trade, &mut marked, &mut inputs);
        }
        seconds += run.step(&inputs);
        inputs.clear();
    }
    inputs.push(Input::SessionClosed(SessionClosed { date: date(), reason: CloseReason::Complete }));
    seconds += run.step(&inputs);
    (seconds, run.sum)
}

/// An engine and the position that a tape would give the next input.
struct Run {
    engine: Engine,
    seq: Seq,
    derived: Vec<Derived>,
    sum: Sum,
}

impl Run {
    fn step(&mut self, inputs: &[Input]) -> f64 {
        let started = Instant::now();
        for input in inputs {
            let before = self.derived.len();
            self.engine.step(self.seq, input, &mut self.derived);
            self.seq = self.seq.plus(1 + (self.derived.len() - before) as u64);
        }
        self.sum.add(&mut self.derived);
        started.elapsed().as_secs_f64()
    }
}

/// A trade as columns would hold it.
struct Trade {
    /// Microseconds after the open.
    time: u64,
    instrument: u32,
    qty: i64,
    price: i64,
    volume: i64,
}

/// Trades in order of time.
fn trades() -> Vec<Trade> {
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
    let mut times: Vec<u64> = (0..TICKS).map(|_| dice.below(SESSION_US)).collect();
    times.sort_unstable();
    // The busiest instrument has twenty times the trades of the quietest.
    let weights = (0..INSTRUMENTS).map(|id| (id, 1_000_000 / (id as usize + 10)));
    let urn: Vec<u32> = weights.flat_map(|(id, weight)| std::iter::repeat_n(id, weight)).collect();
    let mut prices: Vec<i64> = (0..INSTRUMENTS).map(|_| 2_000_000 + 500 * dice.below(76_000) as i64).collect();
    let mut volumes = vec![0; INSTRUMENTS as usize];
    let trades = times.into_iter().filter_map(|time| {
        let instrument = *urn.get(dice.below(urn.len() as u64) as usize)?;
        let most = 8 << dice.below(8);
        let qty = 1 + dice.below(most) as i64;
        let (price, volume) = (prices.get_mut(instrument as usize)?, volumes.get_mut(instrument as usize)?);
        *price = (*price + dice.step() * 500).max(10_000);
        *volume += qty;
        Some(Trade { time, instrument, qty, price: *price, volume: *volume })
    });
    trades.collect()
}

/// The trade as an input, a clock mark before it when it is the first of its second.
fn lay_out(trade: &Trade, marked: &mut i64, inputs: &mut Vec<Input>) {
    let ts = Ts::new(OPEN + trade.time as i64 * 1_000);
    if ts.secs() > *marked {
        *marked = ts.secs();
        inputs.push(Input::ClockMark(ClockMark { feed: FeedId(0), ts: Ts::from_secs(*marked) }));
    }
    inputs.push(Input::Tick(Tick {
        instrument: InstrumentId(trade.instrument),
        feed: FeedId(0),
        ts,
        recv: ts,
        price: Price::new(trade.price),
        qty: Some(Qty::new(trade.qty)),
        cum_volume: Some(Qty::new(trade.volume)),
        bid: None,
        ask: None,
        last_trade: None,
        condition: 0,
        depth: None,
    }));
}

fn date() -> SessionDate {
    SessionDate::from_ymd(2026, 11, 20).unwrap_or_default()
}

fn opened() -> SessionOpened {
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
            volume: VolumeSource::Cumulative,
            conditions: Vec::new(),
        }],
        instruments: (0..INSTRUMENTS).map(instrument).collect(),
        opening: Vec::new(),
    }
}

/// xorshift64: a part of the bench, so that no library can change its numbers.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }

    /// A price's next step: half of the time none, sometimes two.
    fn step(&mut self) -> i64 {
        match self.below(20) {
            0 => -2,
            1..=4 => -1,
            5..=14 => 0,
            15..=18 => 1,
            _ => 2,
        }
    }
}
