//! The desk in the engine. `pipeline`: the trades of the session with 50 pairs on 100 of its instruments, bars, watch, risk,
//! orders and paper matching. `decisions`: 1,000 pairs on 500 instruments at 36,000 ticks a second with books of five
//! levels, how many times faster than they come they are taken in, and how long an input takes that makes a decision.

use std::time::Instant;

use barkeep_engine::{Engine, NoProbe};
use barkeep_schemas::*;

use crate::bars::{MIDNIGHT, lay_out, opened};
use crate::{files, measure};

const RUPEE: i64 = 10_000;
/// Inputs that are laid out at a time, as a reader of the tape hands them over.
const BLOCK: usize = 4_096;

pub fn main() {
    let trades = files::trades(files::count());
    let mut told = String::new();
    let seconds = measure::median(5, || {
        let mut run = Run::new(session(200, &pairs(50, 100), TradeRule::Qty, VolumeSource::Quantity));
        let (mut marked, mut inputs) = (i64::MIN, Vec::with_capacity(2 * BLOCK));
        let mut seconds = 0.0;
        for block in trades.chunks(BLOCK) {
            block.iter().for_each(|trade| lay_out(trade, &mut marked, &mut inputs));
            seconds += run.take(&inputs);
            inputs.clear();
        }
        told = format!("{} signals, {} orders, {} fills", run.count(140), run.count(142), run.count(146));
        seconds
    });
    let note = format!("{} ticks, all timeframes, 50 pairs: {told}", trades.len());
    measure::rate("pipeline", trades.len(), "ticks", seconds, &note, "");
    busy();
}

/// A market as busy as three whole connections.
fn busy() {
    const INSTRUMENTS: u32 = 500;
    const EACH_SECOND: usize = 36_000;
    let span = measure::sized(1_200, 120) as i64;
    let opened = || session(INSTRUMENTS, &pairs(1_000, 500), TradeRule::Kite, VolumeSource::Cumulative);
    let mut run = Run::new(opened());
    let mut market = Market::new(INSTRUMENTS);
    let mut seconds = 0.0;
    for second in 0..span {
        let inputs = market.second(second, EACH_SECOND);
        seconds += run.take(&inputs);
    }
    let count = span as usize * EACH_SECOND;
    let note = format!(
        "1,000 pairs on 500 instruments, five levels, {} times as fast as 36,000 a second: {} signals, {} orders, {} fills",
        (count as f64 / seconds / EACH_SECOND as f64) as u64,
        run.count(140),
        run.count(142),
        run.count(146)
    );
    measure::rate("pipeline, 1,000 pairs", count, "ticks", seconds, &note, "");
    let mut run = Run::new(opened());
    let mut market = Market::new(INSTRUMENTS);
    let mut took = Vec::new();
    for second in 0..span {
        run.time(&market.second(second, EACH_SECOND), &mut took);
    }
    took.sort_unstable();
    let at = |permille: usize| took.get(took.len().saturating_sub(1) * permille / 1_000).copied().unwrap_or(0);
    let (p50, p99, most) = (at(500), at(990), at(1_000));
    let note = format!("{} ticks that made a signal, an order or a fill: p50 {p50} ns, most {most} ns", took.len());
    measure::time("tick to decision, p99", p99 as f64 / 1e9, &note, "");
}

struct Run {
    engine: Engine,
    seq: Seq,
    derived: Vec<Derived>,
    counts: Vec<u64>,
}

impl Run {
    fn new(opened: SessionOpened) -> Self {
        let mut run = Self { engine: Engine::new(NoProbe), seq: Seq::FIRST, derived: Vec::new(), counts: vec![0; 256] };
        run.take(&[Input::SessionOpened(Box::new(opened))]);
        assert!(run.engine.carry_desk().is_some(), "the desk opens");
        run
    }

    fn count(&self, code: usize) -> u64 {
        self.counts[code]
    }

    fn take(&mut self, inputs: &[Input]) -> f64 {
        let started = Instant::now();
        for input in inputs {
            let before = self.derived.len();
            self.engine.step(self.seq, input, &mut self.derived);
            self.seq = self.seq.plus(1 + (self.derived.len() - before) as u64);
        }
        for event in self.derived.drain(..) {
            self.counts[usize::from(event.kind().code())] += 1;
        }
        started.elapsed().as_secs_f64()
    }

    /// The nanoseconds of every tick from which a decision follows.
    fn time(&mut self, inputs: &[Input], took: &mut Vec<u64>) {
        for input in inputs {
            self.derived.clear();
            let started = Instant::now();
            self.engine.step(self.seq, input, &mut self.derived);
            let nanos = started.elapsed().as_nanos() as u64;
            self.seq = self.seq.plus(1 + self.derived.len() as u64);
            let decided = self.derived.iter().any(|event| event.kind().is_urgent());
            if decided && matches!(input, Input::Tick(_)) {
                took.push(nanos);
            }
        }
    }
}

/// A market of random walks from one seed, second by second.
struct Market {
    state: u64,
    prices: Vec<i64>,
    counters: Vec<i64>,
}

impl Market {
    fn new(instruments: u32) -> Self {
        Self {
            state: 0x9E37_79B9_7F4A_7C15,
            prices: vec![20_000; instruments as usize],
            counters: vec![0; instruments as usize],
        }
    }

    /// Source: G. Marsaglia, xorshift64.
    fn below(&mut self, below: u64) -> i64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state % below) as i64
    }

    fn second(&mut self, second: i64, ticks: usize) -> Vec<Input> {
        const TICK: i64 = 500;
        let from = files::OPEN + second * NANOS;
        let mut inputs = Vec::with_capacity(ticks + 1);
        for number in 0..ticks {
            let id = number % self.prices.len();
            if self.below(8) == 0 {
                self.prices[id] += self.below(3) - 1;
            }
            self.counters[id] += self.below(200);
            let price = self.prices[id];
            let mut side = |sign: i64| -> Vec<Level> {
                let level = |at, qty| Level { price: Price::new((price + sign * at) * TICK), qty, orders: 3 };
                (1..=5).map(|at| level(at, Qty::new(100 + self.below(900)))).collect()
            };
            let (bids, asks) = (side(-1), side(1));
            let ts = Ts::new(from + number as i64 * (NANOS / ticks as i64));
            inputs.push(Input::Tick(Tick {
                instrument: InstrumentId(id as u32),
                feed: FeedId(0),
                ts,
                recv: ts,
                price: Price::new(price * TICK),
                qty: Some(Qty::new(10)),
                cum_volume: Some(Qty::new(self.counters[id])),
                bid: Some(Price::new((price - 1) * TICK)),
                ask: Some(Price::new((price + 1) * TICK)),
                last_trade: Some(ts),
                condition: 0,
                depth: Some(Box::new(Depth { bids, asks })),
            }));
        }
        inputs.push(Input::ClockMark(ClockMark { feed: FeedId(0), ts: Ts::new(from + NANOS) }));
        inputs
    }
}

/// So many pairs on the first so many instruments.
fn pairs(count: u16, instruments: u32) -> Vec<PairSpec> {
    let real = |value| Real::new(value).expect("a finite number");
    let pair = |id: u16| {
        let a = u32::from(id) % instruments;
        let b = (a + 1 + u32::from(id) / instruments) % instruments;
        PairSpec {
            id: PairId(id),
            name: format!("S{a:03}_S{b:03}_1m"),
            leg_a: InstrumentId(a),
            leg_b: InstrumentId(b),
            tf: Timeframe::M1,
            beta: real(1.0),
            intercept: Real::ZERO,
            entry: real(1.2),
            exit: real(0.3),
            stop: real(3.0),
            lookback: 10,
            max_hold_ns: 1_800 * NANOS,
            entry_from_ns: 9 * 3_600 * NANOS,
            entry_until_ns: 1_800 * NANOS,
            flatten_before_ns: 600 * NANOS,
            stale_after_ns: 900 * NANOS,
            max_stops: 5,
            bucket: Bucket::ALL[usize::from(id) % 3],
            gross_notional: Money::new(200_000 * RUPEE),
            product: Product::Mis,
            exit_only: false,
        }
    };
    (0..count).map(pair).collect()
}

fn session(instruments: u32, pairs: &[PairSpec], trade_rule: TradeRule, volume: VolumeSource) -> SessionOpened {
    let money = |rupees: i64| Money::new(rupees * RUPEE);
    let bucket = |bucket| BucketLimits {
        bucket,
        split_bps: 3_333,
        max_gross: money(30_000_000),
        max_net: money(3_000_000),
        max_symbol: money(1_000_000),
        max_order: money(250_000),
        max_pairs: 200,
        orders_per_minute: 300,
        max_drawdown_bps: 5_000,
        max_daily_loss: money(10_000_000),
    };
    let limits = RiskLimits {
        total_cash: money(100_000_000),
        holdback_bps: 1_000,
        leverage_bps: 30_000,
        max_gross: money(90_000_000),
        max_net: money(9_000_000),
        max_symbol: money(2_000_000),
        orders_per_second: 100,
        orders_per_minute: 900,
        collar_bps: 200,
        duplicate_window_ns: NANOS,
        price_stale_ns: 60 * NANOS,
        resize_min_bps: 5_000,
        max_drawdown_bps: 5_000,
        max_daily_loss: money(30_000_000),
        on_kill: OnKill::Flatten,
        buckets: Bucket::ALL.iter().copied().map(bucket).collect(),
    };
    let rates = |side, stt_ppb, stamp_ppb| ChargeRates {
        segment: Segment::NseEquity,
        product: Product::Mis,
        side,
        brokerage_ppb: 300_000,
        brokerage_cap: money(20),
        stt_ppb,
        exchange_ppb: 30_700,
        sebi_ppb: 1_000,
        stamp_ppb,
        gst_bps: 1_800,
    };
    let setup = DeskSetup {
        whitelist_date: Some(crate::bars::date()),
        pairs: pairs.to_vec(),
        limits,
        execution: ExecutionRules {
            protection_bps: 50,
            entry_timeout_ns: 20 * NANOS,
            exit_timeout_ns: 20 * NANOS,
            symbol_throttle_ns: 0,
            bucket_throttle_ns: 0,
            max_hedge_error_bps: 500,
            approval_ttl_ns: 60 * NANOS,
        },
        gateway: GatewayRules { route: Route::Paper, per_second: 10, per_minute: 400, per_day: 5_000 },
        paper: PaperRules { latency_ns: 100_000_000, slippage_bps: 2, volume_share_bps: 1_000, circuit_bps: 2_000 },
        charges: vec![rates(Side::Buy, 0, 30_000), rates(Side::Sell, 250_000, 0)],
    };
    let carried = DeskCarried { pairs: Vec::new(), scopes: Vec::new(), kills: Vec::new() };
    let mut opened = SessionOpened { desk: Some(Box::new(DeskOpened { setup, carried })), ..opened(instruments) };
    for feed in &mut opened.feeds {
        (feed.trade_rule, feed.volume) = (trade_rule, volume);
    }
    assert!(opened.calendar.day_start.get() == MIDNIGHT);
    opened
}
