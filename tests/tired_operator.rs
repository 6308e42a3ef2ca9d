//! What an operator meets at three in the morning: a data directory that is not there, a pipe that was closed, a thing
//! that is no file, a segment that is gone. What is said is true, and so is the exit code.
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test says what it expects")]

mod stage;

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use stage::{Stage, copy_folder, day, three_sessions, write_ticks};

/// What a command says that must end by itself.
#[track_caller]
fn ended(mut command: Command, what: &str) -> Output {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the command runs");
    let began = Instant::now();
    while child.try_wait().expect("a child").is_none() {
        if began.elapsed() > Duration::from_secs(60) {
            child.kill().expect("a child");
            child.wait().expect("a child");
            panic!("{what} hangs");
        }
        sleep(Duration::from_millis(5));
    }
    child.wait_with_output().expect("its output")
}

fn fifo(path: &Path) {
    let _ = fs::remove_file(path);
    assert!(Command::new("mkfifo").arg(path).status().expect("mkfifo").success());
}

/// Turns one bit in the middle of a file.
fn damage(path: &Path) {
    let mut bytes = fs::read(path).expect("a file");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("a mode");
    fs::write(path, bytes).expect("a file");
}

#[test]
fn what_is_no_file_is_refused_by_name_and_holds_nobody_up() {
    let stage = three_sessions();
    stage.expect(0, "tape backup --to backup --force --apply");
    let commands = [
        "tape stat",
        "tape verify",
        "tape seal",
        "tape prune --keep-days 1 --apply",
        "tape backup --to other --force --apply",
        "replay --verify",
        "import t.csv --kind ticks --symbol HDFCBANK --calendar always",
    ];
    for place in ["tape/2024-03-13.1.redb", "tape/2024-03-15.1.redb", "LOCK"] {
        copy_folder(&stage.path("data"), &stage.path("odd"));
        fifo(&stage.path("odd").join(place));
        for args in commands {
            let output = ended(stage.command_on("odd", args), &format!("{args} with a FIFO as {place}"));
            let told = String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned();
            // Nothing there is read with the lock.
            if place == "LOCK" && output.status.success() {
                continue;
            }
            assert_eq!(output.status.code(), Some(2), "{args}, {place}: {told}");
            assert!(told.contains(place) && told.contains("a FIFO, not a regular file"), "{args}, {place}: {told}");
        }
        fs::remove_dir_all(stage.path("odd")).expect("the copy goes");
    }
    // A snapshot that cannot be read is passed over, and told by who looks.
    copy_folder(&stage.path("data"), &stage.path("odd"));
    fifo(&stage.path("odd/snapshots/5000.snap"));
    for (args, code) in commands.into_iter().zip([0, 2, 0, 0, 0, 0, 0]) {
        let output = ended(stage.command_on("odd", args), &format!("{args} with a FIFO as a snapshot"));
        assert_eq!(output.status.code(), Some(code), "{args}: {}", String::from_utf8_lossy(&output.stderr));
    }
    let told = stage.expect_on("odd", 2, "tape verify");
    assert!(told.contains("snapshots/5000.snap") && told.contains("do: rm "), "{told}");
    // Nor does a folder or a socket pass for a file, nor a FIFO in a backup.
    let _socket = std::os::unix::net::UnixListener::bind(stage.path("odd/tape/2024-03-16.1.redb")).expect("a socket");
    fs::create_dir(stage.path("odd/tape/2024-03-17.1.redb")).expect("a folder");
    let told = stage.expect_on("odd", 2, "tape verify");
    assert!(told.contains("a socket, not a") && told.contains("a folder, not a"), "{told}");
    fifo(&stage.path("backup/tape/2024-03-13.1.redb"));
    let output = ended(stage.command_on("new", "tape restore --from backup"), "restore of a FIFO");
    assert_eq!(output.status.code(), Some(1));
    fifo(&stage.path("backup/manifest.json"));
    let output = ended(stage.command_on("new", "tape restore --from backup"), "restore with a FIFO as manifest");
    assert_eq!(output.status.code(), Some(2));
}

/// Runs with a stdout whose reader is gone.
fn into_closed_pipe(stage: &Stage, data: &str, args: &str) -> Output {
    let mut gone = Command::new("true").stdin(Stdio::piped()).spawn().expect("true");
    let pipe = gone.stdin.take().expect("a pipe");
    gone.wait().expect("true");
    stage.command_on(data, args).stdout(pipe).output().expect("the command runs")
}

#[test]
fn a_closed_pipe_changes_neither_the_verdict_nor_what_is_done() {
    let stage = Stage::new();
    let plan = day(5, 3);
    write_ticks(&plan, &stage.path("ticks.csv"));
    stage::write_candles(&plan, &stage.path("candles.csv"));
    stage.expect(0, "import ticks.csv --kind ticks");
    stage.expect(1, "recon --date 2026-07-31 --source candles.csv");
    copy_folder(&stage.path("data"), &stage.path("bad"));
    damage(&stage.path("bad/tape/2026-07-31.1.redb"));
    for (data, args, code) in [
        ("bad", "tape verify", 1),
        ("bad", "tape verify --json", 1),
        ("data", "recon --date 2026-07-31 --source candles.csv", 1),
        ("data", "replay --verify", 0),
        ("data", "tape backup --to backup --force --apply", 0),
        ("bad", "tape backup --to worse --force --apply", 3),
        ("data", "tape cat", 0),
        ("data", "export --kind bars_1m --format csv --out -", 0),
        ("data", "export --kind bars_1m --format ndjson --out -", 0),
    ] {
        let output = into_closed_pipe(&stage, data, args);
        let err = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{args}: {err}");
        assert!(!err.contains("pipe"), "{args}: {err}");
    }
    assert!(stage.path("backup/manifest.json").exists(), "the backup was made, whoever read of it");
    let stage = three_sessions();
    assert!(into_closed_pipe(&stage, "data", "tape prune --keep-days 1 --apply").status.success());
    assert!(!stage.path("data/tape/2024-03-13.1.redb").exists(), "what was planned went");
}

#[test]
fn a_tape_that_is_not_there_is_told_in_one_sentence_by_all() {
    let stage = Stage::new();
    stage.write("file", "");
    for args in [
        "tape stat",
        "tape seal",
        "tape prune --keep-days 3",
        "tape verify",
        "tape backup --to b",
        "tape cat",
        "tape tail",
    ] {
        let output = stage.command_on("nowhere", args).output().expect("the command runs");
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args}");
        assert!(told.starts_with("error: ") && told.ends_with("nowhere holds no tape: check --data-dir\n"), "{told}");
        assert!(!stage.path("nowhere").exists(), "{args} made a folder");
    }
    for args in ["tape stat", "tape verify", "replay", "import x.csv --kind ticks", "tape restore --from b"] {
        let output = stage.command_on("file", args).output().expect("the command runs");
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args}");
        assert!(told.contains("file is a file, not a folder: check --data-dir"), "{told}");
    }
    fs::create_dir_all(stage.path("data/tape")).expect("an empty tape");
    let text = stage.expect(0, "tape prune --keep-days 3");
    assert!(text.contains("data/tape holds no segment") && !text.contains("19"), "{text}");
    assert!(stage.json(0, "tape prune --keep-days 3 --json")["before"].is_null());
    let told = stage.refused("tape prune --keep-days abc");
    assert!(told.contains("expected a number of days from 1 to 100000"), "{told}");
}

#[test]
fn an_import_of_what_is_there_already_finds_out_whether_it_is_whole() {
    let stage = Stage::new();
    write_ticks(&day(9, 3), &stage.path("ticks.csv"));
    stage.expect(0, "import ticks.csv --kind ticks");
    assert_eq!(stage.json(0, "import ticks.csv --kind ticks --json")["already"], true);
    damage(&stage.path("data/tape/2026-07-31.1.redb"));
    let output = stage.run("import ticks.csv --kind ticks");
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(3), 0), "{told}");
    assert!(told.starts_with("fatal damaged: ") && told.contains("barkeep tape verify"), "{told}");
}

#[test]
fn a_segment_that_is_gone_is_missed_by_the_snapshots_that_are_left() {
    let stage = three_sessions();
    stage.write("small.toml", "[tape]\ncommit_events = 100\nsnapshot_events = 1000\n");
    write_ticks(&day(2, 2), &stage.path("ticks.csv"));
    stage.expect(0, "--config small.toml import ticks.csv --kind ticks");
    fs::remove_file(stage.path("data/tape/2026-07-31.1.redb")).expect("the newest segment");
    let report = stage.json(1, "tape verify --json");
    let findings = report["findings"].as_array().expect("findings");
    assert_eq!((findings.len(), findings[0]["file"].as_str()), (1, Some("tape")), "{report}");
    let (what, advice) = (findings[0]["what"].as_str().expect("what"), findings[0]["do"].as_str().expect("advice"));
    assert!(what.contains("a segment is missing") && advice.contains("put the segment back"), "{report}");
    assert!(!advice.contains("rm "), "{advice}");
    let text = stage.expect(0, "tape stat");
    assert!(text.contains("THE TAPE LOST") && !text.contains("(0 events behind)"), "{text}");
    // An operator who lost the whole tape is told so too.
    for file in ["2024-03-13.1.redb", "2024-03-14.1.redb", "2024-03-15.1.redb"] {
        fs::remove_file(stage.path("data/tape").join(file)).expect("a segment");
    }
    assert!(stage.expect(1, "tape verify").contains("holds no event"));
}

#[test]
fn a_backup_on_the_same_disk_is_planned_with_a_warning_and_refused_when_applied() {
    let stage = three_sessions();
    let text = stage.expect(0, "tape backup --to backup");
    assert!(text.contains("its file is copied") && text.contains("WARNING: backup lies on the disk"), "{text}");
    assert!(text.contains("--force"), "{text}");
    assert_eq!(stage.json(0, "tape backup --to backup --json")["same_disk"], true);
    assert!(stage.refused("tape backup --to backup --apply").contains("both are lost at once"));
    assert!(!stage.path("backup").exists());
    // What the help shows, typed as it stands but for the folder.
    let help = stage.expect(0, "tape backup --help");
    let examples: Vec<&str> = help.lines().filter_map(|line| line.trim().strip_prefix("barkeep ")).collect();
    assert!(examples.len() >= 2 && !examples[0].contains("--apply"), "{help}");
    stage.expect(0, &examples[0].replace("/mnt/backup", "backup"));
}

#[test]
fn what_verify_says_to_do_never_puts_an_old_copy_over_a_segment_that_takes_events() {
    let stage = three_sessions();
    for (file, advice) in [("2024-03-15.1.redb", "this segment takes events"), ("2024-03-14.1.redb", "install -m 0444")]
    {
        copy_folder(&stage.path("data"), &stage.path("bad"));
        let path = stage.path("bad/tape").join(file);
        let mode = path.metadata().expect("a file").permissions();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("a mode");
        fs::write(&path, vec![0; 40_000]).expect("a file");
        fs::set_permissions(&path, mode).expect("a mode");
        let report = stage.json_on("bad", 1, "tape verify --json");
        let findings = report["findings"].as_array().expect("findings");
        let of_it: Vec<_> = findings.iter().filter(|one| one["file"] == format!("tape/{file}")).collect();
        assert!(!of_it.is_empty() && of_it[0]["do"].as_str().is_some_and(|told| told.starts_with(advice)), "{report}");
        assert!(findings.iter().all(|one| !one["what"].to_string().contains("tape verify")), "{report}");
        fs::remove_dir_all(stage.path("bad")).expect("the copy goes");
    }
}

#[test]
fn tables_and_findings_fit_eighty_columns() {
    let stage = Stage::new();
    write_ticks(&day(4, 6), &stage.path("ticks.csv"));
    stage.expect(0, "import ticks.csv --kind ticks");
    copy_folder(&stage.path("data"), &stage.path("bad"));
    damage(&stage.path("bad/tape/2026-07-31.1.redb"));
    for (data, code, args) in [
        ("data", 0, "tape stat"),
        ("data", 0, "tape verify"),
        ("data", 0, "tape prune --keep-days 1"),
        ("data", 0, "tape backup --to b"),
        ("data", 0, "tape backup --to b --force --apply"),
        ("data", 0, "tape restore --drill --from b"),
        ("bad", 1, "tape verify"),
    ] {
        let text = stage.expect_on(data, code, args);
        // A command to type is not broken, nor is a path.
        for line in text.lines().filter(|line| !line.trim_start().starts_with("do: ") && !line.contains("/")) {
            assert!(line.chars().count() <= 80, "{args}: {} columns: {line}", line.chars().count());
        }
    }
}

#[test]
fn pruning_says_nothing_between_its_plan_and_its_result() {
    let stage = three_sessions();
    let output = stage.run("tape prune --keep-days 1 --apply");
    assert!(output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

/// A user without rights on anything, for what root may always do.
const NOBODY: u32 = 65_534;

#[test]
fn a_file_that_may_not_be_read_is_told_by_name_and_nothing_is_taken_for_damage() {
    let stage = three_sessions();
    // Root reads everything: the commands run as a user who owns it all, or as this one where that cannot be had.
    let root = fs::metadata("/proc/self").is_ok_and(|meta| std::os::unix::fs::MetadataExt::uid(&meta) == 0);
    if root {
        let owned = Command::new("chown").args(["-R", &NOBODY.to_string()]).arg(stage.folder.path()).status();
        assert!(owned.is_ok_and(|status| status.success()), "root gives files away");
        fs::set_permissions(stage.folder.path(), fs::Permissions::from_mode(0o755)).expect("a mode");
        fs::copy(env!("CARGO_BIN_EXE_barkeep"), stage.path("barkeep")).expect("a copy that anybody may run");
    }
    let command = |args: &str| {
        let mut command =
            if root { Command::new(stage.path("barkeep")) } else { Command::new(env!("CARGO_BIN_EXE_barkeep")) };
        command.current_dir(stage.folder.path()).args(["--data-dir", "data"]).args(args.split(' '));
        if root {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    };
    if command("--version").output().is_err() {
        eprintln!("skipped a_file_that_may_not_be_read_is_told_by_name: no other user can be had here");
        return;
    }
    for (file, refused) in [("tape/2024-03-14.1.redb", true), ("snapshots/5000.snap", false)] {
        let path = stage.path("data").join(file);
        if !path.exists() {
            fs::write(&path, "x").expect("a snapshot");
        }
        let mode = path.metadata().expect("a file").permissions();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).expect("a mode");
        let verify = ended(command("tape verify --json"), "verify");
        let report: serde_json::Value = serde_json::from_slice(&verify.stdout).expect("one JSON object");
        assert_eq!((verify.status.code(), report["verdict"].as_str()), (Some(2), Some("cannot_tell")), "{report}");
        let finding = &report["findings"][0];
        assert_eq!(finding["file"].as_str(), Some(file), "{report}");
        assert!(finding["do"].as_str().is_some_and(|told| told.contains("may read")), "{report}");
        for args in
            ["tape stat", "tape backup --to b --force", "import t.csv --kind ticks --symbol A --calendar always"]
        {
            let output = ended(command(args), args);
            let told = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(if refused { 2 } else { 0 }), "{args}: {told}");
            assert!(!refused || (told.contains(file) && told.contains("this user may read it")), "{args}: {told}");
        }
        fs::set_permissions(&path, mode).expect("a mode");
    }
}

#[test]
fn a_lock_without_room_is_told_as_that() {
    // A file system of one page, where the kernel lets us have one.
    let script = "mount -t tmpfs -o size=4k,nr_inodes=4 none \"$1/full\" && shift 1 && exec \"$@\"";
    let stage = three_sessions();
    stage.expect(0, "tape backup --to backup --force --apply");
    fs::create_dir(stage.path("full")).expect("a folder");
    let mut command = Command::new("unshare");
    command.args(["-rm", "sh", "-c", script, "sh"]).arg(stage.folder.path());
    command.arg(env!("CARGO_BIN_EXE_barkeep")).arg("--data-dir").arg(stage.path("full"));
    command.args(["tape", "restore", "--apply", "--from"]).arg(stage.path("backup"));
    let mut told = String::new();
    let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().expect("unshare");
    child.stderr.take().expect("a pipe").read_to_string(&mut told).expect("its words");
    let status = child.wait().expect("a child");
    if told.contains("unshare") || told.contains("mount") {
        eprintln!("skipped a_lock_without_room_is_told_as_that: {told}");
        return;
    }
    assert_eq!(status.code(), Some(2), "{told}");
    assert!(told.contains("free space"), "{told}");
    assert!(!told.contains("mode"), "{told}");
}
