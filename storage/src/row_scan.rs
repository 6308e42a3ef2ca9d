//! A pass over the rows of the tape, from segment to segment: what scans of events and of columns share.
//!
//! Never holds a transaction while its caller works, and never takes a row apart. Called by [`crate::Scan`] and
//! [`crate::TickScan`].

use std::collections::VecDeque;
use std::sync::Arc;

use barkeep_schemas::Seq;

use crate::error::ReadError;
use crate::filter::Filter;
use crate::paths::DataDir;
use crate::raw_row::RawRow;
use crate::reader::{PATIENCE, SegmentReader};
use crate::tape::SegmentInfo;

/// The rows that may hold events from position `from` to position `to`, both included, that pass a filter.
pub(crate) struct RowScan {
    dir: DataDir,
    segments: Arc<[SegmentInfo]>,
    newest: Option<Arc<SegmentReader>>,
    pub(crate) filter: Filter,
    /// Invariant: every row with a wanted event before this position has been handed out or lies in `rows`.
    next: Seq,
    pub(crate) from: Seq,
    pub(crate) to: Seq,
    /// Index of the segment that is being read.
    at: usize,
    reader: Option<Arc<SegmentReader>>,
    rows: VecDeque<RawRow>,
}

impl RowScan {
    pub(crate) fn new(
        dir: DataDir,
        segments: Arc<[SegmentInfo]>,
        newest: Option<Arc<SegmentReader>>,
        from: Seq,
        to: Seq,
        filter: Filter,
    ) -> Self {
        Self { dir, segments, newest, filter, next: from, from, to, at: 0, reader: None, rows: VecDeque::new() }
    }

    /// The next row and the segment that it lies in; `None` at the end.
    pub(crate) fn next_row(&mut self) -> Result<Option<(RawRow, Arc<SegmentReader>)>, ReadError> {
        loop {
            if let (Some(reader), Some(row)) = (&self.reader, self.rows.pop_front()) {
                return Ok(Some((row, reader.clone())));
            }
            if self.next > self.to || !self.read_on()? {
                return Ok(None);
            }
        }
    }

    /// Reads the next rows; `false` at the end of the tape.
    fn read_on(&mut self) -> Result<bool, ReadError> {
        let Some((info, previous)) = self.seek()? else { return Ok(false) };
        let reader = match self.reader.take().filter(|reader| reader.path() == info.path) {
            Some(reader) => reader,
            None => self.open(&info)?,
        };
        if let Some(previous) = previous.filter(|previous| self.from < previous.end()) {
            check_adjacent(&previous, &info)?;
        }
        let last = Seq(info.end().0.saturating_sub(1));
        let batch = reader.rows_from(self.next, self.to.min(last), &self.filter)?;
        self.reader = Some(reader);
        if batch.next == self.next {
            return Err(ReadError::Short { path: info.path, expected: self.next, last });
        }
        // The segment may have grown since the tape was opened; what is beyond `last` belongs to no segment here.
        self.next = batch.next.min(info.end());
        self.rows = batch.rows.into();
        Ok(true)
    }

    /// Finds the segment that holds `next`, moving `next` over pruned segments; with the one before it.
    fn seek(&mut self) -> Result<Option<(SegmentInfo, Option<SegmentInfo>)>, ReadError> {
        while let Some(info) = self.segments.get(self.at) {
            if self.next < info.end() {
                let previous = self.at.checked_sub(1).and_then(|at| self.segments.get(at));
                self.next = self.next.max(info.first_seq);
                return Ok((self.next <= self.to).then(|| (info.clone(), previous.cloned())));
            }
            self.at += 1;
        }
        Ok(None)
    }

    fn open(&self, info: &SegmentInfo) -> Result<Arc<SegmentReader>, ReadError> {
        match self.newest.as_ref().filter(|newest| newest.path() == info.path) {
            Some(newest) => Ok(newest.clone()),
            None => SegmentReader::open(&self.dir, &info.path, PATIENCE).map(Arc::new),
        }
    }
}

/// Sees to it that a segment begins where the one before it ended. Where segments between them were pruned, positions
/// may only be missing, never be there twice.
fn check_adjacent(previous: &SegmentInfo, info: &SegmentInfo) -> Result<(), ReadError> {
    let (expected, found) = (previous.end(), info.first_seq);
    let adjacent = previous.ordinal.checked_add(1) == Some(info.ordinal);
    if found == expected || (found > expected && !adjacent) {
        return Ok(());
    }
    Err(ReadError::Broken { path: info.path.clone(), expected, found })
}
