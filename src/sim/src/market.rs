//! The simulated exchange: instruments, true trades and the book, as a function of a seed and of virtual time.
//!
//! It knows no clock, file, socket or broker: whoever calls it says what time it is. The same plan gives the same market
//! on every machine, and asking about one instrument or day never changes another.

mod listing;
mod quote;

pub use listing::{Listing, Segment};
pub use quote::{Candle, Interval, Print, Quote};
