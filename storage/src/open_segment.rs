//! The one segment that takes events: its database, and the events gathered since the last cut.
//!
//! Never decides which segment that is. Called by the writer.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use barkeep_schemas::{Event, Hash32, Seq};
use redb::{Database, Durability, ReadTransaction, ReadableDatabase};

use crate::chain::Chain;
use crate::cut::{Cutter, Rows, TooLarge};
use crate::disk::Access;
use crate::error::{CommitError, OpenError, ReadError};
use crate::filter::Filter;
use crate::header::{FORMAT, SegmentHeader};
use crate::index::entry;
use crate::paths::DataDir;
use crate::reader::{builder, open_for_writing, read_header};
use crate::row::PAYLOAD_BYTES_MAX;
use crate::tables::{BLOCKS, HEADER_KEY, INDEX, META, TAIL, Tables};

/// The segment that takes events.
pub(crate) struct OpenSegment {
    pub(crate) header: SegmentHeader,
    pub(crate) path: PathBuf,
    dir: DataDir,
    /// Shared with what is prepared and not written yet.
    db: Arc<Database>,
    cutter: Cutter,
}

/// A transaction laid out and not written yet. Those of one segment are written in the order in which they were made.
pub(crate) struct Prepared {
    db: Arc<Database>,
    path: PathBuf,
    first: Seq,
    /// The position of its last event.
    pub(crate) last: Seq,
    rows: Rows,
}

impl Prepared {
    /// Sealed blocks in it.
    pub(crate) fn blocks(&self) -> usize {
        self.rows.blocks.len()
    }

    /// Bytes of its rows, as they are handed to the file.
    pub(crate) fn bytes(&self) -> usize {
        let blocks = self.rows.blocks.iter().map(|block| block.row.len() + block.entry.len());
        blocks.sum::<usize>() + self.rows.tail.as_ref().map_or(0, |(_, value)| value.len())
    }

    /// Makes it durable. After an error the segment must not be used again.
    pub(crate) fn write(&self) -> Result<(), CommitError> {
        write(&self.db, &self.rows, None).map_err(|error| CommitError::halt(&self.path, self.first, error))
    }
}

impl OpenSegment {
    /// Creates the file under its newborn name, makes the header durable in it, then gives it its own name. A crash
    /// leaves either a newborn file, which the next writer removes, or a whole segment.
    pub(crate) fn create(dir: &DataDir, header: SegmentHeader) -> Result<Self, CommitError> {
        let (seq, path) = (header.first_seq, dir.segment(header.name));
        let newborn = dir.tape().join(header.name.newborn());
        let failed = |step, source| CommitError::file(&newborn, step, seq, source);
        let halt = |error: redb::Error| CommitError::halt(&newborn, seq, error);
        let disk = dir.disk();
        let backend = disk.open(&newborn, Access::WriteNew).map_err(|source| failed("create the segment", source))?;
        let db = builder().create_with_backend(backend).map_err(|error| halt(error.into()))?;
        put_header(&db, &header).map_err(halt)?;
        disk.sync_file(&newborn).map_err(|source| failed("sync the segment", source))?;
        disk.rename(&newborn, &path).map_err(|source| failed("name the segment", source))?;
        disk.sync_folder(&dir.tape()).map_err(|source| failed("sync the tape folder", source))?;
        let cutter = Cutter::new(seq, seq, None, Chain::new(seq, header.previous_chain));
        Ok(Self { header, path, dir: dir.clone(), db: Arc::new(db), cutter })
    }

    /// Opens the newest segment again, repairing it if it was not closed cleanly, and gathers its tail. A segment of
    /// format 0 gets its index and its chain and has format 1 from then on.
    pub(crate) fn reopen(dir: &DataDir, path: &Path) -> Result<Self, OpenError> {
        let db = open_for_writing(dir, path)?;
        let error = |error: redb::Error| ReadError::redb(path, error);
        let mut header = read_header(&begin_read(&db).map_err(error)?, path)?;
        if header.format == 0 {
            header = upgrade(&db, header, path)?;
        }
        let txn = begin_read(&db).map_err(error)?;
        let tables = Tables::open(&txn, path)?;
        let last = tables.last_block()?;
        let start = last.map_or(header.first_seq, |(block, _)| block.end());
        let chain = tables.chain_to(&header, start)?.unwrap_or_else(|| Chain::new(start, header.previous_chain));
        let last = last.map(|(block, bytes)| (block.count, bytes));
        let mut cutter = Cutter::new(header.first_seq, start, last, chain);
        let end = tables.end()?.unwrap_or(start);
        cutter.resume(tables.events_between(start, end)?);
        drop(tables);
        drop(txn);
        Ok(Self { header, path: path.to_path_buf(), dir: dir.clone(), db: Arc::new(db), cutter })
    }

    /// The position after the last event.
    pub(crate) fn end(&self) -> Seq {
        self.cutter.end()
    }

    /// The hash of the chain at the last event.
    pub(crate) fn chain_hash(&self) -> Hash32 {
        self.cutter.chain_hash()
    }

    /// Lays the events out as one transaction, which the next ones presume. `None` for no events.
    pub(crate) fn prepare(&mut self, events: &[Event]) -> Result<Option<Prepared>, CommitError> {
        if events.is_empty() {
            return Ok(None);
        }
        let first = self.end();
        let rows = self.cutter.take(events).map_err(|TooLarge { seq, bytes }| too_large(seq, bytes))?;
        let last = Seq(self.end().0.saturating_sub(1));
        Ok(Some(Prepared { db: self.db.clone(), path: self.path.clone(), first, last, rows }))
    }

    /// Lays what is left of the tail out as a last block, marks the segment sealed, closes its file cleanly and takes
    /// away its write permission.
    pub(crate) fn seal(mut self) -> Result<SegmentHeader, CommitError> {
        let end = self.end();
        let rows = self.cutter.finish().map_err(|TooLarge { seq, bytes }| too_large(seq, bytes))?;
        self.header.sealed = true;
        self.header.last_seq = Seq(end.0.saturating_sub(1));
        self.header.last_chain = self.chain_hash();
        write(&self.db, &rows, Some(&self.header)).map_err(|error| CommitError::halt(&self.path, end, error))?;
        close(self.db, &self.path, end)?;
        self.dir
            .disk()
            .make_read_only(&self.path)
            .map_err(|source| CommitError::file(&self.path, "take write permission off the segment", end, source))?;
        Ok(self.header)
    }

    /// Closes the file cleanly; the segment goes on taking events when it is opened again.
    pub(crate) fn close(self) -> Result<(), CommitError> {
        let end = self.end();
        close(self.db, &self.path, end)
    }
}

/// Closes the file cleanly.
fn close(db: Arc<Database>, path: &Path, end: Seq) -> Result<(), CommitError> {
    let Some(db) = Arc::into_inner(db) else {
        let source = std::io::Error::other("a transaction that was prepared is not written yet");
        return Err(CommitError::file(path, "close the segment", end, source));
    };
    db.close().map_err(|error| CommitError::halt(path, end, error))
}

fn too_large(seq: Seq, bytes: usize) -> CommitError {
    CommitError::TooLarge { seq, bytes, limit: PAYLOAD_BYTES_MAX }
}

fn begin_read(db: &Database) -> Result<ReadTransaction, redb::Error> {
    Ok(db.begin_read()?)
}

/// Writes the header of a new segment and makes sure that the tables exist.
fn put_header(db: &Database, header: &SegmentHeader) -> Result<(), redb::Error> {
    write(db, &Rows::default(), Some(header))
}

/// Writes rows, and a header where there is one, in one durable transaction.
fn write(db: &Database, rows: &Rows, header: Option<&SegmentHeader>) -> Result<(), redb::Error> {
    let mut txn = db.begin_write()?;
    txn.set_durability(Durability::Immediate)?;
    if let Some(header) = header {
        txn.open_table(META)?.insert(HEADER_KEY, header.bytes().as_slice())?;
        // A segment is read as soon as it has a header: its tables are there from then on.
        txn.open_table(BLOCKS)?;
        txn.open_table(INDEX)?;
    }
    {
        let mut tail = txn.open_table(TAIL)?;
        if !rows.blocks.is_empty() {
            let (mut blocks, mut index) = (txn.open_table(BLOCKS)?, txn.open_table(INDEX)?);
            for block in &rows.blocks {
                blocks.insert(block.first.0, block.row.as_slice())?;
                index.insert(block.first.0, block.entry.as_slice())?;
            }
            // Every event of the tail lies in these blocks or in the tail row below.
            tail.retain(|_, _| false)?;
        }
        if let Some((first, value)) = &rows.tail {
            tail.insert(first.0, value.as_slice())?;
        }
    }
    Ok(txn.commit()?)
}

/// Gives a segment of format 0 its index and its chain, in one transaction; its rows stay as they are.
fn upgrade(db: &Database, old: SegmentHeader, path: &Path) -> Result<SegmentHeader, OpenError> {
    let failed = |error: redb::Error| ReadError::redb(path, error);
    let header = SegmentHeader { format: FORMAT, ..old };
    let txn = begin_read(db).map_err(failed)?;
    let tables = Tables::open(&txn, path)?;
    let end = tables.blocks_end()?.unwrap_or(old.first_seq);
    let mut chain = Chain::new(old.first_seq, old.previous_chain);
    let (mut entries, mut next) = (Vec::new(), old.first_seq);
    while next < end {
        let batch = tables.rows_from(next, Seq(end.0.saturating_sub(1)), &Filter::ALL)?;
        for row in &batch.rows {
            let (mut events, mut links) = (Vec::new(), Vec::new());
            row.events(path, &Filter::ALL, &mut events)?;
            let events: Vec<Event> = events.into_iter().map(|(_, event)| event).collect();
            chain.extend(&events, |_, link| links.push(link));
            entries.push((row.header.first.0, entry(&row.header, &events, &links)));
        }
        next = batch.next;
    }
    put_upgrade(db, &header, &entries).map_err(|error| OpenError::repair(path, error))?;
    Ok(header)
}

fn put_upgrade(db: &Database, header: &SegmentHeader, entries: &[(u64, Vec<u8>)]) -> Result<(), redb::Error> {
    let mut txn = db.begin_write()?;
    txn.set_durability(Durability::Immediate)?;
    txn.open_table(META)?.insert(HEADER_KEY, header.bytes().as_slice())?;
    {
        let mut index = txn.open_table(INDEX)?;
        for (first, entry) in entries {
            index.insert(first, entry.as_slice())?;
        }
    }
    Ok(txn.commit()?)
}
