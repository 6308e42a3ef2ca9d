//! The tables of one segment in one read transaction: rows by position, found through the index, and the chain.
//!
//! Never writes, and never lets a row pass whose place, header or neighbours are wrong. Called by the segment reader and
//! by the writer when it opens a segment again.

use std::path::Path;

use barkeep_schemas::{Event, Seq};
use redb::{ReadOnlyTable, ReadTransaction, ReadableTable, TableDefinition, TableError};

use crate::BLOCK_0_EVENTS;
use crate::chain::{Chain, LINK_EVENTS};
use crate::error::ReadError;
use crate::filter::Filter;
use crate::header::SegmentHeader;
use crate::index::{IndexEntry, links_between};
use crate::raw_row::RawRow;
use crate::row::{Damage, RowHeader, RowVersion};

/// The segment's header under [`HEADER_KEY`].
pub(crate) const META: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("meta");
/// One row for each commit since the last cut; key = first position.
pub(crate) const TAIL: TableDefinition<'static, u64, &[u8]> = TableDefinition::new("tail");
/// Blocks; key = first position.
pub(crate) const BLOCKS: TableDefinition<'static, u64, &[u8]> = TableDefinition::new("blocks");
/// An entry for each block; key = its first position. Segments of format 0 have none.
pub(crate) const INDEX: TableDefinition<'static, u64, &[u8]> = TableDefinition::new("index");
/// Where in `meta` the header lies.
pub(crate) const HEADER_KEY: &str = "header";

/// How many blocks one transaction may pass over before it ends.
const SKIPPED_MAX: u32 = 1_024;

/// How many bytes of rows one transaction copies before it ends.
const BATCH_BYTES: usize = 1 << 20;

/// A table of rows or entries.
type Rows = ReadOnlyTable<u64, &'static [u8]>;

/// What one read transaction yielded.
#[derive(Default)]
pub(crate) struct Batch {
    /// Rows that may hold wanted events, in order.
    pub(crate) rows: Vec<RawRow>,
    /// The first position that was not looked at; the position asked for when there is nothing more.
    pub(crate) next: Seq,
}

/// The tables of events in one transaction.
pub(crate) struct Tables<'a> {
    path: &'a Path,
    tail: Rows,
    blocks: Rows,
    index: Option<Rows>,
}

impl<'a> Tables<'a> {
    pub(crate) fn open(txn: &ReadTransaction, path: &'a Path) -> Result<Self, ReadError> {
        let open = |table| txn.open_table(table).map_err(|error| ReadError::redb(path, error));
        let index = match txn.open_table(INDEX) {
            Ok(index) => Some(index),
            Err(TableError::TableDoesNotExist(_)) => None,
            Err(error) => return Err(ReadError::redb(path, error)),
        };
        Ok(Self { path, tail: open(TAIL)?, blocks: open(BLOCKS)?, index })
    }

    fn redb_error(&self, error: redb::StorageError) -> ReadError {
        ReadError::redb(self.path, error)
    }

    fn damaged(&self, table: &'static str, key: u64, why: Damage) -> ReadError {
        ReadError::Damaged { path: self.path.to_path_buf(), table, key, why }
    }

    fn broken(&self, expected: Seq, found: Seq) -> ReadError {
        ReadError::Broken { path: self.path.to_path_buf(), expected, found }
    }

    /// Checks a row against its key and table.
    fn parse<'v>(&self, table: &'static str, key: u64, value: &'v [u8]) -> Result<(RowHeader, &'v [u8]), ReadError> {
        let (header, payload) = RowHeader::parse(value).map_err(|why| self.damaged(table, key, why))?;
        let old_block = table == "blocks" && header.version == RowVersion::Zero;
        if header.first == Seq(key) && (!old_block || header.count == BLOCK_0_EVENTS) {
            return Ok((header, payload));
        }
        let (first, count) = (header.first, header.count);
        let expected_count = if old_block { BLOCK_0_EVENTS } else { 1 };
        Err(self.damaged(table, key, Damage::Place { first, count, expected_first: Seq(key), expected_count }))
    }

    /// Checks an entry of the index against its key.
    fn parse_entry<'v>(&self, key: u64, value: &'v [u8]) -> Result<IndexEntry<'v>, ReadError> {
        let entry = IndexEntry::parse(value).map_err(|why| self.damaged("index", key, why))?;
        let (first, count) = (entry.header.first, entry.header.count);
        if first == Seq(key) {
            return Ok(entry);
        }
        Err(self.damaged("index", key, Damage::Place { first, count, expected_first: Seq(key), expected_count: 1 }))
    }

    /// The position after the last event, by the last key and its row's header; `None` when there is none.
    pub(crate) fn end(&self) -> Result<Option<Seq>, ReadError> {
        match self.tail.last().map_err(|error| self.redb_error(error))? {
            Some((key, value)) => Ok(Some(self.parse("tail", key.value(), value.value())?.0.end())),
            None => self.blocks_end(),
        }
    }

    /// The position after the last block.
    pub(crate) fn blocks_end(&self) -> Result<Option<Seq>, ReadError> {
        Ok(self.last_block()?.map(|(header, _)| header.end()))
    }

    /// The header of the last block and the bytes of its row.
    pub(crate) fn last_block(&self) -> Result<Option<(RowHeader, usize)>, ReadError> {
        match self.blocks.last().map_err(|error| self.redb_error(error))? {
            Some((key, value)) => {
                let (header, _) = self.parse("blocks", key.value(), value.value())?;
                Ok(Some((header, value.value().len())))
            }
            None => Ok(None),
        }
    }

    /// See [`crate::reader::SegmentReader::rows_from`].
    pub(crate) fn rows_from(&self, from: Seq, to: Seq, filter: &Filter) -> Result<Batch, ReadError> {
        if from > to {
            return Ok(Batch { rows: Vec::new(), next: from });
        }
        let through_index = self.index.as_ref().filter(|_| filter.is_selective());
        let batch = match through_index {
            Some(index) => self.indexed_from(index, from, to, filter)?,
            None => self.blocks_from(from, to, filter)?,
        };
        if batch.next == from { self.tail_from(from, to, filter) } else { Ok(batch) }
    }

    /// The key of the last row of a table that begins at or before `seq`.
    fn key_before(&self, table: &Rows, seq: Seq) -> Result<Option<u64>, ReadError> {
        let entry = table.range(..=seq.0).map_err(|error| self.redb_error(error))?.next_back();
        Ok(entry.transpose().map_err(|error| self.redb_error(error))?.map(|(key, _)| key.value()))
    }

    /// Blocks from the one that holds `from` on; nothing when none does.
    fn blocks_from(&self, from: Seq, to: Seq, filter: &Filter) -> Result<Batch, ReadError> {
        let mut batch = Batch { rows: Vec::new(), next: from };
        let Some(start) = self.key_before(&self.blocks, from)? else { return Ok(batch) };
        let mut room = Room::default();
        for entry in self.blocks.range(start..).map_err(|error| self.redb_error(error))? {
            let (key, value) = entry.map_err(|error| self.redb_error(error))?;
            let (header, _) = self.parse("blocks", key.value(), value.value())?;
            if !self.goes_on(&header, &mut batch, from)? {
                return Ok(batch);
            }
            let wanted = filter.may_admit(&header.kinds, header.times);
            if wanted {
                batch.rows.push(RawRow::new("blocks", header, value.value().to_vec()));
            }
            if batch.next > to || room.is_full_after(wanted, value.value().len()) {
                break;
            }
        }
        Ok(batch)
    }

    /// The same, reading only the blocks that the index does not rule out.
    fn indexed_from(&self, index: &Rows, from: Seq, to: Seq, filter: &Filter) -> Result<Batch, ReadError> {
        let mut batch = Batch { rows: Vec::new(), next: from };
        let Some(start) = self.key_before(index, from)? else { return Ok(batch) };
        let mut room = Room::default();
        for item in index.range(start..).map_err(|error| self.redb_error(error))? {
            let (key, value) = item.map_err(|error| self.redb_error(error))?;
            let entry = self.parse_entry(key.value(), value.value())?;
            if !self.goes_on(&entry.header, &mut batch, from)? {
                return Ok(batch);
            }
            let wanted = filter.may_admit(&entry.header.kinds, entry.header.times)
                && filter.may_admit_any_of(&entry.instruments);
            let mut bytes = 0;
            if wanted {
                let row = self.block(&entry.header)?;
                bytes = row.bytes();
                batch.rows.push(row);
            }
            if batch.next > to || room.is_full_after(wanted, bytes) {
                break;
            }
        }
        Ok(batch)
    }

    /// Moves `batch` past a block; `false` when the block, the first one looked at, ends before `from`.
    fn goes_on(&self, header: &RowHeader, batch: &mut Batch, from: Seq) -> Result<bool, ReadError> {
        let is_first = batch.next == from;
        if is_first && header.end() <= from {
            return Ok(false);
        }
        if !is_first && header.first != batch.next {
            return Err(self.broken(batch.next, header.first));
        }
        batch.next = header.end();
        Ok(true)
    }

    /// The block that an index entry stands for.
    fn block(&self, entry: &RowHeader) -> Result<RawRow, ReadError> {
        let key = entry.first.0;
        let value = self.blocks.get(key).map_err(|error| self.redb_error(error))?;
        let value = value.ok_or_else(|| self.damaged("index", key, Damage::NoBlock))?;
        let (header, _) = self.parse("blocks", key, value.value())?;
        if header != *entry {
            return Err(self.damaged("index", key, Damage::OtherBlock));
        }
        Ok(RawRow::new("blocks", header, value.value().to_vec()))
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
                rows.push(RawRow::new("tail", header, value.value().to_vec()));
            }
        }
        Ok(Batch { rows, next })
    }

    /// The key of the tail row that holds `next`, or `next` itself. The tail must begin where the blocks end.
    fn tail_row_at(&self, next: Seq) -> Result<u64, ReadError> {
        let first = self.tail.first().map_err(|error| self.redb_error(error))?;
        if let (Some((key, _)), Some(end)) = (first, self.blocks_end()?)
            && key.value() != end.0
        {
            return Err(self.broken(end, Seq(key.value())));
        }
        Ok(self.key_before(&self.tail, next)?.unwrap_or(next.0))
    }

    /// The events from `from` up to, but not including, `end`, all of which the segment holds.
    pub(crate) fn events_between(&self, from: Seq, end: Seq) -> Result<Vec<Event>, ReadError> {
        let (mut events, mut next) = (Vec::new(), from);
        while next < end {
            let batch = self.rows_from(next, Seq(end.0.saturating_sub(1)), &Filter::ALL)?;
            if batch.next == next {
                return Err(self.broken(next, end));
            }
            for row in &batch.rows {
                let mut found = Vec::new();
                row.events(self.path, &Filter::ALL, &mut found)?;
                events.extend(found.into_iter().filter(|(seq, _)| (from..end).contains(seq)).map(|(_, event)| event));
            }
            next = batch.next;
        }
        Ok(events)
    }

    /// The chain up to the event before `end`, begun at the last link that is stored before that; `None` in a segment
    /// of format 0.
    pub(crate) fn chain_to(&self, header: &SegmentHeader, end: Seq) -> Result<Option<Chain>, ReadError> {
        let Some(index) = &self.index else { return Ok(None) };
        let first = header.first_seq;
        let in_blocks = self.blocks_end()?.unwrap_or(first).min(end);
        let whole = in_blocks.0.saturating_sub(first.0) / LINK_EVENTS * LINK_EVENTS;
        let start = first.plus(whole);
        let link = if start == first { header.previous_chain } else { self.link_before(index, first, start)? };
        let mut chain = Chain::new(start, link);
        chain.extend(&self.events_between(start, end)?, |_, _| {});
        Ok(Some(chain))
    }

    /// The link that ends with the event before `end`, which lies in a block.
    fn link_before(&self, index: &Rows, first: Seq, end: Seq) -> Result<barkeep_schemas::Hash32, ReadError> {
        let key = self.key_before(index, Seq(end.0.saturating_sub(1)))?;
        let missing = |key: Option<u64>| self.damaged("index", key.unwrap_or(first.0), Damage::NoLink { end });
        let key_of_entry = key.ok_or_else(|| missing(None))?;
        let value = index.get(key_of_entry).map_err(|error| self.redb_error(error))?.ok_or_else(|| missing(key))?;
        let entry = self.parse_entry(key_of_entry, value.value())?;
        let place = links_between(first, entry.header.first, end).checked_sub(1);
        let link = place.and_then(|place| entry.links().nth(usize::try_from(place).ok()?));
        link.ok_or_else(|| missing(key))
    }
}

/// How much more a transaction may read.
#[derive(Default)]
struct Room {
    passed: u32,
    bytes: usize,
}

impl Room {
    /// Counts a block that was copied or passed over.
    fn is_full_after(&mut self, copied: bool, bytes: usize) -> bool {
        if copied {
            self.bytes += bytes;
        } else {
            self.passed += 1;
        }
        self.bytes >= BATCH_BYTES || self.passed >= SKIPPED_MAX
    }
}
