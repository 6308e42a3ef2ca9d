//! Runs a script: its market through its faults into an engine that is killed on the way, with the world outside on days
//! with a gateway; then audits every event, and settles the day's books with the broker's.

use std::collections::{BTreeMap, BTreeSet};

use barkeep_engine::{DeskCarry, Engine, NoProbe};
use barkeep_schemas::*;

use crate::audit::Audit;
use crate::broker::{Moment, Outside, Tape};
use crate::market::{self, Chance, MarketPlan};
use crate::scene::{MIDNIGHT, at};
use crate::script::{Happening, Plan, Script};

const DAY: i64 = 86_400 * NANOS;

/// Inputs between two snapshots.
const SNAPSHOT_EVERY: usize = 500;

/// What happened, in numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Figures {
    pub days: u64,
    pub ticks: u64,
    pub events: u64,
    pub orders: u64,
    pub fills: u64,
    pub late: u64,
    pub unknown: u64,
    pub lost: u64,
    pub foreign: u64,
    pub entries: u64,
    pub unwinds: u64,
    pub restarts: u64,
    pub crashes: u64,
    pub cuts: u64,
    /// Of all bytes of all events, so that the same script can be seen to do the same.
    pub digest: u64,
}

impl Figures {
    pub fn add(&mut self, other: &Self) {
        self.days += other.days;
        self.ticks += other.ticks;
        self.events += other.events;
        self.orders += other.orders;
        self.fills += other.fills;
        self.late += other.late;
        self.unknown += other.unknown;
        self.lost += other.lost;
        self.foreign += other.foreign;
        self.entries += other.entries;
        self.unwinds += other.unwinds;
        self.restarts += other.restarts;
        self.crashes += other.crashes;
        self.cuts += other.cuts;
        self.digest = self.digest.rotate_left(7) ^ other.digest;
    }
}

/// The setup of a plan.
fn setup(plan: &Plan) -> DeskSetup {
    let mut setup = market::setup(plan.pairs + u16::from(plan.shared));
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
        let pair = &mut setup.pairs[usize::from(plan.pairs)];
        (pair.leg_a, pair.leg_b, pair.bucket) = (InstrumentId(0), InstrumentId(3), Bucket::High);
    }
    setup.limits = limits(plan.limits);
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

fn opened(plan: &Plan, session: u8, carried: DeskCarried, opening: Vec<OpeningState>) -> SessionOpened {
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

/// An engine with its tape.
struct World {
    engine: Engine,
    tape: Vec<(Seq, Event)>,
    /// Events up to here outlive a power cut.
    durable: usize,
    /// An older state, and where on the tape it is of.
    saved: (Vec<u8>, usize),
}

impl Tape for World {
    /// A gateway's input is durable before anything else is done.
    fn append(&mut self, input: Input) -> Vec<Derived> {
        let derived = self.feed(input);
        self.durable = self.tape.len();
        derived
    }

    fn durable(&self) -> &[(Seq, Event)] {
        &self.tape[..self.durable]
    }
}

impl World {
    fn feed(&mut self, input: Input) -> Vec<Derived> {
        let mut derived = Vec::new();
        let seq = Seq(self.tape.len() as u64 + 1);
        self.engine.step(seq, &input, &mut derived);
        self.tape.push((seq, Event::Input(input)));
        for event in &derived {
            self.tape.push((Seq(self.tape.len() as u64 + 1), Event::Derived(event.clone())));
        }
        derived
    }

    fn restore(bytes: &[u8]) -> Engine {
        let engine = Engine::restore(bytes, NoProbe).expect("its own state");
        assert!(engine.save() == bytes, "saved, read and saved again it is another");
        engine
    }

    fn restart(&mut self) {
        self.engine = Self::restore(&self.engine.save());
    }

    /// The engine is made of the snapshot and the tape behind it; what it derives lies on the tape already.
    fn crash(&mut self) {
        let mut engine = Self::restore(&self.saved.0);
        let mut at = self.saved.1;
        let mut derived = Vec::new();
        while let Some((seq, Event::Input(input))) = self.tape.get(at) {
            derived.clear();
            engine.step(*seq, input, &mut derived);
            at += 1;
            for event in &derived {
                let there = self.tape.get(at).map(|(_, event)| event);
                assert!(there == Some(&Event::Derived(event.clone())), "derived anew, {seq} makes {event:?}");
                at += 1;
            }
        }
        assert_eq!(at, self.tape.len(), "derived anew, something is missing");
        assert!(engine.save() == self.engine.save(), "derived anew, the state is another");
        self.engine = engine;
    }

    /// What was not durable is gone.
    fn cut(&mut self) {
        self.tape.truncate(self.durable);
        let mut engine = Self::restore(&self.saved.0);
        let mut derived = Vec::new();
        for (seq, event) in &self.tape[self.saved.1..] {
            if let Event::Input(input) = event {
                derived.clear();
                engine.step(*seq, input, &mut derived);
            }
        }
        self.engine = engine;
    }

    /// Everything is durable.
    fn commit(&mut self) {
        self.durable = self.tape.len();
        if self.tape.len() - self.saved.1 > SNAPSHOT_EVERY {
            self.saved = (self.engine.save(), self.tape.len());
        }
    }
}

/// Market data of a session, after the market's and the feed's faults; each with its second.
fn market_data(script: &Script, session: u8) -> Vec<(i64, Input)> {
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
fn commands(happening: &Happening, second: i64, setup: &mut DeskSetup, date: SessionDate, ts: Ts) -> Vec<Input> {
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
        Happening::Nonsense { at, .. } if at == second => {
            let mut nonsense = setup.clone();
            nonsense.limits = limits(1);
            nonsense.limits.buckets.pop();
            changed(&nonsense)
        }
        _ => Vec::new(),
    }
}

/// Runs a script to its end. Panics at the first invariant that does not hold.
pub fn run(script: &Script) -> Figures {
    let mut figures = Figures::default();
    let mut carry = DeskCarry::default();
    let mut opening = Vec::new();
    for session in 0..script.plan.sessions {
        let world = day(script, session, &carry, std::mem::take(&mut opening), &mut figures);
        carry = world.engine.carry_desk().expect("a desk");
        opening = world.engine.carry();
    }
    figures
}

fn day(script: &Script, session: u8, carry: &DeskCarry, opening: Vec<OpeningState>, figures: &mut Figures) -> World {
    let plan = &script.plan;
    let carried = DeskCarried {
        pairs: carry.pairs.iter().map(|pair| pair.carried.clone()).collect(),
        scopes: carry.scopes.clone(),
        kills: carry.kills.clone(),
    };
    let of_session = script.happenings.iter().filter(|of| of.session() == session);
    let happenings: Vec<Happening> = of_session.copied().collect();
    let mut quirks: BTreeMap<usize, Vec<_>> = BTreeMap::new();
    for happening in &happenings {
        if let Happening::Order { nth, quirk, .. } = happening {
            quirks.entry(*nth).or_default().push(*quirk);
        }
    }
    let mut outside = Outside::new(session, quirks);
    let engine = Engine::new(NoProbe);
    let saved = (engine.save(), 0);
    let mut world = World { engine, tape: Vec::new(), durable: 0, saved };
    let opened = opened(plan, session, carried, opening);
    let (date, mut setup) = (opened.date, opened.desk.as_ref().expect("a desk").setup.clone());
    world.feed(Input::SessionOpened(Box::new(opened)));
    world.commit();
    let open = MIDNIGHT + (9 * 60 + 15) * 60 * NANOS + i64::from(session) * DAY;
    let moment = |second: i64| Moment { second, ts: Ts::new(open + second * NANOS) };
    let (mut second, mut was_up) = (0, true);
    for (place, (of, input)) in market_data(script, session).into_iter().enumerate() {
        while second < of {
            second += 1;
            for happening in &happenings {
                for input in commands(happening, second, &mut setup, date, moment(second).ts) {
                    world.append(input);
                }
                if let Happening::Foreign { at, tag, .. } = happening
                    && *at == second
                {
                    outside.foreign(*tag, moment(second), &mut world);
                }
            }
            if plan.gateway {
                let down = |of: &Happening| matches!(of, Happening::Down { from, until, .. } if (*from..*until).contains(&second));
                let up = !happenings.iter().any(down);
                if up && !was_up {
                    outside.start(moment(second), &mut world);
                }
                outside.second(moment(second), up, &mut world);
                was_up = up;
            }
        }
        let kills = happenings.iter().filter(
            |of| matches!(of, Happening::Restart { input, .. } | Happening::Crash { input, .. } | Happening::PowerCut { input, .. } if *input == place),
        );
        for kill in kills {
            match kill {
                Happening::Restart { .. } => {
                    world.restart();
                    figures.restarts += 1;
                }
                Happening::Crash { .. } => {
                    world.crash();
                    figures.crashes += 1;
                }
                _ => {
                    world.cut();
                    figures.cuts += 1;
                    let (from, to) = (moment(second - 2).ts, moment(second).ts);
                    world.append(Input::FeedGap(FeedGap { feed: FeedId(0), from, to, cause: GapCause::ApplianceDown }));
                    if plan.gateway {
                        outside.start(moment(second), &mut world);
                    }
                }
            }
        }
        let is_mark = match &input {
            Input::Tick(tick) => {
                outside.see(tick);
                figures.ticks += 1;
                false
            }
            _ => true,
        };
        world.feed(input);
        if is_mark {
            world.commit();
        }
    }
    finish(script, session, &mut world, &mut outside, moment(plan.seconds), date);
    settle(carry, &world, &outside, plan, figures);
    figures.lost += outside.lost;
    figures.days += 1;
    world
}

/// The end of the day: the broker's and ours, on every other day in the other order.
fn finish(script: &Script, session: u8, world: &mut World, outside: &mut Outside, moment: Moment, date: SessionDate) {
    let close = Input::SessionClosed(SessionClosed { date, reason: CloseReason::Complete });
    let before = (script.plan.seed + u64::from(session)).is_multiple_of(2);
    world.commit();
    if before && script.plan.gateway {
        outside.close(moment, world);
    }
    world.append(close);
    if !before && script.plan.gateway {
        outside.close(moment, world);
    }
    world.crash();
}

/// Audits the day, and holds it against the broker's account.
fn settle(carry: &DeskCarry, world: &World, outside: &Outside, plan: &Plan, figures: &mut Figures) {
    let mut audit = Audit::default();
    let mut hasher = blake3::Hasher::new();
    let mut bytes = Vec::new();
    let mut booked: BTreeMap<OrderId, BTreeSet<String>> = BTreeMap::new();
    let mut filled: BTreeMap<OrderId, i64> = BTreeMap::new();
    for (seq, event) in &world.tape {
        audit.read(*seq, event);
        bytes.clear();
        event.encode(&mut bytes);
        hasher.update(&bytes);
        match event {
            Event::Derived(Derived::Fill(fill)) => {
                booked.entry(fill.order).or_default().insert(fill.trade.clone());
                *filled.entry(fill.order).or_default() += fill.qty.get();
            }
            Event::Derived(Derived::OrderCreated(_)) => figures.orders += 1,
            Event::Derived(Derived::ForeignUpdate(_)) => figures.foreign += 1,
            _ => {}
        }
    }
    audit.finish();
    audit.closed();
    let mut held: BTreeMap<(PairId, Leg), i64> = BTreeMap::new();
    for pair in &carry.pairs {
        held.insert((pair.carried.pair, Leg::A), pair.carried.a.qty);
        held.insert((pair.carried.pair, Leg::B), pair.carried.b.qty);
    }
    if plan.gateway {
        for order in &outside.placed {
            let names: BTreeSet<String> = order.trades.iter().map(|trade| trade.name.clone()).collect();
            assert_eq!(booked.remove(&order.id).unwrap_or_default(), names, "trades of {}", order.id);
            assert_eq!(filled.remove(&order.id).unwrap_or(0), order.filled(), "shares of {}", order.id);
            *held.entry((order.id.pair, order.id.leg)).or_default() += order.side.sign() * order.filled();
        }
        assert!(booked.is_empty(), "trades that the broker does not have: {booked:?}");
        for pair in world.engine.carry_desk().expect("a desk").pairs {
            for (leg, carried) in [(Leg::A, pair.carried.a), (Leg::B, pair.carried.b)] {
                let broker = held.get(&(pair.carried.pair, leg)).copied().unwrap_or(0);
                assert_eq!(carried.qty, broker, "pair {} leg {leg}: ours, the broker's", pair.carried.pair.0);
            }
        }
    }
    figures.events += world.tape.len() as u64;
    figures.fills += audit.fills;
    figures.late += audit.late;
    figures.unknown += audit.unknown;
    figures.entries += audit.entries;
    figures.unwinds += audit.unwinds;
    let digest = hasher.finalize().as_bytes().iter().take(8).fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    figures.digest = figures.digest.rotate_left(7) ^ digest;
}
