//! Closes for a what-if: what the pair watch would have seen with bars that were corrected after the day.
//!
//! What it is: closes in place of those that the bars' stages make, and closes of buckets for which they make no bar. What
//! it never does: stand in a snapshot, change a bar that is derived, or hold anything in a live session, an import or a
//! verifying replay. Who calls it: the desk; `Engine::with_corrections` fills it.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

use barkeep_schemas::{Bar, DecodeError, InstrumentId, Price, Qty, Seq, Timeframe, Ts, Wire};

/// A close that the pair watch is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CorrectedClose {
    /// Whose, by its number in the session.
    pub instrument: InstrumentId,
    /// The bar's timeframe.
    pub tf: Timeframe,
    /// Its start.
    pub start: Ts,
    /// The close, above zero.
    pub close: Price,
    /// When it is shown, by clock marks, where the stages make no such bar: the end of the bucket and the grace; absent
    /// where it takes the place of theirs.
    pub due: Option<Ts>,
}

/// The closes of a what-if; empty otherwise.
#[derive(Clone, Debug, Default)]
pub(crate) struct Corrected {
    replaced: BTreeMap<(InstrumentId, Timeframe, Ts), Price>,
    /// In the order of time.
    inserted: VecDeque<CorrectedClose>,
}

/// Nothing of it lasts.
impl Wire for Corrected {
    fn put(&self, _out: &mut Vec<u8>) {}
    fn take(_input: &mut &[u8]) -> Result<Self, DecodeError> {
        Ok(Self::default())
    }
}

impl Corrected {
    pub(crate) fn new(closes: &[CorrectedClose]) -> Self {
        let mut inserted: Vec<CorrectedClose> = closes.iter().filter(|close| close.due.is_some()).copied().collect();
        inserted.sort_by_key(|close| (close.due, close.start, close.tf, close.instrument));
        let replaced = closes.iter().filter(|close| close.due.is_none());
        let replaced = replaced.map(|close| ((close.instrument, close.tf, close.start), close.close));
        Self { replaced: replaced.collect(), inserted: inserted.into() }
    }

    /// Puts the corrected close into a bar on its way to the watch.
    pub(crate) fn replace(&self, bar: &mut Bar) {
        if !self.replaced.is_empty()
            && let Some(close) = self.replaced.get(&(bar.instrument, bar.tf, bar.start))
        {
            bar.close = *close;
        }
    }

    /// The next bar that is due by `now`; the input `cause` stands for it.
    pub(crate) fn next_due(&mut self, now: i64, cause: Seq) -> Option<Bar> {
        let is_due = self.inserted.front()?.due.is_some_and(|due| due.get() <= now);
        let close = is_due.then(|| self.inserted.pop_front()).flatten()?;
        Some(Bar {
            instrument: close.instrument,
            tf: close.tf,
            start: close.start,
            open: close.close,
            high: close.close,
            low: close.close,
            close: close.close,
            volume: Qty::ZERO,
            n_trades: 0,
            revision: 0,
            cause,
            first_tick: cause,
            last_tick: cause,
        })
    }
}
