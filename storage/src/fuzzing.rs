//! What fuzz targets may reach and callers may not: the bytes that stand around the rows, without a file.
//!
//! Never called by the library.

use crate::header::SegmentHeader;
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
