//! The ledger: every fault as it was injected, one line of JSON each.
//!
//! It breaks nothing and decides nothing. The world writes it, a test holds against it what a consumer noticed.

use barkeep_schemas::Ts;
use serde::Serialize;

use super::kind::FaultKind;

/// One fault as it happened. What does not apply to a kind is left out.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Entry {
    /// Virtual time of the injection, nanoseconds since 1970 UTC.
    pub at: Ts,
    /// What sort of fault.
    pub kind: FaultKind,
    /// When it ends, for one that lasts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Ts>,
    /// The websocket, counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection: Option<u32>,
    /// The instrument's token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<u32>,
    /// The day's volume counter that the tick carried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volume: Option<i64>,
    /// The exchange time that the tick carried, epoch seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exchange_time: Option<i64>,
    /// How far something was moved or how long it took, nanoseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by_ns: Option<i64>,
    /// Bytes cut off or put in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<usize>,
    /// Packets of the frame that was cut short. The readable ones among them do not come again either before their
    /// instrument changes: a client that throws the frame away has lost them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub packets: Option<usize>,
    /// Set on the second entry of a tick that was held back and never came, because its websocket ended first.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub lost: bool,
    /// HTTP status answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Method and path of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// The order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_id: Option<String>,
    /// Start of the candle.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub candle: Option<Ts>,
}

impl Entry {
    /// An entry without particulars.
    pub const fn new(at: Ts, kind: FaultKind) -> Self {
        Self {
            at,
            kind,
            until: None,
            connection: None,
            token: None,
            volume: None,
            exchange_time: None,
            by_ns: None,
            bytes: None,
            packets: None,
            lost: false,
            status: None,
            request: None,
            order_id: None,
            candle: None,
        }
    }
}

/// The entries since they were last taken.
#[derive(Debug, Default)]
pub struct Ledger {
    entries: Vec<Entry>,
    count: u64,
}

impl Ledger {
    /// Adds an entry.
    pub fn push(&mut self, entry: Entry) {
        self.count += 1;
        self.entries.push(entry);
    }

    /// Entries ever added.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Takes what has gathered, in the order of injection.
    pub fn take(&mut self) -> Vec<Entry> {
        std::mem::take(&mut self.entries)
    }
}
