//! A quote of the market as a packet of a mode.
//!
//! It decides nothing about when a packet is sent. The world calls it.

use barkeep_schemas::{Level, PRICE_SCALE, Price, Qty, Ts};

use super::packet::{
    DEPTH_LEVELS, DepthRow, FullPacket, IndexFullPacket, IndexQuotePacket, LtpPacket, Packet, QuotePacket, divisor,
};
use crate::market::{Quote, Segment};

/// How much of an instrument a subscription tells.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Mode {
    /// The last price.
    Ltp,
    /// The day without book and time; what a subscription starts with.
    Quote,
    /// Everything.
    Full,
}

impl Mode {
    /// The name in messages of the feed.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ltp => "ltp",
            Self::Quote => "quote",
            Self::Full => "full",
        }
    }

    /// The mode of a name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Ltp, Self::Quote, Self::Full].into_iter().find(|mode| mode.name() == name)
    }
}

/// The packet of an instrument in a mode. Numbers that do not fit are held at the ends of their fields.
pub fn packet(token: u32, segment: Segment, quote: &Quote, mode: Mode) -> Packet {
    let price = |price: Price| wire_price(token, price);
    match (mode, segment) {
        (Mode::Ltp, Segment::Nse | Segment::Indices) => {
            Packet::Ltp(LtpPacket { token, last_price: price(quote.last_price) })
        }
        (Mode::Quote, Segment::Nse) => Packet::Quote(quote_packet(token, quote)),
        (Mode::Full, Segment::Nse) => Packet::Full(FullPacket {
            quote: quote_packet(token, quote),
            last_trade_secs: quote.last_trade_time.map_or(0, wire_secs),
            exchange_secs: wire_secs(quote.exchange_time),
            bids: rows(token, &quote.bids),
            asks: rows(token, &quote.asks),
            ..FullPacket::default()
        }),
        (Mode::Quote, Segment::Indices) => Packet::IndexQuote(index_packet(token, quote)),
        (Mode::Full, Segment::Indices) => Packet::IndexFull(IndexFullPacket {
            quote: index_packet(token, quote),
            exchange_secs: wire_secs(quote.exchange_time),
        }),
    }
}

fn quote_packet(token: u32, quote: &Quote) -> QuotePacket {
    QuotePacket {
        token,
        last_price: wire_price(token, quote.last_price),
        last_qty: wire_qty(quote.last_qty),
        average_price: wire_price(token, quote.average_price),
        volume: wire_qty(quote.volume),
        total_buy_qty: wire_qty(quote.total_buy_qty),
        total_sell_qty: wire_qty(quote.total_sell_qty),
        open: wire_price(token, quote.open),
        high: wire_price(token, quote.high),
        low: wire_price(token, quote.low),
        close: wire_price(token, quote.close),
    }
}

fn index_packet(token: u32, quote: &Quote) -> IndexQuotePacket {
    let (last_price, close) = (wire_price(token, quote.last_price), wire_price(token, quote.close));
    IndexQuotePacket {
        token,
        last_price,
        high: wire_price(token, quote.high),
        low: wire_price(token, quote.low),
        open: wire_price(token, quote.open),
        close,
        change: i32::try_from(i64::from(last_price) - i64::from(close)).unwrap_or(i32::MAX),
    }
}

fn rows(token: u32, levels: &[Level]) -> [DepthRow; DEPTH_LEVELS] {
    let mut rows = [DepthRow::default(); DEPTH_LEVELS];
    for (row, level) in rows.iter_mut().zip(levels) {
        *row = DepthRow { qty: wire_qty(level.qty), price: wire_price(token, level.price), orders: level.orders };
    }
    rows
}

/// A price in the wire units of a token, to the nearest unit.
pub fn wire_price(token: u32, price: Price) -> u32 {
    let scaled = i128::from(price.get()) * i128::from(divisor(token));
    let half = i128::from(PRICE_SCALE) / 2;
    u32::try_from((scaled + half).div_euclid(i128::from(PRICE_SCALE)).max(0)).unwrap_or(u32::MAX)
}

fn wire_qty(qty: Qty) -> u32 {
    u32::try_from(qty.get().max(0)).unwrap_or(u32::MAX)
}

fn wire_secs(ts: Ts) -> u32 {
    u32::try_from(ts.secs().max(0)).unwrap_or(u32::MAX)
}
