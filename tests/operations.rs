//! Backup, restore and prune as an operator types them: planned first, then done as planned, and the tape goes on.
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test says what it expects")]

mod stage;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread::sleep;
use std::time::Duration;

use stage::{Stage, day, write_ticks};

/// Every file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// Three sessions on days of their own.
fn three_sessions() -> Stage {
    let stage = Stage::new();
    for date in ["2024-03-13", "2024-03-14", "2024-03-15"] {
        let rows: String = (0..30).map(|n| format!("{date} 10:{n:02}:00,{},{}\n", 100 + n, 500 + 10 * n)).collect();
        stage.write("t.csv", &format!("time,price,cum_volume\n{rows}"));
        stage.expect(0, "import t.csv --kind ticks --symbol A --calendar always");
    }
    stage
}

#[test]
fn a_backup_taken_while_an_import_runs_restores_to_a_tape_on_which_the_import_goes_on() {
    let stage = Stage::new();
    write_ticks(&day(7, 6), &stage.path("ticks.csv"));
    stage.write("small.toml", "[tape]\ncommit_events = 300\nsnapshot_events = 20000\n");
    let import = "--config small.toml import ticks.csv --kind ticks --json";
    let mut running = stage.command(import).stdout(Stdio::null()).spawn().expect("an import");
    let mut during = 0;
    while running.try_wait().expect("a child").is_none() {
        sleep(Duration::from_millis(40));
        // Before the first segment is there, or in the moment of its sealing, it says so and takes nothing.
        if stage.run("tape backup --to backup --apply --force").status.success() {
            during += 1;
        }
        if during == 2 {
            fs::rename(stage.path("backup"), stage.path("early")).expect("a name for the first backup");
            during += 1;
        }
    }
    assert!(during >= 2, "no backup was taken while the import ran");
    let early = if stage.path("early").exists() { "early" } else { "backup" };
    stage.expect_on("restored", 0, &format!("tape restore --from {early} --apply"));
    stage.expect_on("restored", 0, "replay --verify");
    stage.expect_on("restored", 0, import);
    let digest = |data: &str| stage.json_on(data, 0, "replay --verify --json")["digest"].clone();
    assert_eq!(digest("restored"), digest("data"));
}

#[test]
fn a_backup_plans_first_wants_another_file_system_and_can_hold_no_token() {
    let stage = three_sessions();
    stage.write("data/kite_token", "SECRET");
    stage.write("data/tape/token.json", "SECRET");
    let refused = stage.refused("tape backup --to backup --apply");
    assert!(refused.contains("--force") && refused.contains("both are lost at once"), "{refused}");
    let plan = stage.json(0, "tape backup --to backup --force --json");
    assert_eq!((plan["applied"].as_bool(), plan["segments"][0]["transfer"].as_str()), (Some(false), Some("file")));
    assert!(!stage.path("backup").exists(), "a plan makes nothing");
    let done = stage.json(0, "tape backup --to backup --force --apply --json");
    assert_eq!(done["segments"], plan["segments"]);
    for file in files(&stage.path("backup")) {
        let name = file.strip_prefix(stage.path("backup")).expect("inside").display().to_string();
        assert!(name == "manifest.json" || name.ends_with(".redb") || name.ends_with(".snap"), "{name}");
        assert_eq!(file.metadata().expect("a file").permissions().mode() & 0o777, 0o600, "{name}");
        assert!(!fs::read(&file).expect("a file").windows(6).any(|bytes| bytes == b"SECRET"), "{name}");
    }
    assert!(stage.expect(0, "tape backup --to backup --force").contains("held already"));
    assert!(stage.refused("tape backup --to data/backup --force").contains("outside"));
}

#[test]
fn pruning_does_what_it_printed_and_the_tape_goes_on() {
    let stage = three_sessions();
    let before = files(&stage.path("data"));
    let plan = stage.json(0, "tape prune --before 2024-03-15 --json");
    let names = |report: &serde_json::Value| -> Vec<String> {
        let goes = report["goes"].as_array().expect("segments").iter();
        goes.map(|row| row["segment"].as_str().expect("a name").to_owned()).collect()
    };
    assert_eq!(names(&plan), ["2024-03-13.1", "2024-03-14.1"]);
    assert_eq!(files(&stage.path("data")), before, "a plan touches nothing");
    // Nothing goes that the backup does not hold.
    stage.expect(0, "tape backup --to backup --force --apply");
    fs::remove_file(stage.path("backup/manifest.json")).expect("a manifest");
    assert!(stage.refused("tape prune --keep-days 1 --backed-up-in backup --apply").contains("no backup"));
    stage.expect(0, "tape backup --to backup --force --apply");
    let done = stage.json(0, "tape prune --keep-days 1 --backed-up-in backup --apply --json");
    assert_eq!(names(&done), names(&plan));
    assert_eq!(done["stays"][0]["why"].as_str(), Some("open"));
    let text = stage.expect(0, "tape prune --keep-days 1 --apply");
    assert!(text.contains("Nothing goes."), "{text}");
    stage.expect(0, "replay --verify");
    stage.write("t.csv", "time,price,cum_volume\n2024-03-18 10:00:00,1,5\n2024-03-18 10:01:00,2,7\n");
    stage.expect(0, "import t.csv --kind ticks --symbol A --calendar always");
    stage.expect(0, "replay --verify");
    // The backup goes on holding what the tape no longer has.
    let later = stage.json(0, "tape backup --to backup --force --apply --json");
    assert_eq!(later["kept"].as_array().map(Vec::len), Some(2));
    stage.expect_on("restored", 0, "tape restore --from backup --apply");
    stage.expect_on("restored", 0, "replay --date 2024-03-13 --verify");
    assert!(stage.refused("tape prune").contains("--keep-days"));
}

#[test]
fn a_restore_checks_every_file_first_and_never_overwrites_a_tape() {
    let stage = three_sessions();
    stage.expect(0, "tape backup --to backup --force --apply");
    let text = stage.expect_on("restored", 0, "tape restore --from backup");
    assert!(text.contains("add --apply") && !stage.path("restored").exists(), "{text}");
    assert!(stage.refused("tape restore --from backup --apply").contains("never overwritten"));
    assert!(stage.refused("tape restore --from nowhere").contains("no backup"));
    let copy = stage.path("backup/tape/2024-03-14.1.redb");
    let mut bytes = fs::read(&copy).expect("a copy");
    bytes[5_000] ^= 1;
    fs::write(&copy, bytes).expect("a copy");
    let report = stage.json_on("restored", 1, "tape restore --from backup --apply --json");
    assert_eq!(report["applied"].as_bool(), Some(false));
    assert!(report["faults"][0]["path"].as_str().is_some_and(|path| path.ends_with("2024-03-14.1.redb")));
    assert!(!stage.path("restored").exists());
}
