//! What the engine made of the inputs. Every one names its cause.

use alloc::vec::Vec;

use crate::codec::{DecodeError, Fields, Wire, names, record};
use crate::scalar::{InstrumentId, Price, Qty, Seq, Timeframe, TimeframeSet, Ts};
use crate::session::Phase;

/// A bar: the first edition of a bucket that closed (`revision` 0), or a revision of it.
///
/// A trade that reaches a bucket after it closed empty makes a bar with revision 1: there was no first edition.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
pub struct Bar {
    /// The instrument.
    pub instrument: InstrumentId,
    /// The timeframe.
    pub tf: Timeframe,
    /// Start of the bucket.
    pub start: Ts,
    /// First trade.
    pub open: Price,
    /// Highest trade.
    pub high: Price,
    /// Lowest trade.
    pub low: Price,
    /// Last trade.
    pub close: Price,
    /// Shares traded.
    pub volume: Qty,
    /// Ticks that counted as trades of this bucket.
    pub n_trades: u32,
    /// 0 for the first edition.
    pub revision: u16,
    /// The input that closed or revised it.
    pub cause: Seq,
    /// The first tick by position that counted.
    pub first_tick: Seq,
    /// The last tick by position that counted.
    pub last_tick: Seq,
}

/// Bytes of a bar: instrument, timeframe, five prices and times of eight, volume, trades, revision, three positions.
const BAR_BYTES: usize = 4 + 1 + 5 * 8 + 8 + 4 + 2 + 3 * 8;

/// Bars are half of a tape: their fields are put together before they are appended.
impl Wire for Bar {
    fn put(&self, out: &mut Vec<u8>) {
        Fields::<BAR_BYTES>::append(out, |fields| {
            fields.put(self.instrument.0.to_le_bytes());
            fields.put([self.tf.index()]);
            fields.put(self.start.get().to_le_bytes());
            for price in [self.open, self.high, self.low, self.close] {
                fields.put(price.get().to_le_bytes());
            }
            fields.put(self.volume.get().to_le_bytes());
            fields.put(self.n_trades.to_le_bytes());
            fields.put(self.revision.to_le_bytes());
            for seq in [self.cause, self.first_tick, self.last_tick] {
                fields.put(seq.0.to_le_bytes());
            }
        });
    }

    fn take(input: &mut &[u8]) -> Result<Self, DecodeError> {
        Ok(Self {
            instrument: Wire::take(input)?,
            tf: Wire::take(input)?,
            start: Wire::take(input)?,
            open: Wire::take(input)?,
            high: Wire::take(input)?,
            low: Wire::take(input)?,
            close: Wire::take(input)?,
            volume: Wire::take(input)?,
            n_trades: Wire::take(input)?,
            revision: Wire::take(input)?,
            cause: Wire::take(input)?,
            first_tick: Wire::take(input)?,
            last_tick: Wire::take(input)?,
        })
    }
}

record! {
    /// A trade in an auction: counted in the day's volume, in no bar.
    pub struct AuctionPrint {
        /// The instrument.
        pub instrument: InstrumentId,
        /// Which auction.
        pub phase: Phase,
        /// Exchange time.
        pub ts: Ts,
        /// The auction's price.
        pub price: Price,
        /// Shares traded.
        pub volume: Qty,
        /// The tick.
        pub cause: Seq,
    }
}

names! {
    /// Why volume is in no bar.
    pub enum UnallocatedReason {
        /// The counter's first value seen after the open.
        FirstValue = 1 "first_value",
        /// Traded while the feed was interrupted.
        Gap = 2 "gap",
        /// Traded in an auction.
        Auction = 3 "auction",
        /// Traded outside continuous hours.
        OutsideHours = 4 "outside_hours",
        /// No trade of the bucket may set a price.
        NoPrice = 5 "no_price",
        /// Arrived too late to revise a bar.
        TooLate = 6 "too_late",
        /// The counter started anew.
        Reset = 7 "reset",
    }
}

record! {
    /// Volume of the day's counter that no bar of the named timeframes holds.
    pub struct UnallocatedVolume {
        /// The instrument.
        pub instrument: InstrumentId,
        /// Shares.
        pub volume: Qty,
        /// Traded after this moment.
        pub from: Ts,
        /// And not after this one.
        pub to: Ts,
        /// The timeframes whose bars lack it.
        pub timeframes: TimeframeSet,
        /// Why.
        pub reason: UnallocatedReason,
        /// The input that showed it.
        pub cause: Seq,
    }
}

record! {
    /// The day's volume counter fell and stayed low: it counts anew.
    pub struct VolumeReset {
        /// The instrument.
        pub instrument: InstrumentId,
        /// The highest value before.
        pub before: Qty,
        /// The value now.
        pub after: Qty,
        /// When it fell.
        pub since: Ts,
        /// The tick that made it certain.
        pub cause: Seq,
    }
}

names! {
    /// Why a tick moved nothing.
    pub enum SetAsideReason {
        /// Too far ahead of the exchange time estimated by the feed's clock.
        AheadOfClock = 1 "ahead_of_clock",
        /// Outside the session's date.
        OutsideDate = 2 "outside_date",
        /// No session is open.
        NoSession = 3 "no_session",
        /// Later than the revision horizon.
        TooLate = 4 "too_late",
    }
}

record! {
    /// A tick that was kept but moved no bar and no counter: suspect, or too late.
    pub struct TickSetAside {
        /// The instrument.
        pub instrument: InstrumentId,
        /// The time the tick claims.
        pub ts: Ts,
        /// Why.
        pub reason: SetAsideReason,
        /// The tick.
        pub cause: Seq,
    }
}

names! {
    /// Why the engine made nothing of an input.
    pub enum RefusalReason {
        /// It names an instrument that the session does not have.
        UnknownInstrument = 1 "unknown_instrument",
        /// It names a feed that the session does not have.
        UnknownFeed = 2 "unknown_feed",
        /// A session is already open.
        SessionOpen = 3 "session_open",
        /// No session is open.
        NoSession = 4 "no_session",
        /// A clock mark before the last one.
        ClockBackwards = 5 "clock_backwards",
        /// It contradicts itself.
        Contradiction = 6 "contradiction",
    }
}

record! {
    /// An input that the engine could not use. It stays on the tape.
    pub struct InputRefused {
        /// Why.
        pub reason: RefusalReason,
        /// The input.
        pub cause: Seq,
    }
}
