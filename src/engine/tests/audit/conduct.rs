//! The auditor's eye on conduct: that every event names its cause and refers to what it follows from, that states follow
//! each other by the tables, and that what is to be done is done by the step in which it is due.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use barkeep_schemas::*;

/// Which state of a pair may follow which. From FLAT to OPEN a pair is carried over a night alone.
const NEXT: [(PairState, &[PairState]); 5] = {
    use PairState::{Entering, Exiting, Flat, Open, Unwinding};
    [
        (Flat, &[Entering, Open, Unwinding]),
        (Entering, &[Open, Exiting, Unwinding]),
        (Open, &[Exiting, Unwinding]),
        (Exiting, &[Flat]),
        (Unwinding, &[Flat]),
    ]
};

/// What is known of a live order.
#[derive(Clone, Debug)]
struct Live {
    created: OrderCreated,
    open: i64,
    decided: bool,
    cancel: bool,
}

/// Where a pair stands.
#[derive(Clone, Debug, Default)]
struct Standing {
    state: Option<PairState>,
    /// When it came there.
    since: i64,
    held: [i64; 2],
    /// When the last order of each leg was made.
    ordered: [i64; 2],
    entries: u32,
    orders: u32,
    fills: u32,
}

/// The books.
#[derive(Default)]
pub struct Conduct {
    setup: Option<DeskSetup>,
    before: Option<DeskSetup>,
    hours: Vec<(InstrumentClass, Vec<PhaseSpan>)>,
    classes: Vec<InstrumentClass>,
    cause: Seq,
    /// Ticks by position.
    ticks: HashMap<Seq, InstrumentId>,
    signals: HashMap<Seq, Signal>,
    /// Marks by position, and whether both of their bars were first editions.
    marks: HashMap<Seq, bool>,
    asked: BTreeSet<(Seq, PairId)>,
    live: BTreeMap<OrderId, Live>,
    known: BTreeSet<OrderId>,
    pairs: BTreeMap<PairId, Standing>,
    /// Moments of orders and of all requests that the desk sent to the matcher.
    sent: VecDeque<i64>,
    kills: BTreeSet<Scope>,
    killed: bool,
    /// Pairs of which this step booked a late fill.
    late: BTreeSet<PairId>,
    closed: bool,
    /// The time of the mark of this step, when it is one; and the latest of all times.
    mark: Option<i64>,
    last_mark: i64,
    latest: i64,
    note: (u32, Money, Money, i128),
}

impl Conduct {
    /// Reads the next event.
    pub fn read(&mut self, seq: Seq, event: &Event) {
        match event {
            Event::Input(input) => {
                self.end_step();
                self.cause = seq;
                self.input(seq, input);
            }
            Event::Derived(derived) => {
                assert_eq!(cause(derived), self.cause, "{seq}: a cause");
                self.derived(seq, derived);
            }
        }
    }

    fn setup(&self) -> &DeskSetup {
        self.setup.as_ref().expect("a desk")
    }

    fn input(&mut self, seq: Seq, input: &Input) {
        match input {
            Input::SessionOpened(opened) => {
                let desk = opened.desk.as_ref().expect("a desk");
                self.setup = Some(desk.setup.clone());
                self.hours = opened.calendar.classes.iter().map(|of| (of.class, of.phases.clone())).collect();
                self.classes = opened.instruments.iter().map(|instrument| instrument.class).collect();
                (self.last_mark, self.latest) = (i64::MIN, i64::MIN);
                for carried in &desk.carried.pairs {
                    let standing = self.pairs.entry(carried.pair).or_default();
                    standing.held = [carried.a.qty, carried.b.qty];
                }
            }
            Input::SessionClosed(_) => self.closed = true,
            Input::DeskChanged(setup) => self.before = self.setup.replace((**setup).clone()),
            Input::Tick(tick) => {
                self.ticks.insert(seq, tick.instrument);
                self.latest = self.latest.max(tick.ts.get());
            }
            Input::ClockMark(mark) if mark.ts.get() > self.last_mark => {
                self.mark = Some(mark.ts.get());
                self.last_mark = mark.ts.get();
                self.latest = self.latest.max(mark.ts.get());
            }
            _ => {}
        }
    }

    /// What must be so when a step is over.
    pub fn end_step(&mut self) {
        self.before = None;
        for pair in std::mem::take(&mut self.late) {
            let state = self.pairs.get(&pair).and_then(|standing| standing.state);
            let goes_on = matches!(state, Some(PairState::Open | PairState::Entering));
            assert!(!goes_on, "{}: pair {} goes on after a late fill", self.cause, pair.0);
        }
        let mark = self.mark.take();
        for (id, standing) in &self.pairs {
            let state = standing.state.unwrap_or(PairState::Flat);
            let at = format!("{}: pair {} is {state}", self.cause, id.0);
            match state {
                PairState::Flat => {}
                PairState::Open => assert!(standing.held.iter().all(|qty| *qty != 0), "{at}: {:?}", standing.held),
                PairState::Entering => {
                    let limit = self.setup().execution.entry_timeout_ns;
                    let due = mark.is_some_and(|mark| mark - standing.since >= limit);
                    assert!(!due || self.closed, "{at} for longer than it may");
                }
                PairState::Exiting | PairState::Unwinding => {
                    let works = self.live.keys().any(|order| order.pair == *id);
                    assert!(works || standing.held != [0, 0], "{at}, and there is nothing to leave");
                    for live in self.live.values().filter(|live| live.created.id.pair == *id) {
                        assert!(live.created.purpose.reduces() || live.cancel, "{at}: an entry works on");
                    }
                    for leg in [Leg::A, Leg::B] {
                        assert!(!mark.is_some_and(|mark| self.is_late(*id, leg, mark)), "{at}: {leg} is not left");
                    }
                }
            }
        }
        if std::mem::take(&mut self.killed) && !self.closed {
            for live in self.live.values().filter(|live| !live.created.purpose.reduces()) {
                let bucket = self.setup().pairs[live.created.id.pair.index()].bucket;
                let stopped = self.kills.contains(&Scope::Global) || self.kills.contains(&bucket.scope());
                assert!(!stopped || live.cancel, "{}: {} works on under a kill", self.cause, live.created.id);
            }
        }
    }

    /// Whether a leg is held, may be traded, and nothing is done about it although it is time.
    fn is_late(&self, pair: PairId, leg: Leg, mark: i64) -> bool {
        let standing = &self.pairs[&pair];
        let works = self.live.keys().any(|order| order.pair == pair && order.leg == leg);
        let spec = &self.setup().pairs[pair.index()];
        let instrument = match leg {
            Leg::A => spec.leg_a,
            Leg::B => spec.leg_b,
        };
        let class = self.classes[instrument.index()];
        let open = |t: i64| {
            let phases = self.hours.iter().filter(|(of, _)| *of == class).flat_map(|(_, phases)| phases);
            phases
                .filter(|span| span.phase == Phase::Continuous)
                .any(|span| span.start.get() <= t && t < span.end.get())
        };
        let since = standing.ordered[leg.index()];
        standing.held[leg.index()] != 0
            && !works
            && !self.closed
            && open(mark)
            && open(self.latest)
            && mark >= since.saturating_add(self.setup().execution.exit_timeout_ns)
    }

    fn derived(&mut self, seq: Seq, derived: &Derived) {
        match derived {
            Derived::InputRefused(_) => {
                if let Some(before) = self.before.take() {
                    self.setup = Some(before);
                }
                self.mark = None;
            }
            Derived::Bar(bar) => {
                for tick in [bar.first_tick, bar.last_tick] {
                    let of = self.ticks.get(&tick);
                    assert_eq!(of, Some(&bar.instrument), "{seq}: a bar's tick {tick}");
                }
            }
            Derived::Signal(signal) => {
                assert!(self.asked.insert((self.cause, signal.pair)), "{seq}: a pair asks once in a step");
                let first = signal.mark.is_none_or(|mark| self.marks.get(&mark) == Some(&true));
                assert!(first, "{seq}: a signal of a revision");
                assert!(signal.mark.is_some() || signal.action == SignalAction::Exit, "{seq}: an entry without a mark");
                self.signals.insert(seq, (**signal).clone());
            }
            Derived::OrderCreated(created) => self.created(seq, created),
            Derived::RiskDecision(decision) => self.decided(seq, decision),
            Derived::CancelWanted(wanted) => {
                let live = self.live.get_mut(&wanted.order).expect("a cancelled order is live");
                assert!(!std::mem::replace(&mut live.cancel, true), "{seq}: cancelled once");
            }
            Derived::OrderHeld(held) => assert!(self.live.contains_key(&held.order), "{seq}: held"),
            Derived::OrderMoved(moved) => self.moved(seq, moved),
            Derived::MoveRefused(refused) => assert!(self.known.contains(&refused.order), "{seq}: an order"),
            Derived::Fill(fill) => self.fill(fill),
            Derived::PairMoved(moved) => self.pair_moved(seq, moved),
            Derived::KillSwitched(kill) => {
                self.killed |= kill.on;
                if kill.on {
                    self.kills.insert(kill.scope);
                } else {
                    self.kills.remove(&kill.scope);
                }
                let by_limit = matches!(kill.why, KillWhy::Drawdown | KillWhy::DailyLoss);
                assert!(!by_limit || kill.value >= kill.limit, "{seq}: a limit that was not reached");
            }
            Derived::PairDay(day) => {
                let standing = self.pairs.entry(day.pair).or_default();
                let counted = (standing.entries, standing.orders, standing.fills);
                assert_eq!((day.entries, day.orders, day.fills), counted, "{seq}: the day of pair {}", day.pair.0);
            }
            Derived::ContractNote(note) => {
                let charges = i128::from(note.charges.total().get());
                assert_eq!((note.trades, note.bought, note.sold, charges), self.note, "{seq}: the contract note");
            }
            Derived::EquityMark(mark) => {
                if let (Some(equity), Some(unrealised)) = (mark.equity, mark.unrealised) {
                    let today = mark.realised.get() - mark.charges.get() + unrealised.get();
                    assert!(self.pairs.values().any(|of| of.held != [0, 0]) || unrealised == FineMoney::ZERO);
                    assert!(equity.get() - mark.capital.get() - today <= mark.high_water.get(), "{seq}");
                }
            }
            Derived::PairMark(mark) => {
                self.marks.insert(seq, mark.first_edition);
            }
            Derived::TickSetAside(_)
            | Derived::AuctionPrint(_)
            | Derived::UnallocatedVolume(_)
            | Derived::VolumeReset(_)
            | Derived::EntryRefused(_)
            | Derived::ForeignUpdate(_) => {}
        }
    }

    /// An order follows a signal of its pair, on the side that the signal asks for.
    fn created(&mut self, seq: Seq, created: &OrderCreated) {
        let id = created.id;
        assert!(self.known.insert(id), "{seq}: an order is made once");
        let others = self.live.keys().filter(|live| live.pair == id.pair && live.leg == id.leg).count();
        assert_eq!(others, 0, "{seq}: {id} is made while another of its leg lives");
        let signal = created.signal.map(|signal| self.signals.get(&signal).expect("a signal"));
        match created.purpose {
            Purpose::Entry => {
                let signal = signal.expect("an entry follows a signal");
                assert_eq!((signal.cause, signal.pair), (self.cause, id.pair), "{seq}");
                let buys = match (signal.action, id.leg) {
                    (SignalAction::EnterLong, Leg::A) | (SignalAction::EnterShort, Leg::B) => Side::Buy,
                    (SignalAction::EnterLong, Leg::B) | (SignalAction::EnterShort, Leg::A) => Side::Sell,
                    (SignalAction::Exit, _) => panic!("{seq}: an entry on a signal to leave"),
                };
                assert_eq!(created.side, buys, "{seq}");
            }
            Purpose::Exit => {
                let signal = signal.expect("an exit follows a signal");
                assert_eq!((signal.action, signal.pair), (SignalAction::Exit, id.pair), "{seq}");
            }
            Purpose::Unwind => assert!(signal.is_none_or(|signal| signal.pair == id.pair), "{seq}"),
        }
        let standing = self.pairs.entry(id.pair).or_default();
        standing.orders += 1;
        standing.ordered[id.leg.index()] = created.ts.get();
        self.live.insert(id, Live { created: created.clone(), open: 0, decided: false, cancel: false });
    }

    /// A decision tells every check, and what failed is what it says.
    fn decided(&mut self, seq: Seq, decision: &RiskDecision) {
        let live = self.live.get_mut(&decision.order).expect("a new order");
        assert!(!std::mem::replace(&mut live.decided, true), "{seq}: decided once");
        live.open = decision.allowed.get();
        let failed = |rule: RiskRule| decision.checks.iter().any(|check| check.rule == rule && !check.passed);
        let entry = !live.created.purpose.reduces();
        match decision.verdict {
            Verdict::Approved => {
                assert!(decision.checks.iter().all(|check| check.passed) && decision.rule.is_none(), "{seq}");
                assert_eq!(decision.allowed, decision.asked, "{seq}");
            }
            Verdict::Resized => {
                assert!(decision.rule.is_some() && decision.allowed <= decision.asked, "{seq}");
                assert!(!entry || decision.checks.iter().all(|check| check.passed), "{seq}");
            }
            Verdict::Rejected => {
                assert_eq!(decision.allowed, Qty::ZERO, "{seq}");
                let rule = decision.rule.expect("a rule");
                let own = decision.checks.iter().any(|check| !check.passed);
                assert_eq!(failed(rule), own, "{seq}: {rule} decided");
                assert_eq!(rule == RiskRule::OtherLeg, !own, "{seq}: {rule} decided");
            }
        }
        for check in &decision.checks {
            let at_least = check.rule == RiskRule::Duplicate;
            let passed = if at_least { check.value >= check.limit } else { check.value <= check.limit };
            assert_eq!(passed, check.passed, "{seq}: {check:?}");
        }
        assert!(!entry || decision.checks.len() > 10, "{seq}: every check is told");
    }

    fn moved(&mut self, seq: Seq, moved: &OrderMoved) {
        let live = self.live.get(&moved.order).expect("a live order moves");
        assert!(live.decided, "{seq}: it moves before it is decided");
        if moved.why == OrderWhy::Routed {
            let rules = self.setup().gateway.clone();
            let now = moved.ts.get();
            self.sent.push_back(now);
            let within = |window: i64| self.sent.iter().filter(|at| now - **at <= window).count();
            assert!(within(NANOS) <= rules.per_second as usize, "{seq}: more orders in a second than the broker takes");
            assert!(within(60 * NANOS) <= rules.per_minute as usize, "{seq}: more in a minute");
            while self.sent.front().is_some_and(|at| now - at > 60 * NANOS) {
                self.sent.pop_front();
            }
        }
        if moved.to.is_terminal() {
            self.live.remove(&moved.order);
        }
    }

    fn fill(&mut self, fill: &Fill) {
        assert!(fill.qty <= fill.available, "more than was there");
        if fill.late {
            self.late.insert(fill.order.pair);
        }
        let standing = self.pairs.entry(fill.order.pair).or_default();
        standing.held[fill.order.leg.index()] += fill.side.sign() * fill.qty.get();
        standing.fills += 1;
        let turnover = fill.price.get() * fill.qty.get();
        let (trades, bought, sold, charges) = &mut self.note;
        *trades += 1;
        *charges += i128::from(fill.charges.total().get());
        let side = match fill.side {
            Side::Buy => bought,
            Side::Sell => sold,
        };
        *side = Money::new(side.get() + turnover);
        // A late fill behind the close is told on no note any more.
        if let Some(live) = self.live.get_mut(&fill.order) {
            live.open -= fill.qty.get();
        }
    }

    fn pair_moved(&mut self, seq: Seq, moved: &PairMoved) {
        let legal = NEXT.iter().any(|(from, to)| *from == moved.from && to.contains(&moved.to));
        assert!(legal, "{seq}: pair {} {} -> {}", moved.pair.0, moved.from, moved.to);
        let carried = moved.from == PairState::Flat && moved.to == PairState::Open;
        assert!(!carried || moved.why == PairWhy::Carried, "{seq}");
        let standing = self.pairs.entry(moved.pair).or_default();
        standing.state = Some(moved.to);
        standing.since = moved.ts.get();
        standing.entries += u32::from(moved.to == PairState::Entering);
        if moved.to != PairState::Entering {
            // What is left is left at once.
            standing.ordered = [i64::MIN, i64::MIN];
        }
    }
}

/// The input that an event names as its cause.
fn cause(derived: &Derived) -> Seq {
    match derived {
        Derived::Bar(of) => of.cause,
        Derived::AuctionPrint(of) => of.cause,
        Derived::UnallocatedVolume(of) => of.cause,
        Derived::VolumeReset(of) => of.cause,
        Derived::TickSetAside(of) => of.cause,
        Derived::InputRefused(of) => of.cause,
        Derived::PairMark(of) => of.cause,
        Derived::Signal(of) => of.cause,
        Derived::EntryRefused(of) => of.cause,
        Derived::OrderCreated(of) => of.cause,
        Derived::RiskDecision(of) => of.cause,
        Derived::OrderMoved(of) => of.cause,
        Derived::MoveRefused(of) => of.cause,
        Derived::Fill(of) => of.cause,
        Derived::PairMoved(of) => of.cause,
        Derived::KillSwitched(of) => of.cause,
        Derived::EquityMark(of) => of.cause,
        Derived::PairDay(of) => of.cause,
        Derived::ForeignUpdate(of) => of.cause,
        Derived::OrderHeld(of) => of.cause,
        Derived::CancelWanted(of) => of.cause,
        Derived::ContractNote(of) => of.cause,
    }
}
