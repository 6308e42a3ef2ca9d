//! No bytes of a row, however wrong, make a reader panic.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod support;

use barkeep_schemas::Seq;
use barkeep_storage::row::{Events, HEADER_BYTES, RowHeader, decode, events as events_of};
use barkeep_storage::{Filter, Tape, Writer};
use proptest::prelude::*;
use redb::{ReadableDatabase, TableDefinition};
use support::{DAY, data_dir, events};

/// Takes a row apart as far as it goes; how many events it held.
fn take_apart(value: &[u8], trust_payload: bool) -> usize {
    let Ok((header, payload)) = RowHeader::parse(value) else { return 0 };
    if !trust_payload && header.check(payload).is_err() {
        return 0;
    }
    let mut all = Vec::new();
    if events_of(&header, payload, &Filter::ALL, &mut all).is_ok() {
        return all.len();
    }
    let (mut events, mut count) = (Events::new(header), 0);
    while let Ok(Some((seq, range))) = events.next_in(payload) {
        count += usize::from(decode(&header, seq, &payload[range]).is_ok());
    }
    count
}

/// Makes the header's own checksum fit, so that what lies behind it is reached.
fn reseal(value: &mut [u8]) {
    if let Some(head) = value.get_mut(..HEADER_BYTES) {
        let crc = crc32fast::hash(&head[..HEADER_BYTES - 4]);
        head[HEADER_BYTES - 4..].copy_from_slice(&crc.to_le_bytes());
    }
}

fn good_row() -> Vec<u8> {
    let (_temp, dir) = data_dir();
    let mut writer = Writer::open(&dir, "test").unwrap();
    let name = writer.begin_segment(DAY).unwrap();
    writer.commit(&events(1, 30)).unwrap();
    drop(writer);
    let db = redb::ReadOnlyDatabase::open(dir.segment(name)).unwrap();
    let tail = db.begin_read().unwrap().open_table(TableDefinition::<u64, &[u8]>::new("tail")).unwrap();
    tail.get(1).unwrap().unwrap().value().to_vec()
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_taken_apart_without_a_panic(mut value in proptest::collection::vec(any::<u8>(), 0..400)) {
        take_apart(&value, true);
        if value.len() >= HEADER_BYTES {
            value[0] = 2 + value[0] % 2;
            value[1] &= 3;
            let payload = (value.len() - HEADER_BYTES) as u32;
            value[78..82].copy_from_slice(&payload.to_le_bytes());
            reseal(&mut value);
            take_apart(&value, true);
        }
    }

    #[test]
    fn a_good_row_with_changed_bytes_is_taken_apart_without_a_panic(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        resealed in any::<bool>(),
    ) {
        static ROW: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
        let mut value = ROW.get_or_init(good_row).clone();
        prop_assert_eq!(take_apart(&value, false), 30);
        for (at, byte) in changes {
            let at = at.index(value.len());
            value[at] = byte;
        }
        if resealed {
            reseal(&mut value);
        }
        take_apart(&value, resealed);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn arbitrary_rows_in_a_file_are_errors_and_never_a_panic(
        key in prop_oneof![Just(1_u64), Just(31), any::<u64>()],
        value in proptest::collection::vec(any::<u8>(), 0..200),
        table in prop_oneof![Just("tail"), Just("blocks")],
        good in any::<bool>(),
    ) {
        let (_temp, dir) = data_dir();
        let mut writer = Writer::open(&dir, "test").unwrap();
        let name = writer.begin_segment(DAY).unwrap();
        writer.commit(&events(1, 30)).unwrap();
        drop(writer);
        let value = if good { good_row() } else { value };
        let db = redb::Database::open(dir.segment(name)).unwrap();
        let txn = db.begin_write().unwrap();
        txn.open_table(TableDefinition::<u64, &[u8]>::new(table)).unwrap().insert(key, value.as_slice()).unwrap();
        txn.commit().unwrap();
        drop(db);
        if let Ok(tape) = Tape::open(&dir) {
            prop_assert!(tape.scan(Seq(1), None, &Filter::ALL).take(100).count() <= 100);
        }
        let _ = Writer::open(&dir, "test");
        let _ = barkeep_storage::Follower::new(&dir, Seq(0)).poll(100);
    }
}
