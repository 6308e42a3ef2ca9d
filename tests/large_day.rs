//! A day of many ticks goes in and is replayed in bounded memory. The small form runs always, twenty million ticks with
//! `BARKEEP_TORTURE`.
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test says what it expects")]

mod stage;

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

use stage::{Stage, torture};

/// The most memory that import and replay may take.
const MIB_MAX: u64 = 100;

/// Trades of 200 instruments over one session, prices on a random walk of a generator that is part of the test.
fn write_trades(stage: &Stage, rows: u64) {
    let file = File::create(stage.path("ticks.csv")).expect("a file");
    let mut out = BufWriter::with_capacity(1 << 20, file);
    let open_ns = 1_622_778_300_000_000_000_u64; // 2021-06-04 09:15 IST
    let step_ns = 375 * 60 * 1_000_000_000 / rows;
    let mut state = 88_172_645_463_325_252_u64;
    let mut prices = [100_000_u64; 200];
    let mut volumes = [0_u64; 200];
    writeln!(out, "time,symbol,price,qty,cum_volume,bid,ask").expect("a line");
    for row in 0..rows {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let (place, qty) = ((state % 200) as usize, 1 + (state >> 20) % 500);
        prices[place] = (prices[place] + (state >> 40) % 3 * 5).saturating_sub(5).max(50_000);
        volumes[place] += qty;
        let (price, time) = (prices[place], open_ns + row * step_ns);
        let (bid, ask) = (price - 5, price + 5);
        writeln!(
            out,
            "{time},SYM{place:03},{}.{:02},{qty},{},{}.{:02},{}.{:02}",
            price / 100,
            price % 100,
            volumes[place],
            bid / 100,
            bid % 100,
            ask / 100,
            ask % 100
        )
        .expect("a line");
    }
}

/// Runs a command; its stdout as JSON and the most memory it took, in MiB.
fn measured(stage: &Stage, args: &str) -> (serde_json::Value, u64) {
    let out = stage.path("out.json");
    let stdout = Stdio::from(File::create(&out).expect("a file"));
    let mut child = stage.command(args).stdout(stdout).spawn().expect("the command runs");
    let mut peak_kib = 0;
    let status = loop {
        if let Ok(text) = fs::read_to_string(format!("/proc/{}/status", child.id())) {
            let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let kib = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse().ok());
            peak_kib = peak_kib.max(kib.unwrap_or(0));
        }
        if let Some(status) = child.try_wait().expect("a child") {
            break status;
        }
        sleep(Duration::from_millis(20));
    };
    assert!(status.success(), "barkeep {args}");
    let text = fs::read_to_string(&out).expect("its output");
    (serde_json::from_str(text.trim()).expect("JSON"), peak_kib / 1_024)
}

#[test]
fn a_large_day_is_imported_and_verified_in_bounded_memory() {
    let rows = if torture() { 20_000_000 } else { 300_000 };
    let stage = Stage::new();
    write_trades(&stage, rows);
    let started = Instant::now();
    let (import, import_mib) = measured(&stage, "import ticks.csv --kind ticks --map time=time:ns --json");
    let import_s = started.elapsed().as_secs_f64();
    assert_eq!((import["events"].as_u64(), import["rejected"].as_u64()), (Some(rows), Some(0)));
    let started = Instant::now();
    let (replay, replay_mib) = measured(&stage, "replay --verify --json");
    let replay_s = started.elapsed().as_secs_f64();
    assert_eq!(replay["differences"], 0);
    eprintln!(
        "{rows} ticks: import {import_s:.1} s, {import_mib} MiB; replay --verify {replay_s:.1} s, {replay_mib} MiB; \
         {} derived events",
        replay["derived"]
    );
    assert!(import_mib <= MIB_MAX && replay_mib <= MIB_MAX, "more than {MIB_MAX} MiB");
}
