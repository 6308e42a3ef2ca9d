//! Order updates: what the broker tells of an order without being asked.
//!
//! It sends nothing. The broker returns updates from a step, the world sends them as text frames or postbacks.

use barkeep_schemas::Ts;

use crate::kite::orders::postback_checksum;
use crate::kite::{OrderRow, Postback, server_text};

/// Why an update was made.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum UpdateKind {
    /// Filled to the end.
    Complete,
    /// Cancelled, by the client or by the end of its validity.
    Cancelled,
    /// Rejected by the broker or the exchange.
    Rejected,
    /// A partial fill, a modification, or a trigger that was reached.
    Update,
}

impl UpdateKind {
    /// The status in the payload.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Complete => "COMPLETE",
            Self::Cancelled => "CANCELLED",
            Self::Rejected => "REJECTED",
            Self::Update => "UPDATE",
        }
    }
}

/// One update.
#[derive(Clone, PartialEq, Debug)]
pub struct OrderUpdate {
    /// When it happened, in virtual time.
    pub at: Ts,
    /// Why.
    pub kind: UpdateKind,
    /// The order as it stood then, with the update's status.
    pub order: OrderRow,
    /// The app's number.
    pub app_id: u32,
    /// SHA-256 of order id, order timestamp and API secret.
    pub checksum: String,
}

impl OrderUpdate {
    pub(super) fn new(at: Ts, kind: UpdateKind, row: &OrderRow, app_id: u32, api_secret: &str) -> Self {
        let order = OrderRow { status: kind.name(), ..row.clone() };
        let checksum = postback_checksum(&order.order_id, &order.order_timestamp, api_secret);
        Self { at, kind, order, app_id, checksum }
    }

    /// The payload.
    pub fn postback(&self) -> Postback<'_> {
        Postback {
            user_id: &self.order.account_id,
            unfilled_quantity: self.order.quantity.saturating_sub(self.order.filled_quantity),
            app_id: self.app_id,
            checksum: self.checksum.clone(),
            order: &self.order,
        }
    }

    /// The text frame of the feed.
    pub fn text(&self) -> String {
        server_text::order(&self.postback())
    }
}
