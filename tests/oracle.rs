//! The pairs desk recomputed outside: a whole day that the engine traded goes onto a tape, out again by the commands that a
//! person would use, and through a script of numpy and pandas that shares nothing with barkeep.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "a test says what it expects"
)]

#[path = "../src/engine/tests/market/mod.rs"]
mod market;
#[path = "../src/engine/tests/scene/mod.rs"]
mod scene;
mod stage;

use std::path::Path;
use std::process::Command;

use barkeep_schemas::*;
use barkeep_storage::{DataDir, Writer};
use market::{MarketPlan, real, setup};
use serde_json::Value;
use stage::Stage;

/// The whole day on a tape: pairs of one and five minutes, one with a hedge ratio other than 1, one with a window carried
/// over the night.
fn trade(folder: &Path) {
    let mut desk = setup(3);
    desk.pairs[1].beta = real(0.75);
    desk.pairs[2].tf = Timeframe::M5;
    desk.pairs[2].name = "S4_S5_5m".to_owned();
    desk.pairs[2].lookback = 10;
    let flat = || PositionCarried { qty: 0, cost: FineMoney::ZERO };
    let spreads = (0..20).map(|at| real(0.3 + 0.001 * f64::from(at % 7))).collect();
    let carried = DeskCarried {
        pairs: vec![PairCarried { pair: PairId(0), spreads, a: flat(), b: flat(), held_since: None }],
        scopes: Vec::new(),
        kills: Vec::new(),
    };
    let mut inputs = vec![Input::SessionOpened(Box::new(market::session(desk, carried, 6)))];
    inputs.extend(market::day(&MarketPlan::default()));
    inputs.push(scene::close());
    let events: Vec<Event> = scene::run(&inputs).into_iter().map(|(_, event)| event).collect();
    let mut writer = Writer::open(&DataDir::new(folder), "test").unwrap();
    writer.begin_segment(SessionDate::from_ymd(2021, 6, 4).unwrap()).unwrap();
    writer.commit(&events).unwrap();
    writer.close().unwrap();
}

/// The interpreter that `make oracle` installs into the target folder.
fn python() -> std::path::PathBuf {
    let target = Path::new(env!("CARGO_BIN_EXE_barkeep")).ancestors().nth(2).expect("a target folder");
    let python = target.join("oracle/venv/bin/python");
    assert!(python.exists(), "{} is not there: `make oracle` installs it", python.display());
    python
}

#[test]
fn numpy_and_pandas_find_the_same_z_profit_and_charges() {
    let stage = Stage::new();
    trade(&stage.path("data"));
    let out = stage.path("out");
    std::fs::create_dir(&out).unwrap();
    let events = stage.expect(0, "tape cat --json");
    std::fs::write(out.join("tape.ndjson"), events).unwrap();
    for kind in ["bars_1m", "bars_5m", "fills"] {
        stage.expect(0, &format!("export --kind {kind} --date 2021-06-04 --out out/{kind}.csv"));
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle/pairs.py");
    let run = Command::new(python()).arg(script).arg(&out).output().expect("python runs");
    let (said, error) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert_eq!(run.status.code(), Some(0), "{said}\n{error}");
    let said: Value = serde_json::from_str(said.lines().last().unwrap_or_default()).expect("its last line is JSON");
    assert_eq!(said["findings"], Value::Array(Vec::new()));
    let count = |name: &str| said[name].as_u64().unwrap_or(0);
    assert!(count("marks") > 700 && count("z_from_bars") > 600 && count("signals_with_z") > 50, "{said}");
    assert!(count("fills") > 100 && count("pairs") == 3, "{said}");
    println!("{said}");
}
