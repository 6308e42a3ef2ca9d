//! One segment opened for reading, beside a live writer, without one, or after a crash of one.
//!
//! Never writes to the file and never holds a transaction across a caller's work: rows are copied out. Called by the
//! tape, its scans and followers.
//!
//! A clean file, or one that a live writer has open, is opened read-only in the writer's mode and follows its commits.
//! An unclean file that nobody has locked is opened through the overlay of `cow.rs`; when a writer takes it over, the
//! next read reopens it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use barkeep_schemas::{DecodeError, Event, Seq};
use redb::{
    Builder, ConcurrencyMode, Database, DatabaseError, ReadOnlyDatabase, ReadOnlyTable, ReadTransaction,
    ReadableDatabase, ReadableTable, StorageBackend as _, TableDefinition,
};

use crate::BLOCK_EVENTS;
use crate::columns::ColumnsError;
use crate::cow::{CowBackend, StillFile};
use crate::disk::Access;
use crate::error::ReadError;
use crate::filter::{Filter, KindSet};
use crate::header::{FORMAT, HeaderFault, SegmentHeader};
use crate::lock::Lock;
use crate::paths::DataDir;
use crate::row::{self, Damage, HEADER_BYTES, RowHeader};

/// The segment's header under [`HEADER_KEY`].
pub(crate) const META: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("meta");
/// One row for each commit since the last cut; key = first position.
pub(crate) const TAIL: TableDefinition<'static, u64, &[u8]> = TableDefinition::new("tail");
/// Rows of exactly [`BLOCK_EVENTS`] events; key = first position.
pub(crate) const BLOCKS: TableDefinition<'static, u64, &[u8]> = TableDefinition::new("blocks");
/// Where in `meta` the header lies.
pub(crate) const HEADER_KEY: &str = "header";

/// redb's cache for one open segment, in bytes; a larger one scans more slowly.
pub(crate) const CACHE_BYTES: usize = 64 << 20;

/// How many blocks one transaction may pass over before it ends.
const SKIPPED_MAX: u32 = 256;

/// How long a segment that is not ready is waited for, where waiting is allowed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// The pause before an unready file is tried again.
const PAUSE: Duration = Duration::from_millis(10);

/// A way to read a file.
enum Handle {
    /// Follows the commits of the writer, if there is one.
    Live(ReadOnlyDatabase),
    /// A repaired view of a file that had no writer when it was opened.
    Repaired(Database, Arc<StillFile>),
}

impl Handle {
    fn begin(&self) -> Result<ReadTransaction, redb::TransactionError> {
        match self {
            Self::Live(db) => db.begin_read(),
            Self::Repaired(db, _) => db.begin_read(),
        }
    }

    fn is_stale(&self) -> bool {
        match self {
            Self::Live(_) => false,
            Self::Repaired(_, file) => file.is_stale(),
        }
    }
}

/// A row as stored, copied out of its transaction.
pub(crate) struct RawRow {
    table: &'static str,
    pub(crate) header: RowHeader,
    value: Vec<u8>,
}

/// What one read transaction yielded.
pub(crate) struct Batch {
    /// Rows that may hold wanted events, in order.
    pub(crate) rows: Vec<RawRow>,
    /// The first position that was not looked at; the position asked for when there is nothing more.
    pub(crate) next: Seq,
}

/// A segment opened for reading.
pub(crate) struct SegmentReader {
    dir: DataDir,
    path: PathBuf,
    handle: Mutex<Arc<Handle>>,
}

impl SegmentReader {
    /// Opens the file, waiting up to `patience` while a writer repairs it.
    pub(crate) fn open(dir: &DataDir, path: &Path, patience: Duration) -> Result<Self, ReadError> {
        let handle = open_handle(dir, path, patience)?;
        Ok(Self { dir: dir.clone(), path: path.to_path_buf(), handle: Mutex::new(Arc::new(handle)) })
    }

    pub(crate) fn dir(&self) -> &DataDir {
        &self.dir
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Runs `read` in one transaction; once more when a writer took over a file that had none.
    fn read<T>(&self, read: impl Fn(&ReadTransaction) -> Result<T, ReadError>) -> Result<T, ReadError> {
        let handle = self.handle.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let run = |handle: &Handle| {
            let txn = handle.begin().map_err(|error| ReadError::redb(&self.path, error))?;
            read(&txn)
        };
        let result = run(&handle);
        if !handle.is_stale() {
            return result;
        }
        let fresh = Arc::new(open_handle(&self.dir, &self.path, PATIENCE)?);
        *self.handle.lock().unwrap_or_else(PoisonError::into_inner) = fresh.clone();
        run(&fresh)
    }

    /// The header as it is now.
    pub(crate) fn header(&self) -> Result<SegmentHeader, ReadError> {
        self.read(|txn| read_header(txn, &self.path))
    }

    /// The header and the last position as they are now; `None` when the segment is empty.
    pub(crate) fn extent(&self) -> Result<(SegmentHeader, Option<Seq>), ReadError> {
        self.read(|txn| {
            let header = read_header(txn, &self.path)?;
            let last = Tables::open(txn, &self.path)?.end()?.map(|end| Seq(end.0.saturating_sub(1)));
            Ok((header, last))
        })
    }

    /// Reads the rows from position `next` up to `to` that `filter` may let through: one block, or the whole tail.
    pub(crate) fn rows_from(&self, next: Seq, to: Seq, filter: &Filter) -> Result<Batch, ReadError> {
        self.read(|txn| Tables::open(txn, &self.path)?.rows_from(next, to, filter))
    }
}

/// Opens a handle, through the overlay when the file is unclean and nobody writes.
fn open_handle(dir: &DataDir, path: &Path, patience: Duration) -> Result<Handle, ReadError> {
    let began = Instant::now();
    loop {
        let file = StillFile::open(dir.disk(), path).map_err(|source| file_error(path, source))?;
        match open_read_only(dir, path)? {
            Ok(db) => return Ok(Handle::Live(db)),
            Err(DatabaseError::RepairAborted | DatabaseError::DatabaseAlreadyOpen) => {}
            Err(error) => return Err(ReadError::redb(path, error)),
        }
        let holder = Lock::holder(dir)?;
        let waited = began.elapsed();
        if holder.is_none() {
            match Builder::new().set_cache_size(CACHE_BYTES).create_with_backend(CowBackend::new(file.clone())) {
                Ok(db) => return Ok(Handle::Repaired(db, file)),
                // A file that changes is a writer's that has just begun, and has the lock the next time round.
                Err(error) if !file.is_stale() || waited >= PATIENCE => return Err(ReadError::redb(path, error)),
                Err(_) => {}
            }
        }
        if let Some(holder) = holder.filter(|_| waited >= patience) {
            let waited_ms = u64::try_from(waited.as_millis()).unwrap_or(u64::MAX);
            return Err(ReadError::Repairing { path: path.to_path_buf(), holder, waited_ms });
        }
        thread::sleep(PAUSE);
    }
}

/// How every segment is opened: one writer, any number of readers beside it.
pub(crate) fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE_BYTES).set_concurrency_mode(ConcurrencyMode::SingleWriter);
    builder
}

fn file_error(path: &Path, source: io::Error) -> ReadError {
    ReadError::File { path: path.to_path_buf(), source }
}

/// Opens a file read-only, in the writer's mode; the inner error is redb's, for those who tell its kinds apart.
pub(crate) fn open_read_only(dir: &DataDir, path: &Path) -> Result<Result<ReadOnlyDatabase, DatabaseError>, ReadError> {
    let backend = dir.disk().open(path, Access::Read).map_err(|source| file_error(path, source))?;
    Ok(builder().open_read_only_with_backend(backend))
}

/// Opens a segment for writing, repairing it when it was not closed cleanly.
pub(crate) fn open_for_writing(dir: &DataDir, path: &Path) -> Result<Database, ReadError> {
    let backend = dir.disk().open(path, Access::Write).map_err(|source| file_error(path, source))?;
    // redb would make a new database of an empty file.
    if backend.len().map_err(|source| file_error(path, source))? == 0 {
        return Err(file_error(path, io::Error::new(io::ErrorKind::InvalidData, "the file is empty")));
    }
    builder().create_with_backend(backend).map_err(|error| ReadError::redb(path, error))
}

/// Reads and checks the segment header.
pub(crate) fn read_header(txn: &ReadTransaction, path: &Path) -> Result<SegmentHeader, ReadError> {
    let redb_error = |error: redb::Error| ReadError::redb(path, error);
    let damaged = |why| ReadError::Damaged { path: path.to_path_buf(), table: "meta", key: 0, why };
    let meta = txn.open_table(META).map_err(|error| redb_error(error.into()))?;
    let value = meta.get(HEADER_KEY).map_err(|error| redb_error(error.into()))?;
    let value = value.ok_or_else(|| damaged(Damage::SegmentHeader))?;
    SegmentHeader::parse(value.value()).map_err(|fault| match fault {
        HeaderFault::Newer(found) => ReadError::NewerFormat { path: path.to_path_buf(), found, supported: FORMAT },
        HeaderFault::Damaged(why) => damaged(why),
    })
}

/// The two tables of events in one transaction.
pub(crate) struct Tables<'a> {
    path: &'a Path,
    tail: ReadOnlyTable<u64, &'static [u8]>,
    blocks: ReadOnlyTable<u64, &'static [u8]>,
}

impl<'a> Tables<'a> {
    pub(crate) fn open(txn: &ReadTransaction, path: &'a Path) -> Result<Self, ReadError> {
        let open = |table| txn.open_table(table).map_err(|error| ReadError::redb(path, error));
        Ok(Self { path, tail: open(TAIL)?, blocks: open(BLOCKS)? })
    }

    fn redb_error(&self, error: redb::StorageError) -> ReadError {
        ReadError::redb(self.path, error)
    }

    fn damaged(&self, table: &'static str, key: u64, why: Damage) -> ReadError {
        ReadError::Damaged { path: self.path.to_path_buf(), table, key, why }
    }

    /// Checks a row against its key and table.
    fn parse<'v>(&self, table: &'static str, key: u64, value: &'v [u8]) -> Result<(RowHeader, &'v [u8]), ReadError> {
        let (header, payload) = RowHeader::parse(value).map_err(|why| self.damaged(table, key, why))?;
        let is_block = table == "blocks";
        let fits = header.first == Seq(key)
            && if is_block { header.count == BLOCK_EVENTS } else { header.count < BLOCK_EVENTS };
        if fits {
            return Ok((header, payload));
        }
        let (first, count) = (header.first, header.count);
        let expected_count = if is_block { BLOCK_EVENTS } else { 1 };
        Err(self.damaged(table, key, Damage::Place { first, count, expected_first: Seq(key), expected_count }))
    }

    /// The position after the last event, by the last key and its row's header.
    fn end(&self) -> Result<Option<Seq>, ReadError> {
        for (name, table) in [("tail", &self.tail), ("blocks", &self.blocks)] {
            if let Some((key, value)) = table.last().map_err(|error| self.redb_error(error))? {
                return Ok(Some(self.parse(name, key.value(), value.value())?.0.end()));
            }
        }
        Ok(None)
    }

    /// See [`SegmentReader::rows_from`].
    fn rows_from(&self, from: Seq, to: Seq, filter: &Filter) -> Result<Batch, ReadError> {
        let mut next = from;
        for _ in 0..SKIPPED_MAX {
            if next > to {
                return Ok(Batch { rows: Vec::new(), next });
            }
            let entry = self.blocks.range(..=next.0).map_err(|error| self.redb_error(error))?.next_back();
            let Some((key, value)) = entry.transpose().map_err(|error| self.redb_error(error))? else {
                return self.tail_from(next, to, filter);
            };
            let (header, _) = self.parse("blocks", key.value(), value.value())?;
            if header.end() <= next {
                return self.tail_from(next, to, filter);
            }
            next = header.end();
            if filter.may_admit(&header.kinds, header.times) {
                let row = RawRow { table: "blocks", header, value: value.value().to_vec() };
                return Ok(Batch { rows: vec![row], next });
            }
        }
        Ok(Batch { rows: Vec::new(), next })
    }

    /// Reads the tail from position `next`, and sees to it that nothing lies between the blocks and the tail, nor twice.
    fn tail_from(&self, mut next: Seq, to: Seq, filter: &Filter) -> Result<Batch, ReadError> {
        // No block holds `next`: one beyond it means a hole.
        let beyond = self.blocks.range(next.0..).map_err(|error| self.redb_error(error))?.next();
        if let Some((key, _)) = beyond.transpose().map_err(|error| self.redb_error(error))? {
            return Err(self.broken(next, Seq(key.value())));
        }
        let mut rows = Vec::new();
        let start = self.tail_row_at(next)?;
        let mut expected = None;
        for entry in self.tail.range(start..).map_err(|error| self.redb_error(error))? {
            let (key, value) = entry.map_err(|error| self.redb_error(error))?;
            let (header, _) = self.parse("tail", key.value(), value.value())?;
            let wanted = expected.unwrap_or(next.min(header.first).max(Seq(start)));
            if header.first != wanted {
                return Err(self.broken(wanted, header.first));
            }
            expected = Some(header.end());
            if header.end() <= next {
                continue;
            }
            if next > to {
                break;
            }
            next = header.end();
            if filter.may_admit(&header.kinds, header.times) {
                rows.push(RawRow { table: "tail", header, value: value.value().to_vec() });
            }
        }
        Ok(Batch { rows, next })
    }

    fn broken(&self, expected: Seq, found: Seq) -> ReadError {
        ReadError::Broken { path: self.path.to_path_buf(), expected, found }
    }

    /// The key of the tail row that holds `next`, or `next` itself. The tail must begin where the blocks end.
    fn tail_row_at(&self, next: Seq) -> Result<u64, ReadError> {
        let first = self.tail.first().map_err(|error| self.redb_error(error))?;
        if let (Some((key, _)), Some(end)) = (first, self.blocks_end()?)
            && key.value() != end.0
        {
            return Err(self.broken(end, Seq(key.value())));
        }
        let holder = self.tail.range(..=next.0).map_err(|error| self.redb_error(error))?.next_back();
        let holder = holder.transpose().map_err(|error| self.redb_error(error))?;
        Ok(holder.map_or(next.0, |(key, _)| key.value()))
    }

    /// Every tail row in order, checked; for the writer, which goes on from there.
    pub(crate) fn whole_tail(&self) -> Result<Vec<RawRow>, ReadError> {
        Ok(self.tail_from(self.tail_start()?, Seq(u64::MAX), &Filter::ALL)?.rows)
    }

    fn tail_start(&self) -> Result<Seq, ReadError> {
        let first = self.tail.first().map_err(|error| self.redb_error(error))?;
        Ok(first.map_or(Seq(u64::MAX), |(key, _)| Seq(key.value())))
    }

    /// The position after the last block.
    pub(crate) fn blocks_end(&self) -> Result<Option<Seq>, ReadError> {
        match self.blocks.last().map_err(|error| self.redb_error(error))? {
            Some((key, value)) => Ok(Some(self.parse("blocks", key.value(), value.value())?.0.end())),
            None => Ok(None),
        }
    }
}

/// Takes the events out of a copied row, one at a time.
pub(crate) struct RowCursor {
    events: std::vec::IntoIter<(Seq, Event)>,
}

impl RowCursor {
    /// Checks the row's checksum and takes its events apart, those of other kinds than `filter` wants left out.
    pub(crate) fn new(row: &RawRow, path: &Path, filter: &Filter) -> Result<Self, ReadError> {
        Ok(Self { events: row.events(path, filter.kinds)?.into_iter() })
    }

    /// The next event at or after `from` that `filter` lets through; `None` at the end of the row.
    pub(crate) fn next(&mut self, from: Seq, filter: &Filter) -> Option<(Seq, Event)> {
        self.events.by_ref().find(|(seq, event)| *seq >= from && filter.admits_time(event.ts()))
    }
}

impl RawRow {
    pub(crate) fn payload(&self) -> &[u8] {
        self.value.get(HEADER_BYTES..).unwrap_or(&[])
    }

    /// Checks the payload's checksum and takes its events apart.
    pub(crate) fn events(&self, path: &Path, kinds: Option<KindSet>) -> Result<Vec<(Seq, Event)>, ReadError> {
        let payload = self.payload();
        let events = self.header.check(payload).and_then(|()| row::events(&self.header, payload, kinds));
        events.map_err(|why| self.damaged(path, why))
    }

    fn damaged(&self, path: &Path, why: Damage) -> ReadError {
        let newer =
            |seq, source: DecodeError| matches!(source, DecodeError::NewerVersion { .. }).then_some((seq, source));
        let by_newer = match why {
            Damage::Event { seq, source } | Damage::Columns(ColumnsError::Event { seq, source }) => newer(seq, source),
            Damage::Columns(_)
            | Damage::Length { .. }
            | Damage::HeaderCrc { .. }
            | Damage::PayloadCrc { .. }
            | Damage::Encoding { .. }
            | Damage::Place { .. }
            | Damage::Bounds { .. }
            | Damage::Kind { .. }
            | Damage::SegmentHeader => None,
        };
        if let Some((seq, source)) = by_newer {
            return ReadError::NewerEvent { path: path.to_path_buf(), seq, source };
        }
        ReadError::Damaged { path: path.to_path_buf(), table: self.table, key: self.header.first.0, why }
    }
}
