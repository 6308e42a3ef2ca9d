//! What time does to an order: from the desk to the exchange, changes, cancellations, and the end of its validity.
//!
//! It takes no request. The desk runs each step at the moment at which it is due.

use barkeep_schemas::{Phase, Price, Ts};

use super::desk::{Desk, after};
use super::exchange::Exchange;
use super::hours::takes_orders;
use super::order::{Order, Stage, Status, Step};
use super::terms::{Side, Terms, Validity, Variety, protected_limit};
use super::update::UpdateKind;

/// Since April 2026, by Kite's forum; the text is the one that its staff give.
const NO_PROTECTION: &str = "Market orders without market protection are not allowed via API. Please set market protection or use a Limit order.";

const CLOSED: &str =
    "Markets are closed right now. Use GTT for placing long standing orders instead, or place an AMO order.";

impl Desk {
    pub(super) fn run(&mut self, place: usize, step: Step, market: &dyn Exchange, at: Ts) {
        let delays = self.account.delays;
        match step {
            Step::Validate => {
                self.note(place, Status::Validating);
                self.plan(place, after(at, delays.validate_ms), Step::Send);
            }
            Step::Send => self.send(place, market, at),
            Step::Arrive => self.arrive(place, market, at),
            Step::ModifySend(terms) => {
                self.note(place, Status::ModifyPending);
                self.plan(place, after(at, delays.exchange_ms), Step::ModifyArrive(terms));
            }
            Step::ModifyArrive(terms) => self.arrive_modified(place, *terms, market, at),
            Step::CancelArrive => {
                if let Some(order) = self.orders.get_mut(place) {
                    order.exchange_update = Some(at);
                }
                self.finish_cancelled(place, None, at);
            }
        }
    }

    fn note(&mut self, place: usize, status: Status) {
        if let Some(order) = self.orders.get_mut(place) {
            order.record(status, &self.account.user_id);
        }
    }

    fn plan(&mut self, place: usize, at: Ts, step: Step) {
        if let Some(order) = self.orders.get_mut(place) {
            order.next = Some((at, step));
        }
    }

    fn send(&mut self, place: usize, market: &dyn Exchange, at: Ts) {
        if let Some((message, raw)) = self.rejection(place, market, at) {
            return self.reject(place, message, raw, at);
        }
        let due = after(at, self.account.delays.exchange_ms);
        let Some(order) = self.orders.get_mut(place) else { return };
        match order.variety {
            Variety::Amo => {
                order.stage = Stage::Amo;
                order.record(Status::AmoReceived, &self.account.user_id);
            }
            Variety::Regular | Variety::Co | Variety::Iceberg | Variety::Auction => {
                order.record(Status::OpenPending, &self.account.user_id);
                order.next = Some((due, Step::Arrive));
            }
        }
    }

    /// Why the broker rejects an order, if it does.
    fn rejection(&self, place: usize, market: &dyn Exchange, at: Ts) -> Option<(String, String)> {
        let order = self.orders.get(place)?;
        let terms = &order.terms;
        let open = takes_orders(market.phase(order.instrument, at));
        let plain = match order.variety {
            _ if terms.order_type.is_market() && terms.protection == 0 => Some(NO_PROTECTION),
            Variety::Amo if open => Some("After market orders are not allowed during market hours."),
            Variety::Regular if !open => Some(CLOSED),
            Variety::Regular | Variety::Amo | Variety::Co | Variety::Iceberg | Variety::Auction => None,
        };
        if let Some(message) = plain {
            return Some((message.to_owned(), message.to_owned()));
        }
        self.uncovered(place, terms, market)
    }

    fn arrive(&mut self, place: usize, market: &dyn Exchange, at: Ts) {
        let Some(order) = self.orders.get_mut(place) else { return };
        if !takes_orders(market.phase(order.instrument, at)) {
            return self.reject(place, CLOSED.to_owned(), CLOSED.to_owned(), at);
        }
        if let Err(error) = order.terms.check(&market.listing(order.instrument, market.date())) {
            return self.reject(place, error.message.clone(), error.message, at);
        }
        order.exchange_id = Some(exchange_id(&order.id));
        (order.at_exchange, order.exchange_update) = (Some(at), Some(at));
        self.set_end(place, market, at);
        self.stand(place, market, at, true);
    }

    /// Puts an order at the exchange: to wait for its trigger, or into the book.
    fn stand(&mut self, place: usize, market: &dyn Exchange, at: Ts, fresh: bool) {
        let Some(order) = self.orders.get_mut(place) else { return };
        let last = market.quote(order.instrument).last_price;
        if !order.terms.order_type.is_stop() {
            return self.enter(place, market, at);
        }
        let reached = match order.terms.side {
            Side::Buy => last >= order.terms.trigger,
            Side::Sell => last <= order.terms.trigger,
        };
        if reached && fresh {
            let message = trigger_reached(order.terms.side, last);
            return self.reject(place, message.clone(), message, at);
        }
        (order.stage, order.since) = (Stage::Untriggered, at);
        order.record(Status::TriggerPending, &self.account.user_id);
    }

    /// Puts an order into the book, lets it take what is displayed, and ends an IOC order's remainder.
    pub(super) fn enter(&mut self, place: usize, market: &dyn Exchange, at: Ts) {
        let Some(order) = self.orders.get_mut(place) else { return };
        let listing = market.listing(order.instrument, market.date());
        let last = market.quote(order.instrument).last_price;
        order.limit = if order.terms.order_type.is_market() {
            protected_limit(order.terms.side, order.terms.protection, last, &listing)
        } else {
            order.terms.price
        };
        (order.stage, order.since) = (Stage::Working, at);
        order.record(Status::Open, &self.account.user_id);
        let continuous = market.phase(order.instrument, at) == Some(Phase::Continuous);
        self.join_queue(place, market);
        if continuous && !market.halted(self.instrument(place)) {
            self.take_book(place, market, at, true);
        }
        let ioc = |order: &Order| order.terms.validity == Validity::Ioc && order.is_live();
        if continuous && self.orders.get(place).is_some_and(ioc) {
            self.finish_cancelled(place, None, at);
        }
    }

    fn instrument(&self, place: usize) -> usize {
        self.orders.get(place).map_or(usize::MAX, |order| order.instrument)
    }

    fn arrive_modified(&mut self, place: usize, terms: Terms, market: &dyn Exchange, at: Ts) {
        let uncovered = self.uncovered(place, &terms, market);
        let Some(order) = self.orders.get_mut(place) else { return };
        order.exchange_update = Some(at);
        let unprotected = terms.order_type.is_market() && terms.protection == 0;
        let uncovered =
            if unprotected { Some((NO_PROTECTION.to_owned(), NO_PROTECTION.to_owned())) } else { uncovered };
        if uncovered.is_some() || terms.qty < order.filled {
            order.message = uncovered;
            order.record(Status::NotModified, &self.account.user_id);
            order.record(order.standing(), &self.account.user_id);
            return;
        }
        let old = core::mem::replace(&mut order.terms, terms);
        let same_place = (old.order_type, old.price, old.trigger)
            == (order.terms.order_type, order.terms.price, order.terms.trigger);
        let keeps_queue = same_place && order.terms.qty <= old.qty && order.terms.validity == old.validity;
        order.at_exchange = Some(at);
        order.record(Status::Modified, &self.account.user_id);
        self.tell(place, UpdateKind::Update, at);
        self.set_end(place, market, at);
        self.restand(place, market, at, keeps_queue);
    }

    /// Puts a modified order where its new terms belong.
    fn restand(&mut self, place: usize, market: &dyn Exchange, at: Ts, keeps_queue: bool) {
        let Some(order) = self.orders.get_mut(place) else { return };
        if order.remaining() == 0 {
            (order.stage, order.next) = (Stage::Done, None);
            order.record(Status::Complete, &self.account.user_id);
            return self.tell(place, UpdateKind::Complete, at);
        }
        if keeps_queue {
            return order.record(order.standing(), &self.account.user_id);
        }
        let triggered_before = order.stage == Stage::Working && order.terms.order_type.is_stop();
        if triggered_before { self.enter(place, market, at) } else { self.stand(place, market, at, false) }
    }

    /// Orders that wait for the next session go out when it takes orders.
    pub(super) fn release_amo(&mut self, market: &dyn Exchange, now: Ts) {
        let waiting: Vec<usize> = self.live.clone();
        for place in waiting {
            let Some(order) = self.orders.get_mut(place).filter(|order| order.stage == Stage::Amo) else { continue };
            let phase = market.phase(order.instrument, now);
            if takes_orders(phase) {
                order.stage = Stage::Underway;
                order.record(Status::OpenPending, &self.account.user_id);
                self.arrive(place, market, now);
            }
        }
    }

    /// Ends orders whose time is over.
    pub(super) fn expire(&mut self, now: Ts) {
        for place in self.live.clone() {
            let Some(order) = self.orders.get(place) else { continue };
            let at_exchange = matches!(order.stage, Stage::Working | Stage::Untriggered);
            if let Some(end) = order.ends.filter(|end| at_exchange && *end <= now) {
                self.finish_cancelled(place, Some("Order expired with its validity."), end);
            }
        }
    }

    /// Writes down when an order that the exchange takes now ends by itself: with the day, or after its minutes.
    fn set_end(&mut self, place: usize, market: &dyn Exchange, at: Ts) {
        let Some(order) = self.orders.get_mut(place) else { return };
        let minutes = u32::try_from(order.terms.ttl_minutes * 60_000).unwrap_or(u32::MAX);
        let ttl = (order.terms.validity == Validity::Ttl).then(|| after(at, minutes));
        let close = self.closes.close(market, order.instrument, at);
        order.ends = [ttl, close].into_iter().flatten().min();
    }

    pub(super) fn finish_cancelled(&mut self, place: usize, message: Option<&str>, at: Ts) {
        let Some(order) = self.orders.get_mut(place) else { return };
        (order.stage, order.next, order.cancelled) = (Stage::Done, None, order.remaining());
        order.message = message.map(|message| (message.to_owned(), message.to_owned()));
        order.exchange_update = order.exchange_id.as_ref().map(|_| at);
        order.record(Status::Cancelled, &self.account.user_id);
        self.tell(place, UpdateKind::Cancelled, at);
    }

    fn reject(&mut self, place: usize, message: String, raw: String, at: Ts) {
        let Some(order) = self.orders.get_mut(place) else { return };
        (order.stage, order.next, order.message) = (Stage::Done, None, Some((message, raw)));
        order.record(Status::Rejected, &self.account.user_id);
        self.tell(place, UpdateKind::Rejected, at);
    }
}

/// The exchange numbers orders with 16 digits; here they end as the broker's id does.
fn exchange_id(id: &str) -> String {
    let serial = id.get(6..).unwrap_or(id);
    format!("1300000{serial:0>9}")
}

fn trigger_reached(side: Side, last: Price) -> String {
    let (word, relation) = match side {
        Side::Buy => ("buy", "higher"),
        Side::Sell => ("sell", "lower"),
    };
    format!(
        "Trigger price for stoploss {word} orders should be {relation} than the last traded price ({last}). Otherwise, try \
         placing a regular order."
    )
}
