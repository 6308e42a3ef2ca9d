//! An order update on the feed: the payload of a postback.
//!
//! It is no row of the order book: updates have no number, are not sent again after a reconnect, and say `UPDATE` for a
//! partial fill or a modification. A field that is missing, null or of another type than expected is none; what was not
//! expected stays in `other`.

use barkeep_schemas::{PRICE_SCALE, Price, Qty};
use serde_json::{Map, Value};

/// An order of the account after something happened to it. Times are IST as written, `yyyy-mm-dd hh:mm:ss`.
#[derive(Clone, PartialEq, Debug)]
pub struct OrderUpdate {
    /// The broker's id.
    pub order_id: String,
    /// `COMPLETE`, `REJECTED`, `CANCELLED` or `UPDATE`; the list is open.
    pub status: String,
    /// Why, for people.
    pub status_message: Option<String>,
    /// Why, in the order system's own words.
    pub status_message_raw: Option<String>,
    /// The client's tag.
    pub tag: Option<String>,
    /// Whose account.
    pub user_id: Option<String>,
    /// Who placed it.
    pub placed_by: Option<String>,
    /// The number of the app that placed it; zero for none.
    pub app_id: Option<u64>,
    /// The postback's checksum, which needs the API secret to be checked.
    pub checksum: Option<String>,
    /// The exchange's id; none when it never got there.
    pub exchange_order_id: Option<String>,
    /// The order of several legs that it belongs to.
    pub parent_order_id: Option<String>,
    /// When the broker last took a request about it.
    pub order_timestamp: Option<String>,
    /// When the exchange last said something about it.
    pub exchange_update_timestamp: Option<String>,
    /// When the exchange took it.
    pub exchange_timestamp: Option<String>,
    /// `regular`, `amo`, `co`, `iceberg`, `auction`.
    pub variety: Option<String>,
    /// `NSE` and so on.
    pub exchange: Option<String>,
    /// Symbol.
    pub tradingsymbol: Option<String>,
    /// Token.
    pub instrument_token: Option<u32>,
    /// `MARKET`, `LIMIT`, `SL`, `SL-M`; a market order with protection is said to be `LIMIT`.
    pub order_type: Option<String>,
    /// `BUY`, `SELL`.
    pub transaction_type: Option<String>,
    /// `DAY`, `IOC`, `TTL`.
    pub validity: Option<String>,
    /// `CNC`, `MIS`, `NRML`, `MTF`.
    pub product: Option<String>,
    /// Shares asked for.
    pub quantity: Option<Qty>,
    /// Shares to display.
    pub disclosed_quantity: Option<Qty>,
    /// Limit.
    pub price: Option<Price>,
    /// Trigger.
    pub trigger_price: Option<Price>,
    /// Average price of the shares filled, to the nearest of four decimals; means something on `COMPLETE` alone.
    pub average_price: Option<Price>,
    /// Shares filled.
    pub filled_quantity: Option<Qty>,
    /// Shares not filled.
    pub unfilled_quantity: Option<Qty>,
    /// Shares still working; may stay on an order that was cancelled.
    pub pending_quantity: Option<Qty>,
    /// Shares cancelled.
    pub cancelled_quantity: Option<Qty>,
    /// Everything else, and the fields above where they were not what they should be.
    pub other: Map<String, Value>,
}

impl OrderUpdate {
    /// Reads the fields, or says what was expected.
    pub(crate) fn read(fields: Map<String, Value>) -> Result<Self, &'static str> {
        let mut fields = Taken { fields };
        Ok(Self {
            order_id: fields.text("order_id").ok_or("an order without an id: expected text under \"order_id\"")?,
            status: fields.text("status").ok_or("an order without a status: expected text under \"status\"")?,
            status_message: fields.text("status_message"),
            status_message_raw: fields.text("status_message_raw"),
            tag: fields.text("tag"),
            user_id: fields.text("user_id"),
            placed_by: fields.text("placed_by"),
            app_id: fields.take("app_id", Value::as_u64),
            checksum: fields.text("checksum"),
            exchange_order_id: fields.text("exchange_order_id"),
            parent_order_id: fields.text("parent_order_id"),
            order_timestamp: fields.text("order_timestamp"),
            exchange_update_timestamp: fields.text("exchange_update_timestamp"),
            exchange_timestamp: fields.text("exchange_timestamp"),
            variety: fields.text("variety"),
            exchange: fields.text("exchange"),
            tradingsymbol: fields.text("tradingsymbol"),
            instrument_token: fields.take("instrument_token", |value| u32::try_from(value.as_u64()?).ok()),
            order_type: fields.text("order_type"),
            transaction_type: fields.text("transaction_type"),
            validity: fields.text("validity"),
            product: fields.text("product"),
            quantity: fields.qty("quantity"),
            disclosed_quantity: fields.qty("disclosed_quantity"),
            price: fields.price("price"),
            trigger_price: fields.price("trigger_price"),
            average_price: fields.price("average_price"),
            filled_quantity: fields.qty("filled_quantity"),
            unfilled_quantity: fields.qty("unfilled_quantity"),
            pending_quantity: fields.qty("pending_quantity"),
            cancelled_quantity: fields.qty("cancelled_quantity"),
            other: fields.fields,
        })
    }
}

/// Fields of which some were taken out.
struct Taken {
    fields: Map<String, Value>,
}

impl Taken {
    /// Takes a field that reads well; null is taken too, as none.
    fn take<T>(&mut self, name: &str, read: impl FnOnce(&Value) -> Option<T>) -> Option<T> {
        let value = self.fields.get(name)?;
        let read = read(value);
        if read.is_some() || value.is_null() {
            self.fields.remove(name);
        }
        read
    }

    fn text(&mut self, name: &str) -> Option<String> {
        self.take(name, |value| value.as_str().map(str::to_owned))
    }

    fn qty(&mut self, name: &str) -> Option<Qty> {
        self.take(name, |value| value.as_u64().and_then(|qty| i64::try_from(qty).ok()).map(Qty::new))
    }

    fn price(&mut self, name: &str) -> Option<Price> {
        self.take(name, |value| average_price(value.as_f64()?))
    }
}

/// Rupees to the nearest 0.0001. A double holds every price below [`Price::MAX`] with decimals to spare.
pub(crate) fn average_price(rupees: f64) -> Option<Price> {
    let scaled = (rupees * PRICE_SCALE as f64).round();
    (0.0..=Price::MAX.get() as f64).contains(&scaled).then(|| Price::new(scaled as i64))
}
