//! The one segment that takes events: its database, and the events gathered since the last cut.
//!
//! Never decides which segment that is. Called by the writer.

use std::path::{Path, PathBuf};

use barkeep_schemas::{Event, Seq};
use redb::{Database, Durability, ReadableDatabase};

use crate::BLOCK_EVENTS;
use crate::columns::Encoder;
use crate::disk::Access;
use crate::error::{CommitError, ReadError};
use crate::header::SegmentHeader;
use crate::paths::DataDir;
use crate::reader::{BLOCKS, HEADER_KEY, META, TAIL, Tables, builder, open_for_writing, read_header};
use crate::row::{self, PAYLOAD_BYTES_MAX};

/// The segment that takes events.
pub(crate) struct OpenSegment {
    pub(crate) header: SegmentHeader,
    pub(crate) path: PathBuf,
    dir: DataDir,
    db: Database,
    /// The position after the last block.
    start: Seq,
    /// The events of the tail, as the next block will hold them. Invariant: fewer than [`BLOCK_EVENTS`].
    gathered: Vec<Event>,
    encoder: Encoder,
}

/// The rows of one commit.
#[derive(Default)]
struct Rows {
    blocks: Vec<(Seq, Vec<u8>)>,
    tail: Option<(Seq, Vec<u8>)>,
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
        Ok(Self { header, path, dir: dir.clone(), db, start: seq, gathered: Vec::new(), encoder: Encoder::new() })
    }

    /// Opens the newest segment again, repairing it if it was not closed cleanly, and gathers its tail.
    pub(crate) fn reopen(dir: &DataDir, path: &Path) -> Result<Self, ReadError> {
        let db = open_for_writing(dir, path)?;
        let txn = db.begin_read().map_err(|error| ReadError::redb(path, error))?;
        let header = read_header(&txn, path)?;
        let tables = Tables::open(&txn, path)?;
        let start = tables.blocks_end()?.unwrap_or(header.first_seq);
        let mut gathered = Vec::new();
        // Blocks are cut at multiples: an end elsewhere would shift every later cut.
        let in_blocks = start.0.checked_sub(header.first_seq.0);
        if !in_blocks.is_some_and(|count| count.is_multiple_of(u64::from(BLOCK_EVENTS))) {
            return Err(ReadError::Broken { path: path.to_path_buf(), expected: header.first_seq, found: start });
        }
        for row in tables.whole_tail()? {
            let expected = start.plus(gathered.len() as u64);
            let full = gathered.len() + row.header.count as usize >= BLOCK_EVENTS as usize;
            if row.header.first != expected || full {
                return Err(ReadError::Broken { path: path.to_path_buf(), expected, found: row.header.first });
            }
            gathered.extend(row.events(path, None)?.into_iter().map(|(_, event)| event));
        }
        drop(tables);
        drop(txn);
        Ok(Self { header, path: path.to_path_buf(), dir: dir.clone(), db, start, gathered, encoder: Encoder::new() })
    }

    /// The position after the last event.
    pub(crate) fn end(&self) -> Seq {
        self.start.plus(self.gathered.len() as u64)
    }

    /// Makes the events durable in one transaction. After an error the segment must not be used again.
    pub(crate) fn commit(&mut self, events: &[Event]) -> Result<(), CommitError> {
        let seq = self.end();
        let rows = self.cut(events)?;
        self.write(&rows).map_err(|error| CommitError::halt(&self.path, seq, error))
    }

    /// Lays the events out in rows. Invariant: where blocks are cut depends on positions alone, never on batches.
    fn cut(&mut self, events: &[Event]) -> Result<Rows, CommitError> {
        let mut rows = Rows::default();
        let mut rest = events;
        let room = |gathered: &Vec<Event>| BLOCK_EVENTS as usize - gathered.len();
        while let Some((head, behind)) = rest.split_at_checked(room(&self.gathered)) {
            let first = self.start;
            // A whole block of one batch needs no gathering.
            let block = if self.gathered.is_empty() {
                row::block(first, head, &mut self.encoder)
            } else {
                self.gathered.extend_from_slice(head);
                row::block(first, &self.gathered, &mut self.encoder)
            };
            rows.blocks.push((first, block.map_err(|bytes| too_large(first, bytes))?));
            self.gathered.clear();
            self.start = first.plus(u64::from(BLOCK_EVENTS));
            rest = behind;
        }
        if !rest.is_empty() {
            let first = self.end();
            rows.tail = Some((first, row::tail_row(first, rest).map_err(|bytes| too_large(first, bytes))?));
            self.gathered.extend_from_slice(rest);
        }
        Ok(rows)
    }

    fn write(&self, rows: &Rows) -> Result<(), redb::Error> {
        let mut txn = self.db.begin_write()?;
        txn.set_durability(Durability::Immediate)?;
        {
            let mut tail = txn.open_table(TAIL)?;
            if !rows.blocks.is_empty() {
                let mut blocks = txn.open_table(BLOCKS)?;
                for (first, value) in &rows.blocks {
                    blocks.insert(first.0, value.as_slice())?;
                }
                // Every row of the tail lies in the first of these blocks.
                tail.retain(|_, _| false)?;
            }
            if let Some((first, value)) = &rows.tail {
                tail.insert(first.0, value.as_slice())?;
            }
        }
        Ok(txn.commit()?)
    }

    /// Marks the segment sealed, closes its file cleanly and takes away its write permission.
    pub(crate) fn seal(mut self) -> Result<SegmentHeader, CommitError> {
        let end = self.end();
        self.header.sealed = true;
        self.header.last_seq = Seq(end.0.saturating_sub(1));
        put_header(&self.db, &self.header).map_err(|error| CommitError::halt(&self.path, end, error))?;
        self.db.close().map_err(|error| CommitError::halt(&self.path, end, error))?;
        self.dir
            .disk()
            .make_read_only(&self.path)
            .map_err(|source| CommitError::file(&self.path, "take write permission off the segment", end, source))?;
        Ok(self.header)
    }

    /// Closes the file cleanly; the segment goes on taking events when it is opened again.
    pub(crate) fn close(self) -> Result<(), CommitError> {
        let end = self.end();
        self.db.close().map_err(|error| CommitError::halt(&self.path, end, error))
    }
}

fn too_large(seq: Seq, bytes: usize) -> CommitError {
    CommitError::TooLarge { seq, bytes, limit: PAYLOAD_BYTES_MAX }
}

/// Writes the header in a transaction of its own and makes sure that the tables exist.
fn put_header(db: &Database, header: &SegmentHeader) -> Result<(), redb::Error> {
    let mut txn = db.begin_write()?;
    txn.set_durability(Durability::Immediate)?;
    txn.open_table(META)?.insert(HEADER_KEY, header.bytes().as_slice())?;
    txn.open_table(TAIL)?;
    txn.open_table(BLOCKS)?;
    Ok(txn.commit()?)
}
