//! The bodies of `/quote`, `/quote/ohlc` and `/quote/ltp`, and of candles.
//!
//! It looks nothing up; the broker does.

use barkeep_schemas::{Level, Qty, Ts};
use serde::{Serialize, Serializer};

use super::packet::DEPTH_LEVELS;
use super::rupees::Rupees;
use super::stamp::{Form, Stamp, date_time};
use crate::market::{Candle, Listing, Quote, Segment};

/// An object whose keys keep the order of the request.
#[derive(Clone, Debug, Default)]
pub struct Keyed<T>(pub Vec<(String, T)>);

impl<T: Serialize> Serialize for Keyed<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

/// The last price.
#[derive(Clone, Debug, Serialize)]
pub struct LtpBody {
    instrument_token: u32,
    last_price: Rupees,
}

impl LtpBody {
    /// Of a listing and its quote.
    pub fn new(listing: &Listing, quote: &Quote) -> Self {
        Self { instrument_token: listing.token, last_price: quote.last_price.into() }
    }
}

#[derive(Clone, Debug, Serialize)]
struct OhlcPart {
    open: Rupees,
    high: Rupees,
    low: Rupees,
    close: Rupees,
}

impl OhlcPart {
    fn new(quote: &Quote) -> Self {
        Self { open: quote.open.into(), high: quote.high.into(), low: quote.low.into(), close: quote.close.into() }
    }
}

/// The last price and the day.
#[derive(Clone, Debug, Serialize)]
pub struct OhlcBody {
    instrument_token: u32,
    last_price: Rupees,
    ohlc: OhlcPart,
}

impl OhlcBody {
    /// Of a listing and its quote.
    pub fn new(listing: &Listing, quote: &Quote) -> Self {
        Self { instrument_token: listing.token, last_price: quote.last_price.into(), ohlc: OhlcPart::new(quote) }
    }
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
struct DepthPart {
    price: Rupees,
    quantity: i64,
    orders: u16,
}

#[derive(Clone, Debug, Serialize)]
struct BookPart {
    buy: [DepthPart; DEPTH_LEVELS],
    sell: [DepthPart; DEPTH_LEVELS],
}

fn side(levels: &[Level]) -> [DepthPart; DEPTH_LEVELS] {
    let mut parts = [DepthPart::default(); DEPTH_LEVELS];
    for (part, level) in parts.iter_mut().zip(levels) {
        *part = DepthPart { price: level.price.into(), quantity: level.qty.get(), orders: level.orders };
    }
    parts
}

/// Everything; of an index less, as Kite leaves it out.
#[derive(Clone, Debug, Serialize)]
pub struct QuoteBody {
    instrument_token: u32,
    timestamp: String,
    last_trade_time: Option<String>,
    last_price: Rupees,
    last_quantity: i64,
    buy_quantity: i64,
    sell_quantity: i64,
    volume: i64,
    average_price: Rupees,
    oi: i64,
    oi_day_high: i64,
    oi_day_low: i64,
    net_change: Rupees,
    lower_circuit_limit: Rupees,
    upper_circuit_limit: Rupees,
    ohlc: OhlcPart,
    depth: BookPart,
}

impl QuoteBody {
    /// Of a listing and its quote. `net_change` of a stock is 0, as in Kite's own sample; an index shows last less close.
    pub fn new(listing: &Listing, quote: &Quote) -> Self {
        let net_change = match listing.segment {
            Segment::Nse => 0,
            Segment::Indices => quote.last_price.get() - quote.close.get(),
        };
        Self {
            instrument_token: listing.token,
            timestamp: date_time(quote.exchange_time),
            last_trade_time: quote.last_trade_time.map(date_time),
            last_price: quote.last_price.into(),
            last_quantity: quote.last_qty.get(),
            buy_quantity: quote.total_buy_qty.get(),
            sell_quantity: quote.total_sell_qty.get(),
            volume: quote.volume.get(),
            average_price: quote.average_price.into(),
            oi: 0,
            oi_day_high: 0,
            oi_day_low: 0,
            net_change: Rupees(net_change),
            lower_circuit_limit: listing.lower_circuit.into(),
            upper_circuit_limit: listing.upper_circuit.into(),
            ohlc: OhlcPart::new(quote),
            depth: BookPart { buy: side(&quote.bids), sell: side(&quote.asks) },
        }
    }
}

/// A candle as a row of six values, or seven with the open interest, which a stock has not: 0.
#[derive(Clone, Copy, Debug)]
pub struct CandleRow {
    /// The candle.
    pub candle: Candle,
    /// Whether open interest was asked for.
    pub oi: bool,
}

impl Serialize for CandleRow {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Candle { start, open, high, low, close, volume } = self.candle;
        let row = (
            CandleStamp(start),
            Rupees::from(open),
            Rupees::from(high),
            Rupees::from(low),
            Rupees::from(close),
            Whole(volume),
        );
        if self.oi {
            (row.0, row.1, row.2, row.3, row.4, row.5, 0).serialize(serializer)
        } else {
            row.serialize(serializer)
        }
    }
}

struct CandleStamp(Ts);

impl Serialize for CandleStamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Stamp(self.0, Form::Candle))
    }
}

struct Whole(Qty);

impl Serialize for Whole {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(self.0.get())
    }
}

/// The body of a candles answer.
pub fn candles_body(candles: &[Candle], oi: bool) -> Vec<u8> {
    #[derive(Serialize)]
    struct Candles {
        candles: Vec<CandleRow>,
    }
    let candles = candles.iter().map(|candle| CandleRow { candle: *candle, oi }).collect();
    super::reply::success(Candles { candles })
}
