//! Faults of the broker's candles, in the reconciliation; and the bars outside tolerance that nothing explains.

use std::collections::{HashMap, HashSet};

use barkeep_schemas::{FeedId, NANOS, Ohlcv, ReconStatus, Ts};
use barkeep_sim::faults::FaultKind;

use super::ledger::Injected;
use super::seen::Seen;
use super::{Verdict, Watchdogs};

/// A minute.
const MINUTE_NS: i64 = 60 * NANOS;

/// Shares that may be told in the next minute however few a minute has.
const BOUNDARY_SHARES: u64 = 500;

/// Candles that faults are about, and bars that did not match.
pub(super) struct Candles<'a> {
    seen: &'a Seen,
    /// By token and start.
    found: HashMap<(u32, Ts), ReconStatus>,
    judged: bool,
    /// Entries about a candle that an earlier entry of its kind is about: it was asked for again.
    repeated: HashSet<usize>,
    faulty: HashSet<(u32, Ts)>,
}

impl<'a> Candles<'a> {
    pub(super) fn new(ledger: &[Injected], seen: &'a Seen, differences: &[(String, Ts, ReconStatus)]) -> Self {
        let token = |symbol: &String| seen.symbols.get(symbol).copied();
        let found = differences.iter().filter_map(|(symbol, at, status)| Some(((token(symbol)?, *at), *status)));
        let (mut first, mut repeated, mut faulty) = (HashSet::new(), HashSet::new(), HashSet::new());
        for (at, fault) in ledger.iter().enumerate() {
            if let (Some(token), Some(candle)) = (fault.token, fault.candle) {
                faulty.insert((token, candle));
                if !first.insert((fault.kind, token, candle)) {
                    repeated.insert(at);
                }
            }
        }
        Self { seen, found: found.collect(), judged: !differences.is_empty(), repeated, faulty }
    }

    /// Whether an entry tells what an earlier one has told.
    pub(super) fn is_repeated(&self, at: usize) -> bool {
        self.repeated.contains(&at)
    }

    /// As what a candle's fault was seen.
    pub(super) fn verdict(&self, fault: &Injected) -> Verdict {
        let (Some(token), Some(candle)) = (fault.token, fault.candle) else {
            return Err("the ledger does not name the candle".to_owned());
        };
        if !self.judged || !self.seen.instruments.contains_key(&token) {
            return Ok("not compared");
        }
        let status = self.found.get(&(token, candle)).copied();
        let fits = if fault.kind == FaultKind::CandleMissing {
            status == Some(ReconStatus::MissingBroker)
        } else {
            fault.kind == FaultKind::CandleDuplicate || status.is_some()
        };
        match (fits, status) {
            (true, Some(ReconStatus::Price)) => Ok("as another price in the reconciliation"),
            (true, Some(ReconStatus::Volume)) => Ok("as another volume in the reconciliation"),
            (true, Some(ReconStatus::MissingBroker)) => Ok("as a bar that the broker lacks, in the reconciliation"),
            (true, Some(ReconStatus::MissingInternal)) => Ok("as a bar that we lack, in the reconciliation"),
            (true, None) => Ok("without harm: the rows agree"),
            // Neither side has a bar where a gap swallowed ours.
            (false, None) if self.is_in_gap(token, candle) => Ok("in a minute that a gap has taken from us too"),
            (false, _) => Err(format!("the reconciliation says {}", status.map_or("nothing", ReconStatus::name))),
        }
    }

    fn is_in_gap(&self, token: u32, minute: Ts) -> bool {
        let feed = self.seen.instruments.get(&token).map(|(_, feed)| *feed);
        feed.is_some_and(|feed| self.gap_touches(feed, minute, 0))
    }

    fn gap_touches(&self, feed: FeedId, minute: Ts, slack_ns: i64) -> bool {
        let mut gaps = self.seen.gaps.iter().filter(|(_, gap)| gap.feed == feed);
        gaps.any(|(_, gap)| touches(minute, gap.from, gap.to, slack_ns))
    }

    /// Bars outside tolerance that no fault touched, and that are no matter of conflation.
    pub(super) fn unexplained(&self, ledger: &[Injected], watch: Watchdogs) -> u64 {
        let symbols: HashMap<u32, &String> = self.seen.symbols.iter().map(|(symbol, token)| (*token, symbol)).collect();
        let slack = watch.skew_ns + watch.quantum_ns;
        let is_open = |((token, minute), status): (&(u32, Ts), &ReconStatus)| {
            let Some((_, feed)) = self.seen.instruments.get(token) else { return true };
            let bars = symbols.get(token).and_then(|symbol| self.seen.bars.get(&((*symbol).clone(), *minute)));
            !self.faulty.contains(&(*token, *minute))
                && !self.gap_touches(*feed, *minute, slack)
                && !ledger.iter().any(|fault| fault_touches(fault, *token, *minute, slack))
                && !is_conflation(*status, bars)
        };
        self.found.iter().filter(|found| is_open(*found)).count() as u64
    }
}

/// Whether a fault of the feed may have changed a minute of an instrument. What a gap took is not asked here.
fn fault_touches(fault: &Injected, token: u32, minute: Ts, slack_ns: i64) -> bool {
    if fault.candle.is_some() || fault.token.is_some_and(|only| only != token) {
        return false;
    }
    let from = fault.exchange_time.map_or(fault.at, |seconds| Ts::from_secs(seconds).min(fault.at));
    let by = fault.by_ns.unwrap_or_default().saturating_abs();
    let until = Ts::new(fault.end().get().saturating_add(by).saturating_add(NANOS));
    match fault.kind {
        FaultKind::ClockSkew => touches(minute, Ts::new(from.get().saturating_sub(by)), until, slack_ns),
        FaultKind::Mute | FaultKind::Silent | FaultKind::Disconnect | FaultKind::Truncate | FaultKind::Garbage => {
            touches(minute, from, until, slack_ns)
        }
        FaultKind::Drop | FaultKind::Delay | FaultKind::Reorder | FaultKind::Duplicate => {
            touches(minute, from, until, slack_ns)
        }
        FaultKind::RefuseUpgrade
        | FaultKind::UnknownLength
        | FaultKind::RestError
        | FaultKind::Slow
        | FaultKind::Endless
        | FaultKind::TokenDeath
        | FaultKind::LostAnswer
        | FaultKind::PostbackEarly
        | FaultKind::PostbackTwice
        | FaultKind::PostbackNever
        | FaultKind::CandleWrong
        | FaultKind::CandleMissing
        | FaultKind::CandleDuplicate
        | FaultKind::CandleRevised => false,
    }
}

fn touches(minute: Ts, from: Ts, to: Ts, slack_ns: i64) -> bool {
    let end = minute.get().saturating_add(MINUTE_NS);
    from.get().saturating_sub(slack_ns) < end && to.get().saturating_add(slack_ns) >= minute.get()
}

/// A feed that sends the state every 250 ms misses trades in between and tells those at a minute's end in the next one:
/// then our prices lie within the broker's range, and volume moves to the neighbour, never most of a minute's.
fn is_conflation(status: ReconStatus, bars: Option<&(Option<Ohlcv>, Option<Ohlcv>)>) -> bool {
    let within = |ours: &Ohlcv, theirs: &Ohlcv| {
        [ours.open, ours.high, ours.low, ours.close].iter().all(|price| theirs.low <= *price && *price <= theirs.high)
    };
    let little = |ours: &Ohlcv, theirs: &Ohlcv| {
        let moved = ours.volume.get().abs_diff(theirs.volume.get());
        moved <= BOUNDARY_SHARES || moved <= ours.volume.max(theirs.volume).get().unsigned_abs() / 2
    };
    match (status, bars) {
        (ReconStatus::Price | ReconStatus::Volume, Some((Some(ours), Some(theirs)))) => {
            within(ours, theirs) && little(ours, theirs)
        }
        (ReconStatus::Price | ReconStatus::Volume, _)
        | (ReconStatus::MissingInternal | ReconStatus::MissingBroker, _) => false,
    }
}

#[cfg(test)]
mod tests {
    use barkeep_schemas::{Price, Qty};

    use super::*;

    fn bar(low: i64, high: i64, volume: i64) -> Ohlcv {
        let [low, high] = [low, high].map(Price::new);
        Ohlcv { open: low, high, low, close: high, volume: Qty::new(volume) }
    }

    #[test]
    fn conflation_stays_within_the_range_and_moves_little() {
        let judge = |status, ours, theirs| is_conflation(status, Some(&(Some(ours), Some(theirs))));
        let theirs = bar(100, 200, 10_000);
        assert!(judge(ReconStatus::Price, bar(110, 190, 10_000), theirs.clone()));
        assert!(judge(ReconStatus::Volume, bar(100, 200, 8_000), theirs.clone()));
        assert!(!judge(ReconStatus::Price, bar(100, 201, 10_000), theirs.clone()), "outside of the range");
        assert!(!judge(ReconStatus::Volume, bar(100, 200, 30_000), theirs), "most of a minute");
        assert!(judge(ReconStatus::Volume, bar(100, 200, 900), bar(100, 200, 400)));
        assert!(!is_conflation(ReconStatus::MissingInternal, None));
    }
}
