//! What the stages of the desk say to each other.

use barkeep_schemas::{Depth, InstrumentId, Liquidity, OrderId, OrderWhy, PairState, Price, Qty, Seq};

use crate::state::wire_fields;

/// A market snapshot as the matcher meets it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Snapshot<'a> {
    /// Where the tick lies.
    pub(crate) seq: Seq,
    /// The instrument.
    pub(crate) instrument: InstrumentId,
    /// Exchange time in nanoseconds.
    pub(crate) ts: i64,
    /// Last traded price.
    pub(crate) price: Price,
    /// Shares traded since the snapshot before, as far as they are known to have been traded then; 0 when nothing was,
    /// or when nobody can tell (first value, gap, reset).
    pub(crate) traded: i64,
    /// Best bid, where told.
    pub(crate) bid: Option<Price>,
    /// Best ask, where told.
    pub(crate) ask: Option<Price>,
    /// Five levels, where recorded.
    pub(crate) depth: Option<&'a Depth>,
    /// Whether the instrument is in continuous trading at `ts`.
    pub(crate) continuous: bool,
}

/// What the matcher says of an order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Matched {
    /// The exchange works it.
    Accepted(OrderId),
    /// The exchange refused it.
    Rejected(OrderId, OrderWhy),
    /// Shares were filled.
    Filled {
        /// The order.
        order: OrderId,
        /// How many.
        qty: Qty,
        /// At what price.
        price: Price,
        /// How.
        liquidity: Liquidity,
        /// What was there to be filled from.
        available: Qty,
    },
    /// What was open of it is cancelled: [`OrderWhy::Cancelled`] or [`OrderWhy::Ioc`].
    Cancelled(OrderId, OrderWhy),
    /// Trading ended: what was open of it is gone.
    Expired(OrderId),
}

/// Where a pair stands, as the pair watch needs to know it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Standing {
    /// The executor's state.
    pub(crate) state: PairState,
    /// The moment of the signal by which it entered, in nanoseconds; `None` while it is flat.
    pub(crate) held_since: Option<i64>,
}
wire_fields!(Standing { state, held_since });
