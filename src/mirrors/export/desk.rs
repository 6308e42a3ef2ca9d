//! The pairs desk as rows: orders as they stand, fills, signals, and statistics of the pairs.
//!
//! What it is: one pass each. What it never does: add up, or hold more than the orders of the session. Called by
//! [`super::export`].

use std::collections::BTreeMap;

use barkeep_schemas::{
    Derived, Event, EventKind, Fill, Input, InstrumentId, OrderCreated, OrderId, OrderMoved, OrderStatus, PairId,
    PairSpec, Qty, RiskDecision, Seq,
};
use barkeep_storage::{Filter, ReadError};

use super::Rows;
use super::error::ExportError;
use super::scope::{Scope, Stretch};
use super::sheet::Cell;
use crate::mirrors::symbols::SymbolBook;

/// A pair as rows name it.
struct Pair {
    name: String,
    legs: [InstrumentId; 2],
}

/// The pairs of a session by number.
#[derive(Default)]
struct Pairs(Vec<Pair>);

impl Pairs {
    /// Takes what an input says of pairs.
    fn take(&mut self, input: &Input) {
        if let Input::SessionOpened(opened) = input {
            self.0.clear();
            if let Some(desk) = &opened.desk {
                self.set(&desk.setup.pairs);
            }
        } else if let Input::DeskChanged(setup) = input {
            self.set(&setup.pairs);
        }
    }

    fn set(&mut self, specs: &[PairSpec]) {
        let pair = |spec: &PairSpec| Pair { name: spec.name.clone(), legs: [spec.leg_a, spec.leg_b] };
        self.0 = specs.iter().map(pair).collect();
    }

    fn name(&self, pair: PairId) -> &str {
        self.0.get(pair.index()).map_or("", |pair| &pair.name)
    }

    /// Whether rows of a leg of the pair were asked for.
    fn wanted(&self, pair: PairId, seq: Seq, book: &mut SymbolBook<'_>, rows: &Rows) -> Result<bool, ReadError> {
        let legs = self.0.get(pair.index()).map(|pair| pair.legs).unwrap_or_default();
        let mut wanted = false;
        for leg in legs {
            wanted |= rows.wants(&book.symbol(seq, leg)?.name);
        }
        Ok(wanted)
    }
}

/// What every row of the desk needs, and the kinds that it is made of itself.
fn filter(kinds: impl IntoIterator<Item = EventKind>) -> Filter {
    Filter::kinds([EventKind::SessionOpened, EventKind::DeskChanged].into_iter().chain(kinds))
}

/// An order and what became of it.
struct Order {
    seq: Seq,
    id: String,
    symbol: String,
    pair: String,
    created: OrderCreated,
    decision: Option<RiskDecision>,
    moved: Option<(Seq, OrderMoved)>,
}

impl Order {
    fn allowed(&self) -> Qty {
        self.decision.as_ref().map_or(self.created.qty, |decision| decision.allowed)
    }

    fn status(&self) -> OrderStatus {
        self.moved.as_ref().map_or(OrderStatus::New, |(_, moved)| moved.to)
    }

    fn row(&self) -> Vec<Cell<'_>> {
        let created = &self.created;
        let filled = self.moved.as_ref().map_or(0, |(_, moved)| moved.filled.get());
        let rule = self.decision.as_ref().and_then(|decision| decision.rule);
        let why = self.moved.as_ref().map(|(_, moved)| moved.why);
        let signal = created.signal.map(|seq| i64::try_from(seq.0).unwrap_or(i64::MAX));
        vec![
            Cell::Text(&self.id),
            Cell::Text(&self.symbol),
            Cell::Text(created.side.name()),
            Cell::Int(self.allowed().get()),
            Cell::Decimal(created.price),
            Cell::Text(self.status().name()),
            Cell::Int(created.ts.secs()),
            Cell::Text(&self.pair),
            Cell::seq(self.seq),
            Cell::Int(created.ts.get()),
            Cell::Text(created.id.leg.name()),
            Cell::Text(created.purpose.name()),
            Cell::Text(created.order_type.name()),
            Cell::Text(created.validity.name()),
            Cell::Text(created.product.name()),
            Cell::Text(created.bucket.name()),
            Cell::Int(created.qty.get()),
            Cell::Int(filled),
            why.map_or(Cell::Empty, |why| Cell::Text(why.name())),
            rule.map_or(Cell::Empty, |rule| Cell::Text(rule.name())),
            Cell::int(signal),
            Cell::Decimal(created.reference),
            Cell::seq(self.moved.as_ref().map_or(self.seq, |(seq, _)| *seq)),
        ]
    }
}

/// Orders in the order in which they were made, as they stood at the last position read.
pub(super) fn orders(scope: &mut Scope<'_>, book: &mut SymbolBook<'_>, rows: &mut Rows) -> Result<(), ExportError> {
    let mut orders: BTreeMap<OrderId, Order> = BTreeMap::new();
    let mut pairs = Pairs::default();
    let filter = filter([EventKind::OrderCreated, EventKind::RiskDecision, EventKind::OrderMoved]);
    scope.each(Stretch::Segment, &filter, |seq, event| {
        match event {
            Event::Input(input) => pairs.take(&input),
            Event::Derived(Derived::OrderCreated(created)) => {
                let symbol = book.symbol(seq, created.instrument)?.name.to_string();
                let (id, pair) = (created.id.to_string(), pairs.name(created.id.pair).to_owned());
                if rows.wants(&symbol) {
                    let order = Order { seq, id, symbol, pair, created: *created, decision: None, moved: None };
                    orders.insert(order.created.id, order);
                }
            }
            Event::Derived(Derived::RiskDecision(decision)) => {
                if let Some(order) = orders.get_mut(&decision.order) {
                    order.decision = Some(*decision);
                }
            }
            Event::Derived(Derived::OrderMoved(moved)) => {
                if let Some(order) = orders.get_mut(&moved.order) {
                    order.moved = Some((seq, *moved));
                }
            }
            Event::Derived(_) => {}
        }
        Ok(())
    })?;
    let mut orders: Vec<Order> = orders.into_values().collect();
    orders.sort_by_key(|order| order.seq);
    orders.iter().try_for_each(|order| rows.push(&order.row()))
}

/// What is left of an order that is being filled.
#[derive(Clone, Copy)]
struct Filling {
    allowed: i64,
    filled: i64,
    /// Where it ended, once it has.
    ended: Option<OrderStatus>,
}

impl Filling {
    /// The order's status once a fill is booked; what comes late changes none.
    fn fill(&mut self, qty: Qty) -> OrderStatus {
        self.filled = self.filled.saturating_add(qty.get());
        match self.ended {
            Some(ended) => ended,
            None if self.filled >= self.allowed => OrderStatus::Filled,
            None => OrderStatus::Partial,
        }
    }
}

/// Fills as they were booked.
pub(super) fn fills(scope: &mut Scope<'_>, book: &mut SymbolBook<'_>, rows: &mut Rows) -> Result<(), ExportError> {
    let mut orders: BTreeMap<OrderId, Filling> = BTreeMap::new();
    let mut pairs = Pairs::default();
    let filter = filter([EventKind::RiskDecision, EventKind::OrderMoved, EventKind::Fill]);
    scope.each(Stretch::Segment, &filter, |seq, event| {
        match event {
            Event::Input(input) => pairs.take(&input),
            Event::Derived(Derived::RiskDecision(decision)) => {
                let filling = Filling { allowed: decision.allowed.get(), filled: 0, ended: None };
                orders.insert(decision.order, filling);
            }
            Event::Derived(Derived::OrderMoved(moved)) => {
                if let Some(filling) = orders.get_mut(&moved.order) {
                    filling.ended = Some(moved.to).filter(|to| to.is_terminal());
                }
            }
            Event::Derived(Derived::Fill(fill)) => {
                let symbol = book.symbol(seq, fill.instrument)?;
                let status = orders.get_mut(&fill.order).map_or(OrderStatus::Filled, |filling| filling.fill(fill.qty));
                if rows.wants(&symbol.name) {
                    let (id, pair) = (fill.order.to_string(), pairs.name(fill.order.pair));
                    return rows.push(&fill_row(seq, &fill, [&id, &symbol.name, pair], status));
                }
            }
            Event::Derived(_) => {}
        }
        Ok(())
    })
}

fn fill_row<'a>(seq: Seq, fill: &'a Fill, [id, symbol, pair]: [&'a str; 3], status: OrderStatus) -> [Cell<'a>; 23] {
    let charges = &fill.charges;
    [
        Cell::Text(id),
        Cell::Text(symbol),
        Cell::Text(fill.side.name()),
        Cell::Int(fill.qty.get()),
        Cell::Decimal(fill.price),
        Cell::Text(status.name()),
        Cell::Int(fill.ts.secs()),
        Cell::Text(pair),
        Cell::seq(seq),
        Cell::Int(fill.ts.get()),
        Cell::Text(fill.order.leg.name()),
        Cell::Text(&fill.trade),
        Cell::Text(fill.liquidity.name()),
        Cell::Money(charges.brokerage),
        Cell::Money(charges.stt),
        Cell::Money(charges.exchange),
        Cell::Money(charges.sebi),
        Cell::Money(charges.stamp),
        Cell::Money(charges.gst),
        Cell::Money(charges.total()),
        Cell::Money(fill.realised),
        Cell::Int(fill.position),
        Cell::Decimal(fill.average),
    ]
}

/// Signals as they were made.
pub(super) fn signals(scope: &mut Scope<'_>, book: &mut SymbolBook<'_>, rows: &mut Rows) -> Result<(), ExportError> {
    let mut pairs = Pairs::default();
    scope.each(Stretch::Segment, &filter([EventKind::Signal]), |seq, event| {
        if let Event::Input(input) = event {
            pairs.take(&input);
        } else if let Event::Derived(Derived::Signal(signal)) = event
            && pairs.wanted(signal.pair, seq, book, rows)?
        {
            rows.push(&[
                Cell::Text(pairs.name(signal.pair)),
                Cell::Text(signal.action.name()),
                Cell::Text(signal.reason.name()),
                Cell::Int(signal.ts.secs()),
                Cell::real(signal.z),
                Cell::real(signal.z_before),
                Cell::real(signal.threshold),
                signal.mark.map_or(Cell::Empty, Cell::seq),
                Cell::seq(seq),
                Cell::Int(signal.ts.get()),
            ])?;
        }
        Ok(())
    })
}

/// Marks of the pairs as they were made, revisions too.
pub(super) fn pair_marks(scope: &mut Scope<'_>, book: &mut SymbolBook<'_>, rows: &mut Rows) -> Result<(), ExportError> {
    let mut pairs = Pairs::default();
    scope.each(Stretch::Segment, &filter([EventKind::PairMark]), |seq, event| {
        if let Event::Input(input) = event {
            pairs.take(&input);
        } else if let Event::Derived(Derived::PairMark(mark)) = event
            && pairs.wanted(mark.pair, seq, book, rows)?
        {
            rows.push(&[
                Cell::Text(pairs.name(mark.pair)),
                Cell::Int(mark.start.secs()),
                Cell::Decimal(mark.close_a),
                Cell::Decimal(mark.close_b),
                Cell::Real(mark.spread),
                Cell::real(mark.mean),
                Cell::real(mark.deviation),
                Cell::real(mark.z),
                Cell::real(mark.night_step),
                Cell::Int(i64::from(mark.first_edition)),
                Cell::seq(mark.bar_a),
                Cell::seq(mark.bar_b),
                Cell::seq(seq),
            ])?;
        }
        Ok(())
    })
}
