//! The comparison made again after corrections: the same bars of the broker's, the same hours, the same tolerance.
//!
//! What it never does: read the broker's file, or ask the broker. Who calls it: `heal --apply`.

use anyhow::Result;
use barkeep_schemas::{Input, ReconDifference, ReconRun, ReconStatus, Seq, Timeframe};
use barkeep_storage::Tape;
use serde::Serialize;

use super::work::Work;
use crate::cli::Context;
use crate::cli::recon::Terms;
use crate::monitoring::daily_recon::causes::{DayFacts, Sides, Wanted, explain};
use crate::monitoring::daily_recon::{broker_bars, compare, internal_bars};
use crate::orchestrator::door::Door;
use crate::orchestrator::pairs_paper_entry::Clock;

/// What the comparison found.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Again {
    /// Its identity.
    pub run_id: Seq,
    /// Keys on either side.
    pub compared: u64,
    /// Keys that matched within tolerance.
    pub matched: u64,
    /// Keys that the broker has and we do not.
    pub missing_internal: u64,
    /// Keys that we have and the broker does not.
    pub missing_broker: u64,
    /// Keys with a price outside tolerance.
    pub price: u64,
    /// Keys whose prices pass and whose volume is outside tolerance.
    pub volume: u64,
    /// Keys outside tolerance.
    pub unhealed: u64,
    /// Of those, what one more heal would correct: a day's sums have moved, and bars that passed by them are told now.
    pub healable: u64,
}

/// Compares and puts the result onto the tape.
pub(super) fn compared(work: &Work, context: &Context, door: &mut Door) -> Result<Again> {
    let run_id = door.durable()?;
    let tape = Tape::open(&context.dir)?;
    let before = &work.followed;
    let run = &before.run;
    let terms: Terms = run.tolerance.parse()?;
    let (date, tf) = (run.session_date, Timeframe::M1);
    let mut internal = internal_bars(&tape, work.segment.as_ref(), date, tf, &before.symbols, Some(run_id))?;
    let mut broker = broker_bars(&tape, run.import, tf, &before.symbols)?;
    internal.bars.retain(|bar| (run.from..=run.to).contains(&bar.start));
    broker.bars.retain(|bar| (run.from..=run.to).contains(&bar.start));
    let tolerances = terms.numbers(&internal.classes);
    let mut comparison = compare(&internal.bars, &broker.bars, &internal.tick_sizes, &tolerances);
    if !comparison.differences.is_empty() {
        let wanted = Wanted { session: work.segment.as_ref(), date, tf, symbols: &before.symbols, import: run.import };
        let facts = DayFacts::read(&tape, &wanted, &comparison.differences)?;
        let (ours, theirs, tick_sizes) = (&internal.bars, &broker.bars, &internal.tick_sizes);
        let sides = Sides { internal: ours, broker: theirs, tick_sizes, tolerances: &tolerances, tf };
        explain(&mut comparison.differences, &sides, &facts);
    }
    let mut symbols = Vec::with_capacity(before.symbols.len());
    for symbol in before.symbols.iter() {
        symbols.push(super::number(work, symbol, door)?);
    }
    let total = &comparison.total;
    door.input(Input::ReconRun(Box::new(ReconRun {
        run_id,
        symbols: symbols.clone(),
        compared: total.compared,
        matched: total.matched,
        differences: ReconStatus::ALL.iter().map(|status| total.of_status(*status)).collect(),
        at: Some(Clock::host().now()),
        ..run.clone()
    })))?;
    for row in &comparison.differences {
        let Some(instrument) = symbols.get(row.symbol.index()) else { continue };
        door.input(Input::ReconDifference(Box::new(ReconDifference {
            run_id,
            session_date: date,
            instrument: *instrument,
            tf,
            ts: row.start,
            status: row.status,
            cause: row.cause,
            internal: row.internal.map(|bar| bar.values()),
            broker: row.broker.map(|bar| bar.values()),
            diff_max: row.diff_max,
        })))?;
    }
    Ok(Again {
        run_id,
        compared: total.compared,
        matched: total.matched,
        missing_internal: total.of_status(ReconStatus::MissingInternal),
        missing_broker: total.of_status(ReconStatus::MissingBroker),
        price: total.of_status(ReconStatus::Price),
        volume: total.of_status(ReconStatus::Volume),
        unhealed: comparison.differences.len() as u64,
        healable: 0,
    })
}
