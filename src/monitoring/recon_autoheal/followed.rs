//! The reconciliation that a heal follows, off the tape.
//!
//! What it never does: compare anew. Who calls it: `heal`.

use std::collections::BTreeMap;

use barkeep_schemas::{
    Event, EventKind, HealRun, Input, Instrument, Ohlcv, ReconCause, ReconRun, ReconStatus, Seq, SessionDate,
    Timeframe, Ts,
};
use barkeep_storage::{Filter, ReadError, Tape};

use crate::monitoring::daily_recon::{Roll, SymbolIndex, SymbolTable};

/// A difference that it found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// Whose bar.
    pub symbol: SymbolIndex,
    /// Its start.
    pub start: Ts,
    /// How it failed.
    pub status: ReconStatus,
    /// Why.
    pub cause: ReconCause,
    /// Our side then.
    pub internal: Option<Ohlcv>,
    /// The broker's side.
    pub broker: Option<Ohlcv>,
}

/// The newest reconciliation of a date's minutes.
#[derive(Clone, Debug)]
pub struct Followed {
    /// The run.
    pub run: ReconRun,
    /// Its symbols.
    pub symbols: SymbolTable,
    /// What each of them is listed as.
    pub instruments: BTreeMap<String, Instrument>,
    /// Its differences, in the order of the tape.
    pub rows: Vec<Row>,
}

/// Why there is no reconciliation to follow.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// The tape cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// None of the date.
    #[error(
        "{date}{} was not reconciled: heal follows the newest reconciliation, so run `barkeep recon --date {date}` first",
        run.map_or_else(String::new, |run| format!(" run {run}"))
    )]
    None {
        /// The date.
        date: SessionDate,
        /// The run asked for.
        run: Option<u32>,
    },
    /// Only other timeframes.
    #[error(
        "the reconciliations of {date} are of {tf} bars, and heal corrects minutes, from which the coarser bars are made: \
         run `barkeep recon --date {date} --tf 1` first",
        tf = tf.label()
    )]
    NoMinutes {
        /// The date.
        date: SessionDate,
        /// The timeframe of the newest.
        tf: Timeframe,
    },
    /// The newest was cut off.
    #[error("the reconciliation {run_id} of {date} was cut off before all it found was on the tape: run it again")]
    CutOff {
        /// The date.
        date: SessionDate,
        /// Which.
        run_id: Seq,
    },
}

impl FollowError {
    /// The reason that goes with exit code 3 when the tape itself is wrong.
    pub fn fatal_reason(&self) -> Option<&'static str> {
        match self {
            Self::Read(error) => error.fatal_reason(),
            Self::None { .. } | Self::NoMinutes { .. } | Self::CutOff { .. } => None,
        }
    }
}

impl Followed {
    /// Finds the newest reconciliation of the minutes of `date`, of the given run of that date where one is given.
    ///
    /// # Errors
    /// [`FollowError`]
    pub fn newest(tape: &Tape, date: SessionDate, session_run: Option<u32>) -> Result<Self, FollowError> {
        let [opened, listed] = Roll::<Instrument>::KINDS;
        let kinds = [EventKind::ReconRun, EventKind::ReconDifference];
        let (mut found, mut other): (Option<Self>, Option<Timeframe>) = (None, None);
        for segment in tape.segments() {
            if tape.scan_segment(segment, &Filter::kinds(kinds)).next().is_none() {
                continue;
            }
            let mut roll = Roll::default();
            for event in tape.scan_segment(segment, &Filter::kinds([opened, listed].into_iter().chain(kinds))) {
                let (_, Event::Input(input)) = event? else { continue };
                roll.take(&input, |instrument| Some(instrument.clone()));
                if let Input::ReconRun(run) = input {
                    if run.session_date != date || session_run.is_some_and(|it| it != run.session_run) {
                        continue;
                    }
                    if run.tf == Timeframe::M1 {
                        found = Some(Self::begin(*run, &roll));
                    } else {
                        other = Some(run.tf);
                    }
                } else if let Input::ReconDifference(row) = input
                    && let Some(found) = found.as_mut().filter(|found| found.run.run_id == row.run_id)
                    && let Some(instrument) = roll.get(row.instrument)
                    && let Some(symbol) = found.symbols.get(&instrument.symbol)
                {
                    let (start, status, cause) = (row.ts, row.status, row.cause);
                    let (internal, broker) = (row.internal, row.broker);
                    found.rows.push(Row { symbol, start, status, cause, internal, broker });
                }
            }
        }
        let run = session_run;
        let found = found.ok_or_else(|| match other {
            Some(tf) => FollowError::NoMinutes { date, tf },
            None => FollowError::None { date, run },
        })?;
        if (found.rows.len() as u64) < found.run.differences.iter().sum() {
            return Err(FollowError::CutOff { date, run_id: found.run.run_id });
        }
        Ok(found)
    }

    fn begin(run: ReconRun, roll: &Roll<Instrument>) -> Self {
        let known = run.symbols.iter().filter_map(|id| roll.get(*id));
        let instruments: BTreeMap<String, Instrument> =
            known.map(|instrument| (instrument.symbol.clone(), instrument.clone())).collect();
        Self { run, symbols: SymbolTable::new(instruments.keys().cloned()), instruments, rows: Vec::new() }
    }
}

/// The runs of the healer over a date, in the order of the tape.
///
/// # Errors
/// [`ReadError`] when the tape cannot be read.
pub fn heal_runs(tape: &Tape, date: SessionDate) -> Result<Vec<HealRun>, ReadError> {
    let mut runs = Vec::new();
    for event in tape.scan(Seq::FIRST, None, &Filter::kinds([EventKind::HealRun])) {
        if let (_, Event::Input(Input::HealRun(run))) = event?
            && run.session_date == date
        {
            runs.push(*run);
        }
    }
    Ok(runs)
}
