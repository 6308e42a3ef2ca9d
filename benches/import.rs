//! Import of a day: 5,000,000 trades of 200 instruments as CSV, through the engine, onto a durable tape, by the command
//! itself held to one core. Prints one line of JSON; `rss_mib` is the most memory that the command took.
//!
//! `BARKEEP_BENCH_ROWS` sets another number of rows, `BARKEEP_BENCH_RUNS` how often it runs (the fastest counts).
#![allow(missing_docs, reason = "a bench has no surface")]
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a bench stops where it cannot go on")]

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::json;

const INSTRUMENTS: usize = 200;
/// 2021-06-04 09:15 IST.
const OPEN_NS: u64 = 1_622_778_300_000_000_000;
const SESSION_NS: u64 = 375 * 60 * 1_000_000_000;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// A generator with a fixed seed, so that every run reads the same bytes.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((u128::from(self.0 ^ self.0 >> 31) * u128::from(below)) >> 64) as u64
    }
}

/// Trades over one session: a few instruments trade much more than the others, prices walk in steps of five paise.
fn write_trades(path: &Path, rows: u64) {
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path).expect("a file"));
    let mut dice = Dice(20_210_604);
    let mut paise: Vec<u64> = (0..INSTRUMENTS).map(|_| 20_000 + 5 * dice.roll(76_000)).collect();
    let (mean_ns, mut time) = (SESSION_NS / (rows + 1), OPEN_NS);
    writeln!(out, "ts_ns,symbol,price,qty").expect("a line");
    for _ in 0..rows {
        time += 1_000 * dice.roll(mean_ns / 500).min(mean_ns / 500 - 1);
        // The lower of two rolls: the first instrument trades twice as often as the mean, the last hardly ever.
        let place = dice.roll(INSTRUMENTS as u64).min(dice.roll(INSTRUMENTS as u64)) as usize;
        paise[place] = (paise[place] + 5 * [0, 1, 2, 2, 2, 2, 2, 3, 4][dice.roll(9) as usize] - 10).max(1_000);
        let qty = 1 + dice.roll(10) * dice.roll(10) * dice.roll(30) / 10;
        writeln!(out, "{time},S{place:03},{},{qty}", paise[place] as f64 / 100.0).expect("a line");
    }
    out.flush().expect("the whole file");
}

/// The command, on one core where the system can be told so.
fn on_one_core(binary: &str) -> Command {
    let works = Command::new("taskset").args(["-c", "0", "true"]).stderr(Stdio::null()).status();
    if works.is_ok_and(|status| status.success()) {
        let mut command = Command::new("taskset");
        command.args(["-c", "0", binary]);
        return command;
    }
    eprintln!("taskset is not here: this runs on as many cores as there are");
    Command::new(binary)
}

/// Wall seconds of one import into an empty folder, and the most memory that it took, in KiB.
fn import(folder: &Path, csv: &Path) -> (f64, u64) {
    let data = folder.join("data");
    if data.exists() {
        fs::remove_dir_all(&data).expect("the last run's tape goes");
    }
    let mut command = on_one_core(env!("CARGO_BIN_EXE_barkeep"));
    command.arg("--data-dir").arg(&data).arg("import").arg(csv).args(["--kind", "ticks", "--map", "time=ts_ns:ns"]);
    let started = Instant::now();
    let mut child =
        command.current_dir(folder).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the command runs");
    let mut peak_kib = 0;
    loop {
        if let Ok(text) = fs::read_to_string(format!("/proc/{}/status", child.id())) {
            let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let kib = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse().ok());
            peak_kib = peak_kib.max(kib.unwrap_or(0));
        }
        if let Some(status) = child.try_wait().expect("a child") {
            assert!(status.success(), "the import failed");
            return (started.elapsed().as_secs_f64(), peak_kib);
        }
        sleep(Duration::from_millis(5));
    }
}

fn main() {
    let (rows, runs) = (number("BARKEEP_BENCH_ROWS", 5_000_000).max(1), number("BARKEEP_BENCH_RUNS", 3).max(1));
    let folder = tempfile::TempDir::new().expect("a folder");
    let csv = folder.path().join("ticks.csv");
    write_trades(&csv, rows);
    let all: Vec<(f64, u64)> = (0..runs).map(|_| import(folder.path(), &csv)).collect();
    let seconds = all.iter().map(|(seconds, _)| *seconds).fold(f64::INFINITY, f64::min);
    let rss_kib = all.iter().map(|(_, kib)| *kib).max().unwrap_or(0);
    let line = json!({
        "bench": "import_csv",
        "rows": rows,
        "bytes": fs::metadata(&csv).expect("its size").len(),
        "seconds": seconds,
        "rate": (rows as f64 / seconds).round(),
        "unit": "rows/s",
        "rss_mib": (rss_kib as f64 / 102.4).round() / 10.0,
    });
    println!("{line}");
}
