//! Batch size is unobservable: the same events in any batches give the same scan, digest and block keys.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod support;

use barkeep_schemas::Seq;
use barkeep_storage::row::RowHeader;
use barkeep_storage::{DataDir, Filter, Tape, Writer};
use proptest::prelude::*;
use redb::{ReadableDatabase, ReadableTable, TableDefinition};
use support::{DAY, data_dir, digest, event_at, events};

/// Keys and values of a table of the newest segment.
fn rows(dir: &DataDir, table: &'static str) -> Vec<(u64, Vec<u8>)> {
    let path = Tape::open(dir).unwrap().segments().last().unwrap().path.clone();
    let db = redb::ReadOnlyDatabase::open(path).unwrap();
    let table = db.begin_read().unwrap().open_table(TableDefinition::<u64, &[u8]>::new(table)).unwrap();
    table.iter().unwrap().map(Result::unwrap).map(|(key, value)| (key.value(), value.value().to_vec())).collect()
}

/// Writes `count` events in batches of these sizes over and over, reopening the writer where asked.
fn write(dir: &DataDir, offset: u64, count: u64, sizes: &[u64], reopen_every: usize) {
    let mut writer = Writer::open(dir, "test").unwrap();
    if offset > 0 {
        // The cuts count from the segment's first event, wherever that lies.
        writer.begin_segment(DAY).unwrap();
        writer.commit(&events(1, offset)).unwrap();
    }
    writer.begin_segment(DAY).unwrap();
    let (mut next, end) = (offset + 1, offset + count + 1);
    for (n, size) in sizes.iter().cycle().enumerate() {
        if next == end {
            break;
        }
        if (n + 1).is_multiple_of(reopen_every) {
            drop(writer);
            writer = Writer::open(dir, "test").unwrap();
        }
        let size = (*size).min(end - next);
        writer.commit(&events(next, size)).unwrap();
        next += size;
    }
    writer.close().unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_batches_give_the_same_scan_digest_and_blocks(
        count in 1..20_000_u64,
        offset in 0..3_u64,
        sizes in proptest::collection::vec(prop_oneof![50..200_u64, 1_000..9_000_u64, Just(4_096_u64)], 1..6),
        reopen_every in 3..40_usize,
    ) {
        let (_temp, one) = data_dir();
        let (_temp2, many) = data_dir();
        write(&one, offset, count, &[count], usize::MAX);
        write(&many, offset, count, &sizes, reopen_every);
        let scan = |dir| Tape::open(dir).unwrap().scan(Seq(1), None, &Filter::ALL).map(Result::unwrap);
        prop_assert!(scan(&one).eq((1..=offset + count).map(|seq| (Seq(seq), event_at(seq)))));
        prop_assert!(scan(&many).eq(scan(&one)));
        prop_assert_eq!(digest(scan(&many)), digest(scan(&one)));
        let blocks = rows(&many, "blocks");
        prop_assert!(blocks == rows(&one, "blocks"));
        prop_assert!(rows(&many, "index") == rows(&one, "index"));
        prop_assert!(blocks.iter().all(|(_, value)| value.len() <= 8 * 4_096 - 16));
        let blocks_end = blocks.last().map_or(offset + 1, |(key, value)| {
            key + u64::from(RowHeader::parse(value).unwrap().0.count)
        });
        let tail_first = rows(&many, "tail").first().map(|(key, _)| *key);
        prop_assert_eq!(tail_first, (blocks_end <= offset + count).then_some(blocks_end));
        let chain = |dir: &DataDir, seq| Tape::open(dir).unwrap().chain_at(Seq(seq)).unwrap();
        for seq in [offset + 1, offset + count.div_ceil(2), offset + count.min(1_024), offset + count] {
            prop_assert_eq!(chain(&one, seq), chain(&many, seq));
            prop_assert!(chain(&one, seq).is_some());
        }
    }
}
