//! The event: one row of the tape, an input or derived from one, with its kind, version and canonical bytes.

use alloc::boxed::Box;
use alloc::vec::Vec;

use serde::Serialize;

use crate::codec::{DecodeError, Wire};
use crate::derived::{AuctionPrint, Bar, InputRefused, TickSetAside, UnallocatedVolume, VolumeReset};
use crate::desk::DeskSetup;
use crate::edge::{FeedReport, InstrumentsFetched};
use crate::market::{ClockMark, FeedGap, Instrument, Tick};
use crate::orders::{BrokerOrder, BrokerTrade, GatewayReport};
use crate::records::{
    BarCorrection, HealRun, HealRunV1, ImportFinished, ImportStarted, ImportStartedV1, OperatorCommand, OutsideBar,
    ReconDifference, ReconRun, ReconRunV1,
};
use crate::scalar::{InstrumentId, Ts};
use crate::session::{EngineConfig, SessionClosed, SessionOpened, SessionOpenedV1};
use crate::trading::{
    CancelWanted, ContractNote, EntryRefused, EquityMark, Fill, ForeignUpdate, KillSwitched, MoveRefused, OrderCreated,
    OrderHeld, OrderMoved, PairDay, PairMark, PairMoved, RiskDecision, Signal,
};

/// The smallest code of a derived event; every code below is an input's.
const FIRST_DERIVED_CODE: u8 = 128;

/// Whether a code is of those kept for signals, orders, decisions and fills.
const fn is_urgent(code: u8) -> bool {
    matches!(code, 140..=159)
}

/// Whether these are 1, 2, 3 and so on.
const fn holds_every_version(versions: &[u8]) -> bool {
    let (mut rest, mut expected) = (versions, 1);
    while let [version, after @ ..] = rest {
        if *version != expected {
            return false;
        }
        (rest, expected) = (after, expected + 1);
    }
    true
}

/// A body as an older version has it.
pub(crate) trait OlderForm<Body>: Wire {
    /// The body in this form; `None` when it says more than this form can.
    fn of(body: &Body) -> Option<Self>;
}

const fn unknown_version(version: u8) -> DecodeError {
    DecodeError::UnknownCode { what: "event version", code: version as u32 }
}

/// Declares the kinds, one line each: name, body, code, version, name on the surface.
///
/// A body that changes takes the next version, and its older forms stay: `Tick(Tick) = 4 v 3 { 1 => TickV1, 2 => TickV2 }`
/// reads the bytes of all three, and needs `From<TickV1>` and `From<TickV2>` for `Tick`, which say what an older event
/// means now, and [`OlderForm`], which tells which events an older form can say: an event is written in the oldest of
/// its kind that can, so that bytes that were read are written again as they were. A version without its form does not compile. Nested bodies count: a new field of
/// `Instrument` is a new version of every kind that holds one.
macro_rules! events {
    (
        inputs { $($(#[$in_doc:meta])* $in:ident($in_type:ty) = $in_code:literal v $in_version:literal
            $({ $($in_old:literal => $in_old_type:ty),+ })? $in_name:literal,)* }
        derived { $($(#[$out_doc:meta])* $out:ident($out_type:ty) = $out_code:literal v $out_version:literal
            $({ $($out_old:literal => $out_old_type:ty),+ })? $out_name:literal,)* }
    ) => {
        /// A fact from outside.
        #[derive(Clone, PartialEq, Eq, Debug, Serialize)]
        #[serde(untagged)]
        pub enum Input { $($(#[$in_doc])* $in($in_type),)* }

        /// What the engine made of the inputs.
        #[derive(Clone, PartialEq, Eq, Debug, Serialize)]
        #[serde(untagged)]
        pub enum Derived { $($(#[$out_doc])* $out($out_type),)* }

        /// The kind of an event. Codes are for ever; 140 to 159 are kept for signals, orders, decisions and fills.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum EventKind { $($(#[$in_doc])* $in,)* $($(#[$out_doc])* $out,)* }

        impl EventKind {
            /// Every kind, inputs first.
            pub const ALL: &'static [Self] = &[$(Self::$in,)* $(Self::$out,)*];

            /// The code in canonical bytes.
            pub const fn code(self) -> u8 {
                match self { $(Self::$in => $in_code,)* $(Self::$out => $out_code,)* }
            }

            /// The name on the surface.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$in => $in_name,)* $(Self::$out => $out_name,)* }
            }

            /// The newest version: events that no older form can say are written in it.
            pub const fn version(self) -> u8 {
                match self { $(Self::$in => $in_version,)* $(Self::$out => $out_version,)* }
            }
        }

        impl Input {
            /// See [`Event::encode`].
            pub fn encode(&self, out: &mut Vec<u8>) {
                match self {
                    $(Self::$in(body) => {
                        $($(if let Some(old) = <$in_old_type as OlderForm<$in_type>>::of(body) {
                            out.extend_from_slice(&[$in_code, $in_old]);
                            return old.put(out);
                        })+)?
                        out.extend_from_slice(&[$in_code, $in_version]);
                        body.put(out);
                    })*
                }
            }

            /// The version that its bytes have: the oldest that can say it.
            pub fn version(&self) -> u8 {
                match self {
                    $($($(Self::$in(body) if <$in_old_type as OlderForm<$in_type>>::of(body).is_some() => $in_old,)+)?)*
                    $(Self::$in(_) => $in_version,)*
                }
            }

            /// The kind.
            pub const fn kind(&self) -> EventKind {
                match self { $(Self::$in(_) => EventKind::$in,)* }
            }
        }

        impl Derived {
            /// See [`Event::encode`].
            pub fn encode(&self, out: &mut Vec<u8>) {
                match self {
                    $(Self::$out(body) => {
                        $($(if let Some(old) = <$out_old_type as OlderForm<$out_type>>::of(body) {
                            out.extend_from_slice(&[$out_code, $out_old]);
                            return old.put(out);
                        })+)?
                        out.extend_from_slice(&[$out_code, $out_version]);
                        body.put(out);
                    })*
                }
            }

            /// The version that its bytes have: the oldest that can say it.
            pub fn version(&self) -> u8 {
                match self {
                    $($($(Self::$out(body) if <$out_old_type as OlderForm<$out_type>>::of(body).is_some() => $out_old,)+)?)*
                    $(Self::$out(_) => $out_version,)*
                }
            }

            /// The kind.
            pub const fn kind(&self) -> EventKind {
                match self { $(Self::$out(_) => EventKind::$out,)* }
            }
        }

        impl Event {
            /// Reads a body by the form that its version had; an older one is brought up to the present.
            fn take_body(kind: EventKind, version: u8, input: &mut &[u8]) -> Result<Self, DecodeError> {
                match kind {
                    $(EventKind::$in => match version {
                        $in_version => Wire::take(input).map(|body| Self::Input(Input::$in(body))),
                        $($($in_old => <$in_old_type>::take(input).map(|old| Self::Input(Input::$in(old.into()))),)+)?
                        other => Err(unknown_version(other)),
                    },)*
                    $(EventKind::$out => match version {
                        $out_version => Wire::take(input).map(|body| Self::Derived(Derived::$out(body))),
                        $($($out_old => <$out_old_type>::take(input).map(|old| Self::Derived(Derived::$out(old.into()))),)+)?
                        other => Err(unknown_version(other)),
                    },)*
                }
            }
        }

        $(const _: () = assert!(holds_every_version(&[$($($in_old,)+)? $in_version]), concat!($in_name, ": a version has no form"));)*
        $(const _: () = assert!(holds_every_version(&[$($($out_old,)+)? $out_version]), concat!($out_name, ": a version has no form"));)*
    };
}

events! {
    inputs {
        /// A session begins.
        SessionOpened(Box<SessionOpened>) = 1 v 2 { 1 => SessionOpenedV1 } "session_opened",
        /// A session ends.
        SessionClosed(SessionClosed) = 2 v 1 "session_closed",
        /// Exchange time passed.
        ClockMark(ClockMark) = 3 v 1 "clock_mark",
        /// A snapshot or a trade.
        Tick(Tick) = 4 v 1 "tick",
        /// A feed was interrupted.
        FeedGap(FeedGap) = 5 v 1 "feed_gap",
        /// An instrument joins the segment.
        InstrumentListed(Box<Instrument>) = 6 v 1 "instrument_listed",
        /// The engine's settings change.
        ConfigChanged(EngineConfig) = 7 v 1 "config_changed",
        /// Files are about to be read.
        ImportStarted(Box<ImportStarted>) = 8 v 2 { 1 => ImportStartedV1 } "import_started",
        /// Files have been read.
        ImportFinished(Box<ImportFinished>) = 9 v 1 "import_finished",
        /// A bar from outside.
        OutsideBar(OutsideBar) = 10 v 1 "outside_bar",
        /// An operator's command.
        OperatorCommand(Box<OperatorCommand>) = 11 v 1 "operator_command",
        /// A reconciliation.
        ReconRun(Box<ReconRun>) = 12 v 2 { 1 => ReconRunV1 } "recon_run",
        /// A bar that did not match.
        ReconDifference(Box<ReconDifference>) = 13 v 1 "recon_difference",
        /// How a connection of a feed fares.
        FeedReport(Box<FeedReport>) = 14 v 1 "feed_report",
        /// The broker's list of instruments was fetched.
        InstrumentsFetched(Box<InstrumentsFetched>) = 15 v 1 "instruments_fetched",
        /// What the desk trades by changes.
        DeskChanged(Box<DeskSetup>) = 16 v 1 "desk_changed",
        /// What a gateway does with orders.
        GatewayReport(Box<GatewayReport>) = 17 v 1 "gateway_report",
        /// The broker's state of an order.
        BrokerOrder(Box<BrokerOrder>) = 18 v 1 "broker_order",
        /// A trade as the broker tells it.
        BrokerTrade(Box<BrokerTrade>) = 19 v 1 "broker_trade",
        /// A run of the healer.
        HealRun(Box<HealRun>) = 20 v 2 { 1 => HealRunV1 } "heal_run",
        /// A bar corrected.
        BarCorrection(Box<BarCorrection>) = 21 v 1 "bar_correction",
    }
    derived {
        /// A bar of any timeframe.
        Bar(Bar) = 128 v 1 "bar",
        /// A trade in an auction.
        AuctionPrint(AuctionPrint) = 129 v 1 "auction_print",
        /// Volume that is in no bar.
        UnallocatedVolume(UnallocatedVolume) = 130 v 1 "unallocated_volume",
        /// The volume counter began anew.
        VolumeReset(VolumeReset) = 131 v 1 "volume_reset",
        /// A tick that moved nothing.
        TickSetAside(TickSetAside) = 132 v 1 "tick_set_aside",
        /// An input that the engine could not use.
        InputRefused(InputRefused) = 133 v 1 "input_refused",
        /// A pair's statistics after a bucket.
        PairMark(Box<PairMark>) = 134 v 1 "pair_mark",
        /// The money of a scope.
        EquityMark(Box<EquityMark>) = 135 v 1 "equity",
        /// A pair's session in numbers.
        PairDay(Box<PairDay>) = 136 v 1 "pair_day",
        /// The day's charges.
        ContractNote(Box<ContractNote>) = 137 v 1 "contract_note",
        /// A pair asks for something.
        Signal(Box<Signal>) = 140 v 1 "signal",
        /// A signal that was not followed.
        EntryRefused(Box<EntryRefused>) = 141 v 1 "entry_refused",
        /// An order that the executor wants.
        OrderCreated(Box<OrderCreated>) = 142 v 1 "order",
        /// What the risk manager decided.
        RiskDecision(Box<RiskDecision>) = 143 v 1 "risk_decision",
        /// An order's state.
        OrderMoved(Box<OrderMoved>) = 144 v 1 "order_moved",
        /// A change of state that is not allowed.
        MoveRefused(Box<MoveRefused>) = 145 v 1 "move_refused",
        /// A trade of ours.
        Fill(Box<Fill>) = 146 v 1 "fill",
        /// A pair's state.
        PairMoved(Box<PairMoved>) = 147 v 1 "pair_moved",
        /// A kill switch.
        KillSwitched(Box<KillSwitched>) = 148 v 1 "kill_switch",
        /// An order of somebody else.
        ForeignUpdate(Box<ForeignUpdate>) = 149 v 1 "foreign_update",
        /// An order waits for the broker's rate.
        OrderHeld(Box<OrderHeld>) = 150 v 1 "order_held",
        /// An order is to be cancelled.
        CancelWanted(Box<CancelWanted>) = 151 v 1 "cancel_wanted",
    }
}

/// One row of the tape.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(untagged)]
pub enum Event {
    /// A fact from outside.
    Input(Input),
    /// What the engine made of it.
    Derived(Derived),
}

impl EventKind {
    /// The kind with a code of canonical bytes.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.code() == code)
    }

    /// Reads [`EventKind::name`].
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }

    /// Whether an event of this kind is a signal, an order, a decision or a fill: live, it is committed at once.
    pub const fn is_urgent(self) -> bool {
        is_urgent(self.code())
    }

    /// Whether events of this kind come from outside.
    pub const fn is_input(self) -> bool {
        self.code() < FIRST_DERIVED_CODE
    }
}

impl Serialize for EventKind {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl Event {
    /// The kind.
    pub const fn kind(&self) -> EventKind {
        match self {
            Self::Input(input) => input.kind(),
            Self::Derived(derived) => derived.kind(),
        }
    }

    /// The version that its canonical bytes have: the oldest of its kind that can say it.
    pub fn version(&self) -> u8 {
        match self {
            Self::Input(input) => input.version(),
            Self::Derived(derived) => derived.version(),
        }
    }

    /// Appends the canonical bytes: code, version, fields.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Input(input) => input.encode(out),
            Self::Derived(derived) => derived.encode(out),
        }
    }

    /// Reads canonical bytes that hold exactly one event.
    ///
    /// # Errors
    /// [`DecodeError`] when they do not, or when they were written by a newer barkeep.
    pub fn decode(mut input: &[u8]) -> Result<Self, DecodeError> {
        let code = u8::take(&mut input)?;
        let kind =
            EventKind::from_code(code).ok_or(DecodeError::UnknownCode { what: "event kind", code: u32::from(code) })?;
        let version = u8::take(&mut input)?;
        if version > kind.version() {
            return Err(DecodeError::NewerVersion { kind: kind.name(), version, newest: kind.version() });
        }
        let event = Self::take_body(kind, version, &mut input)?;
        if event.version() != version {
            // It would be a second spelling of the event.
            return Err(DecodeError::OutOfRange { what: "an event in a newer version than it needs" });
        }
        if input.is_empty() { Ok(event) } else { Err(DecodeError::Trailing { bytes: input.len() }) }
    }

    /// The instrument that the event is about, if it is about one.
    pub const fn instrument(&self) -> Option<InstrumentId> {
        match self {
            Self::Input(input) => match input {
                Input::Tick(tick) => Some(tick.instrument),
                Input::OutsideBar(bar) => Some(bar.instrument),
                Input::InstrumentListed(instrument) => Some(instrument.id),
                Input::ReconDifference(difference) => Some(difference.instrument),
                Input::SessionOpened(_)
                | Input::SessionClosed(_)
                | Input::ClockMark(_)
                | Input::FeedGap(_)
                | Input::ConfigChanged(_)
                | Input::ImportStarted(_)
                | Input::ImportFinished(_)
                | Input::OperatorCommand(_)
                | Input::ReconRun(_)
                | Input::FeedReport(_)
                | Input::InstrumentsFetched(_)
                | Input::DeskChanged(_)
                | Input::GatewayReport(_)
                | Input::HealRun(_) => None,
                Input::BrokerOrder(order) => order.instrument,
                Input::BrokerTrade(trade) => trade.instrument,
                Input::BarCorrection(correction) => Some(correction.instrument),
            },
            Self::Derived(derived) => match derived {
                Derived::Bar(bar) => Some(bar.instrument),
                Derived::AuctionPrint(print) => Some(print.instrument),
                Derived::UnallocatedVolume(volume) => Some(volume.instrument),
                Derived::VolumeReset(reset) => Some(reset.instrument),
                Derived::TickSetAside(tick) => Some(tick.instrument),
                Derived::OrderCreated(order) => Some(order.instrument),
                Derived::Fill(fill) => Some(fill.instrument),
                Derived::InputRefused(_)
                | Derived::PairMark(_)
                | Derived::EquityMark(_)
                | Derived::PairDay(_)
                | Derived::ContractNote(_)
                | Derived::Signal(_)
                | Derived::EntryRefused(_)
                | Derived::RiskDecision(_)
                | Derived::OrderMoved(_)
                | Derived::MoveRefused(_)
                | Derived::PairMoved(_)
                | Derived::KillSwitched(_)
                | Derived::ForeignUpdate(_)
                | Derived::OrderHeld(_)
                | Derived::CancelWanted(_) => None,
            },
        }
    }

    /// The event's own time, where it has one.
    pub fn ts(&self) -> Option<Ts> {
        match self {
            Self::Input(input) => match input {
                Input::Tick(tick) => Some(tick.ts),
                Input::ClockMark(mark) => Some(mark.ts),
                Input::FeedGap(gap) => Some(gap.from),
                Input::OutsideBar(bar) => Some(bar.start),
                Input::OperatorCommand(command) => Some(command.ts),
                Input::ReconDifference(difference) => Some(difference.ts),
                Input::FeedReport(report) => Some(report.ts),
                Input::InstrumentsFetched(fetched) => Some(fetched.ts),
                Input::SessionOpened(opened) => Some(opened.calendar.day_start),
                Input::GatewayReport(report) => Some(report.ts),
                Input::BrokerOrder(order) => Some(order.ts),
                Input::BrokerTrade(trade) => Some(trade.ts),
                Input::BarCorrection(correction) => Some(correction.start),
                Input::SessionClosed(_)
                | Input::InstrumentListed(_)
                | Input::ConfigChanged(_)
                | Input::DeskChanged(_)
                | Input::HealRun(_)
                | Input::ImportStarted(_)
                | Input::ImportFinished(_)
                | Input::ReconRun(_) => None,
            },
            Self::Derived(derived) => match derived {
                Derived::Bar(bar) => Some(bar.start),
                Derived::AuctionPrint(print) => Some(print.ts),
                Derived::UnallocatedVolume(volume) => Some(volume.to),
                Derived::VolumeReset(reset) => Some(reset.since),
                Derived::TickSetAside(tick) => Some(tick.ts),
                Derived::PairMark(mark) => Some(mark.start),
                Derived::EquityMark(mark) => Some(mark.ts),
                Derived::Signal(signal) => Some(signal.ts),
                Derived::EntryRefused(refused) => Some(refused.ts),
                Derived::OrderCreated(order) => Some(order.ts),
                Derived::RiskDecision(decision) => Some(decision.ts),
                Derived::OrderMoved(moved) => Some(moved.ts),
                Derived::MoveRefused(refused) => Some(refused.ts),
                Derived::Fill(fill) => Some(fill.ts),
                Derived::PairMoved(moved) => Some(moved.ts),
                Derived::KillSwitched(switched) => Some(switched.ts),
                Derived::ForeignUpdate(update) => Some(update.ts),
                Derived::OrderHeld(held) => Some(held.ts),
                Derived::CancelWanted(wanted) => Some(wanted.ts),
                Derived::InputRefused(_) | Derived::PairDay(_) | Derived::ContractNote(_) => None,
            },
        }
    }
}

#[cfg(test)]
mod tests;
