//! What a listed instrument is, as the exchange and the broker tell it.

use barkeep_schemas::{InstrumentClass, Price};

/// The exchange segment of an instrument: the low byte of its token.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Segment {
    /// Stocks of NSE, segment 1.
    Nse,
    /// Indices, segment 9. They have no book and no volume.
    Indices,
}

impl Segment {
    /// The number in the low byte of a token.
    pub const fn code(self) -> u32 {
        match self {
            Self::Nse => 1,
            Self::Indices => 9,
        }
    }
}

/// An instrument of one date. A rename changes the symbol, never the token.
#[derive(Clone, PartialEq, Debug)]
pub struct Listing {
    /// The broker's numeric token: exchange token times 256 plus the segment's code.
    pub token: u32,
    /// Segment.
    pub segment: Segment,
    /// Tradingsymbol on that date. The exchange is NSE for every listing.
    pub symbol: String,
    /// Company or index name.
    pub name: String,
    /// Sector, for people.
    pub sector: String,
    /// Whose hours it keeps.
    pub class: InstrumentClass,
    /// The smallest price step.
    pub tick_size: Price,
    /// The close of the day before, adjusted for a corporate action that takes effect on the date.
    pub previous_close: Price,
    /// Lowest price at which an order is accepted on the date.
    pub lower_circuit: Price,
    /// Highest price at which an order is accepted on the date.
    pub upper_circuit: Price,
}
