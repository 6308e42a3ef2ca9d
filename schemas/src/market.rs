//! What the market sends: instruments, ticks, clock marks and the gaps between them. All are inputs.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use serde::Serialize;

use crate::codec::{DecodeError, Fields, Wire, names, record};
use crate::scalar::{FeedId, InstrumentId, Price, Qty, Ts};

names! {
    /// The class of an instrument: which dated session hours apply to it.
    pub enum InstrumentClass {
        /// Stocks without futures and options; also the class of an unknown symbol.
        Cash = 1 "cash",
        /// Stocks with futures and options.
        Derivatives = 2 "derivatives",
        /// Round-the-clock instruments of `--calendar always`.
        Always = 3 "always",
    }
}

record! {
    /// An instrument of a session.
    pub struct Instrument {
        /// Dense number within the segment.
        pub id: InstrumentId,
        /// The feed that delivers it; a gap of that feed is a gap of the instrument.
        pub feed: crate::FeedId,
        /// The broker's numeric token; 0 when unknown.
        pub token: u32,
        /// Tradingsymbol for NSE, `EXCHANGE:SYMBOL` otherwise.
        pub symbol: String,
        /// Whose hours it keeps.
        pub class: InstrumentClass,
        /// The smallest price step.
        pub tick_size: Price,
        /// Shares in one lot.
        pub lot_size: u32,
    }
}

record! {
    /// One level of the order book.
    pub struct Level {
        /// Price of the level.
        pub price: Price,
        /// Shares displayed.
        pub qty: Qty,
        /// Orders displayed.
        pub orders: u16,
    }
}

record! {
    /// The order book to five levels, best first.
    pub struct Depth {
        /// Up to five bids.
        pub bids: Vec<Level>,
        /// Up to five asks.
        pub asks: Vec<Level>,
    }
}

/// A market snapshot of one instrument, or one trade, as the source sent it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Tick {
    /// The instrument.
    pub instrument: InstrumentId,
    /// The feed it came by.
    pub feed: FeedId,
    /// Exchange time.
    pub ts: Ts,
    /// Time of receipt on this host; the exchange time when the source does not say.
    pub recv: Ts,
    /// Last traded price.
    pub price: Price,
    /// Last traded quantity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub qty: Option<Qty>,
    /// Volume of the day so far.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cum_volume: Option<Qty>,
    /// Best bid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bid: Option<Price>,
    /// Best ask.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ask: Option<Price>,
    /// Time of the last trade, where the source tells it apart from the snapshot's own time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_trade: Option<Ts>,
    /// The source's condition flags of the trade; 0 when it has none.
    #[serde(skip_serializing_if = "is_zero")]
    pub condition: u32,
    /// Five-level depth, where recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub depth: Option<Box<Depth>>,
}

fn is_zero(value: &u32) -> bool {
    *value == 0
}

const HAS_QTY: u8 = 1;
const HAS_CUM_VOLUME: u8 = 2;
const HAS_BID: u8 = 4;
const HAS_ASK: u8 = 8;
const HAS_LAST_TRADE: u8 = 16;
const HAS_CONDITION: u8 = 32;
const HAS_DEPTH: u8 = 64;

/// Bytes of a tick with all fields but depth: bits, instrument, feed, eight times eight, condition.
const FIELD_BYTES: usize = 1 + 4 + 1 + 8 * 8 + 4;

/// Takes a value when its bit is set.
fn take_if<T: Wire>(present: u8, bit: u8, input: &mut &[u8]) -> Result<Option<T>, DecodeError> {
    if present & bit != 0 { T::take(input).map(Some) } else { Ok(None) }
}

/// Takes the condition flags; flags that are there but zero would be a second spelling of none.
fn take_condition(present: u8, input: &mut &[u8]) -> Result<u32, DecodeError> {
    match take_if(present, HAS_CONDITION, input)? {
        Some(0) => Err(DecodeError::OutOfRange { what: "a tick's condition flags" }),
        Some(flags) => Ok(flags),
        None => Ok(0),
    }
}

/// Ticks are most of a tape: a byte of presence bits, then only what is there.
impl Wire for Tick {
    fn put(&self, out: &mut Vec<u8>) {
        let bit = |on: bool, bit: u8| if on { bit } else { 0 };
        let present = bit(self.qty.is_some(), HAS_QTY)
            | bit(self.cum_volume.is_some(), HAS_CUM_VOLUME)
            | bit(self.bid.is_some(), HAS_BID)
            | bit(self.ask.is_some(), HAS_ASK)
            | bit(self.last_trade.is_some(), HAS_LAST_TRADE)
            | bit(self.condition != 0, HAS_CONDITION)
            | bit(self.depth.is_some(), HAS_DEPTH);
        Fields::<FIELD_BYTES>::append(out, |fields| {
            fields.put([present]);
            fields.put(self.instrument.0.to_le_bytes());
            fields.put([self.feed.0]);
            for moment in [self.ts, self.recv] {
                fields.put(moment.get().to_le_bytes());
            }
            fields.put(self.price.get().to_le_bytes());
            for qty in [self.qty, self.cum_volume] {
                fields.put_if(qty.is_some(), qty.unwrap_or_default().get().to_le_bytes());
            }
            for price in [self.bid, self.ask] {
                fields.put_if(price.is_some(), price.unwrap_or_default().get().to_le_bytes());
            }
            fields.put_if(self.last_trade.is_some(), self.last_trade.unwrap_or_default().get().to_le_bytes());
            fields.put_if(self.condition != 0, self.condition.to_le_bytes());
        });
        if let Some(depth) = &self.depth {
            depth.put(out);
        }
    }

    fn take(input: &mut &[u8]) -> Result<Self, DecodeError> {
        let present = u8::take(input)?;
        if present & 0x80 != 0 {
            return Err(DecodeError::UnknownCode { what: "tick field", code: u32::from(present) });
        }
        Ok(Self {
            instrument: Wire::take(input)?,
            feed: Wire::take(input)?,
            ts: Wire::take(input)?,
            recv: Wire::take(input)?,
            price: Wire::take(input)?,
            qty: take_if(present, HAS_QTY, input)?,
            cum_volume: take_if(present, HAS_CUM_VOLUME, input)?,
            bid: take_if(present, HAS_BID, input)?,
            ask: take_if(present, HAS_ASK, input)?,
            last_trade: take_if(present, HAS_LAST_TRADE, input)?,
            condition: take_condition(present, input)?,
            depth: take_if(present, HAS_DEPTH, input)?,
        })
    }
}

record! {
    /// The passing of exchange time: one a second inside a session, none outside, never decreasing.
    pub struct ClockMark {
        /// The feed whose clock this is.
        pub feed: crate::FeedId,
        /// The edge's estimate of exchange time.
        pub ts: Ts,
    }
}

names! {
    /// Why a feed was interrupted.
    pub enum GapCause {
        /// The connection was lost.
        Disconnect = 1 "disconnect",
        /// The connection stood but nothing came.
        Silence = 2 "silence",
        /// barkeep itself was not running.
        ApplianceDown = 3 "appliance_down",
        /// A frame could not be read.
        BadFrame = 4 "bad_frame",
        /// The operator said so.
        Declared = 5 "declared",
        /// The broker took no token, or there was none.
        NoToken = 6 "no_token",
    }
}

record! {
    /// An interruption of a feed: what was traded in it may be missing.
    pub struct FeedGap {
        /// The feed.
        pub feed: crate::FeedId,
        /// The last moment at which the feed was known to be whole.
        pub from: Ts,
        /// The first moment at which it was whole again.
        pub to: Ts,
        /// Why.
        pub cause: GapCause,
    }
}
