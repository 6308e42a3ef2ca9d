//! A day of a small market for tests of the desk: pairs of stocks whose spread comes back, with books of five levels.
//!
//! Everything is a function of the seed. Prices move in whole ticks around a fair price; every snapshot has a book, a last
//! trade on one of its sides, and a volume counter.

#![allow(dead_code, reason = "each test file uses its own part")]

use barkeep_engine::BEHAVIOUR;
use barkeep_schemas::*;

use crate::scene::{MIDNIGHT, opened, regular_phases};

/// A stream of numbers from a seed. Source: S. Vigna, splitmix64.
#[derive(Clone)]
pub struct Chance(pub u64);

impl Chance {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`.
    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n.max(1)
    }

    /// Whether something of so many in a thousand happens.
    pub fn permille(&mut self, n: u64) -> bool {
        self.below(1_000) < n
    }

    /// Uniform in [-1, 1).
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    }

    /// Near enough to normal: twelve uniforms.
    pub fn normal(&mut self) -> f64 {
        (0..3).map(|_| self.unit()).sum()
    }
}

/// What a market is made of.
#[derive(Clone, Debug)]
pub struct MarketPlan {
    pub seed: u64,
    /// Pairs; each has two instruments of its own.
    pub pairs: u16,
    /// Seconds of trading from 09:15.
    pub seconds: i64,
    /// Deviation of the spread, in natural logs.
    pub spread: f64,
    /// Half-life of the spread, in seconds.
    pub half_life: f64,
    /// Snapshots of an instrument in a thousand seconds.
    pub permille: u64,
}

impl Default for MarketPlan {
    fn default() -> Self {
        Self { seed: 1, pairs: 3, seconds: 22_500, spread: 0.004, half_life: 400.0, permille: 800 }
    }
}

pub const RUPEE: i64 = 10_000;
pub const TICK: i64 = 500;

pub fn money(rupees: i64) -> Money {
    Money::new(rupees * RUPEE)
}

pub fn real(value: f64) -> Real {
    Real::new(value).expect("finite")
}

pub fn pair(id: u16) -> PairSpec {
    PairSpec {
        id: PairId(id),
        name: format!("S{}_S{}_1m", 2 * id, 2 * id + 1),
        leg_a: InstrumentId(u32::from(id) * 2),
        leg_b: InstrumentId(u32::from(id) * 2 + 1),
        tf: Timeframe::M1,
        beta: real(1.0),
        intercept: Real::ZERO,
        entry: real(1.5),
        exit: real(0.3),
        stop: real(4.0),
        lookback: 20,
        max_hold_ns: 3_600 * NANOS,
        entry_from_ns: (9 * 60 + 20) * 60 * NANOS,
        entry_until_ns: 1_800 * NANOS,
        flatten_before_ns: 600 * NANOS,
        stale_after_ns: 900 * NANOS,
        max_stops: 1,
        bucket: Bucket::ALL[usize::from(id) % 3],
        gross_notional: money(200_000),
        product: Product::Mis,
        exit_only: false,
    }
}

pub fn limits() -> RiskLimits {
    let bucket = |bucket| BucketLimits {
        bucket,
        split_bps: 3_333,
        max_gross: money(1_500_000),
        max_net: money(300_000),
        max_symbol: money(400_000),
        max_order: money(250_000),
        max_pairs: 5,
        orders_per_minute: 60,
        max_drawdown_bps: 500,
        max_daily_loss: money(100_000),
    };
    RiskLimits {
        total_cash: money(5_000_000),
        holdback_bps: 1_000,
        leverage_bps: 30_000,
        max_gross: money(4_000_000),
        max_net: money(800_000),
        max_symbol: money(500_000),
        orders_per_second: 8,
        orders_per_minute: 120,
        collar_bps: 200,
        duplicate_window_ns: 5 * NANOS,
        price_stale_ns: 60 * NANOS,
        resize_min_bps: 5_000,
        max_drawdown_bps: 400,
        max_daily_loss: money(200_000),
        on_kill: OnKill::Flatten,
        buckets: Bucket::ALL.iter().copied().map(bucket).collect(),
    }
}

pub fn charges() -> Vec<ChargeRates> {
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
    vec![rates(Side::Buy, 0, 30_000), rates(Side::Sell, 250_000, 0)]
}

pub fn setup(pairs: u16) -> DeskSetup {
    DeskSetup {
        whitelist_date: SessionDate::from_ymd(2021, 6, 4),
        pairs: (0..pairs).map(pair).collect(),
        limits: limits(),
        execution: ExecutionRules {
            protection_bps: 50,
            entry_timeout_ns: 20 * NANOS,
            exit_timeout_ns: 20 * NANOS,
            symbol_throttle_ns: 30 * NANOS,
            bucket_throttle_ns: NANOS,
            max_hedge_error_bps: 500,
            approval_ttl_ns: 5 * NANOS,
        },
        gateway: GatewayRules { route: Route::Paper, per_second: 10, per_minute: 400, per_day: 5_000 },
        paper: PaperRules { latency_ns: 200_000_000, slippage_bps: 2, volume_share_bps: 1_000, circuit_bps: 1_000 },
        charges: charges(),
    }
}

/// Nothing carried over.
pub fn fresh() -> DeskCarried {
    DeskCarried { pairs: Vec::new(), scopes: Vec::new(), kills: Vec::new() }
}

pub fn session(setup: DeskSetup, carried: DeskCarried, instruments: u32) -> SessionOpened {
    SessionOpened {
        behaviour: BEHAVIOUR,
        desk: Some(Box::new(DeskOpened { setup, carried })),
        ..opened(TradeRule::Kite, VolumeSource::Cumulative, regular_phases(), instruments)
    }
}

struct Stock {
    own: f64,
    counter: i64,
    last: i64,
}

/// The ticks and clock marks of a day, in order of time.
pub fn day(plan: &MarketPlan) -> Vec<Input> {
    let mut chance = Chance(plan.seed);
    let mut common = vec![libm::log(1_000.0); usize::from(plan.pairs)];
    let mut spreads = vec![0.0_f64; usize::from(plan.pairs)];
    let mut stocks: Vec<Stock> = (0..plan.pairs * 2).map(|_| Stock { own: 0.0, counter: 0, last: 0 }).collect();
    let keep = libm::exp(-core::f64::consts::LN_2 / plan.half_life);
    let kick = plan.spread * libm::sqrt(1.0 - keep * keep);
    let open = MIDNIGHT + (9 * 60 + 15) * 60 * NANOS;
    let mut inputs = Vec::new();
    for second in 0..plan.seconds {
        let now = open + second * NANOS;
        for number in 0..usize::from(plan.pairs) {
            common[number] += 0.00005 * chance.normal();
            spreads[number] = spreads[number] * keep + kick * chance.normal();
        }
        for id in 0..usize::from(plan.pairs) * 2 {
            if !chance.permille(plan.permille) {
                continue;
            }
            let fair = common[id / 2] + if id % 2 == 0 { spreads[id / 2] } else { 0.0 };
            let stock = &mut stocks[id];
            stock.own = stock.own * 0.9 + 0.00003 * chance.normal();
            let middle = libm::round(libm::exp(fair + stock.own) * RUPEE as f64 / TICK as f64) as i64;
            let half = 1 + chance.below(2) as i64;
            let level = |away: i64, chance: &mut Chance| Level {
                price: Price::new((middle + away) * TICK),
                qty: Qty::new(50 + chance.below(400) as i64),
                orders: 3,
            };
            let bids: Vec<Level> = (0..5).map(|at| level(-half - at, &mut chance)).collect();
            let asks: Vec<Level> = (0..5).map(|at| level(half + at, &mut chance)).collect();
            let traded = if chance.permille(700) { 1 + chance.below(300) as i64 } else { 0 };
            stock.counter += traded;
            let side = if chance.permille(500) { half } else { -half };
            if traded > 0 || stock.last == 0 {
                stock.last = (middle + side) * TICK;
            }
            let ts = Ts::new(now + (chance.below(900) as i64) * 1_000_000);
            inputs.push(Input::Tick(Tick {
                instrument: InstrumentId(id as u32),
                feed: FeedId(0),
                ts,
                recv: Ts::new(ts.get() + 80_000_000),
                price: Price::new(stock.last),
                qty: Some(Qty::new(traded)),
                cum_volume: Some(Qty::new(stock.counter)),
                bid: bids.first().map(|level| level.price),
                ask: asks.first().map(|level| level.price),
                last_trade: Some(Ts::new(now)),
                condition: 0,
                depth: Some(Box::new(Depth { bids, asks })),
            }));
        }
        let from = inputs.len().saturating_sub(usize::from(plan.pairs) * 2);
        inputs[from..].sort_by_key(|input| match input {
            Input::Tick(tick) => tick.ts,
            Input::ClockMark(mark) => mark.ts,
            _ => Ts::new(0),
        });
        inputs.push(Input::ClockMark(ClockMark { feed: FeedId(0), ts: Ts::new(now + NANOS) }));
    }
    inputs
}
