//! Recorded markets beside the project: run when `BARKEEP_SHARED_DATA` names their folder.

use std::path::{Path, PathBuf};

use barkeep_schemas::{FileKind, SessionDate};
use jiff::tz::TimeZone;

use crate::ingestion::files::{Entry, FileOptions, Format, Mapping, Merge, Scan, scan};

/// The folder, or a line that says what was skipped.
fn data(test: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("BARKEEP_SHARED_DATA").map(PathBuf::from);
    if folder.is_none() {
        println!("skipped: {test} (BARKEEP_SHARED_DATA is not set)");
    }
    folder
}

fn options(format: Format, kind: FileKind, zone: &str, symbol: Option<&str>, map: &str) -> FileOptions {
    let mut options = FileOptions::new(format, kind, TimeZone::get(zone).unwrap());
    options.mapping = (!map.is_empty()).then(|| Mapping::parse(map).unwrap());
    options.symbols = symbol.map(str::to_owned).into_iter().collect();
    options
}

/// Scans and reads one file: the second reading must agree with the first.
fn both(path: &Path, options: &FileOptions) -> (Scan, Vec<Entry>) {
    let files = [path];
    let scan = scan(&files, options, |_| {}).unwrap();
    let entries = Merge::open_scanned(&files, options, &scan).and_then(super::all).unwrap();
    assert_eq!(entries.len() as u64, scan.rows());
    (scan, entries)
}

/// Rows, rejected, duplicates, steps back, dates.
fn counts(scan: &Scan) -> (u64, u64, u64, u64, usize) {
    (scan.rows(), scan.rejected(), scan.duplicates(), scan.steps_back(), scan.dates.len())
}

const ES_BARS: &str = "time=ts_open_ns:ns,open=open_1e9:1e9,high=high_1e9:1e9,low=low_1e9:1e9,close=close_1e9:1e9,\
                       volume=volume,symbol=symbol";

#[test]
fn ticks_of_nse_are_read_whole_with_their_dirt() {
    let Some(data) = data("ticks_of_nse_are_read_whole_with_their_dirt") else { return };
    let map = "time=timestamp,price=ltp,cum_volume=volume";
    let options = options(Format::Csv, FileKind::Ticks, "Asia/Kolkata", Some("HDFCBANK"), map);
    let (scan, _) = both(&data.join("nse_ticks/HDFCBANK_2021-06-04.csv"), &options);
    assert_eq!(counts(&scan), (19_840, 0, 748, 109, 1));
    assert_eq!(scan.dates[0].date, SessionDate::from_ymd(2021, 6, 4).unwrap());
    assert_eq!(scan.dates[0].earliest_ns, (9 * 3_600 + 15 * 60 + 49) * 1_000_000_000);
}

#[test]
fn zipped_trades_of_new_york_are_read_whole() {
    let Some(data) = data("zipped_trades_of_new_york_are_read_whole") else { return };
    let map = "time=1:ms_of_day,price=2:1e4,qty=3,condition=5:hex";
    let mut options = options(Format::Csv, FileKind::Ticks, "America/New_York", Some("AIG"), map);
    options.has_header = false;
    options.date = SessionDate::from_ymd(2013, 10, 7);
    let (scan, entries) = both(&data.join("us_trades_with_bars/aig_20131007_tick_trade.zip"), &options);
    assert_eq!((scan.rows(), scan.rejected(), scan.dates.len()), (25_351, 0, 1));
    assert!(entries.iter().any(|entry| matches!(entry, Entry::Tick(tick) if tick.condition == 0x2000_2020)));
    let map = "time=1:ms_of_day,open=2:1e4,high=3:1e4,low=4:1e4,close=5:1e4,volume=6";
    options.kind = FileKind::Bars;
    options.mapping = Mapping::parse(map).ok();
    for name in ["minute", "second"] {
        let (scan, _) = both(&data.join(format!("us_trades_with_bars/aig_20131007_{name}_trade.zip")), &options);
        assert_eq!((scan.rejected(), scan.dates.len()), (0, 1), "{name}");
    }
}

#[test]
fn trades_and_bars_in_nanoseconds_are_read_whole() {
    let Some(data) = data("trades_and_bars_in_nanoseconds_are_read_whole") else { return };
    let map = "time=ts_event_ns:ns,recv_time=ts_recv_ns:ns,price=price_1e9:1e9,qty=size";
    let trades = options(Format::Csv, FileKind::Ticks, "UTC", Some("ESU4"), map);
    let (scan, _) = both(&data.join("es_trades_with_bars/ESU4_trades.csv"), &trades);
    assert_eq!((scan.rows(), scan.rejected(), scan.dates.len()), (120, 0, 2));
    let bars = options(Format::Csv, FileKind::Bars, "UTC", None, ES_BARS);
    let (scan, _) = both(&data.join("es_trades_with_bars/ESU4_NQU4_ohlcv_1m.csv"), &bars);
    assert_eq!(scan.rejected(), 0);
    assert_eq!(scan.symbols.iter().map(|s| s.symbol.as_str()).collect::<Vec<_>>(), ["ESU4", "NQU4"]);
}

#[test]
fn candles_are_read_whole_without_a_mapping() {
    let Some(data) = data("candles_are_read_whole_without_a_mapping") else { return };
    let bars = |symbol| options(Format::Csv, FileKind::Bars, "Asia/Kolkata", symbol, "");
    let (scan, _) = both(&data.join("kite_candles/HDFCBANK.csv"), &bars(Some("HDFCBANK")));
    assert_eq!(counts(&scan), (375, 0, 0, 0, 1));
    let (scan, _) = both(&data.join("bars_1m_reference/HDFCBANK_2021-06-04_0907-1114.csv"), &bars(None));
    assert_eq!((scan.rejected(), scan.symbols[0].symbol.as_str()), (0, "HDFCBANK"));
    let kite = options(Format::Kite, FileKind::Bars, "Asia/Kolkata", Some("HDFCBANK"), "");
    let (scan, _) = both(&data.join("kite_mocks/historical_minute.json"), &kite);
    assert_eq!(counts(&scan), (6, 0, 0, 0, 1));
}
