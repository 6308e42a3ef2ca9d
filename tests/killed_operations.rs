//! `kill -9` in the middle of prune, backup and restore: what is left is the state before or after a whole step, and the
//! same command finishes the work.
//!
//! `BARKEEP_TORTURE=1` kills hundreds of times instead of some.
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test says what it expects")]

mod stage;

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use stage::{Stage, copy_folder, torture};

fn kills() -> u32 {
    if torture() { 250 } else { 14 }
}

/// Sessions on the first days of March 2024, from one day to another.
fn sessions(stage: &Stage, days: std::ops::RangeInclusive<u32>) {
    for day in days {
        let rows: String =
            (0..30).map(|n| format!("2024-03-{day:02} 10:{n:02}:00,{},{}\n", 100 + n, 500 + 10 * n)).collect();
        stage.write("t.csv", &format!("time,price,cum_volume\n{rows}"));
        stage.expect(0, "import t.csv --kind ticks --symbol HDFCBANK --calendar always");
    }
}

/// The names in a folder, sorted; none when it is not there.
fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("a name")).collect();
    names.sort();
    names
}

/// Runs to the end, and tells how long that took.
fn timed(mut command: Command) -> Duration {
    let began = Instant::now();
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status().expect("the command runs");
    assert!(status.success());
    began.elapsed()
}

/// Kills it after a part of that time; whether it was still running.
fn killed(mut command: Command, after: Duration) -> bool {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the command runs");
    sleep(after);
    child.kill().expect("a child");
    child.wait().expect("a child").signal() == Some(9)
}

/// Kills a command again and again, each time a little later in its course. `fresh` prepares, `is_half_done` says that
/// the work was under way, `check` looks at what is left and finishes it.
fn killed_everywhere(
    what: &str,
    fresh: impl Fn(),
    command: impl Fn() -> Command,
    is_half_done: impl Fn() -> bool,
    check: impl Fn(u32),
) {
    fresh();
    let whole = timed(command());
    let (mut in_time, mut half_done) = (0, 0);
    for n in 0..kills() {
        fresh();
        in_time += u32::from(killed(command(), whole * n / kills()));
        half_done += u32::from(is_half_done());
        check(n);
    }
    println!("{what}: of {} kills {in_time} came before the end and {half_done} in the middle of the work", kills());
    assert!(in_time > 0 && (half_done > 0 || !torture()));
}

fn remove(path: &Path) {
    if path.exists() {
        fs::remove_dir_all(path).expect("a folder goes");
    }
}

#[test]
fn a_killed_prune_leaves_the_end_of_the_tape_and_is_finished_by_the_next() {
    let stage = Stage::new();
    sessions(&stage, 4..=11);
    let all = names(&stage.path("data/tape"));
    let prune = "tape prune --keep-days 1 --apply";
    let fresh = || {
        remove(&stage.path("copy"));
        copy_folder(&stage.path("data"), &stage.path("copy"));
    };
    let check = |n| {
        let left = names(&stage.path("copy/tape"));
        assert!(!left.is_empty() && all.ends_with(&left), "kill {n}: {left:?}");
        stage.expect_on("copy", 0, "tape verify");
        stage.expect_on("copy", 0, prune);
        assert_eq!(names(&stage.path("copy/tape")), all[all.len() - 1..], "kill {n}");
        stage.expect_on("copy", 0, "replay --verify");
    };
    let is_half_done = || (2..all.len()).contains(&names(&stage.path("copy/tape")).len());
    killed_everywhere("prune", fresh, || stage.command_on("copy", prune), is_half_done, check);
}

#[test]
fn a_killed_backup_is_the_one_before_and_the_next_one_is_whole() {
    let stage = Stage::new();
    sessions(&stage, 4..=6);
    let backup = "tape backup --to backup --apply --force";
    stage.expect(0, backup);
    fs::rename(stage.path("backup"), stage.path("before")).expect("a name for the first backup");
    sessions(&stage, 7..=10);
    let last = stage.json(0, "tape stat --json")["segments"][6]["last_seq"].clone();
    for first in [false, true] {
        let fresh = || {
            remove(&stage.path("backup"));
            if !first {
                copy_folder(&stage.path("before"), &stage.path("backup"));
            }
        };
        let check = |n| {
            // Without a backup before it there may be none.
            if !first || stage.path("backup/manifest.json").exists() {
                stage.expect_on("none", 0, "tape restore --from backup");
            }
            stage.expect(0, backup);
            let plan = stage.json_on("none", 0, "tape restore --from backup --json");
            assert_eq!(plan["last_seq"], last, "kill {n}");
            let named = plan["segments"].as_array().expect("segments").len();
            assert_eq!(names(&stage.path("backup/tape")).len(), named, "kill {n}: rubbish is left");
            assert_eq!(names(&stage.path("backup")), ["manifest.json", "snapshots", "tape"], "kill {n}");
        };
        let files = if first { 0 } else { names(&stage.path("before/tape")).len() };
        let is_half_done = || (files + 1..files + 4).contains(&names(&stage.path("backup/tape")).len());
        killed_everywhere("backup", fresh, || stage.command(backup), is_half_done, check);
    }
}

#[test]
fn a_killed_restore_leaves_no_tape_or_all_of_it() {
    let stage = Stage::new();
    sessions(&stage, 4..=10);
    stage.expect(0, "tape backup --to backup --apply --force");
    let all = names(&stage.path("data/tape"));
    let restore = "tape restore --from backup --apply";
    let check = |n| {
        let left = names(&stage.path("restored/tape"));
        assert!(left.is_empty() || left == all, "kill {n}: {left:?}");
        if left.is_empty() {
            stage.expect_on("restored", 0, restore);
        }
        assert_eq!(names(&stage.path("restored/tape")), all, "kill {n}");
        stage.expect_on("restored", 0, "tape verify");
        stage.expect_on("restored", 0, "replay --verify");
    };
    let is_half_done = || stage.path("restored/restore.new").exists();
    let fresh = || remove(&stage.path("restored"));
    killed_everywhere("restore", fresh, || stage.command_on("restored", restore), is_half_done, check);
}
