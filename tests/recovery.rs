//! What a crash, a full disk or a stray file leaves behind, and what the next command makes of it.
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test says what it expects")]

mod stage;

use std::fs;
use std::process::Command;

use barkeep::orchestrator::Appliance;
use barkeep::orchestrator::appliance::Pace;
use barkeep_schemas::SessionDate;
use barkeep_storage::{DataDir, Writer};
use stage::{Stage, day, write_ticks};

/// Runs a shell line with `$B` as the command on this stage's data directory; exit code and stderr.
fn shell(stage: &Stage, line: &str) -> (Option<i32>, String) {
    let output = Command::new("bash")
        .args(["-c", line])
        .current_dir(stage.folder.path())
        .env("B", format!("{} --data-dir {}", env!("CARGO_BIN_EXE_barkeep"), stage.path("data").display()))
        .output()
        .expect("bash");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn a_full_disk_is_fatal_with_its_reason_and_the_import_goes_on_when_there_is_room() {
    let stage = Stage::new();
    write_ticks(&day(2, 12), &stage.path("ticks.csv"));
    // A limit on the size of files stands for the full disk; ignored, its signal becomes an error of the write.
    let (code, err) = shell(&stage, "trap '' XFSZ; ulimit -f 1500; exec $B import ticks.csv --kind ticks");
    assert_eq!(code, Some(3), "{err}");
    assert!(err.lines().last().is_some_and(|line| line.starts_with("fatal disk_full: ")), "{err}");
    stage.expect(0, "import ticks.csv --kind ticks");
    let calm = Stage::new();
    write_ticks(&day(2, 12), &calm.path("ticks.csv"));
    calm.expect(0, "import ticks.csv --kind ticks");
    let digest = |stage: &Stage| stage.json(0, "replay --verify --json")["digest"].clone();
    assert_eq!(digest(&stage), digest(&calm));
}

#[test]
fn a_damaged_tape_is_fatal_with_its_reason() {
    let stage = Stage::new();
    stage.expect(0, "demo --instruments 2");
    stage.expect(0, "tape seal");
    let segment = stage.path("data/tape/2026-07-31.1.redb");
    let mut bytes = fs::read(&segment).expect("a segment");
    // The symbol stands in the session's opening, in the first block (and in rows that are no longer used).
    let places: Vec<usize> = (0..bytes.len() - 8).filter(|at| &bytes[*at..at + 8] == b"HDFCBANK").collect();
    assert!(!places.is_empty());
    places.into_iter().for_each(|at| bytes[at] ^= 1);
    fs::remove_file(&segment).expect("sealed files can be removed");
    fs::write(&segment, bytes).expect("a segment");
    let output = stage.run("replay --verify");
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{err}");
    assert!(err.starts_with("fatal damaged: ") && err.contains("2026-07-31.1.redb"), "{err}");
}

#[test]
fn a_segment_that_is_cut_short_or_no_segment_is_fatal_for_readers_and_writers() {
    let stage = Stage::new();
    stage.expect(0, "demo --instruments 2");
    let segment = stage.path("data/tape/2026-07-31.1.redb");
    let whole = fs::read(&segment).expect("a segment");
    for bytes in [&whole[..whole.len() / 2], &[], &[0; 100_000]] {
        fs::write(&segment, bytes).expect("a segment");
        for command in ["replay --verify", "tape stat", "tape seal"] {
            let output = stage.run(command);
            let err = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(3), "{command}, {} bytes: {err}", bytes.len());
            let last = err.lines().last().unwrap_or_default();
            assert!(last.starts_with("fatal damaged: ") || err.starts_with("fatal damaged: "), "{command}: {err}");
        }
        assert_eq!(fs::read(&segment).expect("a segment"), bytes, "nothing is touched");
    }
}

#[test]
fn a_crash_between_two_sessions_loses_nothing_that_carries_over() {
    let stage = Stage::new();
    stage.write("t.csv", "time,price,cum_volume\n2024-03-14 23:59:00,100,500\n2024-03-14 23:59:59,101,700\n");
    stage.expect(0, "import t.csv --kind ticks --symbol A --calendar always");
    let dir = DataDir::new(stage.path("data"));
    let carry = || {
        let pace = Pace { commit_events: 100, snapshot_events: 1_000 };
        Appliance::open(&dir, pace, "test").expect("an appliance").carry()
    };
    let before = carry();
    assert_eq!(before[0].1.cum_volume.map(|volume| volume.get()), Some(700));
    let mut writer = Writer::open(&dir, "test").expect("a writer");
    writer.begin_segment(SessionDate::from_ymd(2024, 3, 15).expect("a date")).expect("a segment");
    writer.close().expect("a clean end");
    assert_eq!(carry(), before, "the next segment is there and empty");
}

#[test]
fn a_snapshot_of_another_tape_is_ignored() {
    let stage = Stage::new();
    write_ticks(&day(2, 1), &stage.path("one.csv"));
    write_ticks(&day(3, 2), &stage.path("two.csv"));
    stage.expect(0, "import one.csv --kind ticks");
    let kept: Vec<_> = fs::read_dir(stage.path("data/snapshots")).expect("snapshots").collect();
    fs::remove_dir_all(stage.path("data/tape")).expect("the tape goes");
    stage.expect(0, "import two.csv --kind ticks");
    for entry in fs::read_dir(stage.path("data/snapshots")).expect("snapshots") {
        let entry = entry.expect("an entry");
        let stale = kept.iter().flatten().any(|old| old.file_name() == entry.file_name());
        if !stale {
            fs::remove_file(entry.path()).expect("its own snapshot goes");
        }
    }
    assert!(fs::read_dir(stage.path("data/snapshots")).expect("snapshots").count() > 0, "a stale one is left");
    assert_eq!(stage.json(0, "import two.csv --kind ticks --json")["already"], true);
    assert_eq!(stage.json(0, "replay --verify --json")["differences"], 0);
}

#[test]
fn a_copy_of_a_segment_under_another_name_is_named() {
    let stage = Stage::new();
    stage.expect(0, "demo --instruments 2");
    let tape = stage.path("data/tape");
    fs::copy(tape.join("2026-07-31.1.redb"), tape.join("2026-08-03.1.redb")).expect("a copy");
    let err = String::from_utf8_lossy(&stage.run("tape stat").stderr).into_owned();
    assert!(err.contains("2026-08-03.1.redb") && err.contains("2026-07-31.1"), "{err}");
}

#[test]
fn an_error_that_nobody_reads_keeps_its_exit_code() {
    let stage = Stage::new();
    let (code, _) = shell(&stage, "$B import nowhere.csv --kind ticks 2>&1 | true; exit ${PIPESTATUS[0]}");
    assert_eq!(code, Some(2));
    let (code, _) = shell(&stage, "$B import nowhere.csv --kind ticks 2>/dev/full");
    assert_eq!(code, Some(2));
    let (code, err) = shell(&stage, "mkfifo f.csv; timeout 10 $B import f.csv --kind ticks");
    assert!(code == Some(2) && err.contains("not a regular file"), "{err}");
}

#[test]
fn bars_off_their_grid_and_rules_without_their_column_are_refused() {
    let stage = Stage::new();
    let rows: String = (0..30).map(|n| format!("2024-03-14 10:{n:02}:00,A,1,2,1,2,5\n")).collect();
    stage.write("bars.csv", &format!("time,symbol,open,high,low,close,volume\n{rows}"));
    let message = stage.refused("import bars.csv --kind bars --tf 5");
    assert!(message.contains("every 1 min") && message.contains("--tf 5"), "{message}");
    stage.expect(0, "import bars.csv --kind bars");
    stage.write("t.csv", "time,symbol,price,cum_volume\n2024-03-14 10:00:00,A,1,5\n");
    assert!(stage.refused("import t.csv --kind ticks --trade-rule qty").contains("qty"));
    assert!(stage.refused("import t.csv --kind ticks --date 2024-03-14").contains("ms_of_day"));
    assert!(stage.refused("import t.csv --kind ticks --as internal").contains("--as"));
}
