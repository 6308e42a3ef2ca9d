//! Over recorded markets that nobody here wrote: runs where `BARKEEP_SHARED_DATA` names their folder.

use std::path::Path;

use clap::Parser;

use super::{Context, Line, Report, counts};
use crate::cli::recon::{import, reconcile};
use crate::orchestrator::config::Config;

/// The vendor's flags of trades that never move a price, and of the one kind whose volume goes to the bar before.
const CONDITIONS: &str = "[[rule]]\nmask = \"0x40002e0\"\neffects = [\"no_ohlc\", \"no_open\"]\n\
                          [[rule]]\nmask = \"0x20\"\neffects = [\"volume_to_previous\"]\n";

#[derive(Parser)]
struct ImportLine {
    #[command(flatten)]
    args: import::Args,
}

/// Runs `import` and then `recon` over files below the folder; `None`, said by name, where there is no folder.
fn reconciled(name: &str, imports: &[&str], recon: &str) -> Option<Report> {
    let Ok(folder) = std::env::var("BARKEEP_SHARED_DATA") else {
        eprintln!("skipped: {name}: BARKEEP_SHARED_DATA names no folder");
        return None;
    };
    let folder = std::fs::canonicalize(&folder).unwrap_or_else(|error| panic!("{folder}: {error}"));
    let root = tempfile::tempdir().unwrap();
    std::fs::write(root.path().join("conditions.toml"), CONDITIONS).unwrap();
    let conditions = root.path().join("conditions.toml").display().to_string();
    let context = Context { config: Config::builtin().unwrap(), dir: barkeep_storage::DataDir::new(root.path()) };
    for line in imports {
        let line = &line.replace("CONDITIONS", &conditions);
        import::run(&ImportLine::try_parse_from(words("import", line, &folder)).unwrap().args, &context).unwrap();
    }
    let line = Line::try_parse_from(words("recon", recon, &folder)).unwrap();
    let outcome = reconcile(&line.args, &context).unwrap();
    println!("{}", super::super::text::report(&outcome));
    Some(outcome.report)
}

/// The words of a command line; those with a `/` are files below the folder.
fn words(command: &str, line: &str, folder: &Path) -> Vec<String> {
    let file = |word: &str| folder.join(word).display().to_string();
    let is_file = |word: &str| word.contains('/') && word.contains('.');
    let words = line.split_whitespace().map(|word| if is_file(word) { file(word) } else { word.to_owned() });
    std::iter::once(command.to_owned()).chain(words).collect()
}

#[test]
fn nse_ticks_rebuild_the_independent_minutes() {
    let Some(report) = reconciled(
        "nse_ticks_rebuild_the_independent_minutes",
        &[
            "nse_ticks/HDFCBANK_2021-06-04.csv --kind ticks --symbol HDFCBANK --map time=timestamp,price=ltp,cum_volume=volume",
        ],
        "--date 2021-06-04 --source bars_1m_reference/HDFCBANK_2021-06-04_0907-1114.csv --map time=datetime \
         --from 09:16 --to 11:15",
    ) else {
        return;
    };
    // The file of ticks begins within 09:15, so that minute is left out.
    let exact = report.exact;
    assert_eq!([exact.open, exact.high, exact.low, exact.close, exact.of], [109, 118, 112, 110, 119]);
    assert_eq!((report.inside_range, report.volume_internal), (119, report.volume_broker));
    assert!(report.price_error_bp < 6.3, "{report:?}");
}

#[test]
fn trades_rebuild_the_vendors_minutes() {
    let Some(report) = reconciled(
        "trades_rebuild_the_vendors_minutes",
        &[
            "us_trades_with_bars/aig_20131007_tick_trade.zip --kind ticks --symbol AIG --no-header --calendar always --tz \
           America/New_York --date 2013-10-07 --map time=1:ms_of_day,price=2:1e4,qty=3,condition=5:hex \
             --conditions CONDITIONS",
        ],
        "--date 2013-10-07 --source us_trades_with_bars/aig_20131007_minute_trade.zip --symbol AIG --no-header --calendar \
         always --tz America/New_York --from 09:30 --to 16:00 \
         --map time=1:ms_of_day,open=2:1e4,high=3:1e4,low=4:1e4,close=5:1e4,volume=6",
    ) else {
        return;
    };
    // Of the vendor's volume rule little is known: 252 of 389 minutes are what a simple builder reaches.
    let exact = report.exact;
    assert_eq!((report.compared, report.rejected), (389, 0));
    assert_eq!([exact.open, exact.high, exact.low, exact.close, exact.of], [389, 389, 389, 387, 389]);
    assert!(exact.volume >= 252, "{exact:?}");
}

#[test]
fn a_brokers_own_candles_match_themselves() {
    let files = "kite_candles/HDFCBANK.csv --symbol HDFCBANK --map time=Date,open=Open,high=High,low=Low,close=Close,volume=Volume";
    let Some(report) = reconciled(
        "a_brokers_own_candles_match_themselves",
        &[&format!("{files} --kind bars --as internal")],
        &format!("--source {files} --date 2016-09-30 --strict"),
    ) else {
        return;
    };
    assert_eq!(counts(&report), [375, 375, 0, 0, 0, 0]);
}
