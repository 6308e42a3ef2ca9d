//! Runs a script: its market through its faults into an engine that is killed on the way, with the world outside on days
//! with a gateway; then audits every event, and settles the day's books with the broker's.

use std::collections::{BTreeMap, BTreeSet};

use barkeep_engine::{DeskCarry, Engine, NoProbe};
use barkeep_schemas::*;

use crate::audit::Audit;
use crate::broker::{Moment, Outside, Tape};
use crate::scene::MIDNIGHT;
use crate::script::{Happening, Plan, Script};
use crate::stage::{DAY, commands, market_data, opened};

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
    pub passive: u64,
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
        self.passive += other.passive;
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
    let next = world.engine.carry_desk().expect("a desk");
    let pairs: Vec<PairCarried> = next.pairs.iter().map(|pair| pair.carried.clone()).collect();
    audit.carried(&pairs, &next.scopes);
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
        for pair in &pairs {
            for (leg, carried) in [(Leg::A, &pair.a), (Leg::B, &pair.b)] {
                let broker = held.get(&(pair.pair, leg)).copied().unwrap_or(0);
                assert_eq!(carried.qty, broker, "pair {} leg {leg}: ours, the broker's", pair.pair.0);
            }
        }
    }
    figures.events += world.tape.len() as u64;
    figures.fills += audit.fills;
    figures.late += audit.late;
    figures.passive += audit.passive;
    figures.unknown += audit.unknown;
    figures.entries += audit.entries;
    figures.unwinds += audit.unwinds;
    let digest = hasher.finalize().as_bytes().iter().take(8).fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    figures.digest = figures.digest.rotate_left(7) ^ digest;
}
