//! Kite's feed as bytes and text: what comes becomes checked facts, what is asked becomes text.
//!
//! It holds no state, knows no clock and no subscription, and takes nothing on trust: any bytes and any text have an
//! answer, and none of them panics. `feed` calls it. Sources: the official clients (PyPI `kiteconnect` 5.2.2 above all),
//! whose mistakes it does not share: integers are unsigned, a frame that ends too early is refused as a whole, a packet
//! of a length that nobody knows is passed over and told of, a time of zero is no time.

mod frame;
mod packet;
mod request;
mod segment;
mod snapshot;
mod text;

pub use frame::{Frame, FrameError, Packets, frame};
pub use packet::{DEPTH_LEVELS, Full, IndexFull, IndexQuote, Ltp, Packet, Quote, RawLevel};
pub use request::{Mode, mode, subscribe, unsubscribe};
pub use segment::{InexactPrice, Segment};
pub use snapshot::{Snapshot, SnapshotError};
pub(crate) use text::average_price;
pub use text::{OrderUpdate, TextFrame, text};

#[cfg(test)]
mod tests;
