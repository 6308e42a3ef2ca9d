//! What every store can do here, and what a record is.

use std::error::Error;

/// Bytes of a tick, little-endian: time, time of receipt, price, volume of the day, bid and ask (8 each), quantity and
/// instrument (4 each).
pub const RECORD_BYTES: usize = 56;

/// Ticks in a transaction.
pub const COMMIT: usize = 16_384;

/// A tick as bytes.
pub type Record = [u8; RECORD_BYTES];

/// A log of ticks with consecutive positions.
pub trait Store {
    /// Appends ticks from position `first` on; durable on return.
    fn append(&mut self, first: u64, records: &[Record]) -> Result<(), Box<dyn Error>>;

    /// Reads all ticks in order: their number and the sum of their prices.
    fn scan(&self) -> Result<(usize, i64), Box<dyn Error>>;
}

/// The price of a tick.
pub fn price(record: &Record) -> i64 {
    price_of(record)
}

/// The price of a tick that a store handed out.
pub fn price_of(record: &[u8]) -> i64 {
    record.get(16..24).and_then(|bytes| bytes.try_into().ok()).map_or(0, i64::from_le_bytes)
}
