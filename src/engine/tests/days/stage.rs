//! The stage of a script: setup and opening of each day, its market data through its faults, and what operators and files
//! bring on the way.

use barkeep_schemas::*;

use crate::market::{self, Chance, MarketPlan};
use crate::scene::at;
use crate::script::{Happening, Plan, Script};

/// Nanoseconds from one day to the next.
pub const DAY: i64 = 86_400 * NANOS;

/// The setup of a plan.
fn setup(plan: &Plan) -> DeskSetup {
    let mut setup = market::setup(plan.pairs + 2 * u16::from(plan.shared));
    for pair in &mut setup.pairs {
        pair.lookback = 6;
        (pair.entry, pair.exit, pair.stop) = (market::real(1.0), market::real(0.3), market::real(2.2));
        pair.max_hold_ns = 600 * NANOS;
        pair.entry_from_ns = (9 * 60 + 16) * 60 * NANOS;
        pair.entry_until_ns = 60 * NANOS;
        pair.flatten_before_ns = 120 * NANOS;
        pair.stale_after_ns = 180 * NANOS;
        pair.max_stops = 20;
    }
    if plan.shared {
        for (place, legs, bucket) in [(0, (0, 3), Bucket::High), (1, (2, 1), Bucket::Low)] {
            let pair = &mut setup.pairs[usize::from(plan.pairs) + place];
            (pair.leg_a, pair.leg_b, pair.bucket) = (InstrumentId(legs.0), InstrumentId(legs.1), bucket);
        }
    }
    setup.limits = limits(plan.limits);
    setup.execution.protection_bps = plan.protection;
    if plan.shared {
        setup.execution.symbol_throttle_ns = 0;
        setup.execution.bucket_throttle_ns = 0;
    }
    if plan.slow {
        (setup.gateway.per_second, setup.gateway.per_minute, setup.gateway.per_day) = (1, 10, 50);
    }
    setup.paper.latency_ns = plan.latency * 1_000_000;
    if plan.gateway {
        setup.gateway.route = Route::Gateway;
    }
    setup
}

/// All limits of money in percent.
fn limits(percent: i64) -> RiskLimits {
    let mut limits = market::limits();
    let scale = |money: &mut Money| *money = Money::new(money.get() * percent / 100);
    for money in [&mut limits.max_gross, &mut limits.max_net, &mut limits.max_symbol, &mut limits.max_daily_loss] {
        scale(money);
    }
    for bucket in &mut limits.buckets {
        for money in [&mut bucket.max_gross, &mut bucket.max_net, &mut bucket.max_symbol, &mut bucket.max_daily_loss] {
            scale(money);
        }
    }
    limits
}

/// The opening of a session of a plan.
pub fn opened(plan: &Plan, session: u8, carried: DeskCarried, opening: Vec<OpeningState>) -> SessionOpened {
    let mut setup = setup(plan);
    let shift = i64::from(session) * DAY;
    let mut opened = market::session(setup.clone(), carried, u32::from(plan.pairs) * 2);
    opened.date = opened.date.plus_days(i32::from(session));
    setup.whitelist_date = Some(opened.date);
    if let Some(desk) = &mut opened.desk {
        desk.setup = setup;
    }
    opened.opening = opening;
    let moved = |ts: Ts| Ts::new(ts.get() + shift);
    opened.calendar.day_start = moved(opened.calendar.day_start);
    opened.calendar.day_end = moved(opened.calendar.day_end);
    let open = moved(at("09:15:00"));
    opened.calendar.classes[0].phases =
        vec![PhaseSpan { phase: Phase::Continuous, start: open, end: Ts::new(open.get() + plan.ends * NANOS) }];
    opened
}

/// Market data of a session, after the market's and the feed's faults; each with its second.
pub fn market_data(script: &Script, session: u8) -> Vec<(i64, Input)> {
    let plan = &script.plan;
    let market = MarketPlan {
        seed: plan.seed.wrapping_add(u64::from(session) << 32),
        pairs: plan.pairs,
        seconds: plan.seconds,
        spread: f64::from(plan.spread_bps) / 1e4,
        half_life: f64::from(plan.half_life),
        permille: plan.permille,
    };
    let faults: Vec<&Happening> = script.happenings.iter().filter(|of| of.session() == session).collect();
    let mut data: Vec<(u64, i64, Input)> = Vec::new();
    let mut chance = Chance(plan.seed ^ 0x5eed ^ u64::from(session));
    let open = at("09:15:00").get();
    for (place, input) in market::day(&market).into_iter().enumerate() {
        let dice = [chance.below(1_000), chance.below(1_000), chance.below(1_000), 2 + chance.below(60)];
        match input {
            Input::Tick(mut tick) => {
                let second = (tick.ts.get() - open).div_euclid(NANOS);
                let order = |late: u64| place as u64 * 2 + late * 2;
                if let Some(depth) = &mut tick.depth {
                    for level in depth.bids.iter_mut().chain(&mut depth.asks) {
                        level.qty = Qty::new((level.qty.get() * plan.depth / 100).max(1));
                    }
                }
                let (mut gone, mut twice, mut late) = (false, false, 0);
                for fault in &faults {
                    touch(fault, second, &dice, &mut tick, (&mut gone, &mut twice, &mut late));
                }
                if gone {
                    continue;
                }
                tick.ts = Ts::new(tick.ts.get() + i64::from(session) * DAY);
                tick.recv = Ts::new(tick.recv.get() + i64::from(session) * DAY);
                tick.last_trade = tick.last_trade.map(|ts| Ts::new(ts.get() + i64::from(session) * DAY));
                if twice {
                    data.push((order(late) + 1, second, Input::Tick(tick.clone())));
                }
                data.push((order(late), second, Input::Tick(tick)));
            }
            Input::ClockMark(mark) => {
                let second = (mark.ts.get() - open).div_euclid(NANOS);
                let stalled = |fault: &&Happening| {
                    matches!(fault, Happening::Stall { from, until, .. } | Happening::Gap { from, until, .. }
                        if (*from..*until).contains(&second))
                };
                if !faults.iter().any(stalled) {
                    let mark = ClockMark { ts: Ts::new(mark.ts.get() + i64::from(session) * DAY), ..mark };
                    data.push((place as u64 * 2, second, Input::ClockMark(mark)));
                }
            }
            _ => {}
        }
    }
    data.sort_by_key(|(order, _, _)| *order);
    data.into_iter().map(|(_, second, input)| (second, input)).collect()
}

/// What a fault does to a tick of a second: it is gone, comes twice, comes late, or shows something else.
fn touch(
    fault: &Happening,
    second: i64,
    dice: &[u64; 4],
    tick: &mut Tick,
    (gone, twice, late): (&mut bool, &mut bool, &mut u64),
) {
    let of = |instrument: u32, from: i64, until: i64| {
        tick.instrument == InstrumentId(instrument) && (from..until).contains(&second)
    };
    match *fault {
        Happening::Halt { instrument, from, until, .. } => *gone |= of(instrument, from, until),
        Happening::Thin { instrument, from, until, .. } if of(instrument, from, until) => {
            if let Some(depth) = &mut tick.depth {
                depth.bids.iter_mut().chain(&mut depth.asks).for_each(|level| level.qty = Qty::new(1));
            }
        }
        Happening::NoDepth { instrument, from, until, .. } if of(instrument, from, until) => tick.depth = None,
        Happening::Circuit { instrument, from, until, side, .. } if of(instrument, from, until) => {
            if let Some(depth) = &mut tick.depth {
                match side {
                    Side::Buy => depth.bids.clear(),
                    Side::Sell => depth.asks.clear(),
                }
            }
        }
        Happening::Drop { from, until, permille, .. } => *gone |= (from..until).contains(&second) && dice[0] < permille,
        Happening::Twice { from, until, permille, .. } => {
            *twice |= (from..until).contains(&second) && dice[1] < permille;
        }
        Happening::Late { from, until, permille, .. } if (from..until).contains(&second) && dice[2] < permille => {
            *late = dice[3];
        }
        Happening::Gap { from, until, .. } => *gone |= (from..until).contains(&second),
        _ => {}
    }
}

/// The inputs that operators and files make at a second.
pub fn commands(happening: &Happening, second: i64, setup: &mut DeskSetup, date: SessionDate, ts: Ts) -> Vec<Input> {
    let command = |action, bucket: Option<Bucket>, flatten| {
        let bucket = bucket.map(|bucket| bucket.to_string());
        let command = OperatorCommand { action, bucket, flatten, reason: "script".into(), uid: 1, ts };
        vec![Input::OperatorCommand(Box::new(command))]
    };
    let changed = |setup: &DeskSetup| vec![Input::DeskChanged(Box::new(setup.clone()))];
    match *happening {
        Happening::Gap { from, until, .. } if until == second => {
            let back = |from: i64| Ts::new(ts.get() - (until - from) * NANOS);
            vec![Input::FeedGap(FeedGap { feed: FeedId(0), from: back(from), to: ts, cause: GapCause::Disconnect })]
        }
        Happening::KillOn { at, bucket, flatten, .. } if at == second => {
            command(OperatorAction::KillOn, bucket, flatten)
        }
        Happening::KillOff { at, bucket, .. } if at == second => command(OperatorAction::KillOff, bucket, false),
        Happening::Limits { at, percent, .. } if at == second => {
            setup.limits = limits(percent);
            changed(setup)
        }
        Happening::ExitOnly { at, pair, only, .. } if at == second => {
            setup.pairs[usize::from(pair)].exit_only = only;
            changed(setup)
        }
        Happening::Whitelist { at, today, .. } if at == second => {
            setup.whitelist_date = Some(date.plus_days(i32::from(today) - 1));
            changed(setup)
        }
        Happening::Bucket { at, pair, bucket, .. } if at == second => {
            setup.pairs[usize::from(pair)].bucket = bucket;
            changed(setup)
        }
        Happening::Nonsense { at, .. } if at == second => {
            let mut nonsense = setup.clone();
            nonsense.limits = limits(1);
            nonsense.limits.buckets.pop();
            changed(&nonsense)
        }
        _ => Vec::new(),
    }
}
