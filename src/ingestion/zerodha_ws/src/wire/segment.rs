//! The part of the exchange that a token belongs to, and what a price on the wire means there.
//!
//! It never rounds: the tape holds four decimals, and a price that has more is refused.

use barkeep_schemas::{PRICE_SCALE, Price};

/// The low byte of a token.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Segment {
    /// Stocks of NSE.
    Nse,
    /// Futures and options of NSE.
    Nfo,
    /// Currencies of NSE.
    Cds,
    /// Stocks of BSE.
    Bse,
    /// Futures and options of BSE.
    Bfo,
    /// Currencies of BSE.
    Bcd,
    /// Commodities of MCX.
    Mcx,
    /// MCX-SX.
    McxSx,
    /// Indices of any exchange.
    Indices,
    /// Commodities of NSE.
    Nco,
    /// A number that no client knows.
    Unknown(u8),
}

/// A price has more decimals than the tape.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the price {raw} / {divisor} has more than four decimals: expected a multiple of {} on the wire", divisor / PRICE_SCALE)]
pub struct InexactPrice {
    /// The number on the wire.
    pub raw: u32,
    /// Wire units in one unit of the quote currency.
    pub divisor: i64,
}

impl Segment {
    /// The segment of a token.
    pub const fn of(token: u32) -> Self {
        match (token & 0xff) as u8 {
            1 => Self::Nse,
            2 => Self::Nfo,
            3 => Self::Cds,
            4 => Self::Bse,
            5 => Self::Bfo,
            6 => Self::Bcd,
            7 => Self::Mcx,
            8 => Self::McxSx,
            9 => Self::Indices,
            12 => Self::Nco,
            number @ (0 | 10..=11 | 13..) => Self::Unknown(number),
        }
    }

    /// How many wire units make one rupee (or unit of the quote currency).
    ///
    /// The documentation says 10,000,000 for every currency; the clients, which are followed here, take 10,000 for BCD,
    /// and for NCO too. They take 100 for a segment that they do not know.
    pub const fn divisor(self) -> i64 {
        match self {
            Self::Cds => 10_000_000,
            Self::Bcd | Self::Nco => 10_000,
            Self::Nse
            | Self::Nfo
            | Self::Bse
            | Self::Bfo
            | Self::Mcx
            | Self::McxSx
            | Self::Indices
            | Self::Unknown(_) => 100,
        }
    }

    /// A price on the wire as a price of the tape.
    ///
    /// # Errors
    ///
    /// [`InexactPrice`] when four decimals do not hold it, which only currencies of NSE can bring about: their smallest
    /// step is 0.0025, so it is no price that anything trades at.
    pub const fn price(self, raw: u32) -> Result<Price, InexactPrice> {
        let divisor = self.divisor();
        // No more than 2^32 * 10,000: far from overflow.
        let scaled = raw as i64 * PRICE_SCALE;
        if scaled % divisor == 0 { Ok(Price::new(scaled / divisor)) } else { Err(InexactPrice { raw, divisor }) }
    }
}
