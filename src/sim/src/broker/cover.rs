//! Whether the account carries an order: money for what it opens, shares for what it delivers.
//!
//! It moves nothing. `life` asks it before an order or a change goes to the exchange.

use super::desk::Desk;
use super::exchange::Exchange;
use super::order::Order;
use super::terms::{Product, Side, Terms};
use crate::kite::Rupees;

impl Desk {
    /// Why the account does not carry an order with these terms, if it does not.
    pub(super) fn uncovered(&self, place: usize, terms: &Terms, market: &dyn Exchange) -> Option<(String, String)> {
        let order = self.orders.get(place)?;
        let others = self.live.iter().filter(|other| **other != place).filter_map(|other| self.orders.get(*other));
        let wanted = terms.qty - order.filled;
        if (terms.product, terms.side) == (Product::Cnc, Side::Sell) {
            let promised = |other: &Order| {
                let same = (other.instrument, other.terms.product) == (order.instrument, Product::Cnc);
                if same && other.terms.side == Side::Sell { other.remaining() } else { 0 }
            };
            let there = self.portfolio.deliverable(order.instrument) - others.map(promised).sum::<i64>();
            return (there < wanted).then(|| no_shares(there.max(0), wanted));
        }
        let blocked: i128 = others.map(|other| self.blocked(other, &other.terms, other.remaining(), market)).sum();
        let required = self.blocked(order, terms, wanted, market);
        let available = self.portfolio.cash + self.portfolio.realised() - self.portfolio.used() - blocked;
        (required > available).then(|| no_money(required, available, &self.account.user_id))
    }

    /// The margin that a live order blocks.
    fn blocked(&self, order: &Order, terms: &Terms, qty: i64, market: &dyn Exchange) -> i128 {
        let last = market.quote(order.instrument).last_price.get();
        let price = if terms.order_type.is_market() { last } else { terms.price.get() };
        self.portfolio.margin(order.instrument, terms.product, terms.side, price, qty)
    }

    /// All margin that live orders block.
    pub(super) fn blocked_total(&self, market: &dyn Exchange) -> i128 {
        let live = self.live.iter().filter_map(|place| self.orders.get(*place));
        live.map(|order| self.blocked(order, &order.terms, order.remaining(), market)).sum()
    }
}

fn no_money(required: i128, available: i128, user_id: &str) -> (String, String) {
    let (required, available) = (rupees(required), rupees(available));
    let message = format!(
        "Insufficient funds. Required margin is {required} but available margin is {available}. Check the orderbook for \
         open orders."
    );
    let raw = format!(
        "RMS:Margin Exceeds,Required:{required}, Available:{available} for entity account-{user_id} across exchange \
         across segment across product "
    );
    (message, raw)
}

fn no_shares(there: i64, wanted: i64) -> (String, String) {
    let message = format!("Insufficient stock holding. Holding quantity is {there} but order quantity is {wanted}.");
    let raw = format!("RMS:Rule: Check holdings including BTST,Required:{wanted}, Available:{there}");
    (message, raw)
}

/// An amount with two decimals, cut.
fn rupees(raw: i128) -> String {
    let (sign, raw) = (if raw < 0 { "-" } else { "" }, raw.unsigned_abs());
    format!("{sign}{}.{:02}", raw / 10_000, raw / 100 % 100)
}

/// An amount of the portfolio as a body shows it.
pub(super) fn shown(raw: i128) -> Rupees {
    Rupees(i64::try_from(raw).unwrap_or(if raw < 0 { i64::MIN } else { i64::MAX }))
}
