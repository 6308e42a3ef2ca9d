//! The simulator's ledger as it is read back: one line of JSON for each fault that struck.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use anyhow::{Context as _, Result};
use barkeep_schemas::{NANOS, Ts};
use barkeep_sim::faults::FaultKind;
use serde::{Deserialize, Deserializer};

use crate::cli::moment;

/// A fault as it was injected. What does not apply to its kind is absent.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct Injected {
    /// When, nanoseconds since 1970 UTC by the simulator's time.
    #[serde(deserialize_with = "nanos")]
    pub at: Ts,
    /// What sort of fault.
    #[serde(deserialize_with = "kind")]
    pub kind: FaultKind,
    /// When it ends, for one that lasts.
    #[serde(default, deserialize_with = "maybe_nanos")]
    pub until: Option<Ts>,
    /// The websocket, counted from 1 in the order of their coming.
    #[serde(default)]
    pub connection: Option<u32>,
    /// The instrument's token.
    #[serde(default)]
    pub token: Option<u32>,
    /// The day's volume counter that the tick carried.
    #[serde(default)]
    pub volume: Option<i64>,
    /// The exchange time that the tick carried, epoch seconds.
    #[serde(default)]
    pub exchange_time: Option<i64>,
    /// How far something was moved or how long it took, nanoseconds.
    #[serde(default)]
    pub by_ns: Option<i64>,
    /// Whether a tick that was held back never came, because its websocket ended first.
    #[serde(default)]
    pub lost: bool,
    /// HTTP status answered.
    #[serde(default)]
    pub status: Option<u16>,
    /// Method and path of the request.
    #[serde(default)]
    pub request: Option<String>,
    /// Start of the candle.
    #[serde(default, deserialize_with = "maybe_nanos")]
    pub candle: Option<Ts>,
}

/// The tick that a fault is about: token, volume counter, exchange time in epoch seconds.
pub(super) type Key = (u32, i64, i64);

impl Injected {
    /// The tick that it is about, if it is about one.
    pub(super) fn key(&self) -> Option<Key> {
        Some((self.token?, self.volume?, self.exchange_time?))
    }

    /// When it ends; its beginning for one that does not last.
    pub(super) fn end(&self) -> Ts {
        self.until.unwrap_or(self.at)
    }

    /// What it is and when, for people.
    pub(super) fn words(&self) -> String {
        let mut words = format!("{} at {}", self.kind.name(), moment::ist(self.at));
        let mut add = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                words.push_str(&format!(", {name} {value}"));
            }
        };
        add("websocket", self.connection.map(|of| of.to_string()));
        add("token", self.token.map(|of| of.to_string()));
        add("volume", self.volume.map(|of| of.to_string()));
        add("exchange time", self.exchange_time.map(|of| moment::ist(Ts::from_secs(of))));
        add("by", self.by_ns.map(|of| format!("{} ms", of / (NANOS / 1_000))));
        add("candle", self.candle.map(moment::ist));
        add("request", self.request.clone());
        words
    }
}

fn nanos<'de, D: Deserializer<'de>>(from: D) -> Result<Ts, D::Error> {
    i64::deserialize(from).map(Ts::new)
}

fn maybe_nanos<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Ts>, D::Error> {
    Ok(Option::<i64>::deserialize(from)?.map(Ts::new))
}

fn kind<'de, D: Deserializer<'de>>(from: D) -> Result<FaultKind, D::Error> {
    let name = String::deserialize(from)?;
    FaultKind::from_name(&name).ok_or_else(|| serde::de::Error::custom(format!("'{name}' is no kind of fault")))
}

/// Reads a ledger that `barkeep sim --ledger` wrote.
///
/// # Errors
/// When the file cannot be read or a line of it is no entry; which.
pub fn read_ledger(path: &Path) -> Result<Vec<Injected>> {
    let file = File::open(path).with_context(|| format!("the ledger {} cannot be read", path.display()))?;
    let mut entries = Vec::new();
    for (number, line) in (1..).zip(BufReader::new(file).lines()) {
        let place = || format!("{}, line {number}: expected an entry of `barkeep sim --ledger`", path.display());
        entries.push(serde_json::from_str(&line.with_context(place)?).with_context(place)?);
    }
    Ok(entries)
}
