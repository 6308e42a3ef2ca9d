//! Two days compared by `recon` and by a script of pandas that shares nothing with it: the same keys, the same statuses.
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test says what it expects")]

mod stage;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use barkeep_schemas::{Event, EventKind, Input, Seq};
use barkeep_storage::{DataDir, Filter, Tape};
use serde_json::Value;
use stage::{Stage, day, write_candles, write_ticks};

/// The broker's file with every fortieth row or so changed: a price, a volume, a row lost, a row twice, one of its own.
fn damaged(candles: &str, seed: u64) -> String {
    let mut out = String::new();
    for (number, line) in candles.lines().enumerate() {
        let random = (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15 ^ seed.wrapping_mul(0xd134_2543)) >> 33;
        let mut cells: Vec<String> = line.split(',').map(str::to_owned).collect();
        let is_changed = number > 0 && random.is_multiple_of(40);
        if !is_changed {
            writeln!(out, "{line}").expect("memory");
            continue;
        }
        let number = |text: &str| text.parse::<f64>().expect("a number");
        match random / 40 % 5 {
            0 => {
                cells[3] = format!("{:.2}", number(&cells[3]) + 0.05 * (random / 200 % 40) as f64);
                writeln!(out, "{}", cells.join(",")).expect("memory");
            }
            1 => {
                cells[6] = format!("{:.0}", number(&cells[6]) * (1.0 + (random / 200 % 50) as f64 / 100.0));
                writeln!(out, "{}", cells.join(",")).expect("memory");
            }
            2 => {}
            3 => {
                writeln!(out, "{line}").expect("memory");
                cells[5] = cells[4].clone();
                writeln!(out, "{}", cells.join(",")).expect("memory");
            }
            _ => {
                writeln!(out, "{line}").expect("memory");
                cells[0] = cells[0].replace("T1", "T0");
                writeln!(out, "{}", cells.join(",")).expect("memory");
            }
        }
    }
    out
}

/// Symbols with the step that the comparison takes.
fn tick_sizes(stage: &Stage) -> String {
    let tape = Tape::open(&DataDir::new(stage.path("data"))).expect("a tape");
    let opened = tape.scan(Seq::FIRST, None, &Filter::kinds([EventKind::SessionOpened]));
    let mut sizes = BTreeMap::new();
    for event in opened {
        if let Event::Input(Input::SessionOpened(opened)) = event.expect("an event").1 {
            sizes.extend(opened.instruments.iter().map(|known| (known.symbol.clone(), known.tick_size)));
        }
    }
    let rows: String = sizes.iter().map(|(symbol, size)| format!("{symbol},{size}\n")).collect();
    format!("symbol,tick_size\n{rows}")
}

/// The interpreter that `make oracle` installs into the target folder.
fn python() -> std::path::PathBuf {
    let target = Path::new(env!("CARGO_BIN_EXE_barkeep")).ancestors().nth(2).expect("a target folder");
    let python = target.join("oracle/venv/bin/python");
    assert!(python.exists(), "{} is not there: `make oracle` installs it", python.display());
    python
}

/// Compares a day of a seed both ways; what the script says at its end.
fn compared(seed: u64) -> Value {
    let stage = Stage::new();
    let day = day(seed, 20);
    write_ticks(&day, &stage.path("ticks.csv"));
    write_candles(&day, &stage.path("candles.csv"));
    stage.expect(0, "import ticks.csv --kind ticks");
    let candles = fs::read_to_string(stage.path("candles.csv")).expect("candles");
    fs::create_dir(stage.path("out")).expect("a folder");
    stage.write("out/theirs.csv", &damaged(&candles, seed));
    stage.write("out/ticks.csv", &tick_sizes(&stage));
    stage.expect(0, "export --kind bars_1m --date 2026-07-31 --out out/ours.csv");
    let report = stage.json(1, "recon --date 2026-07-31 --source out/theirs.csv --json");
    stage.expect(0, "export --kind recon --date 2026-07-31 --out out/recon.csv");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle/recon.py");
    let run = Command::new(python()).arg(script).arg(stage.path("out")).output().expect("python runs");
    let (said, error) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert_eq!(run.status.code(), Some(0), "{said}\n{error}");
    let said: Value = serde_json::from_str(said.lines().last().unwrap_or_default()).expect("its last line is JSON");
    assert_eq!(said["compared"], report["compared"], "{said}\n{report}");
    for status in ["missing_internal", "missing_broker", "price", "volume"] {
        assert_eq!(said["by_status"][status], report[status], "{said}\n{report}");
        assert!(report[status].as_u64() > Some(0), "no {status} in {report}");
    }
    println!("seed {seed}: {said}");
    said
}

#[test]
fn pandas_finds_the_same_statuses_on_two_days() {
    for seed in [3, 11] {
        let said = compared(seed);
        assert!(said["differences"].as_u64() > Some(60), "{said}");
    }
}
