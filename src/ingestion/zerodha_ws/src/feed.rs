//! What one connection of the feed does about everything that happens to it: pure, with time as an argument.
//!
//! It dials, subscribes, watches, gives up and dials again; it turns packets into ticks, interruptions into gaps with
//! their cause, and the exchange's clock into marks. It holds no socket and reads no clock, so that the same code runs
//! against Kite and in virtual time. The orchestrator's edge calls it.

mod backoff;
mod connection;
mod exchange_clock;
mod reports;
#[cfg(test)]
mod tests;
mod watch;

pub use backoff::Backoff;
pub use connection::{Connection, Output, Resumed, State, Subscription};
pub use exchange_clock::{ExchangeClock, Moved};
pub use watch::Watch;

/// How much older than the last receipt a stamp may be that is still to come, nanoseconds: stamps are whole seconds, and the
/// broker sends an instrument's state some hundred milliseconds after it changed. A gap begins so long before its first sign.
pub const UNDER_WAY_NS: i64 = 1_000_000_000;

/// The limits of [`Connection`], nanoseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FeedSettings {
    /// Without anything for so long a connection is given up.
    pub mute_ns: i64,
    /// Without a tick for so long in continuous trading a connection is given up.
    pub silent_ns: i64,
    /// Without a tick for so long in continuous trading an instrument is told as stale.
    pub stale_instrument_ns: i64,
    /// A first tick older than this is told as stale.
    pub stale_first_tick_ns: i64,
    /// A move of the exchange's clock against the host's beyond this is told.
    pub skew_ns: i64,
    /// The first wait between attempts to connect.
    pub backoff_first_ns: i64,
    /// The longest wait between attempts to connect.
    pub backoff_max_ns: i64,
}
