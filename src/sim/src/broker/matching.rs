//! Fills: what an order takes of the displayed book, and what true prints give to those that rest.
//!
//! The market does not feel the account's orders: they take what is displayed, never more, and what they took stays taken
//! until the book changes. A resting order stands behind what was displayed at its price when it came, and is filled by
//! prints at its price once that many shares went by, or by any print through it. Only the desk calls this.

use std::collections::BTreeSet;

use barkeep_schemas::{Level, Phase, Price, Qty, Ts};

use super::desk::Desk;
use super::exchange::Exchange;
use super::order::{Order, Stage, Status};
use super::terms::Side;
use super::update::UpdateKind;
use crate::kite::TradeRow;
use crate::kite::stamp::{Form, Stamp, date_time};
use crate::market::Print;

/// What the account took of an instrument's book as it was displayed at a moment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Taken {
    shown: Ts,
    levels: Vec<(Side, Price, i64)>,
}

impl Taken {
    fn qty(&self, side: Side, price: Price) -> i64 {
        let here = self.levels.iter().filter(|level| (level.0, level.1) == (side, price));
        here.map(|level| level.2).sum()
    }
}

/// Whether a price is at least as good for a side as a limit.
fn within(side: Side, price: Price, limit: Price) -> bool {
    match side {
        Side::Buy => price <= limit,
        Side::Sell => price >= limit,
    }
}

impl Desk {
    /// Counts the shares that are displayed at an order's price before it.
    pub(super) fn join_queue(&mut self, place: usize, market: &dyn Exchange) {
        let Some(order) = self.orders.get_mut(place) else { return };
        let quote = market.quote(order.instrument);
        let own = match order.terms.side {
            Side::Buy => &quote.bids,
            Side::Sell => &quote.asks,
        };
        order.queue = queue_before(order.terms.side, order.limit, own);
    }

    /// Lets an order take what the other side displays within its limit, best level first. One that just came pays the
    /// displayed prices; to one that rests the others come, at its own price.
    pub(super) fn take_book(&mut self, place: usize, market: &dyn Exchange, at: Ts, just_came: bool) {
        let Some(order) = self.orders.get(place).filter(|order| order.stage == Stage::Working) else { return };
        let (instrument, side, limit) = (order.instrument, order.terms.side, order.limit);
        let quote = market.quote(instrument);
        let other = match side {
            Side::Buy => quote.asks,
            Side::Sell => quote.bids,
        };
        if self.taken.get(&instrument).is_none_or(|taken| taken.shown != quote.exchange_time) {
            self.taken.insert(instrument, Taken { shown: quote.exchange_time, levels: Vec::new() });
        }
        for Level { price, qty, .. } in other.into_iter().filter(|level| within(side, level.price, limit)) {
            let before = self.taken.get(&instrument).map_or(0, |taken| taken.qty(side, price));
            let remaining = self.orders.get(place).map_or(0, Order::remaining);
            let share = remaining.min(qty.get() - before);
            if share > 0 {
                if let Some(taken) = self.taken.get_mut(&instrument) {
                    taken.levels.push((side, price, share));
                }
                self.fill(place, if just_came { price } else { limit }, share, at);
            }
        }
    }

    /// Lets the prints of the last step reach triggers and fill what rests.
    pub(super) fn match_prints(&mut self, market: &dyn Exchange) {
        let at_exchange = |order: &&Order| matches!(order.stage, Stage::Untriggered | Stage::Working);
        let orders = self.live.iter().filter_map(|place| self.orders.get(*place));
        let instruments: BTreeSet<usize> = orders.filter(at_exchange).map(|order| order.instrument).collect();
        for instrument in instruments {
            let new = market.prints(instrument).iter().filter(|print| print.ts > self.matched_to);
            let prints: Vec<Print> = new.copied().collect();
            for print in prints {
                self.trigger(instrument, &print, market);
                self.fill_from(instrument, &print);
            }
        }
    }

    /// Lets the displayed books reach what rests inside them.
    pub(super) fn match_books(&mut self, market: &dyn Exchange, now: Ts) {
        for place in self.live.clone() {
            let Some(order) = self.orders.get(place).filter(|order| order.stage == Stage::Working) else { continue };
            let instrument = order.instrument;
            if market.phase(instrument, now) == Some(Phase::Continuous) && !market.halted(instrument) {
                self.take_book(place, market, now, false);
            }
        }
    }

    fn trigger(&mut self, instrument: usize, print: &Print, market: &dyn Exchange) {
        for place in self.live.clone() {
            let waits = |order: &&Order| {
                let here = order.instrument == instrument && order.stage == Stage::Untriggered;
                here && order.since < print.ts && within(order.terms.side, order.terms.trigger, print.price)
            };
            if self.orders.get(place).filter(waits).is_some() {
                self.enter(place, market, print.ts);
                self.tell(place, UpdateKind::Update, print.ts);
            }
        }
    }

    /// Gives a print's shares to resting orders, the best price first, then the oldest.
    fn fill_from(&mut self, instrument: usize, print: &Print) {
        let mut given = 0;
        for place in self.resting(instrument, print) {
            let Some(order) = self.orders.get_mut(place) else { continue };
            let through = print.auction || order.limit != print.price;
            let passed = if through { order.queue } else { order.queue.min(print.qty.get()) };
            order.queue -= passed;
            let rest = if through { print.qty.get() } else { print.qty.get() - passed };
            let share = order.remaining().min(rest - given);
            let price = if print.auction { print.price } else { order.limit };
            if share > 0 {
                given += share;
                self.fill(place, price, share, print.ts);
            }
        }
    }

    /// Orders that a print may fill.
    fn resting(&self, instrument: usize, print: &Print) -> Vec<usize> {
        let candidate = |place: &usize| {
            let order = self.orders.get(*place)?;
            let here = order.instrument == instrument && order.stage == Stage::Working && order.since < print.ts;
            let rank = match order.terms.side {
                Side::Buy => -order.limit.get(),
                Side::Sell => order.limit.get(),
            };
            (here && within(order.terms.side, print.price, order.limit)).then_some((rank, order.since, *place))
        };
        let mut found: Vec<_> = self.live.iter().filter_map(candidate).collect();
        found.sort_unstable();
        found.into_iter().map(|(_, _, place)| place).collect()
    }

    /// Books a fill.
    fn fill(&mut self, place: usize, price: Price, qty: i64, at: Ts) {
        let Some(order) = self.orders.get_mut(place) else { return };
        order.filled += qty;
        order.value += i128::from(price.get()) * i128::from(qty);
        order.exchange_update = Some(at);
        self.trade_count += 1;
        self.trades.push(trade_row(order, self.trade_count, price, Qty::new(qty), at));
        self.portfolio.trade(order.instrument, order.terms.product, order.terms.side, price.get(), qty);
        let kind = if order.remaining() == 0 {
            (order.stage, order.next) = (Stage::Done, None);
            order.record(Status::Complete, &self.account.user_id);
            UpdateKind::Complete
        } else {
            order.record(Status::Open, &self.account.user_id);
            UpdateKind::Update
        };
        self.tell(place, kind, at);
    }
}

/// Shares before a newcomer at a price: those displayed at it; of a price beyond all that is displayed, those of the last
/// level, since nobody tells more.
fn queue_before(side: Side, limit: Price, own: &[Level]) -> i64 {
    let at_price = own.iter().find(|level| level.price == limit);
    let beyond = own.last().filter(|last| own.len() == 5 && within(side, limit, last.price));
    at_price.or(beyond).map_or(0, |level| level.qty.get())
}

fn trade_row(order: &Order, number: u64, price: Price, qty: Qty, at: Ts) -> TradeRow {
    TradeRow {
        trade_id: (10_000_000 + number).to_string(),
        order_id: order.id.clone(),
        exchange: "NSE",
        tradingsymbol: order.symbol.clone(),
        instrument_token: order.token,
        product: order.terms.product.name(),
        average_price: price.into(),
        quantity: qty.get(),
        exchange_order_id: order.exchange_id.clone(),
        transaction_type: order.terms.side.name(),
        fill_timestamp: date_time(at),
        order_timestamp: Stamp(order.at_exchange.unwrap_or(at), Form::TimeOfDay).to_string(),
        exchange_timestamp: date_time(at),
    }
}
