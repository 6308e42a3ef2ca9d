//! What fuzz targets may reach and callers may not: the bytes that stand around the rows, without a file.
//!
//! Never called by the library.

use barkeep_schemas::{Event, Seq};

use crate::columns::Encoder;
use crate::header::SegmentHeader;
use crate::index::{self, IndexEntry};
use crate::row::{self, RowHeader};
use crate::snapshot::{self, Snapshot};

/// A segment header out of its bytes, if they are one.
pub fn parse_header(bytes: &[u8]) -> Option<SegmentHeader> {
    SegmentHeader::parse(bytes).ok()
}

/// The bytes of a segment header.
pub fn header_bytes(header: &SegmentHeader) -> Vec<u8> {
    header.bytes()
}

/// A snapshot out of a file's bytes, if they are one.
pub fn parse_snapshot(bytes: &[u8]) -> Option<Snapshot> {
    snapshot::parse(bytes)
}

/// The bytes of a snapshot's file.
pub fn snapshot_bytes(snapshot: &Snapshot) -> Vec<u8> {
    snapshot::bytes_of(snapshot)
}

/// The header in an entry of the index and the number of its links, if the bytes are one.
pub fn parse_index_entry(bytes: &[u8]) -> Option<(RowHeader, usize)> {
    IndexEntry::parse(bytes).ok().map(|entry| (entry.header, entry.links().len()))
}

/// The values that hold these events: as a row of the tail, as a block, and the block's entry in the index.
pub fn row_values(first: Seq, events: &[Event]) -> Option<[Vec<u8>; 3]> {
    let tail = row::tail_row(first, events, &mut Encoder::new()).ok()?;
    let (header, block) = row::block(first, events, &mut Encoder::new()).ok()?;
    Some([tail, block, index::entry(&header, events, &[])])
}
