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

/// Kite's own candles as our bars, and a copy of them with an edit of each kind as the broker's: the report says of every
/// edit what it is, and of nothing else.
#[test]
fn kites_candles_of_2016_against_themselves_with_planted_edits() {
    let Some(data) = shared_data("kite_candles") else { return };
    let stage = Stage::new();
    let header = "time,symbol,open,high,low,close,volume\n";
    let (mut ours, mut theirs) = (header.to_owned(), header.to_owned());
    let mut expected = Vec::new();
    for symbol in ["HDFCBANK", "ICICIBANK"] {
        let text = fs::read_to_string(data.join(format!("kite_candles/{symbol}.csv"))).expect("candles");
        for line in text.lines().skip(1) {
            let cells: Vec<&str> = line.split(',').map(str::trim).collect();
            let [time, prices @ .., volume] = cells.as_slice() else { panic!("{line}") };
            let prices: Vec<f64> = prices.iter().map(|price| price.parse().expect("a price")).collect();
            let [open, high, low, close] = prices[..] else { panic!("{line}") };
            let volume: i64 = volume.parse().expect("shares");
            let row = |prices: [f64; 4], volume: i64| {
                let [o, h, l, c] = prices;
                format!("{time},{symbol},{o:.2},{h:.2},{l:.2},{c:.2},{volume}\n")
            };
            let (raw, clock) = ([open, high, low, close], &time[11..16]);
            ours += &row(raw, volume);
            let mut plant = |status: &str, cause: &str| expected.push(format!("{symbol} {clock} {status} {cause}"));
            theirs += &match (symbol, clock) {
                // A dividend of a tenth: every price, and the shares with it.
                ("ICICIBANK", _) => {
                    plant("price", "corporate_action");
                    row(raw.map(|price| price / 1.1), volume * 11 / 10)
                }
                // The broker saw an extreme that no snapshot of ours did.
                (_, "10:05") => {
                    plant("price", "conflation");
                    row([open, high + 5.0, low, close], volume)
                }
                // It saw less than we did, which nothing explains.
                (_, "10:20") => {
                    plant("price", "unexplained");
                    row([open - 60.0, high, low - 60.0, close], volume)
                }
                (_, "11:00") => {
                    plant("volume", "unexplained");
                    row(raw, volume + 20_000)
                }
                // Shares of one minute in the next.
                (_, "12:00") => {
                    plant("volume", "volume_boundary");
                    row(raw, volume + 400)
                }
                (_, "12:01") => {
                    plant("volume", "volume_boundary");
                    row(raw, volume - 400)
                }
                // Three minutes that it lacks in one piece, and one alone.
                (_, "11:30" | "11:31" | "11:32") => {
                    plant("missing_broker", "broker_incomplete");
                    String::new()
                }
                (_, "14:10") => {
                    plant("missing_broker", "unexplained");
                    String::new()
                }
                // Within tolerance: a tick, two shares.
                (_, "13:00") => row([open, high + 0.05, low, close], volume + 2),
                (_, _) => row(raw, volume),
            };
        }
    }
    theirs += "2016-09-30 15:31:00,HDFCBANK,1275,1275,1275,1275,500\n";
    expected.push("HDFCBANK 15:31 missing_internal unexplained".to_owned());
    stage.write("ours.csv", &ours);
    stage.write("broker.csv", &theirs);
    stage.expect(0, "import ours.csv --kind bars --as internal");
    let report = stage
        .expect(1, "recon --date 2016-09-30 --source broker.csv --tolerance 'price=1tick,3bp;volume=3%,100,0%day'");
    eprintln!("{report}");
    stage.expect(0, "export --kind recon --date 2016-09-30 --out found.csv");
    let found = fs::read_to_string(stage.path("found.csv")).expect("rows");
    let mut found: Vec<String> = found.lines().skip(1).map(told).collect();
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected);
    // A command to be copied is as long as its folder.
    let wide: Vec<&str> = report.lines().filter(|line| line.len() > 80 && !line.starts_with("  barkeep ")).collect();
    assert_eq!(wide, Vec::<&str>::new(), "wider than a screen");
    for told in [
        "matched            366  48.7% (366 of 751) within tolerance",
        "corporate_action    375  the broker's prices are adjusted by a factor",
        "HDFCBANK 11:30 to 11:32, 3 bars missing on the broker's side",
        "ICICIBANK xxxxxxxxxx",
        "Advice: reconcile without the symbols that the broker adjusted (--symbols).",
        "barkeep heal --date 2016-09-30",
    ] {
        assert!(report.contains(told), "{told} is not in\n{report}");
    }
    assert_eq!(report.matches(", corporate_action\n").count(), 1, "one row stands for all that are adjusted");
    // Raw bars are never healed with adjusted ones, not even when forced; the other symbol alone can be healed.
    stage.refused("heal --date 2016-09-30 --apply --force");
    let alone = "--symbols HDFCBANK --tolerance 'price=1tick,3bp;volume=3%,100,0%day'";
    stage.expect(1, &format!("recon --date 2016-09-30 --source broker.csv {alone}"));
    // A coarser bar of ours over the minute that is to come: without a session nobody knows how it was cut.
    stage.write("five.csv", &format!("{header}2016-09-30 15:30:00,HDFCBANK,1275,1275,1275,1275,500\n"));
    stage.expect(0, "import five.csv --kind bars --as internal --tf 5");
    let plan = stage.expect(1, "heal --date 2016-09-30 --force");
    assert!(plan.contains("1 coarser bar brought in as our own"), "{plan}");
    let healed = stage.json(1, "heal --date 2016-09-30 --apply --force --json");
    assert_eq!(number(&healed["coarse_left"]), 1);
    let minutes = healed["corrections"].as_array().expect("corrections");
    assert_eq!(minutes.len(), 1, "what the broker alone has: {minutes:?}");
    assert_eq!(number(&healed["again"]["missing_internal"]), 0);
    let again = stage.json(1, &format!("recon --date 2016-09-30 --source broker.csv --json {alone}"));
    assert_eq!((number(&again["healed"]), number(&again["unhealed"])), (1, 9));
}

/// Symbol, time in IST, status and cause of a row of an export.
fn told(row: &str) -> String {
    let cells: Vec<&str> = row.split(',').collect();
    let minute = (cells[3].parse::<i64>().expect("epoch seconds") + 19_800) / 60 % 1_440;
    format!("{} {:02}:{:02} {} {}", cells[2], minute / 60, minute % 60, cells[5], cells[6])
}
