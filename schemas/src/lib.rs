//! The events of the barkeep tape: their types, units, canonical bytes and versions.
//!
//! What it is: the vocabulary that every other crate shares. What it never does: read a clock, a file or a socket, or
//! hold a hash map. Who calls it: all of them; it names none of ours.

#![no_std]

extern crate alloc;

mod codec;
mod derived;
mod desk;
mod edge;
mod event;
mod market;
mod orders;
mod records;
mod scalar;
mod session;
mod trading;

pub use codec::{DecodeError, Wire};
pub use derived::{
    AuctionPrint, Bar, InputRefused, RefusalReason, SetAsideReason, TickSetAside, UnallocatedReason, UnallocatedVolume,
    VolumeReset,
};
pub use desk::{
    Bucket, BucketLimits, ChargeRates, DeskCarried, DeskOpened, DeskSetup, ExecutionRules, GatewayRules, KillLatched,
    OnKill, PairCarried, PairSpec, PaperRules, PositionCarried, RiskLimits, Route, Scope, ScopeCarried, Segment,
};
pub use edge::{FeedHappening, FeedReport, InstrumentChange, InstrumentChangeKind, InstrumentsFetched};
pub use event::{Derived, Event, EventKind, Input};
pub use market::{ClockMark, Depth, FeedGap, GapCause, Instrument, InstrumentClass, Level, Tick};
pub use orders::{
    BrokerOrder, BrokerStatus, BrokerTrade, GatewayAct, GatewayReport, Leg, OrderId, OrderStatus, OrderType, Product,
    Purpose, Side, UpdateSource, Validity,
};
pub use records::{
    BarCorrection, BarOrigin, FileKind, HealAction, HealRun, HealRunV1, ImportFinished, ImportStarted, ImportStartedV1,
    Ohlcv, OperatorAction, OperatorCommand, OutsideBar, ReconCause, ReconDifference, ReconRun, ReconRunV1, ReconStatus,
    SourceFile,
};
pub use scalar::{
    FINE_PER_MONEY, FeedId, FineMoney, Hash32, InstrumentId, Money, NANOS, PRICE_SCALE, PairId, Price, Qty, Real, Seq,
    SessionDate, Timeframe, TimeframeSet, Ts,
};
pub use session::{
    CalendarKind, ClassDay, CloseReason, ConditionEffect, ConditionRule, DayCalendar, EngineConfig, FeedSpec,
    OpeningState, Phase, PhaseSpan, SessionClosed, SessionOpened, SessionOpenedV1, TradeRule, VolumeSource,
};
pub use trading::{
    CancelWanted, Charges, ContractNote, DeskReason, EntryRefused, EquityMark, Fill, ForeignUpdate, KillSwitched,
    KillWhy, Liquidity, MoveRefused, OrderCreated, OrderHeld, OrderMoved, OrderWhy, PairDay, PairMark, PairMoved,
    PairState, PairWhy, RiskCheck, RiskDecision, RiskRule, Signal, SignalAction, SignalReason, Unit, Verdict,
};
