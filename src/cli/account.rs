//! The account of a session: what the simulator's ledger says was broken, held against what the tape says of it.
//!
//! Both ways. Each fault must show where it has to: as a report and one gap, as a tick that is twice on the tape, late or
//! not there, as ticks set aside, as a bar that does not match. And each interruption, bad frame, refusal and gap on the
//! tape must have a fault behind it, or be barkeep's own start. It reads ledger and tape, changes nothing and judges
//! nothing but these. The demo and the tests of a disturbed session call it.

mod candles;
mod faults;
mod ledger;
mod seen;
mod ticks;
mod witness;

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use barkeep_schemas::{ReconStatus, Ts};
use barkeep_sim::faults::FaultKind;
use barkeep_storage::{SegmentInfo, Tape};
use serde::Serialize;

pub use ledger::{Injected, read_ledger};
use witness::Witness;

/// The limits by which the session was watched, nanoseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Watchdogs {
    /// `mute_s` of `[feed]`.
    pub mute_ns: i64,
    /// `silent_s` of `[feed]`.
    pub silent_ns: i64,
    /// `skew_ms` of `[feed]`.
    pub skew_ns: i64,
    /// What lies between a packet's sending and its receipt at most: the simulator's quantum.
    pub quantum_ns: i64,
}

/// One kind of fault.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Entry {
    /// Its name.
    pub kind: &'static str,
    /// How often it struck.
    pub injected: u64,
    /// How many of those show where they have to.
    pub accounted_for: u64,
    /// As what they were seen, each way with its count.
    pub seen_as: String,
}

/// Ledger against tape.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Account {
    /// The kinds that struck, in the order of their names in the simulator.
    pub entries: Vec<Entry>,
    /// Every fault that nobody noticed, and everything on the tape that no fault explains, in words.
    pub open: Vec<String>,
    /// Bars outside tolerance that no fault touched and that are no matter of conflation: outside of the broker's range, or
    /// missing.
    pub unexplained: u64,
}

impl Account {
    /// The account of one session. `differences` are the bars outside tolerance of its reconciliation: symbol, start of the
    /// minute, status; where there are none the faults of candles are not judged. Of the ledger what lies in the session's
    /// day counts.
    ///
    /// # Errors
    /// When the tape cannot be read, or the segment holds no session.
    pub fn of(
        ledger: &[Injected],
        tape: &Tape,
        segment: &SegmentInfo,
        watch: Watchdogs,
        differences: &[(String, Ts, ReconStatus)],
    ) -> Result<Self> {
        let seen = seen::read(ledger, tape, segment, watch.quantum_ns)?;
        let seen = seen.with_context(|| format!("the segment {} holds no session", segment.path.display()))?;
        let mut witness = Witness::new(&seen, watch);
        let mut tallies: BTreeMap<FaultKind, Tally> = BTreeMap::new();
        let candles = candles::Candles::new(ledger, &seen, differences);
        let day = &seen.session.calendar;
        for (at, fault) in ledger.iter().enumerate() {
            let today = fault.candle.unwrap_or(fault.at);
            if today < day.day_start || today >= day.day_end || candles.is_repeated(at) {
                continue;
            }
            let verdict = match fault.kind {
                FaultKind::CandleWrong
                | FaultKind::CandleMissing
                | FaultKind::CandleDuplicate
                | FaultKind::CandleRevised => candles.verdict(fault),
                FaultKind::Duplicate | FaultKind::Delay | FaultKind::Reorder | FaultKind::Drop => {
                    ticks::verdict(fault, ledger, &seen, watch)
                }
                FaultKind::Disconnect
                | FaultKind::Mute
                | FaultKind::Silent
                | FaultKind::RefuseUpgrade
                | FaultKind::Truncate
                | FaultKind::Garbage
                | FaultKind::UnknownLength
                | FaultKind::ClockSkew
                | FaultKind::RestError
                | FaultKind::Slow
                | FaultKind::Endless
                | FaultKind::TokenDeath
                | FaultKind::LostAnswer
                | FaultKind::PostbackEarly
                | FaultKind::PostbackTwice
                | FaultKind::PostbackNever => witness.verdict(at, fault),
            };
            tallies.entry(fault.kind).or_default().add(fault, verdict);
        }
        let mut open: Vec<String> = tallies.values_mut().flat_map(|tally| std::mem::take(&mut tally.open)).collect();
        open.extend(witness.unexplained(ledger));
        open.extend(seen.strange.iter().cloned());
        let unexplained = candles.unexplained(ledger, watch);
        let entries = tallies.into_iter().map(|(kind, tally)| tally.entry(kind)).collect();
        Ok(Self { entries, open, unexplained })
    }
}

/// As what a fault was seen, in words that take a number before them ("3 told as a loss"), or what is missing of it.
type Verdict = std::result::Result<&'static str, String>;

/// The faults of one kind.
#[derive(Default)]
struct Tally {
    injected: u64,
    seen: BTreeMap<&'static str, u64>,
    open: Vec<String>,
}

impl Tally {
    fn add(&mut self, fault: &Injected, verdict: Verdict) {
        self.injected += 1;
        match verdict {
            Ok(seen_as) => *self.seen.entry(seen_as).or_default() += 1,
            Err(why) => self.open.push(format!("{}: {why}", fault.words())),
        }
    }

    fn entry(self, kind: FaultKind) -> Entry {
        let accounted_for = self.seen.values().sum();
        let each = self.seen.iter();
        let seen_as: Vec<String> = match self.seen.len() {
            1 => each.map(|(seen_as, _)| (*seen_as).to_owned()).collect(),
            _ => each.map(|(seen_as, count)| format!("{count} {seen_as}")).collect(),
        };
        Entry { kind: kind.name(), injected: self.injected, accounted_for, seen_as: seen_as.join("; ") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_is_told_with_its_number_where_there_are_several() {
        let entry = |seen: &[(&'static str, u64)]| {
            let tally = Tally { injected: 4, seen: seen.iter().copied().collect(), open: Vec::new() };
            tally.entry(FaultKind::Disconnect)
        };
        let both = entry(&[("told as a loss, with one gap", 3), ("told as a failed attempt", 1)]);
        assert_eq!(both.seen_as, "1 told as a failed attempt; 3 told as a loss, with one gap");
        assert_eq!((both.injected, both.accounted_for), (4, 4));
        assert_eq!(entry(&[("told as a loss, with one gap", 4)]).seen_as, "told as a loss, with one gap");
    }
}
