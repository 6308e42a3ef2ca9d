//! Bytes that changed, rows that vanished, headers of another age: all are reported with their place, none panics.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod support;

use std::path::PathBuf;

use barkeep_schemas::{EventKind, Seq};
use barkeep_storage::row::Damage;
use barkeep_storage::{DataDir, Filter, OpenError, ReadError, Tape, Writer};
use redb::{ReadableDatabase, ReadableTable, TableDefinition};
use support::{DAY, Dice, data_dir, events};

const META: TableDefinition<&str, &[u8]> = TableDefinition::new("meta");

/// A tape of one segment, some blocks and at least three tail rows, closed cleanly.
fn tape() -> (tempfile::TempDir, DataDir, PathBuf) {
    let (temp, dir) = data_dir();
    let mut writer = Writer::open(&dir, "test").unwrap();
    let name = writer.begin_segment(DAY).unwrap();
    writer.commit(&events(1, 25_000)).unwrap();
    for n in 0..3 {
        writer.commit(&events(25_001 + n * 100, 100)).unwrap();
    }
    writer.close().unwrap();
    let path = dir.segment(name);
    (temp, dir, path)
}

fn table(name: &'static str) -> TableDefinition<'static, u64, &'static [u8]> {
    TableDefinition::new(name)
}

/// Changes a table of a segment the way only a bug or a stranger would.
fn tamper(path: &PathBuf, name: &'static str, change: impl FnOnce(&mut redb::Table<'_, u64, &'static [u8]>)) {
    let db = redb::Database::open(path).unwrap();
    let txn = db.begin_write().unwrap();
    change(&mut txn.open_table(table(name)).unwrap());
    txn.commit().unwrap();
}

fn value(path: &PathBuf, name: &'static str, key: u64) -> Vec<u8> {
    let db = redb::ReadOnlyDatabase::open(path).unwrap();
    let table = db.begin_read().unwrap().open_table(table(name)).unwrap();
    table.get(key).unwrap().unwrap().value().to_vec()
}

/// The keys of a table.
fn keys(path: &PathBuf, name: &'static str) -> Vec<u64> {
    let db = redb::ReadOnlyDatabase::open(path).unwrap();
    let table = db.begin_read().unwrap().open_table(table(name)).unwrap();
    table.iter().unwrap().map(|item| item.unwrap().0.value()).collect()
}

/// The first error of a pass over the whole tape, and how many events came before it.
fn first_error(dir: &DataDir) -> (usize, ReadError) {
    let tape = match Tape::open(dir) {
        Ok(tape) => tape,
        Err(OpenError::Read(error)) => return (0, error),
        Err(error) => panic!("{error}"),
    };
    let mut count = 0;
    for item in tape.scan(Seq(1), None, &Filter::ALL) {
        match item {
            Ok(_) => count += 1,
            Err(error) => return (count, error),
        }
    }
    panic!("no error in {count} events");
}

#[test]
fn every_flipped_byte_of_a_value_in_the_file_is_reported_with_its_place() {
    let (_temp, dir, path) = tape();
    let file = std::fs::read(&path).unwrap();
    let mut dice = Dice::new();
    let (blocks, tail) = (keys(&path, "blocks"), keys(&path, "tail"));
    assert!(blocks.len() > 1 && tail.len() > 2);
    for (name, key) in [("blocks", blocks[0]), ("blocks", blocks[1]), ("tail", tail[0]), ("tail", tail[1])] {
        let before = key as usize - 1;
        let value = value(&path, name, key);
        let at = file.windows(value.len()).position(|window| window == value).unwrap();
        let header = 0..90;
        let some: Vec<usize> = (0..20).map(|_| 90 + dice.below(value.len() as u64 - 90) as usize).collect();
        for offset in header.chain(some) {
            let mut flipped = file.clone();
            flipped[at + offset] ^= 1 << dice.below(8);
            std::fs::write(&path, &flipped).unwrap();
            let (count, error) = first_error(&dir);
            let ReadError::Damaged { path: where_, table, key: found, .. } = &error else {
                panic!("{name} {key} byte {offset}: {error:?}");
            };
            assert_eq!((where_, *table, *found), (&path, name, key), "byte {offset}");
            // Headers of several rows are looked at before the first is handed out.
            assert!(count <= before, "{count}");
        }
    }
}

#[test]
fn a_writer_refuses_to_go_on_after_a_damaged_tail() {
    let (_temp, dir, path) = tape();
    let file = std::fs::read(&path).unwrap();
    let damaged = keys(&path, "tail")[1];
    let value = value(&path, "tail", damaged);
    let at = file.windows(value.len()).position(|window| window == value).unwrap();
    let mut flipped = file.clone();
    flipped[at + 200] ^= 1;
    std::fs::write(&path, &flipped).unwrap();
    let error = Writer::open(&dir, "test").map(drop).unwrap_err();
    let OpenError::Read(ReadError::Damaged { table: "tail", key, why: Damage::PayloadCrc { .. }, .. }) = error else {
        panic!("{error:?}");
    };
    assert_eq!(key, damaged);
}

#[test]
fn a_missing_or_doubled_row_is_reported_as_a_break() {
    let (_temp, _, path) = tape();
    let (blocks, tail) = (keys(&path, "blocks"), keys(&path, "tail"));
    let (last_block, end) = (blocks.last().copied().unwrap(), tail[0]);
    for (name, key, expected, found) in [
        ("blocks", blocks[0], blocks[0], blocks[1]),
        ("blocks", last_block, last_block, end),
        ("tail", tail[0], tail[0], tail[1]),
        ("tail", tail[1], tail[1], tail[2]),
    ] {
        let (_temp, dir, path) = tape();
        tamper(&path, name, |table| drop(table.remove(key).unwrap()));
        let (_, error) = first_error(&dir);
        let ReadError::Broken { expected: e, found: f, .. } = error else { panic!("{error:?}") };
        assert_eq!((e, f), (Seq(expected), Seq(found)), "{name} {key}");
        // The writer looks at the end of the tape alone.
        assert!(Writer::open(&dir, "test").is_err() || key == blocks[0], "{name} {key}");
    }
}

#[test]
fn a_block_under_the_key_of_another_contradicts_its_own_header() {
    let (_temp, dir, path) = tape();
    let end = keys(&path, "tail")[0];
    let block = value(&path, "blocks", keys(&path, "blocks")[1]);
    tamper(&path, "blocks", |table| drop(table.insert(end, block.as_slice()).unwrap()));
    let (_, error) = first_error(&dir);
    let ReadError::Damaged { key, why: Damage::Place { .. }, .. } = error else { panic!("{error:?}") };
    assert_eq!(key, end);
    assert!(Writer::open(&dir, "test").is_err());
}

#[test]
fn an_index_that_does_not_fit_its_blocks_is_reported_by_whoever_uses_it() {
    let bars = Filter::kinds([EventKind::Bar]);
    let first_error = |dir: &DataDir| Tape::open(dir).unwrap().scan(Seq(1), None, &bars).find_map(Result::err);
    let (_temp, dir, path) = tape();
    assert!(first_error(&dir).is_none());
    let (file, blocks) = (std::fs::read(&path).unwrap(), keys(&path, "blocks"));
    let entry = value(&path, "index", blocks[0]);
    let at = file.windows(entry.len()).position(|window| window == entry).unwrap();
    for offset in 0..entry.len() {
        let mut flipped = file.clone();
        flipped[at + offset] ^= 1;
        std::fs::write(&path, &flipped).unwrap();
        let error = first_error(&dir).unwrap();
        assert!(matches!(error, ReadError::Damaged { table: "index", key: 1, .. }), "byte {offset}: {error:?}");
    }
    std::fs::write(&path, &file).unwrap();
    tamper(&path, "index", |table| drop(table.insert(blocks[1], entry.as_slice()).unwrap()));
    assert!(matches!(first_error(&dir), Some(ReadError::Damaged { table: "index", .. })));
    std::fs::write(&path, &file).unwrap();
    tamper(&path, "index", |table| drop(table.remove(blocks[1]).unwrap()));
    assert!(matches!(first_error(&dir), Some(ReadError::Broken { .. })));
    std::fs::write(&path, &file).unwrap();
    let other = value(&path, "blocks", blocks[0]);
    tamper(&path, "blocks", |table| drop(table.remove(blocks[1]).unwrap()));
    assert!(matches!(first_error(&dir), Some(ReadError::Damaged { table: "index", why: Damage::NoBlock, .. })));
    tamper(&path, "blocks", |table| drop(table.insert(blocks[1], other.as_slice()).unwrap()));
    assert!(matches!(first_error(&dir), Some(ReadError::Damaged { table: "blocks", .. })));
}

#[test]
fn a_sealed_segment_that_lost_its_last_row_is_short() {
    let (_temp, dir, path) = tape();
    let mut writer = Writer::open(&dir, "test").unwrap();
    writer.seal().unwrap();
    drop(writer);
    assert!(keys(&path, "tail").is_empty());
    let last = *keys(&path, "blocks").last().unwrap();
    tamper(&path, "blocks", |table| drop(table.remove(last).unwrap()));
    let (count, error) = first_error(&dir);
    assert!(
        matches!(error, ReadError::Short { expected, last: Seq(25_300), .. } if expected == Seq(last)),
        "{error:?}"
    );
    assert_eq!(count, last as usize - 1);
}

/// Replaces the segment header by other bytes.
fn put_header(path: &PathBuf, bytes: &[u8]) {
    let db = redb::Database::open(path).unwrap();
    let txn = db.begin_write().unwrap();
    txn.open_table(META).unwrap().insert("header", bytes).unwrap();
    txn.commit().unwrap();
}

#[test]
fn a_newer_format_is_refused_with_both_numbers_and_what_to_do() {
    let (_temp, dir, path) = tape();
    let mut bytes = 7_u32.to_le_bytes().to_vec();
    bytes.extend_from_slice(b"whatever comes");
    bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
    put_header(&path, &bytes);
    for error in [Tape::open(&dir).map(drop).unwrap_err(), Writer::open(&dir, "test").map(drop).unwrap_err()] {
        let text = error.to_string();
        let OpenError::Read(ReadError::NewerFormat { found: 7, supported: 1, .. }) = error else { panic!("{text}") };
        assert!(text.contains(path.to_str().unwrap()) && text.contains("upgrade barkeep"), "{text}");
    }
}

#[test]
fn a_damaged_segment_header_is_reported() {
    let (_temp, dir, path) = tape();
    for bytes in [&b""[..], b"abc", &[0; 81], &[0xff; 500]] {
        put_header(&path, bytes);
        let error = Tape::open(&dir).map(drop).unwrap_err();
        assert!(matches!(error, OpenError::Read(ReadError::Damaged { table: "meta", .. })), "{error:?}");
        assert!(Writer::open(&dir, "test").is_err());
    }
}

#[test]
fn segments_that_do_not_follow_one_another_are_reported() {
    let (_temp, dir) = data_dir();
    let mut writer = Writer::open(&dir, "test").unwrap();
    let first = writer.begin_segment(DAY).unwrap();
    writer.commit(&events(1, 10)).unwrap();
    writer.begin_segment(DAY).unwrap();
    writer.commit(&events(11, 10)).unwrap();
    drop(writer);
    // The first segment of another tape, shorter by one event, under the first one's name.
    let (_temp2, other) = data_dir();
    let mut writer = Writer::open(&other, "test").unwrap();
    writer.begin_segment(DAY).unwrap();
    writer.commit(&events(1, 9)).unwrap();
    writer.seal().unwrap();
    drop(writer);
    std::fs::remove_file(dir.segment(first)).unwrap();
    std::fs::copy(other.segment(first), dir.segment(first)).unwrap();
    let (count, error) = first_error(&dir);
    assert!(matches!(error, ReadError::Broken { expected: Seq(10), found: Seq(11), .. }), "{error:?}");
    assert_eq!(count, 9);
    let error = Writer::open(&dir, "test").map(drop).unwrap_err();
    assert!(matches!(error, OpenError::Read(ReadError::Broken { .. })), "{error:?}");
}

#[test]
fn files_that_are_no_segments_are_errors_not_empty_tapes() {
    let (_temp, dir, path) = tape();
    for bytes in [&b""[..], b"not a database", &[0; 10_000]] {
        std::fs::write(&path, bytes).unwrap();
        assert!(Tape::open(&dir).is_err());
        assert!(Writer::open(&dir, "test").is_err());
        assert_eq!(std::fs::read(&path).unwrap(), bytes, "nothing that is not understood is touched");
    }
}
