//! What stands around the rows: segment headers, entries of the index, snapshots and file names. Where they parse, they are written as the
//! same bytes: each has one spelling.
//!
//! The first byte chooses which; headers and snapshots also get a checksum that fits.

use barkeep_storage::SegmentName;
use barkeep_storage::fuzzing::{header_bytes, parse_header, parse_index_entry, parse_snapshot, snapshot_bytes};

pub fn run(data: &[u8]) {
    let Some((which, bytes)) = data.split_first() else { return };
    let checked = [bytes, &crc32fast::hash(bytes).to_le_bytes()].concat();
    match which % 6 {
        0 => header(bytes),
        1 => header(&checked),
        2 => snapshot(bytes),
        3 => snapshot(&checked),
        4 => name(bytes),
        _ => drop(parse_index_entry(&checked)),
    }
}

fn header(bytes: &[u8]) {
    if let Some(header) = parse_header(bytes) {
        assert_eq!(header_bytes(&header), bytes, "{header:?}");
    }
}

fn snapshot(bytes: &[u8]) {
    if let Some(snapshot) = parse_snapshot(bytes) {
        assert_eq!(snapshot_bytes(&snapshot), bytes, "{snapshot:?}");
    }
}

fn name(bytes: &[u8]) {
    let Ok(file) = std::str::from_utf8(bytes) else { return };
    if let Some(name) = SegmentName::parse(file) {
        assert_eq!(name.to_string(), file);
    }
}
