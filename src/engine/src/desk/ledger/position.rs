//! A leg's position: shares and what they cost, by average cost.
//!
//! What it is: arithmetic on one leg. What it never does: know whose leg it is. Who calls it: the ledger.
//!
//! Invariant: cost after = cost before + money paid for shares + profit realised, exactly, whatever is rounded.

use barkeep_schemas::{FineMoney, PositionCarried, Price};

use super::super::charges::{nearest, saturate};
use crate::state::wire_fields;

/// Raw [`FineMoney`] in a raw [`Price`] times one share.
const FINE: i128 = 10_000;

/// `a + b`, saturating.
pub(super) const fn plus(a: FineMoney, b: FineMoney) -> FineMoney {
    FineMoney::new(a.get().saturating_add(b.get()))
}

/// `a - b`, saturating.
pub(super) const fn less(a: FineMoney, b: FineMoney) -> FineMoney {
    FineMoney::new(a.get().saturating_sub(b.get()))
}

/// Price times shares; saturates beyond 92 billion of the account currency.
const fn worth(price: Price, shares: i64) -> FineMoney {
    FineMoney::new(saturate((price.get() as i128 * shares as i128).saturating_mul(FINE)))
}

/// What a leg holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Position {
    /// Shares, negative when short.
    pub(super) qty: i64,
    /// Price times shares of what is held, negative when short.
    pub(super) cost: FineMoney,
}
wire_fields!(Position { qty, cost });

impl Position {
    /// Nothing.
    pub(super) const FLAT: Self = Self { qty: 0, cost: FineMoney::ZERO };

    /// What the session before left.
    pub(super) fn carried(from: &PositionCarried) -> Self {
        Self { qty: from.qty, cost: if from.qty == 0 { FineMoney::ZERO } else { from.cost } }
    }

    /// What the next session gets.
    pub(super) const fn carry(self) -> PositionCarried {
        PositionCarried { qty: self.qty, cost: self.cost }
    }

    /// Books so many shares, negative when sold, and returns the profit that it realised.
    pub(super) fn book(&mut self, shares: i64, price: Price) -> FineMoney {
        let grows = self.qty == 0 || (self.qty > 0) == (shares > 0);
        if grows {
            self.qty = self.qty.saturating_add(shares);
            self.cost = plus(self.cost, worth(price, shares));
            return FineMoney::ZERO;
        }
        // The part that closes, with the sign of the fill; what is left of it opens the other way.
        let closing = if shares.unsigned_abs() > self.qty.unsigned_abs() { self.qty.saturating_neg() } else { shares };
        let released = if closing == self.qty.saturating_neg() {
            self.cost
        } else {
            let part = i128::from(self.cost.get()) * i128::from(closing.unsigned_abs());
            FineMoney::new(saturate(nearest(part, i128::from(self.qty.unsigned_abs()))))
        };
        self.qty = self.qty.saturating_add(closing);
        self.cost = less(self.cost, released);
        let realised = less(worth(price, closing.saturating_neg()), released);
        let opening = shares.saturating_sub(closing);
        if opening != 0 {
            self.qty = opening;
            self.cost = worth(price, opening);
        }
        realised
    }

    /// What it is worth at a price, over its cost.
    pub(super) const fn unrealised(self, price: Price) -> FineMoney {
        less(worth(price, self.qty), self.cost)
    }

    /// Cost of a share, rounded; zero when flat.
    pub(super) fn average(self) -> Price {
        if self.qty == 0 {
            return Price::ZERO;
        }
        let shares = i128::from(self.qty.unsigned_abs()) * FINE;
        let cost = i128::from(self.cost.get().unsigned_abs());
        Price::new(saturate(nearest(cost, shares)))
    }
}
