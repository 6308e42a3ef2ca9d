//! What reconciliations found and what was healed, counted off the whole tape.
//!
//! What it is: a projection of every reconciliation and correction that the tape holds, whichever session's. An operator
//! asks how old the last reconciliation is, so that neither the opening of a session nor a restart may lose it. The
//! counters speak of all runs; the gauges of one, the newest of the latest date that was reconciled, so that an old date
//! checked again does not hide today's, nor a look at fewer bars the rest of the day. It keeps that run's numbers and those of a run under way, no bar. What it never
//! does: show a number before it is whole, compare, or decide what is healed. Who calls it: the daemon, with a scan of
//! [`ReconMetrics::KINDS`] and then with each durable batch.
//!
//! `take` every event in order, `settle` when the numbers may be shown: after the whole scan, then after each batch.

use barkeep_schemas::{
    Event, EventKind, HealAction, Input, ReconCause, ReconDifference, ReconRun, ReconStatus, Seq, SessionDate,
    Timeframe, Ts,
};

use super::catalogue::{CounterName, GaugeName, Origin};
use super::pages::{Metrics, MetricsError};

/// The status of a bar that is in order, beside those of [`ReconStatus`].
const MATCHED: &str = "matched";

/// What became of a reconciliation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum RunResult {
    /// Nothing is outside tolerance.
    Matched,
    /// Something is.
    Differences,
    /// It ended before all that it found was on the tape.
    CutOff,
}

impl RunResult {
    const ALL: [Self; 3] = [Self::Matched, Self::Differences, Self::CutOff];

    const fn name(self) -> &'static str {
        match self {
            Self::Matched => "matched",
            Self::Differences => "differences",
            Self::CutOff => "cut_off",
        }
    }
}

/// Which of two runs speaks: the later date, of a date the later session, of a session the minutes, from which coarser bars
/// follow and which are healed; else the newer one.
type Rank = (SessionDate, u32, bool);

/// What a run found.
#[derive(Clone, Debug)]
struct Found {
    rank: Rank,
    at: Option<Ts>,
    /// Bars on either side.
    compared: u64,
    /// Whether any difference at all counted.
    is_strict: bool,
    matched: u64,
    /// In the order of [`ReconStatus::ALL`].
    differences: [u64; ReconStatus::ALL.len()],
    /// Differences whose cause is known.
    explained: u64,
}

impl Found {
    fn unhealed(&self) -> u64 {
        self.differences.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }
}

impl Found {
    /// Whether a later run speaks in its place: one of a higher rank, or of the same one that is no narrower. Who looks at
    /// some symbols or some hours again, or without tolerance, does not take the day's other differences away.
    fn gives_way_to(&self, later: &Self) -> bool {
        let is_as_wide = later.compared.saturating_mul(10) >= self.compared.saturating_mul(9);
        self.rank < later.rank || (self.rank == later.rank && is_as_wide && (self.is_strict || !later.is_strict))
    }
}

/// A run of which not all differences have come.
#[derive(Clone, Debug)]
struct UnderWay {
    run_id: Seq,
    /// How many are to come.
    missing: u64,
    found: Found,
}

/// The numbers, whether shown or not.
#[derive(Clone, Debug, Default)]
struct Tally {
    /// In the order of [`RunResult::ALL`].
    results: [u64; RunResult::ALL.len()],
    /// In the order of [`HealAction::ALL`].
    healed: [u64; HealAction::ALL.len()],
    under_way: Option<UnderWay>,
    /// The run that the gauges speak of.
    newest: Option<Found>,
}

impl Tally {
    fn run(&mut self, run: &ReconRun) {
        self.next_begins();
        let mut differences = [0; ReconStatus::ALL.len()];
        differences.iter_mut().zip(&run.differences).for_each(|(count, told)| *count = *told);
        let rank = (run.session_date, run.session_run, run.tf == Timeframe::M1);
        let is_strict = run.tolerance == "strict";
        let (compared, matched) = (run.compared, run.matched);
        let found = Found { rank, at: run.at, compared, is_strict, matched, differences, explained: 0 };
        let missing = found.unhealed();
        if missing == 0 {
            self.whole(RunResult::Matched, found);
        } else {
            self.under_way = Some(UnderWay { run_id: run.run_id, missing, found });
        }
    }

    fn difference(&mut self, row: &ReconDifference) {
        // A row of no run that is under way is no row of ours.
        let Some(run) = self.under_way.as_mut().filter(|run| run.run_id == row.run_id) else { return };
        run.missing = run.missing.saturating_sub(1);
        run.found.explained += u64::from(row.cause != ReconCause::Unexplained);
        if run.missing == 0
            && let Some(run) = self.under_way.take()
        {
            self.whole(RunResult::Differences, run.found);
        }
    }

    /// One command adds at a time: when the next run begins, no row of the one before comes any more.
    fn next_begins(&mut self) {
        if self.under_way.take().is_some() {
            self.count(RunResult::CutOff);
        }
    }

    fn whole(&mut self, result: RunResult, found: Found) {
        self.count(result);
        if self.newest.as_ref().is_none_or(|newest| newest.gives_way_to(&found)) {
            self.newest = Some(found);
        }
    }

    fn count(&mut self, result: RunResult) {
        if let Some(count) = self.results.get_mut(result as usize) {
            *count += 1;
        }
    }

    fn corrected(&mut self, action: HealAction) {
        let place = HealAction::ALL.iter().position(|known| *known == action);
        if let Some(count) = place.and_then(|place| self.healed.get_mut(place)) {
            *count += 1;
        }
    }
}

/// Counts what was reconciled and healed.
pub struct ReconMetrics {
    metrics: Metrics,
    tally: Tally,
    /// Whether the page is not where the tally is.
    changed: bool,
    after: Seq,
}

impl ReconMetrics {
    /// The kinds of events that it counts; it needs no others.
    pub const KINDS: [EventKind; 4] =
        [EventKind::ReconRun, EventKind::ReconDifference, EventKind::HealRun, EventKind::BarCorrection];

    /// Nothing is counted, and nothing on the page until [`ReconMetrics::settle`].
    pub fn anew(metrics: &Metrics) -> Self {
        metrics.forget(Origin::WholeTape);
        Self { metrics: metrics.clone(), tally: Tally::default(), changed: true, after: Seq(0) }
    }

    /// Whether any reconciliation was found, one that was cut off included.
    pub fn has_any(&self) -> bool {
        self.tally.under_way.is_some() || self.tally.results.iter().any(|count| *count > 0)
    }

    /// Counts an event. One at or before the last position was counted already and is passed over.
    #[inline]
    pub fn take(&mut self, seq: Seq, event: &Event) {
        if seq <= self.after {
            return;
        }
        self.after = seq;
        let Event::Input(input) = event else { return };
        if let Input::ReconRun(run) = input {
            self.tally.run(run);
        } else if let Input::ReconDifference(row) = input {
            self.tally.difference(row);
        } else if let Input::HealRun(_) = input {
            self.tally.next_begins();
        } else if let Input::BarCorrection(correction) = input {
            self.tally.corrected(correction.action);
        } else {
            return;
        }
        self.changed = true;
    }

    /// Brings the page to where the tape is.
    ///
    /// # Errors
    /// [`MetricsError`], which tests exclude.
    pub fn settle(&mut self) -> Result<(), MetricsError> {
        if !std::mem::take(&mut self.changed) {
            return Ok(());
        }
        let Tally { results, healed, newest, .. } = &self.tally;
        for (result, count) in RunResult::ALL.iter().zip(results) {
            self.raise(CounterName::ReconRuns, result.name(), *count)?;
        }
        for (action, count) in HealAction::ALL.iter().zip(healed) {
            self.raise(CounterName::HealedBars, action.name(), *count)?;
        }
        let Some(found) = newest else { return Ok(()) };
        let show = |name, labels: &[&str], value| self.metrics.show(name, labels, value);
        show(GaugeName::ReconBars, &[MATCHED], Some(found.matched as f64))?;
        for (status, count) in ReconStatus::ALL.iter().zip(found.differences) {
            show(GaugeName::ReconBars, &[status.name()], Some(count as f64))?;
        }
        let unhealed = found.unhealed();
        show(GaugeName::ReconUnhealed, &[], Some(unhealed as f64))?;
        let explained = (unhealed > 0).then(|| found.explained as f64 / unhealed as f64);
        show(GaugeName::ReconExplained, &[], explained)?;
        show(GaugeName::ReconLastRun, &[], found.at.map(|at| at.get() as f64 / 1e9))
    }

    /// A counter rises to where the tally is.
    fn raise(&self, name: CounterName, label: &str, to: u64) -> Result<(), MetricsError> {
        let counter = self.metrics.counter(name, &[label])?;
        counter.inc_by(to.saturating_sub(counter.get()));
        Ok(())
    }
}

#[cfg(test)]
mod tests;
