//! What the broker's edge has to tell beside the market: how its connections fare, and what the day's list of
//! instruments changed. All are inputs; they change nothing in the engine.

use alloc::string::String;
use alloc::vec::Vec;

use crate::codec::{names, record};
use crate::scalar::{FeedId, Hash32, SessionDate, Ts};

names! {
    /// What happened on a connection of a feed.
    pub enum FeedHappening {
        /// The broker took the connection.
        Connected = 1 "connected",
        /// All subscriptions were sent.
        Subscribed = 2 "subscribed",
        /// The feed is whole again: the gap that was open is logged beside it.
        Whole = 3 "whole",
        /// The connection was lost: a gap begins.
        Lost = 4 "lost",
        /// The broker refused the connection.
        Refused = 5 "refused",
        /// Nothing at all came, not even heartbeats: the connection is given up.
        Mute = 6 "mute",
        /// Heartbeats came and ticks did not, in continuous trading.
        Silent = 7 "silent",
        /// A frame whose structure does not hold was refused whole.
        BadFrame = 8 "bad_frame",
        /// Packets of a length that nobody knows were skipped.
        UnknownPacket = 9 "unknown_packet",
        /// Packets without a time, of a mode that was not asked for, were left out.
        Untimed = 10 "untimed",
        /// Packets of tokens that were not subscribed were left out.
        Unlisted = 11 "unlisted",
        /// First ticks after a subscription that were older than the feed's age limit.
        StaleFirstTick = 12 "stale_first_tick",
        /// An instrument was not heard of for longer than allowed.
        StaleInstrument = 13 "stale_instrument",
        /// The exchange's clock and this host's moved against each other.
        ClockSkew = 14 "clock_skew",
        /// No token holds: there is none, it died, or the broker does not take it.
        TokenRefused = 15 "token_refused",
        /// The broker sent an error.
        BrokerError = 16 "broker_error",
        /// The broker sent a message.
        BrokerMessage = 17 "broker_message",
        /// The broker told of an order.
        OrderUpdate = 18 "order_update",
        /// A text that nobody knows.
        UnknownText = 19 "unknown_text",
    }
}

record! {
    /// One happening, or several of a kind within a second.
    pub struct FeedReport {
        /// The feed.
        pub feed: FeedId,
        /// When, by this host's clock; of several the last.
        pub ts: Ts,
        /// What.
        pub what: FeedHappening,
        /// How many: packets, ticks or frames; milliseconds for a skew; else 1.
        pub count: u64,
        /// In words, at most some hundred characters; never a secret.
        pub detail: String,
    }
}

names! {
    /// What changed about an instrument since the list before.
    pub enum InstrumentChangeKind {
        /// It has another token.
        NewToken = 1 "new_token",
        /// Its token now belongs to another symbol: of the same company name, or one that was not listed before.
        Renamed = 2 "renamed",
        /// Its type or segment, or the series that stands behind a symbol: `IDEA` is now `IDEA-BE`.
        Series = 3 "series",
        /// Its smallest price step.
        TickSize = 4 "tick_size",
        /// Its lot size.
        LotSize = 5 "lot_size",
        /// It is no longer listed.
        Missing = 6 "missing",
        /// It was not listed before.
        Listed = 7 "listed",
    }
}

record! {
    /// One change.
    pub struct InstrumentChange {
        /// The symbol as known before, or the new one of a newly listed.
        pub symbol: String,
        /// What.
        pub what: InstrumentChangeKind,
        /// The value before; empty where there was none.
        pub before: String,
        /// The value now; empty where there is none.
        pub after: String,
    }
}

record! {
    /// The broker's list of instruments was fetched and compared with the one before, for the instruments of the desk.
    pub struct InstrumentsFetched {
        /// The date for which it holds.
        pub date: SessionDate,
        /// When it was fetched, by this host's clock.
        pub ts: Ts,
        /// BLAKE3 of its text.
        pub hash: Hash32,
        /// Its rows.
        pub rows: u64,
        /// What changed.
        pub changes: Vec<InstrumentChange>,
    }
}
