//! Sessions as the binary makes them: batches that do not show, the dated hours of each class, several files and dates.
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test says what it expects")]

mod stage;

use std::fmt::Write as _;

use stage::{Stage, day, write_ticks};

#[test]
fn the_size_of_a_batch_shows_in_no_seq_byte_or_digest() {
    let mut seen: Option<(serde_json::Value, String)> = None;
    for (events, snapshots) in [(1, 1_000), (97, 5_000), (4_096, 1_000_000), (1_000_000, 1_000_000)] {
        let stage = Stage::new();
        let mut ticks = Vec::new();
        day(3, 1).write_ticks(&mut ticks).expect("ticks");
        let some: Vec<&str> = std::str::from_utf8(&ticks).expect("text").lines().take(1_500).collect();
        stage.write("ticks.csv", &some.join("\n"));
        stage.write("c.toml", &format!("[tape]\ncommit_events = {events}\nsnapshot_events = {snapshots}\n"));
        stage.expect(0, "--config c.toml import ticks.csv --kind ticks");
        let verdict = stage.json(0, "replay --verify --json");
        assert_eq!(verdict["differences"], 0);
        let events = stage.expect(0, "tape cat --json");
        match &seen {
            Some((digest, all)) => {
                assert_eq!(verdict["digest"], *digest);
                assert_eq!(events, *all);
            }
            None => seen = Some((verdict["digest"].clone(), events)),
        }
    }
}

/// One trade a minute from `from` to `to` (minutes of the day) of a date, for some symbols.
fn minutes(date: &str, from: u32, to: u32, symbols: &[&str]) -> String {
    let mut text = "time,symbol,price,qty\n".to_owned();
    for minute in from..to {
        for symbol in symbols {
            writeln!(text, "{date} {:02}:{:02}:30,{symbol},100.05,10", minute / 60, minute % 60).expect("text");
        }
    }
    text
}

fn bars(stage: &Stage, symbol: &str, date: &str, tf: &str) -> u64 {
    let out = format!("{symbol}_{tf}.csv");
    let kind = format!("bars_{tf}");
    let report =
        stage.json(0, &format!("export --kind {kind} --date {date} --symbols {symbol} --out {out} --force --json"));
    report["rows"].as_u64().expect("rows")
}

#[test]
fn hours_are_those_of_the_date_and_of_the_instruments_class() {
    // HDFCBANK has futures and options; from 2026-08-03 its continuous trading ends at 15:15. NOBODY is unknown.
    for (date, derivatives, cash) in [("2026-07-31", 375, 375), ("2026-08-03", 360, 375), ("2026-12-07", 375, 375)] {
        let stage = Stage::new();
        stage.write("t.csv", &minutes(date, 9 * 60, 16 * 60, &["HDFCBANK", "NOBODY"]));
        stage.expect(0, "import t.csv --kind ticks");
        assert_eq!(bars(&stage, "HDFCBANK", date, "1m"), derivatives, "{date}");
        assert_eq!(bars(&stage, "NOBODY", date, "1m"), cash, "{date}");
        assert_eq!(stage.json(0, "replay --verify --json")["differences"], 0);
    }
}

#[test]
fn a_split_session_and_muhurat_make_bars_in_their_own_hours_alone() {
    let stage = Stage::new();
    stage.write("split.csv", &minutes("2024-03-02", 9 * 60 + 15, 12 * 60 + 30, &["SBIN"]));
    stage.expect(0, "import split.csv --kind ticks");
    assert_eq!(bars(&stage, "SBIN", "2024-03-02", "1m"), 45 + 60);
    assert_eq!(bars(&stage, "SBIN", "2024-03-02", "60m"), 2, "no bucket spans the break");
    stage.write("muhurat.csv", &minutes("2023-11-12", 18 * 60, 19 * 60 + 20, &["SBIN"]));
    stage.expect(0, "import muhurat.csv --kind ticks");
    assert_eq!(bars(&stage, "SBIN", "2023-11-12", "1m"), 60);
}

#[test]
fn files_of_one_command_are_merged_and_each_date_is_a_session_of_its_own() {
    let stage = Stage::new();
    stage.write("a.csv", &minutes("2024-03-14", 600, 630, &["AAA"]));
    let two = minutes("2024-03-14", 610, 640, &["BBB"]) + &minutes("2024-03-15", 600, 610, &["BBB"])[22..];
    stage.write("b.csv", &two);
    let report = stage.json(0, "import a.csv b.csv --kind ticks --json");
    assert_eq!(report["sessions"].as_array().expect("sessions").len(), 2, "{report}");
    assert_eq!((report["events"].as_u64(), report["steps_back"].as_u64()), (Some(70), Some(0)));
    for (symbol, date, expected) in [("AAA", "2024-03-14", 30), ("BBB", "2024-03-14", 30), ("BBB", "2024-03-15", 10)] {
        assert_eq!(bars(&stage, symbol, date, "1m"), expected, "{symbol} {date}");
    }
    for date in ["2024-03-14", "2024-03-15"] {
        assert_eq!(stage.json(0, &format!("replay --date {date} --verify --json"))["differences"], 0);
    }
}

#[test]
fn a_second_run_of_a_date_stands_beside_the_first() {
    let stage = Stage::new();
    write_ticks(&day(5, 1), &stage.path("one.csv"));
    write_ticks(&day(6, 1), &stage.path("two.csv"));
    let first = stage.json(0, "import one.csv --kind ticks --json");
    stage.expect(0, "import two.csv --kind ticks");
    assert_eq!(stage.json(0, "import one.csv --kind ticks --json")["already"], true);
    let digest =
        |run: u32| stage.json(0, &format!("replay --date 2026-07-31 --run {run} --verify --json"))["digest"].clone();
    assert_ne!(digest(1), digest(2));
    assert_eq!(stage.json(0, "replay --date 2026-07-31 --json")["digest"], digest(2), "the newest run by default");
    assert!(first["events"].as_u64() > Some(5_000));
}

#[test]
fn the_same_seed_gives_the_same_demo_and_another_seed_another() {
    let digest = |seed: u32| {
        let stage = Stage::new();
        let report = stage.json(0, &format!("demo --seed {seed} --instruments 6 --json"));
        assert!(
            report["faults"].as_array().expect("faults").iter().all(|f| f["injected"] == f["accounted_for"]),
            "{report}"
        );
        let pairs = report["pnl_by_pair"].as_object().expect("pairs");
        let sum = |key: &str| pairs.values().map(|pair| pair[key].as_f64().expect("a number")).sum::<f64>();
        assert!(!pairs.is_empty() && sum("orders") > 3.0 && sum("fills") > 3.0 && sum("charges") > 1.0, "{report}");
        assert!((report["orders"].as_f64(), report["fills"].as_f64()) == (Some(sum("orders")), Some(sum("fills"))));
        assert!((sum("realised") + sum("unrealised") - sum("charges") - sum("net")).abs() < 1e-6, "{report}");
        report["digest"].clone()
    };
    assert_eq!(digest(1), digest(1));
    assert_ne!(digest(1), digest(2));
}

#[test]
fn two_legs_in_two_files_make_one_session_when_each_file_has_its_symbol() {
    let stage = Stage::new();
    for (name, price) in [("a.csv", 100), ("b.csv", 900)] {
        let rows: String = (0..60).map(|n| format!("2024-03-14 10:00:{n:02},{price},{}\n", 1_000 + n)).collect();
        stage.write(name, &format!("time,price,cum_volume\n{rows}"));
    }
    let report = stage.json(0, "import a.csv b.csv --kind ticks --symbol AAA,BBB --json");
    assert_eq!((report["volume_falls"].as_u64(), report["sessions"].as_array().map(Vec::len)), (Some(0), Some(1)));
    for symbol in ["AAA", "BBB"] {
        assert_eq!(stage.json(0, &format!("explain bar {symbol} '2024-03-14 10:00' --json"))["agrees"], true);
    }
    let message = stage.refused("import a.csv b.csv --kind ticks --symbol AAA,BBB,CCC");
    assert!(message.contains("3 symbols for 2 files"), "{message}");
}

#[test]
fn a_bar_is_found_in_the_newest_run_that_has_its_symbol() {
    let stage = Stage::new();
    stage.write("a.csv", &minutes("2024-03-14", 600, 610, &["AAA"]));
    stage.write("b.csv", &minutes("2024-03-14", 600, 610, &["BBB"]));
    stage.expect(0, "import a.csv --kind ticks");
    let second = stage.expect(0, "import b.csv --kind ticks");
    assert!(second.contains("run 2") && second.contains("stay beside it"), "{second}");
    for symbol in ["AAA", "BBB", "NSE:AAA"] {
        stage.expect(0, &format!("explain bar {symbol} '2024-03-14 10:00'"));
    }
    let message = stage.refused("explain bar aaa '2024-03-14 10:00' --run 1");
    assert!(message.contains("has no aaa; it has AAA"), "{message}");
}

#[test]
fn the_same_columns_typed_otherwise_are_the_same_import() {
    let stage = Stage::new();
    stage.write("a.csv", &minutes("2024-03-14", 600, 610, &["AAA"]));
    stage.expect(0, "import a.csv --kind ticks");
    let again = stage.json(0, "import a.csv --kind ticks --map time=1,symbol=2,price=price,qty=qty --json");
    assert_eq!(again["already"], true, "{again}");
}
