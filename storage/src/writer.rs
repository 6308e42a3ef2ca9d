//! The one writer of a data directory: it holds the lock, appends events and begins and seals segments.
//!
//! Invariant: positions run on without a hole, and what [`Writer::commit`] returned for is durable. After a failed
//! commit nothing more is written by this writer. Never reads a clock and never removes a segment that has a header.
//! Called by the daemon (through [`crate::Committer`]) and by commands that write while no daemon runs.

use barkeep_schemas::{Event, Hash32, Seq, SessionDate};

use crate::error::{CommitError, OpenError, ReadError};
use crate::header::{FORMAT, SegmentHeader};
use crate::lock::Lock;
use crate::open_segment::{OpenSegment, Prepared};
use crate::paths::{DataDir, NEWBORN_SUFFIX, SegmentName};
use crate::reader::{SegmentReader, open_for_writing, open_read_only};
use crate::tape::{SegmentInfo, inspect};

/// The writer. Dropping it closes the segment and releases the lock; [`Writer::close`] also tells how that went.
pub struct Writer {
    open: Option<OpenSegment>,
    next_seq: Seq,
    /// The chain hash where the last sealed segment ends; zero when there is none or it has none.
    last_chain: Hash32,
    last_ordinal: u64,
    poison: Option<CommitError>,
    dir: DataDir,
    /// Released last, after the segment is closed.
    _lock: Lock,
}

impl Writer {
    /// Makes the folders where they are missing, takes the lock for `command`, removes what a crash left of a segment
    /// that never began, repairs the newest segment if it was not closed cleanly, and finds the last position.
    ///
    /// # Errors
    /// [`OpenError::Lock`] when another process writes; [`OpenError::Read`] when the tape is damaged, broken or newer
    /// than this build; [`OpenError::File`] when the folders cannot be prepared; [`OpenError::Repair`] when the disk
    /// does not let a segment be repaired.
    pub fn open(dir: &DataDir, command: &str) -> Result<Self, OpenError> {
        dir.create().map_err(|source| OpenError::File { path: dir.root().to_path_buf(), source })?;
        let lock = Lock::acquire(dir, command)?;
        remove_newborns(dir)?;
        let mut segments = known_segments(dir)?;
        check_order(&segments)?;
        let newest = segments.pop();
        if let Some((_, open)) = segments.iter().find(|(header, _)| !header.sealed) {
            return Err(OpenError::NotSealed { path: open.path.clone() });
        }
        let mut writer = Self {
            open: None,
            next_seq: Seq::FIRST,
            last_chain: Hash32::default(),
            last_ordinal: 0,
            poison: None,
            dir: dir.clone(),
            _lock: lock,
        };
        if let Some((header, info)) = newest {
            writer.last_ordinal = header.ordinal;
            writer.next_seq = info.end();
            writer.last_chain = header.last_chain;
            if header.sealed {
                // A crash may have come between the seal and this.
                dir.disk()
                    .make_read_only(&info.path)
                    .map_err(|source| OpenError::File { path: info.path.clone(), source })?;
            } else {
                let open = OpenSegment::reopen(dir, &info.path)?;
                writer.next_seq = open.end();
                writer.open = Some(open);
            }
        }
        Ok(writer)
    }

    /// The position that the next event takes; [`Seq::FIRST`] on an empty tape.
    pub fn next_seq(&self) -> Seq {
        self.next_seq
    }

    /// The hash of the chain at the last event; zero on an empty tape and behind a segment of format 0.
    pub fn chain_hash(&self) -> Hash32 {
        self.open.as_ref().map_or(self.last_chain, OpenSegment::chain_hash)
    }

    /// The segment that takes events, if one does.
    pub fn open_segment(&self) -> Option<&SegmentHeader> {
        self.open.as_ref().map(|open| &open.header)
    }

    /// The data directory.
    pub fn dir(&self) -> &DataDir {
        &self.dir
    }

    /// Seals the open segment, if there is one, and begins a new one: the next run of `date`. Durable on return.
    ///
    /// # Errors
    /// [`CommitError`]; the writer is then poisoned.
    pub fn begin_segment(&mut self, date: SessionDate) -> Result<SegmentName, CommitError> {
        self.seal()?;
        let result = self.create_segment(date);
        self.poison_on_error(result)
    }

    fn create_segment(&mut self, date: SessionDate) -> Result<SegmentName, CommitError> {
        let names = self
            .dir
            .segment_names()
            .map_err(|source| CommitError::file(&self.dir.tape(), "list the segments", self.next_seq, source))?;
        let last_run = names.iter().filter(|name| name.date == date).map(|name| name.run).max().unwrap_or(0);
        let name = SegmentName { date, run: last_run.saturating_add(1) };
        let previous_last = Seq(self.next_seq.0.saturating_sub(1));
        let header = SegmentHeader {
            format: FORMAT,
            name,
            ordinal: self.last_ordinal.saturating_add(1),
            first_seq: self.next_seq,
            previous_last,
            previous_chain: self.last_chain,
            sealed: false,
            last_seq: previous_last,
            last_chain: Hash32::default(),
        };
        self.open = Some(OpenSegment::create(&self.dir, header)?);
        self.last_ordinal = header.ordinal;
        Ok(name)
    }

    /// Appends the events in order, from [`Self::next_seq`] on, in one transaction that is durable on return; the last
    /// position, or `None` for no events, which is no transaction.
    ///
    /// # Errors
    /// [`CommitError::NoSegment`] when no segment is open. Any other [`CommitError`] poisons the writer: every later
    /// call fails with the same one. What of the failed batch is on the disk shows when the tape is opened again: all
    /// of it or nothing.
    pub fn commit(&mut self, events: &[Event]) -> Result<Option<Seq>, CommitError> {
        let before = self.next_seq;
        let Some(prepared) = self.prepare(events)? else { return Ok(None) };
        let written = prepared.write();
        if written.is_err() {
            self.next_seq = before;
        }
        self.poison_on_error(written)?;
        Ok(Some(prepared.last))
    }

    /// Lays the next events out as one transaction, so that this writer can prepare the one behind it while it is
    /// written. It must be written before anything else is asked of this writer but to prepare more, and its failure
    /// told to [`Self::fail`].
    pub(crate) fn prepare(&mut self, events: &[Event]) -> Result<Option<Prepared>, CommitError> {
        self.check_poison()?;
        if events.is_empty() {
            return Ok(None);
        }
        let Some(open) = &mut self.open else { return Err(CommitError::NoSegment { next: self.next_seq }) };
        let result = open.prepare(events);
        let end = open.end();
        let prepared = self.poison_on_error(result)?;
        self.next_seq = end;
        Ok(prepared)
    }

    /// Takes no more events, since one that was prepared could not be written.
    pub(crate) fn fail(&mut self, error: CommitError) {
        self.poison.get_or_insert(error);
    }

    /// Seals the open segment: it takes no more events, its file is closed and read-only. Nothing happens when no
    /// segment is open.
    ///
    /// # Errors
    /// [`CommitError`]; the writer is then poisoned.
    pub fn seal(&mut self) -> Result<(), CommitError> {
        self.check_poison()?;
        match self.open.take() {
            Some(open) => {
                let result = open.seal();
                self.last_chain = self.poison_on_error(result)?.last_chain;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Closes the segment's file without sealing it and releases the lock.
    ///
    /// # Errors
    /// The first reason, when the writer is poisoned, or why the file could not be closed cleanly; it is then repaired
    /// by the next writer.
    pub fn close(mut self) -> Result<(), CommitError> {
        self.check_poison()?;
        self.open.take().map_or(Ok(()), OpenSegment::close)
    }

    fn check_poison(&self) -> Result<(), CommitError> {
        self.poison.clone().map_or(Ok(()), Err)
    }

    fn poison_on_error<T>(&mut self, result: Result<T, CommitError>) -> Result<T, CommitError> {
        if let Err(error) = &result {
            self.poison = Some(error.clone());
        }
        result
    }
}

/// Removes files that a crash left before their header was durable: they never were segments.
fn remove_newborns(dir: &DataDir) -> Result<(), OpenError> {
    let tape = dir.tape();
    let files = dir.tape_files().map_err(|source| OpenError::File { path: tape.clone(), source })?;
    let mut removed = false;
    for file in files.iter().filter(|file| file.ends_with(NEWBORN_SUFFIX)) {
        let path = tape.join(file);
        dir.disk().remove(&path).map_err(|source| OpenError::File { path, source })?;
        removed = true;
    }
    if removed {
        dir.disk().sync_folder(&tape).map_err(|source| OpenError::File { path: tape, source })?;
    }
    Ok(())
}

/// Every segment in tape order, the unclean ones repaired.
fn known_segments(dir: &DataDir) -> Result<Vec<(SegmentHeader, SegmentInfo)>, OpenError> {
    let names = dir.segment_names().map_err(|source| ReadError::File { path: dir.tape(), source })?;
    let mut segments = Vec::with_capacity(names.len());
    for name in names {
        let path = dir.segment(name);
        if is_unclean(dir, &path)? {
            // Opening for writing repairs, closing marks the file clean.
            open_for_writing(dir, &path)?.close().map_err(|error| OpenError::repair(&path, error))?;
        }
        segments.push(inspect(&SegmentReader::open(dir, &path, std::time::Duration::ZERO)?)?);
    }
    segments.sort_unstable_by_key(|(header, _)| header.ordinal);
    Ok(segments)
}

/// Whether a segment's file was not closed cleanly.
pub(crate) fn is_unclean(dir: &DataDir, path: &std::path::Path) -> Result<bool, ReadError> {
    match open_read_only(dir, path)? {
        Ok(_) => Ok(false),
        Err(redb::DatabaseError::RepairAborted) => Ok(true),
        Err(error) => Err(ReadError::redb(path, error)),
    }
}

/// Sees to it that each segment begins where the one before it ended. Where segments were pruned, the ordinals jump.
fn check_order(segments: &[(SegmentHeader, SegmentInfo)]) -> Result<(), OpenError> {
    for pair in segments.windows(2) {
        if let [(before, before_info), (header, info)] = pair {
            let expected = before_info.end();
            let adjacent = before.ordinal.checked_add(1) == Some(header.ordinal);
            let follows = if adjacent { header.first_seq == expected } else { header.first_seq > expected };
            if !follows || before.ordinal == header.ordinal {
                let (path, found) = (info.path.clone(), header.first_seq);
                return Err(ReadError::Broken { path, expected, found }.into());
            }
        }
    }
    Ok(())
}
