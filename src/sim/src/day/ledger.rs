//! The ledger of a simulated day: what was broken on purpose, where, and what it does to the bars.
//!
//! It breaks nothing itself. `feed_faults.rs` and `broker_faults.rs` write it; the readers of a day hold their findings
//! against it.

use barkeep_schemas::Ts;
use serde::{Serialize, Serializer};

/// What sort of fault it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum FaultKind {
    /// Every instrument loses the ticks of 20 to 90 seconds.
    FeedGap,
    /// One instrument loses one to three whole minutes.
    InstrumentGap,
    /// A tick stands one to two seconds late in the file: within the grace of its bucket.
    LateTicks,
    /// A tick stands 5 to 90 seconds late: its second is closed, but young enough to be revised.
    LateRevised,
    /// A tick stands more than 120 seconds late: its row is to be rejected.
    TooFarBack,
    /// A row is there twice.
    Duplicate,
    /// The volume of the day is too low in one tick.
    VolumeFall,
    /// A row whose price is none: to be rejected.
    BadRow,
    /// A price or the volume of a broker's candle is wrong.
    WrongCandle,
    /// A broker's candle is left out.
    MissingCandle,
    /// A broker's candle stands in a minute without a trade.
    ExtraCandle,
}

impl FaultKind {
    /// Every kind, those of the feed first.
    pub const ALL: [Self; 11] = [
        Self::FeedGap,
        Self::InstrumentGap,
        Self::LateTicks,
        Self::LateRevised,
        Self::TooFarBack,
        Self::Duplicate,
        Self::VolumeFall,
        Self::BadRow,
        Self::WrongCandle,
        Self::MissingCandle,
        Self::ExtraCandle,
    ];

    /// The name in reports: `feed_gap`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::FeedGap => "feed_gap",
            Self::InstrumentGap => "instrument_gap",
            Self::LateTicks => "late_ticks",
            Self::LateRevised => "late_revised",
            Self::TooFarBack => "too_far_back",
            Self::Duplicate => "duplicate",
            Self::VolumeFall => "volume_fall",
            Self::BadRow => "bad_row",
            Self::WrongCandle => "wrong_candle",
            Self::MissingCandle => "missing_candle",
            Self::ExtraCandle => "extra_candle",
        }
    }
}

impl Serialize for FaultKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// What a fault does to the one-minute bar of an instrument, compared with the broker's candle.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Effect {
    /// Nothing: the bar comes out the same.
    Nothing,
    /// The first edition may miss the tick; the last one has it.
    Revised,
    /// Prices may miss what was lost; the volume is whole, since a later tick of the same minute carries it.
    Prices,
    /// Prices may miss what was lost, and the volume differs by the cell's `volume_change`.
    Volume,
    /// There is no tick in the minute, so there is no bar of ours.
    Absent,
    /// The broker's candle has a wrong price.
    BrokerPrice,
    /// The broker's candle has a wrong volume.
    BrokerVolume,
    /// The broker has no candle.
    BrokerAbsent,
    /// The broker has a candle of a minute without a trade.
    BrokerExtra,
}

impl Effect {
    /// The name in reports: `broker_price`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Revised => "revised",
            Self::Prices => "prices",
            Self::Volume => "volume",
            Self::Absent => "absent",
            Self::BrokerPrice => "broker_price",
            Self::BrokerVolume => "broker_volume",
            Self::BrokerAbsent => "broker_absent",
            Self::BrokerExtra => "broker_extra",
        }
    }

    /// Whether our last edition and the broker's candle may differ because of it.
    pub const fn may_differ(self) -> bool {
        match self {
            Self::Nothing | Self::Revised => false,
            Self::Prices
            | Self::Volume
            | Self::Absent
            | Self::BrokerPrice
            | Self::BrokerVolume
            | Self::BrokerAbsent
            | Self::BrokerExtra => true,
        }
    }
}

impl Serialize for Effect {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// A minute of an instrument that a fault reaches. No other fault of the day reaches it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Cell {
    /// Tradingsymbol.
    pub symbol: String,
    /// Start of the minute.
    pub minute: Ts,
    /// What happens there.
    pub effect: Effect,
    /// Shares that our bar has more (or, negative, less) than the broker's candle because of the fault. Exact when
    /// snapshots come at whole seconds.
    pub volume_change: i64,
}

/// One fault.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Fault {
    /// Number in the ledger, from 1, in the order of `from`.
    pub id: u32,
    /// What sort of fault.
    pub kind: FaultKind,
    /// The instrument; absent when it is all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub symbol: Option<String>,
    /// Exchange time of the first thing broken.
    pub from: Ts,
    /// First exchange time after it; for a row out of place, the time at which it stands in the file.
    pub to: Ts,
    /// What was done, for people.
    pub detail: String,
    /// Starts of the minutes reached, each once, in order.
    pub minutes: Vec<Ts>,
    /// What happens in each of them, for each instrument.
    pub cells: Vec<Cell>,
}

impl Fault {
    /// A fault that has no number yet.
    pub(super) fn new(
        kind: FaultKind,
        symbol: Option<&str>,
        from: i64,
        to: i64,
        detail: String,
        cells: Vec<Cell>,
    ) -> Self {
        let mut minutes: Vec<Ts> = cells.iter().map(|cell| cell.minute).collect();
        minutes.sort_unstable();
        minutes.dedup();
        let symbol = symbol.map(str::to_string);
        Self { id: 0, kind, symbol, from: Ts::new(from), to: Ts::new(to), detail, minutes, cells }
    }
}

/// Puts faults in the order of their times and numbers them.
pub(super) fn numbered(mut faults: Vec<Fault>) -> Vec<Fault> {
    faults.sort_by(|a, b| (a.from, a.kind, &a.symbol).cmp(&(b.from, b.kind, &b.symbol)));
    (1..).zip(&mut faults).for_each(|(id, fault)| fault.id = id);
    faults
}
