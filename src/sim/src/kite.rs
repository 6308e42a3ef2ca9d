//! Kite's own bytes: packets and frames of the feed, its text, and the bodies of REST answers.
//!
//! It holds no state and no rule of a broker; it knows no clock, socket or seed. The broker and the world fill it in, and
//! everything of it that reads says what it expected and where, and never panics. Sources: the official clients (PyPI
//! `kiteconnect` 5.2.2, npm `kiteconnect` 5.3) and Kite's documentation.

pub mod account;
pub mod client_text;
pub mod frame;
pub mod instruments;
pub mod orders;
pub mod packet;
pub mod quotes;
pub mod reply;
pub mod rupees;
pub mod server_text;
pub mod snapshot;
pub mod stamp;

pub use client_text::{ClientMessage, ClientTextError};
pub use frame::{BinaryMessage, FrameError, FrameWriter, HEARTBEAT};
pub use orders::{OrderRow, Postback, TradeRow};
pub use packet::{Packet, PacketError};
pub use reply::{ErrorType, KiteError};
pub use rupees::Rupees;
pub use snapshot::Mode;

#[cfg(test)]
pub(crate) mod tests;
