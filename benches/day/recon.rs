//! `barkeep recon` of 75,000 bars: the process from its start to its end, on a tape that is warm and a broker's CSV that
//! is not on it yet.

use std::path::Path;

use crate::{binary, files, measure};

pub fn main() {
    let files = files::folder();
    let (ticks, bars) = (files.join("ticks.csv"), files.join("bars_b.csv"));
    let folder = measure::scratch();
    let tape = folder.path().join("tape");
    let import = ["import", path(&ticks), "--kind", "ticks", "--map", files::TICKS_MAP];
    binary::run(&tape, &import, 0);
    let recon =
        ["recon", "--date", "2026-11-20", "--source", path(&bars), "--map", "time=time:s", "--strict", "--json"];
    let mut check = String::new();
    let seconds = measure::median(5, || {
        let copied = tempfile::tempdir_in(folder.path()).expect("a folder");
        binary::copy(&tape, copied.path());
        let mut printed = String::new();
        let seconds = measure::seconds(|| printed = binary::run(copied.path(), &recon, 1));
        check = counts(&printed);
        seconds
    });
    let note = "the whole process: the broker's bars onto the tape, compared, the differences onto the tape";
    measure::time("compare, from CSV", seconds, note, &check);
}

fn path(path: &Path) -> &str {
    path.to_str().expect("a path of letters")
}

/// As the peers say it; a bar with another price and one with another volume are both different.
fn counts(report: &str) -> String {
    let report: serde_json::Value = serde_json::from_str(report).expect("a report");
    let [matched, price, volume, ours, theirs] =
        ["matched", "price", "volume", "missing_broker", "missing_internal"].map(|name| report[name].as_u64());
    let different = price.zip(volume).map(|(price, volume)| price + volume);
    let [Some(equal), Some(different), Some(ours), Some(theirs)] = [matched, different, ours, theirs] else {
        panic!("no report of a reconciliation: {report}");
    };
    files::counts(equal, different, ours, theirs)
}
