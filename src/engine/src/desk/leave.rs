//! Leaving a pair: entry orders are cancelled first, then what is held is sold or bought back, order after order, until
//! nothing is held and nothing works.

use alloc::boxed::Box;

use barkeep_schemas::{
    CancelWanted, Derived, InstrumentId, Leg, OrderCreated, OrderId, OrderStatus, OrderType, OrderWhy, PairId,
    PairState, PairWhy, Price, Purpose, Qty, RiskDecision, Route, Side, Ts, Validity, Verdict,
};

use super::Desk;
use super::ledger::PairCount;
use super::risk;
use crate::output::Output;

/// Hundredths of a percent in a whole.
const WHOLE_BPS: i128 = 10_000;

impl Desk {
    /// Takes the next steps of leaving a pair; moves it to FLAT when there is nothing left to do.
    pub(super) fn leave(&mut self, id: PairId, why: PairWhy, out: &mut Output<'_>) {
        let mut done = true;
        for leg in [Leg::A, Leg::B] {
            done &= self.leave_leg(id, leg, why, out);
        }
        if done {
            self.go(id, PairState::Flat, PairWhy::Flat, out);
        }
    }

    /// The same for one leg; whether nothing is held of it and nothing works.
    fn leave_leg(&mut self, id: PairId, leg: Leg, why: PairWhy, out: &mut Output<'_>) -> bool {
        let live = self.live_of(id, leg);
        if let Some((order, purpose, wanted)) = live {
            if !purpose.reduces() && !wanted {
                self.want_cancel(order, why, out);
                // An approval that nobody had sent has ended at once.
                if self.live_of(id, leg).is_none() {
                    return self.leave_leg(id, leg, why, out);
                }
            }
            return false;
        }
        let position = self.held(id, leg);
        if position == 0 {
            return true;
        }
        let waits = self.pairs.get(id.index()).is_none_or(|pair| self.now < pair.retry(leg));
        if !waits {
            self.reduce(id, leg, position, out);
        }
        false
    }

    /// The newest order of a leg, while it lives: its purpose, and whether its cancellation is under way.
    fn live_of(&self, id: PairId, leg: Leg) -> Option<(OrderId, Purpose, bool)> {
        let order = self.oms.get(self.pairs.get(id.index())?.order(leg)?)?;
        (!order.status.is_terminal()).then_some((order.id, order.purpose, order.cancel_wanted))
    }

    /// The price of a market order's protection, on the grid, behind the last price.
    pub(super) fn protection(&self, instrument: InstrumentId, side: Side, reference: Price) -> Price {
        let by = i128::from(self.setup.execution.protection_bps);
        let away = i128::from(side.sign()) * (i128::from(reference.get()) * by / WHOLE_BPS);
        let raw = risk::narrow(i128::from(reference.get()) + away);
        let up = match side {
            Side::Buy => true,
            Side::Sell => false,
        };
        self.quotes.get(instrument.index()).map_or(reference, |quote| quote.on_grid(raw, up))
    }

    /// Orders what is held of a leg sold or bought back. Outside continuous trading it waits.
    fn reduce(&mut self, id: PairId, leg: Leg, position: i64, out: &mut Output<'_>) {
        let Some(spec) = self.spec(id) else { return };
        let (bucket, product) = (spec.bucket, spec.product);
        let instrument = match leg {
            Leg::A => spec.leg_a,
            Leg::B => spec.leg_b,
        };
        if !self.is_continuous(instrument, self.now) {
            return;
        }
        let Some((reference, reference_tick)) =
            self.quotes.get(instrument.index()).and_then(|quote| Some((quote.price?, quote.seq)))
        else {
            return;
        };
        let order = OrderId { cause: out.cause, pair: id, leg };
        if self.oms.get(order).is_some() {
            // The same step has ordered for this leg already: the next clock mark goes on.
            return;
        }
        let side = if position > 0 { Side::Sell } else { Side::Buy };
        let Some(pair) = self.pairs.get_mut(id.index()) else { return };
        let purpose = match pair.state {
            PairState::Exiting => Purpose::Exit,
            PairState::Flat | PairState::Entering | PairState::Open | PairState::Unwinding => Purpose::Unwind,
        };
        let signal = pair.signal;
        pair.set_retry(leg, self.now.saturating_add(self.setup.execution.exit_timeout_ns));
        pair.set_order(leg, order);
        self.ledger.count(id, PairCount::Order);
        let asked = Qty::new(i64::try_from(position.unsigned_abs()).unwrap_or(i64::MAX));
        let (ts, cause) = (Ts::new(self.now), out.cause);
        let created = OrderCreated {
            id: order,
            instrument,
            side,
            qty: asked,
            order_type: OrderType::Market,
            price: self.protection(instrument, side, reference),
            trigger: None,
            validity: Validity::Day,
            product,
            purpose,
            bucket,
            signal,
            reference,
            reference_tick,
            ts,
            cause,
        };
        // Its other orders have ended, so nothing else is on its way to leave this position.
        let (check, allowed) = risk::clamp(asked, position, 0);
        out.push(Derived::OrderCreated(Box::new(created.clone())));
        let allowed = Qty::new(allowed);
        let verdict = if check.passed { Verdict::Approved } else { Verdict::Resized };
        let rule = (!check.passed).then_some(check.rule);
        out.push(Derived::RiskDecision(Box::new(RiskDecision {
            order,
            verdict,
            rule,
            checks: alloc::vec![check],
            asked,
            allowed,
            reserved: barkeep_schemas::Money::ZERO,
            ts,
            cause,
        })));
        self.oms.create(&created, allowed);
        self.approve(order, out);
    }

    /// Asks for a working order to be cancelled. One that nobody had sent is cancelled at once.
    pub(super) fn want_cancel(&mut self, id: OrderId, why: PairWhy, out: &mut Output<'_>) {
        let Some(status) = self.oms.get(id).map(|order| order.status) else { return };
        if !self.oms.want_cancel(id) {
            return;
        }
        let (ts, cause) = (Ts::new(self.now), out.cause);
        out.push(Derived::CancelWanted(Box::new(CancelWanted { order: id, why, ts, cause })));
        if status == OrderStatus::Approved {
            self.limiter.forget(id);
            self.oms.go(id, OrderStatus::Cancelled, OrderWhy::Cancelled, "", self.now, out);
        } else if self.setup.gateway.route == Route::Paper {
            self.limiter.ask_cancel(id);
            self.send_waiting(out);
        }
    }

    /// Cancels what has worked too long, and goes on with pairs that are being left.
    pub(super) fn check_deadlines(&mut self, out: &mut Output<'_>) {
        for at in 0..self.pairs.len() {
            let Some(pair) = self.pairs.get(at) else { continue };
            let id = PairId(at as u16);
            match pair.state {
                PairState::Flat | PairState::Open => {}
                PairState::Entering => {
                    if self.now >= pair.entry_deadline {
                        self.go(id, PairState::Unwinding, PairWhy::LegUnfilled, out);
                        self.leave(id, PairWhy::LegUnfilled, out);
                    }
                }
                PairState::Exiting | PairState::Unwinding => {
                    for leg in [Leg::A, Leg::B] {
                        let overdue = self.pairs.get(at).is_some_and(|pair| self.now >= pair.retry(leg));
                        if let Some((order, purpose, false)) = self.live_of(id, leg)
                            && purpose.reduces()
                            && overdue
                        {
                            self.want_cancel(order, PairWhy::LegUnfilled, out);
                        }
                    }
                    self.leave(id, PairWhy::LegUnfilled, out);
                }
            }
        }
    }
}
