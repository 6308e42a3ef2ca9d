//! Real market data that nobody here wrote, imported, built into bars and compared with the bars of its own source.
//! Runs where `BARKEEP_SHARED_DATA` names the folder.
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test says what it expects")]

mod stage;

use std::fs;
use std::path::Path;

use stage::{Stage, shared_data};

/// Puts a file of the shared data beside the data directory, so that commands name it without its folder.
fn bring(stage: &Stage, data: &Path, file: &str, name: &str) {
    fs::copy(data.join(file), stage.path(name)).expect("a shared file");
}

fn number(value: &serde_json::Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no count"))
}

const NSE_MAP: &str = "--kind ticks --map time=timestamp,price=ltp,cum_volume=volume --json";

#[test]
fn es_trades_rebuild_the_vendors_four_minutes_across_a_utc_midnight() {
    let Some(data) = shared_data("es_trades") else { return };
    let stage = Stage::new();
    bring(&stage, &data, "es_trades_with_bars/ESU4_trades.csv", "trades.csv");
    bring(&stage, &data, "es_trades_with_bars/ESU4_NQU4_ohlcv_1m.csv", "bars.csv");
    let import = stage.json(
        0,
        "import trades.csv --kind ticks --symbol ESU4 --calendar always --json \
         --map time=ts_event_ns:ns,recv_time=ts_recv_ns:ns,price=price_1e9:1e9,qty=size",
    );
    assert_eq!((number(&import["events"]), number(&import["rejected"])), (120, 0));
    let (mut matched, mut exact) = (0, 0);
    for (date, from, to) in [("2024-07-01", "23:58", "2024-07-02T00:00Z"), ("2024-07-02", "00:00", "00:02")] {
        let recon = stage.json(
            0,
            &format!(
                "recon --date {date} --source bars.csv --calendar always --tz UTC --symbols ESU4 --strict --json \
                 --from {from} --to {to} --map time=ts_open_ns:ns,symbol=symbol,open=open_1e9:1e9,high=high_1e9:1e9,\
                 low=low_1e9:1e9,close=close_1e9:1e9,volume=volume"
            ),
        );
        matched += number(&recon["matched"]);
        exact += number(&recon["exact"]["volume"]);
        assert_eq!(stage.json(0, &format!("replay --date {date} --verify --json"))["differences"], 0);
    }
    assert_eq!((matched, exact), (4, 4), "minutes that match in open, high, low, close and volume");
}

#[test]
fn aig_trades_make_the_vendors_seconds_and_minutes() {
    let Some(data) = shared_data("aig_trades") else { return };
    let stage = Stage::new();
    for kind in ["tick", "second", "minute"] {
        bring(&stage, &data, &format!("us_trades_with_bars/aig_20131007_{kind}_trade.zip"), &format!("{kind}.zip"));
    }
    stage.write(
        "conditions.toml",
        "[[rule]]\nmask = \"0x20\"\neffects = [\"no_ohlc\", \"no_open\", \"volume_to_previous\"]\n\
         [[rule]]\nmask = \"0x40002c0\"\neffects = [\"no_ohlc\", \"no_open\"]\n",
    );
    let day = "--date 2013-10-07 --calendar always --tz America/New_York --no-header --symbol AIG --json";
    let import = stage.json(
        0,
        &format!(
            "import tick.zip --kind ticks --conditions conditions.toml {day} \
             --map time=1:ms_of_day,price=2:1e4,qty=3,condition=5:hex"
        ),
    );
    assert_eq!((number(&import["events"]), number(&import["rejected"])), (25_351, 0));
    let map = "--map time=1:ms_of_day,open=2:1e4,high=3:1e4,low=4:1e4,close=5:1e4,volume=6";
    let run = |source: &str, tf: &str| {
        stage.json(1, &format!("recon --source {source}.zip --tf {tf} --from 09:30 --to 16:00 --strict {day} {map}"))
    };
    let seconds = run("second", "1s");
    eprintln!("AIG 1s: {seconds}");
    let (both, prices) = (number(&seconds["exact"]["of"]), number(&seconds["exact"]["ohlc"]));
    assert_eq!(both + number(&seconds["missing_internal"]), 3_863);
    assert!(prices >= 3_862, "1s OHLC identical in {prices} of 3,863");
    assert!(number(&seconds["matched"]) >= 3_839, "1s OHLC and volume identical in {}", seconds["matched"]);
    let minutes = run("minute", "1");
    eprintln!("AIG 1m: {minutes}");
    let prices = number(&minutes["exact"]["ohlc"]);
    assert!(prices >= 387, "1m OHLC identical in {prices} of 389");
    let volumes = number(&minutes["exact"]["volume"]);
    assert!(volumes >= 252, "1m volume identical in {volumes} of 389");
    assert_eq!(stage.json(0, "replay --verify --json")["differences"], 0);
}

#[test]
fn hdfcbank_ticks_agree_with_independent_minutes() {
    let Some(data) = shared_data("hdfcbank") else { return };
    let stage = Stage::new();
    bring(&stage, &data, "nse_ticks/HDFCBANK_2021-06-04.csv", "ticks.csv");
    bring(&stage, &data, "bars_1m_reference/HDFCBANK_2021-06-04_0907-1114.csv", "bars.csv");
    let import = stage.json(0, &format!("import ticks.csv --symbol HDFCBANK --trade-rule all {NSE_MAP}"));
    for (what, expected) in [("events", 19_840), ("steps_back", 109), ("duplicates", 748), ("rejected", 0)] {
        assert_eq!(number(&import[what]), expected, "{what}");
    }
    let recon = stage.json(1, "recon --date 2021-06-04 --source bars.csv --from 09:16 --to 11:15 --json");
    eprintln!("HDFCBANK 1m: {recon}");
    let exact = |field: &str| number(&recon["exact"][field]);
    assert_eq!(exact("of"), 119);
    for (field, floor) in [("open", 109), ("high", 118), ("low", 112), ("close", 110)] {
        assert!(exact(field) >= floor, "{field} exact in {} of 119", exact(field));
    }
    assert_eq!(number(&recon["inside_range"]), 119);
    assert_eq!(recon["volume_internal"], recon["volume_broker"]);
    assert_eq!(stage.json(0, "replay --verify --json")["differences"], 0);
    let explained = stage.json(0, "explain bar HDFCBANK '2021-06-04 09:16' --json");
    assert_eq!(explained["agrees"], true);
}

#[test]
fn every_bar_of_icicibank_is_explained_by_its_ticks_and_the_days_volume_adds_up() {
    let Some(data) = shared_data("icicibank") else { return };
    let stage = Stage::new();
    bring(&stage, &data, "nse_ticks/ICICIBANK_2021-06-04.csv", "ticks.csv");
    let import = stage.json(0, &format!("import ticks.csv --symbol ICICIBANK {NSE_MAP}"));
    assert_eq!((number(&import["events"]), number(&import["steps_back"])), (19_820, 104));
    assert_eq!(stage.json(0, "replay --verify --json")["differences"], 0);
    for (tf, time) in [("1s", "09:15:50"), ("1", "12:00"), ("3", "12:00"), ("15", "14:40"), ("60", "10:30")] {
        let explained = stage.json(0, &format!("explain bar ICICIBANK '2021-06-04 {time}' --tf {tf} --json"));
        assert_eq!(explained["agrees"], true, "{tf} {time}");
    }
}
