//! The five binary packets of the feed: the bytes of each and the numbers in them, both ways.
//!
//! It never turns a number into rupees and knows no clock or market. `snapshot` fills packets, `frame` strings them
//! together, tests and tools read them back. Source: the official Python client 5.2.2, `ticker.py`; all integers are
//! big-endian, and the kind of a packet is its length.

/// Levels of the book on each side of a full packet.
pub const DEPTH_LEVELS: usize = 5;

/// Bytes of a packet that carries the last price alone.
pub const LTP_LEN: usize = 8;
/// Bytes of a quote of an index.
pub const INDEX_QUOTE_LEN: usize = 28;
/// Bytes of a full packet of an index.
pub const INDEX_FULL_LEN: usize = 32;
/// Bytes of a quote.
pub const QUOTE_LEN: usize = 44;
/// Bytes of a full packet.
pub const FULL_LEN: usize = 184;

/// How many wire units make one rupee (or unit of the quote currency), by the segment in the token's low byte.
///
/// CDS (3) 10,000,000; BCD (6) and NCO (12) 10,000; everything else 100. The documentation still says 10,000,000 for
/// every currency; the clients disagree with it.
pub const fn divisor(token: u32) -> i64 {
    match token & 0xff {
        3 => 10_000_000,
        6 | 12 => 10_000,
        0..=2 | 4..=5 | 7..=11 | 13.. => 100,
    }
}

/// The last price alone, of a stock or an index.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LtpPacket {
    /// Instrument token.
    pub token: u32,
    /// Last price in wire units, see [`divisor`]; so are all prices of packets.
    pub last_price: u32,
}

/// The day of a tradable instrument, without a time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct QuotePacket {
    /// Instrument token.
    pub token: u32,
    /// Last price.
    pub last_price: u32,
    /// Shares of the last trade.
    pub last_qty: u32,
    /// Average traded price of the day.
    pub average_price: u32,
    /// Shares traded today.
    pub volume: u32,
    /// Shares wanted in the whole book.
    pub total_buy_qty: u32,
    /// Shares offered in the whole book.
    pub total_sell_qty: u32,
    /// The day's open.
    pub open: u32,
    /// The day's high.
    pub high: u32,
    /// The day's low.
    pub low: u32,
    /// The close of the day before.
    pub close: u32,
}

/// One level of the book.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct DepthRow {
    /// Shares displayed.
    pub qty: u32,
    /// Price.
    pub price: u32,
    /// Orders displayed.
    pub orders: u16,
}

/// Everything about a tradable instrument.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FullPacket {
    /// The first 44 bytes.
    pub quote: QuotePacket,
    /// Unix seconds of the last trade; 0 when there never was one.
    pub last_trade_secs: u32,
    /// Open interest.
    pub oi: u32,
    /// Highest open interest of the day.
    pub oi_day_high: u32,
    /// Lowest open interest of the day.
    pub oi_day_low: u32,
    /// Unix seconds of the exchange's clock.
    pub exchange_secs: u32,
    /// Bids, best first; rows of zero where there is no level.
    pub bids: [DepthRow; DEPTH_LEVELS],
    /// Asks, best first.
    pub asks: [DepthRow; DEPTH_LEVELS],
}

/// The day of an index. Its prices stand in another order than a stock's: high, low, open, close.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct IndexQuotePacket {
    /// Instrument token.
    pub token: u32,
    /// Last level.
    pub last_price: u32,
    /// The day's high.
    pub high: u32,
    /// The day's low.
    pub low: u32,
    /// The day's open.
    pub open: u32,
    /// The close of the day before.
    pub close: u32,
    /// Last less close, signed.
    pub change: i32,
}

/// The day of an index with the time of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct IndexFullPacket {
    /// The first 28 bytes.
    pub quote: IndexQuotePacket,
    /// Unix seconds of the exchange's clock.
    pub exchange_secs: u32,
}

/// A packet of any kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Packet {
    /// 8 bytes.
    Ltp(LtpPacket),
    /// 44 bytes.
    Quote(QuotePacket),
    /// 184 bytes.
    Full(FullPacket),
    /// 28 bytes.
    IndexQuote(IndexQuotePacket),
    /// 32 bytes.
    IndexFull(IndexFullPacket),
}

/// Why bytes are no packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PacketError {
    /// No kind of packet has this length; clients skip such a packet.
    #[error("a packet of {len} bytes is of no known kind: expected 8, 28, 32, 44 or 184 bytes")]
    UnknownLength {
        /// Bytes in the packet.
        len: usize,
    },
    /// The bytes end inside a field.
    #[error("the packet ends at byte {have}: expected a field of {wanted} bytes at byte {offset}")]
    Truncated {
        /// Where the field starts, counted from the packet's first byte.
        offset: usize,
        /// Bytes of the field.
        wanted: usize,
        /// Bytes of the packet.
        have: usize,
    },
}

impl Packet {
    /// The instrument's token.
    pub const fn token(&self) -> u32 {
        match self {
            Self::Ltp(packet) => packet.token,
            Self::Quote(packet) => packet.token,
            Self::Full(packet) => packet.quote.token,
            Self::IndexQuote(packet) => packet.token,
            Self::IndexFull(packet) => packet.quote.token,
        }
    }

    /// Bytes of the packet.
    pub const fn encoded_len(&self) -> usize {
        match self {
            Self::Ltp(_) => LTP_LEN,
            Self::Quote(_) => QUOTE_LEN,
            Self::Full(_) => FULL_LEN,
            Self::IndexQuote(_) => INDEX_QUOTE_LEN,
            Self::IndexFull(_) => INDEX_FULL_LEN,
        }
    }

    /// Appends the packet's bytes, [`Packet::encoded_len`] of them.
    pub fn encode_into(&self, out: &mut Vec<u8>) {
        match self {
            Self::Ltp(packet) => put_all(out, [packet.token, packet.last_price]),
            Self::Quote(packet) => put_quote(out, packet),
            Self::Full(packet) => put_full(out, packet),
            Self::IndexQuote(packet) => put_index(out, packet),
            Self::IndexFull(packet) => {
                put_index(out, &packet.quote);
                put_all(out, [packet.exchange_secs]);
            }
        }
    }

    /// Reads one packet, without a frame around it.
    ///
    /// # Errors
    ///
    /// [`PacketError::UnknownLength`] when no packet has that many bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, PacketError> {
        let mut fields = Fields { bytes, offset: 0 };
        match bytes.len() {
            LTP_LEN => Ok(Self::Ltp(LtpPacket { token: fields.u32()?, last_price: fields.u32()? })),
            QUOTE_LEN => Ok(Self::Quote(take_quote(&mut fields)?)),
            FULL_LEN => Ok(Self::Full(take_full(&mut fields)?)),
            INDEX_QUOTE_LEN => Ok(Self::IndexQuote(take_index(&mut fields)?)),
            INDEX_FULL_LEN => {
                Ok(Self::IndexFull(IndexFullPacket { quote: take_index(&mut fields)?, exchange_secs: fields.u32()? }))
            }
            len => Err(PacketError::UnknownLength { len }),
        }
    }
}

fn put_all<const N: usize>(out: &mut Vec<u8>, numbers: [u32; N]) {
    for number in numbers {
        out.extend_from_slice(&number.to_be_bytes());
    }
}

fn put_quote(out: &mut Vec<u8>, packet: &QuotePacket) {
    let QuotePacket { token, last_price, last_qty, average_price, volume, .. } = *packet;
    put_all(out, [token, last_price, last_qty, average_price, volume]);
    let QuotePacket { total_buy_qty, total_sell_qty, open, high, low, close, .. } = *packet;
    put_all(out, [total_buy_qty, total_sell_qty, open, high, low, close]);
}

fn put_full(out: &mut Vec<u8>, packet: &FullPacket) {
    put_quote(out, &packet.quote);
    let FullPacket { last_trade_secs, oi, oi_day_high, oi_day_low, exchange_secs, .. } = *packet;
    put_all(out, [last_trade_secs, oi, oi_day_high, oi_day_low, exchange_secs]);
    for row in packet.bids.iter().chain(&packet.asks) {
        put_all(out, [row.qty, row.price]);
        out.extend_from_slice(&row.orders.to_be_bytes());
        out.extend_from_slice(&[0, 0]);
    }
}

fn put_index(out: &mut Vec<u8>, packet: &IndexQuotePacket) {
    let IndexQuotePacket { token, last_price, high, low, open, close, change } = *packet;
    put_all(out, [token, last_price, high, low, open, close, change.cast_unsigned()]);
}

/// A reader of big-endian numbers that knows where it is.
struct Fields<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], PacketError> {
        let field = self.bytes.get(self.offset..).and_then(|rest| rest.first_chunk::<N>());
        let field = field.ok_or(PacketError::Truncated { offset: self.offset, wanted: N, have: self.bytes.len() })?;
        self.offset += N;
        Ok(*field)
    }

    fn u32(&mut self) -> Result<u32, PacketError> {
        self.take().map(u32::from_be_bytes)
    }

    fn u16(&mut self) -> Result<u16, PacketError> {
        self.take().map(u16::from_be_bytes)
    }
}

fn take_quote(fields: &mut Fields<'_>) -> Result<QuotePacket, PacketError> {
    Ok(QuotePacket {
        token: fields.u32()?,
        last_price: fields.u32()?,
        last_qty: fields.u32()?,
        average_price: fields.u32()?,
        volume: fields.u32()?,
        total_buy_qty: fields.u32()?,
        total_sell_qty: fields.u32()?,
        open: fields.u32()?,
        high: fields.u32()?,
        low: fields.u32()?,
        close: fields.u32()?,
    })
}

fn take_full(fields: &mut Fields<'_>) -> Result<FullPacket, PacketError> {
    let mut packet = FullPacket {
        quote: take_quote(fields)?,
        last_trade_secs: fields.u32()?,
        oi: fields.u32()?,
        oi_day_high: fields.u32()?,
        oi_day_low: fields.u32()?,
        exchange_secs: fields.u32()?,
        ..FullPacket::default()
    };
    for row in packet.bids.iter_mut().chain(&mut packet.asks) {
        *row = DepthRow { qty: fields.u32()?, price: fields.u32()?, orders: fields.u16()? };
        fields.u16()?;
    }
    Ok(packet)
}

fn take_index(fields: &mut Fields<'_>) -> Result<IndexQuotePacket, PacketError> {
    Ok(IndexQuotePacket {
        token: fields.u32()?,
        last_price: fields.u32()?,
        high: fields.u32()?,
        low: fields.u32()?,
        open: fields.u32()?,
        close: fields.u32()?,
        change: fields.u32()?.cast_signed(),
    })
}
