//! The bytes of format 1 that stand around the events: a tail row, a block, an index entry, a segment header, a snapshot.
//! They must be read for ever; `schemas/tests/samples` and `src/columns/golden.rs` hold the bytes of the events.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod support;

use barkeep_schemas::{Event, Hash32, Seq, Ts};
use barkeep_storage::chain::Chain;
use barkeep_storage::row::RowHeader;
use barkeep_storage::snapshot::Snapshot;
use barkeep_storage::{Filter, SegmentHeader, SegmentName, fuzzing};
use support::{DAY, event_at, timeless};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(hex: &str) -> Vec<u8> {
    let hex: String = hex.split_whitespace().collect();
    (0..hex.len() / 2).map(|n| u8::from_str_radix(&hex[n * 2..n * 2 + 2], 16).unwrap()).collect()
}

fn check(written: &[u8], golden: &str) {
    assert_eq!(hex(written), hex(&bytes(golden)));
}

/// A tick, a clock mark, a bar and an event without a time.
fn events() -> Vec<Event> {
    vec![event_at(9), event_at(10), event_at(17), timeless()]
}

#[test]
fn rows_and_their_index_entry() {
    let [tail, block, entry] = fuzzing::row_values(Seq(1_021), &events()).unwrap();
    check(&tail, TAIL);
    check(&block, BLOCK);
    check(&entry, ENTRY);
    for golden in [TAIL, BLOCK] {
        let value = bytes(golden);
        let (header, payload) = RowHeader::parse(&value).unwrap();
        assert_eq!(header.recv_times, Some((Ts::new(support::T0 + 9_000_000), Ts::new(support::T0 + 9_000_000))));
        let mut found = Vec::new();
        barkeep_storage::row::events(&header, payload, &Filter::ALL, &mut found).unwrap();
        assert!(found.into_iter().eq((1_021..).map(Seq).zip(events())));
    }
    assert_eq!(fuzzing::parse_index_entry(&bytes(ENTRY)).map(|(header, _)| header.count), Some(4));
}

#[test]
fn a_segment_header() {
    let header = SegmentHeader {
        format: 1,
        name: SegmentName { date: DAY, run: 2 },
        ordinal: 3,
        first_seq: Seq(101),
        previous_last: Seq(100),
        previous_chain: Hash32([0xab; 32]),
        sealed: true,
        last_seq: Seq(4_711),
        last_chain: Hash32([0xcd; 32]),
    };
    check(&fuzzing::header_bytes(&header), HEADER);
    assert_eq!(fuzzing::parse_header(&bytes(HEADER)), Some(header));
}

#[test]
fn a_snapshot() {
    let snapshot =
        Snapshot { seq: Seq(4_711), chain: Hash32([0xef; 32]), behaviour: 1, bytes: b"the engine's own".to_vec() };
    check(&fuzzing::snapshot_bytes(&snapshot), SNAPSHOT);
    assert_eq!(fuzzing::parse_snapshot(&bytes(SNAPSHOT)), Some(snapshot));
}

#[test]
fn the_chain() {
    let mut chain = Chain::new(Seq(101), Hash32([0xab; 32]));
    assert_eq!(chain.hash_at_end(), Hash32([0xab; 32]));
    chain.extend(&support::events(101, 1_500), |_, _| {});
    assert_eq!(chain.hash_at_end().to_string(), CHAIN);
}

const TAIL: &str = "
    020304000000fd030000000000004054693cd816fb174066e33cd816fb174054693cd816fb174054693cd816fb171c000000000000000000
    00000000000001000000000000000000000000000000af00000000537af628dedc273800000004010e09000000004054693cd816fb174054
    693cd816fb177f420f000000000009000000000000000e420f000000000072420f00000000000b0000000301008096783cd816fb17550000
    00800111000000014066e33cd816fb17110000000000000016000000000000000c0000000000000012000000000000006400000000000000
    030000000000110000000000000011000000000000001100000000000000070000000201204e000001";
const BLOCK: &str = "
    030304000000fd030000000000004054693cd816fb174066e33cd816fb174054693cd816fb174054693cd816fb171c000000000000000000
    00000000000001000000000000000000000000000000be0000006a61b9ba5872b0e10104000000120000003c00000000000000390000000f
    0000000b0000000401040303028000020004020000e4000002010900000000000000001c0080d1cac687b68bfb2f0180d1cac687b68bfb2f
    0000000000000000fe897a0000000000120000000000e101010000c8010111000100000000000200000680f9d5d2c6b98bfb2f0000000000
    2200000000000200000800000a0000000000c8010000000000d90f00000000000080dac4c787b68bfb2f000000070000000201204e000001";
const ENTRY: &str = "
    030304000000fd030000000000004054693cd816fb174066e33cd816fb174054693cd816fb174054693cd816fb171c000000000000000000
    00000000000001000000000000000000000000000000be0000006a61b9ba5872b0e10300000202d06d917d";
const HEADER: &str = "
    01000000204e000002000000030000000000000065000000000000006400000000000000abababababababababababababababababababab
    abababababababababababab016712000000000000cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcde7fed1
    2c";
const SNAPSHOT: &str = "
    4241524b534e415001000000010000006712000000000000efefefefefefefefefefefefefefefefefefefefefefefefefefefefefefefef
    100000000000000074686520656e67696e652773206f776e93c28482";
const CHAIN: &str = "ef9b423c2dcc5eb8d129e8e87ab39de7002506c6f439f3fe1addd672920d0773";
