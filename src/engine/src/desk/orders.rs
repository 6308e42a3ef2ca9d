//! The road of approved orders: to the matcher within the broker's rate or to a gateway outside, and what comes back.

use alloc::vec::Vec;

use barkeep_schemas::{BrokerOrder, BrokerTrade, GatewayReport, OrderId, OrderStatus, OrderWhy, Route};

use super::Desk;
use super::executor::Fate;
use super::oms::rate::Turn;
use super::oms::{Books, FillOutcome, OmsNews, Traded};
use super::types::Matched;
use crate::output::Output;
use crate::probe::{Probe, Stage};

impl Desk {
    /// The risk manager allowed an order: it goes, or waits for the broker's rate.
    pub(super) fn approve(&mut self, id: OrderId, out: &mut Output<'_>) {
        self.oms.go(id, OrderStatus::Approved, OrderWhy::Risk, "", self.now, out);
        match self.setup.gateway.route {
            // A gateway outside reads it off the tape, once it is durable.
            Route::Gateway => {}
            Route::Paper => {
                let reduces = self.oms.get(id).is_some_and(|order| order.purpose.reduces());
                self.limiter.ask(id, reduces);
                self.send_waiting(out);
            }
        }
    }

    /// Sends what the broker's rate allows.
    pub(super) fn send_waiting(&mut self, out: &mut Output<'_>) {
        for turn in self.limiter.release(self.now, out) {
            match turn {
                Turn::Send(id) => self.send(id, out),
                Turn::Cancel(id) => self.matcher.cancel(id, self.now),
                Turn::Quota(id) => self.end(id, OrderStatus::Expired, OrderWhy::Quota, out),
            }
        }
    }

    /// Hands an order to the matcher.
    fn send(&mut self, id: OrderId, out: &mut Output<'_>) {
        self.oms.go(id, OrderStatus::Sent, OrderWhy::Routed, "", self.now, out);
        if let Some(order) = self.oms.get(id) {
            self.matcher.submit(
                id,
                order.instrument,
                order.side,
                order.qty,
                order.order_type,
                order.price,
                order.trigger,
                order.validity,
                self.now,
                out.cause,
            );
        }
    }

    /// Approvals that nobody has sent for too long expire.
    pub(super) fn expire_approvals(&mut self, out: &mut Output<'_>) {
        let ttl = self.setup.execution.approval_ttl_ns;
        for (id, _) in self.oms.clock(self.now, ttl, out) {
            self.limiter.forget(id);
            self.learn(id, Fate::Ended, out);
        }
    }

    /// The session is over: what still lives has expired. What a gateway had is told by the gateway.
    pub(super) fn expire_all(&mut self, out: &mut Output<'_>) {
        let live: Vec<OrderId> = self.oms.live().map(|order| order.id).collect();
        for id in live {
            let status = self.oms.get(id).map(|order| order.status);
            let ours = self.setup.gateway.route == Route::Paper || status == Some(OrderStatus::Approved);
            if ours {
                self.limiter.forget(id);
                self.oms.go(id, OrderStatus::Expired, OrderWhy::SessionEnd, "", self.now, out);
                self.learn(id, Fate::Ended, out);
            }
        }
    }

    /// Books what the matcher said, and takes the steps that follow from it.
    pub(super) fn take_matched(&mut self, matched: &mut Vec<Matched>, probe: &mut impl Probe, out: &mut Output<'_>) {
        if !matched.is_empty() {
            probe.enter(Stage::Executor);
        }
        for matched in matched.drain(..) {
            match matched {
                Matched::Accepted(id) => {
                    self.oms.go(id, OrderStatus::Acked, OrderWhy::Accepted, "", self.now, out);
                }
                Matched::Rejected(id, why) => self.end(id, OrderStatus::Rejected, why, out),
                Matched::Cancelled(id, why) => self.end(id, OrderStatus::Cancelled, why, out),
                Matched::Expired(id) => self.end(id, OrderStatus::Expired, OrderWhy::SessionEnd, out),
                Matched::Filled { order, qty, price, liquidity, available } => {
                    let trade = Traded { order, trade: None, qty, price, liquidity, available };
                    let Self { oms, ledger, setup, note, now, .. } = self;
                    let mut books = Books { ledger, note, rates: &setup.charges };
                    let outcome = oms.fill(&trade, *now, &mut books, out);
                    self.booked(order, outcome, out);
                }
            }
        }
    }

    fn booked(&mut self, order: OrderId, outcome: FillOutcome, out: &mut Output<'_>) {
        match outcome {
            FillOutcome::Booked { late } => self.learn(order, if late { Fate::Late } else { Fate::Filled }, out),
            FillOutcome::Repeat | FillOutcome::Unknown => {}
        }
    }

    fn end(&mut self, id: OrderId, status: OrderStatus, why: OrderWhy, out: &mut Output<'_>) {
        self.oms.go(id, status, why, "", self.now, out);
        self.learn(id, Fate::Ended, out);
    }

    fn take_news(&mut self, news: Vec<(OrderId, OmsNews)>, out: &mut Output<'_>) {
        for (id, news) in news {
            let fate = match news {
                OmsNews::Filled { late: false } => Fate::Filled,
                OmsNews::Filled { late: true } => Fate::Late,
                OmsNews::Ended => Fate::Ended,
            };
            self.learn(id, fate, out);
        }
    }

    /// A gateway tells what it does.
    pub(crate) fn gateway_report(&mut self, report: &GatewayReport, out: &mut Output<'_>) {
        let news = self.oms.gateway_report(report, self.now, out);
        self.take_news(news, out);
    }

    /// The broker's state of an order.
    pub(crate) fn broker_order(&mut self, update: &BrokerOrder, out: &mut Output<'_>) {
        let news = self.oms.broker_order(update, self.now, out);
        self.take_news(news, out);
    }

    /// A trade as the broker tells it.
    pub(crate) fn broker_trade(&mut self, trade: &BrokerTrade, out: &mut Output<'_>) {
        let Self { oms, ledger, setup, note, now, .. } = self;
        let mut books = Books { ledger, note, rates: &setup.charges };
        let news = oms.broker_trade(trade, *now, &mut books, out);
        self.take_news(news, out);
    }
}
