//! A broker with books of its own, and a gateway before it: the world outside of the engine on days of `Route::Gateway`.
//!
//! The gateway reads durable events and writes what it does before it does it; it never sends an order twice. The broker
//! fills what reaches it at the last price and tells it as its script has it: late, twice, in another order, or not at all.

use std::collections::{BTreeMap, BTreeSet};

use barkeep_schemas::*;

use crate::script::Quirk;

/// Words that are told once an order has ended at the broker.
const ENDED: [BrokerStatus; 3] = [BrokerStatus::Complete, BrokerStatus::Cancelled, BrokerStatus::Rejected];

/// A trade: its number, shares, price, and whether `filled` of its order counts it.
#[derive(Clone, Debug)]
pub struct Trade {
    pub name: String,
    pub qty: i64,
    pub price: Price,
    counted: bool,
}

/// An order as the broker has it.
#[derive(Clone, Debug)]
pub struct Placed {
    pub id: OrderId,
    pub side: Side,
    pub trades: Vec<Trade>,
    number: String,
    instrument: InstrumentId,
    qty: i64,
    limit: Price,
    status: BrokerStatus,
    quirks: Vec<Quirk>,
    arrives: i64,
    cancel: bool,
}

impl Placed {
    fn has(&self, quirk: Quirk) -> bool {
        self.quirks.contains(&quirk)
    }

    fn find(&self, of: impl Fn(&Quirk) -> Option<i64>) -> Option<i64> {
        self.quirks.iter().find_map(of)
    }

    /// Shares of all its trades.
    pub fn filled(&self) -> i64 {
        self.trades.iter().map(|trade| trade.qty).sum()
    }

    fn ended(&self) -> bool {
        ENDED.contains(&self.status)
    }
}

/// An order as the gateway knows it from the tape.
#[derive(Clone, Debug)]
struct Known {
    created: OrderCreated,
    allowed: i64,
    status: OrderStatus,
    attempted: Option<i64>,
    cancel: Option<i64>,
}

/// Both of them.
#[derive(Default)]
pub struct Outside {
    session: u8,
    quirks: BTreeMap<usize, Vec<Quirk>>,
    pub placed: Vec<Placed>,
    known: BTreeMap<OrderId, Known>,
    prices: BTreeMap<InstrumentId, Price>,
    /// What is told, when: seconds after the open.
    outbox: Vec<(i64, Input)>,
    sent: usize,
    read: usize,
    trades: u64,
    foreign: u64,
    pub lost: u64,
}

/// A moment of a session.
#[derive(Clone, Copy)]
pub struct Moment {
    /// Seconds after the open.
    pub second: i64,
    pub ts: Ts,
}

/// What the outside needs of the tape: to append an input, whose derived events it hears once they are durable.
pub trait Tape {
    fn append(&mut self, input: Input) -> Vec<Derived>;
    fn durable(&self) -> &[(Seq, Event)];
}

impl Outside {
    pub fn new(session: u8, quirks: BTreeMap<usize, Vec<Quirk>>) -> Self {
        Self { session, quirks, ..Self::default() }
    }

    /// The market moves.
    pub fn see(&mut self, tick: &Tick) {
        self.prices.insert(tick.instrument, tick.price);
    }

    /// A second of both; `up` is whether the gateway runs.
    pub fn second(&mut self, moment: Moment, up: bool, tape: &mut impl Tape) {
        self.exchange(moment);
        if up {
            self.read(tape);
            self.send(moment, tape);
            self.cancel(moment, tape);
        }
        self.deliver(moment.second, up, tape);
        if up && moment.second % 30 == 29 {
            self.look_up(moment, moment.second - 200, tape);
        }
    }

    /// The gateway begins anew: what it knows is what the tape says.
    pub fn start(&mut self, moment: Moment, tape: &mut impl Tape) {
        tape.append(report(GatewayAct::Started, None, None, moment.ts));
        self.read(tape);
        self.look_up(moment, moment.second - 300, tape);
    }

    /// The day is over at the exchange: what works is cancelled, and everything is told and looked up.
    pub fn close(&mut self, moment: Moment, tape: &mut impl Tape) {
        for at in 0..self.placed.len() {
            if !self.placed[at].ended() && self.placed[at].arrives <= moment.second {
                self.placed[at].status = BrokerStatus::Cancelled;
                self.tell_state(at, moment, 0);
            }
        }
        self.placed.retain(|order| order.arrives <= moment.second);
        self.deliver(i64::MAX, true, tape);
        for _ in 0..2 {
            self.read(tape);
            self.look_up(Moment { second: i64::MAX, ..moment }, i64::MIN, tape);
        }
    }

    fn read(&mut self, tape: &impl Tape) {
        let events = tape.durable();
        for (_, event) in &events[self.read.min(events.len())..] {
            let Event::Derived(derived) = event else { continue };
            match derived {
                Derived::OrderCreated(created) => {
                    let created = (**created).clone();
                    let id = created.id;
                    let known = Known { created, allowed: 0, status: OrderStatus::New, attempted: None, cancel: None };
                    assert!(self.known.insert(id, known).is_none(), "an order is made once");
                }
                Derived::RiskDecision(decision) => {
                    let known = self.known.get_mut(&decision.order).expect("an order");
                    known.allowed = decision.allowed.get();
                }
                Derived::OrderMoved(moved) => self.known.get_mut(&moved.order).expect("an order").status = moved.to,
                Derived::CancelWanted(wanted) => {
                    self.known.get_mut(&wanted.order).expect("an order").cancel = Some(i64::MIN);
                }
                _ => {}
            }
        }
        self.read = events.len();
    }

    /// Sends what is approved and was not sent: the attempt is durable first.
    fn send(&mut self, moment: Moment, tape: &mut impl Tape) {
        let approved = |known: &&Known| known.status == OrderStatus::Approved && known.attempted.is_none();
        let orders: Vec<OrderId> = self.known.values().filter(approved).map(|known| known.created.id).collect();
        for id in orders {
            let derived = tape.append(report(GatewayAct::SendAttempted, Some(id), None, moment.ts));
            let known = self.known.get_mut(&id).expect("an order");
            known.attempted = Some(moment.second);
            let quirks = self.quirks.get(&self.sent).cloned().unwrap_or_default();
            self.sent += 1;
            let taken = derived.iter().any(
                |event| matches!(event, Derived::OrderMoved(moved) if moved.order == id && moved.to == OrderStatus::Sent),
            );
            if taken || quirks.contains(&Quirk::SentAnyway) {
                let known = known.clone();
                self.place(&known, quirks, moment);
            }
        }
    }

    fn place(&mut self, known: &Known, quirks: Vec<Quirk>, moment: Moment) {
        let id = known.created.id;
        let now = moment.second;
        let answer = |act, number, after| (now + after, report(act, Some(id), number, moment.ts));
        if quirks.contains(&Quirk::Refused) {
            return self.outbox.push(answer(GatewayAct::Refused, None, 0));
        }
        if quirks.contains(&Quirk::Unreached) {
            self.lost += 1;
            return self.outbox.push(answer(GatewayAct::AnswerLost, None, 3));
        }
        let number = format!("9{}{:05}", self.session, self.sent);
        let flight = quirks.iter().find_map(|quirk| if let Quirk::InFlight(s) = quirk { Some(*s) } else { None });
        if quirks.contains(&Quirk::AnswerLost) || flight.is_some() {
            self.lost += 1;
            self.outbox.push(answer(GatewayAct::AnswerLost, None, 3));
        } else {
            let late = quirks.iter().find_map(|quirk| if let Quirk::AnswerLate(s) = quirk { Some(*s) } else { None });
            self.outbox.push(answer(GatewayAct::Answered, Some(number.clone()), late.unwrap_or(0)));
        }
        if quirks.contains(&Quirk::Denied) {
            self.outbox.push(answer(GatewayAct::NeverReached, None, 4));
        }
        self.placed.push(Placed {
            id,
            side: known.created.side,
            trades: Vec::new(),
            number,
            instrument: known.created.instrument,
            qty: known.allowed,
            limit: known.created.price,
            status: BrokerStatus::Pending,
            quirks,
            arrives: now + flight.unwrap_or(0),
            cancel: false,
        });
    }

    fn cancel(&mut self, moment: Moment, tape: &mut impl Tape) {
        let due = |known: &&Known| {
            let asked = known.cancel.is_some_and(|at| at <= moment.second - 5);
            asked && !known.status.is_terminal() && known.attempted.is_some()
        };
        let orders: Vec<OrderId> = self.known.values().filter(due).map(|known| known.created.id).collect();
        for id in orders {
            tape.append(report(GatewayAct::CancelAttempted, Some(id), None, moment.ts));
            self.known.get_mut(&id).expect("an order").cancel = Some(moment.second);
            for order in self.placed.iter_mut().filter(|order| order.id == id && order.arrives <= moment.second) {
                order.cancel = true;
            }
        }
    }

    /// The exchange works what has arrived.
    fn exchange(&mut self, moment: Moment) {
        for at in 0..self.placed.len() {
            if !self.placed[at].ended() && self.placed[at].arrives <= moment.second {
                self.work(at, moment);
            }
        }
    }

    fn work(&mut self, at: usize, moment: Moment) {
        let order = self.placed[at].clone();
        if order.status == BrokerStatus::Pending {
            let rejected = order.has(Quirk::Rejected);
            self.placed[at].status = if rejected { BrokerStatus::Rejected } else { BrokerStatus::Open };
            return self.tell_state(at, moment, 0);
        }
        if order.cancel && !order.has(Quirk::CancelLoses) {
            let open = order.qty - order.filled();
            if order.has(Quirk::LateTrade) && open > 0 {
                self.trade(at, (open / 2).max(1), moment, false);
            }
            self.placed[at].status = BrokerStatus::Cancelled;
            return self.tell_state(at, moment, 0);
        }
        let rests = order.find(|quirk| if let Quirk::Slow(s) = quirk { Some(*s) } else { None }).unwrap_or(0);
        let Some(price) = self.prices.get(&order.instrument).copied() else { return };
        let within = match order.side {
            Side::Buy => price <= order.limit,
            Side::Sell => price >= order.limit,
        };
        if !order.cancel && (!within || moment.second < order.arrives + rests) {
            return;
        }
        let parts = order.find(|quirk| if let Quirk::Parts(n) = quirk { Some(*n) } else { None }).unwrap_or(1);
        let stops = order.find(|quirk| match quirk {
            Quirk::Stuck(percent) | Quirk::Dropped(percent) => Some(*percent),
            _ => None,
        });
        let more = order.find(|quirk| if let Quirk::Over(n) = quirk { Some(*n) } else { None });
        let most = match stops {
            Some(percent) if !order.cancel => order.qty * percent / 100,
            // More than was ordered, in the trade that fills it or in one that its state does not count.
            _ => order.qty + more.filter(|more| more % 2 == 0).unwrap_or(0),
        };
        let part = if order.cancel { most } else { (most / parts).max(1) };
        let qty = part.min(most - order.filled());
        if qty > 0 {
            self.trade(at, qty, moment, true);
        }
        let order = &mut self.placed[at];
        let dropped = order.quirks.iter().any(|quirk| matches!(quirk, Quirk::Dropped(_)));
        if order.filled() >= most && (stops.is_none() || order.cancel) {
            order.status = BrokerStatus::Complete;
            if let Some(more) = more.filter(|more| more % 2 == 1) {
                self.trade(at, more, moment, false);
            }
        } else if order.filled() >= most && dropped {
            order.status = BrokerStatus::Cancelled;
            if order.has(Quirk::LateTrade) && order.qty > order.filled() {
                self.trade(at, 1, moment, false);
            }
        } else if qty > 0 {
            order.status = BrokerStatus::Update;
        } else {
            return;
        }
        self.tell_state(at, moment, 0);
    }

    fn trade(&mut self, at: usize, qty: i64, moment: Moment, counted: bool) {
        self.trades += 1;
        let order = &mut self.placed[at];
        let price = self.prices.get(&order.instrument).copied().unwrap_or(order.limit);
        let trade = Trade { name: format!("T{}{:06}", self.session, self.trades), qty, price, counted };
        order.trades.push(trade.clone());
        let order = order.clone();
        let tag = (!order.has(Quirk::NoTag)).then_some(());
        let told = Self::trade_input(&order, &trade, UpdateSource::Postback, tag.is_some(), moment.ts);
        let after = if order.has(Quirk::StateFirst) { 3 } else { 0 } + if counted { 0 } else { 5 };
        self.post(&order, moment.second + after, told);
    }

    fn tell_state(&mut self, at: usize, moment: Moment, after: i64) {
        let order = self.placed[at].clone();
        let told = Self::state_input(&order, UpdateSource::Postback, moment.ts);
        self.post(&order, moment.second + after, told);
    }

    /// A postback on its way.
    fn post(&mut self, order: &Placed, due: i64, input: Input) {
        if order.has(Quirk::Silent) {
            return;
        }
        // Another order, but the same in every run: by how many are on their way.
        let shuffle = if order.has(Quirk::Shuffled) { (self.outbox.len() as i64 * 7 + due) % 5 } else { 0 };
        if order.has(Quirk::Echo) {
            self.outbox.push((due + 2, input.clone()));
        }
        self.outbox.push((due + shuffle, input));
    }

    fn deliver(&mut self, now: i64, up: bool, tape: &mut impl Tape) {
        let (mut due, later): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.outbox).into_iter().partition(|(at, _)| *at <= now);
        self.outbox = later;
        due.sort_by_key(|(at, _)| *at);
        for (_, input) in due {
            // Nobody hears what is told to a gateway that does not run.
            if up {
                tape.append(input);
            }
        }
    }

    /// Asks over REST: orders, then trades, of all that were sent since then; then what became of the unknown ones.
    fn look_up(&mut self, moment: Moment, since: i64, tape: &mut impl Tape) {
        let arrived = |order: &&Placed| order.arrives >= since && order.arrives <= moment.second;
        let orders: Vec<Placed> = self.placed.iter().filter(arrived).cloned().collect();
        for order in &orders {
            tape.append(Self::state_input(order, UpdateSource::Rest, moment.ts));
        }
        for order in &orders {
            for trade in &order.trades {
                tape.append(Self::trade_input(order, trade, UpdateSource::Rest, false, moment.ts));
            }
        }
        self.read(tape);
        let there: BTreeSet<OrderId> =
            self.placed.iter().filter(|order| order.arrives <= moment.second).map(|order| order.id).collect();
        let gone = |known: &&Known| {
            let old = known.attempted.is_some_and(|at| at < moment.second - 12);
            let lost = matches!(known.status, OrderStatus::Unknown | OrderStatus::Sent);
            old && lost && !there.contains(&known.created.id)
        };
        let gone: Vec<OrderId> = self.known.values().filter(gone).map(|known| known.created.id).collect();
        for id in gone {
            tape.append(report(GatewayAct::NeverReached, Some(id), None, moment.ts));
        }
    }

    fn state_input(order: &Placed, source: UpdateSource, ts: Ts) -> Input {
        let filled = order.trades.iter().filter(|trade| trade.counted).map(|trade| trade.qty).sum();
        Input::BrokerOrder(Box::new(BrokerOrder {
            source,
            broker_order: order.number.clone(),
            tag: Some(order.id.to_string()),
            instrument: Some(order.instrument),
            symbol: format!("S{}", order.instrument.0),
            side: order.side,
            status: order.status,
            words: String::new(),
            qty: Qty::new(order.qty),
            filled: Qty::new(filled),
            average: Price::ZERO,
            ts,
        }))
    }

    fn trade_input(order: &Placed, trade: &Trade, source: UpdateSource, tagged: bool, ts: Ts) -> Input {
        Input::BrokerTrade(Box::new(BrokerTrade {
            source,
            trade: trade.name.clone(),
            broker_order: order.number.clone(),
            tag: tagged.then(|| order.id.to_string()),
            instrument: Some(order.instrument),
            symbol: format!("S{}", order.instrument.0),
            side: order.side,
            qty: Qty::new(trade.qty),
            price: trade.price,
            ts,
        }))
    }

    /// Another program's order and its trade: without a tag, with a tag of its own, with one of ours that nobody made,
    /// with one of a real order but for another instrument, or with one of a real order that has another number.
    pub fn foreign(&mut self, tag: u8, moment: Moment, tape: &mut impl Tape) {
        self.foreign += 1;
        let ours = self.known.values().next_back().map(|known| known.created.clone());
        let text = match (tag, &ours) {
            (0, _) => None,
            (1, _) => Some("other".to_owned()),
            (2, _) | (_, None) => Some("bk000a1zzzzz".to_owned()),
            (_, Some(order)) => Some(order.id.to_string()),
        };
        let (instrument, side) = match (tag, &ours) {
            (4, Some(order)) => (order.instrument, order.side.other()),
            (3, Some(order)) => (InstrumentId(order.instrument.0 ^ 1), order.side),
            _ => (InstrumentId(0), Side::Buy),
        };
        let order = format!("7{}{:05}", self.session, self.foreign);
        tape.append(Input::BrokerOrder(Box::new(BrokerOrder {
            source: UpdateSource::Postback,
            broker_order: order.clone(),
            tag: text.clone(),
            instrument: Some(instrument),
            symbol: "S0".to_owned(),
            side,
            status: BrokerStatus::Complete,
            words: String::new(),
            qty: Qty::new(10),
            filled: Qty::new(10),
            average: Price::ZERO,
            ts: moment.ts,
        })));
        tape.append(Input::BrokerTrade(Box::new(BrokerTrade {
            source: UpdateSource::Postback,
            trade: format!("F{}{:05}", self.session, self.foreign),
            broker_order: order,
            tag: text,
            instrument: Some(instrument),
            symbol: "S0".to_owned(),
            side,
            qty: Qty::new(10),
            price: Price::new(10_000_000),
            ts: moment.ts,
        })));
    }
}

fn report(act: GatewayAct, order: Option<OrderId>, number: Option<String>, ts: Ts) -> Input {
    Input::GatewayReport(Box::new(GatewayReport { act, order, broker_order: number, words: String::new(), ts }))
}
