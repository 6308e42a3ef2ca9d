//! Quotes: the market of some instruments at a moment.

use barkeep_schemas::{Depth, Level, Price, Qty, Ts};
use serde_json::Value;

use super::answer::{AnswerError, Fields, data, malformed};
use crate::wire::average_price;

/// A quote. What the broker leaves out, of an index as a rule, is none.
#[derive(Clone, PartialEq, Debug)]
pub struct Quote {
    /// As it was asked for: `NSE:INFY`.
    pub name: String,
    /// Token.
    pub token: u32,
    /// When the exchange told it.
    pub timestamp: Option<Ts>,
    /// When it last traded.
    pub last_trade_time: Option<Ts>,
    /// Last price.
    pub last_price: Price,
    /// Shares of the last trade.
    pub last_quantity: Option<Qty>,
    /// Average price of the day, to the nearest of four decimals.
    pub average_price: Option<Price>,
    /// Shares traded today.
    pub volume: Option<Qty>,
    /// Shares of all bids.
    pub buy_quantity: Option<Qty>,
    /// Shares of all asks.
    pub sell_quantity: Option<Qty>,
    /// The day's first price.
    pub open: Price,
    /// The day's highest price.
    pub high: Price,
    /// The day's lowest price.
    pub low: Price,
    /// The last price of the day before.
    pub close: Price,
    /// Lowest price at which orders are taken.
    pub lower_circuit: Option<Price>,
    /// Highest price at which orders are taken.
    pub upper_circuit: Option<Price>,
    /// The book; levels without shares are left out.
    pub depth: Depth,
}

/// The quotes of an answer by rising name. Instruments that the broker does not know are not among them.
///
/// # Errors
/// [`AnswerError`].
pub fn quotes(status: u16, body: &[u8]) -> Result<Vec<Quote>, AnswerError> {
    let data = data(status, body)?;
    let named = data.as_object().ok_or_else(|| malformed("expected an object under \"data\""))?;
    let mut quotes = named.iter().map(|(name, value)| quote(name, value)).collect::<Result<Vec<_>, _>>()?;
    quotes.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(quotes)
}

fn quote(name: &str, value: &Value) -> Result<Quote, AnswerError> {
    let fields = Fields::of(value, name)?;
    let day = fields.inner("ohlc")?;
    let average = fields.object.get("average_price").and_then(Value::as_f64);
    Ok(Quote {
        name: name.to_owned(),
        token: fields.token("instrument_token")?,
        timestamp: fields.maybe_time("timestamp"),
        last_trade_time: fields.maybe_time("last_trade_time"),
        last_price: fields.price("last_price")?,
        last_quantity: fields.maybe_qty("last_quantity"),
        average_price: average.and_then(average_price),
        volume: fields.maybe_qty("volume"),
        buy_quantity: fields.maybe_qty("buy_quantity"),
        sell_quantity: fields.maybe_qty("sell_quantity"),
        open: day.price("open")?,
        high: day.price("high")?,
        low: day.price("low")?,
        close: day.price("close")?,
        lower_circuit: fields.maybe_price("lower_circuit_limit"),
        upper_circuit: fields.maybe_price("upper_circuit_limit"),
        depth: Depth { bids: side(fields, "buy")?, asks: side(fields, "sell")? },
    })
}

/// One side of the book; an index has none.
fn side(fields: Fields<'_>, name: &str) -> Result<Vec<Level>, AnswerError> {
    let levels = fields.object.get("depth").and_then(|depth| depth.get(name)).and_then(Value::as_array);
    let mut side = Vec::new();
    for level in levels.into_iter().flatten() {
        let level = Fields::of(level, fields.place)?;
        let qty = level.qty("quantity")?;
        if qty == Qty::ZERO {
            continue;
        }
        let orders = level.object.get("orders").and_then(Value::as_u64).and_then(|orders| u16::try_from(orders).ok());
        let orders = orders.ok_or_else(|| level.expected("orders", "a number of orders"))?;
        side.push(Level { price: level.price("price")?, qty, orders });
    }
    Ok(side)
}
