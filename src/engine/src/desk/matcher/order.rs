//! An order at the paper exchange.

use alloc::vec::Vec;
use core::cmp::Ordering;

use barkeep_schemas::{DecodeError, OrderId, OrderType, Price, Seq, Side, Validity, Wire};

use crate::state::wire_fields;

/// How far an order has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stage {
    /// On its way.
    Sent,
    /// At the exchange, waiting for its trigger.
    Waiting,
    /// Its trigger was reached: it meets the next snapshot.
    Triggered,
    /// It was marketable, and no book was displayed: it takes its share of what is traded until it is marketable no more.
    Taking,
    /// In the book.
    Resting,
}

impl Wire for Stage {
    fn put(&self, out: &mut Vec<u8>) {
        let code = match self {
            Self::Sent => 1_u8,
            Self::Waiting => 2,
            Self::Triggered => 3,
            Self::Taking => 4,
            Self::Resting => 5,
        };
        code.put(out);
    }

    fn take(input: &mut &[u8]) -> Result<Self, DecodeError> {
        match u8::take(input)? {
            1 => Ok(Self::Sent),
            2 => Ok(Self::Waiting),
            3 => Ok(Self::Triggered),
            4 => Ok(Self::Taking),
            5 => Ok(Self::Resting),
            code => Err(DecodeError::UnknownCode { what: "stage of an order", code: u32::from(code) }),
        }
    }
}

/// An order of ours that has not ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Working {
    pub(super) id: OrderId,
    pub(super) side: Side,
    /// Shares that may be filled still, above 0.
    pub(super) open: i64,
    pub(super) order_type: OrderType,
    pub(super) price: Price,
    pub(super) trigger: Option<Price>,
    pub(super) validity: Validity,
    /// The first moment at which it is at the exchange.
    pub(super) arrives: i64,
    /// The input that it was made on, which it never meets.
    pub(super) cause: Seq,
    pub(super) stage: Stage,
    /// When its cancellation reaches the exchange, once it was asked for.
    pub(super) cancelled_at: Option<i64>,
    /// Shares queued before it while it rests; `None` while nobody can tell.
    pub(super) ahead: Option<i64>,
}
wire_fields!(Working {
    id,
    side,
    open,
    order_type,
    price,
    trigger,
    validity,
    arrives,
    cause,
    stage,
    cancelled_at,
    ahead
});

impl Working {
    /// Whether a counterparty's price lies within the limit.
    pub(super) fn within(&self, price: Price) -> bool {
        match self.side {
            Side::Buy => price <= self.price,
            Side::Sell => price >= self.price,
        }
    }

    /// Whether a trade at `price` went through the limit, so that no order at the limit can be left before it.
    pub(super) fn through(&self, price: Price) -> bool {
        self.within(price) && price != self.price
    }

    /// Whether it must wait for a trigger that `last` has not reached.
    pub(super) fn waits(&self, last: Price) -> bool {
        match (self.order_type, self.trigger) {
            (OrderType::Market | OrderType::Limit, _) | (OrderType::Sl | OrderType::SlM, None) => false,
            (OrderType::Sl | OrderType::SlM, Some(trigger)) => match self.side {
                Side::Buy => last < trigger,
                Side::Sell => last > trigger,
            },
        }
    }

    /// Whether it is a stop order: one that meets the book at the snapshot behind its trigger.
    pub(super) fn is_stop(&self) -> bool {
        match self.order_type {
            OrderType::Market | OrderType::Limit => false,
            OrderType::Sl | OrderType::SlM => true,
        }
    }

    /// Before another of its instrument in the book: sides apart, better price first.
    pub(super) fn priority(&self, other: &Self) -> Ordering {
        let better = match self.side {
            Side::Buy => other.price.cmp(&self.price),
            Side::Sell => self.price.cmp(&other.price),
        };
        self.side.cmp(&other.side).then(better)
    }
}
