//! An order as it stands, and what is said of one.
//!
//! What it is: the record behind an identity. What it never does: change by itself. Who calls it: the orders alone change
//! one, everybody reads it.

use alloc::string::String;
use alloc::vec::Vec;

use barkeep_schemas::{
    BrokerStatus, Bucket, ChargeRates, InstrumentId, Liquidity, Money, OrderCreated, OrderId, OrderStatus, OrderType,
    OrderWhy, Price, Product, Purpose, Qty, Seq, Side, Validity,
};

use super::super::charges::Note;
use super::super::ledger::Ledger;
use crate::state::wire_fields;

/// An order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Order {
    /// Its identity.
    pub(crate) id: OrderId,
    /// The instrument.
    pub(crate) instrument: InstrumentId,
    /// Which way.
    pub(crate) side: Side,
    /// Shares that the executor asked for.
    pub(crate) asked: Qty,
    /// Shares that it may fill: as allowed.
    pub(crate) qty: Qty,
    /// How it is priced.
    pub(crate) order_type: OrderType,
    /// Limit, or a market order's protection.
    pub(crate) price: Price,
    /// Trigger of a stop order.
    pub(crate) trigger: Option<Price>,
    /// How long it works.
    pub(crate) validity: Validity,
    /// What it is held as.
    pub(crate) product: Product,
    /// What for.
    pub(crate) purpose: Purpose,
    /// Its bucket.
    pub(crate) bucket: Bucket,
    /// The signal that it follows.
    pub(crate) signal: Option<Seq>,
    /// The last price that it was sized and priced by.
    pub(crate) reference: Price,
    /// Where the tick of that price lies.
    pub(crate) reference_tick: Seq,
    /// When it was made, in nanoseconds of event time.
    pub(crate) created_at: i64,
    /// Where it stands.
    pub(crate) status: OrderStatus,
    /// When it was approved.
    pub(crate) approved_at: Option<i64>,
    /// When it was sent, or about to be.
    pub(crate) sent_at: Option<i64>,
    /// Whether its cancellation is wanted.
    pub(crate) cancel_wanted: bool,
    /// Whether a gateway was about to cancel it.
    pub(crate) cancel_attempted: bool,
    /// Shares filled. More than `qty` when the broker filled more than was ordered.
    pub(crate) filled: Qty,
    /// Money of its fills.
    pub(crate) turnover: Money,
    /// How many fills.
    pub(crate) fills: u32,
    /// The broker's number.
    pub(crate) broker_order: Option<String>,
    /// The broker's trades that are booked, sorted.
    pub(super) trades: Vec<String>,
    /// What the broker last told of it: state and shares filled.
    pub(super) told: Option<Told>,
    /// The end that the broker told while trades of it are missing.
    pub(super) ending: Option<Ending>,
}
wire_fields!(Order {
    id,
    instrument,
    side,
    asked,
    qty,
    order_type,
    price,
    trigger,
    validity,
    product,
    purpose,
    bucket,
    signal,
    reference,
    reference_tick,
    created_at,
    status,
    approved_at,
    sent_at,
    cancel_wanted,
    cancel_attempted,
    filled,
    turnover,
    fills,
    broker_order,
    trades,
    told,
    ending,
});

impl Order {
    /// An order NEW that may fill `qty` shares.
    pub(super) fn new(created: &OrderCreated, qty: Qty) -> Self {
        Self {
            id: created.id,
            instrument: created.instrument,
            side: created.side,
            asked: created.qty,
            qty,
            order_type: created.order_type,
            price: created.price,
            trigger: created.trigger,
            validity: created.validity,
            product: created.product,
            purpose: created.purpose,
            bucket: created.bucket,
            signal: created.signal,
            reference: created.reference,
            reference_tick: created.reference_tick,
            created_at: created.ts.get(),
            status: OrderStatus::New,
            approved_at: None,
            sent_at: None,
            cancel_wanted: false,
            cancel_attempted: false,
            filled: Qty::ZERO,
            turnover: Money::ZERO,
            fills: 0,
            broker_order: None,
            trades: Vec::new(),
            told: None,
            ending: None,
        }
    }

    /// Shares that it may fill still; 0 once it has ended.
    pub(crate) fn open(&self) -> Qty {
        if self.status.is_terminal() {
            Qty::ZERO
        } else {
            Qty::new(self.qty.get().saturating_sub(self.filled.get()).max(0))
        }
    }
}

/// What a broker told of an order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Told {
    pub(super) status: BrokerStatus,
    pub(super) filled: Qty,
}
wire_fields!(Told { status, filled });

/// An end that waits for the trades that led to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Ending {
    pub(super) to: OrderStatus,
    pub(super) why: OrderWhy,
    pub(super) words: String,
    /// Shares that are filled by then.
    pub(super) filled: Qty,
}
wire_fields!(Ending { to, why, words, filled });

/// What became of a wish to move an order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Went {
    /// It moved.
    Moved,
    /// It was there already; nothing is said.
    Repeat,
    /// The table does not allow it, or there is no such order; nothing changed.
    Refused,
}

/// What became of a trade.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum FillOutcome {
    /// It is booked.
    Booked {
        /// Whether its order had ended before.
        late: bool,
    },
    /// It was booked before, or is of no shares; nothing is said.
    Repeat,
    /// There is no such order; nothing is booked.
    Unknown,
}

/// What the executor must know of an order that the broker or the clock moved.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum OmsNews {
    /// A trade was booked.
    Filled {
        /// Whether its order had ended before.
        late: bool,
    },
    /// It ended: its status says how.
    Ended,
}

/// A trade of an order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Traded<'a> {
    /// The order.
    pub(crate) order: OrderId,
    /// The exchange's number; `None` for the matcher's, which has none: the order's id and a count stand for it.
    pub(crate) trade: Option<&'a str>,
    /// Shares.
    pub(crate) qty: Qty,
    /// Price of each.
    pub(crate) price: Price,
    /// How it came about.
    pub(crate) liquidity: Liquidity,
    /// What was there to be filled from.
    pub(crate) available: Qty,
}

/// Where a trade is booked.
pub(crate) struct Books<'a> {
    /// Positions and money.
    pub(crate) ledger: &'a mut Ledger,
    /// The day's contract note.
    pub(crate) note: &'a mut Note,
    /// The session's charges. What has no rates costs nothing.
    pub(crate) rates: &'a [ChargeRates],
}
