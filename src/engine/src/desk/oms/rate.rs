//! The broker's rates: what may go out now, and what waits.
//!
//! What it is: three limits over event time and the queue before them. What it never does: drop a request, or let one
//! through that the broker would refuse for its rate. Who calls it: the desk, for every order that is approved and every
//! cancellation, and at every step for what waits.
//!
//! Invariants: no window of a second holds more requests than allowed, none of 60 s more orders, both ends of a window
//! belonging to it; no session more orders; what reduces a position goes before what builds one, in the order asked.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

use barkeep_schemas::{Derived, GatewayRules, NANOS, OrderHeld, OrderId, Ts};

use crate::output::Output;
use crate::state::wire_fields;

const SECOND: i64 = NANOS;
const MINUTE: i64 = 60 * NANOS;

/// Whose turn it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Turn {
    /// The order goes to the broker now.
    Send(OrderId),
    /// The order's cancellation goes to the broker now.
    Cancel(OrderId),
    /// The order cannot go today: the day's quota is used up.
    Quota(OrderId),
}

/// A request that waits for its turn.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    id: OrderId,
    cancels: bool,
    /// It reduces a position or cancels an order: before all others.
    urgent: bool,
    /// Its order's [`OrderHeld`] is out.
    held: bool,
}
wire_fields!(Waiting { id, cancels, urgent, held });

/// The limiter.
#[derive(Clone, Debug)]
pub(crate) struct RateLimiter {
    per_second: u32,
    per_minute: u32,
    per_day: u32,
    /// The latest moment that it was told: its time never goes back.
    now: i64,
    /// When the requests of the last second went.
    requests: VecDeque<i64>,
    /// When the orders of the last minute went.
    orders: VecDeque<i64>,
    /// Orders that went in this session.
    today: u32,
    queue: Vec<Waiting>,
}
wire_fields!(RateLimiter { per_second, per_minute, per_day, now, requests, orders, today, queue });

/// Forgets what lies before the window that ends now.
fn prune(times: &mut VecDeque<i64>, now: i64, window: i64) {
    while times.front().is_some_and(|time| *time < now.saturating_sub(window)) {
        times.pop_front();
    }
}

fn is_full(times: &VecDeque<i64>, limit: u32) -> bool {
    times.len() >= limit as usize
}

impl RateLimiter {
    /// A session's limiter.
    pub(crate) fn new(rules: &GatewayRules) -> Self {
        Self {
            per_second: rules.per_second,
            per_minute: rules.per_minute,
            per_day: rules.per_day,
            now: i64::MIN,
            requests: VecDeque::new(),
            orders: VecDeque::new(),
            today: 0,
            queue: Vec::new(),
        }
    }

    /// Takes other limits; what went before counts against them.
    pub(crate) fn rules(&mut self, rules: &GatewayRules) {
        self.per_second = rules.per_second;
        self.per_minute = rules.per_minute;
        self.per_day = rules.per_day;
    }

    /// Asks for an order's turn; `reduces` puts it before those that build positions. Asking again changes nothing.
    pub(crate) fn ask(&mut self, id: OrderId, reduces: bool) {
        self.wait(Waiting { id, cancels: false, urgent: reduces, held: false });
    }

    /// Asks for the turn of an order's cancellation. Asking again changes nothing.
    pub(crate) fn ask_cancel(&mut self, id: OrderId) {
        self.wait(Waiting { id, cancels: true, urgent: true, held: false });
    }

    fn wait(&mut self, request: Waiting) {
        if !self.queue.iter().any(|waiting| waiting.id == request.id && waiting.cancels == request.cancels) {
            self.queue.push(request);
        }
    }

    /// Takes an order and its cancellation out of the queue: it ended before its turn came.
    pub(crate) fn forget(&mut self, id: OrderId) {
        self.queue.retain(|waiting| waiting.id != id);
    }

    /// Orders that may go in this session still, those that wait taken off.
    pub(crate) fn left(&self) -> u32 {
        let waiting = self.queue.iter().filter(|waiting| !waiting.cancels).count() as u32;
        self.per_day.saturating_sub(self.today).saturating_sub(waiting)
    }

    /// How many requests wait.
    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// Those whose turn it is at `now`, in nanoseconds of event time, in the order in which they go. What must wait is
    /// told once for each order.
    pub(crate) fn release(&mut self, now: i64, out: &mut Output<'_>) -> Vec<Turn> {
        let mut turns = Vec::new();
        self.now = self.now.max(now);
        if self.queue.is_empty() {
            return turns;
        }
        prune(&mut self.requests, self.now, SECOND);
        prune(&mut self.orders, self.now, MINUTE);
        let mut queue = core::mem::take(&mut self.queue);
        for urgent in [true, false] {
            queue.retain_mut(|waiting| {
                let turn = if waiting.urgent == urgent { self.turn(waiting, out) } else { None };
                turns.extend(turn);
                turn.is_none()
            });
        }
        self.queue = queue;
        turns
    }

    /// Whether it is a request's turn; when it is, it has gone.
    fn turn(&mut self, waiting: &mut Waiting, out: &mut Output<'_>) -> Option<Turn> {
        let order = !waiting.cancels;
        if order && self.today >= self.per_day {
            return Some(Turn::Quota(waiting.id));
        }
        let blocked = if is_full(&self.requests, self.per_second) {
            Some((self.per_second, SECOND))
        } else if order && is_full(&self.orders, self.per_minute) {
            Some((self.per_minute, MINUTE))
        } else {
            None
        };
        if let Some((limit, window_ns)) = blocked {
            if order && !waiting.held {
                waiting.held = true;
                let (ts, cause) = (Ts::new(self.now), out.cause);
                out.push(Derived::OrderHeld(Box::new(OrderHeld { order: waiting.id, limit, window_ns, ts, cause })));
            }
            return None;
        }
        self.requests.push_back(self.now);
        if !order {
            return Some(Turn::Cancel(waiting.id));
        }
        self.orders.push_back(self.now);
        self.today = self.today.saturating_add(1);
        Some(Turn::Send(waiting.id))
    }
}
