//! One segment, from opening its file to redb's own check of its pages.
//!
//! Never writes: an unclean file is looked at through the overlay. Called in a process of its own, which may die of it.

use std::io;
use std::path::Path;

use barkeep_schemas::Seq;
use redb::{Builder, ReadTransaction, ReadableTable as _, TableDefinition};

use super::walk::Walk;
use super::words::{met, sentence};
use super::{BodyFacts, Finding, HeaderFacts, Remedy, Table, Told};
use crate::BLOCK_0_EVENTS;
use crate::cow::{CowBackend, StillFile};
use crate::disk::is_not_regular;
use crate::error::ReadError;
use crate::header::SegmentHeader;
use crate::lock::Lock;
use crate::paths::{DataDir, SegmentName};
use crate::reader::{CACHE_BYTES, PATIENCE, SegmentReader};
use crate::tables::{BLOCKS, INDEX, TAIL};
use crate::writer::is_unclean;

/// Bytes of blocks that one transaction copies.
const BATCH_BYTES: usize = 4 << 20;

/// How many places a walk may fail to read before it gives up.
const FAILURES_MAX: u32 = 100;

/// What to check.
#[derive(Clone, Debug)]
pub struct CheckRequest {
    /// The segment.
    pub name: SegmentName,
    /// Begin at the first block from this key on and read each by its own key: behind what another process died of.
    pub from: Option<Seq>,
    /// Tell the chain hash at these positions.
    pub chain_at: Vec<Seq>,
}

/// Checks a segment and tells everything. A segment that was pruned meanwhile is nothing.
pub fn check_segment(dir: &DataDir, request: &CheckRequest, tell: &mut dyn FnMut(Told)) {
    let path = dir.segment(request.name);
    let file = format!("tape/{}", request.name);
    tell(Told::At(Table::Meta, 0));
    let reader = match SegmentReader::open(dir, &path, PATIENCE) {
        Ok(reader) => reader,
        Err(error) => return cannot_open(&file, &error, tell),
    };
    let header = match reader.header() {
        Ok(header) => header,
        Err(error) => return cannot_open(&file, &error, tell),
    };
    if header.name != request.name {
        let what = format!("the header says that this is {}", header.name);
        let mut finding = Finding::damage(&file, what).at(Table::Meta, None);
        finding.remedy = Remedy::Rename;
        tell(Told::Finding(finding));
    }
    if request.from.is_none() && is_unclean(dir, &path).unwrap_or(false) {
        let what = "was not closed cleanly; it was checked as the next writer will repair it";
        tell(Told::Finding(Finding::note(&file, what, Remedy::Nothing)));
    }
    tell(Told::Header(facts(&header)));
    let body = body(&reader, &file, header, request, tell);
    tell(Told::Body(body));
    pages(dir, &path, &file, &header, tell);
}

fn facts(header: &SegmentHeader) -> HeaderFacts {
    let hash = |hash: barkeep_schemas::Hash32| (hash.0 != [0; 32]).then(|| hash.to_string());
    HeaderFacts {
        format: header.format,
        ordinal: header.ordinal,
        first_seq: header.first_seq.0,
        previous_last: header.previous_last.0,
        previous_chain: hash(header.previous_chain),
        sealed: header.sealed,
        last_chain: hash(header.last_chain),
    }
}

fn cannot_open(file: &str, error: &ReadError, tell: &mut dyn FnMut(Told)) {
    let what = met(error);
    tell(Told::Finding(match error {
        ReadError::File { source, .. } if source.kind() == io::ErrorKind::NotFound => return,
        ReadError::File { source, .. } if is_not_regular(source) => Finding::unknown(file, what, Remedy::RemoveFile),
        ReadError::File { .. } | ReadError::Repairing { .. } | ReadError::Lock(_) => {
            Finding::unknown(file, what, Remedy::Access)
        }
        ReadError::NewerFormat { .. } | ReadError::NewerEvent { .. } => Finding::unknown(file, what, Remedy::Upgrade),
        ReadError::Redb { source, .. } if is_access(source) => Finding::unknown(file, what, Remedy::Access),
        ReadError::Redb { .. }
        | ReadError::Damaged { .. }
        | ReadError::Misnamed { .. }
        | ReadError::Broken { .. }
        | ReadError::Short { .. }
        | ReadError::Gone { .. }
        | ReadError::Beyond { .. } => Finding::damage(file, what).at(Table::Meta, None),
    }));
}

/// Whether redb was kept from the file, rather than misled by it. A file that ends too early is damage.
fn is_access(error: &redb::Error) -> bool {
    use io::ErrorKind::{InvalidData, UnexpectedEof};
    matches!(error, redb::Error::Io(error) if !matches!(error.kind(), InvalidData | UnexpectedEof))
}

type Entries = Vec<(u64, Vec<u8>)>;

/// What one transaction yields.
#[derive(Default)]
struct Batch {
    blocks: Entries,
    index: Entries,
    /// The tail, once there is no further block.
    tail: Option<Entries>,
}

/// Walks through the rows as they are now; what a writer adds meanwhile is checked too.
fn body(
    reader: &SegmentReader,
    file: &str,
    header: SegmentHeader,
    request: &CheckRequest,
    tell: &mut dyn FnMut(Told),
) -> BodyFacts {
    let mut walk = Walk::new(file, header, request.from.is_none(), &request.chain_at, tell);
    match request.from {
        None => whole(reader, file, &header, &mut walk),
        Some(from) => behind(reader, file, &header, from, &mut walk),
    }
    let (last, hashes) = walk.finish();
    let chains = hashes.into_iter().map(|(seq, hash)| (seq.0, hash.to_string())).collect();
    BodyFacts { events: walk.counted, last_seq: last.map(|seq| seq.0), chains }
}

/// All rows, some blocks in a transaction.
fn whole(reader: &SegmentReader, file: &str, header: &SegmentHeader, walk: &mut Walk<'_>) {
    let has_index = header.format > 0;
    let (mut from, mut failures) = (0, 0);
    loop {
        walk.at(Table::Blocks, from);
        match reader.read(|txn| batch(txn, reader.path(), from, has_index)) {
            Ok(batch) => {
                blocks(walk, &batch, has_index);
                if let Some(tail) = batch.tail {
                    return tail_rows(walk, &tail, header);
                }
                from = batch.blocks.last().map_or(u64::MAX, |(key, _)| key.saturating_add(1));
            }
            Err(error) => {
                walk.find(Finding::damage(file, met(&error)).at(Table::Blocks, Some(from)).seqs(from, None));
                walk.lose();
                failures += 1;
                match next_key(reader, header, from.saturating_add(1)) {
                    Ok(Some(next)) if failures < FAILURES_MAX => from = next,
                    Ok(_) | Err(_) => return,
                }
            }
        }
    }
}

/// The rows behind a place that cannot be read: each block by its own key, which the index or the format knows.
fn behind(reader: &SegmentReader, file: &str, header: &SegmentHeader, from: Seq, walk: &mut Walk<'_>) {
    let path = reader.path();
    let mut from = from.0;
    loop {
        let key = match next_key(reader, header, from) {
            Ok(key) => key,
            Err(error) => {
                return walk.find(Finding::damage(file, met(&error)).at(Table::Index, Some(from)).seqs(from, None));
            }
        };
        let Some(key) = key else { break };
        walk.at(Table::Blocks, key);
        match reader.read(|txn| one(txn, path, key, header.format > 0)) {
            Ok([Some(block), entry]) => walk.block(key, &block, entry.as_deref()),
            Ok([None, Some(_)]) => walk.no_block(key),
            Ok([None, None]) => break,
            Err(error) => {
                walk.find(Finding::damage(file, met(&error)).at(Table::Blocks, Some(key)));
                walk.lose();
            }
        }
        from = key.saturating_add(1);
    }
    walk.at(Table::Tail, 0);
    match reader.read(|txn| tail(txn, path)) {
        Ok(rows) => tail_rows(walk, &rows, header),
        Err(error) => walk.find(Finding::damage(file, met(&error)).at(Table::Tail, None)),
    }
}

/// The key of the first block at or behind `from`, without a look at the blocks.
fn next_key(reader: &SegmentReader, header: &SegmentHeader, from: u64) -> Result<Option<u64>, ReadError> {
    if header.format > 0 {
        return reader.read(|txn| next_in_index(txn, reader.path(), from));
    }
    // Blocks of format 0 all hold as many events.
    let blocks = from.saturating_sub(header.first_seq.0).div_ceil(u64::from(BLOCK_0_EVENTS));
    let key = header.first_seq.plus(blocks.saturating_mul(u64::from(BLOCK_0_EVENTS)));
    Ok((!header.sealed || key <= header.last_seq).then_some(key.0))
}

/// A block and its entry.
fn one(txn: &ReadTransaction, path: &Path, key: u64, has_index: bool) -> Result<[Option<Vec<u8>>; 2], ReadError> {
    Ok([value(txn, path, BLOCKS, key)?, if has_index { value(txn, path, INDEX, key)? } else { None }])
}

fn value(
    txn: &ReadTransaction,
    path: &Path,
    table: TableDefinition<'static, u64, &'static [u8]>,
    key: u64,
) -> Result<Option<Vec<u8>>, ReadError> {
    let table = txn.open_table(table).map_err(|error| ReadError::redb(path, error))?;
    let value = table.get(key).map_err(|error| ReadError::redb(path, error))?;
    Ok(value.map(|value| value.value().to_vec()))
}

/// Copies blocks from a key on until they take [`BATCH_BYTES`], with what the index holds in between; with the last of them the
/// tail, in the same transaction, since a writer moves rows from one to the other.
fn batch(txn: &ReadTransaction, path: &Path, from: u64, has_index: bool) -> Result<Batch, ReadError> {
    let mut batch = Batch::default();
    let blocks = txn.open_table(BLOCKS).map_err(|error| ReadError::redb(path, error))?;
    let (mut taken, mut end) = (0, None);
    for item in blocks.range(from..).map_err(|error| ReadError::redb(path, error))? {
        let (key, value) = item.map_err(|error| ReadError::redb(path, error))?;
        taken += value.value().len();
        batch.blocks.push((key.value(), value.value().to_vec()));
        if taken >= BATCH_BYTES {
            end = Some(key.value());
            break;
        }
    }
    if has_index {
        let index = txn.open_table(INDEX).map_err(|error| ReadError::redb(path, error))?;
        for item in index.range(from..=end.unwrap_or(u64::MAX)).map_err(|error| ReadError::redb(path, error))? {
            let (key, value) = item.map_err(|error| ReadError::redb(path, error))?;
            batch.index.push((key.value(), value.value().to_vec()));
        }
    }
    if end.is_none() {
        batch.tail = Some(tail(txn, path)?);
    }
    Ok(batch)
}

fn tail(txn: &ReadTransaction, path: &Path) -> Result<Entries, ReadError> {
    let tail = txn.open_table(TAIL).map_err(|error| ReadError::redb(path, error))?;
    let mut rows = Entries::new();
    for item in tail.iter().map_err(|error| ReadError::redb(path, error))? {
        let (key, value) = item.map_err(|error| ReadError::redb(path, error))?;
        rows.push((key.value(), value.value().to_vec()));
    }
    Ok(rows)
}

fn next_in_index(txn: &ReadTransaction, path: &Path, from: u64) -> Result<Option<u64>, ReadError> {
    let index = txn.open_table(INDEX).map_err(|error| ReadError::redb(path, error))?;
    let next = index.range(from..).map_err(|error| ReadError::redb(path, error))?.next();
    Ok(next.transpose().map_err(|error| ReadError::redb(path, error))?.map(|(key, _)| key.value()))
}

/// Takes blocks and entries side by side.
fn blocks(walk: &mut Walk<'_>, batch: &Batch, has_index: bool) {
    let mut index = batch.index.iter().peekable();
    for (key, value) in &batch.blocks {
        while let Some((stray, _)) = index.next_if(|(entry, _)| entry < key) {
            walk.no_block(*stray);
        }
        let entry = index.next_if(|(entry, _)| entry == key);
        if entry.is_none() && has_index {
            walk.no_entry(*key);
        }
        walk.block(*key, value, entry.map(|(_, entry)| entry.as_slice()));
    }
    for (stray, _) in index {
        walk.no_block(*stray);
    }
}

fn tail_rows(walk: &mut Walk<'_>, rows: &Entries, header: &SegmentHeader) {
    for (key, value) in rows {
        walk.tail_row(*key, value);
    }
    if let (true, true, Some((key, _))) = (header.sealed, header.format > 0, rows.first()) {
        let file = format!("tape/{}", header.name);
        let what = format!("{} rows are in the tail of a sealed segment, which has none", rows.len());
        walk.find(Finding::damage(&file, what).at(Table::Tail, Some(*key)));
    }
}

/// redb's own check of its pages, on the overlay; not of a file that a writer has open.
fn pages(dir: &DataDir, path: &Path, file: &str, header: &SegmentHeader, tell: &mut dyn FnMut(Told)) {
    let Ok(base) = StillFile::open(dir.disk(), path) else { return };
    if !header.sealed && Lock::holder(dir).map_or(true, |holder| holder.is_some()) {
        return;
    }
    tell(Told::At(Table::Pages, 0));
    let opened = Builder::new().set_cache_size(CACHE_BYTES).create_with_backend(CowBackend::new(base.clone()));
    let checked = opened.map_err(redb::Error::from).and_then(|mut db| Ok(db.check_integrity()?));
    if base.is_stale() {
        return;
    }
    let what = match checked {
        Ok(true) => return,
        Ok(false) => "redb's own checksums do not hold: it would go back to an older state of the file".to_owned(),
        Err(error) => format!("redb's own check fails: {}", sentence(&error)),
    };
    tell(Told::Finding(Finding::damage(file, what).at(Table::Pages, None)));
}
