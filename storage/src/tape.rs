//! The read side: the tape as it is when opened, in any process, beside a live writer or without one.
//!
//! Never writes and takes no lock that a writer waits for. Called by commands, replay and recovery.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use barkeep_schemas::{EventKind, Hash32, Seq, SessionDate};

use crate::columns::TickColumnSet;
use crate::error::{OpenError, ReadError};
use crate::filter::Filter;
use crate::header::SegmentHeader;
use crate::paths::{DataDir, SegmentName};
use crate::reader::{PATIENCE, SegmentReader};
use crate::row_scan::RowScan;
use crate::scan::Scan;
use crate::tick_scan::TickScan;

/// A segment as it was when looked at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SegmentInfo {
    /// Date and run.
    pub name: SegmentName,
    /// The file.
    pub path: PathBuf,
    /// Place in the tape, from 1.
    pub ordinal: u64,
    /// Position of the first event.
    pub first_seq: Seq,
    /// Position of the last event; `None` when there is none.
    pub last_seq: Option<Seq>,
    /// Whether the segment takes no more events.
    pub sealed: bool,
    /// Bytes allocated on the disk.
    pub file_bytes: u64,
    /// Format version.
    pub format: u32,
}

impl SegmentInfo {
    pub(crate) fn new(
        dir: &DataDir,
        path: &Path,
        header: &SegmentHeader,
        last_seq: Option<Seq>,
    ) -> Result<Self, ReadError> {
        let stat = dir.disk().stat(path).map_err(|source| ReadError::File { path: path.to_path_buf(), source })?;
        Ok(Self {
            name: header.name,
            path: path.to_path_buf(),
            ordinal: header.ordinal,
            first_seq: header.first_seq,
            last_seq,
            sealed: header.sealed,
            file_bytes: stat.allocated_bytes,
            format: header.format,
        })
    }

    /// The position after the last event.
    pub fn end(&self) -> Seq {
        self.last_seq.map_or(self.first_seq, |last| last.plus(1))
    }
}

/// Reads what a segment says of itself; a sealed segment's last position is its header's.
pub(crate) fn inspect(reader: &SegmentReader) -> Result<(SegmentHeader, SegmentInfo), ReadError> {
    let header = reader.header()?;
    let (header, last) = if header.sealed {
        (header, (header.last_seq >= header.first_seq).then_some(header.last_seq))
    } else {
        reader.extent()?
    };
    Ok((header, SegmentInfo::new(reader.dir(), reader.path(), &header, last)?))
}

/// The tape as it was when opened. What is appended later is a [`crate::Follower`]'s to read.
pub struct Tape {
    segments: Arc<[SegmentInfo]>,
    /// Kept open, since opening an unclean file repairs it in memory.
    newest: Option<Arc<SegmentReader>>,
    dir: DataDir,
}

impl Tape {
    /// Opens the tape of a data directory. Missing folders are an empty tape; segments pruned meanwhile are passed over.
    ///
    /// # Errors
    /// [`OpenError::Read`] when a segment cannot be read, was written by a newer barkeep, or is under repair for longer
    /// than five seconds.
    pub fn open(dir: &DataDir) -> Result<Self, OpenError> {
        let mut newest: Option<(u64, SegmentReader)> = None;
        let mut segments = Vec::new();
        let names = dir.segment_names().map_err(|source| ReadError::File { path: dir.tape(), source })?;
        for name in names {
            let path = dir.segment(name);
            let reader = match SegmentReader::open(dir, &path, PATIENCE) {
                Err(ReadError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => continue,
                reader => reader?,
            };
            let (header, info) = inspect(&reader)?;
            if header.name != name {
                return Err(ReadError::Misnamed { path, header: header.name }.into());
            }
            if newest.as_ref().is_none_or(|(ordinal, _)| info.ordinal > *ordinal) {
                newest = Some((info.ordinal, reader));
            }
            segments.push(info);
        }
        segments.sort_unstable_by_key(|info: &SegmentInfo| info.ordinal);
        for (one, next) in segments.iter().zip(segments.iter().skip(1)) {
            if one.ordinal == next.ordinal {
                return Err(ReadError::Misnamed { path: next.path.clone(), header: one.name }.into());
            }
        }
        let newest = newest.map(|(_, reader)| Arc::new(reader));
        Ok(Self { segments: segments.into(), newest, dir: dir.clone() })
    }

    /// The segments in the order of their positions.
    pub fn segments(&self) -> &[SegmentInfo] {
        &self.segments
    }

    /// A segment of a date: the given run, or the newest.
    pub fn segment_of(&self, date: SessionDate, run: Option<u32>) -> Option<&SegmentInfo> {
        self.segments
            .iter()
            .filter(|info| info.name.date == date && run.is_none_or(|run| run == info.name.run))
            .max_by_key(|info| info.name.run)
    }

    /// The last position; 0 when there is no event.
    pub fn last_seq(&self) -> Seq {
        self.segments.last().map_or(Seq(0), |info| Seq(info.end().0.saturating_sub(1)))
    }

    /// The first position that is still there; `None` when there is no event.
    pub fn first_seq(&self) -> Option<Seq> {
        self.segments.iter().find(|info| info.last_seq.is_some()).map(|info| info.first_seq)
    }

    /// The events from position `from` to position `to` (both included; `None`: to the end as it was when the tape was
    /// opened) that `filter` lets through. Pruned segments are passed over; any other gap is an error.
    pub fn scan(&self, from: Seq, to: Option<Seq>, filter: &Filter) -> Scan {
        Scan::new(self.rows(from, to, *filter))
    }

    /// The ticks from position `from` to position `to`, as [`Tape::scan`] has them, column by column; the kinds of
    /// `filter` play no part.
    pub fn scan_ticks(&self, from: Seq, to: Option<Seq>, columns: TickColumnSet, filter: &Filter) -> TickScan {
        let filter = Filter { kinds: Filter::kinds([EventKind::Tick]).kinds, ..*filter };
        TickScan::new(self.rows(from, to, filter), columns)
    }

    fn rows(&self, from: Seq, to: Option<Seq>, filter: Filter) -> RowScan {
        let to = to.map_or(self.last_seq(), |to| to.min(self.last_seq()));
        RowScan::new(self.dir.clone(), self.segments.clone(), self.newest.clone(), from.max(Seq::FIRST), to, filter)
    }

    /// The hash of the chain at the event at `seq`; `None` when the event is not on this tape, or lies in a segment of
    /// format 0, which has no chain.
    ///
    /// # Errors
    /// [`ReadError`] when the segment cannot be read.
    pub fn chain_at(&self, seq: Seq) -> Result<Option<Hash32>, ReadError> {
        let holds = |info: &&SegmentInfo| (info.first_seq..info.end()).contains(&seq);
        match self.segments.iter().find(holds) {
            Some(info) => self.reader(info)?.chain_at(seq),
            None => Ok(None),
        }
    }

    fn reader(&self, info: &SegmentInfo) -> Result<Arc<SegmentReader>, ReadError> {
        match self.newest.as_ref().filter(|newest| newest.path() == info.path) {
            Some(newest) => Ok(newest.clone()),
            None => SegmentReader::open(&self.dir, &info.path, PATIENCE).map(Arc::new),
        }
    }

    /// The events of one segment that `filter` lets through.
    pub fn scan_segment(&self, segment: &SegmentInfo, filter: &Filter) -> Scan {
        match segment.last_seq {
            Some(last) => self.scan(segment.first_seq, Some(last), filter),
            None => self.scan(Seq::FIRST, Some(Seq(0)), filter),
        }
    }
}
