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

use barkeep_schemas::{Hash32, Seq};
use redb::{
    Builder, ConcurrencyMode, Database, DatabaseError, ReadOnlyDatabase, ReadTransaction, ReadableDatabase,
    StorageBackend as _,
};

use crate::cow::{CowBackend, StillFile};
use crate::disk::Access;
use crate::error::{OpenError, ReadError};
use crate::filter::Filter;
use crate::header::{FORMAT, HeaderFault, SegmentHeader};
use crate::lock::Lock;
use crate::paths::DataDir;
use crate::row::Damage;
use crate::tables::{Batch, HEADER_KEY, META, Tables};

/// redb's cache for one open segment, in bytes; a larger one scans more slowly.
pub(crate) const CACHE_BYTES: usize = 16 << 20;

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
    pub(crate) fn read<T>(&self, read: impl Fn(&ReadTransaction) -> Result<T, ReadError>) -> Result<T, ReadError> {
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

    /// Reads rows from position `next` up to `to` that `filter` may let through: some blocks, or the whole tail.
    pub(crate) fn rows_from(&self, next: Seq, to: Seq, filter: &Filter) -> Result<Batch, ReadError> {
        self.read(|txn| Tables::open(txn, &self.path)?.rows_from(next, to, filter))
    }

    /// The hash of the chain at the event at `seq`, which the segment must hold; `None` where there is no chain.
    pub(crate) fn chain_at(&self, seq: Seq) -> Result<Option<Hash32>, ReadError> {
        self.read(|txn| {
            let header = read_header(txn, &self.path)?;
            let chain = Tables::open(txn, &self.path)?.chain_to(&header, seq.plus(1))?;
            Ok(chain.map(|chain| chain.hash_at_end()))
        })
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
            // The last commit of a killed writer may be on the file and not flushed: what is shown must outlast a power cut.
            dir.disk().sync_file(path).map_err(|source| file_error(path, source))?;
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
pub(crate) fn open_for_writing(dir: &DataDir, path: &Path) -> Result<Database, OpenError> {
    let backend = dir.disk().open(path, Access::Write).map_err(|source| file_error(path, source))?;
    // redb would make a new database of an empty file.
    if backend.len().map_err(|source| file_error(path, source))? == 0 {
        return Err(file_error(path, io::Error::new(io::ErrorKind::InvalidData, "the file is empty")).into());
    }
    builder().create_with_backend(backend).map_err(|error| OpenError::repair(path, error))
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
