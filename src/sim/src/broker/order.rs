//! One order: where it stands, what it filled, and every status it went through.
//!
//! It decides nothing: the desk moves it and writes down what it was told. Invariant: a row once in the history stays as
//! it is, and the last row is what `/orders` shows.

use barkeep_schemas::{Price, Ts};
use serde_json::Map;

use super::terms::{OrderType, Terms, Variety};
use crate::kite::stamp::date_time;
use crate::kite::{OrderRow, Rupees};
use crate::market::Listing;

/// A status as Kite names it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Status {
    Received,
    Validating,
    OpenPending,
    Open,
    TriggerPending,
    Complete,
    Cancelled,
    Rejected,
    ModifyValidating,
    ModifyPending,
    Modified,
    NotModified,
    CancelPending,
    AmoReceived,
}

impl Status {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Received => "PUT ORDER REQ RECEIVED",
            Self::Validating => "VALIDATION PENDING",
            Self::OpenPending => "OPEN PENDING",
            Self::Open => "OPEN",
            Self::TriggerPending => "TRIGGER PENDING",
            Self::Complete => "COMPLETE",
            Self::Cancelled => "CANCELLED",
            Self::Rejected => "REJECTED",
            Self::ModifyValidating => "MODIFY VALIDATION PENDING",
            Self::ModifyPending => "MODIFY PENDING",
            Self::Modified => "MODIFIED",
            Self::NotModified => "NOT MODIFIED",
            Self::CancelPending => "CANCEL PENDING",
            Self::AmoReceived => "AMO REQ RECEIVED",
        }
    }
}

/// Where an order is, whatever its status says at the moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stage {
    /// Waits for the next session.
    Amo,
    /// On its way to the exchange.
    Underway,
    /// At the exchange, waits for its trigger.
    Untriggered,
    /// In the book.
    Working,
    /// Complete, cancelled or rejected.
    Done,
}

/// What happens to an order by the passing of time alone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// The broker begins to look at it.
    Validate,
    /// The broker has looked: on to the exchange, or rejected.
    Send,
    /// The exchange has it.
    Arrive,
    /// The broker has looked at a change.
    ModifySend(Box<Terms>),
    /// The exchange has the change.
    ModifyArrive(Box<Terms>),
    /// The exchange has the cancellation.
    CancelArrive,
}

/// An order.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Order {
    pub(super) id: String,
    pub(super) exchange_id: Option<String>,
    pub(super) instrument: usize,
    pub(super) symbol: String,
    pub(super) token: u32,
    pub(super) variety: Variety,
    pub(super) terms: Terms,
    pub(super) stage: Stage,
    /// What comes next, and when.
    pub(super) next: Option<(Ts, Step)>,
    pub(super) placed: Ts,
    /// When the broker last took a request about it.
    pub(super) requested: Ts,
    /// When the exchange took it.
    pub(super) at_exchange: Option<Ts>,
    /// When the exchange last said something.
    pub(super) exchange_update: Option<Ts>,
    /// When it ends by itself.
    pub(super) ends: Option<Ts>,
    /// The price it works at; of market types the protecting one.
    pub(super) limit: Price,
    /// Since when it stands in the book: prints after this may fill it.
    pub(super) since: Ts,
    /// Shares displayed before it at its price.
    pub(super) queue: i64,
    pub(super) filled: i64,
    /// Sum of price times shares filled, in units of 0.0001 rupee.
    pub(super) value: i128,
    pub(super) cancelled: i64,
    pub(super) modifications: u32,
    pub(super) message: Option<(String, String)>,
    pub(super) history: Vec<OrderRow>,
}

impl Order {
    /// Shares still wanted.
    pub(super) const fn remaining(&self) -> i64 {
        self.terms.qty - self.filled
    }

    /// Average price of what was filled, to the nearest 0.0001; zero without a fill.
    pub(super) fn average(&self) -> Rupees {
        Rupees(average(self.value, self.filled))
    }

    /// Whether it still can trade or be changed.
    pub(super) fn is_live(&self) -> bool {
        self.stage != Stage::Done
    }

    /// The status that its stage has when nothing is under way.
    pub(super) const fn standing(&self) -> Status {
        match self.stage {
            Stage::Amo => Status::AmoReceived,
            Stage::Underway => Status::OpenPending,
            Stage::Untriggered => Status::TriggerPending,
            Stage::Working => Status::Open,
            Stage::Done => Status::Complete,
        }
    }

    /// Writes down where it stands now.
    pub(super) fn record(&mut self, status: Status, user_id: &str) {
        let row = self.row(status, user_id);
        self.history.push(row);
    }

    /// A market order with a protection of its own shows as a limit order with Kite's tags, an automatic one as it is.
    fn shown_as_limit(&self) -> bool {
        self.terms.order_type == OrderType::Market && self.terms.protection > 0 && self.limit > Price::ZERO
    }

    fn row(&self, status: Status, user_id: &str) -> OrderRow {
        let terms = &self.terms;
        let as_limit = self.shown_as_limit();
        let (message, raw) = self.message.clone().unzip();
        let pending = if status == Status::Rejected { 0 } else { self.remaining() };
        let mut tags: Vec<String> = terms.tag.iter().cloned().collect();
        if as_limit {
            tags.push("mktp".to_owned());
            tags.push(format!("mktp:{}.{:02}", terms.protection / 10_000, terms.protection / 100 % 100));
        }
        OrderRow {
            account_id: user_id.to_owned(),
            placed_by: user_id.to_owned(),
            order_id: self.id.clone(),
            exchange_order_id: self.exchange_id.clone(),
            parent_order_id: None,
            status: status.name(),
            status_message: message,
            status_message_raw: raw,
            order_timestamp: date_time(self.requested),
            exchange_update_timestamp: self.exchange_update.map(date_time),
            exchange_timestamp: self.at_exchange.map(date_time),
            variety: self.variety.name().to_owned(),
            modified: self.modifications > 0,
            exchange: "NSE".to_owned(),
            tradingsymbol: self.symbol.clone(),
            instrument_token: self.token,
            order_type: if as_limit { OrderType::Limit.name() } else { terms.order_type.name() },
            transaction_type: terms.side.name(),
            validity: terms.validity.name(),
            validity_ttl: terms.ttl_minutes,
            product: terms.product.name(),
            quantity: terms.qty,
            disclosed_quantity: terms.disclosed,
            price: if as_limit { self.limit.into() } else { terms.price.into() },
            trigger_price: terms.trigger.into(),
            average_price: self.average(),
            filled_quantity: self.filled,
            pending_quantity: pending,
            cancelled_quantity: self.cancelled,
            market_protection: if as_limit { Rupees::ZERO } else { Rupees(terms.protection) },
            meta: Map::new(),
            tag: terms.tag.clone(),
            tags,
            guid: None,
        }
    }

    /// A new order that nobody has looked at.
    pub(super) fn new(
        id: String,
        instrument: usize,
        listing: &Listing,
        variety: Variety,
        terms: Terms,
        at: Ts,
    ) -> Self {
        Self {
            id,
            exchange_id: None,
            instrument,
            symbol: listing.symbol.clone(),
            token: listing.token,
            variety,
            terms,
            stage: Stage::Underway,
            next: None,
            placed: at,
            requested: at,
            at_exchange: None,
            exchange_update: None,
            ends: None,
            limit: Price::ZERO,
            since: at,
            queue: 0,
            filled: 0,
            value: 0,
            cancelled: 0,
            modifications: 0,
            message: None,
            history: Vec::new(),
        }
    }
}

/// A sum over shares, to the nearest unit; zero of nothing.
pub(super) fn average(value: i128, qty: i64) -> i64 {
    if qty == 0 {
        return 0;
    }
    let qty = i128::from(qty);
    i64::try_from((value + qty / 2).div_euclid(qty)).unwrap_or(i64::MAX)
}
