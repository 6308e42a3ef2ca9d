//! The executor: where each pair stands, and what its orders' fates make of it.
//!
//! A pair is FLAT, ENTERING (two entry orders), OPEN, EXITING (on a signal) or UNWINDING (what an entry or a late fill left
//! behind). Both legs are one unit: if one ends unfilled, the other is cancelled and what is held is unwound.

use barkeep_schemas::{
    Derived, Leg, OrderId, OrderStatus, PairId, PairMoved, PairState, PairWhy, Seq, Signal, SignalAction, Ts,
};

use super::Desk;
use super::ledger::PairCount;
use super::types::Standing;
use crate::output::Output;
use crate::probe::{Probe, Stage};
use crate::state::wire_fields;

/// Where a pair stands.
#[derive(Clone, Debug)]
pub(crate) struct Pair {
    pub(crate) state: PairState,
    /// The moment of the signal by which it entered.
    pub(crate) held_since: Option<i64>,
    /// The signal that it follows.
    pub(crate) signal: Option<Seq>,
    /// Until when entry orders may work; `i64::MAX` for none.
    pub(crate) entry_deadline: i64,
    /// The newest order of leg A and of leg B.
    pub(crate) order_a: Option<OrderId>,
    pub(crate) order_b: Option<OrderId>,
    /// Before this moment no further order to leave is made; nor is one that works cancelled.
    pub(crate) retry_a: i64,
    pub(crate) retry_b: i64,
    /// When it last entered long, and short.
    pub(crate) last_long: Option<i64>,
    pub(crate) last_short: Option<i64>,
}
wire_fields!(Pair {
    state,
    held_since,
    signal,
    entry_deadline,
    order_a,
    order_b,
    retry_a,
    retry_b,
    last_long,
    last_short,
});

impl Default for Pair {
    fn default() -> Self {
        Self {
            state: PairState::Flat,
            held_since: None,
            signal: None,
            entry_deadline: i64::MAX,
            order_a: None,
            order_b: None,
            retry_a: i64::MIN,
            retry_b: i64::MIN,
            last_long: None,
            last_short: None,
        }
    }
}

impl Pair {
    pub(crate) fn standing(&self) -> Standing {
        Standing { state: self.state, held_since: self.held_since }
    }

    pub(crate) fn order(&self, leg: Leg) -> Option<OrderId> {
        match leg {
            Leg::A => self.order_a,
            Leg::B => self.order_b,
        }
    }

    pub(crate) fn set_order(&mut self, leg: Leg, order: OrderId) {
        match leg {
            Leg::A => self.order_a = Some(order),
            Leg::B => self.order_b = Some(order),
        }
    }

    pub(crate) fn retry(&self, leg: Leg) -> i64 {
        match leg {
            Leg::A => self.retry_a,
            Leg::B => self.retry_b,
        }
    }

    pub(crate) fn set_retry(&mut self, leg: Leg, at: i64) {
        match leg {
            Leg::A => self.retry_a = at,
            Leg::B => self.retry_b = at,
        }
    }
}

/// What became of an order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fate {
    /// It was filled, in part or whole.
    Filled,
    /// It was filled after it had ended.
    Late,
    /// It ended, with what it had been filled.
    Ended,
}

impl Desk {
    /// Takes a signal.
    pub(super) fn follow(&mut self, seq: Seq, signal: &Signal, probe: &mut impl Probe, out: &mut Output<'_>) {
        probe.enter(Stage::Executor);
        match signal.action {
            SignalAction::EnterLong | SignalAction::EnterShort => self.enter(seq, signal, probe, out),
            SignalAction::Exit => self.exit(seq, signal.pair, out),
        }
    }

    /// Leaves a pair on a signal.
    fn exit(&mut self, seq: Seq, id: PairId, out: &mut Output<'_>) {
        let Some(pair) = self.pairs.get_mut(id.index()) else { return };
        match pair.state {
            PairState::Entering | PairState::Open => {
                pair.signal = Some(seq);
                self.ledger.count(id, PairCount::Exit);
                self.go(id, PairState::Exiting, PairWhy::Exit, out);
                self.leave(id, PairWhy::Exit, out);
            }
            PairState::Flat | PairState::Exiting | PairState::Unwinding => {}
        }
    }

    /// Moves a pair to a state.
    pub(super) fn go(&mut self, id: PairId, to: PairState, why: PairWhy, out: &mut Output<'_>) {
        let (qty_a, qty_b) = (self.held(id, Leg::A), self.held(id, Leg::B));
        let Some(pair) = self.pairs.get_mut(id.index()) else { return };
        let from = core::mem::replace(&mut pair.state, to);
        match to {
            PairState::Flat => {
                pair.held_since = None;
                pair.entry_deadline = i64::MAX;
                pair.signal = None;
            }
            PairState::Open | PairState::Exiting | PairState::Unwinding => {
                pair.entry_deadline = i64::MAX;
                pair.held_since = pair.held_since.or(Some(self.now));
                (pair.retry_a, pair.retry_b) = (i64::MIN, i64::MIN);
            }
            PairState::Entering => {}
        }
        let standing = pair.standing();
        if let Some(place) = self.standings.get_mut(id.index()) {
            *place = standing;
        }
        let (ts, cause) = (Ts::new(self.now), out.cause);
        let moved = PairMoved { pair: id, from, to, why, qty_a, qty_b, ts, cause };
        out.push(Derived::PairMoved(alloc::boxed::Box::new(moved)));
    }

    /// A pair begins with what it carries: open, or with one leg alone, which is unwound.
    pub(super) fn take_over(&mut self, id: PairId, held_since: Option<i64>, out: &mut Output<'_>) {
        let (a, b) = (self.held(id, Leg::A), self.held(id, Leg::B));
        if a == 0 && b == 0 {
            return;
        }
        if let Some(pair) = self.pairs.get_mut(id.index()) {
            pair.held_since = held_since;
        }
        let whole = (a > 0 && b < 0) || (a < 0 && b > 0);
        self.go(id, if whole { PairState::Open } else { PairState::Unwinding }, PairWhy::Carried, out);
    }

    /// What an order's fate makes of its pair.
    pub(super) fn learn(&mut self, order: OrderId, fate: Fate, out: &mut Output<'_>) {
        let id = order.pair;
        let Some(pair) = self.pairs.get(id.index()) else { return };
        match (pair.state, fate) {
            (PairState::Flat | PairState::Open, Fate::Late) => {
                self.go(id, PairState::Unwinding, PairWhy::LateFill, out);
                self.leave(id, PairWhy::LateFill, out);
            }
            (PairState::Entering, Fate::Late) => {
                // More is held than was asked for: the entry is no longer what was decided.
                self.go(id, PairState::Unwinding, PairWhy::LateFill, out);
                self.leave(id, PairWhy::LateFill, out);
            }
            (PairState::Entering, Fate::Filled | Fate::Ended) => self.check_entry(id, order, out),
            (PairState::Exiting | PairState::Unwinding, _) => self.leave(id, PairWhy::LegEnded, out),
            (PairState::Flat | PairState::Open, Fate::Filled | Fate::Ended) => {}
        }
    }

    /// Whether an entry is done, or has failed by what became of one of its orders.
    fn check_entry(&mut self, id: PairId, changed: OrderId, out: &mut Output<'_>) {
        let Some(pair) = self.pairs.get(id.index()) else { return };
        let status = |order: Option<OrderId>| order.and_then(|order| self.oms.get(order)).map(|order| order.status);
        let both = [status(pair.order_a), status(pair.order_b)];
        if both.iter().all(|status| *status == Some(OrderStatus::Filled)) {
            return self.go(id, PairState::Open, PairWhy::Filled, out);
        }
        let why = match status(Some(changed)) {
            Some(OrderStatus::Rejected) => PairWhy::LegRejected,
            Some(OrderStatus::Cancelled | OrderStatus::Expired) => PairWhy::LegEnded,
            Some(
                OrderStatus::New
                | OrderStatus::Approved
                | OrderStatus::Sent
                | OrderStatus::Acked
                | OrderStatus::Partial
                | OrderStatus::Filled
                | OrderStatus::Unknown,
            )
            | None => return,
        };
        self.go(id, PairState::Unwinding, why, out);
        self.leave(id, why, out);
    }
}
