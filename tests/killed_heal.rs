//! `kill -9` in the middle of `heal --apply`: of the command, with a daemon and without, and of the daemon under it. What
//! is left is healed in part or not at all; the same command finishes the work, corrects nothing twice, and all of it can
//! be taken back.
//!
//! `BARKEEP_TORTURE=1` kills a hundred times each instead of some.
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test says what it expects")]

mod stage;

use std::collections::BTreeMap;
use std::fs;
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use barkeep_schemas::{Seq, Timeframe};
use barkeep_storage::{DataDir, Tape};
use serde_json::Value;
use stage::{Run, Stage, copy_folder, day, torture, write_candles, write_ticks};

const HEAL: &str = "heal --date 2026-07-31 --apply --force --json";

fn kills() -> u32 {
    if torture() { 100 } else { 5 }
}

/// A reconciled day of twelve instruments that lacks every other minute: its heal takes more than one word to a daemon.
struct Desk {
    stage: Stage,
    /// The bars before the heal and after it, by timeframe.
    before: Bars,
    after: Bars,
    /// Corrections of the whole heal.
    corrections: usize,
    /// How long it takes.
    whole: Duration,
    /// The end of the tape before it.
    last: Seq,
}

/// The rows of an export less the columns of editions, by timeframe.
type Bars = BTreeMap<&'static str, Vec<String>>;

impl Desk {
    fn new() -> Self {
        let stage = Stage::new();
        let day = day(11, 12);
        write_ticks(&day, &stage.path("all.csv"));
        write_candles(&day, &stage.path("candles.csv"));
        let all = fs::read_to_string(stage.path("all.csv")).expect("ticks");
        let lacks = |row: &str| {
            let minute = row.get(14..16).and_then(|minute| minute.parse::<u32>().ok());
            minute.is_some_and(|minute| minute % 2 == 1)
        };
        let kept: Vec<&str> = all.lines().filter(|row| !lacks(row)).collect();
        stage.write("ticks.csv", &format!("{}\n", kept.join("\n")));
        stage.expect(0, "import ticks.csv --kind ticks");
        stage.expect(1, "recon --date 2026-07-31 --source candles.csv");
        let before = bars(&stage, "data");
        copy_folder(&stage.path("data"), &stage.path("whole"));
        let began = Instant::now();
        let output = stage.command_on("whole", HEAL).output().expect("the command runs");
        let whole = began.elapsed();
        let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let corrections = report["corrections"].as_array().expect("corrections").len();
        let after = bars(&stage, "whole");
        assert!(corrections > 4_096 && before != after, "{corrections} corrections are no long work");
        let last = Tape::open(&DataDir::new(stage.path("data"))).expect("a tape").last_seq();
        Self { stage, before, after, corrections, whole, last }
    }

    fn fresh(&self) {
        let copy = self.stage.path("copy");
        if copy.exists() {
            fs::remove_dir_all(&copy).expect("a folder goes");
        }
        copy_folder(&self.stage.path("data"), &copy);
    }

    fn heal(&self) -> Child {
        let mut command = self.stage.command_on("copy", HEAL);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the command runs")
    }

    /// The moment of a kill: a little later each time, or some milliseconds after the first correction is on the tape.
    fn wait(&self, n: u32) {
        if n.is_multiple_of(3) {
            return sleep(self.whole * (n + 1) / (kills() + 1));
        }
        let dir = DataDir::new(self.stage.path("copy"));
        let last = || Tape::open(&dir).map_or(Seq(0), |tape| tape.last_seq());
        let began = Instant::now();
        while last() <= self.last && began.elapsed() < self.whole * 3 {
            sleep(Duration::from_millis(1));
        }
        sleep(Duration::from_millis(u64::from(n) / 3));
    }

    /// Events of a kind on the copy, one JSON object each.
    fn events(&self, kind: &str) -> Vec<Value> {
        let told = self.stage.expect_on("copy", 0, &format!("tape cat --kind {kind} --json"));
        told.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    /// Whether the corrections are on the tape in part, or all of them without the comparison that follows.
    fn is_half_done(&self) -> bool {
        let corrected = self.events("bar_correction").len();
        (1..self.corrections).contains(&corrected) || (corrected > 0 && self.events("recon_run").len() == 1)
    }

    /// Finishes the work and takes it back again.
    fn check(&self, what: &str) {
        let stage = &self.stage;
        stage.expect_on("copy", 0, "tape verify");
        let output = stage.command_on("copy", HEAL).output().expect("the command runs");
        assert!(matches!(output.status.code(), Some(0 | 1)), "{what}: {}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(bars(stage, "copy"), self.after, "{what}");
        let corrected = self.events("bar_correction");
        assert_eq!(corrected.len(), self.corrections, "{what}: nothing is corrected twice");
        stage.expect_on("copy", 0, "replay --verify");
        let runs: Vec<u64> = self.events("heal_run").iter().map(|run| run["run_id"].as_u64().expect("an id")).collect();
        for run in runs.iter().rev() {
            stage.expect_on("copy", 1, &format!("heal --date 2026-07-31 --revert {run} --apply"));
        }
        assert_eq!(bars(stage, "copy"), self.before, "{what}: taken back");
    }
}

fn bars(stage: &Stage, data: &str) -> Bars {
    let minutes = Timeframe::ALL.iter().filter(|tf| **tf != Timeframe::S1);
    let export = |tf: &Timeframe| {
        let kind = format!("bars_{}", tf.label());
        stage.expect_on(data, 0, &format!("export --kind {kind} --date 2026-07-31 --out out.csv --force"));
        let text = fs::read_to_string(stage.path("out.csv")).expect("bars");
        let mut rows: Vec<String> =
            text.lines().map(|row| row.split(',').take(7).collect::<Vec<_>>().join(",")).collect();
        rows.sort_unstable();
        (tf.label(), rows)
    };
    minutes.map(export).collect()
}

#[test]
fn a_killed_heal_is_finished_by_the_next() {
    let desk = Desk::new();
    let (mut in_time, mut half) = (0, 0);
    for n in 0..kills() {
        desk.fresh();
        let mut heal = desk.heal();
        desk.wait(n);
        heal.kill().expect("a child");
        in_time += u32::from(heal.wait().expect("its end").code().is_none());
        half += u32::from(desk.is_half_done());
        desk.check(&format!("the command alone, kill {n}"));
    }
    println!("heal alone: of {} kills {in_time} came before the end and {half} in the middle", kills());
    assert!(in_time > 0 && half > 0);
}

#[test]
fn a_heal_through_a_daemon_survives_the_death_of_either() {
    let desk = Desk::new();
    let (mut in_time, mut half) = (0, 0);
    for n in 0..kills() {
        desk.fresh();
        let mut daemon = Run::start(&desk.stage, "copy");
        let mut heal = desk.heal();
        desk.wait(n);
        let of_daemon = n % 2 == 1;
        let victim = if of_daemon { &mut daemon.child } else { &mut heal };
        victim.kill().expect("a child");
        let code = heal.wait().expect("its end").code();
        in_time += u32::from(!matches!(code, Some(0 | 1)));
        if !of_daemon {
            daemon.signal("TERM");
        }
        daemon.child.wait().expect("its end");
        half += u32::from(desk.is_half_done());
        desk.check(&format!("through a daemon, kill {n}"));
    }
    println!("heal through a daemon: of {} kills {in_time} came before the end and {half} in the middle", kills());
    assert!(in_time > 0 && half > 0);
}
