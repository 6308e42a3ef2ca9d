//! Follows the tape: new durable events, from one segment into the next, while a writer appends in any process.
//!
//! Shows what is flushed and no more: of a writer that was killed in the middle of a commit the last one may be on the
//! file and not flushed; it is handed out when the next writer has flushed it. Never blocks, never holds a transaction
//! between two polls, and outlives the writer. Called by mirrors, monitors and `tape tail`; each keeps its own cursor where
//! its effect is.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use barkeep_schemas::{Event, Seq};

use crate::error::ReadError;
use crate::filter::Filter;
use crate::header::SegmentHeader;
use crate::paths::{DataDir, SegmentName};
use crate::raw_row::RawRow;
use crate::reader::SegmentReader;

/// The segment being followed.
struct Current {
    name: SegmentName,
    reader: SegmentReader,
    rows: VecDeque<RawRow>,
    events: std::vec::IntoIter<(Seq, Event)>,
}

/// A follower with its place on the tape.
pub struct Follower {
    dir: DataDir,
    /// The position of the next event to hand out.
    next: Seq,
    current: Option<Current>,
    /// The headers of the segments seen so far; only what never changes in them is used.
    known: BTreeMap<SegmentName, SegmentHeader>,
}

impl Follower {
    /// A follower that has seen everything up to `after` (0: nothing).
    pub fn new(dir: &DataDir, after: Seq) -> Self {
        Self { dir: dir.clone(), next: after.plus(1), current: None, known: BTreeMap::new() }
    }

    /// Goes on as if everything up to `after` had been handed out.
    pub(crate) fn skip_to(&mut self, after: Seq) {
        self.next = after.plus(1);
        // The rows at hand may end before it, or in another segment.
        self.current = None;
    }

    /// The position of the last event handed out.
    pub fn after(&self) -> Seq {
        Seq(self.next.0.saturating_sub(1))
    }

    /// The next events that are durable, at most `max_events`; empty when there are none yet, or when a writer is just
    /// repairing the segment.
    ///
    /// # Errors
    /// [`ReadError::Gone`] when the next events were pruned, [`ReadError::Beyond`] when the tape is shorter than this
    /// follower's place. The place never moves past an event that was not handed out, so a poll may be repeated.
    pub fn poll(&mut self, max_events: usize) -> Result<Vec<(Seq, Event)>, ReadError> {
        let mut events = Vec::new();
        while events.len() < max_events {
            match self.step() {
                Ok(Some((seq, event))) => {
                    self.next = seq.plus(1);
                    events.push((seq, event));
                }
                Ok(None) => break,
                // What came before the error is handed out first; the next poll meets the error again.
                Err(_) if !events.is_empty() => {
                    self.current = None;
                    break;
                }
                Err(error) => {
                    self.current = None;
                    return Err(error);
                }
            }
        }
        Ok(events)
    }

    fn step(&mut self) -> Result<Option<(Seq, Event)>, ReadError> {
        loop {
            let Some(current) = &mut self.current else {
                if self.find_segment()? { continue } else { return Ok(None) }
            };
            let path = current.reader.path();
            if let Some(item) = current.events.find(|(seq, _)| *seq >= self.next) {
                return Ok(Some(item));
            }
            if let Some(row) = current.rows.pop_front() {
                let mut events = Vec::new();
                row.events(path, &Filter::ALL, &mut events)?;
                current.events = events.into_iter();
                continue;
            }
            // Read before the rows: a segment that was sealed then has no rows that appear later.
            let header = current.reader.header()?;
            let batch = current.reader.rows_from(self.next, Seq(u64::MAX), &Filter::ALL)?;
            if !batch.rows.is_empty() {
                current.rows = batch.rows.into();
            } else if header.sealed && self.leave(&header)? {
                self.current = None;
            } else {
                return Ok(None);
            }
        }
    }

    /// Whether a sealed segment without further rows is done with and the next one has begun.
    fn leave(&mut self, header: &SegmentHeader) -> Result<bool, ReadError> {
        if self.next <= header.last_seq {
            let path = self.dir.segment(header.name);
            return Err(ReadError::Short { path, expected: self.next, last: header.last_seq });
        }
        if self.next > header.last_seq.plus(1) {
            return self.beyond(header.last_seq);
        }
        self.learn()?;
        Ok(self.known.values().any(|other| other.ordinal > header.ordinal))
    }

    fn beyond<T>(&self, last: Seq) -> Result<T, ReadError> {
        Err(ReadError::Beyond { after: self.after(), last })
    }

    /// Opens the segment that holds the next event, or will; `false` when there is none that is ready.
    fn find_segment(&mut self) -> Result<bool, ReadError> {
        if !self.learn()? {
            return Ok(false);
        }
        let mut headers: Vec<&SegmentHeader> = self.known.values().collect();
        headers.sort_unstable_by_key(|header| header.ordinal);
        let Some(header) = headers.iter().rev().find(|header| header.first_seq <= self.next).copied() else {
            return match headers.first() {
                Some(first) => Err(ReadError::Gone { wanted: self.next, next: first.first_seq }),
                None => Ok(false),
            };
        };
        let following = headers.iter().find(|other| other.ordinal > header.ordinal).map(|other| other.first_seq);
        let name = header.name;
        let Some(reader) = self.open(name)? else { return Ok(false) };
        let (header, last) = reader.extent()?;
        let end = last.map_or(header.first_seq, |last| last.plus(1));
        if self.next >= end {
            match following {
                Some(next) => return Err(ReadError::Gone { wanted: self.next, next }),
                None if self.next > end => return self.beyond(Seq(end.0.saturating_sub(1))),
                None => {}
            }
        }
        self.current = Some(Current { name, reader, rows: VecDeque::new(), events: Vec::new().into_iter() });
        Ok(true)
    }

    /// Reads the headers of segments not seen before and forgets those that are gone; `false` when one is not ready.
    fn learn(&mut self) -> Result<bool, ReadError> {
        let names = self.dir.segment_names().map_err(|source| ReadError::File { path: self.dir.tape(), source })?;
        self.known.retain(|name, _| names.binary_search(name).is_ok());
        for name in names {
            if self.known.contains_key(&name) {
                continue;
            }
            let Some(reader) = self.open(name)? else { return Ok(false) };
            let header = reader.header()?;
            self.known.insert(name, header);
        }
        Ok(true)
    }

    /// Opens a segment; `None` while a writer repairs it.
    fn open(&self, name: SegmentName) -> Result<Option<SegmentReader>, ReadError> {
        match SegmentReader::open(&self.dir, &self.dir.segment(name), Duration::ZERO) {
            Err(ReadError::Repairing { .. }) => Ok(None),
            reader => reader.map(Some),
        }
    }

    /// The segment that is being followed.
    pub fn segment(&self) -> Option<SegmentName> {
        self.current.as_ref().map(|current| current.name)
    }
}
