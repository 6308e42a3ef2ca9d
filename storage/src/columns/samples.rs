//! A made-up session for tests and the bench: 200 instruments, 222 ticks a second, prices on a grid of 0.05, and the
//! clock marks and bars that an engine would put among them.
//!
//! Never random: one seed, the same events. Compiled for tests and, by path, into the bench; no part of the library.
#![allow(clippy::indexing_slicing, reason = "tests and benches may index")]

use barkeep_schemas::{
    Bar, ClockMark, Derived, Event, FeedId, Input, InstrumentId, NANOS, Price, Qty, Seq, Tick, Timeframe, Ts,
};

const INSTRUMENTS: usize = 200;
const OPEN: i64 = 1_795_146_300 * NANOS;
const GRID: i64 = 500;

/// How the two times of a tick relate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Receipt {
    /// Exchange time in whole milliseconds, received 20 to 300 ms later to the nanosecond; in order of receipt.
    Jitter,
    /// The same received to the microsecond.
    Micros,
    /// Received at the exchange time, to the microsecond, as an import from a file has it.
    Same,
}

/// Small numbers that look random.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, bound: i64) -> i64 {
        (self.next() % bound as u64) as i64
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        let (a, b) = (self.unit().max(1e-12), self.unit());
        (-2.0 * a.ln()).sqrt() * (core::f64::consts::TAU * b).cos()
    }
}

/// Ticks alone, in the order of their receipt.
pub fn ticks(count: usize, receipt: Receipt) -> Vec<Tick> {
    let mut dice = Dice(20_261_120);
    let mut shares: Vec<f64> = (0..INSTRUMENTS).map(|k| 1.0 / (k as f64 + 10.0)).collect();
    let whole: f64 = shares.iter().sum();
    let mut sum = 0.0;
    for share in &mut shares {
        sum += *share / whole;
        *share = sum;
    }
    let mut prices: Vec<i64> = (0..INSTRUMENTS).map(|_| (4_000 + dice.below(76_000)) * GRID).collect();
    let mut volumes = vec![0; INSTRUMENTS];
    let mut now = OPEN as f64;
    let mut moments: Vec<(i64, i64)> = (0..count)
        .map(|_| {
            now += -4.5e6 * dice.unit().max(1e-12).ln();
            times(now as i64, receipt, &mut dice)
        })
        .collect();
    moments.sort_by_key(|(_, recv)| *recv);
    // Prices and counters run in the order of receipt: a feed does not shuffle the trades of one instrument.
    let tick = |(ts, recv)| {
        let at = dice.unit();
        let k = shares.partition_point(|share| *share < at).min(INSTRUMENTS - 1);
        let step = [-2, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2][dice.below(20) as usize];
        prices[k] = (prices[k] + step * GRID).max(20 * GRID);
        let qty = (3.5 + 1.2 * dice.normal()).exp().clamp(1.0, 5_000.0) as i64;
        volumes[k] += qty;
        let bid = prices[k] - dice.below(2) * GRID;
        Tick {
            instrument: InstrumentId(k as u32),
            feed: FeedId(0),
            ts: Ts::new(ts),
            recv: Ts::new(recv),
            price: Price::new(prices[k]),
            qty: Some(Qty::new(qty)),
            cum_volume: Some(Qty::new(volumes[k])),
            bid: Some(Price::new(bid)),
            ask: Some(Price::new(bid + GRID + if dice.below(10) == 0 { GRID } else { 0 })),
            last_trade: None,
            condition: 0,
            depth: None,
        }
    };
    moments.into_iter().map(tick).collect()
}

fn times(now: i64, receipt: Receipt, dice: &mut Dice) -> (i64, i64) {
    let (millis, micros) = (now / 1_000_000 * 1_000_000, now / 1_000 * 1_000);
    match receipt {
        Receipt::Jitter => (millis, millis + 20_000_000 + dice.below(280_000_000)),
        Receipt::Micros => (millis, millis + 20_000_000 + dice.below(280_000) * 1_000),
        Receipt::Same => (micros, micros),
    }
}

/// The ticks as events.
pub fn plain(ticks: Vec<Tick>) -> Vec<Event> {
    ticks.into_iter().map(|tick| Event::Input(Input::Tick(tick))).collect()
}

/// The ticks with clock marks and with bars of all timeframes, from position 1.
pub fn mixed(ticks: Vec<Tick>) -> Vec<Event> {
    let mut events = Vec::new();
    let mut open: Vec<Vec<Bar>> = vec![Vec::new(); INSTRUMENTS];
    let mut clock = OPEN;
    for tick in ticks {
        while tick.ts.get() >= clock + NANOS {
            clock += NANOS;
            events.push(Event::Input(Input::ClockMark(ClockMark { feed: FeedId(0), ts: Ts::new(clock) })));
            let cause = Seq(events.len() as u64);
            for bars in &mut open {
                bars.sort_by_key(|bar| (bar.tf, bar.start));
                for bar in bars.extract_if(.., |bar| bar.start.get() + bar.tf.nanos() + 3 * NANOS <= clock) {
                    events.push(Event::Derived(Derived::Bar(Bar { cause, ..bar })));
                }
            }
        }
        let seq = Seq(events.len() as u64 + 1);
        for tf in Timeframe::ALL {
            trade(&mut open[tick.instrument.index()], tf, &tick, seq);
        }
        events.push(Event::Input(Input::Tick(tick)));
    }
    events
}

fn trade(bars: &mut Vec<Bar>, tf: Timeframe, tick: &Tick, seq: Seq) {
    let start = Ts::new(tick.ts.get() - (tick.ts.get() - OPEN) % tf.nanos());
    let qty = tick.qty.map_or(0, Qty::get);
    let Some(bar) = bars.iter_mut().find(|bar| bar.tf == tf && bar.start == start) else {
        let (price, volume) = (tick.price, Qty::new(qty));
        bars.push(Bar {
            instrument: tick.instrument,
            tf,
            start,
            open: price,
            high: price,
            low: price,
            close: price,
            volume,
            n_trades: 1,
            revision: 0,
            cause: seq,
            first_tick: seq,
            last_tick: seq,
        });
        return;
    };
    bar.high = bar.high.max(tick.price);
    bar.low = bar.low.min(tick.price);
    bar.close = tick.price;
    bar.volume = Qty::new(bar.volume.get() + qty);
    bar.n_trades += 1;
    bar.last_tick = seq;
}
