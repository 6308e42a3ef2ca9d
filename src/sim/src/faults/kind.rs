//! The sorts of faults and the settings that each of them has.
//!
//! It does nothing: the schedule and the world act on it.

use serde::{Serialize, Serializer};

/// A setting of a fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Setting {
    /// `for`: how long it lasts.
    For,
    /// `by`: how far something is moved, or how long it takes.
    By,
    /// `share`: of how many of the things concerned, 0 to 1.
    Share,
    /// `count`: how often.
    Count,
    /// `status`: the HTTP status.
    Status,
    /// `path`: the start of the path of requests concerned.
    Path,
    /// `symbols`: the instruments concerned.
    Symbols,
    /// `connection`: the websocket concerned, counted from 1 in the order of their coming.
    Connection,
}

impl Setting {
    /// Every setting.
    pub const ALL: [Self; 8] =
        [Self::For, Self::By, Self::Share, Self::Count, Self::Status, Self::Path, Self::Symbols, Self::Connection];

    /// Its key in a file or flag.
    pub const fn key(self) -> &'static str {
        match self {
            Self::For => "for",
            Self::By => "by",
            Self::Share => "share",
            Self::Count => "count",
            Self::Status => "status",
            Self::Path => "path",
            Self::Symbols => "symbols",
            Self::Connection => "connection",
        }
    }
}

/// What sort of fault it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum FaultKind {
    /// The websocket is cut without a closing frame. For as long as it lasts every upgrade is cut as well, whichever
    /// websocket it was about; each has an entry without a number.
    Disconnect,
    /// The socket stays open and nothing comes, neither ticks nor heartbeats nor pongs. Websockets that come meanwhile are
    /// not concerned. Ticks come afterwards as they stand then; postbacks are lost.
    Mute,
    /// Heartbeats and text come and ticks do not; they come afterwards as they stand then.
    Silent,
    /// Websocket upgrades are refused with a status.
    RefuseUpgrade,
    /// A tick comes so much later, after younger ones of its instrument if there are any. Unsubscribing does not stop it.
    Delay,
    /// A tick comes twice.
    Duplicate,
    /// A tick comes right after the next one of its instrument, or in the next step when it is unsubscribed before that.
    Reorder,
    /// A tick does not come.
    Drop,
    /// A frame ends in the middle of a packet.
    Truncate,
    /// A frame of random bytes comes before the true one.
    Garbage,
    /// A frame has a packet of a length that no client knows, among the true ones.
    UnknownLength,
    /// The exchange's clock in ticks is wrong by so much.
    ClockSkew,
    /// Requests are answered with a status and Kite's envelope, or with a plain page for a status without one.
    RestError,
    /// Answers take so much longer.
    Slow,
    /// Answers begin and do not end before the fault does; then they are cut. The request is not carried out.
    Endless,
    /// The access token dies, if there is one.
    TokenDeath,
    /// An order is accepted and the connection is cut before the answer.
    LostAnswer,
    /// The postback of an order comes before the answer to the request. Where none comes within 5 s, the answer comes
    /// then, and the ledger calls it slow.
    PostbackEarly,
    /// Postbacks come twice. No entry where no websocket hears them.
    PostbackTwice,
    /// Postbacks do not come. No entry where no websocket would have heard them.
    PostbackNever,
    /// Candles whose start lies in the fault's time have a wrong high and volume. Like the three kinds below it has an
    /// entry for each candle of each answer: asked for twice, entered twice.
    CandleWrong,
    /// Candles whose start lies in the fault's time are left out, whatever else concerns them.
    CandleMissing,
    /// Candles whose start lies in the fault's time are there twice.
    CandleDuplicate,
    /// Candles whose start lies in the fault's time are wrong until so long after their minute, then right.
    CandleRevised,
}

impl FaultKind {
    /// Every kind.
    pub const ALL: [Self; 24] = [
        Self::Disconnect,
        Self::Mute,
        Self::Silent,
        Self::RefuseUpgrade,
        Self::Delay,
        Self::Duplicate,
        Self::Reorder,
        Self::Drop,
        Self::Truncate,
        Self::Garbage,
        Self::UnknownLength,
        Self::ClockSkew,
        Self::RestError,
        Self::Slow,
        Self::Endless,
        Self::TokenDeath,
        Self::LostAnswer,
        Self::PostbackEarly,
        Self::PostbackTwice,
        Self::PostbackNever,
        Self::CandleWrong,
        Self::CandleMissing,
        Self::CandleDuplicate,
        Self::CandleRevised,
    ];

    /// Its name in files, flags and the ledger.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Disconnect => "disconnect",
            Self::Mute => "mute",
            Self::Silent => "silent",
            Self::RefuseUpgrade => "refuse-upgrade",
            Self::Delay => "delay",
            Self::Duplicate => "duplicate",
            Self::Reorder => "reorder",
            Self::Drop => "drop",
            Self::Truncate => "truncate",
            Self::Garbage => "garbage",
            Self::UnknownLength => "unknown-length",
            Self::ClockSkew => "clock-skew",
            Self::RestError => "rest-error",
            Self::Slow => "slow",
            Self::Endless => "endless",
            Self::TokenDeath => "token-death",
            Self::LostAnswer => "lost-answer",
            Self::PostbackEarly => "postback-early",
            Self::PostbackTwice => "postback-twice",
            Self::PostbackNever => "postback-never",
            Self::CandleWrong => "candle-wrong",
            Self::CandleMissing => "candle-missing",
            Self::CandleDuplicate => "candle-duplicate",
            Self::CandleRevised => "candle-revised",
        }
    }

    /// The kind of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The settings that must be given.
    pub const fn needs(self) -> &'static [Setting] {
        match self {
            Self::Disconnect | Self::Truncate | Self::Garbage | Self::UnknownLength | Self::TokenDeath => &[],
            Self::Mute
            | Self::Silent
            | Self::RefuseUpgrade
            | Self::Duplicate
            | Self::Reorder
            | Self::Drop
            | Self::RestError
            | Self::Endless
            | Self::LostAnswer
            | Self::PostbackEarly
            | Self::PostbackTwice
            | Self::PostbackNever
            | Self::CandleWrong
            | Self::CandleMissing
            | Self::CandleDuplicate => &[Setting::For],
            Self::Delay | Self::ClockSkew | Self::Slow | Self::CandleRevised => &[Setting::For, Setting::By],
        }
    }

    /// The settings that may be given.
    pub const fn takes(self) -> &'static [Setting] {
        match self {
            Self::Disconnect => &[Setting::For, Setting::Connection],
            Self::Mute | Self::Silent => &[Setting::Connection],
            Self::RefuseUpgrade => &[Setting::Status],
            Self::Delay | Self::Duplicate | Self::Reorder | Self::Drop => {
                &[Setting::Share, Setting::Symbols, Setting::Connection]
            }
            Self::Truncate | Self::Garbage | Self::UnknownLength => &[Setting::Count, Setting::Connection],
            Self::ClockSkew => &[Setting::Symbols],
            Self::RestError => &[Setting::Status, Setting::Path, Setting::Share],
            Self::Slow | Self::Endless => &[Setting::Path, Setting::Share],
            Self::LostAnswer | Self::PostbackEarly | Self::PostbackTwice | Self::PostbackNever => &[Setting::Share],
            Self::TokenDeath => &[],
            Self::CandleWrong | Self::CandleMissing | Self::CandleDuplicate | Self::CandleRevised => {
                &[Setting::Share, Setting::Symbols]
            }
        }
    }

    /// Whether a setting may stand with this kind.
    pub fn has(self, setting: Setting) -> bool {
        self.needs().contains(&setting) || self.takes().contains(&setting)
    }
}

impl Serialize for FaultKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}
