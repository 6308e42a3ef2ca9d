//! Backup, restore, prune and verify as an operator types them: planned first, then done as planned, and the tape goes on;
//! a damaged file is told, whatever it does to its reader.
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test says what it expects")]

mod stage;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread::sleep;
use std::time::Duration;

use stage::{Stage, day, three_sessions, write_ticks};

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
        let taken = stage.run("tape backup --to backup --apply --force --json");
        let taken: Option<serde_json::Value> = serde_json::from_slice(&taken.stdout).ok();
        // One of a segment that has no event yet is no tape that anything goes on from.
        during += u32::from(taken.is_some_and(|report| report["last_seq"].as_u64() > Some(0)));
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
    // Nor what has rotted there since: the tape's own is then the last good copy.
    let copy = stage.path("backup/tape/2024-03-13.1.redb");
    let good = fs::read(&copy).expect("a copy");
    let mut rotten = good.clone();
    rotten[good.len() / 2] ^= 1;
    fs::remove_file(&copy).expect("a copy");
    fs::write(&copy, &rotten).expect("a copy");
    let kept = stage.json(0, "tape prune --keep-days 1 --backed-up-in backup --apply --json");
    assert_eq!(names(&kept), Vec::<String>::new());
    assert!(stage.path("data/tape/2024-03-13.1.redb").exists());
    fs::write(&copy, &good).expect("a copy");
    let done = stage.json(0, "tape prune --keep-days 1 --backed-up-in backup --apply --json");
    assert_eq!(names(&done), names(&plan));
    assert_eq!(done["stays"][0]["why"].as_str(), Some("open"));
    let text = stage.expect(0, "tape prune --keep-days 1 --apply");
    assert!(text.contains("Nothing goes."), "{text}");
    stage.expect(0, "replay --verify");
    stage.write("t.csv", "time,price,cum_volume\n2024-03-18 10:00:00,1,5\n2024-03-18 10:01:00,2,7\n");
    stage.expect(0, "import t.csv --kind ticks --symbol HDFCBANK --calendar always");
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

/// The findings of a report, each as its file, severity and sentence.
fn findings(report: &serde_json::Value) -> Vec<(String, String, String)> {
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let all = report["findings"].as_array().expect("findings").iter();
    all.map(|finding| (text(&finding["file"]), text(&finding["severity"]), text(&finding["what"]))).collect()
}

/// A copy of a data directory in which one file has other bytes.
fn with_file(stage: &Stage, to: &str, file: &str, bytes: &[u8]) {
    for path in files(&stage.path("data")) {
        let name = path.strip_prefix(stage.path("data")).expect("inside").to_owned();
        let target = stage.path(to).join(&name);
        fs::create_dir_all(target.parent().expect("a folder")).expect("a folder");
        if name == Path::new(file) {
            fs::write(target, bytes).expect("a file");
        } else {
            fs::copy(path, target).expect("a copy");
        }
    }
}

#[test]
fn a_whole_tape_is_clean_beside_a_writer_too_and_stays_as_it_is() {
    let stage = Stage::new();
    write_ticks(&day(3, 4), &stage.path("ticks.csv"));
    stage.write("small.toml", "[tape]\ncommit_events = 300\nsnapshot_events = 10000\n");
    let mut running = stage
        .command("--config small.toml import ticks.csv --kind ticks")
        .stdout(Stdio::null())
        .spawn()
        .expect("an import");
    let mut during = 0;
    while running.try_wait().expect("a child").is_none() {
        if stage.path("data/tape").exists()
            && files(&stage.path("data/tape")).iter().any(|file| file.extension().is_some_and(|end| end == "redb"))
        {
            let report = stage.json(0, "tape verify --json");
            assert_eq!(report["verdict"], "clean");
            during += 1;
        }
    }
    assert!(during > 0, "the tape was not verified while the import ran");
    let stamps = || -> Vec<_> {
        let files = files(&stage.path("data")).into_iter();
        files.map(|file| (file.metadata().and_then(|meta| meta.modified()).expect("a time"), file)).collect()
    };
    let before = stamps();
    let report = stage.json(0, "tape verify --json");
    assert_eq!(report["events"], stage.json(0, "tape stat --json")["totals"]["events"]);
    assert!(report["snapshots"].as_u64().is_some_and(|count| count > 0));
    let text = stage.expect(0, "tape verify");
    assert!(text.contains("Clean: 1 segment"), "{text}");
    assert_eq!(stamps(), before);
}

#[test]
fn a_damaged_tape_is_told_with_its_place_and_what_to_type_and_a_drill_passes_no_bad_backup() {
    let stage = three_sessions();
    stage.expect(0, "tape backup --to backup --force --apply");
    let text = stage.expect(0, "tape restore --drill --from backup --into drills");
    assert!(text.contains("The backup can be relied on") && text.matches("0 differences").count() == 3, "{text}");
    assert_eq!(fs::read_dir(stage.path("drills")).expect("a folder").count(), 0, "the drill removes what it made");
    let name = "tape/2024-03-14.1.redb";
    let mut bytes = fs::read(stage.path("data").join(name)).expect("a segment");
    // The symbol stands in the session's opening; rows that are no longer used are changed too.
    let places: Vec<usize> = (0..bytes.len() - 8).filter(|at| &bytes[*at..at + 8] == b"HDFCBANK").collect();
    assert!(!places.is_empty());
    places.into_iter().for_each(|at| bytes[at] ^= 1);
    with_file(&stage, "bad", name, &bytes);
    let report = stage.json_on("bad", 1, "tape verify --json");
    assert_eq!(report["verdict"], "damaged");
    let found = findings(&report);
    assert!(found.iter().all(|(file, severity, _)| file == name && severity == "damage"), "{found:?}");
    assert!(found[0].2.contains("CRC-32"), "{found:?}");
    assert_eq!(report["findings"][0]["table"], "blocks");
    let advice = report["findings"][0]["do"].as_str().expect("advice").to_owned();
    assert!(advice.starts_with("install -m 0444 BACKUP/tape/2024-03-14.1.redb "), "{advice}");
    // What it says to type helps.
    let words: Vec<String> =
        advice.replace("BACKUP", &stage.path("backup").display().to_string()).split(' ').map(str::to_owned).collect();
    let status = std::process::Command::new(&words[0]).args(&words[1..]).status().expect("install");
    assert!(status.success());
    assert_eq!(stage.json_on("bad", 0, "tape verify --json")["verdict"], "clean");
    // A backup of a damaged tape is a copy of its damage: a drill tells.
    with_file(&stage, "worse", name, &bytes);
    stage.expect_on("worse", 0, "tape backup --to worse_backup --force --apply");
    let report = stage.json(1, "tape restore --drill --from worse_backup --into drills --json");
    assert_eq!((report["sound"].as_bool(), report["verify"].as_str()), (Some(false), Some("damaged")));
    assert_eq!(fs::read_dir(stage.path("drills")).expect("a folder").count(), 0);
}

#[test]
fn whatever_is_done_to_a_file_it_is_told_and_no_panic_reaches_the_user() {
    let stage = three_sessions();
    let name = "tape/2024-03-14.1.redb";
    let whole = fs::read(stage.path("data").join(name)).expect("a segment");
    let used =
        (0..whole.len() / 4_096).filter(|page| whole[page * 4_096..(page + 1) * 4_096].iter().any(|byte| *byte != 0));
    let mut died = 0;
    let mut changed: Vec<Vec<u8>> = used
        .flat_map(|page| [0, 1, 2, 64].map(|byte| page * 4_096 + byte))
        .step_by(if stage::torture() { 1 } else { 2 })
        .map(|at| {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x15;
            bytes
        })
        .collect();
    changed.extend([Vec::new(), whole[..whole.len() / 2].to_vec(), whole[..5_000].to_vec(), vec![0; whole.len()]]);
    let digest = |data: &str| stage.json_on(data, 0, "replay --date 2024-03-14 --verify --json")["digest"].clone();
    let (expected, count, mut told, mut refused) = (digest("data"), changed.len(), 0, 0);
    for (place, bytes) in changed.into_iter().enumerate() {
        let data = format!("bad{place}");
        with_file(&stage, &data, name, &bytes);
        let output = stage.command_on(&data, "tape verify --json").output().expect("the command runs");
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(err.is_empty(), "{place}: {err}");
        let report: serde_json::Value = serde_json::from_str(&out).expect("one JSON object");
        let found = findings(&report);
        assert_eq!(output.status.code(), Some(if found.is_empty() { 0 } else { 1 }), "{place}: {out}");
        assert!(found.iter().all(|(file, ..)| file == name), "{found:?}");
        if found.is_empty() {
            assert_eq!(digest(&data), expected, "{place}: what is called clean is read as it was written");
        }
        told += u64::from(!found.is_empty());
        died += u64::from(found.iter().any(|(_, _, what)| what.contains("died of it")));
        // Commands that read it end with a reason where they cannot go on.
        let output = stage.command_on(&data, "replay --date 2024-03-14 --verify --json").output().expect("it runs");
        let err = String::from_utf8_lossy(&output.stderr);
        assert!(matches!(output.status.code(), Some(0 | 2 | 3)) && !err.contains("panicked at"), "{place}: {err}");
        refused += u64::from(output.status.code() == Some(3));
        // The other segments are checked all the same.
        assert!(report["segments"].as_array().is_some_and(|rows| rows.len() == 3), "{out}");
        fs::remove_dir_all(stage.path(&data)).expect("the copy goes");
    }
    println!("{told} of {count} told, {died} checking processes died, {refused} replays refused");
    assert!(died > 0, "no file killed its reader: the test does not test that");
}

#[test]
fn what_cannot_be_checked_is_exit_code_2() {
    let stage = three_sessions();
    assert!(stage.command_on("nowhere", "tape verify").output().is_ok_and(|output| output.status.code() == Some(2)));
    let segment = stage.path("data/tape/2024-03-14.1.redb");
    let mut bytes = fs::read(&segment).expect("a segment");
    // Written by a barkeep to come: a header of format 9 with its checksum.
    let header = |format: u32| {
        let mut header = format.to_le_bytes().to_vec();
        header.extend_from_slice(&bytes_of_header(&bytes)[4..109]);
        header.extend_from_slice(&crc32(&header).to_le_bytes());
        header
    };
    let (old, new) = (header(1), header(9));
    let places: Vec<usize> = (0..bytes.len() - old.len()).filter(|at| bytes[*at..].starts_with(&old)).collect();
    assert!(!places.is_empty());
    places.into_iter().for_each(|at| bytes[at..at + new.len()].copy_from_slice(&new));
    with_file(&stage, "newer", "tape/2024-03-14.1.redb", &bytes);
    let output = stage.command_on("newer", "tape verify --json").output().expect("the command runs");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
    assert_eq!((output.status.code(), report["verdict"].as_str()), (Some(2), Some("cannot_tell")), "{report}");
    assert!(findings(&report)[0].2.contains("format 9"), "{report}");
}

/// The header of a sealed segment of 2024-03-14, first run, as it lies in the file.
fn bytes_of_header(file: &[u8]) -> &[u8] {
    let date = barkeep_schemas::SessionDate::from_ymd(2024, 3, 14).expect("a date");
    let mut front = 1_u32.to_le_bytes().to_vec();
    front.extend_from_slice(&date.0.to_le_bytes());
    front.extend_from_slice(&1_u32.to_le_bytes());
    front.extend_from_slice(&2_u64.to_le_bytes());
    let sealed =
        (0..file.len() - 113).find(|at| file[*at..].starts_with(&front) && file[at + 68] == 1).expect("a header");
    &file[sealed..sealed + 113]
}

/// CRC-32 (IEEE), bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc: u32, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
    })
}
