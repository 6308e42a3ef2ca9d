//! A session: everything the engine needs to know before the first tick, and the close.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use crate::codec::{names, record};
use crate::desk::DeskOpened;
use crate::event::OlderForm;
use crate::market::{Instrument, InstrumentClass};
use crate::scalar::{FeedId, Hash32, InstrumentId, Price, Qty, SessionDate, Ts};

names! {
    /// A phase of the trading day.
    pub enum Phase {
        /// Opening auction: order entry and one print.
        PreOpen = 1 "pre_open",
        /// Continuous trading: the only phase that makes bars.
        Continuous = 2 "continuous",
        /// Closing auction: one print.
        ClosingAuction = 3 "closing_auction",
        /// Trading at the closing price.
        PostClose = 4 "post_close",
    }
}

record! {
    /// One phase of a day, from `start` up to but not including `end`.
    pub struct PhaseSpan {
        /// The phase.
        pub phase: Phase,
        /// First moment of the phase.
        pub start: Ts,
        /// First moment after the phase.
        pub end: Ts,
    }
}

record! {
    /// The day of one class of instruments.
    pub struct ClassDay {
        /// The class.
        pub class: InstrumentClass,
        /// Its phases in order; they never overlap. Several continuous parts make a split session.
        pub phases: Vec<PhaseSpan>,
    }
}

names! {
    /// Which calendar a session follows.
    pub enum CalendarKind {
        /// The dated NSE calendar.
        Nse = 1 "nse",
        /// One session for each calendar day, 00:00 to 24:00.
        Always = 2 "always",
    }
}

record! {
    /// The calendar of one session.
    pub struct DayCalendar {
        /// Which calendar.
        pub kind: CalendarKind,
        /// IANA name of the zone whose date `date` is.
        pub zone: String,
        /// What day it is, for people: `regular`, `Muhurat trading`.
        pub name: String,
        /// First moment of the date.
        pub day_start: Ts,
        /// First moment after the date.
        pub day_end: Ts,
        /// Whether strategies may trade; special sessions are recorded, not traded, unless configured.
        pub tradable: bool,
        /// The hours of each class.
        pub classes: Vec<ClassDay>,
    }
}

names! {
    /// How it is decided whether a tick is a trade.
    pub enum TradeRule {
        /// Every tick moves the bar (price-and-cumulative files).
        All = 1 "all",
        /// A tick with a quantity above zero.
        Qty = 2 "qty",
        /// Kite full mode: the volume rose or the last-trade time moved; bucketed by last-trade time.
        Kite = 3 "kite",
    }
}

names! {
    /// Where a bar's volume comes from.
    pub enum VolumeSource {
        /// The source tells no volume; bars show zero.
        Nothing = 1 "nothing",
        /// The sum of last traded quantities.
        Quantity = 2 "quantity",
        /// The rise of the day's cumulative counter.
        Cumulative = 3 "cumulative",
    }
}

names! {
    /// What a trade's condition flags change.
    pub enum ConditionEffect {
        /// The trade moves neither open, high, low nor close.
        NoOhlc = 1 "no_ohlc",
        /// The trade cannot open a bar.
        NoOpen = 2 "no_open",
        /// When every trade of the second carries it, its volume goes to the bar before.
        VolumeToPrevious = 3 "volume_to_previous",
    }
}

record! {
    /// The effects of trades whose condition flags meet a mask.
    pub struct ConditionRule {
        /// The rule acts when `condition & mask != 0`.
        pub mask: u32,
        /// What it changes.
        pub effects: Vec<ConditionEffect>,
    }
}

record! {
    /// A feed of the session and how its ticks are read.
    pub struct FeedSpec {
        /// Dense number.
        pub id: FeedId,
        /// Name for people: `import`, `zerodha_ws/1`.
        pub name: String,
        /// When a tick is a trade.
        pub trade_rule: TradeRule,
        /// Where volume comes from.
        pub volume: VolumeSource,
        /// Rules over condition flags.
        pub conditions: Vec<ConditionRule>,
    }
}

record! {
    /// The engine's settings, in nanoseconds of event time.
    pub struct EngineConfig {
        /// How long after its end a bucket waits for stragglers. Default 3 s.
        pub grace_ns: i64,
        /// How far a tick may be ahead of the estimated exchange time before it is suspect. Default 5 s.
        pub ahead_ns: i64,
        /// How old a second may be and still be revised. Default 120 s.
        pub horizon_ns: i64,
        /// How long a fallen volume counter must stay low before the fall is a reset. Default 60 s.
        pub reset_after_ns: i64,
    }
}

record! {
    /// What an instrument brings into the session from the one before.
    pub struct OpeningState {
        /// The instrument.
        pub instrument: InstrumentId,
        /// The volume counter where it runs on over midnight; absent where it starts anew each day.
        pub cum_volume: Option<Qty>,
        /// Last price seen.
        pub last_price: Option<Price>,
    }
}

record! {
    /// Opens a session and carries everything that the engine needs for it.
    pub struct SessionOpened {
        /// Trading date.
        pub date: SessionDate,
        /// Which session of that date on this tape, from 1.
        pub run: u32,
        /// The engine's behaviour number when it was recorded.
        pub behaviour: u32,
        /// The import that made this session, when one did.
        pub import: Option<Hash32>,
        /// The day's hours.
        pub calendar: DayCalendar,
        /// The engine's settings.
        pub config: EngineConfig,
        /// Feeds by dense number.
        pub feeds: Vec<FeedSpec>,
        /// Instruments by dense number.
        pub instruments: Vec<Instrument>,
        /// State carried over.
        pub opening: Vec<OpeningState>,
        /// The pairs desk; absent where nothing is traded, as in an import.
        pub desk: Option<Box<DeskOpened>>,
    }
}

record! {
    /// [`SessionOpened`] as it was before there was a desk.
    pub struct SessionOpenedV1 {
        /// Trading date.
        pub date: SessionDate,
        /// Which session of that date on this tape, from 1.
        pub run: u32,
        /// The engine's behaviour number when it was recorded.
        pub behaviour: u32,
        /// The import that made this session, when one did.
        pub import: Option<Hash32>,
        /// The day's hours.
        pub calendar: DayCalendar,
        /// The engine's settings.
        pub config: EngineConfig,
        /// Feeds by dense number.
        pub feeds: Vec<FeedSpec>,
        /// Instruments by dense number.
        pub instruments: Vec<Instrument>,
        /// State carried over.
        pub opening: Vec<OpeningState>,
    }
}

impl From<SessionOpenedV1> for Box<SessionOpened> {
    fn from(old: SessionOpenedV1) -> Self {
        let SessionOpenedV1 { date, run, behaviour, import, calendar, config, feeds, instruments, opening } = old;
        let desk = None;
        Self::new(SessionOpened { date, run, behaviour, import, calendar, config, feeds, instruments, opening, desk })
    }
}

names! {
    /// Why a session ended.
    pub enum CloseReason {
        /// The day was over.
        Complete = 1 "complete",
        /// The import that made it was given up before its end.
        Abandoned = 2 "abandoned",
    }
}

record! {
    /// Closes the session and with it every open bucket.
    pub struct SessionClosed {
        /// The session's date.
        pub date: SessionDate,
        /// Why.
        pub reason: CloseReason,
    }
}

/// A session without a desk is written as it always was.
impl OlderForm<Box<SessionOpened>> for SessionOpenedV1 {
    fn of(body: &Box<SessionOpened>) -> Option<Self> {
        if body.desk.is_some() {
            return None;
        }
        let SessionOpened { date, run, behaviour, import, calendar, config, feeds, instruments, opening, desk: _ } =
            (**body).clone();
        Some(Self { date, run, behaviour, import, calendar, config, feeds, instruments, opening })
    }
}
