//! An auditor of what the desk did, by books of its own: it reads inputs and derived events in the order of the tape, and
//! panics at the first that breaks an invariant. It shares no code with the engine.

#![allow(dead_code, reason = "each test file uses its own part")]

mod conduct;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use barkeep_schemas::*;

use conduct::Conduct;

/// The contract's table of states.
const NEXT: [(OrderStatus, &[OrderStatus]); 6] = {
    use OrderStatus::{Acked, Approved, Cancelled, Expired, Filled, New, Partial, Rejected, Sent, Unknown};
    [
        (New, &[Approved, Rejected]),
        (Approved, &[Sent, Cancelled, Expired]),
        (Sent, &[Acked, Partial, Filled, Cancelled, Expired, Rejected, Unknown]),
        (Acked, &[Partial, Filled, Cancelled, Expired, Rejected, Unknown]),
        (Partial, &[Partial, Filled, Cancelled, Expired, Rejected, Unknown]),
        (Unknown, &[Acked, Partial, Filled, Cancelled, Expired, Rejected]),
    ]
};

#[derive(Clone, Debug)]
struct Order {
    created: OrderCreated,
    allowed: i64,
    status: OrderStatus,
    filled: i64,
}

/// What lies at a position that others may refer to.
#[derive(Clone, Debug)]
enum Kept {
    Tick(InstrumentId, Price),
    Bar(InstrumentId, Price),
    Mark(PairId, Option<Real>),
    Signal(PairId),
}

/// Fills of one snapshot, by how they came about and at what price.
#[derive(Default)]
struct Taken {
    passive: i64,
    unseen: i64,
    levels: BTreeMap<(Side, Price), i64>,
}

/// The books.
#[derive(Default)]
pub struct Audit {
    conduct: Conduct,
    setup: Option<DeskSetup>,
    /// The setup before the one that this step brings.
    changed: Option<DeskSetup>,
    date: SessionDate,
    cause: Seq,
    last: Seq,
    kept: HashMap<Seq, Kept>,
    orders: BTreeMap<OrderId, Order>,
    live: BTreeSet<OrderId>,
    positions: BTreeMap<(PairId, Leg), i64>,
    /// Money paid and received for shares, and charges, in raw fine money.
    cash: BTreeMap<Bucket, i128>,
    charges: BTreeMap<Bucket, i128>,
    states: BTreeMap<PairId, PairState>,
    prices: HashMap<InstrumentId, (Price, Ts)>,
    counters: HashMap<InstrumentId, i64>,
    /// The tick of this step, with the volume it showed.
    tick: Option<(Tick, i64)>,
    taken: Taken,
    trades: BTreeSet<(OrderId, String)>,
    /// Entries that this step approved.
    approved: BTreeSet<OrderId>,
    kills: BTreeSet<Scope>,
    now: Ts,
    /// Numbers for whoever runs it.
    pub fills: u64,
    pub passive: u64,
    pub late: u64,
    pub entries: u64,
    pub unwinds: u64,
    pub refused: u64,
    pub unknown: u64,
}

impl Audit {
    /// Reads the next event.
    pub fn read(&mut self, seq: Seq, event: &Event) {
        assert_eq!(seq, self.last.plus(1), "positions run on");
        self.last = seq;
        self.conduct.read(seq, event);
        match event {
            Event::Input(input) => {
                self.end_step();
                self.cause = seq;
                self.input(seq, input);
            }
            Event::Derived(derived) => self.derived(seq, derived),
        }
    }

    /// Reads the end.
    pub fn finish(&mut self) {
        self.conduct.end_step();
        self.end_step();
    }

    /// What the next session takes over is what these books have: positions, and each bucket's profit with what it holds
    /// at cost.
    pub fn carried(&self, carried: &[PairCarried], scopes: &[ScopeCarried]) {
        let mut costs: BTreeMap<Bucket, i128> = BTreeMap::new();
        for pair in carried {
            for (leg, of) in [(Leg::A, &pair.a), (Leg::B, &pair.b)] {
                assert_eq!(of.qty, self.position(pair.pair, leg), "pair {} carries", pair.pair.0);
                *costs.entry(self.spec(pair.pair).bucket).or_default() += i128::from(of.cost.get());
            }
        }
        let sum = |books: &BTreeMap<Bucket, i128>, bucket| books.get(&bucket).copied().unwrap_or(0);
        for scope in scopes {
            let buckets = Bucket::ALL.iter().filter(|of| scope.scope.bucket().is_none_or(|bucket| bucket == **of));
            let profit: i128 =
                buckets.map(|of| sum(&self.cash, *of) + sum(&costs, *of) - sum(&self.charges, *of)).sum();
            assert_eq!(i128::from(scope.profit.get()), profit, "profit of {} is carried", scope.scope);
        }
    }

    /// Nothing of a session that was closed and settled is left under way.
    pub fn closed(&self) {
        assert!(self.live.is_empty(), "still under way: {:?}", self.live);
        for (pair, state) in &self.states {
            let held = [Leg::A, Leg::B].map(|leg| self.position(*pair, leg));
            let explained = match state {
                PairState::Flat => held == [0, 0],
                PairState::Open => held.iter().all(|qty| *qty != 0),
                // Trading ended before all of it could be left.
                PairState::Exiting | PairState::Unwinding => held != [0, 0],
                PairState::Entering => false,
            };
            assert!(explained, "pair {} is {state} and holds {held:?}", pair.0);
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
                self.date = opened.date;
                for pair in &desk.carried.pairs {
                    for (leg, carried) in [(Leg::A, &pair.a), (Leg::B, &pair.b)] {
                        let bucket = desk.setup.pairs[pair.pair.index()].bucket;
                        self.positions.insert((pair.pair, leg), carried.qty);
                        *self.cash.entry(bucket).or_default() -= i128::from(carried.cost.get());
                    }
                }
                for scope in &desk.carried.scopes {
                    if let Some(bucket) = scope.scope.bucket() {
                        *self.cash.entry(bucket).or_default() += i128::from(scope.profit.get());
                    }
                }
                for state in &opened.opening {
                    if let Some(price) = state.last_price {
                        self.prices.insert(state.instrument, (price, Ts::new(i64::MIN)));
                    }
                }
            }
            Input::DeskChanged(setup) => {
                let mut setup = (**setup).clone();
                for (new, old) in setup.pairs.iter_mut().zip(&self.setup().pairs) {
                    if self.states.get(&old.id).is_some_and(|state| *state != PairState::Flat) {
                        (new.bucket, new.product) = (old.bucket, old.product);
                    }
                }
                self.changed = self.setup.replace(setup);
            }
            Input::Tick(tick) => {
                let counter = tick.cum_volume.unwrap_or_default().get();
                let rise = self.counters.get(&tick.instrument).map_or(0, |known| (counter - known).max(0));
                self.tick = Some((tick.clone(), rise));
                self.kept.insert(seq, Kept::Tick(tick.instrument, tick.price));
            }
            Input::ClockMark(mark) => self.now = self.now.max(mark.ts),
            Input::FeedGap(_) => self.counters.clear(),
            Input::SessionClosed(_)
            | Input::InstrumentListed(_)
            | Input::ConfigChanged(_)
            | Input::ImportStarted(_)
            | Input::ImportFinished(_)
            | Input::OutsideBar(_)
            | Input::OperatorCommand(_)
            | Input::ReconRun(_)
            | Input::ReconDifference(_)
            | Input::FeedReport(_)
            | Input::InstrumentsFetched(_)
            | Input::GatewayReport(_)
            | Input::BrokerOrder(_)
            | Input::BrokerTrade(_)
            | Input::HealRun(_)
            | Input::BarCorrection(_) => {}
        }
    }

    /// The tick of a step that was believed moves prices before anything that follows from it.
    fn believe(&mut self) {
        let Some((tick, _)) = &self.tick else { return };
        let newest = self.prices.get(&tick.instrument).is_none_or(|(_, ts)| tick.ts >= *ts);
        if newest {
            self.prices.insert(tick.instrument, (tick.price, tick.ts));
            self.now = self.now.max(tick.ts);
        }
    }

    /// Looks at everything once more when a step is over.
    fn end_step(&mut self) {
        self.believe();
        if let Some((tick, rise)) = self.tick.take() {
            let taken = std::mem::take(&mut self.taken);
            assert!(taken.passive <= rise, "{}: {} passive of {rise} traded", self.cause, taken.passive);
            assert!(taken.unseen <= rise, "{}: {} of {rise} traded", self.cause, taken.unseen);
            for ((side, price), qty) in taken.levels {
                let depth = tick.depth.as_ref().expect("an aggressive fill has a book");
                let levels = match side {
                    Side::Buy => &depth.asks,
                    Side::Sell => &depth.bids,
                };
                let shown: i64 = levels.iter().filter(|level| level.price == price).map(|level| level.qty.get()).sum();
                assert!(qty <= shown, "{}: {qty} at {price}, displayed {shown}", self.cause);
            }
            let counter = tick.cum_volume.unwrap_or_default().get();
            let known = self.counters.entry(tick.instrument).or_insert(counter);
            *known = counter.max(*known);
        }
        self.changed = None;
        let approved = std::mem::take(&mut self.approved);
        if !approved.is_empty() {
            self.check_limits(&approved);
        }
        for (pair, state) in &self.states {
            if *state == PairState::Flat {
                let held = [Leg::A, Leg::B].iter().any(|leg| self.position(*pair, *leg) != 0);
                assert!(!held, "{}: pair {} is FLAT and holds shares", self.cause, pair.0);
                assert!(
                    self.live.iter().all(|id| id.pair != *pair),
                    "{}: pair {} is FLAT and works",
                    self.cause,
                    pair.0
                );
            }
        }
    }

    fn position(&self, pair: PairId, leg: Leg) -> i64 {
        self.positions.get(&(pair, leg)).copied().unwrap_or(0)
    }

    fn spec(&self, pair: PairId) -> &PairSpec {
        &self.setup().pairs[pair.index()]
    }

    fn leg(&self, pair: PairId, leg: Leg) -> InstrumentId {
        match leg {
            Leg::A => self.spec(pair).leg_a,
            Leg::B => self.spec(pair).leg_b,
        }
    }

    /// After an approval nothing that it adds to is above a limit, at last prices and with what is reserved.
    fn check_limits(&self, approved: &BTreeSet<OrderId>) {
        let added: Vec<&OrderCreated> = approved.iter().map(|id| &self.orders[id].created).collect();
        let limits = &self.setup().limits;
        let mut account = (0_i128, 0_i128);
        let mut buckets: BTreeMap<Bucket, (i128, i128)> = BTreeMap::new();
        let mut symbols: BTreeMap<InstrumentId, (i128, i128)> = BTreeMap::new();
        let mut add = |bucket: Bucket, instrument: InstrumentId, money: i128| {
            for sum in [&mut account, buckets.entry(bucket).or_default()] {
                sum.0 += money.abs();
                sum.1 += money;
            }
            let symbol = symbols.entry(instrument).or_default();
            symbol.0 += money.max(0);
            symbol.1 += (-money).max(0);
        };
        for ((pair, leg), qty) in &self.positions {
            let instrument = self.leg(*pair, *leg);
            if *qty != 0 {
                add(
                    self.spec(*pair).bucket,
                    instrument,
                    i128::from(*qty) * i128::from(self.prices[&instrument].0.get()),
                );
            }
        }
        for order in self.live.iter().map(|id| &self.orders[id]) {
            if !order.created.purpose.reduces() && order.allowed > order.filled {
                let price = order.created.price.max(order.created.reference);
                let open = i128::from(order.allowed - order.filled) * i128::from(order.created.side.sign());
                add(order.created.bucket, order.created.instrument, open * i128::from(price.get()));
            }
        }
        let inr = |limit: Money| i128::from(limit.get());
        assert!(account.0 <= inr(limits.max_gross), "{}: gross {}", self.cause, account.0);
        assert!(account.1.abs() <= inr(limits.max_net), "{}: net {}", self.cause, account.1);
        for limits in limits.buckets.iter().filter(|of| added.iter().any(|order| order.bucket == of.bucket)) {
            let (gross, net) = buckets.get(&limits.bucket).copied().unwrap_or_default();
            assert!(gross <= inr(limits.max_gross), "{}: {} gross {gross}", self.cause, limits.bucket);
            assert!(net.abs() <= inr(limits.max_net), "{}: {} net {net}", self.cause, limits.bucket);
        }
        for (instrument, (long, short)) in symbols {
            if added.iter().all(|order| order.instrument != instrument) {
                continue;
            }
            let larger = long.max(short);
            assert!(larger <= inr(limits.max_symbol), "{}: {larger} in {}", self.cause, instrument.0);
        }
    }

    fn derived(&mut self, seq: Seq, derived: &Derived) {
        match derived {
            Derived::TickSetAside(_) => self.tick = None,
            Derived::InputRefused(_) => {
                self.tick = None;
                // A setup that was refused changes nothing.
                if let Some(before) = self.changed.take() {
                    self.setup = Some(before);
                }
            }
            Derived::Bar(bar) => {
                self.kept.insert(seq, Kept::Bar(bar.instrument, bar.close));
            }
            Derived::AuctionPrint(_) | Derived::UnallocatedVolume(_) | Derived::VolumeReset(_) => {}
            Derived::PairMark(mark) => self.mark(seq, mark),
            Derived::Signal(signal) => self.signal(seq, signal),
            Derived::EntryRefused(refused) => {
                assert!(matches!(self.kept.get(&refused.signal), Some(Kept::Signal(pair)) if *pair == refused.pair));
                self.refused += 1;
            }
            Derived::OrderCreated(order) => self.created(order),
            Derived::RiskDecision(decision) => self.decided(decision),
            Derived::OrderMoved(moved) => self.moved(moved),
            Derived::MoveRefused(refused) => {
                let order = &self.orders[&refused.order];
                assert_eq!(order.status, refused.from);
                let legal = NEXT.iter().any(|(from, to)| *from == refused.from && to.contains(&refused.to));
                // What is known to have reached the broker is not believed to have not.
                let denied = refused.why == OrderWhy::NeverReached;
                assert!(!legal || denied, "{seq}: a legal move was refused: {refused:?}");
            }
            Derived::Fill(fill) => self.fill(fill),
            Derived::PairMoved(moved) => {
                assert_eq!(self.states.get(&moved.pair).copied().unwrap_or(PairState::Flat), moved.from, "{seq}");
                assert_eq!(self.position(moved.pair, Leg::A), moved.qty_a, "{seq}");
                assert_eq!(self.position(moved.pair, Leg::B), moved.qty_b, "{seq}");
                self.states.insert(moved.pair, moved.to);
                self.entries += u64::from(moved.to == PairState::Entering);
                self.unwinds += u64::from(moved.to == PairState::Unwinding);
            }
            Derived::KillSwitched(kill) => {
                if kill.on {
                    self.kills.insert(kill.scope);
                } else {
                    self.kills.remove(&kill.scope);
                }
            }
            Derived::EquityMark(mark) => self.equity(mark),
            Derived::PairDay(day) => {
                assert_eq!(self.position(day.pair, Leg::A), day.qty_a);
                assert_eq!(self.position(day.pair, Leg::B), day.qty_b);
            }
            Derived::ForeignUpdate(_) | Derived::OrderHeld(_) | Derived::CancelWanted(_) | Derived::ContractNote(_) => {
            }
        }
    }

    fn mark(&mut self, seq: Seq, mark: &PairMark) {
        let spec = self.spec(mark.pair);
        for (bar, leg, close) in [(mark.bar_a, spec.leg_a, mark.close_a), (mark.bar_b, spec.leg_b, mark.close_b)] {
            match self.kept.get(&bar) {
                Some(Kept::Bar(instrument, price)) => assert_eq!((*instrument, *price), (leg, close), "{seq}"),
                other => panic!("{seq}: a mark refers to {other:?}"),
            }
        }
        self.kept.insert(seq, Kept::Mark(mark.pair, mark.z));
    }

    fn signal(&mut self, seq: Seq, signal: &Signal) {
        assert_eq!(signal.cause, self.cause, "{seq}");
        if let Some(mark) = signal.mark {
            match self.kept.get(&mark) {
                Some(Kept::Mark(pair, z)) => assert_eq!((*pair, *z), (signal.pair, signal.z), "{seq}"),
                other => panic!("{seq}: a signal refers to {other:?}"),
            }
        }
        self.kept.insert(seq, Kept::Signal(signal.pair));
    }

    fn created(&mut self, order: &OrderCreated) {
        assert_eq!((order.cause, order.id.cause), (self.cause, self.cause));
        if let Some(signal) = order.signal {
            assert!(matches!(self.kept.get(&signal), Some(Kept::Signal(pair)) if *pair == order.id.pair));
        } else {
            assert_eq!(order.purpose, Purpose::Unwind);
        }
        assert_eq!(order.instrument, self.leg(order.id.pair, order.id.leg));
        self.believe();
        if order.reference_tick != Seq(0) {
            match self.kept.get(&order.reference_tick) {
                Some(Kept::Tick(instrument, price)) => {
                    assert_eq!((*instrument, *price), (order.instrument, order.reference));
                }
                other => panic!("an order's price refers to {other:?}"),
            }
        }
        let order = Order { created: order.clone(), allowed: 0, status: OrderStatus::New, filled: 0 };
        assert!(self.live.insert(order.created.id));
        assert!(self.orders.insert(order.created.id, order).is_none(), "an order is made once");
    }

    fn decided(&mut self, decision: &RiskDecision) {
        let order = self.orders.get_mut(&decision.order).expect("an order");
        assert_eq!(order.status, OrderStatus::New);
        assert_eq!(order.created.qty, decision.asked);
        assert!(decision.allowed <= decision.asked);
        order.allowed = decision.allowed.get();
        let (entry, bucket, pair) = (!order.created.purpose.reduces(), order.created.bucket, order.created.id.pair);
        if decision.verdict == Verdict::Rejected {
            assert!(entry, "what reduces is never rejected");
            return;
        }
        if entry {
            self.approved.insert(decision.order);
            assert!(
                !self.kills.contains(&Scope::Global) && !self.kills.contains(&bucket.scope()),
                "an entry under a kill"
            );
            assert_eq!(self.setup().whitelist_date, Some(self.date), "an entry without today's whitelist");
            assert!(!self.spec(pair).exit_only, "an entry of a pair that may only be left");
        } else {
            let position = self.position(pair, decision.order.leg);
            let order = &self.orders[&decision.order];
            assert!(position.signum() == -order.created.side.sign(), "{}: it does not reduce", self.cause);
            assert!(order.allowed <= position.abs(), "{}: more than is held", self.cause);
        }
    }

    fn moved(&mut self, moved: &OrderMoved) {
        let order = self.orders.get_mut(&moved.order).expect("an order");
        assert_eq!(order.status, moved.from, "{}", moved.order);
        let legal = NEXT.iter().any(|(from, to)| *from == moved.from && to.contains(&moved.to));
        assert!(legal, "{}: {} -> {}", moved.order, moved.from, moved.to);
        assert_eq!(order.filled, moved.filled.get(), "{}", moved.order);
        if moved.why == OrderWhy::NeverReached {
            let reached = order.filled > 0 || matches!(moved.from, OrderStatus::Acked | OrderStatus::Partial);
            assert!(!reached, "{}: it did reach the broker", moved.order);
        }
        if moved.to == OrderStatus::Filled {
            assert!(order.filled >= order.allowed);
        }
        order.status = moved.to;
        self.unknown += u64::from(moved.to == OrderStatus::Unknown);
        if moved.to.is_terminal() {
            self.live.remove(&moved.order);
        }
    }

    fn fill(&mut self, fill: &Fill) {
        self.fills += 1;
        self.late += u64::from(fill.late);
        assert!(self.trades.insert((fill.order, fill.trade.clone())), "trade {} is booked once", fill.trade);
        assert!(fill.qty > Qty::ZERO && fill.price > Price::ZERO);
        assert_ne!(fill.order.cause, self.cause, "an order is never matched against the input that made it");
        let order = self.orders.get_mut(&fill.order).expect("a fill has an order");
        assert_eq!(fill.late, order.status.is_terminal());
        order.filled += fill.qty.get();
        let created = order.created.clone();
        assert_eq!((created.side, created.instrument), (fill.side, fill.instrument));
        if fill.liquidity != Liquidity::Broker {
            assert!(order.filled <= order.allowed, "{}: filled beyond what was allowed", fill.order);
            let within = match fill.side {
                Side::Buy => fill.price <= created.price,
                Side::Sell => fill.price >= created.price,
            };
            assert!(within, "{}: {} beyond its limit {}", fill.order, fill.price, created.price);
            let (tick, _) = self.tick.as_ref().expect("a paper fill comes of a tick");
            assert_eq!(tick.instrument, fill.instrument);
        }
        match fill.liquidity {
            Liquidity::Passive => {
                self.taken.passive += fill.qty.get();
                self.passive += 1;
            }
            Liquidity::Unseen => self.taken.unseen += fill.qty.get(),
            Liquidity::Aggressive => *self.taken.levels.entry((fill.side, fill.price)).or_default() += fill.qty.get(),
            Liquidity::Broker => {}
        }
        let position = self.positions.entry((fill.order.pair, fill.order.leg)).or_default();
        *position += fill.side.sign() * fill.qty.get();
        assert_eq!(*position, fill.position, "{}", fill.order);
        let money = i128::from(fill.price.get()) * i128::from(fill.qty.get()) * i128::from(FINE_PER_MONEY);
        let bucket = self.spec(fill.order.pair).bucket;
        *self.cash.entry(bucket).or_default() -= i128::from(fill.side.sign()) * money;
        *self.charges.entry(bucket).or_default() += i128::from(fill.charges.total().get());
    }

    /// Cash, positions at last prices and charges are equity, to the last digit.
    fn equity(&mut self, mark: &EquityMark) {
        self.believe();
        let Some(equity) = mark.equity else { return };
        let within = |bucket: Bucket| mark.scope.bucket().is_none_or(|of| of == bucket);
        let mut profit: i128 = 0;
        for (bucket, cash) in self.cash.iter().filter(|(bucket, _)| within(**bucket)) {
            profit += cash - self.charges.get(bucket).copied().unwrap_or(0);
        }
        let (mut gross, mut net) = (0_i128, 0_i128);
        for ((pair, leg), qty) in &self.positions {
            let instrument = self.leg(*pair, *leg);
            if *qty != 0 && within(self.spec(*pair).bucket) {
                let value = i128::from(*qty) * i128::from(self.prices[&instrument].0.get());
                gross += value.abs();
                net += value;
                profit += value * i128::from(FINE_PER_MONEY);
            }
        }
        let expected = i128::from(mark.capital.get()) + profit;
        assert_eq!(i128::from(equity.get()), expected, "{}: equity of {}", self.cause, mark.scope);
        assert_eq!(mark.gross.map(|gross| i128::from(gross.get())), Some(gross), "{}", self.cause);
        assert_eq!(mark.net.map(|net| i128::from(net.get())), Some(net), "{}", self.cause);
        assert!(mark.high_water >= mark.equity.unwrap_or_default(), "{}: above its own high", self.cause);
        assert!(mark.drawdown_pct.is_none_or(|drawdown| drawdown.get() <= 0.0), "{}", self.cause);
    }
}
