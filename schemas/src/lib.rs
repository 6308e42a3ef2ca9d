//! The events of the barkeep tape: their types, units, canonical bytes and versions.
//!
//! What it is: the vocabulary that every other crate shares. What it never does: read a clock, a file or a socket, or
//! hold a hash map. Who calls it: all of them; it names none of ours.

#![no_std]

extern crate alloc;

mod codec;
mod derived;
mod edge;
mod event;
mod market;
mod records;
mod scalar;
mod session;

pub use codec::{DecodeError, Wire};
pub use derived::{
    AuctionPrint, Bar, InputRefused, RefusalReason, SetAsideReason, TickSetAside, UnallocatedReason, UnallocatedVolume,
    VolumeReset,
};
pub use edge::{FeedHappening, FeedReport, InstrumentChange, InstrumentChangeKind, InstrumentsFetched};
pub use event::{Derived, Event, EventKind, Input};
pub use market::{ClockMark, Depth, FeedGap, GapCause, Instrument, InstrumentClass, Level, Tick};
pub use records::{
    BarOrigin, FileKind, ImportFinished, ImportStarted, Ohlcv, OperatorAction, OperatorCommand, OutsideBar, ReconCause,
    ReconDifference, ReconRun, ReconStatus, SourceFile,
};
pub use scalar::{
    FeedId, Hash32, InstrumentId, Money, NANOS, PRICE_SCALE, Price, Qty, Seq, SessionDate, Timeframe, TimeframeSet, Ts,
};
pub use session::{
    CalendarKind, ClassDay, CloseReason, ConditionEffect, ConditionRule, DayCalendar, EngineConfig, FeedSpec,
    OpeningState, Phase, PhaseSpan, SessionClosed, SessionOpened, TradeRule, VolumeSource,
};
