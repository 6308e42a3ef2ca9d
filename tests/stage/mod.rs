//! What black-box tests share: the binary, a data directory of its own, a generated day.

#![allow(dead_code, reason = "each test file uses its own part")]

pub mod desk;

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, BufWriter};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use barkeep::monitoring::metrics::Service;
use barkeep_schemas::{NANOS, SessionDate, Ts};
use barkeep_sim::day::{Day, DayPlan};
use tempfile::TempDir;

/// A data directory and the files of a test.
pub struct Stage {
    pub folder: TempDir,
}

impl Stage {
    pub fn new() -> Self {
        Self { folder: TempDir::new().expect("a temporary folder") }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).expect("a file");
        path
    }

    /// The command with this stage's data directory; `args` are split at blanks unless quoted with `'`.
    pub fn command(&self, args: &str) -> Command {
        self.command_on("data", args)
    }

    /// The same with another data directory of the stage.
    pub fn command_on(&self, data: &str, args: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_barkeep"));
        command.env_remove("BARKEEP_CONFIG").current_dir(self.folder.path());
        command.arg("--data-dir").arg(self.path(data)).args(words(args));
        command
    }

    pub fn run(&self, args: &str) -> Output {
        self.command(args).output().expect("the command runs")
    }

    /// Runs, expects an exit code, returns stdout.
    #[track_caller]
    pub fn expect(&self, code: i32, args: &str) -> String {
        self.expect_on("data", code, args)
    }

    /// The same with another data directory of the stage.
    #[track_caller]
    pub fn expect_on(&self, data: &str, code: i32, args: &str) -> String {
        let output = self.command_on(data, args).output().expect("the command runs");
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "barkeep {args}\n{out}\n{err}");
        out.into_owned()
    }

    /// Runs, expects an exit code, reads the last line of stdout as JSON.
    #[track_caller]
    pub fn json(&self, code: i32, args: &str) -> serde_json::Value {
        self.json_on("data", code, args)
    }

    /// The same with another data directory of the stage.
    #[track_caller]
    pub fn json_on(&self, data: &str, code: i32, args: &str) -> serde_json::Value {
        let out = self.expect_on(data, code, args);
        let last = out.lines().last().unwrap_or_default();
        serde_json::from_str(last).unwrap_or_else(|error| panic!("barkeep {args}: {error}\n{out}"))
    }

    /// Runs, expects exit code 2, returns stderr.
    #[track_caller]
    pub fn refused(&self, args: &str) -> String {
        let output = self.run(args);
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(2), "barkeep {args}\n{out}\n{err}");
        assert!(!err.contains("panicked"), "{err}");
        err.into_owned()
    }
}

/// The section of a configuration with which every service takes a port that nobody holds.
pub fn free_ports() -> String {
    format!("[ports]\n{}", Service::ALL.map(|service| format!("{} = 0\n", service.name())).concat())
}

/// Splits at blanks; what stands between `'` is one word.
pub fn words(line: &str) -> Vec<String> {
    let quoted = line.split('\'').enumerate();
    let parts = quoted.flat_map(|(place, part)| -> Vec<String> {
        if place % 2 == 1 { vec![part.to_owned()] } else { part.split_whitespace().map(str::to_owned).collect() }
    });
    parts.collect()
}

/// Three sessions on days of their own.
pub fn three_sessions() -> Stage {
    let stage = Stage::new();
    for date in ["2024-03-13", "2024-03-14", "2024-03-15"] {
        let rows: String = (0..30).map(|n| format!("{date} 10:{n:02}:00,{},{}\n", 100 + n, 500 + 10 * n)).collect();
        stage.write("t.csv", &format!("time,price,cum_volume\n{rows}"));
        stage.expect(0, "import t.csv --kind ticks --symbol HDFCBANK --calendar always");
    }
    stage
}

/// Copies a folder with all that lies in it.
pub fn copy_folder(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-a").arg(from).arg(to).status().expect("cp").success());
}

/// A generated day, 2026-07-31.
pub fn day(seed: u64, instruments: u32) -> Day {
    let date = SessionDate::from_ymd(2026, 7, 31).expect("a date");
    let at = |minute: i64| Ts::new((i64::from(date.0) * 86_400 - 19_800 + minute * 60) * NANOS);
    let mut plan = DayPlan::new(seed, date, vec![(at(555), at(930))], Some((at(540), at(555))));
    plan.instruments = instruments;
    Day::generate(&plan)
}

pub fn write_ticks(day: &Day, path: &Path) {
    day.write_ticks(BufWriter::new(File::create(path).expect("a file"))).expect("ticks");
}

pub fn write_candles(day: &Day, path: &Path) {
    day.write_candles(BufWriter::new(File::create(path).expect("a file"))).expect("candles");
}

/// Whether the long forms of tests run.
pub fn torture() -> bool {
    std::env::var_os("BARKEEP_TORTURE").is_some()
}

/// The folder of real market data, where it is named; else the test says that it was skipped.
pub fn shared_data(test: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("BARKEEP_SHARED_DATA").map(PathBuf::from);
    if folder.is_none() {
        eprintln!("skipped {test}: BARKEEP_SHARED_DATA does not name the folder of real market data");
    }
    folder
}

/// `barkeep run` on a data directory of a stage, with a broker that is not there.
pub struct Run {
    pub child: Child,
}

impl Run {
    pub fn start(stage: &Stage, data: &str) -> Self {
        let nowhere = "http://127.0.0.1:9";
        let kite = format!("[kite]\nrest = \"{nowhere}\"\nws = \"ws://127.0.0.1:9\"\nlogin_url = \"{nowhere}\"\n");
        stage.write("run.toml", &(kite + &free_ports()));
        let mut command = stage.command_on(data, "--config run.toml run --json");
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("a daemon");
        // Its first line comes when the tape is open.
        let mut first = String::new();
        BufReader::new(child.stdout.take().expect("stdout")).read_line(&mut first).expect("a line");
        let ready: serde_json::Value = serde_json::from_str(&first).expect("JSON");
        assert_eq!(ready["pid"], child.id());
        Self { child }
    }

    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().expect("kill").success());
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        // A test that has failed leaves no daemon behind; one that has ended is not there to be killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
