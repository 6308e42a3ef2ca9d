//! What a gateway and a broker say of our orders.
//!
//! What it is: the inputs of the road outside, read as states and trades. What it never does: let an update without our
//! tag touch anything; take a state of the broker's for a trade. Who calls it: the desk, for each such input.
//!
//! An end that the broker tells with more shares filled than we know trades of waits for those trades: they alone move
//! the position. The trades that carry no tag are ours by their order's number, so an order's number is told first.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use barkeep_schemas::{
    BrokerOrder, BrokerStatus, BrokerTrade, Derived, ForeignUpdate, GatewayAct, GatewayReport, InstrumentId, Liquidity,
    OrderId, OrderStatus, OrderWhy, Qty, Side, Ts, Validity,
};

use super::order::{Ending, Told};
use super::{Books, FillOutcome, Oms, OmsNews, Traded, Went, refuse};
use crate::output::Output;

/// What an order update or a trade says of whose it is.
struct Claim<'a> {
    broker_order: &'a str,
    tag: Option<&'a str>,
    instrument: Option<InstrumentId>,
    symbol: &'a str,
    side: Side,
    qty: Qty,
    words: &'a str,
}

impl Oms {
    /// Takes what the gateway tells at `now`, in nanoseconds of event time; returns the orders that ended.
    pub(crate) fn gateway_report(
        &mut self,
        report: &GatewayReport,
        now: i64,
        out: &mut Output<'_>,
    ) -> Vec<(OrderId, OmsNews)> {
        if report.act == GatewayAct::Started {
            let sent = self.live().filter(|order| order.status == OrderStatus::Sent);
            let sent: Vec<OrderId> = sent.map(|order| order.id).collect();
            for id in sent {
                self.go(id, OrderStatus::Unknown, OrderWhy::GatewayRestarted, &report.words, now, out);
            }
            return Vec::new();
        }
        let Some(order) = report.order.and_then(|id| self.get(id)) else { return Vec::new() };
        let (id, status, filled) = (order.id, order.status, order.filled);
        let words = report.words.as_str();
        let mut went = Went::Repeat;
        match report.act {
            GatewayAct::Started => {}
            GatewayAct::SendAttempted => {
                // What the broker has by now was sent: the report comes late.
                if !matches!(status, OrderStatus::Acked | OrderStatus::Partial | OrderStatus::Filled) {
                    went = self.go(id, OrderStatus::Sent, OrderWhy::SendAttempted, words, now, out);
                }
            }
            GatewayAct::Answered => {
                let known = order.broker_order.is_some();
                if let Some(number) = &report.broker_order {
                    self.number(id, number);
                }
                match status {
                    OrderStatus::Acked | OrderStatus::Partial | OrderStatus::Filled => {}
                    // The answer to an order whose end was told before it.
                    OrderStatus::Cancelled | OrderStatus::Rejected | OrderStatus::Expired if known => {}
                    OrderStatus::Unknown | OrderStatus::Sent | OrderStatus::Approved => {
                        self.prove_live(id, OrderWhy::Accepted, words, now, out);
                    }
                    OrderStatus::New | OrderStatus::Cancelled | OrderStatus::Rejected | OrderStatus::Expired => {
                        went = self.go(id, OrderStatus::Acked, OrderWhy::Accepted, words, now, out);
                    }
                }
            }
            GatewayAct::Refused => {
                self.prove_sent(id, now, out);
                went = self.go(id, OrderStatus::Rejected, OrderWhy::BrokerRejected, words, now, out);
            }
            GatewayAct::AnswerLost => {
                self.prove_sent(id, now, out);
                // What the broker told of it otherwise is not lost.
                if self.get(id).is_some_and(|order| order.status == OrderStatus::Sent) {
                    went = self.go(id, OrderStatus::Unknown, OrderWhy::AnswerLost, words, now, out);
                }
            }
            GatewayAct::CancelAttempted => {
                if let Some(order) = self.get_mut(id) {
                    order.cancel_attempted = true;
                }
            }
            GatewayAct::NeverReached => {
                let reached = filled > Qty::ZERO || order.broker_order.is_some() || status == OrderStatus::Acked;
                if reached {
                    refuse(order, OrderStatus::Cancelled, OrderWhy::NeverReached, now, out);
                } else {
                    went = self.go(id, OrderStatus::Cancelled, OrderWhy::NeverReached, words, now, out);
                }
            }
        }
        self.ended(id, went)
    }

    /// Takes the state of an order as the broker tells it at `now`, in nanoseconds of event time; returns the orders
    /// that ended.
    pub(crate) fn broker_order(
        &mut self,
        told: &BrokerOrder,
        now: i64,
        out: &mut Output<'_>,
    ) -> Vec<(OrderId, OmsNews)> {
        let claim = Claim {
            broker_order: &told.broker_order,
            tag: told.tag.as_deref(),
            instrument: told.instrument,
            symbol: &told.symbol,
            side: told.side,
            qty: told.qty,
            words: &told.words,
        };
        let said = Told { status: told.status, filled: told.filled };
        // A second order with our tag is not the one that we sent: its state is not ours, though its trades are.
        let Some(id) = self.ours(&claim).filter(|id| self.number(*id, &told.broker_order)) else {
            let key = alloc::format!("{}:{}:{}", told.broker_order, told.status.code(), told.filled);
            self.foreign(&claim, key, now, out);
            return Vec::new();
        };
        let Some(order) = self.get_mut(id) else { return Vec::new() };
        let repeated = order.told.replace(said) == Some(said);
        if repeated && order.status.is_terminal() {
            return Vec::new();
        }
        let (to, why) = match told.status {
            BrokerStatus::Pending | BrokerStatus::Open | BrokerStatus::TriggerPending | BrokerStatus::Update => {
                match order.status {
                    // It lives, as we know; how much of it is filled, its trades say.
                    OrderStatus::Acked | OrderStatus::Partial => {}
                    OrderStatus::Approved | OrderStatus::Sent | OrderStatus::Unknown => {
                        self.prove_live(id, OrderWhy::BrokerState, &told.words, now, out);
                    }
                    OrderStatus::New
                    | OrderStatus::Rejected
                    | OrderStatus::Filled
                    | OrderStatus::Cancelled
                    | OrderStatus::Expired => {
                        self.go(id, OrderStatus::Acked, OrderWhy::BrokerState, &told.words, now, out);
                    }
                }
                return Vec::new();
            }
            BrokerStatus::Complete => (OrderStatus::Filled, OrderWhy::BrokerState),
            BrokerStatus::Cancelled if order.cancel_wanted => (OrderStatus::Cancelled, OrderWhy::Cancelled),
            BrokerStatus::Cancelled if order.validity == Validity::Ioc => (OrderStatus::Cancelled, OrderWhy::Ioc),
            BrokerStatus::Cancelled => (OrderStatus::Cancelled, OrderWhy::BrokerState),
            BrokerStatus::Rejected => (OrderStatus::Rejected, OrderWhy::BrokerRejected),
        };
        // A complete order is filled, whether the broker says how far or not.
        let whole = told.status == BrokerStatus::Complete && told.filled <= Qty::ZERO;
        let filled = if whole { told.qty } else { told.filled };
        if !order.status.is_terminal() && order.filled < filled {
            order.ending = Some(Ending { to, why, words: told.words.clone(), filled });
            self.prove_live(id, OrderWhy::BrokerState, &told.words, now, out);
            return Vec::new();
        }
        self.prove_sent(id, now, out);
        let went = self.go(id, to, why, &told.words, now, out);
        self.ended(id, went)
    }

    /// Takes a trade as the broker tells it at `now`, in nanoseconds of event time; returns what was filled, and what
    /// ended by it.
    pub(crate) fn broker_trade(
        &mut self,
        told: &BrokerTrade,
        now: i64,
        books: &mut Books<'_>,
        out: &mut Output<'_>,
    ) -> Vec<(OrderId, OmsNews)> {
        let claim = Claim {
            broker_order: &told.broker_order,
            tag: told.tag.as_deref(),
            instrument: told.instrument,
            symbol: &told.symbol,
            side: told.side,
            qty: told.qty,
            words: "trade",
        };
        let Some(id) = self.ours(&claim) else {
            let key = alloc::format!("{}#{}", told.broker_order, told.trade);
            self.foreign(&claim, key, now, out);
            return Vec::new();
        };
        self.number(id, &told.broker_order);
        let trade = Traded {
            order: id,
            trade: Some(&told.trade),
            qty: told.qty,
            price: told.price,
            liquidity: Liquidity::Broker,
            available: told.qty,
        };
        let FillOutcome::Booked { late } = self.fill(&trade, now, books, out) else { return Vec::new() };
        let mut news = Vec::from([(id, OmsNews::Filled { late })]);
        let ending = self.get_mut(id).and_then(|order| {
            let whole = order.ending.as_ref().is_some_and(|ending| order.filled >= ending.filled);
            if whole { order.ending.take() } else { None }
        });
        if let Some(ending) = ending {
            self.go(id, ending.to, ending.why, &ending.words, now, out);
        }
        if !late && self.get(id).is_some_and(|order| order.status.is_terminal()) {
            news.push((id, OmsNews::Ended));
        }
        news
    }

    /// The broker has it: ACKED, or PARTIAL when trades of it are booked. Changes nothing for one that is so, or ended.
    fn prove_live(&mut self, id: OrderId, why: OrderWhy, words: &str, now: i64, out: &mut Output<'_>) {
        self.prove_sent(id, now, out);
        let Some(order) = self.get(id) else { return };
        if matches!(order.status, OrderStatus::Sent | OrderStatus::Unknown) {
            let to = if order.filled > Qty::ZERO { OrderStatus::Partial } else { OrderStatus::Acked };
            self.go(id, to, why, words, now, out);
        }
    }

    /// Notes the broker's number of an order; `false` when it has another.
    fn number(&mut self, id: OrderId, number: &str) -> bool {
        let Some(order) = self.get_mut(id) else { return false };
        if let Some(known) = &order.broker_order {
            return known == number;
        }
        order.broker_order = Some(String::from(number));
        let entry = (String::from(number), id);
        if let Err(at) = self.numbers.binary_search(&entry) {
            self.numbers.insert(at, entry);
        }
        true
    }

    /// The order of ours that an update is about. The tag decides; where there is none, the broker's number. An order
    /// of another instrument or side is not ours, whatever its tag.
    fn ours(&self, claim: &Claim<'_>) -> Option<OrderId> {
        let id = match claim.tag {
            Some(tag) => OrderId::parse(tag)?,
            None => {
                let at = self.numbers.partition_point(|(number, _)| number.as_str() < claim.broker_order);
                let (number, id) = self.numbers.get(at)?;
                (number == claim.broker_order).then_some(*id)?
            }
        };
        let order = self.get(id)?;
        let same = claim.instrument.is_none_or(|instrument| instrument == order.instrument) && claim.side == order.side;
        same.then_some(id)
    }

    /// Says once that somebody else's order was told of.
    fn foreign(&mut self, claim: &Claim<'_>, key: String, now: i64, out: &mut Output<'_>) {
        let Err(at) = self.foreign.binary_search(&key) else { return };
        self.foreign.insert(at, key);
        out.push(Derived::ForeignUpdate(Box::new(ForeignUpdate {
            broker_order: String::from(claim.broker_order),
            tag: claim.tag.map(String::from),
            symbol: String::from(claim.symbol),
            side: claim.side,
            qty: claim.qty,
            words: String::from(claim.words),
            ts: Ts::new(now),
            cause: out.cause,
        })));
    }

    fn ended(&self, id: OrderId, went: Went) -> Vec<(OrderId, OmsNews)> {
        let ended = went == Went::Moved && self.get(id).is_some_and(|order| order.status.is_terminal());
        if ended { Vec::from([(id, OmsNews::Ended)]) } else { Vec::new() }
    }
}
