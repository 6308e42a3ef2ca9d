//! The one segment that takes events: its database, and the events gathered since the last cut.
//!
//! Never decides which segment that is. Called by the writer.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use barkeep_schemas::{Event, Seq};
use redb::backends::FileBackend;
use redb::{Database, Durability, ReadableDatabase};

use crate::BLOCK_EVENTS;
use crate::error::{CommitError, ReadError};
use crate::header::SegmentHeader;
use crate::paths::{DataDir, make_read_only, sync_folder};
use crate::reader::{BLOCKS, HEADER_KEY, META, TAIL, Tables, builder, read_header};
use crate::row::{PAYLOAD_BYTES_MAX, RowBuilder, Summary, note};

/// The segment that takes events.
pub(crate) struct OpenSegment {
    pub(crate) header: SegmentHeader,
    pub(crate) path: PathBuf,
    db: Database,
    /// The events of the tail, as the next block will hold them. Invariant: fewer than [`BLOCK_EVENTS`].
    gathered: RowBuilder,
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
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&newborn);
        let backend = FileBackend::new(file.map_err(|source| failed("create the segment", source))?);
        let halt = |error: redb::Error| CommitError::halt(&newborn, seq, error);
        let backend = backend.map_err(|error| halt(error.into()))?;
        let db = builder().create_with_backend(backend).map_err(|error| halt(error.into()))?;
        put_header(&db, &header).map_err(halt)?;
        File::open(&newborn).and_then(|file| file.sync_all()).map_err(|source| failed("sync the segment", source))?;
        std::fs::rename(&newborn, &path).map_err(|source| failed("name the segment", source))?;
        sync_folder(&dir.tape()).map_err(|source| failed("sync the tape folder", source))?;
        Ok(Self { header, path, db, gathered: RowBuilder::new(seq) })
    }

    /// Opens the newest segment again, repairing it if it was not closed cleanly, and gathers its tail.
    pub(crate) fn reopen(path: &Path) -> Result<Self, ReadError> {
        let db = builder().open(path).map_err(|error| ReadError::redb(path, error))?;
        let txn = db.begin_read().map_err(|error| ReadError::redb(path, error))?;
        let header = read_header(&txn, path)?;
        let tables = Tables::open(&txn, path)?;
        let start = tables.blocks_end()?.unwrap_or(header.first_seq);
        let mut gathered = RowBuilder::new(start);
        // Blocks are cut at multiples: an end elsewhere would shift every later cut.
        let in_blocks = start.0.checked_sub(header.first_seq.0);
        if !in_blocks.is_some_and(|count| count.is_multiple_of(u64::from(BLOCK_EVENTS))) {
            return Err(ReadError::Broken { path: path.to_path_buf(), expected: header.first_seq, found: start });
        }
        for row in tables.whole_tail()? {
            let expected = start.plus(u64::from(gathered.summary.count));
            let full = gathered.summary.count.saturating_add(row.header.count) >= BLOCK_EVENTS;
            if row.header.first != expected || full {
                return Err(ReadError::Broken { path: path.to_path_buf(), expected, found: row.header.first });
            }
            row.check(path)?;
            gathered.extend(&row.header, row.payload());
        }
        drop(tables);
        drop(txn);
        Ok(Self { header, path: path.to_path_buf(), db, gathered })
    }

    /// The position after the last event.
    pub(crate) fn end(&self) -> Seq {
        self.gathered.summary.first.plus(u64::from(self.gathered.summary.count))
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
        let mut row = Summary::new(self.end());
        let mut row_from = self.gathered.payload_len();
        for event in events {
            let seq = self.end();
            self.gathered.push(event).map_err(|bytes| CommitError::TooLarge {
                seq,
                bytes,
                limit: PAYLOAD_BYTES_MAX,
            })?;
            note(&mut row, event);
            if self.gathered.summary.count == BLOCK_EVENTS {
                let next = self.end();
                let block = std::mem::replace(&mut self.gathered, RowBuilder::new(next));
                rows.blocks.push((block.summary.first, block.finish()));
                row = Summary::new(next);
                row_from = 0;
            }
        }
        if row.count > 0 {
            rows.tail = Some((row.first, self.gathered.part(&row, row_from)));
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
        make_read_only(&self.path)
            .map_err(|source| CommitError::file(&self.path, "take write permission off the segment", end, source))?;
        Ok(self.header)
    }

    /// Closes the file cleanly; the segment goes on taking events when it is opened again.
    pub(crate) fn close(self) -> Result<(), CommitError> {
        let end = self.end();
        self.db.close().map_err(|error| CommitError::halt(&self.path, end, error))
    }
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
