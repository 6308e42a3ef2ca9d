//! The packets of the feed: each kind by its length, its numbers as they stood on the wire.
//!
//! It never judges a number and never turns one into rupees: `snapshot` does. All integers are big-endian and unsigned,
//! but the change of an index. Times are Unix seconds, zero for never.

use barkeep_schemas::Ts;

/// Levels of the book on each side of a full packet.
pub const DEPTH_LEVELS: usize = 5;

const LTP_LEN: usize = 8;
const INDEX_QUOTE_LEN: usize = 28;
const INDEX_FULL_LEN: usize = 32;
const QUOTE_LEN: usize = 44;
const FULL_LEN: usize = 184;

/// The last price alone, of a stock or an index.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Ltp {
    /// Instrument token.
    pub token: u32,
    /// Last price in wire units, see [`super::Segment`]; so are all prices of packets.
    pub last_price: u32,
}

/// The day of a tradable instrument, without a time.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Quote {
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

/// One level of the book; all zero where there is none.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct RawLevel {
    /// Shares displayed.
    pub qty: u32,
    /// Price.
    pub price: u32,
    /// Orders displayed.
    pub orders: u16,
}

/// Everything about a tradable instrument.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Full {
    /// The first 44 bytes.
    pub quote: Quote,
    /// Time of the last trade; 0 when there never was one.
    pub last_trade_secs: u32,
    /// Open interest.
    pub oi: u32,
    /// Highest open interest of the day.
    pub oi_day_high: u32,
    /// Lowest open interest of the day.
    pub oi_day_low: u32,
    /// The exchange's time of this state; 0 when it has none.
    pub exchange_secs: u32,
    /// Bids, best first.
    pub bids: [RawLevel; DEPTH_LEVELS],
    /// Asks, best first.
    pub asks: [RawLevel; DEPTH_LEVELS],
}

/// The day of an index, without a time.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct IndexQuote {
    /// Instrument token.
    pub token: u32,
    /// Last value.
    pub last_price: u32,
    /// The day's high.
    pub high: u32,
    /// The day's low.
    pub low: u32,
    /// The day's open.
    pub open: u32,
    /// The close of the day before.
    pub close: u32,
    /// Last value less close.
    pub change: i32,
}

/// Everything about an index.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct IndexFull {
    /// The first 28 bytes.
    pub quote: IndexQuote,
    /// The exchange's time of this state; 0 when it has none.
    pub exchange_secs: u32,
}

/// One packet.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Packet {
    /// 8 bytes.
    Ltp(Ltp),
    /// 44 bytes.
    Quote(Quote),
    /// 184 bytes.
    Full(Full),
    /// 28 bytes.
    IndexQuote(IndexQuote),
    /// 32 bytes.
    IndexFull(IndexFull),
    /// A length that no known packet has: to be passed over, and counted.
    Unknown {
        /// Bytes of the packet.
        length: u16,
        /// Its first four bytes, which are the token of every packet known; none when it is shorter.
        token: Option<u32>,
    },
}

impl Full {
    /// When the last trade was.
    pub fn last_trade(&self) -> Option<Ts> {
        moment(self.last_trade_secs)
    }

    /// When the exchange stood so.
    pub fn exchange_time(&self) -> Option<Ts> {
        moment(self.exchange_secs)
    }
}

impl IndexFull {
    /// When the exchange stood so.
    pub fn exchange_time(&self) -> Option<Ts> {
        moment(self.exchange_secs)
    }
}

fn moment(secs: u32) -> Option<Ts> {
    (secs != 0).then(|| Ts::from_secs(i64::from(secs)))
}

impl Packet {
    /// The instrument's token.
    pub const fn token(&self) -> Option<u32> {
        match self {
            Self::Ltp(packet) => Some(packet.token),
            Self::Quote(packet) => Some(packet.token),
            Self::Full(packet) => Some(packet.quote.token),
            Self::IndexQuote(packet) => Some(packet.token),
            Self::IndexFull(packet) => Some(packet.quote.token),
            Self::Unknown { token, .. } => *token,
        }
    }

    /// Reads one packet, without its length; of more than 65,535 bytes, which no frame can hold, it is unknown.
    pub fn read(bytes: &[u8]) -> Self {
        known(bytes).unwrap_or_else(|| Self::Unknown {
            length: u16::try_from(bytes.len()).unwrap_or(u16::MAX),
            token: bytes.first_chunk().copied().map(u32::from_be_bytes),
        })
    }
}

/// The fields of a length are read one after the other; every `None` below is ruled out by that length.
fn known(bytes: &[u8]) -> Option<Packet> {
    let mut fields = Fields { rest: bytes };
    match bytes.len() {
        LTP_LEN => Some(Packet::Ltp(Ltp { token: fields.u32()?, last_price: fields.u32()? })),
        INDEX_QUOTE_LEN => fields.index().map(Packet::IndexQuote),
        INDEX_FULL_LEN => Some(Packet::IndexFull(IndexFull { quote: fields.index()?, exchange_secs: fields.u32()? })),
        QUOTE_LEN => fields.quote().map(Packet::Quote),
        FULL_LEN => fields.full().map(Packet::Full),
        _ => None,
    }
}

/// Numbers from the front of a packet.
struct Fields<'a> {
    rest: &'a [u8],
}

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*field)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_be_bytes)
    }

    fn quote(&mut self) -> Option<Quote> {
        Some(Quote {
            token: self.u32()?,
            last_price: self.u32()?,
            last_qty: self.u32()?,
            average_price: self.u32()?,
            volume: self.u32()?,
            total_buy_qty: self.u32()?,
            total_sell_qty: self.u32()?,
            open: self.u32()?,
            high: self.u32()?,
            low: self.u32()?,
            close: self.u32()?,
        })
    }

    fn full(&mut self) -> Option<Full> {
        Some(Full {
            quote: self.quote()?,
            last_trade_secs: self.u32()?,
            oi: self.u32()?,
            oi_day_high: self.u32()?,
            oi_day_low: self.u32()?,
            exchange_secs: self.u32()?,
            bids: self.side()?,
            asks: self.side()?,
        })
    }

    fn side(&mut self) -> Option<[RawLevel; DEPTH_LEVELS]> {
        let mut side = [RawLevel::default(); DEPTH_LEVELS];
        for level in &mut side {
            *level = RawLevel { qty: self.u32()?, price: self.u32()?, orders: self.take().map(u16::from_be_bytes)? };
            // Two bytes of padding, whatever they hold.
            self.take::<2>()?;
        }
        Some(side)
    }

    fn index(&mut self) -> Option<IndexQuote> {
        Some(IndexQuote {
            token: self.u32()?,
            last_price: self.u32()?,
            high: self.u32()?,
            low: self.u32()?,
            open: self.u32()?,
            close: self.u32()?,
            change: self.take().map(i32::from_be_bytes)?,
        })
    }
}
