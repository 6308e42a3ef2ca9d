//! A day of 1-minute bars, and a watch of pairs that looks at them.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use barkeep_schemas::*;

use super::super::{PairHours, Watch};
use crate::desk::types::Standing;
use crate::output::Output;

pub(super) const SECOND: i64 = NANOS;
pub(super) const MINUTE: i64 = 60 * SECOND;
/// Some midnight.
pub(super) const DAY: i64 = 19_000 * 86_400 * SECOND;
pub(super) const HOURS: PairHours = PairHours { open: at("09:15:00"), end: at("15:30:00"), day_start: DAY };
pub(super) const LOOKBACK: u32 = 20;
/// B's close is one rupee, so that the spread is A's logarithm.
pub(super) const ONE: Price = Price::new(PRICE_SCALE);
pub(super) const A: InstrumentId = InstrumentId(0);
pub(super) const B: InstrumentId = InstrumentId(1);

/// The moment of a time of day.
pub(super) const fn at(time: &str) -> i64 {
    let digits = time.as_bytes();
    DAY + (two(digits, 0) * 3_600 + two(digits, 3) * 60 + two(digits, 6)) * SECOND
}

const fn two(digits: &[u8], place: usize) -> i64 {
    ((digits[place] - b'0') * 10 + (digits[place + 1] - b'0')) as i64
}

/// A finite number.
pub(super) fn real(value: f64) -> Real {
    Real::new(value).expect("a number")
}

pub(super) fn spec() -> PairSpec {
    PairSpec {
        id: PairId(0),
        name: "A_B_1m".to_string(),
        leg_a: A,
        leg_b: B,
        tf: Timeframe::M1,
        beta: real(1.0),
        intercept: Real::ZERO,
        entry: real(2.0),
        exit: real(0.5),
        stop: real(3.0),
        lookback: LOOKBACK,
        max_hold_ns: 2 * 60 * MINUTE,
        entry_from_ns: at("09:20:00") - DAY,
        entry_until_ns: 30 * MINUTE,
        flatten_before_ns: 10 * MINUTE,
        stale_after_ns: 5 * MINUTE,
        max_stops: 1,
        bucket: Bucket::Low,
        gross_notional: Money::new(100_000 * PRICE_SCALE),
        product: Product::Mis,
        exit_only: false,
    }
}

pub(super) fn setup(pairs: &[PairSpec]) -> DeskSetup {
    let money = Money::new(PRICE_SCALE);
    DeskSetup {
        whitelist_date: None,
        pairs: pairs.to_vec(),
        limits: RiskLimits {
            total_cash: money,
            holdback_bps: 0,
            leverage_bps: 10_000,
            max_gross: money,
            max_net: money,
            max_symbol: money,
            orders_per_second: 1,
            orders_per_minute: 1,
            collar_bps: 1,
            duplicate_window_ns: 1,
            price_stale_ns: 1,
            resize_min_bps: 1,
            max_drawdown_bps: 1,
            max_daily_loss: money,
            on_kill: OnKill::Hold,
            buckets: Vec::new(),
        },
        execution: ExecutionRules {
            protection_bps: 1,
            entry_timeout_ns: 1,
            exit_timeout_ns: 1,
            symbol_throttle_ns: 1,
            bucket_throttle_ns: 1,
            max_hedge_error_bps: 1,
            approval_ttl_ns: 1,
        },
        gateway: GatewayRules { route: Route::Paper, per_second: 1, per_minute: 1, per_day: 1 },
        paper: PaperRules { latency_ns: 1, slippage_bps: 1, volume_share_bps: 1, circuit_bps: 1 },
        charges: Vec::new(),
    }
}

pub(super) fn carried(spreads: &[f64]) -> DeskCarried {
    let flat = PositionCarried { qty: 0, cost: FineMoney::ZERO };
    let spreads = spreads.iter().map(|spread| real(*spread)).collect();
    let pair = PairCarried { pair: PairId(0), spreads, a: flat.clone(), b: flat, held_since: None };
    DeskCarried { pairs: vec![pair], scopes: Vec::new(), kills: Vec::new() }
}

pub(super) fn nothing() -> DeskCarried {
    DeskCarried { pairs: Vec::new(), scopes: Vec::new(), kills: Vec::new() }
}

/// Mean and population deviation in two passes.
pub(super) fn two_pass(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    // The sum of what is left corrects the mean's rounding.
    let mean = mean + values.iter().map(|value| value - mean).sum::<f64>() / count;
    let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
    (mean, libm::sqrt(squares / count))
}

pub(super) struct Stage {
    pub(super) watch: Watch,
    pub(super) standings: Vec<Standing>,
    pub(super) seq: u64,
    pub(super) now: i64,
    /// Start of the next bucket.
    pub(super) next: i64,
    pub(super) marks: Vec<(Seq, PairMark)>,
    pub(super) signals: Vec<(Seq, Signal)>,
    /// The window as it should be.
    pub(super) spreads: Vec<f64>,
}

impl Stage {
    /// A day in which the window is full by 09:36 with values about `ln 1,000,000`.
    pub(super) fn warm(spec: &PairSpec) -> Self {
        let mut stage = Self::cold(spec, &nothing());
        for minute in 0..LOOKBACK as i64 {
            stage.both(Price::new(10_000_000_000 + (minute % 5 - 2) * 10_000_000), ONE);
        }
        assert_eq!(stage.signals, [], "a window that fills makes no signal");
        stage.marks.clear();
        stage
    }

    pub(super) fn cold(spec: &PairSpec, carried: &DeskCarried) -> Self {
        Self {
            watch: Watch::new(&setup(core::slice::from_ref(spec)), carried, &[HOURS]),
            standings: vec![Standing { state: PairState::Flat, held_since: None }],
            seq: 0,
            now: HOURS.open,
            next: HOURS.open,
            marks: Vec::new(),
            signals: Vec::new(),
            spreads: Vec::new(),
        }
    }

    pub(super) fn stand(&mut self, state: PairState) {
        let held_since = if state == PairState::Flat { None } else { Some(self.now) };
        self.standings[0] = Standing { state, held_since };
    }

    /// One input, which makes the bars given.
    pub(super) fn step(&mut self, bars: &[(InstrumentId, i64, Price, u16)]) {
        self.derive(|watch, seq, standings, now, out, signals| {
            let bars: Vec<Bar> =
                bars.iter().map(|(leg, start, close, revision)| bar(*leg, *start, *close, *revision, seq)).collect();
            let places: Vec<Seq> = (1..=bars.len() as u64).map(|place| seq.plus(place)).collect();
            bars.iter().for_each(|bar| out.push(Derived::Bar(bar.clone())));
            for (bar, place) in bars.iter().zip(places) {
                watch.bar(bar, place, standings, now, out, signals);
            }
        });
    }

    pub(super) fn clock(&mut self) {
        self.derive(|watch, _, standings, now, out, signals| watch.clock(now, standings, out, signals));
    }

    pub(super) fn derive(
        &mut self,
        step: impl FnOnce(&mut Watch, Seq, &[Standing], i64, &mut Output<'_>, &mut Vec<(Seq, Signal)>),
    ) {
        self.seq += 1_000;
        let (mut events, mut told) = (Vec::new(), Vec::new());
        let cause = Seq(self.seq);
        step(&mut self.watch, cause, &self.standings, self.now, &mut Output::new(cause, &mut events), &mut told);
        let mut on_tape = Vec::new();
        for (place, event) in events.into_iter().enumerate() {
            let seq = cause.plus(1 + place as u64);
            match event {
                Derived::PairMark(mark) => self.marks.push((seq, *mark)),
                Derived::Signal(signal) => on_tape.push((seq, *signal)),
                Derived::Bar(_) => {}
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(told, on_tape, "what is handed on is what lies on the tape");
        self.signals.extend(told);
    }

    /// The next bucket, with first editions of both legs three seconds after its end.
    pub(super) fn both(&mut self, a: Price, b: Price) {
        let start = self.begin();
        self.step(&[(A, start, a, 0)]);
        self.step(&[(B, start, b, 0)]);
        self.spreads.push(libm::log(a.get() as f64 / 1e4) - libm::log(b.get() as f64 / 1e4));
    }

    /// Goes to the moment at which the next bucket closes.
    pub(super) fn begin(&mut self) -> i64 {
        let start = self.next;
        self.next += MINUTE;
        self.now = self.next + 3 * SECOND;
        start
    }

    /// A's close in the next bucket that makes the wanted z, as near as prices have it.
    pub(super) fn close_for(&self, z: f64) -> Price {
        let kept = &self.spreads[self.spreads.len() + 1 - LOOKBACK as usize..];
        let z_of = |close: i64| {
            let spread = libm::log(close as f64 / 1e4);
            let window: Vec<f64> = kept.iter().copied().chain([spread]).collect();
            let (mean, deviation) = two_pass(&window);
            (spread - mean) / deviation
        };
        let (mut low, mut high) = (9_000_000_000_i64, 11_000_000_000_i64);
        while high - low > 1 {
            let middle = i64::midpoint(low, high);
            if z_of(middle) < z { low = middle } else { high = middle }
        }
        Price::new(high)
    }

    /// The next bucket with the wanted z.
    pub(super) fn mark(&mut self, z: f64) -> Real {
        let before = self.marks.len();
        self.both(self.close_for(z), ONE);
        assert_eq!(self.marks.len(), before + 1, "one mark");
        let (_, mark) = self.marks.last().expect("a mark");
        let told = mark.z.expect("a z").get();
        assert!((told - z).abs() < 1e-5, "z is {told} and should be {z}");
        real(told)
    }

    /// Signals so far, as `action reason` and the time of day.
    pub(super) fn said(&self) -> Vec<String> {
        self.signals.iter().map(|(_, signal)| format!("{} {}", signal.action, signal.reason)).collect()
    }

    /// The same watch after a restart.
    pub(super) fn restart(&mut self) {
        let mut bytes = Vec::new();
        self.watch.put(&mut bytes);
        let mut rest = bytes.as_slice();
        let restored = Watch::take(&mut rest).expect("a watch");
        assert!(rest.is_empty());
        assert_eq!(restored, self.watch);
        self.watch = restored;
    }
}

pub(super) fn bar(instrument: InstrumentId, start: i64, close: Price, revision: u16, cause: Seq) -> Bar {
    Bar {
        instrument,
        tf: Timeframe::M1,
        start: Ts::new(start),
        open: close,
        high: close,
        low: close,
        close,
        volume: Qty::new(1),
        n_trades: 1,
        revision,
        cause,
        first_tick: cause,
        last_tick: cause,
    }
}
