//! A pass over the tape: events in order, some blocks in memory at a time.
//!
//! Never holds a transaction while its caller works. Called through [`crate::Tape::scan`].

use barkeep_schemas::{Event, Seq};

use crate::columns::Decoder;
use crate::error::ReadError;
use crate::row_scan::RowScan;

/// Iterates over events with their positions. After an error it ends.
pub struct Scan {
    rows: RowScan,
    events: std::vec::IntoIter<(Seq, Event)>,
    decoder: Decoder,
    ended: bool,
}

impl Scan {
    pub(crate) fn new(rows: RowScan) -> Self {
        Self { rows, events: Vec::new().into_iter(), decoder: Decoder::new(), ended: false }
    }

    /// Replaces what `out` holds by the next events, those of one row: some thousands at a time where the iterator hands
    /// out one. `false`, and `out` empty, at the end. Events that the iterator has taken from a row before come first.
    ///
    /// # Errors
    /// [`ReadError`]; the scan then ends.
    pub fn next_batch(&mut self, out: &mut Vec<(Seq, Event)>) -> Result<bool, ReadError> {
        out.clear();
        out.extend(self.events.by_ref());
        while out.is_empty() && !self.ended {
            let more = self.read_row(out);
            self.ended = !matches!(more, Ok(true));
            more?;
        }
        Ok(!out.is_empty())
    }

    /// Appends the wanted events of the next row; `false` when there is no row.
    fn read_row(&mut self, out: &mut Vec<(Seq, Event)>) -> Result<bool, ReadError> {
        let Some((row, reader)) = self.rows.next_row()? else { return Ok(false) };
        row.events_with(reader.path(), &self.rows.filter, &mut self.decoder, out)?;
        let (from, to) = (self.rows.from, self.rows.to);
        if row.header.first < from || row.header.end() > to.plus(1) {
            out.retain(|(seq, _)| (from..=to).contains(seq));
        }
        Ok(true)
    }
}

impl Iterator for Scan {
    type Item = Result<(Seq, Event), ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(item) = self.events.next() {
                return Some(Ok(item));
            }
            let mut events = Vec::new();
            match self.next_batch(&mut events) {
                Ok(true) => self.events = events.into_iter(),
                Ok(false) => return None,
                Err(error) => return Some(Err(error)),
            }
        }
    }
}
