//! What has happened in a session up to an event: orders, pairs and money as the events tell them.
//!
//! What it never does: decide, or know more than the events. Who calls it: `--until`, for values of fields.

use std::collections::BTreeMap;

use barkeep_schemas::{
    Derived, EquityMark, Event, FINE_PER_MONEY, FineMoney, Input, Leg, OrderCreated, OrderId, OrderStatus, OrderWhy,
    PRICE_SCALE, PairId, PairMark, PairSpec, PairState, Price, Qty, Real, Scope, Seq, Ts,
};

use super::Value;
use super::fields::Field;

/// An order as it stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct OrderNow {
    pub(super) created: OrderCreated,
    pub(super) qty: Qty,
    pub(super) status: OrderStatus,
    why: Option<OrderWhy>,
    pub(super) filled: Qty,
}

/// A pair as it stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct PairNow {
    pub(super) spec: PairSpec,
    pub(super) state: PairState,
    pub(super) mark: Option<PairMark>,
    pub(super) qty_a: i64,
    pub(super) qty_b: i64,
}

/// What has happened so far.
#[derive(Clone, Debug, Default)]
pub struct World {
    symbols: Vec<String>,
    pub(super) pairs: Vec<PairNow>,
    pub(super) orders: BTreeMap<OrderId, OrderNow>,
    pub(super) equity: BTreeMap<Scope, EquityMark>,
    pub(super) kills: BTreeMap<Scope, String>,
    now: Option<Ts>,
}

/// What an event is about.
#[derive(Clone, Copy, Default)]
pub(super) struct About {
    pub(super) order: Option<OrderId>,
    pub(super) pair: Option<PairId>,
}

pub(super) fn about(event: &Event) -> About {
    let of = |order: OrderId| About { order: Some(order), pair: Some(order.pair) };
    let pair = |pair: PairId| About { order: None, pair: Some(pair) };
    match event {
        Event::Input(Input::GatewayReport(report)) => report.order.map(of).unwrap_or_default(),
        Event::Input(_) => About::default(),
        Event::Derived(derived) => match derived {
            Derived::OrderCreated(order) => of(order.id),
            Derived::RiskDecision(decision) => of(decision.order),
            Derived::OrderMoved(moved) => of(moved.order),
            Derived::MoveRefused(refused) => of(refused.order),
            Derived::Fill(fill) => of(fill.order),
            Derived::OrderHeld(held) => of(held.order),
            Derived::CancelWanted(wanted) => of(wanted.order),
            Derived::PairMark(mark) => pair(mark.pair),
            Derived::PairDay(day) => pair(day.pair),
            Derived::Signal(signal) => pair(signal.pair),
            Derived::EntryRefused(refused) => pair(refused.pair),
            Derived::PairMoved(moved) => pair(moved.pair),
            Derived::Bar(_)
            | Derived::AuctionPrint(_)
            | Derived::UnallocatedVolume(_)
            | Derived::VolumeReset(_)
            | Derived::TickSetAside(_)
            | Derived::InputRefused(_)
            | Derived::EquityMark(_)
            | Derived::ContractNote(_)
            | Derived::KillSwitched(_)
            | Derived::ForeignUpdate(_) => About::default(),
        },
    }
}

impl World {
    /// Takes the next event.
    pub fn take(&mut self, event: &Event) {
        self.now = self.now.max(event.ts());
        match event {
            Event::Input(Input::SessionOpened(opened)) => {
                *self = Self { now: event.ts(), ..Self::default() };
                self.symbols = opened.instruments.iter().map(|instrument| instrument.symbol.clone()).collect();
                if let Some(desk) = &opened.desk {
                    self.watch(&desk.setup.pairs);
                    for carried in &desk.carried.pairs {
                        if let Some(pair) = self.pairs.get_mut(carried.pair.index()) {
                            (pair.qty_a, pair.qty_b) = (carried.a.qty, carried.b.qty);
                        }
                    }
                    for kill in &desk.carried.kills {
                        self.kills.insert(kill.scope, kill.reason.clone());
                    }
                }
            }
            Event::Input(Input::InstrumentListed(instrument)) => self.symbols.push(instrument.symbol.clone()),
            Event::Input(Input::DeskChanged(setup)) => self.watch(&setup.pairs),
            Event::Input(_) => {}
            Event::Derived(derived) => self.derived(derived),
        }
    }

    fn watch(&mut self, specs: &[PairSpec]) {
        for (at, spec) in specs.iter().enumerate() {
            match self.pairs.get_mut(at) {
                Some(pair) => pair.spec = spec.clone(),
                None => self.pairs.push(PairNow {
                    spec: spec.clone(),
                    state: PairState::Flat,
                    mark: None,
                    qty_a: 0,
                    qty_b: 0,
                }),
            }
        }
    }

    fn derived(&mut self, derived: &Derived) {
        if let Derived::OrderCreated(order) = derived {
            let (created, qty) = ((**order).clone(), order.qty);
            let now = OrderNow { created, qty, status: OrderStatus::New, why: None, filled: Qty::ZERO };
            self.orders.insert(order.id, now);
        } else if let Derived::RiskDecision(decision) = derived {
            if let Some(order) = self.orders.get_mut(&decision.order) {
                order.qty = decision.allowed;
            }
        } else if let Derived::OrderMoved(moved) = derived {
            if let Some(order) = self.orders.get_mut(&moved.order) {
                (order.status, order.why, order.filled) = (moved.to, Some(moved.why), moved.filled);
            }
        } else if let Derived::Fill(fill) = derived {
            if let Some(pair) = self.pairs.get_mut(fill.order.pair.index()) {
                match fill.order.leg {
                    Leg::A => pair.qty_a = fill.position,
                    Leg::B => pair.qty_b = fill.position,
                }
            }
        } else if let Derived::PairMark(mark) = derived {
            if let Some(pair) = self.pairs.get_mut(mark.pair.index()) {
                pair.mark = Some((**mark).clone());
            }
        } else if let Derived::PairMoved(moved) = derived {
            if let Some(pair) = self.pairs.get_mut(moved.pair.index()) {
                (pair.state, pair.qty_a, pair.qty_b) = (moved.to, moved.qty_a, moved.qty_b);
            }
        } else if let Derived::EquityMark(mark) = derived {
            self.equity.insert(mark.scope, (**mark).clone());
        } else if let Derived::KillSwitched(kill) = derived {
            if kill.on {
                self.kills.insert(kill.scope, kill.reason.clone());
            } else {
                self.kills.remove(&kill.scope);
            }
        }
    }

    /// The latest moment that an event told.
    pub fn now(&self) -> Option<Ts> {
        self.now
    }

    pub(super) fn symbol(&self, instrument: usize) -> Option<String> {
        self.symbols.get(instrument).cloned()
    }

    fn pair_name(&self, pair: PairId) -> Option<Value> {
        self.pairs.get(pair.index()).map(|pair| text(&pair.spec.name))
    }

    /// The value of a field at an event; `None` where the event, or what it is about, does not have it.
    pub fn value(&self, field: Field, seq: Seq, event: &Event) -> Option<Value> {
        let group = field.name().split('.').next().unwrap_or_default();
        match group {
            "event" => self.event_value(field, seq, event),
            "order" => self.order_value(field, about(event).order?),
            "pair" => self.pair_value(field, about(event).pair?),
            _ => match event {
                Event::Derived(derived) => self.derived_value(field, derived),
                Event::Input(_) => None,
            },
        }
    }

    fn event_value(&self, field: Field, seq: Seq, event: &Event) -> Option<Value> {
        if field == Field::EventKind {
            Some(text(event.kind().name()))
        } else if field == Field::EventSeq {
            Some(Value::Number(seq.0 as f64))
        } else {
            Some(Value::Text(time_of_day(event.ts().or(self.now)?)))
        }
    }

    fn order_value(&self, field: Field, id: OrderId) -> Option<Value> {
        let order = self.orders.get(&id)?;
        let created = &order.created;
        pick(
            field,
            [
                (Field::OrderId, Some(text(&id.to_string()))),
                (Field::OrderSymbol, self.symbol(created.instrument.index()).map(Value::Text)),
                (Field::OrderPair, self.pair_name(id.pair)),
                (Field::OrderLeg, Some(text(id.leg.name()))),
                (Field::OrderSide, Some(text(created.side.name()))),
                (Field::OrderType, Some(text(created.order_type.name()))),
                (Field::OrderValidity, Some(text(created.validity.name()))),
                (Field::OrderPurpose, Some(text(created.purpose.name()))),
                (Field::OrderBucket, Some(text(created.bucket.name()))),
                (Field::OrderStatus, Some(text(order.status.name()))),
                (Field::OrderWhy, order.why.map(|why| text(why.name()))),
                (Field::OrderQty, Some(number(created.qty.get()))),
                (Field::OrderFilled, Some(number(order.filled.get()))),
                (Field::OrderPrice, Some(price(created.price))),
            ],
        )
    }

    fn pair_value(&self, field: Field, id: PairId) -> Option<Value> {
        let pair = self.pairs.get(id.index())?;
        let mark = pair.mark.as_ref();
        pick(
            field,
            [
                (Field::PairId, Some(text(&pair.spec.name))),
                (Field::PairBucket, Some(text(pair.spec.bucket.name()))),
                (Field::PairState, Some(text(pair.state.name()))),
                (Field::PairZscore, real(mark.and_then(|mark| mark.z))),
                (Field::PairSpread, real(mark.map(|mark| mark.spread))),
                (Field::PairMean, real(mark.and_then(|mark| mark.mean))),
                (Field::PairSd, real(mark.and_then(|mark| mark.deviation))),
                (Field::PairQtyA, Some(number(pair.qty_a))),
                (Field::PairQtyB, Some(number(pair.qty_b))),
            ],
        )
    }

    fn derived_value(&self, field: Field, derived: &Derived) -> Option<Value> {
        match (field, derived) {
            (Field::SignalPair, Derived::Signal(signal)) => self.pair_name(signal.pair),
            (Field::SignalAction, Derived::Signal(signal)) => Some(text(signal.action.name())),
            (Field::SignalReason, Derived::Signal(signal)) => Some(text(signal.reason.name())),
            (Field::SignalZscore, Derived::Signal(signal)) => real(signal.z),
            (Field::RiskOrder, Derived::RiskDecision(decision)) => Some(text(&decision.order.to_string())),
            (Field::RiskVerdict, Derived::RiskDecision(decision)) => Some(text(decision.verdict.name())),
            (Field::RiskRule, Derived::RiskDecision(decision)) => Some(text(decision.rule?.name())),
            (Field::RiskAsked, Derived::RiskDecision(decision)) => Some(number(decision.asked.get())),
            (Field::RiskAllowed, Derived::RiskDecision(decision)) => Some(number(decision.allowed.get())),
            (Field::FillId, Derived::Fill(fill)) => Some(text(&fill.trade)),
            (Field::FillOrder, Derived::Fill(fill)) => Some(text(&fill.order.to_string())),
            (Field::FillPair, Derived::Fill(fill)) => self.pair_name(fill.order.pair),
            (Field::FillSymbol, Derived::Fill(fill)) => self.symbol(fill.instrument.index()).map(Value::Text),
            (Field::FillSide, Derived::Fill(fill)) => Some(text(fill.side.name())),
            (Field::FillQty, Derived::Fill(fill)) => Some(number(fill.qty.get())),
            (Field::FillPrice, Derived::Fill(fill)) => Some(price(fill.price)),
            (Field::FillLiquidity, Derived::Fill(fill)) => Some(text(fill.liquidity.name())),
            (Field::FillCharges, Derived::Fill(fill)) => Some(fine(fill.charges.total())),
            (Field::FillRealised, Derived::Fill(fill)) => Some(fine(fill.realised)),
            (Field::FillPosition, Derived::Fill(fill)) => Some(number(fill.position)),
            (Field::FillLate, Derived::Fill(fill)) => Some(Value::Flag(fill.late)),
            (Field::EquityScope, Derived::EquityMark(mark)) => Some(text(mark.scope.name())),
            (Field::EquityValue, Derived::EquityMark(mark)) => mark.equity.map(fine),
            (Field::EquityTradable, Derived::EquityMark(mark)) => mark.tradable.map(fine),
            (Field::EquityDrawdown, Derived::EquityMark(mark)) => real(mark.drawdown_pct),
            (Field::EquityGross, Derived::EquityMark(mark)) => mark.gross.map(|money| fine(FineMoney::of(money))),
            (Field::EquityNet, Derived::EquityMark(mark)) => mark.net.map(|money| fine(FineMoney::of(money))),
            (Field::EquityRealised, Derived::EquityMark(mark)) => Some(fine(mark.realised)),
            (Field::EquityUnrealised, Derived::EquityMark(mark)) => mark.unrealised.map(fine),
            (Field::EquityCharges, Derived::EquityMark(mark)) => Some(fine(mark.charges)),
            (Field::KillScope, Derived::KillSwitched(kill)) => Some(text(kill.scope.name())),
            (Field::KillOn, Derived::KillSwitched(kill)) => Some(Value::Flag(kill.on)),
            (Field::KillWhy, Derived::KillSwitched(kill)) => Some(text(kill.why.name())),
            (Field::BarSymbol, Derived::Bar(bar)) => self.symbol(bar.instrument.index()).map(Value::Text),
            (Field::BarTf, Derived::Bar(bar)) => Some(text(bar.tf.label())),
            (Field::BarOpen, Derived::Bar(bar)) => Some(price(bar.open)),
            (Field::BarHigh, Derived::Bar(bar)) => Some(price(bar.high)),
            (Field::BarLow, Derived::Bar(bar)) => Some(price(bar.low)),
            (Field::BarClose, Derived::Bar(bar)) => Some(price(bar.close)),
            (Field::BarVolume, Derived::Bar(bar)) => Some(number(bar.volume.get())),
            (Field::BarRevision, Derived::Bar(bar)) => Some(number(i64::from(bar.revision))),
            _ => None,
        }
    }
}

/// The value that belongs to a field.
fn pick(field: Field, values: impl IntoIterator<Item = (Field, Option<Value>)>) -> Option<Value> {
    values.into_iter().find_map(|(one, value)| value.filter(|_| one == field))
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn number(number: i64) -> Value {
    Value::Number(number as f64)
}

fn price(price: Price) -> Value {
    Value::Number(price.get() as f64 / PRICE_SCALE as f64)
}

fn fine(money: FineMoney) -> Value {
    Value::Number(money.get() as f64 / (PRICE_SCALE * FINE_PER_MONEY) as f64)
}

fn real(real: Option<Real>) -> Option<Value> {
    real.map(|real| Value::Number(real.get()))
}

/// IST is five and a half hours ahead of UTC and knows no summer time.
const IST_SECS: i64 = 19_800;

/// `09:15:49` in IST.
fn time_of_day(ts: Ts) -> String {
    let second = (ts.secs() + IST_SECS).rem_euclid(86_400);
    format!("{:02}:{:02}:{:02}", second / 3_600, second / 60 % 60, second % 60)
}
