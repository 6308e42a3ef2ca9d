//! Segments of format 0 stay readable, and the next writer gives an open one the index and the chain that it lacks.
//!
//! `format_0/*.pages` were written by the last build of format 0: the length of the file, then the number (u32) and the
//! bytes of each page of 4 KiB that is not zero. Two segments of `event_at`, sealed with 4,105 events and open with 4,115.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod support;

use barkeep_schemas::{EventKind, InstrumentId, Seq};
use barkeep_storage::backup::{BackupFolder, BackupPlan};
use barkeep_storage::chain::Chain;
use barkeep_storage::restore::RestorePlan;
use barkeep_storage::verify::{CheckRequest, Finding, Told, check_segment};
use barkeep_storage::{DataDir, Filter, Tape, Writer};
use support::{DAY, assert_whole, data_dir, events, read_from, tape_files};

const SEALED: &[u8] = include_bytes!("format_0/sealed.pages");
const OPEN: &[u8] = include_bytes!("format_0/open.pages");

/// The two segments in a data directory.
fn old_tape() -> (tempfile::TempDir, DataDir) {
    let (temp, dir) = data_dir();
    drop(Writer::open(&dir, "test").unwrap());
    for (name, pages) in [("2024-10-04.1.redb", SEALED), ("2024-10-05.1.redb", OPEN)] {
        let (len, pages) = pages.split_at(8);
        let mut file = vec![0; u64::from_le_bytes(len.try_into().unwrap()) as usize];
        for page in pages.chunks(4 + 4_096) {
            let at = u32::from_le_bytes(page[..4].try_into().unwrap()) as usize * 4_096;
            file[at..at + 4_096].copy_from_slice(&page[4..]);
        }
        std::fs::write(dir.tape().join(name), file).unwrap();
    }
    (temp, dir)
}

#[test]
fn both_are_read_and_stay_as_they_are() {
    let (_temp, dir) = old_tape();
    let before = tape_files(&dir);
    assert_whole(&dir, 8_220);
    let tape = Tape::open(&dir).unwrap();
    assert!(tape.segments().iter().all(|info| info.format == 0));
    for filter in [Filter::kinds([EventKind::Bar]), Filter { instrument: Some(InstrumentId(7)), ..Filter::ALL }] {
        let found = tape.scan(Seq(1), None, &filter).map(Result::unwrap);
        let plain = tape.scan(Seq(1), None, &Filter::ALL).map(Result::unwrap);
        assert!(found.eq(plain.filter(|(_, event)| filter.admits(event))));
    }
    assert_eq!(tape.chain_at(Seq(5_000)).unwrap(), None);
    drop(tape);
    assert_eq!(tape_files(&dir), before);
}

/// What verification finds in every segment that has not been worked on.
fn findings(dir: &DataDir) -> Vec<Finding> {
    let mut found = Vec::new();
    for name in dir.segment_names().unwrap() {
        let request = CheckRequest { name, from: None, chain_at: Vec::new() };
        check_segment(dir, &request, &mut |told| {
            if let Told::Finding(finding) = told {
                found.push(finding);
            }
        });
    }
    found
}

#[test]
fn they_are_verified_before_and_after_a_writer_has_upgraded_the_open_one() {
    let (_temp, dir) = old_tape();
    assert_eq!(findings(&dir), []);
    let mut writer = Writer::open(&dir, "test").unwrap();
    writer.commit(&events(8_221, 9_000)).unwrap();
    writer.seal().unwrap();
    drop(writer);
    assert_eq!(findings(&dir), []);
}

#[test]
fn a_backup_of_them_is_restored_and_a_writer_goes_on() {
    let (temp, dir) = old_tape();
    let folder = BackupFolder::open(&temp.path().join("backup"), &dir, true).unwrap();
    BackupPlan::make(&dir, &folder, |_| {}).unwrap().apply(&folder, |_| {}).unwrap();
    let (_temp, restored) = data_dir();
    RestorePlan::make(folder.root(), &restored, |_| {}).unwrap().apply("test", |_| {}).unwrap();
    assert_whole(&restored, 8_220);
    assert_eq!(findings(&restored), []);
    let mut writer = Writer::open(&restored, "test").unwrap();
    writer.commit(&events(8_221, 9_000)).unwrap();
    writer.seal().unwrap();
    drop(writer);
    assert_whole(&restored, 17_220);
    assert_eq!(findings(&restored), []);
}

#[test]
fn a_writer_goes_on_with_the_open_one_as_format_1() {
    let (_temp, dir) = old_tape();
    let mut writer = Writer::open(&dir, "test").unwrap();
    assert_eq!(writer.next_seq(), Seq(8_221));
    writer.commit(&events(8_221, 9_000)).unwrap();
    drop(writer);
    let mut writer = Writer::open(&dir, "test").unwrap();
    writer.begin_segment(DAY.plus_days(2)).unwrap();
    writer.commit(&events(17_221, 3_000)).unwrap();
    let hash = writer.chain_hash();
    writer.close().unwrap();
    assert_whole(&dir, 20_220);
    let tape = Tape::open(&dir).unwrap();
    assert_eq!(tape.segments().iter().map(|info| info.format).collect::<Vec<_>>(), [0, 1, 1]);
    // The chain of the upgraded segment begins without a predecessor and is what it would be from scratch.
    let mut chain = Chain::new(Seq(4_106), barkeep_schemas::Hash32::default());
    chain.extend(&events(4_106, 17_220 - 4_105), |_, _| {});
    assert_eq!(tape.chain_at(Seq(17_220)).unwrap(), Some(chain.hash_at_end()));
    let mut next = Chain::new(Seq(17_221), chain.hash_at_end());
    next.extend(&events(17_221, 3_000), |_, _| {});
    assert_eq!(hash, next.hash_at_end());
    assert_eq!(tape.chain_at(Seq(20_220)).unwrap(), Some(hash));
    assert_eq!(read_from(&dir, 8_000).unwrap().len(), 12_221);
}
