//! Money, positions and holdings of the account, as its trades make them.
//!
//! It knows no order: the desk says what is asked for and tells of trades. Costs and taxes are not charged, margins are a
//! fixed share of the value, and positions of product MIS are not squared off by the broker.

use std::collections::BTreeMap;

use super::order::average;
use super::terms::{Product, Side};

/// What was traded today, in units of 0.0001 rupee.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Traded {
    pub(super) qty: i64,
    pub(super) value: i128,
}

/// A position in one instrument and product.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Position {
    /// Shares, negative when short.
    pub(super) net: i64,
    /// What the open shares cost or brought; never negative.
    pub(super) open_value: i128,
    /// Result of what was closed since the day began.
    pub(super) realised: i128,
    /// Shares carried over night, signed, and their average price.
    pub(super) carried: i64,
    pub(super) carried_price: i64,
    pub(super) bought: Traded,
    pub(super) sold: Traded,
}

impl Position {
    /// Average price of the open shares.
    pub(super) fn average(&self) -> i64 {
        average(self.open_value, self.net.abs())
    }

    fn trade(&mut self, side: Side, price: i64, qty: i64) {
        let (traded, sign) = match side {
            Side::Buy => (&mut self.bought, 1),
            Side::Sell => (&mut self.sold, -1),
        };
        traded.qty += qty;
        traded.value += i128::from(price) * i128::from(qty);
        let closing = if self.net * sign < 0 { qty.min(self.net.abs()) } else { 0 };
        if closing > 0 {
            let cost = self.open_value * i128::from(closing) / i128::from(self.net.abs());
            self.realised += (cost - i128::from(price) * i128::from(closing)) * i128::from(sign);
            self.open_value -= cost;
        }
        self.open_value += i128::from(price) * i128::from(qty - closing);
        self.net += sign * qty;
    }
}

/// Shares in the demat account.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Holding {
    /// Bought the trading day before.
    pub(super) t1: i64,
    /// Delivered.
    pub(super) delivered: i64,
    /// What all of them cost.
    pub(super) cost: i128,
}

impl Holding {
    pub(super) const fn total(&self) -> i64 {
        self.t1 + self.delivered
    }
}

/// What the account has.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Portfolio {
    /// Cash at the start of the day.
    pub(super) cash: i128,
    /// Value that one rupee of margin carries in product MIS.
    leverage: i128,
    pub(super) positions: BTreeMap<(usize, Product), Position>,
    pub(super) holdings: BTreeMap<usize, Holding>,
}

impl Portfolio {
    pub(super) fn new(cash: i64, leverage: u32) -> Self {
        let (cash, leverage) = (i128::from(cash), i128::from(leverage.max(1)));
        Self { cash, leverage, positions: BTreeMap::new(), holdings: BTreeMap::new() }
    }

    /// The position in an instrument and product.
    pub(super) fn position(&self, instrument: usize, product: Product) -> Position {
        self.positions.get(&(instrument, product)).copied().unwrap_or_default()
    }

    /// Books a trade.
    pub(super) fn trade(&mut self, instrument: usize, product: Product, side: Side, price: i64, qty: i64) {
        self.positions.entry((instrument, product)).or_default().trade(side, price, qty);
    }

    fn leverage(&self, product: Product) -> i128 {
        match product {
            Product::Mis => self.leverage,
            Product::Cnc | Product::Nrml | Product::Mtf => 1,
        }
    }

    /// The margin that an order of so many shares needs: of what it opens, not of what it closes.
    pub(super) fn margin(&self, instrument: usize, product: Product, side: Side, price: i64, qty: i64) -> i128 {
        let net = self.position(instrument, product).net;
        let closable = match side {
            Side::Buy => -net.min(0),
            Side::Sell => net.max(0),
        };
        match (side, product) {
            (Side::Sell, Product::Cnc) => 0,
            (Side::Buy | Side::Sell, Product::Cnc | Product::Nrml | Product::Mis | Product::Mtf) => {
                i128::from((qty - closable).max(0)) * i128::from(price) / self.leverage(product)
            }
        }
    }

    /// The margin of what is open. Shares sold out of holdings need none.
    pub(super) fn used(&self) -> i128 {
        let used = |((_, product), position): (&(usize, Product), &Position)| match product {
            Product::Cnc if position.net < 0 => 0,
            Product::Cnc | Product::Nrml | Product::Mis | Product::Mtf => position.open_value / self.leverage(*product),
        };
        self.positions.iter().map(used).sum()
    }

    /// What was won or lost today by closing.
    pub(super) fn realised(&self) -> i128 {
        self.positions.values().map(|position| position.realised).sum()
    }

    /// Shares that can be sold for delivery: held, and bought for delivery today.
    pub(super) fn deliverable(&self, instrument: usize) -> i64 {
        let held = self.holdings.get(&instrument).map_or(0, Holding::total);
        held + self.position(instrument, Product::Cnc).net
    }

    /// The day ends: deliveries go into the holdings, results into the cash, the rest is carried over night.
    pub(super) fn roll(&mut self) {
        for holding in self.holdings.values_mut() {
            holding.delivered += core::mem::take(&mut holding.t1);
        }
        for ((instrument, product), mut position) in core::mem::take(&mut self.positions) {
            self.cash += position.realised;
            match product {
                Product::Cnc => self.deliver(instrument, &position),
                Product::Nrml | Product::Mis | Product::Mtf if position.net != 0 => {
                    (position.carried, position.carried_price) = (position.net, position.average());
                    (position.bought, position.sold, position.realised) = (Traded::default(), Traded::default(), 0);
                    self.positions.insert((instrument, product), position);
                }
                Product::Nrml | Product::Mis | Product::Mtf => {}
            }
        }
        self.holdings.retain(|_, holding| holding.total() > 0);
    }

    fn deliver(&mut self, instrument: usize, position: &Position) {
        let holding = self.holdings.entry(instrument).or_default();
        if position.net >= 0 {
            holding.t1 += position.net;
            holding.cost += position.open_value;
            self.cash -= position.open_value;
        } else {
            let sold = (-position.net).min(holding.total());
            if sold > 0 {
                holding.cost -= holding.cost * i128::from(sold) / i128::from(holding.total());
            }
            let delivered = sold.min(holding.delivered);
            holding.delivered -= delivered;
            holding.t1 -= sold - delivered;
            self.cash += position.open_value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn portfolio() -> Portfolio {
        Portfolio::new(1_000_000, 5)
    }

    #[test]
    fn closing_realises_against_the_average_and_turning_round_opens_the_other_side() {
        let mut portfolio = portfolio();
        portfolio.trade(0, Product::Mis, Side::Buy, 100, 10);
        portfolio.trade(0, Product::Mis, Side::Buy, 120, 10);
        portfolio.trade(0, Product::Mis, Side::Sell, 130, 25);
        let position = portfolio.position(0, Product::Mis);
        assert_eq!((position.net, position.average(), position.realised), (-5, 130, 400));
        portfolio.trade(0, Product::Mis, Side::Buy, 100, 5);
        assert_eq!(portfolio.position(0, Product::Mis).realised, 550);
        assert_eq!(portfolio.used(), 0);
    }

    #[test]
    fn margin_is_asked_for_what_opens_alone() {
        let mut portfolio = portfolio();
        assert_eq!(portfolio.margin(0, Product::Mis, Side::Sell, 100, 10), 200);
        assert_eq!(portfolio.margin(0, Product::Nrml, Side::Sell, 100, 10), 1_000);
        portfolio.trade(0, Product::Mis, Side::Sell, 100, 10);
        assert_eq!(portfolio.margin(0, Product::Mis, Side::Buy, 100, 10), 0);
        assert_eq!(portfolio.margin(0, Product::Mis, Side::Buy, 100, 15), 100);
        assert_eq!(portfolio.used(), 200);
    }

    #[test]
    fn a_delivery_becomes_a_holding_and_can_be_sold_out_of_it() {
        let mut portfolio = portfolio();
        portfolio.trade(0, Product::Cnc, Side::Buy, 100, 10);
        assert_eq!(portfolio.deliverable(0), 10);
        portfolio.roll();
        assert_eq!(portfolio.holdings[&0], Holding { t1: 10, delivered: 0, cost: 1_000 });
        assert_eq!(portfolio.cash, 999_000);
        portfolio.roll();
        portfolio.trade(0, Product::Cnc, Side::Sell, 150, 4);
        assert_eq!((portfolio.deliverable(0), portfolio.used()), (6, 0));
        portfolio.roll();
        assert_eq!(portfolio.holdings[&0], Holding { t1: 0, delivered: 6, cost: 600 });
        assert_eq!(portfolio.cash, 999_600);
    }

    #[test]
    fn what_is_carried_keeps_its_price_and_starts_a_day_without_trades() {
        let mut portfolio = portfolio();
        portfolio.trade(0, Product::Nrml, Side::Sell, 100, 10);
        portfolio.trade(0, Product::Nrml, Side::Buy, 90, 4);
        portfolio.roll();
        let position = portfolio.position(0, Product::Nrml);
        assert_eq!((position.carried, position.carried_price, position.bought), (-6, 100, Traded::default()));
        assert_eq!(portfolio.cash, 1_000_040);
    }
}
