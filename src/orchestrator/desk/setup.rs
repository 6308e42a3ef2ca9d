//! The desk of a session: the files put together for its date and its instruments.
//!
//! What it never does: fail. What cannot be traded is left out and told; without a whitelist for the day, or without
//! charges, there are no entries. Who calls it: the daemon at the open and when the files were read again.

use std::collections::HashMap;
use std::fmt;

use barkeep_schemas::{DeskSetup, Instrument, InstrumentId, PairId, PairSpec, SessionDate};

use super::charges::TooEarly;
use super::files::DeskFiles;
use super::whitelist::Listed;

/// Why a session has no entries.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Missing {
    /// There is no whitelist that can be read.
    Unreadable(String),
    /// It lists no pair.
    Empty(SessionDate),
    /// It is for another date.
    OtherDate(SessionDate),
    /// None of its pairs can be traded.
    NoPair(SessionDate),
    /// Nobody knows what a trade would cost.
    Charges(TooEarly),
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(why) => write!(f, "no whitelist: {why}"),
            Self::Empty(date) => write!(f, "the whitelist for {date} is empty"),
            Self::OtherDate(date) => write!(f, "the whitelist is for {date}"),
            Self::NoPair(date) => write!(f, "no pair of the whitelist for {date} can be traded"),
            Self::Charges(early) => write!(f, "{early}"),
        }
    }
}

/// A pair of the whitelist that is left out, and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// The pair.
    pub pair: String,
    /// Why.
    pub why: String,
}

/// What a session is told, and what it is not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Setup {
    /// For the engine. Pairs are those of the whitelist alone, numbered from 0.
    pub desk: DeskSetup,
    /// Pairs that are left out.
    pub refusals: Vec<Refusal>,
    /// Why there are no entries; `None` when there may be.
    pub missing: Option<Missing>,
}

impl Setup {
    /// Tells the log what a session can trade, and what it cannot.
    pub fn log(&self, session: SessionDate) {
        for Refusal { pair, why } in &self.refusals {
            tracing::warn!(pair, why, "a pair of the whitelist is left out");
        }
        match &self.missing {
            None => tracing::info!(%session, pairs = self.desk.pairs.len(), "the pairs of the whitelist"),
            Some(missing) => tracing::warn!(%session, "no entries: {missing}; exits still run"),
        }
    }

    /// Whether the whitelist is for the session and lists a pair that can be traded.
    pub const fn is_valid(&self) -> bool {
        self.missing.is_none()
    }
}

/// Puts the files together for a session's date and instruments.
pub fn setup(date: SessionDate, files: &DeskFiles, instruments: &[Instrument]) -> Setup {
    let ids: HashMap<&str, InstrumentId> = instruments.iter().map(|of| (of.symbol.as_str(), of.id)).collect();
    let (charges, early) = match files.charges.on(date) {
        Ok(charges) => (charges, None),
        Err(early) => (Vec::new(), Some(early)),
    };
    let (mut pairs, mut refusals, mut missing) = (Vec::new(), Vec::new(), None);
    let mut whitelist_date = None;
    match &files.whitelist {
        Err(why) => missing = Some(Missing::Unreadable(why.clone())),
        Ok(list) if list.pairs.is_empty() => missing = Some(Missing::Empty(list.date)),
        Ok(list) => {
            whitelist_date = Some(list.date);
            for listed in &list.pairs {
                let leg = |symbol: &str| {
                    let id = ids.get(symbol).copied();
                    id.ok_or_else(|| format!("{symbol} is not among the session's instruments"))
                };
                let sides = charges.iter().filter(|rates| rates.product == listed.product).count();
                let charged = early.is_some() || sides == barkeep_schemas::Side::ALL.len();
                let spec = leg(&listed.a).and_then(|a| Ok((a, leg(&listed.b)?))).and_then(|legs| {
                    charged.then_some(legs).ok_or_else(|| format!("no charges are known of product {}", listed.product))
                });
                match (spec, u16::try_from(pairs.len())) {
                    (Ok((a, b)), Ok(id)) => pairs.push(self::spec(listed, PairId(id), a, b)),
                    (Ok(_), Err(_)) => {}
                    (Err(why), _) => refusals.push(Refusal { pair: listed.name.clone(), why }),
                }
            }
            if list.date != date {
                missing = Some(Missing::OtherDate(list.date));
            } else if pairs.is_empty() {
                missing = Some(Missing::NoPair(list.date));
            }
        }
    }
    if let Some(early) = early {
        // A fill whose charges nobody knows would be wrong in every account from then on.
        missing = Some(Missing::Charges(early));
        whitelist_date = None;
    }
    let risk = files.risk.clone();
    let desk = DeskSetup {
        whitelist_date,
        pairs,
        limits: risk.limits,
        execution: risk.execution,
        gateway: risk.gateway,
        paper: risk.paper,
        charges,
    };
    Setup { desk, refusals, missing }
}

fn spec(listed: &Listed, id: PairId, leg_a: InstrumentId, leg_b: InstrumentId) -> PairSpec {
    PairSpec {
        id,
        name: listed.name.clone(),
        leg_a,
        leg_b,
        tf: listed.tf,
        beta: listed.beta,
        intercept: listed.intercept,
        entry: listed.entry,
        exit: listed.exit,
        stop: listed.stop,
        lookback: listed.lookback,
        max_hold_ns: listed.max_hold_ns,
        entry_from_ns: listed.entry_from_ns,
        entry_until_ns: listed.entry_until_ns,
        flatten_before_ns: listed.flatten_before_ns,
        stale_after_ns: listed.stale_after_ns,
        max_stops: listed.max_stops,
        bucket: listed.bucket,
        gross_notional: listed.gross_notional,
        product: listed.product,
        exit_only: false,
    }
}

#[cfg(test)]
mod tests;
