//! Verification tells every kind of damage with its place, goes on behind it, and changes nothing.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod support;

use std::os::unix::fs::MetadataExt;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;

use barkeep_schemas::Seq;
use barkeep_storage::snapshot::{self, Snapshot};
use barkeep_storage::verify::{
    BodyFacts, CheckRequest, Finding, HeaderFacts, Severity, Table, Told, between, check_segment, check_snapshots,
    snapshot_files, strays,
};
use barkeep_storage::{DataDir, SegmentName, Tape, Writer};
use redb::{ReadableDatabase, ReadableTable, TableDefinition};
use support::{DAY, Dice, child, child_dir, data_dir, events, tape_files};

/// Events of the sealed segment: enough for several blocks.
const SEALED: u64 = 60_000;

/// One sealed segment and an open one of 7,100 events, some of them in its tail.
fn tape() -> (tempfile::TempDir, DataDir, [PathBuf; 2]) {
    let (temp, dir) = data_dir();
    let mut writer = Writer::open(&dir, "test").unwrap();
    let one = writer.begin_segment(DAY).unwrap();
    for batch in events(1, SEALED).chunks(777) {
        writer.commit(batch).unwrap();
    }
    let two = writer.begin_segment(DAY).unwrap();
    for batch in events(SEALED + 1, 7_100).chunks(100) {
        writer.commit(batch).unwrap();
    }
    writer.close().unwrap();
    let paths = [dir.segment(one), dir.segment(two)];
    (temp, dir, paths)
}

type Known = (SegmentName, HeaderFacts, Option<BodyFacts>);

/// Everything that is told of one segment.
fn told(dir: &DataDir, name: SegmentName, from: Option<Seq>, chain_at: &[Seq]) -> (Option<Known>, Vec<Finding>) {
    let (mut header, mut body, mut findings) = (None, None, Vec::new());
    let request = CheckRequest { name, from, chain_at: chain_at.to_vec() };
    check_segment(dir, &request, &mut |told| match told {
        Told::At(..) => {}
        Told::Finding(finding) => findings.push(finding),
        Told::Header(facts) => header = Some(facts),
        Told::Body(facts) => body = Some(facts),
    });
    (header.map(|header| (name, header, body)), findings)
}

/// The whole tape, as the command puts it together.
fn verify(dir: &DataDir) -> (Vec<Known>, Vec<Finding>) {
    let snapshots = snapshot_files(dir).unwrap();
    let wanted: Vec<Seq> = snapshots.iter().map(|file| file.seq).collect();
    let (mut known, mut findings, mut all) = (Vec::new(), Vec::new(), true);
    for name in dir.segment_names().unwrap() {
        let (one, found) = told(dir, name, None, &wanted);
        all &= one.is_some();
        known.extend(one);
        findings.extend(found);
    }
    findings.extend(between(&known, all));
    findings.extend(strays(dir, false).unwrap());
    findings.extend(check_snapshots(&snapshots, &known, all));
    (known, findings)
}

fn table(name: &'static str) -> TableDefinition<'static, u64, &'static [u8]> {
    TableDefinition::new(name)
}

/// Changes a table the way only a bug or a stranger would.
fn tamper(path: &PathBuf, name: &'static str, change: impl FnOnce(&mut redb::Table<'_, u64, &'static [u8]>)) {
    let mut mode = std::fs::metadata(path).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut mode, 0o600);
    std::fs::set_permissions(path, mode).unwrap();
    let db = redb::Database::open(path).unwrap();
    let txn = db.begin_write().unwrap();
    change(&mut txn.open_table(table(name)).unwrap());
    txn.commit().unwrap();
}

/// The keys of a table.
fn keys(path: &PathBuf, name: &'static str) -> Vec<u64> {
    let db = redb::ReadOnlyDatabase::open(path).unwrap();
    let table = db.begin_read().unwrap().open_table(table(name)).unwrap();
    table.iter().unwrap().map(|entry| entry.unwrap().0.value()).collect()
}

fn value(path: &PathBuf, name: &'static str, key: u64) -> Vec<u8> {
    let db = redb::ReadOnlyDatabase::open(path).unwrap();
    let table = db.begin_read().unwrap().open_table(table(name)).unwrap();
    table.get(key).unwrap().unwrap().value().to_vec()
}

fn short(finding: &Finding) -> (Severity, Option<Table>, Option<u64>, Option<u64>, Option<u64>) {
    (finding.severity, finding.table, finding.key, finding.first_seq, finding.last_seq)
}

#[test]
fn a_whole_tape_is_clean_and_every_event_is_counted() {
    let (_temp, dir, _) = tape();
    let tape = Tape::open(&dir).unwrap();
    for seq in [Seq(5_000), Seq(SEALED + 7_100)] {
        let chain = tape.chain_at(seq).unwrap().unwrap();
        snapshot::save(&dir, &Snapshot { seq, chain, behaviour: 1, bytes: vec![1; 10] }).unwrap();
    }
    let (known, findings) = verify(&dir);
    assert_eq!(findings, []);
    let events: Vec<u64> = known.iter().map(|(_, _, body)| body.as_ref().unwrap().events).collect();
    assert_eq!(events, [SEALED, 7_100]);
    let chains: usize = known.iter().map(|(_, _, body)| body.as_ref().unwrap().chains.len()).sum();
    assert_eq!(chains, 2, "the chain was compared at both snapshots");
}

#[test]
fn every_finding_is_told_and_the_check_goes_on_behind_it() {
    let (_temp, dir, [sealed, open]) = tape();
    let (blocks, rows) = (keys(&sealed, "blocks"), keys(&open, "tail"));
    assert!(blocks.len() > 5 && rows.len() > 2, "{blocks:?} {rows:?}");
    tamper(&sealed, "blocks", |table| {
        let mut damaged = table.get(blocks[1]).unwrap().unwrap().value().to_vec();
        damaged[200] ^= 1;
        table.insert(blocks[1], damaged.as_slice()).unwrap();
        table.remove(blocks[3]).unwrap();
    });
    tamper(&sealed, "index", |table| {
        let mut damaged = table.get(blocks[4]).unwrap().unwrap().value().to_vec();
        damaged[20] ^= 1;
        table.insert(blocks[4], damaged.as_slice()).unwrap();
    });
    tamper(&open, "tail", |table| drop(table.remove(rows[1]).unwrap()));
    let (known, findings) = verify(&dir);
    let found: Vec<_> = findings.iter().map(short).collect();
    let damage = |table, key, first, last| (Severity::Damage, Some(table), key, first, last);
    let expected = [
        damage(Table::Blocks, Some(blocks[1]), Some(blocks[1]), Some(blocks[2] - 1)),
        damage(Table::Index, Some(blocks[3]), None, None),
        damage(Table::Blocks, Some(blocks[4]), Some(blocks[3]), Some(blocks[4] - 1)),
        damage(Table::Index, Some(blocks[4]), None, None),
        damage(Table::Tail, Some(rows[2]), Some(rows[1]), Some(rows[2] - 1)),
    ];
    for wanted in expected {
        assert!(found.contains(&wanted), "{wanted:?} is not in {findings:#?}");
    }
    assert_eq!(found.len(), expected.len(), "{findings:#?}");
    let lost = (blocks[2] - blocks[1]) + (blocks[4] - blocks[3]) + (rows[2] - rows[1]);
    let events: u64 = known.iter().map(|(_, _, body)| body.as_ref().unwrap().events).sum();
    assert_eq!(events, SEALED + 7_100 - lost, "all the others were checked");
}

#[test]
fn a_block_of_other_events_with_good_checksums_is_told_by_the_chain() {
    let (_temp, dir, [sealed, _]) = tape();
    // The same positions of another tape: every checksum holds.
    let (_temp2, other) = data_dir();
    let mut writer = Writer::open(&other, "test").unwrap();
    let name = writer.begin_segment(DAY).unwrap();
    let mut changed = events(1, SEALED);
    changed[0] = support::timeless();
    writer.commit(&changed).unwrap();
    writer.seal().unwrap();
    drop(writer);
    let (first, entry) = (value(&other.segment(name), "blocks", 1), value(&sealed, "index", 1));
    tamper(&sealed, "blocks", |table| drop(table.insert(1, first.as_slice()).unwrap()));
    let (_, findings) = verify(&dir);
    assert!(
        findings.iter().any(|finding| finding.what.contains("link of the chain over seq 1 to 1024")),
        "{findings:#?}"
    );
    // With its own index entry too, the links no longer lead to the segment's last hash.
    let foreign = value(&other.segment(name), "index", 1);
    assert_ne!(entry, foreign);
    tamper(&sealed, "index", |table| drop(table.insert(1, foreign.as_slice()).unwrap()));
    let (_, findings) = verify(&dir);
    assert!(findings.iter().any(|finding| finding.what.contains("link of the chain")), "{findings:#?}");
}

#[test]
fn an_old_segment_in_place_of_a_newer_one_a_missing_one_and_a_stray_file_are_told() {
    let (_temp, dir, [sealed, open]) = tape();
    let seq = Seq(SEALED + 7_100);
    let chain = Tape::open(&dir).unwrap().chain_at(seq).unwrap().unwrap();
    snapshot::save(&dir, &Snapshot { seq, chain, behaviour: 1, bytes: vec![1; 10] }).unwrap();
    let whole = std::fs::read(&open).unwrap();
    std::fs::write(dir.tape().join("notes.txt"), "x").unwrap();
    std::fs::write(dir.tape().join("2024-10-04.9.redb.new"), "x").unwrap();
    let severities = |findings: &[Finding]| findings.iter().map(|f| (f.severity, f.file.clone())).collect::<Vec<_>>();
    let notes =
        [(Severity::Note, "tape/2024-10-04.9.redb.new".to_owned()), (Severity::Note, "tape/notes.txt".to_owned())];
    assert_eq!(severities(&verify(&dir).1), notes);
    // The end of the tape is gone: the snapshot has seen it.
    std::fs::remove_file(&open).unwrap();
    let found = severities(&verify(&dir).1);
    assert_eq!(found.last(), Some(&(Severity::Damage, "tape".to_owned())));
    std::fs::write(&open, &whole).unwrap();
    // The beginning is another tape's.
    let (_temp2, other, [foreign, _]) = {
        let (temp, dir) = data_dir();
        let mut writer = Writer::open(&dir, "test").unwrap();
        let name = writer.begin_segment(DAY).unwrap();
        let mut changed = events(1, SEALED);
        changed[9_000] = support::timeless();
        writer.commit(&changed).unwrap();
        writer.seal().unwrap();
        drop(writer);
        let path = dir.segment(name);
        (temp, dir, [path.clone(), path])
    };
    std::fs::remove_file(&sealed).unwrap();
    std::fs::copy(&foreign, &sealed).unwrap();
    drop(other);
    let findings = verify(&dir).1;
    assert!(findings.iter().any(|finding| finding.what.contains("of another tape")), "{findings:#?}");
}

#[test]
fn a_walk_begun_behind_a_place_checks_the_rest() {
    let (_temp, dir, [sealed, _]) = tape();
    let blocks = keys(&sealed, "blocks");
    let name = dir.segment_names().unwrap()[0];
    let (known, findings) = told(&dir, name, Some(Seq(blocks[2] + 1)), &[]);
    assert_eq!(findings, []);
    let body = known.unwrap().2.unwrap();
    assert_eq!((body.events, body.last_seq), (SEALED + 1 - blocks[3], Some(SEALED)));
}

/// The child: appends for ever.
#[test]
fn child_writes_until_it_is_killed() {
    let Some(dir) = child_dir() else { return };
    let mut writer = Writer::open(&dir, "test").unwrap();
    if writer.open_segment().is_none() {
        writer.begin_segment(DAY).unwrap();
    }
    let mut dice = Dice::new();
    loop {
        if dice.below(50) == 0 {
            writer.begin_segment(DAY).unwrap();
        }
        writer.commit(&events(writer.next_seq().0, 1 + dice.below(1_500))).unwrap();
    }
}

#[test]
fn beside_a_writer_and_after_it_was_killed_the_tape_is_clean_and_untouched() {
    let (_temp, dir) = data_dir();
    let mut writer = child("child_writes_until_it_is_killed", &dir).spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(300));
    for _ in 0..5 {
        std::thread::sleep(std::time::Duration::from_millis(50));
        for name in dir.segment_names().unwrap() {
            let (known, findings) = told(&dir, name, None, &[]);
            assert_eq!(findings, []);
            assert!(known.is_some());
        }
    }
    writer.kill().unwrap();
    writer.wait().unwrap();
    let stamps = || -> Vec<(i64, i64, u64)> {
        let names = dir.segment_names().unwrap();
        let metas = names.into_iter().map(|name| std::fs::metadata(dir.segment(name)).unwrap());
        metas.map(|meta| (meta.mtime(), meta.mtime_nsec(), meta.len())).collect()
    };
    let (before, files) = (stamps(), tape_files(&dir));
    let (known, findings) = verify(&dir);
    assert!(findings.iter().all(|finding| finding.severity == Severity::Note), "{findings:#?}");
    let events: u64 = known.iter().map(|(_, _, body)| body.as_ref().unwrap().events).sum();
    assert_eq!(events, Tape::open(&dir).unwrap().last_seq().0);
    assert!(stamps() == before && tape_files(&dir) == files, "nothing was changed");
}

#[test]
fn a_flipped_byte_in_redbs_own_part_of_a_page_is_found() {
    let (_temp, dir, [sealed, _]) = tape();
    let (whole, blocks) = (std::fs::read(&sealed).unwrap(), keys(&sealed, "blocks"));
    let name = dir.segment_names().unwrap()[0];
    for (table, key) in [("blocks", blocks[2]), ("index", blocks[0])] {
        let row = value(&sealed, table, key);
        // Older copies of the page lie about: all are changed, one of them is in force.
        let copies: Vec<usize> = (0..whole.len() - row.len()).filter(|at| whole[*at..].starts_with(&row)).collect();
        // Before the row lie the page's kind, the number of its rows, their ends and their keys.
        for byte in 0..copies.iter().map(|at| at % 4_096).min().unwrap().min(12) {
            let mut flipped = whole.clone();
            copies.iter().for_each(|at| flipped[at / 4_096 * 4_096 + byte] ^= 1);
            std::fs::remove_file(&sealed).unwrap();
            std::fs::write(&sealed, &flipped).unwrap();
            // redb may panic of it; the command has a process for that.
            let result = std::panic::catch_unwind(AssertUnwindSafe(|| told(&dir, name, None, &[]).1));
            assert!(result.is_err() || result.is_ok_and(|found| !found.is_empty()), "{table} {key}: byte {byte}");
        }
    }
}
