//! A pass over the ticks of the tape, column by column: what is not asked for is not unpacked, and no event is built.
//!
//! Never holds a transaction while its caller works. Called through [`crate::Tape::scan_ticks`].

use barkeep_schemas::{Event, Seq};

use crate::columns::{TickColumnSet, TickColumns};
use crate::error::ReadError;
use crate::row_scan::RowScan;

/// Hands out the ticks of one row after the other.
pub struct TickScan {
    rows: RowScan,
    set: TickColumnSet,
    scratch: Vec<(Seq, Event)>,
    ended: bool,
}

impl TickScan {
    pub(crate) const fn new(rows: RowScan, set: TickColumnSet) -> Self {
        Self { rows, set, scratch: Vec::new(), ended: false }
    }

    /// Replaces what `out` holds by the wanted columns of the next ticks and returns how many there are, at least one;
    /// `None` at the end.
    ///
    /// # Errors
    /// [`ReadError`]; the scan then ends.
    pub fn next_batch(&mut self, out: &mut TickColumns) -> Result<Option<usize>, ReadError> {
        while !self.ended {
            let count = self.read_row(out);
            self.ended = !matches!(count, Ok(Some(_)));
            if let Some(count @ 1..) = count? {
                return Ok(Some(count));
            }
        }
        Ok(None)
    }

    /// The ticks of the next row; `None` when there is no row.
    fn read_row(&mut self, out: &mut TickColumns) -> Result<Option<usize>, ReadError> {
        let Some((row, reader)) = self.rows.next_row()? else { return Ok(None) };
        let (from, to, filter) = (self.rows.from, self.rows.to, self.rows.filter);
        let (path, wanted) = (reader.path(), self.set);
        let cut = row.header.first < from || row.header.end() > to.plus(1);
        if !cut && !filter.has_times() {
            return row.ticks(path, &filter, wanted, out, &mut self.scratch).map(Some);
        }
        let set = wanted.with(TickColumnSet::SEQ).with(TickColumnSet::TS);
        row.ticks(path, &filter, set, out, &mut self.scratch)?;
        let times = out.ts.iter().map(|ts| filter.admits_time(Some(barkeep_schemas::Ts::new(*ts))));
        let keep: Vec<bool> =
            out.seq.iter().zip(times).map(|(seq, in_time)| in_time && (from.0..=to.0).contains(seq)).collect();
        let count = keep.iter().filter(|keep| **keep).count();
        out.retain(&keep);
        out.keep(wanted);
        Ok(Some(count))
    }
}
