//! What the feed says in text: order updates, errors, messages, and the notes at the beginning of a connection.
//!
//! It acts on nothing and never refuses a message for what it does not know: fields and kinds yet to come are kept as
//! they are. `feed` calls it. Messages are as long as the socket lets them be.

mod order;

use barkeep_schemas::Ts;
use serde_json::{Map, Value};

pub use order::OrderUpdate;
pub(crate) use order::average_price;

/// Characters of a message that are kept of what could not be understood.
const EXCERPT_CHARS: usize = 120;

/// A text message.
#[derive(Clone, PartialEq, Debug)]
pub enum TextFrame {
    /// An order of the account changed, whoever placed it.
    Order(Box<OrderUpdate>),
    /// Something was refused, as tokens beyond a connection's limit. The connection lives on.
    Error(String),
    /// The broker's words to its customers.
    Message(String),
    /// The size and the tag of the instruments' dump, at the beginning of a connection. Not documented by Kite.
    InstrumentsMeta {
        /// Rows of the dump.
        count: u64,
        /// Its tag, as HTTP has it.
        etag: String,
    },
    /// A note at the beginning of a connection. Not documented by Kite.
    AppCode {
        /// When, as written: `2025-08-04T13:50:28+05:30`.
        timestamp: String,
    },
    /// Where virtual time stands. Said by the simulator alone.
    Time {
        /// The simulator's now.
        now: Ts,
    },
    /// An object of another kind, or without one.
    Unknown {
        /// Its kind, if it has one.
        kind: Option<String>,
    },
    /// Not what a message of its kind must be.
    Malformed {
        /// What was wrong, and what was expected.
        why: String,
        /// How the message begins, without control characters.
        excerpt: String,
    },
}

/// Reads a text message.
pub fn text(message: &str) -> TextFrame {
    let malformed = |why: String| TextFrame::Malformed { why, excerpt: excerpt(message) };
    let object = match serde_json::from_str(message) {
        Ok(Value::Object(object)) => object,
        Ok(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => {
            return malformed("it is JSON, but no object: expected one with \"type\" and \"data\"".to_owned());
        }
        Err(error) => return malformed(format!("it is not JSON: {error}; expected an object with \"type\"")),
    };
    object_frame(object).unwrap_or_else(|expected| malformed(expected.to_owned()))
}

/// The frame of an object, or what was expected of it.
fn object_frame(mut object: Map<String, Value>) -> Result<TextFrame, &'static str> {
    let kind = object.get("type").and_then(Value::as_str).map(str::to_owned);
    let data = object.remove("data");
    match kind.as_deref() {
        Some("order") => match data {
            Some(Value::Object(fields)) => OrderUpdate::read(fields).map(Box::new).map(TextFrame::Order),
            Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) | None => {
                Err("an order without its fields: expected an object under \"data\"")
            }
        },
        Some("error") => Ok(TextFrame::Error(words(data))),
        Some("message") => Ok(TextFrame::Message(words(data))),
        Some("instruments_meta") => instruments_meta(data.as_ref())
            .ok_or("an instruments_meta without its numbers: expected \"count\" and \"etag\" under \"data\""),
        Some("app_code") => {
            let timestamp = object.get("timestamp").and_then(Value::as_str);
            let timestamp = timestamp.ok_or("an app_code without a time: expected text under \"timestamp\"")?;
            Ok(TextFrame::AppCode { timestamp: timestamp.to_owned() })
        }
        Some("sim_time") => {
            let now = data.as_ref().and_then(|data| data.get("now")).and_then(Value::as_i64);
            let now = now.ok_or("a sim_time without a time: expected nanoseconds under \"data\", \"now\"")?;
            Ok(TextFrame::Time { now: Ts::new(now) })
        }
        Some(_) | None => Ok(TextFrame::Unknown { kind }),
    }
}

/// Text as it is, anything else as JSON: an error whose data is no string is an error all the same.
fn words(data: Option<Value>) -> String {
    match data {
        Some(Value::String(text)) => text,
        Some(other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_))) => other.to_string(),
        Some(Value::Null) | None => String::new(),
    }
}

fn instruments_meta(data: Option<&Value>) -> Option<TextFrame> {
    let (count, etag) = (data?.get("count")?.as_u64()?, data?.get("etag")?.as_str()?);
    Some(TextFrame::InstrumentsMeta { count, etag: etag.to_owned() })
}

fn excerpt(message: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    message.chars().take(EXCERPT_CHARS).map(plain).collect()
}
