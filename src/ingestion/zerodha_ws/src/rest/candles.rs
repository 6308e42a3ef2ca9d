//! Candles: what is asked for, and the answer.

use barkeep_schemas::{Price, Qty, Ts};
use serde_json::Value;

use super::answer::{AnswerError, data, exact_price, malformed, whole};
use crate::ist;

/// How long a candle is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Interval {
    /// One minute.
    Minute,
    /// Three minutes.
    Minutes3,
    /// Five minutes.
    Minutes5,
    /// Ten minutes.
    Minutes10,
    /// Fifteen minutes.
    Minutes15,
    /// Thirty minutes.
    Minutes30,
    /// Sixty minutes.
    Minutes60,
    /// A session.
    Day,
}

impl Interval {
    /// The broker's name for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Minutes3 => "3minute",
            Self::Minutes5 => "5minute",
            Self::Minutes10 => "10minute",
            Self::Minutes15 => "15minute",
            Self::Minutes30 => "30minute",
            Self::Minutes60 => "60minute",
            Self::Day => "day",
        }
    }

    /// The days that one request may span.
    pub const fn days_max(self) -> i32 {
        match self {
            Self::Minute => 60,
            Self::Minutes3 | Self::Minutes5 | Self::Minutes10 => 100,
            Self::Minutes15 | Self::Minutes30 => 200,
            Self::Minutes60 => 400,
            Self::Day => 2_000,
        }
    }
}

/// A candle of the broker's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Candle {
    /// When it starts.
    pub start: Ts,
    /// First price.
    pub open: Price,
    /// Highest price.
    pub high: Price,
    /// Lowest price.
    pub low: Price,
    /// Last price.
    pub close: Price,
    /// Shares traded.
    pub volume: Qty,
    /// Open interest; none when it was not asked for.
    pub open_interest: Option<Qty>,
}

/// A candle that cannot be used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RefusedCandle {
    /// Which of the answer's, from 1.
    pub number: usize,
    /// Why.
    pub why: &'static str,
}

/// The candles of an answer as they stand there, neither sorted nor freed of repetitions, and those that were refused.
///
/// # Errors
/// [`AnswerError`] when it holds no list of candles.
pub fn candles(status: u16, body: &[u8]) -> Result<(Vec<Candle>, Vec<RefusedCandle>), AnswerError> {
    let data = data(status, body)?;
    let rows = data.get("candles").and_then(Value::as_array);
    let rows = rows.ok_or_else(|| malformed("expected a list under \"candles\""))?;
    let (mut read, mut refused) = (Vec::with_capacity(rows.len()), Vec::new());
    for (number, row) in rows.iter().enumerate() {
        match candle(row) {
            Ok(candle) => read.push(candle),
            Err(why) => refused.push(RefusedCandle { number: number + 1, why }),
        }
    }
    Ok((read, refused))
}

fn candle(row: &Value) -> Result<Candle, &'static str> {
    let (values, interest) = match row.as_array().map(Vec::as_slice) {
        Some([start, open, high, low, close, volume]) => ([start, open, high, low, close, volume], None),
        Some([start, open, high, low, close, volume, interest]) => {
            ([start, open, high, low, close, volume], Some(interest))
        }
        Some(_) | None => return Err("it is not [time, open, high, low, close, volume(, open interest)]"),
    };
    let [start, open, high, low, close, volume] = values;
    let start = start.as_str().and_then(ist::parse_candle).ok_or("its time is not as 2017-12-15T09:15:00+0530")?;
    let price = |value| exact_price(value).filter(|price| *price > Price::ZERO);
    let (Some(open), Some(high), Some(low), Some(close)) = (price(open), price(high), price(low), price(close)) else {
        return Err("a price is not above zero with at most four decimals");
    };
    if low > open || low > close || high < open || high < close {
        return Err("its prices are not between its low and its high");
    }
    let volume = whole(volume).ok_or("its volume is no whole number")?;
    Ok(Candle { start, open, high, low, close, volume, open_interest: interest.and_then(whole) })
}
