//! The desk: takes orders in, leads them through their statuses as time passes, and keeps what came of them.
//!
//! Fills are found in `matching`, money in `portfolio`. It never answers HTTP itself and never looks at a session.
//! Invariant: everything that happens to an order happens at a moment that is written down, in the order of those
//! moments; a large step of time gives the same rows as many small ones, as long as the market shows the same.

use std::collections::BTreeMap;

use barkeep_schemas::{SessionDate, Ts};

use super::chance::{Purpose, number};
use super::exchange::Exchange;
use super::hours::Closes;
use super::matching::Taken;
use super::order::{Order, Stage, Status, Step};
use super::params::{Params, invalid};
use super::portfolio::Portfolio;
use super::terms::{self, Terms};
use super::update::{OrderUpdate, UpdateKind};
use crate::kite::stamp::ist_date;
use crate::kite::{ErrorType, KiteError, TradeRow};

/// Modifications of one order, at most.
const MODIFICATIONS_MAX: u32 = 25;

/// How long an order takes from desk to desk, in milliseconds of virtual time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OrderDelays {
    /// From the request to the broker's look at it.
    pub receive_ms: u32,
    /// The broker's look at it.
    pub validate_ms: u32,
    /// From the broker to the exchange.
    pub exchange_ms: u32,
}

impl Default for OrderDelays {
    /// 2, 5 and 25 ms: an order is at the exchange about 30 ms after the request.
    fn default() -> Self {
        Self { receive_ms: 2, validate_ms: 5, exchange_ms: 25 }
    }
}

/// Whose desk it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Account {
    pub(super) seed: u64,
    pub(super) user_id: String,
    pub(super) app_id: u32,
    pub(super) api_secret: String,
    pub(super) delays: OrderDelays,
}

/// The desk of one account.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Desk {
    pub(super) account: Account,
    pub(super) orders: Vec<Order>,
    /// Places of the live ones, ascending.
    pub(super) live: Vec<usize>,
    pub(super) trades: Vec<TradeRow>,
    pub(super) portfolio: Portfolio,
    pub(super) updates: Vec<OrderUpdate>,
    /// What the account has already taken of the books as displayed.
    pub(super) taken: BTreeMap<usize, Taken>,
    /// Prints up to this moment have had their chance.
    pub(super) matched_to: Ts,
    pub(super) trade_count: u64,
    order_count: u64,
    date: Option<SessionDate>,
    pub(super) closes: Closes,
}

/// A moment so many milliseconds later.
pub(super) fn after(at: Ts, ms: u32) -> Ts {
    Ts::new(at.get().saturating_add(i64::from(ms) * 1_000_000))
}

/// An order that is where a request cannot reach it.
fn refused(message: &str) -> KiteError {
    KiteError::new(ErrorType::Order, message)
}

impl Desk {
    pub(super) fn new(account: Account, portfolio: Portfolio) -> Self {
        Self {
            account,
            orders: Vec::new(),
            live: Vec::new(),
            trades: Vec::new(),
            portfolio,
            updates: Vec::new(),
            taken: BTreeMap::new(),
            matched_to: Ts::new(i64::MIN),
            trade_count: 0,
            order_count: 0,
            date: None,
            closes: Closes::default(),
        }
    }

    /// Takes a new order in and gives its id.
    pub(super) fn place(
        &mut self,
        variety: &str,
        form: Params<'_>,
        market: &dyn Exchange,
        now: Ts,
    ) -> Result<String, KiteError> {
        let variety = terms::variety(variety)?;
        let instrument = terms::instrument(form, market)?;
        let (terms, listing) = (Terms::read(form)?, market.listing(instrument, market.date()));
        terms.check(&listing)?;
        let id = self.next_id(now);
        let mut order = Order::new(id.clone(), instrument, &listing, variety, terms, now);
        order.record(Status::Received, &self.account.user_id);
        order.next = Some((after(now, self.account.delays.receive_ms), Step::Validate));
        self.live.push(self.orders.len());
        self.orders.push(order);
        Ok(id)
    }

    /// `YYMMDD` and nine digits that rise from a number of the seed.
    fn next_id(&mut self, now: Ts) -> String {
        self.order_count += 1;
        let (year, month, day) = ist_date(now).ymd();
        let first = number(self.account.seed, Purpose::OrderNumber, 0, 400_000_000);
        let serial = (first + self.order_count) % 1_000_000_000;
        format!("{:02}{month:02}{day:02}{serial:09}", year.rem_euclid(100))
    }

    /// The place of an order; its variety must be the one named, when one is.
    pub(super) fn find(&self, id: &str, variety: Option<&str>) -> Result<usize, KiteError> {
        let same = |order: &Order| order.id == id && variety.is_none_or(|name| order.variety.name() == name);
        self.orders.iter().position(same).ok_or_else(|| refused("Couldn't find that `order_id`."))
    }

    /// Takes a change of an order in.
    pub(super) fn modify(
        &mut self,
        place: usize,
        form: Params<'_>,
        market: &dyn Exchange,
        now: Ts,
    ) -> Result<(), KiteError> {
        let delays = self.account.delays;
        let Some(order) = self.orders.get_mut(place) else { return Err(invalid("order_id")) };
        let busy = matches!(order.next, Some((_, Step::CancelArrive)));
        let reachable = matches!(order.stage, Stage::Working | Stage::Untriggered | Stage::Amo) && !busy;
        if !reachable {
            return Err(refused("Order cannot be modified as it is being processed. Try later."));
        }
        let terms = order.terms.changed(form)?;
        terms.check(&market.listing(order.instrument, market.date()))?;
        if terms.qty < order.filled {
            return Err(invalid("quantity"));
        }
        if order.modifications >= MODIFICATIONS_MAX {
            return Err(refused("Maximum allowed order modifications exceeded."));
        }
        order.modifications += 1;
        order.requested = now;
        if order.stage == Stage::Amo {
            order.terms = terms;
            order.record(Status::AmoReceived, &self.account.user_id);
            self.tell(place, UpdateKind::Update, now);
        } else {
            order.record(Status::ModifyValidating, &self.account.user_id);
            order.next = Some((after(now, delays.validate_ms), Step::ModifySend(Box::new(terms))));
        }
        Ok(())
    }

    /// Takes a cancellation in.
    pub(super) fn cancel(&mut self, place: usize, now: Ts) -> Result<(), KiteError> {
        let due = after(now, self.account.delays.exchange_ms);
        let Some(order) = self.orders.get_mut(place) else { return Err(invalid("order_id")) };
        match order.stage {
            Stage::Underway | Stage::Done => {
                Err(refused("Order cannot be cancelled as it is being processed. Try later."))
            }
            Stage::Amo => {
                order.requested = now;
                self.finish_cancelled(place, None, now);
                Ok(())
            }
            Stage::Untriggered | Stage::Working => {
                order.requested = now;
                order.record(Status::CancelPending, &self.account.user_id);
                order.next = Some((due, Step::CancelArrive));
                Ok(())
            }
        }
    }

    /// Lets pass what is due up to a moment, without a look at new prints.
    pub(super) fn settle(&mut self, market: &dyn Exchange, now: Ts) {
        self.roll(now);
        loop {
            let due = |place: &usize| {
                let (at, _) = self.orders.get(*place)?.next.as_ref()?;
                (*at <= now).then_some((*at, *place))
            };
            let Some((at, place)) = self.live.iter().filter_map(due).min() else { break };
            let step = self.orders.get_mut(place).and_then(|order| order.next.take());
            if let Some((_, step)) = step {
                self.run(place, step, market, at);
            }
        }
        self.sweep();
    }

    /// Lets time pass after the market has: what is due, prints and books, the ends of validities.
    pub(super) fn advance(&mut self, market: &dyn Exchange, now: Ts) {
        self.settle(market, now);
        self.release_amo(market, now);
        self.match_prints(market);
        self.match_books(market, now);
        self.expire(now);
        self.matched_to = self.matched_to.max(now);
        self.sweep();
        // One step of the desk does its kinds of work one after the other; what is told keeps the order of moments.
        self.updates.sort_by_key(|update| update.at);
    }

    /// Drops what is done from the list of the live.
    fn sweep(&mut self) {
        let orders = &self.orders;
        self.live.retain(|place| orders.get(*place).is_some_and(Order::is_live));
    }

    /// At midnight IST the order book and the trades start over; live orders stay.
    fn roll(&mut self, now: Ts) {
        let today = ist_date(now);
        if self.date.is_some_and(|date| date < today) {
            self.orders.retain(Order::is_live);
            self.live = (0..self.orders.len()).collect();
            self.trades.clear();
            self.taken.clear();
            self.portfolio.roll();
        }
        self.date = Some(self.date.unwrap_or(today).max(today));
    }

    /// Makes an update of an order as it stands.
    pub(super) fn tell(&mut self, place: usize, kind: UpdateKind, at: Ts) {
        let row = self.orders.get(place).and_then(|order| order.history.last());
        let Account { app_id, api_secret, .. } = &self.account;
        self.updates.extend(row.map(|row| OrderUpdate::new(at, kind, row, *app_id, api_secret)));
    }
}
