//! One book of money for each scope.
//!
//! What it is: the account's and the buckets' sums, each in its place. Who calls it: the ledger.

use alloc::vec::Vec;

use barkeep_schemas::{DecodeError, FineMoney, Scope, Wire};

use crate::state::wire_fields;

/// The money of a bucket; of the account, what is not the sum of its buckets.
#[derive(Clone, Copy, Debug)]
pub(super) struct ScopeBook {
    /// The account's, or the bucket's part of it.
    pub(super) capital: FineMoney,
    /// Realised less charges of the sessions before.
    pub(super) before: FineMoney,
    /// Realised in this session, before charges.
    pub(super) realised: FineMoney,
    /// Charges of this session.
    pub(super) charges: FineMoney,
    /// The highest profit over capital that was ever marked.
    pub(super) high_profit: FineMoney,
    /// Profit of the positions carried over at the prices that the session before ended with.
    pub(super) opening: FineMoney,
}
wire_fields!(ScopeBook { capital, before, realised, charges, high_profit, opening });

impl ScopeBook {
    const EMPTY: Self = Self {
        capital: FineMoney::ZERO,
        before: FineMoney::ZERO,
        realised: FineMoney::ZERO,
        charges: FineMoney::ZERO,
        high_profit: FineMoney::ZERO,
        opening: FineMoney::ZERO,
    };
}

/// One value for each scope, in the order of [`Scope::ALL`].
pub(super) fn by_scope<T>(mut of: impl FnMut(Scope) -> T) -> [T; 4] {
    [of(Scope::Global), of(Scope::Low), of(Scope::Med), of(Scope::High)]
}

/// The books of all scopes.
#[derive(Clone, Debug)]
pub(super) struct Scopes([ScopeBook; 4]);

impl Wire for Scopes {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.iter().for_each(|book| book.put(out));
    }
    fn take(input: &mut &[u8]) -> Result<Self, DecodeError> {
        Ok(Self([Wire::take(input)?, Wire::take(input)?, Wire::take(input)?, Wire::take(input)?]))
    }
}

impl Scopes {
    /// No money anywhere.
    pub(super) const EMPTY: Self = Self([ScopeBook::EMPTY; 4]);

    /// A scope's books.
    pub(super) const fn get(&self, scope: Scope) -> &ScopeBook {
        let [global, low, med, high] = &self.0;
        match scope {
            Scope::Global => global,
            Scope::Low => low,
            Scope::Med => med,
            Scope::High => high,
        }
    }

    /// A scope's books.
    pub(super) const fn get_mut(&mut self, scope: Scope) -> &mut ScopeBook {
        let [global, low, med, high] = &mut self.0;
        match scope {
            Scope::Global => global,
            Scope::Low => low,
            Scope::Med => med,
            Scope::High => high,
        }
    }
}
