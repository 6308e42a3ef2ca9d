//! Bytes from here to there, hashed on the way.
//!
//! Never leaves a half file under a final name. Called by backup and restore.

use std::io;
use std::path::Path;

use barkeep_schemas::{Event, Hash32, Seq};
use redb::{Database, Durability, StorageBackend as _};

use crate::columns::Encoder;
use crate::disk::{Access, Backend, Disk, StillHandle};
use crate::error::ReadError;
use crate::filter::Filter;
use crate::header::SegmentHeader;
use crate::index::IndexEntry;
use crate::paths::DataDir;
use crate::reader::{PATIENCE, SegmentReader, builder};
use crate::row::{self, Damage, RowHeader};
use crate::tables::{BLOCKS, HEADER_KEY, INDEX, META, TAIL};
use crate::tape::{SegmentInfo, Tape};

/// Bytes read at a time.
const PIECE_BYTES: usize = 1 << 20;

/// Blocks copied in one read transaction.
const BLOCKS_A_READ: usize = 64;

/// The length and the BLAKE3 (in hexadecimal) of a file.
pub(crate) type Hashed = (u64, String);

/// Hashes a file; `progress` is told the bytes of each piece.
pub(crate) fn hash_file(disk: &dyn Disk, path: &Path, progress: &mut impl FnMut(u64)) -> io::Result<Hashed> {
    let file = disk.open_still(path)?;
    pieces(&*file, |piece| {
        progress(piece.len() as u64);
        Ok(())
    })
}

/// Copies a file that nobody writes into a new one, durably; an error of kind [`io::ErrorKind::ResourceBusy`] when
/// somebody wrote it all the same.
pub(crate) fn copy_file(
    (disk, from): (&dyn Disk, &Path),
    (to_disk, to): (&dyn Disk, &Path),
    progress: &mut impl FnMut(u64),
) -> io::Result<Hashed> {
    let source = disk.open_still(from)?;
    let before = source.stat()?;
    let target = create(to_disk, to)?;
    target.set_len(before.len)?;
    let mut at = 0;
    let hashed = pieces(&*source, |piece| {
        target.write(at, piece)?;
        at += piece.len() as u64;
        progress(piece.len() as u64);
        Ok(())
    })?;
    target.sync_data()?;
    let after = source.stat()?;
    if (before.len, before.stamp) != (after.len, after.stamp) {
        return Err(io::Error::new(io::ErrorKind::ResourceBusy, "the file changed while it was copied"));
    }
    Ok(hashed)
}

/// Makes a file, in place of what a backup or restore that was killed left by its name.
fn create(disk: &dyn Disk, path: &Path) -> io::Result<Backend> {
    match disk.remove(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => disk.open(path, Access::WriteNew),
    }
}

/// Reads a file from its start to its end as it was at the beginning.
fn pieces(file: &dyn StillHandle, mut take: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<Hashed> {
    let len = file.stat()?.len;
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; PIECE_BYTES];
    let mut at = 0;
    while at < len {
        let bytes = (len - at).min(PIECE_BYTES as u64) as usize;
        let Some(piece) = buffer.get_mut(..bytes) else { break };
        file.read_at(at, piece)?;
        hasher.update(piece);
        take(piece)?;
        at += bytes as u64;
    }
    Ok((len, hasher.finalize().to_hex().to_string()))
}

/// Why rows could not be copied: the one side or the other.
pub(crate) enum RowsError {
    Read(ReadError),
    Write(redb::Error),
}

impl From<ReadError> for RowsError {
    fn from(error: ReadError) -> Self {
        Self::Read(error)
    }
}

impl From<redb::Error> for RowsError {
    fn from(error: redb::Error) -> Self {
        Self::Write(error)
    }
}

/// Copies the events of a segment up to its last as known in `info` into a segment file of its own, while the writer
/// may go on: whole blocks as they are, the rest as one row of the tail. Every checksum is checked on the way.
pub(crate) fn copy_rows(
    dir: &DataDir,
    tape: &Tape,
    info: &SegmentInfo,
    (to_disk, to): (&dyn Disk, &Path),
    progress: &mut impl FnMut(u64),
) -> Result<(), RowsError> {
    let reader = SegmentReader::open(dir, &info.path, PATIENCE)?;
    let header = as_known(reader.header()?, info);
    let target = Target::create(to_disk, to, &header)?;
    let mut next = info.first_seq;
    loop {
        let blocks = reader.read(|txn| blocks_from(txn, &info.path, next, info.end(), header.format))?;
        let Some(last) = blocks.last() else { break };
        target.insert_blocks(&blocks)?;
        next = last.header.end();
        progress(blocks.iter().map(|block| block.row.len() as u64).sum());
    }
    if let Some(last) = info.last_seq.filter(|last| *last >= next) {
        let rest: Result<Vec<Event>, ReadError> =
            tape.scan(next, Some(last), &Filter::ALL).map(|item| item.map(|(_, event)| event)).collect();
        target.insert_tail(next, &rest?)?;
    }
    target.close()?;
    to_disk.sync_file(to).map_err(redb::Error::from)?;
    Ok(())
}

/// The header as it was when `info` was made: the segment may have been sealed since.
fn as_known(header: SegmentHeader, info: &SegmentInfo) -> SegmentHeader {
    if info.sealed {
        return header;
    }
    SegmentHeader {
        format: info.format,
        sealed: false,
        last_seq: header.previous_last,
        last_chain: Hash32::default(),
        ..header
    }
}

/// A block as it lies in a segment.
struct Block {
    header: RowHeader,
    row: Vec<u8>,
    /// Its entry of the index; segments of format 0 have none.
    entry: Option<Vec<u8>>,
}

/// Some blocks from position `next` on that end by `end`.
fn blocks_from(
    txn: &redb::ReadTransaction,
    path: &Path,
    next: Seq,
    end: Seq,
    format: u32,
) -> Result<Vec<Block>, ReadError> {
    let blocks = txn.open_table(BLOCKS).map_err(|error| ReadError::redb(path, error))?;
    let index =
        if format == 0 { None } else { Some(txn.open_table(INDEX).map_err(|error| ReadError::redb(path, error))?) };
    let mut found: Vec<Block> = Vec::new();
    let mut expected = next;
    for item in blocks.range(next.0..end.0.max(next.0)).map_err(|error| ReadError::redb(path, error))? {
        let (key, value) = item.map_err(|error| ReadError::redb(path, error))?;
        let (key, value) = (key.value(), value.value());
        let damaged = |table, why: Damage| ReadError::Damaged { path: path.to_path_buf(), table, key, why };
        let (header, payload) = RowHeader::parse(value).map_err(|why| damaged("blocks", why))?;
        header.check(payload).map_err(|why| damaged("blocks", why))?;
        if header.first != expected || key != expected.0 {
            return Err(ReadError::Broken { path: path.to_path_buf(), expected, found: Seq(key) });
        }
        if header.end() > end || found.len() == BLOCKS_A_READ {
            break;
        }
        let entry = match &index {
            None => None,
            Some(index) => {
                let entry = index.get(key).map_err(|error| ReadError::redb(path, error))?;
                let entry = entry.ok_or_else(|| damaged("blocks", Damage::NoLink { end: header.end() }))?;
                let stored = IndexEntry::parse(entry.value()).map_err(|why| damaged("index", why))?;
                if stored.header != header {
                    return Err(damaged("index", Damage::OtherBlock));
                }
                Some(entry.value().to_vec())
            }
        };
        expected = header.end();
        found.push(Block { header, row: value.to_vec(), entry });
    }
    Ok(found)
}

/// The segment file that is being made.
struct Target(Database);

impl Target {
    fn create(disk: &dyn Disk, path: &Path, header: &SegmentHeader) -> Result<Self, redb::Error> {
        let db = builder().create_with_backend(create(disk, path)?)?;
        let mut txn = db.begin_write()?;
        txn.set_durability(Durability::Immediate)?;
        txn.open_table(META)?.insert(HEADER_KEY, header.bytes().as_slice())?;
        txn.open_table(TAIL)?;
        txn.open_table(BLOCKS)?;
        if header.format > 0 {
            txn.open_table(INDEX)?;
        }
        txn.commit()?;
        Ok(Self(db))
    }

    fn insert_blocks(&self, blocks: &[Block]) -> Result<(), redb::Error> {
        let mut txn = self.0.begin_write()?;
        txn.set_durability(Durability::Immediate)?;
        {
            let mut table = txn.open_table(BLOCKS)?;
            for block in blocks {
                table.insert(block.header.first.0, block.row.as_slice())?;
            }
        }
        let entries = blocks.iter().filter_map(|block| Some((block.header.first.0, block.entry.as_deref()?)));
        for (first, entry) in entries {
            txn.open_table(INDEX)?.insert(first, entry)?;
        }
        Ok(txn.commit()?)
    }

    fn insert_tail(&self, first: Seq, events: &[Event]) -> Result<(), redb::Error> {
        let row = row::tail_row(first, events, &mut Encoder::new()).map_err(redb::Error::ValueTooLarge)?;
        let mut txn = self.0.begin_write()?;
        txn.set_durability(Durability::Immediate)?;
        txn.open_table(TAIL)?.insert(first.0, row.as_slice())?;
        Ok(txn.commit()?)
    }

    fn close(self) -> Result<(), redb::Error> {
        Ok(self.0.close()?)
    }
}
