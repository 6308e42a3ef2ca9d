//! Orders: where each stands, what it filled, and the one road by which either changes.
//!
//! What it is: every order of the session, by its identity, for ever. What it never does: make an order, decide one or
//! send one; take an intention for a fact. Who calls it: executor and risk manager create and decide, the matcher's and
//! the broker's words come in here.
//!
//! Invariants: a state follows another by the table alone; an order that ended stays ended; a trade is booked once,
//! whatever the state; the position follows trades alone. Repeats are silent.

mod gateway;
mod order;
pub(crate) mod rate;
mod table;

#[cfg(test)]
mod tests;

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use barkeep_schemas::{
    Charges, DecodeError, Derived, Fill, Leg, Money, MoveRefused, OrderCreated, OrderId, OrderMoved, OrderStatus,
    OrderWhy, PairId, Qty, Seq, Ts, Wire,
};

pub(crate) use order::{Books, FillOutcome, OmsNews, Order, Traded, Went};

use super::charges::{charge, rates};
use crate::output::Output;

/// Where a live order lies: by pair, then leg, then age.
type Place = (PairId, Leg, Seq);

const fn place(id: OrderId) -> Place {
    (id.pair, id.leg, id.cause)
}

/// All orders of the session.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Oms {
    /// By id.
    orders: Vec<Order>,
    /// Foreign words that were told already, sorted.
    foreign: Vec<String>,
    /// Those that have not ended, sorted. Follows from the orders, as do the next two.
    live: Vec<Place>,
    /// The broker's numbers, sorted.
    numbers: Vec<(String, OrderId)>,
    /// How many orders stand where, in the order of [`OrderStatus::ALL`].
    counts: [u32; 10],
}

impl Wire for Oms {
    fn put(&self, out: &mut Vec<u8>) {
        self.orders.put(out);
        self.foreign.put(out);
    }

    fn take(input: &mut &[u8]) -> Result<Self, DecodeError> {
        let orders: Vec<Order> = Wire::take(input)?;
        if !orders.is_sorted_by(|a, b| a.id < b.id) {
            return Err(DecodeError::OutOfRange { what: "the order of orders" });
        }
        let mut oms = Self { foreign: Wire::take(input)?, ..Self::default() };
        for order in &orders {
            if !order.status.is_terminal() {
                oms.live.push(place(order.id));
            }
            if let Some(number) = &order.broker_order {
                oms.numbers.push((number.clone(), order.id));
            }
            oms.count(order.status, 1);
        }
        oms.live.sort_unstable();
        oms.numbers.sort_unstable();
        oms.orders = orders;
        Ok(oms)
    }
}

impl Oms {
    /// A session without orders.
    #[cfg(test)]
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Takes an order in, NEW, with the shares that it may fill; `false`, and nothing changed, when there is one of its id.
    pub(crate) fn create(&mut self, created: &OrderCreated, qty: Qty) -> bool {
        let Err(at) = self.find(created.id) else { return false };
        self.orders.insert(at, Order::new(created, qty));
        let place = place(created.id);
        if let Err(at) = self.live.binary_search(&place) {
            self.live.insert(at, place);
        }
        self.count(OrderStatus::New, 1);
        true
    }

    /// An order.
    pub(crate) fn get(&self, id: OrderId) -> Option<&Order> {
        self.find(id).ok().and_then(|at| self.orders.get(at))
    }

    /// All that have not ended: by pair, leg and age.
    pub(crate) fn live(&self) -> impl Iterator<Item = &Order> {
        Self::at(&self.orders, &self.live)
    }

    /// A pair's that have not ended: by leg and age.
    #[cfg(test)]
    pub(crate) fn live_of(&self, pair: PairId) -> impl Iterator<Item = &Order> {
        let from = self.live.partition_point(|place| place.0 < pair);
        let until = self.live.partition_point(|place| place.0 <= pair);
        Self::at(&self.orders, self.live.get(from..until).unwrap_or_default())
    }

    fn at<'a>(orders: &'a [Order], places: &'a [Place]) -> impl Iterator<Item = &'a Order> {
        places.iter().filter_map(|&(pair, leg, cause)| {
            let id = OrderId { cause, pair, leg };
            orders.binary_search_by_key(&id, |order| order.id).ok().and_then(|at| orders.get(at))
        })
    }

    /// How many orders stand where, in the order of [`OrderStatus::ALL`].
    #[cfg(test)]
    pub(crate) const fn counts(&self) -> &[u32; 10] {
        &self.counts
    }

    /// Notes that an order's cancellation is wanted; `true` when that is new and the order has not ended.
    pub(crate) fn want_cancel(&mut self, id: OrderId) -> bool {
        let wanted =
            |order: &mut Order| !order.status.is_terminal() && !core::mem::replace(&mut order.cancel_wanted, true);
        self.get_mut(id).is_some_and(wanted)
    }

    /// Moves an order by the table, for a reason and with the broker's words, at `now` in nanoseconds of event time. A
    /// move pushes `OrderMoved`, one that the table does not allow `MoveRefused`; a repeat says nothing. That a partly
    /// filled order is filled in part again is a move.
    pub(crate) fn go(
        &mut self,
        id: OrderId,
        to: OrderStatus,
        why: OrderWhy,
        words: &str,
        now: i64,
        out: &mut Output<'_>,
    ) -> Went {
        let Some(order) = self.get_mut(id) else { return Went::Refused };
        let from = order.status;
        if !table::is_legal(from, to) {
            if from == to {
                return Went::Repeat;
            }
            refuse(order, to, why, now, out);
            return Went::Refused;
        }
        order.status = to;
        match to {
            OrderStatus::Approved => order.approved_at = Some(now),
            OrderStatus::Sent => order.sent_at = Some(now),
            OrderStatus::New
            | OrderStatus::Rejected
            | OrderStatus::Acked
            | OrderStatus::Partial
            | OrderStatus::Filled
            | OrderStatus::Cancelled
            | OrderStatus::Expired
            | OrderStatus::Unknown => {}
        }
        if to.is_terminal() {
            order.ending = None;
        }
        out.push(Derived::OrderMoved(Box::new(OrderMoved {
            order: id,
            from,
            to,
            why,
            filled: order.filled,
            open: order.open(),
            broker_order: order.broker_order.clone(),
            words: String::from(words),
            ts: Ts::new(now),
            cause: out.cause,
        })));
        self.count(from, -1);
        self.count(to, 1);
        if to.is_terminal()
            && let Ok(at) = self.live.binary_search(&place(id))
        {
            self.live.remove(at);
        }
        Went::Moved
    }

    /// Books a trade once, whatever its order's state: pushes `Fill`, and while the order has not ended `OrderMoved` to
    /// PARTIAL or FILLED.
    pub(crate) fn fill(
        &mut self,
        trade: &Traded<'_>,
        now: i64,
        books: &mut Books<'_>,
        out: &mut Output<'_>,
    ) -> FillOutcome {
        let id = trade.order;
        let Some(order) = self.get_mut(id) else { return FillOutcome::Unknown };
        if trade.qty.get() <= 0 {
            return FillOutcome::Repeat;
        }
        let name = match trade.trade {
            // Both sides of a trade have its number, so an order of ours may meet another: once for each order.
            Some(name) => match order.trades.binary_search_by(|known| known.as_str().cmp(name)) {
                // The planted bug of tests/days.rs: a trade told again after its order was cancelled is booked again.
                Ok(_) if cfg!(feature = "canary") && order.status == OrderStatus::Cancelled => String::from(name),
                Ok(_) => return FillOutcome::Repeat,
                Err(at) => {
                    order.trades.insert(at, String::from(name));
                    String::from(name)
                }
            },
            None => alloc::format!("{id}-{}", order.fills.saturating_add(1)),
        };
        let late = order.status.is_terminal();
        let turnover = Money::new(trade.price.get().saturating_mul(trade.qty.get()));
        let charges = rates(books.rates, order.product, order.side)
            .map_or(Charges::ZERO, |rates| charge(rates, order.turnover, turnover));
        let booked = books.ledger.fill(id.pair, id.leg, order.side, trade.qty, trade.price, &charges);
        books.note.add(order.fills == 0, order.side, turnover, &charges);
        order.fills = order.fills.saturating_add(1);
        order.filled = Qty::new(order.filled.get().saturating_add(trade.qty.get()));
        order.turnover = Money::new(order.turnover.get().saturating_add(turnover.get()));
        out.push(Derived::Fill(Box::new(Fill {
            order: id,
            trade: name,
            instrument: order.instrument,
            side: order.side,
            qty: trade.qty,
            price: trade.price,
            liquidity: trade.liquidity,
            available: trade.available,
            late,
            charges,
            position: booked.position,
            average: booked.average,
            realised: booked.realised,
            ts: Ts::new(now),
            cause: out.cause,
        })));
        if !late {
            let to = if order.filled >= order.qty { OrderStatus::Filled } else { OrderStatus::Partial };
            self.prove_sent(id, now, out);
            self.go(id, to, OrderWhy::Fill, "", now, out);
        }
        FillOutcome::Booked { late }
    }

    /// Ends the approved orders that were not sent within `ttl` nanoseconds of their approval, at a clock mark.
    pub(crate) fn clock(&mut self, now: i64, ttl: i64, out: &mut Output<'_>) -> Vec<(OrderId, OmsNews)> {
        let [_, approved, ..] = self.counts;
        if approved == 0 {
            return Vec::new();
        }
        let is_old = |order: &&Order| {
            let age = now.saturating_sub(order.approved_at.unwrap_or(now));
            order.status == OrderStatus::Approved && age > ttl
        };
        let old: Vec<OrderId> = self.live().filter(is_old).map(|order| order.id).collect();
        let ended = old
            .into_iter()
            .filter(|id| self.go(*id, OrderStatus::Expired, OrderWhy::ApprovalExpired, "", now, out) == Went::Moved);
        ended.map(|id| (id, OmsNews::Ended)).collect()
    }

    /// An approved order that the broker has was sent, whether we heard of it or not.
    fn prove_sent(&mut self, id: OrderId, now: i64, out: &mut Output<'_>) {
        if self.get(id).is_some_and(|order| order.status == OrderStatus::Approved) {
            self.go(id, OrderStatus::Sent, OrderWhy::BrokerState, "", now, out);
        }
    }

    fn find(&self, id: OrderId) -> Result<usize, usize> {
        self.orders.binary_search_by_key(&id, |order| order.id)
    }

    fn get_mut(&mut self, id: OrderId) -> Option<&mut Order> {
        self.find(id).ok().and_then(|at| self.orders.get_mut(at))
    }

    fn count(&mut self, status: OrderStatus, by: i32) {
        for (state, count) in OrderStatus::ALL.iter().zip(&mut self.counts) {
            if *state == status {
                *count = count.saturating_add_signed(by);
            }
        }
    }
}

/// Says that an order does not go where it was to.
fn refuse(order: &Order, to: OrderStatus, why: OrderWhy, now: i64, out: &mut Output<'_>) {
    let (ts, cause) = (Ts::new(now), out.cause);
    let refused = MoveRefused { order: order.id, from: order.status, to, why, ts, cause };
    out.push(Derived::MoveRefused(Box::new(refused)));
}
