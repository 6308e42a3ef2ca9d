//! Amounts as Kite's JSON shows them: rupees, whole ones without a point.
//!
//! It rounds nothing. The bodies of `kite` are made of it.

use barkeep_schemas::{Money, PRICE_SCALE, Price};
use serde::{Serialize, Serializer};

/// An amount in units of 0.0001 rupee, shown in rupees: `1705`, `1702.8`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Rupees(pub i64);

impl Rupees {
    /// Nothing.
    pub const ZERO: Self = Self(0);
}

impl From<Price> for Rupees {
    fn from(price: Price) -> Self {
        Self(price.get())
    }
}

impl From<Money> for Rupees {
    fn from(money: Money) -> Self {
        Self(money.get())
    }
}

/// Four decimals survive an f64 up to 9e11 rupees, so that its shortest form is the amount itself.
impl Serialize for Rupees {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0 % PRICE_SCALE == 0 {
            serializer.serialize_i64(self.0 / PRICE_SCALE)
        } else {
            serializer.serialize_f64(self.0 as f64 / PRICE_SCALE as f64)
        }
    }
}
