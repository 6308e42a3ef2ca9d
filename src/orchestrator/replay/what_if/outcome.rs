//! What a session came to: its orders, and fills and money by pair. Reads events, recorded or made anew; never writes.

use std::collections::BTreeMap;
use std::ops::Sub;

use barkeep_schemas::{
    Derived, Event, EventKind, FineMoney, Input, OrderId, OrderStatus, PairId, PairSpec, Price, Qty, Side,
};
use serde::Serialize;

/// The kinds of events that an outcome is made of.
pub(super) const KINDS: [EventKind; 10] = [
    EventKind::SessionOpened,
    EventKind::SessionClosed,
    EventKind::InstrumentListed,
    EventKind::DeskChanged,
    EventKind::Signal,
    EventKind::OrderCreated,
    EventKind::RiskDecision,
    EventKind::OrderMoved,
    EventKind::Fill,
    EventKind::PairDay,
];

/// Sums over orders, fills and money; a difference has signs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Totals {
    /// Signals.
    pub signals: i64,
    /// Orders made.
    pub orders: i64,
    /// Of these, refused by the risk manager or the exchange.
    pub rejected: i64,
    /// Fills.
    pub fills: i64,
    /// Shares filled.
    pub shares: i64,
    /// Profit realised, before charges.
    pub realised: FineMoney,
    /// Profit of what is held at the close, at last prices; zero while a session is open.
    pub unrealised: FineMoney,
    /// Charges.
    pub charges: FineMoney,
    /// Realised and unrealised less charges.
    pub net: FineMoney,
}

impl Sub for Totals {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        let money = |a: FineMoney, b: FineMoney| FineMoney::new(a.get().saturating_sub(b.get()));
        Self {
            signals: self.signals - other.signals,
            orders: self.orders - other.orders,
            rejected: self.rejected - other.rejected,
            fills: self.fills - other.fills,
            shares: self.shares - other.shares,
            realised: money(self.realised, other.realised),
            unrealised: money(self.unrealised, other.unrealised),
            charges: money(self.charges, other.charges),
            net: money(self.net, other.net),
        }
    }
}

/// How an order ended, or stands.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct OrderEnd {
    /// Shares asked for.
    pub asked: Qty,
    /// Shares allowed.
    pub allowed: Qty,
    /// Limit or protection.
    pub price: Price,
    /// Where it stands.
    pub status: OrderStatus,
    /// Shares filled.
    pub filled: Qty,
    /// The check that made it smaller or refused it.
    pub rule: Option<&'static str>,
    /// Money of its fills.
    pub turnover: FineMoney,
}

/// An order as an outcome keeps it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Made {
    pub(super) pair: String,
    pub(super) symbol: String,
    pub(super) side: Side,
    pub(super) end: OrderEnd,
}

/// What a session came to.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    symbols: Vec<String>,
    names: Vec<String>,
    orders: BTreeMap<OrderId, Made>,
    /// What and why, by time and pair.
    signals: BTreeMap<(i64, String), String>,
    pairs: BTreeMap<String, Totals>,
}

const fn plus(a: FineMoney, b: FineMoney) -> FineMoney {
    FineMoney::new(a.get().saturating_add(b.get()))
}

impl Outcome {
    /// Takes the next event.
    pub(super) fn take(&mut self, event: &Event) {
        match event {
            Event::Input(Input::SessionOpened(opened)) => {
                self.symbols = opened.instruments.iter().map(|instrument| instrument.symbol.clone()).collect();
                if let Some(desk) = &opened.desk {
                    self.watch(&desk.setup.pairs);
                }
            }
            Event::Input(Input::InstrumentListed(instrument)) => self.symbols.push(instrument.symbol.clone()),
            Event::Input(Input::DeskChanged(setup)) => self.watch(&setup.pairs),
            Event::Input(_) => {}
            Event::Derived(derived) => self.derived(derived),
        }
    }

    fn watch(&mut self, specs: &[PairSpec]) {
        self.names = specs.iter().map(|spec| spec.name.clone()).collect();
        for spec in specs {
            self.pairs.entry(spec.name.clone()).or_default();
        }
    }

    fn name(&self, pair: PairId) -> String {
        self.names.get(pair.index()).cloned().unwrap_or_else(|| format!("pair {}", pair.0))
    }

    fn totals(&mut self, pair: PairId) -> &mut Totals {
        let name = self.name(pair);
        self.pairs.entry(name).or_default()
    }

    fn derived(&mut self, derived: &Derived) {
        if let Derived::Signal(signal) = derived {
            self.totals(signal.pair).signals += 1;
            let key = (signal.ts.get(), self.name(signal.pair));
            self.signals.insert(key, format!("{} ({})", signal.action, signal.reason));
        } else if let Derived::OrderCreated(order) = derived {
            self.totals(order.id.pair).orders += 1;
            let symbol = self.symbols.get(order.instrument.index()).cloned().unwrap_or_default();
            let end = OrderEnd {
                asked: order.qty,
                allowed: order.qty,
                price: order.price,
                status: OrderStatus::New,
                filled: Qty::ZERO,
                rule: None,
                turnover: FineMoney::ZERO,
            };
            let pair = self.name(order.id.pair);
            self.orders.insert(order.id, Made { pair, symbol, side: order.side, end });
        } else if let Derived::RiskDecision(decision) = derived {
            if let Some(order) = self.orders.get_mut(&decision.order) {
                order.end.allowed = decision.allowed;
                order.end.rule = decision.rule.map(|rule| rule.name());
            }
        } else if let Derived::OrderMoved(moved) = derived {
            if let Some(order) = self.orders.get_mut(&moved.order) {
                (order.end.status, order.end.filled) = (moved.to, moved.filled);
            }
            if moved.to == OrderStatus::Rejected {
                self.totals(moved.order.pair).rejected += 1;
            }
        } else if let Derived::Fill(fill) = derived {
            let turnover = FineMoney::of(barkeep_schemas::Money::new(fill.price.get().saturating_mul(fill.qty.get())));
            if let Some(order) = self.orders.get_mut(&fill.order) {
                order.end.turnover = plus(order.end.turnover, turnover);
            }
            let totals = self.totals(fill.order.pair);
            totals.fills += 1;
            totals.shares += fill.qty.get();
            totals.realised = plus(totals.realised, fill.realised);
            totals.charges = plus(totals.charges, fill.charges.total());
            totals.net = super::net(totals.realised, totals.unrealised, totals.charges);
        } else if let Derived::PairDay(day) = derived {
            let totals = self.totals(day.pair);
            totals.unrealised = day.unrealised;
            totals.net = super::net(totals.realised, totals.unrealised, totals.charges);
        }
    }

    /// The names of all pairs.
    pub(super) fn pairs(&self) -> impl Iterator<Item = &String> {
        self.pairs.keys()
    }

    /// The sums of one pair.
    pub(super) fn of_pair(&self, name: &str) -> Totals {
        self.pairs.get(name).copied().unwrap_or_default()
    }

    /// The sums over all pairs.
    pub(super) fn total(&self) -> Totals {
        self.pairs.values().fold(Totals::default(), |sum, pair| sum - (Totals::default() - *pair))
    }

    /// The times and pairs of all signals.
    pub(super) fn signals(&self) -> impl Iterator<Item = &(i64, String)> {
        self.signals.keys()
    }

    pub(super) fn signal(&self, key: &(i64, String)) -> Option<&String> {
        self.signals.get(key)
    }

    /// All orders.
    pub(super) fn orders(&self) -> impl Iterator<Item = OrderId> {
        self.orders.keys().copied()
    }

    pub(super) fn order(&self, id: OrderId) -> Option<&Made> {
        self.orders.get(&id)
    }
}
