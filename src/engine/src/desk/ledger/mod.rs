//! Positions and money: what is held at what cost, what it realised, what it is worth.
//!
//! What it is: books that fills alone move. What it never does: look at orders or intentions; know a price but the fills'
//! own, as marks are handed in. Who calls it: the orders book each fill; executor and risk manager read positions; the
//! desk marks equity.
//!
//! Invariants: money paid and received for shares, and positions at their marks, less charges, is equity less capital,
//! exactly, as the rounding of a released cost stays in the cost that is left; the buckets add up to the account.

mod position;
mod scopes;

#[cfg(test)]
pub(super) mod tests;

use alloc::vec::Vec;

use barkeep_schemas::{
    Bucket, Charges, DeskCarried, DeskSetup, FineMoney, Leg, Money, PairDay, PairId, PositionCarried, Price, Qty, Real,
    Scope, ScopeCarried, Seq, Side,
};

use super::charges::saturate;
use crate::state::wire_fields;
use position::{Position, less, plus};
use scopes::{ScopeBook, Scopes, by_scope};

/// Hundredths of a percent in one.
const BPS: i128 = 10_000;

/// A pair's positions and its session in numbers.
#[derive(Clone, Debug)]
struct PairBook {
    bucket: Bucket,
    a: Position,
    b: Position,
    realised: FineMoney,
    charges: FineMoney,
    entries: u32,
    exits: u32,
    orders: u32,
    fills: u32,
}
wire_fields!(PairBook { bucket, a, b, realised, charges, entries, exits, orders, fills });

impl PairBook {
    fn new(bucket: Bucket) -> Self {
        Self {
            bucket,
            a: Position::FLAT,
            b: Position::FLAT,
            realised: FineMoney::ZERO,
            charges: FineMoney::ZERO,
            entries: 0,
            exits: 0,
            orders: 0,
            fills: 0,
        }
    }

    const fn leg(&self, leg: Leg) -> Position {
        match leg {
            Leg::A => self.a,
            Leg::B => self.b,
        }
    }

    const fn leg_mut(&mut self, leg: Leg) -> &mut Position {
        match leg {
            Leg::A => &mut self.a,
            Leg::B => &mut self.b,
        }
    }
}

/// What a fill did to its leg.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Booked {
    /// Shares held after it, negative when short.
    pub(crate) position: i64,
    /// Their average price, rounded; zero when flat.
    pub(crate) average: Price,
    /// Profit that it realised, before charges.
    pub(crate) realised: FineMoney,
}

/// The money of a scope at given prices. What needs the price of a held leg is absent where that price is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct ScopeValue {
    /// The account's capital, or the bucket's part of it.
    pub(crate) capital: FineMoney,
    /// Profit and loss since the tape began, realised and not, less charges.
    pub(crate) profit: Option<FineMoney>,
    /// Capital and profit.
    pub(crate) equity: Option<FineMoney>,
    /// Profit and loss since the session opened, realised and not, less charges.
    pub(crate) daily: Option<FineMoney>,
    /// Sum of |position| at the prices.
    pub(crate) gross: Option<Money>,
    /// Sum of positions at the prices.
    pub(crate) net: Option<Money>,
    /// Profit realised in this session, before charges.
    pub(crate) realised: FineMoney,
    /// Profit of positions held, over their cost.
    pub(crate) unrealised: Option<FineMoney>,
    /// Charges of this session.
    pub(crate) charges: FineMoney,
}

/// What happens to a pair in a session and is counted in its [`PairDay`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum PairCount {
    /// It left FLAT for ENTERING.
    Entry,
    /// It is left on a signal.
    Exit,
    /// An order was made.
    Order,
}

/// Sums of positions at prices.
#[derive(Clone, Copy)]
struct Held {
    gross: i128,
    net: i128,
    unrealised: FineMoney,
}

/// The books.
#[derive(Clone, Debug)]
pub(crate) struct Ledger {
    pairs: Vec<PairBook>,
    scopes: Scopes,
}
wire_fields!(Ledger { pairs, scopes });

impl Ledger {
    /// The books of a session that opens: positions and profits carried over, nothing realised yet.
    pub(crate) fn new(setup: &DeskSetup, carried: &DeskCarried) -> Self {
        let mut ledger = Self { pairs: Vec::new(), scopes: Scopes::EMPTY };
        ledger.resize(setup);
        for pair in &carried.pairs {
            if let Some(book) = ledger.pair_mut(pair.pair) {
                book.a = Position::carried(&pair.a);
                book.b = Position::carried(&pair.b);
            }
        }
        for scope in &carried.scopes {
            let book = ledger.scopes.get_mut(scope.scope);
            // The account's profit is the sum of its buckets'.
            if scope.scope != Scope::Global {
                book.before = scope.profit;
            }
            book.high_profit = FineMoney::new(scope.high_profit.get().max(0));
        }
        ledger
    }

    /// Follows a changed setup: pairs that were added, capital and its splits. A pair that moves to another bucket takes
    /// its positions along; what it realised stays where it was.
    pub(crate) fn resize(&mut self, setup: &DeskSetup) {
        for spec in &setup.pairs {
            if let Some(book) = self.pair_mut(spec.id) {
                book.bucket = spec.bucket;
            }
        }
        let total = FineMoney::of(setup.limits.total_cash);
        for scope in Scope::ALL {
            let split = setup.limits.buckets.iter().find(|limits| limits.bucket.scope() == *scope);
            self.scopes.get_mut(*scope).capital = match (scope, split) {
                (Scope::Global, _) => total,
                (Scope::Low | Scope::Med | Scope::High, Some(limits)) => {
                    FineMoney::new(saturate(i128::from(total.get()) * i128::from(limits.split_bps) / BPS))
                }
                (Scope::Low | Scope::Med | Scope::High, None) => FineMoney::ZERO,
            };
        }
    }

    /// Takes, once and before any fill, the prices that the session before ended with: what positions carried over had
    /// made by then is no part of this day. Where there is none, a position counts since it was built.
    pub(crate) fn opened_at(&mut self, prices: &dyn Fn(PairId, Leg) -> Option<Price>) {
        for (id, book) in (0..=u16::MAX).map(PairId).zip(&self.pairs) {
            for leg in [Leg::A, Leg::B] {
                let unrealised = prices(id, leg).map_or(FineMoney::ZERO, |price| book.leg(leg).unrealised(price));
                for scope in [Scope::Global, book.bucket.scope()] {
                    let scope = self.scopes.get_mut(scope);
                    scope.opening = plus(scope.opening, unrealised);
                }
            }
        }
    }

    /// Books a fill. Never fails: a pair that the setup does not have gets books.
    pub(crate) fn fill(
        &mut self,
        pair: PairId,
        leg: Leg,
        side: Side,
        qty: Qty,
        price: Price,
        charges: &Charges,
    ) -> Booked {
        let cost = charges.total();
        let Some(book) = self.pair_mut(pair) else {
            return Booked { position: 0, average: Price::ZERO, realised: FineMoney::ZERO };
        };
        let position = book.leg_mut(leg);
        let realised = position.book(qty.get().saturating_mul(side.sign()), price);
        let booked = Booked { position: position.qty, average: position.average(), realised };
        book.realised = plus(book.realised, realised);
        book.charges = plus(book.charges, cost);
        book.fills = book.fills.saturating_add(1);
        let scope = book.bucket.scope();
        let scope = self.scopes.get_mut(scope);
        scope.realised = plus(scope.realised, realised);
        scope.charges = plus(scope.charges, cost);
        booked
    }

    /// Counts what happened to a pair.
    pub(crate) fn count(&mut self, pair: PairId, what: PairCount) {
        let Some(book) = self.pair_mut(pair) else { return };
        let count = match what {
            PairCount::Entry => &mut book.entries,
            PairCount::Exit => &mut book.exits,
            PairCount::Order => &mut book.orders,
        };
        *count = count.saturating_add(1);
    }

    /// Shares that a leg holds, negative when short; 0 for a pair that it has no books of.
    pub(crate) fn position(&self, pair: PairId, leg: Leg) -> i64 {
        self.pairs.get(pair.index()).map_or(0, |book| book.leg(leg).qty)
    }

    /// The money of every scope, in the order of [`Scope::ALL`].
    pub(crate) fn marks(&self, prices: &dyn Fn(PairId, Leg) -> Option<Price>) -> [ScopeValue; 4] {
        by_scope(|scope| self.mark(scope, self.held(scope, prices)))
    }

    /// What a day has made so far, for the daily loss: see [`ScopeValue::daily`]. Absent while a price is.
    #[cfg(test)]
    pub(crate) fn daily_profit(
        &self,
        scope: Scope,
        prices: &dyn Fn(PairId, Leg) -> Option<Price>,
    ) -> Option<FineMoney> {
        self.mark(scope, self.held(scope, prices)).daily
    }

    /// Raises the high-water marks to where these marks are higher. A mark without its profit raises nothing.
    pub(crate) fn note_high(&mut self, marks: &[ScopeValue; 4]) {
        for (scope, mark) in Scope::ALL.iter().zip(marks) {
            let book = self.scopes.get_mut(*scope);
            if let Some(profit) = mark.profit.filter(|profit| *profit > book.high_profit) {
                book.high_profit = profit;
            }
        }
    }

    /// The high-water mark: capital and the highest profit.
    pub(crate) fn high_water(&self, scope: Scope) -> FineMoney {
        let book = self.scopes.get(scope);
        plus(book.capital, book.high_profit)
    }

    /// `10,000 (equity - high water) / high water`, at most 0, rounded towards 0; a loss of nothing is all of it: -10,000.
    #[cfg(test)]
    pub(crate) fn drawdown_bps(&self, scope: Scope, equity: FineMoney) -> i64 {
        let high = i128::from(self.high_water(scope).get());
        let below = (i128::from(equity.get()) - high).min(0);
        match high {
            _ if below == 0 => 0,
            1.. => saturate(below * BPS / high),
            i128::MIN..=0 => -saturate(BPS),
        }
    }

    /// `100 (equity - high water) / high water`, at most 0; `None` where the high-water mark is not above 0.
    pub(crate) fn drawdown(&self, scope: Scope, equity: FineMoney) -> Option<Real> {
        let high = self.high_water(scope);
        let below = less(equity, high).get().min(0);
        // Sums and quotients of finite numbers are rounded alike everywhere.
        if high.get() > 0 { Real::new(100.0 * below as f64 / high.get() as f64) } else { None }
    }

    /// A pair's session in numbers. A leg whose price is absent counts at its cost.
    pub(crate) fn pair_day(&self, pair: PairId, prices: &dyn Fn(PairId, Leg) -> Option<Price>, cause: Seq) -> PairDay {
        let none = PairBook::new(Bucket::Low);
        let book = self.pairs.get(pair.index()).unwrap_or(&none);
        let unrealised = |leg| prices(pair, leg).map_or(FineMoney::ZERO, |price| book.leg(leg).unrealised(price));
        PairDay {
            pair,
            entries: book.entries,
            exits: book.exits,
            orders: book.orders,
            fills: book.fills,
            qty_a: book.a.qty,
            qty_b: book.b.qty,
            realised: book.realised,
            unrealised: plus(unrealised(Leg::A), unrealised(Leg::B)),
            charges: book.charges,
            cause,
        }
    }

    /// What the next session carries: the positions of every pair, leg A then B, and the profits of every scope.
    pub(crate) fn carry(&self) -> (Vec<(PairId, PositionCarried, PositionCarried)>, Vec<ScopeCarried>) {
        let pairs = (0..=u16::MAX).map(PairId).zip(&self.pairs);
        let pairs = pairs.map(|(id, book)| (id, book.a.carry(), book.b.carry())).collect();
        let scopes = Scope::ALL.iter().map(|scope| {
            let book = self.sums(*scope);
            let profit = less(plus(book.before, book.realised), book.charges);
            ScopeCarried { scope: *scope, profit, high_profit: book.high_profit, kill_high: book.high_profit }
        });
        (pairs, scopes.collect())
    }

    /// A pair's books, made when there are none: never absent.
    fn pair_mut(&mut self, pair: PairId) -> Option<&mut PairBook> {
        let index = pair.index();
        if index >= self.pairs.len() {
            self.pairs.resize_with(index + 1, || PairBook::new(Bucket::Low));
        }
        self.pairs.get_mut(index)
    }

    /// What a scope holds at prices; `None` while one of a held leg is absent.
    fn held(&self, scope: Scope, prices: &dyn Fn(PairId, Leg) -> Option<Price>) -> Option<Held> {
        let mut held = Held { gross: 0, net: 0, unrealised: FineMoney::ZERO };
        for (id, book) in (0..=u16::MAX).map(PairId).zip(&self.pairs) {
            if scope.bucket().is_some_and(|bucket| bucket != book.bucket) {
                continue;
            }
            for leg in [Leg::A, Leg::B] {
                let position = book.leg(leg);
                if position.qty == 0 {
                    continue;
                }
                let price = prices(id, leg)?;
                let value = i128::from(price.get()) * i128::from(position.qty);
                held.gross = held.gross.saturating_add(value.abs());
                held.net = held.net.saturating_add(value);
                held.unrealised = plus(held.unrealised, position.unrealised(price));
            }
        }
        Some(held)
    }

    fn mark(&self, scope: Scope, held: Option<Held>) -> ScopeValue {
        let book = self.sums(scope);
        let realised = less(book.realised, book.charges);
        let profit = held.map(|held| plus(plus(book.before, realised), held.unrealised));
        ScopeValue {
            capital: book.capital,
            profit,
            equity: profit.map(|profit| plus(book.capital, profit)),
            daily: held.map(|held| plus(realised, less(held.unrealised, book.opening))),
            gross: held.map(|held| Money::new(saturate(held.gross))),
            net: held.map(|held| Money::new(saturate(held.net))),
            realised: book.realised,
            unrealised: held.map(|held| held.unrealised),
            charges: book.charges,
        }
    }

    /// A scope's books; the account's money is the sum of its buckets'.
    fn sums(&self, scope: Scope) -> ScopeBook {
        let mut book = *self.scopes.get(scope);
        if scope == Scope::Global {
            for part in [Scope::Low, Scope::Med, Scope::High].map(|bucket| self.scopes.get(bucket)) {
                book.before = plus(book.before, part.before);
                book.realised = plus(book.realised, part.realised);
                book.charges = plus(book.charges, part.charges);
            }
        }
        book
    }
}
