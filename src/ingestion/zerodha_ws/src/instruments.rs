//! The broker's list of instruments: the CSV of `/instruments`, read, kept small, and compared with another day's.
//!
//! A row is found by exchange and tradingsymbol, never by token: tokens are used again. It fetches nothing and keeps no
//! file; the orchestrator does. Source of the columns: Kite's documentation, "Market quotes and instruments".

mod changes;
mod read;
#[cfg(test)]
mod tests;

use barkeep_schemas::{Hash32, Price};

/// Bytes of a list at most, after it was unpacked; a real one has about ten million.
pub const LIST_BYTES_MAX: u64 = 64 << 20;

/// The exchange whose symbols stand without a prefix.
const PLAIN_EXCHANGE: &str = "NSE";

/// A day's list.
///
/// Of rows of exchanges and types that nobody here knows it keeps the number alone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listing {
    /// BLAKE3 of the CSV.
    pub hash: Hash32,
    /// Rows, the header apart.
    pub rows: u64,
    /// Rows that were passed over: their exchange or type is not one of those that are read.
    pub unknown: u64,
    /// Rows that were passed over: their exchange and symbol stand on several rows of a kind, so that neither is meant.
    pub repeated: u64,
    /// Symbols and names, one after the other.
    texts: String,
    /// What stands in `exchange`, and in `instrument_type` and `segment` together, each once.
    exchanges: Vec<String>,
    series: Vec<String>,
    /// By rising exchange and symbol.
    entries: Vec<Entry>,
}

/// What a row says about its instrument.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Listed {
    /// The broker's number for it, by which the feed and candles are asked for.
    pub token: u32,
    /// The smallest price step; zero where nothing is traded, as in an index.
    pub tick_size: Price,
    /// Shares in one lot; zero where nothing is traded.
    pub lot_size: u32,
}

/// Why a list is refused.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ListingError {
    /// The compressed bytes do not unpack.
    #[error("the list of instruments is damaged: it does not unpack: {0}")]
    Gzip(String),
    /// More than [`LIST_BYTES_MAX`].
    #[error("the list of instruments is longer than {LIST_BYTES_MAX} bytes")]
    TooLong,
    /// The header does not name a column.
    #[error("the list of instruments: line 1 has no column `{0}`")]
    Column(&'static str),
    /// A line is no row.
    #[error("the list of instruments: line {line}: {detail}")]
    Row {
        /// Line, from 1.
        line: u64,
        /// What is wrong.
        detail: String,
    },
    /// A cell is not what its column holds.
    #[error("the list of instruments: line {line}: {column}: found \"{found}\", expected {expected}")]
    Cell {
        /// Line, from 1.
        line: u64,
        /// The column's name.
        column: &'static str,
        /// The beginning of what stands there.
        found: String,
        /// What does.
        expected: &'static str,
    },
}

/// One row. Texts are places in [`Listing::texts`], so that a row costs 40 bytes and its letters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Entry {
    listed: Listed,
    symbol: Span,
    name: Span,
    exchange: u16,
    series: u16,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Span {
    start: u32,
    length: u32,
}

impl Listing {
    /// An instrument by its symbol: the tradingsymbol for NSE, `EXCHANGE:SYMBOL` otherwise.
    pub fn get(&self, symbol: &str) -> Option<&Listed> {
        self.entry(symbol).map(|entry| &entry.listed)
    }

    /// How many instruments can be found.
    pub const fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether none can.
    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn entry(&self, symbol: &str) -> Option<&Entry> {
        let (exchange, symbol) = symbol.split_once(':').unwrap_or((PLAIN_EXCHANGE, symbol));
        let found = self.entries.binary_search_by(|entry| self.key(entry).cmp(&(exchange, symbol))).ok()?;
        self.entries.get(found)
    }

    /// By what a row is found.
    fn key(&self, entry: &Entry) -> (&str, &str) {
        (text(&self.exchanges, entry.exchange), self.span(entry.symbol))
    }

    /// The symbol as people write it.
    fn symbol(&self, entry: &Entry) -> String {
        match self.key(entry) {
            (PLAIN_EXCHANGE, symbol) => symbol.to_owned(),
            (exchange, symbol) => format!("{exchange}:{symbol}"),
        }
    }

    fn span(&self, span: Span) -> &str {
        let (start, length) = (span.start as usize, span.length as usize);
        self.texts.get(start..start + length).unwrap_or_default()
    }
}

fn text(texts: &[String], number: u16) -> &str {
    texts.get(usize::from(number)).map_or("", String::as_str)
}
