//! The bodies of orders, trades and postbacks.
//!
//! It knows no rule of an order's life; the broker makes the rows. Fields and their order are those of Kite's samples.

use serde::Serialize;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::rupees::Rupees;

/// An order at one moment: a row of `/orders`, or of an order's history. Times are IST, `yyyy-mm-dd hh:mm:ss`.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct OrderRow {
    /// Whose account.
    pub account_id: String,
    /// Who placed it.
    pub placed_by: String,
    /// The broker's id.
    pub order_id: String,
    /// The exchange's id; none when it never got there.
    pub exchange_order_id: Option<String>,
    /// Always none here: there are no orders of several legs.
    pub parent_order_id: Option<String>,
    /// Where it stands.
    pub status: &'static str,
    /// Why it was rejected or cancelled, for people.
    pub status_message: Option<String>,
    /// The same in the order system's own words.
    pub status_message_raw: Option<String>,
    /// When the broker last took a request about it.
    pub order_timestamp: String,
    /// When the exchange last said something about it.
    pub exchange_update_timestamp: Option<String>,
    /// When the exchange took it.
    pub exchange_timestamp: Option<String>,
    /// `regular`, `amo`.
    pub variety: String,
    /// Whether it was modified.
    pub modified: bool,
    /// Always NSE here.
    pub exchange: String,
    /// Symbol.
    pub tradingsymbol: String,
    /// Token.
    pub instrument_token: u32,
    /// `MARKET`, `LIMIT`, `SL`, `SL-M`.
    pub order_type: &'static str,
    /// `BUY`, `SELL`.
    pub transaction_type: &'static str,
    /// `DAY`, `IOC`, `TTL`.
    pub validity: &'static str,
    /// Minutes of a TTL order.
    pub validity_ttl: i64,
    /// `CNC`, `MIS`, `NRML`, `MTF`.
    pub product: &'static str,
    /// Shares asked for.
    pub quantity: i64,
    /// Shares to display.
    pub disclosed_quantity: i64,
    /// Limit.
    pub price: Rupees,
    /// Trigger.
    pub trigger_price: Rupees,
    /// Average price of the shares filled.
    pub average_price: Rupees,
    /// Shares filled.
    pub filled_quantity: i64,
    /// Shares still working.
    pub pending_quantity: i64,
    /// Shares cancelled.
    pub cancelled_quantity: i64,
    /// Percent; -1 for automatic.
    pub market_protection: Rupees,
    /// Empty here.
    pub meta: Map<String, Value>,
    /// The client's tag.
    pub tag: Option<String>,
    /// The tag again, in a list; absent without one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// The broker's own mark.
    pub guid: Option<String>,
}

/// The payload of a postback, on the feed or by HTTP.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Postback<'a> {
    /// Whose account.
    pub user_id: &'a str,
    /// Shares not filled.
    pub unfilled_quantity: i64,
    /// The app's number.
    pub app_id: u32,
    /// See [`postback_checksum`].
    pub checksum: String,
    /// The order; its status is COMPLETE, REJECTED, CANCELLED or UPDATE.
    #[serde(flatten)]
    pub order: &'a OrderRow,
}

/// SHA-256, as lower-case hexadecimal, of the order id, its `order_timestamp` and the API secret in one string.
pub fn postback_checksum(order_id: &str, order_timestamp: &str, api_secret: &str) -> String {
    sha256_hex([order_id, order_timestamp, api_secret])
}

/// SHA-256, as lower-case hexadecimal, of the API key, the request token and the API secret in one string.
pub fn session_checksum(api_key: &str, request_token: &str, api_secret: &str) -> String {
    sha256_hex([api_key, request_token, api_secret])
}

fn sha256_hex(parts: [&str; 3]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part.as_bytes());
    }
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A trade of an order.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct TradeRow {
    /// The exchange's id.
    pub trade_id: String,
    /// The order's id.
    pub order_id: String,
    /// Always NSE here.
    pub exchange: &'static str,
    /// Symbol.
    pub tradingsymbol: String,
    /// Token.
    pub instrument_token: u32,
    /// Product.
    pub product: &'static str,
    /// Price of this trade, whatever the name says.
    pub average_price: Rupees,
    /// Shares. The documentation calls the field `filled`; the answers do not.
    pub quantity: i64,
    /// The order's id at the exchange.
    pub exchange_order_id: Option<String>,
    /// `BUY`, `SELL`.
    pub transaction_type: &'static str,
    /// When, IST.
    pub fill_timestamp: String,
    /// The order's time of day alone: `09:16:39`.
    pub order_timestamp: String,
    /// When, as the exchange says.
    pub exchange_timestamp: String,
}

/// The answer to every change of an order.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct OrderIdBody {
    /// The order's id.
    pub order_id: String,
}
