//! The plan by which a run of the healer is taken back.
//!
//! What it never does: take back what a later run corrected anew. Who calls it: `heal --revert`.

use std::collections::BTreeMap;

use barkeep_schemas::{HealAction, Seq, SessionDate, Timeframe};

use super::day_bars::{DayBars, Key};
use super::plan::Planned;
use super::rebuild::{Parts, rebuilt};
use crate::monitoring::daily_recon::{Correction, SymbolTable};

/// Why a run is not taken back.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RevertError {
    /// A later run corrected bars of it again.
    #[error(
        "run {later} corrected {bars} of the bars of run {run} again: take that one back first, `barkeep heal --date \
         {date} --revert {later} --apply`"
    )]
    Later {
        /// The date.
        date: SessionDate,
        /// The run to be taken back.
        run: Seq,
        /// The newest run that corrected one of its bars.
        later: Seq,
        /// How many of its bars were.
        bars: u64,
    },
}

/// Plans the corrections that give every minute the edition before `run`, and the coarser bars what follows. Empty where
/// all is as it was before it.
///
/// # Errors
/// [`RevertError::Later`]
pub fn revert(
    date: SessionDate,
    run: Seq,
    bars: &DayBars,
    corrections: &[Correction],
    symbols: &SymbolTable,
    parts: &Parts,
) -> Result<Vec<Planned>, RevertError> {
    let mut newest: BTreeMap<Key, &Correction> = BTreeMap::new();
    let mut own: BTreeMap<Key, &Correction> = BTreeMap::new();
    for correction in corrections.iter().filter(|correction| correction.bar.tf == Timeframe::M1) {
        let Some(symbol) = symbols.get(&correction.symbol) else { continue };
        let key = (Timeframe::M1, symbol, correction.bar.start);
        newest.insert(key, correction);
        if correction.bar.run_id == run {
            own.insert(key, correction);
        }
    }
    let (mut planned, mut later) = (Vec::new(), Vec::new());
    for (key, correction) in own {
        let before = bars.latest(key);
        if before == correction.bar.before.as_ref() {
            continue;
        }
        if let Some(newer) = newest.get(&key).filter(|newer| newer.seq != correction.seq) {
            later.push(newer.bar.run_id);
            continue;
        }
        planned.push(Planned {
            key,
            action: HealAction::Revert,
            cause: None,
            before: before.cloned(),
            after: correction.bar.before.clone(),
            revision: bars.next_revision(key),
            source: None,
        });
    }
    if let Some(newest) = later.iter().max() {
        return Err(RevertError::Later { date, run, later: *newest, bars: later.len() as u64 });
    }
    let coarse = rebuilt(bars, &planned, parts, HealAction::Revert);
    planned.extend(coarse);
    Ok(planned)
}
