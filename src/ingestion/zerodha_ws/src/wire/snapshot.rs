//! A packet in the units of the tape: what a tick needs, before it has an instrument and a feed.
//!
//! It decides nothing about whether a tick is good: stale, early and crossed ones pass. `feed` calls it, then adds the
//! numbers that only a session gives out. Average price, day's range and open interest stay behind: no tick holds them.

use barkeep_schemas::{Depth, FeedId, InstrumentId, Level, Price, Qty, Tick, Ts};

use super::packet::{Full, IndexFull, Packet, RawLevel};
use super::segment::{InexactPrice, Segment};

/// What a packet says of an instrument at a moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Snapshot {
    /// Instrument token.
    pub token: u32,
    /// Last traded price; zero where nothing was ever traded.
    pub price: Price,
    /// Last traded quantity; none without a trade, and of an index.
    pub qty: Option<Qty>,
    /// Volume of the day so far; none of an index.
    pub cum_volume: Option<Qty>,
    /// Best bid; none where nobody bids, and in modes without a book.
    pub bid: Option<Price>,
    /// Best ask; none where nobody offers, and in modes without a book.
    pub ask: Option<Price>,
    /// When the last trade was; none where there never was one, and in modes that do not tell.
    pub last_trade: Option<Ts>,
    /// When the exchange stood so, in whole seconds; none in modes that do not tell.
    pub exchange_time: Option<Ts>,
}

/// Why a packet has no snapshot.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SnapshotError {
    /// Nobody knows packets of its length.
    #[error("packets of {length} bytes are not known: expected 8, 28, 32, 44 or 184")]
    UnknownLength {
        /// Bytes of the packet.
        length: u16,
    },
    /// One of its prices cannot be held.
    #[error("a price of token {token} cannot be held")]
    Price {
        /// The instrument's token.
        token: u32,
        /// Which, and why.
        #[source]
        source: InexactPrice,
    },
}

impl Packet {
    /// The packet in the units of the tape. [`Full::depth`] has the book.
    ///
    /// # Errors
    ///
    /// [`SnapshotError`] for a packet that nobody knows, and for a price with more decimals than the tape has.
    pub fn snapshot(&self) -> Result<Snapshot, SnapshotError> {
        match self {
            Self::Ltp(packet) => of_price(packet.token, packet.last_price),
            Self::Quote(packet) => Ok(Snapshot {
                qty: traded(packet.last_qty),
                cum_volume: Some(shares(packet.volume)),
                ..of_price(packet.token, packet.last_price)?
            }),
            Self::Full(packet) => packet.snapshot(),
            Self::IndexQuote(packet) => of_price(packet.token, packet.last_price),
            Self::IndexFull(packet) => packet.snapshot(),
            Self::Unknown { length, .. } => Err(SnapshotError::UnknownLength { length: *length }),
        }
    }
}

impl Full {
    /// The packet in the units of the tape, without the depth behind the best bid and ask.
    ///
    /// # Errors
    ///
    /// [`SnapshotError::Price`].
    pub fn snapshot(&self) -> Result<Snapshot, SnapshotError> {
        let token = self.quote.token;
        let best = |side: &[RawLevel]| side.first().filter(|level| level.is_there()).map(|level| level.price);
        let price = |raw: Option<u32>| raw.map(|raw| price_of(token, raw)).transpose();
        Ok(Snapshot {
            qty: traded(self.quote.last_qty),
            cum_volume: Some(shares(self.quote.volume)),
            bid: price(best(&self.bids))?,
            ask: price(best(&self.asks))?,
            last_trade: self.last_trade(),
            exchange_time: self.exchange_time(),
            ..of_price(token, self.quote.last_price)?
        })
    }

    /// The book to five levels, those that are there.
    ///
    /// # Errors
    ///
    /// [`SnapshotError::Price`].
    pub fn depth(&self) -> Result<Depth, SnapshotError> {
        let token = self.quote.token;
        let side = |raw: &[RawLevel]| -> Result<Vec<Level>, SnapshotError> {
            let mut side = Vec::with_capacity(raw.len());
            for raw in raw.iter().filter(|raw| raw.is_there()) {
                side.push(Level { price: price_of(token, raw.price)?, qty: shares(raw.qty), orders: raw.orders });
            }
            Ok(side)
        };
        Ok(Depth { bids: side(&self.bids)?, asks: side(&self.asks)? })
    }
}

impl IndexFull {
    /// The packet in the units of the tape.
    ///
    /// # Errors
    ///
    /// [`SnapshotError::Price`].
    pub fn snapshot(&self) -> Result<Snapshot, SnapshotError> {
        let quote = of_price(self.quote.token, self.quote.last_price)?;
        Ok(Snapshot { exchange_time: self.exchange_time(), ..quote })
    }
}

impl RawLevel {
    /// Rows behind the last level are zero; a price or a quantity alone is no level.
    const fn is_there(&self) -> bool {
        self.qty != 0 && self.price != 0
    }
}

impl Snapshot {
    /// The tick of this snapshot. `ts` is the exchange's time, or what stands for it where a packet has none.
    pub fn tick(&self, instrument: InstrumentId, feed: FeedId, ts: Ts, recv: Ts, depth: Option<Depth>) -> Tick {
        let Self { price, qty, cum_volume, bid, ask, last_trade, .. } = *self;
        let depth = depth.map(Box::new);
        Tick { instrument, feed, ts, recv, price, qty, cum_volume, bid, ask, last_trade, condition: 0, depth }
    }
}

fn price_of(token: u32, raw: u32) -> Result<Price, SnapshotError> {
    Segment::of(token).price(raw).map_err(|source| SnapshotError::Price { token, source })
}

fn of_price(token: u32, raw: u32) -> Result<Snapshot, SnapshotError> {
    let price = price_of(token, raw)?;
    let (qty, cum_volume, bid, ask, last_trade, exchange_time) = (None, None, None, None, None, None);
    Ok(Snapshot { token, price, qty, cum_volume, bid, ask, last_trade, exchange_time })
}

fn shares(raw: u32) -> Qty {
    Qty::new(i64::from(raw))
}

fn traded(raw: u32) -> Option<Qty> {
    (raw != 0).then(|| shares(raw))
}
