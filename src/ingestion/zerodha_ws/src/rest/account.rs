//! The account: its session, its profile, its orders and trades of the day.

use barkeep_schemas::{Price, Qty, Ts};
use serde_json::Value;

use super::answer::{AnswerError, Fields, data, malformed};
use crate::token::AccessToken;
use crate::wire::OrderUpdate;

/// Whose account it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Profile {
    /// The user.
    pub user_id: String,
    /// Their name.
    pub user_name: Option<String>,
    /// The exchanges on which they may trade.
    pub exchanges: Vec<String>,
}

/// A trade of an order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trade {
    /// The exchange's id.
    pub trade_id: String,
    /// The order's id.
    pub order_id: String,
    /// The order's id at the exchange.
    pub exchange_order_id: Option<String>,
    /// `NSE` and so on.
    pub exchange: String,
    /// Symbol.
    pub tradingsymbol: String,
    /// Token.
    pub token: u32,
    /// `CNC`, `MIS`, `NRML`, `MTF`.
    pub product: String,
    /// `BUY`, `SELL`.
    pub transaction_type: String,
    /// The price of this trade; the broker calls it an average.
    pub price: Price,
    /// Shares.
    pub quantity: Qty,
    /// When it was filled.
    pub fill_time: Option<Ts>,
}

/// The answer to a login; `now` stands in where it tells no time.
///
/// # Errors
/// [`AnswerError`].
pub fn session(status: u16, body: &[u8], now: Ts) -> Result<AccessToken, AnswerError> {
    let data = data(status, body)?;
    let fields = Fields::of(&data, "the session")?;
    Ok(AccessToken {
        api_key: fields.text("api_key")?.to_owned(),
        access_token: fields.text("access_token")?.into(),
        user_id: fields.maybe_text("user_id").map(str::to_owned),
        login: fields.maybe_time("login_time").unwrap_or(now),
    })
}

/// The answer about the account.
///
/// # Errors
/// [`AnswerError`].
pub fn profile(status: u16, body: &[u8]) -> Result<Profile, AnswerError> {
    let data = data(status, body)?;
    let fields = Fields::of(&data, "the profile")?;
    let exchanges = fields.object.get("exchanges").and_then(Value::as_array);
    Ok(Profile {
        user_id: fields.text("user_id")?.to_owned(),
        user_name: fields.maybe_text("user_name").map(str::to_owned),
        exchanges: exchanges.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect(),
    })
}

/// The orders of the day, each as it stands now; null is no order.
///
/// # Errors
/// [`AnswerError`].
pub fn orders(status: u16, body: &[u8]) -> Result<Vec<OrderUpdate>, AnswerError> {
    let mut orders = Vec::new();
    for (number, row) in rows(data(status, body)?)?.into_iter().enumerate() {
        let place = |what: &str| malformed(format!("order {}: {what}", number + 1));
        let Value::Object(fields) = row else { return Err(place("expected an object")) };
        orders.push(OrderUpdate::read(fields).map_err(place)?);
    }
    Ok(orders)
}

/// The trades of the day; null is no trade.
///
/// # Errors
/// [`AnswerError`].
pub fn trades(status: u16, body: &[u8]) -> Result<Vec<Trade>, AnswerError> {
    let rows = rows(data(status, body)?)?;
    rows.iter().enumerate().map(|(number, row)| trade(&format!("trade {}", number + 1), row)).collect()
}

fn trade(place: &str, row: &Value) -> Result<Trade, AnswerError> {
    let fields = Fields::of(row, place)?;
    Ok(Trade {
        trade_id: fields.text("trade_id")?.to_owned(),
        order_id: fields.text("order_id")?.to_owned(),
        exchange_order_id: fields.maybe_text("exchange_order_id").map(str::to_owned),
        exchange: fields.text("exchange")?.to_owned(),
        tradingsymbol: fields.text("tradingsymbol")?.to_owned(),
        token: fields.token("instrument_token")?,
        product: fields.text("product")?.to_owned(),
        transaction_type: fields.text("transaction_type")?.to_owned(),
        price: fields.price("average_price")?,
        quantity: fields.qty("quantity")?,
        fill_time: fields.maybe_time("fill_timestamp"),
    })
}

/// A list; the broker writes null for an empty one at times.
fn rows(data: Value) -> Result<Vec<Value>, AnswerError> {
    match data {
        Value::Array(rows) => Ok(rows),
        Value::Null => Ok(Vec::new()),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            Err(malformed("expected a list under \"data\""))
        }
    }
}
