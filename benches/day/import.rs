//! `barkeep import` of the session's trades from CSV, through the engine, onto a durable tape: the process from its start
//! to its end, and the most memory that it took.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::{binary, files, measure};

pub fn main() {
    let csv = files::folder().join("ticks.csv");
    let rows = fs::read(&csv).expect("the file").iter().filter(|byte| **byte == b'\n').count() - 1;
    let mut peak_kib = 0;
    let seconds = measure::median(3, || {
        let folder = measure::scratch();
        let (seconds, kib) = import(&csv, folder.path());
        peak_kib = peak_kib.max(kib);
        seconds
    });
    let note = format!("{rows} rows of CSV, all bars, durable on the tape; at most {} MiB of memory", peak_kib / 1_024);
    measure::rate("import", rows, "ticks", seconds, &note, "");
}

/// Wall seconds of one import into an empty folder, and the most memory that it took, in KiB.
fn import(csv: &Path, data: &Path) -> (f64, u64) {
    let words = ["import", csv.to_str().expect("a path of letters"), "--kind", "ticks", "--map", files::TICKS_MAP];
    let mut command = binary::command(data, &words);
    let began = Instant::now();
    let mut child = command.stdout(Stdio::null()).spawn().expect("the command starts");
    let mut peak_kib = 0;
    loop {
        if let Ok(text) = fs::read_to_string(format!("/proc/{}/status", child.id())) {
            let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let kib = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse().ok());
            peak_kib = peak_kib.max(kib.unwrap_or(0));
        }
        if let Some(status) = child.try_wait().expect("a child") {
            assert!(status.success(), "the import failed");
            return (began.elapsed().as_secs_f64(), peak_kib);
        }
        sleep(Duration::from_millis(5));
    }
}
